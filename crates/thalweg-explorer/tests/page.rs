//! The explorer in a real browser: it works for a reader, and its numbers are those of the library compiled for this machine.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// As `tests/browser/report.py` looks for one.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const TARGET: &str = "wasm32-unknown-unknown";
/// `exp`, `ln` and fused products differ from one machine to the next in the last digit, and what a fit makes of that by less than this.
const ROUNDING: f64 = 1e-6;
/// A recovery ends at a duality gap of 10⁻⁹; where measurements barely determine the minimiser, answers within that gap lie further apart.
const OF_RECOVERIES: f64 = 1e-3;
/// Drawings and sentences repeat numbers at fewer digits; a run that ends one step earlier has another history.
const NOT_COMPARED: [&str; 4] = ["figures", "verdict", "history", "way"];

fn is_on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Whether the test can run; there must be a browser, where the environment says so.
fn can_run() -> bool {
    let has_browser = BROWSERS.iter().any(|name| is_on_path(name)) && is_on_path("python3");
    assert!(has_browser || std::env::var_os("THALWEG_REQUIRE_BROWSER").is_none(), "THALWEG_REQUIRE_BROWSER is set, but there is none");
    let can = has_browser && has_target();
    if !can {
        println!("skipped: no Chromium, no python3, or no Rust for {TARGET}");
    }
    can
}

/// Whether Rust compiles for WebAssembly here, or can be made to.
fn has_target() -> bool {
    let library = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let is_there = library.is_ok_and(|found| Path::new(String::from_utf8_lossy(&found.stdout).trim()).is_dir());
    is_there || Command::new("rustup").args(["target", "add", TARGET]).status().is_ok_and(|ended| ended.success())
}

fn run(command: &mut Command) {
    let ran = command.output().expect("starts");
    let told = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    println!("{told}");
    assert!(ran.status.success(), "{told}");
}

/// Where two answers differ by more than rounding.
fn differences(path: &str, a: &Value, b: &Value, within: f64, found: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            // of several minimisers each machine may end at another, all with the same objective
            let of_several = a.get("status").is_some_and(|status| status == "under_determined");
            let is_skipped = |name: &str| NOT_COMPARED.contains(&name) || of_several && name == "relative_error";
            for (name, value) in a.iter().filter(|(name, _)| !is_skipped(name)) {
                differences(&format!("{path}.{name}"), value, b.get(name).unwrap_or(&Value::Null), within, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            // beside the largest of them: one that is 0 but for rounding is no other number
            let largest = [a, b].into_iter().flatten().filter_map(Value::as_f64).fold(0.0, |most: f64, x| most.max(x.abs()));
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                match (a.as_f64(), b.as_f64()) {
                    (Some(x), Some(y)) if (x - y).abs() <= within * largest => {}
                    _ => differences(&format!("{path}[{at}]"), a, b, within, found),
                }
            }
        }
        (Value::Number(_), Value::Number(_)) => {
            let (x, y) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            // a residual below what was asked for, or an error below that, is as good as any other
            let tiny = x.abs().max(y.abs()) < 1e-5;
            if !tiny && (x - y).abs() > within * x.abs().max(y.abs()) {
                found.push(format!("{path}: {x} and {y}"));
            }
        }
        _ if a == b => {}
        _ => found.push(format!("{path}: {a} and {b}")),
    }
}

#[test]
#[ignore = "builds the WebAssembly module, which takes minutes at first; ./check runs it"]
fn the_explorer_works_for_a_reader_and_says_what_the_library_says() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (page, answers) = (folder.path().join("explorer.html"), folder.path().join("answers.json"));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    run(Command::new(here.join("build")).arg(&page).env("EXPLORER_PAGE", env!("CARGO_BIN_EXE_explorer-page")));
    run(Command::new("python3").arg(here.join("../../tests/browser/explorer.py")).arg(&page).arg("--answers").arg(&answers));

    let asked: Vec<Value> = serde_json::from_slice(&std::fs::read(answers).expect("written")).expect("JSON");
    assert!(asked.len() > 20, "the page was asked {} times only", asked.len());
    let mut found = Vec::new();
    for Exchange { question, file, said } in asked.iter().map(Exchange::of) {
        let native: Value = serde_json::from_str(&thalweg_explorer::answer(&question.to_string(), file)).expect("JSON");
        let kind = question["ask"].as_str().unwrap_or("?");
        let within = if ["recover", "sweep"].contains(&kind) { OF_RECOVERIES } else { ROUNDING };
        differences(kind, &native, &said, within, &mut found);
    }
    assert!(found.is_empty(), "the page and the library differ:\n{}", found.join("\n"));
}

/// What the page was asked, and what it said.
struct Exchange {
    question: Value,
    file: Vec<u8>,
    said: Value,
}

impl Exchange {
    fn of(record: &Value) -> Exchange {
        let file = record["file"].as_str().unwrap_or_default().as_bytes().to_vec();
        Exchange { question: record["question"].clone(), file, said: record["said"].clone() }
    }
}
