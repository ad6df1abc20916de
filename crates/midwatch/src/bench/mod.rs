//! How good the engine is, on public incident sets with known answers, by each set's own protocol.
//!
//! [`run`] lists the cases of a set in its own layout, lets an engine answer each, and compares the
//! answers with the truth, which the engine cannot reach. [`BenchResult`] is the contract of
//! `midwatch bench --format json`; [`table`] is what people read.
//!
//! Besides the plain run: names and times disguised, random pairs spliced into one incident, an
//! innocent deploy put before the onset, one kind of telemetry taken away.

pub mod figures;
pub mod judge;
pub mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use connectors::files::Case;
use connectors::files::datasets::{self, CaseRef, ImportError, Loaded, Suite};
use connectors::files::transform::{self, Mapping, Modality, SplitMix};
use model::ports::Eyes;
use model::report::{Report, Word};
use model::{EntityId, Span, Timestamp};
use rayon::prelude::*;

pub use figures::{BenchResult, CaseResult, Measures};

/// Answers a case.
pub type Engine<'a> = dyn Fn(&dyn Eyes) -> Report + Sync + 'a;
/// Counts the claims of a report that do not follow from the case.
pub type Proof<'a> = dyn Fn(&Report, &dyn Eyes) -> usize + Sync + 'a;

/// What to run, and what to do to the cases before.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only cases whose id contains one of these; empty for all.
    pub cases: Vec<String>,
    /// Rename everything and move all times, with this seed.
    pub disguise: Option<u64>,
    /// Run this many random pairs as one incident each, instead of the single cases.
    pub splice: Option<usize>,
    /// Put a deploy that can harm nothing 30 s before the onset, and see whether the verdict changes.
    pub innocent_deploy: bool,
    /// Take one kind of telemetry away, and see whether a new wrong verdict is "confirmed".
    pub drop: Option<Modality>,
    /// Threads over cases; 0 and 1 mean one after another.
    pub threads: usize,
    /// Where to write each RootCauseBench case's `root_cause.json`.
    pub out: Option<PathBuf>,
}

/// Why a bench could not run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The set could not be read.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The filter leaves nothing.
    #[error("no case of {suite} has an id that contains {wanted:?}; the first id is {first}")]
    NoneLeft {
        /// Which set.
        suite: &'static str,
        /// What was asked for.
        wanted: Vec<String>,
        /// An id that there is.
        first: String,
    },
    /// An answer file could not be written.
    #[error("{file}: {error}")]
    Write {
        /// Which file.
        file: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The threads could not be started.
    #[error("threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// Runs a set. `said` hears of each case as it is done, in no promised order.
///
/// # Errors
/// When the folder holds no case of the set, a case cannot be read, or an answer cannot be written.
pub fn run(
    suite: Suite,
    dir: &Path,
    options: &Options,
    engine: &Engine<'_>,
    proof: &Proof<'_>,
    said: &(dyn Fn(&CaseResult) + Sync),
) -> Result<BenchResult, BenchError> {
    let listed = datasets::cases(suite, dir)?;
    let first = listed
        .first()
        .map(|case| case.id.clone())
        .unwrap_or_default();
    let wanted = |case: &CaseRef| {
        options.cases.is_empty()
            || options
                .cases
                .iter()
                .any(|part| case.id.contains(part.as_str()))
    };
    let kept: Vec<CaseRef> = listed.into_iter().filter(wanted).collect();
    if kept.is_empty() {
        return Err(BenchError::NoneLeft {
            suite: suite.word(),
            wanted: options.cases.clone(),
            first,
        });
    }
    let bench = Bench {
        options,
        engine,
        proof,
        said,
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.max(1))
        .build()?;
    let results: Result<Vec<CaseResult>, BenchError> = pool.install(|| match options.splice {
        Some(count) => {
            let loaded: Result<Vec<Loaded>, ImportError> =
                kept.iter().map(datasets::load).collect();
            let loaded = loaded?;
            let pairs = pairs(loaded.len(), count, options.disguise.unwrap_or(0));
            Ok(pairs
                .par_iter()
                .map(|(a, b)| bench.pair((&kept[*a].id, &loaded[*a]), (&kept[*b].id, &loaded[*b])))
                .collect())
        }
        None => kept.par_iter().map(|case| bench.single(case)).collect(),
    });
    let mut results = results?;
    results.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(figures::sum_up(suite.word(), results))
}

/// Random pairs of different cases, the same for the same seed.
fn pairs(cases: usize, count: usize, seed: u64) -> Vec<(usize, usize)> {
    if cases < 2 {
        return Vec::new();
    }
    let mut random = SplitMix::new(seed ^ 0x7061_6972);
    (0..count)
        .map(|_| {
            let a = random.below(cases);
            let b = random.below(cases - 1);
            (a, if b >= a { b + 1 } else { b })
        })
        .collect()
}

struct Bench<'a> {
    options: &'a Options,
    engine: &'a Engine<'a>,
    proof: &'a Proof<'a>,
    said: &'a (dyn Fn(&CaseResult) + Sync),
}

/// An answer and how long it took.
struct Answered {
    report: Report,
    /// Milliseconds, without reading.
    ms: f64,
    /// Milliseconds that were spent on nothing but measuring it again.
    again: f64,
}

/// So many times an answer that is not compared with another one is asked for again: it stays the same, and the median
/// of its times is that of the engine, not of what else the machine did, nor of the rules that the first case compiles.
const AGAIN: usize = 2;

impl Bench<'_> {
    fn answer(&self, case: &Case) -> Answered {
        let begun = Instant::now();
        let report = (self.engine)(case);
        Answered {
            ms: begun.elapsed().as_secs_f64() * 1000.0,
            again: 0.0,
            report,
        }
    }

    /// The same answer, with the median of its time and that of further runs.
    fn measured(&self, answered: Answered, case: &Case) -> Answered {
        let mut times: Vec<f64> = (0..AGAIN).map(|_| self.answer(case).ms).collect();
        let again = times.iter().sum();
        times.push(answered.ms);
        times.sort_by(f64::total_cmp);
        Answered {
            ms: times[times.len() / 2],
            again,
            report: answered.report,
        }
    }

    /// Share of the report's claims that follow from the case.
    fn soundness(&self, report: &Report, case: &Case) -> f64 {
        let claims = report.claims().len().max(1);
        1.0 - ((self.proof)(report, case).min(claims) as f64 / claims as f64)
    }

    fn single(&self, listed: &CaseRef) -> Result<CaseResult, BenchError> {
        let begun = Instant::now();
        let loaded = datasets::load(listed)?;
        let (case, mapping) = match self.options.disguise {
            Some(seed) => transform::disguise(&loaded.case, seed),
            None => (loaded.case, Mapping::default()),
        };
        let plain = self.answer(&case);
        let expected = judge::Expected::new(&loaded.truth, &mapping);
        let mut notes: BTreeMap<String, f64> = BTreeMap::new();
        let (altered, answered) = if self.options.innocent_deploy {
            let entity = suspect(&plain.report, &case);
            let at = onset(&plain.report, &case).minus(Span::seconds(30));
            let injected = transform::inject_innocent_deploy(&case, at, &entity);
            let answered = self.answer(&injected);
            let changed = verdict(&answered.report) != verdict(&plain.report);
            notes.insert("verdict_changed".to_string(), f64::from(u8::from(changed)));
            (injected, answered)
        } else if let Some(modality) = self.options.drop {
            let thinned = transform::drop_modality(&case, modality);
            let answered = self.answer(&thinned);
            let before = judge::judge(&expected, &plain.report, &case);
            let after = judge::judge(&expected, &answered.report, &thinned);
            let confident = |report: &Report| {
                report
                    .causes
                    .first()
                    .is_some_and(|cause| cause.word == Word::Confirmed)
            };
            let was = !before.right && confident(&plain.report);
            let is = !after.right && confident(&answered.report);
            notes.insert(
                "new_wrong_confirmed".to_string(),
                f64::from(u8::from(is && !was)),
            );
            let named = answered
                .report
                .gaps
                .iter()
                .any(|gap| gap.wanted == modality.word());
            notes.insert("gap_named".to_string(), f64::from(u8::from(named)));
            (thinned, answered)
        } else {
            let measured = self.measured(plain, &case);
            (case, measured)
        };
        let judged = judge::judge(&expected, &answered.report, &altered);
        if let (Some(folder), Some(answer)) = (&self.options.out, &judged.root_cause) {
            write_answer(folder, &listed.id, answer)?;
        }
        let mut result = CaseResult::new(&listed.id, &loaded.system, &judged, &answered.report);
        result.ms = answered.ms;
        result.soundness = self.soundness(&answered.report, &altered);
        result.notes.extend(notes);
        result.total_ms = begun.elapsed().as_secs_f64() * 1000.0 - answered.again;
        (self.said)(&result);
        Ok(result)
    }

    fn pair(&self, a: (&str, &Loaded), b: (&str, &Loaded)) -> CaseResult {
        let begun = Instant::now();
        let (mut both, second) = transform::splice(&a.1.case, &b.1.case);
        let mut targets = judge::Expected::new(&a.1.truth, &Mapping::default()).targets;
        targets.extend(judge::Expected::new(&b.1.truth, &second).targets);
        if let Some(seed) = self.options.disguise {
            let (disguised, mapping) = transform::disguise(&both, seed);
            both = disguised;
            targets = targets
                .iter()
                .map(|target| target.renamed(&mapping))
                .collect();
        }
        let answered = self.answer(&both);
        let judged = judge::pair(&targets, &answered.report, &both);
        let id = format!("{} + {}", a.0, b.0);
        let mut result = CaseResult::new(&id, &a.1.system, &judged, &answered.report);
        result.ms = answered.ms;
        result.soundness = self.soundness(&answered.report, &both);
        result.total_ms = begun.elapsed().as_secs_f64() * 1000.0;
        (self.said)(&result);
        result
    }
}

/// What must not change when an innocent deploy is put beside it: how it ended, and who did it how.
fn verdict(report: &Report) -> (u8, BTreeSet<(EntityId, String, Option<String>)>) {
    let causes = report.causes.iter();
    let causes = causes.map(|cause| {
        (
            cause.entity.clone(),
            cause.mechanism.0.clone(),
            cause.change.clone(),
        )
    });
    (report.header.status as u8, causes.collect())
}

/// On whom the innocent deploy goes: on the one that is blamed, where it tempts most.
fn suspect(report: &Report, case: &Case) -> EntityId {
    let blamed = report.causes.first().map(|cause| cause.entity.clone());
    let alarmed = case.alarms.first().map(|alarm| alarm.entity.clone());
    blamed.or(alarmed).unwrap_or_default()
}

fn onset(report: &Report, case: &Case) -> Timestamp {
    let alarm = case.alarms.first().map(|alarm| alarm.fired_at);
    let seen = report.header.started.map(|onset| onset.hi);
    seen.or(alarm).unwrap_or(case.manifest.now)
}

fn write_answer(folder: &Path, id: &str, answer: &judge::RootCause) -> Result<(), BenchError> {
    let name: String = id
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || c == '-' || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let folder = folder.join(name);
    let file = folder.join("root_cause.json");
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(&folder)?;
        let mut text = serde_json::to_string_pretty(answer)?;
        text.push('\n');
        std::fs::write(&file, text)
    };
    write().map_err(|error| BenchError::Write {
        file: file.display().to_string(),
        error,
    })
}

#[cfg(test)]
mod tests;
