//! AWS, altered: how many copies of a function may run at once, its variables, its role, its handler, its timeout, its memory;
//! and what is named beside functions:
//! what a service of ECS runs and how many copies, how large an Auto Scaling group is and may be, how records of Route 53
//! share traffic out. And what one recorded change of a function or service set, put back to what it was before. And
//! run: what is named of Systems Manager and CodeBuild.
//!
//! Hands act under a role of their own, which the eyes do not have; what they may call is in a table of its own
//! ([`deeds`](super::deeds)). AWS hardly ever has a token by which it would know a request of ours again, so nothing is written
//! before it was read: what is so already is left alone, a whole configuration is written only onto the very revision
//! that was read, a record is replaced only if it is the very one that was read, no request that alters is sent twice by
//! the SDK, and where no answer came it is looked at, and not tried, for as long as a request may be on its way. Values of
//! variables go from AWS to AWS: they are in no plan, message or log. Documented in `docs/connectors/aws.md`.

mod aim;
mod bench;
mod build;
mod document;
mod document_runs;
mod former;
mod function;
mod group;
mod matter;
mod parameter;
mod record;
mod run;
mod service;
mod service_former;
mod settings;
mod traffic;
mod trail;
mod trouble;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::EntityId;
use model::action::{Action, Outcome, Preview, StepKey};
use model::ports::{Actuator, HandsError};
use model::time::{SECOND, Span, Timestamp};
use tokio::runtime::Runtime;

use super::eyes::tally::Tally;
use super::eyes::{Means, NotBuilt};
use super::prices::Prices;
use crate::pull::Budget;
use bench::Work;
use matter::{Matter, Update};
use trouble::{Trouble, never_was};

pub use settings::{Settings, Taken};

/// So long after it was sent a request without an answer may still come to be carried out: its sender gives it up
/// sooner, and whoever has it by then takes seconds.
const ON_ITS_WAY: Span = Span(20 * SECOND);
/// So long it is waited until something has become what was asked for, or until it can be altered at all.
const BECOMES: Span = Span(60 * SECOND);
/// Between two looks at that.
const AGAIN: Span = Span(SECOND);

/// The altering end.
pub struct Hands {
    name: String,
    settings: Settings,
    means: Means,
    tally: Arc<Tally>,
    born: Timestamp,
    /// When requests were sent of which it is not known what came of them, by the key of their step.
    unheard: Mutex<BTreeMap<StepKey, Timestamp>>,
    /// AWS's names of what was begun, by the key of its step.
    begun: Mutex<BTreeMap<StepKey, String>>,
    runtime: Option<Runtime>,
}

impl Drop for Hands {
    fn drop(&mut self) {
        // Its end must not be waited for where nobody may wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Hands {
    /// As configured: `name` such as `aws.main`. Nobody is asked yet.
    ///
    /// # Errors
    /// If a price is none, or the machine gives no thread.
    pub fn new(name: &str, settings: Settings, means: Means) -> Result<Self, NotBuilt> {
        // The lengths are their own: `ON_ITS_WAY` rests on how long a request may take; and a function may take a minute to
        // become what was asked for, while what is before and after takes less.
        let budget = Budget {
            timeout: settings.timeout,
            look: Span(2 * BECOMES.0),
            ..settings.budget
        };
        // So is the hour. Were it that of the eyes, a step, which is never stopped by it (`bench`), could spend what they need
        // to see whether it helped, and a plan that works would be taken back for want of telemetry.
        let clock = Arc::clone(&means.clock);
        let mut tally = Tally::new(
            &format!("{name}.hands"),
            Arc::clone(&clock),
            budget,
            Prices::with(&settings.prices)?,
        );
        tally.log.clone_from(&settings.call_log);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("aws-hands")
            .enable_all()
            .build()
            .map_err(NotBuilt::Thread)?;
        Ok(Self {
            name: name.to_string(),
            settings,
            means,
            tally: Arc::new(tally),
            born: clock.now(),
            unheard: Mutex::default(),
            begun: Mutex::default(),
            runtime: Some(runtime),
        })
    }

    fn now(&self) -> Timestamp {
        self.means.clock.now()
    }

    /// Whoever panicked while noting left at worst one note missing.
    fn unheard(&self) -> MutexGuard<'_, BTreeMap<StepKey, Timestamp>> {
        self.unheard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever panicked while noting left at worst one note missing.
    fn begun(&self) -> MutexGuard<'_, BTreeMap<StepKey, String>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs to its end on the hands' own threads; `None` while they are being ended.
    fn wait<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        Some(self.runtime.as_ref()?.block_on(future))
    }

    /// What the action is about, as it is now.
    async fn looked(&self, action: &Action) -> Result<Matter, Trouble> {
        self.work("hands", None).await?.matter(action).await
    }

    /// The same, under the key of a step that was begun; what goes on is waited for.
    async fn looked_after(&self, key: &StepKey, action: &Action) -> Result<Matter, Trouble> {
        let work = self.work("hands", Some(key)).await?;
        let mut matter = work.matter(action).await?;
        if matter.doubt().is_some() {
            matter.settled(&work).await?;
        }
        Ok(matter)
    }

    /// What the action would do.
    async fn previewed(&self, action: &Action) -> Result<Preview, HandsError> {
        let error = |trouble: Trouble| trouble.error(&self.name, action);
        let matter = self.looked(action).await.map_err(error)?;
        if matter.is_so() {
            let why = format!("it is so already: {}", matter.after());
            return Err(error(Trouble::Cannot(why)));
        }
        let undo = matter.undo();
        Ok(Preview {
            before: matter.before(),
            after: matter.after(),
            harmless: undo.is_some() && matter.harms_nobody(),
            undo,
            touches: matter.touches(action),
        })
    }

    /// Reads, compares, and writes at most once.
    async fn performed(&self, key: &StepKey, action: &Action) -> Outcome {
        // What AWS has given a name is not on its way.
        let begun = self.begun().contains_key(key);
        if let Some(sent) = self.unheard().get(key).copied()
            && self.now().since(sent) < ON_ITS_WAY
            && !begun
        {
            return Outcome::Unknown {
                why: "it was sent before under this key, and may be on its way".to_string(),
            };
        }
        match self.tried(key, action).await {
            Ok(outcome) => outcome,
            // Nothing was sent but reads.
            Err(trouble) => Outcome::Failed {
                why: trouble.told(&self.name),
            },
        }
    }

    async fn tried(&self, key: &StepKey, action: &Action) -> Result<Outcome, Trouble> {
        // The step stands in AWS's own audit trail too, as the name under which the role was taken.
        let work = self.work(&key.0, Some(key)).await?;
        let mut matter = work.matter(action).await?;
        if matter.update() == Update::Going && !matter.is_so() {
            // Until it is over, AWS takes no other; and what is written must rest on what came of it.
            matter.settled(&work).await?;
            matter = work.matter(action).await?;
        }
        if matter.is_so() {
            return Ok(match matter.update() {
                Update::Over | Update::Coming(_) => Outcome::Done {
                    detail: "it was so already; nothing was written".to_string(),
                },
                _ => self.became(&work, matter).await,
            });
        }
        self.unheard().insert(key.clone(), self.now());
        match matter.write(&work).await {
            Ok(()) => {
                let outcome = self.became(&work, matter).await;
                // What AWS took and does not show yet is on its way too.
                if !matches!(outcome, Outcome::Unknown { .. }) {
                    self.unheard().remove(key);
                }
                Ok(outcome)
            }
            Err(Trouble::Missed(asked, missed)) if !never_was(&missed) => Ok(Outcome::Unknown {
                why: format!("{asked}: {missed}"),
            }),
            Err(trouble) => {
                self.unheard().remove(key);
                Err(trouble)
            }
        }
    }

    /// Waits until it is what was asked for.
    async fn became(&self, work: &Work<'_>, mut matter: Matter) -> Outcome {
        if let Err(trouble) = matter.shows(work).await {
            return Outcome::Unknown {
                why: format!(
                    "AWS took it; what came of it could not be seen: {}",
                    trouble.told(&self.name)
                ),
            };
        }
        if let Some(why) = matter.doubt() {
            return Outcome::Unknown { why };
        }
        match (matter.is_so(), matter.update()) {
            (_, Update::Broken(why)) => Outcome::Failed {
                why: format!("AWS took it, and the update failed: {why}"),
            },
            (true, Update::Over) => Outcome::Done {
                detail: matter.after(),
            },
            (true, Update::Coming(far)) => Outcome::Done {
                detail: format!("{} ({far})", matter.after()),
            },
            _ => Outcome::Unknown {
                why: "AWS took it, and it is not so yet".to_string(),
            },
        }
    }

    /// What is so now. `Failed` only once no request of ours can be on its way any more.
    async fn seen(&self, key: &StepKey, action: &Action) -> Outcome {
        let matter = match self.looked_after(key, action).await {
            Ok(looked) => looked,
            Err(trouble) => {
                return Outcome::Unknown {
                    why: trouble.told(&self.name),
                };
            }
        };
        if let Some(why) = matter.doubt() {
            return Outcome::Unknown { why };
        }
        let update = matter.update();
        if matter.is_so() && matches!(update, Update::Over | Update::Coming(_)) {
            return Outcome::Done {
                detail: format!("{}, as AWS shows it now", matter.after()),
            };
        }
        if update == Update::Going {
            return Outcome::Unknown {
                why: "an update is under way".to_string(),
            };
        }
        // What another program sent before this one began was sent before this one began.
        let sent = self.unheard().get(key).copied().unwrap_or(self.born);
        if self.now().since(sent) < ON_ITS_WAY {
            return Outcome::Unknown {
                why: "it is not so yet, and a request may be on its way".to_string(),
            };
        }
        self.unheard().remove(key);
        Outcome::Failed {
            why: format!("it is not so: {}", matter.before()),
        }
    }

    /// A function that may not run can be let run, whoever stopped it and whenever that was; whoever carries traffic that
    /// is shared out can be relieved of it; and what was named for that remedy can be run.
    async fn offered(&self, remedy: &str, entity: &EntityId) -> Vec<Action> {
        let mut offered = self.offered_state(remedy, entity).await;
        let named = &self.settings.named;
        if !(named.runbooks.is_empty() && named.builds.is_empty())
            && let Ok(work) = self.work("hands", None).await
        {
            offered.extend(work.runnable_for(remedy, entity).await);
        }
        offered
    }

    async fn offered_state(&self, remedy: &str, entity: &EntityId) -> Vec<Action> {
        if remedy == "failover" {
            return traffic::elsewhere(&self.settings.named, entity);
        }
        let function = entity.as_str().starts_with("function/");
        if !function || !matches!(remedy, "raise_limit" | "rollback") {
            return Vec::new();
        }
        let lift = Action::SetLimit {
            entity: entity.clone(),
            limit: aim::CONCURRENCY.to_string(),
            value: None,
        };
        // What cannot be seen is not offered.
        match self.looked(&lift).await {
            Ok(Matter::Function(one)) if one.present.concurrency == Some(0) => vec![lift],
            _ => Vec::new(),
        }
    }
}

const ENDING: &str = "it is being ended";

impl Actuator for Hands {
    fn name(&self) -> &str {
        &self.name
    }

    fn offers(&self, remedy: &str, entity: &EntityId) -> Vec<Action> {
        self.wait(self.offered(remedy, entity)).unwrap_or_default()
    }

    fn preview(&self, action: &Action) -> Result<Preview, HandsError> {
        self.wait(self.previewed(action)).unwrap_or_else(|| {
            Err(HandsError::Unreachable {
                actuator: self.name.clone(),
                why: ENDING.to_string(),
            })
        })
    }

    fn perform(&self, key: &StepKey, action: &Action) -> Outcome {
        self.wait(self.performed(key, action))
            .unwrap_or_else(|| Outcome::Failed {
                why: ENDING.to_string(),
            })
    }

    fn was_done(&self, key: &StepKey, action: &Action) -> Outcome {
        self.wait(self.seen(key, action))
            .unwrap_or_else(|| Outcome::Unknown {
                why: ENDING.to_string(),
            })
    }
}
