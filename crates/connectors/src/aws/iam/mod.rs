//! Why a call is denied: policies evaluated as the service documents it, with the statement that decides.
//!
//! Pure: documents and a request go in ([`Policies`], [`Request`]), an [`Answer`] comes out. What is not
//! known (a context key that nobody told, an operator that nobody documented, a resource whose account
//! is not given) is never guessed: where the verdict hangs on it, the verdict is
//! [`Verdict::Unknown`] and [`Answer::missing`] says what would have to be known.
//!
//! Read `decide` first: it is the logic; `statement` holds one statement against the call,
//! `condition` and `pattern` what is in it. `document` reads and writes policies, `simulation`
//! cases with expected verdicts.

mod answer;
mod condition;
mod decide;
mod document;
pub mod gather;
mod json;
mod moments;
mod pattern;
mod policies;
mod principal;
mod request;
pub mod simulation;
mod statement;
#[cfg(test)]
mod tests;
mod truth;

pub use answer::{Answer, Finding, Near, Place, Stance, Verdict};
pub use condition::{Operator, Order, Relation, Set};
pub use decide::explain;
pub use document::{Condition, Effect, LONGEST, Patterns, Policy, PolicyError, Statement, Version};
pub use policies::{Layer, Level, Misplaced, Named, Policies};
pub use principal::{Identity, Kind, Principal, Principals};
pub use request::{Caller, Context, Known, Request, RequestError, Written};
