//! Did it keep to what it needs? The access log of whoever is asked over HTTP, or of a proxy before it, held against the
//! table of calls.
//!
//! A log is lines of the Common Log Format (`%h %l %u %t "%r" %>s %b`), or of the Combined one, which ends with who referred
//! and with the user agent: what nginx and Apache write where nothing else is said.
//! Source: <https://httpd.apache.org/docs/2.4/logs.html#accesslog>.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::{Call, Needs};

/// Longest text of a request that is told of.
const MOST_TOLD: usize = 200;

/// What a log shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Calls of the callers that were asked about.
    pub calls: u64,
    /// Calls of others.
    pub others: u64,
    /// Calls that are in the table, as `GET /api/v1/query_range`.
    pub known: BTreeSet<String>,
    /// Those that are not, and how often each was made.
    pub foreign: BTreeMap<String, u64>,
}

/// Why a log cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLog {
    /// A line tells of no call.
    #[error(
        "line {0} tells of no call: lines of an access log have the time in brackets, and the request in quotes behind it"
    )]
    NoCall(u64),
}

/// Holds an access log against what is needed of a server whose API stands `below` this path. Only calls count whose
/// caller's address, name or agent contains `by`; all, if it is empty.
///
/// # Errors
/// If a line is of another form: what cannot be read could be any call, so nothing would be proven.
pub fn prove(log: &str, by: &str, below: &str, needs: &Needs) -> Result<Proof, BadLog> {
    let mut proof = Proof::default();
    let below = below.trim_end_matches('/');
    for (number, line) in (1..).zip(log.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        let line = Line::read(line).ok_or(BadLog::NoCall(number))?;
        if !line.callers().any(|caller| caller.contains(by)) {
            proof.others += 1;
            continue;
        }
        proof.calls += 1;
        match needed(line.request, below, needs.calls) {
            Some(call) => {
                proof.known.insert(call);
            }
            // A request that cannot be read is none that was needed.
            None => {
                let told = line.request.chars().take(MOST_TOLD).collect();
                *proof.foreign.entry(told).or_default() += 1;
            }
        }
    }
    Ok(proof)
}

/// One line, cut into what is looked at.
struct Line<'l> {
    address: &'l str,
    user: &'l str,
    request: &'l str,
    agent: &'l str,
}

impl<'l> Line<'l> {
    fn read(line: &'l str) -> Option<Self> {
        let (who, rest) = line.split_once(" [")?;
        let (_, rest) = rest.split_once("] \"")?;
        let end = end_of_quoted(rest)?;
        let (request, rest) = (&rest[..end], &rest[end + 1..]);
        let mut who = who.split(' ');
        Some(Self {
            address: who.next()?,
            user: who.nth(1).unwrap_or(""),
            request,
            agent: last_quoted(rest).unwrap_or(""),
        })
    }

    fn callers(&self) -> impl Iterator<Item = &'l str> {
        [self.address, self.user, self.agent].into_iter()
    }
}

/// Where the quotes end that were opened before this text; those behind a backslash belong to it.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// The last of the texts in quotes.
fn last_quoted(mut text: &str) -> Option<&str> {
    let mut last = None;
    while let Some((_, inner)) = text.split_once('"') {
        let end = end_of_quoted(inner)?;
        last = Some(&inner[..end]);
        text = &inner[end + 1..];
    }
    last
}

/// The call that a request is, if it is needed.
fn needed(request: &str, below: &str, calls: &[Call]) -> Option<String> {
    let mut words = request.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() || !version.starts_with("HTTP/") {
        return None;
    }
    let path = target.split(['?', '#']).next()?.strip_prefix(below)?;
    // A server may take `%2e%2e` for the way up.
    let leads_away = |part: &str| {
        let dots = part.to_ascii_lowercase().replace("%2e", ".");
        dots == "." || dots == ".."
    };
    if path.split('/').any(leads_away) {
        return None;
    }
    let call = calls.iter().find(|call| call.is_at(path))?;
    let may = method == "GET" || method == "POST" && call.may_post;
    may.then(|| format!("{method} {}", call.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: Needs = Needs {
        calls: &[
            Call::long("/api/v1/query_range", "numbers"),
            Call::get("/api/v1/label/*/values", "names"),
        ],
        grant: "",
    };
    const COMBINED: &str = r#"10.0.0.7 - - [24/Nov/2026:03:00:00 +0000] "GET /api/v1/query_range?query=up HTTP/1.1" 200 812 "-" "midwatch/0.1.0"
10.0.0.7 - watch [24/Nov/2026:03:00:01 +0000] "POST /api/v1/query_range HTTP/1.1" 200 812 "-" "midwatch/0.1.0"

10.0.0.9 - - [24/Nov/2026:03:00:02 +0000] "POST /api/v1/admin/tsdb/delete_series HTTP/1.1" 204 0 "http://\"quoted\"" "curl/8"
10.0.0.7 - - [24/Nov/2026:03:00:03 +0000] "GET /api/v1/label/job/values HTTP/2.0" 200 9
"#;

    #[test]
    fn a_log_is_held_against_the_table() {
        let all = prove(COMBINED, "", "", &NEEDS).unwrap();
        assert_eq!((all.calls, all.others), (4, 0));
        let foreign: Vec<_> = all.foreign.into_iter().collect();
        let deletes = "POST /api/v1/admin/tsdb/delete_series HTTP/1.1".to_string();
        assert_eq!(foreign, [(deletes, 1)]);
        for (by, calls) in [
            ("midwatch/", 2),
            ("10.0.0.7", 3),
            ("watch", 2),
            ("nobody", 0),
        ] {
            let own = prove(COMBINED, by, "", &NEEDS).unwrap();
            assert_eq!((own.calls, own.others), (calls, 4 - calls), "{by}");
            assert!(own.foreign.is_empty(), "{own:?}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not_needed() {
        let of = |request: &str| {
            let line = format!("h - - [t] \"{request}\" 200 1");
            prove(&line, "", "/prom/", &NEEDS).unwrap().foreign.len()
        };
        for (request, foreign) in [
            ("GET /prom/api/v1/label/job/values HTTP/1.1", 0),
            ("GET /prom/api/v1/label/a%2Fb/values?x=/../y HTTP/1.1", 0),
            ("POST /prom/api/v1/query_range HTTP/1.0", 0),
            ("GET /api/v1/label/job/values HTTP/1.1", 1),
            ("POST /prom/api/v1/label/job/values HTTP/1.1", 1),
            ("HEAD /prom/api/v1/query_range HTTP/1.1", 1),
            ("get /prom/api/v1/query_range HTTP/1.1", 1),
            ("GET /prom/api/v1/label/%2E%2e/values HTTP/1.1", 1),
            ("GET /prom/api/v1/label/../values HTTP/1.1", 1),
            ("GET /prom/api/v1/query_range", 1),
            ("GET /prom/api/v1/query_range HTTP/1.1 x", 1),
            (r"\x16\x03\x01", 1),
            ("-", 1),
            ("", 1),
        ] {
            assert_eq!(of(request), foreign, "{request}");
        }
    }

    #[test]
    fn what_is_no_access_log_proves_nothing() {
        assert_eq!(prove("\n\n", "", "", &NEEDS).unwrap(), Proof::default());
        for (log, line) in [
            ("{\"verb\":\"get\"}", 1),
            ("\nh - - [t] GET / HTTP/1.1", 2),
            ("h - - [t] \"GET / HTTP/1.1", 1),
            ("h - - \"GET / HTTP/1.1\" 200", 1),
        ] {
            assert_eq!(
                prove(log, "", "", &NEEDS),
                Err(BadLog::NoCall(line)),
                "{log}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_alters_is_ever_needed(
            method in "PUT|PATCH|DELETE|POST|get|G",
            target in "(/[a-z%0-9._-]{0,6}){0,5}",
            agent in "[^\n\r]{0,12}",
        ) {
            let line = format!("h - - [t] \"{method} {target} HTTP/1.1\" 200 1 \"-\" \"{agent}\"");
            let proof = prove(&line, "", "", &NEEDS).unwrap();
            let posted = method == "POST" && target == "/api/v1/query_range";
            proptest::prop_assert_eq!(proof.foreign.is_empty(), posted);
        }

        #[test]
        fn whatever_it_is_it_is_read_or_refused(log in "([\\[\\]\" a-z\\\\/.]|é){0,80}") {
            let _ = prove(&log, "a", "/b", &NEEDS);
        }
    }
}
