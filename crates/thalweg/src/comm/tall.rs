//! Orthonormal bases of tall matrices whose rows are spread over ranks.

use super::Comm;
use crate::Error;
use crate::linalg::{Real, mul, orthonormalise, row_major, thin_qr};

impl dyn Comm + '_ {
    /// Columns made orthonormal, with the same span where they are independent: of a row-major matrix with `columns` columns, of whose rows rank
    /// k holds `counts[k]`. All ranks together hold no fewer rows than there are columns.
    ///
    /// Triangular factors go up a binary tree of ranks, where two become one, and each rank's part of the basis comes down. As stable as
    /// Householder's QR of the whole matrix, also where columns depend on one another: their Gram matrix has lost them at half the digits.
    /// 2w²(P − 1)/P numbers of each rank on average, in 2⌈log₂P⌉ rounds.
    ///
    /// # Errors
    /// [`Error::Peer`].
    ///
    /// Source: Demmel, Grigori, Hoemmen, Langou (2012), TSQR on a binary tree.
    pub fn orthonormalise<T: Real>(&self, own: &mut [T], columns: usize, counts: &[usize]) -> Result<(), Error> {
        let (rank, size) = (self.rank(), self.size());
        if size == 1 {
            orthonormalise(own, columns);
            return Ok(());
        }
        let (basis, mut triangle) = thin_qr(own, counts[rank], columns);
        let mut joined = Vec::new();
        let mut distance = 1;
        while distance < size && rank.is_multiple_of(2 * distance) {
            let other = rank + distance;
            if other < size {
                let height = columns.min(counts[other..size.min(other + distance)].iter().sum());
                let mut below = vec![T::of(0.0); height * columns];
                self.receive(other, &mut below)?;
                triangle.extend(below);
                let (q, r) = thin_qr(&triangle, triangle.len() / columns, columns);
                joined.push((other, q, height));
                triangle = r;
            }
            distance *= 2;
        }
        // the basis of the whole is that of this part of the tree, times this
        let mut part = identity(triangle.len() / columns, columns);
        if rank > 0 {
            self.send(rank - distance, &triangle)?;
            self.receive(rank - distance, &mut part)?;
        }
        for (other, q, height) in joined.into_iter().rev() {
            let inner = part.len() / columns;
            let mut both = vec![T::of(0.0); q.len() / inner.max(1) * columns];
            mul(row_major(&q, both.len() / columns, inner), row_major(&part, inner, columns), &mut both);
            let above = both.len() - height * columns;
            self.send(other, &both[above..])?;
            both.truncate(above);
            part = both;
        }
        let inner = part.len() / columns;
        mul(row_major(&basis, counts[rank], inner), row_major(&part, inner, columns), own);
        Ok(())
    }
}

fn identity<T: Real>(rows: usize, columns: usize) -> Vec<T> {
    (0..rows * columns).map(|at| T::of(if at / columns == at % columns { 1.0 } else { 0.0 })).collect()
}

#[cfg(test)]
mod tests {
    use crate::Error;
    use crate::comm::{Counted, equal_parts, thread_ranks};
    use crate::data::stream;
    use crate::linalg::gram;
    use rand_distr::{Distribution, StandardNormal};

    const COLUMNS: usize = 4;

    /// Columns of very different sizes, the last two of which are one.
    fn matrix(rows: usize) -> Vec<f64> {
        let mut rng = stream(rows as u64, 0);
        let mut a: Vec<f64> = (0..rows * COLUMNS).map(|_| StandardNormal.sample(&mut rng)).collect();
        for row in a.chunks_exact_mut(COLUMNS) {
            row[1] = row[0] + 1e-9 * row[1];
            row[3] = row[2];
        }
        a
    }

    #[test]
    fn the_basis_is_orthonormal_and_spans_the_columns_on_any_number_of_ranks() {
        for size in 1..=9 {
            for rows in [4, 5, 9, 40] {
                let a = matrix(rows);
                let parts = equal_parts(rows, size);
                let counts: Vec<usize> = parts.iter().map(|part| part.len()).collect();
                let found = thread_ranks(size, |comm| {
                    let counted = Counted::new(comm);
                    let own = &parts[comm.rank()];
                    let mut q = a[own.start * COLUMNS..own.end * COLUMNS].to_vec();
                    (&counted as &dyn super::Comm).orthonormalise(&mut q, COLUMNS, &counts)?;
                    Ok::<_, Error>((q, counted.traffic().bytes))
                });
                let found: Vec<_> = found.into_iter().map(|found| found.expect("all are there")).collect();
                let q: Vec<f64> = found.iter().flat_map(|(q, _)| q.iter().copied()).collect();
                let unit = gram(&q, COLUMNS);
                for (at, x) in unit.iter().enumerate() {
                    let expected = if at / COLUMNS == at % COLUMNS { 1.0 } else { 0.0 };
                    assert!((x - expected).abs() < 1e-14, "{size} ranks, {rows} rows: {unit:?}");
                }
                // A = Q QᵀA
                for j in 0..COLUMNS {
                    let along: Vec<f64> = (0..COLUMNS).map(|k| (0..rows).map(|i| q[i * COLUMNS + k] * a[i * COLUMNS + j]).sum()).collect();
                    for i in 0..rows {
                        let x: f64 = (0..COLUMNS).map(|k| q[i * COLUMNS + k] * along[k]).sum();
                        assert!((x - a[i * COLUMNS + j]).abs() < 1e-13, "{size} ranks, {rows} rows");
                    }
                }
                let most = 2 * 8 * COLUMNS * COLUMNS * (size - 1);
                let bytes: u64 = found.iter().map(|(_, bytes)| bytes).sum();
                assert!(bytes as usize <= most && (rows < size * COLUMNS || bytes as usize == most), "{size} ranks, {rows} rows: {bytes}");
            }
        }
    }
}
