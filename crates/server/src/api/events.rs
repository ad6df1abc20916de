//! What happens, as it happens: server-sent events (WHATWG HTML, section 9.2) with the journal's position as their
//! id, so that a client that was cut off goes on where it was.
//!
//! One follower reads the journal for everybody and remembers the newest entries; a stream that is further behind
//! reads the journal itself. A stream holds no more than [`AHEAD`] events that its client has not taken; a client
//! that takes none for [`PATIENCE`] is hung up on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use http_body::Frame;
use model::incident::IncidentId;
use model::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use super::house::{Fault, Happened, Space};
use super::listen::ended;

/// Entries that are remembered for streams that are about up to date.
const REMEMBERED: usize = 4_096;
/// How often the journal is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Events that wait for one client.
const AHEAD: usize = 32;
/// A comment is sent so often, so that both sides notice a dead connection.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A client that takes nothing for so long is hung up on.
const PATIENCE: Duration = Duration::from_secs(30);
/// Rows that are read at once by a stream that is behind.
const STRIDE: u32 = 512;

/// The media type of a stream of events.
pub const MEDIA: &str = "text/event-stream";

/// What an event says. What it means for the incident is asked for by the other routes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Event {
    /// In which space.
    pub space: String,
    /// To which incident.
    pub incident: IncidentId,
    /// Its place in that incident's journal, from 1.
    pub seq: u64,
    /// The event's word, such as `plan_proposed`.
    pub kind: String,
    /// When it was written.
    pub at: Timestamp,
}

/// How the description has it.
pub fn described(shapes: &mut SchemaGenerator) -> Vec<(&'static str, Option<Schema>)> {
    vec![(MEDIA, Some(shapes.subschema_for::<Event>()))]
}

/// The newest entries of one space, and word of each that comes.
pub struct Follower {
    space: Arc<dyn Space>,
    newest: watch::Sender<u64>,
    recent: Mutex<VecDeque<Happened>>,
}

impl Follower {
    /// Begins to follow, at what is newest now. Ends when nobody listens any more.
    pub fn begin(space: Arc<dyn Space>) -> Result<Arc<Self>, Fault> {
        let at = space.position()?;
        let follower = Arc::new(Self {
            space,
            newest: watch::Sender::new(at),
            recent: Mutex::default(),
        });
        Ok(follower)
    }

    /// Looks for what is new until the server ends.
    pub async fn follow(self: Arc<Self>, mut over: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = ended(&mut over) => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let own = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || own.look()).await;
            if let Ok(Err(fault)) = looked {
                tracing::debug!(%fault, "the journal could not be followed");
            }
        }
    }

    fn look(&self) -> Result<(), Fault> {
        loop {
            let from = *self.newest.borrow();
            let rows = self.space.happened(from, STRIDE)?;
            let Some(last) = rows.last().map(|row| row.position) else {
                return Ok(());
            };
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            recent.extend(rows);
            let much = recent.len().saturating_sub(REMEMBERED);
            recent.drain(..much);
            drop(recent);
            self.newest.send_replace(last);
        }
    }

    /// The entries after that position, at most so many: from memory, or else from the journal.
    fn after(&self, position: u64) -> Result<Vec<Happened>, Fault> {
        {
            let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            // Positions are without gaps, so what follows is all there if it begins with the next one.
            let begins = recent
                .front()
                .is_some_and(|row| row.position <= position + 1);
            if begins {
                return Ok(recent
                    .iter()
                    .filter(|row| row.position > position)
                    .take(STRIDE as usize)
                    .cloned()
                    .collect());
            }
        }
        self.space.happened(position, STRIDE)
    }

    /// The newest position.
    pub fn newest(&self) -> u64 {
        *self.newest.borrow()
    }
}

/// A place among the streams that may stand at once; given back, and told, when the stream has ended.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    left: Option<Box<dyn FnOnce() + Send>>,
}

impl Place {
    /// With that permit.
    pub fn new(permit: OwnedSemaphorePermit, left: impl FnOnce() + Send + 'static) -> Self {
        Self {
            _permit: permit,
            left: Some(Box::new(left)),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(left) = self.left.take() {
            left();
        }
    }
}

/// Answers with a stream of what comes after that position.
pub fn stream(
    follower: Arc<Follower>,
    after: u64,
    place: Place,
    over: watch::Receiver<bool>,
) -> Response<Body> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let _place = place;
        feed(&follower, after, &sender, over).await;
    });
    let mut response = Response::new(Body::new(Stream(receiver)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that gather answers would hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Sends events until the client or the server goes.
async fn feed(
    follower: &Arc<Follower>,
    mut after: u64,
    sender: &mpsc::Sender<Bytes>,
    mut over: watch::Receiver<bool>,
) {
    let mut newest = follower.newest.subscribe();
    // Tells clients how long to wait before they come again, and that the stream stands.
    if !sent(sender, Bytes::from_static(b"retry: 2000\n\n")).await {
        return;
    }
    loop {
        if *newest.borrow_and_update() > after {
            let own = Arc::clone(follower);
            let rows = tokio::task::spawn_blocking(move || own.after(after)).await;
            let Ok(Ok(rows)) = rows else { return };
            if rows.is_empty() {
                return;
            }
            for row in rows {
                after = row.position;
                if !sent(sender, written(follower.space.name(), row)).await {
                    return;
                }
            }
            continue;
        }
        tokio::select! {
            () = ended(&mut over) => return,
            () = sender.closed() => return,
            changed = newest.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(HEARTBEAT) => {
                if !sent(sender, Bytes::from_static(b": still here\n\n")).await {
                    return;
                }
            }
        }
    }
}

/// False if the client is gone or takes nothing.
async fn sent(sender: &mpsc::Sender<Bytes>, bytes: Bytes) -> bool {
    matches!(
        tokio::time::timeout(PATIENCE, sender.send(bytes)).await,
        Ok(Ok(()))
    )
}

fn written(space: &str, row: Happened) -> Bytes {
    let event = Event {
        space: space.to_string(),
        incident: row.incident,
        seq: row.seq,
        kind: row.kind,
        at: row.at,
    };
    // One line: JSON writes line breaks as two letters.
    let data = serde_json::to_string(&event).unwrap_or_default();
    Bytes::from(format!("id: {}\ndata: {data}\n\n", row.position))
}

/// A body whose pieces come as they come.
struct Stream(mpsc::Receiver<Bytes>);

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0
            .poll_recv(context)
            .map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
