//! The metric series of a kept recording, on one grid of moments, as the peers are given them.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

/// Seconds between two moments: Prometheus asks this often in the shop.
pub const STEP: f64 = 5.0;
/// Statistics of what came in since the point before; several within one step are added.
const ADDED: [&str; 4] = ["increase", "count", "sum", "restarts"];
/// A moment at which so few of the series have a value lies in a hole between two stretches that were asked for.
const HOLE: f64 = 0.1;
/// A series that no statistic names a counter is taken for one if it never falls and rises in so many of the steps before
/// the alarm: exporters leave some untyped.
const RISES: f64 = 0.25;
/// So many moments at the least are normal, however short the past is.
const NORMAL: usize = 6;
/// Columns before the labels; the value is the last one.
const COLUMNS: [&str; 5] = ["time", "entity", "metric", "statistic", "unit"];
/// The exporter of processes says by this label whose they are. Midwatch keeps them all under the exporter's own name; a
/// person who reads the series takes them for the group's.
const GROUP: &str = "label.groupname";
/// Groups of processes whose program has another name than what it serves.
const PROGRAMS: [(&str, &str); 2] = [("redis-server", "redis"), ("beam.smp", "rabbitmq")];

/// All series of a recording that change at all.
#[derive(Debug, PartialEq)]
pub struct Laid {
    /// The moments of the grid, in seconds since the epoch.
    pub times: Vec<f64>,
    /// When the first alarm fired.
    pub alarm: f64,
    /// When Midwatch looked: nothing after it is shown to anybody.
    pub now: f64,
    /// Points that were read, after several within one step became one.
    pub points: usize,
    /// The series, in the order of their names.
    pub series: Vec<Series>,
}

/// One of them.
#[derive(Debug, PartialEq)]
pub struct Series {
    /// Whose it is.
    pub entity: String,
    /// What is measured, with the statistic.
    pub metric: String,
    /// A value for each moment.
    pub values: Vec<f64>,
}

impl Laid {
    /// Reads a `.tar.zst` that Midwatch kept.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let shown = || file.display().to_string();
        let input = File::open(file).with_context(shown)?;
        let input = zstd::stream::read::Decoder::new(input).with_context(shown)?;
        let mut archive = tar::Archive::new(input);
        let (mut recording, mut alarms, mut points) = (None, None, None);
        for entry in archive.entries().with_context(shown)? {
            let entry = entry.with_context(shown)?;
            let name = entry.path().with_context(shown)?;
            match name.to_string_lossy().trim_start_matches("./") {
                "recording.json" => recording = Some(serde_json::from_reader(entry)?),
                "alarms.json" => alarms = Some(serde_json::from_reader(entry)?),
                "metrics/metrics.csv" => points = Some(Points::read(entry).with_context(shown)?),
                _ => {}
            }
        }
        let lacks = |what: &str| format!("{} has no {what}", shown());
        Self::of(
            &recording.with_context(|| lacks("recording.json"))?,
            &alarms.with_context(|| lacks("alarms.json"))?,
            &points.with_context(|| lacks("metrics/metrics.csv"))?,
        )
        .with_context(shown)
    }

    /// Lays the points on the grid.
    fn of(recording: &Value, alarms: &Value, points: &Points) -> anyhow::Result<Self> {
        let now = recording["now"].as_str().and_then(seconds);
        let now = now.context("recording.json does not say when it was looked")?;
        let fired = alarms.as_array().into_iter().flatten();
        let alarm = fired
            .filter_map(|alarm| seconds(alarm["fired_at"].as_str()?))
            .reduce(f64::min)
            .context("alarms.json has no alarm that fired")?;
        let slots = points.slots(now);
        let times: Vec<f64> = slots.iter().map(|slot| *slot as f64 * STEP).collect();
        ensure!(
            times.len() > NORMAL,
            "{} moments of metrics are too few to ask anybody about",
            times.len()
        );
        let before = times.partition_point(|time| *time < alarm);
        let mut series = Vec::new();
        for (key, row) in &points.rows {
            let Some(values) = filled(row, &slots, key.added()) else {
                continue;
            };
            let values = match key.statistic.is_empty() && counts(&values, before) {
                true => steps(&values),
                false => values,
            };
            if values.iter().any(|value| Some(value) != values.first()) {
                series.push(Series {
                    entity: key.entity.clone(),
                    metric: format!("{} {}", key.metric, key.statistic)
                        .trim_end()
                        .to_string(),
                    values,
                });
            }
        }
        Ok(Self {
            times,
            alarm,
            now,
            points: points.rows.values().map(BTreeMap::len).sum(),
            series,
        })
    }

    /// The end of what is normal, if trouble is taken to have begun so many seconds before the alarm.
    pub fn moment(&self, before: f64) -> f64 {
        let earliest = self.times.get(NORMAL).copied().unwrap_or(self.alarm);
        let latest = self.times.last().copied().unwrap_or(self.alarm);
        (self.alarm - before).max(earliest).min(latest)
    }

    /// What the peers are given.
    pub fn given(&self, moments: &[(&str, f64)]) -> Value {
        let moments = moments
            .iter()
            .map(|(name, before)| ((*name).to_string(), json!(self.moment(*before))));
        json!({
            "times": self.times,
            "values": self.series.iter().map(|one| &one.values).collect::<Vec<_>>(),
            "moments": moments.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// What tells one series from another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    entity: String,
    metric: String,
    statistic: String,
    /// Unit and labels.
    rest: Vec<String>,
}

impl Key {
    fn added(&self) -> bool {
        ADDED.contains(&self.statistic.as_str())
    }
}

/// The points of all series, by the number of the step in which they lie.
struct Points {
    rows: BTreeMap<Key, BTreeMap<i64, f64>>,
}

impl Points {
    fn read(input: impl Read) -> anyhow::Result<Self> {
        let mut lines = csv::Reader::from_reader(input);
        let head = lines.headers()?.clone();
        ensure!(
            COLUMNS
                .iter()
                .enumerate()
                .all(|(at, name)| head.get(at) == Some(*name))
                && head.iter().next_back() == Some("value"),
            "metrics/metrics.csv is not laid out as a kept recording has it (time,entity,metric,statistic,unit,...,value)"
        );
        let group = head.iter().position(|name| name == GROUP);
        let mut names: BTreeMap<Key, usize> = BTreeMap::new();
        let mut rows: Vec<BTreeMap<i64, f64>> = Vec::new();
        // The same moments come again for each series, and the points of one series mostly one after the other.
        let mut moments: HashMap<String, i64> = HashMap::new();
        let (mut before, mut of, mut added) = (csv::StringRecord::new(), 0, false);
        let mut line = csv::StringRecord::new();
        while lines.read_record(&mut line)? {
            let last = line.len().saturating_sub(1);
            let cell = |at: usize| line.get(at).unwrap_or_default();
            let at = match moments.get(cell(0)) {
                Some(slot) => *slot,
                None => {
                    let wrong = || format!("metrics/metrics.csv: {:?} is no moment", cell(0));
                    let slot = slot(seconds(cell(0)).with_context(wrong)?);
                    moments.insert(cell(0).to_string(), slot);
                    slot
                }
            };
            let wrong = || format!("metrics/metrics.csv: {:?} is no number", cell(last));
            let value: f64 = cell(last).parse().with_context(wrong)?;
            // What is no number was not measured.
            if !value.is_finite() {
                continue;
            }
            if (1..last).any(|at| before.get(at) != line.get(at)) {
                let key = Key {
                    entity: owner(cell(1), group.map_or("", cell)),
                    metric: cell(2).to_string(),
                    statistic: cell(3).to_string(),
                    rest: (4..last).map(|at| cell(at).to_string()).collect(),
                };
                added = key.added();
                of = *names.entry(key).or_insert(rows.len());
                if of == rows.len() {
                    rows.push(BTreeMap::new());
                }
                before.clone_from(&line);
            }
            let kept = rows[of].entry(at).or_insert(0.0);
            *kept = if added { *kept + value } else { value };
        }
        let rows = names
            .into_iter()
            .map(|(key, of)| (key, std::mem::take(&mut rows[of])));
        Ok(Self {
            rows: rows.collect(),
        })
    }

    /// The steps up to `now` in which enough series have a value.
    fn slots(&self, now: f64) -> Vec<i64> {
        let mut seen: BTreeMap<i64, usize> = BTreeMap::new();
        for at in self.rows.values().flat_map(BTreeMap::keys) {
            *seen.entry(*at).or_default() += 1;
        }
        let enough = HOLE * self.rows.len() as f64;
        seen.range(..=slot(now))
            .filter(|(_, count)| **count as f64 >= enough)
            .map(|(at, _)| *at)
            .collect()
    }
}

/// Whose a series is.
fn owner(entity: &str, group: &str) -> String {
    if group.is_empty() {
        return entity.to_string();
    }
    let served = PROGRAMS.iter().find(|(program, _)| *program == group);
    format!("service/{}", served.map_or(group, |(_, serves)| *serves))
}

/// A value for each step: where nothing came in nothing, elsewhere the value before, or the first one. None if it has none.
fn filled(row: &BTreeMap<i64, f64>, slots: &[i64], added: bool) -> Option<Vec<f64>> {
    let first = slots.iter().find_map(|at| row.get(at))?;
    let mut last = *first;
    let value = |at: &i64| match (row.get(at), added) {
        (Some(value), _) => {
            last = *value;
            *value
        }
        (None, true) => 0.0,
        (None, false) => last,
    };
    Some(slots.iter().map(value).collect())
}

/// Is it a counter that nobody called one?
fn counts(values: &[f64], before: usize) -> bool {
    let changes: Vec<f64> = values.windows(2).map(|two| two[1] - two[0]).collect();
    let early = &changes[..changes.len().min(before.saturating_sub(1).max(1))];
    let rises = early.iter().filter(|change| **change > 0.0).count();
    changes.iter().all(|change| *change >= 0.0) && rises as f64 >= RISES * early.len() as f64
}

/// From each moment to the next; the first one is as the second, since what was before is not known.
fn steps(values: &[f64]) -> Vec<f64> {
    let changes: Vec<f64> = values.windows(2).map(|two| two[1] - two[0]).collect();
    changes
        .first()
        .into_iter()
        .chain(&changes)
        .copied()
        .collect()
}

fn slot(seconds: f64) -> i64 {
    (seconds / STEP).floor() as i64
}

/// A moment of RFC 3339 as seconds since the epoch.
pub fn seconds(text: &str) -> Option<f64> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(moment.as_nanosecond() as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::{Laid, Points, seconds};
    use serde_json::json;

    /// What is made of these lines, one line for each series; the alarm fires in the seventh of ten moments.
    fn laid(lines: &str) -> String {
        let head = "time,entity,metric,statistic,unit,label.groupname,value";
        let text = format!("{head}\n{}\n", lines.trim());
        let points = Points::read(text.as_bytes()).expect("it is laid out well");
        let recording = json!({"now": "2026-01-01T00:00:48.5Z"});
        let alarms =
            json!([{"fired_at": "2026-01-01T00:00:33Z"}, {"fired_at": "2026-01-01T00:00:32.25Z"}]);
        let laid = match Laid::of(&recording, &alarms, &points) {
            Ok(laid) => laid,
            Err(error) => return format!("{error:#}"),
        };
        assert_eq!(
            Some(laid.alarm),
            seconds("2026-01-01T00:00:32.25Z"),
            "the first one counts"
        );
        let mut text = format!("{} moments, {} points\n", laid.times.len(), laid.points);
        for one in &laid.series {
            let values: Vec<String> = one.values.iter().map(f64::to_string).collect();
            text.push_str(&format!(
                "{} {}: {}\n",
                one.entity,
                one.metric,
                values.join(" ")
            ));
        }
        text
    }

    /// A line for each of these values, five seconds apart; a dash is a hole.
    fn lines(name: &str, values: &str) -> String {
        let lines = values
            .split(' ')
            .enumerate()
            .filter(|(_, value)| *value != "-");
        let line = |(at, value): (usize, &str)| {
            format!("2026-01-01T00:00:{:02}Z,{name},{value}\n", at * 5)
        };
        lines.map(line).collect()
    }

    #[test]
    fn a_gauge_keeps_its_value_and_what_is_counted_keeps_nothing() {
        let text = lines("service/redis,memory,,bytes,", "- 7 - 8 8 8 8 8 9 9 99")
            + &lines("service/redis,evicted,increase,,", "1 - 2 - - - - 5 5 5 99");
        assert_eq!(
            laid(&text),
            "10 moments, 15 points\n\
             service/redis evicted increase: 1 0 2 0 0 0 0 5 5 5\n\
             service/redis memory: 7 7 7 8 8 8 8 8 9 9\n",
            "what comes after the look is not shown"
        );
    }

    #[test]
    fn several_within_a_step_are_added_or_the_last_one_counts() {
        let text = lines("a,events,count,,", "1 1 1 1 1 1 1 1 1 1")
            + &lines("a,heat,,,", "4 4 4 4 4 4 4 4 4 4")
            + "2026-01-01T00:00:07.5Z,a,events,count,,,2\n2026-01-01T00:00:07.5Z,a,heat,,,,6\n";
        assert_eq!(
            laid(&text),
            "10 moments, 20 points\n\
             a events count: 1 3 1 1 1 1 1 1 1 1\n\
             a heat: 4 6 4 4 4 4 4 4 4 4\n"
        );
    }

    #[test]
    fn a_counter_that_nobody_called_one_is_told_by_how_it_rises() {
        let text = lines("a,rises,,,", "10 12 14 16 18 20 22 30 40 50")
            + &lines("a,once,,,", "1 1 1 1 1 1 1 1 1 2")
            + &lines("a,falls,,,", "1 2 3 4 5 6 7 8 9 1");
        assert_eq!(
            laid(&text),
            "10 moments, 30 points\n\
             a falls: 1 2 3 4 5 6 7 8 9 1\n\
             a once: 1 1 1 1 1 1 1 1 1 2\n\
             a rises: 2 2 2 2 2 2 2 8 10 10\n"
        );
    }

    #[test]
    fn what_never_changes_and_what_is_no_number_are_left_out() {
        let text = lines("a,still,,,", "3 3 3 3 3 3 3 3 3 3")
            + &lines("a,none,,,", "NaN NaN NaN NaN NaN NaN NaN NaN NaN NaN")
            + &lines("a,moves,,,", "3 2 3 NaN 4 3 3 3 3 3");
        assert_eq!(
            laid(&text),
            "10 moments, 19 points\na moves: 3 2 3 3 4 3 3 3 3 3\n"
        );
    }

    #[test]
    fn processes_are_those_of_their_group() {
        let text = lines("service/process,files,,,storefront", "1 1 1 1 1 1 1 2 2 2")
            + &lines(
                "service/process,files,,,redis-server",
                "1 1 1 1 1 1 1 3 3 3",
            )
            + &lines("service/process,scrapes,,,", "1 1 1 1 1 1 1 4 4 4");
        assert_eq!(
            laid(&text),
            "10 moments, 30 points\n\
             service/process scrapes: 1 1 1 1 1 1 1 4 4 4\n\
             service/redis files: 1 1 1 1 1 1 1 3 3 3\n\
             service/storefront files: 1 1 1 1 1 1 1 2 2 2\n"
        );
    }

    #[test]
    fn a_moment_that_hardly_any_series_has_lies_in_a_hole() {
        let mut text = lines("a,early,,,", "1 2 1 2 1 2 1 2 1 2");
        for number in 0..20 {
            text += &lines(&format!("a,late{number:02},,,"), "- - 1 1 1 1 2 1 1 1");
        }
        assert!(laid(&text).starts_with("8 moments, "), "{}", laid(&text));
    }

    #[test]
    fn what_cannot_be_asked_about_is_said() {
        assert_eq!(
            laid(&lines("a,short,,,", "1 2 3")),
            "3 moments of metrics are too few to ask anybody about"
        );
        let of = |text: &str| match Points::read(text.as_bytes()) {
            Ok(_) => "read".to_string(),
            Err(error) => format!("{error:#}"),
        };
        assert!(of("when,what\n1,2\n").contains("is not laid out as a kept recording has it"));
        assert!(
            of("time,entity,metric,statistic,unit,value\nsoon,a,b,,,1\n")
                .contains("\"soon\" is no moment")
        );
        assert_eq!(seconds("1970-01-01T00:00:01.25Z"), Some(1.25));
        assert_eq!(seconds("noon"), None);
    }

    #[test]
    fn what_is_normal_ends_before_the_alarm_but_is_never_nothing() {
        let series = Vec::new();
        let times: Vec<f64> = (0..20).map(|at| f64::from(at) * 5.0).collect();
        let laid = Laid {
            times,
            alarm: 92.0,
            now: 99.0,
            points: 0,
            series,
        };
        let moments = laid.given(&[("60", 60.0), ("120", 120.0)]);
        assert_eq!(moments["moments"], json!({"60": 32.0, "120": 30.0}));
    }
}
