//! File formats: one file each, and the list that `read`, `info` and the tests loop over.
//!
//! A format turns bytes into [`Parsed`]: what stands where. [`Parsed::settle`] alone decides what a missing entry means, keeps the columns
//! asked for and transposes, so that the options mean the same for every format.

mod array;
mod audio;
mod bag_of_words;
mod compressed;
mod container;
mod fits;
mod hdf5;
mod image;
mod input;
mod listing;
mod matlab;
mod matrix_market;
mod natural;
mod netflix;
mod npy;
mod npz;
mod parsed;
mod pnm;
mod prepare;
mod ratings;
mod scipy;
mod series_matrix;
mod shards;
mod table;
mod text;

use super::source::{Budget, shown};
use super::{Matrix, Shards};
use crate::Error;
pub use audio::Stft;
use input::Input;
pub use input::{Unpacked, unpack};
pub(super) use listing::Entries as ListedEntries;
use listing::List;
use parsed::Parsed;
pub use prepare::{Negative, Scale};
use std::path::Path;

/// The pixels of one row of the matrix, when rows are images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ImageShape {
    /// Pixel rows.
    pub height: usize,
    /// Pixel columns.
    pub width: usize,
}

/// What an entry that is not there means.
///
/// | | a table (text, `.npy`, images) | a list of entries (Matrix Market, SciPy) | ratings | bag of words |
/// |---|---|---|---|---|
/// | `Error` | NaN and empty fields are refused | refused, unless every entry is listed | unlisted: unobserved | unlisted: 0 |
/// | `Nan` | NaN and empty fields: unobserved | as `Error` | unlisted: unobserved | unlisted: 0 |
/// | `Absent` | NaN, empty fields **and zeros**: unobserved | unlisted: unobserved | unlisted: unobserved | unlisted: unobserved |
/// | `Zero` | NaN and empty fields are refused | unlisted: 0 | unlisted: 0 | unlisted: 0 |
///
/// A listed entry whose value is NaN or empty is refused by `Error` and `Zero`, unobserved with `Nan` and `Absent`. A listed 0 is an
/// observed 0, whatever is asked. An infinity is always refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// Refuse to guess where the file does not settle it.
    #[default]
    Error,
    /// NaN and empty fields are unobserved.
    Nan,
    /// Entries that are not stored are unobserved; in a table, zeros too.
    Absent,
    /// Entries that are not stored are zeros.
    Zero,
}

/// How the lines of a text file make a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Ratings if fields stand between `::`, if a header names users and ratings, or in a `.dat` file of three or four columns that begins
    /// with two ids; else a table.
    #[default]
    Auto,
    /// A line is a row.
    Table,
    /// A line is an entry: row, column, value.
    Triplets,
}

/// Precision of the numbers in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point.
    F32,
    /// 64-bit floating point, and everything that is read into it.
    #[default]
    F64,
}

/// Memory that reading may take when nothing else is said: 8 GiB.
pub(super) const DEFAULT_MAX_MEMORY: u64 = 8 << 30;

/// Where the weights w of ½ Σ w (X − UVᵀ)² stand. An entry of weight 0 is unobserved.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weights {
    /// In this array, such as an inverse variance. NaN weighs nothing.
    Given(String),
    /// w = 1 / variance for the variances in this array. NaN, 0 and less weigh nothing.
    Variance(String),
}

/// How to read a file.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct ReadOptions {
    /// What an entry that is not there means.
    pub missing: Missing,
    /// How the lines of a text file make a matrix.
    pub layout: Layout,
    /// Memory that reading may take, in bytes.
    pub max_memory: u64,
    /// Columns to keep, first and one past the last (from 0, a column of row names not counted). The others are not looked at.
    pub columns: Option<(usize, usize)>,
    /// Transpose after reading.
    pub transpose: bool,
    /// The file to take from a folder or an archive with several.
    pub member: Option<String>,
    /// The array to take from a file with several. Formats with one matrix have no use for it.
    pub variable: Option<String>,
    /// The array that holds the weights of the entries.
    pub weights: Option<Weights>,
    /// The axis (from 0) of an array of three or more that becomes the rows; all others, the last fastest, become the columns.
    pub unfold: Option<usize>,
    /// How a sound becomes a matrix.
    pub stft: Stft,
    /// What becomes of negative entries.
    pub negative: Negative,
    /// Leave out rows and columns of which nothing is observed; of dense and sparse data, those of zeros alone.
    pub drop_empty: bool,
    /// What the entries are divided by, after all else.
    pub scale: Scale,
}

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions {
            missing: Missing::Error,
            layout: Layout::Auto,
            max_memory: DEFAULT_MAX_MEMORY,
            columns: None,
            transpose: false,
            member: None,
            variable: None,
            weights: None,
            unfold: None,
            stft: Stft::default(),
            negative: Negative::Keep,
            drop_empty: false,
            scale: Scale::None,
        }
    }
}

/// A matrix with what its file says about it.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The numbers, all finite.
    pub matrix: Matrix<f64>,
    /// What the entries were divided by: the file's units are this many times larger.
    pub scale: f64,
    /// Precision of the file's numbers: a fit of an f32 file is done in f32 unless asked otherwise.
    pub precision: Precision,
    /// Names of the rows.
    pub row_labels: Option<Vec<String>>,
    /// Names of the columns.
    pub col_labels: Option<Vec<String>>,
    /// Set when each row is an image.
    pub image: Option<ImageShape>,
    /// Name of the format it came in.
    pub format: &'static str,
    /// SHA-256 of the file's bytes (of names and bytes of all files for a folder), in hexadecimal.
    pub sha256: String,
    /// What a user should know about the reading: a skipped column, duplicates, empty rows.
    pub notes: Vec<String>,
}

impl Dataset {
    /// Numbers that came in no file.
    pub fn in_memory(matrix: Matrix<f64>, precision: Precision) -> Self {
        Dataset {
            matrix,
            scale: 1.0,
            precision,
            row_labels: None,
            col_labels: None,
            image: None,
            format: "array",
            sha256: String::new(),
            notes: Vec::new(),
        }
    }
}

/// One file format.
pub struct Format {
    /// Name, as printed.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// How its file names end, without `.gz`.
    pub extensions: &'static [&'static str],
    /// Files of a small valid example, with their names. What to read is the first part of the first name.
    pub sample: fn() -> Vec<(&'static str, Vec<u8>)>,
    /// Whether the content is unmistakably of this format.
    sniff: fn(&Input, &ReadOptions) -> bool,
    read: fn(&Input, &ReadOptions, &Budget) -> Result<Parsed, Error>,
    /// Where a file lists its entries: reads them one after the other, whatever the size of the file.
    list: Option<List>,
}

/// Every format, in the order in which their `sniff` is asked.
pub const FORMATS: &[Format] = &[
    npy::FORMAT,
    npz::FORMAT,
    matlab::FORMAT,
    hdf5::FORMAT,
    fits::FORMAT,
    audio::FORMAT,
    matrix_market::FORMAT,
    image::IMAGE,
    image::FOLDER,
    bag_of_words::FORMAT,
    series_matrix::FORMAT,
    netflix::FORMAT,
    ratings::FORMAT,
    table::FORMAT,
];

/// Reads a matrix from a file, folder or archive (zip, tar) of any of [`FORMATS`], compressed (gzip, bzip2, xz, zstd) or not.
///
/// The content decides about the format; the name is asked only where the content could be anything. A folder of [`Shards`](super::Shards) is
/// read whole.
///
/// # Errors
/// [`Error::Malformed`]: file, place, what was expected and found. [`Error::Memory`] before more than `max_memory` bytes are taken.
/// [`Error::Parameter`] if `columns` do not fit. [`Error::Io`].
///
/// ```
/// use thalweg::data::{Missing, ReadOptions, read};
/// # let path = std::env::temp_dir().join(format!("thalweg-doc-{}.csv", std::process::id()));
/// # let io = |source| thalweg::Error::Io { path: path.clone(), source };
/// std::fs::write(&path, "gene,t0,t1\nYAL001,1.5,2\nYAL002,,0.5\n").map_err(io)?;
/// assert!(read(&path, &ReadOptions::default()).is_err()); // an empty field is never guessed
/// let data = read(&path, &ReadOptions { missing: Missing::Nan, ..ReadOptions::default() })?;
/// assert_eq!((data.matrix.shape(), data.matrix.kind()), ((2, 2), "observed"));
/// assert_eq!(data.col_labels.as_deref(), Some(&["t0".to_owned(), "t1".to_owned()][..]));
/// # let _ = std::fs::remove_file(&path);
/// # Ok::<(), thalweg::Error>(())
/// ```
pub fn read(path: &Path, options: &ReadOptions) -> Result<Dataset, Error> {
    let budget = Budget::new(path, options.max_memory);
    if Shards::is_at(path) {
        return shards::read(path, options, &budget);
    }
    let (input, sha256) = Input::load(path, options, &budget)?;
    let format = format_of(&input, options)?;
    read_as(format, input, sha256, options, &budget)
}

/// The format of a file, of which the first bytes are enough.
fn format_of(input: &Input, options: &ReadOptions) -> Result<&'static Format, Error> {
    let by_content = FORMATS.iter().find(|format| (format.sniff)(input, options));
    let by_name = || FORMATS.iter().find(|format| input.extension().is_some_and(|e| format.extensions.contains(&e)));
    match by_content.or_else(by_name) {
        Some(format) => Ok(format),
        None if input.is_text() => Ok(&table::FORMAT),
        None => Err(unknown(input)),
    }
}

/// Reads a table that is in memory already, as [`read`] does that of a file; `name` stands for the file in messages.
///
/// No other format is looked for: what calls nothing else, such as a module for a web page, carries no other reader.
///
/// # Errors
/// As [`read`].
///
/// ```
/// use thalweg::data::{ReadOptions, read_table};
/// let data = read_table("genes.csv", b"gene,t0,t1\nYAL001,1.5,2\n".to_vec(), &ReadOptions::default())?;
/// assert_eq!((data.matrix.shape(), data.format), ((1, 2), "table"));
/// assert!(read_table("genes.csv", vec![0x1f, 0x8b, 0], &ReadOptions::default()).is_err());
/// # Ok::<(), thalweg::Error>(())
/// ```
pub fn read_table(name: &str, bytes: Vec<u8>, options: &ReadOptions) -> Result<Dataset, Error> {
    let path = Path::new(name);
    let budget = Budget::new(path, options.max_memory);
    budget.claim("the table", bytes.len() as u64)?;
    let (input, sha256) = Input::of_bytes(path, bytes);
    if !input.is_text() {
        return Err(input.origin().malformed("start", "a table of text", start_of(input.bytes())));
    }
    read_as(&table::FORMAT, input, sha256, options, &budget)
}

fn read_as(format: &Format, input: Input, sha256: String, options: &ReadOptions, budget: &Budget) -> Result<Dataset, Error> {
    let parsed = (format.read)(&input, options, budget)?;
    let origin = input.into_origin(budget);
    let mut dataset = parsed.settle(&origin, options, budget)?;
    (dataset.format, dataset.sha256) = (format.name, sha256);
    Ok(dataset)
}

fn unknown(input: &Input) -> Error {
    let known = FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
    let found = match input.bytes() {
        [0x1f, 0x8b, ..] => "a gzip file inside a gzip file".to_owned(),
        bytes => start_of(bytes),
    };
    input.origin().malformed("start", format!("one of the known formats ({known})"), found)
}

fn start_of(bytes: &[u8]) -> String {
    if bytes.is_empty() { "an empty file".to_owned() } else { format!("a file that starts with {}", shown(&bytes[..bytes.len().min(24)])) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Write;

    /// Reads bytes from a file of this name.
    pub(crate) fn read_bytes(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<Dataset, Error> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("writes");
        read(&path, options)
    }

    pub(crate) fn bytes(name: &str, bytes: &[u8]) -> Result<Dataset, Error> {
        read_bytes(name, bytes, &ReadOptions::default())
    }

    /// The rows, 0 where nothing is stored.
    pub(crate) fn dense(data: &Dataset) -> Vec<Vec<f64>> {
        let (rows, cols) = data.matrix.shape();
        let row = |i| {
            let mut row = vec![0.0; cols];
            data.matrix.row_entries(i).for_each(|(j, x, _)| row[j] = x);
            row
        };
        (0..rows).map(row).collect()
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(bytes).expect("writes");
        out.finish().expect("finishes")
    }

    #[test]
    fn samples_are_read_plain_and_gzipped_whatever_their_name() {
        for format in FORMATS {
            let [(name, file)] = &(format.sample)()[..] else { continue };
            let plain = bytes(name, file).expect(name);
            assert_eq!(plain.format, format.name);
            let zipped = bytes(name, &gzipped(file)).expect(name);
            assert_eq!((&zipped.matrix, zipped.format), (&plain.matrix, format.name));
            assert_ne!(zipped.sha256, plain.sha256, "of the bytes as they are stored");
            let renamed = bytes(&format!("{name}.gz"), file).expect(name);
            assert_eq!((renamed.matrix, renamed.sha256), (plain.matrix, plain.sha256));
        }
    }

    #[test]
    fn transposing_is_the_same_for_every_format() {
        for format in FORMATS {
            let folder = tempfile::tempdir().expect("a folder");
            let files = (format.sample)();
            for (name, bytes) in &files {
                let path = folder.path().join(name);
                std::fs::create_dir_all(path.parent().expect("inside")).expect("creates");
                std::fs::write(path, bytes).expect("writes");
            }
            let root = files[0].0.split('/').next().expect("a first part");
            let at = |transpose| read(&folder.path().join(root), &ReadOptions { transpose, ..ReadOptions::default() }).expect(format.name);
            let (plain, turned) = (at(false), at(true));
            assert_eq!(plain.row_labels, turned.col_labels);
            assert_eq!(plain.matrix.kind(), turned.matrix.kind());
            for (i, row) in dense(&plain).into_iter().enumerate() {
                assert_eq!(dense(&turned).into_iter().map(|r| r[i]).collect::<Vec<_>>(), row, "{}", format.name);
            }
        }
    }

    #[test]
    fn damage_of_the_whole_file_is_named() {
        let says = |name: &str, file: &[u8], word: &str| {
            let message = bytes(name, file).expect_err(word).to_string();
            assert!(message.contains(word), "{message:?} lacks {word:?}");
        };
        says("x.bin", b"\x01\x02\0\0", "known formats (npy, npz, matlab");
        says("x.mat", b"MATLAB 5.0 MAT-file\0\0", "version 5 to 7");
        says("x", b"", "an empty file");
        says("x.gz", &gzipped(&gzipped(b"1 2\n")), "a gzip file inside a gzip file");
        let zipped = gzipped(b"1 2\n3 4\n");
        says("x.csv.gz", &zipped[..zipped.len() - 4], "gzip stream");
        says("x.npy", b"hello", "magic bytes");
        says("x.npz", b"hello", "zip");
        says("x.mtx", b"1 2\n", "%%MatrixMarket");
        says("x.pgm", b"hello", "a PGM");
        assert!(matches!(read(Path::new("no/such/file.csv"), &ReadOptions::default()), Err(Error::Io { .. })));
    }

    #[test]
    fn a_gzip_bomb_is_refused() {
        let options = ReadOptions { max_memory: 1 << 20, ..ReadOptions::default() };
        let bomb = gzipped(&vec![b'1'; 32 << 20]);
        assert!(bomb.len() < 1 << 16);
        assert!(matches!(read_bytes("x.csv", &bomb, &options), Err(Error::Memory { .. })));
    }

    #[test]
    fn the_checksum_is_that_of_the_bytes() {
        let data = bytes(
            "x.csv", b"1,2
",
        )
        .expect("reads");
        assert_eq!(data.sha256, "52186c933993da4082b3cdc7c40bb4bf735b391ff54a2ef78c037dda6c38a680");
    }
}
