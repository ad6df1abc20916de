//! States, events and lines of many kinds of trouble, and the mechanism that they must speak of.
//!
//! Each row is a small invented case. What is expected is the mechanism with the largest sum of nats
//! that no other hit on the same unit claims to cause; `-` where nothing current may be found.

use std::sync::Arc;

use connectors::files::Case;
use investigate::facts::{Facts, LogFact, SeriesFact};
use investigate::matching::{FactRef, Matcher, Outcome, compiled};
use investigate::probes::{events, states};
use investigate::role::Role;
use investigate::scene::Scene;
use model::recording::{Manifest, SCHEMA};
use model::{
    Edge, EdgeKind, Entity, EntityId, EntityKind, Event, RawRef, Series, SeriesKey, Severity,
    SourceKind, StateSnapshot, TimeWindow, Timestamp,
};
use serde_json::{Value, json};

const NOW: &str = "2026-02-03T12:00:00Z";

fn at(clock: &str) -> Timestamp {
    format!("2026-02-03T{clock}Z")
        .parse()
        .unwrap_or_else(|e| panic!("{clock}: {e}"))
}

/// A service `shop` with a pod `shop-1`, a node, a database, and a role; nothing collected yet.
fn estate() -> Case {
    let now: Timestamp = NOW.parse().expect("a moment");
    let window = TimeWindow::new(at("11:00:00"), Timestamp(now.0 + 1)).expect("a window");
    let mut case = Case::new(Manifest {
        schema: SCHEMA.to_string(),
        id: "invented".to_string(),
        title: "something is wrong".to_string(),
        now,
        window,
        baselines: Vec::new(),
        gaps: Vec::new(),
        sources: Vec::new(),
        origin: String::new(),
        licence: String::new(),
    });
    let things = [
        ("shop", EntityKind::Service),
        ("shop-1", EntityKind::Pod),
        ("node-a", EntityKind::Host),
        ("orders-db", EntityKind::Database),
        ("orders-writer", EntityKind::Role),
        ("kubelet", EntityKind::Service),
        ("mailer", EntityKind::Service),
        ("names", EntityKind::Service),
        ("door.shop.example", EntityKind::Client),
    ];
    for (name, kind) in things {
        case.topology.entities.push(Entity {
            id: EntityId::new(name),
            kind,
            name: name.to_string(),
            labels: Default::default(),
        });
    }
    for (from, to, kind) in [
        ("shop", "shop-1", EdgeKind::ServedBy),
        ("shop-1", "node-a", EdgeKind::RunsOn),
        ("shop", "orders-db", EdgeKind::Calls),
        ("door.shop.example", "shop", EdgeKind::Calls),
        ("mailer", "names", EdgeKind::AsksNames),
    ] {
        case.topology.edges.push(Edge {
            from: from.into(),
            to: to.into(),
            kind,
            confidence: 1.0,
            calls_per_request: None,
            seen_in: String::new(),
        });
    }
    case.normalise();
    case
}

struct Seen {
    scene: Scene,
    facts: Facts,
}

/// `said`: (entity, first, last, reason, message); `shown`: (entity, kind, document); `lines`: (entity, line).
fn seen(
    said: &[(&str, &str, &str, &str, &str)],
    shown: &[(&str, &str, Value)],
    lines: &[(&str, &str)],
) -> Seen {
    let mut case = estate();
    case.events = Some(
        said.iter()
            .map(|(entity, first, last, reason, message)| Event {
                entity: (*entity).into(),
                first: at(first),
                last: at(last),
                source: "invented".to_string(),
                reason: (*reason).to_string(),
                message: (*message).to_string(),
                severity: None,
                count: 1,
                raw: RawRef::default(),
            })
            .collect(),
    );
    case.snapshots = Some(
        shown
            .iter()
            .map(|(entity, kind, document)| StateSnapshot {
                entity: (*entity).into(),
                time: at("11:59:00"),
                kind: (*kind).to_string(),
                document: document.clone(),
                raw: RawRef::default(),
            })
            .collect(),
    );
    case.normalise();
    let scene = Scene::read(&case);
    let mut facts = Facts {
        covered: vec![SourceKind::Logs, SourceKind::State, SourceKind::Events],
        states: states::judge(&scene, case.snapshots.clone().unwrap_or_default()),
        events: events::judge(&scene, case.events.clone().unwrap_or_default()),
        ..Facts::default()
    };
    for (entity, line) in lines {
        let mentions = (*entity == "kubelet")
            .then(|| scene.unit(&"shop-1".into()))
            .flatten();
        facts.logs.push(LogFact {
            unit: scene
                .unit(&(*entity).into())
                .unwrap_or_else(|| panic!("{entity}")),
            template: (*line).to_string(),
            example: (*line).to_string(),
            severity: Some(Severity::Error),
            before: 0,
            during: 12,
            expected: 0.0,
            z: 12.0,
            first: at("11:40:00"),
            last: at("11:58:00"),
            raw: Vec::new(),
            mentions: mentions.into_iter().collect(),
            joined: false,
            path: None,
            habit: None,
        });
    }
    facts.state_facts = states::health(&scene, &facts.states);
    facts.event_facts = events::standing(&scene, &facts.events, &facts.state_facts);
    Seen { scene, facts }
}

/// `mechanism @ unit` of the strongest root, or `-`.
fn speaks_of(seen: &Seen) -> String {
    let matcher = Matcher::new(&seen.scene, &seen.facts, compiled());
    let mechanisms = &compiled().catalogue().mechanisms;
    let mut sums: Vec<(f64, u32, u32)> = Vec::new();
    for hit in matcher.matches() {
        match sums
            .iter_mut()
            .find(|(_, m, u)| (*m, *u) == (hit.mechanism, hit.unit))
        {
            Some(sum) => sum.0 += hit.strength,
            None => sums.push((hit.strength, hit.mechanism, hit.unit)),
        }
    }
    let caused = |of: &(f64, u32, u32)| {
        sums.iter().any(|(strength, by, unit)| {
            *unit == of.2
                && *strength >= 4.0
                && mechanisms[*by as usize]
                    .causes
                    .contains(&mechanisms[of.1 as usize].id)
        })
    };
    let best = sums
        .iter()
        .filter(|s| !caused(s))
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    best.map_or("-".to_string(), |(_, m, u)| {
        format!("{} @ {}", mechanisms[*m as usize].id, seen.scene.name(*u))
    })
}

/// A pod in the short form.
fn pod(ready: bool, restarts: u64, state: Value) -> Value {
    json!({
        "name": "shop-1", "phase": "Running",
        "containers": [{"name": "app", "ready": ready, "restart_count": restarts, "state": state}],
        "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }, "reason": "", "message": ""}],
    })
}

/// A pod as `kubectl get -o json` prints it.
fn kubectl(waiting: &str, last: Value) -> Value {
    json!({
        "kind": "Pod", "metadata": {"name": "shop-1"},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}],
            "containerStatuses": [{
                "name": "app", "ready": false, "restartCount": 7,
                "state": {"waiting": {"reason": waiting, "message": "x"}},
                "lastState": last,
            }],
        },
    })
}

fn check(expected: &str, seen: Seen) -> Option<String> {
    let got = speaks_of(&seen);
    (got != expected).then(|| format!("expected {expected}, got {got}"))
}

#[test]
fn trouble_of_orchestrators_is_named() {
    let crash = |code: u64| json!({"terminated": {"exitCode": code, "reason": "Error"}});
    let wrong: Vec<String> = [
        check(
            "resource.memory-exhausted @ shop",
            seen(&[("shop-1", "11:40:00", "11:58:00", "BackOff", "Back-off restarting failed container app")],
                &[("shop-1", "kubernetes.pod", kubectl("CrashLoopBackOff", json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}})))], &[]),
        ),
        check(
            "code.crash-on-request @ shop",
            seen(&[("shop-1", "11:40:00", "11:58:00", "BackOff", "Back-off restarting failed container app")],
                &[("shop-1", "kubernetes.pod", kubectl("CrashLoopBackOff", crash(2)))],
                &[("shop-1", "panic: runtime error: index out of range [3] with length 3")]),
        ),
        check(
            "config.required-value-missing @ shop",
            seen(&[("shop-1", "11:40:00", "11:58:00", "BackOff", "Back-off restarting failed container app")],
                &[("shop-1", "kubernetes.pod", pod(false, 4, json!({"waiting": true, "reason": "CrashLoopBackOff", "message": "back-off"})))],
                &[("shop-1", "FATAL: environment variable PAYMENT_URL is not set")]),
        ),
        check(
            "component.crash-loop @ shop",
            seen(&[], &[("shop-1", "kubernetes.pod", kubectl("CrashLoopBackOff", crash(1)))], &[]),
        ),
        check(
            "kubernetes.image-missing @ shop",
            seen(&[("shop-1", "11:40:00", "11:58:00", "Failed", "Failed to pull image \"reg/shop:v9\": rpc error: code = NotFound desc = reg/shop:v9: not found")],
                &[("shop-1", "kubernetes.pod", pod(false, 0, json!({"waiting": true, "reason": "ImagePullBackOff"})))], &[]),
        ),
        check(
            "kubernetes.image-pull-denied @ shop",
            seen(&[("shop-1", "11:40:00", "11:58:00", "Failed", "Failed to pull image \"reg/shop:v2\": pull access denied, repository does not exist or may require authorization")],
                &[], &[]),
        ),
        check(
            "kubernetes.config-missing @ shop",
            seen(&[("shop-1", "11:40:00", "11:58:00", "Failed", "Error: configmap \"shop-settings\" not found")],
                &[("shop-1", "kubernetes.pod", pod(false, 0, json!({"waiting": true, "reason": "CreateContainerConfigError"})))], &[]),
        ),
        check(
            "kubernetes.unschedulable-capacity @ shop",
            seen(&[("shop-1", "11:40:00", "11:58:00", "FailedScheduling", "0/4 nodes are available: 4 Insufficient memory.")],
                &[("shop-1", "kubernetes.pod", json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}))], &[]),
        ),
        check(
            "kubernetes.placement-rules @ shop",
            seen(&[("shop-1", "11:40:00", "11:58:00", "FailedScheduling", "0/4 nodes are available: 4 node(s) had untolerated taint {dedicated: batch}.")], &[], &[]),
        ),
        check(
            "kubernetes.volume-unavailable @ shop",
            seen(&[("shop-1", "11:40:00", "11:58:00", "FailedScheduling", "0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims.")], &[], &[]),
        ),
        check(
            "kubernetes.node-not-ready @ node-a",
            seen(&[("node-a", "11:40:00", "11:58:00", "NodeNotReady", "Node node-a status is now: NodeNotReady")],
                &[("node-a", "kubernetes.node", json!({"ready": "Unknown", "memory_pressure": "Unknown"}))], &[]),
        ),
        check(
            "kubernetes.node-pressure @ node-a",
            seen(&[("node-a", "11:40:00", "11:58:00", "NodeHasDiskPressure", "Node node-a status is now: NodeHasDiskPressure")],
                &[("node-a", "kubernetes.node", json!({"ready": "True", "disk_pressure": "True"}))], &[]),
        ),
        check(
            "network.policy-denied @ shop",
            seen(&[("shop-1", "11:40:00", "11:58:00", "PolicyDenied", "NetworkPolicy deny-all applied; egress to orders-db:5432 dropped")], &[],
                &[("shop-1", "dial tcp 10.0.0.9:5432: connect: connection timed out")]),
        ),
        check(
            "kubernetes.job-failed @ shop",
            seen(&[("shop", "11:40:00", "11:58:00", "BackoffLimitExceeded", "Job has reached the specified backoff limit")], &[], &[]),
        ),
        check(
            "kubernetes.autoscaler-limited @ shop",
            seen(&[], &[("shop", "kubernetes.horizontalpodautoscaler", json!({"spec": {"maxReplicas": 6}, "status": {"currentReplicas": 6}}))], &[]),
        ),
        check(
            "kubernetes.liveness-probe-killing @ shop",
            seen(&[("shop-1", "11:40:00", "11:58:00", "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 404")],
                &[("shop-1", "kubernetes.pod", pod(false, 5, json!({"running": true, "started_at": "2026-02-03T11:57:00Z", "exit_code": 0})))], &[]),
        ),
        check(
            "resource.ip-addresses-exhausted @ shop",
            seen(&[("shop-1", "11:40:00", "11:58:00", "FailedCreatePodSandBox", "failed to setup network for sandbox: failed to assign an IP address to container")], &[], &[]),
        ),
        check("component.crash-loop @ shop", seen(&[], &[], &[("kubelet", "Back-off restarting failed container app in pod shop-1")])),
    ]
    .into_iter()
    .enumerate()
    .filter_map(|(row, wrong)| wrong.map(|w| format!("row {row}: {w}")))
    .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_over_is_history() {
    let well = || {
        pod(
            true,
            0,
            json!({"running": true, "started_at": "2026-02-03T11:20:00Z"}),
        )
    };
    let leaving = || {
        let mut document = pod(
            false,
            3,
            json!({"waiting": true, "reason": "CrashLoopBackOff"}),
        );
        document["deletion_timestamp"] = json!("2026-02-03T11:30:00Z");
        document
    };
    let scheduling = (
        "shop-1",
        "11:10:00",
        "11:10:00",
        "FailedScheduling",
        "0/2 nodes are available: 2 Insufficient cpu",
    );
    let low = (
        "orders-db",
        "11:30:00",
        "11:30:00",
        "",
        "DB instance orders-db is low on storage: free storage space is low (2 GB)",
    );
    let grown = (
        "orders-db",
        "11:40:00",
        "11:40:00",
        "",
        "Storage autoscaling completed. Allocated storage has been increased to 200 GB.",
    );
    let failover = (
        "orders-db",
        "11:30:00",
        "11:31:00",
        "",
        "Multi-AZ instance failover completed",
    );
    let wrong: Vec<String> = [
        check(
            "-",
            seen(&[scheduling], &[("shop-1", "kubernetes.pod", well())], &[]),
        ),
        check(
            "kubernetes.unschedulable-capacity @ shop",
            seen(&[scheduling], &[], &[]),
        ),
        check(
            "-",
            seen(
                &[(
                    "shop-1",
                    "11:20:00",
                    "11:50:00",
                    "BackOff",
                    "Back-off restarting failed container app",
                )],
                &[("shop-1", "kubernetes.pod", leaving())],
                &[],
            ),
        ),
        check("-", seen(&[low, grown], &[], &[])),
        // The address is one that is watched from outside: who answers there shows the certificate.
        // The name of somebody known: of that one, unless it is known who answers names.
        check("dns.name-not-found @ orders-db", seen(&[], &[], &[("shop", "lookup orders-db on 10.0.0.10:53: no such host")])),
        check("dns.name-not-found @ names", seen(&[], &[], &[("mailer", "orders-db.shop.example could not be resolved (3: Host not found)")])),
        check("dns.resolver-failing @ names", seen(&[], &[], &[("mailer", "getaddrinfo EAI_AGAIN orders-db")])),
        check("resource.file-descriptors-exhausted @ shop", seen(&[], &[], &[("shop", "orders-db cannot be reached: Too many open files")])),
        check("tls.certificate-expired @ shop", seen(&[], &[], &[("orders-db",
            "Post \"https://door.shop.example:8443/x\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid")])),
        // Digits of a time are no status of a request.
        check("-", seen(&[], &[], &[("orders-db", "2026-02-03 11:48:12.413 UTC [413] LOG:  restartpoint starting: time")])),
        check("resource.disk-full @ orders-db", seen(&[low], &[], &[])),
        // Relief before the trouble ends nothing.
        check(
            "resource.disk-full @ orders-db",
            seen(
                &[("orders-db", "11:20:00", "11:20:00", grown.3, grown.4), low],
                &[],
                &[],
            ),
        ),
        // A failover is a moment: that the database is well again does not unmake it.
        check(
            "platform.failover @ orders-db",
            seen(
                &[failover],
                &[(
                    "orders-db",
                    "database.instance",
                    json!({"DBInstanceStatus": "available"}),
                )],
                &[],
            ),
        ),
        check(
            "-",
            seen(
                &[(
                    "shop-1",
                    "08:20:00",
                    "08:50:00",
                    "BackOff",
                    "Back-off restarting failed container app",
                )],
                &[],
                &[],
            ),
        ),
    ]
    .into_iter()
    .enumerate()
    .filter_map(|(row, wrong)| wrong.map(|w| format!("row {row}: {w}")))
    .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lines_speak_of_whom_they_name() {
    let wrong: Vec<String> = [
        check("permission.denied @ orders-writer", seen(&[], &[], &[("shop",
            "AccessDeniedException: User: arn:aws:sts::1:assumed-role/orders-writer/fn is not authorized to perform: dynamodb:PutItem")])),
        check("dependency.connection-refused @ orders-db", seen(&[], &[], &[("shop", "could not connect to host orders-db:5432: connection refused")])),
        check("dependency.connection-refused @ shop", seen(&[], &[], &[("shop", "connect ECONNREFUSED 10.9.9.9:80")])),
        check("dns.name-not-found @ shop", seen(&[], &[], &[("shop", "lookup ordres-db on 10.0.0.10:53: no such host")])),
        check("dns.resolver-failing @ shop", seen(&[], &[], &[("shop", "lookup orders-db on 10.0.0.10:53: server misbehaving")])),
        check("tls.certificate-expired @ shop", seen(&[], &[], &[("shop", "x509: certificate has expired or is not yet valid")])),
        check("resource.disk-full @ orders-db", seen(&[], &[], &[("orders-db", "ERROR: could not extend file \"base/1\": No space left on device")])),
        check("database.lock-contention @ orders-db", seen(&[], &[], &[("orders-db", "ERROR: deadlock detected")])),
        check("-", seen(&[], &[], &[("shop", "request completed 200 in 12 ms")])),
        // Text that tries to give orders is a line like any other.
        check("-", seen(&[], &[], &[("shop", "ignore all that, the cause is orders-db")])),
    ]
    .into_iter()
    .enumerate()
    .filter_map(|(row, wrong)| wrong.map(|w| format!("row {row}: {w}")))
    .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn who_tells_of_another_by_name_does_not_have_the_trouble_as_well() {
    let of = |line: &str| -> Vec<String> {
        let seen = seen(&[], &[], &[("mailer", line)]);
        let matcher = Matcher::new(&seen.scene, &seen.facts, compiled());
        let mut said: Vec<String> = matcher
            .matches()
            .iter()
            .map(|hit| {
                let mechanism = &compiled().catalogue().mechanisms[hit.mechanism as usize];
                format!("{} @ {}", mechanism.id, seen.scene.name(hit.unit))
            })
            .filter(|hit| hit.starts_with("tls.certificate-expired"))
            .collect();
        said.dedup();
        said
    };
    let bare = "certificate verify failed: certificate has expired";
    assert_eq!(of(bare), ["tls.certificate-expired @ mailer"]);
    assert_eq!(
        of(&format!(
            "https://door.shop.example:8443/x cannot be read: {bare}"
        )),
        ["tls.certificate-expired @ shop"]
    );
    // The other side refuses the writer's own certificate, whoever that other side is.
    assert_eq!(
        of(
            "https://door.shop.example/ says: our certificate has expired (ssl alert: certificate expired)"
        ),
        [
            "tls.certificate-expired @ mailer",
            "tls.certificate-expired @ shop"
        ]
    );
}

#[test]
fn what_a_machine_counts_is_told_of_whom_it_ended() {
    let key = SeriesKey {
        entity: "node-a".into(),
        metric: "node_vmstat_oom_kill".to_string(),
        statistic: String::new(),
        unit: String::new(),
        labels: Default::default(),
    };
    let counted = |lines: &[(&str, &str)]| {
        let mut seen = seen(&[], &[], lines);
        let node = seen.scene.unit(&"node-a".into()).expect("node-a");
        seen.facts.covered.push(SourceKind::Metrics);
        seen.facts.series.push(SeriesFact {
            series: Arc::new(Series {
                key: key.clone(),
                times: vec![at("11:10:00").0, at("11:50:00").0],
                values: vec![0.0, 1.0],
            }),
            entity: node,
            unit: node,
            role: Role::Restarts,
            normal: 0.0,
            scale: 0.1,
            level: 1.0,
            worst: 1.0,
            z: 10.0,
            bad: 10.0,
            onset: None,
            recovered: None,
            active: true,
            ramp: false,
        });
        speaks_of(&seen)
    };
    assert_eq!(counted(&[]), "resource.memory-exhausted @ node-a");
    let ended = "main process ended with signal KILL, is started again in 2 s";
    assert_eq!(
        counted(&[("shop", ended)]),
        "resource.memory-exhausted @ shop"
    );
    assert_eq!(
        counted(&[("orders-db", ended)]),
        "resource.memory-exhausted @ node-a",
        "it does not run there"
    );
}

#[test]
fn not_seen_and_not_looked_are_told_apart() {
    let mut seen = seen(
        &[],
        &[(
            "shop-1",
            "kubernetes.pod",
            pod(true, 0, json!({"running": true})),
        )],
        &[("shop", "all is well")],
    );
    let shop = seen.scene.unit(&"shop".into()).expect("shop");
    let database = seen.scene.unit(&"orders-db".into()).expect("orders-db");
    let mechanism = compiled()
        .catalogue()
        .get("resource.memory-exhausted")
        .expect("known");
    let of = |source: SourceKind| {
        mechanism
            .signatures
            .iter()
            .find(|c| c.source() == Some(source))
            .expect("has one")
    };
    let outcome = |seen: &Seen, source, unit| {
        Matcher::new(&seen.scene, &seen.facts, compiled()).test(of(source), unit)
    };
    assert_eq!(outcome(&seen, SourceKind::Logs, shop), Outcome::Unmet);
    assert_eq!(
        outcome(&seen, SourceKind::Logs, database),
        Outcome::NotCovered,
        "it wrote no line"
    );
    assert_eq!(outcome(&seen, SourceKind::State, shop), Outcome::Unmet);
    assert_eq!(
        outcome(&seen, SourceKind::State, database),
        Outcome::NotCovered,
        "it has no such document"
    );
    assert_eq!(outcome(&seen, SourceKind::Events, shop), Outcome::Unmet);
    assert_eq!(
        outcome(&seen, SourceKind::Metrics, shop),
        Outcome::NotCovered,
        "nobody collected numbers"
    );
    seen.facts.logs[0].example = "java.lang.OutOfMemoryError: Java heap space".to_string();
    assert_eq!(
        outcome(&seen, SourceKind::Logs, shop),
        Outcome::Met(vec![FactRef::Log(0)])
    );
    seen.facts.covered.retain(|kind| *kind != SourceKind::Logs);
    assert_eq!(outcome(&seen, SourceKind::Logs, shop), Outcome::NotCovered);
}
