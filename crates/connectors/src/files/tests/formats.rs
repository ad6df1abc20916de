//! The formats of the ecosystem, as their writers print them, and what is read from them.

use model::ports::{ChangeSource, Eyes, MetricSource, StateSource};

use super::super::Recording;
use super::{logs_of, opened, spans_of, window};

fn read(files: &[(&str, &str)]) -> Recording {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, t)| (*n, t.as_bytes())).collect();
    opened(&files).unwrap()
}

/// One line per series: key, unit, labels, and the points as `HH:MM:SS=value`.
fn series_of(recording: &Recording) -> String {
    let mut out = String::new();
    for series in recording.series().found().unwrap_or_default() {
        let points: Vec<String> = series
            .times
            .iter()
            .zip(&series.values)
            .map(|(at, value)| format!("{}={value}", model::Timestamp(*at).clock()))
            .collect();
        out += &format!(
            "{} [{}] {:?} {}\n",
            series.key,
            series.key.unit,
            series.key.labels,
            points.join(" ")
        );
    }
    out
}

fn edges_of(recording: &Recording) -> Vec<String> {
    recording
        .known_topology()
        .edges
        .iter()
        .map(|e| format!("{} {:?} {}", e.from, e.kind, e.to))
        .collect()
}

const T0: &str = "1767265200000000000"; // 2026-01-01T11:00:00Z
const T1: &str = "1767265260000000000";

#[test]
fn otlp_logs() {
    let line = format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"cart"}}}},{{"key":"k8s.pod.name","value":{{"stringValue":"cart-7d"}}}},{{"key":"k8s.namespace.name","value":{{"stringValue":"shop"}}}}]}},"scopeLogs":[{{"scope":{{}},"logRecords":[{{"timeUnixNano":"{T0}","severityNumber":17,"severityText":"ERROR","body":{{"stringValue":"no \"stock\""}},"attributes":[{{"key":"n","value":{{"intValue":"3"}}}},{{"key":"list","value":{{"arrayValue":{{"values":[{{"intValue":"1"}},{{"stringValue":"a"}}]}}}}}}],"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}},{{"timeUnixNano":"0","observedTimeUnixNano":"{T1}","severityNumber":"SEVERITY_NUMBER_WARN2","body":{{"kvlistValue":{{"values":[{{"key":"k","value":{{"boolValue":true}}}}]}}}}}}]}}]}}]}}"#
    );
    let recording = read(&[("otlp/logs.jsonl", &line)]);
    assert_eq!(
        logs_of(&recording),
        [
            r#"2026-01-01T11:00:00Z service/cart Some(Error) "no \"stock\"" [("k8s.pod.name", "cart-7d"), ("list", "[1,\"a\"]"), ("n", "3")] 0af7651916cd43dd8448eb211c80319c 1"#,
            r#"2026-01-01T11:01:00Z service/cart Some(Warn) "{\"k\":true}" [("k8s.pod.name", "cart-7d")]  1"#,
        ]
    );
    assert_eq!(
        edges_of(&recording),
        ["service/cart ServedBy pod/shop/cart-7d"]
    );
}

#[test]
fn otlp_spans_whatever_the_order_of_their_fields() {
    let line = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"t","spanId":"s","parentSpanId":"p","name":"GET /","kind":3,"startTimeUnixNano":"{T0}","endTimeUnixNano":"{T1}","attributes":[{{"key":"server.address","value":{{"stringValue":"db"}}}}],"events":[{{"name":"exception","attributes":[{{"key":"exception.type","value":{{"stringValue":"E"}}}},{{"key":"exception.message","value":{{"stringValue":"m"}}}}]}}],"status":{{"code":2}}}}]}}],"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"cart"}}}}]}}}}]}}"#
    );
    let recording = read(&[("traces/t.jsonl", &line)]);
    assert_eq!(
        spans_of(&recording),
        [
            r#"t s p service/cart GET / Client 2026-01-01T11:00:00Z 2026-01-01T11:01:00Z true "E: m" "db" [("server.address", "db")]"#
        ]
    );
}

#[test]
fn otlp_metrics_of_every_kind() {
    let point = |extra: &str, time: &str| {
        format!(
            r#"{{"attributes":[{{"key":"route","value":{{"stringValue":"/"}}}}],"startTimeUnixNano":"1","timeUnixNano":"{time}",{extra}}}"#
        )
    };
    let metric = |name: &str, kind: &str, tail: &str, points: [String; 2]| {
        format!(
            r#"{{"name":"{name}","unit":"ms","{kind}":{{"dataPoints":[{}]{tail}}}}}"#,
            points.join(",")
        )
    };
    let both = |a: &str, b: &str| [point(a, T0), point(b, T1)];
    let cumulative = r#","aggregationTemporality":2,"isMonotonic":true"#;
    let metrics = [
        metric("gauge", "gauge", "", both(r#""asDouble":1.5"#, r#""asInt":"7""#)),
        metric("gauge.nan", "gauge", "", both(r#""asDouble":"NaN""#, r#""asDouble":2"#)),
        metric("gauge.none", "gauge", "", both(r#""flags":1"#, r#""asDouble":2"#)),
        metric("sum.cumulative", "sum", cumulative, both(r#""asInt":"100""#, r#""asInt":"130""#)),
        metric("sum.delta", "sum", r#","aggregationTemporality":1,"isMonotonic":true"#, both(r#""asInt":"5""#, r#""asInt":"6""#)),
        metric("sum.updown", "sum", r#","aggregationTemporality":2"#, both(r#""asInt":"5""#, r#""asInt":"4""#)),
        metric("hist", "histogram", cumulative, both(
            r#""count":"10","sum":100,"bucketCounts":["10","0","0"],"explicitBounds":[10,20]"#,
            r#""count":"20","sum":250,"bucketCounts":["10","10","0"],"explicitBounds":[10,20]"#,
        )),
        metric("exp", "exponentialHistogram", r#","aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA""#, both(
            r#""count":"4","sum":16,"scale":0,"zeroCount":"0","positive":{"offset":0,"bucketCounts":["1","1","2"]},"min":1.5"#,
            r#""count":"0","sum":0,"scale":0,"zeroCount":"0""#,
        )),
        metric("summary", "summary", "", both(
            r#""count":"10","sum":100,"quantileValues":[{"quantile":0.5,"value":9},{"quantile":0.99,"value":30}]"#,
            r#""count":"12","sum":140,"quantileValues":[{"quantile":0.99,"value":31}]"#,
        )),
    ]
    .join(",");
    let line = format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{{"key":"host.name","value":{{"stringValue":"h1"}}}}]}},"scopeMetrics":[{{"metrics":[{metrics}]}}]}}]}}"#
    );
    let recording = read(&[("metrics/m.jsonl", &line)]);
    let expected = r#"
host/h1:exp:count [1] 11:00:00=4 11:01:00=0
host/h1:exp:mean [ms] 11:00:00=4
host/h1:exp:min [ms] 11:00:00=1.5
host/h1:exp:p50 [ms] 11:00:00=4
host/h1:exp:p90 [ms] 11:00:00=7.2
host/h1:exp:p99 [ms] 11:00:00=7.92
host/h1:exp:sum [ms] 11:00:00=16 11:01:00=0
host/h1:gauge [ms] 11:00:00=1.5 11:01:00=7
host/h1:gauge.nan [ms] 11:01:00=2
host/h1:gauge.none [ms] 11:01:00=2
host/h1:hist:count [1] 11:01:00=10
host/h1:hist:mean [ms] 11:01:00=15
host/h1:hist:p50 [ms] 11:01:00=15
host/h1:hist:p90 [ms] 11:01:00=19
host/h1:hist:p99 [ms] 11:01:00=19.9
host/h1:hist:sum [ms] 11:01:00=150
host/h1:sum.cumulative:increase [ms] 11:01:00=30
host/h1:sum.delta:increase [ms] 11:00:00=5 11:01:00=6
host/h1:sum.updown [ms] 11:00:00=5 11:01:00=4
host/h1:summary:count [1] 11:01:00=2
host/h1:summary:mean [ms] 11:01:00=20
host/h1:summary:p50 [ms] 11:00:00=9
host/h1:summary:p99 [ms] 11:00:00=30 11:01:00=31
host/h1:summary:sum [ms] 11:01:00=40
"#;
    let labels = r#"{"host.name": "h1", "route": "/"} "#;
    assert_eq!(
        series_of(&recording).replace(labels, ""),
        expected.trim_start()
    );
    assert_eq!(recording.dropped().not_finite, 1);
}

#[test]
fn metrics_tables_in_their_three_layouts() {
    let recording = read(&[
        (
            "metrics/long.csv",
            "timestamp,service,name,stat,zone,value\n1767265200,cart,cpu,Average,a,1\n1767265260,cart,cpu,Average,a,NaN\n1767265260,cart,cpu,Average,,2\n",
        ),
        (
            "metrics/pods.csv",
            "time,PodName,CpuUsage(m),NodeName\n2026-01-01 11:00:00 +0000 UTC,cart-1,0.5,n1\n"
                .replace(" +0000 UTC", "")
                .as_str(),
        ),
        (
            "metrics/wide.csv",
            "time,cart|cpu|p99|%,\"odd,name|mem\"\n2026-01-01T11:00:00Z,5,\n2026-01-01T11:01:00Z,6,7\n",
        ),
        ("metrics/Cart.tsv", "ts\trps\n1767265200000\t9\n"),
        (
            "metrics/rows.ndjson",
            "{\"time\":\"2026-01-01T11:00:00Z\",\"entity\":\"x\",\"metric\":\"m\",\"value\":1,\"labels\":{\"unit\":\"u\"}}\n",
        ),
        (
            "metrics/rows.json",
            "[\n {\"time\":\"2026-01-01T11:01:00Z\",\"entity\":\"x\",\"metric\":\"m\",\"value\":2,\"labels\":{\"unit\":\"u\"}}]",
        ),
    ]);
    assert_eq!(
        series_of(&recording),
        r#"Cart:rps [] {} 11:00:00=9
cart:cpu:p99 [%] {} 11:00:00=5 11:01:00=6
odd,name:mem [] {} 11:01:00=7
pod/cart-1:CpuUsage(m) [] {} 11:00:00=0.5
service/cart:cpu:Average [] {} 11:01:00=2
service/cart:cpu:Average [] {"zone": "a"} 11:00:00=1
x:m [] {"unit": "u"} 11:00:00=1 11:01:00=2
"#
    );
}

#[test]
fn logs_as_rows_tables_and_text() {
    let recording = read(&[
        (
            "logs/a.ndjson",
            "{\"@timestamp\":\"2026-01-01T11:00:00Z\",\"service\":\"cart\",\"host\":\"h1\",\"level\":\"WARNING\",\"message\":\"slow\",\"http\":{\"status\":503}}\n",
        ),
        (
            "logs/b.csv",
            "time,entity,severity,body,attribute.code\n2026-01-01T11:00:01Z,cart,error,\"two\nlines, one\",7\n2026-01-01T11:00:02Z,cart,,next,\n",
        ),
        (
            "logs/cart.log",
            "2026-01-01 11:00:03,000 ERROR [main] failed\n  at Cart.add\n  at Main\n2026-01-01T11:00:04Z stdout F INFO up\n",
        ),
        (
            "elsewhere/rows.json",
            "[{\"time\":1767265205,\"msg\":\"by content\"}]",
        ),
    ]);
    assert_eq!(
        logs_of(&recording),
        [
            r#"2026-01-01T11:00:05Z unknown None "by content" []  1"#,
            r#"2026-01-01T11:00:00Z service/cart Some(Warn) "slow" [("host", "h1"), ("http.status", "503")]  1"#,
            r#"2026-01-01T11:00:01Z cart Some(Error) "two\nlines, one" [("code", "7")]  2"#,
            r#"2026-01-01T11:00:02Z cart None "next" []  4"#,
            r#"2026-01-01T11:00:03Z cart Some(Error) "ERROR [main] failed\n  at Cart.add\n  at Main" []  1"#,
            r#"2026-01-01T11:00:04Z cart Some(Info) "INFO up" []  4"#,
        ]
    );
}

#[test]
fn what_the_aws_command_line_prints() {
    let recording = read(&[
        (
            "aws/data.json",
            r#"{"MetricDataResults":[{"Id":"m1","Label":"Duration","Timestamps":["2026-01-01T11:01:00+00:00","2026-01-01T11:00:00+00:00"],"Values":[20.0,10.0],"StatusCode":"Complete"},{"Id":"m2","Label":"pay|Errors|Sum","Timestamps":["2026-01-01T11:00:00Z"],"Values":[3]}],"Messages":[]}"#,
        ),
        (
            "aws/data.queries.json",
            r#"[{"Id":"m1","MetricStat":{"Metric":{"Namespace":"AWS/Lambda","MetricName":"Duration","Dimensions":[{"Name":"FunctionName","Value":"pay"}]},"Period":60,"Stat":"p99"}}]"#,
        ),
        (
            "aws/orders.json",
            r#"{"Label":"CPUUtilization","Datapoints":[{"Timestamp":"2026-01-01T11:00:00+00:00","Average":50.5,"Unit":"Percent"}]}"#,
        ),
        (
            "aws/logs.json",
            "{\n\"logGroupName\": \"/aws/lambda/pay\",\n\"events\": [\n{\"logStreamName\":\"s\",\"timestamp\":1767265200000,\"message\":\"[ERROR] KeyError: 'TABLE'\\n\",\"ingestionTime\":1,\"eventId\":\"1\"}]}",
        ),
        (
            "aws/trail.json",
            r#"{"Events":[
{"EventId":"e1","EventName":"PutFunctionConcurrency20171031","ReadOnly":"false","EventTime":"2026-01-01T10:59:00+00:00","EventSource":"lambda.amazonaws.com","Username":"ops","Resources":[],"CloudTrailEvent":"{\"requestParameters\":{\"functionName\":\"pay\",\"reservedConcurrentExecutions\":0}}"},
{"EventId":"e2","EventName":"GetItem","ReadOnly":"true","EventTime":1767265200.0,"EventSource":"dynamodb.amazonaws.com","Username":"pay","CloudTrailEvent":"{\"errorCode\":\"AccessDenied\",\"errorMessage\":\"not authorized\",\"requestParameters\":{\"tableName\":\"ledger\"}}"},
{"EventId":"e3","EventName":"ListTables","ReadOnly":"true","EventTime":1767265200.0,"EventSource":"dynamodb.amazonaws.com","Username":"x","CloudTrailEvent":"{}"}]}"#,
        ),
        (
            "aws/rds.json",
            r#"{"Events":[{"SourceIdentifier":"orders","SourceType":"db-instance","Message":"DB instance restarted","EventCategories":["availability"],"Date":"2026-01-01T11:10:00+00:00"}]}"#,
        ),
        (
            "aws/alarms.json",
            r#"{"MetricAlarms":[{"AlarmName":"pay-errors","AlarmArn":"arn:aws:cloudwatch:eu-west-1:1:alarm:pay-errors","StateValue":"ALARM","StateReason":"crossed","StateUpdatedTimestamp":"2026-01-01T11:05:00+00:00","MetricName":"Errors","Namespace":"AWS/Lambda","Statistic":"Sum","Dimensions":[{"Name":"FunctionName","Value":"pay"}],"Threshold":1.0},{"AlarmName":"well","StateValue":"OK","StateUpdatedTimestamp":"2025-01-01T11:05:00+00:00"}],"CompositeAlarms":[]}"#,
        ),
        (
            "aws/traces.json",
            r#"{"Traces":[{"Id":"1-a","Duration":1,"Segments":[{"Id":"s1","Document":"{\"id\":\"s1\",\"name\":\"pay\",\"origin\":\"AWS::Lambda::Function\",\"start_time\":1767265200.0,\"end_time\":1767265201.5,\"fault\":true,\"http\":{\"request\":{\"method\":\"POST\",\"url\":\"https://x/tx?a=1\"},\"response\":{\"status\":500}},\"subsegments\":[{\"id\":\"s2\",\"name\":\"DynamoDB\",\"namespace\":\"aws\",\"start_time\":1767265200.1,\"end_time\":1767265200.2,\"throttle\":true,\"aws\":{\"operation\":\"PutItem\",\"table_name\":\"ledger\"},\"cause\":{\"exceptions\":[{\"type\":\"Throttled\",\"message\":\"slow down\"}]}}]}"}]}],"UnprocessedTraceIds":[]}"#,
        ),
    ]);
    assert_eq!(
        series_of(&recording),
        "function/pay:Duration:p99 [] {} 11:00:00=10 11:01:00=20
orders:CPUUtilization:Average [%] {} 11:00:00=50.5
pay:Errors:Sum [] {} 11:00:00=3
"
    );
    assert_eq!(
        logs_of(&recording),
        [
            r#"2026-01-01T11:00:00Z function/pay Some(Error) "[ERROR] KeyError: 'TABLE'" [("log_stream", "s")]  4"#
        ]
    );
    let changes = recording.changes(window()).found().unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(
        (changes[0].kind, &*changes[0].entities[0].to_string()),
        (model::ChangeKind::Scaling, "function/pay")
    );
    assert_eq!(
        changes[0].diff.as_deref(),
        Some("+functionName: pay\n+reservedConcurrentExecutions: 0\n")
    );
    assert_eq!(changes[0].raw.line, 2);
    let events: Vec<String> = recording
        .events(window())
        .found()
        .unwrap()
        .iter()
        .map(|e| format!("{} {} {} {}", e.first, e.entity, e.reason, e.message))
        .collect();
    assert_eq!(
        events,
        [
            "2026-01-01T11:00:00Z table/ledger AccessDenied GetItem by pay: not authorized",
            "2026-01-01T11:10:00Z database/orders availability DB instance restarted"
        ]
    );
    assert_eq!(recording.alarms().len(), 1);
    assert_eq!(recording.alarms()[0].entity.as_str(), "function/pay");
    assert_eq!(
        spans_of(&recording),
        [
            r#"1-a s1  function/pay POST /tx Server 2026-01-01T11:00:00Z 2026-01-01T11:00:01.5Z true "" "" [("http.response.status_code", "500"), ("url.full", "https://x/tx?a=1"), ("xray.fault", "true")]"#,
            r#"1-a s2 s1 function/pay DynamoDB PutItem Client 2026-01-01T11:00:00.1Z 2026-01-01T11:00:00.2Z true "Throttled: slow down" "DynamoDB" [("aws.table_name", "ledger"), ("xray.throttle", "true")]"#
        ]
    );
}

#[test]
fn what_kubectl_prints() {
    let recording = read(&[(
        "kubernetes/all.json",
        r#"{"apiVersion":"v1","items":[
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"cart-abc-1","namespace":"shop","labels":{"app":"cart","pod-template-hash":"abc"},"ownerReferences":[{"kind":"ReplicaSet","name":"cart-abc"}]},"spec":{"nodeName":"n1","serviceAccountName":"cart-sa","containers":[{"name":"c","envFrom":[{"configMapRef":{"name":"cart-env"}}]}]},"status":{"phase":"Running"}},
{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"cart","namespace":"shop"},"spec":{"replicas":1}},
{"apiVersion":"v1","kind":"Service","metadata":{"name":"cart","namespace":"shop"},"spec":{"selector":{"app":"cart"}}},
{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"shop"},"data":{"password":"aHVudGVyMg=="}},
{"apiVersion":"v1","kind":"Event","metadata":{"name":"e","namespace":"shop"},"involvedObject":{"kind":"Pod","name":"cart-abc-1","namespace":"shop"},"reason":"BackOff","message":"back-off","type":"Warning","count":4,"firstTimestamp":"2026-01-01T11:00:00Z","lastTimestamp":"2026-01-01T11:20:00Z"}
],"kind":"List"}"#,
    )]);
    assert_eq!(
        edges_of(&recording),
        [
            "pod/shop/cart-abc-1 UsesConfig config/shop/cart-env",
            "pod/shop/cart-abc-1 RunsOn host/n1",
            "pod/shop/cart-abc-1 UsesRole role/shop/cart-sa",
            "service/cart ServedBy pod/shop/cart-abc-1",
            "workload/shop/cart ServedBy pod/shop/cart-abc-1",
        ]
    );
    let states = recording.snapshots(window()).found().unwrap();
    let kinds: Vec<String> = states
        .iter()
        .map(|s| format!("{} {} {}", s.entity, s.kind, s.raw.line))
        .collect();
    assert_eq!(
        kinds,
        [
            "config/shop/s kubernetes.secret 5",
            "pod/shop/cart-abc-1 kubernetes.pod 2",
            "service/cart kubernetes.service 4",
            "workload/shop/cart kubernetes.deployment 3"
        ]
    );
    assert_eq!(states[0].document["data"]["password"], "(left out)");
    let events = recording.events(window()).found().unwrap();
    assert_eq!(
        (events[0].count, events[0].entity.as_str()),
        (4, "pod/shop/cart-abc-1")
    );
}
