//! Who is asked, in each region, and what their refusals mean.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{Aws, PATIENCE};
use crate::failure::Failure;

/// One region.
pub(super) struct Place {
    pub region: String,
    pub lambda: aws_sdk_lambda::Client,
    pub tables: aws_sdk_dynamodb::Client,
    pub numbers: aws_sdk_cloudwatch::Client,
    pub topics: aws_sdk_sns::Client,
    pub queues: aws_sdk_sqs::Client,
}

/// All of it. The primary region is the first.
pub(super) struct Cloud {
    /// What every name begins with.
    pub name: String,
    pub iam: aws_sdk_iam::Client,
    pub places: Vec<Place>,
}

impl Cloud {
    /// As it was asked for; nobody is asked yet.
    pub async fn new(aws: &Aws) -> Result<Self, Failure> {
        let plain = |text: &str| {
            let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            (1..=32).contains(&text.len()) && text.chars().all(letters)
        };
        if !plain(&aws.name) {
            return Err(Failure::new(format!(
                "--name: {:?} is no name; expected up to 32 small letters, digits and hyphens",
                aws.name
            )));
        }
        let [primary, second] = &aws.regions[..] else {
            return Err(Failure::new(
                "--regions: expected two, such as eu-west-1,eu-central-1",
            ));
        };
        if primary == second || !plain(primary) || !plain(second) {
            return Err(Failure::new(format!(
                "--regions: {primary:?} and {second:?} are no two regions"
            )));
        }
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(primary.clone()))
            .http_client(http);
        if let Some(endpoint) = &aws.endpoint {
            if !(endpoint.starts_with("http://") || endpoint.starts_with("https://")) {
                return Err(Failure::new(format!(
                    "--endpoint: {endpoint:?} is no address; expected one such as http://127.0.0.1:4566"
                )));
            }
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(profile) = &aws.profile {
            loader = loader.profile_name(profile);
        }
        let base = loader.load().await;
        let places = [primary, second].map(|region| {
            let here = base
                .to_builder()
                .region(Region::new(region.clone()))
                .build();
            Place {
                region: region.clone(),
                lambda: aws_sdk_lambda::Client::new(&here),
                tables: aws_sdk_dynamodb::Client::new(&here),
                numbers: aws_sdk_cloudwatch::Client::new(&here),
                topics: aws_sdk_sns::Client::new(&here),
                queues: aws_sdk_sqs::Client::new(&here),
            }
        });
        Ok(Self {
            name: aws.name.clone(),
            iam: aws_sdk_iam::Client::new(&base),
            places: places.into(),
        })
    }

    /// The whole name of a part of it.
    pub fn named(&self, part: &str) -> String {
        format!("{}-{part}", self.name)
    }

    /// The region that serves.
    pub fn primary(&self) -> Result<&Place, Failure> {
        self.places
            .first()
            .ok_or_else(|| Failure::new("there is no region"))
    }
}

/// Is it refused for this reason?
pub(super) fn is<E, R>(error: &SdkError<E, R>, codes: &[&str]) -> bool
where
    E: ProvideErrorMetadata,
{
    error.code().is_some_and(|code| {
        let code = code.rsplit('#').next().unwrap_or(code);
        codes.contains(&code)
    })
}

/// Why something could not be done, for people.
pub(super) fn failed<E, R>(what: &str, error: &SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => Failure::new(format!("{what}: {code}: {message}")),
        (Some(code), None) => Failure::new(format!("{what}: {code}")),
        _ => Failure::new(format!("{what}: {}", DisplayErrorContext(error))).advice(
            "are there credentials, and is the address right? see --profile and --endpoint",
        ),
    }
}

/// Asks again and again until there is an answer.
pub(super) async fn until<T>(
    what: &str,
    mut ask: impl AsyncFnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let began = tokio::time::Instant::now();
    let mut wait = Duration::from_millis(200);
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if began.elapsed() > PATIENCE {
            return Err(Failure::new(format!(
                "{what}: not within {} s",
                PATIENCE.as_secs()
            )));
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(5));
    }
}
