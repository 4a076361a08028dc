//! From a file of each kind to the report, and taken further afterwards.

use super::desk::{Desk, factor_bits};
use super::inputs::{csv, gappy_csv, labelled_csv, mtx, pgm, planted, put_npz, ratings};
use serde_json::{Value, json};

/// What `fit` is given, and the kind and shape that `info` tells.
struct Kind {
    read: &'static str,
    kind: &'static str,
    shape: [usize; 2],
    /// First labels of U and V in the export.
    labels: [&'static str; 2],
}

fn kinds(desk: &Desk) -> Vec<Kind> {
    let rows = planted(40, 24, 3, 1);
    desk.put("labelled.csv", labelled_csv(&rows));
    desk.put("sparse.mtx", mtx(&rows, 0.4, 2));
    desk.put("ratings.dat", ratings(&rows, 0.5, 3));
    desk.put("gappy.csv", gappy_csv(&rows, 0.3, 4));
    put_npz(desk, "full.npz", &rows);
    for (i, row) in rows.iter().enumerate() {
        desk.put(&format!("faces/s{}/{}.pgm", 1 + i / 10, 1 + i % 10), pgm(row, 6));
    }
    vec![
        Kind { read: "labelled.csv", kind: "dense", shape: [40, 24], labels: ["g1", "t1"] },
        Kind { read: "sparse.mtx --missing zero", kind: "sparse", shape: [40, 24], labels: ["1", "1"] },
        Kind { read: "ratings.dat", kind: "observed", shape: [40, 24], labels: ["u1", "i1"] },
        Kind { read: "gappy.csv --missing nan", kind: "observed", shape: [40, 24], labels: ["1", "1"] },
        Kind { read: "faces", kind: "dense", shape: [40, 24], labels: ["s1/1.pgm", "1"] },
        Kind { read: "full.npz", kind: "dense", shape: [40, 24], labels: ["1", "1"] },
    ]
}

#[test]
fn fit_audit_report_export_transform() {
    let desk = Desk::new();
    for (at, Kind { read, kind, shape, labels }) in kinds(&desk).into_iter().enumerate() {
        let info = desk.json(0, &format!("info {read}"));
        assert_eq!((&info["kind"], &info["shape"]), (&kind.into(), &json!(shape)), "{read}");
        let run = format!("run{at}");
        let fit = desk.json(0, &format!("fit {read} -k 3 --restarts 3 -o {run}"));
        assert_eq!((&fit["status"], fit["lower_bound"].is_null()), (&"converged".into(), kind == "observed"), "{read}");
        let audit = desk.json(0, &format!("audit {run} --lines 10"));
        assert!((audit["objective"].as_f64().unwrap() / fit["objective"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{read}");
        desk.ends(0, &format!("report {run}"));
        let page = String::from_utf8(desk.bytes(&format!("{run}/report.html"))).expect("text");
        assert!(page.contains("<svg") && page.contains("Converged:"), "{read}");
        assert!(!page.contains("http://") || !page.contains("src=\"http"), "{read}");
        desk.ends(0, &format!("export {run}"));
        for (file, rows, label) in [("U.csv", shape[0], labels[0]), ("V.csv", shape[1], labels[1])] {
            let table = String::from_utf8(desk.bytes(&format!("{run}/{file}"))).expect("text");
            assert_eq!(table.lines().next(), Some("label,component_1,component_2,component_3"), "{read}");
            assert_eq!(table.lines().count(), rows + 1, "{read}");
            assert_eq!(table.lines().nth(1).and_then(|l| l.split(',').next()), Some(label), "{read}");
        }
        let new = desk.json(0, &format!("transform {read} --model {run} -o {run}/new.npz"));
        assert_eq!(new["shape"], json!(shape));
        assert!(new["objective"].as_f64().unwrap() <= fit["objective"].as_f64().unwrap() * (1.0 + 1e-9), "{read}: {new} {fit}");
        let (_, v) = factor_bits(&desk.path(&format!("{run}/factors.npz")));
        assert_eq!(factor_bits(&desk.path(&format!("{run}/new.npz"))).1, v, "V stays");
        let line = desk.json(0, &format!("line {run}/restarts/0.npz {run} --data {read}"));
        assert!(line["barrier"].as_f64().is_some_and(|b| b >= 0.0), "{read}: {line}");
    }
    desk.ends(0, "report run0 run1 run2 run3 run4 run5 -o all.html");
    let page = String::from_utf8(desk.bytes("all.html")).expect("text");
    assert!((0..6).all(|at| page.contains(&format!("run{at}"))));
}

#[test]
fn held_out_entries() {
    let desk = Desk::new();
    desk.put("r.dat", ratings(&planted(60, 40, 3, 7), 0.6, 8));
    let fit = desk.json(0, "fit r.dat -k 2 --holdout 0.1 --restarts 2 -o run");
    let rmse = fit["holdout_rmse"].as_f64().expect("a number");
    assert!(rmse > 0.0 && rmse < 2.0, "{rmse}");
    desk.ends(0, "audit run");
    desk.ends(0, "report run");
    // zeros that are not stored are held out as often as other entries
    desk.put("x.mtx", mtx(&planted(20, 10, 2, 1), 0.3, 2));
    for loss in ["frobenius", "kl"] {
        let fit = desk.json(0, &format!("fit x.mtx --missing zero -k 2 --holdout 0.1 --loss {loss} --tol 1e-3 -o {loss}"));
        assert!(fit["holdout_rmse"].as_f64().is_some_and(|rmse| rmse > 0.0), "{fit}");
        let audit = desk.json(0, &format!("audit {loss} --lines 3"));
        assert_eq!(audit["bound"], Value::Null, "{audit}");
    }
}

#[test]
fn a_longer_run_is_the_same_run() {
    let desk = Desk::new();
    desk.put("x.csv", csv(&planted(40, 24, 3, 1)));
    let fit = |words: &str, run: &str| -> Value {
        let ran = desk.run(&format!("fit x.csv -k 4 --tol 0 {words} -o {run} --json"));
        assert_eq!(ran.code, 3, "{}", ran.err);
        serde_json::from_str(&ran.out).expect("one document")
    };
    fit("--restarts 1 --max-iters 20", "grown");
    fit("--restarts 1 --max-iters 37", "grown");
    let grown = fit("--restarts 3 --max-iters 60", "grown");
    let whole = fit("--restarts 3 --max-iters 60", "whole");
    assert_eq!((&grown["objective"], &grown["iterations"]), (&whole["objective"], &whole["iterations"]));
    for file in ["factors.npz", "restarts/0.npz", "restarts/1.npz", "restarts/2.npz"] {
        let bits = |run: &str| factor_bits(&desk.path(&format!("{run}/{file}")));
        assert_eq!(bits("grown"), bits("whole"), "{file}");
    }
    // a smaller one does not undo it
    fit("--restarts 1 --max-iters 20", "grown");
    assert_eq!(factor_bits(&desk.path("grown/restarts/2.npz")), factor_bits(&desk.path("whole/restarts/2.npz")));
}

#[test]
fn finished_runs_are_not_run_again() {
    let desk = Desk::new();
    desk.put("x.csv", csv(&planted(12, 9, 2, 1)));
    let [first, again] = [(); 2].map(|()| {
        let mut fit = desk.json(0, "fit x.csv -k 2 --restarts 2 -o run");
        // of the process, not of the run
        fit["peak_memory"].take();
        fit
    });
    assert_eq!(first, again, "seconds included: nothing was computed again");
}

/// Every loss from the file to the report; lines are not faked where the loss is no polynomial on them.
#[test]
fn other_losses_from_fit_to_transform() {
    let desk = Desk::new();
    let rows = planted(40, 24, 3, 1);
    desk.put("full.csv", csv(&rows));
    desk.put("sparse.mtx", mtx(&rows, 0.4, 2));
    desk.put("gappy.csv", gappy_csv(&rows, 0.3, 4));
    let reads = ["full.csv --loss kl", "full.csv --loss is", "full.csv --loss beta:1.5", "sparse.mtx --missing zero --loss kl"];
    let observed = ["gappy.csv --missing nan --loss kl", "gappy.csv --missing nan --loss beta:0.5 --precision f32"];
    for (at, read) in reads.into_iter().chain(observed).enumerate() {
        let (run, loss) = (format!("loss{at}"), read.split("--loss ").nth(1).and_then(|l| l.split(' ').next()).expect("a loss"));
        let fit = desk.json(0, &format!("fit {read} -k 3 --restarts 2 --tol 1e-3 --max-iters 20000 -o {run}"));
        assert_eq!((&fit["loss"], &fit["lower_bound"]), (&loss.into(), &Value::Null), "{read}");
        let audit = desk.json(0, &format!("audit {run}"));
        for field in ["lower_bound", "gap", "lines", "barriers", "rank"] {
            assert_eq!(audit[field], Value::Null, "{read}: {field}");
        }
        assert_eq!(audit["loss"], loss, "{read}");
        assert!(audit["restarts"]["agreement"].is_number() && audit["verdict"].as_str().unwrap().contains("no polynomial"), "{read}");
        let ratio = audit["objective"].as_f64().unwrap() / fit["objective"].as_f64().unwrap();
        assert!((ratio - 1.0).abs() < 1e-6, "{read}: {ratio}");
        desk.ends(0, &format!("report {run}"));
        let new = desk.json(0, &format!("transform {} --model {run} -o {run}/new.npz", read.split(" --loss").next().expect("a file")));
        assert!(new["objective"].as_f64().unwrap() <= fit["objective"].as_f64().unwrap() * (1.0 + 1e-3), "{read}: {new} {fit}");
    }
    desk.ends(65, "fit sparse.mtx --missing zero --loss is -k 3 -o refused");
    desk.ends(2, "fit full.csv --loss is --method scalar-newton -k 3 -o refused");
    desk.ends(2, "fit full.csv --loss kl -k 3 -o loss1");
}

#[test]
fn begun_at_the_factors_of_another_run() {
    let desk = Desk::new();
    desk.put("x.csv", csv(&planted(30, 20, 3, 5)));
    let fit = |rest: &str| desk.run(&format!("fit x.csv -k 3 --method anls --tol 0 {rest}"));
    fit("--max-iters 20 -o first");
    fit("--max-iters 45 -o whole");
    fit("--max-iters 25 --init first --restarts 2 -o second");
    let bits = |file: &str| factor_bits(&desk.path(file));
    assert_eq!(bits("second/restarts/0.npz"), bits("whole/restarts/0.npz"));
    fit("--max-iters 25 --init first/factors.npz --init half-normal --restarts 2 -o third");
    assert_eq!(bits("third/restarts/0.npz"), bits("whole/restarts/0.npz"));
    assert_ne!(bits("third/restarts/1.npz"), bits("second/restarts/1.npz"));
    // the same command is the same run, other factors are another
    let manifest = desk.bytes("second/manifest.json");
    fit("--max-iters 25 --init first --restarts 2 -o second");
    let other = fit("--max-iters 25 --init whole --restarts 2 -o second");
    assert!(other.code == 2 && other.err.contains("start or fixed columns"), "{}", other.err);
    assert_eq!(desk.bytes("second/manifest.json").len(), manifest.len());
    desk.run("audit second");
    desk.ends(0, "report second");
    let page = String::from_utf8(desk.bytes("second/report.html")).expect("text");
    assert!(page.contains("restart 0 at"), "the report says where restarts begin");
}

#[test]
fn factors_that_do_not_fit_are_refused() {
    let desk = Desk::new();
    desk.put("x.csv", csv(&planted(30, 20, 3, 5)));
    desk.put("y.csv", csv(&planted(31, 20, 3, 5)));
    desk.ends(0, "fit x.csv -k 3 -o run");
    let mut bad = thalweg::data::read_factors(&desk.path("run/factors.npz")).unwrap();
    bad.as_mut_slice()[3] = -1.0;
    thalweg::data::write_factors(&desk.path("bad.npz"), &bad).unwrap();
    for (code, words, what) in [
        (65, "fit y.csv -k 3 --init run -o new", "the start of U"),
        (65, "fit x.csv -k 2 --init run -o new", "the start of U"),
        (65, "fit x.csv -k 3 --init bad.npz -o new", "not below zero"),
        (66, "fit x.csv -k 3 --init none.npz -o new", "none.npz"),
        (2, "fit x.csv -k 3 --init run --init run -o new", "one path"),
    ] {
        let ran = desk.ends(code, words);
        assert!(ran.err.contains(what), "{words}: {}", ran.err);
        assert!(!desk.has("new"), "{words}");
    }
}
