//! How to read an input.

use clap::{Args, ValueEnum};
use std::path::PathBuf;
use thalweg::data::{Missing, Negative, Scale};

/// How to read the input.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reading the input")]
pub struct ReadArgs {
    /// What an entry that is not there means [default: error].
    #[arg(long, value_enum)]
    pub missing: Option<MissingArg>,
    /// Keep these columns only, counted from 0.
    #[arg(long, value_name = "FIRST:END", value_parser = parse_columns)]
    pub columns: Option<(usize, usize)>,
    /// Transpose after reading.
    #[arg(long)]
    pub transpose: bool,
    /// The file to take from a folder or an archive with several.
    #[arg(long, value_name = "NAME")]
    pub member: Option<String>,
    /// The array to take from a file with several (.npz, .mat, .h5, .fits).
    #[arg(long, alias = "var", value_name = "NAME")]
    pub variable: Option<String>,
    /// The array that holds the weight of each entry; NaN and 0 are unobserved.
    #[arg(long, value_name = "NAME", conflicts_with = "variance")]
    pub weights: Option<String>,
    /// The array that holds the variance of each entry, whose weight is its inverse.
    #[arg(long, value_name = "NAME")]
    pub variance: Option<String>,
    /// The axis, counted from 0, of an array of three or more that becomes the rows; all others become the columns.
    #[arg(long, value_name = "AXIS")]
    pub unfold: Option<usize>,
    /// Samples in a frame of a sound [default: 2048].
    #[arg(long, value_name = "SAMPLES")]
    pub window: Option<usize>,
    /// Samples from one frame of a sound to the next [default: a quarter of the window].
    #[arg(long, value_name = "SAMPLES")]
    pub hop: Option<usize>,
    /// Frequencies of a sound to keep, the lowest first [default: all].
    #[arg(long, value_name = "COUNT")]
    pub bins: Option<usize>,
    /// Read a table of three columns as row, column, value.
    #[arg(long)]
    pub triplets: bool,
    /// What becomes of negative entries [default: keep].
    #[arg(long, value_enum)]
    pub negative: Option<NegativeArg>,
    /// Leave out rows and columns of which nothing is observed, or, where all is, nothing but zeros.
    #[arg(long)]
    pub drop_empty: bool,
    /// Divide the entries by their standard deviation (sd) or a number, after all else [default: none].
    #[arg(long, value_name = "none|sd|NUMBER", value_parser = parse_scale)]
    pub scale: Option<Scale>,
    /// Folder of the named data sets (data:NAME) [default: the environment variable THALWEG_DATA].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// What an entry that is not there means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MissingArg {
    /// Refuse to guess where the file does not settle it.
    Error,
    /// NaN and empty fields are unobserved.
    Nan,
    /// Entries that are not stored (zeros of a table) are unobserved.
    Absent,
    /// Entries that are not stored are zeros.
    Zero,
}

impl From<MissingArg> for Missing {
    fn from(arg: MissingArg) -> Self {
        match arg {
            MissingArg::Error => Missing::Error,
            MissingArg::Nan => Missing::Nan,
            MissingArg::Absent => Missing::Absent,
            MissingArg::Zero => Missing::Zero,
        }
    }
}

/// What becomes of negative entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NegativeArg {
    /// They stay; a fit refuses them.
    Keep,
    /// They become 0.
    Clip,
    /// They are unobserved.
    Unobserved,
}

impl From<NegativeArg> for Negative {
    fn from(arg: NegativeArg) -> Self {
        match arg {
            NegativeArg::Keep => Negative::Keep,
            NegativeArg::Clip => Negative::Clip,
            NegativeArg::Unobserved => Negative::Unobserved,
        }
    }
}

fn parse_columns(text: &str) -> Result<(usize, usize), String> {
    let expected = || "expected FIRST:END, counted from 0, END not included".to_owned();
    let (first, end) = text.split_once(':').ok_or_else(expected)?;
    let (first, end) = (first.parse().map_err(|_| expected())?, end.parse().map_err(|_| expected())?);
    if first < end { Ok((first, end)) } else { Err("the range holds no column".into()) }
}

fn parse_scale(text: &str) -> Result<Scale, String> {
    match text {
        "none" => Ok(Scale::None),
        "sd" => Ok(Scale::Sd),
        number => match number.parse() {
            Ok(x) if x > 0.0 && f64::is_finite(x) => Ok(Scale::By(x)),
            _ => Err("expected none, sd or a positive number".into()),
        },
    }
}
