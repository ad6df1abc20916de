//! Where others post: one section for each inlet, `[inlets.NAME]`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Bytes;

/// An address that others post to: `/v1/spaces/main/inlets/NAME`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inlet {
    /// Who posts: `alertmanager`, `sns`, `eventbridge`, `pagerduty`, `grafana`, `datadog`, `cloudevents`, `github`,
    /// `gitlab` or `slack`.
    pub kind: Kind,
    /// File that holds the secret that both sides know; relative to the file. Every kind but `sns` needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// `sns`: the topics that may post, by their ARNs. A subscription of any other is not confirmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// `slack`: who is who, such as `{ U012AB3CD = "anna" }`. Whoever is not named can answer nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub people: BTreeMap<String, String>,
    /// `github`, `gitlab`: what a repository's changes touch, such as `{ "shop/cart" = ["service/cart"] }`; the service
    /// of the repository's name unless it is named.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub touches: BTreeMap<String, Vec<String>>,
    /// The longest body that is taken; 4MiB unless something else is said.
    #[serde(default = "Inlet::usual_body")]
    pub max_body: Bytes,
}

impl Inlet {
    fn usual_body() -> Bytes {
        Bytes(4 << 20)
    }
}

/// Who posts.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Alertmanager's webhook, version 4.
    Alertmanager,
    /// CloudWatch alarms through SNS.
    Sns,
    /// CloudWatch alarms through EventBridge.
    EventBridge,
    /// PagerDuty's webhooks, versions 2 and 3.
    PagerDuty,
    /// Grafana's alerting.
    Grafana,
    /// Datadog's webhooks.
    Datadog,
    /// CloudEvents, for everybody else.
    CloudEvents,
    /// GitHub's deployments, pushes and workflows.
    GitHub,
    /// GitLab's deployments, pushes and pipelines.
    GitLab,
    /// Buttons in Slack.
    Slack,
}

impl Kind {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Alertmanager => "alertmanager",
            Self::Sns => "sns",
            Self::EventBridge => "eventbridge",
            Self::PagerDuty => "pagerduty",
            Self::Grafana => "grafana",
            Self::Datadog => "datadog",
            Self::CloudEvents => "cloudevents",
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Slack => "slack",
        }
    }

    /// Does it tell of changes?
    pub fn tells_changes(self) -> bool {
        matches!(self, Self::CloudEvents | Self::GitHub | Self::GitLab)
    }
}

/// What types cannot say of an inlet: key, what is wrong with it, what to do.
pub fn fault(name: &str, inlet: &Inlet) -> Option<(String, &'static str, &'static str)> {
    let key = |key: &str| format!("inlets.{name}{key}");
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.len() > 40 || !name.bytes().all(plain) {
        return Some((
            key(""),
            "is no name that can stand in an address",
            "use up to 40 lower-case letters, digits and hyphens",
        ));
    }
    if inlet.kind == Kind::Sns {
        if inlet.topics.is_empty() {
            return Some((
                key(".topics"),
                "names no topic, so nobody could post",
                "name the topics by their ARNs: topics = [\"arn:aws:sns:REGION:ACCOUNT:NAME\"]",
            ));
        }
    } else if inlet.secret_file.is_none() {
        return Some((
            key(".secret_file"),
            "is missing, so anybody could post",
            "write a secret of at least 16 bytes into a file, and name it; the other side gets the same",
        ));
    }
    for (given, of, kinds) in [
        (!inlet.topics.is_empty(), ".topics", &[Kind::Sns][..]),
        (!inlet.people.is_empty(), ".people", &[Kind::Slack][..]),
        (
            !inlet.touches.is_empty(),
            ".touches",
            &[Kind::GitHub, Kind::GitLab][..],
        ),
    ] {
        if given && !kinds.contains(&inlet.kind) {
            return Some((key(of), "means nothing for this kind", "leave it out"));
        }
    }
    if inlet.max_body.0 == 0 || inlet.max_body.0 > server::inlets::LONGEST as u64 {
        return Some((
            key(".max_body"),
            "is not between one byte and 64 MiB",
            "4MiB is the default",
        ));
    }
    None
}
