//! Ranks in rows and columns, as the blocks of a matrix that they hold.

use super::{Alone, Comm};
use crate::{Error, Side};

/// P ranks as a table of pr rows and pc columns, numbered row by row: rank (i, j) holds the entries of the i-th part of the rows of X that lie
/// in the j-th part of its columns, the rows of U of the former, and the rows of V of the latter.
///
/// One column is the distribution by rows: a rank holds whole rows, and all of V.
#[derive(Clone, Copy)]
pub struct Grid<'a> {
    comm: &'a dyn Comm,
    columns: usize,
}

/// Ranks at equal distances.
pub struct Group<'a> {
    comm: &'a dyn Comm,
    first: usize,
    distance: usize,
    size: usize,
}

/// Numbers that a network carries in the time of one message, in the choice of a grid: 2 µs at 10 GB/s, of 8 bytes.
const NUMBERS_OF_A_MESSAGE: f64 = 2500.0;

/// What the problem sends on a grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GridTraffic {
    /// Messages of each rank.
    pub messages: usize,
    /// Numbers of all ranks together, exact up to 2⁵³.
    pub numbers: f64,
}

impl<'a> Grid<'a> {
    /// Each rank holds whole rows.
    pub fn of_rows(comm: &'a dyn Comm) -> Self {
        Grid { comm, columns: 1 }
    }

    /// pr×pc.
    ///
    /// # Errors
    /// [`Error::Parameter`] if these are not as many as there are ranks.
    pub fn new(comm: &'a dyn Comm, (rows, columns): (usize, usize)) -> Result<Self, Error> {
        if rows.checked_mul(columns) != Some(comm.size()) {
            let expected = format!("as many places as ranks, {}", comm.size());
            return Err(Error::Parameter { name: "grid", expected, got: format!("{rows}x{columns}") });
        }
        Ok(Grid { comm, columns })
    }

    /// All ranks.
    pub fn comm(&self) -> &'a dyn Comm {
        self.comm
    }

    /// (pr, pc).
    pub fn shape(&self) -> (usize, usize) {
        (self.comm.size() / self.columns, self.columns)
    }

    /// (i, j) of this rank.
    pub fn place(&self) -> (usize, usize) {
        (self.comm.rank() / self.columns, self.comm.rank() % self.columns)
    }

    /// The ranks that hold the same rows of the `side` factor as this one: those of its row of the grid hold the same of U, those of its
    /// column the same of V. The holders of the one have all parts of the other, in order.
    pub fn holders(&self, side: Side) -> Group<'a> {
        let ((rows, columns), (i, j)) = (self.shape(), self.place());
        match side {
            Side::U => Group { comm: self.comm, first: i * columns, distance: 1, size: columns },
            Side::V => Group { comm: self.comm, first: j, distance: columns, size: rows },
        }
    }
}

impl Comm for Group<'_> {
    fn rank(&self) -> usize {
        (self.comm.rank() - self.first) / self.distance
    }

    fn size(&self) -> usize {
        self.size
    }

    fn exchange(&self, to: usize, sent: &[u8], from: usize, received: &mut [u8]) -> Result<(), Error> {
        if self.size == 1 {
            return Alone.exchange(to, sent, from, received);
        }
        let of_all = |rank: usize| self.first + rank * self.distance;
        self.comm.exchange(of_all(to), sent, of_all(from), received)
    }
}

/// What an iteration on m×n data at rank r sends on pr×pc ranks: for a factor whose rows p > 1 ranks hold each, in every such group, C and what
/// was found, twice (p − 1) times its rows times r, and G, 2r²(p − 1), or (p − 1) r² for each row where each has its own; and from each rank to
/// each what was measured, five numbers.
///
/// A rank sends (n/pc)·r and (m/pr)·r numbers twice: the fewest, of order √(mn/P)·r, where the blocks are square. Source: Kannan, Ballard,
/// Park (2016), section 5.
pub fn grid_traffic((rows, columns): (usize, usize), (m, n): (usize, usize), r: usize, has_one_gram: bool) -> GridTraffic {
    let rounds = |size: usize| size.next_power_of_two().ilog2() as usize;
    let (ranks, r) = ((rows * columns) as f64, r as f64);
    let mut sent = GridTraffic { messages: rounds(rows * columns), numbers: 5.0 * ranks * (ranks - 1.0) };
    for (holders, groups, length) in [(columns, rows, m as f64), (rows, columns, n as f64)] {
        let grams = if has_one_gram { 2.0 * groups as f64 * r * r } else { length * r * r };
        sent.numbers += (holders - 1) as f64 * (2.0 * length * r + grams);
        sent.messages += rounds(holders) * if has_one_gram { 4 } else { 3 };
    }
    sent
}

/// The grid of this many ranks on which an iteration spends the least time on sending, were a message worth 2500 numbers: 2 µs at 10 GB/s.
pub fn cheapest_grid(ranks: usize, (m, n): (usize, usize), r: usize, has_one_gram: bool) -> (usize, usize) {
    let cost = |grid: (usize, usize)| {
        let sent = grid_traffic(grid, (m, n), r, has_one_gram);
        sent.numbers / ranks as f64 + NUMBERS_OF_A_MESSAGE * sent.messages as f64
    };
    let grids = (1..=ranks.min(n)).filter(|columns| ranks.is_multiple_of(*columns)).map(|columns| (ranks / columns, columns));
    grids.min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap_or((ranks, 1))
}

#[cfg(test)]
mod tests {
    use super::super::thread_ranks;
    use super::*;

    #[test]
    fn holders_of_one_factor_have_all_parts_of_the_other() {
        for shape in [(1, 1), (4, 1), (1, 3), (2, 3), (3, 2)] {
            let found = thread_ranks(shape.0 * shape.1, |comm| {
                let grid = Grid::new(comm, shape)?;
                let own = [grid.place().0 as f64, grid.place().1 as f64];
                let (beside, below): (&dyn Comm, &dyn Comm) = (&grid.holders(Side::U), &grid.holders(Side::V));
                Ok::<_, Error>((grid.place(), beside.agree(Ok(own))?, below.agree(Ok(own))?))
            });
            for (rank, found) in found.into_iter().enumerate() {
                let (place, beside, below) = found.expect("all are there");
                assert_eq!(place, (rank / shape.1, rank % shape.1));
                assert_eq!(beside, (0..shape.1).map(|j| [place.0 as f64, j as f64]).collect::<Vec<_>>());
                assert_eq!(below, (0..shape.0).map(|i| [i as f64, place.1 as f64]).collect::<Vec<_>>());
            }
        }
        assert!(matches!(Grid::new(&Alone, (2, 1)).map(|grid| grid.shape()), Err(Error::Parameter { name: "grid", .. })));
    }

    #[test]
    fn the_cheapest_grid_has_square_blocks_where_there_are_many_ranks() {
        assert_eq!(cheapest_grid(64, (100_000, 100_000), 50, true), (8, 8));
        assert_eq!(cheapest_grid(64, (20_000, 200_000), 50, true), (2, 32));
        assert_eq!(cheapest_grid(1024, (1_000_000, 28_000), 20, true), (256, 4));
        // tall data, and few ranks: rows alone; wide data: columns alone
        assert_eq!(cheapest_grid(4, (1_000_000, 1_000), 20, true), (4, 1));
        assert_eq!(cheapest_grid(64, (1_000_000, 28_000), 20, true), (64, 1));
        assert_eq!(cheapest_grid(4, (1_000, 1_000_000), 20, false), (1, 4));
        // no more columns than the data have
        assert_eq!(cheapest_grid(6, (1_000_000, 2), 2, true), (6, 1));
        assert_eq!(cheapest_grid(1, (5, 7), 2, false), (1, 1));
        // a rank that will be refused
        assert_eq!(cheapest_grid(4, (usize::MAX, 5), usize::MAX, false), (4, 1));
    }
}
