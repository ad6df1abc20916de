//! The words of the trade and the sockets in the walls.
//!
//! Every room of the house speaks in these values. Nothing here does IO, reads a clock or knows a
//! vendor. The table of words in `ARCHITECTURE.md` says what each noun means.

pub mod action;
pub mod alarm;
pub mod case;
pub mod change;
pub mod entity;
pub mod evidence;
pub mod foreign;
pub mod incident;
pub mod lesson;
pub mod mechanism;
pub mod people;
pub mod plan;
pub mod ports;
pub mod query;
pub mod recording;
pub mod report;
pub mod silence;
pub mod source;
pub mod telemetry;
pub mod testkit;
pub mod time;
pub mod topology;

pub use action::{Action, Outcome};
pub use alarm::{Alarm, AlarmState};
pub use change::{Change, ChangeKind};
pub use entity::{Entity, EntityId, EntityKind};
pub use evidence::{Evidence, EvidenceId, Polarity, SourceKind, Statistic};
pub use incident::{Incident, IncidentEvent, IncidentId};
pub use lesson::Lesson;
pub use mechanism::{Category, MechanismId};
pub use plan::Plan;
pub use query::{Answer, Gap, GapReason, Query};
pub use telemetry::{Event, LogLine, RawRef, Series, SeriesKey, Severity, SpanRow, StateSnapshot};
pub use time::{Span, TimeWindow, Timestamp};
pub use topology::{Edge, EdgeKind, Topology};
