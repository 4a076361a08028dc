//! Every console example of the guide is run, in order, in an empty folder for each page, and prints what the page says. The guide is that of
//! the program with all its features.
//!
//! To write what the program prints into the pages: `THALWEG_BLESS=1 cargo test --workspace --test cli guide`, and look at the difference
//! (`THALWEG_PAGE=docs/start.md` for one page). A line `…` in an expected output stands for any number of lines, and is kept.

use super::desk::{Desk, code};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FENCE: &str = "```console";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// The README and every chapter, by their names in the repository.
fn pages() -> Vec<String> {
    let chapters = fs::read_dir(root().join("docs")).expect("the guide").map(|entry| entry.expect("an entry").file_name());
    let chapters = chapters.filter_map(|name| name.into_string().ok()).filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}"));
    let mut pages: Vec<String> = std::iter::once("README.md".to_owned()).chain(chapters).collect();
    pages.sort();
    match std::env::var("THALWEG_PAGE") {
        Ok(only) => pages.into_iter().filter(|page| *page == only).collect(),
        Err(_) => pages,
    }
}

/// A command of a page, and what stands below it.
struct Step {
    command: String,
    expected: Vec<String>,
}

/// A page is text and console blocks in turn.
enum Part {
    Text(String),
    Console(Vec<Step>),
}

fn parts(page: &str) -> Vec<Part> {
    let mut parts = vec![Part::Text(String::new())];
    for line in page.lines() {
        match parts.last_mut().expect("there is one") {
            Part::Text(text) => {
                *text += &format!("{line}\n");
                if line == FENCE {
                    parts.push(Part::Console(Vec::new()));
                }
            }
            Part::Console(_) if line == "```" => parts.push(Part::Text("```\n".to_owned())),
            Part::Console(steps) => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step { command: command.to_owned(), expected: Vec::new() }),
                (None, Some(step)) => step.expected.push(line.to_owned()),
                (None, None) => panic!("a console block begins with a command, not with {line}"),
            },
        }
    }
    parts
}

fn written(parts: &[Part]) -> String {
    let block = |steps: &[Step]| {
        let lines = steps.iter().flat_map(|step| std::iter::once(format!("$ {}", step.command)).chain(step.expected.iter().cloned()));
        lines.map(|line| line + "\n").collect::<String>()
    };
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Console(steps) => block(steps),
    };
    parts.iter().map(part).collect()
}

/// What a reader sees in a terminal: messages, then the result. The exit code is for `$ echo $?`.
fn run(desk: &Desk, command: &str, last: i32) -> (Vec<String>, i32) {
    let programs = Path::new(env!("CARGO_BIN_EXE_thalweg")).parent().expect("in a folder").to_owned();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())));
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("(exit {last}); {command}")]).current_dir(desk.path("")).stdin(Stdio::null());
    shell.env("PATH", path.expect("a path")).env_remove("THALWEG_DATA").env("COLUMNS", "100");
    let ran = shell.output().expect("a shell");
    let (err, out) = (String::from_utf8_lossy(&ran.stderr), String::from_utf8_lossy(&ran.stdout));
    assert!(!err.contains("panicked"), "{command}: {err}");
    (err.lines().chain(out.lines()).map(|line| line.trim_end().to_owned()).collect(), code(ran.status))
}

/// A number, or the text between two of them.
#[derive(Debug, PartialEq)]
enum Token {
    Number(String),
    Text(String),
}

/// Digits that touch letters are names, not numbers. Marks of plots are left out, and blanks count once.
fn tokens(line: &str) -> Vec<Token> {
    let chars: Vec<char> = line.chars().filter(|c| !('\u{2580}'..='\u{259f}').contains(c)).collect();
    let is_word = |at: usize| chars.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let mut tokens = Vec::new();
    let (mut text, mut at) = (String::new(), 0);
    while at < chars.len() {
        let begins = chars[at].is_ascii_digit() && (at == 0 || !is_word(at - 1));
        let mut end = at;
        while begins
            && end < chars.len()
            && (chars[end].is_ascii_digit() || chars[end] == '.' && chars.get(end + 1).is_some_and(char::is_ascii_digit))
        {
            end += 1;
        }
        let signed = |at: usize| if matches!(chars.get(at), Some('-' | '+')) { at + 1 } else { at };
        if begins && chars.get(end) == Some(&'e') && chars.get(signed(end + 1)).is_some_and(char::is_ascii_digit) {
            end = signed(end + 1);
            while chars.get(end).is_some_and(char::is_ascii_digit) {
                end += 1;
            }
        }
        if begins && !is_word(end) {
            tokens.push(Token::Text(std::mem::take(&mut text)));
            tokens.push(Token::Number(chars[at..end].iter().collect()));
            at = end;
        } else {
            if !(chars[at].is_whitespace() && text.ends_with(' ')) {
                text.push(if chars[at].is_whitespace() { ' ' } else { chars[at] });
            }
            at += 1;
        }
    }
    tokens.push(Token::Text(text.trim_end().to_owned()));
    tokens
}

/// How near an output has to be to what a page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nearness {
    /// The same text, times apart: what is written into a page.
    Exact,
    /// As near as on another processor.
    Rounded,
}
use Nearness::{Exact, Rounded};

/// Whole numbers are the same, times may be anything, and what was rounded may differ as it does between processors: by 1 %, counts of
/// iterations by a fifth, small numbers by a factor of 3, and residuals below the usual tolerance are all as good as 0.
fn is_same_number(expected: &str, found: &str, after: &str, nearness: Nearness) -> bool {
    if [" s ", " s)", " s,", " seconds"].iter().any(|unit| format!("{after} ").starts_with(unit)) {
        return true;
    }
    if nearness == Exact {
        return expected == found;
    }
    let (Ok(x), Ok(y)) = (expected.parse::<f64>(), found.parse::<f64>()) else { return false };
    let is_whole = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let within = |factor: f64| x.max(y) <= factor * x.min(y);
    match () {
        () if after.starts_with(" iterations") => within(1.2),
        () if is_whole(expected) || is_whole(found) => expected == found,
        () if expected.contains("e-") => within(3.0) || x.max(y) <= 1e-5,
        () => within(1.01) || (x - y).abs() <= 0.002,
    }
}

fn is_same_line(expected: &str, found: &str, nearness: Nearness) -> bool {
    let (expected, found) = (tokens(expected), tokens(found));
    let text_after = |at: usize| match expected.get(at + 1) {
        Some(Token::Text(text)) => text.as_str(),
        _ => "",
    };
    expected.len() == found.len()
        && expected.iter().zip(&found).enumerate().all(|(at, pair)| match pair {
            (Token::Number(x), Token::Number(y)) => is_same_number(x, y, text_after(at), nearness),
            (Token::Text(a), Token::Text(b)) => a.trim() == b.trim(),
            _ => false,
        })
}

/// Whether the output is what the page says, `…` standing for any lines.
fn is_same(expected: &[String], found: &[String], nearness: Nearness) -> bool {
    match expected.split_first() {
        None => found.is_empty(),
        Some((first, rest)) if first == "…" => (0..=found.len()).any(|skipped| is_same(rest, &found[skipped..], nearness)),
        Some((first, rest)) => {
            found.split_first().is_some_and(|(line, others)| is_same_line(first, line, nearness) && is_same(rest, others, nearness))
        }
    }
}

/// What a page should say, and what is wrong with what it says.
fn checked(name: &str, page: &str, nearness: Nearness) -> (String, Vec<String>) {
    let (desk, mut parts, mut wrong, mut last) = (Desk::new(), parts(page), Vec::new(), 0);
    for part in &mut parts {
        let Part::Console(steps) = part else { continue };
        for step in steps {
            let (found, code) = run(&desk, &step.command, last);
            last = code;
            // blank lines at the end are the page's layout
            let said = step.expected.iter().rposition(|line| !line.is_empty()).map_or(0, |at| at + 1);
            let (expected, blank) = step.expected.split_at(said);
            if !is_same(expected, &found, nearness) {
                wrong.push(format!("{name}: $ {}\nsays\n{}\nprints\n{}\n", step.command, expected.join("\n"), found.join("\n")));
                step.expected = [found, blank.to_vec()].concat();
            }
        }
    }
    (written(&parts), wrong)
}

#[cfg(unix)]
#[test]
fn every_example_prints_what_the_page_says() {
    let is_blessed = std::env::var_os("THALWEG_BLESS").is_some();
    let mut wrong = Vec::new();
    for name in pages() {
        let path = root().join(&name);
        let page = fs::read_to_string(&path).expect("text");
        let begin = std::time::Instant::now();
        let (should_be, differences) = checked(&name, &page, if is_blessed { Exact } else { Rounded });
        println!("{name}: {} examples, {:.1} s", page.matches("\n$ ").count(), begin.elapsed().as_secs_f64());
        if is_blessed && should_be != page {
            fs::write(&path, should_be).expect("written");
        }
        wrong.extend(differences);
    }
    assert!(is_blessed || wrong.is_empty(), "{}\n{} examples differ: see the head of this file", wrong.join("\n"), wrong.len());
}

#[test]
fn pages_are_taken_apart_and_put_together() {
    let page = "a\n```console\n$ one\nout\n\n$ two\n```\nb\n";
    assert_eq!(written(&parts(page)), page);
}

#[test]
fn what_rounding_may_change_is_the_same_and_nothing_else() {
    for (a, b) in [
        ("after 65 iterations (0.28 s over 6 restarts)", "after 66 iterations (1.3 s over 6 restarts)"),
        ("objective        3.64214112e5   relative", "objective  3.64214113e5   relative"),
        ("residual (kkt)   6.60e-7   tolerance 0.00001", "residual (kkt)   7.10e-7   tolerance 0.00001"),
        ("a ██▌ 18.2 %", "a ███ 18.3 %"),
    ] {
        assert!(is_same_line(a, b, Rounded), "{a} | {b}");
    }
    for (a, b) in [
        ("1797 rows", "1798 rows"),
        ("over 6 restarts", "over 7 restarts"),
        ("mean cosine 0.730", "mean cosine 0.830"),
        ("sha256 7d1e", "sha256 7d1f"),
        ("10x9", "10x8"),
        ("converged", "stalled"),
        ("6.60e-7", "6.60e-5"),
    ] {
        assert!(!is_same_line(a, b, Rounded), "{a} | {b}");
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(is_same(&lines("a\n…\nd"), &lines("a\nb\nc\nd"), Rounded) && !is_same(&lines("a\n…\nd"), &lines("a\nb\nc"), Rounded));
    assert!(is_same_line("9 rows in 0.1 s", "9 rows in 0.2 s", Exact) && !is_same_line("1.39e1", "13.9", Exact));
}
