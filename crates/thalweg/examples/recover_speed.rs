//! Times recoveries: `recover_speed KIND FILE nuclear|flat [REPEATS [RADIUS]]` prints one JSON record: processor seconds of this thread for
//! solving and for verifying, and what came out. With a radius, b is met within that ball.
//!
//! Seconds are means of at least so many runs and half a second: the clock of a thread may move in steps of milliseconds.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};
use thalweg::certificate::recovery::{leading_factors, objective, verify};
use thalweg::data::{INSTANCE_KINDS, ReadOptions, read_instance};
use thalweg::map::map_of;
use thalweg::problem::{Fidelity, Norm, Recovery};
use thalweg::solver::Stop;
use thalweg::solver::convex::{RECOVERY_TOLERANCE, recover};

fn main() -> Result<(), thalweg::Error> {
    let words: Vec<String> = std::env::args().collect();
    let kind = INSTANCE_KINDS.iter().find(|(_, name)| *name == words[1]).expect("a kind of instance").0;
    let instance = read_instance(Path::new(&words[2]), kind, &ReadOptions::default())?;
    let norm = if words[3] == "flat" { Norm::Flat } else { Norm::Nuclear };
    let repeats = words.get(4).map_or(5, |word| word.parse().expect("a number"));
    let fidelity = match words.get(5) {
        Some(word) => Fidelity::Ball { radius: word.parse().expect("a number") },
        None => Fidelity::Exact,
    };
    let map = map_of(&instance)?;
    let (mut solving, mut proving, mut runs) = (0.0, 0.0, 0);
    let mut record = serde_json::Value::Null;
    let start = Instant::now();
    while runs < repeats || start.elapsed() < LEAST {
        let begin = thread_seconds();
        let problem = Recovery::new(&*map, &instance.b, norm)?.with_fidelity(fidelity)?;
        let stop = Stop { max_iters: 5000, max_time: None, tol: RECOVERY_TOLERANCE };
        let found = recover(&problem, &stop, &mut |_, _| ControlFlow::Continue(()))?;
        let solved = thread_seconds();
        let factors = leading_factors(&found.x, map.shape(), found.rank).expect("the decomposition ends");
        let verdict = verify(&problem, &factors, &found.multiplier)?;
        proving += thread_seconds() - solved;
        solving += solved - begin;
        runs += 1;
        let error = instance.truth.as_ref().map(|truth| {
            let distance: f64 = truth.iter().zip(&found.x).map(|(t, x)| (t - x) * (t - x)).sum();
            (distance / truth.iter().map(|t| t * t).sum::<f64>()).sqrt()
        });
        record = serde_json::json!({
            "file": words[2], "norm": words[3], "status": found.status, "iterations": found.iterations, "rank": found.rank,
            "relative_error": error, "objective": objective(&problem, &found.x), "verdict": verdict, "solve_seconds": solving / f64::from(runs), "verify_seconds": proving / f64::from(runs),
        });
    }
    println!("{record}");
    Ok(())
}

const LEAST: Duration = Duration::from_millis(500);

/// Processor time of this thread, where Linux tells; the clock elsewhere.
fn thread_seconds() -> f64 {
    let of_thread = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    match of_thread.and_then(|text| text.split(' ').next()?.parse::<f64>().ok()) {
        Some(nanoseconds) => nanoseconds * 1e-9,
        None => std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |t| t.as_secs_f64()),
    }
}
