//! Times recoveries: `recover_speed KIND FILE nuclear|flat [REPEATS]` prints the best of several CPU-bound runs, and the error.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;
use thalweg::data::{INSTANCE_KINDS, ReadOptions, read_instance};
use thalweg::map::map_of;
use thalweg::problem::{Norm, Recovery};
use thalweg::solver::Stop;
use thalweg::solver::convex::{RECOVERY_TOLERANCE, recover};

fn main() -> Result<(), thalweg::Error> {
    let words: Vec<String> = std::env::args().collect();
    let kind = INSTANCE_KINDS.iter().find(|(_, name)| *name == words[1]).expect("a kind of instance").0;
    let instance = read_instance(Path::new(&words[2]), kind, &ReadOptions::default())?;
    let norm = if words[3] == "flat" { Norm::Flat } else { Norm::Nuclear };
    let repeats = words.get(4).map_or(5, |word| word.parse().expect("a number"));
    let map = map_of(&instance)?;
    let mut best = f64::INFINITY;
    let mut line = String::new();
    for _ in 0..repeats {
        let begin = Instant::now();
        let problem = Recovery::new(&*map, &instance.b, norm)?;
        let stop = Stop { max_iters: 5000, max_time: None, tol: RECOVERY_TOLERANCE };
        let found = recover(&problem, &stop, &mut |_, _| ControlFlow::Continue(()))?;
        best = best.min(begin.elapsed().as_secs_f64());
        let error = instance.truth.as_ref().map_or(f64::NAN, |truth| {
            let distance: f64 = truth.iter().zip(&found.x).map(|(t, x)| (t - x) * (t - x)).sum();
            (distance / truth.iter().map(|t| t * t).sum::<f64>()).sqrt()
        });
        line = format!("{:?} iterations {} rank {} error {error:.1e}", found.status, found.iterations, found.rank);
    }
    println!("{} {} {line} seconds {best:.4}", words[2], words[3]);
    Ok(())
}
