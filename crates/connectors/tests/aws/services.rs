//! What runs, through an emulator: a service of ECS that gets another version, a balancer before it, a database, a group
//! of machines, and a state machine whose execution fails.

use aws_sdk_ecs::types::{ContainerDefinition, KeyValuePair, LoadBalancer};
use connectors::pull::Brought;

use super::*;

const GROUP: &str = "web";

/// The system; what is there afterwards is what AWS's own interface said yes to.
async fn set_up(sdk: &SdkConfig) {
    let ecs = aws_sdk_ecs::Client::new(sdk);
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(sdk);
    let balancer = elb
        .create_load_balancer()
        .name("front")
        .subnets("subnet-1")
        .send();
    let balancer = balancer.await.unwrap();
    let balancer = balancer.load_balancers()[0]
        .load_balancer_arn()
        .unwrap()
        .to_string();
    let group = elb
        .create_target_group()
        .name(GROUP)
        .port(80)
        .protocol(aws_sdk_elasticloadbalancingv2::types::ProtocolEnum::Http)
        .vpc_id("vpc-1")
        .health_check_path("/health")
        .target_type(aws_sdk_elasticloadbalancingv2::types::TargetTypeEnum::Ip)
        .send();
    let group = group.await.unwrap().target_groups()[0]
        .target_group_arn()
        .unwrap()
        .to_string();
    let forward = aws_sdk_elasticloadbalancingv2::types::Action::builder()
        .r#type(aws_sdk_elasticloadbalancingv2::types::ActionTypeEnum::Forward)
        .target_group_arn(&group)
        .build();
    elb.create_listener()
        .load_balancer_arn(&balancer)
        .port(80)
        .protocol(aws_sdk_elasticloadbalancingv2::types::ProtocolEnum::Http)
        .default_actions(forward)
        .send()
        .await
        .unwrap();
    elb.register_targets()
        .target_group_arn(&group)
        .targets(
            aws_sdk_elasticloadbalancingv2::types::TargetDescription::builder()
                .id("10.0.0.4")
                .build(),
        )
        .send()
        .await
        .unwrap();

    ecs.create_cluster()
        .cluster_name("shop")
        .send()
        .await
        .unwrap();
    let define = |image: &str, memory: i32| {
        ecs.register_task_definition()
            .family("web")
            .container_definitions(
                ContainerDefinition::builder()
                    .name("app")
                    .image(image)
                    .memory(memory)
                    .essential(true)
                    .environment(
                        KeyValuePair::builder()
                            .name("TOKEN")
                            .value("variable-canary")
                            .build(),
                    )
                    .build(),
            )
    };
    define("shop/web:v1", 512).send().await.unwrap();
    ecs.create_service()
        .cluster("shop")
        .service_name("web")
        .task_definition("web:1")
        .desired_count(1)
        .load_balancers(
            LoadBalancer::builder()
                .target_group_arn(&group)
                .container_name("app")
                .container_port(80)
                .build(),
        )
        .send()
        .await
        .unwrap();
    define("shop/web:v2", 128).send().await.unwrap();
    ecs.update_service()
        .cluster("shop")
        .service("web")
        .task_definition("web:2")
        .send()
        .await
        .unwrap();

    let rds = aws_sdk_rds::Client::new(sdk);
    rds.create_db_instance()
        .db_instance_identifier("orders")
        .db_instance_class("db.t3.micro")
        .engine("postgres")
        .allocated_storage(20)
        .master_username("anna")
        .master_user_password("variable-canary")
        .send()
        .await
        .unwrap();

    let autoscaling = aws_sdk_autoscaling::Client::new(sdk);
    autoscaling
        .create_launch_configuration()
        .launch_configuration_name("worker")
        .image_id("ami-12345678")
        .instance_type("t3.micro")
        .send()
        .await
        .unwrap();
    autoscaling
        .create_auto_scaling_group()
        .auto_scaling_group_name("workers")
        .launch_configuration_name("worker")
        .min_size(1)
        .max_size(3)
        .desired_capacity(2)
        .availability_zones("eu-west-1a")
        .send()
        .await
        .unwrap();

    let states = aws_sdk_sfn::Client::new(sdk);
    let machine = states
        .create_state_machine()
        .name("settle")
        .role_arn("arn:aws:iam::000000000000:role/settle-runs")
        .definition(
            serde_json::json!({ "StartAt": "Charge", "States": { "Charge": {
                "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": { "FunctionName": "nobody-there" }, "End": true,
            }}})
            .to_string(),
        )
        .send()
        .await
        .unwrap();
    let started = states
        .start_execution()
        .state_machine_arn(machine.state_machine_arn())
        .send();
    let execution = started.await.unwrap().execution_arn().to_string();
    for _ in 0..100 {
        let now = states
            .describe_execution()
            .execution_arn(&execution)
            .send()
            .await
            .unwrap();
        if *now.status() != aws_sdk_sfn::types::ExecutionStatus::Running {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn state(brought: &Brought, who: &str, kind: &str) -> serde_json::Value {
    let same = |one: &&model::StateSnapshot| one.entity.as_str() == who && one.kind == kind;
    let all: Vec<String> = brought
        .snapshots
        .iter()
        .map(|one| format!("{} {}", one.entity, one.kind))
        .collect();
    let found = brought.snapshots.iter().find(same);
    found
        .unwrap_or_else(|| panic!("no {who} {kind}: {all:?}"))
        .document
        .clone()
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn what_runs_is_seen_through_ministack() {
    let emulator = Emulator::ministack();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sdk = emulator.hands(&runtime);
    runtime.block_on(set_up(&sdk));
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
    for event in &brought.events {
        println!(
            "{} {} {}: {}",
            event.entity, event.source, event.reason, event.message
        );
    }
    for change in &brought.changes {
        println!("{:?} {:?} {}", change.kind, change.entities, change.title);
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
    assert!(!whole.contains("variable-canary"), "a secret is told");
    let gaps: BTreeSet<&str> = brought.gaps.iter().map(|gap| gap.wanted.as_str()).collect();
    let missing = BTreeSet::from([
        "who calls whom",
        "traces",
        "what pipelines released",
        "deployments",
        "what automation did",
    ]);
    assert_eq!(
        gaps, missing,
        "it has neither X-Ray nor pipelines nor automation: {:?}",
        brought.gaps
    );

    let web = state(&brought, "service/web", "ecs.workload");
    assert_eq!(web["taskDefinition"], "web:2", "{web}");
    let rollout = brought
        .changes
        .iter()
        .find(|one| one.id.starts_with("ecs:web:") && one.title.contains("web:2"));
    let rollout = rollout.unwrap_or_else(|| panic!("{:?}", titles(&brought)));
    assert!(rollout.title.contains("shop/web:v2"), "{}", rollout.title);
    let diff = rollout.diff.as_deref().unwrap_or_default();
    assert!(
        diff.contains("-        memory: \"512Mi\"") && diff.contains("+        memory: \"128Mi\""),
        "{diff}"
    );
    assert!(state(&brought, "database/orders", "rds.instance")["DBInstanceStatus"].is_string());
    let front = brought
        .snapshots
        .iter()
        .find(|one| one.kind == "elb.balancer")
        .unwrap()
        .entity
        .to_string();
    let targets = state(&brought, &front, "elb.targets");
    assert_eq!(
        targets["TargetHealthDescriptions"][0]["Target"]["Id"],
        "10.0.0.4"
    );
    let workers = state(&brought, "workload/workers", "autoscaling.group");
    assert_eq!(workers["desiredCount"], 2);
    let settle = state(&brought, "function/settle", "states.machine");
    assert_eq!(settle["Executions"]["FAILED"], 1, "{settle}");
    let failed = brought.events.iter().find(|one| one.reason == "StepFailed");
    let failed = failed.unwrap_or_else(|| panic!("{:?}", brought.events));
    assert_eq!(failed.entity.as_str(), "function/settle");
    for edge in [
        format!("{front} Calls service/web"),
        "service/web PartOf scope/shop".to_string(),
        "function/settle Calls function/nobody-there".to_string(),
        "function/settle UsesRole role/settle-runs".to_string(),
    ] {
        assert!(edges.contains(&edge), "{edge}");
    }
}

/// Releases, which ministack does not have.
#[test]
#[ignore = "needs moto: run by cargo xtask test"]
fn what_was_released_is_seen_through_moto() {
    use aws_sdk_codedeploy::types::{GitHubLocation, RevisionLocation, RevisionLocationType};
    use aws_sdk_codepipeline::types::{
        ActionCategory, ActionDeclaration, ActionOwner, ActionTypeId, ArtifactStore,
        ArtifactStoreType, PipelineDeclaration, StageDeclaration,
    };
    let emulator = Emulator::moto();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sdk = emulator.hands(&runtime);
    // It wants a role to be there that the service may take.
    let trust = "%7B%22Statement%22%3A%5B%7B%22Principal%22%3A%7B%22Service%22%3A%22codepipeline.amazonaws.com%22%7D%7D%5D%7D";
    let role = format!(
        "Action=CreateRole&Version=2010-05-08&RoleName=service&AssumeRolePolicyDocument={trust}"
    );
    let made = emulator.posted("iam", "/", "application/x-www-form-urlencoded", &role);
    let role = made
        .split_once("<Arn>")
        .and_then(|(_, rest)| rest.split_once("</Arn>"));
    let iam = role.unwrap_or_else(|| panic!("{made}")).0.to_string();
    let commit = "c0ffee1234abcdc0ffee1234abcdc0ffee1234ab";
    runtime.block_on(async {
        let pipelines = aws_sdk_codepipeline::Client::new(&sdk);
        let action = |name: &str, category: ActionCategory, provider: &str| {
            let kind = ActionTypeId::builder()
                .category(category)
                .owner(ActionOwner::Aws)
                .provider(provider)
                .version("1")
                .build()
                .unwrap();
            ActionDeclaration::builder().name(name).action_type_id(kind)
        };
        let stage = |name: &str, action: ActionDeclaration| {
            StageDeclaration::builder()
                .name(name)
                .actions(action)
                .build()
                .unwrap()
        };
        let source = action("Source", ActionCategory::Source, "S3")
            .build()
            .unwrap();
        let out = action("Out", ActionCategory::Deploy, "ECS")
            .configuration("ServiceName", "web")
            .build()
            .unwrap();
        let store = ArtifactStore::builder()
            .r#type(ArtifactStoreType::S3)
            .location("parts")
            .build()
            .unwrap();
        let pipeline = PipelineDeclaration::builder()
            .name("web")
            .role_arn(&iam)
            .artifact_store(store)
            .stages(stage("Source", source))
            .stages(stage("Out", out))
            .build()
            .unwrap();
        pipelines
            .create_pipeline()
            .pipeline(pipeline)
            .send()
            .await
            .unwrap();
        pipelines
            .start_pipeline_execution()
            .name("web")
            .send()
            .await
            .unwrap();

        let deployments = aws_sdk_codedeploy::Client::new(&sdk);
        deployments
            .create_application()
            .application_name("shop")
            .send()
            .await
            .unwrap();
        deployments
            .create_deployment_group()
            .application_name("shop")
            .deployment_group_name("workers")
            .service_role_arn(&iam)
            .send()
            .await
            .unwrap();
        let from = GitHubLocation::builder()
            .repository("shop/workers")
            .commit_id(commit)
            .build();
        let revision = RevisionLocation::builder()
            .revision_type(RevisionLocationType::GitHub)
            .git_hub_location(from)
            .build();
        deployments
            .create_deployment()
            .application_name("shop")
            .deployment_group_name("workers")
            .revision(revision)
            .send()
            .await
            .unwrap();
    });
    let eyes = emulator.eyes(Settings::default());
    let (hull, now) = lately();
    let brought = eyes.look(hull, now.plus(Span(MINUTE)));
    for gap in &brought.gaps {
        println!("{}: {}", gap.wanted, gap.detail);
    }
    for change in &brought.changes {
        println!(
            "{} {:?} {:?} {:?} {}",
            change.id, change.kind, change.entities, change.carries, change.title
        );
    }
    let told = |id: &str| {
        let found = brought.changes.iter().find(|one| one.id.starts_with(id));
        found.unwrap_or_else(|| panic!("no {id}: {:?}", brought.gaps))
    };
    let pipeline = told("codepipeline:");
    assert_eq!(pipeline.entities, [EntityId::from("service/web")]);
    assert_eq!(told("codedeploy:").carries, [commit]);
}
