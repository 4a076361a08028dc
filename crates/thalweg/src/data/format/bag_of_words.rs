//! Bags of words as the UCI repository keeps them: <https://archive.ics.uci.edu/dataset/164/bag+of+words>
//!
//! Three lines with the numbers of documents, words and entries; then `document word count`, from 1. A word that is not listed for a document
//! is not in it.

use super::listing::Listing;
use super::parsed::{Parsed, Unlisted, claim_listed};
use super::text::{self, Fields, Line, Separator, TextStream, whole};
use super::{Format, Input, Layout, ReadOptions};
use crate::Error;
use crate::data::source::{Budget, Source, shown};
use crate::data::{Duplicates, Triplet};

pub(super) const FORMAT: Format = Format {
    name: "bag-of-words",
    about: "UCI bag of words (docword): documents are rows, words are columns, entries that are not listed are 0",
    extensions: &[],
    sample: || vec![("docword.sample.txt", b"2\n3\n4\n1 1 2\n1 3 1\n2 2 5\n2 3 1\n".to_vec())],
    sniff: |input, options| options.layout == Layout::Auto && input.is_text() && (input.file_name().starts_with("docword") || has_header(input)),
    read,
    list: Some(list),
};

/// Whether three lines of one whole number stand before a line of three.
fn has_header(input: &Input) -> bool {
    let is_wholes = |line: Line, count: usize| {
        let fields = || Fields::new(line.bytes, Separator::Blanks);
        fields().take(count + 1).count() == count && fields().all(|field| whole(field).is_some())
    };
    let mut lines = text::lines(input.bytes());
    [1, 1, 1, 3].into_iter().all(|count| lines.next().is_some_and(|line| is_wholes(line, count)))
}

/// One of the numbers that stand first.
struct Size {
    of: &'static str,
    limit: u64,
}

const SIZES: [Size; 3] =
    [Size { of: "documents", limit: u32::MAX as u64 }, Size { of: "words", limit: u32::MAX as u64 }, Size { of: "entries", limit: u64::MAX }];

impl Size {
    fn read(&self, source: &Source, line: Line<'_>) -> Result<u64, Error> {
        let expected = || format!("the number of {}, at most {}", self.of, self.limit);
        let number = whole(line.bytes.trim_ascii()).filter(|&n| n <= self.limit);
        number.ok_or_else(|| source.malformed(format!("line {}", line.number), expected(), shown(line.bytes)))
    }
}

fn missing(source: &Source, size: &Size) -> Error {
    source.malformed(format!("number of {}", size.of), "a whole number", "the end of the file")
}

fn miscounted(source: &Source, claimed: u64, count: u64) -> Error {
    source.malformed("its entries", format!("{claimed}, as its third number says"), count.to_string())
}

fn list(mut text: TextStream<'_>, _: &ReadOptions, budget: &Budget, take: &mut dyn FnMut(Triplet) -> Result<(), Error>) -> Result<Listing, Error> {
    let source = text.origin.clone();
    let (mut sizes, mut count) = (Vec::new(), 0u64);
    text.each_line(&source, budget, |line| match sizes[..] {
        [rows, cols, _] => {
            count += 1;
            take(entry(&source, line, rows as usize, cols as usize)?)
        }
        _ => {
            sizes.push(SIZES[sizes.len()].read(&source, line)?);
            Ok(())
        }
    })?;
    match sizes[..] {
        [rows, cols, claimed] if claimed == count => Ok(Listing::new([rows as usize, cols as usize], Duplicates::Sum, Unlisted::Zero, None)),
        [_, _, claimed] => Err(miscounted(&source, claimed, count)),
        _ => Err(missing(&source, &SIZES[sizes.len()])),
    }
}

fn read(input: &Input, _: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let source = input.origin();
    let mut lines = text::lines(text::body(source)?);
    let mut sizes = [0; 3];
    for (what, size) in SIZES.iter().zip(&mut sizes) {
        let line = lines.next().ok_or_else(|| missing(source, what))?;
        *size = what.read(source, line)?;
    }
    let [rows, cols] = [sizes[0] as usize, sizes[1] as usize];
    let claimed = sizes[2];
    let count = lines.clone().count();
    if count as u64 != claimed {
        return Err(miscounted(source, claimed, count as u64));
    }
    claim_listed(budget, rows, cols, count)?;
    let mut entries = Vec::with_capacity(count);
    for line in lines {
        entries.push(entry(source, line, rows, cols)?);
    }
    Ok(Parsed::listed(rows, cols, entries, Duplicates::Sum, Unlisted::Zero))
}

fn entry(source: &Source, line: Line, rows: usize, cols: usize) -> Result<Triplet, Error> {
    let mut fields = Fields::new(line.bytes, Separator::Blanks);
    let mut number = |field: usize, first: u64, last: u64| {
        let text = fields.next().unwrap_or_default();
        let expected = || format!("a whole number from {first} to {last}");
        whole(text).filter(|n| (first..=last).contains(n)).ok_or_else(|| source.malformed(line.place(field), expected(), shown(text)))
    };
    let (document, word) = (number(0, 1, rows as u64)?, number(1, 1, cols as u64)?);
    let count = number(2, 0, 1 << 53)?;
    match fields.next() {
        None => Ok(Triplet { row: (document - 1) as u32, col: (word - 1) as u32, value: count as f64 }),
        Some(text) => Err(source.malformed(line.place(3), "the end of the line", shown(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::format::Missing;
    use crate::data::format::tests::{bytes, dense, read_bytes};

    #[test]
    fn counts_with_zeros_between() {
        let data = bytes("counts.txt", &(FORMAT.sample)()[0].1).expect("known by its content");
        assert_eq!((data.format, data.matrix.kind()), ("bag-of-words", "sparse"));
        assert_eq!(dense(&data), [[2.0, 0.0, 1.0], [0.0, 5.0, 1.0]]);
        let absent = ReadOptions { missing: Missing::Absent, ..ReadOptions::default() };
        assert_eq!(read_bytes("counts.txt", &(FORMAT.sample)()[0].1, &absent).expect("reads").matrix.kind(), "observed");
    }

    #[test]
    fn damage_is_named() {
        let says = |text: &str, word: &str| {
            let message = bytes("docword.x.txt", text.as_bytes()).expect_err(word).to_string();
            assert!(message.contains(word), "{message:?} lacks {word:?}");
        };
        says("2\n3\n", "number of entries");
        says("2\nx\n1\n", "line 2: expected the number of words");
        says("2\n3\n2\n1 1 1\n", "expected 2, as its third number says, found 1");
        says("2\n3\n1\n3 1 1\n", "line 4, column 1: expected a whole number from 1 to 2");
        says("2\n3\n1\n1 0 1\n", "line 4, column 2");
        says("2\n3\n1\n1 1 -1\n", "line 4, column 3");
        says("2\n3\n1\n1 1 1 1\n", "the end of the line");
        says("4294967295\n4294967295\n1\n1 1 1\n", "over the limit");
        says("5000000000\n3\n1\n1 1 1\n", "at most 4294967295");
    }
}
