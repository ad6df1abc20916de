//! Idempotency keys: the same request under the same key is done once, and answered alike for a day
//! (draft-ietf-httpapi-idempotency-key-header).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, StatusCode};
use model::people::Replay;
use model::time::{SECOND, Span, Timestamp};

use super::problem::{Code, Problem};
use super::route::{Asked, Deed};
use crate::auth::{Accounts, Kind, Who};

/// How long an answer is kept.
const KEPT: Span = Span(86_400 * SECOND);
/// The longest key.
const LONGEST: usize = 128;

/// Keys whose requests are being done.
#[derive(Debug, Default)]
pub struct Running(Mutex<BTreeSet<(String, String)>>);

/// A key's place among those; given up when its request is over, however it ended.
struct Place {
    running: Arc<Running>,
    whose: (String, String),
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self
            .running
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.whose);
    }
}

/// The key of a request, if it has one.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let honest = |key: &&str| {
        (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let key = key.to_str().ok().filter(honest);
    key.map(|key| Some(key.to_string())).ok_or_else(|| {
        Problem::new(
            Code::BadRequest,
            format!("`Idempotency-Key` is 1 to {LONGEST} visible ASCII characters"),
        )
    })
}

/// What was done, or had been done before.
#[derive(Debug)]
pub struct Outcome {
    /// The status.
    pub status: StatusCode,
    /// The media type.
    pub media: String,
    /// The answer.
    pub body: Vec<u8>,
    /// What the browser is to keep.
    pub cookie: Option<String>,
    /// It had been done before.
    pub replayed: bool,
}

/// Does it, unless it was done before under that key.
pub fn perform(
    running: &Arc<Running>,
    deed: &Deed,
    key: Option<&str>,
    method: &str,
    asked: &Asked,
) -> Result<Outcome, Problem> {
    // A key belongs to somebody: nobody's would be everybody's.
    let (Some(key), true) = (key, asked.who.known() && !deed.at_the_door) else {
        return done(deed, asked);
    };
    let accounts = asked.accounts()?;
    let whose = (owner(&asked.who), key.to_string());
    let _place = {
        let mut all = running.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.insert(whose.clone()) {
            return Err(Problem::new(
                Code::Conflict,
                "the request of this idempotency key is being done; ask again in a moment",
            ));
        }
        Place {
            running: Arc::clone(running),
            whose: whose.clone(),
        }
    };
    let what = fingerprint(method, asked);
    if let Some(before) = known(&accounts, &whose, asked.now)? {
        if before.asked != what {
            return Err(Problem::new(
                Code::KeyReused,
                "another request was sent under this idempotency key",
            ));
        }
        let Some(body) = before.body else {
            return Err(Problem::new(
                Code::Conflict,
                "it was done under this idempotency key, and the answer is not kept, because it held a secret",
            ));
        };
        return Ok(Outcome {
            status: StatusCode::from_u16(before.status).unwrap_or(StatusCode::OK),
            media: before.media,
            body,
            cookie: None,
            replayed: true,
        });
    }
    // What was refused altered nothing, and is asked anew.
    let outcome = done(deed, asked)?;
    let replay = Replay {
        who: whose.0.clone(),
        key: whose.1.clone(),
        asked: what,
        status: outcome.status.as_u16(),
        media: outcome.media.clone(),
        body: (!deed.secret).then(|| outcome.body.clone()),
        at: asked.now,
    };
    let kept = accounts.book().keep_replay(&replay, asked.now.minus(KEPT));
    if let Err(error) = kept {
        // It was done: to say otherwise would have it done again.
        tracing::error!(%error, "an answer could not be kept for its idempotency key");
    }
    Ok(outcome)
}

fn known(
    accounts: &Accounts,
    (who, key): &(String, String),
    now: Timestamp,
) -> Result<Option<Replay>, Problem> {
    let before = accounts.book().replay(who, key);
    let before = before.map_err(|error| Problem::failed(error.what))?;
    Ok(before.filter(|before| now.since(before.at) < KEPT))
}

fn done(deed: &Deed, asked: &Asked) -> Result<Outcome, Problem> {
    let done = (deed.handler)(asked)?;
    Ok(Outcome {
        status: deed.status,
        media: done.answer.media.to_string(),
        body: done.answer.body,
        cookie: done.cookie,
        replayed: false,
    })
}

fn owner(who: &Who) -> String {
    match &who.kind {
        Kind::Key { id, .. } => format!("{} {id}", who.name),
        _ => who.name.clone(),
    }
}

/// Of what was asked, and nothing else.
fn fingerprint(method: &str, asked: &Asked) -> String {
    let mut hash = blake3::Hasher::new();
    for part in [method.as_bytes(), asked.uri.to_string().as_bytes()] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.update(&asked.body);
    hash.finalize().to_hex().to_string()
}
