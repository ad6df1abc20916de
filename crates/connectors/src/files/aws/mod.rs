//! What the AWS command line prints as JSON, read as it is.

mod alarms;
mod events;
mod logs;
mod metrics;
pub(crate) mod names;
pub(crate) mod refusals;
mod trail;
pub(crate) mod xray;

use super::error::FilesError;
use super::gathered::Gathered;
use super::limits::Limits;
use super::source::DataFile;
use super::stream::Sink;

/// Documents whose content is few things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    /// `cloudwatch describe-alarms`
    Alarms,
    /// `cloudtrail lookup-events`
    Trail,
    /// `rds describe-events`
    DatabaseEvents,
    /// What `iam/` holds: policies, which say why calls were refused.
    Policies,
}

/// Documents whose content is rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// `cloudwatch get-metric-data`
    MetricData,
    /// `cloudwatch get-metric-statistics`
    MetricStatistics,
    /// `logs filter-log-events`, `logs get-log-events`
    LogEvents,
    /// `logs get-query-results`
    QueryResults,
    /// `xray batch-get-traces`
    Traces,
}

/// Reads a document of few things.
pub(crate) fn read(
    file: &DataFile,
    document: Document,
    limits: &Limits,
    gathered: &mut Gathered<'_>,
) -> Result<(), FilesError> {
    let text = file.document(limits)?;
    match document {
        Document::Alarms => alarms::read(file, &text, gathered),
        Document::Trail => trail::read(file, &text, gathered),
        Document::DatabaseEvents => events::read(file, &text, gathered),
        Document::Policies => {
            // Policies are told by their names, whose case counts.
            let packed = [".gz", ".zst", ".zstd"];
            let name = packed.iter().find_map(|end| file.name.strip_suffix(end));
            let name = name.unwrap_or(&file.name);
            let below = name
                .split_once('/')
                .map_or(name, |(_, below)| below)
                .to_string();
            gathered.policies.push((below, text.to_string()));
            Ok(())
        }
    }
}

/// Reads a document of rows.
pub(crate) fn rows(
    file: &DataFile,
    rows: Rows,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), FilesError> {
    let wanted = match rows {
        Rows::MetricData | Rows::MetricStatistics => sink.wants_points(),
        Rows::LogEvents | Rows::QueryResults => sink.wants_logs(),
        Rows::Traces => sink.wants_spans(),
    };
    if !wanted {
        return Ok(());
    }
    let text = file.document(limits)?;
    match rows {
        Rows::MetricData => metrics::data(file, &text, limits, sink),
        Rows::MetricStatistics => metrics::statistics(file, &text, sink),
        Rows::LogEvents => logs::events(file, &text, sink),
        Rows::QueryResults => logs::results(file, &text, sink),
        Rows::Traces => xray::read(file, &text, sink),
    }
}
