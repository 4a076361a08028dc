//! Bytes with where they came from, and the memory that reading them may take.

use crate::Error;
use std::cell::Cell;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The bytes of a file, or of one member of an archive.
#[derive(Clone)]
pub(crate) struct Source {
    /// The file.
    pub path: PathBuf,
    /// The member, such as `array U`.
    pub part: Option<String>,
    /// Decompressed.
    pub bytes: Vec<u8>,
}

impl Source {
    /// An [`Error::Malformed`] in this file.
    pub(crate) fn malformed(&self, place: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Error {
        let place = match &self.part {
            Some(part) => format!("{part}, {}", place.into()),
            None => place.into(),
        };
        Error::Malformed { path: self.path.clone(), place, expected: expected.into(), found: printable(found.into()) }
    }
}

/// Memory that reading may still take. What a header claims is checked here before it is allocated.
pub(crate) struct Budget {
    path: PathBuf,
    limit: u64,
    used: Cell<u64>,
}

impl Budget {
    pub(crate) fn new(path: &Path, limit: u64) -> Self {
        Budget { path: path.to_path_buf(), limit, used: Cell::new(0) }
    }

    /// Sets memory aside.
    ///
    /// # Errors
    /// [`Error::Memory`] if it is not there.
    pub(crate) fn claim(&self, what: &str, bytes: u64) -> Result<(), Error> {
        let needed = self.used.get().saturating_add(bytes);
        if needed > self.limit {
            return Err(Error::Memory { path: self.path.clone(), what: what.to_owned(), needed, limit: self.limit });
        }
        self.used.set(needed);
        Ok(())
    }

    /// Sets memory aside for `count` items.
    pub(crate) fn claim_items(&self, what: &str, count: u64, bytes_each: u64) -> Result<(), Error> {
        self.claim(what, count.saturating_mul(bytes_each))
    }

    /// Gives memory back.
    pub(crate) fn release(&self, bytes: u64) {
        self.used.set(self.used.get().saturating_sub(bytes));
    }

    /// What is left of it.
    pub(crate) fn left(&self) -> u64 {
        self.limit - self.used.get()
    }
}

/// Everything a reader yields, as long as the budget lasts.
///
/// `size` is trusted for the first allocation only as far as the budget reaches. `fail` says what a failing reader means.
pub(crate) fn read_within(
    reader: impl Read,
    size: u64,
    budget: &Budget,
    what: &str,
    fail: impl FnOnce(io::Error) -> Error,
) -> Result<Vec<u8>, Error> {
    budget.claim(what, size)?;
    budget.release(size);
    let left = budget.left();
    let mut bytes = Vec::with_capacity(size as usize);
    reader.take(left.saturating_add(1)).read_to_end(&mut bytes).map_err(fail)?;
    budget.claim(what, bytes.len() as u64)?;
    Ok(bytes)
}

/// What a decoder says of a file, which may be a part of it: control characters escaped.
pub(crate) fn printable(said: String) -> String {
    if said.contains(char::is_control) { said.escape_debug().to_string() } else { said }
}

const SHOWN_CHARS: usize = 40;

/// Text found in a file, fit to print: quoted, control characters escaped, long ones cut.
pub(crate) fn shown(found: &[u8]) -> String {
    // four bytes hold any character, so the cut never hides one that would be shown
    let text = String::from_utf8_lossy(&found[..found.len().min(4 * SHOWN_CHARS)]);
    let mut cut: String = text.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().count() > SHOWN_CHARS || found.len() > 4 * SHOWN_CHARS {
        cut.push('…');
    }
    format!("\"{cut}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_refuses_what_is_not_there() {
        let budget = Budget::new(Path::new("x"), 100);
        budget.claim("a", 60).expect("60 of 100");
        assert!(matches!(budget.claim("b", 41), Err(Error::Memory { needed: 101, limit: 100, .. })));
        assert!(matches!(budget.claim_items("c", u64::MAX, 8), Err(Error::Memory { needed: u64::MAX, .. })));
        budget.release(60);
        budget.claim("d", 100).expect("all of it");
    }

    #[test]
    fn an_endless_reader_is_cut_off() {
        let budget = Budget::new(Path::new("x"), 1000);
        let read = read_within(io::repeat(7), 0, &budget, "zeros", |e| panic!("{e}"));
        assert!(matches!(read, Err(Error::Memory { needed: 1001, .. })));
    }

    #[test]
    fn found_text_is_safe_to_print() {
        assert_eq!(shown(b"1.2x"), "\"1.2x\"");
        assert_eq!(shown(b"\x1b[31m\0"), "\"\\u{1b}[31m\\0\"");
        assert_eq!(shown(&[b'a'; 10_000]).chars().count(), SHOWN_CHARS + 3);
        assert_eq!(shown(b"caf\xe9"), "\"caf\u{fffd}\"");
    }
}
