//! The report as one HTML file: readable without scripts, loading nothing, in light and dark, on paper
//! and on a phone.

use model::report::Report;

use super::{page, view};

/// The whole file.
pub fn report(report: &Report) -> String {
    page::fill("report.html", &view::of(report, true))
}
