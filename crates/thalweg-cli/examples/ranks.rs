//! What an iteration costs on P ranks: measured here, and foretold for more of them from what was measured.
//!
//!     cargo build --release --features thalweg-cli/mpi --example ranks
//!     mpirun -n 4 target/release/examples/ranks [ROWS COLS RANK]
//!
//! Prints α (seconds of a message), β (seconds of a byte) and the rates of the arithmetic; an iteration of HALS on a dense ROWS×COLS matrix on
//! every grid of these ranks, measured and by the model of docs/distributed.md, with its messages and bytes; and the model at 64 to 4096 ranks,
//! by rows and on the grid that sends least.

use rayon::prelude::*;
use std::time::Instant;
use thalweg::comm::{Comm, Counted, Grid, cheapest_grid, equal_parts, grid_traffic};
use thalweg::data::{BlocksInMemory, Dense, Matrix};
use thalweg::problem::{Blocked, Constraints, RowSeparable, RowUpdate, Stay, When};
use thalweg::solver::nmf::Hals;
use thalweg::{Error, comm};
use thalweg_mpi::MpiComm;

/// Iterations that are timed together.
const TIMED: usize = 5;

fn main() -> Result<(), Error> {
    let ranks = MpiComm::join().expect("MPI lets one thread after another call it");
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let (m, n, r) = match numbers[..] {
        [m, n, r] => (m, n, r),
        _ => (8000, 4000, 20),
    };
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("no thread is started yet");
    let counted = Counted::new(&ranks);
    let size = ranks.size();
    let (machine, alone) = measure(&counted, (m, n, r))?;
    if ranks.rank() == 0 {
        println!("alpha {:.2e} s, beta {:.2e} s ({:.2} GB/s)", machine.alpha, machine.beta, 1e-9 / machine.beta);
        println!("product {:.2e} s, sweep {:.2e} s for a multiplication and an addition", machine.product, machine.sweep);
        println!("{m}x{n}, rank {r}, {size} ranks, each by itself {alone:.4} s");
    }
    for columns in (1..=size).filter(|columns| size.is_multiple_of(*columns)) {
        let grid = (size / columns, columns);
        let (seconds, messages, bytes) = on_grid(&counted, grid, (m, n, r))?;
        if ranks.rank() == 0 {
            let sent = grid_traffic(grid, (m, n), r, true);
            let model: f64 = machine.iteration((m, n, r), (m * n) as f64, grid).iter().sum();
            println!("  {}x{columns}: an iteration takes {seconds:.4} s, by the model {model:.4} s;", grid.0);
            println!(
                "    rank 0 sends {messages} messages and {bytes} bytes, by the model {} and {:.0}",
                sent.messages,
                8.0 * sent.numbers / size as f64
            );
        }
    }
    if ranks.rank() == 0 {
        foretell(&machine);
    }
    Ok(())
}

/// Rounds of one gathering or scattered sum: ⌈log₂ P⌉.
fn rounds(size: usize) -> f64 {
    (size as f64).log2().ceil()
}

/// What the model is made of.
struct Machine {
    /// Seconds of a message of no length, and of a byte.
    alpha: f64,
    beta: f64,
    /// Seconds of one multiplication and addition in a product with X, and in a sweep.
    product: f64,
    sweep: f64,
}

impl Machine {
    /// Seconds of an iteration on `stored` entries of an m×n matrix: computing, messages, bytes.
    fn iteration(&self, (m, n, r): (usize, usize, usize), stored: f64, grid: (usize, usize)) -> [f64; 3] {
        let (sent, size) = (grid_traffic(grid, (m, n), r, true), (grid.0 * grid.1) as f64);
        let (rows, columns, r) = ((m as f64 / grid.0 as f64), (n as f64 / grid.1 as f64), r as f64);
        let shared = 2.0 * stored * r * self.product + (m + n) as f64 * r * r * self.sweep;
        // of all rows that a rank holds, which it shares with the others that hold them
        let grams = (rows + columns) * r * r * self.product;
        [shared / size + grams, sent.messages as f64 * self.alpha, 8.0 * sent.numbers / size * self.beta]
    }
}

/// The entries of one place of a grid.
fn held((m, n): (usize, usize), grid: Grid<'_>) -> Result<Matrix<f64>, Error> {
    let ((rows, columns), (i, j)) = (grid.shape(), grid.place());
    let (rows, columns) = (equal_parts(m, rows).swap_remove(i), equal_parts(n, columns).swap_remove(j));
    let entry = |(i, j): (usize, usize)| (((i * n + j) * 2654435761) % 1009) as f64 / 1009.0;
    let values = rows.clone().into_par_iter().flat_map_iter(|i| columns.clone().map(move |j| entry((i, j)))).collect();
    Ok(Matrix::Dense(Dense::new(rows.len(), columns.len(), values)?))
}

/// The rates, and the seconds of an iteration of every rank's rows alone.
fn measure(counted: &Counted<'_>, (m, n, r): (usize, usize, usize)) -> Result<(Machine, f64), Error> {
    let comm: &dyn Comm = counted;
    let data = held((m, n), Grid::of_rows(comm))?;
    let blocks = BlocksInMemory::whole(&data);
    let alone = Blocked::new(&blocks, Grid::of_rows(&comm::Alone), r, Constraints::default())?;
    // products alone, then with a sweep: on every rank at once, as in a run
    let products = timed(comm, &alone, &Stay)?;
    let all = timed(comm, &alone, &Hals)?;
    let (rows, r2) = (data.shape().0 as f64, (r * r) as f64);
    let (alpha, beta) = messages(comm)?;
    let product = products / (2.0 * rows * (n * r) as f64);
    Ok((Machine { alpha, beta, product, sweep: (all - products).max(0.0) / ((rows + n as f64) * r2) }, all))
}

/// Seconds, and messages and bytes of this rank, of an iteration of all.
fn on_grid(counted: &Counted<'_>, grid: (usize, usize), (m, n, r): (usize, usize, usize)) -> Result<(f64, u64, u64), Error> {
    let grid = Grid::new(counted, grid)?;
    let data = held((m, n), grid)?;
    let blocks = BlocksInMemory::whole(&data);
    let problem = Blocked::new(&blocks, grid, r, Constraints::default())?;
    let before = counted.traffic();
    let seconds = timed(counted, &problem, &Hals)?;
    let after = counted.traffic();
    // what `timed` sends itself: three agreements of one number
    let (own, own_bytes) = (3 * rounds(counted.size()) as u64, 48 * (counted.size() as u64 - 1));
    let turns = TIMED as u64 + 1;
    Ok((seconds, (after.messages - before.messages - own) / turns, (after.bytes - before.bytes - own_bytes) / turns))
}

/// Seconds of an iteration, the largest of all ranks; the first is not counted.
fn timed(comm: &dyn Comm, problem: &Blocked<'_, f64>, rule: &dyn RowUpdate<f64>) -> Result<f64, Error> {
    let (rows, n, r) = problem.shape();
    let (mut u, mut v) = (vec![1.0; rows * r], vec![1.0; n * r]);
    u.iter_mut().chain(&mut v).enumerate().for_each(|(at, x)| *x += (at % 7) as f64 / 7.0);
    let mut turn = || problem.both_half_steps((&mut u, &mut v), rule, [When::Never; 2], &mut |_, _| {});
    turn();
    comm.agree(Ok([0.0]))?;
    let begin = Instant::now();
    (0..TIMED).for_each(|_| drop::<Vec<_>>(turn().to_vec()));
    comm.agree(Ok([0.0]))?;
    let all = comm.agree(Ok([begin.elapsed().as_secs_f64() / TIMED as f64]))?;
    Ok(all.iter().map(|one| one[0]).fold(0.0, f64::max))
}

/// α and β, from messages around the circle of ranks: without length, and of four million bytes.
fn messages(comm: &dyn Comm) -> Result<(f64, f64), Error> {
    let (rank, size) = (comm.rank(), comm.size());
    let (next, last) = ((rank + 1) % size, (rank + size - 1) % size);
    let circle = |bytes: usize, turns: usize| -> Result<f64, Error> {
        let (sent, mut received) = (vec![1; bytes], vec![0; bytes]);
        comm.agree(Ok([0.0]))?;
        let begin = Instant::now();
        for _ in 0..turns {
            comm.exchange(next, &sent, last, &mut received)?;
        }
        Ok(begin.elapsed().as_secs_f64() / turns as f64)
    };
    circle(8, 100)?;
    let (short, long) = (circle(8, 2000)?, circle(4_000_000, 20)?);
    Ok((short, (long - short) / 4e6))
}

/// At up to 4096 ranks, by rows and on the grid that sends least.
fn foretell(machine: &Machine) {
    let cases = [("sparse, 1 %", (1_000_000, 28_000, 20), 2.8e8), ("dense", (100_000, 100_000, 50), 1e10), ("dense", (20_000, 200_000, 50), 4e9)];
    for (kind, (m, n, r), stored) in cases {
        println!("{kind}, {m}x{n}, rank {r}");
        println!("    grid  computing  messages     bytes   seconds  efficiency  bytes sent");
        let one: f64 = machine.iteration((m, n, r), stored, (1, 1)).iter().sum();
        for size in [1, 4, 64, 256, 1024, 4096] {
            let cheapest = cheapest_grid(size, (m, n), r, true);
            for grid in [(size, 1), cheapest].into_iter().take(if cheapest.1 > 1 { 2 } else { 1 }) {
                let [work, latency, volume] = machine.iteration((m, n, r), stored, grid);
                let all = work + latency + volume;
                println!(
                    "  {:4}x{:<3} {work:9.4} {latency:9.5} {volume:9.5} {all:9.4}  {:9.1} %  {:10.2e}",
                    grid.0,
                    grid.1,
                    100.0 * one / (all * size as f64),
                    8.0 * grid_traffic(grid, (m, n), r, true).numbers / size as f64,
                );
            }
        }
    }
}
