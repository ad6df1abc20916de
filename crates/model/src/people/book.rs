//! What is kept of people, and the socket of whoever keeps it. No secret is kept: of passwords their Argon2 hashes, of
//! tokens their digests.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Grants;
use crate::time::Timestamp;

/// The account of a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// What they are called, here and in every journal.
    pub name: String,
    /// The hash of their password in the PHC string format; empty while they have none, and then none fits.
    pub password: String,
    /// What they may.
    pub grants: Grants,
    /// Since when there is the account.
    pub made: Timestamp,
    /// Who made it.
    pub by: String,
}

impl fmt::Debug for Account {
    // A hash in a log could be guessed at.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("grants", &self.grants)
            .finish_non_exhaustive()
    }
}

/// A person who signed in with a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Digest of its token (BLAKE3, hex).
    pub digest: String,
    /// Whose.
    pub person: String,
    /// Since when.
    pub begun: Timestamp,
    /// When it was last used, to within a minute.
    pub seen: Timestamp,
    /// When it ends, used or not.
    pub until: Timestamp,
}

/// A key for a program. It may no more than its maker may at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public name.
    pub id: String,
    /// What its maker calls it.
    pub name: String,
    /// Whose.
    pub person: String,
    /// Digest of its secret (BLAKE3, hex).
    pub digest: String,
    /// What it may at most.
    pub scopes: Grants,
    /// Since when.
    pub made: Timestamp,
    /// When it ends; `None` for never.
    pub until: Option<Timestamp>,
    /// When it was last used, to within a minute.
    pub used: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

/// What a one-time link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// Makes the first account with a password; void once there is one.
    Setup,
    /// Makes an account.
    Invitation,
    /// Lets a person choose a new password.
    Reset,
    /// Signs a person in.
    SignIn,
}

impl LinkKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Setup, Self::Invitation, Self::Reset, Self::SignIn];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Invitation => "invitation",
            Self::Reset => "reset",
            Self::SignIn => "sign_in",
        }
    }

    /// Of that word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A link that works once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Digest of its token (BLAKE3, hex).
    pub digest: String,
    /// What it is for.
    pub kind: LinkKind,
    /// The name of the account; empty where whoever comes may choose.
    pub person: String,
    /// What the account will be allowed.
    pub grants: Grants,
    /// Since when.
    pub made: Timestamp,
    /// Who made it.
    pub by: String,
    /// When it ends.
    pub until: Timestamp,
}

/// What somebody did over HTTP, or tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Audited {
    /// When.
    pub at: Timestamp,
    /// Who: the account's name; empty if nobody was known.
    pub who: String,
    /// How they were known: `person`, `key ID`, `nobody` or `terminal`.
    pub via: String,
    /// From which address.
    pub address: String,
    /// What: the name of the operation.
    pub what: String,
    /// On what: the address of the request.
    pub target: String,
    /// How it was answered, as a status of HTTP.
    pub status: u16,
    /// Why it was refused, as a problem's code; empty if it was done.
    pub code: String,
    /// The request's id.
    pub request: String,
    /// Refused attempts before this one that were counted and not written down, because there were so many.
    pub unwritten: u64,
}

/// The answer to a request that may come again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// Whose: account and key.
    pub who: String,
    /// The idempotency key.
    pub key: String,
    /// Digest of what was asked (BLAKE3, hex).
    pub asked: String,
    /// The status of the answer.
    pub status: u16,
    /// Its media type.
    pub media: String,
    /// The answer; `None` if it held a secret and was not kept.
    pub body: Option<Vec<u8>>,
    /// When.
    pub at: Timestamp,
}

/// Why the book gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct BookError {
    /// What went wrong, where, and what to do.
    pub what: String,
}

/// Keeps people, what they hold, and what they did. Every method is done whole or not at all.
pub trait Book: Send + Sync {
    /// The account of that name.
    fn account(&self, name: &str) -> Result<Option<Account>, BookError>;
    /// All accounts, by name.
    fn accounts(&self) -> Result<Vec<Account>, BookError>;
    /// Adds an account; false if the name is taken.
    fn add_account(&self, account: &Account) -> Result<bool, BookError>;
    /// Gives a person another password and ends all of their sessions but one; false if there is no such person.
    fn set_password(&self, name: &str, hash: &str, but: Option<&str>) -> Result<bool, BookError>;
    /// Gives a person other roles and ends their sessions; false if there is no such person.
    fn set_grants(&self, name: &str, grants: &Grants) -> Result<bool, BookError>;
    /// Removes a person with sessions and links, and revokes their keys; false if there is no such person.
    fn remove(&self, name: &str, at: Timestamp) -> Result<bool, BookError>;

    /// The account of whom that issuer calls so.
    fn identified(&self, issuer: &str, subject: &str) -> Result<Option<Account>, BookError>;
    /// Adds an account of whom that issuer calls so; false if the name is taken, or the issuer's subject has one.
    fn add_identity(
        &self,
        issuer: &str,
        subject: &str,
        account: &Account,
    ) -> Result<bool, BookError>;

    /// Begins a session.
    fn begin_session(&self, session: &Session) -> Result<(), BookError>;
    /// A session and its person.
    fn session(&self, digest: &str) -> Result<Option<(Session, Account)>, BookError>;
    /// Notes that a session was used.
    fn seen(&self, digest: &str, at: Timestamp) -> Result<(), BookError>;
    /// Ends a session.
    fn end_session(&self, digest: &str) -> Result<(), BookError>;

    /// Adds a key.
    fn add_key(&self, key: &ApiKey) -> Result<(), BookError>;
    /// A key and its maker.
    fn key(&self, digest: &str) -> Result<Option<(ApiKey, Account)>, BookError>;
    /// The keys of one person, or of all, the oldest first.
    fn keys(&self, person: Option<&str>) -> Result<Vec<ApiKey>, BookError>;
    /// Notes that a key was used.
    fn used(&self, id: &str, at: Timestamp) -> Result<(), BookError>;
    /// Revokes a key; false if there is none of that id that stands.
    fn revoke(&self, id: &str, at: Timestamp) -> Result<bool, BookError>;

    /// Adds a link. Those that ended before it was made are forgotten; one for setup takes the place of earlier ones.
    fn add_link(&self, link: &Link) -> Result<(), BookError>;
    /// A link that nobody used and that has not ended.
    fn link(&self, digest: &str, now: Timestamp) -> Result<Option<Link>, BookError>;
    /// All such links, the oldest first.
    fn links(&self, now: Timestamp) -> Result<Vec<Link>, BookError>;
    /// Uses a link up, and adds the account or gives the account its password in the same stroke, as its kind says.
    fn use_link(&self, digest: &str, now: Timestamp, account: &Account) -> Result<Used, BookError>;

    /// Writes down what somebody did.
    fn audit(&self, done: &Audited) -> Result<(), BookError>;
    /// At most `limit` of what was written down before that place, the newest first.
    fn audited(&self, before: Option<u64>, limit: u32) -> Result<Vec<(u64, Audited)>, BookError>;

    /// What was answered to that key.
    fn replay(&self, who: &str, key: &str) -> Result<Option<Replay>, BookError>;
    /// Keeps an answer, and forgets those from before that time.
    fn keep_replay(&self, replay: &Replay, forget: Timestamp) -> Result<(), BookError>;
}

/// What using a link came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// It was used.
    Done,
    /// It was used before, has ended, or never was.
    Void,
    /// The name is taken.
    Taken,
}
