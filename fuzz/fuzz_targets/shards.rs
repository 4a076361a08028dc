//! Any bytes as the record of a folder of shards, or as a block of rows whose checksum is right: finite numbers or a typed error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use thalweg::Error;
use thalweg::data::{ReadOptions, read};
use thalweg_fuzz::{SHARD_KINDS, write_shards};

const MAX_MEMORY: u64 = 1 << 20;

/// A folder of shards, and its record.
struct Desk {
    folder: tempfile::TempDir,
    block: PathBuf,
    record: PathBuf,
    read: Value,
}

impl Desk {
    fn new(kind: usize) -> Desk {
        let folder = tempfile::tempdir().expect("a folder");
        let [block, record] = write_shards(folder.path(), SHARD_KINDS[kind]);
        let read = serde_json::from_slice(&fs::read(&record).expect("is there")).expect("is JSON");
        Desk { folder, block, record, read }
    }
}

thread_local!(static DESKS: [Desk; 3] = [0, 1, 2].map(Desk::new));

fuzz_target!(|data: &[u8]| {
    // the first byte says which file of which kind it is
    let Some((&how, bytes)) = data.split_first() else { return };
    DESKS.with(|desks| {
        let desk = &desks[usize::from(how >> 1) % 3];
        if how & 1 == 0 {
            let mut record = desk.read.clone();
            record["blocks"][0]["crc32"] = crc32fast::hash(bytes).into();
            fs::write(&desk.block, bytes).expect("writes");
            fs::write(&desk.record, record.to_string()).expect("writes");
        } else {
            fs::write(&desk.record, bytes).expect("writes");
        }
        match read(desk.folder.path(), &ReadOptions { max_memory: MAX_MEMORY, ..ReadOptions::default() }) {
            Ok(data) => {
                let (rows, cols) = data.matrix.shape();
                assert!((0..rows).all(|i| data.matrix.row_entries(i).all(|(j, x, w)| j < cols && x.is_finite() && w >= 0.0)));
            }
            Err(Error::Malformed { found, .. }) => assert!(!found.chars().any(char::is_control)),
            Err(Error::Memory { needed, limit: MAX_MEMORY, .. }) => assert!(needed > MAX_MEMORY),
            Err(other) => panic!("{other:?}"),
        }
    });
});
