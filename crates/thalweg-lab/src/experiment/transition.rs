//! Where a success rate that grows with a quantity passes from 0 to 1.

/// A transition, with its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    /// Mean of the law whose distribution function the success rate is.
    pub at: f64,
    /// Its standard error, from the binomial spread of the rates.
    pub error: f64,
}

impl Transition {
    /// By the estimator of Spearman and Kärber: Σ (pᵢ₊₁ − pᵢ)(xᵢ + xᵢ₊₁)/2 with the rates made non-decreasing; below the first quantity
    /// the rate is taken for 0. `counts`: (quantity, successes, trials), by ascending quantity.
    ///
    /// None unless the last rate is 1, and of fewer than two quantities.
    pub fn of(counts: &[(f64, u64, u64)]) -> Option<Transition> {
        let (last, first) = (counts.last()?, counts.first()?);
        if counts.len() < 2 || last.1 < last.2 || counts.iter().any(|c| c.2 == 0) {
            return None;
        }
        let step = counts[1].0 - first.0;
        let before = (first.0 - step, 0, 1);
        let all: Vec<(f64, u64, u64)> = [before].into_iter().chain(counts.iter().copied()).collect();
        let rates = non_decreasing(&all);
        let at = all.windows(2).zip(rates.windows(2)).map(|(x, p)| (p[1] - p[0]) * 0.5 * (x[0].0 + x[1].0)).sum();
        let spread = |i: usize| {
            let (p, n, width) = (rates[i], all[i].2 as f64, 0.5 * (all[i + 1].0 - all[i - 1].0));
            p * (1.0 - p) / (n - 1.0).max(1.0) * width * width
        };
        let variance: f64 = (1..all.len() - 1).map(spread).sum();
        Some(Transition { at, error: variance.sqrt() })
    }
}

/// The non-decreasing rates nearest to these: neighbours that fall are pooled.
fn non_decreasing(counts: &[(f64, u64, u64)]) -> Vec<f64> {
    // successes, trials, members
    let mut pools: Vec<(u64, u64, usize)> = Vec::new();
    for &(_, successes, trials) in counts {
        pools.push((successes, trials, 1));
        while let [.., a, b] = pools[..] {
            if a.0 * b.1 <= b.0 * a.1 {
                break;
            }
            pools.truncate(pools.len() - 2);
            pools.push((a.0 + b.0, a.1 + b.1, a.2 + b.2));
        }
    }
    pools.iter().flat_map(|&(s, n, members)| std::iter::repeat_n(s as f64 / n as f64, members)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_lies_between_its_neighbours() {
        let step = Transition::of(&[(1.0, 0, 10), (2.0, 0, 10), (3.0, 10, 10), (4.0, 10, 10)]).expect("ends at 1");
        assert_eq!((step.at, step.error), (2.5, 0.0));
        assert_eq!(Transition::of(&[(1.0, 0, 10), (2.0, 9, 10)]), None);
        assert_eq!(Transition::of(&[(1.0, 10, 10)]), None);
    }

    #[test]
    fn rates_that_fall_are_pooled() {
        assert_eq!(non_decreasing(&[(1.0, 2, 10), (2.0, 1, 10), (3.0, 0, 10), (4.0, 9, 10)]), [0.1, 0.1, 0.1, 0.9]);
        let smooth = Transition::of(&[(0.0, 0, 100), (1.0, 25, 100), (2.0, 75, 100), (3.0, 100, 100)]).expect("ends at 1");
        assert_eq!(smooth.at, 1.5);
        assert!((smooth.error - (2.0 * 0.1875 / 99.0f64).sqrt()).abs() < 1e-12, "{smooth:?}");
    }
}
