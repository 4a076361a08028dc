//! `thalweg net train`.

use super::args::TrainArgs;
use crate::args::{Common, PrecisionArg};
use crate::commands::{print_json, print_text};
use crate::exit::{DONE, Failure, LIMIT, NOT_ESTABLISHED};
use crate::progress::TrialBar;
use crate::signals::Interrupt;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use thalweg::data::write_atomically;
use thalweg::linalg::Real;
use thalweg_net::{Checkpoint, Images, NetworkLoss, NormMode, Score, Trainer, Training, read_images};

/// What `net train --json` prints.
#[derive(Serialize)]
struct TrainDocument {
    schema: u32,
    command: &'static str,
    status: &'static str,
    network: String,
    parameters: usize,
    images: usize,
    test_images: usize,
    epochs: usize,
    steps: u64,
    /// In the last epoch, on images as they were shifted.
    train: Option<Score>,
    test: Option<Score>,
    seconds: f64,
    checkpoint: PathBuf,
}

/// One line of `history.csv`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Row {
    epoch: usize,
    rate: f64,
    train: Score,
    test: Option<Score>,
}

pub fn run(args: &TrainArgs, common: &Common) -> Result<u8, Failure> {
    match args.precision {
        PrecisionArg::F32 => train::<f32>(args, common),
        PrecisionArg::F64 => train::<f64>(args, common),
    }
}

/// Images of the training and of the test.
fn images(args: &TrainArgs, common: &Common) -> Result<(Images, Images), Failure> {
    if !(0.0..1.0).contains(&args.holdout) {
        return Err(Failure::Usage("--holdout is a part of the images: 0 or more, below 1".into()));
    }
    let read = |path: &Path, part: Option<&str>| read_images(path, part, common.max_memory);
    let all = read(&args.images.data, args.images.part.as_deref())?.shuffled();
    let Some(test) = &args.test else {
        let kept = (args.holdout * all.count() as f64).round() as usize;
        let first = all.count() - kept;
        return Ok(all.split(first));
    };
    let part = if *test == args.images.data { Some("test") } else { None };
    let standard = all.standard().clone();
    let test_images = read(test, part)?.standardised(standard).map_err(|error| Failure::about(test, error))?;
    Ok((all, test_images))
}

fn train<T: Real>(args: &TrainArgs, common: &Common) -> Result<u8, Failure> {
    let training = Training {
        epochs: args.epochs,
        batch: args.batch,
        rate: args.rate,
        momentum: args.momentum,
        weight_decay: args.weight_decay,
        augment: !args.no_augment,
        seed: common.seed,
    };
    let (images, test) = images(args, common)?;
    let network = args.network.network(images.shape(), images.classes())?;
    let dir = common.output.clone().unwrap_or_else(|| PathBuf::from(format!("thalweg-{}", args.network)));
    std::fs::create_dir_all(&dir).map_err(|source| Failure::Output(thalweg::Error::Io { path: dir.clone(), source }))?;
    let last = dir.join("last.safetensors");
    let mut trainer = if last.exists() {
        let kept = Checkpoint::read(&last, None, common.max_memory)?;
        if kept.network.architecture != args.network || kept.network.input != images.shape() {
            return Err(Failure::Usage(format!("{} is another network: {}", last.display(), kept.network.architecture)));
        }
        Trainer::<T>::resume(kept, &images, training)?
    } else {
        Trainer::<T>::new(network.clone(), &images, training)?
    };
    let mut history = read_history(&dir, trainer.position().epoch)?;
    let keep = |trainer: &Trainer<'_, T>, name: &str| trainer.checkpoint(false).write(&dir.join(name)).map_err(Failure::Output);
    if args.keep.contains(&0) && trainer.position().steps == 0 {
        keep(&trainer, "epoch-0.safetensors")?;
    }
    let (begin, interrupt, bar) = (Instant::now(), Interrupt::listen(), TrialBar::new(common.quiet));
    let is_over = || common.max_time.is_some_and(|limit| begin.elapsed() >= Duration::from_secs_f64(limit));
    let steps_of_epoch = images.count().div_ceil(training.batch);
    let mut status = "done";
    while !trainer.is_done() {
        if interrupt.flag.load(Ordering::Relaxed) || is_over() {
            status = if is_over() { "time_limit" } else { "stopped" };
            break;
        }
        let rate = training.rate_in(trainer.position().epoch);
        let ends = trainer.step();
        bar.observe(trainer.position().steps as usize, steps_of_epoch * training.epochs);
        let score = trainer.position().score();
        if !score.loss.is_finite() {
            status = "breakdown";
            break;
        }
        if ends {
            let epoch = trainer.position().epoch;
            let row = Row { epoch, rate, train: score, test: test_score(&trainer, &test)? };
            common.detail(format_args!("epoch {epoch}: {}", in_words(&row)));
            history.push(row);
            write_history(&dir, &history)?;
            if args.keep.contains(&epoch) {
                keep(&trainer, &format!("epoch-{epoch}.safetensors"))?;
            }
            trainer.checkpoint(true).write(&last).map_err(Failure::Output)?;
        }
    }
    bar.finish();
    if status == "time_limit" || status == "stopped" {
        trainer.checkpoint(true).write(&last).map_err(Failure::Output)?;
    }
    let checkpoint = if status == "done" { dir.join("final.safetensors") } else { last };
    if status == "done" {
        keep(&trainer, "final.safetensors")?;
    }
    let row = history.last().copied();
    let document = TrainDocument {
        schema: 1,
        command: "net train",
        status,
        network: args.network.to_string(),
        parameters: network.dim(),
        images: images.count(),
        test_images: test.count(),
        epochs: trainer.position().epoch,
        steps: trainer.position().steps,
        train: row.map(|row| row.train),
        test: row.and_then(|row| row.test),
        seconds: begin.elapsed().as_secs_f64(),
        checkpoint,
    };
    if common.json {
        print_json(&document)?;
    } else {
        let last = row.map_or_else(|| "no epoch is complete".to_owned(), |row| in_words(&row));
        print_text(&format!("{status} after {} epochs: {last}; {}\n", document.epochs, document.checkpoint.display()))?;
    }
    Ok(match status {
        "done" => DONE,
        "breakdown" => NOT_ESTABLISHED,
        _ => interrupt.exit_code().unwrap_or(LIMIT),
    })
}

fn in_words(row: &Row) -> String {
    let test = row.test.map_or(String::new(), |test| format!(", test loss {:.4}, accuracy {:.4}", test.loss, test.accuracy));
    format!("training loss {:.4}, accuracy {:.4}{test}", row.train.loss, row.train.accuracy)
}

fn test_score<T: Real>(trainer: &Trainer<'_, T>, test: &Images) -> Result<Option<Score>, Failure> {
    if test.count() == 0 {
        return Ok(None);
    }
    let Checkpoint { network, weights, statistics, .. } = trainer.checkpoint(false);
    Ok(Some(NetworkLoss::<T>::new(&network, test, NormMode::Eval(statistics), 256)?.score(&weights)))
}

const HEADER: &str = "epoch,rate,train_loss,train_accuracy,test_loss,test_accuracy";

/// The lines of epochs that are part of the training.
fn read_history(dir: &Path, epochs: usize) -> Result<Vec<Row>, Failure> {
    let Ok(text) = std::fs::read_to_string(dir.join("history.csv")) else { return Ok(Vec::new()) };
    let row = |line: &str| {
        let numbers: Vec<Option<f64>> = line.split(',').map(|word| word.parse().ok()).collect();
        let [epoch, rate, train_loss, train_accuracy, test_loss, test_accuracy] = numbers[..] else { return None };
        let test = test_loss.zip(test_accuracy).map(|(loss, accuracy)| Score { loss, accuracy });
        Some(Row { epoch: epoch? as usize, rate: rate?, train: Score { loss: train_loss?, accuracy: train_accuracy? }, test })
    };
    Ok(text.lines().filter_map(row).filter(|row| row.epoch <= epochs).collect())
}

fn write_history(dir: &Path, rows: &[Row]) -> Result<(), Failure> {
    let line = |row: &Row| {
        let test = row.test.map_or(",".to_owned(), |test| format!("{:?},{:?}", test.loss, test.accuracy));
        format!("{},{:?},{:?},{:?},{test}\n", row.epoch, row.rate, row.train.loss, row.train.accuracy)
    };
    let text = format!("{HEADER}\n{}", rows.iter().map(line).collect::<String>());
    write_atomically(&dir.join("history.csv"), |out| std::io::Write::write_all(out, text.as_bytes())).map_err(Failure::Output)
}
