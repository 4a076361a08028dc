//! `thalweg net compare`.

use super::args::CompareArgs;
use super::draw;
use super::scene::{Scene, Setting};
use crate::args::Common;
use crate::commands::{print_json, print_text};
use crate::exit::{DONE, Failure};
use serde::Serialize;
use thalweg_lab::figure::{Axis, Curve, CurveGroup, Curves, Figure, Kind, Tone};
use thalweg_net::{NormMode, Segment, match_channels, segment};

/// What `net compare --json` prints.
#[derive(Serialize)]
struct CompareDocument {
    schema: u32,
    command: &'static str,
    a: Setting,
    b: Setting,
    raw: Segment,
    matched: Segment,
}

pub fn run(args: &CompareArgs, common: &Common) -> Result<u8, Failure> {
    let (mut a, b) = (Scene::open(&args.a, &args.measure, common)?, Scene::open(&args.b, &args.measure, common)?);
    if a.checkpoint.network.architecture != b.checkpoint.network.architecture || a.checkpoint.network.dim() != b.checkpoint.network.dim() {
        let names = [&a, &b].map(|scene| scene.checkpoint.network.architecture.to_string());
        return Err(Failure::Usage(format!("{} and {} have no segment between them", names[0], names[1])));
    }
    if a.mode != NormMode::Batch && a.checkpoint.network.channels > 0 {
        return Err(Failure::Usage("between two networks no running statistics hold: give --norm batch".into()));
    }
    let (weights, other) = (a.checkpoint.weights.clone(), &b.checkpoint.weights);
    let (moved, _) = match_channels(&a.checkpoint.network, &weights, other, &b.checkpoint.statistics);
    a.batch = args.measure.batch;
    let loss = a.objective(&args.measure.images.data)?;
    let raw = segment(&*loss, &weights, other, args.points)?;
    let matched = segment(&*loss, &weights, &moved, args.points)?;
    if let Some(path) = &args.svg {
        draw(&figure(&raw, &matched), path)?;
    }
    if common.json {
        print_json(&CompareDocument { schema: 1, command: "net compare", a: a.setting(&args.a), b: b.setting(&args.b), raw, matched })?;
    } else {
        print_text(&format!(
            "loss {:.6} and {:.6}; barrier {:.6}, {:.6} with channels matched\n",
            raw.values[0],
            raw.values[args.points - 1],
            raw.barrier,
            matched.barrier
        ))?;
    }
    Ok(DONE)
}

fn figure(raw: &Segment, matched: &Segment) -> Figure {
    let group = |label: &str, tone, segment: &Segment| {
        let last = (segment.values.len() - 1) as f64;
        let points = segment.values.iter().enumerate().map(|(k, &value)| (k as f64 / last, value)).collect();
        CurveGroup { label: label.into(), tone, curves: vec![Curve::new(label, points)] }
    };
    Figure {
        id: "segment".into(),
        title: "The loss between two networks".into(),
        caption: "Mean cross-entropy on the segment between two networks, as they are and with channels matched.".into(),
        alt: "Line chart of the loss between two networks.".into(),
        kind: Kind::Curves(Curves {
            x: Axis::linear("λ"),
            y: Axis::linear("loss"),
            groups: vec![group("as they are", Tone::Quiet, raw), group("channels matched", Tone::Lead, matched)],
            levels: Vec::new(),
        }),
    }
}
