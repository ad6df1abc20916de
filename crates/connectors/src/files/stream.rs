//! Files that are read row by row: what they hold is handed to a sink and forgotten.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::entities::Directory;
use super::error::{Fault, FilesError};
use super::json::Json;
use super::limits::Limits;
use super::rows::{self, Field, LogParts, PointParts, SpanParts};
use super::source::{DataFile, Line, Lines};
use super::table::Header;

/// Where a row stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Byte offset of its line in the unpacked file.
    pub offset: u64,
    /// Line, counted from 1.
    pub line: u64,
}

/// Go on, or enough.
pub(crate) type Flow = Result<ControlFlow<()>, FilesError>;

/// On to the next row.
pub(crate) const ON: Flow = Ok(ControlFlow::Continue(()));

/// Takes rows.
pub(crate) trait Sink {
    /// Are log lines wanted? A reader of mixed files skips the others unread.
    fn wants_logs(&self) -> bool {
        false
    }
    /// Are spans wanted?
    fn wants_spans(&self) -> bool {
        false
    }
    /// Are metric points wanted?
    fn wants_points(&self) -> bool {
        false
    }
    /// Who is who.
    fn directory(&mut self) -> &mut Directory;
    /// Takes a log line.
    fn log(&mut self, _: LogParts<'_>, _: Place) -> Flow {
        ON
    }
    /// Takes a span.
    fn span(&mut self, _: SpanParts<'_>, _: Place) -> Flow {
        ON
    }
    /// One data point of a metric begins, of which any number of [`point`](Self::point)s come.
    fn data_point(&mut self) {}
    /// Takes a metric point.
    fn point(&mut self, _: PointParts<'_>, _: Place) -> Flow {
        ON
    }
}

/// What flat rows are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Signal {
    Metrics,
    Logs,
    Traces,
}

/// How the rows of a file are written.
#[derive(Clone, Debug)]
pub(crate) enum Writing {
    /// One flat JSON object per line.
    Ndjson(Signal),
    /// A CSV table.
    Table(Signal, Header),
    /// One JSON array of flat objects, or objects that run over several lines.
    Array(Signal),
    /// One OTLP/JSON export request per line.
    Otlp,
    /// OTLP/JSON export requests that run over several lines.
    OtlpDocument,
    /// What the AWS command line prints.
    Aws(super::aws::Rows),
    /// Plain text with a time at the beginning of each record.
    Text,
    /// A Parquet table.
    #[cfg(feature = "parquet")]
    Parquet(Signal),
}

/// A part of a file: from a line's start to another's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub from: Place,
    /// Offset of the first line after it.
    pub to: u64,
}

impl Part {
    /// The whole file.
    pub const ALL: Self = Self {
        from: Place { offset: 0, line: 1 },
        to: u64::MAX,
    };
}

/// Reads a part of a file into a sink.
pub(crate) fn read(
    file: &DataFile,
    writing: &Writing,
    part: Part,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), FilesError> {
    match writing {
        Writing::Ndjson(signal) => ndjson(file, *signal, part, limits, sink),
        Writing::Table(signal, header) => table(file, *signal, header, part, limits, sink),
        Writing::Array(signal) => array(file, *signal, limits, sink),
        Writing::Otlp => super::otlp::read(file, part, limits, sink),
        Writing::OtlpDocument => super::otlp::read_document(file, limits, sink),
        Writing::Aws(rows) => super::aws::rows(file, *rows, limits, sink),
        Writing::Text => super::text::read(file, part, limits, sink),
        #[cfg(feature = "parquet")]
        Writing::Parquet(signal) => super::parquet::read(file, *signal, limits, sink),
    }
}

/// The line as text.
pub(crate) fn text<'a>(file: &DataFile, line: &Line<'a>) -> Result<&'a str, FilesError> {
    std::str::from_utf8(line.bytes).map_err(|_| file.not_utf8(line.number))
}

fn ndjson(
    file: &DataFile,
    signal: Signal,
    part: Part,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), FilesError> {
    let mut lines = Lines::at(
        file,
        part.from.offset,
        part.from.line,
        limits.line_bytes,
        limits,
    )?;
    while let Some(line) = lines.next()? {
        if line.offset >= part.to {
            break;
        }
        if line.bytes.trim_ascii().is_empty() {
            continue;
        }
        let text = text(file, &line)?;
        let mut json = Json::new(text);
        let mut fields = Vec::with_capacity(12);
        rows::fields(&mut json, &mut fields)
            .and_then(|()| json.end())
            .map_err(|e| file.json(text, line.number, &e))?;
        let place = Place {
            offset: line.offset,
            line: line.number,
        };
        if hand(file, signal, fields, place, sink)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn table(
    file: &DataFile,
    signal: Signal,
    header: &Header,
    part: Part,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), FilesError> {
    let mut lines = Lines::at(
        file,
        part.from.offset,
        part.from.line,
        limits.line_bytes,
        limits,
    )?;
    while let Some(line) = lines.next_record()? {
        if line.offset >= part.to {
            break;
        }
        if line.number == 1 || line.bytes.is_empty() {
            continue;
        }
        let place = Place {
            offset: line.offset,
            line: line.number,
        };
        let mut fields = Vec::with_capacity(header.names.len());
        header.fields(file, &line, &mut fields)?;
        if hand(file, signal, fields, place, sink)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn array(
    file: &DataFile,
    signal: Signal,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), FilesError> {
    let text = file.document(limits)?;
    elements(file, &text, |element, line| {
        let mut json = Json::new(element);
        let mut fields = Vec::new();
        rows::fields(&mut json, &mut fields).map_err(|e| file.json(element, line, &e))?;
        hand(file, signal, fields, Place { offset: 0, line }, sink)
    })
}

/// Visits the elements of a document: of an array, or one value after the other. Each comes as its
/// own text with the line that it begins at.
pub(crate) fn elements(
    file: &DataFile,
    text: &str,
    mut visit: impl FnMut(&str, u64) -> Flow,
) -> Result<(), FilesError> {
    let mut json = Json::new(text);
    let mut counted = 0;
    let mut line = 1;
    let mut failed = None;
    let mut one = |json: &mut Json<'_>| {
        let at = json.offset();
        let element = json.raw()?;
        line += memchr::memchr_iter(b'\n', &text.as_bytes()[counted..at]).count() as u64;
        counted = at;
        match visit(element, line) {
            Ok(ControlFlow::Continue(())) => Ok(()),
            stop => {
                failed = Some(stop);
                json.error("nothing: the visitor stopped")
            }
        }
    };
    let result = if !json.finished() && json.kind() == Ok(super::json::Kind::Array) {
        json.array(&mut one).and_then(|()| json.end())
    } else {
        loop {
            if json.finished() {
                break Ok(());
            }
            if let Err(error) = one(&mut json) {
                break Err(error);
            }
        }
    };
    match (failed, result) {
        (Some(Err(error)), _) => Err(error),
        (Some(Ok(_)), _) | (None, Ok(())) => Ok(()),
        (None, Err(error)) => Err(file.json(text, 1, &error)),
    }
}

/// Reads the fields of one row and hands them to the sink.
pub(crate) fn hand(
    file: &DataFile,
    signal: Signal,
    mut fields: Vec<Field<'_>>,
    place: Place,
    sink: &mut dyn Sink,
) -> Flow {
    let wrong = |found: String| {
        FilesError::new(
            Fault::Type,
            &file.name,
            Some(place.line),
            found,
            "a complete row (docs/recordings.md names the columns)",
            "mend that row, or leave it out",
        )
    };
    match signal {
        Signal::Logs => sink.log(rows::log(&mut fields).map_err(wrong)?, place),
        Signal::Traces => sink.span(rows::span(&mut fields).map_err(wrong)?, place),
        Signal::Metrics => sink.point(rows::point(&mut fields).map_err(wrong)?, place),
    }
}

/// Sorts fields by name; of equal names the first stands.
pub(crate) fn sort_fields<'a>(fields: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>) {
    if !fields.is_sorted_by(|a, b| a.0 < b.0) {
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields.dedup_by(|a, b| a.0 == b.0);
    }
}
