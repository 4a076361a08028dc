//! One array in NumPy's `.npy` format.
//!
//! The header is parsed here and not by the `npyz` crate, whose parser recurses on nested brackets until the stack is gone, allocates
//! what the header claims as its own length, and brings along a second zip library with a C compressor.
//!
//! Format: NEP 1, <https://numpy.org/neps/nep-0001-npy-format.html>

use super::raw::{Raw, Type, c_order};
use super::{Array, Numbers};
use crate::Error;
use crate::data::source::{Budget, Source, shown};
use std::io::{self, Write};

pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";
/// Bytes in which a header of two dimensions ends, whatever its padding: NumPy's own fit 64 KiB in the first format.
pub(crate) const HEADER_LIMIT: u64 = 1 << 16;
const SUPPORTED: &str = "a floating-point (f4, f8), integer (i1-i8, u1-u8) or bool array";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number(Type),
    /// `S` and `U`: read only for the word that names SciPy's sparse format.
    Text,
}

/// What stands before the numbers.
#[derive(Debug)]
pub(crate) struct Header {
    kind: Kind,
    /// Bytes of one number.
    size: usize,
    big_endian: bool,
    fortran: bool,
    pub shape: Vec<usize>,
    /// Where the numbers begin.
    data_at: usize,
}

impl Header {
    /// Reads the header of a whole file or of its first bytes.
    pub(crate) fn parse(source: &Source) -> Result<Self, Error> {
        let bytes = &source.bytes[..];
        if !bytes.starts_with(MAGIC) {
            return Err(source.malformed("start", "the magic bytes of a .npy array", shown(&bytes[..bytes.len().min(6)])));
        }
        let truncated = || source.malformed("header", "a complete header", format!("the end after {} bytes", bytes.len()));
        let (length, text_at) = match bytes.get(6).ok_or_else(truncated)? {
            1 => (bytes.get(8..10).map(|b| u64::from(u16::from_le_bytes([b[0], b[1]]))), 10),
            2 | 3 => (bytes.get(8..12).map(|b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))), 12),
            version => return Err(source.malformed("header", "format version 1, 2 or 3", format!("version {version}"))),
        };
        let end = text_at as u64 + length.ok_or_else(truncated)?;
        let text = usize::try_from(end).ok().and_then(|end| bytes.get(text_at..end)).ok_or_else(truncated)?;
        let (mut header, end) = (Dictionary { source, text, at: 0 }.parse()?, end as usize);
        header.data_at = end;
        Ok(header)
    }

    /// Whether the first axis is the fastest.
    pub(crate) fn is_fortran(&self) -> bool {
        self.fortran
    }

    /// How its numbers are stored, where they begin, and bytes they take.
    pub(crate) fn layout(&self, source: &Source) -> Result<(Raw, usize, usize), Error> {
        let Kind::Number(kind) = self.kind else {
            return Err(source.malformed("header", SUPPORTED, "an array of text"));
        };
        let too_large = || source.malformed("header", "a shape that fits 64 bits", format!("{:?}", self.shape));
        let (_, bytes) = self.size().ok_or_else(too_large)?;
        Ok((Raw { kind, size: self.size, big_endian: self.big_endian }, self.data_at, bytes))
    }

    /// Places of the array, and bytes they take.
    fn size(&self) -> Option<(usize, usize)> {
        let count = self.shape.iter().try_fold(1usize, |n, &side| n.checked_mul(side))?;
        Some((count, count.checked_mul(self.size)?))
    }
}

/// Parses the one kind of Python dictionary that stands in a header:
/// `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`.
struct Dictionary<'a> {
    source: &'a Source,
    text: &'a [u8],
    at: usize,
}

impl Dictionary<'_> {
    fn parse(mut self) -> Result<Header, Error> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.token(b'{')?;
        while !self.skip(b'}') {
            let key = self.string()?;
            self.token(b':')?;
            match key.as_str() {
                "descr" => descr = Some(self.descr()?),
                "fortran_order" => fortran = Some(self.truth()?),
                "shape" => shape = Some(self.shape()?),
                other => return Err(self.source.malformed("header", "the keys descr, fortran_order and shape", shown(other.as_bytes()))),
            }
            if !self.skip(b',') {
                self.token(b'}')?;
                break;
            }
        }
        match (descr, fortran, shape) {
            (Some((kind, size, big_endian)), Some(fortran), Some(shape)) => Ok(Header { kind, size, big_endian, fortran, shape, data_at: 0 }),
            _ => Err(self.source.malformed("header", "the keys descr, fortran_order and shape", "fewer")),
        }
    }

    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn skip(&mut self, token: u8) -> bool {
        let is_next = self.peek() == Some(token);
        self.at += usize::from(is_next);
        is_next
    }

    fn token(&mut self, token: u8) -> Result<(), Error> {
        if self.skip(token) { Ok(()) } else { Err(self.unexpected(format!("'{}'", token as char))) }
    }

    fn unexpected(&self, expected: impl Into<String>) -> Error {
        let rest = &self.text[self.at..];
        let found = if rest.is_empty() { "its end".to_owned() } else { shown(rest) };
        self.source.malformed(format!("header, character {}", self.at + 1), expected, found)
    }

    fn word(&mut self, of: impl Fn(&u8) -> bool) -> &str {
        self.peek();
        let start = self.at;
        self.at += self.text[start..].iter().take_while(|&b| of(b)).count();
        std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default()
    }

    fn string(&mut self) -> Result<String, Error> {
        let quote = match self.peek() {
            Some(quote @ (b'\'' | b'"')) => quote,
            _ => return Err(self.unexpected("a string")),
        };
        self.at += 1;
        let string = self.word(|&b| b != quote).to_owned();
        self.token(quote)?;
        Ok(string)
    }

    fn truth(&mut self) -> Result<bool, Error> {
        match self.word(u8::is_ascii_alphabetic) {
            "True" => Ok(true),
            "False" => Ok(false),
            _ => Err(self.unexpected("True or False")),
        }
    }

    fn shape(&mut self) -> Result<Vec<usize>, Error> {
        let mut shape = Vec::new();
        self.token(b'(')?;
        while !self.skip(b')') {
            let digits = self.word(u8::is_ascii_digit);
            let side = digits.parse().ok();
            shape.push(side.ok_or_else(|| self.unexpected("a length that fits 64 bits"))?);
            if shape.len() > 32 {
                return Err(self.unexpected("at most 32 dimensions"));
            }
            self.skip(b'L'); // written by Python 2
            if !self.skip(b',') {
                self.token(b')')?;
                break;
            }
        }
        Ok(shape)
    }

    fn descr(&mut self) -> Result<(Kind, usize, bool), Error> {
        if self.peek() == Some(b'[') {
            return Err(self.source.malformed("header", SUPPORTED, "a structured array"));
        }
        let descr = self.string()?;
        let refused = |found: String| self.source.malformed("header", SUPPORTED, found);
        let mut characters = descr.chars();
        let big_endian = match characters.next() {
            Some('>') => true,
            Some('<' | '|' | '=') => false,
            _ => return Err(refused(format!("type {}", shown(descr.as_bytes())))),
        };
        let letter = characters.next();
        if letter == Some('O') {
            return Err(refused("an array of Python objects: a pickle, which can run any code when it is loaded".to_owned()));
        }
        let size: usize = characters.as_str().parse().unwrap_or(0);
        let kind = match (letter, size) {
            (Some('f'), 4 | 8) => Kind::Number(Type::Float),
            (Some('i'), 1 | 2 | 4 | 8) => Kind::Number(Type::Int),
            (Some('u'), 1 | 2 | 4 | 8) => Kind::Number(Type::Uint),
            (Some('b'), 1) => Kind::Number(Type::Truth),
            (Some('S' | 'U'), 1..) => Kind::Text,
            _ => return Err(refused(format!("type {}", shown(descr.as_bytes())))),
        };
        let bytes_each = if letter == Some('U') { 4 } else { 1 };
        Ok((kind, size.saturating_mul(bytes_each), big_endian))
    }
}

/// Reads an array.
pub(crate) fn parse(source: &Source, budget: &Budget) -> Result<Array, Error> {
    let header = Header::parse(source)?;
    let (count, data) = numbers(source, &header)?;
    let (raw, ..) = header.layout(source)?;
    // once decoded, once more while an order or a type changes
    budget.claim_items("its numbers", count as u64, 16)?;
    let values = raw.decode(data);
    let values = if header.fortran && header.shape.len() > 1 { c_order(values, &header.shape) } else { values };
    budget.release(8 * count as u64);
    Ok(Array { shape: header.shape, values })
}

/// Reads the word in an array that holds nothing else.
pub(crate) fn parse_word(source: &Source) -> Result<String, Error> {
    let header = Header::parse(source)?;
    let (count, data) = numbers(source, &header)?;
    if header.kind != Kind::Text || count != 1 {
        return Err(source.malformed("header", "one word", "something else"));
    }
    // UTF-32 of an ASCII word is the word between zeros
    let letters = data.iter().copied().filter(|&b| b != 0).collect();
    String::from_utf8(letters).map_err(|e| source.malformed("its text", "one word", shown(e.as_bytes())))
}

/// How many numbers follow the header, and their bytes.
fn numbers<'a>(source: &'a Source, header: &Header) -> Result<(usize, &'a [u8]), Error> {
    let data = &source.bytes[header.data_at..];
    match header.size() {
        Some((count, bytes)) if bytes == data.len() => Ok((count, data)),
        Some((_, bytes)) => Err(source.malformed("data", format!("{bytes} bytes for shape {:?}", header.shape), format!("{} bytes", data.len()))),
        None => Err(source.malformed("header", "a shape that fits 64 bits", format!("{:?}", header.shape))),
    }
}

/// Writes an array in format version 1.0, little-endian, C order.
pub(crate) fn write(array: &Array, out: &mut impl Write) -> io::Result<()> {
    let descr = match array.values {
        Numbers::F32(_) => "<f4",
        Numbers::F64(_) => "<f8",
        Numbers::U64(_) => "<u8",
    };
    let sides: String = array.shape.iter().map(|side| format!("{side}, ")).collect();
    let shape = if array.shape.len() == 1 { sides.trim_end() } else { sides.trim_end_matches(", ") };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    // the numbers begin at a multiple of 64 bytes, after the closing newline
    let padding = 63 - (MAGIC.len() + 4 + header.len()) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let length = u16::try_from(header.len()).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "too many dimensions"))?;
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    match &array.values {
        Numbers::F32(x) => x.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
        Numbers::F64(x) => x.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
        Numbers::U64(x) => x.iter().try_for_each(|x| out.write_all(&x.to_le_bytes())),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::path::Path;

    /// A `.npy` file with any header text.
    pub(crate) fn raw(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn parse_bytes(bytes: Vec<u8>) -> Result<Array, Error> {
        let path = Path::new("x.npy");
        parse(&Source { path: path.into(), part: None, bytes }, &Budget::new(path, 1 << 20))
    }

    fn header(descr: &str, fortran: &str, shape: &str) -> String {
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
    }

    #[test]
    fn what_is_written_is_read() {
        for array in [
            Array { shape: vec![2, 3], values: Numbers::F64(vec![1.5, -0.0, f64::MIN_POSITIVE, 1e300, 4.0, 5.0]) },
            Array { shape: vec![3], values: Numbers::F32(vec![1.5, 2.5, f32::NAN]) },
            Array { shape: vec![], values: Numbers::U64(vec![u64::MAX]) },
            Array { shape: vec![2, 0, 3], values: Numbers::F64(vec![]) },
        ] {
            let mut bytes = Vec::new();
            write(&array, &mut bytes).expect("writes");
            assert_eq!(Header::parse(&Source { path: "x".into(), part: None, bytes: bytes.clone() }).expect("header").data_at % 64, 0);
            let again = parse_bytes(bytes).expect("reads");
            assert_eq!(format!("{again:?}"), format!("{array:?}"));
        }
    }

    #[test]
    fn every_type_in_both_byte_orders() {
        for (descr, data) in [
            ("|i1", vec![1, 2]),
            ("|u1", vec![1, 2]),
            ("|b1", vec![1, 2]),
            ("<i2", vec![1, 0, 2, 0]),
            (">u2", vec![0, 1, 0, 2]),
            (">i4", vec![0, 0, 0, 1, 0, 0, 0, 2]),
            ("<u8", vec![1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]),
            (">f4", [1f32.to_be_bytes(), 2f32.to_be_bytes()].concat()),
            (">f8", [1f64.to_be_bytes(), 2f64.to_be_bytes()].concat()),
        ] {
            let array = parse_bytes(raw(&header(descr, "False", "(2,)"), &data)).expect(descr);
            let second = if descr == "|b1" { 1.0 } else { 2.0 };
            assert_eq!(array.values.into_f64(), [1.0, second], "{descr}");
        }
        let array = parse_bytes(raw(&header("|i1", "False", "(2,)"), &[255, 2])).expect("negative");
        assert_eq!(array.values, Numbers::F64(vec![-1.0, 2.0]));
    }

    #[test]
    fn fortran_order_becomes_c_order() {
        let matrix = parse_bytes(raw(&header("|u1", "True", "(2, 3)"), &[1, 4, 2, 5, 3, 6])).expect("2-D");
        assert_eq!(matrix.values, Numbers::U64(vec![1, 2, 3, 4, 5, 6]));
        let cube = parse_bytes(raw(&header("|u1", "True", "(2, 2, 2)"), &[0, 4, 2, 6, 1, 5, 3, 7])).expect("3-D");
        assert_eq!(cube.values, Numbers::U64((0..8).collect()));
    }

    #[test]
    fn damage_is_named() {
        let says = |bytes: Vec<u8>, word: &str| {
            let message = parse_bytes(bytes).expect_err(word).to_string();
            assert!(message.contains(word), "{message:?} lacks {word:?}");
        };
        says(raw(&header("|O", "False", "(2,)"), b"cposix\nsystem"), "pickle");
        says(raw(&header("<c16", "False", "(1,)"), &[0; 16]), "<c16");
        says(raw("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", &[0; 8]), "structured");
        says(raw(&header("<f8", "False", "(9223372036854775808, 8)"), &[]), "fits 64 bits");
        says(raw(&header("<f8", "False", "(99999999999999999999,)"), &[]), "fits 64 bits");
        says(raw(&header("<f8", "False", "(10000000000000,)"), &[0; 8]), "80000000000000 bytes");
        says(raw(&header("<f8", "False", "(-1,)"), &[]), "-1");
        says(raw(&header("<f8", "Maybe", "(1,)"), &[0; 8]), "True or False");
        says(raw("{'descr': '<f8', 'shape': (1,), }", &[0; 8]), "fewer");
        says(raw(&"(".repeat(60_000), &[]), "'{'");
        says(raw(&header("<f8", "False", &format!("({})", "1, ".repeat(40))), &[0; 8]), "32 dimensions");
        let mut long = raw("", &[]);
        (long[6], long[8], long[9]) = (2, 255, 255);
        long.extend([255, 255]);
        says(long, "complete header");
    }
}
