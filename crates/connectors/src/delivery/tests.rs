use super::labels::{entity, of};
use super::outside::host;
use super::proof;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use model::ports::{Posted, Unheard};
use model::time::Span;
use serde_json::json;

#[test]
fn labels_name_whom_an_alarm_is_about() {
    for (labels, wanted) in [
        (
            json!({"service": "cart", "pod": "cart-7"}),
            Some("service/cart"),
        ),
        (
            json!({"service.name": "cart", "cloud.region": "eu"}),
            Some("service/eu/cart"),
        ),
        (
            json!({"namespace": "shop", "pod": "cart-7"}),
            Some("pod/shop/cart-7"),
        ),
        (
            json!({"namespace": "shop", "deployment": "cart"}),
            Some("workload/shop/cart"),
        ),
        (
            json!({"job": "cart", "instance": "10.0.0.1:9090"}),
            Some("service/cart"),
        ),
        (
            json!({"job": "node-exporter", "instance": "db-1:9100"}),
            Some("host/db-1"),
        ),
        (
            json!({"job": "monitoring/blackbox", "instance": "https://shop.example"}),
            Some("client/shop.example"),
        ),
        (
            json!({"instance": "[2001:db8::1]:9100"}),
            Some("host/[2001:db8::1]"),
        ),
        (json!({"instance": "2001:db8::1"}), Some("host/2001:db8::1")),
        (
            json!({"FunctionName": "checkout"}),
            Some("function/checkout"),
        ),
        (
            json!({"TableName": "orders", "Operation": "Query"}),
            Some("table/orders"),
        ),
        (json!({"QueueName": "orders"}), Some("queue/orders")),
        (
            json!({"midwatch_entity": "database/eu/ledger", "service": "x"}),
            Some("database/eu/ledger"),
        ),
        (json!({"severity": "page"}), None),
        (json!({"service": ""}), None),
        (json!({"service": ["a", "list"]}), None),
    ] {
        let found = entity(&of(Some(&labels)));
        assert_eq!(found.as_ref().map(|e| e.as_str()), wanted, "{labels}");
    }
}

#[test]
fn labels_are_few_and_short() {
    let many: serde_json::Map<_, _> = (0..500)
        .map(|n| (format!("{n:03}"), json!("x".repeat(9_000))))
        .collect();
    let labels = of(Some(&many.into()));
    assert_eq!(labels.len(), 64);
    assert!(labels.values().all(|value| value.len() == 512));
}

fn posted(headers: &[(&str, &str)]) -> Posted {
    Posted {
        headers: headers
            .iter()
            .map(|(n, v)| ((*n).to_string(), (*v).to_string()))
            .collect(),
        body: Vec::new(),
    }
}

#[test]
fn a_secret_may_be_given_in_four_ways() {
    let secret = b"0123456789abcdef";
    let basic = format!("Basic {}", STANDARD.encode("anybody:0123456789abcdef"));
    let good: [&[(&str, &str)]; 4] = [
        &[("authorization", "Bearer 0123456789abcdef")],
        &[("authorization", &basic)],
        &[("x-midwatch-token", "0123456789abcdef")],
        &[("x-gitlab-token", "0123456789abcdef")],
    ];
    for headers in good {
        assert_eq!(
            proof::token(&posted(headers), secret, Some("x-gitlab-token")),
            Ok(()),
            "{headers:?}"
        );
    }
    let bad: [&[(&str, &str)]; 7] = [
        &[],
        &[("authorization", "Bearer 0123456789abcdeF")],
        &[("authorization", "Bearer ")],
        &[("authorization", "Digest 0123456789abcdef")],
        &[("authorization", "Basic !!!")],
        &[("x-midwatch-token", "")],
        &[("x-other-token", "0123456789abcdef")],
    ];
    for headers in bad {
        let said = proof::token(&posted(headers), secret, None);
        assert!(
            matches!(said, Err(Unheard::Forged(_))),
            "{headers:?}: {said:?}"
        );
    }
}

#[test]
fn what_is_signed_for_another_time_is_refused() {
    let (at, window) = (Timestamp::from_seconds(1_000_000), Span::minutes(5));
    for (off, fresh) in [
        (0, true),
        (300, true),
        (-300, true),
        (301, false),
        (-301, false),
        (i64::MAX / 2, false),
    ] {
        let now = Timestamp(at.0.saturating_add(Span::seconds(off).0));
        assert_eq!(proof::fresh(at, now, window).is_ok(), fresh, "{off}");
    }
    for text in ["", "x", "1e9", "99999999999999999999"] {
        assert!(proof::seconds(text).is_err(), "{text}");
    }
}

#[test]
fn hexadecimal_is_read_or_refused() {
    assert_eq!(proof::hex("00ffA0"), Some(vec![0, 255, 160]));
    for bad in ["0", "0g", "é0", "+1"] {
        assert_eq!(proof::hex(bad), None, "{bad}");
    }
}

#[test]
fn only_plain_https_addresses_have_a_host() {
    assert_eq!(
        host("https://hooks.slack.com/x?y#z"),
        Some("hooks.slack.com")
    );
    for bad in [
        "http://hooks.slack.com/",
        "https://hooks.slack.com:8443/",
        "https://hooks.slack.com@evil.example/",
        "https://evil.example\\@hooks.slack.com/",
        "https:///x",
        "https://HOOKS.slack.com/",
        "https://hooks.slack.com/\r\nx: y",
        "//hooks.slack.com",
    ] {
        assert_ne!(host(bad), Some("hooks.slack.com"), "{bad}");
    }
}

#[test]
fn a_body_is_shown_without_what_opens_something() {
    let body = r#"{"Type": "SubscriptionConfirmation", "Token" : "2336\"41", "SubscribeURL":"https://sns/?Action=Confirm",
 "response_url": "https://hooks.slack.com/actions/T1/2/x", "Message": "token of love", "password": "",
 "alerts": [{"labels": {"alertname": "errors", "api_key": "k-123"}}]}"#;
    let shown = super::without_secrets(body);
    for secret in ["2336", "Action=Confirm", "hooks.slack.com", "k-123"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    for kept in [
        "SubscriptionConfirmation",
        "token of love",
        "alertname",
        "errors",
    ] {
        assert!(shown.contains(kept), "{kept} is not in {shown}");
    }
    // A key that never ends hides nothing else, and breaks nothing.
    let odd = "\"token\": \"abc";
    assert_eq!(super::without_secrets(odd), odd);
}
