//! Synthetic runs for the tests of the report and for its example: planted factors, lines from simple quartics.

use std::path::PathBuf;
use thalweg::Factors;
use thalweg::audit::*;
use thalweg::data::{ImageShape, Missing, ReadOptions};
use thalweg::geometry::{Line, Verdict};
use thalweg::problem::ScaledPenalty;
use thalweg_lab::report::{HistoryRow, RunView};
use thalweg_lab::{FitRecord, FitSettings, InputRecord, Labels, Manifest, RestartRecord};

/// splitmix64, uniform in [0, 1).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e3779b97f4a7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d049bb133111eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The line with these coefficients; verdicts by dense evaluation, which is enough for a sample.
pub(crate) fn line(coefficients: [f64; 5]) -> Line {
    let at = |t: f64| coefficients.iter().rev().fold(0.0, |sum, c| sum * t + c);
    let second = |t: f64| 2.0 * coefficients[2] + 6.0 * coefficients[3] * t + 12.0 * coefficients[4] * t * t;
    let steps = || (0..=1000).map(|i| f64::from(i) / 1000.0);
    let alpha_at = steps().min_by(|a, b| second(*a).total_cmp(&second(*b))).unwrap_or(0.0);
    let yes_if = |holds: bool| if holds { Verdict::Yes } else { Verdict::No };
    Line {
        coefficients,
        exponent: 0,
        alpha: second(alpha_at),
        alpha_at,
        convex_on_segment: yes_if(second(alpha_at) >= 0.0),
        convex_everywhere: Verdict::Undecided,
        star_towards_b: yes_if(second(alpha_at) >= -0.1),
        gradient_towards_b: yes_if(coefficients[1] < 0.0),
        barrier: (steps().map(at).fold(f64::NEG_INFINITY, f64::max) - at(0.0).max(at(1.0))).max(0.0),
    }
}

/// Lines that fall from about `height` to `floor`; a few are not convex.
fn falling(random: &mut Random, n: usize, height: f64, floor: f64) -> Vec<Line> {
    let one = |i: usize| {
        let a = height * (0.7 + 0.6 * random.uniform());
        let b = if i % 17 == 5 { -0.35 * a } else { a * (0.2 + 0.5 * random.uniform()) };
        // a(1−λ)² + b(1−λ)⁴ + floor
        line([floor + a + b, -2.0 * a - 4.0 * b, a + 6.0 * b, -4.0 * b, b])
    };
    (0..n).map(one).collect()
}

/// Lines with a hill of the given share of `floor` between two answers.
fn hills(random: &mut Random, n: usize, hill: f64, floor: f64) -> Vec<Line> {
    (0..n)
        .map(|_| {
            let h = 16.0 * floor * hill * (0.5 + random.uniform());
            let drop = 0.02 * floor * random.uniform();
            // 16hλ²(1−λ)² is h at λ = ½
            line([floor + drop, -drop, h, -2.0 * h, h])
        })
        .collect()
}

fn history(random: &mut Random, restarts: usize, iterations: usize, best: f64, spread: f64) -> Vec<HistoryRow> {
    let mut rows = Vec::new();
    for restart in 0..restarts {
        let (rate, start) = (0.02 + 0.03 * random.uniform(), 40.0 + 20.0 * random.uniform());
        let floor = best * (1.0 + spread * restart as f64 / restarts as f64);
        for iteration in (0..iterations).step_by(2) {
            let t = iteration as f64;
            let objective = floor * (1.0 + start / (1.0 + t) * (-rate * t / 4.0).exp());
            let kkt = 0.4 * (-rate * t).exp() * (1.0 + 0.4 * random.uniform());
            rows.push(HistoryRow {
                restart,
                seconds: 0.004 * t * (1.0 + 0.1 * restart as f64),
                iteration,
                objective,
                kkt: Some(kkt),
                holdout_rmse: None,
            });
        }
    }
    rows
}

fn restarts(random: &mut Random, n: usize, best: f64, spread: f64, kkt: f64) -> Vec<RestartRecord> {
    (0..n)
        .map(|i| RestartRecord {
            seed: 0,
            trial: i as u64,
            status: if i == 3 { Status::MaxIters } else { Status::Converged },
            objective: best * (1.0 + spread * i as f64 / n as f64),
            kkt: kkt * (0.5 + 0.5 * random.uniform()),
            iterations: 300 + 10 * i,
            seconds: 1.5 + random.uniform(),
        })
        .collect()
}

fn manifest(path: &str, shape: (usize, usize), rank: usize, restarts: Vec<RestartRecord>, image: Option<ImageShape>) -> Manifest {
    Manifest {
        schema: 1,
        thalweg: "0.1.0".into(),
        input: InputRecord {
            path: PathBuf::from(path),
            sha256: "6f5902ac237024bdd0c176cb93063dc4a1b2c3d4e5f60718293a4b5c6d7e8f90".into(),
            format: "folder of images".into(),
            kind: "dense".into(),
            shape,
            observed: (shape.0 * shape.1) as u64,
            read: ReadOptions { missing: Missing::Error, ..ReadOptions::default() },
            scale: 1.0,
            image,
            notes: vec!["Values were divided by 255.".into()],
        },
        settings: FitSettings { restarts: restarts.len(), max_iters: 2000, tol: 1e-4, ..FitSettings::plain(rank) },
        threads: 2,
        result: Some(FitRecord {
            status: Status::Converged,
            best: 0,
            objective: restarts[0].objective,
            penalty: 0.0,
            scaled_penalty: ScaledPenalty::default(),
            relative_error: 0.1834,
            kkt: restarts[0].kkt,
            lower_bound: Some(0.93 * restarts[0].objective),
            iterations: restarts[0].iterations,
            seconds: restarts.iter().map(|r| r.seconds).sum(),
            passes: None,
            ranks: None,
            holdout_rmse: None,
            restarts,
        }),
    }
}

fn audit(random: &mut Random, manifest: &Manifest, agreement: f64, hill: f64, lines: usize) -> Audit {
    let result = manifest.result.as_ref().expect("a sample has a result");
    let (n, rank) = (result.restarts.len(), manifest.settings.rank);
    let entries = manifest.input.observed as f64;
    let to_answer = falling(random, lines, 4.0 * result.objective, result.objective);
    let alphas: Vec<f64> = to_answer.iter().map(|line| line.alpha / entries).collect();
    let mean = alphas.iter().sum::<f64>() / lines as f64;
    let convex = to_answer.iter().filter(|line| line.convex_on_segment == Verdict::Yes).count() as f64 / lines as f64;
    let cosine = |random: &mut Random| (agreement + (1.0 - agreement) * (2.0 * random.uniform() - 1.0)).min(1.0);
    let each = result.restarts.iter().enumerate().map(|(restart, r)| RestartSummary {
        restart,
        status: r.status,
        objective: r.objective,
        kkt: r.kkt,
        cosine_to_best: if restart == 0 { 1.0 } else { cosine(random) },
    });
    let each: Vec<RestartSummary> = each.collect();
    let component_agreement = (0..rank).map(|_| cosine(random)).collect();
    let mut pairs = Vec::new();
    for a in 0..n {
        for b in a + 1..n {
            let barrier = hill * (0.5 + random.uniform());
            pairs.push(AnswerPair { a, b, cosine: cosine(random), barrier, aligned_barrier: 0.1 * barrier });
        }
    }
    Audit {
        constraints: None,
        verdict: format!(
            "A stationary point was reached: the residual is below the tolerance.\n\
             The objective is at most 7 % above the least possible at this rank.\n\
             {n} restarts agree to {agreement}: the components are stable.\n\
             Whether the factors are the only ones is not known."
        ),
        loss: manifest.settings.loss,
        entries: manifest.input.observed,
        status: result.status,
        kkt: result.kkt,
        tol: manifest.settings.tol,
        objective: result.objective,
        penalty: 0.0,
        relative_error: result.relative_error,
        lower_bound: result.lower_bound,
        gap: result.lower_bound.map(|bound| (result.objective - bound) / result.objective),
        restarts: RestartReport {
            count: n,
            best: result.objective,
            spread: result.restarts.last().map_or(0.0, |r| r.objective / result.objective - 1.0),
            agreement: (n > 1).then_some(agreement),
            component_agreement,
            each,
        },
        lines: Some(LineReport {
            count: lines,
            convex_fraction: convex,
            star_fraction: 1.0,
            gradient_fraction: 1.0,
            undecided_fraction: 0.0,
            alpha_min: alphas.iter().copied().fold(f64::INFINITY, f64::min),
            alpha_mean: mean,
            alpha_sd: (alphas.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / lines as f64).sqrt(),
        }),
        barriers: Some(BarrierReport { count: pairs.len(), max: 1.5 * hill, aligned_max: 0.15 * hill }),
        pairs,
        rank: Some(RankEvidence {
            rank,
            singular_values: (0..48)
                .map(|k| if k < rank { 120.0 * (-(k as f64) / 4.0).exp() + 6.0 } else { 4.0 * (-(k as f64) / 60.0).exp() })
                .collect(),
            best_share: 0.971,
            share: 0.966,
        }),
        flatness: None,
        uniqueness: UniquenessReport { status: Uniqueness::Unknown, why: "No row of X is a multiple of a single row of Vᵀ.".into() },
        empty_rows: Vec::new(),
        empty_cols: Vec::new(),
        families: vec![
            LineFamily { kind: LineKind::StartToAnswer, lines: to_answer },
            LineFamily { kind: LineKind::StartToStart, lines: falling(random, lines, 0.6 * result.objective, 4.6 * result.objective) },
            LineFamily { kind: LineKind::AnswerToAnswer, lines: hills(random, n - 1, hill, result.objective) },
            LineFamily { kind: LineKind::AlignedAnswerToAnswer, lines: hills(random, n - 1, 0.1 * hill, result.objective) },
        ],
    }
}

/// Rows are images: each component is a few soft spots.
pub(crate) fn images(shape: ImageShape, rows: usize, rank: usize, n_restarts: usize) -> RunView {
    let mut random = Random(7);
    let pixels = shape.height * shape.width;
    let mut factors = Factors::zeros(rows, pixels, rank);
    let (u, v) = factors.split_mut();
    u.iter_mut().for_each(|x| *x = (2.0 * random.uniform() - 0.6).max(0.0));
    for k in 0..rank {
        for _ in 0..3 {
            let (cy, cx) = (random.uniform() * shape.height as f64, random.uniform() * shape.width as f64);
            let (sy, sx) = (shape.height as f64 * (0.06 + 0.12 * random.uniform()), shape.width as f64 * (0.06 + 0.14 * random.uniform()));
            for p in 0..pixels {
                let (y, x) = ((p / shape.width) as f64 - cy, (p % shape.width) as f64 - cx);
                v[p * rank + k] += (-0.5 * ((y / sy).powi(2) + (x / sx).powi(2))).exp() * (1.0 + 0.15 * random.uniform());
            }
        }
    }
    let restarts = restarts(&mut random, n_restarts, 812.4, 0.004, 8e-5);
    let manifest = manifest("faces", (rows, pixels), rank, restarts, Some(shape));
    let history = history(&mut random, n_restarts, 400, 812.4, 0.004);
    let audit = audit(&mut random, &manifest, 0.94, 0.35, 50);
    RunView { name: "runs/faces".into(), audit: Some(audit), history, factors, labels: Labels::default(), manifest }
}

/// Rows are documents, columns are words.
pub(crate) fn words() -> RunView {
    const TOPICS: [&[&str]; 4] = [
        &["river", "water", "flood", "bank", "valley", "bed", "delta", "stream", "channel", "sediment"],
        &["matrix", "rank", "factor", "column", "norm", "sparse", "spectrum", "trace"],
        &["bread", "flour", "oven", "yeast", "salt", "dough", "crust"],
        &["rail", "train", "station", "track", "signal", "timetable", "platform", "carriage", "ticket"],
    ];
    let mut random = Random(11);
    let names: Vec<String> = TOPICS.iter().flat_map(|topic| topic.iter().map(|word| word.to_string())).collect();
    let (rows, cols, rank) = (90, names.len(), TOPICS.len());
    let mut factors = Factors::zeros(rows, cols, rank);
    let (u, v) = factors.split_mut();
    for i in 0..rows {
        u[i * rank + i % rank] = 1.0 + random.uniform();
        u[i * rank + (i * 7) % rank] += random.uniform();
    }
    let mut j = 0;
    for (k, topic) in TOPICS.iter().enumerate() {
        for place in 0..topic.len() {
            v[j * rank + k] = 1.0 / (1.0 + place as f64) + 0.05 * random.uniform();
            j += 1;
        }
    }
    let restarts = restarts(&mut random, 6, 31.7, 0.12, 3e-5);
    let mut manifest = manifest("reports.csv", (rows, cols), rank, restarts, None);
    manifest.input.format = "csv".into();
    let history = history(&mut random, 6, 240, 31.7, 0.12);
    let mut audit = audit(&mut random, &manifest, 0.71, 1.2, 30);
    audit.verdict =
        "The run stopped at a stationary point, but restarts disagree: other starts give other components.\nTreat single components with care."
            .into();
    audit.gap = None;
    audit.lower_bound = None;
    audit.uniqueness =
        UniquenessReport { status: Uniqueness::NotUnique, why: "A rotation of components 1 and 3 keeps both factors non-negative.".into() };
    audit.empty_rows = vec![4, 17];
    let labels = Labels { rows: Some((1..=rows).map(|i| format!("report {i}")).collect()), cols: Some(names) };
    RunView { name: "runs/reports".into(), audit: Some(audit), history, factors, labels, manifest }
}
