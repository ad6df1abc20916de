//! One folder per vendor; the last place that knows a vendor's words.
//!
//! A connector sees the ground only ([`model`]): it turns what a source says into the words of the
//! trade and plugs into the sockets of [`model::ports`].

#[cfg(feature = "files")]
pub mod files;

#[cfg(any(feature = "payledger", feature = "webhook"))]
mod client;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(feature = "payledger")]
pub mod payledger;
#[cfg(feature = "webhook")]
pub mod webhook;
