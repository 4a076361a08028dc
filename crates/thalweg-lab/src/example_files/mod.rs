//! Small files to try things on: one for each kind of user, made from a fixed seed with a structure that is known, so that an answer can be
//! held against the truth.

mod frames;
mod genes;
mod melody;
mod minerals;
mod ratings;
mod sensing;

use std::io::Write;
use std::path::Path;
use thalweg::data::{Array, Law, did_you_mean, digits_file, planted_factors, write_atomically, write_npz};
use thalweg::{Error, Side};

/// A file that can be made anywhere.
pub struct ExampleFile {
    /// What it is asked for by.
    pub name: &'static str,
    /// Its usual name, with the extension of its format.
    pub file: &'static str,
    /// One line: what is in it, and what was planted.
    pub about: &'static str,
    /// What to do with it first.
    pub next: &'static str,
    make: fn() -> Result<Content, Error>,
}

/// What a file holds.
enum Content {
    Bytes(Vec<u8>),
    Arrays(Vec<(&'static str, Array)>),
}

/// Every one.
pub const EXAMPLE_FILES: &[ExampleFile] = &[
    genes::GENES,
    minerals::MINERALS,
    ratings::RATINGS,
    melody::MELODY,
    ExampleFile {
        name: "digits",
        file: "digits.pgm.gz",
        about: "1797 handwritten digits of 8x8 pixels, as in the demo: nothing was planted",
        next: "thalweg rank digits.pgm.gz -k 2:12",
        make: || Ok(Content::Bytes(digits_file().to_vec())),
    },
    sensing::SENSING,
    frames::FRAMES,
];

impl ExampleFile {
    /// The file of this name.
    ///
    /// # Errors
    /// [`Error::Parameter`] with the known names.
    pub fn named(name: &str) -> Result<&'static ExampleFile, Error> {
        let names = || EXAMPLE_FILES.iter().map(|example| example.name);
        EXAMPLE_FILES.iter().find(|example| example.name == name).ok_or_else(|| Error::Parameter {
            name: "the example",
            expected: format!("one of {}{}", names().collect::<Vec<_>>().join(", "), did_you_mean(name, names())),
            got: name.to_owned(),
        })
    }

    /// Writes it, whole or not at all: the same bytes everywhere.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        match (self.make)()? {
            Content::Bytes(bytes) => write_atomically(path, |out| out.write_all(&bytes)),
            Content::Arrays(arrays) => write_npz(path, &arrays),
        }
    }
}

/// `count` independent draws from a law; each `trial` has a stream of its own.
fn draws(law: Law, count: usize, trial: u64) -> Result<Vec<f64>, Error> {
    const SEED: u64 = 20_260_522;
    Ok(planted_factors(law, (count, 1), 1, SEED, trial)?.side(Side::U).to_vec())
}

/// Noise of this size.
fn noise(size: f64, count: usize, trial: u64) -> Result<impl Iterator<Item = f64>, Error> {
    Ok(draws(Law::Gaussian, count, trial)?.into_iter().map(move |z| size * z))
}

/// UVᵀ of row-major factors (·×rank), row by row.
fn product(u: &[f64], v: &[f64], rank: usize) -> Vec<f64> {
    let entry = |u: &[f64], v: &[f64]| u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>();
    u.chunks_exact(rank).flat_map(|u| v.chunks_exact(rank).map(move |v| entry(u, v))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg::data::{ReadOptions, read, read_instance, read_rpca_instance};

    fn made(name: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let example = ExampleFile::named(name).expect("known");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(example.file);
        example.write(&path).expect("written");
        (folder, path)
    }

    /// Every file is read as the format that its name promises, and is the same each time.
    #[test]
    fn every_file_can_be_read() {
        for example in EXAMPLE_FILES {
            let (_one, path) = made(example.name);
            let (_two, again) = made(example.name);
            assert_eq!(std::fs::read(&path).expect("there"), std::fs::read(&again).expect("there"), "{}", example.name);
            assert!(example.next.contains(example.file) && example.next.starts_with("thalweg "), "{}", example.next);
            match example.name {
                "sensing" => {
                    let instance = read_instance(&path, thalweg::data::InstanceKind::Sensing, &ReadOptions::default()).expect("reads");
                    assert!(instance.truth.is_some());
                }
                "frames" => assert_eq!(read_rpca_instance(&path, &ReadOptions::default()).expect("reads").shape, (30, 192)),
                name => {
                    let unfold = (name == "minerals").then_some(0);
                    let data = read(&path, &ReadOptions { unfold, ..ReadOptions::default() }).unwrap_or_else(|e| panic!("{name}: {e}"));
                    let summary = data.matrix.summary();
                    assert!(summary.min >= 0.0 && summary.observed > 1000, "{name}: {summary:?}");
                }
            }
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let message = ExampleFile::named("gens").err().expect("unknown").to_string();
        assert!(message.contains("minerals") && message.contains("did you mean \"genes\""), "{message}");
    }
}
