//! From scores to an order, to probabilities, to a set of causes; and how good they were.
//!
//! [`odds`]: logits, softmax, noisy-OR, capped groups of evidence. [`mod@explain`]: the set of causes which best
//! explains what is seen and what is healthy. [`calibrate`]: scores to honest probabilities, from labelled cases.
//! [`judge`]: expected ranks, AC@k, Avg@5, calibration error. [`shares`]: one share or two?

pub mod calibrate;
pub mod explain;
pub mod judge;
pub mod odds;
pub mod shares;

pub use calibrate::{Calibration, base_rate};
pub use explain::{Explanation, Limits, Question, Reading, explain};
pub use judge::{ac_at, avg_at_5, brier, ece, expected_rank};
pub use odds::{capped_group, expit, log_sum_exp, logit, noisy_or, softmax};
pub use shares::two_shares;
