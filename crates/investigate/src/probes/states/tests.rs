//! Documents of several shapes, and what is read from them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn judged(kind: &str, document: Value) -> (Health, Vec<String>) {
    let time = "2026-02-03T12:00:00Z".parse().expect("a moment");
    let verdict = verdict(kind, &document, time);
    (
        verdict.health,
        verdict.sayings.into_iter().map(|s| s.text).collect(),
    )
}

#[test]
fn health_is_told_from_many_shapes() {
    let table = [
        (
            "kubernetes.deployment",
            json!({"desired": 3, "ready": 3}),
            Health::Healthy,
        ),
        (
            "kubernetes.deployment",
            json!({"desired": 3, "ready": 1}),
            Health::Unhealthy,
        ),
        (
            "kubernetes.deployment",
            json!({"spec": {"replicas": 2}, "status": {}}),
            Health::Unhealthy,
        ),
        (
            "kubernetes.daemonset",
            json!({"status": {"desiredNumberScheduled": 4, "numberReady": 4}}),
            Health::Healthy,
        ),
        (
            "kubernetes.node",
            json!({"ready": "True", "disk_pressure": "False"}),
            Health::Healthy,
        ),
        (
            "kubernetes.node",
            json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}),
            Health::Unhealthy,
        ),
        (
            "kubernetes.job",
            json!({"status": {"succeeded": 1, "failed": 2, "conditions": [{"type": "Complete", "status": "True"}]}}),
            Health::Healthy,
        ),
        (
            "kubernetes.persistentvolumeclaim",
            json!({"status": {"phase": "Pending"}}),
            Health::Unhealthy,
        ),
        (
            "monitor",
            json!({"name": "errors", "overall_state": "OK"}),
            Health::Healthy,
        ),
        (
            "monitor",
            json!({"name": "errors", "overall_state": "Alert"}),
            Health::Unhealthy,
        ),
        (
            "alarm",
            json!({"AlarmName": "cpu", "StateValue": "INSUFFICIENT_DATA"}),
            Health::Unknown,
        ),
        (
            "database.instance",
            json!({"DBInstanceStatus": "available"}),
            Health::Healthy,
        ),
        (
            "database.instance",
            json!({"DBInstanceStatus": "storage-full"}),
            Health::Unhealthy,
        ),
        (
            "database.instance",
            json!({"DBInstanceStatus": "rebooting"}),
            Health::Pending,
        ),
        (
            "function.concurrency",
            json!({"ReservedConcurrentExecutions": 0}),
            Health::Unhealthy,
        ),
        (
            "function.configuration",
            json!({"state": "Active", "ReservedConcurrentExecutions": 0}),
            Health::Unhealthy,
        ),
        (
            "function.configuration",
            json!({"state": "Active", "Concurrency": {"ReservedConcurrentExecutions": 12}}),
            Health::Unknown,
        ),
        (
            "certificate",
            json!({"notAfter": "1969-12-31T00:00:00Z"}),
            Health::Unhealthy,
        ),
        (
            "certificate",
            json!({"notAfter": "2100-01-01T00:00:00Z"}),
            Health::Healthy,
        ),
        ("anything", json!({"colour": "blue"}), Health::Unknown),
    ];
    for (kind, document, expected) in table {
        assert_eq!(
            judged(kind, document.clone()).0,
            expected,
            "{kind} {document}"
        );
    }
}

#[test]
fn a_restarted_container_is_proven_after_ten_minutes() {
    let pod = |since: &str| {
        json!({"phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containers": [{"name": "a", "ready": true, "restart_count": 4, "state": {"running": true, "started_at": since}}]})
    };
    assert_eq!(
        judged("kubernetes.pod", pod("2026-02-03T11:58:00Z")).0,
        Health::Unhealthy
    );
    assert_eq!(
        judged("kubernetes.pod", pod("2026-02-03T11:40:00Z")).0,
        Health::Healthy
    );
}

#[test]
fn what_is_being_deleted_is_no_witness() {
    let pod = json!({"phase": "Running", "deletion_timestamp": "2026-02-03T11:40:00Z",
        "conditions": [{"type": "Ready", "status": "False"}]});
    assert_eq!(judged("kubernetes.pod", pod).0, Health::Leaving);
}

#[test]
fn load_is_told_in_shares_and_only_loaded_databases_shout() {
    let load = |curve: [f64; 8]| {
        json!({"db_load": {"values": curve}, "top_wait_events": [
            {"name": "Lock:tuple", "db_load_avg": 6.0}, {"name": "CPU", "db_load_avg": 2.0}]})
    };
    let (_, busy) = judged(
        "database.load",
        load([0.5, 0.5, 1.0, 4.0, 8.0, 8.0, 8.0, 8.0]),
    );
    assert!(
        busy.contains(&"loaded: wait 75 %: Lock:tuple".to_string()),
        "{busy:?}"
    );
    let (_, calm) = judged(
        "database.load",
        load([0.5, 0.5, 0.6, 1.4, 2.8, 1.1, 0.8, 0.7]),
    );
    assert!(
        calm.contains(&"idle: wait 75 %: Lock:tuple".to_string()),
        "{calm:?}"
    );
}

#[test]
fn a_quota_is_compared_in_its_units() {
    let quota = json!({"status": {"hard": {"limits.memory": "8Gi", "pods": "10"}, "used": {"limits.memory": "8192Mi", "pods": "3"}}});
    let (_, says) = judged("kubernetes.resourcequota", quota);
    assert!(
        says.contains(&"quota limits.memory used up".to_string()),
        "{says:?}"
    );
    assert!(
        says.contains(&"quota pods used 30 %".to_string()),
        "{says:?}"
    );
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[A-Za-z0-9 %:-]{0,12}".prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "status",
        "conditions",
        "containers",
        "state",
        "waiting",
        "terminated",
        "type",
        "ready",
        "desired",
        "phase",
        "top_sql",
        "db_load",
        "values",
        "db_load_avg",
        "used",
        "hard",
        "name",
        "lastState",
        "subsets",
        "targets",
    ]);
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::btree_map(names.clone().prop_map(str::to_string), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_document_makes_it_stumble(document in documents(), kind in prop::sample::select(vec![
        "kubernetes.pod", "kubernetes.deployment", "kubernetes.node", "kubernetes.job", "hpa", "pvc", "quota", "endpoints",
        "monitor", "database.load", "function.concurrency", "targets", "database.instance",
    ])) {
        let (_, first) = judged(kind, document.clone());
        prop_assert_eq!(first, judged(kind, document).1);
    }
}
