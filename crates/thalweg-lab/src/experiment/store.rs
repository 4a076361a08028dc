//! Finished trials in one SQLite file, each under the trial itself.
//!
//! Any SQLite tool reads it:
//!
//! ```text
//! select experiment, trial, outcome, seconds from trial
//! ```
//!
//! where `trial` and `outcome` are JSON. A trial that is not there is not done. What [`Store::put`] has returned from survives the process,
//! however it ends; several processes may write at the same time.

use rusqlite::{Connection, ErrorCode, OpenFlags, params};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use thalweg::Error;

/// Says that the file is ours, and of which form: "thlw", and the count of incompatible forms so far.
const APPLICATION: i64 = 0x7468_6c77;
const FORM: i64 = 1;

const SCHEMA: &str = "
    create table if not exists trial (
        experiment text not null,
        version integer not null,
        trial text not null,
        outcome text not null,
        seconds real not null,
        primary key (experiment, version, trial)
    ) strict;";

/// How long a writer waits for another one.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tries again while another process makes a new store ready: SQLite waits by itself only where waiting could not deadlock, and the change to
/// a write-ahead log is not of that kind.
fn patiently<T>(attempt: impl Fn() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let begin = Instant::now();
    loop {
        match attempt() {
            Err(reason) if reason.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && begin.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

/// What trials belong to: an experiment, and the version of what it computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// Its name.
    pub experiment: &'a str,
    /// Raised whenever the same trial has another outcome.
    pub version: u32,
}

/// A finished trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// Everything that identifies it, as JSON.
    pub trial: String,
    /// What came of it, as JSON.
    pub outcome: String,
    /// What it took.
    pub seconds: f64,
}

/// What [`Store::merge`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Trials that were not here.
    pub added: usize,
    /// Trials that were here with the same outcome.
    pub known: usize,
}

/// An open store.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
    path: PathBuf,
}

impl Store {
    /// Opens or makes it.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Malformed`] if the file is something else, damaged, or of a later form.
    pub fn open(path: &Path) -> Result<Store, Error> {
        let open = || {
            let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
            connection.busy_timeout(PATIENCE)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")?;
            // both of one moment: another process may be making the store
            let moment = connection.unchecked_transaction()?;
            let number = |name| moment.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            let signs = (number("application_id")?, number("user_version")?);
            moment.commit()?;
            Ok((signs, connection))
        };
        let ((application, form), connection) = patiently(open).map_err(|reason| failure(path, reason))?;
        let store = Store { connection: Mutex::new(connection), path: path.to_owned() };
        match (application, form) {
            (0, 0) => store.found()?,
            (APPLICATION, FORM) => {}
            (APPLICATION, later) => return Err(malformed(path, format!("a store of form {later}"))),
            _ => return Err(malformed(path, "another program's database".into())),
        }
        Ok(store)
    }

    /// One that is forgotten with its last use.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn in_memory() -> Result<Store, Error> {
        Store::open(Path::new(":memory:"))
    }

    fn found(&self) -> Result<(), Error> {
        let found = || {
            let mut connection = self.connection();
            // immediate: of two processes that begin at once, one waits
            let change = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            change.execute_batch(SCHEMA)?;
            change.pragma_update(None, "application_id", APPLICATION)?;
            change.pragma_update(None, "user_version", FORM)?;
            change.commit()
        };
        found().map_err(|reason| failure(&self.path, reason))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().expect("nobody panics while holding the store")
    }

    /// Keeps a finished trial; one that is already there stays as it is.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put(&self, key: Key<'_>, done: &Done) -> Result<(), Error> {
        let Done { trial, outcome, seconds } = done;
        let put = "insert or ignore into trial values (?1, ?2, ?3, ?4, ?5)";
        let row = params![key.experiment, key.version, trial, outcome, seconds];
        self.connection().execute(put, row).map(|_| ()).map_err(|reason| failure(&self.path, reason))
    }

    /// All finished trials of an experiment, ordered by trial.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Malformed`].
    pub fn done(&self, key: Key<'_>) -> Result<Vec<Done>, Error> {
        let read = || -> rusqlite::Result<Vec<Done>> {
            let connection = self.connection();
            let mut query = connection.prepare("select trial, outcome, seconds from trial where experiment = ?1 and version = ?2 order by trial")?;
            let rows = query
                .query_map(params![key.experiment, key.version], |row| Ok(Done { trial: row.get(0)?, outcome: row.get(1)?, seconds: row.get(2)? }))?;
            rows.collect()
        };
        read().map_err(|reason| failure(&self.path, reason))
    }

    /// Takes over the trials of another store. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Malformed`] if the other file is no store, or holds another outcome of a trial that is here too.
    pub fn merge(&self, other: &Path) -> Result<Merged, Error> {
        if !other.exists() {
            return Err(Error::Io { path: other.to_owned(), source: io::ErrorKind::NotFound.into() });
        }
        drop(Store::open(other)?);
        let merge = || {
            let connection = self.connection();
            connection.execute("attach database ?1 as other", [other.to_string_lossy()])?;
            let count = |query: &str| connection.query_row(query, [], |row| row.get::<_, i64>(0));
            let merged = (|| {
                let both = "from other.trial theirs join main.trial ours using (experiment, version, trial)";
                let differing = count(&format!("select count(*) {both} where theirs.outcome <> ours.outcome"))?;
                let known = count(&format!("select count(*) {both}"))?;
                let added = if differing > 0 { 0 } else { connection.execute("insert or ignore into main.trial select * from other.trial", [])? };
                Ok((differing, Merged { added, known: known as usize }))
            })();
            connection.execute("detach database other", [])?;
            merged
        };
        match merge().map_err(|reason| failure(&self.path, reason))? {
            (0, merged) => Ok(merged),
            (differing, _) => Err(malformed(other, format!("another outcome of {differing} trials that are here too"))),
        }
    }
}

fn failure(path: &Path, reason: rusqlite::Error) -> Error {
    match reason.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => malformed(path, reason.to_string()),
        Some(ErrorCode::DiskFull) => Error::Io { path: path.to_owned(), source: io::Error::new(io::ErrorKind::StorageFull, reason) },
        Some(ErrorCode::CannotOpen) => Error::Io { path: path.to_owned(), source: io::Error::new(io::ErrorKind::PermissionDenied, reason) },
        _ => Error::Io { path: path.to_owned(), source: io::Error::other(reason) },
    }
}

fn malformed(path: &Path, found: String) -> Error {
    Error::Malformed { path: path.to_owned(), place: "the whole of it".into(), expected: "a store of trials".into(), found }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key<'static> = Key { experiment: "coin", version: 1 };

    fn done(trial: usize, outcome: &str) -> Done {
        Done { trial: trial.to_string(), outcome: outcome.into(), seconds: 0.5 }
    }

    #[test]
    fn trials_come_back_and_stay_as_they_were() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trials.sqlite");
        let store = Store::open(&path).expect("opens");
        store.put(KEY, &done(1, "heads")).expect("keeps");
        store.put(KEY, &done(1, "tails")).expect("keeps");
        store.put(Key { version: 2, ..KEY }, &done(1, "edge")).expect("keeps");
        drop(store);
        assert_eq!(Store::open(&path).expect("opens again").done(KEY).expect("reads"), [done(1, "heads")]);
    }

    #[test]
    fn one_in_memory_leaves_nothing() {
        let store = Store::in_memory().expect("opens");
        store.put(KEY, &done(1, "heads")).expect("keeps");
        assert_eq!(store.done(KEY).expect("reads"), [done(1, "heads")]);
        assert_eq!(Store::in_memory().expect("opens").done(KEY).expect("reads"), []);
        assert!(!Path::new(":memory:").exists());
    }

    #[test]
    fn merging_is_idempotent_and_refuses_contradictions() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let (a, b) = (Store::open(&at("a")).expect("opens"), Store::open(&at("b")).expect("opens"));
        for trial in 0..6 {
            a.put(KEY, &done(trial, "heads")).expect("keeps");
            b.put(KEY, &done(trial + 3, "heads")).expect("keeps");
        }
        assert_eq!(a.merge(&at("b")).expect("merges"), Merged { added: 3, known: 3 });
        assert_eq!(a.merge(&at("b")).expect("merges"), Merged { added: 0, known: 6 });
        assert_eq!(a.done(KEY).expect("reads").len(), 9);
        b.put(KEY, &done(20, "tails")).expect("keeps");
        a.put(KEY, &done(20, "heads")).expect("keeps");
        assert!(matches!(a.merge(&at("b")), Err(Error::Malformed { .. })));
        assert!(matches!(a.merge(&at("missing")), Err(Error::Io { .. })));
        assert!(!at("missing").exists());
    }

    #[test]
    fn writers_do_not_lose_each_others_trials() {
        let folder = tempfile::tempdir().expect("a folder");
        for round in 0..50 {
            let path = folder.path().join(format!("{round}.sqlite"));
            let writers = [2, 4, 8][round % 3];
            std::thread::scope(|scope| {
                for writer in 0..writers {
                    let path = &path;
                    scope.spawn(move || {
                        let store = Store::open(path).expect("opens");
                        (0..3).for_each(|i| store.put(KEY, &done(writer * 100 + i, "heads")).expect("keeps"));
                    });
                    // what is read meanwhile is whole
                    scope.spawn(move || {
                        let seen = Store::open(path).expect("opens").done(KEY).expect("reads");
                        assert!(seen.iter().all(|done| done.outcome == "heads" && done.seconds == 0.5));
                    });
                }
            });
            assert_eq!(Store::open(&path).expect("opens").done(KEY).expect("reads").len(), 3 * writers);
        }
    }

    #[test]
    fn other_files_are_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        for bytes in [b"not a database, but long enough to look like one".repeat(20), b"SQLite format 3\0 truncated".to_vec()] {
            std::fs::write(&path, &bytes).expect("writes");
            assert!(matches!(Store::open(&path), Err(Error::Malformed { .. })));
            assert_eq!(std::fs::read(&path).expect("reads"), bytes);
        }
        let other = folder.path().join("other.sqlite");
        Connection::open(&other).and_then(|c| c.execute_batch("create table t (x); pragma user_version = 7;")).expect("another database");
        assert!(matches!(Store::open(&other), Err(Error::Malformed { .. })));
    }
}
