//! Amazon Web Services: what only its own words can say.
//!
//! [`iam`] is pure: why a call was denied. [`calls`] is every call that may be made, and [`needs`] the policy that lets
//! them through; [`deeds`] the same for hands, which act under another role and alter what is [`named`]; [`proof`] holds a log
//! against either. What hands may run is in [`runs`]. The connector itself, `eyes` and `hands`, is there with the feature
//! `aws`.

pub mod calls;
pub mod deeds;
#[cfg(feature = "aws")]
pub mod eyes;
mod grants;
#[cfg(feature = "aws")]
pub mod hands;
pub mod iam;
pub mod named;
pub mod needs;
pub mod prices;
pub mod proof;
pub mod runs;
