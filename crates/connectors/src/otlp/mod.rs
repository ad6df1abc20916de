//! Telemetry that is pushed to us as OTLP, in protocol buffers and in JSON.
//!
//! The mapping (who a resource is about, what becomes of a histogram, who the other end of a span is) is
//! that of recorded OTLP in [`files`](crate::files), the same code: a live look and a recording of the same
//! telemetry agree. What is wrong with a row is counted and told to the sender; only a body that cannot be
//! read is refused whole. Nothing here reads a clock: the moment of arrival is handed in.

mod filing;
mod protobuf;
#[cfg(test)]
mod tests;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use model::Timestamp;
use model::ports::{Encoding, NotTaken, Signal, Taken, TelemetryInlet};
use model::telemetry::Batch;
use model::time::{MINUTE, SECOND, Span};

use crate::files::otlp::points::Memory;
use crate::files::otlp::read_request;
use crate::files::stream::Place;
use filing::{Faults, Filing, Keys};

/// How much of a row is kept. Bounds on whole requests are the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attributes of one row; the SDKs' own default is 128.
    pub fields: usize,
    /// Bytes of an attribute's name.
    pub name_bytes: usize,
    /// Bytes of an attribute's value, a span's name, a metric's name.
    pub value_bytes: usize,
    /// Bytes of a log line, or of what a span says of its failure.
    pub body_bytes: usize,
    /// Accumulating series whose last reading is remembered.
    pub series: usize,
    /// A sender whose rows are further ahead of us than this has a wrong clock.
    pub ahead: Span,
    /// A sender whose rows are further behind us than this has a wrong clock; what is less far behind came
    /// late. No less than what the window keeps.
    pub behind: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fields: 128,
            name_bytes: 256,
            value_bytes: 4096,
            body_bytes: 64 << 10,
            series: 50_000,
            ahead: Span(10 * SECOND),
            behind: Span(26 * 60 * MINUTE),
        }
    }
}

/// What came in since the start, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were read.
    pub requests: u64,
    /// Requests that could not be read.
    pub malformed: u64,
    /// Spans, data points and log records that were taken.
    pub accepted: u64,
    /// Spans, data points and log records that were refused.
    pub rejected: u64,
    /// Texts cut to their limit, and attributes left out.
    pub cut: u64,
    /// Rows whose sender's clock was put right.
    pub moved: u64,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    malformed: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    cut: AtomicU64,
    moved: AtomicU64,
}

/// What has to be remembered from one request of metrics to the next.
#[derive(Debug)]
struct Remembered {
    memory: Memory,
    keys: Keys,
}

/// Turns export requests into rows.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    metrics: Mutex<Remembered>,
    counters: Counters,
}

impl Decoder {
    /// Nothing remembered yet: the first reading of what accumulates gives no increase.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            metrics: Mutex::new(Remembered {
                memory: Memory::at_most(limits.series),
                keys: Keys::default(),
            }),
            counters: Counters::default(),
        }
    }

    /// Reads one export request, already decompressed, that arrived at `now`.
    ///
    /// # Errors
    /// [`NotTaken::Malformed`] when the body is not what it says it is.
    pub fn decode(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(Batch, Taken), NotTaken> {
        let read = match signal {
            Signal::Metrics => {
                // Someone who panicked while reading left nothing half done that matters: at worst one
                // increase is missing.
                let mut held = self.metrics.lock().unwrap_or_else(|held| held.into_inner());
                let Remembered { memory, keys } = &mut *held;
                self.read(signal, encoding, body, now, memory, keys)
            }
            Signal::Traces | Signal::Logs => {
                let (mut memory, mut keys) = (Memory::default(), Keys::default());
                self.read(signal, encoding, body, now, &mut memory, &mut keys)
            }
        };
        let add = |counter: &AtomicU64, count: u64| counter.fetch_add(count, Ordering::Relaxed);
        match read {
            Ok((batch, faults, accepted, rejected)) => {
                add(&self.counters.requests, 1);
                add(&self.counters.accepted, accepted);
                add(&self.counters.rejected, rejected);
                add(&self.counters.cut, faults.cut);
                add(&self.counters.moved, faults.moved);
                let message = faults.message();
                Ok((
                    batch,
                    Taken {
                        accepted,
                        rejected,
                        message,
                    },
                ))
            }
            Err(why) => {
                add(&self.counters.malformed, 1);
                Err(NotTaken::Malformed(why))
            }
        }
    }

    fn read(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: &[u8],
        now: Timestamp,
        memory: &mut Memory,
        keys: &mut Keys,
    ) -> Result<(Batch, Faults, u64, u64), String> {
        let mut filing = Filing::new(keys, signal, self.limits, now);
        match encoding {
            Encoding::Protobuf => protobuf::read_request(signal, body, memory, &mut filing)
                .map_err(|why| format!("not an OTLP export request in protobuf: {why}"))?,
            Encoding::Json => {
                let text = std::str::from_utf8(body).map_err(|bad| {
                    let at = bad.valid_up_to();
                    format!("not an OTLP export request in JSON: byte {at} is not UTF-8")
                })?;
                let (_, read) = read_request(text, Place::default(), memory, &mut filing);
                read.map_err(|bad| {
                    let (at, expected) = (bad.at, bad.expected);
                    format!("not an OTLP export request in JSON: at byte {at}, expected {expected}")
                })?;
            }
        }
        Ok(filing.finish())
    }

    /// What came in since the start.
    pub fn tally(&self) -> Tally {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            requests: get(&self.counters.requests),
            malformed: get(&self.counters.malformed),
            accepted: get(&self.counters.accepted),
            rejected: get(&self.counters.rejected),
            cut: get(&self.counters.cut),
            moved: get(&self.counters.moved),
        }
    }
}

/// The socket's plug: a decoder, and where the rows go.
pub struct Inlet<K, B = fn(Timestamp) -> Option<Span>> {
    decoder: Decoder,
    keep: K,
    busy: B,
}

impl<K: Fn(Batch, Timestamp) -> Result<(), NotTaken> + Send + Sync> Inlet<K> {
    /// `keep` takes the rows of each request and the moment they came in; what it refuses is refused whole.
    pub fn new(limits: Limits, keep: K) -> Self {
        Self {
            decoder: Decoder::new(limits),
            keep,
            busy: |_| None,
        }
    }
}

impl<K, B> Inlet<K, B> {
    /// `busy` says beforehand for how long `keep` would refuse everything: nothing is decoded meanwhile.
    pub fn unless<C: Fn(Timestamp) -> Option<Span> + Send + Sync>(self, busy: C) -> Inlet<K, C> {
        Inlet {
            decoder: self.decoder,
            keep: self.keep,
            busy,
        }
    }

    /// What came in since the start.
    pub fn tally(&self) -> Tally {
        self.decoder.tally()
    }
}

impl<K, B> TelemetryInlet for Inlet<K, B>
where
    K: Fn(Batch, Timestamp) -> Result<(), NotTaken> + Send + Sync,
    B: Fn(Timestamp) -> Option<Span> + Send + Sync,
{
    fn busy(&self, now: Timestamp) -> Option<Span> {
        (self.busy)(now)
    }

    fn take(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Taken, NotTaken> {
        // It may have been let in before there was too much.
        if let Some(retry_after) = self.busy(now) {
            return Err(NotTaken::Busy { retry_after });
        }
        let (batch, taken) = self.decoder.decode(signal, encoding, body, now)?;
        if !batch.is_empty() {
            (self.keep)(batch, now)?;
        }
        Ok(taken)
    }
}
