//! Questions about telemetry, answered from the window of the last hours.

use std::collections::BTreeMap;

use connectors::files;
use model::EntityId;
use model::case::{Case, OwnedLog, OwnedSpan};
use model::query::Query;
use model::recording::{Manifest, SCHEMA};
use model::telemetry::Series;
use model::time::{TimeWindow, Timestamp};
use regex::{Regex, RegexBuilder};
use server::api::house::{Fault, Unanswered};
use server::api::telemetry::{Budget, Found, Line, Point, Points, SpanLine};
use store::window::Window;

/// What a pattern may take once it is built, in bytes.
const PATTERN: usize = 1 << 20;

/// Answers, with what may not be told hidden as in a recording.
pub fn answer(
    window: &Window,
    query: &Query,
    budget: Budget,
    now: Timestamp,
) -> Result<Found, Unanswered> {
    match query {
        Query::Metric {
            entity,
            metric,
            statistic,
            window: when,
        } => Ok(points(window, (entity, metric, statistic), *when, budget)),
        Query::Logs {
            entity,
            pattern,
            window: when,
        } => {
            let pattern = compiled(pattern)?;
            let keep = |log: &OwnedLog| {
                entity.as_ref().is_none_or(|entity| log.entity == *entity)
                    && pattern.as_ref().is_none_or(|p| p.is_match(&log.body))
            };
            rows(window, *when, now, budget, Some(&keep), None)
        }
        Query::Traces {
            entity,
            caller,
            operation,
            window: when,
        } => {
            // An edge is shown by the spans of both its ends; those of the end that is called tell what it did.
            let keep = |span: &OwnedSpan| {
                (span.entity == *entity || Some(&span.entity) == caller.as_ref())
                    && (operation.is_empty() || *span.name == **operation)
            };
            rows(window, *when, now, budget, None, Some(&keep))
        }
        other => Err(Unanswered::NotUnderstood(format!(
            "`{other}` is no question about telemetry"
        ))),
    }
}

/// A pattern as queries have it: a regular expression between slashes, or a template's text, whose typed slots take
/// any word. `None` takes every line.
fn compiled(pattern: &str) -> Result<Option<Regex>, Unanswered> {
    if pattern.is_empty() {
        return Ok(None);
    }
    let inside = pattern.strip_prefix('/').and_then(|p| p.strip_suffix('/'));
    let text = inside.map_or_else(|| of_template(pattern), str::to_string);
    RegexBuilder::new(&text)
        .size_limit(PATTERN)
        .dfa_size_limit(PATTERN)
        .build()
        .map(Some)
        .map_err(|error| Unanswered::NotUnderstood(format!("the pattern {pattern:?}: {error}")))
}

/// `worker-<num> took <dur>` becomes `worker-\S+ took \S+`; whatever takes any words becomes `.*`.
fn of_template(template: &str) -> String {
    let mut made = String::new();
    let mut rest = template;
    while let Some(begin) = rest.find('<') {
        let (before, from) = rest.split_at(begin);
        made += &regex::escape(before);
        let slot = from.find('>').map(|end| &from[..=end]);
        match slot {
            Some("<*>") => made += ".*",
            Some(slot)
                if slot.len() > 2
                    && slot[1..slot.len() - 1]
                        .bytes()
                        .all(|b| b.is_ascii_lowercase()) =>
            {
                made += ".+?";
            }
            _ => {
                made += "<";
                rest = &from[1..];
                continue;
            }
        }
        rest = &from[slot.map_or(1, str::len)..];
    }
    made + &regex::escape(rest)
}

fn points(
    window: &Window,
    (entity, metric, statistic): (&EntityId, &str, &str),
    when: TimeWindow,
    budget: Budget,
) -> Found {
    // Without a statistic all of them are meant.
    let mut statistics: Vec<String> = window
        .series_keys()
        .iter()
        .filter(|key| key.entity == *entity && key.metric == metric)
        .map(|key| key.statistic.clone())
        .filter(|known| statistic.is_empty() || known == statistic)
        .collect();
    if statistics.is_empty() {
        statistics.push(statistic.to_string());
    }
    statistics.sort();
    statistics.dedup();
    let mut found = Found::default();
    let mut left = budget.rows;
    for statistic in statistics {
        for Series { key, times, values } in window.points(entity, metric, &statistic, when) {
            let inside = times.iter().zip(&values);
            let inside = inside.filter(|(at, _)| when.contains(Timestamp(**at)));
            let all: Vec<Point> = inside
                .map(|(at, value)| Point {
                    time: Timestamp(*at),
                    value: *value,
                })
                .collect();
            found.matched += all.len() as u64;
            found.cut |= all.len() > left;
            let points: Vec<Point> = all.into_iter().take(left).collect();
            left -= points.len();
            if !points.is_empty() {
                found.series.push(Points {
                    series: key,
                    points,
                });
            }
        }
    }
    found
}

type Keep<'a, T> = Option<&'a dyn Fn(&T) -> bool>;

fn rows(
    window: &Window,
    when: TimeWindow,
    now: Timestamp,
    budget: Budget,
    logs: Keep<'_, OwnedLog>,
    spans: Keep<'_, OwnedSpan>,
) -> Result<Found, Unanswered> {
    let captured = window
        .capture(when, &[], now)
        .map_err(|error| Unanswered::Fault(Fault::Failed(error.to_string())))?;
    let mut found = Found {
        gaps: captured.gaps,
        ..Found::default()
    };
    let mut case = Case::new(Manifest {
        schema: SCHEMA.to_string(),
        id: String::new(),
        title: String::new(),
        now,
        window: when,
        baselines: Vec::new(),
        gaps: Vec::new(),
        sources: Vec::new(),
        origin: String::new(),
        licence: String::new(),
    });
    case.logs = logs.map(|keep| taken(captured.logs, keep, budget, &mut found));
    case.spans = spans.map(|keep| taken(captured.spans, keep, budget, &mut found));
    // What leaves the house carries no secrets, whether as a recording or as an answer.
    files::redact(&mut case);
    let mut spend = Spend {
        bytes: budget.bytes,
        text: budget.text,
        cut: false,
    };
    for log in case.logs.into_iter().flatten() {
        let line = Line {
            time: log.time,
            entity: log.entity,
            severity: log.severity,
            body: spend.text(&log.body),
            attributes: spend.fields(log.attributes),
            trace_id: spend.text(&log.trace_id),
            span_id: spend.text(&log.span_id),
        };
        if spend.bytes == 0 {
            // The row that took the last of them is left out, for it may be cut anywhere.
            spend.cut = true;
            break;
        }
        found.logs.push(line);
    }
    for span in case.spans.into_iter().flatten() {
        let line = SpanLine {
            trace_id: spend.text(&span.trace_id),
            span_id: spend.text(&span.span_id),
            parent_id: spend.text(&span.parent_id),
            entity: span.entity,
            name: spend.text(&span.name),
            kind: span.kind,
            start: span.start,
            end: span.end,
            error: span.error,
            message: spend.text(&span.message),
            peer: spend.text(&span.peer),
            attributes: spend.fields(span.attributes),
        };
        if spend.bytes == 0 {
            spend.cut = true;
            break;
        }
        found.spans.push(line);
    }
    found.cut |= spend.cut;
    Ok(found)
}

/// The first of those that are wanted, and how many there are.
fn taken<T>(all: Vec<T>, keep: &dyn Fn(&T) -> bool, budget: Budget, found: &mut Found) -> Vec<T> {
    let mut taken = Vec::new();
    for one in all {
        if keep(&one) {
            found.matched += 1;
            if taken.len() < budget.rows {
                taken.push(one);
            }
        }
    }
    found.cut |= found.matched > taken.len() as u64;
    taken
}

/// What is left of the bytes of an answer.
struct Spend {
    bytes: usize,
    text: usize,
    cut: bool,
}

impl Spend {
    /// A text, cut to what is left.
    fn text(&mut self, text: &str) -> String {
        let most = text.len().min(self.text).min(self.bytes);
        let mut end = most;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.cut |= end < text.len();
        // Every row costs something, so that an answer ends.
        self.bytes = self.bytes.saturating_sub(end.max(1));
        text[..end].to_string()
    }

    fn fields(&mut self, fields: Vec<(Box<str>, Box<str>)>) -> BTreeMap<String, String> {
        let told = fields
            .iter()
            .map(|(name, value)| (self.text(name), self.text(value)));
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn templates_and_expressions_find_their_lines() {
        for (pattern, line, fits) in [
            ("worker-<num> took <dur>", "worker-3 took 35ms", true),
            ("worker-<num> took <dur>", "worker- took", false),
            ("a < b <x", "a < b <x", true),
            ("<Tag> <num>", "<Tag> 7", true),
            ("<*>", "anything at all", true),
            ("1.5 (left)", "1.5 (left)", true),
            ("1.5 (left)", "1x5 (left)", false),
            ("/^time(d )?out$/", "timed out", true),
            ("/^time(d )?out$/", "it timed out", false),
        ] {
            let compiled = compiled(pattern).unwrap().unwrap();
            assert_eq!(compiled.is_match(line), fits, "{pattern} and {line}");
        }
        assert!(compiled("").unwrap().is_none());
        assert!(compiled("/(/").is_err());
        assert!(
            compiled(&format!("/{}/", "(a{99}){99}{99}")).is_err(),
            "too large"
        );
    }

    proptest! {
        #[test]
        fn no_pattern_is_a_panic(pattern in ".{0,80}", line in ".{0,80}") {
            if let Ok(Some(compiled)) = compiled(&pattern) {
                let _ = compiled.is_match(&line);
            }
        }

        #[test]
        fn a_text_without_slots_finds_itself(text in "[^<>/]{1,60}") {
            prop_assert!(compiled(&text).unwrap().unwrap().is_match(&text));
        }

        #[test]
        fn no_answer_is_longer_than_its_budget(texts in proptest::collection::vec(".{0,40}", 0..40)) {
            let mut spend = Spend { bytes: 100, text: 16, cut: false };
            let told: Vec<String> = texts.iter().map(|text| spend.text(text)).collect();
            prop_assert!(told.iter().map(String::len).sum::<usize>() <= 100);
            prop_assert!(told.iter().zip(&texts).all(|(told, text)| text.starts_with(told.as_str())));
            let altered = told.iter().zip(&texts).any(|(told, text)| told != text);
            prop_assert_eq!(spend.cut, altered);
        }
    }
}
