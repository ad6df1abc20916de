use std::path::PathBuf;
use std::sync::Arc;

use model::incident::{Ending, Incident, IncidentEvent, IncidentId, RunEnd, transcript};
use model::ports::{Delivery, Journal, JournalError, Outbox, SilenceBook, Thread};
use model::silence::{Recurrence, Silence};
use model::testkit::{MemoryJournal, noted, opened};
use model::time::{Span, Timestamp};
use sqlx::Executor as _;
use tempfile::TempDir;

use super::{FILE, Holder, Options, SCHEMA, Store, StoreError};

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_000_000 + second)
}

fn id(name: &str) -> IncidentId {
    IncidentId(name.to_string())
}

fn here(pid: u32) -> Holder {
    Holder {
        host: "here".to_string(),
        pid,
    }
}

const TIME: Span = Span(15 * model::time::SECOND);

struct Folder {
    folder: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("data").join(FILE)
    }

    /// A store that keeps the watch.
    fn kept(&self) -> Store {
        let store = Store::open(&self.file()).unwrap();
        store.take_watch(&here(1), at(0), TIME).unwrap();
        store
    }

    /// Alters the file as somebody with a database browser would, triggers and all else aside.
    fn alter(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        let file = self.file();
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async {
                use sqlx::ConnectOptions as _;
                let mut connection = sqlx::sqlite::SqliteConnectOptions::new()
                    .filename(file)
                    .connect()
                    .await?;
                connection.execute(sql).await.map(|_| ())
            })
    }
}

fn begin(store: &dyn Journal, name: &str) {
    store
        .append(
            &id(name),
            0,
            at(1),
            &opened("errors", "service/front", at(0)),
        )
        .unwrap();
}

/// What both journals must do alike.
fn fits_the_socket(journal: &dyn Journal) {
    let one = id("inc-1");
    assert_eq!(journal.read(&one).unwrap(), []);
    assert_eq!(journal.incidents(false).unwrap(), []);
    begin(journal, "inc-1");
    begin(journal, "inc-2");
    let second = journal
        .append(&one, 1, at(2), &noted("ada", "ä\n"))
        .unwrap();
    assert_eq!(second.seq, 2);
    // J5: whoever has not read the newest entry may not write.
    for stale in [0, 1, 3] {
        let error = journal
            .append(&one, stale, at(3), &noted("eve", "me too"))
            .unwrap_err();
        assert_eq!(
            error,
            JournalError::Stale {
                incident: one.clone(),
                after: stale,
                expected: stale + 1,
                stands: 2
            }
        );
    }
    // What cannot follow is refused, and leaves no trace.
    let illegal = IncidentEvent::RunEnded {
        plan: "none".to_string(),
        end: RunEnd::Completed,
    };
    let error = journal.append(&one, 2, at(3), &illegal).unwrap_err();
    assert!(matches!(error, JournalError::Illegal(_)), "{error}");
    let error = journal
        .append(&id("inc-3"), 0, at(3), &noted("ada", "first"))
        .unwrap_err();
    assert!(matches!(error, JournalError::Illegal(_)), "{error}");
    let read = journal.read(&one).unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[1], second);
    assert_eq!(journal.incidents(true).unwrap(), [id("inc-2"), id("inc-1")]);
    let closed = IncidentEvent::Closed {
        ending: Ending::NoFault,
        by: String::new(),
    };
    journal.append(&one, 2, at(4), &closed).unwrap();
    assert_eq!(journal.incidents(true).unwrap(), [id("inc-2")]);
    assert_eq!(journal.incidents(false).unwrap().len(), 2);
    assert!(journal.append(&one, 3, at(5), &closed).is_err());
    // What is remembered beside the disk and what is on it agree.
    journal
        .append(&one, 3, at(5), &noted("ada", "after"))
        .unwrap();
    let folded = Incident::fold(&one, &journal.read(&one).unwrap()).unwrap();
    assert_eq!(folded.unwrap().notes.len(), 2);
}

#[test]
fn memory_fits_the_socket() {
    fits_the_socket(&MemoryJournal::new());
}

#[test]
fn sqlite_fits_the_socket() {
    fits_the_socket(&Folder::new().kept());
}

#[test]
fn both_write_the_same_chain() {
    let folder = Folder::new();
    let (store, memory) = (folder.kept(), MemoryJournal::new());
    for journal in [&store as &dyn Journal, &memory] {
        begin(journal, "inc-1");
        let long = noted("ada", &"long enough to be packed ".repeat(1000));
        journal.append(&id("inc-1"), 1, at(2), &long).unwrap();
    }
    let exported = store.export(&id("inc-1")).unwrap().unwrap();
    assert_eq!(
        exported,
        transcript::write(&id("inc-1"), &memory.links(&id("inc-1")))
    );
    let told = transcript::read(&exported).unwrap();
    assert_eq!(told.links.len(), 2);
    store.hold_against(&told).unwrap();
    assert_eq!(store.export(&id("inc-9")).unwrap(), None);
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let folder = Folder::new();
    let written = {
        let store = folder.kept();
        begin(&store, "inc-1");
        store
            .append(&id("inc-1"), 1, at(2), &noted("ada", "before"))
            .unwrap();
        store.read(&id("inc-1")).unwrap()
    };
    let store = folder.kept();
    assert_eq!(store.read(&id("inc-1")).unwrap(), written);
    store
        .append(&id("inc-1"), 2, at(3), &noted("ada", "after"))
        .unwrap();
    assert_eq!(store.after(0, 10).unwrap().len(), 3);
    let rest = store.after(2, 10).unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].entry.seq, 3);
}

#[test]
fn any_thread_may_call() {
    let folder = Folder::new();
    let store = Arc::new(folder.kept());
    begin(&*store, "inc-1");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let blocking = Arc::clone(&store);
    let seq = runtime.block_on(async move {
        tokio::task::spawn_blocking(move || {
            blocking
                .append(&id("inc-1"), 1, at(2), &noted("ada", "from a task"))
                .map(|entry| entry.seq)
        })
        .await
        .unwrap()
    });
    assert_eq!(seq, Ok(2));
    // Of two writers who read the same, one wins (J5).
    let won: usize = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|n| {
                let store = &store;
                scope.spawn(move || {
                    store
                        .append(&id("inc-1"), 2, at(3), &noted("ada", &n.to_string()))
                        .is_ok()
                })
            })
            .collect();
        tries
            .into_iter()
            .map(|thread| usize::from(thread.join().unwrap()))
            .sum()
    });
    assert_eq!(won, 1);
}

#[test]
fn one_server_keeps_the_watch() {
    let folder = Folder::new();
    let first = folder.kept();
    begin(&first, "inc-1");
    let second = Store::open(&folder.file()).unwrap();
    let error = second.take_watch(&here(2), at(5), TIME).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("process 1 on here keeps the watch"),
        "{error}"
    );
    // The entry at 1 s prolonged it to 16 s; whoever does not keep it may read, not write.
    assert!(second.take_watch(&here(2), at(15), TIME).is_err());
    assert_eq!(second.read(&id("inc-1")).unwrap().len(), 1);
    let error = second
        .append(&id("inc-1"), 1, at(5), &noted("eve", "hello"))
        .unwrap_err();
    assert!(error.to_string().contains("does not keep the watch"));
    first.renew_watch(at(10), TIME).unwrap();
    assert!(second.take_watch(&here(2), at(24), TIME).is_err());
    // Its time is over: the second takes over, and the first is fenced off at its next word.
    assert_eq!(second.take_watch(&here(2), at(25), TIME), Ok(2));
    let fenced = JournalError::Fenced { held: 1, newest: 2 };
    let error = first
        .append(&id("inc-1"), 1, at(26), &noted("ada", "still me"))
        .unwrap_err();
    assert_eq!(error, fenced);
    assert_eq!(first.renew_watch(at(26), TIME), Err(fenced));
    second
        .append(&id("inc-1"), 1, at(26), &noted("eve", "mine"))
        .unwrap();
    // The fenced one cannot end what is no longer its own.
    first.release_watch(at(27)).unwrap();
    assert!(first.take_watch(&here(1), at(28), TIME).is_err());
}

#[test]
fn a_dead_server_is_followed_at_once_and_a_far_one_is_waited_for() {
    let folder = Folder::new();
    let store = folder.kept();
    // It dies: the file is closed, nothing is given back, and its time is not over.
    drop(store);
    let next = Store::open(&folder.file()).unwrap();
    let far = Holder {
        host: "elsewhere".to_string(),
        pid: 7,
    };
    assert!(matches!(
        next.take_watch(&far, at(1), TIME),
        Err(StoreError::Held { .. })
    ));
    assert_eq!(next.take_watch(&here(2), at(1), TIME), Ok(2));
    next.release_watch(at(2)).unwrap();
    assert_eq!(next.take_watch(&far, at(3), TIME), Ok(3));
}

#[test]
fn entries_are_neither_altered_nor_removed() {
    let folder = Folder::new();
    let store = folder.kept();
    begin(&store, "inc-1");
    store
        .append(&id("inc-1"), 1, at(2), &noted("ada", "it was me"))
        .unwrap();
    for sql in [
        "UPDATE entry SET at = 0",
        "DELETE FROM entry",
        "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE seq = 1",
        "INSERT INTO entry SELECT 9, incident, 7, at, word, packed, stored, previous, digest FROM entry WHERE seq = 1",
    ] {
        assert!(folder.alter(sql).is_err(), "{sql}");
    }
    assert_eq!(store.verify(None).unwrap()[0].fault, None);
}

#[test]
fn alteration_behind_the_triggers_is_found() {
    let alterations = [
        (
            "DROP TRIGGER entry_is_not_altered;
             UPDATE entry SET stored = CAST(replace(CAST(stored AS TEXT), 'me', 'he') AS BLOB)
             WHERE seq = 2",
            1,
        ),
        (
            "DROP TRIGGER entry_is_not_altered; UPDATE entry SET at = at + 1 WHERE seq = 1",
            0,
        ),
        (
            "DROP TRIGGER entry_is_not_removed; DELETE FROM entry WHERE seq = 2",
            1,
        ),
    ];
    for (sql, whole) in alterations {
        let folder = Folder::new();
        let store = folder.kept();
        begin(&store, "inc-1");
        for (seq, text) in [(1, "it was me"), (2, "so it was")] {
            store
                .append(&id("inc-1"), seq, at(2), &noted("ada", text))
                .unwrap();
        }
        drop(store);
        folder.alter(sql).unwrap();
        let store = Store::open_read_only(&folder.file()).unwrap();
        let checked = store.verify(None).unwrap();
        assert_eq!(checked[0].entries, whole, "{sql}");
        let fault = checked[0].fault.clone().unwrap();
        assert!(
            matches!(fault, JournalError::Altered { .. }),
            "{sql}: {fault}"
        );
        assert_eq!(store.read(&id("inc-1")), Err(fault));
        assert!(store.export(&id("inc-1")).is_err());
    }
}

#[test]
fn newest_entries_that_were_cut_off_are_found_by_a_transcript() {
    let folder = Folder::new();
    let store = folder.kept();
    begin(&store, "inc-1");
    store
        .append(&id("inc-1"), 1, at(2), &noted("ada", "it was me"))
        .unwrap();
    let told = transcript::read(&store.export(&id("inc-1")).unwrap().unwrap()).unwrap();
    drop(store);
    folder
        .alter("DROP TRIGGER entry_is_not_removed; DELETE FROM entry WHERE seq = 2")
        .unwrap();
    let store = Store::open_read_only(&folder.file()).unwrap();
    assert_eq!(store.verify(None).unwrap()[0].fault, None);
    let error = store.hold_against(&told).unwrap_err();
    assert!(
        error.to_string().contains("the journal ends before it"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let file = folder.file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let refused = |content: Option<&[u8]>| {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let before = std::fs::read(&file).unwrap();
        let error = Store::open(&file).unwrap_err();
        assert_eq!(std::fs::read(&file).unwrap(), before, "{error}");
        error
    };
    let error = refused(Some(b"this is a diary, and no database at all"));
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(
        error.to_string().contains("it was left as it is"),
        "{error}"
    );
    // A good head and a torn body.
    std::fs::remove_file(&file).unwrap();
    drop(folder.kept());
    let mut torn = std::fs::read(&file).unwrap();
    torn.truncate(torn.len() / 2);
    torn[5000..].fill(0x55);
    let error = refused(Some(&torn));
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    // Another program's.
    std::fs::remove_file(&file).unwrap();
    folder.alter_new("CREATE TABLE song (name TEXT)");
    assert!(matches!(refused(None), StoreError::NotOurs { .. }));
    // From the future.
    std::fs::remove_file(&file).unwrap();
    drop(folder.kept());
    folder.alter("PRAGMA user_version = 99").unwrap();
    let error = Store::open(&file).unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 99, .. }),
        "{error}"
    );
    const { assert!(99 > SCHEMA) };
    // Nothing there, to read.
    std::fs::remove_file(&file).unwrap();
    let error = Store::open_read_only(&file).unwrap_err();
    assert!(matches!(error, StoreError::NotThere { .. }), "{error}");
    assert!(!file.exists());
    // A folder in its place.
    std::fs::create_dir(&file).unwrap();
    let error = Store::open(&file).unwrap_err();
    assert!(matches!(error, StoreError::CannotOpen { .. }), "{error}");
}

impl Folder {
    fn alter_new(&self, sql: &'static str) {
        std::fs::write(self.file(), b"").unwrap();
        self.alter(sql).unwrap();
    }
}

#[test]
fn a_full_disk_takes_nothing_and_loses_nothing() {
    let folder = Folder::new();
    let options = Options {
        max_bytes: Some(256 << 10),
        ..Options::write()
    };
    let store = Store::open_with(&folder.file(), &options).unwrap();
    store.take_watch(&here(1), at(0), TIME).unwrap();
    begin(&store, "inc-1");
    // Text that does not pack.
    let noise = |seed: u64| -> String {
        let mut hash = blake3::Hasher::new();
        hash.update(&seed.to_le_bytes());
        let mut bytes = vec![0; 30_000];
        hash.finalize_xof().fill(&mut bytes);
        bytes.iter().map(|b| char::from(b'a' + b % 26)).collect()
    };
    let mut written = 1;
    let error = loop {
        let note = noted("ada", &noise(written));
        match store.append(&id("inc-1"), written, at(2), &note) {
            Ok(entry) => written = entry.seq,
            Err(error) => break error,
        }
        assert!(written < 100, "the limit was never felt");
    };
    assert!(
        error
            .to_string()
            .contains("no space is left for the journal"),
        "{error}"
    );
    assert!(written > 3);
    // What stands is whole, and a short word still finds room or is refused as cleanly.
    assert_eq!(store.read(&id("inc-1")).unwrap().len() as u64, written);
    assert_eq!(store.verify(None).unwrap()[0].fault, None);
    drop(store);
    // With more room it goes on.
    let store = folder.kept();
    store
        .append(&id("inc-1"), written, at(3), &noted("ada", "at last"))
        .unwrap();
}

#[test]
fn a_store_that_only_reads_writes_nothing() {
    let folder = Folder::new();
    let store = folder.kept();
    begin(&store, "inc-1");
    let reader = Store::open_read_only(&folder.file()).unwrap();
    assert_eq!(reader.incidents(true).unwrap(), [id("inc-1")]);
    let error = reader
        .take_watch(&here(2), at(99), TIME)
        .unwrap_err()
        .to_string();
    assert!(error.contains("cannot be written"), "{error}");
    assert!(error.contains("mounted read-only"), "{error}");
    // It sees what is written after it was opened.
    store
        .append(&id("inc-1"), 1, at(2), &noted("ada", "news"))
        .unwrap();
    assert_eq!(reader.read(&id("inc-1")).unwrap().len(), 2);
}

#[test]
fn silences_and_deliveries_are_kept() {
    let folder = Folder::new();
    let mut silence = Silence {
        id: "s-1".to_string(),
        entity: Some("service/*".to_string()),
        rule: None,
        labels: std::collections::BTreeMap::new(),
        from: at(0),
        until: at(60),
        every: Recurrence::Daily,
        by: "ada".to_string(),
        why: "upgrade".to_string(),
        ended: None,
        ended_by: None,
    };
    let failed = Delivery {
        tries: 1,
        at: at(1),
        told: false,
        why: "refused".to_string(),
        receipt: String::new(),
    };
    let told = Delivery {
        tries: 2,
        at: at(2),
        told: true,
        why: String::new(),
        receipt: "thread 7".to_string(),
    };
    {
        let store = folder.kept();
        store.order(&silence).unwrap();
        silence.ended = Some(at(9));
        silence.ended_by = Some("bob".to_string());
        store.order(&silence).unwrap();
        assert_eq!(store.delivery("n-1", "terminal").unwrap(), None);
        store.note("n-1", "terminal", &failed).unwrap();
        store.note("n-1", "terminal", &told).unwrap();
        store.note("inc-1/2/opened", "chat", &told).unwrap();
        store.note("inc-1/9/closed", "chat", &failed).unwrap();
        store.note("inc-10/2/opened", "chat", &failed).unwrap();
    }
    let store = Store::open_read_only(&folder.file()).unwrap();
    assert_eq!(store.silences().unwrap(), [silence]);
    assert_eq!(store.delivery("n-1", "terminal").unwrap(), Some(told));
    assert_eq!(store.delivery("n-1", "webhook").unwrap(), None);
    let thread = |incident: &str, by: &str| store.thread(&IncidentId(incident.into()), by).unwrap();
    let known = Thread {
        tried: true,
        told: true,
        receipt: "thread 7".to_string(),
    };
    assert_eq!(thread("inc-1", "chat"), known);
    let only_tried = Thread {
        tried: true,
        ..Thread::default()
    };
    assert_eq!(thread("inc-10", "chat"), only_tried);
    assert_eq!(thread("inc-1", "terminal"), Thread::default());
    assert_eq!(thread("inc", "chat"), Thread::default());
}

/// A journal of the first version gets what was added, and can be read before it does.
#[test]
fn an_older_journal_is_brought_up_and_read_as_it_is() {
    let folder = Folder::new();
    let told = Delivery {
        tries: 1,
        at: at(1),
        told: true,
        ..Delivery::default()
    };
    folder.kept().note("n-1", "terminal", &told).unwrap();
    folder
        .alter("ALTER TABLE delivery DROP COLUMN receipt; PRAGMA user_version = 1")
        .unwrap();
    let read = Store::open_read_only(&folder.file()).unwrap();
    assert_eq!(
        read.delivery("n-1", "terminal").unwrap(),
        Some(told.clone())
    );
    drop(read);
    let store = folder.kept();
    assert_eq!(
        store.delivery("n-1", "terminal").unwrap(),
        Some(told.clone())
    );
    let told = Delivery {
        receipt: "thread 7".to_string(),
        ..told
    };
    store.note("n-1", "terminal", &told).unwrap();
    assert_eq!(store.delivery("n-1", "terminal").unwrap(), Some(told));
}

/// One transcript per version of stored events, as that version's program wrote it. A new version adds a file
/// and leaves the others alone.
#[test]
fn every_version_that_ever_was_is_still_read() {
    let samples = [include_str!("tests/samples/v1.ndjson")];
    assert_eq!(
        samples.len(),
        model::incident::chain::VERSION as usize,
        "keep a sample of each version"
    );
    for sample in samples {
        let told = transcript::read(sample).unwrap();
        let entries = model::incident::chain::entries(&told.incident, &told.links).unwrap();
        let incident = Incident::fold(&told.incident, &entries).unwrap().unwrap();
        assert_eq!(
            incident.closed.map(|(_, ending)| ending),
            Some(Ending::Recovered)
        );
        // Every event there is has been seen in the samples, so that none can change its shape unseen.
        let words: std::collections::BTreeSet<&str> =
            entries.iter().map(|entry| entry.event.word()).collect();
        assert_eq!(words.len(), 30, "{words:?}");
    }
}

#[test]
fn whoever_follows_reads_words_alone() {
    let folder = Folder::new();
    let store = folder.kept();
    assert_eq!(store.position().unwrap(), 0);
    assert_eq!(store.head(&id("inc-1")).unwrap(), None);
    begin(&store, "inc-1");
    begin(&store, "inc-2");
    store
        .append(&id("inc-1"), 1, at(2), &noted("ada", "mine"))
        .unwrap();
    let words: Vec<_> = store
        .words(0, 10)
        .unwrap()
        .into_iter()
        .map(|word| (word.position, word.incident.0, word.seq, word.word))
        .collect();
    let told = |position, incident: &str, seq, word: &str| {
        (position, incident.to_string(), seq, word.to_string())
    };
    assert_eq!(
        words,
        [
            told(1, "inc-1", 1, "opened"),
            told(2, "inc-2", 1, "opened"),
            told(3, "inc-1", 2, "noted"),
        ]
    );
    assert_eq!(store.words(1, 1).unwrap().len(), 1);
    assert_eq!(store.position().unwrap(), 3);
    let newest = store.read(&id("inc-1")).unwrap().pop().unwrap();
    let head = store.head(&id("inc-1")).unwrap();
    assert_eq!(head, Some((2, newest.digest)));
}

/// What was added to a version without altering what was there: a person's word about a cause.
/// `MIDWATCH_WRITE=1` writes the sample anew.
#[test]
fn what_was_added_to_a_version_is_still_read() {
    let file: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "src/journal/tests/samples/v1-cause-judged.ndjson",
    ]
    .iter()
    .collect();
    let now = judged_transcript();
    if std::env::var_os("MIDWATCH_WRITE").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    for told in [std::fs::read_to_string(&file).unwrap(), now] {
        let told = transcript::read(&told).unwrap();
        let entries = model::incident::chain::entries(&told.incident, &told.links).unwrap();
        let incident = Incident::fold(&told.incident, &entries).unwrap().unwrap();
        let judged: Vec<String> = incident
            .judged
            .iter()
            .map(|((entity, mechanism), (right, by))| format!("{entity} {mechanism} {right} {by}"))
            .collect();
        assert_eq!(judged, ["function/f0 change.config-broken true ada"]);
        assert!(incident.links.contains_key(&id("inc-2")));
    }
}

/// A look that a person asked for, and a cause that they named, first beside what was blamed and then instead.
#[test]
fn a_named_cause_and_an_asked_look_are_still_read() {
    let file: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "src/journal/tests/samples/v1-cause-named.ndjson",
    ]
    .iter()
    .collect();
    let now = named_transcript();
    if std::env::var_os("MIDWATCH_WRITE").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    for told in [std::fs::read_to_string(&file).unwrap(), now] {
        let told = transcript::read(&told).unwrap();
        let entries = model::incident::chain::entries(&told.incident, &told.links).unwrap();
        let incident = Incident::fold(&told.incident, &entries).unwrap().unwrap();
        assert_eq!(incident.look_asked, None, "it was begun");
        let asked = incident.investigations[0].asked_by.as_deref();
        assert_eq!(asked, Some("ada"));
        // What was said first was taken back.
        let named: Vec<String> = incident
            .named_causes()
            .iter()
            .map(|cause| {
                format!(
                    "{} {} {:?} {:?}",
                    cause.entity, cause.mechanism, cause.kind, cause.category
                )
            })
            .collect();
        assert_eq!(
            named,
            ["database/ledger resource.disk-full Database ResourceLimit"]
        );
        assert!(incident.named_causes()[0].is_certain());
        assert!(!incident.named_causes()[0].blamed);
    }
}

fn named_transcript() -> String {
    let (memory, one) = (MemoryJournal::new(), id("inc-1"));
    begin(&memory, "inc-1");
    let window = model::time::TimeWindow::new(at(1), at(3)).unwrap();
    let report = model::testkit::report("ledger-1", model::report::Status::Unknown, at(2));
    let named = |entity: &str, instead| IncidentEvent::CauseNamed {
        entity: entity.into(),
        kind: model::EntityKind::Database,
        mechanism: model::MechanismId("resource.disk-full".to_string()),
        category: model::Category::ResourceLimit,
        instead,
        by: "ada".to_string(),
    };
    let asked = IncidentEvent::LookAsked {
        by: "ada".to_string(),
    };
    let events = [
        asked.clone(),
        IncidentEvent::InvestigationStarted { attempt: 1, window },
        IncidentEvent::InvestigationEnded {
            attempt: 1,
            report: Box::new(report),
        },
        named("database/other", false),
        IncidentEvent::Closed {
            ending: Ending::HandedOver,
            by: "ada".to_string(),
        },
        named("database/ledger", true),
    ];
    for (after, event) in (1..).zip(&events) {
        memory.append(&one, after, at(3), event).unwrap();
        if after == 1 || after == 2 {
            // It was asked for, or goes on: not twice.
            let refused = memory.append(&one, after + 1, at(3), &asked).unwrap_err();
            assert!(matches!(refused, JournalError::Illegal(_)), "{refused}");
        }
    }
    // Nothing is looked at any more.
    let refused = memory.append(&one, 7, at(4), &asked).unwrap_err();
    assert!(matches!(refused, JournalError::Illegal(_)), "{refused}");
    transcript::write(&one, &memory.links(&one))
}

/// An incident that was looked at, closed, linked, and of whose cause ada said two things.
fn judged_transcript() -> String {
    let (memory, one) = (MemoryJournal::new(), id("inc-1"));
    begin(&memory, "inc-1");
    let mut report = model::testkit::report("ledger-1", model::report::Status::CauseFound, at(2));
    let cause = serde_json::json!({
        "entity": "function/f0", "mechanism": "change.config-broken", "title": "a broken setting",
        "category": "system_change", "word": "confirmed", "confidence": 0.93, "caps": [],
        "score": {
            "prior": 0.0, "signature": 0.0, "change": 0.0, "anomaly": 0.0, "timing": 0.0, "difference": 0.0,
            "history": 0.0, "against": 0.0, "total": 0.0,
        },
        "claim": {"id": "C1", "text": "It did it.", "evidence": []},
        "supports": [], "contradicts": [], "predictions": [], "path": [], "explains": [], "mitigations": [],
    });
    report.causes = vec![serde_json::from_value(cause).unwrap()];
    let judged = |entity: &str, right| IncidentEvent::CauseJudged {
        entity: entity.into(),
        mechanism: model::MechanismId("change.config-broken".to_string()),
        right,
        by: "ada".to_string(),
    };
    let events = [
        IncidentEvent::InvestigationStarted {
            attempt: 1,
            window: report.header.window,
        },
        IncidentEvent::InvestigationEnded {
            attempt: 1,
            report: Box::new(report),
        },
        judged("function/f0", false),
        IncidentEvent::Closed {
            ending: Ending::HandedOver,
            by: "ada".to_string(),
        },
        IncidentEvent::Linked {
            incident: id("inc-2"),
            why: "ada: the same migration".to_string(),
        },
        judged("function/f0", true),
    ];
    for (after, event) in (1..).zip(&events) {
        memory.append(&one, after, at(3), event).unwrap();
    }
    // Of what no report blamed nothing can be said.
    let refused = memory
        .append(&one, 7, at(4), &judged("function/f9", true))
        .unwrap_err();
    assert!(matches!(refused, JournalError::Illegal(_)), "{refused}");
    transcript::write(&one, &memory.links(&one))
}
