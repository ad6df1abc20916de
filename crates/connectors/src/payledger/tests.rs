use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use model::action::{Action, Outcome, StepKey};
use model::ports::Actuator as _;
use model::time::{TimeWindow, Timestamp};
use model::{ChangeKind, EntityId};
use serde_json::{Value, json};

use super::{Eyes, Hands, read};

fn record(id: &str, at: &str, name: &str, entity: &str, before: Value, after: Value) -> Value {
    json!({
        "eventID": id, "eventTime": at, "eventName": name, "readOnly": false,
        "userIdentity": {"userName": "operator"},
        "requestParameters": after,
        "resources": [{"entity": entity}],
        "additionalEventData": {"before": before, "after": after, "revertible": !before.is_null()},
    })
}

fn trail() -> Value {
    let function = "function/ap-southeast-1/getBalance";
    json!({"Records": [
        record("e1", "2026-06-18T15:00:00Z", "UpdateFunctionConfiguration", function,
            json!({"functionName": "getBalance", "role": "arn:aws:iam::1:role/reader"}),
            json!({"functionName": "getBalance", "role": "arn:aws:iam::1:role/health"})),
        record("e2", "2026-06-18T15:00:01Z", "PutFunctionConcurrency", function,
            json!({"functionName": "getBalance", "reservedConcurrentExecutions": 20}),
            json!({"functionName": "getBalance", "reservedConcurrentExecutions": 0})),
        record("e3", "2026-06-18T15:00:02Z", "UpdateFunctionConfiguration", function,
            json!({"functionName": "getBalance", "environment": {"variables": {"A": "1", "LEDGER_TABLE": "ledger"}}}),
            json!({"functionName": "getBalance", "environment": {"variables": {"A": "1"}}})),
        record("e4", "2026-06-18T15:05:00Z", "UpdateFunctionConfiguration", function,
            json!({"functionName": "getBalance", "role": "arn:aws:iam::1:role/health"}),
            json!({"functionName": "getBalance", "role": "arn:aws:iam::1:role/reader"})),
        record("", "yesterday", "Odd", "", Value::Null, Value::Null),
    ]})
}

#[test]
fn audit_records_become_changes() {
    let changes = read::changes(&trail(), &mut |_, _| None);
    let told: Vec<String> = changes
        .iter()
        .map(|c| {
            format!(
                "{} {} {} {:?} undone {}",
                c.id,
                c.kind.word(),
                c.entities[0],
                c.diff.as_deref().unwrap_or(""),
                c.undone.map_or("never".to_string(), |at| at.clock())
            )
        })
        .collect();
    let on = "function/ap-southeast-1/getBalance";
    assert_eq!(
        told,
        [
            format!(
                "e1 permission change {on} \"@@ ap-southeast-1/getBalance\\n-role: arn:aws:iam::1:role/reader\\n+role: arn:aws:iam::1:role/health\\n\" undone 15:05:00"
            ),
            format!(
                "e2 configuration change {on} \"@@ ap-southeast-1/getBalance\\n-reservedConcurrentExecutions: 20\\n+reservedConcurrentExecutions: 0\\n\" undone never"
            ),
            format!(
                "e3 configuration change {on} \"@@ ap-southeast-1/getBalance\\n-environment.variables.LEDGER_TABLE: ledger\\n\" undone never"
            ),
            format!(
                "e4 permission change {on} \"@@ ap-southeast-1/getBalance\\n-role: arn:aws:iam::1:role/health\\n+role: arn:aws:iam::1:role/reader\\n\" undone never"
            ),
        ]
    );
    assert_eq!(changes[0].kind, ChangeKind::Permission);
}

#[test]
fn names_are_those_of_telemetry() {
    let named = |theirs| read::entity(theirs).to_string();
    assert_eq!(
        named("front/ap-southeast-1/api"),
        "service/ap-southeast-1/api"
    );
    assert_eq!(
        named("function/ap-southeast-1/health"),
        "function/ap-southeast-1/health"
    );
    assert_eq!(named("router/router"), "service/router");
    assert_eq!(named("role/ledger-reader"), "role/ledger-reader");
    assert_eq!(named("odd"), "odd");
}

#[test]
fn values_of_variables_are_not_taken_along() {
    let now = Timestamp(0);
    let answer = json!({"functions": [{"entity": "function/r/f", "environment": {"TOKEN": "s3cret"},
        "reservedConcurrentExecutions": 0, "build": {"diff": "x"}}, {"odd": 1}]});
    let told = read::functions(&answer, now);
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].document,
        json!({"entity": "function/r/f", "environment": {"TOKEN": "set"}, "ReservedConcurrentExecutions": 0})
    );
}

/// A control plane that answers by path, `times` requests long; hands out the requests' first lines and keys.
fn control(
    times: usize,
    answer: fn(&str) -> (u16, Value),
) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for _ in 0..times {
            let (mut stream, _) = listener.accept().unwrap();
            let mut text = Vec::new();
            let mut buffer = [0; 4096];
            while !text.windows(4).any(|w| w == b"\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                text.extend_from_slice(&buffer[..read]);
                if read == 0 {
                    break;
                }
            }
            let text = String::from_utf8_lossy(&text).to_string();
            let first = text.lines().next().unwrap_or_default().to_string();
            let key = text
                .lines()
                .find_map(|l| l.strip_prefix("idempotency-key: "))
                .unwrap_or("-");
            seen.push(format!("{first} {key}"));
            let (status, body) = answer(first.split(' ').nth(1).unwrap_or_default());
            let body = body.to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
        seen
    });
    (url, served)
}

#[test]
fn a_change_is_previewed_performed_and_looked_up() {
    let (url, served) = control(4, |path| match path {
        "/audit?limit=2000" => (200, trail()),
        "/revert/e2" => (200, json!({"eventID": "e9"})),
        "/operations/k1" => (200, json!({"state": "done"})),
        _ => (404, json!({"message": "no"})),
    });
    let hands = Hands::new(&url).unwrap();
    let entity = EntityId::new("function/ap-southeast-1/getBalance");
    let revert = Action::RevertChange {
        entity: entity.clone(),
        change: "e2".into(),
    };
    let preview = hands.preview(&revert).unwrap();
    assert_eq!(preview.before, "reservedConcurrentExecutions = 0");
    assert_eq!(preview.after, "reservedConcurrentExecutions = 20");
    let back = Action::SetLimit {
        entity,
        limit: "concurrency".into(),
        value: Some(0),
    };
    assert_eq!(preview.undo, Some(back));
    let done = hands.perform(&StepKey("k1".into()), &revert);
    assert_eq!(
        done,
        Outcome::Done {
            detail: "audit record e9".into()
        }
    );
    assert!(hands.was_done(&StepKey("k1".into()), &revert).is_done());
    assert!(matches!(
        hands.was_done(&StepKey("k2".into()), &revert),
        Outcome::Failed { .. }
    ));
    let seen = served.join().unwrap();
    assert_eq!(seen[1], "POST /revert/e2 HTTP/1.1 k1");
    // Nobody listens any more: nothing can have been done.
    assert!(matches!(
        hands.perform(&StepKey("k3".into()), &revert),
        Outcome::Failed { .. }
    ));
}

#[test]
fn a_path_cannot_lead_elsewhere() {
    let hands = Hands::new("http://127.0.0.1:9").unwrap();
    let odd = Action::RevertChange {
        entity: EntityId::new("x"),
        change: "../functions/r/f/restart".into(),
    };
    let error = hands.preview(&odd).unwrap_err().to_string();
    assert!(error.contains("no such action"), "{error}");
}

#[test]
fn a_dead_control_plane_is_gaps() {
    let eyes = Eyes::new("http://127.0.0.1:9", None).unwrap();
    let window = TimeWindow::new(Timestamp(0), Timestamp(1)).unwrap();
    let looked = eyes.look(window, Timestamp(1));
    assert_eq!(looked.gaps.len(), 5);
    assert!(looked.gaps.iter().all(|gap| !gap.how_to_close.is_empty()));
}

#[test]
fn what_is_refused_or_cut_off_is_a_gap_with_a_remedy() {
    let (url, served) = control(5, |path| match path {
        "/topology" => (429, json!({"message": "too often"})),
        path if path.starts_with("/audit?") => {
            let one = record(
                "e",
                "1970-01-01T00:00:00Z",
                "Odd",
                "function/r/f",
                Value::Null,
                Value::Null,
            );
            (200, json!({"Records": vec![one; super::MOST]}))
        }
        _ => (200, json!({})),
    });
    let eyes = Eyes::new(&url, None).unwrap();
    let window = TimeWindow::new(Timestamp(0), Timestamp(1)).unwrap();
    let looked = eyes.look(window, Timestamp(1));
    served.join().unwrap();
    let told: Vec<String> = looked
        .gaps
        .iter()
        .map(|gap| format!("{}: {:?}; {}", gap.wanted, gap.why, gap.how_to_close))
        .collect();
    assert_eq!(
        told,
        [
            format!("topology: RateLimit; let {url} be asked more often, or by fewer"),
            "changes before the newest: Budget; look sooner after an alarm, or back over a shorter time"
                .to_string(),
        ]
    );
    assert_eq!(looked.changes.len(), super::MOST);
}
