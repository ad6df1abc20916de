//! Every fault shows itself where it should, is in the audit log only if somebody did it, and goes away again.

mod support;

use payledger::fault::{Fault, Road};
use support::{Arrived, Held, ask, get, json, receiver, run, serves, started, until};

/// Each test starts a whole system and waits for what it tells: two at once would make each other late. (With
/// nextest each test is a process of its own, and its configuration says the same.)
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What shows that a fault acts.
enum Sign {
    /// A log record of this entity with this text.
    Line(&'static str, &'static str),
    /// A metric of this entity above this value.
    Above(&'static str, &'static str, f64),
    /// A total of this entity that grows by more than this in a second.
    Faster(&'static str, &'static str, f64),
    /// A metric of this entity below this value.
    Below(&'static str, &'static str, f64),
}

impl Sign {
    fn seen(&self, arrived: &Arrived, lines_before: usize) -> bool {
        let value = |entity: &str, metric: &str| {
            arrived
                .metrics
                .get(&(entity.to_owned(), metric.to_owned()))
                .copied()
        };
        match self {
            Self::Line(entity, text) => arrived.lines[lines_before..]
                .iter()
                .any(|(of, line)| of == entity && line.contains(text)),
            Self::Above(entity, metric, limit) => {
                value(entity, metric).is_some_and(|value| value > *limit)
            }
            Self::Faster(entity, metric, limit) => arrived
                .speeds
                .get(&((*entity).to_owned(), (*metric).to_owned()))
                .is_some_and(|speed| speed > limit),
            Self::Below(entity, metric, limit) => {
                value(entity, metric).is_some_and(|value| value < *limit)
            }
        }
    }
}

const CREATE: &str = "function/ap-southeast-1/createTransaction";
const LIST: &str = "function/ap-southeast-1/listTransactions";
const BALANCE: &str = "function/ap-southeast-1/getBalance";
const TABLE: &str = "table/ap-southeast-1/ledger";
const OTHER_TABLE: &str = "table/ap-northeast-1/ledger";
const HOST: &str = "host/ap-southeast-1/table-host";

fn signs(fault: &str) -> Vec<Sign> {
    use Sign::{Above, Below, Faster, Line};
    match fault {
        "three" => vec![
            Line(
                CREATE,
                "(AccessDeniedException) when calling the PutItem operation",
            ),
            Above(LIST, "faas.throttles", 0.0),
            Line(BALANCE, "KeyError: 'LEDGER_TABLE'"),
        ],
        "role-swapped" => vec![Line(
            CREATE,
            "assumed-role/statement-mailer/createTransaction is not authorized",
        )],
        "concurrency-zero" => vec![Above(LIST, "faas.throttles", 0.0)],
        "variable-removed" => vec![Line(BALANCE, "Error Type: Runtime.ExitError")],
        "slow-table" => vec![Line(TABLE, "full table scan examined")],
        "table-throttled" => vec![
            Line(CREATE, "ProvisionedThroughputExceededException"),
            Above(TABLE, "table.throttled_requests", 0.0),
        ],
        "bad-deploy" => vec![Line(BALANCE, "KeyError: 'settled'\nTraceback")],
        "poison-record" => vec![Line(
            LIST,
            "cannot deserialize record tx-f3a1c09be7d2: malformed record",
        )],
        "memory-leak" => vec![
            Above(CREATE, "faas.mem_usage", 9e7),
            Line(CREATE, "Runtime exited with error: signal: killed"),
        ],
        "replication-lag" => vec![Above(OTHER_TABLE, "table.replication.lag", 2.0)],
        "certificate-expired" => vec![
            Line(CREATE, "certificate expired"),
            Below(CREATE, "tls.certificate.days_left", 0.0),
        ],
        "clock-skew" => vec![
            Above(HOST, "system.clock.offset", 60.0),
            Line(BALANCE, "RequestTimeTooSkewed"),
        ],
        "provider-down" => vec![
            Line(
                CREATE,
                "payments.example.com/v1/authorisations returned 503",
            ),
            Above(CREATE, "provider.errors", 0.0),
        ],
        "traffic-surge" => vec![Faster("router/router", "http.server.requests", 15.0)],
        other => panic!("no sign is known of {other}"),
    }
}

async fn shows(fault: &Fault, arrived: &Held, lines_before: usize) {
    let signs = signs(&fault.name);
    until(&fault.name, 150, async || {
        let arrived = arrived.lock().expect("held");
        let seen = signs
            .iter()
            .filter(|sign| sign.seen(&arrived, lines_before))
            .count();
        if seen == signs.len() {
            Ok(())
        } else {
            Err(format!("{seen} of {} signs", signs.len()))
        }
    })
    .await;
}

#[tokio::test]
async fn every_fault_shows_and_goes_away() {
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().expect("folder");
    let state = folder.path();
    let (otlp, arrived) = receiver().await;
    let (_program, deployment) = started(state, &otlp).await;
    for fault in payledger::fault::all().expect("faults") {
        let whole = payledger::fault::find(&fault.name).expect("found");
        if whole.expected.is_empty() {
            // Minutes of innocent deploys show nothing, which is their point.
            continue;
        }
        let (_, audit) = get(&format!("{}/audit", deployment.control)).await;
        let records = audit["Records"].as_array().map_or(0, Vec::len);
        let lines = arrived.lock().expect("held").lines.len();

        let injected = json(state, &["fault", "inject", &fault.name]).await;
        let again = run(state, &["fault", "inject", &fault.name]).await;
        assert_eq!(again.status.code(), Some(1), "{} twice", fault.name);
        shows(&fault, &arrived, lines).await;

        let (_, audit) = get(&format!("{}/audit", deployment.control)).await;
        let now = audit["Records"].as_array().map_or(0, Vec::len);
        let changes = whole
            .steps
            .iter()
            .filter(|step| step.through == Road::Control)
            .count();
        assert_eq!(
            now - records,
            changes,
            "{}: what people did stands in the audit log, and nothing else",
            fault.name
        );
        assert_eq!(
            injected["events"].as_array().map(Vec::len),
            Some(changes),
            "{}",
            fault.name
        );

        let restored = run(state, &["fault", "restore", &fault.name]).await;
        assert!(restored.status.success(), "{restored:?}");
        until("both regions are well again", 150, async || {
            for region in &deployment.regions {
                let (status, body) = get(&format!("{}/health", region.front)).await;
                if status != 200 {
                    return Err(format!("{}: {}: {status} {body}", fault.name, region.name));
                }
            }
            Ok(())
        })
        .await;
        serves(&deployment, "primary").await;
    }
    let finding = json(state, &["audit", "--wait", "40"]).await;
    assert_eq!(finding["clean"], true, "{finding:#}");
}

/// Faults that somebody who watches can end through the control plane, with the request that does it.
const MENDED: [(&str, &str, &str, &str); 5] = [
    (
        "memory-leak",
        "POST",
        "functions/ap-southeast-1/createTransaction/restart",
        "",
    ),
    (
        "replication-lag",
        "POST",
        "tables/ap-northeast-1/ledger/replication/restart",
        "",
    ),
    (
        "clock-skew",
        "POST",
        "hosts/ap-southeast-1/table-host/clock/sync",
        "",
    ),
    (
        "poison-record",
        "POST",
        "records/ap-southeast-1/ledger/tx-f3a1c09be7d2/set-aside",
        "",
    ),
    (
        "provider-down",
        "PUT",
        "providers/ap-southeast-1/payments/route",
        r#"{"route": "standby"}"#,
    ),
];

#[tokio::test]
async fn the_control_plane_can_mend_what_happened_by_itself() {
    let _alone = ALONE.lock().await;
    use Sign::{Above, Below};
    let folder = tempfile::tempdir().expect("folder");
    let state = folder.path();
    let (otlp, arrived) = receiver().await;
    let (_program, deployment) = started(state, &otlp).await;
    for (name, method, path, body) in MENDED {
        let fault = payledger::fault::find(name).expect("found");
        let lines = arrived.lock().expect("held").lines.len();
        json(state, &["fault", "inject", name]).await;
        shows(&fault, &arrived, lines).await;
        let (status, said) = ask(method, &format!("{}/{path}", deployment.control), "", body).await;
        assert_eq!(status, 200, "{name}: {said}");
        assert_eq!(said["lastUpdateStatus"], "Successful", "{name}: {said}");
        until(name, 150, async || {
            let (status, body) = get(&format!("{}/health", deployment.regions[0].front)).await;
            if status != 200 {
                return Err(format!("{status} {body}"));
            }
            let arrived = arrived.lock().expect("held");
            let well = match name {
                "memory-leak" => Below(CREATE, "faas.mem_usage", 5e7).seen(&arrived, 0),
                "replication-lag" => {
                    Below(OTHER_TABLE, "table.replication.lag", 1.0).seen(&arrived, 0)
                }
                "clock-skew" => {
                    Below(HOST, "system.clock.offset", 1.0).seen(&arrived, 0)
                        && Above(HOST, "system.clock.offset", -1.0).seen(&arrived, 0)
                }
                _ => true,
            };
            if well {
                Ok(())
            } else {
                Err("the metric is not back".into())
            }
        })
        .await;
        let restored = run(state, &["fault", "restore", name]).await;
        assert!(restored.status.success(), "{restored:?}");
        serves(&deployment, "primary").await;
    }
    let finding = json(state, &["audit", "--wait", "40"]).await;
    assert_eq!(finding["clean"], true, "{finding:#}");
}
