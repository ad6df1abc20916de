//! Sign-in by OpenID Connect: the authorization code flow with PKCE (OpenID Connect Core 1.0, 3.1; RFC 7636) against
//! one issuer.
//!
//! Everything that is asked is asked at addresses of the issuer's, with bounds on time and size and without following
//! redirects. Its description is read anew after an hour, its keys when a token comes by one that is not known.

mod metadata;
#[cfg(all(test, feature = "notifiers"))]
mod tests;
mod token;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use model::people::{Identity, IdentityError, IdentityProvider, Ties};
use model::time::{Span, Timestamp};
use reqwest::Url;
use reqwest::blocking::Client;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::client;
use crate::hidden::Hidden;
use metadata::Metadata;
use token::{Keys, Wanted};

/// How long one question to the issuer may take. A sign-in asks three at most.
const PATIENCE: Duration = Duration::from_secs(5);
/// The description of an issuer, its keys and its tokens are some kilobytes each.
const LONGEST: u64 = 512 * 1024;
/// The issuer's description is read anew after so long.
const FRESH: Span = Span(3_600 * model::time::SECOND);
/// Its keys are not read more often than that, whatever tokens come.
const KEYS_REST: Span = Span(10 * model::time::SECOND);

/// With whom we sign in, and as whom we ask.
#[derive(Clone)]
pub struct Settings {
    /// The issuer, exactly as it calls itself.
    pub issuer: String,
    /// What it calls us.
    pub client: String,
    /// What proves that.
    pub secret: String,
    /// What the button says.
    pub label: String,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that lists groups.
    pub groups: String,
    /// Hosts beside the issuer's own that its description may lead to.
    pub hosts: Vec<String>,
}

/// Something, and since when it is known.
type Known<T> = Option<(Timestamp, Arc<T>)>;

/// The issuer.
pub struct Issuer {
    settings: Settings,
    http: Client,
    /// The secret, also as it is written before it is joined with the client.
    hidden: Hidden,
    metadata: Mutex<Known<Metadata>>,
    keys: Mutex<Known<Keys>>,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What else is in it is a secret.
        f.debug_struct("Issuer")
            .field("issuer", &self.settings.issuer)
            .finish_non_exhaustive()
    }
}

/// What the token endpoint answers; what else is in it is not needed.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// What it answers where it refuses (RFC 6749, 5.2).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: String,
    error_description: String,
}

impl Issuer {
    /// Makes it; nothing is asked yet, so that a provider that is down keeps no server from starting.
    ///
    /// # Errors
    /// If the settings lead where nothing secret may be told.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let url = metadata::secret(&settings.issuer)?;
        if url.query().is_some() {
            return Err(format!("{:?} has a query; no issuer has", settings.issuer));
        }
        let http = client::client(PATIENCE).map_err(|error| error.to_string())?;
        let form = written(&[(&settings.secret, "")]).replace('=', "");
        let hidden = Hidden::of([settings.secret.as_str(), &form]);
        Ok(Self {
            settings,
            http,
            hidden,
            metadata: Mutex::new(None),
            keys: Mutex::new(None),
        })
    }

    /// Asks it for its configuration and its keys; what there is, in words.
    ///
    /// # Errors
    /// Why nobody could sign in by it.
    pub fn greet(&self, now: Timestamp) -> Result<String, String> {
        let metadata = self.metadata(now).map_err(|error| error.to_string())?;
        let document = self
            .read("its keys", &metadata.jwks_uri)
            .map_err(|error| error.to_string())?;
        let keys = Keys::read(&document).map_err(|why| format!("its keys: {why}"))?;
        Ok(format!(
            "{} answers, with {} keys",
            metadata.issuer,
            keys.count()
        ))
    }

    fn read(&self, what: &str, url: &str) -> Result<Vec<u8>, IdentityError> {
        let strange = |why: String| {
            IdentityError::Unavailable(format!("{}: {what}: {why}", self.settings.issuer))
        };
        let answered = client::exchange_within(self.http.get(url), &self.hidden, LONGEST)
            .map_err(|error| strange(error.to_string()))?;
        if answered.status != 200 {
            return Err(strange(format!("it answered {}", answered.status)));
        }
        if answered.body.len() as u64 > LONGEST {
            return Err(strange(format!("it is longer than {LONGEST} bytes")));
        }
        Ok(answered.body)
    }

    /// What the issuer says of itself.
    fn metadata(&self, now: Timestamp) -> Result<Arc<Metadata>, IdentityError> {
        let known = self
            .metadata
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((at, metadata)) = known
            && now.since(at) < FRESH
        {
            return Ok(metadata);
        }
        let base = self.settings.issuer.trim_end_matches('/');
        let document = self.read(
            "its configuration",
            &format!("{base}{}", metadata::WELL_KNOWN),
        )?;
        let read = Metadata::read(&document, &self.settings.issuer, &self.settings.hosts).map_err(
            |why| IdentityError::Unavailable(format!("{}: {why}", self.settings.issuer)),
        )?;
        let read = Arc::new(read);
        *self.metadata.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((now, Arc::clone(&read)));
        Ok(read)
    }

    /// The issuer's keys: those that are known, if one of them fits; else as they are now.
    fn keys(
        &self,
        metadata: &Metadata,
        head: &token::Head,
        now: Timestamp,
    ) -> Result<Arc<Keys>, IdentityError> {
        let mut known = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, keys)) = &*known {
            let age = now.since(*at);
            if age < KEYS_REST || (age < FRESH && keys.fit(head)) {
                return Ok(Arc::clone(keys));
            }
        }
        let document = self.read("its keys", &metadata.jwks_uri)?;
        let keys = Keys::read(&document).map_err(|why| {
            IdentityError::Unavailable(format!("{}: its keys: {why}", self.settings.issuer))
        })?;
        let keys = Arc::new(keys);
        *known = Some((now, Arc::clone(&keys)));
        Ok(keys)
    }

    /// The ID token for a code.
    fn token(&self, metadata: &Metadata, code: &str, ties: &Ties) -> Result<String, IdentityError> {
        let unavailable = |why: String| {
            IdentityError::Unavailable(format!("{}: its tokens: {why}", self.settings.issuer))
        };
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &ties.redirect),
            ("code_verifier", &ties.verifier),
        ];
        let (client, secret) = (&self.settings.client, &self.settings.secret);
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
        let basic = methods.is_none_or(|methods| {
            let knows = |method: &str| methods.iter().any(|known| known == method);
            knows("client_secret_basic") || !knows("client_secret_post")
        });
        let mut request = self.http.post(&metadata.token_endpoint);
        if basic {
            // Both are written as in a form before they are joined (RFC 6749, 2.3.1).
            let proof = format!("{}:{}", written(&[(client, "")]), written(&[(secret, "")]));
            let proof = STANDARD.encode(proof.replace('=', ""));
            request = request.header("authorization", format!("Basic {proof}"));
        } else {
            form.push(("client_id", client));
            form.push(("client_secret", secret));
        }
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(written(&form));
        let answered = client::exchange_within(request, &self.hidden, LONGEST)
            .map_err(|error| unavailable(error.to_string()))?;
        if answered.body.len() as u64 > LONGEST {
            return Err(unavailable(format!("longer than {LONGEST} bytes")));
        }
        match answered.status {
            200 => serde_json::from_slice::<Tokens>(&answered.body)
                .map(|tokens| tokens.id_token)
                .map_err(|error| unavailable(error.to_string())),
            400 | 401 => {
                let said: Refusal = serde_json::from_slice(&answered.body).unwrap_or_default();
                // Whose fault it is differs: a code that is used up is the visitor's, a wrong secret is ours.
                let why = format!("{} {}", said.error, said.error_description);
                let why: String = why.chars().take(200).collect();
                Err(if said.error == "invalid_grant" {
                    IdentityError::Unproven(format!(
                        "the provider refused the code: {}",
                        why.trim()
                    ))
                } else {
                    unavailable(format!("it answered {}: {why}", answered.status))
                })
            }
            status => Err(unavailable(format!(
                "it answered {status}: {}",
                answered.said()
            ))),
        }
    }
}

/// As a form has it.
fn written(form: &[(&str, &str)]) -> String {
    // The one writer of forms that is here already is the query of an address.
    let Ok(mut url) = Url::parse("http://localhost/") else {
        return String::new();
    };
    url.query_pairs_mut().extend_pairs(form);
    url.query().unwrap_or_default().to_string()
}

impl IdentityProvider for Issuer {
    fn label(&self) -> &str {
        &self.settings.label
    }

    fn address(&self, ties: &Ties, now: Timestamp) -> Result<String, IdentityError> {
        let metadata = self.metadata(now)?;
        let mut url = metadata::secret(&metadata.authorization_endpoint)
            .map_err(IdentityError::Unavailable)?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(ties.verifier.as_bytes()));
        let scopes: Vec<&str> = std::iter::once("openid")
            .chain(self.settings.scopes.iter().map(String::as_str))
            .collect();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.settings.client),
            ("redirect_uri", &ties.redirect),
            ("scope", &scopes.join(" ")),
            ("state", &ties.state),
            ("nonce", &ties.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(url.to_string())
    }

    fn redeem(&self, code: &str, ties: &Ties, now: Timestamp) -> Result<Identity, IdentityError> {
        let metadata = self.metadata(now)?;
        let token = self.token(&metadata, code, ties)?;
        let unproven = |why: String| {
            IdentityError::Unproven(format!("the provider's token does not hold: {why}"))
        };
        let head = token::head(&token).map_err(unproven)?;
        let keys = self.keys(&metadata, &head, now)?;
        let wanted = Wanted {
            issuer: &self.settings.issuer,
            client: &self.settings.client,
            nonce: &ties.nonce,
            groups: &self.settings.groups,
            now,
        };
        token::identity(&token, &keys, wanted).map_err(unproven)
    }
}
