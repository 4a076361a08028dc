//! The parts: columns of V and U, as images, heat maps and names.

use super::RunView;
use super::section::{Section, name, paragraph};
use crate::figure::number::{count, percent};
use crate::figure::{Fact, Figure, Heatmap, Images, Kind, Tile};
use thalweg::Side;
use thalweg::data::ImageShape;

/// Components that the page shows.
const MAX_COMPONENTS: usize = 64;
/// Columns of a heat map; more rows of a factor than this are averaged in blocks.
const MAX_BLOCKS: usize = 160;
/// Pixels of all images together; more are averaged in squares.
const MAX_PIXELS: usize = 400_000;
/// Names listed for a component.
const TOP: usize = 8;

pub(super) fn section(run: &RunView) -> Section {
    let mut section = Section::new("components", "Components");
    let shares = run.shares();
    section.before = paragraph(
        "X ≈ UVᵀ is a sum of components, each a column of U times a column of V. Their order and their scale are free: multiply one column \
         by 2, divide the other, and nothing changes. So each is drawn relative to its own largest value, and its share is its part of \
         the sum of |UVᵀ| taken component by component.",
    );
    let image = run.manifest.input.image.filter(|shape| shape.height.checked_mul(shape.width) == Some(run.factors.cols()));
    match image {
        Some(shape) if run.factors.cols() > 0 => section.figures.push(images(run, shape, &shares)),
        _ => section.figures.push(heatmap(run, Side::V, run.labels.cols.as_deref())),
    }
    section.figures.push(heatmap(run, Side::U, run.labels.rows.as_deref()));
    for (side, labels, what) in [(Side::V, &run.labels.cols, "Columns of X"), (Side::U, &run.labels.rows, "Rows of X")] {
        // a label under a pixel says nothing
        if side == Side::V && image.is_some() {
            continue;
        }
        if let Some(labels) = labels {
            section.after += &top_names(run, side, labels, what, &shares);
        }
    }
    section
}

/// Column k of a factor.
fn column(run: &RunView, side: Side, k: usize) -> impl Iterator<Item = f64> + Clone + '_ {
    let rank = run.factors.rank();
    run.factors.side(side).iter().skip(k).step_by(rank.max(1)).copied()
}

impl RunView {
    /// Part of each component in Σₖ ‖uₖ‖₁‖vₖ‖₁, which is the sum of UVᵀ for non-negative factors.
    pub fn shares(&self) -> Vec<f64> {
        let size = |side, k| column(self, side, k).filter(|x| x.is_finite()).map(f64::abs).sum::<f64>();
        let parts: Vec<f64> = (0..self.factors.rank()).map(|k| size(Side::U, k) * size(Side::V, k)).collect();
        let total: f64 = parts.iter().sum();
        parts.iter().map(|part| if total > 0.0 { part / total } else { 0.0 }).collect()
    }

    /// The rows of a factor in which component k is largest in absolute value, the largest first; those where it is 0 left out.
    pub fn largest(&self, side: Side, k: usize) -> Vec<usize> {
        let column: Vec<f64> = column(self, side, k).map(f64::abs).collect();
        let mut order: Vec<usize> = (0..column.len()).filter(|&i| column[i] > 0.0 && column[i].is_finite()).collect();
        order.sort_by(|&i, &j| column[j].total_cmp(&column[i]));
        order
    }
}

fn component_facts(run: &RunView, k: usize, shares: &[f64]) -> Vec<Fact> {
    let agreement = run.audit.as_ref().and_then(|audit| audit.restarts.component_agreement.get(k)).copied();
    let mut facts = vec![Fact::new("share", percent(shares[k]))];
    facts.extend(agreement.map(|agreement| Fact::new("agreement over restarts", agreement)));
    facts
}

fn images(run: &RunView, shape: ImageShape, shares: &[f64]) -> Figure {
    let rank = run.factors.rank();
    let shown = rank.min(MAX_COMPONENTS);
    let square = (1..).find(|s| shown * shape.height.div_ceil(*s) * shape.width.div_ceil(*s) <= MAX_PIXELS).unwrap_or(1);
    let tile = |k: usize| Tile {
        label: format!("component {}", k + 1),
        note: format!("{} · {}", k + 1, percent((shares[k] * 1000.0).round() / 1000.0)),
        facts: component_facts(run, k, shares),
        pixels: squares(&column(run, Side::V, k).collect::<Vec<_>>(), shape, square),
    };
    let averaged = if square > 1 { format!(" Averaged over squares of {square}×{square} pixels.") } else { String::new() };
    Figure {
        id: "components-images".into(),
        title: "Components as images".into(),
        caption: format!(
            "Columns of V, {}×{} pixels, black at 0, white at the largest value of each. Under each: its number and its share.{averaged}{}",
            shape.height,
            shape.width,
            left_out(shown, rank)
        ),
        alt: format!("Grid of {shown} grey images, one for each component."),
        kind: Kind::Images(Images {
            height: shape.height.div_ceil(square),
            width: shape.width.div_ceil(square),
            tiles: (0..shown).map(tile).collect(),
        }),
    }
}

/// Means over squares of side `s`; those at the edge may be smaller.
fn squares(pixels: &[f64], shape: ImageShape, s: usize) -> Vec<f64> {
    if s == 1 {
        return pixels.to_vec();
    }
    let mut out = Vec::new();
    for top in (0..shape.height).step_by(s) {
        for left in (0..shape.width).step_by(s) {
            let rows = top..(top + s).min(shape.height);
            let square: Vec<f64> =
                rows.flat_map(|y| &pixels[y * shape.width + left..y * shape.width + (left + s).min(shape.width)]).copied().collect();
            out.push(square.iter().sum::<f64>() / square.len() as f64);
        }
    }
    out
}

fn heatmap(run: &RunView, side: Side, labels: Option<&[String]>) -> Figure {
    let (rank, items) = (run.factors.rank(), run.factors.side_rows(side));
    let shown = rank.min(MAX_COMPONENTS);
    let block = items.div_ceil(MAX_BLOCKS).max(1);
    let (factor, of, id) = match side {
        Side::U => ("U", "row", "components-u"),
        Side::V => ("V", "column", "components-v"),
    };
    let item = |i: usize| match labels.and_then(|labels| labels.get(i)) {
        Some(label) if !label.trim().is_empty() => label.clone(),
        _ => (i + 1).to_string(),
    };
    let blocks = (0..items).step_by(block).map(|first| first..(first + block).min(items));
    let block_name = |range: std::ops::Range<usize>| if block == 1 { item(range.start) } else { format!("{}–{}", range.start + 1, range.end) };
    let values = (0..shown).flat_map(|k| {
        let column: Vec<f64> = column(run, side, k).collect();
        blocks.clone().map(move |range| column[range.clone()].iter().sum::<f64>() / range.len() as f64).collect::<Vec<_>>()
    });
    let averaged = if block > 1 { format!(" Each cell is the mean over {block} {of}s of X (the last may be over fewer).") } else { String::new() };
    Figure {
        id: id.into(),
        title: format!("Components over the {of}s of X"),
        caption: format!(
            "Columns of {factor}, over {} {of}s of X. Each component is relative to its largest value.{averaged}{}",
            count(items as u64),
            left_out(shown, rank)
        ),
        alt: format!("Heat map of factor {factor}: {shown} components over {items} {of}s of X."),
        kind: Kind::Heatmap(Heatmap {
            row_kind: "component".into(),
            col_kind: format!("{of} of X"),
            value_kind: factor.into(),
            rows: (1..=shown).map(|k| k.to_string()).collect(),
            cols: blocks.clone().map(block_name).collect(),
            values: values.collect(),
        }),
    }
}

fn left_out(shown: usize, rank: usize) -> String {
    if shown < rank { format!(" The first {shown} of {rank} components.") } else { String::new() }
}

/// For each component, the names that carry most of its column.
fn top_names(run: &RunView, side: Side, labels: &[String], what: &str, shares: &[f64]) -> String {
    let rows: String = (0..run.factors.rank().min(MAX_COMPONENTS))
        .map(|k| {
            let column: Vec<f64> = column(run, side, k).map(f64::abs).collect();
            let total: f64 = column.iter().filter(|x| x.is_finite()).sum();
            let top: Vec<String> = run
                .largest(side, k)
                .iter()
                .take(TOP)
                .map(|&i| {
                    let label = labels.get(i).map_or_else(|| format!("#{}", i + 1), |label| name(label, 32));
                    format!("<li>{label} <span class=\"part\">{}</span></li>", percent((column[i] / total * 1000.0).round() / 1000.0))
                })
                .collect();
            format!(
                "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td><td><ul class=\"top\">{}</ul></td></tr>\n",
                k + 1,
                percent((shares[k] * 1000.0).round() / 1000.0),
                top.concat()
            )
        })
        .collect();
    format!(
        "<table class=\"names\">\n<caption>{what} with the largest part of each component</caption>\n\
         <thead><tr><th scope=\"col\">component</th><th scope=\"col\">share</th><th scope=\"col\">names, and their part of the component</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n"
    )
}
