//! Files that are either complete or not there.

use crate::Error;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Writes a file through a temporary one in the same folder, synced to disk and renamed over the old one at the end.
///
/// A reader, or a crash at any moment, sees the old file or the new one, whole. Nothing is left behind if `write` fails; what a crash leaves is
/// removed by the next process that writes into the folder.
///
/// # Errors
/// [`Error::Io`].
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), Error> {
    let fail = |source| Error::Io { path: path.to_path_buf(), source };
    // a folder that cannot be listed may well be written to
    let _ = remove_leftovers(folder_of(path));
    let temporary = temporary_beside(path).map_err(fail)?;
    let written = write_and_sync(&temporary, write).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // the first error is the one to report
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_folder(path)).map_err(fail)
}

/// Removes temporary files that killed processes left in a folder, unless this process has done so before.
///
/// What belongs to a living process stays; where that cannot be told (there is no `/proc`), everything does.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be listed or a file not be removed.
pub fn remove_leftovers(folder: &Path) -> Result<(), Error> {
    let fail = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Io { path, source }
    };
    static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    // held to the end: nobody of this process writes there before
    let mut swept = SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if swept.contains(folder) {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(fail(folder))? {
        let path = entry.map_err(fail(folder))?.path();
        if writer_of(&path).is_some_and(is_gone) {
            fs::remove_file(&path).map_err(fail(&path))?;
        }
    }
    swept.insert(folder.to_path_buf());
    Ok(())
}

/// The process that wrote a temporary file.
fn writer_of(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?.strip_prefix('.')?.strip_suffix(".tmp")?;
    let (process, _) = name.rsplit_once('.')?.1.split_once('-')?;
    process.parse().ok()
}

/// A process of our own number that wrote before us is gone: containers give the same number again and again.
fn is_gone(process: u32) -> bool {
    process == std::process::id() || Path::new("/proc/self").exists() && !Path::new("/proc").join(process.to_string()).exists()
}

fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}-{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    Ok(path.with_file_name(temporary))
}

fn write_and_sync(temporary: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let create = || OpenOptions::new().write(true).create_new(true).open(temporary);
    let file = match create() {
        // left by a killed process that had our number: this one uses a name once
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(temporary).and_then(|()| create()),
        other => other,
    };
    let mut out = BufWriter::new(file?);
    write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A rename is on disk only when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder_of(path))?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("the test's folder");
        entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.txt");
        write_atomically(&path, |out| out.write_all(b"old")).expect("writes");
        let failed = write_atomically(&path, |out| {
            out.write_all(b"half of the n")?;
            Err(io::Error::other("disk full"))
        });
        assert!(matches!(failed, Err(Error::Io { .. })));
        assert_eq!(fs::read(&path).expect("still there"), b"old");
        assert_eq!(names(folder.path()), ["x.txt"]);
    }

    #[test]
    fn leftovers_of_the_dead_are_no_obstacle_and_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.txt");
        let next = temporary_beside(&path).expect("a name");
        let ours = format!(".x.txt.{}-", std::process::id());
        assert!(next.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&ours)));
        for number in 0..1000 {
            fs::write(folder.path().join(format!("{ours}{number}.tmp")), b"half").expect("writes");
        }
        write_atomically(&path, |out| out.write_all(b"whole")).expect("writes");
        assert_eq!(fs::read(&path).expect("there"), b"whole");
        for name in ["x.tmp", ".y.tmp", ".x.txt.1-0.tmp", "x.txt.4194999-0.tmp"] {
            fs::write(folder.path().join(name), b"not a dead process's").expect("writes");
        }
        remove_leftovers(folder.path()).expect("sweeps");
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, [".x.txt.1-0.tmp", ".y.tmp", "x.tmp", "x.txt", "x.txt.4194999-0.tmp"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_io_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(write_atomically(&folder.path().join("no/x"), |_| Ok(())), Err(Error::Io { .. })));
        assert!(matches!(write_atomically(Path::new("/"), |_| Ok(())), Err(Error::Io { .. })));
    }
}
