//! Matrices on disk, a block of rows in memory at a time.

mod ahead;
mod block;
mod listed;
mod npy;
mod on_disk;
mod shards;
mod sort;
mod without;
mod write;

pub use ahead::ReadAhead;
pub use listed::shard;
pub use on_disk::OnDisk;
pub use shards::{ShardKind, Shards};
pub use without::WithoutEntries;
pub use write::{Origin, ShardWriter};
