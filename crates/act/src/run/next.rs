//! What a run owes next, from the journal alone.

use model::action::{Action, Outcome, StepKey};
use model::incident::{PlanState, RunEnd, StepState};
use model::plan::Check;
use model::time::{Span, Timestamp};

use super::{Halt, Pace};

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

pub(super) fn action(state: &PlanState, step: u32, undo: bool) -> Option<&Action> {
    let step = state.plan.steps.get(step as usize)?;
    if undo {
        step.undo.as_ref()
    } else {
        Some(&step.action)
    }
}
