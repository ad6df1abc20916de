//! Series of numbers in time: what is normal, what deviates, since when, and how much of it is a node's own.
//!
//! Everything here works on plain slices: times in nanoseconds (`i64`, ascending), values `f64`. Values which
//! are not finite are dropped and counted, never trusted. Hot paths take a [`Scratch`], whose buffers are
//! reused from one series to the next.
//!
//! Reading order: [`baseline`] (what is normal), [`mod@deviation`] (what differs and since when), [`changepoint`]
//! and [`trend`] (where a level or a slope began), [`excess`] (what a node does beyond its callees),
//! [`season`], [`sampling`], and [`mod@detect`] (a detector of our own, with one frozen configuration).

pub mod baseline;
pub mod changepoint;
pub mod detect;
pub mod deviation;
pub mod excess;
#[cfg(test)]
pub(crate) mod noise;
mod order;
pub mod sampling;
pub mod season;
mod shape;
pub mod trend;

pub use baseline::{Baseline, Floors, History, agreed_z};
pub use changepoint::{ChangeConfig, ChangePoint, change_points, strongest_change};
pub use detect::{Config, Event, detect};
pub use deviation::{Deviation, DeviationConfig, Onset, Screened, Shape, deviation, screen};
pub use excess::{
    Callee, Excess, agreed_deviation, calls_per_request, own_excess, own_excess_of_graph,
    own_failures,
};
pub(crate) use order::quantiles_in as quantile_of;
pub use order::{median, quantile, weighted_mean};
pub use sampling::{Gap, Regular, Resampling, gaps, median_step, rate, regularise};
pub use season::{SeasonalBaseline, Seasonality, autocorrelation, seasonality};
pub use trend::{BrokenStick, Trend, broken_stick, theil_sen};

/// Buffers that are reused from series to series, so that screening thousands of them allocates once.
#[derive(Debug, Default, Clone)]
pub struct Scratch {
    /// Finite values.
    pub(crate) values: Vec<f64>,
    /// The keys of values, in ascending order.
    pub(crate) order: Vec<i64>,
    /// A second set, for absolute deviations and differences.
    pub(crate) spread: Vec<f64>,
    /// Signed z of each point of a window.
    pub(crate) scores: Vec<f64>,
    /// Times of the points that `scores` belongs to.
    pub(crate) times: Vec<i64>,
}

impl Scratch {
    /// Empty buffers; they grow to the longest series seen.
    pub fn new() -> Self {
        Self::default()
    }
}
