//! Requests on a real wire.

use std::io::Read as _;
use std::time::Duration;

use model::time::{Span, Timestamp};
use reqwest::blocking::Client;

use super::{Answered, Question, Wire};
use crate::client::{self, ClientError};

/// Questions that are longer are posted: some servers take no longer address.
const LONGEST_ADDRESS: usize = 4000;

/// A source that is asked over HTTP.
pub struct Http {
    base: String,
    client: Client,
    /// Headers that stand in every request beside the credential, such as a tenant's name.
    headers: Vec<(String, String)>,
}

impl Http {
    /// At this base address.
    ///
    /// # Errors
    /// If no client can be made.
    pub fn new(base: &str, headers: Vec<(String, String)>) -> Result<Self, ClientError> {
        Ok(Self {
            base: base.trim_end_matches('/').to_string(),
            // Each request has a time limit of its own, which is shorter.
            client: client::client(Duration::from_secs(60))?,
            headers,
        })
    }
}

impl Wire for Http {
    fn ask(&self, question: &Question<'_>) -> Result<Answered, ClientError> {
        let form = question
            .fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect::<Vec<_>>()
            .join("&");
        let address = format!("{}{}", self.base, question.path);
        let mut request = if form.len() > LONGEST_ADDRESS && question.may_post {
            self.client
                .post(address)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form)
        } else if form.is_empty() {
            self.client.get(address)
        } else {
            self.client.get(format!("{address}?{form}"))
        };
        let limit = u64::try_from(question.limit.0).unwrap_or(0).max(1_000_000);
        request = request.timeout(Duration::from_nanos(limit));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !question.shown.header().is_empty() {
            request = request.header("authorization", question.shown.header());
        }
        if let Some(mark) = question.unless {
            request = request.header("if-none-match", mark);
        }
        let response = request.send().map_err(|error| {
            // The address with the question would be long, and is known.
            let unreached = error.is_connect() || error.is_builder();
            let said = client::reasons(&error.without_url());
            if unreached {
                ClientError::Unreached(said)
            } else {
                ClientError::Unanswered(said)
            }
        })?;
        let text = |name: &str| response.headers().get(name)?.to_str().ok().map(str::trim);
        // An answer out of a cache is dated as of when it was made (RFC 9111, section 5.1), and says nothing of a clock.
        let dated = text("date").and_then(http_date);
        let date = dated.filter(|_| text("age").is_none());
        let after = text("retry-after").and_then(|value| retry_after(value, dated));
        let mark = text("etag").map(str::to_string);
        // GitHub's and GitLab's names for the same: what is left in this span, and the second at which a new one begins.
        let first = |names: [&str; 2]| {
            names
                .iter()
                .find_map(|name| text(name)?.parse::<i64>().ok())
        };
        let left = first(["x-ratelimit-remaining", "ratelimit-remaining"]);
        let renewed = first(["x-ratelimit-reset", "ratelimit-reset"]);
        let spent = renewed
            .zip(dated)
            .filter(|_| left == Some(0))
            .map(|(at, date)| Timestamp::from_seconds(at).since(date))
            .filter(|span| (1..=86_400).contains(&(span.0 / model::time::SECOND)));
        // RFC 8288, as GitHub and GitLab have it; GitLab says it in a header of its own, too.
        let more = response.headers().get_all("link").iter().any(|link| {
            let link = link.to_str().unwrap_or_default();
            link.contains("rel=\"next\"") || link.contains("rel=next")
        }) || text("x-next-page").is_some_and(|page| !page.is_empty());
        let status = response.status().as_u16();
        let mut body = Vec::new();
        response
            .take(question.most.saturating_add(1))
            .read_to_end(&mut body)
            .map_err(|error| ClientError::Unanswered(error.to_string()))?;
        let cut = body.len() as u64 > question.most;
        Ok(Answered {
            status,
            after,
            date,
            mark,
            spent,
            more,
            body,
            cut,
        })
    }
}

/// Escapes everything that could end a name or a value.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

/// The time of a `Date` header (RFC 9110, IMF-fixdate): `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    format!("{year}-{month:02}-{day}T{clock}Z").parse().ok()
}

/// How long to wait, by an answer that was dated so (RFC 9110, section 10.2.3): seconds, or a date. A day at most: who
/// says more is left alone no longer for one answer that may be wrong.
pub(crate) fn retry_after(value: &str, dated: Option<Timestamp>) -> Option<Span> {
    let wait = match value.parse::<i64>() {
        Ok(seconds) => Span::seconds(seconds.clamp(0, DAY)),
        Err(_) => http_date(value)?.since(dated?),
    };
    Some(Span(wait.0.clamp(0, Span::seconds(DAY).0)))
}

/// Seconds.
const DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_seconds_and_as_a_date_and_has_bounds() {
        let dated = http_date("Sun, 06 Nov 1994 08:49:37 GMT");
        for (value, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            ("-9223372036854775808", Some(0)),
            ("9223372036854775807", Some(86_400)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Mon, 06 Nov 2190 08:49:37 GMT", Some(86_400)),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after(value, dated),
                seconds.map(Span::seconds),
                "{value}"
            );
        }
        // By which clock?
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:51:37 GMT", None), None);
    }

    #[test]
    fn a_date_is_read_as_it_stands_in_a_header() {
        let at = http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(at.to_string(), "1994-11-06T08:49:37Z");
        for bad in ["", "06 Nov 1994", "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, x"] {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_could_end_a_value_is_escaped() {
        assert_eq!(encoded("a b&c=d/ü"), "a%20b%26c%3Dd%2F%C3%BC");
    }
}
