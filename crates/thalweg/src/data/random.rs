//! Counter-based random streams.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The stream of trial number `trial` under `seed`: 2⁶⁴ independent ones for each seed, none of which depends on threads.
pub fn stream(seed: u64, trial: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(trial);
    rng
}
