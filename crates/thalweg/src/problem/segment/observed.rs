//! All lines between two families of points over the observed entries: one pass, small tables for each entry.

use super::scaling::{Family, Scaling};
use crate::Side;
use crate::data::Observed;
use crate::linalg::ROW_BLOCK;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Starts of a tile, and ends of one where there are as many: one vector register of f64 at most.
pub(super) const LANES: usize = 8;

/// What the number of ends is padded to: tiles of single ends where there are few.
pub(super) fn end_lanes(ends: usize) -> usize {
    if ends < LANES / 2 { 1 } else { LANES }
}

/// Entries of a row that are worked on together, so that a tile's sums stay in the first cache.
const ENTRIES_TOGETHER: usize = 16;

/// Sums of each line of a tile: ⟨W₀,W₁⟩, ⟨W₁,W₁⟩, ⟨W₀,W₂⟩, ⟨W₁,W₂⟩, ⟨W₂,W₂⟩.
const SUMS: usize = 5;

/// c₀ … c₄ of the lines from each of `starts` (q) to each of `ends` (p), at p·Q + q.
///
/// At an entry, with s = u_p·v_q + u_q·v_p: w₀ = u_q·v_q − x, w₁ = s − 2 u_q·v_q, w₂ = u_p·v_p + u_q·v_q − s.
///
/// None of it changes when X is transposed, so the pass goes along the longer side, whose factor is read where it is; only the other is
/// copied, because its rows are wanted in any order.
pub(super) fn quartics(x: &Observed, scaling: &Scaling, starts: &Family, ends: &Family) -> Vec<[f64; 5]> {
    match end_lanes(ends.points.len()) {
        1 => quartics_by::<1>(x, scaling, starts, ends),
        _ => quartics_by::<LANES>(x, scaling, starts, ends),
    }
}

/// In tiles of ENDS ends × LANES starts.
fn quartics_by<const ENDS: usize>(x: &Observed, scaling: &Scaling, starts: &Family, ends: &Family) -> Vec<[f64; 5]> {
    let (m, n) = (x.entries.by_row.rows(), x.entries.by_col.rows());
    let (along, across) = if m >= n { (Side::U, Side::V) } else { (Side::V, Side::U) };
    let (start_rows, end_rows) = (starts.stack(across), ends.stack(across));
    let pass = Pass { x, scaling, along, starts, ends, start_rows: &start_rows, end_rows: &end_rows };
    let blocks: Vec<usize> = (0..m.max(n)).step_by(ROW_BLOCK).collect();
    let arch = Arch::new();
    let partial = |&first: &usize| arch.dispatch(RowBlock::<ENDS> { pass: &pass, first, last: m.max(n).min(first + ROW_BLOCK) });
    let mut total = Sums::<ENDS>::new(starts, ends);
    for block in blocks.par_iter().map(partial).collect::<Vec<_>>() {
        total.add(&block);
    }
    let line = |p: usize, q: usize| {
        let [w01, w11, w02, w12, w22] = total.of_line(p, q);
        [0.5 * total.w00[q], w01, 0.5 * w11 + w02, w12, 0.5 * w22]
    };
    (0..ends.points.len()).flat_map(|p| (0..starts.points.len()).map(move |q| (p, q))).map(|(p, q)| line(p, q)).collect()
}

struct Sums<const ENDS: usize> {
    /// Tiles by (block of ends, block of starts), each (sum, end, start).
    tiles: Vec<f64>,
    /// ‖W₀‖² for each start.
    w00: Vec<f64>,
    /// Blocks of starts.
    across: usize,
}

impl<const ENDS: usize> Sums<ENDS> {
    const TILE: usize = SUMS * ENDS * LANES;

    fn new(starts: &Family, ends: &Family) -> Self {
        let (across, down) = (starts.padded / LANES, ends.padded / ENDS);
        Sums { tiles: vec![0.0; across * down * Self::TILE], w00: vec![0.0; starts.padded], across }
    }

    fn add(&mut self, other: &Self) {
        self.tiles.iter_mut().zip(&other.tiles).for_each(|(a, b)| *a += b);
        self.w00.iter_mut().zip(&other.w00).for_each(|(a, b)| *a += b);
    }

    fn of_line(&self, p: usize, q: usize) -> [f64; SUMS] {
        let tile = &self.tiles[(p / ENDS * self.across + q / LANES) * Self::TILE..][..Self::TILE];
        std::array::from_fn(|sum| tile[(sum * ENDS + p % ENDS) * LANES + q % LANES])
    }
}

/// What the tiles of one entry share.
struct Entry<'a> {
    weight: f64,
    /// v_p and v_q as (k, point).
    v_p: &'a [f64],
    v_q: &'a [f64],
    /// u_p·v_p for each end.
    own_p: Vec<f64>,
    /// u_q·v_q for each start.
    own_q: Vec<f64>,
    /// w·(u_q·v_q − x) for each start.
    w0: Vec<f64>,
}

impl<'a> Entry<'a> {
    fn with_room(starts: &Family, ends: &Family) -> Entry<'a> {
        Entry { weight: 0.0, v_p: &[], v_q: &[], own_p: vec![0.0; ends.padded], own_q: vec![0.0; starts.padded], w0: vec![0.0; starts.padded] }
    }

    #[inline(always)]
    fn set(&mut self, (u_p, u_q): (&[f64], &[f64]), (v_p, v_q): (&'a [f64], &'a [f64]), x: f64, weight: f64, w00: &mut [f64]) {
        (self.weight, self.v_p, self.v_q) = (weight, v_p, v_q);
        dot_columns(u_p, v_p, &mut self.own_p);
        dot_columns(u_q, v_q, &mut self.own_q);
        for (q, &own) in self.own_q.iter().enumerate() {
            let w0 = own - x;
            self.w0[q] = weight * w0;
            w00[q] += self.w0[q] * w0;
        }
    }
}

/// Σₖ a b for (k, point) arrays.
#[inline(always)]
fn dot_columns(a: &[f64], b: &[f64], out: &mut [f64]) {
    out.fill(0.0);
    let width = out.len().max(1);
    for (a, b) in a.chunks_exact(width).zip(b.chunks_exact(width)) {
        out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o += a * b);
    }
}

struct Pass<'a> {
    x: &'a Observed,
    scaling: &'a Scaling,
    /// The longer side.
    along: Side,
    starts: &'a Family<'a>,
    ends: &'a Family<'a>,
    /// The factors across, (row, k, point).
    start_rows: &'a [f64],
    end_rows: &'a [f64],
}

struct RowBlock<'a, const ENDS: usize> {
    pass: &'a Pass<'a>,
    first: usize,
    last: usize,
}

impl<const ENDS: usize> WithSimd for RowBlock<'_, ENDS> {
    type Output = Sums<ENDS>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Sums<ENDS> {
        let RowBlock { pass: &Pass { x, scaling, along, starts, ends, start_rows, end_rows }, first, last } = self;
        let mut sums = Sums::new(starts, ends);
        let across = sums.across;
        let mut entries: Vec<Entry> = (0..ENTRIES_TOGETHER).map(|_| Entry::with_room(starts, ends)).collect();
        let (mut u_p, mut u_q) = (vec![0.0; ends.width()], vec![0.0; starts.width()]);
        for i in first..last {
            ends.gather(along, i, &mut u_p);
            starts.gather(along, i, &mut u_q);
            let (columns, values) = x.entries.rows_of(along).row(i);
            let weights = x.weights.as_ref().map(|w| w.rows_of(along).row(i).1);
            for from in (0..columns.len()).step_by(ENTRIES_TOGETHER) {
                let count = ENTRIES_TOGETHER.min(columns.len() - from);
                for (at, entry) in (from..from + count).zip(&mut entries) {
                    let j = columns[at] as usize;
                    let v = (&end_rows[j * u_p.len()..][..u_p.len()], &start_rows[j * u_q.len()..][..u_q.len()]);
                    entry.set((&u_p, &u_q), v, scaling.of_x(values[at]), weights.map_or(1.0, |w| w[at]), &mut sums.w00);
                }
                for (tile, sums) in sums.tiles.chunks_exact_mut(Sums::<ENDS>::TILE).enumerate() {
                    let (p, q) = (tile / across * ENDS, tile % across * LANES);
                    let tile = Tile::<ENDS> { p, q, ends_width: ends.padded, starts_width: starts.padded };
                    for entry in &entries[..count] {
                        tile.add(simd, (&u_p, &u_q), entry, sums);
                    }
                }
            }
        }
        sums
    }
}

/// ENDS ends from p and LANES starts from q.
struct Tile<const ENDS: usize> {
    p: usize,
    q: usize,
    ends_width: usize,
    starts_width: usize,
}

/// The `index`-th vector of LANES numbers.
#[inline(always)]
fn vector<S: Simd>(numbers: &[f64], index: usize) -> S::f64s {
    S::as_simd_f64s(&numbers[..LANES]).0[index]
}

impl<const ENDS: usize> Tile<ENDS> {
    /// s for one vector of starts and all ends.
    #[inline(always)]
    fn products<S: Simd>(&self, simd: S, (u_p, u_q): (&[f64], &[f64]), entry: &Entry, part: usize) -> [S::f64s; ENDS] {
        let mut s = [simd.splat_f64s(0.0); ENDS];
        let of_ends = u_p.chunks_exact(self.ends_width).zip(entry.v_p.chunks_exact(self.ends_width));
        let of_starts = u_q.chunks_exact(self.starts_width).zip(entry.v_q.chunks_exact(self.starts_width));
        for ((u_p, v_p), (u_q, v_q)) in of_ends.zip(of_starts) {
            let (v_q, u_q) = (vector::<S>(&v_q[self.q..], part), vector::<S>(&u_q[self.q..], part));
            let (u_p, v_p) = (&u_p[self.p..][..ENDS], &v_p[self.p..][..ENDS]);
            for p in 0..ENDS {
                s[p] = simd.mul_add_e_f64s(simd.splat_f64s(u_p[p]), v_q, s[p]);
                s[p] = simd.mul_add_e_f64s(simd.splat_f64s(v_p[p]), u_q, s[p]);
            }
        }
        s
    }

    #[inline(always)]
    fn add<S: Simd>(&self, simd: S, u: (&[f64], &[f64]), entry: &Entry, sums: &mut [f64]) {
        let weight = simd.splat_f64s(entry.weight);
        let parts = LANES / S::F64_LANES;
        for part in 0..parts {
            let s = self.products(simd, u, entry, part);
            let own_q = vector::<S>(&entry.own_q[self.q..], part);
            let weighted_w0 = vector::<S>(&entry.w0[self.q..], part);
            let twice_own_q = simd.add_f64s(own_q, own_q);
            let vectors = S::as_mut_simd_f64s(sums).0;
            for p in 0..ENDS {
                let own_p = simd.splat_f64s(entry.own_p[self.p + p]);
                let w1 = simd.sub_f64s(s[p], twice_own_q);
                let w2 = simd.sub_f64s(simd.add_f64s(own_p, own_q), s[p]);
                let (weighted_w1, weighted_w2) = (simd.mul_f64s(weight, w1), simd.mul_f64s(weight, w2));
                let terms = [(weighted_w0, w1), (weighted_w1, w1), (weighted_w0, w2), (weighted_w1, w2), (weighted_w2, w2)];
                for (sum, (a, b)) in terms.into_iter().enumerate() {
                    let total = &mut vectors[(sum * ENDS + p) * parts + part];
                    *total = simd.mul_add_e_f64s(a, b, *total);
                }
            }
        }
    }
}
