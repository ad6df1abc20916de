//! AWS as it is configured, eyes and hands, where this program was built with it.

use std::sync::Arc;

use connectors::pull::Live;
use model::ports::Actuator;

use super::super::house::House;
use crate::config::Aws;
use crate::problem::Problem;

/// The source of this name.
#[cfg(feature = "aws")]
pub(super) fn source(house: &House, name: &str, config: &Aws) -> Result<Box<dyn Live>, Problem> {
    use connectors::aws::eyes::{Account, Eyes, Means, Settings};

    use super::super::live::SystemClock;

    let usual = Settings::default();
    let accounts = config.accounts.iter().map(|(name, account)| Account {
        name: name.clone(),
        role_arn: account.role_arn.clone(),
        external_id: account.external_id.clone(),
    });
    let accounts: Vec<Account> = accounts.collect();
    let places = (accounts.len().max(1) * config.regions.len().max(1)) as u64;
    let settings = Settings {
        regions: config.regions.clone(),
        accounts,
        profile: config.profile.clone(),
        endpoint: config.endpoint.clone(),
        namespaces: config.namespaces.clone(),
        log_groups: config.log_groups.clone(),
        insights: config.insights,
        explorer: config.explorer,
        metrics: config.metrics.unwrap_or(usual.metrics),
        groups: config.groups.unwrap_or(usual.groups),
        traces: config.traces.unwrap_or(usual.traces),
        details: config.details.unwrap_or(usual.details),
        changes: config.changes.map_or(usual.changes, |length| length.span()),
        budget: config.bounds().budget(usual.budget.times(places)),
        prices: config.prices.clone(),
        call_log: config.call_log.as_ref().map(|file| house.path(file)),
    };
    let means = Means::real(Arc::new(SystemClock));
    let eyes = Eyes::new(&format!("aws.{name}"), settings, means).map_err(|error| {
        Problem::bad_input(
            error.to_string(),
            format!("connectors.aws.{name}"),
            "`midwatch config reference` shows every key; docs/connectors/aws.md says what they mean",
        )
    })?;
    Ok(Box::new(eyes))
}

/// The hands of this source; `None` where none are configured.
#[cfg(feature = "aws")]
pub(in crate::wiring) fn hands(
    house: &House,
    name: &str,
    config: &Aws,
) -> Result<Option<Arc<dyn Actuator>>, Problem> {
    use connectors::aws::eyes::{Means, NotBuilt};
    use connectors::aws::hands::{Hands, Settings, Taken};

    use super::super::live::SystemClock;

    let Some(hands) = &config.hands else {
        return Ok(None);
    };
    let usual = Settings::default();
    // They work in one account, in all its regions.
    let places = config.regions.len().max(1) as u64;
    let settings = Settings {
        regions: config.regions.clone(),
        account: config.account_of_hands().map(str::to_string),
        profile: hands.profile.clone().or_else(|| config.profile.clone()),
        endpoint: config.endpoint.clone(),
        role: hands.role_arn.as_ref().map(|role_arn| Taken {
            role_arn: role_arn.clone(),
            external_id: hands.external_id.clone(),
        }),
        roles: hands.roles.clone(),
        named: hands.named(),
        budget: config.bounds().budget(usual.budget.times(places)),
        prices: config.prices.clone(),
        call_log: hands.call_log.as_ref().map(|file| house.path(file)),
        ..usual
    };
    let means = Means::real(Arc::new(SystemClock));
    let hands = Hands::new(&format!("aws.{name}"), settings, means).map_err(|error| {
        let (place, remedy) = match &error {
            NotBuilt::Price(_) => (
                format!("connectors.aws.{name}.prices"),
                "`midwatch config reference` shows every key; docs/connectors/aws.md says what they mean",
            ),
            NotBuilt::Thread(_) => (
                format!("connectors.aws.{name}.hands"),
                "see to the limits of this machine on threads",
            ),
        };
        Problem::bad_input(error.to_string(), place, remedy)
    })?;
    Ok(Some(Arc::new(hands)))
}

/// This program was built without it, and the eyes say so.
#[cfg(not(feature = "aws"))]
pub(in crate::wiring) fn hands(
    _: &House,
    _: &str,
    _: &Aws,
) -> Result<Option<Arc<dyn Actuator>>, Problem> {
    Ok(None)
}

/// This program was built without it.
#[cfg(not(feature = "aws"))]
pub(super) fn source(_: &House, name: &str, _: &Aws) -> Result<Box<dyn Live>, Problem> {
    Err(super::without("aws", name))
}
