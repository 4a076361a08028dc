//! A hyperspectral cube.

use super::{Content, ExampleFile, draws, noise, product};
use thalweg::Error;
use thalweg::data::{Array, Law, Numbers};

pub(super) const MINERALS: ExampleFile = ExampleFile {
    name: "minerals",
    file: "minerals.npz",
    about: "a cube of 60 bands, 12x15 pixels: 3 spectra, shares that sum to one, a corner of pure pixels of each, noise of 0.003",
    next: "thalweg info minerals.npz --unfold 0",
    make,
};

const BANDS: usize = 60;
const HEIGHT: usize = 12;
const WIDTH: usize = 15;
/// A dip of a spectrum: centre and width in parts of the range of wavelengths, and depth.
struct Absorption(f64, f64, f64);
/// A level, and what is taken from it.
struct Spectrum(f64, [Absorption; 2]);

const SPECTRA: [Spectrum; 3] = [
    Spectrum(0.55, [Absorption(0.25, 0.06, 0.3), Absorption(0.8, 0.05, 0.2)]),
    Spectrum(0.75, [Absorption(0.5, 0.1, 0.5), Absorption(0.9, 0.03, 0.1)]),
    Spectrum(0.35, [Absorption(0.1, 0.08, 0.2), Absorption(0.65, 0.12, 0.15)]),
];
/// Corners in which a pixel shows one mineral alone.
const PURE: [(usize, usize); 3] = [(0, 0), (0, WIDTH - 1), (HEIGHT - 1, 0)];

fn reflectance(Spectrum(level, absorptions): &Spectrum, at: f64) -> f64 {
    level - absorptions.iter().map(|Absorption(centre, width, depth)| depth * (-0.5 * ((at - centre) / width).powi(2)).exp()).sum::<f64>()
}

/// Shares uniform on the simplex, but for 2×2 pure pixels in three corners.
fn make() -> Result<Content, Error> {
    let rank = SPECTRA.len();
    let wavelengths: Vec<f64> = (0..BANDS).map(|band| 400.0 + 2100.0 * band as f64 / (BANDS - 1) as f64).collect();
    let at = |band: usize| band as f64 / (BANDS - 1) as f64;
    let u: Vec<f64> = (0..BANDS).flat_map(|band| SPECTRA.iter().map(move |spectrum| reflectance(spectrum, at(band)))).collect();
    let mut shares = draws(Law::Exponential, HEIGHT * WIDTH * rank, 10)?;
    for (pixel, shares) in shares.chunks_exact_mut(rank).enumerate() {
        let (y, x) = (pixel / WIDTH, pixel % WIDTH);
        if let Some(mineral) = PURE.iter().position(|&(top, left)| y.abs_diff(top) < 2 && x.abs_diff(left) < 2) {
            shares.fill(0.0);
            shares[mineral] = 1.0;
        }
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum);
    }
    let noise = noise(0.003, BANDS * HEIGHT * WIDTH, 11)?;
    let cube = product(&u, &shares, rank).into_iter().zip(noise).map(|(x, z)| (x + z).max(0.0)).collect();
    Ok(Content::Arrays(vec![
        ("cube", Array::new(vec![BANDS, HEIGHT, WIDTH], Numbers::F64(cube))?),
        ("wavelengths", Array::new(vec![BANDS], Numbers::F64(wavelengths))?),
    ]))
}
