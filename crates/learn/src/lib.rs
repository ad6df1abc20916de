//! Closed incident to lessons; lessons to the next report; scores. It only reads (J7).
//!
//! [`distil()`] makes one incident's lesson, [`recall()`] finds those that look like what is seen now, [`scores()`] says
//! how the watch has done, [`postmortem()`] writes down for people what happened and what to do next.

mod advice;
pub mod distil;
pub mod postmortem;
pub mod recall;
pub mod scores;

pub use distil::distil;
pub use postmortem::{PostMortem, postmortem};
pub use recall::{Features, recall};
pub use scores::{Scores, Spread, scores, scores_of};
