//! Gathering the evidence.

use super::record::{
    AnswerPair, Audit, BarrierReport, FlatnessReport, LineFamily, LineKind, LineReport, RankEvidence, RestartReport, RestartSummary, Status,
    Uniqueness, UniquenessReport,
};
use super::verdict;
use crate::certificate::{Evidence, SpectralBound, Stationarity, constrained_stationarity, spectral_bound, uniqueness};
use crate::data::Matrix;
use crate::geometry::{Line, Verdict, align, balancedness, barrier, flatness, flow_gauge, hessian_spectrum, line, lines};
use crate::problem::{Constraints, Loss, Nmf, Penalty, RowSet};
use crate::solver::nmf::{Init, half_normal_scale};
use crate::{Error, Factors};

/// The end of one restart.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its factors.
    pub factors: Factors,
    /// How it says it ended.
    pub status: Status,
}

/// How much evidence to gather.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditSettings {
    /// Tolerance on the residual.
    pub tol: f64,
    /// Random starts from which a line is drawn to each end point.
    pub lines: usize,
    /// End points: the best answers, best first.
    pub points: usize,
    /// Seed of the starts.
    pub seed: u64,
    /// The penalty of the fit.
    pub penalty: Penalty,
    /// What the fit made small. Lines, barriers, bound and rank evidence are there for least squares alone.
    pub loss: Loss,
    /// What the factors may be. Lines and barriers are there for U, V ≥ 0 alone.
    pub constraints: Constraints,
}

impl Default for AuditSettings {
    fn default() -> Self {
        AuditSettings {
            tol: 1e-5,
            lines: 50,
            points: 1,
            seed: 0,
            penalty: Penalty::default(),
            loss: Loss::Frobenius,
            constraints: Constraints::default(),
        }
    }
}

/// The streams of the audit's random starts: far from those of the restarts.
const START_STREAM: u64 = 1 << 62;
/// Answers that are compared in pairs: the best ones.
const COMPARED: usize = 16;
/// Answers between which barriers are measured.
const BARRIERS_AMONG: usize = 8;
/// Lines of each kind kept for figures.
const DRAWN: usize = 24;
/// Hessian-vector products spent on its largest eigenvalue.
const LANCZOS_STEPS: usize = 40;
/// Singular values kept for figures.
const SPECTRUM: usize = 64;

/// Everything that can be said of these answers from the data.
///
/// # Errors
/// [`Error::Empty`] without an answer; as [`Nmf::constrained`] for the data, [`Nmf::with_penalty`] and [`constrained_stationarity`] for the factors.
pub fn audit(data: &Matrix<f64>, answers: &[Answer], settings: &AuditSettings) -> Result<Audit, Error> {
    Ok(audit_unless(data, answers, settings, &|| false)?.expect("nothing stops the audit"))
}

/// The same; none if `is_stopped` said so between two pieces of evidence.
///
/// # Errors
/// As [`audit`].
pub fn audit_unless(data: &Matrix<f64>, answers: &[Answer], settings: &AuditSettings, is_stopped: &dyn Fn() -> bool) -> Result<Option<Audit>, Error> {
    let Some(first) = answers.first() else {
        return Err(Error::Empty { what: "the audit", why: "no answer was given" });
    };
    let rank = first.factors.rank();
    let problem = Nmf::constrained(data, rank, settings.constraints.clone())?.with_penalty(&settings.penalty)?;
    let proof = |a: &Answer| constrained_stationarity(data, &a.factors, &settings.constraints, settings.loss, &problem.penalty());
    let proofs: Vec<Stationarity> = answers.iter().map(proof).collect::<Result<_, _>>()?;
    let mut order: Vec<usize> = (0..answers.len()).collect();
    order.sort_by(|&a, &b| proofs[a].objective.total_cmp(&proofs[b].objective));
    let best = order[0];
    let proof = proofs[best];

    let is_squares = settings.loss == Loss::Frobenius;
    // a line between points of other sets, or one that gauges would bend, is none
    let has_lines = is_squares && settings.constraints.is_plain();
    if is_stopped() {
        return Ok(None);
    }
    let bound = if is_squares { spectral_bound(data) } else { None };
    let lower_bound = bound.as_ref().map(|b| b.lower_bound(rank));
    let Comparison { cosines, pairs, families: between } = compare(data, answers, &proofs, &order, has_lines)?;
    if is_stopped() {
        return Ok(None);
    }
    let restarts = restart_report(answers, &proofs, &order, &cosines, settings.tol)?;
    let (lines, families_from_starts) = if has_lines { lines_from_starts(&problem, answers, &order, settings)? } else { (None, Vec::new()) };
    if is_stopped() {
        return Ok(None);
    }
    let (in_rows, in_cols) = data.observed_counts();
    let empty = |counts: Vec<usize>| counts.iter().enumerate().filter(|&(_, &c)| c == 0).map(|(i, _)| i).collect();
    let mut audit = Audit {
        verdict: String::new(),
        loss: settings.loss,
        constraints: settings.constraints.in_words(),
        entries: problem.summary().observed,
        status: restarts.each.iter().find(|r| r.restart == best).map_or(first.status, |r| r.status),
        kkt: proof.kkt,
        tol: settings.tol,
        objective: proof.objective,
        penalty: proof.penalty,
        relative_error: proof.relative_error,
        lower_bound,
        gap: lower_bound.map(|b| if proof.objective > 0.0 { (proof.objective - b) / proof.objective } else { 0.0 }),
        barriers: barrier_report(&pairs),
        restarts,
        lines,
        pairs,
        rank: bound.map(|b| rank_evidence(&b, rank, &proof)),
        uniqueness: uniqueness_report(uniqueness(&answers[best].factors), rank, &settings.constraints),
        flatness: if is_squares { flatness_report(&problem, &answers[best].factors, settings.seed)? } else { None },
        empty_rows: empty(in_rows),
        empty_cols: empty(in_cols),
        families: families_from_starts.into_iter().chain(between).filter(|f| !f.lines.is_empty()).collect(),
    };
    audit.verdict = verdict::sentences(&audit, rank).join("\n");
    Ok(Some(audit))
}

/// The best answers in pairs.
struct Comparison {
    /// Mean cosine of each pair.
    cosines: Vec<f64>,
    /// Pairs of the very best, with barriers.
    pairs: Vec<AnswerPair>,
    /// Lines to the best answer, as it came and aligned.
    families: [LineFamily; 2],
}

fn compare(data: &Matrix<f64>, answers: &[Answer], proofs: &[Stationarity], order: &[usize], has_lines: bool) -> Result<Comparison, Error> {
    let family = |kind| LineFamily { kind, lines: Vec::new() };
    let [mut raw, mut aligned] = [family(LineKind::AnswerToAnswer), family(LineKind::AlignedAnswerToAnswer)];
    let (mut cosines, mut pairs) = (Vec::new(), Vec::new());
    for (i, &a) in order.iter().take(COMPARED).enumerate() {
        for (j, &b) in order.iter().take(COMPARED).enumerate().skip(i + 1) {
            let (from, to) = (&answers[b].factors, &answers[a].factors);
            // the loss on a line is a polynomial for least squares alone
            if j >= BARRIERS_AMONG || !has_lines {
                cosines.push(align(from, to)?.mean_cosine());
                continue;
            }
            let barrier = barrier(data, from, to)?;
            let larger = proofs[a].objective.max(proofs[b].objective);
            let relative = |line: &Line| if larger > 0.0 { line.barrier * 2f64.powi(line.exponent) / larger } else { 0.0 };
            let cosine = barrier.alignment.mean_cosine();
            cosines.push(cosine);
            pairs.push(AnswerPair { a, b, cosine, barrier: relative(&barrier.raw), aligned_barrier: relative(&barrier.aligned) });
            if i == 0 {
                raw.lines.push(barrier.raw);
                aligned.lines.push(barrier.aligned);
            }
        }
    }
    Ok(Comparison { cosines, pairs, families: [raw, aligned] })
}

fn restart_report(answers: &[Answer], proofs: &[Stationarity], order: &[usize], cosines: &[f64], tol: f64) -> Result<RestartReport, Error> {
    let best = order[0];
    let rank = answers[best].factors.rank();
    let mut component_agreement = vec![0.0; rank];
    let mut cosine_to_best = vec![1.0; answers.len()];
    for (restart, answer) in answers.iter().enumerate().filter(|&(restart, _)| restart != best) {
        let cosines = align(&answers[best].factors, &answer.factors)?.cosines;
        cosine_to_best[restart] = cosines.iter().sum::<f64>() / rank as f64;
        for (sum, c) in component_agreement.iter_mut().zip(cosines) {
            *sum += c / (answers.len() - 1) as f64;
        }
    }
    if answers.len() == 1 {
        component_agreement.clear();
    }
    let (least, most) = (proofs[best].objective, proofs[order[order.len() - 1]].objective);
    let summary = |(restart, (answer, proof)): (usize, (&Answer, &Stationarity))| RestartSummary {
        restart,
        status: answer.status.settled(proof.kkt, tol),
        objective: proof.objective,
        kkt: proof.kkt,
        cosine_to_best: cosine_to_best[restart],
    };
    Ok(RestartReport {
        count: answers.len(),
        best: least,
        spread: if least > 0.0 { (most - least) / least } else { 0.0 },
        agreement: (!cosines.is_empty()).then(|| (cosines.iter().sum::<f64>() / cosines.len() as f64).clamp(0.0, 1.0)),
        component_agreement,
        each: answers.iter().zip(proofs).enumerate().map(summary).collect(),
    })
}

fn barrier_report(pairs: &[AnswerPair]) -> Option<BarrierReport> {
    let highest = |height: fn(&AnswerPair) -> f64| pairs.iter().map(height).fold(0.0, f64::max);
    (!pairs.is_empty()).then(|| BarrierReport { count: pairs.len(), max: highest(|p| p.barrier), aligned_max: highest(|p| p.aligned_barrier) })
}

/// The answer where lines from half-normal starts end: in the gauge that gradient flow from such a start keeps, ‖uₖ‖² − ‖vₖ‖² = (m − n) s².
pub fn end_of_lines(problem: &Nmf<'_, f64>, answer: &Factors) -> Factors {
    let (m, n) = problem.data().shape();
    flow_gauge(answer, (m as f64 - n as f64) * half_normal_scale(problem).powi(2))
}

/// Lines from half-normal starts to the answers.
fn lines_from_starts(
    problem: &Nmf<'_, f64>,
    answers: &[Answer],
    order: &[usize],
    settings: &AuditSettings,
) -> Result<(Option<LineReport>, Vec<LineFamily>), Error> {
    if settings.lines == 0 || settings.points == 0 {
        return Ok((None, Vec::new()));
    }
    let data = problem.data();
    let starts: Vec<Factors> =
        (0..settings.lines as u64).map(|i| Init::HalfNormal.factors(problem, settings.seed, START_STREAM + i)).collect::<Result<_, _>>()?;
    let ends: Vec<Factors> = order.iter().take(settings.points).map(|&a| end_of_lines(problem, &answers[a].factors)).collect();
    let to_answers = lines(data, &starts, &ends)?;
    let between: Vec<Line> = starts.chunks_exact(2).take(5).map(|pair| line(data, &pair[0], &pair[1])).collect::<Result<_, _>>()?;
    let report = line_report(&to_answers, problem.summary().observed as f64);
    let drawn = to_answers.into_iter().take(DRAWN).collect();
    let families = vec![LineFamily { kind: LineKind::StartToAnswer, lines: drawn }, LineFamily { kind: LineKind::StartToStart, lines: between }];
    Ok((Some(report), families))
}

fn line_report(lines: &[Line], observed: f64) -> LineReport {
    let count = lines.len() as f64;
    let alphas: Vec<f64> = lines.iter().map(|l| l.alpha * 2f64.powi(l.exponent) / observed).collect();
    let mean = alphas.iter().sum::<f64>() / count;
    // squares of data near the ends of the range would leave it
    let scale = alphas.iter().fold(0.0, |most: f64, a| most.max(a.abs()));
    let deviation = if scale > 0.0 { (alphas.iter().map(|a| ((a - mean) / scale).powi(2)).sum::<f64>() / count).sqrt() * scale } else { 0.0 };
    let share = |holds: fn(&Line) -> bool| lines.iter().filter(|l| holds(l)).count() as f64 / count;
    LineReport {
        count: lines.len(),
        convex_fraction: share(|l| l.convex_on_segment == Verdict::Yes),
        star_fraction: share(|l| l.star_towards_b == Verdict::Yes),
        gradient_fraction: share(|l| l.gradient_towards_b == Verdict::Yes),
        undecided_fraction: share(|l| l.convex_on_segment == Verdict::Undecided),
        alpha_min: alphas.iter().copied().fold(f64::INFINITY, f64::min),
        alpha_mean: mean,
        alpha_sd: deviation,
    }
}

fn rank_evidence(bound: &SpectralBound, rank: usize, proof: &Stationarity) -> RankEvidence {
    let squares: Vec<f64> = bound.singular_values.iter().map(|s| s * s).collect();
    let total: f64 = squares.iter().sum();
    RankEvidence {
        rank,
        singular_values: bound.singular_values.iter().copied().take(SPECTRUM).collect(),
        best_share: squares.iter().take(rank).sum::<f64>() / total,
        share: 1.0 - proof.relative_error * proof.relative_error,
    }
}

/// None where the Hessian leaves the range of f64.
fn flatness_report(problem: &Nmf<'_, f64>, at: &Factors, seed: u64) -> Result<Option<FlatnessReport>, Error> {
    let Some(flat) = flatness(problem, at.as_slice()) else { return Ok(None) };
    let spectrum = match hessian_spectrum(problem, at.as_slice(), LANCZOS_STEPS, seed) {
        Err(Error::NotFinite { .. }) => return Ok(None),
        other => other?,
    };
    let (trace, scaled_trace) = (flat.trace, flat.scaled_trace);
    Ok(Some(FlatnessReport { trace, scaled_trace, largest_eigenvalue: spectrum.largest, balance: balancedness(at) }))
}

fn uniqueness_report(evidence: Evidence, rank: usize, constraints: &Constraints) -> UniquenessReport {
    if constraints.allows_negatives() {
        let all = constraints.u.rows == RowSet::Free && constraints.v.rows == RowSet::Free;
        let none_given = constraints.u.given.components.is_empty() && constraints.v.given.components.is_empty();
        // of one component only the scale is free, which does not count
        return if all && none_given && rank > 1 {
            let why = "free factors can be multiplied by any invertible matrix and its inverse without changing their product: only the product is \
                       determined";
            UniquenessReport { status: Uniqueness::NotUnique, why: why.to_owned() }
        } else {
            let why = "it was not examined: nothing is known to prove or refute it where a factor has entries of either sign";
            UniquenessReport { status: Uniqueness::Unknown, why: why.to_owned() }
        };
    }
    // what is unique among all non-negative factorisations is so among fewer; a second one may break a constraint
    if !constraints.is_plain() && evidence != Evidence::Unique {
        let why = "no proof was found (pure rows in both factors); whether a second factorisation satisfies the constraints was not examined";
        return UniquenessReport { status: Uniqueness::Unknown, why: why.to_owned() };
    }
    let (status, why) = match evidence {
        Evidence::Unique => (
            Uniqueness::Unique,
            "the product UVᵀ has no other non-negative factorisation of this rank, up to order and scale: each component stands alone in \
             some row of U and in some row of V"
                .to_owned(),
        ),
        Evidence::Shear { from, to, share, swapped, .. } => {
            let (giving, taking) = if swapped { ("U", "V") } else { ("V", "U") };
            (
                Uniqueness::NotUnique,
                format!(
                    "other non-negative factors have the same product UVᵀ: up to {:.2} % of component {} of {giving} can be moved to \
                     component {} (with {taking} adjusted) without changing any fitted entry",
                    100.0 * share,
                    from + 1,
                    to + 1
                ),
            )
        }
        Evidence::ZeroComponent(k) => (Uniqueness::NotUnique, format!("component {} is zero: a smaller rank gives the same product", k + 1)),
        Evidence::Unknown => (
            Uniqueness::Unknown,
            "neither a proof of uniqueness (pure rows in both factors) nor a second factorisation (nested supports) was found".to_owned(),
        ),
    };
    UniquenessReport { status, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dense;
    use std::cell::Cell;

    #[test]
    fn a_stop_between_any_two_pieces_ends_the_audit() {
        let data = Matrix::Dense(Dense::new(3, 2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 7.0]).expect("fits"));
        let factors = Factors::new(3, 2, 1, vec![0.5, 1.0, 1.8, 2.5, 4.0]).expect("fits");
        let answers = [Answer { factors, status: Status::MaxIters }];
        let settings = AuditSettings { lines: 2, ..AuditSettings::default() };
        let looks = Cell::new(0);
        let ended_at = |stop: usize| {
            looks.set(0);
            audit_unless(&data, &answers, &settings, &|| looks.replace(looks.get() + 1) == stop).expect("an audit")
        };
        let whole = ended_at(usize::MAX).expect("nothing stops it");
        assert_eq!(whole, audit(&data, &answers, &settings).expect("an audit"));
        let pieces = looks.get();
        assert!(pieces > 0 && (0..pieces).all(|stop| ended_at(stop).is_none()));
    }
}
