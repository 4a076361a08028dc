//! The tables of the guide are what the registries say. To bring a table up to date, copy the lines that a failure prints.

use std::fs;
use std::path::{Path, PathBuf};
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

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The pages of the guide, by their names in the repository, with the files beside them.
fn files_of_the_guide() -> Vec<String> {
    let entries = fs::read_dir(root().join("docs")).expect("the guide").map(|entry| entry.expect("an entry").file_name());
    entries.map(|name| format!("docs/{}", name.display())).collect()
}

fn is_page(name: &str) -> bool {
    name.ends_with(".md")
}

/// Text without its code, in which a bracket is no link and a number sign no heading.
fn prose(page: &str) -> String {
    let mut is_code = false;
    let lines = page.lines().filter(|line| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence && !line.starts_with("    ")
    });
    let without_spans = |line: &str| line.split('`').step_by(2).collect::<Vec<_>>().join("`");
    lines.map(|line| without_spans(line) + "\n").collect()
}

/// What `](` leads to.
fn links_of(page: &str) -> Vec<String> {
    prose(page).split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned).collect()
}

/// The names under which the headings of a page are linked to, here and in the book: letters, digits, `-` and `_`, in lower case, blanks as `-`; the
/// second of a name has `-1` after it.
fn anchors(page: &str) -> Vec<String> {
    let mut is_code = false;
    let mut anchors: Vec<String> = Vec::new();
    for line in page.lines() {
        is_code ^= line.starts_with("```");
        let heading = line.trim_start_matches('#');
        if is_code || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect();
        let same = anchors.iter().filter(|anchor| **anchor == slug).count();
        anchors.push(if same == 0 { slug } else { format!("{slug}-{same}") });
    }
    anchors
}

/// Relative links lead to files, and their anchors to headings.
#[test]
fn links() {
    let mut pages = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned(), "CHANGELOG.md".to_owned()];
    pages.extend(files_of_the_guide().into_iter().filter(|name| is_page(name)));
    for name in pages {
        for link in links_of(&page(&name)).iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').map_or((link.as_str(), None), |(file, anchor)| (file, Some(anchor)));
            let at = Path::new(&name).parent().expect("in a folder").join(file);
            let target = if file.is_empty() { PathBuf::from(&name) } else { at };
            assert!(root().join(&target).exists(), "{name} links to {link}, which is not there");
            if let Some(anchor) = anchor {
                let text = fs::read_to_string(root().join(&target)).expect("a page");
                assert!(anchors(&text).iter().any(|known| known == anchor), "{name} links to {link}, but the page has no such heading");
            }
        }
    }
}

/// The table of contents lists every page once and nothing else, so that the book is whole.
#[test]
fn every_page_has_its_place_in_the_book() {
    let summary = links_of(&page("docs/SUMMARY.md"));
    let mut listed: Vec<String> = summary.iter().map(|link| format!("docs/{link}")).collect();
    listed.sort();
    let mut pages: Vec<String> = files_of_the_guide().into_iter().filter(|name| is_page(name) && name != "docs/SUMMARY.md").collect();
    pages.sort();
    assert_eq!(listed, pages);
}

/// A book holds nothing of what lies outside its folder.
#[test]
fn pages_of_the_book_link_within_it() {
    for name in files_of_the_guide().into_iter().filter(|name| is_page(name)) {
        for link in links_of(&page(&name)) {
            assert!(!link.starts_with(".."), "{name} links to {link}, which the book does not hold");
        }
    }
}

/// What is cited and what changed carry the version of the program.
#[test]
fn versions_agree() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(page("CITATION.cff").lines().any(|line| line == format!("version: {version}")), "CITATION.cff has another version than {version}");
    assert!(page("CHANGELOG.md").contains(&format!("\n## [{version}]")), "CHANGELOG.md says nothing of {version}");
}

/// Each chapter begins with its title, the only one of its level.
#[test]
fn a_page_has_one_title() {
    for name in files_of_the_guide().into_iter().filter(|name| is_page(name) && name != "docs/SUMMARY.md") {
        let text = page(&name);
        let titles = prose(&text).lines().filter(|line| line.starts_with("# ")).count();
        assert!(text.starts_with("# ") && titles == 1, "{name} has {titles} titles");
    }
}
