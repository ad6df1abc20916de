//! The table from effects to failures. It is knowledge of how things break, and it must stay free
//! of any particular system's names.

use super::effect::{Bump, Effect, EffectKind, Motion};
use super::failure::FailureKind;
use super::setting_class::SettingClass;

type Weights = &'static [(FailureKind, f64)];

#[rustfmt::skip] // One row per effect reads as the table that it is.
/// The failures that an effect can produce, each with a weight of 0 to 1: how directly the
/// effect, present at full strength, shows as that failure.
pub fn failure_kinds_of(effect: &Effect) -> &'static [(FailureKind, f64)] {
    use EffectKind::*;
    use FailureKind::*;
    use SettingClass::{Concurrency, RateLimit, Replicas};
    match effect.kind {
        // An audit trail tells only what a setting became. Of a limit on requests 0 often means that there is none.
        Setting(Concurrency, Motion::Added) if effect.comes_to_nothing() => &[(ThrottlingUp, 1.0), (ErrorsUp, 1.0), (QueueBacklog, 0.8), (TimeoutsUp, 0.3)],
        Setting(Concurrency | RateLimit, Motion::Lowered) if effect.comes_to_nothing() => &[(ThrottlingUp, 1.0), (ErrorsUp, 1.0), (QueueBacklog, 0.8), (TimeoutsUp, 0.3)],
        Setting(Replicas, Motion::Lowered | Motion::Added) if effect.comes_to_nothing() => &[(DependencyUnreachable, 1.0), (ErrorsUp, 1.0), (QueueBacklog, 0.8)],
        Setting(class, motion) => setting(class, motion),
        CallInsideLoopAdded => &[(TrafficFanOut, 1.0), (LatencyUp, 0.95), (CpuSaturation, 0.55), (PoolExhaustion, 0.6), (TimeoutsUp, 0.65), (ThrottlingUp, 0.5), (ErrorsUp, 0.4), (QueueBacklog, 0.4), (LockContention, 0.2), (MemoryGrowth, 0.15)],
        ComplexityAdded => &[(CpuSaturation, 1.0), (LatencyUp, 0.9), (TimeoutsUp, 0.6), (QueueBacklog, 0.5), (MemoryGrowth, 0.25), (ErrorsUp, 0.3)],
        QueryShapeChanged => &[(LatencyUp, 1.0), (CpuSaturation, 0.8), (TimeoutsUp, 0.75), (PoolExhaustion, 0.6), (MemoryGrowth, 0.5), (LockContention, 0.5), (QueueBacklog, 0.4), (ErrorsUp, 0.45), (StaleData, 0.3), (Crash, 0.25)],
        MigrationMissing => &[(MissingTableOrColumn, 1.0), (ErrorsUp, 0.9), (LatencyUp, 0.15), (TrafficFanOut, 0.15)],
        SchemaDropped => &[(MissingTableOrColumn, 1.0), (ErrorsUp, 0.95), (LockContention, 0.4), (DataRejected, 0.3), (Crash, 0.3), (StaleData, 0.2), (LatencyUp, 0.2)],
        SchemaLockTaken => &[(LockContention, 1.0), (LatencyUp, 0.9), (TimeoutsUp, 0.8), (PoolExhaustion, 0.6), (ErrorsUp, 0.5), (QueueBacklog, 0.4), (CpuSaturation, 0.4), (DiskFull, 0.3)],
        SchemaExtended => &[(LockContention, 0.4), (LatencyUp, 0.3), (ErrorsUp, 0.25), (DataRejected, 0.2), (MissingTableOrColumn, 0.2), (DiskFull, 0.1)],
        IndexDropped => &[(LatencyUp, 1.0), (CpuSaturation, 0.95), (TimeoutsUp, 0.8), (PoolExhaustion, 0.6), (LockContention, 0.4), (ErrorsUp, 0.4), (QueueBacklog, 0.4)],
        NilCheckRemoved | UncheckedAccessAdded => &[(Crash, 1.0), (ErrorsUp, 0.95), (Restarts, 0.8), (DataRejected, 0.2), (RolloutStuck, 0.3)],
        ValidationRemoved => &[(ErrorsUp, 0.6), (Crash, 0.5), (StaleData, 0.6), (DataRejected, 0.5), (MemoryGrowth, 0.25), (LatencyUp, 0.2), (AuthRejections, 0.15)],
        ValidationTightened => &[(DataRejected, 1.0), (ErrorsUp, 0.8), (QueueBacklog, 0.5), (AuthRejections, 0.3), (Crash, 0.2)],
        BoundsCheckRemoved => &[(Crash, 0.85), (ErrorsUp, 0.8), (MemoryGrowth, 0.5), (LatencyUp, 0.4), (CpuSaturation, 0.4), (StaleData, 0.3), (Restarts, 0.5), (DataRejected, 0.3)],
        ErrorHandlingRemoved => &[(ErrorsUp, 0.75), (Crash, 0.75), (StaleData, 0.5), (Restarts, 0.4), (QueueBacklog, 0.25), (DataRejected, 0.15)],
        AbortAdded => &[(Crash, 1.0), (ErrorsUp, 0.9), (Restarts, 0.8), (RolloutStuck, 0.4), (QueueBacklog, 0.25)],
        UnboundedGrowthAdded => &[(MemoryGrowth, 1.0), (Crash, 0.8), (Restarts, 0.85), (LatencyUp, 0.35), (CpuSaturation, 0.3), (ErrorsUp, 0.35)],
        TaskLeakAdded => &[(MemoryGrowth, 1.0), (CpuSaturation, 0.6), (Crash, 0.6), (Restarts, 0.6), (PoolExhaustion, 0.4), (LatencyUp, 0.4), (ErrorsUp, 0.3)],
        ConnectionPerCallAdded => &[(PoolExhaustion, 0.9), (DependencyUnreachable, 0.6), (LatencyUp, 0.75), (ErrorsUp, 0.6), (MemoryGrowth, 0.5), (TimeoutsUp, 0.5), (CpuSaturation, 0.4)],
        ResourceReleaseRemoved | ResourceLeakAdded => &[(PoolExhaustion, 1.0), (MemoryGrowth, 0.65), (LockContention, 0.7), (TimeoutsUp, 0.65), (ErrorsUp, 0.6), (LatencyUp, 0.65), (QueueBacklog, 0.4), (Crash, 0.35), (DiskFull, 0.25)],
        LockWidened => &[(LockContention, 1.0), (LatencyUp, 0.9), (TimeoutsUp, 0.65), (PoolExhaustion, 0.5), (QueueBacklog, 0.6), (ErrorsUp, 0.3)],
        LockRemoved => &[(StaleData, 0.8), (Crash, 0.6), (ErrorsUp, 0.5), (DataRejected, 0.2)],
        BlockingCallAdded => &[(LatencyUp, 1.0), (TimeoutsUp, 0.75), (PoolExhaustion, 0.65), (QueueBacklog, 0.8), (LockContention, 0.3), (ErrorsUp, 0.35)],
        RemoteCallAdded => &[(TrafficFanOut, 0.8), (LatencyUp, 0.9), (ErrorsUp, 0.6), (TimeoutsUp, 0.7), (DependencyUnreachable, 0.5), (ThrottlingUp, 0.4), (PoolExhaustion, 0.4)],
        RetryRemoved => &[(ErrorsUp, 0.9), (TimeoutsUp, 0.4), (DependencyUnreachable, 0.2)],
        RetryAdded => &[(TrafficFanOut, 0.85), (LatencyUp, 0.6), (CpuSaturation, 0.35), (ThrottlingUp, 0.5), (QueueBacklog, 0.3)],
        CacheRemoved => &[(CacheMissesUp, 1.0), (LatencyUp, 0.85), (TrafficFanOut, 0.85), (CpuSaturation, 0.65), (PoolExhaustion, 0.5), (TimeoutsUp, 0.5), (ThrottlingUp, 0.5), (ErrorsUp, 0.3)],
        CacheKeyChanged => &[(CacheMissesUp, 1.0), (StaleData, 0.7), (LatencyUp, 0.7), (TrafficFanOut, 0.6), (CpuSaturation, 0.5), (MemoryGrowth, 0.4), (ErrorsUp, 0.2)],
        FlagFlipped => &[(ErrorsUp, 0.6), (LatencyUp, 0.6), (TrafficFanOut, 0.4), (CpuSaturation, 0.4), (MemoryGrowth, 0.3), (StaleData, 0.4), (DataRejected, 0.4), (AuthRejections, 0.3), (CacheMissesUp, 0.3), (Crash, 0.3), (TimeoutsUp, 0.35), (QueueBacklog, 0.3)],
        EndpointChanged => &[(DependencyUnreachable, 1.0), (ErrorsUp, 0.9), (TimeoutsUp, 0.7), (DnsFailure, 0.7), (LatencyUp, 0.5), (AuthRejections, 0.4), (CertificateFailure, 0.4), (MissingTableOrColumn, 0.3), (StaleData, 0.4), (RolloutStuck, 0.3), (QueueBacklog, 0.3)],
        CredentialChanged => &[(AuthRejections, 1.0), (ErrorsUp, 0.85), (DependencyUnreachable, 0.6), (RolloutStuck, 0.6), (Restarts, 0.5), (Crash, 0.4)],
        PermissionChanged => &[(AuthRejections, 1.0), (ErrorsUp, 0.85), (DependencyUnreachable, 0.4), (RolloutStuck, 0.4), (QueueBacklog, 0.3), (Crash, 0.25)],
        AuthCheckChanged => &[(AuthRejections, 1.0), (ErrorsUp, 0.8), (DataRejected, 0.3), (LatencyUp, 0.15)],
        EnvVarRequired | EnvVarRemoved => &[(Crash, 0.9), (ErrorsUp, 0.8), (Restarts, 0.9), (RolloutStuck, 0.85), (DependencyUnreachable, 0.6), (AuthRejections, 0.4)],
        DependencyBumped(Bump::Patch) => &[(ErrorsUp, 0.5), (LatencyUp, 0.5), (Crash, 0.4), (MemoryGrowth, 0.4)],
        DependencyBumped(_) => &[(ErrorsUp, 0.8), (Crash, 0.7), (LatencyUp, 0.5), (MemoryGrowth, 0.5), (CpuSaturation, 0.4), (DataRejected, 0.4), (AuthRejections, 0.4), (CertificateFailure, 0.3), (PoolExhaustion, 0.3), (Restarts, 0.5), (RolloutStuck, 0.4), (TimeoutsUp, 0.3), (DnsFailure, 0.15)],
        ImageChanged => &[(Crash, 0.8), (Restarts, 0.85), (RolloutStuck, 0.9), (ErrorsUp, 0.6), (CertificateFailure, 0.4), (DnsFailure, 0.4), (LatencyUp, 0.3), (MemoryGrowth, 0.3)],
        EntryPointChanged => &[(Crash, 1.0), (ErrorsUp, 0.9), (Restarts, 0.9), (RolloutStuck, 0.9), (DependencyUnreachable, 0.4), (QueueBacklog, 0.3)],
        ProbeChanged => &[(Restarts, 1.0), (RolloutStuck, 0.9), (ErrorsUp, 0.6), (DependencyUnreachable, 0.6), (LatencyUp, 0.3), (Crash, 0.3)],
        RoutingChanged => &[(ErrorsUp, 0.9), (DependencyUnreachable, 0.9), (LatencyUp, 0.6), (CpuSaturation, 0.4), (StaleData, 0.3), (TrafficFanOut, 0.3), (RolloutStuck, 0.4), (TimeoutsUp, 0.5)],
        WireFormatChanged => &[(DataRejected, 1.0), (ErrorsUp, 0.9), (StaleData, 0.5), (QueueBacklog, 0.5), (Crash, 0.4), (AuthRejections, 0.15)],
        TlsChanged => &[(CertificateFailure, 1.0), (DependencyUnreachable, 0.85), (ErrorsUp, 0.8), (AuthRejections, 0.4), (RolloutStuck, 0.3), (LatencyUp, 0.2), (TimeoutsUp, 0.2)],
        DnsChanged => &[(DnsFailure, 1.0), (DependencyUnreachable, 0.8), (LatencyUp, 0.75), (ErrorsUp, 0.7), (TimeoutsUp, 0.7)],
        TimeHandlingChanged => &[(StaleData, 0.8), (DataRejected, 0.7), (AuthRejections, 0.7), (ErrorsUp, 0.6), (CacheMissesUp, 0.3)],
        LogVolumeRaised => &[(DiskFull, 1.0), (CpuSaturation, 0.5), (LatencyUp, 0.45), (MemoryGrowth, 0.2), (ThrottlingUp, 0.3)],
        BusyLoopAdded => &[(CpuSaturation, 1.0), (LatencyUp, 0.7), (TrafficFanOut, 0.6), (ThrottlingUp, 0.5)],
        ConditionChanged => &[(ErrorsUp, 0.7), (DataRejected, 0.7), (AuthRejections, 0.5), (StaleData, 0.6), (Crash, 0.4), (LatencyUp, 0.3), (TrafficFanOut, 0.3), (CacheMissesUp, 0.3), (QueueBacklog, 0.3), (MemoryGrowth, 0.15)],
        ComputationChanged => &[(StaleData, 0.7), (DataRejected, 0.5), (ErrorsUp, 0.35), (Crash, 0.2)],
        LogicChanged => &[(ErrorsUp, 0.7), (LatencyUp, 0.5), (Crash, 0.5), (StaleData, 0.5), (DataRejected, 0.4), (MemoryGrowth, 0.35), (CpuSaturation, 0.35), (TimeoutsUp, 0.3), (PoolExhaustion, 0.25), (TrafficFanOut, 0.3), (QueueBacklog, 0.3), (AuthRejections, 0.25), (Restarts, 0.3), (LockContention, 0.2), (CacheMissesUp, 0.2)],
        CodeAdded => &[(ErrorsUp, 0.6), (LatencyUp, 0.4), (MemoryGrowth, 0.4), (CpuSaturation, 0.4), (Crash, 0.4), (TrafficFanOut, 0.4)],
        BoundedCacheAdded => &[(MemoryGrowth, 0.25), (StaleData, 0.4)],
        GuardAdded => &[(DataRejected, 0.25), (ErrorsUp, 0.1)],
        IndexAddedConcurrently => &[(LatencyUp, 0.15), (CpuSaturation, 0.2), (DiskFull, 0.2)],
        LoggingOnly => &[(DiskFull, 0.3)],
        CommentOnly | DocsOnly | TestsOnly | FormattingOnly | CodeMoved | MetricsOnly | CiOnly
        | AssetsOnly => &[],
    }
}

#[rustfmt::skip]
/// The failures of a setting that moved, by what it governs and which way it went.
fn setting(class: SettingClass, motion: Motion) -> Weights {
    use FailureKind::*;
    use Motion::*;
    use SettingClass::*;
    match (class, motion) {
        (Timeout, Lowered | Added) => &[(TimeoutsUp, 1.0), (ErrorsUp, 0.9), (DependencyUnreachable, 0.35), (LatencyUp, 0.15), (TrafficFanOut, 0.3), (RolloutStuck, 0.1), (QueueBacklog, 0.2)],
        (Timeout, Raised | Removed) => &[(LatencyUp, 0.8), (PoolExhaustion, 0.75), (QueueBacklog, 0.5), (MemoryGrowth, 0.3), (TimeoutsUp, 0.2), (ErrorsUp, 0.2), (LockContention, 0.3)],
        (Timeout, Changed) => &[(TimeoutsUp, 0.9), (ErrorsUp, 0.7), (LatencyUp, 0.6), (PoolExhaustion, 0.5)],
        (CacheLifetime, Lowered) => &[(CacheMissesUp, 1.0), (LatencyUp, 0.8), (CpuSaturation, 0.75), (TrafficFanOut, 0.75), (TimeoutsUp, 0.55), (PoolExhaustion, 0.5), (ThrottlingUp, 0.45), (ErrorsUp, 0.4)],
        (CacheLifetime, Raised | Removed) => {
            &[(StaleData, 1.0), (MemoryGrowth, 0.6), (DiskFull, 0.2)]
        }
        (CacheLifetime, Added | Changed) => &[(CacheMissesUp, 0.9), (StaleData, 0.5), (LatencyUp, 0.6), (CpuSaturation, 0.5), (TrafficFanOut, 0.5)],
        (CredentialLifetime, Raised) => {
            &[(StaleData, 0.4), (MemoryGrowth, 0.3), (AuthRejections, 0.2)]
        }
        (CredentialLifetime, _) => &[(AuthRejections, 1.0), (ErrorsUp, 0.75), (TrafficFanOut, 0.3)],
        (Skew, Raised | Added) => &[(StaleData, 0.3), (AuthRejections, 0.1)],
        (Skew, _) => &[(AuthRejections, 1.0), (ErrorsUp, 0.8), (DataRejected, 0.6)],
        (IdleTime | IdleConnections, _) => &[(LatencyUp, 0.5), (DependencyUnreachable, 0.4), (ErrorsUp, 0.45), (PoolExhaustion, 0.3), (TimeoutsUp, 0.25)],
        (Interval, Lowered) => &[(TrafficFanOut, 0.8), (CpuSaturation, 0.7), (ThrottlingUp, 0.7), (LatencyUp, 0.4), (DiskFull, 0.15)],
        (Interval, _) => &[(StaleData, 0.8), (QueueBacklog, 0.7), (LatencyUp, 0.3), (CacheMissesUp, 0.2)],
        (Pool, Raised | Added) => &[(PoolExhaustion, 0.55), (CpuSaturation, 0.4), (MemoryGrowth, 0.4), (LockContention, 0.4), (DependencyUnreachable, 0.4), (ErrorsUp, 0.4), (LatencyUp, 0.4), (ThrottlingUp, 0.3)],
        (Pool, _) => &[(PoolExhaustion, 1.0), (LatencyUp, 0.85), (TimeoutsUp, 0.85), (ErrorsUp, 0.75), (QueueBacklog, 0.6)],
        (RateLimit, Raised | Removed) => &[(CpuSaturation, 0.6), (LatencyUp, 0.5), (PoolExhaustion, 0.4), (QueueBacklog, 0.4), (ThrottlingUp, 0.3), (MemoryGrowth, 0.3)],
        (RateLimit, _) => &[(ThrottlingUp, 1.0), (ErrorsUp, 0.75), (QueueBacklog, 0.6), (LatencyUp, 0.4)],
        (Concurrency, Raised | Removed) => &[(PoolExhaustion, 0.75), (CpuSaturation, 0.75), (MemoryGrowth, 0.6), (LockContention, 0.7), (ThrottlingUp, 0.65), (LatencyUp, 0.5), (Crash, 0.3), (ErrorsUp, 0.3)],
        (Concurrency, _) => &[(QueueBacklog, 1.0), (LatencyUp, 0.85), (ThrottlingUp, 0.8), (TimeoutsUp, 0.7), (PoolExhaustion, 0.6), (ErrorsUp, 0.5), (CpuSaturation, 0.2)],
        (Replicas, Raised) => &[(PoolExhaustion, 0.5), (RolloutStuck, 0.5), (ThrottlingUp, 0.3), (DependencyUnreachable, 0.15)],
        (Replicas, _) => &[(CpuSaturation, 0.95), (LatencyUp, 0.9), (QueueBacklog, 0.85), (ErrorsUp, 0.75), (DependencyUnreachable, 0.75), (TimeoutsUp, 0.6), (MemoryGrowth, 0.3)],
        (Queue, Raised | Removed) => &[(MemoryGrowth, 0.85), (LatencyUp, 0.5), (Crash, 0.4), (QueueBacklog, 0.4), (DiskFull, 0.25)],
        (Queue, _) => &[(QueueBacklog, 0.85), (DataRejected, 0.6), (ErrorsUp, 0.7), (LatencyUp, 0.6), (ThrottlingUp, 0.4)],
        (Batch, Raised | Removed | Added) => &[(LatencyUp, 0.7), (MemoryGrowth, 0.75), (TimeoutsUp, 0.75), (LockContention, 0.5), (DataRejected, 0.5), (QueueBacklog, 0.5), (ErrorsUp, 0.5), (Crash, 0.4), (Restarts, 0.3)],
        (Batch, _) => &[(QueueBacklog, 0.8), (TrafficFanOut, 0.85), (CpuSaturation, 0.5), (LatencyUp, 0.5), (ThrottlingUp, 0.5)],
        (Entries, Lowered) => &[(CacheMissesUp, 0.85), (DataRejected, 0.5), (StaleData, 0.3), (LatencyUp, 0.5), (TrafficFanOut, 0.5)],
        (Entries, Added) => &[(MemoryGrowth, 0.3), (CacheMissesUp, 0.3), (DataRejected, 0.3)],
        (Entries, _) => &[(MemoryGrowth, 1.0), (Restarts, 0.7), (Crash, 0.6), (LatencyUp, 0.6), (CpuSaturation, 0.4), (TimeoutsUp, 0.3)],
        (MessageSize, Raised | Removed) => &[(MemoryGrowth, 0.6), (LatencyUp, 0.4), (Crash, 0.3)],
        (MessageSize, _) => &[(DataRejected, 1.0), (ErrorsUp, 0.85), (QueueBacklog, 0.4)],
        (Memory, Raised | Removed) => &[(RolloutStuck, 0.5), (MemoryGrowth, 0.3), (Crash, 0.15)],
        (Memory, _) => &[(Restarts, 1.0), (Crash, 1.0), (MemoryGrowth, 0.9), (LatencyUp, 0.4), (CpuSaturation, 0.4), (ErrorsUp, 0.5), (CacheMissesUp, 0.3)],
        (Cpu, Raised | Removed) => &[(RolloutStuck, 0.5), (CpuSaturation, 0.15)],
        (Cpu, _) => &[(CpuSaturation, 1.0), (LatencyUp, 0.9), (ThrottlingUp, 0.7), (TimeoutsUp, 0.7), (Restarts, 0.4), (QueueBacklog, 0.5)],
        (Disk, Raised) => &[(RolloutStuck, 0.3)],
        (Disk, _) => &[(DiskFull, 1.0), (ErrorsUp, 0.6), (Crash, 0.5), (LatencyUp, 0.5)],
        (Descriptors, Raised) => &[(MemoryGrowth, 0.2)],
        (Descriptors, _) => &[(PoolExhaustion, 0.9), (ErrorsUp, 0.9), (DependencyUnreachable, 0.8), (Crash, 0.4)],
        (Retention, Raised | Removed) => &[(DiskFull, 1.0), (LatencyUp, 0.2), (MemoryGrowth, 0.3)],
        (Retention, _) => &[(StaleData, 0.5), (DataRejected, 0.4), (ErrorsUp, 0.3), (DiskFull, 0.2)],
        (Retries, Raised | Added) => &[(TrafficFanOut, 0.85), (LatencyUp, 0.55), (CpuSaturation, 0.4), (ThrottlingUp, 0.55), (QueueBacklog, 0.35)],
        (Retries, _) => &[(ErrorsUp, 0.85), (TimeoutsUp, 0.4), (DataRejected, 0.2), (QueueBacklog, 0.2)],
        (Backoff, Lowered | Removed) => &[(TrafficFanOut, 0.85), (ThrottlingUp, 0.7), (CpuSaturation, 0.5), (ErrorsUp, 0.3)],
        (Backoff, _) => &[(LatencyUp, 0.6), (QueueBacklog, 0.5), (StaleData, 0.2)],
        (Delay, Raised | Added | Changed) => &[(LatencyUp, 0.9), (QueueBacklog, 0.8), (TimeoutsUp, 0.6), (PoolExhaustion, 0.5), (StaleData, 0.3)],
        (Delay, _) => &[(TrafficFanOut, 0.7), (CpuSaturation, 0.7), (ThrottlingUp, 0.6)],
        (Threshold, _) => &[(ErrorsUp, 0.7), (DependencyUnreachable, 0.5), (DataRejected, 0.6), (ThrottlingUp, 0.5), (AuthRejections, 0.3), (LatencyUp, 0.3), (QueueBacklog, 0.3)],
        (Sampling, Raised | Removed) => &[(DiskFull, 0.6), (CpuSaturation, 0.5), (LatencyUp, 0.3), (MemoryGrowth, 0.3)],
        (Sampling, _) => &[(StaleData, 0.1)],
        (Weight, _) => &[(ErrorsUp, 0.7), (LatencyUp, 0.7), (CpuSaturation, 0.6), (DependencyUnreachable, 0.4)],
        (Port, _) => &[(DependencyUnreachable, 1.0), (ErrorsUp, 0.85), (RolloutStuck, 0.7), (Restarts, 0.5), (TimeoutsUp, 0.5)],
        (Dns, _) => &[(DnsFailure, 1.0), (LatencyUp, 0.75), (TimeoutsUp, 0.7), (DependencyUnreachable, 0.7), (ErrorsUp, 0.6)],
        (Probe, _) => &[(Restarts, 1.0), (RolloutStuck, 0.85), (ErrorsUp, 0.5), (DependencyUnreachable, 0.4), (LatencyUp, 0.2)],
        (WorkFactor, _) => &[(CpuSaturation, 1.0), (LatencyUp, 0.95), (TimeoutsUp, 0.6), (QueueBacklog, 0.5)],
        (Limit, Raised | Removed) => &[(MemoryGrowth, 0.6), (LatencyUp, 0.6), (CpuSaturation, 0.5), (DiskFull, 0.3), (ThrottlingUp, 0.3), (PoolExhaustion, 0.3)],
        (Limit, _) => &[(DataRejected, 0.7), (ThrottlingUp, 0.7), (ErrorsUp, 0.7), (QueueBacklog, 0.5), (LatencyUp, 0.4), (PoolExhaustion, 0.5)],
        (Presentation | Version, _) => &[],
        (Other, _) => &[(ErrorsUp, 0.4), (LatencyUp, 0.4), (DataRejected, 0.4), (StaleData, 0.4), (MemoryGrowth, 0.25), (CpuSaturation, 0.3), (QueueBacklog, 0.25)],
    }
}
