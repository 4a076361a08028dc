//! The report of a real run, opened in a real browser.

use std::path::Path;
use std::process::Command;

/// As `tests/browser/report.py` looks for one.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

fn is_on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Whether the test can run; it must, where the environment says so.
fn has_browser() -> bool {
    let is_there = BROWSERS.iter().any(|name| is_on_path(name)) && is_on_path("python3");
    if !is_there {
        assert!(std::env::var_os("THALWEG_REQUIRE_BROWSER").is_none(), "THALWEG_REQUIRE_BROWSER is set, but there is no Chromium or python3");
        println!("skipped: no Chromium or no python3 on PATH");
    }
    is_there
}

/// What the program says in this folder.
fn thalweg(folder: &Path, words: &str) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_thalweg")).args(words.split(' ')).current_dir(folder).output().expect("starts");
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text")
}

fn works_for_a_reader(page: &Path, verdict: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser/report.py");
    let read = Command::new("python3").arg(script).arg(page).args(["--expect-verdict", verdict]).output().expect("starts");
    let told = format!("{}{}", String::from_utf8_lossy(&read.stdout), String::from_utf8_lossy(&read.stderr));
    println!("{told}");
    assert!(read.status.success(), "{told}");
}

#[test]
fn the_demo_report_works_for_a_reader() {
    if has_browser() {
        let folder = tempfile::tempdir().expect("a folder");
        let said = thalweg(folder.path(), "demo --restarts 2 --quiet -o demo");
        works_for_a_reader(&folder.path().join("demo/report.html"), said.lines().next().expect("a verdict"));
    }
}

#[test]
fn the_rank_page_works_for_a_reader() {
    if has_browser() {
        let folder = tempfile::tempdir().expect("a folder");
        let row = |i: usize| (0..12).map(|j| (1 + i % 3 * (j % 4) + (i * j) % 5).to_string()).collect::<Vec<_>>().join(",");
        std::fs::write(folder.path().join("x.csv"), (0..20).map(|i| row(i) + "\n").collect::<String>()).expect("written");
        let said = thalweg(folder.path(), "rank x.csv -k 1:4 --quiet -o ranks");
        let verdict = said.lines().skip_while(|line| !line.is_empty()).nth(1).expect("a verdict");
        works_for_a_reader(&folder.path().join("ranks/rank.html"), verdict);
    }
}

/// A page in a folder of its own, after these commands; its verdict says something of this.
fn page_works(commands: &[&str], page: &str, verdict: &str) {
    if has_browser() {
        let folder = tempfile::tempdir().expect("a folder");
        commands.iter().for_each(|words| drop(thalweg(folder.path(), words)));
        works_for_a_reader(&folder.path().join(page), verdict);
    }
}

#[test]
fn the_page_of_two_runs_works_for_a_reader() {
    let commands = [
        "data example genes",
        "fit genes.tsv -k 3 --restarts 3 -o three",
        "fit genes.tsv -k 4 --restarts 3 -o four",
        "audit three --lines 5",
        "audit four --lines 5",
        "report three four -o both.html",
    ];
    page_works(&commands, "both.html", "Converged");
}

#[test]
fn the_page_of_a_film_works_for_a_reader() {
    let commands = ["data example frames", "recover rpca frames.npz --certify -o film", "report film --image-shape 12,16 -o film.html"];
    page_works(&commands, "film.html", "Certified");
}

#[test]
fn the_page_of_an_item_of_a_paper_works_for_a_reader() {
    page_works(&["reproduce star-convexity fig1 --scale smoke -o out"], "out/fig1.html", "convex");
}
