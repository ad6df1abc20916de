//! Slack.

#[cfg(feature = "notifiers")]
mod blocks;
#[cfg(feature = "inlets")]
pub mod interactions;
#[cfg(feature = "notifiers")]
pub mod notify;
#[cfg(all(test, feature = "notifiers"))]
mod rules;
