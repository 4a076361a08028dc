//! What the fuzz targets and their seeds share.

use std::path::{Path, PathBuf};
use thalweg::data::{Origin, ShardKind, ShardWriter};

/// Every kind of shards.
pub const SHARD_KINDS: [ShardKind; 3] = [ShardKind::Sparse, ShardKind::Observed, ShardKind::Weighted];

/// Writes three rows of five columns in one block; the paths of block and record.
pub fn write_shards(folder: &Path, kind: ShardKind) -> [PathBuf; 2] {
    let mut writer = ShardWriter::create(folder, 5, kind, 1 << 20).expect("creates");
    for (columns, values) in [(&[0, 3][..], &[1.5, 0.1][..]), (&[], &[]), (&[1, 2, 4], &[2.0, 0.0, 3.0])] {
        let weights = if kind == ShardKind::Weighted { values } else { &[] };
        writer.row(columns, values, weights).expect("writes");
    }
    writer.finish(Origin::default(), [None, None]).expect("writes");
    ["000000.rows", "shards.json"].map(|name| folder.join(name))
}
