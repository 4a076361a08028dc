//! The same bits whatever the number of threads, and whatever power of two the data are multiplied by.

use super::desk::{Desk, factor_bits};
use super::inputs::{csv, gappy_csv, labelled_csv, mtx, npy_of, planted, times};
use serde_json::Value;

fn four_kinds(desk: &Desk) -> [(&'static str, &'static str); 4] {
    let rows = planted(70, 45, 4, 11);
    desk.put("full.csv", csv(&rows));
    desk.put("gappy.csv", gappy_csv(&rows, 0.4, 12));
    desk.put("sparse.mtx", mtx(&rows, 0.3, 13));
    desk.put("full.npy", npy_of(&rows));
    [
        ("full", "fit full.csv -k 4"),
        ("gappy", "fit gappy.csv -k 4 --missing nan"),
        ("sparse", "fit sparse.mtx -k 4 --missing zero"),
        ("narrow", "fit full.npy -k 4 --precision f32"),
    ]
}

#[test]
fn one_two_and_four_threads() {
    let desk = Desk::new();
    for (name, fit) in four_kinds(&desk) {
        let end = |run: &str, threads: usize| desk.run(&format!("{fit} --restarts 3 --max-iters 300 --threads {threads} -o {run}"));
        let first = end(&format!("{name}-1"), 1);
        assert!([0, 3].contains(&first.code), "{}", first.err);
        for threads in [2, 4] {
            let run = format!("{name}-{threads}");
            assert_eq!(end(&run, threads).code, first.code);
            for file in ["factors.npz", "restarts/0.npz", "restarts/1.npz", "restarts/2.npz"] {
                let (one, more) = (desk.path(&format!("{name}-1/{file}")), desk.path(&format!("{run}/{file}")));
                assert_eq!(factor_bits(&one), factor_bits(&more), "{name} {file} with {threads} threads");
            }
        }
    }
}

#[test]
fn every_method_gives_the_same_bits_on_any_threads() {
    let desk = Desk::new();
    desk.put("x.csv", labelled_csv(&planted(40, 30, 3, 5)));
    for method in thalweg::solver::nmf::NMF_METHODS {
        let name = method.about().name;
        for threads in [1, 3] {
            let ran = desk.run(&format!("fit x.csv -k 3 --method {name} --max-iters 200 --restarts 2 --threads {threads} -o {name}-{threads}"));
            assert!([0, 3].contains(&ran.code), "{}", ran.err);
        }
        let bits = |threads| factor_bits(&desk.path(&format!("{name}-{threads}/factors.npz")));
        assert_eq!(bits(1), bits(3), "{name}");
    }
}

/// The power of two that turns one list into the other, bit by bit.
fn power_between(one: &[u64], other: &[u64]) -> i32 {
    let of = |bits: &[u64]| bits.iter().map(|&b| f64::from_bits(b)).collect::<Vec<_>>();
    let (one, other) = (of(one), of(other));
    let at = one.iter().position(|&x| x != 0.0).expect("not all zero");
    let power = (other[at] / one[at]).log2().round() as i32;
    let factor = 2f64.powi(power);
    for (i, (x, y)) in one.iter().zip(&other).enumerate() {
        assert_eq!((x * factor).to_bits(), y.to_bits(), "number {i}: {x:e} · 2^{power} against {y:e}");
    }
    power
}

/// A matrix as the bytes of a file.
type ToFile = fn(&[Vec<f64>]) -> Vec<u8>;

#[test]
fn powers_of_two() {
    let desk = Desk::new();
    let rows = planted(70, 45, 4, 11);
    let kinds: [(&str, &str, ToFile); 3] = [
        ("full.npy", "-k 4", |rows| npy_of(rows)),
        ("gappy.csv", "-k 4 --missing nan", |rows| gappy_csv(rows, 0.4, 12).into_bytes()),
        ("sparse.mtx", "-k 4 --missing zero", |rows| mtx(rows, 0.3, 13).into_bytes()),
    ];
    for (name, options, file) in kinds {
        let fit = |power: i32| -> Value {
            desk.put(&format!("by{power}-{name}"), file(&times(&rows, 2f64.powi(power))));
            desk.json(0, &format!("fit by{power}-{name} {options} --restarts 2 -o by{power}-{name}.run"))
        };
        let bits = |power: i32| factor_bits(&desk.path(&format!("by{power}-{name}.run/factors.npz")));
        let (plain, (u, v)) = (fit(0), bits(0));
        for power in [40, -41] {
            let scaled = fit(power);
            let (su, sv) = bits(power);
            assert_eq!(power_between(&u, &su) + power_between(&v, &sv), power, "{name}");
            for field in ["iterations", "status", "kkt", "relative_error"] {
                assert_eq!(plain[field], scaled[field], "{name} · 2^{power}: {field}");
            }
            let objective = |fit: &Value| fit["objective"].as_f64().expect("a number");
            assert_eq!(objective(&plain) * 2f64.powi(2 * power), objective(&scaled), "{name} · 2^{power}");
        }
    }
}
