//! Answers as figures: those of reports, drawn by the same code.

use crate::factor::Factored;
use crate::fit::Fitted;
use crate::recovery::Sweep;
use crate::sparse;
use serde::Serialize;
use thalweg::audit::{LineFamily, LineKind};
use thalweg::geometry::{CONVEX_SPREAD, STAR_SPREAD, limiting_curvature};
use thalweg::problem::Norm;
use thalweg_figure::{
    At, Axis, Cell, Curve, CurveGroup, Curves, Dot, DotGroup, Fact, Figure, Kind, Level, Scatter, Style, Tone, figures_of_alpha, figures_of_families,
};

/// A figure as a page takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Where it belongs.
    pub id: String,
    /// How to read it.
    pub caption: String,
    /// The drawing.
    pub svg: String,
    /// Its numbers, in words: the names of the columns, then the rows.
    pub table: Vec<Vec<String>>,
}

/// Rows of a table that a page shows.
const ROWS: usize = 60;

impl From<Figure> for Shown {
    fn from(figure: Figure) -> Shown {
        let summary = figure.summary();
        let rows = summary.rows.iter().take(ROWS).map(|row| row.iter().map(Cell::shown).collect());
        let table = std::iter::once(summary.header.clone()).chain(rows).collect();
        Shown { svg: figure.svg(Style::Page), id: figure.id, caption: figure.caption, table }
    }
}

/// Lines from random starts, their least curvature, and the runs.
pub fn of_fit(fitted: &Fitted) -> Vec<Shown> {
    let from_starts: Vec<LineFamily> = fitted.audit.families.iter().filter(|family| family.kind == LineKind::StartToAnswer).cloned().collect();
    let entries = fitted.audit.entries;
    let lines = figures_of_families(&from_starts, entries).into_iter().map(|figure| Figure { id: "lines".into(), ..figure });
    let alphas = figures_of_alpha(&from_starts, entries).into_iter().map(|figure| Figure { id: "alpha".into(), ..figure });
    lines.chain(alphas).chain([runs(fitted)]).map(Shown::from).collect()
}

fn runs(fitted: &Fitted) -> Figure {
    let entries = fitted.audit.entries.max(1) as f64;
    let best = fitted.audit.restarts.each.iter().min_by(|a, b| a.objective.total_cmp(&b.objective)).map_or(0, |best| best.restart);
    let curve = |restart: usize| {
        let points = fitted.history[restart].iter().map(|step| (step.iteration as f64, step.objective / entries)).collect();
        Curve::new(format!("start {}", restart + 1), points)
    };
    let others = (0..fitted.history.len()).filter(|&restart| restart != best).map(curve).collect();
    let group = |label: &str, tone, curves| CurveGroup { label: label.into(), tone, curves };
    Figure {
        id: "runs".into(),
        title: "The fit from each start".into(),
        caption: format!("{} starts by the method {}.", fitted.history.len(), fitted.method),
        alt: "Line chart of the loss against iterations, one curve for each start.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::linear("iterations"),
            y: Axis::log("loss per entry"),
            groups: vec![group("other starts", Tone::Quiet, others), group("best start", Tone::Lead, vec![curve(best)])],
            levels: Vec::new(),
        }),
    }
}

/// Where this problem stands on the curve that decides.
pub fn of_spread(found: &Factored) -> Shown {
    let spreads = (4..=120).map(|i| 0.05 * f64::from(i));
    let theory = Curve::new("closed form for large sizes, no noise", spreads.map(|spread| (spread, limiting_curvature(spread))).collect());
    let here = found.fitted.curvature.as_ref().map(|curvature| {
        let (low, high) = (curvature.mean - curvature.sd, curvature.mean + curvature.sd);
        // a mark of some width: a point alone would not be seen
        let points = [found.spread - 0.06, found.spread + 0.06].map(|spread| (spread, curvature.mean)).to_vec();
        Curve {
            facts: vec![Fact::new("CV²", found.spread), Fact::new("sd over lines", curvature.sd), Fact::new("closed form here", curvature.expected)],
            band: vec![(low, high); 2],
            ..Curve::new("this problem: mean over lines", points)
        }
    });
    let level = |x, label: &str| Level { at: At::X(x), label: label.into() };
    let figure = Figure {
        id: "spread".into(),
        title: "The spread of the entries decides".into(),
        caption:
            "Mean of α over lines, with one standard deviation, beside the limit for large sizes. Dotted: the ends of convex and star-convex lines."
                .into(),
        alt: format!("Line chart of curvature against CV², falling through 0 at {CONVEX_SPREAD}; this problem has CV² = {:.2}.", found.spread),
        kind: Kind::Curves(Curves {
            x: Axis::linear("CV² = variance / mean² of the planted entries"),
            y: Axis::linear("α / (N · variance of X)").including([0.0]),
            groups: vec![
                CurveGroup { label: "closed form, large sizes".into(), tone: Tone::Quiet, curves: vec![theory] },
                CurveGroup { label: "this problem".into(), tone: Tone::Lead, curves: here.into_iter().collect() },
            ],
            levels: vec![level(CONVEX_SPREAD, "convex"), level(STAR_SPREAD, "star-convex")],
        }),
    };
    figure.into()
}

/// What changes as measurements are added.
pub fn of_sweep(sweep: &Sweep) -> Vec<Shown> {
    let counts = || sweep.points.iter().map(|point| point.answer.measurements as f64);
    let of_norm = |norm: Norm, value: &dyn Fn(&crate::recovery::Recovered) -> Option<f64>| {
        let found = sweep.points.iter().map(|point| point.answer.by_norm.iter().find(|found| found.norm == norm).and_then(value));
        counts().zip(found.map(|value| value.unwrap_or(f64::NAN))).collect::<Vec<_>>()
    };
    let shares = |norm: Norm| {
        let shares = || sweep.points.iter().filter_map(move |point| point.shares.by_norm.iter().find(|share| share.norm == norm));
        let points = counts().zip(shares()).map(|(p, share)| (p, share.recovered)).collect();
        Curve { band: shares().map(|share| share.interval.unwrap_or((0.0, 1.0))).collect(), ..Curve::new(name(norm), points) }
    };
    // below rounding, heights say nothing
    let errors = |norm: Norm| Curve::new(name(norm), of_norm(norm, &|found| Some(found.relative_error.max(1e-16))));
    let flat = of_norm(Norm::Flat, &|found| found.trace);
    let beside_least = |points: Vec<(f64, f64)>| points.into_iter().zip(&flat).map(|((p, trace), (_, least))| (p, trace / least)).collect();
    let planted = counts().zip(&sweep.points).map(|(p, point)| (p, point.answer.planted_trace.unwrap_or(f64::NAN))).collect();
    let traces = [
        ("planted matrix", Tone::Quiet, Curve::new("planted matrix", beside_least(planted))),
        (name(Norm::Nuclear), Tone::Against, Curve::new(name(Norm::Nuclear), beside_least(of_norm(Norm::Nuclear, &|found| found.trace)))),
        (name(Norm::Flat), Tone::Lead, Curve::new(name(Norm::Flat), beside_least(flat.clone()))),
    ];
    let both = |curve: &dyn Fn(Norm) -> Curve| {
        let group = |(norm, tone)| CurveGroup { label: name(norm).into(), tone, curves: vec![curve(norm)] };
        [(Norm::Nuclear, Tone::Against), (Norm::Flat, Tone::Lead)].map(group).to_vec()
    };
    let figure = |id: &str, caption: String, alt: &str, y: Axis, groups: Vec<CurveGroup>| Figure {
        id: id.into(),
        title: id.into(),
        caption,
        alt: alt.into(),
        kind: Kind::Curves(Curves {
            x: Axis::linear("measurements p"),
            y,
            groups,
            levels: vec![
                Level { at: At::X(sweep.degrees_of_freedom as f64), label: "df".into() },
                Level { at: At::X(sweep.here as f64), label: "now".into() },
            ],
        }),
    };
    let maps = sweep.points.first().map_or(0, |point| point.shares.maps);
    [
        figure(
            "frequency",
            format!("Share of {maps} random maps that recover the matrix, with its 95 % interval. Dotted: degrees of freedom (df), and p now."),
            "Line chart of the share of maps that recover the planted matrix, against the number of measurements, for both norms.",
            Axis::linear("share recovered").including([0.0, 1.0]),
            both(&shares),
        ),
        figure(
            "error",
            "Distance of the answer from the planted matrix, for the first map.".into(),
            "Line chart of the relative error against the number of measurements, for both norms.",
            Axis::log("relative error ‖X − M‖ / ‖M‖"),
            both(&errors),
        ),
        figure(
            "flatness",
            "Least scaled trace of the Hessian over all factors of each matrix, over the least of any matrix that fits; the first map.".into(),
            "Line chart of the scaled trace over its minimum against the number of measurements.",
            Axis::linear("scaled trace / its minimum").including([1.0]),
            traces.map(|(label, tone, curve)| CurveGroup { label: label.into(), tone, curves: vec![curve] }).to_vec(),
        ),
    ]
    .map(Shown::from)
    .to_vec()
}

fn name(norm: Norm) -> &'static str {
    match norm {
        Norm::Nuclear => "nuclear norm",
        Norm::Flat => "flat norm",
    }
}

/// The vector found at one depth, and the error over depth.
pub fn of_sparse(found: &sparse::Answer, depth: usize) -> Vec<Shown> {
    let dots =
        |x: &[f64]| x.iter().enumerate().map(|(j, &y)| Dot { label: format!("entry {}", j + 1), facts: vec![], x: (j + 1) as f64, y }).collect();
    let mut groups = vec![DotGroup { label: "planted".into(), tone: Tone::Quiet, dots: dots(&found.truth) }];
    let at_depth = found.by_depth.iter().find(|at| at.depth == depth);
    groups.extend(at_depth.map(|at| DotGroup { label: format!("found at depth {depth}"), tone: Tone::Lead, dots: dots(&at.x) }));
    let vector = Figure {
        id: "vector".into(),
        title: "The vector".into(),
        caption: format!("Every entry of the planted vector and of the one found at depth {depth}."),
        alt: "Scatter plot of entries, planted and found.".into(),
        kind: Kind::Scatter(Scatter { x: Axis::linear("entry"), y: Axis::linear("value").including([0.0]), groups, levels: Vec::new() }),
    };
    let of = |is_certified: bool| {
        let dot = |at: &sparse::AtDepth| Dot {
            label: format!("depth {}", at.depth),
            facts: vec![
                Fact::new("status", format!("{:?}", at.status)),
                Fact::new("objective found", at.objectives[0]),
                Fact::new("planted", at.objectives[1]),
            ],
            x: at.depth as f64,
            y: at.relative_error.max(1e-16),
        };
        found.by_depth.iter().filter(|at| at.certified == is_certified).map(dot).collect()
    };
    let depths = Figure {
        id: "depths".into(),
        title: "The error over depth".into(),
        caption: "Distance of the answer from the planted vector at each depth. Certified: proved to be the only minimiser.".into(),
        alt: "Scatter plot of the relative error against depth.".into(),
        kind: Kind::Scatter(Scatter {
            x: Axis::linear("depth k"),
            y: Axis::log("relative error").including([1e-16, 1.0]),
            groups: vec![
                DotGroup { label: "certified".into(), tone: Tone::Lead, dots: of(true) },
                DotGroup { label: "not certified".into(), tone: Tone::Against, dots: of(false) },
            ],
            levels: vec![Level { at: At::X(depth as f64), label: "now".into() }],
        }),
    };
    vec![vector.into(), depths.into()]
}
