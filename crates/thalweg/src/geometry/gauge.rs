//! The scaling gauge: (uₖ, vₖ) and (t uₖ, vₖ/t) are the same rank-one term, but not the same point.

use crate::Factors;
use crate::linalg::column_norms;

/// Each component scaled to ‖uₖ‖ = ‖vₖ‖, its product unchanged. A component whose product is 0 becomes 0.
pub fn balance(factors: &Factors) -> Factors {
    flow_gauge(factors, 0.0)
}

/// Each component scaled to ‖uₖ‖² − ‖vₖ‖² = `difference`, its product unchanged: the quantity that (projected) gradient flow conserves.
///
/// With p = ‖uₖ‖‖vₖ‖: ‖uₖ‖² = (c + √(c² + 4p²))/2, ‖vₖ‖² = (−c + √(c² + 4p²))/2. A zero column stays zero, so a component with u = 0
/// reaches the gauge only for c ≤ 0 (v = 0: c ≥ 0); otherwise both columns become 0. From a start with iid entries of second moment s²
/// the paper's c is (m − n) s².
pub fn flow_gauge(factors: &Factors, difference: f64) -> Factors {
    let mut gauged = factors.clone();
    let rank = factors.rank();
    let (u, v) = gauged.split_mut();
    let (u_norms, v_norms) = (column_norms(u, rank), column_norms(v, rank));
    for k in 0..rank {
        let (to_u, to_v) = target_norms(u_norms[k], v_norms[k], difference);
        rescale(u.iter_mut().skip(k).step_by(rank), u_norms[k], to_u);
        rescale(v.iter_mut().skip(k).step_by(rank), v_norms[k], to_v);
    }
    gauged
}

/// Norms with the given difference of squares and, where that is possible, the product u·v.
fn target_norms(u: f64, v: f64, c: f64) -> (f64, f64) {
    // √u·√v is in range wherever the term itself is
    let product_root = u.sqrt() * v.sqrt();
    if c == 0.0 {
        return (product_root, product_root);
    }
    let twice_product = 2.0 * product_root * product_root;
    let root = c.hypot(twice_product);
    // the larger square without cancellation, the smaller one from the product
    let larger = 0.5 * (root + c.abs());
    let smaller = 0.25 * twice_product / larger * twice_product;
    if c > 0.0 { (larger.sqrt(), smaller.sqrt()) } else { (smaller.sqrt(), larger.sqrt()) }
}

fn rescale<'a>(column: impl Iterator<Item = &'a mut f64>, norm: f64, target: f64) {
    if norm > 0.0 {
        // dividing first: target/norm leaves the range when the norms are 1e300 apart
        column.for_each(|x| *x = *x / norm * target);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norms_squared(f: &Factors) -> Vec<(f64, f64)> {
        let (u, v) = f.split();
        column_norms(u, f.rank()).iter().zip(column_norms(v, f.rank())).map(|(u, v)| (u * u, v * v)).collect()
    }

    fn product(f: &Factors) -> Vec<f64> {
        let entry = |i, j| {
            let (u, v) = f.row_pair(i, j);
            u.iter().zip(v).map(|(u, v)| u * v).sum()
        };
        (0..f.rows()).flat_map(|i| (0..f.cols()).map(move |j| (i, j))).map(|(i, j)| entry(i, j)).collect()
    }

    #[test]
    fn gauges_keep_the_product() -> Result<(), crate::Error> {
        let f = Factors::new(3, 2, 2, vec![1.0, 2.0, 0.5, 0.0, 3.0, 1e-3, 4.0, 7.0, 0.0, 1.0])?;
        for c in [0.0, 2.5, -40.0, 1e-12, 1e9] {
            let g = flow_gauge(&f, c);
            for (a, b) in product(&f).iter().zip(product(&g)) {
                assert!((a - b).abs() <= 1e-13 * a.abs().max(1.0), "{c}");
            }
            for (u, v) in norms_squared(&g) {
                assert!((u - v - c).abs() <= 1e-13 * (u + v), "{c}: {u} {v}");
            }
        }
        Ok(())
    }

    #[test]
    fn zero_columns_and_extreme_norms() -> Result<(), crate::Error> {
        // u₁ = 0, v₂ = 0, both of component 3 zero, component 4 at opposite ends of the range
        let f = Factors::new(1, 1, 4, vec![0.0, 2.0, 0.0, 1e200, 3.0, 0.0, 0.0, 1e-200])?;
        assert_eq!(balance(&f).as_slice()[..3], [0.0; 3]);
        assert_eq!(balance(&f).as_slice()[4..7], [0.0; 3]);
        for at in [3, 7] {
            assert!((balance(&f).as_slice()[at] - 1.0).abs() < 1e-14, "{}", balance(&f).as_slice()[at]);
        }
        let gauged = flow_gauge(&f, 9.0);
        assert_eq!(gauged.as_slice()[1], 3.0);
        assert_eq!((gauged.as_slice()[0], gauged.as_slice()[4]), (0.0, 0.0));
        Ok(())
    }
}
