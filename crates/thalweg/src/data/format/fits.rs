//! FITS: images (and cubes) and the columns of binary tables, big-endian, with BSCALE/BZERO, TSCAL/TZERO, BLANK and TNULL.
//!
//! A file is a list of units; each is a header of cards of 80 bytes and its data, both padded to blocks of 2880 bytes.
//!
//! Format: FITS Working Group (2018), "Definition of the Flexible Image Transport System", version 4.0.

use super::array::{self, Arrays, Content, Cube, Variable};
use super::parsed::Parsed;
use super::{Format, Input, ReadOptions};
use crate::Error;
use crate::data::arrays::raw::{Raw, Type};
use crate::data::arrays::{Array, Numbers};
use crate::data::source::{Budget, Source, shown};
use std::collections::HashMap;

pub(super) const FORMAT: Format = Format {
    name: "fits",
    about: "FITS image or column of a binary table (--variable DATA, COADD.flux); the wavelengths of a cube are the rows, or --unfold; \
            weights from --variance STAT or --weights ivar",
    extensions: &["fits", "fit", "fts"],
    sample,
    sniff: |input, _| input.bytes().starts_with(MAGIC),
    read,
    list: None,
};

const MAGIC: &[u8] = b"SIMPLE  =";
const BLOCK: usize = 2880;
const CARD: usize = 80;
const MAX_UNITS: usize = 10_000;
const MAX_COLUMNS: usize = 999;

fn sample() -> Vec<(&'static str, Vec<u8>)> {
    let cards =
        ["SIMPLE  =                    T", "BITPIX  =                  -32", "NAXIS   =                    2", "NAXIS1  =                    3"];
    let mut file: Vec<u8> =
        cards.into_iter().chain(["NAXIS2  =                    2", "END"]).flat_map(|card| format!("{card:80}").into_bytes()).collect();
    file.resize(BLOCK, b' ');
    file.extend([1.0, 2.0, 3.0, 4.0, 5.0, 6.5f32].iter().flat_map(|x| x.to_be_bytes()));
    vec![("sample.fits", file)]
}

/// The cards of a header that have a value.
struct Header<'a> {
    source: &'a Source,
    /// For messages: `unit 3`.
    place: String,
    values: HashMap<&'a str, &'a str>,
    /// Where the data begin.
    end: usize,
}

impl<'a> Header<'a> {
    fn read(source: &'a Source, unit: usize, at: usize, budget: &Budget) -> Result<Self, Error> {
        let mut header = Header { source, place: format!("header of unit {unit}"), values: HashMap::new(), end: at };
        let truncated = || source.malformed(format!("header of unit {unit}"), "an END card", "the end of the file");
        for card in source.bytes[at..].chunks(CARD) {
            header.end += CARD;
            let text = std::str::from_utf8(card).map_err(|_| header.malformed("cards of ASCII text", shown(card)))?;
            if text.trim_end() == "END" {
                header.end = at + (header.end - at).next_multiple_of(BLOCK);
                return Ok(header);
            }
            if !text.is_ascii() {
                return Err(header.malformed("cards of ASCII text", shown(card)));
            }
            if card.len() == CARD && &text[8..10] == "= " {
                budget.claim("its headers", 64)?;
                header.values.insert(text[..8].trim_end(), value(&text[10..]));
            }
        }
        Err(truncated())
    }

    fn malformed(&self, expected: impl Into<String>, found: impl Into<String>) -> Error {
        self.source.malformed(self.place.clone(), expected, found)
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.values.get(key).map(|value| value.trim_matches('\'').trim_end())
    }

    fn number(&self, key: &str) -> Result<Option<f64>, Error> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        // Fortran writes exponents with a D
        let number = value.replace(['D', 'd'], "E").parse().ok().filter(|x: &f64| x.is_finite());
        number.map(Some).ok_or_else(|| self.malformed(format!("a number for {key}"), shown(value.as_bytes())))
    }

    fn whole(&self, key: &str) -> Result<Option<usize>, Error> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| self.malformed(format!("a whole number for {key}"), shown(value.as_bytes())))
    }

    fn needed(&self, key: &str) -> Result<usize, Error> {
        self.whole(key)?.ok_or_else(|| self.malformed(format!("the key {key}"), "none"))
    }

    /// Length along each axis, the last one fastest, the other way round from NAXIS1, NAXIS2, …
    fn shape(&self) -> Result<Vec<usize>, Error> {
        let axes = self.needed("NAXIS")?;
        if axes > 32 {
            return Err(self.malformed("at most 32 axes", axes.to_string()));
        }
        (1..=axes).rev().map(|axis| self.needed(&format!("NAXIS{axis}"))).collect()
    }
}

/// The value of a card without its comment.
fn value(text: &str) -> &str {
    let text = text.trim_start();
    if let Some(quoted) = text.strip_prefix('\'') {
        let end = quoted.find('\'').unwrap_or(quoted.len());
        return &text[..end + 1];
    }
    text.split('/').next().unwrap_or_default().trim_end()
}

/// Numbers at equal distances in the data of a unit, and how they are meant: x = zero + scale · stored.
#[derive(Clone)]
struct Field {
    raw: Raw,
    /// Where the first number stands in the file.
    start: usize,
    /// How many stand together, and the bytes from one group to the next.
    together: usize,
    step: usize,
    scale: f64,
    zero: f64,
    /// The stored whole number that stands for a gap.
    blank: Option<f64>,
}

/// The units of a file as arrays: `NAME` for images, `NAME.COLUMN` for columns.
struct Units<'a> {
    source: &'a Source,
    budget: &'a Budget,
    variables: Vec<Variable>,
    fields: Vec<Field>,
}

impl<'a> Units<'a> {
    fn open(source: &'a Source, budget: &'a Budget) -> Result<Self, Error> {
        let mut units = Units { source, budget, variables: Vec::new(), fields: Vec::new() };
        let (mut at, mut unit) = (0, 0);
        if !source.bytes.starts_with(MAGIC) {
            return Err(source.malformed("start", "the card SIMPLE", shown(&source.bytes[..source.bytes.len().min(30)])));
        }
        while at < source.bytes.len() {
            // what follows the last unit may be anything
            if unit > 0 && !source.bytes[at..].starts_with(b"XTENSION=") {
                break;
            }
            if unit == MAX_UNITS {
                return Err(source.malformed("its units", format!("at most {MAX_UNITS}"), "more"));
            }
            let header = Header::read(source, unit, at, budget)?;
            let length = units.list(&header, unit)?;
            at = header.end.saturating_add(length).checked_next_multiple_of(BLOCK).unwrap_or(usize::MAX);
            unit += 1;
        }
        Ok(units)
    }

    /// Lists what a unit holds, and returns the bytes of its data.
    fn list(&mut self, header: &Header, unit: usize) -> Result<usize, Error> {
        let raw = match header.values.get("BITPIX").copied() {
            Some("8") => (Type::Uint, 1),
            Some("16") => (Type::Int, 2),
            Some("32") => (Type::Int, 4),
            Some("64") => (Type::Int, 8),
            Some("-32") => (Type::Float, 4),
            Some("-64") => (Type::Float, 8),
            other => return Err(header.malformed("8, 16, 32, 64, -32 or -64 for BITPIX", shown(other.unwrap_or_default().as_bytes()))),
        };
        let raw = Raw { kind: raw.0, size: raw.1, big_endian: true };
        let shape = header.shape()?;
        let product = if shape.is_empty() { Some(0) } else { shape.iter().try_fold(1usize, |n, &side| n.checked_mul(side)) };
        let (extra, groups) = (header.whole("PCOUNT")?.unwrap_or(0), header.whole("GCOUNT")?.unwrap_or(1));
        let length = product.and_then(|n| n.checked_add(extra)?.checked_mul(groups)?.checked_mul(raw.size));
        let there = self.source.bytes.len().saturating_sub(header.end);
        let Some(length) = length.filter(|&length| length <= there) else {
            return Err(header.malformed(format!("data of shape {shape:?}"), format!("{there} bytes")));
        };
        let name = header.text("EXTNAME").map_or_else(|| unit.to_string(), str::to_owned);
        let kind = header.text("XTENSION").unwrap_or("IMAGE");
        match kind {
            "BINTABLE" if header.values.get("ZIMAGE") == Some(&"T") => {}
            "BINTABLE" => self.list_columns(header, &name, &shape)?,
            "IMAGE" if !shape.is_empty() => {
                let step = shape.iter().product::<usize>().saturating_mul(raw.size);
                let scale = (header.number("BSCALE")?.unwrap_or(1.0), header.number("BZERO")?.unwrap_or(0.0));
                let blank = header.number("BLANK")?.filter(|_| raw.kind != Type::Float);
                let together = shape.iter().product();
                self.push(name, shape, Field { raw, start: header.end, together, step, scale: scale.0, zero: scale.1, blank })?;
            }
            _ => {}
        }
        Ok(length)
    }

    fn push(&mut self, name: String, shape: Vec<usize>, field: Field) -> Result<(), Error> {
        self.budget.claim("its list of arrays", 256 + name.len() as u64)?;
        self.variables.push(Variable { name, shape });
        self.fields.push(field);
        Ok(())
    }

    fn list_columns(&mut self, header: &Header, table: &str, shape: &[usize]) -> Result<(), Error> {
        let &[rows, row_bytes] = shape else {
            return Err(header.malformed("a table of two axes", shape.len().to_string()));
        };
        let columns = header.needed("TFIELDS")?;
        if columns > MAX_COLUMNS {
            return Err(header.malformed(format!("at most {MAX_COLUMNS} columns"), columns.to_string()));
        }
        let mut offset = 0usize;
        for column in 1..=columns {
            let form = header.text(&format!("TFORM{column}")).ok_or_else(|| header.malformed(format!("the key TFORM{column}"), "none"))?;
            let (repeat, letter) = form_of(form).ok_or_else(|| header.malformed(format!("a type for TFORM{column}"), shown(form.as_bytes())))?;
            let bytes = letter_bytes(letter, repeat);
            let end = bytes.and_then(|bytes| offset.checked_add(bytes)).filter(|&end| end <= row_bytes);
            let end = end.ok_or_else(|| header.malformed(format!("columns within {row_bytes} bytes of a row"), format!("{form:?} at {offset}")))?;
            if let (Some((kind, size)), 1..) = (letter_type(letter), repeat) {
                let name = header.text(&format!("TTYPE{column}")).map_or_else(|| column.to_string(), str::to_owned);
                let number = |key: &str| header.number(&format!("{key}{column}"));
                let (scale, zero) = (number("TSCAL")?.unwrap_or(1.0), number("TZERO")?.unwrap_or(0.0));
                let blank = number("TNULL")?.filter(|_| kind != Type::Float);
                let raw = Raw { kind, size, big_endian: true };
                let field = Field { raw, start: header.end + offset, together: repeat, step: row_bytes, scale, zero, blank };
                // a number in each row is a matrix of one column
                self.push(format!("{table}.{name}"), vec![rows, repeat], field)?;
            }
            offset = end;
        }
        Ok(())
    }
}

/// Repeat count and type letter of a TFORM such as `13637E`.
fn form_of(form: &str) -> Option<(usize, char)> {
    let digits = form.find(|c: char| !c.is_ascii_digit())?;
    let repeat = if digits == 0 { 1 } else { form[..digits].parse().ok()? };
    Some((repeat, form[digits..].chars().next()?))
}

fn letter_type(letter: char) -> Option<(Type, usize)> {
    match letter {
        'B' => Some((Type::Uint, 1)),
        'I' => Some((Type::Int, 2)),
        'J' => Some((Type::Int, 4)),
        'K' => Some((Type::Int, 8)),
        'E' => Some((Type::Float, 4)),
        'D' => Some((Type::Float, 8)),
        _ => None,
    }
}

fn letter_bytes(letter: char, repeat: usize) -> Option<usize> {
    let each = match letter {
        'L' | 'A' => 1,
        'X' => return Some(repeat.div_ceil(8)),
        'C' | 'P' => 8,
        'M' | 'Q' => 16,
        other => letter_type(other)?.1,
    };
    repeat.checked_mul(each)
}

impl Arrays for Units<'_> {
    fn variables(&self) -> &[Variable] {
        &self.variables
    }

    fn load(&mut self, at: usize) -> Result<Content, Error> {
        let (field, shape) = (&self.fields[at], self.variables[at].shape.clone());
        let count: usize = shape.iter().product();
        // gathered, decoded, and once more while a type changes
        self.budget.claim_items("its numbers", count as u64, 16 + field.raw.size as u64)?;
        let mut bytes = Vec::with_capacity(count * field.raw.size);
        for group in 0..count.checked_div(field.together).unwrap_or(0) {
            let start = field.start + group * field.step;
            bytes.extend(&self.source.bytes[start..start + field.together * field.raw.size]);
        }
        let mut values = field.raw.decode(&bytes);
        if field.blank.is_some() || field.scale != 1.0 || field.zero != 0.0 {
            let meant = |x: f64| if Some(x) == field.blank { f64::NAN } else { field.zero + field.scale * x };
            values = Numbers::F64(values.into_f64().into_iter().map(meant).collect());
        }
        self.budget.release((8 + field.raw.size) as u64 * count as u64);
        Ok(Content::Full(Array { shape, values }))
    }
}

fn read(input: &Input, options: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let mut units = Units::open(input.origin(), budget)?;
    array::read(input.origin(), &mut units, Cube::FirstIsRows, options, budget)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::format::tests::{bytes, dense, read_bytes};
    use crate::data::{Missing, Precision, Weights};

    fn unit(cards: &[&str], data: &[u8]) -> Vec<u8> {
        let mut file: Vec<u8> = cards.iter().chain(&["END"]).flat_map(|card| format!("{card:80}").into_bytes()).collect();
        file.resize(file.len().next_multiple_of(BLOCK), b' ');
        file.extend(data);
        file.resize(file.len().next_multiple_of(BLOCK), 0);
        file
    }

    fn image(first: &str, bitpix: &str, extra: &[&str], sides: &[usize], data: &[u8]) -> Vec<u8> {
        let axes: Vec<String> = sides.iter().rev().enumerate().map(|(i, side)| format!("NAXIS{} = {side}", i + 1)).collect();
        let (bitpix, count) = (format!("BITPIX  = {bitpix} / a comment"), format!("NAXIS   = {}", sides.len()));
        let axes: Vec<String> = axes.iter().map(|a| a.replacen(' ', "  ", 1)).collect();
        let mut cards = vec![first, &bitpix, &count];
        cards.extend(axes.iter().map(String::as_str));
        cards.extend(extra);
        unit(&cards, data)
    }

    const PRIMARY: &str = "SIMPLE  = T";
    const EXTENSION: &str = "XTENSION= 'IMAGE   '";

    #[test]
    fn images_are_scaled_and_keep_their_precision() {
        let data = bytes("x.fits", &sample()[0].1).expect("reads");
        assert_eq!((dense(&data), data.precision), (vec![vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.5]], Precision::F32));
        let scaled = image(PRIMARY, "16", &["BSCALE  = 0.5D0", "BZERO   = 10", "BLANK   = -1"], &[1, 2], &[0, 4, 0xff, 0xff]);
        let nan = ReadOptions { missing: Missing::Nan, ..ReadOptions::default() };
        assert_eq!(dense(&read_bytes("x.fits", &scaled, &nan).expect("reads")), [[12.0, 0.0]]);
        assert!(bytes("x.fits", &scaled).expect_err("a gap").to_string().contains("--missing nan"));
    }

    #[test]
    fn a_cube_with_its_variance() {
        let floats = |x: &[f32]| x.iter().flat_map(|x| x.to_be_bytes()).collect::<Vec<_>>();
        let mut file = image(PRIMARY, "8", &[], &[], &[]);
        file.extend(image(EXTENSION, "-32", &["EXTNAME = 'DATA    '"], &[2, 1, 2], &floats(&[1.0, 2.0, f32::NAN, 4.0])));
        file.extend(image(EXTENSION, "-32", &["EXTNAME = 'STAT    '"], &[2, 1, 2], &floats(&[0.5, 0.25, f32::NAN, 2.0])));
        let message = bytes("x.fits", &file).expect_err("two").to_string();
        assert!(message.contains(r#""DATA" (2x1x2), "STAT" (2x1x2)"#) && message.contains("--variable"), "{message}");
        let weights = Some(Weights::Variance("stat".into()));
        let data = read_bytes("x.fits", &file, &ReadOptions { variable: Some("DATA".into()), weights, ..ReadOptions::default() }).expect("reads");
        let entries: Vec<_> = (0..2).flat_map(|i| data.matrix.row_entries(i).collect::<Vec<_>>()).collect();
        assert_eq!((data.matrix.kind(), data.matrix.shape(), entries), ("weighted", (2, 2), vec![(0, 1.0, 2.0), (1, 2.0, 4.0), (1, 4.0, 0.5)]));
        let other = ReadOptions { weights: Some(Weights::Given("x".into())), ..ReadOptions::default() };
        assert!(matches!(read_bytes("x.csv", b"1 2\n", &other), Err(Error::Parameter { name: "weights", .. })));
    }

    #[test]
    fn columns_of_tables() {
        let mut file = image(PRIMARY, "8", &[], &[], &[]);
        let cards = [
            "XTENSION= 'BINTABLE'",
            "BITPIX  = 8",
            "NAXIS   = 2",
            "NAXIS1  = 9",
            "NAXIS2  = 2",
            "TFIELDS = 3",
            "EXTNAME = 'T       '",
            "TFORM1  = '3A      '",
            "TTYPE1  = 'NAME    '",
            "TFORM2  = '2I      '",
            "TTYPE2  = 'FLUX    '",
            "TFORM3  = 'I       '",
            "TTYPE3  = 'ONE     '",
            "TZERO3  = 32768",
        ];
        file.extend(unit(&cards, b"abc\0\x01\0\x02\x80\x00def\0\x03\0\x04\x80\x01"));
        assert_eq!(dense(&bytes("x.fits", &file).expect("one vector column")), [[1.0, 2.0], [3.0, 4.0]]);
        for name in ["T.ONE", "one"] {
            let data = read_bytes("x.fits", &file, &ReadOptions { variable: Some(name.into()), ..ReadOptions::default() }).expect(name);
            assert_eq!(dense(&data), [[0.0], [1.0]], "unsigned numbers are signed ones with an offset");
        }
    }

    #[test]
    fn damage_is_named() {
        let says = |file: &[u8], word: &str| {
            let message = bytes("x.fits", file).expect_err(word).to_string();
            assert!(message.contains(word), "{message:?} lacks {word:?}");
        };
        says(b"SIMPLE  = T", "an END card");
        says(&image(PRIMARY, "12", &[], &[1], &[0]), "BITPIX");
        says(&image(PRIMARY, "8", &[], &[99999999999, 99999999999], &[0]), "data of shape");
        says(&image(PRIMARY, "8", &[], &[3000], &[0]), "data of shape [3000]");
        says(&image(PRIMARY, "8", &["BSCALE  = x"], &[1, 1], &[0]), "a number for BSCALE");
        says(&unit(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 40"], &[]), "at most 32 axes");
    }
}
