//! Why nothing was done, or may have been done all the same.

use model::action::Action;
use model::ports::HandsError;

use super::aim;
use crate::pull::Missed;

/// Why nothing was, or will be, done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It cannot be done, and why.
    Cannot(String),
    /// What was asked, and why there is no answer.
    Missed(&'static str, Missed),
}

impl Trouble {
    /// For people, with what to do.
    pub fn told(&self, name: &str) -> String {
        match self {
            Self::Cannot(why) => why.clone(),
            Self::Missed(action, missed @ Missed::Permission(_)) => format!(
                "{action}: {missed}; allow it to the role in [connectors.{name}.hands] \
                 (`midwatch permissions aws --hands` prints the whole policy)"
            ),
            // Not where time ran out, or a log cannot be written.
            Self::Missed(action, missed @ Missed::Budget(what)) if what.ends_with("are spent") => {
                format!(
                    "{action}: {missed}; the hands count for themselves: wait for an hour's, or raise requests, bytes, dollars \
                     or *_per_hour in [connectors.{name}]"
                )
            }
            Self::Missed(action, missed) => format!("{action}: {missed}"),
        }
    }

    pub fn error(&self, name: &str, action: &Action) -> HandsError {
        let (actuator, why) = (name.to_string(), self.told(name));
        match self {
            Self::Missed(
                _,
                Missed::Timeout(_)
                | Missed::Unreached(_)
                | Missed::RateLimit(_)
                | Missed::Budget(_),
            ) => HandsError::Unreachable { actuator, why },
            _ => HandsError::Cannot {
                actuator,
                action: aim::named(action),
                why,
            },
        }
    }
}

/// Is it certain, although there was no answer that says yes, that nothing came of it?
pub(super) fn never_was(missed: &Missed) -> bool {
    match missed {
        // Refused by AWS, or before it left this program.
        Missed::Refused(status, _) => *status < 500,
        Missed::Permission(_)
        | Missed::Stranger(_)
        | Missed::RateLimit(_)
        | Missed::Budget(_)
        | Missed::Clock(_) => true,
        Missed::Timeout(_) | Missed::Unreached(_) | Missed::TooLong(_) | Missed::Strange(_) => {
            false
        }
    }
}
