//! Random valid settings on difficult data: every fit ends in time, with an exit code that is true, and never with a number that is none.

use super::desk::{Desk, Ran};
use super::inputs::{Dice, Rows, csv, planted};
use serde_json::Value;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// What `--max-time` allows.
const LIMIT: Duration = Duration::from_secs(1);
/// Far beyond the limit, because other work may be running: only what never ends takes so long.
const NEVER: Duration = Duration::from_secs(120);

/// Kinds of values: what an instrument, a spreadsheet or a bug puts into a matrix.
fn tables() -> Vec<(&'static str, Rows)> {
    let plain = planted(7, 5, 2, 71);
    let with = |change: fn(usize, usize, f64) -> f64| -> Rows {
        plain.iter().enumerate().map(|(i, row)| row.iter().enumerate().map(|(j, &x)| change(i, j, x)).collect()).collect()
    };
    vec![
        ("plain", plain.clone()),
        ("missing", with(|i, j, x| if (i + j) % 3 == 0 { f64::NAN } else { x })),
        ("all missing", with(|_, _, _| f64::NAN)),
        ("infinite", with(|i, j, x| if i == 2 && j == 1 { f64::INFINITY } else { x })),
        ("minus zero", with(|i, _, x| if i == 1 { -0.0 } else { x })),
        ("negative", with(|i, j, x| if i == 3 && j == 2 { -x - 1.0 } else { x })),
        ("subnormal", with(|_, _, x| x * 1e-310)),
        ("tiny", with(|_, _, x| x * 1e-300)),
        ("huge", with(|_, _, x| x * 1e300)),
        ("zero", with(|_, _, _| 0.0)),
        ("a row of zeros", with(|i, _, x| if i == 0 { 0.0 } else { x })),
        ("a column of zeros", with(|_, j, x| if j == 4 { 0.0 } else { x })),
        ("constant", with(|_, _, _| 3.0)),
        ("one huge entry", with(|i, j, x| if i == 0 && j == 0 { 1e15 } else { x })),
        ("rows repeated", with(|i, j, _| (1 + (i / 2) * 5 + j) as f64)),
        ("one entry seen", with(|i, j, x| if i == 4 && j == 3 { x + 1.0 } else { f64::NAN })),
        ("of rank one", with(|i, j, _| (i + 1) as f64 * (j + 1) as f64)),
        ("one row", vec![vec![1.0, 0.0, 2.0, 5.0]]),
        ("one column", vec![vec![1.0], vec![0.0], vec![2.0]]),
        ("one entry", vec![vec![2.0]]),
    ]
}

/// One of them, or nothing.
fn one<'a>(dice: &mut Dice, choices: &[&'a str]) -> &'a str {
    choices[(dice.roll() * choices.len() as f64) as usize]
}

/// Most combinations of constraints, losses and methods are refused, so that a setting is left out more often than not.
fn settings(dice: &mut Dice) -> String {
    let always: &[&[&str]] = &[
        &["-k 1", "-k 2", "-k 3", "-k 5"],
        &["", "--missing nan", "--missing nan", "--missing absent", "--missing zero", "--missing nan --drop-empty"],
        &["", "--negative clip", "--negative unobserved"],
        &["--threads 1", "--threads 2", "--threads 3"],
        &["--tol 1e-5", "--tol 1e-5", "--tol 0", "--tol 1e-12", "--tol 0.5"],
        &["--max-iters 200", "--max-iters 1", "--max-iters 1000000"],
    ];
    let fitted: &[&str] = &[
        "",
        "",
        "--method hals",
        "--method accelerated-hals",
        "--method anls",
        "--method extrapolated-hals",
        "--method extrapolated-anls",
        "--method compressed",
        "--method compressed-anls",
        "--method minibatch --batch-size 2",
        "--method gradient",
        "--method mu",
        "--method paper",
        "--loss kl",
        "--loss is",
        "--loss beta:0.5",
        "--loss beta:1.5 --method mu",
        "--loss beta:3 --method mu",
        "--loss kl --method mu",
        "--loss kl --method scalar-newton",
        "--signs free",
        "--signs free-u",
        "--signs free-v --method anls",
        "--sum-to-one u",
        "--sum-to-one v --method hals",
        "--biases",
        "--biases --signs free",
    ];
    let seldom: &[&[&str]] = &[
        &["--scale sd", "--scale 1e-3", "--transpose"],
        &["--l2 0.1", "--l1 0.1", "--l2 1e6", "--l1-u 0.1 --l1-v 2", "--l2 0.1 --penalty-scaling even"],
        &["--holdout 0.2", "--holdout 0.9"],
        &["--init random", "--init half-normal", "--init nndsvd", "--init nndsvda", "--init spa", "--init exterior", "--init svd"],
        &["--precision f32", "--precision f64"],
        &["--restarts 2", "--seed 18446744073709551615"],
    ];
    let mut words: Vec<&str> = always.iter().map(|group| one(dice, group)).collect();
    words.push(one(dice, fitted));
    for group in seldom {
        if dice.roll() < 0.25 {
            words.push(one(dice, group));
        }
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

fn ended_in_time(mut child: Child, what: &str) -> (Ran, Duration) {
    let begin = Instant::now();
    while child.try_wait().expect("can be waited for").is_none() {
        if begin.elapsed() > NEVER {
            child.kill().expect("may be killed");
            panic!("{what} did not end");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let took = begin.elapsed();
    (Ran::from(what, child.wait_with_output().expect("its output")), took)
}

/// Numbers of a successful fit are numbers: JSON has no others, so that what is none is null.
fn check(ran: &Ran, what: &str, desk: &Desk) {
    assert!([0, 2, 3, 65, 75].contains(&ran.code), "{what}: {} {}", ran.code, ran.err);
    if [2, 65].contains(&ran.code) {
        assert!(!ran.err.trim().is_empty(), "{what}: refused without a word");
        return;
    }
    let said: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{what}: {e} in {}", ran.out));
    let number = |name: &str| said[name].as_f64().unwrap_or_else(|| panic!("{what}: {name} is {}", said[name]));
    assert!(number("objective") >= 0.0 && number("penalty") >= 0.0 && number("relative_error") >= 0.0, "{what}: {said}");
    let status = said["status"].as_str().expect("a status");
    assert_eq!(status == "converged", ran.code == 0, "{what}: {status} with exit code {}", ran.code);
    if status == "converged" {
        assert!(number("kkt") <= 0.5, "{what}: converged at {}", said["kkt"]);
    }
    let factors = thalweg::data::read_factors(&desk.path("run/factors.npz")).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(factors.first_not_finite().is_none(), "{what}: a factor that is no number");
}

fn fits(count: usize, seed: u64) {
    let desk = Desk::new();
    let tables = tables();
    for (number, (_, rows)) in tables.iter().enumerate() {
        desk.put(&format!("{number}.csv"), csv(rows));
    }
    let mut dice = Dice::new(seed);
    let (mut codes, mut slowest) = (std::collections::BTreeMap::new(), Duration::ZERO);
    for _ in 0..count {
        let number = (dice.roll() * tables.len() as f64) as usize;
        let words = format!("fit {number}.csv {} --max-time {} --json --quiet -o run", settings(&mut dice), LIMIT.as_secs());
        let what = format!("{}: thalweg {words}", tables[number].0);
        let child = desk.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        let (ran, took) = ended_in_time(child, &what);
        check(&ran, &what, &desk);
        *codes.entry(ran.code).or_insert(0) += 1;
        slowest = slowest.max(took);
        let _ = std::fs::remove_dir_all(desk.path("run"));
    }
    println!("{count} fits, exit codes {codes:?}, the slowest {slowest:?} of {LIMIT:?}");
    assert!(codes.get(&0) > Some(&(count / 10)), "too few converge for the test to mean much: {codes:?}");
}

#[test]
fn a_hundred_and_fifty_fits() {
    fits(150, 1);
}

#[test]
#[ignore = "ten thousand fits take a quarter of an hour: cargo test --workspace --test cli ten_thousand_fits -- --ignored --nocapture"]
fn ten_thousand_fits() {
    fits(10_000, 2);
}
