//! How much the words of a change are the words of what fails.

use super::ChangeReading;
use super::words::{groups_of, is_common, split_identifier, stem, vocabulary_of};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The words of what fails, each with a weight, and how common each word is among the changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FailureVocabulary {
    words: BTreeMap<String, f64>,
    services: BTreeSet<String>,
    seen_in: BTreeMap<String, usize>,
    changes: usize,
}

impl FailureVocabulary {
    /// An empty vocabulary.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds free text: error lines, templates, exception names. Weight 1.
    pub fn add_text(&mut self, text: &str) {
        self.add(vocabulary_of(text), 1.0);
    }
    /// Adds the names of failing metrics, spans, endpoints. Weight 1.2: names are chosen with care.
    pub fn add_name(&mut self, name: &str) {
        self.add(vocabulary_of(name), 1.2);
    }
    /// Adds a table, column, setting or other thing that errors name outright. Weight 2.
    pub fn add_subject(&mut self, subject: &str) {
        self.add(vocabulary_of(subject), 2.0);
        let whole = subject.to_lowercase();
        if !is_common(&whole) {
            self.add([whole], 2.0);
        }
    }
    /// Adds a failing service.
    pub fn add_service(&mut self, service: &str) {
        let name = service_stem(service);
        self.add(
            split_identifier(&name)
                .into_iter()
                .filter(|w| !is_common(w))
                .map(|w| stem(&w)),
            0.6,
        );
        self.services.insert(name);
    }
    fn add(&mut self, words: impl IntoIterator<Item = String>, weight: f64) {
        for word in words {
            let entry = self.words.entry(word).or_insert(0.0);
            *entry = entry.max(weight);
        }
    }
    /// Learns how common words are among all changes of the case, so that rare ones count more.
    pub fn weigh_against<'r>(&mut self, readings: impl IntoIterator<Item = &'r ChangeReading>) {
        for reading in readings {
            self.changes += 1;
            for word in terms_of(reading) {
                *self.seen_in.entry(word).or_default() += 1;
            }
        }
    }
    /// Whether there is nothing to compare with.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.services.is_empty()
    }
    /// Inverse document frequency, between 0.2 and 1.
    fn rarity(&self, word: &str) -> f64 {
        if self.changes < 2 {
            return 1.0;
        }
        let seen = self.seen_in.get(word).copied().unwrap_or(0).max(1) as f64;
        let all = self.changes as f64;
        ((all / seen).ln() / all.ln()).clamp(0.2, 1.0)
    }
}

/// `checkoutservice`, `checkout-svc` and `checkout` are the same name.
fn service_stem(service: &str) -> String {
    let lower = service.to_lowercase();
    let bare = [
        "-service", "_service", "service", "-svc", "svc", "-api", "-server", "-app",
    ]
    .iter()
    .find_map(|e| lower.strip_suffix(e))
    .filter(|s| s.len() > 1)
    .unwrap_or(&lower);
    bare.trim_end_matches(['-', '_']).to_owned()
}

/// What a change shares with what fails.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Relevance {
    /// 0 (nothing in common) to 1.
    pub score: f64,
    /// Shared words, the weightiest first; domain groups are written `~group`.
    pub shared: Vec<String>,
    /// The change touches a failing service's own code.
    pub touches_failing_service: bool,
    /// Set when nothing of weight is shared: why the change is beside the matter.
    pub exoneration: Option<String>,
}

fn terms_of(reading: &ChangeReading) -> BTreeSet<String> {
    let mut terms: BTreeSet<String> = reading.vocabulary.iter().map(|w| stem(w)).collect();
    terms.extend(reading.words.iter().map(|w| stem(w)));
    for effect in &reading.effects {
        for subject in &effect.subjects {
            terms.extend(vocabulary_of(subject));
            let whole = subject.to_lowercase();
            if whole.len() > 3 && !whole.contains(' ') {
                terms.insert(whole);
            }
        }
    }
    terms.retain(|t| !is_common(t));
    terms
}

/// Compares a change with what fails. Words that the strongest effects are about count double:
/// they are what the change does, the others only stand beside it.
pub fn relevance(reading: &ChangeReading, failing: &FailureVocabulary) -> Relevance {
    let terms = terms_of(reading);
    let mut central: BTreeSet<String> = BTreeSet::new();
    for effect in reading
        .effects
        .iter()
        .filter(|e| e.strength >= 0.4 && !e.kind.is_harmless())
    {
        for subject in &effect.subjects {
            central.extend(vocabulary_of(subject));
            central.insert(subject.to_lowercase());
        }
    }
    let mut shared: Vec<(f64, String)> = Vec::new();
    for term in &terms {
        let Some(weight) = failing.words.get(term) else {
            continue;
        };
        let centre = if central.contains(term) { 2.0 } else { 1.0 };
        shared.push((weight * failing.rarity(term) * centre, term.clone()));
    }
    // Different words for the same trouble count a third, once per group.
    let groups_there: BTreeSet<&str> = failing.words.keys().flat_map(|w| groups_of(w)).collect();
    let source = if central.is_empty() { &terms } else { &central };
    let groups_here: BTreeSet<&str> = source.iter().flat_map(|w| groups_of(w)).collect();
    for group in groups_here.intersection(&groups_there) {
        let told = shared
            .iter()
            .any(|(_, t)| groups_of(t).any(|g| g == *group));
        if !told {
            shared.push((0.35, format!("~{group}")));
        }
    }
    shared.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let touches = reading.owners.iter().any(|o| {
        let owner = service_stem(o);
        failing.services.contains(&owner)
    });
    // Saturating sum: three weighty words are as good as ten.
    let sum: f64 = shared.iter().take(8).map(|(w, _)| w).sum();
    let mut score = 1.0 - (-sum / 3.0).exp();
    if touches {
        score = (score + 0.2).min(1.0);
    } else if reading.shared_library {
        score = (score + 0.05).min(1.0);
    }
    if reading.harmless.is_some() {
        score *= 0.3;
    }
    let exoneration = (score < 0.12 && !failing.is_empty()).then(|| {
        if shared.is_empty() {
            "It shares no word with what fails: neither errors, metrics, spans nor services."
                .to_owned()
        } else {
            "It shares only everyday words with what fails.".to_owned()
        }
    });
    Relevance {
        score,
        shared: shared.into_iter().take(12).map(|(_, t)| t).collect(),
        touches_failing_service: touches,
        exoneration,
    }
}

#[cfg(test)]
mod tests {
    use super::super::read_change;
    use super::*;

    #[test]
    fn rare_shared_words_count_more() {
        let guilty = read_change(
            "wire favourites",
            &["web/dao.py"],
            Some(
                "@@ web/dao.py @@\n+rows = db.execute(\"SELECT a FROM user_favourites WHERE u = 1\")\n",
            ),
        );
        let other = read_change(
            "tweak",
            &["web/view.py"],
            Some("@@ web/view.py @@\n-x = page(1)\n+x = page(2)\n"),
        );
        let mut failing = FailureVocabulary::new();
        failing.add_text("relation \"user_favourites\" does not exist");
        failing.add_subject("user_favourites");
        failing.add_service("web-svc");
        failing.weigh_against([&guilty, &other]);
        let (a, b) = (relevance(&guilty, &failing), relevance(&other, &failing));
        assert!(a.score > b.score + 0.3, "{a:?} {b:?}");
        assert!(a.shared.contains(&"user_favourites".to_owned()), "{a:?}");
    }
}
