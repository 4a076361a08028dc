//! Writes the sample of each format into its corpus, once for each way of reading, and prints the formats' names.

use std::fs;
use std::path::{Path, PathBuf};
use thalweg::data::FORMATS;
use thalweg_fuzz::{SHARD_KINDS, write_shards};

fn main() -> std::io::Result<()> {
    for format in FORMATS {
        let (_, sample) = &(format.sample)()[0];
        for how in [0u8, 1, 2, 3, 6, 25] {
            put(format.name, how, sample)?;
        }
        println!("{}", format.name);
    }
    for (kind, at) in SHARD_KINDS.into_iter().zip(0u8..) {
        let folder: PathBuf = Path::new("target/shards").join(at.to_string());
        for (path, file) in write_shards(&folder, kind).iter().zip(0u8..) {
            put("shards", 2 * at + file, &fs::read(path)?)?;
        }
        fs::remove_dir_all(folder)?;
    }
    println!("shards");
    Ok(())
}

fn put(format: &str, how: u8, sample: &[u8]) -> std::io::Result<()> {
    let folder = Path::new("corpus").join(format);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("sample-{how}")), [&[how], sample].concat())
}
