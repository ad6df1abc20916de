//! Places: an account in a region, and the clients that ask there.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime::client::identity::IdentityCache;
use model::time::Span;

use super::ask::duration;
use super::echo::Struck;
use super::guard::Guard;
use super::identity::{Remembered, Role, SESSION, Shown};
use super::tally::Look;
use super::{Means, Settings, machines};
use crate::aws::calls;
use crate::pull::Missed;

/// How often one call is sent at most; waits between double, and are shortened by chance.
const TRIES: u32 = 3;
/// The first of these waits at most.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Where metrics and alarms are of what belongs to no region.
const HOME: &str = "us-east-1";
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// An account in a region.
pub(super) struct Place {
    /// `eu-west-1`, or `billing/eu-west-1` where several accounts are read.
    pub name: Arc<str>,
    /// The account as it is configured; empty for the one that the watch itself is in.
    pub account: String,
    pub region: String,
    /// Is here asked what belongs to no region? In one place of an account.
    pub global: bool,
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
    pub iam: aws_sdk_iam::Client,
    pub ecs: aws_sdk_ecs::Client,
    pub rds: aws_sdk_rds::Client,
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    pub autoscaling: aws_sdk_autoscaling::Client,
    pub states: aws_sdk_sfn::Client,
    pub pipelines: aws_sdk_codepipeline::Client,
    pub deployments: aws_sdk_codedeploy::Client,
    pub builds: aws_sdk_codebuild::Client,
    pub config: aws_sdk_config::Client,
    pub systems: aws_sdk_ssm::Client,
    pub machines: machines::Client,
    pub rest: aws_sdk_apigateway::Client,
    pub http: aws_sdk_apigatewayv2::Client,
    pub dns: aws_sdk_route53::Client,
    pub explorer: aws_sdk_resourceexplorer2::Client,
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

pub(in crate::aws) use client;

impl Place {
    fn new(name: Arc<str>, account: &str, region: &str, sdk: &SdkConfig, look: &Arc<Look>) -> Self {
        let guard = || Guard {
            look: Arc::clone(look),
            place: Arc::clone(&name),
            table: calls::by_sdk,
        };
        Self {
            account: account.to_string(),
            region: region.to_string(),
            global: false,
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
            iam: client!(aws_sdk_iam, sdk, guard()),
            ecs: client!(aws_sdk_ecs, sdk, guard()),
            rds: client!(aws_sdk_rds, sdk, guard()),
            elb: client!(aws_sdk_elasticloadbalancingv2, sdk, guard()),
            autoscaling: client!(aws_sdk_autoscaling, sdk, guard()),
            states: client!(aws_sdk_sfn, sdk, guard()),
            pipelines: client!(aws_sdk_codepipeline, sdk, guard()),
            deployments: client!(aws_sdk_codedeploy, sdk, guard()),
            builds: client!(aws_sdk_codebuild, sdk, guard()),
            config: client!(aws_sdk_config, sdk, guard()),
            systems: client!(aws_sdk_ssm, sdk, guard()),
            machines: machines::Client::new(sdk, guard),
            rest: client!(aws_sdk_apigateway, sdk, guard()),
            http: client!(aws_sdk_apigatewayv2, sdk, guard()),
            dns: client!(aws_sdk_route53, sdk, guard()),
            explorer: client!(aws_sdk_resourceexplorer2, sdk, guard()),
            name,
        }
    }
}

/// How AWS is reached.
pub(in crate::aws) struct Reach<'s> {
    pub region: Option<&'s str>,
    pub profile: Option<&'s str>,
    pub endpoint: Option<&'s str>,
    pub means: &'s Means,
    /// How long one attempt may take.
    pub timeout: Span,
}

impl Reach<'_> {
    /// What all clients have in common. Credentials are read anew: they change while programs run.
    pub async fn load(&self) -> SdkConfig {
        let timeout = duration(self.timeout);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(self.means.http.clone())
            .sleep_impl(self.means.sleep.clone())
            .time_source(self.means.time())
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(TRIES)
                    .with_initial_backoff(FIRST_WAIT)
                    .with_max_backoff(timeout),
            )
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT.min(timeout))
                    .operation_attempt_timeout(timeout)
                    .build(),
            );
        if let Some(region) = self.region {
            loader = loader.region(Region::new(region.to_string()));
        }
        if let Some(profile) = self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = self.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(credentials) = &self.means.credentials {
            loader = loader.credentials_provider(credentials.clone());
        }
        loader.load().await
    }
}

/// The regions that are meant: those that are configured, else that of the machine.
pub(in crate::aws) fn regions(
    configured: &[String],
    shared: &SdkConfig,
) -> Result<Vec<String>, Missed> {
    match (configured, shared.region()) {
        ([], Some(region)) => Ok(vec![region.as_ref().to_string()]),
        ([], None) => Err(Missed::Refused(
            0,
            "neither the configuration nor the environment names a region".to_string(),
        )),
        (regions, _) => Ok(regions.to_vec()),
    }
}

/// Who the machine is.
pub(in crate::aws) fn own(
    shared: &SdkConfig,
    shown: &Shown,
) -> Result<SharedCredentialsProvider, Missed> {
    let own = shared.credentials_provider().ok_or_else(|| {
        Missed::Permission("no source of credentials is configured on this machine".to_string())
    })?;
    Ok(remembered(own, shown))
}

/// The region in which what belongs to no region is asked about: that in which its metrics and alarms are, if it is
/// among them.
fn chosen(regions: &[String]) -> Option<&String> {
    let home = regions.iter().find(|region| *region == HOME);
    home.or(regions.first())
}

/// All places of one look, in the order of the configuration.
pub(super) async fn places(
    settings: &Settings,
    means: &Means,
    look: &Arc<Look>,
    shown: &Shown,
) -> Result<Vec<Place>, Missed> {
    let reach = Reach {
        region: settings.regions.first().map(String::as_str),
        profile: settings.profile.as_deref(),
        endpoint: settings.endpoint.as_deref(),
        means,
        timeout: look.tally.budget.timeout,
    };
    let shared = reach.load().await;
    let regions = regions(&settings.regions, &shared)?;
    let own = own(&shared, shown)?;
    let mut out = Vec::new();
    if settings.accounts.is_empty() {
        let sdk = as_whom(&shared, &own, shown);
        for region in &regions {
            let there = sdk.to_builder().region(Region::new(region.clone())).build();
            let name = Arc::from(region.as_str());
            let mut place = Place::new(name, "", region, &there, look);
            place.global = chosen(&regions) == Some(region);
            out.push(place);
        }
    }
    for account in &settings.accounts {
        let sdk = to_take_roles(&shared, &own);
        let guard = Guard {
            look: Arc::clone(look),
            place: Arc::from(account.name.as_str()),
            table: calls::by_sdk,
        };
        let role = Role {
            sts: client!(aws_sdk_sts, &sdk, guard),
            arn: account.role_arn.clone(),
            external_id: account.external_id.clone(),
            session: SESSION.to_string(),
        };
        let role = remembered(SharedCredentialsProvider::new(role), shown);
        let sdk = as_whom(&shared, &role, shown);
        for region in &regions {
            let there = sdk.to_builder().region(Region::new(region.clone())).build();
            let name = Arc::from(format!("{}/{region}", account.name).as_str());
            let mut place = Place::new(name, &account.name, region, &there, look);
            place.global = chosen(&regions) == Some(region);
            out.push(place);
        }
    }
    Ok(out)
}

pub(in crate::aws) fn remembered(
    inner: SharedCredentialsProvider,
    shown: &Shown,
) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Remembered {
        inner,
        shown: shown.clone(),
    })
}

/// As whoever these credentials are of, to ask and to alter; all clients share them, so that a role is taken once. What
/// was shown is struck out of the answers.
pub(in crate::aws) fn as_whom(
    shared: &SdkConfig,
    credentials: &SharedCredentialsProvider,
    shown: &Shown,
) -> SdkConfig {
    let sdk = to_take_roles(shared, credentials);
    let Some(inner) = sdk.http_client() else {
        return sdk;
    };
    let (inner, shown) = (inner.clone(), shown.clone());
    sdk.to_builder()
        .http_client(Struck { inner, shown })
        .build()
}

/// The same where the answer is a credential: one that is given a second time must stay what it is.
pub(in crate::aws) fn to_take_roles(
    shared: &SdkConfig,
    credentials: &SharedCredentialsProvider,
) -> SdkConfig {
    let mut builder = shared.to_builder();
    builder.set_credentials_provider(Some(credentials.clone()));
    builder.set_identity_cache(Some(IdentityCache::lazy().build()));
    builder.build()
}
