//! Ranks over the MPI of the system: [`MpiComm`], and nothing else.
//!
//! MPI carries bytes from one rank to another; sums are taken by [`thalweg::comm`] in its own order, so that they are the same bits over
//! every MPI, and over none.

use mpi::environment::{Universe, initialize_with_threading, library_version};
use mpi::point_to_point::{Destination, Source};
use mpi::request::{WaitGuard, scope};
use mpi::topology::Communicator;
use mpi::{Count, Rank, Threading};
use std::sync::{Mutex, PoisonError};
use thalweg::Error;
use thalweg::comm::Comm;

/// The ranks that `mpirun` has started.
///
/// Several threads may hold it; one at a time calls MPI (`MPI_THREAD_SERIALIZED`). When a rank is lost, MPI ends the others.
pub struct MpiComm {
    rank: usize,
    size: usize,
    universe: Mutex<Universe>,
}

/// Bytes of one message: MPI counts in 32 bits.
const MOST_BYTES: usize = 1 << 30;
const _: () = assert!(MOST_BYTES as u64 <= Count::MAX as u64);

impl MpiComm {
    /// Joins the other ranks; alone, if the program was not started by `mpirun`. None if it has joined before, or this MPI does not let one
    /// thread after another call it.
    pub fn join() -> Option<Self> {
        let (universe, provided) = initialize_with_threading(Threading::Serialized)?;
        let world = universe.world();
        let (rank, size) = (world.rank() as usize, world.size() as usize);
        (provided >= Threading::Serialized).then(|| MpiComm { rank, size, universe: Mutex::new(universe) })
    }

    /// Ends all ranks with this exit code, wherever they are.
    ///
    /// Under Open MPI this rank ends without leaving MPI, and the launcher ends the others with its code, as where a rank is lost: `MPI_Abort` would send a
    /// notice first, over which the launcher of 4.1 crashes once in some hundred times. That of MPICH takes the code from `MPI_Abort` alone.
    pub fn end_all(&self, code: u8) -> ! {
        if library_version().is_ok_and(|name| name.starts_with("Open MPI")) {
            std::process::exit(i32::from(code))
        }
        self.universe.lock().unwrap_or_else(PoisonError::into_inner).world().abort(i32::from(code))
    }
}

impl Comm for MpiComm {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn exchange(&self, to: usize, sent: &[u8], from: usize, received: &mut [u8]) -> Result<(), Error> {
        let universe = self.universe.lock().unwrap_or_else(PoisonError::into_inner);
        let world = universe.world();
        let (to, from) = (world.process_at_rank(to as Rank), world.process_at_rank(from as Rank));
        // both ends know the length, and cut the message alike
        scope(|scope| {
            let on_the_way: Vec<_> = sent.chunks(MOST_BYTES).map(|piece| WaitGuard::from(to.immediate_send(scope, piece))).collect();
            for place in received.chunks_mut(MOST_BYTES) {
                from.receive_into(place);
            }
            drop(on_the_way);
        });
        Ok(())
    }
}
