//! How bad a line says it is.

pub use model::Severity;

/// How far into a line a level is looked for. Levels stand in front; words further on are prose.
const HEADER_BYTES: usize = 256;
/// How far into a line words of failure are looked for.
const LOOKED_AT_BYTES: usize = 4096;

/// The severity that a line states, or that its words leave no doubt about.
///
/// In this order: a field (`level=warn`, `"severity": "ERROR"`, numeric levels of JSON loggers), the letter of a klog
/// header (`E1121 10:00:00`), a level in capitals or in brackets near the start, and then the words of a crash.
pub fn severity_hint(line: &[u8]) -> Option<Severity> {
    let line = &line[..line.len().min(LOOKED_AT_BYTES)];
    let header = &line[..line.len().min(HEADER_BYTES)];
    field_level(line)
        .or_else(|| klog_level(header))
        .or_else(|| header_level(header))
        .or_else(|| crash(line))
}

/// Whether a line tells of something that went wrong: by its severity, by a server's status of 500 and above, or by
/// words such as "refused" or "timed out".
///
/// A line that states a harmless level needs such a status or the words of a crash; "0 errors" and "no error" do not
/// count.
pub fn is_error_like(line: &[u8]) -> bool {
    if is_server_error(&line[..line.len().min(LOOKED_AT_BYTES)]) {
        return true;
    }
    match severity_hint(line) {
        Some(severity) if severity >= Severity::Error => true,
        Some(Severity::Warn) | None => tells_of_failure(&line[..line.len().min(LOOKED_AT_BYTES)]),
        Some(_) => crash(&line[..line.len().min(LOOKED_AT_BYTES)]).is_some(),
    }
}

/// Runs of letters, digits and underscores, each with where it begins and ends.
fn words(text: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let inside = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80;
    let mut at = 0;
    std::iter::from_fn(move || {
        at += text[at..].iter().take_while(|b| !inside(b)).count();
        let start = at;
        at += text[at..].iter().take_while(|b| inside(b)).count();
        (at > start).then_some((start, at))
    })
}

fn parse(word: &[u8]) -> Option<Severity> {
    // The one-letter forms that `Severity::parse` knows are too common in prose.
    let text = std::str::from_utf8(word)
        .ok()
        .filter(|text| text.len() > 2)?;
    Severity::parse(text)
}

/// `level=warn`, `lvl: error`, `"severity":"FATAL"`, `"level":50`.
fn field_level(line: &[u8]) -> Option<Severity> {
    const KEYS: [&str; 8] = [
        "level",
        "lvl",
        "severity",
        "loglevel",
        "log_level",
        "severity_text",
        "severitytext",
        "levelname",
    ];
    words(line).find_map(|(start, end)| {
        if !KEYS
            .iter()
            .any(|key| key.as_bytes().eq_ignore_ascii_case(&line[start..end]))
        {
            return None;
        }
        let mut at = end
            + line[end..]
                .iter()
                .take_while(|b| matches!(b, b'"' | b'\''))
                .count();
        at += line[at..].iter().take_while(|b| **b == b' ').count();
        if !matches!(line.get(at), Some(b'=' | b':')) {
            return None;
        }
        let (from, to) = words(&line[at..])
            .next()
            .map(|(from, to)| (at + from, at + to))?;
        // Only quotes and blanks may stand between the sign and the value.
        if line[at + 1..from]
            .iter()
            .any(|b| !matches!(b, b' ' | b'"' | b'\''))
        {
            return None;
        }
        numeric_level(&line[from..to]).or_else(|| {
            std::str::from_utf8(&line[from..to])
                .ok()
                .and_then(Severity::parse)
        })
    })
}

/// The numbers of bunyan and pino: tens from 10 (trace) to 60 (fatal).
fn numeric_level(word: &[u8]) -> Option<Severity> {
    Some(match word {
        b"10" => Severity::Trace,
        b"20" => Severity::Debug,
        b"30" => Severity::Info,
        b"40" => Severity::Warn,
        b"50" => Severity::Error,
        b"60" => Severity::Fatal,
        _ => return None,
    })
}

/// `E1121 10:00:00.000000 ...`: letter, month, day.
fn klog_level(header: &[u8]) -> Option<Severity> {
    let [letter, a, b, c, d, b' ', hour, ..] = header else {
        return None;
    };
    let dated = [a, b, c, d, hour].into_iter().all(u8::is_ascii_digit);
    let severity = match letter {
        b'I' => Severity::Info,
        b'W' => Severity::Warn,
        b'E' => Severity::Error,
        b'F' => Severity::Fatal,
        _ => return None,
    };
    dated.then_some(severity)
}

/// A level in capitals, or in brackets, or with a colon behind it as the first word.
fn header_level(header: &[u8]) -> Option<Severity> {
    words(header).enumerate().find_map(|(place, (start, end))| {
        let word = &header[start..end];
        let before = start.checked_sub(1).map(|i| header[i]);
        let after = header.get(end).copied();
        let capitals = word.iter().all(u8::is_ascii_uppercase);
        let bracketed = matches!(
            (before, after),
            (Some(b'['), Some(b']'))
                | (Some(b'<'), Some(b'>'))
                | (Some(b'('), Some(b')'))
                | (Some(b'|'), Some(b'|'))
        );
        let leading = place == 0 && after == Some(b':');
        if !(capitals || bracketed || leading) {
            return None;
        }
        // ERROR.md, LOG=1 and $INFO are names.
        let part_of_name = matches!(before, Some(b'-' | b'.' | b'/' | b'$'))
            || matches!(after, Some(b'.' | b'/' | b'=' | b'$'));
        (bracketed || !part_of_name).then(|| parse(word)).flatten()
    })
}

/// The words that programs print when they die or throw.
fn crash(line: &[u8]) -> Option<Severity> {
    words(line)
        .filter_map(|(start, end)| {
            let (word, after) = (&line[start..end], &line[end..]);
            match word {
                b"panic" if after.first() == Some(&b':') || line[..start].ends_with(b"ernel ") => {
                    Some(Severity::Fatal)
                }
                b"panicked" if after.starts_with(b" at") => Some(Severity::Fatal),
                b"Segmentation" if after.starts_with(b" fault") => Some(Severity::Fatal),
                b"core" if after.starts_with(b" dumped") => Some(Severity::Fatal),
                b"Out" if after.starts_with(b" of memory: Kill") => Some(Severity::Fatal),
                b"segfault" | b"OOMKilled" => Some(Severity::Fatal),
                b"Traceback" if after.starts_with(b" (most recent call last)") => {
                    Some(Severity::Error)
                }
                _ => is_thrown(word).then_some(Severity::Error),
            }
        })
        .max()
}

/// Class names of what is thrown: `NullPointerException`, `ValueError`. The bare words are prose.
fn is_thrown(word: &[u8]) -> bool {
    let named = word.len() > 9 && word.ends_with(b"Exception")
        || word.len() > 5 && word.ends_with(b"Error");
    named && word[0].is_ascii_uppercase()
}

/// `status=503`, `"status_code": 500`, or `HTTP/1.1" 502` of an access log.
fn is_server_error(line: &[u8]) -> bool {
    const KEYS: [&str; 5] = [
        "status",
        "status_code",
        "statuscode",
        "http_status",
        "http_status_code",
    ];
    let number = |from: usize| {
        let end = from
            + line[from..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count();
        end - from == 3
            && line[from] == b'5'
            && line
                .get(end)
                .is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'.')
    };
    words(line).any(|(start, end)| {
        let word = &line[start..end];
        if word == b"HTTP" {
            let quote = memchr::memchr(b'"', &line[end..]).map(|at| end + at);
            return quote.is_some_and(|quote| {
                quote - end <= 4
                    && line.get(quote + 1) == Some(&b' ')
                    && quote + 2 < line.len()
                    && number(quote + 2)
            });
        }
        if !KEYS
            .iter()
            .any(|key| key.as_bytes().eq_ignore_ascii_case(word))
        {
            return false;
        }
        let gap = line[end..]
            .iter()
            .take_while(|b| matches!(b, b'"' | b'\'' | b'=' | b':' | b' '))
            .count();
        gap > 0 && end + gap < line.len() && number(end + gap)
    })
}

/// Words of failure that are not denied.
fn tells_of_failure(line: &[u8]) -> bool {
    const FAILURE: [&str; 38] = [
        "error",
        "errors",
        "err",
        "exception",
        "failed",
        "failure",
        "failures",
        "fail",
        "fails",
        "failing",
        "fatal",
        "panic",
        "crash",
        "crashed",
        "aborted",
        "refused",
        "denied",
        "forbidden",
        "unauthorized",
        "unreachable",
        "unavailable",
        "timeout",
        "timedout",
        "unable",
        "cannot",
        "couldn",
        "rejected",
        "corrupt",
        "corrupted",
        "killed",
        "deadlock",
        "overflow",
        "exhausted",
        "throttled",
        "invalid",
        "dropped",
        "unhandled",
        "uncaught",
    ];
    let spans: Vec<(usize, usize)> = words(line).collect();
    let is = |place: usize, list: &[&str]| {
        spans.get(place).is_some_and(|&(start, end)| {
            list.iter()
                .any(|word| word.as_bytes().eq_ignore_ascii_case(&line[start..end]))
        })
    };
    (0..spans.len()).any(|place| {
        if is(place, &["timed"]) && is(place + 1, &["out"]) {
            return true;
        }
        if !is(place, &FAILURE) {
            return false;
        }
        let denied = place > 0 && is(place - 1, &["no", "0", "without", "zero", "not"]);
        let zero = is(place + 1, &["0", "false", "none", "null", "nil"]);
        !denied && !zero
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn levels_are_read_where_loggers_write_them() {
        use Severity::*;
        let cases = [
            (
                "time=2026-11-21T10:00:00Z level=warn msg=\"slow\"",
                Some(Warn),
            ),
            (r#"{"ts":1,"level":"error","msg":"boom"}"#, Some(Error)),
            (r#"{"level":50,"msg":"boom"}"#, Some(Error)),
            (r#"{"severity": "CRITICAL", "message": "x"}"#, Some(Fatal)),
            (
                "E1121 10:00:00.000000 1 main.go:10] cannot bind",
                Some(Error),
            ),
            (
                "2026-11-21 10:00:00,123 ERROR [main] c.a.Foo - x",
                Some(Error),
            ),
            ("[Sun Dec 04 04:47:44 2005] [notice] ready", Some(Info)),
            ("10:00:00 WARN  retrying", Some(Warn)),
            ("error: could not compile", Some(Error)),
            ("2026-11-21 10:00:00 INFO done, 0 errors", Some(Info)),
            ("panic: runtime error: index out of range", Some(Fatal)),
            ("Traceback (most recent call last):", Some(Error)),
            ("java.lang.NullPointerException: null", Some(Error)),
            ("the user said error is fine", None),
            ("GET /error.html 200", None),
            ("", None),
        ];
        for (line, expected) in cases {
            assert_eq!(severity_hint(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn failure_is_told_from_talk_about_it() {
        let cases = [
            ("connection refused by 10.0.0.1:80", true),
            ("request timed out after 3s", true),
            ("finished with 0 errors", false),
            ("no error found", false),
            ("errors=0 warnings=0", false),
            ("level=info msg=\"retry after failed attempt\"", false),
            ("level=info msg=\"java.io.IOException: gone\"", true),
            ("WARN disk failure predicted", true),
            ("user logged in", false),
            ("level=info msg=done status=503 took=3ms", true),
            ("level=info msg=done status=200 size=503", false),
            (r#"{"status_code": 500, "level": "info"}"#, true),
            (r#"10.0.0.1 - - [x] "GET / HTTP/1.1" 502 17"#, true),
            (r#"10.0.0.1 - - [x] "GET / HTTP/1.1" 200 512"#, false),
        ];
        for (line, expected) in cases {
            assert_eq!(is_error_like(line.as_bytes()), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = severity_hint(&line);
            let _ = is_error_like(&line);
        }
    }
}
