//! What the API shows: the spaces, each with its journal and what its watch knows, and who is known.

mod cards;
mod recordings;
mod team;
mod telemetry;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::Value;
use server::api::house::{Health, House, Space};
use server::auth::{Accounts, SignOn};
use store::journal::Store;

use super::desk::LiveDesk;
use super::watchman::Watchman;
use team::{Running, Team};

/// The house, as the API asks it.
pub struct Reception {
    spaces: RwLock<Spaces>,
    accounts: Option<Arc<Accounts>>,
    sign_on: Option<Arc<SignOn>>,
    mechanisms: Vec<Value>,
}

/// The spaces, by name.
struct Spaces {
    kept: BTreeMap<String, Arc<Team>>,
    /// Those that could not start, and what is said of them.
    closed: BTreeMap<String, String>,
}

/// What the API shows of a space that keeps watch.
pub struct Room {
    /// The journal, read beside its writer.
    pub journal: Store,
    /// The watch.
    pub watchman: Arc<Watchman>,
    /// Who answers people.
    pub desk: Arc<LiveDesk>,
    /// As it is configured.
    pub own: super::house::House,
}

impl Reception {
    /// Over these spaces of the server that runs, and those that could not start.
    pub fn new(
        rooms: Vec<Room>,
        closed: BTreeMap<String, String>,
        (accounts, sign_on): (Arc<Accounts>, Option<Arc<SignOn>>),
    ) -> Self {
        let spaces = rooms.into_iter().map(Room::shown);
        Self::of(spaces.collect(), closed, (Some(accounts), sign_on))
    }

    /// Over the journal of one space alone: of what goes on now it knows nothing, save by asking the server that may run.
    #[cfg(feature = "mcp")]
    pub fn over_journal(journal: Store, own: super::house::House) -> Self {
        let team = Team::of(journal, None, own);
        Self::of(vec![team], BTreeMap::new(), (None, None))
    }

    fn of(
        spaces: Vec<Arc<Team>>,
        closed: BTreeMap<String, String>,
        (accounts, sign_on): (Option<Arc<Accounts>>, Option<Arc<SignOn>>),
    ) -> Self {
        let mechanisms = investigate::catalogue()
            .mechanisms
            .iter()
            .filter_map(|mechanism| serde_json::to_value(mechanism).ok())
            .collect();
        let kept = spaces.into_iter();
        let kept = kept.map(|team| (team.own.space().to_string(), team));
        let kept = kept.collect();
        Self {
            spaces: RwLock::new(Spaces { kept, closed }),
            accounts,
            sign_on,
            mechanisms,
        }
    }

    // What is in there is replaced entry by entry, so whoever panicked left nothing half done.
    fn known(&self) -> RwLockReadGuard<'_, Spaces> {
        self.spaces.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn altered(&self) -> RwLockWriteGuard<'_, Spaces> {
        self.spaces.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A space that was closed keeps watch from now on.
    pub fn open(&self, room: Room) {
        let team = room.shown();
        let name = team.own.space().to_string();
        let mut spaces = self.altered();
        spaces.closed.remove(&name);
        spaces.kept.insert(name, team);
    }

    /// A space is closed still; what is said of it from now on.
    pub fn still_closed(&self, name: &str, said: String) {
        self.altered().closed.insert(name.to_string(), said);
    }
}

impl Room {
    fn shown(self) -> Arc<Team> {
        let running = Running {
            watchman: self.watchman,
            desk: self.desk,
        };
        Team::of(self.journal, Some(running), self.own)
    }
}

impl House for Reception {
    fn spaces(&self) -> Vec<String> {
        let spaces = self.known();
        let all = spaces.kept.keys().chain(spaces.closed.keys());
        let mut all: Vec<String> = all.cloned().collect();
        all.sort();
        all
    }

    fn space(&self, name: &str) -> Option<Arc<dyn Space>> {
        let spaces = self.known();
        let found = spaces.kept.get(name)?;
        Some(Arc::clone(found) as Arc<dyn Space>)
    }

    fn closed(&self, name: &str) -> Option<String> {
        self.known().closed.get(name).cloned()
    }

    fn mechanisms(&self) -> Vec<Value> {
        self.mechanisms.clone()
    }

    fn health(&self) -> BTreeMap<String, Health> {
        // Nobody waits for the lock while a space tells how it is.
        let (kept, closed) = {
            let spaces = self.known();
            (spaces.kept.clone(), spaces.closed.clone())
        };
        let kept = kept.into_iter().map(|(name, team)| {
            let running = team.running.as_ref();
            let health = running.map_or_else(Health::default, |running| running.desk.standing());
            (name, health)
        });
        let closed = closed.into_iter().map(|(name, why)| {
            let health = Health {
                troubles: vec![("space".to_string(), why)],
                ..Health::default()
            };
            (name, health)
        });
        kept.chain(closed).collect()
    }

    fn accounts(&self) -> Option<Arc<Accounts>> {
        self.accounts.clone()
    }

    fn sign_on(&self) -> Option<Arc<SignOn>> {
        self.sign_on.clone()
    }
}
