//! One file of a recording, read from memory: what the fuzz targets and the property tests drive.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use model::recording::{Manifest, SCHEMA};
use model::{TimeWindow, Timestamp};

use super::aws;
use super::documents;
use super::entities::{Declared, Directory};
use super::error::FilesError;
use super::gathered::Gathered;
use super::index::{Indexer, LogVisitor, SpanVisitor};
use super::kubernetes;
use super::layout::{self, Role};
use super::limits::Limits;
use super::source::DataFile;
use super::stream::{self, Part};

/// How much was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadBytes {
    /// Metric points.
    pub points: u64,
    /// Log lines.
    pub logs: u64,
    /// Spans.
    pub spans: u64,
    /// Alarms, changes, events, snapshots, entities and edges.
    pub things: u64,
}

/// Reads `bytes` as the file `name` of a recording, as opening and scanning it would: its place and
/// content tell what it is.
///
/// # Errors
/// As [`open`](super::open).
pub fn read_bytes(name: &str, bytes: &[u8], limits: &Limits) -> Result<ReadBytes, FilesError> {
    let file = DataFile::in_memory(name, bytes);
    let role = layout::role(&file, limits)?;
    let now = Timestamp(i64::MAX);
    let mut read = ReadBytes::default();
    match &role {
        Role::Manifest => {
            documents::manifest(&file, limits)?;
        }
        Role::Alarms => read.things = documents::alarms(&file, limits)?.len() as u64,
        Role::Changes => read.things = documents::changes(&file, limits)?.len() as u64,
        Role::Events => read.things = documents::events(&file, limits)?.len() as u64,
        Role::Lessons => read.things = documents::lessons(&file, limits)?.len() as u64,
        Role::States => read.things = documents::states(&file, limits)?.len() as u64,
        Role::Topology => {
            let topology = documents::topology(&file, limits)?;
            read.things = (topology.entities.len() + topology.edges.len()) as u64;
        }
        Role::Answer | Role::Knowledge | Role::Ignored => {}
        Role::Aws(_) | Role::Kubernetes => {
            let manifest = everything();
            let mut gathered = Gathered::new(&manifest, Directory::new(Arc::default()));
            match &role {
                Role::Aws(document) => aws::read(&file, *document, limits, &mut gathered)?,
                _ => kubernetes::read(&file, limits, &mut gathered)?,
            }
            aws::refusals::explained(&mut gathered);
            read.things = (gathered.alarms.len()
                + gathered.changes.len()
                + gathered.events.len()
                + gathered.snapshots.len()) as u64;
        }
        Role::MetricsTable | Role::Rows(_) => {
            let directory = Directory::new(Arc::<Declared>::default());
            let mut indexer = Indexer::new(&file, now, directory, limits);
            match &role {
                Role::Rows(writing) => {
                    stream::read(&file, writing, Part::ALL, limits, &mut indexer)?;
                    let window = super::recording::always();
                    let mut logs = LogVisitor {
                        file: &file,
                        now,
                        entity: None,
                        window,
                        directory: Directory::new(Arc::default()),
                        visit: &mut |_| ControlFlow::Continue(()),
                        rows: 0,
                        bytes: 0,
                        stopped: false,
                    };
                    for part in indexer.logs.parts(None, window, false) {
                        stream::read(&file, writing, part, limits, &mut logs)?;
                    }
                    read.logs = logs.rows;
                    let mut spans = SpanVisitor {
                        file: &file,
                        now,
                        window,
                        directory: Directory::new(Arc::default()),
                        visit: &mut |_| ControlFlow::Continue(()),
                        rows: 0,
                        bytes: 0,
                        stopped: false,
                    };
                    for part in indexer.spans.parts(None, window, false) {
                        stream::read(&file, writing, part, limits, &mut spans)?;
                    }
                    read.spans = spans.rows;
                }
                _ => super::table::metrics(
                    &file,
                    limits,
                    &mut indexer.directory,
                    &mut indexer.columns,
                )?,
            }
            let (series, _) = indexer.columns.finish();
            for one in &series {
                // What `model::Series` promises, whatever the bytes were.
                debug_assert!(one.times.windows(2).all(|w| w[0] < w[1]));
                debug_assert!(one.values.iter().all(|value| value.is_finite()));
                read.points += one.times.len() as u64;
            }
        }
    }
    Ok(read)
}

/// A head whose window holds all of time.
pub(crate) fn everything() -> Manifest {
    let window: TimeWindow = super::recording::always();
    Manifest {
        schema: SCHEMA.to_string(),
        id: "memory".to_string(),
        title: String::new(),
        now: window.to(),
        window,
        baselines: Vec::new(),
        gaps: Vec::new(),
        sources: Vec::new(),
        origin: String::new(),
        licence: String::new(),
    }
}

/// The names under which [`read_bytes`] reaches each reader, by format.
pub fn reader_names() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("alarms", "alarms.json"),
        ("aws", "aws/answer.json"),
        ("changes", "changes.json"),
        ("csv-logs", "logs/rows.csv"),
        ("csv-metrics", "metrics/rows.csv"),
        ("csv-traces", "traces/rows.csv"),
        ("events", "events.ndjson"),
        ("lessons", "lessons.json"),
        ("manifest", "recording.json"),
        ("ndjson-logs", "logs/rows.ndjson"),
        ("ndjson-metrics", "metrics/rows.ndjson"),
        ("ndjson-traces", "traces/rows.ndjson"),
        ("states", "states/states.ndjson"),
        ("text", "logs/text.log"),
        ("topology", "topology.json"),
    ])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Small limits, so that they are met.
    fn small() -> Limits {
        Limits {
            line_bytes: 512,
            request_bytes: 2048,
            document_bytes: 4096,
            points: 64,
            series: 8,
            entities: 8,
            ..Limits::default()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            for name in reader_names().values() {
                let _ = read_bytes(name, &bytes, &small());
            }
        }

        /// Bytes made of the words of all formats reach further than noise.
        #[test]
        fn words_of_the_formats_are_read_or_refused(words in proptest::collection::vec(0usize..WORDS.len(), 0..60)) {
            let text: String = words.iter().map(|i| WORDS[*i]).collect();
            for name in reader_names().values() {
                let _ = read_bytes(name, text.as_bytes(), &small());
            }
        }
    }

    const WORDS: [&str; 72] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\n",
        "\"",
        "{\"resourceMetrics\":[",
        "{\"resourceLogs\":[",
        "{\"resourceSpans\":[",
        "{\"scopeMetrics\":[{\"metrics\":[",
        "{\"scopeLogs\":[{\"logRecords\":[",
        "{\"scopeSpans\":[{\"spans\":[",
        "{\"name\":\"m\",\"histogram\":{\"dataPoints\":[",
        "{\"timeUnixNano\":\"1\",\"count\":\"9\",",
        "\"bucketCounts\":[\"1\",2,-3],",
        "\"explicitBounds\":[1,\"NaN\"]",
        "\"positive\":{\"offset\":2147483647,\"bucketCounts\":[1]}",
        "\"scale\":-20,",
        "\"exponentialHistogram\":{\"dataPoints\":[{",
        "]}]}]}",
        "}]}",
        "\"attributes\":[{\"key\":\"k\",\"value\":{\"kvlistValue\":{\"values\":[",
        "{\"MetricDataResults\":[",
        "{\"Timestamps\":[1],\"Values\":[1]}",
        "{\"events\":[",
        "{\"ingestionTime\":1,\"timestamp\":9,\"message\":\"x\"}",
        "{\"Events\":[",
        "{\"EventId\":\"e\",\"EventTime\":1,\"CloudTrailEvent\":\"{}\"}",
        "{\"SourceIdentifier\":\"d\",\"Date\":\"2026-01-01T00:00:00Z\"}",
        "{\"Traces\":[{\"Segments\":[{\"Document\":\"{\\\"start_time\\\":1}\"}]}]}",
        "{\"MetricAlarms\":[",
        "{\"StateUpdatedTimestamp\":1}",
        "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[",
        "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"}}",
        "{\"kind\":\"Event\",\"eventTime\":1}",
        "time",
        ",entity",
        ",metric",
        ",value\n",
        "1767265200",
        "99999999999999999999",
        "-1",
        "1e400",
        "NaN",
        "2026-01-01T00:00:00Z",
        "9999-12-31T23:59:60+14:00",
        "{\"time\":",
        "\"body\":\"x\"",
        "\"start\":1,\"end\":0",
        "\"trace_id\":\"t\"",
        "\\u0000",
        "\\ud800",
        "\u{feff}",
        "\r\n",
        "\"a\"\"b\"",
        "\t",
        ";",
        "|",
        "null",
        "true",
        "0",
        "[1]",
        "\"id\":\"a\"",
        "\"entities\":[",
        "\"edges\":[",
        "\"schema\":\"midwatch.recording/1\"",
        "{\"results\":[[{\"field\":\"@timestamp\",\"value\":\"2026-01-01\"}]],\"status\":1}",
        "{\"Label\":\"l\",\"Datapoints\":[{\"Timestamp\":1,\"Sum\":1}]}",
        "\u{1F4A5}",
        " ",
    ];
}
