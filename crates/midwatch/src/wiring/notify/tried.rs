//! Channels as the API shows them: how each stands with the watch, and what came of a test.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use model::ports::Notifier;
use model::time::{SECOND, Span, Timestamp};
use server::api::notifiers::{Channel, Untried};
use watch::attend::Standing;

/// A channel is tried at most once in so long: what is at its other end counts requests, and may wake somebody.
const APART: Span = Span(15 * SECOND);

/// The last test of a channel.
struct Test {
    begun: Timestamp,
    /// How many notices the channel had told then: what was told since says more.
    told: u64,
    /// Why it failed, if it did; `None` while nobody knows.
    ended: Option<Result<(), String>>,
}

/// The tests of one server, by the channel's name.
#[derive(Default)]
pub struct Tried(Mutex<BTreeMap<String, Test>>);

impl Tried {
    /// How these stand, with what came of their last tests.
    pub fn channels(&self, standings: Vec<Standing>) -> Vec<Channel> {
        let tests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = standings.into_iter().map(|one| {
            let test = tests.get(&one.name).filter(|test| test.told == one.told);
            let failed = test.and_then(|test| match &test.ended {
                Some(Err(why)) => Some((why.clone(), test.begun, 1)),
                _ => None,
            });
            let passed = matches!(
                test,
                Some(Test {
                    ended: Some(Ok(())),
                    ..
                })
            );
            let trouble = one
                .trouble
                .map(|trouble| (trouble.why, trouble.since, trouble.tries))
                .or(failed);
            let (why, since, tries) = match trouble {
                Some((why, since, tries)) => (Some(why), Some(since), tries),
                None => (None, None, 0),
            };
            Channel {
                kind: kind(&one.name).to_string(),
                works: match &why {
                    Some(_) => Some(false),
                    None => (one.told > 0 || passed).then_some(true),
                },
                name: one.name,
                told: one.told,
                waiting: one.waiting,
                given_up: one.given_up,
                trouble: why,
                since,
                tries,
            }
        });
        shown.collect()
    }

    /// Tells it that this is a test; inside, why it could not be told.
    ///
    /// # Errors
    /// If it was tried a moment ago.
    pub fn test(
        &self,
        notifier: &dyn Notifier,
        told: u64,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<(), String>, Untried> {
        let name = notifier.name().to_string();
        {
            let mut tests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(last) = tests.get(&name) {
                let left = APART.0 - now.since(last.begun).0;
                if (1..=APART.0).contains(&left) {
                    let seconds = u64::try_from(left / SECOND).unwrap_or_default() + 1;
                    return Err(Untried::TooSoon(seconds));
                }
            }
            let begun = Test {
                begun: now,
                told,
                ended: None,
            };
            tests.insert(name.clone(), begun);
        }
        let result = super::test(notifier, by, now).map_err(|error| error.why);
        let mut tests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(test) = tests.get_mut(&name).filter(|test| test.begun == now) {
            test.ended = Some(result.clone());
        }
        Ok(result)
    }
}

/// What sort a channel is, by its name: `slack.ops` is one of `slack`.
fn kind(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use model::ports::{TellError, Telling};

    use super::*;

    struct Door(Result<(), &'static str>);

    impl Notifier for Door {
        fn name(&self) -> &str {
            "slack.ops"
        }

        fn tell(&self, telling: &Telling<'_>, _: Timestamp) -> Result<String, TellError> {
            assert_eq!(telling.notice.lines, ["asked for by ada"]);
            self.0
                .map(|()| String::new())
                .map_err(|why| why.to_string().into())
        }
    }

    fn standing(told: u64) -> Vec<Standing> {
        vec![Standing {
            name: "slack.ops".to_string(),
            told,
            waiting: 0,
            given_up: 0,
            trouble: None,
        }]
    }

    #[test]
    fn a_channel_that_nobody_used_is_neither_well_nor_unwell_until_it_was_tried() {
        let tried = Tried::default();
        let works = |told| tried.channels(standing(told)).remove(0).works;
        assert_eq!(works(0), None);
        let at = Timestamp::from_seconds;
        let bad = Door(Err("invalid_auth"));
        assert_eq!(
            tried.test(&bad, 0, "ada", at(100)),
            Ok(Err("invalid_auth".to_string()))
        );
        let shown = tried.channels(standing(0)).remove(0);
        assert_eq!(shown.kind, "slack");
        assert_eq!(shown.works, Some(false));
        assert_eq!(shown.trouble.as_deref(), Some("invalid_auth"));
        assert_eq!(shown.since, Some(at(100)));
        // What was told since says more than the test.
        assert_eq!(works(1), Some(true));

        let good = Door(Ok(()));
        assert_eq!(
            tried.test(&good, 0, "ada", at(114)),
            Err(Untried::TooSoon(2))
        );
        assert_eq!(tried.test(&good, 0, "ada", at(115)), Ok(Ok(())));
        assert_eq!(works(0), Some(true));
        // A clock that was set back locks nobody out.
        assert_eq!(tried.test(&good, 0, "ada", at(5)), Ok(Ok(())));
    }
}
