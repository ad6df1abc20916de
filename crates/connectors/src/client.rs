//! The one HTTP client of the connectors: bounded in time and size, honest about what went wrong.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use reqwest::blocking::{Client, RequestBuilder};

use crate::hidden::Hidden;

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
    // That of the blocking client begins anew with every piece of an answer: whoever sends a byte now and then would
    // never end. The one below it counts from the beginning to the last byte.
    let whole = reqwest::Client::builder().timeout(timeout);
    reqwest::blocking::ClientBuilder::from(whole)
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("midwatch/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| ClientError::Unreached(reasons(&error)))
}

/// Does that address lead to the link that this machine is on? Clouds keep their machines' credentials at such
/// addresses (169.254.169.254), and nobody has a service there.
#[cfg(any(feature = "oidc", feature = "webhook"))]
pub fn link_local(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse() {
        Ok(std::net::IpAddr::V4(v4)) => v4.is_link_local(),
        Ok(std::net::IpAddr::V6(v6)) => {
            v6.is_unicast_link_local()
                || v6.to_ipv4_mapped().is_some_and(|v4| v4.is_link_local())
                // The same service of one cloud, by IPv6.
                || v6.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        }
        Err(_) => host.eq_ignore_ascii_case("metadata.google.internal"),
    }
}

/// What the other end answered, whatever it was, without what it was shown.
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
    /// What it was shown: words of it may be left in the body.
    hidden: Hidden,
}

impl Answered {
    /// Its beginning, as one line for people.
    pub fn said(&self) -> String {
        // Nothing is cut off before secrets are out: half of one would be left.
        let text = self.hidden.said(&String::from_utf8_lossy(&self.body));
        text.trim().chars().take(300).collect()
    }
}

/// Sends, and reads the whole answer, a refusal too; without what is `hidden`, which is whatever the request shows.
pub fn exchange(request: RequestBuilder, hidden: &Hidden) -> Result<Answered, ClientError> {
    exchange_within(request, hidden, LONGEST)
}

/// The same, reading no more of the answer than one byte beyond `longest`.
pub fn exchange_within(
    request: RequestBuilder,
    hidden: &Hidden,
    longest: u64,
) -> Result<Answered, ClientError> {
    let response = request.send().map_err(|error| {
        let unreached = error.is_connect() || error.is_builder();
        // The address is known to whoever is told, and may hold a secret.
        let said = hidden.said(&reasons(&error.without_url()));
        if unreached {
            ClientError::Unreached(said)
        } else {
            ClientError::Unanswered(said)
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
        .take(longest + 1)
        .read_to_end(&mut body)
        .map_err(|error| ClientError::Unanswered(error.to_string()))?;
    Ok(Answered {
        status,
        after,
        left,
        body: hidden.told(body),
        hidden: hidden.clone(),
    })
}

/// Sends, and reads the whole answer.
pub fn send(request: RequestBuilder, hidden: &Hidden) -> Result<Arc<[u8]>, ClientError> {
    let answered = exchange(request, hidden)?;
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

/// Sends what shows no secret, and reads the answer as JSON.
pub fn json<T: serde::de::DeserializeOwned>(request: RequestBuilder) -> Result<T, ClientError> {
    let body = send(request, &Hidden::default())?;
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::time::Instant;

    use super::*;

    #[test]
    fn an_answer_that_comes_drop_by_drop_ends_with_the_time_out() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
            while stream.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let began = Instant::now();
        let client = client(Duration::from_secs(1)).unwrap();
        let heard = exchange(client.get(address), &Hidden::default());
        assert!(
            matches!(heard, Err(ClientError::Unanswered(_))),
            "{heard:?}"
        );
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
    }
}
