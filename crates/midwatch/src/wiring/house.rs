//! One space of the house as its configuration describes it: its data folder, and what commands read there. Most houses
//! have one, `main`; how others stand beside it is told in `spaces.rs`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use act::gate::{Gate, Person};
use connectors::payledger;
use model::incident::{Entry, Incident, IncidentId};
use model::plan::Condition;
use model::ports::{Actuator, Journal as _, JournalError, Outbox as _};
use model::report::Report;
use model::time::{SECOND, Span};
use server::api::house::Untold;
use server::control::{self, ControlError, Reply, Request};
use store::journal::{Store, StoreError};
use store::window::Window;
use watch::detect::Rules;

use super::live::Live;
use super::sources::{Sources, aws};
use crate::command::Answer;
use crate::config::{Config, MAIN, Written};
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;

/// The configuration of a space, and the folder it keeps things in.
#[derive(Clone)]
pub struct House {
    pub(super) written: Written,
    pub(super) data: PathBuf,
    /// Which space of the house this is.
    pub(super) space: String,
    /// Does the house listen, so that others can post?
    pub(super) listens: bool,
}

impl House {
    /// As the file says; without a name `midwatch.toml` of the working folder, if it is there.
    pub fn of(file: Option<&Path>) -> Result<Self, Problem> {
        Ok(Self::built(Written::read(file)?))
    }

    /// As this configuration says.
    pub fn built(written: Written) -> Self {
        let data = written.path(&written.config.store.path);
        let listens = written.config.server.listen.is_some();
        Self {
            written,
            data,
            space: MAIN.to_string(),
            listens,
        }
    }

    /// The name of the space.
    pub fn space(&self) -> &str {
        &self.space
    }

    /// Refuses inlets that nobody could reach.
    pub fn reachable(&self) -> Result<(), Problem> {
        if self.listens || self.config().inlets.is_empty() {
            return Ok(());
        }
        Err(Problem::bad_input(
            "server.listen is not set, so nobody could post to the inlets",
            "inlets",
            "listen, such as at \"127.0.0.1:8787\"; in a house of several spaces its own file says where",
        ))
    }

    /// What is configured.
    pub fn config(&self) -> &Config {
        &self.written.config
    }

    /// A path of the configuration.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.written.path(path)
    }

    /// The file of the configuration; `None` where there is none and everything is as by default.
    pub fn file(&self) -> Option<&Path> {
        self.written.file.as_deref()
    }

    /// Where everything is kept.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The journal's file.
    pub fn journal_file(&self) -> PathBuf {
        self.data.join("midwatch.db")
    }

    /// The folder of the telemetry window.
    pub fn window_folder(&self) -> PathBuf {
        self.data.join("telemetry")
    }

    /// The folder of what was taken down for investigations.
    pub fn recordings(&self) -> PathBuf {
        self.data.join("recordings")
    }

    /// The folder of what was taken down for the look that wrote this report.
    pub fn recording(&self, report: &Report) -> PathBuf {
        let name = super::watchman::folder_name(&report.header.case, report.header.looked_at);
        self.recordings().join(name)
    }

    /// The journal, to read beside whoever writes it.
    pub fn journal(&self) -> Result<Store, Problem> {
        let file = self.journal_file();
        if !file.exists() {
            return Err(Problem::bad_input(
                "there is no journal yet",
                file.display().to_string(),
                "start `midwatch serve`, or name the configuration of the server that runs: --config FILE",
            ));
        }
        Store::open_read_only(&file).map_err(|error| unusable(&file, &error))
    }

    /// Names of incidents, newest first.
    pub fn incidents(&self, open: bool) -> Result<Vec<IncidentId>, Problem> {
        let journal = self.journal()?;
        journal
            .incidents(open)
            .map_err(|error| self.refused(&error))
    }

    /// One incident by its whole name or the end of it.
    pub fn find(&self, name: &str) -> Result<IncidentId, Problem> {
        named(&self.incidents(false)?, name).cloned()
    }

    /// One incident, folded from its journal, and the journal.
    pub fn fold(&self, id: &IncidentId) -> Result<(Incident, Vec<Entry>), Problem> {
        let entries = self
            .journal()?
            .read(id)
            .map_err(|error| self.refused(&error))?;
        let incident = Incident::fold(id, &entries)
            .map_err(|error| self.refused(&error.into()))?
            .ok_or_else(|| {
                Problem::bad_input(
                    "its journal is empty",
                    id.to_string(),
                    "`midwatch incidents list --all`",
                )
            })?;
        Ok((incident, entries))
    }

    /// What people were not told of an incident although it was tried: notice, channel, and how it went.
    pub fn untold(&self, id: &IncidentId, entries: &[Entry]) -> Result<Vec<Untold>, Problem> {
        let journal = self.journal()?;
        let channels = super::notify::names(&self.config().notify);
        untold(&journal, id, entries, &channels).map_err(|error| self.refused(&error))
    }

    /// One incident by the end of its name.
    pub fn incident(&self, name: &str) -> Result<(Incident, Vec<Entry>), Problem> {
        self.fold(&self.find(name)?)
    }

    /// How well the watch was kept, from the lessons of all incidents.
    pub fn scores(&self) -> Result<learn::Scores, Problem> {
        let ids = self.incidents(false)?;
        let marks = ids.iter().map(|id| Ok(learn::Marks::of(&self.fold(id)?.0)));
        Ok(learn::scores_of(marks.collect::<Result<_, Problem>>()?))
    }

    /// Asks the server that runs, and tells what it said.
    pub fn tell(
        &self,
        request: &Request,
        format: Answer,
        console: &mut Console<'_>,
    ) -> Result<Exit, Problem> {
        let reply = control::ask(&control::socket(&self.data), request)
            .map_err(|error| unreached(&error))?;
        let exit = match &reply {
            Reply::Done { .. } => Exit::Done,
            Reply::Refused { .. } => Exit::No,
        };
        match (&reply, format) {
            (_, Answer::Json) => console.print(&dress::json(&reply))?,
            (Reply::Done { said, .. }, Answer::Terminal) => console.print(&format!("{said}\n"))?,
            (Reply::Refused { why }, Answer::Terminal) => console.mutter(&format!("{why}\n")),
        }
        Ok(exit)
    }

    /// How far the answers of the server reach; `None` where no server runs.
    pub fn server(&self) -> Option<Reply> {
        control::ask(&control::socket(&self.data), &Request::Health).ok()
    }

    /// The watch's own alarms, from the files that the configuration names.
    pub fn rules(&self) -> Result<Rules, Problem> {
        rules(&self.written)
    }

    /// The gate with the policy that is configured.
    pub fn gate(&self) -> Result<Gate, Problem> {
        gate(&self.written)
    }

    /// The policy's text, as it is configured.
    pub fn policy(&self) -> Result<String, Problem> {
        policy(&self.written)
    }

    /// Who may be asked: the approvers that are named, or else whoever runs this program.
    pub fn people(&self) -> Vec<Person> {
        let named = &self.config().act.approvers;
        let names = if named.is_empty() {
            vec![control::own_name()]
        } else {
            named.clone()
        };
        names
            .into_iter()
            .map(|name| Person {
                name,
                groups: ["oncall".to_string()].into(),
            })
            .collect()
    }

    /// The eyes of the control plane, if one is configured.
    pub fn payledger(&self) -> Result<Option<payledger::Eyes>, Problem> {
        let Some(config) = &self.config().connectors.payledger else {
            return Ok(None);
        };
        payledger::Eyes::new(&config.control_plane, config.router.as_deref())
            .map(Some)
            .map_err(|error| {
                Problem::bad_input(
                    error.to_string(),
                    "connectors.payledger",
                    "check its addresses",
                )
            })
    }

    /// What must hold again before any incident is over, as the connectors know it.
    pub fn home(&self) -> Result<Vec<Condition>, Problem> {
        Ok(self.payledger()?.map_or_else(Vec::new, |eyes| eyes.home()))
    }

    /// The hands that are configured.
    pub fn hands(&self) -> Result<Vec<Arc<dyn Actuator>>, Problem> {
        let mut hands: Vec<Arc<dyn Actuator>> = Vec::new();
        if let Some(config) = &self.config().connectors.payledger
            && config.hands
        {
            let payledger = payledger::Hands::new(&config.control_plane).map_err(|error| {
                Problem::bad_input(
                    error.to_string(),
                    "connectors.payledger",
                    "check its addresses",
                )
            })?;
            hands.push(Arc::new(payledger));
        }
        for (name, one) in &self.config().connectors.aws {
            hands.extend(aws::hands(self, name, one)?);
        }
        Ok(hands)
    }

    /// What the operator adds to every plan.
    pub fn planning(&self) -> Result<act::plan::Context, Problem> {
        let config = &self.config().act;
        Ok(act::plan::Context {
            also: self.home()?,
            settle: config.settle.span(),
            patience: config.patience.span(),
            ..act::plan::Context::default()
        })
    }

    /// A live look over this window.
    pub fn live(&self, window: Arc<Window>) -> Result<Live, Problem> {
        Ok(Live::new(
            window,
            self.payledger()?,
            self.config().investigate.changes.span(),
        )
        .asking(Sources::of(self)?))
    }

    /// Lets the server answer a person's question from what it sees now.
    pub fn ask(&self, question: &str) -> Result<watch::ask::Reply, Problem> {
        let request = Request::Ask {
            question: question.to_string(),
        };
        match control::ask(&control::socket(&self.data), &request)
            .map_err(|error| unreached(&error))?
        {
            Reply::Done { facts, .. } => serde_json::from_value(facts).map_err(|error| {
                Problem::bad_input(
                    format!("the server's answer cannot be read: {error}"),
                    "the running server",
                    "use the program of the version that runs",
                )
            }),
            Reply::Refused { why } => Err(Problem::bad_input(why, "the question", "ask otherwise")),
        }
    }

    /// Lets the server write down what it knows of the last stretch: a recording, which whoever asked may have and
    /// which goes when the next is asked for.
    pub fn take_down(&self, since: Span, scope: &[String]) -> Result<PathBuf, Problem> {
        let request = Request::TakeDown {
            seconds: u64::try_from(since.0 / SECOND).unwrap_or(0),
            scope: scope.to_vec(),
        };
        match control::ask(&control::socket(&self.data), &request)
            .map_err(|error| unreached(&error))?
        {
            Reply::Done { facts, .. } => {
                serde_json::from_value(facts["folder"].clone()).map_err(|error| {
                    Problem::bad_input(
                        format!("the server's answer cannot be read: {error}"),
                        "the running server",
                        "use the program of the version that runs",
                    )
                })
            }
            Reply::Refused { why } => Err(Problem::bad_input(
                why,
                "what was to be taken down",
                "ask for another stretch or scope; `midwatch doctor` says how the server is",
            )),
        }
    }

    /// What went wrong with the journal, and what to do.
    pub fn refused(&self, error: &JournalError) -> Problem {
        Problem::bad_input(
            error.to_string(),
            self.journal_file().display().to_string(),
            "`midwatch journal verify` says how the rest stands; keep the file as it is",
        )
    }
}

/// What people were not told of an incident although it was tried.
pub fn untold(
    journal: &Store,
    id: &IncidentId,
    entries: &[Entry],
    channels: &[String],
) -> Result<Vec<Untold>, JournalError> {
    let mut untold = Vec::new();
    for notice in watch::notices::all(id, entries)? {
        for channel in channels {
            let delivery = journal.delivery(&notice.id, channel)?;
            if let Some(delivery) = delivery.filter(|d| !d.told && d.tries > 0) {
                untold.push(Untold {
                    notice: notice.kind.clone(),
                    channel: channel.clone(),
                    tries: delivery.tries,
                    why: delivery.why,
                });
            }
        }
    }
    Ok(untold)
}

/// Of these incidents the one of that name, or the only one whose name ends so.
pub fn named<'a>(all: &'a [IncidentId], name: &str) -> Result<&'a IncidentId, Problem> {
    if let Some(exact) = all.iter().find(|id| id.0 == name) {
        return Ok(exact);
    }
    let ends_so = |id: &&IncidentId| !name.is_empty() && id.0.ends_with(name);
    let mut fitting = all.iter().filter(ends_so);
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Problem::bad_input(
            "no incident is called so",
            name,
            "`midwatch incidents list --all` shows them; the end of a name is enough",
        )),
        (Some(one), Some(other)) => Err(Problem::bad_input(
            format!("{one} and {other} both end so"),
            name,
            "give more of the name",
        )),
    }
}

/// Why the journal's file cannot be used, and what to do. Nothing was altered.
pub fn unusable(file: &Path, error: &StoreError) -> Problem {
    let remedy = match error {
        StoreError::NotThere { .. } => "start `midwatch serve` once, or name its folder",
        StoreError::CannotOpen { .. } => {
            "see that the folder is there, on a local disk, and can be written"
        }
        StoreError::NotOurs { .. } => "name another folder in store.path",
        StoreError::Newer { .. } => "use the program that wrote it, or a newer one",
        StoreError::Corrupt { .. } => "keep a copy of it, and put back a backup",
        StoreError::ReadOnly { .. } => "let whoever runs midwatch write the file and its folder",
        StoreError::Full { .. } => "free some space on its disk",
        StoreError::Held { .. } => {
            "end that server first, or give this one a folder of its own (store.path)"
        }
        StoreError::Failed { .. } => "try again, and look at the disk if it stays so",
        StoreError::Gone { .. } => "start the program again",
    };
    Problem::bad_input(error.to_string(), file.display().to_string(), remedy)
}

fn unreached(error: &ControlError) -> Problem {
    Problem::bad_input(
        error.to_string(),
        "the running server",
        "start `midwatch serve`, or name the configuration of the server that runs: --config FILE",
    )
}

fn rules(written: &Written) -> Result<Rules, Problem> {
    let mut files = Vec::new();
    for path in &written.config.watch.rules {
        let text = written.named_text("watch.rules", path)?;
        let name = written.path(path).display().to_string();
        let declared =
            watch::detect::read(&text, &name).map_err(|error| bad_rules(&error, &name))?;
        files.push((name, declared));
    }
    Rules::of(files).map_err(|error| bad_rules(&error, "watch.rules"))
}

fn bad_rules(error: &watch::detect::RulesError, name: &str) -> Problem {
    Problem::bad_input(
        error.to_string(),
        name,
        "docs/alarms.md shows how alarms are declared",
    )
}

fn policy(written: &Written) -> Result<String, Problem> {
    let named = &written.config.act.policy;
    if let Some(text) = act::gate::sample(named) {
        return Ok(text.to_string());
    }
    let path = written.path(Path::new(named));
    std::fs::read_to_string(&path).map_err(|error| {
        Problem::bad_input(
            format!("{named:?} is no policy that comes with the program, and no file: {error}"),
            written.place("act.policy"),
            "choose observer, ask-always or harmless-alone, or name a Cedar policy's file",
        )
    })
}

fn gate(written: &Written) -> Result<Gate, Problem> {
    let config = &written.config.act;
    let policy = policy(written)?;
    Ok(Gate::new(
        &policy,
        act::gate::Rules {
            confidence: config.min_confidence,
            cooldown: config.cooldown.span(),
            attempts: config.attempts,
            blast_radius: config.max_touched as usize,
            approval_lasts: config.approval_valid.span(),
            ..act::gate::Rules::default()
        },
    ))
}

/// Are the repositories there that are to be read on this machine? Not asked by whoever keeps watch: without one of them,
/// as without any source, there is still enough to see.
fn repositories(written: &Written) -> Result<(), Problem> {
    for (name, one) in &written.config.connectors.git {
        let path = written.path(&one.path);
        if !path.is_dir() {
            return Err(Problem::bad_input(
                format!("there is no folder {}", path.display()),
                written.place(&format!("connectors.git.{name}.path")),
                "name the folder of a repository; paths are relative to the file",
            ));
        }
    }
    Ok(())
}

/// Reads everything that the configuration names; what was found, for people.
pub fn examine(house: &House) -> Result<Vec<String>, Problem> {
    let written = &house.written;
    let rules = rules(written)?;
    let gate = gate(written)?;
    if let Some(fault) = gate.fault() {
        return Err(Problem::bad_input(
            fault.to_string(),
            format!("act.policy = {:?}", written.config.act.policy),
            "until it can be read, nothing is permitted",
        ));
    }
    let mut found = vec![
        format!("{} alarms of our own", rules.len()),
        format!("policy {}", written.config.act.policy),
    ];
    found.extend(rules.remarks().iter().cloned());
    let hands = house.hands()?;
    found.push(match hands.len() {
        0 => "no hands: nothing can be altered".to_string(),
        _ => format!(
            "hands: {}",
            hands
                .iter()
                .map(|hand| hand.name().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        ),
    });
    found.extend(super::inlets::examine(house)?);
    let mut eyes = vec!["pushed telemetry".to_string()];
    if house.payledger()?.is_some() {
        eyes.push("payledger".to_string());
    }
    let sources = Sources::of(house)?;
    repositories(written)?;
    eyes.extend(sources.names().into_iter().map(str::to_string));
    found.push(format!("eyes: {}", eyes.join(", ")));
    // Read with their secrets: a token that is missing should not be found out in an incident.
    super::notify::configured(house)?;
    let told = super::notify::names(&written.config.notify);
    found.push(match told.len() {
        0 => "nobody is told".to_string(),
        _ => format!("told: {}", told.join(", ")),
    });
    Ok(found)
}
