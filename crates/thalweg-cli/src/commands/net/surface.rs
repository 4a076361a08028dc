//! `thalweg net surface`.

use super::args::SurfaceArgs;
use super::draw;
use super::scene::{Scene, Setting};
use crate::args::Common;
use crate::commands::{print_json, print_text};
use crate::exit::{DONE, Failure};
use serde::Serialize;
use thalweg::geometry::sampled_plane;
use thalweg_lab::figure::{Axis, Figure, Grid, Kind};
use thalweg_net::filter_normalised_directions;

/// What `net surface --json` prints.
#[derive(Serialize)]
struct SurfaceDocument {
    schema: u32,
    command: &'static str,
    seed: u64,
    #[serde(flatten)]
    setting: Setting,
    /// Steps along both directions.
    at: Vec<f64>,
    /// Rows are steps along the first direction.
    values: Vec<Vec<f64>>,
}

pub fn run(args: &SurfaceArgs, common: &Common) -> Result<u8, Failure> {
    if !(args.radius > 0.0 && args.radius.is_finite()) {
        return Err(Failure::Usage("--radius is a positive number".into()));
    }
    let scene = Scene::open(&args.file, &args.measure, common)?;
    let weights = &scene.checkpoint.weights;
    let mut axes = filter_normalised_directions(&scene.checkpoint.network, weights, 2, common.seed);
    axes.iter_mut().flatten().for_each(|x| *x *= args.radius);
    let loss = scene.objective(&args.measure.images.data)?;
    let values = sampled_plane(&*loss, weights, (&axes[0], &axes[1]), args.points)?;
    let step = |k: usize| args.radius * (2.0 * k as f64 / (args.points - 1) as f64 - 1.0);
    let at: Vec<f64> = (0..args.points).map(step).collect();
    if let Some(path) = &args.svg {
        draw(&figure(args, &at, &values), path)?;
    }
    let rows: Vec<Vec<f64>> = values.chunks_exact(args.points).map(<[f64]>::to_vec).collect();
    if common.json {
        print_json(&SurfaceDocument { schema: 1, command: "net surface", seed: common.seed, setting: scene.setting(&args.file), at, values: rows })?;
    } else {
        let (least, most) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), &v| (l.min(v), m.max(v)));
        let middle = values[values.len() / 2];
        print_text(&format!("loss {middle:.6} in the middle, from {least:.6} to {most:.6} on {0} x {0} points\n", args.points))?;
    }
    Ok(DONE)
}

/// The logarithm: the loss at an edge is often a hundred times that in the middle.
fn figure(args: &SurfaceArgs, at: &[f64], values: &[f64]) -> Figure {
    let logs: Vec<f64> = values.iter().map(|v| if *v > 0.0 { v.log10() } else { f64::NAN }).collect();
    let finite = || logs.iter().copied().filter(|v| v.is_finite());
    Figure {
        id: "surface".into(),
        title: format!("The loss around {}", args.file.display()),
        caption: "log₁₀ of the mean cross-entropy at w + a r + b s; each filter of r and s is as long as that of w.".into(),
        alt: "Map of the loss on a plane of two random directions through a network.".into(),
        kind: Kind::Grid(Grid {
            x: Axis::linear("b"),
            y: Axis::linear("a"),
            xs: at.to_vec(),
            ys: at.to_vec(),
            value_kind: "log₁₀ loss".into(),
            range: (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max)),
            values: logs.clone(),
            curves: Vec::new(),
        }),
    }
}
