//! From what people declared to rules that can be evaluated: everything that can be wrong is found here.

use std::collections::{BTreeMap, BTreeSet};

use model::{EntityId, Span};
use thiserror::Error;

use super::composite::Composite;
use super::datapoints::{LOG_METRIC, Selector, Statistic};
use super::declared::{
    AlarmRule, BurnRule, CompositeRule, Declared, FilterValue, MetricFilterRule, SloRule,
};
use super::filter::Pattern;
use super::math::Expression;
use super::missing::evaluation_range;
use super::nearest;
use super::suppress::Patience;

mod alarms;
mod composites;
mod slos;

use alarms::{metric_alarm, training};
pub(super) use composites::rule_of;
use composites::{check_children, composite, in_order};
use slos::slo;

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

    /// The metrics that these rules read, and no others: what else comes in need not be counted.
    pub fn metrics(&self) -> BTreeSet<&str> {
        let alarms = self.metrics.iter().flat_map(|alarm| &alarm.reads);
        let slos = self.slos.iter().flat_map(|slo| [&slo.bad, &slo.total]);
        let reads = alarms.chain(slos);
        reads.map(|read| read.selector.metric.as_str()).collect()
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
