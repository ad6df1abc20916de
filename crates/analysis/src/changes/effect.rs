//! The effects that a change may have on how the system runs.

use super::setting_class::SettingClass;
use serde::Serialize;

/// Which way a setting moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Motion {
    /// Now larger.
    Raised,
    /// Now smaller.
    Lowered,
    /// Was not there before.
    Added,
    /// Is gone; the default of the library or platform rules.
    Removed,
    /// Changed in a way that has no order.
    Changed,
}

/// Where an effect was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Provenance {
    /// In the lines of the diff.
    FromDiff,
    /// Only in the words of the commit message.
    FromMessage,
    /// Only in the paths that were touched.
    FromPaths,
}

/// How far a dependency moved, by semantic versioning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Bump {
    /// Third number.
    Patch,
    /// Second number.
    Minor,
    /// First number.
    Major,
    /// To an older version, or to something that is no version.
    Other,
}

/// What a change does. Harmless kinds are named too: to recognise innocence is half the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum EffectKind {
    /// A numeric setting moved, appeared or went.
    Setting(SettingClass, Motion),
    /// A query or remote call now runs once per element of a loop.
    CallInsideLoopAdded,
    /// Work now grows faster with the input: nested loops, sorting or compiling in a loop.
    ComplexityAdded,
    /// A database query changed its shape: a filter or limit is gone, a join came, …
    QueryShapeChanged,
    /// A query reads a table or column for which this change brings no migration.
    MigrationMissing,
    /// A migration drops or renames something that running code may still use.
    SchemaDropped,
    /// A migration or statement that locks a table while it runs.
    SchemaLockTaken,
    /// A migration that adds a table or column.
    SchemaExtended,
    /// An index is gone.
    IndexDropped,
    /// A check for nil, null or None is gone while the value is still used.
    NilCheckRemoved,
    /// A value is now unwrapped without a check.
    UncheckedAccessAdded,
    /// A check of input is gone.
    ValidationRemoved,
    /// A check of input appeared or became stricter.
    ValidationTightened,
    /// A bound on an index or amount is gone.
    BoundsCheckRemoved,
    /// An error is no longer handled or is swallowed.
    ErrorHandlingRemoved,
    /// A panic, throw or exit appeared.
    AbortAdded,
    /// A container that lives as long as the process grows with every call.
    UnboundedGrowthAdded,
    /// Threads, timers, listeners or clients are started and never stopped.
    TaskLeakAdded,
    /// A connection or client is now made for every call.
    ConnectionPerCallAdded,
    /// Close, release, rollback, unlock or cancel is gone.
    ResourceReleaseRemoved,
    /// Something is opened and never closed.
    ResourceLeakAdded,
    /// A lock appeared or now covers more.
    LockWidened,
    /// A lock is gone.
    LockRemoved,
    /// A pause or blocking call appeared.
    BlockingCallAdded,
    /// Another remote call appeared on the path.
    RemoteCallAdded,
    /// Something that was tried again no longer is.
    RetryRemoved,
    /// Something is now tried again.
    RetryAdded,
    /// A cache is gone or passed by.
    CacheRemoved,
    /// Entries are filed under another key.
    CacheKeyChanged,
    /// A default or flag was flipped.
    FlagFlipped,
    /// An address changed.
    EndpointChanged,
    /// A secret or credential reference changed.
    CredentialChanged,
    /// Who may do what changed.
    PermissionChanged,
    /// A check of identity or rights appeared, went, or changed.
    AuthCheckChanged,
    /// An environment variable is now read.
    EnvVarRequired,
    /// An environment variable is no longer set, or under another name.
    EnvVarRemoved,
    /// A dependency moved.
    DependencyBumped(Bump),
    /// The image that is built on or run changed.
    ImageChanged,
    /// Which program, or which function of it, is started changed.
    EntryPointChanged,
    /// Liveness or readiness probe changed.
    ProbeChanged,
    /// Which backend answers which request changed.
    RoutingChanged,
    /// What is written on the wire changed.
    WireFormatChanged,
    /// TLS, certificate or cipher changed.
    TlsChanged,
    /// Names are resolved differently.
    DnsChanged,
    /// Clock, date or time zone handling changed.
    TimeHandlingChanged,
    /// Much more is logged.
    LogVolumeRaised,
    /// A loop without a pause or an end.
    BusyLoopAdded,
    /// A condition decides differently.
    ConditionChanged,
    /// A value is computed differently.
    ComputationChanged,
    /// Code changed in a way that no rule recognises.
    LogicChanged,
    /// A new function, endpoint or file stands beside what ran before.
    CodeAdded,
    /// Only comments changed.
    CommentOnly,
    /// Only prose changed.
    DocsOnly,
    /// Only tests changed.
    TestsOnly,
    /// Only layout or the order of imports changed.
    FormattingOnly,
    /// The same code stands elsewhere or under another name.
    CodeMoved,
    /// Only log lines changed.
    LoggingOnly,
    /// Only counters and spans changed.
    MetricsOnly,
    /// Only pipelines, linters or owners changed.
    CiOnly,
    /// Only styles, pictures or texts for people changed.
    AssetsOnly,
    /// A cache with a fixed bound appeared.
    BoundedCacheAdded,
    /// An index is built without locking the table.
    IndexAddedConcurrently,
    /// A check was added that avoids a fault: a bound, a nil check, a close.
    GuardAdded,
}

impl EffectKind {
    /// Whether this kind, alone, cannot disturb what ran before.
    pub fn is_harmless(self) -> bool {
        use EffectKind::*;
        matches!(
            self,
            CommentOnly
                | DocsOnly
                | TestsOnly
                | FormattingOnly
                | CodeMoved
                | LoggingOnly
                | MetricsOnly
                | CiOnly
                | AssetsOnly
                | BoundedCacheAdded
                | IndexAddedConcurrently
                | GuardAdded
                | DependencyBumped(Bump::Patch)
                | Setting(SettingClass::Presentation | SettingClass::Version, _)
        )
    }
}

/// One effect with what it was read from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// What the change does.
    pub kind: EffectKind,
    /// In which file.
    pub file: String,
    /// Identifiers, tables, settings, packages it concerns, in order of appearance.
    pub subjects: Vec<String>,
    /// Value before, as written.
    pub before: Option<String>,
    /// Value after, as written.
    pub after: Option<String>,
    /// After divided by before, in the same unit.
    pub ratio: Option<f64>,
    /// Removed lines that show it, at most [`QUOTED_LINES`].
    pub removed: Vec<String>,
    /// Added lines that show it, at most [`QUOTED_LINES`].
    pub added: Vec<String>,
    /// How surely the effect is there and how much it matters, 0 to 1.
    pub strength: f64,
    /// Where it was read.
    pub provenance: Provenance,
    /// What the change does, as a clause that begins with a verb in the third person.
    pub summary: String,
}

/// Lines that an effect quotes on each side.
pub const QUOTED_LINES: usize = 3;

impl Effect {
    /// Does a setting become 0?
    pub fn comes_to_nothing(&self) -> bool {
        let after = self.after.as_deref().map(str::trim);
        after.and_then(|after| after.parse::<f64>().ok()) == Some(0.0)
    }

    /// An effect read from a diff.
    pub fn new(kind: EffectKind, file: &str, strength: f64, summary: impl Into<String>) -> Self {
        Self {
            kind,
            file: file.to_owned(),
            subjects: Vec::new(),
            before: None,
            after: None,
            ratio: None,
            removed: Vec::new(),
            added: Vec::new(),
            strength: strength.clamp(0.0, 1.0),
            provenance: Provenance::FromDiff,
            summary: summary.into(),
        }
    }
    /// Names what it concerns.
    #[must_use]
    pub fn about<S: Into<String>>(mut self, subjects: impl IntoIterator<Item = S>) -> Self {
        for subject in subjects {
            let subject = subject.into();
            if !subject.is_empty() && !self.subjects.contains(&subject) {
                self.subjects.push(subject);
            }
        }
        self
    }
    /// Quotes a removed line.
    #[must_use]
    pub fn quoting_removed(mut self, line: &str) -> Self {
        quote(&mut self.removed, line);
        self
    }
    /// Quotes an added line.
    #[must_use]
    pub fn quoting_added(mut self, line: &str) -> Self {
        quote(&mut self.added, line);
        self
    }
}

fn quote(lines: &mut Vec<String>, line: &str) {
    let short: String = line.trim().chars().take(200).collect();
    if !short.is_empty() && lines.len() < QUOTED_LINES && !lines.contains(&short) {
        lines.push(short);
    }
}
