//! Named data sets: where they come from, under which terms, how each is read and prepared, and what must come out.

use super::{Dataset, ReadOptions, read};
use crate::Error;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A named data set.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Where it comes from.
    pub origin: String,
    /// Licence, or the terms of use.
    pub terms: String,
    /// What to cite.
    pub citation: String,
    /// How to get it, and where to put it.
    pub get: String,
    /// Where a program may fetch the very file; none where terms forbid it or the file is part of something else.
    pub url: Option<String>,
    /// The file or folder, below the folder of all data sets.
    pub path: PathBuf,
    /// SHA-256 as [`Dataset::sha256`] has it.
    pub sha256: String,
    /// Rows and columns, as it is read.
    pub shape: (usize, usize),
    /// Observed entries.
    pub observed: u64,
    /// n, m and r of Table 1 of the paper on star-convexity, for the data sets that are there.
    pub paper: Option<[usize; 3]>,
    /// In which this file differs from the paper's.
    #[serde(default)]
    pub differs: String,
    /// How it is read and prepared.
    #[serde(default)]
    pub read: ReadOptions,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    dataset: Vec<Entry>,
}

static CATALOGUE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let file: File = toml::from_str(include_str!("catalogue.toml")).expect("the embedded catalogue is well formed, as a test makes sure");
    file.dataset
});

/// Every named data set.
pub fn catalogue() -> &'static [Entry] {
    &CATALOGUE
}

impl Entry {
    /// Its file, in a folder of all data sets.
    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(&self.path)
    }

    /// Reads it as the catalogue says, and compares checksum, shape and number of observed entries.
    ///
    /// # Errors
    /// Those of [`read`]; [`Error::Malformed`] for a file that is another.
    pub fn open(&self, folder: &Path, max_memory: u64) -> Result<Dataset, Error> {
        let path = self.path(folder);
        let data = read(&path, &ReadOptions { max_memory, ..self.read.clone() })?;
        let differs =
            |place: &str, expected: String, found: String| Err(Error::Malformed { path: path.clone(), place: place.to_owned(), expected, found });
        if data.sha256 != self.sha256 {
            return differs("SHA-256", self.sha256.clone(), data.sha256);
        }
        let (shape, observed) = (data.matrix.shape(), data.matrix.summary().observed);
        if (shape, observed) != (self.shape, self.observed) {
            let words = |((m, n), observed): ((usize, usize), u64)| format!("{m}x{n} with {observed} observed");
            return differs("its shape", words((self.shape, self.observed)), words((shape, observed)));
        }
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_well_formed() {
        let mut names: Vec<&str> = catalogue().iter().map(|entry| entry.name.as_str()).collect();
        assert!(
            ["birdsong", "extragalactic", "goodbooks", "metabolic", "movielens", "netflix", "orl-faces", "satellite"]
                .iter()
                .all(|n| names.contains(n))
        );
        names.sort_unstable();
        assert!(names.windows(2).all(|w| w[0] != w[1]), "{names:?}");
        for entry in catalogue() {
            let texts = [&entry.about, &entry.origin, &entry.terms, &entry.citation, &entry.get];
            assert!(texts.iter().all(|text| !text.is_empty()), "{}", entry.name);
            assert!(entry.sha256.len() == 64 && entry.sha256.bytes().all(|b| b.is_ascii_hexdigit()), "{}", entry.name);
            assert!(entry.path.is_relative() && !entry.path.to_string_lossy().contains(".."), "{}", entry.name);
            assert!(entry.observed > 0 && entry.observed <= (entry.shape.0 * entry.shape.1) as u64, "{}", entry.name);
        }
        assert_eq!(catalogue().iter().filter(|entry| entry.paper.is_some()).count(), 8);
    }
}
