//! How much is sent.

use super::Comm;
use crate::Error;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

/// What one rank has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A connection that counts what goes through it.
pub struct Counted<'a> {
    comm: &'a dyn Comm,
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl<'a> Counted<'a> {
    /// Nothing is counted yet.
    pub fn new(comm: &'a dyn Comm) -> Self {
        Counted { comm, messages: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// What this rank has sent so far.
    pub fn traffic(&self) -> Traffic {
        Traffic { messages: self.messages.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }
}

impl Comm for Counted<'_> {
    fn rank(&self) -> usize {
        self.comm.rank()
    }

    fn size(&self) -> usize {
        self.comm.size()
    }

    fn exchange(&self, to: usize, sent: &[u8], from: usize, received: &mut [u8]) -> Result<(), Error> {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(sent.len() as u64, Ordering::Relaxed);
        self.comm.exchange(to, sent, from, received)
    }
}
