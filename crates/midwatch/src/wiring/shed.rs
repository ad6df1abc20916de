//! What was sent away, and when. Telemetry that never came in is no sign that nothing happened: whoever looks at that
//! time later is told.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::query::{Gap, GapReason};
use model::time::{SECOND, Span, TimeWindow, Timestamp};
use server::otlp::Counts;

/// What comes no further apart than this is told as one.
const CLOSE: Span = Span(10 * SECOND);
/// No stretch is longer, so that a look at a quiet hour does not hear of the flood before it.
const LONGEST: Span = Span(60 * SECOND);
/// Most stretches; the oldest are forgotten. A day, if there is one every minute.
const MOST: usize = 1440;

/// When requests were sent away or refused as too large, and how many.
#[derive(Debug, Default)]
pub struct Shed(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    counted: Option<(u64, u64)>,
    stretches: VecDeque<Stretch>,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: Timestamp,
    to: Timestamp,
    away: u64,
    large: u64,
}

impl Shed {
    /// Takes down what was counted until `now`. `Err` while requests are sent away: what to tell.
    pub fn note(&self, counts: &Counts, now: Timestamp) -> Result<(), String> {
        let mut kept = self.kept();
        let (away, large) = kept
            .counted
            .replace((counts.shed, counts.too_large))
            .map_or((counts.shed, counts.too_large), |(away, large)| {
                (
                    counts.shed.saturating_sub(away),
                    counts.too_large.saturating_sub(large),
                )
            });
        if away + large > 0 {
            let joined = kept.stretches.back_mut().filter(|last| {
                now.since(last.to).0 <= CLOSE.0 && now.since(last.from).0 <= LONGEST.0
            });
            match joined {
                Some(last) => {
                    (last.to, last.away, last.large) = (now, last.away + away, last.large + large);
                }
                None => kept.stretches.push_back(Stretch {
                    from: now,
                    to: now,
                    away,
                    large,
                }),
            }
            if kept.stretches.len() > MOST {
                kept.stretches.pop_front();
            }
        }
        let lately = kept
            .stretches
            .back()
            .filter(|last| now.since(last.to).0 <= CLOSE.0);
        match lately {
            Some(last) if last.away > 0 => Err(format!(
                "more telemetry comes in than can be taken: {} requests were sent away since {}; they come again, unless \
                 their senders give up",
                last.away, last.from
            )),
            _ => Ok(()),
        }
    }

    /// What is missing from a look at `window`.
    pub fn gaps(&self, window: TimeWindow) -> Vec<Gap> {
        let kept = self.kept();
        let missed = kept.stretches.iter().filter(|stretch| {
            // Counted up to a round later than it came.
            stretch.from < window.to() && stretch.to.plus(Span(SECOND)) >= window.from()
        });
        let mut sum: Option<Stretch> = None;
        for stretch in missed {
            let sum = sum.get_or_insert(Stretch {
                away: 0,
                large: 0,
                ..*stretch
            });
            sum.to = stretch.to;
            sum.away += stretch.away;
            sum.large += stretch.large;
        }
        let Some(sum) = sum else {
            return Vec::new();
        };
        let gap = |why, detail, how_to_close: &str| Gap {
            wanted: "metrics, logs and traces".to_string(),
            entity: None,
            hides: Vec::new(),
            why,
            detail,
            how_to_close: how_to_close.to_string(),
        };
        let mut gaps = Vec::new();
        if sum.away > 0 {
            gaps.push(gap(
                GapReason::RateLimit,
                format!(
                    "more came in than could be taken: {} requests were sent away between {} and {}; what their senders \
                     did not send again is missing",
                    sum.away, sum.from, sum.to
                ),
                "let the senders sample or batch, or give this program more of the machine",
            ));
        }
        if sum.large > 0 {
            gaps.push(gap(
                GapReason::Budget,
                format!(
                    "{} requests were refused as too large between {} and {}",
                    sum.large, sum.from, sum.to
                ),
                "send smaller batches, or raise telemetry.max_request",
            ));
        }
        gaps
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Whoever panicked while counting left at worst one number short.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(shed: u64, too_large: u64) -> Counts {
        Counts {
            shed,
            too_large,
            ..Counts::default()
        }
    }

    #[test]
    fn a_look_hears_of_what_was_sent_away_in_its_time_and_of_no_other() {
        let (shed, at) = (Shed::default(), Timestamp::from_seconds);
        assert_eq!(shed.note(&counts(0, 0), at(100)), Ok(()));
        assert!(
            shed.note(&counts(30, 0), at(101))
                .unwrap_err()
                .contains("30 requests")
        );
        assert!(
            shed.note(&counts(50, 2), at(105))
                .unwrap_err()
                .contains("50 requests")
        );
        assert!(shed.note(&counts(50, 2), at(110)).is_err());
        assert_eq!(shed.note(&counts(50, 2), at(116)), Ok(()));
        assert!(shed.note(&counts(57, 2), at(500)).is_err());
        let gaps = |from, to| {
            let window = TimeWindow::new(at(from), at(to)).unwrap();
            let said = shed.gaps(window).into_iter().map(|gap| gap.detail);
            said.collect::<Vec<_>>()
        };
        assert_eq!(gaps(0, 100), Vec::<String>::new());
        assert_eq!(gaps(110, 400), Vec::<String>::new());
        let both = gaps(90, 200);
        assert_eq!(both.len(), 2, "{both:?}");
        assert!(
            both[0].contains("50 requests were sent away between"),
            "{both:?}"
        );
        assert!(
            both[1].contains("2 requests were refused as too large"),
            "{both:?}"
        );
        assert!(gaps(0, 501)[0].contains("57 requests"));
    }

    #[test]
    fn no_more_is_remembered_than_is_kept() {
        let shed = Shed::default();
        for i in 0..3000 {
            let _ = shed.note(&counts(i as u64 + 1, 0), Timestamp::from_seconds(i * 61));
        }
        assert_eq!(shed.kept().stretches.len(), MOST);
    }
}
