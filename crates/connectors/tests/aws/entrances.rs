//! Machines, APIs and health checks through an emulator: two machines, a REST API with a stage and a function behind it, an HTTP API that sends to a
//! balancer's address, and a check that looks at the same.

use aws_sdk_apigateway::types::IntegrationType;
use aws_sdk_route53::types::{HealthCheckConfig, HealthCheckType};

use super::*;

/// The system; what is there afterwards is what AWS's own interface said yes to. The ids of both APIs.
async fn set_up(sdk: &SdkConfig) -> (String, String) {
    let rest = aws_sdk_apigateway::Client::new(sdk);
    let api = rest.create_rest_api().name("orders-api").send();
    let api = api.await.unwrap().id().unwrap().to_string();
    let resources = rest.get_resources().rest_api_id(&api).send();
    let root = resources.await.unwrap().items()[0]
        .id()
        .unwrap()
        .to_string();
    rest.put_method()
        .rest_api_id(&api)
        .resource_id(&root)
        .http_method("POST")
        .authorization_type("NONE")
        .send()
        .await
        .unwrap();
    let function = "arn:aws:lambda:eu-west-1:000000000000:function:${stageVariables.fn}";
    rest.put_integration()
        .rest_api_id(&api)
        .resource_id(&root)
        .http_method("POST")
        .r#type(IntegrationType::AwsProxy)
        .integration_http_method("POST")
        .uri(format!(
            "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{function}/invocations"
        ))
        .send()
        .await
        .unwrap();
    let deployment = rest.create_deployment().rest_api_id(&api).send();
    let deployment = deployment.await.unwrap().id().unwrap().to_string();
    rest.create_stage()
        .rest_api_id(&api)
        .stage_name("prod")
        .deployment_id(&deployment)
        .variables("fn", "charge")
        .variables("TOKEN", "variable-canary")
        .send()
        .await
        .unwrap();

    let elb = aws_sdk_elasticloadbalancingv2::Client::new(sdk);
    let balancer = elb.create_load_balancer().name("front").subnets("subnet-1");
    let balancer = balancer.send().await.unwrap();
    let address = balancer.load_balancers()[0].dns_name().unwrap().to_string();
    let http = aws_sdk_apigatewayv2::Client::new(sdk);
    let shop = http
        .create_api()
        .name("shop")
        .protocol_type(aws_sdk_apigatewayv2::types::ProtocolType::Http)
        .send();
    let shop = shop.await.unwrap().api_id().unwrap().to_string();
    http.create_integration()
        .api_id(&shop)
        .integration_type(aws_sdk_apigatewayv2::types::IntegrationType::HttpProxy)
        .integration_method("ANY")
        .integration_uri(format!("http://{address}/orders"))
        .send()
        .await
        .unwrap();
    http.create_stage()
        .api_id(&shop)
        .stage_name("$default")
        .auto_deploy(true)
        .send()
        .await
        .unwrap();

    let dns = aws_sdk_route53::Client::new(sdk);
    let check = HealthCheckConfig::builder()
        .r#type(HealthCheckType::Http)
        .fully_qualified_domain_name(address)
        .port(80)
        .resource_path("/health?token=variable-canary")
        .build()
        .unwrap();
    dns.create_health_check()
        .caller_reference("1")
        .health_check_config(check)
        .send()
        .await
        .unwrap();
    (api, shop)
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn apis_and_health_checks_are_seen_through_ministack() {
    let emulator = Emulator::ministack();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sdk = emulator.hands(&runtime);
    let (orders, shop) = runtime.block_on(set_up(&sdk));
    let eyes = emulator.eyes(Settings::default());
    let (hull, now) = lately();
    // What was made this very moment is told in this look too.
    let now = now.plus(Span(MINUTE));
    let began = Instant::now();
    let brought = eyes.look(hull, now);
    println!("{:?} in {:?}", brought.asked.spent, began.elapsed());
    for gap in &brought.gaps {
        println!("{}: {}", gap.wanted, gap.detail);
    }
    for change in &brought.changes {
        println!(
            "{} {:?} {:?} {}",
            change.id, change.kind, change.entities, change.title
        );
    }
    for snapshot in &brought.snapshots {
        println!(
            "{} {} {}",
            snapshot.entity, snapshot.kind, snapshot.document
        );
    }
    let edges = edges(&brought);
    println!("{edges:#?}");
    let whole = format!("{brought:?}");
    let at = whole.find("variable-canary");
    let told = at.map(|at| whole.get(at.saturating_sub(300)..at + 20));
    assert_eq!(told, None, "a secret is told");
    let document = |kind: &str, name: &str, value: &str| {
        let same = |one: &&model::StateSnapshot| one.kind == kind && one.document[name] == value;
        let found = brought.snapshots.iter().find(same);
        let found = found.unwrap_or_else(|| panic!("no {kind} {value}"));
        (found.entity.to_string(), found.document.clone())
    };
    let (who, document_of_orders) = document("apigateway.api", "Id", &orders);
    assert_eq!(who, "gateway/orders-api");
    let stage = &document_of_orders["Stages"][0];
    assert_eq!(stage["StageName"], "prod");
    assert_eq!(stage["Variables"], serde_json::json!(["TOKEN", "fn"]));
    let (who, document_of_shop) = document("apigateway.api", "Id", &shop);
    assert_eq!(who, format!("gateway/{shop}"));
    assert_eq!(document_of_shop["Stages"][0]["StageName"], "$default");
    let front = brought
        .snapshots
        .iter()
        .find(|one| one.kind == "elb.balancer")
        .unwrap()
        .entity
        .to_string();
    let address = brought.topology.entity(&EntityId::from(front.as_str()));
    let address = address.unwrap().labels["endpoint"].to_ascii_lowercase();
    let (check, document_of_check) = document("route53.healthcheck", "Name", &address);
    assert_eq!(document_of_check["Path"], "/health");
    for edge in [
        "gateway/orders-api Calls function/charge".to_string(),
        format!("gateway/{shop} Calls {front}"),
        format!("{check} Calls {front}"),
    ] {
        assert!(edges.contains(&edge), "{edge}");
    }
    // Whoever made them is in the audit trail, or the stages themselves tell of it.
    assert!(
        brought.changes.iter().any(|one| one
            .entities
            .iter()
            .any(|who| who.as_str() == "gateway/orders-api")),
        "{:?}",
        titles(&brought)
    );
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn machines_are_seen_through_ministack() {
    let emulator = Emulator::ministack();
    let kind = "application/x-www-form-urlencoded";
    let ec2 = |form: &str| {
        let answer = emulator.posted("ec2", "/", kind, &format!("{form}&Version=2016-11-15"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    };
    let launched =
        ec2("Action=RunInstances&ImageId=ami-12345678&InstanceType=t3.micro&MinCount=2&MaxCount=2");
    let ids = launched.split("<instanceId>").skip(1);
    let ids: Vec<&str> = ids.filter_map(|rest| rest.split('<').next()).collect();
    let [runs, stopped] = ids[..] else {
        panic!("{launched}")
    };
    ec2(&format!("Action=StopInstances&InstanceId.1={stopped}"));
    let eyes = emulator.eyes(Settings::default());
    let (hull, now) = lately();
    let brought = eyes.look(hull, now.plus(Span(MINUTE)));
    for gap in &brought.gaps {
        println!("{}: {}", gap.wanted, gap.detail);
    }
    let told: Vec<String> = brought
        .snapshots
        .iter()
        .filter(|one| one.kind == "ec2.instance")
        .map(|one| format!("{} {}", one.entity, one.document))
        .collect();
    println!("{told:#?} {:?}", titles(&brought));
    // It does not tell when a machine was stopped; this one was launched of late, so it was of late.
    let of = |id: &str| {
        let begins = format!("host/{id} ");
        told.iter().find(|one| one.starts_with(&begins)).unwrap()
    };
    assert_eq!(told.len(), 2);
    assert!(of(runs).contains("\"Status\":\"running\""));
    assert!(of(runs).contains("\"SystemStatus\":\"ok\""));
    assert!(of(stopped).contains("\"Status\":\"stopped\""));
    let host = EntityId::from(format!("host/{runs}").as_str());
    assert!(
        brought
            .changes
            .iter()
            .any(|one| one.entities.contains(&host))
    );
}
