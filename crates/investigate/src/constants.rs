//! The engine's numbers, in one place, with what each is for. Starting values are those of the
//! design; where the development data said otherwise, `docs/decisions/` says why. They are part of the
//! rules digest: a report names the numbers that it was made with.

use model::{ChangeKind, Span};

/// Nats for a change whose read effect can produce exactly the failure that is seen (fit 1).
pub const CHANGE_EFFECT: f64 = 5.0;
/// Nats for words that a change shares with the failure and with few other changes (relevance 1).
pub const CHANGE_RELEVANCE: f64 = 2.5;
/// Nats for a risky change at the very onset.
pub const CHANGE_NEARNESS: f64 = 1.5;
/// Nats that blaming one change of many costs: it must be better than chance among all of them.
pub const CHANGE_COST: f64 = 2.0;
/// Most that effects alone may count.
pub const MOST_CHANGE: f64 = 6.5;
/// Most that signatures may count together.
pub const MOST_SIGNATURE: f64 = 10.0;
/// Most that one own anomaly may count.
pub const MOST_ANOMALY: f64 = 8.0;
/// Least plausibility x clearness x nearness for a change to be a candidate at all.
pub const LEAST_FIT: f64 = 0.12;
/// How sure we are that a change without a known place acts at the failing unit.
pub const UNPLACED: f64 = 0.5;
/// What remains of a signature whose line names a sick unit further down.
pub const VICTIM: f64 = 0.3;
/// Own anomaly from which a unit's lines are taken in full, where spans cover it.
pub const OWN_FULL: f64 = 2.5;
/// How surely a change of just the kind that a mechanism names has set it off, where the mechanism is seen.
pub const OF_ITS_KIND: f64 = 0.6;
/// Share of its usual rate below which nothing comes to a unit any more.
pub const GONE: f64 = 0.05;
/// Fewest requests before the incident from which spans are said to cover a unit.
pub const COVERED_REQUESTS: u64 = 10;
/// What remains of a busy processor that slows no request.
pub const IDLE_HEAT: f64 = 0.25;
/// How much more a reading counts for which somebody drew a line that is crossed.
pub const TOLD_BY_ALARM: f64 = 1.5;
/// What remains of a reading that has come back, while what users feel lasts.
pub const CAME_BACK: f64 = 0.5;
/// Prior that a share turned just where the incident is said to begin.
pub const AT_THE_LINE: f64 = 0.5;
/// Nats from which on a changed step is no chance.
pub const SURE_OF_STEPS: f64 = 3.0;
/// Nats from which on more calls per request are no chance: a handful of requests differs by what they ask for.
pub const SURE_OF_CALLS: f64 = 3.0;
/// Fewest requests of an operation that show a habit.
pub const HABIT_REQUESTS: u64 = 4;
/// Share of requests from which something is done without exception.
pub const ALWAYS: f64 = 0.95;
/// Nats from which on a habit is rare among its peers: about one operation in eight has it.
pub const RARE_AMONG_PEERS: f64 = 2.0;
/// Clocks of deploy systems and telemetry differ by this much at most.
pub const CLOCK_SLACK: Span = Span(60 * model::time::SECOND);
/// What a line and a reading tell within this time may be one and the same event.
pub const ONE_MOMENT: Span = Span(10 * model::time::SECOND);
/// A `must` that was covered and failed.
pub const MUST_FAILED: f64 = 3.0;
/// A `must not` that was seen.
pub const MUST_NOT_SEEN: f64 = 4.0;
/// A `must` that was met.
pub const MUST_MET: f64 = 0.6;
/// A `may` that was met.
pub const MAY_MET: f64 = 0.3;
/// It began before what it explains.
pub const TIMING_BEFORE: f64 = 0.5;
/// Minutes late per nat lost.
pub const TIMING_SCALE_MIN: f64 = 3.0;
/// Most that lateness may cost.
pub const TIMING_LATE: f64 = 3.0;
/// What a root needs of its own before its consequence is credited to it.
pub const ROOT_LEAST: f64 = 3.5;
/// Most of a consequence's lead that its root may take over.
pub const ROOT_LIFT: f64 = 4.0;
/// Most that who shows a failure first-hand may take over of the lead of those who only hear of it: what they do on
/// their own account is then its echo.
pub const SOURCE_LIFT: f64 = 1.3 * MOST_ANOMALY;
/// By how much the root then leads.
pub const ROOT_EDGE: f64 = 0.2;
/// Cost of each cause, nats.
pub const CAUSE_COST: f64 = 2.0;
/// Nats that a cause brings of its own which is seen first-hand where it is, and was set off by a change.
pub const STANDS_ALONE: f64 = 0.5;
/// Probability that a symptom comes from nowhere.
pub const LEAK: f64 = 0.02;
/// Most causes in one verdict.
pub const MOST_CAUSES: usize = 6;
/// Per hop of a path.
pub const HOP: f64 = 0.9;
/// Per hop against the direction in which failure usually travels (a caller that overloads).
pub const HOP_UP: f64 = 0.75;
/// Most hops.
pub const MOST_HOPS: u32 = 6;
/// Path between units when nothing is known of the map.
pub const NO_MAP: f64 = 0.5;
/// Only nearness or order in time speaks for it.
pub const CAP_NEARNESS: f64 = 0.50;
/// Nothing tells it from health but that its peers are different: it may always have been so.
pub const CAP_PEERS_ONLY: f64 = 0.50;
/// One kind of source only.
pub const CAP_ONE_SOURCE: f64 = 0.75;
/// A needed kind of source is a gap.
pub const CAP_GAP: f64 = 0.70;
/// Nothing speaks for it but that it fails by itself, and whom it leans on, or how they are, could not be looked at.
pub const CAP_UNSEEN_BELOW: f64 = 0.55;
/// A change may have set it off, and changes could not be looked at: never "confirmed".
pub const CAP_BLIND_TO_CHANGES: f64 = 0.89;
/// What a change brought about could not be looked at from within: never "confirmed".
pub const CAP_HOW_UNSEEN: f64 = 0.89;
/// Who looked was short of processor, and only rates and durations speak for it: those are what such a machine
/// makes of a healthy system, so that it is no cause by themselves.
pub const CAP_STARVED: f64 = 0.34;
/// Nobody is surer than this.
pub const CAP_ALWAYS: f64 = 0.97;

/// Risk 0..1 and tau in minutes by kind of change.
pub fn change_risk(kind: ChangeKind) -> (f64, f64) {
    match kind {
        ChangeKind::Deploy | ChangeKind::Commit => (0.8, 15.0),
        ChangeKind::Config | ChangeKind::Flag | ChangeKind::Permission => (0.9, 15.0),
        ChangeKind::Migration => (0.9, 30.0),
        ChangeKind::Infrastructure | ChangeKind::Scaling => (0.7, 120.0),
        ChangeKind::Schedule | ChangeKind::Certificate | ChangeKind::Maintenance => (0.6, 1440.0),
    }
}

/// A text of all numbers, for the rules digest.
pub fn digest_text() -> String {
    format!(
        "{CHANGE_EFFECT} {CHANGE_RELEVANCE} {CHANGE_NEARNESS} {CHANGE_COST} {MOST_CHANGE} {MOST_SIGNATURE} {MOST_ANOMALY} {LEAST_FIT} {UNPLACED} {VICTIM} {OWN_FULL} {COVERED_REQUESTS} {OF_ITS_KIND} {GONE} {IDLE_HEAT} {CAME_BACK} {TOLD_BY_ALARM} {AT_THE_LINE} {SURE_OF_STEPS} {SURE_OF_CALLS} {HABIT_REQUESTS} {ALWAYS} {RARE_AMONG_PEERS} {} {} {} {MUST_FAILED} {MUST_NOT_SEEN} {MUST_MET} {MAY_MET} {TIMING_BEFORE} {TIMING_SCALE_MIN} {TIMING_LATE} {ROOT_LEAST} {ROOT_LIFT} {SOURCE_LIFT} {ROOT_EDGE} {CAUSE_COST} {STANDS_ALONE} {LEAK} {MOST_CAUSES} {HOP} {HOP_UP} {MOST_HOPS} {NO_MAP} {CAP_NEARNESS} {CAP_PEERS_ONLY} {CAP_ONE_SOURCE} {CAP_GAP} {CAP_UNSEEN_BELOW} {CAP_BLIND_TO_CHANGES} {CAP_HOW_UNSEEN} {CAP_STARVED} {CAP_ALWAYS} {STRONG} {STRONG_SIGN} {SIGN_BESIDE_CHANGE} {TOLD_BY_LINES} {CHANGE_BESIDE_PLAIN_SIGN} {PLAIN_SIGN} {VAGUE_SIGN} {SAID_OTHERWISE} {FAILED_CALLS} {BY_CALLS} {SLOWER_CALLS} {AT_ONCE_IS_SLOW} {STEADY_LINES} {STILL_COMING} {STRONG_ANOMALY} {SILENT_ALARM} {SOMETHING_ELSE} {SAME_PLACE} {NAMED} {UNKNOWN_BELOW} {EXPLAINS} {BEHIND} {WAY}",
        CLOCK_SLACK.0, ONE_MOMENT.0, BELIEVED_WELL.0
    )
}

/// Score from which a hypothesis speaks of something active even where the alarmed unit's own readings are silent.
pub const STRONG: f64 = 0.0;
/// … if its own signatures count at least this,
pub const STRONG_SIGN: f64 = 3.0;
/// Signatures that name what is wrong plainly.
pub const PLAIN_SIGN: f64 = 5.0;
/// A signature of this or less says only that something fails …
pub const VAGUE_SIGN: f64 = 3.0;
/// … and counts so much where another mechanism says plainly what the same line is about.
pub const SAID_OTHERWISE: f64 = 0.5;
/// So many failed calls tell by which calls a unit's requests fail, …
pub const FAILED_CALLS: u64 = 3;
/// … if they are this share of all its failures;
pub const BY_CALLS: f64 = 0.8;
/// calls below this deviation take no longer than before.
pub const SLOWER_CALLS: f64 = 3.0;
/// How surely what fails at once makes requests take longer, in parts of what it explains else: by being tried again.
pub const AT_ONCE_IS_SLOW: f64 = 0.5;
/// A reading that has been back for so long, or for as long as it was out, is believed to be back.
pub const BELIEVED_WELL: Span = Span(10 * model::time::SECOND);
/// A line that came at least so often …
pub const STEADY_LINES: u64 = 5;
/// … and was last seen within so many of its mean distances still comes.
pub const STILL_COMING: f64 = 4.0;
/// Signatures that are enough beside a change that can have done just what is seen.
pub const SIGN_BESIDE_CHANGE: f64 = 2.0;
/// How sure a way is that only a unit's own complaints tell of, by naming whom it could not reach or use.
pub const TOLD_BY_LINES: f64 = 0.6;
/// A change of its kind is enough beside a plain sign: an audit trail may not tell more.
pub const CHANGE_BESIDE_PLAIN_SIGN: f64 = 2.0;
/// … or its unit's own anomaly does.
pub const STRONG_ANOMALY: f64 = 2.5;
/// Own anomaly that makes a symptom of an alarm which names no metric: somebody saw something.
pub const SILENT_ALARM: f64 = 1.5;
/// Score of "something that nobody thought of".
pub const SOMETHING_ELSE: f64 = -0.5;
/// By how much another mechanism on the same unit counts less as a rival.
pub const SAME_PLACE: f64 = 1.2;
/// Least confidence to be named at all: "possible".
pub const NAMED: f64 = 0.25;
/// Best below this: unknown.
pub const UNKNOWN_BELOW: f64 = 0.35;

/// From this probability on a hypothesis is said to explain a symptom.
pub const EXPLAINS: f64 = 0.3;
/// Nats that each nat behind the best rival costs in the joint explanation.
pub const BEHIND: f64 = 1.0;
/// How much the length of the way matters for explaining (1: fully).
pub const WAY: f64 = 0.25;
