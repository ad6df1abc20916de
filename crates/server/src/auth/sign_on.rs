//! Sign-in by somebody who vouches for people: what ties the way out and the way back together, and which groups have
//! which roles.
//!
//! The browser that comes back must be the one that went: it holds a secret of its own ([`Begun::browser`]) that never
//! stands in an address, so nobody can be made to come back as somebody else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::people::{Grants, Identity, IdentityError, IdentityProvider, Ties};
use model::time::{Span, Timestamp};

use super::accounts::{self, Accounts, Denied};

/// How long somebody may take at the provider.
const PATIENCE: Span = Span(10 * 60 * model::time::SECOND);
/// Sign-ins that are under way at once, and of one address.
const UNDER_WAY: usize = 10_000;
const OF_ONE: usize = 50;
/// Questions to the provider at once: it may be slow, and others want to be answered.
const AT_ONCE: usize = 4;
/// A code is some dozens of characters, of some providers a kilobyte.
const LONGEST_CODE: usize = 8 * 1024;

/// A sign-in that is under way.
struct Way {
    address: String,
    browser: String,
    ties: Ties,
    until: Timestamp,
}

/// A sign-in that begins.
#[derive(Clone, PartialEq, Eq)]
pub struct Begun {
    /// Where the browser goes.
    pub address: String,
    /// What the browser keeps to itself, and shows when it comes back.
    pub browser: String,
}

/// With what a browser comes back.
#[derive(Clone, Copy)]
pub struct Back<'a> {
    /// What it is redeemed by.
    pub code: &'a str,
    /// What was sent with it.
    pub state: &'a str,
    /// What the browser kept to itself.
    pub browser: &'a str,
}

/// Sign-in by a provider.
pub struct SignOn {
    provider: Arc<dyn IdentityProvider>,
    roles: BTreeMap<String, Grants>,
    under_way: Mutex<VecDeque<Way>>,
    asking: AtomicUsize,
}

/// A question to the provider that is over, however it ended.
struct Asked<'a>(&'a AtomicUsize);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl SignOn {
    /// By that provider, whose groups have those roles.
    pub fn new(provider: Arc<dyn IdentityProvider>, roles: BTreeMap<String, Grants>) -> Self {
        Self {
            provider,
            roles,
            under_way: Mutex::default(),
            asking: AtomicUsize::new(0),
        }
    }

    /// What the button says that leads there.
    pub fn label(&self) -> &str {
        self.provider.label()
    }

    /// What those groups give: of each space the greatest role.
    fn grants(&self, identity: &Identity) -> Grants {
        let mut all = Grants::default();
        let given = identity
            .groups
            .iter()
            .filter_map(|group| self.roles.get(group));
        for (space, role) in given.flat_map(|grants| &grants.0) {
            let held = all.0.entry(space.clone()).or_insert(*role);
            *held = (*held).max(*role);
        }
        all
    }

    fn asked<T>(
        &self,
        ask: impl FnOnce(&dyn IdentityProvider) -> Result<T, IdentityError>,
    ) -> Result<T, Denied> {
        let before = self.asking.fetch_add(1, Ordering::SeqCst);
        let _asked = Asked(&self.asking);
        if before >= AT_ONCE {
            return Err(Denied::Wait(2));
        }
        ask(&*self.provider).map_err(|error| {
            tracing::warn!(%error, "a sign-in by the provider failed");
            match error {
                IdentityError::Unproven(why) => Denied::Unknown(why),
                // What it was may tell of the inside: it stands in the log.
                IdentityError::Unavailable(_) => Denied::Unreachable(
                    "the sign-in provider cannot be asked, or is not set up as it should be; the server's log says more"
                        .to_string(),
                ),
            }
        })
    }

    /// Begins a sign-in of a browser at that address, which comes back to `redirect`.
    ///
    /// # Errors
    /// If the provider cannot be asked, or too many are under way.
    pub fn begin(
        &self,
        accounts: &Accounts,
        redirect: &str,
        address: &str,
        now: Timestamp,
    ) -> Result<Begun, Denied> {
        let ties = Ties {
            redirect: redirect.to_string(),
            state: accounts.token()?,
            nonce: accounts.token()?,
            verifier: accounts.token()?,
        };
        let browser = accounts.token()?;
        let to = self.asked(|provider| provider.address(&ties, now))?;
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        under_way.retain(|way| way.until > now);
        let own = |way: &&Way| way.address == address;
        if under_way.iter().filter(own).count() >= OF_ONE
            && let Some(oldest) = under_way.iter().position(|way| way.address == address)
        {
            under_way.remove(oldest);
        }
        if under_way.len() >= UNDER_WAY {
            return Err(Denied::Wait(30));
        }
        under_way.push_back(Way {
            address: address.to_string(),
            browser: browser.clone(),
            ties,
            until: now.plus(PATIENCE),
        });
        Ok(Begun {
            address: to,
            browser,
        })
    }

    /// Ends one: whoever came back is signed in as who the provider says they are, with the roles of their groups as
    /// they are now. The session that they came with, if any, ends.
    ///
    /// # Errors
    /// If it is none of ours, is used up, took too long, or is another browser's; if what the provider says does not
    /// hold; if none of their groups has a role.
    pub fn finish(
        &self,
        accounts: &Accounts,
        back: Back<'_>,
        before: Option<&str>,
        now: Timestamp,
    ) -> Result<accounts::Begun, Denied> {
        let none = || {
            Denied::Unknown(
                "this sign-in is not known here: it took too long, was used, or was begun in another browser; begin again"
                    .to_string(),
            )
        };
        if back.code.is_empty() || back.code.len() > LONGEST_CODE {
            return Err(none());
        }
        let ties = {
            let mut under_way = self
                .under_way
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            under_way.retain(|way| way.until > now);
            let found = under_way.iter().position(|way| {
                // Compared by digests: how much of them fits is not to be told by the time that it takes.
                let same =
                    |a: &str, b: &str| blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes());
                same(&way.ties.state, back.state) && same(&way.browser, back.browser)
            });
            found
                .and_then(|found| under_way.remove(found))
                .ok_or_else(none)?
                .ties
        };
        let identity = self.asked(|provider| provider.redeem(back.code, &ties, now))?;
        let grants = self.grants(&identity);
        accounts.identified(&identity, &grants, before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::people::Role;

    struct Nobody;

    impl IdentityProvider for Nobody {
        fn label(&self) -> &str {
            "nobody"
        }

        fn address(&self, _: &Ties, _: Timestamp) -> Result<String, IdentityError> {
            Err(IdentityError::Unavailable("http://inside/".to_string()))
        }

        fn redeem(&self, _: &str, _: &Ties, _: Timestamp) -> Result<Identity, IdentityError> {
            Err(IdentityError::Unproven("the nonce is another".to_string()))
        }
    }

    #[test]
    fn of_several_groups_the_greatest_role_of_each_space_counts() {
        let both = |a, b| Grants(BTreeMap::from([("a".to_string(), a), ("b".to_string(), b)]));
        let roles = BTreeMap::from([
            ("one".to_string(), both(Role::Admin, Role::Viewer)),
            ("two".to_string(), both(Role::Viewer, Role::Approver)),
            ("all".to_string(), Grants::one("*", Role::Viewer)),
        ]);
        let on = SignOn::new(Arc::new(Nobody), roles);
        let of = |groups: &[&str]| {
            on.grants(&Identity {
                issuer: String::new(),
                subject: String::new(),
                name: String::new(),
                groups: groups.iter().map(|group| (*group).to_string()).collect(),
            })
        };
        assert_eq!(
            of(&["one", "two", "none"]),
            both(Role::Admin, Role::Approver)
        );
        assert_eq!(of(&["all"]), Grants::one("*", Role::Viewer));
        assert_eq!(of(&["ONE", "none"]), Grants::default());
    }

    #[test]
    fn what_the_inside_looks_like_is_not_told() {
        let on = SignOn::new(Arc::new(Nobody), BTreeMap::new());
        let ties = Ties {
            redirect: String::new(),
            state: String::new(),
            nonce: String::new(),
            verifier: String::new(),
        };
        let denied = on
            .asked(|provider| provider.address(&ties, Timestamp(0)))
            .unwrap_err();
        assert!(!denied.to_string().contains("inside"), "{denied}");
        let denied = on
            .asked(|provider| provider.redeem("", &ties, Timestamp(0)))
            .unwrap_err();
        assert!(denied.to_string().contains("nonce"), "{denied}");
        assert_eq!(on.asking.load(Ordering::SeqCst), 0);
    }
}
