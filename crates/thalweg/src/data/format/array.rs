//! From the arrays of a file to a matrix: which array, which axis becomes the rows, and what the entries weigh.

use super::parsed::Parsed;
use super::{ImageShape, Precision, ReadOptions, Weights};
use crate::Error;
use crate::data::arrays::raw::in_order;
use crate::data::arrays::{Array, Numbers};
use crate::data::source::{Budget, Source, shown};
use crate::data::spelling::did_you_mean;

/// An array that a file says it holds.
pub(super) struct Variable {
    pub name: String,
    /// Length along each axis, last axis fastest.
    pub shape: Vec<usize>,
}

/// What stands in an array.
pub(super) enum Content {
    /// A number in each place.
    Full(Array),
    /// A sparse matrix.
    Listed(Parsed),
}

/// A file of named arrays.
pub(super) trait Arrays {
    /// The arrays of numbers, as they are listed in the file.
    fn variables(&self) -> &[Variable];

    /// Reads the array of this place in the list.
    fn load(&mut self, at: usize) -> Result<Content, Error>;
}

/// What an array of three axes is when the user does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cube {
    /// Nothing: the user must.
    Unsettled,
    /// The first axis is the rows: wavelengths × pixels in FITS.
    FirstIsRows,
    /// The last axis is the columns: pixels × bands, and pixels × frames, in MATLAB.
    LastIsColumns,
}

/// The matrix in a file of named arrays: the only one, or that of `options.variable`.
pub(super) fn read(source: &Source, arrays: &mut impl Arrays, cube: Cube, options: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let at = match &options.variable {
        Some(name) => named(source, arrays.variables(), name)?,
        None => only_matrix(source, arrays.variables())?,
    };
    let array = match arrays.load(at)? {
        Content::Listed(parsed) => return Ok(parsed),
        Content::Full(array) => array,
    };
    let mut parsed = matrix(source, array, cube, options, budget)?;
    if let Some(weights) = &options.weights {
        let name = weights.name();
        let at = named(source, arrays.variables(), name)?;
        let Content::Full(array) = arrays.load(at)? else {
            return Err(source.malformed(format!("array {}", shown(name.as_bytes())), "a weight for each entry", "a sparse matrix"));
        };
        let given = matrix(source, array, cube, options, budget)?;
        if (given.rows, given.cols) != (parsed.rows, parsed.cols) {
            let expected = format!("{}x{} weights, as many as there are entries", parsed.rows, parsed.cols);
            return Err(source.malformed(format!("array {}", shown(name.as_bytes())), expected, format!("{}x{}", given.rows, given.cols)));
        }
        parsed.weigh(source, given, weights)?;
    }
    Ok(parsed)
}

/// The place of an array: by its name, or by what stands after the last `.` or `/` of it where that is unmistakable.
fn named(source: &Source, variables: &[Variable], name: &str) -> Result<usize, Error> {
    let last = |v: &Variable| v.name.rsplit(['.', '/']).next().is_some_and(|last| last.eq_ignore_ascii_case(name));
    let exact = variables.iter().position(|v| v.name == name);
    let mut similar = variables.iter().enumerate().filter(|(_, v)| v.name.eq_ignore_ascii_case(name) || last(v)).map(|(at, _)| at);
    match (exact, similar.next(), similar.next()) {
        (Some(at), ..) | (None, Some(at), None) => Ok(at),
        (None, Some(_), Some(_)) => {
            let like = variables.iter().filter(|v| v.name.eq_ignore_ascii_case(name) || last(v));
            Err(source.malformed("its arrays", format!("one array {}", shown(name.as_bytes())), listing(like)))
        }
        (None, None, _) => {
            let found = listing(variables.iter()) + &did_you_mean(name, variables.iter().map(|v| v.name.as_str()));
            Err(source.malformed("its arrays", format!("an array {}", shown(name.as_bytes())), found))
        }
    }
}

fn only_matrix(source: &Source, variables: &[Variable]) -> Result<usize, Error> {
    let has_axes = |v: &Variable| v.shape.len() >= 2;
    let is_vector = |v: &Variable| v.shape.iter().filter(|&&side| side != 1).count() < 2;
    let find = |is: &dyn Fn(&Variable) -> bool| variables.iter().enumerate().filter(|(_, v)| is(v)).map(|(at, _)| at).collect::<Vec<_>>();
    let matrices = find(&|v| has_axes(v) && !is_vector(v));
    // a matrix may have one row or column, where nothing larger is there
    let candidates = if matrices.is_empty() { find(&has_axes) } else { matrices };
    match candidates[..] {
        [at] => Ok(at),
        [] => Err(source.malformed("its arrays", "an array of two or more dimensions, or --variable to name another", listing(variables.iter()))),
        _ => {
            let several = candidates.iter().map(|&at| &variables[at]);
            Err(source.malformed("its arrays", "one array of two or more dimensions, or --variable to name it", listing(several)))
        }
    }
}

/// Names and shapes for a message.
fn listing<'a>(variables: impl Iterator<Item = &'a Variable> + Clone) -> String {
    const SHOWN: usize = 10;
    let one = |v: &Variable| format!("{} ({})", shown(v.name.as_bytes()), sides(&v.shape));
    let list = variables.clone().take(SHOWN).map(one).collect::<Vec<_>>().join(", ");
    match variables.count() {
        0 => "none".to_owned(),
        1..=SHOWN => list,
        more => format!("{list} and {} more", more - SHOWN),
    }
}

fn sides(shape: &[usize]) -> String {
    if shape.is_empty() { "a number".to_owned() } else { shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x") }
}

/// A dense matrix from an array: as it is if it has two axes, else with the axis of `options.unfold` as rows and all others as columns.
pub(super) fn matrix(source: &Source, array: Array, cube: Cube, options: &ReadOptions, budget: &Budget) -> Result<Parsed, Error> {
    let unfolded = unfolded(source, &array.shape, cube, options)?;
    let (precision, note) = (precision(&array.values), note_rounding(&array.values));
    budget.claim_items("the matrix", array.values.len() as u64, 8)?;
    let values = match unfolded.strides {
        Some((shape, strides)) => {
            budget.claim_items("the unfolded array", array.values.len() as u64, 8)?;
            let values = in_order(array.values, &shape, &strides);
            budget.release(8 * values.len() as u64);
            values
        }
        None => array.values,
    };
    let mut parsed = Parsed::table(unfolded.rows, unfolded.cols, values.into_f64());
    (parsed.precision, parsed.image) = (precision, unfolded.image);
    parsed.notes.extend(unfolded.note);
    parsed.notes.extend(note);
    Ok(parsed)
}

/// How an array becomes a matrix.
struct Unfolded {
    rows: usize,
    cols: usize,
    /// Shape and strides in which the numbers are to be taken, where that is not the order of the array.
    strides: Option<(Vec<usize>, Vec<usize>)>,
    image: Option<ImageShape>,
    note: Option<String>,
}

fn unfolded(source: &Source, shape: &[usize], cube: Cube, options: &ReadOptions) -> Result<Unfolded, Error> {
    // with a side of 0 the others may be anything, and their product too large
    if shape.contains(&0) {
        return Err(source.malformed("its shape", "at least one row and one column", sides(shape)));
    }
    let image = |others: &[usize]| match others {
        &[height, width] => Some(ImageShape { height, width }),
        _ => None,
    };
    if let Some(axis) = options.unfold {
        if axis >= shape.len() || shape.len() < 2 {
            let expected = format!("an axis of an array with {} of them, counted from 0", shape.len());
            return Err(Error::Parameter { name: "unfold", expected, got: axis.to_string() });
        }
        let mut order: Vec<usize> = (0..shape.len()).collect();
        order.remove(axis);
        let others: Vec<usize> = order.iter().map(|&a| shape[a]).collect();
        order.insert(0, axis);
        let stride = |a: usize| shape[a + 1..].iter().product::<usize>();
        let strides = (axis > 0).then(|| (order.iter().map(|&a| shape[a]).collect(), order.iter().map(|&a| stride(a)).collect()));
        let (rows, cols) = (shape[axis], others.iter().product());
        let note = Some(format!("the array of {} is unfolded to {rows}x{cols}: axis {axis} is the rows", sides(shape)));
        return Ok(Unfolded { rows, cols, strides, image: image(&others), note });
    }
    let long: Vec<usize> = shape.iter().copied().filter(|&side| side != 1).collect();
    let plain = |rows: usize, cols: usize, image, note| Ok(Unfolded { rows, cols, strides: None, image, note });
    match (shape, cube, &long[..]) {
        (&[rows, cols], ..) => plain(rows, cols, None, None),
        (&[_, _, ..], _, &[rows, cols]) => plain(rows, cols, None, Some(format!("the array of {} is read as {rows}x{cols}", sides(shape)))),
        (&[first, second, third], Cube::FirstIsRows, _) => {
            let note = format!("the array of {} is unfolded to {first}x{}: axis 0 is the rows (--unfold)", sides(shape), second * third);
            plain(first, second * third, image(&[second, third]), Some(note))
        }
        (&[first, second, third], Cube::LastIsColumns, _) => {
            let note = format!("the array of {} is unfolded to {}x{third}: the last axis is the columns (--unfold)", sides(shape), first * second);
            plain(first * second, third, None, Some(note))
        }
        _ => Err(source.malformed(
            "its shape",
            "an array of two dimensions (or --unfold AXIS: that axis becomes the rows, all others the columns)",
            format!("{} with shape {shape:?}", dimensions(shape.len())),
        )),
    }
}

fn dimensions(number: usize) -> String {
    if number == 1 { "one dimension".to_owned() } else { format!("{number} dimensions") }
}

pub(super) fn precision(values: &Numbers) -> Precision {
    match values {
        Numbers::F32(_) => Precision::F32,
        Numbers::F64(_) | Numbers::U64(_) => Precision::F64,
    }
}

fn note_rounding(values: &Numbers) -> Option<String> {
    let Numbers::U64(values) = values else { return None };
    values.iter().any(|&x| x as f64 as u64 != x).then(|| "integers beyond 2^53 were rounded to double precision".to_owned())
}

impl Weights {
    pub(super) fn name(&self) -> &str {
        match self {
            Weights::Given(name) | Weights::Variance(name) => name,
        }
    }

    /// The weight that a number of the array stands for; none if it can stand for none.
    pub(super) fn of(&self, x: f64) -> Option<f64> {
        match self {
            Weights::Given(_) if x.is_nan() => Some(0.0),
            Weights::Given(_) => (x >= 0.0 && x.is_finite()).then_some(x),
            Weights::Variance(_) if x > 0.0 => Some(x.recip()).filter(|w| w.is_finite()),
            Weights::Variance(_) => Some(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Reads a 2×3×4 array whose numbers are 0, 1, 2, …
    fn unfold(cube: Cube, unfold: Option<usize>) -> Result<Parsed, Error> {
        let path = Path::new("x");
        let source = Source { path: path.into(), part: None, bytes: vec![] };
        let array = Array { shape: vec![2, 3, 4], values: Numbers::U64((0..24).collect()) };
        matrix(&source, array, cube, &ReadOptions { unfold, ..ReadOptions::default() }, &Budget::new(path, 1 << 20))
    }

    #[test]
    fn every_axis_can_be_the_rows() {
        for (axis, rows, cols, second) in [(0, 2, 12, 1.0), (1, 3, 8, 1.0), (2, 4, 6, 4.0)] {
            let parsed = unfold(Cube::Unsettled, Some(axis)).expect("unfolds");
            assert_eq!((parsed.rows, parsed.cols), (rows, cols));
            let super::super::parsed::Entries::Table(values) = parsed.entries else { panic!("a table") };
            assert_eq!((values[1], values.len()), (second, 24), "axis {axis}");
            assert_eq!(values[cols], [12.0, 4.0, 1.0][axis], "the first entry of the second row is one step along the axis");
        }
        assert!(matches!(unfold(Cube::Unsettled, Some(3)), Err(Error::Parameter { name: "unfold", .. })));
    }

    #[test]
    fn a_cube_is_what_its_format_says() {
        let first = unfold(Cube::FirstIsRows, None).expect("unfolds");
        assert_eq!((first.rows, first.cols, first.image), (2, 12, Some(ImageShape { height: 3, width: 4 })));
        let last = unfold(Cube::LastIsColumns, None).expect("unfolds");
        assert_eq!((last.rows, last.cols), (6, 4));
        assert!(last.notes[0].contains("2x3x4 is unfolded to 6x4"), "{:?}", last.notes);
        let message = unfold(Cube::Unsettled, None).err().expect("unsettled").to_string();
        assert!(message.contains("--unfold AXIS") && message.contains("3 dimensions"), "{message}");
    }

    #[test]
    fn weights_from_variances() {
        let variance = Weights::Variance("STAT".into());
        assert_eq!([4.0, 0.0, -1.0, f64::NAN, f64::INFINITY].map(|x| variance.of(x)), [Some(0.25), Some(0.0), Some(0.0), Some(0.0), Some(0.0)]);
        assert_eq!(variance.of(f64::MIN_POSITIVE / 8.0), None);
        let given = Weights::Given("ivar".into());
        assert_eq!([4.0, 0.0, f64::NAN, -1.0, f64::INFINITY].map(|x| given.of(x)), [Some(4.0), Some(0.0), Some(0.0), None, None]);
    }
}
