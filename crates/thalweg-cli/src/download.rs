//! Files fetched from the network: only when asked, and kept only if they are the ones that were meant.

use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;
use thalweg::Error;
use thalweg::data::write_atomically;

/// No file of the catalogue is larger.
const MOST_BYTES: u64 = 4 << 30;
/// A server that says nothing for so long is not there.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fetches `url` into `path`, whose folder is made. A file of another SHA-256 is not kept.
///
/// # Errors
/// [`Error::Io`] if it cannot be fetched or written, [`Error::Malformed`] for another file.
pub fn download(url: &str, path: &Path, sha256: &str) -> Result<(), Error> {
    let unreachable = |source: ureq::Error| Error::Io { path: url.into(), source: io::Error::other(source) };
    let patient = ureq::Agent::config_builder().timeout_connect(Some(PATIENCE)).timeout_recv_response(Some(PATIENCE)).build();
    let mut response = ureq::Agent::from(patient).get(url).call().map_err(unreachable)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| Error::Io { path: folder.to_owned(), source })?;
    }
    let mut found = None;
    let written = write_atomically(path, |out| {
        let mut hashed = Hashed { out, hash: Sha256::new() };
        io::copy(&mut response.body_mut().with_config().limit(MOST_BYTES).reader(), &mut hashed)?;
        let is: String = hashed.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let is_it = is == sha256;
        found = Some(is);
        if is_it { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    });
    match found {
        Some(found) if found != sha256 => {
            let expected = format!("the file of the catalogue, {sha256}");
            Err(Error::Malformed { path: url.into(), place: "SHA-256".into(), expected, found })
        }
        _ => written,
    }
}

/// Hashes what it passes on.
struct Hashed<W> {
    out: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    /// Answers one request with this text, and is gone.
    fn server(status: &'static str, text: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/file", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a request");
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}", text.len());
        });
        url
    }

    #[test]
    fn only_the_file_that_was_meant_is_kept() {
        const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/file");
        let is_empty = || std::fs::read_dir(path.parent().expect("a folder")).map_or(true, |mut files| files.next().is_none());
        for (status, text) in [("200 OK", "abd"), ("200 OK", "ab"), ("404 Not Found", "abc")] {
            assert!(download(&server(status, text), &path, OF_ABC).is_err() && is_empty(), "{status} {text}");
        }
        assert!(matches!(download("http://127.0.0.1:1/file", &path, OF_ABC), Err(Error::Io { .. })));
        download(&server("200 OK", "abc"), &path, OF_ABC).expect("downloads");
        assert_eq!(std::fs::read(&path).expect("is there"), b"abc");
    }
}
