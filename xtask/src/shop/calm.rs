//! What Midwatch says of the shop while nothing is wrong.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::system::Shop;
use super::told;
use super::trial::{SETTLES, at_commit, now, options, watched, write};
use super::watch::Watch;

/// Watches the shop while nothing is broken, in one stretch; whether no cause was named.
pub fn run(shop: &Shop, words: &[&str]) -> anyhow::Result<bool> {
    let options = options(words)?;
    let mut named = 0;
    watched(shop, &options, |_, watch, machine| {
        let mut calm = Calm::of(watch)?;
        let begun = Instant::now();
        while begun.elapsed() < options.calm {
            std::thread::sleep(
                Duration::from_secs(10).min(options.calm.saturating_sub(begun.elapsed())),
            );
            calm.look(watch, &options.keep)?;
            calm.lasted(begun.elapsed());
            write(machine, &[], &calm.row())?;
        }
        println!("{}", told::calm_words(&calm.row()));
        named = calm.named;
        Ok(())
    })?;
    Ok(named == 0)
}

/// What is said while nothing is wrong.
pub struct Calm {
    at: String,
    /// All of it, and the longest stretch of it.
    pub whole: Duration,
    pub longest: Duration,
    incidents: usize,
    named: usize,
    /// Incidents that are known, a fault's and those of health.
    pub known: BTreeSet<String>,
}

impl Calm {
    /// From now on; what an earlier run left behind does not count.
    pub fn of(watch: &Watch) -> anyhow::Result<Self> {
        let mut calm = Self {
            at: now()?,
            whole: Duration::ZERO,
            longest: Duration::ZERO,
            incidents: 0,
            named: 0,
            known: BTreeSet::new(),
        };
        calm.pass(watch)?;
        Ok(calm)
    }

    /// What came by now is of a fault.
    pub fn pass(&mut self, watch: &Watch) -> anyhow::Result<()> {
        let ids = watch.incidents()?;
        let ids = ids.iter().filter_map(|incident| incident["id"].as_str());
        self.known.extend(ids.map(str::to_string));
        Ok(())
    }

    /// What came since is of health; it is kept, and told.
    pub fn look(&mut self, watch: &Watch, keep: &Path) -> anyhow::Result<()> {
        for incident in watch.incidents()? {
            let id = incident["id"].as_str().unwrap_or_default().to_string();
            if !self.known.insert(id.clone()) {
                continue;
            }
            // What is said first is not what counts.
            std::thread::sleep(SETTLES);
            let folder = keep.join("calm");
            fs::create_dir_all(&folder)?;
            let report = watch.kept(&id, &folder).unwrap_or_default();
            let causes: Vec<String> = report["causes"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|cause| format!("{} {}", cause["entity"], cause["mechanism"]))
                .collect();
            let status = report["header"]["status"].as_str().unwrap_or_default();
            println!("while nothing was wrong: {id} {status} {causes:?}");
            self.incidents += 1;
            // An honest "unknown" lists guesses; they are no cause that is named.
            self.named += usize::from(status == "cause_found") * causes.len();
        }
        Ok(())
    }

    /// It has lasted so long, without a break.
    fn lasted(&mut self, stretch: Duration) {
        self.whole = self.whole.max(stretch);
        self.longest = self.longest.max(stretch);
    }

    /// As it is written down.
    pub fn row(&self) -> Value {
        let minutes = |span: Duration| (span.as_secs_f64() / 6.0).round() / 10.0;
        json!({
            "at": self.at,
            "commit": at_commit(),
            "minutes": minutes(self.whole),
            "longest": minutes(self.longest),
            "incidents": self.incidents,
            "named": self.named,
        })
    }
}
