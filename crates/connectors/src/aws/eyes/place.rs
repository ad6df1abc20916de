//! Places: an account in a region, and the clients that ask there.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime::client::identity::IdentityCache;

use super::ask::duration;
use super::guard::Guard;
use super::identity::{Remembered, Role, Shown};
use super::tally::Look;
use super::{Means, Settings};
use crate::pull::Missed;

/// How often one call is sent at most; waits between double, and are shortened by chance.
const TRIES: u32 = 3;
/// The first of these waits at most.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// An account in a region.
pub(super) struct Place {
    /// `eu-west-1`, or `billing/eu-west-1` where several accounts are read.
    pub name: Arc<str>,
    /// The account as it is configured; empty for the one that the watch itself is in.
    pub account: String,
    pub region: String,
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub trail: aws_sdk_cloudtrail::Client,
    pub xray: aws_sdk_xray::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub sns: aws_sdk_sns::Client,
    pub tags: aws_sdk_resourcegroupstagging::Client,
    pub sts: aws_sdk_sts::Client,
}

/// A client with a guard before it.
macro_rules! client {
    ($service:ident, $sdk:expr, $guard:expr) => {
        $service::Client::from_conf(
            $service::config::Builder::from($sdk)
                .interceptor($guard)
                .build(),
        )
    };
}

impl Place {
    fn new(name: Arc<str>, account: &str, region: &str, sdk: &SdkConfig, look: &Arc<Look>) -> Self {
        let guard = || Guard {
            look: Arc::clone(look),
            place: Arc::clone(&name),
        };
        Self {
            account: account.to_string(),
            region: region.to_string(),
            cloudwatch: client!(aws_sdk_cloudwatch, sdk, guard()),
            logs: client!(aws_sdk_cloudwatchlogs, sdk, guard()),
            trail: client!(aws_sdk_cloudtrail, sdk, guard()),
            xray: client!(aws_sdk_xray, sdk, guard()),
            lambda: client!(aws_sdk_lambda, sdk, guard()),
            dynamodb: client!(aws_sdk_dynamodb, sdk, guard()),
            sqs: client!(aws_sdk_sqs, sdk, guard()),
            sns: client!(aws_sdk_sns, sdk, guard()),
            tags: client!(aws_sdk_resourcegroupstagging, sdk, guard()),
            sts: client!(aws_sdk_sts, sdk, guard()),
            name,
        }
    }
}

/// All places of one look, in the order of the configuration. Credentials are read anew: they change while programs
/// run.
pub(super) async fn places(
    settings: &Settings,
    means: &Means,
    look: &Arc<Look>,
    shown: &Shown,
) -> Result<Vec<Place>, Missed> {
    let budget = &look.tally.budget;
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(means.http.clone())
        .sleep_impl(means.sleep.clone())
        .time_source(means.time())
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(TRIES)
                .with_initial_backoff(FIRST_WAIT)
                .with_max_backoff(duration(budget.timeout)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT.min(duration(budget.timeout)))
                .operation_attempt_timeout(duration(budget.timeout))
                .build(),
        );
    if let Some(first) = settings.regions.first() {
        loader = loader.region(Region::new(first.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(credentials) = &means.credentials {
        loader = loader.credentials_provider(credentials.clone());
    }
    let shared = loader.load().await;
    let regions = match (&settings.regions[..], shared.region()) {
        ([], Some(region)) => vec![region.as_ref().to_string()],
        ([], None) => {
            return Err(Missed::Refused(
                0,
                "neither the configuration nor the environment names a region".to_string(),
            ));
        }
        (regions, _) => regions.to_vec(),
    };
    let own = shared.credentials_provider().ok_or_else(|| {
        Missed::Permission("no source of credentials is configured on this machine".to_string())
    })?;
    let own = remembered(own, shown);
    let mut out = Vec::new();
    if settings.accounts.is_empty() {
        let sdk = as_whom(&shared, &own);
        for region in &regions {
            let there = sdk.to_builder().region(Region::new(region.clone())).build();
            let name = Arc::from(region.as_str());
            out.push(Place::new(name, "", region, &there, look));
        }
    }
    for account in &settings.accounts {
        let sdk = as_whom(&shared, &own);
        let guard = Guard {
            look: Arc::clone(look),
            place: Arc::from(account.name.as_str()),
        };
        let role = Role {
            sts: client!(aws_sdk_sts, &sdk, guard),
            arn: account.role_arn.clone(),
            external_id: account.external_id.clone(),
        };
        let role = remembered(SharedCredentialsProvider::new(role), shown);
        let sdk = as_whom(&shared, &role);
        for region in &regions {
            let there = sdk.to_builder().region(Region::new(region.clone())).build();
            let name = Arc::from(format!("{}/{region}", account.name).as_str());
            out.push(Place::new(name, &account.name, region, &there, look));
        }
    }
    Ok(out)
}

fn remembered(inner: SharedCredentialsProvider, shown: &Shown) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Remembered {
        inner,
        shown: shown.clone(),
    })
}

/// As whoever these credentials are of; all clients share them, so that a role is taken once.
fn as_whom(shared: &SdkConfig, credentials: &SharedCredentialsProvider) -> SdkConfig {
    let mut builder = shared.to_builder();
    builder.set_credentials_provider(Some(credentials.clone()));
    builder.set_identity_cache(Some(IdentityCache::lazy().build()));
    builder.build()
}
