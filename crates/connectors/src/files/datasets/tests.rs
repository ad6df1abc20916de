//! Each layout in miniature, made up for these tests.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use model::recording::BaselineKind;
use model::{ChangeKind, EdgeKind, EntityId, EntityKind};

use super::*;

fn put(root: &Path, name: &str, text: &str) {
    let file = root.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    if name.ends_with(".gz") {
        let mut packed = GzEncoder::new(fs::File::create(file).unwrap(), Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap();
    } else {
        fs::write(file, text).unwrap();
    }
}

fn only(suite: Suite, root: &Path) -> Loaded {
    let found = cases(suite, root).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    load(&found[0]).unwrap()
}

fn id(text: &str) -> EntityId {
    EntityId::from(text)
}

#[test]
fn every_set_says_what_it_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    for suite in Suite::ALL {
        let told = cases(suite, folder.path()).unwrap_err().to_string();
        assert!(told.contains("expected"), "{told}");
        assert_eq!(Suite::parse(suite.word()), Some(suite));
    }
}

fn petshop(root: &Path) {
    let head = "microservice,shop,stock_AWS::Lambda::Function,shop\nmetric,latency,latency,availability\nstatistic,Average,p90,Average\nunix_timestamp,,,\n";
    put(
        root,
        "busy/graph.csv",
        ",shop,stock_AWS::Lambda::Function\nshop,0.0,1.0\nstock_AWS::Lambda::Function,0.0,0.0\n",
    );
    // Later than the fault, as in the set.
    put(
        root,
        "busy/noissue/metrics.csv",
        &format!("{head}1700000000.0,0.1,,100.0\n1700000300.0,0.2,0.3,99.0\n"),
    );
    put(
        root,
        "busy/test/issue_7/metrics.csv",
        &format!("{head}1690000000.0,0.9,NaN,100.0\n1690000300.0,1.0,inf,98.0\n"),
    );
    put(
        root,
        "busy/test/issue_7/target.json",
        r#"{"target": {"node": "shop", "metric": "latency", "agg": "Average", "timestamp": 1690000310},
            "root_cause": {"node": "stock_AWS::Lambda::Function"}, "metadata": {"command": "secret"}}"#,
    );
}

#[test]
fn petshop_joins_a_distant_normal_period_and_the_fault() {
    let folder = tempfile::tempdir().unwrap();
    petshop(folder.path());
    let found = cases(Suite::PetShop, &folder.path().join("busy/test")).unwrap();
    assert_eq!(
        found[0].id, "busy/test/issue_7",
        "the id does not depend on where the listing began"
    );
    let Loaded {
        case,
        truth,
        system,
    } = only(Suite::PetShop, folder.path());
    assert_eq!(system, "latency");
    let stock = id("node/stock_AWS::Lambda::Function");
    assert_eq!(
        truth,
        Truth::PetShop(petshop::Truth {
            node: Some(stock.clone())
        })
    );
    assert_eq!(
        case.topology.entity(&stock).unwrap().kind,
        EntityKind::Function
    );
    assert_eq!(case.topology.edges[0].to, stock);
    let series = case.series.as_ref().unwrap();
    assert_eq!(series.len(), 3);
    let latency = series
        .iter()
        .find(|one| one.key.to_string() == "node/shop:latency:Average")
        .unwrap();
    assert_eq!(
        (latency.key.unit.as_str(), latency.values.as_slice()),
        ("s", [0.1, 0.2, 0.9, 1.0].as_slice())
    );
    assert!(latency.times.is_sorted());
    let history = &case.manifest.baselines[0];
    assert_eq!(history.kind, BaselineKind::History);
    assert!(history.window.to() <= case.manifest.window.from());
    assert!(!format!("{:?}{:?}", case.manifest, case.alarms).contains("secret"));
}

#[test]
fn petshop_names_the_line_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    petshop(folder.path());
    put(
        folder.path(),
        "busy/test/issue_7/metrics.csv",
        "microservice,shop\nmetric,latency\nstatistic,Average\n1690000000,1\nnot a time,2\n",
    );
    let found = cases(Suite::PetShop, folder.path()).unwrap();
    let told = load(&found[0]).unwrap_err().to_string();
    assert!(
        told.contains("line 5") && told.contains("not a time"),
        "{told}"
    );
}

fn rootcausebench(root: &Path) {
    put(
        root,
        "a-telling-name/task.toml",
        "[metadata]\ndifficulty = \"hard\"\ntags = [\"secret\"]\n",
    );
    put(
        root,
        "a-telling-name/ground_truth.json",
        r#"{"root_cause_commit": "aaaaaaaaaa", "first_failing_service": "cart", "blast_radius": ["web"], "remediation": "rollback", "decoy_deploy_commits": ["bbbbbbbbbb"], "notes": "secret"}"#,
    );
    put(
        root,
        "a-telling-name/data/alert.json",
        r#"{"service": "cart", "metric": "latency_p99_ms", "threshold": 5, "observed": 9, "fired_at": "2026-01-01T12:00:00Z", "severity": "critical", "monitor": "cart-slow", "summary": "cart is slow"}"#,
    );
    put(
        root,
        "a-telling-name/data/metrics.csv",
        "timestamp,service,metric,value\n2026-01-01T10:00:00Z,cart,latency_p99_ms,3\n2026-01-01T12:05:00Z,cart,latency_p99_ms,9\nnever,cart,latency_p99_ms,1\n",
    );
    put(
        root,
        "a-telling-name/data/logs.ndjson",
        "{\"timestamp\": \"2026-01-01T12:01:00Z\", \"service\": \"web\", \"severity_text\": \"WARN\", \"msg\": \"upstream cart timeout after 500ms\", \"db.rows\": 4}\n{\"timestamp\": \"2026-01-01T12:02:00Z\", \"service\": \"cart\", \"severity_text\": \"INFO\", \"msg\": \"request from web\"}\n",
    );
    put(
        root,
        "a-telling-name/data/traces.json",
        r#"[
        {"trace_id": "t1", "span_id": "a", "parent_id": null, "service": "web", "name": "GET /", "start": "2026-01-01T12:00:00Z", "duration_ms": 10, "status": "OK"},
        {"trace_id": "placeholder", "span_id": "b", "parent_id": "a", "service": "cart", "name": "Get", "start": "2026-01-01T12:00:00Z", "duration_ms": 9, "status": "ERROR", "error": "late", "attributes": {"peer.service": "bank"}},
        "noise"]"#,
    );
    put(
        root,
        "a-telling-name/data/context/commits.json",
        r#"[{"sha": "aaaaaaaaaa", "author": "x", "timestamp": "2026-01-01T11:50:00Z", "message": "m", "files_changed": ["cart/a.go"], "diff": "+x"}]"#,
    );
    put(
        root,
        "a-telling-name/data/context/deploys.json",
        r#"[{"timestamp": "2026-01-01T11:55:00Z", "service": "cart", "commit_sha": "aaaaaaaaaa", "version": "v2"}]"#,
    );
    put(
        root,
        "a-telling-name/data/context/flags.json",
        r#"[{"timestamp": "2026-01-01T11:00:00Z", "flag": "f", "service": "cart", "change": "off->on", "actor": "y"}]"#,
    );
    put(
        root,
        "a-telling-name/data/status_feed.json",
        r#"{"provider": "bank", "incidents": [{"name": "Slow", "status": "investigating", "started_at": "2026-01-01T11:58:00Z", "updates": [{"timestamp": "2026-01-01T12:03:00Z", "body": "looking"}]}], "error_pct": [{"timestamp": "2026-01-01T12:00:00Z", "value": 7}]}"#,
    );
}

#[test]
fn rootcausebench_reads_telemetry_changes_and_feeds() {
    let folder = tempfile::tempdir().unwrap();
    rootcausebench(folder.path());
    let Loaded {
        case,
        truth,
        system,
    } = only(Suite::RootCauseBench, folder.path());
    assert_eq!(system, "hard");
    let Truth::RootCauseBench(truth) = truth else {
        panic!("another set's truth")
    };
    assert_eq!(truth.commit.as_deref(), Some("aaaaaaaaaa"));
    let edges: Vec<String> = case
        .topology
        .edges
        .iter()
        .map(|edge| format!("{} {} {}", edge.from, edge.to, edge.seen_in))
        .collect();
    assert_eq!(
        edges,
        [
            "service/cart external/bank traces",
            "service/web service/cart logs, traces"
        ]
    );
    let spans = case.spans.as_ref().unwrap();
    assert!(
        spans.iter().all(|span| &*span.trace_id == "t1"),
        "the orphan joined its parent's trace"
    );
    let changes = case.changes.as_ref().unwrap();
    let kinds: Vec<ChangeKind> = changes.iter().map(|change| change.kind).collect();
    assert_eq!(
        kinds,
        [ChangeKind::Flag, ChangeKind::Commit, ChangeKind::Deploy]
    );
    assert_eq!(changes[2].carries, ["aaaaaaaaaa"]);
    assert_eq!(
        case.events.as_ref().unwrap()[0].last.to_string(),
        "2026-01-01T12:03:00Z"
    );
    assert!(
        case.series
            .as_ref()
            .unwrap()
            .iter()
            .any(|one| one.key.to_string() == "external/bank:error_pct")
    );
    let gaps: Vec<&str> = case
        .manifest
        .gaps
        .iter()
        .map(|gap| gap.wanted.as_str())
        .collect();
    assert_eq!(gaps, ["metrics", "traces", "state: log patterns"]);
    let seen = format!("{:?}{:?}{:?}", case.manifest, case.alarms, case.snapshots);
    assert!(
        !seen.contains("secret") && !seen.contains("a-telling-name"),
        "{seen}"
    );
}

#[test]
fn rootcausebench_names_a_broken_log_line() {
    let folder = tempfile::tempdir().unwrap();
    rootcausebench(folder.path());
    put(
        folder.path(),
        "a-telling-name/data/logs.ndjson",
        "{\"timestamp\": 1}\n{broken\n",
    );
    let found = cases(Suite::RootCauseBench, folder.path()).unwrap();
    let told = load(&found[0]).unwrap_err().to_string();
    assert!(told.contains("logs.ndjson, line 2"), "{told}");
}

fn nezha(root: &Path) {
    put(
        root,
        "set/index.json",
        r#"[{"id": "made-1", "system": "made", "inject_time_utc": "2023-01-29 08:43:04",
        "metric_dir": "rca/metric", "normal_minute": "normal", "files": {
        "before_log": "rca/log/43.csv.gz", "plus1_log": "rca/log/44.csv.gz", "plus1_trace": "rca/trace/44.csv.gz"},
        "truth": {"service": "stock", "fault": "cpu_contention"}}]"#,
    );
    let head = "Time,TimeStamp,PodName,CpuUsage(m),PodServerLatencyP90(s),NodeCpuUsageRate(%)\n";
    let pod = "stock-5c66d57d58-6mp2b";
    let rows = format!(
        "{head}x,1674981669,{pod},1,0.1,5\nx,1674981790,{pod},9,NaN,5\nx,1674982000,{pod},7,0.1,5\n"
    );
    put(root, &format!("set/rca/metric/{pod}_metric.csv"), &rows);
    put(root, &format!("set/normal/metric/{pod}_metric.csv"), &rows);
    put(
        root,
        "set/rca/metric/front_service.csv",
        "Time,TimeStamp,ServiceName,SuccessRate(%)\nx,1674981669,Door,99\n",
    );
    let head = "Timestamp,TimeUnixNano,Node,PodName,Container,TraceID,SpanID,Log\n";
    let line = |nano: &str, text: &str| {
        format!(
            "z,{nano},10.0.0.1,{pod},server,t,s,\"{{\"\"log\"\":\"\"16:43:01.2 INFO  a.B#1 TraceID: t SpanID: s {text}\\n\"\",\"\"time\"\":\"\"2023-01-29T08:43:01Z\"\"}}\"\n"
        )
    };
    put(
        root,
        "set/rca/log/43.csv.gz",
        &format!(
            "{head}{}{}",
            line("1674981780000000000", "taken"),
            line("-6795364578871345152", "odd clock")
        ),
    );
    // The neighbouring minute repeats a line.
    put(
        root,
        "set/rca/log/44.csv.gz",
        &format!(
            "{head}{}{}",
            line("1674981780000000000", "taken"),
            line("1674981786000000000", "taken again")
        ),
    );
    put(
        root,
        "set/rca/trace/44.csv.gz",
        &format!(
            "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration\nt,r,root,web-7fc455457c-jm5s2,/*,1674981785000000000,1674981785200000000,1\nt,c,r,{pod},/take,1674981785100000000,1674981785000000000,1\n"
        ),
    );
}

#[test]
fn nezha_puts_logs_on_services_and_metrics_on_pods() {
    let folder = tempfile::tempdir().unwrap();
    nezha(folder.path());
    let Loaded { case, truth, .. } = only(Suite::Nezha, &folder.path().join("set/rca"));
    assert_eq!(
        truth,
        Truth::Nezha(nezha::Truth {
            service: Some(id("service/stock")),
            fault: "cpu_contention".to_string()
        })
    );
    let bodies: Vec<(&str, &str)> = case
        .logs
        .as_ref()
        .unwrap()
        .iter()
        .map(|log| (log.entity.as_str(), &*log.body))
        .collect();
    assert_eq!(
        bodies,
        [
            ("service/stock", "a.B#1 taken"),
            ("service/stock", "a.B#1 odd clock"),
            ("service/stock", "a.B#1 taken again")
        ]
    );
    let edges: Vec<String> = case
        .topology
        .edges
        .iter()
        .map(|edge| format!("{} {:?} {}", edge.from, edge.kind, edge.to))
        .collect();
    assert!(
        edges.contains(&"service/web Calls service/stock".to_string()),
        "{edges:?}"
    );
    assert!(
        edges.contains(&"service/Door Calls service/web".to_string()),
        "{edges:?}"
    );
    assert!(
        edges.contains(&"pod/stock-5c66d57d58-6mp2b RunsOn host/10.0.0.1".to_string()),
        "{edges:?}"
    );
    let cpu = case
        .series
        .as_ref()
        .unwrap()
        .iter()
        .find(|one| one.key.metric == "CpuUsage")
        .unwrap();
    // One day back: the rows outside of the incident; then the incident's own up to its last scrape.
    assert_eq!(cpu.values, [1.0, 7.0, 1.0, 9.0]);
    assert!(*cpu.times.last().unwrap() < case.manifest.now.0);
    let latency = case
        .series
        .as_ref()
        .unwrap()
        .iter()
        .find(|one| one.key.metric == "PodServerLatency")
        .unwrap();
    assert_eq!(
        (latency.key.statistic.as_str(), latency.values.len()),
        ("p90", 3),
        "NaN is dropped"
    );
    assert_eq!(case.alarms[0].entity, id("service/Door"));
    assert!(
        case.spans
            .as_ref()
            .unwrap()
            .iter()
            .all(|span| span.start <= span.end)
    );
}

#[test]
fn nezha_refuses_paths_that_lead_out() {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path(),
        "index.json",
        r#"[{"id": "x", "inject_time_utc": "2023-01-29 08:43:04", "metric_dir": "../../etc", "normal_minute": "n", "files": {}}]"#,
    );
    let told = cases(Suite::Nezha, folder.path()).unwrap_err().to_string();
    assert!(
        told.contains("metric_dir must be a path within the folder"),
        "{told}"
    );
}

fn opensre(root: &Path) {
    put(
        root,
        "eks/000-well/scenario.yml",
        "engine: eks\navailable_evidence:\n  - eks_pods\n  - eks_deployments\n  - eks_events\n",
    );
    put(
        root,
        "eks/000-well/alert.json",
        r#"{"state": "normal", "commonLabels": {"alertname": "Check", "service": "pay"}, "commonAnnotations": {"kube_deployment": "pay"}}"#,
    );
    put(
        root,
        "eks/000-well/eks_deployments.json",
        r#"{"deployments": [{"name": "pay", "namespace": "shop", "desired": 1, "ready": 1}]}"#,
    );
    put(
        root,
        "eks/000-well/eks_pods.json",
        r#"{"pods": [{"name": "pay-1", "node_name": "n1", "containers": [{"state": {"started_at": "2026-01-01T10:00:00Z"}}]}]}"#,
    );
    put(
        root,
        "eks/001-it-was-the-quota/scenario.yml",
        "base: 000-well\nfailure_mode: secret\n",
    );
    put(
        root,
        "eks/001-it-was-the-quota/answer.yml",
        "root_cause_category: resource_exhaustion\nruling_out_keywords:\n  # why\n  - not OOM\n",
    );
    put(
        root,
        "eks/001-it-was-the-quota/eks_events.json",
        r#"{"warning_events": [{"namespace": "shop", "reason": "FailedCreate", "message": "exceeded quota", "type": "Warning", "count": 3, "involved_object": "ReplicaSet/pay-abc", "first_time": "2026-01-01T10:30:00Z", "last_time": "2026-01-01T10:40:00Z"}]}"#,
    );
}

#[test]
fn opensre_lays_scenarios_over_each_other() {
    let folder = tempfile::tempdir().unwrap();
    opensre(folder.path());
    let found = cases(Suite::OpenSre, folder.path()).unwrap();
    let ids: Vec<&str> = found.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["eks/000-well", "eks/001-it-was-the-quota"]);
    let Loaded {
        case,
        truth,
        system,
    } = load(&found[1]).unwrap();
    assert_eq!(system, "eks");
    let Truth::OpenSre(truth) = truth else {
        panic!("another set's truth")
    };
    assert_eq!(
        (truth.category.as_str(), truth.ruling_out.as_slice()),
        ("resource_exhaustion", ["not OOM".to_string()].as_slice())
    );
    assert_eq!(
        case.snapshots.as_ref().unwrap().len(),
        2,
        "the base's pods and deployments"
    );
    assert_eq!(
        case.events.as_ref().unwrap()[0].entity,
        id("replicaset/pay-abc")
    );
    assert!(
        case.topology
            .edges
            .iter()
            .any(|edge| edge.kind == EdgeKind::RunsOn && edge.to == id("host/n1"))
    );
    assert_eq!(case.alarms[0].entity, id("workload/pay"));
    assert!(
        case.manifest
            .gaps
            .iter()
            .any(|gap| gap.wanted == "datadog_logs")
    );
    assert_eq!(case.manifest.id, "opensre-eks-001");
    assert!(!format!("{case:?}").contains("secret"));
    let file = &case.events.as_ref().unwrap()[0].raw.file;
    assert_eq!(opensre::evidence_source(file), Some("eks_events"));
}

#[test]
fn opensre_says_which_metric_of_the_base_is_absent() {
    let folder = tempfile::tempdir().unwrap();
    let metric = |name: &str| {
        format!(
            r#"{{"metric_name": "{name}", "dimensions": [{{"Name": "DBInstanceIdentifier", "Value": "d1"}}], "stat": "Average", "unit": "Percent", "timestamps": ["2026-01-01T10:00:00Z"], "values": [1.5]}}"#
        )
    };
    let root = folder.path();
    put(
        root,
        "rds/000-well/scenario.yml",
        "engine: postgres\ndb_instance_identifier: d1\n",
    );
    put(
        root,
        "rds/000-well/alert.json",
        r#"{"state": "alerting", "commonLabels": {"alertname": "Cpu"}, "commonAnnotations": {"summary": "Cpu is high", "db_instance_identifier": "d1"}}"#,
    );
    put(
        root,
        "rds/000-well/aws_cloudwatch_metrics_Cpu.json",
        &metric("Cpu"),
    );
    put(
        root,
        "rds/000-well/aws_cloudwatch_metrics_Disk.json",
        &metric("Disk"),
    );
    put(root, "rds/002/scenario.yml", "base: 000-well\n");
    put(
        root,
        "rds/002/aws_cloudwatch_metrics.json",
        &format!(
            r#"{{"end_time": "2026-01-01T10:01:00Z", "metric_data_results": [{}]}}"#,
            metric("Cpu")
        ),
    );
    let found = cases(Suite::OpenSre, root).unwrap();
    let Loaded { case, .. } = load(&found[1]).unwrap();
    assert_eq!(case.series.as_ref().unwrap().len(), 1);
    assert_eq!(case.alarms[0].metric.as_deref(), Some("Cpu"));
    assert!(
        case.manifest
            .gaps
            .iter()
            .any(|gap| gap.wanted == "metric Disk" && gap.entity == Some(id("database/d1")))
    );
}

#[test]
fn a_disguised_case_is_the_same_case_under_other_names() {
    let folder = tempfile::tempdir().unwrap();
    rootcausebench(folder.path());
    let Loaded { case, .. } = only(Suite::RootCauseBench, folder.path());
    let (other, mapping) = crate::files::transform::disguise(&case, 5);
    assert_eq!(other.topology.edges.len(), case.topology.edges.len());
    let cart = &mapping.entities[&id("service/cart")];
    assert_eq!(other.alarms[0].entity, *cart);
    let name = &mapping.names["cart"];
    let bodies: Vec<&str> = other
        .logs
        .as_ref()
        .unwrap()
        .iter()
        .map(|log| &*log.body)
        .collect();
    assert!(
        bodies.contains(&format!("upstream {name} timeout after 500ms").as_str()),
        "{bodies:?}"
    );
    let files: Vec<&String> = other
        .changes
        .iter()
        .flatten()
        .flat_map(|change| &change.files)
        .collect();
    assert_eq!(files, [&format!("{name}/a.go")]);
    let carried = other
        .changes
        .iter()
        .flatten()
        .find(|change| !change.carries.is_empty())
        .unwrap();
    assert_eq!(carried.carries, [mapping.changes["aaaaaaaaaa"].clone()]);
    assert_eq!(
        other.series.as_ref().unwrap().len(),
        case.series.as_ref().unwrap().len()
    );
    let whole = format!("{other:?}");
    assert!(
        !whole.contains("aaaaaaaaaa") && !whole.contains("\"cart"),
        "{whole}"
    );
    let again = crate::files::transform::disguise(&case, 5).0;
    assert_eq!(
        whole,
        format!("{again:?}"),
        "the same seed gives the same case"
    );
}

#[test]
fn two_incidents_of_one_system_are_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    rootcausebench(folder.path());
    let Loaded { case, .. } = only(Suite::RootCauseBench, folder.path());
    let (both, mapping) = crate::files::transform::splice(&case, &case);
    assert_eq!(
        both.topology.entities.len(),
        2 * case.topology.entities.len()
    );
    assert_eq!(
        both.logs.as_ref().unwrap().len(),
        2 * case.logs.as_ref().unwrap().len()
    );
    let entities: Vec<&EntityId> = both.alarms.iter().map(|alarm| &alarm.entity).collect();
    assert_eq!(
        entities,
        [&id("service/cart"), &mapping.entities[&id("service/cart")]]
    );
    let ids: std::collections::BTreeSet<&String> = both
        .changes
        .iter()
        .flatten()
        .map(|change| &change.id)
        .collect();
    assert_eq!(ids.len(), 6);
}

#[test]
fn in_a_splice_each_system_keeps_the_past_of_its_own_case() {
    use model::TimeWindow;
    use model::recording::{BaselineKind, BaselineWindow};
    let folder = tempfile::tempdir().unwrap();
    rootcausebench(folder.path());
    let Loaded { case, .. } = only(Suite::RootCauseBench, folder.path());
    let begin = case.manifest.window.from();
    let with_past = |minutes: i64| {
        let mut case = case.clone();
        let from = begin.minus(model::Span::minutes(minutes));
        case.manifest.baselines = vec![BaselineWindow {
            window: TimeWindow::new(from, begin).unwrap(),
            kind: BaselineKind::Near,
        }];
        let times: Vec<i64> = (-60..5)
            .map(|minute| begin.0 + minute * model::time::MINUTE)
            .collect();
        case.series = Some(vec![std::sync::Arc::new(model::Series {
            key: model::telemetry::SeriesKey {
                entity: case.alarms[0].entity.clone(),
                metric: "latency_ms".to_string(),
                ..Default::default()
            },
            values: vec![3.0; times.len()],
            times,
        })]);
        case
    };
    let (short, long) = (with_past(2), with_past(30));
    let past = |case: &model::case::Case, id: &EntityId| -> Vec<i64> {
        let series = case.series.iter().flatten();
        let of = series.filter(|s| s.key.entity == *id);
        let times = of.flat_map(|s| s.times.iter().copied());
        times
            .filter(|at| *at < begin.0)
            .map(|at| (at - begin.0) / model::time::MINUTE)
            .collect()
    };
    let (both, mapping) = crate::files::transform::splice(&short, &long);
    let near = both.manifest.baselines.first().unwrap().window;
    assert_eq!(near.from(), begin.minus(model::Span::minutes(30)));
    // The first is known to have been well for two minutes: nothing older counts as such now, though it
    // stays on record. The second keeps all of its half hour.
    let entity = case.alarms[0].entity.clone();
    let first: Vec<i64> = (-60..-30).chain(-2..0).collect();
    assert_eq!(past(&both, &entity), first);
    let second: Vec<i64> = (-60..0).collect();
    assert_eq!(past(&both, &mapping.entities[&entity]), second);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,200}", rest in ".{0,80}") {
        let folder = tempfile::tempdir().unwrap();
        petshop(folder.path());
        rootcausebench(folder.path());
        nezha(folder.path());
        opensre(folder.path());
        for name in ["busy/test/issue_7/metrics.csv", "a-telling-name/data/logs.ndjson", "a-telling-name/data/status_feed.json", "set/rca/log/43.csv.gz", "eks/001-it-was-the-quota/scenario.yml", "eks/001-it-was-the-quota/eks_events.json"] {
            put(folder.path(), name, &format!("{text}\n{rest}"));
        }
        for suite in Suite::ALL {
            for case in cases(suite, folder.path()).into_iter().flatten() {
                let _ = load(&case);
            }
        }
        let _ = logline::unwrap_log(&text);
        let _ = pods::service_of(&text);
    }
}
