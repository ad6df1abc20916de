//! Accounts, sessions, keys and links: what each proves, how long it holds, and who may give it to whom. What is kept
//! is the [`Book`]'s; time and chance are handed in; no secret leaves here but to whom it belongs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::people::{
    Account, ApiKey, Audited, Book, BookError, EVERYWHERE, Grants, Identity, Link, LinkKind, Role,
    Session, Used,
};
use model::ports::{Chance, Clock};
use model::time::{SECOND, Span, Timestamp};

use super::password::{self, Cost};
use super::tries::{Buckets, Rate, Tries};
use super::{Kind, Who};

/// A session that nobody uses for so long has ended.
pub const IDLE: Span = Span(12 * 3_600 * SECOND);
/// No session lasts longer.
pub const LASTS: Span = Span(7 * 86_400 * SECOND);
/// A session of somebody whom a provider vouches for: so late at the most a group that is gone takes its role away.
pub const IDENTITY_LASTS: Span = Span(12 * 3_600 * SECOND);
/// What the names of their accounts begin with. No other account can be called so.
pub const PROVIDED: &str = "oidc:";
/// How long a link for setting up holds.
pub const SETUP_LASTS: Span = Span(3_600 * SECOND);
/// How long an invitation holds.
pub const INVITATION_LASTS: Span = Span(3 * 86_400 * SECOND);
/// How long a link that signs somebody in holds.
pub const SIGN_IN_LASTS: Span = Span(3_600 * SECOND);
/// Uses are noted so often, to spare the disk.
const NOTED: Span = Span(60 * SECOND);
/// What every API key begins with, so that one is known where it lies about.
pub const KEY_PREFIX: &str = "mw_";

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// What was shown proves nothing.
    #[error("{0}")]
    Unknown(String),
    /// It may not be, or makes no sense.
    #[error("{0}")]
    No(String),
    /// It is more than whoever asks may give.
    #[error("{0}")]
    TooMuch(String),
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
    /// Too fast: after so many seconds again.
    #[error("too many tries; try again in {0} s")]
    Wait(u64),
    /// Somebody else who must be asked cannot be.
    #[error("{0}")]
    Unreachable(String),
    /// The store failed.
    #[error("{0}")]
    Failed(String),
}

impl From<BookError> for Denied {
    fn from(error: BookError) -> Self {
        Self::Failed(error.what)
    }
}

/// What came with a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// What `Authorization: Bearer` carries.
    pub bearer: Option<&'a str>,
    /// What the session's cookie carries.
    pub cookie: Option<&'a str>,
}

/// Whoever was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Who.
    pub who: Who,
    /// The token of the session, where they came with one.
    pub session: Option<String>,
    /// When the session ends at the latest.
    pub until: Option<Timestamp>,
}

/// A session that began.
#[derive(Clone, PartialEq, Eq)]
pub struct Begun {
    /// What the cookie carries.
    pub token: String,
    /// When it ends at the latest.
    pub until: Timestamp,
    /// Whose it is.
    pub who: Who,
}

/// What every page of a session sends back with whatever alters something. It follows from the session's token, which
/// no script can read.
pub fn csrf(token: &str) -> String {
    let key = blake3::derive_key("midwatch 2026 csrf token of a session", token.as_bytes());
    blake3::Hash::from_bytes(key).to_hex().to_string()
}

/// Is that the session's token against forgery? In the same time wherever it differs.
pub fn csrf_fits(token: &str, given: &str) -> bool {
    blake3::hash(csrf(token).as_bytes()) == blake3::hash(given.as_bytes())
}

fn digest(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().to_string()
}

/// May an account be called so? Small letters, digits and a few marks, so that no two look alike.
pub fn named_well(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_@".contains(&b))
}

/// Accounts and what belongs to them.
pub struct Accounts {
    book: Arc<dyn Book>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    cost: Cost,
    tries: Mutex<Tries>,
    /// Refused attempts that may be written down, and how many were not.
    refused: Mutex<(Buckets, u64)>,
    /// There are accounts: from then on nobody reads without one.
    any: AtomicBool,
    /// Checked where there is no such account, so that a wrong name takes as long as a wrong password.
    nobodys: String,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counters only: whoever panicked left nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Accounts {
    /// Over that book.
    pub fn new(
        book: Arc<dyn Book>,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        cost: Cost,
    ) -> Self {
        let nobodys = password::hash("nobody's", &[0; password::SALT], cost);
        Self {
            book,
            clock,
            chance,
            cost,
            tries: Mutex::default(),
            refused: Mutex::new((
                Buckets::new(Rate {
                    burst: 200.0,
                    each_second: 1.0,
                }),
                0,
            )),
            any: AtomicBool::new(false),
            nobodys: nobodys.unwrap_or_default(),
        }
    }

    /// What is kept.
    pub fn book(&self) -> &dyn Book {
        &*self.book
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// 256 bits nobody can guess, in hex.
    pub(super) fn token(&self) -> Result<String, Denied> {
        let mut bytes = [0; 32];
        self.chance.fill(&mut bytes).map_err(Denied::Failed)?;
        Ok(blake3::Hash::from_bytes(bytes).to_hex().to_string())
    }

    /// The hash of a password that somebody of that name chose, if it is strong enough.
    fn chosen(&self, password: &str, name: &str) -> Result<String, Denied> {
        if let Some(why) = password::weak(password, name) {
            return Err(Denied::No(why));
        }
        let mut salt = [0; password::SALT];
        self.chance.fill(&mut salt).map_err(Denied::Failed)?;
        password::hash(password, &salt, self.cost)
            .ok_or_else(|| Denied::Failed("the cost of hashes is impossible".to_string()))
    }

    /// Are there accounts that somebody can sign in to? Once there were, this stays so until the server ends. One
    /// without a password, which only a link opens, does not count: it must not shut out those without it.
    pub fn any(&self) -> Result<bool, Denied> {
        if self.any.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let mut accounts = self.book.accounts()?.into_iter();
        let any = accounts.any(|account| !account.password.is_empty());
        self.any.store(any, Ordering::Relaxed);
        Ok(any)
    }

    /// Who came with that. `None` where nothing came; an error where what came does not hold.
    pub fn admit(&self, credentials: &Credentials<'_>) -> Result<Option<Admitted>, Denied> {
        if let Some(key) = credentials.bearer {
            return self.by_key(key).map(Some);
        }
        let Some(token) = credentials.cookie else {
            return Ok(None);
        };
        let now = self.now();
        let digest = digest(token);
        let ended = || Denied::Unknown("the session has ended; sign in again".to_string());
        let (session, account) = self.book.session(&digest)?.ok_or_else(ended)?;
        if now >= session.until || now >= session.seen.plus(IDLE) {
            self.book.end_session(&digest)?;
            return Err(ended());
        }
        if now.since(session.seen) >= NOTED {
            self.book.seen(&digest, now)?;
        }
        Ok(Some(Admitted {
            who: Who::person(&account.name, account.grants),
            session: Some(token.to_string()),
            until: Some(session.until),
        }))
    }

    fn by_key(&self, secret: &str) -> Result<Admitted, Denied> {
        let unknown = |why: &str| Denied::Unknown(format!("the API key {why}"));
        if !secret.starts_with(KEY_PREFIX) {
            return Err(unknown("is none: they begin with mw_"));
        }
        let found = self.book.key(&digest(secret))?;
        let (key, account) = found.ok_or_else(|| unknown("is not known"))?;
        let now = self.now();
        if key.revoked.is_some() {
            return Err(unknown("was revoked"));
        }
        if key.until.is_some_and(|until| now >= until) {
            return Err(unknown("has expired"));
        }
        if key.used.is_none_or(|used| now.since(used) >= NOTED) {
            self.book.used(&key.id, now)?;
        }
        Ok(Admitted {
            who: Who {
                name: account.name,
                kind: Kind::Key {
                    id: key.id,
                    name: key.name,
                },
                // A key never outgrows its maker, also not one who was an admin when it was made.
                grants: key.scopes.and(&account.grants),
            },
            session: None,
            until: key.until,
        })
    }

    fn begin(&self, account: &Account) -> Result<Begun, Denied> {
        let lasts = if of_provider(&account.name) {
            IDENTITY_LASTS
        } else {
            LASTS
        };
        let (now, token) = (self.now(), self.token()?);
        let until = now.plus(lasts);
        self.book.begin_session(&Session {
            digest: digest(&token),
            person: account.name.clone(),
            begun: now,
            seen: now,
            until,
        })?;
        Ok(Begun {
            token,
            until,
            who: Who::person(&account.name, account.grants.clone()),
        })
    }

    /// Signs a person in. The session that they came with, if any, ends: whoever planted it gains nothing.
    pub fn sign_in(
        &self,
        name: &str,
        password: &str,
        address: &str,
        before: Option<&str>,
    ) -> Result<Begun, Denied> {
        let now = self.now();
        held(&self.tries)
            .begin(name, address, now)
            .map_err(Denied::Wait)?;
        let account = self.book.account(name)?;
        let kept = account
            .as_ref()
            .map(|account| account.password.as_str())
            .filter(|kept| !kept.is_empty());
        let fits = password::fits(password, kept.unwrap_or(&self.nobodys));
        let (true, Some(account), Some(_)) = (fits, &account, kept) else {
            return Err(Denied::Unknown("name or password is wrong".to_string()));
        };
        held(&self.tries).succeeded(name, address);
        if let Some(before) = before {
            self.book.end_session(&digest(before))?;
        }
        self.begin(account)
    }

    /// Signs in whom a provider vouches for, with those roles from now on; makes their account when they come first. It
    /// is theirs by issuer and subject: whatever they are called, it is never an account that was there before. The
    /// session that they came with, if any, ends.
    pub fn identified(
        &self,
        identity: &Identity,
        grants: &Grants,
        before: Option<&str>,
    ) -> Result<Begun, Denied> {
        let known = self.book.identified(&identity.issuer, &identity.subject)?;
        if let Some(account) = &known
            && account.grants != *grants
        {
            self.book.set_grants(&account.name, grants)?;
            tracing::info!(account = account.name, roles = ?grants.0, "the provider's groups changed somebody's roles");
        }
        if grants.0.is_empty() {
            return Err(Denied::TooMuch(
                "the provider knows you, but none of your groups has a role here; ask whoever administers Midwatch"
                    .to_string(),
            ));
        }
        let mut account = match known {
            Some(account) => account,
            None => self.introduced(identity, grants)?,
        };
        account.grants = grants.clone();
        if let Some(before) = before {
            self.book.end_session(&digest(before))?;
        }
        self.begin(&account)
    }

    /// A new account of somebody whom a provider vouches for.
    fn introduced(&self, identity: &Identity, grants: &Grants) -> Result<Account, Denied> {
        let lower = identity.name.to_lowercase();
        let plain: String = lower
            .chars()
            .take(60)
            .map(|c| match c {
                'a'..='z' | '0'..='9' | '.' | '-' | '_' | '@' => c,
                _ => '-',
            })
            .collect();
        let plain = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let plain = if plain.is_empty() { "somebody" } else { plain };
        for count in 1..=1_000 {
            // Two may be called the same at the provider, over time at least.
            let again = if count == 1 {
                String::new()
            } else {
                format!(".{count}")
            };
            let account = Account {
                name: format!("{PROVIDED}{plain}{again}"),
                password: String::new(),
                grants: grants.clone(),
                made: self.now(),
                by: identity.issuer.clone(),
            };
            if self
                .book
                .add_identity(&identity.issuer, &identity.subject, &account)?
            {
                return Ok(account);
            }
        }
        Err(Denied::No(format!(
            "too many are called {plain:?}; remove accounts that nobody needs"
        )))
    }

    /// Ends a session.
    pub fn sign_out(&self, token: &str) -> Result<(), Denied> {
        Ok(self.book.end_session(&digest(token))?)
    }

    /// Makes a one-time link, and gives its token.
    pub fn link(
        &self,
        kind: LinkKind,
        person: &str,
        grants: &Grants,
        by: &str,
    ) -> Result<String, Denied> {
        let taken = match person {
            "" => None,
            name if !named_well(name) => return Err(Denied::No(misnamed(name))),
            name => self.book.account(name)?,
        };
        match (kind, taken) {
            (LinkKind::Setup, _) if self.any()? => {
                return Err(Denied::No("there are accounts already".to_string()));
            }
            (LinkKind::Invitation, Some(_)) => {
                return Err(Denied::No(format!(
                    "there is an account {person:?} already"
                )));
            }
            (LinkKind::Reset | LinkKind::SignIn, None) => {
                return Err(Denied::Missing(format!("there is no account {person:?}")));
            }
            _ => {}
        }
        let (now, token) = (self.now(), self.token()?);
        let lasts = match kind {
            LinkKind::Setup => SETUP_LASTS,
            LinkKind::Invitation | LinkKind::Reset => INVITATION_LASTS,
            LinkKind::SignIn => SIGN_IN_LASTS,
        };
        self.book.add_link(&Link {
            digest: digest(&token),
            kind,
            person: person.to_string(),
            grants: grants.clone(),
            made: now,
            by: by.to_string(),
            until: now.plus(lasts),
        })?;
        Ok(token)
    }

    /// Uses a link, once: makes its account, gives it a password, or only signs in; and begins a session.
    pub fn redeem(
        &self,
        token: &str,
        name: &str,
        password: &str,
        address: &str,
        before: Option<&str>,
    ) -> Result<Begun, Denied> {
        let now = self.now();
        let void = || Denied::Unknown("the link was used, or has ended".to_string());
        // Nobody guesses 256 bits; whoever tries is slowed down all the same, as each try costs a read.
        held(&self.tries)
            .begin("", address, now)
            .map_err(Denied::Wait)?;
        let digest_of = digest(token);
        let link = self.book.link(&digest_of, now)?.ok_or_else(void)?;
        held(&self.tries).succeeded("", address);
        let name = if link.person.is_empty() {
            name
        } else {
            link.person.as_str()
        };
        if !named_well(name) {
            return Err(Denied::No(misnamed(name)));
        }
        let hash = match link.kind {
            LinkKind::SignIn => String::new(),
            _ => self.chosen(password, name)?,
        };
        let account = Account {
            name: name.to_string(),
            password: hash,
            grants: link.grants.clone(),
            made: now,
            by: link.by.clone(),
        };
        match self.book.use_link(&digest_of, now, &account)? {
            Used::Void => return Err(void()),
            Used::Taken => {
                return Err(Denied::No(format!(
                    "the name {name:?} is taken; choose another"
                )));
            }
            Used::Done => {}
        }
        if let Some(before) = before {
            self.book.end_session(&digest(before))?;
        }
        let account = self.book.account(name)?.ok_or_else(void)?;
        if !account.password.is_empty() {
            self.any.store(true, Ordering::Relaxed);
        }
        self.begin(&account)
    }

    /// Makes an account with a password, or without one: then a link of kind [`LinkKind::Reset`] gives it one.
    pub fn add(
        &self,
        name: &str,
        password: Option<&str>,
        grants: &Grants,
        by: &str,
    ) -> Result<(), Denied> {
        if !named_well(name) {
            return Err(Denied::No(misnamed(name)));
        }
        let hash = match password {
            None => String::new(),
            Some(password) => self.chosen(password, name)?,
        };
        let account = Account {
            name: name.to_string(),
            password: hash,
            grants: grants.clone(),
            made: self.now(),
            by: by.to_string(),
        };
        if !self.book.add_account(&account)? {
            return Err(Denied::No(format!("there is an account {name:?} already")));
        }
        Ok(())
    }

    /// Gives a person other roles. One admin of the house stays.
    pub fn set_grants(&self, name: &str, grants: &Grants) -> Result<(), Denied> {
        if of_provider(name) {
            return Err(Denied::No(format!(
                "{name} has the roles that [server.oidc] roles gives to the groups of theirs, at each sign-in anew"
            )));
        }
        if grants.everywhere() != Some(Role::Admin) {
            self.not_the_last(name)?;
        }
        if !self.book.set_grants(name, grants)? {
            return Err(Denied::Missing(format!("there is no account {name:?}")));
        }
        Ok(())
    }

    /// Removes a person; their sessions end, their keys are revoked.
    pub fn remove(&self, name: &str) -> Result<(), Denied> {
        self.not_the_last(name)?;
        if !self.book.remove(name, self.now())? {
            return Err(Denied::Missing(format!("there is no account {name:?}")));
        }
        Ok(())
    }

    fn not_the_last(&self, name: &str) -> Result<(), Denied> {
        let accounts = self.book.accounts()?;
        let is_admin = |account: &&Account| account.grants.everywhere() == Some(Role::Admin);
        let mut admins = accounts.iter().filter(is_admin);
        match (admins.next(), admins.next()) {
            (Some(only), None) if only.name == name => Err(Denied::No(format!(
                "{name} is the only admin of the house; make another one first"
            ))),
            _ => Ok(()),
        }
    }

    /// A person chooses another password. Their other sessions end.
    pub fn change_password(
        &self,
        name: &str,
        old: &str,
        new: &str,
        address: &str,
        session: Option<&str>,
    ) -> Result<(), Denied> {
        held(&self.tries)
            .begin(name, address, self.now())
            .map_err(Denied::Wait)?;
        let account = self.book.account(name)?;
        let account =
            account.ok_or_else(|| Denied::Missing(format!("there is no account {name:?}")))?;
        if !password::fits(old, &account.password) {
            return Err(Denied::TooMuch(
                "the password of now is another".to_string(),
            ));
        }
        held(&self.tries).succeeded(name, address);
        let hash = self.chosen(new, name)?;
        let session = session.map(digest);
        self.book.set_password(name, &hash, session.as_deref())?;
        Ok(())
    }

    /// Makes a key for a program, and gives its secret, which nobody can see again.
    pub fn add_key(
        &self,
        maker: &Who,
        name: &str,
        scopes: &Grants,
        until: Option<Timestamp>,
    ) -> Result<(ApiKey, String), Denied> {
        if scopes.0.is_empty() {
            return Err(Denied::No(
                "a key that may nothing is of no use".to_string(),
            ));
        }
        if !scopes.within(&maker.grants) {
            return Err(Denied::TooMuch(format!(
                "a key may no more than {} may",
                maker.name
            )));
        }
        let now = self.now();
        if until.is_some_and(|until| until <= now) {
            return Err(Denied::No("it would have expired already".to_string()));
        }
        if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
            return Err(Denied::No(
                "a key's name is 1 to 80 characters that can be read".to_string(),
            ));
        }
        if self.book.account(&maker.name)?.is_none() {
            return Err(Denied::Missing(format!(
                "there is no account {:?} that the key could belong to",
                maker.name
            )));
        }
        let secret = format!("{KEY_PREFIX}{}", self.token()?);
        let digest = digest(&secret);
        let key = ApiKey {
            id: format!("key-{}", &digest[..12]),
            name: name.to_string(),
            person: maker.name.clone(),
            digest,
            scopes: scopes.clone(),
            made: now,
            until,
            used: None,
            revoked: None,
        };
        self.book.add_key(&key)?;
        Ok((key, secret))
    }

    /// Revokes a key: one's own, or as an admin of the house anybody's.
    pub fn revoke_key(&self, who: &Who, id: &str) -> Result<(), Denied> {
        let own = match who.grants.everywhere() {
            Some(Role::Admin) => None,
            _ => Some(who.name.as_str()),
        };
        let missing = || Denied::Missing(format!("there is no key {id:?} that stands"));
        if !self.book.keys(own)?.iter().any(|key| key.id == id) {
            return Err(missing());
        }
        if !self.book.revoke(id, self.now())? {
            return Err(missing());
        }
        Ok(())
    }

    /// Who may say yes to a plan in a space, by name.
    pub fn approvers(&self, space: &str) -> Result<Vec<String>, Denied> {
        let accounts = self.book.accounts()?.into_iter();
        Ok(accounts
            .filter(|account| account.grants.role_in(space) >= Some(Role::Approver))
            .map(|account| account.name)
            .collect())
    }

    /// Writes down what was done, or refused. Of refused attempts only so many: a flood must not fill the disk.
    pub fn audit(&self, mut done: Audited) -> Result<(), Denied> {
        if done.status >= 400 {
            let mut refused = held(&self.refused);
            if refused.0.take("", done.at).is_err() {
                refused.1 += 1;
                return Ok(());
            }
            done.unwritten = std::mem::take(&mut refused.1);
        }
        Ok(self.book.audit(&done)?)
    }

    /// The link with which the first admin makes their account; `None` once there are accounts.
    pub fn setup_link(&self) -> Result<Option<String>, Denied> {
        if self.any()? {
            return Ok(None);
        }
        let admin = Grants::one(EVERYWHERE, Role::Admin);
        self.link(LinkKind::Setup, "", &admin, "setup").map(Some)
    }
}

/// Is that the account of somebody whom a provider vouches for?
fn of_provider(name: &str) -> bool {
    name.starts_with(PROVIDED)
}

fn misnamed(name: &str) -> String {
    let shown: String = name.chars().take(64).collect();
    format!(
        "{shown:?} is no name for an account: 1 to 64 small letters, digits, `.`, `-`, `_` and `@`, a letter or digit first"
    )
}
