//! The file of one block of rows: who stands where, and a checksum of it all.
//!
//! ```text
//! "THWGROWS"  version, kind (4 bytes each)  rows, columns, entries (8 bytes each)
//! entries of each row (4 bytes)  columns, ascending in each row (4 bytes)  values  weights, if there are any (4 or 8 bytes)
//! ```
//!
//! Little-endian. Numbers take 4 bytes where single precision holds all of them exactly.

use super::shards::BlockRecord;
use crate::Error;
use crate::data::{Csr, Matrix, Observed, Sparse};
use crate::linalg::Real;
use crc32fast::Hasher;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

const MAGIC: &[u8; 8] = b"THWGROWS";
const VERSION: u32 = 1;
const DOUBLE: u32 = 1;
const WEIGHTED: u32 = 2;
/// Magic, version, kind, and three numbers of 8 bytes.
const HEADER: u64 = 40;
/// Bytes that are decoded at once.
const PIECE: usize = 1 << 18;

/// Entries of consecutive rows, as they are gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub counts: Vec<u32>,
    pub columns: Vec<u32>,
    pub values: Vec<f64>,
    /// As many as values, or none.
    pub weights: Vec<f64>,
}

impl Gathered {
    fn is_double(&self) -> bool {
        self.values.iter().chain(&self.weights).any(|&x| f64::from(x as f32) != x)
    }

    /// Bytes that the entries take here.
    pub(super) fn bytes(&self) -> usize {
        4 * self.columns.len() + 8 * (self.values.len() + self.weights.len())
    }

    /// Writes the file; its checksum.
    pub(super) fn write(&self, cols: usize, out: &mut impl Write) -> io::Result<u32> {
        let is_double = self.is_double();
        let kind = if is_double { DOUBLE } else { 0 } | if self.weights.is_empty() { 0 } else { WEIGHTED };
        let mut out = Summed { inner: out, sum: Hasher::new() };
        out.write_all(MAGIC)?;
        [VERSION, kind].iter().try_for_each(|x| out.write_all(&x.to_le_bytes()))?;
        [self.counts.len(), cols, self.columns.len()].iter().try_for_each(|&x| out.write_all(&(x as u64).to_le_bytes()))?;
        out.numbers(&self.counts, u32::to_le_bytes)?;
        out.numbers(&self.columns, u32::to_le_bytes)?;
        for numbers in [&self.values, &self.weights] {
            if is_double { out.numbers(numbers, f64::to_le_bytes)? } else { out.numbers(numbers, |x| (x as f32).to_le_bytes())? }
        }
        Ok(out.sum.finalize())
    }
}

/// Bytes on their way, with their checksum.
struct Summed<W> {
    inner: W,
    sum: Hasher,
}

impl<W: Write> Summed<W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.inner.write_all(bytes)
    }

    fn numbers<X: Copy, const N: usize>(&mut self, numbers: &[X], bytes: impl Fn(X) -> [u8; N]) -> io::Result<()> {
        numbers.chunks(PIECE / N).try_for_each(|piece| self.write_all(&piece.iter().flat_map(|&x| bytes(x)).collect::<Vec<u8>>()))
    }
}

impl<R: Read> Summed<R> {
    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(bytes)?;
        self.sum.update(bytes);
        Ok(())
    }

    fn take<X, const N: usize>(&mut self, count: usize, number: impl Fn([u8; N]) -> X) -> io::Result<Vec<X>> {
        let mut numbers = Vec::with_capacity(count);
        let mut piece = vec![0; (N * count).min(PIECE)];
        while numbers.len() < count {
            let bytes = &mut piece[..(N * (count - numbers.len())).min(PIECE)];
            self.read_exact(bytes)?;
            numbers.extend(bytes.as_chunks::<N>().0.iter().map(|&bytes| number(bytes)));
        }
        Ok(numbers)
    }

    fn reals<T: Real>(&mut self, count: usize, is_double: bool) -> io::Result<Vec<T>> {
        if is_double {
            self.take(count, |bytes| T::of(f64::from_le_bytes(bytes)))
        } else {
            self.take(count, |bytes| T::of(f64::from(f32::from_le_bytes(bytes))))
        }
    }
}

/// Reads a block that is what its record says, of observed entries or of a sparse matrix.
///
/// Nothing is allocated for what the record claims before the file is as long as that.
pub(super) fn read<T: Real>(path: &Path, record: &BlockRecord, cols: usize, is_sparse: bool) -> Result<Matrix<T>, Error> {
    let fail = |source| Error::Io { path: path.to_owned(), source };
    let malformed = |place: &str, expected: String, found: String| Error::Malformed { path: path.to_owned(), place: place.into(), expected, found };
    let file = File::open(path).map_err(fail)?;
    let length = file.metadata().map_err(fail)?.len();
    let mut file = Summed { inner: file, sum: Hasher::new() };
    let mut header = [0; HEADER as usize];
    if length < HEADER {
        return Err(malformed("start", format!("a header of {HEADER} bytes"), format!("{length} bytes")));
    }
    file.read_exact(&mut header).map_err(fail)?;
    let (numbers, sides) = (header[8..16].as_chunks::<4>().0, header[16..].as_chunks::<8>().0);
    let (version, kind) = (u32::from_le_bytes(numbers[0]), u32::from_le_bytes(numbers[1]));
    if !header.starts_with(MAGIC) || version != VERSION || kind > (DOUBLE | WEIGHTED) {
        return Err(malformed("start", format!("{} in version {VERSION}", String::from_utf8_lossy(MAGIC)), "another kind of file".into()));
    }
    let (is_double, is_weighted) = (kind & DOUBLE != 0, kind & WEIGHTED != 0);
    let expected = [record.rows as u64, cols as u64, record.entries as u64];
    let found = [0, 1, 2].map(|at| u64::from_le_bytes(sides[at]));
    if found != expected {
        return Err(malformed("header", format!("rows, columns and entries {expected:?}, as the manifest says"), format!("{found:?}")));
    }
    let width = if is_double { 8 } else { 4 } * if is_weighted { 2 } else { 1 };
    let bytes = expected[2].saturating_mul(4 + width).saturating_add(4 * expected[0] + HEADER);
    if bytes != length {
        return Err(malformed("its length", format!("{bytes} bytes"), format!("{length} bytes")));
    }
    let counts = file.take(record.rows, u32::from_le_bytes).map_err(fail)?;
    let columns = file.take(record.entries, u32::from_le_bytes).map_err(fail)?;
    let values: Vec<T> = file.reals(record.entries, is_double).map_err(fail)?;
    let weights: Vec<T> = file.reals(if is_weighted { record.entries } else { 0 }, is_double).map_err(fail)?;
    let sum = file.sum.finalize();
    if sum != record.crc32 {
        return Err(malformed("its checksum", format!("{:08x}, as the manifest says", record.crc32), format!("{sum:08x}")));
    }
    let is_number = |x: &T| x.f64().is_finite();
    if let Some(x) = values.iter().find(|x| !is_number(x)).or(weights.iter().find(|w| !is_number(w) || w.f64() < 0.0)) {
        return Err(malformed("its numbers", format!("finite ones in {}, and weights from 0 on", T::NAME), x.to_string()));
    }
    let rows = |columns: Vec<u32>, values: Vec<T>| {
        Csr::from_rows(cols, &counts, columns, values).map(Sparse::of_rows).map_err(|row| {
            let place = row.map_or("its rows".to_owned(), |row| format!("row {}", record.first + row + 1));
            malformed(&place, "as many entries as the rows have, in ascending columns".into(), "others".into())
        })
    };
    let weights = if is_weighted { Some(rows(columns.clone(), weights)?) } else { None };
    let entries = rows(columns, values)?;
    Ok(if is_sparse && !is_weighted { Matrix::Sparse(entries) } else { Matrix::Observed(Observed { entries, weights }) })
}
