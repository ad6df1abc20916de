//! As whom AWS is asked: who the machine or the profile is, or a role in another account that this one takes.
//!
//! What was shown is remembered for as long as a look lasts, so that it can be struck out of whatever an answer says
//! back, be it a refusal or telemetry (`echo`). It is kept nowhere else.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use crate::hidden::Hidden;

/// The name under which a role is taken to read; it stands in the other account's audit trail.
pub(in crate::aws) const SESSION: &str = "midwatch";
/// Seconds that a role is taken for: the least that may be asked for.
const LASTS: i32 = 900;

/// What was shown in this look.
#[derive(Clone, Default)]
pub(in crate::aws) struct Shown(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    secrets: Vec<String>,
    /// The same, ready to be looked for.
    hidden: Arc<Hidden>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(..)")
    }
}

impl Shown {
    fn remember(&self, credentials: &Credentials) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.secrets.len();
        let token = credentials.session_token().unwrap_or_default();
        for secret in [
            token,
            credentials.secret_access_key(),
            credentials.access_key_id(),
        ] {
            if !known.secrets.iter().any(|one| one == secret) {
                known.secrets.push(secret.to_string());
            }
        }
        if known.secrets.len() > before {
            known.hidden = Arc::new(Hidden::of(known.secrets.iter().map(String::as_str)));
        }
    }

    /// What was shown so far, to be struck out.
    pub fn hidden(&self) -> Arc<Hidden> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known.hidden)
    }

    /// The text without what was shown.
    pub fn scrub(&self, text: &str) -> String {
        self.hidden().said(text)
    }
}

/// Remembers what is shown.
#[derive(Debug)]
pub(in crate::aws) struct Remembered {
    pub inner: SharedCredentialsProvider,
    pub shown: Shown,
}

impl ProvideCredentials for Remembered {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let given = self.inner.provide_credentials().await?;
            self.shown.remember(&given);
            Ok(given)
        })
    }
}

/// A role in another account.
#[derive(Debug)]
pub(in crate::aws) struct Role {
    /// Asked as whoever takes the role.
    pub sts: aws_sdk_sts::Client,
    pub arn: String,
    pub external_id: Option<String>,
    /// The name under which it is taken.
    pub session: String,
}

impl Role {
    async fn take(&self) -> Result<Credentials, CredentialsError> {
        let taken = self
            .sts
            .assume_role()
            .role_arn(&self.arn)
            .role_session_name(&self.session)
            .duration_seconds(LASTS)
            .set_external_id(self.external_id.clone())
            .send()
            .await
            .map_err(CredentialsError::provider_error)?;
        let given = taken
            .credentials()
            .ok_or_else(|| CredentialsError::unhandled("the answer holds no credentials"))?;
        Ok(Credentials::new(
            given.access_key_id(),
            given.secret_access_key(),
            Some(given.session_token().to_string()),
            SystemTime::try_from(*given.expiration()).ok(),
            "AssumeRole",
        ))
    }
}

impl ProvideCredentials for Role {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.take())
    }
}
