//! The star-convexity reference: every line against exact rational arithmetic.

use serde_json::Value;
use std::collections::HashMap;
use std::error::Error as StdError;
use std::fs::File;
use std::path::PathBuf;
use thalweg::data::{self, Dense, Duplicates, Matrix, Observed, Sparse, Triplet};
use thalweg::geometry::{Line, StartMoments, Verdict, barrier, expected_curvature, gradient_cosine, line, lines};
use thalweg::problem::{Nmf, Objective, all_segments};
use thalweg::{Error, Factors};

type Result<T> = std::result::Result<T, Box<dyn StdError>>;

/// Row-major numbers and their shape.
#[derive(Clone)]
struct Array {
    shape: Vec<usize>,
    numbers: Vec<f64>,
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", "star-convexity"].iter().collect()
}

fn reference() -> Result<Value> {
    Ok(serde_json::from_reader(File::open(folder().join("reference.json"))?)?)
}

fn arrays(file: &str) -> Result<HashMap<String, Array>> {
    let read = data::read_npz(&folder().join(file), u64::MAX)?;
    Ok(read.into_iter().map(|(name, read)| (name, Array { shape: read.shape, numbers: read.values.into_f64() })).collect())
}

fn transposed(a: &Array) -> Array {
    let (rows, cols) = (a.shape[0], a.shape[1]);
    Array { shape: vec![cols, rows], numbers: (0..rows * cols).map(|at| a.numbers[at % rows * cols + at / rows]).collect() }
}

/// The reference has V as r×n.
fn point(u: &Array, v: &Array) -> Result<Factors> {
    let numbers = [u.numbers.as_slice(), &transposed(v).numbers].concat();
    Ok(Factors::new(u.shape[0], v.shape[1], u.shape[1], numbers)?)
}

fn slice(a: &Array, at: usize) -> Array {
    let size = a.shape[1] * a.shape[2];
    Array { shape: a.shape[1..].to_vec(), numbers: a.numbers[at * size..][..size].to_vec() }
}

fn dense(x: &Array) -> Result<Matrix> {
    Ok(Matrix::Dense(Dense::new(x.shape[0], x.shape[1], x.numbers.clone())?))
}

fn observed(x: &Array, mask: &Array) -> Result<Matrix> {
    let cols = x.shape[1];
    let seen = (0..x.numbers.len()).filter(|&at| mask.numbers[at] != 0.0);
    let list = seen.map(|at| Triplet { row: (at / cols) as u32, col: (at % cols) as u32, value: x.numbers[at] }).collect();
    let (entries, _) = Sparse::from_triplets(x.shape[0], cols, list, Duplicates::Sum)?;
    Ok(Matrix::Observed(Observed { entries, weights: None }))
}

struct Case {
    expected: Value,
    data: Matrix,
    a: Factors,
    b: Factors,
}

fn cases() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for expected in reference()?["cases"].as_array().ok_or("cases")? {
        let arrays = arrays(expected["file"].as_str().ok_or("file")?)?;
        let data = match arrays.get("mask") {
            Some(mask) if expected["masked"] == true => observed(&arrays["X"], mask)?,
            _ => dense(&arrays["X"])?,
        };
        let (a, b) = (point(&arrays["U2"], &arrays["V2"])?, point(&arrays["U1"], &arrays["V1"])?);
        cases.push(Case { expected: expected.clone(), data, a, b });
    }
    Ok(cases)
}

/// Σ |terms| of each coefficient: the residual's parts with all factors replaced by absolute values.
fn term_sizes(data: &Matrix, a: &Factors, b: &Factors) -> [f64; 5] {
    let mut sizes = [0.0; 5];
    for i in 0..a.rows() {
        for (j, x, _) in data.row_entries(i) {
            let ((u, v), (u1, v1)) = (a.row_pair(i, j), b.row_pair(i, j));
            let (mut w0, mut w1, mut w2) = (x.abs(), 0.0, 0.0);
            for k in 0..a.rank() {
                let (d, e) = ((u1[k] - u[k]).abs(), (v1[k] - v[k]).abs());
                w0 += u[k].abs() * v[k].abs();
                w1 += d * v[k].abs() + u[k].abs() * e;
                w2 += d * e;
            }
            for (size, term) in sizes.iter_mut().zip([0.5 * w0 * w0, w0 * w1, 0.5 * w1 * w1 + w0 * w2, w1 * w2, 0.5 * w2 * w2]) {
                *size += term;
            }
        }
    }
    sizes
}

fn verdict(value: &Value) -> Verdict {
    if value.as_bool().expect("a verdict is true or false") { Verdict::Yes } else { Verdict::No }
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// A decimal string as (mantissa, power of ten), for values beyond f64.
fn decimal(value: &Value) -> (f64, i32) {
    let (mantissa, exponent) = value.as_str().expect("a decimal string").split_once('e').unwrap_or((value.as_str().unwrap_or("0"), "0"));
    (mantissa.parse().expect("digits"), exponent.parse().expect("an exponent"))
}

fn check_verdicts(name: &str, expected: &Value, found: &Line) {
    let nested = &expected["nested_optimum_at_1"];
    assert_eq!(found.convex_on_segment, verdict(&expected["convex_on_01"]), "{name}: convex on the segment");
    assert_eq!(found.convex_everywhere, verdict(&expected["convex_on_R"]), "{name}: convex everywhere");
    assert_eq!(found.star_towards_b, verdict(&nested["star"]), "{name}: star");
    assert_eq!(found.gradient_towards_b, verdict(&nested["grad_points_to_1"]), "{name}: gradient");
    let at = number(&expected["alpha_at"]);
    assert!((found.alpha_at - at).abs() <= 1e-11, "{name}: alpha at {} instead of {at}", found.alpha_at);
}

#[test]
fn lines_of_the_reference() -> Result<()> {
    for Case { expected, data, a, b } in cases()? {
        let name = expected["name"].as_str().ok_or("name")?;
        if expected["expected"] == "error" {
            let refusal = line(&data, &a, &b);
            assert!(matches!(refusal, Err(Error::NotFinite { .. })), "{name}: {refusal:?}");
            continue;
        }
        let found = line(&data, &a, &b)?;
        check_verdicts(name, &expected, &found);
        if expected["coeff_f64"].as_array().ok_or("coefficients")?.iter().any(Value::is_string) || name.contains("e-85") {
            check_beyond_range(name, &expected, &found);
            continue;
        }
        assert_eq!(found.exponent, 0, "{name}");
        let sizes = term_sizes(&data, &a, &b);
        for k in 0..5 {
            let (got, exact) = (found.coefficients[k], number(&expected["coeff_f64"][k]));
            assert!((got - exact).abs() <= 1e-12 * sizes[k], "{name}: c{k} = {got:e}, exactly {exact:e}");
        }
        let curvature_size = 2.0 * sizes[2] + 6.0 * sizes[3] + 12.0 * sizes[4];
        let alpha = number(&expected["alpha_f64"]);
        assert!((found.alpha - alpha).abs() <= 1e-12 * curvature_size, "{name}: alpha {} instead of {alpha}", found.alpha);
        let height = number(&expected["barrier"]["over_max_endpoint"]);
        assert!((found.barrier - height).abs() <= 1e-12 * sizes.iter().sum::<f64>(), "{name}: barrier {} instead of {height}", found.barrier);
    }
    Ok(())
}

/// Coefficients that f64 cannot hold: compared through their decimal logarithms.
fn check_beyond_range(name: &str, expected: &Value, found: &Line) {
    assert_ne!(found.exponent, 0, "{name}");
    let exact = expected["coeff_exact"].as_array().expect("five strings").iter().chain([&expected["alpha_exact"]]);
    for (got, exact) in found.coefficients.iter().chain([&found.alpha]).zip(exact) {
        let (mantissa, power) = decimal(exact);
        if mantissa == 0.0 {
            assert_eq!(*got, 0.0, "{name}");
            continue;
        }
        assert_eq!(got.signum(), mantissa.signum(), "{name}");
        let logarithm = got.abs().log10() + f64::from(found.exponent) * 2f64.log10();
        assert!((logarithm - mantissa.abs().log10() - f64::from(power)).abs() < 1e-11, "{name}: {got:e} · 2^{}", found.exponent);
    }
}

/// The polynomial's own error bounds hold against the exact coefficients, and the all-pairs route gives the same lines.
#[test]
fn error_bounds_cover_the_exact_coefficients() -> Result<()> {
    for Case { expected, data, a, b } in cases()? {
        let Some(exact) = expected["coeff_f64"].as_array() else { continue };
        if exact.iter().any(Value::is_string) || expected["name"].as_str().is_some_and(|name| name.contains("e-85")) {
            continue;
        }
        let quartic = all_segments(&data, std::slice::from_ref(&a), std::slice::from_ref(&b))?.remove(0);
        check_verdicts("all pairs", &expected, &Line::from_polynomial(&quartic));
        for (k, exact) in exact.iter().enumerate() {
            let (difference, exact) = ((quartic.coefficients[k] - number(exact)).abs(), number(exact));
            // the reference itself is rounded to f64
            assert!(difference <= quartic.error[k] + f64::EPSILON * exact.abs(), "{}: c{k}", expected["name"]);
        }
    }
    Ok(())
}

#[test]
fn batch_of_the_reference() -> Result<()> {
    let expected = &reference()?["batch"];
    let arrays = arrays(expected["file"].as_str().ok_or("file")?)?;
    let data = dense(&arrays["X"])?;
    let family = |u: &str, v: &str| -> Result<Vec<Factors>> {
        (0..arrays[u].shape[0]).map(|at| point(&slice(&arrays[u], at), &slice(&arrays[v], at))).collect()
    };
    let (starts, ends) = (family("UQ", "VQ")?, family("UP", "VP")?);
    let entries = (starts[0].rows() * starts[0].cols()) as f64;
    let found = lines(&data, &starts, &ends)?;
    let alphas: Vec<f64> = found.iter().map(|l| l.alpha / entries).collect();
    for (at, alpha) in alphas.iter().enumerate() {
        let (p, q) = (at / starts.len(), at % starts.len());
        assert!((alpha - number(&expected["alpha"][p][q])).abs() < 1e-12 * 10.0, "{p} {q}");
        for k in 0..5 {
            assert!((found[at].coefficients[k] / entries - number(&expected["coeff"][at][k])).abs() < 1e-12 * 10.0, "{p} {q} c{k}");
        }
    }
    let mean = alphas.iter().sum::<f64>() / alphas.len() as f64;
    let sd = (alphas.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / alphas.len() as f64).sqrt();
    assert!((mean - number(&expected["mean"])).abs() < 1e-12);
    assert!((sd - number(&expected["sd_ddof0"])).abs() < 1e-12);
    Ok(())
}

#[test]
fn alignment_of_the_reference() -> Result<()> {
    let expected = &reference()?["alignment"];
    let arrays = arrays(expected["file"].as_str().ok_or("file")?)?;
    let data = dense(&arrays["X"])?;
    let (start, end) = (point(&arrays["U2"], &arrays["V2"])?, point(&arrays["U1"], &arrays["V1"])?);
    // the reference permutes the components of λ = 1 to those of λ = 0
    let found = barrier(&data, &start, &end)?;
    let order: Vec<usize> = expected["order"].as_array().ok_or("order")?.iter().map(|k| k.as_u64().unwrap_or(0) as usize).collect();
    assert_eq!(found.alignment.assignment, order);
    for (got, name) in [
        (found.raw.alpha, "alpha_raw"),
        (found.aligned.alpha, "alpha_aligned"),
        (found.raw.barrier, "barrier_raw"),
        (found.aligned.barrier, "barrier_aligned"),
    ] {
        let exact = number(&expected[name]);
        assert!((got - exact).abs() <= 1e-10 * (1.0 + exact.abs()), "{name}: {got} instead of {exact}");
    }
    Ok(())
}

#[test]
fn expected_curvature_of_the_reference() -> Result<()> {
    let expected = &reference()?["expected_quadratic"];
    let arrays = arrays(expected["full"]["file"].as_str().ok_or("file")?)?;
    let start = StartMoments::half_normal(0.3);
    assert!((start.mean - number(&expected["a"])).abs() < 1e-15 && (start.variance - number(&expected["S"])).abs() < 1e-15);
    let found = expected_curvature(&dense(&arrays["X"])?, &point(&arrays["U1"], &arrays["V1"])?, start)?;
    for (k, got) in found.quadratic.iter().enumerate() {
        let exact = number(&expected["full"]["q"][k]);
        assert!((got - exact).abs() <= 1e-11 * exact.abs(), "q{k}: {got} instead of {exact}");
    }
    Ok(())
}

#[test]
fn trajectory_of_the_reference() -> Result<()> {
    let expected = &reference()?["trajectory"];
    let arrays = arrays(expected["file"].as_str().ok_or("file")?)?;
    let data = dense(&arrays["X"])?;
    let start = point(&arrays["U0"], &arrays["V0"])?;
    let end = point(&arrays["Uend"], &arrays["Vend"])?;
    let problem = Nmf::new(&data, start.rank())?;
    let entries = (start.rows() * start.cols()) as f64;
    let chord = difference(&end, &start);
    let mut x = start.clone();
    let mut gradient = vec![0.0; problem.dim()];
    let mut step = 0;
    for row in expected["rows"].as_array().ok_or("rows")? {
        while step < row["step"].as_u64().ok_or("step")? {
            problem.gradient(x.as_slice(), &mut gradient);
            let moved = x.as_slice().iter().zip(&gradient).map(|(x, g)| (x - number(&expected["lr"]) * g).max(0.0)).collect();
            x = Factors::new(x.rows(), x.cols(), x.rank(), moved)?;
            step += 1;
        }
        let loss = number(&row["loss_over_nm"]);
        assert!((Objective::value(&problem, x.as_slice()) / entries - loss).abs() <= 1e-9 * loss, "step {step}");
        let to_chord = gradient_cosine(&problem, x.as_slice(), &chord).raw.ok_or("a gradient")?;
        assert!((to_chord - number(&row["cos_fixed_chord"])).abs() <= 1e-6, "step {step}");
        if row["cos_to_end"].is_null() {
            continue;
        }
        let to_end = gradient_cosine(&problem, x.as_slice(), &difference(&end, &x));
        assert!((to_end.raw.ok_or("a gradient")? - number(&row["cos_to_end"])).abs() <= 1e-6, "step {step}");
        assert!((to_end.projected.ok_or("a gradient")? - number(&row["cos_to_end_projected"])).abs() <= 1e-6, "step {step}");
        let found = line(&data, &x, &end)?;
        assert!((found.alpha / entries - number(&row["alpha_to_end"])).abs() <= 1e-6, "step {step}");
        assert!((found.alpha_at - number(&row["alpha_at"])).abs() <= 1e-6, "step {step}");
    }
    Ok(())
}

fn difference(a: &Factors, b: &Factors) -> Vec<f64> {
    a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| a - b).collect()
}
