//! Data that stay on disk are fitted as those in memory are, with the memory that was planned.

use super::desk::{Desk, factor_bits};
use super::inputs::{Dice, mtx, npy, npy_of, planted, ratings, uniform};
use serde_json::Value;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};
use thalweg::data::{Array, Numbers, write_npz};

fn number(document: &Value, key: &str) -> f64 {
    document[key].as_f64().unwrap_or_else(|| panic!("{key} in {document}"))
}

/// A relative distance.
fn off(a: &Value, b: &Value, key: &str) -> f64 {
    (number(a, key) - number(b, key)).abs() / number(a, key)
}

/// Named arrays that list weighted entries.
fn put_weighted(desk: &Desk, name: &str) {
    let rows = planted(60, 40, 3, 5);
    let mut dice = Dice::new(6);
    let weights: Vec<f64> = (0..60 * 40).map(|_| if dice.roll() < 0.5 { 0.0 } else { dice.roll() }).collect();
    let array = |values: Vec<f64>| Array::new(vec![60, 40], Numbers::F64(values)).expect("a matrix");
    write_npz(&desk.path(name), &[("X", array(rows.concat())), ("W", array(weights))]).expect("writes");
}

#[test]
fn a_streamed_fit_is_the_fit_in_memory() {
    let desk = Desk::new();
    let rows = planted(240, 60, 4, 1);
    desk.put("x.npy", npy_of(&rows));
    desk.put("x.mtx", mtx(&rows, 0.3, 2));
    desk.put("r.dat", ratings(&rows, 0.4, 3));
    put_weighted(&desk, "w.npz");
    for (file, how) in [
        ("x.mtx", "--missing zero --max-memory 256K"),
        ("r.dat", "--max-memory 256K"),
        ("w.npz", "--variable X --weights W --missing absent --max-memory 512K"),
    ] {
        desk.ends(0, &format!("data shard {file} {how} -o {file}.shards"));
    }
    for (file, how, disk) in [
        ("x.npy", "--init random --method extrapolated-hals", "x.npy"),
        ("x.npy", "--init random --method hals --l2 0.01 --restarts 2", "x.npy"),
        ("x.npy", "--init random --method anls --holdout 0.2", "x.npy"),
        ("x.npy", "--init random --method anls --sum-to-one u", "x.npy"),
        ("x.mtx", "--missing zero --init random --method extrapolated-hals", "x.mtx.shards"),
        ("x.mtx", "--missing zero --init random --method mu --holdout 0.1", "x.mtx.shards"),
        ("r.dat", "--holdout 0.1 --l2 0.02", "r.dat.shards"),
        ("r.dat", "--restarts 3", "r.dat.shards"),
        ("w.npz", "--variable X --weights W --missing absent", "w.npz.shards"),
    ] {
        let common = "-k 4 --max-iters 12 --tol 0 --max-memory 32M";
        let memory = desk.json(3, &format!("fit {file} {how} {common} -o memory"));
        let streamed_how: Vec<&str> = how.split(' ').collect();
        // how it is read was said when it was cut
        let from = streamed_how.iter().position(|word| word.starts_with("--") && !["--missing", "--variable", "--weights"].contains(word));
        let how = from.map_or(String::new(), |from| streamed_how[from..].join(" ").replace("--missing absent", ""));
        let streamed = desk.json(3, &format!("fit {disk} --stream {how} {common} -o streamed"));
        let what = format!("{file} {how}");
        assert_eq!((&streamed["method"], &streamed["observed"]), (&memory["method"], &memory["observed"]), "{what}");
        for (key, tolerance) in [("objective", 1e-9), ("relative_error", 1e-9), ("kkt", 1e-5)] {
            assert!(off(&memory, &streamed, key) < tolerance, "{what}: {key} {} and {}", memory[key], streamed[key]);
        }
        if how.contains("--holdout") {
            assert!(off(&memory, &streamed, "holdout_rmse") < 1e-9, "{what}: the same entries are held out");
        }
        // one pass in an iteration, and one for a value that the sums do not give; before and after them a few
        let iterations = 12.0 * memory["restarts"].as_array().expect("restarts").len() as f64;
        let passes = number(&streamed, "passes");
        assert!(passes >= iterations && passes <= 2.0 * iterations + 20.0, "{what}: {passes}");
        for run in ["memory", "streamed"] {
            fs::remove_dir_all(desk.path(run)).expect("removes");
        }
    }
}

#[test]
fn a_streamed_run_is_judged_and_told_as_any_other() {
    let desk = Desk::new();
    desk.put("r.dat", ratings(&planted(60, 40, 3, 3), 0.5, 3));
    desk.ends(0, "data shard r.dat");
    assert_eq!(desk.json(0, "info r.shards")["format"], "shards");
    let fit = desk.json(0, "fit r.shards --stream -k 2 --tol 1e-4 -o run");
    let audit = desk.json(0, "audit run");
    assert!((number(&audit, "objective") / number(&fit, "objective") - 1.0).abs() < 1e-9, "{audit}");
    desk.put("asked.csv", "u1,i2\n");
    let words = desk.ends(0, "predict run --pairs asked.csv").out;
    assert!(words.contains("u1") && words.contains("i2"), "labels are kept: {words}");
    desk.ends(0, "report run -o report.html");
    // in memory the sums are taken in another order: another run
    assert!(desk.ends(2, "fit r.shards -k 2 --tol 1e-4 -o run").err.contains("streaming"));
    let cut = desk.ends(2, "data shard r.dat").err;
    assert!(cut.contains("already"), "{cut}");
}

#[test]
fn what_streaming_does_not_do_is_said() {
    let desk = Desk::new();
    let rows = planted(30, 20, 3, 3);
    desk.put("x.npy", npy_of(&rows));
    desk.put("x.mtx", mtx(&rows, 0.5, 2));
    desk.put("f.npy", npy("{'descr': '<f8', 'fortran_order': True, 'shape': (4, 2), }", &[0; 64]));
    desk.ends(0, "data shard x.mtx --missing zero -o x.shards");
    for (code, words, said) in [
        (2, "fit x.mtx --stream -k 2", "thalweg data shard"),
        (66, "fit nowhere.npy --stream -k 2", "nowhere.npy"),
        (2, "fit x.npy --stream -k 2 --loss kl", "frobenius"),
        (2, "fit x.npy --stream -k 2 --biases", "biases"),
        (2, "fit x.npy --stream -k 2 --init nndsvd", "blocks of rows"),
        (2, "fit x.npy --stream -k 2 --columns 0:5", "thalweg data shard"),
        (65, "fit x.npy --stream -k 2 --transpose", "C order"),
        (65, "fit f.npy --stream -k 2", "--transpose"),
        (2, "fit x.shards --stream -k 2 --transpose", "thalweg data shard"),
        (2, "fit x.shards -k 2 --columns 0:5", "thalweg data shard"),
        (2, "data shard x.npy -o y.shards", ".npy"),
        (65, "data shard x.mtx -o y.shards", "--missing zero"),
        (66, "data shard nowhere.mtx -o y.shards", "nowhere.mtx"),
        (73, "data shard x.mtx --missing zero -o /proc/y.shards", "/proc/y.shards"),
        (75, "fit x.npy --stream -k 2 --max-memory 8K", "--max-memory"),
        (75, "fit x.npy --stream -k 2 --max-memory 8K --plan", "--max-memory"),
        (75, "fit x.shards --stream -k 2 --holdout 0.9 --max-memory 2K", "--max-memory"),
    ] {
        let to = if words.contains(" -o ") { "" } else { "-o run" };
        let ran = desk.ends(code, &format!("{words} {to}"));
        assert!(ran.err.contains(said), "{words}: {}", ran.err);
        assert!(!desk.has("run"), "{words} left something behind");
    }
}

#[test]
fn data_that_are_lost_end_the_run_and_it_goes_on_when_they_are_back() {
    let desk = Desk::new();
    desk.put("r.dat", ratings(&planted(400, 200, 4, 3), 0.5, 3));
    desk.ends(0, "data shard r.dat --max-memory 2M");
    let words = "fit r.shards --stream -k 5 --tol 0 --max-iters 300 --checkpoint 0.01";
    desk.ends(3, &format!("{words} -o unbroken"));
    let expected = factor_bits(&desk.path("unbroken/factors.npz"));
    let child = desk.start(&format!("{words} -o run"), "run");
    let begin = Instant::now();
    while !desk.has("run/restarts/0.npz") && begin.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let block = desk.bytes("r.shards/000001.rows");
    fs::remove_file(desk.path("r.shards/000001.rows")).expect("removes");
    let ended = child.wait_with_output().expect("ends");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!((ended.status.code(), said.contains("000001.rows"), said.contains("panicked")), (Some(66), true, false), "{said}");
    desk.put("r.shards/000001.rows", &block[..block.len() - 1]);
    assert!(desk.ends(65, &format!("{words} -o run")).err.contains("000001.rows"));
    desk.put("r.shards/000001.rows", block);
    desk.ends(3, &format!("{words} -o run"));
    assert!(factor_bits(&desk.path("run/factors.npz")) == expected, "not a bit differs");
}

#[test]
fn time_and_threads_change_no_bit() {
    let desk = Desk::new();
    desk.put("x.npy", npy_of(&planted(3000, 60, 4, 1)));
    let words = "fit x.npy --stream -k 5 --tol 0 --max-iters 60 --max-memory 16M";
    desk.ends(3, &format!("{words} --threads 1 -o whole"));
    let mut code = 75;
    for _ in 0..200 {
        code = desk.run(&format!("{words} --threads 2 --max-time 0.05 -o cut")).code;
        if code != 75 {
            break;
        }
    }
    assert_eq!(code, 3);
    assert!(factor_bits(&desk.path("whole/factors.npz")) == factor_bits(&desk.path("cut/factors.npz")));
}

#[test]
fn streamed_fits_take_what_was_planned() {
    let desk = Desk::new();
    desk.put("tall.npy", uniform((30_000, 400), "<f8"));
    desk.put("single.npy", uniform((20_000, 900), "<f4"));
    desk.put("wide.npy", uniform((1500, 9000), "<f8"));
    let mut dice = Dice::new(9);
    let lines: String =
        (0..900_000).map(|_| format!("{} {} {}\n", 1 + (20_000.0 * dice.roll()) as u32, 1 + (5000.0 * dice.roll()) as u32, dice.roll())).collect();
    desk.put("x.mtx", format!("%%MatrixMarket matrix coordinate real general\n20000 5000 900000\n{lines}"));
    desk.ends(0, "data shard x.mtx --missing zero -o sparse --max-memory 128M");
    let cut = desk.json(0, "data shard x.mtx --missing absent -o observed --max-memory 24M");
    // what sorting and writing take beside what the program takes anyhow
    assert!(cut["peak_memory"].as_f64().is_none_or(|peak| peak < 48e6), "{cut}");
    let mut worst = [f64::INFINITY, 0.0];
    for words in [
        "tall.npy -k 10",
        "tall.npy -k 60 --method hals",
        "tall.npy -k 20 --restarts 3",
        "tall.npy -k 30 --precision f32",
        "tall.npy -k 5 --holdout 0.1",
        "tall.npy -k 10 --method mu",
        "single.npy -k 10",
        "single.npy -k 40 --precision f64",
        "single.npy -k 20 --l2 0.01",
        "wide.npy -k 20",
        "wide.npy -k 60 --method anls",
        "wide.npy -k 10 --sum-to-one u",
        "sparse -k 10",
        "sparse -k 40 --method hals",
        "sparse -k 20 --precision f32",
        "observed -k 10",
        "observed -k 30 --method extrapolated-hals",
        "observed -k 10 --precision f32",
        "observed -k 10 --holdout 0.1",
        "observed -k 20 --restarts 2 --l2 0.02",
    ] {
        let words = format!("fit {words} --stream --threads 2 --max-iters 3 --tol 0 --max-memory 512M");
        let plan = desk.json(0, &format!("{words} --plan"));
        assert_eq!((plan["passes_per_iteration"].as_u64(), plan["data"].as_u64()), (Some(1), Some(0)), "{plan}");
        let ran = desk.run(&format!("{words} -o run --json"));
        let fit: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{words}: {e} {}", ran.err));
        let (Some(planned), Some(taken)) = (plan["peak_memory"].as_f64(), fit["peak_memory"].as_f64()) else { return };
        println!("{:.3} of {:.1} MB planned: {words}", taken / planned, planned / 1e6);
        worst = [worst[0].min(taken / planned), worst[1].max(taken / planned)];
        fs::remove_dir_all(desk.path("run")).expect("is there");
    }
    println!("from {:.3} to {:.3}", worst[0], worst[1]);
    assert!(worst[1] <= 1.2, "{worst:?}");
}

#[test]
fn a_cutting_that_is_killed_is_begun_again() {
    let desk = Desk::new();
    desk.put("r.dat", ratings(&planted(400, 200, 4, 3), 0.9, 3));
    let words = "data shard r.dat --max-memory 512K";
    let begin = Instant::now();
    desk.ends(0, &format!("{words} -o whole.shards"));
    let life = begin.elapsed();
    let expected = desk.bytes("whole.shards/shards.json");
    let mut dice = Dice::new(4);
    for _ in 0..10 {
        let mut child = desk.command(&format!("{words} -o cut.shards")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        std::thread::sleep(life.mul_f64(dice.roll()));
        child.kill().expect("may be killed");
        child.wait().expect("ends");
        if desk.has("cut.shards/shards.json") {
            assert!(desk.bytes("cut.shards/shards.json") == expected);
            fs::remove_dir_all(desk.path("cut.shards")).expect("removes");
        }
    }
    desk.run(&format!("{words} -o cut.shards"));
    assert!(desk.bytes("cut.shards/shards.json") == expected);
    let names: Vec<String> =
        fs::read_dir(desk.path("cut.shards")).expect("lists").map(|e| e.expect("one").file_name().to_string_lossy().into()).collect();
    assert!(names.iter().all(|name| !name.ends_with(".tmp")), "{names:?}");
}
