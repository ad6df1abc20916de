//! How much a source may be asked: in one look, and in an hour.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use model::Timestamp;
use model::source::Spent;
use model::time::{MINUTE, SECOND, Span};

/// How much a source may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Requests of one look.
    pub requests: u64,
    /// Bytes of answers in one look.
    pub bytes: u64,
    /// Requests in any hour.
    pub requests_per_hour: u64,
    /// Bytes of answers in any hour.
    pub bytes_per_hour: u64,
    /// How long one request may take.
    pub timeout: Span,
    /// How long one look may take, waits included.
    pub look: Span,
    /// What it may cost.
    pub money: Money,
    /// What asking costs.
    pub rates: Rates,
}

/// Money that may be spent, in billionths of a dollar: a request may cost less than a millionth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// In one look.
    pub look: u64,
    /// In any hour.
    pub hour: u64,
}

impl Default for Money {
    /// Five cents a look, a dollar an hour.
    fn default() -> Self {
        Self {
            look: 50_000_000,
            hour: 1_000_000_000,
        }
    }
}

/// What asking costs where every request and every byte costs the same, as whoever pays says it, in billionths of a
/// dollar; nothing unless something is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// One request.
    pub request: u64,
    /// 10⁹ bytes of answers.
    pub gigabyte: u64,
}

/// Bytes of what is paid for at once.
const GIGABYTE: u128 = 1_000_000_000;

impl Rates {
    /// What that costs.
    pub fn of(&self, spent: &Spent) -> u64 {
        let requests = u128::from(self.request) * u128::from(spent.requests);
        let bytes = (u128::from(self.gigabyte) * u128::from(spent.bytes)).div_ceil(GIGABYTE);
        u64::try_from(requests + bytes).unwrap_or(u64::MAX)
    }

    /// How many bytes one more request may bring where so much may be spent and that much is; none where not even the
    /// request can be paid.
    pub fn room(&self, may: u64, spent: &Spent) -> Option<u64> {
        let left = may.checked_sub(self.of(spent))?.checked_sub(self.request)?;
        let bytes = (u128::from(left) * GIGABYTE).checked_div(u128::from(self.gigabyte));
        let bytes = bytes.map_or(u64::MAX, |bytes| u64::try_from(bytes).unwrap_or(u64::MAX));
        (bytes > 0).then_some(bytes)
    }
}

/// Money for people.
pub(crate) fn dollars(nanos: u64) -> String {
    let dollars = nanos as f64 / 1e9;
    if dollars < 0.01 {
        format!("${dollars:.6}")
    } else {
        format!("${dollars:.2}")
    }
}

impl Budget {
    /// As many times as much of all but time: for a source that is asked in so many places at once.
    #[must_use]
    pub fn times(self, places: u64) -> Self {
        Self {
            requests: self.requests.saturating_mul(places),
            bytes: self.bytes.saturating_mul(places),
            requests_per_hour: self.requests_per_hour.saturating_mul(places),
            bytes_per_hour: self.bytes_per_hour.saturating_mul(places),
            money: Money {
                look: self.money.look.saturating_mul(places),
                hour: self.money.hour.saturating_mul(places),
            },
            ..self
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            requests: 150,
            bytes: 64 << 20,
            requests_per_hour: 3000,
            bytes_per_hour: 1 << 30,
            timeout: Span(5 * SECOND),
            look: Span(20 * SECOND),
            money: Money::default(),
            rates: Rates::default(),
        }
    }
}

/// What was spent in the last hour, minute by minute.
#[derive(Debug, Default)]
pub struct Hour(Mutex<BTreeMap<i64, (u64, u64)>>);

impl Hour {
    /// Requests and bytes of the last hour.
    pub fn spent(&self, now: Timestamp) -> Spent {
        let minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.0.div_euclid(MINUTE);
        let mut spent = Spent::default();
        for (requests, bytes) in minutes.range(minute - 59..=minute).map(|(_, spent)| spent) {
            spent.requests = spent.requests.saturating_add(*requests);
            spent.bytes = spent.bytes.saturating_add(*bytes);
        }
        spent
    }

    /// Adds what was spent just now.
    pub fn add(&self, requests: u64, bytes: u64, now: Timestamp) {
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.0.div_euclid(MINUTE);
        let entry = minutes.entry(minute).or_default();
        entry.0 = entry.0.saturating_add(requests);
        entry.1 = entry.1.saturating_add(bytes);
        // A clock that was put back leaves minutes in the future: they are let go of too.
        minutes.retain(|known, _| (minute - 59..=minute).contains(known));
    }

    /// Takes back what was added in advance and not spent after all, of the newest minutes first.
    pub fn give_back(&self, requests: u64, now: Timestamp) {
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.0.div_euclid(MINUTE);
        let mut left = requests;
        for (_, spent) in minutes.range_mut(minute - 59..=minute).rev() {
            let some = spent.0.min(left);
            spent.0 -= some;
            left -= some;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_forgets_what_is_older() {
        let hour = Hour::default();
        let at = |minute: i64| Timestamp(minute * MINUTE);
        hour.add(3, 10, at(0));
        hour.add(1, 5, at(30));
        let spent = hour.spent(at(59));
        assert_eq!((spent.requests, spent.bytes), (4, 15));
        assert_eq!(hour.spent(at(60)).requests, 1);
        hour.add(5, 0, at(61));
        hour.give_back(3, at(62));
        assert_eq!(hour.spent(at(62)).requests, 3);
        hour.give_back(100, at(62));
        assert_eq!(hour.spent(at(62)).requests, 0);
        assert_eq!(hour.spent(at(200)).requests, 0);
    }
}
