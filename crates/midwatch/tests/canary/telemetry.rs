//! Telemetry as each vendor gives it, in which the credential stands that it was asked with.

use model::time::Timestamp;
use serde_json::{Value, json};

use super::double::{Answer, Asked};

/// The service that everything is about.
pub const SERVICE: &str = "checkout";

fn seconds() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap()
}

fn ago(minutes: i64) -> String {
    Timestamp::from_seconds(seconds() - 60 * minutes).to_string()
}

fn unknown() -> Answer {
    Answer {
        status: 501,
        ..Answer::text("it does not know that".to_string())
    }
}

/// Who vouches for people, and where.
pub fn issuer(own: &str, asked: &Asked) -> Answer {
    match asked.path() {
        "/.well-known/openid-configuration" => Answer::json(&json!({
            "issuer": format!("http://{own}"), "authorization_endpoint": format!("http://{own}/authorize"),
            "token_endpoint": format!("http://{own}/token"), "jwks_uri": format!("http://{own}/keys"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        })),
        "/keys" => Answer::json(&json!({"keys": []})),
        _ => unknown(),
    }
}

pub fn answer(name: &str, asked: &Asked, said: &str) -> Answer {
    let kind = name.split('-').next().unwrap();
    match kind {
        "prometheus" => prometheus(asked, said),
        "loki" => loki(asked, said),
        "alertmanager" => alertmanager(asked, said),
        "jaeger" => jaeger(asked, said),
        "tempo" => tempo(asked, said),
        "statuspage" => statuspage(asked, said),
        "github" | "issues" => github(asked, said),
        "gitlab" => gitlab(asked, said),
        "argocd" => argocd(asked, said),
        "kubernetes" => kubernetes(asked, said),
        "aws" => aws(asked, said),
        "slack" => Answer::json(&json!({"ok": true, "ts": said, "messages": []})),
        "oidc" => Answer::json(&json!({"id_token": said})),
        _ => Answer::text(said.to_string()),
    }
}

fn prometheus(asked: &Asked, said: &str) -> Answer {
    let known = |data: Value| Answer::json(&json!({"status": "success", "data": data}));
    let (now, query) = (seconds(), asked.field("query"));
    let up = json!({"__name__": "up", "job": SERVICE, "instance": "10.0.0.1:80"});
    let series = json!({"__name__": "queue_length", "job": SERVICE, "instance": "10.0.0.1:80", "said": said});
    let vector = |labels: &[&Value]| {
        let rows = labels
            .iter()
            .map(|labels| json!({"metric": labels, "value": [now, "1"]}));
        known(json!({"resultType": "vector", "result": rows.collect::<Vec<_>>()}))
    };
    match asked.path() {
        "/api/v1/query" if query == "time()" => {
            known(json!({"resultType": "scalar", "result": [now, now.to_string()]}))
        }
        "/api/v1/query" if query.starts_with("topk") => vector(&[&up]),
        "/api/v1/query" if query.ends_with("[10m]") => {
            let times: Vec<Value> = (0..40).rev().map(|i| json!([now - 15 * i, "1"])).collect();
            known(json!({"resultType": "matrix", "result": [{"metric": up, "values": times}]}))
        }
        "/api/v1/query" if query.starts_with("count by (__name__)") => vector(&[
            &json!({"__name__": "queue_length"}),
            &json!({"__name__": "up"}),
        ]),
        "/api/v1/query" => vector(&[&series, &up]),
        "/api/v1/query_range" => {
            let number = |name: &str| asked.field(name).parse::<f64>().unwrap_or(60.0) as i64;
            let times: Vec<i64> = (number("start")..=number("end"))
                .step_by(number("step").max(1) as usize)
                .collect();
            let of = |labels: &Value| {
                let values: Vec<Value> = times
                    .iter()
                    .map(|at| json!([at, if *at > now - 120 { "90" } else { "1" }]))
                    .collect();
                json!({"metric": labels, "values": values})
            };
            known(json!({"resultType": "matrix", "result": [of(&series), of(&up)]}))
        }
        "/api/v1/label/__name__/values" => known(json!(["queue_length", "up"])),
        "/api/v1/metadata" => {
            known(json!({"queue_length": [{"type": "gauge", "help": said, "unit": ""}]}))
        }
        "/api/v1/targets" => known(json!({"activeTargets": [{
            "labels": up, "discoveredLabels": {}, "health": "down", "lastError": said, "lastScrape": ago(1),
            "scrapeInterval": "15s", "scrapeTimeout": "10s", "scrapeUrl": "http://10.0.0.1/metrics",
        }]})),
        "/api/v1/rules" => known(json!({"groups": [{"name": "g", "rules": [{
            "type": "alerting", "name": "Fails", "query": "up == 0", "state": "firing",
            "alerts": [{"labels": {"service": SERVICE, "said": said}, "annotations": {"summary": said}, "state": "firing", "activeAt": ago(2), "value": "1"}],
        }]}]})),
        _ => unknown(),
    }
}

fn loki(asked: &Asked, said: &str) -> Answer {
    let known = |data: Value| Answer::json(&json!({"status": "success", "data": data}));
    match asked.path() {
        "/loki/api/v1/labels" => known(json!(["service_name", "level"])),
        "/loki/api/v1/query_range" => {
            let lines: Vec<Value> = (1..20)
                .map(|i| {
                    json!([
                        format!("{}000000000", seconds() - 5 * i),
                        format!("ERROR cannot sign in at the database: {said}")
                    ])
                })
                .collect();
            known(json!({"resultType": "streams", "result": [
                {"stream": {"service_name": SERVICE, "level": "error", "said": said}, "values": lines},
            ]}))
        }
        _ => unknown(),
    }
}

fn alertmanager(asked: &Asked, said: &str) -> Answer {
    match asked.path() {
        "/api/v2/silences" => Answer::json(&json!([{
            "id": "s-1", "status": {"state": "active"}, "startsAt": ago(9), "endsAt": ago(-60), "updatedAt": ago(9),
            "createdBy": said, "comment": said,
            "matchers": [{"name": "service", "value": "mail", "isRegex": false, "isEqual": true}],
        }])),
        "/api/v2/alerts" => Answer::json(&json!([{
            "labels": {"alertname": "Slow", "service": SERVICE, "severity": "critical", "said": said}, "annotations": {"summary": said},
            "startsAt": ago(3), "endsAt": ago(-5), "updatedAt": ago(0), "fingerprint": "f", "receivers": [],
            "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
        }])),
        _ => unknown(),
    }
}

fn spans(number: u64, said: &str) -> Value {
    let begin = (seconds() - 60) * 1_000_000_000;
    json!([{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": SERVICE}}, {"key": "said", "value": {"stringValue": said}}]},
        "scopeSpans": [{"spans": [{
            "traceId": format!("{number:032x}"), "spanId": format!("{number:016x}"), "name": format!("GET {said}"), "kind": 2,
            "startTimeUnixNano": begin.to_string(), "endTimeUnixNano": (begin + 9_000_000).to_string(),
            "status": {"code": 2, "message": said},
        }]}],
    }])
}

fn jaeger(asked: &Asked, said: &str) -> Answer {
    match asked.path() {
        "/api/v3/services" => Answer::json(&json!({"services": [SERVICE, said]})),
        "/api/v3/traces" => Answer::json(&json!({"result": {"resourceSpans": spans(9, said)}})),
        _ => unknown(),
    }
}

fn tempo(asked: &Asked, said: &str) -> Answer {
    match asked.path() {
        "/api/search" => Answer::json(
            &json!({"traces": [{"traceID": "7", "rootServiceName": said}], "metrics": {}}),
        ),
        path if path.starts_with("/api/v2/traces/") => {
            Answer::json(&json!({"trace": {"resourceSpans": spans(7, said)}}))
        }
        _ => unknown(),
    }
}

fn statuspage(asked: &Asked, said: &str) -> Answer {
    match asked.path() {
        "/api/v2/summary.json" => Answer::json(&json!({
            "page": {"name": said, "updated_at": ago(1)}, "status": {"indicator": "major", "description": said},
            "components": [{"name": said, "status": "major_outage", "updated_at": ago(9), "group": false}],
        })),
        "/api/v2/incidents.json" => Answer::json(&json!({"incidents": [{
            "name": said, "impact": "major", "components": [{"name": said}],
            "incident_updates": [{"status": "investigating", "display_at": ago(9), "created_at": ago(9), "body": said}],
        }]})),
        _ => unknown(),
    }
}

fn github(asked: &Asked, said: &str) -> Answer {
    let sha = "b".repeat(40);
    let path = asked
        .path()
        .strip_prefix("/repos/shop/checkout")
        .unwrap_or("elsewhere");
    Answer::json(&match path {
        "" => json!({"full_name": "shop/checkout", "default_branch": "main", "description": said}),
        "/commits" => {
            json!([{"sha": sha, "commit": {"message": said, "author": {"name": said, "date": ago(9)}, "committer": {"date": ago(9)}}, "author": {"login": said}}])
        }
        "/deployments" => {
            json!([{"id": 2, "sha": sha, "ref": "main", "environment": said, "created_at": ago(8), "creator": {"login": said}}])
        }
        "/deployments/2/statuses" => {
            json!([{"state": "success", "created_at": ago(6), "description": said}])
        }
        "/actions/runs" => json!({"total_count": 1, "workflow_runs": [
            {"id": 70, "name": format!("Deploy {said}"), "head_sha": sha, "conclusion": "success", "run_started_at": ago(9), "updated_at": ago(7)},
        ]}),
        "/issues" if asked.method == "POST" => json!({"number": 7, "html_url": said}),
        "/issues" => json!([]),
        path if path.starts_with("/commits/") => json!({"sha": sha, "files": [
            {"filename": "src/pool.rs", "status": "modified", "patch": format!("@@ -1 +1 @@\n-let most = 20;\n+let most = \"{said}\";")},
        ]}),
        path if path.starts_with("/issues") => json!({"number": 7}),
        _ => return unknown(),
    })
}

fn gitlab(asked: &Asked, said: &str) -> Answer {
    let sha = "c".repeat(40);
    let path = asked
        .path()
        .strip_prefix("/api/v4/projects/shop%2Fcheckout")
        .unwrap_or("elsewhere");
    Answer::json(&match path {
        "" => json!({"path_with_namespace": "shop/checkout", "default_branch": "main"}),
        "/repository/commits" => {
            json!([{"id": sha, "committed_date": ago(9), "message": said, "author_name": said}])
        }
        "/deployments" => json!([
            {"id": 9, "sha": sha, "ref": "main", "status": "success", "created_at": ago(8), "updated_at": ago(7),
             "environment": {"name": said}, "user": {"username": said}},
        ]),
        "/pipelines" => json!([]),
        path if path.starts_with("/repository/commits/") => json!([
            {"old_path": "a.yaml", "new_path": "a.yaml", "diff": format!("@@ -1 +1 @@\n-pool: 20\n+pool: {said}\n")},
        ]),
        _ => return unknown(),
    })
}

fn argocd(asked: &Asked, said: &str) -> Answer {
    let sha = "d".repeat(40);
    match asked.path() {
        "/api/v1/applications" => Answer::json(&json!({"metadata": {}, "items": [{
            "metadata": {"name": SERVICE, "namespace": "argocd"},
            "spec": {"source": {"repoURL": format!("https://git.example/{said}.git"), "path": said, "targetRevision": "main"}},
            "status": {
                "sync": {"status": "OutOfSync", "revision": sha}, "health": {"status": "Degraded", "message": said},
                "history": [{"id": 1, "revision": sha, "deployStartedAt": ago(8), "deployedAt": ago(7), "source": {"path": said}, "initiatedBy": {"username": said}}],
                "operationState": {"phase": "Failed", "message": said, "finishedAt": ago(5)},
                "conditions": [{"type": "SyncError", "message": said, "lastTransitionTime": ago(4)}],
                "resources": [{"kind": "Deployment", "name": SERVICE, "namespace": "shop"}],
            },
        }]})),
        _ => unknown(),
    }
}

fn kubernetes(asked: &Asked, said: &str) -> Answer {
    let items = match asked.path() {
        "/version" => return Answer::json(&json!({"gitVersion": format!("v1.34.1 {said}")})),
        "/api/v1/events" => json!([{
            "metadata": {"name": "e1", "namespace": "shop"},
            "involvedObject": {"kind": "Deployment", "name": SERVICE, "namespace": "shop"},
            "reason": "Failed", "message": said, "type": "Warning", "count": 9, "firstTimestamp": ago(9), "lastTimestamp": ago(1),
        }]),
        path if path.ends_with("/deployments") => json!([{
            "metadata": {"name": SERVICE, "namespace": "shop", "annotations": {"said": said}}, "spec": {"replicas": 2},
            "status": {"readyReplicas": 1, "conditions": [{"type": "Progressing", "status": "False", "reason": "Failed", "message": said, "lastUpdateTime": ago(9)}]},
        }]),
        _ => json!([]),
    };
    Answer::json(
        &json!({"kind": "List", "apiVersion": "v1", "metadata": {"continue": ""}, "items": items}),
    )
}

fn aws(asked: &Asked, said: &str) -> Answer {
    let call = asked
        .header("x-amz-target")
        .rsplit('.')
        .next()
        .unwrap_or_default();
    let call = match call {
        "" => asked.path().rsplit('/').next().unwrap_or_default(),
        call => call,
    };
    if asked.field("Action") == "GetCallerIdentity" {
        let body = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>{said}</Arn>\
             <UserId>{said}</UserId><Account>111111111111</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        );
        return Answer {
            headers: "content-type: text/xml\r\n".to_string(),
            ..Answer::text(body)
        };
    }
    match call {
        "DescribeLogGroups" => Answer::json(
            &json!({"logGroups": [{"logGroupName": format!("/aws/lambda/{SERVICE}")}]}),
        ),
        "FilterLogEvents" => Answer::json(&json!({"events": [
            {"timestamp": (seconds() - 30) * 1000, "message": format!("ERROR no access with {said}"), "logStreamName": said},
        ]})),
        "DescribeAlarms" => {
            let alarm = json!({"MetricAlarms": [{
                "AlarmName": said, "StateValue": "ALARM", "StateReason": said, "Namespace": "AWS/Lambda", "MetricName": "Errors",
                "Statistic": "Sum", "Dimensions": [{"Name": "FunctionName", "Value": SERVICE}],
            }]});
            let mut body = Vec::new();
            cbor(&alarm, &mut body);
            Answer {
                status: 200,
                headers: "content-type: application/cbor\r\nsmithy-protocol: rpc-v2-cbor\r\n"
                    .to_string(),
                body,
            }
        }
        _ => Answer {
            status: 400,
            ..Answer::json(&json!({"__type": "ValidationException", "message": said}))
        },
    }
}

/// Texts, lists and maps as RFC 8949 writes them.
fn cbor(value: &Value, out: &mut Vec<u8>) {
    let mut head = |kind: u8, length: usize| {
        out.push(kind << 5 | 25);
        out.extend(u16::try_from(length).unwrap().to_be_bytes());
    };
    match value {
        Value::String(text) => {
            head(3, text.len());
            out.extend(text.bytes());
        }
        Value::Array(items) => {
            head(4, items.len());
            items.iter().for_each(|item| cbor(item, out));
        }
        Value::Object(fields) => {
            head(5, fields.len());
            for (name, value) in fields {
                cbor(&json!(name), out);
                cbor(value, out);
            }
        }
        _ => unreachable!("not needed here"),
    }
}
