//! What the hands do to services, groups and records that are named, and back, through AWS's own API as an emulator offers
//! it. What came of it is read by a client of the test's own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aws_sdk_ecs::types::ContainerDefinition;
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use connectors::aws::deeds;
use connectors::aws::hands::{Hands, Settings, Taken};
use connectors::aws::named::{Named, Traffic};
use connectors::aws::proof::prove;
use model::EntityId;
use model::action::{Action, StepKey};
use model::ports::Actuator;

use super::hands::apart;
use super::{Emulator, means};

/// An emulator with a service, a group and records in it, and hands on them.
struct Bench {
    runtime: tokio::runtime::Runtime,
    ecs: aws_sdk_ecs::Client,
    scaling: aws_sdk_autoscaling::Client,
    dns: aws_sdk_route53::Client,
    trail: aws_sdk_cloudtrail::Client,
    zone: String,
    hands: Hands,
    log: PathBuf,
    _folder: tempfile::TempDir,
    _emulator: Emulator,
}

fn weighted(set: &str, weight: i64) -> ResourceRecordSet {
    let address = format!("192.0.2.{}", weight + 1);
    let address = ResourceRecord::builder().value(address).build().unwrap();
    ResourceRecordSet::builder()
        .name("api.shop.example")
        .r#type(RrType::A)
        .set_identifier(set)
        .weight(weight)
        .ttl(60)
        .resource_records(address)
        .build()
        .unwrap()
}

fn scale(id: &str, copies: u64) -> Action {
    Action::Scale {
        entity: EntityId::new(id.to_string()),
        copies,
    }
}

impl Bench {
    fn new() -> Self {
        let emulator = Emulator::ministack();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sdk = emulator.hands(&runtime);
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("deeds.jsonl");
        let dns = aws_sdk_route53::Client::new(&sdk);
        let zone = runtime.block_on(async {
            let made = dns.create_hosted_zone().name("shop.example");
            let made = made.caller_reference("once").send().await.unwrap();
            let zone = made.hosted_zone().unwrap().id();
            let zone = zone.trim_start_matches("/hostedzone/").to_string();
            let changes = [("blue", 70), ("green", 30)].map(|(set, weight)| {
                let change = Change::builder().action(ChangeAction::Create);
                change
                    .resource_record_set(weighted(set, weight))
                    .build()
                    .unwrap()
            });
            let batch = ChangeBatch::builder().set_changes(Some(changes.to_vec()));
            let sent = dns.change_resource_record_sets().hosted_zone_id(&zone);
            sent.change_batch(batch.build().unwrap())
                .send()
                .await
                .unwrap();
            zone
        });
        let carries = ["blue", "green"];
        let carries = carries.map(|set| (EntityId::new(format!("service/{set}")), set.to_string()));
        let settings = Settings {
            regions: vec!["eu-west-1".to_string()],
            endpoint: Some(emulator.endpoint()),
            role: Some(Taken {
                role_arn: "arn:aws:iam::000000000000:role/midwatch-acts".to_string(),
                external_id: None,
            }),
            named: Named {
                services: vec!["shop/checkout".to_string()],
                groups: vec!["workers".to_string()],
                traffic: vec![Traffic {
                    zone: zone.clone(),
                    name: "api.shop.example".to_string(),
                    kind: "A".to_string(),
                    carries: carries.into(),
                }],
                ..Named::default()
            },
            call_log: Some(log.clone()),
            ..Settings::default()
        };
        let bench = Self {
            ecs: aws_sdk_ecs::Client::new(&sdk),
            scaling: aws_sdk_autoscaling::Client::new(&sdk),
            trail: aws_sdk_cloudtrail::Client::new(&sdk),
            hands: Hands::new("aws.emulated", settings, means()).unwrap(),
            runtime,
            dns,
            zone,
            log,
            _folder: folder,
            _emulator: emulator,
        };
        bench.set_up();
        bench
    }

    fn set_up(&self) {
        self.runtime.block_on(async {
            self.ecs
                .create_cluster()
                .cluster_name("shop")
                .send()
                .await
                .unwrap();
            for revision in 1..=3 {
                let container = ContainerDefinition::builder().name("web");
                let container = container.image(format!("shop/checkout:{revision}")).build();
                let made = self.ecs.register_task_definition().family("checkout");
                made.container_definitions(container).send().await.unwrap();
            }
            let made = self
                .ecs
                .create_service()
                .cluster("shop")
                .service_name("checkout");
            let made = made.task_definition("checkout:2").desired_count(2);
            made.send().await.unwrap();
            let made = self.scaling.create_auto_scaling_group();
            made.auto_scaling_group_name("workers")
                .availability_zones("eu-west-1a")
                .launch_configuration_name("workers")
                .min_size(1)
                .max_size(6)
                .desired_capacity(2)
                .send()
                .await
                .unwrap();
        });
    }

    /// All of it, as AWS's own API tells.
    fn stands(&self) -> BTreeMap<String, String> {
        self.runtime.block_on(async {
            let asked = self
                .ecs
                .describe_services()
                .cluster("shop")
                .services("checkout");
            let answer = asked.send().await.unwrap();
            let service = &answer.services()[0];
            let definition = service
                .task_definition()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap();
            let asked = self
                .scaling
                .describe_auto_scaling_groups()
                .send()
                .await
                .unwrap();
            let group = &asked.auto_scaling_groups()[0];
            let asked = self
                .dns
                .list_resource_record_sets()
                .hosted_zone_id(&self.zone);
            let answer = asked.send().await.unwrap();
            let records = answer.resource_record_sets().iter().filter_map(|one| {
                let set = one.set_identifier()?;
                let address = one.resource_records()[0].value();
                Some((set.to_string(), format!("{} to {address}", one.weight()?)))
            });
            let numbers = [
                ("min", group.min_size()),
                ("max", group.max_size()),
                ("desired", group.desired_capacity()),
                ("serving", i32::try_from(group.instances().len()).ok()),
                ("copies", Some(service.desired_count())),
            ];
            let numbers =
                numbers.map(|(name, number)| (name.to_string(), number.unwrap().to_string()));
            let definition = ("definition".to_string(), definition.to_string());
            records.chain(numbers).chain([definition]).collect()
        })
    }

    /// Requests that altered something, by the hands' own log.
    fn writes(&self) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let alters = |line: &&str| {
            let named = deeds::ALTERS
                .iter()
                .filter_map(|action| action.split_once(':'));
            let mut named = named.map(|(_, operation)| format!("\"{operation}\""));
            named.any(|operation| line.contains(&operation))
        };
        log.lines().filter(alters).count()
    }

    /// Shows it, does it, does it once more, and takes it back; gives what the preview said and what was otherwise then.
    fn there_and_back(&self, key: &str, action: &Action) -> (String, Vec<(String, String)>) {
        let (before, written) = (self.stands(), self.writes());
        let seen = self.hands.preview(action).unwrap();
        assert_eq!(
            (self.stands(), self.writes()),
            (before.clone(), written),
            "a preview alters nothing"
        );
        let key = StepKey(format!("{key}-0-do-1"));
        let done = self.hands.perform(&key, action);
        assert!(done.is_done(), "{action}: {done:?}");
        let after = self.stands();
        let again = self.hands.perform(&key, action);
        assert!(
            again.is_done() && self.hands.was_done(&key, action).is_done(),
            "{again:?}"
        );
        assert_eq!(self.stands(), after, "done twice it is done once");
        assert_eq!(self.writes(), written + 1, "one request");
        let undo = seen.undo.expect("there is a way back");
        let outcome = self
            .hands
            .perform(&StepKey(format!("{}-undo", key.0)), &undo);
        assert!(outcome.is_done(), "{undo}: {outcome:?}");
        assert_eq!(self.stands(), before, "{undo}");
        let otherwise = after
            .into_iter()
            .filter(|(name, value)| before.get(name) != Some(value));
        (seen.after, otherwise.collect())
    }

    fn proven(&self) {
        let log = std::fs::read_to_string(&self.log).unwrap();
        let proof = prove(&log, "aws.emulated.hands", deeds::by_trail).unwrap();
        assert!(proof.foreign.is_empty(), "{proof:?}");
    }
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    let all = all.iter();
    all.map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn what_is_named_is_altered_once_and_back_through_ministack() {
    let bench = Bench::new();
    let settings = |id: &str, pairs: &[(&str, &str)]| Action::SetSettings {
        entity: EntityId::new(id.to_string()),
        settings: pairs
            .iter()
            .map(|(name, value)| (name.to_string(), Some(value.to_string())))
            .collect(),
    };
    for (key, action, after, otherwise) in [
        (
            "a",
            Action::SetVersion {
                entity: EntityId::from("service/checkout"),
                version: "1".to_string(),
            },
            "task definition = checkout:1",
            &[("definition", "checkout:1")][..],
        ),
        (
            "b",
            scale("service/checkout", 3),
            "copies = 3",
            &[("copies", "3")],
        ),
        (
            "c",
            scale("workload/workers", 4),
            "desired_capacity = 4",
            &[("desired", "4"), ("serving", "4")],
        ),
        (
            "d",
            Action::SetLimit {
                entity: EntityId::from("workload/workers"),
                limit: "max_size".to_string(),
                value: Some(9),
            },
            "max_size = 9",
            &[("max", "9")],
        ),
        (
            "e",
            settings(
                "workload/workers",
                &[("max_size", "9"), ("desired_capacity", "8")],
            ),
            "max_size = 9, desired_capacity = 8",
            &[("desired", "8"), ("max", "9"), ("serving", "8")],
        ),
        (
            "f",
            Action::FailOver {
                from: EntityId::from("service/blue"),
                to: EntityId::from("service/green"),
            },
            "api.shop.example: blue = 0, green = 30",
            // What else the record says stays.
            &[("blue", "0 to 192.0.2.71")],
        ),
        (
            "g",
            settings(
                "gateway/api.shop.example",
                &[("blue", "10"), ("green", "90")],
            ),
            "api.shop.example: blue = 10, green = 90",
            &[("blue", "10 to 192.0.2.71"), ("green", "90 to 192.0.2.31")],
        ),
    ] {
        let (said, other) = bench.there_and_back(key, &action);
        assert_eq!(
            (said.as_str(), other),
            (after, pairs(otherwise)),
            "{action}"
        );
    }
    bench.proven();
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn a_service_is_put_back_to_its_former_revision_through_ministack() {
    let bench = Bench::new();
    apart();
    let update = bench
        .ecs
        .update_service()
        .cluster("shop")
        .service("checkout");
    let update = update.task_definition("checkout:3").send();
    bench.runtime.block_on(update).unwrap();
    let change = bench.runtime.block_on(async {
        use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
        let about = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::EventName)
            .attribute_value("UpdateService");
        let asked = bench
            .trail
            .lookup_events()
            .lookup_attributes(about.build().unwrap());
        let said = asked.send().await.unwrap();
        said.events()[0].event_id().unwrap().to_string()
    });
    let revert = Action::RevertChange {
        entity: EntityId::from("service/checkout"),
        change,
    };
    let (said, other) = bench.there_and_back("a", &revert);
    assert_eq!(said, "task definition = checkout:2");
    assert_eq!(other, pairs(&[("definition", "checkout:2")]));
    // A revision that was deregistered cannot be run, and nothing is sent.
    let gone = bench
        .ecs
        .deregister_task_definition()
        .task_definition("checkout:2");
    bench.runtime.block_on(gone.send()).unwrap();
    let written = bench.writes();
    let refused = bench.hands.preview(&revert).unwrap_err().to_string();
    assert!(refused.contains("was deregistered"), "{refused}");
    assert!(
        !bench
            .hands
            .perform(&StepKey("b".to_string()), &revert)
            .is_done()
    );
    assert_eq!(bench.writes(), written);
    bench.proven();
}
