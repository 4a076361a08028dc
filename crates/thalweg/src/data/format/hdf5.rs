//! HDF5: arrays of numbers by their path, MATLAB files of version 7.3, and the matrices of AnnData (`.h5ad`).
//!
//! The parser is that of the `hdf5-pure` crate; what it would allocate for an array is claimed before it is asked to read it.

use super::array::{self, Arrays, Content, Cube, Variable};
use super::compressed::Compressed;
use super::parsed::Parsed;
use super::{Format, Input, ReadOptions};
use crate::Error;
use crate::data::arrays::raw::c_order;
use crate::data::arrays::{Array, Numbers};
use crate::data::source::{Budget, Source, shown};
use hdf5_pure::{AttrValue, DType, Dataset, File, Group};

pub(super) const FORMAT: Format = Format {
    name: "hdf5",
    about: "HDF5: the matrix (or --variable group/name), also MATLAB .mat of version 7.3 and AnnData .h5ad (X, with the names of its cells and genes), \
            full or sparse; --unfold for more dimensions",
    extensions: &["h5", "hdf5", "h5ad"],
    sample: || vec![("sample.h5", include_bytes!("../embedded/sample.h5").to_vec())],
    sniff: |input, _| [0, 512].iter().any(|&at| input.bytes().get(at..at + MAGIC.len()) == Some(MAGIC)),
    read,
    list: None,
};

const MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";
const MATLAB: &[u8] = b"MATLAB 7.3 MAT-file";
const MAX_VARIABLES: usize = 10_000;
const MAX_DEPTH: usize = 32;

/// Where an array stands.
enum Place {
    Full(Dataset),
    /// A group with the arrays of a sparse matrix.
    Sparse {
        group: Group,
        names: [&'static str; 3],
        by_row: bool,
    },
}

/// An open file: its arrays of numbers.
struct Listed<'a> {
    source: &'a Source,
    budget: &'a Budget,
    /// Whether axes are the other way round, as MATLAB writes them.
    is_matlab: bool,
    variables: Vec<Variable>,
    places: Vec<Place>,
}

impl<'a> Listed<'a> {
    fn malformed(&self, what: &str, found: impl ToString) -> Error {
        self.source.malformed(what.to_owned(), "readable HDF5", shown(found.to_string().as_bytes()))
    }

    fn list(&mut self, group: &Group, prefix: &str, depth: usize) -> Result<(), Error> {
        let fail = |list: &Self, e: hdf5_pure::Error| list.malformed("its list of arrays", e);
        for (name, dataset) in group.iter_datasets().map_err(|e| fail(self, e))? {
            let (Ok(shape), Ok(dtype)) = (dataset.shape(), dataset.dtype()) else { continue };
            let is_number = !matches!(dtype, DType::String | DType::Compound(_) | DType::Array(..) | DType::VariableLengthString)
                && !matches!(dtype, DType::ObjectReference | DType::Other(_));
            if is_number {
                self.push(format!("{prefix}{name}"), shape, Place::Full(dataset))?;
            }
        }
        for (name, inner) in group.iter_groups().map_err(|e| fail(self, e))? {
            let path = format!("{prefix}{name}");
            if name.starts_with('#') {
                // what MATLAB keeps for its cells and objects
                continue;
            }
            match sparse(&inner).map_err(|e| fail(self, e))? {
                Some((shape, place)) => self.push(path, shape, place)?,
                None if depth == MAX_DEPTH => return Err(self.malformed("its groups", "groups too deep in each other")),
                None => self.list(&inner, &format!("{path}/"), depth + 1)?,
            }
        }
        Ok(())
    }

    fn push(&mut self, name: String, shape: Vec<u64>, place: Place) -> Result<(), Error> {
        if self.places.len() == MAX_VARIABLES {
            return Err(self.source.malformed("its list of arrays", format!("at most {MAX_VARIABLES}"), "more"));
        }
        self.budget.claim("its list of arrays", 1024 + name.len() as u64)?;
        let mut shape: Vec<usize> = shape.into_iter().map(|side| usize::try_from(side).unwrap_or(usize::MAX)).collect();
        if self.is_matlab && matches!(place, Place::Full(_)) {
            shape.reverse();
        }
        self.variables.push(Variable { name, shape });
        self.places.push(place);
        Ok(())
    }

    /// The numbers of an array, in the order of the file.
    fn numbers(&self, dataset: &Dataset) -> Result<Numbers, Error> {
        let fail = |e: hdf5_pure::Error| self.malformed("an array", e);
        let (dtype, shape, size) = (dataset.dtype().map_err(fail)?, dataset.shape().map_err(fail)?, dataset.element_size().map_err(fail)?);
        let product = |sides: &[u64]| sides.iter().fold(1u64, |n, &side| n.saturating_mul(side));
        // once decoded, once more while an order or a type changes
        self.budget.claim_items("its numbers", product(&shape), 16)?;
        let chunk = dataset.chunk_shape().map_err(fail)?.map_or(0, |sides| product(&sides)).saturating_mul(size.max(8));
        // as it is stored, unpacked, and unshuffled
        self.budget.claim_items("a chunk of its numbers", chunk, 3)?;
        let numbers = match dtype {
            DType::F32 => Numbers::F32(dataset.read_f32().map_err(fail)?),
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => Numbers::U64(dataset.read_u64().map_err(fail)?),
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => whole(dataset.read_i64().map_err(fail)?),
            DType::Enum(_) => whole(dataset.read_i64().map_err(fail)?),
            _ => Numbers::F64(dataset.read_f64().map_err(fail)?),
        };
        self.budget.release(3 * chunk);
        if numbers.len() as u64 != product(&shape) {
            return Err(self.malformed("an array", format!("{} numbers for shape {shape:?}", numbers.len())));
        }
        Ok(numbers)
    }

    /// The labels in a column of a table of AnnData, where it has as many as there are rows.
    fn labels(&self, file: &File, table: &str, count: usize) -> Option<Vec<String>> {
        let group = file.group(table).ok()?;
        let index = text(group.attrs().ok()?.get("_index")?)?;
        let names = group.dataset(&index).ok()?;
        let size = names.vlen_string_payload_size().ok()?;
        self.budget.claim("its labels", size.saturating_add(48 * count as u64)).ok()?;
        let labels = (names.shape().ok()? == [count as u64]).then(|| names.read_string().ok())??;
        (labels.len() == count).then_some(labels)
    }
}

fn whole(values: Vec<i64>) -> Numbers {
    if values.iter().any(|&x| x < 0) {
        Numbers::F64(values.into_iter().map(|x| x as f64).collect())
    } else {
        Numbers::U64(values.into_iter().map(|x| x as u64).collect())
    }
}

fn text(value: &AttrValue) -> Option<String> {
    match value {
        AttrValue::String(text) | AttrValue::AsciiString(text) | AttrValue::VarLenString(text) => Some(text.clone()),
        AttrValue::StringSized { value, .. } | AttrValue::AsciiStringSized { value, .. } => Some(value.trim_end_matches('\0').to_owned()),
        _ => None,
    }
}

fn wholes(value: &AttrValue) -> Vec<u64> {
    match value {
        AttrValue::I32Array(x) => x.iter().filter_map(|&x| u64::try_from(x).ok()).collect(),
        AttrValue::I64Array(x) => x.iter().filter_map(|&x| u64::try_from(x).ok()).collect(),
        AttrValue::U64Array(x) => x.clone(),
        AttrValue::U64(x) => vec![*x],
        AttrValue::I64(x) => u64::try_from(*x).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Shape and place of the sparse matrix that a group is, if it is one.
fn sparse(group: &Group) -> Result<Option<(Vec<u64>, Place)>, hdf5_pure::Error> {
    let attributes = group.attrs()?;
    if let Some(rows) = attributes.get("MATLAB_sparse") {
        let cols = group.dataset("jc")?.shape()?.first().map_or(0, |starts| starts.saturating_sub(1));
        let shape = wholes(rows).into_iter().chain([cols]).collect();
        return Ok(Some((shape, Place::Sparse { group: group.clone(), names: ["jc", "ir", "data"], by_row: false })));
    }
    let by_row = match attributes.get("encoding-type").and_then(text).as_deref() {
        Some("csr_matrix") => true,
        Some("csc_matrix") => false,
        _ => return Ok(None),
    };
    let shape = attributes.get("shape").map(wholes).unwrap_or_default();
    Ok(Some((shape, Place::Sparse { group: group.clone(), names: ["indptr", "indices", "data"], by_row })))
}

impl Arrays for Listed<'_> {
    fn variables(&self) -> &[Variable] {
        &self.variables
    }

    fn load(&mut self, at: usize) -> Result<Content, Error> {
        let shape = self.variables[at].shape.clone();
        match &self.places[at] {
            Place::Full(dataset) => {
                let values = self.numbers(dataset)?;
                let values = if self.is_matlab { c_order(values, &shape) } else { values };
                Ok(Content::Full(Array { shape, values }))
            }
            Place::Sparse { group, names, by_row } => {
                let array = |name: &str| group.dataset(name).map_err(|e| self.malformed("a sparse matrix", e)).and_then(|d| self.numbers(&d));
                let wholes = |name: &str| match array(name)? {
                    Numbers::U64(wholes) => Ok(wholes),
                    _ => Err(self.malformed("a sparse matrix", format!("{name} that is not of whole numbers from 0"))),
                };
                let &[rows, cols] = &shape[..] else {
                    return Err(self.malformed("a sparse matrix", format!("{} dimensions", shape.len())));
                };
                let (starts, indices, values) = (wholes(names[0])?, wholes(names[1])?, array(names[2])?);
                let precision = array::precision(&values);
                let arrays = Compressed { rows, cols, by_row: *by_row, starts, indices, values: values.into_f64() };
                Ok(Content::Listed(Parsed { precision, ..arrays.parsed(self.source, self.budget)? }))
            }
        }
    }
}

fn read(input: &Input, options: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let source = input.origin();
    // the parser keeps a copy
    budget.claim("the file", source.bytes.len() as u64)?;
    let mut listed = Listed { source, budget, is_matlab: source.bytes.starts_with(MATLAB), variables: Vec::new(), places: Vec::new() };
    let file = File::from_bytes(source.bytes.clone()).map_err(|e| listed.malformed("start", e))?;
    let root = file.root();
    listed.list(&root, "", 0)?;
    let is_anndata = root.attrs().ok().and_then(|a| text(a.get("encoding-type")?)).as_deref() == Some("anndata");
    let x = (is_anndata && options.variable.is_none()).then(|| "X".to_owned());
    let cube = if listed.is_matlab { Cube::LastIsColumns } else { Cube::Unsettled };
    let options = ReadOptions { variable: options.variable.clone().or(x), ..options.clone() };
    let mut parsed = array::read(source, &mut listed, cube, &options, budget)?;
    if is_anndata && options.variable.as_deref() == Some("X") {
        parsed.row_labels = listed.labels(&file, "obs", parsed.rows);
        parsed.col_labels = listed.labels(&file, "var", parsed.cols);
    }
    budget.release(source.bytes.len() as u64);
    Ok(parsed)
}
