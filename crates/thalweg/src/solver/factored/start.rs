//! Spectral starts: the leading part of A*(b).

use crate::comm::Comm;
use crate::data::stream;
use crate::linalg::{TallProducts, TruncatedSvd, dot, lanczos, leading_triplets, multiply_vector, sketch_width, symmetric_eigenvectors};
use crate::map::Definition;
use crate::problem::Factored;
use crate::solver::Ranks;
use crate::{Error, Factors, Side};
use rand_distr::{Distribution, StandardNormal};

/// Steps of Lanczos' method, besides a few for each vector: a start needs two digits.
const STEPS: usize = 24;

/// U√Σ and V√Σ of the rank-r part of A*(b), times the number that fits b best; for V = U the leading eigenvectors. None if a
/// decomposition does not end.
///
/// Where Aᵢ = xᵢxᵢᵀ and V = U (phase retrieval), bᵢ is first replaced by (yᵢ − 1)/(yᵢ + √(p/d) − 1) with yᵢ = bᵢ/mean(b), which weighs
/// large measurements down: Mondelli, Montanari (2019).
pub fn spectral_start(problem: &Factored<'_>, seed: u64) -> Option<Factors> {
    started(problem, &Ranks::alone(problem.map().shape().0), seed)
}

/// The same where the problem is the part that one of several ranks holds: its rows of U, and V. To be called by all ranks alike.
///
/// # Errors
/// [`Error::Peer`].
pub fn spectral_start_on_ranks(problem: &Factored<'_>, seed: u64, comm: &dyn Comm) -> Result<Option<Factors>, Error> {
    let ranks = Ranks::join(comm, problem.map().shape().0)?;
    let start = started(problem, &ranks, seed);
    ranks.into_failure().map_or(Ok(start), Err)
}

fn started(problem: &Factored<'_>, ranks: &Ranks<'_>, seed: u64) -> Option<Factors> {
    let (d1, d2) = problem.map().shape();
    let r = problem.rank();
    let mut start = if problem.is_semidefinite() { eigenvectors(problem)? } else { singular_vectors(problem, ranks, seed)? };
    let mut image = vec![0.0; problem.b().len()];
    problem.map().apply_factored(&start, &mut image);
    let [size, along] = ranks.sums([dot(&image, &image), dot(&image, problem.b())])?;
    let fit = if size > 0.0 { along / size } else { 0.0 };
    let root = fit.abs().sqrt();
    start.as_mut_slice().iter_mut().for_each(|x| *x *= root);
    if fit < 0.0 && !problem.is_semidefinite() {
        start.split_mut().1.iter_mut().for_each(|x| *x = -*x);
    }
    debug_assert_eq!((start.rows(), start.cols(), start.rank()), (d1, d2, r));
    Some(start)
}

fn singular_vectors(problem: &Factored<'_>, ranks: &Ranks<'_>, seed: u64) -> Option<Factors> {
    let ((d1, d2), r) = (problem.map().shape(), problem.rank());
    let mut rng = stream(seed, 0);
    let sketch = (0..d2 * sketch_width(ranks.all_rows(), d2, r)).map(|_| StandardNormal.sample(&mut rng)).collect();
    let svd = leading_triplets(&Adjoint { problem, ranks }, d2, r, sketch)?;
    let roots: Vec<f64> = svd.singular_values.iter().map(|s| s.sqrt()).collect();
    let buffer = svd.u.chunks_exact(r).chain(svd.v.chunks_exact(r)).flat_map(|row| row.iter().zip(&roots).map(|(x, s)| x * s)).collect();
    Factors::new(d1, d2, r, buffer).ok()
}

/// A*(b).
struct Adjoint<'a> {
    problem: &'a Factored<'a>,
    ranks: &'a Ranks<'a>,
}

impl TallProducts for Adjoint<'_> {
    fn rows(&self) -> usize {
        self.problem.map().shape().0
    }

    fn forward(&self, b: &[f64], width: usize, out: &mut [f64]) {
        self.problem.map().adjoint_times(self.problem.b(), Side::U, b, width, out);
    }

    fn backward(&self, b: &[f64], width: usize, out: &mut [f64]) -> Option<()> {
        self.problem.map().adjoint_times(self.problem.b(), Side::V, b, width, out);
        out.copy_from_slice(&self.ranks.sum(out.to_vec())?);
        Some(())
    }

    fn orthonormalise(&self, b: &mut [f64], width: usize) -> Option<()> {
        self.ranks.orthonormalise(b, width)
    }

    fn thin_svd(&self, b: &[f64], width: usize) -> Option<TruncatedSvd> {
        self.ranks.tall_svd(b, width)
    }
}

fn eigenvectors(problem: &Factored<'_>) -> Option<Factors> {
    let (map, r) = (problem.map(), problem.rank());
    let d = map.shape().0;
    let mut sum = vec![0.0; d * d];
    map.adjoint(&weights(problem), &mut sum);
    let (values, vectors) = leading(&sum, d, r)?;
    // a component that is not positive starts small instead of at 0, which is stationary
    let floor = 1e-3 * values[0].abs().max(f64::MIN_POSITIVE);
    let u: Vec<f64> = (0..d * r).map(|at| vectors[at % r * d + at / r] * values[at % r].max(floor).sqrt()).collect();
    Factors::new(d, d, r, [u.clone(), u].concat()).ok()
}

/// The r largest eigenvalues of a symmetric d×d matrix, and their eigenvectors one after the other: from a Krylov space where they are few.
fn leading(sum: &[f64], d: usize, r: usize) -> Option<(Vec<f64>, Vec<f64>)> {
    let steps = STEPS + 4 * r;
    let start = sum.chunks_exact(d).max_by(|a, b| dot(a, a).total_cmp(&dot(b, b)))?;
    let ritz = if 3 * steps <= d && dot(start, start) > 0.0 { lanczos(start, steps, |x, out| multiply_vector(sum, x, out)) } else { None };
    match ritz {
        Some(ritz) if ritz.values.len() >= r => Some((ritz.values[..r].to_vec(), (0..r).flat_map(|k| ritz.vector(k)).collect())),
        _ => symmetric_eigenvectors(sum, d),
    }
}

/// What takes b's place.
fn weights(problem: &Factored<'_>) -> Vec<f64> {
    let b = problem.b();
    let mean = b.iter().sum::<f64>() / b.len() as f64;
    if !matches!(problem.map().definition(), Definition::OuterProducts(..)) || mean <= 0.0 || problem.rank() > 1 {
        return b.to_vec();
    }
    let lift = (b.len() as f64 / problem.map().shape().0 as f64).sqrt().max(1.0);
    b.iter().map(|b| (b / mean - 1.0) / (b / mean + lift - 1.0).max(1e-3)).collect()
}
