//! Tells PagerDuty through its Events API v2: one alert for each incident, under the incident's id as `dedup_key`.
//! <https://developer.pagerduty.com/docs/events-api-v2-overview>
//!
//! An event that is sent twice adds a line to the alert's log and pages nobody again. Events that come too late must
//! not undo newer ones, since a trigger after a resolve would open a new alert: the receipt holds when the newest that
//! was sent was written, and what is older is passed over.

use std::time::Duration;

use model::ports::{Again, Notice, Notifier, TellError, Telling};
use model::telemetry::Severity;
use model::time::{Span, Timestamp};
use serde_json::{Value, json};

use crate::client::{self, ClientError};
use crate::hidden::Hidden;
use crate::legible::plain;

/// Where events are taken, unless told otherwise; accounts in Europe have `https://events.eu.pagerduty.com`.
pub const API: &str = "https://events.pagerduty.com";

/// PagerDuty's limit of a summary, in characters.
const SUMMARY: usize = 1_024;
/// Of a `dedup_key`.
const KEY: usize = 255;
/// Lines in the details, and UTF-16 units of each: together with all else far below the 512 kB that an event may have.
const LINES: usize = 60;
const LINE: usize = 1_000;

/// Why PagerDuty cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The key cannot be one.
    #[error(
        "that is no integration key; expected 32 letters and digits, from the service's \"Events API V2\" integration"
    )]
    RoutingKey,
    /// The address is none.
    #[error(
        "{api:?} is no address; expected https://events.pagerduty.com or another that begins with http:// or https://"
    )]
    Address {
        /// What was written.
        api: String,
    },
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// An Events API v2 integration of a PagerDuty service.
pub struct Events {
    name: String,
    api: String,
    routing_key: String,
    hidden: Hidden,
    client: reqwest::blocking::Client,
}

impl Events {
    /// The integration of that key, by way of `api` ([`API`]).
    pub fn new(name: &str, api: &str, routing_key: &str) -> Result<Self, EventsError> {
        let alphanumeric = routing_key.chars().all(|c| c.is_ascii_alphanumeric());
        if routing_key.len() != 32 || !alphanumeric {
            return Err(EventsError::RoutingKey);
        }
        if !(api.starts_with("https://") || api.starts_with("http://")) {
            return Err(EventsError::Address {
                api: api.to_string(),
            });
        }
        Ok(Self {
            name: name.to_string(),
            api: api.trim_end_matches('/').to_string(),
            routing_key: routing_key.to_string(),
            hidden: Hidden::of([routing_key]),
            client: client::client(Duration::from_secs(10))?,
        })
    }

    fn send(&self, event: &Value) -> Result<(), TellError> {
        let request = self.client.post(format!("{}/v2/enqueue", self.api));
        let request = request.header("content-type", "application/json");
        let answered = client::exchange(request.body(event.to_string()), &self.hidden)
            .map_err(|error| TellError::from(format!("PagerDuty: {error}")))?;
        let again = match answered.status {
            200..300 => return Ok(()),
            429 => answered.after.map_or(Again::Usual, |after| {
                Again::After(Span::seconds(
                    i64::try_from(after.as_secs()).unwrap_or(i64::MAX / 1_000_000_000),
                ))
            }),
            // The event is not valid, and will not be at the next try either.
            400 | 413 => Again::Never,
            _ => Again::Usual,
        };
        let remedy = match again {
            Again::Never => "; is routing_key_file the key of an \"Events API V2\" integration?",
            _ => "",
        };
        Err(TellError {
            why: format!(
                "PagerDuty answered {}: {}{remedy}",
                answered.status,
                answered.said()
            ),
            again,
            receipt: String::new(),
        })
    }
}

impl Notifier for Events {
    fn name(&self) -> &str {
        &self.name
    }

    fn tell(&self, telling: &Telling<'_>, _: Timestamp) -> Result<String, TellError> {
        let notice = telling.notice;
        if notice.kind == "test" {
            // An alert that is over at once.
            self.send(&event(&self.routing_key, notice, "trigger"))?;
            self.send(&event(&self.routing_key, notice, "resolve"))?;
            return Ok(String::new());
        }
        let newest: Option<i64> = telling.thread.receipt.parse().ok();
        if let Some(newest) = newest.filter(|newest| notice.at.0 < *newest) {
            return Ok(newest.to_string());
        }
        self.send(&event(&self.routing_key, notice, action(notice)))?;
        Ok(notice.at.0.to_string())
    }
}

/// What a notice does to the alert. Nothing acknowledges unless a person said yes: an alert that the machine took for
/// itself would wake nobody when the machine then fails.
fn action(notice: &Notice) -> &'static str {
    match notice.kind.as_str() {
        "recovered" | "closed" => "resolve",
        "running" if !notice.by.is_empty() => "acknowledge",
        _ => "trigger",
    }
}

/// One event.
fn event(routing_key: &str, notice: &Notice, action: &str) -> Value {
    let mut event = json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": plain(&notice.incident.0, KEY),
    });
    if action != "trigger" {
        return event;
    }
    let subject = if notice.subject.is_empty() {
        &notice.title
    } else {
        &notice.subject
    };
    let summary = if *subject == notice.title || notice.title.is_empty() {
        subject.clone()
    } else {
        format!("{subject}: {}", notice.title)
    };
    let summary = if summary.trim().is_empty() {
        "an incident".to_string()
    } else {
        summary
    };
    let lines: Vec<String> = notice
        .lines
        .iter()
        .take(LINES)
        .map(|line| plain(line, LINE))
        .collect();
    event["payload"] = json!({
        "summary": plain(&summary, SUMMARY),
        "source": "midwatch",
        "severity": severity(notice.severity),
        "timestamp": notice.at.to_string(),
        "class": plain(&notice.kind, 100),
        "custom_details": {
            "incident": plain(&notice.incident.0, LINE),
            "called": plain(subject, LINE),
            "lines": lines,
            "lines left out": notice.lines.len().saturating_sub(LINES),
        },
    });
    event["client"] = json!("Midwatch");
    if notice.link.starts_with("https://") || notice.link.starts_with("http://") {
        let link = plain(&notice.link, 2_000);
        event["client_url"] = json!(link);
        event["links"] = json!([{"href": link, "text": "The incident"}]);
    }
    event
}

/// In PagerDuty's words.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Fatal => "critical",
        Severity::Error => "error",
        Severity::Warn => "warning",
        Severity::Info | Severity::Debug | Severity::Trace => "info",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use super::*;
    use crate::double::{self, Reply, Request};
    use crate::told::{Book, HOSTILE, life, notice};

    const ROUTING_KEY: &str = "0123456789abcdef0123456789ABCDEF";

    /// The Events API as documented: checks an event, keeps alerts.
    #[derive(Default)]
    struct PagerDuty {
        /// By key, oldest first: open, acknowledged or resolved.
        alerts: Vec<(String, &'static str)>,
        events: Vec<Value>,
        /// Answers to come instead of the ordinary.
        faults: Vec<Reply>,
        lost: u32,
    }

    impl PagerDuty {
        fn answer(&mut self, request: &Request) -> Reply {
            if (request.method.as_str(), request.path.as_str()) != ("POST", "/v2/enqueue") {
                return Reply::Json(501, json!({}));
            }
            if let Some(fault) = self.faults.pop() {
                return fault;
            }
            let errors = faults(&request.body, &request.json());
            if !errors.is_empty() {
                let body = json!({"status": "invalid event", "message": "Event object is invalid", "errors": errors});
                return Reply::Json(400, body);
            }
            let event = request.json();
            let key = event["dedup_key"].as_str().unwrap().to_string();
            self.events.push(event.clone());
            let open = self
                .alerts
                .iter_mut()
                .rev()
                .find(|(k, how)| *k == key && *how != "resolved");
            match (event["event_action"].as_str().unwrap(), open) {
                ("trigger", None) => self.alerts.push((key.clone(), "open")),
                ("acknowledge", Some(alert)) => alert.1 = "acknowledged",
                ("resolve", Some(alert)) => alert.1 = "resolved",
                _ => {}
            }
            if self.lost > 0 {
                self.lost -= 1;
                return Reply::Lost;
            }
            Reply::Json(
                202,
                json!({"status": "success", "message": "Event processed", "dedup_key": key}),
            )
        }
    }

    /// What the documentation does not allow.
    fn faults(bytes: &[u8], event: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        let mut want = |right: bool, what: &str| {
            if !right {
                faults.push(what.to_string());
            }
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let length = |value: &Value| text(value).chars().count();
        want(bytes.len() <= 512 * 1024, "the event is too large");
        want(
            length(&event["routing_key"]) == 32,
            "Length of 'routing_key' is incorrect (should be 32 characters)",
        );
        want(
            (1..=255).contains(&length(&event["dedup_key"])),
            "dedup_key",
        );
        let action = text(&event["event_action"]);
        want(
            ["trigger", "acknowledge", "resolve"].contains(&action.as_str()),
            "event_action",
        );
        if action == "trigger" {
            let payload = &event["payload"];
            want((1..=1024).contains(&length(&payload["summary"])), "summary");
            want(length(&payload["source"]) > 0, "source");
            let severity = text(&payload["severity"]);
            want(
                ["critical", "error", "warning", "info"].contains(&severity.as_str()),
                "severity",
            );
            want(payload["custom_details"].is_object(), "custom_details");
            for link in event["links"].as_array().into_iter().flatten() {
                want(text(&link["href"]).starts_with("http"), "href");
            }
        }
        faults
    }

    fn begin() -> (Arc<Mutex<PagerDuty>>, Events) {
        let double = Arc::new(Mutex::new(PagerDuty::default()));
        let answers = Arc::clone(&double);
        let url = double::serve(move |request| answers.lock().unwrap().answer(request));
        (
            double,
            Events::new("pagerduty.ops", &url, ROUTING_KEY).unwrap(),
        )
    }

    #[test]
    fn an_incident_is_one_alert_from_trigger_to_resolve() {
        let (double, events) = begin();
        let mut book = Book::default();
        for mut notice in life() {
            if notice.kind == "running" {
                notice.by = "ada".to_string();
            }
            book.tell(&events, &notice, true).unwrap();
        }
        let double = double.lock().unwrap();
        assert_eq!(double.alerts, [("inc-1".to_string(), "resolved")]);
        let actions: Vec<&str> = double
            .events
            .iter()
            .filter_map(|e| e["event_action"].as_str())
            .collect();
        let wanted = [
            "trigger",
            "trigger",
            "trigger",
            "acknowledge",
            "resolve",
            "resolve",
        ];
        assert_eq!(actions, wanted);
        insta::assert_snapshot!(serde_json::to_string_pretty(&double.events[1]).unwrap());
    }

    #[test]
    fn what_comes_after_the_end_opens_nothing_anew() {
        let (double, events) = begin();
        let mut book = Book::default();
        let life = life();
        double
            .lock()
            .unwrap()
            .faults
            .push(Reply::Json(500, json!({})));
        assert!(book.tell(&events, &life[0], true).is_err());
        book.tell(&events, &life[1], true).unwrap();
        book.tell(&events, &life[5], true).unwrap();
        book.tell(&events, &life[0], true).unwrap();
        assert_eq!(
            double.lock().unwrap().alerts,
            [("inc-1".to_string(), "resolved")]
        );
    }

    #[test]
    fn a_lost_answer_or_a_power_cut_makes_no_second_alert() {
        let (double, events) = begin();
        let mut book = Book::default();
        double.lock().unwrap().lost = 1;
        assert!(book.tell(&events, &life()[0], true).is_err());
        for _ in 0..3 {
            book.tell(&events, &life()[0], false).unwrap();
        }
        assert_eq!(
            double.lock().unwrap().alerts,
            [("inc-1".to_string(), "open")]
        );
    }

    #[test]
    fn answers_are_understood() {
        let (double, events) = begin();
        let tell = |fault: Reply| {
            double.lock().unwrap().faults.push(fault);
            let mut book = Book::default();
            book.tell(&events, &life()[0], true).unwrap_err()
        };
        let busy = tell(Reply::With(429, "retry-after", "17".to_string(), json!({})));
        assert_eq!(busy.again, Again::After(Span::seconds(17)));
        assert_eq!(tell(Reply::Json(429, json!({}))).again, Again::Usual);
        assert_eq!(tell(Reply::Json(503, json!({}))).again, Again::Usual);
        let bad = tell(Reply::Json(400, json!({"errors": ["no"]})));
        assert_eq!(bad.again, Again::Never);
        assert!(bad.why.contains("routing_key_file"), "{}", bad.why);
        assert!(!bad.why.contains(ROUTING_KEY));
        assert!(Events::new("x", API, "short").is_err());
        assert!(Events::new("x", "ftp://x", ROUTING_KEY).is_err());
    }

    #[test]
    fn a_test_is_an_alert_that_is_over_at_once() {
        let (double, events) = begin();
        Book::default()
            .tell(&events, &notice(1, "test", "a test", &[]), true)
            .unwrap();
        assert_eq!(
            double.lock().unwrap().alerts,
            [("inc-1".to_string(), "resolved")]
        );
    }

    #[test]
    fn hostile_text_is_within_what_is_allowed() {
        for text in HOSTILE {
            let event = event(ROUTING_KEY, &notice(1, "opened", text, HOSTILE), "trigger");
            assert_eq!(
                faults(event.to_string().as_bytes(), &event),
                Vec::<String>::new()
            );
        }
    }

    proptest! {
        #[test]
        fn any_notice_is_a_valid_event(
            texts in proptest::collection::vec("\\PC{0,3000}", 3),
            lines in proptest::collection::vec(any::<String>(), 0..100),
            repeat in 1usize..200,
        ) {
            let mut notice = notice(1, "verdict", &texts[0].repeat(repeat), &[]);
            notice.subject.clone_from(&texts[1]);
            notice.link.clone_from(&texts[2]);
            notice.lines = lines.iter().map(|line| line.repeat(repeat)).collect();
            let event = event(ROUTING_KEY, &notice, "trigger");
            prop_assert_eq!(faults(event.to_string().as_bytes(), &event), Vec::<String>::new());
        }
    }
}
