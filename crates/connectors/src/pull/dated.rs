//! Changes, and the clocks by which they are dated.

use model::query::{Gap, GapReason};
use model::time::{MINUTE, Span, Timestamp};
use model::{Change, SourceKind};

use super::Brought;

/// Brings a change that was told by a clock which is ahead of ours to ours.
pub(crate) fn shift(change: &mut Change, ahead: Span) {
    change.start = change.start.minus(ahead);
    change.end = change.end.minus(ahead).max(change.start);
    change.undone = change.undone.map(|at| at.minus(ahead));
}

/// What is dated later than now by no more may have happened already, by a clock that is off.
const SOON: Span = Span(24 * 60 * MINUTE);

/// Leaves out what is to come by our clock, and says that it did: somebody's clock is wrong, and it may have happened.
pub(crate) fn until(now: Timestamp, name: &str, brought: &mut Brought) {
    let all = brought.changes.len();
    // A date of years to come is no clock's, and hides nothing of today.
    let soon = now.plus(SOON);
    let near = brought
        .changes
        .iter()
        .any(|one| one.start > now && one.start <= soon);
    brought.changes.retain(|change| change.start <= now);
    let later = all - brought.changes.len();
    if later > 0 {
        let gap = Gap::new(
            "changes that are dated later than now",
            GapReason::Connector,
            format!("{name}: {later} of them were left out"),
            "set the clocks, of whoever committed them too: let them be kept by NTP",
        );
        brought
            .gaps
            .push(gap.hiding(near.then_some(SourceKind::Changes)));
    }
}
