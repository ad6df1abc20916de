//! Credentials are in no output: every connector, notifier and inlet of the real program has one of its own, whoever it is
//! shown to says it back in every way that there is, and then everything that the program said, wrote and sent is searched.
//!
//! It configures everything that can be, so it needs a build with everything.

#![cfg(all(feature = "aws", feature = "kubernetes", feature = "mcp"))]

#[path = "canary/birds.rs"]
mod birds;
#[path = "canary/double.rs"]
mod double;
#[path = "canary/outputs.rs"]
mod outputs;
#[path = "doors/program.rs"]
#[allow(dead_code, reason = "each user of it needs a part")]
mod program;
#[path = "canary/reach.rs"]
mod reach;
#[path = "canary/senders.rs"]
mod senders;
#[path = "canary/stand.rs"]
mod stand;
#[path = "canary/telemetry.rs"]
mod telemetry;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use birds::{Birds, Output};
use double::{ROUNDS, Round};
use stand::Stand;

#[test]
fn nothing_tells_a_credential() {
    let mut stand = Stand::up();
    let mut all = Vec::new();
    for round in ROUNDS {
        stand.ends.turn(round);
        let when = format!("{round:?}");
        let incident = senders::attended(&stand, &when);
        all.extend(senders::sign_in(&stand, &when));
        all.extend(senders::posts(&stand, &when));
        let last = round == Round::Told;
        all.extend(outputs::commands(&stand, &incident, &when, last));
        all.extend(outputs::api(&stand, &when));
        if last {
            all.extend(outputs::recorded(&stand, &incident));
        }
        stand.run(
            &["incidents", "close", &incident, "--why", "the next round"],
            "",
        );
    }
    stand.end();
    // Asked once more, with nobody there.
    all.extend(refusals(&stand));
    // What the operator wrote, credentials among it, lies beside what the program writes.
    let written = [
        "serve.log",
        "calls.jsonl",
        "deeds.jsonl",
        "notices.jsonl",
        "report.json",
        "again.json",
        "recorded.tar.zst",
    ];
    let own = |path: &Path| {
        let beside = path.parent() == Some(stand.path());
        beside && !written.iter().any(|name| path.ends_with(name))
    };
    all.extend(outputs::files(stand.path(), &own));
    all.extend(outputs::rows(&stand.at("midwatch-data")));
    all.extend(stand.ends.heard());

    let missing = reach::reaches(&stand, &all);
    let found = stand.birds.found(&all);
    assert!(
        found.is_empty() && missing.is_empty(),
        "{} leaks:\n{}\nnot looked at:\n{}",
        found.len(),
        found.join("\n"),
        missing.join("\n")
    );
}

/// What is said of configurations that cannot be used.
fn refusals(stand: &Stand) -> Vec<Output> {
    let secret = stand.birds.hatch("inline");
    let mut all = Vec::new();
    for (name, text) in [
        (
            "unknown",
            format!(
                "[connectors.prometheus.x]\nurl = \"http://127.0.0.1:1\"\ntoken = \"{secret}\"\n"
            ),
        ),
        (
            "wrong",
            format!(
                "[connectors.prometheus.x]\nurl = \"http://127.0.0.1:1\"\nbearer_file = [\"{secret}\"]\n"
            ),
        ),
        (
            "unclosed",
            format!("[notify.slack.x]\ntoken_file = \"{secret}\n"),
        ),
        (
            "inside",
            format!("[connectors.loki.x]\nurl = \"http://anna:{secret}@127.0.0.1:1\"\n"),
        ),
        (
            "unlike",
            format!(
                "[notify.webhook]\nurl = \"ftp://anna:{secret}@127.0.0.1:1\"\nsecret_file = \"oidc\"\n"
            ),
        ),
        (
            "lines",
            "[connectors.prometheus.x]\nurl = \"http://127.0.0.1:1\"\nbearer_file = \"lines\"\n"
                .to_string(),
        ),
        (
            "short",
            "[notify.slack.x]\nchannel = \"C0123456789\"\ntoken_file = \"lines\"\n".to_string(),
        ),
    ] {
        std::fs::write(stand.at("lines"), format!("{secret}\n{secret}\n")).unwrap();
        let file = format!("{name}.toml");
        std::fs::write(stand.at(&file), text).unwrap();
        for words in [
            ["config", "check", &file].as_slice(),
            &["serve", "--config", &file],
            &["doctor", "--config", &file],
        ] {
            let (done, said) = stand.run(words, "");
            let sound = done && words[0] == "config";
            all.push(Output::new(words.join(" "), said));
            // What can be used would be served for good.
            assert!(!sound, "{words:?}");
        }
    }
    all
}

#[test]
fn what_is_planted_is_found() {
    let birds = Birds::default();
    let (secret, half) = (birds.hatch("planted"), &birds.hatch("planted")[..10]);
    let escaped: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let folder = tempfile::tempdir().unwrap();
    let packed = zstd::encode_all(format!("a line with {secret} in it").as_bytes(), 3).unwrap();
    let noise = [b"noise before it".as_slice(), &packed, b"and after"].concat();
    std::fs::write(folder.path().join("packed"), noise).unwrap();
    let mut all = outputs::files(folder.path(), &|_| false);
    for (name, text) in [
        ("as it is", format!("x{secret}x")),
        ("in Basic", STANDARD.encode(format!("anna:{secret}"))),
        ("escaped", escaped),
        (
            "in JSON",
            json!({"said": secret}).to_string().replace('/', "\\/"),
        ),
        ("in part", format!("{half}…")),
        ("its end", format!("…{}", &secret[secret.len() - 10..])),
    ] {
        all.push(Output::new(name, text));
    }
    all.push(Output::new("nothing", "a line without any"));
    let found = birds.found(&all);
    let names: Vec<&str> = found
        .iter()
        .map(|line| line.split(" holds").next().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "packed, unpacked at 15",
            "packed",
            "as it is",
            "in Basic",
            "escaped",
            "in JSON",
            "in part",
            "its end"
        ],
        "{found:#?}"
    );
}
