//! Connections: how many, how long they may take, and how they end.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::tls::Tls;

/// What connections may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; more wait in the system's queue.
    pub at_once: usize,
    /// A request's head must have arrived after so long. Also how long a connection may be idle.
    pub head: Duration,
    /// A client that takes nothing of what is written for so long is hung up on.
    pub takes: Duration,
    /// TLS must be agreed upon after so long.
    pub handshake: Duration,
    /// Connections that agree upon TLS at once; more wait, and it counts as their time.
    pub handshakes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            at_once: 1_024,
            head: Duration::from_secs(20),
            takes: Duration::from_secs(30),
            handshake: Duration::from_secs(10),
            handshakes: 256,
        }
    }
}

/// How long requests that were begun may take to end when the server stops.
const DRAIN: Duration = Duration::from_secs(3);
/// A head is a few hundred bytes; what is longer than this is no honest one.
const LONGEST_HEAD: usize = 32 * 1024;

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Whether a request came by TLS that was spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByTls(pub bool);

/// The first byte of whoever speaks TLS: a record with a handshake in it (RFC 8446, 5.1).
const HANDSHAKE: u8 = 0x16;
/// What is told to whoever does not.
const NO_TLS: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n\
    This port speaks TLS: ask it by https://\n";

/// Answers until `over` turns true; by TLS, if there is any.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    mut over: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(limits.at_once));
    let greeting = Arc::new(Semaphore::new(limits.handshakes));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            break;
        };
        let (stream, peer) = tokio::select! {
            () = ended(&mut over) => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file handles, most likely: it passes, and a busy loop would not help it.
                    tracing::warn!(%error, "the API could not take a caller");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            },
        };
        // Events are small, and late is worse than many packets.
        let _ = stream.set_nodelay(true);
        let router = router
            .clone()
            .layer(axum::Extension(Peer(peer)))
            .layer(axum::Extension(ByTls(tls.is_some())));
        let mut ending = over.clone();
        let (tls, greeting) = (tls.clone(), Arc::clone(&greeting));
        connections.spawn(async move {
            let _place = place;
            let outcome = match tls {
                None => {
                    let stream = Patient::new(stream, limits.takes);
                    conversed(stream, router, limits, ending).await
                }
                Some(tls) => {
                    let greeted = async {
                        let _turn = greeting.acquire().await;
                        greeted(stream, &tls, limits).await
                    };
                    let greeted = tokio::select! {
                        greeted = tokio::time::timeout(limits.handshake, greeted) => greeted,
                        () = ended(&mut ending) => return,
                    };
                    match greeted {
                        Ok(Ok(stream)) => conversed(stream, router, limits, ending).await,
                        Ok(Err(error)) => Err(error.to_string()),
                        Err(_) => Err("TLS was not agreed upon in time".to_string()),
                    }
                }
            };
            if let Err(error) = outcome {
                tracing::debug!(error, %peer, "a caller of the API went away");
            }
        });
    }
    while connections.join_next().await.is_some() {}
}

/// Agrees upon TLS; who speaks plain HTTP is told so.
async fn greeted(
    mut stream: TcpStream,
    tls: &Tls,
    limits: Limits,
) -> io::Result<TlsStream<Patient>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first != [HANDSHAKE] {
        stream.write_all(NO_TLS).await?;
        stream.shutdown().await?;
        return Err(io::Error::other("it speaks no TLS"));
    }
    let stream = Patient::new(stream, limits.takes);
    TlsAcceptor::from(tls.config()).accept(stream).await
}

/// Answers one connection until it ends, or the server does.
async fn conversed(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    router: Router,
    limits: Limits,
    mut ending: watch::Receiver<bool>,
) -> Result<(), String> {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = ended(&mut ending) => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(DRAIN, connection.as_mut()).await {
                Ok(outcome) => outcome,
                Err(_) => Ok(()),
            }
        }
    };
    outcome.map_err(|error| error.to_string())
}

/// Waits until it is to end; a sender that is gone means the same.
pub(super) async fn ended(over: &mut watch::Receiver<bool>) {
    let _ = over.wait_for(|over| *over).await;
}

/// A connection whose other side must take what is written within that time.
struct Patient {
    stream: TcpStream,
    takes: Duration,
    /// Runs while something waits to be taken.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(stream: TcpStream, takes: Duration) -> Self {
        Self {
            stream,
            takes,
            waiting: None,
        }
    }

    /// What writing gave; an error instead if it has waited for too long.
    fn judged<T>(
        &mut self,
        context: &mut Context<'_>,
        wrote: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.waiting = None;
            return wrote;
        }
        let takes = self.takes;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(takes)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client takes nothing of what is written",
        )))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judged(context, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.judged(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
