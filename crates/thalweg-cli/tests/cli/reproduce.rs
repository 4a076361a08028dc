//! Figures and theorems of the papers: drawn, resumed after kills, spread over machines.

use super::desk::Desk;
use std::process::Stdio;
use std::time::Duration;

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

#[test]
fn kills_lose_nothing() {
    let desk = Desk::new();
    let words = "reproduce star-convexity theorem1 --scale smoke --threads 2";
    desk.ends(0, &format!("{words} -o whole"));
    for wait in 0..12 {
        let mut child = desk.command(&format!("{words} -o killed")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        std::thread::sleep(Duration::from_millis(3 + 7 * wait));
        child.kill().expect("may be killed");
        child.wait().expect("ends");
    }
    desk.ends(0, &format!("{words} -o killed"));
    for file in ["theorem1.csv", "theorem1.json", "theorem1.svg"] {
        assert_eq!(desk.bytes(&format!("killed/{file}")), desk.bytes(&format!("whole/{file}")), "{file}");
    }
}
