//! Work without the interpreter lock, which Ctrl-C can end.

use crate::errors::raised;
use pyo3::{PyErr, PyResult, Python};
use std::num::NonZero;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;
use thalweg::Error;

/// Time between two looks for a signal.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What work returned, and the exception that a signal raised meanwhile.
pub struct Ended<T> {
    pub value: T,
    pub interrupt: Option<PyErr>,
}

impl<T> Ended<T> {
    /// The value, unless a signal came.
    pub fn or_raise(self) -> PyResult<T> {
        self.interrupt.map_or(Ok(self.value), Err)
    }
}

/// How many threads are meant: all cores where nothing is said.
pub fn thread_count(asked: Option<usize>) -> PyResult<usize> {
    match asked {
        Some(0) => Err(raised(Error::Parameter { name: "threads", expected: "at least 1".into(), got: "0".into() })),
        Some(count) => Ok(count),
        None => Ok(thread::available_parallelism().map_or(1, NonZero::get)),
    }
}

/// Runs `work` on so many threads of its own, so that a forked process is as good as any; a signal sets the flag, for `work` to end early.
pub fn interruptible<T: Send>(py: Python<'_>, threads: usize, stop: &AtomicBool, work: impl FnOnce() -> T + Send) -> PyResult<Ended<T>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|reason| pyo3::exceptions::PyRuntimeError::new_err(reason.to_string()))?;
    let ended = py.detach(|| {
        thread::scope(|scope| {
            let (done, wait) = channel::<()>();
            let worker = scope.spawn(move || {
                // dropped when the work is over, even by a panic
                let _done = done;
                pool.install(work)
            });
            let mut interrupt = None;
            while let Err(RecvTimeoutError::Timeout) = wait.recv_timeout(LOOK_EVERY) {
                if let Err(signal) = Python::attach(|py| py.check_signals()) {
                    stop.store(true, Ordering::Relaxed);
                    interrupt = Some(signal);
                }
            }
            worker.join().map(|value| Ended { value, interrupt })
        })
    });
    ended.or_else(|panic| panic::resume_unwind(panic))
}
