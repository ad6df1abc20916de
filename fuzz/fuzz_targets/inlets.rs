//! What vendors post: each decoder, by the first byte; proofs are asked for too.
#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::delivery::outside::Outside;
use connectors::{
    alertmanager, cloudevents, cloudwatch, datadog, github, gitlab, grafana, pagerduty, slack,
};
use libfuzzer_sys::fuzz_target;
use model::Timestamp;
use model::ports::{AlarmDecoder, Posted};

/// Nobody is asked.
struct Nowhere;

impl Outside for Nowhere {
    fn get(&self, _: &str) -> Result<Vec<u8>, String> {
        Err(String::new())
    }
    fn post(&self, _: &str, _: &str) -> Result<(), String> {
        Err(String::new())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else {
        return;
    };
    let secret = b"0123456789abcdef";
    let header = |name: &str, value: &str| (name.to_string(), value.to_string());
    let (decoder, headers): (Box<dyn AlarmDecoder>, Vec<(String, String)>) = match first % 13 {
        0 => (Box::new(alertmanager::Alertmanager::new(secret)), vec![]),
        1 => (Box::new(grafana::Grafana::new(secret)), vec![]),
        2 => (Box::new(cloudwatch::EventBridge::new(secret)), vec![]),
        3 => {
            let topics = ["arn:aws:sns:eu-west-1:123456789012:alarms".to_string()];
            (Box::new(cloudwatch::Sns::new(&topics, Arc::new(Nowhere))), vec![])
        }
        4 => (Box::new(pagerduty::webhooks::PagerDuty::new(secret)), vec![]),
        5 => (Box::new(datadog::Datadog::new(secret)), vec![]),
        6 => (Box::new(cloudevents::CloudEvents::new(secret)), vec![]),
        7 => (
            Box::new(cloudevents::CloudEvents::new(secret)),
            vec![header("content-type", "application/cloudevents-batch+json")],
        ),
        event @ 8..=10 => {
            let event = ["deployment_status", "push", "workflow_run"][usize::from(event - 8)];
            let inlet = github::deliveries::GitHub::new(secret, BTreeMap::new());
            (Box::new(inlet), vec![header("x-github-event", event)])
        }
        11 => (Box::new(gitlab::GitLab::new(secret, BTreeMap::new())), vec![]),
        _ => (Box::new(slack::interactions::Slack::new(secret, BTreeMap::new())), vec![]),
    };
    let now = Timestamp::from_seconds(1_781_795_400);
    let posted = Posted { headers, body: body.to_vec() };
    let _ = decoder.admit(&posted, now);
    if let Ok(heard) = decoder.read(&posted, now) {
        for alarm in &heard.alarms {
            assert!(!alarm.rule.is_empty() && alarm.summary.chars().count() <= 4_000);
        }
        for change in &heard.changes {
            assert!(change.start <= change.end);
        }
    }
});
