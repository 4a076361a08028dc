//! Tables 2, 4 and 5: how far the loss is convex around residual networks.

use super::super::PAPER;
use super::course::Course;
use super::image_set::ImageSet;
use super::measured::{Found, Norm, Outcome, Trial};
use crate::experiment::{About, Agreement, Bench, Check, Experiment, Findings, Scale};
use crate::figure::{Axis, Curve, CurveGroup, Curves, Fact, Figure, Kind, Strip, StripRow, StripValue, Tone};
use std::collections::BTreeSet;
use thalweg::Error;
use thalweg::geometry::Estimate;
use thalweg_net::{Architecture, ConvexityPlan, Skips, Training};

/// Table 2.
pub struct ByWidth;

/// Table 4.
pub struct WithoutSkips;

/// Table 5.
pub struct ByEpoch;

/// The trials of the three tables: a network that stands in two of them is measured once.
const TRIALS: &str = "star-convexity/networks";

/// Raised whenever the same trial has another outcome.
const VERSION: u32 = 1;

/// The first is the usual one for pictures of a loss; the paper does not say which it took.
const NORMS: [Norm; 2] = [Norm::Eval, Norm::Batch];

/// What a scale affords.
pub struct Design {
    depths: &'static [usize],
    widths: &'static [usize],
    /// Of the networks without skips.
    plain_widths: &'static [usize],
    /// At which networks are measured; the last is the end.
    epochs: &'static [usize],
    images: ImageSet,
    training: Training,
    plan: ConvexityPlan,
    measured: usize,
}

impl Design {
    /// None without images.
    pub fn of(scale: Scale, bench: &Bench) -> Option<Design> {
        let (depths, widths, plain_widths, epochs): (&[usize], &[usize], &[usize], &[usize]) = match scale {
            Scale::Smoke => (&[8], &[1, 2], &[1], &[0, 1, 2]),
            Scale::Reduced => (&[8, 14, 20], &[1, 2, 4], &[1, 2], &[0, 2, 4]),
            Scale::Full => (&[20, 32, 44, 56, 68, 80, 110], &[1, 2, 4], &[1, 2, 4], &[0, 100, 200, 300]),
        };
        let (batch, directions, cells, measured) = match scale {
            Scale::Smoke => (16, 3, 8, 16),
            Scale::Reduced => (64, 10, 32, 64),
            Scale::Full => (128, 25, 100, 2048),
        };
        let training = Training { epochs: epochs[epochs.len() - 1], batch, ..Training::default() };
        let plan = ConvexityPlan { directions, cells, ..ConvexityPlan::default() };
        Some(Design { depths, widths, plain_widths, epochs, images: ImageSet::of(scale, bench)?, training, plan, measured })
    }

    /// A network of this design.
    pub fn course(&self, depth: usize, width: usize, skips: Skips) -> Course {
        Course { network: Architecture::Resnet { depth, width, skips }, images: self.images.clone(), training: self.training }
    }

    fn end(&self) -> usize {
        self.training.epochs
    }

    fn trials(&self, epoch: usize, widths: &[usize], skips: Skips, norm: Norm) -> impl Iterator<Item = Trial> {
        let trial = move |width, depth| Trial { course: self.course(depth, width, skips), epoch, plan: self.plan, images: self.measured, norm };
        widths.iter().flat_map(move |&width| self.depths.iter().map(move |&depth| trial(width, depth)))
    }
}

impl Experiment for ByWidth {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "table2",
            title: "Convex stretches around residual networks, by depth and width (table 2)",
            claim: "Along random directions whose filters are as long as those of a trained network, the loss is convex on a stretch that grows with \
                    the width of the network.",
            version: VERSION,
        }
    }

    fn kept_under(&self) -> String {
        TRIALS.into()
    }

    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<Trial> {
        let all = |design: Design| NORMS.iter().flat_map(|&norm| design.trials(design.end(), design.widths, Skips::A, norm)).collect();
        Design::of(scale, bench).map_or_else(Vec::new, all)
    }

    fn run(&self, trial: &Trial, bench: &Bench) -> Result<Outcome, Error> {
        trial.run(bench)
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let cells = Cell::all(done);
        let depths: BTreeSet<usize> = cells.iter().map(|cell| cell.depth).collect();
        let mut findings = Findings::default();
        for norm in NORMS {
            let of_norm = |depth: usize| cells.iter().filter(move |cell| (cell.depth, cell.trial.norm) == (depth, norm));
            let mut checks = Vec::new();
            let mut groups = Vec::new();
            for &depth in &depths {
                if let Some((narrow, wide)) = ends(&of_norm(depth).collect::<Vec<_>>(), |cell| cell.width) {
                    let what = format!("length at k = {} less that at k = {}, {depth} layers, {}", wide.width, narrow.width, norm.in_words());
                    checks.push(longer(what, "the paper: wider, longer", narrow, wide));
                }
                let label = format!("{depth} layers");
                let points = of_norm(depth).map(|cell| (cell.width as f64, format!("k = {}", cell.width), cell));
                groups.push(CurveGroup { label: label.clone(), tone: tone(&depths, depth), curves: vec![curve(label, points)] });
            }
            if groups.iter().all(|group| group.curves[0].points.is_empty()) {
                continue;
            }
            let told = counted(&checks, "depths", "the widest network has the longer convex stretch", "the narrowest has it");
            findings.verdict.push(format!("{told} That is with {}.", norm.in_words()));
            let title = format!("Convex stretch by width, {}", norm.in_words());
            findings.figures.push(lengths(norm.name(), &title, Axis::log("width k"), done, groups));
            findings.checks.extend(checks);
        }
        findings.verdict.extend(remarks(done, &cells));
        findings.figures.push(strip(&cells));
        findings
    }
}

impl Experiment for WithoutSkips {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "table4",
            title: "Convex stretches around networks with and without skips (table 4)",
            claim: "The lengths of table 2 for networks without skips. (How the table is laid out is our reading.) Skips are said to smooth the \
                    loss: with them the convex stretch should be the longer one.",
            version: VERSION,
        }
    }

    fn kept_under(&self) -> String {
        TRIALS.into()
    }

    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<Trial> {
        let all = |design: Design| {
            [Skips::None, Skips::A].iter().flat_map(|&skips| design.trials(design.end(), design.plain_widths, skips, Norm::Eval)).collect()
        };
        Design::of(scale, bench).map_or_else(Vec::new, all)
    }

    fn run(&self, trial: &Trial, bench: &Bench) -> Result<Outcome, Error> {
        trial.run(bench)
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let cells = Cell::all(done);
        let mut checks = Vec::new();
        for plain in cells.iter().filter(|cell| !cell.has_skips) {
            let beside = |cell: &&Cell| cell.has_skips && (cell.depth, cell.width) == (plain.depth, plain.width);
            if let Some(skipped) = cells.iter().find(beside) {
                let what = format!("length with skips less that without, {} layers, k = {}", plain.depth, plain.width);
                checks.push(longer(what, "skips smooth the loss (Li et al. 2018)", plain, skipped));
            }
        }
        let mut verdict = vec![counted(&checks, "pairs", "the network with skips has the longer convex stretch", "the one without has it")];
        verdict.extend(remarks(done, &cells));
        let depths: BTreeSet<usize> = cells.iter().map(|cell| cell.depth).collect();
        let group = |label: &str, tone: Tone, has_skips: bool| {
            let of = |&depth: &usize| {
                let row = cells.iter().filter(move |cell| cell.depth == depth && cell.has_skips == has_skips);
                curve(format!("{depth} layers, {label}"), row.map(|cell| (cell.width as f64, format!("k = {}", cell.width), cell)))
            };
            CurveGroup { label: label.into(), tone, curves: depths.iter().map(of).collect() }
        };
        let groups = vec![group("with skips", Tone::Quiet, true), group("without skips", Tone::Lead, false)];
        let figures = vec![lengths("lengths", "Convex stretch with and without skips", Axis::log("width k"), done, groups), strip(&cells)];
        Findings { verdict, checks, figures }
    }
}

impl Experiment for ByEpoch {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "table5",
            title: "Convex stretches around networks in the course of training (table 5)",
            claim: "The lengths of table 2 at several epochs, from the start on, where the paper has 0.15 for 20 layers and 1.0 for 44. (How the \
                    table is laid out is our reading.)",
            version: VERSION,
        }
    }

    fn kept_under(&self) -> String {
        TRIALS.into()
    }

    /// The end first: each training is then done once, whatever runs side by side.
    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<Trial> {
        let all = |design: Design| design.epochs.iter().rev().flat_map(|&epoch| design.trials(epoch, design.widths, Skips::A, Norm::Eval)).collect();
        Design::of(scale, bench).map_or_else(Vec::new, all)
    }

    fn run(&self, trial: &Trial, bench: &Bench) -> Result<Outcome, Error> {
        trial.run(bench)
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let cells = Cell::all(done);
        let [depths, widths] = [|cell: &Cell| cell.depth, |cell: &Cell| cell.width].map(|of| cells.iter().map(of).collect::<BTreeSet<usize>>());
        let (mut checks, mut figures) = (Vec::new(), Vec::new());
        for &width in &widths {
            let mut groups = Vec::new();
            for &depth in &depths {
                let mut row: Vec<&Cell> = cells.iter().filter(|cell| (cell.depth, cell.width) == (depth, width)).collect();
                row.sort_by_key(|cell| cell.trial.epoch);
                if let Some((start, end)) = ends(&row, |cell| cell.trial.epoch) {
                    let what = format!("length at the start less that after epoch {}, {depth} layers, k = {width}", end.trial.epoch);
                    checks.push(longer(what, "ours: training bends the loss", end, start));
                }
                let points = row.into_iter().map(|cell| (cell.trial.epoch as f64, format!("epoch {}", cell.trial.epoch), cell));
                let label = format!("{depth} layers");
                groups.push(CurveGroup { label: label.clone(), tone: tone(&depths, depth), curves: vec![curve(label, points)] });
            }
            let title = format!("Convex stretch in the course of training, k = {width}");
            figures.push(lengths(&format!("k-{width}"), &title, Axis::linear("epoch"), done, groups));
        }
        let mut verdict = vec![counted(&checks, "networks", "the stretch is longer at the start than at the end", "it is longer at the end")];
        let printed = [(20, 0.15), (44, 1.0)]
            .map(|(depth, said)| (cells.iter().find(|cell| (cell.depth, cell.width, cell.trial.epoch) == (depth, 1, 0)), said));
        for (cell, said) in printed {
            if let Some(cell) = cell {
                verdict.push(format!(
                    "Before the first step the paper has {said} at {} layers, here it is {} with statistics that fit the images. What statistics the \
                     paper took is not known.",
                    cell.depth,
                    told(cell.length),
                ));
            }
        }
        verdict.extend(remarks(done, &cells));
        figures.push(strip(&cells));
        Findings { verdict, checks, figures }
    }
}

/// A network that was measured.
struct Cell<'a> {
    trial: &'a Trial,
    found: &'a Found,
    depth: usize,
    width: usize,
    has_skips: bool,
    length: Estimate,
}

impl<'a> Cell<'a> {
    /// By depth, width, skips and epoch.
    fn all(done: &'a [(Trial, Outcome)]) -> Vec<Cell<'a>> {
        let cell = |(trial, outcome): &'a (Trial, Outcome)| {
            let (depth, width, has_skips) = trial.shape();
            let found = outcome.found.as_ref()?;
            Some(Cell { trial, found, depth, width, has_skips, length: found.length(trial) })
        };
        let mut cells: Vec<Cell<'a>> = done.iter().filter_map(cell).collect();
        cells.sort_by_key(|cell| (cell.depth, cell.width, cell.has_skips, cell.trial.epoch, cell.trial.norm.name()));
        cells
    }

    fn name(&self) -> String {
        format!("{}, epoch {}, {}", self.trial.course.network, self.trial.epoch, self.trial.norm.name())
    }
}

/// The cells where a quantity is smallest and largest, if those are two.
fn ends<'c, 'a>(cells: &[&'c Cell<'a>], quantity: impl Fn(&Cell<'_>) -> usize) -> Option<(&'c Cell<'a>, &'c Cell<'a>)> {
    let (least, most) = (cells.iter().min_by_key(|cell| quantity(cell))?, cells.iter().max_by_key(|cell| quantity(cell))?);
    (quantity(least) < quantity(most)).then_some((*least, *most))
}

/// That the second network has the longer stretch, by more than the intervals of both allow.
fn longer(what: String, source: &'static str, short: &Cell<'_>, long: &Cell<'_>) -> Check {
    let tolerance = short.length.half_width.hypot(long.length.half_width);
    match Check::at_least(what, source, 0.0, long.length.value - short.length.value, tolerance) {
        // two means without spread that are the same: all lines are cut
        check if tolerance == 0.0 && check.found == 0.0 => Check { agreement: Agreement::Open, ..check },
        check => check,
    }
}

fn counted(checks: &[Check], of: &str, holds: &str, fails: &str) -> String {
    let [yes, no, open] = [Agreement::Holds, Agreement::Fails, Agreement::Open].map(|wanted| checks.iter().filter(|c| c.agreement == wanted).count());
    format!("Of {} {of}, at {yes} {holds}, at {no} {fails}, at {open} the lines drawn do not decide.", checks.len())
}

fn told(length: Estimate) -> String {
    format!("{:.3} ± {:.3}", length.value, length.half_width)
}

/// What the numbers rest on, and what does not follow from them.
fn remarks(done: &[(Trial, Outcome)], cells: &[Cell<'_>]) -> Vec<String> {
    let Some((trial, _)) = done.first() else { return Vec::new() };
    let mut said = Vec::new();
    let broken: Vec<String> = done.iter().filter(|(_, outcome)| outcome.found.is_none()).map(|(trial, _)| trial.course.network.to_string()).collect();
    if !broken.is_empty() {
        said.push(format!("The loss stopped being a number in the training of {}.", broken.join(", ")));
    }
    let (lines, cut) = cells.iter().fold((0, 0), |(lines, cut), cell| (lines + cell.found.stretches.len(), cut + cell.found.cut()));
    said.push(format!("{cut} of {lines} lines are convex up to an end of [−½, ½], so their lengths are lower bounds."));
    let is_trained = |cell: &&Cell<'_>| cell.trial.epoch == cell.trial.course.training.epochs && cell.trial.norm == Norm::Eval;
    let trained = || cells.iter().filter(is_trained).map(|cell| cell.found.accuracy);
    let (low, high) = trained().fold((f64::INFINITY, 0.0f64), |(low, high), a| (low.min(a), high.max(a)));
    let accuracy = if low <= high {
        format!("; at the end {:.0} to {:.0} % of {} images of the test are right", 100.0 * low, 100.0 * high, trial.course.images.test)
    } else {
        String::new()
    };
    said.push(format!(
        "Trained on {}, for {} epochs (the paper: 50,000 and 300){accuracy}.",
        trial.course.images.in_words(),
        trial.course.training.epochs
    ));
    let parameters = cells.iter().map(|cell| cell.found.parameters).max().unwrap_or(0);
    said.push(format!(
        "It does not follow that the loss is convex around a network: these are {} lines of a space of up to {parameters} dimensions, and convex means \
         that no second difference over 1/{} is below the noise, on {} images. The intervals are those of lines, not of trainings or of images: each \
         network was trained once.",
        trial.plan.directions,
        trial.cells(),
        trial.images,
    ));
    said
}

fn tone(depths: &BTreeSet<usize>, depth: usize) -> Tone {
    match depth {
        _ if depths.last() == Some(&depth) => Tone::Lead,
        _ if depths.first() == Some(&depth) => Tone::Quiet,
        _ => Tone::Open,
    }
}

/// Mean lengths with their intervals, cut to what a length can be.
fn curve<'c, 'a: 'c>(label: String, points: impl Iterator<Item = (f64, String, &'c Cell<'a>)>) -> Curve {
    let mut curve = Curve::new(label, Vec::new());
    for (x, name, cell) in points {
        let Estimate { value, half_width, .. } = cell.length;
        curve.points.push((x, value));
        curve.band.push(((value - half_width).max(0.0), (value + half_width).min(1.0)));
        curve.facts.push(Fact::new(name, told(cell.length)));
    }
    curve
}

fn lengths(id: &str, title: &str, x: Axis, done: &[(Trial, Outcome)], groups: Vec<CurveGroup>) -> Figure {
    let design = done.first().map_or_else(String::new, |(trial, _)| {
        let (lines, cells, images) = (trial.plan.directions, trial.cells(), trial.images);
        let (set, epochs) = (trial.course.images.in_words(), trial.course.training.epochs);
        format!(" {lines} lines for each network, {cells} cells, loss on {images} images; trained for {epochs} epochs on {set}.")
    });
    Figure {
        id: id.into(),
        title: title.into(),
        caption: format!("Mean length of the widest run of convex cells around λ = 0, cut to [−½, ½], with 95 % intervals over lines.{design}"),
        alt: format!("Line chart of the mean length of the convex stretch: {title}."),
        kind: Kind::Curves(Curves { x, y: Axis::linear("length").including([0.0, 1.0]), groups, levels: Vec::new() }),
    }
}

fn strip(cells: &[Cell<'_>]) -> Figure {
    let row = |cell: &Cell<'_>| {
        let [coarse, drawn, fine] = [0, 1, 2].map(|level| told(cell.found.mean(level, cell.trial)));
        let value = |(number, stretch): (usize, &thalweg::geometry::ConvexStretch)| StripValue {
            label: format!("line {}", number + 1),
            facts: vec![
                Fact::new("convex from", stretch.low),
                Fact::new("to", stretch.high),
                Fact::new("mean length with a quarter of the cells", coarse.as_str()),
                Fact::new("with half", drawn.as_str()),
                Fact::new("with all", fine.as_str()),
                Fact::new("loss", cell.found.loss),
                Fact::new("accuracy of the test", cell.found.accuracy),
                Fact::new("noise of a value", cell.found.noise),
            ],
            tone: if stretch.is_censored { Tone::Open } else { Tone::Lead },
            x: stretch.length,
        };
        StripRow {
            label: cell.name(),
            mean_sd: Some((cell.length.value, cell.length.half_width)),
            values: cell.found.lengths().enumerate().map(value).collect(),
        }
    };
    Figure {
        id: "lines".into(),
        title: "Every line".into(),
        caption: "Length of the convex stretch on each line; below, the mean with its 95 % interval. Open dots are cut at ±½.".into(),
        alt: "Dots for the length of the convex stretch on each line, a row for each network.".into(),
        kind: Kind::Strip(Strip { x: Axis::linear("length").including([0.0, 1.0]), rows: cells.iter().map(row).collect(), levels: Vec::new() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg::geometry::ConvexStretch;

    fn outcome(lengths: [f64; 3]) -> Outcome {
        let stretch = |length: f64| ConvexStretch { low: -0.5 * length, high: 0.5 * length, length, is_censored: length == 1.0 };
        let stretches = lengths.iter().map(|&length| vec![stretch(0.0), stretch(length), stretch(0.0)]).collect();
        Outcome { found: Some(Found { parameters: 9, loss: 1.0, accuracy: 0.5, noise: None, stretches }) }
    }

    fn agreements(experiment: &impl Experiment<Trial = Trial, Outcome = Outcome>, lengths: &[[f64; 3]]) -> Vec<Agreement> {
        let trials = Experiment::trials(experiment, Scale::Smoke, &Bench::default());
        let done: Vec<(Trial, Outcome)> = trials.into_iter().zip(lengths).map(|(trial, &lengths)| (trial, outcome(lengths))).collect();
        let Findings { checks, figures, .. } = experiment.findings(Scale::Smoke, &done);
        assert!(figures.iter().all(|figure| !figure.table().rows.is_empty()));
        checks.iter().map(|check| check.agreement).collect()
    }

    #[test]
    fn what_is_longer_is_told_where_the_intervals_allow() {
        // means 0.2 and 0.8, by ± 0.025 each
        let (short, long) = ([0.19, 0.2, 0.21], [0.79, 0.8, 0.81]);
        assert_eq!(agreements(&ByWidth, &[short, long]), [Agreement::Holds]);
        assert_eq!(agreements(&ByWidth, &[short, long, long, short]), [Agreement::Holds, Agreement::Fails]);
        assert_eq!(agreements(&ByWidth, &[long, short]), [Agreement::Fails]);
        assert_eq!(agreements(&ByWidth, &[short, [0.0, 0.2, 0.9]]), [Agreement::Open]);
        // every line cut at ±½: nothing is known of the difference
        assert_eq!(agreements(&ByWidth, &[[1.0; 3]; 2]), [Agreement::Open]);
        assert_eq!(agreements(&ByWidth, &[short]), []);
        assert_eq!(agreements(&WithoutSkips, &[short, long]), [Agreement::Holds]);
        // the end of both networks, an epoch between, the start of both
        assert_eq!(agreements(&ByEpoch, &[short, long, long, long, long, short]), [Agreement::Holds, Agreement::Fails]);
    }

    #[test]
    fn a_training_that_broke_down_is_named() {
        let trials = Experiment::trials(&ByWidth, Scale::Smoke, &Bench::default());
        let done: Vec<(Trial, Outcome)> = trials.into_iter().map(|trial| (trial, Outcome { found: None })).collect();
        let verdict = ByWidth.findings(Scale::Smoke, &done).verdict.join(" ");
        assert!(verdict.contains("resnet8, resnet8x2"), "{verdict}");
    }
}
