//! Rows of a `.npy` array, read where they stand in the file.

use crate::Error;
use crate::data::arrays::npy::{HEADER_LIMIT, Header};
use crate::data::arrays::raw::Raw;
use crate::data::source::Source;
use crate::data::{Dense, Precision};
use crate::linalg::Real;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The rows of a two-dimensional array in C order, or the columns of one in Fortran order.
#[derive(Debug)]
pub(super) struct NpyRows {
    file: Mutex<File>,
    numbers: Raw,
    data_at: u64,
    pub shape: (usize, usize),
}

/// Bytes that are decoded at once.
const PIECE: usize = 1 << 20;

impl NpyRows {
    /// Reads the header. `transpose` asks for Xᵀ, whose rows lie together where X is in Fortran order.
    pub(super) fn open(path: &Path, transpose: bool) -> Result<Self, Error> {
        let fail = |source| Error::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(fail)?;
        let length = file.metadata().map_err(fail)?.len();
        let mut start = Vec::new();
        file.by_ref().take(HEADER_LIMIT).read_to_end(&mut start).map_err(fail)?;
        let source = Source { path: path.to_owned(), part: None, bytes: start };
        let header = Header::parse(&source)?;
        let &[rows, cols] = &header.shape[..] else {
            return Err(source.malformed("header", "an array of two dimensions", format!("{} dimensions", header.shape.len())));
        };
        let (numbers, data_at, bytes) = header.layout(&source)?;
        if length != (data_at + bytes) as u64 {
            return Err(source.malformed(
                "data",
                format!("{bytes} bytes for shape {:?}", header.shape),
                format!("{} bytes", length - data_at as u64),
            ));
        }
        if rows == 0 || cols == 0 {
            return Err(source.malformed("its shape", "at least one row and one column", format!("{rows}x{cols}")));
        }
        if header.is_fortran() != transpose {
            let (order, way_out) = if transpose {
                ("C order, whose columns do not lie together", "an array in Fortran order with --transpose, or this one without")
            } else {
                ("Fortran order, whose rows do not lie together", "an array in C order (numpy.ascontiguousarray), or this one with --transpose")
            };
            return Err(source.malformed("header", format!("for reading row by row: {way_out}"), order));
        }
        let shape = if transpose { (cols, rows) } else { (rows, cols) };
        Ok(NpyRows { file: Mutex::new(file), numbers, data_at: data_at as u64, shape })
    }

    pub(super) fn precision(&self) -> Precision {
        if self.numbers.is_single() { Precision::F32 } else { Precision::F64 }
    }

    /// These rows and columns; a NaN or an infinity is refused where it stands.
    pub(super) fn read<T: Real>(&self, path: &Path, rows: Range<usize>, columns: Range<usize>) -> Result<Dense<T>, Error> {
        let (all, size, width) = (self.shape.1, self.numbers.size, columns.len());
        // whole rows lie together
        let (runs, length) = if width == all { (1, rows.len() * all) } else { (rows.len(), width) };
        let mut values = Vec::with_capacity(rows.len() * width);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let fail = |source: io::Error| Error::Io { path: path.to_owned(), source };
        let mut piece = vec![0; (length * size).min(PIECE)];
        for run in 0..runs {
            let first = (rows.start + run) * all + columns.start;
            file.seek(SeekFrom::Start(self.data_at + (first * size) as u64)).map_err(fail)?;
            let end = values.len() + length;
            while values.len() < end {
                let bytes = &mut piece[..((end - values.len()) * size).min(PIECE)];
                file.read_exact(bytes).map_err(fail)?;
                self.numbers.decode(bytes).append_to(&mut values);
            }
        }
        if let Some(at) = values.iter().position(|x: &T| !x.f64().is_finite()) {
            return Err(Error::Malformed {
                path: path.to_owned(),
                place: format!("row {}, column {}", rows.start + at / width + 1, columns.start + at % width + 1),
                expected: "a finite number (gaps are not read row by row: list the entries that are there, and cut them with `thalweg data shard`)"
                    .into(),
                found: values[at].to_string(),
            });
        }
        Dense::new(rows.len(), width, values)
    }
}
