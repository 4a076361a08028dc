//! Files that hold files: folders, zip and tar archives. Names in them are only names: nothing is ever written.

use super::natural;
use crate::Error;
use crate::data::arrays::npz::open_zip;
use crate::data::source::{Budget, Source, read_within, shown};
use crate::data::spelling::did_you_mean;
use std::fs;
use std::io::{self, Cursor};
use std::ops::Range;
use std::path::Path;
use zip::ZipArchive;

/// What a name takes, its text apart.
const NAME_BYTES: u64 = 256;

/// Something that holds files.
pub(super) enum Container<'a> {
    Folder(&'a Path),
    Zip(Box<ZipArchive<Cursor<&'a [u8]>>>),
    /// The archive and where each of its files stands in it.
    Tar(&'a [u8], Vec<Range<usize>>),
}

/// A container with the names of its files, hidden ones left out.
pub(super) struct Files<'a> {
    source: &'a Source,
    container: Container<'a>,
    names: Vec<String>,
    /// Place of each name in an archive.
    places: Vec<usize>,
}

/// Which files are read.
pub(super) enum Choice {
    /// This one, as if it stood alone.
    One(usize),
    /// All of these, in natural order of their names.
    Several(Vec<usize>),
}

impl<'a> Files<'a> {
    /// The files of a folder and its subfolders. Links to folders are not followed: they could lead round in circles.
    pub(super) fn of_folder(source: &'a Source, budget: &Budget) -> Result<Self, Error> {
        let mut names = Vec::new();
        list_folder(&source.path, "", budget, &mut names)?;
        Ok(Files { source, container: Container::Folder(&source.path), places: (0..names.len()).collect(), names })
    }

    /// The files of an archive; none if the bytes are no archive, or one of NumPy arrays.
    pub(super) fn of_archive(source: &'a Source, budget: &Budget) -> Result<Option<Self>, Error> {
        let bytes = &source.bytes[..];
        if bytes.starts_with(b"PK\x03\x04") {
            let zip = open_zip(source, budget)?;
            let all: Vec<String> = zip.file_names_raw().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            if all.is_empty() || all.iter().any(|name| name.ends_with(".npy")) {
                return Ok(None);
            }
            return Self::of_names(source, Container::Zip(Box::new(zip)), all).map(Some);
        }
        if bytes.get(257..262) != Some(b"ustar") {
            return Ok(None);
        }
        let (names, ranges) = list_tar(source, budget)?;
        Self::of_names(source, Container::Tar(bytes, ranges), names).map(Some)
    }

    fn of_names(source: &'a Source, container: Container<'a>, all: Vec<String>) -> Result<Self, Error> {
        let is_hidden = |name: &str| name.ends_with('/') || name.starts_with("__MACOSX/") || name.split('/').any(|part| part.starts_with("._"));
        let (places, names) = all.into_iter().enumerate().filter(|(_, name)| !is_hidden(name)).unzip();
        Ok(Files { source, container, names, places })
    }

    pub(super) fn name(&self, at: usize) -> &str {
        &self.names[at]
    }

    /// Where the files come from, without bytes.
    pub(super) fn origin(&self) -> Source {
        Source { path: self.source.path.clone(), part: None, bytes: Vec::new() }
    }

    /// How many files there are.
    pub(super) fn count(&self) -> usize {
        self.names.len()
    }

    /// The file that was asked for, else all images, else all movies of the Netflix Prize, else the only file of an archive.
    pub(super) fn choose(&self, member: Option<&str>) -> Result<Choice, Error> {
        if let Some(member) = member {
            return self.named(member).map(Choice::One);
        }
        for is in [is_image as fn(&str) -> bool, is_movie] {
            let mut some: Vec<usize> = (0..self.names.len()).filter(|&at| is(&self.names[at])).collect();
            if !some.is_empty() {
                some.sort_by(|&a, &b| natural::compare(self.names[a].as_bytes(), self.names[b].as_bytes()));
                return Ok(Choice::Several(some));
            }
        }
        match (&self.container, self.names.len()) {
            (Container::Zip(_) | Container::Tar(..), 1) => Ok(Choice::One(0)),
            _ => Err(self.source.malformed("its files", "PGM, PPM or PNG images, or --member to name the file to read", self.listing())),
        }
    }

    fn named(&self, member: &str) -> Result<usize, Error> {
        if let Some(at) = self.names.iter().position(|name| name == member) {
            return Ok(at);
        }
        let ends = |name: &str| name.strip_suffix(member).is_some_and(|start| start.ends_with('/'));
        let like: Vec<usize> = (0..self.names.len()).filter(|&at| ends(&self.names[at])).collect();
        match like[..] {
            [at] => Ok(at),
            _ => {
                let found = self.listing() + &did_you_mean(member, self.names.iter().map(String::as_str));
                Err(self.source.malformed("its files", format!("one file {}", shown(member.as_bytes())), found))
            }
        }
    }

    fn listing(&self) -> String {
        const SHOWN: usize = 8;
        let list = self.names.iter().take(SHOWN).map(|name| shown(name.as_bytes())).collect::<Vec<_>>().join(", ");
        match self.names.len() {
            0 => "none".to_owned(),
            1..=SHOWN => list,
            more => format!("{list} and {} more", more - SHOWN),
        }
    }

    /// The bytes of a file as they are stored there.
    pub(super) fn read(&mut self, at: usize, budget: &Budget) -> Result<Source, Error> {
        let (name, place) = (&self.names[at], self.places[at]);
        let part = format!("member {}", shown(name.as_bytes()));
        let fail = |found: String| self.source.malformed(part.clone(), "a readable member of an archive", found);
        let bytes = match &mut self.container {
            Container::Folder(folder) => return load(&folder.join(name), budget),
            Container::Zip(zip) => {
                let member = zip.by_index(place).map_err(|e| fail(e.to_string()))?;
                read_within(member, 0, budget, &part, |e| fail(e.to_string()))?
            }
            Container::Tar(bytes, ranges) => {
                let range = ranges[place].clone();
                read_within(&bytes[range.clone()], range.len() as u64, budget, &part, |e| fail(e.to_string()))?
            }
        };
        Ok(Source { path: self.source.path.clone(), part: Some(part), bytes })
    }
}

/// The bytes of a file as they are stored.
pub(super) fn load(path: &Path, budget: &Budget) -> Result<Source, Error> {
    let fail = io_error(path);
    let file = fs::File::open(path).map_err(&fail)?;
    let size = file.metadata().map_err(&fail)?.len();
    let bytes = read_within(file, size, budget, "the file", fail)?;
    Ok(Source { path: path.to_path_buf(), part: None, bytes })
}

pub(super) fn io_error(path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io { path: path.to_path_buf(), source }
}

fn list_folder(folder: &Path, prefix: &str, budget: &Budget, names: &mut Vec<String>) -> Result<(), Error> {
    let fail = io_error(folder);
    for entry in fs::read_dir(folder).map_err(&fail)? {
        let entry = entry.map_err(&fail)?;
        let (kind, name) = (entry.file_type().map_err(&fail)?, entry.file_name());
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        if kind.is_dir() {
            list_folder(&entry.path(), &format!("{prefix}{name}/"), budget, names)?;
        } else if entry.path().is_file() {
            budget.claim("the file names of the folder", 2 * (prefix.len() + name.len()) as u64 + NAME_BYTES)?;
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

/// Names of the files of a tar archive, and where they stand. Links and devices are passed over.
fn list_tar(source: &Source, budget: &Budget) -> Result<(Vec<String>, Vec<Range<usize>>), Error> {
    let fail = |e: io::Error| source.malformed("tar archive", "a readable archive", e.to_string());
    let (mut names, mut ranges) = (Vec::new(), Vec::new());
    for entry in tar::Archive::new(&source.bytes[..]).entries().map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let start = entry.raw_file_position();
        let range = usize::try_from(start).ok().zip(start.checked_add(entry.size()).and_then(|end| usize::try_from(end).ok()));
        let Some((start, end)) = range.filter(|&(_, end)| end <= source.bytes.len()) else {
            let expected = format!("{} bytes of {}", entry.size(), shown(name.as_bytes()));
            return Err(source.malformed("tar archive", expected, "the end of the file"));
        };
        budget.claim("the file names of the archive", 2 * name.len() as u64 + NAME_BYTES)?;
        names.push(name);
        ranges.push(start..end);
    }
    Ok((names, ranges))
}

/// Last part of a name, in lower case and without what tells of compression.
pub(super) fn plain_name(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or_default().to_lowercase();
    let packed = [".gz", ".bz2", ".xz", ".zst"].iter().find_map(|end| name.strip_suffix(end));
    packed.map_or_else(|| name.clone(), str::to_owned)
}

fn is_image(name: &str) -> bool {
    plain_name(name).rsplit_once('.').is_some_and(|(_, end)| ["pgm", "ppm", "pnm", "png"].contains(&end))
}

/// `mv_0000001.txt` and so on.
fn is_movie(name: &str) -> bool {
    let name = plain_name(name);
    name.strip_prefix("mv_").and_then(|n| n.strip_suffix(".txt")).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use crate::Error;
    use crate::data::format::tests::{bytes, dense, read_bytes};
    use crate::data::{ReadOptions, read};
    use std::io::Write;

    fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).expect("starts");
            zip.write_all(bytes).expect("writes");
        }
        zip.finish().expect("finishes").into_inner()
    }

    fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = tar::Header::new_ustar();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append(&header, *bytes).expect("appends");
        }
        tar.into_inner().expect("finishes")
    }

    const TABLE: &[u8] = b"1,2\n3,4\n";

    #[test]
    fn the_only_file_of_an_archive_is_read() {
        for (name, file) in [("x.zip", zip(&[("x.csv", TABLE)])), ("x.tar", tar(&[("x.csv", TABLE)]))] {
            let data = bytes(name, &file).expect(name);
            assert_eq!((data.format, dense(&data)), ("table", vec![vec![1.0, 2.0], vec![3.0, 4.0]]));
        }
        let hidden = zip(&[("a/", b""), ("a/x.csv", TABLE), ("__MACOSX/a/._x.csv", b"\0")]);
        assert_eq!(bytes("x.zip", &hidden).expect("one").matrix.shape(), (2, 2));
    }

    #[test]
    fn one_of_several_is_named() {
        let members: [(&str, &[u8]); 3] = [("d/README", b"?"), ("d/a.csv", b"5 6\n"), ("d/b.csv", TABLE)];
        for (name, file) in [("x.zip", zip(&members)), ("x.tar", tar(&members))] {
            let message = bytes(name, &file).expect_err("three").to_string();
            assert!(message.contains("--member") && message.contains("\"d/README\""), "{message}");
            for (member, shape) in [("d/a.csv", (1, 2)), ("b.csv", (2, 2))] {
                let options = ReadOptions { member: Some(member.into()), ..ReadOptions::default() };
                assert_eq!(read_bytes(name, &file, &options).expect(member).matrix.shape(), shape);
            }
            let options = ReadOptions { member: Some("c.csv".into()), ..ReadOptions::default() };
            assert!(read_bytes(name, &file, &options).expect_err("none").to_string().contains("one file \"c.csv\""));
        }
        let options = ReadOptions { member: Some("x".into()), ..ReadOptions::default() };
        assert!(matches!(read_bytes("x.csv", TABLE, &options), Err(Error::Parameter { name: "member", .. })));
    }

    #[test]
    fn images_of_an_archive_are_rows() {
        let members: [(&str, &[u8]); 3] = [("s/10.pgm", b"P5 2 1 255\n\x03\x04"), ("s/2.pgm", b"P2 2 1 9\n1 2"), ("README", b"?")];
        for (name, file) in [("x.zip", zip(&members)), ("x.tar", tar(&members))] {
            let data = bytes(name, &file).expect(name);
            assert_eq!((data.format, dense(&data)), ("images", vec![vec![1.0, 2.0], vec![3.0, 4.0]]));
            assert_eq!(data.row_labels.expect("names"), ["s/2.pgm", "s/10.pgm"]);
        }
    }

    #[test]
    fn what_is_said_of_a_damaged_archive_can_be_shown() {
        let mut damaged = tar(&[("x.csv", TABLE)]);
        // the checksum is no number, and the name that is told beside it cannot be shown
        damaged[..3].copy_from_slice(b"\x1b[2");
        damaged[148..156].copy_from_slice(b"\n\x1b[31m--");
        let Err(Error::Malformed { found, .. }) = bytes("x.tar", &damaged) else { panic!("it is damaged") };
        assert!(found.contains("\\u{1b}") && !found.contains(char::is_control), "{found}");
    }

    /// Names that lead out of a folder, are no files on some system, run as commands, or cannot be shown.
    fn hostile_names() -> Vec<String> {
        let short = [
            "../../evil",
            "/etc/evil",
            "C:\\evil",
            "..\\..\\evil",
            "....//evil",
            "./../evil",
            "a/../../../evil",
            "~/evil",
            "file:///etc/evil",
            "//server/share/evil",
            "\\\\server\\share\\evil",
            "CON",
            "nul",
            "a\x1b[31m",
            "a\nb",
            "a\0b",
            "\u{202e}gpj",
            "名",
            "-rf",
            "$(touch evil)",
            "`touch evil`",
            "twice",
            "Twice",
        ];
        short.into_iter().map(|name| format!("{name}.pgm")).chain([format!("{}.pgm", "x".repeat(65_000))]).collect()
    }

    #[test]
    fn names_lead_nowhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = hostile_names();
        let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"P2 1 1 9\n1"[..])).collect();
        // a header of a tar archive has room for a hundred bytes, and a name ends at its first zero
        let short: Vec<_> = members.iter().copied().filter(|(name, _)| name.len() <= 100 && !name.contains('\0')).collect();
        for (name, file, count) in [("x.zip", zip(&members), members.len()), ("x.tar", tar(&short), short.len())] {
            let path = folder.path().join(name);
            std::fs::write(&path, file).expect("writes");
            assert_eq!(read(&path, &ReadOptions::default()).expect("names are only names").matrix.shape(), (count, 1));
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 2, "nothing but the archives");
    }

    #[test]
    fn links_and_devices_are_passed_over() {
        use tar::EntryType::{Block, Char, Directory, Fifo, Link, Symlink};
        let mut archive = tar::Builder::new(Vec::new());
        for (at, kind) in [Symlink, Link, Char, Block, Fifo, Directory].into_iter().enumerate() {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_size(0);
            archive.append_link(&mut header, format!("{at}.pgm"), "/etc/passwd").expect("appends");
        }
        let mut header = tar::Header::new_ustar();
        header.set_size(10);
        archive.append_data(&mut header, "6.pgm", &b"P2 1 1 9\n7"[..]).expect("appends");
        let data = bytes("x.tar", &archive.into_inner().expect("finishes")).expect("one image");
        assert_eq!((data.row_labels.clone().expect("names"), dense(&data)), (vec!["6.pgm".to_owned()], vec![vec![7.0]]));
    }

    #[test]
    fn bombs_are_refused() {
        let options = ReadOptions { max_memory: 1 << 20, ..ReadOptions::default() };
        let bomb = zip(&[("x.csv", &vec![b'1'; 32 << 20])]);
        assert!(matches!(read_bytes("x.zip", &bomb, &options), Err(crate::Error::Memory { .. })));
        let mut claim = tar(&[("x.csv", TABLE)]);
        claim[124..136].copy_from_slice(b"77777777777\0");
        let sum: u32 = claim[..512].iter().enumerate().map(|(i, &b)| if (148..156).contains(&i) { 32 } else { u32::from(b) }).sum();
        claim[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let message = bytes("x.tar", &claim).expect_err("a claim").to_string();
        assert!(message.contains("tar archive"), "{message}");
    }
}
