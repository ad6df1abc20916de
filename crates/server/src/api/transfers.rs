//! Bytes that are too many to be held: sent here piece by piece, and given piece by piece. Few at once; whoever is slow
//! holds up nobody but the others who do the same.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Response};
use http_body::Frame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::problem::{Code, Problem};
use super::route::{Answer, Asked, Download, Fetch, Take, ZSTD};

/// Transfers at once.
pub const AT_ONCE: usize = 4;
/// The most that is sent here at once, as far as its length says so before: what is kept has bounds of its own.
const LONGEST: u64 = 1 << 30;
/// How long the next piece may take to come.
const PIECE: Duration = Duration::from_secs(20);
/// How long all of it may take, and its check.
const WHOLE: Duration = Duration::from_secs(15 * 60);
/// Pieces that wait for whoever takes them.
const AHEAD: usize = 4;
/// Bytes that are read at once.
const STRIDE: usize = 64 << 10;

fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(turns)
        .try_acquire_owned()
        .map_err(|_| Problem::busy(10))
}

/// Takes what comes.
pub async fn take(
    turns: &Arc<Semaphore>,
    take: &Take,
    asked: Asked,
    headers: &HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    if kind.is_none_or(|kind| !kind.trim().eq_ignore_ascii_case(ZSTD)) {
        return Err(Problem::new(
            Code::UnsupportedMedia,
            format!("expected Content-Type {ZSTD}"),
        ));
    }
    if body.size_hint().lower() > LONGEST {
        return Err(Problem::new(
            Code::TooLarge,
            format!("at most {LONGEST} bytes are taken at once"),
        ));
    }
    let turn = turn(turns)?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    let (tell, told) = oneshot::channel();
    let take = Arc::clone(take);
    // A thread of its own: it may be at it for minutes.
    std::thread::spawn(move || {
        let _turn = turn;
        let mut pieces = Pieces {
            receiver,
            left: Bytes::new(),
        };
        let _ = tell.send(take(&asked, &mut pieces));
    });
    let fed = async {
        feed(body, sender).await;
        std::future::pending::<std::convert::Infallible>().await
    };
    tokio::select! {
        // If it is over before all has come, the rest is not waited for.
        answer = told => answer.unwrap_or_else(|_| Err(Problem::failed("what was sent could not be taken"))),
        never = fed => match never {},
        () = tokio::time::sleep(WHOLE) => Err(Problem::new(
            Code::Timeout,
            format!("it was not taken within {} s", WHOLE.as_secs()),
        )),
    }
}

/// Hands pieces on as they come, until the end or an error.
async fn feed(body: Body, sender: mpsc::Sender<io::Result<Bytes>>) {
    let mut body = std::pin::pin!(body);
    loop {
        let next = std::future::poll_fn(|context| body.as_mut().poll_frame(context));
        let piece = match tokio::time::timeout(PIECE, next).await {
            Ok(None) => return,
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => Ok(data),
                // Trailers say nothing here.
                Err(_) => continue,
            },
            Ok(Some(Err(error))) => Err(io::Error::other(error.to_string())),
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
        };
        let last = piece.is_err();
        if sender.send(piece).await.is_err() || last {
            return;
        }
    }
}

/// What comes, for whoever reads.
struct Pieces {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    left: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left.is_empty() {
            match self.receiver.blocking_recv() {
                None => return Ok(0),
                Some(piece) => self.left = piece?,
            }
        }
        let count = self.left.len().min(buffer.len());
        let piece = self.left.split_to(count);
        for (to, from) in buffer.iter_mut().zip(piece) {
            *to = from;
        }
        Ok(count)
    }
}

/// Gives what is asked for.
pub async fn give(
    turns: &Arc<Semaphore>,
    fetch: &Fetch,
    asked: Asked,
) -> Result<Response<Body>, Problem> {
    let turn = turn(turns)?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    let (tell, told) = oneshot::channel();
    let fetch = Arc::clone(fetch);
    std::thread::spawn(move || {
        let _turn = turn;
        match fetch(&asked) {
            Err(problem) => {
                let _ = tell.send(Err(problem));
            }
            Ok(download) => {
                let Download {
                    media,
                    name,
                    length,
                    bytes,
                } = download;
                if tell.send(Ok((media, name, length))).is_ok() {
                    read(bytes, &sender);
                }
            }
        }
    });
    let told = tokio::time::timeout(WHOLE, told).await;
    let (media, name, length) = match told {
        Ok(Ok(outcome)) => outcome?,
        Ok(Err(_)) => {
            return Err(Problem::failed(
                "what was asked for could not be made ready",
            ));
        }
        Err(_) => return Err(Problem::busy(30)),
    };
    let mut response = Response::new(Body::new(Stream(receiver)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    if let Ok(named) = HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"")) {
        headers.insert(CONTENT_DISPOSITION, named);
    }
    Ok(response)
}

/// Hands on what is read, until the end, an error, or the other side goes.
fn read(mut bytes: Box<dyn Read + Send>, sender: &mpsc::Sender<io::Result<Bytes>>) {
    let mut buffer = vec![0; STRIDE];
    loop {
        let piece = match bytes.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => Ok(Bytes::copy_from_slice(
                buffer.get(..count).unwrap_or_default(),
            )),
            Err(error) => Err(error),
        };
        let last = piece.is_err();
        if sender.blocking_send(piece).is_err() || last {
            return;
        }
    }
}

/// A body whose pieces come as they come; it breaks off where they do.
struct Stream(mpsc::Receiver<io::Result<Bytes>>);

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0
            .poll_recv(context)
            .map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
