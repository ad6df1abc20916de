//! Two incidents at once.

use model::recording::{BaselineKind, BaselineWindow};
use model::{EntityId, TimeWindow, Timestamp};

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
    let moved = rename(b, &mapping, None);
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
    both.manifest.gaps.extend(moved.manifest.gaps);
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

/// Stretches that show both systems when they are well.
///
/// Just before, only what is "before" for both counts; where one of them has no such stretch, the
/// choice is left to whoever investigates. Of long ago, one stretch that holds both histories.
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
        let shared = TimeWindow::new(x.from().max(y.from()), x.to().min(y.to()));
        both.extend(shared.map(|window| BaselineWindow {
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
