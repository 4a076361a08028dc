//! Files that are damaged or made to harm: whatever the bytes, `read` returns finite numbers or a typed error, and stays within its memory.

use std::fs;
use std::path::{Path, PathBuf};
use thalweg::Error;
use thalweg::data::{Dataset, FORMATS, Format, Layout, Missing, ReadOptions, read};

const MAX_MEMORY: u64 = 1 << 20;
const MUTATIONS: u64 = 2000;

/// The sample of a format in a folder of its own.
struct Sample {
    folder: tempfile::TempDir,
    files: Vec<(&'static str, Vec<u8>)>,
}

impl Sample {
    fn new(format: &Format) -> Self {
        let sample = Sample { folder: tempfile::tempdir().expect("a folder"), files: (format.sample)() };
        for (name, bytes) in &sample.files {
            let path = sample.folder.path().join(name);
            fs::create_dir_all(path.parent().expect("inside the folder")).expect("creates");
            fs::write(path, bytes).expect("writes");
        }
        sample
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join(self.files[0].0.split('/').next().expect("a name"))
    }

    /// Reads it with the first file replaced.
    fn read(&self, bytes: &[u8], options: &ReadOptions) -> Result<Dataset, Error> {
        replace(&self.folder.path().join(self.files[0].0), bytes);
        read(&self.root(), options)
    }
}

/// A file of a name used before. Removed first: ext4 waits for the disk when a file is emptied and filled again.
fn replace(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).expect("writes");
}

fn options() -> impl Iterator<Item = ReadOptions> {
    let missing = [Missing::Error, Missing::Nan, Missing::Absent, Missing::Zero];
    missing.into_iter().flat_map(|missing| {
        let plain = ReadOptions { missing, max_memory: MAX_MEMORY, ..ReadOptions::default() };
        let turned = ReadOptions { transpose: true, columns: Some((0, 1)), layout: Layout::Triplets, ..plain.clone() };
        [plain, turned]
    })
}

fn check(what: &str, bytes: &[u8], result: Result<Dataset, Error>) {
    match result {
        Ok(data) => {
            let (rows, cols) = data.matrix.shape();
            assert!(rows > 0 && cols > 0, "{what}: {rows}x{cols} from {bytes:?}");
            let is_finite = (0..rows).all(|i| data.matrix.row_entries(i).all(|(j, x, _)| j < cols && x.is_finite()));
            assert!(is_finite, "{what}: a number that is not finite from {bytes:?}");
            assert!(data.row_labels.is_none_or(|labels| labels.len() == rows), "{what}: row labels from {bytes:?}");
            assert!(data.col_labels.is_none_or(|labels| labels.len() == cols), "{what}: column labels from {bytes:?}");
        }
        Err(Error::Malformed { place, expected, found, .. }) => {
            assert!(!place.is_empty() && !expected.is_empty() && !found.is_empty(), "{what}: an empty message for {bytes:?}");
            assert!(!found.chars().any(char::is_control), "{what}: {found:?} is not fit to print, from {bytes:?}");
        }
        Err(Error::Memory { needed, limit: MAX_MEMORY, .. }) => assert!(needed > MAX_MEMORY),
        Err(Error::Parameter { name: "columns", .. }) => {}
        Err(other) => panic!("{what}: {other:?} from {bytes:?}"),
    }
}

#[test]
fn samples_read() {
    for format in FORMATS {
        let data = read(&Sample::new(format).root(), &ReadOptions::default()).expect(format.name);
        assert_eq!(data.format, format.name);
    }
}

#[test]
fn truncated_at_every_byte() {
    for format in FORMATS {
        let sample = Sample::new(format);
        let whole = &sample.files[0].1;
        for length in 0..whole.len() {
            for options in options() {
                check(format.name, &whole[..length], sample.read(&whole[..length], &options));
            }
        }
    }
}

#[test]
fn mutated() {
    for format in FORMATS {
        let sample = Sample::new(format);
        let mut options = options().collect::<Vec<_>>().into_iter().cycle();
        for seed in 0..MUTATIONS {
            let bytes = mutate(&sample.files[0].1, seed);
            let options = options.next().expect("a cycle");
            check(&format!("{}, mutation {seed}", format.name), &bytes, sample.read(&bytes, &options));
        }
    }
}

/// One to four changes: a bit flipped, a byte set, a piece removed or repeated.
fn mutate(bytes: &[u8], seed: u64) -> Vec<u8> {
    const TELLING: &[u8] = b"0129-+.eE,;:\t \n\r\"#%!nNaAiI\0\x7f\x80\xff(){}'<>|";
    let mut state = seed;
    // SplitMix64
    let mut below = |n: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    };
    let mut bytes = bytes.to_vec();
    for _ in 0..=below(4) {
        let at = below(bytes.len());
        match below(4) {
            _ if bytes.is_empty() => bytes.push(TELLING[below(TELLING.len())]),
            0 => bytes[at] ^= 1 << below(8),
            1 => bytes[at] = TELLING[below(TELLING.len())],
            2 => drop(bytes.drain(at..(at + 1 + below(8)).min(bytes.len()))),
            _ => {
                let piece = bytes[at..(at + 1 + below(8)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece.repeat(1 + below(3)));
            }
        }
    }
    bytes
}

fn numpy_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name)
}

#[test]
fn files_of_other_programs_mutated() {
    let of_numpy = ["csr.npz", "compressed.npz", "fortran.npy"];
    let of_others = ["compressed.mat", "chunked.h5", "v73.mat", "sparse.h5ad", "table.fits", "tone.flac", "tone.ogg", "tone.mp3"];
    for name in of_numpy.into_iter().chain(of_others) {
        let whole = fs::read(numpy_file(name)).expect(name);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        for (seed, mut options) in (0..MUTATIONS).zip(options().collect::<Vec<_>>().into_iter().cycle()) {
            options.variable = variable(name).map(str::to_owned);
            let bytes = mutate(&whole, seed);
            replace(&path, &bytes);
            check(&format!("{name}, mutation {seed}"), &bytes, read(&path, &options));
        }
    }
}

/// The array to read from those with several.
fn variable(name: &str) -> Option<&'static str> {
    match name {
        "compressed.mat" | "v73.mat" => Some("s"),
        "chunked.h5" => Some("x"),
        "table.fits" => Some("flux"),
        _ => None,
    }
}

#[test]
fn files_of_other_programs_read() {
    let file = |name: &str, options: ReadOptions| {
        let data = read(&numpy_file(name), &options).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut rows = vec![vec![0.0; data.matrix.shape().1]; data.matrix.shape().0];
        for (i, row) in rows.iter_mut().enumerate() {
            data.matrix.row_entries(i).for_each(|(j, x, _)| row[j] = x);
        }
        (rows, data)
    };
    let of = |variable: &str| ReadOptions { variable: Some(variable.into()), missing: Missing::Zero, ..ReadOptions::default() };
    let expected = vec![vec![1.0, 0.0, 2.0], vec![0.0, 3.5, 0.0]];
    for (name, variable) in [
        ("compressed.mat", "x"),
        ("compressed.mat", "s"),
        ("v73.mat", "x"),
        ("v73.mat", "s"),
        ("chunked.h5", "group/x"),
        ("table.fits", "T.flux"),
        ("sparse.h5ad", "X"),
    ] {
        assert_eq!(file(name, of(variable)).0, expected, "{name}, {variable}");
    }
    let cells = file("sparse.h5ad", ReadOptions { missing: Missing::Zero, ..ReadOptions::default() }).1;
    assert_eq!(
        (cells.row_labels.expect("cells"), cells.col_labels.expect("genes")),
        (vec!["cell1".to_owned(), "cell2".into()], vec!["a".to_owned(), "b".into(), "c".into()])
    );
    let cube: Vec<Vec<f64>> = (0..6).map(|pixel| (0..4).map(|band| f64::from(4 * pixel + band)).collect()).collect();
    assert_eq!(file("compressed.mat", of("cube")).0, cube, "pixels x bands");
    assert_eq!(file("chunked.h5", ReadOptions { unfold: Some(0), ..of("cube") }).0, vec![cube[..3].concat(), cube[3..].concat()]);
    assert_eq!(file("table.fits", of("SCI")).0, [[1.0, 2.0], [3.0, 4.0]], "unsigned numbers by BZERO");
    let weighted = file("table.fits", ReadOptions { weights: Some(thalweg::data::Weights::Given("ivar".into())), ..of("flux") }).1;
    assert_eq!(weighted.matrix.summary().observed, 5);
    assert_eq!(weighted.matrix.row_entries(1).collect::<Vec<_>>(), [(0, 0.0, 4.0), (1, 3.5, 5.0), (2, 0.0, 6.0)]);
    for (name, tolerance) in [("tone.flac", 1e-3), ("tone.ogg", 0.5), ("tone.mp3", 4.0)] {
        let (rows, sound) =
            file(name, ReadOptions { stft: thalweg::data::Stft { window: 512, hop: Some(512), bins: None }, ..ReadOptions::default() });
        assert_eq!((sound.format, sound.matrix.shape().0), ("audio", 257), "{name}");
        // the mean of amplitudes ½ and ¼, half of it times the sum of the window, at 500 of 8000 Hz
        assert!((rows[32][2] - 0.375 * 256.0 / 2.0).abs() < tolerance, "{name}: {}", rows[32][2]);
        assert!(sound.notes.iter().any(|note| note.contains("2 channels")), "{name}: {:?}", sound.notes);
    }
}

#[test]
fn files_of_numpy_and_scipy_read() {
    let dense = |name: &str, missing| {
        let data = read(&numpy_file(name), &ReadOptions { missing, ..ReadOptions::default() }).expect(name);
        let mut rows = vec![vec![0.0; data.matrix.shape().1]; data.matrix.shape().0];
        for (i, row) in rows.iter_mut().enumerate() {
            data.matrix.row_entries(i).for_each(|(j, x, _)| row[j] = x);
        }
        rows
    };
    let expected = vec![vec![1.0, 0.0, 2.0], vec![0.0, 3.5, 0.0]];
    for name in ["csr.npz", "csc.npz", "coo.npz"] {
        assert_eq!(dense(name, Missing::Zero), expected, "{name}");
    }
    for name in ["compressed.npz", "fortran.npy"] {
        assert_eq!(dense(name, Missing::Error), expected, "{name}");
    }
    let pickled = read(&numpy_file("objects.npy"), &ReadOptions::default()).expect_err("a pickle").to_string();
    assert!(pickled.contains("pickle"), "{pickled}");
}
