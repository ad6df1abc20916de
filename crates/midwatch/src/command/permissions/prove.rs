//! `midwatch permissions prove`: whether the calls of a log are all among those that are needed.

use std::path::PathBuf;

use connectors::aws;
use connectors::pull::{Needs, proof};
use serde_json::{Value, json};

use super::{Vendor, wanted};
use crate::command::{Answer, Place};
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;

/// A log that is longer is given in parts.
const LONGEST: u64 = 256 << 20;

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch permissions prove calls.jsonl\n  \
    midwatch permissions prove trail.json --by role/midwatch --format json\n  \
    midwatch permissions prove deeds.jsonl --hands\n  \
    midwatch permissions prove audit.log --vendor kubernetes --by ops:midwatch\n  \
    midwatch permissions prove access.log --vendor prometheus --below /prometheus --by midwatch/\n\n\
    A log of AWS is what CloudTrail exports, what `aws cloudtrail lookup-events` prints, or what `call_log` of a\n\
    connector names. It is held against what `midwatch permissions aws` prints: a call that the configuration has\n\
    not turned on is not in the list. A log of Kubernetes, in a build that asks clusters, is the audit log of an\n\
    API server: events one after another, arrays of them, or lists of them (EventList). What cannot be read is an\n\
    error, never somebody else's call. A log of the others is the access log of whoever is asked, or of a proxy\n\
    before it, in the Common or the Combined Log Format, as nginx and Apache write it.\n\n\
    Exit codes: 0 all calls are in it, 1 some are not, 2 bad input or a failed write.")]
pub struct Args {
    /// The log
    log: PathBuf,
    /// Whose
    #[arg(long, value_enum, default_value = "aws")]
    vendor: Vendor,
    /// Only calls of callers whose name or ARN contains this; in an access log, also whose address or agent does
    #[arg(long, value_name = "TEXT", default_value = "")]
    by: String,
    /// The path below which the API stands in an access log, if it is not the root
    #[arg(long, value_name = "PATH")]
    below: Option<String>,
    /// Hold it against what hands need, in place of what is needed to look
    #[arg(long)]
    hands: bool,
    /// How to answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Answer,
}

/// What a log shows, whoever wrote it.
struct Shown {
    calls: u64,
    others: u64,
    known: usize,
    foreign: Vec<Foreign>,
}

/// A call that is not needed, and how often it was made.
struct Foreign {
    call: String,
    times: u64,
    /// What would have to be configured for it to be needed, if anything would do.
    only_with: Option<&'static str>,
}

impl From<(String, u64)> for Foreign {
    fn from((call, times): (String, u64)) -> Self {
        Self {
            call,
            times,
            only_with: None,
        }
    }
}

/// Holds a log against what is needed.
pub fn run(args: &Args, place: &Place, console: &mut Console<'_>) -> Result<Exit, Problem> {
    if args.hands && args.vendor != Vendor::Aws {
        return Err(Vendor::handless("midwatch permissions prove --hands"));
    }
    let needs = args.vendor.over_http();
    if let (Some(below), None) = (&args.below, needs) {
        return Err(Problem::bad_input(
            "its log tells of calls by their names",
            format!("--below {below}"),
            "leave --below out: it is for access logs",
        ));
    }
    let log = crate::command::read(&args.log, LONGEST, "give it in parts")?;
    let shown = match args.vendor {
        // Hands are held against the whole of their table, whatever the configuration lets them touch.
        Vendor::Aws if args.hands => of_aws(&log, &args.by, aws::deeds::by_trail, |_| None),
        Vendor::Aws => {
            let wanted = wanted(&place.house()?);
            let lacks = |action: &str| wanted.lacks(action);
            of_aws(&log, &args.by, aws::calls::by_trail, lacks)
        }
        #[cfg(feature = "kubernetes")]
        Vendor::Kubernetes => of_cluster(&log, &args.by),
        _ => needs.map_or_else(
            || Err("nothing is known of what is asked there".to_string()),
            |needs| over_http(&log, args, needs),
        ),
    };
    let shown = shown.map_err(|why| {
        Problem::bad_input(
            why,
            args.log.display().to_string(),
            "give a whole log of calls, and say whose with --vendor: `midwatch permissions prove --help` says which are understood",
        )
    })?;
    if shown.calls == 0 {
        return Err(empty(&shown, args));
    }
    let answer = match args.format {
        Answer::Json => dress::json(&for_programs(&shown, args.vendor)),
        Answer::Terminal => for_people(&shown),
    };
    console.print(&answer)?;
    Ok(match shown.foreign.is_empty() {
        true => Exit::Done,
        false => Exit::No,
    })
}

/// A call counts as needed if it is in the table and the configuration `lacks` nothing for it.
fn of_aws(
    log: &str,
    by: &str,
    table: aws::proof::Table,
    lacks: impl Fn(&str) -> Option<&'static str>,
) -> Result<Shown, String> {
    let proof = aws::proof::prove(log, by, table).map_err(|error| error.to_string())?;
    let mut known = 0;
    let mut foreign: Vec<Foreign> = proof.foreign.into_iter().map(Foreign::from).collect();
    for (call, times) in proof.known {
        match lacks(&call) {
            None => known += 1,
            only_with => foreign.push(Foreign {
                call,
                times,
                only_with,
            }),
        }
    }
    Ok(Shown {
        calls: proof.calls,
        others: proof.others,
        known,
        foreign,
    })
}

#[cfg(feature = "kubernetes")]
fn of_cluster(log: &str, by: &str) -> Result<Shown, String> {
    let proof = connectors::kubernetes::proof::prove(log, by).map_err(|error| error.to_string())?;
    Ok(Shown {
        calls: proof.calls,
        others: proof.others,
        known: proof.known.len(),
        foreign: proof.foreign.into_iter().map(Foreign::from).collect(),
    })
}

fn over_http(log: &str, args: &Args, needs: &Needs) -> Result<Shown, String> {
    let below = args.below.as_deref().unwrap_or_default();
    let proof = proof::prove(log, &args.by, below, needs).map_err(|error| error.to_string())?;
    Ok(Shown {
        calls: proof.calls,
        others: proof.others,
        known: proof.known.len(),
        foreign: proof.foreign.into_iter().map(Foreign::from).collect(),
    })
}

/// There is nothing in it that could be held against anything.
fn empty(shown: &Shown, args: &Args) -> Problem {
    let (what, remedy) = match shown.others {
        0 => (
            "there is no call in it".to_string(),
            "a log without calls proves nothing: give one of a time in which it was asked",
        ),
        others => (
            format!("none of its {others} calls is by {:?}", args.by),
            "a log without calls of whoever is meant proves nothing: look for the time, and for who is named with --by",
        ),
    };
    Problem::bad_input(what, args.log.display().to_string(), remedy)
}

fn for_programs(shown: &Shown, vendor: Vendor) -> Value {
    let foreign = shown
        .foreign
        .iter()
        .map(|one| json!({ "call": one.call, "times": one.times, "only_with": one.only_with }));
    json!({
        "vendor": vendor.key(),
        "calls": shown.calls,
        "of_others": shown.others,
        "kinds": shown.known,
        "not_needed": foreign.collect::<Vec<Value>>(),
    })
}

fn for_people(shown: &Shown) -> String {
    let mut text = String::new();
    for one in &shown.foreign {
        let call = dress::text::plain(&one.call);
        text += &format!("not in the list: {call} ({} times)", one.times);
        if let Some(option) = one.only_with {
            text += &format!(", which is asked only with {option}");
        }
        text += "\n";
    }
    let within = shown.calls - shown.foreign.iter().map(|one| one.times).sum::<u64>();
    text += &format!(
        "{within} of {} calls are among those that the connector needs\n",
        shown.calls
    );
    if shown.others > 0 {
        text += &format!("{} calls of others were left out\n", shown.others);
    }
    text
}
