//! Sign-in by a provider, as it is configured.

use std::sync::Arc;

use connectors::oidc::{Issuer, Settings};
use server::auth::SignOn;

use super::house::House;
use crate::problem::Problem;

/// What is configured; `None` where no provider is. The provider is not asked yet.
///
/// # Errors
/// If its secret cannot be read, or its address is none that secrets may be told to.
pub fn open(house: &House) -> Result<Option<SignOn>, Problem> {
    let Some(oidc) = &house.config().server.oidc else {
        return Ok(None);
    };
    let issuer = issuer(house, oidc)?;
    Ok(Some(SignOn::new(Arc::new(issuer), oidc.roles.clone())))
}

fn issuer(house: &House, oidc: &crate::config::Oidc) -> Result<Issuer, Problem> {
    let key = "server.oidc.client_secret_file";
    let settings = Settings {
        issuer: oidc.issuer.clone(),
        client: oidc.client_id.clone(),
        secret: house.written.named_secret(key, &oidc.client_secret_file)?,
        label: oidc.label.clone(),
        scopes: oidc.scopes.clone(),
        groups: oidc.groups_claim.clone(),
        hosts: oidc.hosts.clone(),
    };
    Issuer::new(settings).map_err(|why| {
        Problem::bad_input(
            why,
            "server.oidc.issuer",
            "name the issuer as its /.well-known/openid-configuration does, by https",
        )
    })
}

/// Asks the provider for its configuration, as a sign-in would; what it says of itself, where one is configured.
///
/// # Errors
/// Why nobody could sign in by it.
pub fn greeted(house: &House, now: model::Timestamp) -> Result<Option<String>, String> {
    let Some(oidc) = &house.config().server.oidc else {
        return Ok(None);
    };
    let issuer = issuer(house, oidc).map_err(|problem| problem.to_string())?;
    issuer.greet(now).map(Some)
}
