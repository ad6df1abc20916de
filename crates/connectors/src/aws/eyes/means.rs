//! What the connector is handed by whoever runs it: time, waits, the network, and who it is.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use model::ports::Clock;

/// What a source is handed.
#[derive(Clone)]
pub struct Means {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Waits.
    pub sleep: SharedAsyncSleep,
    /// Carries requests.
    pub http: SharedHttpClient,
    /// As whom; what the machine offers (environment, profile, web identity, instance) unless it is given.
    pub credentials: Option<SharedCredentialsProvider>,
}

impl Means {
    /// The network, with certificates checked against those that the machine trusts, and real waits.
    pub fn real(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            sleep: SharedAsyncSleep::new(TokioSleep::new()),
            http: aws_smithy_http_client::Builder::new()
                .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
                .build_https(),
            credentials: None,
        }
    }

    pub(in crate::aws) fn time(&self) -> SharedTimeSource {
        SharedTimeSource::new(Time(Arc::clone(&self.clock)))
    }
}

/// Our clock, as the SDK wants it: requests are signed by it.
struct Time(Arc<dyn Clock>);

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Time")
    }
}

impl TimeSource for Time {
    fn now(&self) -> SystemTime {
        let nanos = u64::try_from(self.0.now().0).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos)
    }
}
