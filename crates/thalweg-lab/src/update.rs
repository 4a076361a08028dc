//! New rows under those of a run, and the fit taken further on both.

use crate::fit::begin_at;
use crate::{FitError, FitSettings, Given, Manifest, RunDir};
use std::path::Path;
use thalweg::Factors;
use thalweg::data::{Dataset, Matrix, Missing, Precision, ReadOptions, read, read_factors, write_matrix};
use thalweg::problem::{Constraints, Loss, ScaledPenalty};
use thalweg::solver::nmf::transform_constrained;
use thalweg::{Error, Side};

/// A run with more rows, ready to be fitted: [`crate::fit`] goes on from the checkpoint that stands in the new directory.
#[derive(Debug)]
pub struct Update {
    /// All rows, as they stand in `data.npz` of the new directory.
    pub dataset: Dataset,
    /// How that file is read.
    pub read: ReadOptions,
    /// The settings of the run, with one restart and nothing held out.
    pub settings: FitSettings,
    /// What the run was given of V.
    pub given: Given,
}

/// Appends new rows to the data of a finished run, and makes a start of its factors: the old rows keep their U, the new ones are folded in
/// ([`transform_constrained`]) with V held.
///
/// `old` must be the data of the run, all of them: a run that began with rows held out has seen most of what another draw would hold out, so
/// nothing is held out here. The new directory gets the whole matrix as `data.npz` and the start as a checkpoint.
///
/// # Errors
/// [`FitError::Input`] for other data than those of the run, other columns, or rows that cannot be folded in; [`FitError::Other`] if the
/// directory holds another run; [`FitError::Output`] if it cannot be written.
pub fn update(run: &RunDir, old: &Dataset, (path, new): (&Path, &Dataset), dir: &RunDir, max_memory: u64) -> Result<Update, FitError> {
    let manifest: Manifest = run.read()?;
    same_data(&manifest, old)?;
    same_columns(path, old, new)?;
    if [old, new].iter().any(|data| data.matrix.kind() == "weighted") {
        let expected = "none: the rows of an updated run are kept without".into();
        return Err(FitError::Input(Error::Parameter { name: "weights", expected, got: "weighted entries".into() }));
    }
    let model = read_factors(&run.factors())?;
    let all = old.matrix.stacked(&new.matrix)?;
    let missing = if all.has_unstored_zeros() { Missing::Zero } else { Missing::Error };
    let options = ReadOptions { missing, max_memory, ..ReadOptions::default() };
    let file = std::path::absolute(dir.path().join("data.npz")).unwrap_or_else(|_| dir.path().join("data.npz"));
    let _lock = dir.lock().map_err(FitError::Output)?;
    let is_begun = dir.has::<Manifest>();
    let penalty = manifest.result.as_ref().map_or_else(Default::default, |r| r.scaled_penalty);
    let settings = FitSettings { restarts: 1, holdout: None, start: None, ..manifest.settings };
    // columns of U that were given for the old rows are not known for new ones: refused here
    let of_run = Given::load(run)?;
    let of_new = settings.constraints_of_new_rows(&model, new.matrix.shape().0, None, &of_run)?;
    let given = Given { start: None, ..of_run };
    let folded = if is_begun { None } else { Some(fold_in(&model, &new.matrix, settings.loss, &of_new, penalty)?) };
    if !is_begun {
        dir.create().map_err(FitError::Output)?;
        write_matrix(&file, &all).map_err(FitError::Output)?;
    }
    let kept = read(&file, &options)?;
    if kept.matrix != all {
        return Err(FitError::Other { dir: dir.path().display().to_string(), what: "input" });
    }
    if let Some(start) = folded {
        let constraints = settings.constraints(&given, &kept.matrix)?;
        match settings.precision {
            Precision::F64 => begin_at(dir, &kept.matrix, &settings, &constraints, start)?,
            Precision::F32 => begin_at(dir, &kept.matrix.cast::<f32>(), &settings, &constraints, start.cast())?,
        }
    }
    let dataset = Dataset {
        row_labels: labels(old, new),
        col_labels: old.col_labels.clone(),
        image: old.image,
        scale: old.scale,
        precision: settings.precision,
        notes: notes(run, path, old, new),
        ..kept
    };
    Ok(Update { dataset, read: options, settings, given })
}

/// U of the old rows, then of the new ones; V.
fn fold_in(model: &Factors, rows: &Matrix, loss: Loss, constraints: &Constraints, penalty: ScaledPenalty) -> Result<Factors, Error> {
    let folded = transform_constrained(rows, model, constraints, loss, penalty)?;
    let buffer = [model.side(Side::U), folded.side(Side::U), model.side(Side::V)].concat();
    Factors::new(model.rows() + folded.rows(), model.cols(), model.rank(), buffer)
}

fn same_data(manifest: &Manifest, old: &Dataset) -> Result<(), Error> {
    if old.sha256 == manifest.input.sha256 {
        return Ok(());
    }
    Err(Error::Malformed {
        path: manifest.input.path.clone(),
        place: "the whole of it".into(),
        expected: format!("the data that were fitted, sha256 {}", manifest.input.sha256),
        found: format!("sha256 {}", old.sha256),
    })
}

fn same_columns(path: &Path, old: &Dataset, new: &Dataset) -> Result<(), Error> {
    let (Some(expected), Some(found)) = (&old.col_labels, &new.col_labels) else { return Ok(()) };
    match expected.iter().zip(found).position(|(a, b)| a != b) {
        None => Ok(()),
        Some(at) => Err(Error::Malformed {
            path: path.to_owned(),
            place: format!("the name of column {}", at + 1),
            expected: format!("{:?}, as in the run", expected[at]),
            found: format!("{:?}", found[at]),
        }),
    }
}

/// Those of both; the number of a row that has none.
fn labels(old: &Dataset, new: &Dataset) -> Option<Vec<String>> {
    if old.row_labels.is_none() && new.row_labels.is_none() {
        return None;
    }
    let (m, more) = (old.matrix.shape().0, new.matrix.shape().0);
    let or_numbers = |labels: &Option<Vec<String>>, first: usize, count: usize| {
        labels.clone().unwrap_or_else(|| (first..first + count).map(|i| (i + 1).to_string()).collect())
    };
    Some([or_numbers(&old.row_labels, 0, m), or_numbers(&new.row_labels, m, more)].concat())
}

fn notes(run: &RunDir, path: &Path, old: &Dataset, new: &Dataset) -> Vec<String> {
    let (m, more) = (old.matrix.shape().0, new.matrix.shape().0);
    vec![format!("rows 1 to {m} are those of the run {}, rows {} to {} those of {}", run.path().display(), m + 1, m + more, path.display())]
}
