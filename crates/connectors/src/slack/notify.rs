//! Tells a Slack channel: one thread for each incident. Its first message is kept as the incident stands, what
//! happens is told below it, and where a yes or a no is wanted there are buttons.
//!
//! Slack has no key that makes a post happen once. So each message carries what it is about as metadata, and where a
//! try may have arrived without our knowing, it is looked for before it is posted again: the thread among the newest
//! messages of the channel, a reply within its thread. For that the token needs the scope `channels:history`
//! (`groups:history` for private channels); without it, a message whose answer was lost is posted a second time.

use std::time::Duration;

use model::ports::{Again, Notice, Notifier, TellError, Telling};
use model::time::{SECOND, Span, Timestamp};
use reqwest::blocking::RequestBuilder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::blocks::{self, Message};
use crate::client::{self, ClientError};
use crate::hidden::Hidden;

/// Where Slack's Web API is, unless told otherwise.
pub const API: &str = "https://slack.com/api";

/// Slack takes one message a second in a channel, and fifty updates a minute.
const PACE: Span = Span(SECOND + SECOND / 5);

/// Pages of messages that are looked through for one that may be there, newest first, each of [`PAGE`].
const PAGES: usize = 5;
const PAGE: usize = 200;

/// What the metadata of our messages is called.
const ROOT: &str = "midwatch_incident";
const REPLY: &str = "midwatch_notice";

/// Why a channel cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum SlackError {
    /// The channel is given by something else than its id.
    #[error(
        "{channel:?} is no id of a channel; expected one such as C0123456789, which stands at the end of what \"View channel details\" shows"
    )]
    Channel {
        /// What was written.
        channel: String,
    },
    /// The token cannot be one.
    #[error(
        "that is no bot token; expected one that begins with xoxb-, from \"OAuth & Permissions\" of the app"
    )]
    Token,
    /// The address is none.
    #[error(
        "{api:?} is no address; expected https://slack.com/api or another that begins with http:// or https://"
    )]
    Address {
        /// What was written.
        api: String,
    },
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// A Slack channel.
pub struct Slack {
    name: String,
    api: String,
    token: String,
    hidden: Hidden,
    channel: String,
    client: reqwest::blocking::Client,
}

/// What is known of an incident's thread; the receipt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    /// The first message.
    ts: String,
    /// The notice that it was posted for.
    by: String,
    /// The notice that it shows, and of when that is, in nanoseconds.
    #[serde(default)]
    shows: String,
    #[serde(default)]
    shown: i64,
    /// The notice that was told last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    last: String,
    /// The question that waits for a yes or a no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<Asked>,
}

/// A question, and what it looks like once it is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Asked {
    ts: String,
    text: String,
    blocks: Vec<Value>,
    /// What became of it so far, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    became: Vec<String>,
}

impl State {
    fn receipt(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// With what was reached so far.
    fn failed(&self, error: TellError) -> TellError {
        TellError {
            receipt: self.receipt(),
            ..error
        }
    }
}

/// What Slack refused.
enum Refused {
    /// By its word for it.
    Word(String, TellError),
    /// Otherwise.
    Other(TellError),
}

impl From<Refused> for TellError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Word(_, error) | Refused::Other(error) => error,
        }
    }
}

impl Slack {
    /// The channel of that id, told under this bot token by way of `api` ([`API`]).
    pub fn new(name: &str, api: &str, token: &str, channel: &str) -> Result<Self, SlackError> {
        let id = channel.starts_with(['C', 'G', 'D'])
            && channel.len() >= 9
            && channel
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        if !id {
            return Err(SlackError::Channel {
                channel: channel.to_string(),
            });
        }
        let written = token.chars().all(|c| c.is_ascii_graphic());
        if !token.starts_with("xoxb-") || !written {
            return Err(SlackError::Token);
        }
        if !(api.starts_with("https://") || api.starts_with("http://")) {
            return Err(SlackError::Address {
                api: api.to_string(),
            });
        }
        Ok(Self {
            name: name.to_string(),
            api: api.trim_end_matches('/').to_string(),
            token: token.to_string(),
            hidden: Hidden::of([token]),
            channel: channel.to_string(),
            client: client::client(Duration::from_secs(10))?,
        })
    }

    fn post(&self, method: &str, body: &Value) -> Result<Value, Refused> {
        let request = self.client.post(format!("{}/{method}", self.api));
        // Slack wants the character set named.
        let request = request.header("content-type", "application/json; charset=utf-8");
        self.answer(method, request.body(body.to_string()))
    }

    fn get(&self, method: &str, query: &[(&str, &str)]) -> Result<Value, Refused> {
        let url = reqwest::Url::parse_with_params(&format!("{}/{method}", self.api), query);
        let url = url.map_err(|error| {
            Refused::Other(TellError::from(format!("{method}: its address: {error}")))
        })?;
        self.answer(method, self.client.get(url))
    }

    fn answer(&self, method: &str, request: RequestBuilder) -> Result<Value, Refused> {
        let other = |why: String| Refused::Other(TellError::from(format!("{method}: {why}")));
        let answered = client::exchange(request.bearer_auth(&self.token), &self.hidden)
            .map_err(|error| other(error.to_string()))?;
        if answered.status == 429 {
            let again = answered
                .after
                .map_or(Again::Usual, |after| Again::After(span(after)));
            let why = format!("{method}: Slack asks to come again later (429)");
            return Err(Refused::Other(TellError {
                why,
                again,
                receipt: String::new(),
            }));
        }
        let body: Option<Value> = serde_json::from_slice(&answered.body).ok();
        let Some(body) = body.filter(|_| answered.status == 200) else {
            return Err(other(format!(
                "it answered {}: {}",
                answered.status,
                answered.said()
            )));
        };
        if body["ok"].as_bool() == Some(true) {
            return Ok(body);
        }
        let word = body["error"].as_str().unwrap_or("no reason given");
        let (remedy, again) = remedy(word);
        let needed = body["needed"].as_str().unwrap_or_default();
        let needed = if needed.is_empty() {
            String::new()
        } else {
            format!(" (needed: {needed})")
        };
        Err(Refused::Word(
            word.to_string(),
            TellError {
                why: format!("{method}: Slack refused it with {word}{needed}; {remedy}"),
                again,
                receipt: String::new(),
            },
        ))
    }

    /// Posts, and gives the new message's `ts`.
    fn say(
        &self,
        message: &Message,
        kind: &str,
        notice: &Notice,
        thread: Option<&str>,
    ) -> Result<String, Refused> {
        let mut body = self.addressed(message, kind, notice);
        if let Some(ts) = thread {
            body["thread_ts"] = json!(ts);
        }
        let answer = self.post("chat.postMessage", &body)?;
        match answer["ts"].as_str() {
            Some(ts) => Ok(ts.to_string()),
            None => Err(Refused::Other(TellError::from(
                "chat.postMessage: Slack's answer has no ts".to_string(),
            ))),
        }
    }

    fn addressed(&self, message: &Message, kind: &str, notice: &Notice) -> Value {
        json!({
            "channel": self.channel,
            "text": message.text,
            "blocks": message.blocks,
            "metadata": metadata(kind, notice),
            "parse": "none",
            "link_names": false,
            "unfurl_links": false,
            "unfurl_media": false,
        })
    }

    /// Shows something else in a message. One that is gone, or that may not be altered any more, stays as it is: what
    /// happened stands in the thread.
    fn alter(&self, ts: &str, mut body: Value) -> Result<(), TellError> {
        body["ts"] = json!(ts);
        for only_new in ["unfurl_links", "unfurl_media"] {
            if let Some(fields) = body.as_object_mut() {
                fields.remove(only_new);
            }
        }
        match self.post("chat.update", &body) {
            Ok(_) => Ok(()),
            Err(Refused::Word(word, _))
                if [
                    "message_not_found",
                    "cant_update_message",
                    "edit_window_closed",
                ]
                .contains(&word.as_str()) =>
            {
                Ok(())
            }
            Err(refused) => Err(refused.into()),
        }
    }

    /// The first message of an incident, if it is among the newest of the channel. `None` also where the token may
    /// not look: telling twice is better than not telling.
    fn find_root(&self, notice: &Notice) -> Result<Option<State>, TellError> {
        let ours = |message: &Value| {
            let payload = &message["metadata"]["event_payload"];
            message["metadata"]["event_type"] == ROOT && payload["incident"] == notice.incident.0
        };
        let query = [("channel", self.channel.as_str())];
        let found = self.find("conversations.history", &query, ours)?;
        Ok(found.and_then(|message| {
            let by = message["metadata"]["event_payload"]["notice"].as_str();
            Some(State {
                ts: message["ts"].as_str()?.to_string(),
                by: by.unwrap_or_default().to_string(),
                ..State::default()
            })
        }))
    }

    /// Whether a notice is in the thread already.
    fn find_reply(&self, state: &State, notice: &Notice) -> Result<Option<String>, TellError> {
        let ours = |message: &Value| {
            let payload = &message["metadata"]["event_payload"];
            message["metadata"]["event_type"] == REPLY && payload["notice"] == notice.id
        };
        let query = [
            ("channel", self.channel.as_str()),
            ("ts", state.ts.as_str()),
        ];
        let found = self.find("conversations.replies", &query, ours)?;
        Ok(found.and_then(|message| message["ts"].as_str().map(str::to_string)))
    }

    fn find(
        &self,
        method: &str,
        query: &[(&str, &str)],
        ours: impl Fn(&Value) -> bool,
    ) -> Result<Option<Value>, TellError> {
        let mut cursor = String::new();
        let limit = PAGE.to_string();
        for _ in 0..PAGES {
            let mut query = query.to_vec();
            query.push(("limit", &limit));
            query.push(("include_all_metadata", "true"));
            if !cursor.is_empty() {
                query.push(("cursor", &cursor));
            }
            let page = match self.get(method, &query) {
                Ok(page) => page,
                Err(Refused::Word(word, _))
                    if ["missing_scope", "thread_not_found"].contains(&word.as_str()) =>
                {
                    return Ok(None);
                }
                Err(refused) => return Err(refused.into()),
            };
            let messages = page["messages"].as_array();
            if let Some(found) = messages.into_iter().flatten().find(|one| ours(one)) {
                return Ok(Some(found.clone()));
            }
            let next = page["response_metadata"]["next_cursor"].as_str();
            match next.filter(|next| !next.is_empty()) {
                Some(next) => cursor = next.to_string(),
                None => break,
            }
        }
        Ok(None)
    }

    /// Begins the thread of an incident.
    fn begin(&self, notice: &Notice) -> Result<State, TellError> {
        let ts = self.say(&blocks::root(notice), ROOT, notice, None)?;
        Ok(State {
            ts,
            by: notice.id.clone(),
            shows: notice.id.clone(),
            shown: notice.at.0,
            ..State::default()
        })
    }

    /// Tells it in the thread, unless it is there already; gives the thread, which is a new one if that was deleted.
    fn append(&self, mut state: State, telling: &Telling<'_>) -> Result<State, TellError> {
        let notice = telling.notice;
        if state.last == notice.id {
            return Ok(state);
        }
        if notice.plan.is_some() {
            self.answered(&mut state, notice)?;
        }
        let there = if telling.tries > 0 {
            self.find_reply(&state, notice)
                .map_err(|error| state.failed(error))?
        } else {
            None
        };
        let ts = match there {
            Some(ts) => ts,
            None => {
                let message = blocks::reply(notice);
                match self.say(&message, REPLY, notice, Some(&state.ts)) {
                    Ok(ts) => ts,
                    Err(Refused::Word(word, _)) if word == "thread_not_found" => {
                        state = self.begin(notice)?;
                        self.say(&message, REPLY, notice, Some(&state.ts))
                            .map_err(|refused| state.failed(refused.into()))?
                    }
                    Err(refused) => return Err(state.failed(refused.into())),
                }
            }
        };
        state.last = notice.id.clone();
        if notice.plan.is_some() {
            // An older question has said by now that it is asked no more.
            let message = blocks::asked_no_more(notice);
            state.asked = Some(Asked {
                ts,
                text: message.text,
                blocks: message.blocks,
                became: Vec::new(),
            });
        }
        Ok(state)
    }

    /// The question says who answered, and later how that ended; its buttons go. While it stands it is left alone.
    fn answered(&self, state: &mut State, notice: &Notice) -> Result<(), TellError> {
        let (Some(mut asked), Some((line, over))) = (state.asked.clone(), blocks::became(notice))
        else {
            return Ok(());
        };
        if !asked.became.contains(&line) {
            asked.became.push(line);
        }
        let blocks = blocks::and_then(&asked.blocks, &asked.became);
        let body = json!({"channel": self.channel, "text": asked.text, "blocks": blocks});
        self.alter(&asked.ts, body)
            .map_err(|error| state.failed(error))?;
        state.asked = (!over).then_some(asked);
        Ok(())
    }

    /// Brings the first message and an old question up to this notice.
    fn refresh(&self, state: &mut State, notice: &Notice) -> Result<(), TellError> {
        if notice.at.0 < state.shown || notice.id == state.shows {
            return Ok(());
        }
        if notice.plan.is_none() {
            self.answered(state, notice)?;
        }
        let about = Notice {
            id: state.by.clone(),
            ..notice.clone()
        };
        let body = self.addressed(&blocks::root(notice), ROOT, &about);
        self.alter(&state.ts, body)
            .map_err(|error| state.failed(error))?;
        state.shown = notice.at.0;
        state.shows.clone_from(&notice.id);
        Ok(())
    }

    /// May the token look for what may be there?
    fn may_look(&self) -> Result<(), TellError> {
        let query = [
            ("channel", self.channel.as_str()),
            ("limit", "1"),
            ("include_all_metadata", "true"),
        ];
        self.get("conversations.history", &query)
            .map(|_| ())
            .map_err(|refused| {
                let error = TellError::from(refused);
                let why = format!(
                    "the test was posted; but a post whose answer is lost could not be found again: {}",
                    error.why
                );
                TellError { why, ..error }
            })
    }
}

impl Notifier for Slack {
    fn name(&self) -> &str {
        &self.name
    }

    fn pace(&self) -> Span {
        PACE
    }

    fn tell(&self, telling: &Telling<'_>, _: Timestamp) -> Result<String, TellError> {
        let notice = telling.notice;
        let mut known: Option<State> = serde_json::from_str(&telling.thread.receipt).ok();
        if known.is_none() && telling.thread.tried {
            known = self.find_root(notice)?;
        }
        let (mut state, begun) = match known {
            Some(state) => {
                let by_this = state.by == notice.id;
                (state, by_this)
            }
            None => (self.begin(notice)?, true),
        };
        if notice.kind == "test" {
            self.may_look()?;
            return Ok(String::new());
        }
        // The first message says all that an opening says.
        if !(begun && notice.kind == "opened") {
            state = self.append(state, telling)?;
        }
        self.refresh(&mut state, notice)?;
        Ok(state.receipt())
    }
}

fn metadata(kind: &str, notice: &Notice) -> Value {
    json!({
        "event_type": kind,
        "event_payload": {"incident": notice.incident, "notice": notice.id},
    })
}

fn span(duration: Duration) -> Span {
    Span::seconds(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / 1_000_000_000))
}

/// What to do about a refusal, and whether trying again can help.
fn remedy(word: &str) -> (&'static str, Again) {
    match word {
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => (
            "put the bot token of an installed app into token_file",
            Again::Usual,
        ),
        "channel_not_found" => (
            "check the channel's id, and invite the app there if it is private",
            Again::Usual,
        ),
        "not_in_channel" => (
            "invite the app to the channel, or give it the scope chat:write.public",
            Again::Usual,
        ),
        "is_archived" => ("name a channel that is not archived", Again::Usual),
        "missing_scope" => (
            "add the scope to the app and install it again",
            Again::Usual,
        ),
        "restricted_action" | "restricted_action_read_only_channel" => (
            "let apps post in that channel, or name another",
            Again::Usual,
        ),
        "invalid_blocks"
        | "invalid_blocks_format"
        | "msg_too_long"
        | "no_text"
        | "invalid_arguments"
        | "invalid_metadata_format"
        | "invalid_metadata_schema"
        | "metadata_too_large" => (
            "that is a fault of Midwatch's; please report it",
            Again::Never,
        ),
        _ => ("it is tried again", Again::Usual),
    }
}

#[cfg(test)]
#[path = "notify_tests.rs"]
mod tests;
