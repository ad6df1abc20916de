//! AWS, asked when an incident is looked at. Nothing is ever written there.
//!
//! A look asks several places at once, each an account in a region (`place`). In each, alarms come first, because they
//! say who matters; then numbers, lines, traces, the audit trail and inventories side by side. Every call is in the
//! table ([`calls`](super::calls)); `guard` refuses the others before they leave, and counts. `tally` says what may
//! be spent, `ask` what a failure means. What AWS answers is read by the importer's readers
//! ([`files::aws`](crate::files)) wherever it prints the same: one meaning, whichever way it came. Documented in
//! `docs/connectors/aws.md`.

pub(super) mod alarms;
pub(super) mod ask;
mod balancers;
mod builds;
mod checks;
mod containers;
mod databases;
mod denials;
mod deployments;
mod echo;
mod explorer;
mod fleets;
mod formulas;
mod found;
mod functions;
mod gateways;
pub(super) mod guard;
pub(super) mod identity;
mod insights;
mod limits;
mod logs;
mod machines;
mod means;
mod metrics;
mod older;
mod parameters;
pub(super) mod place;
mod queues;
mod recorded;
mod records;
mod releases;
mod repeats;
mod rollouts;
mod several;
mod stages;
mod systems;
mod tables;
mod tags;
pub(super) mod tally;
mod tasks;
mod templates;
mod traces;
pub(super) mod trail;
mod twice;
mod whole;
mod workflows;

#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use model::query::Gap;
use model::source::SourceLook;
use model::time::{MINUTE, Span, TimeWindow, Timestamp};
use model::{SourceKind, Topology};
use tokio::runtime::Runtime;

use super::calls::CALLS;
use super::prices::{BadPrice, Prices};
use crate::pull::{Brought, Budget, GREETING, Live, Missed, dollars, off};
use ask::{Asking, Miss};
use found::Found;
use identity::Shown;
use tally::{Look, Tally};

pub use means::Means;

/// For so long the map of the last look is good enough for whoever only wants to know who is near.
const MAP_LASTS: Span = Span(15 * MINUTE);

/// An account that is read under a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What it is called here.
    pub name: String,
    /// The role that is taken there.
    pub role_arn: String,
    /// What the role wants to be told.
    pub external_id: Option<String>,
}

/// What to read, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Regions; the profile's or the environment's if there is none.
    pub regions: Vec<String>,
    /// Accounts; the one that the watch is in if there is none.
    pub accounts: Vec<Account>,
    /// Profile of the shared configuration files.
    pub profile: Option<String>,
    /// An address that stands for all of AWS: an emulator.
    pub endpoint: Option<String>,
    /// Namespaces of metrics; all if there is none.
    pub namespaces: Vec<String>,
    /// How the names of log groups begin that are read; those of whom alarms and functions speak if there is none.
    pub log_groups: Vec<String>,
    /// Lines by one search of Logs Insights over all groups, those with words of trouble, which is paid by what it reads;
    /// else group by group.
    pub insights: bool,
    /// Ask Resource Explorer too: names for the map, at one call more.
    pub explorer: bool,
    /// Metrics of one place and look.
    pub metrics: usize,
    /// Log groups of one place and look.
    pub groups: usize,
    /// Traces of one place and look.
    pub traces: usize,
    /// Functions, tables, queues, services, target groups, state machines and pipelines of one place that are asked
    /// about one by one, of each kind; a part of it of APIs and health checks.
    pub details: usize,
    /// How far back the audit trail is read.
    pub changes: Span,
    /// What may be asked.
    pub budget: Budget,
    /// Prices that differ from the public list: dollars, by action.
    pub prices: BTreeMap<String, f64>,
    /// Where every attempt is written down.
    pub call_log: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            regions: Vec::new(),
            accounts: Vec::new(),
            profile: None,
            endpoint: None,
            namespaces: Vec::new(),
            log_groups: Vec::new(),
            insights: false,
            explorer: false,
            metrics: 1_000,
            groups: 20,
            traces: 60,
            details: 12,
            changes: Span(24 * 60 * MINUTE),
            budget: Budget::default(),
            prices: BTreeMap::new(),
            call_log: None,
        }
    }
}

/// Why there is no connector.
#[derive(Debug, thiserror::Error)]
pub enum NotBuilt {
    /// A price is none.
    #[error(transparent)]
    Price(#[from] BadPrice),
    /// The machine gives no thread to wait on.
    #[error("no thread for the connector's waits can be started: {0}")]
    Thread(std::io::Error),
}

/// The reading end.
pub struct Eyes {
    name: String,
    settings: Settings,
    means: Means,
    tally: Arc<Tally>,
    runtime: Option<Runtime>,
    map: Mutex<Option<(Timestamp, Topology)>>,
}

impl Drop for Eyes {
    fn drop(&mut self) {
        // Its end must not be waited for where nobody may wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Eyes {
    /// As configured: `name` such as `aws.main`. Nobody is asked yet.
    ///
    /// # Errors
    /// If a price is none, or the machine gives no thread.
    pub fn new(name: &str, settings: Settings, means: Means) -> Result<Self, NotBuilt> {
        let prices = Prices::with(&settings.prices)?;
        let mut tally = Tally::new(name, Arc::clone(&means.clock), settings.budget, prices);
        tally.log.clone_from(&settings.call_log);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("aws")
            .enable_all()
            .build()
            .map_err(NotBuilt::Thread)?;
        Ok(Self {
            name: name.to_string(),
            settings,
            means,
            tally: Arc::new(tally),
            runtime: Some(runtime),
            map: Mutex::new(None),
        })
    }

    /// Where it is asked, for people.
    fn address(&self) -> String {
        match &self.settings.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => "amazonaws.com".to_string(),
        }
    }

    /// Everything in `hull`, from all places at once.
    async fn looked(&self, hull: TimeWindow, now: Timestamp) -> Brought {
        let look = Arc::new(Look::begin(&self.tally, self.tally.budget.look));
        let shown = Shown::default();
        let mut brought = Brought {
            asked: SourceLook {
                name: self.name.clone(),
                language: "AWS CLI".to_string(),
                address: self.address(),
                ..SourceLook::default()
            },
            ..Brought::default()
        };
        let places = match place::places(&self.settings, &self.means, &look, &shown).await {
            Ok(places) => places,
            Err(missed) => {
                let miss = Miss {
                    action: "sts:GetCallerIdentity",
                    missed,
                };
                let gap = ask::gap(&self.name, &self.name, "everything in AWS", &miss);
                let all = [
                    SourceKind::Metrics,
                    SourceKind::Logs,
                    SourceKind::Traces,
                    SourceKind::Changes,
                    SourceKind::State,
                    SourceKind::Events,
                    SourceKind::Topology,
                ];
                brought.gaps.push(gap.hiding(all));
                return brought;
            }
        };
        let step = metrics::period(hull);
        let asked = places.iter().map(|place| {
            let means = (&look, &shown, &self.means.sleep);
            let asking = Asking::new(&self.name, place, means, &self.settings, (hull, now));
            async move { whole::look(&asking).await }
        });
        let mut all: Vec<Found> = join_all(asked).await;
        several::tell_apart(&places, &mut all);
        let mut seen: BTreeSet<SourceKind> = BTreeSet::new();
        for found in all {
            seen.extend(&found.seen);
            found.pour(&mut brought);
        }
        if look.ahead().0 != 0 {
            let gap = off(&self.name, look.ahead());
            // What AWS dates later than now was not asked for.
            let later = look.ahead().0 > 0;
            brought
                .gaps
                .push(gap.hiding(later.then_some(SourceKind::Changes)));
        }
        brought.seen = found::kinds(&seen);
        brought.topology.normalise();
        let sorted = |a: &model::source::Asked, b: &model::source::Asked| {
            (&a.entity, &a.metric, &a.statistic, &a.text).cmp(&(
                &b.entity,
                &b.metric,
                &b.statistic,
                &b.text,
            ))
        };
        brought.asked.asked.sort_by(sorted);
        brought.asked.step_ms = step.0 / 1_000_000;
        brought.asked.spent = look.spent();
        *self.map.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((now, brought.topology.clone()));
        brought
    }

    async fn greeted(&self) -> Result<String, Missed> {
        let look = Arc::new(Look::begin(&self.tally, GREETING));
        let shown = Shown::default();
        let now = self.tally.clock.now();
        let hull = TimeWindow::new(now.minus(Span(MINUTE)), now)
            .ok_or_else(|| Missed::Strange("our clock stands at no time".to_string()))?;
        let places = place::places(&self.settings, &self.means, &look, &shown).await?;
        let asked = places.iter().map(|place| {
            let means = (&look, &shown, &self.means.sleep);
            let asking = Asking::new(&self.name, place, means, &self.settings, (hull, now));
            async move {
                let asked = place.sts.get_caller_identity().send();
                let who = asking.ask("sts:GetCallerIdentity", 1, asked).await;
                who.map(|who| who.arn().unwrap_or("somebody without a name").to_string())
                    .map_err(|miss| (asking.here(), miss))
            }
        });
        let mut answers: BTreeMap<String, usize> = BTreeMap::new();
        let mut failed: Vec<(String, Miss)> = Vec::new();
        for answer in join_all(asked).await {
            match answer {
                Ok(who) => *answers.entry(who).or_default() += 1,
                Err(miss) => failed.push(miss),
            }
        }
        if answers.is_empty()
            && let Some((_, miss)) = failed.first()
        {
            return Err(miss.missed.clone());
        }
        let mut said: Vec<String> = answers
            .iter()
            .map(|(who, places)| format!("{who} in {places} places"))
            .collect();
        if let Some((place, miss)) = failed.first() {
            said.push(format!(
                "{} places do not answer, such as {place}: {}",
                failed.len(),
                miss.missed
            ));
        }
        if look.ahead().0 != 0 {
            said.push(off(&self.name, look.ahead()).detail);
        }
        let hour = self.tally.hour.spent(now);
        let paid = dollars(self.tally.paid.spent(now).requests);
        Ok(format!(
            "asked as {}. It sees alarms, metrics, logs, traces, the audit trail, functions, tables, queues, tags, services of ECS, \
             databases, load balancers, machines and their groups, APIs, health checks, state machines, builds, releases, automation and what AWS Config recorded, by {} calls that all read. Asked {} times in the last hour, for {paid}",
            said.join("; "),
            CALLS.len(),
            hour.requests
        ))
    }

    /// Runs to its end on the connector's own thread pool.
    fn wait<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        // There is one until it is dropped.
        Some(self.runtime.as_ref()?.block_on(future))
    }
}

impl Live for Eyes {
    fn name(&self) -> &str {
        &self.name
    }

    fn look(&self, hull: TimeWindow, now: Timestamp) -> Brought {
        self.wait(self.looked(hull, now)).unwrap_or_default()
    }

    fn greet(&self) -> Result<String, Missed> {
        self.wait(self.greeted())
            .unwrap_or_else(|| Err(Missed::Unreached("it is being ended".to_string())))
    }

    fn gap(&self, missed: &Missed) -> Gap {
        let miss = Miss {
            action: "sts:GetCallerIdentity",
            missed: missed.clone(),
        };
        ask::gap(&self.name, &self.name, "", &miss)
    }

    /// The map of the last look: to draw one of its own would be as long as a look.
    fn around(&self, now: Timestamp) -> Topology {
        match &*self.map.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((at, known)) if now.since(*at).0.saturating_abs() < MAP_LASTS.0 => known.clone(),
            _ => Topology::default(),
        }
    }
}
