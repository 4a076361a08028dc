//! What a misspelt name most likely means.

use super::source::shown;

/// The known name with the fewest letters wrong, missing, added or exchanged with their neighbour (Damerau 1964), if these are at most a third
/// of the word; upper and lower case are the same. Of several the first.
///
/// ```
/// use thalweg::data::nearest_name;
/// assert_eq!(nearest_name("abundence", ["spectra", "abundance"]), Some("abundance"));
/// assert_eq!(nearest_name("weights", ["spectra", "abundance"]), None);
/// ```
pub fn nearest_name<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = |name: &str| name.to_lowercase().chars().collect::<Vec<char>>();
    let word = letters(word);
    let near = known.into_iter().map(|name| (distance(&word, &letters(name)), name)).min_by_key(|&(edits, _)| edits);
    near.filter(|&(edits, _)| 3 * edits <= word.len()).map(|(_, name)| name)
}

/// `; did you mean "NAME"?` for the end of a message, or nothing where no known name is near. The name may come from a file: it is shown as text,
/// whatever it holds.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest_name(word, known).map_or(String::new(), |name| format!("; did you mean {}?", shown(name.as_bytes())))
}

/// Edits from one word to the other, each letter in at most one of them.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let mut edits = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + usize::from(a[i - 1] != b[j - 1]));
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                edits = edits.min(before[j - 2] + 1);
            }
            row.push(edits);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_edit_counts_once() {
        let edits = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        for (a, b, expected) in [("", "", 0), ("", "abc", 3), ("rank", "rnak", 1), ("fit", "fits", 1), ("audit", "edit", 2), ("ab", "ba", 1)] {
            assert_eq!((edits(a, b), edits(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn what_is_far_is_not_suggested() {
        assert_eq!(nearest_name("x", ["y"]), None);
        assert_eq!(nearest_name("movielen", ["kos", "movielens", "movies"]), Some("movielens"));
        assert_eq!(did_you_mean("Kso", ["kos"]), "; did you mean \"kos\"?");
        assert_eq!(did_you_mean("", ["kos"]), "");
    }
}
