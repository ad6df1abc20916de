//! The OpenTelemetry SDK for Rust.

use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{
    Compression, LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig,
    WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;

use super::{Watch, check};

/// Lets the HTTP client find its runtime on the reader's own thread, which has none.
struct InRuntime(MetricExporter, Handle);

impl PushMetricExporter for InRuntime {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut exporting = std::pin::pin!(self.0.export(metrics));
        std::future::poll_fn(|context| {
            let _inside = self.1.enter();
            exporting.as_mut().poll(context)
        })
        .await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: std::time::Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.0.temporality()
    }
}

/// The three signals of a service, sent by these exporters.
fn send(service: &str, exporters: (SpanExporter, MetricExporter, LogExporter)) {
    let resource = Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", service.to_string()))
        .build();
    let (spans, metrics, logs) = exporters;
    let traces = SdkTracerProvider::builder()
        .with_simple_exporter(spans)
        .with_resource(resource.clone())
        .build();
    let tracer = traces.tracer("test");
    let server = tracer
        .span_builder("serve")
        .with_kind(SpanKind::Server)
        .start(&tracer);
    let inside = Context::new().with_span(server);
    let client = tracer
        .span_builder("ask ledger")
        .with_kind(SpanKind::Client)
        .with_attributes([
            KeyValue::new("peer.service", "ledger"),
            KeyValue::new("tries", 3),
        ])
        .start_with_context(&tracer, &inside);
    let client = inside.with_span(client);
    client.span().set_status(Status::error("no answer"));
    client.span().end();
    inside.span().end();
    traces.shutdown().unwrap();

    let logged = SdkLoggerProvider::builder()
        .with_simple_exporter(logs)
        .with_resource(resource.clone())
        .build();
    let logger = logged.logger("test");
    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Warn);
    record.set_body(AnyValue::from("it is getting late"));
    record.set_timestamp(std::time::SystemTime::now());
    logger.emit(record);
    logged.shutdown().unwrap();

    let reader = PeriodicReader::builder(InRuntime(metrics, Handle::current())).build();
    let measured = SdkMeterProvider::builder()
        .with_reader(reader)
        .with_resource(resource)
        .build();
    let meter = measured.meter("test");
    let requests = meter.u64_counter("requests").build();
    let took = meter.f64_histogram("took").with_unit("ms").build();
    let depth = meter.u64_gauge("depth").build();
    // What accumulates shows from its second reading on.
    for _ in 0..2 {
        requests.add(5, &[]);
        took.record(12.0, &[]);
        depth.record(7, &[KeyValue::new("queue", "q1")]);
        measured.force_flush().unwrap();
    }
    measured.shutdown().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_http() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let watch = Watch::begin().await;
    let at = |path: &str| format!("{}/v1/{path}", watch.http());
    let exporters = (
        SpanExporter::builder()
            .with_http()
            .with_compression(Compression::Gzip)
            .with_endpoint(at("traces"))
            .build()
            .unwrap(),
        MetricExporter::builder()
            .with_http()
            .with_endpoint(at("metrics"))
            .build()
            .unwrap(),
        LogExporter::builder()
            .with_http()
            .with_compression(Compression::Gzip)
            .with_endpoint(at("logs"))
            .build()
            .unwrap(),
    );
    tokio::task::spawn_blocking(|| send("rust-http", exporters))
        .await
        .unwrap();
    check(&watch.end().await, "rust-http");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_grpc() {
    let watch = Watch::begin().await;
    let at = watch.grpc();
    let exporters = (
        SpanExporter::builder()
            .with_tonic()
            .with_compression(Compression::Gzip)
            .with_endpoint(&at)
            .build()
            .unwrap(),
        MetricExporter::builder()
            .with_tonic()
            .with_endpoint(&at)
            .build()
            .unwrap(),
        LogExporter::builder()
            .with_tonic()
            .with_endpoint(&at)
            .build()
            .unwrap(),
    );
    tokio::task::spawn_blocking(|| send("rust-grpc", exporters))
        .await
        .unwrap();
    check(&watch.end().await, "rust-grpc");
}
