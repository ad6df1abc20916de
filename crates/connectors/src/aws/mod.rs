//! Amazon Web Services: what only its own words can say.
//!
//! [`iam`] is pure: why a call was denied. [`calls`] is every call that may be made, and the policy that lets them
//! through; [`proof`] holds a log against it. The connector itself, `eyes`, is there with the feature `aws`.

pub mod calls;
#[cfg(feature = "aws")]
pub mod eyes;
pub mod iam;
pub mod prices;
pub mod proof;
