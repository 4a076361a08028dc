//! Ranks as threads of one process.

use super::Comm;
use crate::Error;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

/// One of several threads that are ranks.
pub struct ThreadRank {
    rank: usize,
    to: Vec<Sender<Vec<u8>>>,
    from: Vec<Mutex<Receiver<Vec<u8>>>>,
}

/// Runs `work` on each of `size` ranks, and returns what they found, in their order.
pub fn thread_ranks<R: Send>(size: usize, work: impl Fn(&dyn Comm) -> R + Sync) -> Vec<R> {
    let mut ranks: Vec<ThreadRank> = (0..size).map(|rank| ThreadRank { rank, to: Vec::new(), from: Vec::new() }).collect();
    for to in 0..size {
        for from in 0..size {
            let (sender, receiver) = channel();
            ranks[from].to.push(sender);
            ranks[to].from.push(Mutex::new(receiver));
        }
    }
    let work = &work;
    std::thread::scope(|scope| {
        let begun: Vec<_> = ranks.into_iter().map(|rank| scope.spawn(move || work(&rank))).collect();
        begun.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

impl Comm for ThreadRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn exchange(&self, to: usize, sent: &[u8], from: usize, received: &mut [u8]) -> Result<(), Error> {
        self.to[to].send(sent.to_vec()).map_err(|_| Error::Peer { rank: to })?;
        let message = self.from[from].lock().map_err(|_| Error::Peer { rank: from })?.recv();
        match message {
            // one that has failed in the middle is at something else
            Ok(message) if message.len() == received.len() => received.copy_from_slice(&message),
            _ => return Err(Error::Peer { rank: from }),
        }
        Ok(())
    }
}
