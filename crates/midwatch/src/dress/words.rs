//! The words that people read in place of the closed words of the report.

use std::collections::BTreeMap;

use model::Query;
use model::query::GapReason;
use model::report::{Named, Onset, Precedent, PredictionOutcome, Report, Status};
use model::{AlarmState, EdgeKind, EntityId, Polarity, Severity, SourceKind, Timestamp};

/// How live sources are asked in their own words for what this query is about: language with source, and question.
pub fn own_words(report: &Report, query: &Query) -> Vec<(String, String)> {
    let asked = report.own_words(query).into_iter();
    asked
        .map(|(look, asked)| {
            let step = match look.step_ms {
                0 => String::new(),
                ms if ms % 1000 == 0 => format!(", step {} s", ms / 1000),
                ms => format!(", step {ms} ms"),
            };
            let named = format!("{} ({}{step})", look.language, look.name);
            (named, asked.text.clone())
        })
        .collect()
}

/// What the look cost each live source.
pub fn spent(report: &Report) -> Vec<(String, String)> {
    let looks = report.sources.iter();
    looks
        .map(|look| {
            let spent = &look.spent;
            let again = match spent.retries {
                0 => String::new(),
                retries => format!(" ({} sent again)", super::text::count(retries)),
            };
            let money = match spent.micro_usd {
                0 => String::new(),
                micro => format!(", ${:.4} by the price list", micro as f64 / 1e6),
            };
            let cost = format!(
                "{} requests{again}, {} bytes{money}",
                super::text::count(spent.requests),
                super::text::count(spent.bytes)
            );
            (look.name.clone(), cost)
        })
        .collect()
}

/// How it ended, as a badge.
pub fn status(status: Status) -> &'static str {
    match status {
        Status::CauseFound => "cause found",
        Status::Unknown => "cause unknown",
        Status::Recovered => "recovered",
        Status::NoActiveFault => "no active fault",
    }
}

/// The severity of an alarm or a log line.
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Trace => "trace",
        Severity::Debug => "debug",
        Severity::Info => "info",
        Severity::Warn => "warning",
        Severity::Error => "error",
        Severity::Fatal => "fatal",
    }
}

/// What the alarm says of itself.
pub fn alarm_state(state: AlarmState) -> &'static str {
    match state {
        AlarmState::Firing => "firing",
        AlarmState::Resolved => "resolved",
        AlarmState::NoData => "no data",
    }
}

/// Which kind of source.
pub fn source(source: SourceKind) -> &'static str {
    match source {
        SourceKind::Metrics => "metrics",
        SourceKind::Logs => "logs",
        SourceKind::Traces => "traces",
        SourceKind::Changes => "changes",
        SourceKind::State => "state",
        SourceKind::Events => "events",
        SourceKind::Topology => "topology",
        SourceKind::Alarm => "alarm",
        SourceKind::Lessons => "lessons",
    }
}

/// What an observation does.
pub fn polarity(polarity: Polarity) -> &'static str {
    match polarity {
        Polarity::For => "for",
        Polarity::Against => "against",
        Polarity::Absent => "absent",
        Polarity::Healthy => "healthy",
        Polarity::Neutral => "context",
    }
}

/// Why something could not be looked at.
pub fn gap_reason(why: GapReason) -> &'static str {
    match why {
        GapReason::Permission => "not permitted",
        GapReason::NotInstrumented => "not instrumented",
        GapReason::Retention => "no longer kept",
        GapReason::RateLimit => "rate limited",
        GapReason::Timeout => "timed out",
        GapReason::Connector => "no connector",
        GapReason::Budget => "budget spent",
        GapReason::NotRecorded => "not recorded",
        GapReason::Starved => "short of processor",
    }
}

/// Why a hypothesis was put aside; the engine's own word where it is new to us.
pub fn ruled_out(reason: &str) -> &str {
    match reason {
        "healthy" => "healthy throughout",
        "began_after" => "began after the symptom",
        "rolled_back" => "undone before it began",
        "no_path" => "no path to a symptom",
        "cannot_produce" => "cannot produce this failure",
        "explained" => "explained by another cause",
        "victim" => "a victim, not the cause",
        "transient" => "over before it began",
        "prediction_failed" => "its predictions failed",
        other => other,
    }
}

/// How `from` leans on `to`.
pub fn leans(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Calls => "calls",
        EdgeKind::RunsOn => "runs on",
        EdgeKind::ServedBy => "is served by",
        EdgeKind::Consumes => "consumes from",
        EdgeKind::Produces => "produces to",
        EdgeKind::UsesRole => "uses the role",
        EdgeKind::UsesConfig => "uses the setting",
        EdgeKind::BoundBy => "is bound by",
        EdgeKind::PartOf => "is part of",
        EdgeKind::ReplicatesFrom => "replicates from",
        EdgeKind::AsksNames => "asks for names",
    }
}

/// The same edge read in the direction in which failure travels, from `to` to `from`.
pub fn carries(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Calls => "called by",
        EdgeKind::RunsOn => "hosts",
        EdgeKind::ServedBy => "serves",
        EdgeKind::Consumes => "feeds",
        EdgeKind::Produces => "pushes back on",
        EdgeKind::UsesRole => "role of",
        EdgeKind::UsesConfig => "setting of",
        EdgeKind::BoundBy => "limits",
        EdgeKind::PartOf => "contains",
        EdgeKind::ReplicatesFrom => "replicated by",
        EdgeKind::AsksNames => "asked for names by",
    }
}

/// How a prediction fared.
pub fn outcome(outcome: PredictionOutcome) -> &'static str {
    match outcome {
        PredictionOutcome::Met => "met",
        PredictionOutcome::Unmet => "unmet",
        PredictionOutcome::Untested => "untested",
    }
}

/// What kind of prediction; what follows is the thing itself.
pub fn force(force: &str) -> &str {
    match force {
        "must" => "must be seen",
        "may" => "may be seen",
        "must_not" => "must not be seen",
        other => other,
    }
}

/// A heading begins with a capital, whatever the sentence that it was made for does.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// The names that people call the entities by.
pub struct Names<'a>(BTreeMap<&'a EntityId, &'a Named>);

impl<'a> Names<'a> {
    /// From the report's own list.
    pub fn of(report: &'a Report) -> Self {
        Self(
            report
                .entities
                .iter()
                .map(|named| (&named.id, named))
                .collect(),
        )
    }

    /// What people call it; its id where the report does not say.
    pub fn name<'b>(&self, id: &'b EntityId) -> &'b str
    where
        'a: 'b,
    {
        self.known(id).unwrap_or(id.as_str())
    }

    /// What people call it, if the report says.
    pub fn known(&self, id: &EntityId) -> Option<&'a str> {
        self.0
            .get(id)
            .map(|named| named.name.as_str())
            .filter(|name| !name.is_empty())
    }

    /// The word for what it is.
    pub fn kind(&self, id: &EntityId) -> &'static str {
        self.0
            .get(id)
            .map_or("component", |named| named.kind.word())
    }
}

/// An onset as people say it: one moment, or "between … and …" by the clock, in UTC.
pub fn onset(onset: Onset) -> String {
    between(onset.lo, onset.hi)
}

fn between(lo: Timestamp, hi: Timestamp) -> String {
    if lo == hi {
        format!("{} UTC", hi.clock())
    } else if day(lo) == day(hi) {
        format!("{} to {} UTC", lo.clock(), hi.clock())
    } else {
        format!(
            "{} {} to {} {} UTC",
            day(lo),
            lo.clock(),
            day(hi),
            hi.clock()
        )
    }
}

/// The date part, `2026-06-18`, in UTC.
pub fn day(at: Timestamp) -> String {
    let text = at.to_string();
    text.split_once('T')
        .map_or(text.clone(), |(day, _)| day.to_string())
}

/// Date and clock, `2026-06-18 15:06:00 UTC`.
pub fn moment(at: Timestamp) -> String {
    format!("{} {} UTC", day(at), at.clock())
}

/// A unit as it follows a number, with its space; nothing for bare numbers, which are written `1`.
pub fn unit(unit: &str) -> String {
    match unit {
        "" | "1" => String::new(),
        unit => format!(" {unit}"),
    }
}

/// A change's id as people write it: a commit's hash by its first ten digits, anything else whole.
pub fn change_id(id: &str) -> &str {
    let is_hash = id.len() >= 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hash { &id[..10] } else { id }
}

/// What put an earlier incident right, as a sentence; empty where nothing is known to have.
pub fn put_right(precedent: &Precedent) -> String {
    if precedent.put_right.is_empty() {
        return String::new();
    }
    format!("Put right: {}.", precedent.put_right)
}

/// In what an earlier incident is alike, as a sentence; empty where nothing is told.
pub fn alike(precedent: &Precedent) -> String {
    if precedent.alike.is_empty() {
        return String::new();
    }
    let told: Vec<String> = precedent
        .alike
        .iter()
        .map(|one| {
            let common = match one.common.is_empty() {
                true => String::new(),
                false => format!(" ({})", one.common.join(", ")),
            };
            format!("{} {:.2}{common}", one.what, one.share)
        })
        .collect();
    format!("Alike: {}.", told.join("; "))
}
