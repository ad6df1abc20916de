//! `midwatch permissions`: what a connector needs, and whether it kept to that.

use clap::{Subcommand, ValueEnum};
use connectors::aws::needs::Wanted;
use connectors::pull::Needs;
use connectors::{alertmanager, argocd, aws, github, gitlab, jaeger, loki, prometheus};
use connectors::{catalog, statuspage, tempo};

use super::Place;
use crate::config::Aws;
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::house::House;

mod asked;
mod prove;

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
        Logs can be held against it: `midwatch permissions prove --help` says which.\n\n\
        Exit codes: 0 all calls are in it, 1 some are not, 2 bad input or a failed write."
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
    Prove(prove::Args),
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
            Self::Aws => dress::json(&aws::needs::policy(&wanted(house))),
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
}

/// What the configuration wants of AWS: the policy is made of it, and a log is held against it.
fn wanted(house: &House) -> Wanted {
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
    Wanted {
        reads: sorted(reads),
        acts: sorted(acts),
        searches: sources().any(|one| one.insights),
        explores: sources().any(|one| one.explorer),
    }
}

/// Runs it.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    match &args.command {
        Some(Sub::Prove(what)) => prove::run(what, &args.place, console),
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
    let listed = |those: &[Vendor]| -> String {
        let keys: Vec<&str> = those.iter().map(|vendor| vendor.key()).collect();
        keys.join(", ")
    };
    let (what, remedy) = match configured.first() {
        None => (
            "no connector is configured that needs permissions, so it is not clear whose to print"
                .to_string(),
            format!("say whose: {}", listed(Vendor::value_variants())),
        ),
        Some(first) => (
            format!(
                "connectors of several kinds are configured: {}",
                listed(&configured)
            ),
            format!("say whose, such as `midwatch permissions {}`", first.key()),
        ),
    };
    Err(Problem::bad_input(what, "midwatch permissions", remedy))
}
