//! Where theory puts the transition.

/// Intervals of the quadrature; τ that are tried.
const INTERVALS: usize = 2000;
const THRESHOLDS: usize = 400;

/// Statistical dimension of the descent cone of the nuclear norm at a d1×d2 matrix of rank r: with Gaussian measurements the transition to
/// recovery lies within O(√(d1 d2)) of it.
///
/// ```text
/// m n inf_τ { ρν + (1 − ρν)[ρ(1 + τ²) + (1 − ρ) ∫ (u − τ)₊² φ(u) du] },  m ≤ n, ν = m/n, ρ = r/m
/// φ(u) = √((u² − a₋²)(a₊² − u²)) / (π y u) on [a₋, a₊],  a± = 1 ± √y,  y = (ν − ρν)/(1 − ρν)
/// ```
///
/// Source: Amelunxen, Lotz, McCoy, Tropp (2014), proposition 4.7.
pub fn statistical_dimension((d1, d2): (usize, usize), rank: usize) -> f64 {
    let (m, n) = (d1.min(d2) as f64, d1.max(d2) as f64);
    if rank >= d1.min(d2) {
        return m * n;
    }
    let (nu, rho) = (m / n, rank as f64 / m);
    let y = (nu - rho * nu) / (1.0 - rho * nu);
    let (low, high) = (1.0 - y.sqrt(), 1.0 + y.sqrt());
    // u = centre − half·cos t: the square roots at both ends become smooth
    let (centre, half) = (0.5 * (high + low), 0.5 * (high - low));
    let nodes: Vec<(f64, f64)> = (0..INTERVALS)
        .map(|i| {
            let t = std::f64::consts::PI * (i as f64 + 0.5) / INTERVALS as f64;
            let u = centre - half * t.cos();
            let density = ((u + low) * (u + high)).sqrt() * half * t.sin() / (std::f64::consts::PI * y * u);
            (u, density * half * t.sin() * std::f64::consts::PI / INTERVALS as f64)
        })
        .collect();
    let value = |tau: f64| {
        let rest: f64 = nodes.iter().map(|&(u, weight)| weight * (u - tau).max(0.0).powi(2)).sum();
        rho * nu + (1.0 - rho * nu) * (rho * (1.0 + tau * tau) + (1.0 - rho) * rest)
    };
    let best = (0..=THRESHOLDS).map(|i| value(high * i as f64 / THRESHOLDS as f64)).fold(f64::INFINITY, f64::min);
    m * n * best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_ranks_whose_answer_is_known() {
        // at full rank only everything determines a matrix; of rank 0 nothing is asked
        assert_eq!(statistical_dimension((7, 5), 5), 35.0);
        assert!(statistical_dimension((40, 40), 0) < 1e-3 * 1600.0);
        // between the degrees of freedom and all entries, growing with the rank, the same for both orientations
        let mut last = 0.0;
        for rank in 1..20 {
            let (wide, tall) = (statistical_dimension((20, 30), rank), statistical_dimension((30, 20), rank));
            assert_eq!(wide, tall);
            assert!(wide > last && wide > (rank * (50 - rank)) as f64 && wide <= 600.0 * (1.0 + 1e-9), "{rank}: {wide}");
            last = wide;
        }
    }
}
