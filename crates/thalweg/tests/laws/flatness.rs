//! Closed forms are the traces of dense Hessians; estimates hold as often as they say.

use super::planted;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use thalweg::Factors;
use thalweg::data::stream;
use thalweg::geometry::{balancedness, estimate_trace, flatness, flattest_factors, hessian_spectrum};
use thalweg::linalg::{singular_values, symmetric_eigenvalues};
use thalweg::map::{MAPS, identity};
use thalweg::problem::{DeepSparse, FactorPenalty, Factored, Nmf, Objective, Penalty, QuadraticNetwork};

fn normals(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = stream(seed, 31);
    (0..count).map(|_| StandardNormal.sample(&mut rng)).collect()
}

/// Every model with a closed form, at a point that is no solution.
fn for_each_model(seed: u64, mut visit: impl FnMut(&str, &dyn Objective)) {
    for kind in MAPS {
        let map = (kind.sample)(seed);
        let b = normals(map.len(), seed + 1);
        visit(&format!("{}, U Vᵀ", kind.name), &Factored::new(&*map, &b, 3, false).unwrap());
        if map.is_symmetric() {
            visit(&format!("{}, U Uᵀ", kind.name), &Factored::new(&*map, &b, 3, true).unwrap());
            visit(&format!("{}, network", kind.name), &QuadraticNetwork::new(&*map, &b, (2, 1)).unwrap());
            visit(&format!("{}, network with positive outputs", kind.name), &QuadraticNetwork::new(&*map, &b, (2, 0)).unwrap());
        }
    }
    // robust PCA once the corruptions are known: every entry of Y − S is seen
    let map = identity(6, 4).unwrap();
    let b = normals(24, seed + 2);
    visit("robust PCA", &Factored::new(&map, &b, 2, false).unwrap());
    let penalty = Penalty { u: FactorPenalty { l2: 0.3, l1: 0.1 }, v: FactorPenalty { l2: 0.7, l1: 0.0 }, ..Penalty::default() };
    for (kind, data) in planted::kinds(seed) {
        visit(&format!("nmf of {kind} data"), &Nmf::new(&data, 3).unwrap());
        visit(&format!("penalised nmf of {kind} data"), &Nmf::new(&data, 3).unwrap().with_penalty(&penalty).unwrap());
    }
    for depth in 1..=4 {
        let problem = DeepSparse::new(5, 7, normals(35, seed + 3), normals(5, seed + 4), depth).unwrap();
        visit(&format!("diagonal network of depth {depth}"), &problem);
    }
}

fn point(objective: &dyn Objective, seed: u64) -> Vec<f64> {
    normals(objective.dim(), seed).iter().map(|x| x.abs() + 0.1).collect()
}

fn dense_diagonal(objective: &dyn Objective, x: &[f64]) -> Vec<f64> {
    (0..x.len())
        .map(|at| {
            let (mut e, mut column) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            e[at] = 1.0;
            objective.hessian_vec(x, &e, &mut column);
            column[at]
        })
        .collect()
}

#[test]
fn closed_forms_are_the_traces_of_dense_hessians() {
    let mut models = 0;
    for seed in [1, 2] {
        for_each_model(seed, |name, objective| {
            let x = point(objective, seed + 5);
            let diagonal = dense_diagonal(objective, &x);
            let found = flatness(objective, &x).unwrap_or_else(|| panic!("{name} has no closed form"));
            let size: f64 = diagonal.iter().map(|x| x.abs()).sum();
            let trace: f64 = diagonal.iter().sum();
            assert!((found.trace - trace).abs() <= 1e-10 * size, "{name}: {} and {trace}", found.trace);
            // block by block: a block has side × (the same number of columns) entries
            let columns = x.len() / found.blocks.iter().map(|b| b.side).sum::<usize>();
            let mut rest = &diagonal[..];
            for block in &found.blocks {
                let (own, others) = rest.split_at(block.side * columns);
                assert!((own.iter().sum::<f64>() - block.trace).abs() <= 1e-10 * size, "{name}");
                rest = others;
            }
            assert!(rest.is_empty(), "{name}");
            models += 1;
        });
    }
    assert!(models > 40, "{models}");
}

#[test]
fn derivatives_of_quadratic_networks_are_those_of_their_values() {
    let map = (MAPS.iter().find(|kind| kind.name == "quadratic").unwrap().sample)(3);
    let b = normals(map.len(), 9);
    let network = QuadraticNetwork::new(&*map, &b, (2, 1)).unwrap();
    let (x, d) = (normals(network.dim(), 10), normals(network.dim(), 11));
    let at = |t: f64| x.iter().zip(&d).map(|(x, d)| x + t * d).collect::<Vec<f64>>();
    let (mut gradient, mut hessian) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    let value = network.gradient(&x, &mut gradient);
    network.hessian_vec(&x, &d, &mut hessian);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let remainder = |t: f64| (network.value(&at(t)) - value - t * dot(&gradient, &d) - 0.5 * t * t * dot(&d, &hessian)).abs();
    let slope = (remainder(2e-3) / remainder(1e-3)).log2();
    assert!((slope - 3.0).abs() < 0.05, "slope {slope}");
}

#[test]
fn no_factors_are_flatter_than_the_flattest() {
    for kind in MAPS {
        let map = (kind.sample)(4);
        let ((d1, d2), rank) = (map.shape(), 2);
        let mut factors = Factors::new(d1, d2, rank, normals((d1 + d2) * rank, 12)).unwrap();
        if map.is_symmetric() {
            let u = factors.split().0.to_vec();
            factors.split_mut().1.copy_from_slice(&u);
        }
        let product = |f: &Factors| -> Vec<f64> {
            let entry = |at: usize| f.row_pair(at / d2, at % d2);
            (0..d1 * d2).map(|at| entry(at).0.iter().zip(entry(at).1).map(|(a, b)| a * b).sum()).collect()
        };
        let x = product(&factors);
        let mut b = vec![0.0; map.len()];
        map.apply(&x, &mut b);
        let problem = Factored::new(&*map, &b, rank, false).unwrap();
        let flattest = flattest_factors(&*map, &x, rank).unwrap().unwrap();
        let trace = |f: &Factors| flatness(&problem, f.as_slice()).unwrap().scaled_trace;
        let off: f64 = product(&flattest.factors).iter().zip(&x).map(|(a, b)| (a - b).abs()).sum();
        assert!(off < 1e-10, "{}: {off}", kind.name);
        assert!((trace(&flattest.factors) / flattest.scaled_trace - 1.0).abs() < 1e-10, "{}", kind.name);
        assert!(trace(&factors) >= flattest.scaled_trace * (1.0 - 1e-12), "{}", kind.name);
        for t in [0.5, 0.9, 1.1, 3.0] {
            let mut other = flattest.factors.clone();
            let (u, v) = other.split_mut();
            u.iter_mut().for_each(|x| *x *= t);
            v.iter_mut().for_each(|x| *x /= t);
            assert!(trace(&other) > flattest.scaled_trace * 1.001, "{} {t}", kind.name);
        }
    }
}

#[test]
fn balancedness_is_what_its_definition_says() {
    for (rows, cols, rank) in [(7, 5, 2), (3, 9, 4), (2, 2, 5)] {
        let f = Factors::new(rows, cols, rank, normals((rows + cols) * rank, 13)).unwrap();
        let entry = |at: usize| f.row_pair(at / cols, at % cols).0.iter().zip(f.row_pair(at / cols, at % cols).1).map(|(a, b)| a * b).sum();
        let product: Vec<f64> = (0..rows * cols).map(entry).collect();
        let norm: f64 = singular_values(&product, rows, cols).unwrap().iter().sum();
        let gram = |x: &[f64], i: usize, j: usize| x.chunks_exact(rank).map(|row| row[i] * row[j]).sum::<f64>();
        let (u, v) = f.split();
        let difference: Vec<f64> = (0..rank * rank).map(|at| gram(u, at / rank, at % rank) - gram(v, at / rank, at % rank)).collect();
        let imbalance: f64 = symmetric_eigenvalues(&difference, rank).unwrap().iter().map(|l| l.abs()).sum();
        let found = balancedness(&f).unwrap();
        assert!((found.nuclear_norm / norm - 1.0).abs() < 1e-12 && (found.imbalance * norm / imbalance - 1.0).abs() < 1e-12);
        let squares: f64 = f.as_slice().iter().map(|x| x * x).sum();
        assert!((found.norm_excess - (squares / (2.0 * norm) - 1.0)).abs() < 1e-12 && found.norm_excess > 0.0);
    }
    assert_eq!(balancedness(&Factors::zeros(3, 2, 2)), None);
    let huge = Factors::new(1, 1, 1, vec![2f64.powi(500), 2f64.powi(500)]).unwrap();
    let found = balancedness(&huge).unwrap();
    assert_eq!((found.imbalance, found.norm_excess, found.nuclear_norm), (0.0, 0.0, 2f64.powi(1000)));
}

/// ½ xᵀHx with H = Q diag(λ) Qᵀ, Q a product of two reflections.
struct Quadric {
    eigenvalues: Vec<f64>,
    mirrors: [Vec<f64>; 2],
}

impl Quadric {
    fn reflect(&self, x: &mut [f64], which: usize) {
        let mirror = &self.mirrors[which];
        let twice = 2.0 * x.iter().zip(mirror).map(|(x, m)| x * m).sum::<f64>() / mirror.iter().map(|m| m * m).sum::<f64>();
        x.iter_mut().zip(mirror).for_each(|(x, m)| *x -= twice * m);
    }
}

impl Objective for Quadric {
    fn dim(&self) -> usize {
        self.eigenvalues.len()
    }
    fn value(&self, x: &[f64]) -> f64 {
        let mut image = vec![0.0; x.len()];
        self.hessian_vec(x, x, &mut image);
        0.5 * image.iter().zip(x).map(|(a, b)| a * b).sum::<f64>()
    }
    fn gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        self.hessian_vec(x, x, gradient);
        self.value(x)
    }
    fn hessian_vec(&self, _: &[f64], d: &[f64], out: &mut [f64]) {
        out.copy_from_slice(d);
        [0, 1].into_iter().for_each(|which| self.reflect(out, which));
        out.iter_mut().zip(&self.eigenvalues).for_each(|(x, l)| *x *= l);
        [1, 0].into_iter().for_each(|which| self.reflect(out, which));
    }
}

/// Spectra of all kinds: even, clustered, one large value, indefinite, almost singular.
fn quadric(case: u64) -> Quadric {
    let mut rng = stream(case, 32);
    let n = 20 + (case % 41) as usize;
    let uniform: Vec<f64> = (0..n).map(|_| rng.random::<f64>()).collect();
    let eigenvalues: Vec<f64> = match case % 5 {
        0 => uniform,
        1 => uniform.iter().map(|u| 1.0 + 0.01 * u).collect(),
        2 => uniform.iter().enumerate().map(|(i, u)| if i == 0 { 30.0 } else { *u }).collect(),
        3 => uniform.iter().map(|u| 2.0 * u - 1.0).collect(),
        _ => uniform.iter().map(|u| (-12.0 * u).exp()).collect(),
    };
    Quadric { eigenvalues, mirrors: [normals(n, case + 1), normals(n, case + 2)] }
}

const CASES: u64 = 1000;

#[test]
fn lanczos_intervals_hold() {
    let mut held = 0;
    for case in 0..CASES {
        let problem = quadric(case);
        let end = |better: fn(f64, f64) -> f64| problem.eigenvalues.iter().copied().reduce(better).unwrap();
        let (most, least) = (end(f64::max), end(f64::min));
        // from far too few steps to all of them
        let steps = 3 + (case / 5 % 70) as usize;
        let found = hessian_spectrum(&problem, &vec![0.0; problem.dim()], steps, case).unwrap();
        let inside = |(low, high): (f64, f64), x: f64| low <= x && x <= high;
        let condition = if least > 0.0 { most / least } else { f64::INFINITY };
        let has_condition = found.condition.is_none_or(|c| inside(c, condition));
        held += u64::from(inside(found.largest, most) && inside(found.smallest, least) && has_condition);
        if steps >= problem.dim() {
            assert!((found.largest.0 - most).abs() < 1e-10 && found.largest.1 - found.largest.0 < 1e-10, "{found:?}");
        }
    }
    assert!(held >= 950, "{held} of {CASES} intervals hold");
}

#[test]
fn trace_intervals_hold() {
    let mut held = 0;
    for case in 0..CASES {
        let problem = quadric(case);
        let found = estimate_trace(&problem, &vec![0.0; problem.dim()], 60, case).unwrap();
        let trace: f64 = problem.eigenvalues.iter().sum();
        held += u64::from(found.interval.0 <= trace && trace <= found.interval.1);
    }
    // 0.95 less two standard errors of a count of 1000
    assert!(held >= 936, "{held} of {CASES} intervals hold");
}

#[test]
fn estimates_agree_with_closed_forms() {
    for_each_model(6, |name, objective| {
        let x = point(objective, 14);
        let (exact, found) = (flatness(objective, &x).unwrap().trace, estimate_trace(objective, &x, 60, 3).unwrap());
        let half = 0.5 * (found.interval.1 - found.interval.0);
        assert!((found.trace - exact).abs() <= 2.5 * half + 1e-9 * exact.abs(), "{name}: {exact} and {found:?}");
    });
    assert!(estimate_trace(&quadric(0), &[0.0; 20], 3, 0).is_err());
}
