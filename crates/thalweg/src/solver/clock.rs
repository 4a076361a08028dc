//! The time since a run began.

use std::time::{Duration, Instant};

/// Starts with a run. A bare WebAssembly module has no clock to ask: there it stands at 0, and limits of time never come.
pub(super) struct Clock(Option<Instant>);

impl Clock {
    pub(super) fn start() -> Self {
        let is_there = !cfg!(all(target_family = "wasm", target_os = "unknown"));
        Clock(is_there.then(Instant::now))
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.0.map_or(Duration::ZERO, |begin| begin.elapsed())
    }
}
