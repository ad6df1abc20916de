//! Health checks of Route 53: what they look at, and what its checkers all over the world saw there.
//!
//! Checks belong to no region: one place of an account asks about them. AWS tells what each checker saw and not what it
//! made of it; that follows from a rule that it documents.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::types::{
    HealthCheck, HealthCheckConfig, HealthCheckObservation, HealthCheckType,
};
use model::time::Timestamp;
use model::{EdgeKind, EntityId, EntityKind, Severity, SourceKind};
use serde_json::{Value, json};

use super::alarms::{Alarms, moment};
use super::ask::{Asking, Miss, is_name};
use super::found::Found;
use super::gateways::plain_host;
use super::repeats::{Repeats, clip};

/// The id of a health check is no longer.
const ID: usize = 64;
/// Checks of one answer.
const PAGE: i32 = 100;
/// The part of `details` of which checkers are asked.
const PART: usize = 3;
/// More checkers than this share have to succeed, or the endpoint is taken as failing.
const ENOUGH: f64 = 0.18;
/// What stands behind the words of a checker that differs from one to the next.
const RESOLVED: &str = ". Resolved IP";

/// What a checker said, when, and how much it matters.
type Said = (Timestamp, String, Severity);

/// What checks look at, and what their checkers could not do there.
#[derive(Default)]
pub(super) struct Checks(Vec<(EntityId, String, Vec<Said>)>);

impl Checks {
    /// Draws an edge from each check to whoever has the address that it looks at; what checkers said is told of them, or
    /// else of the check.
    pub fn lead(self, addresses: &BTreeMap<String, EntityId>, found: &mut Found) {
        let mut repeats = Repeats::default();
        for (check, address, said) in self.0 {
            let whom = addresses.get(&address);
            if let Some(whom) = whom {
                found.edge(&check, whom, EdgeKind::Calls, "the health check");
            }
            for (at, text, severity) in said {
                let reason = ("route53", "HealthCheckFailed");
                repeats.say(whom.unwrap_or(&check), at, reason, &text, severity);
            }
        }
        repeats.pour(found);
    }
}

/// Health checks, if here is where they are asked about.
pub(super) async fn look(asking: &Asking<'_>, alarms: &Alarms) -> (Found, Checks) {
    let mut found = Found::default();
    let mut checks = Checks::default();
    if asking.place.global
        && let Err(miss) = listed(asking, alarms, &mut found, &mut checks).await
    {
        found.missed(asking, "health checks", &miss);
    }
    (found, checks)
}

/// One check of an endpoint, and how Route 53 was told to take it.
struct Endpoint<'a> {
    entity: EntityId,
    id: &'a str,
    config: &'a HealthCheckConfig,
    address: String,
}

async fn listed(
    asking: &Asking<'_>,
    alarms: &Alarms,
    found: &mut Found,
    checks: &mut Checks,
) -> Result<(), Miss> {
    let sent = asking.place.dns.list_health_checks().max_items(PAGE).send();
    let answer = asking.ask("route53:ListHealthChecks", 1, sent).await?;
    found.seen.insert(SourceKind::State);
    if answer.is_truncated() {
        let detail = format!("the first {PAGE} health checks were read");
        let gap = asking.cut("all health checks", detail, "name fewer accounts");
        found.gaps.push(gap);
    }
    let mut endpoints = Vec::new();
    for check in answer.health_checks() {
        let Some(config) = check.health_check_config() else {
            continue;
        };
        // Metrics and alarms know no kind of it either.
        let entity = found.named(EntityKind::Unknown, check.id());
        lean(asking, alarms, &entity, check, found);
        let address = address(config);
        if looks(config) && !address.is_empty() && is_name(check.id(), ID) {
            let id = check.id();
            endpoints.push(Endpoint {
                entity,
                id,
                config,
                address,
            });
        } else {
            let document = document(check.id(), config, None);
            found.state(entity, "route53.healthcheck", document, asking.now);
        }
    }
    let wanted = endpoints.iter().enumerate();
    let wanted = wanted.filter(|(_, one)| one.config.disabled() != Some(true));
    let wanted = wanted.map(|(at, one)| (one.entity.clone(), at)).collect();
    let most = asking.settings.details.div_ceil(PART);
    let words = ("what checkers saw", "health checks");
    let first = found.first_of(asking, &alarms.firing, words, wanted, (false, most));
    let mut saw: BTreeMap<usize, Vec<HealthCheckObservation>> = BTreeMap::new();
    for (_, at) in first {
        let client = &asking.place.dns;
        let sent = client.get_health_check_status();
        let sent = sent.health_check_id(endpoints[at].id).send();
        match asking.ask("route53:GetHealthCheckStatus", 1, sent).await {
            Ok(answer) => {
                found.seen.insert(SourceKind::Events);
                saw.insert(at, answer.health_check_observations);
            }
            Err(miss) => {
                found.missed(asking, "what checkers saw", &miss);
                break;
            }
        }
    }
    for (at, one) in endpoints.into_iter().enumerate() {
        let seen = saw.get(&at).map(|all| Seen::of(all));
        let document = document(one.id, one.config, seen.as_ref());
        found.state(
            one.entity.clone(),
            "route53.healthcheck",
            document,
            asking.now,
        );
        let said = seen.map_or(Vec::new(), |seen| {
            seen.said(asking, one.config, &one.address)
        });
        checks.0.push((one.entity, one.address, said));
    }
    Ok(())
}

/// What a check that looks at no endpoint leans on: other checks, or an alarm of this region.
fn lean(
    asking: &Asking<'_>,
    alarms: &Alarms,
    entity: &EntityId,
    check: &HealthCheck,
    found: &mut Found,
) {
    let Some(config) = check.health_check_config() else {
        return;
    };
    for child in config.child_health_checks() {
        let child = found.named(EntityKind::Unknown, child);
        found.edge(
            entity,
            &child,
            EdgeKind::Calls,
            "the calculated health check",
        );
    }
    let alarm = config.alarm_identifier();
    let alarm = alarm.filter(|alarm| alarm.region().as_str() == asking.place.region);
    if let Some(whom) = alarm.and_then(|alarm| alarms.whom(alarm.name())) {
        found.directory.meet(whom);
        found.edge(entity, whom, EdgeKind::Calls, "the health check's alarm");
    }
}

/// Does it ask an endpoint? Of the others AWS does not tell what they show.
fn looks(config: &HealthCheckConfig) -> bool {
    use HealthCheckType::{Http, HttpStrMatch, Https, HttpsStrMatch, Tcp};
    matches!(
        config.r#type(),
        Http | HttpStrMatch | Https | HttpsStrMatch | Tcp
    )
}

/// What it looks at: an address where one is given, or else a name.
fn address(config: &HealthCheckConfig) -> String {
    let name = config.ip_address().or(config.fully_qualified_domain_name());
    name.and_then(|name| match name.parse::<std::net::IpAddr>() {
        Ok(address) => Some(address.to_string()),
        Err(_) => plain_host(name),
    })
    .unwrap_or_default()
}

/// What the checkers of one check saw.
struct Seen {
    all: usize,
    /// Those that failed: when, and what they said.
    failed: Vec<(Option<Timestamp>, String)>,
}

impl Seen {
    fn of(observations: &[HealthCheckObservation]) -> Self {
        let reports = observations.iter().filter_map(|one| one.status_report());
        let mut seen = Self {
            all: 0,
            failed: Vec::new(),
        };
        for report in reports {
            let text = report.status().unwrap_or_default();
            if text.starts_with("Success") {
                seen.all += 1;
            } else if let Some(why) = text.strip_prefix("Failure") {
                seen.all += 1;
                let why = why.trim_start_matches([':', ' ']);
                let why = why.split(RESOLVED).next().unwrap_or(why);
                seen.failed
                    .push((report.checked_time().map(moment), clip(why)));
            }
            // Whatever else it says is no word on the endpoint.
        }
        seen
    }

    /// Is the endpoint taken as healthy? `None` if no checker told.
    fn healthy(&self) -> Option<bool> {
        let well = self.all.saturating_sub(self.failed.len());
        (self.all > 0).then_some(well as f64 > ENOUGH * self.all as f64)
    }

    /// Failures as events. Where the check is inverted, they are what is wanted.
    fn said(&self, asking: &Asking<'_>, config: &HealthCheckConfig, address: &str) -> Vec<Said> {
        let inverted = config.inverted() == Some(true);
        let severity = match self.healthy() {
            _ if inverted => Severity::Info,
            Some(false) => Severity::Error,
            _ => Severity::Warn,
        };
        let newest = Timestamp(asking.now.0.saturating_sub(1));
        let port = config
            .port()
            .map_or(String::new(), |port| format!(":{port}"));
        let inverted = if inverted {
            ", whose status is inverted"
        } else {
            ""
        };
        let all = self.failed.iter();
        all.map(|(at, why)| {
            let text = format!("health check failed: {why} (of {address}{port}{inverted})");
            (at.map_or(newest, |at| at.min(newest)), text, severity)
        })
        .collect()
    }
}

/// How a check is set and what it shows. Neither what it searches for nor what stands behind the path is told: keys do.
fn document(id: &str, config: &HealthCheckConfig, seen: Option<&Seen>) -> Value {
    let (disabled, inverted) = (
        config.disabled() == Some(true),
        config.inverted() == Some(true),
    );
    let healthy = seen
        .and_then(Seen::healthy)
        .map(|healthy| healthy != inverted);
    let path = config
        .resource_path()
        .map(|path| path.split('?').next().unwrap_or(path));
    let failing = seen.map(|seen| seen.failed.len());
    let mut said = Vec::new();
    if disabled {
        let taken = if inverted { "failing" } else { "healthy" };
        said.push(format!(
            "it is disabled: nothing is looked at, and it is taken as {taken}"
        ));
    } else if inverted {
        said.push("its status is inverted: it fails where its endpoint answers".to_string());
    }
    if let Some(seen) = seen.filter(|seen| !seen.failed.is_empty()) {
        let why: BTreeSet<&str> = seen.failed.iter().map(|(_, why)| why.as_str()).collect();
        let why: Vec<&str> = why.into_iter().take(3).collect();
        said.push(format!(
            "{} of {} checkers fail: {}",
            seen.failed.len(),
            seen.all,
            why.join("; ")
        ));
    }
    json!({
        "HealthCheckId": id,
        "Type": config.r#type().as_str(),
        "Address": config.ip_address(),
        "Name": config.fully_qualified_domain_name(),
        "Port": config.port(),
        "Path": path,
        "Interval": config.request_interval(),
        "FailureThreshold": config.failure_threshold(),
        "Disabled": disabled,
        "Inverted": inverted,
        "Children": config.child_health_checks(),
        "HealthThreshold": config.health_threshold(),
        "Alarm": config.alarm_identifier().map(|alarm| alarm.name()),
        "Status": healthy.map(|healthy| if healthy { "healthy" } else { "unhealthy" }),
        "Checkers": seen.map(|seen| seen.all),
        "Failing": failing,
        "message": said.join("; "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_route53::types::StatusReport;

    fn seen(words: &[&str]) -> Seen {
        let all: Vec<HealthCheckObservation> = words
            .iter()
            .map(|text| {
                let report = StatusReport::builder().status(*text).build();
                HealthCheckObservation::builder()
                    .status_report(report)
                    .build()
            })
            .collect();
        Seen::of(&all)
    }

    fn config(inverted: bool, disabled: bool) -> HealthCheckConfig {
        HealthCheckConfig::builder()
            .r#type(HealthCheckType::HttpsStrMatch)
            .fully_qualified_domain_name("Shop.Example.")
            .resource_path("/health?token=variable-canary")
            .search_string("variable-canary")
            .inverted(inverted)
            .disabled(disabled)
            .build()
            .unwrap()
    }

    #[test]
    fn more_than_eighteen_of_a_hundred_have_to_succeed() {
        let ok = "Success: HTTP Status Code 200, OK. Resolved IP: 192.0.2.1";
        let failed = "Failure: HTTP Status Code 503, Service Unavailable. Resolved IP: 192.0.2.1";
        assert_eq!(seen(&[]).healthy(), None);
        assert_eq!(seen(&["Unknown", ""]).healthy(), None);
        assert_eq!(
            seen(&[ok, failed, failed, failed, failed]).healthy(),
            Some(true)
        );
        assert_eq!(
            seen(&[ok, failed, failed, failed, failed, failed]).healthy(),
            Some(false)
        );
        let one = seen(&[failed]);
        assert_eq!(one.failed[0].1, "HTTP Status Code 503, Service Unavailable");
    }

    #[test]
    fn what_is_inverted_or_disabled_is_told_so() {
        let failed = "Failure: The health checker could not establish a connection within the timeout limit.";
        let (ill, well) = (seen(&[failed, failed]), seen(&["Success: TCP"]));
        let status = |inverted, seen: &Seen| {
            document("h", &config(inverted, false), Some(seen))["Status"].clone()
        };
        assert_eq!(status(false, &ill), "unhealthy");
        assert_eq!(status(true, &ill), "healthy");
        assert_eq!(status(false, &well), "healthy");
        assert_eq!(status(true, &well), "unhealthy");
        let disabled = document("h", &config(true, true), None);
        assert_eq!(disabled["Status"], Value::Null);
        assert_eq!(
            disabled["message"],
            "it is disabled: nothing is looked at, and it is taken as failing"
        );
        assert_eq!(disabled["Path"], "/health");
        assert!(!disabled.to_string().contains("variable-canary"));
        assert_eq!(address(&config(false, false)), "shop.example");
    }
}
