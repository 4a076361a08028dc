//! Some of the rows and columns of a matrix.

use super::{Dense, Duplicates, Matrix, Observed, Sparse, Triplet};
use crate::Error;
use crate::linalg::Real;

impl<T: Real> Matrix<T> {
    /// The matrix of these rows and columns, in this order: X[rows, cols]. A column may be asked for once, a row any number of times.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is no such row or column.
    pub fn selected(&self, rows: &[usize], cols: &[usize]) -> Result<Matrix<T>, Error> {
        let (m, n) = self.shape();
        if let Some(got) = rows.iter().zip(cols.iter().chain(std::iter::repeat(&0))).map(|(&i, &j)| (i, j)).find(|&(i, j)| i >= m || j >= n) {
            return Err(Error::Shape { what: "the rows and columns to select", expected: (m, n), got: (got.0 + 1, got.1 + 1) });
        }
        let mut place = vec![None; n];
        for (new, &old) in cols.iter().enumerate() {
            *place.get_mut(old).ok_or(Error::Shape { what: "the rows and columns to select", expected: (m, n), got: (0, old + 1) })? =
                Some(new as u32);
        }
        let (full, hidden) = self.full_and_hidden();
        let chosen = match full {
            Matrix::Dense(x) => {
                let values = rows.iter().flat_map(|&i| cols.iter().map(move |&j| x.values()[i * n + j])).collect();
                Matrix::Dense(Dense::new(rows.len(), cols.len(), values)?)
            }
            Matrix::Sparse(x) => Matrix::Sparse(part(x, rows, cols.len(), &place)?),
            Matrix::Observed(Observed { entries, weights }) => {
                let weights = weights.as_ref().map(|w| part(w, rows, cols.len(), &place)).transpose()?;
                Matrix::Observed(Observed { entries: part(entries, rows, cols.len(), &place)?, weights })
            }
            Matrix::AllBut(_) => unreachable!("what is full hides nothing"),
        };
        match hidden {
            None => Ok(chosen),
            Some(hidden) => chosen.hiding(&part(&hidden.entries, rows, cols.len(), &place)?.triplets()),
        }
    }
}

/// The same rows, and the columns that have a place.
fn part<T: Real>(x: &Sparse<T>, rows: &[usize], cols: usize, place: &[Option<u32>]) -> Result<Sparse<T>, Error> {
    let mut entries = Vec::new();
    for (row, &i) in rows.iter().enumerate() {
        let (columns, values) = x.by_row.row(i);
        let kept = columns.iter().zip(values).filter_map(|(&j, &value)| Some(Triplet { row: row as u32, col: place[j as usize]?, value }));
        entries.extend(kept);
    }
    Ok(Sparse::from_triplets(rows.len(), cols, entries, Duplicates::KeepLast)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_gives_the_entries_that_were_asked_for() {
        let values: Vec<f64> = (0..20).map(|k| if k % 3 == 0 { 0.0 } else { f64::from(k) }).collect();
        let listed: Vec<Triplet> = (0..20).map(|k| Triplet { row: k / 5, col: k % 5, value: values[k as usize] }).collect();
        let stored = |keep: &dyn Fn(&Triplet) -> bool| {
            Sparse::from_triplets(4, 5, listed.iter().copied().filter(|e| keep(e)).collect(), Duplicates::Sum).expect("inside").0
        };
        let observed = stored(&|e| (e.row + e.col) % 2 == 0);
        let dense = Matrix::Dense(Dense::new(4, 5, values.clone()).expect("a matrix"));
        let kinds = [
            dense.clone(),
            Matrix::Sparse(stored(&|e| e.value != 0.0)),
            Matrix::Observed(Observed { entries: observed.clone(), weights: Some(observed.clone()) }),
            dense.hiding(&[listed[3], listed[16]]).expect("inside"),
        ];
        let (rows, cols) = ([3, 0, 2], [4, 1]);
        for x in kinds {
            let chosen = x.selected(&rows, &cols).expect("inside");
            assert_eq!((chosen.shape(), chosen.kind()), ((3, 2), x.kind()));
            for (new, &i) in rows.iter().enumerate() {
                let mut expected: Vec<(usize, f64, f64)> =
                    x.row_entries(i).filter_map(|(j, v, w)| Some((cols.iter().position(|&c| c == j)?, v, w))).collect();
                expected.sort_by_key(|e| e.0);
                assert_eq!(chosen.row_entries(new).collect::<Vec<_>>(), expected, "{}", x.kind());
            }
            assert!(matches!(x.selected(&[4], &[0]), Err(Error::Shape { .. })));
            assert!(matches!(x.selected(&[0], &[5]), Err(Error::Shape { .. })));
        }
    }
}
