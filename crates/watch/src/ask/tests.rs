use model::entity::{Entity, EntityId, EntityKind};
use model::time::Timestamp;
use model::topology::Topology;

use super::understand;

fn house() -> Topology {
    let entity = |id: &str, kind| Entity {
        id: EntityId::new(id),
        kind,
        name: id.rsplit('/').next().unwrap_or(id).to_string(),
        labels: Default::default(),
    };
    Topology {
        entities: vec![
            entity("function/getBalance", EntityKind::Function),
            entity("function/createTransaction", EntityKind::Function),
            entity("gateway/tokyo/api", EntityKind::Gateway),
            entity("gateway/singapore/api", EntityKind::Gateway),
        ],
        ..Topology::default()
    }
}

#[test]
fn questions_and_what_was_understood() {
    let now: Timestamp = "2026-06-18T15:06:00Z".parse().unwrap();
    let table = [
        (
            "what changed on getBalance since 10 minutes ago?",
            "what changed on function/getBalance from 2026-06-18T14:56:00Z to 2026-06-18T15:06:00Z (10 min)",
        ),
        (
            "What changed since noon?",
            "what changed from 2026-06-18T12:00:00Z to 2026-06-18T15:06:00Z (3 h 6 min)",
        ),
        (
            "changes today",
            "what changed from 2026-06-18T00:00:00Z to 2026-06-18T15:06:00Z (15 h 6 min)",
        ),
        (
            "errors of createtransaction in the last 2 hours",
            "which calls of function/createTransaction failed from 2026-06-18T13:06:00Z to 2026-06-18T15:06:00Z (2 h)",
        ),
        (
            "is getBalance healthy",
            "how well function/getBalance answers its calls from 2026-06-18T14:36:00Z to 2026-06-18T15:06:00Z (30 min)",
        ),
        (
            "is everything ok",
            "how well everything answers its calls from 2026-06-18T14:36:00Z to 2026-06-18T15:06:00Z (30 min)",
        ),
        (
            "how slow is createTransaction since 16:00",
            "how long calls of function/createTransaction took from 2026-06-17T16:00:00Z to 2026-06-18T15:06:00Z (23 h 6 min)",
        ),
        (
            "what depends on getBalance?",
            "what leans on function/getBalance",
        ),
        (
            "what does getBalance depend on?",
            "what function/getBalance leans on",
        ),
        ("who calls getBalance", "what leans on function/getBalance"),
        (
            "show logs of tokyo last 5m",
            "what the logs of gateway/tokyo/api say from 2026-06-18T15:01:00Z to 2026-06-18T15:06:00Z (5 min)",
        ),
        (
            "deploys on everything since 2026-06-18T15:00:00Z",
            "what changed from 2026-06-18T15:00:00Z to 2026-06-18T15:06:00Z (6 min)",
        ),
        (
            "what changed on api",
            "\"api\" could be any of: gateway/singapore/api, gateway/tokyo/api",
        ),
        (
            "what changed on getBalanse",
            "nobody is called \"getbalanse\"; like it: function/getBalance",
        ),
        (
            "what changed since tomorrow",
            "\"tomorrow\" is no time that I know; write \"10 minutes ago\", \"14:05\", \"noon\" or RFC 3339; clocks are UTC",
        ),
        (
            "what changed since 2027-01-01T00:00:00Z",
            "\"2027-01-01t00:00:00z\" is not before now (2026-06-18T15:06:00Z)",
        ),
        (
            "restart getBalance",
            "no question that I know is in \"restart getBalance\"; ask like: what changed on NAME since 10 minutes ago · is NAME healthy · errors of NAME in the last 5 minutes · latency of NAME since 14:05 · logs of NAME · what depends on NAME · what does NAME depend on",
        ),
        (
            "",
            "no question that I know is in \"\"; ask like: what changed on NAME since 10 minutes ago · is NAME healthy · errors of NAME in the last 5 minutes · latency of NAME since 14:05 · logs of NAME · what depends on NAME · what does NAME depend on",
        ),
    ];
    for (asked, wanted) in table {
        let said = match understand(asked, &house(), now) {
            Ok(question) => question.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(said, wanted, "{asked}");
    }
}

proptest::proptest! {
    #[test]
    fn no_words_are_too_strange(text in ".{0,80}") {
        let _ = understand(&text, &house(), Timestamp(0));
    }

    #[test]
    fn no_times_are_too_strange(number in proptest::num::i64::ANY, unit in "[a-z]{1,7}") {
        let _ = understand(&format!("changes in the last {number} {unit}"), &house(), Timestamp(i64::MAX));
        let _ = understand(&format!("changes since {number} {unit} ago"), &house(), Timestamp(i64::MIN));
    }
}
