//! What is spent, and what may be: every attempt at a call is admitted here before it leaves.
//!
//! A [`Tally`] lives as long as the source: its hours, and how fast each call may be made in each place. A [`Look`] is
//! all that is asked at one time. Both are told the time.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ports::Clock;
use model::source::Spent;
use model::time::{SECOND, Span, Timestamp};

use crate::aws::calls::Call;
use crate::aws::prices::Prices;
use crate::pull::{Budget, Hour, Missed, ahead, dollars};

/// With less time left nothing more is asked.
const LEAST_LEFT: Span = Span(SECOND / 20);
/// The share of a quota that is used: others work in that account too, most of all in an incident.
const SHARE: f64 = 0.5;

/// How fast one call may be made in one place: so many at once, and so many each second after.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// When the next call could be made if all that were let through had been spread evenly.
    next: Timestamp,
}

/// What outlives a look.
pub(in crate::aws) struct Tally {
    /// The source as it is configured: `aws.main`.
    pub name: String,
    pub clock: Arc<dyn Clock>,
    pub budget: Budget,
    pub prices: Prices,
    pub hour: Hour,
    /// Money of the last hour, in billionths.
    pub paid: Hour,
    /// Where attempts are written down.
    pub log: Option<PathBuf>,
    paces: Mutex<BTreeMap<(Arc<str>, &'static str), Pace>>,
}

impl Tally {
    pub fn new(name: &str, clock: Arc<dyn Clock>, budget: Budget, prices: Prices) -> Self {
        Self {
            name: name.to_string(),
            clock,
            budget,
            prices,
            hour: Hour::default(),
            paid: Hour::default(),
            log: None,
            paces: Mutex::default(),
        }
    }

    /// How long this call has to wait here so that no quota is met; it counts as made.
    pub fn turn(&self, place: &Arc<str>, call: &'static Call) -> Span {
        let now = self.clock.now();
        let each = (SECOND as f64 / (call.per_second * SHARE)) as i64;
        // As many at once as come in half of a second at that pace, and two at least: no quota is smaller.
        let burst = ((call.per_second * SHARE * 0.5) as i64).max(2);
        let mut paces = held(&self.paces);
        let pace = paces
            .entry((Arc::clone(place), call.action))
            .or_insert(Pace { next: now });
        let earliest = pace.next.minus(Span(each * (burst - 1)));
        pace.next = pace.next.max(now).plus(Span(each));
        Span(earliest.since(now).0.max(0))
    }
}

/// Whoever panicked while counting left at worst one number short.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What one look spent so far.
#[derive(Clone, Copy, Debug, Default)]
struct Purse {
    spent: Spent,
    /// Billionths of a dollar.
    nanos: u64,
    ahead: Span,
}

/// All that is asked at one time.
pub(in crate::aws) struct Look {
    pub tally: Arc<Tally>,
    began: Timestamp,
    longest: Span,
    /// It goes on whatever is spent.
    pledged: bool,
    purse: Mutex<Purse>,
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Look(..)")
    }
}

impl Look {
    /// Begins one that takes no longer than this, nor than any look may.
    pub fn begin(tally: &Arc<Tally>, longest: Span) -> Self {
        Self {
            began: tally.clock.now(),
            longest: Span(longest.0.min(tally.budget.look.0)),
            tally: Arc::clone(tally),
            pledged: false,
            purse: Mutex::default(),
        }
    }

    /// Begins one that is owed to its end: all of it is counted, and time alone bounds it.
    pub fn pledged(tally: &Arc<Tally>, longest: Span) -> Self {
        Self {
            pledged: true,
            ..Self::begin(tally, longest)
        }
    }

    /// How much time is left.
    pub fn left(&self) -> Span {
        let lasts = self.tally.clock.now().since(self.began);
        Span(self.longest.0.saturating_sub(lasts.0).max(0))
    }

    /// What it spent.
    pub fn spent(&self) -> Spent {
        let purse = held(&self.purse);
        Spent {
            // Millionths, rounded up: what cost something never seems free.
            micro_usd: purse.nanos.div_ceil(1_000),
            ..purse.spent
        }
    }

    /// Pays for so many units of a call, if the money is there.
    pub fn pay(&self, call: &Call, units: u64) -> Result<(), Missed> {
        self.pay_more(call, 0, units)
    }

    /// Pays for so many units of a call of which some are paid already, if the money is there.
    pub fn pay_more(&self, call: &Call, paid: u64, units: u64) -> Result<(), Missed> {
        let price = |units| self.tally.prices.of(call.action, units);
        let cost = price(units).saturating_sub(price(paid));
        if cost == 0 {
            return Ok(());
        }
        let now = self.tally.clock.now();
        let (money, hour) = (self.tally.budget.money, self.tally.paid.spent(now).requests);
        let mut purse = held(&self.purse);
        for (most, so_far, whose) in [
            (money.look, purse.nanos, "a look"),
            (money.hour, hour, "this hour"),
        ] {
            if !self.pledged && so_far.saturating_add(cost) > most {
                return Err(Missed::Budget(format!(
                    "the {} of {whose} are spent",
                    dollars(most)
                )));
            }
        }
        purse.nanos = purse.nanos.saturating_add(cost);
        self.tally.paid.add(cost, 0, now);
        Ok(())
    }

    /// What a call took is known only now: so many units were paid in advance, and so many it was. What is spent is spent,
    /// whatever may be.
    pub fn settle(&self, call: &Call, paid: u64, took: u64) {
        let price = |units| self.tally.prices.of(call.action, units);
        let (paid, took) = (price(paid), price(took));
        let now = self.tally.clock.now();
        let mut purse = held(&self.purse);
        purse.nanos = purse.nanos.saturating_sub(paid).saturating_add(took);
        self.tally.paid.give_back(paid.saturating_sub(took), now);
        self.tally.paid.add(took.saturating_sub(paid), 0, now);
    }

    /// Lets an attempt through, and counts it.
    pub fn admit(&self, place: &str, call: &Call, attempt: u32) -> Result<(), Missed> {
        let (tally, budget) = (&self.tally, &self.tally.budget);
        let now = tally.clock.now();
        let over = |what: String| Err(Missed::Budget(what));
        if self.left().0 < LEAST_LEFT.0 {
            return over(format!("the look has lasted {}", self.longest));
        }
        let hour = tally.hour.spent(now);
        let mut purse = held(&self.purse);
        for (most, so_far, what) in [
            (budget.requests, purse.spent.requests, "requests of a look"),
            (budget.bytes, purse.spent.bytes, "bytes of a look"),
            (
                budget.requests_per_hour,
                hour.requests,
                "requests of this hour",
            ),
            (budget.bytes_per_hour, hour.bytes, "bytes of this hour"),
        ] {
            if !self.pledged && so_far >= most {
                return over(format!("the {most} {what} are spent"));
            }
        }
        purse.spent.requests += 1;
        purse.spent.retries += u64::from(attempt > 1);
        tally.hour.add(1, 0, now);
        self.note(place, call, attempt, now)
    }

    /// Counts the bytes of an answer.
    pub fn heard(&self, bytes: u64, date: Option<Timestamp>) {
        let now = self.tally.clock.now();
        let ahead = ahead(date, now);
        let mut purse = held(&self.purse);
        purse.spent.bytes += bytes;
        if ahead.0.saturating_abs() > purse.ahead.0.saturating_abs() {
            purse.ahead = ahead;
        }
        drop(purse);
        self.tally.hour.add(0, bytes, now);
    }

    /// By how much AWS's clock is ahead of ours, by the date of the answer that is furthest off; 0 if that matters little.
    pub fn ahead(&self) -> Span {
        held(&self.purse).ahead
    }

    /// Writes an attempt down. Where it cannot be written it is not made: a log with holes proves nothing.
    fn note(&self, place: &str, call: &Call, attempt: u32, now: Timestamp) -> Result<(), Missed> {
        let Some(path) = &self.tally.log else {
            return Ok(());
        };
        let line = serde_json::json!({
            "at": now.to_string(), "by": self.tally.name, "place": place, "service": call.service.prefix, "operation": call.operation,
            "attempt": attempt,
        });
        let open = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path);
        // One write for each line, so that lines of several at once do not mix.
        open.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .map_err(|error| {
                Missed::Budget(format!(
                    "the call log {} cannot be written: {error}",
                    path.display()
                ))
            })
    }
}
