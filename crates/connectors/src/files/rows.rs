//! Flat rows: what a line of NDJSON, a CSV record, or an element of an array says, whatever names its
//! writer chose for the usual columns. `docs/recordings.md` lists the names.

use std::borrow::Cow;

use model::telemetry::SpanKind;
use model::{EntityKind, Severity, Timestamp};

use super::entities::Who;
use super::json::{Json, JsonError, Kind};
use super::moment::moment;

/// One named value.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    pub name: Cow<'a, str>,
    pub value: Cow<'a, str>,
    /// It stood under `attributes` or `labels`: never taken for one of the usual columns.
    pub inner: bool,
}

/// Reads one object into fields; nested objects become dotted names.
pub(crate) fn fields<'a>(json: &mut Json<'a>, out: &mut Vec<Field<'a>>) -> Result<(), JsonError> {
    json.object(|json, key| match (key.as_ref(), json.kind()?) {
        ("attributes" | "labels", Kind::Object) => nested(json, "", true, out),
        (_, Kind::Object) => nested(json, &key, false, out),
        _ => {
            let value = json.text()?;
            out.push(Field {
                name: key,
                value,
                inner: false,
            });
            Ok(())
        }
    })
}

fn nested<'a>(
    json: &mut Json<'a>,
    prefix: &str,
    inner: bool,
    out: &mut Vec<Field<'a>>,
) -> Result<(), JsonError> {
    json.object(|json, key| {
        let name = if prefix.is_empty() {
            key
        } else {
            Cow::Owned(format!("{prefix}.{key}"))
        };
        if json.kind()? == Kind::Object {
            return nested(json, &name, inner, out);
        }
        let value = json.text()?;
        out.push(Field { name, value, inner });
        Ok(())
    })
}

/// The usual columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Time,
    Who(Option<EntityKind>, u8),
    Severity,
    Body,
    TraceId,
    SpanId,
    ParentId,
    Name,
    SpanKind,
    Start,
    End,
    /// In nanoseconds per unit.
    Duration(i64),
    Error,
    Status,
    StatusMessage,
    Peer,
    Metric,
    Statistic,
    Unit,
    Value,
    Other,
}

/// What a column's name means. Matching ignores case; the most telling name of the writer's entity
/// wins (the lowest number).
pub(crate) fn column(name: &str) -> Column {
    use EntityKind as K;
    let mut buffer = [0u8; 32];
    let bytes = name.as_bytes();
    if bytes.len() > buffer.len() {
        return Column::Other;
    }
    for (to, from) in buffer.iter_mut().zip(bytes) {
        *to = from.to_ascii_lowercase();
    }
    match &buffer[..bytes.len()] {
        b"time" | b"timestamp" | b"@timestamp" | b"ts" | b"_time" | b"datetime" | b"date"
        | b"eventtime" | b"timeunixnano" | b"time_unix_nano" => Column::Time,
        b"entity" | b"entity_id" => Column::Who(None, 0),
        b"service" | b"service.name" | b"service_name" | b"servicename" | b"app"
        | b"application" => Column::Who(Some(K::Service), 1),
        b"function" | b"function_name" | b"functionname" => Column::Who(Some(K::Function), 2),
        b"pod"
        | b"pod_name"
        | b"podname"
        | b"k8s.pod.name"
        | b"kubernetes.pod_name"
        | b"kubernetes.pod.name" => Column::Who(Some(K::Pod), 3),
        b"container" | b"container_name" | b"container.name" => Column::Who(Some(K::Container), 4),
        b"host" | b"hostname" | b"host.name" | b"host_name" | b"instance" | b"node" => {
            Column::Who(Some(K::Host), 5)
        }
        b"severity" | b"level" | b"log.level" | b"loglevel" | b"severity_text"
        | b"severitytext" | b"lvl" => Column::Severity,
        b"body" | b"message" | b"msg" | b"log" => Column::Body,
        b"trace_id" | b"traceid" | b"trace.id" => Column::TraceId,
        b"span_id" | b"spanid" | b"span.id" => Column::SpanId,
        b"parent_id" | b"parentid" | b"parent_span_id" | b"parentspanid" | b"parent.id" => {
            Column::ParentId
        }
        b"name" | b"operation" | b"operation_name" | b"operationname" | b"span_name" => {
            Column::Name
        }
        b"kind" | b"span_kind" | b"spankind" => Column::SpanKind,
        b"start"
        | b"start_time"
        | b"starttime"
        | b"starttimeunixnano"
        | b"start_time_unix_nano" => Column::Start,
        b"end" | b"end_time" | b"endtime" | b"endtimeunixnano" | b"end_time_unix_nano" => {
            Column::End
        }
        b"duration_s" => Column::Duration(1_000_000_000),
        b"duration_ms" => Column::Duration(1_000_000),
        b"duration_us" => Column::Duration(1_000),
        b"duration_ns" => Column::Duration(1),
        b"error" | b"is_error" => Column::Error,
        b"status" | b"status_code" | b"status.code" | b"statuscode" => Column::Status,
        b"status_message" | b"status.message" | b"statusmessage" => Column::StatusMessage,
        b"peer" | b"peer.service" | b"peer_service" => Column::Peer,
        b"metric" | b"metric_name" | b"metricname" | b"__name__" => Column::Metric,
        b"statistic" | b"stat" | b"aggregation" => Column::Statistic,
        b"unit" => Column::Unit,
        b"value" | b"val" => Column::Value,
        _ => Column::Other,
    }
}

/// A log line before its writer is known by id.
#[derive(Debug, Default)]
pub(crate) struct LogParts<'a> {
    pub time: Timestamp,
    pub who: Option<Who<'a>>,
    pub severity: Option<Severity>,
    pub body: Cow<'a, str>,
    pub attributes: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub trace_id: Cow<'a, str>,
    pub span_id: Cow<'a, str>,
}

/// A span before its worker is known by id.
#[derive(Debug, Default)]
pub(crate) struct SpanParts<'a> {
    pub trace_id: Cow<'a, str>,
    pub span_id: Cow<'a, str>,
    pub parent_id: Cow<'a, str>,
    pub who: Option<Who<'a>>,
    pub name: Cow<'a, str>,
    pub kind: SpanKind,
    pub start: Timestamp,
    pub end: Timestamp,
    pub error: bool,
    pub message: Cow<'a, str>,
    pub peer: Cow<'a, str>,
    pub attributes: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// A metric point as a row.
#[derive(Debug, Default)]
pub(crate) struct PointParts<'a> {
    pub time: Timestamp,
    pub who: Option<Who<'a>>,
    pub metric: Cow<'a, str>,
    pub statistic: Cow<'a, str>,
    pub unit: Cow<'a, str>,
    pub value: f64,
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// Keeps the most telling name; the others stay attributes.
struct Chosen<'a> {
    rank: u8,
    field: Option<(Option<EntityKind>, Field<'a>)>,
}

impl<'a> Chosen<'a> {
    fn new() -> Self {
        Self {
            rank: u8::MAX,
            field: None,
        }
    }

    fn offer(
        &mut self,
        rank: u8,
        kind: Option<EntityKind>,
        field: Field<'a>,
        rest: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>,
    ) {
        if rank < self.rank && !field.value.is_empty() {
            self.rank = rank;
            if let Some((_, old)) = self.field.replace((kind, field)) {
                rest.push((old.name, old.value));
            }
        } else {
            rest.push((field.name, field.value));
        }
    }

    fn who(self) -> Option<Who<'a>> {
        self.field.map(|(kind, field)| match kind {
            None => Who::Id(field.value),
            Some(kind) => Who::Named(kind, field.value),
        })
    }
}

/// A moment that must be there.
fn need_time(value: &str) -> Result<Timestamp, String> {
    moment(value.as_bytes()).ok_or_else(|| format!("the time {value:?}"))
}

/// Reads a log row. The error says what was found.
pub(crate) fn log<'a>(fields: &mut Vec<Field<'a>>) -> Result<LogParts<'a>, String> {
    let mut parts = LogParts::default();
    let mut time = None;
    let mut body = None;
    let mut who = Chosen::new();
    for field in fields.drain(..) {
        let meaning = if field.inner {
            Column::Other
        } else {
            column(&field.name)
        };
        match meaning {
            Column::Time if time.is_none() => time = Some(need_time(&field.value)?),
            Column::Who(kind, rank) => who.offer(rank, kind, field, &mut parts.attributes),
            Column::Severity if parts.severity.is_none() => {
                parts.severity = Severity::parse(&field.value);
                if parts.severity.is_none() && !field.value.is_empty() {
                    parts.attributes.push((field.name, field.value));
                }
            }
            Column::Body if body.is_none() => body = Some(field.value),
            Column::TraceId if parts.trace_id.is_empty() => parts.trace_id = field.value,
            Column::SpanId if parts.span_id.is_empty() => parts.span_id = field.value,
            _ => parts.attributes.push((field.name, field.value)),
        }
    }
    parts.time = time.ok_or("a log row without a time")?;
    parts.body = body.unwrap_or_default();
    parts.who = who.who();
    Ok(parts)
}

/// Reads a span row. The error says what was found.
pub(crate) fn span<'a>(fields: &mut Vec<Field<'a>>) -> Result<SpanParts<'a>, String> {
    let mut parts = SpanParts::default();
    let mut start = None;
    let mut end = None;
    let mut length = None;
    let mut who = Chosen::new();
    for field in fields.drain(..) {
        let meaning = if field.inner {
            Column::Other
        } else {
            column(&field.name)
        };
        match meaning {
            Column::Start | Column::Time if start.is_none() => {
                start = Some(need_time(&field.value)?)
            }
            Column::End if end.is_none() => end = Some(need_time(&field.value)?),
            Column::Duration(unit) => {
                let amount = super::number::float(field.value.as_bytes())
                    .ok_or_else(|| format!("the duration {:?}", field.value))?;
                length = Some((amount * unit as f64) as i64);
            }
            Column::Who(kind, rank) => who.offer(rank, kind, field, &mut parts.attributes),
            Column::TraceId => parts.trace_id = field.value,
            Column::SpanId => parts.span_id = field.value,
            Column::ParentId => parts.parent_id = field.value,
            Column::Name => parts.name = field.value,
            Column::SpanKind => parts.kind = span_kind(&field.value),
            Column::Error => parts.error |= matches!(&*field.value, "true" | "1" | "True"),
            Column::Status if failed(&field.value).is_some() => {
                parts.error |= failed(&field.value) == Some(true);
            }
            Column::StatusMessage | Column::Body if parts.message.is_empty() => {
                parts.message = field.value;
            }
            Column::Peer => parts.peer = field.value,
            _ => parts.attributes.push((field.name, field.value)),
        }
    }
    parts.start = start.ok_or("a span row without a start")?;
    parts.end = match (end, length) {
        (Some(end), _) => end,
        (None, Some(length)) => parts.start.plus(model::time::Span(length)),
        (None, None) => return Err("a span row without an end or a duration".into()),
    };
    parts.who = who.who();
    Ok(parts)
}

/// Did the status say that the span failed? `None` for codes of protocols (200, 503), which stay
/// attributes.
fn failed(status: &str) -> Option<bool> {
    Some(match status {
        "ERROR" | "error" | "Error" | "STATUS_CODE_ERROR" | "2" => true,
        "OK" | "ok" | "Ok" | "STATUS_CODE_OK" | "UNSET" | "unset" | "Unset"
        | "STATUS_CODE_UNSET" | "0" | "1" | "" => false,
        _ => return None,
    })
}

/// OpenTelemetry's kinds, as numbers or as any of their spellings.
pub(crate) fn span_kind(text: &str) -> SpanKind {
    let word = text.strip_prefix("SPAN_KIND_").unwrap_or(text);
    match word.to_ascii_lowercase().as_str() {
        "1" | "internal" => SpanKind::Internal,
        "2" | "server" => SpanKind::Server,
        "3" | "client" => SpanKind::Client,
        "4" | "producer" => SpanKind::Producer,
        "5" | "consumer" => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    }
}

/// Reads a metric row. The error says what was found.
pub(crate) fn point<'a>(fields: &mut Vec<Field<'a>>) -> Result<PointParts<'a>, String> {
    let mut parts = PointParts::default();
    let mut time = None;
    let mut value = None;
    let mut name = None;
    let mut who = Chosen::new();
    for field in fields.drain(..) {
        let meaning = if field.inner {
            Column::Other
        } else {
            column(&field.name)
        };
        match meaning {
            Column::Time => time = Some(need_time(&field.value)?),
            Column::Who(kind, rank) => who.offer(rank, kind, field, &mut parts.labels),
            Column::Metric => parts.metric = field.value,
            Column::Name => name = Some(field.value),
            Column::Statistic => parts.statistic = field.value,
            Column::Unit => parts.unit = field.value,
            Column::Value => value = Some(number(&field.value)?),
            _ => parts.labels.push((field.name, field.value)),
        }
    }
    if parts.metric.is_empty() {
        parts.metric = name.ok_or("a metric row without a metric name")?;
    }
    parts.time = time.ok_or("a metric row without a time")?;
    parts.value = value.ok_or("a metric row without a value")?;
    parts.who = who.who();
    Ok(parts)
}

/// A metric value; an empty cell and `null` are missing (NaN, which is dropped and counted).
pub(crate) fn number(text: &str) -> Result<f64, String> {
    if text.is_empty() {
        return Ok(f64::NAN);
    }
    super::number::float(text.trim().as_bytes()).ok_or_else(|| format!("the value {text:?}"))
}
