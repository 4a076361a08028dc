//! Between optima: curvature and barriers as they come, and after matching components (not in the paper).

use super::PAPER;
use super::data_set::{Effort, EndPoint, Field, OPTIMA, Part, missing, sets};
use crate::experiment::{About, Bench, Check, Experiment, Findings, Moments, Scale};
use crate::figure::{Axis, Dot, DotGroup, Fact, Figure, Kind, Scatter, Tone};
use serde::{Deserialize, Serialize};
use thalweg::Error;
use thalweg::geometry::barrier;

/// The experiment.
pub struct BetweenOptima;

/// A pair of optima.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    part: Part,
    effort: Effort,
    pair: u64,
}

/// Per entry of X scaled to variance 1.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Outcome {
    loss: f64,
    /// Mean cosine of matched components.
    cosine: f64,
    /// α and barrier as they come, and matched.
    alpha: [f64; 2],
    barrier: [f64; 2],
}

impl Experiment for BetweenOptima {
    type Trial = Trial;
    type Outcome = Outcome;

    fn about(&self) -> About {
        About {
            paper: PAPER,
            item: "between-optima",
            title: "Curvature and barriers between optima, raw and matched (not in the paper)",
            claim: "The paper does not look between optima. Permuting components gives r! copies of each, so raw lines between optima show barriers that say \
                    nothing; after matching components what is left is a difference between the answers.",
            version: 1,
        }
    }

    fn trials(&self, scale: Scale, bench: &Bench) -> Vec<Trial> {
        let pairs = match scale {
            Scale::Smoke => 1,
            Scale::Reduced => 3,
            Scale::Full => 20,
        };
        let parts = sets(bench).into_iter().filter_map(|set| Part::of(&set, scale, 1.0));
        parts.flat_map(|part| (0..pairs).map(move |pair| Trial { part: part.clone(), effort: Effort::of(scale, &part), pair })).collect()
    }

    fn run(&self, trial: &Trial, bench: &Bench) -> Result<Outcome, Error> {
        let matrix = trial.part.matrix(bench)?;
        let field = Field::new(&trial.part, &matrix, trial.effort)?;
        let optimum = |number| field.optimum(EndPoint::Converged, OPTIMA + number);
        let (a, b) = (optimum(2 * trial.pair)?, optimum(2 * trial.pair + 1)?);
        let between = barrier(&matrix, &a, &b)?;
        let lines = [&between.raw, &between.aligned];
        let units = lines.map(|line| 2f64.powi(line.exponent) / field.unit());
        Ok(Outcome {
            loss: field.problem.objective(&a).min(field.problem.objective(&b)) / field.unit(),
            cosine: between.alignment.mean_cosine(),
            alpha: [lines[0].alpha * units[0], lines[1].alpha * units[1]],
            barrier: [lines[0].barrier * units[0], lines[1].barrier * units[1]],
        })
    }

    fn findings(&self, _: Scale, done: &[(Trial, Outcome)]) -> Findings {
        let mut findings = Findings::default();
        let mut names: Vec<&str> = done.iter().map(|(trial, _)| trial.part.set.name.as_str()).collect();
        names.dedup();
        let mut sentences = Vec::new();
        let mut groups: Vec<DotGroup> = Vec::new();
        for name in names {
            let pairs: Vec<&Outcome> = done.iter().filter(|(trial, _)| trial.part.set.name == name).map(|(_, o)| o).collect();
            let mean = |value: &dyn Fn(&Outcome) -> f64| Moments::of(pairs.iter().map(|o| value(o))).mean;
            let relative = |o: &Outcome| o.barrier[1] / o.loss;
            findings.checks.push(Check::at_least(
                format!("raw barrier less matched barrier, mean over pairs, {name}"),
                "matching removes what permutation made",
                0.0,
                mean(&|o| o.barrier[0] - o.barrier[1]),
                -1e-9,
            ));
            sentences.push(format!("{name} {:.3} and {:.2}", mean(&|o| o.cosine), mean(&relative)));
            let dot = |o: &&Outcome| Dot {
                label: name.to_owned(),
                facts: vec![
                    Fact::new("α raw", o.alpha[0]),
                    Fact::new("α matched", o.alpha[1]),
                    Fact::new("barrier raw", o.barrier[0]),
                    Fact::new("barrier matched", o.barrier[1]),
                    Fact::new("loss", o.loss),
                ],
                x: o.cosine,
                y: relative(o),
            };
            groups.push(DotGroup { label: name.to_owned(), tone: Tone::Lead, dots: pairs.iter().map(dot).collect() });
        }
        let dots = groups.into_iter().flat_map(|group| group.dots).collect();
        findings.figures = vec![Figure {
            id: "stability".into(),
            title: "Do restarts agree?".into(),
            caption: "Each dot is a pair of optima: mean cosine of matched components, and the height of the matched barrier in units of the loss."
                .into(),
            alt: "Dot plot of matched barriers against mean cosines.".into(),
            kind: Kind::Scatter(Scatter {
                x: Axis::linear("mean cosine of matched components").including([1.0]),
                y: Axis::linear("matched barrier / loss").including([0.0]),
                groups: vec![DotGroup { label: "pairs of optima".into(), tone: Tone::Lead, dots }],
                levels: Vec::new(),
            }),
        }];
        findings.verdict = vec![
            format!("Mean cosine of matched components, and matched barrier over loss: {}.", sentences.join("; ")),
            "A cosine near 1 and no barrier: the answer is one. A low cosine with a barrier: many basins, and the choice between them is the start's."
                .into(),
        ];
        findings.verdict.extend(missing(done.iter().map(|(trial, _)| &trial.part.set)));
        findings
    }
}
