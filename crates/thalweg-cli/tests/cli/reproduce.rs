//! Figures and theorems of the papers: drawn, resumed after kills, spread over machines.

use super::desk::Desk;
use super::inputs::Dice;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

const FACTS: &str = "reproduce star-convexity facts --scale smoke";

#[test]
fn every_item_is_listed_and_drawn() {
    for (paper, known) in [("star-convexity", "theorem1"), ("flat-minima", "fig3")] {
        all_of(paper, known);
    }
    let desk = Desk::new();
    assert!(desk.ends(2, "reproduce star-convexity fig99").err.contains("fig1"));
    assert!(desk.ends(2, "reproduce moon all").err.contains("star-convexity, flat-minima"));
    assert!(desk.ends(2, "reproduce").err.contains("star-convexity"));
    desk.ends(2, "reproduce star-convexity facts --shard 3/2");
}

fn all_of(paper: &str, known: &str) {
    let desk = Desk::new();
    let listed = desk.json(0, &format!("reproduce {paper} --list"));
    let items: Vec<String> = listed.as_array().expect("a list").iter().map(|i| i["item"].as_str().expect("a name").to_owned()).collect();
    assert!(items.iter().any(|item| item == known), "{items:?}");
    let all = desk.json(0, &format!("reproduce {paper} all --scale smoke -o out"));
    for (item, name) in all["items"].as_array().expect("items").iter().zip(&items) {
        assert_eq!((&item["item"], &item["command"]), (&name.as_str().into(), &"reproduce".into()));
        assert_eq!(item["trials_done"], item["trials"], "{name}");
        assert!(!item["verdict"].as_array().expect("sentences").is_empty(), "{name}");
        // without data sets there is nothing to draw of them, and the page says so
        let is_drawn = !item["figures"].as_array().expect("names").is_empty();
        for (ending, is_there) in [("json", true), ("html", true), ("svg", is_drawn), ("csv", is_drawn)] {
            assert_eq!(desk.has(&format!("out/{name}.{ending}")), is_there, "{name}.{ending}");
        }
    }
    // again: nothing is left to do, and the same is found
    assert_eq!(desk.json(0, &format!("reproduce {paper} all --scale smoke -o out")), all);
}

#[test]
fn shards_make_the_whole() {
    let desk = Desk::new();
    let whole = desk.json(0, &format!("{FACTS} -o whole"));
    for part in 1..=3 {
        let done = desk.json(0, &format!("{FACTS} --shard {part}/3 -o part{part}"));
        assert!(done["trials_done"].as_u64() < done["trials"].as_u64());
    }
    let merged = desk.json(0, &format!("{FACTS} --merge part2 --merge part3 --merge part3 -o part1"));
    assert_eq!(merged, whole);
    assert_eq!(desk.bytes("part1/facts.csv"), desk.bytes("whole/facts.csv"));
}

/// Kills the command at random moments, then lets it finish: the same files come out as from a run that was left alone, and what was done
/// before a kill stays done.
fn survives(words: &str, item: &str, kills: usize, seed: u64) {
    let desk = Desk::new();
    let begin = Instant::now();
    let whole = desk.json(0, &format!("{words} -o whole"));
    let life = begin.elapsed();
    let count = |done: u64| println!("{done} of {} trials done", whole["trials"]);
    let mut dice = Dice::new(seed);
    let mut done = 0;
    for kill in 0..kills {
        let mut child = desk.command(&format!("{words} -o killed")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        // some come before the first trial, some after the last
        std::thread::sleep(life.mul_f64(3.0 * dice.roll() / kills as f64));
        child.kill().expect("may be killed");
        child.wait().expect("ends");
        let kept = trials_kept(&desk.path("killed/trials.sqlite"));
        assert!(kept >= done, "kill {kill}: {kept} trials are left of {done}");
        done = kept;
        count(done);
    }
    let ended = desk.json(0, &format!("{words} -o killed"));
    assert_eq!(ended, whole);
    assert_eq!(trials_kept(&desk.path("killed/trials.sqlite")), whole["trials"].as_u64().expect("a number"));
    for ending in ["csv", "json", "svg"] {
        assert_eq!(desk.bytes(&format!("killed/{item}.{ending}")), desk.bytes(&format!("whole/{item}.{ending}")), "{item}.{ending}");
    }
}

/// Rows of the table of trials; 0 while there is none.
fn trials_kept(store: &Path) -> u64 {
    let count = || rusqlite::Connection::open(store)?.query_row("select count(*) from trial", [], |row| row.get::<_, i64>(0));
    if store.exists() { count().map_or(0, i64::unsigned_abs) } else { 0 }
}

#[test]
fn kills_lose_nothing() {
    survives("reproduce star-convexity theorem1 --scale smoke --threads 2", "theorem1", 12, 31);
}

/// Trainings are long: what they have kept is gone on from.
#[cfg(feature = "net")]
#[test]
fn kills_in_trainings_lose_nothing() {
    survives("reproduce star-convexity table5 --scale smoke --threads 2", "table5", 8, 33);
    survives("reproduce star-convexity fig8 --scale smoke --threads 1", "fig8", 4, 34);
}

/// Networks that stand in several tables are measured once, and the folder of checkpoints holds them for `net`.
#[cfg(feature = "net")]
#[test]
fn tables_share_their_networks() {
    let desk = Desk::new();
    let whole = desk.json(0, "reproduce star-convexity table5 --scale smoke -o out");
    assert_eq!(whole["trials_done"], 6);
    let kept = trials_kept(&desk.path("out/trials.sqlite"));
    let ends = desk.json(0, "reproduce star-convexity table2 --scale smoke -o out");
    // with running statistics they are among those of table 5
    assert_eq!((ends["trials_done"].as_u64(), trials_kept(&desk.path("out/trials.sqlite"))), (Some(4), kept + 2));
    let alone = desk.json(0, "reproduce star-convexity table2 --scale smoke -o alone");
    assert_eq!(alone, ends);
    desk.json(0, "reproduce star-convexity table4 --scale smoke -o out");
    assert_eq!(trials_kept(&desk.path("out/trials.sqlite")), kept + 3);
    assert_eq!(std::fs::read_dir(desk.path("out/checkpoints")).expect("a folder").count(), 3);
}

#[test]
#[ignore = "two hundred kills of five hundred trials take minutes: cargo test -p thalweg-cli --test cli two_hundred_kills -- --ignored --nocapture"]
fn two_hundred_kills_lose_nothing() {
    survives("reproduce star-convexity theorem1 --threads 2", "theorem1", 200, 32);
}
