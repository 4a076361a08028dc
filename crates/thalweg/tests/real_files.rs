//! Published data sets in the formats of their publishers. They are not part of the source tree: the tests look for them in the folder that
//! the environment variable `THALWEG_SHARED` names, or in `shared` beside the workspace, and say so when they find none.

use std::path::{Path, PathBuf};
use thalweg::data::{
    Dataset, ImageShape, Kept, Matrix, Missing, Negative, ReadOptions, Scale, Stft, Weights, catalogue, read, read_instance_keeping,
    read_rpca_instance,
};

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

/// Σ of the observed entries.
fn sum(data: &Dataset) -> f64 {
    let summary = data.matrix.summary();
    summary.mean * summary.observed as f64
}

/// Sums beside these tests are those of NumPy 2.4, SciPy 1.17 (`scipy.io.loadmat`) and Astropy 8 (`astropy.io.fits`) on the same files.
fn is_near(got: f64, expected: f64) -> bool {
    (got - expected).abs() <= 1e-9 * expected.abs()
}

fn variable(name: &str) -> ReadOptions {
    ReadOptions { variable: Some(name.to_owned()), ..plain() }
}

#[test]
fn metabolic() {
    let Some(data) = open("metabolic/GSE3431_series_matrix.txt.gz", &plain()) else { return };
    assert_eq!((data.matrix.shape(), data.matrix.kind(), data.format), ((9335, 36), "dense", "series-matrix"));
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
fn satellite() {
    let Some(cube) = open("satellite/HYDICE.mat", &variable("data")) else { return };
    assert_eq!((cube.matrix.shape(), cube.format), ((8000, 162), "matlab"));
    assert_eq!((sum(&cube), cube.matrix.summary().max), (196_274_094.0, 592.0));
    // pixels (0, 0), (0, 1), (0, 2) of band 0, and bands 0, 1, 2 of pixel (0, 0)
    let entry = |data: &Dataset, i: usize, j: usize| data.matrix.row_entries(i).nth(j).expect("there").1;
    assert_eq!([entry(&cube, 0, 0), entry(&cube, 1, 0), entry(&cube, 2, 0)], [60.0, 50.0, 31.0]);
    assert_eq!([entry(&cube, 0, 1), entry(&cube, 0, 2), entry(&cube, 7999, 161)], [57.0, 62.0, 382.0]);
    let bands = open("satellite/HYDICE.mat", &ReadOptions { unfold: Some(2), scale: Scale::Sd, ..variable("data") }).expect("there");
    assert_eq!((bands.matrix.shape(), bands.image), ((162, 8000), Some(ImageShape { height: 80, width: 100 })));
    assert!(is_near(bands.scale, 89.496_212_621_099_62), "{}", bands.scale);
    assert_eq!(entry(&bands, 0, 1), 50.0 / bands.scale);
    let jasper = open("satellite/jasperRidge2_R198.mat", &variable("Y")).expect("there");
    assert_eq!((jasper.matrix.shape(), sum(&jasper), jasper.matrix.summary().max), ((198, 10000), 2_364_404_028.0, 5437.0));
    let members = open("satellite/jasperRidge2_R198.mat", &variable("M")).expect("there");
    assert!(is_near(sum(&members), 214.025_594_689_028_65));
    let pines = open("satellite/Indian_pines_corrected.npy.gz", &ReadOptions { unfold: Some(2), ..plain() }).expect("there");
    assert_eq!((pines.matrix.shape(), pines.matrix.summary().min, pines.matrix.summary().max), ((200, 21025), 955.0, 9604.0));
}

#[test]
fn movielens_in_matlab() {
    let Some(data) = open("movielens-1m/movielens1m.mat", &ReadOptions { missing: Missing::Absent, ..variable("data") }) else { return };
    assert_eq!((data.matrix.shape(), data.matrix.summary().observed, sum(&data)), ((6040, 3449), 999_714, 3_581_047.0));
    let films = open("movielens-1m/movielens1m.mat", &variable("movies")).expect("there");
    assert_eq!((films.matrix.shape(), sum(&films)), ((18, 3449), 5864.0));
}

#[test]
fn escalator() {
    let Some(data) = open("video/escalator_data.mat", &plain()) else { return };
    assert_eq!((data.matrix.shape(), sum(&data), data.matrix.summary().max), ((20800, 200), 463_158_299.0, 255.0));
}

#[test]
fn extragalactic() {
    let options = ReadOptions { missing: Missing::Nan, ..variable("DATA") };
    let Some(cube) = open("extragalactic/minicube.fits.gz", &options) else { return };
    assert_eq!((cube.matrix.shape(), cube.matrix.kind(), cube.format), ((3681, 1600), "observed", "fits"));
    let summary = cube.matrix.summary();
    assert_eq!((summary.observed, summary.negatives), (3681 * 1600 - 5, 308_229));
    assert!(is_near(sum(&cube), 152_691_889.231_939_76) && is_near(summary.sd, 20.531_852_031_156_024), "{summary:?}");
    let weights = Some(Weights::Variance("STAT".into()));
    let weighted = ReadOptions { weights, negative: Negative::Clip, missing: Missing::Error, ..options };
    let weighted = open("extragalactic/minicube.fits.gz", &weighted).expect("a NaN that weighs nothing is no gap");
    assert_eq!((weighted.matrix.kind(), weighted.matrix.summary().min), ("weighted", 0.0));
    let Matrix::Observed(observed) = &weighted.matrix else { panic!("weighted") };
    let variance: f64 = observed.weights.as_ref().expect("weights").by_row.values().iter().map(|w| 1.0 / w).sum();
    assert!(is_near(variance, 732_431_437.829_731), "{variance}");
}

#[test]
fn quasars() {
    let Some(data) = open("extragalactic/rrarchetype-qso.fits.gz", &plain()) else { return };
    assert_eq!((data.matrix.shape(), data.matrix.summary().negatives), ((64, 13637), 123_819));
    assert!(is_near(sum(&data), 573_532.940_994_9), "{}", sum(&data));
    let weights = Some(Weights::Given("COADD.ivar".into()));
    let galaxy = open("extragalactic/NGC3073_SDSS_DR18.fits", &ReadOptions { weights, ..variable("COADD.flux") }).expect("there");
    assert_eq!((galaxy.matrix.shape(), galaxy.matrix.kind()), ((3848, 1), "weighted"));
    assert!(is_near(sum(&galaxy), 546_031.002_410_888_7), "{}", sum(&galaxy));
}

#[test]
fn birdsong() {
    let whole = ReadOptions { stft: Stft { window: 10240, hop: Some(1872), bins: Some(5120) }, ..plain() };
    let Some(data) = open("birdsong/xc131316.flac", &whole) else { return };
    let summary = data.matrix.summary();
    assert_eq!((data.matrix.shape(), data.format), ((5120, 1246), "audio"));
    // of numpy.fft.rfft on what libsndfile decodes
    assert!(is_near(sum(&data), 1_436_414.500_305_837) && is_near(summary.sd, 1.207_633_928_013_304), "{} {}", sum(&data), summary.sd);
    assert!(is_near(summary.max, 307.405_315_193_657_7), "{}", summary.max);
    for (name, samples) in [
        ("xc143894.flac", 2_764_790),
        ("xc132608.flac", 1_700_352),
        ("xc133872.flac", 2_321_270),
        ("xc132580.flac", 2_908_800),
        ("xc146756.flac", 1_911_461),
        ("xc134671.flac", 801_782),
        ("xc145537.flac", 638_198),
        ("xc27039.wav", 253_440),
        ("xc64738.wav", 46_080),
    ] {
        let data = open(&format!("birdsong/{name}"), &plain()).expect("there");
        assert_eq!(data.matrix.shape(), (1025, (samples - 2048) / 512 + 1), "{name}");
        assert!(data.notes.iter().any(|note| note.contains(&format!("spectrogram of {samples} samples at 44100 Hz"))), "{:?}", data.notes);
    }
}

/// Every data set of the catalogue that is there has its checksum, shape and number of entries.
#[test]
fn the_catalogue() {
    let Some(readme) = find("README.md") else { return };
    let folder = readme.parent().expect("a folder");
    for entry in catalogue().iter().filter(|entry| entry.path(folder).exists()) {
        let data = entry.open(folder, plain().max_memory).unwrap_or_else(|e| panic!("{}: {e}", entry.name));
        println!("{}: {:?} {}; {:?}", entry.name, data.matrix.shape(), data.matrix.kind(), data.notes);
        assert!(entry.paper.is_none() || (data.matrix.summary().sd - 1.0).abs() < 1e-12, "{}: scaled as in the paper", entry.name);
        assert!(entry.paper.is_none() || data.matrix.summary().negatives == 0, "{}: non-negative", entry.name);
    }
}

#[test]
fn netflix_prize() {
    let Some(data) = open("netflix/netflix-prize-10k-sample.txt", &plain()) else { return };
    assert_eq!((data.matrix.shape(), data.matrix.summary().observed, data.format), ((9687, 3451), 10_000, "netflix-prize"));
    assert_eq!((data.matrix.summary().min, data.matrix.summary().max), (1.0, 5.0));
}

#[test]
fn what_is_no_matrix_is_refused_politely() {
    for (name, words) in [
        ("satellite/Indian_pines_corrected.npy.gz", ["two dimensions", "--unfold", "[145, 145, 200]"]),
        ("satellite/HYDICE.mat", ["--variable", "\"data\" (80x100x162)", "\"map\" (80x100)"]),
        ("extragalactic/minicube.fits.gz", ["--variable", "\"DATA\" (3681x40x40)", "\"STAT\""]),
        ("extragalactic/NGC3073_SDSS_DR18.fits", ["--variable", "COADD", "more"]),
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

#[test]
fn frames_and_faces_to_separate() {
    if let Some(path) = find("video/escalator_data.mat") {
        let video = read_rpca_instance(&path, &plain()).unwrap();
        assert_eq!((video.shape, video.observed(), video.image), ((20800, 200), 20800 * 200, None));
    }
    if let Some(path) = find("yale-b-cropped/yaleB20") {
        let faces = read_rpca_instance(&path, &plain()).unwrap();
        assert_eq!((faces.shape, faces.image), ((64, 32256), Some(ImageShape { height: 192, width: 168 })));
    }
}

#[test]
fn a_picture_of_which_a_part_is_kept() {
    let Some(path) = find("images/camera.png") else { return };
    let (given, hidden) = read_instance_keeping(&path, &plain(), Kept { fraction: 0.4, seed: 0 }).unwrap();
    assert_eq!((given.shape, given.b.len() + hidden.entries.len()), ((512, 512), 512 * 512));
    assert!((0.39..0.41).contains(&(given.b.len() as f64 / (512.0 * 512.0))));
    assert_eq!(given.truth.expect("the whole picture").len(), 512 * 512);
}
