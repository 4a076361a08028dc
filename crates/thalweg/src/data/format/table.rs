//! Tables of numbers as text: CSV, TSV, blank separated.

use super::parsed::{Parsed, kept_columns};
use super::text::{self, Fields, LABEL_BYTES, Labels, Line, Separator, Values, is_words, number};
use super::{Format, Input, ReadOptions};
use crate::Error;
use crate::data::source::{Budget, Source};

pub(super) const FORMAT: Format = Format {
    name: "table",
    about: "numbers between commas, tabs, semicolons or blanks (CSV, TSV), with or without column and row names; \
            lines that begin with !, # or % are skipped",
    extensions: &["csv", "tsv", "tab", "txt", "data"],
    sample: || vec![("sample.csv", b"gene,t0,t1\n\"a, b\",1.5,2\nc,0,3e-1\n".to_vec())],
    // nothing marks a table: it is what text is when it is nothing else
    sniff: |_, _| false,
    read,
    list: None,
};

const COMMENTS: &[u8] = b"!#%";

/// First cells of headers that stand over row names.
const NAME_COLUMNS: [&str; 12] = ["", "id", "id_ref", "index", "name", "names", "row", "row.names", "rownames", "gene", "probe", "unnamed: 0"];

/// What the first lines tell about the others.
#[derive(Debug, PartialEq, Eq)]
struct Heading {
    has_header: bool,
    has_names: bool,
    /// Fields of a row, its name included.
    fields: usize,
}

impl Heading {
    /// A header is a first line with words above numbers, if it does not begin with a number: then a word is a mistake to report. R leaves
    /// out the cell over the row names, pandas leaves it empty.
    fn of(first: &[&[u8]], second: Option<&[&[u8]]>) -> Self {
        let Some(second) = second else {
            let has_header = first.iter().all(|field| is_words(field));
            return Heading { has_header, has_names: !has_header && names_rows(first), fields: first.len() };
        };
        let lacks_corner = second.len() == first.len() + 1 && first.iter().any(|field| is_words(field));
        let is_over_names = first.len() > 1 && NAME_COLUMNS.contains(&corner(first).as_str());
        let words_above_numbers = number(first[0]).is_none() && first.iter().zip(second).any(|(above, below)| is_words(above) && !is_words(below));
        let has_header = lacks_corner || words_above_numbers || is_over_names && (is_words(first[0]) || counts_up(&first[1..]));
        let has_names = if has_header { lacks_corner || is_over_names || names_rows(second) } else { names_rows(first) };
        Heading { has_header, has_names, fields: if lacks_corner { second.len() } else { first.len() } }
    }

    fn cols(&self) -> usize {
        self.fields - usize::from(self.has_names)
    }
}

fn corner(header: &[&[u8]]) -> String {
    Labels::default().label(header[0]).to_lowercase()
}

fn names_rows(row: &[&[u8]]) -> bool {
    row.len() > 1 && is_words(row[0])
}

/// Whether a line that could be numbers is pandas' header over columns without names: 0, 1, 2, … or 1, 2, 3, …
fn counts_up(fields: &[&[u8]]) -> bool {
    [0.0, 1.0].into_iter().any(|start| fields.iter().enumerate().all(|(i, field)| number(field) == Some(i as f64 + start)))
}

fn read(input: &Input, options: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let source = input.origin();
    let body = text::body(source)?;
    let lines = text::lines_without(body, COMMENTS);
    let comments = text::lines(body).count() - lines.clone().count();
    let mut parsed = read_lines(source, lines, options, budget)?;
    if comments > 0 {
        parsed.notes.push(format!("comment lines skipped, which begin with !, # or %: {comments}"));
    }
    Ok(parsed)
}

/// The table in these lines.
pub(super) fn read_lines<'a>(
    source: &'a Source,
    mut lines: impl Iterator<Item = Line<'a>> + Clone,
    options: &ReadOptions,
    budget: &Budget,
) -> Result<Parsed, Error> {
    let mut ahead = lines.clone();
    let first = ahead.next().ok_or_else(|| source.malformed("start", "a table of numbers", "no line of one"))?;
    let separator = Separator::of(first.bytes);
    let first = fields(first, separator, budget)?;
    let second = ahead.next().map(|line| fields(line, separator, budget)).transpose()?;
    let heading = Heading::of(&first, second.as_deref());
    let count = lines.clone().count();
    let mut labels = Labels::default();
    let (mut row_labels, mut col_labels) = (None, None);
    if heading.has_header {
        lines.next();
        let names = &first[first.len() - heading.cols()..];
        col_labels = Some(names.iter().map(|name| labels.label(name)).collect());
    }
    let (rows, cols) = (count - usize::from(heading.has_header), heading.cols());
    budget.claim_items("the matrix", (rows as u64).saturating_mul(cols as u64), 8)?;
    let mut table =
        Table { heading: &heading, separator, kept: kept_columns(options, cols)?, values: Vec::with_capacity(rows * cols), names: Vec::new() };
    let mut numbers = Values { source, first_gap: None };
    for line in lines {
        let name = table.row(line, &mut numbers)?;
        if let Some(name) = name {
            budget.claim("its row names", LABEL_BYTES + 2 * name.len() as u64)?;
            table.names.push(labels.label(name));
        }
    }
    if heading.has_names {
        row_labels = Some(table.names);
    }
    let mut parsed = Parsed { row_labels, col_labels, gap: numbers.first_gap, ..Parsed::table(rows, cols, table.values) };
    parsed.notes = notes(&heading);
    parsed.notes.extend(labels.note());
    Ok(parsed)
}

/// The rows read so far.
struct Table<'a> {
    heading: &'a Heading,
    separator: Separator,
    kept: std::ops::Range<usize>,
    values: Vec<f64>,
    names: Vec<String>,
}

impl Table<'_> {
    /// Reads the numbers of a row and returns its name. Columns that are not kept may hold anything.
    fn row<'a>(&mut self, line: Line<'a>, numbers: &mut Values) -> Result<Option<&'a [u8]>, Error> {
        let names = usize::from(self.heading.has_names);
        let mut fields = Fields::new(line.bytes, self.separator).enumerate();
        let name = if self.heading.has_names { fields.next().map(|(_, name)| name) } else { None };
        let start = self.values.len();
        for (at, field) in fields.by_ref().take(self.heading.cols()) {
            let is_kept = self.kept.contains(&(at - names));
            self.values.push(if is_kept { numbers.read(line, at, field)? } else { f64::NAN });
        }
        let found = names + self.values.len() - start + fields.count();
        if found == self.heading.fields { Ok(name) } else { Err(self.wrong_length(numbers.source, line, found)) }
    }

    fn wrong_length(&self, source: &Source, line: Line, found: usize) -> Error {
        let expected = format!("{} {} separated fields", self.heading.fields, self.separator.name());
        source.malformed(format!("line {}", line.number), expected, found.to_string())
    }
}

fn fields<'a>(line: Line<'a>, separator: Separator, budget: &Budget) -> Result<Vec<&'a [u8]>, Error> {
    let fields = Fields::new(line.bytes, separator);
    let count = fields.clone().count();
    // the list of fields, and the labels they may become
    budget.claim_items("its columns", count as u64, 16 + LABEL_BYTES)?;
    let mut list = Vec::with_capacity(count);
    list.extend(fields);
    Ok(list)
}

fn notes(heading: &Heading) -> Vec<String> {
    let mut notes = Vec::new();
    if heading.has_header {
        notes.push("the first line names the columns".to_owned());
    }
    if heading.has_names {
        notes.push("the first column names the rows".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::format::tests::{bytes, dense, read_bytes};
    use crate::data::format::{Layout, Missing};

    fn labels(labels: &Option<Vec<String>>) -> Vec<&str> {
        labels.iter().flatten().map(String::as_str).collect()
    }

    #[test]
    fn separators_line_ends_and_marks() {
        for text in ["1,2\n3,4\n", "1;2\r\n3;4", "1\t2\n\n3\t4\n", " 1  2 \r3 4", "\u{feff}1,2\n3,4", "\"1\", 2\n3,\"4\"\n", "# x\n1 2\n% y\n3 4\n"] {
            assert_eq!(dense(&bytes("x.csv", text.as_bytes()).expect(text)), [[1.0, 2.0], [3.0, 4.0]], "{text:?}");
        }
    }

    #[test]
    fn names_are_found_where_they_stand() {
        for (text, columns, rows) in [
            ("1,2\n3,4\n", vec![], vec![]),
            ("a,b\n1,2\n3,4\n", vec!["a", "b"], vec![]),
            ("r,1,2\ns,3,4\n", vec![], vec!["r", "s"]),
            ("what,a,b\nr,1,2\ns,3,4\n", vec!["a", "b"], vec!["r", "s"]),
            (",a,b\n7,1,2\n8,3,4\n", vec!["a", "b"], vec!["7", "8"]),
            (",0,1\n0,1,2\n1,3,4\n", vec!["0", "1"], vec!["0", "1"]),
            ("ID,a,b\n7,1,2\n8,3,4\n", vec!["a", "b"], vec!["7", "8"]),
            ("ID,5,6\nr,1,2\ns,3,4\n", vec!["5", "6"], vec!["r", "s"]),
            ("\"a\" \"b\"\n\"r\" 1 2\n\"s\" 3 4\n", vec!["a", "b"], vec!["r", "s"]),
        ] {
            let data = bytes("x.csv", text.as_bytes()).expect(text);
            assert_eq!(dense(&data), [[1.0, 2.0], [3.0, 4.0]], "{text:?}");
            assert_eq!((labels(&data.col_labels), labels(&data.row_labels)), (columns, rows), "{text:?}");
        }
    }

    #[test]
    fn a_gap_in_the_first_line_does_not_make_a_header() {
        let options = ReadOptions { missing: Missing::Nan, ..ReadOptions::default() };
        let data = read_bytes("x.csv", b",2,3\n4,5,6\n", &options).expect("reads");
        assert_eq!((data.matrix.shape(), data.matrix.summary().observed), ((2, 3), 5));
    }

    #[test]
    fn one_column_one_row() {
        assert_eq!(dense(&bytes("x.txt", b"value\n1\n2\n").expect("reads")), [[1.0], [2.0]]);
        assert_eq!(dense(&bytes("x.txt", b"1 2 3").expect("reads")), [[1.0, 2.0, 3.0]]);
        assert_eq!(labels(&bytes("x.txt", b"r 2 3").expect("reads").row_labels), ["r"]);
    }

    #[test]
    fn columns_left_out_may_hold_anything() {
        let iris = b"5.1,3.5,setosa\n4.9,,virginica\n";
        assert!(bytes("iris.data", iris).expect_err("words").to_string().contains("line 1, column 3: expected a number, found \"setosa\""));
        let options = ReadOptions { columns: Some((0, 1)), ..ReadOptions::default() };
        assert_eq!(dense(&read_bytes("iris.data", iris, &options).expect("reads")), [[5.1], [4.9]]);
        let options = ReadOptions { columns: Some((1, 2)), transpose: true, ..ReadOptions::default() };
        let data = read_bytes("x.csv", b"id,a,b,c\nr,1,2,3\ns,4,5,6\n", &options).expect("reads");
        assert_eq!(dense(&data), [[2.0, 5.0]]);
        assert_eq!((labels(&data.row_labels), labels(&data.col_labels)), (vec!["b"], vec!["r", "s"]));
    }

    #[test]
    fn zeros_are_unobserved_when_asked() {
        let options = ReadOptions { missing: Missing::Absent, ..ReadOptions::default() };
        assert_eq!(read_bytes("x.txt", b"0 2\n3 0\n", &options).expect("reads").matrix.summary().observed, 2);
    }

    #[test]
    fn damage_is_named() {
        let says = |text: &[u8], word: &str| {
            let message = bytes("x.csv", text).expect_err(word).to_string();
            assert!(message.contains(word), "{message:?} lacks {word:?}");
        };
        says(b"1,2\n3\n", "line 2: expected 2 comma separated fields, found 1");
        says(b"1,2\n3,4,5\n", "line 2: expected 2 comma separated fields, found 3");
        says(b"1,2\n\n3,4x\n", "line 3, column 2: expected a number, found \"4x\"");
        says(b"1,2\n3,inf\n", "line 2, column 2: expected a finite number");
        says(b"a,b\n1,2\n3,\n", "line 3, column 2: expected a number (with --missing nan");
        says(b"1,2x\n3,4\n", "line 1, column 2: expected a number, found \"2x\"");
        says(b"1,NA\n", "found \"NA\"");
        says(b"1,\x1b[31m\n2,3\n4,\x1b[31m\n", "\\u{1b}[31m");
        says(b"a,b\n", "at least one row");
        says(b"# nothing\n", "a table of numbers");
        says(b"\xff\xfe1\x00", "UTF-16");
        says(b"1,5;2,5\n3,5;4,5\n", "line 1, column 2: expected a number, found \"2,5\"");
    }

    #[test]
    fn labels_in_latin1_are_read_with_a_note() {
        let data = bytes("x.csv", b"gene,caf\xe9\nr,1\n").expect("reads");
        assert_eq!(labels(&data.col_labels), ["café"]);
        assert!(data.notes.iter().any(|n| n.contains("Latin-1")));
    }

    #[test]
    fn a_very_long_line_is_refused_before_it_is_kept() {
        let mut file = vec![b','; 2_000_000];
        file.push(b'\n');
        let options = ReadOptions { max_memory: 4_000_000, missing: Missing::Nan, ..ReadOptions::default() };
        assert!(matches!(read_bytes("x.csv", &file, &options), Err(Error::Memory { .. })));
    }

    #[test]
    fn layout_table_reads_ratings_as_a_table() {
        let options = ReadOptions { layout: Layout::Table, ..ReadOptions::default() };
        let data = read_bytes("r.csv", b"user,item,rating\n1,2,5\n", &options).expect("reads");
        assert_eq!(dense(&data), [[1.0, 2.0, 5.0]]);
    }
}
