//! Ratings of films.

use super::{Content, ExampleFile};
use thalweg::Error;
use thalweg::data::{Matrix, planted_ratings};

pub(super) const RATINGS: ExampleFile = ExampleFile {
    name: "ratings",
    file: "ratings.csv",
    about: "8000 ratings from 1 to 5 of 150 films by 400 users: tastes of rank 3, and noise with a standard deviation of 0.8",
    next: "thalweg rank ratings.csv -k 1:6 --l2 0.05",
    make,
};

fn make() -> Result<Content, Error> {
    let ratings = Matrix::Observed(planted_ratings((400, 150), 8000, 3, 5)?);
    let mut text = "user,item,rating\n".to_owned();
    for user in 0..400 {
        text.extend(ratings.row_entries(user).map(|(film, rating, _)| format!("{},{},{rating}\n", user + 1, film + 1)));
    }
    Ok(Content::Bytes(text.into_bytes()))
}
