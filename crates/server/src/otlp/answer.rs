//! What senders are told, in protobuf and in JSON.

use model::ports::{Signal, Taken};
use model::time::{SECOND, Span};
use prost::Message;
use prost::bytes::Bytes;
use serde_json::json;

/// `ExportTraceServiceResponse` and its two siblings: they differ in the name of one field only.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    pub partial_success: Option<PartialSuccess>,
}

/// `ExportTracePartialSuccess` and its two siblings.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub rejected: i64,
    #[prost(string, tag = "2")]
    pub error_message: String,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Delay {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// Taken, perhaps in part.
pub(super) fn taken(taken: &Taken) -> ExportResponse {
    let whole = taken.rejected == 0 && taken.message.is_empty();
    ExportResponse {
        partial_success: (!whole).then(|| PartialSuccess {
            rejected: i64::try_from(taken.rejected).unwrap_or(i64::MAX),
            error_message: taken.message.clone(),
        }),
    }
}

/// The same in OTLP/JSON.
pub(super) fn taken_json(signal: Signal, taken: &Taken) -> String {
    let rejected = match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    };
    match self::taken(taken).partial_success {
        None => "{}".to_string(),
        // 64-bit numbers are strings in protobuf's JSON.
        Some(partial) => json!({"partialSuccess": {
            rejected: partial.rejected.to_string(),
            "errorMessage": partial.error_message,
        }})
        .to_string(),
    }
}

/// Not taken: `code` is gRPC's; `retry` says when to come again.
pub(super) fn status(code: i32, message: &str, retry: Option<Span>) -> Status {
    let details = retry.map(|delay| {
        let info = RetryInfo {
            retry_delay: Some(Delay {
                seconds: delay.0.div_euclid(SECOND),
                nanos: delay.0.rem_euclid(SECOND) as i32,
            }),
        };
        Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_string(),
            value: info.encode_to_vec(),
        }
    });
    Status {
        code,
        message: message.to_string(),
        details: details.into_iter().collect(),
    }
}

/// The bytes of a message.
pub(super) fn bytes(message: &impl Message) -> Bytes {
    Bytes::from(message.encode_to_vec())
}
