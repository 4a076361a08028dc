//! A folder to work in, and the program run there.

use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder of its own, gone when the test ends.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

/// What a run of the program left behind.
pub(crate) struct Ran {
    /// As a shell sees it.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Desk { folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("inside the folder")).expect("creates");
        fs::write(path, bytes).expect("writes");
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The program in this folder, its words separated by blanks.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
        command.args(words.split_whitespace().map(OsStr::new)).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, words: &str) -> Ran {
        Ran::from(words, self.command(words).output().expect("starts"))
    }

    /// Runs it, and fails unless it exits with this code.
    pub(crate) fn ends(&self, code: i32, words: &str) -> Ran {
        let ran = self.run(words);
        assert_eq!(ran.code, code, "thalweg {words}: {}{}", ran.out, ran.err);
        ran
    }

    /// Runs it with `--json` and reads the one document that it prints.
    pub(crate) fn json(&self, code: i32, words: &str) -> Value {
        let words = format!("{words} --json");
        let ran = self.ends(code, &words);
        serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("thalweg {words}: {e} in {}", ran.out))
    }

    /// Starts it and returns as soon as it has made the directory `run`.
    pub(crate) fn start(&self, words: &str, run: &str) -> Child {
        let mut child = self.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        let manifest = self.path(run).join("manifest.json");
        let begin = Instant::now();
        while !manifest.exists() {
            let ended = child.try_wait().expect("can be waited for");
            assert!(ended.is_none() && begin.elapsed() < Duration::from_secs(60), "thalweg {words} makes no {run}: {ended:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
        child
    }
}

impl Ran {
    pub(crate) fn from(words: &str, output: Output) -> Ran {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_else(|e| panic!("thalweg {words}: {e}"));
        let ran = Ran { code: code(output.status), out: text(output.stdout), err: text(output.stderr) };
        assert!(!ran.err.contains("panicked"), "thalweg {words}: {}", ran.err);
        // neither stream is a terminal
        assert!(!ran.out.contains('\x1b') && !ran.err.contains('\x1b'), "thalweg {words} prints escapes: {:?} {:?}", ran.out, ran.err);
        ran
    }
}

/// The exit code, or 128 and the signal.
pub(crate) fn code(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status).map(|s| 128 + s);
    #[cfg(not(unix))]
    let signal = None;
    status.code().or(signal).expect("a code or a signal")
}

/// U and V of a factor file, bit by bit.
pub(crate) fn factor_bits(path: &Path) -> (Vec<u64>, Vec<u64>) {
    let factors = thalweg::data::read_factors(path).unwrap_or_else(|e| panic!("{e}"));
    let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect();
    (bits(factors.split().0), bits(factors.split().1))
}
