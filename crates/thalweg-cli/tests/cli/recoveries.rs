//! `recover` and `verify`: documents, files, exit codes, and certificates that do not survive tampering.

use super::desk::Desk;
use serde_json::Value;
use std::path::Path;
use thalweg::data::{Array, Numbers, read_npz, write_npz};

fn array(shape: &[usize], values: Vec<f64>) -> Array {
    Array::new(shape.to_vec(), Numbers::F64(values)).expect("fits")
}

/// Values that look random and are the same everywhere.
fn scattered(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    // twelve uniforms make a bell
    (0..count).map(|_| (0..12).map(|_| uniform()).sum::<f64>() - 6.0).collect()
}

const D: usize = 8;

fn truth() -> Vec<f64> {
    let u = scattered(D, 5);
    (0..D * D).map(|at| u[at / D] * u[at % D]).collect()
}

/// bᵢ = lᵢᵀ X rᵢ.
fn forms(l: &[f64], r: &[f64], x: &[f64]) -> Vec<f64> {
    let form = |(l, r): (&[f64], &[f64])| (0..D * D).map(|at| l[at / D] * x[at] * r[at % D]).sum();
    l.chunks(D).zip(r.chunks(D)).map(form).collect()
}

fn put_instances(desk: &Desk) {
    let (x, p) = (truth(), 50);
    let put = |name: &str, arrays: &[(&str, Array)]| write_npz(&desk.path(name), arrays).expect("writes");
    let known = || ("truth", array(&[D, D], truth()));
    let a = scattered(p * D * D, 1);
    let b: Vec<f64> = a.chunks(D * D).map(|a| a.iter().zip(&x).map(|(a, x)| a * x).sum()).collect();
    put("sensing.npz", &[("A", array(&[p, D, D], a)), ("b", array(&[p], b)), known()]);
    let (l, r) = (scattered(p * D, 2), scattered(p * D, 3));
    put("bilinear.npz", &[("a", array(&[p, D], l.clone())), ("c", array(&[p, D], r.clone())), ("b", array(&[p], forms(&l, &r, &x))), known()]);
    put("quadratic.npz", &[("x", array(&[p, D], l.clone())), ("b", array(&[p], forms(&l, &l, &x))), known()]);
    let csv: String = (0..D)
        .map(|i| (0..D).map(|j| if (i * 3 + j * 5) % 7 < 5 { x[i * D + j].to_string() } else { "nan".into() }).collect::<Vec<_>>().join(",") + "\n")
        .collect();
    desk.put("completion.csv", csv);
    let listed: Vec<usize> = (0..D * D).filter(|at| (at / D * 3 + at % D * 5) % 7 < 5).collect();
    let lines: String = listed.iter().map(|at| format!("{} {} {:e}\n", at / D + 1, at % D + 1, x[*at])).collect();
    desk.put("completion.mtx", format!("%%MatrixMarket matrix coordinate real general\n{D} {D} {}\n{lines}", listed.len()));
}

const INSTANCES: [(&str, &str); 5] = [
    ("sensing", "sensing.npz"),
    ("bilinear", "bilinear.npz"),
    ("quadratic", "quadratic.npz"),
    ("completion", "completion.csv"),
    ("completion", "completion.mtx"),
];

fn solution(path: &Path) -> Vec<f64> {
    read_npz(path, 1 << 20).expect("reads").remove("X").expect("X").values.into_f64()
}

#[test]
fn every_kind_is_recovered_proved_and_checked() {
    let desk = Desk::new();
    put_instances(&desk);
    for (kind, file) in INSTANCES {
        for objective in ["nuclear", "flat"] {
            let words = format!("recover {kind} {file} --objective {objective} --certify -o {file}-{objective}");
            let found = desk.json(0, &words);
            assert_eq!((&found["schema"], &found["command"], &found["kind"]), (&1.into(), &"recover".into(), &kind.into()));
            assert_eq!((&found["status"], &found["rank"], &found["certified"]), (&"converged".into(), &1.into(), &true.into()), "{found}");
            for number in ["objective", "relative_residual", "margin", "radius", "gap", "iterations", "seconds"] {
                assert!(found[number].is_number(), "{number} of {found}");
            }
            let x = solution(&desk.path(&format!("{file}-{objective}/solution.npz")));
            assert!(x.iter().zip(truth()).all(|(x, t)| (x - t).abs() < 1e-9), "{words}");
            assert_eq!(found["relative_error"].is_null(), kind == "completion", "{found}");
            let checked = desk.json(0, &format!("verify {file}-{objective} --problem {file}"));
            assert_eq!((&checked["certified"], &checked["same_instance"]), (&true.into(), &true.into()));
            assert!(checked["why"].is_string() && checked["margin"].is_number(), "{checked}");
            // the same command again: the same answer over the old one
            assert_eq!(solution(&desk.path(&format!("{file}-{objective}/solution.npz"))), x);
            desk.ends(0, &words);
        }
    }
    let positive = desk.json(0, "recover quadratic quadratic.npz --positive --certify -o positive");
    assert_eq!(positive["certified"], true);
    let unproved = desk.json(0, "recover sensing sensing.npz -o plain");
    assert!(unproved["certified"].is_null() && unproved["certificate"].is_null(), "{unproved}");
}

#[test]
fn noise_is_allowed_for_and_the_gap_proved() {
    let desk = Desk::new();
    let (x, p) = (truth(), 90);
    let a = scattered(p * D * D, 1);
    let noise: Vec<f64> = scattered(p, 8).iter().map(|e| 0.1 * e).collect();
    let b: Vec<f64> = a.chunks(D * D).zip(&noise).map(|(a, e)| a.iter().zip(&x).map(|(a, x)| a * x).sum::<f64>() + e).collect();
    write_npz(&desk.path("noisy.npz"), &[("A", array(&[p, D, D], a)), ("b", array(&[p], b))]).expect("writes");
    let radius = noise.iter().map(|e| e * e).sum::<f64>().sqrt();
    for (name, option) in [("ball", format!("--noise {radius}")), ("penalised", "--penalty 20".to_owned())] {
        for objective in ["nuclear", "flat"] {
            let run = format!("{name}-{objective}");
            let words = format!("recover sensing noisy.npz {option} --objective {objective} --certify -o {run}");
            // with noise the radius has half as many digits as the flat rescaling is known to: it is near the limit, on either side
            let ran = desk.run(&format!("{words} --json"));
            let found: Value = serde_json::from_str(&ran.out).expect("one document");
            let is_proved = found["certified"].as_bool().expect("it was asked for");
            let code = if is_proved { 0 } else { 3 };
            assert_eq!((&found["status"], ran.code), (&"converged".into(), code), "{found}");
            assert!(is_proved || objective == "flat", "{found}");
            assert!(found["fidelity"][name].is_object() && found["gap"].as_f64().is_some_and(|gap| gap < 1e-8), "{found}");
            assert!(found["radius"].as_f64().is_some_and(|radius| radius < 1e-5), "{found}");
            assert_eq!(desk.json(code, &format!("verify {run} --problem noisy.npz"))["certified"], is_proved);
        }
    }
    // another radius is another run
    desk.ends(2, "recover sensing noisy.npz --noise 0.5 -o ball-nuclear");
    // 26 of the 90 dimensions of the noise are outside the range of A
    let found = desk.json(3, &format!("recover sensing noisy.npz --noise {} -o narrow", 0.1 * radius));
    assert_eq!(found["status"], "inconsistent", "{found}");
    assert!(found["nothing_fits_below"].as_f64().is_some_and(|bound| bound > 1e9), "{found}");
    desk.ends(2, "recover sensing noisy.npz --noise 1 --penalty 1");
    desk.ends(2, "recover sensing noisy.npz --noise -1");
    desk.ends(2, "recover sensing noisy.npz --penalty 0");
}

#[test]
fn what_was_tampered_with_is_not_certified() {
    let desk = Desk::new();
    put_instances(&desk);
    desk.ends(0, "recover sensing sensing.npz --certify -o run");
    let arrays = read_npz(&desk.path("run/certificate.npz"), 1 << 20).expect("reads");
    // a multiplier that is only a little off still proves it, and the proof is right
    for (name, at, by) in [("U", 0, 1e-3), ("V", 3, 1e-3), ("y", 2, 1e3)] {
        let mut changed = arrays.clone();
        let array = changed.get_mut(name).expect("there");
        let mut values = array.values.clone().into_f64();
        values[at] += by * values[at].abs().max(1e-3);
        array.values = Numbers::F64(values);
        let listed: Vec<(&str, Array)> = changed.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
        write_npz(&desk.path("run/certificate.npz"), &listed).expect("writes");
        let checked = desk.json(3, "verify run/certificate.json --problem sensing.npz");
        assert_eq!(checked["certified"], false, "{name}");
    }
    // what the record claims is not believed either
    let record: Value = serde_json::from_slice(&desk.bytes("run/certificate.json")).expect("a record");
    assert_eq!(record["verdict"]["certified"], true);
    // another file's data
    desk.ends(0, "recover sensing sensing.npz --certify -o other");
    let mut other = read_npz(&desk.path("sensing.npz"), 1 << 20).expect("reads");
    let b: Vec<f64> = other["b"].values.clone().into_f64().iter().map(|b| b + 0.01).collect();
    other.get_mut("b").expect("b").values = Numbers::F64(b);
    let listed: Vec<(&str, Array)> = other.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
    write_npz(&desk.path("shifted.npz"), &listed).expect("writes");
    let checked = desk.json(3, "verify other --problem shifted.npz");
    assert_eq!((&checked["certified"], &checked["same_instance"]), (&false.into(), &false.into()));
}

/// 60×50 of rank 1, two entries in a hundred corrupted, two not observed.
fn put_table(desk: &Desk) -> Vec<f64> {
    let (m, n) = (60, 50);
    let (u, v, chance, size) = (scattered(m, 21), scattered(n, 22), scattered(m * n, 23), scattered(m * n, 24));
    let low_rank: Vec<f64> = (0..m * n).map(|at| u[at / n] * v[at % n]).collect();
    let sparse: Vec<f64> = chance.iter().zip(&size).map(|(c, s)| if *c > 2.05 { 8.0 * s } else { 0.0 }).collect();
    let mut y: Vec<f64> = low_rank.iter().zip(&sparse).map(|(x, s)| x + s).collect();
    (0..m * n).filter(|at| chance[*at] < -2.05).for_each(|at| y[at] = f64::NAN);
    let table = |values: &[f64]| array(&[m, n], values.to_vec());
    let parts = [("Y", table(&y)), ("truth_low_rank", table(&low_rank)), ("truth_sparse", table(&sparse))];
    write_npz(&desk.path("table.npz"), &parts).expect("writes");
    let line = |row: &[f64]| row.iter().map(|y| if y.is_nan() { String::new() } else { y.to_string() }).collect::<Vec<_>>().join(",");
    desk.put("table.csv", y.chunks(n).map(|row| line(row) + "\n").collect::<String>());
    low_rank
}

fn put_vector(desk: &Desk) -> Vec<f64> {
    let (p, d) = (30, 70);
    let mut x = vec![0.0; d];
    [(4, 1.5), (33, -0.75), (60, 2.0)].iter().for_each(|&(at, value)| x[at] = value);
    let a = scattered(p * d, 31);
    let b: Vec<f64> = a.chunks(d).map(|row| row.iter().zip(&x).map(|(a, x)| a * x).sum()).collect();
    let arrays = [("A", array(&[p, d], a)), ("b", array(&[p], b)), ("truth", array(&[d], x.clone()))];
    write_npz(&desk.path("vector.npz"), &arrays).expect("writes");
    x
}

fn taken(desk: &Desk, run: &str, name: &str) -> Vec<f64> {
    read_npz(&desk.path(&format!("{run}/solution.npz")), 1 << 24).expect("reads").remove(name).expect("there").values.into_f64()
}

#[test]
fn tables_are_separated_proved_and_checked() {
    let desk = Desk::new();
    let low_rank = put_table(&desk);
    for (file, has_truth) in [("table.npz", true), ("table.csv", false)] {
        let found = desk.json(0, &format!("recover rpca {file} --certify -o {file}-run"));
        assert_eq!((&found["command"], &found["kind"], &found["status"]), (&"recover".into(), &"rpca".into(), &"converged".into()));
        assert_eq!((&found["rank"], &found["certified"]), (&1.into(), &true.into()), "{found}");
        for number in ["objective", "relative_residual", "lambda", "corrupted", "margin", "radius", "gap", "iterations", "seconds"] {
            assert!(found[number].is_number(), "{number} of {found}");
        }
        assert_eq!(found["relative_error"].as_f64().is_some_and(|error| error < 1e-12), has_truth, "{found}");
        let x = taken(&desk, &format!("{file}-run"), "low_rank");
        assert!(x.iter().zip(&low_rank).all(|(x, t)| (x - t).abs() < 1e-10));
        let corrupted = taken(&desk, &format!("{file}-run"), "sparse").iter().filter(|s| **s != 0.0).count();
        assert_eq!(found["corrupted"], corrupted);
        let checked = desk.json(0, &format!("verify {file}-run --problem {file}"));
        assert_eq!((&checked["certified"], &checked["same_instance"], &checked["lambda"]), (&true.into(), &true.into(), &found["lambda"]));
        // what was found from one file is proved from the other
        let other = if has_truth { "table.csv" } else { "table.npz" };
        assert_eq!(desk.json(0, &format!("verify {file}-run --problem {other}"))["same_instance"], false);
    }
    let spent: f64 = taken(&desk, "table.npz-run", "sparse").iter().map(|s| s.abs()).sum();
    let found = desk.json(0, &format!("recover rpca table.npz --budget {spent:?} --certify -o budget"));
    assert_eq!((&found["certified"], &found["budget"]), (&true.into(), &spent.into()), "{found}");
    desk.ends(0, "verify budget --problem table.npz");
    // more than λ may be, and a budget that nothing uses up, end with what is known of them
    let heavy = desk.json(0, "recover rpca table.npz --lambda 0.5 -o heavy");
    assert!(heavy["certified"].is_null() && heavy["gap"].as_f64().is_some_and(|gap| gap < 2e-4), "{heavy}");
}

#[test]
fn vectors_are_recovered_proved_and_checked() {
    let desk = Desk::new();
    let truth = put_vector(&desk);
    for depth in [2, 4] {
        let found = desk.json(0, &format!("recover sparse vector.npz --depth {depth} --certify -o depth-{depth}"));
        assert_eq!((&found["kind"], &found["status"], &found["certified"]), (&"sparse".into(), &"converged".into(), &true.into()), "{found}");
        assert_eq!((&found["depth"], &found["rank"]), (&depth.into(), &Value::Null));
        for number in ["objective", "relative_residual", "nonzeros", "margin", "radius", "gap", "relative_error", "iterations", "seconds"] {
            assert!(found[number].is_number(), "{number} of {found}");
        }
        let checked = desk.json(0, &format!("verify depth-{depth} --problem vector.npz"));
        assert_eq!((&checked["certified"], &checked["depth"]), (&true.into(), &depth.into()));
    }
    let x = taken(&desk, "depth-2", "x");
    assert!(x.iter().zip(&truth).all(|(x, t)| (x - t).abs() < 1e-12));
    let found = desk.json(3, "recover sparse vector.npz --depth 1 --certify -o flat");
    assert_eq!((&found["status"], &found["certified"]), (&"under_determined".into(), &false.into()));
    assert_ne!(taken(&desk, "flat", "second"), taken(&desk, "flat", "x"));
    let a = scattered(6, 9).repeat(2);
    write_npz(&desk.path("contradiction.npz"), &[("A", array(&[2, 6], a)), ("b", array(&[2], vec![1.0, 2.0]))]).expect("writes");
    let found = desk.json(3, "recover sparse contradiction.npz");
    assert_eq!(found["status"], "inconsistent");
    assert!(found["nothing_fits_below"].as_f64().is_some_and(|bound| bound > 1e9), "{found}");
}

#[test]
fn tampered_separations_and_vectors_are_not_certified() {
    let desk = Desk::new();
    put_table(&desk);
    put_vector(&desk);
    desk.ends(0, "recover rpca table.npz --certify -o table");
    desk.ends(0, "recover sparse vector.npz --certify -o vector");
    for (run, problem, name, at, by) in [
        ("table", "table.npz", "U", 0, 1e-3),
        ("table", "table.npz", "s", 0, 1e-6),
        ("table", "table.npz", "V", 3, 1e-3),
        ("table", "table.npz", "W", 7, 1e3),
        ("vector", "vector.npz", "x", 4, 1e-6),
        ("vector", "vector.npz", "y", 2, 1e3),
    ] {
        let file = desk.path(&format!("{run}/certificate.npz"));
        let whole = read_npz(&file, 1 << 24).expect("reads");
        let mut changed = whole.clone();
        let array = changed.get_mut(name).expect("there");
        let mut values = array.values.clone().into_f64();
        values[at] += by * values[at].abs().max(1e-3);
        array.values = Numbers::F64(values);
        let write = |arrays: &std::collections::BTreeMap<String, Array>| {
            let listed: Vec<(&str, Array)> = arrays.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
            write_npz(&file, &listed).expect("writes");
        };
        write(&changed);
        assert_eq!(desk.json(3, &format!("verify {run} --problem {problem}"))["certified"], false, "{name} of {run}");
        write(&whole);
        desk.ends(0, &format!("verify {run} --problem {problem}"));
    }
}

#[test]
fn flags_of_other_kinds_are_refused() {
    let desk = Desk::new();
    put_instances(&desk);
    put_table(&desk);
    put_vector(&desk);
    for words in [
        "rpca table.npz --depth 2",
        "rpca table.npz --objective flat",
        "rpca table.npz --lambda 0.1 --budget 3",
        "rpca table.npz --lambda -1",
        "rpca table.npz --budget -1",
        "sparse vector.npz --tol 1e-3",
        "sparse vector.npz --depth 0",
        "sensing sensing.npz --lambda 0.1",
        "sensing sensing.npz --keep 0.5",
        "completion completion.csv --rank 2",
        "completion completion.csv --method als",
        "completion completion.csv --method als -k 1 --certify",
        "quadratic quadratic.npz --method gauss-newton -k 1",
        "rpca table.npz --weights W",
    ] {
        let code = if words.contains("--weights") { 65 } else { 2 };
        desk.ends(code, &format!("recover {words} -o refused"));
        assert!(!desk.has("refused"), "{words}");
    }
    desk.ends(75, "recover rpca table.npz --max-time 0 -o late");
    desk.ends(0, "recover rpca table.npz -o taken");
    assert!(desk.ends(2, "recover rpca table.npz --lambda 0.3 -o taken").err.contains("another run"));
    assert!(desk.ends(2, "recover sparse vector.npz -o taken").err.contains("another run"));
}

#[test]
fn factors_fit_what_the_convex_problem_fits() {
    let desk = Desk::new();
    put_instances(&desk);
    for (kind, file, more) in [
        ("sensing", "sensing.npz", "--method gauss-newton"),
        ("bilinear", "bilinear.npz", "--method als"),
        ("quadratic", "quadratic.npz", "--method scaled-gradient --positive"),
        ("completion", "completion.csv", "--method als"),
        ("completion", "completion.mtx", "--method gauss-newton"),
    ] {
        let found = desk.json(0, &format!("recover {kind} {file} {more} -k 1 -o {file}-run"));
        assert_eq!((&found["status"], &found["rank"]), (&"converged".into(), &1.into()), "{found}");
        assert!(found["norm"].is_null() && found["certified"].is_null() && found["relative_residual"].as_f64().is_some_and(|r| r < 1e-8), "{found}");
        let (u, v) = (taken(&desk, &format!("{file}-run"), "U"), taken(&desk, &format!("{file}-run"), "V"));
        assert!(truth().iter().enumerate().all(|(at, t)| (u[at / D] * v[at % D] - t).abs() < 1e-6), "{kind}");
    }
}

#[test]
fn what_was_hidden_is_predicted_and_the_proof_is_of_what_was_given() {
    let desk = Desk::new();
    let x = truth();
    let line = |row: &[f64]| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",") + "\n";
    desk.put("whole.csv", x.chunks(D).map(line).collect::<String>());
    let found = desk.json(0, "recover completion whole.csv --keep 0.7 --seed 3 --certify -o run");
    assert_eq!(found["certified"], true, "{found}");
    assert!(found["hidden_rmse"].as_f64().is_some_and(|rmse| rmse < 1e-9) && found["relative_error"].as_f64().is_some_and(|e| e < 1e-9), "{found}");
    let measurements = found["measurements"].as_u64().expect("a count");
    assert!((30..60).contains(&measurements), "{measurements}");
    desk.ends(0, "verify run --problem whole.csv");
    assert!(desk.ends(2, "recover completion whole.csv --keep 0.7 --seed 4 -o run").err.contains("another run"));
    let factors = desk.json(0, "recover completion whole.csv --keep 0.7 --seed 3 --method als -k 1 -o factors");
    assert!(factors["hidden_rmse"].as_f64().is_some_and(|rmse| rmse < 1e-6), "{factors}");
}

#[test]
fn recoveries_have_pages_with_their_pictures() {
    let desk = Desk::new();
    put_instances(&desk);
    put_table(&desk);
    put_vector(&desk);
    let pixels: Vec<u8> = (0..24 * 16).map(|at| (8 * (at / 16) + 4 * (at % 16)) as u8 / 2 + 20).collect();
    let picture = [b"P5 16 24 255\n".to_vec(), pixels].concat();
    std::fs::write(desk.path("picture.pgm"), picture).expect("writes");
    desk.ends(0, "recover rpca table.npz --certify -o table");
    desk.ends(0, "recover sparse vector.npz --certify -o vector");
    desk.ends(0, "recover sensing sensing.npz -o sensing");
    desk.ends(0, "recover completion picture.pgm --keep 0.6 -o picture");
    desk.ends(0, "recover completion picture.pgm --keep 0.6 --method als -k 2 -o factors");
    let page = |words: &str| {
        let written = desk.json(0, &format!("report {words} -o page/report.html"));
        let figures = written["figures"].as_array().expect("a list").iter().map(|figure| figure.as_str().expect("a path").to_owned());
        (String::from_utf8(desk.bytes("page/report.html")).expect("text"), figures.collect::<Vec<_>>())
    };
    let (html, figures) = page("table --image-shape 10,5 --image-order columns --images 0,59");
    assert!(html.contains("Certified") && html.contains("|S|, the corruptions") && html.contains("<svg"), "{html}");
    assert_eq!(figures.len(), 8, "{figures:?}");
    let table = String::from_utf8(desk.bytes("page/figures/pictures-low-rank.csv")).expect("text");
    assert_eq!(table.lines().count(), 51);
    assert!(page("vector").0.contains("Certified") && page("sensing").0.contains("No certificate was asked for"));
    for run in ["picture", "factors"] {
        assert!(page(run).0.contains("Peak signal-to-noise ratio"), "{run}");
    }
    assert_eq!(page("table vector picture").1.len(), 8);
    desk.ends(2, "report table --image-shape 7,7");
    desk.ends(2, "report table --image-shape 5,10 --images 60");
    // the input went away: the page says so and has the rest
    std::fs::remove_file(desk.path("picture.pgm")).expect("removes");
    assert!(page("picture").0.contains("cannot be read again"));
}

#[test]
fn statuses_and_exit_codes() {
    let desk = Desk::new();
    put_instances(&desk);
    // two measurements of the same entry-wise sum, with two results
    let a: Vec<f64> = scattered(4, 9).repeat(2);
    write_npz(&desk.path("contradiction.npz"), &[("A", array(&[2, 2, 2], a)), ("b", array(&[2], vec![1.0, 2.0]))]).expect("writes");
    let found = desk.json(3, "recover sensing contradiction.npz --certify");
    assert_eq!((&found["status"], &found["certified"]), (&"inconsistent".into(), &false.into()), "{found}");
    assert!(found["nothing_fits_below"].as_f64().is_some_and(|bound| bound > 1e9), "{found}");
    desk.put("diagonal.csv", "1,nan\nnan,1\n");
    let found = desk.json(3, "recover completion diagonal.csv --certify -o diagonal");
    assert_eq!((&found["status"], &found["certified"]), (&"under_determined".into(), &false.into()), "{found}");
    let arrays = read_npz(&desk.path("diagonal/solution.npz"), 1 << 20).expect("reads");
    assert!(arrays.contains_key("second"));
    // no semidefinite X has a negative xᵀXx
    let (x, mut b) = (scattered(6 * 3, 6), vec![1.0; 6]);
    b[2] = -0.5;
    write_npz(&desk.path("negative.npz"), &[("x", array(&[6, 3], x)), ("b", array(&[6], b))]).expect("writes");
    let found = desk.json(3, "recover quadratic negative.npz --positive -o negative");
    assert_eq!((&found["status"], &found["nothing_fits"]), (&"infeasible".into(), &true.into()), "{found}");
    assert!(read_npz(&desk.path("negative/solution.npz"), 1 << 20).expect("reads").contains_key("separating"));
    let told = desk.ends(3, "recover quadratic negative.npz --positive -o negative").out;
    assert!(told.contains("no semidefinite matrix fits"), "{told}");
    let found = desk.json(3, "recover sensing sensing.npz --max-iters 3 --certify -o short");
    assert_eq!((&found["status"], &found["certified"]), (&"max_iters".into(), &false.into()));
    desk.ends(75, "recover sensing sensing.npz --max-time 0 -o late");
    desk.ends(66, "recover sensing none.npz");
    desk.ends(66, "verify none --problem sensing.npz");
    desk.ends(2, "recover tomography sensing.npz");
    desk.ends(2, "recover sensing sensing.npz --positive");
    desk.ends(0, "recover sensing sensing.npz -o taken");
    let other = desk.ends(2, "recover sensing sensing.npz --objective flat -o taken").err;
    assert!(other.contains("another run"), "{other}");
}

#[test]
fn bad_instances_are_refused_in_one_line() {
    let desk = Desk::new();
    put_instances(&desk);
    let numbers = |count: usize| scattered(count, 4);
    let put = |name: &str, arrays: &[(&str, Array)]| write_npz(&desk.path(name), arrays).expect("writes");
    put("flat.npz", &[("A", array(&[6, 4], numbers(24))), ("b", array(&[6], numbers(6)))]);
    put("short.npz", &[("A", array(&[3, 2, 2], numbers(12))), ("b", array(&[2], numbers(2)))]);
    put("empty.npz", &[("A", array(&[0, 2, 2], vec![])), ("b", array(&[0], vec![]))]);
    put("nameless.npz", &[("b", array(&[2], numbers(2)))]);
    put("rows.npz", &[("a", array(&[3, 2], numbers(6))), ("c", array(&[2, 2], numbers(4))), ("b", array(&[3], numbers(3)))]);
    put("truth.npz", &[("x", array(&[3, 2], numbers(6))), ("b", array(&[3], numbers(3))), ("truth", array(&[3, 3], numbers(9)))]);
    put("nan.npz", &[("A", array(&[1, 2, 2], vec![1.0, f64::NAN, 0.0, 0.0])), ("b", array(&[1], numbers(1)))]);
    desk.put("text.npz", "A,b\n");
    desk.put("words.csv", "1,2\n3,four\n");
    for (words, says) in [
        ("sensing flat.npz", "array A"),
        ("sensing short.npz", "array b"),
        ("sensing empty.npz", "array A"),
        ("sensing nameless.npz", "an array A"),
        ("bilinear rows.npz", "array c"),
        ("quadratic truth.npz", "truth"),
        ("sensing nan.npz", "finite"),
        ("sensing text.npz", "zip"),
        ("completion nameless.npz", "two or more dimensions"),
        ("sparse short.npz", "array A"),
        ("sparse nameless.npz", "an array A"),
        ("rpca text.npz", "zip"),
        ("rpca words.csv", "number"),
    ] {
        let ran = desk.ends(65, &format!("recover {words} -o refused"));
        assert!(ran.err.contains(says) && ran.err.trim_end().lines().count() == 1, "{words}: {}", ran.err);
        assert!(!desk.has("refused"), "{words}");
    }
    desk.ends(0, "recover sensing sensing.npz --certify -o run");
    for (text, says) in [("{}", "missing field"), ("[", "line 1")] {
        desk.put("run/certificate.json", text);
        assert!(desk.ends(65, "verify run --problem sensing.npz").err.contains(says));
    }
    let elsewhere = String::from_utf8(desk.bytes("run/manifest.json")).expect("text");
    desk.put("run/certificate.json", elsewhere);
    desk.ends(65, "verify run --problem sensing.npz");
}
