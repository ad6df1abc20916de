//! How fast somebody may go: buckets of tokens, and the slowing down of sign-in. Time is handed in.

use std::collections::{BTreeMap, BTreeSet};

use model::time::{SECOND, Timestamp};

/// How many at once, and how many a second after that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// A full bucket.
    pub burst: f64,
    /// What flows in each second.
    pub each_second: f64,
}

/// Buckets by name.
#[derive(Debug)]
pub struct Buckets {
    rate: Rate,
    known: BTreeMap<String, (f64, Timestamp)>,
}

/// Names that are remembered; beyond that, those whose buckets are full again are forgotten, and then all.
const REMEMBERED: usize = 10_000;

impl Buckets {
    /// All of them full.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            known: BTreeMap::new(),
        }
    }

    fn level(&self, name: &str, now: Timestamp) -> f64 {
        self.known.get(name).map_or(self.rate.burst, |(level, at)| {
            let seconds = now.since(*at).0.max(0) as f64 / SECOND as f64;
            (level + seconds * self.rate.each_second).min(self.rate.burst)
        })
    }

    /// Takes one; else after how many seconds there is one.
    pub fn take(&mut self, name: &str, now: Timestamp) -> Result<(), u64> {
        let level = self.level(name, now);
        if level < 1.0 {
            let seconds = (1.0 - level) / self.rate.each_second;
            return Err(seconds.ceil().clamp(1.0, 86_400.0) as u64);
        }
        if self.known.len() >= REMEMBERED {
            let (burst, each) = (self.rate.burst, self.rate.each_second);
            self.known.retain(|_, (level, at)| {
                *level + now.since(*at).0.max(0) as f64 / SECOND as f64 * each < burst
            });
            if self.known.len() >= REMEMBERED {
                self.known.clear();
            }
        }
        self.known.insert(name.to_string(), (level - 1.0, now));
        Ok(())
    }
}

/// Failures at the door. Whoever fails is slowed down where they come from; that others fail in somebody's name slows
/// nobody down who signed in from where they are before.
#[derive(Debug)]
pub struct Tries {
    /// By account and address: the sixth in a row waits.
    pair: Buckets,
    /// By address: whoever tries many names.
    address: Buckets,
    /// By account: whoever tries from many addresses.
    account: Buckets,
    /// From where somebody signed in.
    at_home: BTreeSet<(String, String)>,
}

impl Default for Tries {
    fn default() -> Self {
        let rate = |burst: f64, seconds: f64| {
            Buckets::new(Rate {
                burst,
                each_second: 1.0 / seconds,
            })
        };
        Self {
            pair: rate(5.0, 20.0),
            address: rate(30.0, 5.0),
            account: rate(20.0, 2.0),
            at_home: BTreeSet::new(),
        }
    }
}

impl Tries {
    /// May this be tried now? If not, after how many seconds.
    pub fn begin(&mut self, account: &str, address: &str, now: Timestamp) -> Result<(), u64> {
        let pair = format!("{address} {account}");
        self.pair.take(&pair, now)?;
        let home = (account.to_string(), address.to_string());
        if !self.at_home.contains(&home) {
            self.address.take(address, now)?;
            self.account.take(account, now)?;
        }
        Ok(())
    }

    /// It was the right password: what they tried before counts no more.
    pub fn succeeded(&mut self, account: &str, address: &str) {
        self.pair.known.remove(&format!("{address} {account}"));
        if self.at_home.len() >= REMEMBERED {
            self.at_home.pop_first();
        }
        self.at_home
            .insert((account.to_string(), address.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut buckets = Buckets::new(Rate {
            burst: 3.0,
            each_second: 0.5,
        });
        for _ in 0..3 {
            assert_eq!(buckets.take("a", at(0)), Ok(()));
        }
        assert_eq!(buckets.take("a", at(0)), Err(2));
        assert_eq!(buckets.take("b", at(0)), Ok(()), "another has its own");
        assert_eq!(buckets.take("a", at(2)), Ok(()));
        assert_eq!(buckets.take("a", at(2)), Err(2));
        // A clock that goes back gives nothing.
        assert_eq!(buckets.take("a", at(-100)), Err(2));
        for n in 0..30_000 {
            let _ = buckets.take(&format!("n{n}"), at(3));
        }
        assert!(buckets.known.len() <= REMEMBERED);
    }

    #[test]
    fn guessing_is_slow_and_locks_nobody_out() {
        let mut tries = Tries::default();
        // Anna signed in from home once.
        tries.begin("anna", "home", at(0)).unwrap();
        tries.succeeded("anna", "home");
        // Somebody guesses from a thousand addresses.
        let allowed = (0..1000)
            .filter(|n| tries.begin("anna", &format!("bot{n}"), at(1)).is_ok())
            .count();
        assert!(allowed <= 21, "{allowed}");
        assert_eq!(tries.begin("anna", "home", at(1)), Ok(()));
        // From one address: five, then one each 20 s.
        let mut tries = Tries::default();
        for _ in 0..5 {
            tries.begin("bob", "bot", at(0)).unwrap();
        }
        assert_eq!(tries.begin("bob", "bot", at(0)), Err(20));
        assert_eq!(tries.begin("bob", "bot", at(20)), Ok(()));
        // One address with many names.
        let mut tries = Tries::default();
        let allowed = (0..100)
            .filter(|n| tries.begin(&format!("name{n}"), "bot", at(0)).is_ok())
            .count();
        assert_eq!(allowed, 30);
    }
}
