//! What the hands do to a function, and back, through AWS's own API as an emulator offers it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};
use aws_smithy_types::Blob;
use connectors::aws::deeds::{self, ALTERS};
use connectors::aws::hands::{Hands, Settings, Taken};
use connectors::aws::proof::prove;
use model::EntityId;
use model::action::{Action, StepKey};
use model::ports::Actuator;

use super::{Emulator, code, means};

const RUNS: &str = "arn:aws:iam::000000000000:role/pay-runs";
const READS: &str = "arn:aws:iam::000000000000:role/pay-reads";
/// The value of a variable: it must be in nothing that the hands say.
const VALUE: &str = "value-of-a-variable-canary";

/// How a function is set.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Set {
    concurrency: Option<i32>,
    variables: BTreeMap<String, String>,
    role: String,
    /// AWS gives another to whatever was altered.
    revision: String,
}

impl Set {
    fn without_revision(mut self) -> Self {
        self.revision.clear();
        self
    }
}

/// An emulator with functions in it, and hands on them.
struct Bench {
    runtime: tokio::runtime::Runtime,
    lambda: aws_sdk_lambda::Client,
    trail: aws_sdk_cloudtrail::Client,
    hands: Hands,
    log: PathBuf,
    _emulator: Emulator,
}

fn entity(name: &str) -> EntityId {
    EntityId::new(format!("function/{name}"))
}

impl Bench {
    fn new(folder: &Path, functions: &[&str]) -> Self {
        let emulator = Emulator::ministack();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sdk = emulator.hands(&runtime);
        let log = folder.join("deeds.jsonl");
        let settings = Settings {
            regions: vec!["eu-west-1".to_string()],
            endpoint: Some(emulator.endpoint()),
            role: Some(Taken {
                role_arn: "arn:aws:iam::000000000000:role/midwatch-acts".to_string(),
                external_id: Some("known-to-both".to_string()),
            }),
            roles: vec![RUNS.to_string(), READS.to_string()],
            call_log: Some(log.clone()),
            ..Settings::default()
        };
        let bench = Self {
            lambda: aws_sdk_lambda::Client::new(&sdk),
            trail: aws_sdk_cloudtrail::Client::new(&sdk),
            hands: Hands::new("aws.emulated", settings, means()).unwrap(),
            runtime,
            log,
            _emulator: emulator,
        };
        for name in functions {
            bench.runtime.block_on(async {
                let variables = Environment::builder()
                    .variables("LEDGER", "ledger-canary")
                    .variables("TOKEN", VALUE);
                let made = bench
                    .lambda
                    .create_function()
                    .function_name(*name)
                    .runtime(Runtime::Python311)
                    .role(RUNS)
                    .handler("index.handler")
                    .code(FunctionCode::builder().zip_file(Blob::new(code())).build())
                    .environment(variables.build());
                made.send().await.unwrap();
            });
        }
        bench
    }

    fn set(&self, name: &str) -> Set {
        self.runtime.block_on(async {
            let asked = self
                .lambda
                .get_function_configuration()
                .function_name(name)
                .send();
            let settings = asked.await.unwrap();
            let asked = self
                .lambda
                .get_function_concurrency()
                .function_name(name)
                .send();
            let variables = settings.environment().and_then(|one| one.variables());
            Set {
                concurrency: asked.await.unwrap().reserved_concurrent_executions(),
                variables: variables.cloned().unwrap_or_default().into_iter().collect(),
                role: settings.role().unwrap().to_string(),
                revision: settings.revision_id().unwrap().to_string(),
            }
        })
    }

    /// Requests that altered something, by the hands' own log.
    fn writes(&self) -> usize {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let alters = |line: &&str| {
            let altered = |action: &&str| line.contains(action.trim_start_matches("lambda:"));
            ALTERS.iter().any(altered)
        };
        log.lines().filter(alters).count()
    }

    /// Shows it, does it, does it once more, and takes it back; gives what the preview said.
    fn there_and_back(&self, key: &str, name: &str, action: &Action) -> [String; 2] {
        let (before, written) = (self.set(name), self.writes());
        let seen = self.hands.preview(action).unwrap();
        assert_eq!(self.set(name), before, "a preview alters nothing");
        assert_eq!(self.writes(), written);

        let done = self.perform(&format!("{key}-0-do-1"), action);
        let after = self.set(name);
        assert_ne!(after, before, "{action}");
        assert_eq!(self.writes(), written + 1, "one request: {done}");
        let again = self.perform(&format!("{key}-0-do-1"), action);
        assert_eq!(self.set(name), after, "done twice it is done once: {again}");
        assert_eq!(self.writes(), written + 1, "{again}");
        let key = StepKey(format!("{key}-0-do-1"));
        assert!(self.hands.was_done(&key, action).is_done(), "{action}");

        let undo = seen.undo.expect("there is a way back");
        self.perform(&format!("{}-undo", key.0), &undo);
        let back = self.set(name);
        assert_eq!(back.without_revision(), before.without_revision(), "{undo}");
        [seen.before, seen.after]
    }

    /// What was said; that it was done is sure.
    fn perform(&self, key: &str, action: &Action) -> String {
        let outcome = self.hands.perform(&StepKey(key.to_string()), action);
        assert!(outcome.is_done(), "{action}: {outcome:?}");
        let said = format!("{outcome:?}");
        assert!(!said.contains("canary"), "{said}");
        said
    }

    /// The newest record of the audit trail that says this of that function.
    fn changed(&self, name: &str, says: &str) -> String {
        use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
        let about = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::ResourceName)
            .attribute_value(name)
            .build()
            .unwrap();
        let asked = self.trail.lookup_events().lookup_attributes(about).send();
        let said = self.runtime.block_on(asked).unwrap();
        let found = said
            .events()
            .iter()
            .filter(|event| event.cloud_trail_event().unwrap().contains(says))
            .max_by_key(|event| event.event_time().unwrap().as_nanos());
        let found = found.unwrap_or_else(|| panic!("{says}: {said:?}"));
        found.event_id().unwrap().to_string()
    }
}

/// The audit trail counts in seconds: what came first of two is told only where they are apart.
pub fn apart() {
    std::thread::sleep(Duration::from_millis(2_100));
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn what_the_hands_set_is_set_once_and_back_through_ministack() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new(folder.path(), &["pay"]);
    let settings: BTreeMap<_, _> = [("STAGE".to_string(), Some("live-canary".to_string()))].into();
    for (key, action, wanted) in [
        (
            "a",
            Action::SetLimit {
                entity: entity("pay"),
                limit: "concurrency".to_string(),
                value: Some(3),
            },
            ["reserved concurrency = none", "reserved concurrency = 3"],
        ),
        (
            "b",
            Action::SetSettings {
                entity: entity("pay"),
                settings,
            },
            ["STAGE not set", "STAGE set"],
        ),
        (
            "c",
            Action::SetRole {
                entity: entity("pay"),
                role: EntityId::from("role/pay-reads"),
            },
            ["role = pay-runs", "role = pay-reads"],
        ),
    ] {
        assert_eq!(bench.there_and_back(key, "pay", &action), wanted);
    }
    let log = std::fs::read_to_string(&bench.log).unwrap();
    let proof = prove(&log, "aws.emulated.hands", deeds::by_trail).unwrap();
    assert!(proof.foreign.is_empty(), "{proof:?}");
    for action in ["sts:AssumeRole", "lambda:DeleteFunctionConcurrency"] {
        assert!(proof.known.contains_key(action), "{proof:?}");
    }
    assert!(!log.contains("canary"), "{log}");
}

fn revert(change: String) -> Action {
    Action::RevertChange {
        entity: entity("pay"),
        change,
    }
}

// Each of these has an emulator and hands of its own: what the hands may ask of the audit trail in a second is little, and
// side by side they wait for it together.

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn a_variable_that_was_taken_away_is_put_back_through_ministack() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new(folder.path(), &["pay"]);
    apart();
    let only = Environment::builder().variables("TOKEN", VALUE).build();
    let without = bench.lambda.update_function_configuration();
    let without = without.function_name("pay").environment(only).send();
    bench.runtime.block_on(without).unwrap();
    let change = bench.changed("pay", "\"Environment\"");
    let wanted = ["LEDGER not set", "LEDGER set"];
    assert_eq!(bench.there_and_back("a", "pay", &revert(change)), wanted);
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn a_role_that_was_taken_away_is_given_back_through_ministack() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new(folder.path(), &["pay"]);
    apart();
    let gives = bench.lambda.update_function_configuration();
    let gives = gives.function_name("pay").role(READS).send();
    bench.runtime.block_on(gives).unwrap();
    let change = bench.changed("pay", "pay-reads");
    let wanted = ["role = pay-reads", "role = pay-runs"];
    assert_eq!(bench.there_and_back("c", "pay", &revert(change)), wanted);

    // A change of nobody is not put back.
    let said = bench.hands.preview(&revert("no-such".to_string()));
    let said = said.unwrap_err().to_string();
    assert!(said.contains("holds no change no-such"), "{said}");
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn a_function_that_was_stopped_is_let_run_as_before_through_ministack() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::new(folder.path(), &["pay"]);
    for copies in [5, 0] {
        apart();
        let put = bench.lambda.put_function_concurrency();
        let put = put
            .function_name("pay")
            .reserved_concurrent_executions(copies);
        bench.runtime.block_on(put.send()).unwrap();
    }
    let change = bench.changed("pay", "\"ReservedConcurrentExecutions\": 0");
    let wanted = ["reserved concurrency = 0", "reserved concurrency = 5"];
    assert_eq!(
        bench.there_and_back("e", "pay", &revert(change.clone())),
        wanted
    );
    bench.perform("f", &revert(change));
    assert_eq!(bench.set("pay").concurrency, Some(5));
}
