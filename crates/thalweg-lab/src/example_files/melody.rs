//! Three notes, one after the other and then together.

use super::{Content, ExampleFile, noise};
use std::f64::consts::TAU;
use thalweg::Error;

pub(super) const MELODY: ExampleFile = ExampleFile {
    name: "melody",
    file: "melody.wav",
    about: "4 seconds at 8 kHz: the notes a (220 Hz), c sharp (277 Hz) and e (330 Hz), each struck alone and then all three together",
    next: "thalweg fit melody.wav -k 3 --window 1024 --bins 256 --restarts 5 -o melody",
    make,
};

const RATE: usize = 8000;
const NOTES: [f64; 3] = [220.0, 277.183, 329.628];
/// Relative strength of the overtones.
const OVERTONES: [f64; 4] = [1.0, 0.5, 0.3, 0.15];
/// Seconds in which a note loses all but 1/e of its loudness.
const FADES: f64 = 0.6;

/// A struck note, `t` seconds after the stroke.
fn note(pitch: f64, t: f64) -> f64 {
    let tone: f64 = OVERTONES.iter().enumerate().map(|(k, strength)| strength * (TAU * pitch * (k + 1) as f64 * t).sin()).sum();
    if t < 0.0 { 0.0 } else { tone * (-t / FADES).exp() * (t / 0.01).min(1.0) }
}

/// 16-bit PCM, one channel.
fn make() -> Result<Content, Error> {
    let count = 4 * RATE;
    let noise = noise(0.001, count, 30)?;
    let sound = (0..count).zip(noise).map(|(at, z)| {
        let t = at as f64 / RATE as f64;
        z + NOTES.iter().enumerate().map(|(k, &pitch)| 0.15 * (note(pitch, t - k as f64) + note(pitch, t - 3.0))).sum::<f64>()
    });
    let samples: Vec<u8> = sound.flat_map(|x| ((32_767.0 * x).round() as i16).to_le_bytes()).collect();
    let mut bytes = Vec::new();
    let rate = RATE as u32;
    bytes.extend_from_slice(b"RIFF");
    bytes.extend((36 + samples.len() as u32).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt ");
    bytes.extend(16u32.to_le_bytes());
    // PCM, one channel, samples and bytes a second, bytes and bits of a sample
    [1u16, 1].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    [rate, 2 * rate].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    [2u16, 16].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
    bytes.extend_from_slice(b"data");
    bytes.extend((samples.len() as u32).to_le_bytes());
    bytes.extend(samples);
    Ok(Content::Bytes(bytes))
}
