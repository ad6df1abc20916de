//! `midwatch silence`: quiet for a while, with a name and a reason; which silences stand, and the end of one.

use model::ports::{Clock as _, SilenceBook as _};
use model::silence::{Recurrence, Silence};
use model::time::Timestamp;
use serde_json::{Value, json};
use server::control::Request;

use super::Answer;
use crate::config::Length;
use crate::console::Console;
use crate::dress::pencil::{Pencil, Tone};
use crate::dress::{self, words};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::house::House;
use crate::wiring::live::SystemClock;

/// What, for how long, and why; or what is asked of those that were ordered.
#[derive(clap::Args, Debug)]
#[command(
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  \
    midwatch silence --entity function/eu/report --for 2h --why 'load test'\n  \
    midwatch silence --rule checkout-errors --for 30m --why 'planned migration'\n  \
    midwatch silence list                     those that stand\n  \
    midwatch silence list --all               those that are over, too\n  \
    midwatch silence end 412893551            the end of an id is enough\n\n\
    Ordering and ending are said to the server that runs; `list` reads the journal of the data folder, and no server\n\
    need run."
)]
pub struct Args {
    #[command(flatten)]
    house: super::Place,
    #[command(flatten)]
    order: Order,
    #[command(subcommand)]
    what: Option<What>,
}

/// Whom to be quiet about, for how long, and why. None of it is demanded where a word says to list or to end.
#[derive(clap::Args, Debug)]
#[command(group(
    clap::ArgGroup::new("whom")
        .args(["entity", "rule", "all"])
        .required(true)
        .multiple(true)
))]
struct Order {
    /// Alarms about this entity
    #[arg(long, value_name = "ID")]
    entity: Option<String>,
    /// Alarms of this rule
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// All alarms
    #[arg(long, conflicts_with_all = ["entity", "rule"])]
    all: bool,
    /// For how long
    #[arg(long = "for", value_name = "LENGTH", required = true)]
    length: Option<Length>,
    /// Why: whoever comes next will ask
    #[arg(long, value_name = "TEXT", required = true)]
    why: Option<String>,
    /// How to tell
    #[arg(long, value_enum)]
    format: Option<Answer>,
}

impl Order {
    /// Was any of it said?
    fn says_anything(&self) -> bool {
        let whom = self.entity.is_some() || self.rule.is_some() || self.all;
        whom || self.length.is_some() || self.why.is_some() || self.format.is_some()
    }
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Those that stand: until when, whom each is about, who ordered it and why
    ///
    /// Those of an Alertmanager are not among them: they are listed and ended there.
    #[command(after_help = "Examples:\n  \
        midwatch silence list\n  \
        midwatch silence list --all --format json")]
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// End one before its time, in your name
    ///
    /// Incidents that were silenced with it stay so until its old end; `midwatch incidents look` has one looked at now.
    #[command(after_help = "Example:\n  midwatch silence end 412893551")]
    End {
        /// Its id, or the end of it
        id: String,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
}

/// Tells the server, or reads the journal.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let house = args.house.house()?;
    let Some(what) = &args.what else {
        return order(&house, &args.order, console);
    };
    if args.order.says_anything() {
        return Err(Problem::bad_input(
            "what a silence is ordered with stands before a word that orders none",
            "midwatch silence",
            "leave it out, or put it behind the word, such as `midwatch silence list --all --format json`",
        ));
    }
    match what {
        What::List { all, format } => list(&house, *all, *format, console),
        What::End { id, format } => {
            let all = silences(&house)?;
            let request = Request::EndSilence {
                silence: find(&all, id, SystemClock.now())?.id.clone(),
            };
            house.tell(&request, *format, console)
        }
    }
}

/// Has the server write one down; what it says names the id, by which it can be ended.
fn order(house: &House, wanted: &Order, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let (Some(length), Some(why)) = (wanted.length, &wanted.why) else {
        return Err(Problem::bad_input(
            "it is not said for how long to be quiet, or why",
            "midwatch silence",
            "give both, such as --for 30m --why 'a load test'",
        ));
    };
    let format = wanted.format.unwrap_or_default();
    let request = Request::Silence {
        entity: wanted.entity.clone(),
        rule: wanted.rule.clone(),
        seconds: length.duration().as_secs(),
        why: why.clone(),
    };
    house.tell(&request, format, console)
}

/// Those that were ever ordered here, oldest first.
fn silences(house: &House) -> Result<Vec<Silence>, Problem> {
    let journal = house.journal()?;
    journal.silences().map_err(|error| house.refused(&error))
}

fn list(
    house: &House,
    all: bool,
    format: Answer,
    console: &mut Console<'_>,
) -> Result<Exit, Problem> {
    let now = SystemClock.now();
    let mut listed = silences(house)?;
    listed.retain(|silence| all || over(silence, now).is_none());
    let text = match format {
        Answer::Json => {
            let shown: Vec<Value> = listed.iter().map(|silence| shown(silence, now)).collect();
            dress::json(&shown)
        }
        Answer::Terminal if listed.is_empty() && all => "No silences.\n".to_string(),
        Answer::Terminal if listed.is_empty() => {
            "No silence stands; `midwatch silence list --all` shows those that are over.\n"
                .to_string()
        }
        Answer::Terminal => {
            let pencil = console.pencil();
            let lines = listed.iter().map(|silence| line(silence, now, &pencil));
            lines.collect()
        }
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

/// The one of that id, or the only one whose id ends so, if there is anything left to end.
fn find<'a>(all: &'a [Silence], id: &str, now: Timestamp) -> Result<&'a Silence, Problem> {
    let ids: Vec<&str> = all.iter().map(|one| one.id.as_str()).collect();
    let remedy = "`midwatch silence list --all` shows them; the end of an id is enough";
    let one = super::the_one(&ids, id, id, remedy)?;
    let Some(found) = all.iter().find(|silence| silence.id == one) else {
        return Err(Problem::bad_input("nothing here is called so", id, remedy));
    };
    match over(found, now) {
        None => Ok(found),
        Some(past) => Err(Problem::bad_input(
            format!("it is {past}"),
            found.id.clone(),
            "nothing is left to end; `midwatch silence list` shows those that stand",
        )),
    }
}

/// Since when it is over for good, and by whom; `None` while it may still be quiet.
fn over(silence: &Silence, now: Timestamp) -> Option<String> {
    let at = silence.over_since(now)?;
    let since = format!("over since {}", words::moment(at));
    Some(match &silence.ended_by {
        Some(by) if silence.ended == Some(at) => format!("{since}, ended by {by}"),
        _ => since,
    })
}

/// One line: which, how it stands, whom it is about, who ordered it and why.
fn line(silence: &Silence, now: Timestamp, pencil: &Pencil) -> String {
    let (tone, stands) = match (over(silence, now), silence.quiet_until(now)) {
        (Some(past), _) => (Tone::Faint, past),
        (None, Some(until)) => (Tone::Warn, format!("quiet until {}", words::moment(until))),
        (None, None) => (Tone::Plain, "not quiet now".to_string()),
    };
    let again = match silence.every {
        Recurrence::Once => "",
        Recurrence::Daily => ", each day",
        Recurrence::Weekly => ", each week",
    };
    pencil.paragraph(
        "",
        4,
        &[
            (Tone::Strong, silence.id.clone()),
            (tone, format!("{stands}{again}:")),
            (Tone::Plain, whom(silence)),
            (Tone::Faint, format!("({}: {})", silence.by, silence.why)),
        ],
    )
}

/// Whom it is about: all that is named must match.
fn whom(silence: &Silence) -> String {
    let named = [("entity", &silence.entity), ("rule", &silence.rule)];
    let named = named.into_iter();
    let mut parts: Vec<String> = named
        .filter_map(|(word, pattern)| Some(format!("{word} {}", pattern.as_ref()?)))
        .collect();
    let labels = silence.labels.iter();
    parts.extend(labels.map(|(name, pattern)| format!("{name}={pattern}")));
    if parts.is_empty() {
        return "all alarms".to_string();
    }
    parts.join(", ")
}

/// What programs are told of one; the API tells the same.
fn shown(silence: &Silence, now: Timestamp) -> Value {
    let mut told = json!(silence);
    told["quiet_until"] = json!(silence.quiet_until(now));
    told
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Of the rule `errors`, from the beginning of time until that second.
    fn until(id: &str, second: i64) -> Silence {
        Silence {
            id: id.to_string(),
            entity: None,
            rule: Some("errors".to_string()),
            labels: BTreeMap::new(),
            from: Timestamp::from_seconds(0),
            until: Timestamp::from_seconds(second),
            every: Recurrence::Once,
            by: "anna".to_string(),
            why: "a load test".to_string(),
            ended: None,
            ended_by: None,
        }
    }

    /// The same, ended by bob at that second.
    fn ended(id: &str, second: i64) -> Silence {
        Silence {
            ended: Some(Timestamp::from_seconds(second)),
            ended_by: Some("bob".to_string()),
            ..until(id, 100)
        }
    }

    const NOW: i64 = 50;

    #[test]
    fn one_is_found_by_the_end_of_its_id_while_there_is_anything_to_end() {
        let book = [
            until("silence-1234", 100),
            until("silence-5234", 100),
            until("234", 100),
            until("silence-77", 10),
            ended("silence-88", 20),
        ];
        for (id, found) in [
            ("silence-1234", "silence-1234"),
            ("1234", "silence-1234"),
            ("234", "234"),
            ("-5234", "silence-5234"),
            (
                "34",
                "3 of them end so, such as silence-1234, silence-5234, 234",
            ),
            ("nobody", "nothing here is called so"),
            ("", "nothing here is called so"),
            ("77", "it is over since 1970-01-01 00:00:10 UTC"),
            (
                "silence-88",
                "it is over since 1970-01-01 00:00:20 UTC, ended by bob",
            ),
        ] {
            let told = match find(&book, id, Timestamp::from_seconds(NOW)) {
                Ok(silence) => silence.id.clone(),
                Err(problem) => problem.what,
            };
            assert_eq!(told, found, "{id:?}");
        }
    }

    #[test]
    fn a_line_says_until_when_about_whom_and_who_said_so() {
        let all = Silence {
            rule: None,
            ..until("silence-2", 100)
        };
        let window = Silence {
            entity: Some("service/*".to_string()),
            labels: [("region".to_string(), "eu-*".to_string())].into(),
            every: Recurrence::Daily,
            ..until("silence-3", 10)
        };
        let passed = Silence {
            until: Timestamp::from_seconds(10),
            ..ended("silence-5", 20)
        };
        for (silence, told) in [
            (
                until("silence-1", 100),
                "silence-1 quiet until 1970-01-01 00:01:40 UTC: rule errors (anna: a load test)",
            ),
            (
                all,
                "silence-2 quiet until 1970-01-01 00:01:40 UTC: all alarms (anna: a load test)",
            ),
            (
                window,
                "silence-3 not quiet now, each day: entity service/*, rule errors, region=eu-* (anna: a load test)",
            ),
            (
                ended("silence-4", 20),
                "silence-4 over since 1970-01-01 00:00:20 UTC, ended by bob: rule errors (anna: a load test)",
            ),
            (
                // It had passed by itself before anybody ended it.
                passed,
                "silence-5 over since 1970-01-01 00:00:10 UTC: rule errors (anna: a load test)",
            ),
        ] {
            let pencil = Pencil::new(120, false, false);
            let line = line(&silence, Timestamp::from_seconds(NOW), &pencil);
            assert_eq!(line, format!("{told}\n"));
        }
    }
}
