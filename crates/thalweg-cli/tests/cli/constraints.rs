//! What the factors are held to, from the command line to the audit.

use super::desk::Desk;
use super::inputs::{csv, planted, ratings};
use thalweg::Side;
use thalweg::data::{Array, Numbers, read_factors, write_npz};

fn factor(desk: &Desk, run: &str, side: Side) -> Vec<Vec<f64>> {
    let factors = read_factors(&desk.path(&format!("{run}/factors.npz"))).expect("factors");
    factors.side(side).chunks_exact(factors.rank()).map(<[f64]>::to_vec).collect()
}

fn put_columns(desk: &Desk, name: &str, rows: usize, count: usize) -> Vec<Vec<f64>> {
    let values: Vec<f64> = (0..rows * count).map(|at| ((at * 7 + 3) % 11) as f64 / 8.0).collect();
    let numbers = Numbers::F64(values.clone());
    write_npz(&desk.path(name), &[("columns", Array::new(vec![rows, count], numbers).expect("fits"))]).expect("writes");
    values.chunks_exact(count).map(<[f64]>::to_vec).collect()
}

#[test]
fn given_columns_are_kept_audited_and_checked_on_resume() {
    let desk = Desk::new();
    desk.put("x.csv", csv(&planted(30, 20, 3, 5)));
    let known = put_columns(&desk, "known.npz", 20, 2);
    let words = "fit x.csv -k 3 --fix-v known.npz --restarts 2 -o run";
    let fit = desk.json(0, words);
    assert!(fit["constraints"].as_str().is_some_and(|c| c.contains("known.npz")), "{fit}");
    for (row, known) in factor(&desk, "run", Side::V).iter().zip(&known) {
        assert_eq!(&row[..2], known);
    }
    let audit = desk.json(0, "audit run");
    assert_eq!((&audit["status"], &audit["constraints"]), (&"converged".into(), &"2 columns of V given".into()));
    assert!(audit["lines"].is_null() && audit["barriers"].is_null(), "{audit}");
    assert_ne!(audit["uniqueness"]["status"], "not_unique", "a second factorisation may move what is given");
    desk.ends(0, "report run");
    let page = String::from_utf8(desk.bytes("run/report.html")).expect("text");
    assert!(page.contains("--fix-v"), "the report has the command");
    // new rows on the same components
    let new = desk.json(0, "transform x.csv --model run -o new.npz");
    assert!(new["objective"].as_f64().unwrap() <= fit["objective"].as_f64().unwrap() * (1.0 + 1e-9));
    // another file of the same name is another run, as are other constraints
    put_columns(&desk, "known.npz", 20, 1);
    for words in [words, "fit x.csv -k 3 --restarts 2 -o run", "fit x.csv -k 3 --signs free --restarts 2 -o run"] {
        let ran = desk.ends(2, words);
        assert!(ran.err.contains("another run"), "{words}: {}", ran.err);
    }
    // nor is a run audited whose given columns are no longer those that it was given
    let given = put_columns(&desk, "run/given.npz", 20, 2);
    let values = given.concat().iter().map(|x| x + 0.5).collect();
    let array = Array::new(vec![20, 2], Numbers::F64(values)).expect("fits");
    write_npz(&desk.path("run/given.npz"), &[("fixed_V", array)]).expect("writes");
    let ran = desk.ends(65, "audit run");
    assert!(ran.err.contains("a given column keeps"), "{}", ran.err);
}

#[test]
fn known_components_give_what_new_rows_cost() {
    let desk = Desk::new();
    desk.put("x.csv", csv(&planted(30, 20, 3, 5)));
    desk.ends(0, "fit x.csv -k 3 -o plain");
    // all of V held: the fit is one non-negative least-squares problem for each row
    let held = desk.json(0, "fit x.csv -k 3 --fix-v plain -o held");
    let new = desk.json(0, "transform x.csv --model plain -o new.npz");
    let (a, b) = (held["objective"].as_f64().unwrap(), new["objective"].as_f64().unwrap());
    assert!((a - b).abs() <= 1e-9 * a, "{a} and {b}");
}

#[test]
fn shares_sum_to_one() {
    let desk = Desk::new();
    desk.put("x.csv", csv(&planted(30, 20, 3, 6)));
    for (factor_name, side) in [("u", Side::U), ("v", Side::V)] {
        for init in ["random", "spa"] {
            let run = format!("run-{factor_name}-{init}");
            let fit = desk.json(0, &format!("fit x.csv -k 3 --sum-to-one {factor_name} --init {init} --max-iters 5000 -o {run}"));
            assert!(fit["objective"].as_f64().unwrap() >= fit["lower_bound"].as_f64().unwrap(), "{fit}");
            for row in factor(&desk, &run, side) {
                assert!(row.iter().all(|&x| x >= 0.0) && (row.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{row:?}");
            }
            assert_eq!(desk.json(0, &format!("audit {run}"))["status"], "converged");
        }
    }
    desk.json(0, "transform x.csv --model run-u-random -o new.npz");
    let new = read_factors(&desk.path("new.npz")).expect("factors");
    assert!(new.side(Side::U).chunks_exact(3).all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12));
}

#[test]
fn updates_keep_to_the_constraints() {
    let desk = Desk::new();
    let rows = planted(45, 20, 3, 5);
    desk.put("old.csv", csv(&rows[..30]));
    desk.put("new.csv", csv(&rows[30..]));
    let known = put_columns(&desk, "known.npz", 20, 2);
    for (run, words) in [("given", "--fix-v known.npz"), ("shares", "--sum-to-one u --max-iters 5000"), ("free", "--signs free-v")] {
        desk.json(0, &format!("fit old.csv -k 3 {words} -o {run}"));
        let grown = desk.json(0, &format!("update {run} new.csv -o {run}-grown"));
        assert_eq!(grown["shape"], serde_json::json!([45, 20]));
        assert_eq!(desk.json(0, &format!("audit {run}-grown"))["status"], "converged");
    }
    for (row, known) in factor(&desk, "given-grown", Side::V).iter().zip(&known) {
        assert_eq!(&row[..2], known);
    }
    assert!(factor(&desk, "shares-grown", Side::U).iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12));
    assert!(factor(&desk, "free-grown", Side::U).iter().flatten().all(|&x| x >= 0.0));
}

#[test]
fn free_factors_take_negative_data_and_reach_the_bound() {
    let desk = Desk::new();
    let rows: Vec<Vec<f64>> = planted(30, 20, 5, 7).iter().map(|row| row.iter().map(|x| x - 0.8).collect()).collect();
    desk.put("x.csv", csv(&rows));
    desk.ends(65, "fit x.csv -k 3 -o no");
    let fit = desk.json(0, "fit x.csv -k 3 --signs free -o run");
    let (objective, bound) = (fit["objective"].as_f64().unwrap(), fit["lower_bound"].as_f64().unwrap());
    assert!(objective >= bound && objective <= bound * (1.0 + 1e-9), "{objective} and {bound}");
    let audit = desk.json(0, "audit run");
    assert_eq!((&audit["status"], &audit["uniqueness"]["status"]), (&"converged".into(), &"not_unique".into()));
    desk.ends(0, "report run");
    desk.json(0, "fit x.csv -k 3 --signs free-u -o semi");
    assert!(factor(&desk, "semi", Side::V).iter().flatten().all(|&x| x >= 0.0));
    desk.json(0, "transform x.csv --model run -o new.npz");
}

#[test]
fn biases_are_components_of_ones() {
    let desk = Desk::new();
    desk.put("r.dat", ratings(&planted(60, 40, 3, 7), 0.6, 8));
    for (signs, extra) in [("nonnegative", 2), ("free", 3)] {
        let run = format!("run-{signs}");
        let fit = desk.json(0, &format!("fit r.dat -k 2 --l2 0.01 --biases --holdout 0.1 --signs {signs} -o {run}"));
        assert!(fit["holdout_rmse"].as_f64().is_some_and(|rmse| rmse < 2.0), "{fit}");
        let (u, v) = (factor(&desk, &run, Side::U), factor(&desk, &run, Side::V));
        assert!(u.iter().all(|row| row.len() == 2 + extra && row[2] == 1.0), "{signs}");
        assert!(v.iter().all(|row| row[3] == 1.0), "{signs}");
        assert_eq!(desk.json(0, &format!("audit {run}"))["status"], "converged");
        desk.put("pairs.txt", "u1 i1\nu2 i3\n");
        let predicted = desk.json(0, &format!("predict {run} --pairs pairs.txt"));
        let expected: f64 = u[0].iter().zip(&v[0]).map(|(a, b)| a * b).sum();
        assert_eq!(predicted["predictions"][0][2].as_f64(), Some(expected), "{predicted}");
        desk.json(0, &format!("transform r.dat --model {run} -o new.npz"));
        let new = read_factors(&desk.path("new.npz")).expect("factors");
        assert!(new.side(Side::U).chunks_exact(2 + extra).all(|row| row[2] == 1.0));
    }
}

#[test]
fn refusals() {
    let desk = Desk::new();
    desk.put("x.csv", csv(&planted(30, 20, 3, 5)));
    put_columns(&desk, "short.npz", 19, 1);
    put_columns(&desk, "wide.npz", 20, 4);
    for (code, words, what) in [
        (65, "fit x.csv -k 3 --fix-v short.npz -o run", "the given columns of V"),
        (65, "fit x.csv -k 3 --fix-v wide.npz -o run", "the given columns of V"),
        (66, "fit x.csv -k 3 --fix-v none.npz -o run", "none.npz"),
        (2, "fit x.csv -k 3 --signs free --sum-to-one u -o run", "sum to one"),
        (2, "fit x.csv -k 3 --signs free --method mu -o run", "method"),
        (2, "fit x.csv -k 3 --signs free --loss kl -o run", "loss"),
        (2, "fit x.csv -k 3 --signs free --init nndsvd -o run", "init"),
        (2, "fit x.csv -k 3 --signs free --l1 0.1 -o run", "l1"),
        (2, "fit x.csv -k 3 --init svd -o run", "init"),
        (2, "fit x.csv -k 3 --sum-to-one u --biases -o run", "biases"),
        (2, "fit x.csv -k 3 --l2-u 0.1 -o run", "penalty"),
    ] {
        let ran = desk.ends(code, words);
        assert!(ran.err.contains(what), "{words}: {}", ran.err);
        assert!(!desk.has("run"), "{words}");
    }
    // where scale cannot move to the other factor, a penalty on one alone means something
    desk.ends(0, "fit x.csv -k 3 --sum-to-one u --l2-v 0.1 -o shares");
    desk.ends(0, "fit x.csv -k 2 --loss kl -o kl");
    desk.ends(0, "fit x.csv -k 2 -o squares");
    for words in ["line kl squares --data x.csv", "line squares kl/restarts/0.npz --data x.csv"] {
        let ran = desk.ends(2, words);
        assert!(ran.err.contains("under the loss \"kl\""), "{words}: {}", ran.err);
    }
}
