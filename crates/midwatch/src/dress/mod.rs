//! How a report looks: pure functions from values to text.
//!
//! A report knows no colours, widths or pages; everything of that kind is here, and nothing here reads
//! a file or a clock. Telemetry inside a report is hostile: [`text`] makes it safe for every dress.

mod chain;
pub mod difference;
mod drawing;
mod html;
pub mod incident;
pub mod map;
mod markdown;
mod page;
pub mod pencil;
pub mod readiness;
pub mod scores;
mod terminal;
pub use terminal::causes;
pub mod text;
mod view;
pub mod words;

use model::report::Report;
use pencil::Pencil;

/// The language that something is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people at a terminal.
    #[default]
    Terminal,
    /// For programs: `docs/schemas/report.schema.json`.
    Json,
    /// For tickets and chat.
    Markdown,
    /// One file with pictures, for a browser; it loads nothing.
    Html,
}

/// Writes the report in the language asked for. `pencil` matters to the terminal only.
pub fn report(report: &Report, format: Format, pencil: &Pencil) -> String {
    match format {
        Format::Terminal => terminal::report(report, pencil),
        Format::Json => json(report),
        Format::Markdown => markdown::report(report),
        Format::Html => html::report(report),
    }
}

/// Pretty JSON with a line break at its end. Values of ours always have a JSON form: keys are text
/// and numbers finite; should that ever fail, the reason is written in its place, as JSON.
pub fn json<T: serde::Serialize>(value: &T) -> String {
    let text = serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }).to_string());
    text + "\n"
}
