//! Holding back the actions of a composite while another alarm explains it.
//!
//! While the suppressor is in ALARM nothing is done. A composite that turns waits first, in case the
//! suppressor is about to follow; when the suppressor leaves ALARM the composite has some time to come to rest,
//! and then acts on the state that it has by then.

use model::{Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What holds actions back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SuppressedBy {
    /// It has just turned.
    WaitPeriod,
    /// The suppressor has just left ALARM.
    ExtensionPeriod,
    /// The suppressor is in ALARM.
    Alarm,
}

/// Actions that are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    /// By what.
    pub by: SuppressedBy,
    /// Until when; `None` for as long as the suppressor is in ALARM.
    pub until: Option<Timestamp>,
    /// Has the composite turned since it last acted?
    pub turned: bool,
}

/// How long a composite waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// After it turned.
    pub wait: Span,
    /// After the suppressor left ALARM.
    pub extension: Span,
}

/// One evaluation of a composite that has a suppressor: whether it acts now, and what holds it back from now on.
/// `was`: the suppressor was in ALARM at the last evaluation; `is`: it is now.
pub fn step(
    hold: Option<Hold>,
    patience: Patience,
    (was, is): (bool, bool),
    turned: bool,
    now: Timestamp,
) -> (bool, Option<Hold>) {
    let owed = turned || hold.is_some_and(|hold| hold.turned);
    let next = if is {
        Some(Hold {
            by: SuppressedBy::Alarm,
            until: None,
            turned: owed,
        })
    } else if turned {
        Some(Hold {
            by: SuppressedBy::WaitPeriod,
            until: Some(now.plus(patience.wait)),
            turned: true,
        })
    } else if was {
        Some(Hold {
            by: SuppressedBy::ExtensionPeriod,
            until: Some(now.plus(patience.extension)),
            turned: owed,
        })
    } else {
        hold
    };
    match next {
        Some(hold) if hold.until.is_some_and(|until| now >= until) => (hold.turned, None),
        other => (false, other),
    }
}
