//! Pictures of a recovery: frames taken apart, and an image filled in.

use super::open::is_image_file;
use crate::InstanceRecord;
use crate::figure::{Fact, Figure, Images, Kind, Tile};
use thalweg::Error;
use thalweg::data::{ImageShape, InstanceKind, Measurements, read_instance, read_instance_keeping, read_rpca_instance};

/// How the pixels of an image stand in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PixelOrder {
    /// Pixel row after pixel row.
    #[default]
    Rows,
    /// Pixel column after pixel column, as MATLAB stores them.
    Columns,
}

/// Which pictures a page shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PictureOptions {
    /// Pixels of an image, where the input does not tell.
    pub shape: Option<ImageShape>,
    /// How they stand.
    pub order: PixelOrder,
    /// The images to show, from 0; empty: some, evenly spread.
    pub which: Vec<usize>,
}

/// Images that are shown unless some are asked for.
const USUAL: usize = 6;
/// Pixels of one figure.
const MOST_PIXELS: usize = 2_000_000;

/// The pictures of a recovery.
pub(super) enum Pictures {
    /// There they are.
    Drawn(Vec<Figure>),
    /// Images were recovered, but cannot be shown.
    Lacking(String),
    /// No images were recovered.
    NotImages,
}

/// The images in the rows, or the columns, of a matrix.
struct Frames {
    shape: ImageShape,
    order: PixelOrder,
    /// Whether a column of the matrix is an image, not a row.
    in_columns: bool,
    count: usize,
    /// Columns of the matrix.
    stride: usize,
}

impl Frames {
    fn of(shape: ImageShape, order: PixelOrder, (m, n): (usize, usize)) -> Result<Frames, Error> {
        let pixels = shape.height.checked_mul(shape.width);
        let in_columns = match pixels {
            Some(pixels) if pixels == n && pixels > 0 => false,
            Some(pixels) if pixels == m && pixels > 0 => true,
            _ => {
                let expected = format!("as many pixels as a row has entries ({n}), or a column ({m})");
                let got = format!("{},{}", shape.height, shape.width);
                return Err(Error::Parameter { name: "image-shape", expected, got });
            }
        };
        Ok(Frames { shape, order, in_columns, count: if in_columns { n } else { m }, stride: n })
    }

    /// Image number t, pixel row after pixel row.
    fn image(&self, matrix: &[f64], t: usize) -> Vec<f64> {
        let ImageShape { height, width } = self.shape;
        let entry = |at: usize| if self.in_columns { matrix[at * self.stride + t] } else { matrix[t * self.stride + at] };
        let pixel = |y: usize, x: usize| entry(if self.order == PixelOrder::Rows { y * width + x } else { x * height + y });
        (0..height * width).map(|at| pixel(at / width, at % width)).collect()
    }

    /// The images that were asked for, or some evenly spread.
    fn chosen(&self, which: &[usize]) -> Result<Vec<usize>, Error> {
        if let Some(outside) = which.iter().find(|&&t| t >= self.count) {
            let expected = format!("numbers from 0, below {}", self.count);
            return Err(Error::Parameter { name: "images", expected, got: outside.to_string() });
        }
        let shown = USUAL.min(self.count);
        Ok(if which.is_empty() { (0..shown).map(|k| k * self.count / shown).collect() } else { which.to_vec() })
    }

    fn figure(&self, id: &str, title: &str, caption: &str, matrix: &[f64], which: &[usize]) -> Figure {
        let line = if self.in_columns { "column" } else { "row" };
        let tile = |&t: &usize| {
            let pixels = self.image(matrix, t);
            let known: Vec<f64> = pixels.iter().copied().filter(|p| !p.is_nan()).collect();
            let facts = vec![
                Fact::new("largest", known.iter().fold(0.0, |largest: f64, p| largest.max(*p))),
                Fact::new("mean", known.iter().sum::<f64>() / known.len().max(1) as f64),
                Fact::new("part that is not 0", known.iter().filter(|p| **p != 0.0).count() as f64 / known.len().max(1) as f64),
            ];
            Tile { label: format!("{title}, {line} {t}"), note: format!("{line} {t}"), facts, pixels }
        };
        let ImageShape { height, width } = self.shape;
        Figure {
            id: id.into(),
            title: title.into(),
            caption: format!("{caption} {height}×{width} pixels, black at 0, white at the largest value of each."),
            alt: format!("{} grey images: {title}.", which.len()),
            kind: Kind::Images(Images { height, width, tiles: which.iter().map(tile).collect() }),
        }
    }
}

/// Y, X and |S| of the images in a separated table.
pub(super) fn separated(instance: &InstanceRecord, low_rank: &[f64], sparse: &[f64], options: &PictureOptions) -> Result<Pictures, Error> {
    let input = match read_rpca_instance(&instance.path, &instance.read) {
        Ok(input) if input.sha256 == instance.sha256 && input.shape == instance.shape => input,
        Ok(_) => return Ok(changed(instance)),
        Err(error) => return Ok(Pictures::Lacking(format!("No pictures: the input cannot be read again. {error}"))),
    };
    let Some(shape) = options.shape.or(input.image) else { return Ok(Pictures::NotImages) };
    let frames = Frames::of(shape, options.order, instance.shape)?;
    let which = frames.chosen(&options.which)?;
    if which.len() * shape.height * shape.width > MOST_PIXELS {
        return Ok(Pictures::Lacking("No pictures: there are too many pixels for a page. Ask for fewer images.".into()));
    }
    let sizes: Vec<f64> = sparse.iter().map(|s| s.abs()).collect();
    Ok(Pictures::Drawn(vec![
        frames.figure("pictures-data", "Y, the data", "Pixels that were not observed are black.", &input.y, &which),
        frames.figure("pictures-low-rank", "X, the low-rank part", "What the images share.", low_rank, &which),
        frames.figure("pictures-sparse", "|S|, the corruptions", "What some of them have beside it, and black elsewhere.", &sizes, &which),
    ]))
}

fn changed(instance: &InstanceRecord) -> Pictures {
    Pictures::Lacking(format!("No pictures: {} is no longer the file that was read.", instance.path.display()))
}

/// What was given of an image, the image filled in, and the whole one where that is known.
pub(super) fn in_painted(
    instance: &InstanceRecord,
    kind: InstanceKind,
    x: impl Fn(usize, usize) -> f64,
    options: &PictureOptions,
) -> Result<Pictures, Error> {
    let (height, width) = instance.shape;
    let is_asked = options.shape.is_some_and(|shape| (shape.height, shape.width) == instance.shape);
    if kind != InstanceKind::Completion || !(is_asked || is_image_file(&instance.path)) {
        return Ok(Pictures::NotImages);
    }
    if height * width > MOST_PIXELS {
        return Ok(Pictures::Lacking("No picture: it has too many pixels for a page.".into()));
    }
    let read = match instance.kept {
        Some(kept) => read_instance_keeping(&instance.path, &instance.read, kept).map(|(given, _)| given),
        None => read_instance(&instance.path, kind, &instance.read),
    };
    let given = match read {
        Ok(given) if given.sha256 == instance.sha256 && given.shape == instance.shape => given,
        Ok(_) => return Ok(changed(instance)),
        Err(error) => return Ok(Pictures::Lacking(format!("No picture: the input cannot be read again. {error}"))),
    };
    let mut seen = vec![f64::NAN; height * width];
    if let Measurements::Entries(rows, cols) = &given.measurements {
        rows.iter().zip(cols).zip(&given.b).for_each(|((&i, &j), b)| seen[i as usize * width + j as usize] = *b);
    }
    let filled: Vec<f64> = (0..height * width).map(|at| x(at / width, at % width)).collect();
    let psnr = given.truth.as_ref().map(|truth| peak_signal_to_noise(&filled, truth));
    // a pixel beyond those given would darken all others
    let (least, most) = given.b.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), b| (least.min(*b), most.max(*b)));
    let shown: Vec<f64> = filled.iter().map(|x| x.max(least).min(most)).collect();
    let tile = |label: &str, facts, pixels| Tile { label: label.into(), note: label.into(), facts, pixels };
    let mut tiles = vec![
        tile("given", vec![Fact::new("part of the pixels", given.b.len() as f64 / (height * width) as f64)], seen),
        tile("filled in", psnr.map(|psnr| Fact::new("peak signal-to-noise ratio, dB", psnr)).into_iter().collect(), shown),
    ];
    tiles.extend(given.truth.map(|truth| tile("the whole image", vec![], truth)));
    let quality = psnr.map_or(String::new(), |psnr| format!(" Peak signal-to-noise ratio {psnr:.2} dB."));
    Ok(Pictures::Drawn(vec![Figure {
        id: "pictures-in-painted".into(),
        title: "The image, given and filled in".into(),
        caption: format!(
            "{height}×{width} pixels, black at 0, white at the largest value. Pixels that were not given are black; those filled in are cut to the \
             range of the given ones.{quality}"
        ),
        alt: "The pixels that were given, the image filled in, and the whole image where it is known.".into(),
        kind: Kind::Images(Images { height, width, tiles }),
    }]))
}

/// 20 log₁₀(largest / root mean square error).
fn peak_signal_to_noise(x: &[f64], truth: &[f64]) -> f64 {
    let square = x.iter().zip(truth).map(|(x, t)| (x - t).powi(2)).sum::<f64>() / truth.len().max(1) as f64;
    let largest = truth.iter().fold(0.0, |largest: f64, t| largest.max(*t));
    20.0 * (largest / square.sqrt()).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_in_rows_and_columns() {
        let shape = ImageShape { height: 2, width: 3 };
        let rows: Vec<f64> = (0..12).map(f64::from).collect();
        let frames = Frames::of(shape, PixelOrder::Rows, (2, 6)).unwrap();
        assert_eq!(frames.image(&rows, 1), [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
        let frames = Frames::of(shape, PixelOrder::Columns, (2, 6)).unwrap();
        assert_eq!(frames.image(&rows, 0), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
        let frames = Frames::of(shape, PixelOrder::Rows, (6, 2)).unwrap();
        assert_eq!((frames.image(&rows, 1), frames.count), (vec![1.0, 3.0, 5.0, 7.0, 9.0, 11.0], 2));
        assert_eq!(frames.chosen(&[]).unwrap(), [0, 1]);
        assert!(matches!(frames.chosen(&[2]), Err(Error::Parameter { name: "images", .. })));
        assert!(Frames::of(shape, PixelOrder::Rows, (5, 7)).is_err());
    }

    #[test]
    fn a_tenth_of_the_peak_off_is_twenty_decibels() {
        assert!((peak_signal_to_noise(&[0.9, 0.1], &[1.0, 0.0]) - 20.0).abs() < 1e-12);
    }
}
