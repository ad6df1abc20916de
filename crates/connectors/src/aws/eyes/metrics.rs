//! Numbers: which metrics there are, which of them are read, and their points.
//!
//! `GetMetricData` takes 500 metrics and gives 100,800 points at once, and is paid by the metric.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{
    Dimension, MetricAlarm, MetricDataQuery, MetricStat, RecentlyActive, ScanBy,
};
use model::source::Asked;
use model::telemetry::SeriesKey;
use model::time::{MINUTE, SECOND, Span, TimeWindow, Timestamp};
use model::{EntityId, Series, SourceKind};

use super::alarms::{Alarms, moment, stamp};
use super::ask::{Asking, Miss};
use super::formulas::Formula;
use super::found::{Found, is_astray};
use super::repeats::clip;
use crate::files::aws::names;

/// Metrics of one question.
const AT_ONCE: usize = 500;
/// Points of one answer.
const POINTS: usize = 100_800;
/// Points that a series is read in at most.
const LONGEST: i64 = 1_440;
/// Lists of metrics that are read, each of 500.
const PAGES: usize = 8;
/// Computations of alarms that are read.
const FORMULAS: usize = 100;
/// Answers that one question may have.
const PARTS: usize = 20;

/// A metric, and the statistic of it that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Metric {
    pub namespace: String,
    pub name: String,
    /// By name.
    pub dimensions: Vec<(String, String)>,
    pub statistic: String,
}

fn pairs(dimensions: &[Dimension]) -> Vec<(String, String)> {
    let mut pairs: Vec<(String, String)> = dimensions
        .iter()
        .filter_map(|one| Some((one.name()?.to_string(), one.value()?.to_string())))
        .collect();
    pairs.sort();
    pairs
}

impl Metric {
    /// What an alarm looks at that looks at one.
    pub fn of_alarm(alarm: &MetricAlarm) -> Option<Self> {
        alarm.metric_name().map(|name| Self {
            namespace: alarm.namespace().unwrap_or_default().to_string(),
            name: name.to_string(),
            dimensions: pairs(alarm.dimensions()),
            statistic: alarm
                .statistic()
                .map(|statistic| statistic.as_str())
                .or(alarm.extended_statistic())
                .unwrap_or("Average")
                .to_string(),
        })
    }

    /// What a question is about that computes nothing.
    pub fn of_query(query: &MetricDataQuery) -> Option<Self> {
        let stat = query.metric_stat()?;
        let metric = stat.metric()?;
        Some(Self {
            namespace: metric.namespace()?.to_string(),
            name: metric.metric_name()?.to_string(),
            dimensions: pairs(metric.dimensions()),
            statistic: stat.stat().unwrap_or("Average").to_string(),
        })
    }

    /// The question about it, under this id.
    pub fn query(&self, id: &str, step: Span, returned: bool) -> MetricDataQuery {
        let dimensions = self.dimensions.iter();
        let dimensions = dimensions.map(|(n, v)| Dimension::builder().name(n).value(v).build());
        let about = aws_sdk_cloudwatch::types::Metric::builder()
            .namespace(&self.namespace)
            .metric_name(&self.name)
            .set_dimensions(Some(dimensions.collect()))
            .build();
        let stat = MetricStat::builder()
            .metric(about)
            .period(i32::try_from(step.0 / SECOND).unwrap_or(i32::MAX))
            .stat(&self.statistic)
            .build();
        MetricDataQuery::builder()
            .id(id)
            .metric_stat(stat)
            .return_data(returned)
            .build()
    }

    /// The question, ready to be copied.
    fn asked(&self, region: &str, period: Span) -> String {
        let mut text = format!(
            "aws cloudwatch get-metric-statistics --region {} --namespace {} --metric-name {}",
            quoted(region),
            quoted(&self.namespace),
            quoted(&self.name)
        );
        if !self.dimensions.is_empty() {
            text += " --dimensions";
            for (name, value) in &self.dimensions {
                text += &format!(" {}", quoted(&format!("Name={name},Value={value}")));
            }
        }
        let plain = ["Average", "Sum", "Minimum", "Maximum", "SampleCount"];
        let option = if plain.contains(&self.statistic.as_str()) {
            "--statistics"
        } else {
            "--extended-statistics"
        };
        text + &format!(
            " {option} {} --period {} --start-time START --end-time END",
            quoted(&self.statistic),
            period.0 / SECOND
        )
    }

    /// The unit in which AWS's own services count this; empty where that is not known.
    fn unit(&self) -> &'static str {
        if !self.namespace.starts_with("AWS/") || self.statistic == "SampleCount" {
            return "";
        }
        let seconds = ["AWS/RDS", "AWS/ApplicationELB", "AWS/ELB", "AWS/EBS"];
        match self.name.as_str() {
            "ApproximateAgeOfOldestMessage" | "TargetResponseTime" => "s",
            name if name.ends_with("Utilization") => "%",
            name if name.ends_with("Duration") || name.ends_with("Latency") => {
                if seconds.contains(&self.namespace.as_str()) {
                    "s"
                } else {
                    "ms"
                }
            }
            name if name.ends_with("Bytes") => "By",
            _ => "",
        }
    }
}

/// In single quotes where a shell would read more out of it.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_string();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Which statistics tell what a metric of this name shows.
fn statistics(name: &str) -> &'static [&'static str] {
    let lower = name.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["latency", "duration", "responsetime", "response_time"]) {
        &["Average", "p99"]
    } else if has(&["age", "lag", "depth", "visible", "concurrent", "queue"])
        && !has(&["usage", "storage", "messagessent", "percentage"])
    {
        &["Maximum"]
    } else if has(&[
        "utilization",
        "percent",
        "free",
        "usage",
        "load",
        "connections",
        "healthy",
        "temperature",
        "ratio",
        "provisioned",
        "capacity",
        "memory",
        "size",
        "credit",
    ]) && !has(&["consumed"])
    {
        &["Average"]
    } else {
        &["Sum"]
    }
}

/// The time between points: as fine as CloudWatch has it, unless that would be too many.
pub(super) fn period(hull: TimeWindow) -> Span {
    let fitting = hull.length().0 / LONGEST;
    let whole = [1, 5, 15, 60].map(|minutes| minutes * MINUTE);
    let day = 24 * 60 * MINUTE;
    Span(whole.into_iter().find(|one| *one >= fitting).unwrap_or(day))
}

/// Numbers in this time.
pub(super) async fn look(asking: &Asking<'_>, alarms: &Alarms) -> Found {
    let mut found = Found::default();
    let listed = match list(asking, &mut found).await {
        Ok(listed) => listed,
        Err(miss) => {
            found.missed(asking, "which metrics there are", &miss);
            Vec::new()
        }
    };
    let mut wanted = alarms.metrics.clone();
    wanted.extend(chosen(listed, alarms));
    let mut known = std::collections::BTreeSet::new();
    wanted.retain(|metric| known.insert(metric.clone()));
    let most = asking.settings.metrics;
    if wanted.len() > most {
        let detail = format!("{} of {} metrics were read", most, wanted.len());
        let gap = asking.cut("all metrics", detail, "name namespaces, or raise metrics");
        found.gaps.push(gap);
        wanted.truncate(most);
    }
    let computed = alarms.formulas.len();
    if computed > FORMULAS {
        let detail = format!("{FORMULAS} of {computed} were read");
        let how = "name fewer regions and accounts";
        found
            .gaps
            .push(asking.cut("all that alarms compute", detail, how));
    }
    let metrics: Vec<Wanted<'_>> = wanted.iter().map(Wanted::Metric).collect();
    read(asking, &metrics, &mut found).await;
    // CloudWatch refuses a whole question for one expression that it takes for wrong: no metric stands in theirs.
    let computed = alarms.formulas.iter().take(FORMULAS);
    let computed = computed.map(|(who, formula)| Wanted::Formula(who, formula));
    read(asking, &computed.collect::<Vec<_>>(), &mut found).await;
    found.tell_strays(asking, SourceKind::Metrics);
    found
}

/// Something whose points are read.
enum Wanted<'w> {
    Metric(&'w Metric),
    /// What an alarm computes, and whom the alarm is about.
    Formula(&'w EntityId, &'w Formula),
}

impl Wanted<'_> {
    /// How many questions it takes, and how many of them are paid for.
    fn size(&self) -> (usize, usize) {
        match self {
            Self::Metric(_) => (1, 1),
            Self::Formula(_, formula) => formula.size(),
        }
    }

    fn queries(&self, id: &str, step: Span) -> Vec<MetricDataQuery> {
        match self {
            Self::Metric(metric) => vec![metric.query(id, step, true)],
            Self::Formula(_, formula) => formula.queries(id, step),
        }
    }

    /// What its series is called, and how it is asked for.
    /// Does its number of a period grow until the period is over?
    fn adds_up(&self) -> bool {
        match self {
            Self::Metric(metric) => ["Sum", "SampleCount"].contains(&metric.statistic.as_str()),
            Self::Formula(..) => false,
        }
    }

    fn told(&self, asking: &Asking<'_>, step: Span, found: &mut Found) -> (SeriesKey, String) {
        let region = &asking.place.region;
        match self {
            Self::Metric(metric) => {
                let entity = found.by_dimensions(&metric.dimensions, &metric.name);
                let key = SeriesKey {
                    labels: rest(metric, &entity),
                    entity,
                    metric: metric.name.clone(),
                    statistic: metric.statistic.clone(),
                    unit: metric.unit().to_string(),
                };
                (key, metric.asked(region, step))
            }
            Self::Formula(who, formula) => {
                found.directory.meet(who);
                let key = SeriesKey {
                    labels: BTreeMap::from([("expression".to_string(), clip(&formula.expression))]),
                    entity: (*who).clone(),
                    metric: formula.name.clone(),
                    statistic: "expression".to_string(),
                    unit: String::new(),
                };
                (key, formula.asked(region, step))
            }
        }
    }
}

/// As many at once as fit into one question.
fn portions<'w>(wanted: &'w [Wanted<'w>], most: usize) -> Vec<&'w [Wanted<'w>]> {
    let mut portions = Vec::new();
    let (mut begin, mut size) = (0, 0);
    for (i, one) in wanted.iter().enumerate() {
        let own = one.size().0;
        if size + own > most && i > begin {
            portions.push(&wanted[begin..i]);
            (begin, size) = (i, 0);
        }
        size += own;
    }
    if begin < wanted.len() {
        portions.push(&wanted[begin..]);
    }
    portions
}

/// Which metrics there are.
async fn list(asking: &Asking<'_>, found: &mut Found) -> Result<Vec<Metric>, Miss> {
    let all = [String::new()];
    let namespaces = match &asking.settings.namespaces[..] {
        [] => &all[..],
        named => named,
    };
    // CloudWatch can leave out what was silent for longer than this; older times need what is silent now, too.
    let lately = asking.now.since(asking.hull.from()).0 < 3 * 60 * MINUTE;
    let mut metrics = Vec::new();
    let mut pages = 0;
    for namespace in namespaces {
        let mut next = None;
        loop {
            if pages == PAGES {
                let detail = format!("the first {} metrics were looked at", metrics.len());
                let gap = asking.cut("all metrics", detail, "name namespaces");
                found.gaps.push(gap);
                return Ok(metrics);
            }
            pages += 1;
            let sent = asking
                .place
                .cloudwatch
                .list_metrics()
                .set_namespace((!namespace.is_empty()).then(|| namespace.clone()))
                .set_recently_active(lately.then_some(RecentlyActive::Pt3H))
                .set_next_token(next)
                .send();
            let answer = asking.ask("cloudwatch:ListMetrics", 1, sent).await?;
            found.seen.insert(SourceKind::Metrics);
            for metric in answer.metrics() {
                let own = metric.namespace().unwrap_or_default();
                // What costs money must not hang on what an emulator leaves out of account.
                if !namespace.is_empty() && own != namespace {
                    continue;
                }
                metrics.push(Metric {
                    namespace: own.to_string(),
                    name: metric.metric_name().unwrap_or_default().to_string(),
                    dimensions: pairs(metric.dimensions()),
                    statistic: String::new(),
                });
            }
            next = answer.next_token().map(str::to_string);
            if next.is_none() {
                break;
            }
        }
    }
    Ok(metrics)
}

/// Those that are about somebody, with the statistics that tell; who fires comes first.
fn chosen(listed: Vec<Metric>, alarms: &Alarms) -> Vec<Metric> {
    let mut names = Found::default();
    let mut ranked: Vec<(bool, Metric)> = Vec::new();
    for metric in listed {
        let about = metric.dimensions.iter();
        let about = names::most_telling(about.map(|(n, v)| (n.as_str(), v.as_str())));
        let Some(who) = about else {
            // Sums over an account say nothing about anybody.
            continue;
        };
        let calm = !alarms.firing.contains(&names.directory.id(&who));
        for statistic in statistics(&metric.name) {
            let metric = Metric {
                statistic: (*statistic).to_string(),
                ..metric.clone()
            };
            ranked.push((calm, metric));
        }
    }
    ranked.sort();
    ranked.into_iter().map(|(_, metric)| metric).collect()
}

/// The points of these.
async fn read(asking: &Asking<'_>, wanted: &[Wanted<'_>], found: &mut Found) {
    let step = period(asking.hull);
    let from = Timestamp(asking.hull.from().0.div_euclid(step.0) * step.0);
    let points = (asking.hull.to().since(from).0 / step.0 + 1).max(1) as usize;
    let at_once = (POINTS / points).clamp(1, AT_ONCE);
    for some in portions(wanted, at_once) {
        match answers(asking, some, from, step).await {
            Ok((columns, troubled)) => {
                found.seen.insert(SourceKind::Metrics);
                for (one, (times, values)) in some.iter().zip(columns) {
                    take(asking, one, times, values, step, found);
                }
                if troubled > 0 {
                    let detail =
                        format!("{troubled} of {} metrics came in part or not", some.len());
                    let gap = asking.cut("whole metrics", detail, "look again, or name namespaces");
                    found.gaps.push(gap.hiding([SourceKind::Metrics]));
                }
            }
            Err(miss) => {
                found.missed(asking, &format!("{} metrics", some.len()), &miss);
                break;
            }
        }
    }
}

type Columns = Vec<(Vec<i64>, Vec<f64>)>;

/// Times and values of each, in the order of the question; and how many did not come whole.
async fn answers(
    asking: &Asking<'_>,
    some: &[Wanted<'_>],
    from: Timestamp,
    step: Span,
) -> Result<(Columns, usize), Miss> {
    let queries: Vec<MetricDataQuery> = some
        .iter()
        .enumerate()
        .flat_map(|(i, one)| one.queries(&format!("m{i}"), step))
        .collect();
    let mut columns: Columns = vec![Default::default(); some.len()];
    let mut troubled = 0;
    let mut next = None;
    let mut units = some.iter().map(|one| one.size().1 as u64).sum();
    for _ in 0..PARTS {
        let sent = asking
            .place
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries.clone()))
            .start_time(stamp(from))
            .end_time(stamp(asking.hull.to()))
            .scan_by(ScanBy::TimestampAscending)
            .set_next_token(next)
            .send();
        let answer = asking.ask("cloudwatch:GetMetricData", units, sent).await?;
        // A question is paid once, however many parts its answer has.
        units = 0;
        for result in answer.metric_data_results() {
            let index = result
                .id()
                .and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
            let Some((times, values)) = index.and_then(|index| columns.get_mut(index)) else {
                continue;
            };
            let status = result
                .status_code()
                .map_or("Complete", |status| status.as_str());
            troubled += usize::from(matches!(status, "InternalError" | "Forbidden"));
            let points = result.timestamps().iter().zip(result.values());
            for (at, value) in points {
                times.push(moment(at).0);
                values.push(*value);
            }
        }
        next = answer.next_token().map(str::to_string);
        if next.is_none() {
            return Ok((columns, troubled));
        }
    }
    Ok((columns, troubled.max(1)))
}

/// A series of these points, if there are any.
fn take(
    asking: &Asking<'_>,
    one: &Wanted<'_>,
    times: Vec<i64>,
    values: Vec<f64>,
    step: Span,
    found: &mut Found,
) {
    // CloudWatch stamps a period with its beginning. What it counts was so by its end, or by now: stamped so, whatever
    // altered it lies before the first point that shows it.
    let last = asking.hull.to().0 - 1;
    // What begins later was not asked for.
    let asked = times
        .into_iter()
        .zip(values)
        .filter(|(at, _)| *at <= last || is_astray(Timestamp(*at), asking.hull));
    let ends = asked.map(|(at, value)| (at.saturating_add(step.0), value));
    let mut points: BTreeMap<i64, f64> = BTreeMap::new();
    for (end, value) in ends.filter(|(_, value)| value.is_finite()) {
        if is_astray(Timestamp(end), asking.hull) {
            found.strays += 1;
            continue;
        }
        // A sum only grows until its period is over: that it is lower than the one before says nothing yet.
        let before = points
            .last_key_value()
            .map_or(f64::MIN, |(_, before)| *before);
        if end > last + 1 && one.adds_up() && value < before {
            continue;
        }
        points.insert(end.min(last), value);
    }
    points.retain(|at, _| asking.hull.contains(Timestamp(*at)));
    if points.is_empty() {
        return;
    }
    let (key, text) = one.told(asking, step, found);
    // Dimensions that name the same one twice would make one series of two.
    if found.series.iter().any(|known| known.key == key) {
        return;
    }
    found.asked.push(Asked {
        kind: SourceKind::Metrics,
        entity: Some(key.entity.clone()),
        metric: key.metric.clone(),
        statistic: key.statistic.clone(),
        text,
    });
    found.series.push(Series {
        key,
        times: points.keys().copied().collect(),
        values: points.values().copied().collect(),
    });
}

/// Dimensions that say more than whom the metric is about.
fn rest(metric: &Metric, entity: &EntityId) -> BTreeMap<String, String> {
    let named = entity.as_str();
    let says_more = |value: &str| !named.ends_with(names::arn(value).1);
    let rest = metric.dimensions.iter();
    rest.filter(|(_, value)| says_more(value))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statistics_of_a_metric_tell_what_it_shows() {
        let cases = "\
Duration Average p99
SuccessfulRequestLatency Average p99
ApproximateAgeOfOldestMessage Maximum
ApproximateNumberOfMessagesVisible Maximum
ConcurrentExecutions Maximum
CPUUtilization Average
FreeableMemory Average
ProvisionedReadCapacityUnits Average
ConsumedReadCapacityUnits Sum
Errors Sum
Throttles Sum
Invocations Sum
NumberOfMessagesSent Sum
HTTPCode_Target_5XX_Count Sum
orders_placed Sum
";
        for case in cases.lines() {
            let (name, wanted) = case.split_once(' ').unwrap();
            assert_eq!(statistics(name).join(" "), wanted, "{name}");
        }
    }

    #[test]
    fn points_are_as_fine_as_they_may_be() {
        let hull =
            |minutes: i64| TimeWindow::new(Timestamp(0), Timestamp(minutes * MINUTE)).unwrap();
        for (minutes, wanted) in [
            (1, 1),
            (240, 1),
            (1_440, 1),
            (1_441, 5),
            (10_000, 15),
            (50_000, 60),
        ] {
            assert_eq!(period(hull(minutes)).0, wanted * MINUTE, "{minutes}");
        }
    }

    #[test]
    fn what_is_asked_can_be_copied_into_a_shell() {
        let metric = Metric {
            namespace: "AWS/Lambda".to_string(),
            name: "Errors".to_string(),
            dimensions: vec![("FunctionName".to_string(), "a'; rm -rf /".to_string())],
            statistic: "p99.9".to_string(),
        };
        assert_eq!(
            metric.asked("eu-west-1", Span(MINUTE)),
            "aws cloudwatch get-metric-statistics --region eu-west-1 --namespace AWS/Lambda --metric-name Errors \
             --dimensions 'Name=FunctionName,Value=a'\\''; rm -rf /' --extended-statistics p99.9 --period 60 \
             --start-time START --end-time END"
        );
        assert_eq!(quoted(""), "''");
    }
}
