//! A matrix on disk, block by block, is the matrix that is read whole.

use rand::RngExt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use thalweg::certificate::{penalised_stationarity, stationarity_in_blocks};
use thalweg::data::{
    BlocksInMemory, Dense, Duplicates, FORMATS, Layout, Matrix, Missing, Observed, OnDisk, Origin, Precision, ReadAhead, ReadOptions, RowBlocks,
    ShardKind, ShardWriter, Sparse, Triplet, WithoutEntries, hold_out, hold_out_of_blocks, read, shard, stream,
};
use thalweg::linalg::Real;
use thalweg::problem::{Constraints, Nmf, Penalty};
use thalweg::{Error, Factors};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Every entry with its place and weight, block after block.
fn entries<T: Real>(blocks: &dyn RowBlocks<T>) -> Result<Vec<(usize, usize, f64, f64)>, Error> {
    let mut all = Vec::new();
    for (k, rows) in blocks.ranges().iter().enumerate() {
        let block = blocks.block(k)?;
        assert_eq!(block.shape(), (rows.len(), blocks.shape().1));
        for i in 0..rows.len() {
            all.extend(block.row_entries(i).map(|(j, x, w)| (rows.start + i, j, x.f64(), w.f64())));
        }
    }
    Ok(all)
}

fn entries_of(matrix: &Matrix) -> Vec<(usize, usize, f64, f64)> {
    (0..matrix.shape().0).flat_map(|i| matrix.row_entries(i).map(move |(j, x, w)| (i, j, x, w))).collect()
}

/// Lines of triplets in no order, many for one place, under sparse ids.
fn ratings(lines: usize, seed: u64) -> String {
    let mut rng = stream(seed, 0);
    (0..lines)
        .map(|_| format!("{}::{}::{}\n", 7 * rng.random_range(0..300u32), rng.random_range(0..90u32), rng.random_range(1..11u32) as f64 / 2.0))
        .collect()
}

fn market(lines: usize, symmetry: &str) -> String {
    let mut rng = stream(3, 0);
    let body: String =
        (0..lines).map(|_| format!("{} {} {}\n", 1 + rng.random_range(0..120u32), 1 + rng.random_range(0..120u32), rng.random::<f64>())).collect();
    format!("%%MatrixMarket matrix coordinate real {symmetry}\n% made for a test\n120 120 {lines}\n{body}")
}

#[test]
fn shards_hold_what_reading_finds() {
    let scratch = folder();
    let mut files: Vec<(PathBuf, ReadOptions)> = Vec::new();
    for format in FORMATS {
        let samples = (format.sample)();
        for (name, bytes) in &samples {
            let path = scratch.path().join(name);
            fs::create_dir_all(path.parent().expect("inside")).expect("creates");
            fs::write(&path, bytes).expect("writes");
        }
        let root = scratch.path().join(samples[0].0.split('/').next().expect("a first part"));
        for missing in [Missing::Absent, Missing::Zero] {
            files.push((root.clone(), ReadOptions { missing, ..ReadOptions::default() }));
        }
    }
    // in memory, and through runs on disk: 12 000 entries take more than half of 256 KiB
    for (name, text) in [
        ("many.dat", ratings(12_000, 1)),
        ("many.mtx", market(12_000, "general")),
        ("symmetric.mtx", market(9000, "symmetric")),
        ("skew.mtx", market(1, "skew-symmetric")),
    ] {
        fs::write(scratch.path().join(name), text).expect("writes");
        for max_memory in [256 << 10, 1 << 30] {
            for transpose in [false, true] {
                let options = ReadOptions { missing: Missing::Zero, transpose, max_memory, layout: Layout::Auto, ..ReadOptions::default() };
                files.push((scratch.path().join(name), options));
            }
        }
    }
    let mut sharded = 0;
    for (at, (path, options)) in files.iter().enumerate() {
        let Ok(whole) = read(path, &ReadOptions { max_memory: 1 << 30, ..options.clone() }) else { continue };
        let to = scratch.path().join(format!("{at}.shards"));
        let what = format!("{} with {:?}", path.display(), options.missing);
        match shard(path, &to, options) {
            Err(Error::Parameter { .. }) if whole.matrix.kind() == "dense" => continue,
            made => made.unwrap_or_else(|e| panic!("{what}: {e}")),
        };
        sharded += 1;
        let disk = OnDisk::open(&to, &ReadOptions::default()).expect("opens");
        assert_eq!((disk.shape(), disk.kind()), (whole.matrix.shape(), whole.matrix.kind()), "{what}");
        assert!(entries::<f64>(&disk).expect("reads") == entries_of(&whole.matrix), "{what}");
        assert!(entries::<f32>(&disk).expect("reads").len() == entries_of(&whole.matrix).len(), "{what}");
        assert_eq!(disk.passes(), 2.0);
        let again = read(&to, &ReadOptions::default()).expect("reads whole");
        assert!(
            entries_of(&again.matrix) == entries_of(&whole.matrix) && again.sha256 == disk.sha256() && again.row_labels == whole.row_labels,
            "{what}"
        );
        let shards = disk.shards().expect("shards");
        assert_eq!(shards.labels(1 << 20).expect("labels"), [whole.row_labels, whole.col_labels], "{what}");
        assert!(options.max_memory > 1 << 20 || shards.stored() < 5000 || shards.blocks() > 1, "{what}");
        assert_eq!(shards.origin().sha256, whole.sha256, "{what}");
        assert!(shards.origin().notes.iter().all(|note| whole.notes.contains(note)), "{:?} {:?}", shards.origin().notes, whole.notes);
    }
    assert!(sharded >= 20, "{sharded}");
}

#[test]
fn arrays_are_read_row_by_row() {
    let scratch = folder();
    let (m, n) = (37, 11);
    let values: Vec<f64> = (0..m * n).map(|k| f64::from(k as u32) / 8.0).collect();
    let whole = Matrix::Dense(Dense::new(m, n, values.clone()).expect("fits"));
    let transposed: Vec<f64> = (0..n).flat_map(|j| values.iter().skip(j).step_by(n).copied()).collect();
    let of = |values: &[f64], bytes: fn(f64) -> Vec<u8>| -> Vec<u8> { values.iter().flat_map(|&x| bytes(x)).collect() };
    for (descr, body) in [
        ("<f8", (|x| x.to_le_bytes().to_vec()) as fn(f64) -> Vec<u8>),
        (">f8", |x| x.to_be_bytes().to_vec()),
        ("<f4", |x| (x as f32).to_le_bytes().to_vec()),
        (">f4", |x| (x as f32).to_be_bytes().to_vec()),
    ] {
        for (fortran, stored, transpose) in [("False", &values, false), ("True", &transposed, true)] {
            // of a transposed read, the array is that of Xᵀ
            let shape = if transpose { (n, m) } else { (m, n) };
            let path = scratch.path().join("x.npy");
            fs::write(&path, npy(descr, fortran, shape, &of(if transpose { &values } else { stored }, body))).expect("writes");
            let options = ReadOptions { transpose, max_memory: 16 * 88 * 5, ..ReadOptions::default() };
            let disk = OnDisk::open(&path, &options).expect(descr);
            assert_eq!(RowBlocks::<f64>::ranges(&disk).len(), 8, "five rows in a block");
            assert!(entries::<f64>(&disk).expect("reads") == entries_of(&whole), "{descr} {fortran}");
            assert!(entries::<f32>(&disk).expect("reads") == entries_of(&whole), "{descr} {fortran}");
            assert_eq!(disk.precision(), if descr.ends_with('4') { Precision::F32 } else { Precision::F64 });
            let read = read(&path, &ReadOptions { transpose, ..ReadOptions::default() }).expect("reads");
            assert!(read.matrix == whole && read.sha256 == disk.sha256(), "{descr} {fortran}");
            let other = ReadOptions { transpose: !transpose, ..options };
            assert!(OnDisk::open(&path, &other).expect_err("order").to_string().contains("--transpose"));
        }
    }
}

fn npy(descr: &str, fortran: &str, (rows, cols): (usize, usize), body: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({rows}, {cols}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(body);
    bytes
}

#[test]
fn blocks_that_are_read_ahead_are_the_same_in_any_order() {
    let scratch = folder();
    let path = scratch.path().join("x.npy");
    let values: Vec<u8> = (0..600).flat_map(|k| f64::from(k).to_le_bytes()).collect();
    fs::write(&path, npy("<f8", "False", (60, 10), &values)).expect("writes");
    let disk = Arc::new(OnDisk::open(&path, &ReadOptions { max_memory: 16 * 80 * 7, ..ReadOptions::default() }).expect("opens"));
    let ahead = ReadAhead::<f64>::new(disk.clone());
    for k in [0, 1, 2, 2, 8, 0, 5, 6, 7, 8, 0, 1] {
        let plain: Matrix<f64> = disk.block(k).expect("reads").into_owned();
        assert!(*ahead.block(k).expect("reads") == plain, "block {k}");
    }
    // the file is cut while it is read: an error, and again an error
    ahead.block(4).expect("reads, and reads 5 ahead");
    fs::OpenOptions::new().write(true).open(&path).expect("opens").set_len(1000).expect("cuts");
    assert!(ahead.block(6).is_err() && ahead.block(7).is_err());
}

fn weighted() -> Matrix {
    let list = |scale: f64| {
        let entries = (0..40).map(|k| Triplet { row: k % 13, col: k % 9, value: scale * f64::from(k + 1) }).collect();
        Sparse::from_triplets(13, 9, entries, Duplicates::KeepLast).expect("fits").0
    };
    Matrix::Observed(Observed { entries: list(1.0), weights: Some(list(0.1)) })
}

/// A folder of weighted shards, several blocks of them.
fn write_weighted(to: &Path) {
    let matrix = weighted();
    let mut writer = ShardWriter::create(to, 9, ShardKind::Weighted, 8 * 200).expect("creates");
    for i in 0..13 {
        let row: Vec<_> = matrix.row_entries(i).collect();
        let columns: Vec<u32> = row.iter().map(|e| e.0 as u32).collect();
        let [values, weights]: [Vec<f64>; 2] = [row.iter().map(|e| e.1).collect(), row.iter().map(|e| e.2).collect()];
        writer.row(&columns, &values, &weights).expect("writes");
    }
    let labels = [Some((0..13).map(|i| format!("row {i}")).collect()), None];
    writer.finish(Origin { source: "made".into(), ..Origin::default() }, labels).expect("writes");
}

#[test]
fn damaged_shards_are_refused_whatever_the_damage() {
    let scratch = folder();
    let to = scratch.path().join("x.shards");
    write_weighted(&to);
    let open = || -> Result<Vec<_>, Error> {
        let disk = OnDisk::open(&to, &ReadOptions { max_memory: 1 << 20, ..ReadOptions::default() })?;
        disk.shards().expect("shards").labels(1 << 20)?;
        entries::<f64>(&disk)
    };
    let whole = open().expect("reads");
    assert!(whole == entries_of(&weighted()));
    let files: Vec<PathBuf> = fs::read_dir(&to).expect("lists").map(|e| e.expect("an entry").path()).collect();
    assert!(files.len() >= 4, "{files:?}");
    for path in &files {
        let bytes = fs::read(path).expect("reads");
        let is_text = path.extension().is_some_and(|end| end == "json");
        for at in 0..bytes.len() {
            fs::write(path, &bytes[..at]).expect("writes");
            // a line's end is nothing that a record needs
            assert!(open().is_err() || is_text && at + 1 == bytes.len(), "{} cut at {at}", path.display());
            for mask in [0x01, 0x80] {
                let mut damaged = bytes.clone();
                damaged[at] ^= mask;
                fs::write(path, damaged).expect("writes");
                // a record may say the same in other words, or name another source
                assert!(open().is_err() || is_text, "{} damaged at {at}", path.display());
            }
        }
        let longer = [&bytes[..], b"\0"].concat();
        fs::write(path, longer).expect("writes");
        assert!(open().is_err(), "{} is too long", path.display());
        fs::remove_file(path).expect("removes");
        assert!(open().is_err() || path.ends_with("labels.json"), "{} is gone", path.display());
        fs::write(path, bytes).expect("writes");
    }
    assert!(open().expect("mended") == whole);
}

#[test]
fn claims_are_not_believed() {
    let scratch = folder();
    let to = scratch.path().join("x.shards");
    let record = |blocks: &str| {
        format!(
            "{{\"schema\":1,\"kind\":\"sparse\",\"rows\":4000000000,\"cols\":4000000000,\
             \"origin\":{{\"precision\":\"f64\",\"source\":\"\",\"sha256\":\"\",\"notes\":[]}},\"blocks\":[{blocks}]}}"
        )
    };
    fs::create_dir_all(&to).expect("creates");
    let whole = "{\"first\":0,\"rows\":4000000000,\"entries\":1000000000000000000,\"crc32\":0}";
    for (blocks, word) in [(whole, "length"), ("", "all rows"), ("{\"first\":1,\"rows\":3999999999,\"entries\":0,\"crc32\":0}", "follow")] {
        fs::write(to.join("shards.json"), record(blocks)).expect("writes");
        let header: Vec<u8> = [4_000_000_000u64, 4_000_000_000, 1_000_000_000_000_000_000].iter().flat_map(|x| x.to_le_bytes()).collect();
        fs::write(to.join("000000.rows"), [b"THWGROWS\x01\0\0\0\0\0\0\0", &header[..]].concat()).expect("writes");
        let found = OnDisk::open(&to, &ReadOptions::default()).and_then(|disk| entries::<f64>(&disk));
        let message = found.expect_err("refused").to_string();
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn a_cut_writing_is_begun_again_and_a_finished_one_stays() {
    let scratch = folder();
    let (file, to) = (scratch.path().join("r.dat"), scratch.path().join("r.shards"));
    fs::write(&file, ratings(500, 2)).expect("writes");
    shard(&file, &to, &ReadOptions::default()).expect("shards");
    let again = shard(&file, &to, &ReadOptions::default()).expect_err("is there");
    assert!(matches!(&again, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists), "{again}");
    let whole = fs::read(to.join("000000.rows")).expect("reads");
    fs::remove_file(to.join("shards.json")).expect("removes");
    fs::write(to.join("000007.rows"), b"of a longer one").expect("writes");
    assert!(OnDisk::open(&to, &ReadOptions::default()).expect_err("cut").to_string().contains("its writing was cut"));
    shard(&file, &to, &ReadOptions::default()).expect("shards again");
    assert!(fs::read(to.join("000000.rows")).expect("reads") == whole && !to.join("000007.rows").exists());
    // a refused file leaves nothing that could be taken for shards
    fs::write(&file, "1::2::x\n").expect("writes");
    let bad = scratch.path().join("bad.shards");
    assert!(matches!(shard(&file, &bad, &ReadOptions::default()), Err(Error::Malformed { .. })));
    assert!(OnDisk::open(&bad, &ReadOptions::default()).is_err());
}

#[test]
fn what_is_held_out_of_blocks_is_what_is_held_out_of_the_whole() {
    for (kind, data) in super::planted::kinds(21) {
        let blocks = BlocksInMemory::cut(&data, (0..data.shape().0, 0..data.shape().1), 7).expect("cuts");
        for fraction in [0.05, 0.5] {
            let (kept, held) = hold_out(&data, fraction, 3).expect("holds out");
            assert!(hold_out_of_blocks(&blocks, fraction, 3).expect("holds out") == held, "{kind}");
            let cut: Arc<dyn RowBlocks<f64> + Send> = Arc::new(BlocksInMemory::cut(&data, (0..data.shape().0, 0..data.shape().1), 7).expect("cuts"));
            let left = WithoutEntries::new(cut, Arc::new(held));
            assert!(entries(&left).expect("reads") == entries_of(&kept), "{kind}");
        }
    }
}

#[test]
fn the_proof_of_blocks_is_the_proof_of_the_whole() {
    for (kind, data) in super::planted::kinds(22) {
        let (m, n) = data.shape();
        let mut rng = stream(5, 0);
        let factors = Factors::new(m, n, 3, (0..3 * (m + n)).map(|_| rng.random::<f64>()).collect()).expect("fits");
        let penalty = Nmf::new(&data, 3).expect("good").with_penalty(&Penalty::both(0.02, 0.01)).expect("good").penalty();
        let whole = penalised_stationarity(&data, &factors, &penalty).expect("fits");
        for rows in [1, 7, m] {
            let blocks = BlocksInMemory::cut(&data, (0..m, 0..data.shape().1), rows).expect("cuts");
            let found = stationarity_in_blocks(&blocks, &factors, &Constraints::default(), &penalty).expect("fits");
            for (a, b) in [(found.kkt, whole.kkt), (found.objective, whole.objective), (found.penalty, whole.penalty)] {
                assert!((a - b).abs() <= 1e-11 * b, "{kind} in blocks of {rows}: {a} for {b}");
            }
        }
    }
}
