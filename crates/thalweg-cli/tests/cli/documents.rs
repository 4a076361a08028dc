//! What `--json` prints: exactly one document, with the fields and types that outside checks rely on.

use super::desk::Desk;
use super::inputs::{labelled_csv, planted, ratings};
use serde_json::Value;

/// Type of a field.
#[derive(Debug, Clone, Copy)]
enum Is {
    Text,
    Count,
    Number,
    Flag,
    List,
    Record,
    /// `true`, `false` or `"undecided"`.
    Verdict,
    /// Not computed.
    Null,
}
use Is::*;

impl Is {
    fn holds(self, value: &Value) -> bool {
        match self {
            Text => value.is_string(),
            Count => value.is_u64(),
            Number => value.is_number(),
            Flag => value.is_boolean(),
            List => value.is_array(),
            Record => value.is_object(),
            Verdict => value.is_boolean() || value == "undecided",
            Null => value.is_null(),
        }
    }
}

/// Fails unless the record at this place of the document (`""` for all of it) has these fields.
fn has(document: &Value, place: &str, fields: &[(&str, Is)]) {
    let record = document.pointer(place).unwrap_or_else(|| panic!("no {place} in {document}"));
    for (name, is) in fields {
        let value = record.get(name).unwrap_or_else(|| panic!("no {place}/{name} in {document}"));
        assert!(is.holds(value), "{place}/{name} is {value}, expected {is:?}");
    }
}

fn command(document: &Value, name: &str) {
    assert_eq!((&document["schema"], &document["command"]), (&1.into(), &name.into()));
}

const FIT: &[(&str, Is)] = &[
    ("status", Text),
    ("shape", List),
    ("observed", Count),
    ("rank", Count),
    ("method", Text),
    ("loss", Text),
    ("objective", Number),
    ("relative_error", Number),
    ("kkt", Number),
    ("iterations", Count),
    ("seconds", Number),
    ("seed", Count),
    ("restarts", List),
    ("factors", Text),
];

#[test]
fn info() {
    let desk = Desk::new();
    desk.put("x.csv", labelled_csv(&planted(8, 5, 2, 1)));
    let info = desk.json(0, "info x.csv");
    command(&info, "info");
    has(&info, "", &[("format", Text), ("shape", List), ("stored", Count), ("observed", Count), ("min", Number), ("max", Number)]);
    has(&info, "", &[("missing", Count), ("negatives", Count), ("sha256", Text), ("notes", List), ("row_labels", Flag), ("image", Null)]);
    assert_eq!((&info["shape"], &info["observed"], &info["missing"]), (&serde_json::json!([8, 5]), &40.into(), &0.into()));
}

#[test]
fn fit_audit_report_line_transform_export() {
    let desk = Desk::new();
    desk.put("x.csv", labelled_csv(&planted(12, 9, 2, 1)));
    let fit = desk.json(0, "fit x.csv -k 2 --restarts 3 --seed 7 -o run");
    command(&fit, "fit");
    has(&fit, "", FIT);
    has(&fit, "", &[("lower_bound", Number), ("holdout_rmse", Null), ("method_reason", Text)]);
    has(&fit, "/restarts/2", &[("seed", Count), ("status", Text), ("objective", Number)]);
    assert_eq!((&fit["shape"], &fit["rank"], &fit["seed"]), (&serde_json::json!([12, 9]), &2.into(), &7.into()));
    assert_eq!((&fit["status"], &fit["loss"], fit["restarts"].as_array().map(Vec::len)), (&"converged".into(), &"frobenius".into(), Some(3)));
    assert!(desk.has(fit["factors"].as_str().expect("a path")));
    for file in ["manifest.json", "factors.npz", "history.csv", "restarts/0.npz", "restarts/1.npz", "restarts/2.npz"] {
        assert!(desk.has(&format!("run/{file}")), "{file}");
    }
    let history = String::from_utf8(desk.bytes("run/history.csv")).expect("text");
    let header = history.lines().next().expect("a header");
    assert!(["seconds", "iteration", "objective", "kkt"].iter().all(|name| header.split(',').any(|h| h == *name)), "{header}");

    let audit = desk.json(0, "audit run --lines 20 --points 2");
    command(&audit, "audit");
    audited(&audit);
    assert_eq!((&audit["restarts"]["count"], &audit["lines"]["count"]), (&3.into(), &40.into()));
    assert!(desk.has("run/audit.json"));

    let report = desk.json(0, "report run -o out/report.html");
    command(&report, "report");
    has(&report, "", &[("report", Text), ("figures", List)]);
    let page = String::from_utf8(desk.bytes(report["report"].as_str().expect("a path"))).expect("text");
    assert!(page.starts_with("<!DOCTYPE html>") || page.starts_with("<!doctype html>"), "{}", &page[..40]);
    for figure in report["figures"].as_array().expect("a list") {
        assert!(desk.has(figure.as_str().expect("a path")), "{figure}");
    }

    let line = desk.json(0, "line run/restarts/0.npz run/restarts/1.npz --data x.csv --svg line.svg");
    command(&line, "line");
    has(&line, "", &[("coefficients", List), ("exponent", Number), ("alpha", Number), ("alpha_at", Number), ("barrier", Number)]);
    has(&line, "", &[("convex_on_segment", Verdict), ("convex_everywhere", Verdict)]);
    has(&line, "", &[("star_towards_b", Verdict), ("gradient_towards_b", Verdict)]);
    assert_eq!(line["coefficients"].as_array().map(Vec::len), Some(5));
    assert!(String::from_utf8(desk.bytes("line.svg")).expect("text").contains("<svg"));

    let transform = desk.json(0, "transform x.csv --model run -o new.npz");
    command(&transform, "transform");
    has(&transform, "", &[("shape", List), ("rank", Count), ("objective", Number), ("relative_error", Number), ("factors", Text)]);
    // the fitted rows again: no worse than the fit that they took part in
    let objective = |document: &Value| document["objective"].as_f64().expect("a number");
    assert!(objective(&transform) <= objective(&fit) * (1.0 + 1e-9), "{transform} against {fit}");

    desk.put("pairs.csv", "row,column\nnobody,nothing\n");
    let predict = desk.json(0, "predict run --pairs pairs.csv");
    command(&predict, "predict");
    has(&predict, "", &[("count", Count), ("unknown", Count), ("predictions", List)]);
    assert_eq!((&predict["count"], &predict["unknown"]), (&1.into(), &1.into()), "the first line names the columns");

    let export = desk.json(0, "export run -o tables");
    command(&export, "export");
    has(&export, "", &[("files", List)]);
    let table = String::from_utf8(desk.bytes("tables/U.csv")).expect("text");
    assert_eq!((table.lines().count(), table.lines().nth(1).map(|l| l.starts_with("g1,"))), (13, Some(true)));
}

fn audited(audit: &Value) {
    has(audit, "", &[("verdict", Text), ("kkt", Number), ("objective", Number), ("lower_bound", Number), ("gap", Number)]);
    has(audit, "/restarts", &[("count", Count), ("best", Number), ("spread", Number), ("agreement", Number)]);
    has(audit, "/lines", &[("count", Count), ("convex_fraction", Number), ("alpha_min", Number), ("alpha_mean", Number), ("alpha_sd", Number)]);
    has(audit, "/barriers", &[("count", Count), ("max", Number), ("aligned_max", Number)]);
    has(audit, "", &[("rank", Record)]);
    has(audit, "/uniqueness", &[("status", Text), ("why", Text)]);
    assert!(["unique", "not_unique", "unknown"].iter().any(|s| audit["uniqueness"]["status"] == *s));
    let agreement = audit["restarts"]["agreement"].as_f64().expect("a number");
    assert!((0.0..=1.0).contains(&agreement), "{agreement}");
}

#[test]
fn what_is_not_computed_is_null() {
    let desk = Desk::new();
    desk.put("r.dat", ratings(&planted(20, 12, 2, 3), 0.6, 4));
    let fit = desk.json(0, "fit r.dat -k 1 --holdout 0.2 -o run");
    has(&fit, "", FIT);
    has(&fit, "", &[("lower_bound", Null), ("holdout_rmse", Number)]);
    let audit = desk.json(0, "audit run --lines 0");
    has(&audit, "", &[("lower_bound", Null), ("gap", Null), ("rank", Null), ("lines", Null), ("barriers", Null)]);
    has(&audit, "/restarts", &[("agreement", Null)]);
}

#[test]
fn update_and_batches() {
    let desk = Desk::new();
    let whole = labelled_csv(&planted(60, 9, 2, 1));
    let lines: Vec<&str> = whole.lines().collect();
    desk.put("old.csv", lines[..41].join("\n") + "\n");
    desk.put("new.csv", [&lines[..1], &lines[41..]].concat().join("\n") + "\n");
    desk.put("whole.csv", &whole);
    let fit = desk.json(0, "fit old.csv -k 2 --method minibatch --batch-size 8 -o run");
    assert_eq!((&fit["method"], &fit["status"]), (&"minibatch".into(), &"converged".into()), "{fit}");
    assert!(desk.ends(2, "fit old.csv -k 2 --method minibatch --batch-size 9 -o run").err.contains("batch size"));
    assert!(desk.ends(2, "fit old.csv -k 2 --method hals --batch-size 9 -o other").err.contains("--method minibatch"));

    let update = desk.json(0, "update run new.csv -o grown");
    command(&update, "update");
    has(&update, "", FIT);
    assert_eq!(update["shape"], serde_json::json!([60, 9]));
    let direct = desk.json(0, "fit whole.csv -k 2 -o direct");
    let objective = |document: &Value| document["objective"].as_f64().expect("a number");
    assert!(objective(&update) <= objective(&direct) * 1.01, "{update} against {direct}");
    // an ordinary run: every other command takes it, and the same command goes on
    let audit = desk.json(0, "audit grown --lines 5");
    assert_eq!((&audit["objective"], &audit["status"]), (&update["objective"], &"converged".into()), "{audit}");
    desk.ends(0, "report grown");
    desk.put("pairs.csv", "g1,s1\ng60,s1\n");
    desk.json(0, "predict grown --pairs pairs.csv");
    let tighter = desk.json(0, "update run new.csv -o grown --tol 1e-6");
    assert!(tighter["kkt"].as_f64() <= update["kkt"].as_f64(), "{tighter}");
    let table = String::from_utf8(desk.bytes("grown/labels.json")).expect("text");
    assert!(table.contains("g60"), "{table}");

    desk.put("narrow.csv", labelled_csv(&planted(5, 8, 2, 1)));
    desk.ends(65, "update run narrow.csv -o narrow");
    assert!(desk.ends(2, "update run old.csv -o grown").err.contains("another run"));
    assert!(desk.ends(65, "update run new.csv -o other --data whole.csv").err.contains("sha256"));
    assert!(desk.ends(2, "update run new.csv").err.contains("-o"));
}

#[test]
fn rank() {
    let desk = Desk::new();
    desk.put("x.csv", labelled_csv(&planted(24, 18, 2, 1)));
    let words = "rank x.csv -k 1:3 --repeats 3 --restarts 2 --seed 5";
    let whole = desk.json(0, &format!("{words} -o whole"));
    command(&whole, "rank");
    has(&whole, "", &[("ranks", List), ("supported", List), ("suggested", Count), ("verdict", Text), ("spectrum", Record), ("page", Text)]);
    has(&whole, "", &[("erratic", List)]);
    let row = [("rank", Count), ("holdout", Number), ("holdout_se", Number), ("agreement", Number), ("relative_error", Number)];
    (0..3).for_each(|at| has(&whole, &format!("/ranks/{at}"), &row));
    assert!(desk.has("whole/rank.json") && desk.has("whole/rank.html") && desk.has("whole/figures/rank-holdout.csv"));

    // cut at once, taken up again, and then a larger range: the same numbers, and nothing done twice
    assert_eq!(desk.ends(75, &format!("{words} -o cut --max-time 0")).out, "");
    let resumed = desk.json(0, &format!("{words} -o cut --threads 1"));
    assert_eq!((&resumed["ranks"], &resumed["verdict"]), (&whole["ranks"], &whole["verdict"]));
    let mark = std::fs::metadata(desk.path("cut/trials/rank-2-mask-1.json")).and_then(|m| m.modified()).expect("there");
    let wider = desk.json(0, "rank x.csv -k 1:4 --repeats 3 --restarts 2 --seed 5 -o cut");
    assert_eq!(wider["ranks"][1]["holdout"], whole["ranks"][1]["holdout"]);
    assert_eq!(std::fs::metadata(desk.path("cut/trials/rank-2-mask-1.json")).and_then(|m| m.modified()).expect("there"), mark);
    let other = desk.ends(2, "rank x.csv -k 1:3 --seed 6 -o cut").err;
    assert!(other.contains("another run"), "{other}");
    let range = desk.ends(2, "fit x.csv -k 1:3").err;
    assert!(range.contains("thalweg rank INPUT -k 1:3"), "{range}");
}

#[test]
fn data() {
    let desk = Desk::new();
    let list = desk.json(0, "data list");
    command(&list, "data list");
    has(
        &list,
        "/entries/0",
        &[("name", Text), ("about", Text), ("terms", Text), ("get", Text), ("sha256", Text), ("shape", List), ("observed", Count), ("read", Record)],
    );
    let get = desk.json(66, "data get metabolic --data-dir nowhere");
    command(&get, "data get");
    has(&get, "/checked/0", &[("name", Text), ("path", Text), ("state", Text), ("why", Null)]);
    let words = desk.ends(66, "data get movielens --data-dir nowhere").out;
    assert!(words.contains("grouplens.org") && words.contains("may not be passed on") && words.contains("sha256"), "{words}");
    // fetched only when asked, and where it may be
    assert!(desk.ends(2, "data get movielens --data-dir nowhere --download").err.contains("may not be passed on"));
    assert!(desk.ends(66, "data get kos --data-dir nowhere").out.contains("--download"));
    desk.ends(74, "data get kos --data-dir nowhere --download --from http://127.0.0.1:1/kos");
    desk.put("all/digits/digits.csv.gz", "1,2\n3,4\n");
    let check = desk.json(65, "data check all --name digits");
    command(&check, "data check");
    assert_eq!(check["checked"][0]["state"], "wrong");
    assert!(check["checked"][0]["why"].as_str().is_some_and(|why| why.contains("columns")), "{check}");
    assert_eq!(desk.json(66, "data check all --name kos")["checked"][0]["state"], "absent");
    assert!(desk.ends(2, "info data:digits").err.contains("--data-dir"));
    assert!(desk.ends(2, "info data:no --data-dir all").err.contains("metabolic"));
    // another file in its place is read as the catalogue says and the flags change it, with a word about it
    let other = desk.ends(0, "info data:digits --data-dir all --columns 0:1 --transpose");
    assert!(other.err.contains("not the file of the catalogue") && other.out.contains("1 rows and 2 columns"), "{} {}", other.err, other.out);
    let completed = desk.ends(0, "recover completion data:digits --data-dir all --columns 0:2 --certify -o completed");
    assert!(completed.err.contains("not the file of the catalogue") && completed.out.contains("2x2"), "{} {}", completed.err, completed.out);
    desk.ends(0, "verify completed --problem data:digits --data-dir all --columns 0:2");
}

#[test]
fn doctor() {
    let desk = Desk::new();
    let document = desk.json(0, "doctor --threads 2");
    command(&document, "doctor");
    has(&document, "", &[("healthy", Flag), ("checks", List)]);
    has(&document, "/checks/0", &[("name", Text), ("state", Text), ("found", Text)]);
    let said = desk.ends(0, "doctor").out;
    for name in ["version", "vectors", "threads", "memory", "temporary folder", "output folder", "a fit", "same bits"] {
        assert!(said.lines().any(|line| line.starts_with(name)), "{name} in {said}");
    }
    assert!(std::fs::read_dir(desk.path("")).expect("a folder").next().is_none(), "nothing is left behind");
    // a folder that cannot be written is found
    let sick = desk.json(3, "doctor -o nowhere/at/all");
    assert_eq!(sick["healthy"], false);
    let folder = sick["checks"].as_array().expect("a list").iter().find(|check| check["name"] == "output folder").expect("there");
    assert_eq!(folder["state"], "wrong", "{folder}");
}

#[test]
fn data_example() {
    let desk = Desk::new();
    let list = desk.json(0, "data example");
    command(&list, "data example");
    has(&list, "/examples/0", &[("name", Text), ("file", Text), ("about", Text), ("next", Text)]);
    for example in list["examples"].as_array().expect("a list") {
        let name = example["name"].as_str().expect("a name");
        let written = desk.json(0, &format!("data example {name}"));
        assert_eq!(written["file"], example["file"]);
        assert!(desk.ends(2, &format!("data example {name}")).err.contains("already"), "nothing is overwritten");
    }
    desk.ends(0, "data example genes -o other.tsv");
    assert_eq!(desk.bytes("other.tsv"), desk.bytes("genes.tsv"));
}

/// On request in a pipe, without colour; never in a document.
#[test]
fn small_plots() {
    let desk = Desk::new();
    desk.put("x.csv", labelled_csv(&planted(12, 9, 2, 1)));
    let plain = desk.ends(0, "fit x.csv -k 2 --restarts 3 -o run").out;
    assert!(!plain.contains('█'), "not into a pipe: {plain}");
    let fit = desk.ends(0, "fit x.csv -k 2 --restarts 3 -o run --plot always").out;
    assert!(fit.contains("component 2") && fit.contains('█') && fit.contains("g1"), "{fit}");
    let audit = desk.ends(0, "audit run --lines 2 --plot always").out;
    assert!(audit.contains("component 2") && audit.contains('█'), "{audit}");
    desk.json(0, "fit x.csv -k 2 --restarts 3 -o run --plot always");
    assert!(!desk.ends(0, "audit run --lines 2 --quiet --plot always").out.contains('█'));
}

#[test]
fn what_was_prepared_stays_so() {
    let desk = Desk::new();
    let rows = planted(12, 9, 2, 1);
    let shifted: Vec<Vec<f64>> = rows.iter().map(|row| row.iter().map(|x| 10.0 * x - 0.5).collect()).collect();
    desk.put("x.csv", labelled_csv(&shifted));
    assert!(desk.ends(65, "fit x.csv -k 2 -o run").err.contains("negative"));
    desk.json(0, "fit x.csv -k 2 --negative clip --scale sd --seed 7 -o run");
    let manifest: Value = serde_json::from_slice(&desk.bytes("run/manifest.json")).expect("JSON");
    let scale = manifest["input"]["scale"].as_f64().expect("a number");
    assert_eq!((&manifest["input"]["read"]["scale"], &manifest["input"]["read"]["negative"]), (&"sd".into(), &"clip".into()));
    assert!(manifest["input"]["notes"].to_string().contains("standard deviation"), "{manifest}");
    let info = desk.json(0, "info x.csv --negative clip --scale sd");
    assert_eq!(info["scale"].as_f64(), Some(scale));
    assert!(info["sd"].as_f64().is_some_and(|sd| (sd - 1.0).abs() < 1e-12) && scale > 1.5, "{info}");
    assert!(desk.ends(2, "fit x.csv -k 2 --negative clip --seed 7 -o run").err.contains("reading of the input"));
    desk.ends(0, "audit run --lines 2");
    // new rows and predictions are in the units of the file
    desk.put("pairs.csv", "g1,a1\n");
    let first = shifted[0][0].max(0.0);
    let label =
        String::from_utf8(desk.bytes("x.csv")).expect("text").lines().next().and_then(|l| l.split(',').nth(1).map(str::to_owned)).expect("a header");
    desk.put("pairs.csv", format!("g1,{label}\n"));
    let predicted = desk.json(0, "predict run --pairs pairs.csv")["predictions"][0][2].as_f64().expect("a number");
    assert!((predicted - first).abs() < 0.3 * scale, "{predicted} for {first}");
    let again = desk.json(0, "transform x.csv --model run --negative clip -o new.npz");
    let fitted = desk.json(0, "fit x.csv -k 2 --negative clip --scale sd --seed 7 -o run");
    let error = |document: &Value| document["relative_error"].as_f64().expect("a number");
    assert!(error(&again) <= error(&fitted) + 1e-9, "{again} {fitted}");
    assert!(
        (again["objective"].as_f64().expect("a number") / fitted["objective"].as_f64().expect("a number") - 1.0).abs() < 1e-2,
        "in the same units"
    );
}

#[test]
fn penalties() {
    let desk = Desk::new();
    desk.put("r.dat", ratings(&planted(20, 12, 2, 3), 0.6, 4));
    let fit = desk.json(0, "fit r.dat -k 2 --holdout 0.2 --l2 0.02 --max-iters 20000 -o run");
    has(&fit, "", FIT);
    has(&fit, "", &[("penalty", Number)]);
    assert!(fit["penalty"].as_f64().expect("a number") > 0.0);
    let history = String::from_utf8(desk.bytes("run/history.csv")).expect("text");
    assert!(history.starts_with("restart,seconds,iteration,objective,kkt,holdout_rmse"), "{history}");
    assert!(history.lines().nth(1).is_some_and(|line| !line.ends_with(',')), "{history}");
    let audit = desk.json(0, "audit run --lines 3");
    assert!(audit["verdict"].as_str().expect("text").contains("The objective is penalised"), "{audit}");
    assert_eq!(audit["objective"], fit["objective"]);
    assert!(desk.ends(0, "report run").out.contains("report.html") && desk.has("run/figures/holdout-iterations.csv"));
    assert!(desk.ends(2, "fit r.dat -k 2 -o run --holdout 0.2 --l2 0.03").err.contains("penalty"));
    assert!(desk.ends(2, "fit r.dat -k 2 --l2-u 1").err.contains("on both factors"));
    desk.ends(2, "fit r.dat -k 2 --l1 -1");
    desk.json(0, "fit r.dat -k 2 --l2 0.02 --penalty-scaling 0.5 --max-iters 20000 -o tempered");
    assert!(String::from_utf8(desk.bytes("tempered/manifest.json")).expect("text").contains("\"scaling\": 0.5"));
    assert!(desk.ends(2, "fit r.dat -k 2 --l2 0.02 --penalty-scaling 1.5").err.contains("an exponent between 0 and 1"));
}

#[test]
fn demo() {
    let desk = Desk::new();
    let audit = desk.json(0, "demo --restarts 2 -o demo");
    command(&audit, "audit");
    audited(&audit);
    for file in ["manifest.json", "factors.npz", "audit.json", "report.html"] {
        assert!(desk.has(&format!("demo/{file}")), "{file}");
    }
    let said = desk.ends(0, "demo --restarts 2 -o demo");
    assert!(said.out.contains("report.html"), "{}", said.out);
}

#[test]
fn quiet_is_silent_and_results_are_alone_on_standard_output() {
    let desk = Desk::new();
    // a file that the reader has a note about
    desk.put("x.csv", labelled_csv(&planted(12, 9, 2, 1)));
    for words in
        ["info x.csv", "fit x.csv -k 2 -o run", "audit run", "report run", "export run", "transform x.csv --model run", "line run run --data x.csv"]
    {
        let quiet = desk.ends(0, &format!("{words} --quiet"));
        assert_eq!(quiet.err, "", "{words}");
        assert!(!quiet.out.is_empty(), "{words} prints its result");
        let document = desk.ends(0, &format!("{words} --quiet --json"));
        assert_eq!(document.err, "", "{words}");
        assert!(serde_json::from_str::<Value>(&document.out).is_ok(), "{words}: {}", document.out);
    }
    assert!(desk.ends(0, "info x.csv").err.contains("names the columns"), "notes go to standard error");
}
