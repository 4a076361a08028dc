//! Matrix Market: <https://math.nist.gov/MatrixMarket/formats.html>

use super::listing::Listing;
use super::parsed::{Parsed, Unlisted, claim_listed};
use super::text::{self, Fields, Line, Separator, TextStream, Values, whole};
use super::{Format, Input, ReadOptions};
use crate::Error;
use crate::data::source::{Budget, Source, shown};
use crate::data::{Duplicates, Triplet};

pub(super) const FORMAT: Format = Format {
    name: "matrix-market",
    about: "Matrix Market: coordinate or array; real, integer or pattern; general, symmetric or skew-symmetric",
    extensions: &["mtx", "mm"],
    sample: || vec![("sample.mtx", b"%%MatrixMarket matrix coordinate real general\n% a comment\n2 2 4\n1 1 1.5\n1 2 2\n2 1 0.5\n2 2 3\n".to_vec())],
    sniff: |input, _| input.bytes().get(..BANNER.len()).is_some_and(|start| start.eq_ignore_ascii_case(BANNER)),
    read,
    list: Some(list),
};

const BANNER: &[u8] = b"%%MatrixMarket";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symmetry {
    General,
    Symmetric,
    Skew,
}

#[derive(Debug, Clone, Copy)]
struct Banner {
    is_coordinate: bool,
    /// Coordinate entries carry no value: each is 1.
    is_pattern: bool,
    symmetry: Symmetry,
}

fn read(input: &Input, _: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let source = input.origin();
    let body = text::body(source)?;
    let banner = banner(source, text::lines(body).next().map_or(&b""[..], |line| line.bytes))?;
    let mut lines = text::lines_without(body, b"%");
    let size_line = lines.next().ok_or_else(|| no_size_line(source))?;
    if banner.is_coordinate { coordinates(source, banner, size_line, lines, budget) } else { array(source, banner, size_line, lines, budget) }
}

fn no_size_line(source: &Source) -> Error {
    source.malformed("size line", "rows, columns and entries", "the end of the file")
}

/// A list of entries, told line by line.
struct Coordinates {
    banner: Banner,
    size_line: usize,
    sides: (usize, usize),
    claimed: u64,
}

impl Coordinates {
    fn new(source: &Source, banner: Banner, size_line: Line<'_>) -> Result<Self, Error> {
        let [rows, cols, claimed] = wholes(source, size_line, "three whole numbers: rows, columns, entries")?;
        Ok(Coordinates { banner, size_line: size_line.number, sides: sides(source, size_line, rows, cols, banner.symmetry)?, claimed })
    }

    fn check_count(&self, source: &Source, count: u64) -> Result<(), Error> {
        let expected = || format!("{}, as line {} says", self.claimed, self.size_line);
        if count == self.claimed { Ok(()) } else { Err(source.malformed("its entries", expected(), count.to_string())) }
    }

    /// The entry of a line, and its mirror image where the matrix is symmetric.
    fn entries(&self, line: Line<'_>, values: &mut Values<'_>) -> Result<impl Iterator<Item = Triplet>, Error> {
        let entry = coordinate(values.source, self.banner, line, self.sides, values)?;
        let is_mirrored = self.banner.symmetry != Symmetry::General && entry.row != entry.col;
        let value = if self.banner.symmetry == Symmetry::Skew { -entry.value } else { entry.value };
        Ok([Some(entry), is_mirrored.then_some(Triplet { row: entry.col, col: entry.row, value })].into_iter().flatten())
    }
}

fn list(mut text: TextStream<'_>, _: &ReadOptions, budget: &Budget, take: &mut dyn FnMut(Triplet) -> Result<(), Error>) -> Result<Listing, Error> {
    let source = text.origin.clone();
    let mut values = Values { source: &source, first_gap: None };
    let (mut found, mut list, mut count): (Option<Banner>, Option<Coordinates>, u64) = (None, None, 0);
    text.each_line(&source, budget, |line| match (found, &list) {
        (None, _) => {
            let banner = banner(&source, line.bytes)?;
            if !banner.is_coordinate {
                return Err(source.malformed("line 1", "coordinate (the entries of an array are not listed)", "array"));
            }
            found = Some(banner);
            Ok(())
        }
        _ if line.bytes[0] == b'%' => Ok(()),
        (Some(banner), None) => {
            list = Some(Coordinates::new(&source, banner, line)?);
            Ok(())
        }
        (Some(_), Some(list)) => {
            count += 1;
            list.entries(line, &mut values)?.try_for_each(&mut *take)
        }
    })?;
    let list = list.ok_or_else(|| no_size_line(&source))?;
    list.check_count(&source, count)?;
    Ok(Listing::new([list.sides.0, list.sides.1], Duplicates::Sum, Unlisted::Unsettled, values.first_gap))
}

fn banner(source: &Source, line: &[u8]) -> Result<Banner, Error> {
    let refused = |expected: &str, found: &[u8]| source.malformed("line 1", expected, shown(found));
    let words: Vec<_> = Fields::new(line, Separator::Blanks).take(6).map(|word| word.to_ascii_lowercase()).collect();
    let [banner, object, layout, field, symmetry] = &words[..] else {
        return Err(refused("%%MatrixMarket and four words", line));
    };
    if !banner.eq_ignore_ascii_case(BANNER) || object != b"matrix" {
        return Err(refused("%%MatrixMarket matrix", line));
    }
    let is_coordinate = match &layout[..] {
        b"coordinate" => true,
        b"array" => false,
        other => return Err(refused("coordinate or array", other)),
    };
    let is_pattern = match &field[..] {
        b"real" | b"double" | b"integer" | b"unsigned-integer" => false,
        b"pattern" if is_coordinate => true,
        other => return Err(refused("real or integer values, or a coordinate pattern", other)),
    };
    let symmetry = match &symmetry[..] {
        b"general" => Symmetry::General,
        b"symmetric" => Symmetry::Symmetric,
        b"skew-symmetric" => Symmetry::Skew,
        other => return Err(refused("general, symmetric or skew-symmetric", other)),
    };
    Ok(Banner { is_coordinate, is_pattern, symmetry })
}

/// The whole numbers of a line of exactly N.
fn wholes<const N: usize>(source: &Source, line: Line, what: &str) -> Result<[u64; N], Error> {
    let refused = || source.malformed(format!("line {}", line.number), what, shown(line.bytes));
    let mut fields = Fields::new(line.bytes, Separator::Blanks);
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = fields.next().and_then(whole).ok_or_else(refused)?;
    }
    if fields.next().is_some() { Err(refused()) } else { Ok(numbers) }
}

fn sides(source: &Source, line: Line, rows: u64, cols: u64, symmetry: Symmetry) -> Result<(usize, usize), Error> {
    let place = || format!("line {}", line.number);
    if rows.max(cols) > u64::from(u32::MAX) {
        return Err(source.malformed(place(), format!("sides up to {}", u32::MAX), format!("{rows}x{cols}")));
    }
    if symmetry != Symmetry::General && rows != cols {
        return Err(source.malformed(place(), "a square matrix, since it is symmetric", format!("{rows}x{cols}")));
    }
    Ok((rows as usize, cols as usize))
}

fn coordinates<'a>(
    source: &Source,
    banner: Banner,
    size_line: Line,
    lines: impl Iterator<Item = Line<'a>> + Clone,
    budget: &Budget,
) -> Result<Parsed, Error> {
    let list = Coordinates::new(source, banner, size_line)?;
    let (rows, cols) = list.sides;
    let count = lines.clone().count();
    list.check_count(source, count as u64)?;
    let mirrored = if banner.symmetry == Symmetry::General { 1 } else { 2 };
    claim_listed(budget, rows, cols, mirrored * count)?;
    let mut values = Values { source, first_gap: None };
    let mut entries = Vec::with_capacity(mirrored * count);
    for line in lines {
        entries.extend(list.entries(line, &mut values)?);
    }
    let parsed = Parsed::listed(rows, cols, entries, Duplicates::Sum, Unlisted::Unsettled);
    Ok(Parsed { gap: values.first_gap, ..parsed })
}

fn coordinate(source: &Source, banner: Banner, line: Line, (rows, cols): (usize, usize), values: &mut Values) -> Result<Triplet, Error> {
    let mut fields = Fields::new(line.bytes, Separator::Blanks);
    let mut index = |field: usize, side: usize| {
        let text = fields.next().unwrap_or_default();
        let inside = whole(text).filter(|i| (1..=side as u64).contains(i));
        inside.map(|i| (i - 1) as u32).ok_or_else(|| source.malformed(line.place(field), format!("an index from 1 to {side}"), shown(text)))
    };
    let (row, col) = (index(0, rows)?, index(1, cols)?);
    let value = match fields.next() {
        None if banner.is_pattern => 1.0,
        Some(text) if !banner.is_pattern => values.read(line, 2, text)?,
        None => return Err(source.malformed(line.place(2), "a value", "the end of the line")),
        Some(text) => return Err(source.malformed(line.place(2), "the end of the line, since a pattern has no values", shown(text))),
    };
    if let Some(text) = fields.next() {
        return Err(source.malformed(line.place(3), "the end of the line", shown(text)));
    }
    if banner.symmetry == Symmetry::Skew && row == col && value != 0.0 {
        return Err(source.malformed(line.place(2), "0 on the diagonal of a skew-symmetric matrix", value.to_string()));
    }
    Ok(Triplet { row, col, value })
}

/// Column after column; of a symmetric matrix only what is on and below the diagonal, of a skew-symmetric one what is below.
fn array<'a>(
    source: &Source,
    banner: Banner,
    size_line: Line,
    lines: impl Iterator<Item = Line<'a>> + Clone,
    budget: &Budget,
) -> Result<Parsed, Error> {
    let [rows, cols] = wholes(source, size_line, "two whole numbers: rows, columns")?;
    let (rows, cols) = sides(source, size_line, rows, cols, banner.symmetry)?;
    let fields = lines.flat_map(|line| Fields::new(line.bytes, Separator::Blanks).enumerate().map(move |(field, text)| (line, field, text)));
    let first_row = |col| match banner.symmetry {
        Symmetry::General => 0,
        Symmetry::Symmetric => col,
        Symmetry::Skew => col + 1,
    };
    let expected = match banner.symmetry {
        Symmetry::General => rows as u128 * cols as u128,
        Symmetry::Symmetric => rows as u128 * (rows as u128 + 1) / 2,
        Symmetry::Skew => rows as u128 * (rows as u128).saturating_sub(1) / 2,
    };
    let count = fields.clone().count();
    if count as u128 != expected {
        return Err(source.malformed("its values", format!("{expected}, as line {} says", size_line.number), count.to_string()));
    }
    let places = (rows as u64).saturating_mul(cols as u64);
    budget.claim_items("the matrix", places, 8)?;
    let mut table = vec![0.0; places as usize];
    let mut values = Values { source, first_gap: None };
    let positions = (0..cols).flat_map(|col| (first_row(col)..rows).map(move |row| (row, col)));
    for ((row, col), (line, field, text)) in positions.zip(fields) {
        let value = values.read(line, field, text)?;
        table[row * cols + col] = value;
        match banner.symmetry {
            Symmetry::General => {}
            Symmetry::Symmetric => table[col * cols + row] = value,
            Symmetry::Skew => table[col * cols + row] = -value,
        }
    }
    Ok(Parsed { gap: values.first_gap, ..Parsed::table(rows, cols, table) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::format::tests::{dense, read_bytes};
    use crate::data::format::{Dataset, Missing};

    fn read(text: &str) -> Result<Dataset, Error> {
        read_bytes("x.mtx", text.as_bytes(), &ReadOptions { missing: Missing::Zero, ..ReadOptions::default() })
    }

    #[test]
    fn coordinates_of_every_kind() {
        let general = read("%%matrixmarket MATRIX Coordinate Real General\r\n%\r\n2 3 3\r\n1 1 1.5\r\n2 3 -2e0\r\n1 1 1\r\n").expect("general");
        assert_eq!(dense(&general), [[2.5, 0.0, 0.0], [0.0, 0.0, -2.0]]);
        assert!(general.notes[0].contains("added"), "{:?}", general.notes);
        let symmetric = read("%%MatrixMarket matrix coordinate pattern symmetric\n2 2 2\n1 1\n2 1\n").expect("symmetric");
        assert_eq!(dense(&symmetric), [[1.0, 1.0], [1.0, 0.0]]);
        let skew = read("%%MatrixMarket matrix coordinate integer skew-symmetric\n2 2 1\n2 1 3\n").expect("skew");
        assert_eq!(dense(&skew), [[0.0, -3.0], [3.0, 0.0]]);
    }

    #[test]
    fn arrays_of_every_kind() {
        let general = read("%%MatrixMarket matrix array real general\n2 3\n1\n2\n3\n4\n5\n6\n").expect("general");
        assert_eq!(dense(&general), [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]);
        let symmetric = read("%%MatrixMarket matrix array real symmetric\n2 2\n1 2 3\n").expect("symmetric");
        assert_eq!(dense(&symmetric), [[1.0, 2.0], [2.0, 3.0]]);
        let skew = read("%%MatrixMarket matrix array real skew-symmetric\n2 2\n5\n").expect("skew");
        assert_eq!(dense(&skew), [[0.0, -5.0], [5.0, 0.0]]);
    }

    #[test]
    fn absent_entries_need_a_word_unless_there_are_none() {
        let options = ReadOptions::default();
        let full = read_bytes("x.mtx", &(FORMAT.sample)()[0].1, &options).expect("full");
        assert_eq!(full.matrix.kind(), "dense");
        let partial = b"%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 1\n";
        assert!(read_bytes("x.mtx", partial, &options).expect_err("partial").to_string().contains("--missing zero"));
        let absent = ReadOptions { missing: Missing::Absent, ..options };
        let observed = read_bytes("x.mtx", partial, &absent).expect("observed");
        assert_eq!(observed.matrix.kind(), "observed");
        assert_eq!(observed.notes, ["rows without an observed entry: 1 (2)", "columns without an observed entry: 1 (2)"]);
    }

    #[test]
    fn damage_is_named() {
        let says = |rest: &str, word: &str| {
            let message = read(&format!("%%MatrixMarket matrix {rest}")).expect_err(word).to_string();
            assert!(message.contains(word), "{message:?} lacks {word:?}");
        };
        says("coordinate real\n1 1 1\n1 1 1\n", "four words");
        says("coordinate complex general\n1 1 1\n1 1 1 0\n", "complex");
        says("coordinate real hermitian\n1 1 1\n1 1 1\n", "hermitian");
        says("array pattern general\n1 1\n", "coordinate pattern");
        says("coordinate real general\n", "the end of the file");
        says("coordinate real general\n1 1\n1 1 1\n", "line 2: expected three whole numbers");
        says("coordinate real general\n1 1 2\n1 1 1\n", "expected 2, as line 2 says, found 1");
        says("coordinate real general\n1 1 99999999999999999999\n1 1 1\n", "three whole numbers");
        says("coordinate real general\n4294967296 1 1\n1 1 1\n", "sides up to 4294967295");
        says("coordinate real general\n4000000000 4000000000 1\n1 1 1\n", "over the limit");
        says("coordinate real general\n2 2 1\n3 1 1\n", "line 3, column 1: expected an index from 1 to 2, found \"3\"");
        says("coordinate real general\n2 2 1\n1 0 1\n", "line 3, column 2");
        says("coordinate real general\n2 2 1\n1 1\n", "expected a value");
        says("coordinate real general\n2 2 1\n1 1 1 1\n", "the end of the line, found");
        says("coordinate pattern general\n2 2 1\n1 1 1\n", "a pattern has no values");
        says("coordinate real general\n2 2 1\n1 1 1e999\n", "finite");
        says("coordinate real general\n2 2 1\n1 1 nan\n", "line 3, column 3: expected a number (with --missing nan");
        says("coordinate real symmetric\n2 3 1\n1 1 1\n", "square");
        says("coordinate real skew-symmetric\n2 2 1\n1 1 1\n", "diagonal");
        says("array real general\n2 2\n1\n2\n3\n", "expected 4, as line 2 says, found 3");
        says("array real general\n4000000000 4000000000\n1\n", "found 1");
        says("coordinate real general\n0 3 0\n", "at least one row");
    }
}
