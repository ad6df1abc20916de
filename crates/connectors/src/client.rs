//! The one HTTP client of the connectors: bounded in time and size, honest about what went wrong.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use reqwest::blocking::{Client, RequestBuilder};

/// Answers longer than this are cut off and refused.
const LONGEST: u64 = 64 << 20;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// It cannot have reached the other end: nothing was done there.
    #[error("it cannot be reached: {0}")]
    Unreached(String),
    /// It may have reached the other end; what was done there is not known.
    #[error("no answer came: {0}")]
    Unanswered(String),
    /// The other end said no.
    #[error("it answered {status}: {body}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The beginning of what it said.
        body: String,
    },
    /// The answer is not what was expected.
    #[error("its answer cannot be read: {0}")]
    Strange(String),
}

/// A client whose requests end after `timeout`, whatever the other end does. It follows no redirects and reads no
/// proxy from the environment: a request goes where the configuration says.
pub fn client(timeout: Duration) -> Result<Client, ClientError> {
    let tls = rustls::crypto::ring::default_provider();
    // Another part of the program may have chosen the same provider before.
    let _ = rustls::crypto::CryptoProvider::install_default(tls);
    Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("midwatch/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| ClientError::Unreached(reasons(&error)))
}

/// What the other end answered, whatever it was.
#[derive(Clone, Debug)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// How long it asks to be left alone, if it does.
    pub after: Option<Duration>,
    /// How many requests it still takes in this span, if it says.
    pub left: Option<u64>,
    /// All that it said.
    pub body: Vec<u8>,
}

impl Answered {
    /// Its beginning, as one line for people.
    pub fn said(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        text.trim().chars().take(300).collect()
    }
}

/// Sends, and reads the whole answer, a refusal too.
pub fn exchange(request: RequestBuilder) -> Result<Answered, ClientError> {
    let response = request.send().map_err(|error| {
        if error.is_connect() || error.is_builder() {
            ClientError::Unreached(reasons(&error))
        } else {
            ClientError::Unanswered(reasons(&error))
        }
    })?;
    let number = |name: &str| -> Option<u64> {
        let value = response.headers().get(name)?;
        value.to_str().ok()?.trim().parse().ok()
    };
    let status = response.status().as_u16();
    let after = number("retry-after").map(Duration::from_secs);
    let left = number("x-ratelimit-remaining");
    let mut body = Vec::new();
    response
        .take(LONGEST + 1)
        .read_to_end(&mut body)
        .map_err(|error| ClientError::Unanswered(error.to_string()))?;
    Ok(Answered {
        status,
        after,
        left,
        body,
    })
}

/// Sends, and reads the whole answer.
pub fn send(request: RequestBuilder) -> Result<Arc<[u8]>, ClientError> {
    let answered = exchange(request)?;
    if !(200..300).contains(&answered.status) {
        return Err(ClientError::Refused {
            status: answered.status,
            body: answered.said(),
        });
    }
    if answered.body.len() as u64 > LONGEST {
        return Err(ClientError::Strange(format!(
            "it is longer than {} MiB",
            LONGEST >> 20
        )));
    }
    Ok(answered.body.into())
}

/// Sends, and reads the answer as JSON.
pub fn json<T: serde::de::DeserializeOwned>(request: RequestBuilder) -> Result<T, ClientError> {
    let body = send(request)?;
    serde_json::from_slice(&body).map_err(|error| ClientError::Strange(error.to_string()))
}

/// An error and what lies under it, in one line: the outer one alone says little.
pub(crate) fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(cause) = inner {
        text = format!("{text}: {cause}");
        inner = cause.source();
    }
    text
}
