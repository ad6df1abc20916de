//! Traces, metrics and logs through the OpenTelemetry SDK, one resource per entity.
//!
//! Names follow the semantic conventions. Every resource has `service.instance.id`, which is the entity's
//! id in the control plane's topology, besides `service.name`, `service.namespace` and, where there is one,
//! `cloud.region`: any of them joins telemetry with topology (README.md, "Names").

mod client;
mod journal;
mod work;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{
    LogExporter, MetricExporter, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder as LogBatch, BatchLogProcessor, SdkLogger, SdkLoggerProvider,
};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder as SpanBatch, BatchSpanProcessor, SdkTracer, SdkTracerProvider,
};

use crate::clock::{ProcessClock, rfc3339};
use crate::deployment::{Intervals, StateFolder};
use crate::failure::Failure;
use crate::names::{EntityName, Kind};
use client::ExportClient;
use journal::Journal;
pub use work::Work;

/// Where the telemetry of one process goes; every entity that lives in the process gets its own from here.
#[derive(Clone)]
pub struct Exporting {
    otlp: Option<String>,
    intervals: Intervals,
    client: ExportClient,
    clock: ProcessClock,
    journal: Arc<Journal>,
}

impl Exporting {
    /// For one process. Must be called within the process's runtime, on which exports will run.
    pub fn new(
        state: &StateFolder,
        process: &str,
        otlp: Option<&str>,
        intervals: Intervals,
        clock: &ProcessClock,
    ) -> Result<Self, Failure> {
        Ok(Self {
            otlp: otlp.map(|url| url.trim_end_matches('/').to_owned()),
            intervals,
            client: ExportClient::new(clock.clone())?,
            clock: clock.clone(),
            journal: Arc::new(Journal::open(&state.path().join("logs"), process)?),
        })
    }

    /// The telemetry of one entity.
    pub fn entity(
        &self,
        entity: &EntityName,
        extra: &[(&'static str, String)],
    ) -> Result<Telemetry, Failure> {
        self.build(entity, extra, true)
    }

    /// The telemetry of an entity that only has metrics.
    pub fn metrics_of(
        &self,
        entity: &EntityName,
        extra: &[(&'static str, String)],
    ) -> Result<Telemetry, Failure> {
        self.build(entity, extra, false)
    }

    fn build(
        &self,
        entity: &EntityName,
        extra: &[(&'static str, String)],
        records: bool,
    ) -> Result<Telemetry, Failure> {
        let resource = resource(entity, extra);
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            Failure::new(format!(
                "telemetry of {entity}: no exporter of {what}: {error}"
            ))
            .advice(
                "give --otlp the base URL of an OTLP/HTTP receiver, such as http://127.0.0.1:4318",
            )
        };
        let mut spans = SdkTracerProvider::builder().with_resource(resource.clone());
        let mut logs = SdkLoggerProvider::builder().with_resource(resource.clone());
        let mut metrics = SdkMeterProvider::builder().with_resource(resource);
        if let (Some(base), true) = (&self.otlp, records) {
            let delay = seconds(self.intervals.records_seconds);
            let exporter = SpanExporter::builder()
                .with_http()
                .with_http_client(self.client.clone())
                .with_endpoint(format!("{base}/v1/traces"))
                .build()
                .map_err(|error| failed("spans", &error))?;
            let batch = SpanBatch::default().with_scheduled_delay(delay).build();
            spans = spans.with_span_processor(
                BatchSpanProcessor::builder(exporter)
                    .with_batch_config(batch)
                    .build(),
            );
            let exporter = LogExporter::builder()
                .with_http()
                .with_http_client(self.client.clone())
                .with_endpoint(format!("{base}/v1/logs"))
                .build()
                .map_err(|error| failed("logs", &error))?;
            let batch = LogBatch::default().with_scheduled_delay(delay).build();
            logs = logs.with_log_processor(
                BatchLogProcessor::builder(exporter)
                    .with_batch_config(batch)
                    .build(),
            );
        }
        if let Some(base) = &self.otlp {
            let exporter = MetricExporter::builder()
                .with_http()
                .with_http_client(self.client.clone())
                .with_endpoint(format!("{base}/v1/metrics"))
                .build()
                .map_err(|error| failed("metrics", &error))?;
            metrics = metrics.with_reader(
                PeriodicReader::builder(exporter)
                    .with_interval(seconds(self.intervals.metrics_seconds))
                    .build(),
            );
        }
        let (spans, logs, metrics) = (spans.build(), logs.build(), metrics.build());
        let providers = Arc::new(Providers {
            spans: spans.clone(),
            logs: logs.clone(),
            metrics: metrics.clone(),
        });
        // Telemetry lives as long as its process. A provider that is dropped sends what it has and waits for it,
        // on the very thread that would have to do the sending.
        std::mem::forget(Arc::clone(&providers));
        Ok(Telemetry {
            entity: Arc::new(entity.clone()),
            tracer: spans.tracer("payledger"),
            logger: logs.logger("payledger"),
            meter: metrics.meter("payledger"),
            clock: self.clock.clone(),
            journal: Arc::clone(&self.journal),
            providers,
        })
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(1))
}

fn resource(entity: &EntityName, extra: &[(&'static str, String)]) -> Resource {
    let mut attributes = vec![
        KeyValue::new("service.name", entity.name.clone()),
        KeyValue::new("service.namespace", "payledger"),
        KeyValue::new("service.instance.id", entity.to_string()),
    ];
    if let Some(region) = &entity.region {
        attributes.push(KeyValue::new("cloud.provider", "aws"));
        attributes.push(KeyValue::new("cloud.region", region.clone()));
        attributes.push(KeyValue::new("cloud.resource_id", entity.arn()));
    }
    if entity.kind == Kind::Function {
        attributes.push(KeyValue::new("cloud.platform", "aws_lambda"));
        attributes.push(KeyValue::new("faas.name", entity.name.clone()));
    }
    for (key, value) in extra {
        attributes.push(KeyValue::new(*key, value.clone()));
    }
    Resource::builder_empty()
        .with_attributes(attributes)
        .build()
}

struct Providers {
    spans: SdkTracerProvider,
    logs: SdkLoggerProvider,
    metrics: SdkMeterProvider,
}

/// The telemetry of one entity. Cheap to clone.
#[derive(Clone)]
pub struct Telemetry {
    entity: Arc<EntityName>,
    tracer: SdkTracer,
    logger: SdkLogger,
    meter: Meter,
    clock: ProcessClock,
    journal: Arc<Journal>,
    providers: Arc<Providers>,
}

impl Telemetry {
    /// Makes instruments.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(crate) fn tracer(&self) -> &SdkTracer {
        &self.tracer
    }

    /// One log record, tied to the work during which it was written.
    pub fn log(
        &self,
        severity: Severity,
        body: impl Into<String>,
        attributes: &[(&'static str, String)],
        work: Option<&Work>,
    ) {
        let body = body.into();
        let ids = work.and_then(Work::ids);
        self.journal.write(
            &rfc3339(self.clock.now_ms()),
            severity.name(),
            &self.entity,
            &body,
            attributes,
            ids,
        );
        let mut record = self.logger.create_log_record();
        // The exporter shifts all times of a process whose clock is wrong, so that this is the true one.
        record.set_timestamp(SystemTime::now());
        record.set_severity_number(severity);
        record.set_severity_text(severity.name());
        record.set_body(AnyValue::from(body));
        for (key, value) in attributes {
            record.add_attribute(*key, value.clone());
        }
        if let Some((trace, span)) = ids {
            record.set_trace_context(trace, span, Some(opentelemetry::TraceFlags::SAMPLED));
        }
        self.logger.emit(record);
    }

    /// A log record of ordinary news.
    pub fn info(
        &self,
        body: impl Into<String>,
        attributes: &[(&'static str, String)],
        work: Option<&Work>,
    ) {
        self.log(Severity::Info, body, attributes, work);
    }

    /// A log record of trouble.
    pub fn error(
        &self,
        body: impl Into<String>,
        attributes: &[(&'static str, String)],
        work: Option<&Work>,
    ) {
        self.log(Severity::Error, body, attributes, work);
    }

    /// Sends what has not been sent yet. Blocks: never call it on the runtime's own thread.
    pub fn flush(&self) {
        // At the end of a process there is nobody left to tell that the receiver is gone.
        let _ = self.providers.spans.force_flush();
        let _ = self.providers.logs.force_flush();
        let _ = self.providers.metrics.force_flush();
    }
}
