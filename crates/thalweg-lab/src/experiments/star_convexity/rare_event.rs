//! The probability of an event too rare to be seen: that a function of independent standard normals falls below zero.
//!
//! Subset simulation (Au, Beck 2001): levels that a share `SHARE` of the particles reaches are passed one after another, the particles
//! being renewed on each by moves that leave the normal law as it is (preconditioned Crank–Nicolson). P = SHAREˡ × the share at the end.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use thalweg::data::stream;

/// Particles that go on from each level.
const SHARE: f64 = 0.2;
/// Moves of each particle on each level.
const MOVES: usize = 12;
/// Levels after which the event counts as out of reach: below 1e-139.
const LEVELS: usize = 200;
/// The share of moves that the step is steered towards.
const ACCEPTED: f64 = 0.35;

/// ln P, or none if it was out of reach.
pub fn log_probability(value: &(dyn Fn(&[f64]) -> f64 + Sync), dim: usize, particles: usize, seed: u64) -> Option<f64> {
    let draw = |rng: &mut ChaCha8Rng| -> Vec<f64> { StandardNormal.sample_iter(rng).take(dim).collect() };
    let with_value = |z: Vec<f64>| (value(&z), z);
    let mut all: Vec<(f64, Vec<f64>)> = (0..particles).into_par_iter().map(|p| with_value(draw(&mut stream(seed, p as u64)))).collect();
    let kept = ((particles as f64 * SHARE) as usize).max(1);
    let (mut log_p, mut step) = (0.0, 0.6f64);
    for level in 0..LEVELS {
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let threshold = all[kept - 1].0;
        if threshold <= 0.0 {
            let share = all.iter().filter(|p| p.0 < 0.0).count() as f64 / particles as f64;
            return Some(log_p + share.ln());
        }
        log_p += (kept as f64 / particles as f64).ln();
        for at in kept..particles {
            all[at] = all[at % kept].clone();
        }
        for sweep in 0..MOVES {
            let number = (1 + level * MOVES + sweep) as u64 * particles as u64;
            let keep = (1.0 - step * step).sqrt();
            let accepted: usize = all
                .par_iter_mut()
                .enumerate()
                .map(|(at, particle)| {
                    let fresh = draw(&mut stream(seed, number + at as u64));
                    let moved = with_value(particle.1.iter().zip(fresh).map(|(z, g)| keep * z + step * g).collect());
                    let is_in = moved.0 <= threshold;
                    if is_in {
                        *particle = moved;
                    }
                    usize::from(is_in)
                })
                .sum();
            step = (step * (0.8 * (accepted as f64 / particles as f64 - ACCEPTED)).exp()).clamp(0.005, 0.99);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_of_the_normal_law() {
        // P(z > t), from tables
        for (t, log10_p) in [(2.0, -1.643), (5.0, -6.5427), (10.0, -23.118)] {
            let estimates: Vec<f64> = (0..6).filter_map(|seed| log_probability(&|z| t - z[0], 3, 500, seed)).map(|l| l / 10f64.ln()).collect();
            let mean = estimates.iter().sum::<f64>() / 6.0;
            let sd = (estimates.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / 5.0).sqrt();
            assert!((mean - log10_p).abs() < 4.0 * sd / 6f64.sqrt() + 0.02, "t = {t}: {mean} ± {sd}, not {log10_p}");
        }
    }

    #[test]
    fn what_never_happens_is_out_of_reach() {
        assert_eq!(log_probability(&|_| 1.0, 2, 50, 1), None);
    }
}
