//! Completions and the man page come from the same source as the help, and leave nothing out.

use super::desk::Desk;
use std::collections::BTreeSet;

const COMMANDS: &[&str] = &[
    "demo",
    "info",
    "fit",
    "rank",
    "audit",
    "line",
    "flatness",
    "recover",
    "verify",
    "reproduce",
    "phase",
    #[cfg(feature = "net")]
    "net",
    "report",
    "transform",
    "update",
    "predict",
    "export",
    "data",
    "doctor",
    "completions",
    "man",
];

/// Every `--flag` that some help text lists.
fn flags(desk: &Desk) -> BTreeSet<String> {
    let mut flags = BTreeSet::new();
    for command in COMMANDS {
        let help = desk.ends(0, &format!("{command} --help")).out;
        for line in help.lines().map(str::trim_start).filter(|line| line.starts_with('-')) {
            flags.extend(line.split([' ', ',', '=']).filter(|word| word.starts_with("--")).map(str::to_owned));
        }
    }
    assert!(flags.len() > 20, "{flags:?}");
    flags
}

#[test]
fn every_command_and_flag_is_everywhere() {
    let desk = Desk::new();
    let flags = flags(&desk);
    let overview = desk.ends(0, "--help").out;
    let listed = overview.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let listed: Vec<&str> = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').find(|word| !word.is_empty())).collect();
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), COMMANDS.iter().copied().collect(), "{overview}");
    for command in COMMANDS {
        assert!(overview.lines().any(|line| line.trim_start().starts_with(&format!("{command} "))), "{command} in {overview}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = desk.ends(0, &format!("completions {shell}")).out;
        for word in COMMANDS.iter().copied().chain(flags.iter().map(|flag| flag.trim_start_matches('-'))) {
            assert!(script.contains(word), "{word} in the completions of {shell}");
        }
    }
    let page = desk.ends(0, "man").out.replace("\\-", "-");
    for word in COMMANDS.iter().map(|command| format!("thalweg {command}")).chain(flags) {
        assert!(page.contains(&word) || page.contains(&word.replace(' ', "-")), "{word} in the man page");
    }
}

/// Each `--help` ends in examples, which the man page holds too.
#[test]
fn every_help_ends_in_examples() {
    let desk = Desk::new();
    let page = desk.ends(0, "man").out.replace("\\-", "-");
    for command in COMMANDS {
        let help = desk.ends(0, &format!("{command} --help")).out;
        let examples = help.split("Examples:").nth(1).unwrap_or_else(|| panic!("{help}"));
        let first = examples.lines().map(str::trim).find(|line| !line.is_empty()).expect("one");
        assert!(first.starts_with(&format!("thalweg {command}")), "{first}");
        let line = first.split("  ").next().expect("a first column");
        assert!(page.contains(line), "{line} in the man page");
    }
}

#[test]
fn flags_stand_in_groups() {
    let help = Desk::new().ends(0, "fit --help").out;
    for group in ["Reading the input:", "Penalty:", "Constraints:", "Options of every command:"] {
        assert!(help.contains(group), "{group} in {help}");
    }
}

/// A newcomer who types the name alone is told three things to do, each of which is a command.
#[test]
fn alone_it_says_how_to_begin() {
    let said = Desk::new().ends(2, "");
    assert_eq!(said.out, "");
    let lines: Vec<&str> = said.err.lines().filter_map(|line| line.strip_prefix("  thalweg ")).collect();
    assert_eq!(lines.len(), 3, "{}", said.err);
    for line in lines {
        assert!(COMMANDS.iter().any(|command| line.starts_with(command)), "{line}");
    }
}

#[test]
fn what_is_misspelt_is_answered_with_what_was_meant() {
    let desk = Desk::new();
    desk.put("expression.tsv", "gene\ta\tb\nalpha\t1\t2\nbeta\t3\t4\n");
    let arrays =
        ["first", "second"].map(|name| (name, thalweg::data::Array::new(vec![2, 2], thalweg::data::Numbers::F64(vec![1.0; 4])).expect("fits")));
    thalweg::data::write_npz(&desk.path("two.npz"), &arrays).expect("written");
    desk.ends(0, "fit expression.tsv -k 1 -o run");
    desk.put("pairs.csv", "alpha,a\nbeat,b\n");
    for (code, words, meant) in [
        (2, "fti expression.tsv -k 1", "'fit'"),
        (2, "fit expression.tsv -k 1 --restart 3", "'--restarts'"),
        (2, "fit expression.tsv -k 1 --method extrapolated-hal", "'extrapolated-hals'"),
        (2, "fit expression.tsv -k 1 --init half-norml", "\"half-normal\""),
        (2, "info data:metabolc --data-dir .", "\"metabolic\""),
        (2, "data get goodboks --data-dir .", "\"goodbooks\""),
        (2, "data example gens", "\"genes\""),
        (2, "reproduce star-convexty", "\"star-convexity\""),
        (2, "reproduce star-convexity theorem", "\"theorem1\""),
        (65, "info two.npz --variable fisrt", "\"first\""),
        (66, "info expresion.tsv", "\"expression.tsv\""),
        (66, "audit rum", "\"run\""),
    ] {
        let said = desk.ends(code, words).err;
        assert!(said.contains(meant), "{words}: {said}");
    }
    assert!(desk.ends(66, "audit expression.tsv").err.contains("thalweg fit"), "a file is no run");
    assert!(desk.ends(2, "fit run -k 1").err.contains("thalweg audit run"), "a run is no file");
    assert!(desk.ends(2, "fit expression.tsv").err.contains("thalweg rank"), "how a rank is found");
    let said = desk.ends(0, "predict run --pairs pairs.csv").err;
    assert!(said.contains("did you mean \"beta\"?"), "{said}");
    assert!(!desk.ends(66, "info quite-another-name.tsv").err.contains("did you mean"));
}

#[test]
fn the_version_is_told() {
    let said = Desk::new().ends(0, "--version").out;
    assert!(said.starts_with(&format!("thalweg {}", env!("CARGO_PKG_VERSION"))), "{said}");
}
