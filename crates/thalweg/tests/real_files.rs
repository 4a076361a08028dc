//! Published data sets in the formats of their publishers. They are not part of the source tree: the tests look for them in the folder that
//! the environment variable `THALWEG_SHARED` names, or in `shared` beside the workspace, and say so when they find none.

use std::path::{Path, PathBuf};
use thalweg::data::{Dataset, ImageShape, Missing, ReadOptions, read};

/// The file, if it is there.
fn find(name: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let path = std::env::var_os("THALWEG_SHARED").map_or_else(beside, PathBuf::from).join("data").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

fn open(name: &str, options: &ReadOptions) -> Option<Dataset> {
    let path = find(name)?;
    let start = std::time::Instant::now();
    let data = read(&path, options).unwrap_or_else(|e| panic!("{e}"));
    println!("{name}: {:?} {} in {:.3} s; {:?}", data.matrix.shape(), data.matrix.kind(), start.elapsed().as_secs_f64(), data.notes);
    Some(data)
}

fn plain() -> ReadOptions {
    ReadOptions::default()
}

fn label(labels: &Option<Vec<String>>, at: usize) -> &str {
    &labels.as_ref().expect("labels")[at]
}

#[test]
fn digits() {
    let Some(data) = open("digits/digits.csv.gz", &plain()) else { return };
    assert_eq!((data.matrix.shape(), data.matrix.kind(), data.format), ((1797, 65), "dense", "table"));
    let pixels = open("digits/digits.csv.gz", &ReadOptions { columns: Some((0, 64)), ..plain() }).expect("there");
    assert_eq!(pixels.matrix.shape(), (1797, 64));
    assert_eq!((pixels.matrix.summary().min, pixels.matrix.summary().max), (0.0, 16.0));
    assert_eq!(data.sha256[..12], *"09f66e6debde");
}

#[test]
fn metabolic() {
    let Some(data) = open("metabolic/GSE3431_series_matrix.txt.gz", &plain()) else { return };
    assert_eq!((data.matrix.shape(), data.matrix.kind()), ((9335, 36), "dense"));
    assert_eq!((label(&data.row_labels, 0), label(&data.col_labels, 0)), ("10000_at", "GSM77298"));
    assert_eq!((data.matrix.summary().min, data.matrix.summary().max), (0.0, 156.0434723));
}

#[test]
fn movielens() {
    let Some(data) = open("movielens-1m/ratings-rebuilt.dat.gz", &plain()) else { return };
    assert_eq!((data.matrix.shape(), data.matrix.kind(), data.format), ((6040, 3620), "observed", "ratings"));
    let summary = data.matrix.summary();
    assert_eq!((summary.observed, summary.min, summary.max), (999_964, 1.0, 5.0));
    assert_eq!((label(&data.row_labels, 6039), label(&data.col_labels, 3619)), ("6040", "3952"));
}

#[test]
fn goodbooks() {
    let Some(data) = open("goodbooks-10k/ratings_random.csv.gz", &plain()) else { return };
    assert_eq!((data.matrix.shape(), data.matrix.summary().observed), ((2672, 9990), 298_176));
    assert_eq!((label(&data.row_labels, 0), label(&data.col_labels, 9989)), ("13", "10000"));
}

#[test]
fn kos() {
    let Some(data) = open("text/docword.kos.txt.gz", &plain()) else { return };
    assert_eq!((data.matrix.shape(), data.matrix.kind(), data.format), ((3430, 6906), "sparse", "bag-of-words"));
    assert_eq!((data.matrix.summary().stored, data.matrix.summary().max), (353_160, 43.0));
}

#[test]
fn orl_faces() {
    let Some(data) = open("orl-faces", &plain()) else { return };
    assert_eq!((data.matrix.shape(), data.image), ((400, 10304), Some(ImageShape { height: 112, width: 92 })));
    assert_eq!([0, 1, 9, 399].map(|i| label(&data.row_labels, i)), ["s1/1.pgm", "s1/2.pgm", "s1/10.pgm", "s40/10.pgm"]);
    assert_eq!(data.matrix.summary().max, 251.0);
}

#[test]
fn leukaemia() {
    let Some(data) = open("expression/ALL_AML_data.txt", &plain()) else { return };
    assert_eq!((data.matrix.shape(), data.matrix.summary().min, data.matrix.summary().max), ((5000, 38), 20.0, 61225.0));
}

#[test]
fn netflix() {
    let Some(data) = open("netflix/netflix-1000x1000.txt.gz", &ReadOptions { missing: Missing::Absent, ..plain() }) else { return };
    assert_eq!((data.matrix.shape(), data.matrix.kind(), data.matrix.summary().observed), ((1000, 1000), "observed", 816_714));
}

#[test]
fn images() {
    let Some(data) = open("images/camera.png", &plain()) else { return };
    assert_eq!((data.matrix.shape(), data.matrix.summary().max), ((512, 512), 255.0));
    let colour = open("images/astronaut.png", &plain()).expect("there");
    assert_eq!(colour.matrix.shape(), (512, 512));
}

#[test]
fn what_is_no_matrix_is_refused_politely() {
    for (name, words) in [
        ("satellite/Indian_pines_corrected.npy.gz", ["two dimensions", "3 dimensions", "[145, 145, 200]"]),
        ("satellite/HYDICE.mat", ["known formats", "npz", "matrix-market"]),
        ("birdsong/xc27039.wav", ["known formats", "table", "RIFF"]),
        ("extragalactic/NGC3073_SDSS_DR18.fits", ["line 1", "expected", "a number"]),
        ("movielens-1m/movies.dat", ["line 1, column 3", "a number", "Animation"]),
    ] {
        let Some(path) = find(name) else { return };
        let message = read(&path, &plain()).expect_err(name).to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message:?} lacks one of {words:?}");
    }
    if let Some(path) = find("satellite/Indian_pines_gt.npy") {
        assert_eq!(read(&path, &plain()).expect("a matrix").matrix.shape(), (145, 145));
    }
}
