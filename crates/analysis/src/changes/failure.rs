//! From effects to failures: which change can produce which trouble, and the sentence for it.

use super::ChangeReading;
use super::consequences::failure_kinds_of;
use super::effect::{Effect, Provenance};
use serde::Serialize;

/// How things fail, as seen in telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum FailureKind {
    /// Requests take longer.
    LatencyUp,
    /// More requests fail.
    ErrorsUp,
    /// A process dies of a panic, an unhandled error or a kill.
    Crash,
    /// Memory climbs or is full.
    MemoryGrowth,
    /// Processors are busy.
    CpuSaturation,
    /// All connections or threads of a pool are taken.
    PoolExhaustion,
    /// Work waits in line, consumers lag.
    QueueBacklog,
    /// One request causes more calls than before.
    TrafficFanOut,
    /// Tokens or rights are refused.
    AuthRejections,
    /// A table or column is not there.
    MissingTableOrColumn,
    /// Names do not resolve.
    DnsFailure,
    /// Calls run into their deadline.
    TimeoutsUp,
    /// Caches answer less often.
    CacheMissesUp,
    /// Input is refused as invalid.
    DataRejected,
    /// A disk is full.
    DiskFull,
    /// Requests are refused for being too many.
    ThrottlingUp,
    /// A dependency cannot be reached.
    DependencyUnreachable,
    /// Answers are out of date or wrong.
    StaleData,
    /// Work waits for locks.
    LockContention,
    /// Containers restart.
    Restarts,
    /// A rollout does not complete.
    RolloutStuck,
    /// A certificate is refused.
    CertificateFailure,
}

impl FailureKind {
    /// Every kind, in order.
    pub const ALL: [Self; 22] = {
        use FailureKind::*;
        [
            LatencyUp,
            ErrorsUp,
            Crash,
            MemoryGrowth,
            CpuSaturation,
            PoolExhaustion,
            QueueBacklog,
            TrafficFanOut,
            AuthRejections,
            MissingTableOrColumn,
            DnsFailure,
            TimeoutsUp,
            CacheMissesUp,
            DataRejected,
            DiskFull,
            ThrottlingUp,
            DependencyUnreachable,
            StaleData,
            LockContention,
            Restarts,
            RolloutStuck,
            CertificateFailure,
        ]
    };

    /// The trouble in words, to follow "cause" or "lead to".
    pub fn noun(self) -> &'static str {
        use FailureKind::*;
        match self {
            LatencyUp => "higher latency",
            ErrorsUp => "more errors",
            Crash => "a crash",
            MemoryGrowth => "memory growth",
            CpuSaturation => "processor saturation",
            PoolExhaustion => "an exhausted pool",
            QueueBacklog => "a backlog",
            TrafficFanOut => "more calls per request",
            AuthRejections => "rejected credentials",
            MissingTableOrColumn => "a missing table or column",
            DnsFailure => "failing name resolution",
            TimeoutsUp => "more timeouts",
            CacheMissesUp => "more cache misses",
            DataRejected => "rejected input",
            DiskFull => "a full disk",
            ThrottlingUp => "more throttling",
            DependencyUnreachable => "an unreachable dependency",
            StaleData => "stale or wrong data",
            LockContention => "lock contention",
            Restarts => "restarts",
            RolloutStuck => "a stuck rollout",
            CertificateFailure => "a certificate failure",
        }
    }
}

/// What remains possible of a change that was read completely and does nothing of the kind.
const RESIDUE_READ: f64 = 0.03;
/// What remains possible of a change that is harmless by its nature.
const RESIDUE_HARMLESS: f64 = 0.01;

/// Whether this change can produce this failure: a plausibility of 0 to 1, and the sentence that
/// says why or why not.
pub fn can_produce(reading: &ChangeReading, failure: FailureKind) -> (f64, String) {
    let scored = reading.effects.iter().filter_map(|effect| {
        let weight = failure_kinds_of(effect)
            .iter()
            .find(|(k, _)| *k == failure)
            .map(|(_, w)| *w)?;
        Some((effect.strength * weight, effect))
    });
    // The strongest counts; ties go to the first, which is the stronger effect.
    let best = scored.fold(None::<(f64, &Effect)>, |best, (score, effect)| match best {
        Some((top, _)) if top >= score => best,
        _ => Some((score, effect)),
    });
    if let Some(harmless) = &reading.harmless {
        let residue = best.map_or(RESIDUE_HARMLESS, |(s, _)| {
            (s * 0.3).clamp(RESIDUE_HARMLESS, 0.06)
        });
        return (
            residue,
            format!(
                "It {}, so it cannot lead to {}.",
                harmless.reason,
                failure.noun()
            ),
        );
    }
    match best {
        Some((score, effect)) if score >= 0.2 => (
            score.min(0.99),
            format!(
                "It {} ({}), which can lead to {}.",
                effect.summary,
                place(effect),
                failure.noun()
            ),
        ),
        Some((score, effect)) => (
            score.max(RESIDUE_READ),
            format!(
                "The nearest thing it does is that it {}, which hardly leads to {}.",
                effect.summary,
                failure.noun()
            ),
        ),
        None => {
            let told = reading.effects.first().map_or_else(
                || "Nothing in it touches what runs".to_owned(),
                |e| format!("It {}", e.summary),
            );
            (
                RESIDUE_READ,
                format!("{told}, and that does not lead to {}.", failure.noun()),
            )
        }
    }
}

fn place(effect: &Effect) -> &str {
    match effect.provenance {
        Provenance::FromDiff if !effect.file.is_empty() => &effect.file,
        Provenance::FromDiff => "diff",
        Provenance::FromMessage => "by its message only",
        Provenance::FromPaths => "by its paths only",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_listed_once_and_in_order() {
        let mut sorted = FailureKind::ALL.to_vec();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted, FailureKind::ALL);
    }
}
