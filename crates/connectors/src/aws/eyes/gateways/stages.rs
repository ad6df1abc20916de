//! Stages of an API, as both of API Gateway's interfaces tell of them: what is deployed there, and how many requests are
//! let in.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_apigatewayv2::types::RouteSettings;
use model::time::{SECOND, Timestamp};
use model::{Change, ChangeKind, EntityId};
use serde_json::{Value, json};

use super::super::alarms::moment;
use super::super::ask::Asking;
use super::super::found::plain;
use super::super::repeats::clip;

/// How the ids of changes begin that a stage tells of.
pub(in crate::aws::eyes) const ID: &str = "apigateway:";
/// Limits of single routes that are told.
const ROUTES: usize = 20;

/// A stage.
#[derive(Debug, Default)]
pub(super) struct Stage {
    name: String,
    deployment: String,
    made: Option<Timestamp>,
    altered: Option<Timestamp>,
    /// The share of requests that another deployment gets, and which.
    canary: Option<(f64, String)>,
    /// Requests each second and at once, by route.
    limits: BTreeMap<String, (Option<f64>, Option<i32>)>,
    /// Names of variables; their values are nobody's business.
    variables: Vec<String>,
    /// What was said of a deployment that was made by itself.
    said: Option<String>,
}

fn sorted(variables: Option<&HashMap<String, String>>) -> Vec<String> {
    let mut names: Vec<String> = variables
        .into_iter()
        .flat_map(|all| all.keys())
        .cloned()
        .collect();
    names.sort();
    names
}

impl Stage {
    /// Of a REST API.
    pub fn rest(stage: &aws_sdk_apigateway::types::Stage) -> Self {
        let canary = stage.canary_settings().map(|canary| {
            let deployment = canary.deployment_id().unwrap_or_default();
            (canary.percent_traffic(), deployment.to_string())
        });
        let settings = stage.method_settings().into_iter().flatten();
        let limits = settings.map(|(route, setting)| {
            let limits = (
                setting.throttling_rate_limit(),
                setting.throttling_burst_limit(),
            );
            (route.clone(), (Some(limits.0), Some(limits.1)))
        });
        Self {
            name: stage.stage_name().unwrap_or_default().to_string(),
            deployment: stage.deployment_id().unwrap_or_default().to_string(),
            made: stage.created_date().map(moment),
            altered: stage.last_updated_date().map(moment),
            canary,
            limits: limits.collect(),
            variables: sorted(stage.variables()),
            said: None,
        }
    }

    /// Of an HTTP or WebSocket API.
    pub fn http(stage: &aws_sdk_apigatewayv2::types::Stage) -> Self {
        let limits = |settings: &RouteSettings| {
            (
                settings.throttling_rate_limit(),
                settings.throttling_burst_limit(),
            )
        };
        let of_routes = stage.route_settings().into_iter().flatten();
        let mut all: BTreeMap<String, _> = of_routes
            .map(|(route, settings)| (route.clone(), limits(settings)))
            .collect();
        if let Some(settings) = stage.default_route_settings() {
            all.insert("*".to_string(), limits(settings));
        }
        all.retain(|_, limits| *limits != (None, None));
        Self {
            name: stage.stage_name().unwrap_or_default().to_string(),
            deployment: stage.deployment_id().unwrap_or_default().to_string(),
            made: stage.created_date().map(moment),
            altered: stage.last_updated_date().map(moment),
            canary: None,
            limits: all,
            variables: sorted(stage.stage_variables()),
            said: stage.last_deployment_status_message().map(clip),
        }
    }

    /// As a part of its API's document.
    pub fn tell(&self) -> Value {
        let limits = self.limits.iter().take(ROUTES);
        let limits = limits.map(|(route, (rate, burst))| {
            json!({ "Route": route, "RateLimit": rate, "BurstLimit": burst })
        });
        json!({
            "StageName": self.name,
            "DeploymentId": self.deployment,
            "Since": self.altered.or(self.made).map(|at| at.to_string()),
            "Canary": self.canary.as_ref().map(|(percent, deployment)| {
                json!({ "PercentTraffic": percent, "DeploymentId": deployment })
            }),
            "Throttling": limits.collect::<Vec<Value>>(),
            "Variables": self.variables,
            "LastDeploymentStatusMessage": self.said,
        })
    }

    /// What a person should read first.
    pub fn remarks(&self) -> Vec<String> {
        let mut said = Vec::new();
        for (route, (rate, burst)) in &self.limits {
            if *rate == Some(0.0) && *burst == Some(0) {
                said.push(format!(
                    "stage {} lets no request in at {route}: its limits are 0",
                    self.name
                ));
            }
        }
        said.truncate(ROUTES);
        let failed = self
            .said
            .as_deref()
            .filter(|text| text.to_ascii_lowercase().contains("fail"));
        said.extend(failed.map(|text| format!("stage {}: {text}", self.name)));
        said
    }

    /// That it was made or altered in the time in which changes are told.
    pub fn change(
        &self,
        asking: &Asking<'_>,
        api: &EntityId,
        (id, name): (&str, &str),
    ) -> Option<Change> {
        let at = self.altered.or(self.made)?;
        if !(asking.reaches_back()..asking.now).contains(&at) {
            return None;
        }
        let new = self
            .made
            .is_some_and(|made| at.since(made).0.saturating_abs() < 2 * SECOND);
        let what = if new { "was made" } else { "was altered" };
        let mut title = format!("{name}: stage {} {what}", self.name);
        if !self.deployment.is_empty() {
            title += &format!(", deployment {} is on it", self.deployment);
        }
        if let Some((percent, deployment)) = &self.canary {
            title += &format!(", and {percent} % of requests go to {deployment}");
        }
        Some(Change {
            id: format!("{ID}{id}:{}:{}", self.name, at.0 / SECOND),
            kind: ChangeKind::Deploy,
            ..plain(&title, (at, at), vec![api.clone()])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_nothing_are_told_and_those_that_nobody_set_are_not() {
        let route = |rate: Option<f64>, burst: Option<i32>| {
            let made = RouteSettings::builder();
            made.set_throttling_rate_limit(rate)
                .set_throttling_burst_limit(burst)
                .build()
        };
        let stage = aws_sdk_apigatewayv2::types::Stage::builder()
            .stage_name("$default")
            .default_route_settings(route(Some(0.0), Some(0)))
            .route_settings("GET /a", route(Some(5.0), None))
            .route_settings("GET /b", route(None, None))
            .stage_variables("TOKEN", "variable-canary")
            .last_deployment_status_message("Deployment attempt failed: no route")
            .build();
        let stage = Stage::http(&stage);
        assert_eq!(
            stage.remarks(),
            [
                "stage $default lets no request in at *: its limits are 0",
                "stage $default: Deployment attempt failed: no route"
            ]
        );
        let told = stage.tell();
        assert_eq!(told["Variables"], json!(["TOKEN"]));
        assert_eq!(
            told["Throttling"],
            json!([{ "Route": "*", "RateLimit": 0.0, "BurstLimit": 0 }, { "Route": "GET /a", "RateLimit": 5.0, "BurstLimit": null }])
        );
        assert!(!told.to_string().contains("variable-canary"));
    }
}
