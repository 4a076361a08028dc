//! Ratings: a line is a user, an item, a rating, and perhaps a time.
//!
//! Rows are users and columns are items, both in natural order of their ids, so the matrix does not depend on the order of the lines. Pairs
//! without a line are unobserved; of two lines for the same pair the later one stands.

use super::listing::Listing;
use super::parsed::{Gap, Parsed, Unlisted, claim_listed};
use super::text::{self, Fields, LABEL_BYTES, Labels, Line, Separator, TextStream, Values, is_words, number, whole};
use super::{Format, Input, Layout, ReadOptions, natural};
use crate::Error;
use crate::data::source::{Budget, Source};
use crate::data::{Duplicates, Triplet};
use std::collections::HashMap;

pub(super) const FORMAT: Format = Format {
    name: "ratings",
    about: "user, item, rating and perhaps a time on each line, between ::, tabs, semicolons, commas or blanks; pairs not listed are unobserved",
    extensions: &[],
    sample: || vec![("sample.dat", b"1::10::5::978300760\n1::2::3::978302109\n2::10::4::978301968\n".to_vec())],
    sniff,
    read,
    list: Some(list),
};

/// Bytes of an id in the table of ids, which may be half empty, and in the lists made of it.
const ID_BYTES: u64 = 96 + LABEL_BYTES;

const COMMENTS: &[u8] = b"#%!";

fn data_lines(body: &[u8]) -> impl Iterator<Item = Line<'_>> + Clone {
    text::lines_without(body, COMMENTS)
}

fn sniff(input: &Input, options: &ReadOptions) -> bool {
    let first = text::body(input.origin()).ok().filter(|_| input.is_text()).and_then(|body| data_lines(body).next());
    match (options.layout, first) {
        (Layout::Table, _) | (_, None) => false,
        (Layout::Triplets, _) => true,
        (Layout::Auto, Some(line)) => {
            let layout = Fields::new(line.bytes, separator(line));
            let fields: Vec<_> = layout.take(5).collect();
            let is_id = |field: &[u8]| whole(field).is_some() || number(field).is_none();
            let is_entry = (3..=4).contains(&fields.len()) && fields[..2].iter().all(|field| is_id(field));
            let is_named = is_ratings_name(input);
            is_entry && (separator(line) == Separator::DoubleColon || is_named) || Columns::named(&fields).is_some()
        }
    }
}

/// `.dat` files, and those of MovieLens 100k: `u.data`, `u1.base`, `u1.test` and so on.
fn is_ratings_name(input: &Input) -> bool {
    let name = input.file_name();
    let is_split = |name: &str| name.starts_with('u') && matches!(name.len(), 7);
    matches!(input.extension(), Some("dat")) || name == "u.data" || matches!(input.extension(), Some("base" | "test")) && is_split(name)
}

fn separator(line: Line) -> Separator {
    if line.bytes.windows(2).any(|w| w == b"::") { Separator::DoubleColon } else { Separator::of(line.bytes) }
}

/// Which fields of a line are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Columns {
    user: usize,
    item: usize,
    rating: usize,
}

impl Columns {
    /// From a header that names users and ratings: the first other column is the item.
    fn named(header: &[&[u8]]) -> Option<Self> {
        let find = |names: &[&str]| {
            header.iter().position(|field| {
                let field = String::from_utf8_lossy(field).to_lowercase();
                is_words(field.as_bytes()) && names.iter().any(|name| field.contains(name))
            })
        };
        let (user, rating) = (find(&["user", "customer", "reviewer"])?, find(&["rating", "score", "stars"])?);
        let item = (0..header.len()).find(|&i| i != user && i != rating)?;
        (user != rating).then_some(Columns { user, item, rating })
    }
}

/// Ids in the order in which they appear.
#[derive(Default)]
pub(super) struct Ids {
    place: HashMap<Box<[u8]>, u32>,
}

impl Ids {
    pub(super) fn place(&mut self, id: &[u8], budget: &Budget) -> Result<u32, Error> {
        if let Some(&place) = self.place.get(id) {
            return Ok(place);
        }
        budget.claim("its ids", ID_BYTES + id.len() as u64)?;
        let place = self.place.len() as u32;
        self.place.insert(id.into(), place);
        Ok(place)
    }

    /// For each place its rank in natural order, and the ids in that order.
    fn ranked(self, labels: &mut Labels) -> (Vec<u32>, Vec<String>) {
        let mut order: Vec<(Box<[u8]>, u32)> = self.place.into_iter().collect();
        order.sort_unstable_by(|(a, _), (b, _)| natural::compare(a, b));
        let mut rank = vec![0; order.len()];
        for (at, &(_, place)) in order.iter().enumerate() {
            rank[place as usize] = at as u32;
        }
        (rank, order.iter().map(|(id, _)| labels.label(id)).collect())
    }
}

/// Users and items in natural order: for each, by the order in which they appeared, its number and its name.
pub(super) struct Ranked {
    pub ranks: [Vec<u32>; 2],
    pub labels: [Vec<String>; 2],
    pub note: Option<String>,
}

impl Ranked {
    pub(super) fn of(users: Ids, items: Ids) -> Self {
        let mut labels = Labels::default();
        let ((user_rank, row_labels), (item_rank, col_labels)) = (users.ranked(&mut labels), items.ranked(&mut labels));
        Ranked { ranks: [user_rank, item_rank], labels: [row_labels, col_labels], note: labels.note() }
    }
}

/// What the first line tells about all.
struct Heading {
    separator: Separator,
    columns: Columns,
    has_header: bool,
    about: String,
}

impl Heading {
    fn of(first: Line<'_>) -> Self {
        let separator = separator(first);
        let header: Vec<_> = Fields::new(first.bytes, separator).take(16).collect();
        // one word where a rating should be is a mistake to report, not a header
        let has_header = Columns::named(&header).is_some() || header.len() > 2 && header[..3].iter().all(|field| is_words(field));
        let columns = Columns::named(&header).unwrap_or(Columns { user: 0, item: 1, rating: 2 });
        Heading { separator, columns, has_header, about: describe(&header, separator, columns, has_header) }
    }

    /// The entry in a line, with users and items numbered as they appear.
    fn entry(&self, line: Line<'_>, [users, items]: &mut [Ids; 2], values: &mut Values<'_>, budget: &Budget) -> Result<Triplet, Error> {
        let [user, item, rating] = fields(values.source, line, self.separator, self.columns)?;
        let value = values.read(line, self.columns.rating, rating)?;
        Ok(Triplet { row: users.place(user, budget)?, col: items.place(item, budget)?, value })
    }
}

fn no_line(source: &Source) -> Error {
    source.malformed("start", "a line with user, item and rating", "the end of the file")
}

fn read(input: &Input, _: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let source = input.origin();
    let mut lines = data_lines(text::body(source)?);
    let heading = Heading::of(lines.clone().next().ok_or_else(|| no_line(source))?);
    let count = lines.clone().count();
    if count > u32::MAX as usize {
        return Err(source.malformed("its lines", format!("at most {}", u32::MAX), count.to_string()));
    }
    if heading.has_header {
        lines.next();
    }
    claim_listed(budget, 0, 0, count)?;
    let mut entries = Vec::with_capacity(count);
    let mut ids = <[Ids; 2]>::default();
    let mut values = Values { source, first_gap: None };
    for line in lines {
        entries.push(heading.entry(line, &mut ids, &mut values, budget)?);
    }
    let mut parsed = by_id(entries, ids, values.first_gap, budget)?;
    parsed.notes.insert(0, heading.about);
    Ok(parsed)
}

fn list(mut text: TextStream<'_>, _: &ReadOptions, budget: &Budget, take: &mut dyn FnMut(Triplet) -> Result<(), Error>) -> Result<Listing, Error> {
    let origin = text.origin.clone();
    let (mut ids, mut values) = (<[Ids; 2]>::default(), Values { source: &origin, first_gap: None });
    let mut found: Option<Heading> = None;
    text.each_line(&origin, budget, |line| match &found {
        _ if COMMENTS.contains(&line.bytes[0]) => Ok(()),
        Some(heading) => take(heading.entry(line, &mut ids, &mut values, budget)?),
        None => {
            let heading = found.insert(Heading::of(line));
            if heading.has_header { Ok(()) } else { take(heading.entry(line, &mut ids, &mut values, budget)?) }
        }
    })?;
    let heading = found.ok_or_else(|| no_line(&origin))?;
    let mut listing = Listing::by_id(ids, values.first_gap);
    listing.notes.insert(0, heading.about);
    Ok(listing)
}

/// Ratings whose rows and columns are numbered as their ids appeared, in natural order of the ids.
pub(super) fn by_id(mut entries: Vec<Triplet>, [users, items]: [Ids; 2], gap: Option<Gap>, budget: &Budget) -> Result<Parsed, Error> {
    let Ranked { ranks: [user_rank, item_rank], labels: [row_labels, col_labels], note } = Ranked::of(users, items);
    for e in &mut entries {
        (e.row, e.col) = (user_rank[e.row as usize], item_rank[e.col as usize]);
    }
    let (rows, cols) = (row_labels.len(), col_labels.len());
    claim_listed(budget, rows, cols, 0)?;
    let mut parsed = Parsed::listed(rows, cols, entries, Duplicates::KeepLast, Unlisted::Unobserved);
    (parsed.row_labels, parsed.col_labels, parsed.gap) = (Some(row_labels), Some(col_labels), gap);
    parsed.notes.extend(note);
    Ok(parsed)
}

fn fields<'a>(source: &Source, line: Line<'a>, separator: Separator, columns: Columns) -> Result<[&'a [u8]; 3], Error> {
    let (mut user, mut item, mut rating) = (None, None, None);
    let last = columns.user.max(columns.item).max(columns.rating);
    let mut found = 0;
    for (at, field) in Fields::new(line.bytes, separator).take(last + 1).enumerate() {
        match at {
            at if at == columns.user => user = Some(field),
            at if at == columns.item => item = Some(field),
            at if at == columns.rating => rating = Some(field),
            _ => {}
        }
        found = at + 1;
    }
    match (user, item, rating) {
        (Some(user), Some(item), Some(rating)) if !user.is_empty() && !item.is_empty() => Ok([user, item, rating]),
        (Some(_), Some(_), Some(_)) => Err(source.malformed(format!("line {}", line.number), "a user and an item", "an empty id")),
        _ => {
            let expected = format!("at least {} fields ({} between them)", last + 1, separator.name());
            Err(source.malformed(format!("line {}", line.number), expected, found.to_string()))
        }
    }
}

fn describe(header: &[&[u8]], separator: Separator, columns: Columns, has_header: bool) -> String {
    let name = |column: usize| match header.get(column) {
        Some(name) if has_header => crate::data::source::shown(name),
        _ => format!("column {}", column + 1),
    };
    let (user, item, rating) = (name(columns.user), name(columns.item), name(columns.rating));
    format!("read as ratings ({} separated): rows are {user}, columns {item}, values {rating}", separator.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::format::tests::{bytes, read_bytes};
    use crate::data::format::{Dataset, Missing};

    fn entries(data: &Dataset) -> Vec<(usize, usize, f64)> {
        (0..data.matrix.shape().0).flat_map(|i| data.matrix.row_entries(i).map(move |(j, x, _)| (i, j, x))).collect()
    }

    #[test]
    fn ids_are_sorted_as_numbers_and_kept_as_labels() {
        let data = bytes("ratings.dat", b"10::7::5::0\n9::100::3::0\r\n10::100::4::0\n").expect("reads");
        assert_eq!((data.format, data.matrix.kind()), ("ratings", "observed"));
        assert_eq!(data.row_labels.as_deref().expect("users"), ["9", "10"]);
        assert_eq!(data.col_labels.as_deref().expect("items"), ["7", "100"]);
        assert_eq!(entries(&data), [(0, 1, 3.0), (1, 0, 5.0), (1, 1, 4.0)]);
        let shuffled = bytes("ratings.dat", b"10::100::4\n10::7::5\n9::100::3\n").expect("reads");
        assert_eq!((shuffled.matrix, shuffled.row_labels), (data.matrix, data.row_labels));
    }

    #[test]
    fn headers_name_the_columns() {
        let plain = bytes("r.csv", b"user_id,book_id,rating\n1,2,5\n3,2,4\n").expect("reads");
        assert_eq!((plain.format, plain.matrix.shape()), ("ratings", (2, 1)));
        let swapped = bytes("r.tsv", b"\"when\"\tmovieId\tuserId\tstars\n0\t2\t1\t5\n0\t2\t3\t4\n").expect("reads");
        assert!(swapped.notes[0].contains("userId"), "{:?}", swapped.notes);
        let movie_first = bytes("r.csv", b"movieId,userId,rating\n2,1,5\n2,3,4\n").expect("reads");
        assert_eq!((movie_first.matrix, movie_first.row_labels), (plain.matrix, plain.row_labels));
    }

    #[test]
    fn triplets_without_a_sign_are_a_table_unless_asked() {
        let file = b"1,2,5\n3,2,4\n";
        assert_eq!(bytes("r.csv", file).expect("reads").format, "table");
        let asked = ReadOptions { layout: Layout::Triplets, ..ReadOptions::default() };
        assert_eq!(read_bytes("r.csv", file, &asked).expect("reads").matrix.kind(), "observed");
        assert_eq!(bytes("r.dat", b"1 2 5\n3 2 4\n").expect("reads").format, "ratings");
        assert_eq!(bytes("r.dat", b"1.5 2 5\n3 2 4\n").expect("reads").format, "table");
        let table = ReadOptions { layout: Layout::Table, ..ReadOptions::default() };
        assert_eq!(read_bytes("r.dat", b"1 2 5\n3 2 4\n", &table).expect("reads").format, "table");
    }

    #[test]
    fn the_last_of_two_ratings_stands() {
        let data = bytes("r.dat", b"1::2::5\n1::2::0\n").expect("reads");
        assert_eq!(entries(&data), [(0, 0, 0.0)]);
        assert!(data.notes.iter().any(|n| n.contains("the last value listed is kept")), "{:?}", data.notes);
        let zeros = ReadOptions { missing: Missing::Zero, ..ReadOptions::default() };
        assert_eq!(read_bytes("r.dat", b"1::2::5\n", &zeros).expect("reads").matrix.kind(), "sparse");
    }

    #[test]
    fn damage_is_named() {
        let says = |text: &[u8], word: &str| {
            let message = bytes("r.dat", text).expect_err(word).to_string();
            assert!(message.contains(word), "{message:?} lacks {word:?}");
        };
        says(b"1::2::3\n1::2\n", "line 2: expected at least 3 fields (:: between them), found 2");
        says(b"1::2::3\n\n1::2::x\x1b\n", "line 3, column 3: expected a number, found \"x\\u{1b}\"");
        says(b"1::2::x\n1::2::3\n", "line 1, column 3: expected a number, found \"x\"");
        says(b"1::2::3\n1::2::inf\n", "finite");
        says(b"1::2::3\n1::2::\n", "line 2, column 3: expected a number (with --missing nan");
        says(b"1::2::3\n1::::4\n", "empty id");
        says(b"user::item::rating\n", "at least one row");
    }

    #[test]
    fn ids_in_latin1_stay_apart() {
        let data = bytes("r.dat", b"caf\xe9::2::3\ncaf\xe8::2::3\n").expect("reads");
        assert_eq!(data.row_labels.as_deref().expect("users"), ["cafè", "café"]);
        assert!(data.notes.iter().any(|n| n.contains("Latin-1")));
    }

    #[test]
    fn more_ids_than_memory() {
        let file: String = (0..1000).map(|i| format!("{i}::{i}::1\n")).collect();
        let options = ReadOptions { max_memory: 100_000, ..ReadOptions::default() };
        assert!(matches!(read_bytes("r.dat", file.as_bytes(), &options), Err(Error::Memory { .. })));
    }
}
