//! SIGINT and SIGTERM end a run at its next iteration; a second one ends the program at once.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Set by a signal.
pub struct Interrupt {
    /// True once a signal came.
    pub flag: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Listens from now on.
    pub fn listen() -> Self {
        let interrupt = Interrupt { flag: Arc::default(), signal: Arc::default() };
        for signal in [SIGINT, SIGTERM] {
            // in this order: the first signal finds the flag unset
            let ends = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&interrupt.flag));
            let notes = flag::register_usize(signal, Arc::clone(&interrupt.signal), signal as usize);
            let sets = flag::register(signal, Arc::clone(&interrupt.flag));
            // without handlers a signal ends the program as it always did
            let _ = (ends, notes, sets);
        }
        interrupt
    }

    /// 130 or 143 once a signal came.
    pub fn exit_code(&self) -> Option<u8> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(128 + signal as u8),
        }
    }
}
