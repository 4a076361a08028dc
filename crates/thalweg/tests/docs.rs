//! The tables of the guide are what the registries say. To bring a table up to date, copy the lines that a failure prints.

use std::fs;
use std::path::Path;
use thalweg::data::FORMATS;
use thalweg::map::MAPS;
use thalweg::solver::nmf::{DIVERGENCE_METHODS, INITS, NMF_METHODS};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The rows of the table that begins with this header line.
fn table(page: &str, header: &str) -> Vec<String> {
    let rows = page.lines().skip_while(|line| *line != header).skip(2).take_while(|line| line.starts_with('|'));
    rows.map(str::to_owned).collect()
}

fn same(name: &str, header: &str, expected: &[String]) {
    assert_eq!(table(&page(name), header), expected, "the table of {name} should be\n\n{header}\n{}\n", expected.join("\n"));
}

#[test]
fn methods() {
    let row = |m: &&dyn thalweg::solver::nmf::NmfMethod| {
        let about = m.about();
        let lowers = if about.monotone { "yes" } else { "no" };
        format!("| `{}` | {} | {} | {lowers} | `{}` | {} |", about.name, about.summary, about.cost_per_row, about.init.name(), about.source)
    };
    let header = "| name | rule | arithmetic for each row, beside G and C | each half-step lowers the objective | its start | source |";
    same("docs/methods.md", header, &NMF_METHODS.iter().map(row).collect::<Vec<_>>());
}

#[test]
fn divergence_methods() {
    let row = |m: &&dyn thalweg::solver::nmf::DivergenceMethod| {
        let (about, betas) = (m.about(), m.betas());
        let range = format!("{} to {}", betas.start(), betas.end());
        format!("| `{}` | {} | {} | {range} | `{}` | {} |", about.name, about.summary, about.cost_per_row, about.init.name(), about.source)
    };
    same("docs/methods.md", "| name | rule | arithmetic | β | its start | source |", &DIVERGENCE_METHODS.iter().map(row).collect::<Vec<_>>());
}

#[test]
fn formats() {
    let row = |f: &thalweg::data::Format| {
        let names: Vec<String> = f.extensions.iter().map(|e| format!("`.{e}`")).collect();
        format!("| {} | {} | {} |", f.name, f.about, names.join(" "))
    };
    let rows: Vec<String> = FORMATS.iter().map(row).collect();
    for name in ["README.md", "docs/files.md"] {
        same(name, "| format | what is read | usual names |", &rows);
    }
}

#[test]
fn maps() {
    let row = |kind: &thalweg::map::MapKind| format!("| `{}` | {} | {} |", kind.name, kind.formula, kind.about);
    same("docs/recovery.md", "| map | Aᵢ | what it is |", &MAPS.iter().map(row).collect::<Vec<_>>());
}

#[test]
fn starts() {
    let methods = page("docs/methods.md");
    for init in INITS {
        assert!(methods.contains(&format!("- `{}`: ", init.name())), "docs/methods.md does not tell of the start {}", init.name());
    }
}

/// Relative links in the guide lead to files.
#[test]
fn links() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned(), "CHANGELOG.md".to_owned()];
    pages.extend(fs::read_dir(root.join("docs")).expect("the guide").map(|entry| format!("docs/{}", entry.expect("an entry").file_name().display())));
    for name in pages.iter().filter(|name| name.ends_with(".md")) {
        let text = page(name);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().expect("a first part");
            let at = root.join(name).parent().expect("in a folder").join(file);
            assert!(link.contains("://") || at.exists(), "{name} links to {link}, which is not there");
        }
    }
}
