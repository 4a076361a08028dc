//! The best one-to-one matching.

/// The permutation π that maximises Σᵢ score[i, π(i)], for a row-major n×n `score`; π(i) is element i of the result.
///
/// Shortest augmenting paths with dual prices, O(n³). Source: Jonker, Volgenant (1987), without their initialisation.
pub fn best_assignment(score: &[f64], n: usize) -> Vec<usize> {
    assert_eq!(score.len(), n * n, "the score is square");
    let mut row_price = vec![0.0; n];
    let mut column_price = vec![0.0; n + 1];
    // column n stands for the row that is being placed
    let mut row_of = vec![None; n + 1];
    for row in 0..n {
        row_of[n] = Some(row);
        let mut slack = vec![f64::INFINITY; n];
        let mut previous = vec![n; n];
        let mut reached = vec![false; n + 1];
        let mut column = n;
        while let Some(i) = row_of[column] {
            reached[column] = true;
            let (mut step, mut next) = (f64::INFINITY, n);
            for j in (0..n).filter(|&j| !reached[j]) {
                let reduced = -score[i * n + j] - row_price[i] - column_price[j];
                if reduced < slack[j] {
                    slack[j] = reduced;
                    previous[j] = column;
                }
                if slack[j] < step || next == n {
                    step = slack[j];
                    next = j;
                }
            }
            for j in 0..=n {
                if reached[j] {
                    row_price[row_of[j].expect("a column is reached through its row")] += step;
                    column_price[j] -= step;
                } else {
                    slack[j] -= step;
                }
            }
            column = next;
        }
        while column != n {
            row_of[column] = row_of[previous[column]];
            column = previous[column];
        }
    }
    let mut assignment = vec![0; n];
    for (column, row) in row_of[..n].iter().enumerate() {
        assignment[row.expect("every column has found its row")] = column;
    }
    assignment
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::stream;
    use rand::Rng;

    fn total(score: &[f64], assignment: &[usize]) -> f64 {
        assignment.iter().enumerate().map(|(i, &j)| score[i * assignment.len() + j]).sum()
    }

    /// The best total over all permutations of what is left.
    fn brute_force(score: &[f64], chosen: &mut Vec<usize>, n: usize) -> f64 {
        if chosen.len() == n {
            return total(score, chosen);
        }
        let mut best = f64::NEG_INFINITY;
        for j in 0..n {
            if !chosen.contains(&j) {
                chosen.push(j);
                best = best.max(brute_force(score, chosen, n));
                chosen.pop();
            }
        }
        best
    }

    #[test]
    fn as_good_as_trying_all() {
        for trial in 0..60 {
            let mut rng = stream(1, trial);
            let n = 1 + trial as usize % 6;
            // few distinct values, so that ties occur
            let score: Vec<f64> = (0..n * n).map(|_| f64::from((rng.next_u32() % 7) as i32 - 3)).collect();
            let assignment = best_assignment(&score, n);
            let mut sorted = assignment.clone();
            sorted.sort();
            assert_eq!(sorted, (0..n).collect::<Vec<_>>());
            assert_eq!(total(&score, &assignment), brute_force(&score, &mut vec![], n));
        }
    }
}
