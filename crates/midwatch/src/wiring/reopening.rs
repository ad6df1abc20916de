//! Spaces that could not start are tried again, each after waits that grow: a disk comes back, an address becomes free,
//! somebody mends a file. A space's own file is read anew each time; the house's is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use model::ports::Clock;
use server::auth::Accounts;
use tokio::runtime::Handle;

use super::closed::{Answering, Closed};
use super::house::House;
use super::keeping::Keeping;
use super::reception::{Reception, Room};
use super::serving::{Channels, Inbound};
use crate::problem::Problem;

/// How often it is looked at whether it is time for one of them.
const LOOK: Duration = Duration::from_millis(100);

/// With what spaces are started.
#[derive(Clone)]
pub struct Means {
    /// The house that they are in.
    pub house: House,
    /// Whom each tells.
    pub channels: Channels,
    /// Who is known.
    pub accounts: Arc<Accounts>,
}

/// As what a space is configured, where that can be read, and why it did not start.
type Unstarted = Box<(Option<House>, Problem)>;

impl Means {
    /// Takes the watch of a space.
    pub fn begin(&self, space: &House) -> Result<Keeping, Problem> {
        let notifiers = (self.channels)(space)?;
        let inbound = Inbound::open(space)?;
        Keeping::begin(space, inbound, notifiers, &self.accounts)
    }

    /// Takes the watch of the space of that name, as it is configured now; else as what it is configured, and why not.
    fn again(&self, name: &str) -> Result<(Keeping, Room), Unstarted> {
        let space = self
            .house
            .within(name)
            .map_err(|why| Box::new((None, why)))?;
        let failed = |why| Box::new((Some(space.clone()), why));
        let mut kept = self.begin(&space).map_err(failed)?;
        match kept.room() {
            Ok(room) => Ok((kept, room)),
            Err(why) => {
                kept.rest();
                kept.leave(Instant::now());
                kept.close();
                Err(failed(why))
            }
        }
    }
}

/// Spaces that are tried again, until this ends.
pub struct Reopening {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Keeping>>,
}

impl Reopening {
    /// Tries these spaces again when it is time, shows those that start, and answers for the others.
    pub fn begin(
        means: Means,
        closed: Vec<Closed>,
        shown: Option<Arc<Reception>>,
        runtime: Handle,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut kept = Vec::new();
            let mut closed: Vec<(Closed, Option<Answering>)> = closed
                .into_iter()
                .map(|closed| {
                    let answering = closed.answer(&runtime);
                    (closed, answering)
                })
                .collect();
            while !ended.load(Ordering::SeqCst) {
                let waiting = std::mem::take(&mut closed);
                for (mut space, answering) in waiting {
                    let due = space.due(clock.now()) && !ended.load(Ordering::SeqCst);
                    if !due {
                        closed.push((space, answering));
                        continue;
                    }
                    if let Some(answering) = answering {
                        answering.end(&runtime);
                    }
                    match means.again(&space.name) {
                        Ok((keeping, room)) => {
                            if let Some(shown) = &shown {
                                shown.open(room);
                            }
                            keeping.wake();
                            tracing::warn!(
                                space = space.name,
                                "it could be started now, and keeps watch"
                            );
                            kept.push(keeping);
                        }
                        Err(failed) => {
                            let (house, why) = *failed;
                            space.again(house, why, clock.now());
                            tracing::warn!(space = space.name, "{}", space.said());
                            if let Some(shown) = &shown {
                                shown.still_closed(&space.name, space.said());
                            }
                            let answering = space.answer(&runtime);
                            closed.push((space, answering));
                        }
                    }
                }
                std::thread::sleep(LOOK);
            }
            for (_, answering) in closed {
                if let Some(answering) = answering {
                    answering.end(&runtime);
                }
            }
            kept
        });
        Self { over, thread }
    }

    /// Tries no more; the spaces that could be started meanwhile.
    pub fn end(self) -> Vec<Keeping> {
        self.over.store(true, Ordering::SeqCst);
        self.thread.join().unwrap_or_default()
    }
}
