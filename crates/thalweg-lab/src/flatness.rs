//! How flat the loss is at factors on disk: numbers, a sentence, a figure.

use crate::figure::{At, Axis, Curve, CurveGroup, Curves, Figure, Kind, Level, Tone};
use crate::{FitSettings, Given};
use serde::Serialize;
use thalweg::certificate::constrained_stationarity;
use thalweg::data::{Instance, Matrix, Observed, hold_out};
use thalweg::geometry::{Balance, HessianSpectrum, balancedness, flatness, flattest_factors, hessian_spectrum};
use thalweg::linalg::{mul, thin_svd};
use thalweg::map::{MeasurementMap, Rescaling, Sampling, map_of};
use thalweg::problem::{BlockTrace, Factored, Loss, Nmf, Objective};
use thalweg::{Error, Factors};

/// Entries of a matrix whose flattest factors are still looked for.
const LARGEST: usize = 4_000_000;
/// Misfit, relative to what was measured, of factors that count as a solution.
const FITS: f64 = 1e-6;
/// Excess over the flattest factors that counts as none.
const FLAT: f64 = 1e-6;

/// The flatness of ½‖A(UVᵀ) − b‖², or of an NMF objective, at U and V.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlatnessRecord {
    /// Kind of instance, or `nmf`.
    pub model: &'static str,
    /// (d1, d2).
    pub shape: (usize, usize),
    /// Columns of U and V.
    pub rank: usize,
    /// ‖A(UVᵀ) − b‖ / ‖b‖.
    pub misfit: f64,
    /// Trace of the Hessian.
    pub trace: f64,
    /// The trace in U over d1 and the trace in V over d2.
    pub scaled_trace: f64,
    /// What both are made of: U, then V.
    pub blocks: Vec<BlockTrace>,
    /// The least scaled trace that any factors of the same product have; none where it was too large to compute, or the objective is penalised.
    pub least_scaled_trace: Option<f64>,
    /// Scaled trace over that, less 1.
    pub excess: Option<f64>,
    /// Largest and smallest eigenvalue of the Hessian and its condition, each between two numbers, together with probability 0.95.
    pub spectrum: HessianSpectrum,
    /// Whether U and V are of equal size; none where their product is 0.
    pub balance: Option<Balance>,
    /// Largest over smallest eigenvalue of D1 and of D2, which tell how far flat and nuclear solutions can be apart; none where singular.
    pub conditions: Option<(Option<f64>, Option<f64>)>,
}

/// How much to compute.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Hessian-vector products for the spectrum.
    pub steps: usize,
    /// Of the start.
    pub seed: u64,
}

/// At factors of a recovery instance.
///
/// # Errors
/// As [`map_of`], [`Factored::new`]; [`Error::Shape`] if the factors do not fit.
pub fn flatness_of_instance(kind: &'static str, instance: &Instance, factors: &Factors, effort: Effort) -> Result<FlatnessRecord, Error> {
    let map = map_of(instance)?;
    check_shape(instance.shape, factors)?;
    let problem = Factored::new(&*map, &instance.b, factors.rank(), false)?;
    let residual = problem.residual(factors.as_slice());
    let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let misfit = norm(&residual) / norm(&instance.b);
    let record = measured(kind, instance.shape, &problem, factors, misfit, effort)?;
    with_flattest(record, &*map, factors)
}

/// At X = UVᵀ as found by a recovery, split evenly into U and V of its rank.
///
/// # Errors
/// [`Error::Shape`], [`Error::Rank`] for a rank of 0.
pub fn even_factors(x: &[f64], (d1, d2): (usize, usize), rank: usize) -> Result<Factors, Error> {
    if x.len() != d1 * d2 {
        return Err(Error::Shape { what: "X", expected: (d1, d2), got: (x.len() / d2.max(1), d2) });
    }
    let svd = thin_svd(x, d1, d2).filter(|_| rank > 0 && rank <= d1.min(d2)).ok_or(Error::Rank { rank, rows: d1, cols: d2 })?;
    let width = d1.min(d2);
    let columns = |vectors: &[f64], rows: usize| -> Vec<f64> {
        (0..rows * rank).map(|at| vectors[at / rank * width + at % rank] * svd.singular_values[at % rank].sqrt()).collect()
    };
    Factors::new(d1, d2, rank, [columns(&svd.u, d1), columns(&svd.v, d2)].concat())
}

/// At factors of a matrix, least squares without penalty.
///
/// # Errors
/// As [`Nmf::new`]; [`Error::Shape`] if the factors do not fit.
pub fn flatness_of_matrix(data: &Matrix<f64>, factors: &Factors, effort: Effort) -> Result<FlatnessRecord, Error> {
    flatness_of_nmf(&Nmf::new(data, factors.rank())?, factors, effort)
}

/// At the best factors of a fit, on the entries that it was fitted to and with its penalty.
///
/// # Errors
/// As [`flatness_of_matrix`]; [`Error::Parameter`] for another loss than least squares.
pub fn flatness_of_fit(
    data: &Matrix<f64>,
    settings: &FitSettings,
    given: &Given,
    factors: &Factors,
    effort: Effort,
) -> Result<FlatnessRecord, Error> {
    if settings.loss != Loss::Frobenius {
        return Err(Error::Parameter { name: "the loss", expected: "least squares (frobenius)".into(), got: settings.loss.to_string() });
    }
    let held = settings.holdout.map(|fraction| hold_out(data, fraction, settings.seed)).transpose()?;
    let training = held.as_ref().map_or(data, |(training, _)| training);
    let constraints = settings.constraints(given, training)?;
    let problem = Nmf::constrained(training, factors.rank(), constraints)?.with_penalty(&settings.penalty)?;
    flatness_of_nmf(&problem, factors, effort)
}

fn flatness_of_nmf(problem: &Nmf<'_, f64>, factors: &Factors, effort: Effort) -> Result<FlatnessRecord, Error> {
    let data = problem.data();
    check_shape(data.shape(), factors)?;
    let fit = constrained_stationarity(data, factors, problem.constraints(), Loss::Frobenius, &problem.penalty())?;
    let record = measured("nmf", data.shape(), problem, factors, fit.relative_error, effort)?;
    match data {
        // a penalty adds the same to every solution's trace, but changes which are solutions
        _ if !problem.has_no_penalty() => Ok(record),
        Matrix::Dense(_) | Matrix::Sparse(_) => {
            let least = record.balance.map(|balance| 2.0 * balance.nuclear_norm);
            Ok(FlatnessRecord { conditions: Some((Some(1.0), Some(1.0))), ..record.with_least(least) })
        }
        Matrix::Observed(seen) => with_flattest(record, &weighted_entries(seen, data.shape())?, factors),
        Matrix::AllBut(_) => Ok(record),
    }
}

/// X ↦ (√wᵢⱼ xᵢⱼ) over the observed entries.
fn weighted_entries(seen: &Observed, shape: (usize, usize)) -> Result<Sampling, Error> {
    let (mut rows, mut cols, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..shape.0 {
        for (j, _, weight) in seen.row_entries(i) {
            rows.push(i as u32);
            cols.push(j as u32);
            weights.push(weight.sqrt());
        }
    }
    Sampling::new(shape, rows, cols, weights)
}

/// Everything but the flattest factors.
fn measured(
    model: &'static str,
    shape: (usize, usize),
    problem: &dyn Objective,
    factors: &Factors,
    misfit: f64,
    Effort { steps, seed }: Effort,
) -> Result<FlatnessRecord, Error> {
    let flat = flatness(problem, factors.as_slice()).expect("recovery and least-squares NMF have closed forms");
    Ok(FlatnessRecord {
        model,
        shape,
        rank: factors.rank(),
        misfit,
        trace: flat.trace,
        scaled_trace: flat.scaled_trace,
        blocks: flat.blocks,
        least_scaled_trace: None,
        excess: None,
        spectrum: hessian_spectrum(problem, factors.as_slice(), steps, seed)?,
        balance: balancedness(factors),
        conditions: None,
    })
}

/// With the flattest factors of the same product, if the product is small enough to be formed.
fn with_flattest(record: FlatnessRecord, map: &dyn MeasurementMap, factors: &Factors) -> Result<FlatnessRecord, Error> {
    let (d1, d2) = record.shape;
    if d1 * d2 > LARGEST {
        return Ok(record);
    }
    let mut product = vec![0.0; d1 * d2];
    mul(factors.u(), factors.v().transpose(), &mut product);
    let finite = |x: f64| x.is_finite().then_some(x);
    let conditions = Rescaling::of(map).map(|weights| (finite(weights.condition.0), finite(weights.condition.1)));
    // more columns than the matrix has add nothing
    let least = flattest_factors(map, &product, factors.rank().min(d1).min(d2))?.map(|flattest| flattest.scaled_trace);
    Ok(FlatnessRecord { conditions, ..record.with_least(least) })
}

impl FlatnessRecord {
    fn with_least(self, least: Option<f64>) -> Self {
        let excess = least.filter(|least| *least > 0.0).map(|least| (self.scaled_trace / least - 1.0).max(0.0));
        FlatnessRecord { least_scaled_trace: least, excess, ..self }
    }

    /// What the numbers say, in a sentence or two.
    pub fn sentence(&self) -> String {
        let place = match self.excess {
            None => {
                format!("The scaled trace of the Hessian is {:.4e}; how flat factors of the same product can be was not computed.", self.scaled_trace)
            }
            Some(excess) if excess <= FLAT => "No factors of the same product are flatter.".to_owned(),
            Some(excess) => format!("The scaled trace is {:.3} % above that of the flattest factors of the same product.", 100.0 * excess),
        };
        if self.model == "nmf" || self.misfit <= FITS {
            return place;
        }
        format!("{place} The factors do not fit the measurements (misfit {:.1e}): flatness tells solutions apart, and this is none.", self.misfit)
    }

    /// The numbers in lines, and what they say.
    pub fn in_words(&self) -> String {
        let (rows, cols) = self.shape;
        let between = |(low, high): (f64, f64)| format!("{low:.4e} to {high:.4e}");
        let mut lines = vec![
            format!("{} {rows}x{cols}, rank {}   misfit {:.1e}", self.model, self.rank, self.misfit),
            format!("trace             {:.6e}", self.trace),
            format!("scaled trace      {:.6e}", self.scaled_trace),
        ];
        if let Some(least) = self.least_scaled_trace {
            lines.push(format!("least of product  {least:.6e}"));
        }
        lines.push(format!("largest curvature {}", between(self.spectrum.largest)));
        lines.push(format!("least curvature   {}", between(self.spectrum.smallest)));
        if let Some(balance) = self.balance {
            lines.push(format!("imbalance         {:.4e} of ‖UVᵀ‖_*", balance.imbalance));
            lines.push(format!("norm excess       {:.4e}", balance.norm_excess));
        }
        if let Some((left, right)) = self.conditions {
            let word = |condition: Option<f64>| condition.map_or("singular".to_owned(), |c| format!("{c:.3}"));
            lines.push(format!("condition         D1 {}, D2 {}", word(left), word(right)));
        }
        lines.push(self.sentence());
        lines.join("\n")
    }

    /// The scaled trace of tU and V/t over t: a parabola and a hyperbola, with its least value.
    pub fn figure(&self) -> Figure {
        // the trace in U depends on V, and the other way round
        let parts: Vec<f64> = self.blocks.iter().map(|block| block.trace / block.side as f64).collect();
        let value = |t: f64| parts[1] * t * t + parts[0] / (t * t);
        let points = (-32..=32).map(|i| 2f64.powf(f64::from(i) / 16.0)).map(|t| (t, value(t))).collect();
        let least = self.least_scaled_trace.map(|least| Level { at: At::Y(least), label: "flattest factors of the same product".into() });
        Figure {
            id: "flatness".into(),
            title: "How flat, and how flat it could be".into(),
            caption: "Scaled trace of the Hessian at tU and V/t, which have the same product; t = 1 are the factors as given. The level: the least that any \
                      factors of that product have."
                .into(),
            alt: "A valley over the scale of the factors, with a horizontal line at or below its floor.".into(),
            kind: Kind::Curves(Curves {
                x: Axis::log("t"),
                y: Axis::log("scaled trace"),
                groups: vec![CurveGroup { label: "tU, V/t".into(), tone: Tone::Lead, curves: vec![Curve::new("tU, V/t", points)] }],
                levels: [Some(Level { at: At::X(1.0), label: "as given".into() }), least].into_iter().flatten().collect(),
            }),
        }
    }
}

fn check_shape((rows, cols): (usize, usize), factors: &Factors) -> Result<(), Error> {
    if (factors.rows(), factors.cols()) == (rows, cols) {
        return Ok(());
    }
    Err(Error::Shape { what: "the factors' product", expected: (rows, cols), got: (factors.rows(), factors.cols()) })
}
