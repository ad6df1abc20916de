//! `midwatch doctor`: what am I connected to, what can I not see.

use model::ports::Clock as _;
use serde_json::json;
use server::control::Reply;
use watch::attend::Standing;

use super::Answer;
use crate::console::Console;
use crate::dress::{
    self,
    pencil::{Pencil, Tone},
};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::house::House;
use crate::wiring::live::SystemClock;
use crate::wiring::sources::Sources;
use crate::wiring::troubles;

/// Of which house.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch doctor                     every space of the house\n  \
    midwatch doctor --space payments    one of them\n  \
    midwatch doctor --format json\n\n\
    Exit 1 if something that is configured does not work.")]
pub struct Args {
    #[command(flatten)]
    house: super::Place,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

/// How one thing stands.
struct Finding {
    what: &'static str,
    /// `ok`, `missing` (not configured: a choice) or `broken`.
    stands: &'static str,
    said: String,
    todo: &'static str,
}

impl Finding {
    fn json(&self) -> serde_json::Value {
        json!({"what": self.what, "stands": self.stands, "said": self.said, "to_do": self.todo})
    }
}

/// Everything that is configured, and how it stands, as this command tells programs.
///
/// The sources are those of the server that runs, where one does.
pub fn findings(house: &House, sources: Option<&Sources>) -> Vec<serde_json::Value> {
    let found = match sources {
        Some(sources) => examined(house, stands(sources)),
        None => examine(house),
    };
    found.iter().map(Finding::json).collect()
}

/// Looks at everything that is configured.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let whole = args.house.whole()?;
    let spaces: Vec<(String, Vec<Finding>)> = if args.house.names_one() {
        let space = args.house.house()?;
        vec![(space.space().to_string(), examine(&space))]
    } else {
        of_all(&whole)
    };
    let broken = |all: &[Finding]| all.iter().any(|finding| finding.stands == "broken");
    let exit = if spaces.iter().any(|(_, found)| broken(found)) {
        Exit::No
    } else {
        Exit::Done
    };
    let several = spaces.len() > 1;
    let text = match args.format {
        Answer::Json => {
            let all = spaces.iter().flat_map(|(space, found)| {
                found.iter().map(move |finding| {
                    let mut told = finding.json();
                    if several {
                        told["space"] = json!(space);
                    }
                    told
                })
            });
            dress::json(&all.collect::<Vec<_>>())
        }
        Answer::Terminal => {
            let pencil = console.pencil();
            let mut text = String::new();
            for (space, found) in &spaces {
                if several {
                    text += &pencil.paragraph("", 0, &[(Tone::Strong, format!("space {space}"))]);
                }
                text.extend(found.iter().map(|finding| shown(finding, &pencil)));
            }
            text
        }
    };
    console.print(&text)?;
    Ok(exit)
}

/// Every space of the house.
fn of_all(whole: &House) -> Vec<(String, Vec<Finding>)> {
    let mut all = vec![(whole.space().to_string(), examine(whole))];
    let runs = whole.server().is_some();
    for (name, space) in whole.others() {
        let found = match space {
            Err(problem) => vec![Finding {
                what: "configuration",
                stands: "broken",
                said: problem.to_string(),
                todo: "mend it, and start the server again",
            }],
            Ok(space) => {
                let mut found = examine(&space);
                if runs && space.server().is_none() {
                    found.push(Finding {
                        what: "space",
                        stands: "broken",
                        said: "a server runs for this house, and does not keep this space".to_string(),
                        todo: "its log says why; a space that is new is kept from the next start on",
                    });
                }
                found
            }
        };
        all.push((name, found));
    }
    all
}

fn shown(finding: &Finding, pencil: &Pencil) -> String {
    let tone = match finding.stands {
        "ok" => Tone::Good,
        "missing" => Tone::Warn,
        _ => Tone::Bad,
    };
    let mut pieces = vec![
        (tone, format!("{:<8}", finding.stands)),
        (Tone::Strong, format!("{}: ", finding.what)),
        (Tone::Plain, finding.said.clone()),
    ];
    if !finding.todo.is_empty() && finding.stands != "ok" {
        pieces.push((Tone::Faint, format!("  To do: {}", finding.todo)));
    }
    pencil.paragraph("", 10, &pieces)
}

fn examine(house: &House) -> Vec<Finding> {
    let asked = match Sources::of(house) {
        Ok(sources) => stands(&sources),
        Err(problem) => vec![("broken", problem.to_string())],
    };
    examined(house, asked)
}

fn examined(house: &House, asked: Vec<(&'static str, String)>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |what, stands, said: String, todo| {
        findings.push(Finding {
            what,
            stands,
            said,
            todo,
        });
    };
    match house.rules() {
        Ok(rules) if rules.is_empty() => find(
            "alarms",
            "missing",
            "none are declared: nothing will be detected here".to_string(),
            "declare alarms in a file and name it in watch.rules",
        ),
        Ok(rules) => find("alarms", "ok", format!("{} declared", rules.len()), ""),
        Err(problem) => find("alarms", "broken", problem.to_string(), "mend the file"),
    }
    match house
        .gate()
        .map(|gate| gate.fault().map(ToString::to_string))
    {
        Ok(None) => find("policy", "ok", house.config().act.policy.clone(), ""),
        Ok(Some(fault)) => find(
            "policy",
            "broken",
            fault,
            "until it can be read, nothing is permitted",
        ),
        Err(problem) => find(
            "policy",
            "broken",
            problem.to_string(),
            "name a policy in act.policy",
        ),
    }
    let now = model::ports::Clock::now(&crate::wiring::live::SystemClock);
    match crate::wiring::tls::open(house).map(|tls| tls.map(|tls| tls.look())) {
        Ok(None) => {}
        Ok(Some(standing)) => match standing.judged(now) {
            Ok(()) => find(
                "certificate",
                "ok",
                format!("holds until {}", standing.until),
                "",
            ),
            Err(why) => find("certificate", "broken", why, "renew it"),
        },
        Err(problem) => find(
            "certificate",
            "broken",
            problem.to_string(),
            "see to the files in [server.tls]",
        ),
    }
    match crate::wiring::sign_on::greeted(house, now) {
        Ok(None) => {}
        Ok(Some(said)) => find("sign-in provider", "ok", said, ""),
        Err(why) => find(
            "sign-in provider",
            "broken",
            why,
            "see to [server.oidc]; local accounts go on",
        ),
    }
    match house.server() {
        Some(Reply::Done { said, facts }) => {
            find("server", "ok", said, "");
            let taken =
                ["spans", "logs", "points"].map(|kind| facts["window"][kind].as_u64().unwrap_or(0));
            for (kind, count) in ["traces", "logs", "metrics"].into_iter().zip(taken) {
                if count == 0 {
                    find(
                        kind,
                        "missing",
                        "none has arrived since the server was started".to_string(),
                        "send it over OTLP to the addresses that `midwatch serve` prints",
                    );
                }
            }
            for trouble in facts["troubles"].as_array().into_iter().flatten() {
                let [part, what] = [0, 1].map(|at| trouble[at].as_str().unwrap_or_default());
                let said = format!("{part}: {what}");
                find("running", "broken", said, troubles::remedy(part));
            }
            if let Some(error) = facts["window"]["error"].as_str() {
                find(
                    "telemetry window",
                    "broken",
                    error.to_string(),
                    "see to the disk of the data folder",
                );
            }
            for (stands, said) in inlets(&facts["inlets"]) {
                find(
                    "inlets",
                    stands,
                    said,
                    "docs/inlets.md says what to set on the other side",
                );
            }
            for (stands, said) in channels(&facts["channels"]) {
                find(
                    "notify",
                    stands,
                    said,
                    "look at what it says; what waits is told when it answers again",
                );
            }
        }
        Some(Reply::Refused { why }) => find("server", "broken", why, "look at its log"),
        None => find(
            "server",
            "missing",
            format!("none runs on {}", house.data().display()),
            "start `midwatch serve`",
        ),
    }
    for (stands, said) in asked {
        find(
            "sources",
            stands,
            said,
            "docs/connectors says what is asked, and what it needs",
        );
    }
    match house.payledger() {
        Ok(None) if house.config().connectors.tell_changes() => {}
        Ok(None) => find(
            "changes and states",
            "missing",
            "no connector that knows them is configured: a guilty change cannot be named"
                .to_string(),
            "configure one in [connectors]",
        ),
        Ok(Some(eyes)) => match eyes.greet() {
            Ok(said) => find("connectors.payledger", "ok", said, ""),
            Err(error) => find(
                "connectors.payledger",
                "broken",
                error.to_string(),
                "check connectors.payledger.control_plane",
            ),
        },
        Err(problem) => find(
            "connectors.payledger",
            "broken",
            problem.to_string(),
            "check its addresses",
        ),
    }
    match house.hands() {
        Ok(hands) if hands.is_empty() => find(
            "hands",
            "missing",
            "none: plans are proposed at most, nothing can be altered".to_string(),
            "that may be just what you want; otherwise give a connector hands",
        ),
        Ok(hands) => find(
            "hands",
            "ok",
            hands
                .iter()
                .map(|hand| hand.name().to_string())
                .collect::<Vec<_>>()
                .join(", "),
            "",
        ),
        Err(problem) => find(
            "hands",
            "broken",
            problem.to_string(),
            "check the connector",
        ),
    }
    findings
}

/// How each source stands that is asked when an incident is looked at.
fn stands(sources: &Sources) -> Vec<(&'static str, String)> {
    let greetings = sources.greet(SystemClock.now()).into_iter();
    greetings
        .map(|greeting| match greeting.said {
            Ok(said) => ("ok", format!("{}: {said}", greeting.key)),
            Err((why, todo)) => ("broken", format!("{}: {why}; {todo}", greeting.key)),
        })
        .collect()
}

/// How each inlet stands that others post to.
fn inlets(facts: &serde_json::Value) -> Vec<(&'static str, String)> {
    let inlets: Vec<server::inlets::Standing> =
        serde_json::from_value(facts.clone()).unwrap_or_default();
    let said = |inlet: server::inlets::Standing| {
        let away = inlet.refused + inlet.unreadable + inlet.put_off;
        let mut said = format!(
            "{} ({}): {} taken, {} known already, {} alarms, {} changes",
            inlet.name, inlet.kind, inlet.taken, inlet.known, inlet.alarms, inlet.changes
        );
        match inlet.last {
            Some(last) => said += &format!("; the last at {last}"),
            None => said += "; nothing was taken since the server was started",
        }
        if let Some(refused) = &inlet.last_refused {
            said += &format!(
                "; {away} sent away, the last at {}: {}",
                refused.at, refused.why
            );
        }
        // A refusal that nothing good followed is what somebody must see.
        let stands = match (&inlet.last_refused, inlet.last) {
            (None, Some(_)) => "ok",
            (None, None) => "missing",
            (Some(refused), Some(last)) if last > refused.at => "ok",
            _ => "broken",
        };
        (stands, said)
    };
    inlets.into_iter().map(said).collect()
}

/// How each channel stands by which people are told.
fn channels(facts: &serde_json::Value) -> Vec<(&'static str, String)> {
    let channels: Vec<Standing> = serde_json::from_value(facts.clone()).unwrap_or_default();
    if channels.is_empty() {
        return vec![("missing", "nobody is told; see [notify]".to_string())];
    }
    let said = |channel: Standing| {
        let (name, waiting, told) = (channel.name, channel.waiting, channel.told);
        let lost = match channel.given_up {
            0 => String::new(),
            count => format!(", {count} given up"),
        };
        match channel.trouble {
            Some(trouble) => (
                "broken",
                format!(
                    "{name}: {waiting} wait since {}{lost}: {}",
                    trouble.since, trouble.why
                ),
            ),
            None => ("ok", format!("{name}: {told} told, {waiting} wait{lost}")),
        }
    };
    channels.into_iter().map(said).collect()
}
