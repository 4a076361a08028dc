//! Ctrl-C and SIGTERM: the run is saved, and the same command goes on with it.
#![cfg(unix)]

use super::desk::{Desk, Ran, factor_bits};
use super::inputs::{npy_of, planted};
use serde_json::Value;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Long enough that a signal always comes in time.
const FIT: &str = "fit x.npy -k 12 --restarts 3 --tol 0 --max-iters 4000";
/// What a signal may take on a machine that is busy with other tests; alone it is a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(20);

fn signal(name: &str, process: u32) {
    // the shell's own: a bare system has no other
    let sent = Command::new("sh").args(["-c", &format!("kill -s {name} {process}")]).status().expect("a shell");
    assert!(sent.success());
}

fn interrupted(name: &str, code: i32) {
    let desk = Desk::new();
    desk.put("x.npy", npy_of(&planted(500, 300, 8, 31)));
    let words = format!("{FIT} -o run --json");
    let child = desk.start(&words, "run");
    std::thread::sleep(Duration::from_millis(300));
    let begin = Instant::now();
    signal(name, child.id());
    let ran = Ran::from(&words, child.wait_with_output().expect("ends"));
    let took = begin.elapsed();
    println!("{name}: ended {took:?} after the signal");
    assert_eq!(ran.code, code, "{}", ran.err);
    assert!(took < PATIENCE, "{took:?} to end");
    let document: Value = serde_json::from_str(&ran.out).expect("one document");
    assert_eq!(document["status"], "stopped");
    assert!(desk.has("run/restarts/0.npz"), "where it stood is saved");

    let unbroken = desk.run(&format!("{FIT} -o unbroken"));
    let resumed = desk.run(&format!("{FIT} -o run"));
    assert_eq!(resumed.code, unbroken.code, "{}", resumed.err);
    for file in ["factors.npz", "restarts/0.npz", "restarts/1.npz", "restarts/2.npz"] {
        let bits = |run: &str| factor_bits(&desk.path(&format!("{run}/{file}")));
        assert!(bits("run") == bits("unbroken"), "{file} differs after {name}");
    }
}

#[test]
fn interrupt() {
    interrupted("INT", 130);
}

#[test]
fn terminate() {
    interrupted("TERM", 143);
}

/// Restarts that have not begun cost no time on the way out, and the run does not count as finished.
#[test]
fn restarts_that_have_not_begun_are_left() {
    let desk = Desk::new();
    desk.put("x.npy", npy_of(&planted(500, 300, 8, 31)));
    let words = "fit x.npy -k 12 --restarts 1000 --threads 2 -o run --json";
    let child = desk.start(words, "run");
    signal("INT", child.id());
    let ran = Ran::from(words, child.wait_with_output().expect("ends"));
    assert_eq!(ran.code, 130, "{}", ran.err);
    let document: Value = serde_json::from_str(&ran.out).expect("one document");
    assert_eq!((&document["status"], &document["lower_bound"]), (&"stopped".into(), &Value::Null));
    assert!(document["restarts"].as_array().is_some_and(|r| r.len() < 100), "{}", ran.out.len());
}

#[test]
fn a_second_signal_ends_at_once() {
    let desk = Desk::new();
    desk.put("x.npy", npy_of(&planted(500, 300, 8, 31)));
    let words = format!("{FIT} -o run");
    let mut child = desk.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    while !desk.has("run/manifest.json") {
        std::thread::sleep(Duration::from_millis(2));
    }
    signal("INT", child.id());
    signal("INT", child.id());
    assert_eq!(super::desk::code(child.wait().expect("ends")), 130);
}

/// Interrupted so often, each time a little later than it began, and gone on with: the same bits as in one go.
fn interrupted_often(name: &str, code: i32, times: usize) {
    let desk = Desk::new();
    desk.put("x.npy", npy_of(&planted(300, 200, 8, 32)));
    // many times longer than all waits together
    let fit = format!("fit x.npy -k 12 --method mu --restarts 4 --tol 0 --max-iters {}", 20_000 + 2_000 * times);
    let words = format!("{fit} -o run");
    let mut dice = super::inputs::Dice::new(7);
    let mut ended = 0;
    for point in 0..times {
        let child = desk.command(&words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
        // before it listens, the signal ends it the usual way, with the same code
        std::thread::sleep(Duration::from_micros((10_000.0 + 90_000.0 * dice.roll()) as u64));
        signal(name, child.id());
        let sent = Instant::now();
        let ran = Ran::from(&words, child.wait_with_output().expect("ends"));
        assert!(sent.elapsed() < PATIENCE, "{:?} to end", sent.elapsed());
        ended += usize::from(ran.code == code);
        assert!([code, 3].contains(&ran.code), "point {point}: {} {}", ran.code, ran.err);
    }
    println!("{name}: {ended} of {times} signals came while it ran");
    assert!(ended > times / 2, "{ended} of {times}");
    desk.ends(3, &words);
    desk.ends(3, &format!("{fit} -o unbroken"));
    let bits = |run: &str| factor_bits(&desk.path(&format!("{run}/factors.npz")));
    assert!(bits("run") == bits("unbroken"), "the factors differ after {name}");
}

#[test]
fn signals_at_some_points() {
    interrupted_often("INT", 130, 4);
    interrupted_often("TERM", 143, 4);
}

#[test]
#[ignore = "a hundred signals take minutes: cargo test --workspace --test cli signals_at_fifty_points -- --ignored --nocapture"]
fn signals_at_fifty_points_each() {
    interrupted_often("INT", 130, 50);
    interrupted_often("TERM", 143, 50);
}
