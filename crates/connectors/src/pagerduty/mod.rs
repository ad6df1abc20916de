//! PagerDuty.

pub mod webhooks;
