//! Groups of machines as the eyes on AWS tell of them (`connectors/src/aws/eyes/fleets.rs`: events and documents in
//! just these words).

use model::EntityKind;
use model::report::Status;
use serde_json::{Value, json};

use crate::cases::{Story, from, leaders, report_on};

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
