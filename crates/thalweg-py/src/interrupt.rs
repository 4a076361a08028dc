//! Work without the interpreter lock, which Ctrl-C can end.

use crate::errors::raised;
use pyo3::{PyErr, PyResult, Python};
use std::num::NonZero;
use std::panic;
use std::sync::Arc;
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

/// How many threads are meant: all cores where nothing is said.
pub fn thread_count(asked: Option<usize>) -> PyResult<usize> {
    match asked {
        Some(0) => Err(raised(Error::Parameter { name: "threads", expected: "at least 1".into(), got: "0".into() })),
        Some(count) => Ok(count),
        None => Ok(thread::available_parallelism().map_or(1, NonZero::get)),
    }
}

/// After how long a run ends, where it was given a limit.
pub fn time_limit(seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let parse = |seconds| {
        let refuse = |_| Error::Parameter { name: "max_time", expected: "seconds, not negative".into(), got: format!("{seconds}") };
        Duration::try_from_secs_f64(seconds).map_err(refuse)
    };
    seconds.map(parse).transpose().map_err(raised)
}

/// What `work` returns, unless a signal comes: that raises at once. The work sees its flag set and ends in the background, its result dropped.
pub fn interruptible<T: Send + 'static>(py: Python<'_>, threads: usize, work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> PyResult<T> {
    let Ended { value, interrupt } = watched(py, threads, 0, work)?;
    interrupt.map_or_else(|| Ok(value.expect("work that no signal ended has returned")), Err)
}

/// The same for work that returns what it has when its flag is set: a signal waits for it, and a second one raises at once.
pub fn until_stopped<T: Send + 'static>(py: Python<'_>, threads: usize, work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> PyResult<Ended<T>> {
    match watched(py, threads, 1, work)? {
        Ended { value: Some(value), interrupt } => Ok(Ended { value, interrupt }),
        Ended { interrupt, .. } => Err(interrupt.expect("work that no signal ended has returned")),
    }
}

/// Runs `work` on so many threads of its own, so that a forked process is as good as any, and waits for it through so many signals.
fn watched<T: Send + 'static>(
    py: Python<'_>,
    threads: usize,
    signals: usize,
    work: impl FnOnce(&AtomicBool) -> T + Send + 'static,
) -> PyResult<Ended<Option<T>>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|reason| pyo3::exceptions::PyRuntimeError::new_err(reason.to_string()))?;
    let stop = Arc::new(AtomicBool::new(false));
    let (done, wait) = channel();
    let flag = Arc::clone(&stop);
    let worker = thread::spawn(move || {
        let value = pool.install(|| work(&flag));
        // nobody waits any more after a signal
        let _ = done.send(value);
    });
    let ended = py.detach(move || {
        let (mut interrupt, mut left) = (None, signals);
        loop {
            match wait.recv_timeout(LOOK_EVERY) {
                Ok(value) => return Ok(Ended { value: Some(value), interrupt }),
                Err(RecvTimeoutError::Disconnected) => return Err(worker),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let Err(signal) = Python::attach(|py| py.check_signals()) else { continue };
            stop.store(true, Ordering::Relaxed);
            interrupt = Some(signal);
            if left == 0 {
                return Ok(Ended { value: None, interrupt });
            }
            left -= 1;
        }
    });
    // a worker that sent nothing has panicked
    ended.or_else(|worker| panic::resume_unwind(worker.join().expect_err("it ended without a value")))
}
