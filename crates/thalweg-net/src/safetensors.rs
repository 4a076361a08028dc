//! Named arrays in one file, as other frameworks read and write them: a header in JSON, then the numbers.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use thalweg::Error;
use thalweg::data::{Unpacked, unpack, write_atomically};

/// Bytes that a header may have: those of the reference program.
const LARGEST_HEADER: u64 = 100_000_000;

/// Numbers of one array, in C order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its sizes.
    pub shape: Vec<usize>,
    /// Its numbers; single precision widened.
    pub values: Vec<f64>,
    /// How they are stored.
    pub precision: Precision,
}

/// How numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Four bytes.
    F32,
    /// Eight bytes.
    F64,
}

impl Precision {
    fn name(self) -> &'static str {
        match self {
            Precision::F32 => "F32",
            Precision::F64 => "F64",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Precision::F32 => 4,
            Precision::F64 => 8,
        }
    }
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SafeTensors {
    /// Words about it.
    pub metadata: BTreeMap<String, String>,
    /// Arrays by name.
    pub arrays: BTreeMap<String, Array>,
}

impl SafeTensors {
    /// Reads a file. Arrays of whole numbers are passed over.
    ///
    /// # Errors
    /// Those of [`unpack`]; [`Error::Malformed`] with the array.
    pub fn read(path: &Path, max_memory: u64) -> Result<SafeTensors, Error> {
        // widened to eight bytes a number
        match unpack(path, max_memory / 4)? {
            Unpacked::File(bytes) => parse(path, &bytes),
            Unpacked::Files(_) => Err(malformed(path, "the path", "a file of tensors", "a folder or an archive")),
        }
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let mut header = Map::new();
        if !self.metadata.is_empty() {
            header.insert("__metadata__".into(), json!(self.metadata));
        }
        let mut end = 0;
        for (name, array) in &self.arrays {
            let begin = end;
            end += array.values.len() * array.precision.bytes();
            header.insert(name.clone(), json!({"dtype": array.precision.name(), "shape": array.shape, "data_offsets": [begin, end]}));
        }
        let mut header = serde_json::to_vec(&header).expect("plain values");
        // the numbers begin at a multiple of eight
        header.resize(header.len().next_multiple_of(8), b' ');
        write_atomically(path, |out| {
            out.write_all(&(header.len() as u64).to_le_bytes())?;
            out.write_all(&header)?;
            for array in self.arrays.values() {
                for &x in &array.values {
                    match array.precision {
                        Precision::F32 => out.write_all(&(x as f32).to_le_bytes())?,
                        Precision::F64 => out.write_all(&x.to_le_bytes())?,
                    }
                }
            }
            Ok(())
        })
    }
}

fn malformed(path: &Path, place: &str, expected: impl Into<String>, found: impl Into<String>) -> Error {
    let found: String = found.into();
    let place = place.chars().take(80).flat_map(char::escape_debug).collect();
    Error::Malformed { path: path.to_owned(), place, expected: expected.into(), found: found.chars().take(120).collect() }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<SafeTensors, Error> {
    let start = |found: &str| malformed(path, "its start", "the length of a header of safetensors, and the header", found);
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| start("fewer than eight bytes"))?;
    let length = u64::from_le_bytes(*length);
    if length > LARGEST_HEADER || length > rest.len() as u64 {
        return Err(start(&format!("a length of {length} of {} bytes", rest.len())));
    }
    let (header, data) = rest.split_at(length as usize);
    let header: Map<String, Value> = serde_json::from_slice(header).map_err(|e| start(&e.to_string()))?;
    let mut found = SafeTensors::default();
    for (name, entry) in header {
        if name == "__metadata__" {
            let words = entry.as_object().into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
            found.metadata = words.collect();
        } else if let Some(array) = array(path, &name, &entry, data)? {
            found.arrays.insert(name, array);
        }
    }
    Ok(found)
}

fn array(path: &Path, name: &str, entry: &Value, data: &[u8]) -> Result<Option<Array>, Error> {
    let precision = match entry["dtype"].as_str() {
        Some("F32") => Precision::F32,
        Some("F64") => Precision::F64,
        Some("I64" | "I32" | "U8" | "BOOL") => return Ok(None),
        other => return Err(malformed(path, name, "numbers of type F32 or F64", other.unwrap_or("no type"))),
    };
    let numbers = |value: &Value| value.as_array()?.iter().map(|x| usize::try_from(x.as_u64()?).ok()).collect::<Option<Vec<usize>>>();
    let (shape, offsets) = (numbers(&entry["shape"]), numbers(&entry["data_offsets"]));
    let bad = |what: &str| malformed(path, name, "a shape, and offsets of as many bytes inside the file", what);
    let (Some(shape), Some(offsets)) = (shape, offsets) else { return Err(bad("none")) };
    let count = shape.iter().try_fold(1usize, |all, &size| all.checked_mul(size)).and_then(|n| n.checked_mul(precision.bytes()));
    let [begin, end] = offsets[..] else { return Err(bad("no two offsets")) };
    let bytes = data.get(begin..end).filter(|bytes| Some(bytes.len()) == count).ok_or_else(|| bad(&format!("{shape:?} at {offsets:?}")))?;
    let values = match precision {
        Precision::F32 => bytes.as_chunks::<4>().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect(),
        Precision::F64 => bytes.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
    };
    Ok(Some(Array { shape, values, precision }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> SafeTensors {
        let mut file = SafeTensors::default();
        file.metadata.insert("format".into(), "pt".into());
        file.arrays.insert("a".into(), Array { shape: vec![2, 1], values: vec![0.1f32.into(), -2.0], precision: Precision::F32 });
        file.arrays.insert("b".into(), Array { shape: vec![], values: vec![1.0 / 3.0], precision: Precision::F64 });
        file
    }

    #[test]
    fn what_is_written_is_read_and_damage_is_refused() -> Result<(), Error> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.safetensors");
        sample().write(&path)?;
        assert_eq!(SafeTensors::read(&path, 1 << 20)?, sample());
        let whole = std::fs::read(&path).expect("there");
        for length in 0..whole.len() {
            assert!(parse(&path, &whole[..length]).is_err(), "{length} bytes");
            let mut damaged = whole.clone();
            damaged[length] ^= 0x15;
            // refused or other numbers, never a panic
            let _ = parse(&path, &damaged);
        }
        assert!(SafeTensors::read(folder.path(), 1 << 20).is_err());
        Ok(())
    }
}
