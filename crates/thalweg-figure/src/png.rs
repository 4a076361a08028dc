//! Pixels as a data URI.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

/// Pixels in rows from the top, one byte or four (red, green, blue, opacity) each.
pub(super) enum Pixels {
    Grey(Vec<u8>),
    Rgba(Vec<u8>),
}

/// `data:image/png;base64,…`
pub(super) fn data_uri(width: usize, height: usize, pixels: &Pixels) -> String {
    let mut file = Vec::new();
    let (bytes, colour) = match pixels {
        Pixels::Grey(bytes) => (bytes, ExtendedColorType::L8),
        Pixels::Rgba(bytes) => (bytes, ExtendedColorType::Rgba8),
    };
    PngEncoder::new_with_quality(&mut file, CompressionType::Best, FilterType::Adaptive)
        .write_image(bytes, width as u32, height as u32, colour)
        .expect("a buffer of the stated size, written to memory");
    format!("data:image/png;base64,{}", base64(&file))
}

/// Bytes as text, by RFC 4648, section 4.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0u32, |word, (i, &byte)| word | u32::from(byte) << (16 - 8 * i));
        for i in 0..4 {
            out.push(if i <= chunk.len() { char::from(ALPHABET[(word >> (18 - 6 * i)) as usize & 63]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_rfc() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
