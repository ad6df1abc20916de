//! The whole thing as a user has it: the program is started, works, is broken, fails over, is mended, fails
//! back, and every acknowledged transaction is where it should be.

mod support;

use std::collections::BTreeSet;
use std::process::Command;

use payledger::deployment::{Deployment, StateFolder};
use support::{Held, ask, get, json, receiver, run, serves, started, until};

#[tokio::test]
async fn it_works_breaks_fails_over_and_comes_back() {
    let folder = tempfile::tempdir().expect("folder");
    let state = folder.path();
    let (otlp, arrived) = receiver().await;
    let places = StateFolder::new(state);
    let (program, deployment) = started(state, &otlp).await;

    // It works, from the outside and by its own account.
    let seeded = run(state, &["seed", "--count", "20"]).await;
    assert!(seeded.status.success(), "{seeded:?}");
    let (status, list) = get(&format!("{}/transactions", deployment.router)).await;
    assert_eq!(status, 200);
    assert!(
        list["transactions"]
            .as_array()
            .is_some_and(|list| list.len() >= 20),
        "{list}"
    );
    let (status, _) = get(&format!("{}/", deployment.router)).await;
    assert_eq!(status, 200, "the page");

    // A second one in the same folder is refused.
    let second = run(state, &["up"]).await;
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("running here already"));

    // It breaks: three changes, three records, and the other region takes over.
    let injected = json(state, &["fault", "inject"]).await;
    assert_eq!(
        injected["events"].as_array().map(Vec::len),
        Some(3),
        "{injected}"
    );
    let (_, audit) = get(&format!("{}/audit", deployment.control)).await;
    let names: Vec<&str> = audit["Records"]
        .as_array()
        .expect("records")
        .iter()
        .filter_map(|record| record["eventName"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "UpdateFunctionConfiguration",
            "PutFunctionConcurrency",
            "UpdateFunctionConfiguration"
        ]
    );
    serves(&deployment, "failover").await;
    let (status, _) = get(&format!("{}/balance", deployment.router)).await;
    assert_eq!(status, 200, "the other region serves");
    let (status, _) = get(&format!("{}/balance", deployment.regions[0].front)).await;
    assert_eq!(status, 502, "the function dies at load");
    let (status, _) = get(&format!("{}/transactions", deployment.regions[0].front)).await;
    assert_eq!(status, 429, "the function may not run");

    control_plane_keeps_its_word(&deployment).await;

    // It is mended and comes back.
    let restored = run(state, &["fault", "restore"]).await;
    assert!(restored.status.success(), "{restored:?}");
    serves(&deployment, "primary").await;
    let finding = json(state, &["audit", "--wait", "30"]).await;
    assert_eq!(finding["clean"], true, "{finding:#}");
    assert!(
        finding["acknowledged"]
            .as_u64()
            .is_some_and(|count| count >= 20)
    );

    // A process that dies is started again, and nothing is lost.
    let table = deployment
        .processes
        .iter()
        .find(|process| process.name == "table-ap-southeast-1")
        .expect("a table");
    let killed = Command::new("kill")
        .args(["-9", &table.pid.to_string()])
        .status();
    assert!(killed.is_ok_and(|status| status.success()));
    until("the table is started again", 30, async || {
        let deployment = places.deployment().map_err(|failure| failure.to_string())?;
        let again = deployment
            .processes
            .iter()
            .any(|new| new.name == table.name && new.pid != table.pid);
        let (status, body) = get(&format!("{}/health", deployment.regions[0].front)).await;
        if again && status == 200 {
            Ok(())
        } else {
            Err(format!("{status} {body}"))
        }
    })
    .await;
    let finding = json(state, &["audit", "--wait", "30"]).await;
    assert_eq!(finding["clean"], true, "{finding:#}");

    telemetry_is_whole(&deployment, &arrived).await;

    let down = run(state, &["down"]).await;
    assert!(down.status.success(), "{down:?}");
    for process in &deployment.processes {
        let line =
            std::fs::read_to_string(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
        assert!(!line.contains(&process.role), "{} still runs", process.name);
    }
    drop(program);
}

/// Once per key, back by the event's id, and clear about what cannot be.
async fn control_plane_keeps_its_word(deployment: &Deployment) {
    let control = &deployment.control;
    let path = format!("{control}/functions/ap-northeast-1/health/concurrency");
    let (wanted, other) = (
        r#"{"reservedConcurrentExecutions": 7}"#,
        r#"{"reservedConcurrentExecutions": 8}"#,
    );
    let key = "idempotency-key: once\r\nx-actor: mei.tan\r\n";
    let records = async || {
        let (_, audit) = get(&format!("{control}/audit")).await;
        audit["Records"].as_array().expect("records").clone()
    };
    let (status, unknown) = get(&format!("{control}/operations/once")).await;
    assert_eq!((status, &unknown["state"]), (404, &"unknown".into()));
    let before = records().await.len();
    let (status, first) = ask("PUT", &path, key, wanted).await;
    assert_eq!(
        (status, &first["lastUpdateStatus"]),
        (200, &"Successful".into()),
        "{first}"
    );
    let (status, again) = ask("PUT", &path, key, wanted).await;
    assert_eq!(status, 200);
    assert_eq!(again["eventID"], first["eventID"]);
    assert_eq!(again["replayed"], true);
    assert_eq!(records().await.len(), before + 1, "done once");
    let (status, _) = ask("PUT", &path, key, other).await;
    assert_eq!(status, 422, "one key, two requests");
    let (status, known) = get(&format!("{control}/operations/once")).await;
    assert_eq!((status, &known["state"]), (200, &"done".into()));
    assert_eq!(known["answer"]["eventID"], first["eventID"]);

    let record = records().await.pop().expect("a record");
    assert_eq!(record["userIdentity"]["userName"], "mei.tan");
    assert_eq!(
        record["additionalEventData"]["before"]["reservedConcurrentExecutions"],
        10
    );
    assert_eq!(
        record["requestParameters"]["reservedConcurrentExecutions"],
        7
    );
    assert_eq!(
        record["resources"][0]["entity"],
        "function/ap-northeast-1/health"
    );

    let id = first["eventID"].as_str().expect("an id");
    let revert = format!("{control}/revert/{id}");
    let (status, reverted) = ask("POST", &revert, "idempotency-key: back\r\n", "").await;
    assert_eq!(status, 200, "{reverted}");
    let (_, function) = get(&format!("{control}/functions/ap-northeast-1/health")).await;
    assert_eq!(function["reservedConcurrentExecutions"], 10);
    let (status, same) = ask("POST", &revert, "idempotency-key: back\r\n", "").await;
    assert_eq!((status, &same["eventID"]), (200, &reverted["eventID"]));
    let (status, _) = ask("POST", &revert, "", "").await;
    assert_eq!(status, 409, "put back before");

    for (method, path, body, expected) in [
        (
            "PUT",
            "functions/ap-northeast-1/nobody/role",
            r#"{"role": "ledger-reader"}"#,
            404,
        ),
        (
            "PUT",
            "functions/nowhere/health/role",
            r#"{"role": "ledger-reader"}"#,
            404,
        ),
        (
            "PUT",
            "functions/ap-northeast-1/health/role",
            r#"{"role": "ghost"}"#,
            404,
        ),
        ("PUT", "functions/ap-northeast-1/health/role", "{", 400),
        (
            "PUT",
            "functions/ap-northeast-1/health/concurrency",
            r#"{"reservedConcurrentExecutions": -1}"#,
            400,
        ),
        ("PUT", "functions/ap-northeast-1/health/colour", "{}", 404),
        (
            "PUT",
            "tables/ap-northeast-1/ledger/throughput",
            r#"{"readCapacityUnits": 0, "writeCapacityUnits": 1}"#,
            400,
        ),
        ("POST", "revert/nothing", "", 404),
        ("GET", "audit?since=yesterday", "", 400),
        ("GET", "config/ap-northeast-1?process=stranger", "", 403),
    ] {
        let (status, said) = ask(method, &format!("{control}/{path}"), "", body).await;
        assert_eq!(status, expected, "{method} {path}: {said}");
        assert!(said["message"].is_string(), "{method} {path}: {said}");
    }
    assert_eq!(
        records().await.len(),
        before + 2,
        "what was refused left no record"
    );
}

async fn telemetry_is_whole(deployment: &Deployment, arrived: &Held) {
    let (_, topology) = get(&format!("{}/topology", deployment.control)).await;
    let known: BTreeSet<&str> = topology["entities"]
        .as_array()
        .expect("entities")
        .iter()
        .filter(|entity| entity["telemetry"].is_object())
        .filter_map(|entity| entity["id"].as_str())
        .collect();
    let arrived = arrived.lock().expect("held");
    for (signal, entities) in &arrived.entities {
        for entity in entities {
            assert!(
                known.contains(entity.as_str()),
                "{signal} of {entity}, which the topology does not know"
            );
        }
    }
    for entity in &known {
        assert!(
            arrived.entities["metrics"].contains(*entity),
            "no metrics of {entity}; of {:?}",
            arrived.entities["metrics"]
        );
    }
    for name in [
        "faas.invocations",
        "faas.errors",
        "faas.throttles",
        "faas.invoke_duration",
        "table.throttled_requests",
        "table.replication.lag",
        "tls.certificate.days_left",
        "system.clock.offset",
        "router.switches",
        "http.server.errors",
    ] {
        assert!(
            arrived.metrics.keys().any(|(_, metric)| metric == name),
            "no metric {name}"
        );
    }
    // One request goes through router, front, function and table in one trace.
    let path = [
        "router/router",
        "front/ap-southeast-1/api",
        "function/ap-southeast-1/createTransaction",
        "table/ap-southeast-1/ledger",
    ];
    assert!(
        arrived
            .traces
            .values()
            .any(|entities| path.iter().all(|entity| entities.contains(*entity))),
        "no trace goes all the way"
    );
    let says = |entity: &str, text: &str| {
        arrived
            .lines
            .iter()
            .any(|(of, line)| of == entity && line.contains(text))
    };
    assert!(says(
        "function/ap-southeast-1/getBalance",
        "[ERROR] KeyError: 'LEDGER_TABLE'\nTraceback"
    ));
    assert!(says(
        "function/ap-southeast-1/createTransaction",
        "assumed-role/statement-mailer/createTransaction is not authorized to perform: dynamodb:PutItem"
    ));
    assert!(says(
        "router/router",
        "failover: traffic goes to ap-northeast-1"
    ));
    // Nothing that is sent may tell which faults there are.
    for fault in payledger::fault::all().expect("faults") {
        for (_, line) in &arrived.lines {
            assert!(!line.contains(&fault.name), "{line:?} names a fault");
        }
    }
}
