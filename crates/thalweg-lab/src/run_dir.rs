//! A run directory and the files in it.

use crate::{Labels, Manifest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use thalweg::Error;
use thalweg::audit::Audit;
use thalweg::data::{remove_leftovers, write_atomically};

/// A directory that holds one fit and what was found out about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Uses the directory; nothing is created yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        RunDir { path: path.into() }
    }

    /// Creates the directory.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn create(&self) -> Result<(), Error> {
        let dir = self.path.join("restarts");
        fs::create_dir_all(&dir).map_err(|source| Error::Io { path: dir, source })
    }

    /// Keeps other processes from working in the directory until this is dropped or the process ends, however it ends, and removes what
    /// writers that were killed left half-written.
    ///
    /// A file system that knows no locks gives none, and nobody is kept out.
    ///
    /// # Errors
    /// [`Error::Io`], of kind [`io::ErrorKind::ResourceBusy`] if another process is at work.
    pub fn lock(&self) -> Result<File, Error> {
        let path = self.path.join(".lock");
        let file = fs::create_dir_all(&self.path).and_then(|()| File::create(&path)).map_err(|source| Error::Io { path: path.clone(), source })?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let source =
                    io::Error::new(io::ErrorKind::ResourceBusy, "another process is at work in this directory; wait for it or give another one");
                Err(Error::Io { path, source })
            }
            Ok(()) | Err(TryLockError::Error(_)) => {
                let folders = [self.path.clone(), self.path.join("restarts")];
                folders.iter().filter(|folder| folder.is_dir()).try_for_each(|folder| remove_leftovers(folder))?;
                Ok(file)
            }
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Factors of the best restart.
    pub fn factors(&self) -> PathBuf {
        self.path.join("factors.npz")
    }

    /// Restart number N.
    pub fn restart(&self, number: usize) -> PathBuf {
        self.path.join("restarts").join(format!("{number}.npz"))
    }

    /// What the run was given beside its data.
    pub fn given(&self) -> PathBuf {
        self.path.join("given.npz")
    }

    /// Measurements of all restarts.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.csv")
    }

    fn file<T>(&self) -> PathBuf
    where
        T: Record,
    {
        self.path.join(T::FILE)
    }

    /// Whether the record is there.
    pub fn has<T: Record>(&self) -> bool {
        self.file::<T>().exists()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::Malformed`] if it is not what its name says or of a later version.
    pub fn read<T: Record>(&self) -> Result<T, Error> {
        let path = self.file::<T>();
        let bytes = fs::read(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        serde_json::from_slice(&bytes).map_err(|reason| Error::Malformed {
            path,
            place: format!("line {}, column {}", reason.line(), reason.column()),
            expected: format!("a record of thalweg {}", env!("CARGO_PKG_VERSION")),
            found: reason.to_string(),
        })
    }

    /// Writes a record, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write<T: Record>(&self, record: &T) -> Result<(), Error> {
        let mut bytes = serde_json::to_vec_pretty(record).expect("records hold plain values");
        bytes.push(b'\n');
        write_atomically(&self.file::<T>(), |out| out.write_all(&bytes))
    }
}

/// What is kept as one JSON file of a run directory.
pub trait Record: Serialize + DeserializeOwned {
    /// Its file name.
    const FILE: &'static str;
}

impl Record for Manifest {
    const FILE: &'static str = "manifest.json";
}

impl Record for Labels {
    const FILE: &'static str = "labels.json";
}

impl Record for Audit {
    const FILE: &'static str = "audit.json";
}
