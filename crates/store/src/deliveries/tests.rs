use std::collections::BTreeMap;

use model::time::{Span, TimeWindow};
use model::{AlarmState, ChangeKind, EntityId, RawRef};

use super::*;

fn alarm(id: &str) -> Alarm {
    Alarm {
        id: id.to_string(),
        source: "paper".to_string(),
        rule: "errors".to_string(),
        entity: EntityId::from("service/a"),
        metric: None,
        statistic: None,
        threshold: None,
        observed: None,
        fired_at: Timestamp::from_seconds(100),
        true_at: None,
        severity: None,
        state: AlarmState::Firing,
        summary: String::new(),
        labels: BTreeMap::new(),
        raw: RawRef::default(),
    }
}

fn change(id: &str, start: i64, end: i64) -> Change {
    Change {
        id: id.to_string(),
        kind: ChangeKind::Deploy,
        start: Timestamp::from_seconds(start),
        end: Timestamp::from_seconds(end),
        entities: Vec::new(),
        actor: String::new(),
        title: "a deploy".to_string(),
        files: Vec::new(),
        diff: None,
        version: String::new(),
        carries: Vec::new(),
        undone: None,
        raw: RawRef::default(),
    }
}

fn delivered(key: &str, alarms: Vec<Alarm>, changes: Vec<Change>) -> Delivered {
    Delivered {
        inlet: "am".to_string(),
        key: key.to_string(),
        at: Timestamp::from_seconds(1_000),
        headers: vec![("content-type".to_string(), "application/json".to_string())],
        body: format!("body of {key}").into_bytes(),
        alarms,
        changes,
        remark: String::new(),
        readable: true,
    }
}

#[test]
fn what_was_here_is_known_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Deliveries::open(folder.path(), Limits::default()).unwrap();
    let store = open();
    let first = store
        .take(delivered("one", vec![alarm("a1"), alarm("a2")], vec![]))
        .unwrap();
    assert_eq!((first.known, first.alarms), (false, 2));
    assert!(
        store
            .take(delivered("one", vec![alarm("a1")], vec![]))
            .unwrap()
            .known
    );
    drop(store);
    let store = open();
    assert!(
        store
            .take(delivered("one", vec![alarm("a1")], vec![]))
            .unwrap()
            .known
    );
    // Another delivery that tells an old turn again brings only what is new.
    let second = store
        .take(delivered("two", vec![alarm("a2"), alarm("a3")], vec![]))
        .unwrap();
    assert_eq!((second.known, second.alarms), (false, 1));
    let owed = store.owed(10).unwrap();
    let ids: Vec<&str> = owed.iter().map(|(_, alarm)| alarm.id.as_str()).collect();
    assert_eq!(ids, ["a1", "a2", "a3"]);
    // Each says in which delivery it came, and as which of it.
    let places: Vec<String> = owed
        .iter()
        .map(|(_, alarm)| format!("{}:{}", alarm.raw.file, alarm.raw.line))
        .collect();
    assert_eq!(
        places,
        [
            "inlets/am/deliveries/1:1",
            "inlets/am/deliveries/1:2",
            "inlets/am/deliveries/2:2"
        ]
    );
    let kept = store.delivery("am", second.id).unwrap().unwrap();
    assert_eq!(kept.body, b"body of two");
    assert_eq!((kept.alarms, kept.changes), (1, 0));
    assert_eq!(store.delivery("other", second.id).unwrap(), None);
    assert_eq!(store.delivery("am", 77).unwrap(), None);
    store
        .brought(owed.iter().take(2).map(|(place, _)| *place).collect())
        .unwrap();
    drop(store);
    assert_eq!(open().owed(10).unwrap().len(), 1);
}

#[test]
fn another_inlet_with_the_same_keys_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let store = Deliveries::open(folder.path(), Limits::default()).unwrap();
    store
        .take(delivered("one", vec![alarm("a1")], vec![]))
        .unwrap();
    let other = Delivered {
        inlet: "other".to_string(),
        ..delivered("one", vec![alarm("a1")], vec![])
    };
    assert_eq!(store.take(other).unwrap().alarms, 1);
}

#[test]
fn what_cannot_be_read_is_kept_and_may_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Deliveries::open(folder.path(), Limits::default()).unwrap();
    let unread = Delivered {
        readable: false,
        remark: "no JSON".to_string(),
        ..delivered("x", vec![], vec![])
    };
    store.take(unread.clone()).unwrap();
    assert!(!store.take(unread).unwrap().known);
    let kept = store.kept("am", None, 10).unwrap();
    assert_eq!(kept.len(), 2);
    assert_eq!(
        (
            kept[0].readable,
            kept[0].remark.as_str(),
            kept[0].body.as_slice()
        ),
        (false, "no JSON", &b"body of x"[..])
    );
    let older = store.kept("am", Some(kept[0].id), 10).unwrap();
    assert_eq!(
        older.iter().map(|kept| kept.id).collect::<Vec<_>>(),
        [kept[1].id]
    );
}

#[test]
fn a_change_is_told_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let store = Deliveries::open(folder.path(), Limits::default()).unwrap();
    let begun = Change {
        carries: vec!["abc".to_string()],
        ..change("d", 100, 100)
    };
    let over = change("d", 120, 180);
    store
        .take(delivered("1", vec![], vec![begun, change("e", 10, 20)]))
        .unwrap();
    store.take(delivered("2", vec![], vec![over])).unwrap();
    let window = |from, to| {
        TimeWindow::new(Timestamp::from_seconds(from), Timestamp::from_seconds(to)).unwrap()
    };
    let found = store.changes(window(90, 200)).unwrap();
    let told: Vec<_> = found
        .iter()
        .map(|c| {
            (
                c.id.as_str(),
                c.start.seconds(),
                c.end.seconds(),
                c.carries.len(),
            )
        })
        .collect();
    assert_eq!(told, [("d", 100, 180, 1)]);
    assert_eq!(store.changes(window(0, 200)).unwrap().len(), 2);
}

#[test]
fn bodies_are_bounded_and_keys_outlive_them() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        bytes: 2_000,
        ..Limits::default()
    };
    let store = Deliveries::open(folder.path(), limits).unwrap();
    for n in 0..600 {
        store
            .take(delivered(&format!("key {n}"), vec![], vec![]))
            .unwrap();
    }
    let kept = store.kept("am", None, 1_000).unwrap();
    assert!(kept.len() < 300, "{}", kept.len());
    assert_eq!(kept[0].body, b"body of key 599");
    assert!(
        store
            .take(delivered("key 0", vec![], vec![]))
            .unwrap()
            .known
    );
}

#[test]
fn what_is_old_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits {
        age: Span::seconds(60),
        ..Limits::default()
    };
    let store = Deliveries::open(folder.path(), limits).unwrap();
    store
        .take(delivered("old", vec![], vec![change("c", 1, 2)]))
        .unwrap();
    drop(store);
    let store = Deliveries::open(folder.path(), limits).unwrap();
    let later = Delivered {
        at: Timestamp::from_seconds(2_000),
        ..delivered("new", vec![], vec![])
    };
    store.take(later).unwrap();
    assert!(!store.take(delivered("old", vec![], vec![])).unwrap().known);
    let all = TimeWindow::new(Timestamp(0), Timestamp::from_seconds(9_000)).unwrap();
    assert!(store.changes(all).unwrap().is_empty());
}

#[test]
fn another_programs_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join(FILE),
        b"no database at all, but long enough to be looked at",
    )
    .unwrap();
    let error = Deliveries::open(folder.path(), Limits::default()).unwrap_err();
    assert!(error.to_string().contains("cannot be kept"), "{error}");
}
