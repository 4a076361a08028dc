//! Completions and the man page come from the same source as the help, and leave nothing out.

use super::desk::Desk;
use std::collections::BTreeSet;

const COMMANDS: [&str; 20] = [
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
    "net",
    "report",
    "transform",
    "update",
    "predict",
    "export",
    "data",
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
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(COMMANDS), "{overview}");
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

#[test]
fn the_version_is_told() {
    let said = Desk::new().ends(0, "--version").out;
    assert!(said.starts_with(&format!("thalweg {}", env!("CARGO_PKG_VERSION"))), "{said}");
}
