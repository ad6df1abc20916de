//! What an incident is owed next: pure, from what is written and the time alone.
//!
//! [`owed`] reads from top to bottom as the life of an incident. The first run, a restart in the middle of
//! anything, and a second server that takes over all ask the same question of the same journal, and so go on
//! at the same place.

use model::action::Outcome;
use model::incident::{Ending, Incident, Investigation, PlanState, RunEnd};
use model::plan::{Basis, GateAnswer};
use model::report::{Report, Status};
use model::time::{Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The watch's standing orders: how long it waits for what, and when it gives up. All times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Orders {
    /// After the first alarm, and after each that joins, so long is waited for further ones before a look.
    pub gather: Span,
    /// But no longer than this after the first that no look has seen.
    pub gather_at_most: Span,
    /// If something began so shortly before the first look, it is looked at once more before a way back is proposed,
    /// so long after the opening: of several faults the first moment may show the loudest ones only.
    pub confirm: Span,
    /// What was looked at sooner after its opening than this is looked at once more, for the person who has it.
    pub ripen: Span,
    /// A look that ended with "unknown" is repeated after this long; doubled each time.
    pub look_again: Span,
    /// A look that failed is repeated after this long; doubled each time.
    pub retry_look: Span,
    /// So many looks in a row without a cause, or that failed, and a person must go on.
    pub vain_looks: u32,
    /// So many looks in all; a bound on what one incident may cost.
    pub looks: u32,
    /// So many looks more that people may ask for; they spend none of the watch's own.
    pub asked_looks: u32,
    /// Facts older than this are looked at again before anything is done because of them.
    pub facts_last: Span,
    /// How long a question to people stands: as long as the gate lets a yes count ([`Orders::under`]).
    pub approval_lasts: Span,
    /// How many plans may be performed for one incident: as many as the gate lets ([`Orders::under`]).
    pub attempts: u32,
    /// Where a plan has helped at all that it was about and alarms still fire so long after it, it is looked at again:
    /// something else may be wrong too.
    pub something_else: Span,
    /// The least time between two checks of a plan that was performed.
    pub check_every: Span,
    /// After a verified recovery alarms may fire for so long; then it is looked at again.
    pub linger: Span,
    /// When alarms went quiet by themselves, so long is waited before that is believed.
    pub calm: Span,
    /// An incident in which nothing happens for so long is closed.
    pub idle_close: Span,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            gather: Span(0),
            gather_at_most: Span::seconds(20),
            confirm: Span::seconds(2),
            ripen: Span::seconds(20),
            look_again: Span::seconds(30),
            retry_look: Span::seconds(5),
            vain_looks: 5,
            looks: 24,
            asked_looks: 12,
            facts_last: Span::minutes(10),
            approval_lasts: Span::minutes(15),
            attempts: 3,
            something_else: Span::seconds(20),
            check_every: Span::seconds(2),
            linger: Span::minutes(20),
            calm: Span::seconds(30),
            idle_close: Span::minutes(30),
        }
    }
}

impl Orders {
    /// The same orders under a gate: what both know of counts as the gate has it, and facts are looked at again
    /// before the gate would call them old.
    #[must_use]
    pub fn under(self, gate: &act::gate::Rules) -> Self {
        Self {
            approval_lasts: gate.approval_lasts,
            attempts: gate.attempts,
            facts_last: Span(self.facts_last.0.min(gate.facts_last.0)),
            ..self
        }
    }
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Awaited {
    /// Further alarms that belong to it.
    Alarms,
    /// More telemetry, before the next look.
    Telemetry,
    /// Telemetry from after the plan was performed.
    Effect,
    /// Somebody's yes or no.
    Approval,
    /// The moment at which the gate may be asked again.
    Gate,
    /// The end of a silence.
    Silence,
    /// That alarms go quiet.
    Quiet,
    /// A person.
    Person,
}

/// What an incident is owed next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Look at it.
    Investigate {
        /// Why now, for people.
        why: &'static str,
    },
    /// Find a way back for the newest report.
    Propose,
    /// Ask the gate about the newest plan.
    AskGate,
    /// Ask people about the newest plan.
    AskPeople,
    /// Write down that nobody answered in time.
    Expire,
    /// Ask the gate once more, and perform the plan.
    Run,
    /// Go on with what was begun: its steps, or their undoing.
    Continue,
    /// Hold fresh telemetry against the plan's check.
    Verify,
    /// Undo a plan that was performed and did not help.
    Unwind,
    /// Draw the lesson.
    Learn,
    /// Close it.
    Close(Ending),
    /// Give it to a person.
    HandOver {
        /// Why.
        why: String,
    },
    /// Nothing until then, unless something happens.
    Wait {
        /// For what.
        awaits: Awaited,
        /// Until when.
        until: Timestamp,
    },
    /// Nothing any more.
    Nothing,
}

/// What the incident is owed at `now`.
pub fn owed(incident: &Incident, now: Timestamp, orders: &Orders) -> Duty {
    let case = Case {
        incident,
        now,
        orders,
    };
    // Each part of its life says what is owed in it, or that it is past.
    case.over()
        .or_else(|| case.hands_are_moving())
        .or_else(|| case.a_look_was_cut_short())
        .or_else(|| case.a_look_was_asked_for())
        .or_else(|| case.a_person_has_it())
        .or_else(|| case.performed())
        .or_else(|| case.silenced())
        .or_else(|| case.look())
        .or_else(|| case.went_away())
        .or_else(|| case.way_back())
        .unwrap_or_else(|| case.idle())
}

struct Case<'a> {
    incident: &'a Incident,
    now: Timestamp,
    orders: &'a Orders,
}

impl<'a> Case<'a> {
    fn over(&self) -> Option<Duty> {
        let (_, ending) = self.incident.closed.as_ref()?;
        // What lives on in another incident teaches there.
        let merged = matches!(ending, Ending::Merged { .. });
        Some(if self.incident.lesson.is_none() && !merged {
            Duty::Learn
        } else {
            Duty::Nothing
        })
    }

    /// J4: what was begun comes first, whatever else is owed.
    fn hands_are_moving(&self) -> Option<Duty> {
        let plan = self.incident.latest_plan()?;
        let moving = plan.running() || undoing(plan);
        (moving && self.incident.handed_over.is_none()).then_some(Duty::Continue)
    }

    fn a_look_was_cut_short(&self) -> Option<Duty> {
        // Looks are done in one go: one without an end was interrupted.
        let last = self.incident.investigations.last()?;
        last.ended.is_none().then_some(Duty::Investigate {
            why: "the last look was interrupted",
        })
    }

    /// A person wants to know how it stands now: whatever else is waited for, to look changes nothing.
    fn a_look_was_asked_for(&self) -> Option<Duty> {
        self.incident.look_asked.as_ref()?;
        Some(Duty::Investigate {
            why: "a person asked for it",
        })
    }

    fn a_person_has_it(&self) -> Option<Duty> {
        self.incident.handed_over.as_ref()?;
        if let Some(look) = self.look_for_them() {
            return Some(look);
        }
        let until = self.incident.touched.plus(self.orders.idle_close);
        if self.now >= until && !self.incident.firing(self.now) {
            return Some(self.ending(Ending::HandedOver));
        }
        Some(Duty::Wait {
            awaits: Awaited::Person,
            // Never a moment that has passed: whoever waits would spin.
            until: self.now.max(until).plus(Span::seconds(1)),
        })
    }

    /// To look changes nothing: whoever has it is told what a further alarm shows.
    fn look_for_them(&self) -> Option<Duty> {
        let last = self.incident.investigations.last()?;
        if self.looks_are_spent() || !ended_well(last) {
            return None;
        }
        if let Some(look) = self.look_at_further(last) {
            return Some(look);
        }
        // A look right at the beginning saw little: of two faults perhaps the louder one only.
        let due = self.incident.opened.plus(self.orders.ripen);
        if last.started >= due || !self.incident.firing(self.now) {
            return None;
        }
        let why = "there is more to see than at the beginning";
        Some(self.at(due, Awaited::Telemetry, Duty::Investigate { why }))
    }

    /// A plan was performed, or broken off.
    fn performed(&self) -> Option<Duty> {
        let plan = self.incident.latest_plan()?;
        let (ended, end) = plan.run_ended.as_ref()?;
        match end {
            RunEnd::Stuck { why } => Some(self.hand_over(why.clone())),
            RunEnd::Unwound { why } => self.unwound(plan, *ended, why),
            RunEnd::Completed if plan.worked() => self.worked(plan),
            RunEnd::Completed => self.verify(plan, *ended),
        }
    }

    fn worked(&self, plan: &PlanState) -> Option<Duty> {
        let (since, ..) = plan.verified.last()?;
        let last = self.incident.investigations.last()?;
        if last.started > *since && self.report().is_some_and(wrong) {
            // It was looked at again since, and something is wrong: that leads to another plan.
            return None;
        }
        let unseen = self.unseen(last).any(|alarm| alarm.firing(self.now));
        if unseen {
            return None;
        }
        // What flapped under the fault, or while the watch was restarted in the middle of it, is believed to be quiet
        // once telemetry has shown that the fault is gone.
        let remedied = plan.run_ended.as_ref().map_or(*since, |(at, _)| *at);
        if !self.incident.firing_since(remedied, self.now) {
            return Some(self.ending(Ending::Recovered));
        }
        let until = since.plus(self.orders.linger);
        if self.now < until {
            return Some(self.wait(Awaited::Quiet, until));
        }
        Some(if last.started > *since {
            self.hand_over(
                "the recovery was verified, but alarms still fire and nothing wrong is seen",
            )
        } else {
            self.look_or_hand_over("alarms still fire after the verified recovery")
        })
    }

    fn unwound(&self, plan: &PlanState, ended: Timestamp, why: &str) -> Option<Duty> {
        let vain = !plan.verified.is_empty();
        if vain || self.begun() >= self.orders.attempts {
            return Some(self.hand_over(format!("the plan was undone: {why}")));
        }
        match self.incident.investigations.last() {
            Some(last) if last.started > ended => None,
            _ => Some(self.look_or_hand_over("the plan was undone")),
        }
    }

    /// Not before its time; then again and again until it holds or patience is over.
    fn verify(&self, plan: &PlanState, ended: Timestamp) -> Option<Duty> {
        let patience = ended.plus(plan.plan.patience);
        let Some((last, ..)) = plan.verified.last() else {
            let first = ended.plus(plan.plan.settle);
            return Some(self.at(first, Awaited::Effect, Duty::Verify));
        };
        let looked = self.incident.investigations.last()?;
        let helped = self.helped(plan);
        // An alarm looks back over minutes: while there is patience, what nothing can be done about is no reason to give up.
        let vain = *last < patience && self.no_plan_of_newest().is_some();
        if helped && looked.started > ended && self.something_beyond(plan) && !vain {
            // It did what it could, and another cause is left: the plan stays, and a further one follows.
            return None;
        }
        let due = ended.plus(self.orders.something_else);
        let early = looked.started < due && self.now >= due && !self.looks_are_spent();
        if helped && early && self.incident.firing(self.now) {
            return Some(Duty::Investigate {
                why: "what was put right is well, and alarms still fire",
            });
        }
        if *last < patience {
            // Ever more seldom: what does not come quickly comes slowly.
            let apart = self.orders.check_every.0.max(last.since(ended).0 / 5);
            let next = last.plus(Span(apart)).min(patience.max(last.plus(Span(1))));
            return Some(self.at(next, Awaited::Effect, Duty::Verify));
        }
        // It did not help. What is wrong now?
        let failed = plan.verified.iter().find(|(at, ..)| *at >= patience);
        let failed = failed.map_or(*last, |(at, ..)| *at);
        if looked.started < failed {
            return Some(self.look_or_hand_over("the recovery could not be verified"));
        }
        let report = self.report().filter(|_| ended_well(looked))?;
        let still = report.causes.iter().any(|cause| {
            let same = |b: &Basis| (&b.entity, &b.mechanism) == (&cause.entity, &cause.mechanism);
            plan.plan.basis.iter().any(same) && !plan.answered(cause)
        });
        if still {
            // The same cause is still at work: the plan was no cure, and is taken back. But what helped somewhere is
            // not undone there: that would break it again.
            return Some(if !plan.mended().is_empty() {
                self.hand_over("the plan helped in part, and the rest of its causes are at work")
            } else if plan.plan.steps.iter().any(|step| step.undo.is_some()) {
                Duty::Unwind
            } else {
                self.hand_over("the plan did not help, and there is no way back from it")
            });
        }
        match report.header.status {
            // What the report still says of that is past.
            Status::CauseFound if helped => Some(self.hand_over(
                "what the plan put right is well, but not all that was expected of it came true",
            )),
            // That cause is gone, and another is left: the plan stays, and a further one follows.
            Status::CauseFound => None,
            // Nothing is wrong any more: it came late. The plan's check decides, once more.
            Status::Recovered | Status::NoActiveFault if *last < looked.started => {
                Some(Duty::Verify)
            }
            Status::Recovered | Status::NoActiveFault | Status::Unknown => Some(self.hand_over(
                "the plan was performed, and could not be verified within its patience",
            )),
        }
    }

    /// Has it helped at every entity that it answered, as telemetry from after it shows?
    fn helped(&self, plan: &PlanState) -> bool {
        let mended = plan.mended();
        let basis = &plan.plan.basis;
        !basis.is_empty() && basis.iter().all(|b| mended.contains(&b.entity))
    }

    /// Does the newest report name a cause that this plan has not answered?
    fn something_beyond(&self, plan: &PlanState) -> bool {
        self.report().is_some_and(|report| {
            report.header.status == Status::CauseFound
                && report.causes.iter().any(|cause| !plan.answered(cause))
        })
    }

    fn silenced(&self) -> Option<Duty> {
        let (.., until) = self.incident.silenced.as_ref()?;
        (self.now < *until).then_some(Duty::Wait {
            awaits: Awaited::Silence,
            until: *until,
        })
    }

    /// Is it time to look, for the first time or again?
    fn look(&self) -> Option<Duty> {
        let Some(last) = self.incident.investigations.last() else {
            let due = self.gathered(self.incident.opened, None);
            let why = "it was opened";
            return Some(self.at(due, Awaited::Alarms, Duty::Investigate { why }));
        };
        let (ended, result) = last.ended.as_ref()?;
        if let Err(why) = result {
            let failed = self.streak(|look| matches!(look.ended, Some((_, Err(_)))));
            if failed >= self.orders.vain_looks || self.looks_are_spent() {
                return Some(self.hand_over(format!(
                    "it could not be looked at in {failed} tries: {why}"
                )));
            }
            let due = ended.plus(doubled(self.orders.retry_look, failed));
            let why = "the last look failed";
            return Some(self.at(due, Awaited::Telemetry, Duty::Investigate { why }));
        }
        if self.looks_are_spent() {
            return None;
        }
        if self.incident.split {
            return Some(Duty::Investigate {
                why: "alarms were taken out of it",
            });
        }
        if let Some(look) = self.look_at_further(last) {
            return Some(look);
        }
        let report = self.report()?;
        if let Some(quiet) = self.quiet_since(last)
            && wrong(report)
        {
            // Alarms may be quiet because traffic went elsewhere: a look tells.
            let due = quiet.plus(self.orders.calm);
            let why = "its alarms went quiet";
            return Some(self.at(due, Awaited::Quiet, Duty::Investigate { why }));
        }
        match report.header.status {
            Status::CauseFound => self.confirm(last).or_else(|| self.refresh(last)),
            // No cause was named. While alarms fire it is looked at again, ever more seldom.
            _ if self.incident.firing(self.now) => {
                let vain = self.streak(|look| {
                    matches!(&look.ended, Some((_, Ok(r))) if r.header.status != Status::CauseFound)
                });
                if vain >= self.orders.vain_looks {
                    return None;
                }
                let due = ended.plus(doubled(self.orders.look_again, vain));
                let why = "no cause was found, and alarms still fire";
                Some(self.at(due, Awaited::Telemetry, Duty::Investigate { why }))
            }
            _ => None,
        }
    }

    /// Alarms have joined that no look has seen.
    fn look_at_further(&self, last: &Investigation) -> Option<Duty> {
        let first = self.unseen(last).map(|alarm| alarm.joined).min()?;
        let due = self.gathered(first, Some(last));
        let why = "further alarms have joined";
        Some(self.at(due, Awaited::Alarms, Duty::Investigate { why }))
    }

    /// Hands should not move because of the first moment alone.
    fn confirm(&self, last: &Investigation) -> Option<Duty> {
        let due = self.incident.opened.plus(self.orders.confirm);
        if last.started >= due || !self.incident.firing(self.now) {
            return None;
        }
        let lately = last.started.minus(self.orders.confirm);
        let symptoms = &self.report()?.symptoms;
        if !symptoms.iter().any(|seen| seen.onset.lo > lately) {
            return None;
        }
        let why = "it had only just begun when it was looked at";
        Some(self.at(due, Awaited::Telemetry, Duty::Investigate { why }))
    }

    /// Facts grow old while a plan waits for its yes.
    fn refresh(&self, last: &Investigation) -> Option<Duty> {
        let waits = self
            .incident
            .latest_plan()
            .is_some_and(PlanState::undecided);
        let due = last.started.plus(self.orders.facts_last);
        (waits && self.now >= due).then_some(Duty::Investigate {
            why: "the facts have grown old while a plan waits",
        })
    }

    /// Nothing is wrong, or is no longer: by the report, and by its alarms.
    fn went_away(&self) -> Option<Duty> {
        let report = self.report()?;
        let ending = match report.header.status {
            Status::CauseFound => return None,
            Status::Unknown => return self.unknown(),
            Status::Recovered => Ending::RecoveredAlone,
            Status::NoActiveFault => Ending::NoFault,
        };
        if self.incident.firing(self.now) {
            // An alarm that never takes itself back, about nothing that can be seen.
            let until = self.incident.touched.plus(self.orders.idle_close);
            return Some(self.at(until, Awaited::Quiet, self.ending(ending)));
        }
        let due = self.incident.touched.plus(self.orders.calm);
        Some(self.at(due, Awaited::Quiet, self.ending(ending)))
    }

    fn unknown(&self) -> Option<Duty> {
        if self.incident.firing(self.now) {
            let looks = self.incident.investigations.len();
            return Some(self.hand_over(format!(
                "the cause is unknown after {looks} looks, and alarms still fire"
            )));
        }
        let until = self.incident.touched.plus(self.orders.idle_close);
        Some(self.at(until, Awaited::Quiet, self.ending(Ending::RecoveredAlone)))
    }

    /// A cause is known: from the plan to the moment at which hands move.
    fn way_back(&self) -> Option<Duty> {
        let report = self.report()?;
        if let Some(why) = self.no_plan_of_newest() {
            return Some(self.hand_over(format!("there is no plan: {}", why.join("; "))));
        }
        let plan = self
            .incident
            .latest_plan()
            .filter(|plan| plan.report == report.ledger);
        let Some(plan) = plan else {
            if self.begun() >= self.orders.attempts {
                return Some(self.hand_over(format!(
                    "{} plans were performed, and something is still wrong",
                    self.begun()
                )));
            }
            return Some(Duty::Propose);
        };
        if let Some((by, why)) = &plan.refusal {
            return Some(self.hand_over(format!("{by} said no to the plan: {why}")));
        }
        if plan.expired {
            return Some(self.hand_over("nobody answered in time"));
        }
        if !plan.undecided() {
            return Some(self.hand_over("the plan for what was found was tried already"));
        }
        Some(match &plan.gate {
            None => Duty::AskGate,
            Some((_, GateAnswer::Refuse { reasons, again_at })) => match again_at {
                None => {
                    self.hand_over(format!("the gate refuses the plan: {}", reasons.join("; ")))
                }
                Some(again) => self.at(*again, Awaited::Gate, Duty::AskGate),
            },
            Some((_, GateAnswer::Go { .. })) => Duty::Run,
            Some((_, GateAnswer::Ask { .. })) => self.asked(plan),
        })
    }

    fn asked(&self, plan: &PlanState) -> Duty {
        if let Some(approval) = &plan.approval {
            return if self.now < approval.until {
                Duty::Run
            } else {
                Duty::Expire
            };
        }
        match plan.asked_until {
            None => Duty::AskPeople,
            Some(until) => self.at(until, Awaited::Approval, Duty::Expire),
        }
    }

    /// Nothing is owed and nothing happens.
    fn idle(&self) -> Duty {
        let until = self.incident.touched.plus(self.orders.idle_close);
        let ending = self.ending(Ending::RecoveredAlone);
        if self.incident.firing(self.now) || self.incident.owes_a_verdict() {
            return self.hand_over("nothing more can be done here, and it is not over");
        }
        self.at(until, Awaited::Quiet, ending)
    }

    // Helpers, in the order of their first use.

    /// The lesson before the end, so that one read of the list tells both.
    fn ending(&self, ending: Ending) -> Duty {
        if self.incident.lesson.is_none() {
            Duty::Learn
        } else {
            Duty::Close(ending)
        }
    }

    fn hand_over(&self, why: impl Into<String>) -> Duty {
        Duty::HandOver { why: why.into() }
    }

    /// The newest report.
    fn report(&self) -> Option<&'a Report> {
        self.incident.report()
    }

    /// Why there is no plan for what the newest report names, where that was found out.
    fn no_plan_of_newest(&self) -> Option<&'a [String]> {
        let (ledger, why) = self.incident.no_plan.as_ref()?;
        (*ledger == self.report()?.ledger).then_some(why.as_slice())
    }

    /// Alarms that joined after the look began.
    fn unseen(
        &self,
        look: &Investigation,
    ) -> impl Iterator<Item = &'a model::incident::JoinedAlarm> {
        let began = look.started;
        self.incident
            .alarms
            .iter()
            .filter(move |alarm| alarm.joined > began)
    }

    fn wait(&self, awaits: Awaited, until: Timestamp) -> Duty {
        Duty::Wait { awaits, until }
    }

    fn look_or_hand_over(&self, why: &'static str) -> Duty {
        if self.looks_are_spent() {
            self.hand_over(format!("{why}, and it was looked at often enough"))
        } else {
            Duty::Investigate { why }
        }
    }

    /// Plans that were performed or begun.
    fn begun(&self) -> u32 {
        let begun = self
            .incident
            .plans
            .iter()
            .filter(|p| p.run_started.is_some());
        u32::try_from(begun.count()).unwrap_or(u32::MAX)
    }

    /// `duty` once it is `due`; before that, a wait.
    fn at(&self, due: Timestamp, awaits: Awaited, duty: Duty) -> Duty {
        if self.now >= due {
            duty
        } else {
            Duty::Wait { awaits, until: due }
        }
    }

    /// When enough was waited for further alarms: `gather` after the newest, at most `gather_at_most` after the first.
    fn gathered(&self, first: Timestamp, seen: Option<&Investigation>) -> Timestamp {
        let newest = self
            .incident
            .alarms
            .iter()
            .map(|alarm| alarm.joined)
            .filter(|joined| seen.is_none_or(|look| *joined > look.started))
            .max()
            .unwrap_or(first);
        newest
            .plus(self.orders.gather)
            .min(first.plus(self.orders.gather_at_most))
    }

    /// How many of the newest looks are so, without a break.
    fn streak(&self, so: impl Fn(&Investigation) -> bool) -> u32 {
        let looks = self.incident.investigations.iter().rev();
        u32::try_from(looks.take_while(|look| so(look)).count()).unwrap_or(u32::MAX)
    }

    fn looks_are_spent(&self) -> bool {
        let own = |look: &&Investigation| look.asked_by.is_none();
        let spent = self.incident.investigations.iter().filter(own).count();
        spent >= self.orders.looks as usize
    }

    /// Since when all alarms are quiet, if the last of them went quiet after the look began.
    fn quiet_since(&self, look: &Investigation) -> Option<Timestamp> {
        if self.incident.firing(self.now) {
            return None;
        }
        let turns = self.incident.alarms.iter().flat_map(|a| a.recent.last());
        turns.max().copied().filter(|turn| *turn > look.started)
    }
}

/// Is something wrong, whether its cause is known or not?
fn wrong(report: &Report) -> bool {
    matches!(report.header.status, Status::CauseFound | Status::Unknown)
}

fn ended_well(look: &Investigation) -> bool {
    matches!(look.ended, Some((_, Ok(_))))
}

/// Was its undoing begun, after it had been performed to its end in vain?
fn undoing(plan: &PlanState) -> bool {
    let begun = |undone: &Option<Outcome>, key: bool| key || undone.is_some();
    matches!(plan.run_ended, Some((_, RunEnd::Completed)))
        && !plan.worked()
        && plan
            .steps
            .iter()
            .any(|step| begun(&step.undone, step.undo_key.is_some()))
}

/// `first`, then twice as long each further time, up to an hour.
fn doubled(first: Span, times: u32) -> Span {
    let factor = 1_i64 << times.saturating_sub(1).min(20);
    Span(first.0.saturating_mul(factor).min(Span::minutes(60).0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gate_knows_too_counts_as_the_gate_has_it() {
        let gate = act::gate::Rules {
            approval_lasts: Span::minutes(7),
            attempts: 9,
            facts_last: Span::minutes(3),
            ..act::gate::Rules::default()
        };
        let orders = Orders::default().under(&gate);
        assert_eq!(orders.approval_lasts, Span::minutes(7));
        assert_eq!(orders.attempts, 9);
        assert_eq!(orders.facts_last, Span::minutes(3));
        let lax = act::gate::Rules {
            facts_last: Span::minutes(60),
            ..gate
        };
        let facts_last = Orders::default().facts_last;
        assert_eq!(Orders::default().under(&lax).facts_last, facts_last);
    }
}
