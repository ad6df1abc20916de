//! The journal as it lies on a disk, and what a disk holds after the power failed in the middle of a write.
//!
//! The files are copied before and after the write; what lies between is made up sector by sector, in any order, as
//! disks do with what was not yet synchronized. The next process opens the copy, as it would after the cut.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use model::incident::{Entry, IncidentEvent, IncidentId};
use model::ports::{Clock as _, Delivery, Journal, JournalError, Outbox, SilenceBook, Thread};
use model::silence::{Recurrence, Silence};
use model::time::{Span, Timestamp};
use store::journal::{FILE, Holder, Store, StoreError};
use tempfile::TempDir;

use crate::drive::{Answer, Power, Run};
use crate::world::{Chance, FUNCTIONS, Manner, World};

/// How long a process that fell silent keeps the watch.
const LEASE: Span = Span(15 * model::time::SECOND);

/// Disks write such pieces whole or not at all.
const SECTOR: usize = 512;

/// How often a torn write was there afterwards, how often it was not, and how often it tore the database itself: a
/// test in which one of these stays at nothing tears nothing.
#[derive(Debug, Default)]
pub struct Torn {
    pub kept: AtomicU32,
    pub lost: AtomicU32,
    pub databases: AtomicU32,
}

pub static TORN: Torn = Torn {
    kept: AtomicU32::new(0),
    lost: AtomicU32::new(0),
    databases: AtomicU32::new(0),
};

/// What the disk holds of the write at which the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fall {
    /// Nothing.
    Before,
    /// All of it, but the writer never hears of it.
    After,
    /// Some of its sectors, by this seed.
    Torn(u64),
}

/// The bytes of the database and of its write-ahead log.
#[derive(Clone, Default)]
struct Image {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Image {
    fn of(file: &Path) -> Self {
        let read = |path: &Path| std::fs::read(path).unwrap_or_default();
        Self {
            database: read(file),
            log: read(&beside(file, "-wal")),
        }
    }

    fn put(&self, file: &Path) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, &self.database).unwrap();
        std::fs::write(beside(file, "-wal"), &self.log).unwrap();
    }

    /// What stands on the disk if the power fails while `self` becomes `next`. The log is synchronized before
    /// anything of it goes into the database, so the database is torn only when the log is whole.
    fn torn(&self, next: &Self, chance: &mut Chance) -> Self {
        if self.database != next.database && chance.one_in(2) {
            TORN.databases.fetch_add(1, Ordering::SeqCst);
            return Self {
                database: torn(&self.database, &next.database, chance),
                log: next.log.clone(),
            };
        }
        Self {
            database: self.database.clone(),
            log: torn(&self.log, &next.log, chance),
        }
    }
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_os_string();
    name.push(ending);
    PathBuf::from(name)
}

/// `old`, with some of the sectors of `new`; as long as either, or anything between.
fn torn(old: &[u8], new: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut out = old.to_vec();
    if new.len() > old.len() {
        let more = (new.len() - old.len()).div_ceil(SECTOR);
        let grown = match chance.one_in(2) {
            true => more,
            false => usize::try_from(chance.next()).unwrap_or(usize::MAX) % (more + 1),
        };
        out.resize((old.len() + grown * SECTOR).min(new.len()), 0);
    }
    let length = out.len().min(new.len());
    // From nearly nothing to nearly everything had arrived.
    let missing = [1, 2, 8, 64][usize::try_from(chance.next() % 4).unwrap_or(0)];
    for start in (0..length).step_by(SECTOR) {
        let end = (start + SECTOR).min(length);
        if out[start..end] != new[start..end] && !chance.one_in(missing) {
            out[start..end].copy_from_slice(&new[start..end]);
        }
    }
    out
}

/// One write, to look for after the cut.
#[derive(Debug)]
enum Write {
    /// An entry of an incident's journal.
    Entry(IncidentId, u64),
    /// What became of a notice with a notifier.
    Delivery(String, String, Delivery),
    /// A silence by its id.
    Silence(String),
}

impl Write {
    /// Does it stand? What stands is what was before it, or it, and nothing between.
    fn stands(&self, store: &Store) -> bool {
        match self {
            Self::Entry(incident, seq) => {
                let stands = store.read(incident).unwrap().len() as u64;
                assert!(
                    stands + 1 >= *seq,
                    "entry {seq} was torn, and {stands} stand"
                );
                stands == *seq
            }
            Self::Delivery(notice, notifier, delivery) => {
                let stands = store.delivery(notice, notifier).unwrap();
                stands.as_ref() == Some(delivery)
            }
            Self::Silence(id) => store.silences().unwrap().iter().any(|s| s.id == *id),
        }
    }
}

struct State {
    root: TempDir,
    generation: u32,
    store: Option<Store>,
    writes: u64,
    cut: Option<(u64, Fall)>,
    /// What was torn.
    torn: Option<Write>,
    /// What the disk holds since the power failed.
    left: Option<Image>,
}

/// The real store on a disk whose power can be cut.
pub struct Disk {
    world: Arc<World>,
    state: Mutex<State>,
}

impl Disk {
    /// A journal in a new folder, with the past that [`past`] describes.
    pub fn new(world: Arc<World>) -> Self {
        let disk = Self {
            world,
            state: Mutex::new(State {
                root: folder(),
                generation: 0,
                store: None,
                writes: 0,
                cut: None,
                torn: None,
                left: Some(past().clone()),
            }),
        };
        disk.restore();
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes, and lets the power fail if this is the write for it.
    fn write<T>(
        &self,
        does: impl FnOnce(&Store) -> Result<T, JournalError>,
        which: impl FnOnce(&T) -> Write,
    ) -> Result<T, JournalError> {
        let mut state = self.state();
        let Some(store) = &state.store else {
            return Err(no_power());
        };
        let Some((_, fall)) = state.cut.filter(|(number, _)| *number == state.writes + 1) else {
            let written = does(store)?;
            state.writes += 1;
            return Ok(written);
        };
        let file = store.path().to_path_buf();
        let before = Image::of(&file);
        // What the store would not have taken is no write at which the power could fail.
        let written = does(store)?;
        let whole = Image::of(&file);
        let left = match fall {
            Fall::Before => before,
            Fall::After => whole,
            Fall::Torn(seed) => before.torn(&whole, &mut Chance::new(seed)),
        };
        if let Fall::Torn(_) = fall {
            state.torn = Some(which(&written));
        }
        // The process is gone with all that it held; what it would still write reaches other files.
        state.store = None;
        state.left = Some(left);
        state.writes += 1;
        Err(no_power())
    }

    fn with<T>(
        &self,
        does: impl FnOnce(&Store) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        match &self.state().store {
            Some(store) => does(store),
            None => Err(no_power()),
        }
    }
}

/// In memory where there is such a folder: what reaches the disk is copied here, not left to a disk.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn no_power() -> JournalError {
    JournalError::Store {
        what: "the power is out".to_string(),
    }
}

fn holder(pid: u32) -> Holder {
    Holder {
        host: "here".to_string(),
        pid,
    }
}

/// A log so long that it goes into the database in the middle of the next incident: writes that do so fail in more
/// ways than others.
fn past() -> &'static Image {
    static PAST: OnceLock<Image> = OnceLock::new();
    PAST.get_or_init(|| {
        // SQLite moves the log into the database at 1,000 pages of 4,096 bytes.
        const NEARLY: u64 = 960 * (4096 + 24);
        let root = folder();
        let file = root.path().join(FILE);
        let store = Store::open(&file).unwrap();
        let mut old = Silence {
            id: "old".to_string(),
            entity: Some("host/gone".to_string()),
            rule: None,
            labels: std::collections::BTreeMap::new(),
            from: Timestamp(1),
            until: Timestamp(2),
            every: Recurrence::Once,
            by: "ada".to_string(),
            why: "upgrade ".repeat(400),
            ended: None,
            ended_by: None,
        };
        while std::fs::metadata(beside(&file, "-wal")).unwrap().len() < NEARLY {
            old.until.0 += 1;
            store.order(&old).unwrap();
        }
        Image::of(&file)
    })
}

impl Power for Disk {
    type How = Fall;

    fn cut_at(&self, number: u64, how: Fall) {
        self.state().cut = Some((number, how));
    }

    fn restore(&self) {
        let now = self.world.now();
        let mut state = self.state();
        let Some(left) = state.left.take() else {
            return;
        };
        state.cut = None;
        state.generation += 1;
        let file = state
            .root
            .path()
            .join(state.generation.to_string())
            .join(FILE);
        left.put(&file);
        let store = Store::open(&file).unwrap();
        store
            .take_watch(&holder(state.generation), now, LEASE)
            .unwrap();
        // J6: whatever stands is whole. J5: a second process is told who keeps the watch.
        let checked = store.verify(None).unwrap();
        assert!(checked.iter().all(|c| c.fault.is_none()), "J6: {checked:?}");
        let second = Store::open(&file).unwrap();
        let refused = second.take_watch(&holder(0), now, LEASE);
        assert!(
            matches!(refused, Err(StoreError::Held { .. })),
            "J5: {refused:?}"
        );
        if let Some(write) = state.torn.take() {
            let count = if write.stands(&store) {
                &TORN.kept
            } else {
                &TORN.lost
            };
            count.fetch_add(1, Ordering::SeqCst);
        }
        state.store = Some(store);
    }

    fn dark(&self) -> bool {
        self.state().store.is_none()
    }

    fn writes(&self) -> u64 {
        self.state().writes
    }
}

impl Journal for Disk {
    fn append(
        &self,
        incident: &IncidentId,
        after: u64,
        at: Timestamp,
        event: &IncidentEvent,
    ) -> Result<Entry, JournalError> {
        self.write(
            |store| store.append(incident, after, at, event),
            |entry| Write::Entry(incident.clone(), entry.seq),
        )
    }

    fn read(&self, incident: &IncidentId) -> Result<Vec<Entry>, JournalError> {
        self.with(|store| store.read(incident))
    }

    fn incidents(&self, open: bool) -> Result<Vec<IncidentId>, JournalError> {
        self.with(|store| store.incidents(open))
    }
}

impl Outbox for Disk {
    fn delivery(&self, notice: &str, notifier: &str) -> Result<Option<Delivery>, JournalError> {
        self.with(|store| store.delivery(notice, notifier))
    }

    fn thread(&self, incident: &IncidentId, notifier: &str) -> Result<Thread, JournalError> {
        self.with(|store| store.thread(incident, notifier))
    }

    fn note(&self, notice: &str, notifier: &str, delivery: &Delivery) -> Result<(), JournalError> {
        self.write(
            |store| store.note(notice, notifier, delivery),
            |()| Write::Delivery(notice.to_string(), notifier.to_string(), delivery.clone()),
        )
    }
}

impl SilenceBook for Disk {
    fn silences(&self) -> Result<Vec<Silence>, JournalError> {
        self.with(SilenceBook::silences)
    }

    fn order(&self, silence: &Silence) -> Result<(), JournalError> {
        self.write(
            |store| store.order(silence),
            |()| Write::Silence(silence.id.clone()),
        )
    }
}

/// A run over a world whose three functions were broken, with the journal on a disk.
pub fn three_broken(seed: u64, manner: Manner, answer: Answer) -> Run<Disk> {
    let world = World::new(seed, manner, &FUNCTIONS);
    let disk = Arc::new(Disk::new(world.clone()));
    Run::over(world, answer, disk.clone(), disk.clone(), disk)
}
