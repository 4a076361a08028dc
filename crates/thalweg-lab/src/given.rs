//! What a run is given beside its data, kept with it.

use crate::{FitSettings, RunDir};
use std::path::PathBuf;
use thalweg::data::{Array, Matrix, Numbers, ReadOptions, read_npz, write_npz};
use thalweg::problem::{Constraints, FactorConstraint, GivenColumns, RowSet};
use thalweg::{Error, Factors, Side};

/// Arrays that a run was given; `given.npz`. The same run has the same arrays, wherever they came from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// Factors at which restart 0 begins; arrays `start_U` and `start_V`.
    pub start: Option<Factors<f64>>,
    /// The first columns of U; array `fixed_U`.
    pub fixed_u: Option<Columns>,
    /// The first columns of V; array `fixed_V`.
    pub fixed_v: Option<Columns>,
}

/// Some columns of a factor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub count: usize,
    /// Row by row.
    pub values: Vec<f64>,
}

impl Given {
    /// Writes the file, if there is anything to keep.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, dir: &RunDir) -> Result<(), Error> {
        let mut arrays = Vec::new();
        if let Some(start) = &self.start {
            let (u, v) = start.split();
            for (name, rows, values) in [("start_U", start.rows(), u), ("start_V", start.cols(), v)] {
                arrays.push((name, Array::new(vec![rows, start.rank()], Numbers::F64(values.to_vec()))?));
            }
        }
        for (name, columns) in [("fixed_U", &self.fixed_u), ("fixed_V", &self.fixed_v)] {
            if let Some(Columns { rows, count, values }) = columns {
                arrays.push((name, Array::new(vec![*rows, *count], Numbers::F64(values.clone()))?));
            }
        }
        if arrays.is_empty() { Ok(()) } else { write_npz(&dir.given(), &arrays) }
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
        let mut take = |name: &str| -> Result<Option<Columns>, Error> {
            let Some(array) = arrays.remove(name) else { return Ok(None) };
            match array.shape[..] {
                [rows, count] => Ok(Some(Columns { rows, count, values: array.values.into_f64() })),
                _ => Err(Error::Malformed {
                    path: path.clone(),
                    place: name.into(),
                    expected: "two dimensions".into(),
                    found: format!("{} dimensions", array.shape.len()),
                }),
            }
        };
        let start = match (take("start_U")?, take("start_V")?) {
            (Some(u), Some(v)) => Some(Factors::new(u.rows, v.rows, u.count, [u.values, v.values].concat())?),
            _ => None,
        };
        Ok(Given { start, fixed_u: take("fixed_U")?, fixed_v: take("fixed_V")? })
    }
}

/// What a column of biases holds: all ones, or all the mean of the data.
#[derive(Debug, Clone, Copy)]
enum Constant {
    One,
    Mean,
}

impl Constant {
    fn value(self, mean: f64) -> f64 {
        match self {
            Constant::One => 1.0,
            Constant::Mean => mean,
        }
    }
}

/// The columns of U and V after the first r; none stands for one that is fitted.
#[derive(Debug, Default)]
struct BiasColumns {
    u: Vec<Option<Constant>>,
    v: Vec<Option<Constant>>,
}

impl FitSettings {
    /// Columns of the factors: the rank, and those of the biases.
    pub fn components(&self) -> usize {
        self.rank + self.bias_columns().u.len()
    }

    /// What the factors are held to beyond U, V ≥ 0.
    pub fn constraints_in_words(&self) -> Option<String> {
        let rows = |name: &str, set: RowSet| match set {
            RowSet::NonNegative => None,
            RowSet::SumToOne => Some(format!("rows of {name} sum to one")),
            RowSet::Free => Some(format!("{name} of either sign")),
        };
        let given = |name: &str, path: &Option<PathBuf>| path.as_ref().map(|path| format!("first columns of {name} from {}", path.display()));
        let (components, first) = (self.components(), self.rank + 1);
        let biases = self.biases.then(|| format!("components {first} to {components} are biases"));
        let said = [rows("U", self.u_rows), rows("V", self.v_rows), given("U", &self.fix_u), given("V", &self.fix_v), biases];
        let said: Vec<String> = said.into_iter().flatten().collect();
        (!said.is_empty()).then(|| said.join(", "))
    }

    /// Whether both factors are free.
    fn is_free(&self) -> bool {
        self.u_rows == RowSet::Free && self.v_rows == RowSet::Free
    }

    /// uᵢvⱼᵀ ends in 1·cⱼ + bᵢ·1 where there are biases, and in 1·cⱼ + bᵢ·1 + 1·μ for free factors: non-negative ones count from 0, and
    /// hold the mean themselves.
    fn bias_columns(&self) -> BiasColumns {
        let (one, mean) = (Some(Constant::One), Some(Constant::Mean));
        match (self.biases, self.is_free()) {
            (false, _) => BiasColumns::default(),
            (true, false) => BiasColumns { u: vec![one, None], v: vec![None, one] },
            (true, true) => BiasColumns { u: vec![one, None, one], v: vec![None, one, mean] },
        }
    }

    /// What the factors are held to, for data of this shape and mean.
    ///
    /// # Errors
    /// [`Error::Shape`] if given columns do not fit, [`Error::Parameter`] for settings that exclude one another.
    pub fn constraints(&self, given: &Given, data: &Matrix<f64>) -> Result<Constraints, Error> {
        self.constraints_at(given, data.shape(), data.summary().mean)
    }

    /// The same for data of which nothing else is known; the mean counts where free factors have biases.
    ///
    /// # Errors
    /// As [`FitSettings::constraints`].
    pub fn constraints_at(&self, given: &Given, (rows, cols): (usize, usize), mean: f64) -> Result<Constraints, Error> {
        if self.biases && (self.u_rows == RowSet::SumToOne || self.v_rows == RowSet::SumToOne) {
            let expected = "without --sum-to-one: a bias has no place in shares".into();
            return Err(Error::Parameter { name: "biases", expected, got: "asked with it".into() });
        }
        let BiasColumns { u: of_u, v: of_v } = self.bias_columns();
        Ok(Constraints {
            u: FactorConstraint { rows: self.u_rows, given: self.given_columns(Side::U, rows, given.fixed_u.as_ref(), &of_u, mean)? },
            v: FactorConstraint { rows: self.v_rows, given: self.given_columns(Side::V, cols, given.fixed_v.as_ref(), &of_v, mean)? },
        })
    }

    /// The same for new rows on the V of a fit; `fixed_u` belongs to the new rows.
    ///
    /// # Errors
    /// As [`FitSettings::constraints`]; [`Error::Parameter`] if columns of U were given to the fit and none are for the new rows.
    pub fn constraints_of_new_rows(&self, model: &Factors<f64>, rows: usize, fixed_u: Option<&Columns>, fit: &Given) -> Result<Constraints, Error> {
        if self.fix_u.is_some() != fixed_u.is_some() {
            let (expected, got) = if self.fix_u.is_some() {
                ("given for the new rows, as it was for the fit's", "none")
            } else {
                ("none: the fit was not given any", "a file")
            };
            return Err(Error::Parameter { name: "fix-u", expected: expected.into(), got: got.into() });
        }
        let (count, fitted) = (fixed_u.map(|c| c.count), fit.fixed_u.as_ref().map(|c| c.count));
        if let (Some(got), Some(expected), true) = (count, fitted, count != fitted) {
            return Err(Error::Shape { what: "the given columns of U", expected: (rows, expected), got: (rows, got) });
        }
        let BiasColumns { u: of_u, v: of_v } = self.bias_columns();
        let u = FactorConstraint { rows: self.u_rows, given: self.given_columns(Side::U, rows, fixed_u, &of_u, 0.0)? };
        // of V, all is given; what matters is which columns were so before the fit
        let before = self.given_columns(Side::V, model.cols(), fit.fixed_v.as_ref(), &of_v, 0.0)?.components;
        let values = model.side(Side::V).chunks_exact(model.rank()).flat_map(|row| before.iter().map(|&k| row[k])).collect();
        Ok(Constraints { u, v: FactorConstraint { rows: self.v_rows, given: GivenColumns { components: before, values } } })
    }

    fn given_columns(&self, side: Side, rows: usize, fixed: Option<&Columns>, biases: &[Option<Constant>], mean: f64) -> Result<GivenColumns, Error> {
        let what = if side == Side::U { "the given columns of U" } else { "the given columns of V" };
        let count = fixed.map_or(0, |f| f.count);
        if let Some(fixed) = fixed.filter(|f| f.rows != rows || f.count > self.rank) {
            return Err(Error::Shape { what, expected: (rows, fixed.count.min(self.rank)), got: (fixed.rows, fixed.count) });
        }
        let constants: Vec<(usize, f64)> =
            (self.rank..).zip(biases).filter_map(|(k, constant)| constant.map(|constant| (k, constant.value(mean)))).collect();
        let row = |i: usize| fixed.into_iter().flat_map(move |f| f.values[i * count..][..count].iter().copied());
        Ok(GivenColumns {
            components: (0..count).chain(constants.iter().map(|c| c.0)).collect(),
            values: (0..rows).flat_map(|i| row(i).chain(constants.iter().map(|c| c.1))).collect(),
        })
    }
}
