//! Instances of sparse recovery: A and b.

use super::arrays::npz::{Archive, load};
use super::instance::{Arrays, sha256};
use super::random::stream;
use super::source::Budget;
use crate::Error;
use rand_distr::{Distribution, StandardNormal, Uniform};
use std::path::Path;

/// A sparse recovery problem as a file states it.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseInstance {
    /// (p, d).
    pub shape: (usize, usize),
    /// A, row-major.
    pub a: Vec<f64>,
    /// b.
    pub b: Vec<f64>,
    /// x, where the file tells.
    pub truth: Option<Vec<f64>>,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
}

/// A with independent standard normal entries, x with so many non-zero ones, standard normal too, at places drawn evenly, and b = Ax.
///
/// # Errors
/// [`Error::Parameter`] for more non-zero entries than x has, [`Error::Empty`] where x or b has none.
pub fn planted_sparse((p, d): (usize, usize), nonzeros: usize, seed: u64, trial: u64) -> Result<SparseInstance, Error> {
    let Some(place) = Uniform::new(0, d).ok().filter(|_| p > 0) else {
        return Err(Error::Empty { what: "A", why: "there is nothing to recover" });
    };
    if nonzeros > d {
        return Err(Error::Parameter { name: "nonzeros", expected: format!("at most {d}"), got: nonzeros.to_string() });
    }
    let mut rng = stream(seed, trial);
    let a: Vec<f64> = (0..p * d).map(|_| StandardNormal.sample(&mut rng)).collect();
    let mut x = vec![0.0; d];
    while x.iter().filter(|x| **x != 0.0).count() < nonzeros {
        x[place.sample(&mut rng)] = StandardNormal.sample(&mut rng);
    }
    let b = a.chunks_exact(d).map(|row| row.iter().zip(&x).map(|(a, x)| a * x).sum()).collect();
    Ok(SparseInstance { shape: (p, d), a, b, truth: Some(x), sha256: String::new() })
}

/// Reads `A` (p, d), `b` (p,) and, if it is there, `truth` (d,) from an `.npz` file.
///
/// # Errors
/// [`Error::Io`], [`Error::Malformed`] naming the array, also for what is not finite, [`Error::Memory`].
pub fn read_sparse_instance(path: &Path, max_memory: u64) -> Result<SparseInstance, Error> {
    let budget = Budget::new(path, max_memory);
    let source = load(path, &budget)?;
    let mut arrays = Arrays { archive: Archive::open(&source, &budget)?, source: &source };
    let (a, [p, d]) = arrays.take("A", ["p", "d"])?;
    let (b, [count]) = arrays.take("b", ["p"])?;
    arrays.same("b", "numbers, one for each measurement", p, count)?;
    let truth = if arrays.archive.has("truth") {
        let (truth, [entries]) = arrays.take("truth", ["d"])?;
        arrays.same("truth", "numbers, one for each column of A", d, entries)?;
        Some(truth)
    } else {
        None
    };
    Ok(SparseInstance { shape: (p, d), a, b, truth, sha256: sha256(&source) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Array, Numbers, write_npz};

    #[test]
    fn arrays_must_fit_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("problem.npz");
        let array = |shape: &[usize]| Array::new(shape.to_vec(), Numbers::F64(vec![1.5; shape.iter().product()])).unwrap();
        let read = || read_sparse_instance(&path, 1 << 20);
        write_npz(&path, &[("A", array(&[2, 3])), ("b", array(&[2])), ("truth", array(&[3]))]).unwrap();
        assert_eq!(read().map(|found| (found.shape, found.truth)).unwrap(), ((2, 3), Some(vec![1.5; 3])));
        for (b, truth) in [(3, 3), (2, 2)] {
            write_npz(&path, &[("A", array(&[2, 3])), ("b", array(&[b])), ("truth", array(&[truth]))]).unwrap();
            assert!(matches!(read(), Err(Error::Malformed { .. })));
        }
        write_npz(&path, &[("b", array(&[2]))]).unwrap();
        assert!(matches!(read(), Err(Error::Malformed { .. })));
    }
}
