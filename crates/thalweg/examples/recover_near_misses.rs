//! Counts false certificates: `recover_near_misses [COUNT] [SEED]`.
//!
//! Planted instances of every kind and both norms are recovered; then answers, multipliers, ranks and data are moved, and each is offered to
//! the verifier. A certificate is false if the factors offered are further from the planted minimiser than the radius it tells, or than 10⁻⁸.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use thalweg::Factors;
use thalweg::certificate::recovery::{leading_factors, verify};
use thalweg::data::stream;
use thalweg::map::{Gaussian, MeasurementMap, OuterProducts, Sampling};
use thalweg::problem::{Norm, Recovery, RecoveryStatus};
use thalweg::solver::Stop;
use thalweg::solver::convex::{RECOVERY_TOLERANCE, recover};

fn normals(count: usize, rng: &mut impl RngExt) -> Vec<f64> {
    (0..count).map(|_| StandardNormal.sample(rng)).collect()
}

/// A map, the factors that were planted, and what it measures of them.
type Planted = (Box<dyn MeasurementMap>, Factors, Vec<f64>);

fn planted(kind: usize, rng: &mut impl RngExt) -> Result<Planted, thalweg::Error> {
    let d = 8 + (rng.random::<u32>() % 6) as usize;
    let rank = 1 + (rng.random::<u32>() % 2) as usize;
    let map: Box<dyn MeasurementMap> = match kind {
        0 => Box::new(Gaussian::new(9 * d * rank / 2 + 2 * d, (d, d), normals((9 * d * rank / 2 + 2 * d) * d * d, rng))?),
        1 => Box::new(OuterProducts::bilinear(8 * d * rank, (d, d), normals(8 * d * d * rank, rng), normals(8 * d * d * rank, rng))?),
        2 => Box::new(OuterProducts::quadratic(5 * d * rank, d, normals(5 * d * d * rank, rng))?),
        _ => {
            let side = 2 * d as u32;
            let kept: Vec<(u32, u32)> = (0..side).flat_map(|i| (0..side).map(move |j| (i, j))).filter(|_| rng.random::<f64>() < 0.7).collect();
            let (rows, cols): (Vec<u32>, Vec<u32>) = kept.into_iter().unzip();
            let weights = vec![1.0; rows.len()];
            Box::new(Sampling::new((side as usize, side as usize), rows, cols, weights)?)
        }
    };
    let (d1, d2) = map.shape();
    let mut truth = Factors::new(d1, d2, rank, normals((d1 + d2) * rank, rng))?;
    if map.is_symmetric() {
        let u = truth.split().0.to_vec();
        truth.split_mut().1.copy_from_slice(&u);
    }
    let mut b = vec![0.0; map.len()];
    map.apply_factored(&truth, &mut b);
    Ok((map, truth, b))
}

/// ‖U₁V₁ᵀ − U₂V₂ᵀ‖_F / ‖U₂V₂ᵀ‖_F.
fn distance(a: &Factors, b: &Factors) -> f64 {
    let entry = |f: &Factors, i: usize, j: usize| {
        let (u, v) = f.row_pair(i, j);
        u.iter().zip(v).map(|(u, v)| u * v).sum::<f64>()
    };
    let (mut apart, mut size) = (0.0, 0.0);
    for i in 0..b.rows() {
        for j in 0..b.cols() {
            apart += (entry(a, i, j) - entry(b, i, j)).powi(2);
            size += entry(b, i, j).powi(2);
        }
    }
    (apart / size).sqrt()
}

fn main() -> Result<(), thalweg::Error> {
    let mut words = std::env::args().skip(1);
    let count: usize = words.next().map_or(10_000, |word| word.parse().expect("a count"));
    let seed: u64 = words.next().map_or(0, |word| word.parse().expect("a seed"));
    let (mut offered, mut false_ones, mut true_ones) = (0usize, 0usize, 0usize);
    let (mut recovered, mut certified, mut failed) = (0usize, 0usize, 0usize);
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for trial in 0.. {
        if offered >= count {
            break;
        }
        let mut rng = stream(seed, trial);
        let (map, truth, b) = planted(trial as usize % 4, &mut rng)?;
        let norm = if trial / 4 % 2 == 0 { Norm::Nuclear } else { Norm::Flat };
        let problem = Recovery::new(&*map, &b, norm)?;
        let stop = Stop { max_iters: 1500, max_time: None, tol: RECOVERY_TOLERANCE };
        let found = recover(&problem, &stop, &mut |_, _| ControlFlow::Continue(()))?;
        let Some(factors) = leading_factors(&found.x, map.shape(), found.rank) else { continue };
        let is_truth = distance(&factors, &truth) < 1e-8;
        let verdict = verify(&problem, &factors, &found.multiplier)?;
        if is_truth && found.status == RecoveryStatus::Converged {
            recovered += 1;
            certified += usize::from(verdict.certified);
            if let Some(unproved) = verdict.unproved {
                *refused.entry(format!("{unproved:?}, {} {norm:?}", map.name())).or_default() += 1;
            }
        } else {
            // the minimiser is another matrix than the planted one, which must not be certified with any of these multipliers
            failed += 1;
            let mut judge = |factors: &Factors, y: &[f64]| -> Result<(), thalweg::Error> {
                offered += 1;
                false_ones += usize::from(verify(&problem, factors, y)?.certified);
                Ok(())
            };
            judge(&truth, &found.multiplier)?;
            judge(&truth, &found.multiplier.iter().map(|y| 0.9 * y).collect::<Vec<_>>())?;
            judge(&truth, &normals(b.len(), &mut rng))?;
            continue;
        }
        let mut judge = |factors: &Factors, y: &[f64]| -> Result<(), thalweg::Error> {
            let verdict = verify(&problem, factors, y)?;
            offered += 1;
            let apart = distance(factors, &truth);
            // the planted matrix is itself rounded
            let is_false = verdict.certified && (apart > 1e-8 || apart > verdict.radius.unwrap_or(0.0) + 1e-12);
            false_ones += usize::from(is_false);
            true_ones += usize::from(verdict.certified && !is_false);
            Ok(())
        };
        for size in [1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9] {
            let mut moved = factors.clone();
            let noise = normals(moved.as_slice().len(), &mut rng);
            moved.as_mut_slice().iter_mut().zip(&noise).for_each(|(x, n)| *x *= 1.0 + size * n);
            judge(&moved, &found.multiplier)?;
            let largest = found.multiplier.iter().fold(0.0f64, |m, y| m.max(y.abs()));
            let noise = normals(b.len(), &mut rng);
            let y: Vec<f64> = found.multiplier.iter().zip(noise).map(|(y, n)| y + size * largest * n).collect();
            judge(&factors, &y)?;
            judge(&moved, &y)?;
        }
        for rank in [found.rank - 1, found.rank + 1] {
            if let Some(other) = leading_factors(&found.x, map.shape(), rank.max(1)) {
                judge(&other, &found.multiplier)?;
            }
        }
        for factor in [0.0, 0.5, 0.99, 1.01, -1.0] {
            judge(&factors, &found.multiplier.iter().map(|y| factor * y).collect::<Vec<_>>())?;
        }
    }
    println!(
        "offered {offered}: certified falsely {false_ones}, certified rightly {true_ones}; planted and recovered {recovered}, of them certified \
         {certified}; not recovered {failed}; refused {refused:?}"
    );
    Ok(())
}
