//! What is read: a file, decompressed, or the images of a folder.

use super::natural;
use crate::Error;
use crate::data::source::{Budget, Source, read_within};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Extensions of the files that are read from a folder.
const FOLDER_EXTENSIONS: [&str; 4] = ["pgm", "ppm", "pnm", "png"];

/// A file, or a folder as its image files in natural order of their relative names.
pub(super) struct Input {
    /// The file; without bytes for a folder.
    origin: Source,
    /// Relative name and content of each image of a folder.
    images: Option<Vec<(String, Source)>>,
    /// Files of a folder that are no images.
    others: usize,
}

impl Input {
    /// Reads everything, and takes the SHA-256 of the bytes as they are stored.
    pub(super) fn load(path: &Path, budget: &Budget) -> Result<(Self, String), Error> {
        let mut hash = Sha256::new();
        let metadata = fs::metadata(path).map_err(io_error(path))?;
        let input = if metadata.is_dir() { Self::load_folder(path, budget, &mut hash)? } else { Self::load_file(path, budget, &mut hash)? };
        Ok((input, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    fn load_file(path: &Path, budget: &Budget, hash: &mut Sha256) -> Result<Self, Error> {
        let stored = load_stored(path, budget)?;
        hash.update(&stored.bytes);
        Ok(Input { origin: decompressed(stored, budget)?, images: None, others: 0 })
    }

    fn load_folder(path: &Path, budget: &Budget, hash: &mut Sha256) -> Result<Self, Error> {
        let mut names = Vec::new();
        let others = image_names(path, "", budget, &mut names)?;
        names.sort_by(|a, b| natural::compare(a.as_bytes(), b.as_bytes()));
        let mut images = Vec::with_capacity(names.len());
        for name in names {
            let stored = load_stored(&path.join(&name), budget)?;
            // lengths and a separator, so that no two folders run together into the same bytes
            hash.update(name.as_bytes());
            hash.update([0]);
            hash.update((stored.bytes.len() as u64).to_le_bytes());
            hash.update(&stored.bytes);
            images.push((name, decompressed(stored, budget)?));
        }
        Ok(Input { origin: Source { path: path.to_path_buf(), part: None, bytes: Vec::new() }, images: Some(images), others })
    }

    /// The file, to read it or to say what is wrong with it.
    pub(super) fn origin(&self) -> &Source {
        &self.origin
    }

    /// The bytes of a file; none for a folder.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.origin.bytes
    }

    /// The images of a folder.
    pub(super) fn images(&self) -> Option<&[(String, Source)]> {
        self.images.as_deref()
    }

    /// How many files of a folder are no images.
    pub(super) fn others(&self) -> usize {
        self.others
    }

    /// Lets go of the bytes; the path is still needed for messages.
    pub(super) fn into_origin(mut self, budget: &Budget) -> Source {
        let in_folder: usize = self.images.take().iter().flatten().map(|(_, image)| image.bytes.len()).sum();
        let bytes = std::mem::take(&mut self.origin.bytes);
        budget.release((bytes.len() + in_folder) as u64);
        self.origin
    }

    /// How the file name ends, in lower case and before `.gz`.
    pub(super) fn extension(&self) -> Option<String> {
        extension(&self.origin.path)
    }

    /// The file's own name in lower case.
    pub(super) fn file_name(&self) -> String {
        self.origin.path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default()
    }

    /// Whether the file begins like text: binary formats have a zero byte soon.
    pub(super) fn is_text(&self) -> bool {
        let start = &self.bytes()[..self.bytes().len().min(4096)];
        !start.is_empty() && !start.contains(&0)
    }
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io { path: path.to_path_buf(), source }
}

fn extension(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    Some(name.rsplit_once('.')?.1.to_owned())
}

fn load_stored(path: &Path, budget: &Budget) -> Result<Source, Error> {
    let fail = io_error(path);
    let file = File::open(path).map_err(&fail)?;
    let size = file.metadata().map_err(&fail)?.len();
    let bytes = read_within(file, size, budget, "the file", fail)?;
    Ok(Source { path: path.to_path_buf(), part: None, bytes })
}

/// The same bytes, or what they unpack to if they are gzipped, whatever the file's name says.
fn decompressed(stored: Source, budget: &Budget) -> Result<Source, Error> {
    if !stored.bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(stored);
    }
    let decoder = MultiGzDecoder::new(&stored.bytes[..]);
    let fail = |e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => stored.malformed("gzip stream", "its end mark", "the end of the file"),
        _ => stored.malformed("gzip stream", "valid compressed data", e.to_string()),
    };
    let bytes = read_within(decoder, 0, budget, "the decompressed file", fail)?;
    budget.release(stored.bytes.len() as u64);
    Ok(Source { bytes, ..stored })
}

/// Collects the relative names of the image files in a folder and its subfolders; returns how many other files there are, hidden ones not
/// counted. Links to folders are not followed: they could lead round in circles.
fn image_names(folder: &Path, prefix: &str, budget: &Budget, names: &mut Vec<String>) -> Result<usize, Error> {
    let fail = io_error(folder);
    let mut others = 0;
    for entry in fs::read_dir(folder).map_err(&fail)? {
        let entry = entry.map_err(&fail)?;
        let (kind, path) = (entry.file_type().map_err(&fail)?, entry.path());
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_image = || extension(&path).is_some_and(|e| FOLDER_EXTENSIONS.contains(&e.as_str())) && path.is_file();
        if name.starts_with('.') {
            continue;
        } else if kind.is_dir() {
            others += image_names(&path, &format!("{prefix}{name}/"), budget, names)?;
        } else if entry.file_name().to_str().is_some() && is_image() {
            budget.claim("the file names of the folder", 2 * (prefix.len() + name.len()) as u64 + 256)?;
            names.push(format!("{prefix}{name}"));
        } else {
            others += 1;
        }
    }
    Ok(others)
}
