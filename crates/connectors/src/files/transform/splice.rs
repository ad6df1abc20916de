//! Two incidents at once.
//!
//! Each entity keeps the past that its own case declares for it, no more and no less: the stretches of
//! both cases are laid together, and whatever stood outside of a case's own stretches and would now fall
//! into the other's is left out. A stretch in which one of two systems was not recorded takes nothing
//! from what the other showed in it; cutting both down to what they share would make every pair of
//! incidents blinder than either of them, which no two real incidents are.

use std::sync::Arc;

use model::recording::{BaselineKind, BaselineWindow};
use model::{EntityId, Series, TimeWindow, Timestamp};

use super::disguise::{Mapping, rename};
use model::case::Case;

/// One case in which both incidents happen: `b` is moved in time so that the first alarms meet, and
/// when the two speak of the same entities, `b`'s get other names (see the mapping).
pub fn splice(a: &Case, b: &Case) -> (Case, Mapping) {
    let first = |case: &Case| {
        case.alarms
            .first()
            .map_or(case.manifest.now, |alarm| alarm.fired_at)
    };
    let mut mapping = Mapping {
        shift: first(a).since(first(b)),
        ..Mapping::default()
    };
    let meets = b
        .topology
        .entities
        .iter()
        .any(|entity| a.topology.entity(&entity.id).is_some());
    if meets {
        for entity in &b.topology.entities {
            let (prefix, name) = entity
                .id
                .as_str()
                .split_once('/')
                .unwrap_or(("", entity.id.as_str()));
            let new = format!("second-{name}");
            let id = if prefix.is_empty() {
                new.clone()
            } else {
                format!("{prefix}/{new}")
            };
            mapping
                .entities
                .insert(entity.id.clone(), EntityId::new(id));
            mapping.names.insert(name.to_string(), new.clone());
            mapping.names.entry(entity.name.clone()).or_insert(new);
        }
    }
    let own: Vec<&String> = a
        .changes
        .iter()
        .flatten()
        .map(|change| &change.id)
        .collect();
    for change in b
        .changes
        .iter()
        .flatten()
        .filter(|change| own.contains(&&change.id))
    {
        mapping
            .changes
            .insert(change.id.clone(), format!("second {}", change.id));
    }
    let mut moved = rename(b, &mapping, None);
    let mut both = a.clone();
    both.manifest.id = format!("{} + {}", a.manifest.id, moved.manifest.id);
    both.manifest.title = format!("{}; {}", a.manifest.title, moved.manifest.title);
    both.manifest.now = a.manifest.now.max(moved.manifest.now);
    let from = a.manifest.window.from().min(moved.manifest.window.from());
    if let Some(window) = model::TimeWindow::new(from, both.manifest.now) {
        both.manifest.window = window;
    }
    both.manifest.baselines = baselines(
        &a.manifest.baselines,
        &moved.manifest.baselines,
        both.manifest.window.from(),
    );
    let joint = both.manifest.baselines.clone();
    keep_own_past(&mut both, a, &joint);
    let second = moved.clone();
    keep_own_past(&mut moved, &second, &joint);
    both.manifest.gaps.extend(moved.manifest.gaps);
    both.manifest.sources.extend(moved.manifest.sources);
    for mut alarm in moved.alarms {
        if both.alarms.iter().any(|own| own.id == alarm.id) {
            alarm.id = format!("second {}", alarm.id);
        }
        both.alarms.push(alarm);
    }
    both.topology.entities.extend(moved.topology.entities);
    both.topology.edges.extend(moved.topology.edges);
    join(&mut both.series, moved.series);
    join(&mut both.logs, moved.logs);
    join(&mut both.spans, moved.spans);
    join(&mut both.changes, moved.changes);
    join(&mut both.snapshots, moved.snapshots);
    join(&mut both.events, moved.events);
    both.runbooks.extend(moved.runbooks);
    both.lessons.extend(moved.lessons);
    both.answer = match (both.answer.take(), moved.answer) {
        (Some(mut one), Some(other)) => {
            one.entities.extend(other.entities);
            one.changes.extend(other.changes);
            one.categories.extend(other.categories);
            one.healthy = one.healthy && other.healthy;
            Some(one)
        }
        _ => None,
    };
    both.normalise();
    (both, mapping)
}

fn join<T>(all: &mut Option<Vec<T>>, more: Option<Vec<T>>) {
    if let Some(more) = more {
        all.get_or_insert_default().extend(more);
    }
}

/// Leaves out what lies in a joint stretch and in none of those that the case itself declares.
fn keep_own_past(telemetry: &mut Case, case: &Case, joint: &[BaselineWindow]) {
    let own = &case.manifest.baselines;
    let begin = case.manifest.window.from();
    let within = |all: &[BaselineWindow], at: Timestamp| all.iter().any(|b| b.window.contains(at));
    let strange = |at: Timestamp| at < begin && within(joint, at) && !within(own, at);
    for series in telemetry.series.iter_mut().flatten() {
        if series.times.iter().any(|at| strange(Timestamp(*at))) {
            let kept = series.times.iter().zip(&series.values);
            let kept = kept.filter(|(at, _)| !strange(Timestamp(**at)));
            let (times, values) = kept.map(|(at, value)| (*at, *value)).unzip();
            *series = Arc::new(Series {
                key: series.key.clone(),
                times,
                values,
            });
        }
    }
    if let Some(logs) = &mut telemetry.logs {
        logs.retain(|line| !strange(line.time));
    }
    if let Some(spans) = &mut telemetry.spans {
        spans.retain(|span| !strange(span.start));
    }
}

/// Stretches that show both systems when they are well, laid together.
///
/// "Just before" begins with the longer of both and ends where the first of them does; where one of
/// them has no such stretch, the choice is left to whoever investigates. Of long ago, one stretch that
/// holds both histories.
fn baselines(a: &[BaselineWindow], b: &[BaselineWindow], begin: Timestamp) -> Vec<BaselineWindow> {
    let of = |all: &[BaselineWindow], kind: BaselineKind| {
        let windows = all
            .iter()
            .filter(|one| one.kind == kind)
            .map(|one| one.window);
        windows.reduce(|x, y| {
            let hull = TimeWindow::new(x.from().min(y.from()), x.to().max(y.to()));
            hull.unwrap_or(x)
        })
    };
    let mut both = Vec::new();
    if let (Some(x), Some(y)) = (of(a, BaselineKind::Near), of(b, BaselineKind::Near)) {
        let laid_together = TimeWindow::new(x.from().min(y.from()), x.to().min(y.to()));
        both.extend(laid_together.map(|window| BaselineWindow {
            window,
            kind: BaselineKind::Near,
        }));
    }
    let past = [of(a, BaselineKind::History), of(b, BaselineKind::History)];
    let past: Vec<TimeWindow> = past.into_iter().flatten().collect();
    let from = past.iter().map(TimeWindow::from).min();
    let to = past.iter().map(TimeWindow::to).max();
    let hull = from
        .zip(to)
        .and_then(|(from, to)| TimeWindow::new(from, to));
    match hull {
        Some(window) if window.to() <= begin => both.push(BaselineWindow {
            window,
            kind: BaselineKind::History,
        }),
        _ => both.extend(past.into_iter().map(|window| BaselineWindow {
            window,
            kind: BaselineKind::History,
        })),
    }
    both
}
