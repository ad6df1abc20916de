//! Somebody whom another party vouches for, and the socket of that party.

use std::collections::BTreeSet;

use crate::time::Timestamp;

/// A person as an identity provider knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who vouches for them.
    pub issuer: String,
    /// What the issuer calls them, and nobody else ever (OpenID Connect Core 1.0, 5.7: the only name that is one).
    pub subject: String,
    /// What people call them; anybody may be called so.
    pub name: String,
    /// The groups that they are in.
    pub groups: BTreeSet<String>,
}

/// What ties the way out to the provider and the way back together.
#[derive(Clone, PartialEq, Eq)]
pub struct Ties {
    /// Where the browser comes back to.
    pub redirect: String,
    /// Comes back with the browser (RFC 6749, 10.12).
    pub state: String,
    /// Stands in what the provider signs.
    pub nonce: String,
    /// Proves that who redeems is who asked (RFC 7636): 43 to 128 characters.
    pub verifier: String,
}

/// Why an identity was not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The provider cannot be asked, or answers strangely. What it was is for the log.
    #[error("{0}")]
    Unavailable(String),
    /// What it told proves nothing.
    #[error("{0}")]
    Unproven(String),
}

/// Whoever vouches for people. All methods may wait for the network.
pub trait IdentityProvider: Send + Sync {
    /// What the button says that leads there.
    fn label(&self) -> &str;
    /// Where the browser is sent.
    ///
    /// # Errors
    /// If the provider does not say where.
    fn address(&self, ties: &Ties, now: Timestamp) -> Result<String, IdentityError>;
    /// Who came back with that code.
    ///
    /// # Errors
    /// If the code is none of the provider's, or what it signs does not hold.
    fn redeem(&self, code: &str, ties: &Ties, now: Timestamp) -> Result<Identity, IdentityError>;
}
