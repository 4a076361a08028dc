//! What a run is given beside its data, kept with it.

use crate::RunDir;
use thalweg::data::{Array, Numbers, ReadOptions, read_npz, write_npz};
use thalweg::{Error, Factors};

/// Arrays that a run was given; `given.npz`. The same run has the same arrays, wherever they came from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// Factors at which restart 0 begins; arrays `start_U` and `start_V`.
    pub start: Option<Factors<f64>>,
}

impl Given {
    /// Whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        *self == Given::default()
    }

    /// Writes the file, if there is anything to keep.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, dir: &RunDir) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        let mut arrays = Vec::new();
        if let Some(start) = &self.start {
            let (u, v) = start.split();
            for (name, rows, values) in [("start_U", start.rows(), u), ("start_V", start.cols(), v)] {
                arrays.push((name, Array::new(vec![rows, start.rank()], Numbers::F64(values.to_vec()))?));
            }
        }
        write_npz(&dir.given(), &arrays)
    }

    /// What the run in this directory was given.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Malformed`].
    pub fn load(dir: &RunDir) -> Result<Self, Error> {
        let path = dir.given();
        if !path.exists() {
            return Ok(Given::default());
        }
        let mut arrays = read_npz(&path, ReadOptions::default().max_memory)?;
        let mut take = |name: &str| -> Result<Option<(usize, usize, Vec<f64>)>, Error> {
            let Some(array) = arrays.remove(name) else { return Ok(None) };
            match array.shape[..] {
                [rows, cols] => Ok(Some((rows, cols, array.values.into_f64()))),
                _ => Err(Error::Malformed {
                    path: path.clone(),
                    place: name.into(),
                    expected: "two dimensions".into(),
                    found: format!("{} dimensions", array.shape.len()),
                }),
            }
        };
        let start = match (take("start_U")?, take("start_V")?) {
            (Some((rows, rank, mut buffer)), Some((cols, _, v))) => {
                buffer.extend(v);
                Some(Factors::new(rows, cols, rank, buffer)?)
            }
            _ => None,
        };
        Ok(Given { start })
    }
}
