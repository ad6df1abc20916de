//! The report as Markdown, for tickets and chat.

use model::report::Report;

use super::{page, view};

/// The whole text.
pub fn report(report: &Report) -> String {
    page::fill("report.md", &view::of(report, false))
}
