//! What was ill shortly before an incident, and is over: it is neither health nor the beginning of this one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::alarm::AlarmState;
use model::case::Case;
use model::entity::EntityId;
use model::incident::{Incident, IncidentId, JoinedAlarm};
use model::recording::{BaselineKind, BaselineWindow};
use model::time::{Span, TimeWindow, Timestamp};

use super::{AttendError, Watch, held};
use crate::correlate::Surroundings;

/// Earlier incidents that are looked at.
const AGAIN: usize = 16;
/// An incident began at most so long before it was opened.
const BEGAN_BEFORE: Span = Span(15 * model::time::MINUTE);
/// An incident of other alarms is over if it was quiet for so long: alarms also fall silent because what they count is
/// gone, and then the next one tells of the same trouble.
const QUIET_FOR: Span = Span(2 * model::time::MINUTE);

impl Watch {
    /// The system's testimony, without what belongs to incidents that are over.
    pub(super) fn case_of_its_own(
        &self,
        incident: &Incident,
        window: TimeWindow,
        now: Timestamp,
    ) -> Result<Case, AttendError> {
        let mut case = self.case(incident, window, now);
        if let Some(over) = self.over_before(incident, window, &case)? {
            set_aside(&mut case, over, incident);
        }
        Ok(case)
    }

    /// From the beginning to the end of incidents that were shortly before: those that the same alarms were in, and
    /// those nearby. `None` if there were none.
    fn over_before(
        &self,
        incident: &Incident,
        window: TimeWindow,
        case: &Case,
    ) -> Result<Option<TimeWindow>, AttendError> {
        let mut stretches = self.of_the_same_alarms(incident)?;
        let ended = self.ended_since(window.from())?.into_iter();
        let ended = ended.filter_map(|other| Some((ill(&other)?, other)));
        let mut apart = ended
            .filter(|(ill, other)| {
                other.id != incident.id && incident.opened.since(ill.to()) >= QUIET_FOR
            })
            .peekable();
        if apart.peek().is_some() {
            let around = Surroundings::new(case.topology.clone(), Vec::new());
            let near = apart.filter(|(_, other)| is_near(other, incident, &around));
            stretches.extend(near.map(|(ill, _)| ill));
        }
        let hull = stretches.into_iter().reduce(|one, other| {
            let (from, to) = (one.from().min(other.from()), one.to().max(other.to()));
            TimeWindow::new(from, to).unwrap_or(one)
        });
        Ok(hull)
    }

    /// When earlier incidents of the same alarms were.
    fn of_the_same_alarms(&self, incident: &Incident) -> Result<Vec<TimeWindow>, AttendError> {
        let mut stretches = Vec::new();
        let mut next: Vec<_> = incident.links.keys().cloned().collect();
        let mut seen = BTreeSet::from([incident.id.clone()]);
        while let Some(id) = next.pop() {
            if seen.len() > AGAIN || !seen.insert(id.clone()) {
                continue;
            }
            let other = self.incident(&id)?;
            let again = |a: &JoinedAlarm| {
                incident
                    .alarms
                    .iter()
                    .any(|own| own.fingerprint == a.fingerprint)
            };
            if !other.alarms.iter().any(again) {
                continue;
            }
            let Some(stretch) = ill(&other).filter(|ill| ill.to() <= incident.opened) else {
                continue;
            };
            next.extend(other.links.keys().cloned());
            stretches.push(stretch);
        }
        Ok(stretches)
    }

    /// Incidents whose alarms have been quiet, or that were closed, since then; the newest of them.
    fn ended_since(&self, since: Timestamp) -> Result<Vec<Arc<Incident>>, AttendError> {
        let mut ended: BTreeMap<(Timestamp, IncidentId), Option<Arc<Incident>>> = BTreeMap::new();
        for (id, closed) in held(&self.memory).closed.values() {
            if *closed >= since {
                ended.insert((*closed, id.clone()), None);
            }
        }
        for open in self.open() {
            if let Some(stretch) = ill(&open) {
                ended.insert((stretch.to(), open.id.clone()), Some(open));
            }
        }
        let newest = ended.into_iter().rev().take(AGAIN);
        newest
            .map(|((_, id), known)| known.map_or_else(|| self.incident(&id), Ok))
            .collect()
    }
}

/// Was it where this one is, or within reach of it?
fn is_near(other: &Incident, incident: &Incident, around: &Surroundings) -> bool {
    let causes = other.report().into_iter().flat_map(|report| &report.causes);
    let places: BTreeSet<&EntityId> = other
        .alarms
        .iter()
        .map(|joined| &joined.alarm.entity)
        .chain(causes.map(|cause| &cause.entity))
        .collect();
    let mut here: Vec<&EntityId> = incident.alarms.iter().map(|a| &a.alarm.entity).collect();
    here.sort();
    here.dedup();
    here.into_iter().take(AGAIN).any(|own| {
        let reached = around.within_reach(own);
        places.iter().any(|place| reached.contains_key(*place))
    })
}

/// From when it began, as its newest report has it, until its alarms were quiet; `None` while one fires.
fn ill(incident: &Incident) -> Option<TimeWindow> {
    let closed = incident.closed.as_ref().map(|(closed, _)| *closed);
    let quiet = incident.alarms.iter().map(|alarm| match alarm.state {
        AlarmState::Resolved => Some(closed.map_or(alarm.since, |at| alarm.since.min(at))),
        _ => closed,
    });
    let quiet = quiet.collect::<Option<Vec<Timestamp>>>()?;
    let quiet = quiet.into_iter().max().or(closed)?;
    let report = incident.report();
    let onsets = report.into_iter().flat_map(|report| {
        let causes = report.causes.iter().filter_map(|cause| cause.onset);
        causes.chain(report.symptoms.iter().map(|symptom| symptom.onset))
    });
    let fired = incident.alarms.iter().map(|alarm| alarm.alarm.fired_at);
    let begun = onsets.map(|onset| onset.lo).chain(fired).min();
    // What a report or an alarm says of its time may be far off.
    let earliest = incident.opened.minus(BEGAN_BEFORE);
    let begun = begun.unwrap_or(incident.opened);
    TimeWindow::new(begun.max(earliest).min(incident.opened), quiet)
}

/// What belonged to an incident that is over is neither health nor the beginning of this one: the beginning is looked
/// for after it, and health is what was before both and what is between them.
fn set_aside(case: &mut Case, over: TimeWindow, incident: &Incident) {
    let window = case.manifest.window;
    let since = TimeWindow::new(window.from().max(over.to()), window.to());
    let first = incident.alarms.iter().map(|alarm| alarm.joined).min();
    let alarmed = first.unwrap_or(incident.opened);
    // The engine draws the line between health and harm where the onset is seen; until then half of the time
    // between the two incidents stands for health.
    let half = Span(alarmed.since(over.to()).0.max(2) / 2);
    let calm = window.from().max(over.to().plus(half));
    let (Some(since), Some(between)) = (since, TimeWindow::new(over.to(), calm)) else {
        return;
    };
    let healthy = case.manifest.baselines.iter().map(|b| b.window);
    let begun = healthy.map(|window| window.from()).min();
    let begun = begun.unwrap_or(window.from()).min(window.from());
    let before = TimeWindow::new(begun, over.from()).map(|window| (window, BaselineKind::History));
    case.manifest.baselines = before
        .into_iter()
        .chain([(between, BaselineKind::Near)])
        .map(|(window, kind)| BaselineWindow { window, kind })
        .collect();
    case.manifest.window = since;
}
