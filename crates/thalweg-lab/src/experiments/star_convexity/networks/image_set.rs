//! Labelled images at a size that a scale can afford.

use super::MAX_MEMORY;
use crate::experiment::{Bench, Scale};
use rand_distr::{Distribution, Uniform};
use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::data::stream;
use thalweg_net::{Images, Shape, read_images};

/// Images of a file, in a fixed random order: the first are for the training, the next for the test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageSet {
    /// In the folder of data sets, or [`PLANTED`].
    pub file: String,
    /// The first twelve digits of its checksum.
    pub sha256: String,
    /// Pixels a side, to which images are halved.
    pub side: usize,
    pub training: usize,
    pub test: usize,
}

/// Files of CIFAR-10, with the images of the training and of the test: the exact set, the one whose images are JPEG, the first 4000 exact ones.
const FILES: [(&str, usize, usize); 3] = [
    ("cifar-10/cifar-10-binary.tar.gz", 49_000, 1000),
    ("cifar-10/cifar-10-jpeg.tar.gz", 49_000, 1000),
    ("cifar-10/data_batch_1-first4000.bin.gz", 3600, 400),
];

/// In the place of a file and of its checksum.
const PLANTED: &str = "planted";

impl ImageSet {
    /// Images for a scale: planted ones at smoke scale, otherwise those of the first file of CIFAR-10 that is there.
    pub fn of(scale: Scale, bench: &Bench) -> Option<ImageSet> {
        let of = |&(file, training, test): &(&str, usize, usize)| {
            Some(ImageSet { file: file.into(), sha256: bench.digest(file)?, side: 32, training, test })
        };
        match scale {
            Scale::Smoke => Some(ImageSet { file: PLANTED.into(), sha256: PLANTED.into(), side: 8, training: 48, test: 16 }),
            // the exact images first, of which 2048 are there in any case
            Scale::Reduced => FILES.iter().rev().find_map(of).map(|set| ImageSet { side: 16, training: 2048, test: 256, ..set }),
            Scale::Full => FILES.iter().find_map(of),
        }
    }

    /// Those of the training and of the test.
    pub fn open(&self, bench: &Bench) -> Result<(Images, Images), Error> {
        let all = match &bench.data {
            _ if self.file == PLANTED => planted(self.training + self.test, self.side)?,
            Some(folder) => read_images(&folder.join(&self.file), None, MAX_MEMORY)?.shuffled(),
            None => return Err(Error::Parameter { name: "data", expected: "the folder of data sets".into(), got: "none".into() }),
        };
        let (mut images, _) = all.split(self.training + self.test);
        while images.shape().width >= 2 * self.side {
            images = images.halved();
        }
        Ok(images.split(self.training))
    }

    /// A few words.
    pub fn in_words(&self) -> String {
        let (side, training) = (self.side, self.training);
        match self.file.as_str() {
            PLANTED => format!("{training} planted images of {side} × {side} pixels"),
            file if file.contains("jpeg") => format!("{training} images of CIFAR-10 as JPEG, {side} × {side} pixels"),
            _ => format!("{training} images of CIFAR-10, {side} × {side} pixels"),
        }
    }
}

/// Four classes: which half of the image is brighter, under noise of about that size.
fn planted(count: usize, side: usize) -> Result<Images, Error> {
    let shape = Shape { height: side, width: side, channels: 3 };
    let mut rng = stream(1, 0);
    let noise = Uniform::new(0u8, 64).expect("a range");
    let labels: Vec<u8> = (0..count).map(|k| (k % 4) as u8).collect();
    let is_bright = |label: u8, at: usize| {
        let (row, column) = (at / side, at % side);
        [row < side / 2, row >= side / 2, column < side / 2, column >= side / 2][usize::from(label)]
    };
    let mut pixels = Vec::with_capacity(count * shape.len());
    for &label in &labels {
        pixels.extend((0..shape.len()).map(|k| 64 + 64 * u8::from(is_bright(label, k / 3)) + noise.sample(&mut rng)));
    }
    Images::new(shape, 4, pixels, labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    #[test]
    fn planted_images_are_the_same_every_time() {
        let set = ImageSet::of(Scale::Smoke, &Bench::default()).expect("always there");
        let (training, test) = set.open(&Bench::default()).expect("images");
        assert_eq!((training.count(), test.count(), training.classes(), training.shape().height), (48, 16, 4, 8));
        assert_eq!(set.open(&Bench::default()).expect("images"), (training, test));
        assert_eq!(ImageSet::of(Scale::Reduced, &Bench::default()), None);
    }

    /// Looks in the folder that `THALWEG_SHARED` names, or in `shared` beside the workspace.
    #[test]
    fn cifar_10_is_halved() {
        let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        let folder = std::env::var_os("THALWEG_SHARED").map_or_else(beside, PathBuf::from).join("data");
        let bench = Bench::new(Some(folder.clone()));
        let Some(set) = ImageSet::of(Scale::Reduced, &bench) else {
            println!("skipped: {} holds no CIFAR-10", folder.display());
            return;
        };
        let (training, test) = set.open(&bench).expect("images");
        assert_eq!((training.count(), test.count(), training.classes(), training.shape().width), (2048, 256, 10, 16));
        assert_eq!(set.sha256.len(), 12);
    }
}
