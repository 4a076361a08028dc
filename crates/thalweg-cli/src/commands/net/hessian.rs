//! `thalweg net hessian`.

use super::args::HessianArgs;
use super::scene::{Scene, Setting};
use crate::args::Common;
use crate::commands::{print_json, print_text};
use crate::exit::{DONE, Failure};
use serde::Serialize;
use thalweg::geometry::{Eigenvalues, Estimate, SpectralDensity, hessian_eigenvalues, spectral_density};

/// What `net hessian --json` prints.
#[derive(Serialize)]
struct HessianDocument {
    schema: u32,
    command: &'static str,
    #[serde(flatten)]
    setting: Setting,
    eigenvalues: Eigenvalues,
    /// Σ λ.
    trace: Estimate,
    /// Σ λ².
    squares: Estimate,
    density: SpectralDensity,
}

pub fn run(args: &HessianArgs, common: &Common) -> Result<u8, Failure> {
    let scene = Scene::open(&args.file, &args.measure, common)?;
    let loss = scene.objective(&args.measure.images.data)?;
    let weights = &scene.checkpoint.weights;
    let eigenvalues = hessian_eigenvalues(&*loss, weights, args.top, args.products, common.seed)?;
    let density = spectral_density(&*loss, weights, args.starts, args.products, common.seed)?;
    let count = weights.len() as f64;
    let sum = |power: i32| {
        let mean = density.mean_of(|value| value.powi(power));
        Estimate { value: count * mean.value, half_width: count * mean.half_width, ..mean }
    };
    let (trace, squares) = (sum(1), sum(2));
    if common.json {
        let setting = scene.setting(&args.file);
        print_json(&HessianDocument { schema: 1, command: "net hessian", setting, eigenvalues, trace, squares, density })?;
    } else {
        let values: String =
            eigenvalues.values.iter().zip(&eigenvalues.residuals).map(|(value, r)| format!("eigenvalue  {value:.5e} within {r:.1e}\n")).collect();
        print_text(&format!(
            "{values}trace       {:.5e} ± {:.1e} (95 %)\nsquares     {:.5e} ± {:.1e} (95 %)\n",
            trace.value, trace.half_width, squares.value, squares.half_width
        ))?;
    }
    Ok(DONE)
}
