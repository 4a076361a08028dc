//! A film: something small moves before a background that grows lighter.

use super::{Content, ExampleFile};
use thalweg::Error;
use thalweg::data::{Array, Numbers};

pub(super) const FRAMES: ExampleFile = ExampleFile {
    name: "frames",
    file: "frames.npz",
    about: "30 frames of 12x16 pixels, one a row: a background of rank 1 that grows lighter, and a bright square that moves before it",
    next: "thalweg recover rpca frames.npz --certify -o frames",
    make,
};

const FRAMES_COUNT: usize = 30;
const HEIGHT: usize = 12;
const WIDTH: usize = 16;
const SQUARE: usize = 3;

fn make() -> Result<Content, Error> {
    let background = |y: usize, x: usize| 0.2 + 0.5 * ((y as f64 / 4.0).sin().powi(2) + x as f64 / WIDTH as f64) / 2.0;
    let mut film = Vec::with_capacity(FRAMES_COUNT * HEIGHT * WIDTH);
    for frame in 0..FRAMES_COUNT {
        let light = 1.0 + 0.01 * frame as f64;
        let (top, left) = (2 + frame / 5, frame * (WIDTH - SQUARE) / (FRAMES_COUNT - 1));
        for (y, x) in (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (y, x))) {
            let is_square = (top..top + SQUARE).contains(&y) && (left..left + SQUARE).contains(&x);
            film.push(if is_square { 1.5 } else { light * background(y, x) });
        }
    }
    Ok(Content::Arrays(vec![("Y", Array::new(vec![FRAMES_COUNT, HEIGHT * WIDTH], Numbers::F64(film))?)]))
}
