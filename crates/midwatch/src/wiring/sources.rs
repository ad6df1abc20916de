//! The sources that are asked when an incident is looked at, as they are configured.

pub(super) mod aws;
mod changes;
mod cluster;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use connectors::pull::{self, Budget, Credential, Live, Means, Naming, Patience, Source};
use connectors::{alertmanager, jaeger, loki, prometheus, tempo};
use model::case::{Case, OwnedSpan};
use model::ports::Clock;
use model::silence::Silence;
use model::time::{Span, TimeWindow, Timestamp};
use model::{SeriesKey, SourceKind, Topology};

use super::accounts::SystemChance;
use super::house::House;
use super::live::SystemClock;
use crate::config::Pulled;
use crate::problem::Problem;

/// Waits as long as it is told to.
struct SystemPatience;

impl Clock for SystemPatience {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
}

impl Patience for SystemPatience {
    fn wait(&self, length: Span) {
        std::thread::sleep(std::time::Duration::from_nanos(
            u64::try_from(length.0).unwrap_or(0),
        ));
    }
}

/// Who is asked whether they answer is not asked again for so long.
const STANDS: Span = Span(15 * model::time::SECOND);

/// How one source stands.
#[derive(Clone)]
pub struct Greeting {
    /// As it is configured: `connectors.prometheus.main`.
    pub key: String,
    /// What it said, or why it did not answer and what to do.
    pub said: Result<String, (String, String)>,
}

/// All sources that are asked.
#[derive(Default)]
pub struct Sources {
    all: Vec<Box<dyn Live>>,
    greeted: Mutex<Option<(Timestamp, Vec<Greeting>)>>,
}

impl Sources {
    /// As the house's configuration says; nobody is asked yet.
    pub fn of(house: &House) -> Result<Self, Problem> {
        let config = &house.config().connectors;
        let mut all: Vec<Box<dyn Live>> = Vec::new();
        for (name, one) in &config.prometheus {
            let name = format!("prometheus.{name}");
            let usual = prometheus::Settings::default();
            let settings = prometheus::Settings {
                matching: one.matching.clone(),
                step: one.step.map(|step| step.span()),
                series: one.series.unwrap_or(usual.series),
                series_per_metric: one.series_per_metric.unwrap_or(usual.series_per_metric),
                naming: naming(&one.pulled()),
            };
            let source = source(house, &name, &one.pulled(), Budget::default())?;
            all.push(Box::new(prometheus::Eyes::new(source, settings)));
        }
        for (name, one) in &config.loki {
            let name = format!("loki.{name}");
            let usual = loki::Settings::default();
            let settings = loki::Settings {
                matching: one.matching.clone(),
                lines: one.lines.unwrap_or(usual.lines),
                page: one.page.unwrap_or(usual.page),
                naming: naming(&one.pulled()),
            };
            let source = source(house, &name, &one.pulled(), Budget::default())?;
            all.push(Box::new(loki::Eyes::new(source, settings)));
        }
        for (name, one) in &config.alertmanager {
            let name = format!("alertmanager.{name}");
            let source = source(house, &name, &one.pulled(), Budget::default())?;
            let naming = naming(&one.pulled());
            all.push(Box::new(alertmanager::Eyes::new(source, naming)));
        }
        for (name, one) in &config.jaeger {
            let name = format!("jaeger.{name}");
            let usual = jaeger::Settings::default();
            let settings = jaeger::Settings {
                services: one.services.clone(),
                traces: one.traces.unwrap_or(usual.traces),
            };
            let source = source(house, &name, &one.pulled(), Budget::default())?;
            all.push(Box::new(jaeger::Eyes::new(source, settings)));
        }
        for (name, one) in &config.tempo {
            let name = format!("tempo.{name}");
            let usual = tempo::Settings::default();
            let settings = tempo::Settings {
                matching: one.matching.clone(),
                traces: one.traces.unwrap_or(usual.traces),
            };
            let source = source(house, &name, &one.pulled(), tempo::budget())?;
            all.push(Box::new(tempo::Eyes::new(source, settings)));
        }
        cluster::add(house, &mut all)?;
        changes::add(house, &mut all)?;
        for (name, one) in &config.aws {
            all.push(aws::source(house, name, one)?);
        }
        Ok(Self {
            all,
            greeted: Mutex::default(),
        })
    }

    /// Their names, for people.
    pub fn names(&self) -> Vec<&str> {
        self.all.iter().map(|source| source.name()).collect()
    }

    /// What each of them says to this, all asked at the same time, in their order; those that are not concerned say
    /// nothing. Whoever panicked said nothing; the others still count.
    fn at_once<T: Send>(&self, ask: impl Fn(&dyn Live) -> Option<T> + Sync) -> Vec<T> {
        let ask = &ask;
        std::thread::scope(|scope| {
            let asked: Vec<_> = self
                .all
                .iter()
                .map(|source| scope.spawn(move || ask(&**source)))
                .collect();
            let said = asked.into_iter().filter_map(|one| one.join().ok());
            said.flatten().collect()
        })
    }

    /// Asks all of them at once, and puts what they bring beside what the case holds. None is waited for longer than
    /// its own patience.
    pub fn fill(&self, case: &mut Case, hull: TimeWindow, now: Timestamp) {
        let brought = self.at_once(|eyes| Some(eyes.look(hull, now)));
        for one in brought {
            merge(case, one);
        }
    }

    /// Who leans on whom as they know it, without a whole look.
    pub fn around(&self, now: Timestamp) -> Topology {
        let mut topology = Topology::default();
        for one in self.at_once(|eyes| Some(eyes.around(now))) {
            topology.join(one);
        }
        topology
    }

    /// Does any of them know of silences?
    pub fn hush(&self) -> bool {
        self.all.iter().any(|source| source.hushes())
    }

    /// The silences that stand at any of them, or are to come; all are asked at once.
    pub fn silences(&self, now: Timestamp) -> Vec<Silence> {
        let heard = self.at_once(|source| source.hushes().then(|| source.silences(now)));
        heard.into_iter().flatten().collect()
    }

    /// Asks each whether it answers, all at once; again only after a while.
    pub fn greet(&self, now: Timestamp) -> Vec<Greeting> {
        // Whoever asks meanwhile waits for the same answer.
        let mut greeted = self.greeted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, known)) = &*greeted
            && (0..STANDS.0).contains(&now.since(*at).0)
        {
            return known.clone();
        }
        let found = self.at_once(|source| Some(greeting(source)));
        *greeted = Some((now, found.clone()));
        found
    }
}

fn greeting(source: &dyn Live) -> Greeting {
    let (name, said) = (source.name(), source.greet());
    Greeting {
        key: format!("connectors.{name}"),
        said: said.map_err(|missed| {
            let gap = source.gap(&missed);
            (missed.to_string(), gap.how_to_close)
        }),
    }
}

/// What was pushed counts more: of a series or a span that both have, the pushed one stays. A kind of telemetry that the
/// source does not tell of stays as it was: that nobody looked is not that there is nothing.
fn merge(case: &mut Case, brought: pull::Brought) {
    case.manifest.gaps.extend(brought.gaps);
    case.manifest.sources.push(brought.asked);
    let saw = |kind: SourceKind| brought.seen.contains(&kind);
    if saw(SourceKind::Metrics) {
        let all = case.series.get_or_insert_default();
        let known: BTreeSet<SeriesKey> = all.iter().map(|series| series.key.clone()).collect();
        let series = brought.series.into_iter();
        all.extend(series.filter(|one| !known.contains(&one.key)).map(Arc::new));
    }
    if saw(SourceKind::Logs) {
        let all = case.logs.get_or_insert_default();
        all.extend(brought.logs);
    }
    if saw(SourceKind::Traces) {
        let all = case.spans.get_or_insert_default();
        let name = |span: &OwnedSpan| (span.trace_id.clone(), span.span_id.clone());
        let known: BTreeSet<_> = all.iter().map(name).collect();
        let spans = brought.spans.into_iter();
        all.extend(spans.filter(|span| !known.contains(&name(span))));
    }
    if saw(SourceKind::Changes) {
        case.join_changes(brought.changes);
    }
    if saw(SourceKind::State) {
        let all = case.snapshots.get_or_insert_default();
        all.extend(brought.snapshots);
    }
    if saw(SourceKind::Events) {
        let all = case.events.get_or_insert_default();
        all.extend(brought.events);
    }
    case.topology.join(brought.topology);
}

fn naming(pulled: &Pulled<'_>) -> Naming {
    Naming {
        labels: pulled.labels.clone(),
        entities: pulled.entities.clone(),
    }
}

fn source(
    house: &House,
    name: &str,
    pulled: &Pulled<'_>,
    usual: Budget,
) -> Result<Source, Problem> {
    source_with(house, name, pulled, usual, Vec::new())
}

/// That a source cannot be asked as it is configured.
fn refused(house: &House, name: &str, why: String) -> Problem {
    Problem::bad_input(
        why,
        house.written.place(&format!("connectors.{name}")),
        "`midwatch config reference` shows every key; docs/connectors says what they mean",
    )
}

/// That this build cannot ask a source that is configured, and how to come by one that can.
#[cfg(not(all(feature = "aws", feature = "kubernetes")))]
fn without(key: &str, name: &str) -> Problem {
    let place = format!("connectors.{key}.{name}");
    match connectors::catalog::line(key) {
        Some(line) => Problem::bad_input(line.refusal(), place, line.remedy()),
        None => Problem::bad_input(
            "there is no such connector",
            place,
            "`midwatch connectors` lists all",
        ),
    }
}

/// The same, with headers that stand in every request.
fn source_with(
    house: &House,
    name: &str,
    pulled: &Pulled<'_>,
    usual: Budget,
    mut headers: Vec<(String, String)>,
) -> Result<Source, Problem> {
    // Read now, so that a file that is missing is not found out in an incident; and anew for every look.
    let there = |key: &str, file: &Path| {
        let key = format!("connectors.{name}.{key}");
        let secret = house.written.named_secret(&key, file);
        secret.map(|_| house.path(file))
    };
    let credential = match (pulled.bearer_file, pulled.user, pulled.password_file) {
        (Some(file), ..) => Credential::Bearer(there("bearer_file", file)?),
        (None, Some(user), Some(file)) => {
            Credential::Basic(user.to_string(), there("password_file", file)?)
        }
        _ => Credential::None,
    };
    let refused = |why: String| refused(house, name, why);
    let budget = pulled.bounds.budget(usual);
    let tenant = pulled.tenant.iter();
    headers.extend(tenant.map(|tenant| ("x-scope-orgid".to_string(), tenant.to_string())));
    let wire = pull::Http::new(pulled.url, headers).map_err(|error| refused(error.to_string()))?;
    let means = Means {
        wire: Arc::new(wire),
        patience: Arc::new(SystemPatience),
        chance: Arc::new(SystemChance),
    };
    Ok(Source::new(name, pulled.url, credential, budget, means))
}
