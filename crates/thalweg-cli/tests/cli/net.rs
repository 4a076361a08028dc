//! Networks: trained, cut and resumed, measured.

use super::desk::Desk;
use super::inputs::Dice;
use serde_json::Value;

/// Records of CIFAR-10: noise, brighter for every other class.
fn cifar(count: usize) -> Vec<u8> {
    let mut dice = Dice::new(5);
    let record = |image: usize| {
        let label = (image % 10) as u8;
        let pixels: Vec<u8> = (0..3072).map(|_| (100.0 * dice.roll()) as u8 + 60 * (label % 2)).collect();
        [vec![label], pixels].concat()
    };
    (0..count).flat_map(record).collect()
}

fn number(document: &Value, place: &str) -> f64 {
    document.pointer(place).and_then(Value::as_f64).unwrap_or_else(|| panic!("no number {place} in {document}"))
}

const TRAIN: &str = "net train cnn-3-4 --data x.bin --epochs 3 --batch 9 --keep 0,2";

#[test]
fn a_network_is_trained_and_measured() {
    let desk = Desk::new();
    desk.put("x.bin", cifar(40));
    let trained = desk.json(0, &format!("{TRAIN} -o run"));
    assert_eq!((&trained["command"], &trained["status"], &trained["network"]), (&"net train".into(), &"done".into(), &"cnn-3-4".into()));
    assert_eq!((&trained["images"], &trained["test_images"], &trained["steps"]), (&36.into(), &4.into(), &12.into()));
    assert!(number(&trained, "/train/loss") > 0.0 && number(&trained, "/test/accuracy") >= 0.0);
    for file in ["epoch-0", "epoch-2", "final", "last"] {
        assert!(desk.has(&format!("run/{file}.safetensors")), "{file}");
    }
    let history = String::from_utf8(desk.bytes("run/history.csv")).expect("text");
    assert_eq!((history.lines().count(), history.lines().next()), (4, Some("epoch,rate,train_loss,train_accuracy,test_loss,test_accuracy")));

    let measured = desk.json(
        0,
        "net convexity run/epoch-0.safetensors run/final.safetensors --data x.bin --images 12 --directions 3 --cells 12 --jets --svg lines.svg",
    );
    let networks = measured["networks"].as_array().expect("a list");
    assert_eq!((networks.len(), &networks[1]["steps"], &networks[1]["norm"]), (2, &12.into(), &"eval".into()));
    for network in networks {
        assert!(number(network, "/noise") > 0.0 && number(network, "/tolerance") == 4.0 * number(network, "/noise"));
        for (resolution, cells) in network["resolutions"].as_array().expect("a list").iter().zip([3, 6, 12]) {
            assert_eq!(resolution["cells"], cells);
            assert!((0.0..=1.0).contains(&number(resolution, "/length/value")));
        }
        assert!(network.pointer("/lines/2/kinks/share").is_some_and(Value::is_number));
    }
    assert!(desk.has("lines.svg"));

    let surface = desk.json(0, "net surface run/final.safetensors --data x.bin --images 8 --points 3 --svg plane.svg --norm batch");
    assert_eq!((surface["at"].as_array().map(Vec::len), surface["values"].as_array().map(Vec::len)), (Some(3), Some(3)));
    assert!(desk.has("plane.svg"));
    let hessian = desk.json(0, "net hessian run/final.safetensors --data x.bin --images 8 --top 2 --products 6 --starts 2 --precision f64");
    assert_eq!(hessian["eigenvalues"]["values"].as_array().map(Vec::len), Some(2));
    assert!(hessian["trace"]["half_width"].is_number() && hessian["density"]["starts"].is_array());

    let path = desk.json(0, "net path run/epoch-0.safetensors run/epoch-2.safetensors run/final.safetensors --data x.bin --images 8 --norm batch");
    let points = path["points"].as_array().expect("a list");
    assert_eq!((points.len(), &points[2]["cosine"], &points[2]["curvature"]), (3, &Value::Null, &Value::Null));
    assert!(number(&points[0], "/distance") > number(&points[1], "/distance") && number(&points[0], "/cosine").abs() <= 1.0);
    assert_eq!(points[0]["cosine"], points[0]["cosine_to_chord"]);
    assert!(number(&points[0], "/star_margin").is_finite() && number(&points[0], "/segment/barrier") >= 0.0);
    let words = "net compare run/epoch-0.safetensors run/final.safetensors --data x.bin --images 8 --points 5";
    assert!(desk.ends(2, words).err.contains("--norm batch"));
    let compared = desk.json(0, &format!("{words} --norm batch"));
    assert!(number(&compared, "/raw/barrier") >= 0.0 && number(&compared, "/matched/barrier") >= 0.0);
    let itself = desk.json(0, "net compare run/final.safetensors run/final.safetensors --data x.bin --images 8 --points 3 --norm batch");
    assert_eq!((number(&itself, "/raw/barrier"), number(&itself, "/matched/barrier")), (0.0, 0.0));
}

#[test]
fn a_training_that_was_cut_ends_with_the_same_bits() {
    let desk = Desk::new();
    desk.put("x.bin", cifar(40));
    desk.json(0, &format!("{TRAIN} --threads 1 -o whole"));
    let cut = desk.json(75, &format!("{TRAIN} --max-time 0 -o cut"));
    assert_eq!((&cut["status"], &cut["steps"], &cut["test"]), (&"time_limit".into(), &0.into(), &Value::Null));
    let done = desk.json(0, &format!("{TRAIN} --threads 2 -o cut"));
    assert_eq!(done["status"], "done");
    for file in ["final.safetensors", "epoch-2.safetensors", "history.csv"] {
        assert!(desk.bytes(&format!("whole/{file}")) == desk.bytes(&format!("cut/{file}")), "{file}");
    }
    assert!(desk.ends(2, &format!("{TRAIN} --rate 0.2 -o cut")).err.contains("same training"));
    assert!(desk.ends(2, "net train cnn-5 --data x.bin --epochs 3 --batch 9 -o cut").err.contains("another network"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let desk = Desk::new();
    desk.put("x.bin", cifar(20));
    desk.put("short.bin", &cifar(20)[..5000]);
    desk.put("not.safetensors", b"nothing of the kind");
    assert!(desk.ends(2, "net train vgg16 --data x.bin").err.contains("resnetD"));
    desk.ends(2, "net train cnn-4 --data x.bin --holdout 1.5");
    desk.ends(2, "net train cnn-4 --data x.bin --batch 1");
    desk.ends(65, "net train cnn-4 --data short.bin");
    desk.ends(66, "net train cnn-4 --data none.bin");
    desk.ends(65, "net convexity not.safetensors --data x.bin");
    desk.ends(66, "net convexity none.safetensors --data x.bin");
    desk.ends(0, "net train mlp-3 --data x.bin --epochs 1 -o run");
    desk.ends(2, "net convexity run/final.safetensors --data x.bin --cells 10");
    desk.ends(65, "net convexity run/final.safetensors --network mlp-4 --data x.bin");
    desk.ends(2, "net surface run/final.safetensors --data x.bin --radius -1");
    // a loss that is no number: learning rates that are far too high
    let lost = desk.json(3, "net train mlp-3 --data x.bin --epochs 200 --rate 1e30 --holdout 0 -o lost");
    assert_eq!(lost["status"], "breakdown");
}
