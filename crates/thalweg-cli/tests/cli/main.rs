//! The program as its users meet it: what it prints, writes and exits with.

mod bits;
mod bombs;
mod chains;
mod constraints;
mod desk;
mod documents;
mod exits;
mod faults;
mod flatness;
#[cfg(feature = "net")]
mod guide;
mod help;
mod hostile;
mod inputs;
mod kills;
#[cfg(feature = "net")]
mod net;
mod options;
mod plan;
#[cfg(feature = "mpi")]
mod ranks;
mod recoveries;
mod reproduce;
mod signals;
mod stream;
mod sweeps;
