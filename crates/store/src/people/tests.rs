//! The book over a real file.

use model::people::{
    Account, ApiKey, Audited, Book as _, EVERYWHERE, Grants, Link, LinkKind, Replay, Role, Session,
    Used,
};
use model::time::Timestamp;

use super::People;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn account(name: &str) -> Account {
    Account {
        name: name.to_string(),
        password: "$argon2id$".to_string(),
        grants: Grants::one("main", Role::Viewer),
        made: at(1),
        by: "setup".to_string(),
    }
}

fn session(digest: &str, person: &str) -> Session {
    Session {
        digest: digest.to_string(),
        person: person.to_string(),
        begun: at(10),
        seen: at(10),
        until: at(100),
    }
}

fn link(digest: &str, kind: LinkKind, person: &str) -> Link {
    Link {
        digest: digest.to_string(),
        kind,
        person: person.to_string(),
        grants: Grants::one(EVERYWHERE, Role::Admin),
        made: at(1),
        by: "setup".to_string(),
        until: at(50),
    }
}

fn key(id: &str, person: &str) -> ApiKey {
    ApiKey {
        id: id.to_string(),
        name: "ci".to_string(),
        person: person.to_string(),
        digest: format!("digest of {id}"),
        scopes: Grants::one("main", Role::Viewer),
        made: at(2),
        until: Some(at(90)),
        used: None,
        revoked: None,
    }
}

#[test]
fn what_is_written_is_read_back_also_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data/people.db");
    {
        let book = People::open(&file).unwrap();
        assert!(book.add_account(&account("anna")).unwrap());
        assert!(!book.add_account(&account("anna")).unwrap(), "taken");
        book.begin_session(&session("s1", "anna")).unwrap();
        book.add_key(&key("k1", "anna")).unwrap();
        book.used("k1", at(5)).unwrap();
        book.seen("s1", at(20)).unwrap();
    }
    let mode = std::fs::metadata(&file).unwrap().permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
    // Two at once, as a server and a command are.
    let (one, two) = (People::open(&file).unwrap(), People::open(&file).unwrap());
    assert_eq!(one.accounts().unwrap(), [account("anna")]);
    let (found, whose) = two.session("s1").unwrap().unwrap();
    assert_eq!((found.seen, whose), (at(20), account("anna")));
    assert_eq!(
        one.key("digest of k1").unwrap().unwrap().0.used,
        Some(at(5))
    );
    assert!(two.revoke("k1", at(6)).unwrap());
    assert!(!one.revoke("k1", at(7)).unwrap());
    assert_eq!(one.keys(None).unwrap()[0].revoked, Some(at(6)));
    assert_eq!(one.keys(Some("bob")).unwrap(), []);
}

#[test]
fn other_roles_and_passwords_end_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let book = People::open(&folder.path().join("people.db")).unwrap();
    book.add_account(&account("anna")).unwrap();
    book.add_account(&account("bob")).unwrap();
    let begin = |digest: &str, person: &str| book.begin_session(&session(digest, person)).unwrap();
    let stands = |digest: &str| book.session(digest).unwrap().is_some();
    begin("a1", "anna");
    begin("a2", "anna");
    begin("b1", "bob");
    assert!(book.set_password("anna", "new", Some("a2")).unwrap());
    assert_eq!(
        [stands("a1"), stands("a2"), stands("b1")],
        [false, true, true]
    );
    assert!(book.set_grants("anna", &Grants::default()).unwrap());
    assert_eq!([stands("a2"), stands("b1")], [false, true]);
    book.add_key(&key("k1", "bob")).unwrap();
    assert!(book.remove("bob", at(9)).unwrap());
    assert!(!stands("b1"));
    assert!(book.key("digest of k1").unwrap().is_none());
    assert_eq!(book.keys(None).unwrap()[0].revoked, Some(at(9)));
    assert!(!book.remove("bob", at(9)).unwrap());
    assert!(!book.set_password("bob", "x", None).unwrap());
}

#[test]
fn a_link_works_once_and_not_too_late() {
    let folder = tempfile::tempdir().unwrap();
    let book = People::open(&folder.path().join("people.db")).unwrap();
    let used = |digest: &str, seconds: i64, name: &str| {
        book.use_link(digest, at(seconds), &account(name)).unwrap()
    };
    book.add_link(&link("old", LinkKind::Setup, "")).unwrap();
    book.add_link(&link("setup", LinkKind::Setup, "")).unwrap();
    assert_eq!(
        used("old", 2, "eve"),
        Used::Void,
        "a newer one took its place"
    );
    assert_eq!(used("setup", 50, "eve"), Used::Void, "too late");
    assert_eq!(used("setup", 2, "anna"), Used::Done);
    assert_eq!(used("setup", 3, "eve"), Used::Void);
    book.add_link(&link("again", LinkKind::Setup, "")).unwrap();
    assert_eq!(used("again", 3, "eve"), Used::Void, "there are accounts");
    book.add_link(&link("invited", LinkKind::Invitation, ""))
        .unwrap();
    assert_eq!(used("invited", 3, "anna"), Used::Taken);
    assert_eq!(used("invited", 3, "bob"), Used::Done, "it stood until then");
    book.begin_session(&session("a1", "anna")).unwrap();
    book.add_link(&link("reset", LinkKind::Reset, "anna"))
        .unwrap();
    let mut new = account("ignored");
    new.password = "another".to_string();
    assert_eq!(book.use_link("reset", at(4), &new).unwrap(), Used::Done);
    assert_eq!(book.account("anna").unwrap().unwrap().password, "another");
    assert!(book.session("a1").unwrap().is_none());
    let names: Vec<String> = book
        .accounts()
        .unwrap()
        .into_iter()
        .map(|account| account.name)
        .collect();
    assert_eq!(names, ["anna", "bob"]);
}

#[test]
fn the_audit_log_only_grows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.db");
    let book = People::open(&file).unwrap();
    let done = |who: &str| Audited {
        at: at(1),
        who: who.to_string(),
        via: "person".to_string(),
        address: "127.0.0.1".to_string(),
        what: "note".to_string(),
        target: "/v1".to_string(),
        status: 200,
        code: String::new(),
        request: "r".to_string(),
        unwritten: 0,
    };
    for who in ["anna", "bob", "eve"] {
        book.audit(&done(who)).unwrap();
    }
    let page = book.audited(None, 2).unwrap();
    assert_eq!(page.len(), 2);
    assert_eq!((page[0].0, page[0].1.who.as_str()), (3, "eve"));
    let rest = book.audited(Some(page[1].0), 2).unwrap();
    assert_eq!(rest, [(1, done("anna"))]);
    for hostile in [
        "DELETE FROM audit",
        "UPDATE audit SET done = '{}'",
        "INSERT OR REPLACE INTO audit (position, at, done) VALUES (1, 0, '{}')",
    ] {
        let refused = book.run(async move |c| sqlx::raw_sql(hostile).execute(c).await.map(|_| ()));
        assert!(
            refused.unwrap_err().what.contains("append-only"),
            "{hostile}"
        );
    }
    assert_eq!(book.audited(None, 9).unwrap().len(), 3, "and it goes on");
}

#[test]
fn answers_are_kept_for_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let book = People::open(&folder.path().join("people.db")).unwrap();
    let replay = |key: &str, seconds: i64| Replay {
        who: "anna".to_string(),
        key: key.to_string(),
        asked: "digest".to_string(),
        status: 201,
        media: "application/json".to_string(),
        body: Some(b"{}".to_vec()),
        at: at(seconds),
    };
    book.keep_replay(&replay("k1", 10), at(0)).unwrap();
    assert_eq!(book.replay("anna", "k1").unwrap(), Some(replay("k1", 10)));
    assert_eq!(book.replay("bob", "k1").unwrap(), None);
    book.keep_replay(&replay("k2", 30), at(20)).unwrap();
    assert_eq!(book.replay("anna", "k1").unwrap(), None);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.db");
    std::fs::write(&file, b"this is no database, and somebody needs it").unwrap();
    assert!(People::open(&file).is_err());
    assert!(std::fs::read(&file).unwrap().starts_with(b"this is no"));
}
