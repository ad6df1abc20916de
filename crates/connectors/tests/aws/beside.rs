//! Builds, parameters and a search of logs, through an emulator that minds what it is asked.

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_sdk_codebuild::types as build;

use super::*;

const COMMIT: &str = "c0ffee1234abcdc0ffee1234abcdc0ffee1234ab";

/// A function, the parameter that a variable of it names, another that nobody names, and builds.
async fn set_up(sdk: &SdkConfig) {
    let systems = aws_sdk_ssm::Client::new(sdk);
    for (name, value) in [("/shop/pool", "parameter-canary"), ("/office/print", "x")] {
        systems
            .put_parameter()
            .name(name)
            .value(value)
            .r#type(aws_sdk_ssm::types::ParameterType::String)
            .send()
            .await
            .unwrap();
    }
    aws_sdk_lambda::Client::new(sdk)
        .create_function()
        .function_name("web")
        .runtime(aws_sdk_lambda::types::Runtime::Python311)
        .role("arn:aws:iam::000000000000:role/web-runs")
        .handler("index.handler")
        .code(
            aws_sdk_lambda::types::FunctionCode::builder()
                .zip_file(Blob::new(code()))
                .build(),
        )
        .environment(
            aws_sdk_lambda::types::Environment::builder()
                .variables("SETTINGS", "/shop")
                .build(),
        )
        .send()
        .await
        .unwrap();
    let builds = aws_sdk_codebuild::Client::new(sdk);
    let source = build::ProjectSource::builder().r#type(build::SourceType::NoSource);
    let artifacts = build::ProjectArtifacts::builder().r#type(build::ArtifactsType::NoArtifacts);
    let variable = build::EnvironmentVariable::builder()
        .name("KEY")
        .value("variable-canary");
    let environment = build::ProjectEnvironment::builder()
        .r#type(build::EnvironmentType::LinuxContainer)
        .image("aws/codebuild/standard:7.0")
        .compute_type(build::ComputeType::BuildGeneral1Small)
        .environment_variables(variable.build().unwrap());
    builds
        .create_project()
        .name("web-build")
        .source(source.build().unwrap())
        .artifacts(artifacts.build().unwrap())
        .environment(environment.build().unwrap())
        .service_role("arn:aws:iam::000000000000:role/builds")
        .send()
        .await
        .unwrap();
    builds
        .start_build()
        .project_name("web-build")
        .source_version(COMMIT)
        .send()
        .await
        .unwrap();
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn builds_and_parameters_are_seen_through_ministack() {
    let emulator = Emulator::ministack();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sdk = emulator.hands(&runtime);
    runtime.block_on(set_up(&sdk));
    let eyes = emulator.eyes(Settings::default());
    let (hull, now) = lately();
    let brought = eyes.look(hull, now.plus(Span(MINUTE)));
    println!("{:?}", brought.asked.spent);
    for gap in &brought.gaps {
        println!("{}: {}", gap.wanted, gap.detail);
    }
    for change in &brought.changes {
        println!("{} {:?} {}", change.id, change.entities, change.title);
    }
    let told = |id: &str| {
        let found = brought.changes.iter().find(|one| one.id.starts_with(id));
        found.unwrap_or_else(|| panic!("no {id}: {:?}", titles(&brought)))
    };
    let built = told("codebuild:web-build:");
    assert_eq!(built.entities, [EntityId::from("function/web")]);
    assert_eq!(built.carries, [COMMIT]);
    let pool = told("ssm:parameter:/shop/pool:1");
    assert_eq!(pool.entities, [EntityId::from("config/shop/pool")]);
    assert!(pool.title.ends_with("version 1, which is new"), "{pool:?}");
    let edges = edges(&brought);
    assert!(edges.contains("function/web UsesConfig config/shop/pool"));
    assert!(
        !edges.iter().any(|edge| edge.contains("office")),
        "{edges:?}"
    );
    let whole = format!("{built:?} {pool:?}");
    assert!(!whole.contains("canary"), "a value is told: {whole}");

    // It minds the time that it is told: by tomorrow's hour, with changes of a minute, there is none of them.
    let short = Settings {
        changes: Span(MINUTE),
        ..Settings::default()
    };
    let later = now.plus(Span(24 * 60 * MINUTE));
    let hull = TimeWindow::new(later.minus(Span(MINUTE)), later).unwrap();
    let after = emulator.eyes(short).look(hull, later);
    let own = |one: &&model::Change| one.id.starts_with("codebuild:") || one.id.starts_with("ssm:");
    assert_eq!(after.changes.iter().filter(own).count(), 0);
}

/// Lines of two groups, with and without trouble, now and long ago, and what one search brings of them.
#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn one_search_brings_lines_of_trouble_through_ministack() {
    let emulator = Emulator::ministack();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sdk = emulator.hands(&runtime);
    let logs = aws_sdk_cloudwatchlogs::Client::new(&sdk);
    let (hull, now) = lately();
    runtime.block_on(async {
        for group in ["/aws/lambda/pay", "/ecs/front", "/ecs/other"] {
            logs.create_log_group()
                .log_group_name(group)
                .send()
                .await
                .unwrap();
            logs.create_log_stream()
                .log_group_name(group)
                .log_stream_name("a")
                .send()
                .await
                .unwrap();
            let line = |minutes: i64, said: &str| {
                InputLogEvent::builder()
                    .timestamp(now.minus(Span(minutes * MINUTE)).0 / 1_000_000)
                    .message(format!("{said} of {group}"))
                    .build()
                    .unwrap()
            };
            logs.put_log_events()
                .log_group_name(group)
                .log_stream_name("a")
                .log_events(line(180, "ERROR of long ago"))
                .log_events(line(9, "INFO a daily line"))
                .log_events(line(8, "ERROR a broken pipe"))
                .log_events(line(7, "java.lang.IllegalStateException: closed"))
                .send()
                .await
                .unwrap();
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("calls.jsonl");
    let eyes = emulator.eyes(Settings {
        insights: true,
        log_groups: vec!["/aws/lambda/".to_string(), "/ecs/front".to_string()],
        call_log: Some(log.clone()),
        ..Settings::default()
    });
    let brought = eyes.look(hull, now);
    for gap in &brought.gaps {
        println!("{}: {}", gap.wanted, gap.detail);
    }
    let said: Vec<(&str, &str)> = brought
        .logs
        .iter()
        .map(|line| (line.entity.as_str(), &*line.body))
        .collect();
    println!("{said:#?}");
    let wanted: BTreeSet<(&str, &str)> = BTreeSet::from([
        ("function/pay", "ERROR a broken pipe of /aws/lambda/pay"),
        (
            "function/pay",
            "java.lang.IllegalStateException: closed of /aws/lambda/pay",
        ),
        ("service/front", "ERROR a broken pipe of /ecs/front"),
        (
            "service/front",
            "java.lang.IllegalStateException: closed of /ecs/front",
        ),
    ]);
    assert_eq!(said.len(), 4);
    assert_eq!(said.into_iter().collect::<BTreeSet<_>>(), wanted);
    let read = std::fs::read_to_string(&log).unwrap();
    let own = prove(&read, "", by_trail).unwrap();
    assert!(own.foreign.is_empty(), "{own:?}");
    // What is sent again because this machine is too busy to answer in time is no further question.
    let begun = read
        .lines()
        .filter(|line| line.contains("StartQuery") && line.contains("\"attempt\":1"));
    assert_eq!(begun.count(), 1, "{read}");
    assert!(!own.known.contains_key("logs:FilterLogEvents"), "{own:?}");
    assert!(!own.known.contains_key("logs:StopQuery"), "{own:?}");
}
