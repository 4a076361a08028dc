//! One restart on disk: where it stands, or how it ended.

use crate::HistoryRow;
use std::path::Path;
use thalweg::data::{Array, Numbers, read_npz, write_npz};
use thalweg::linalg::Real;
use thalweg::problem::Statistics;
use thalweg::solver::nmf::{Memory, Momentum};
use thalweg::solver::{Progress, Status};
use thalweg::{Error, Factors};

/// Everything that a restart needs to go on, bit for bit; `restarts/N.npz` with arrays `U`, `V`, `history` and `state`, and of
/// an extrapolated run `shadow_U`, `shadow_V` and `momentum`, of one in blocks of rows `statistics_gram` and `statistics_cross`.
#[derive(Debug, Clone, PartialEq)]
pub struct Restart<T> {
    /// The factors.
    pub factors: Factors<T>,
    /// What the method remembers beside them.
    pub memory: Memory<T>,
    /// Seconds, over all sessions.
    pub seconds: f64,
    /// How it ended; none while it runs.
    pub status: Option<Status>,
    /// The tolerance that the status was judged by.
    pub tol: f64,
    /// Measurements so far.
    pub history: Vec<HistoryRow>,
}

/// Statuses by the number that stands for them in the file.
const STATUSES: [Status; 6] = [Status::Converged, Status::MaxIters, Status::TimeLimit, Status::Stalled, Status::Breakdown, Status::Stopped];

fn numbers<T: Real>(values: &[T]) -> Numbers {
    if T::NAME == f32::NAME {
        Numbers::F32(values.iter().map(|x| x.f64() as f32).collect())
    } else {
        Numbers::F64(values.iter().map(|x| x.f64()).collect())
    }
}

impl<T: Real> Restart<T> {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let (u, v) = self.factors.split();
        let rank = self.factors.rank();
        let Memory { progress, v_residual, momentum, statistics } = &self.memory;
        let status = self.status.map_or(-1.0, |s| STATUSES.iter().position(|&t| t == s).expect("every status is listed") as f64);
        let state = vec![
            progress.iteration as f64,
            progress.objective,
            progress.kkt.unwrap_or(f64::NAN),
            progress.measured_at as f64,
            progress.unchanged as f64,
            v_residual.unwrap_or(f64::NAN),
            self.seconds,
            status,
            self.tol,
        ];
        let history = self
            .history
            .iter()
            .flat_map(|h| [h.seconds, h.iteration as f64, h.objective, h.kkt.unwrap_or(f64::NAN), h.holdout_rmse.unwrap_or(f64::NAN)])
            .collect();
        let mut arrays = vec![
            ("U", Array::new(vec![self.factors.rows(), rank], numbers(u))?),
            ("V", Array::new(vec![self.factors.cols(), rank], numbers(v))?),
            ("history", Array::new(vec![self.history.len(), 5], Numbers::F64(history))?),
            ("state", Array::new(vec![state.len()], Numbers::F64(state))?),
        ];
        if let Some(Momentum { shadow, beta, ceiling, last_beta, model, is_plain, is_opening }) = momentum {
            let (u, v) = shadow.split();
            let flag = |x: bool| f64::from(u8::from(x));
            let numbers_of = vec![*beta, *ceiling, *last_beta, *model, flag(*is_plain), flag(*is_opening)];
            arrays.push(("shadow_U", Array::new(vec![shadow.rows(), rank], numbers(u))?));
            arrays.push(("shadow_V", Array::new(vec![shadow.cols(), rank], numbers(v))?));
            arrays.push(("momentum", Array::new(vec![numbers_of.len()], Numbers::F64(numbers_of))?));
        }
        if let Some(Statistics { gram, cross }) = statistics {
            arrays.push(("statistics_gram", Array::new(vec![gram.len()], numbers(gram))?));
            arrays.push(("statistics_cross", Array::new(vec![self.factors.cols(), rank], numbers(cross))?));
        }
        write_npz(path, &arrays)
    }

    /// Reads the file of restart number `restart`.
    ///
    /// # Errors
    /// [`Error::Malformed`] if an array is missing or has another shape than [`Restart::save`] gives it.
    pub fn load(path: &Path, restart: usize, max_memory: u64) -> Result<Self, Error> {
        let mut arrays = read_npz(path, max_memory)?;
        let malformed = |expected: &str, found: &str| Error::Malformed {
            path: path.to_owned(),
            place: "the arrays of a restart".into(),
            expected: expected.into(),
            found: found.into(),
        };
        let (is_extrapolated, is_in_batches) = (arrays.contains_key("momentum"), arrays.contains_key("statistics_gram"));
        let mut take = |name: &str, sides: usize| -> Result<(Vec<usize>, Vec<f64>), Error> {
            let array = arrays.remove(name).ok_or_else(|| malformed(name, "no such array"))?;
            let shape = array.shape.clone();
            if shape.len() != sides {
                return Err(malformed(&format!("{name} with {sides} sides"), &format!("{} sides", shape.len())));
            }
            Ok((shape, array.values.into_f64()))
        };
        let ((u_shape, mut u), (v_shape, v)) = (take("U", 2)?, take("V", 2)?);
        let ((history_shape, history), (_, state)) = (take("history", 2)?, take("state", 1)?);
        if u_shape[1] != v_shape[1] || history_shape[1] != 5 {
            return Err(malformed("U and V of one rank and a history of 5 columns", "other shapes"));
        }
        let [iteration, objective, kkt, measured_at, unchanged, v_residual, seconds, status, tol] = state[..] else {
            return Err(malformed("9 numbers in state", &state.len().to_string()));
        };
        let momentum = if is_extrapolated {
            let ((_, mut shadow), (_, shadow_v), (_, numbers)) = (take("shadow_U", 2)?, take("shadow_V", 2)?, take("momentum", 1)?);
            let [beta, ceiling, last_beta, model, is_plain, is_opening] = numbers[..] else {
                return Err(malformed("6 numbers in momentum", &numbers.len().to_string()));
            };
            shadow.extend(shadow_v);
            let shadow = Factors::new(u_shape[0], v_shape[0], u_shape[1], shadow.into_iter().map(T::of).collect())?;
            Some(Momentum { shadow, beta, ceiling, last_beta, model, is_plain: is_plain != 0.0, is_opening: is_opening != 0.0 })
        } else {
            None
        };
        let statistics = if is_in_batches {
            let ((_, gram), (shape, cross)) = (take("statistics_gram", 1)?, take("statistics_cross", 2)?);
            let (n, square) = (v_shape[0], u_shape[1] * u_shape[1]);
            if shape != v_shape || !(gram.len() == square || gram.len() == n * square) {
                return Err(malformed("statistics that fit V", "other shapes"));
            }
            let of = |x: Vec<f64>| x.into_iter().map(T::of).collect();
            Some(Statistics { gram: of(gram), cross: of(cross) })
        } else {
            None
        };
        u.extend(v);
        let buffer = u.into_iter().map(T::of).collect();
        let known = |x: f64| (!x.is_nan()).then_some(x);
        let progress =
            Progress { iteration: iteration as usize, objective, kkt: known(kkt), measured_at: measured_at as usize, unchanged: unchanged as usize };
        let row =
            |h: &[f64]| HistoryRow { restart, seconds: h[0], iteration: h[1] as usize, objective: h[2], kkt: known(h[3]), holdout_rmse: known(h[4]) };
        Ok(Restart {
            factors: Factors::new(u_shape[0], v_shape[0], u_shape[1], buffer)?,
            memory: Memory { progress, v_residual: known(v_residual), momentum, statistics },
            seconds,
            status: STATUSES.get(status as usize).copied().filter(|_| status >= 0.0),
            tol,
            history: history.chunks_exact(5).map(row).collect(),
        })
    }
}
