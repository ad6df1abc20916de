//! Who follows what happens in a space, for how long, and from where on.

use std::sync::{Arc, PoisonError};

use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;
use tokio::sync::watch;

use super::events::{self, Follower};
use super::house::Fault;
use super::problem::{Code, Problem};
use super::{Api, STILL, admit, listen, route};

/// What follows the question mark of a stream.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct From {
    /// The space; `main` if nothing is said and the address names none.
    pub space: String,
    /// As `Last-Event-ID`, for clients that cannot set headers.
    pub after: Option<u64>,
}

impl Default for From {
    fn default() -> Self {
        Self {
            space: "main".to_string(),
            after: None,
        }
    }
}

/// What stands behind the question mark.
///
/// # Errors
/// If it says something else.
pub fn from(parts: &Parts) -> Result<From, Problem> {
    axum::extract::Query::<From>::try_from_uri(&parts.uri)
        .map(|axum::extract::Query(from)| from)
        .map_err(|error| Problem::new(Code::BadRequest, error.body_text()))
}

/// Turns true when the server ends, or when whoever listens may no longer: a session that was ended, a key that was
/// revoked, a role that was taken.
pub fn while_they_may(
    api: &Arc<Api>,
    space: &str,
    parts: &Parts,
    came: route::Came,
) -> watch::Receiver<bool> {
    if api.house.accounts().is_none() {
        return api.over.clone();
    }
    let (end, ended) = watch::channel(false);
    let (api, space, headers) = (Arc::clone(api), space.to_string(), parts.headers.clone());
    tokio::spawn(async move {
        let mut over = api.over.clone();
        loop {
            tokio::select! {
                () = listen::ended(&mut over) => break,
                // The stream is gone.
                () = end.closed() => break,
                () = tokio::time::sleep(STILL) => {}
            }
            let (own, headers, came) = (Arc::clone(&api), headers.clone(), came.clone());
            let read = route::Permission::Read;
            let visitor =
                tokio::task::spawn_blocking(move || admit::visitor(&own, &headers, came, read));
            match visitor.await {
                Ok(Ok(visitor)) if visitor.who.may(Some(&space), read) => {}
                // The store did not answer: nobody lost anything by that.
                Ok(Err(problem)) if problem.code == Code::Failed => {}
                _ => break,
            }
        }
        let _ = end.send(true);
    });
    ended
}

/// Whoever follows the journal of that space for all streams; it begins with the first one.
///
/// # Errors
/// If there is no such space, or its journal cannot be read.
pub async fn follower(api: &Api, name: &str) -> Result<Arc<Follower>, Problem> {
    let held = || api.followers.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = held().get(name) {
        return Ok(Arc::clone(known));
    }
    let space = api.house.space(name);
    let space = space.ok_or_else(|| Problem::not_found("space", name))?;
    let begun = tokio::task::spawn_blocking(move || Follower::begin(space)).await;
    let begun = begun.map_err(|error| Fault::Failed(error.to_string()))??;
    // Somebody else may have been quicker.
    let mut followers = held();
    let first = followers.entry(name.to_string()).or_insert_with(|| {
        tokio::spawn(Arc::clone(&begun).follow(api.over.clone()));
        begun
    });
    Ok(Arc::clone(first))
}

/// A stream of events of that space.
pub async fn streamed(
    api: &Arc<Api>,
    name: &str,
    after: Option<u64>,
    parts: &Parts,
    over: watch::Receiver<bool>,
) -> Result<Response<Body>, Problem> {
    let follower = follower(api, name).await?;
    let after = match parts.headers.get("last-event-id") {
        None => after,
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.trim().parse().ok());
            Some(id.ok_or_else(|| {
                Problem::new(
                    Code::BadRequest,
                    "Last-Event-ID is no id of an event of this stream",
                )
            })?)
        }
    };
    let permit = Arc::clone(&api.streams)
        .try_acquire_owned()
        .map_err(|_| Problem::busy(10))?;
    // Nothing is known that is newer than the newest: another journal, or a wrong number.
    let newest = follower.newest();
    let after = after.unwrap_or(newest).min(newest);
    let counted = Arc::clone(&api.metrics);
    counted.streams.inc();
    Ok(events::stream(
        follower,
        after,
        events::Place::new(permit, move || {
            counted.streams.dec();
        }),
        over,
    ))
}
