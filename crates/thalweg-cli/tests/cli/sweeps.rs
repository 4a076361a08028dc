//! Sweeps spread over processes that share a folder, or nothing: what each does is done once, and together they make the whole.

use super::desk::{Desk, Ran};
use super::inputs::{Dice, csv, planted};
use std::fs;
use std::process::{Child, Stdio};

const SWEEPS: [&str; 2] = ["reproduce star-convexity facts --scale smoke", "phase sensing --x rate=1:3:3 --y rank=1:2:2"];

fn begin(desk: &Desk, words: &str) -> Child {
    desk.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
}

fn end(child: Child, words: &str) -> Ran {
    Ran::from(words, child.wait_with_output().expect("ends"))
}

/// Files of a sweep without its store.
fn pages(desk: &Desk, folder: &str) -> Vec<(String, Vec<u8>)> {
    let names = fs::read_dir(desk.path(folder)).expect("lists").map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut pages: Vec<(String, Vec<u8>)> = names
        .filter(|name| name.ends_with(".csv") || name.ends_with(".json"))
        .map(|name| (name.clone(), desk.bytes(&format!("{folder}/{name}"))))
        .collect();
    pages.sort();
    pages
}

#[test]
fn processes_that_share_a_folder_make_the_whole() {
    for sweep in SWEEPS {
        let desk = Desk::new();
        let whole = desk.json(0, &format!("{sweep} -o whole"));
        // the same parts at once, different parts at once: what was done by another stays as it is
        for parts in [["1/1", "1/1", "1/1"], ["1/3", "2/3", "3/3"]] {
            let words = parts.map(|part| format!("{sweep} --shard {part} --threads 1 -o shared --json"));
            let begun: Vec<Child> = words.iter().map(|words| begin(&desk, words)).collect();
            for (child, words) in begun.into_iter().zip(&words) {
                let ran = end(child, words);
                assert_eq!(ran.code, 0, "{words}: {}", ran.err);
            }
            assert_eq!(desk.json(0, &format!("{sweep} -o shared")), whole, "{sweep} {parts:?}");
            assert_eq!(pages(&desk, "shared"), pages(&desk, "whole"), "{sweep} {parts:?}");
            fs::remove_dir_all(desk.path("shared")).expect("removes");
        }
    }
}

#[test]
fn folders_that_share_nothing_are_merged_in_any_order_and_again() {
    for sweep in SWEEPS {
        let desk = Desk::new();
        let whole = desk.json(0, &format!("{sweep} -o whole"));
        for part in 1..=2 {
            desk.json(0, &format!("{sweep} --shard {part}/2 -o part{part}"));
        }
        let before = desk.bytes("part2/trials.sqlite");
        for into in ["a", "b"] {
            let order = if into == "a" { "--merge part1 --merge part2" } else { "--merge part2 --merge part1 --merge part2" };
            assert_eq!(desk.json(0, &format!("{sweep} {order} -o {into}")), whole, "{sweep}");
            assert_eq!(pages(&desk, into), pages(&desk, "whole"), "{sweep}");
        }
        let again = desk.ends(0, &format!("{sweep} --merge part1 --merge part2 -o a"));
        assert_eq!(again.err.matches(" 0 trials added").count(), 2, "{}", again.err);
        assert!(desk.bytes("part2/trials.sqlite") == before, "what is merged is only read");
        // a folder that is not there, or holds something else, is named; what was known stays
        desk.put("other/trials.sqlite", "no store");
        for (code, from) in [(66, "nowhere"), (65, "other")] {
            assert!(desk.ends(code, &format!("{sweep} --merge {from} -o a")).err.contains(from), "{sweep}");
        }
        assert_eq!(desk.json(0, &format!("{sweep} -o a")), whole, "{sweep}");
    }
}

#[test]
fn a_survey_of_ranks_belongs_to_one_process_at_a_time_and_goes_on() {
    let desk = Desk::new();
    desk.put("x.csv", csv(&planted(60, 40, 3, 1)));
    let words = "rank x.csv -k 1:4";
    let whole = desk.json(0, &format!("{words} -o whole"));
    let first = begin(&desk, &format!("{words} -o shared"));
    let second = begin(&desk, &format!("{words} -o shared"));
    for ran in [end(first, words), end(second, words)] {
        // whoever came second was turned away, unless the first had ended
        assert!(ran.code == 0 || ran.code == 75 && ran.err.contains("another process"), "{} {}", ran.code, ran.err);
    }
    let again = desk.json(0, &format!("{words} -o shared"));
    let verdicts = [&whole, &again].map(|survey| survey["ranks"].clone());
    assert_eq!(verdicts[0], verdicts[1]);
}

#[test]
fn a_folder_that_cannot_be_written_or_goes_away_ends_a_sweep_clearly() {
    for sweep in SWEEPS {
        let desk = Desk::new();
        let whole = desk.json(0, &format!("{sweep} -o whole"));
        assert!(desk.ends(73, &format!("{sweep} -o /proc/sweep")).err.contains("/proc/sweep"));
        desk.put("file", "in the way");
        assert!(desk.ends(73, &format!("{sweep} -o file/below")).err.contains("file"));
        let mut dice = Dice::new(7);
        for _ in 0..6 {
            let mut child = begin(&desk, &format!("{sweep} --threads 1 -o gone"));
            std::thread::sleep(std::time::Duration::from_millis((60.0 * dice.roll()) as u64));
            // as a share that is no longer mounted: the folder is another, and empty
            let _ = fs::rename(desk.path("gone"), desk.path("away"));
            let is_over = child.try_wait().expect("can be waited for").is_some();
            let ran = end(child, sweep);
            assert!([0, 73, 74].contains(&ran.code), "{sweep}: {} {}", ran.code, ran.err);
            assert!(ran.code == 0 || !ran.err.is_empty() && !is_over, "{sweep}");
            let _ = fs::remove_dir_all(desk.path("gone"));
            let _ = fs::rename(desk.path("away"), desk.path("gone"));
        }
        assert_eq!(desk.json(0, &format!("{sweep} -o gone")), whole, "{sweep}");
    }
}
