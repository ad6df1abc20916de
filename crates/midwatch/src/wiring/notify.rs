//! Who is told, as configured.

mod file;
mod tried;

use std::path::Path;
use std::sync::Arc;

use connectors::github::issues::Issues;
use connectors::pagerduty::events::Events;
use connectors::slack::notify::Slack;
use connectors::smtp::{self, Mail};
use connectors::webhook::Webhook;
use model::incident::IncidentId;
use model::ports::{Notice, Notifier, TellError, Telling, Thread};
use model::telemetry::Severity;
use model::time::{Span, Timestamp};

use super::house::House;
use crate::config::{Email, MAIN, Notify, Only, Security};
use crate::problem::Problem;
use file::File;
pub use tried::Tried;

/// A channel with what the configuration says of any: of what it tells, and where the page is.
struct Channel {
    inner: Box<dyn Notifier>,
    only: Only,
    page: Option<String>,
    space: String,
}

impl Notifier for Channel {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn wants(&self, notice: &Notice) -> bool {
        let kinds = &self.only.kinds;
        notice.severity >= self.only.severity && (kinds.is_empty() || kinds.contains(&notice.kind))
    }

    fn pace(&self) -> Span {
        self.inner.pace()
    }

    fn tell(&self, telling: &Telling<'_>, now: Timestamp) -> Result<String, TellError> {
        let Some(page) = &self.page else {
            return self.inner.tell(telling, now);
        };
        let notice = Notice {
            link: link(page, &self.space, telling.notice),
            ..telling.notice.clone()
        };
        let telling = Telling {
            notice: &notice,
            ..*telling
        };
        self.inner.tell(&telling, now)
    }
}

/// Where the page shows what a notice is about: a plan that is asked for, or the incident.
fn link(page: &str, space: &str, notice: &Notice) -> String {
    let page = page.trim_end_matches('/');
    // Names of spaces need no escapes; the page shows `main` where none is named.
    let page = match space {
        MAIN => format!("{page}/#"),
        space => format!("{page}/#/spaces/{space}"),
    };
    if notice.kind == TEST {
        return format!("{page}/setup");
    }
    let mut id = String::new();
    for byte in notice.incident.0.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            id.push(char::from(byte));
        } else {
            id += &format!("%{byte:02X}");
        }
    }
    let plan = if notice.plan.is_some() { "/plan" } else { "" };
    format!("{page}/incidents/{id}{plan}")
}

/// The names of the channels that the configuration names, as the outbox knows them.
pub fn names(config: &Notify) -> Vec<String> {
    let simple = [
        ("terminal", config.terminal),
        ("file", config.file.is_some()),
    ];
    let simple = simple.into_iter().filter(|(_, configured)| *configured);
    let mut names: Vec<String> = simple.map(|(name, _)| name.to_string()).collect();
    names.extend(config.filtered().into_iter().map(|(name, _)| name));
    names
}

/// The notifiers that the configuration names, save the terminal, which belongs to whoever has one.
pub fn configured(house: &House) -> Result<Vec<Arc<dyn Notifier>>, Problem> {
    let config = &house.config().notify;
    let page = &config.page;
    let mut notifiers: Vec<Arc<dyn Notifier>> = Vec::new();
    let mut add = |inner: Box<dyn Notifier>, only: &Only| {
        notifiers.push(Arc::new(Channel {
            inner,
            only: only.clone(),
            page: page.clone(),
            space: house.space().to_string(),
        }));
    };
    if let Some(file) = &config.file {
        add(Box::new(File::new(house.path(file))), &Only::default());
    }
    let single = config
        .webhook
        .iter()
        .map(|one| ("webhook".to_string(), "webhook".to_string(), one));
    let named = config
        .webhooks
        .iter()
        .map(|(name, one)| (format!("webhook.{name}"), format!("webhooks.{name}"), one));
    for (name, table, one) in single.chain(named) {
        let secret = secret(house, &table, "secret_file", &one.secret_file)?;
        let webhook = Webhook::new(&name, &one.url, secret.as_bytes());
        add(
            Box::new(webhook.map_err(|error| unusable(&name, &error))?),
            &one.only,
        );
    }
    for (name, one) in &config.slack {
        let name = format!("slack.{name}");
        let token = secret(house, &name, "token_file", &one.token_file)?;
        let slack = Slack::new(&name, &one.api, &token, &one.channel);
        add(
            Box::new(slack.map_err(|error| unusable(&name, &error))?),
            &one.only,
        );
    }
    for (name, one) in &config.pagerduty {
        let name = format!("pagerduty.{name}");
        let key = secret(house, &name, "routing_key_file", &one.routing_key_file)?;
        let events = Events::new(&name, &one.api, &key);
        add(
            Box::new(events.map_err(|error| unusable(&name, &error))?),
            &one.only,
        );
    }
    for (name, one) in &config.email {
        let name = format!("email.{name}");
        let mail = Mail::new(&name, &mail_settings(house, &name, one)?);
        add(
            Box::new(mail.map_err(|error| unusable(&name, &error))?),
            &one.only,
        );
    }
    for (name, one) in &config.github {
        let name = format!("github.{name}");
        let token = secret(house, &name, "token_file", &one.token_file)?;
        let issues = Issues::new(&name, &one.api, &one.repository, &one.labels, &token);
        add(
            Box::new(issues.map_err(|error| unusable(&name, &error))?),
            &one.only,
        );
    }
    Ok(notifiers)
}

fn mail_settings(house: &House, name: &str, email: &Email) -> Result<smtp::Settings, Problem> {
    let login = match (&email.user, &email.password_file) {
        (Some(user), Some(file)) => {
            let password = secret(house, name, "password_file", file)?;
            Some((user.clone(), password))
        }
        (None, None) => None,
        _ => {
            return Err(Problem::bad_input(
                "of user and password_file there is one without the other",
                format!("notify.{name}"),
                "name both, or neither if the server wants none",
            ));
        }
    };
    let authority = email.ca_file.as_ref().map(|file| {
        let (key, path) = (format!("notify.{name}.ca_file"), house.path(file));
        std::fs::read(&path).map_err(|error| house.written.unread(&key, &path, &error))
    });
    Ok(smtp::Settings {
        host: email.host.clone(),
        port: email.port,
        security: match email.security {
            Security::StartTls => smtp::Security::StartTls,
            Security::Tls => smtp::Security::Tls,
            Security::None => smtp::Security::Plain,
        },
        login,
        from: email.from.clone(),
        to: email.to.clone(),
        authority: authority.transpose()?,
    })
}

/// What stands in the file of a secret that this key of a channel's table names.
fn secret(house: &House, table: &str, key: &str, file: &Path) -> Result<String, Problem> {
    let key = format!("notify.{table}.{key}");
    house.written.named_secret(&key, file)
}

fn unusable(name: &str, error: &dyn std::error::Error) -> Problem {
    Problem::bad_input(
        error.to_string(),
        format!("notify.{name}"),
        "docs/notifiers.md says what is set on the other side; `midwatch config reference` shows every key",
    )
}

/// The kind of a notice that only tries a channel.
const TEST: &str = "test";

/// Tells a channel that this is a test. It goes the way of any notice and leaves nothing open at the other end; nothing
/// of it is in the outbox.
///
/// # Errors
/// If it was not told: why, and what to do.
pub fn test(notifier: &dyn Notifier, by: &str, now: Timestamp) -> Result<(), TellError> {
    let incident = IncidentId(format!("test-{}", now.0));
    let notice = Notice {
        id: format!("{incident}/1/{TEST}"),
        incident,
        at: now,
        kind: TEST.to_string(),
        subject: "a test of what Midwatch tells".to_string(),
        severity: Severity::Info,
        title: "this is a test: nothing is wrong".to_string(),
        lines: vec![format!("asked for by {by}")],
        plan: None,
        by: by.to_string(),
        link: String::new(),
    };
    let telling = Telling {
        notice: &notice,
        tries: 0,
        receipt: "",
        thread: &Thread::default(),
    };
    notifier.tell(&telling, now).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_page_whatever_an_incident_is_called() {
        let mut notice = Notice {
            id: "inc 1/é/2/opened".to_string(),
            incident: IncidentId("inc 1/é?#".to_string()),
            at: Timestamp(0),
            kind: "opened".to_string(),
            subject: String::new(),
            severity: Severity::Error,
            title: String::new(),
            lines: Vec::new(),
            plan: None,
            by: String::new(),
            link: String::new(),
        };
        let shown = link("https://m.example/", MAIN, &notice);
        assert_eq!(
            shown,
            "https://m.example/#/incidents/inc%201%2F%C3%A9%3F%23"
        );
        notice.plan = Some("3f".to_string());
        assert!(link("https://m.example", MAIN, &notice).ends_with("%23/plan"));
        let shown = link("https://m.example", "team-b", &notice);
        assert!(
            shown.starts_with("https://m.example/#/spaces/team-b/incidents/inc%201"),
            "{shown}"
        );
    }
}
