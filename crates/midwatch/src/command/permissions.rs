//! `midwatch permissions`: what a connector needs, and whether it kept to that.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use connectors::pull::Needs;
use connectors::{alertmanager, argocd, aws, github, gitlab, jaeger, loki, prometheus};
use connectors::{catalog, statuspage, tempo};

use super::{Answer, Place};
use crate::config::Aws;
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::house::House;

mod asked;

/// A log that is longer is given in parts.
const LONGEST: u64 = 256 << 20;

/// Print the least that a connector needs to look, or hold a log of calls against it
#[derive(clap::Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
        midwatch permissions aws > midwatch-policy.json\n  \
        midwatch permissions argocd >> policy.csv\n  \
        midwatch permissions prove calls.jsonl\n  \
        midwatch permissions aws --hands > midwatch-acts-policy.json\n  \
        midwatch permissions prove trail.json --by role/midwatch\n\n\
        What it prints is written from the calls that are compiled in: no other can be made. The roles in other\n\
        accounts, the namespaces and the repositories are those that the configuration names. Whoever is asked over\n\
        HTTP and has no finer permissions is told by the addresses that are asked, for a proxy before it.\n\n\
        A log is what CloudTrail exports, what `aws cloudtrail lookup-events` prints, or what `call_log` of a\n\
        connector names.\n\n\
        Exit codes: 0 all calls are in it, 1 some are not, 2 bad input."
)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// Whose; the one that is configured, if it is only one
    vendor: Option<Vendor>,
    /// What the hands need under their own role, in place of what is needed to look
    #[arg(long)]
    hands: bool,
    #[command(subcommand)]
    command: Option<Sub>,
}

#[derive(Subcommand, Debug)]
enum Sub {
    /// Hold the calls of a log against what is needed
    Prove(Prove),
}

#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch permissions prove calls.jsonl\n  \
    midwatch permissions prove trail.json --by role/midwatch --format json\n  \
    midwatch permissions prove deeds.jsonl --hands\n\n\
    Exit codes: 0 all calls are in it, 1 some are not, 2 bad input.")]
struct Prove {
    /// The log
    log: PathBuf,
    /// Whose
    #[arg(long, default_value = "aws")]
    vendor: Vendor,
    /// Only calls of callers whose name or ARN contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    by: String,
    /// Hold it against what hands need, in place of what is needed to look
    #[arg(long)]
    hands: bool,
    /// How to answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Answer,
}

/// Whoever wants to be shown what may be done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Vendor {
    /// Amazon Web Services: a policy of IAM
    Aws,
    /// Kubernetes: roles of RBAC
    #[cfg(feature = "kubernetes")]
    Kubernetes,
    /// GitHub: what a token has to be allowed
    Github,
    /// GitLab: what a token has to be allowed
    Gitlab,
    /// Argo CD: lines for policy.csv
    Argocd,
    /// Prometheus, and who speaks like it: what is asked
    Prometheus,
    /// Alertmanager: what is asked
    Alertmanager,
    /// Loki: what is asked
    Loki,
    /// Jaeger: what is asked
    Jaeger,
    /// Tempo: what is asked
    Tempo,
    /// Status pages: what is asked
    Statuspage,
}

/// What a log shows, whoever wrote it.
struct Shown {
    calls: u64,
    others: u64,
    known: usize,
    /// Calls that are not needed, and how often each was made.
    foreign: Vec<(String, u64)>,
}

impl Vendor {
    /// As it is called in commands and in the configuration.
    fn key(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes => "kubernetes",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Argocd => "argocd",
            Self::Prometheus => "prometheus",
            Self::Alertmanager => "alertmanager",
            Self::Loki => "loki",
            Self::Jaeger => "jaeger",
            Self::Tempo => "tempo",
            Self::Statuspage => "statuspage",
        }
    }

    /// What is asked of it, as those say who are asked over HTTP alone.
    fn over_http(self) -> Option<&'static Needs> {
        match self {
            Self::Aws => None,
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes => None,
            Self::Github => Some(&github::asked::NEEDS),
            Self::Gitlab => Some(&gitlab::asked::NEEDS),
            Self::Argocd => Some(&argocd::NEEDS),
            Self::Prometheus => Some(&prometheus::NEEDS),
            Self::Alertmanager => Some(&alertmanager::NEEDS),
            Self::Loki => Some(&loki::NEEDS),
            Self::Jaeger => Some(&jaeger::NEEDS),
            Self::Tempo => Some(&tempo::NEEDS),
            Self::Statuspage => Some(&statuspage::NEEDS),
        }
    }

    /// The repositories that the configuration names.
    fn repositories(self, house: &House) -> Vec<String> {
        let connectors = &house.config().connectors;
        let (github, gitlab) = (connectors.github.values(), connectors.gitlab.values());
        let mut named: Vec<String> = match self {
            Self::Github => github.flat_map(|one| one.repositories.clone()).collect(),
            Self::Gitlab => gitlab.flat_map(|one| one.repositories.clone()).collect(),
            _ => Vec::new(),
        };
        named.sort();
        named.dedup();
        named
    }

    /// What is to be granted, in the vendor's own words.
    fn needs(self, house: &House) -> String {
        match self {
            Self::Aws => {
                let sources = || house.config().connectors.aws.values();
                let sorted = |mut roles: Vec<String>| {
                    roles.sort();
                    roles.dedup();
                    roles
                };
                let reads = sources().flat_map(|one| one.accounts.values());
                let reads = reads.map(|account| account.role_arn.clone()).collect();
                // Whoever looks takes the role that acts too, unless somebody of a profile of its own does.
                let hands = sources().filter_map(|one| one.hands.as_ref());
                let acts = hands.filter(|hands| hands.profile.is_none());
                let acts = acts.filter_map(|hands| hands.role_arn.clone()).collect();
                let more = aws::needs::More {
                    searches: sources().any(|one| one.insights),
                    explores: sources().any(|one| one.explorer),
                };
                dress::json(&aws::needs::policy(&sorted(reads), &sorted(acts), more))
            }
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes => {
                let clusters = || house.config().connectors.kubernetes.values();
                let mut namespaces: Vec<String> =
                    clusters().flat_map(|one| one.namespaces.clone()).collect();
                namespaces.sort();
                namespaces.dedup();
                // A cluster that is read whole needs the role for all of it.
                if clusters().any(|one| one.namespaces.is_empty()) {
                    namespaces.clear();
                }
                connectors::kubernetes::calls::policy(&namespaces)
            }
            other => {
                let key = other.key();
                let name = catalog::line(key).map_or(key, |line| line.name);
                let of = other.repositories(house);
                other
                    .over_http()
                    .map(|needs| asked::text(name, needs, &of))
                    .unwrap_or_default()
            }
        }
    }

    /// What is to be granted to the role of its hands.
    fn hands_need(self, house: &House) -> Result<String, Problem> {
        match self {
            Self::Aws => {
                let accounts = house.config().connectors.aws.values();
                let scopes: Vec<aws::deeds::Scope> = accounts.filter_map(Aws::scope).collect();
                if scopes.is_empty() {
                    return Err(Problem::bad_input(
                        "no hands with a role of their own are configured",
                        "midwatch permissions aws --hands",
                        "name the role first, which may be without a policy yet: [connectors.aws.NAME.hands] with role_arn",
                    ));
                }
                Ok(dress::json(&aws::deeds::policy(&scopes)))
            }
            other => {
                let place = format!("midwatch permissions {} --hands", other.key());
                Err(Self::handless(&place))
            }
        }
    }

    /// Nothing can be altered there.
    fn handless(place: &str) -> Problem {
        Problem::bad_input(
            "its connector has no hands",
            place,
            "leave --hands out: it only reads",
        )
    }

    fn prove(self, log: &str, by: &str, hands: bool) -> Result<Shown, String> {
        match self {
            Self::Aws => {
                let table: aws::proof::Table = match hands {
                    true => aws::deeds::by_trail,
                    false => aws::calls::by_trail,
                };
                let proof = aws::proof::prove(log, by, table).map_err(|error| error.to_string())?;
                Ok(Shown {
                    calls: proof.calls,
                    others: proof.others,
                    known: proof.known.len(),
                    foreign: proof.foreign.into_iter().collect(),
                })
            }
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes => {
                let proof = connectors::kubernetes::proof::prove(log, by);
                Ok(Shown {
                    calls: proof.calls,
                    others: proof.others,
                    known: proof.known.len(),
                    foreign: proof.foreign.into_iter().collect(),
                })
            }
            other => Err(format!(
                "no log is kept of what is asked of {}: what is not in the list is refused before it leaves",
                other.key()
            )),
        }
    }
}

/// Runs it.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    match &args.command {
        Some(Sub::Prove(args)) => prove(args, console),
        None => {
            let house = args.place.house()?;
            let vendor = match args.vendor {
                Some(vendor) => vendor,
                None => only(&house)?,
            };
            let needs = match args.hands {
                true => vendor.hands_need(&house)?,
                false => vendor.needs(&house),
            };
            console.print(&needs)?;
            Ok(Exit::Done)
        }
    }
}

/// The only one that is configured.
fn only(house: &House) -> Result<Vendor, Problem> {
    let sources = house.config().connectors.configured();
    let is_configured = |vendor: &Vendor| !sources[vendor.key()].is_empty();
    let all = Vendor::value_variants().iter().copied();
    let configured: Vec<Vendor> = all.filter(is_configured).collect();
    if let [one] = configured[..] {
        return Ok(one);
    }
    let those = match configured.is_empty() {
        true => Vendor::value_variants(),
        false => &configured,
    };
    let names: Vec<&str> = those.iter().map(|vendor| vendor.key()).collect();
    Err(Problem::bad_input(
        format!("connectors of {} kinds are configured", configured.len()),
        "midwatch permissions",
        format!("say whose: {}", names.join(", ")),
    ))
}

fn prove(args: &Prove, console: &mut Console<'_>) -> Result<Exit, Problem> {
    if args.hands && args.vendor != Vendor::Aws {
        return Err(Vendor::handless("midwatch permissions prove --hands"));
    }
    let path = &args.log;
    let unreadable = |error: std::io::Error| Problem::unreadable(path, &error);
    let place = path.display().to_string();
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LONGEST {
        return Err(Problem::bad_input(
            format!("it has {size} bytes, more than {LONGEST}"),
            place,
            "give it in parts",
        ));
    }
    let log = std::fs::read_to_string(path).map_err(unreadable)?;
    let shown = args
        .vendor
        .prove(&log, &args.by, args.hands)
        .map_err(|why| {
            Problem::bad_input(
                why,
                place.clone(),
                "give a log of calls: `midwatch permissions --help` says which are understood",
            )
        })?;
    if shown.calls == 0 {
        return Err(Problem::bad_input(
            match shown.others {
                0 => "there is no call in it".to_string(),
                others => format!("none of its {others} calls is by {:?}", args.by),
            },
            place,
            "a log without calls proves nothing: look for the time, and for who is named with --by",
        ));
    }
    match args.format {
        Answer::Json => console.print(&dress::json(&serde_json::json!({
            "vendor": args.vendor.key(),
            "calls": shown.calls,
            "of_others": shown.others,
            "kinds": shown.known,
            "not_needed": shown.foreign.iter().map(|(call, times)| {
                serde_json::json!({ "call": call, "times": times })
            }).collect::<Vec<_>>(),
        })))?,
        Answer::Terminal => {
            let mut text = String::new();
            for (call, times) in &shown.foreign {
                let call = dress::text::plain(call);
                text += &format!("not in the list: {call} ({times} times)\n");
            }
            let within: u64 =
                shown.calls - shown.foreign.iter().map(|(_, times)| times).sum::<u64>();
            text += &format!(
                "{within} of {} calls are among those that the connector needs\n",
                shown.calls
            );
            if shown.others > 0 {
                text += &format!("{} calls of others were left out\n", shown.others);
            }
            console.print(&text)?;
        }
    }
    Ok(if shown.foreign.is_empty() {
        Exit::Done
    } else {
        Exit::No
    })
}
