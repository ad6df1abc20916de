//! The program's own log, and spans of what it does, for whoever watches the watch.
//!
//! The rooms know nothing of either: their sockets are wrapped here, in the one place that plugs them in.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use connectors::client::exchange;
use connectors::hidden::Hidden;
use model::EntityId;
use model::action::{Action, Outcome, Preview, StepKey};
use model::case::Case;
use model::incident::IncidentId;
use model::ports::{Actuator, HandsError, Lookout, Notice, Notifier, TellError};
use model::report::Report;
use model::time::{Span, TimeWindow, Timestamp};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::{Filter, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt};
use watch::attend::{Investigator, Sockets};

use crate::config::Traces;
use crate::problem::Problem;

/// How long a batch of spans may take on its way; what waits longer is lost, and nothing else waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// The log is written, and spans are sent, for as long as this lives.
pub struct Telling {
    sending: Option<SdkTracerProvider>,
}

/// Crates of our own, by the names that stand in the log.
const OWN: [&str; 11] = [
    "act",
    "analysis",
    "connectors",
    "investigate",
    "learn",
    "midwatch",
    "model",
    "payledger",
    "server",
    "store",
    "watch",
];

/// What the log holds: as much as `RUST_LOG` asks for, but of other crates no more than `info`. Below that they write down
/// whole requests and answers, and the credentials in them.
fn chosen<S>() -> impl Filter<S> + Send + Sync + 'static
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    let asked = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    asked.and(filter_fn(|metadata| {
        let whose = metadata.target().split("::").next().unwrap_or_default();
        *metadata.level() <= Level::INFO || OWN.contains(&whose)
    }))
}

/// The log on standard error. Whether in colours is for whoever knows what is behind it: left to itself, the layer would
/// colour a file as well.
fn written(coloured: bool) -> impl Layer<Registry> + Send + Sync + 'static {
    fmt::layer::<Registry>()
        .with_writer(std::io::stderr)
        .with_ansi(coloured)
        .with_filter(chosen::<Registry>())
}

/// Begins to write the log to standard error, as much of it as `RUST_LOG` asks for, and to send spans if that is
/// configured.
///
/// # Errors
/// If the address is none, or nothing can be sent.
pub fn begin(config: &Traces, coloured: bool) -> Result<Telling, Problem> {
    let sending = match &config.otlp {
        Some(address) => Some(sender(address).map_err(|why| {
            Problem::bad_input(
                format!("spans cannot be sent to {address}: {why}"),
                "traces.otlp",
                "name the base address of an OTLP/HTTP receiver, such as http://127.0.0.1:4318",
            )
        })?),
        None => None,
    };
    let spans = sending.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("midwatch"))
            .with_location(false)
            .with_threads(false)
            .with_filter(Targets::new().with_target(server::SPANS, LevelFilter::INFO))
    });
    // A second one in the same process, as in tests, leaves the first as it is.
    let _ = tracing_subscriber::registry()
        .with(written(coloured))
        .with(spans)
        .try_init();
    Ok(Telling { sending })
}

/// Writes the log to standard error, and sends nothing.
pub fn log(coloured: bool) {
    // A second one in the same process, as in tests, leaves the first as it is.
    let _ = tracing_subscriber::registry()
        .with(written(coloured))
        .try_init();
}

impl Drop for Telling {
    fn drop(&mut self) {
        if let Some(provider) = self.sending.take() {
            // What was done last is sent, if whoever takes it answers.
            let _ = provider.shutdown_with_timeout(PATIENCE);
        }
    }
}

fn sender(address: &str) -> Result<SdkTracerProvider, String> {
    let base = address.trim_end_matches('/');
    if !["http://", "https://"]
        .iter()
        .any(|way| base.starts_with(way))
    {
        return Err("it begins with neither http:// nor https://".to_string());
    }
    let http = connectors::client::client(PATIENCE).map_err(|error| error.to_string())?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client(http))
        .with_endpoint(format!("{base}/v1/traces"))
        .build()
        .map_err(|error| error.to_string())?;
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "midwatch"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("process.pid", i64::from(std::process::id())),
        ])
        .build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(exporter)
        .build();
    Ok(provider)
}

/// Sends from the SDK's own thread, which may wait.
#[derive(Clone, Debug)]
struct Client(reqwest::blocking::Client);

type Sending<'b> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>;

impl HttpClient for Client {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Sending<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let asked = self.0.request(head.method, head.uri.to_string());
            // Headers may be set by the environment, to show a credential.
            let shown = head
                .headers
                .values()
                .filter_map(|value| value.to_str().ok());
            let shown = shown.flat_map(|value| {
                let rest = value.split_once(' ').map(|(_, rest)| rest);
                std::iter::once(value).chain(rest)
            });
            let hidden = Hidden::of(shown);
            let answered = exchange(asked.headers(head.headers).body(body), &hidden)?;
            let answer = Response::builder().status(answered.status);
            Ok(answer.body(Bytes::from(answered.body))?)
        })
    }
}

/// Puts a span into the trace of its incident: whatever is done about one incident is one trace, whose id is the
/// first 16 bytes of BLAKE3 of the incident's name.
fn of_incident(span: &tracing::Span, incident: &IncidentId) {
    let digest = blake3::hash(incident.0.as_bytes());
    let bytes = digest.as_bytes();
    let (mut trace, mut root) = ([0; 16], [0; 8]);
    trace.copy_from_slice(&bytes[..16]);
    root.copy_from_slice(&bytes[16..24]);
    let incident = SpanContext::new(
        TraceId::from_bytes(trace),
        SpanId::from_bytes(root),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    // Where no spans are sent there is nothing to be put anywhere.
    let _ = span.set_parent(Context::new().with_remote_span_context(incident));
}

/// The same sockets, each of which says what it does, and in which space.
pub fn traced(sockets: Sockets, space: &str) -> Sockets {
    Sockets {
        lookout: Arc::new(Traced::of(sockets.lookout, space)),
        investigator: Arc::new(Traced::of(sockets.investigator, space)),
        hands: sockets
            .hands
            .into_iter()
            .map(|hands| Arc::new(Traced::of(hands, space)) as Arc<dyn Actuator>)
            .collect(),
        notifiers: sockets
            .notifiers
            .into_iter()
            .map(|channel| Arc::new(Traced::of(channel, space)) as Arc<dyn Notifier>)
            .collect(),
        ..sockets
    }
}

/// A socket, and the space that it is plugged into.
struct Traced<T: ?Sized> {
    inner: Arc<T>,
    space: String,
}

impl<T: ?Sized> Traced<T> {
    fn of(inner: Arc<T>, space: &str) -> Self {
        let space = space.to_string();
        Self { inner, space }
    }
}

impl Lookout for Traced<dyn Lookout> {
    fn look(&self, window: TimeWindow, now: Timestamp) -> Case {
        let span = tracing::info_span!(
            target: server::SPANS,
            "look",
            space = self.space,
            window = %window.to().since(window.from()),
            gaps = Empty,
        );
        let _within = span.enter();
        let case = self.inner.look(window, now);
        span.record("gaps", case.manifest.gaps.len());
        case
    }
}

impl Investigator for Traced<dyn Investigator> {
    fn investigate(&self, case: Case, progress: &mut dyn FnMut(String)) -> Report {
        let incident = IncidentId(case.manifest.id.clone());
        let span = tracing::info_span!(
            target: server::SPANS,
            "investigate",
            space = self.space,
            %incident,
            status = Empty,
            causes = Empty,
        );
        of_incident(&span, &incident);
        let _within = span.enter();
        let report = self.inner.investigate(case, progress);
        span.record("status", tracing::field::debug(report.header.status));
        span.record("causes", report.causes.len());
        report
    }
}

impl Actuator for Traced<dyn Actuator> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn offers(&self, remedy: &str, entity: &EntityId) -> Vec<Action> {
        self.inner.offers(remedy, entity)
    }

    fn preview(&self, action: &Action) -> Result<Preview, HandsError> {
        self.inner.preview(action)
    }

    fn perform(&self, key: &StepKey, action: &Action) -> Outcome {
        let _within = step(("perform", &self.space), self.name(), key, action).entered();
        self.inner.perform(key, action)
    }

    fn was_done(&self, key: &StepKey, action: &Action) -> Outcome {
        let _within = step(("was it done", &self.space), self.name(), key, action).entered();
        self.inner.was_done(key, action)
    }
}

fn step(
    (what, space): (&'static str, &str),
    hands: &str,
    key: &StepKey,
    action: &Action,
) -> tracing::Span {
    tracing::info_span!(
        target: server::SPANS,
        "step",
        space,
        otel.name = what,
        hands,
        %key,
        %action,
    )
}

impl Notifier for Traced<dyn Notifier> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn wants(&self, notice: &Notice) -> bool {
        self.inner.wants(notice)
    }

    fn pace(&self) -> Span {
        self.inner.pace()
    }

    fn tell(
        &self,
        telling: &model::ports::Telling<'_>,
        now: Timestamp,
    ) -> Result<String, TellError> {
        let span = tracing::info_span!(
            target: server::SPANS,
            "tell",
            space = self.space,
            channel = self.name(),
            incident = %telling.notice.incident,
            kind = telling.notice.kind,
            otel.kind = "client",
            otel.status_code = Empty,
            otel.status_description = Empty,
        );
        of_incident(&span, &telling.notice.incident);
        let _within = span.enter();
        let told = self.inner.tell(telling, now);
        if let Err(error) = &told {
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", tracing::field::display(error));
        }
        told
    }
}
