//! What everybody who answers HTTP counts.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};

use crate::telemetry::Telemetry;

/// Requests, errors and durations of one HTTP server.
pub struct HttpMeters {
    requests: Counter<u64>,
    errors: Counter<u64>,
    duration: Histogram<f64>,
}

impl HttpMeters {
    /// With zeroes said, so that "no errors" differs from "no data".
    pub fn new(telemetry: &Telemetry) -> Self {
        let meter = telemetry.meter();
        let meters = Self {
            requests: meter.u64_counter("http.server.requests").build(),
            errors: meter
                .u64_counter("http.server.errors")
                .with_description("answers 500 to 599, and 429")
                .build(),
            duration: meter
                .f64_histogram("http.server.request.duration")
                .with_unit("s")
                .build(),
        };
        for route in ["/transaction", "/transactions", "/balance", "/health"] {
            meters
                .requests
                .add(0, &[KeyValue::new("http.route", route)]);
            meters.errors.add(0, &[KeyValue::new("http.route", route)]);
        }
        meters
    }

    /// One answer.
    pub fn answered(&self, route: &str, status: u16, taken: Duration) {
        let label = [KeyValue::new("http.route", route.to_owned())];
        self.requests.add(1, &label);
        self.duration.record(taken.as_secs_f64(), &label);
        if status >= 500 || status == 429 {
            self.errors.add(1, &label);
        }
    }
}
