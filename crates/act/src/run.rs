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

use std::sync::Arc;

use model::action::{Action, Outcome, StepKey};
use model::incident::{IncidentEvent, PlanState, RunEnd, StepState};
use model::plan::Check;
use model::ports::{Actuator, JournalError};
use model::time::{Span, Timestamp};

use crate::gate::ClearedPlan;

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

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Write down that the run begins.
    Begin,
    /// Write down that this step is begun under this key.
    Start {
        /// Which step.
        step: u32,
        /// Backwards?
        undo: bool,
        /// Under which key.
        key: StepKey,
    },
    /// It was begun: look what became of it, and perform it only if for certain nothing was altered.
    Settle {
        /// Which step.
        step: u32,
        /// Backwards?
        undo: bool,
        /// Under which key.
        key: StepKey,
    },
    /// Nothing before then.
    Wait {
        /// Until when.
        until: Timestamp,
        /// What for.
        why: String,
    },
    /// Write down how it ended.
    End(RunEnd),
    /// It has ended.
    Over(RunEnd),
}

/// The key of one performance: the same plan, step, direction and try have the same key wherever it is computed.
pub fn key(plan: &str, step: u32, undo: bool, attempt: u32) -> StepKey {
    let direction = if undo { "undo" } else { "do" };
    let hash = blake3::hash(format!("{plan}\n{step}\n{direction}\n{attempt}").as_bytes()).to_hex();
    StepKey(format!(
        "{}-{step}-{direction}-{attempt}",
        &hash.as_str()[..24]
    ))
}

/// One direction of one step, as the journal has it.
struct Face<'a> {
    key: Option<&'a StepKey>,
    outcome: Option<&'a Outcome>,
    tries: u32,
    unheard: u32,
    touched: Option<Timestamp>,
}

impl<'a> Face<'a> {
    fn of(state: &'a StepState, undo: bool) -> Self {
        if undo {
            Self {
                key: state.undo_key.as_ref(),
                outcome: state.undone.as_ref(),
                tries: state.undo_tries,
                unheard: state.undo_unheard,
                touched: state.touched,
            }
        } else {
            Self {
                key: state.key.as_ref(),
                outcome: state.outcome.as_ref(),
                tries: state.tries,
                unheard: state.unheard,
                touched: state.touched,
            }
        }
    }
}

/// How one direction of one step stands.
enum Stand {
    /// It is so.
    Done,
    /// It failed for certain, and no try is left.
    Failed(String),
    /// We never learned what became of it, and no look is left.
    Lost(String),
    /// Something is to be done about it.
    Owed(Move),
}

/// What is to be done next. Pure: `halt` is asked only where a further step, or its undoing, would begin.
///
/// `stopped` is why the run was broken off, where the caller still knows it.
pub fn next(
    state: &PlanState,
    pace: &Pace,
    now: Timestamp,
    stopped: Option<&str>,
    halt: &mut dyn FnMut(&Check) -> Option<Halt>,
) -> Move {
    let in_vain = match &state.run_ended {
        Some((_, RunEnd::Completed)) if in_vain(state) => true,
        Some((_, end)) => return Move::Over(end.clone()),
        None => false,
    };
    if state.run_started.is_none() {
        return Move::Begin;
    }
    let backwards = state.steps.iter().any(|step| step.undo_key.is_some());
    if in_vain || backwards {
        let why = forward_fault(state, pace, now).unwrap_or_else(|| {
            if in_vain {
                "it was performed and did not help".to_string()
            } else {
                stopped.unwrap_or("it was broken off").to_string()
            }
        });
        return unwind(state, pace, now, halt, why);
    }
    for (index, step) in state.steps.iter().enumerate() {
        let index = index as u32;
        match stand(state, index, Face::of(step, false), false, pace, now) {
            Stand::Done => {}
            Stand::Owed(start @ Move::Start { .. }) => {
                return match halt(&state.plan.stop) {
                    None => start,
                    Some(Halt::Unwind(why)) => unwind(state, pace, now, halt, why),
                    // Where nothing was done, nothing is left to undo.
                    Some(Halt::HandsOff(why)) if index == 0 => Move::End(RunEnd::Unwound { why }),
                    Some(Halt::HandsOff(why)) => Move::End(RunEnd::Stuck { why }),
                };
            }
            Stand::Owed(other) => return other,
            Stand::Failed(why) => return unwind(state, pace, now, halt, why),
            Stand::Lost(why) => return Move::End(RunEnd::Stuck { why }),
        }
    }
    Move::End(RunEnd::Completed)
}

/// Was it performed to its end, and did it not help?
fn in_vain(state: &PlanState) -> bool {
    state.verified.last().is_some_and(|(_, passed, _)| !passed)
        && state.steps.iter().any(|step| step.undo_key.is_some())
}

fn forward_fault(state: &PlanState, pace: &Pace, now: Timestamp) -> Option<String> {
    state.steps.iter().enumerate().find_map(|(index, step)| {
        match stand(state, index as u32, Face::of(step, false), false, pace, now) {
            Stand::Failed(why) | Stand::Lost(why) => Some(why),
            Stand::Done | Stand::Owed(_) => None,
        }
    })
}

fn stand(
    state: &PlanState,
    step: u32,
    face: Face<'_>,
    undo: bool,
    pace: &Pace,
    now: Timestamp,
) -> Stand {
    let verb = if undo { "undoing step" } else { "step" };
    let number = step + 1;
    let Some(begun) = face.key else {
        let key = key(&state.digest, step, undo, 1);
        return Stand::Owed(Move::Start { step, undo, key });
    };
    let settle = || {
        Stand::Owed(Move::Settle {
            step,
            undo,
            key: begun.clone(),
        })
    };
    match face.outcome {
        None => settle(),
        Some(Outcome::Done { .. }) => Stand::Done,
        Some(Outcome::Failed { why }) if face.tries >= pace.tries.max(1) => {
            Stand::Failed(format!("{verb} {number} failed: {why}"))
        }
        Some(Outcome::Failed { why }) => {
            let until = later(face.touched, pace, face.tries);
            if now < until {
                let why = format!("{verb} {number} failed ({why}) and is tried again");
                return Stand::Owed(Move::Wait { until, why });
            }
            let key = key(&state.digest, step, undo, face.tries.saturating_add(1));
            Stand::Owed(Move::Start { step, undo, key })
        }
        Some(Outcome::Unknown { why }) if face.unheard >= pace.looks.max(1) => {
            Stand::Lost(format!(
                "whether {verb} {number} was done could not be learned in {} looks ({why}); a person must look at {}",
                face.unheard,
                action(state, step, undo).map_or_else(String::new, |a| a.entity().to_string()),
            ))
        }
        Some(Outcome::Unknown { why }) => {
            let until = later(face.touched, pace, face.unheard);
            if now < until {
                let why = format!("what became of {verb} {number} is not known yet ({why})");
                return Stand::Owed(Move::Wait { until, why });
            }
            settle()
        }
    }
}

/// When the next try or look is due, after `times` before it.
fn later(touched: Option<Timestamp>, pace: &Pace, times: u32) -> Timestamp {
    let doubled = 1_i64 << times.saturating_sub(1).min(30);
    let wait = pace
        .first_wait
        .0
        .saturating_mul(doubled)
        .min(pace.longest_wait.0);
    touched.unwrap_or_default().plus(Span(wait))
}

fn unwind(
    state: &PlanState,
    pace: &Pace,
    now: Timestamp,
    halt: &mut dyn FnMut(&Check) -> Option<Halt>,
    why: String,
) -> Move {
    let mut no_way_back = Vec::new();
    let mut failed = Vec::new();
    for (index, step) in state.steps.iter().enumerate().rev() {
        if !step.outcome.as_ref().is_some_and(Outcome::is_done) {
            continue;
        }
        let index = index as u32;
        if action(state, index, true).is_none() {
            no_way_back.push(format!("step {} has no way back", index + 1));
            continue;
        }
        match stand(state, index, Face::of(step, true), true, pace, now) {
            Stand::Done => {}
            Stand::Owed(start @ Move::Start { .. }) => {
                // A stop condition is no reason not to undo; the kill switch is.
                return match halt(&state.plan.stop) {
                    Some(Halt::HandsOff(off)) => Move::End(RunEnd::Stuck {
                        why: format!("{why}; {off}"),
                    }),
                    Some(Halt::Unwind(_)) | None => start,
                };
            }
            Stand::Owed(next) => return next,
            // The steps before it are undone nevertheless: each names a state of its own.
            Stand::Failed(what) => failed.push(what),
            Stand::Lost(what) => {
                return Move::End(RunEnd::Stuck {
                    why: format!("{why}; {what}"),
                });
            }
        }
    }
    failed.extend(no_way_back);
    Move::End(if failed.is_empty() {
        RunEnd::Unwound { why }
    } else {
        RunEnd::Stuck {
            why: format!("{why}; {}", failed.join("; ")),
        }
    })
}

fn action(state: &PlanState, step: u32, undo: bool) -> Option<&Action> {
    let step = state.plan.steps.get(step as usize)?;
    if undo {
        step.undo.as_ref()
    } else {
        Some(&step.action)
    }
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
