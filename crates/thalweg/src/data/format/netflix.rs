//! Ratings as the Netflix Prize has them: the line `movie:` and below it a line `user,rating,date` for each of its ratings, in one file or
//! in files `mv_*.txt`, one for each movie.
//!
//! Rows are users and columns are movies, both in natural order of their ids. Pairs without a line are unobserved.

use super::listing::Listing;
use super::parsed::{Parsed, claim_listed};
use super::ratings::{Ids, by_id};
use super::text::{self, Fields, Line, Separator, TextStream, Values, whole};
use super::{Format, Input, Layout, ReadOptions};
use crate::Error;
use crate::data::Triplet;
use crate::data::source::{Budget, Source, shown};

pub(super) const FORMAT: Format = Format {
    name: "netflix-prize",
    about: "Netflix Prize: the line movie: and below it user,rating,date lines, in one file or in a folder or archive of mv_*.txt; \
            pairs not listed are unobserved",
    extensions: &[],
    sample: || vec![("sample/mv_0000001.txt", b"1:\n7,5,2005-09-06\n10,3,2005-05-13\n".to_vec()), ("sample/mv_0000010.txt", b"10:\n7,4\n".to_vec())],
    sniff: |input, options| match input.files() {
        Some(files) => are_movies(files),
        None => options.layout == Layout::Auto && input.is_text() && is_movie(input.origin()),
    },
    read,
    list: Some(list),
};

/// Whether several files are movies and not images.
pub(super) fn are_movies(files: &[(String, Source)]) -> bool {
    files.iter().all(|(name, _)| name.to_lowercase().contains("mv_"))
}

fn is_movie(source: &Source) -> bool {
    text::body(source).ok().and_then(|body| text::lines(body).next()).is_some_and(|line| movie(line).is_some())
}

/// The id in a line `movie:`.
fn movie(line: Line<'_>) -> Option<&[u8]> {
    line.bytes.trim_ascii().strip_suffix(b":").filter(|id| whole(id).is_some())
}

const ABOUT: &str = "read as ratings of the Netflix Prize: rows are users, columns are movies";

/// What a line says; `col`: the movie that stands above it.
fn entry(
    line: Line<'_>,
    [users, movies]: &mut [Ids; 2],
    col: &mut Option<u32>,
    values: &mut Values<'_>,
    budget: &Budget,
) -> Result<Option<Triplet>, Error> {
    if let Some(id) = movie(line) {
        *col = Some(movies.place(id, budget)?);
        return Ok(None);
    }
    let file = values.source;
    let col = col.ok_or_else(|| file.malformed(format!("line {}", line.number), "a movie's id and a colon", shown(line.bytes)))?;
    let mut fields = Fields::new(line.bytes, Separator::Comma);
    let user = fields.next().filter(|user| whole(user).is_some());
    let user = user.ok_or_else(|| file.malformed(line.place(0), "a user's id, or a movie's and a colon", shown(line.bytes)))?;
    let rating = fields.next().ok_or_else(|| file.malformed(line.place(1), "a rating", "the end of the line"))?;
    let value = values.read(line, 1, rating)?;
    Ok(Some(Triplet { row: users.place(user, budget)?, col, value }))
}

fn list(mut text: TextStream<'_>, _: &ReadOptions, budget: &Budget, take: &mut dyn FnMut(Triplet) -> Result<(), Error>) -> Result<Listing, Error> {
    let origin = text.origin.clone();
    let (mut ids, mut values, mut col) = (<[Ids; 2]>::default(), Values { source: &origin, first_gap: None }, None);
    text.each_line(&origin, budget, |line| entry(line, &mut ids, &mut col, &mut values, budget)?.map_or(Ok(()), &mut *take))?;
    let mut listing = Listing::by_id(ids, values.first_gap);
    listing.notes.insert(0, ABOUT.to_owned());
    Ok(listing)
}

fn read(input: &Input, _: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let files: Vec<&Source> = input.files().map_or_else(|| vec![input.origin()], |files| files.iter().map(|(_, file)| file).collect());
    let (mut entries, mut first_gap) = (Vec::new(), None);
    let mut ids = <[Ids; 2]>::default();
    for file in files {
        let lines = text::lines(text::body(file)?);
        let count = lines.clone().count();
        claim_listed(budget, 0, 0, count)?;
        entries.reserve_exact(count);
        let (mut values, mut col) = (Values { source: file, first_gap }, None);
        for line in lines {
            entries.extend(entry(line, &mut ids, &mut col, &mut values, budget)?);
        }
        first_gap = values.first_gap;
    }
    if entries.len() > u32::MAX as usize {
        return Err(input.origin().malformed("its lines", format!("at most {}", u32::MAX), entries.len().to_string()));
    }
    let mut parsed = by_id(entries, ids, first_gap, budget)?;
    parsed.notes.insert(0, ABOUT.to_owned());
    if input.others() > 0 {
        parsed.notes.push(format!("files left out, which are no movies: {}", input.others()));
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use crate::data::format::tests::{bytes, dense};

    #[test]
    fn movies_in_one_file() {
        let data = bytes("ratings.txt", b"8:\n1488844,3,2005-09-06\r\n9,5,2005-05-13\n\n10:\n9,1,2005-05-13\n").expect("reads");
        assert_eq!((data.format, data.matrix.kind()), ("netflix-prize", "observed"));
        assert_eq!(
            (data.row_labels.as_deref(), data.col_labels.as_deref()),
            (Some(&["9".to_owned(), "1488844".into()][..]), Some(&["8".to_owned(), "10".into()][..]))
        );
        assert_eq!((dense(&data), data.matrix.summary().observed), (vec![vec![5.0, 1.0], vec![3.0, 0.0]], 3));
    }

    #[test]
    fn damage_is_named() {
        let says = |text: &[u8], word: &str| {
            let message = bytes("r.txt", text).expect_err(word).to_string();
            assert!(message.contains(word), "{message:?} lacks {word:?}");
        };
        says(b"1:\n2\n", "line 2, column 2: expected a rating");
        says(b"1:\n2,x,2005-01-01\n", "line 2, column 2: expected a number, found \"x\"");
        says(b"1:\nx,3\n", "line 2, column 1: expected a user's id");
        says(b"1:\n2,\n", "--missing nan");
        says(b"1:\n2:\n", "at least one row");
    }
}
