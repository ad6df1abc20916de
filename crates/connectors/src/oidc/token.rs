//! ID tokens: signed JSON (RFC 7515, 7517, 7518, 7519), and what must hold of one (OpenID Connect Core 1.0, 3.1.3.7).
//!
//! Only signatures by a key of the issuer's count. `none` is no algorithm here, and neither are those with a shared
//! secret: with them a public key could pass for one.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::people::Identity;
use model::time::{Span, Timestamp};
use ring::signature;
use serde::Deserialize;
use serde_json::Value;

/// Clocks may differ by so much.
const SKEW: Span = Span(60 * model::time::SECOND);
/// An ID token has a kilobyte or two; with many groups, some more.
const LONGEST: usize = 256 * 1024;
/// Keys that an issuer may have.
const KEYS: usize = 100;

/// A key as the issuer publishes it; of a kind that is not known here, nothing fits.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// All keys of an issuer.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Jwk>);

impl Keys {
    /// As the issuer publishes them. What is no key is passed over: an issuer may have other kinds beside.
    pub fn read(document: &[u8]) -> Result<Self, String> {
        let document: Value =
            serde_json::from_slice(document).map_err(|error| format!("no JSON: {error}"))?;
        let keys = document["keys"]
            .as_array()
            .ok_or("no list of keys (RFC 7517, 5)")?;
        let keys = keys.iter().take(KEYS);
        Ok(Self(
            keys.filter_map(|key| Jwk::deserialize(key).ok()).collect(),
        ))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Is there a key that this token may be signed by?
    pub fn fit(&self, head: &Head) -> bool {
        self.fitting(head).next().is_some()
    }

    fn fitting<'a>(&'a self, head: &'a Head) -> impl Iterator<Item = &'a Jwk> {
        self.0
            .iter()
            .filter(move |key| head.kid.is_none() || head.kid == key.kid)
            .filter(move |key| {
                key.usage.as_deref().is_none_or(|usage| usage == "sig")
                    && key.alg.as_ref().is_none_or(|alg| *alg == head.alg)
            })
    }
}

/// The first part of a token.
#[derive(Clone, Debug, Deserialize)]
pub struct Head {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

fn decoded(part: &str, name: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| format!("its {name} is no base64url"))
}

/// The first part of a token, before it is known whether it holds.
pub fn head(token: &str) -> Result<Head, String> {
    if token.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let part = token.split('.').next().unwrap_or_default();
    let head: Head = serde_json::from_slice(&decoded(part, "head")?)
        .map_err(|error| format!("its head cannot be read: {error}"))?;
    if !ALGORITHMS.contains(&head.alg.as_str()) {
        let shown: String = head.alg.chars().take(20).collect();
        return Err(format!(
            "it is signed by {shown:?}; taken are {}",
            ALGORITHMS.join(", ")
        ));
    }
    if head.crit.is_some() {
        return Err("it asks for extensions that are not known here".to_string());
    }
    Ok(head)
}

/// What may sign.
pub const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

fn number(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

/// Does that key's signature stand under the message?
fn signed(alg: &str, key: &Jwk, message: &[u8], by: &[u8]) -> bool {
    match (alg, key.kty.as_str(), key.crv.as_deref()) {
        ("EdDSA", "OKP", Some("Ed25519")) => number(key.x.as_ref()).is_some_and(|x| {
            let key = signature::UnparsedPublicKey::new(&signature::ED25519, x);
            key.verify(message, by).is_ok()
        }),
        ("ES256", "EC", Some("P-256")) => {
            on_curve(key, 32, &signature::ECDSA_P256_SHA256_FIXED, message, by)
        }
        ("ES384", "EC", Some("P-384")) => {
            on_curve(key, 48, &signature::ECDSA_P384_SHA384_FIXED, message, by)
        }
        (_, "RSA", _) => {
            let parameters = match alg {
                "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
                _ => return false,
            };
            let (Some(n), Some(e)) = (number(key.n.as_ref()), number(key.e.as_ref())) else {
                return false;
            };
            // Some write a zero before a number whose first bit is set.
            let bare = |bytes: &[u8]| -> Vec<u8> {
                bytes
                    .iter()
                    .copied()
                    .skip_while(|byte| *byte == 0)
                    .collect()
            };
            let key = signature::RsaPublicKeyComponents {
                n: bare(&n),
                e: bare(&e),
            };
            key.verify(parameters, message, by).is_ok()
        }
        _ => false,
    }
}

fn on_curve(
    key: &Jwk,
    length: usize,
    algorithm: &'static signature::EcdsaVerificationAlgorithm,
    message: &[u8],
    by: &[u8],
) -> bool {
    let (Some(x), Some(y)) = (number(key.x.as_ref()), number(key.y.as_ref())) else {
        return false;
    };
    if x.len() != length || y.len() != length {
        return false;
    }
    // The uncompressed form of a point (SEC 1, 2.3.3).
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    signature::UnparsedPublicKey::new(algorithm, point)
        .verify(message, by)
        .is_ok()
}

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// By whom it is.
    pub issuer: &'a str,
    /// For whom.
    pub client: &'a str,
    /// What was asked with.
    pub nonce: &'a str,
    /// The claim that lists groups, by name, or by names with dots between where it lies deeper.
    pub groups: &'a str,
    /// When.
    pub now: Timestamp,
}

/// Who the token is about, once everything about it holds.
///
/// # Errors
/// What does not hold, in words that repeat nothing secret.
pub fn identity(token: &str, keys: &Keys, wanted: Wanted<'_>) -> Result<Identity, String> {
    let head = head(token)?;
    let (message, by) = token.rsplit_once('.').ok_or("it has no signature")?;
    let (_, claims) = message.split_once('.').ok_or("it has no claims")?;
    let by = decoded(by, "signature")?;
    if !keys.fit(&head) {
        return Err("it is signed by a key that the issuer does not publish".to_string());
    }
    if !keys
        .fitting(&head)
        .any(|key| signed(&head.alg, key, message.as_bytes(), &by))
    {
        return Err("its signature is wrong".to_string());
    }
    let claims: Value = serde_json::from_slice(&decoded(claims, "claims")?)
        .map_err(|error| format!("its claims cannot be read: {error}"))?;
    held(&claims, wanted)?;
    let text = |name: &str| claims[name].as_str().unwrap_or_default();
    let subject = text("sub");
    if subject.is_empty() || subject.len() > 255 {
        return Err("it does not say about whom it is".to_string());
    }
    let name = ["preferred_username", "email", "name"]
        .into_iter()
        .map(text)
        .find(|name| !name.is_empty())
        .unwrap_or(subject);
    Ok(Identity {
        issuer: wanted.issuer.to_string(),
        subject: subject.to_string(),
        name: name.to_string(),
        groups: groups(&claims, wanted.groups),
    })
}

fn held(claims: &Value, wanted: Wanted<'_>) -> Result<(), String> {
    if claims["iss"] != wanted.issuer {
        return Err("it is by another issuer".to_string());
    }
    let for_us = match &claims["aud"] {
        Value::String(one) => one == wanted.client,
        Value::Array(many) => many.iter().any(|one| one == wanted.client),
        _ => false,
    };
    let party = &claims["azp"];
    let of_others = claims["aud"].as_array().is_some_and(|many| many.len() > 1);
    if !for_us || (party.is_null() && of_others) || (!party.is_null() && party != wanted.client) {
        return Err("it is for another client".to_string());
    }
    let time = |name: &str| claims[name].as_f64().and_then(Timestamp::from_seconds_f64);
    let until = time("exp").ok_or("it does not say until when it holds")?;
    if wanted.now >= until.plus(SKEW) {
        return Err(format!("it expired at {until}"));
    }
    for name in ["nbf", "iat"] {
        if time(name).is_some_and(|from| from > wanted.now.plus(SKEW)) {
            return Err(format!("it holds from a time to come ({name})"));
        }
    }
    if claims["nonce"] != wanted.nonce {
        return Err("it belongs to another sign-in (nonce)".to_string());
    }
    Ok(())
}

/// The groups that the claims name: a list, or a single one.
fn groups(claims: &Value, named: &str) -> BTreeSet<String> {
    let found = claims.get(named).or_else(|| {
        let mut parts = named.split('.');
        parts.try_fold(claims, |inner, part| inner.get(part))
    });
    // An address that nobody proved to be theirs says nothing about who they are.
    if named == "email" && claims["email_verified"] != true {
        return BTreeSet::new();
    }
    match found {
        Some(Value::String(one)) => BTreeSet::from([one.clone()]),
        Some(Value::Array(many)) => many
            .iter()
            .filter_map(|one| one.as_str().map(str::to_string))
            .collect(),
        _ => BTreeSet::new(),
    }
}
