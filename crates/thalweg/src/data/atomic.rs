//! Files that are either complete or not there.

use crate::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file through a temporary one in the same folder, synced to disk and renamed over the old one at the end.
///
/// A reader, or a crash at any moment, sees the old file or the new one, whole. Nothing is left behind if `write` fails.
///
/// # Errors
/// [`Error::Io`].
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), Error> {
    let fail = |source| Error::Io { path: path.to_path_buf(), source };
    let temporary = temporary_beside(path).map_err(fail)?;
    let written = write_and_sync(&temporary, write).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // the first error is the one to report
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_folder(path)).map_err(fail)
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
    let mut out = BufWriter::new(OpenOptions::new().write(true).create_new(true).open(temporary)?);
    write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()
}

/// A rename is on disk only when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
    }
    let _ = path;
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
    fn a_folder_that_is_not_there_is_an_io_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(write_atomically(&folder.path().join("no/x"), |_| Ok(())), Err(Error::Io { .. })));
        assert!(matches!(write_atomically(Path::new("/"), |_| Ok(())), Err(Error::Io { .. })));
    }
}
