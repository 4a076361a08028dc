//! One step of training, for comparison with another program, and the time of several.
//!
//!     one_step WEIGHTS IMAGES OUT f32|f64 [STEPS]
//!
//! Reads weights (safetensors) and images (as `net train --data`), takes one step on all images together, writes the weights to OUT, and prints
//! the loss and the seconds of further steps.

use std::path::Path;
use std::time::Instant;
use thalweg::linalg::Real;
use thalweg_net::{Checkpoint, Precision, Trainer, Training, read_images};

fn main() -> Result<(), thalweg::Error> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [weights, images, out, precision, rest @ ..] = &words[..] else { panic!("one_step WEIGHTS IMAGES OUT f32|f64 [STEPS]") };
    let steps = rest.first().and_then(|n| n.parse().ok()).unwrap_or(0);
    let paths = [weights, images, out].map(Path::new);
    match precision.as_str() {
        "f64" => take::<f64>(paths, Precision::F64, steps),
        _ => take::<f32>(paths, Precision::F32, steps),
    }
}

fn take<T: Real>([weights, images, out]: [&Path; 3], precision: Precision, steps: usize) -> Result<(), thalweg::Error> {
    let images = read_images(images, None, 1 << 30)?;
    let start = Checkpoint::read(weights, None, 1 << 30)?;
    let training = Training { epochs: 1 << 20, batch: images.count(), augment: false, ..Training::default() };
    let mut trainer = Trainer::<T>::from(start, &images, training)?;
    trainer.step();
    let score = trainer.position().score();
    Checkpoint { precision, ..trainer.checkpoint(false) }.write(out)?;
    println!("loss {:.15} accuracy {:.6}", score.loss, score.accuracy);
    for _ in 0..steps {
        let begin = Instant::now();
        trainer.step();
        println!("step {:.4} s", begin.elapsed().as_secs_f64());
    }
    Ok(())
}
