//! Series matrices of the Gene Expression Omnibus: lines about the series and its samples, each begun by `!`, and between
//! `!series_matrix_table_begin` and `!series_matrix_table_end` a table of probes × samples.
//!
//! Format: NCBI GEO, <https://www.ncbi.nlm.nih.gov/geo/info/>

use super::parsed::Parsed;
use super::table;
use super::text::{self, Fields, Labels, Separator};
use super::{Format, Input, ReadOptions};
use crate::Error;
use crate::data::source::{Budget, shown};

pub(super) const FORMAT: Format = Format {
    name: "series-matrix",
    about: "GEO series matrix: rows are probes, columns are samples, named by their ids",
    extensions: &[],
    sample: || {
        let text = "!Series_title\t\"A series\"\n!Series_geo_accession\t\"GSE1\"\n\n!series_matrix_table_begin\n\
                    \"ID_REF\"\t\"GSM1\"\t\"GSM2\"\n\"1_at\"\t1.5\t2\n\"2_at\"\t0\t3e-1\n!series_matrix_table_end\n";
        vec![("sample.txt", text.as_bytes().to_vec())]
    },
    sniff: |input, _| input.is_text() && [&b"!Series_"[..], b"\"!Series_"].iter().any(|start| input.bytes().starts_with(start)),
    read,
    list: None,
};

const BEGIN: &[u8] = b"!series_matrix_table_begin";
const END: &[u8] = b"!series_matrix_table_end";

fn read(input: &Input, options: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let source = input.origin();
    let body = text::body(source)?;
    let is = |line: &text::Line, mark: &[u8]| line.bytes.trim_ascii().eq_ignore_ascii_case(mark);
    if !text::lines(body).any(|line| is(&line, BEGIN)) {
        return Err(source.malformed("its lines", "!series_matrix_table_begin", "the end of the file"));
    }
    // without this line a file that was cut off would pass for a whole one
    if !text::lines(body).any(|line| is(&line, END)) {
        return Err(source.malformed("its lines", "!series_matrix_table_end", "the end of the file"));
    }
    let rows = text::lines(body).skip_while(move |line| !is(line, BEGIN)).skip(1).take_while(move |line| !is(line, END));
    let mut parsed = table::read_lines(source, rows, options, budget)?;
    parsed.notes.push(about(body));
    Ok(parsed)
}

/// Accession and title of the series.
fn about(body: &[u8]) -> String {
    let field = |key: &[u8]| {
        let line = text::lines(body).find(|line| line.bytes.strip_prefix(key).is_some_and(|rest| rest.starts_with(b"\t")))?;
        Some(Labels::default().label(Fields::new(line.bytes, Separator::Tab).nth(1)?))
    };
    let accession = field(b"!Series_geo_accession").unwrap_or_else(|| "without accession".into());
    let title = field(b"!Series_title").unwrap_or_default();
    format!("GEO series {}: {}", shown(accession.as_bytes()), shown(title.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::format::Missing;
    use crate::data::format::tests::{bytes, dense, read_bytes};

    #[test]
    fn only_the_table_is_read() {
        let data = bytes("x.txt", &(FORMAT.sample)()[0].1).expect("reads");
        assert_eq!((data.format, dense(&data)), ("series-matrix", vec![vec![1.5, 2.0], vec![0.0, 0.3]]));
        assert_eq!(
            (data.row_labels.expect("probes"), data.col_labels.expect("samples")),
            (vec!["1_at".to_owned(), "2_at".into()], vec!["GSM1".to_owned(), "GSM2".into()])
        );
        assert!(data.notes.iter().any(|n| n.contains("GSE1") && n.contains("A series")), "{:?}", data.notes);
    }

    #[test]
    fn gaps_and_cuts_are_named() {
        let file = |rows: &str| format!("!Series_title\t\"x\"\n!series_matrix_table_begin\n\"ID_REF\"\t\"GSM1\"\t\"GSM2\"\n{rows}").into_bytes();
        let gappy = file("\"1_at\"\tnull\t2\n\"2_at\"\t1\t\n!series_matrix_table_end\n");
        let message = bytes("x.txt", &gappy).expect_err("gaps").to_string();
        assert!(message.contains("line 4, column 2") && message.contains("--missing nan"), "{message}");
        let nan = ReadOptions { missing: Missing::Nan, ..ReadOptions::default() };
        assert_eq!(read_bytes("x.txt", &gappy, &nan).expect("reads").matrix.summary().observed, 2);
        assert!(bytes("x.txt", &file("\"1_at\"\t1\t2\n")).expect_err("cut").to_string().contains("!series_matrix_table_end"));
        assert!(bytes("x.txt", b"!Series_title\t\"x\"\n1 2\n").expect_err("no table").to_string().contains("table_begin"));
        assert!(bytes("x.txt", &file("!series_matrix_table_end\n")).is_err());
    }
}
