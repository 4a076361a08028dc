//! Grey values of images: one image as a matrix of pixels, or the images of a folder as rows.

use super::parsed::Parsed;
use super::{Format, ImageShape, Input, ReadOptions, netflix, pnm};
use crate::Error;
use crate::data::source::{Budget, Source, shown};
use ::image::codecs::png::PngDecoder;
use ::image::{ExtendedColorType, ImageDecoder, Limits};
use std::io::Cursor;

pub(super) const IMAGE: Format = Format {
    name: "image",
    about: "PGM, PPM or PNG image: the matrix is its pixels (colours become grey)",
    extensions: &["pgm", "ppm", "pnm", "png"],
    sample: || vec![("sample.pgm", b"P5\n# a comment\n3 2\n255\n\x00\x10\x20\x30\x40\xff".to_vec())],
    sniff: |input, _| is_image(input.bytes()),
    read: read_image,
    list: None,
};

pub(super) const FOLDER: Format = Format {
    name: "images",
    about: "folder or archive of PGM, PPM or PNG images of one size, also in subfolders: each image is a row, in natural order of the file names",
    extensions: &[],
    sample: || vec![("sample/s1/10.pgm", b"P2 2 1 9\n1 2".to_vec()), ("sample/s1/2.pgm", b"P5 2 1 255\n\x03\x04".to_vec())],
    sniff: |input, _| input.files().is_some_and(|files| files.iter().any(|(_, file)| is_image(&file.bytes)) || !netflix::are_movies(files)),
    read: read_folder,
    list: None,
};

const PNG_MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Samples of an image as its file has them, row after row, the channels of a pixel together.
pub(super) struct Pixels {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub values: Vec<f64>,
}

impl Pixels {
    /// One value for each pixel: the luma of colours by Rec. 709, not rounded. Transparency is left out.
    fn into_grey(self) -> Vec<f64> {
        let pixels = self.values.chunks_exact(self.channels);
        match self.channels {
            1 => self.values,
            2 => pixels.map(|p| p[0]).collect(),
            _ => pixels.map(|p| 0.2126 * p[0] + 0.7152 * p[1] + 0.0722 * p[2]).collect(),
        }
    }
}

fn is_image(bytes: &[u8]) -> bool {
    bytes.starts_with(PNG_MAGIC) || pnm::is_pnm(bytes)
}

fn pixels(source: &Source, budget: &Budget) -> Result<Pixels, Error> {
    if source.bytes.starts_with(PNG_MAGIC) {
        read_png(source, budget)
    } else if pnm::is_pnm(&source.bytes) {
        pnm::read(source, budget)
    } else {
        let start = &source.bytes[..source.bytes.len().min(8)];
        Err(source.malformed("start", "a PGM (P2, P5), PPM (P3, P6) or PNG image", shown(start)))
    }
}

fn read_png(source: &Source, budget: &Budget) -> Result<Pixels, Error> {
    let fail = |e: ::image::ImageError| source.malformed("image", "a readable PNG image", e.to_string());
    let mut limits = Limits::no_limits();
    // for what is not pixels: colour profiles, comments
    limits.max_alloc = Some(16 << 20);
    let decoder = PngDecoder::with_limits(Cursor::new(&source.bytes[..]), limits).map_err(fail)?;
    let (width, height) = decoder.dimensions();
    let (bytes_each, channels) = match decoder.color_type().into() {
        ExtendedColorType::L8 => (1, 1),
        ExtendedColorType::La8 => (1, 2),
        ExtendedColorType::Rgb8 => (1, 3),
        ExtendedColorType::Rgba8 => (1, 4),
        ExtendedColorType::L16 => (2, 1),
        ExtendedColorType::La16 => (2, 2),
        ExtendedColorType::Rgb16 => (2, 3),
        ExtendedColorType::Rgba16 => (2, 4),
        other => return Err(source.malformed("image", "8 or 16 bits a channel", format!("{other:?}"))),
    };
    let samples = u64::from(width).saturating_mul(u64::from(height)).saturating_mul(channels);
    // as bytes and, once decoded, as numbers
    budget.claim_items("its pixels", samples, 8 + bytes_each)?;
    let mut bytes = vec![0; (samples * bytes_each) as usize];
    decoder.read_image(&mut bytes).map_err(fail)?;
    let values = match bytes_each {
        1 => bytes.iter().map(|&b| f64::from(b)).collect(),
        _ => bytes.as_chunks::<2>().0.iter().map(|&b| f64::from(u16::from_ne_bytes(b))).collect(),
    };
    budget.release(samples * bytes_each);
    Ok(Pixels { width: width as usize, height: height as usize, channels: channels as usize, values })
}

fn grey_note(coloured: usize) -> Option<String> {
    (coloured > 0).then(|| format!("colour images turned to grey (luma of Rec. 709): {coloured}"))
}

fn read_image(input: &Input, _: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let image = pixels(input.origin(), budget)?;
    let (height, width, is_coloured) = (image.height, image.width, image.channels > 2);
    let mut parsed = Parsed::table(height, width, image.into_grey());
    parsed.notes.extend(grey_note(usize::from(is_coloured)));
    Ok(parsed)
}

fn read_folder(input: &Input, _: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let images = input.files().unwrap_or_default();
    let mut values = Vec::new();
    let mut shape = None;
    let mut coloured = 0;
    for (_, source) in images {
        let image = pixels(source, budget)?;
        let own = ImageShape { height: image.height, width: image.width };
        let first = *shape.get_or_insert(own);
        if own != first {
            let expected = format!("{}x{} pixels, as the first image has", first.width, first.height);
            return Err(source.malformed("image", expected, format!("{}x{}", own.width, own.height)));
        }
        if values.is_empty() {
            budget.claim_items("the matrix", images.len() as u64, 8 * (own.width * own.height) as u64)?;
            values.reserve_exact(images.len() * own.width * own.height);
        }
        coloured += usize::from(image.channels > 2);
        let decoded = 8 * image.values.len() as u64;
        values.extend(image.into_grey());
        budget.release(decoded);
    }
    let Some(shape) = shape else {
        return Err(input.origin().malformed("the folder", "at least one .pgm, .ppm, .pnm or .png file", "none"));
    };
    let mut parsed = Parsed::table(images.len(), shape.height * shape.width, values);
    parsed.row_labels = Some(images.iter().map(|(name, _)| name.clone()).collect());
    parsed.image = Some(shape);
    parsed.notes.extend(grey_note(coloured));
    if input.others() > 0 {
        parsed.notes.push(format!("files left out, which are no images: {}", input.others()));
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::format::tests::{bytes, dense};
    use crate::data::read;
    use std::fs;
    use std::path::Path;

    fn png(width: u32, height: u32, colour: ExtendedColorType, samples: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let encoder = ::image::codecs::png::PngEncoder::new(&mut out);
        ::image::ImageEncoder::write_image(encoder, samples, width, height, colour).expect("encodes");
        out
    }

    #[test]
    fn one_image_is_a_matrix_of_its_pixels() {
        let grey = bytes("x.png", &png(3, 1, ExtendedColorType::L8, &[0, 7, 255])).expect("reads");
        assert_eq!((dense(&grey), grey.image), (vec![vec![0.0, 7.0, 255.0]], None));
        let deep: Vec<u8> = [1u16, 65535].iter().flat_map(|x| x.to_ne_bytes()).collect();
        assert_eq!(dense(&bytes("x.png", &png(1, 2, ExtendedColorType::L16, &deep)).expect("reads")), [[1.0], [65535.0]]);
        let colour = bytes("x.png", &png(1, 1, ExtendedColorType::Rgba8, &[10, 20, 30, 0])).expect("reads");
        assert!((dense(&colour)[0][0] - (2.126 + 14.304 + 2.166)).abs() < 1e-12);
        assert!(colour.notes[0].contains("grey"));
    }

    #[test]
    fn a_png_claim_is_checked_before_it_is_believed() {
        let mut file = png(3, 1, ExtendedColorType::L8, &[0, 7, 255]);
        file[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        assert!(bytes("x.png", &file).is_err());
    }

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("inside")).expect("creates");
            fs::write(path, bytes).expect("writes");
        }
        folder
    }

    fn read_path(path: &Path) -> Result<crate::data::Dataset, Error> {
        read(path, &ReadOptions::default())
    }

    #[test]
    fn a_folder_is_one_image_a_row_in_natural_order() {
        let (two, ten) = (b"P5 2 1 255\n\x03\x04", b"P2 2 1 9\n1 2");
        let files: [(&str, &[u8]); 4] = [("s10/1.pgm", ten), ("s2/1.PGM", two), ("README", b"x"), (".hidden.pgm", b"x")];
        let data = read_path(folder(&files).path()).expect("reads");
        assert_eq!(data.row_labels.as_deref().expect("names"), ["s2/1.PGM", "s10/1.pgm"]);
        assert_eq!((dense(&data), data.image), (vec![vec![3.0, 4.0], vec![1.0, 2.0]], Some(ImageShape { height: 1, width: 2 })));
        assert_eq!(data.notes, ["files left out, which are no images: 1"]);
        let renamed = folder(&[("s1/1.pgm", ten), ("s2/1.PGM", two)]);
        assert_ne!(read_path(renamed.path()).expect("reads").sha256, data.sha256);
        assert_eq!(read_path(folder(&files).path()).expect("reads").sha256, data.sha256);
    }

    #[test]
    fn folders_without_one_size_are_refused() {
        let mixed = folder(&[("a.pgm", b"P5 2 1 255\n\x03\x04"), ("b.pgm", b"P5 1 1 255\n\x03")]);
        let message = read_path(mixed.path()).expect_err("mixed").to_string();
        assert!(message.contains("b.pgm") && message.contains("2x1 pixels"), "{message}");
        assert!(read_path(folder(&[("a.txt", b"1")]).path()).expect_err("none").to_string().contains("--member"));
        assert!(read_path(folder(&[("a.pgm", b"1 2")]).path()).expect_err("no image").to_string().contains("a PGM"));
    }
}
