//! Text files: lines, fields, numbers and labels.

use super::parsed::Gap;
use crate::Error;
use crate::data::source::{Budget, Source, shown};
use std::io::Read;

/// A line that is not blank.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// From 1, blank lines and comments counted.
    pub number: usize,
    pub bytes: &'a [u8],
}

impl Line<'_> {
    /// The place of a field (from 0), for messages.
    pub(super) fn place(&self, field: usize) -> String {
        format!("line {}, column {}", self.number, field + 1)
    }
}

/// The text of a file without its byte order mark.
pub(super) fn body(source: &Source) -> Result<&[u8], Error> {
    body_of(source, &source.bytes)
}

fn body_of<'b>(source: &Source, bytes: &'b [u8]) -> Result<&'b [u8], Error> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(source.malformed("start", "UTF-8 text", "UTF-16 text")),
        [0xef, 0xbb, 0xbf, body @ ..] | body => Ok(body),
    }
}

/// Lines that are not blank, ended by `\n`, `\r\n` or `\r`.
pub(super) fn lines(body: &[u8]) -> impl Iterator<Item = Line<'_>> + Clone {
    lines_after(body, 0).filter(|line| !is_blank(line))
}

fn is_blank(line: &Line<'_>) -> bool {
    line.bytes.trim_ascii().is_empty()
}

/// All lines, so many standing before them.
fn lines_after(body: &[u8], mut number: usize) -> impl Iterator<Item = Line<'_>> + Clone {
    let mut rest = Some(body);
    let next = move || {
        let bytes = rest?;
        number += 1;
        let end = bytes.iter().position(|&b| b == b'\n' || b == b'\r');
        rest = end.map(|end| &bytes[end + if bytes[end..].starts_with(b"\r\n") { 2 } else { 1 }..]);
        Some(Line { number, bytes: &bytes[..end.unwrap_or(bytes.len())] })
    };
    std::iter::from_fn(next)
}

/// Bytes of a text that are read at once.
const PART: usize = 1 << 20;

/// A text that is read once from its start to its end, a part of it in memory at a time.
pub(super) struct TextStream<'r> {
    /// The file, without its bytes.
    pub origin: Source,
    pub reader: Box<dyn Read + 'r>,
}

impl TextStream<'_> {
    /// Hands over each line that is not blank. `origin` stands for the file in messages.
    pub(super) fn each_line(&mut self, origin: &Source, budget: &Budget, mut take: impl FnMut(Line<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let (mut part, mut before, mut is_start) = (Vec::new(), 0, true);
        let size = PART.min(budget.left() as usize / 4).max(1 << 10);
        loop {
            // a line that is longer than a part makes the next twice as long
            let wanted = size.max(part.len());
            budget.claim("its longest line", (part.len() + wanted) as u64)?;
            budget.release((part.len() + wanted) as u64);
            let count = self.reader.by_ref().take(wanted as u64).read_to_end(&mut part).map_err(|e| unreadable(origin, e))?;
            if std::mem::take(&mut is_start) {
                let length = body_of(origin, &part)?.len();
                part.drain(..part.len() - length);
            }
            let is_end = count < wanted;
            let end = if is_end { part.len() } else { whole_lines(&part) };
            if end == 0 && !is_end {
                continue;
            }
            let mut last = before;
            for line in lines_after(&part[..end], before) {
                last = line.number;
                if !is_blank(&line) {
                    take(line)?;
                }
            }
            if is_end {
                return Ok(());
            }
            // what follows the last line's end begins the line of the next part
            before = last - 1;
            part.drain(..end);
        }
    }
}

/// Bytes up to the end of the last line that has one. A `\r` at the very end may be half of one.
fn whole_lines(part: &[u8]) -> usize {
    let newline = part.iter().rposition(|&b| b == b'\n');
    let either = newline.or_else(|| part[..part.len() - 1].iter().rposition(|&b| b == b'\r'));
    either.map_or(0, |at| at + 1)
}

fn unreadable(origin: &Source, error: std::io::Error) -> Error {
    match error.kind() {
        // what decompresses says so
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput | std::io::ErrorKind::UnexpectedEof => {
            origin.malformed("its compressed bytes", "a whole and valid stream", error.to_string())
        }
        _ => Error::Io { path: origin.path.clone(), source: error },
    }
}

/// Lines that are neither blank nor begin with one of these bytes.
pub(super) fn lines_without<'a>(body: &'a [u8], comments: &'static [u8]) -> impl Iterator<Item = Line<'a>> + Clone {
    lines(body).filter(move |line| !comments.contains(&line.bytes[0]))
}

/// What stands between two fields of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Tab,
    Semicolon,
    Comma,
    DoubleColon,
    /// Any number of blanks and tabs.
    Blanks,
}

impl Separator {
    /// The separator of a line: the first of tab, semicolon, comma that stands outside quotes, else blanks.
    pub(super) fn of(line: &[u8]) -> Self {
        let candidates = [(Separator::Tab, b'\t'), (Separator::Semicolon, b';'), (Separator::Comma, b',')];
        let mut seen = [false; 3];
        let mut quoted = false;
        for &byte in line.trim_ascii() {
            quoted ^= byte == b'"';
            for (seen, (_, candidate)) in seen.iter_mut().zip(candidates) {
                *seen |= byte == candidate && !quoted;
            }
        }
        candidates.into_iter().zip(seen).find(|(_, seen)| *seen).map_or(Separator::Blanks, |((separator, _), _)| separator)
    }

    fn find(self, bytes: &[u8]) -> Option<usize> {
        let byte = match self {
            Separator::Tab => b'\t',
            Separator::Semicolon => b';',
            Separator::Comma => b',',
            Separator::DoubleColon => return bytes.windows(2).position(|w| w == b"::"),
            Separator::Blanks => return bytes.iter().position(|&b| b == b' ' || b == b'\t'),
        };
        bytes.iter().position(|&b| b == byte)
    }

    /// Its name in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Separator::Tab => "tab",
            Separator::Semicolon => "semicolon",
            Separator::Comma => "comma",
            Separator::DoubleColon => "::",
            Separator::Blanks => "blank",
        }
    }
}

/// The fields of a line, without blanks around them. Quotes stay, and hide separators.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    rest: Option<&'a [u8]>,
    separator: Separator,
}

impl<'a> Fields<'a> {
    pub(super) fn new(line: &'a [u8], separator: Separator) -> Self {
        let blanks = separator == Separator::Blanks;
        Fields { rest: Some(if blanks { line.trim_ascii() } else { line }), separator }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let quoted = quoted_length(rest);
        let Some(at) = self.separator.find(&rest[quoted..]) else {
            self.rest = None;
            return Some(rest.trim_ascii());
        };
        let (field, after) = rest.split_at(quoted + at);
        self.rest = Some(match self.separator {
            Separator::Blanks => after.trim_ascii_start(),
            Separator::DoubleColon => &after[2..],
            _ => &after[1..],
        });
        Some(field.trim_ascii())
    }
}

/// How many bytes a field's quotes hide; all of them if they are not closed.
fn quoted_length(bytes: &[u8]) -> usize {
    let start = bytes.iter().take_while(|&&b| b == b' ').count();
    if bytes.get(start) != Some(&b'"') {
        return 0;
    }
    let mut at = start + 1;
    while let Some(quote) = bytes[at..].iter().position(|&b| b == b'"') {
        at += quote + 1;
        if bytes.get(at) != Some(&b'"') {
            return at;
        }
        at += 1; // a doubled quote stands for one
    }
    bytes.len()
}

fn unquoted(field: &[u8]) -> &[u8] {
    match field {
        [b'"', inner @ .., b'"'] => inner.trim_ascii(),
        _ => field,
    }
}

/// The number in a field, which may be infinite or NaN.
pub(super) fn number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(unquoted(field)).ok()?.parse().ok()
}

/// The whole number in a field.
pub(super) fn whole(field: &[u8]) -> Option<u64> {
    // parse alone would take a sign
    field.first()?.is_ascii_digit().then(|| std::str::from_utf8(field).ok()?.parse().ok())?
}

/// Whether a field says that there is no number: it is empty, NaN, NA, N/A or NULL.
pub(super) fn is_gap(field: &[u8]) -> bool {
    let field = unquoted(field);
    field.is_empty() || ["na", "n/a", "null"].iter().any(|gap| field.eq_ignore_ascii_case(gap.as_bytes())) || number(field).is_some_and(f64::is_nan)
}

/// Whether a field is neither a number nor a gap.
pub(super) fn is_words(field: &[u8]) -> bool {
    number(field).is_none() && !is_gap(field)
}

/// Reads the numbers of a file, and remembers its first gap.
pub(super) struct Values<'a> {
    pub source: &'a Source,
    pub first_gap: Option<Gap>,
}

impl Values<'_> {
    /// The number in a field (counted from 0) of a line; NaN for a gap.
    pub(super) fn read(&mut self, line: Line, field: usize, text: &[u8]) -> Result<f64, Error> {
        match number(text) {
            Some(x) if x.is_finite() => Ok(x),
            Some(x) if x.is_infinite() => Err(self.source.malformed(line.place(field), "a finite number", shown(text))),
            _ if is_gap(text) => {
                let found = if text.is_empty() { "an empty field".to_owned() } else { shown(text) };
                self.first_gap.get_or_insert_with(|| Gap { place: line.place(field), found });
                Ok(f64::NAN)
            }
            _ => Err(self.source.malformed(line.place(field), "a number", shown(text))),
        }
    }
}

/// Bytes a label takes besides its own text, its place in a list included.
pub(super) const LABEL_BYTES: u64 = 48;

/// Turns fields into labels.
#[derive(Default)]
pub(super) struct Labels {
    /// Labels that were not UTF-8.
    latin1: usize,
}

impl Labels {
    /// A field without its quotes. What is not UTF-8 is read as Latin-1, which has a character for every byte: different labels stay so.
    pub(super) fn label(&mut self, field: &[u8]) -> String {
        match std::str::from_utf8(unquoted(field)) {
            Ok(text) => text.replace("\"\"", "\""),
            Err(_) => {
                self.latin1 += 1;
                unquoted(field).iter().map(|&b| char::from(b)).collect()
            }
        }
    }

    /// What a user should know about them.
    pub(super) fn note(&self) -> Option<String> {
        (self.latin1 > 0).then(|| format!("labels not in UTF-8, read as Latin-1: {}", self.latin1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str, separator: Separator) -> Vec<&str> {
        Fields::new(line.as_bytes(), separator).map(|f| std::str::from_utf8(f).expect("a test's text")).collect()
    }

    #[test]
    fn lines_end_in_every_way() {
        let numbered: Vec<_> = lines(b"a\r\nb\rc\n\n  \nd").map(|l| (l.number, l.bytes)).collect();
        assert_eq!(numbered, [(1, &b"a"[..]), (2, b"b"), (3, b"c"), (6, b"d")]);
        assert_eq!(lines(b"").count() + lines(b"\n\r\n").count(), 0);
        assert_eq!(lines_without(b"#x\na\n%y\n", b"#%").map(|l| l.number).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_text_in_parts_has_the_same_lines() {
        let long = "x".repeat(3 * PART);
        for text in
            [format!("\u{feff}a\r\nb\rc\n\n{long}\nd"), "1 2\n".repeat(PART / 2), "1\r".repeat(PART), "1\r\n".repeat(PART / 2 - 7), String::new()]
        {
            let source = Source { path: "x".into(), part: None, bytes: text.into_bytes() };
            let expected: Vec<_> = lines(body(&source).expect("text")).map(|l| (l.number, l.bytes.len())).collect();
            let mut stream = TextStream { origin: Source { path: "x".into(), part: None, bytes: Vec::new() }, reader: Box::new(&source.bytes[..]) };
            let mut found = Vec::new();
            let budget = Budget::new(std::path::Path::new("x"), 1 << 30);
            let read = stream.each_line(&source, &budget, |l| {
                found.push((l.number, l.bytes.len()));
                Ok(())
            });
            read.expect("reads");
            assert!(found == expected, "{} of {}", found.len(), expected.len());
        }
        let endless = TextStream { origin: Source { path: "x".into(), part: None, bytes: Vec::new() }, reader: Box::new(std::io::repeat(b'1')) };
        let (mut endless, source) = (endless, Source { path: "x".into(), part: None, bytes: Vec::new() });
        let ended = endless.each_line(&source, &Budget::new(std::path::Path::new("x"), 8 << 20), |_| Ok(()));
        assert!(matches!(ended, Err(Error::Memory { .. })));
    }

    #[test]
    fn fields_between_separators() {
        assert_eq!(fields("a, b ,,", Separator::Comma), ["a", "b", "", ""]);
        assert_eq!(fields("\ta\t", Separator::Tab), ["", "a", ""]);
        assert_eq!(fields("  a \t b  ", Separator::Blanks), ["a", "b"]);
        assert_eq!(fields("1::2::3", Separator::DoubleColon), ["1", "2", "3"]);
        assert_eq!(fields(r#""a, ""b""", "c d",e"#, Separator::Comma), [r#""a, ""b""""#, r#""c d""#, "e"]);
        assert_eq!(fields(r#""a b" c"#, Separator::Blanks), [r#""a b""#, "c"]);
        assert_eq!(fields(r#"a,"b,c"#, Separator::Comma), ["a", r#""b,c"#]);
    }

    #[test]
    fn separators_are_found_outside_quotes() {
        assert_eq!(Separator::of(b"\"a,b\";2"), Separator::Semicolon);
        assert_eq!(Separator::of(b"1,2\t3"), Separator::Tab);
        assert_eq!(Separator::of(b"1 2 "), Separator::Blanks);
        assert_eq!(Separator::of(b"1,5;2,5"), Separator::Semicolon);
    }

    #[test]
    fn numbers_gaps_and_words() {
        assert_eq!([number(b"1e3"), number(b"\"-2.5\""), number(b"1x"), number(b"")], [Some(1000.0), Some(-2.5), None, None]);
        assert!([&b""[..], b"NaN", b"-nan", b"NA", b"n/a", b"NULL", b"\"\""].into_iter().all(is_gap));
        assert!([&b"gene"[..], b"1x", b"caf\xe9"].into_iter().all(is_words));
        assert_eq!([whole(b"12"), whole(b"+1"), whole(b"-1"), whole(b"1.0"), whole(b"99999999999999999999")], [Some(12), None, None, None, None]);
    }

    #[test]
    fn labels_lose_their_quotes_only() {
        let mut labels = Labels::default();
        assert_eq!(labels.label(br#""a ""b""""#), r#"a "b""#);
        assert_eq!(labels.note(), None);
        assert_eq!(labels.label(b"caf\xe9"), "café");
        assert_eq!(labels.note().expect("one"), "labels not in UTF-8, read as Latin-1: 1");
    }
}
