//! `thalweg net convexity`.

use super::args::ConvexityArgs;
use super::draw;
use super::scene::{Scene, Setting};
use crate::args::{Common, PrecisionArg};
use crate::commands::{print_json, print_text};
use crate::exit::{DONE, Failure, LIMIT};
use crate::progress::TrialBar;
use crate::signals::Interrupt;
use serde::Serialize;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use thalweg_lab::figure::{Axis, Curve, CurveGroup, Curves, Fact, Figure, Kind, Tone};
use thalweg_net::{Convexity, ConvexityPlan, Subject, convexity};

/// What `net convexity --json` prints.
#[derive(Serialize)]
struct ConvexityDocument<'a> {
    schema: u32,
    command: &'static str,
    seed: u64,
    is_complete: bool,
    networks: &'a [Measured],
}

/// One network.
#[derive(Serialize)]
struct Measured {
    #[serde(flatten)]
    setting: Setting,
    #[serde(flatten)]
    found: Convexity,
}

pub fn run(args: &ConvexityArgs, common: &Common) -> Result<u8, Failure> {
    let plan = ConvexityPlan { directions: args.directions, cells: args.cells, jets: args.jets, seed: common.seed };
    let (begin, interrupt, bar) = (Instant::now(), Interrupt::listen(), TrialBar::new(common.quiet));
    let is_over = || interrupt.flag.load(Ordering::Relaxed) || common.max_time.is_some_and(|limit| begin.elapsed() >= Duration::from_secs_f64(limit));
    let all = args.files.len() * args.directions;
    let mut networks: Vec<Measured> = Vec::new();
    let mut is_complete = true;
    for (number, file) in args.files.iter().enumerate() {
        if is_over() {
            is_complete = false;
            break;
        }
        let scene = Scene::open(file, &args.measure, common)?;
        let observe = |lines: usize| {
            bar.observe(number * args.directions + lines, all);
            if is_over() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let weights = &scene.checkpoint.weights;
        let subject = Subject { network: &scene.checkpoint.network, images: &scene.images, mode: &scene.mode, batch: scene.batch };
        let found = match args.measure.precision {
            PrecisionArg::F32 => convexity::<f32>(subject, weights, plan, observe),
            PrecisionArg::F64 => convexity::<f64>(subject, weights, plan, observe),
        };
        let found = found.map_err(|error| Failure::about(file, error))?;
        is_complete &= found.lines.len() == args.directions;
        networks.push(Measured { setting: scene.setting(file), found });
    }
    bar.finish();
    if let (Some(path), Some(first)) = (&args.svg, networks.first()) {
        draw(&figure(&args.files[0].display().to_string(), &first.found), path)?;
    }
    if common.json {
        print_json(&ConvexityDocument { schema: 1, command: "net convexity", seed: common.seed, is_complete, networks: &networks })?;
    } else {
        print_text(&args.files.iter().zip(&networks).map(|(file, n)| in_words(&file.display().to_string(), &n.found)).collect::<String>())?;
    }
    Ok(if is_complete { DONE } else { interrupt.exit_code().unwrap_or(LIMIT) })
}

fn in_words(file: &str, found: &Convexity) -> String {
    let resolution = |r: &thalweg_net::Resolution| {
        let interval = if r.length.half_width.is_finite() { format!(" ± {:.3}", r.length.half_width) } else { String::new() };
        format!("  {:>4} cells  {:.3}{interval}, {} of {} lines convex up to an end\n", r.cells, r.length.value, r.censored, r.length.samples)
    };
    let kinks: Vec<_> = found.lines.iter().filter_map(|line| line.kinks).collect();
    let share = kinks.iter().map(|k| k.share).sum::<f64>() / kinks.len() as f64;
    let bent = kinks.iter().filter(|k| k.disagreements > 0).count();
    let kinks = if kinks.is_empty() {
        String::new()
    } else {
        format!("  kinks carry {:.1} % of the mean curvature; on {bent} lines its sign differs from that of the derivative\n", 100.0 * share)
    };
    format!(
        "{file}: loss {:.6}, noise of a value {:.1e}\n{}{kinks}",
        found.value,
        found.noise,
        found.resolutions.iter().map(resolution).collect::<String>()
    )
}

fn figure(name: &str, found: &Convexity) -> Figure {
    let cells = found.resolutions[2].cells as f64;
    let curve = |(number, line): (usize, &thalweg_net::Line)| {
        let middle = (line.values.len() / 2) as f64;
        let points = line.values.iter().enumerate().map(|(k, &value)| ((k as f64 - middle) / cells, value)).collect();
        let facts = vec![Fact::new("convex from", line.stretches[2].low), Fact::new("to", line.stretches[2].high)];
        Curve { facts, ..Curve::new(format!("line {}", number + 1), points) }
    };
    let curves = found.lines.iter().enumerate().map(curve).collect();
    Figure {
        id: "lines".into(),
        title: format!("The loss along random lines: {name}"),
        caption: "Mean cross-entropy at w + λr; each filter of r is as long as that of w.".into(),
        alt: "Line chart of the loss along random lines through a network.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::linear("λ"),
            y: Axis::linear("loss"),
            groups: vec![CurveGroup { label: "random lines".into(), tone: Tone::Lead, curves }],
            levels: Vec::new(),
        }),
    }
}
