//! Numbers as bytes: every type and byte order that the formats of arrays have in common.

use super::Numbers;

/// What the bits of a number mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Float,
    Int,
    Uint,
    /// 0 is false, everything else true.
    Truth,
}

/// How a number is stored. A float takes 4 or 8 bytes, an integer 1, 2, 4 or 8, a truth value 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw {
    pub kind: Type,
    /// Bytes of one number.
    pub size: usize,
    pub big_endian: bool,
}

impl Raw {
    /// Whether these are floating-point numbers of 4 bytes.
    pub(crate) fn is_single(self) -> bool {
        self.kind == Type::Float && self.size == 4
    }

    /// The numbers that fill these bytes; what is left over at the end is not looked at.
    pub(crate) fn decode(self, data: &[u8]) -> Numbers {
        let big = self.big_endian;
        match (self.kind, self.size) {
            (Type::Float, 4) => Numbers::F32(decode(data, big, f32::from_le_bytes).collect()),
            (Type::Float, _) => Numbers::F64(decode(data, big, f64::from_le_bytes).collect()),
            (Type::Uint, 2) => Numbers::U64(decode(data, big, u16::from_le_bytes).map(u64::from).collect()),
            (Type::Uint, 4) => Numbers::U64(decode(data, big, u32::from_le_bytes).map(u64::from).collect()),
            (Type::Uint, 8) => Numbers::U64(decode(data, big, u64::from_le_bytes).collect()),
            (Type::Int, 1) => integers(decode(data, big, i8::from_le_bytes).map(i64::from)),
            (Type::Int, 2) => integers(decode(data, big, i16::from_le_bytes).map(i64::from)),
            (Type::Int, 4) => integers(decode(data, big, i32::from_le_bytes).map(i64::from)),
            (Type::Int, _) => integers(decode(data, big, i64::from_le_bytes)),
            (Type::Truth, _) => Numbers::U64(data.iter().map(|&b| u64::from(b != 0)).collect()),
            (Type::Uint, _) => Numbers::U64(data.iter().map(|&b| u64::from(b)).collect()),
        }
    }
}

fn decode<const N: usize, T>(data: &[u8], big_endian: bool, from_le: fn([u8; N]) -> T) -> impl Iterator<Item = T> + Clone {
    data.as_chunks::<N>().0.iter().map(move |&chunk| {
        let mut bytes = chunk;
        if big_endian {
            bytes.reverse();
        }
        from_le(bytes)
    })
}

fn integers(values: impl Iterator<Item = i64> + Clone) -> Numbers {
    if values.clone().any(|x| x < 0) { Numbers::F64(values.map(|x| x as f64).collect()) } else { Numbers::U64(values.map(|x| x as u64).collect()) }
}

/// First axis fastest → last axis fastest.
pub(crate) fn c_order(values: Numbers, shape: &[usize]) -> Numbers {
    let strides: Vec<usize> = shape
        .iter()
        .scan(1, |stride, &side| {
            let own = *stride;
            *stride *= side;
            Some(own)
        })
        .collect();
    in_order(values, shape, &strides)
}

/// The numbers of an array whose place (i, j, …) lies at i·strides[0] + j·strides[1] + …, last axis fastest.
pub(crate) fn in_order(values: Numbers, shape: &[usize], strides: &[usize]) -> Numbers {
    match values {
        Numbers::F32(x) => Numbers::F32(gathered(&x, shape, strides)),
        Numbers::F64(x) => Numbers::F64(gathered(&x, shape, strides)),
        Numbers::U64(x) => Numbers::U64(gathered(&x, shape, strides)),
    }
}

fn gathered<T: Copy>(values: &[T], shape: &[usize], strides: &[usize]) -> Vec<T> {
    let mut place = vec![0; shape.len()];
    let mut at = 0;
    let mut out = Vec::with_capacity(values.len());
    while out.len() < values.len() {
        out.push(values[at]);
        for axis in (0..shape.len()).rev() {
            place[axis] += 1;
            at += strides[axis];
            if place[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            place[axis] = 0;
        }
    }
    out
}
