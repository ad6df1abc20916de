//! The copies of one function: which are warm, how many run, what they have taken of memory.

use std::time::Duration;

use crate::config::FunctionConfig;

/// What the code takes before it does anything, in MiB.
const BASE_MB: u64 = 44;

/// How a copy came to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Started {
    /// It had run before.
    Warm,
    /// It has to load first.
    Cold,
}

/// The copies of one function.
#[derive(Debug, Default)]
pub(super) struct Sandboxes {
    /// What the warm copies were loaded with; with any other configuration they are of no use.
    loaded: Option<FunctionConfig>,
    warm: u32,
    running: u32,
    kept: Vec<Vec<u8>>,
    kept_per_run_kib: usize,
}

/// Two configurations with which the same copy can go on. How many may run is no business of the copy.
fn same_copy(a: &FunctionConfig, b: &FunctionConfig) -> bool {
    a.role == b.role
        && a.environment == b.environment
        && a.version == b.version
        && a.restarts == b.restarts
}

impl Sandboxes {
    /// Starts a copy unless as many as are allowed run.
    pub fn start(&mut self, settings: &FunctionConfig, limit: u32) -> Option<Started> {
        if self.running >= limit {
            return None;
        }
        self.running += 1;
        if !self
            .loaded
            .as_ref()
            .is_some_and(|loaded| same_copy(loaded, settings))
        {
            if self
                .loaded
                .as_ref()
                .is_some_and(|loaded| loaded.restarts != settings.restarts)
            {
                // Started afresh by hand: what had gone wrong inside of the old copies is gone with them.
                self.kept_per_run_kib = 0;
            }
            self.loaded = Some(settings.clone());
            self.warm = 0;
            self.kept.clear();
        }
        if self.warm > 0 {
            self.warm -= 1;
            Some(Started::Warm)
        } else {
            Some(Started::Cold)
        }
    }

    /// A copy that ran well, or failed and can go on, waits for the next request.
    pub fn keep(&mut self, settings: &FunctionConfig) {
        if self
            .loaded
            .as_ref()
            .is_some_and(|loaded| same_copy(loaded, settings))
        {
            self.warm += 1;
        }
    }

    /// A run is over.
    pub fn end(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// How many run.
    pub fn running(&self) -> u32 {
        self.running
    }

    /// From now on each run leaves so much behind; 0 also gives back what was left.
    pub fn leak(&mut self, kib: usize) {
        self.kept_per_run_kib = kib;
        if kib == 0 {
            self.kept.clear();
        }
    }

    /// A run leaves behind what it leaves. True if the copy has thereby taken more than it may, and is killed.
    pub fn remember(&mut self, settings: &FunctionConfig) -> bool {
        if self.kept_per_run_kib > 0 {
            self.kept.push(vec![1; self.kept_per_run_kib << 10]);
        }
        if self.used_mb(settings) < settings.memory_mb {
            return false;
        }
        self.kept.clear();
        self.warm = 0;
        true
    }

    /// What the fullest copy has taken, in MiB.
    pub fn used_mb(&self, settings: &FunctionConfig) -> u64 {
        let kept: usize = self.kept.iter().map(Vec::len).sum();
        (BASE_MB + (kept >> 20) as u64).min(settings.memory_mb)
    }

    /// What a run loses to collecting garbage when memory is nearly full.
    pub fn pressure(&self, settings: &FunctionConfig) -> Duration {
        let used = self.used_mb(settings) as f64 / settings.memory_mb.max(1) as f64;
        if used < 0.7 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64((used - 0.7) * 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::PRIMARY;

    fn settings() -> FunctionConfig {
        crate::config::first(PRIMARY, "now").functions["getBalance"].clone()
    }

    #[test]
    fn copies_stay_warm_until_their_configuration_changes() {
        let mut copies = Sandboxes::default();
        let mut settings = settings();
        assert_eq!(copies.start(&settings, 2), Some(Started::Cold));
        assert_eq!(copies.start(&settings, 2), Some(Started::Cold));
        assert_eq!(copies.start(&settings, 2), None);
        copies.keep(&settings);
        copies.end();
        copies.end();
        assert_eq!(copies.start(&settings, 2), Some(Started::Warm));
        copies.keep(&settings);
        copies.end();
        settings.reserved_concurrency = Some(0);
        assert_eq!(copies.start(&settings, 0), None);
        assert_eq!(copies.start(&settings, 1), Some(Started::Warm));
        copies.keep(&settings);
        copies.end();
        settings.environment.remove("LEDGER_TABLE");
        assert_eq!(copies.start(&settings, 1), Some(Started::Cold));
    }

    #[test]
    fn a_leak_ends_the_copy_and_a_restart_ends_the_leak() {
        let mut copies = Sandboxes::default();
        let mut settings = settings();
        copies.start(&settings, 1);
        copies.leak(1 << 10);
        let runs = (1..200).find(|_| copies.remember(&settings));
        assert_eq!(runs, Some(84));
        assert_eq!(copies.used_mb(&settings), 44);
        copies.end();
        settings.restarts += 1;
        copies.start(&settings, 1);
        assert!((0..200).all(|_| !copies.remember(&settings)));
    }
}
