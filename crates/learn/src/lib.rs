//! Closed incident to lessons; scores; post-mortems. It only reads (J7).
//!
//! [`distil()`] makes one incident's lesson, [`scores()`] says how the watch has done, [`postmortem()`] writes down for
//! people what happened and what to do next. Which lessons are like what is seen now is mathematics
//! (`analysis::precedents`); the investigation that they are handed to recalls them.

mod advice;
pub mod distil;
pub mod postmortem;
pub mod scores;

pub use distil::distil;
pub use postmortem::{PostMortem, postmortem};
pub use scores::{Marks, Scores, Spread, scores, scores_of};
