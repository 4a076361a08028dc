//! Sound: the magnitudes of its short-time Fourier transform, frequencies × frames.
//!
//! ```text
//! X[k, t] = | Σₙ w[n] · x[t·hop + n] · e^(−2πi·k·n/N) |,   w[n] = ½ − ½·cos(2πn/N),   n = 0, …, N − 1
//! ```
//!
//! with x the mean of the channels, in [−1, 1], N the window, k = 0, …, N/2, and as many frames as lie wholly within the sound.

use super::parsed::Parsed;
use super::{Format, Input, ReadOptions};
use crate::Error;
use crate::data::source::{Budget, Source};
use realfft::RealFftPlanner;
use std::f64::consts::TAU;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::errors::Error as SoundError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;

pub(super) const FORMAT: Format = Format {
    name: "audio",
    about: "FLAC, WAV, MP3 or Ogg Vorbis sound: magnitudes of its short-time Fourier transform (--window, --hop, --bins), \
            frequencies are rows, frames are columns",
    extensions: &["flac", "wav", "mp3", "ogg", "oga"],
    sample,
    sniff: |input, _| is_sound(input.bytes()),
    read,
    list: None,
};

/// The short-time Fourier transform of a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Stft {
    /// N: samples of a frame, under a periodic Hann window.
    pub window: usize,
    /// Samples from one frame to the next; a quarter of the window when nothing is said.
    pub hop: Option<usize>,
    /// How many of the N/2 + 1 frequencies are kept, the lowest first; all when nothing is said.
    pub bins: Option<usize>,
}

impl Default for Stft {
    fn default() -> Self {
        Stft { window: 2048, hop: None, bins: None }
    }
}

/// Bytes of a label, its place in a list included.
const LABEL_BYTES: u64 = 48;
const MAX_WINDOW: usize = 1 << 24;

fn sample() -> Vec<(&'static str, Vec<u8>)> {
    let samples = (0..2560u32).map(|n| (128.0 + 100.0 * (TAU * f64::from(n) / 32.0).sin()) as u8).collect::<Vec<_>>();
    let rate = 8000u32.to_le_bytes();
    let format = [&[1, 0, 1, 0][..], &rate, &rate, &[1, 0, 8, 0]].concat();
    let length = |bytes: &[u8]| (bytes.len() as u32).to_le_bytes();
    let chunks = [b"WAVEfmt ", &length(&format)[..], &format, b"data", &length(&samples), &samples].concat();
    vec![("sample.wav", [b"RIFF", &length(&chunks)[..], &chunks].concat())]
}

fn is_sound(bytes: &[u8]) -> bool {
    let is_wave = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE");
    is_wave || [&b"fLaC"[..], b"OggS", b"ID3"].iter().any(|magic| bytes.starts_with(magic))
}

const READABLE: &str = "readable FLAC, WAV, MP3 or Ogg Vorbis";

/// Samples of the mean of the channels.
struct Sound {
    samples: Vec<f64>,
    rate: u32,
    channels: usize,
    /// Packets that could not be decoded.
    lost: usize,
}

/// The decoders are another library's: where one panics, it is the sound that is damaged.
fn decode(source: &Source, budget: &Budget) -> Result<Sound, Error> {
    let decoded = catch_unwind(AssertUnwindSafe(|| decode_all(source, budget)));
    decoded.unwrap_or_else(|_| Err(source.malformed("sound", READABLE, "what its decoder does not expect")))
}

fn decode_all(source: &Source, budget: &Budget) -> Result<Sound, Error> {
    let fail = |e: SoundError| source.malformed("sound", READABLE, e.to_string());
    budget.claim("the sound", source.bytes.len() as u64)?;
    let stream = MediaSourceStream::new(Box::new(Cursor::new(source.bytes.clone())), Default::default());
    let probe = symphonia::default::get_probe();
    let mut reader = probe.probe(&Hint::new(), stream, Default::default(), Default::default()).map_err(fail)?;
    let track = reader.default_track(TrackType::Audio).ok_or_else(|| source.malformed("sound", "a track of sound", "none"))?;
    let (id, promised) = (track.id, track.num_frames);
    let Some(parameters) = track.codec_params.as_ref().and_then(|p| p.audio()).cloned() else {
        return Err(source.malformed("sound", "a known codec", "none"));
    };
    let mut decoder = symphonia::default::get_codecs().make_audio_decoder(&parameters, &Default::default()).map_err(fail)?;
    // frames of MP3 borrow bits of earlier ones, which an excerpt lacks, and its length is an estimate
    let is_exact = reader.format_info().short_name != "mp3";
    let mut sound = Sound { samples: Vec::new(), rate: 0, channels: 0, lost: 0 };
    while let Some(packet) = next(source, &mut *reader)? {
        if packet.track_id != id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(decoded) => sound.append(source, &decoded, budget)?,
            Err(SoundError::DecodeError(_)) if !is_exact => sound.lost += 1,
            Err(e) => return Err(fail(e)),
        }
    }
    budget.release(source.bytes.len() as u64);
    match promised {
        Some(promised) if is_exact && promised != sound.samples.len() as u64 => {
            Err(source.malformed("sound", format!("{promised} samples, as its header says"), sound.samples.len().to_string()))
        }
        _ => Ok(sound),
    }
}

fn next(source: &Source, reader: &mut dyn FormatReader) -> Result<Option<symphonia::core::packet::Packet>, Error> {
    reader.next_packet().map_err(|e| source.malformed("sound", "one whole stream", e.to_string()))
}

impl Sound {
    fn append(&mut self, source: &Source, decoded: &GenericAudioBufferRef, budget: &Budget) -> Result<(), Error> {
        let (rate, channels) = (decoded.spec().rate(), decoded.num_planes());
        if self.samples.is_empty() {
            (self.rate, self.channels) = (rate, channels);
        }
        if (rate, channels) != (self.rate, self.channels) || rate == 0 || channels == 0 {
            let expected = format!("{} channels at {} Hz throughout", self.channels, self.rate);
            return Err(source.malformed("sound", expected, format!("{channels} at {rate} Hz")));
        }
        // twice, since the list grows by doubling
        budget.claim_items("its samples", decoded.frames() as u64, 16)?;
        let mut interleaved = Vec::new();
        decoded.copy_to_vec_interleaved::<f64>(&mut interleaved);
        self.samples.extend(interleaved.chunks_exact(channels).map(|all| all.iter().sum::<f64>() / channels as f64));
        Ok(())
    }
}

fn read(input: &Input, options: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let source = input.origin();
    let Stft { window, hop, bins } = options.stft;
    let parameter = |name, expected: String, got: usize| Err(Error::Parameter { name, expected, got: got.to_string() });
    if !(2..=MAX_WINDOW).contains(&window) {
        return parameter("window", format!("2 to {MAX_WINDOW} samples"), window);
    }
    let (hop, all) = (hop.unwrap_or(window.div_ceil(4)), window / 2 + 1);
    let bins = bins.unwrap_or(all);
    if hop == 0 {
        return parameter("hop", "at least one sample".to_owned(), hop);
    }
    if !(1..=all).contains(&bins) {
        return parameter("bins", format!("1 to {all} for a window of {window}"), bins);
    }
    let sound = decode(source, budget)?;
    if sound.samples.len() < window {
        return Err(source.malformed("sound", format!("at least one window of {window} samples (--window)"), sound.samples.len().to_string()));
    }
    let mut parsed = spectrogram(source, &sound, (window, hop, bins), budget)?;
    if sound.channels > 1 {
        parsed.notes.push(format!("the mean of {} channels is taken", sound.channels));
    }
    if sound.lost > 0 {
        parsed.notes.push(format!("packets that could not be decoded, and were left out: {}", sound.lost));
    }
    Ok(parsed)
}

fn spectrogram(source: &Source, sound: &Sound, (window, hop, bins): (usize, usize, usize), budget: &Budget) -> Result<Parsed, Error> {
    let frames = (sound.samples.len() - window) / hop + 1;
    budget.claim_items("its spectrogram", bins as u64, (8 * frames as u64).saturating_add(LABEL_BYTES))?;
    budget.claim_items("its frames", frames as u64, LABEL_BYTES)?;
    budget.claim_items("the transform of a frame", window as u64, 64)?;
    let hann: Vec<f64> = (0..window).map(|n| 0.5 - 0.5 * (TAU * n as f64 / window as f64).cos()).collect();
    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(window);
    let (mut frame, mut spectrum) = (transform.make_input_vec(), transform.make_output_vec());
    let mut values = vec![0.0; bins * frames];
    for t in 0..frames {
        for (x, (s, w)) in frame.iter_mut().zip(sound.samples[t * hop..].iter().zip(&hann)) {
            *x = s * w;
        }
        transform.process(&mut frame, &mut spectrum).map_err(|e| source.malformed("sound", "a transform", e.to_string()))?;
        for (k, x) in spectrum.iter().take(bins).enumerate() {
            values[k * frames + t] = x.norm();
        }
    }
    let rate = f64::from(sound.rate);
    let mut parsed = Parsed::table(bins, frames, values);
    parsed.row_labels = Some((0..bins).map(|k| format!("{:.3} Hz", k as f64 * rate / window as f64)).collect());
    parsed.col_labels = Some((0..frames).map(|t| format!("{:.3} s", (t * hop) as f64 / rate)).collect());
    parsed.notes.push(format!(
        "spectrogram of {} samples at {} Hz: {bins} of {} frequencies, {frames} frames of {window} samples under a Hann window, {hop} apart",
        sound.samples.len(),
        sound.rate,
        window / 2 + 1
    ));
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::format::tests::{bytes, dense, read_bytes};

    fn with(stft: Stft) -> Result<crate::data::Dataset, Error> {
        read_bytes("x.wav", &sample()[0].1, &ReadOptions { stft, ..ReadOptions::default() })
    }

    #[test]
    fn a_tone_is_one_row() {
        let data = bytes("x.wav", &sample()[0].1).expect("reads");
        assert_eq!((data.format, data.matrix.shape()), ("audio", (1025, 2)));
        let column: Vec<f64> = dense(&data).iter().map(|row| row[0]).collect();
        // a sine of period 32 has 64 periods in a window, and half of its amplitude times the sum of the window in their bin
        let largest = (1..1025).max_by(|&a, &b| column[a].total_cmp(&column[b])).expect("some");
        assert_eq!((largest, data.row_labels.expect("labels")[64].as_str()), (64, "250.000 Hz"));
        assert!((column[64] - 100.0 / 128.0 * 1024.0 / 2.0).abs() < 3.0, "{}", column[64]);
        assert_eq!(data.col_labels.expect("labels"), ["0.000 s", "0.064 s"]);
    }

    /// With checks of overflow the decoder multiplies channels by bytes and panics.
    #[test]
    fn sound_that_its_decoder_does_not_expect_is_damaged() {
        let mut file = sample()[0].1.clone();
        file[22..24].fill(0xff);
        file[34] = 24;
        assert!(matches!(bytes("x.wav", &file), Err(Error::Malformed { .. })));
    }

    #[test]
    fn the_transform_is_that_of_its_definition() {
        let data = with(Stft { window: 16, hop: Some(100), bins: Some(4) }).expect("reads");
        let file = &sample()[0].1;
        let x: Vec<f64> = file[44..].iter().map(|&b| (f64::from(b) - 128.0) / 128.0).collect();
        for (k, row) in dense(&data).iter().enumerate() {
            for (t, &got) in row.iter().enumerate() {
                let (mut re, mut im) = (0.0, 0.0);
                for n in 0..16 {
                    let weighted = (0.5 - 0.5 * (TAU * n as f64 / 16.0).cos()) * x[100 * t + n];
                    let angle = TAU * (k * n) as f64 / 16.0;
                    (re, im) = (re + weighted * angle.cos(), im - weighted * angle.sin());
                }
                assert!((got - re.hypot(im)).abs() < 1e-12, "{k}, {t}: {got}");
            }
        }
        assert_eq!(data.matrix.shape(), (4, 26));
    }

    #[test]
    fn settings_are_checked() {
        let default = Stft::default();
        for (stft, setting) in [
            (Stft { window: 1, ..default }, "window"),
            (Stft { window: usize::MAX, ..default }, "window"),
            (Stft { hop: Some(0), ..default }, "hop"),
            (Stft { bins: Some(0), ..default }, "bins"),
            (Stft { bins: Some(1026), ..default }, "bins"),
        ] {
            assert!(matches!(with(stft), Err(Error::Parameter { name, .. }) if name == setting), "{stft:?}");
        }
        let message = with(Stft { window: 4096, ..default }).expect_err("too short").to_string();
        assert!(message.contains("--window") && message.contains("2560"), "{message}");
    }

    #[test]
    fn a_cut_sound_is_refused() {
        let file = &sample()[0].1;
        let message = bytes("x.wav", &file[..file.len() - 100]).expect_err("cut").to_string();
        assert!(message.contains("one whole stream") && message.contains("end of file"), "{message}");
    }
}
