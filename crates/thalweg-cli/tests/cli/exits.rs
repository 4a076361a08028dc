//! Exit codes, one by one.

use super::desk::{Desk, Ran};
use super::inputs::{csv, planted};
use std::fs::File;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.put("x.csv", csv(&planted(12, 9, 2, 1)));
    desk
}

#[test]
fn done() {
    let desk = desk();
    for words in ["--help", "--version", "fit --help", "info x.csv", "fit x.csv -k 2 -o run", "fit x.csv -k 2 -o run", "audit run"] {
        let ran = desk.ends(0, words);
        assert!(!ran.out.is_empty(), "{words} prints its result");
    }
}

#[test]
fn usage() {
    let desk = desk();
    for words in [
        "",
        "frobnicate",
        "fit",
        "fit x.csv",
        "fit x.csv -k",
        "fit x.csv -k two",
        "fit x.csv -k -1",
        "fit x.csv -k 2.5",
        "fit x.csv -k 99999999999999999999",
        "fit x.csv -k 2 --no-such-flag",
        "fit x.csv -k 2 --method no-such-method",
        "fit x.csv -k 2 --init no-such-start",
        "fit x.csv -k 2 --loss no-such-loss",
        "fit x.csv -k 2 --missing perhaps",
        "fit x.csv -k 2 --precision f16",
        "fit x.csv -k 2 --tol -1",
        "fit x.csv -k 2 --tol nan",
        "fit x.csv -k 2 --holdout 1",
        "fit x.csv -k 2 --holdout 0",
        "fit x.csv -k 2 --restarts -3",
        "fit x.csv -k 2 --threads 0",
        "fit x.csv -k 2 --threads many",
        "fit x.csv -k 2 --seed -1",
        "fit x.csv -k 2 --max-memory 5Q",
        "fit x.csv -k 2 --max-memory -5G",
        "fit x.csv -k 2 --max-time -1",
        "fit x.csv -k 2 --max-time nan",
        "fit x.csv -k 2 --columns 5:2",
        "fit x.csv -k 2 --columns 0:99",
        "fit x.csv y.csv -k 2",
        "audit",
        "line x.csv",
        "report",
        "transform x.csv",
        "completions tcsh",
    ] {
        let ran = desk.ends(2, words);
        assert_eq!(ran.out, "", "{words}");
        assert!(!ran.err.is_empty(), "{words} says what is wrong");
    }
    assert!(!desk.has("thalweg-x-k2"), "a usage error leaves nothing behind");
    let methods = desk.ends(2, "fit x.csv -k 2 --method no-such-method").err;
    for method in thalweg::solver::nmf::NMF_METHODS {
        assert!(methods.contains(method.about().name), "{methods}");
    }
}

#[test]
fn a_directory_with_another_run_is_left_alone() {
    let desk = desk();
    desk.put("y.csv", csv(&planted(12, 9, 2, 2)));
    desk.ends(0, "fit x.csv -k 2 -o run");
    let manifest = desk.bytes("run/manifest.json");
    for (words, what) in [
        ("fit x.csv -k 3 -o run", "rank"),
        ("fit x.csv -k 2 --seed 1 -o run", "seed"),
        ("fit x.csv -k 2 --method anls -o run", "method"),
        ("fit x.csv -k 2 --init half-normal -o run", "start"),
        ("fit x.csv -k 2 --precision f32 -o run", "precision"),
        ("fit x.csv -k 2 --holdout 0.1 -o run", "hold-out"),
        ("fit x.csv -k 2 --transpose -o run", "reading"),
        ("fit y.csv -k 2 -o run", "input"),
    ] {
        let ran = desk.ends(2, words);
        assert!(ran.err.contains("another run") && ran.err.contains(what), "{words}: {}", ran.err);
        assert_eq!(desk.bytes("run/manifest.json"), manifest, "{words}");
    }
}

/// How much memory reading may take does not make another run.
#[test]
fn limits_do_not_make_another_run() {
    let desk = desk();
    desk.ends(0, "fit x.csv -k 2 -o run");
    desk.ends(0, "fit x.csv -k 2 -o run --max-memory 1G --max-time 100 --threads 1");
}

#[test]
fn not_established() {
    let desk = desk();
    let fit = desk.json(3, "fit x.csv -k 2 --max-iters 2 -o run");
    assert_eq!((&fit["status"], &fit["iterations"]), (&"max_iters".into(), &2.into()));
    let audit = desk.json(3, "audit run");
    assert!(audit["verdict"].as_str().is_some_and(|v| v.starts_with("Not converged")), "{audit}");
    // the same command with a higher limit goes on
    assert_eq!(desk.json(0, "fit x.csv -k 2 -o run")["status"], "converged");
    assert_eq!(desk.json(0, "audit run")["status"], "converged");
}

fn one_line(ran: &Ran, words: &str) {
    assert_eq!((ran.out.as_str(), ran.err.lines().count()), ("", 1), "{words}: {}", ran.err);
    assert!(ran.err.starts_with("thalweg: "), "{words}: {}", ran.err);
}

#[test]
fn input_missing() {
    let desk = desk();
    desk.ends(0, "fit x.csv -k 2 -o run");
    for (words, what) in [
        ("info none.csv", "none.csv"),
        ("fit none.csv -k 2", "none.csv"),
        ("fit none/x.csv -k 2", "none/x.csv"),
        ("audit none", "none"),
        ("audit run --data none.csv", "none.csv"),
        ("report none", "none"),
        ("export none", "none"),
        ("transform none.csv --model run", "none.csv"),
        ("transform x.csv --model none.npz", "none.npz"),
        ("line run none.npz --data x.csv", "none.npz"),
        ("line run run --data none.csv", "none.csv"),
    ] {
        let ran = desk.ends(66, words);
        one_line(&ran, words);
        assert!(ran.err.contains(what), "{words}: {}", ran.err);
    }
    assert!(!desk.has("thalweg-none-k2"));
}

#[test]
fn cannot_write() {
    let desk = desk();
    desk.ends(0, "fit x.csv -k 2 -o run");
    // x.csv is a file, so nothing can be made below it, whoever asks
    for words in [
        "fit x.csv -k 2 -o x.csv/run",
        "fit x.csv -k 2 -o x.csv",
        "demo --restarts 1 -o x.csv/run",
        "report run -o x.csv/report.html",
        "export run -o x.csv/tables",
        "transform x.csv --model run -o x.csv/new.npz",
        "line run run --data x.csv --svg x.csv/line.svg",
    ] {
        let ran = desk.ends(73, &format!("{words} --quiet"));
        one_line(&ran, words);
        assert!(ran.err.contains("x.csv"), "{words}: {}", ran.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_and_a_reader_that_left() {
    let desk = desk();
    let full = File::options().write(true).open("/dev/full").expect("Linux has one");
    let words = "info x.csv";
    let ran = Ran::from(words, desk.command(words).stdout(full).output().expect("starts"));
    assert_eq!(ran.code, 74, "{}", ran.err);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let ran = Ran::from(words, desk.command(words).stdout(writer).output().expect("starts"));
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn limits_reached() {
    let desk = desk();
    let cut = desk.json(75, "fit x.csv -k 2 --restarts 2 --max-time 0 -o run");
    assert_eq!(cut["status"], "time_limit");
    assert_eq!(desk.json(0, "fit x.csv -k 2 --restarts 2 -o run")["status"], "converged");
    let words = "fit x.csv -k 2 --max-memory 100 -o small";
    let ran = desk.ends(75, words);
    one_line(&ran, words);
    assert!(ran.err.contains("x.csv") && ran.err.contains("--max-memory"), "{}", ran.err);
    assert!(!desk.has("small"));
}
