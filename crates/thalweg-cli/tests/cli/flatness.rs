//! `flatness` and `phase`: documents, figures, exit codes.

use super::desk::Desk;
use super::inputs::{labelled_csv, planted};
use serde_json::Value;
use thalweg::data::{Array, Numbers, write_npz};

fn put(desk: &Desk, name: &str, arrays: &[(&str, &[usize], Vec<f64>)]) {
    let arrays: Vec<(&str, Array)> =
        arrays.iter().map(|(name, shape, values)| (*name, Array::new(shape.to_vec(), Numbers::F64(values.clone())).expect("fits"))).collect();
    write_npz(&desk.path(name), &arrays).expect("writes");
}

fn number(document: &Value, place: &str) -> f64 {
    document.pointer(place).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number {place} in {document}"))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

/// Every entry of the 2×2 identity seen; U = 2I, V = I/2 by hand: traces 2·2·½²… in U, 2·2·2² in V.
#[test]
fn factors_from_a_file() {
    let desk = Desk::new();
    put(&desk, "f.npz", &[("U", &[2, 2], vec![2.0, 0.0, 0.0, 2.0]), ("V", &[2, 2], vec![0.5, 0.0, 0.0, 0.5])]);
    desk.put("x.csv", "1,0\n0,1\n");
    for kind in ["nmf", "completion"] {
        let missing = if kind == "completion" { " --missing nan" } else { "" };
        let found = desk.json(0, &format!("flatness f.npz --problem x.csv --kind {kind}{missing} --svg {kind}.svg"));
        assert_eq!((&found["command"], &found["schema"], &found["model"]), (&"flatness".into(), &1.into(), &kind.into()));
        // Σ over entries of ‖vⱼ‖² is 2·½, of ‖uᵢ‖² is 2·8
        assert!(close(number(&found, "/trace"), 17.0) && close(number(&found, "/scaled_trace"), 8.5), "{found}");
        // balanced factors of I have ‖U‖² + ‖V‖² = 4
        assert!(close(number(&found, "/least_scaled_trace"), 4.0) && close(number(&found, "/excess"), 1.125), "{found}");
        assert!(close(number(&found, "/balance/norm_excess"), 1.125) && number(&found, "/misfit") < 1e-15, "{found}");
        // at a solution the Hessian is JᵀJ: the largest eigenvalue is 4 + ¼
        let (low, high) = (number(&found, "/spectrum/largest/0"), number(&found, "/spectrum/largest/1"));
        assert!(low <= 4.25 + 1e-9 && high >= 4.25 - 1e-9 && high - low < 1e-6, "{found}");
        assert!(String::from_utf8(desk.bytes(&format!("{kind}.svg"))).expect("text").contains("<svg"));
    }
    let words = desk.ends(0, "flatness f.npz --problem x.csv").out;
    assert!(words.contains("112.500 % above"), "{words}");
    assert!(desk.ends(2, "flatness f.npz").err.contains("--problem"));
    desk.put("wide.csv", "1,0,0\n0,1,0\n");
    desk.ends(65, "flatness f.npz --problem wide.csv");
    desk.ends(66, "flatness none.npz --problem x.csv");
}

#[test]
fn runs_of_fit_and_of_recover() {
    let desk = Desk::new();
    desk.put("x.csv", labelled_csv(&planted(12, 9, 2, 1)));
    desk.ends(0, "fit x.csv -k 2 -o run");
    let fit = desk.json(0, "flatness run");
    assert!(fit["model"] == "nmf" && number(&fit, "/excess") >= 0.0 && number(&fit, "/misfit") < 1.0, "{fit}");
    let audit = desk.json(0, "audit run --lines 2");
    assert!(close(number(&audit, "/flatness/trace"), number(&fit, "/trace")), "{audit}");
    desk.ends(0, "fit x.csv -k 2 --loss kl -o kl --max-iters 5000 --tol 1e-3");
    assert!(desk.ends(2, "flatness kl").err.contains("least squares"));

    // rank one, most entries seen
    let csv: String = (1..9)
        .map(|i| (1..9).map(|j| if (i + 2 * j) % 5 == 0 { String::new() } else { (i * j).to_string() }).collect::<Vec<_>>().join(",") + "\n")
        .collect();
    desk.put("m.csv", csv);
    desk.ends(0, "recover completion m.csv --objective flat --missing nan -o flat");
    let found = desk.json(0, "flatness flat");
    assert!(found["model"] == "completion" && number(&found, "/misfit") < 1e-9, "{found}");
    assert!(number(&found, "/excess") < 0.05 && number(&found, "/conditions/0") > 1.0, "{found}");
    desk.put("m.csv", "1,2\n3,4\n");
    assert!(desk.ends(65, "flatness flat").err.contains("sha256"));
}

const PHASE: &str = "phase sensing --x rate=2:8:4 --y d=5:7:2 --trials 3";

#[test]
fn phase_diagrams_resume_and_merge() {
    let desk = Desk::new();
    let whole = desk.json(0, &format!("{PHASE} -o whole"));
    assert_eq!((&whole["command"], &whole["paper"], &whole["item"]), (&"phase".into(), &"phase".into(), &"sensing".into()));
    assert_eq!((&whole["trials_done"], &whole["trials"]), (&8.into(), &8.into()));
    for ending in ["json", "html", "svg", "csv"] {
        assert!(desk.has(&format!("whole/sensing.{ending}")), "{ending}");
    }
    let csv = String::from_utf8(desk.bytes("whole/sensing.csv")).expect("text");
    // at p = 8d every matrix of this size is recovered, at p = 2d hardly one
    let rate = |start: &str| csv.lines().find(|line| line.starts_with(start)).and_then(|line| line.rsplit(',').next()?.parse::<f64>().ok());
    assert_eq!((rate(",8.0,5.0,"), rate(",8.0,7.0,")), (Some(1.0), Some(1.0)), "{csv}");
    assert!(rate(",2.0,7.0,") < Some(0.5), "{csv}");
    for part in 1..=2 {
        desk.json(0, &format!("{PHASE} --shard {part}/2 -o part{part}"));
    }
    assert_eq!(desk.json(0, &format!("{PHASE} --merge part2 -o part1")), whole);
    assert_eq!(desk.bytes("part1/sensing.csv"), desk.bytes("whole/sensing.csv"));
}

#[test]
fn every_model_has_a_phase_diagram() {
    let desk = Desk::new();
    for (model, x) in [("bilinear", "p=10:40:2"), ("quadratic", "rank=1:2:2"), ("completion", "skew=0:1:2"), ("completion", "p=10:36:2")] {
        let found = desk.json(0, &format!("phase {model} --x {x} --y d=6:8:2 --trials 2 -o {model}"));
        assert_eq!(found["item"], model, "{found}");
    }
    for wrong in [
        "phase moon --x rate=1:2:2 --y d=5:6:2",
        "phase sensing --x rate=1:2:2 --y rate=5:6:2",
        "phase sensing --x moon=1:2:2 --y d=5:6:2",
        "phase sensing --x rate=2:1:2 --y d=5:6:2",
        "phase sensing --x rank=1:40:2 --y d=5:6:2",
        "phase completion --x rate=0.5:2:2 --y d=5:6:2",
        "phase sensing --x skew=0:1:2 --y d=5:6:2",
        "phase quadratic --x d1=5:6:2 --y d2=5:6:2",
    ] {
        desk.ends(2, &format!("{wrong} -o wrong"));
    }
}
