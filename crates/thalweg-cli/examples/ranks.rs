//! What an iteration costs on P ranks: measured here, and foretold for more of them from what was measured.
//!
//!     cargo build --release --features thalweg-cli/mpi --example ranks
//!     mpirun -n 4 target/release/examples/ranks [ROWS COLS RANK]
//!
//! Prints α (seconds of a message), β (seconds of a byte) and the rates of the arithmetic; an iteration of HALS on a dense ROWS×COLS matrix,
//! measured and by the model of docs/distributed.md, with its messages and bytes; and the model at 64 to 4096 ranks.

use rayon::prelude::*;
use std::time::Instant;
use thalweg::comm::{Comm, Counted, Traffic, equal_parts};
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
    let machine = measure(&counted, (m, n, r))?;
    if ranks.rank() == 0 {
        machine.tell(ranks.size());
        foretell(&machine);
    }
    Ok(())
}

/// Rounds of one gathering or scattered sum: ⌈log₂ P⌉.
fn rounds(size: usize) -> f64 {
    (size as f64).log2().ceil()
}

/// What the model is made of, and what it is held against.
struct Machine {
    /// Seconds of a message of no length, and of a byte.
    alpha: f64,
    beta: f64,
    /// Seconds of one multiplication and addition in a product with X, and in a sweep.
    product: f64,
    sweep: f64,
    shape: (usize, usize, usize),
    seconds: f64,
    traffic: Traffic,
}

/// What rank 0 sends in one iteration on dense data: C and V, G twice, and five numbers for each rank.
fn sent(n: usize, r: usize, size: usize) -> (f64, f64) {
    let others = size as f64 - 1.0;
    let numbers = 2.0 * (n * r) as f64 * others / size as f64 + 2.0 * (r * r) as f64 * others / size as f64 + 5.0 * others;
    (5.0 * rounds(size), 8.0 * numbers)
}

impl Machine {
    /// Seconds of an iteration on `stored` entries of an m×n matrix: computing, messages, bytes.
    fn iteration(&self, (m, n, r): (usize, usize, usize), stored: f64, size: usize) -> [f64; 3] {
        let (messages, bytes) = sent(n, r, size);
        let work = 2.0 * stored * r as f64 * self.product + ((m + n) * r * r) as f64 * self.sweep;
        [work / size as f64, messages * self.alpha, bytes * self.beta]
    }

    fn tell(&self, size: usize) {
        let (m, n, r) = self.shape;
        println!("alpha {:.2e} s, beta {:.2e} s ({:.2} GB/s)", self.alpha, self.beta, 1e-9 / self.beta);
        println!("product {:.2e} s, sweep {:.2e} s for a multiplication and an addition", self.product, self.sweep);
        let (messages, bytes) = sent(n, r, size);
        let model: f64 = self.iteration(self.shape, (m * n) as f64, size).iter().sum();
        println!("{m}x{n}, rank {r}, {size} ranks: an iteration takes {:.4} s, by the model {model:.4} s;", self.seconds);
        println!("  rank 0 sends {} messages and {} bytes, by the model {messages} and {bytes:.0}", self.traffic.messages, self.traffic.bytes);
    }
}

fn measure(counted: &Counted<'_>, shape: (usize, usize, usize)) -> Result<Machine, Error> {
    let comm: &dyn Comm = counted;
    let (m, n, r) = shape;
    let here = equal_parts(m, comm.size()).swap_remove(comm.rank());
    let values: Vec<f64> = (here.start * n..here.end * n).into_par_iter().map(|at| ((at * 2654435761) % 1009) as f64 / 1009.0).collect();
    let data = Matrix::Dense(Dense::new(here.len(), n, values)?);
    let held = BlocksInMemory::whole(&data);
    let alone = Blocked::new(&held, &comm::Alone, r, Constraints::default())?;
    // products alone, then with a sweep: on every rank at once, as in a run
    let products = timed(comm, &alone, &Stay)?;
    let sweeps = timed(comm, &alone, &Hals)? - products;
    let (rows, r2) = ((here.len() + n) as f64, (r * r) as f64);
    let (alpha, beta) = messages(comm)?;
    let problem = Blocked::new(&held, comm, r, Constraints::default())?;
    let before = counted.traffic();
    let seconds = timed(comm, &problem, &Hals)?;
    let after = counted.traffic();
    // what `timed` sends itself: three agreements of one number
    let own = 3 * rounds(comm.size()) as u64;
    let own_bytes = 3 * 16 * (comm.size() as u64 - 1);
    let turns = TIMED as u64 + 1;
    Ok(Machine {
        alpha,
        beta,
        product: products / (2.0 * (here.len() * n * r) as f64),
        sweep: sweeps.max(0.0) / (rows * r2),
        shape,
        seconds,
        traffic: Traffic { messages: (after.messages - before.messages - own) / turns, bytes: (after.bytes - before.bytes - own_bytes) / turns },
    })
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

/// At 64 to 4096 ranks; a two-dimensional grid would send √(mn/P)·r numbers for each factor, where that is less.
fn foretell(machine: &Machine) {
    let cases = [("sparse, 1 %", (1_000_000, 28_000, 20), 2.8e8), ("dense", (100_000, 100_000, 50), 1e10), ("dense", (20_000, 200_000, 50), 4e9)];
    for (kind, (m, n, r), stored) in cases {
        println!("{kind}, {m}x{n}, rank {r}");
        println!("  ranks  computing  messages     bytes   seconds  efficiency  bytes sent  on a grid");
        let one: f64 = machine.iteration((m, n, r), stored, 1).iter().sum();
        for size in [1, 4, 64, 256, 1024, 4096] {
            let [work, latency, volume] = machine.iteration((m, n, r), stored, size);
            let all = work + latency + volume;
            let grid = 2.0 * 8.0 * ((m * n) as f64 / size as f64).sqrt() * r as f64;
            println!(
                "  {size:5}  {work:9.4} {latency:9.5} {volume:9.5} {all:9.4}  {:9.1} %  {:10.2e}  {:9.2e}",
                100.0 * one / (all * size as f64),
                sent(n, r, size).1,
                grid
            );
        }
    }
}
