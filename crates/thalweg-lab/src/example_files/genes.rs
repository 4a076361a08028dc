//! Counts of genes in samples.

use super::{Content, ExampleFile, draws, noise, product};
use thalweg::Error;
use thalweg::data::Law;

pub(super) const GENES: ExampleFile = ExampleFile {
    name: "genes",
    file: "genes.tsv",
    about: "counts of 300 genes in 60 samples: 4 programmes of 50 genes each, named after them, and 100 genes of the background",
    next: "thalweg rank genes.tsv -k 1:8",
    make,
};

const PROGRAMMES: [&str; 4] = ["immune", "cycle", "hypoxia", "stroma"];
const OF_A_PROGRAMME: usize = 50;
const BACKGROUND: usize = 100;
/// Samples of each kind: the second half has more of `cycle` and `hypoxia`.
const SAMPLES: usize = 30;
const KINDS: [(&str, [f64; 4]); 2] = [("normal", [2.0, 0.4, 0.2, 2.0]), ("tumour", [1.0, 2.0, 2.0, 1.0])];

/// Counts with the spread of a Poisson law of the same mean: √mean.
fn make() -> Result<Content, Error> {
    let rank = PROGRAMMES.len();
    let (genes, samples) = (rank * OF_A_PROGRAMME + BACKGROUND, KINDS.len() * SAMPLES);
    let (own, other) = (draws(Law::HalfNormal, genes, 0)?, draws(Law::Uniform, genes * rank, 1)?);
    let u: Vec<f64> = (0..genes * rank)
        .map(|at| {
            let (gene, programme) = (at / rank, at % rank);
            let marks = gene / OF_A_PROGRAMME == programme;
            0.15 * other[at] + if marks { 1.5 + own[gene] } else { 0.0 }
        })
        .collect();
    let activity = draws(Law::Exponential, samples * rank, 2)?;
    let v: Vec<f64> = (0..samples * rank).map(|at| 5.0 * KINDS[at / rank / SAMPLES].1[at % rank] * activity[at]).collect();
    let mut noise = noise(1.0, genes * samples, 3)?;
    let counts: Vec<f64> = product(&u, &v, rank).into_iter().zip(&mut noise).map(|(mean, z)| (mean + mean.sqrt() * z).round().max(0.0)).collect();

    let mut text = "gene".to_owned();
    for sample in 0..samples {
        text += &format!("\t{}_{:02}", KINDS[sample / SAMPLES].0, sample % SAMPLES + 1);
    }
    for (gene, row) in counts.chunks_exact(samples).enumerate() {
        let family = PROGRAMMES.get(gene / OF_A_PROGRAMME).unwrap_or(&"background");
        let number = if gene < rank * OF_A_PROGRAMME { gene % OF_A_PROGRAMME } else { gene - rank * OF_A_PROGRAMME };
        text += &format!("\n{family}_{:02}", number + 1);
        text.extend(row.iter().map(|count| format!("\t{count}")));
    }
    Ok(Content::Bytes((text + "\n").into_bytes()))
}
