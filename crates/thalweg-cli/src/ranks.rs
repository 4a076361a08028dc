//! The processes that `mpirun` has started, if it has.

use crate::exit::Failure;
use std::time::Duration;
use thalweg::Error;
use thalweg::comm::{Alone, Comm};
#[cfg(feature = "mpi")]
use thalweg_mpi::MpiComm;

/// Which of them this is.
pub enum Ranks {
    /// The only one.
    Alone(Alone),
    /// One of several.
    #[cfg(feature = "mpi")]
    Several(MpiComm),
}

/// In the environment of a process that a launcher started: how many there are. Open MPI, MPICH and those that follow it, MVAPICH.
const COUNTS: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"];
/// How many of them are on this machine.
const LOCAL_COUNTS: [&str; 3] = ["OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_LOCAL_SIZE"];

/// Time in which a launcher ends the ranks of which one has failed, on a busy machine too: that of Open MPI gives them one second to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The count that the launcher tells, 1 where none does.
fn told(names: &[&str]) -> usize {
    names.iter().find_map(|name| std::env::var(name).ok()?.parse().ok()).unwrap_or(1)
}

/// Whether a launcher started this process.
pub fn is_launched() -> bool {
    COUNTS.iter().any(|name| std::env::var_os(name).is_some())
}

/// Ranks on this machine, which share its cores.
pub fn on_this_machine() -> usize {
    told(&LOCAL_COUNTS)
}

impl Ranks {
    /// Joins the others, where there are some.
    pub fn join() -> Result<Self, Failure> {
        match told(&COUNTS) {
            0 | 1 => Ok(Ranks::Alone(Alone)),
            count => Self::join_several(count),
        }
    }

    #[cfg(feature = "mpi")]
    fn join_several(_: usize) -> Result<Self, Failure> {
        let joined = MpiComm::join().ok_or_else(|| Failure::Usage("this MPI does not let one thread after another call it".into()))?;
        Ok(Ranks::Several(joined))
    }

    #[cfg(not(feature = "mpi"))]
    fn join_several(count: usize) -> Result<Self, Failure> {
        Err(Failure::Usage(format!(
            "this program was built without MPI, and each of {count} processes would do the whole work: build it with --features mpi"
        )))
    }

    /// The connection to the others.
    pub fn comm(&self) -> &dyn Comm {
        match self {
            Ranks::Alone(alone) => alone,
            #[cfg(feature = "mpi")]
            Ranks::Several(comm) => comm,
        }
    }

    /// What is not made for several ranks would be done by each of them.
    pub fn refuse_several(&self) -> Result<(), Failure> {
        match (self.comm().size(), self.comm().rank()) {
            (1, _) => Ok(()),
            (_, 0) => Err(Failure::Usage("of all commands only fit, recover, rank, phase and reproduce run on several ranks".into())),
            (_, _) => Err(Failure::Input(Error::Peer { rank: 0 })),
        }
    }

    /// What fails on all ranks alike is told once: the first ends the others while they wait here. What failed on one alone is told late.
    pub fn let_the_first_tell(&self) {
        if self.comm().rank() > 0 {
            std::thread::sleep(PATIENCE);
        }
    }

    /// Ends every rank with this exit code; alone, the code is all there is.
    pub fn end_all(&self, code: u8) -> u8 {
        match self {
            Ranks::Alone(_) => code,
            #[cfg(feature = "mpi")]
            Ranks::Several(comm) => comm.end_all(code),
        }
    }
}
