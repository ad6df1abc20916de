//! The live demonstration: PayLedger runs, a fault is injected, and the watch does the rest.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use model::incident::{Entry, Incident, IncidentEvent, IncidentId};
use model::ports::Journal as _;
use model::report::Report;
use server::control::{Desk as _, Reply, Request};

use super::Args;
use super::person::{Person, settled};
use crate::config::{Config, PayLedger, Written};
use crate::console::Console;
use crate::dress::{self, Format, incident as dressed, pencil::Pencil, pencil::Tone};
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::house::House;
use crate::wiring::serving::{Inbound, Serving};

/// What users feel; nothing in it knows what could be broken.
const RULES: &str = include_str!("rules.toml");
/// How often the journal is looked at; the demonstration is for people.
const GLANCE: Duration = Duration::from_millis(100);

/// PayLedger as a child process: asked to end when this goes, however it goes.
struct Guest {
    child: Child,
    state: PathBuf,
}

impl Guest {
    fn start(args: &Args, state: &Path, otlp: SocketAddr) -> Result<Self, Problem> {
        let mut command = this_program()?;
        command
            .args(["payledger", "up", "--state"])
            .arg(state)
            .args(["--otlp", &format!("http://{otlp}")]);
        if args.fast {
            command.arg("--fast");
        }
        let log = std::fs::File::create(state.with_extension("log"))
            .map_err(|error| Problem::unwritable(state.display().to_string(), &error))?;
        let errors = log
            .try_clone()
            .map_err(|error| Problem::unwritable(state.display().to_string(), &error))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|error| cannot_start(&error))?;
        Ok(Self {
            child,
            state: state.to_path_buf(),
        })
    }

    /// Its addresses, once it is up.
    fn deployment(&mut self) -> Result<Option<payledger::deployment::Deployment>, Problem> {
        if let Ok(Some(status)) = self.child.try_wait() {
            let log = std::fs::read_to_string(self.state.with_extension("log")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(3).collect();
            return Err(Problem::bad_input(
                format!("PayLedger ended ({status}): {}", last.join(" / ")),
                "midwatch payledger up",
                "see whether loopback ports and processes may be opened here",
            ));
        }
        Ok(payledger::deployment::StateFolder::new(&self.state)
            .deployment()
            .ok())
    }

    /// Runs one of its commands to the end, which may take minutes, or until the person wants it to end.
    fn tell(&self, words: &[&str], over: &AtomicBool) -> Result<String, Problem> {
        let mut child = this_program()?
            .arg("payledger")
            .args(words)
            .arg("--state")
            .arg(&self.state)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| cannot_start(&error))?;
        // It says a few lines, which its pipes hold until it has ended.
        while matches!(child.try_wait(), Ok(None)) {
            if over.load(Ordering::SeqCst) {
                let _ = child.kill();
                let _ = child.wait();
                return Err(stopped());
            }
            std::thread::sleep(GLANCE);
        }
        let output = child
            .wait_with_output()
            .map_err(|error| cannot_start(&error))?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_string();
        if output.status.success() {
            return Ok(said);
        }
        let why = String::from_utf8_lossy(&output.stderr).trim().to_string();
        Err(Problem::bad_input(
            if why.is_empty() { said } else { why },
            format!("midwatch payledger {}", words.join(" ")),
            "`midwatch payledger fault list` shows what can be broken",
        ))
    }
}

impl Guest {
    /// Its own audit, as it tells it to programs; `None` where it cannot look. An audit that finds something is no
    /// error of asking.
    fn audit(&self) -> Option<serde_json::Value> {
        let output = this_program()
            .ok()?
            .args(["payledger", "audit", "--format", "json", "--state"])
            .arg(&self.state)
            .output()
            .ok()?;
        serde_json::from_slice(&output.stdout).ok()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Asked politely first: it ends its own children then.
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(0));
        if pid.as_raw() > 0 {
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        }
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(8) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn this_program() -> Result<Command, Problem> {
    std::env::current_exe()
        .map(Command::new)
        .map_err(|error| cannot_start(&error))
}

fn cannot_start(error: &std::io::Error) -> Problem {
    Problem::bad_input(
        format!("PayLedger cannot be started: {error}"),
        "midwatch payledger",
        "check that this program may start processes",
    )
}

/// A line that says what is waited for, where a person looks.
struct Waiting(ProgressBar);

impl Waiting {
    fn new(shown: bool) -> Self {
        if !shown {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    fn on(&self, what: &str) {
        self.0.set_message(what.to_string());
        self.0.reset_elapsed();
    }

    fn print(&self, console: &mut Console<'_>, text: &str) -> Result<(), Problem> {
        self.0.suspend(|| console.print(text))
    }
}

/// Set when the person wants it to end.
fn interrupted() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        else {
            return;
        };
        runtime.block_on(async {
            let mut terminate =
                tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
            let ended = async {
                match &mut terminate {
                    Some(terminate) => {
                        terminate.recv().await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                () = ended => {}
            }
        });
        seen.store(true, Ordering::SeqCst);
    });
    flag
}

fn stopped() -> Problem {
    Problem::bad_input(
        "it was interrupted",
        "Ctrl-C",
        "everything that was started has been ended; start it again when you like",
    )
}

/// Runs all of it.
pub(super) fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    if args.fault == "list" {
        let output = this_program()?
            .args(["payledger", "fault", "list"])
            .output()
            .map_err(|error| cannot_start(&error))?;
        console.print(&String::from_utf8_lossy(&output.stdout))?;
        return Ok(Exit::Done);
    }
    // Before anything is started: a name that nobody knows is told at once.
    let faults = payledger::fault::in_order(args.fault.split('+')).map_err(|failure| {
        Problem::bad_input(
            failure.to_string(),
            format!("--fault {}", args.fault),
            "`midwatch demo --fault list` shows what can be broken",
        )
    })?;
    let out = folder(args)?;
    let over = interrupted();
    let workshop = tempfile::Builder::new()
        .prefix("midwatch-demo-")
        .tempdir()
        .map_err(|error| Problem::unwritable(std::env::temp_dir().display().to_string(), &error))?;
    let waiting = Waiting::new(console.shows_progress());
    let rules = workshop.path().join("rules.toml");
    std::fs::write(&rules, RULES)
        .map_err(|error| Problem::unwritable(rules.display().to_string(), &error))?;

    waiting.on("opening the telemetry window and listening for OTLP");
    let mut config = Config::default();
    config.store.path = workshop.path().join("data");
    config.telemetry.grpc = SocketAddr::from(([127, 0, 0, 1], 0));
    config.telemetry.http = SocketAddr::from(([127, 0, 0, 1], 0));
    config.server.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.watch.rules = vec![rules];
    let listening = Inbound::open(&House::built(Written {
        config: config.clone(),
        file: None,
    }))?;
    let otlp = listening.http().ok_or_else(|| {
        Problem::bad_input(
            "nothing listens for OTLP over HTTP",
            "telemetry.http",
            "see whether loopback ports are free",
        )
    })?;

    waiting.on("starting PayLedger in two regions");
    let mut guest = Guest::start(args, &workshop.path().join("payledger"), otlp)?;
    let began = Instant::now();
    let deployment = loop {
        if over.load(Ordering::SeqCst) {
            return Err(stopped());
        }
        if let Some(deployment) = guest.deployment()? {
            break deployment;
        }
        if began.elapsed() > Duration::from_secs(60) {
            return Err(Problem::bad_input(
                "PayLedger did not come up within a minute",
                "midwatch payledger up",
                "is the machine very busy? Try again, or look at a recording: midwatch demo",
            ));
        }
        std::thread::sleep(GLANCE);
    };
    config.connectors.payledger = Some(PayLedger {
        control_plane: deployment.control.clone(),
        router: Some(deployment.router.clone()),
        hands: !args.observe,
    });
    let house = House::built(Written { config, file: None });
    let pencil = console.pencil();
    waiting.print(
        console,
        &pencil.paragraph(
            "",
            2,
            &[
                (Tone::Strong, "PayLedger runs".into()),
                (
                    Tone::Plain,
                    format!(" in two regions under load; its page: {}", deployment.page),
                ),
            ],
        ),
    )?;

    // Telemetry came in from the first moment; what a start looks like is no reason for an alarm.
    let serving = Serving::begin_asleep(&house, listening, Vec::new())?;
    // Whoever started it may approve in the page at once.
    let page = match serving.own_link() {
        Ok(page) => page,
        Err(problem) => {
            serving.end();
            return Err(problem);
        }
    };
    if let Some(page) = &page {
        // Never broken into lines: it must lead there when it is clicked or copied.
        waiting.print(console, &format!("  Watch it at {page}\n"))?;
    }
    waiting.on(&format!(
        "letting it run healthy for {} s, to know what normal is",
        args.healthy
    ));
    let healthy = Instant::now();
    while healthy.elapsed() < Duration::from_secs(args.healthy) {
        if over.load(Ordering::SeqCst) {
            serving.end();
            return Err(stopped());
        }
        std::thread::sleep(GLANCE);
    }
    serving.wake();
    waiting.on("injecting the fault");
    for fault in faults {
        if let Err(problem) = guest.tell(&["fault", "inject", fault], &over) {
            serving.end();
            return Err(problem);
        }
    }
    waiting.print(
        console,
        &pencil.paragraph(
            "",
            2,
            &[(Tone::Bad, format!("Fault injected: {}", args.fault))],
        ),
    )?;

    let terminal = std::io::stdin().is_terminal();
    let stays = args.stay || (terminal && !args.yes && !args.observe);
    let mut telling = Telling {
        args,
        stays,
        person: (terminal && !args.yes).then(Person::listen),
        wanted: None,
        serving: &serving,
        over: &over,
        waiting: &waiting,
        console: &mut *console,
        pencil: &pencil,
        unanswered: false,
        reported: None,
    };
    let outcome = telling.follow();
    let unanswered = telling.unanswered;
    let told = outcome
        .and_then(|incident| write_down(&house, &serving, &incident, &out).map(|()| incident));
    let audit = match &told {
        // Books can agree only where both regions answer again.
        Ok(incident) if incident.closed.is_some() => {
            waiting.on("auditing: is every acknowledged transaction in both regions, once?");
            guest.audit()
        }
        _ => None,
    };
    // Whoever watches the page goes on watching it: it ends when that person wants it to.
    let mut shown = false;
    if let (true, Ok(incident), true) = (stays, &told, page.is_some()) {
        let text = ending(&out, incident, audit.as_ref(), &pencil)?;
        waiting.print(console, &text)?;
        waiting.print(console, "\nThe page goes on until you press Ctrl-C.\n")?;
        shown = true;
        waiting.on("still watching; Ctrl-C ends everything");
        while !over.load(Ordering::SeqCst) {
            std::thread::sleep(GLANCE);
        }
    }
    waiting.on("ending everything that was started");
    drop(guest);
    serving.end();
    waiting.0.finish_and_clear();
    let incident = told?;
    if !shown {
        console.print(&ending(&out, &incident, audit.as_ref(), &pencil)?)?;
    }
    let recovered = incident
        .latest_plan()
        .is_some_and(model::incident::PlanState::worked);
    let named = incident
        .report()
        .is_some_and(|report| !report.causes.is_empty());
    Ok(if recovered || ((args.observe || unanswered) && named) {
        Exit::Done
    } else {
        Exit::No
    })
}

/// What is told at the end: the incident, and what was written where.
fn ending(
    out: &Path,
    incident: &Incident,
    audit: Option<&serde_json::Value>,
    pencil: &Pencil,
) -> Result<String, Problem> {
    let mut text = String::from("\n");
    text += &dressed::card(incident, pencil);
    text += &format!(
        "\nWritten to {}\n  report.html        with pictures, in a browser\n  report.json        midwatch verify {0}/report.json --recording {0}/recording\n  postmortem.md      what only people know is left empty\n  recording/         midwatch investigate {0}/recording\n  journal.ndjson     every entry, hash-chained\n",
        out.display()
    );
    if let Some(audit) = audit {
        let refused =
            |error: std::io::Error| Problem::unwritable(out.display().to_string(), &error);
        std::fs::write(out.join("audit.json"), format!("{audit:#}\n")).map_err(refused)?;
        text += &if audit["clean"] == serde_json::Value::Bool(true) {
            format!(
                "  audit.json         all {} acknowledged transactions are in both regions, once\n",
                audit["acknowledged"]
            )
        } else {
            "  audit.json         PayLedger's books do not agree: see there\n".to_string()
        };
    }
    Ok(text)
}

/// The folder for what is kept: the one named, or the first free one.
fn folder(args: &Args) -> Result<PathBuf, Problem> {
    if let Some(out) = &args.out {
        if out.symlink_metadata().is_ok() {
            return Err(Problem::bad_input(
                "something is there already",
                out.display().to_string(),
                "choose another name, or remove it first",
            ));
        }
        return Ok(out.clone());
    }
    (1..1000)
        .map(|n| {
            PathBuf::from(if n == 1 {
                "midwatch-demo".to_string()
            } else {
                format!("midwatch-demo-{n}")
            })
        })
        .find(|path| path.symlink_metadata().is_err())
        .ok_or_else(|| {
            Problem::bad_input(
                "a thousand demonstrations are here",
                ".",
                "name a folder: --out DIR",
            )
        })
}

/// Who tells what happens, and answers.
struct Telling<'a, 'c> {
    args: &'a Args,
    /// Does it go on until the person ends it?
    stays: bool,
    /// Who sits at the terminal, if anybody does.
    person: Option<Person>,
    /// The incident and the plan that wait for an answer.
    wanted: Option<(IncidentId, String)>,
    serving: &'a Serving,
    over: &'a AtomicBool,
    waiting: &'a Waiting,
    console: &'a mut Console<'c>,
    pencil: &'a Pencil,
    /// Nobody was there to say yes or no.
    unanswered: bool,
    /// When the first report was there.
    reported: Option<Instant>,
}

impl Telling<'_, '_> {
    /// Prints the journal as it grows, answers the question, and returns the incident once nothing more happens.
    fn follow(&mut self) -> Result<Incident, Problem> {
        let began = Instant::now();
        let store = self.serving.store();
        let mut shown: BTreeMap<IncidentId, u64> = BTreeMap::new();
        self.waiting.on("waiting for an alarm");
        loop {
            if self.over.load(Ordering::SeqCst) {
                return Err(stopped());
            }
            let late = began.elapsed() > Duration::from_secs(self.args.patience);
            let ids = store.incidents(false).map_err(|error| unreadable(&error))?;
            for id in ids.iter().rev() {
                let entries = store.read(id).map_err(|error| unreadable(&error))?;
                let Some(opened) = entries.first().map(|entry| entry.at) else {
                    continue;
                };
                let seen = shown.get(id).copied().unwrap_or(0);
                for entry in entries.iter().filter(|entry| entry.seq > seen) {
                    shown.insert(id.clone(), entry.seq);
                    let line = dressed::timeline_line(entry, opened, self.pencil);
                    self.waiting.print(self.console, &line)?;
                    self.waiting.on(awaited(entry));
                    if self
                        .wanted
                        .as_ref()
                        .is_some_and(|(_, plan)| settled(&entry.event, plan))
                    {
                        self.wanted = None;
                    }
                    match &entry.event {
                        IncidentEvent::InvestigationEnded { report, .. } => {
                            self.reported.get_or_insert_with(Instant::now);
                            let told = dress::causes(report, self.pencil);
                            self.waiting.print(self.console, &format!("\n{told}\n"))?;
                        }
                        IncidentEvent::ApprovalAsked { plan, .. } => {
                            self.answer(id, plan, &entries)?;
                        }
                        _ => {}
                    }
                }
                let incident = Incident::fold(id, &entries).map_err(|error| {
                    Problem::bad_input(
                        error.to_string(),
                        id.to_string(),
                        "this is a defect; please tell",
                    )
                })?;
                if let Some(incident) = incident
                    && ((late && !self.stays) || self.is_over(&incident, &entries))
                {
                    return Ok(incident);
                }
            }
            if late && ids.is_empty() {
                return Err(Problem::bad_input(
                    format!("no alarm was raised within {} s", self.args.patience),
                    self.args.fault.clone(),
                    "try again on a quieter machine, or with more --patience",
                ));
            }
            self.hear()?;
            std::thread::sleep(GLANCE);
        }
    }

    /// Does nothing more happen by itself?
    fn is_over(&self, incident: &Incident, entries: &[Entry]) -> bool {
        let calm = || {
            self.serving
                .store()
                .incidents(true)
                .is_ok_and(|open| open.is_empty())
        };
        if self.args.observe {
            let lingered = |since: Instant| since.elapsed().as_secs() >= self.args.linger;
            return self.reported.is_some_and(lingered);
        }
        let handed_over = entries.last().is_some_and(|entry| {
            matches!(
                entry.event,
                IncidentEvent::HandedOver { .. } | IncidentEvent::NoPlan { .. }
            )
        });
        handed_over || self.unanswered || (incident.closed.is_some() && calm())
    }

    /// Shows the plan, and answers as the person does.
    fn answer(&mut self, id: &IncidentId, plan: &str, entries: &[Entry]) -> Result<(), Problem> {
        let incident = Incident::fold(id, entries).ok().flatten();
        if let Some(state) = incident.as_ref().and_then(Incident::latest_plan) {
            let text = dressed::plan_card(state, self.pencil);
            self.waiting.print(self.console, &text)?;
        }
        if self.args.yes {
            self.waiting.print(self.console, "  --yes answers: yes\n")?;
            return self.decide(id, plan, true);
        }
        if !self.stays && self.person.is_none() {
            self.unanswered = true;
            return self.waiting.print(
                self.console,
                "  nobody is at a terminal to say yes, so nothing is performed; `midwatch demo --yes` says it\n",
            );
        }
        self.wanted = Some((id.clone(), plan.to_string()));
        let page = self.serving.api().map_or_else(String::new, |api| {
            format!("Answer in the page: http://{api}/#/incidents/{id}/plan\n")
        });
        let here = if self.person.is_some() {
            "or type yes or no here, and Enter\n"
        } else {
            ""
        };
        self.waiting
            .print(self.console, &format!("\nPerform this plan? {page}{here}"))
    }

    /// What the person at the terminal said, if anything is wanted of them.
    fn hear(&mut self) -> Result<(), Problem> {
        let Some(said) = self.person.as_ref().and_then(Person::said) else {
            return Ok(());
        };
        let Some((id, plan)) = self.wanted.clone() else {
            return Ok(());
        };
        match said.as_str() {
            "yes" => self.decide(&id, &plan, true),
            "no" => self.decide(&id, &plan, false),
            _ => self
                .waiting
                .print(self.console, "  yes or no, please, as a whole word\n"),
        }
    }

    /// Answers in the name of the person who runs the demonstration.
    fn decide(&mut self, id: &IncidentId, plan: &str, yes: bool) -> Result<(), Problem> {
        self.wanted = None;
        let who = server::control::Person {
            name: server::control::own_name(),
            uid: nix::unistd::getuid().as_raw(),
        };
        let (incident, plan) = (id.to_string(), plan.to_string());
        let request = if yes {
            Request::Approve { incident, plan }
        } else {
            Request::Refuse {
                incident,
                plan,
                why: "refused in the demonstration".to_string(),
            }
        };
        match self.serving.desk().answer(&who, request) {
            Reply::Done { .. } => Ok(()),
            Reply::Refused { why } => Err(Problem::bad_input(why, "the plan", "look at it again")),
        }
    }
}

fn unreadable(error: &model::ports::JournalError) -> Problem {
    Problem::bad_input(
        error.to_string(),
        "the journal",
        "this is a defect; please tell",
    )
}

/// What comes after an event, for the line that says what is waited for.
fn awaited(entry: &Entry) -> &'static str {
    match &entry.event {
        IncidentEvent::InvestigationStarted { .. } | IncidentEvent::Looked { .. } => {
            "investigating"
        }
        IncidentEvent::InvestigationEnded { .. } => "looking for a way back",
        IncidentEvent::PlanProposed { .. } => "asking the gate",
        IncidentEvent::ApprovalAsked { .. } => "waiting for a yes",
        IncidentEvent::Approved { .. } => "asking the gate again",
        IncidentEvent::RunStarted { .. }
        | IncidentEvent::StepStarted { .. }
        | IncidentEvent::StepEnded { .. } => "performing the plan",
        IncidentEvent::RunEnded { .. } | IncidentEvent::Verified { passed: false, .. } => {
            "waiting for fresh telemetry, and for the primary region to serve again"
        }
        IncidentEvent::Verified { .. } => "learning",
        _ => "keeping watch",
    }
}

/// Report, post-mortem, recording and journal, in a new folder.
fn write_down(
    house: &House,
    serving: &Serving,
    incident: &Incident,
    out: &Path,
) -> Result<(), Problem> {
    let refused = |error: std::io::Error| Problem::unwritable(out.display().to_string(), &error);
    std::fs::create_dir_all(out).map_err(refused)?;
    let write = |name: &str, text: &str| std::fs::write(out.join(name), text).map_err(refused);
    let mut reports = incident
        .investigations
        .iter()
        .filter_map(|look| match &look.ended {
            Some((_, Ok(report))) => Some(report),
            _ => None,
        });
    let first = reports.clone().next();
    // The first report with a cause is the one that the plan answers to.
    let investigated = reports.find(|report| !report.causes.is_empty()).or(first);
    if let Some(report) = investigated {
        let plain = Pencil::default();
        write("report.html", &dress::report(report, Format::Html, &plain))?;
        write(
            "report.md",
            &dress::report(report, Format::Markdown, &plain),
        )?;
        write("report.json", &dress::report(report, Format::Json, &plain))?;
        take_down(house, report, &out.join("recording"))?;
    }
    if serving
        .store()
        .incidents(false)
        .is_ok_and(|all| all.len() > 1)
    {
        // Others that were opened meanwhile: what was last said of each.
        let others = out.join("others");
        std::fs::create_dir_all(&others).map_err(refused)?;
        for id in serving.store().incidents(false).unwrap_or_default() {
            let entries = serving.store().read(&id).unwrap_or_default();
            let other = Incident::fold(&id, &entries).ok().flatten();
            if let Some(report) = other
                .as_ref()
                .filter(|_| id != incident.id)
                .and_then(Incident::report)
            {
                let text = dress::report(report, Format::Json, &Pencil::default());
                std::fs::write(others.join(format!("{id}.json")), text).map_err(refused)?;
                take_down(house, report, &others.join(format!("{id}-recording")))?;
            }
        }
    }
    if let Some(last) = incident.report() {
        write(
            "last-report.json",
            &dress::report(last, Format::Json, &Pencil::default()),
        )?;
        if investigated.is_none_or(|first| first.ledger != last.ledger) {
            take_down(house, last, &out.join("last-recording"))?;
        }
    }
    write("postmortem.md", &learn::postmortem(incident).to_string())?;
    if let Ok(Some(journal)) = serving.store().export(&incident.id) {
        write("journal.ndjson", &journal)?;
    }
    Ok(())
}

/// What a report was made from, as it was kept; nothing if it was not.
fn take_down(house: &House, report: &Report, to: &Path) -> Result<(), Problem> {
    let recording = house.recording(report);
    if recording.is_dir() {
        crate::wiring::copy(&recording, to)
            .map_err(|error| Problem::unwritable(to.display().to_string(), &error))?;
    }
    Ok(())
}
