//! What speaks the HTTP API of Prometheus: Prometheus itself, Mimir, Thanos, VictoriaMetrics.
//!
//! Reading order: [`Eyes::look`] asks, in few and bounded questions; `plan` chooses what is read; `read` takes the
//! answers apart; `known` keeps them for the next look; `rows` turns what accumulates into what came in between two
//! points, as pushed telemetry is turned (`docs/telemetry.md`); `told` reads scrapes that failed, rules, and who leans on
//! whom. Documented in `docs/connectors/prometheus.md`; the API: <https://prometheus.io/docs/prometheus/latest/querying/api/>.

mod known;
mod plan;
mod read;
mod rows;
mod told;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::query::{Gap, GapReason};
use model::time::{MINUTE, SECOND, Span, TimeWindow, Timestamp};
use model::{SourceKind, Topology};
use serde_json::Value;

use crate::pull::{
    Brought, CLOCK_OFF, Call, GREETING, Live, Look, Met, Missed, Naming, Needs, Source, matchers,
};
use known::Known;
use plan::Part;
use read::{Labels, Matrix};

/// Points that a series is read in at most; a server takes 11,000.
const POINTS: i64 = 1440;
/// The step where nothing tells how often targets are scraped.
const USUAL_STEP: Span = Span(30 * SECOND);
/// The shortest step.
const LEAST_STEP: Span = Span(SECOND);
/// Points of one answer that are asked for.
const POINTS_AT_ONCE: u64 = 250_000;
/// Metrics of one question.
const METRICS_AT_ONCE: usize = 60;
/// Names of one question that only counts.
const NAMES_AT_ONCE: usize = 400;
/// Jobs whose scrapes are timed.
const JOBS: usize = 24;
/// For so long the map of the last look is good enough for whoever only wants to know who is near.
const MAP_LASTS: Span = Span(5 * MINUTE);
/// A server that needs longer for counting is not asked to count on.
const SLOW: Span = Span(3 * SECOND);

/// What it tells of without any number.
const TOLD: [SourceKind; 2] = [SourceKind::State, SourceKind::Events];
/// What it tells of.
const SEEN: [SourceKind; 3] = [SourceKind::Metrics, SourceKind::State, SourceKind::Events];

/// What to read, beyond where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Matchers that every series must fit, such as `namespace="shop"`; empty for all.
    pub matching: String,
    /// Time between points; as often as targets are scraped, unless it is given.
    pub step: Option<Span>,
    /// Series that are read in one look.
    pub series: u64,
    /// Series of one metric; a metric of more is left out.
    pub series_per_metric: u64,
    /// Whom labels are about.
    pub naming: Naming,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            matching: String::new(),
            step: None,
            series: 20_000,
            series_per_metric: 2_000,
            naming: Naming::default(),
        }
    }
}

/// All that is asked of such a server.
pub const NEEDS: Needs = Needs {
    calls: &[
        Call::long(
            "/api/v1/query",
            "the time, who is scraped, how many series there are",
        ),
        Call::long("/api/v1/query_range", "numbers over time"),
        Call::get("/api/v1/label/__name__/values", "which metrics there are"),
        Call::get("/api/v1/metadata", "what kind each metric is"),
        Call::get("/api/v1/targets", "why a target cannot be scraped"),
        Call::get("/api/v1/rules", "which alerting rules fire"),
    ],
    grant: "",
};

/// The reading end.
pub struct Eyes {
    source: Source,
    settings: Settings,
    map: Mutex<Option<(Timestamp, Topology)>>,
    /// What the look before read.
    known: Mutex<Option<Known>>,
}

/// The present, as a server knows it.
#[derive(Clone, Copy)]
struct Present {
    /// By how much its clock is ahead of ours; 0 unless that matters.
    ahead: Span,
    /// Up to when it tells what it knows, by its clock, and how long ago that is; `None` if that is the present.
    held_back: Option<(Timestamp, Span)>,
}

/// What is known of a server before its series are read.
struct Setting {
    /// By how much its clock is ahead of ours; 0 unless that matters.
    ahead: Span,
    /// By its clock.
    from: Timestamp,
    /// By its clock.
    to: Timestamp,
    step: Span,
    /// How often each job is scraped.
    jobs: BTreeMap<String, Span>,
}

impl Eyes {
    /// Of this server.
    pub fn new(source: Source, settings: Settings) -> Self {
        Self {
            source: source.only(&NEEDS),
            settings,
            map: Mutex::new(None),
            known: Mutex::new(None),
        }
    }

    /// Where it is.
    pub fn source(&self) -> &Source {
        &self.source
    }

    fn all(
        &self,
        look: &mut Look<'_>,
        hull: TimeWindow,
        now: Timestamp,
        brought: &mut Brought,
    ) -> Result<(), Missed> {
        let present = self.present(look)?;
        if present.ahead.0 != 0 {
            brought.gaps.push(self.off(present.ahead));
        }
        let setting = self.setting(look, hull, present, brought)?;
        brought.asked.step_ms = setting.step.0 / 1_000_000;
        let names = self.names(look, &setting)?;
        if names.is_empty() {
            brought.seen = &SEEN;
            brought.gaps.push(self.empty());
            return Ok(());
        }
        let facts = self.metadata(look, brought);
        let counts = self.counts(look, &names, setting.to, brought);
        let chosen = plan::choose(&names, &facts, &counts, &self.settings);
        brought.gaps.extend(chosen.gap(self.name(), &self.settings));
        // What it says of alarms and targets is worth something without any number.
        let (mut matrices, unread) = match self.fetch(look, &chosen.parts, &setting, brought) {
            Ok(matrices) => (matrices, None),
            Err(missed) => (Vec::new(), Some(missed)),
        };
        let targets = self.targets(look, brought);
        let rules = self.rules(look, brought);
        brought.seen = match (&unread, targets.is_null() && rules.is_null()) {
            (None, _) => &SEEN,
            (Some(_), true) => &[],
            (Some(_), false) => &TOLD,
        };
        for matrix in &mut matrices {
            read::settle(matrix, &setting.jobs, setting.step, setting.ahead);
        }
        let mut met = Met::new();
        let ups = rows::fill(
            matrices,
            &facts,
            &self.settings.naming,
            setting.step,
            &mut met,
            brought,
        );
        let mut told = told::Told {
            name: self.name(),
            naming: &self.settings.naming,
            now,
            met: &mut met,
        };
        told.scrapes(&ups, &targets, brought);
        told.rules(&rules, brought);
        brought.topology = met.topology();
        unread.map_or(Ok(()), Err)
    }

    /// By how much its clock is ahead, if that is far enough to matter, and what it holds back.
    fn present(&self, look: &mut Look<'_>) -> Result<Present, Missed> {
        let before = self.source.now();
        let answer = self.instant(look, "time()", None)?;
        let after = self.source.now();
        let (theirs, held_back) = read::time(&answer)
            .ok_or_else(|| Missed::Strange("time() gave no number".to_string()))?;
        let theirs = Timestamp(read::nanos(theirs));
        let middle = before.plus(Span(after.since(before).0 / 2));
        // To the second: points stay at whole seconds when they are moved.
        let ahead = Span(
            theirs
                .since(middle)
                .0
                .saturating_add(SECOND / 2)
                .div_euclid(SECOND)
                * SECOND,
        );
        let ahead = if ahead.0.saturating_abs() > CLOCK_OFF.0 {
            ahead
        } else {
            Span(0)
        };
        // Whole seconds, and what is less than one was rounded.
        let held_back = Span(read::nanos(held_back).saturating_add(SECOND / 2) / SECOND * SECOND);
        Ok(Present {
            ahead,
            held_back: (held_back.0 > 0).then(|| (theirs.minus(held_back), held_back)),
        })
    }

    fn off(&self, ahead: Span) -> Gap {
        let mut gap = self.source.off(ahead);
        gap.detail += "; what it says was moved by that, as far as that helps";
        gap
    }

    fn empty(&self) -> Gap {
        let fitting = match self.settings.matching.as_str() {
            "" => String::new(),
            matching => format!(" that fits {{{matching}}}"),
        };
        Gap::new(
            format!("metrics of {}", self.name()),
            GapReason::NotInstrumented,
            format!("it answers, and knows no series{fitting} in this time"),
            format!(
                "see at {}/targets what it scrapes; check match in [connectors.{}]",
                self.source.address(),
                self.name()
            ),
        )
    }

    /// How often it scrapes, since when it knows anything, and so in which steps it is read.
    fn setting(
        &self,
        look: &mut Look<'_>,
        hull: TimeWindow,
        present: Present,
        brought: &mut Brought,
    ) -> Result<Setting, Missed> {
        let ahead = present.ahead;
        let (from, mut to) = (hull.from().plus(ahead), hull.to().plus(ahead));
        if let Some((until, held_back)) = present.held_back.filter(|(until, _)| *until < to) {
            to = until.max(from.plus(Span(SECOND)));
            brought.gaps.push(Gap::new(
                format!("the last {held_back} of {}", self.name()),
                GapReason::Connector,
                format!(
                    "{}: it holds back what it was told in the last {held_back}: what it gives for them repeats what was there",
                    self.name()
                ),
                "where that matters, lower -search.latencyOffset of VictoriaMetrics",
            ));
        }
        let up = plan::selector("up", &[], &self.settings.matching);
        let coarse = Span((to.since(from).0 / 240).max(SECOND));
        let known = self.range(look, &format!("count({up})"), from, to, coarse)?;
        let first = known.iter().flat_map(|m| m.times.first()).min();
        let from = first.map_or(from, |first| from.max(Timestamp(*first).minus(coarse)));
        let jobs = if let Some(step) = self.settings.step {
            BTreeMap::from([(String::new(), step)])
        } else {
            self.scraped_every(look, &up, to)?
        };
        let shortest = jobs.values().min().copied().unwrap_or(USUAL_STEP);
        let fitting = Span(to.since(from).0 / POINTS);
        let step = Span(shortest.0.max(fitting.0).max(LEAST_STEP.0));
        // Whole seconds: so they are written, and so repeated looks ask for the same points.
        let step = Span(step.0.saturating_add(SECOND - 1) / SECOND * SECOND);
        let from = Timestamp(from.0.saturating_add(step.0 - 1).div_euclid(step.0) * step.0);
        Ok(Setting {
            ahead,
            from,
            to,
            step,
            jobs,
        })
    }

    /// The usual time between two scrapes, by job, as one target of each shows it.
    fn scraped_every(
        &self,
        look: &mut Look<'_>,
        up: &str,
        at: Timestamp,
    ) -> Result<BTreeMap<String, Span>, Missed> {
        let one_each = self.instant(look, &format!("topk by (job) (1, {up})"), Some(at))?;
        let mut chosen = read::vector(&one_each);
        chosen.truncate(JOBS);
        if chosen.is_empty() {
            return Ok(BTreeMap::new());
        }
        let any = |name: &str| -> String {
            let values = chosen.iter().filter_map(|(labels, _)| labels.get(name));
            let mut values: Vec<String> = values.map(|v| matchers::literally(v)).collect();
            values.sort();
            values.dedup();
            values.join("|")
        };
        let exactly = [
            format!("job=~{}", matchers::quoted(&any("job"))),
            format!("instance=~{}", matchers::quoted(&any("instance"))),
        ];
        let times = plan::selector("up", &exactly, &self.settings.matching);
        let answer = self.instant(look, &format!("{times}[10m]"), Some(at))?;
        let mut jobs: BTreeMap<String, Span> = BTreeMap::new();
        for matrix in read::matrices(&answer)? {
            let mut between: Vec<i64> = matrix.times.windows(2).map(|w| w[1] - w[0]).collect();
            between.sort_unstable();
            let Some(usual) = between.get(between.len() / 2) else {
                continue;
            };
            let job = matrix.labels.get("job").cloned().unwrap_or_default();
            let usual = Span((usual + SECOND / 2) / SECOND * SECOND);
            let known = jobs.entry(job).or_insert(usual);
            *known = (*known).min(usual);
        }
        Ok(jobs)
    }

    /// Names of the metrics that have series in this time, sorted.
    fn names(&self, look: &mut Look<'_>, setting: &Setting) -> Result<Vec<String>, Missed> {
        let mut fields = vec![
            ("start", read::seconds(setting.from)),
            ("end", read::seconds(setting.to)),
        ];
        if !self.settings.matching.is_empty() {
            fields.push(("match[]", format!("{{{}}}", self.settings.matching)));
        }
        let answered = look.ask("/api/v1/label/__name__/values", &fields)?;
        let (data, warnings) = read::data(&answered.body)?;
        look.warned(&warnings);
        let names = data.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut names: Vec<String> = names
            .iter()
            .filter_map(|name| Some(name.as_str()?.to_string()))
            .filter(|name| plan::is_wanted(name))
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// What it knows beside its series; nothing where it has no such thing, as is common.
    fn beside(
        &self,
        look: &mut Look<'_>,
        path: &str,
        field: (&str, &str),
        wanted: &str,
        brought: &mut Brought,
    ) -> Value {
        let asked = look.ask(path, &[(field.0, field.1.to_string())]);
        match asked.and_then(|answered| read::data(&answered.body)) {
            Ok((data, _)) => data,
            Err(Missed::Refused(..)) => Value::Null,
            Err(missed) => {
                brought.gaps.push(missed.gap(wanted, self.name()));
                Value::Null
            }
        }
    }

    /// What kind each metric is, by its family's name. Servers that keep none are common: then names tell.
    fn metadata(&self, look: &mut Look<'_>, brought: &mut Brought) -> BTreeMap<String, String> {
        let field = ("limit_per_metric", "1");
        let data = self.beside(look, "/api/v1/metadata", field, "kinds of metrics", brought);
        let families = data.as_object().into_iter().flatten();
        families
            .filter_map(|(name, facts)| {
                let kind = facts.get(0)?.get("type")?.as_str()?;
                Some((name.clone(), kind.to_string()))
            })
            .collect()
    }

    /// How many series each metric has now. Metrics that are not among them have few, or none any more.
    fn counts(
        &self,
        look: &mut Look<'_>,
        names: &[String],
        at: Timestamp,
        brought: &mut Brought,
    ) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for some in names.chunks(NAMES_AT_ONCE) {
            let began = self.source.now();
            let selector = plan::any_of(some, &self.settings.matching);
            let question = format!("count by (__name__) ({selector})");
            match self.instant(look, &question, Some(at)) {
                Ok(answer) => counts.extend(read::vector(&answer).into_iter().filter_map(
                    |(labels, value)| Some((labels.get("__name__")?.clone(), value as u64)),
                )),
                Err(missed) => {
                    let gap = missed.gap("how many series each metric has", self.name());
                    brought.gaps.push(gap);
                    break;
                }
            }
            if self.source.now().since(began).0 > SLOW.0 {
                break;
            }
        }
        counts
    }

    /// The series of the chosen metrics; of those that were read before, what came since. That none could be read is not
    /// that there are none.
    fn fetch(
        &self,
        look: &mut Look<'_>,
        parts: &[Part],
        setting: &Setting,
        brought: &mut Brought,
    ) -> Result<Vec<Matrix>, Missed> {
        let kept = self.known().take();
        let mut known = kept.filter(|known| known.fits(setting)).unwrap_or_default();
        let (old, new): (Vec<&Part>, Vec<&Part>) =
            parts.iter().partition(|part| known.holds(&part.name));
        let mut unread: Vec<(String, Missed)> = Vec::new();
        let mut read = Vec::new();
        if !old.is_empty() {
            for stretch in known.missing(setting) {
                read.extend(self.stretch(look, &old, setting.step, stretch, &mut unread));
            }
        }
        let names: Vec<&str> = old.iter().map(|part| part.name.as_str()).collect();
        let mut found = known.completed(&names, read, setting);
        let whole = (setting.from, setting.to);
        found.extend(self.stretch(look, &new, setting.step, whole, &mut unread));
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        let without: Vec<&str> = unread.iter().map(|(name, _)| name.as_str()).collect();
        *self.known() = Known::of(setting, self.source.now(), &found, &without);
        if let Some((first, missed)) = unread.first() {
            if found.is_empty() {
                return Err(missed.clone());
            }
            let all = unread.len();
            let some: Vec<&str> = without.iter().take(5).copied().collect();
            let which = match all {
                1 => first.clone(),
                _ => format!("{all} of them, {}, …", some.join(", ")),
            };
            let wanted = format!("metrics of {}: {which}", self.name());
            brought.gaps.push(missed.gap(&wanted, self.name()));
        }
        Ok(found)
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The series of these metrics over a stretch of time, many at once; which could not be read, and why, goes to
    /// `unread`.
    fn stretch(
        &self,
        look: &mut Look<'_>,
        parts: &[&Part],
        step: Span,
        (from, to): known::Stretch,
        unread: &mut Vec<(String, Missed)>,
    ) -> Vec<Matrix> {
        let points = (to.since(from).0 / step.0 + 1).max(1) as u64;
        let mut waiting: Vec<Vec<&Part>> = Vec::new();
        let mut some: Vec<&Part> = Vec::new();
        let mut size = 0;
        for part in parts {
            let own = part.series.saturating_mul(points);
            if !some.is_empty() && (size + own > POINTS_AT_ONCE || some.len() >= METRICS_AT_ONCE) {
                waiting.push(std::mem::take(&mut some));
                size = 0;
            }
            some.push(part);
            size += own;
        }
        waiting.push(some);
        // The most wanted first; what is halved comes before the rest.
        waiting.reverse();
        let mut found = Vec::new();
        while let Some(some) = waiting.pop() {
            if some.is_empty() {
                continue;
            }
            let names: Vec<String> = some.iter().map(|part| part.name.clone()).collect();
            let selector = plan::any_of(&names, &self.settings.matching);
            match self.range(look, &selector, from, to, step) {
                Ok(matrices) => found.extend(matrices),
                Err(Missed::TooLong(_) | Missed::Refused(..)) if some.len() > 1 => {
                    let (first, second) = some.split_at(some.len() / 2);
                    waiting.push(second.to_vec());
                    waiting.push(first.to_vec());
                }
                Err(missed) => unread.extend(names.into_iter().map(|name| (name, missed.clone()))),
            }
        }
        found
    }

    /// What it says of its targets; nothing where it does not know any (what is written to from elsewhere has none).
    fn targets(&self, look: &mut Look<'_>, brought: &mut Brought) -> Value {
        let field = ("state", "active");
        self.beside(
            look,
            "/api/v1/targets",
            field,
            "why scrapes failed",
            brought,
        )
    }

    /// Its alerting rules, as they stand.
    fn rules(&self, look: &mut Look<'_>, brought: &mut Brought) -> Value {
        let wanted = "state of alerting rules";
        self.beside(look, "/api/v1/rules", ("type", "alert"), wanted, brought)
    }

    fn instant(
        &self,
        look: &mut Look<'_>,
        question: &str,
        at: Option<Timestamp>,
    ) -> Result<Value, Missed> {
        let mut fields = vec![("query", question.to_string())];
        fields.extend(at.map(|at| ("time", read::seconds(at))));
        let answered = look.ask("/api/v1/query", &fields)?;
        let (data, warnings) = read::data(&answered.body)?;
        look.warned(&warnings);
        Ok(data)
    }

    fn range(
        &self,
        look: &mut Look<'_>,
        question: &str,
        from: Timestamp,
        to: Timestamp,
        step: Span,
    ) -> Result<Vec<Matrix>, Missed> {
        let fields = [
            ("query", question.to_string()),
            ("start", read::seconds(from)),
            // A window ends before its end; a range holds it.
            ("end", read::seconds(to.minus(Span(1_000_000)))),
            ("step", format!("{}", step.0 as f64 / 1e9)),
        ];
        let answered = look.ask("/api/v1/query_range", &fields)?;
        let ranged = read::range(&answered.body, (from, to), step)?;
        look.warned(&ranged.warnings);
        if ranged.strays {
            look.remark("points that it gave lie outside of the time that was asked for; they were left out");
        }
        Ok(ranged.matrices)
    }

    fn map_now(&self, now: Timestamp) -> Result<Topology, Missed> {
        let mut look = self.source.look_for(GREETING);
        let names = told::MAPS.map(str::to_string);
        let selector = plan::any_of(&names, &self.settings.matching);
        let answer = self.instant(&mut look, &selector, Some(now))?;
        let mut met = Met::new();
        let series: Vec<Labels> = read::vector(&answer).into_iter().map(|(l, _)| l).collect();
        let infos = told::infos(series.iter());
        for labels in &series {
            told::whose(labels, &infos, &self.settings.naming, &mut met);
        }
        told::edges(series.iter(), &infos, &self.settings.naming, &mut met);
        Ok(met.topology())
    }
}

impl Live for Eyes {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn look(&self, hull: TimeWindow, now: Timestamp) -> Brought {
        let brought = self.source.looked("PromQL", "metrics", |look, brought| {
            self.all(look, hull, now, brought)
        });
        if brought.seen.contains(&SourceKind::Metrics) {
            *self.map.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((now, brought.topology.clone()));
        }
        brought
    }

    fn around(&self, now: Timestamp) -> Topology {
        // Whoever is asked for neighbours only attends to no incident for now.
        self.known().take_if(|known| known.is_over(now));
        if let Some((at, known)) = &*self.map.lock().unwrap_or_else(PoisonError::into_inner)
            && now.since(*at).0.saturating_abs() < MAP_LASTS.0
        {
            return known.clone();
        }
        let topology = self.map_now(now).unwrap_or_default();
        // An empty map stands too: a server that does not answer is not asked at every alarm.
        *self.map.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, topology.clone()));
        topology
    }

    fn greet(&self) -> Result<String, Missed> {
        let mut look = self.source.look_for(GREETING);
        let present = self.present(&mut look)?;
        let up = plan::selector("up", &[], &self.settings.matching);
        let answer = self.instant(&mut look, &format!("count by (job) ({up})"), None)?;
        let jobs = read::vector(&answer);
        let answer = self.instant(&mut look, &format!("count({up} == 0)"), None)?;
        let down = read::vector(&answer)
            .first()
            .map_or(0.0, |(_, value)| *value);
        let targets: f64 = jobs.iter().map(|(_, value)| value).sum();
        let mut said = format!(
            "{} jobs, {targets} targets, {down} of them down",
            jobs.len()
        );
        if let Some((_, held_back)) = present.held_back {
            said += &format!("; it holds back the last {held_back}");
        }
        Ok(self.source.greeting(
            &said,
            present.ahead,
            "metrics, failed scrapes and the state of rules; no logs, traces or changes",
        ))
    }
}
