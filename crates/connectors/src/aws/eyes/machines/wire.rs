//! How EC2 is asked: by the SDK's own runtime (signatures, repetitions, time-outs, the guard), in EC2's own protocol.
//! The SDK's crate for EC2 would take longer to build than all others together, for two calls of its 700.
//!
//! Sources: <https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html> for the protocol,
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html> and
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html> for the answers.

use aws_config::SdkConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;

use super::super::guard::Guard;
use super::documents::{Answer, Machines, Refused, Statuses, parsed};

/// The version of EC2's interface.
const VERSION: &str = "2016-11-15";
/// The service, as the SDK and its configuration call it.
const SERVICE: &str = "EC2";

/// What is asked for: names and values of a form.
type Form = Vec<(&'static str, String)>;

/// Asks one account in one region about its machines.
#[derive(Debug)]
pub(in crate::aws::eyes) struct Client {
    listing: Operation<Form, Answer, Refused>,
    checking: Operation<Form, Answer, Refused>,
}

impl Client {
    /// As the configuration says: who asks, where, how long and how often.
    pub fn new(sdk: &SdkConfig, guard: impl Fn() -> Guard) -> Self {
        Self {
            listing: operation("DescribeInstances", sdk, guard()),
            checking: operation("DescribeInstanceStatus", sdk, guard()),
        }
    }

    /// One page of all machines, at most `most` of them.
    pub async fn describe_instances(
        &self,
        most: usize,
        next: Option<String>,
    ) -> Result<Machines, SdkError<Refused, HttpResponse>> {
        match self.listing.invoke(page(most, next)).await? {
            Answer::DescribeInstancesResponse(machines) => Ok(machines),
            other => Err(strange(&other)),
        }
    }

    /// One page of how machines are, at most `most` of them; of those too that do not run.
    pub async fn describe_instance_status(
        &self,
        most: usize,
        next: Option<String>,
    ) -> Result<Statuses, SdkError<Refused, HttpResponse>> {
        let mut form = page(most, next);
        form.push(("IncludeAllInstances", "true".to_string()));
        match self.checking.invoke(form).await? {
            Answer::DescribeInstanceStatusResponse(statuses) => Ok(statuses),
            other => Err(strange(&other)),
        }
    }
}

fn page(most: usize, next: Option<String>) -> Form {
    let mut form = vec![("MaxResults", most.to_string())];
    form.extend(next.map(|next| ("NextToken", next)));
    form
}

fn strange(other: &Answer) -> SdkError<Refused, HttpResponse> {
    let what = match other {
        Answer::DescribeInstancesResponse(_) => "DescribeInstancesResponse",
        Answer::DescribeInstanceStatusResponse(_) => "DescribeInstanceStatusResponse",
        Answer::Response(_) => "Response",
    };
    SdkError::construction_failure(format!("it answered another question: {what}"))
}

/// One operation of EC2.
fn operation(
    name: &'static str,
    sdk: &SdkConfig,
    guard: Guard,
) -> Operation<Form, Answer, Refused> {
    let region = sdk.region().map_or("", |region| region.as_ref());
    let mut config = Layer::new("EC2");
    config.store_put(AuthSchemeOptionResolverParams::new(()));
    // Where one region is slow, others are tried again as if it were not.
    config.store_put(RetryPartition::new(format!("ec2-{region}")));
    config.store_put(SigV4OperationSigningConfig {
        region: sdk.region().cloned().map(SigningRegion::from),
        name: Some(SigningName::from_static("ec2")),
        region_set: None,
        signing_options: SigningOptions::default(),
    });
    let mut parts = RuntimeComponentsBuilder::new("EC2")
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
            StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
        )))
        .with_http_client(sdk.http_client())
        .with_identity_cache(sdk.identity_cache())
        .with_interceptor(ServiceClockSkewInterceptor::new())
        .with_interceptor(RequestInfoInterceptor::new())
        .with_interceptor(InvocationIdInterceptor::new())
        .with_retry_classifier(TransientErrorClassifier::<Refused>::new())
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
        .with_retry_classifier(ServiceClockSkewClassifier::<Refused>::new())
        .with_sleep_impl(sdk.sleep_impl())
        .with_time_source(sdk.time_source());
    if let Some(credentials) = sdk.credentials_provider() {
        parts.set_identity_resolver(SCHEME_ID, credentials);
    }
    let mut building = Operation::builder()
        .service_name(SERVICE)
        .operation_name(name)
        .endpoint_url(&endpoint(sdk, region))
        .interceptor(guard)
        .with_connection_poisoning()
        .runtime_plugin(
            StaticRuntimePlugin::new()
                .with_config(config.freeze())
                .with_runtime_components(parts),
        );
    if let Some(version) = sdk.behavior_version() {
        building = building.behavior_version(version);
    }
    if let Some(timeout) = sdk.timeout_config() {
        building = building.timeout_config(timeout.clone());
    }
    if let Some(retry) = sdk.retry_config() {
        building = building.standard_retry(retry);
    }
    building
        .serializer(move |form: Form| written(name, &form))
        .deserializer(read)
        .build()
}

/// Where EC2 is: where the configuration says, else by the rules of its region.
/// Source: <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-endpoints.html>.
fn endpoint(sdk: &SdkConfig, region: &str) -> String {
    let whole = sdk.endpoint_url().map(str::to_string);
    // What our own configuration names stands for all of AWS.
    if let (Some(whole), true) = (&whole, sdk.get_origin("endpoint_url").is_client_config()) {
        return whole.clone();
    }
    let key = ServiceConfigKey::builder()
        .service_id(SERVICE)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let own = key
        .ok()
        .and_then(|key| sdk.service_config()?.load_config(key));
    own.or(whole).unwrap_or_else(|| {
        let certified = sdk.use_fips().unwrap_or(false);
        by_region(region, certified, sdk.use_dual_stack().unwrap_or(false))
    })
}

/// How the names of regions begin that are no part of the AWS that all know, and where their services are by IPv4, and by
/// either.
const PARTITIONS: [(&str, [&str; 2]); 6] = [
    ("cn-", ["amazonaws.com.cn", "api.amazonwebservices.com.cn"]),
    ("us-iso-", ["c2s.ic.gov", "api.aws.ic.gov"]),
    ("us-isob-", ["sc2s.sgov.gov", "api.aws.scloud"]),
    ("us-isof-", ["csp.hci.ic.gov", "api.aws.hci.ic.gov"]),
    ("eu-isoe-", ["cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"]),
    ("eusc-", ["amazonaws.eu", "api.amazonwebservices.eu"]),
];

fn by_region(region: &str, fips: bool, dual: bool) -> String {
    let partition = PARTITIONS
        .iter()
        .find(|(begins, _)| region.starts_with(begins));
    let [single, double] = partition.map_or(["amazonaws.com", "api.aws"], |(_, domains)| *domains);
    let domain = if dual { double } else { single };
    // What stands in regions of the government is certified, and has no other name.
    let service = match fips && (dual || !region.starts_with("us-gov-")) {
        true => "ec2-fips",
        false => "ec2",
    };
    format!("https://{service}.{region}.{domain}")
}

/// The request.
fn written(name: &str, form: &Form) -> Result<HttpRequest, BoxError> {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.append_pair("Action", name)
        .append_pair("Version", VERSION)
        .extend_pairs(form);
    let mut request = HttpRequest::new(SdkBody::from(body.finish()));
    request.set_method("POST")?;
    request.set_uri("/")?;
    let headers = request.headers_mut();
    headers.insert("content-type", "application/x-www-form-urlencoded");
    headers.insert(
        "user-agent",
        concat!("midwatch/", env!("CARGO_PKG_VERSION")),
    );
    Ok(request)
}

/// The answer, or why there is none.
fn read(response: &HttpResponse) -> Result<Answer, OrchestratorError<Refused>> {
    let body = response.body().bytes().unwrap_or_default();
    let status = response.status();
    match parsed(body) {
        Ok(Answer::Response(errors)) => Err(OrchestratorError::operation(errors.into())),
        Ok(answer) if status.is_success() => Ok(answer),
        // Read again it would say the same.
        Err(why) if status.is_success() => Err(OrchestratorError::other(why)),
        _ => Err(OrchestratorError::operation(Refused::default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_follow_their_region() {
        let cases = [
            ("eu-west-1", "https://ec2.eu-west-1.amazonaws.com"),
            ("cn-north-1", "https://ec2.cn-north-1.amazonaws.com.cn"),
            ("us-iso-east-1", "https://ec2.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", "https://ec2.us-isob-east-1.sc2s.sgov.gov"),
            ("us-gov-west-1", "https://ec2.us-gov-west-1.amazonaws.com"),
        ];
        for (region, wanted) in cases {
            assert_eq!(by_region(region, false, false), wanted);
        }
        let certified = by_region("us-east-1", true, false);
        assert_eq!(certified, "https://ec2-fips.us-east-1.amazonaws.com");
        let certified = by_region("us-gov-west-1", true, false);
        assert_eq!(certified, "https://ec2.us-gov-west-1.amazonaws.com");
        let dual = by_region("eu-west-1", false, true);
        assert_eq!(dual, "https://ec2.eu-west-1.api.aws");
        let dual = by_region("eusc-de-east-1", false, true);
        assert_eq!(dual, "https://ec2.eusc-de-east-1.api.amazonwebservices.eu");
    }

    #[test]
    fn what_is_sent_is_a_form() {
        let form = page(500, Some("a+b/c==".to_string()));
        let request = written("DescribeInstances", &form).unwrap();
        assert_eq!(
            std::str::from_utf8(request.body().bytes().unwrap()).unwrap(),
            "Action=DescribeInstances&Version=2016-11-15&MaxResults=500&NextToken=a%2Bb%2Fc%3D%3D"
        );
    }
}
