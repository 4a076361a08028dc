//! A fault at each system call in turn: the call fails, or the process dies before it. What was there before is still there, and the same
//! command then ends as if nothing had happened.
//!
//! The faults are put in by strace; where it is missing or may not trace, the tests say so and pass.

use super::desk::{Desk, Ran};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use thalweg::data::{Array, read_npz};

/// Calls that change a file or a folder, with what may go wrong there.
const FAULTS: [(&str, &[&str]); 7] = [
    ("write", &["signal=KILL", "error=ENOSPC", "error=EIO", "error=EINTR"]),
    ("fsync", &["signal=KILL", "error=EIO"]),
    ("rename", &["signal=KILL", "error=EACCES"]),
    ("mkdir", &["signal=KILL", "error=ENOSPC"]),
    ("pwrite64", &["signal=KILL", "error=ENOSPC"]),
    ("fdatasync", &["signal=KILL", "error=EIO"]),
    ("unlink", &["signal=KILL", "error=EIO"]),
];

/// Done or not established, killed, cannot write, input or output error.
const CODES: [i32; 5] = [0, 3, 137, 73, 74];

fn strace(desk: &Desk, options: &str, words: &str) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(desk.path("trace")).args(options.split_whitespace());
    command.arg(env!("CARGO_BIN_EXE_thalweg")).args(words.split_whitespace()).current_dir(desk.path(""));
    command
}

fn can_trace(desk: &Desk) -> bool {
    let works = strace(desk, "-e inject=write:error=EIO:when=65535", "--version").output().is_ok_and(|output| output.status.success());
    if !works {
        println!("skipped: strace is not here, or may not trace");
    }
    works
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    if from.exists() {
        fs::create_dir_all(to).expect("creates");
        for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
            match entry.file_type().expect("a type").is_dir() {
                true => copy(&entry.path(), &to.join(entry.file_name())),
                false => drop(fs::copy(entry.path(), to.join(entry.file_name())).expect("copies")),
            }
        }
    }
}

/// The matrices of an `.npz` file: not the seconds that they took.
fn arrays(path: &Path) -> Vec<(String, Array)> {
    let arrays = read_npz(path, 1 << 30).unwrap_or_else(|e| panic!("{e}"));
    arrays.into_iter().filter(|(name, _)| name != "state" && name != "history").collect()
}

/// Names of all files below, and what the `.npz` among them hold.
fn contents(folder: &Path) -> BTreeMap<String, Option<Vec<(String, Array)>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().expect("a type").is_dir() {
            found.extend(contents(&entry.path()).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else {
            let held = name.ends_with(".npz").then(|| arrays(&entry.path()));
            found.insert(name, held);
        }
    }
    found
}

/// `words` write into the folder `run`, which begins as a copy of `prepared`. The number of faults put in.
fn survives(desk: &Desk, prepared: &str, words: &str) -> usize {
    let begin = || copy(&desk.path(prepared), &desk.path("run"));
    begin();
    let unbroken = desk.run(words);
    assert!([0, 3].contains(&unbroken.code), "thalweg {words}: {}", unbroken.err);
    let expected = contents(&desk.path("run"));
    let mut count = 0;
    for (call, fault) in FAULTS.iter().flat_map(|(call, faults)| faults.iter().map(move |fault| (call, fault))) {
        for n in 1.. {
            let what = format!("thalweg {words}, {call} {n}: {fault}");
            begin();
            let broken =
                Ran::from(&what, strace(desk, &format!("-e trace={call} -e inject={call}:{fault}:when={n}"), words).output().expect("starts"));
            let trace = fs::read_to_string(desk.path("trace")).expect("a trace");
            if !trace.contains("INJECTED") && !trace.contains("killed by SIGKILL") {
                break;
            }
            count += 1;
            assert!(CODES.contains(&broken.code), "{what}: {} {}{}", broken.code, broken.out, broken.err);
            assert!(*fault != "error=EINTR" || broken.code == unbroken.code, "{what}: an interrupted call is no fault: {}", broken.err);
            let again = desk.run(words);
            assert_eq!(again.code, unbroken.code, "{what}, then again: {}", again.err);
            let found = contents(&desk.path("run"));
            assert!(found.keys().eq(expected.keys()), "{what}, then again: {:?}", found.keys());
            assert!(found == expected, "{what}: other numbers");
        }
    }
    println!("{count} faults: thalweg {words}");
    count
}

const TABLE: &str = "1,2,3\n2,4,7\n3,6,8\n1,1,9\n";
const FIT: &str = "fit x.csv -k 2 --threads 1 --quiet -o run";

#[test]
fn a_fit_from_nothing() {
    let desk = Desk::new();
    if can_trace(&desk) {
        desk.put("x.csv", TABLE);
        assert!(survives(&desk, "nothing", FIT) > 50);
    }
}

/// All that writes: what a fit does once its restarts are there, audits, pages, recoveries, trials.
#[test]
#[ignore = "five hundred faults take a minute: cargo test --workspace --test cli faults -- --ignored --nocapture"]
fn everything_that_writes() {
    let desk = Desk::new();
    if !can_trace(&desk) {
        return;
    }
    desk.put("x.csv", TABLE);
    desk.put("holes.csv", "1,2,3,1\n2,4,,2\n3,,9,3\n4,8,12,4\n,2,3,1\n");
    desk.put("r.dat", "1::1::3\n1::2::1\n2::1::2\n2::3::4\n3::2::5\n3::3::1\n4::1::2\n4::2::2\n");
    desk.ends(0, "data shard r.dat");
    // the second rename of the main thread is that of the factors
    let killed = strace(&desk, "-e trace=rename -e inject=rename:signal=KILL:when=2", FIT).status().expect("starts");
    assert!(!killed.success() && desk.has("run/restarts/0.npz") && !desk.has("run/factors.npz"));
    copy(&desk.path("run"), &desk.path("restarts-only"));
    desk.ends(0, FIT);
    copy(&desk.path("run"), &desk.path("fitted"));
    let cases = [
        ("restarts-only", FIT),
        ("nothing", "fit r.shards --stream -k 2 --threads 1 --quiet -o run"),
        ("fitted", "audit run --quiet --threads 1"),
        ("fitted", "report run --quiet"),
        ("fitted", "export run --quiet"),
        ("nothing", "recover completion holes.csv --certify --quiet --threads 1 -o run"),
        ("nothing", "reproduce star-convexity fig2 --scale smoke --quiet --threads 1 -o run"),
    ];
    let count: usize = cases.iter().map(|(prepared, words)| survives(&desk, prepared, words)).sum();
    println!("{count} faults in all");
}
