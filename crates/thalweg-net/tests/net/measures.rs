//! Measures against cases that can be worked out by hand.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use std::ops::ControlFlow;
use thalweg::data::stream;
use thalweg::geometry::{hessian_eigenvalues, mean_of, spectral_density};
use thalweg::linalg::symmetric_eigenvalues;
use thalweg::problem::{BlackBox, Objective};
use thalweg_net::{
    Architecture, ConvexityPlan, Images, Network, NetworkLoss, NormMode, Shape, Standard, Subject, convexity, filter_normalised_directions,
    match_channels, segment, ways_to_end,
};

fn network(name: &str, shape: Shape, classes: usize) -> Network {
    name.parse::<Architecture>().expect("a name").network(shape, classes).expect("a network")
}

fn images(count: usize, shape: Shape, classes: usize) -> Images {
    let mut rng = stream(5, 0);
    let pixels = (0..count * shape.len()).map(|_| rng.random::<u8>()).collect();
    Images::new(shape, classes, pixels, (0..count).map(|k| (k % classes) as u8).collect()).expect("they fit")
}

/// One image, x = 1, of class 1; outputs 0 and s·max(0, u), u = w − 0.795 with w = 1. A direction as long as w, and as s, is ± each. Along it
/// u = λ + 0.205 or 0.205 − λ: the loss ln(1 + e^(−s(1 ± λ)u)) is ln 2 beyond the kink at ∓0.205, bends down there and is convex before it.
#[test]
fn a_kink_ends_the_convex_stretch_and_no_derivative_sees_it() {
    let one = Shape::vector(1);
    let network = network("mlp-1", one, 2);
    let standard = Standard { mean: vec![0.0], scale: vec![1.0] };
    let images = Images::new(one, 2, vec![255], vec![1]).expect("it fits").standardised(standard).expect("one channel");
    let weights = [1.0, -0.795, 0.0, 10.0, 0.0, 0.0];
    let plan = ConvexityPlan { directions: 12, cells: 100, jets: true, seed: 1 };
    let subject = Subject { network: &network, images: &images, mode: &NormMode::Batch, batch: 1 };
    let found = convexity::<f64>(subject, &weights, plan, |_| ControlFlow::Continue(())).expect("a loss");
    for line in &found.lines {
        // the kink lies between cells 20 and 21 of 100, in cell 10 of 50, in cell 5 of 25
        for (stretch, edge) in line.stretches.iter().zip([4.5 / 25.0, 9.5 / 50.0, 19.5 / 100.0]) {
            let near = if stretch.low > -0.5 { -stretch.low } else { stretch.high };
            assert!((near - edge).abs() < 1e-12 && (stretch.length - 0.5 - edge).abs() < 1e-12 && stretch.is_censored, "{stretch:?} {edge}");
        }
        let kinks = line.kinks.expect("asked for");
        assert!(kinks.share < 0.0 && kinks.disagreements >= 1 && kinks.exact.length == 1.0, "{kinks:?}");
    }
    let expected = [0.68, 0.69, 0.695];
    for (resolution, expected) in found.resolutions.iter().zip(expected) {
        assert!((resolution.length.value - expected).abs() < 1e-12 && resolution.length.half_width < 1e-12, "{resolution:?}");
    }
    assert!(convexity::<f64>(subject, &weights, ConvexityPlan { cells: 50, ..plan }, |_| ControlFlow::Continue(())).is_err());
    let cut = convexity::<f64>(subject, &weights, plan, |lines| if lines == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
    assert_eq!(cut.expect("a loss").lines.len(), 3);
}

#[test]
fn the_precisions_differ_by_what_is_told_as_noise() {
    let shape = Shape { height: 3, width: 3, channels: 1 };
    let (network, images) = (network("mlp-9", shape, 3), images(30, shape, 3));
    let weights = network.start(2);
    let plan = ConvexityPlan { directions: 3, cells: 20, ..ConvexityPlan::default() };
    let subject = Subject { network: &network, images: &images, mode: &NormMode::Batch, batch: 30 };
    let double = convexity::<f64>(subject, &weights, plan, |_| ControlFlow::Continue(())).expect("a loss");
    let single = convexity::<f32>(subject, &weights, plan, |_| ControlFlow::Continue(())).expect("a loss");
    assert!(single.noise > 0.0 && single.noise < 1e-6 * single.value && double.noise < 1e-14 * double.value);
    for (a, b) in double.lines.iter().zip(&single.lines) {
        assert!(a.values.iter().zip(&b.values).all(|(a, b)| (a - b).abs() < 10.0 * single.noise));
    }
}

#[test]
fn halved_images_are_means_of_four_pixels() {
    let pixels: Vec<u8> = (0..2 * 3 * 5).map(|k| if k == 2 { 255 } else { k }).collect();
    let images = Images::new(Shape { height: 3, width: 5, channels: 2 }, 2, pixels, vec![1]).expect("it fits").halved();
    assert_eq!((images.shape(), images.labels(0..1)), (Shape { height: 1, width: 2, channels: 2 }, &[1][..]));
    // (0 + 255 + 10 + 12 + 2)/4, (1 + 3 + 11 + 13 + 2)/4, …
    assert_eq!(images.image(0), [69, 7, 10, 11]);
    assert_eq!(images.standard().mean, [39.5 / 255.0, 9.0 / 255.0]);
}

#[test]
fn directions_are_as_long_as_the_filters() {
    let network = network("cnn-3-5", Shape { height: 6, width: 6, channels: 2 }, 4);
    let weights = network.start(1);
    let direction = &filter_normalised_directions(&network, &weights, 1, 9)[0];
    let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    // the first filter, the last row of the classifier, and shifts
    assert!((length(&direction[..18]) - length(&weights[..18])).abs() < 1e-9);
    let fc = network.groups.iter().find(|group| group.name == "fc.weight").expect("a classifier").range.clone();
    let row = fc.end - 5..fc.end;
    assert!((length(&direction[row.clone()]) - length(&weights[row])).abs() < 1e-9);
    assert!(direction[fc.end..].iter().all(|&x| x == 0.0));
    assert_eq!(filter_normalised_directions(&network, &weights, 2, 9)[0], *direction);
}

#[test]
fn eigenvalues_and_trace_are_those_of_the_dense_hessian() {
    let shape = Shape { height: 3, width: 3, channels: 1 };
    let (network, images) = (network("mlp-3", shape, 3), images(12, shape, 3));
    let loss = NetworkLoss::<f64>::new(&network, &images, NormMode::Batch, 12).expect("it fits");
    let (n, x) = (network.dim(), network.start(4));
    let mut dense = vec![0.0; n * n];
    for (j, column) in dense.chunks_exact_mut(n).enumerate() {
        let unit: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i == j))).collect();
        loss.hessian_vec(&x, &unit, column);
    }
    let trace: f64 = (0..n).map(|i| dense[i * n + i]).sum();
    let mut exact = symmetric_eigenvalues(&dense, n).expect("symmetric");
    exact.sort_by(|a, b| b.abs().total_cmp(&a.abs()));
    let found = hessian_eigenvalues(&loss, &x, 3, n, 7).expect("finite");
    for (found, exact) in found.values.iter().zip(&exact) {
        assert!((found - exact).abs() < 1e-9 * exact.abs(), "{found} {exact}");
    }
    let density = spectral_density(&loss, &x, 40, 20, 7).expect("finite");
    let mean = density.mean_of(|value| value);
    assert!((n as f64 * mean.value - trace).abs() < 1.5 * n as f64 * mean.half_width, "{mean:?} {trace}");
}

/// Lengths of 25 lines, some of them cut at 1: the interval covers the mean in 93 to 97 of 100 cases.
#[test]
fn intervals_cover() {
    let mut rng = stream(11, 0);
    let mut draw = || -> f64 { (0.55 + 0.2 * Distribution::<f64>::sample(&StandardNormal, &mut rng)).clamp(0.0, 1.0) };
    let truth = (0..400_000).map(|_| draw()).sum::<f64>() / 400_000.0;
    let covered = (0..4000)
        .filter(|_| {
            let lengths: Vec<f64> = (0..25).map(|_| draw()).collect();
            let mean = mean_of(&lengths, 0);
            (mean.value - truth).abs() <= mean.half_width
        })
        .count();
    assert!((3720..=3880).contains(&covered), "{covered} of 4000");
}

#[test]
fn matched_channels_leave_no_barrier_between_a_network_and_its_permutation() {
    let shape = Shape { height: 8, width: 8, channels: 2 };
    let images = images(12, shape, 4);
    for name in ["cnn-6-8", "mlp-7-5", "resnet8-b", "resnet8-plain", "resnet8"] {
        let network = network(name, shape, 4);
        let (weights, other) = (network.start(1), network.start(2));
        let statistics = network.unit_statistics();
        // towards another network: another order of the same channels
        let (moved, moved_statistics) = match_channels(&network, &other, &weights, &statistics);
        assert!(moved != weights, "{name}");
        let loss = NetworkLoss::<f64>::new(&network, &images, NormMode::Batch, 12).expect("it fits");
        assert!((loss.value(&moved) - loss.value(&weights)).abs() < 1e-10, "{name}: the same function");
        let (back, _) = match_channels(&network, &weights, &moved, &moved_statistics);
        let (raw, matched) = (segment(&loss, &weights, &moved, 7).expect("points"), segment(&loss, &weights, &back, 7).expect("points"));
        assert!(matched.barrier < 1e-10 && raw.values.len() == 7, "{name}: {matched:?}");
        assert!(name == "resnet8" || back == weights, "{name}");
    }
}

/// x₀²/2 + x₁² − x₁⁴ towards 0: a bowl along x₀; along x₁ the mean slope from 0, μ − μ³ at x₁ = 1, falls from μ = 1/√3 on.
#[test]
fn ways_to_the_end_of_a_path() -> Result<(), thalweg::Error> {
    let value = |x: &[f64]| 0.5 * x[0] * x[0] + x[1] * x[1] - x[1].powi(4);
    let loss = BlackBox::new(2, &value, None);
    let ways = ways_to_end(&loss, &[vec![2.0, 0.0], vec![0.0, 1.0], vec![0.0, 0.0]], 5)?;
    let near = |found: Option<f64>, expected: f64| assert!(found.is_some_and(|found| (found - expected).abs() < 1e-4), "{found:?} {expected}");
    near(ways[0].cosine, 1.0);
    near(ways[0].curvature, 1.0);
    // g(μ) = 2μ rises by a half from sample to sample
    assert!((ways[0].star_margin - 0.5).abs() < 1e-12 && ways[0].distance == 2.0 && ways[0].segment.barrier == 0.0);
    // at (0, 1) the gradient is (0, −2), the way left (0, −1), the chord (−2, 0)
    near(ways[1].cosine, -1.0);
    near(ways[1].cosine_to_chord, 0.0);
    near(ways[1].curvature, -10.0);
    let g = |mu: f64| mu - mu.powi(3);
    assert!((ways[1].star_margin - (g(1.0) - g(0.75))).abs() < 1e-12 && (ways[1].segment.barrier - 0.246_093_75).abs() < 1e-12);
    assert_eq!((ways[2].cosine, ways[2].curvature), (None, None));
    assert!(ways_to_end(&loss, &[vec![0.0; 2]], 5).is_err() && ways_to_end(&loss, &[vec![0.0; 2], vec![1.0; 2]], 2).is_err());
    Ok(())
}
