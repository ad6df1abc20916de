//! Machines, APIs, health checks and what is known by name alone, seen through the double.

use super::ways::whole;
use super::*;

/// What comes before the colon of these services' calls.
const OWN: [&str; 5] = [
    "ec2",
    "apigateway",
    "apigatewayv2",
    "route53",
    "resource-explorer-2",
];
const FRONT: &str = "gateway/app/front/50dc6c495c0c9188";

fn brought(answering: impl Fn(&Call) -> Said + Send + Sync + 'static) -> (Brought, Arc<Double>) {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), answering);
    let settings = Settings {
        explorer: true,
        ..one_region()
    };
    let eyes = eyes(&double, settings);
    (look(&double, &eyes), double)
}

fn state(brought: &Brought, who: &str, kind: &str) -> Value {
    let same = |one: &&model::StateSnapshot| one.entity.as_str() == who && one.kind == kind;
    let found = brought.snapshots.iter().find(same);
    found
        .unwrap_or_else(|| panic!("{who} {kind}"))
        .document
        .clone()
}

fn edges(brought: &Brought) -> BTreeSet<String> {
    let edges = brought.topology.edges.iter();
    edges
        .map(|edge| format!("{} {:?} {}", edge.from, edge.kind, edge.to))
        .collect()
}

fn said(brought: &Brought, source: &str) -> Vec<String> {
    let own = brought.events.iter().filter(|one| one.source == source);
    own.map(|one| {
        format!(
            "{} x{} {}: {}",
            one.entity, one.count, one.reason, one.message
        )
    })
    .collect()
}

#[test]
fn apis_lead_to_what_they_call_and_tell_what_is_deployed() {
    let (brought, double) = brought(|call| match call.action.as_str() {
        // The audit trail and tags know a REST API by its id alone.
        "tag:GetResources" => Said::Json(
            200,
            json!({ "ResourceTagMappingList": [{
                "ResourceARN": "arn:aws:apigateway:eu-west-1::/restapis/a1b2c3/stages/prod",
                "Tags": [{ "Key": "team", "Value": "orders" }],
            }]}),
        ),
        _ => whole(call),
    });
    assert_eq!(brought.gaps, []);
    println!("{} calls", double.calls().len());
    let all = format!("{brought:?}");
    assert!(!all.contains("variable-canary"), "{all}");
    let edges = edges(&brought);
    for edge in [
        "gateway/orders-api Calls function/pay",
        &format!("gateway/orders-api Calls {FRONT}"),
        "gateway/orders-api UsesRole role/api-runs",
        "gateway/h7h7h7 Produces queue/inbox",
        &format!("gateway/h7h7h7 Calls {FRONT}"),
    ] {
        assert!(edges.contains(edge), "{edge}: {edges:#?}");
    }
    let orders = state(&brought, "gateway/orders-api", "apigateway.api");
    let stage = &orders["Stages"][0];
    assert_eq!(stage["DeploymentId"], "d2");
    assert_eq!(stage["Canary"]["PercentTraffic"], 10.0);
    assert_eq!(stage["Variables"], json!(["TOKEN", "fn"]));
    assert_eq!(stage["Throttling"][0]["RateLimit"], 100.0);
    let shop = state(&brought, "gateway/h7h7h7", "apigateway.api");
    assert_eq!(
        shop["message"],
        "stage $default lets no request in at *: its limits are 0"
    );
    let titles: Vec<&str> = brought
        .changes
        .iter()
        .filter(|one| one.id.starts_with("apigateway:"))
        .map(|one| one.title.as_str())
        .collect();
    assert_eq!(
        titles,
        [
            "orders-api: stage prod was altered, deployment d2 is on it, and 10 % of requests go to d3",
            "shop: stage $default was made, deployment x1 is on it"
        ]
    );
    let entities = &brought.topology.entities;
    let odd = entities
        .iter()
        .find(|one| one.id.as_str().contains("a1b2c3"));
    assert!(odd.is_none(), "{odd:?}");
    let orders = brought
        .topology
        .entity(&EntityId::from("gateway/orders-api"));
    assert_eq!(orders.unwrap().labels["tag.team"], "orders");
}

#[test]
fn checks_tell_of_whom_they_look_at() {
    let (brought, _) = brought(whole);
    let edges = edges(&brought);
    let check = |name: &str| {
        let same = |one: &&model::StateSnapshot| one.document["HealthCheckId"] == name;
        let found = brought.snapshots.iter().find(same).unwrap();
        (found.entity.to_string(), found.document.clone())
    };
    let (first, document) = check("h-1");
    assert_eq!(document["Status"], "unhealthy");
    assert_eq!(
        (&document["Checkers"], &document["Failing"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(document["Path"], "/health");
    let (second, third) = (check("h-2").0, check("h-3").0);
    for edge in [
        format!("{first} Calls {FRONT}"),
        format!("{second} Calls {first}"),
        format!("{third} Calls function/pay"),
    ] {
        assert!(edges.contains(&edge), "{edge}: {edges:#?}");
    }
    let (_, disabled) = check("h-4");
    assert_eq!(
        (&disabled["Disabled"], &disabled["Status"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(
        said(&brought, "route53"),
        [
            format!(
                "{FRONT} x1 HealthCheckFailed: health check failed: HTTP Status Code 503, Service Unavailable \
                 (of front-1.eu-west-1.elb.amazonaws.com:443)"
            ),
            format!(
                "{FRONT} x2 HealthCheckFailed: health check failed: The health checker could not establish a connection within the \
                 timeout limit. (of front-1.eu-west-1.elb.amazonaws.com:443)"
            ),
        ]
    );
}

#[test]
fn what_belongs_to_no_region_is_asked_about_once_in_an_account() {
    for (regions, home) in [
        (&["eu-west-1", "us-east-1"][..], "us-east-1"),
        (&["eu-west-1", "eu-central-1"], "eu-west-1"),
    ] {
        let time = Time::new();
        let double = Double::new(&time, Duration::from_millis(20), answer);
        let settings = Settings {
            regions: regions.iter().map(|region| (*region).to_string()).collect(),
            accounts: accounts(2),
            explorer: true,
            ..Settings::default()
        };
        let eyes = eyes(&double, settings);
        let _ = look(&double, &eyes);
        let asked = double.calls().into_iter();
        let asked = asked.filter(|call| call.action == "route53:ListHealthChecks");
        assert_eq!(asked.count(), 2, "{home}");
        let searched = double.calls().into_iter();
        let searched = searched.filter(|call| call.action == "resource-explorer-2:Search");
        let with_global = searched.filter(|call| call.all.contains(",global"));
        let regions: Vec<String> = with_global.map(|call| call.region).collect();
        assert_eq!(regions, [home, home]);
    }
}

#[test]
fn what_is_known_by_name_alone_is_on_the_map() {
    let (brought, double) = brought(whole);
    let entity = |id: &str| brought.topology.entity(&EntityId::from(id));
    let carts = entity("cache/carts-001").unwrap();
    assert_eq!(carts.labels["tag.team"], "carts");
    assert!(entity("gateway/E1").is_some());
    assert!(entity("table/elsewhere").is_none() && entity("function/other").is_none());
    let asked = double.calls().into_iter();
    let asked: Vec<Value> = asked
        .filter(|call| call.action == "resource-explorer-2:Search")
        .map(|call| call.body["QueryString"].clone())
        .collect();
    let [query] = &asked[..] else {
        panic!("{asked:?}")
    };
    let query = query.as_str().unwrap();
    assert!(
        query.starts_with("region:eu-west-1,global resourcetype:"),
        "{query}"
    );
    assert!(query.len() < 1_011);
}

#[test]
fn a_service_that_nobody_uses_costs_one_call() {
    let (brought, double) = brought(answer);
    assert_eq!(brought.gaps, []);
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in double.calls() {
        let (service, _) = call.action.split_once(':').unwrap();
        *calls.entry(service.to_string()).or_default() += 1;
    }
    for service in OWN {
        assert_eq!(calls.get(service), Some(&1), "{service}");
    }
    assert!(double.calls().len() < 40, "{calls:?}");
}

/// Each call of these services denied, one at a time: that one is a gap which names it, and the rest is there.
#[test]
fn what_may_not_be_asked_is_a_gap_that_names_the_permission() {
    for denied in CALLS
        .iter()
        .filter(|call| OWN.contains(&call.service.prefix))
    {
        let (brought, _) = brought(move |call| {
            let why = "User: x is not authorized";
            match denied.service.prefix {
                _ if call.action != denied.action => whole(call),
                "ec2" => Said::Xml(
                    403,
                    format!(
                        "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>{why}</Message></Error></Errors></Response>"
                    ),
                ),
                "route53" => Said::Xml(
                    403,
                    format!(
                        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{why}</Message></Error></ErrorResponse>"
                    ),
                ),
                _ => Said::Json(
                    403,
                    json!({ "__type": "AccessDeniedException", "message": why }),
                ),
            }
        });
        let [gap] = &brought.gaps[..] else {
            panic!("{}: {:?}", denied.action, brought.gaps)
        };
        assert_eq!(gap.why, GapReason::Permission, "{}", denied.action);
        let wanted = format!("allow {} ", denied.permission());
        assert!(gap.how_to_close.starts_with(&wanted), "{gap:?}");
        assert!(brought.series.len() >= 6 && !brought.changes.is_empty());
    }
}

#[test]
fn strange_answers_break_nothing() {
    let huge = "9".repeat(40_000);
    for odd in [
        "",
        "\u{0}\u{202e}\n",
        "arn:",
        "${stageVariables.",
        "((((",
        "-1",
        huge.as_str(),
    ] {
        let odd = odd.to_string();
        let (brought, double) = brought(move |call| {
            let service = call.action.split(':').next().unwrap_or_default();
            match whole(call) {
                Said::Json(status, value) if OWN.contains(&service) => {
                    Said::Json(status, running::twisted(value, &odd)).odd()
                }
                Said::Xml(status, text) if OWN.contains(&service) => {
                    let odd = odd.replace(['\u{0}', '\u{202e}'], "?");
                    let mut text = text;
                    for known in [
                        "i-0", "GMT", "h-", "Front-1", "Failure", "impaired", "10.0.",
                    ] {
                        text = text.replace(known, &odd);
                    }
                    Said::Xml(status, text).odd()
                }
                other => other,
            }
        });
        assert!(double.time.now().since(BEGIN) <= Budget::default().look);
        assert!(brought.series.len() >= 6);
        let longest = brought.events.iter().map(|one| one.message.len()).max();
        assert!(longest.unwrap_or(0) < 10_000);
    }
}

#[test]
fn machines_tell_what_fails_what_is_planned_and_why_others_ended() {
    let (brought, _) = brought(whole);
    assert_eq!(
        said(&brought, "ec2"),
        [
            "host/i-0spot x1 SpotInterruption: spot interruption: AWS took the capacity back: \
             Server.SpotInstanceTermination: Spot instance termination",
            "host/i-0web x2 StatusCheckFailed_System: instance i-0web fails its system status check: AWS's own machine beneath it is \
             at fault"
        ]
    );
    let web = state(&brought, "host/i-0web", "ec2.instance");
    assert_eq!(
        (&web["Status"], &web["State"]),
        (&json!("impaired"), &json!("running"))
    );
    let message = web["message"].as_str().unwrap();
    assert!(
        message.contains("instance-retirement is due from 2026-01-07T06:00:00"),
        "{message}"
    );
    assert!(
        !message.contains("reboot") && !message.contains("network"),
        "{message}"
    );
    assert_eq!(
        state(&brought, "host/i-0abc", "ec2.instance")["Status"],
        "running"
    );
    assert_eq!(
        state(&brought, "host/i-0late", "ec2.instance")["Status"],
        "stopped"
    );
    let told: BTreeSet<&str> = brought
        .snapshots
        .iter()
        .filter(|one| one.kind == "ec2.instance")
        .map(|one| one.entity.as_str())
        .collect();
    let wanted = ["host/i-0abc", "host/i-0late", "host/i-0spot", "host/i-0web"];
    assert_eq!(
        told,
        BTreeSet::from(wanted),
        "what ended long ago or on purpose is not told of"
    );
    let changes: BTreeSet<String> = brought
        .changes
        .iter()
        .filter(|one| one.id.starts_with("ec2"))
        .map(|one| {
            format!(
                "{:?} {} {}",
                one.kind,
                BEGIN.since(one.start).as_minutes(),
                one.title
            )
        })
        .collect();
    assert_eq!(
        changes,
        BTreeSet::from([
            "Infrastructure 20 host/i-0web (m7g.large): launched, or started again".to_string(),
            "Maintenance 40 system-maintenance, completed: network".to_string(),
        ])
    );
    let edges = edges(&brought);
    for edge in [
        format!("{FRONT} Calls host/i-0web"),
        "workload/workers ServedBy host/i-0abc".to_string(),
    ] {
        assert!(edges.contains(&edge), "{edge}: {edges:#?}");
    }
}
