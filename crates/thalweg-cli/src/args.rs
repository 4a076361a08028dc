//! The command line, from which help, completions and the man page are made.

use crate::commands::reproduce::parse_shard;
use crate::exit::Failure;
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use thalweg::data::{INSTANCE_KINDS, ImageShape, Missing, Negative, Scale};
use thalweg::map::ENSEMBLES;
use thalweg::problem::{FactorPenalty, Loss, Penalty, PenaltyScaling, RowSet};
use thalweg::solver::factored::FACTORED_METHODS;
use thalweg::solver::nmf::{DIVERGENCE_METHODS, INITS, Init, NMF_METHODS, method};
use thalweg_lab::RecoverKind;
use thalweg_lab::experiment::{self, Shard};
use thalweg_lab::{Parameter, Sweep};

/// Factor a matrix, and see how far to trust the answer.
///
/// X ≈ U Vᵀ with non-negative U (a row for each row of X) and V (a row for each column). `fit` makes a run directory, `audit` adds the
/// evidence, `report` draws it.
#[derive(Debug, Parser)]
#[command(name = "thalweg", version, after_help = EXAMPLES, max_term_width = 110, disable_help_subcommand = true)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  thalweg demo                                            the whole of it on handwritten digits
  thalweg info expression.tsv                             what would be read
  thalweg rank expression.tsv -k 2:8                      which rank do the data support?
  thalweg fit expression.tsv -k 5 --restarts 10 -o run    factor, ten random starts
  thalweg fit ratings.dat -k 20 --holdout 0.1 --l2 0.02   observed entries only, RMSE on a tenth of them
  thalweg recover sensing instance.npz --certify          the matrix of smallest nuclear norm, proved
  thalweg recover rpca frames.npy -o run                  low-rank background and sparse corruptions
  thalweg fit data:metabolic --data-dir data -k 3         a named data set, read and scaled as its paper does
  thalweg audit run && thalweg report run -o report.html  how far to trust it

Exit codes: 0 done, 2 usage, 3 finished but not established (not converged), 65 bad input, 66 no input,
73 cannot write, 74 input or output failed, 75 limit reached (run the command again to go on), 130 and 143 signals.";

/// Options of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// Seed of all randomness.
    #[arg(long, global = true, default_value_t = 0)]
    pub seed: u64,
    /// Threads [default: all cores]. Results do not depend on it.
    #[arg(long, global = true)]
    pub threads: Option<usize>,
    /// Print exactly one JSON document on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing but results and errors.
    #[arg(long, global = true)]
    pub quiet: bool,
    /// Say more.
    #[arg(short, global = true)]
    pub verbose: bool,
    /// Memory that reading may take, such as 500M or 4G.
    #[arg(long, global = true, value_name = "SIZE", default_value = "8G", value_parser = parse_size)]
    pub max_memory: u64,
    /// Stop after so many seconds; a run can be resumed.
    #[arg(long, global = true, value_name = "SECONDS", value_parser = parse_seconds)]
    pub max_time: Option<f64>,
    /// Where to write.
    #[arg(short, long, global = true, value_name = "PATH")]
    pub output: Option<PathBuf>,
}

impl Common {
    /// Starts the threads that everything runs on.
    pub fn start_threads(&self) -> Result<(), Failure> {
        if self.threads == Some(0) {
            return Err(Failure::Usage("--threads is 0: at least one is needed".into()));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.thread_count());
        pool.build_global().map_err(|reason| Failure::Usage(format!("--threads: {reason}")))
    }

    /// How many.
    pub fn thread_count(&self) -> usize {
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// A line on standard error, unless quiet.
    pub fn say(&self, line: fmt::Arguments<'_>) {
        if !self.quiet {
            crate::exit::tell(line);
        }
    }

    /// A line on standard error, if verbose.
    pub fn detail(&self, line: fmt::Arguments<'_>) {
        if self.verbose {
            self.say(line);
        }
    }
}

fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        other => return Err(format!("{other} is no unit; use K, M, G or T")),
    };
    let number: f64 = digits.parse().map_err(|_| "expected a number and a unit, such as 500M or 4G".to_owned())?;
    let bytes = number * (1u64 << unit) as f64;
    if bytes >= 1.0 && bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err("expected a size of at least one byte".into()) }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    if (0.0..1e9).contains(&seconds) { Ok(seconds) } else { Err("expected between 0 and a billion seconds".into()) }
}

fn parse_columns(text: &str) -> Result<(usize, usize), String> {
    let expected = || "expected FIRST:END, counted from 0, END not included".to_owned();
    let (first, end) = text.split_once(':').ok_or_else(expected)?;
    let (first, end) = (first.parse().map_err(|_| expected())?, end.parse().map_err(|_| expected())?);
    if first < end { Ok((first, end)) } else { Err("the range holds no column".into()) }
}

fn parse_rank(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(rank) => Ok(rank),
        Err(_) if parse_ranks(text).is_ok() => Err(format!("a fit has one rank; `thalweg rank INPUT -k {text}` tells which the data support")),
        Err(_) => Err("expected a whole number".into()),
    }
}

fn parse_ranks(text: &str) -> Result<(usize, usize), String> {
    let expected = || "expected FIRST:LAST, both included".to_owned();
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    let (first, last): (usize, usize) = (first.parse().map_err(|_| expected())?, last.parse().map_err(|_| expected())?);
    if first == 0 {
        return Err("a rank is at least 1".into());
    }
    if first <= last { Ok((first, last)) } else { Err("the range holds no rank".into()) }
}

fn parse_fraction(text: &str) -> Result<f64, String> {
    let fraction: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if fraction > 0.0 && fraction < 1.0 { Ok(fraction) } else { Err("expected a fraction between 0 and 1".into()) }
}

fn parse_tolerance(text: &str) -> Result<f64, String> {
    let tol: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if (0.0..1.0).contains(&tol) { Ok(tol) } else { Err("expected a tolerance of at least 0 and below 1".into()) }
}

fn parse_lambda(text: &str) -> Result<f64, String> {
    let lambda: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if lambda > 0.0 && lambda.is_finite() { Ok(lambda) } else { Err("expected a finite number above 0".into()) }
}

fn parse_loss(text: &str) -> Result<Loss, String> {
    text.parse().map_err(|error: thalweg::Error| error.to_string())
}

fn method_names() -> Vec<&'static str> {
    let others = DIVERGENCE_METHODS.iter().map(|m| m.about().name).filter(|name| method(name).is_none());
    NMF_METHODS.iter().map(|m| m.about().name).chain(others).collect()
}

/// Where a fit begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitArg {
    /// As made by a start of this name.
    Named(Init),
    /// At factors from a run directory or a file.
    Given(PathBuf),
}

/// Names of starts, and paths: whatever exists, or looks like a path by a separator or a dot.
#[derive(Debug, Clone)]
struct InitParser;

impl TypedValueParser for InitParser {
    type Value = InitArg;

    fn parse_ref(&self, command: &clap::Command, _: Option<&clap::Arg>, value: &OsStr) -> Result<InitArg, clap::Error> {
        let text = value.to_string_lossy();
        match Init::named(&text) {
            Some(init) => Ok(InitArg::Named(init)),
            None if text.contains(['/', '\\', '.']) || Path::new(value).exists() => Ok(InitArg::Given(value.into())),
            None => {
                let names: Vec<&str> = INITS.iter().map(|i| i.name()).collect();
                let says = format!("--init: {text} is none of {}, nor a run directory or a file of factors\n", names.join(", "));
                Err(clap::Error::raw(clap::error::ErrorKind::InvalidValue, says).with_cmd(command))
            }
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(INITS.iter().map(|i| PossibleValue::new(i.name()))))
    }
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

/// Arithmetic of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    /// 64 bits.
    F64,
    /// 32 bits: half the memory, about twice the speed.
    F32,
}

/// How to read the input.
#[derive(Debug, Clone, Args)]
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

fn parse_penalty(text: &str) -> Result<f64, String> {
    let penalty: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if penalty >= 0.0 && penalty.is_finite() { Ok(penalty) } else { Err("expected a finite number, not negative".into()) }
}

/// Penalty on the size of the factors, for each observed entry of data with unit root mean square.
#[derive(Debug, Args)]
pub struct PenaltyArgs {
    /// λ₂ of ½λ₂‖·‖² on both factors: shrinks, and keeps rows with few entries from fitting them alone. On ratings, try 0.02.
    #[arg(long, value_name = "LAMBDA", value_parser = parse_penalty)]
    pub l2: Option<f64>,
    /// λ₁ of λ₁‖·‖₁ on both factors: makes zeros.
    #[arg(long, value_name = "LAMBDA", value_parser = parse_penalty)]
    pub l1: Option<f64>,
    /// λ₂ on U [default: --l2].
    #[arg(long, value_name = "LAMBDA", value_parser = parse_penalty)]
    pub l2_u: Option<f64>,
    /// λ₂ on V [default: --l2].
    #[arg(long, value_name = "LAMBDA", value_parser = parse_penalty)]
    pub l2_v: Option<f64>,
    /// λ₁ on U [default: --l1].
    #[arg(long, value_name = "LAMBDA", value_parser = parse_penalty)]
    pub l1_u: Option<f64>,
    /// λ₁ on V [default: --l1].
    #[arg(long, value_name = "LAMBDA", value_parser = parse_penalty)]
    pub l1_v: Option<f64>,
    /// How rows share the penalty: by their observed entries, evenly (rows with few are shrunk more), or by their number of entries to an
    /// exponent between 0 (even, as the nuclear norm) and 1 (entries, as the flat norm).
    #[arg(long, value_name = "entries|even|EXPONENT", default_value_t)]
    pub penalty_scaling: PenaltyScaling,
}

impl PenaltyArgs {
    /// The penalty that was asked for.
    pub fn read(&self) -> Result<Penalty, Failure> {
        let factor = |l2: Option<f64>, l1: Option<f64>| FactorPenalty { l2: l2.or(self.l2).unwrap_or(0.0), l1: l1.or(self.l1).unwrap_or(0.0) };
        let [u, v] = [factor(self.l2_u, self.l1_u), factor(self.l2_v, self.l1_v)];
        let penalty = Penalty { u, v, scaling: self.penalty_scaling, ..Penalty::default() };
        penalty.check_numbers()?;
        Ok(penalty)
    }
}

/// Signs of the factors' entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SignsArg {
    /// U and V are not negative.
    Nonnegative,
    /// U and V have entries of either sign: low-rank factorisation.
    Free,
    /// U has entries of either sign, V none below zero.
    FreeU,
    /// V has entries of either sign, U none below zero.
    FreeV,
}

/// One of the two factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FactorArg {
    /// The factor with a row for each row of X.
    U,
    /// The factor with a row for each column of X.
    V,
}

/// What the factors are held to.
#[derive(Debug, Args)]
pub struct ConstraintArgs {
    /// Signs of the entries of the factors.
    #[arg(long, value_enum, default_value = "nonnegative")]
    pub signs: SignsArg,
    /// The rows of this factor are not negative and sum to one, such as abundances in a pixel.
    #[arg(long, value_enum, value_name = "FACTOR")]
    pub sum_to_one: Option<FactorArg>,
    /// The first columns of U are these, and stay: a table, .npy or .npz with a row for each row of the data, or a run directory.
    #[arg(long, value_name = "FILE|RUN")]
    pub fix_u: Option<PathBuf>,
    /// The first columns of V are these, and stay: a row for each column of the data (such as known spectra).
    #[arg(long, value_name = "FILE|RUN")]
    pub fix_v: Option<PathBuf>,
    /// Fit a bias for each row and each column (and, with free factors, the mean) beside the components.
    #[arg(long)]
    pub biases: bool,
}

impl ConstraintArgs {
    /// Where the rows of U and V lie.
    pub fn row_sets(&self) -> Result<[RowSet; 2], Failure> {
        let of = |is_free, factor| match (is_free, self.sum_to_one == Some(factor)) {
            (true, true) => Err(Failure::Usage("rows that sum to one are not free: --sum-to-one and --signs ask both of one factor".into())),
            (true, false) => Ok(RowSet::Free),
            (false, true) => Ok(RowSet::SumToOne),
            (false, false) => Ok(RowSet::NonNegative),
        };
        let u = of(matches!(self.signs, SignsArg::Free | SignsArg::FreeU), FactorArg::U)?;
        let v = of(matches!(self.signs, SignsArg::Free | SignsArg::FreeV), FactorArg::V)?;
        Ok([u, v])
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Factor the embedded handwritten digits, audit, and write the report.
    Demo(DemoArgs),
    /// Tell what would be read: format, shape, range, missing entries.
    Info(InfoArgs),
    /// Factor a matrix; the same command goes on where a run was cut.
    Fit(FitArgs),
    /// Which ranks do the data support? With the evidence.
    Rank(RankArgs),
    /// How far can a fit be trusted? Adds the evidence to its directory.
    Audit(AuditArgs),
    /// The exact loss on the segment between two factorisations.
    Line(LineArgs),
    /// How flat is the loss at a fit, a recovery, or factors from a file?
    Flatness(FlatnessArgs),
    /// Recover a low-rank matrix or a sparse vector, with a proof if asked for.
    Recover(RecoverArgs),
    /// Check a certificate of a recovery from the instance alone.
    Verify(VerifyArgs),
    /// One self-contained page about one or several runs.
    Report(ReportArgs),
    /// A figure, table or theorem of a paper, beside what is true; goes on where it stood.
    Reproduce(ReproduceArgs),
    /// How often is the measured matrix the minimiser? The phase diagram.
    Phase(PhaseArgs),
    /// Train networks, and see how far their loss is convex.
    #[cfg(feature = "net")]
    Net(crate::commands::net::args::NetArgs),
    /// Factor new rows with the V of a fit.
    Transform(TransformArgs),
    /// Append new rows to the data of a run, and take its fit further on all of them.
    Update(UpdateArgs),
    /// Predict entries, asked for by label or number.
    Predict(PredictArgs),
    /// Write factors as CSV with labels.
    Export(ExportArgs),
    /// The named data sets: what they are, how to get them, whether they are whole.
    Data(DataArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the man page.
    Man,
}

/// `reproduce`.
#[derive(Debug, Args)]
pub struct ReproduceArgs {
    /// The paper.
    pub paper: Option<String>,
    /// Its figure, table or theorem; without it, all of them.
    pub item: Option<String>,
    /// How much of it to do.
    #[arg(long, value_enum, default_value = "reduced")]
    pub scale: ScaleArg,
    /// The folder of data sets.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Do part I of N parts only: for N machines, whose results are merged.
    #[arg(long, value_name = "I/N", default_value = "1/1", value_parser = parse_shard)]
    pub shard: Shard,
    /// Take over the trials of another output folder first.
    #[arg(long, value_name = "DIR")]
    pub merge: Vec<PathBuf>,
    /// List papers and items with the number of trials at each scale.
    #[arg(long)]
    pub list: bool,
}

fn ensemble_names() -> Vec<&'static str> {
    ENSEMBLES.iter().map(|(_, name)| *name).collect()
}

fn parse_setting(text: &str) -> Result<(Parameter, f64), String> {
    let (name, value) = text.split_once('=').ok_or("expected PARAMETER=VALUE")?;
    let parameter = Parameter::named(name).map_err(|error| error.to_string())?;
    match value.parse() {
        Ok(value) if f64::is_finite(value) => Ok((parameter, value)),
        _ => Err(format!("expected a number after {name}=")),
    }
}

fn parse_sweep(text: &str) -> Result<Sweep, String> {
    let expected = || "expected PARAMETER=LOW:HIGH:COUNT, both ends included".to_owned();
    let (head, rest) = text.split_once(':').ok_or_else(expected)?;
    let (parameter, low) = parse_setting(head)?;
    let (high, count) = rest.split_once(':').ok_or_else(expected)?;
    let (high, count): (f64, usize) = (high.parse().map_err(|_| expected())?, count.parse().map_err(|_| expected())?);
    Sweep::new(parameter, low, high, count).map_err(|error| error.to_string())
}

/// `phase`.
#[derive(Debug, Args)]
pub struct PhaseArgs {
    /// How the matrix is measured.
    #[arg(value_parser = ensemble_names())]
    pub model: String,
    /// What varies from left to right: d, d1, d2, rank, skew, rate (p/d; in completion the share of entries seen) or p.
    #[arg(long, value_name = "PARAMETER=LOW:HIGH:COUNT", value_parser = parse_sweep)]
    pub x: Sweep,
    /// What varies upwards.
    #[arg(long, value_name = "PARAMETER=LOW:HIGH:COUNT", value_parser = parse_sweep)]
    pub y: Sweep,
    /// What another parameter is [default: d=30, rank=2 (3 for quadratic), rate=6 (0.5 for completion), skew=0].
    #[arg(long, value_name = "PARAMETER=VALUE", value_parser = parse_setting)]
    pub at: Vec<(Parameter, f64)>,
    /// Random maps for each cell.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub trials: u64,
    /// Do part I of N parts only: for N machines, whose results are merged.
    #[arg(long, value_name = "I/N", default_value = "1/1", value_parser = parse_shard)]
    pub shard: Shard,
    /// Take over the trials of another output folder first.
    #[arg(long, value_name = "DIR")]
    pub merge: Vec<PathBuf>,
}

/// How much of an experiment to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScaleArg {
    /// Seconds: that everything runs.
    Smoke,
    /// Minutes: every statement checked, with larger error bars.
    Reduced,
    /// As in the paper, or beyond.
    Full,
}

impl From<ScaleArg> for experiment::Scale {
    fn from(arg: ScaleArg) -> Self {
        match arg {
            ScaleArg::Smoke => experiment::Scale::Smoke,
            ScaleArg::Reduced => experiment::Scale::Reduced,
            ScaleArg::Full => experiment::Scale::Full,
        }
    }
}

/// `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Random starts.
    #[arg(long, default_value_t = 6)]
    pub restarts: usize,
}

/// `data`.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// What about them.
    #[command(subcommand)]
    pub action: DataAction,
}

/// What to do with the named data sets.
#[derive(Debug, Subcommand)]
pub enum DataAction {
    /// Name them all: shape, size, licence, how each is read.
    List,
    /// Tell how to get one, and whether it is there. Nothing is downloaded unless you ask for it.
    Get {
        /// Name of the data set.
        name: String,
        /// Fetch the file into the folder, and keep it only if its checksum is the catalogue's.
        #[arg(long)]
        download: bool,
        /// Fetch it from here instead of from where the catalogue says.
        #[arg(long, value_name = "URL", requires = "download")]
        from: Option<String>,
        /// Folder of the named data sets [default: the environment variable THALWEG_DATA].
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Read those in a folder, and compare checksum, shape and number of entries with the catalogue.
    Check {
        /// Folder of the named data sets [default: the environment variable THALWEG_DATA].
        dir: Option<PathBuf>,
        /// Only this one; may be given again.
        #[arg(long, value_name = "NAME")]
        name: Vec<String>,
    },
}

/// `info`.
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// File, folder, archive, or data:NAME.
    pub input: PathBuf,
    /// How to read it.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// `fit`.
#[derive(Debug, Args)]
pub struct FitArgs {
    /// File, folder, archive, or data:NAME.
    pub input: PathBuf,
    /// Rank: the number of components.
    #[arg(short = 'k', long, value_parser = parse_rank)]
    pub rank: usize,
    /// How to read it.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Method [default: by the kind of data and the loss].
    #[arg(long, value_parser = method_names())]
    pub method: Option<String>,
    /// What is made small: frobenius, kl (Kullback–Leibler), is (Itakura–Saito) or beta:B (β-divergence).
    #[arg(long, value_name = "LOSS", default_value = "frobenius", value_parser = parse_loss)]
    pub loss: Loss,
    /// Penalty on the size of the factors.
    #[command(flatten)]
    pub penalty: PenaltyArgs,
    /// What the factors are held to.
    #[command(flatten)]
    pub constraints: ConstraintArgs,
    /// Fraction of the observed entries to hold out; their RMSE is reported.
    #[arg(long, value_name = "FRACTION", value_parser = parse_fraction)]
    pub holdout: Option<f64>,
    /// Number of random starts.
    #[arg(long, default_value_t = 1)]
    pub restarts: usize,
    /// Start [default: the method's own], or a run directory or factors (.npz) at which restart 0 begins; with both, the other restarts begin
    /// as the name says.
    #[arg(long, value_name = "START|RUN", value_parser = InitParser)]
    pub init: Vec<InitArg>,
    /// Rows of a block under --method minibatch [default: 1024].
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_size: Option<u32>,
    /// Arithmetic [default: that of the file].
    #[arg(long, value_enum)]
    pub precision: Option<PrecisionArg>,
    /// Iteration limit of each restart.
    #[arg(long, default_value_t = 2000)]
    pub max_iters: usize,
    /// Tolerance on the scale-free residual.
    #[arg(long, default_value = "1e-5", value_parser = parse_tolerance)]
    pub tol: f64,
    /// Seconds between two saves of a restart: what a kill can cost.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = parse_seconds)]
    pub checkpoint: f64,
}

/// `rank`.
#[derive(Debug, Args)]
pub struct RankArgs {
    /// File, folder, archive, or data:NAME.
    pub input: PathBuf,
    /// Ranks to try, both ends included.
    #[arg(short = 'k', long = "ranks", value_name = "FIRST:LAST", value_parser = parse_ranks)]
    pub ranks: (usize, usize),
    /// How to read it.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Penalty on the size of the factors.
    #[command(flatten)]
    pub penalty: PenaltyArgs,
    /// Fraction of the observed entries that each mask holds out [default: 0.1, less in very sparse data with zeros].
    #[arg(long, value_name = "FRACTION", value_parser = parse_fraction)]
    pub holdout: Option<f64>,
    /// Masks, the same for every rank; more of them make smaller standard errors.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..))]
    pub repeats: u32,
    /// Random starts for each rank.
    #[arg(long, default_value_t = 5)]
    pub restarts: usize,
    /// Iteration limit of each fit.
    #[arg(long, default_value_t = 200)]
    pub max_iters: usize,
    /// Tolerance of each fit.
    #[arg(long, default_value = "1e-3", value_parser = parse_tolerance)]
    pub tol: f64,
}

/// `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Run directory.
    pub dir: PathBuf,
    /// Random starts from which a line is drawn to each end point.
    #[arg(long, default_value_t = 50)]
    pub lines: usize,
    /// End points: answers of restarts, the best first.
    #[arg(long, default_value_t = 1)]
    pub points: usize,
    /// Read the data from here instead of where the manifest says.
    #[arg(long, value_name = "INPUT")]
    pub data: Option<PathBuf>,
}

/// `line`.
#[derive(Debug, Args)]
pub struct LineArgs {
    /// Factors at λ = 0 (.npz with U and V, or a run directory).
    pub a: PathBuf,
    /// Factors at λ = 1.
    pub b: PathBuf,
    /// The data.
    #[arg(long, value_name = "INPUT")]
    pub data: PathBuf,
    /// How to read them.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Draw the curve.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

fn flatness_kinds() -> Vec<&'static str> {
    ["nmf"].into_iter().chain(instance_names()).collect()
}

/// `flatness`.
#[derive(Debug, Args)]
pub struct FlatnessArgs {
    /// Run directory of `fit` or `recover`, or factors (.npz with U and V).
    pub factors: PathBuf,
    /// The data or the instance [default: where the run says].
    #[arg(long, value_name = "INPUT")]
    pub problem: Option<PathBuf>,
    /// What they are, for factors from a file: a matrix (nmf), or an instance as for `recover`.
    #[arg(long, default_value = "nmf", value_parser = flatness_kinds())]
    pub kind: String,
    /// Hessian-vector products for the ends of the spectrum; more make the intervals narrower.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=2000))]
    pub steps: u32,
    /// Draw the scaled trace over the scale of the factors.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// How to read the data.
    #[command(flatten)]
    pub read: ReadArgs,
}

fn instance_names() -> Vec<&'static str> {
    INSTANCE_KINDS.iter().map(|(_, name)| *name).collect()
}

fn recover_names() -> Vec<&'static str> {
    RecoverKind::all().map(RecoverKind::name).collect()
}

fn factored_names() -> Vec<&'static str> {
    std::iter::once(CONVEX).chain(FACTORED_METHODS.iter().map(|m| m.about().name)).collect()
}

/// The method that needs no rank.
pub const CONVEX: &str = "convex";

/// What a recovery minimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NormArg {
    /// The sum of the singular values.
    Nuclear,
    /// The same of D1 X D2: its minimisers are the flat minima.
    Flat,
}

/// `recover`.
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// What was measured: matrices A and b; vectors a, c and b; vectors x and b (symmetric); some entries; a table with corrupted entries
    /// (rpca); or A and b of a sparse vector.
    #[arg(value_parser = recover_names())]
    pub kind: String,
    /// The instance: .npz with the arrays of its kind; for completion and rpca anything that `fit` reads, data:NAME too.
    pub input: PathBuf,
    /// The norm that is minimised.
    #[arg(long, value_enum, default_value = "nuclear")]
    pub objective: NormArg,
    /// Among positive semidefinite matrices (quadratic only).
    #[arg(long)]
    pub positive: bool,
    /// Allow for noise: A(X) may differ from b by this much, in the Euclidean norm and the units of b.
    #[arg(long, value_name = "EPS", value_parser = parse_penalty)]
    pub noise: Option<f64>,
    /// Allow for noise: minimise ½‖A(X) − b‖² + LAMBDA·norm.
    #[arg(long, value_name = "LAMBDA", value_parser = parse_lambda, conflicts_with = "noise")]
    pub penalty: Option<f64>,
    /// convex: the matrix of smallest norm; the others: factors of a given --rank [default: convex, als where the matrix is large].
    #[arg(long, value_parser = factored_names())]
    pub method: Option<String>,
    /// Columns of the factors, for the methods that need it.
    #[arg(short = 'k', long)]
    pub rank: Option<usize>,
    /// Completion: hide all but this part of the entries first, and tell the error on those.
    #[arg(long, value_name = "FRACTION", value_parser = parse_fraction)]
    pub keep: Option<f64>,
    /// rpca: weight of the corruptions [default: 1/√max(rows, columns)].
    #[arg(long, value_name = "LAMBDA", conflicts_with = "budget")]
    pub lambda: Option<f64>,
    /// rpca: the smallest norm among all X whose entries differ from the table by this in sum.
    #[arg(long, value_name = "TAU")]
    pub budget: Option<f64>,
    /// sparse: depth K of the network whose flattest fit is sought; 2 is a weighted sum of absolute values [default: 2].
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub depth: Option<u32>,
    /// Prove the answer from the instance, and write the certificate.
    #[arg(long)]
    pub certify: bool,
    /// Iteration limit [default: 5000; rpca 1000].
    #[arg(long)]
    pub max_iters: Option<usize>,
    /// Relative duality gap and misfit at which it has converged [default: 1e-9; rpca 1e-4, which an exact finish exceeds].
    #[arg(long, value_parser = parse_tolerance)]
    pub tol: Option<f64>,
    /// How to read entries.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// certificate.json, or the directory of a recovery.
    pub certificate: PathBuf,
    /// The instance.
    #[arg(long, value_name = "INPUT")]
    pub problem: PathBuf,
    /// How to read entries.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Run directories, of fits or of recoveries.
    #[arg(required = true)]
    pub dirs: Vec<PathBuf>,
    /// Recoveries: rows (or columns) of the data are images of so many pixels.
    #[arg(long, value_name = "HEIGHT,WIDTH", value_parser = parse_image_shape)]
    pub image_shape: Option<ImageShape>,
    /// How the pixels of an image stand in a row of the data.
    #[arg(long, value_enum, default_value = "rows")]
    pub image_order: ImageOrderArg,
    /// The images to show, counted from 0 [default: six, evenly spread].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub images: Vec<usize>,
}

/// How the pixels of an image stand in a row of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImageOrderArg {
    /// Pixel row after pixel row.
    Rows,
    /// Pixel column after pixel column, as MATLAB stores them.
    Columns,
}

fn parse_image_shape(text: &str) -> Result<ImageShape, String> {
    let expected = || "expected HEIGHT,WIDTH in pixels, such as 192,168".to_owned();
    let (height, width) = text.split_once([',', 'x']).ok_or_else(expected)?;
    let (height, width) = (height.trim().parse().map_err(|_| expected())?, width.trim().parse().map_err(|_| expected())?);
    if height > 0 && width > 0 { Ok(ImageShape { height, width }) } else { Err(expected()) }
}

/// `transform`.
#[derive(Debug, Args)]
pub struct TransformArgs {
    /// New rows, with the columns of the fitted matrix.
    pub input: PathBuf,
    /// Run directory, or factors (.npz).
    #[arg(long, value_name = "RUN")]
    pub model: PathBuf,
    /// What is made small [default: the loss of the run, or frobenius].
    #[arg(long, value_name = "LOSS", value_parser = parse_loss)]
    pub loss: Option<Loss>,
    /// The first columns of U for the new rows, where the fit was given them too.
    #[arg(long, value_name = "FILE")]
    pub fix_u: Option<PathBuf>,
    /// How to read them.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// `update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Run directory to go on from; it stays as it is.
    pub run: PathBuf,
    /// New rows, with the columns of the run's data.
    pub input: PathBuf,
    /// How to read the new rows.
    #[command(flatten)]
    pub read: ReadArgs,
    /// Read the run's data from here instead of where its manifest says.
    #[arg(long, value_name = "INPUT")]
    pub data: Option<PathBuf>,
    /// Iteration limit [default: that of the run].
    #[arg(long)]
    pub max_iters: Option<usize>,
    /// Tolerance on the scale-free residual [default: that of the run].
    #[arg(long, value_parser = parse_tolerance)]
    pub tol: Option<f64>,
}

/// `predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Run directory.
    pub dir: PathBuf,
    /// Text file with a row and a column on each line: labels where the run has some, else numbers from 1.
    #[arg(long, value_name = "FILE")]
    pub pairs: PathBuf,
}

/// `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Run directory.
    pub dir: PathBuf,
}
