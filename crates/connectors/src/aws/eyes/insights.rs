//! Lines with words of trouble, by one search of Logs Insights over all chosen groups.
//!
//! It is paid by what it reads, so it is only made where somebody said so (`insights`). What it will read is not known
//! before: it is guessed from what the groups hold, paid in advance, grown while the search says that it read more, and put
//! right by what it read in the end. A search is started and stopped, and neither alters anything.

use aws_sdk_cloudwatchlogs::operation::get_query_results::GetQueryResultsOutput;
use aws_sdk_cloudwatchlogs::types::QueryStatus;
use aws_smithy_async::rt::sleep::AsyncSleep as _;
use model::SourceKind;
use model::source::Asked;
use model::time::{SECOND, Span, Timestamp};
use serde_json::{Value, json};

use super::ask::{Asking, Miss, duration};
use super::found::{Found, Rows};
use super::metrics::quoted;
use super::tally::Look;
use crate::aws::calls::{self, Call};
use crate::files::Limits;
use crate::files::aws;
use crate::files::source::DataFile;
use crate::pull::Missed;

/// What is paid for.
const START: &str = "logs:StartQuery";
/// Groups that one search may go over.
const GROUPS: usize = 50;
/// Lines that one search is asked for: what one answer holds.
const MOST: i32 = 10_000;
/// Bytes for which a unit of the price list stands.
const UNIT: f64 = 1e6;
/// More than this nobody reads in seconds; an answer that says so is wrong.
const UNHEARD_OF: f64 = 1e15;
/// The first wait for an answer, which doubles, and the longest.
const WAIT: Span = Span(SECOND / 4);
const LONGEST: Span = Span(2 * SECOND);
/// With less time left the search is stopped: that is a call too.
const LEAVE: Span = Span(SECOND);
/// Days are what groups count their keeping in.
const DAY: i64 = 24 * 3_600 * SECOND;
/// Words that lines of trouble have; a line with a level of its own has one of them too.
const WORDS: &str = "error|exception|fail|fatal|panic|critical|emerg|alert|warn|traceback|timed?.?out|refused|reset by peer|\
                     denied|forbidden|unauthorized|unavailable|throttl|exceeded|exhausted|out ?of ?memory|oom.?kill|killed|unable|\
                     cannot|could not|corrupt|deadlock|rolled back";

/// A group of lines, and how much it holds.
pub(super) struct Group {
    pub name: String,
    /// Bytes in it, of all the time that it keeps.
    pub stored: i64,
    /// When it was made, in milliseconds.
    pub made: Option<i64>,
    /// Days that it keeps; for ever if there are none.
    pub days: Option<i32>,
}

/// What a search may read, in units: the share of what the groups hold that falls into the time that is looked at, as if
/// all times were alike.
fn estimate(asking: &Asking<'_>, groups: &[Group]) -> u64 {
    let length = asking.hull.length().0.max(1) as f64;
    let bytes: f64 = groups
        .iter()
        .map(|group| {
            let made = group.made.map(|at| Timestamp(at.saturating_mul(1_000_000)));
            let age = made.map_or(i64::MAX, |made| asking.now.since(made).0);
            let kept = group
                .days
                .map_or(i64::MAX, |days| DAY.saturating_mul(days.into()));
            let share = length / (age.min(kept).max(1) as f64).max(length);
            group.stored.max(0) as f64 * share
        })
        .sum();
    units(bytes)
}

/// Begun units.
fn units(bytes: f64) -> u64 {
    ((bytes / UNIT).ceil().clamp(0.0, UNHEARD_OF / UNIT) as u64).max(1)
}

/// What was paid for one search so far.
struct Bill<'l> {
    look: &'l Look,
    call: &'static Call,
    units: u64,
}

impl<'l> Bill<'l> {
    /// Pays for what it may read, if the money is there.
    fn open(asking: &'l Asking<'_>, units: u64) -> Result<Self, Missed> {
        let call = calls::by_action(START)
            .ok_or_else(|| Missed::Refused(0, format!("{START} is not in the list of calls")))?;
        asking.look.pay(call, units)?;
        let look = &*asking.look;
        Ok(Self { look, call, units })
    }

    /// Pays for more, if it reads more than was thought.
    fn grow(&mut self, units: u64) -> Result<(), Missed> {
        if units > self.units {
            let (paid, all) = (self.units, units);
            self.look.pay_more(self.call, paid, all)?;
            self.units = units;
        }
        Ok(())
    }

    /// So many it was.
    fn settle(self, units: u64) {
        self.look.settle(self.call, self.units, units);
    }
}

/// How a search ended for us.
enum Ended {
    /// All is there.
    Whole,
    /// Its service gave it up.
    Given(String),
    /// We did: it runs on unless it is stopped.
    Left(Miss),
}

/// The search over these groups in this time.
fn text() -> String {
    format!(
        "fields @timestamp, @message, @log, @logStream | filter @message like /(?i)({WORDS})/ | sort @timestamp desc | limit {MOST}"
    )
}

/// Reads the lines of these groups by one search; false if it was not even started, so that nothing was read or paid.
pub(super) async fn read(asking: &Asking<'_>, groups: &[Group], found: &mut Found) -> bool {
    if groups.is_empty() {
        return true;
    }
    if groups.len() > GROUPS {
        let detail = format!("{GROUPS} of {} log groups were searched", groups.len());
        let gap = asking.cut("all log groups", detail, "name log_groups");
        found.gaps.push(gap);
    }
    let groups = &groups[..groups.len().min(GROUPS)];
    match searched(asking, groups, found).await {
        Ok(()) => true,
        Err(miss) => {
            found.missed(
                asking,
                "lines by Logs Insights, which are read group by group",
                &miss,
            );
            false
        }
    }
}

async fn searched(asking: &Asking<'_>, groups: &[Group], found: &mut Found) -> Result<(), Miss> {
    let miss = |missed| Miss {
        action: START,
        missed,
    };
    let mut bill = Bill::open(asking, estimate(asking, groups)).map_err(miss)?;
    let names: Vec<String> = groups.iter().map(|group| group.name.clone()).collect();
    let sent = asking
        .place
        .logs
        .start_query()
        .set_log_group_names(Some(names.clone()))
        .start_time(asking.hull.from().0.div_euclid(SECOND))
        // Its end is a part of it.
        .end_time(asking.hull.to().0.saturating_sub(1).div_euclid(SECOND))
        .query_string(text())
        .limit(MOST)
        .send();
    let started = match asking.ask(START, 0, sent).await {
        Ok(started) => started,
        Err(miss) => {
            // Where no answer came it may run; where one did it does not.
            if !matches!(miss.missed, Missed::Timeout(_) | Missed::Unreached(_)) {
                bill.settle(0);
            }
            return Err(miss);
        }
    };
    let id = started.query_id().unwrap_or_default();
    let (ended, answer) = awaited(asking, id, &mut bill).await;
    let read = answer.as_ref().and_then(|answer| answer.statistics());
    let read = read.map(|statistics| units(statistics.bytes_scanned()));
    let all = answer
        .as_ref()
        .map_or(0, |answer| rows(asking, answer, found));
    match ended {
        Ended::Whole => {
            let paid = bill.units;
            bill.settle(read.unwrap_or(paid));
            cut(asking, answer.as_ref(), all, found);
        }
        Ended::Given(status) => {
            let paid = bill.units;
            bill.settle(read.unwrap_or(paid));
            let gave = Missed::Strange(format!("the search ended as {status}"));
            let action = "logs:GetQueryResults";
            found.missed(
                asking,
                "all lines by Logs Insights",
                &Miss {
                    action,
                    missed: gave,
                },
            );
        }
        Ended::Left(miss) => {
            // What it read until it stopped is paid, and not told any more.
            let paid = bill.units;
            bill.settle(read.unwrap_or(paid).max(paid));
            found.missed(asking, "all lines by Logs Insights", &miss);
            let sent = asking.place.logs.stop_query().query_id(id).send();
            if let Err(miss) = asking.ask("logs:StopQuery", 1, sent).await {
                found.missed(asking, "that a search of Logs Insights ended", &miss);
            }
        }
    }
    found.asked.push(Asked {
        kind: SourceKind::Logs,
        entity: None,
        metric: String::new(),
        statistic: String::new(),
        text: format!(
            "aws logs start-query --region {} --log-group-names {} --start-time START --end-time END --query-string {}",
            quoted(&asking.place.region),
            names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(" "),
            quoted(&text())
        ),
    });
    Ok(())
}

/// Asks for the results until they are all there, or it is time to leave; the last answer that came.
async fn awaited(
    asking: &Asking<'_>,
    id: &str,
    bill: &mut Bill<'_>,
) -> (Ended, Option<GetQueryResultsOutput>) {
    let mut last = None;
    let mut wait = WAIT;
    loop {
        if asking.look.left().0 <= wait.0 + LEAVE.0 {
            let why = "the search did not end before the look was over".to_string();
            let (action, missed) = (START, Missed::Timeout(why));
            return (Ended::Left(Miss { action, missed }), last);
        }
        asking.sleep.sleep(duration(wait)).await;
        wait = Span((wait.0 * 2).min(LONGEST.0));
        let sent = asking.place.logs.get_query_results().query_id(id).send();
        let answer = match asking.ask("logs:GetQueryResults", 1, sent).await {
            Ok(answer) => answer,
            Err(miss) => return (Ended::Left(miss), last),
        };
        let read = answer.statistics().map(|one| units(one.bytes_scanned()));
        let status = answer.status().cloned();
        last = Some(answer);
        match status {
            Some(QueryStatus::Complete) => return (Ended::Whole, last),
            Some(QueryStatus::Running | QueryStatus::Scheduled) => {}
            other => {
                let status = other.map_or("nothing known".to_string(), |one| one.to_string());
                return (Ended::Given(status), last);
            }
        }
        if let Err(missed) = bill.grow(read.unwrap_or(0)) {
            let action = START;
            return (Ended::Left(Miss { action, missed }), last);
        }
    }
}

/// Reads the lines of an answer as the command line would print them; how many there are.
fn rows(asking: &Asking<'_>, answer: &GetQueryResultsOutput, found: &mut Found) -> usize {
    let cell = |field: &str, value: &str| -> Value {
        // As `FilterLogEvents` has it.
        let field = match field {
            "@logStream" => "log_stream",
            field => field,
        };
        json!({ "field": field, "value": value })
    };
    let lines: Vec<Value> = answer
        .results()
        .iter()
        // The newest stand first.
        .rev()
        .map(|row| {
            let cells = row.iter();
            let cells = cells.filter_map(|one| Some(cell(one.field()?, one.value()?)));
            cells.collect()
        })
        .collect();
    let count = lines.len();
    let name = format!("{}/{}/logs/insights", asking.source, asking.place.name);
    let mut rows = Rows::new(&name, asking.hull);
    let text = json!({ "results": lines }).to_string();
    let file = DataFile::in_memory("logs/answer.json", text.as_bytes());
    // Made here a moment ago, it can be read.
    let _ = aws::rows(
        &file,
        aws::Rows::QueryResults,
        &Limits::default(),
        &mut rows,
    );
    rows.pour(found);
    count
}

/// That there are more lines than one search gives.
fn cut(
    asking: &Asking<'_>,
    answer: Option<&GetQueryResultsOutput>,
    lines: usize,
    found: &mut Found,
) {
    let matched = answer.and_then(|answer| answer.statistics());
    let matched = matched.map_or(0.0, |statistics| statistics.records_matched());
    if lines < MOST as usize && matched <= lines as f64 {
        return;
    }
    let first = found.logs.iter().map(|line| line.time).min();
    let since = first.map_or(String::new(), |at| format!(", back to {at}"));
    let detail = format!(
        "the newest {lines} of {matched:.0} lines with words of trouble were read{since}; that there are none before says nothing"
    );
    let gap = asking.cut("all log lines", detail, "name fewer log_groups");
    found.gaps.push(gap);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_counted_in_begun_units() {
        assert_eq!(units(0.0), 1);
        assert_eq!(units(1.0), 1);
        assert_eq!(units(2_500_000.0), 3);
        for wrong in [f64::NAN, f64::NEG_INFINITY, -5.0] {
            assert_eq!(units(wrong), 1, "{wrong}");
        }
        assert_eq!(units(f64::INFINITY), 1_000_000_000);
    }

    #[test]
    fn the_search_is_one_that_only_filters() {
        let text = text();
        let stages: Vec<&str> = text.split(" | ").collect();
        assert_eq!(stages.len(), 4, "{text}");
        assert!(!WORDS.contains(['/', '\'', '\n']) && !WORDS.contains(" | "));
        let words = regex::Regex::new(&format!("(?i)({WORDS})")).unwrap();
        for line in [
            "ERROR Rate exceeded",
            "2026-01-01 Task timed out after 3.00 seconds",
            "java.lang.NullPointerException: x",
            "{\"level\":\"warning\"}",
            "connect: connection refused",
        ] {
            assert!(words.is_match(line), "{line}");
        }
        for line in [
            "INFO order 17 paid",
            "GET /health 200",
            "INFO room 12 is free",
        ] {
            assert!(!words.is_match(line), "{line}");
        }
    }
}
