//! What goes wrong while a server runs, told once and not at every round: a disk that is full stays so for a while.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use model::time::{Span, Timestamp};

/// What lasts is told again so often.
const AGAIN: Span = Span(model::time::MINUTE);

/// What to do about a part that does not work.
pub fn remedy(part: &str) -> &'static str {
    match part {
        "machine" => "give this machine more processor, or let it do less",
        "telemetry" => {
            "let its senders send less or sample, or give this program more of the machine"
        }
        "certificate" => "put a whole pair in its place; it is taken without a restart",
        "alarms" | "incidents" | "inlets" | "journal" | "telemetry window" => {
            "see that the data folder has room and can be written; what waits goes on by itself"
        }
        _ => "look at the server's log",
    }
}

/// What stands of each part of a space.
#[derive(Debug)]
pub struct Troubles {
    space: String,
    parts: Mutex<BTreeMap<&'static str, Trouble>>,
}

#[derive(Debug)]
struct Trouble {
    what: String,
    told: Timestamp,
}

impl Troubles {
    /// None yet, of that space.
    pub fn of(space: &str) -> Self {
        Self {
            space: space.to_string(),
            parts: Mutex::default(),
        }
    }

    /// How a part fares: `Err` with what is wrong, told now unless it was just told.
    pub fn fares(&self, part: &'static str, outcome: Result<(), String>, now: Timestamp) {
        let mut all = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => {
                if all.remove(part).is_some() {
                    tracing::warn!(part, space = self.space, "goes on as it should");
                }
            }
            Err(what) => {
                // Errors of one kind differ in a number or a name; each is worth a line a minute.
                let known = all.get(part);
                if known.is_none_or(|known| now.since(known.told) >= AGAIN) {
                    tracing::error!(part, space = self.space, "{what}; to do: {}", remedy(part));
                    all.insert(part, Trouble { what, told: now });
                } else if let Some(known) = all.get_mut(part) {
                    known.what = what;
                }
            }
        }
    }

    /// What stands, by part.
    pub fn standing(&self) -> Vec<(String, String)> {
        let all = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|(part, trouble)| ((*part).to_string(), trouble.what.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_that_is_told_of_has_a_remedy_of_its_own() {
        let unknown = remedy("nothing of ours");
        for part in [
            "alarms",
            "certificate",
            "incidents",
            "inlets",
            "journal",
            "machine",
            "telemetry",
            "telemetry window",
        ] {
            assert_ne!(remedy(part), unknown, "{part}");
        }
    }

    #[test]
    fn what_lasts_stands_until_it_is_over() {
        let (troubles, now) = (Troubles::of("main"), Timestamp(0));
        let full = || Err("the disk is full".to_string());
        troubles.fares("journal", full(), now);
        troubles.fares("window", Ok(()), now);
        for second in 1..200 {
            troubles.fares("journal", full(), now.plus(Span::seconds(second)));
        }
        let stands = vec![("journal".to_string(), "the disk is full".to_string())];
        assert_eq!(troubles.standing(), stands);
        troubles.fares("journal", Ok(()), now);
        assert_eq!(troubles.standing(), vec![]);
    }
}
