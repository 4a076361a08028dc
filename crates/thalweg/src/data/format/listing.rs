//! Files that list their entries, read one entry after the other: whatever their size, a part of the text is in memory.

use super::input::Input;
use super::parsed::{Gap, Unlisted, meaning};
use super::ratings::{Ids, Ranked};
use super::text::TextStream;
use super::{Missing, ReadOptions, format_of};
use crate::Error;
use crate::data::source::{Budget, Source};
use crate::data::{Duplicates, Triplet};
use std::path::Path;

/// Reads the entries of a text, and hands over each; NaN where the file has a gap.
pub(super) type List = fn(TextStream<'_>, &ReadOptions, &Budget, &mut dyn FnMut(Triplet) -> Result<(), Error>) -> Result<Listing, Error>;

/// What a file that lists its entries says beside them.
pub(in crate::data) struct Listing {
    /// Rows and columns.
    pub sides: [usize; 2],
    pub duplicates: Duplicates,
    /// What this format says about positions that are not listed.
    unlisted: Unlisted,
    gap: Option<Gap>,
    /// The numbers of rows and columns, by those with which the entries were handed over; the same without.
    pub ranks: Option<[Vec<u32>; 2]>,
    pub labels: [Option<Vec<String>>; 2],
    pub notes: Vec<String>,
}

impl Listing {
    pub(super) fn new(sides: [usize; 2], duplicates: Duplicates, unlisted: Unlisted, gap: Option<Gap>) -> Self {
        Listing { sides, duplicates, unlisted, gap, ranks: None, labels: [None, None], notes: Vec::new() }
    }

    /// Of ratings, by users and items.
    pub(super) fn by_id([users, items]: [Ids; 2], gap: Option<Gap>) -> Self {
        let Ranked { ranks, labels, note } = Ranked::of(users, items);
        let sides = [labels[0].len(), labels[1].len()];
        let notes = note.into_iter().collect();
        let listing = Listing::new(sides, Duplicates::KeepLast, Unlisted::Unobserved, gap);
        Listing { ranks: Some(ranks), labels: labels.map(Some), notes, ..listing }
    }

    /// Whether positions that are not listed are zeros; otherwise they are unobserved.
    ///
    /// # Errors
    /// [`Error::Malformed`] where neither the file nor the options say so, for a gap that the options do not allow, and for no entry or no side.
    fn settle(&self, origin: &Source, options: &ReadOptions) -> Result<bool, Error> {
        if let Some(gap) = self.gap.as_ref().filter(|_| matches!(options.missing, Missing::Error | Missing::Zero)) {
            let expected = "a number (with --missing nan, empty fields and NaN are unobserved)";
            return Err(origin.malformed(gap.place.clone(), expected, gap.found.clone()));
        }
        let [rows, cols] = self.sides;
        if rows == 0 || cols == 0 {
            return Err(origin.malformed("its shape", "at least one row and one column", format!("{rows}x{cols}")));
        }
        match meaning(options.missing, self.unlisted) {
            Unlisted::Zero => Ok(true),
            Unlisted::Unobserved => Ok(false),
            Unlisted::Unsettled => Err(origin.malformed(
                "entries that are not stored",
                "--missing zero (they are 0) or --missing absent (they are unobserved)",
                "nothing said about them",
            )),
        }
    }
}

/// A file whose entries are read one after the other.
pub(in crate::data) struct Entries {
    text: TextStream<'static>,
    list: List,
    sha256: super::input::Checksum,
}

impl Entries {
    /// The entries of a file of a format that lists them, if the options ask for nothing that needs all of them at once.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Malformed`] for a file of no known format.
    pub(in crate::data) fn open(path: &Path, options: &ReadOptions) -> Result<Option<Self>, Error> {
        // what an entry is may be asked for; what depends on the others may not
        let ReadOptions { missing, layout, max_memory, transpose, .. } = *options;
        let asks_for_all = *options != ReadOptions { missing, layout, max_memory, transpose, ..ReadOptions::default() };
        if asks_for_all || path.is_dir() {
            return Ok(None);
        }
        let (input, reader, sha256) = Input::start_of(path)?;
        let Some(list) = format_of(&input, options)?.list else { return Ok(None) };
        let origin = Source { path: path.to_owned(), part: None, bytes: Vec::new() };
        Ok(Some(Entries { text: TextStream { origin, reader }, list, sha256 }))
    }

    /// Hands over every entry that is observed, turned where the options ask for Xᵀ; returns what the file says beside them, whether what is
    /// not listed is 0, and the SHA-256 of the file as it is stored.
    ///
    /// # Errors
    /// As [`super::read`], and those of `take`.
    pub(in crate::data) fn each(
        self,
        options: &ReadOptions,
        budget: &Budget,
        mut take: impl FnMut(Triplet) -> Result<(), Error>,
    ) -> Result<(Listing, bool, String), Error> {
        let origin = self.text.origin.clone();
        let mut listing = (self.list)(self.text, options, budget, &mut |e| match e {
            e if e.value.is_nan() => Ok(()),
            e if options.transpose => take(Triplet { row: e.col, col: e.row, value: e.value }),
            e => take(e),
        })?;
        let is_zero = listing.settle(&origin, options)?;
        if options.transpose {
            listing.sides.reverse();
            listing.labels.reverse();
            listing.ranks.iter_mut().for_each(|ranks| ranks.reverse());
        }
        Ok((listing, is_zero, self.sha256.finish()))
    }
}
