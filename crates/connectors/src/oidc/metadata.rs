//! What an issuer says of itself (OpenID Connect Discovery 1.0), and where it may send us.
//!
//! Whoever can write that document could have this program ask any address it reaches. So the addresses in it must lie
//! at the issuer, or at hosts that the configuration names.

use reqwest::Url;
use serde::Deserialize;

/// Where the document lies, below the issuer.
pub const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// The part of it that is needed.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    /// Who it says that it is.
    pub issuer: String,
    /// Where browsers go.
    pub authorization_endpoint: String,
    /// Where codes are redeemed.
    pub token_endpoint: String,
    /// Where the keys are.
    pub jwks_uri: String,
    /// How a client shows its secret there; by HTTP's basic scheme, unless it says otherwise.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// An address that may be asked: by TLS, or on this machine.
///
/// # Errors
/// What is wrong with it.
pub fn secret(address: &str) -> Result<Url, String> {
    let url = Url::parse(address).map_err(|error| format!("{address:?} is no address: {error}"))?;
    let local = match url.host_str() {
        Some("localhost" | "127.0.0.1" | "[::1]") => true,
        Some(_) => false,
        None => return Err(format!("{address:?} names no host")),
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && local) {
        return Err(format!(
            "{address:?} is not asked by https: what is told there would not be secret"
        ));
    }
    if crate::client::link_local(&url) {
        return Err(format!(
            "{address:?} is on this machine's own link, where clouds keep credentials"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(format!(
            "{address:?} holds a name, a password or a fragment; none belongs there"
        ));
    }
    Ok(url)
}

/// Host and port, as they are compared.
fn place(url: &Url) -> (String, Option<u16>) {
    (
        url.host_str().unwrap_or_default().to_string(),
        url.port_or_known_default(),
    )
}

impl Metadata {
    /// The document of that issuer, if it is its own and leads nowhere else than to it and to `hosts`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(document: &[u8], issuer: &str, hosts: &[String]) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(document)
            .map_err(|error| format!("its configuration cannot be read: {error}"))?;
        // A slash more or less is not the same issuer: tokens are compared with it, byte for byte.
        if read.issuer != issuer {
            let shown: String = read.issuer.chars().take(200).collect();
            return Err(format!(
                "it calls itself {shown:?}, the configuration {issuer:?}; write it exactly so"
            ));
        }
        let own = secret(issuer)?;
        for (name, address) in [
            ("authorization_endpoint", &read.authorization_endpoint),
            ("token_endpoint", &read.token_endpoint),
            ("jwks_uri", &read.jwks_uri),
        ] {
            let shown: String = address.chars().take(200).collect();
            let url = secret(&shown).map_err(|why| format!("its {name}: {why}"))?;
            let host = url.host_str().unwrap_or_default();
            let allowed = url.scheme() == "https"
                && url.port().is_none()
                && hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
            if (url.scheme() != own.scheme() || place(&url) != place(&own)) && !allowed {
                return Err(format!(
                    "its {name} is {shown:?}, at another host than the issuer; if that is right, name {host:?} in [server.oidc] hosts"
                ));
            }
        }
        Ok(read)
    }
}
