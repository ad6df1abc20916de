//! Amazon Web Services: what only its own words can say.

pub mod iam;
