//! Performs a plan that the gate let through, step by step, intent before deed.
//!
//! What is to be done next follows from the journal alone ([`next`], pure), so that the first run, a restart
//! after a power cut and a second server share one path:
//!
//! - a step is written down before it is performed; its key is made of plan, step and try;
//! - a step that was begun and of which nothing was heard is *looked at* before anything is tried again; only
//!   if the actuator is certain that nothing was altered is it performed, under the same key;
//! - what stays unknown is looked at again, later and later, and never tried blindly; in the end a person must look;
//! - when a step fails for good, or a stop condition holds, what was done is undone in the opposite order.

mod next;

use std::sync::Arc;

use model::action::{Outcome, StepKey};
use model::incident::{IncidentEvent, PlanState, RunEnd};
use model::plan::Check;
use model::ports::{Actuator, JournalError};
use model::time::{Span, Timestamp};

use crate::gate::ClearedPlan;

pub use next::{Move, key, next};

use next::action;

/// How patient a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How often one step is tried, each time under a new key, when the last try failed for certain.
    pub tries: u32,
    /// How often we look after a step that we never heard of, before a person must.
    pub looks: u32,
    /// How long after the first look the second comes; doubled each time.
    pub first_wait: Span,
    /// No wait is longer.
    pub longest_wait: Span,
}

impl Default for Pace {
    /// Two tries; eight looks over about two minutes (1, 2, 4, 8, 16, 30, 30 s), by when any request that was on
    /// its way has arrived or was given up by its sender.
    fn default() -> Self {
        Self {
            tries: 2,
            looks: 8,
            first_wait: Span::seconds(1),
            longest_wait: Span::seconds(30),
        }
    }
}

/// Why a run must not simply go on, as told between two steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// A stop condition holds: undo what was done.
    Unwind(String),
    /// No hand may move any more, not even to undo (the kill switch): a person must go on.
    HandsOff(String),
}

/// Where a call of [`advance`] left the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// It is over, and the journal says how.
    Ended(RunEnd),
    /// Nothing can be done before then; call again.
    Wait {
        /// Until when.
        until: Timestamp,
        /// What for.
        why: String,
    },
}

/// Why a run could not go on. The journal is as it was; calling again later is safe.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The journal did not take the intent or the outcome. Nothing is done that is not written down.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The plan that was cleared is not the one in the journal.
    #[error(
        "plan {cleared} was cleared, but the journal holds {stands}; ask the gate about that one"
    )]
    AnotherPlan {
        /// Digest of the cleared plan.
        cleared: String,
        /// Digest of the plan in the journal.
        stands: String,
    },
}

/// Performs what was cleared as far as it goes now, and writes down everything through `scribe`, which appends
/// one event to the incident's journal and gives back how the plan stands after it. `now` is asked anew at each
/// turn. `halt` is asked before each further step with the plan's stop condition.
///
/// Works only from what the journal says: calling it after a crash goes on where the journal stands. An error
/// of the scribe ends the call before anything further is done.
pub fn advance(
    cleared: &ClearedPlan,
    state: &PlanState,
    hands: &[Arc<dyn Actuator>],
    pace: &Pace,
    now: &dyn Fn() -> Timestamp,
    halt: &mut dyn FnMut(&Check) -> Option<Halt>,
    scribe: &mut dyn FnMut(IncidentEvent) -> Result<PlanState, JournalError>,
) -> Result<Advanced, RunError> {
    let mut state = state.clone();
    let mut stopped: Option<String> = None;
    loop {
        if cleared.digest() != state.digest {
            return Err(RunError::AnotherPlan {
                cleared: cleared.digest().to_string(),
                stands: state.digest,
            });
        }
        let plan = state.digest.clone();
        let known = stopped.is_some();
        let before = stopped.clone();
        let mut listen = |check: &Check| {
            let halt = halt(check);
            if let (None, Some(Halt::Unwind(why))) = (&stopped, &halt) {
                stopped = Some(why.clone());
            }
            halt
        };
        let next = next(&state, pace, now(), before.as_deref(), &mut listen);
        if let (false, Some(why), Move::Start { undo: true, .. }) = (known, &stopped, &next) {
            // So that the reason outlives us.
            scribe(IncidentEvent::Noted {
                by: "midwatch".to_string(),
                text: format!("The run is broken off: {why}."),
            })?;
        }
        state = match next {
            Move::Begin => scribe(IncidentEvent::RunStarted { plan })?,
            Move::Start { step, undo, key } => {
                // The intent, before the deed.
                let state = scribe(if undo {
                    IncidentEvent::UndoStarted {
                        plan: plan.clone(),
                        step,
                        key: key.clone(),
                    }
                } else {
                    IncidentEvent::StepStarted {
                        plan: plan.clone(),
                        step,
                        key: key.clone(),
                    }
                })?;
                let outcome = perform(&state, hands, step, undo, &key, false);
                scribe(ended(plan, step, undo, outcome))?
            }
            Move::Settle { step, undo, key } => {
                let outcome = perform(&state, hands, step, undo, &key, true);
                scribe(ended(plan, step, undo, outcome))?
            }
            Move::Wait { until, why } => return Ok(Advanced::Wait { until, why }),
            Move::End(end) => scribe(IncidentEvent::RunEnded {
                plan,
                end: end.clone(),
            })?,
            Move::Over(end) => return Ok(Advanced::Ended(end)),
        };
    }
}

fn ended(plan: String, step: u32, undo: bool, outcome: Outcome) -> IncidentEvent {
    if undo {
        IncidentEvent::UndoEnded {
            plan,
            step,
            outcome,
        }
    } else {
        IncidentEvent::StepEnded {
            plan,
            step,
            outcome,
        }
    }
}

/// The deed. With `look`, it was begun before: the actuator is asked first what became of it.
fn perform(
    state: &PlanState,
    hands: &[Arc<dyn Actuator>],
    step: u32,
    undo: bool,
    key: &StepKey,
    look: bool,
) -> Outcome {
    let (Some(action), Some(planned)) = (
        action(state, step, undo),
        state.plan.steps.get(step as usize),
    ) else {
        return Outcome::Failed {
            why: "the plan has no such step".to_string(),
        };
    };
    let Some(hand) = hands.iter().find(|hand| hand.name() == planned.actuator) else {
        let why = format!(
            "no actuator called {} is connected; configure it, or take the step by hand",
            planned.actuator
        );
        // What was begun by hands that are gone may have been done; what was not begun was not.
        return if look {
            Outcome::Unknown { why }
        } else {
            Outcome::Failed { why }
        };
    };
    if look {
        match hand.was_done(key, action) {
            Outcome::Failed { .. } => {}
            known => return known,
        }
    }
    hand.perform(key, action)
}

/// Begins to undo a plan that was performed to its end and did not help. Undoing goes on with [`advance`].
///
/// It writes the intent to undo the last step that has a way back; `None` if none has one: a person must go on.
pub fn give_up(
    cleared: &ClearedPlan,
    state: &PlanState,
    hands: &[Arc<dyn Actuator>],
    pace: &Pace,
    now: &dyn Fn() -> Timestamp,
    halt: &mut dyn FnMut(&Check) -> Option<Halt>,
    scribe: &mut dyn FnMut(IncidentEvent) -> Result<PlanState, JournalError>,
) -> Result<Option<Advanced>, RunError> {
    let last = (0..state.steps.len() as u32)
        .rev()
        .find(|step| action(state, *step, true).is_some());
    let Some(step) = last else {
        return Ok(None);
    };
    let key = key(&state.digest, step, true, 1);
    let state = scribe(IncidentEvent::UndoStarted {
        plan: state.digest.clone(),
        step,
        key,
    })?;
    advance(cleared, &state, hands, pace, now, halt, scribe).map(Some)
}
