//! `thalweg doctor`: does it work here as it should?

use super::{print_json, print_text};
use crate::args::Common;
use crate::exit::{DONE, Failure, NOT_ESTABLISHED};
use crate::memory::{available, in_words};
use serde::Serialize;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use thalweg::certificate::stationarity;
use thalweg::data::{ReadOptions, catalogue, digits, write_atomically};
use thalweg::linalg::vector_lanes;
use thalweg_lab::experiment::{DATA_FOLDER, usual_data_folder};
use thalweg_lab::{FitData, FitJob, FitSettings, Fitted, Given, InputRecord, Manifest, fit};

/// What `doctor --json` prints.
#[derive(Debug, Serialize)]
struct DoctorDocument {
    schema: u32,
    command: &'static str,
    healthy: bool,
    checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    found: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Good,
    /// Told, and neither good nor bad.
    Told,
    /// Not as it should be.
    Wrong,
}

impl Check {
    fn told(name: &'static str, found: impl Into<String>) -> Self {
        Check { name, state: State::Told, found: found.into() }
    }

    fn of(name: &'static str, outcome: Result<String, String>) -> Self {
        let state = if outcome.is_ok() { State::Good } else { State::Wrong };
        Check { name, state, found: outcome.unwrap_or_else(|why| why) }
    }

    fn in_words(&self) -> String {
        let mark = match self.state {
            State::Good => "ok",
            State::Told => "",
            State::Wrong => "WRONG",
        };
        format!("{:<18} {mark:<6} {}\n", self.name, self.found)
    }
}

pub fn run(common: &Common) -> Result<u8, Failure> {
    let output = common.output.clone().unwrap_or_else(|| PathBuf::from("."));
    let [plain, threaded] = [1, common.thread_count()].map(tiny_fit);
    let checks = vec![
        Check::told("version", format!("thalweg {} for {} on {}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, std::env::consts::OS)),
        Check::told("build", if cfg!(debug_assertions) { "with checks for developers: slower than a release build" } else { "release" }),
        Check::told("vectors", format!("{} numbers of double precision at a time", vector_lanes())),
        Check::told("threads", format!("{} of {}", common.thread_count(), std::thread::available_parallelism().map_or(1, usize::from))),
        memory(common.max_memory),
        Check::of("temporary folder", is_writable(&std::env::temp_dir())),
        Check::of("output folder", is_writable(&output)),
        Check::of("a fit", plain.as_ref().map_err(String::clone).and_then(is_as_stored)),
        Check::of("same bits", same_bits(&plain, &threaded, common.thread_count())),
        data_folder(),
        opener(),
    ];
    let healthy = checks.iter().all(|check| check.state != State::Wrong);
    if common.json {
        print_json(&DoctorDocument { schema: 1, command: "doctor", healthy, checks })?;
    } else {
        let verdict = if healthy { "thalweg works here as it should.\n" } else { "Something is wrong: see above.\n" };
        print_text(&(checks.iter().map(Check::in_words).collect::<String>() + verdict))?;
    }
    Ok(if healthy { DONE } else { NOT_ESTABLISHED })
}

/// What is free, beside what may be taken.
fn memory(limit: u64) -> Check {
    Check::told(
        "memory",
        match available() {
            Some(free) if free < limit => {
                format!("{} free, less than the limit of {}: give a smaller --max-memory", in_words(free), in_words(limit))
            }
            Some(free) => format!("{} free, data and factors may take {} (--max-memory)", in_words(free), in_words(limit)),
            None => format!("data and factors may take {} (--max-memory)", in_words(limit)),
        },
    )
}

/// Writes a file there as results are written, reads it, and takes it away.
fn is_writable(folder: &Path) -> Result<String, String> {
    let path = folder.join(format!(".thalweg-doctor-{}", std::process::id()));
    let text = b"written by thalweg doctor, which removes it";
    let written = write_atomically(&path, |out| out.write_all(text)).map_err(|error| error.to_string());
    let read = written.and_then(|()| fs::read(&path).map_err(|error| format!("{}: {error}", path.display())));
    let _ = fs::remove_file(&path);
    match read?.as_slice() == text {
        true => Ok(format!("{} can be written", folder.display())),
        false => Err(format!("{} does not give back what was written", folder.display())),
    }
}

/// ½‖X − UVᵀ‖² at the answer of [`tiny_fit`].
const STORED: f64 = 8.894_008_495_4e5;
/// Relative distance that is still rounding, where a processor sums in another order.
const NEAR: f64 = 1e-7;
const TINY_RANK: usize = 2;
const TINY_TOL: f64 = 1e-8;

/// The embedded digits by two components, to a tight tolerance.
fn tiny_fit(threads: usize) -> Result<Fitted, String> {
    let dataset = digits();
    let settings = FitSettings { tol: TINY_TOL, ..FitSettings::plain(TINY_RANK) };
    let input = InputRecord::new(PathBuf::new(), ReadOptions::default(), &dataset);
    let manifest = Manifest { schema: 1, thalweg: env!("CARGO_PKG_VERSION").to_owned(), input, settings, threads, result: None };
    let (given, stop) = (Given::default(), AtomicBool::new(false));
    let job =
        FitJob { manifest, data: FitData::Memory(&dataset), given, keep: None, bound: false, max_time: None, stop: &stop, observe: &|_, _, _| {} };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|error| error.to_string())?;
    pool.install(|| fit(job)).map_err(|error| error.to_string())
}

/// The objective and the residual, recomputed from the data by code that shares nothing with the solver.
fn is_as_stored(fitted: &Fitted) -> Result<String, String> {
    let proof = stationarity(&digits().matrix, &fitted.answers[0].factors).map_err(|error| error.to_string())?;
    let distance = (proof.objective - STORED).abs() / STORED;
    let found = format!("objective {:.10e}, stored {STORED:.10e}; residual {:.1e}", proof.objective, proof.kkt);
    if distance <= NEAR && proof.kkt <= TINY_TOL { Ok(found) } else { Err(found) }
}

fn same_bits(plain: &Result<Fitted, String>, threaded: &Result<Fitted, String>, threads: usize) -> Result<String, String> {
    let (Ok(plain), Ok(threaded)) = (plain, threaded) else { return Err("the fit failed".into()) };
    match plain.answers[0].factors == threaded.answers[0].factors {
        true => Ok(format!("on 1 and on {threads} threads")),
        false => Err(format!("not on 1 and on {threads} threads")),
    }
}

fn data_folder() -> Check {
    let Some(folder) = usual_data_folder() else {
        return Check::told("named data sets", format!("no folder is named by {DATA_FOLDER} (data:NAME then needs --data-dir)"));
    };
    let there = catalogue().iter().filter(|entry| entry.path(&folder).exists()).count();
    Check::told("named data sets", format!("{there} of {} are in {}", catalogue().len(), folder.display()))
}

/// What opens a page from a terminal here.
fn opener() -> Check {
    const OPENERS: [&str; 3] = ["xdg-open", "open", "explorer.exe"];
    let folders: Vec<PathBuf> = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    let found = OPENERS.iter().find(|name| folders.iter().any(|folder| folder.join(name).is_file()));
    Check::told("reports", found.map_or("open them with any browser".to_owned(), |name| format!("{name} REPORT.html opens one")))
}
