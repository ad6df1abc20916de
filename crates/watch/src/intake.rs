//! From an alarm to the incident that it belongs to: turned, joined, or opened.
//!
//! [`decide`] is pure. It names the events to write and after which entry, so that whoever writes them may find
//! that somebody else was quicker, read again and decide again (J5).

use std::collections::BTreeMap;

use model::alarm::{Alarm, AlarmState};
use model::incident::{Fingerprint, Incident, IncidentEvent, IncidentId, JoinedAlarm};
use model::silence::Silence;
use model::time::{Span, Timestamp};

use crate::correlate::{Held, JOINS, Surroundings};
use crate::silence::quiet;

/// Labels that differ each time an alarm fires, and so are no part of what makes it the same again.
pub const UNSTABLE: &[&str] = &["value", "timestamp", "starts_at", "state_reason"];

/// So many turns within [`model::incident::TURNS_COUNT_FOR`] are flapping.
pub const FLAPS: usize = 4;

/// An incident that closed so lately is named when its alarm fires again.
const AGAIN_WITHIN: Span = Span(60 * model::time::MINUTE);

/// What an alarm leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Taken {
    /// A new incident.
    Opened(IncidentId),
    /// It joined one.
    Joined(IncidentId),
    /// It was in one already, and has turned.
    Turned(IncidentId),
    /// Nothing: it is known so already, or is over and was never here.
    Known,
}

/// The events that an alarm leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What it comes to.
    pub taken: Taken,
    /// In whose journal; `None` where nothing is written.
    pub incident: Option<IncidentId>,
    /// After which entry.
    pub after: u64,
    /// In this order.
    pub events: Vec<IncidentEvent>,
}

/// What is known when an alarm comes in.
pub struct Known<'a> {
    /// Incidents that are open.
    pub open: &'a [&'a Incident],
    /// Which incident a fingerprint was last in, and when that closed.
    pub closed: &'a BTreeMap<Fingerprint, (IncidentId, Timestamp)>,
    /// The system around.
    pub around: &'a Surroundings,
    /// Silences and windows.
    pub silences: &'a [Silence],
}

/// What the alarm, heard at `now`, leads to.
pub fn decide(alarm: &Alarm, known: &Known<'_>, now: Timestamp) -> Decision {
    let fingerprint = Fingerprint::of(alarm, UNSTABLE);
    let here = known.open.iter().find_map(|incident| {
        let joined = incident
            .alarms
            .iter()
            .find(|a| a.fingerprint == fingerprint)?;
        Some((*incident, joined))
    });
    if let Some((incident, joined)) = here {
        return turned(alarm, incident, joined, now);
    }
    if alarm.state != AlarmState::Firing {
        // The end of something that never was here, or whose incident is over.
        return nothing();
    }
    let held = Held::new(alarm, known.around, now);
    let nearest = known
        .open
        .iter()
        .filter(|incident| joinable(incident))
        .map(|incident| (*incident, held.against(incident)))
        .max_by(|(a, one), (b, other)| {
            // Of two as near, the older incident.
            let order = one.score.total_cmp(&other.score);
            order.then_with(|| (b.opened, &b.id).cmp(&(a.opened, &a.id)))
        });
    if let Some((incident, score)) = nearest
        && score.score >= JOINS
    {
        return Decision {
            taken: Taken::Joined(incident.id.clone()),
            incident: Some(incident.id.clone()),
            after: incident.seq,
            events: vec![IncidentEvent::AlarmJoined {
                alarm: alarm.clone(),
                fingerprint,
                score: score.score,
                because: score.because,
            }],
        };
    }
    opened(alarm, fingerprint, known, now)
}

/// An incident that a person took over, or that is as good as over, does not swallow new trouble.
fn joinable(incident: &Incident) -> bool {
    incident.closed.is_none() && incident.lesson.is_none()
}

fn opened(alarm: &Alarm, fingerprint: Fingerprint, known: &Known<'_>, now: Timestamp) -> Decision {
    let id = IncidentId::of(now, &fingerprint);
    let mut events = vec![IncidentEvent::Opened {
        alarm: alarm.clone(),
        fingerprint: fingerprint.clone(),
    }];
    if let Some((before, closed)) = known.closed.get(&fingerprint)
        && now.since(*closed) < AGAIN_WITHIN
    {
        events.push(IncidentEvent::Linked {
            incident: before.clone(),
            why: format!("the same alarm; closed {} ago", now.since(*closed)),
        });
    }
    if let Some(quiet) = quiet(alarm, known.silences, now) {
        events.push(IncidentEvent::Silenced {
            by: quiet.by,
            why: quiet.why,
            until: quiet.until,
        });
    }
    Decision {
        taken: Taken::Opened(id.clone()),
        incident: Some(id),
        after: 0,
        events,
    }
}

fn turned(alarm: &Alarm, incident: &Incident, joined: &JoinedAlarm, now: Timestamp) -> Decision {
    if joined.state == alarm.state {
        return nothing();
    }
    let mut events = vec![IncidentEvent::AlarmTurned {
        fingerprint: joined.fingerprint.clone(),
        state: alarm.state,
        at: alarm.fired_at,
    }];
    let recent = joined
        .recent
        .iter()
        .filter(|turned| now.since(**turned) < model::incident::TURNS_COUNT_FOR)
        .count();
    if !joined.flapping && recent + 1 >= FLAPS {
        events.push(IncidentEvent::Flapping {
            fingerprint: joined.fingerprint.clone(),
            turns: u32::try_from(recent + 1).unwrap_or(u32::MAX),
        });
    }
    Decision {
        taken: Taken::Turned(incident.id.clone()),
        incident: Some(incident.id.clone()),
        after: incident.seq,
        events,
    }
}

fn nothing() -> Decision {
    Decision {
        taken: Taken::Known,
        incident: None,
        after: 0,
        events: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
