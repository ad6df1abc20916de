//! The server's own numbers, in the text format of OpenMetrics 1.0.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
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
struct In {
    space: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    space: String,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivery {
    space: String,
    inlet: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Delivered {
    space: String,
    inlet: String,
    what: &'static str,
}

/// What is counted of requests. Labels are routes and statuses, both few; never what a client may choose.
pub struct Metrics {
    requests: Family<Of, Counter>,
    seconds: Family<At, Histogram, fn() -> Histogram>,
    /// Streams of events that stand.
    pub streams: Gauge,
}

/// A number for each of some labels, as it is at one moment.
type Numbers<L> = Family<L, Gauge<u64, AtomicU64>>;

/// How the spaces are, of which whoever asks may know.
#[derive(Default)]
struct Spaces {
    open: Numbers<In>,
    taken: Numbers<Named>,
    window: Numbers<In>,
    shed: Numbers<In>,
    troubled: Numbers<In>,
    channels: Numbers<Named>,
    deliveries: Numbers<Delivery>,
    delivered: Numbers<Delivered>,
}

/// Upper edges of the buckets, in seconds: what the page feels is below 0.05.
fn histogram() -> Histogram {
    Histogram::new([0.001, 0.005, 0.02, 0.05, 0.2, 1.0, 5.0, 20.0])
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(histogram as fn() -> Histogram),
            streams: Gauge::default(),
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

    /// All numbers, with how these spaces are now. What is told of spaces is made anew each time: who asks next may
    /// know of others.
    pub fn written(&self, health: &BTreeMap<String, Health>) -> String {
        let mut registry = Registry::with_prefix("midwatch");
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register_with_unit(
            "http_request",
            "How long requests took to answer",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register(
            "event_streams",
            "Streams of events that stand",
            self.streams.clone(),
        );
        let spaces = Spaces::default();
        for (space, health) in health {
            spaces.set(space, health);
        }
        spaces.register(&mut registry);
        let mut out = String::new();
        // Writing into a text does not fail.
        let _ = text::encode(&mut out, &registry);
        out
    }
}

impl Spaces {
    fn set(&self, space: &str, health: &Health) {
        let of = In {
            space: space.to_string(),
        };
        let named = |name: &str| Named {
            space: space.to_string(),
            name: name.to_string(),
        };
        self.open.get_or_create(&of).set(health.open);
        for (name, count) in ["spans", "log_lines", "points"].iter().zip(health.taken) {
            self.taken.get_or_create(&named(name)).set(count);
        }
        self.window.get_or_create(&of).set(health.window_bytes);
        self.shed.get_or_create(&of).set(health.shed);
        let troubled = health.troubles.len() as u64;
        self.troubled.get_or_create(&of).set(troubled);
        for (name, up) in &health.channels {
            self.channels.get_or_create(&named(name)).set((*up).into());
        }
        for standing in &health.inlets {
            for (outcome, count) in standing.outcomes() {
                let delivery = Delivery {
                    space: space.to_string(),
                    inlet: standing.name.clone(),
                    outcome,
                };
                self.deliveries.get_or_create(&delivery).set(count);
            }
            for (what, count) in [("alarms", standing.alarms), ("changes", standing.changes)] {
                let delivered = Delivered {
                    space: space.to_string(),
                    inlet: standing.name.clone(),
                    what,
                };
                self.delivered.get_or_create(&delivered).set(count);
            }
        }
    }

    fn register(self, registry: &mut Registry) {
        registry.register("incidents_open", "Incidents that are open", self.open);
        registry.register(
            "telemetry_taken",
            "Spans, log lines and points taken",
            self.taken,
        );
        registry.register_with_unit(
            "telemetry_kept",
            "Telemetry that is kept",
            Unit::Bytes,
            self.window,
        );
        registry.register(
            "telemetry_sent_away",
            "Requests with telemetry that were told to come again",
            self.shed,
        );
        registry.register(
            "parts_troubled",
            "Parts of a space that do not work now",
            self.troubled,
        );
        registry.register(
            "channel_up",
            "Whether a channel reaches people",
            self.channels,
        );
        registry.register(
            "inlet_deliveries",
            "What others posted, by what became of it",
            self.deliveries,
        );
        registry.register(
            "inlet_delivered",
            "New alarms and changes in what others posted",
            self.delivered,
        );
    }
}

/// Shared by all requests.
pub type Shared = Arc<Metrics>;
