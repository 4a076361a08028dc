//! Measurements of a matrix of rank 1.

use super::{Content, ExampleFile, draws, product};
use thalweg::Error;
use thalweg::data::{Array, Law, Numbers};

pub(super) const SENSING: ExampleFile = ExampleFile {
    name: "sensing",
    file: "sensing.npz",
    about: "80 Gaussian measurements of a 10x9 matrix of rank 1, which stands beside them as the truth",
    next: "thalweg recover sensing sensing.npz --certify -o sensing",
    make,
};

const D1: usize = 10;
const D2: usize = 9;
const MEASUREMENTS: usize = 80;

/// bᵢ = ⟨Aᵢ, X⟩.
fn make() -> Result<Content, Error> {
    let truth = product(&draws(Law::Gaussian, D1, 40)?, &draws(Law::Gaussian, D2, 41)?, 1);
    let a = draws(Law::Gaussian, MEASUREMENTS * D1 * D2, 42)?;
    let b = a.chunks_exact(D1 * D2).map(|a| a.iter().zip(&truth).map(|(a, x)| a * x).sum()).collect();
    Ok(Content::Arrays(vec![
        ("A", Array::new(vec![MEASUREMENTS, D1, D2], Numbers::F64(a))?),
        ("b", Array::new(vec![MEASUREMENTS], Numbers::F64(b))?),
        ("truth", Array::new(vec![D1, D2], Numbers::F64(truth))?),
    ]))
}
