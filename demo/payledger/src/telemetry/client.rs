//! The way out for telemetry: exports run on the process's own runtime, and carry its clock's error.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message as _;
use tokio::runtime::Handle;

use crate::clock::ProcessClock;
use crate::failure::Failure;

/// Sends export requests on the runtime of the process, from whichever thread the SDK asks.
#[derive(Clone, Debug)]
pub(super) struct ExportClient {
    http: reqwest::Client,
    runtime: Handle,
    clock: ProcessClock,
}

impl ExportClient {
    /// Must be called within the runtime that shall do the sending.
    pub fn new(clock: ProcessClock) -> Result<Self, Failure> {
        Ok(Self {
            http: crate::hop::plain_client(std::time::Duration::from_secs(5))?,
            runtime: Handle::current(),
            clock,
        })
    }
}

type Sending<'b> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>;

impl HttpClient for ExportClient {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Sending<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let http = self.http.clone();
        let offset = self.clock.offset_ms();
        let sending = self.runtime.spawn(async move {
            let (head, mut body) = request.into_parts();
            if offset != 0 {
                body = shift(head.uri.path(), &body, offset);
            }
            let mut reply = http
                .request(head.method, head.uri.to_string())
                .headers(head.headers)
                .body(body)
                .send()
                .await?;
            let mut answer = Response::builder().status(reply.status());
            if let Some(headers) = answer.headers_mut() {
                std::mem::swap(headers, reply.headers_mut());
            }
            Ok::<_, HttpError>(answer.body(reply.bytes().await?)?)
        });
        Box::pin(async move { sending.await? })
    }
}

/// Moves every time in an export request, as if the whole process had lived by a clock that is off by so
/// many milliseconds. What is not understood stays as it is.
fn shift(path: &str, body: &Bytes, offset_ms: i64) -> Bytes {
    let by = offset_ms.saturating_mul(1_000_000);
    let moved = if path.ends_with("/v1/traces") {
        shift_spans(body, by)
    } else if path.ends_with("/v1/logs") {
        shift_logs(body, by)
    } else if path.ends_with("/v1/metrics") {
        shift_metrics(body, by)
    } else {
        None
    };
    moved.unwrap_or_else(|| body.clone())
}

fn step(time: &mut u64, by: i64) {
    // 0 means "not known" and must stay so.
    if *time != 0 {
        *time = time.saturating_add_signed(by);
    }
}

fn shift_spans(body: &Bytes, by: i64) -> Option<Bytes> {
    let mut request = ExportTraceServiceRequest::decode(body.clone()).ok()?;
    for span in request
        .resource_spans
        .iter_mut()
        .flat_map(|resource| &mut resource.scope_spans)
        .flat_map(|scope| &mut scope.spans)
    {
        step(&mut span.start_time_unix_nano, by);
        step(&mut span.end_time_unix_nano, by);
        for event in &mut span.events {
            step(&mut event.time_unix_nano, by);
        }
    }
    Some(request.encode_to_vec().into())
}

fn shift_logs(body: &Bytes, by: i64) -> Option<Bytes> {
    let mut request = ExportLogsServiceRequest::decode(body.clone()).ok()?;
    for record in request
        .resource_logs
        .iter_mut()
        .flat_map(|resource| &mut resource.scope_logs)
        .flat_map(|scope| &mut scope.log_records)
    {
        step(&mut record.time_unix_nano, by);
        step(&mut record.observed_time_unix_nano, by);
    }
    Some(request.encode_to_vec().into())
}

fn shift_metrics(body: &Bytes, by: i64) -> Option<Bytes> {
    let mut request = ExportMetricsServiceRequest::decode(body.clone()).ok()?;
    for metric in request
        .resource_metrics
        .iter_mut()
        .flat_map(|resource| &mut resource.scope_metrics)
        .flat_map(|scope| &mut scope.metrics)
    {
        // The start of a running total stays: it lies before the clock went wrong.
        match &mut metric.data {
            Some(Data::Gauge(gauge)) => gauge
                .data_points
                .iter_mut()
                .for_each(|point| step(&mut point.time_unix_nano, by)),
            Some(Data::Sum(sum)) => sum
                .data_points
                .iter_mut()
                .for_each(|point| step(&mut point.time_unix_nano, by)),
            Some(Data::Histogram(histogram)) => histogram
                .data_points
                .iter_mut()
                .for_each(|point| step(&mut point.time_unix_nano, by)),
            Some(Data::ExponentialHistogram(histogram)) => histogram
                .data_points
                .iter_mut()
                .for_each(|point| step(&mut point.time_unix_nano, by)),
            Some(Data::Summary(summary)) => summary
                .data_points
                .iter_mut()
                .for_each(|point| step(&mut point.time_unix_nano, by)),
            None => {}
        }
    }
    Some(request.encode_to_vec().into())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};

    use super::*;

    #[test]
    fn a_wrong_clock_moves_every_record() {
        let request = ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs {
                scope_logs: vec![ScopeLogs {
                    log_records: vec![LogRecord {
                        time_unix_nano: 5_000_000_000,
                        observed_time_unix_nano: 0,
                        ..LogRecord::default()
                    }],
                    ..ScopeLogs::default()
                }],
                ..ResourceLogs::default()
            }],
        };
        let body = Bytes::from(request.encode_to_vec());
        let moved = shift("/v1/logs", &body, -2_000);
        let moved = ExportLogsServiceRequest::decode(moved).expect("decodes");
        let record = &moved.resource_logs[0].scope_logs[0].log_records[0];
        assert_eq!(record.time_unix_nano, 3_000_000_000);
        assert_eq!(record.observed_time_unix_nano, 0);
        let junk = Bytes::from_static(b"\xff\xff");
        assert_eq!(shift("/v1/logs", &junk, 5), junk);
    }
}
