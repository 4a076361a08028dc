//! A module of the library uses only what stands left of it in the design.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules in order; those in one group do not use one another.
const ORDER: &[&[&str]] =
    &[&["error"], &["linalg"], &["factors"], &["comm"], &["data"], &["map"], &["problem"], &["solver", "certificate", "geometry"], &["audit"]];

/// What the crate root re-exports, with the module it comes from.
const RE_EXPORTS: &[(&str, &str)] = &[("Error", "error"), ("Factors", "factors"), ("Side", "factors")];

fn level(module: &str) -> usize {
    ORDER.iter().position(|group| group.contains(&module)).unwrap_or_else(|| panic!("module {module} has no place in the order"))
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// The names that follow `crate::` in code, single or in braces.
fn names_used(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let code: String = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let list = match rest.strip_prefix('{') {
            Some(inner) => inner.split('}').next().unwrap_or(""),
            None => rest,
        };
        let word = |s: &str| s.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        if rest.starts_with('{') { names.extend(list.split(',').map(word)) } else { names.push(word(list)) }
    }
    names.retain(|n| !n.is_empty());
    names
}

#[test]
fn modules_use_only_what_stands_left_of_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root) {
        let relative = path.strip_prefix(&root).unwrap();
        let module = relative.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
        if module == "lib" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        // unit tests may reach anywhere
        let text = text.split("#[cfg(test)]").next().unwrap();
        for name in names_used(text) {
            let used = RE_EXPORTS.iter().find(|(n, _)| *n == name).map_or(name.as_str(), |(_, m)| m);
            if used == module {
                continue;
            }
            assert!(level(used) < level(&module), "{} uses {used}, which does not stand left of {module}", relative.display());
        }
    }
}

#[test]
fn only_linalg_names_the_matrix_backend() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root) {
        if path.starts_with(root.join("linalg")) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("faer::"), "{} names the matrix backend", path.display());
    }
}
