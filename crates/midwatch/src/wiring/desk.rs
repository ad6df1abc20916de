//! What a person at the desk is answered.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use connectors::files;
use model::EntityId;
use model::incident::{Ending, IncidentId};
use model::ports::{Clock as _, Journal as _, Lookout as _};
use model::silence::{Recurrence, Silence};
use model::time::{SECOND, Span, TimeWindow, Timestamp};
use server::api::house::Undone;
use server::control::{Desk, Person, Reply, Request};
use server::inlets::Inlets as _;
use server::otlp::Counter;
use store::window::Window;
use watch::attend::{Named, Refusal};

use serde_json::Value;

use super::inlets::Posts;
use super::live::{Pushed, SystemClock};
use super::troubles::Troubles;
use super::watchman::Watchman;

/// So long what was taken down is left for the one who asked for it.
const LEFT_LYING: Span = Span(10 * model::time::MINUTE);
/// Of what was taken down, so much is left beside what is written next.
const MOST_LYING: usize = 4;

/// The longest stretch that is taken down at once: it is held in memory while it is written.
const LONGEST_TAKING: Span = Span(6 * 3_600 * SECOND);

/// What the watch did not do.
fn undone(refusal: Refusal) -> Undone {
    match refusal {
        Refusal::No(why) => Undone::No(why),
        Refusal::Failed(error) => Undone::Failed(error.to_string()),
    }
}

/// The desk of a server that runs.
pub struct LiveDesk {
    watchman: Arc<Watchman>,
    window: Arc<Window>,
    pushed: Arc<Pushed>,
    counter: Counter,
    troubles: Arc<Troubles>,
    posts: Arc<Posts>,
    /// Where what was taken down lies.
    taken: PathBuf,
    taking: Mutex<()>,
}

impl LiveDesk {
    /// Of this server, which keeps its things in that folder.
    pub fn new(
        data: &Path,
        watchman: Arc<Watchman>,
        window: Arc<Window>,
        pushed: Arc<Pushed>,
        counter: Counter,
        troubles: Arc<Troubles>,
        posts: Arc<Posts>,
    ) -> Self {
        Self {
            watchman,
            window,
            pushed,
            counter,
            troubles,
            posts,
            taken: data.join("taken"),
            taking: Mutex::new(()),
        }
    }

    /// The incident of that name, or whose name ends so.
    fn find(&self, name: &str) -> Result<IncidentId, Undone> {
        let all = self
            .watchman
            .store()
            .incidents(false)
            .map_err(|error| Undone::Failed(error.to_string()))?;
        super::house::named(&all, name)
            .cloned()
            .map_err(|problem| Undone::No(format!("{name}: {}; {}", problem.what, problem.remedy)))
    }

    fn approve(&self, who: &Person, incident: &str, plan: &str) -> Result<String, Undone> {
        let id = self.find(incident)?;
        let approval = self
            .watchman
            .watch()
            .approve(&id, plan, &who.name)
            .map_err(undone)?;
        Ok(format!(
            "{} said yes to plan {} of {id}. `midwatch incidents timeline {id}` shows how it goes.",
            who.name,
            approval.plan.get(..12).unwrap_or(&approval.plan)
        ))
    }

    fn refuse(
        &self,
        who: &Person,
        incident: &str,
        plan: &str,
        why: &str,
    ) -> Result<String, Undone> {
        let id = self.find(incident)?;
        self.watchman
            .watch()
            .refuse(&id, plan, &who.name, why)
            .map_err(undone)?;
        Ok(format!("{} said no to the plan of {id}", who.name))
    }

    fn note(&self, who: &Person, incident: &str, text: &str) -> Result<String, Undone> {
        let id = self.find(incident)?;
        self.watchman
            .watch()
            .note(&id, &who.name, text)
            .map_err(undone)?;
        Ok(format!("noted in the journal of {id}"))
    }

    fn close(&self, who: &Person, incident: &str, why: &str) -> Result<String, Undone> {
        let id = self.find(incident)?;
        // The reason only stands there if it was closed: it may not be while hands are moving.
        self.watchman
            .watch()
            .close(&id, &who.name, Ending::HandedOver)
            .map_err(undone)?;
        self.watchman
            .watch()
            .note(&id, &who.name, &format!("closed it: {why}"))
            .map_err(undone)?;
        Ok(format!("{id} is closed"))
    }

    fn judge(
        &self,
        who: &Person,
        incident: &str,
        cause: Option<usize>,
        right: bool,
    ) -> Result<String, Undone> {
        let id = self.find(incident)?;
        let watch = self.watchman.watch();
        let judged = watch.judge(&id, cause, right, &who.name).map_err(undone)?;
        let (was, so) = match (judged, right) {
            (1, true) => ("1 cause", "it was"),
            (1, false) => ("1 cause", "it was not"),
            (_, true) => ("all causes", "they were"),
            (_, false) => ("all causes", "they were not"),
        };
        Ok(format!("{} said of {was} of {id} that {so}", who.name))
    }

    fn name_cause(&self, who: &Person, incident: &str, named: &Named) -> Result<String, Undone> {
        let id = self.find(incident)?;
        let watch = self.watchman.watch();
        let title = watch.name_cause(&id, named, &who.name).map_err(undone)?;
        let (by, entity) = (&who.name, &named.entity);
        let beside = if named.beside { ", too" } else { "" };
        Ok(format!(
            "{by} said of {id} that it was {title} on {entity}{beside}"
        ))
    }

    fn look(&self, who: &Person, incident: &str) -> Result<String, Undone> {
        let id = self.find(incident)?;
        let left = self
            .watchman
            .watch()
            .look_again(&id, &who.name)
            .map_err(undone)?;
        Ok(format!(
            "{id} is looked at again, as {} asked; so many looks may still be asked for: {left}",
            who.name
        ))
    }

    fn split(&self, who: &Person, incident: &str, alarms: &[String]) -> Result<String, Undone> {
        let id = self.find(incident)?;
        let watch = self.watchman.watch();
        let stands = watch
            .incident(&id)
            .map_err(|error| Undone::Failed(error.to_string()))?;
        let mut chosen = Vec::new();
        for wanted in alarms {
            let found: Vec<_> = stands
                .alarms
                .iter()
                .filter(|joined| {
                    joined.alarm.rule == *wanted
                        || (wanted.len() >= 6 && joined.fingerprint.0.starts_with(wanted.as_str()))
                })
                .map(|joined| joined.fingerprint.clone())
                .collect();
            if found.is_empty() {
                let known: Vec<String> = stands
                    .alarms
                    .iter()
                    .map(|joined| format!("{} ({})", joined.alarm.rule, joined.fingerprint.0))
                    .collect();
                return Err(Undone::No(format!(
                    "{id} has no alarm {wanted:?}; it has {}",
                    known.join(", ")
                )));
            }
            chosen.extend(found);
        }
        let new = watch.split(&id, &chosen, &who.name).map_err(undone)?;
        Ok(format!("{new} was split from {id}"))
    }

    fn merge(&self, who: &Person, incident: &str, into: &str) -> Result<String, Undone> {
        let (id, into) = (self.find(incident)?, self.find(into)?);
        self.watchman
            .watch()
            .merge(&id, &into, &who.name)
            .map_err(undone)?;
        Ok(format!("{id} lives on in {into}"))
    }

    fn link(&self, who: &Person, incident: &str, with: &str, why: &str) -> Result<String, Undone> {
        let (id, with) = (self.find(incident)?, self.find(with)?);
        self.watchman
            .watch()
            .link(&id, &with, &who.name, why)
            .map_err(undone)?;
        Ok(format!("{id} and {with} name each other"))
    }

    fn silence(
        &self,
        who: &Person,
        (entity, rule): (Option<String>, Option<String>),
        seconds: u64,
        why: String,
    ) -> Result<(String, Value), Undone> {
        let now = SystemClock.now();
        let length = Span::seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
        let silence = Silence {
            id: format!("silence-{}", now.0),
            entity,
            rule,
            labels: std::collections::BTreeMap::new(),
            from: now,
            until: now.plus(length),
            every: Recurrence::default(),
            by: who.name.clone(),
            why,
            ended: None,
            ended_by: None,
        };
        let hushed = self.watchman.watch().silence(&silence).map_err(undone)?;
        let Silence { id, until, .. } = silence;
        Ok((
            format!("quiet until {until} ({id}); {hushed} open incidents are silenced with it"),
            serde_json::json!({ "silence": id, "until": until }),
        ))
    }

    fn end_silence(&self, who: &Person, silence: &str) -> Result<String, Undone> {
        self.watchman
            .watch()
            .end_silence(silence, &who.name)
            .map_err(undone)?;
        Ok(format!("{} ended {silence}", who.name))
    }

    /// What a person asked, understood and answered; what can be asked, if it is not understood.
    pub fn ask(&self, question: &str) -> Result<(String, serde_json::Value), String> {
        let now = SystemClock.now();
        let live = self.watchman.live();
        // Names are known only after a look.
        let brief =
            TimeWindow::new(now.minus(Span::minutes(10)), now).ok_or("the clock stands still")?;
        let names = live.look(brief, now);
        let understood = watch::ask::understand(question, &names.topology, now)
            .map_err(|error| error.to_string())?;
        let case = live.look(understood.window, now);
        let reply = watch::ask::answer(&understood, &case);
        let facts = serde_json::to_value(&reply).map_err(|error| error.to_string())?;
        Ok((reply.understood, facts))
    }

    /// Writes down what is known of the last stretch, redacted, as a recording. It lies there for the one who asked, and
    /// goes when another is written after [`LEFT_LYING`], or [`MOST_LYING`] others are.
    fn take_down(&self, seconds: u64, scope: &[String]) -> Result<(String, Value), String> {
        let now = SystemClock.now();
        let length = Span::seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
        let window = TimeWindow::new(now.minus(length), now)
            .filter(|window| window.length().0 > 0 && length <= LONGEST_TAKING)
            .ok_or_else(|| {
                format!(
                    "{} cannot be taken down at once; ask for 1s to {}",
                    watch::detect::written(length),
                    watch::detect::written(LONGEST_TAKING)
                )
            })?;
        let mut case = self.watchman.watch().testimony(window);
        if !scope.is_empty() {
            let in_scope = |id: &EntityId| scope.iter().any(|word| id.as_str().ends_with(word));
            case.keep_around(in_scope);
            if case.topology.entities.is_empty() {
                return Err(format!("nobody is called {}", scope.join(" or ")));
            }
        }
        files::redact(&mut case);
        let _one = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.taken.join(format!("live-{}", now.0 / 1_000_000));
        self.clear_taken(now)
            .map_err(|error| format!("{}: {error}", self.taken.display()))?;
        files::write(&case, &folder).map_err(|error| error.to_string())?;
        let said = format!(
            "{} entities of the last {length}",
            case.topology.entities.len()
        );
        // Whoever asked may stand in another folder.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Ok((said, serde_json::json!({ "folder": folder })))
    }

    /// Removes what was taken down so long ago that whoever asked has it, and all but the newest.
    fn clear_taken(&self, now: Timestamp) -> std::io::Result<()> {
        let entries = match std::fs::read_dir(&self.taken) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        let mut lying: Vec<(Option<i64>, PathBuf)> = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let taken = name.to_str().and_then(|name| name.strip_prefix("live-"));
            let taken = taken.and_then(|milliseconds| milliseconds.parse::<i64>().ok());
            let taken = taken.and_then(|milliseconds| milliseconds.checked_mul(1_000_000));
            lying.push((taken, entry.path()));
        }
        lying.sort_by(|a, b| b.cmp(a));
        for (place, (taken, path)) in lying.into_iter().enumerate() {
            let old = taken.is_none_or(|taken| now.since(Timestamp(taken)) > LEFT_LYING);
            if old || place >= MOST_LYING {
                std::fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }

    /// Does the configuration or a role make them somebody who may be asked about plans?
    pub fn is_approver(&self, name: &str) -> bool {
        let people = self.watchman.watch().people();
        people.iter().any(|person| person.name == name)
    }

    /// Where others post.
    pub fn posts(&self) -> Arc<Posts> {
        Arc::clone(&self.posts)
    }

    /// How the server is, in numbers.
    pub fn standing(&self) -> server::api::house::Health {
        let window = self.window.stats();
        let watch = self.watchman.watch();
        let open = self.watchman.store().incidents(true);
        server::api::house::Health {
            troubles: self.troubles.standing(),
            open: open.map_or(0, |open| open.len() as u64),
            taken: [window.spans, window.logs, window.points],
            window_bytes: window.bytes,
            shed: self.counter.counts().shed,
            channels: watch
                .standings()
                .into_iter()
                .map(|standing| (standing.name, standing.trouble.is_none()))
                .collect(),
            inlets: self.posts.standing(),
        }
    }

    fn health(&self) -> (String, serde_json::Value) {
        let window = self.window.stats();
        let counts = self.counter.counts();
        let refused = self.pushed.tally().refused();
        let open = self
            .watchman
            .store()
            .incidents(true)
            .map_or(0, |open| open.len());
        let mut said = format!(
            "keeps watch; {} spans, {} log lines and {} points taken; {open} incidents open",
            window.spans, window.logs, window.points
        );
        for (count, what) in [
            (counts.shed, "requests sent away to come again"),
            (counts.too_large, "requests refused as too large"),
            (counts.malformed, "requests that cannot be read"),
            (counts.rejected, "spans, points and lines refused"),
        ] {
            if count > 0 {
                said += &format!("; {count} {what}");
            }
        }
        (
            said,
            serde_json::json!({
                "window": {
                    "spans": window.spans, "logs": window.logs, "points": window.points,
                    "refused": window.refused, "bytes": window.bytes, "error": window.error,
                    "dropped_by_age": window.dropped_by_age, "dropped_by_bytes": window.dropped_by_bytes,
                },
                "requests": {
                    "taken": counts.taken, "shed": counts.shed, "too_large": counts.too_large,
                    "malformed": counts.malformed, "rows_accepted": counts.accepted,
                    "rows_rejected": counts.rejected,
                },
                "troubles": self.troubles.standing(),
                "alarms_refused": format!("{refused:?}"),
                "open": open,
                "channels": self.watchman.watch().standings(),
                "inlets": self.posts.standing(),
            }),
        )
    }
}

impl LiveDesk {
    /// Does what a person wants done; what came of it, for people and for programs.
    ///
    /// # Errors
    /// If it may not be, or could not be written down; questions are no deeds.
    pub fn perform(&self, who: &Person, wanted: Request) -> Result<(String, Value), Undone> {
        let said = match wanted {
            Request::Approve { incident, plan } => self.approve(who, &incident, &plan),
            Request::Refuse {
                incident,
                plan,
                why,
            } => self.refuse(who, &incident, &plan, &why),
            Request::Note { incident, text } => self.note(who, &incident, &text),
            Request::Close { incident, why } => self.close(who, &incident, &why),
            Request::Judge {
                incident,
                cause,
                right,
            } => self.judge(who, &incident, cause, right),
            Request::NameCause {
                incident,
                entity,
                mechanism,
                beside,
                unseen,
            } => {
                let named = Named {
                    entity,
                    mechanism,
                    beside,
                    unseen,
                };
                self.name_cause(who, &incident, &named)
            }
            Request::Look { incident } => self.look(who, &incident),
            Request::Split { incident, alarms } => self.split(who, &incident, &alarms),
            Request::Merge { incident, into } => self.merge(who, &incident, &into),
            Request::Link {
                incident,
                with,
                why,
            } => self.link(who, &incident, &with, &why),
            Request::Silence {
                entity,
                rule,
                seconds,
                why,
            } => return self.silence(who, (entity, rule), seconds, why),
            Request::EndSilence { silence } => self.end_silence(who, &silence),
            Request::Ask { .. } | Request::TakeDown { .. } | Request::Health => {
                Err(Undone::No("that alters nothing".to_string()))
            }
        };
        Ok((said?, Value::Null))
    }
}

impl Desk for LiveDesk {
    fn answer(&self, who: &Person, request: Request) -> Reply {
        match request {
            Request::Ask { question } => match self.ask(&question) {
                Ok((said, facts)) => Reply::Done { said, facts },
                Err(why) => Reply::Refused { why },
            },
            Request::TakeDown { seconds, scope } => match self.take_down(seconds, &scope) {
                Ok((said, facts)) => Reply::Done { said, facts },
                Err(why) => Reply::Refused { why },
            },
            Request::Health => {
                let (said, facts) = self.health();
                Reply::Done { said, facts }
            }
            deed => match self.perform(who, deed) {
                Ok((said, facts)) => Reply::Done { said, facts },
                Err(undone) => Reply::Refused {
                    why: undone.to_string(),
                },
            },
        }
    }
}
