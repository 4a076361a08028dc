//! Training: it learns, goes on where it stood, and gives the same bits on any number of threads.

use thalweg::data::stream;
use thalweg_net::{Architecture, Checkpoint, Images, NetworkLoss, NormMode, Shape, Trainer, Training};

const SHAPE: Shape = Shape { height: 8, width: 8, channels: 3 };

/// Four classes: a bright quarter each, with noise.
fn quarters(count: usize) -> Images {
    let mut rng = stream(2, 0);
    let mut pixels = Vec::new();
    for image in 0..count {
        for at in 0..SHAPE.len() {
            let (row, column) = (at / SHAPE.channels / SHAPE.width, at / SHAPE.channels % SHAPE.width);
            let quarter = 2 * (row / 4) + column / 4;
            let noise = rand::RngExt::random_range(&mut rng, 0..60u8);
            pixels.push(if quarter == image % 4 { 150 + noise } else { 80 + noise });
        }
    }
    Images::new(SHAPE, 4, pixels, (0..count).map(|image| (image % 4) as u8).collect()).expect("they fit")
}

fn training() -> Training {
    Training { epochs: 4, batch: 16, rate: 0.05, augment: false, seed: 3, ..Training::default() }
}

fn weights(trainer: &Trainer<'_, f32>) -> Vec<u64> {
    let Checkpoint { weights, statistics, velocity, .. } = trainer.checkpoint(true);
    let all = [weights, statistics.mean, statistics.variance, velocity.expect("it goes on")].concat();
    all.into_iter().map(f64::to_bits).collect()
}

#[test]
fn residual_networks_learn() {
    let images = quarters(80);
    for name in ["resnet8", "mlp-12", "cnn-8-8"] {
        let network = name.parse::<Architecture>().expect("a name").network(SHAPE, 4).expect("a network");
        let mut trainer = Trainer::<f32>::new(network, &images, Training { epochs: 8, ..training() }).expect("settings");
        while !trainer.is_done() {
            trainer.step();
        }
        let Checkpoint { network, weights, statistics, .. } = trainer.checkpoint(false);
        let score = NetworkLoss::<f32>::new(&network, &images, NormMode::Eval(statistics), 40).expect("it fits").score(&weights);
        assert!(score.accuracy > 0.9, "{name}: {score:?}");
    }
}

#[test]
fn a_training_that_was_cut_gives_the_bits_of_one_that_was_not() {
    let images = quarters(56);
    let network = || "resnet8".parse::<Architecture>().expect("a name").network(SHAPE, 4).expect("a network");
    let training = Training { augment: true, ..training() };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let whole = pool(1).install(|| {
        let mut trainer = Trainer::<f32>::new(network(), &images, training).expect("settings");
        (0..7).for_each(|_| {
            trainer.step();
        });
        weights(&trainer)
    });
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("last.safetensors");
    let mut trainer = Trainer::<f32>::new(network(), &images, training).expect("settings");
    // in the middle of an epoch and at its end
    for steps in [2, 2, 3] {
        pool(3).install(|| {
            (0..steps).for_each(|_| {
                trainer.step();
            })
        });
        trainer.checkpoint(true).write(&path).expect("writes");
        trainer = Trainer::resume(Checkpoint::read(&path, None, 1 << 30).expect("reads"), &images, training).expect("the same training");
    }
    assert!(weights(&trainer) == whole);
    let kept = || Checkpoint::read(&path, None, 1 << 30).expect("reads");
    assert!(Trainer::<f32>::resume(kept(), &images, Training { seed: 4, ..training }).is_err(), "another training");
    assert!(Trainer::<f64>::resume(kept(), &images, training).is_err(), "another precision");
    trainer.checkpoint(false).write(&path).expect("writes");
    assert!(Trainer::<f32>::resume(kept(), &images, training).is_err(), "nothing is kept of the training");
}

#[test]
fn rates_are_cut_where_the_paper_cuts_them() {
    let training = Training::default();
    let cuts: Vec<usize> = (1..300).filter(|&epoch| training.rate_in(epoch) < 0.5 * training.rate_in(epoch - 1)).collect();
    assert_eq!(cuts, [150, 225, 275]);
    assert!((training.rate_in(299) - 1e-4).abs() < 1e-15);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let images = quarters(4);
    let network = || "cnn-2".parse::<Architecture>().expect("a name").network(SHAPE, 4).expect("a network");
    for training in [
        Training { batch: 1, ..training() },
        Training { rate: f64::NAN, ..training() },
        Training { momentum: 1.0, ..training() },
        Training { weight_decay: -1.0, ..training() },
    ] {
        assert!(matches!(Trainer::<f32>::new(network(), &images, training), Err(thalweg::Error::Parameter { .. })), "{training:?}");
    }
}

/// What a file must not hold: too few numbers, numbers that are none, no description.
#[test]
fn damaged_checkpoints_are_refused() {
    let images = quarters(8);
    let network = "cnn-2".parse::<Architecture>().expect("a name").network(SHAPE, 4).expect("a network");
    let trainer = Trainer::<f32>::new(network, &images, training()).expect("settings");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.safetensors");
    trainer.checkpoint(false).write(&path).expect("writes");
    let whole = thalweg_net::SafeTensors::read(&path, 1 << 30).expect("reads");
    let refused = |change: &dyn Fn(&mut thalweg_net::SafeTensors)| {
        let mut file = whole.clone();
        change(&mut file);
        file.write(&path).expect("writes");
        assert!(matches!(Checkpoint::read(&path, None, 1 << 30), Err(thalweg::Error::Malformed { .. } | thalweg::Error::Parameter { .. })));
    };
    refused(&|file| drop(file.arrays.remove("fc.bias")));
    refused(&|file| drop(file.metadata.remove("thalweg")));
    refused(&|file| file.arrays.get_mut("bn1.running_mean").expect("it is there").values[0] = f64::NAN);
    refused(&|file| drop(file.metadata.insert("thalweg".into(), "{\"network\":\"resnet20\",\"input\":[32,32,3],\"classes\":10}".into())));
    refused(&|file| drop(file.metadata.insert("thalweg".into(), "{\"network\":\"cnn-2\",\"input\":[99999999,9999999,3],\"classes\":4}".into())));
}
