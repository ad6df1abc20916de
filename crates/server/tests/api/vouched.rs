//! Sign-in by a provider, with one that says what a test wants: whose account it is, what groups give and take away, and
//! ways that do not fit together. Real accounts on a disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use model::people::{Grants, Identity, IdentityError, IdentityProvider, Role, Ties};
use model::testkit::HandClock;
use model::time::{SECOND, Span, Timestamp};
use server::auth::password::Cost;
use server::auth::{Accounts, Back, Credentials, Denied, SignOn};
use store::people::People;

use super::who::Counted;

/// Vouches for whoever is set, if the code is `good`.
struct Provider {
    next: Arc<Mutex<Identity>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl IdentityProvider for Provider {
    fn label(&self) -> &str {
        "Company account"
    }

    fn address(&self, ties: &Ties, _: Timestamp) -> Result<String, IdentityError> {
        Ok(ties.state.clone())
    }

    fn redeem(&self, code: &str, ties: &Ties, _: Timestamp) -> Result<Identity, IdentityError> {
        self.asked.lock().unwrap().push(ties.nonce.clone());
        match code {
            "good" => Ok(self.next.lock().unwrap().clone()),
            _ => Err(IdentityError::Unproven("the code is used up".to_string())),
        }
    }
}

struct Door {
    on: SignOn,
    accounts: Accounts,
    clock: Arc<HandClock>,
    next: Arc<Mutex<Identity>>,
    asked: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl Door {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock::at(Timestamp::from_seconds(1_000_000)));
        let book = People::open(&folder.path().join("people.db")).unwrap();
        let accounts = Accounts::new(
            Arc::new(book),
            clock.clone(),
            Arc::new(Counted::default()),
            Cost::LEAST,
        );
        let next = Arc::new(Mutex::new(Identity {
            issuer: "https://idp.example".to_string(),
            subject: String::new(),
            name: String::new(),
            groups: std::collections::BTreeSet::new(),
        }));
        let asked = Arc::default();
        let provider = Provider {
            next: Arc::clone(&next),
            asked: Arc::clone(&asked),
        };
        let roles = BTreeMap::from([
            ("sre".to_string(), Grants::one("main", Role::Approver)),
            ("dev".to_string(), Grants::one("main", Role::Viewer)),
        ]);
        Self {
            on: SignOn::new(Arc::new(provider), roles),
            accounts,
            clock,
            next,
            asked,
            _folder: folder,
        }
    }

    fn is(&self, subject: &str, name: &str, groups: &[&str]) {
        let mut next = self.next.lock().unwrap();
        (next.subject, next.name) = (subject.to_string(), name.to_string());
        next.groups = groups.iter().map(|group| (*group).to_string()).collect();
    }

    fn now(&self) -> Timestamp {
        model::ports::Clock::now(&*self.clock)
    }

    /// State and what the browser keeps.
    fn begin(&self) -> (String, String) {
        let begun = self
            .on
            .begin(&self.accounts, "https://here/oidc", "127.0.0.1", self.now());
        let begun = begun.map_err(|denied| denied.to_string()).unwrap();
        (begun.address, begun.browser)
    }

    fn finish(
        &self,
        code: &str,
        state: &str,
        browser: &str,
    ) -> Result<(String, String, Grants), Denied> {
        let back = Back {
            code,
            state,
            browser,
        };
        let begun = self.on.finish(&self.accounts, back, None, self.now())?;
        Ok((begun.who.name, begun.token, begun.who.grants))
    }

    fn sign_in(&self) -> Result<(String, String, Grants), Denied> {
        let (state, browser) = self.begin();
        self.finish("good", &state, &browser)
    }

    fn holds(&self, token: &str) -> bool {
        let credentials = Credentials {
            cookie: Some(token),
            ..Credentials::default()
        };
        self.accounts.admit(&credentials).is_ok()
    }
}

#[test]
fn an_account_is_the_subjects_and_never_the_names() {
    let door = Door::new();
    let admin = Grants::one("*", Role::Admin);
    door.accounts
        .add("anna", Some("correct horse battery"), &admin, "test")
        .unwrap();
    let mut names = Vec::new();
    for (subject, name) in [
        ("1", "anna"),
        ("2", "ANNA"),
        ("1", "renamed"),
        ("3", "oidc:anna"),
        ("4", "  <b>Zoë</b>\r\n"),
        ("5", "…"),
        ("6", &"x".repeat(300)),
    ] {
        door.is(subject, name, &["sre"]);
        names.push(door.sign_in().unwrap().0);
    }
    let long = format!("oidc:{}", "x".repeat(60));
    let wanted = [
        "oidc:anna",
        "oidc:anna.2",
        "oidc:anna",
        "oidc:oidc-anna",
        "oidc:b-zo---b",
        "oidc:somebody",
        &long,
    ];
    assert_eq!(names, wanted);
    // The local one is as it was, and no local one can be called like theirs.
    let local = door.accounts.book().account("anna").unwrap().unwrap();
    assert_eq!(local.grants, admin);
    let made = door.accounts.add("oidc:eve", None, &admin, "test");
    assert!(matches!(made, Err(Denied::No(_))), "{made:?}");
    // A session of theirs ends sooner than a local one.
    let (_, token, _) = door.sign_in().unwrap();
    for _ in 0..11 {
        door.clock.pass(Span(3_600 * SECOND));
        assert!(door.holds(&token));
    }
    door.clock.pass(Span(3_601 * SECOND));
    assert!(!door.holds(&token));
    // Removed, they are somebody new.
    door.accounts.remove("oidc:anna").unwrap();
    door.is("1", "renamed", &["dev"]);
    assert_eq!(door.sign_in().unwrap().0, "oidc:renamed");
}

#[test]
fn groups_give_and_take_at_each_sign_in() {
    let door = Door::new();
    door.is("1", "anna", &["sre", "dev"]);
    let (name, first, grants) = door.sign_in().unwrap();
    assert_eq!(grants, Grants::one("main", Role::Approver));
    let (_, second, _) = door.sign_in().unwrap();
    assert!(door.holds(&first) && door.holds(&second), "nothing changed");
    door.is("1", "anna", &["dev"]);
    let (_, third, grants) = door.sign_in().unwrap();
    assert_eq!(grants, Grants::one("main", Role::Viewer));
    assert!(!door.holds(&first) && !door.holds(&second) && door.holds(&third));
    door.is("1", "anna", &["strangers"]);
    let denied = door.sign_in().unwrap_err();
    assert!(
        matches!(&denied, Denied::TooMuch(why) if why.contains("none of your groups")),
        "{denied}"
    );
    assert!(!door.holds(&third));
    let left = door.accounts.book().account(&name).unwrap().unwrap();
    assert_eq!(left.grants, Grants::default());
    // Whoever never had a role gets no account.
    door.is("2", "eve", &[]);
    assert!(door.sign_in().is_err());
    assert_eq!(door.accounts.book().accounts().unwrap().len(), 1);
    // Neither roles nor a password are given by hand.
    let given = door
        .accounts
        .set_grants(&name, &Grants::one("*", Role::Admin));
    assert!(matches!(given, Err(Denied::No(_))), "{given:?}");
    for kind in [
        model::people::LinkKind::Reset,
        model::people::LinkKind::SignIn,
    ] {
        assert!(
            door.accounts
                .link(kind, &name, &Grants::default(), "test")
                .is_err()
        );
    }
}

#[test]
fn ways_that_do_not_fit_together_lead_nowhere() {
    let door = Door::new();
    door.is("1", "anna", &["sre"]);
    let ((state, browser), (other_state, other_browser)) = (door.begin(), door.begin());
    for (code, state, browser) in [
        ("good", state.as_str(), other_browser.as_str()),
        ("good", &other_state, &browser),
        ("good", &state, ""),
        ("good", "", ""),
        ("", &state, &browser),
        (&"x".repeat(9_000), &state, &browser),
    ] {
        let denied = door.finish(code, state, browser).unwrap_err();
        assert!(matches!(denied, Denied::Unknown(_)), "{denied}");
    }
    // None of these reached the provider, or used up the way.
    assert_eq!(door.asked.lock().unwrap().len(), 0);
    door.finish("good", &state, &browser).unwrap();
    assert!(
        door.finish("good", &state, &browser).is_err(),
        "it is used up"
    );
    // A bad code uses it up, too.
    assert!(door.finish("bad", &other_state, &other_browser).is_err());
    assert!(door.finish("good", &other_state, &other_browser).is_err());
    let asked = door.asked.lock().unwrap().clone();
    assert!(
        asked.len() == 2 && asked[0] != asked[1],
        "each has a nonce of its own: {asked:?}"
    );
    // It ends by itself.
    let (state, browser) = door.begin();
    door.clock.pass(Span(601 * SECOND));
    assert!(door.finish("good", &state, &browser).is_err());
    // Of one address only so many are under way; the oldest goes.
    let (first, last) = (door.begin(), (0..50).map(|_| door.begin()).last().unwrap());
    assert!(door.finish("good", &first.0, &first.1).is_err());
    door.finish("good", &last.0, &last.1).unwrap();
}
