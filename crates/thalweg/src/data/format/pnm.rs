//! Portable grey and colour maps: <https://netpbm.sourceforge.net/doc/pgm.html>, <https://netpbm.sourceforge.net/doc/ppm.html>
//!
//! Not with the `image` crate: it stretches the values to the full range, and data should stay what they are.

use super::image::Pixels;
use crate::Error;
use crate::data::source::{Budget, Source, shown};

/// Whether bytes begin like one.
pub(super) fn is_pnm(bytes: &[u8]) -> bool {
    match bytes {
        [b'P', b'2' | b'3' | b'5' | b'6', rest @ ..] => {
            let next = rest.iter().position(|b| !b.is_ascii_whitespace());
            next.is_some_and(|at| at > 0 && (rest[at].is_ascii_digit() || rest[at] == b'#')) || rest.iter().all(u8::is_ascii_whitespace)
        }
        _ => false,
    }
}

/// Reads P2, P3 (text), P5 and P6 (binary, 8 or 16 bits).
pub(super) fn read(source: &Source, budget: &Budget) -> Result<Pixels, Error> {
    let (channels, is_text) = match source.bytes.get(1) {
        Some(b'2') => (1, true),
        Some(b'3') => (3, true),
        Some(b'5') => (1, false),
        _ => (3, false),
    };
    let mut tokens = Tokens { source, at: 2 };
    let width = tokens.number("the width", 1, u64::from(u32::MAX))?;
    let height = tokens.number("the height", 1, u64::from(u32::MAX))?;
    let largest = tokens.number("the largest value", 1, 65535)?;
    // below 2^32·2^32·3: no overflow in 128 bits
    let samples = u128::from(width) * u128::from(height) * channels;
    // two bytes hold the shortest number as text and its blank; the last one needs none
    let shortest = if is_text { 2 * samples - 1 } else { samples * if largest > 255 { 2 } else { 1 } };
    let raster = tokens.raster();
    if (raster.len() as u128) < shortest || !is_text && raster.len() as u128 > shortest {
        let expected = format!("{shortest} bytes of pixels{}", if is_text { " or more" } else { "" });
        return Err(source.malformed("pixels", expected, format!("{} bytes", raster.len())));
    }
    let samples = samples as usize;
    budget.claim_items("its pixels", samples as u64, 8)?;
    let values: Vec<f64> = match (is_text, largest > 255) {
        (true, _) => (0..samples).map(|_| tokens.number("a pixel", 0, largest).map(|x| x as f64)).collect::<Result<_, _>>()?,
        (false, true) => raster.as_chunks::<2>().0.iter().map(|&b| f64::from(u16::from_be_bytes(b))).collect(),
        (false, false) => raster.iter().map(|&b| f64::from(b)).collect(),
    };
    if let Some(at) = values.iter().position(|&x| x > largest as f64) {
        return Err(source.malformed(format!("sample {}", at + 1), format!("at most {largest}"), values[at].to_string()));
    }
    Ok(Pixels { width: width as usize, height: height as usize, channels: channels as usize, values })
}

/// Numbers between blanks and comments.
struct Tokens<'a> {
    source: &'a Source,
    at: usize,
}

impl<'a> Tokens<'a> {
    fn number(&mut self, what: &str, first: u64, last: u64) -> Result<u64, Error> {
        let bytes = &self.source.bytes;
        loop {
            match bytes.get(self.at) {
                Some(b'#') => self.at += bytes[self.at..].iter().take_while(|&&b| b != b'\n' && b != b'\r').count(),
                Some(b) if b.is_ascii_whitespace() => self.at += 1,
                _ => break,
            }
        }
        let token = &bytes[self.at..];
        let token = &token[..token.iter().take_while(|b| !b.is_ascii_whitespace()).count()];
        let place = format_args!("byte {}", self.at + 1).to_string();
        self.at += token.len();
        let number = super::text::whole(token).filter(|n| (first..=last).contains(n));
        number.ok_or_else(|| self.source.malformed(place, format!("{what}, from {first} to {last}"), shown(token)))
    }

    /// What follows the one blank after the header.
    fn raster(&self) -> &'a [u8] {
        self.source.bytes.get(self.at + 1..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn pixels(bytes: &[u8]) -> Result<Pixels, Error> {
        assert!(is_pnm(bytes));
        let path = Path::new("x.pgm");
        read(&Source { path: path.into(), part: None, bytes: bytes.to_vec() }, &Budget::new(path, 1 << 20))
    }

    #[test]
    fn values_stay_what_they_are() {
        for bytes in [&b"P5 2 2\n7\n\x01\x02\x03\x07"[..], b"P2\n# c\n2 2\n7\n1 2\n3 # c\n7", b"P5\n2 2 300\n\0\x01\0\x02\0\x03\0\x07"] {
            let image = pixels(bytes).expect("reads");
            assert_eq!((image.width, image.height, image.values), (2, 2, vec![1.0, 2.0, 3.0, 7.0]));
        }
        assert_eq!(pixels(b"P6 1 1 255\n\x01\x02\x03").expect("reads").channels, 3);
        assert_eq!(pixels(b"P3 1 1 255 1 2 3").expect("reads").values, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn damage_is_named() {
        let says = |bytes: &[u8], word: &str| {
            let message = pixels(bytes).map(|p| p.values).expect_err(word).to_string();
            assert!(message.contains(word), "{message:?} lacks {word:?}");
        };
        says(b"P5 2 2 255\n\x01\x02\x03", "expected 4 bytes of pixels, found 3 bytes");
        says(b"P5 2 2 255\n\x01\r\n\x02\x03", "found 5 bytes");
        says(b"P5 4000000000 4000000000 255\n\x01", "16000000000000000000 bytes");
        says(b"P5 0 2 255\n", "the width, from 1");
        says(b"P5 2", "the height");
        says(b"P5 1 1 65536\n\0\0", "from 1 to 65535");
        says(b"P5 1 1 7\n\x08", "at most 7, found 8");
        says(b"P2 1 2 7\n1 9", "a pixel, from 0 to 7");
        says(b"P2 2 2 7\n1 1 1 x", "found \"x\"");
    }

    #[test]
    fn text_that_begins_alike_is_not_an_image() {
        assert!(!is_pnm(b"P2,P3\n1,2\n") && !is_pnm(b"P2 P3\n1 2\n") && !is_pnm(b"P51 2") && !is_pnm(b"P"));
    }
}
