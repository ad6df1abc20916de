//! Which region serves, and when that changes: pure.

use serde_json::{Value, json};

use crate::deployment::Intervals;
use crate::names::REGIONS;

/// Switches that are remembered.
const REMEMBERED: usize = 100;

#[derive(Clone, Debug, Default)]
struct Seen {
    failures: u32,
    successes: u32,
    why: String,
    at: String,
}

/// A change of the serving region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Switch {
    /// Index into `REGIONS`.
    pub from: usize,
    /// Index into `REGIONS`.
    pub to: usize,
    /// When, RFC 3339.
    pub at: String,
    /// Why.
    pub why: String,
}

/// What is known of both regions.
#[derive(Debug)]
pub(super) struct Standing {
    failures_to_switch: u32,
    successes_to_return: u32,
    active: usize,
    since: String,
    seen: [Seen; 2],
    switches: Vec<Switch>,
}

impl Standing {
    /// The primary serves until proven ill.
    pub fn new(intervals: &Intervals, now: &str) -> Self {
        Self {
            failures_to_switch: intervals.failures_to_switch.max(1),
            successes_to_return: intervals.successes_to_return.max(1),
            active: 0,
            since: now.to_owned(),
            seen: [Seen::default(), Seen::default()],
            switches: Vec::new(),
        }
    }

    /// The serving region: index into `REGIONS`.
    pub fn active(&self) -> usize {
        self.active
    }

    /// Takes in one check of each region. Away from the primary only when it failed often enough in a row
    /// and the other did not fail just now; back to it when it succeeded often enough in a row.
    pub fn judge(&mut self, checks: [Result<(), String>; 2], now: &str) -> Option<Switch> {
        for (seen, check) in self.seen.iter_mut().zip(checks) {
            now.clone_into(&mut seen.at);
            match check {
                Ok(()) => {
                    seen.failures = 0;
                    seen.successes = seen.successes.saturating_add(1);
                    seen.why.clear();
                }
                Err(why) => {
                    seen.successes = 0;
                    seen.failures = seen.failures.saturating_add(1);
                    seen.why = why;
                }
            }
        }
        let [primary, secondary] = &self.seen;
        let (to, why) = if self.active == 0
            && primary.failures >= self.failures_to_switch
            && secondary.successes > 0
        {
            let why = format!(
                "{} health checks in a row failed ({})",
                primary.failures, primary.why
            );
            (1, why)
        } else if self.active == 1 && primary.successes >= self.successes_to_return {
            (
                0,
                format!("{} health checks in a row succeeded", primary.successes),
            )
        } else {
            return None;
        };
        let switch = Switch {
            from: self.active,
            to,
            at: now.to_owned(),
            why,
        };
        self.active = to;
        now.clone_into(&mut self.since);
        if self.switches.len() == REMEMBERED {
            self.switches.remove(0);
        }
        self.switches.push(switch.clone());
        Some(switch)
    }

    /// For `GET /state`.
    pub fn describe(&self, intervals: &Intervals) -> Value {
        let regions: Vec<Value> = REGIONS
            .iter()
            .zip(&self.seen)
            .enumerate()
            .map(|(index, (name, seen))| {
                json!({
                    "name": name,
                    "standing": if index == 0 { "primary" } else { "secondary" },
                    "healthy": seen.failures == 0 && seen.successes > 0,
                    "checked": !seen.at.is_empty(),
                    "failuresInARow": seen.failures,
                    "successesInARow": seen.successes,
                    "lastFailure": seen.why,
                    "lastChecked": seen.at,
                })
            })
            .collect();
        let switches: Vec<Value> = self
            .switches
            .iter()
            .map(|switch| {
                json!({
                    "at": switch.at,
                    "from": REGIONS[switch.from],
                    "to": REGIONS[switch.to],
                    "why": switch.why,
                })
            })
            .collect();
        json!({
            "active": REGIONS[self.active],
            "mode": if self.active == 0 { "primary" } else { "failover" },
            "since": self.since,
            "regions": regions,
            "switches": switches,
            "intervals": intervals,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks as letters: `.` good, `x` failed; the answer has the serving region after each.
    fn play(primary: &str, secondary: &str) -> String {
        let mut standing = Standing::new(&Intervals::default(), "start");
        let check = |letter: char| {
            if letter == '.' {
                Ok(())
            } else {
                Err("503".to_owned())
            }
        };
        primary
            .chars()
            .zip(secondary.chars())
            .map(|(one, other)| {
                standing.judge([check(one), check(other)], "now");
                if standing.active() == 0 { 'P' } else { 'S' }
            })
            .collect()
    }

    #[test]
    fn two_failures_switch_and_two_successes_switch_back() {
        assert_eq!(play("..xx.....", "........."), "PPPSSPPPP");
        assert_eq!(play("..x.x.x..", "........."), "PPPPPPPPP");
        assert_eq!(play("xxxx.x...", "........."), "PSSSSSSPP");
    }

    #[test]
    fn nobody_is_sent_to_a_region_that_is_ill_too() {
        assert_eq!(play("..xxxx...", "..xx....."), "PPPPSSSPP");
        assert_eq!(play("xxxx", "xxxx"), "PPPP");
    }
}
