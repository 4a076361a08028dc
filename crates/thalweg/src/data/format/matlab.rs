//! MATLAB files of version 5 to 7: numbers and sparse matrices, compressed or not. (Version 7.3 is HDF5: see `hdf5.rs`.)
//!
//! A file is a header of 128 bytes and a list of elements, each a type, a length and its bytes; a variable is an element of elements: flags,
//! dimensions, name, numbers. Cells, structures, text and complex numbers are passed over.
//!
//! Format: The MathWorks, "MAT-File Format" (level 5).

use super::array::{self, Arrays, Content, Cube, Variable};
use super::compressed::Compressed;
use super::parsed::Parsed;
use super::{Format, Input, ReadOptions};
use crate::Error;
use crate::data::arrays::raw::{Raw, Type, c_order};
use crate::data::arrays::{Array, Numbers};
use crate::data::source::{Budget, Source, read_within, shown};
use flate2::read::ZlibDecoder;
use std::io::Read;

pub(super) const FORMAT: Format = Format {
    name: "matlab",
    about: "MATLAB .mat of version 5 to 7: the matrix (or --variable), full or sparse, of any type of real numbers; \
            a cube is unfolded, its last axis the columns, or --unfold",
    extensions: &["mat"],
    sample,
    sniff: |input, _| input.bytes().starts_with(MAGIC) && input.bytes().get(126..128).is_some_and(|mark| mark == b"IM" || mark == b"MI"),
    read,
    list: None,
};

const MAGIC: &[u8] = b"MATLAB 5.0 MAT-file";
const HEADER_BYTES: usize = 128;
/// Flags, dimensions and name of a variable stand within so many bytes.
const VARIABLE_HEADER_BYTES: u64 = 4096;
const MAX_VARIABLES: usize = 10_000;

const INT8: u32 = 1;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const DOUBLE: u32 = 9;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

const CLASS_SPARSE: u32 = 5;
const FLAG_COMPLEX: u32 = 0x800;

fn sample() -> Vec<(&'static str, Vec<u8>)> {
    let element = |kind: u32, data: &[u8]| {
        let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    };
    let class_double: u32 = 6;
    let flags = [class_double.to_le_bytes(), [0; 4]].concat();
    let sides = [2u32.to_le_bytes(), 3u32.to_le_bytes()].concat();
    let numbers: Vec<u8> = [1.0, 4.0, 2.0, 5.0, 3.0, 6.5f64].iter().flat_map(|x| x.to_le_bytes()).collect();
    let parts = [element(UINT32, &flags), element(INT32, &sides), element(INT8, b"x"), element(DOUBLE, &numbers)].concat();
    let mut file = MAGIC.to_vec();
    file.resize(124, b' ');
    file.extend([0, 1, b'I', b'M']);
    file.extend(element(MATRIX, &parts));
    vec![("sample.mat", file)]
}

/// Elements one after the other.
#[derive(Clone, Copy)]
struct Elements<'a> {
    source: &'a Source,
    bytes: &'a [u8],
    /// Place of the next one.
    at: usize,
    big_endian: bool,
}

/// One of them.
#[derive(Clone, Copy)]
struct Element<'a> {
    kind: u32,
    /// Its bytes, or those that are there.
    data: &'a [u8],
    /// Bytes that it says it has.
    length: usize,
}

impl<'a> Elements<'a> {
    fn malformed(&self, expected: impl Into<String>, found: impl Into<String>) -> Error {
        self.source.malformed(format!("byte {}", self.at), expected, found)
    }

    fn word(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk::<4>()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// The next element; what is cut off is seen by its length.
    fn next(&mut self) -> Result<Option<Element<'a>>, Error> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let truncated = self.malformed("an element of at least 8 bytes", format!("{} bytes", self.bytes.len() - self.at));
        let (Some(first), Some(second)) = (self.word(self.at), self.word(self.at + 4)) else { return Err(truncated) };
        // up to 4 bytes may stand in the tag itself, whose length and type then share a word
        let (kind, length, start, end) = match first >> 16 {
            0 => {
                let padding = if first == COMPRESSED { 1 } else { 8 };
                (first, second as usize, self.at + 8, (self.at + 8 + second as usize).next_multiple_of(padding))
            }
            small @ 1..=4 => (first & 0xffff, small as usize, self.at + 4, self.at + 8),
            more => return Err(self.malformed("at most 4 bytes in a short element", more.to_string())),
        };
        let start = start.min(self.bytes.len());
        let data = &self.bytes[start..(start + length).min(self.bytes.len())];
        self.at = end;
        Ok(Some(Element { kind, data, length }))
    }

    /// The next element, which must be there and whole.
    fn whole(&mut self, what: &str) -> Result<Element<'a>, Error> {
        match self.next()? {
            Some(element) if element.data.len() == element.length => Ok(element),
            Some(element) => Err(self.malformed(format!("{what} of {} bytes", element.length), format!("{} bytes", element.data.len()))),
            None => Err(self.malformed(what, "the end")),
        }
    }

    /// The numbers of the next element, stored in whatever type takes least room.
    fn numbers(&mut self, what: &str, budget: &Budget) -> Result<Numbers, Error> {
        let element = self.whole(what)?;
        let Some(raw) = raw(element.kind, self.big_endian) else {
            return Err(self.malformed(format!("numbers for {what}"), format!("an element of type {}", element.kind)));
        };
        // once decoded, once more while an order or a type changes
        budget.claim_items(what, (element.data.len() / raw.size) as u64, 16)?;
        Ok(raw.decode(element.data))
    }

    /// The whole numbers of the next element.
    fn wholes(&mut self, what: &str, budget: &Budget) -> Result<Vec<u64>, Error> {
        match self.numbers(what, budget)? {
            Numbers::U64(wholes) => Ok(wholes),
            _ => Err(self.malformed(format!("whole numbers from 0 for {what}"), "others")),
        }
    }
}

fn raw(kind: u32, big_endian: bool) -> Option<Raw> {
    let (kind, size) = match kind {
        1 => (Type::Int, 1),
        2 => (Type::Uint, 1),
        3 => (Type::Int, 2),
        4 => (Type::Uint, 2),
        5 => (Type::Int, 4),
        6 => (Type::Uint, 4),
        7 => (Type::Float, 4),
        9 => (Type::Float, 8),
        12 => (Type::Int, 8),
        13 => (Type::Uint, 8),
        _ => return None,
    };
    Some(Raw { kind, size, big_endian })
}

/// What stands before the numbers of a variable.
struct Header {
    class: u32,
    is_complex: bool,
    shape: Vec<usize>,
    name: String,
}

impl Header {
    /// None for what is no array of numbers.
    fn read(parts: &mut Elements, budget: &Budget) -> Result<Option<Self>, Error> {
        let flags = parts.whole("the flags of a variable")?;
        let flags = Elements { bytes: flags.data, at: 0, ..*parts }.word(0).ok_or_else(|| parts.malformed("the flags of a variable", "too few"))?;
        let class = flags & 0xff;
        if !matches!(class, CLASS_SPARSE..=15) {
            return Ok(None);
        }
        let shape = parts.wholes("the dimensions of a variable", budget)?;
        let name = parts.whole("the name of a variable")?;
        if !(2..=32).contains(&shape.len()) {
            return Err(parts.malformed("2 to 32 dimensions", shape.len().to_string()));
        }
        let name = String::from_utf8_lossy(name.data).into_owned();
        let shape = shape.into_iter().map(|side| side as usize).collect();
        Ok(Some(Header { class, is_complex: flags & FLAG_COMPLEX != 0, shape, name }))
    }
}

/// An open file: its variables of numbers, and where they stand.
struct Variables<'a> {
    source: &'a Source,
    budget: &'a Budget,
    big_endian: bool,
    elements: Vec<Element<'a>>,
    variables: Vec<Variable>,
}

impl<'a> Variables<'a> {
    fn open(source: &'a Source, budget: &'a Budget) -> Result<Self, Error> {
        let bytes = &source.bytes[..];
        let big_endian = match bytes.get(124..HEADER_BYTES) {
            Some([_, 1, b'I', b'M']) if bytes.starts_with(MAGIC) => false,
            Some([1, _, b'M', b'I']) if bytes.starts_with(MAGIC) => true,
            _ => {
                let start = shown(&bytes[..bytes.len().min(24)]);
                return Err(source.malformed("header", "that of a MATLAB file of version 5 to 7", start));
            }
        };
        let mut file = Variables { source, budget, big_endian, elements: Vec::new(), variables: Vec::new() };
        let mut elements = Elements { source, bytes, at: HEADER_BYTES, big_endian };
        while let Some(element) = elements.next()? {
            if element.data.len() < element.length {
                return Err(elements.malformed(format!("a variable of {} bytes", element.length), format!("{} bytes", element.data.len())));
            }
            if file.elements.len() == MAX_VARIABLES {
                return Err(source.malformed("its variables", format!("at most {MAX_VARIABLES}"), "more"));
            }
            file.list(element)?;
        }
        Ok(file)
    }

    fn list(&mut self, element: Element<'a>) -> Result<(), Error> {
        if !matches!(element.kind, MATRIX | COMPRESSED) {
            return Ok(());
        }
        let start = self.content(element, Some(VARIABLE_HEADER_BYTES))?;
        let mut parts = self.parts(&start)?;
        let header = Header::read(&mut parts, self.budget)?;
        self.budget.release(start.bytes.len() as u64);
        if let Some(header) = header {
            self.elements.push(element);
            self.variables.push(Variable { name: header.name, shape: header.shape });
        }
        Ok(())
    }

    /// The first bytes of a variable, or all of them, uncompressed and with its tag.
    fn content(&self, element: Element, first: Option<u64>) -> Result<Source, Error> {
        let fail = |e: std::io::Error| self.source.malformed("a compressed variable", "valid compressed data", e.to_string());
        let first = first.unwrap_or(u64::MAX);
        let bytes = match element.kind {
            COMPRESSED => read_within(ZlibDecoder::new(element.data).take(first), 0, self.budget, "a variable", fail)?,
            _ => {
                let tag = [MATRIX, element.length as u32].map(|word| if self.big_endian { word.to_be_bytes() } else { word.to_le_bytes() });
                let file = tag.as_flattened().chain(element.data);
                read_within(file.take(first), 0, self.budget, "a variable", fail)?
            }
        };
        Ok(Source { path: self.source.path.clone(), part: Some("a variable".into()), bytes })
    }

    /// The elements of a variable.
    fn parts<'b>(&self, content: &'b Source) -> Result<Elements<'b>, Error> {
        let mut outer = Elements { source: content, bytes: &content.bytes, at: 0, big_endian: self.big_endian };
        match outer.next()? {
            Some(Element { kind: MATRIX, data, .. }) => Ok(Elements { bytes: data, at: 0, ..outer }),
            _ => Err(self.source.malformed("a variable", "an element of type 14, an array", "another")),
        }
    }
}

impl Arrays for Variables<'_> {
    fn variables(&self) -> &[Variable] {
        &self.variables
    }

    fn load(&mut self, at: usize) -> Result<Content, Error> {
        let mut content = self.content(self.elements[at], None)?;
        content.part = Some(format!("variable {}", shown(self.variables[at].name.as_bytes())));
        let mut parts = self.parts(&content)?;
        let Some(header) = Header::read(&mut parts, self.budget)? else {
            return Err(parts.malformed("numbers", "none"));
        };
        if header.is_complex {
            return Err(content.malformed("its numbers", "real numbers", "complex ones"));
        }
        let found = if header.class == CLASS_SPARSE { sparse(parts, &header, self.budget)? } else { full(parts, header, self.budget)? };
        self.budget.release(content.bytes.len() as u64);
        Ok(found)
    }
}

fn full(mut parts: Elements, header: Header, budget: &Budget) -> Result<Content, Error> {
    let places = header.shape.iter().try_fold(1usize, |n, &side| n.checked_mul(side));
    let values = parts.numbers("the numbers of a variable", budget)?;
    if places != Some(values.len()) {
        return Err(parts.malformed(format!("numbers for shape {:?}", header.shape), values.len().to_string()));
    }
    let single = 7;
    let values = match c_order(values, &header.shape) {
        // stored as whole numbers to save room
        Numbers::U64(wholes) if header.class == single => Numbers::F32(wholes.into_iter().map(|x| x as f32).collect()),
        values => values,
    };
    Ok(Content::Full(Array { shape: header.shape, values }))
}

/// A sparse matrix by columns; it says nothing about the entries that it does not store.
fn sparse(mut parts: Elements, header: &Header, budget: &Budget) -> Result<Content, Error> {
    let &[rows, cols] = &header.shape[..] else {
        return Err(parts.malformed("a sparse matrix of two dimensions", header.shape.len().to_string()));
    };
    let (row_of, starts) = (parts.wholes("the row indices", budget)?, parts.wholes("the column starts", budget)?);
    let values = parts.numbers("the numbers of a variable", budget)?.into_f64();
    let arrays = Compressed { rows, cols, by_row: false, starts, indices: row_of, values };
    Ok(Content::Listed(arrays.parsed(parts.source, budget)?))
}

fn read(input: &Input, options: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let mut variables = Variables::open(input.origin(), budget)?;
    array::read(input.origin(), &mut variables, Cube::LastIsColumns, options, budget)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::format::tests::{bytes, dense};

    #[test]
    fn numbers_stand_by_columns() {
        let data = bytes("x.mat", &sample()[0].1).expect("reads");
        assert_eq!((data.format, dense(&data)), ("matlab", vec![vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.5]]));
    }

    #[test]
    fn damage_is_named() {
        let says = |change: &dyn Fn(&mut Vec<u8>), word: &str| {
            let mut file = sample()[0].1.clone();
            change(&mut file);
            let message = bytes("x.mat", &file).expect_err(word).to_string();
            assert!(message.contains(word), "{message:?} lacks {word:?}");
        };
        says(&|f| f.truncate(200), "a variable of");
        says(&|f| f.truncate(100), "version 5 to 7");
        says(&|f| f[132..136].copy_from_slice(&u32::MAX.to_le_bytes()), "a variable of 4294967295 bytes");
        says(&|f| f[160] = 9, "numbers for shape [9, 3]");
        says(&|f| f[160..164].copy_from_slice(&u32::MAX.to_le_bytes()), "whole numbers from 0");
        says(&|f| f[145] = 8, "real numbers");
        says(&|f| f[144] = 1, "two or more dimensions");
    }
}
