//! Bad input: one line that names the file, the place and what was expected and found; nothing written; never a panic.

use super::desk::Desk;
use super::inputs::{csv, gappy_csv, gzipped, npy, npy_of, pgm, planted, put_npz};
use serde_json::Value;
use thalweg::data::{Array, Numbers, write_npz};

fn header(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}")
}

fn numbers(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

const COORDINATES: &str = "%%MatrixMarket matrix coordinate real general\n";

/// File, its bytes, further options of `fit FILE -k 2`, and what the message must hold.
type Case = (&'static str, Vec<u8>, &'static str, &'static [&'static str]);

fn text_cases() -> Vec<Case> {
    fn case(name: &'static str, text: &str, options: &'static str, words: &'static [&'static str]) -> Case {
        (name, text.as_bytes().to_vec(), options, words)
    }
    vec![
        case("empty.csv", "", "", &["expected", "found"]),
        case("blank.csv", "\n\n  \n", "", &["expected", "found"]),
        case("header.csv", "a,b,c\n", "", &["expected", "found"]),
        case("comments.csv", "# nothing\n% here\n", "", &["expected", "found"]),
        case("words.csv", "a,b\nc,d\ne,f\n", "", &["line", "column", "expected a number", "found"]),
        case("one-word.csv", "1,2\n3,4\n5,6x\n", "", &["line 3, column 2", "expected a number", "\"6x\""]),
        case("short.csv", "1,2,3\n4,5\n7,8,9\n", "", &["line 2", "expected 3", "found 2"]),
        case("long.csv", "1,2\n3,4,5\n6,7\n", "", &["line 2", "expected 2", "found 3"]),
        case("infinite.csv", "1,2\n3,inf\n", "", &["line 2, column 2", "finite"]),
        case("overflow.csv", "1,2\n3,1e999\n", "", &["line 2, column 2", "finite"]),
        case("nan.csv", "1,2\nnan,4\n", "", &["line 2, column 1", "--missing nan", "nan"]),
        case("gap.csv", "1,2\n3,\n", "", &["line 2, column 2", "--missing nan"]),
        case("gap-zero.csv", "1,2\n3,\n", "--missing zero", &["line 2, column 2"]),
        case("all-gaps.csv", "nan,nan\nnan,nan\n", "--missing nan", &["expected", "found"]),
        case("negative.csv", "1,2\n3,-4\n", "", &["row 2, column 2", "-4", "negative"]),
        case("zeros.csv", "0,0\n0,0\n0,0\n", "", &["zero"]),
        case("huge.csv", "1e300,1\n1,1\n", "", &["1e300", "rescale"]),
        case("tiny.csv", "1e-300,1e-301\n1e-300,1e-302\n", "", &["1e-300", "rescale"]),
        case("narrow.csv", "1e30,1\n1,1\n", "--precision f32", &["1e30", "f32"]),
        case("decimal-comma.csv", "1,5;2,5\n3,5;4,5\n", "", &["line 1", "expected a number"]),
        case("escapes.csv", "1,2\n3,\x1b[31mred\n", "", &["line 2, column 2", "\\u{1b}"]),
        case("high-rank.csv", "1,2,3\n4,5,6\n", "-k 3", &["rank 3", "2x3", "between 1 and 2"]),
        case("rank-0.csv", "1,2,3\n4,5,6\n", "-k 0", &["rank 0", "2x3", "between 1 and 2"]),
        case("row.csv", "1,2,3,4\n", "", &["rank 2", "1x4"]),
        case("banner.mtx", "%%MatrixMarket tensor coordinate real general\n2 2 1\n1 1 1\n", "", &["line 1", "expected", "found"]),
        case("complex.mtx", "%%MatrixMarket matrix coordinate complex general\n2 2 1\n1 1 1 0\n", "", &["complex"]),
        case("no-size.mtx", COORDINATES, "", &["expected", "found"]),
        case("fewer.mtx", &format!("{COORDINATES}3 3 4\n1 1 1\n2 2 1\n"), "--missing zero", &["4", "2"]),
        case("more.mtx", &format!("{COORDINATES}3 3 1\n1 1 1\n2 2 1\n"), "--missing zero", &["expected 1", "found 2"]),
        case("outside.mtx", &format!("{COORDINATES}3 3 1\n4 1 1\n"), "--missing zero", &["line 3", "found"]),
        case("from-0.mtx", &format!("{COORDINATES}3 3 1\n0 1 1\n"), "--missing zero", &["line 3", "found"]),
        case("word.mtx", &format!("{COORDINATES}3 3 1\n1 1 one\n"), "--missing zero", &["line 3", "number", "one"]),
        case("negative.mtx", &format!("{COORDINATES}3 3 1\n2 3 -1\n"), "--missing zero", &["row 2, column 3", "-1"]),
        case("unsettled.mtx", &format!("{COORDINATES}3 3 1\n1 1 1\n"), "", &["--missing zero", "--missing absent"]),
        case("wrap.mtx", &format!("{COORDINATES}99999999999999999999999 2 1\n1 1 1\n"), "--missing zero", &["line 2", "expected", "found"]),
        case("sums.mtx", &format!("{COORDINATES}3 3 2\n1 1 1e308\n1 1 1e308\n"), "--missing zero", &["finite", "inf"]),
        case("array.mtx", "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n", "", &["expected", "found"]),
        case("short.dat", "1::2::3\n1::2\n", "", &["line 2", "3 fields", "found 2"]),
        case("word.dat", "1::2::3\n1::3::good\n", "", &["line 2, column 3", "number", "good"]),
        case("infinite.dat", "1::2::3\n1::3::inf\n", "", &["line 2", "finite"]),
        case("negative.dat", "1::2::3\n2::3::-3\n", "", &["row 2, column 2", "-3"]),
        case("text.pgm", "P5 is what this claims to be\n", "", &["expected", "found"]),
        case("size.pgm", "P2\n0 2\n255\n", "", &["expected", "found"]),
    ]
}

fn binary_cases() -> Vec<Case> {
    let rows = planted(6, 4, 2, 1);
    let whole = npy_of(&rows);
    let mut later = whole.clone();
    later[6] = 9;
    let with = |at: usize, value: f64| {
        let mut rows = rows.clone();
        rows[at / 4][at % 4] = value;
        npy_of(&rows)
    };
    let picture = pgm(&[1.0; 12], 4);
    let packed = gzipped(csv(&rows).as_bytes());
    vec![
        ("junk.bin", (0..200u8).map(|x| x.wrapping_mul(37)).collect(), "", &["expected", "found"]),
        ("utf-16.csv", b"\xff\xfe1\x00,\x002\x00\n\x00".to_vec(), "", &["UTF-16"]),
        ("magic.npy", whole[..4].to_vec(), "", &["expected", "found"]),
        ("header.npy", whole[..40].to_vec(), "", &["expected", "found"]),
        ("body.npy", whole[..whole.len() - 3].to_vec(), "", &["expected", "found"]),
        ("version.npy", later, "", &["version", "9"]),
        ("objects.npy", npy(&header("|O", "(2, 2)"), b"\x80\x04."), "", &["pickle"]),
        ("complex.npy", npy(&header("<c16", "(1, 1)"), &[0; 16]), "", &["expected", "c16"]),
        ("cube.npy", npy(&header("<f8", "(2, 2, 2)"), &[0; 64]), "", &["two dimensions", "3 dimensions"]),
        ("nothing.npy", npy(&header("<f8", "(0, 4)"), &[]), "", &["0x4"]),
        ("code.npy", npy("__import__('os').system('touch pwned')", &[]), "", &["expected", "found"]),
        ("wrap.npy", npy(&header("<f8", "(9223372036854775807, 9223372036854775807)"), &[0; 64]), "", &["expected", "found"]),
        ("nan.npy", with(5, f64::NAN), "", &["row 2, column 2", "NaN"]),
        ("infinite.npy", with(6, f64::INFINITY), "", &["row 2, column 3", "finite", "inf"]),
        ("negative.npy", with(7, -0.5), "", &["row 2, column 4", "-0.5"]),
        ("zip.npz", b"PK\x03\x04 and then nothing".to_vec(), "", &["zip"]),
        ("none.npz", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(), "", &["expected", "found"]),
        ("cut.csv.gz", packed[..packed.len() - 6].to_vec(), "", &["gzip stream"]),
        ("twice.csv.gz", gzipped(&packed), "", &["expected", "found"]),
        (
            "flipped.csv.gz",
            {
                let mut b = packed.clone();
                let at = b.len() / 2;
                b[at] ^= 0xff;
                b
            },
            "",
            &["gzip stream"],
        ),
        ("cut.pgm", picture[..picture.len() - 2].to_vec(), "", &["expected", "found"]),
        ("cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "", &["PNG"]),
        ("old.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64\0\0".to_vec(), "", &["MATLAB", "expected", "found"]),
        ("sound.wav", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0".to_vec(), "", &["sound", "expected", "found"]),
    ]
}

#[test]
fn every_bad_file_is_refused_in_one_line() {
    let cases = [text_cases(), binary_cases()].concat();
    assert!(cases.len() >= 40);
    let desk = Desk::new();
    let mut silent = Vec::new();
    for (name, bytes, options, words) in cases {
        desk.put(name, bytes);
        let rank = if options.contains("-k") { "" } else { "-k 2" };
        let ran = desk.ends(65, &format!("fit {name} {rank} {options} -o run --json --quiet"));
        assert_eq!((ran.out.as_str(), ran.err.lines().count()), ("", 1), "{name}: {}", ran.err);
        assert!(ran.err.starts_with("thalweg: ") && ran.err.contains(name), "{name}: {}", ran.err);
        silent.extend(words.iter().filter(|word| !ran.err.contains(**word)).map(|word| format!("{word:?} in {:?}", ran.err)));
        assert!(!desk.has("run") && !desk.has("pwned"), "{name} left something behind");
        // looking at it does no harm either
        let looked = desk.run(&format!("info {name} --json"));
        match looked.code {
            0 => assert!(serde_json::from_str::<Value>(&looked.out).is_ok(), "{name}: {}", looked.out),
            code => assert_eq!(code, 65, "{name}: {}", looked.err),
        }
    }
    assert!(silent.is_empty(), "not told: {silent:#?}");
}

#[test]
fn folders_of_images_that_do_not_fit_together() {
    let desk = Desk::new();
    desk.put("none/readme.txt", "no images");
    desk.put("sizes/1.pgm", pgm(&[1.0; 12], 4));
    desk.put("sizes/2.pgm", pgm(&[1.0; 12], 3));
    desk.put("damaged/1.pgm", pgm(&[1.0; 12], 4));
    desk.put("damaged/2.pgm", "hello");
    for (name, words) in [("none", ["none", "images"]), ("sizes", ["sizes/2.pgm", "4x3"]), ("damaged", ["damaged/2.pgm", "PGM"])] {
        let ran = desk.ends(65, &format!("fit {name} -k 1 -o run"));
        assert!(words.iter().all(|word| ran.err.contains(word)), "{name}: {}", ran.err);
        assert!(ran.err.lines().count() == 1 && !desk.has("run"), "{}", ran.err);
    }
}

/// Every number of the document is finite (JSON has no other), and none that must be there is `null`.
fn finite(fit: &Value) {
    for field in ["objective", "relative_error", "kkt", "seconds"] {
        assert!(fit[field].is_number(), "{field} in {fit}");
    }
    for restart in fit["restarts"].as_array().expect("a list") {
        assert!(restart["objective"].is_number() && restart["kkt"].is_number(), "{restart}");
    }
}

#[test]
fn odd_matrices_have_a_defined_result() {
    let desk = Desk::new();
    let twice: Vec<Vec<f64>> = planted(6, 5, 2, 1).into_iter().flat_map(|row| [row.clone(), row]).collect();
    let mut lonely = planted(8, 6, 2, 2);
    lonely[3] = vec![0.0; 6];
    lonely.iter_mut().for_each(|row| row[4] = 0.0);
    let outlier = {
        let mut rows = planted(8, 6, 2, 3);
        rows[2][2] = 1e9;
        rows
    };
    for (name, text, options) in [
        ("constant", "2,2,2\n2,2,2\n2,2,2\n".to_owned(), "-k 1"),
        ("constant-2", "2,2,2\n2,2,2\n2,2,2\n".to_owned(), "-k 2"),
        ("one", "3\n".to_owned(), "-k 1"),
        ("row", "1,2,3,4\n".to_owned(), "-k 1"),
        ("column", "1\n2\n3\n4\n".to_owned(), "-k 1"),
        ("product", "1,2,3\n2,4,6\n3,6,9\n".to_owned(), "-k 1"),
        ("full-rank", "1,2\n3,4\n5,7\n".to_owned(), "-k 2"),
        ("identity", "1,0,0\n0,1,0\n0,0,1\n".to_owned(), "-k 3"),
        ("one-entry", "0,0,0\n0,7,0\n0,0,0\n".to_owned(), "-k 2"),
        ("twice", csv(&twice), "-k 2"),
        ("zero-row", csv(&lonely), "-k 2"),
        ("outlier", csv(&outlier), "-k 2"),
        ("minus-zero", "1,-0.0\n2,3\n".to_owned(), "-k 1"),
        ("subnormal", "5e-324,1\n2,3\n".to_owned(), "-k 1"),
        ("large", "1e100,2e100\n3e100,5e100\n".to_owned(), "-k 1"),
        ("largest", "1e139,2e139\n3e139,5e139\n".to_owned(), "-k 1"),
        ("smallest", "1e-139,2e-139\n3e-139,5e-139\n".to_owned(), "-k 1"),
        ("small", "1e-100,2e-100\n3e-100,5e-100\n".to_owned(), "-k 1"),
        ("wide-range", "1e100,1\n1e-100,1\n".to_owned(), "-k 1"),
        ("diagonal-known", "1,nan\nnan,2\n".to_owned(), "-k 1 --missing nan"),
        ("one-known", "nan,nan\nnan,2\n".to_owned(), "-k 1 --missing nan"),
        ("gappy", gappy_csv(&planted(12, 9, 2, 4), 0.8, 5), "-k 3 --missing nan"),
    ] {
        desk.put(&format!("{name}.csv"), text);
        for method in thalweg::solver::nmf::NMF_METHODS {
            let method = method.about().name;
            for precision in ["f64", "f32"] {
                let words = format!("fit {name}.csv {options} --method {method} --precision {precision} --max-iters 500 --restarts 2");
                let run = format!("{name}-{method}-{precision}");
                let ran = desk.run(&format!("{words} -o {run} --json"));
                if ran.code == 65 {
                    // f32 does not reach that far
                    assert!(precision == "f32" && ran.err.contains("f32") && ran.err.contains(name), "{words}: {}", ran.err);
                    continue;
                }
                assert!([0, 3].contains(&ran.code), "{words}: {} {}", ran.code, ran.err);
                let fit: Value = serde_json::from_str(&ran.out).expect("one document");
                finite(&fit);
                let factors = thalweg::data::read_factors(&desk.path(&format!("{run}/factors.npz"))).expect("factors");
                assert!(factors.as_slice().iter().all(|x| x.is_finite() && *x >= 0.0), "{words}");
                if method == "hals" && precision == "f64" {
                    let audited = desk.run(&format!("audit {run} --lines 4 --json"));
                    assert!([0, 3].contains(&audited.code), "{words}: {}", audited.err);
                    let audit: Value = serde_json::from_str(&audited.out).expect("one document");
                    assert!(audit["kkt"].is_number() && audit["restarts"]["spread"].is_number(), "{words}: {audit}");
                    desk.ends(0, &format!("report {run}"));
                }
            }
        }
    }
}

#[test]
fn rows_and_columns_without_an_entry_are_told_and_get_no_factor() {
    let desk = Desk::new();
    let mut rows = planted(9, 7, 2, 6);
    rows[4] = vec![f64::NAN; 7];
    rows.iter_mut().for_each(|row| row[2] = f64::NAN);
    desk.put("x.csv", csv(&rows));
    for method in thalweg::solver::nmf::NMF_METHODS {
        let name = method.about().name;
        let ran = desk.run(&format!("fit x.csv -k 2 --missing nan --method {name} --max-iters 300 -o {name}"));
        assert!([0, 3].contains(&ran.code), "{}", ran.err);
        let told = |side: &str, number: &str| {
            ran.err.lines().any(|line| line.contains(side) && line.contains("without an observed entry") && line.contains(number))
        };
        assert!(told("row", "5") && told("column", "3"), "{}", ran.err);
        let factors = thalweg::data::read_factors(&desk.path(&format!("{name}/factors.npz"))).expect("factors");
        let zero = |row: &[f64]| row.iter().all(|x| *x == 0.0);
        assert!(zero(factors.row_pair(4, 0).0) && zero(factors.row_pair(0, 2).1), "{name}");
        assert!(!zero(factors.row_pair(0, 0).0) && !zero(factors.row_pair(0, 0).1), "{name}");
        let audit = desk.run(&format!("audit {name} --json"));
        let audit: Value = serde_json::from_str(&audit.out).expect("one document");
        assert_eq!((&audit["empty_rows"], &audit["empty_cols"]), (&serde_json::json!([4]), &serde_json::json!([2])));
        assert!(audit["verdict"].as_str().is_some_and(|v| v.contains("1 row")), "{audit}");
    }
}

#[test]
fn factors_that_do_not_fit() {
    let desk = Desk::new();
    desk.put("x.csv", csv(&planted(6, 5, 2, 1)));
    desk.put("other.csv", csv(&planted(6, 4, 2, 2)));
    desk.ends(0, "fit x.csv -k 2 -o run");
    let pair = |name: &str, u: Vec<f64>, v: Vec<f64>| {
        let array = |x: Vec<f64>| Array::new(vec![x.len() / 2, 2], Numbers::F64(x)).expect("a matrix");
        write_npz(&desk.path(name), &[("U", array(u)), ("V", array(v))]).expect("writes");
    };
    pair("nan.npz", vec![f64::NAN; 12], vec![1.0; 10]);
    pair("negative.npz", vec![1.0; 12], vec![-1.0; 10]);
    put_npz(&desk, "no-factors.npz", &planted(6, 5, 2, 1));
    desk.put("raw.npz", numbers(&[1.0; 4]));
    for (words, file) in [
        ("line run run --data other.csv", "other.csv"),
        ("line run nan.npz --data x.csv", "nan.npz"),
        ("line run no-factors.npz --data x.csv", "no-factors.npz"),
        ("line run raw.npz --data x.csv", "raw.npz"),
        ("transform other.csv --model run -o new.npz", "other.csv"),
        ("transform x.csv --model negative.npz -o new.npz", "negative.npz"),
        ("audit run --data other.csv", "other.csv"),
    ] {
        let ran = desk.ends(65, words);
        assert_eq!((ran.out.as_str(), ran.err.lines().count()), ("", 1), "{words}: {}", ran.err);
        assert!(ran.err.contains(file), "{words}: {}", ran.err);
    }
    assert!(!desk.has("new.npz"));
    // the data changed under the run
    desk.put("x.csv", csv(&planted(6, 5, 2, 3)));
    assert!(desk.ends(65, "audit run").err.contains("sha256"));
    assert!(desk.ends(2, "fit x.csv -k 2 -o run").err.contains("another input"));
}

/// Counts past 2³¹ and 2³² in every place that a file can put them: the true number, or a refusal that names it.
#[test]
fn sizes_past_32_bits_do_not_wrap() {
    let desk = Desk::new();
    let corner = |m: u64, n: u64| format!("{COORDINATES}{m} {n} 3\n1 1 2\n2 2 1\n{m} {n} 3\n");
    // entries: 2.5e9 and 1e10
    for (m, n) in [(50_000, 50_000), (100_000, 100_000)] {
        desk.put("wide.mtx", corner(m, n));
        let info = desk.json(0, "info wide.mtx --missing zero");
        assert_eq!((&info["observed"], &info["shape"]), (&Value::from(m * n), &serde_json::json!([m, n])));
        let fit = desk.json(3, "fit wide.mtx --missing zero -k 1 --max-iters 2 --tol 0 -o run");
        assert_eq!(fit["observed"], Value::from(m * n));
        finite(&fit);
        std::fs::remove_dir_all(desk.path("run")).expect("is there");
    }
    desk.put("seen.mtx", corner(100_000, 100_000));
    assert_eq!(desk.json(0, "info seen.mtx --missing absent")["observed"], 3);
    // rows, entries and products that no memory holds
    for (name, text, number) in
        [("rows.mtx", corner(1 << 33, 3), "8589934592"), ("entries.mtx", format!("{COORDINATES}9 9 4294967297\n1 1 1\n"), "4294967297")]
    {
        desk.put(name, text);
        let ran = desk.run(&format!("info {name} --missing zero"));
        assert!([65, 75].contains(&ran.code) && ran.err.contains(number), "{name}: {} {}", ran.code, ran.err);
    }
    desk.put("product.npy", npy(&header("<f8", "(4294967296, 4294967296)"), &[0; 64]));
    assert!(desk.ends(65, "info product.npy").err.contains("4294967296"));
    desk.put("x.csv", csv(&planted(40, 30, 2, 1)));
    // 70 × 10⁸ × 8 bytes for each copy of the factors
    assert!(desk.ends(75, "fit x.csv -k 100000000 -o run").err.contains("bytes"));
}
