//! `[notify]`: who is told, of what, and by which way.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::telemetry::Severity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// Tell the terminal that `serve` runs in.
    pub terminal: bool,
    /// Append every notice, as a line of JSON, to this file; relative to the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Where people reach the page, such as `https://midwatch.example.com`; notices link to it. No links without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Send every notice to an address, as a CloudEvent signed with HMAC-SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// More addresses, each with a name of its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub webhooks: BTreeMap<String, Webhook>,
    /// Channels of Slack's: one thread for each incident.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub slack: BTreeMap<String, Slack>,
    /// Services of PagerDuty's: one alert for each incident.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pagerduty: BTreeMap<String, PagerDuty>,
    /// E-mail: one thread for each incident.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub email: BTreeMap<String, Email>,
    /// Repositories on GitHub: one issue for each incident.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub github: BTreeMap<String, GitHub>,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            terminal: true,
            file: None,
            page: None,
            webhook: None,
            webhooks: BTreeMap::new(),
            slack: BTreeMap::new(),
            pagerduty: BTreeMap::new(),
            email: BTreeMap::new(),
            github: BTreeMap::new(),
        }
    }
}

/// Of what a channel tells. Whom it told of an incident it tells of the end in any case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Only {
    /// Kinds of notices: `opened`, `verdict`, `approval_wanted`, `approval_expired`, `running`, `broken_off`,
    /// `recovered`, `handed_over`, `closed`. Empty: all.
    pub kinds: Vec<String>,
    /// Incidents at least so bad: `trace`, `debug`, `info`, `warn`, `error` or `fatal`, as their alarms say; one
    /// whose alarms say nothing is an `error`.
    pub severity: Severity,
}

impl Default for Only {
    fn default() -> Self {
        Self {
            kinds: Vec::new(),
            severity: Severity::Trace,
        }
    }
}

/// A signed webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// File that holds the secret; relative to the file.
    pub secret_file: PathBuf,
    /// Of what it tells.
    #[serde(default)]
    pub only: Only,
}

/// A channel of Slack's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// The channel's id, such as `C0123456789`.
    pub channel: String,
    /// File that holds the app's bot token (`xoxb-…`); relative to the file.
    pub token_file: PathBuf,
    /// Where the Web API is.
    #[serde(default = "slack_api")]
    pub api: String,
    /// Of what it tells.
    #[serde(default)]
    pub only: Only,
}

fn slack_api() -> String {
    connectors::slack::notify::API.to_string()
}

/// A service of PagerDuty's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PagerDuty {
    /// File that holds the integration key of an "Events API V2" integration; relative to the file.
    pub routing_key_file: PathBuf,
    /// Where events are taken; accounts in Europe have `https://events.eu.pagerduty.com`.
    #[serde(default = "pagerduty_api")]
    pub api: String,
    /// Of what it tells.
    #[serde(default)]
    pub only: Only,
}

fn pagerduty_api() -> String {
    connectors::pagerduty::events::API.to_string()
}

/// People who are told by e-mail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// Name of the mail server, which its certificate must be for.
    pub host: String,
    /// Its port; 587, 465 or 25, as `security` is, unless named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `starttls`, `tls`, or `none` for a server on this machine.
    #[serde(default)]
    pub security: Security,
    /// User name, where the server wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// File that holds the password; relative to the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The sender, such as `Midwatch <midwatch@example.com>`.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// A certificate in PEM with which the server's may be signed, beside those that the system trusts; relative to the
    /// file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Of what it tells.
    #[serde(default)]
    pub only: Only,
}

/// How a connection is kept from being read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// It turns to TLS before anything is said.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// It is not; only for a server on this machine.
    None,
}

/// A repository on GitHub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GitHub {
    /// The repository, as `owner/name`.
    pub repository: String,
    /// File that holds a token which may read and write the repository's issues; relative to the file.
    pub token_file: PathBuf,
    /// Labels of new issues.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Where the API is; GitHub Enterprise Server has it at `https://HOST/api/v3`.
    #[serde(default = "github_api")]
    pub api: String,
    /// Of what it tells.
    #[serde(default)]
    pub only: Only,
}

fn github_api() -> String {
    connectors::github::issues::API.to_string()
}

impl Notify {
    /// Each channel that has a setting of what it tells: its name, as the outbox and `midwatch notify` know it, and that
    /// setting.
    pub fn filtered(&self) -> Vec<(String, &Only)> {
        let mut all = Vec::new();
        if let Some(webhook) = &self.webhook {
            all.push(("webhook".to_string(), &webhook.only));
        }
        let named = |kind: &str, name: &String| format!("{kind}.{name}");
        all.extend(
            self.webhooks
                .iter()
                .map(|(name, one)| (named("webhook", name), &one.only)),
        );
        all.extend(
            self.slack
                .iter()
                .map(|(name, one)| (named("slack", name), &one.only)),
        );
        all.extend(
            self.pagerduty
                .iter()
                .map(|(name, one)| (named("pagerduty", name), &one.only)),
        );
        all.extend(
            self.email
                .iter()
                .map(|(name, one)| (named("email", name), &one.only)),
        );
        all.extend(
            self.github
                .iter()
                .map(|(name, one)| (named("github", name), &one.only)),
        );
        all
    }

    /// What types cannot say: the key, what is wrong with it, and what to do; `None` if nothing is.
    pub(super) fn fault(&self) -> Option<(String, String, String)> {
        if let Some(page) = &self.page
            && !(page.starts_with("https://") || page.starts_with("http://"))
        {
            return Some((
                "notify.page".to_string(),
                format!("is {page:?}, which is no address"),
                "write it like \"https://midwatch.example.com\"".to_string(),
            ));
        }
        for (channel, only) in self.filtered() {
            let name = channel.split_once('.').map_or("x", |(_, name)| name);
            let fits =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
            if name.is_empty() || name.len() > 40 || !name.chars().all(fits) {
                return Some((
                    format!("notify.{channel}"),
                    "has a name that does not fit into an address".to_string(),
                    "use up to 40 of a to z, 0 to 9, - and _".to_string(),
                ));
            }
            let kinds = watch::notices::KINDS;
            let unknown = only
                .kinds
                .iter()
                .find(|kind| !kinds.contains(&kind.as_str()));
            if let Some(kind) = unknown {
                let remedy = watch::detect::nearest(kind, kinds.iter().copied()).map_or_else(
                    || format!("there are {}", kinds.join(", ")),
                    |near| format!("did you mean {near:?}? There are {}", kinds.join(", ")),
                );
                return Some((
                    format!("notify.{channel}.only.kinds"),
                    format!("names {kind:?}, and there is no such kind of notice"),
                    remedy,
                ));
            }
        }
        None
    }
}
