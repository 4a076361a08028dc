//! The report of a real run, opened in a real browser.

use std::path::Path;
use std::process::Command;

/// As `tests/browser/report.py` looks for one.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

fn is_on_path(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

#[test]
fn the_demo_report_works_for_a_reader() {
    if !BROWSERS.iter().any(|name| is_on_path(name)) || !is_on_path("python3") {
        assert!(std::env::var_os("THALWEG_REQUIRE_BROWSER").is_none(), "THALWEG_REQUIRE_BROWSER is set, but there is no Chromium or python3");
        println!("skipped: no Chromium or no python3 on PATH");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let demo = Command::new(env!("CARGO_BIN_EXE_thalweg"))
        .args(["demo", "--restarts", "2", "--quiet", "-o", "demo"])
        .current_dir(folder.path())
        .output()
        .expect("starts");
    assert_eq!(demo.status.code(), Some(0), "{}", String::from_utf8_lossy(&demo.stderr));
    let said = String::from_utf8(demo.stdout).expect("text");
    let verdict = said.lines().next().expect("a verdict");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser/report.py");
    let page =
        Command::new("python3").arg(script).arg(folder.path().join("demo/report.html")).args(["--expect-verdict", verdict]).output().expect("starts");
    let told = format!("{}{}", String::from_utf8_lossy(&page.stdout), String::from_utf8_lossy(&page.stderr));
    println!("{told}");
    assert!(page.status.success(), "{told}");
}
