//! Who is turned away, as the log has it: the first of each minute by name, the rest counted, so that a flood fills no
//! disk. What somebody showed is never written: neither a key nor a cookie nor the address's query.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use model::time::{MINUTE, Span, Timestamp};
use tokio::sync::watch;

use super::{Api, listen};

/// A minute's refusals that are written by themselves.
const NAMED: u64 = 20;
/// Addresses that are told apart in a minute.
const ADDRESSES: usize = 256;
/// How often it is looked at whether a minute is over.
const LOOK: Duration = Duration::from_secs(5);

/// One request that was turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 401, 403 or 429; 404 where somebody may not know that there is such a space.
    pub status: u16,
    /// The problem's word.
    pub code: &'static str,
    /// The route's name.
    pub route: &'static str,
    /// The account's name; empty for strangers.
    pub who: String,
    /// By what they are known: `person`, `key ID`, `nobody`.
    pub via: String,
    /// Where it came from.
    pub address: String,
    /// The request's id.
    pub request: String,
}

impl Refusal {
    fn tell(&self) {
        tracing::warn!(
            status = self.status,
            code = self.code,
            route = self.route,
            who = self.who,
            via = self.via,
            address = self.address,
            request = self.request,
            "refused"
        );
    }
}

/// What was refused in a minute beyond what was written by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    statuses: BTreeMap<u16, u64>,
    addresses: BTreeMap<String, u64>,
    /// From addresses that were too many to be told apart.
    elsewhere: u64,
}

impl Rest {
    fn add(&mut self, refusal: &Refusal) {
        *self.statuses.entry(refusal.status).or_default() += 1;
        let known = self.addresses.contains_key(&refusal.address);
        if known || self.addresses.len() < ADDRESSES {
            *self.addresses.entry(refusal.address.clone()).or_default() += 1;
        } else {
            self.elsewhere += 1;
        }
    }

    fn tell(&self) {
        tracing::warn!("{self}");
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u64 = self.statuses.values().sum();
        write!(f, "{all} more requests were refused within a minute:")?;
        for (at, (status, count)) in self.statuses.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma} {count} with {status}")?;
        }
        let most = self.addresses.iter().max_by_key(|(_, count)| **count);
        if let Some((address, count)) = most {
            write!(f, "; {count} from {address}")?;
            match self.addresses.len() - 1 {
                0 => {}
                others => write!(f, ", the others from {others} more")?,
            }
        }
        if self.elsewhere > 0 {
            write!(f, " and {} from yet others", self.elsewhere)?;
        }
        Ok(())
    }
}

/// The refusals of the minute that runs.
#[derive(Debug, Default)]
pub struct Refusals {
    /// Since when, if there is one.
    since: Option<Timestamp>,
    named: u64,
    rest: Rest,
}

impl Refusals {
    /// Notes one. True if it is to be written by its name.
    pub fn note(&mut self, refusal: &Refusal, now: Timestamp) -> bool {
        self.since.get_or_insert(now);
        if self.named < NAMED {
            self.named += 1;
            return true;
        }
        self.rest.add(refusal);
        false
    }

    /// Ends the minute, if it is over; what is to be written of it, if anything is left.
    pub fn over(&mut self, now: Timestamp) -> Option<Rest> {
        // A clock that was set back ends it, too.
        let runs = |since: Timestamp| (0..MINUTE).contains(&now.since(since).0);
        if self.since.is_none_or(runs) {
            return None;
        }
        let ended = std::mem::take(self);
        (ended.rest != Rest::default()).then_some(ended.rest)
    }
}

/// Writes that somebody was turned away.
pub fn refused(api: &Api, refusal: &Refusal) {
    let now = api.clock.now();
    let (rest, named) = {
        let mut refusals = api.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        (refusals.over(now), refusals.note(refusal, now))
    };
    if let Some(rest) = rest {
        rest.tell();
    }
    if named {
        refusal.tell();
    }
}

/// Writes what is left of each minute, until the server ends: the last of a flood has nobody after it.
pub async fn told(api: Arc<Api>, mut over: watch::Receiver<bool>) {
    loop {
        let ended = tokio::select! {
            () = listen::ended(&mut over) => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        let mut now = api.clock.now();
        if ended {
            now = now.plus(Span(MINUTE));
        }
        let rest = {
            let mut refusals = api.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            refusals.over(now)
        };
        if let Some(rest) = rest {
            rest.tell();
        }
        if ended {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, address: &str) -> Refusal {
        Refusal {
            status,
            code: "unauthenticated",
            route: "listIncidents",
            who: String::new(),
            via: "nobody".to_string(),
            address: address.to_string(),
            request: "r".to_string(),
        }
    }

    #[test]
    fn a_flood_is_a_few_lines_a_minute_and_none_is_lost() {
        let mut refusals = Refusals::default();
        let begun = Timestamp::from_seconds(1_000);
        let (mut lines, mut counted) = (0, 0);
        // Ten minutes of 1,000 a second, each fifth from somewhere else.
        for n in 0..600_000_u32 {
            let now = begun.plus(Span(i64::from(n) * 1_000_000));
            if let Some(rest) = refusals.over(now) {
                lines += 1;
                counted += rest.statuses.values().sum::<u64>();
            }
            let address = if n % 5 == 0 {
                format!("10.0.{}.{}", n / 256 % 256, n % 256)
            } else {
                "192.0.2.7".to_string()
            };
            let named = refusals.note(&refusal(401, &address), now);
            lines += u64::from(named);
            counted += u64::from(named);
        }
        assert!(refusals.rest.addresses.len() <= ADDRESSES);
        let last = refusals.over(begun.plus(Span::minutes(30))).unwrap();
        counted += last.statuses.values().sum::<u64>();
        assert_eq!((lines, counted), (10 * NAMED + 9, 600_000));
        assert_eq!(refusals.over(begun.plus(Span::minutes(40))), None);
    }

    #[test]
    fn what_is_left_of_a_minute_says_how_many_and_from_where() {
        let mut refusals = Refusals::default();
        let begun = Timestamp::from_seconds(0);
        for n in 0..NAMED {
            assert!(refusals.note(&refusal(403, "192.0.2.1"), begun), "{n}");
        }
        assert_eq!(refusals.over(begun.plus(Span::seconds(59))), None);
        for (status, address) in [(401, "192.0.2.1"), (429, "192.0.2.1"), (401, "192.0.2.2")] {
            assert!(!refusals.note(&refusal(status, address), begun));
        }
        let rest = refusals.over(begun.plus(Span::minutes(1))).unwrap();
        assert_eq!(
            rest.to_string(),
            "3 more requests were refused within a minute: 2 with 401, 1 with 429; 2 from 192.0.2.1, the others from 1 more"
        );
        // The next minute begins with the next refusal.
        assert!(refusals.note(&refusal(401, "192.0.2.3"), begun.plus(Span::minutes(60))));
    }
}
