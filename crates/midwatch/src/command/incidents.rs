//! `midwatch incidents`: what is broken, what was, and how each stands.

use std::path::PathBuf;

use model::incident::{Entry, Incident, IncidentId};
use serde_json::json;
use server::api::incidents::Summary;
use server::control::Request;

use super::Answer;
use crate::console::Console;
use crate::dress::{
    self, Format, incident as dressed,
    pencil::{Pencil, Tone},
};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::house::House;

/// Which, and what of it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch incidents                        the open ones\n  \
    midwatch incidents list --all\n  \
    midwatch incidents show inc-20260618-150612-3f9a1c\n  \
    midwatch incidents timeline 3f9a1c        the end of a name is enough\n  \
    midwatch incidents report 3f9a1c --format html --out report.html\n  \
    midwatch incidents postmortem 3f9a1c --out postmortem.md\n  \
    midwatch incidents note 3f9a1c 'the deploy is mine, I am on it'\n  \
    midwatch incidents close 3f9a1c --why 'a drill'\n  \
    midwatch incidents confirm 3f9a1c         its causes were the causes\n  \
    midwatch incidents name 3f9a1c service/cart config.required-value-missing\n  \
    midwatch incidents look 3f9a1c            a fresh look, now\n  \
    midwatch incidents split 3f9a1c --alarm 'latency high'\n\n\
    `note`, `close`, `confirm`, `name`, `look`, `split`, `merge` and `link` are said to the server that runs; the others read the\n\
    journal of the data folder, and no server need run.")]
pub struct Args {
    #[command(flatten)]
    house: super::Place,
    #[command(flatten)]
    list: List,
    #[command(subcommand)]
    what: Option<What>,
}

/// What is listed, and how.
#[derive(clap::Args, Debug)]
struct List {
    /// Those that are closed, too
    #[arg(long)]
    all: bool,
    /// How to tell
    #[arg(long, value_enum)]
    format: Option<Answer>,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// One line for each
    #[command(after_help = "Example:\n  midwatch incidents list --all --format json")]
    List(List),
    /// How one stands: alarms, verdict, plan
    #[command(after_help = "Example:\n  midwatch incidents show 3f9a1c")]
    Show {
        /// Its name, or the end of it
        id: String,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// Everything that happened, in order
    #[command(after_help = "Example:\n  midwatch incidents timeline 3f9a1c")]
    Timeline {
        /// Its name, or the end of it
        id: String,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// Its newest report, in full
    #[command(after_help = "Examples:\n  \
        midwatch incidents report 3f9a1c\n  \
        midwatch incidents report 3f9a1c --format html --out report.html")]
    Report {
        /// Its name, or the end of it
        id: String,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// Write to this file, whole or not at all; `-` is standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Write a remark into its journal, in your name; also into that of one that is closed
    #[command(
        after_help = "Example:\n  midwatch incidents note 3f9a1c 'the deploy is mine, I am on it'"
    )]
    Note {
        /// Its name, or the end of it
        id: String,
        /// The remark
        #[arg(required = true, value_name = "TEXT")]
        text: Vec<String>,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// Close it by hand, in your name: the watch does nothing more about it
    ///
    /// Refused while a plan is being performed. An alarm that fires again opens another incident.
    #[command(after_help = "Example:\n  midwatch incidents close 3f9a1c --why 'a drill'")]
    Close {
        /// Its name, or the end of it
        id: String,
        /// Why: whoever reads its journal will ask
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// Say of its causes, in your name, that they were the causes; or, with --wrong, that they were not
    ///
    /// Also of one that is closed. What a person confirmed, like what a verified recovery cured, weighs a little when
    /// the next incident is like it.
    #[command(after_help = "Examples:\n  \
        midwatch incidents confirm 3f9a1c\n  \
        midwatch incidents confirm 3f9a1c --cause 2 --wrong")]
    Confirm {
        /// Its name, or the end of it
        id: String,
        /// Which cause of its newest report, from 1; without it, all
        #[arg(long, value_name = "N")]
        cause: Option<usize>,
        /// It was not
        #[arg(long)]
        wrong: bool,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// Say, in your name, what it really was: where, and by which mechanism of the catalogue
    ///
    /// Also of one that is closed. The causes of its newest report are marked as wrong, unless it is named beside them,
    /// and what was named before is taken back. It counts as certain: in `midwatch stats`, and when the next incident is
    /// like it.
    #[command(after_help = "Examples:\n  \
        midwatch incidents name 3f9a1c service/cart config.required-value-missing\n  \
        midwatch incidents name 3f9a1c database/ledger resource.disk-full --beside\n\n\
        `midwatch mechanisms` lists the catalogue.")]
    Name {
        /// Its name, or the end of it
        id: String,
        /// Where: an entity
        #[arg(value_name = "ENTITY")]
        entity: String,
        /// How: a mechanism
        #[arg(value_name = "MECHANISM")]
        mechanism: String,
        /// It was a cause beside those that the report names, which stand
        #[arg(long)]
        beside: bool,
        /// Nobody has heard of that entity here, and it is meant so
        #[arg(long)]
        unseen: bool,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// Ask, in your name, for a fresh look at an open one now
    ///
    /// Refused while it is being looked at, while a plan is being performed, and after a dozen.
    #[command(after_help = "Example:\n  midwatch incidents look 3f9a1c")]
    Look {
        /// Its name, or the end of it
        id: String,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// Take alarms out of it into an incident of their own, in your name; that stays
    #[command(after_help = "Example:\n  midwatch incidents split 3f9a1c --alarm 'latency high'")]
    Split {
        /// Its name, or the end of it
        id: String,
        /// Which alarm: its rule, or the beginning of its fingerprint; may be given several times
        #[arg(long = "alarm", required = true, value_name = "RULE")]
        alarms: Vec<String>,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// Put it into another one, in your name: its alarms join there, and it is closed
    #[command(after_help = "Example:\n  midwatch incidents merge 3f9a1c --into 77aa01")]
    Merge {
        /// Its name, or the end of it
        id: String,
        /// Into which
        #[arg(long, value_name = "ID")]
        into: String,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// Say, in your name, that it belongs together with another one; each goes its own way
    #[command(
        after_help = "Example:\n  midwatch incidents link 3f9a1c --with 77aa01 --why 'the same migration'"
    )]
    Link {
        /// Its name, or the end of it
        id: String,
        /// With which
        #[arg(long, value_name = "ID")]
        with: String,
        /// Why: whoever reads its journal will ask
        #[arg(long, value_name = "TEXT")]
        why: String,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// The post-mortem, as Markdown; what only people know is left visibly empty
    #[command(
        after_help = "Example:\n  midwatch incidents postmortem 3f9a1c --out postmortem.md\n\n\
        Its facts as JSON: midwatch incidents timeline 3f9a1c --format json"
    )]
    Postmortem {
        /// Its name, or the end of it
        id: String,
        /// Write to this file, whole or not at all; `-` is standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// The longest remark; what is longer belongs into a document that the remark names.
const LONGEST: usize = 4000;

/// Reads the journal and tells.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let house = args.house.house()?;
    let Some(what) = &args.what else {
        return list(&house, &args.list, console);
    };
    if args.list.all || args.list.format.is_some() {
        return Err(Problem::bad_input(
            "`--all` and `--format` stand before the word that they belong to",
            "midwatch incidents",
            "put them behind it, such as `midwatch incidents list --all --format json`",
        ));
    }
    match what {
        What::List(which) => list(&house, which, console),
        What::Show { id, format } => {
            let (incident, entries) = house.incident(id)?;
            let untold = house.untold(&incident.id, &entries)?;
            let text = match format {
                Answer::Terminal => {
                    let pencil = console.pencil();
                    let mut card = dressed::card(&incident, &pencil);
                    for one in &untold {
                        let (channel, notice) = (&one.channel, &one.notice);
                        let said = format!(
                            "{channel} was not told of {notice}, tried {} times: {}",
                            one.tries, one.why
                        );
                        card += &pencil.paragraph("  ", 4, &[(Tone::Bad, said)]);
                    }
                    card
                }
                Answer::Json => {
                    let mut all = summary(&incident, &entries);
                    all["untold"] = json!(untold);
                    dress::json(&all)
                }
            };
            console.print(&text)?;
            Ok(Exit::Done)
        }
        What::Timeline { id, format } => {
            let (_, entries) = house.incident(id)?;
            let text = match format {
                Answer::Terminal => dressed::timeline(&entries, &console.pencil()),
                Answer::Json => dress::json(&entries),
            };
            console.print(&text)?;
            Ok(Exit::Done)
        }
        What::Report { id, format, out } => {
            let (incident, _) = house.incident(id)?;
            let report = incident.report().ok_or_else(|| no_report(&incident.id))?;
            let pencil = if out.is_some() {
                Pencil::default()
            } else {
                console.pencil()
            };
            console.deliver(&dress::report(report, *format, &pencil), out.as_deref())?;
            Ok(report.header.status.into())
        }
        What::Note { id, text, format } => {
            let request = Request::Note {
                incident: house.find(id)?.to_string(),
                text: said(&text.join(" "), "the remark")?,
            };
            house.tell(&request, *format, console)
        }
        What::Close { id, why, format } => {
            let request = Request::Close {
                incident: house.find(id)?.to_string(),
                why: said(why, "--why")?,
            };
            house.tell(&request, *format, console)
        }
        What::Confirm {
            id,
            cause,
            wrong,
            format,
        } => {
            let request = Request::Judge {
                incident: house.find(id)?.to_string(),
                cause: *cause,
                right: !wrong,
            };
            house.tell(&request, *format, console)
        }
        What::Name {
            id,
            entity,
            mechanism,
            beside,
            unseen,
            format,
        } => {
            let request = Request::NameCause {
                incident: house.find(id)?.to_string(),
                entity: entity.clone(),
                mechanism: mechanism.clone(),
                beside: *beside,
                unseen: *unseen,
            };
            house.tell(&request, *format, console)
        }
        What::Look { id, format } => {
            let request = Request::Look {
                incident: house.find(id)?.to_string(),
            };
            house.tell(&request, *format, console)
        }
        What::Split { id, alarms, format } => {
            let request = Request::Split {
                incident: house.find(id)?.to_string(),
                alarms: alarms.clone(),
            };
            house.tell(&request, *format, console)
        }
        What::Merge { id, into, format } => {
            let request = Request::Merge {
                incident: house.find(id)?.to_string(),
                into: house.find(into)?.to_string(),
            };
            house.tell(&request, *format, console)
        }
        What::Link {
            id,
            with,
            why,
            format,
        } => {
            let request = Request::Link {
                incident: house.find(id)?.to_string(),
                with: house.find(with)?.to_string(),
                why: said(why, "--why")?,
            };
            house.tell(&request, *format, console)
        }
        What::Postmortem { id, out } => {
            let (incident, _) = house.incident(id)?;
            console.deliver(&learn::postmortem(&incident).to_string(), out.as_deref())?;
            Ok(Exit::Done)
        }
    }
}

/// What a person writes into the journal, if it can stand there as it is.
fn said(text: &str, place: &str) -> Result<String, Problem> {
    let text = text.trim();
    let length = text.chars().count();
    if text.is_empty() {
        return Err(Problem::bad_input(
            "it says nothing",
            place,
            "write a few words for whoever reads the journal",
        ));
    }
    if length > LONGEST {
        return Err(Problem::bad_input(
            format!("it is {length} characters long; the journal takes {LONGEST}"),
            place,
            "write it down elsewhere, and say here where",
        ));
    }
    Ok(text.to_string())
}

fn no_report(id: &IncidentId) -> Problem {
    Problem::bad_input(
        "it has no report yet",
        id.to_string(),
        "wait until it has been looked at; `midwatch incidents timeline` shows how far it is",
    )
}

fn list(house: &House, which: &List, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let (all, format) = (which.all, which.format.unwrap_or_default());
    let mut folded = Vec::new();
    let mut summaries = Vec::new();
    for id in house.incidents(!all)? {
        let (incident, entries) = house.fold(&id)?;
        summaries.push(summary(&incident, &entries));
        folded.push(incident);
    }
    let text = match format {
        Answer::Terminal => dressed::list(&folded, &console.pencil()),
        Answer::Json => dress::json(&summaries),
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

/// What programs are told of one incident; the API tells the same.
fn summary(incident: &Incident, entries: &[Entry]) -> serde_json::Value {
    let called = (dressed::title(incident), dressed::standing(incident).0);
    let head = entries.last().map(|entry| entry.digest.clone());
    json!(Summary::new(incident, called, head))
}
