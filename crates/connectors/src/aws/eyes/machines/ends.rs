//! Why a machine of EC2 does not run: who stopped it, or what.

use model::time::Timestamp;
use model::{EntityId, Severity};

use super::super::ask::Asking;
use super::super::repeats::{Repeats, clip};
use super::documents::{self, Machine};

/// Somebody ended it on purpose: the audit trail says who.
const ON_PURPOSE: [&str; 2] = [
    "Client.UserInitiatedShutdown",
    "Client.UserInitiatedHibernate",
];

/// What ended it, by AWS's code: the reason of an event, and what it says.
const ENDED: [(&str, &str, &str); 3] = [
    (
        "Server.SpotInstance",
        "SpotInterruption",
        "spot interruption: AWS took the capacity back",
    ),
    (
        "Server.ScheduledStop",
        "ScheduledStop",
        "instance stopped by AWS: it was scheduled for retirement",
    ),
    (
        "Client.InstanceInitiatedShutdown",
        "InstanceShutdown",
        "it was shut down by its own operating system",
    ),
];
/// Codes of those that never came to run.
const NEVER: [&str; 5] = [
    "Server.InsufficientInstanceCapacity",
    "Server.InternalError",
    "Client.InternalError",
    "Client.InvalidSnapshot.NotFound",
    "Client.VolumeLimitExceeded",
];

/// How a machine ended.
pub(super) struct End {
    at: Option<Timestamp>,
    reason: &'static str,
    why: String,
    matters: bool,
}

/// How this machine ended; `None` if it runs, or is about to.
pub(super) fn end(asking: &Asking<'_>, machine: &Machine) -> Option<End> {
    let state = machine.instance_state.name.as_str();
    if !matches!(
        state,
        "shutting-down" | "stopped" | "stopping" | "terminated"
    ) {
        return None;
    }
    let code = machine.state_reason.code.as_str();
    let message = machine.state_reason.message.as_str();
    let never = NEVER.contains(&code);
    let (reason, what) = match ENDED.iter().find(|(known, _, _)| code.starts_with(known)) {
        Some((_, reason, what)) => (*reason, *what),
        None if never => ("LaunchFailed", "the launch did not come to its end"),
        None => ("", ""),
    };
    let launched = documents::at(&machine.launch_time);
    let at = told_at(&machine.reason).or(launched.filter(|_| never));
    let is_lately = |at: Timestamp| (asking.reaches_back()..asking.now).contains(&at);
    // It ended after it was launched: what was launched lately ended lately.
    let lately = at
        .map(is_lately)
        .or(launched.filter(|at| is_lately(*at)).map(|_| true));
    let for_good = matches!(state, "shutting-down" | "terminated");
    let under_way = matches!(state, "shutting-down" | "stopping");
    let matters = match lately {
        Some(lately) => lately && !(for_good && ON_PURPOSE.contains(&code)),
        // For an hour AWS tells of what was terminated; of what was stopped, for ever.
        None => (for_good || under_way) && !reason.is_empty(),
    };
    let why = match (what, message) {
        ("", message) => message.to_string(),
        (what, "") => format!("{what}: {code}"),
        (what, message) => format!("{what}: {message}"),
    };
    Some(End {
        at,
        reason,
        why: clip(&why),
        matters,
    })
}

impl End {
    /// Did it end in the time that is looked at, and not as somebody wanted it?
    pub fn matters(&self) -> bool {
        self.matters
    }

    /// Why it ended.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// As an event, where it is told when that was. Who was stopped on purpose is not told of: the audit trail does.
    pub fn say(&self, entity: &EntityId, repeats: &mut Repeats) {
        if let (Some(at), true, false) = (self.at, self.matters, self.reason.is_empty()) {
            let severity = match self.reason {
                "InstanceShutdown" => Severity::Warn,
                _ => Severity::Error,
            };
            repeats.say(entity, at, ("ec2", self.reason), &self.why, severity);
        }
    }
}

/// `User initiated (2026-01-01 12:00:00 GMT)`: when that was.
fn told_at(reason: &str) -> Option<Timestamp> {
    let (_, rest) = reason.rsplit_once('(')?;
    let rest = rest.strip_suffix(')')?;
    let rest = rest.strip_suffix(" GMT").or(rest.strip_suffix(" UTC"))?;
    let (day, time) = rest.split_once(' ')?;
    format!("{day}T{time}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_when() {
        for zone in ["GMT", "UTC"] {
            let at = told_at(&format!("User initiated (2026-01-01 12:30:00 {zone})")).unwrap();
            assert_eq!(at.to_string(), "2026-01-01T12:30:00Z");
        }
        for odd in [
            "",
            "()",
            "User initiated",
            "x (2026-01-01)",
            "x (2026-01-01 12:30:00)",
            "( GMT)",
            "(a b GMT)",
        ] {
            assert_eq!(told_at(odd), None, "{odd}");
        }
    }
}
