//! A space that could not start: what went wrong, when it is tried again, and a desk that says so to whoever asks.

use std::sync::Arc;
use std::time::Duration;

use model::time::{MINUTE, SECOND, Span, Timestamp};
use server::control::{self, Desk, Person, Reply, Request};
use tokio::runtime::Handle;
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;

use super::house::House;
use crate::problem::Problem;

/// How long the first wait is; each is twice as long as the one before it.
const FIRST: Span = Span(5 * SECOND);
/// No wait is longer.
const LONGEST: Span = Span(5 * MINUTE);
/// How long a desk that is to end is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a space was tried, and when it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tries {
    made: u32,
    next: Timestamp,
}

impl Tries {
    /// One more was made.
    fn after(made: u32, now: Timestamp) -> Self {
        let doubled = FIRST.0.checked_shl(made.saturating_sub(1).min(16));
        let wait = Span(doubled.unwrap_or(LONGEST.0).min(LONGEST.0));
        let next = now.plus(wait);
        Self { made, next }
    }

    /// Is it time? A clock that was set back makes nobody wait for longer than the longest time.
    fn due(self, now: Timestamp) -> bool {
        now >= self.next || self.next.since(now) > LONGEST
    }
}

/// A space of the house that does not keep watch.
pub struct Closed {
    /// Its name.
    pub name: String,
    /// As it is configured, if that could be read.
    house: Option<House>,
    /// What went wrong, and what to do.
    pub why: Problem,
    tries: Tries,
}

impl Closed {
    /// It was tried for the first time.
    pub fn new(name: String, house: Option<House>, why: Problem, now: Timestamp) -> Self {
        Self {
            name,
            house,
            why,
            tries: Tries::after(1, now),
        }
    }

    /// It was tried once more, as it is configured now.
    pub fn again(&mut self, house: Option<House>, why: Problem, now: Timestamp) {
        (self.house, self.why) = (house, why);
        self.tries = Tries::after(self.tries.made.saturating_add(1), now);
    }

    /// Is it time to try it again?
    pub fn due(&self, now: Timestamp) -> bool {
        self.tries.due(now)
    }

    /// What is said of it to those who may see the space.
    pub fn said(&self) -> String {
        let times = match self.tries.made {
            1 => "once".to_string(),
            made => format!("{made} times"),
        };
        format!(
            "the space {} could not be started: {}. It was tried {times}, and is tried again at {}",
            self.name, self.why, self.tries.next
        )
    }

    /// Answers commands in its data folder, unless another server does so.
    pub fn answer(&self, runtime: &Handle) -> Option<Answering> {
        let socket = control::socket(self.house.as_ref()?.data());
        if control::ask(&socket, &Request::Health).is_ok() {
            return None;
        }
        let (over, ended) = signal::channel(false);
        let desk = Arc::new(Shut(self.said()));
        let task = runtime.spawn(async move {
            if let Err(error) = control::serve(socket, desk, ended).await {
                tracing::debug!(%error, "commands about a space that could not start are not answered");
            }
        });
        Some(Answering { over, task })
    }
}

/// A desk that answers for a closed space. It ends when this is dropped.
pub struct Answering {
    over: signal::Sender<bool>,
    task: JoinHandle<()>,
}

impl Answering {
    /// Ends it, so that the space's own desk may open in its place.
    pub fn end(self, runtime: &Handle) {
        let _ = self.over.send(true);
        let ended = async { tokio::time::timeout(PATIENCE, self.task).await };
        let _ = runtime.block_on(ended);
    }
}

/// The desk of a closed space.
struct Shut(String);

impl Desk for Shut {
    fn answer(&self, _: &Person, _: Request) -> Reply {
        Reply::Refused {
            why: self.0.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_the_one_before_and_none_is_longer_than_five_minutes() {
        let begun = Timestamp::from_seconds(1_000);
        let why = || Problem::bad_input("its disk is gone", "/data", "bring it back");
        let mut closed = Closed::new("b".to_string(), None, why(), begun);
        let mut tried = Vec::new();
        // An hour, a second at a time.
        for second in 0..3_600 {
            let now = begun.plus(Span::seconds(second));
            if closed.due(now) {
                tried.push(second);
                closed.again(None, why(), now);
            }
        }
        let first = [5, 15, 35, 75, 155, 315, 615, 915];
        assert_eq!(tried.get(..8), Some(&first[..]));
        assert_eq!(tried.len(), 8 + (3_600 - 915 - 1) / 300);
        assert!(
            closed
                .said()
                .ends_with("It was tried 17 times, and is tried again at 1970-01-01T01:16:55Z"),
            "{}",
            closed.said()
        );
        // Set back by a day, the clock makes nobody wait for a day; and no count is too large.
        assert!(closed.due(Timestamp::from_seconds(-86_400)));
        assert!(!Tries::after(u32::MAX, begun).due(begun.plus(Span::seconds(299))));
    }
}
