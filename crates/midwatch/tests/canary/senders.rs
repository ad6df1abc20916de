//! Who posts to the program: senders of alarms with their proofs, strangers, and people who sign in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use super::birds::{Output, echo};
use super::program::{Got, until};
use super::stand::{INLETS, Stand, last};
use super::telemetry;

fn mac(secret: &str, text: &str) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// How that inlet's sender proves who it is.
fn proof(inlet: &str, secret: &str, body: &str) -> String {
    let hex = |bytes: Vec<u8>| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = since.unwrap().as_secs();
    match inlet {
        "pagerduty" => format!("x-pagerduty-signature: v1={}", hex(mac(secret, body))),
        "github" => format!(
            "x-github-event: push\r\nx-hub-signature-256: sha256={}",
            hex(mac(secret, body))
        ),
        "gitlab" => format!("x-gitlab-event: Push Hook\r\nx-gitlab-token: {secret}"),
        "cloudevents" => {
            let seal = STANDARD.encode(mac(secret, &format!("m-1.{now}.{body}")));
            format!("webhook-id: m-1\r\nwebhook-timestamp: {now}\r\nwebhook-signature: v1,{seal}")
        }
        "slack" => format!(
            "x-slack-request-timestamp: {now}\r\nx-slack-signature: v0={}",
            hex(mac(secret, &format!("v0:{now}:{body}")))
        ),
        "datadog" => format!("x-midwatch-token: {secret}"),
        "grafana" => format!(
            "authorization: Basic {}",
            STANDARD.encode(format!("anybody:{secret}"))
        ),
        _ => format!("authorization: Bearer {secret}"),
    }
}

/// Posts to an inlet; whoever does puts the secret into what it posts, too.
fn post(stand: &Stand, inlet: &str, body: &str) -> Output {
    let secret = stand.birds.hatch(&format!("inlet-{inlet}"));
    let kind = match inlet {
        "cloudevents" => "application/cloudevents+json",
        "slack" => "application/x-www-form-urlencoded",
        _ => "application/json",
    };
    let headers = format!(
        "content-type: {kind}\r\nuser-agent: {secret}\r\n{}\r\n",
        proof(inlet, &secret, body)
    );
    let got = stand.ask(
        &format!("POST /v1/spaces/main/inlets/{inlet}"),
        &headers,
        body,
    );
    assert!([200, 422].contains(&got.status), "{inlet}: {got:?}");
    Output::new(
        format!("what {inlet} was answered"),
        format!("{}\n{}", got.head, got.text),
    )
}

/// An alarm, which opens an incident that is looked into; its name.
pub fn attended(stand: &Stand, when: &str) -> String {
    let said = echo(
        "inlet-alertmanager",
        &stand.birds.hatch("inlet-alertmanager"),
    );
    let alert = json!({
        "status": "firing",
        "labels": {"alertname": format!("Errors{when}"), "service": telemetry::SERVICE, "severity": "critical", "said": said},
        "annotations": {"summary": format!("errors, {said}"), "description": said},
        "startsAt": model::time::Timestamp::from_seconds(i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap() - 60).to_string(),
        "endsAt": "0001-01-01T00:00:00Z", "fingerprint": when,
    });
    let body =
        json!({"version": "4", "status": "firing", "receiver": "midwatch", "alerts": [alert]});
    post(stand, "alertmanager", &body.to_string());
    until("a report", || {
        let listed = stand.get("/v1/spaces/main/incidents?all=true").json();
        let of = |one: &&Value| one["alarms"].to_string().contains(&format!("Errors{when}"));
        let found = listed["items"].as_array()?.iter().find(of)?;
        let id = found["id"].as_str()?.to_string();
        let report = stand.get(&format!("/v1/spaces/main/incidents/{id}/report"));
        (report.status == 200).then_some(id)
    })
}

/// Posts to every inlet, with what proves who one is, and with what does not.
pub fn posts(stand: &Stand, when: &str) -> Vec<Output> {
    let mut all = Vec::new();
    for inlet in INLETS {
        let secret = stand.birds.hatch(&format!("inlet-{inlet}"));
        let said = json!({"when": when, "said": echo(inlet, &secret)}).to_string();
        all.push(post(stand, inlet, &said));
        // What proves somebody else, where it proves nobody.
        let other = stand.birds.hatch(&format!("wrong-{inlet}"));
        let headers = format!(
            "content-type: application/json\r\n{}\r\n",
            proof(inlet, &other, "x")
        );
        let got = stand.ask(
            &format!("POST /v1/spaces/main/inlets/{inlet}"),
            &headers,
            &said,
        );
        assert_eq!(got.status, 401, "{inlet}: {got:?}");
        all.push(Output::new(
            format!("what a stranger was answered by {inlet}"),
            got.text,
        ));
    }
    all
}

/// People sign in, here and by the provider, with what is right and with what is not.
pub fn sign_in(stand: &Stand, when: &str) -> Vec<Output> {
    let mut all = Vec::new();
    let mut tried = |name: &str, got: &Got, with: &str| {
        // A session is told to whom it is of, and to nobody else.
        let text = format!("{}\n{}", got.head, got.text);
        all.push(Output::new(
            format!("{name}, {when}"),
            if with.is_empty() {
                text
            } else {
                text.replace(with, "")
            },
        ));
    };
    let wrong = stand.post(
        "/v1/session",
        &json!({"name": "anna", "password": stand.birds.hatch("wrong-password")}),
    );
    tried("a sign-in that failed", &wrong, "");
    let right = stand.post(
        "/v1/session",
        &json!({"name": "anna", "password": stand.birds.hatch("password")}),
    );
    assert_eq!(right.status, 200, "{right:?}");
    let cookie = right.cookie();
    let session = cookie.split_once('=').unwrap().1.to_string();
    stand
        .birds
        .named(&format!("session-{when}"), last(&session));
    tried("a sign-in", &right, &session);
    let begun = stand.post("/v1/session/oidc/begin", &json!({})).json();
    let (address, browser) = (
        begun["address"].as_str().unwrap(),
        begun["browser"].as_str().unwrap(),
    );
    let state = address
        .split('&')
        .find_map(|pair| pair.strip_prefix("state="))
        .unwrap();
    let back = stand.post(
        "/v1/session/oidc",
        &json!({"code": "c0de-of-a-sign-in", "state": state, "browser": browser}),
    );
    tried("a sign-in by the provider", &back, "");
    all
}
