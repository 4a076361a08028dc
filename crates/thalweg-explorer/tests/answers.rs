//! Answers are what the library's own functions say, and every question gets one.

use serde_json::{Value, json};
use thalweg::data::{Law, Matrix, planted_factors, planted_sparse, with_noise};
use thalweg::geometry::{line, share_interval};
use thalweg::problem::DeepSparse;
use thalweg_explorer::answer;

fn asked(question: &Value) -> Value {
    serde_json::from_str(&answer(&question.to_string(), Vec::new())).expect("JSON")
}

fn planting() -> Value {
    json!({"ask": "factor", "rows": 12, "cols": 9, "rank": 3, "law": {"bernoulli": 0.7}, "noise": 0.02, "seed": 4, "restarts": 2, "lines": 40})
}

#[test]
fn a_planted_factorisation_is_the_library_s() {
    let said = asked(&planting())["answer"].clone();
    let truth = planted_factors(Law::Bernoulli(0.7), (12, 9), 3, 4, 1 << 40).expect("factors");
    let data = with_noise(&truth, 0.02, 4, (1 << 40) + 1).expect("data");
    assert_eq!(said["data"], json!(data.values()));
    assert_eq!(said["spread"], json!(Law::Bernoulli(0.7).spread()));
    let lines = &said["audit"]["lines"];
    let interval = share_interval(lines["convex_fraction"].as_f64().expect("a share"), 40);
    assert_eq!(said["curvature"]["intervals"][0], json!(interval));
    // lines are on average no more convex than the mean line is
    let of = |name: &str| said["curvature"][name].as_f64().expect("a number");
    assert!(of("mean") <= of("expected") + 3.0 * of("sd") / 40f64.sqrt());
    assert_eq!(said["audit"]["restarts"]["count"], 2);
    let ids: Vec<&str> = said["figures"].as_array().expect("figures").iter().filter_map(|figure| figure["id"].as_str()).collect();
    assert_eq!(ids, ["lines", "alpha", "runs", "spread"]);
    // a line that is drawn ends at the answer, where no other point of it lies lower
    let loss = line(&Matrix::Dense(data), &truth, &truth).expect("a line");
    assert_eq!(loss.coefficients[1..], [0.0; 4]);
}

#[test]
fn a_walk_ends_at_the_lowest_point_of_its_plane() {
    let mut question = planting();
    question["ask"] = "surface".into();
    for (view, method) in [("walk", "gradient"), ("walk", "hals"), ("random", "mu")] {
        (question["view"], question["method"], question["points"]) = (view.into(), method.into(), 9.into());
        let said = asked(&question)["answer"].clone();
        let lowest = said["lowest"].as_f64().expect("a loss");
        let heights: Vec<f64> = said["heights"].as_array().expect("heights").iter().filter_map(Value::as_f64).collect();
        assert_eq!(heights.len(), 81);
        // the centre of the plane is the answer
        assert!((heights[40] - lowest).abs() <= 1e-12 * lowest, "{view} {method}");
        let way = said["way"].as_array().expect("a way");
        assert_eq!(way.is_empty(), view == "random");
        if let (Some(first), Some(last)) = (way.first(), way.last()) {
            assert_eq!(last["at"], json!([0.0, 0.0]));
            assert!(first["height"].as_f64() > last["height"].as_f64());
        }
    }
    question["method"] = "downhill".into();
    assert!(asked(&question)["error"].as_str().expect("a sentence").contains("one of hals"));
}

#[test]
fn recovery_turns_certain_as_measurements_are_added() {
    for ensemble in ["sensing", "bilinear", "quadratic", "completion"] {
        let rate = |share: f64| if ensemble == "completion" { share } else { share * 6.0 };
        let question = json!({"ask": "sweep", "ensemble": ensemble, "side": 6, "rank": 1, "rate": rate(0.5), "seed": 2,
                              "rates": [rate(0.2), rate(1.0)], "maps": 3});
        let said = asked(&question)["answer"].clone();
        let last = &said["points"][1];
        for by in last["answer"]["by_norm"].as_array().expect("two norms") {
            assert_eq!((by["recovers"].as_str(), by["proof"]["certified"].as_bool()), (Some("yes"), Some(true)), "{ensemble}: {by}");
            assert!(by["relative_error"].as_f64().is_some_and(|error| error < 1e-8));
        }
        assert_eq!(last["shares"]["by_norm"][1]["recovered"], 1.0);
        assert_eq!(said["figures"].as_array().map(Vec::len), Some(3));
    }
}

#[test]
fn depth_two_is_sparse_and_certified_where_others_are_not_right() {
    let question = json!({"ask": "sparse", "dim": 40, "measurements": 20, "nonzeros": 2, "depths": 4, "depth": 2, "seed": 3});
    let said = asked(&question)["answer"].clone();
    let instance = planted_sparse((20, 40), 2, 3, 0).expect("an instance");
    assert_eq!(said["truth"], json!(instance.truth));
    let at = |depth: usize| said["by_depth"][depth - 1].clone();
    assert!(at(2)["relative_error"].as_f64() < Some(1e-9) && at(2)["certified"] == true);
    assert!(at(4)["relative_error"].as_f64() > Some(0.01));
    let problem = DeepSparse::new(20, 40, instance.a, instance.b, 4).expect("a problem");
    assert_eq!(at(4)["objectives"][1], json!(problem.objective(&instance.truth.expect("planted"))));
}

#[test]
fn a_table_is_read_and_audited_or_refused_in_a_sentence() {
    let question = |rank: usize| {
        let settings =
            json!({"ask": "table", "name": "t.csv", "missing": "error", "negative": "keep", "rank": rank, "restarts": 2, "lines": 10, "seed": 0});
        settings.to_string()
    };
    let ask = |rank, file: &str| serde_json::from_str::<Value>(&answer(&question(rank), file.as_bytes().to_vec())).expect("JSON");
    let said = ask(2, "name,a,<b>\nx,1,2\ny,2,1\nz,3,3\n");
    assert_eq!(said["answer"]["shape"], json!([3, 2]));
    let names: Vec<&str> = said["answer"]["components"][0].as_array().expect("columns").iter().filter_map(|c| c["name"].as_str()).collect();
    assert!(names.iter().all(|name| ["a", "<b>"].contains(name)), "{names:?}");
    for (rank, file, word) in
        [(2, "1,2\n3,x\n", "t.csv: line 2"), (2, "", "an empty file"), (2, "1,-2\n3,4\n", "negative"), (9, "1,2\n3,4\n", "rank 9")]
    {
        let said = ask(rank, file);
        assert!(said["error"].as_str().is_some_and(|sentence| sentence.contains(word)), "{file:?}: {said}");
    }
}

#[test]
fn what_is_no_question_gets_a_sentence() {
    for text in ["", "{}", "{\"ask\": \"everything\"}", "{\"ask\": \"factor\", \"rows\": -1}"] {
        assert!(answer(text, Vec::new()).contains("not a question that is known"), "{text}");
    }
    let mut none = planting();
    none["rank"] = 0.into();
    assert!(asked(&none)["error"].is_string());
}
