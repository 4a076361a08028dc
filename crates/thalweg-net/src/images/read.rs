//! Labelled images from files: CIFAR-10 binary, IDX, and folders or archives of PNG and JPEG images.

use super::Images;
use crate::tensor::Shape;
use image::{ImageDecoder, Limits};
use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;
use thalweg::Error;
use thalweg::data::{Unpacked, unpack};

/// Bytes of a record of CIFAR-10: a label, then 32 × 32 values of red, of green, of blue.
const CIFAR_RECORD: usize = 3073;
const CIFAR: Shape = Shape { height: 32, width: 32, channels: 3 };

/// Pixels a side that an image may have.
const LARGEST_SIDE: u32 = 512;

/// Reads labelled images; compressed files and archives are unpacked whatever they are called.
///
/// - A file of 3073-byte records, or a folder or archive with files `*_batch*.bin`: CIFAR-10. `part` is `test` for `test_batch.bin`.
/// - An IDX file of images; its labels stand beside it, in the file whose name has `labels-idx1` for `images-idx3`. 28 × 28 pixels get two
///   zeros on each side.
/// - A folder or archive of PNG or JPEG images of one size: the label of each is the folder it stands in. `part` names a folder above those;
///   without it, `train` where there is one.
///
/// # Errors
/// Those of [`unpack`]; [`Error::Malformed`] with the place; [`Error::Parameter`] for a part that is not there.
pub fn read_images(path: &Path, part: Option<&str>, max_memory: u64) -> Result<Images, Error> {
    match unpack(path, max_memory)? {
        Unpacked::File(bytes) if bytes.starts_with(&[0, 0, 8, 3]) => {
            let labels = labels_beside(path).map(|labels| unpack(&labels, max_memory).map(|found| (labels, found))).transpose()?;
            match labels {
                Some((labels_path, Unpacked::File(labels))) => idx(path, &bytes, &labels_path, &labels),
                _ => Err(malformed(path, "its name", "images-idx3 in it, and labels-idx1 in that of its labels", "another name")),
            }
        }
        Unpacked::File(bytes) => cifar(path, &[&bytes]),
        Unpacked::Files(files) => {
            let is_batch = |name: &str| name.contains("_batch") && name.contains(".bin");
            let wanted = |name: &str| is_batch(name) && name.contains("test_batch") == (part == Some("test"));
            if files.iter().any(|(name, _)| is_batch(name)) {
                let batches: Vec<&[u8]> = files.iter().filter(|(name, _)| wanted(name)).map(|(_, bytes)| &bytes[..]).collect();
                cifar(path, &batches)
            } else {
                pictures(path, &files, part)
            }
        }
    }
}

fn malformed(path: &Path, place: &str, expected: impl Into<String>, found: impl Into<String>) -> Error {
    Error::Malformed { path: path.to_owned(), place: place.to_owned(), expected: expected.into(), found: found.into() }
}

fn cifar(path: &Path, files: &[&[u8]]) -> Result<Images, Error> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for bytes in files {
        if bytes.is_empty() || !bytes.len().is_multiple_of(CIFAR_RECORD) {
            let expected = "IDX images (magic 2051) or records of CIFAR-10, 3073 bytes each";
            return Err(malformed(path, "its size", expected, format!("{} bytes", bytes.len())));
        }
        for (number, record) in bytes.chunks_exact(CIFAR_RECORD).enumerate() {
            if record[0] > 9 {
                return Err(malformed(path, &format!("record {}", number + 1), "a label from 0 to 9", record[0].to_string()));
            }
            labels.push(record[0]);
            let plane = |channel: usize| &record[1 + channel * CIFAR.pixels()..][..CIFAR.pixels()];
            let (red, green, blue) = (plane(0), plane(1), plane(2));
            pixels.extend((0..CIFAR.pixels()).flat_map(|at| [red[at], green[at], blue[at]]));
        }
    }
    if labels.is_empty() {
        return Err(malformed(path, "its files", "batches of CIFAR-10 for this part", "none"));
    }
    Images::new(CIFAR, 10, pixels, labels)
}

fn labels_beside(path: &Path) -> Option<std::path::PathBuf> {
    let name = path.file_name()?.to_str()?;
    let labels = name.replace("images-idx3", "labels-idx1").replace("images.idx3", "labels.idx1");
    (labels != name).then(|| path.with_file_name(labels))
}

/// The numbers of an IDX file of bytes with so many sizes.
fn idx_bytes<'a>(path: &Path, bytes: &'a [u8], sizes: usize) -> Result<(Vec<usize>, &'a [u8]), Error> {
    let header = 4 + 4 * sizes;
    if bytes.len() < header || bytes[..4] != [0, 0, 8, sizes as u8] {
        return Err(malformed(path, "its header", format!("an IDX file of bytes with {sizes} sizes"), "something else"));
    }
    let size = |at: usize| u32::from_be_bytes(bytes[4 + 4 * at..][..4].try_into().expect("four bytes")) as usize;
    let sizes: Vec<usize> = (0..sizes).map(size).collect();
    let count = sizes.iter().try_fold(1usize, |all, &size| all.checked_mul(size));
    if count != Some(bytes.len() - header) {
        let product = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
        return Err(malformed(path, "its data", format!("{product} bytes, as its header says"), format!("{} bytes", bytes.len() - header)));
    }
    Ok((sizes, &bytes[header..]))
}

fn idx(path: &Path, bytes: &[u8], labels_path: &Path, labels: &[u8]) -> Result<Images, Error> {
    let (sizes, pixels) = idx_bytes(path, bytes, 3)?;
    let (count, labels) = idx_bytes(labels_path, labels, 1)?;
    if count[0] != sizes[0] {
        return Err(malformed(labels_path, "its header", format!("{} labels, one for each image", sizes[0]), count[0].to_string()));
    }
    let (height, width) = (sizes[1], sizes[2]);
    if pixels.is_empty() || height.max(width) > LARGEST_SIDE as usize {
        return Err(malformed(path, "its header", format!("images of 1 to {LARGEST_SIDE} pixels a side"), format!("{height} x {width}")));
    }
    let classes = labels.iter().max().map_or(0, |&most| usize::from(most) + 1);
    if (height, width) != (28, 28) {
        return Images::new(Shape { height, width, channels: 1 }, classes, pixels.to_vec(), labels.to_vec());
    }
    let shape = Shape { height: 32, width: 32, channels: 1 };
    let mut padded = vec![0; sizes[0] * shape.len()];
    for (to, from) in padded.chunks_exact_mut(shape.len()).zip(pixels.chunks_exact(28 * 28)) {
        for (row, from) in from.chunks_exact(28).enumerate() {
            to[(row + 2) * 32 + 2..][..28].copy_from_slice(from);
        }
    }
    Images::new(shape, classes, padded, labels.to_vec())
}

/// The folder that an image stands in, below the part.
fn class_of<'a>(name: &'a str, part: Option<&str>) -> Option<&'a str> {
    let is_picture = [".png", ".jpg", ".jpeg"].iter().any(|end| name.to_lowercase().ends_with(end));
    let mut folders: Vec<&str> = name.split('/').collect();
    folders.pop();
    (is_picture && part.is_none_or(|part| folders.iter().rev().skip(1).any(|&folder| folder == part))).then_some(folders.last().copied()?)
}

fn pictures(path: &Path, files: &[(String, Vec<u8>)], part: Option<&str>) -> Result<Images, Error> {
    let has = |part: &str| files.iter().any(|(name, _)| class_of(name, Some(part)).is_some());
    let part = part.or(has("train").then_some("train"));
    let chosen: Vec<(&str, &str, &[u8])> =
        files.iter().filter_map(|(name, bytes)| Some((class_of(name, part)?, name.as_str(), &bytes[..]))).collect();
    let classes: Vec<&str> = chosen.iter().map(|(class, ..)| *class).collect::<BTreeSet<_>>().into_iter().collect();
    match (part, classes.len()) {
        (Some(part), 0) => {
            return Err(Error::Parameter { name: "part", expected: "a folder that holds folders of images".into(), got: part.to_owned() });
        }
        (None, 0) => return Err(malformed(path, "its files", "batches of CIFAR-10, or PNG or JPEG images in a folder for each class", "none")),
        (_, 257..) => return Err(malformed(path, "its folders", "at most 256 classes", classes.len().to_string())),
        _ => {}
    }
    let (mut pixels, mut labels, mut shape) = (Vec::new(), Vec::new(), None);
    for (class, name, bytes) in chosen {
        let (own, values) = picture(path, name, bytes)?;
        let first: Shape = *shape.get_or_insert(own);
        if first != own {
            let expected = format!("{} x {} pixels, as the first image has", first.width, first.height);
            return Err(malformed(path, name, expected, format!("{} x {}", own.width, own.height)));
        }
        pixels.extend(values);
        labels.push(classes.iter().position(|&c| c == class).expect("it was collected") as u8);
    }
    Images::new(shape.expect("there is an image"), classes.len(), pixels, labels)
}

/// Red, green and blue of each pixel.
fn picture(path: &Path, name: &str, bytes: &[u8]) -> Result<(Shape, Vec<u8>), Error> {
    let fail = |e: image::ImageError| malformed(path, name, "a readable PNG or JPEG image", e.to_string());
    let mut limits = Limits::no_limits();
    (limits.max_image_width, limits.max_image_height, limits.max_alloc) = (Some(LARGEST_SIDE), Some(LARGEST_SIDE), Some(16 << 20));
    let decoded = if bytes.starts_with(b"\x89PNG") {
        let mut decoder = image::codecs::png::PngDecoder::new(Cursor::new(bytes)).map_err(fail)?;
        decoder.set_limits(limits).map_err(fail)?;
        image::DynamicImage::from_decoder(decoder)
    } else {
        let mut decoder = image::codecs::jpeg::JpegDecoder::new(Cursor::new(bytes)).map_err(fail)?;
        decoder.set_limits(limits).map_err(fail)?;
        image::DynamicImage::from_decoder(decoder)
    };
    let rgb = decoded.map_err(fail)?.into_rgb8();
    let shape = Shape { height: rgb.height() as usize, width: rgb.width() as usize, channels: 3 };
    if shape.is_empty() {
        return Err(malformed(path, name, "an image with pixels", "none"));
    }
    Ok((shape, rgb.into_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn record(label: u8) -> Vec<u8> {
        let mut bytes = vec![label];
        bytes.extend((0..3072).map(|at| (at / 1024 * 50 + at % 7) as u8));
        bytes
    }

    #[test]
    fn cifar_planes_become_pixels() -> Result<(), Error> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data_batch_1.bin");
        fs::write(&path, [record(3), record(9)].concat()).expect("writes");
        let images = read_images(&path, None, 1 << 20)?;
        assert_eq!((images.count(), images.shape(), images.labels(0..2)), (2, CIFAR, &[3, 9][..]));
        assert_eq!(images.image(1)[..6], [0, 52, 104, 1, 53, 105]);
        assert_eq!(read_images(folder.path(), None, 1 << 20)?, images);
        assert!(read_images(folder.path(), Some("test"), 1 << 20).is_err());
        fs::write(&path, record(10)).expect("writes");
        assert!(matches!(read_images(&path, None, 1 << 20), Err(Error::Malformed { .. })));
        assert!(matches!(read_images(&path, None, 1000), Err(Error::Memory { .. })));
        Ok(())
    }

    fn idx_files(folder: &Path, count: u8, labels: &[u8]) -> std::path::PathBuf {
        let mut images = vec![0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 28, 0, 0, 0, 28];
        images.extend((0..usize::from(count) * 784).map(|at| (at % 251) as u8));
        let path = folder.join("t10k-images-idx3-ubyte");
        fs::write(&path, images).expect("writes");
        let head = [&[0, 0, 8, 1, 0, 0, 0, labels.len() as u8][..], labels].concat();
        fs::write(folder.join("t10k-labels-idx1-ubyte"), head).expect("writes");
        path
    }

    #[test]
    fn idx_images_get_a_margin() -> Result<(), Error> {
        let folder = tempfile::tempdir().expect("a folder");
        let images = read_images(&idx_files(folder.path(), 2, &[1, 4]), None, 1 << 20)?;
        assert_eq!((images.shape(), images.classes()), (Shape { height: 32, width: 32, channels: 1 }, 5));
        assert_eq!((images.image(0)[65], images.image(0)[66], images.image(0)[67]), (0, 0, 1));
        let path = idx_files(folder.path(), 2, &[1]);
        assert!(matches!(read_images(&path, None, 1 << 20), Err(Error::Malformed { .. })), "a label is missing");
        Ok(())
    }

    /// Cut anywhere, or one byte changed in the header: refused or read, never a panic.
    #[test]
    fn damaged_files_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = idx_files(folder.path(), 1, &[0]);
        let whole = fs::read(&path).expect("there");
        for length in (0..whole.len()).step_by(7).chain(0..20) {
            fs::write(&path, &whole[..length]).expect("writes");
            assert!(read_images(&path, None, 1 << 20).is_err(), "{length} bytes");
        }
        for at in 0..16 {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            fs::write(&path, damaged).expect("writes");
            assert!(read_images(&path, None, 1 << 20).is_err(), "byte {at}");
        }
    }

    #[test]
    fn folders_of_pictures_are_classes() -> Result<(), Error> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, grey) in [("train/cat/1.png", 10), ("train/dog/1.jpg", 200), ("train/cat/2.png", 30), ("test/dog/1.png", 40)] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("creates");
            image::RgbImage::from_pixel(4, 3, image::Rgb([grey; 3])).save(&path).expect("writes");
        }
        let images = read_images(folder.path(), None, 1 << 20)?;
        assert_eq!((images.count(), images.classes(), images.labels(0..3)), (3, 2, &[0, 0, 1][..]));
        assert_eq!(images.shape(), Shape { height: 3, width: 4, channels: 3 });
        assert!(images.image(1) == [30; 36] && images.image(2).iter().all(|p| p.abs_diff(200) < 3));
        assert_eq!(read_images(folder.path(), Some("test"), 1 << 20)?.count(), 1);
        assert!(matches!(read_images(folder.path(), Some("moon"), 1 << 20), Err(Error::Parameter { name: "part", .. })));
        fs::write(folder.path().join("train/cat/3.png"), b"\x89PNG\r\n\x1a\nno").expect("writes");
        assert!(matches!(read_images(folder.path(), None, 1 << 20), Err(Error::Malformed { .. })));
        image::RgbImage::new(5, 3).save(folder.path().join("train/cat/3.png")).expect("writes");
        assert!(matches!(read_images(folder.path(), None, 1 << 20), Err(Error::Malformed { .. })), "another size");
        Ok(())
    }
}
