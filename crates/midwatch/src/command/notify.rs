//! `midwatch notify`: who is told, and does it arrive?

use model::ports::Clock as _;
use serde_json::json;
use server::control::Reply;

use super::Answer;
use crate::console::Console;
use crate::dress::{self, pencil::Tone};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::house::House;
use crate::wiring::live::SystemClock;
use crate::wiring::notify;

/// What to do with the channels.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch notify list\n  \
    midwatch notify test                every channel\n  \
    midwatch notify test slack.ops")]
pub struct Args {
    #[command(flatten)]
    house: super::Place,
    #[command(subcommand)]
    what: What,
    /// How to tell
    #[arg(long, value_enum, default_value_t, global = true)]
    format: Answer,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// The channels that are configured, and how each stands with the server that runs
    #[command(after_help = "Example:\n  midwatch notify list --format json")]
    List,
    /// Tell a channel, or all but the terminal, that this is a test
    #[command(after_help = "Examples:\n  \
        midwatch notify test                every channel\n  \
        midwatch notify test slack.ops\n\n\
        It needs no server, goes the way of any notice, and leaves nothing open at the other end.\n\
        Exit 1 if one could not be told.")]
    Test {
        /// Which, as `midwatch notify list` names it
        #[arg(value_name = "CHANNEL")]
        channel: Option<String>,
    },
}

/// Lists or tries.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let house = args.house.house()?;
    match &args.what {
        What::List => list(&house, args.format, console),
        What::Test { channel } => test(&house, channel.as_deref(), args.format, console),
    }
}

fn list(house: &House, format: Answer, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let standings = match house.server() {
        Some(Reply::Done { facts, .. }) => facts["channels"].as_array().cloned(),
        _ => None,
    };
    let standing = |name: &str| {
        let all = standings.iter().flatten();
        all.into_iter().find(|one| one["name"] == name).cloned()
    };
    let names = notify::names(&house.config().notify);
    let found: Vec<serde_json::Value> = names
        .iter()
        .map(|name| json!({"name": name, "standing": standing(name)}))
        .collect();
    let text = match format {
        Answer::Json => dress::json(&found),
        Answer::Terminal if found.is_empty() => {
            "nobody is told; see [notify] in `midwatch config reference`\n".to_string()
        }
        Answer::Terminal => names
            .iter()
            .map(|name| match standing(name) {
                None => format!("{name}\n"),
                Some(one) => {
                    let trouble = match one["trouble"]["why"].as_str() {
                        Some(why) => format!(": {}", dress::text::plain(why)),
                        None => String::new(),
                    };
                    format!(
                        "{name}: {} told, {} wait{trouble}\n",
                        one["told"], one["waiting"]
                    )
                }
            })
            .collect(),
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

fn test(
    house: &House,
    wanted: Option<&str>,
    format: Answer,
    console: &mut Console<'_>,
) -> Result<Exit, Problem> {
    let all = notify::configured(house)?;
    let chosen: Vec<_> = all
        .iter()
        .filter(|one| wanted.is_none_or(|wanted| one.name() == wanted))
        .collect();
    if chosen.is_empty() {
        return Err(nobody(house, wanted));
    }
    let by = nix::unistd::User::from_uid(nix::unistd::getuid())
        .ok()
        .flatten()
        .map_or_else(|| "somebody at the terminal".to_string(), |user| user.name);
    let mut found = Vec::new();
    let mut text = String::new();
    let mut failed = false;
    for notifier in chosen {
        let name = notifier.name();
        let result = notify::test(&**notifier, &by, SystemClock.now());
        let why = result.err().map(|error| error.why);
        failed |= why.is_some();
        let pieces = match &why {
            None => vec![
                (Tone::Good, format!("{:<8}", "told")),
                (Tone::Strong, name.to_string()),
            ],
            Some(why) => vec![
                (Tone::Bad, format!("{:<8}", "not told")),
                (Tone::Strong, format!(" {name}: ")),
                (Tone::Plain, why.clone()),
            ],
        };
        text += &console.pencil().paragraph("", 10, &pieces);
        found.push(json!({"name": name, "told": why.is_none(), "why": why}));
    }
    if format == Answer::Json {
        text = dress::json(&found);
    }
    console.print(&text)?;
    Ok(if failed { Exit::No } else { Exit::Done })
}

/// Why there is nobody to be tried.
fn nobody(house: &House, wanted: Option<&str>) -> Problem {
    let all = notify::names(&house.config().notify);
    let names: Vec<&str> = all
        .iter()
        .map(String::as_str)
        .filter(|name| *name != "terminal")
        .collect();
    let known = if names.is_empty() {
        "none is configured: docs/notifiers.md shows how".to_string()
    } else {
        format!("there are {}", names.join(", "))
    };
    match wanted {
        Some("terminal") => Problem::bad_input(
            "the terminal is that of `midwatch serve`",
            "terminal",
            format!("look there for notices; of others {known}"),
        ),
        Some(wanted) => {
            let near = watch::detect::nearest(wanted, names.iter().copied());
            let remedy = near.map_or(known.clone(), |near| {
                format!("did you mean {near}? {known}")
            });
            Problem::bad_input("no channel is called so", wanted, remedy)
        }
        None => {
            // The terminal belongs to the server: from here nothing can be said on it.
            let what = if all.is_empty() {
                "nobody is told"
            } else {
                "only the terminal is told, which cannot be tried"
            };
            Problem::bad_input(
                what,
                "[notify]",
                "configure a channel, such as [notify.slack.ops]: docs/notifiers.md shows how",
            )
        }
    }
}
