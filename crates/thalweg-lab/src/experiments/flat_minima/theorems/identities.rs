//! Statements that are formulas: traces of Hessians, splits and balance of factors.

use super::{draw, normals, square};
use thalweg::geometry::{balancedness, flattest_factors};
use thalweg::linalg::{singular_values, symmetric_eigenvectors};
use thalweg::map::{Ensemble, Rescaling, Weight, identity, planted_matrix};
use thalweg::problem::{DeepSparse, Factored, Objective, QuadraticNetwork};
use thalweg::{Error, Factors};

/// Imbalance and norm excess of the flattest factors under the identity map.
pub fn everything_seen(seed: u64) -> Result<Vec<f64>, Error> {
    let map = identity(9, 7)?;
    let x = planted_matrix(Ensemble::Sensing, (9, 7), 3, seed, 0);
    let factors = flattest_factors(&map, &x, 3)?.expect("every entry is seen").factors;
    let balance = balancedness(&factors).expect("the product is not 0");
    Ok(vec![balance.imbalance, balance.norm_excess])
}

/// Σ over the entries of the diagonal of ∇²f, block by block of so many rows each.
fn dense_scaled_trace(objective: &dyn Objective, x: &[f64], sides: &[usize], columns: usize) -> f64 {
    let entry = |at: usize| {
        let (mut e, mut column) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        e[at] = 1.0;
        objective.hessian_vec(x, &e, &mut column);
        column[at]
    };
    let mut next = 0..0;
    let of_block = |side: usize| {
        next = next.end..next.end + side * columns;
        next.clone().map(entry).sum::<f64>() / side as f64
    };
    sides.iter().copied().map(of_block).sum()
}

/// D of eq. (1.3): our D1 or D2 times its mean.
fn true_root(weight: &Weight, mean: f64, count: usize) -> impl Fn(&[f64], usize) -> f64 {
    let scale = mean * mean / count as f64;
    let weight = weight.clone();
    move |factor, rank| scale * square(&weight.times(factor, rank))
}

/// The paper's f has no ½, ours has one.
pub fn scaled_trace(model: Ensemble, seed: u64) -> Result<Vec<f64>, Error> {
    let shape = if model.is_symmetric() { (6, 6) } else { (6, 5) };
    let map = draw(model, shape, if model == Ensemble::Completion { 0.7 } else { 3.0 }, seed)?;
    let rank = 2;
    let x = normals((shape.0 + shape.1) * rank, seed, 0);
    let b = normals(map.len(), seed, 1);
    let problem = Factored::new(&*map, &b, rank, false)?;
    let dense = 2.0 * dense_scaled_trace(&problem, &x, &[shape.0, shape.1], rank);
    let weights = Rescaling::of(&*map).expect("the map is not zero");
    let m = map.len();
    let (left, right) = x.split_at(shape.0 * rank);
    let d1 = true_root(&weights.left, weights.means.0, m * shape.1)(left, rank);
    let d2 = true_root(&weights.right, weights.means.1, m * shape.0)(right, rank);
    Ok(vec![dense / (2.0 * m as f64 * (d1 + d2))])
}

/// On a solution, with two hidden units of either sign.
pub fn network_trace(seed: u64) -> Result<Vec<f64>, Error> {
    let (d, k) = (6, 4);
    let map = draw(Ensemble::Quadratic, (d, d), 4.0, seed)?;
    let u = normals(d * k, seed, 0);
    let signs = [1.0, 1.0, -1.0, -1.0];
    let v: Vec<f64> = u.iter().enumerate().map(|(at, x)| x * signs[at % k]).collect();
    let mut b = vec![0.0; map.len()];
    map.apply_factored(&Factors::new(d, d, k, [u.clone(), v].concat())?, &mut b);
    let network = QuadraticNetwork::new(&*map, &b, (2, 2))?;
    let dense = d as f64 * dense_scaled_trace(&network, &u, &[d], k);
    let weights = Rescaling::of(&*map).expect("the map is not zero");
    Ok(vec![dense / (4.0 * d as f64 * true_root(&weights.left, weights.means.0, map.len() * d)(&u, k))])
}

/// The trace at random factors over Σ Dⱼ ∏ v²; then, over 2k Σ Dⱼ|xⱼ|^(2−2/k), that of balanced factors and that of the random ones.
pub fn depth_trace(depth: usize, seed: u64) -> Result<Vec<f64>, Error> {
    let (m, d) = (6, 8);
    let problem = DeepSparse::new(m, d, normals(m * d, seed, 0), normals(m, seed, 1), depth)?;
    let v = normals(depth * d, seed, 2);
    let trace = |v: &[f64]| d as f64 * dense_scaled_trace(&problem, v, &vec![d; depth], 1);
    let without = |i: usize, j: usize| (0..depth).filter(|&h| h != i).map(|h| v[h * d + j]).product::<f64>();
    let printed: f64 = (0..depth).flat_map(|i| (0..d).map(move |j| (i, j))).map(|(i, j)| problem.weights()[j] * without(i, j).powi(2)).sum();
    let x: Vec<f64> = (0..d).map(|j| (0..depth).map(|h| v[h * d + j]).product()).collect();
    let least = 2.0 * depth as f64 * problem.objective(&x);
    Ok(vec![trace(&v) / printed, trace(&problem.balanced_factors(&x)) / least, trace(&v) / least])
}

/// Squares of two splits X = U₁U₁ᵀ − U₂U₂ᵀ over ‖X‖_*, and the identity of lemma 7.4.
pub fn splitting(seed: u64) -> Vec<f64> {
    let d = 7;
    let half = normals(d * d, seed, 0);
    let x: Vec<f64> = (0..d * d).map(|at| half[at] + half[at % d * d + at / d]).collect();
    let Some((values, vectors)) = symmetric_eigenvectors(&x, d) else { return vec![f64::NAN; 3] };
    let norm: f64 = singular_values(&x, d, d).map_or(f64::NAN, |s| s.iter().sum());
    // U₁: √λ q of positive λ, U₂ of negative ones; a common column added to both changes nothing but their size
    let squares: f64 = vectors.chunks_exact(d).zip(&values).map(|(q, l)| l.abs() * square(q)).sum();
    let common = normals(d, seed, 1);
    let (a, b) = (normals(d, seed, 2), normals(d, seed, 3));
    let form = |left: &[f64], right: &[f64]| (0..d * d).map(|at| left[at / d] * x[at] * right[at % d]).sum::<f64>();
    let (sum, difference): (Vec<f64>, Vec<f64>) = a.iter().zip(&b).map(|(a, b)| (a + b, a - b)).unzip();
    let (product, forms) = (form(&sum, &difference), form(&a, &a) - form(&b, &b));
    let size = form(&a, &a).abs() + form(&b, &b).abs();
    vec![squares / norm, (squares + 2.0 * square(&common)) / norm, (product - forms).abs() / size]
}

/// Imbalance of L, R over its bound (3.11) where Q1L and Q2R are balanced: ‖LᵀL − RᵀR‖_* ≤ (1 − κ⁻²)(‖L‖² + ‖R‖²), κ the largest over the
/// smallest singular value of Q1 and Q2 together. First for random Qᵢ, then for L = R/κ.
pub fn transformed_balance(seed: u64) -> Vec<f64> {
    let (d, k) = (7, 3);
    // L = P1 W and R = P2 W with Pᵢ the inverse of Qᵢ, and W = W the balanced pair
    let balanced = normals(d * k, seed, 0);
    let inverse = |which: u64| {
        let noise = normals(d * d, seed, which);
        (0..d * d).map(|at| f64::from(u8::from(at / d == at % d)) + 0.15 * noise[at]).collect::<Vec<f64>>()
    };
    let inverses = [inverse(1), inverse(2)];
    let values: Vec<f64> = inverses.iter().flat_map(|p| singular_values(p, d, d).unwrap_or_default()).collect();
    let condition = values.iter().copied().fold(0.0, f64::max) / values.iter().copied().fold(f64::INFINITY, f64::min);
    let times = |p: &[f64]| (0..d * k).map(|at| (0..d).map(|j| p[at / k * d + j] * balanced[j * k + at % k]).sum()).collect::<Vec<f64>>();
    let ratio = |left: &[f64], right: &[f64], condition: f64| {
        let entry = |x: &[f64], at: usize| (0..d).map(|i| x[i * k + at / k] * x[i * k + at % k]).sum::<f64>();
        let difference: Vec<f64> = (0..k * k).map(|at| entry(left, at) - entry(right, at)).collect();
        let imbalance: f64 = singular_values(&difference, k, k).map_or(f64::NAN, |s| s.iter().sum());
        imbalance / ((1.0 - condition.powi(-2)) * (square(left) + square(right)))
    };
    let shrunk: Vec<f64> = balanced.iter().map(|x| x / condition).collect();
    vec![ratio(&times(&inverses[0]), &times(&inverses[1]), condition), ratio(&balanced, &shrunk, condition)]
}
