//! Derivatives of every kind of network: gradient, Hessian-vector product and jet against each other and against differences, and the same
//! bits on any number of threads.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use thalweg::data::stream;
use thalweg::problem::Objective;
use thalweg_net::{Architecture, Images, Network, NetworkLoss, NormMode, Shape};

const NETWORKS: [&str; 6] = ["resnet8", "resnet8-b", "resnet8-plain", "resnet14x2", "mlp-7-6", "cnn-4-6"];

fn images(count: usize, shape: Shape, classes: usize) -> Images {
    let mut rng = stream(5, 0);
    let pixels = (0..count * shape.len()).map(|_| rng.random::<u8>()).collect();
    let labels = (0..count).map(|k| (k % classes) as u8).collect();
    Images::new(shape, classes, pixels, labels).expect("they fit")
}

fn small() -> Shape {
    Shape { height: 8, width: 7, channels: 2 }
}

fn network(name: &str) -> Network {
    name.parse::<Architecture>().expect("a name").network(small(), 4).expect("a network")
}

fn drawn(count: usize, seed: u64) -> Vec<f64> {
    StandardNormal.sample_iter(stream(seed, 1)).take(count).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn moved(x: &[f64], t: f64, d: &[f64]) -> Vec<f64> {
    x.iter().zip(d).map(|(x, d)| x + t * d).collect()
}

/// Each network in both modes, at a point that is not its start.
fn each(check: impl Fn(&str, &NetworkLoss<'_, f64>, &[f64])) {
    let images = images(10, small(), 4);
    for name in NETWORKS {
        let network = network(name);
        let point = moved(&network.start(3), 0.05, &drawn(network.dim(), 4));
        let batch = NetworkLoss::<f64>::new(&network, &images, NormMode::Batch, 6).expect("it fits");
        let mut statistics = batch.batch_statistics(&point);
        statistics.mean.iter_mut().zip(drawn(network.channels, 8)).for_each(|(m, d)| *m += 0.1 * d);
        let eval = NetworkLoss::<f64>::new(&network, &images, NormMode::Eval(statistics), 6).expect("it fits");
        check(&format!("{name}, batch"), &batch, &point);
        check(&format!("{name}, eval"), &eval, &point);
    }
}

#[test]
fn gradients_are_slopes() {
    each(|name, loss, x| {
        let mut gradient = vec![0.0; loss.dim()];
        let value = loss.gradient(x, &mut gradient);
        assert_eq!(value, loss.value(x), "{name}");
        for seed in 0..3 {
            let d = drawn(loss.dim(), 20 + seed);
            let h = 1e-7;
            let slope = (loss.value(&moved(x, h, &d)) - loss.value(&moved(x, -h, &d))) / (2.0 * h);
            let exact = dot(&gradient, &d);
            let jet = loss.jet(x, &d);
            assert!((slope - exact).abs() < 2e-5 * (1.0 + exact.abs()), "{name}: {slope} {exact}");
            assert!((jet.slope - exact).abs() < 1e-11 * (1.0 + exact.abs()) && (jet.value - value).abs() < 1e-13 * value, "{name}: {jet:?} {exact}");
        }
    });
}

#[test]
fn hessians_are_symmetric_and_jets_are_their_forms() {
    each(|name, loss, x| {
        let (u, v) = (drawn(loss.dim(), 30), drawn(loss.dim(), 31));
        let (mut hu, mut hv) = (vec![0.0; loss.dim()], vec![0.0; loss.dim()]);
        loss.hessian_vec(x, &u, &mut hu);
        loss.hessian_vec(x, &v, &mut hv);
        let (scale, symmetry) = (dot(&hu, &hu).sqrt() * dot(&v, &v).sqrt(), dot(&hu, &v) - dot(&u, &hv));
        assert!(symmetry.abs() < 1e-12 * scale, "{name}: {symmetry} of {scale}");
        let (form, jet) = (dot(&u, &hu), loss.jet(x, &u));
        assert!((form - jet.curvature).abs() < 1e-11 * scale, "{name}: {form} {jet:?}");
        // a gradient changes as the Hessian says, but for kinks between the two points
        let h = 1e-8;
        let (mut above, mut below) = (vec![0.0; loss.dim()], vec![0.0; loss.dim()]);
        loss.gradient(&moved(x, h, &u), &mut above);
        loss.gradient(&moved(x, -h, &u), &mut below);
        let apart: Vec<f64> = above.iter().zip(&below).zip(&hu).map(|((a, b), h2)| (a - b) / (2.0 * h) - h2).collect();
        assert!(dot(&apart, &apart).sqrt() < 1e-4 * dot(&hu, &hu).sqrt(), "{name}: {} of {}", dot(&apart, &apart).sqrt(), dot(&hu, &hu).sqrt());
    });
}

/// All columns, of a network small enough.
#[test]
fn the_dense_hessian_of_a_small_network() {
    let shape = Shape { height: 2, width: 2, channels: 1 };
    let images = images(9, shape, 3);
    let network = "mlp-4".parse::<Architecture>().expect("a name").network(shape, 3).expect("a network");
    let loss = NetworkLoss::<f64>::new(&network, &images, NormMode::Batch, 9).expect("it fits");
    let (n, x) = (network.dim(), network.start(1));
    let h = 1e-6;
    for j in 0..n {
        let unit: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i == j))).collect();
        let (mut column, mut above, mut below) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        loss.hessian_vec(&x, &unit, &mut column);
        loss.gradient(&moved(&x, h, &unit), &mut above);
        loss.gradient(&moved(&x, -h, &unit), &mut below);
        for i in 0..n {
            let difference = (above[i] - below[i]) / (2.0 * h);
            assert!((column[i] - difference).abs() < 1e-8, "entry {i}, {j}: {} {difference}", column[i]);
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads_nor_on_the_batch_in_evaluation() {
    let images = images(21, small(), 4);
    let network = network("resnet8-b");
    let (x, d) = (network.start(3), drawn(network.dim(), 40));
    let run = |threads: usize, mode: NormMode, batch: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let loss = NetworkLoss::<f32>::new(&network, &images, mode, batch).expect("it fits");
            let (mut gradient, mut product) = (vec![0.0; loss.dim()], vec![0.0; loss.dim()]);
            let value = loss.gradient(&x, &mut gradient);
            loss.hessian_vec(&x, &d, &mut product);
            (value.to_bits(), loss.jet(&x, &d).curvature.to_bits(), gradient, product)
        })
    };
    let eval = || NormMode::Eval(network.unit_statistics());
    for mode in [&(|| NormMode::Batch) as &dyn Fn() -> NormMode, &eval] {
        let one = run(1, mode(), 21);
        assert!(one == run(2, mode(), 21) && one == run(4, mode(), 21));
    }
    let value = |batch| NetworkLoss::<f32>::new(&network, &images, eval(), batch).expect("it fits").value(&x);
    assert!((value(21) - value(5)).abs() <= 4.0 * f64::EPSILON * value(5), "only the order of the sum over images changes");
}

#[test]
fn both_precisions_agree() {
    let images = images(12, small(), 4);
    for name in NETWORKS {
        let network = network(name);
        let (x, d) = (network.start(3), drawn(network.dim(), 50));
        let double = NetworkLoss::<f64>::new(&network, &images, NormMode::Batch, 12).expect("it fits").jet(&x, &d);
        let single = NetworkLoss::<f32>::new(&network, &images, NormMode::Batch, 12).expect("it fits").jet(&x, &d);
        assert!((double.value - single.value).abs() < 1e-5 * double.value, "{name}: {double:?} {single:?}");
        assert!((double.slope - single.slope).abs() < 1e-2 * (double.slope.abs() + 1.0), "{name}: {double:?} {single:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let network = network("cnn-4");
    let other = images(3, Shape { height: 4, width: 4, channels: 2 }, 4);
    assert!(NetworkLoss::<f32>::new(&network, &other, NormMode::Batch, 3).is_err());
    let fits = images(3, small(), 4);
    assert!(NetworkLoss::<f32>::new(&network, &fits, NormMode::Batch, 0).is_err());
    assert!(NetworkLoss::<f32>::new(&network, &images(5, small(), 5), NormMode::Batch, 3).is_err());
    let fewer = thalweg_net::Statistics { mean: vec![0.0], variance: vec![1.0] };
    assert!(NetworkLoss::<f32>::new(&network, &fits, NormMode::Eval(fewer), 3).is_err());
}
