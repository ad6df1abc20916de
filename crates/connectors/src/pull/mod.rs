//! How a live source is asked: within a budget, with patience that ends, and never as part of the incident.
//!
//! A [`Source`] is one server. A [`Look`] is all that is asked of it at one time: each question is tried again where
//! that can help, and once the source shows that it cannot answer (unreachable, silent, it asks to be left alone, the
//! budget is spent) the rest of the look is not asked at all. What was not answered is a [`Missed`], which knows its
//! gap. Time and chance are handed in.

mod budget;
pub mod calls;
mod credential;
#[cfg(any(
    feature = "argocd",
    feature = "git",
    feature = "github",
    feature = "gitlab",
    feature = "kubernetes"
))]
pub(crate) mod dated;
pub(crate) mod http;
#[cfg(any(feature = "github", feature = "gitlab"))]
pub(crate) mod kept;
#[cfg(any(feature = "kubernetes", feature = "loki"))]
pub(crate) mod lines;
pub(crate) mod matchers;
pub mod proof;
#[cfg(any(feature = "aws", feature = "jaeger", feature = "tempo"))]
mod slices;
#[cfg(any(feature = "jaeger", feature = "tempo"))]
pub(crate) mod traces;
mod who;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::case::{OwnedLog, OwnedSpan};
use model::ports::{Chance, Clock};
use model::query::{Gap, GapReason};
use model::silence::Silence;
use model::source::{SourceLook, Spent};
use model::time::{Span, TimeWindow, Timestamp};
use model::{Change, Event, Series, SourceKind, StateSnapshot, Topology};

use crate::client::ClientError;

pub(crate) use budget::dollars;
pub use budget::{Budget, Hour, Money, Rates};
pub use calls::{Call, Needs};
pub use credential::{Credential, Shown};
pub use http::Http;
pub use matchers::misread;
#[cfg(feature = "aws")]
pub(crate) use slices::slices;
pub(crate) use who::Met;
pub use who::Naming;

/// How often one question is sent at most.
const TRIES: u32 = 4;
/// How long it may take to say whether a source answers.
pub(crate) const GREETING: Span = Span(3 * model::time::SECOND);
/// With less time left nothing more is asked.
const LEAST_LEFT: i64 = 50_000_000;
/// Remarks on the answers of one look that are told.
#[cfg(any(feature = "loki", feature = "prometheus", feature = "tempo"))]
const REMARKS: usize = 5;
/// The first wait before a question is sent again; each further one is twice as long.
const FIRST_WAIT: i64 = 250_000_000;
/// A source whose clock is further off than this is told of.
pub(crate) const CLOCK_OFF: Span = Span(30 * model::time::SECOND);

/// How clocks are brought together.
pub(crate) const SET_CLOCK: &str = "set the clock of that machine, or of this one, by NTP";

/// By how much a source's clock is ahead of ours by the date of an answer, if that is far enough to matter; 0 otherwise.
pub(crate) fn ahead(date: Option<Timestamp>, now: Timestamp) -> Span {
    date.map(|date| date.since(now))
        .filter(|ahead| ahead.0.saturating_abs() > CLOCK_OFF.0)
        .unwrap_or(Span(0))
}

/// That the clock of the source of this name is not ours.
pub(crate) fn off(name: &str, ahead: Span) -> Gap {
    let way = if ahead.0 > 0 { "ahead of" } else { "behind" };
    Gap::new(
        format!("the right time of {name}"),
        GapReason::Connector,
        format!("its clock is {} {way} ours", Span(ahead.0.saturating_abs())),
        SET_CLOCK,
    )
}

/// Waits. Beside [`Clock`], so that tests need no time to pass.
pub trait Patience: Clock {
    /// Returns when this long has passed.
    fn wait(&self, length: Span);
}

/// One question as it goes out.
pub struct Question<'q> {
    /// Below the source's base address, beginning with `/`.
    pub path: &'q str,
    /// Fields of the question.
    pub fields: &'q [(&'q str, String)],
    /// May it be posted, if it is long?
    pub may_post: bool,
    /// How long an answer is waited for.
    pub limit: Span,
    /// Bytes of an answer that are read.
    pub most: u64,
    /// What the source wants to see.
    pub shown: &'q Shown,
    /// The mark of an answer that is known: the source may say that it would give the same again.
    pub unless: Option<&'q str>,
}

/// What a source answered, whatever it was.
#[derive(Clone, Debug, Default)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// How long it asks to be left alone, if it does.
    pub after: Option<Span>,
    /// Its clock, if it says.
    pub date: Option<Timestamp>,
    /// The mark of this answer (`ETag`), if it has one.
    pub mark: Option<String>,
    /// It takes no further request for so long: what it allows in a span of time is spent.
    pub spent: Option<Span>,
    /// It is a page of a list, and there is a next one.
    pub more: bool,
    /// What it said.
    pub body: Vec<u8>,
    /// It said more than was read.
    pub cut: bool,
}

/// What carries questions to a source.
pub trait Wire: Send + Sync {
    /// Asks once.
    ///
    /// # Errors
    /// If no answer came.
    fn ask(&self, question: &Question<'_>) -> Result<Answered, ClientError>;
}

/// Why a question has no answer. Texts never hold the credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missed {
    /// The budget is spent.
    #[error("{0}")]
    Budget(String),
    /// The source wants to be left alone.
    #[error("{0}")]
    RateLimit(String),
    /// It did not answer in time.
    #[error("{0}")]
    Timeout(String),
    /// It cannot be reached, or it failed.
    #[error("{0}")]
    Unreached(String),
    /// It does not let us.
    #[error("{0}")]
    Permission(String),
    /// It does not know us, whatever we would ask.
    #[error("{0}")]
    Stranger(String),
    /// It understood, and will not: what it said.
    #[error("it answered {0}: {1}")]
    Refused(u16, String),
    /// Its answer is longer than what may be read.
    #[error("the answer is longer than {0} bytes")]
    TooLong(u64),
    /// Its answer is not what was expected.
    #[error("its answer cannot be read: {0}")]
    Strange(String),
    /// Its clock and ours are too far apart for it to take what we send.
    #[error("{0}")]
    Clock(String),
}

impl Missed {
    /// Will every further question of this look fare the same?
    fn concerns_all(&self) -> bool {
        matches!(
            self,
            Self::Budget(_)
                | Self::RateLimit(_)
                | Self::Stranger(_)
                | Self::Timeout(_)
                | Self::Unreached(_)
                | Self::Clock(_)
        )
    }

    /// What could not be seen, why, and how to close it. `name` is the source as it is configured:
    /// `prometheus.main`.
    pub fn gap(&self, wanted: &str, name: &str) -> Gap {
        let (why, how_to_close) = match self {
            Self::Budget(_) => (
                GapReason::Budget,
                format!(
                    "narrow what is read with match in [connectors.{name}], or raise its requests, bytes, look or *_per_hour"
                ),
            ),
            Self::RateLimit(_) => (
                GapReason::RateLimit,
                format!(
                    "let {name} answer more requests, or lower requests in [connectors.{name}]"
                ),
            ),
            Self::Timeout(_) => (
                GapReason::Timeout,
                format!("see why {name} is slow, or raise timeout and look in [connectors.{name}]"),
            ),
            Self::Permission(_) | Self::Stranger(_) => (
                GapReason::Permission,
                format!(
                    "let the watch read it: bearer_file, or user and password_file, in [connectors.{name}]"
                ),
            ),
            Self::Unreached(_) => (
                GapReason::Connector,
                format!("check url in [connectors.{name}], and that it answers"),
            ),
            Self::Refused(..) | Self::Strange(_) => (
                GapReason::Connector,
                format!("check that url in [connectors.{name}] is the API's, and its version"),
            ),
            Self::TooLong(_) => (
                GapReason::Budget,
                format!(
                    "narrow what is read with match in [connectors.{name}], or raise its bytes"
                ),
            ),
            Self::Clock(_) => (GapReason::Connector, SET_CLOCK.to_string()),
        };
        Gap::new(wanted, why, format!("{name}: {self}"), how_to_close)
    }
}

/// What one look at a source brought.
#[derive(Clone, Debug, Default)]
pub struct Brought {
    /// Kinds of telemetry that were read, even if there was nothing; none if it could not be asked.
    pub seen: &'static [SourceKind],
    /// Numbers; keys are unique.
    pub series: Vec<Series>,
    /// Lines.
    pub logs: Vec<OwnedLog>,
    /// Spans.
    pub spans: Vec<OwnedSpan>,
    /// Whom it told of, and who leans on whom.
    pub topology: Topology,
    /// What it says of how things stand.
    pub snapshots: Vec<StateSnapshot>,
    /// What it says happened.
    pub events: Vec<Event>,
    /// What it says was altered.
    pub changes: Vec<Change>,
    /// What could not be seen.
    pub gaps: Vec<Gap>,
    /// What it was asked, and what that cost.
    pub asked: SourceLook,
}

/// A source that is asked when an incident is looked at.
pub trait Live: Send + Sync {
    /// As it is configured: `prometheus.main`.
    fn name(&self) -> &str;

    /// Everything in `hull`, as far as its budget goes.
    fn look(&self, hull: TimeWindow, now: Timestamp) -> Brought;

    /// Does it answer? What it said, for people.
    ///
    /// # Errors
    /// Why not.
    fn greet(&self) -> Result<String, Missed>;

    /// What would help where that failed, as a gap.
    fn gap(&self, missed: &Missed) -> Gap {
        missed.gap("", self.name())
    }

    /// Who leans on whom, without a whole look.
    fn around(&self, _: Timestamp) -> Topology {
        Topology::default()
    }

    /// Does it know of silences?
    fn hushes(&self) -> bool {
        false
    }

    /// The silences that stand there or are to come.
    fn silences(&self, _: Timestamp) -> Vec<Silence> {
        Vec::new()
    }
}

/// Everything that a source is handed.
pub struct Means {
    /// Carries the questions.
    pub wire: Arc<dyn Wire>,
    /// Time.
    pub patience: Arc<dyn Patience>,
    /// Chance, for waits that do not coincide with those of others.
    pub chance: Arc<dyn Chance>,
}

/// One server that is asked.
pub struct Source {
    name: String,
    address: String,
    credential: Credential,
    budget: Budget,
    hour: Hour,
    /// Until when it wants to be left alone.
    quiet_until: AtomicI64,
    means: Means,
    /// All that is ever asked of it; `None` where its wire knows that.
    calls: Option<&'static [Call]>,
}

impl Source {
    /// As configured: `name` such as `prometheus.main`, and its address for people.
    pub fn new(
        name: &str,
        address: &str,
        credential: Credential,
        budget: Budget,
        means: Means,
    ) -> Self {
        Self {
            name: name.to_string(),
            address: address.trim_end_matches('/').to_string(),
            credential,
            budget,
            hour: Hour::default(),
            quiet_until: AtomicI64::new(i64::MIN),
            means,
            calls: None,
        }
    }

    /// The same, of which nothing else is ever asked.
    #[must_use]
    pub fn only(self, needs: &Needs) -> Self {
        Self {
            calls: Some(needs.calls),
            ..self
        }
    }

    /// As it is configured: `prometheus.main`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Requests and bytes of the last hour.
    pub fn last_hour(&self) -> Spent {
        self.hour.spent(self.now())
    }

    /// The time by the clock that was handed in.
    pub fn now(&self) -> Timestamp {
        self.means.patience.now()
    }

    /// By how much its clock is ahead of ours by the date of an answer, if that is far enough to matter; 0 otherwise.
    pub(crate) fn ahead(&self, date: Option<Timestamp>) -> Span {
        ahead(date, self.now())
    }

    /// That its clock is not ours.
    pub(crate) fn off(&self, ahead: Span) -> Gap {
        off(&self.name, ahead)
    }

    /// What a look is to fill; questions are put in this language.
    pub(crate) fn brought(&self, language: &str) -> Brought {
        Brought {
            asked: SourceLook {
                name: self.name.clone(),
                language: language.to_string(),
                address: self.address.clone(),
                ..SourceLook::default()
            },
            ..Brought::default()
        }
    }

    /// What it `said`, whether its clock is right, what it sees, and how often it was asked: for people.
    pub(crate) fn greeting(&self, said: &str, ahead: Span, sees: &str) -> String {
        let clock = match ahead.0 {
            0 => String::new(),
            _ => format!("; {}", self.off(ahead).detail),
        };
        format!(
            "{said}{clock}. It sees {sees}. Asked {} times in the last hour",
            self.last_hour().requests
        )
    }

    /// A whole look as `ask` asks for it, in this language. If it could not ask to the end, `wanted` is missing.
    pub(crate) fn looked(
        &self,
        language: &str,
        wanted: &str,
        ask: impl FnOnce(&mut Look<'_>, &mut Brought) -> Result<(), Missed>,
    ) -> Brought {
        let mut look = self.look();
        let mut brought = self.brought(language);
        if let Err(missed) = ask(&mut look, &mut brought) {
            brought.gaps.push(missed.gap(wanted, &self.name));
        }
        self.ended(&look, &mut brought);
        brought
    }

    /// What is told of every look once it is over: what it cost, whether the source's clock is ours, and what the source
    /// itself says against its answers.
    pub(crate) fn ended(&self, look: &Look<'_>, brought: &mut Brought) {
        brought.asked.spent = look.spent();
        if look.ahead.0 != 0 {
            let off = self.off(look.ahead);
            if !brought.gaps.iter().any(|gap| gap.wanted == off.wanted) {
                brought.gaps.push(off);
            }
        }
        for text in &look.remarks {
            brought.gaps.push(Gap::new(
                format!("whole answers of {}", self.name),
                GapReason::Connector,
                format!("{}: {text}", self.name),
                format!("see at {} what that is about", self.address),
            ));
        }
    }

    /// Begins a look.
    pub fn look(&self) -> Look<'_> {
        self.look_for(self.budget.look)
    }

    /// Begins a look that takes no longer than this, nor than any look may.
    pub fn look_for(&self, longest: Span) -> Look<'_> {
        let began = self.now();
        let (shown, closed) = match self.credential.read() {
            Ok(shown) => (shown, None),
            Err(why) => (Shown::default(), Some(Missed::Permission(why))),
        };
        Look {
            source: self,
            longest: Span(longest.0.min(self.budget.look.0)),
            began,
            shown,
            spent: Spent::default(),
            ahead: Span(0),
            remarks: BTreeSet::new(),
            closed,
        }
    }

    /// A wait before the `again`-th repetition: doubled each time, and up to a half shorter by chance.
    fn pause(&self, again: u32) -> Span {
        let whole = FIRST_WAIT << again.min(6);
        let mut dice = [0; 2];
        // Without chance the waits are whole.
        let share = match self.means.chance.fill(&mut dice) {
            Ok(()) => i64::from(u16::from_le_bytes(dice)),
            Err(_) => 0,
        };
        Span(whole - whole / 2 * share / i64::from(u16::MAX))
    }
}

/// All that is asked of a source at one time.
pub struct Look<'s> {
    source: &'s Source,
    longest: Span,
    began: Timestamp,
    shown: Shown,
    spent: Spent,
    /// By how much the source's clock is ahead by the dates of its answers, if that is far enough to matter.
    ahead: Span,
    /// What speaks against its answers, though they could be read.
    remarks: BTreeSet<String>,
    closed: Option<Missed>,
}

impl Look<'_> {
    /// Takes down what speaks against an answer that could be read: it becomes a gap, once.
    #[cfg(any(feature = "loki", feature = "prometheus", feature = "tempo"))]
    pub(crate) fn remark(&mut self, text: &str) {
        if self.remarks.len() < REMARKS {
            // Nothing is cut off before the secret is out.
            let text = self.shown.scrub(text).chars().take(300).collect();
            self.remarks.insert(text);
        }
    }

    /// Takes down what the source itself says against its answer, such as that a part of it did not answer.
    #[cfg(any(feature = "loki", feature = "prometheus"))]
    pub(crate) fn warned(&mut self, says: &[String]) {
        // A hint about how the question was put; nothing is missing for it.
        for text in says.iter().filter(|text| !text.starts_with("PromQL info")) {
            self.remark(&format!("it warns: {text}"));
        }
    }

    /// By how much the source's clock is ahead by its answers so far, if that is far enough to matter.
    #[cfg(any(
        feature = "argocd",
        feature = "git",
        feature = "github",
        feature = "gitlab"
    ))]
    pub(crate) fn ahead(&self) -> Span {
        self.ahead
    }

    /// What was spent so far.
    pub fn spent(&self) -> Spent {
        let cost = self.source.budget.rates.of(&self.spent);
        Spent {
            micro_usd: cost.div_ceil(1000),
            ..self.spent
        }
    }

    /// Why nothing more is asked, if it is so.
    pub fn closed(&self) -> Option<&Missed> {
        self.closed.as_ref()
    }

    /// How long the look has gone on.
    pub fn lasts(&self) -> Span {
        self.source.now().since(self.began)
    }

    /// How much time is left.
    fn left(&self) -> Span {
        Span(self.longest.0.saturating_sub(self.lasts().0))
    }

    /// Asks one question, and again where that can help.
    ///
    /// # Errors
    /// Why there is no answer. If the reason concerns the source as a whole, all further questions of the look get
    /// it too, without being asked.
    pub fn ask(&mut self, path: &str, fields: &[(&str, String)]) -> Result<Answered, Missed> {
        self.put(path, fields, None)
    }

    /// The same, unless the answer would be the one with this mark: then it has the status 304 and no body.
    ///
    /// # Errors
    /// As for [`Look::ask`].
    #[cfg(any(feature = "github", feature = "gitlab"))]
    pub(crate) fn ask_unless(
        &mut self,
        path: &str,
        fields: &[(&str, String)],
        mark: Option<&str>,
    ) -> Result<Answered, Missed> {
        self.put(path, fields, mark)
    }

    fn put(
        &mut self,
        path: &str,
        fields: &[(&str, String)],
        unless: Option<&str>,
    ) -> Result<Answered, Missed> {
        let may_post = match self.source.calls {
            None => false,
            Some(calls) => match calls.iter().find(|call| call.is_at(path)) {
                Some(call) => call.may_post,
                None => {
                    let why = format!("{path} is not in the list of what is asked");
                    return Err(Missed::Refused(0, why));
                }
            },
        };
        let asked = self.tries(path, fields, may_post, unless);
        if let Err(missed) = &asked
            && missed.concerns_all()
            && self.closed.is_none()
        {
            self.closed = Some(missed.clone());
        }
        asked
    }

    fn tries(
        &mut self,
        path: &str,
        fields: &[(&str, String)],
        may_post: bool,
        unless: Option<&str>,
    ) -> Result<Answered, Missed> {
        let mut again = 0;
        loop {
            let most = self.room()?;
            let source = self.source;
            let limit = Span(self.left().0.min(source.budget.timeout.0));
            let question = Question {
                path,
                fields,
                may_post,
                limit,
                most,
                shown: &self.shown,
                unless,
            };
            let heard = source.means.wire.ask(&question);
            let bytes = heard.as_ref().map_or(0, |heard| heard.body.len() as u64);
            self.spent.requests += 1;
            self.spent.retries += u64::from(again > 0);
            self.spent.bytes += bytes;
            source.hour.add(1, bytes, source.now());
            if let Some(spent) = heard.as_ref().ok().and_then(|heard| heard.spent) {
                let until = source.now().plus(spent).0;
                source.quiet_until.fetch_max(until, Ordering::SeqCst);
            }
            if let Ok(heard) = &heard
                && (heard.status == 304 || (200..300).contains(&heard.status))
                && self.ahead.0 == 0
            {
                self.ahead = source.ahead(heard.date);
            }
            let (missed, after) = match heard {
                Ok(heard) if unless.is_some() && heard.status == 304 => return Ok(heard),
                Ok(heard) if (200..300).contains(&heard.status) => {
                    return if heard.cut {
                        Err(Missed::TooLong(most))
                    } else {
                        Ok(Answered {
                            body: self.shown.strike(heard.body),
                            ..heard
                        })
                    };
                }
                Ok(heard) => {
                    // Nothing is cut off before the secret is out: half of it would be left. What did not come whole is
                    // not told for the same reason.
                    let whole = if heard.cut { &[][..] } else { &heard.body };
                    let said = self.shown.scrub(&String::from_utf8_lossy(whole));
                    let said = said.trim().chars().take(300).collect::<String>();
                    let status = heard.status;
                    let told = format!("it answered {status}: {said}");
                    match status {
                        401 => return Err(Missed::Stranger(told)),
                        // Some say so that they were asked too often.
                        403 if heard.after.is_some() || heard.spent.is_some() => {
                            (Missed::RateLimit(told), heard.after.or(heard.spent))
                        }
                        403 => return Err(Missed::Permission(told)),
                        429 => (Missed::RateLimit(told), heard.after),
                        // 503 is what Prometheus says of a question that took too long, too.
                        502..=504 => (Missed::Unreached(told), heard.after),
                        _ => return Err(Missed::Refused(status, said)),
                    }
                }
                Err(ClientError::Unreached(why)) => {
                    (Missed::Unreached(self.shown.scrub(&why)), None)
                }
                // Our own side does not let it through.
                Err(ClientError::Refused { body, .. }) => {
                    return Err(Missed::Stranger(self.shown.scrub(&body)));
                }
                Err(error) => (Missed::Timeout(self.shown.scrub(&error.to_string())), None),
            };
            // Whoever says when it wants to be asked again is left alone by the next look, too.
            if let Some(after) = after {
                let until = source.now().plus(after).0;
                source.quiet_until.fetch_max(until, Ordering::SeqCst);
            }
            again += 1;
            // "At once" is no answer to who was refused: all who were would come again together.
            let wait = Span(
                source
                    .pause(again - 1)
                    .0
                    .max(after.map_or(0, |after| after.0)),
            );
            // What took all of its time will take it again; and what cannot come in time is not waited for.
            let hopeless = matches!(missed, Missed::Timeout(_)) && again > 1;
            if again >= TRIES || hopeless || wait.0 >= self.left().0 {
                return Err(missed);
            }
            source.means.patience.wait(wait);
        }
    }

    /// May another question be asked? Bytes that its answer may have.
    fn room(&self) -> Result<u64, Missed> {
        if let Some(closed) = &self.closed {
            return Err(closed.clone());
        }
        let (source, budget) = (self.source, &self.source.budget);
        let now = source.now();
        let quiet = Timestamp(source.quiet_until.load(Ordering::SeqCst)).since(now);
        if quiet.0 > 0 {
            return Err(Missed::RateLimit(format!(
                "it asked to be left alone for another {quiet}"
            )));
        }
        let hour = source.hour.spent(now);
        let over = |what: String| Err(Missed::Budget(what));
        if self.left().0 < LEAST_LEFT {
            return over(format!("the look has lasted {}", self.longest));
        }
        if self.spent.requests >= budget.requests {
            return over(format!(
                "the {} requests of a look are spent",
                budget.requests
            ));
        }
        if self.spent.bytes >= budget.bytes {
            return over(format!("the {} bytes of a look are spent", budget.bytes));
        }
        if hour.requests >= budget.requests_per_hour {
            return over(format!(
                "the {} requests of this hour are spent",
                budget.requests_per_hour
            ));
        }
        if hour.bytes >= budget.bytes_per_hour {
            return over(format!(
                "the {} bytes of this hour are spent",
                budget.bytes_per_hour
            ));
        }
        let look = budget.bytes - self.spent.bytes;
        let mut room = look.min(budget.bytes_per_hour - hour.bytes);
        for (may, spent, whose) in [
            (budget.money.look, &self.spent, "a look"),
            (budget.money.hour, &hour, "this hour"),
        ] {
            match budget.rates.room(may, spent) {
                Some(bytes) => room = room.min(bytes),
                None => return over(format!("the {} of {whose} are spent", dollars(may))),
            }
        }
        Ok(room)
    }
}
