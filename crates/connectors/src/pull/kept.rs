//! Answers that were given before, by the mark that they carry: a source that would give the same again says so in a
//! word, and many do not count that against what they allow.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::{Look, Missed};

/// Answers that are kept.
const MOST: usize = 200;
/// Bytes of all of them.
const BYTES: usize = 16 << 20;

/// One answer.
struct Kept {
    mark: Option<String>,
    body: Vec<u8>,
    more: bool,
    /// When it was last used, counted in uses.
    used: u64,
}

/// An answer, taken apart.
pub(crate) struct Told {
    pub value: Value,
    /// It is a page of a list, and there is a next one.
    pub more: bool,
}

/// Answers by their address.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<(u64, BTreeMap<String, Kept>)>);

impl Shelf {
    /// Asks, unless the answer would be one that is kept.
    ///
    /// # Errors
    /// As [`Look::ask`]; or if the answer is no JSON.
    pub fn ask(
        &self,
        look: &mut Look<'_>,
        path: &str,
        fields: &[(&str, String)],
    ) -> Result<Told, Missed> {
        let key = key(path, fields);
        let known = self.find(&key);
        let mark = known.as_ref().and_then(|(mark, ..)| mark.clone());
        let answered = look.ask_unless(path, fields, mark.as_deref())?;
        if answered.status == 304
            && let Some((_, body, more)) = known
        {
            let value = json(&body)?;
            return Ok(Told { value, more });
        }
        let (value, more) = (json(&answered.body)?, answered.more);
        if answered.mark.is_some() {
            self.keep(key, answered.mark, answered.body, more);
        }
        Ok(Told { value, more })
    }

    /// The same for what never changes, such as a commit by its hash: what is kept is not asked for again.
    ///
    /// # Errors
    /// As for [`Shelf::ask`].
    pub fn once(
        &self,
        look: &mut Look<'_>,
        path: &str,
        fields: &[(&str, String)],
    ) -> Result<Value, Missed> {
        let key = key(path, fields);
        if let Some((_, body, _)) = self.find(&key) {
            return json(&body);
        }
        let answered = look.ask(path, fields)?;
        let value = json(&answered.body)?;
        self.keep(key, None, answered.body, false);
        Ok(value)
    }

    fn find(&self, key: &str) -> Option<(Option<String>, Vec<u8>, bool)> {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.0 += 1;
        let used = shelf.0;
        let kept = shelf.1.get_mut(key)?;
        kept.used = used;
        Some((kept.mark.clone(), kept.body.clone(), kept.more))
    }

    /// Puts an answer there, and lets go of those that were not used for longest.
    fn keep(&self, key: String, mark: Option<String>, body: Vec<u8>, more: bool) {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.0 += 1;
        let used = shelf.0;
        let kept = Kept {
            mark,
            body,
            more,
            used,
        };
        shelf.1.insert(key, kept);
        loop {
            let bytes: usize = shelf.1.values().map(|kept| kept.body.len()).sum();
            if shelf.1.len() <= MOST && bytes <= BYTES {
                return;
            }
            let oldest = shelf.1.iter().min_by_key(|(_, kept)| kept.used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            shelf.1.remove(&oldest);
        }
    }
}

fn key(path: &str, fields: &[(&str, String)]) -> String {
    let mut key = path.to_string();
    for (name, value) in fields {
        key += &format!("\n{name}={value}");
    }
    key
}

fn json(body: &[u8]) -> Result<Value, Missed> {
    serde_json::from_slice(body).map_err(|error| Missed::Strange(error.to_string()))
}
