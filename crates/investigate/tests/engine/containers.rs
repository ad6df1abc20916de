//! Services of ECS as the eyes on AWS tell of them (`connectors/src/aws/eyes`: events, documents and changes in just
//! these words): what is known of containers in clusters is known of these.

use model::report::Status;
use model::{ChangeKind, EdgeKind, EntityKind};
use serde_json::{Value, json};

use crate::cases::{Story, from, leaders, report_on};

/// A gateway in front of a service of ECS, which keeps its carts in a table.
fn shop(id: &str, title: &str) -> Story {
    Story::new(id, title)
        .with(EntityKind::Gateway, &["front"])
        .with(EntityKind::Service, &["web", "search"])
        .with(EntityKind::Table, &["carts"])
        .with(EntityKind::Scope, &["shop"])
        .calls("front", &["web", "search"])
        .calls("web", &["carts"])
        .leans("web", "shop", EdgeKind::PartOf)
        .leans("search", "shop", EdgeKind::PartOf)
        .serves_well("search", 15.0)
        .looks(
            "search",
            "ecs.workload",
            workload(
                "search:7",
                2,
                2,
                "True",
                "COMPLETED",
                "ECS deployment completed.",
            ),
        )
}

fn workload(
    definition: &str,
    desired: i32,
    running: i32,
    progress: &str,
    state: &str,
    said: &str,
) -> Value {
    json!({
        "serviceStatus": "ACTIVE", "taskDefinition": definition, "desiredCount": desired, "runningCount": running,
        "conditions": [{ "type": "Progressing", "status": progress, "reason": state, "message": said }],
    })
}

fn rollout(limit: &str, image: &str) -> String {
    format!(
        "--- a/ecs/web.yaml\n+++ b/ecs/web.yaml\n@@ -1,9 +1,9 @@\n spec:\n   containers:\n   - name: app\n-    image: shop/web:v41\n\
         +    image: {image}\n     resources:\n       limits:\n-        memory: \"512Mi\"\n+        memory: \"{limit}\"\n"
    )
}

/// The mechanism, entity and change of the first cause.
fn cause(story: Story) -> (String, String, Option<String>) {
    let case = story.told();
    let report = report_on(&case);
    let as_it_is = leaders(&case);
    assert_eq!(report.header.status, Status::CauseFound, "{as_it_is}");
    let cause = &report.causes[0];
    (
        cause.mechanism.0.to_string(),
        cause.entity.to_string(),
        cause.change.as_ref().map(|change| change.to_string()),
    )
}

/// Tasks of `web` are killed again and again from minute 145 on.
fn killed(story: Story, definition: &str) -> Story {
    let said = format!(
        "a task of {definition} stopped: Essential container in task exited: container app exited with code 137 \
         (OutOfMemoryError: Container killed due to memory usage)"
    );
    let story = story
        .serves("front", |_| 30.0, from(145, 0.2, 35.0))
        .serves("web", |_| 22.0, from(145, 0.1, 40.0))
        .alarm("front", "error_rate_percent", 150, 5.0, 35.0);
    let at = [145, 150, 156, 163, 171].into_iter();
    at.fold(story, |story, at| {
        story.notice("ecs", "web", at, "OOMKilled", &said)
    })
}

#[test]
fn tasks_that_are_killed_for_want_of_memory_are_the_cause() {
    let progress = "ECS deployment completed.";
    let document = workload("web:41", 2, 1, "True", "COMPLETED", progress);
    let full = |at: i64| if at < 140 { 60.0 } else { 99.5 };
    let story = killed(shop("ecs-memory", "the shop fails"), "web:41")
        .reads("web", "MemoryUtilization", "%", full)
        .looks("web", "ecs.workload", document);
    let (mechanism, entity, change) = cause(story);
    assert_eq!(mechanism, "resource.memory-exhausted");
    assert_eq!((entity.as_str(), change), ("web", None));
}

#[test]
fn a_rollout_that_leaves_too_little_memory_did_it() {
    let failing = "5 of its tasks failed to start or to stay.";
    let document = workload("web:42", 2, 1, "False", "IN_PROGRESS", failing);
    let diff = rollout("64Mi", "shop/web:v42");
    let title = "web: web:42 in place of web:41";
    let story = killed(shop("ecs-rollout", "the shop fails"), "web:42")
        .change(ChangeKind::Deploy, "ecs:web:2", "web", 143, title, &diff)
        .looks("web", "ecs.workload", document);
    let (_, entity, change) = cause(story);
    assert_eq!(
        (entity.as_str(), change.as_deref()),
        ("web", Some("ecs:web:2"))
    );
}

#[test]
fn a_rollout_onto_an_image_that_is_not_there_is_told_from_one_that_is_stuck() {
    let pull = "a task of web:42 stopped: CannotPullContainerError: pull image manifest has been retried 5 time(s): \
                failed to resolve ref docker.io/shop/web:v24: not found";
    let stuck = "(service web) is unable to consistently start tasks successfully.";
    let failed = "ECS deployment circuit breaker: tasks failed to start.";
    let document = workload("web:42", 4, 2, "False", "FAILED", failed);
    let diff = rollout("512Mi", "shop/web:v24");
    let title = "web: web:42 in place of web:41, image shop/web:v24";
    let mut story = shop("ecs-image", "the shop is slow")
        .serves("front", from(147, 30.0, 900.0), |_| 0.2)
        .serves("web", from(147, 22.0, 850.0), |_| 0.1)
        .change(ChangeKind::Deploy, "ecs:web:2", "web", 143, title, &diff)
        .looks("web", "ecs.workload", document)
        .alarm("front", "request_latency_ms", 151, 300.0, 900.0);
    for at in [144, 146, 152, 158] {
        story = story
            .notice("ecs", "web", at, "TaskFailedToStart", pull)
            .notice("ecs", "web", at, "ServiceEvent", stuck);
    }
    let (mechanism, entity, _) = cause(story);
    assert_eq!(
        (mechanism.as_str(), entity.as_str()),
        ("kubernetes.image-missing", "web")
    );
}

/// As the audit trail tells of it: what was set, and not what was before.
#[test]
fn a_service_of_which_no_copy_is_to_run_is_the_cause() {
    let said = "ECS deployment completed.";
    let all = |at: i64| if at < 144 { 50.0 } else { 0.0 };
    let story = shop("ecs-nobody", "the shop answers 503")
        .reads("front", "RequestCount", "Count", |_| 90.0)
        .reads(
            "front",
            "HTTPCode_ELB_5XX_Count",
            "Count",
            from(144, 0.0, 50.0),
        )
        .reads("web", "CPUUtilization", "%", |_| 20.0)
        .reads("web", "RunningTaskCount", "Count", from(144, 2.0, 0.0))
        .reads("carts", "ConsumedReadCapacityUnits", "Count", all)
        .change(
            ChangeKind::Deploy,
            "scaled-1",
            "web",
            143,
            "UpdateService",
            "+cluster: shop\n+desiredCount: 0\n+service: web\n",
        )
        .looks(
            "web",
            "ecs.workload",
            workload("web:41", 0, 0, "True", "COMPLETED", said),
        )
        .alarm("front", "HTTPCode_ELB_5XX_Count", 147, 5.0, 50.0);
    let (mechanism, entity, change) = cause(story);
    assert_eq!(
        (mechanism.as_str(), entity.as_str(), change.as_deref()),
        ("resource.scaled-to-zero", "web", Some("scaled-1"))
    );
}
