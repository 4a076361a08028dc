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
            let found = desk.json(0, &words);
            assert_eq!((&found["status"], &found["certified"]), (&"converged".into(), &true.into()), "{found}");
            assert!(found["fidelity"][name].is_object() && found["gap"].as_f64().is_some_and(|gap| gap < 1e-8), "{found}");
            assert_eq!(desk.json(0, &format!("verify {run} --problem noisy.npz"))["certified"], true);
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
