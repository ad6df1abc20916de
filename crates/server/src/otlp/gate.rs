//! Who may come in now: bounds on requests and bytes, and what became of those who came.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::ports::{Clock, Encoding, NotTaken, Signal, Taken, TelemetryInlet};
use model::time::Span;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Limits;

/// Bytes that one permit stands for: a semaphore counts to less than a large limit has bytes.
const UNIT: usize = 1024;

/// What came in, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests whose telemetry was taken.
    pub taken: u64,
    /// Bytes of their bodies, unpacked.
    pub bytes: u64,
    /// Spans, data points and log records taken.
    pub accepted: u64,
    /// Spans, data points and log records refused for good.
    pub rejected: u64,
    /// Requests that cannot be read: refused for good.
    pub malformed: u64,
    /// Requests that were too large: refused for good.
    pub too_large: u64,
    /// Requests sent away to come again: too much at once.
    pub shed: u64,
}

#[derive(Debug, Default)]
struct Counters {
    taken: AtomicU64,
    bytes: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    malformed: AtomicU64,
    too_large: AtomicU64,
    shed: AtomicU64,
}

/// The bounds, and the inlet behind them.
pub(super) struct Gate {
    inlet: Arc<dyn TelemetryInlet>,
    clock: Arc<dyn Clock>,
    pub limits: Limits,
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    counters: Counters,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("limits", &self.limits)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// The place of one request; given back when it is dropped.
pub(super) struct Place {
    _request: OwnedSemaphorePermit,
    bytes: Option<OwnedSemaphorePermit>,
    reserved: usize,
}

impl Gate {
    pub fn new(inlet: Arc<dyn TelemetryInlet>, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        let permits = |count: usize| count.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            inlet,
            clock,
            limits,
            requests: Arc::new(Semaphore::new(permits(limits.requests_in_flight))),
            bytes: Arc::new(Semaphore::new(permits(limits.bytes_in_flight / UNIT))),
            counters: Counters::default(),
        }
    }

    /// A place for one more request.
    ///
    /// # Errors
    /// When there is none, or the inlet could not take what it brings: it is sent away before it is unpacked.
    pub fn enter(&self) -> Result<Place, NotTaken> {
        if let Some(retry_after) = self.inlet.busy(self.clock.now()) {
            self.shed();
            return Err(NotTaken::Busy { retry_after });
        }
        match Arc::clone(&self.requests).try_acquire_owned() {
            Ok(request) => Ok(Place {
                _request: request,
                bytes: None,
                reserved: 0,
            }),
            Err(_) => {
                self.shed();
                Err(self.busy())
            }
        }
    }

    /// Room for `bytes` in all in that place; false if there is none now.
    pub fn reserve(&self, place: &mut Place, bytes: usize) -> bool {
        let wanted = bytes.div_ceil(UNIT);
        let Some(more) = wanted.checked_sub(place.reserved).filter(|m| *m > 0) else {
            return true;
        };
        let more_permits = u32::try_from(more).unwrap_or(u32::MAX);
        match Arc::clone(&self.bytes).try_acquire_many_owned(more_permits) {
            Ok(permit) => {
                match &mut place.bytes {
                    Some(held) => held.merge(permit),
                    None => place.bytes = Some(permit),
                }
                place.reserved = wanted;
                true
            }
            Err(_) => {
                self.shed();
                false
            }
        }
    }

    fn shed(&self) {
        self.counters.shed.fetch_add(1, Ordering::Relaxed);
    }

    /// Someone brought more than one request may hold.
    pub fn too_large(&self) {
        self.counters.too_large.fetch_add(1, Ordering::Relaxed);
    }

    /// Someone brought what cannot be read.
    pub fn malformed(&self) {
        self.counters.malformed.fetch_add(1, Ordering::Relaxed);
    }

    /// What a sender who was sent away is told.
    pub fn busy(&self) -> NotTaken {
        let nanos = i64::try_from(self.limits.retry_after.as_nanos()).unwrap_or(i64::MAX);
        NotTaken::Busy {
            retry_after: Span(nanos),
        }
    }

    /// Hands a body to the inlet, away from the threads that listen.
    pub async fn take(
        self: &Arc<Self>,
        place: Place,
        signal: Signal,
        encoding: Encoding,
        body: prost::bytes::Bytes,
    ) -> Result<Taken, NotTaken> {
        let gate = Arc::clone(self);
        let length = body.len() as u64;
        let work = tokio::task::spawn_blocking(move || {
            let taken = gate.inlet.take(signal, encoding, &body, gate.clock.now());
            drop(place);
            taken
        });
        // The inlet promises not to panic; if it did, the body is to blame and will not do better.
        let result = work.await.unwrap_or_else(|_| {
            Err(NotTaken::Malformed(
                "the telemetry could not be read".to_string(),
            ))
        });
        let add = |counter: &AtomicU64, count| counter.fetch_add(count, Ordering::Relaxed);
        match &result {
            Ok(taken) => {
                add(&self.counters.taken, 1);
                add(&self.counters.bytes, length);
                add(&self.counters.accepted, taken.accepted);
                add(&self.counters.rejected, taken.rejected);
            }
            Err(NotTaken::Malformed(_)) => self.malformed(),
            Err(NotTaken::Busy { .. }) => self.shed(),
        }
        result
    }

    pub fn counts(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            taken: get(&self.counters.taken),
            bytes: get(&self.counters.bytes),
            accepted: get(&self.counters.accepted),
            rejected: get(&self.counters.rejected),
            malformed: get(&self.counters.malformed),
            too_large: get(&self.counters.too_large),
            shed: get(&self.counters.shed),
        }
    }
}
