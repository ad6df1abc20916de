//! Slack.

pub mod interactions;
