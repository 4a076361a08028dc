//! Entries in any order, sorted on disk once there are more than memory takes.

use crate::Error;
use crate::data::{Duplicates, Triplet};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::mem::take;
use std::path::{Path, PathBuf};

/// Bytes of an entry in a file.
const ENTRY: usize = 16;
/// Bytes of an entry in memory, with its share of what a stable sort takes.
const SORTED: u64 = 24;
/// Bytes that are read or written at once.
const PIECE: usize = 1 << 16;

/// Collects entries in runs that fit in memory.
pub(super) struct Sorter {
    folder: PathBuf,
    capacity: usize,
    run: Vec<Triplet>,
    spilled: Vec<RunFile>,
}

/// A file that is gone when nobody reads it any more.
struct RunFile(PathBuf);

impl Drop for RunFile {
    fn drop(&mut self) {
        // what stays is swept by the next process that writes into the folder
        let _ = fs::remove_file(&self.0);
    }
}

impl Sorter {
    /// Keeps its files in `folder`, and takes up to so many bytes.
    pub(super) fn new(folder: &Path, max_bytes: u64) -> Self {
        let capacity = (max_bytes / SORTED).clamp(1 << 10, 1 << 31) as usize;
        Sorter { folder: folder.to_owned(), capacity, run: Vec::new(), spilled: Vec::new() }
    }

    pub(super) fn push(&mut self, entry: Triplet) -> Result<(), Error> {
        if self.run.len() == self.capacity {
            self.spill()?;
        }
        self.run.push(entry);
        Ok(())
    }

    /// Writes the run as it stands: rows and columns may not have their numbers yet.
    fn spill(&mut self) -> Result<(), Error> {
        let path = self.folder.join(format!(".run{}.{}-0.tmp", self.spilled.len(), std::process::id()));
        self.spilled.push(RunFile(path.clone()));
        write_run(&path, &self.run)?;
        self.run.clear();
        Ok(())
    }

    /// All entries in order of row and column, those at one place in the order in which they came. `ranks` gives rows and columns new numbers.
    pub(super) fn sorted(mut self, ranks: Option<[&[u32]; 2]>) -> Result<Sorted, Error> {
        let number = |entries: &mut [Triplet]| {
            if let Some([rows, cols]) = ranks {
                entries.iter_mut().for_each(|e| (e.row, e.col) = (rows[e.row as usize], cols[e.col as usize]));
            }
            entries.sort_by_key(|e| (e.row, e.col));
        };
        if !self.spilled.is_empty() && !self.run.is_empty() {
            self.spill()?;
        }
        if self.spilled.is_empty() {
            let mut run = take(&mut self.run);
            number(&mut run);
            return Ok(Sorted { memory: run.into_iter(), runs: Vec::new(), heads: BinaryHeap::new() });
        }
        let mut run = take(&mut self.run);
        for RunFile(path) in &self.spilled {
            run.clear();
            let mut file = RunReader::open(path)?;
            while let Some(entry) = file.next()? {
                run.push(entry);
            }
            number(&mut run);
            write_run(path, &run)?;
        }
        drop(run);
        let mut runs = self.spilled.iter().map(|RunFile(path)| RunReader::open(path)).collect::<Result<Vec<_>, Error>>()?;
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for (at, run) in runs.iter_mut().enumerate() {
            heads.extend(run.next()?.map(|e| Reverse(Head { key: (e.row, e.col), run: at, value: e.value })));
        }
        let runs = runs.into_iter().zip(self.spilled).collect();
        Ok(Sorted { memory: Vec::new().into_iter(), runs, heads })
    }
}

/// The next entry of a run.
struct Head {
    key: (u32, u32),
    run: usize,
    value: f64,
}

impl Head {
    fn place(&self) -> ((u32, u32), usize) {
        (self.key, self.run)
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place().cmp(&other.place())
    }
}

/// Entries in order, from memory or merged from files.
pub(super) struct Sorted {
    memory: std::vec::IntoIter<Triplet>,
    runs: Vec<(RunReader, RunFile)>,
    heads: BinaryHeap<Reverse<Head>>,
}

impl Sorted {
    pub(super) fn next(&mut self) -> Result<Option<Triplet>, Error> {
        let Some(Reverse(head)) = self.heads.pop() else { return Ok(self.memory.next()) };
        let next = self.runs[head.run].0.next()?;
        self.heads.extend(next.map(|e| Reverse(Head { key: (e.row, e.col), run: head.run, value: e.value })));
        Ok(Some(Triplet { row: head.key.0, col: head.key.1, value: head.value }))
    }

    /// Hands over the entries of each row from 0 on, each place once; how many were listed again.
    pub(super) fn rows(
        mut self,
        count: usize,
        duplicates: Duplicates,
        mut take_row: impl FnMut(usize, &[u32], &[f64]) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let (mut columns, mut values): (Vec<u32>, Vec<f64>) = (Vec::new(), Vec::new());
        let mut repeated = 0;
        let mut next = self.next()?;
        for row in 0..count {
            columns.clear();
            values.clear();
            while let Some(entry) = next.filter(|e| e.row as usize == row) {
                match values.last_mut().filter(|_| columns.last() == Some(&entry.col)) {
                    Some(value) => {
                        repeated += 1;
                        *value = if duplicates == Duplicates::Sum { *value + entry.value } else { entry.value };
                    }
                    None => {
                        columns.push(entry.col);
                        values.push(entry.value);
                    }
                }
                next = self.next()?;
            }
            take_row(row, &columns, &values)?;
        }
        Ok(repeated)
    }
}

fn write_run(path: &Path, entries: &[Triplet]) -> Result<(), Error> {
    let write = || -> io::Result<()> {
        let mut out = BufWriter::with_capacity(PIECE, File::create(path)?);
        for e in entries {
            out.write_all(&e.row.to_le_bytes())?;
            out.write_all(&e.col.to_le_bytes())?;
            out.write_all(&e.value.to_le_bytes())?;
        }
        out.flush()
    };
    write().map_err(|source| Error::Io { path: path.to_owned(), source })
}

struct RunReader {
    path: PathBuf,
    file: BufReader<File>,
    left: u64,
}

impl RunReader {
    fn open(path: &Path) -> Result<Self, Error> {
        let fail = |source| Error::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(fail)?;
        let left = file.metadata().map_err(fail)?.len() / ENTRY as u64;
        Ok(RunReader { path: path.to_owned(), file: BufReader::with_capacity(PIECE, file), left })
    }

    fn next(&mut self) -> Result<Option<Triplet>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut bytes = [0; ENTRY];
        self.file.read_exact(&mut bytes).map_err(|source| Error::Io { path: self.path.clone(), source })?;
        let (sides, value) = (bytes[..8].as_chunks::<4>().0, bytes[8..].as_chunks::<8>().0);
        Ok(Some(Triplet { row: u32::from_le_bytes(sides[0]), col: u32::from_le_bytes(sides[1]), value: f64::from_le_bytes(value[0]) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Sparse;

    /// Entries in random order, many of them at one place, through runs of a thousand.
    #[test]
    fn runs_on_disk_make_the_matrix_that_memory_makes() {
        let mut state = 1u64;
        let mut roll = |sides: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % sides) as u32
        };
        let entries: Vec<Triplet> = (0..5000).map(|k| Triplet { row: roll(50), col: roll(40), value: f64::from(k) }).collect();
        let folder = tempfile::tempdir().expect("a folder");
        for (duplicates, bytes) in [(Duplicates::Sum, 0), (Duplicates::KeepLast, 0), (Duplicates::KeepLast, 1 << 20)] {
            let (expected, repeated) = Sparse::from_triplets(50, 40, entries.clone(), duplicates).expect("fits");
            let mut sorter = Sorter::new(folder.path(), bytes);
            entries.iter().for_each(|&e| sorter.push(e).expect("writes"));
            assert_eq!(sorter.spilled.len(), if bytes == 0 { 4 } else { 0 });
            let mut found = Vec::new();
            let again = sorter.sorted(None).expect("sorts").rows(50, duplicates, |row, columns, values| {
                found.extend(columns.iter().zip(values).map(|(&col, &value)| Triplet { row: row as u32, col, value }));
                Ok(())
            });
            assert_eq!((again.expect("merges"), found), (repeated as u64, expected.triplets()));
            assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 0, "runs are gone");
        }
    }

    #[test]
    fn new_numbers_decide_the_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut sorter = Sorter::new(folder.path(), 0);
        [(0, 0, 1.0), (1, 0, 2.0)].into_iter().for_each(|(row, col, value)| sorter.push(Triplet { row, col, value }).expect("takes"));
        let mut sorted = sorter.sorted(Some([&[1, 0], &[3]])).expect("sorts");
        assert_eq!(sorted.next().expect("reads"), Some(Triplet { row: 0, col: 3, value: 2.0 }));
        assert_eq!(sorted.next().expect("reads"), Some(Triplet { row: 1, col: 3, value: 1.0 }));
        assert_eq!(sorted.next().expect("reads"), None);
    }
}
