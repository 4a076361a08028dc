//! What is planned or refused against what fits and separations take.

use super::desk::Desk;
use super::inputs::{Dice, csv, planted, uniform};
use thalweg::data::{Array, Numbers, write_npz};

/// Observed entries, at most so many, in random places.
fn observed(desk: &Desk, name: &str, (m, n): (usize, usize), count: usize) {
    let mut dice = Dice::new(count as u64);
    let mut places: Vec<(u64, u64)> = (0..count).map(|_| ((dice.roll() * m as f64) as u64, (dice.roll() * n as f64) as u64)).collect();
    places.sort_unstable();
    places.dedup();
    let (rows, cols): (Vec<u64>, Vec<u64>) = places.into_iter().unzip();
    let count = rows.len();
    let vector = |values: Numbers| Array { shape: vec![values.clone().into_f64().len()], values };
    let arrays = [
        ("rows", vector(Numbers::U64(rows))),
        ("cols", vector(Numbers::U64(cols))),
        ("values", vector(Numbers::F64((0..count).map(|_| dice.roll()).collect()))),
        ("shape", vector(Numbers::U64(vec![m as u64, n as u64]))),
    ];
    write_npz(&desk.path(name), &arrays).expect("writes");
}

#[test]
fn fits_take_what_was_planned() {
    let desk = Desk::new();
    desk.put("tall.npy", uniform((6000, 400), "<f8"));
    desk.put("wide.npy", uniform((300, 12000), "<f8"));
    desk.put("single.npy", uniform((4000, 900), "<f4"));
    desk.put("narrow.npy", uniform((120_000, 20), "<f8"));
    observed(&desk, "ratings.npz", (20_000, 5000), 600_000);
    let mut worst = [f64::INFINITY, 0.0];
    for words in [
        "tall.npy -k 10",
        "tall.npy -k 60 --method hals",
        "tall.npy -k 60 --restarts 4",
        "tall.npy -k 30 --method mu",
        "tall.npy -k 5 --holdout 0.1",
        "tall.npy -k 5 --holdout 0.5 --precision f32",
        "tall.npy -k 20 --loss kl",
        "wide.npy -k 20",
        "wide.npy -k 100 --method extrapolated-hals",
        "wide.npy -k 100 --method anls --restarts 3",
        "wide.npy -k 20 --method minibatch",
        "single.npy -k 10",
        "single.npy -k 80 --restarts 2",
        "single.npy -k 20 --precision f64",
        "narrow.npy -k 6",
        "narrow.npy -k 12 --restarts 5",
        "narrow.npy -k 4 --sum-to-one u",
        "ratings.npz -k 10",
        "ratings.npz -k 60 --restarts 2 --method extrapolated-hals",
        "ratings.npz -k 20 --holdout 0.1",
        "ratings.npz -k 20 --missing zero",
        "ratings.npz -k 20 --missing zero --loss kl",
    ] {
        let words = format!("fit {words} --threads 2 --max-iters 3 --tol 0");
        let plan = desk.json(0, &format!("{words} --plan"));
        let ran = desk.run(&format!("{words} -o run --json"));
        let fit: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{words}: {e} {}", ran.err));
        let (Some(planned), Some(taken)) = (plan["peak_memory"].as_f64(), fit["peak_memory"].as_f64()) else { return };
        println!("{:.3} of {:.1} MB planned: {words}", taken / planned, planned / 1e6);
        worst = [worst[0].min(taken / planned), worst[1].max(taken / planned)];
        std::fs::remove_dir_all(desk.path("run")).expect("is there");
    }
    println!("from {:.3} to {:.3}", worst[0], worst[1]);
    assert!(worst[1] <= 1.2, "{worst:?}");
}

#[test]
fn what_does_not_fit_is_refused_before_it_begins() {
    let desk = Desk::new();
    desk.put("x.csv", csv(&planted(40, 30, 2, 1)));
    let ran = desk.ends(75, "fit x.csv -k 100000 --max-memory 64M -o run");
    assert!(ran.err.contains("rank 100000") && ran.err.contains("--max-memory") && !desk.has("run"), "{}", ran.err);
    desk.ends(75, "fit x.csv -k 100000 --max-memory 64M --plan");
    let plan = desk.ends(0, "fit x.csv -k 2 --plan");
    assert!(plan.out.contains("the fit adds") && !desk.has("thalweg-x-k2"), "{}", plan.out);
}

#[test]
fn separations_take_no_more_than_what_is_refused() {
    let desk = Desk::new();
    let mut worst: f64 = 0.0;
    for (m, n) in [(600, 400), (2500, 300), (300, 2000)] {
        desk.put("table.npy", uniform((m, n), "<f8"));
        let found: serde_json::Value =
            serde_json::from_str(&desk.run("recover rpca table.npy --max-iters 30 --certify --threads 1 -o run --json").out).expect("a document");
        let Some(taken) = found["peak_memory"].as_f64() else { return };
        // the program itself takes what a small table does
        worst = worst.max((taken - 24e6) / thalweg_lab::separation_memory((m, n), 1) as f64);
        std::fs::remove_dir_all(desk.path("run")).expect("is there");
    }
    println!("{worst:.3}");
    assert!(worst <= 1.2, "{worst}");
    let ran = desk.ends(75, "recover rpca table.npy --max-memory 16M -o run");
    assert!(ran.err.contains("300 rows and 2000 columns") && !desk.has("run"), "{}", ran.err);
}
