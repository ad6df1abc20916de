//! A project of CodeBuild that is built by the hands, once, through AWS's own API as an emulator offers it. The emulator's
//! builds end at once and well, and tell neither which version they took nor what they were given; documents of Systems
//! Manager it does not have at all.

use std::collections::BTreeMap;

use aws_sdk_codebuild::types::{
    ArtifactsType, ComputeType, EnvironmentType, ProjectArtifacts, ProjectEnvironment,
    ProjectSource, SourceType,
};
use connectors::aws::deeds;
use connectors::aws::hands::{Hands, Settings, Taken};
use connectors::aws::named::Named;
use connectors::aws::proof::prove;
use connectors::aws::runs::{Build, Runbook};
use model::EntityId;
use model::action::{Action, StepKey};
use model::ports::Actuator;

use super::{Emulator, means};

fn named() -> Named {
    let checkout = EntityId::from("service/checkout");
    Named {
        runbooks: vec![Runbook {
            document: "Shop-Drain".to_string(),
            version: "3".to_string(),
            entity: checkout.clone(),
            allows: BTreeMap::new(),
            targets: BTreeMap::new(),
            at_once: None,
            role: Some("arn:aws:iam::000000000000:role/runs-documents".to_string()),
            way_back: None,
            remedies: Vec::new(),
            touches: Vec::new(),
        }],
        builds: vec![Build {
            project: "shop-terraform".to_string(),
            entity: checkout,
            environment: BTreeMap::from([("TF_WORKSPACE".to_string(), vec!["live".to_string()])]),
            versions: vec!["refs/heads/main".to_string()],
            remedies: vec!["fix_config".to_string()],
            touches: Vec::new(),
        }],
        ..Named::default()
    }
}

fn run(runbook: &str, parameters: &[(&str, &str)]) -> Action {
    let parameters = parameters.iter();
    Action::RunRunbook {
        entity: EntityId::from("service/checkout"),
        runbook: runbook.to_string(),
        parameters: parameters
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
    }
}

async fn project(builds: &aws_sdk_codebuild::Client) {
    let source = ProjectSource::builder().r#type(SourceType::NoSource);
    let artifacts = ProjectArtifacts::builder().r#type(ArtifactsType::NoArtifacts);
    let environment = ProjectEnvironment::builder()
        .r#type(EnvironmentType::LinuxContainer)
        .image("aws/codebuild/standard:7.0")
        .compute_type(ComputeType::BuildGeneral1Small);
    builds
        .create_project()
        .name("shop-terraform")
        .source(source.build().unwrap())
        .artifacts(artifacts.build().unwrap())
        .environment(environment.build().unwrap())
        .service_role("arn:aws:iam::000000000000:role/builds")
        .send()
        .await
        .unwrap();
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn a_project_is_built_once_through_ministack() {
    let emulator = Emulator::ministack();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let builds = aws_sdk_codebuild::Client::new(&emulator.hands(&runtime));
    runtime.block_on(project(&builds));
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("deeds.jsonl");
    let settings = Settings {
        regions: vec!["eu-west-1".to_string()],
        endpoint: Some(emulator.endpoint()),
        role: Some(Taken {
            role_arn: "arn:aws:iam::000000000000:role/midwatch-acts".to_string(),
            external_id: None,
        }),
        named: named(),
        call_log: Some(log.clone()),
        ..Settings::default()
    };
    let hands = Hands::new("aws.emulated", settings, means()).unwrap();
    let built = || {
        let asked = builds
            .list_builds_for_project()
            .project_name("shop-terraform");
        let answer = runtime.block_on(asked.send()).unwrap();
        answer.ids().len()
    };

    let given = [
        ("TF_WORKSPACE", "live"),
        ("source_version", "refs/heads/main"),
    ];
    let action = run("shop-terraform", &given);
    let seen = hands.preview(&action).unwrap();
    assert_eq!(
        (seen.after.as_str(), seen.undo, seen.harmless),
        (
            "shop-terraform is built from refs/heads/main with TF_WORKSPACE=live; no build is known that leads back",
            None,
            false
        )
    );
    assert_eq!(built(), 0, "a preview builds nothing");
    let key = StepKey("0123456789abcdef01234567-0-do-1".to_string());
    for outcome in [
        hands.perform(&key, &action),
        hands.perform(&key, &action),
        hands.was_done(&key, &action),
    ] {
        assert!(outcome.is_done(), "{outcome:?}");
        assert_eq!(built(), 1, "done twice it is done once");
    }

    // What was never built well, what it may not be given, and what is not there.
    for (action, why) in [
        (
            run("shop-terraform", &[("source_version", "c0ffee")]),
            "neither among the versions",
        ),
        (
            run("shop-terraform", &[("TF_WORKSPACE", "test"), given[1]]),
            "may be live",
        ),
        (run("Shop-Drain", &[]), "ssm:DescribeDocument"),
    ] {
        let said = hands.preview(&action).unwrap_err().to_string();
        assert!(said.contains(why), "{why}: {said}");
        let key = StepKey("another".to_string());
        assert!(!hands.perform(&key, &action).is_done(), "{action}");
    }
    assert_eq!(built(), 1);
    let log = std::fs::read_to_string(log).unwrap();
    let writes = ["StartBuild", "StartAutomationExecution", "SendCommand"];
    let writes = writes.map(|call| log.lines().filter(|line| line.contains(call)).count());
    assert_eq!(writes, [1, 0, 0], "{log}");
    let proof = prove(&log, "aws.emulated.hands", deeds::by_trail).unwrap();
    assert!(proof.foreign.is_empty(), "{proof:?}");
}
