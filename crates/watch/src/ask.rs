//! A person's question is a small incident: a closed grammar, answered from what is seen now, with no model.
//!
//! [`understand`] turns words into a [`Question`] or says what it could not make of them; [`answer`] reads the
//! eyes. The reply always says first what was understood, so that a misreading is plain to see.

mod answer;

use model::entity::EntityId;
use model::time::{MINUTE, SECOND, Span, TimeWindow, Timestamp};
use model::topology::Topology;
use serde::{Deserialize, Serialize};

pub use answer::{Line, Reply, answer};

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum About {
    /// What was altered.
    Changes,
    /// Rate, errors and latency.
    Health,
    /// Calls that failed.
    Errors,
    /// How long calls took.
    Latency,
    /// Log lines, by template.
    Logs,
    /// What it leans on.
    Dependencies,
    /// What leans on it.
    Dependents,
}

/// A question that was understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What.
    #[serde(flatten)]
    pub about: About,
    /// Of whom; `None` for everyone.
    pub entity: Option<EntityId>,
    /// In which stretch of time.
    pub window: TimeWindow,
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = |prefix: &str| {
            self.entity
                .as_ref()
                .map_or(String::new(), |entity| format!(" {prefix} {entity}"))
        };
        match self.about {
            About::Changes => write!(f, "what changed{}", of("on"))?,
            About::Health => write!(f, "how well{} answers its calls", {
                let of = of("");
                if of.is_empty() {
                    " everything".into()
                } else {
                    of.replacen("  ", " ", 1)
                }
            })?,
            About::Errors => write!(f, "which calls{} failed", of("of"))?,
            About::Latency => write!(f, "how long calls{} took", of("of"))?,
            About::Logs => write!(f, "what the logs{} say", of("of"))?,
            About::Dependencies => {
                return write!(f, "what{} leans on", of("").replacen("  ", " ", 1));
            }
            About::Dependents => return write!(f, "what leans{}", of("on")),
        }
        write!(
            f,
            " from {} to {} ({})",
            self.window.from(),
            self.window.to(),
            self.window.length()
        )
    }
}

/// Why a question was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// No known question is in it.
    #[error(
        "no question that I know is in {text:?}; ask like: what changed on NAME since 10 minutes ago · is NAME healthy · errors of NAME in the last 5 minutes · latency of NAME since 14:05 · logs of NAME · what depends on NAME · what does NAME depend on"
    )]
    NoQuestion {
        /// What was asked.
        text: String,
    },
    /// A name that nobody has.
    #[error("nobody is called {name:?}{}", near(.like))]
    NoSuchName {
        /// The name.
        name: String,
        /// Names like it.
        like: Vec<String>,
    },
    /// A name that several have.
    #[error("{name:?} could be any of: {}", .like.join(", "))]
    Ambiguous {
        /// The name.
        name: String,
        /// Who is meant, perhaps.
        like: Vec<String>,
    },
    /// A time that cannot be read.
    #[error(
        "{text:?} is no time that I know; write \"10 minutes ago\", \"14:05\", \"noon\" or RFC 3339; clocks are UTC"
    )]
    NoSuchTime {
        /// What was written.
        text: String,
    },
    /// A time that has not come yet.
    #[error("{text:?} is not before now ({now})")]
    Future {
        /// What was written.
        text: String,
        /// Now.
        now: Timestamp,
    },
}

fn near(like: &[String]) -> String {
    if like.is_empty() {
        String::new()
    } else {
        format!("; like it: {}", like.join(", "))
    }
}

/// The stretch that is looked at where none is named.
const USUAL: Span = Span(30 * MINUTE);
/// Names that are offered for one that nobody has.
const OFFERED: usize = 5;

/// Words that carry no meaning for any question here.
const FILLERS: &[&str] = &[
    "a",
    "all",
    "and",
    "any",
    "are",
    "at",
    "been",
    "can",
    "did",
    "do",
    "does",
    "for",
    "has",
    "have",
    "i",
    "in",
    "is",
    "it",
    "made",
    "me",
    "now",
    "of",
    "on",
    "please",
    "right",
    "show",
    "tell",
    "that",
    "the",
    "there",
    "they",
    "to",
    "was",
    "were",
    "what",
    "which",
    "who",
    "with",
    "you",
    "how",
    "happened",
    "many",
    "much",
    "by",
    "currently",
    "going",
    "doing",
];

/// Reads a question. `topology` holds the names that can be meant; `now` is handed in.
pub fn understand(
    text: &str,
    topology: &Topology,
    now: Timestamp,
) -> Result<Question, NotUnderstood> {
    let lower = text.trim().trim_end_matches(['?', '!', '.']).to_lowercase();
    let (rest, window) = take_time(&lower, now)?;
    let words: Vec<&str> = rest
        .split(|c: char| c.is_whitespace() || c == ',')
        .map(|word| word.trim_matches(['"', '\'', '`', '?']))
        .filter(|word| !word.is_empty())
        .collect();
    let about = about(&words).ok_or_else(|| NotUnderstood::NoQuestion {
        text: text.trim().chars().take(200).collect(),
    })?;
    let name = words
        .iter()
        .filter(|word| !FILLERS.contains(word) && !is_cue(word))
        .copied()
        .collect::<Vec<_>>()
        .join(" ");
    let everyone = [
        "",
        "everything",
        "everyone",
        "anything",
        "all services",
        "services",
        "system",
    ];
    let entity = if everyone.contains(&name.as_str()) {
        None
    } else {
        Some(named(&name, topology)?)
    };
    if entity.is_none() && matches!(about, About::Dependencies | About::Dependents) {
        return Err(NotUnderstood::NoSuchName {
            name: String::new(),
            like: Vec::new(),
        });
    }
    Ok(Question {
        about,
        entity,
        window,
    })
}

fn is_cue(word: &str) -> bool {
    about(&[word]).is_some()
        || ["depends", "depend", "leans", "lean", "calls", "call"].contains(&word)
}

fn about(words: &[&str]) -> Option<About> {
    let has = |cues: &[&str]| words.iter().any(|word| cues.contains(word));
    let place = |cues: &[&str]| words.iter().position(|word| cues.contains(word));
    const LEAN: &[&str] = &["depends", "depend", "leans", "lean"];
    if let Some(at) = place(LEAN) {
        // "what depends on X" asks who leans on X; "what does X depend on" asks what X leans on.
        let asks_for_callers = words.get(at + 1) == Some(&"on") && words.len() > at + 2;
        return Some(if asks_for_callers {
            About::Dependents
        } else {
            About::Dependencies
        });
    }
    if has(&["callers", "dependents", "upstream"]) || (has(&["who"]) && has(&["calls", "call"])) {
        return Some(About::Dependents);
    }
    if has(&["dependencies", "callees", "downstream"]) {
        return Some(About::Dependencies);
    }
    if has(&[
        "changed",
        "changes",
        "change",
        "deployed",
        "deploys",
        "deploy",
        "deployments",
        "altered",
    ]) {
        return Some(About::Changes);
    }
    if has(&[
        "errors", "error", "failed", "failing", "failures", "failure", "fails",
    ]) {
        return Some(About::Errors);
    }
    if has(&["latency", "slow", "slower", "duration", "long"]) {
        return Some(About::Latency);
    }
    if has(&["logs", "log", "logged", "lines"]) {
        return Some(About::Logs);
    }
    if has(&[
        "healthy", "health", "ok", "well", "status", "up", "broken", "wrong",
    ]) {
        return Some(About::Health);
    }
    None
}

/// Does an entity with this id and name go by the name that was written?
type Rung<'a> = &'a dyn Fn(&str, &str) -> bool;

/// Finds whom a name means: the id, the name, then the end of an id, then any part of one.
fn named(name: &str, topology: &Topology) -> Result<EntityId, NotUnderstood> {
    let lower = name.to_lowercase();
    let rungs: [Rung<'_>; 4] = [
        &|id, called| id == lower || called == lower,
        &|id, _| id.rsplit('/').next() == Some(lower.as_str()),
        &|id, called| {
            id.split('/').any(|part| part == lower) || called.split_whitespace().any(|p| p == lower)
        },
        &|id, called| id.contains(&lower) || called.contains(&lower),
    ];
    for rung in rungs {
        let mut like: Vec<&EntityId> = topology
            .entities
            .iter()
            .filter(|e| rung(&e.id.as_str().to_lowercase(), &e.name.to_lowercase()))
            .map(|e| &e.id)
            .collect();
        like.sort();
        match like.as_slice() {
            [] => {}
            [one] => return Ok((*one).clone()),
            many => {
                return Err(NotUnderstood::Ambiguous {
                    name: name.to_string(),
                    like: many
                        .iter()
                        .take(OFFERED * 2)
                        .map(ToString::to_string)
                        .collect(),
                });
            }
        }
    }
    let mut like: Vec<(usize, String)> = topology
        .entities
        .iter()
        .map(|e| {
            let last =
                e.id.as_str()
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .to_lowercase();
            (shared(&last, &lower), e.id.to_string())
        })
        .filter(|(shared, _)| *shared >= 3)
        .collect();
    like.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    Err(NotUnderstood::NoSuchName {
        name: name.to_string(),
        like: like.into_iter().take(OFFERED).map(|(_, id)| id).collect(),
    })
}

/// How many leading characters two names share.
fn shared(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count()
}

/// Cuts the words about time out of the question; without any, the usual stretch before now.
fn take_time(text: &str, now: Timestamp) -> Result<(String, TimeWindow), NotUnderstood> {
    let padded = format!(" {text} ");
    let marks = [
        " since ",
        " in the last ",
        " in the past ",
        " during the last ",
        " over the last ",
        " for the last ",
        " within the last ",
        " last ",
        " after ",
        " today ",
    ];
    let found = marks
        .iter()
        .filter_map(|mark| padded.find(mark).map(|at| (at, *mark)))
        .min_by_key(|(at, mark)| (*at, std::cmp::Reverse(mark.len())));
    let window = |from: Timestamp, said: &str| {
        TimeWindow::new(from, now).ok_or_else(|| NotUnderstood::Future {
            text: said.to_string(),
            now,
        })
    };
    let Some((at, mark)) = found else {
        // "errors of api 10 minutes ago" means since then.
        if let Some(head) = padded.trim_end().strip_suffix(" ago") {
            let words: Vec<&str> = head.split_whitespace().collect();
            if let [front @ .., number, unit] = words.as_slice()
                && let Some(span) = length(number, unit)
            {
                return Ok((front.join(" "), window(now.minus(span), text)?));
            }
        }
        return Ok((text.to_string(), window(now.minus(USUAL), text)?));
    };
    let before = padded[..at].trim();
    let tail = padded[at + mark.len()..].trim();
    if mark == " today " {
        let rest = format!("{before} {tail}");
        return Ok((rest, window(midnight(now), "today")?));
    }
    let words: Vec<&str> = tail.split_whitespace().collect();
    let lasts = mark.contains("last") || mark.contains("past");
    let no_such = || NotUnderstood::NoSuchTime {
        text: tail.to_string(),
    };
    // The longest beginning that is a time; what follows it belongs to the question again.
    let reading = (1..=words.len().min(3)).rev().find_map(|taken| {
        let part = words.get(..taken)?;
        let from = if lasts {
            match part {
                [number, unit] => now.minus(length(number, unit)?),
                [unit] => now.minus(length("1", unit).or_else(|| joined(unit))?),
                _ => return None,
            }
        } else {
            moment(part, now)?
        };
        Some((from, taken))
    });
    let (from, taken) = reading.ok_or_else(no_such)?;
    let rest = format!(
        "{before} {}",
        words.get(taken..).unwrap_or_default().join(" ")
    );
    Ok((rest, window(from, tail)?))
}

/// `10`, `minutes`.
fn length(number: &str, unit: &str) -> Option<Span> {
    let number: i64 = match number {
        "a" | "an" | "one" => 1,
        "two" => 2,
        "five" => 5,
        "ten" => 10,
        "half" => return (unit == "hour").then_some(Span(30 * MINUTE)),
        digits => digits.parse().ok()?,
    };
    let unit = match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => SECOND,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
        "h" | "hour" | "hours" => 60 * MINUTE,
        "d" | "day" | "days" => 24 * 60 * MINUTE,
        _ => return None,
    };
    Some(Span(number.checked_mul(unit)?))
}

/// `10m`, `2h`.
fn joined(text: &str) -> Option<Span> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    length(text.get(..end)?, text.get(end..)?)
}

fn midnight(now: Timestamp) -> Timestamp {
    Timestamp(now.0 - now.0.rem_euclid(24 * 60 * MINUTE))
}

fn moment(words: &[&str], now: Timestamp) -> Option<Timestamp> {
    match words {
        [number, unit, "ago"] => Some(now.minus(length(number, unit)?)),
        [short, "ago"] => Some(now.minus(joined(short)?)),
        ["noon"] => Some(midnight(now).plus(Span(12 * 60 * MINUTE))),
        ["midnight" | "today"] => Some(midnight(now)),
        ["yesterday"] => Some(midnight(now).minus(Span(24 * 60 * MINUTE))),
        [clock] => {
            if let Ok(at) = clock.to_uppercase().parse::<Timestamp>() {
                return Some(at);
            }
            if let Some(span) = joined(clock) {
                return Some(now.minus(span));
            }
            let mut parts = clock.split(':');
            let hour: i64 = parts.next()?.parse().ok()?;
            let minute: i64 = parts.next()?.parse().ok()?;
            let second: i64 = parts.next().map_or(Some(0), |s| s.parse().ok())?;
            if parts.next().is_some()
                || !(0..24).contains(&hour)
                || !(0..60).contains(&minute)
                || !(0..60).contains(&second)
            {
                return None;
            }
            let of_day = Span(((hour * 60 + minute) * 60 + second) * SECOND);
            let today = midnight(now).plus(of_day);
            // A clock time that has not come yet today is yesterday's.
            Some(if today < now {
                today
            } else {
                today.minus(Span(24 * 60 * MINUTE))
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
