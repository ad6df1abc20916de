//! The records of one region's ledger, in memory and in a file that is only ever added to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Failure;

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its key.
    pub id: String,
    /// The rest; the table does not care whether it makes sense.
    pub fields: Value,
    /// When it was written, in milliseconds since 1970 by the writing table's clock.
    pub written_ms: i64,
    /// The region where it was written.
    pub origin: String,
}

impl Item {
    /// The account and amount, where the record has both as it should.
    fn booking(&self) -> Option<(&str, i64)> {
        Some((
            self.fields["account"].as_str()?,
            self.fields["amount"].as_i64()?,
        ))
    }

    /// Of two writes of one record the later wins; at the same moment, the region whose name sorts later.
    fn beats(&self, other: &Self) -> bool {
        (self.written_ms, &self.origin) > (other.written_ms, &other.origin)
    }
}

/// What one account comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Sum of amounts, in minor units.
    pub amount: i64,
    /// Number of records.
    pub count: u64,
}

/// The records.
#[derive(Debug)]
pub struct Store {
    items: BTreeMap<String, Item>,
    by_time: BTreeSet<(i64, String)>,
    totals: BTreeMap<String, Total>,
    /// Order in which records came, for replication.
    arrivals: Vec<String>,
    file: File,
}

impl Store {
    /// Opens the file, or begins one. A last line that was cut off by a crash was never acknowledged, and
    /// is left out.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::new(format!("{}: cannot be used: {error}", path.display()))
        };
        let file = File::options()
            .create(true)
            .read(true)
            .append(true)
            .open(path)
            .map_err(failed)?;
        let mut store = Self {
            items: BTreeMap::new(),
            by_time: BTreeSet::new(),
            totals: BTreeMap::new(),
            arrivals: Vec::new(),
            file: file.try_clone().map_err(failed)?,
        };
        let mut whole = true;
        for line in BufReader::new(file).split(b'\n') {
            match serde_json::from_slice::<Item>(&line.map_err(failed)?) {
                Ok(item) => {
                    store.place(item);
                }
                Err(_) => whole = false,
            }
        }
        if !whole {
            // So that the next record begins on a line of its own.
            store.file.write_all(b"\n").map_err(failed)?;
        }
        Ok(store)
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// One record.
    pub fn get(&self, id: &str) -> Option<&Item> {
        self.items.get(id)
    }

    /// Takes a record in if it is newer than what is held under its key. Was it?
    pub fn merge(&mut self, item: Item) -> std::io::Result<bool> {
        if self
            .items
            .get(&item.id)
            .is_some_and(|held| !item.beats(held))
        {
            return Ok(false);
        }
        let mut line = serde_json::to_vec(&item)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        Ok(self.place(item))
    }

    fn place(&mut self, item: Item) -> bool {
        if let Some(held) = self.items.get(&item.id) {
            if !item.beats(held) {
                return false;
            }
            self.by_time.remove(&(held.written_ms, held.id.clone()));
            if let Some((account, amount)) = held.booking()
                && let Some(total) = self.totals.get_mut(account)
            {
                total.amount -= amount;
                total.count -= 1;
            }
        }
        if let Some((account, amount)) = item.booking() {
            let total = self.totals.entry(account.to_owned()).or_default();
            total.amount = total.amount.saturating_add(amount);
            total.count += 1;
        }
        self.by_time.insert((item.written_ms, item.id.clone()));
        self.arrivals.push(item.id.clone());
        self.items.insert(item.id.clone(), item);
        true
    }

    /// The newest records, by the index `byTime`.
    pub fn newest(&self, limit: usize, without: &BTreeSet<String>) -> Vec<&Item> {
        self.by_time
            .iter()
            .rev()
            .filter(|(_, id)| !without.contains(id))
            .filter_map(|(_, id)| self.items.get(id))
            .take(limit)
            .collect()
    }

    /// The running totals, by the index `byAccount`.
    pub fn totals(&self) -> &BTreeMap<String, Total> {
        &self.totals
    }

    /// Every record, in the order of keys.
    pub fn all(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
    }

    /// Up to `limit` records that came after the first `after`, with how many have come by their last.
    pub fn arrived(&self, after: usize, limit: usize) -> (Vec<&Item>, usize) {
        let after = after.min(self.arrivals.len());
        let until = after.saturating_add(limit).min(self.arrivals.len());
        let items = self.arrivals[after..until]
            .iter()
            .filter_map(|id| self.items.get(id))
            .collect();
        (items, until)
    }

    /// How many records have come, counting rewrites.
    pub fn arrivals(&self) -> usize {
        self.arrivals.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn item(id: &str, amount: i64, at: i64, origin: &str) -> Item {
        Item {
            id: id.into(),
            fields: json!({"account": "a", "amount": amount}),
            written_ms: at,
            origin: origin.into(),
        }
    }

    fn state(store: &Store) -> (Vec<Item>, BTreeMap<String, Total>) {
        (store.all().cloned().collect(), store.totals().clone())
    }

    proptest! {
        #[test]
        fn any_order_of_merges_gives_the_same(
            writes in prop::collection::vec(("[a-d]", -50..50_i64, 0..4_i64, "[pq]"), 0..30),
            turn in 0..30_usize,
        ) {
            // At one moment a region writes one record once.
            let mut writes: Vec<Item> = writes
                .iter()
                .map(|(id, amount, at, origin)| item(id, *amount, *at, origin))
                .collect();
            writes.sort_by(|a, b| (&a.id, a.written_ms, &a.origin).cmp(&(&b.id, b.written_ms, &b.origin)));
            writes.dedup_by(|a, b| (&a.id, a.written_ms, &a.origin) == (&b.id, b.written_ms, &b.origin));
            let folder = tempfile::tempdir().expect("folder");
            let mut one = Store::open(&folder.path().join("one")).expect("opens");
            let mut other = Store::open(&folder.path().join("other")).expect("opens");
            for write in &writes {
                one.merge(write.clone()).expect("written");
            }
            if !writes.is_empty() {
                let turn = turn % writes.len();
                writes.rotate_left(turn);
            }
            for write in writes.iter().chain(&writes) {
                other.merge(write.clone()).expect("written");
            }
            prop_assert_eq!(state(&one), state(&other));
            let sum: i64 = one.all().filter_map(|item| item.fields["amount"].as_i64()).sum();
            let totals: i64 = one.totals().values().map(|total| total.amount).sum();
            prop_assert_eq!(sum, totals);
            let again = Store::open(&folder.path().join("one")).expect("opens");
            prop_assert_eq!(state(&again), state(&one));
        }
    }

    #[test]
    fn a_line_cut_off_by_a_crash_is_left_out() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ledger");
        let mut store = Store::open(&path).expect("opens");
        store.merge(item("a", 1, 1, "p")).expect("written");
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(b"{\"id\":\"b\",\"fie"))
            .expect("written");
        let mut store = Store::open(&path).expect("opens");
        assert_eq!(store.len(), 1);
        store.merge(item("c", 2, 2, "p")).expect("written");
        assert_eq!(Store::open(&path).expect("opens").len(), 2);
    }

    #[test]
    fn a_record_that_makes_no_sense_is_kept_and_not_counted() {
        let folder = tempfile::tempdir().expect("folder");
        let mut store = Store::open(&folder.path().join("ledger")).expect("opens");
        let mut odd = item("a", 1, 1, "p");
        odd.fields = json!({"account": "a", "amount": "12,50"});
        assert!(store.merge(odd).expect("written"));
        assert!(store.totals().is_empty());
        assert_eq!(store.newest(5, &BTreeSet::new()).len(), 1);
        assert!(store.newest(5, &["a".to_owned()].into()).is_empty());
    }
}
