//! The next block is read while this one is worked on.

use crate::Error;
use crate::data::{Matrix, RowBlocks};
use crate::linalg::Real;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Blocks of a file, with the one that is asked for next read ahead on a thread of its own: two are in memory at a time.
///
/// What is asked for out of turn is read when it is asked for.
pub struct ReadAhead<T: Real> {
    from: Arc<dyn RowBlocks<T> + Send>,
    next: Mutex<Option<Reading<T>>>,
}

type Reading<T> = (usize, JoinHandle<Result<Matrix<T>, Error>>);

impl<T: Real> ReadAhead<T> {
    /// Of these blocks.
    pub fn new(from: Arc<dyn RowBlocks<T> + Send>) -> Self {
        ReadAhead { from, next: Mutex::new(None) }
    }

    fn begin(&self, k: usize) -> Reading<T> {
        let from = Arc::clone(&self.from);
        (k, std::thread::spawn(move || from.block(k).map(Cow::into_owned)))
    }
}

impl<T: Real> RowBlocks<T> for ReadAhead<T> {
    fn shape(&self) -> (usize, usize) {
        self.from.shape()
    }

    fn ranges(&self) -> &[Range<usize>] {
        self.from.ranges()
    }

    fn block(&self, k: usize) -> Result<Cow<'_, Matrix<T>>, Error> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match next.take() {
            Some((at, reading)) => {
                // also what is not wanted is waited for: a third block would not fit
                let block = reading.join().expect("reading does not panic");
                if at == k {
                    block
                } else {
                    drop(block);
                    self.from.block(k).map(Cow::into_owned)
                }
            }
            None => self.from.block(k).map(Cow::into_owned),
        }?;
        let count = self.ranges().len();
        if count > 1 {
            *next = Some(self.begin((k + 1) % count));
        }
        Ok(Cow::Owned(found))
    }
}

impl<T: Real> Drop for ReadAhead<T> {
    fn drop(&mut self) {
        if let Some((_, reading)) = self.next.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            // nobody wants it any more, nor what went wrong with it
            let _ = reading.join();
        }
    }
}
