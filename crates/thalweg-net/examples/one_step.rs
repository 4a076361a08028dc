//! One step of training, for comparison with another program, and the time of several.
//!
//!     one_step WEIGHTS IMAGES OUT [STEPS] [NETWORK]
//!
//! Reads weights (safetensors) and images (as `net train --data`), takes one step on all images together, writes the gradient's effect to OUT,
//! and prints the loss and the seconds of further steps.

use std::path::Path;
use std::time::Instant;
use thalweg_net::{Checkpoint, Description, Trainer, Training, read_images};

fn main() -> Result<(), thalweg::Error> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [weights, images, out, rest @ ..] = &words[..] else { panic!("one_step WEIGHTS IMAGES OUT [STEPS] [NETWORK]") };
    let images = read_images(Path::new(images), None, 1 << 30)?;
    let shape = images.shape();
    let given = rest.get(1).map(|name| {
        Ok::<_, thalweg::Error>(Description {
            network: name.parse()?,
            input: [shape.height, shape.width, shape.channels],
            classes: images.classes(),
            standard: None,
            steps: None,
            training: None,
        })
    });
    let checkpoint = Checkpoint::read(Path::new(weights), given.transpose()?, 1 << 30)?;
    let training = Training { epochs: 1 << 20, batch: images.count(), augment: false, ..Training::default() };
    let mut trainer = Trainer::<f32>::from(checkpoint, &images, training)?;
    trainer.step();
    let score = trainer.position().score();
    trainer.checkpoint(false).write(Path::new(out))?;
    println!("loss {:.9} accuracy {:.6}", score.loss, score.accuracy);
    for _ in 0..rest.first().and_then(|n| n.parse().ok()).unwrap_or(0) {
        let begin = Instant::now();
        trainer.step();
        println!("step {:.4} s", begin.elapsed().as_secs_f64());
    }
    Ok(())
}
