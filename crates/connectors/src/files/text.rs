//! Plain text logs: a time at the beginning of a line begins a record, lines without one belong to the
//! record before (stack traces).

use std::borrow::Cow;

use model::{Severity, Timestamp};

use super::entities::Who;
use super::error::FilesError;
use super::json::Json;
use super::limits::Limits;
use super::moment::moment;
use super::rows::LogParts;
use super::source::{DataFile, Lines};
use super::stream::{Part, Place, Sink, text};

/// The word for the severity that a line carries: a `level` field of a JSON line, or one of the first
/// few words of a plain one.
pub(crate) fn severity(message: &str) -> Option<Severity> {
    if message.starts_with('{') {
        let mut found = None;
        let _ = Json::new(message).object(|json, key| {
            if matches!(
                &*key.to_ascii_lowercase(),
                "level" | "severity" | "log_level" | "loglevel"
            ) {
                found = Severity::parse(&json.text()?);
                return Ok(());
            }
            json.skip()
        });
        return found;
    }
    message
        .split(['\t', ' ', '[', ']'])
        .filter(|word| !word.is_empty())
        .take(4)
        .filter(|word| word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b':'))
        .find_map(|word| Severity::parse(word.trim_end_matches(':')))
}

/// Whom the file's own name says it is about: `logs/checkout.log`.
pub(crate) fn by_file(file: &DataFile) -> Who<'static> {
    let own = file.name.rsplit('/').next().unwrap_or(&file.name);
    let stem = own.split('.').next().unwrap_or(own);
    Who::Id(Cow::Owned(stem.to_string()))
}

/// The time at the beginning of a line, and the rest.
pub(crate) fn stamped(line: &str) -> Option<(Timestamp, &str)> {
    let open = line.strip_prefix('[').unwrap_or(line);
    // Only calendar times: a line that begins with a number is no time.
    if open.len() < 16 || open.as_bytes()[4] != b'-' || !open.as_bytes()[0].is_ascii_digit() {
        return None;
    }
    let ends = open
        .char_indices()
        .filter(|(_, c)| matches!(c, ' ' | '\t' | ']' | '|'))
        .map(|(at, _)| at)
        .chain([open.len()])
        .take(3);
    // Tried from long to short, for a date and a clock with a blank between them, and a zone behind.
    let tried: Vec<usize> = ends.collect();
    tried
        .into_iter()
        .rev()
        .filter(|end| *end >= 16)
        .find_map(|end| {
            let at = moment(&open.as_bytes()[..end])?;
            Some((at, open[end..].trim_start_matches([' ', '\t', ']', '|'])))
        })
}

/// What container runtimes put between time and message.
fn unwrapped(message: &str) -> &str {
    for wrap in ["stdout F ", "stderr F ", "stdout P ", "stderr P "] {
        if let Some(rest) = message.strip_prefix(wrap) {
            return rest;
        }
    }
    message
}

/// Reads a part of a text file.
pub(crate) fn read(
    file: &DataFile,
    part: Part,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), FilesError> {
    let who = by_file(file);
    let mut lines = Lines::at(
        file,
        part.from.offset,
        part.from.line,
        limits.line_bytes,
        limits,
    )?;
    let mut open: Option<(Timestamp, Place, String)> = None;
    let give = |(time, place, body): (Timestamp, Place, String), sink: &mut dyn Sink| {
        let parts = LogParts {
            time,
            who: Some(who.clone()),
            severity: severity(&body),
            body: Cow::Owned(body),
            ..LogParts::default()
        };
        sink.log(parts, place)
    };
    while let Some(line) = lines.next()? {
        if line.offset >= part.to {
            break;
        }
        let whole = text(file, &line)?;
        match (stamped(whole), &mut open) {
            (Some((time, message)), _) => {
                let place = Place {
                    offset: line.offset,
                    line: line.number,
                };
                let next = (time, place, unwrapped(message).to_string());
                if let Some(record) = open.replace(next)
                    && give(record, sink)?.is_break()
                {
                    return Ok(());
                }
            }
            (None, Some((.., body))) if body.len() + whole.len() < limits.line_bytes => {
                body.push('\n');
                body.push_str(whole);
            }
            // Before the first time there is nothing to tell when a line was written.
            (None, _) => {}
        }
    }
    if let Some(record) = open {
        let _ = give(record, sink)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_at_the_beginning_of_lines() {
        let read = |line: &str| {
            stamped(line).map_or("none".to_string(), |(at, rest)| format!("{at} {rest}"))
        };
        assert_eq!(
            read("2026-01-01T10:00:00Z INFO up"),
            "2026-01-01T10:00:00Z INFO up"
        );
        assert_eq!(
            read("2026-01-01 10:00:00,250 WARN slow"),
            "2026-01-01T10:00:00.25Z WARN slow"
        );
        assert_eq!(read("[2026-01-01 10:00:00] up"), "2026-01-01T10:00:00Z up");
        assert_eq!(
            read("2026-01-01 10:00:00 +0200 up"),
            "2026-01-01T08:00:00Z up"
        );
        assert_eq!(read("2026-01-01T10:00:00Z"), "2026-01-01T10:00:00Z ");
        for line in [
            "",
            "   at java.lang.Thread",
            "1234-abcdefghijklmnopq",
            "\u{1F4A5}\u{1F4A5}\u{1F4A5}\u{1F4A5}\u{1F4A5}",
        ] {
            assert_eq!(read(line), "none");
        }
    }

    #[test]
    fn severities_of_plain_lines() {
        assert_eq!(
            severity("[main] ERROR no connection"),
            Some(Severity::Error)
        );
        assert_eq!(
            severity("{\"level\":\"warn\",\"msg\":\"x\"}"),
            Some(Severity::Warn)
        );
        assert_eq!(severity("an error happened"), None);
    }
}
