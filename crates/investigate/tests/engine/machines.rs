//! Machines, and who takes what from whom there; and groups of machines as the eyes on AWS tell of them
//! (`connectors/src/aws/eyes/fleets.rs`: events and documents in just these words).

use model::case::OwnedSpan;
use model::report::{Report, Status};
use model::telemetry::SpanKind;
use model::time::{SECOND, Span};
use model::{EdgeKind, EntityKind};
use serde_json::{Value, json};

use crate::cases::{END, Story, from, leaders, minute, report_on};

fn group(desired: i32, running: i32) -> Value {
    json!({
        "AutoScalingGroupName": "web", "MinSize": 2, "MaxSize": 8, "desiredCount": desired, "runningCount": running,
        "HealthCheckType": "ELB", "AvailabilityZones": ["eu-west-1a", "eu-west-1b"], "message": "",
    })
}

/// A group that lost a machine, carries as much as ever, and gets no other one for this reason.
fn short_of_one(id: &str, why: &str) -> Story {
    let failed = format!("Launching a new EC2 instance failed: {why}");
    let mut story = Story::new(id, "the shop is slow")
        .with(EntityKind::Gateway, &["front"])
        .with(EntityKind::Workload, &["web"])
        .with(EntityKind::Service, &["search"])
        .with(EntityKind::Table, &["carts"])
        .calls("front", &["web", "search"])
        .calls("web", &["carts"])
        .serves_well("search", 15.0)
        .reads("front", "request_latency_ms", "ms", from(146, 30.0, 700.0))
        .reads("web", "request_latency_ms", "ms", from(146, 22.0, 640.0))
        .reads("web", "requests_per_second", "1/s", |_| 100.0)
        .reads("web", "CPUUtilization", "%", from(144, 52.0, 99.0))
        .looks("web", "autoscaling.group", group(3, 2))
        .alarm("front", "request_latency_ms", 150, 300.0, 700.0);
    for at in [144, 147, 151, 158, 166] {
        story = story.notice("autoscaling", "web", at, "ScalingActivityFailed", &failed);
    }
    story
}

#[test]
fn a_provider_without_machines_is_the_cause_not_the_processor_of_those_that_are_left() {
    for (id, why) in [
        (
            "asg-none-left",
            "We currently do not have sufficient m5.large capacity in the Availability Zone you requested (eu-west-1b). \
             Our system will be working on provisioning additional capacity.",
        ),
        (
            "asg-no-spot",
            "Could not launch Spot Instances. InsufficientInstanceCapacity - There is no Spot capacity available that \
             matches your request. Launching EC2 instance failed.",
        ),
    ] {
        let case = short_of_one(id, why).told();
        let report = report_on(&case);
        let as_it_is = leaders(&case);
        assert_eq!(report.header.status, Status::CauseFound, "{as_it_is}");
        let cause = &report.causes[0];
        assert_eq!(
            (
                cause.mechanism.0.as_ref(),
                cause.entity.to_string().as_str()
            ),
            ("platform.capacity-unavailable", "web"),
            "{as_it_is}"
        );
    }
}

#[test]
fn a_limit_of_the_account_is_told_from_a_provider_without_machines() {
    let why = "You have requested more vCPU capacity than your current vCPU limit of 32 allows (VcpuLimitExceeded).";
    let case = short_of_one("asg-limit", why).told();
    let report = report_on(&case);
    let as_it_is = leaders(&case);
    assert_eq!(report.header.status, Status::CauseFound, "{as_it_is}");
    let cause = &report.causes[0];
    assert_eq!(
        cause.mechanism.0.as_ref() as &str,
        "resource.quota-exceeded",
        "{as_it_is}"
    );
}

/// The storefront asks for prices, and the answer takes long on the way since a batch began on the storefront's machine.
fn on_the_way(prices_beside: bool) -> Report {
    let mut story = Story::new("on-the-way", "pages are slow")
        .with(EntityKind::Service, &["storefront", "prices", "thumbnails"])
        .with(EntityKind::Host, &["node-7", "node-8"])
        .calls("storefront", &["prices"])
        .leans("storefront", "node-7", EdgeKind::RunsOn)
        .leans("thumbnails", "node-7", EdgeKind::RunsOn)
        .chatters("storefront")
        .chatters("prices")
        .serves("storefront", from(140, 90.0, 1400.0), |_| 0.1)
        .serves_well("prices", 8.0)
        .reads(
            "thumbnails",
            "container_cpu_usage_percent",
            "%",
            from(139, 0.0, 92.0),
        )
        .alarm("storefront", "request_latency_ms", 143, 800.0, 1400.0);
    let machine = if prices_beside { "node-7" } else { "node-8" };
    story = story.leans("prices", machine, EdgeKind::RunsOn);
    let mut case = story.told();
    for nth in 0..4 * END {
        let at = nth / 4;
        let begin = minute(at).plus(Span((nth % 4 * 15 + 1) * SECOND));
        let ms = |ms: i64| begin.plus(Span(ms * SECOND / 1_000));
        let wait = if at >= 140 { 600 } else { 1 } + nth % 3;
        let mut span = |depth: i64, who: &str, kind: SpanKind, (start, end): (i64, i64)| {
            let id = |depth: i64| format!("{nth:08x}{depth:08x}");
            let spans = case.spans.get_or_insert_default();
            spans.push(OwnedSpan {
                trace_id: format!("{nth:032x}").as_str().into(),
                span_id: id(depth).as_str().into(),
                parent_id: if depth > 0 {
                    id(depth - 1)
                } else {
                    String::new()
                }
                .as_str()
                .into(),
                entity: who.into(),
                name: format!("asked of {who}").into(),
                kind,
                start: ms(start),
                end: ms(end),
                error: false,
                message: "".into(),
                peer: "".into(),
                attributes: Vec::new(),
                file: "spans.jsonl".into(),
                line: (nth * 3 + depth) as u64,
            });
        };
        span(0, "storefront", SpanKind::Server, (0, 40 + 2 * wait));
        span(1, "storefront", SpanKind::Client, (10, 20 + 2 * wait));
        span(2, "prices", SpanKind::Server, (10 + wait, 18 + wait));
    }
    report_on(&case)
}

#[test]
fn between_two_that_wait_for_one_processor_lies_no_wire() {
    let named = |report: &Report| -> Vec<String> {
        let causes = report.causes.iter();
        causes
            .map(|cause| format!("{} {}", cause.entity, cause.mechanism.0))
            .collect()
    };
    let beside = on_the_way(true);
    assert_eq!(named(&beside), ["thumbnails resource.noisy-neighbour"]);
    let apart = named(&on_the_way(false));
    assert!(
        apart.contains(&"prices network.delay".to_string()),
        "{apart:?}"
    );
}
