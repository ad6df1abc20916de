//! Real senders, the whole way: SDK exporters of two languages, our server, the decoder, the window, and a
//! look into it.

mod python;
mod rust;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use connectors::otlp::{self, Inlet};
use model::ports::{Clock, NotTaken};
use model::time::{MINUTE, SECOND, Span};
use model::{TimeWindow, Timestamp};
use server::otlp::{Addresses, Bound, Limits, serve};
use store::window::{self, Captured, Window};
use tokio::sync::oneshot;

/// The clock on the wall: real senders have no other.
struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        Timestamp(i64::try_from(since.as_nanos()).unwrap())
    }
}

/// A server with a window behind it.
struct Watch {
    window: Arc<Window>,
    bound: Bound,
    stop: oneshot::Sender<()>,
    _folder: tempfile::TempDir,
}

impl Watch {
    async fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let window = Window::open(&folder.path().join("telemetry"), window::Limits::default());
        let window = Arc::new(window.unwrap());
        let kept = Arc::clone(&window);
        let inlet = Inlet::new(otlp::Limits::default(), move |batch, now| {
            kept.append(batch, now).map_err(|_| NotTaken::Busy {
                retry_after: Span(SECOND),
            })
        });
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (stop, stopped) = oneshot::channel();
        let addresses = Addresses {
            grpc: Some(any),
            http: Some(any),
        };
        let bound = serve(
            addresses,
            Arc::new(inlet),
            Arc::new(Wall),
            Limits::default(),
            async {
                let _ = stopped.await;
            },
        );
        Self {
            window,
            bound: bound.await.unwrap(),
            stop,
            _folder: folder,
        }
    }

    fn http(&self) -> String {
        format!("http://{}", self.bound.http.unwrap())
    }

    fn grpc(&self) -> String {
        format!("http://{}", self.bound.grpc.unwrap())
    }

    /// Stops, and looks at all that came, half of it from the disk.
    async fn end(self) -> Captured {
        let now = Wall.now();
        self.window.flush(now).unwrap();
        let counts = self.bound.counts();
        assert_eq!((counts.rejected, counts.malformed, counts.shed), (0, 0, 0));
        let _ = self.stop.send(());
        self.bound.ended().await;
        let all = TimeWindow::new(now.minus(Span(10 * MINUTE)), now.plus(Span(MINUTE))).unwrap();
        self.window
            .capture(all, &[], now.plus(Span(MINUTE)))
            .unwrap()
    }
}

/// What one language's three signals must have become, whatever its SDK's habits.
fn check(captured: &Captured, service: &str) {
    let id = format!("service/{service}");
    let spans: Vec<_> = captured
        .spans
        .iter()
        .filter(|s| s.entity.as_str() == id)
        .collect();
    let server = spans
        .iter()
        .find(|s| &*s.name == "serve")
        .expect("the server's span");
    let client = spans
        .iter()
        .find(|s| &*s.name == "ask ledger")
        .expect("the client's span");
    assert_eq!(client.trace_id, server.trace_id);
    assert_eq!(client.parent_id, server.span_id);
    assert_eq!(server.trace_id.len(), 32);
    assert!(client.error && !server.error);
    assert_eq!(&*client.message, "no answer");
    assert_eq!(&*client.peer, "ledger");
    assert!(client.end >= client.start);
    assert!(
        client
            .attributes
            .iter()
            .any(|(name, value)| &**name == "tries" && &**value == "3"),
        "{:?}",
        client.attributes
    );
    let log = captured
        .logs
        .iter()
        .find(|l| l.entity.as_str() == id)
        .expect("a log record");
    assert_eq!(&*log.body, "it is getting late");
    assert_eq!(log.severity, Some(model::Severity::Warn));
    let series: Vec<String> = captured
        .series
        .iter()
        .filter(|s| s.key.entity.as_str() == id)
        .map(|s| format!("{}:{}", s.key.metric, s.key.statistic))
        .collect();
    for wanted in ["depth:", "requests:increase", "took:count", "took:p99"] {
        assert!(series.iter().any(|s| s == wanted), "{wanted}: {series:?}");
    }
    let depth = captured
        .series
        .iter()
        .find(|s| s.key.metric == "depth")
        .unwrap();
    assert_eq!(depth.values.last(), Some(&7.0));
    assert_eq!(
        depth.key.labels.get("queue").map(String::as_str),
        Some("q1")
    );
    let edge = captured
        .topology
        .edges
        .iter()
        .find(|e| e.from.as_str() == id);
    assert_eq!(edge.map(|e| e.to.as_str()), Some("external/ledger"));
}
