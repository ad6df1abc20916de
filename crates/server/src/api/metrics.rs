//! The server's own numbers, in the text format of OpenMetrics 1.0.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::house::Health;

/// The media type of what [`Metrics::written`] gives.
pub const MEDIA: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    route: String,
    method: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct At {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivery {
    inlet: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivered {
    inlet: String,
    what: &'static str,
}

/// What is counted. Labels are routes and statuses, both few; never what a client may choose.
pub struct Metrics {
    registry: Registry,
    requests: Family<Of, Counter>,
    seconds: Family<At, Histogram, fn() -> Histogram>,
    /// Streams of events that stand.
    pub streams: Gauge,
    open: Gauge,
    taken: Family<Named, Gauge<u64, AtomicU64>>,
    window: Gauge<u64, AtomicU64>,
    shed: Gauge<u64, AtomicU64>,
    troubled: Gauge,
    channels: Family<Named, Gauge<i64, AtomicI64>>,
    deliveries: Family<Delivery, Gauge<u64, AtomicU64>>,
    delivered: Family<Delivered, Gauge<u64, AtomicU64>>,
}

/// Upper edges of the buckets, in seconds: what the page feels is below 0.05.
fn histogram() -> Histogram {
    Histogram::new([0.001, 0.005, 0.02, 0.05, 0.2, 1.0, 5.0, 20.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("midwatch");
        let requests = Family::default();
        let seconds = Family::new_with_constructor(histogram as fn() -> Histogram);
        let (streams, open, troubled) = (Gauge::default(), Gauge::default(), Gauge::default());
        let (window, shed) = (Gauge::default(), Gauge::default());
        let (taken, channels) = (Family::default(), Family::default());
        let (deliveries, delivered) = (Family::default(), Family::default());
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "http_request",
            "How long requests took to answer",
            Unit::Seconds,
            seconds.clone(),
        );
        registry.register(
            "event_streams",
            "Streams of events that stand",
            streams.clone(),
        );
        registry.register("incidents_open", "Incidents that are open", open.clone());
        registry.register(
            "telemetry_taken",
            "Spans, log lines and points taken",
            taken.clone(),
        );
        registry.register_with_unit(
            "telemetry_kept",
            "Telemetry that is kept",
            Unit::Bytes,
            window.clone(),
        );
        registry.register(
            "telemetry_sent_away",
            "Requests with telemetry that were told to come again",
            shed.clone(),
        );
        registry.register(
            "parts_troubled",
            "Parts of the server that do not work now",
            troubled.clone(),
        );
        registry.register(
            "channel_up",
            "Whether a channel reaches people",
            channels.clone(),
        );
        registry.register(
            "inlet_deliveries",
            "What others posted, by what became of it",
            deliveries.clone(),
        );
        registry.register(
            "inlet_delivered",
            "New alarms and changes in what others posted",
            delivered.clone(),
        );
        Self {
            registry,
            requests,
            seconds,
            streams,
            open,
            taken,
            window,
            shed,
            troubled,
            channels,
            deliveries,
            delivered,
        }
    }
}

impl Metrics {
    /// A request was answered.
    pub fn answered(&self, route: &str, method: &str, status: u16, took: Duration) {
        let of = Of {
            route: route.to_string(),
            method: method.to_string(),
            status,
        };
        self.requests.get_or_create(&of).inc();
        let at = At {
            route: route.to_string(),
        };
        self.seconds.get_or_create(&at).observe(took.as_secs_f64());
    }

    /// All numbers, with how the server is now.
    pub fn written(&self, health: &Health) -> String {
        self.open
            .set(i64::try_from(health.open).unwrap_or(i64::MAX));
        for (name, count) in ["spans", "log_lines", "points"].iter().zip(health.taken) {
            let name = (*name).to_string();
            self.taken.get_or_create(&Named { name }).set(count);
        }
        self.window.set(health.window_bytes);
        self.shed.set(health.shed);
        self.troubled
            .set(i64::try_from(health.troubles.len()).unwrap_or(i64::MAX));
        for (name, up) in &health.channels {
            let name = name.clone();
            self.channels
                .get_or_create(&Named { name })
                .set(i64::from(*up));
        }
        for standing in &health.inlets {
            for (outcome, count) in standing.outcomes() {
                let inlet = standing.name.clone();
                self.deliveries
                    .get_or_create(&Delivery { inlet, outcome })
                    .set(count);
            }
            for (what, count) in [("alarms", standing.alarms), ("changes", standing.changes)] {
                let inlet = standing.name.clone();
                self.delivered
                    .get_or_create(&Delivered { inlet, what })
                    .set(count);
            }
        }
        let mut out = String::new();
        // Writing into a text does not fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}

/// Shared by all requests.
pub type Shared = Arc<Metrics>;
