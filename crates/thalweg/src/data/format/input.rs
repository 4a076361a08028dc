//! What is read: a file, decompressed, or the images of a folder.

use super::container::{Choice, Files, io_error, load, plain_name};
use super::{ReadOptions, natural};
use crate::Error;
use crate::data::source::{Budget, Source, read_within};
use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::fs;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::rc::Rc;

/// A file, or several of a folder or an archive in natural order of their relative names.
pub(super) struct Input {
    /// The file; without bytes where there are several.
    origin: Source,
    /// The name that may tell the format, in lower case.
    name: String,
    /// Relative name and content of each of several files.
    files: Option<Vec<(String, Source)>>,
    /// Files left out of them.
    others: usize,
}

impl Input {
    /// Reads everything, and takes the SHA-256 of the bytes as they are stored: of the archive, or of the files of a folder that are read.
    pub(super) fn load(path: &Path, options: &ReadOptions, budget: &Budget) -> Result<(Self, String), Error> {
        let mut hash = Sha256::new();
        let metadata = fs::metadata(path).map_err(io_error(path))?;
        let input = if metadata.is_dir() {
            let folder = Source { path: path.to_path_buf(), part: None, bytes: Vec::new() };
            let files = Files::of_folder(&folder, budget)?;
            Self::chosen(files, options, budget, Some(&mut hash))?
        } else {
            Self::load_file(path, options, budget, &mut hash)?
        };
        Ok((input, hexadecimal(hash)))
    }

    /// A file whose bytes are here already, as they are: nothing is unpacked.
    pub(super) fn of_bytes(path: &Path, bytes: Vec<u8>) -> (Self, String) {
        let mut hash = Sha256::new();
        hash.update(&bytes);
        let origin = Source { path: path.to_path_buf(), part: None, bytes };
        (Input { name: own_name(path), origin, files: None, others: 0 }, hexadecimal(hash))
    }

    /// The first lines of a file, to tell its format by; all of its bytes, decompressed as they are read; and the checksum of what is read.
    pub(super) fn start_of(path: &Path) -> Result<(Self, Box<dyn Read>, Checksum), Error> {
        let fail = io_error(path);
        let sha256 = Checksum::default();
        let mut file = Checked { inner: fs::File::open(path).map_err(&fail)?, sum: sha256.clone() };
        let mut magic = Vec::new();
        (&mut file).take(MAGIC).read_to_end(&mut magic).map_err(&fail)?;
        let kind = Packing::of(&magic);
        let stored = Cursor::new(magic).chain(file);
        let mut reader: Box<dyn Read> = match kind {
            None => Box::new(stored),
            Some(Packing::Gzip) => Box::new(MultiGzDecoder::new(stored)),
            Some(Packing::Bzip2) => Box::new(MultiBzDecoder::new(stored)),
            Some(Packing::Xz) => Box::new(XzReader::new_mem_limit(stored, true, STREAM_KIBIBYTES)),
            Some(Packing::Zstd) => {
                let origin = Source { path: path.to_owned(), part: None, bytes: Vec::new() };
                return Err(origin.malformed("start", "a file read as it is, or in gzip, bzip2 or xz", "a zstd stream: unpack it first"));
            }
        };
        let mut start = Vec::new();
        (&mut reader).take(START).read_to_end(&mut start).map_err(|e| Error::Io { path: path.to_owned(), source: e })?;
        let origin = Source { path: path.to_owned(), part: None, bytes: start.clone() };
        let input = Input { origin, name: own_name(path), files: None, others: 0 };
        Ok((input, Box::new(Cursor::new(start).chain(reader)), sha256))
    }

    fn load_file(path: &Path, options: &ReadOptions, budget: &Budget, hash: &mut Sha256) -> Result<Self, Error> {
        let stored = load(path, budget)?;
        hash.update(&stored.bytes);
        let file = decompressed(stored, budget)?;
        if let Some(files) = Files::of_archive(&file, budget)? {
            let input = Self::chosen(files, options, budget, None)?;
            budget.release(file.bytes.len() as u64);
            return Ok(input);
        }
        if let Some(member) = &options.member {
            let expected = "used with a folder or an archive".to_owned();
            return Err(Error::Parameter { name: "member", expected, got: member.clone() });
        }
        Ok(Input { origin: file, name: own_name(path), files: None, others: 0 })
    }

    /// The files of a container that are read; `hash` takes names and bytes where there is no archive to take.
    fn chosen(mut container: Files, options: &ReadOptions, budget: &Budget, mut hash: Option<&mut Sha256>) -> Result<Self, Error> {
        let mut file = |at: usize, container: &mut Files| {
            let name = container.name(at).to_owned();
            let stored = container.read(at, budget)?;
            if let Some(hash) = &mut hash {
                // lengths and a separator, so that no two folders run together into the same bytes
                hash.update(name.as_bytes());
                hash.update([0]);
                hash.update((stored.bytes.len() as u64).to_le_bytes());
                hash.update(&stored.bytes);
            }
            Ok((name, decompressed(stored, budget)?))
        };
        match container.choose(options.member.as_deref())? {
            Choice::One(at) => {
                let (name, origin) = file(at, &mut container)?;
                Ok(Input { origin, name: plain_name(&name), files: None, others: 0 })
            }
            Choice::Several(places) => {
                let others = container.count() - places.len();
                let files = places.into_iter().map(|at| file(at, &mut container)).collect::<Result<Vec<_>, Error>>()?;
                Ok(Input { origin: container.origin(), name: String::new(), files: Some(files), others })
            }
        }
    }

    /// The file, to read it or to say what is wrong with it.
    pub(super) fn origin(&self) -> &Source {
        &self.origin
    }

    /// The bytes of a file; none where there are several.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.origin.bytes
    }

    /// Several files, with their names.
    pub(super) fn files(&self) -> Option<&[(String, Source)]> {
        self.files.as_deref()
    }

    /// How many files beside them were left out.
    pub(super) fn others(&self) -> usize {
        self.others
    }

    /// Lets go of the bytes; the path is still needed for messages.
    pub(super) fn into_origin(mut self, budget: &Budget) -> Source {
        let in_folder: usize = self.files.take().iter().flatten().map(|(_, file)| file.bytes.len()).sum();
        let bytes = std::mem::take(&mut self.origin.bytes);
        budget.release((bytes.len() + in_folder) as u64);
        self.origin
    }

    /// How the file name ends, in lower case and before `.gz`.
    pub(super) fn extension(&self) -> Option<&str> {
        Some(self.name.rsplit_once('.')?.1)
    }

    /// The file's own name in lower case, without `.gz`.
    pub(super) fn file_name(&self) -> &str {
        &self.name
    }

    /// Whether the file begins like text: binary formats have a zero byte soon.
    pub(super) fn is_text(&self) -> bool {
        let start = &self.bytes()[..self.bytes().len().min(4096)];
        !start.is_empty() && !start.contains(&0)
    }
}

/// Bytes by which a compression is told.
const MAGIC: u64 = 10;
/// Bytes by which a format is told.
const START: u64 = 1 << 16;
/// What an xz stream that is not held in memory may ask for.
const STREAM_KIBIBYTES: u32 = 256 << 10;

/// The SHA-256 of what was read so far.
#[derive(Clone, Default)]
pub(super) struct Checksum(Rc<RefCell<Sha256>>);

impl Checksum {
    pub(super) fn finish(self) -> String {
        hexadecimal(self.0.take())
    }
}

struct Checked<R> {
    inner: R,
    sum: Checksum,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.sum.0.borrow_mut().update(&out[..count]);
        Ok(count)
    }
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn own_name(path: &Path) -> String {
    path.file_name().map(|name| plain_name(&name.to_string_lossy())).unwrap_or_default()
}

/// What a path holds, unpacked.
#[derive(Debug)]
pub enum Unpacked {
    /// One file.
    File(Vec<u8>),
    /// The files of a folder or an archive under their relative names, in natural order of these; hidden ones and links are left out.
    Files(Vec<(String, Vec<u8>)>),
}

/// Reads a file, a folder or an archive, decompressed, whatever the bytes mean.
///
/// # Errors
/// [`Error::Io`], [`Error::Memory`] before more than `max_memory` bytes are taken, [`Error::Malformed`] for damaged archives and streams.
pub fn unpack(path: &Path, max_memory: u64) -> Result<Unpacked, Error> {
    let budget = Budget::new(path, max_memory);
    let all = |mut files: Files| {
        let mut order: Vec<usize> = (0..files.count()).collect();
        order.sort_by(|&a, &b| natural::compare(files.name(a).as_bytes(), files.name(b).as_bytes()));
        let one = |at: usize| Ok((files.name(at).to_owned(), decompressed(files.read(at, &budget)?, &budget)?.bytes));
        order.into_iter().map(one).collect::<Result<Vec<_>, Error>>().map(Unpacked::Files)
    };
    if fs::metadata(path).map_err(io_error(path))?.is_dir() {
        let folder = Source { path: path.to_path_buf(), part: None, bytes: Vec::new() };
        return all(Files::of_folder(&folder, &budget)?);
    }
    let file = decompressed(load(path, &budget)?, &budget)?;
    match Files::of_archive(&file, &budget)? {
        Some(files) => all(files),
        None => Ok(Unpacked::File(file.bytes)),
    }
}

/// How a file is compressed.
enum Packing {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Packing {
    /// By its first bytes, whatever its name says.
    fn of(start: &[u8]) -> Option<Packing> {
        match start {
            [0x1f, 0x8b, ..] => Some(Packing::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Some(Packing::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Packing::Xz),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packing::Zstd),
            _ => None,
        }
    }
}

/// The same bytes, or what they unpack to if they are compressed, whatever the file's name says.
fn decompressed(stored: Source, budget: &Budget) -> Result<Source, Error> {
    let (packed, limit) = (&stored.bytes[..], budget.left());
    let (kind, reader): (_, Box<dyn Read + '_>) = match Packing::of(packed) {
        Some(Packing::Gzip) => ("gzip stream", Box::new(MultiGzDecoder::new(packed))),
        Some(Packing::Bzip2) => ("bzip2 stream", Box::new(MultiBzDecoder::new(packed))),
        Some(Packing::Xz) => {
            let kibibytes = u32::try_from(limit >> 10).unwrap_or(u32::MAX - 1);
            ("xz stream", Box::new(XzReader::new_mem_limit(packed, true, kibibytes)))
        }
        Some(Packing::Zstd) => ("zstd stream", Box::new(Frames { rest: packed, current: None })),
        None => return Ok(stored),
    };
    let fail = |e: io::Error| match e.kind() {
        io::ErrorKind::UnexpectedEof => stored.malformed(kind, "its end mark", "the end of the file"),
        _ => stored.malformed(kind, "valid compressed data", e.to_string()),
    };
    let bytes = read_within(reader, 0, budget, "the decompressed file", fail)?;
    budget.release(stored.bytes.len() as u64);
    Ok(Source { bytes, ..stored })
}

/// The frames of a zstd file, one after the other.
struct Frames<'a> {
    rest: &'a [u8],
    current: Option<StreamingDecoder<&'a [u8], ruzstd::decoding::FrameDecoder>>,
}

impl Read for Frames<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(decoder) = &mut self.current {
                let count = decoder.read(out)?;
                if count > 0 || out.is_empty() {
                    return Ok(count);
                }
                self.rest = decoder.get_ref();
                self.current = None;
            }
            if self.rest.is_empty() {
                return Ok(0);
            }
            let frame = StreamingDecoder::new(self.rest).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
            self.current = Some(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::data::format::tests::{bytes, dense, read_bytes};
    use crate::data::{Missing, ReadOptions};

    /// Made from `1 2\n3 4\n` twice with the reference programs: `bzip2`, `xz` and `zstd`, two streams each.
    const PACKED: [(&str, &[u8]); 3] = [
        ("x.csv.bz2", include_bytes!("../../../tests/files/table.csv.bz2")),
        ("x.csv.xz", include_bytes!("../../../tests/files/table.csv.xz")),
        ("x.csv.zst", include_bytes!("../../../tests/files/table.csv.zst")),
    ];

    #[test]
    fn every_compression_and_several_streams_in_a_row() {
        for (name, file) in PACKED {
            assert_eq!(dense(&bytes(name, file).expect(name)), [[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [3.0, 4.0]], "{name}");
        }
    }

    #[test]
    fn damaged_compressed_files_are_refused() {
        let options = ReadOptions { max_memory: 1 << 20, missing: Missing::Nan, ..ReadOptions::default() };
        for (name, file) in PACKED {
            for length in 10..file.len() {
                // cut between two streams it is a whole file
                let _ = read_bytes(name, &file[..length], &options);
                let mut damaged = file.to_vec();
                damaged[length] ^= 0x55;
                let _ = read_bytes(name, &damaged, &options);
            }
            assert!(bytes(name, &file[..file.len() - 3]).is_err(), "{name}");
        }
    }
}
