//! Two incidents at once.

use model::EntityId;

use super::disguise::{Mapping, rename};
use crate::files::case::Case;

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
    for baseline in moved.manifest.baselines {
        if !both.manifest.baselines.contains(&baseline) {
            both.manifest.baselines.push(baseline);
        }
    }
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
