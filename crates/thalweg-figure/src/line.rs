//! Figures of the exact loss on segments.

use super::number::{count, scaled, short, times_power_of_two};
use super::{At, Axis, Cell, Curve, CurveGroup, Curves, Fact, Figure, Kind, Level, Strip, StripRow, StripValue, Tone};
use thalweg::audit::{LineFamily, LineKind};
use thalweg::geometry::{Line, Verdict};

/// Curves that one figure draws.
const MAX_CURVES: usize = 60;
/// Dots that one row of a strip draws.
const MAX_DOTS: usize = 150;
/// Points of one curve: a quartic needs no more.
const SAMPLES: usize = 41;

/// The loss ℓ(λ) on one segment, with its chord and the place of its least curvature.
///
/// ```
/// use thalweg::geometry::{Line, Verdict};
/// use thalweg_figure::{Style, figure_of_line};
///
/// // ℓ(λ) = 1 + (1 − λ)²
/// let line = Line {
///     coefficients: [2.0, -2.0, 1.0, 0.0, 0.0],
///     exponent: 0,
///     alpha: 2.0,
///     alpha_at: 0.0,
///     convex_on_segment: Verdict::Yes,
///     convex_everywhere: Verdict::Yes,
///     star_towards_b: Verdict::Yes,
///     gradient_towards_b: Verdict::Yes,
///     barrier: 0.0,
/// };
/// let figure = figure_of_line(&line);
/// assert!(figure.svg(Style::File).starts_with("<svg"));
/// assert!(figure.csv().starts_with("\"group\",\"curve\""));
/// ```
pub fn figure_of_line(line: &Line) -> Figure {
    let unit = common_exponent(std::iter::once(line));
    let points = sampled(line, unit, 1.0);
    let ends = [points[0], points[SAMPLES - 1]];
    let chord = Curve::new("chord", ends.to_vec());
    let loss = Curve { facts: facts(line, 1.0), ..Curve::new("loss", points) };
    let alpha = scaled(line.alpha, line.exponent);
    Figure {
        id: "line".into(),
        title: "The loss on the segment from A to B".into(),
        caption: format!(
            "Exact: ℓ is a polynomial of degree 4. Its least curvature is α = {alpha}, at λ = {}. Convex on the segment: {}. \
             Star-convex towards B: {}. Barrier above the higher end: {}.",
            short(line.alpha_at),
            word(line.convex_on_segment),
            word(line.star_towards_b),
            scaled(line.barrier, line.exponent)
        ),
        alt: format!(
            "Line chart of the loss from A, {}, to B, {}; least curvature {alpha}.",
            scaled(line.coefficients[0], line.exponent),
            scaled(line.coefficients.iter().sum(), line.exponent)
        ),
        kind: Kind::Curves(Curves {
            x: Axis::linear("λ (0 at A, 1 at B)"),
            y: Axis::linear(in_unit("ℓ(λ)", unit)),
            groups: vec![
                CurveGroup { label: "chord".into(), tone: Tone::Quiet, curves: vec![chord] },
                CurveGroup { label: "ℓ(λ)".into(), tone: tone(line), curves: vec![loss] },
            ],
            levels: vec![Level { at: At::X(line.alpha_at), label: "least curvature".into() }],
        }),
    }
}

/// ℓ(λ)/N of each family, N = `observed`: one figure a family that has lines.
pub fn figures_of_families(families: &[LineFamily], observed: u64) -> Vec<Figure> {
    let entries = observed.max(1) as f64;
    let unit = common_exponent(families.iter().flat_map(|family| &family.lines));
    let drawn: Vec<(&LineFamily, Vec<usize>)> =
        families.iter().filter(|f| !f.lines.is_empty()).map(|f| (f, spread_by_alpha(&f.lines, unit, MAX_CURVES))).collect();
    // raw and matched lines between answers are there to be compared, so they share an axis
    let between_answers: Vec<f64> = drawn
        .iter()
        .filter(|(family, _)| is_between_answers(family.kind))
        .flat_map(|(family, which)| which.iter().flat_map(|&i| sampled(&family.lines[i], unit, entries)).map(|p| p.1))
        .collect();
    drawn
        .iter()
        .map(|(family, which)| {
            let y = Axis::linear(in_unit("ℓ(λ) / N", unit));
            let y = if is_between_answers(family.kind) { y.including(between_answers.iter().copied()) } else { y };
            family_figure(family, which, unit, entries, y)
        })
        .collect()
}

/// α/N of every line: one figure for lines from starts, one for lines between answers.
pub fn figures_of_alpha(families: &[LineFamily], observed: u64) -> Vec<Figure> {
    let entries = observed.max(1) as f64;
    let of = |id: &str, title: &str, wanted: fn(LineKind) -> bool| {
        let chosen: Vec<&LineFamily> = families.iter().filter(|f| wanted(f.kind) && !f.lines.is_empty()).collect();
        (!chosen.is_empty()).then(|| alpha_figure(id, title, &chosen, entries))
    };
    [
        of("alpha-starts", "Least curvature of each line from a start", |kind| !is_between_answers(kind)),
        of("alpha-answers", "Least curvature of each line between answers", is_between_answers),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn family_figure(family: &LineFamily, which: &[usize], unit: i32, entries: f64, y: Axis) -> Figure {
    let group = |verdict: Verdict, label: &str| {
        let total = family.lines.iter().filter(|line| line.convex_on_segment == verdict).count();
        let curves = which
            .iter()
            .map(|&i| (i, &family.lines[i]))
            .filter(|(_, line)| line.convex_on_segment == verdict)
            .map(|(i, line)| Curve { facts: facts(line, entries), ..Curve::new(line_name(i), sampled(line, unit, entries)) });
        CurveGroup { label: format!("{label} ({})", count(total as u64)), tone: tone_of(verdict), curves: curves.collect() }
    };
    let (id, title, from) = match family.kind {
        LineKind::StartToAnswer => ("lines-start-answer", "From random starts to the answer", "λ = 0 at a random start, λ = 1 at the answer"),
        LineKind::StartToStart => ("lines-start-start", "Between random starts", "λ = 0 and λ = 1 at random starts"),
        LineKind::AnswerToAnswer => {
            ("lines-answers", "Between answers, components as they came", "λ = 0 at another restart's answer, λ = 1 at the best")
        }
        LineKind::AlignedAnswerToAnswer => (
            "lines-answers-matched",
            "Between answers, components matched",
            "the same pairs of answers, after their components are scaled alike and matched",
        ),
    };
    let n = family.lines.len();
    let convex = family.lines.iter().filter(|line| line.convex_on_segment == Verdict::Yes).count();
    let left_out = if which.len() < n {
        format!(" {} of {} lines are drawn, spread evenly by α with both extremes.", which.len(), count(n as u64))
    } else {
        String::new()
    };
    Figure {
        id: id.into(),
        title: title.into(),
        caption: format!("n = {} lines: {from}. Exact quartics, divided by the N observed entries.{left_out}", count(n as u64)),
        alt: format!("Line chart of the loss on {n} segments; {convex} are proved convex."),
        kind: Kind::Curves(Curves {
            x: Axis::linear("λ"),
            y,
            groups: vec![group(Verdict::Yes, "convex"), group(Verdict::Undecided, "undecided by rounding"), group(Verdict::No, "not convex")],
            levels: Vec::new(),
        }),
    }
}

fn alpha_figure(id: &str, title: &str, families: &[&LineFamily], entries: f64) -> Figure {
    let unit = common_exponent(families.iter().flat_map(|family| &family.lines));
    let alpha = |line: &Line| in_units_of(line.alpha, line.exponent, unit) / entries;
    let row = |family: &LineFamily| {
        let alphas: Vec<f64> = family.lines.iter().map(alpha).collect();
        let values = spread_by_alpha(&family.lines, unit, MAX_DOTS).into_iter().map(|i| {
            let line = &family.lines[i];
            StripValue { label: line_name(i), facts: facts(line, entries), tone: tone(line), x: alpha(line) }
        });
        let label = match family.kind {
            LineKind::StartToAnswer => "start → answer",
            LineKind::StartToStart => "start → start",
            LineKind::AnswerToAnswer => "answer → answer",
            LineKind::AlignedAnswerToAnswer => "the same, matched",
        };
        StripRow { label: label.into(), mean_sd: mean_sd(&alphas), values: values.collect() }
    };
    let n: Vec<String> = families.iter().map(|family| count(family.lines.len() as u64)).collect();
    let same = n.iter().all(|count| *count == n[0]);
    let n = if same && n.len() > 1 { format!("{} lines a row", n[0]) } else { format!("{} lines", n.join(" and ")) };
    let left_out =
        if families.iter().any(|f| f.lines.len() > MAX_DOTS) { format!(" At most {MAX_DOTS} lines a row are drawn.") } else { String::new() };
    Figure {
        id: id.into(),
        title: title.into(),
        caption: format!(
            "α is the least second derivative of ℓ on the segment: a line is convex where α ≥ 0. Bar: mean ± one standard deviation over all lines. \
             n = {n}.{left_out}"
        ),
        alt: format!("Dot plot of the least curvature α / N, {n}."),
        kind: Kind::Strip(Strip {
            x: Axis::linear(in_unit("α / N", unit)),
            rows: families.iter().map(|family| row(family)).collect(),
            levels: vec![Level { at: At::X(0.0), label: "0".into() }],
        }),
    }
}

fn line_name(i: usize) -> String {
    format!("line {}", i + 1)
}

fn is_between_answers(kind: LineKind) -> bool {
    matches!(kind, LineKind::AnswerToAnswer | LineKind::AlignedAnswerToAnswer)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Yes => "yes",
        Verdict::No => "no",
        Verdict::Undecided => "undecided",
    }
}

fn tone(line: &Line) -> Tone {
    tone_of(line.convex_on_segment)
}

fn tone_of(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Yes => Tone::Lead,
        Verdict::No => Tone::Against,
        Verdict::Undecided => Tone::Open,
    }
}

fn facts(line: &Line, entries: f64) -> Vec<Fact> {
    let per_entry = |value: f64| match times_power_of_two(value / entries, line.exponent) {
        Some(value) => Cell::Number(value),
        None => Cell::Text(scaled(value / entries, line.exponent)),
    };
    let name = |what: &str| if entries == 1.0 { what.to_owned() } else { format!("{what} / N") };
    vec![
        Fact::new(name("α"), per_entry(line.alpha)),
        Fact::new("α at λ", line.alpha_at),
        Fact::new("convex on the segment", word(line.convex_on_segment)),
        Fact::new("star-convex towards λ = 1", word(line.star_towards_b)),
        Fact::new("−∇ℓ points to λ = 1", word(line.gradient_towards_b)),
        Fact::new(name("barrier"), per_entry(line.barrier)),
    ]
}

/// The power of two that the values of these lines are drawn in: 0 where f64 holds them all.
fn common_exponent<'a>(lines: impl Iterator<Item = &'a Line> + Clone) -> i32 {
    let fits = |line: &Line| line.coefficients.iter().all(|&c| times_power_of_two(c, line.exponent).is_some());
    if lines.clone().all(fits) { 0 } else { lines.map(|line| line.exponent).max().unwrap_or(0) }
}

fn in_unit(label: &str, unit: i32) -> String {
    if unit == 0 { label.to_owned() } else { format!("{label} in units of {}", scaled(1.0, unit)) }
}

/// value·2^(exponent − unit); too small for f64 is 0.
fn in_units_of(value: f64, exponent: i32, unit: i32) -> f64 {
    times_power_of_two(value, exponent - unit).unwrap_or(0.0)
}

/// ℓ(λ)/N at equal steps over [0, 1].
fn sampled(line: &Line, unit: i32, entries: f64) -> Vec<(f64, f64)> {
    let coefficients = line.coefficients.map(|c| in_units_of(c, line.exponent, unit) / entries);
    (0..SAMPLES)
        .map(|i| {
            let lambda = i as f64 / (SAMPLES - 1) as f64;
            (lambda, coefficients.iter().rev().fold(0.0, |sum, c| sum * lambda + c))
        })
        .collect()
}

/// At most `most` of the lines, at equal steps in the order of α, the least and the largest among them; in their own order.
fn spread_by_alpha(lines: &[Line], unit: i32, most: usize) -> Vec<usize> {
    let alpha = |i: usize| in_units_of(lines[i].alpha, lines[i].exponent, unit);
    let mut order: Vec<usize> = (0..lines.len()).collect();
    if lines.len() > most {
        order.sort_by(|&i, &j| alpha(i).total_cmp(&alpha(j)));
        order = (0..most).map(|k| order[k * (lines.len() - 1) / (most - 1)]).collect();
        order.sort_unstable();
    }
    order
}

/// Mean and standard deviation (ddof 0).
fn mean_sd(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    (mean.is_finite() && sd.is_finite()).then_some((mean, sd))
}
