//! The few requests that being posted to takes: a signer's certificate, a confirmation, an answer. Each address was
//! checked by the decoder that gives it: nobody can send us to a place of their choice.

use std::time::Duration;

use crate::client;
use crate::hidden::Hidden;

/// Asks and tells addresses; tests hand in one of paper.
pub trait Outside: Send + Sync {
    /// What stands at an address.
    ///
    /// # Errors
    /// Why it could not be had, for people.
    fn get(&self, url: &str) -> Result<Vec<u8>, String>;
    /// Sends JSON to an address.
    ///
    /// # Errors
    /// Why it did not arrive, for people.
    fn post(&self, url: &str, json: &str) -> Result<(), String>;
}

/// The network: certificates checked, no redirects, three seconds.
pub struct Network(reqwest::blocking::Client);

/// How long an answer may take: the sender waits too.
const PATIENCE: Duration = Duration::from_secs(3);
/// Certificates and confirmations are a few kilobytes.
const LONGEST: usize = 256 << 10;

impl Network {
    /// A client of the network.
    ///
    /// # Errors
    /// If none can be made.
    pub fn new() -> Result<Self, String> {
        client::client(PATIENCE)
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

impl Outside for Network {
    fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let body =
            client::send(self.0.get(url), &Hidden::default()).map_err(|error| error.to_string())?;
        if body.len() > LONGEST {
            return Err(format!("its answer is longer than {LONGEST} bytes"));
        }
        Ok(body.to_vec())
    }

    fn post(&self, url: &str, json: &str) -> Result<(), String> {
        let request = self
            .0
            .post(url)
            .header("content-type", "application/json; charset=utf-8")
            .body(json.to_string());
        client::send(request, &Hidden::default())
            .map(|_| ())
            .map_err(|error| error.to_string())
    }
}

/// The host of an https address without user, port or oddities; `None` for every other address.
pub fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-'
    };
    let honest = !host.is_empty()
        && host.bytes().all(plain)
        && url
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    honest.then_some(host)
}
