//! PagerDuty.

#[cfg(feature = "notifiers")]
pub mod events;
#[cfg(feature = "inlets")]
pub mod webhooks;
