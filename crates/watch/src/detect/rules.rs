//! From what people declared to rules that can be evaluated: everything that can be wrong is found here.

use std::collections::{BTreeMap, BTreeSet};

use model::time::{MINUTE, SECOND};
use model::{EntityId, Severity, Span};
use thiserror::Error;

use super::composite::Composite;
use super::datapoints::{CALLS, DURATION, ERRORS, LOG_METRIC, Selector, Statistic};
use super::declared::{
    AlarmRule, BurnRule, CompositeRule, Declared, FilterValue, LowSamples, MetricFilterRule,
    MetricQuery, SloRule, Window,
};
use super::filter::Pattern;
use super::length::Length;
use super::math::{Expression, Grid, Inputs, Value};
use super::missing::evaluation_range;
use super::nearest;
use super::suppress::Patience;

/// What is wrong with declared alarms, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}: {what}")]
pub struct RulesError {
    /// Which file, and for what cannot be read at all also the line.
    pub file: String,
    /// What is wrong, where in the file, and what was expected.
    pub what: String,
}

/// Rules that were read and checked.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(super) metrics: Vec<MetricAlarm>,
    pub(super) slos: Vec<Slo>,
    /// Children before their parents.
    pub(super) composites: Vec<CompositeAlarm>,
    filters: Vec<MetricFilter>,
    remarks: Vec<String>,
}

/// What is read from the source for one input.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub id: String,
    pub selector: Selector,
    pub statistic: Statistic,
}

/// An alarm on a metric or an expression, ready to be evaluated.
#[derive(Clone, Debug)]
pub(super) struct MetricAlarm {
    pub rule: AlarmRule,
    pub reads: Vec<Read>,
    /// Expressions that stand between the metrics and the tested one, in order.
    pub steps: Vec<(String, Expression)>,
    /// What is tested; `None`: the only read.
    pub tested: Option<Expression>,
    pub n: usize,
    pub m: usize,
    /// Nanoseconds.
    pub period: i64,
    /// Nanoseconds from one evaluation to the next.
    pub tick: i64,
    /// Periods of history that bands inside of expressions are learned from.
    pub history: usize,
}

/// A burn-rate alarm, ready to be evaluated.
#[derive(Clone, Debug)]
pub(super) struct Slo {
    pub rule: SloRule,
    pub bad: Read,
    pub total: Read,
    pub burn: Vec<BurnRule>,
    pub least_events: f64,
    pub tick: i64,
}

/// A composite, ready to be evaluated.
#[derive(Clone, Debug)]
pub(super) struct CompositeAlarm {
    pub rule: CompositeRule,
    pub composite: Composite,
    pub patience: Patience,
}

/// A number made from log lines, ready to be counted.
#[derive(Clone, Debug)]
pub struct MetricFilter {
    rule: MetricFilterRule,
    metric: String,
    pattern: Pattern,
    entity: Selector,
}

impl MetricFilter {
    /// The metric that it feeds: `log.` and its name.
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// Does it read this entity's lines?
    pub fn reads(&self, entity: &EntityId) -> bool {
        self.entity.matches_entity(entity)
    }

    /// What the line counts; `None` if it does not match or holds no number.
    pub fn value(&self, line: &str) -> Option<f64> {
        match &self.rule.value {
            Some(FilterValue::Selector(selector)) => self.pattern.value_at(selector, line),
            Some(FilterValue::Constant(value)) => self.pattern.matches(line).then_some(*value),
            None => self.pattern.matches(line).then_some(1.0),
        }
    }

    /// What a minute counts in which lines came, and none matched.
    pub fn default_value(&self) -> Option<f64> {
        self.rule.default
    }
}

impl Rules {
    /// Reads one file that holds nothing but alarms.
    pub fn parse(toml_text: &str, file_name: &str) -> Result<Self, RulesError> {
        let declared = read(toml_text, file_name)?;
        Self::of(vec![(file_name.to_string(), declared)])
    }

    /// Checks what several files declare, together: names are unique across them, and composites may name
    /// alarms of any.
    pub fn of(files: Vec<(String, Declared)>) -> Result<Self, RulesError> {
        let mut rules = Self::default();
        let mut names = BTreeMap::new();
        let mut composites = Vec::new();
        for (file, declared) in files {
            let wrong = |kind: &str, name: &str, what: String| RulesError {
                file: file.clone(),
                what: format!("{kind} {name:?}: {what}"),
            };
            for rule in declared.metric_filter {
                let name = rule.name.clone();
                let filter = filter(rule).map_err(|what| wrong("metric_filter", &name, what))?;
                if rules.filters.iter().any(|f| f.metric == filter.metric) {
                    return Err(wrong(
                        "metric_filter",
                        &name,
                        "there is another of this name".into(),
                    ));
                }
                rules.filters.push(filter);
            }
            for rule in declared.alarm {
                let name = rule.name.clone();
                named(&mut names, &name, &file).map_err(|what| wrong("alarm", &name, what))?;
                let alarm = metric_alarm(rule).map_err(|what| wrong("alarm", &name, what))?;
                rules.metrics.push(alarm);
            }
            for rule in declared.slo {
                let name = rule.name.clone();
                named(&mut names, &name, &file).map_err(|what| wrong("slo", &name, what))?;
                rules
                    .slos
                    .push(slo(rule).map_err(|what| wrong("slo", &name, what))?);
            }
            for rule in declared.composite {
                let name = rule.name.clone();
                named(&mut names, &name, &file).map_err(|what| wrong("composite", &name, what))?;
                let composite = composite(rule).map_err(|what| wrong("composite", &name, what))?;
                if composite.composite.is_ambiguous() {
                    rules.remarks.push(format!(
                        "{file}: composite {name:?}: AND binds closer than OR here; say it with parentheses"
                    ));
                }
                composites.push((file.clone(), composite));
            }
        }
        rules.check_filters_are_read(&names)?;
        check_children(&composites, &names)?;
        rules.composites = in_order(composites)?;
        rules.metrics.sort_by(|a, b| a.rule.name.cmp(&b.rule.name));
        rules.slos.sort_by(|a, b| a.rule.name.cmp(&b.rule.name));
        rules.filters.sort_by(|a, b| a.metric.cmp(&b.metric));
        rules.remarks.sort();
        Ok(rules)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.metrics.len() + self.slos.len() + self.composites.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names of all rules, sorted.
    pub fn names(&self) -> Vec<&str> {
        let metrics = self.metrics.iter().map(|a| a.rule.name.as_str());
        let slos = self.slos.iter().map(|s| s.rule.name.as_str());
        let composites = self.composites.iter().map(|c| c.rule.name.as_str());
        let mut names: Vec<&str> = metrics.chain(slos).chain(composites).collect();
        names.sort_unstable();
        names
    }

    /// What log lines are to be counted, sorted by metric.
    pub fn filters(&self) -> &[MetricFilter] {
        &self.filters
    }

    /// What is allowed and may still not be what was meant.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// How far back these rules look, so that whoever keeps the numbers knows for how long.
    pub fn reach(&self) -> Span {
        let metric = self.metrics.iter().map(|a| {
            let training = if a.rule.comparison.is_band() {
                training(&a.rule)
            } else {
                0
            };
            let range = evaluation_range(a.n).saturating_add(a.history);
            a.period
                .saturating_mul(i64::try_from(range).unwrap_or(i64::MAX))
                .saturating_add(training)
        });
        let slo = self
            .slos
            .iter()
            .flat_map(|s| s.burn.iter().map(|b| b.long.0.0));
        Span(metric.chain(slo).max().unwrap_or(0))
    }

    fn check_filters_are_read(&self, names: &BTreeMap<String, String>) -> Result<(), RulesError> {
        let known: Vec<&str> = self.filters.iter().map(|f| f.metric.as_str()).collect();
        let wanted = self.metrics.iter().flat_map(|alarm| {
            alarm
                .reads
                .iter()
                .map(|read| (alarm.rule.name.as_str(), read))
        });
        let of_slos = self.slos.iter().flat_map(|slo| {
            [
                (slo.rule.name.as_str(), &slo.bad),
                (slo.rule.name.as_str(), &slo.total),
            ]
        });
        for (rule, read) in wanted.chain(of_slos) {
            let metric = read.selector.metric.as_str();
            if metric.starts_with(LOG_METRIC) && !known.contains(&metric) {
                return Err(RulesError {
                    file: names.get(rule).cloned().unwrap_or_default(),
                    what: format!(
                        "alarm {rule:?}: there is no metric filter for {metric:?}{}",
                        nearest::hint(metric, known)
                    ),
                });
            }
        }
        Ok(())
    }
}

/// Reads the text of one file.
pub fn read(toml_text: &str, file_name: &str) -> Result<Declared, RulesError> {
    toml::from_str(toml_text).map_err(|error| {
        let line = error
            .span()
            .and_then(|span| toml_text.get(..span.start))
            .map(|before| before.matches('\n').count() + 1);
        let message = error.message();
        RulesError {
            file: line.map_or(file_name.to_string(), |line| format!("{file_name}:{line}")),
            what: format!("{message}{}", unknown_field(message)),
        }
    })
}

/// The hint for an unknown key, from the reader's own words: "unknown field `x`, expected one of `a`, `b`".
fn unknown_field(message: &str) -> String {
    if !message.starts_with("unknown ") {
        return String::new();
    }
    let mut words = message.split('`').skip(1).step_by(2);
    match words.next() {
        Some(word) => nearest::hint(word, words),
        None => String::new(),
    }
}

fn named(names: &mut BTreeMap<String, String>, name: &str, file: &str) -> Result<(), String> {
    if name.trim().is_empty() || name.len() > 255 {
        return Err("a name has 1 to 255 letters".to_string());
    }
    if name.contains('@') || name.contains('"') || name.chars().any(char::is_control) {
        return Err("a name holds no @, no quotation mark and no line break".to_string());
    }
    match names.insert(name.to_string(), file.to_string()) {
        None => Ok(()),
        Some(first) => Err(format!("there is another rule of this name in {first}")),
    }
}

/// Periods that CloudWatch has, and shorter ones for telemetry of our own.
fn check_period(period: Length) -> Result<i64, String> {
    let seconds = period.whole_seconds();
    if [1, 5, 10, 20, 30].contains(&seconds) || (seconds > 0 && seconds % 60 == 0) {
        Ok(seconds)
    } else {
        Err(format!(
            "a period is 1s, 5s, 10s, 20s, 30s or a whole number of minutes, not {period}"
        ))
    }
}

fn training(rule: &AlarmRule) -> i64 {
    rule.train.map_or(14 * 24 * 60 * MINUTE, |train| train.0.0)
}

fn metric_alarm(rule: AlarmRule) -> Result<MetricAlarm, String> {
    let seconds = check_period(rule.period)?;
    let period = seconds * SECOND;
    let n = i64::from(rule.evaluation_periods);
    let m = i64::from(rule.datapoints_to_alarm.unwrap_or(rule.evaluation_periods));
    if n < 1 || m < 1 || m > n {
        return Err(format!(
            "datapoints_to_alarm is 1 to evaluation_periods; here it is {m} of {n}"
        ));
    }
    // CloudWatch's limits; without one, a rule could ask for years of numbers at each evaluation.
    let limit = if seconds < 3600 { 86_400 } else { 604_800 };
    if n.saturating_mul(seconds) > limit {
        return Err(format!(
            "evaluation_periods times period is {}; at most {} for periods {} an hour",
            Span::seconds(n.saturating_mul(seconds)),
            Span::seconds(limit),
            if seconds < 3600 { "below" } else { "from" },
        ));
    }
    check_line(&rule)?;
    let tick = match (rule.window, rule.every) {
        (Window::WallClock, None) => period,
        (Window::WallClock, Some(_)) => {
            return Err(
                "a window by the clock moves period by period; leave out `every`".to_string(),
            );
        }
        (Window::Sliding, Some(every)) => {
            let every = every.0.0;
            if every < SECOND || every > period || period % every != 0 {
                return Err(format!("every divides the period {}", rule.period));
            }
            every
        }
        (Window::Sliding, None) if n * seconds > 86_400 => 60 * MINUTE,
        (Window::Sliding, None) if seconds < 10 => period,
        (Window::Sliding, None) if seconds < 60 => 10 * SECOND,
        (Window::Sliding, None) => MINUTE,
    };
    let mut alarm = MetricAlarm {
        reads: Vec::new(),
        steps: Vec::new(),
        tested: None,
        n: n as usize,
        m: m as usize,
        period,
        tick,
        history: 0,
        rule,
    };
    inputs(&mut alarm)?;
    let learns = |e: &Expression| e.calls("ANOMALY_DETECTION_BAND");
    if alarm.steps.iter().any(|(_, e)| learns(e)) || alarm.tested.as_ref().is_some_and(learns) {
        alarm.history = usize::try_from(training(&alarm.rule) / period).unwrap_or(0);
    }
    trial(&alarm)?;
    Ok(alarm)
}

fn check_line(rule: &AlarmRule) -> Result<(), String> {
    let band = rule.comparison.is_band();
    match (band, rule.threshold) {
        (false, None) => return Err("threshold is missing".to_string()),
        (true, Some(_)) => {
            return Err(
                "a comparison with a learned band has no threshold, but a band_width".to_string(),
            );
        }
        (false, Some(line)) if !line.is_finite() => {
            return Err("threshold is a finite number".to_string());
        }
        _ => {}
    }
    if !band && rule.band_width.is_some() {
        return Err(
            "band_width belongs to a comparison with a learned band, such as GreaterThanUpperThreshold".to_string(),
        );
    }
    if rule
        .band_width
        .is_some_and(|width| !width.is_finite() || width <= 0.0)
    {
        return Err("band_width is above 0".to_string());
    }
    let seconds = rule.period.whole_seconds();
    if rule.train.is_some_and(|train| {
        let train = train.whole_seconds();
        train > 28 * 86_400 || train < seconds.saturating_mul(super::band::LEAST as i64)
    }) {
        return Err(format!(
            "train is at least {} periods and at most 28d",
            super::band::LEAST
        ));
    }
    if rule
        .train
        .is_none_or(|train| train.whole_seconds() / seconds.max(1) > 50_000)
        && band
        && seconds < 10
    {
        return Err(
            "with so short a period, say how long to train: at most 50000 periods".to_string(),
        );
    }
    Ok(())
}

/// What is read, and what is computed from it.
fn inputs(alarm: &mut MetricAlarm) -> Result<(), String> {
    let rule = &alarm.rule;
    match (&rule.metric, rule.metrics.is_empty()) {
        (Some(_), false) => return Err("it has a metric and metrics; one of the two".to_string()),
        (None, true) => return Err("it has neither a metric nor metrics".to_string()),
        (Some(metric), true) => {
            if rule.expression.is_some() {
                return Err("an expression is over metrics, each with its id".to_string());
            }
            alarm.reads.push(Read {
                id: "m".to_string(),
                selector: Selector {
                    metric: metric.clone(),
                    entity: rule.entity.clone(),
                    labels: rule.matching.clone(),
                },
                statistic: rule.statistic.unwrap_or(Statistic::Average),
            });
            return Ok(());
        }
        (None, false) => {}
    }
    if rule.statistic.is_some() || !rule.matching.is_empty() {
        return Err("statistic and matching belong to each of the metrics".to_string());
    }
    let mut ids = BTreeSet::new();
    for query in &rule.metrics {
        if !query.id.starts_with(|c: char| c.is_ascii_lowercase())
            || !query
                .id
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            return Err(format!(
                "id {:?} begins with a lower-case letter; letters, digits and _ follow",
                query.id
            ));
        }
        if !ids.insert(query.id.as_str()) {
            return Err(format!("two metrics have the id {:?}", query.id));
        }
        match (&query.metric, &query.expression) {
            (Some(metric), None) => alarm.reads.push(read_of(query, metric, &rule.entity)),
            (None, Some(text)) => {
                if query.statistic.is_some() || query.entity.is_some() || !query.matching.is_empty()
                {
                    return Err(format!(
                        "{:?} is an expression and has nothing else",
                        query.id
                    ));
                }
                let expression =
                    Expression::parse(text).map_err(|e| format!("{:?}: {e}", query.id))?;
                alarm.steps.push((query.id.clone(), expression));
            }
            _ => return Err(format!("{:?} has a metric or an expression", query.id)),
        }
    }
    if alarm.reads.is_empty() || alarm.reads.len() > 10 {
        return Err(format!(
            "an expression is over 1 to 10 metrics, not {}",
            alarm.reads.len()
        ));
    }
    let text = rule
        .expression
        .as_ref()
        .ok_or("expression is missing: which of the metrics, or what over them, is tested")?;
    alarm.tested = Some(Expression::parse(text).map_err(|e| format!("expression: {e}"))?);
    Ok(())
}

fn read_of(query: &MetricQuery, metric: &str, entity: &str) -> Read {
    Read {
        id: query.id.clone(),
        selector: Selector {
            metric: metric.to_string(),
            entity: query.entity.clone().unwrap_or_else(|| entity.to_string()),
            labels: query.matching.clone(),
        },
        statistic: query.statistic.unwrap_or(Statistic::Average),
    }
}

/// Evaluates once over nothing: the sort of a value never depends on the data, so all errors show.
fn trial(alarm: &MetricAlarm) -> Result<(), String> {
    if let Some(read) = alarm
        .reads
        .iter()
        .find(|r| r.selector.is_pattern() && r.selector.entity != alarm.rule.entity)
    {
        return Err(format!(
            "{:?}: the entity of one of several metrics is the rule's or a single one, not another pattern",
            read.id
        ));
    }
    let Some(tested) = &alarm.tested else {
        return Ok(());
    };
    let grid = Grid {
        from: 0,
        period: alarm.period,
        length: 2,
        history: 0,
    };
    let metrics = alarm
        .reads
        .iter()
        .map(|read| (read.id.clone(), vec![None; 2]))
        .collect();
    let value = alarm.compute(&metrics, grid, tested)?;
    match value {
        Value::Series(_) => Ok(()),
        other => Err(format!(
            "expression gives {}, and an alarm tests a single series",
            other.sort()
        )),
    }
}

impl MetricAlarm {
    /// The value of an expression after all the steps before it.
    pub(super) fn compute(
        &self,
        metrics: &BTreeMap<String, Vec<Option<f64>>>,
        grid: Grid,
        tested: &Expression,
    ) -> Result<Value, String> {
        let mut earlier = BTreeMap::new();
        for (id, expression) in &self.steps {
            let inputs = Inputs {
                metrics,
                earlier: &earlier,
                grid,
            };
            let value = expression
                .evaluate(&inputs)
                .map_err(|e| format!("{id:?}: {e}"))?;
            earlier.insert(id.clone(), value);
        }
        let inputs = Inputs {
            metrics,
            earlier: &earlier,
            grid,
        };
        tested
            .evaluate(&inputs)
            .map_err(|e| format!("expression: {e}"))
    }

    /// How long a history a learned band is fitted on, in nanoseconds.
    pub(super) fn training(&self) -> i64 {
        training(&self.rule)
    }

    /// Does a percentile with too few samples keep its state?
    pub(super) fn share_wanting_samples(&self) -> Option<f64> {
        let read = self.reads.first()?;
        match read.statistic {
            Statistic::Percentile(share)
                if self.tested.is_none() && self.rule.low_samples == LowSamples::Ignore =>
            {
                Some(share)
            }
            _ => None,
        }
    }
}

/// The pairs of the SRE workbook (chapter 5, "Multiwindow, Multi-Burn-Rate Alerts"), for a budget of 30 days:
/// 2 % of it gone in an hour, 5 % in six, 10 % in three days.
fn workbook() -> Vec<BurnRule> {
    let pair = |long: i64, short: i64, rate, severity| BurnRule {
        long: Length::seconds(long),
        short: Length::seconds(short),
        rate,
        severity: Some(severity),
    };
    vec![
        pair(3600, 300, 14.4, Severity::Error),
        pair(21_600, 1800, 6.0, Severity::Error),
        pair(259_200, 21_600, 1.0, Severity::Warn),
    ]
}

fn slo(rule: SloRule) -> Result<Slo, String> {
    if !(rule.objective > 0.0 && rule.objective < 1.0) {
        return Err(format!(
            "objective is a share between 0 and 1 such as 0.999, not {}",
            rule.objective
        ));
    }
    if rule
        .slower_than_ms
        .is_some_and(|ms| !ms.is_finite() || ms < 0.0)
    {
        return Err("slower_than_ms is a number of milliseconds".to_string());
    }
    let read = |id: &str, metric: &str, statistic| Read {
        id: id.to_string(),
        selector: Selector::new(metric, &rule.entity),
        statistic,
    };
    let (bad, total) = match (rule.slower_than_ms, &rule.bad, &rule.total) {
        (None, None, None) => (
            read("bad", ERRORS, Statistic::Sum),
            read("total", CALLS, Statistic::Sum),
        ),
        (Some(ms), None, None) => {
            let above = Statistic::Count {
                above: Some(ms),
                up_to: None,
            };
            (
                read("bad", DURATION, above),
                read("total", DURATION, Statistic::SampleCount),
            )
        }
        (None, Some(bad), Some(total)) => (
            read("bad", bad, Statistic::Sum),
            read("total", total, Statistic::Sum),
        ),
        _ => {
            return Err(
                "what is bad is said by slower_than_ms, or by bad and total together, or by neither (failed calls)"
                    .to_string(),
            );
        }
    };
    let burn = if rule.burn.is_empty() {
        workbook()
    } else {
        rule.burn.clone()
    };
    for pair in &burn {
        if pair.short >= pair.long {
            return Err(format!(
                "burn: the short window {} is not shorter than the long one {}",
                pair.short, pair.long
            ));
        }
        let most = 1.0 / (1.0 - rule.objective);
        if !pair.rate.is_finite() || pair.rate <= 0.0 || pair.rate > most {
            return Err(format!(
                "burn: rate {} can never be reached; when every call is bad, it is {most:.1}",
                pair.rate
            ));
        }
    }
    let tick = rule.every.map_or(10 * SECOND, |every| every.0.0);
    let least_events = f64::from(rule.least_events.unwrap_or(10));
    Ok(Slo {
        rule,
        bad,
        total,
        burn,
        least_events,
        tick,
    })
}

fn composite(rule: CompositeRule) -> Result<CompositeAlarm, String> {
    let composite = Composite::parse(&rule.rule)?;
    if rule.suppressor.is_none() && (rule.wait.is_some() || rule.extension.is_some()) {
        return Err("wait and extension belong to a suppressor".to_string());
    }
    let length = |length: Option<Length>| length.map_or(Span(MINUTE), |length| length.0);
    let patience = Patience {
        wait: length(rule.wait),
        extension: length(rule.extension),
    };
    Ok(CompositeAlarm {
        rule,
        composite,
        patience,
    })
}

fn filter(rule: MetricFilterRule) -> Result<MetricFilter, String> {
    let fits = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    if rule.name.is_empty() || rule.name.len() > 255 || !rule.name.chars().all(fits) {
        return Err("a name has 1 to 255 letters, digits, _, - or .".to_string());
    }
    let pattern = Pattern::parse(&rule.pattern).map_err(|e| format!("pattern: {e}"))?;
    match &rule.value {
        Some(FilterValue::Selector(selector)) if !selector.starts_with('$') => {
            return Err(format!(
                "value is a number or a selector such as $.latency, not {selector:?}"
            ));
        }
        Some(FilterValue::Constant(value)) if !value.is_finite() => {
            return Err("value is a finite number".to_string());
        }
        _ => {}
    }
    if rule.default.is_some_and(|value| !value.is_finite()) {
        return Err("default is a finite number".to_string());
    }
    Ok(MetricFilter {
        metric: format!("{LOG_METRIC}{}", rule.name),
        entity: Selector::new("", &rule.entity),
        pattern,
        rule,
    })
}

/// The rule that a composite's child belongs to: `rule`, or `rule@entity`.
pub(super) fn rule_of(child: &str) -> &str {
    child.split_once('@').map_or(child, |(rule, _)| rule)
}

fn check_children(
    composites: &[(String, CompositeAlarm)],
    names: &BTreeMap<String, String>,
) -> Result<(), RulesError> {
    for (file, composite) in composites {
        for child in composite.children() {
            let rule = rule_of(child);
            if !names.contains_key(rule) {
                return Err(RulesError {
                    file: file.clone(),
                    what: format!(
                        "composite {:?}: there is no alarm {rule:?}{}",
                        composite.rule.name,
                        nearest::hint(rule, names.keys().map(String::as_str))
                    ),
                });
            }
        }
    }
    Ok(())
}

impl CompositeAlarm {
    /// Everything it leans on: what its rule names, and its suppressor.
    fn children(&self) -> impl Iterator<Item = &String> {
        self.composite
            .children()
            .iter()
            .chain(&self.rule.suppressor)
    }
}

/// Children before parents, else by name. A circle cannot be evaluated and is refused.
fn in_order(mut left: Vec<(String, CompositeAlarm)>) -> Result<Vec<CompositeAlarm>, RulesError> {
    left.sort_by(|a, b| a.1.rule.name.cmp(&b.1.rule.name));
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let waiting: BTreeSet<String> = left.iter().map(|(_, c)| c.rule.name.clone()).collect();
        let (blocked, ready): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|(_, c)| c.children().any(|child| waiting.contains(rule_of(child))));
        if ready.is_empty() {
            let circle: Vec<&str> = blocked.iter().map(|(_, c)| c.rule.name.as_str()).collect();
            return Err(RulesError {
                file: blocked.first().map(|(f, _)| f.clone()).unwrap_or_default(),
                what: format!(
                    "composites lean on each other in a circle: {}; give one of them the rule FALSE, or take a name out",
                    circle.join(", ")
                ),
            });
        }
        ordered.extend(ready.into_iter().map(|(_, composite)| composite));
        left = blocked;
    }
    Ok(ordered)
}
