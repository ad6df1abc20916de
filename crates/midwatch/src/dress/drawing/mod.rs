//! Pictures as SVG, for people who look rather than read.
//!
//! Written by hand rather than by a charting crate: colours must come from the page's style sheet, so
//! that one drawing serves light, dark and print, and every drawing needs a title, a description and
//! text that a screen reader finds. Charting crates fix colours when they draw.

mod axis;
mod path;
mod series;
mod svg;
mod timeline;

pub use path::path;
pub use series::series;
pub use timeline::timeline;

use serde::Serialize;

/// The same drawing for two shapes of screen; the style sheet shows one of them.
#[derive(Serialize)]
pub struct Pair {
    /// For a wide page.
    pub wide: String,
    /// For a phone.
    pub narrow: String,
}

/// The style class of one kind of timeline entry.
pub fn kind_class(kind: &str) -> &'static str {
    match kind {
        "change" => "change",
        "onset" => "onset",
        "event" | "evidence" => "event",
        "alarm" => "alarm",
        "recovery" => "recovery",
        "gap" => "gap",
        _ => "other",
    }
}
