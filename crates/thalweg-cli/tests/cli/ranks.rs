//! `mpirun -n N thalweg fit` and `recover` find what one process finds, and what a fit was killed at it finishes with the same bits.

use super::desk::{Desk, Ran, factor_bits};
use super::inputs::{Dice, gappy_csv, mtx, npy_of, planted};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use thalweg::comm::grid_traffic;
use thalweg::data::{read_factors, read_npz};

fn mpirun(desk: &Desk, ranks: usize, words: &str) -> Command {
    let mut command = Command::new("mpirun");
    command.args(["--oversubscribe", "--allow-run-as-root", "-n", &ranks.to_string(), env!("CARGO_BIN_EXE_thalweg")]);
    command.args(words.split_whitespace()).current_dir(desk.path(".")).stdin(Stdio::null());
    command
}

fn on_ranks(desk: &Desk, ranks: usize, words: &str) -> Ran {
    Ran::from(words, mpirun(desk, ranks, words).output().expect("mpirun starts (Debian: openmpi-bin)"))
}

/// What the program itself says on standard error.
fn said(ran: &Ran) -> Vec<&str> {
    ran.err.lines().filter(|line| line.starts_with("thalweg:")).collect()
}

fn agree(one: &Path, other: &Path, tolerance: f64) {
    let (one, other) = (read_factors(one).expect("reads"), read_factors(other).expect("reads"));
    assert_eq!((one.rows(), one.cols()), (other.rows(), other.cols()));
    let largest = one.as_slice().iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let off = one.as_slice().iter().zip(other.as_slice()).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()));
    assert!(off <= tolerance * largest, "off by {off:e} of {largest}");
}

#[test]
fn any_number_of_ranks_finds_what_one_process_finds_on_every_kind_of_data() {
    let desk = Desk::new();
    let rows = planted(90, 60, 4, 31);
    desk.put("x.npy", npy_of(&rows));
    desk.put("x.mtx", mtx(&rows, 0.4, 1));
    desk.put("gaps.csv", gappy_csv(&rows, 0.2, 2));
    for (at, fit) in [
        "fit x.npy -k 4 --method extrapolated-hals",
        "fit x.npy -k 4 --method anls --precision f32 --sum-to-one u",
        "fit x.mtx -k 4 --missing zero --method hals --restarts 2",
        "fit x.mtx -k 4 --missing absent --method extrapolated-anls --l2 0.01",
        "fit gaps.csv -k 4 --missing nan --method accelerated-hals --l1 0.001 --l2 0.001",
    ]
    .into_iter()
    .enumerate()
    {
        let fit = format!("{fit} --max-iters 25 --tol 0 --seed 3");
        desk.ends(3, &format!("{fit} -o one{at}"));
        for ranks in [1, 2, 4] {
            let ran = on_ranks(&desk, ranks, &format!("{fit} --json -o on{at}-{ranks}"));
            assert_eq!((ran.code, said(&ran)), (3, vec![]), "{fit} on {ranks}: {}", ran.err);
            let told: serde_json::Value = serde_json::from_str(&ran.out).expect("one document");
            if ranks > 1 {
                let rounds = f64::from(ranks as u32).log2().ceil();
                assert_eq!(told["ranks"], ranks);
                // C, V, what is measured, what is to be done next, and G: where each column has its own, it is not gathered
                let each = if ["x.npy", "--missing zero"].iter().any(|full| fit.contains(full)) { 6.0 } else { 5.0 };
                assert!(told["messages_per_iteration"].as_f64().expect("a number") >= each * rounds, "{told}");
                assert!(told["bytes_per_iteration"].as_f64().expect("a number") > 4.0 * 60.0 * 4.0, "{told}");
            }
            let tolerance = if fit.contains("f32") { 2e-3 } else { 1e-7 };
            agree(&desk.path(&format!("one{at}/factors.npz")), &desk.path(&format!("on{at}-{ranks}/factors.npz")), tolerance);
        }
    }
}

#[test]
fn a_grid_of_ranks_finds_what_one_process_finds_and_sends_what_the_model_says() {
    let desk = Desk::new();
    let rows = planted(90, 60, 4, 35);
    desk.put("x.npy", npy_of(&rows));
    desk.put("x.mtx", mtx(&rows, 0.4, 1));
    desk.put("gaps.csv", gappy_csv(&rows, 0.2, 2));
    desk.ends(0, "data shard x.mtx --missing absent -o shards");
    for (at, (has_one_gram, fit)) in [
        (true, "fit x.npy -k 4 --method extrapolated-hals"),
        (true, "fit x.npy -k 4 --method anls --precision f32 --sum-to-one u"),
        (true, "fit x.mtx -k 4 --missing zero --method hals --restarts 2 --l1 0.001"),
        (false, "fit gaps.csv -k 4 --missing nan --method accelerated-hals --l2 0.001"),
        (false, "fit shards -k 4 --method extrapolated-anls --l2 0.01"),
    ]
    .into_iter()
    .enumerate()
    {
        let fit = format!("{fit} --max-iters 25 --tol 0 --seed 3");
        let alone = if fit.contains("shards") { fit.replace("fit shards", "fit x.mtx --missing absent") } else { fit.clone() };
        desk.ends(3, &format!("{alone} -o one{at}"));
        for grid in [(2, 2), (1, 4)] {
            let run = format!("on{at}-{}", grid.1);
            let ran = on_ranks(&desk, 4, &format!("{fit} --grid {}x{} --json -o {run}", grid.0, grid.1));
            assert_eq!((ran.code, said(&ran)), (3, vec![]), "{fit} on {grid:?}: {}", ran.err);
            let told: serde_json::Value = serde_json::from_str(&ran.out).expect("one document");
            assert_eq!((&told["ranks"], &told["grid"]), (&4.into(), &serde_json::json!([grid.0, grid.1])));
            // and what is to be done next: four numbers of each for each
            let model = grid_traffic(grid, (90, 60), 4, has_one_gram);
            let messages = told["messages_per_iteration"].as_f64().expect("a number");
            assert!(messages >= (model.messages + 2) as f64 && messages < (model.messages + 4) as f64, "{messages} for {model:?}, {fit} on {grid:?}");
            let tolerance = if fit.contains("f32") { 2e-3 } else { 1e-7 };
            agree(&desk.path(&format!("one{at}/factors.npz")), &desk.path(&format!("{run}/factors.npz")), tolerance);
        }
    }
    // gaps in an array are not read where it stands
    let mut gappy = rows.clone();
    gappy[7][5] = f64::NAN;
    desk.put("gappy.npy", npy_of(&gappy));
    let fit = "fit gappy.npy -k 4 --missing nan --method hals --max-iters 25 --tol 0 --seed 3";
    desk.ends(3, &format!("{fit} -o whole"));
    let ran = on_ranks(&desk, 4, &format!("{fit} --grid 2x2 -o parts"));
    assert_eq!((ran.code, said(&ran)), (3, vec![]), "{}", ran.err);
    agree(&desk.path("whole/factors.npz"), &desk.path("parts/factors.npz"), 1e-7);
    // taken up on rows alone; and what a grid refuses
    assert_eq!(on_ranks(&desk, 3, "fit x.npy -k 4 --method extrapolated-hals --tol 0 --seed 3 --max-iters 40 -o on0-2").code, 3);
    desk.put("column.npy", npy_of(&vec![vec![1.0]; 60]));
    for (words, part) in [
        ("fit x.npy -k 4 --grid 3x2 -o none", "grid"),
        ("fit x.npy -k 4 --grid 2x2 --method hals --fix-v column.npy -o none", "fix-v"),
        ("fit x.npy -k 4 --grid 2by2 -o none", "4x2"),
    ] {
        let ran = on_ranks(&desk, 4, words);
        assert!(ran.code == 2 && ran.err.contains(part), "{words}: {} {}", ran.code, ran.err);
    }
    let huge = desk.run(&format!("fit x.npy -k 4 --grid {0}x{0} -o none", usize::MAX));
    assert_eq!(huge.code, 2, "{}", huge.err);
    let alone = desk.run("fit x.npy -k 4 --grid 2x2 -o none");
    assert!(alone.code == 2 && alone.err.contains("mpirun -n 4"), "{}", alone.err);
}

#[test]
fn a_run_goes_on_from_where_it_stood_on_any_number_of_ranks() {
    let desk = Desk::new();
    desk.put("x.npy", npy_of(&planted(80, 50, 4, 32)));
    let fit = "fit x.npy -k 4 --method extrapolated-hals --tol 0";
    for (ranks, dir) in [(3, "whole"), (3, "cut")] {
        let first = if dir == "cut" { 17 } else { 40 };
        assert_eq!(on_ranks(&desk, ranks, &format!("{fit} --max-iters {first} -o {dir}")).code, 3);
    }
    assert_eq!(on_ranks(&desk, 3, &format!("{fit} --max-iters 40 -o cut")).code, 3);
    assert!(factor_bits(&desk.path("cut/factors.npz")) == factor_bits(&desk.path("whole/factors.npz")), "cut and taken up on the same ranks");
    // on others: the same numbers, another rounding
    assert_eq!(on_ranks(&desk, 2, &format!("{fit} --max-iters 60 -o cut")).code, 3);
    desk.ends(3, &format!("{fit} --max-iters 60 -o whole"));
    agree(&desk.path("cut/factors.npz"), &desk.path("whole/factors.npz"), 1e-7);
    desk.ends(3, "audit cut");
}

#[test]
fn sweeps_are_divided_among_ranks_and_tell_the_same() {
    let (alone, spread) = (Desk::new(), Desk::new());
    for desk in [&alone, &spread] {
        desk.put("x.npy", npy_of(&planted(40, 25, 3, 34)));
    }
    for (at, sweep) in [
        "rank x.npy -k 1:4 --repeats 2 --restarts 2",
        "phase sensing --x rate=2:6:3 --y d=6:10:2 --trials 2",
        "phase completion --x p=20:60:3 --y d=8:10:2 --trials 2 --shard 2/2",
        "reproduce star-convexity fig2 --scale smoke",
    ]
    .into_iter()
    .enumerate()
    {
        let words = format!("{sweep} --json -o out{at}");
        let (one, many) = (alone.run(&words), on_ranks(&spread, 3, &words));
        assert_eq!((many.code, said(&many)), (one.code, said(&one)), "{words}: {}", many.err);
        assert_eq!(many.out, one.out, "{words}");
        // nothing is left for one process to do
        let again = spread.run(&format!("{words} --max-time 0.000001"));
        assert_eq!((again.code, again.out), (one.code, one.out), "{words}, again");
    }
    let refused = on_ranks(&spread, 3, "rank x.npy -k 1:4 --seed 5 -o out0");
    assert_eq!((refused.code, said(&refused).len()), (2, 1), "{}", refused.err);
}

#[test]
fn what_cannot_be_is_said_once_and_ends_all_ranks() {
    let desk = Desk::new();
    let mut rows = planted(20, 10, 2, 33);
    desk.put("x.npy", npy_of(&rows));
    rows[17][3] = -1.0;
    desk.put("negative.npy", npy_of(&rows));
    desk.put("infinite.csv", "1,2\n3,inf\n");
    for (code, words, part) in [
        (66, "fit missing.npy -k 2", "missing.npy"),
        (65, "fit negative.npy -k 2", "row 18, column 4"),
        (65, "fit x.npy -k 11", "rank 11"),
        (2, "fit x.npy -k 2 --holdout 0.1", "holdout"),
        (2, "fit x.npy -k 2 --loss kl", "loss"),
        (2, "fit x.npy -k 2 --biases", "biases"),
        (2, "fit x.npy -k 2 --init nndsvd", "init"),
        (2, "fit x.npy -k 2 --plan", "--plan"),
        (66, "recover rpca missing.npy", "missing.npy"),
        (65, "recover rpca infinite.csv", "infinite.csv"),
        (2, "recover rpca x.npy --budget 3", "budget"),
        (2, "recover rpca x.npy --rank 3", "--rank"),
        (75, "recover rpca x.npy --max-memory 16K", "20 rows and 10 columns"),
        (2, "recover sparse x.npy", "rpca and completion"),
        (2, "recover completion x.npy", "als on several ranks"),
        (2, "recover completion x.npy --method gradient --rank 2", "als on several ranks"),
        (65, "recover completion x.npy --method als --rank 11", "rank 11"),
        (2, "info x.npy", "only fit, recover, rank"),
    ] {
        let ran = on_ranks(&desk, 3, words);
        let said = said(&ran);
        assert!(ran.code == code && said.len() == 1 && said[0].contains(part), "{words}: {} {}", ran.code, ran.err);
        assert_eq!(ran.out, "", "{words}");
    }
}

fn array(desk: &Desk, run: &str, name: &str) -> Vec<f64> {
    read_npz(&desk.path(&format!("{run}/solution.npz")), 1 << 24).expect("reads").remove(name).expect("there").values.into_f64()
}

fn assert_near(one: &[f64], other: &[f64], tolerance: f64, what: &str) {
    let largest = one.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let off = one.iter().zip(other).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()));
    assert!(one.len() == other.len() && off <= tolerance * largest, "{what}: off by {off:e} of {largest}");
}

/// Rank two, with this share of the entries off by up to ten.
fn corrupted(m: usize, n: usize, share: f64, seed: u64) -> Vec<Vec<f64>> {
    let mut dice = Dice::new(seed);
    let mut factor = |rows: usize| -> Vec<[f64; 2]> { (0..rows).map(|_| [dice.roll() - 0.5, dice.roll() - 0.5]).collect() };
    let (u, v) = (factor(m), factor(n));
    let mut error = || if dice.roll() < share { 20.0 * (dice.roll() - 0.5) } else { 0.0 };
    u.iter().map(|u| v.iter().map(|v| u[0] * v[0] + u[1] * v[1] + error()).collect()).collect()
}

#[test]
fn any_number_of_ranks_completes_a_matrix_as_one_process_does() {
    let desk = Desk::new();
    let rows = corrupted(90, 60, 0.0, 44);
    desk.put("x.npy", npy_of(&rows));
    desk.put("x.mtx", mtx(&rows, 0.5, 1));
    for (file, flags) in [("x.npy", "--keep 0.5 --seed 5"), ("x.mtx", "")] {
        let words = format!("recover completion {file} --method als --rank 2 {flags}");
        let alone = desk.json(0, &format!("{words} -o {file}-one"));
        for ranks in [1, 2, 4] {
            let run = format!("{file}-{ranks}");
            let ran = on_ranks(&desk, ranks, &format!("{words} --json -o {run}"));
            assert_eq!((ran.code, said(&ran)), (0, vec![]), "{run}: {}", ran.err);
            let told: serde_json::Value = serde_json::from_str(&ran.out).expect("one document");
            for field in ["status", "rank", "iterations", "measurements", "shape", "method"] {
                assert_eq!(told[field], alone[field], "{run}: {field}");
            }
            // the same entries were hidden, and are found
            assert_eq!(told["hidden_rmse"].as_f64().map(|rmse| rmse < 1e-6), (!flags.is_empty()).then_some(true), "{told}");
            assert_eq!(told["ranks"].as_u64(), (ranks > 1).then_some(ranks as u64));
            agree(&desk.path(&format!("{file}-one/solution.npz")), &desk.path(&format!("{run}/solution.npz")), 1e-7);
            desk.ends(0, &format!("report {run}"));
        }
    }
}

#[test]
fn any_number_of_ranks_separates_a_table_as_one_process_does() {
    let desk = Desk::new();
    desk.put("tall.npy", npy_of(&corrupted(120, 50, 0.03, 41)));
    desk.put("wide.csv", gappy_csv(&corrupted(40, 110, 0.03, 42), 0.04, 3));
    for file in ["tall.npy", "wide.csv"] {
        let alone = desk.json(0, &format!("recover rpca {file} --certify -o {file}-one"));
        for ranks in [1, 2, 4] {
            let run = format!("{file}-{ranks}");
            let ran = on_ranks(&desk, ranks, &format!("recover rpca {file} --certify --json -o {run}"));
            assert_eq!((ran.code, said(&ran)), (0, vec![]), "{run}: {}", ran.err);
            let told: serde_json::Value = serde_json::from_str(&ran.out).expect("one document");
            for field in ["status", "rank", "corrupted", "certified", "iterations", "measurements", "shape", "lambda"] {
                assert_eq!(told[field], alone[field], "{run}: {field}");
            }
            if ranks > 1 {
                assert_eq!(told["ranks"], ranks);
                assert!(told["messages_per_iteration"].as_f64().is_some_and(|count| count > 4.0), "{told}");
                assert!(told["bytes_per_iteration"].as_f64().is_some_and(|bytes| bytes > 1e4), "{told}");
            }
            for name in ["low_rank", "sparse", "singular_values"] {
                assert_near(&array(&desk, &run, name), &array(&desk, &format!("{file}-one"), name), 1e-11, &run);
            }
            desk.ends(0, &format!("verify {run} --problem {file}"));
            desk.ends(0, &format!("report {run}"));
        }
    }
}

/// SIGTERM to the launcher of two ranks, once this file is there. Open MPI gives ranks one second to end, which is little on a busy machine.
fn terminate_once_begun(desk: &Desk, words: &str, begun: &str) {
    let mut command = mpirun(desk, 2, words);
    command.env("OMPI_MCA_odls_base_sigkill_timeout", "5").stdout(Stdio::null()).stderr(Stdio::null());
    let mut launcher = command.spawn().expect("starts");
    let begin = Instant::now();
    while !desk.has(begun) && begin.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    Command::new("kill").args(["-TERM", &launcher.id().to_string()]).status().expect("starts");
    assert_ne!(launcher.wait().expect("ends").code(), Some(0));
}

#[test]
fn a_signal_to_the_launcher_ends_a_separation_with_what_was_found() {
    let desk = Desk::new();
    let mut dice = Dice::new(43);
    let noise: Vec<Vec<f64>> = (0..300).map(|_| (0..200).map(|_| dice.roll() - 0.5).collect()).collect();
    desk.put("noise.npy", npy_of(&noise));
    let words = "recover rpca noise.npy --tol 1e-15 --max-iters 1000000 -o cut";
    terminate_once_begun(&desk, words, "cut");
    let manifest: serde_json::Value = serde_json::from_slice(&desk.bytes("cut/manifest.json")).expect("a manifest");
    assert_eq!(manifest["result"]["status"], "stopped", "{manifest}");
    assert!(desk.has("cut/solution.npz"));
}

/// Processes that mpirun has started.
fn children(of: u32) -> Vec<u32> {
    let tasks = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    tasks.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// Waits for the ranks to end, and says how the launcher did. Open MPI 4.1 sometimes stays when a rank is killed while it joins the others:
/// none for that, once no rank is left.
fn ended(launcher: &mut Child, limit: Duration) -> Option<i32> {
    let begin = Instant::now();
    let mut seen = begin;
    loop {
        if let Some(status) = launcher.try_wait().expect("can be waited for") {
            return status.code();
        }
        if !children(launcher.id()).is_empty() {
            seen = Instant::now();
        }
        assert!(seen.duration_since(begin) < limit, "the others go on without it");
        if seen.elapsed() > Duration::from_secs(5) {
            launcher.kill().expect("may be killed");
            launcher.wait().expect("ends");
            println!("no rank is left, but their launcher");
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn survives(kills: usize, seed: u64) {
    let desk = Desk::new();
    desk.put("x.npy", npy_of(&planted(300, 200, 8, 34)));
    let fit = "fit x.npy -k 10 --method extrapolated-hals --tol 0 --max-iters 1500 --checkpoint 0.02";
    let begin = Instant::now();
    assert_eq!(on_ranks(&desk, 3, &format!("{fit} -o unbroken")).code, 3);
    let life = begin.elapsed();
    let expected = factor_bits(&desk.path("unbroken/factors.npz"));
    let mut dice = Dice::new(seed);
    // some come before there is a rank, or after the last has ended
    let mut met = 0;
    while met < kills {
        let words = format!("{fit} -o killed");
        let mut launcher = mpirun(&desk, 3, &words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        std::thread::sleep(life.mul_f64(dice.roll()));
        let ranks = children(launcher.id());
        let victim = ranks.get((dice.roll() * ranks.len() as f64) as usize);
        if let Some(victim) = victim {
            met += 1;
            let killed = Command::new("kill").args(["-9", &victim.to_string()]).status().expect("starts");
            println!("kill {met}: process {victim} of {ranks:?}, {killed}");
        }
        if ended(&mut launcher, 10 * life + Duration::from_secs(60)) == Some(3) {
            assert!(factor_bits(&desk.path("killed/factors.npz")) == expected, "differs after {met} kills");
            fs::remove_dir_all(desk.path("killed")).expect("removes");
        }
    }
    let rerun = on_ranks(&desk, 3, &format!("{fit} -o killed"));
    assert_eq!(rerun.code, 3, "{}", rerun.err);
    assert!(factor_bits(&desk.path("killed/factors.npz")) == expected, "differs after {kills} kills");
    println!("{met} kills of a rank survived");
}

#[test]
fn a_killed_rank_ends_the_others_and_the_rerun_ends_with_the_same_bits() {
    survives(4, 1);
}

#[test]
#[ignore = "minutes; ./check-long ranks"]
fn fifty_kills_of_a_rank() {
    survives(50, 2);
}

#[test]
fn a_signal_to_the_launcher_leaves_a_run_that_can_be_taken_up() {
    let desk = Desk::new();
    desk.put("x.npy", npy_of(&planted(300, 200, 8, 35)));
    let fit = "fit x.npy -k 10 --method hals --tol 0 --max-iters 2000 --checkpoint 100";
    assert_eq!(on_ranks(&desk, 2, &format!("{fit} -o unbroken")).code, 3);
    terminate_once_begun(&desk, &format!("{fit} -o cut"), "cut/manifest.json");
    // no checkpoint was due: it is the signal that saved it
    assert!(desk.has("cut/restarts/0.npz"));
    assert_eq!(on_ranks(&desk, 2, &format!("{fit} -o cut")).code, 3);
    assert!(factor_bits(&desk.path("cut/factors.npz")) == factor_bits(&desk.path("unbroken/factors.npz")));
}
