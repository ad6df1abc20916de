//! What runs, seen through the double: rows and documents, what it costs, and what is left where something is denied or
//! strange.

use super::services::{COMMIT, runs as whole};
use super::*;

fn brought() -> (Brought, Arc<Double>) {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), whole);
    let eyes = eyes(&double, one_region());
    let brought = look(&double, &eyes);
    println!(
        "{} calls in {}",
        double.calls().len(),
        time.now().since(BEGIN)
    );
    (brought, double)
}

#[test]
fn what_runs_becomes_rows() {
    let (brought, double) = brought();
    assert_eq!(brought.gaps, []);
    let calls = double.calls();
    assert!(calls.len() <= 64, "{}", calls.len());
    let time = double.time.now().since(BEGIN);
    assert!(time < Span::seconds(5), "{time}");
    let whole = format!("{brought:?}");
    assert!(!whole.contains("variable-canary"), "{whole}");

    let events: Vec<String> = brought
        .events
        .iter()
        .filter(|one| !["cloudwatch", "cloudtrail"].contains(&one.source.as_str()))
        .map(|one| {
            let severity = one
                .severity
                .map_or(String::new(), |severity| severity.to_string());
            format!(
                "{} {severity} x{} {}: {}",
                one.entity, one.count, one.reason, one.message
            )
        })
        .collect();
    insta::assert_snapshot!(events.join("\n"), @r"
    database/orders-1 warn x1 low storage: DB instance has run out of storage space.
    service/web info x1 ServiceEvent: (service web) has reached a steady state.
    service/web error x2 OOMKilled: a task of web:42 stopped: Essential container in task exited: container app exited with code 137 (OutOfMemoryError: Container killed due to memory usage)
    service/web error x1 ServiceEvent: (service web) is unable to consistently start tasks successfully.
    workload/workers error x1 ScalingActivityFailed: Launching a new EC2 instance failed: We currently do not have sufficient m7g.large capacity in the Availability Zone you requested (eu-west-1a).
    function/settle error x2 ExecutionFailed: an execution failed
    function/settle error x1 StepFailed: execution c failed in Charge: Lambda.TooManyRequestsException: Rate Exceeded.
    service/web warn x1 PipelineExecutionFailed: pipeline web failed in Out, Deploy: JobFailed: The service did not become stable.
    workload/workers error x1 DeploymentFailed: deployment failed: d-1: HEALTH_CONSTRAINTS: Too few healthy instances are available. d-2 goes back.
    host/i-0abc warn x1 AutomationFailed: automation AWS-RestartEC2Instance failed: Step fails when it is Poll action status for completion.
    host/i-0abc warn x1 CommandFailed: command AWS-RunPatchBaseline failed on 1 of 1 machines: Failed
    service/web warn x1 BuildFailed: build web-build:3 failed in BUILD: COMMAND_EXECUTION_ERROR: Error while executing command: npm test. Reason: exit status 1
");

    let mut changes: Vec<String> = brought
        .changes
        .iter()
        .filter(|one| one.actor != "anna")
        .map(|one| {
            let touched: Vec<&str> = one.entities.iter().map(EntityId::as_str).collect();
            let ago = BEGIN.since(one.start).as_minutes();
            format!(
                "{:?} {ago} min ago [{}] {}",
                one.kind,
                touched.join(" "),
                one.title
            )
        })
        .collect();
    changes.sort();
    insta::assert_snapshot!(changes.join("\n"), @r"
    Config 22 min ago [function/pay] pay: environment.variables.POOL, timeout altered, as AWS Config recorded
    Config 24 min ago [config/shop/pool] parameter /shop/pool, version 3
    Deploy 10 min ago [service/web] web: web:42 in place of web:41, image shop/web:c0ffee1234abcdc0ffee1234abcdc0ffee1234ab
    Deploy 12 min ago [service/web] build of web-build from c0ffee1234ab: FAILED in BUILD
    Deploy 14 min ago [service/web] pipeline web released c0ffee1234ab (Cache carts): Failed in Out, Deploy
    Deploy 29 min ago [workload/workers] shop/workers: c0ffee1234abcdc0ffee1234abcdc0ffee1234ab, failed
    Deploy 40 min ago [resource/codebuild.project/tools] build of tools from main
    Maintenance 18 min ago [host/i-0abc] automation AWS-RestartEC2Instance: Failed
    Maintenance 26 min ago [function/pay] automation AWS-Tune
    Maintenance 31 min ago [host/i-0abc] command AWS-RunPatchBaseline on 1 machines: Failed
    Scaling 7 min ago [workload/workers] workers: Launching a new EC2 instance, 2 machines
");
    let rollout = brought
        .changes
        .iter()
        .find(|one| one.id == "ecs:web:ecs-svc/2")
        .unwrap();
    assert_eq!(rollout.carries, [COMMIT]);
    let diff = rollout.diff.as_deref().unwrap();
    for line in [
        "-    image: shop/web:v41",
        "-        memory: \"512Mi\"",
        "+        memory: \"128Mi\"",
    ] {
        assert!(diff.contains(line), "{line}: {diff}");
    }

    let edges: BTreeSet<String> = brought
        .topology
        .edges
        .iter()
        .map(|edge| format!("{} {:?} {}", edge.from, edge.kind, edge.to))
        .collect();
    for edge in [
        "gateway/app/front/50dc6c495c0c9188 Calls service/web",
        "gateway/app/front/50dc6c495c0c9188 Calls workload/workers",
        "gateway/app/front/50dc6c495c0c9188 Calls host/i-0abc",
        "workload/workers ServedBy host/i-0abc",
        "service/web Calls table/ledger",
        "service/web UsesRole role/web-runs",
        "database/orders ServedBy database/orders-1",
        "function/settle Calls function/pay",
        "function/settle UsesRole role/settle-runs",
        "service/web UsesConfig config/shop/pool",
    ] {
        assert!(edges.contains(edge), "{edge}: {edges:#?}");
    }
}

#[test]
fn what_runs_becomes_documents() {
    let (brought, _) = brought();
    let state = |who: &str, kind: &str| -> Value {
        let same = |one: &&model::StateSnapshot| one.entity.as_str() == who && one.kind == kind;
        let found = brought.snapshots.iter().find(same);
        found
            .unwrap_or_else(|| panic!("{who} {kind}"))
            .document
            .clone()
    };
    let web = state("service/web", "ecs.workload");
    assert_eq!(
        (&web["desiredCount"], &web["runningCount"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(web["conditions"][0]["status"], "False");
    assert!(
        web["conditions"][0]["message"]
            .as_str()
            .unwrap()
            .starts_with("5 of its tasks failed"),
        "{web}"
    );
    let orders = state("database/orders-1", "rds.instance");
    assert_eq!(orders["DBInstanceStatus"], "storage-full");
    assert_eq!(
        orders["message"],
        "waits to be altered: DBInstanceClass, MasterUserPassword; parameters of tuned are pending-reboot; maintenance waits: \
         system-update"
    );
    let members = state("database/orders", "rds.cluster")["DBClusterMembers"].clone();
    assert_eq!(members[0]["IsClusterWriter"], true);
    let front = "gateway/app/front/50dc6c495c0c9188";
    assert_eq!(state(front, "elb.balancer")["State"], "active");
    let targets = state(front, "elb.targets");
    let first = &targets["TargetHealthDescriptions"][0];
    assert_eq!(
        first["TargetHealth"]["Reason"], "Target.ResponseCodeMismatch",
        "who is ill stands first"
    );
    assert_eq!(targets["Healthy"], 1);
    let workers = state("workload/workers", "autoscaling.group");
    assert_eq!(
        (&workers["desiredCount"], &workers["runningCount"]),
        (&json!(4), &json!(1))
    );
    assert_eq!(workers["message"], "suspended: AZRebalance");
    assert_eq!(
        state("function/settle", "states.machine")["Executions"],
        json!({ "FAILED": 2, "SUCCEEDED": 1 })
    );
}

#[test]
fn a_refusal_names_the_statement_that_decides() {
    let (brought, double) = brought();
    let refusals: Vec<String> = brought
        .events
        .iter()
        .filter(|one| one.message.contains("GetSecretValue"))
        .map(|one| format!("{}: {}", one.entity, one.message))
        .collect();
    insta::assert_snapshot!(refusals.join("\n"), @r#"role/pay-runs: denied by identity policy "guard", statement 1 (NoLedgerKey), as its policies stand now: GetSecretValue by pay: User: arn:aws:sts::111111111111:assumed-role/pay-runs/pay is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:eu-west-1:111111111111:secret:ledger-AbCdEf"#);
    let asked = double.calls().into_iter();
    let asked = asked.filter(|call| call.action.starts_with("iam:")).count();
    assert_eq!(asked, 1);
    assert!(!format!("{brought:?}").contains("policy-canary"));
}

#[test]
fn policies_that_cannot_be_read_or_are_of_others_explain_nothing() {
    // What the trail says, what IAM says, what is told of it.
    let said = |principal: &str, trail: &str, iam: fn(&Call) -> Said| {
        let time = Time::new();
        let (from, to) = (principal.to_string(), trail.to_string());
        let double = Double::new(&time, Duration::from_millis(20), move |call| {
            if call.action.starts_with("iam:") {
                return iam(call);
            }
            match whole(call) {
                Said::Json(code, value) if call.action.starts_with("cloudtrail:") => {
                    let text = value.to_string().replace(&from, &to);
                    Said::Json(code, serde_json::from_str(&text).unwrap())
                }
                said => said,
            }
        });
        let eyes = eyes(&double, one_region());
        let brought = look(&double, &eyes);
        let told = brought
            .events
            .iter()
            .find(|one| one.message.contains("GetSecretValue"));
        let gaps: Vec<String> = brought
            .gaps
            .iter()
            .map(|gap| format!("{}: {}", gap.wanted, gap.detail))
            .collect();
        let asked = double
            .calls()
            .iter()
            .any(|call| call.action.starts_with("iam:"));
        (told.unwrap().message.clone(), gaps, asked)
    };
    let denied = |_: &Call| {
        Said::Xml(403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>".to_string())
    };
    let (told, gaps, asked) = said("nothing", "nothing", denied);
    assert!(told.starts_with("GetSecretValue by pay: User: "), "{told}");
    assert_eq!(
        gaps,
        [
            "why calls were denied: aws.main in eu-west-1: iam:GetAccountAuthorizationDetails: AccessDenied: no"
        ]
    );
    assert!(asked);
    // A caller of another account: its policies are not there to be asked for, and nobody is told that it has none.
    let (told, gaps, _) = said(
        "111111111111:role/pay-runs",
        "222222222222:role/pay-runs",
        whole,
    );
    assert!(told.starts_with("GetSecretValue by pay: User: "), "{told}");
    assert_eq!(gaps, Vec::<String>::new());
    // A key has the last word on itself.
    let (told, _, asked) = said(
        "perform: secretsmanager:GetSecretValue",
        "perform: kms:Decrypt",
        whole,
    );
    assert!(told.starts_with("GetSecretValue by pay: User: "), "{told}");
    assert!(!asked);
}

#[test]
fn a_service_that_nobody_uses_costs_one_call() {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), answer);
    let eyes = eyes(&double, one_region());
    let brought = look(&double, &eyes);
    assert_eq!(brought.gaps, []);
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in double.calls() {
        let (service, _) = call.action.split_once(':').unwrap();
        *calls.entry(service.to_string()).or_default() += 1;
    }
    for service in [
        "ecs",
        "rds",
        "elasticloadbalancing",
        "autoscaling",
        "states",
        "codepipeline",
        "codedeploy",
        "codebuild",
        "config",
        "ssm",
    ] {
        assert_eq!(calls[service], 1, "{service}");
    }
    assert!(double.calls().len() < 40, "{calls:?}");
}

#[test]
fn of_many_services_those_that_fire_are_described_and_the_rest_is_a_gap() {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), |call| {
        let named = |i: u32| format!("arn:aws:ecs:eu-west-1:111111111111:service/shop/s{i:03}");
        match call.action.as_str() {
            "ecs:ListServices" => {
                let all: Vec<String> = (0..90).map(named).collect();
                Said::Json(200, json!({ "serviceArns": all }))
            }
            "ecs:DescribeServices" => Said::Json(200, json!({ "services": [] })),
            _ => whole(call),
        }
    });
    let eyes = eyes(&double, one_region());
    let brought = look(&double, &eyes);
    let asked: Vec<Value> = double
        .calls()
        .into_iter()
        .filter(|call| call.action == "ecs:DescribeServices")
        .map(|call| call.body["services"].clone())
        .collect();
    let sizes: Vec<usize> = asked
        .iter()
        .map(|one| one.as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [10; 6]);
    let [gap] = &brought.gaps[..] else {
        panic!("{:?}", brought.gaps)
    };
    assert!(
        gap.detail.ends_with("60 of 90 services were asked about"),
        "{gap:?}"
    );
}

/// What comes before the colon of these services' actions.
const OWN: [&str; 10] = [
    "ecs",
    "rds",
    "elasticloadbalancing",
    "autoscaling",
    "states",
    "codepipeline",
    "codedeploy",
    "codebuild",
    "config",
    "ssm",
];

/// Each call of these services denied, one at a time: that one is a gap which names it, and the rest is there.
#[test]
fn what_may_not_be_asked_is_a_gap_that_names_the_permission() {
    let calls = CALLS
        .iter()
        .filter(|call| OWN.contains(&call.service.prefix));
    for call in calls {
        let time = Time::new();
        let denied = call.action;
        let query = ["rds", "elasticloadbalancing", "autoscaling"].contains(&call.service.prefix);
        let double = Double::new(&time, Duration::from_millis(20), move |call| {
            let why = format!("User: x is not authorized to perform: {denied}");
            match call.action == denied {
                true if query => Said::Xml(
                    403,
                    format!(
                        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{why}</Message></Error></ErrorResponse>"
                    ),
                ),
                true => Said::Json(
                    400,
                    json!({ "__type": "AccessDeniedException", "message": why }),
                ),
                false => whole(call),
            }
        });
        let eyes = eyes(&double, one_region());
        let brought = look(&double, &eyes);
        let [gap] = &brought.gaps[..] else {
            panic!("{denied}: {:?}", brought.gaps)
        };
        assert_eq!(gap.why, GapReason::Permission, "{denied}");
        assert!(
            gap.how_to_close.starts_with(&format!("allow {denied} ")),
            "{gap:?}"
        );
        assert!(
            brought.series.len() >= 6 && !brought.changes.is_empty(),
            "{denied}"
        );
    }
}

/// Whatever else these services answer, it ends in a gap or in nothing, and neither in a panic nor in an endless look.
#[test]
fn strange_answers_break_nothing() {
    // Every text that the double knows turned into others: empty, huge, of another alphabet, with what breaks lines.
    let huge = "9".repeat(40_000);
    for odd in [
        "",
        "\u{0}\u{202e}\n",
        "arn:",
        "arn:aws:::::/",
        "((((",
        "-1",
        huge.as_str(),
    ] {
        let time = Time::new();
        let odd = odd.to_string();
        let double = Double::new(&time, Duration::from_millis(20), move |call| {
            let service = call.action.split(':').next().unwrap_or_default();
            match whole(call) {
                Said::Json(status, value) if OWN.contains(&service) => {
                    Said::Json(status, twisted(value, &odd)).odd()
                }
                Said::Xml(status, text) if OWN.contains(&service) => {
                    let odd = odd.replace(['\u{0}', '\u{202e}'], "?");
                    Said::Xml(
                        status,
                        text.replace(":111111111111:", &odd)
                            .replace("orders", &odd)
                            .replace("workers", &odd),
                    )
                    .odd()
                }
                other => other,
            }
        });
        let eyes = eyes(&double, one_region());
        let brought = look(&double, &eyes);
        assert!(time.now().since(BEGIN) <= eyes.settings.budget.look);
        assert!(brought.series.len() >= 6);
        let longest = brought.events.iter().map(|one| one.message.len()).max();
        assert!(longest.unwrap_or(0) < 10_000);
    }
}

pub fn twisted(value: Value, odd: &str) -> Value {
    match value {
        Value::String(_) => Value::from(odd),
        Value::Array(all) => all.into_iter().map(|one| twisted(one, odd)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, one)| (name, twisted(one, odd)))
            .collect(),
        Value::Number(_) => json!(-1.0e9),
        other => other,
    }
}
