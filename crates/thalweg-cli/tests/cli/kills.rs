//! Killed at any moment, the same command finishes with the same bits.

use super::desk::{Desk, Ran, factor_bits};
use super::inputs::{Dice, gappy_csv, npy_of, planted};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

const KILLS: usize = 10;
const RESTARTS: usize = 3;
const FILES: [&str; 1 + RESTARTS] = ["factors.npz", "restarts/0.npz", "restarts/1.npz", "restarts/2.npz"];

/// Kills the run at random moments of its life, then lets it finish. Whenever it ends before its kill, it is judged and begun again.
fn survives(desk: &Desk, fit: &str, kills: usize, seed: u64) {
    let begin = Instant::now();
    let unbroken = desk.run(&format!("{fit} --restarts {RESTARTS} -o unbroken"));
    let life = begin.elapsed();
    assert!([0, 3].contains(&unbroken.code), "{}", unbroken.err);
    let expected = FILES.map(|file| factor_bits(&desk.path(&format!("unbroken/{file}"))));
    let words = format!("{fit} --restarts {RESTARTS} -o killed");
    let judge = || {
        for (file, expected) in FILES.iter().zip(&expected) {
            assert!(factor_bits(&desk.path(&format!("killed/{file}"))) == *expected, "{file} differs after kills, seed {seed}");
        }
        assert_eq!(leftovers(&desk.path("killed")), Vec::<String>::new());
    };
    let mut dice = Dice::new(seed);
    for kill in 0..kills {
        let mut child = desk.command(&words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        let moment = life.mul_f64(dice.roll());
        println!("kill {kill} after {moment:?} of {life:?}");
        std::thread::sleep(moment);
        if child.try_wait().expect("can be waited for").is_some() {
            judge();
            fs::remove_dir_all(desk.path("killed")).expect("removes");
        }
        child.kill().expect("may be killed");
        child.wait().expect("ends");
    }
    let ended = Ran::from(&words, desk.command(&words).output().expect("starts"));
    assert_eq!(ended.code, unbroken.code, "{}", ended.err);
    judge();
}

/// Temporary files that a killed write left.
fn leftovers(run: &Path) -> Vec<String> {
    let names = |folder: &Path| -> Vec<String> {
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    };
    [names(run), names(&run.join("restarts"))].concat().into_iter().filter(|name| name.ends_with(".tmp")).collect()
}

#[test]
fn full_data() {
    let desk = Desk::new();
    desk.put("x.npy", npy_of(&planted(500, 300, 8, 21)));
    survives(&desk, "fit x.npy -k 12 --tol 0 --max-iters 700 --checkpoint 0.02", KILLS, 1);
}

#[test]
fn observed_only_data() {
    let desk = Desk::new();
    desk.put("x.csv", gappy_csv(&planted(220, 120, 6, 22), 0.5, 23));
    survives(&desk, "fit x.csv -k 8 --missing nan --tol 0 --max-iters 500 --checkpoint 0.02", KILLS, 2);
}

fn shards(desk: &Desk) {
    desk.put("r.dat", super::inputs::ratings(&planted(300, 160, 5, 24), 0.5, 25));
    desk.ends(0, "data shard r.dat --max-memory 1M");
}

#[test]
fn data_on_disk() {
    let desk = Desk::new();
    shards(&desk);
    survives(&desk, "fit r.shards --stream -k 6 --tol 0 --max-iters 150 --checkpoint 0.02", KILLS, 3);
}

#[test]
#[ignore = "fifty kills of a streamed fit take minutes: ./check-long kills"]
fn fifty_kills_of_streamed_fits_lose_nothing() {
    let desk = Desk::new();
    shards(&desk);
    survives(&desk, "fit r.shards --stream -k 6 --tol 0 --max-iters 400 --holdout 0.1 --checkpoint 0.02", 50, 4);
    println!("50 kills of a streamed fit of three restarts: the rerun ends with the same bits");
}

/// What a kill can leave at worst: half a file beside the whole one.
#[test]
fn a_directory_belongs_to_one_process_at_a_time() {
    let desk = Desk::new();
    desk.put("x.npy", npy_of(&planted(300, 200, 8, 5)));
    let words = "fit x.npy -k 12 --tol 0 --max-iters 1000000 -o run";
    let mut first = desk.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    while !desk.path("run/manifest.json").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for words in [words, "rank x.npy -k 1:2 -o run"] {
        let second = desk.run(words);
        assert_eq!(second.code, 75, "{}", second.err);
        assert!(second.err.contains("another process"), "{}", second.err);
    }
    first.kill().expect("may be killed");
    first.wait().expect("ends");
    // the lock of a dead process is no lock
    desk.ends(75, "fit x.npy -k 12 --tol 0 --max-iters 1000000 --max-time 0.1 -o run");
}

#[test]
fn leftovers_are_swept_and_damage_is_named() {
    let desk = Desk::new();
    desk.put("x.npy", npy_of(&planted(12, 9, 2, 1)));
    desk.ends(0, "fit x.npy -k 2 -o run");
    // no process has this id
    desk.put("run/restarts/.0.npz.4194999-3.tmp", b"PK");
    desk.put("run/.manifest.json.4194999-4.tmp", b"{");
    desk.ends(0, "fit x.npy -k 2 -o run");
    assert_eq!(leftovers(&desk.path("run")), Vec::<String>::new());
    let half = |name: &str| {
        let whole = desk.bytes(name);
        desk.put(name, &whole[..whole.len() / 2]);
        whole
    };
    let whole = half("run/restarts/0.npz");
    assert!(desk.ends(65, "fit x.npy -k 2 -o run").err.contains("run/restarts/0.npz"));
    desk.put("run/restarts/0.npz", whole);
    half("run/manifest.json");
    for words in ["fit x.npy -k 2 -o run", "audit run", "report run"] {
        assert!(desk.ends(65, words).err.contains("run/manifest.json: line "), "{words}");
    }
}
