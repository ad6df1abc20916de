//! What the platform counts for every function, whatever the function itself says.

use std::sync::Mutex;

use opentelemetry::metrics::{Counter, Gauge, Histogram};

use super::locked;
use super::sandbox::Sandboxes;
use crate::telemetry::Telemetry;

pub(super) struct Meters {
    pub invocations: Counter<u64>,
    pub errors: Counter<u64>,
    pub throttles: Counter<u64>,
    pub coldstarts: Counter<u64>,
    pub duration: Histogram<f64>,
    pub memory: Gauge<u64>,
    pub provider_requests: Counter<u64>,
    pub provider_errors: Counter<u64>,
    concurrency: Gauge<u64>,
    certificate: Gauge<f64>,
}

impl Meters {
    pub fn new(telemetry: &Telemetry, function: &str) -> Self {
        let meter = telemetry.meter();
        let meters = Self {
            invocations: meter.u64_counter("faas.invocations").build(),
            errors: meter.u64_counter("faas.errors").build(),
            throttles: meter.u64_counter("faas.throttles").build(),
            coldstarts: meter.u64_counter("faas.coldstarts").build(),
            duration: meter
                .f64_histogram("faas.invoke_duration")
                .with_unit("s")
                .build(),
            memory: meter.u64_gauge("faas.mem_usage").with_unit("By").build(),
            concurrency: meter.u64_gauge("faas.concurrent_executions").build(),
            provider_requests: meter.u64_counter("provider.requests").build(),
            provider_errors: meter.u64_counter("provider.errors").build(),
            certificate: meter
                .f64_gauge("tls.certificate.days_left")
                .with_unit("d")
                .build(),
        };
        // A counter that was never touched is not sent: zero has to be said.
        meters.invocations.add(0, &[]);
        meters.errors.add(0, &[]);
        meters.throttles.add(0, &[]);
        meters.concurrency.record(0, &[]);
        if function == "createTransaction" {
            meters.provider_requests.add(0, &[]);
            meters.provider_errors.add(0, &[]);
        }
        meters
    }

    pub fn running(&self, sandboxes: &Mutex<Sandboxes>) {
        self.concurrency
            .record(u64::from(locked(sandboxes).running()), &[]);
    }

    pub fn certificate_days(&self, days: f64) {
        self.certificate.record(days, &[]);
    }
}
