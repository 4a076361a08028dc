//! What every measurement map owes.

use crate::planted::factors;
use rand_distr::{Distribution, StandardNormal};
use thalweg::data::stream;
use thalweg::map::{Definition, Gram, MAPS, MeasurementMap, Moment, Rescaling, Weight};
use thalweg::{Factors, Side};

fn normals(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = stream(seed, 77);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

fn signed_factors(m: usize, n: usize, r: usize, seed: u64) -> Factors {
    Factors::new(m, n, r, normals((m + n) * r, seed)).unwrap()
}

fn close(a: &[f64], b: &[f64], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let size = b.iter().fold(0.0f64, |s, x| s.max(x.abs()));
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= 1e-13 * size, "{what}: {a} instead of {b}");
    }
}

/// Aᵢ, row-major, from the definition; symmetric for symmetric maps up to rounding.
fn matrices(map: &dyn MeasurementMap) -> Vec<Vec<f64>> {
    let (d1, d2) = map.shape();
    match map.definition() {
        Definition::Dense(a) => a.chunks_exact(d1 * d2).map(<[f64]>::to_vec).collect(),
        Definition::OuterProducts(l, r) => {
            let outer = |(l, r): (&[f64], &[f64])| l.iter().flat_map(|x| r.iter().map(move |y| x * y)).collect();
            l.chunks_exact(d1).zip(r.chunks_exact(d2)).map(outer).collect()
        }
        Definition::Entries(rows, cols, weights) => {
            let entry = |((&i, &j), &w): ((&u32, &u32), &f64)| {
                let mut a = vec![0.0; d1 * d2];
                a[i as usize * d2 + j as usize] = w;
                a
            };
            rows.iter().zip(cols).zip(weights).map(entry).collect()
        }
    }
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn product(f: &Factors) -> Vec<f64> {
    (0..f.rows())
        .flat_map(|i| (0..f.cols()).map(move |j| (i, j)))
        .map(|(i, j)| {
            let (u, v) = f.row_pair(i, j);
            inner(u, v)
        })
        .collect()
}

fn every_map(check: impl Fn(&str, &dyn MeasurementMap, u64)) {
    for kind in MAPS {
        for seed in 0..3 {
            check(kind.name, &*(kind.sample)(seed), seed);
        }
    }
}

#[test]
fn products_are_those_of_the_definition() {
    every_map(|name, map, seed| {
        assert_eq!(map.name(), name);
        let ((d1, d2), p, matrices) = (map.shape(), map.len(), matrices(map));
        assert_eq!(matrices.len(), p);
        let (x, y) = (normals(d1 * d2, seed), normals(p, seed + 100));
        let (mut ax, mut aty) = (vec![0.0; p], vec![f64::NAN; d1 * d2]);
        map.apply(&x, &mut ax);
        map.adjoint(&y, &mut aty);
        close(&ax, &matrices.iter().map(|a| inner(a, &x)).collect::<Vec<_>>(), name);
        let sum = (0..d1 * d2).map(|at| matrices.iter().zip(&y).map(|(a, y)| y * a[at]).sum()).collect::<Vec<f64>>();
        close(&aty, &sum, name);
        assert!((inner(&ax, &y) - inner(&x, &aty)).abs() <= 1e-12 * inner(&ax, &ax).sqrt() * inner(&y, &y).sqrt(), "{name}");
        let gram = match map.gram() {
            Gram::Full(gram) => gram,
            Gram::Diagonal(d) => (0..p * p).map(|at| if at / p == at % p { d[at / p] } else { 0.0 }).collect(),
        };
        close(&gram, &(0..p * p).map(|at| inner(&matrices[at / p], &matrices[at % p])).collect::<Vec<_>>(), name);
    });
}

#[test]
fn factored_products_are_the_full_ones() {
    every_map(|name, map, seed| {
        let ((d1, d2), p, r) = (map.shape(), map.len(), 3);
        let f = signed_factors(d1, d2, r, seed);
        let (mut full, mut factored) = (vec![0.0; p], vec![0.0; p]);
        map.apply(&product(&f), &mut full);
        map.apply_factored(&f, &mut factored);
        close(&factored, &full, name);
        let y = normals(p, seed + 5);
        let mut sum = vec![0.0; d1 * d2];
        map.adjoint(&y, &mut sum);
        for side in [Side::U, Side::V] {
            let (own, other) = if side == Side::U { (d1, d2) } else { (d2, d1) };
            let factor = f.side(side.other());
            let at = |i: usize, j: usize| if side == Side::U { sum[i * d2 + j] } else { sum[j * d2 + i] };
            let expected: Vec<f64> = (0..own * r).map(|at_out| (0..other).map(|j| at(at_out / r, j) * factor[j * r + at_out % r]).sum()).collect();
            let mut out = vec![f64::NAN; own * r];
            map.adjoint_times(&y, side, factor, r, &mut out);
            close(&out, &expected, name);
            let mut jacobian = vec![f64::NAN; p * own * r];
            map.jacobian(side, factor, r, &mut jacobian);
            let weighted: Vec<f64> = (0..own * r).map(|at| (0..p).map(|i| y[i] * jacobian[i * own * r + at]).sum()).collect();
            close(&weighted, &expected, name);
        }
    });
}

#[test]
fn the_factored_jacobian_is_the_derivative_of_the_factored_product() {
    every_map(|name, map, seed| {
        let ((d1, d2), p, r) = (map.shape(), map.len(), 3);
        let (at, step) = (signed_factors(d1, d2, r, seed + 5), signed_factors(d1, d2, r, seed + 6));
        let weights: Vec<f64> = normals(p, seed + 7).iter().map(|w| w.abs() + 0.1).collect();
        let jacobian = map.factored_jacobian(&at).weighted(&weights);
        let width = jacobian.width();
        assert_eq!(width, (d1 + d2) * r, "{name}");
        // A(U ΔVᵀ + ΔU Vᵀ) is half of A((U + ΔU)(V + ΔV)ᵀ) − A((U − ΔU)(V − ΔV)ᵀ)
        let moved = |sign: f64| {
            let values = at.as_slice().iter().zip(step.as_slice()).map(|(x, d)| x + sign * d).collect();
            let mut out = vec![0.0; p];
            map.apply_factored(&Factors::new(d1, d2, r, values).unwrap(), &mut out);
            out
        };
        let expected: Vec<f64> = moved(1.0).iter().zip(moved(-1.0)).zip(&weights).map(|((a, b), w)| 0.5 * w * (a - b)).collect();
        close(&jacobian.times(step.as_slice()), &expected, name);
        // ⟨Jx, y⟩ = ⟨x, Jᵀy⟩ for unit x, and JᵀJ column by column
        let y = normals(p, seed + 8);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let columns: Vec<Vec<f64>> = (0..width)
            .map(|k| {
                let mut unit = vec![0.0; width];
                unit[k] = 1.0;
                jacobian.times(&unit)
            })
            .collect();
        close(&jacobian.transposed_times(&y), &columns.iter().map(|c| dot(c, &y)).collect::<Vec<f64>>(), name);
        let gram: Vec<f64> = (0..width * width).map(|at| dot(&columns[at / width], &columns[at % width])).collect();
        close(&jacobian.gram(), &gram, name);
    });
}

#[test]
fn rescaling_follows_its_definition() {
    every_map(|name, map, _| {
        let ((d1, d2), matrices) = (map.shape(), matrices(map));
        let rescaling = Rescaling::of(map).unwrap();
        let (left, right) = map.second_moments();
        let dense = |m: Moment| match m {
            Moment::Full(values) => values,
            Moment::Diagonal(diagonal) => Weight::Diagonal(diagonal).dense(),
        };
        let row_row = |i: usize, k: usize| matrices.iter().map(|a| (0..d2).map(|j| a[i * d2 + j] * a[k * d2 + j]).sum::<f64>()).sum::<f64>();
        let col_col = |j: usize, k: usize| matrices.iter().map(|a| (0..d1).map(|i| a[i * d2 + j] * a[i * d2 + k]).sum::<f64>()).sum::<f64>();
        let of_rows: Vec<f64> = (0..d1 * d1).map(|at| row_row(at / d1, at % d1)).collect();
        let of_cols: Vec<f64> = (0..d2 * d2).map(|at| col_col(at / d2, at % d2)).collect();
        close(&dense(left), &of_rows, name);
        close(&dense(right), &of_cols, name);
        for (weight, inverse, moment, d) in
            [(&rescaling.left, &rescaling.left_inverse, &of_rows, d1), (&rescaling.right, &rescaling.right_inverse, &of_cols, d2)]
        {
            let (w, inverse) = (weight.dense(), inverse.dense());
            let times =
                |a: &[f64], b: &[f64]| -> Vec<f64> { (0..d * d).map(|at| (0..d).map(|k| a[at / d * d + k] * b[k * d + at % d]).sum()).collect() };
            let mean = (0..d).map(|i| w[i * d + i]).sum::<f64>() / d as f64;
            assert!((mean - 1.0).abs() < 1e-13, "{name}: mean {mean}");
            let square = times(&w, &w);
            let factor = moment[0] / square[0];
            close(&square.iter().map(|x| factor * x).collect::<Vec<_>>(), moment, name);
            if !rescaling.is_singular() {
                let unit: Vec<f64> = (0..d * d).map(|at| f64::from(u8::from(at / d == at % d))).collect();
                for (a, b) in times(&w, &inverse).iter().zip(&unit) {
                    assert!((a - b).abs() < 1e-11, "{name}");
                }
            }
        }
        let x = normals(d1 * d2, 9);
        let (l, r) = (rescaling.left.dense(), rescaling.right.dense());
        let lx: Vec<f64> = (0..d1 * d2).map(|at| (0..d1).map(|k| l[at / d2 * d1 + k] * x[k * d2 + at % d2]).sum()).collect();
        let lxr: Vec<f64> = (0..d1 * d2).map(|at| (0..d2).map(|k| lx[at / d2 * d2 + k] * r[k * d2 + at % d2]).sum()).collect();
        let (mut direct, mut transformed) = (vec![0.0; map.len()], vec![0.0; map.len()]);
        map.apply(&lxr, &mut direct);
        map.transformed(&rescaling.left, &rescaling.right).apply(&x, &mut transformed);
        close(&transformed, &direct, name);
    });
}

#[test]
fn scaling_is_exact() {
    every_map(|name, map, seed| {
        let (d1, d2) = map.shape();
        let f = factors(d1, d2, 2, seed);
        for exponent in [-301, -7, 0, 12, 300] {
            let (mut plain, mut scaled) = (vec![0.0; map.len()], vec![0.0; map.len()]);
            map.apply_factored(&f, &mut plain);
            map.scaled(exponent).apply_factored(&f, &mut scaled);
            for (a, b) in plain.iter().zip(&scaled) {
                assert_eq!(a.to_bits(), thalweg::linalg::scale(*b, -exponent).to_bits(), "{name} at 2^{exponent}");
            }
        }
    });
}
