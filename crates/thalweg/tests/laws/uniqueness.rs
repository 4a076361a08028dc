//! "Unique" is said of factorisations that are, and never where a second one can be written down.

use super::planted::factors;
use rand::RngExt;
use thalweg::certificate::{Evidence, uniqueness};
use thalweg::data::stream;
use thalweg::{Factors, Side};

const INSTANCES: u64 = 500;

fn side_mut(f: &mut Factors<f64>, side: Side) -> &mut [f64] {
    let (u, v) = f.split_mut();
    if side == Side::U { u } else { v }
}

/// Both factors hold a pure row for each component, at random places.
fn separable(seed: u64) -> Factors<f64> {
    let mut rng = stream(seed, 4000);
    let r = 2 + (seed % 4) as usize;
    let (m, n) = (r + rng.random_range(0..6), r + rng.random_range(0..6));
    let mut f = factors(m, n, r, seed);
    for (side, rows) in [(Side::U, m), (Side::V, n)] {
        let first = rng.random_range(0..=rows - r);
        for k in 0..r {
            let row = &mut side_mut(&mut f, side)[(first + k) * r..][..r];
            row.fill(0.0);
            row[k] = rng.random_range(1e-6..1e6);
        }
    }
    f
}

/// Moves `share` of component `to` from one factor's column `from`: the product stays.
fn sheared(f: &Factors<f64>, (from, to): (usize, usize), share: f64, giving: Side) -> Factors<f64> {
    let (mut f, r) = (f.clone(), f.rank());
    side_mut(&mut f, giving).chunks_exact_mut(r).for_each(|row| row[from] -= share * row[to]);
    side_mut(&mut f, giving.other()).chunks_exact_mut(r).for_each(|row| row[to] += share * row[from]);
    f
}

#[test]
fn what_has_pure_rows_on_both_sides_is_unique() {
    for seed in 0..INSTANCES {
        assert_eq!(uniqueness(&separable(seed)), Evidence::Unique, "seed {seed}");
    }
}

#[test]
fn what_has_a_second_factorisation_is_never_called_unique() {
    let mut shown = 0;
    for seed in 0..INSTANCES {
        for giving in [Side::U, Side::V] {
            let mut f = separable(seed);
            let (r, from, to) = (f.rank(), (seed as usize / 4) % f.rank(), (seed as usize / 4 + 1) % f.rank());
            // the giving column gets a share of the other, however small, which it can give away again
            let share = 10f64.powi(-((seed % 13) as i32));
            side_mut(&mut f, giving).chunks_exact_mut(r).for_each(|row| row[from] += share * row[to]);
            let second = sheared(&f, (from, to), share / 2.0, giving);
            assert!(second.as_slice().iter().all(|&x| x >= 0.0));
            for (i, j) in (0..f.rows()).flat_map(|i| (0..f.cols()).map(move |j| (i, j))) {
                let entry = |f: &Factors<f64>| f.row_pair(i, j).0.iter().zip(f.row_pair(i, j).1).map(|(a, b)| a * b).sum::<f64>();
                assert!((entry(&f) - entry(&second)).abs() <= 1e-12 * entry(&f));
            }
            match uniqueness(&f) {
                Evidence::Unique => panic!("a second factorisation exists, seed {seed}, share {share}"),
                Evidence::Shear { most, .. } => {
                    assert!(most > 0.0);
                    shown += 1;
                }
                Evidence::ZeroComponent(_) | Evidence::Unknown => {}
            }
        }
    }
    assert_eq!(shown, 2 * INSTANCES, "the second factorisation is found wherever a share was given");
}

/// A trace of another component takes the proof away.
#[test]
fn a_row_that_is_almost_pure_proves_nothing() {
    for seed in 0..INSTANCES {
        let mut f = separable(seed);
        side_mut(&mut f, Side::U).iter_mut().filter(|x| **x == 0.0).for_each(|x| *x = 1e-300);
        assert_ne!(uniqueness(&f), Evidence::Unique, "seed {seed}");
    }
}
