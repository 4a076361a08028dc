//! Several named arrays in NumPy's `.npz` format: a zip archive of `.npy` files.

use super::npy::{self, Header};
use super::{Array, Numbers};
use crate::Error;
use crate::data::atomic::write_atomically;
use crate::data::source::{Budget, Source, read_within};
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, Write};
use std::path::Path;
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

const MAX_MEMBERS: usize = 10_000;
/// What the zip library keeps for a member of an archive, its name apart.
const MEMBER_BYTES: u64 = 1024;
/// Enough for the header of any array of numbers.
const HEADER_BYTES: u64 = 4096;

/// An open archive.
pub(crate) struct Archive<'a> {
    source: &'a Source,
    budget: &'a Budget,
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Names of the arrays, sorted.
    names: Vec<String>,
}

impl<'a> Archive<'a> {
    pub(crate) fn open(source: &'a Source, budget: &'a Budget) -> Result<Self, Error> {
        let zip = open_zip(source, budget)?;
        if zip.has_duplicate_names() {
            return Err(source.malformed("zip directory", "each name once", "a name twice"));
        }
        let mut names: Vec<_> =
            zip.file_names_raw().filter_map(|name| Some(std::str::from_utf8(name).ok()?.strip_suffix(".npy")?.to_owned())).collect();
        names.sort();
        Ok(Archive { source, budget, zip, names })
    }

    /// Names of the arrays, sorted, without `.npy`.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|n| n == name)
    }

    /// Shape of an array, without reading its numbers.
    pub(crate) fn shape(&mut self, name: &str) -> Result<Vec<usize>, Error> {
        let start = self.member(name, Some(HEADER_BYTES))?;
        self.budget.release(start.bytes.len() as u64);
        Ok(Header::parse(&start)?.shape)
    }

    pub(crate) fn array(&mut self, name: &str) -> Result<Array, Error> {
        let member = self.member(name, None)?;
        let array = npy::parse(&member, self.budget)?;
        self.budget.release(member.bytes.len() as u64);
        Ok(array)
    }

    pub(crate) fn word(&mut self, name: &str) -> Result<String, Error> {
        npy::parse_word(&self.member(name, Some(HEADER_BYTES))?)
    }

    /// An [`Error::Malformed`] in an array.
    pub(crate) fn malformed(&self, name: &str, expected: impl Into<String>, found: impl Into<String>) -> Error {
        self.source.malformed(format!("array {name}"), expected, found)
    }

    /// The first bytes of a member, or all of them.
    fn member(&mut self, name: &str, first: Option<u64>) -> Result<Source, Error> {
        let (source, part) = (self.source, format!("array {name}"));
        let fail = |found: String| source.malformed(part.clone(), "a readable member of a zip archive", found);
        let file = self.zip.by_name(&format!("{name}.npy")).map_err(|e| fail(e.to_string()))?;
        let file = file.take(first.unwrap_or(u64::MAX));
        let bytes = read_within(file, 0, self.budget, &part, |e| fail(e.to_string()))?;
        Ok(Source { path: source.path.clone(), part: Some(part), bytes })
    }
}

/// Opens a zip archive with a number of members that can be kept.
pub(crate) fn open_zip<'a>(source: &'a Source, budget: &Budget) -> Result<ZipArchive<Cursor<&'a [u8]>>, Error> {
    // the library allocates for as many members as the directory could hold, so count their records before it does
    let members = source.bytes.windows(4).filter(|w| w == b"PK\x01\x02").count();
    if members > MAX_MEMBERS {
        return Err(source.malformed("zip directory", format!("at most {MAX_MEMBERS} members"), format!("{members}")));
    }
    let names = source.bytes.len().min(members * (u16::MAX as usize + 1));
    budget.claim("its zip directory", MEMBER_BYTES * members as u64 + names as u64)?;
    ZipArchive::new(Cursor::new(&source.bytes[..])).map_err(|e| unreadable(source, &e))
}

fn unreadable(source: &Source, why: &zip::result::ZipError) -> Error {
    source.malformed("zip directory", "a readable zip archive", why.to_string())
}

/// Reads every array of an `.npz` file.
///
/// # Errors
/// [`Error::Io`]; [`Error::Malformed`], also for arrays of anything but numbers; [`Error::Memory`] before more than `max_memory` bytes are
/// taken.
pub fn read_npz(path: &Path, max_memory: u64) -> Result<BTreeMap<String, Array>, Error> {
    let budget = Budget::new(path, max_memory);
    let source = load(path, &budget)?;
    let mut archive = Archive::open(&source, &budget)?;
    let names = archive.names().to_vec();
    names.into_iter().map(|name| archive.array(&name).map(|array| (name, array))).collect()
}

/// The bytes of an `.npz` file.
pub(crate) fn load(path: &Path, budget: &Budget) -> Result<Source, Error> {
    let fail = |source| Error::Io { path: path.to_path_buf(), source };
    let file = std::fs::File::open(path).map_err(fail)?;
    let size = file.metadata().map_err(fail)?.len();
    let bytes = read_within(file, size, budget, "the file", fail)?;
    Ok(Source { path: path.to_path_buf(), part: None, bytes })
}

/// Writes arrays to an `.npz` file that `numpy.load` opens; the same arrays give the same bytes. See
/// [`write_atomically`] for what a crash leaves.
///
/// # Errors
/// [`Error::Io`].
///
/// ```
/// use thalweg::data::{Array, Numbers, read_npz, write_npz};
/// # let folder = std::env::temp_dir().join(format!("thalweg-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).map_err(|source| thalweg::Error::Io { path: folder.clone(), source })?;
/// let path = folder.join("steps.npz");
/// let steps = Array::new(vec![2, 2], Numbers::F64(vec![0.5, 0.25, 0.125, 0.0625]))?;
/// write_npz(&path, &[("steps", steps.clone())])?;
/// assert_eq!(read_npz(&path, 1 << 20)?["steps"], steps);
/// # let _ = std::fs::remove_dir_all(&folder);
/// # Ok::<(), thalweg::Error>(())
/// ```
pub fn write_npz(path: &Path, arrays: &[(&str, Array)]) -> Result<(), Error> {
    write_atomically(path, |out| write_archive(arrays, out))
}

pub(crate) fn write_archive(arrays: &[(&str, Array)], out: impl Write + Seek) -> io::Result<()> {
    let mut zip = ZipWriter::new(Unfailing { out, error: None, position: 0 });
    for (name, array) in arrays {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default())
            .large_file(size_in_bytes(&array.values) > u64::from(u32::MAX / 2));
        zip.start_file(format!("{name}.npy"), options)?;
        npy::write(array, &mut io::BufWriter::new(&mut zip))?;
    }
    let mut written = zip.finish()?;
    written.error.map_or_else(|| written.out.flush(), Err)
}

/// Keeps the first error for the end and takes everything after it as written: a [`ZipWriter`] panics when it is dropped after a call that
/// failed.
struct Unfailing<W> {
    out: W,
    error: Option<io::Error>,
    /// Where the next byte goes, as the writer believes.
    position: u64,
}

impl<W> Unfailing<W> {
    fn or<T>(&mut self, result: impl FnOnce(&mut W) -> io::Result<T>, otherwise: T) -> T {
        if self.error.is_none() {
            match result(&mut self.out) {
                Ok(value) => return value,
                Err(error) => self.error = Some(error),
            }
        }
        otherwise
    }
}

impl<W: Write + Seek> Write for Unfailing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.or(|out| out.write_all(bytes), ());
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.or(Write::flush, ());
        Ok(())
    }
}

impl<W: Write + Seek> Seek for Unfailing<W> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let otherwise = match to {
            io::SeekFrom::Start(position) => position,
            io::SeekFrom::Current(by) | io::SeekFrom::End(by) => self.position.saturating_add_signed(by),
        };
        self.position = self.or(|out| out.seek(to), otherwise);
        Ok(self.position)
    }
}

fn size_in_bytes(values: &Numbers) -> u64 {
    match values {
        Numbers::F32(x) => 4 * x.len() as u64,
        Numbers::F64(_) | Numbers::U64(_) => 8 * values.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn write_zip(path: &Path, members: impl IntoIterator<Item = (String, Vec<u8>)>, method: CompressionMethod) {
        let mut zip = ZipWriter::new(fs::File::create(path).expect("creates"));
        for (name, bytes) in members {
            zip.start_file(name, SimpleFileOptions::default().compression_method(method)).expect("starts");
            zip.write_all(&bytes).expect("writes");
        }
        zip.finish().expect("finishes");
    }

    #[test]
    fn the_same_arrays_give_the_same_bytes_and_come_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let (a, b) = (folder.path().join("a.npz"), folder.path().join("b.npz"));
        let arrays = [
            ("U", Array { shape: vec![2, 1], values: Numbers::F32(vec![1.0, 2.0]) }),
            ("seed", Array { shape: vec![], values: Numbers::U64(vec![7]) }),
        ];
        write_npz(&a, &arrays).expect("writes");
        write_npz(&b, &arrays).expect("writes");
        assert_eq!(fs::read(&a).expect("a"), fs::read(&b).expect("b"));
        let read = read_npz(&a, 1 << 20).expect("reads");
        assert_eq!(read.into_iter().collect::<Vec<_>>(), arrays.map(|(name, array)| (name.to_owned(), array)));
    }

    #[test]
    fn bombs_are_refused_before_they_go_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bomb.npz");
        write_zip(&path, [("x.npy".to_owned(), vec![0; 64 << 20])], CompressionMethod::Deflated);
        assert!(fs::metadata(&path).expect("there").len() < 1 << 18);
        assert!(matches!(read_npz(&path, 1 << 20), Err(Error::Memory { .. })));

        write_zip(&path, (0..MAX_MEMBERS + 1).map(|i| (format!("{i}.npy"), vec![])), CompressionMethod::Stored);
        let message = read_npz(&path, 1 << 30).expect_err("too many").to_string();
        assert!(message.contains("at most 10000 members"), "{message}");
    }

    /// Room for so many bytes.
    struct Full(io::Cursor<Vec<u8>>, usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.position() as usize + bytes.len() > self.1 { Err(io::ErrorKind::StorageFull.into()) } else { self.0.write(bytes) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Full {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn a_full_disk_is_an_error_wherever_it_comes() {
        let arrays = ["U", "V"].map(|name| (name, Array { shape: vec![2], values: Numbers::F64(vec![1.0, 2.0]) }));
        let mut whole = io::Cursor::new(Vec::new());
        write_archive(&arrays, &mut whole).expect("writes");
        let length = whole.into_inner().len();
        for room in 0..length {
            let full = write_archive(&arrays, Full(io::Cursor::new(Vec::new()), room)).expect_err("no room");
            assert_eq!(full.kind(), io::ErrorKind::StorageFull, "room for {room} of {length}");
        }
        write_archive(&arrays, Full(io::Cursor::new(Vec::new()), length)).expect("room");
    }

    #[test]
    fn names_are_never_paths() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("slip.npz");
        let mut array = Vec::new();
        npy::write(&Array { shape: vec![1], values: Numbers::U64(vec![1]) }, &mut array).expect("writes");
        let names = ["../../evil.npy", "/etc/evil.npy", "C:\\evil.npy", "a\0b.npy", "readme.txt"];
        write_zip(&path, names.map(|name| (name.to_owned(), array.clone())), CompressionMethod::Stored);
        let read = read_npz(&path, 1 << 20).expect("names are only names");
        assert_eq!(read.len(), 4);
        assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 1);
    }
}
