//! Earlier incidents like this one: what they were, what put them right, and what is alike.

use std::collections::BTreeSet;

use analysis::precedents::Near;
use model::lesson::{LearnedCause, Lesson};
use model::report::{Alike, Precedent};
use model::{ChangeKind, Polarity};

use super::Desk;
use crate::catalogue::catalogue;
use crate::derive::Subject;
use crate::history::Judged;
use crate::scene::Scene;
use crate::words::{self, number};

/// What both have is told by so many at most.
const TOLD: usize = 3;
/// A text of an earlier incident is cut to so many letters.
const LONGEST: usize = 160;

pub(super) fn precedents(desk: &mut Desk<'_, '_, '_>, judged: &Judged<'_>) -> Vec<Precedent> {
    let world = desk.world;
    judged
        .recalled
        .iter()
        .enumerate()
        .filter_map(|(index, near)| {
            let lesson = world.lessons.get(near.lesson)?;
            let known = analysis::precedents::Features::of_lesson(lesson);
            let alike = alike(near, &judged.seen, &known);
            let was = was(&world.scene, lesson);
            let put_right = words::clip(&lesson.put_right.join("; "), LONGEST);
            let mut text = format!("on {} {}: {was}", day(lesson), lesson.incident);
            if !put_right.is_empty() {
                text += &format!("; what put it right: {put_right}");
            }
            let shares: Vec<String> = alike
                .iter()
                .map(|one| format!("{} {}", one.what, number(one.share)))
                .collect();
            text += &format!(
                " ({} alike: {})",
                number(words::six(near.similarity)),
                shares.join(", ")
            );
            let id = desk
                .ledger
                .cite(Subject::Lesson(index as u32), Polarity::Neutral, 0.0);
            Some(Precedent {
                case: lesson.incident.to_string(),
                at: lesson.at,
                similarity: words::six(near.similarity),
                was,
                put_right,
                alike,
                claim: desk.say(text, vec![id]),
            })
        })
        .collect()
}

/// The day on which it was learned.
fn day(lesson: &Lesson) -> String {
    lesson.at.to_string().chars().take(10).collect()
}

/// In which ways it is alike, the weightiest first.
fn alike(
    near: &Near,
    seen: &analysis::precedents::Features,
    known: &analysis::precedents::Features,
) -> Vec<Alike> {
    let likeness = &near.likeness;
    let both = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
        one.intersection(other)
            .take(TOLD)
            .map(|text| words::clip(text, LONGEST))
            .collect()
    };
    let mechanisms = seen.mechanisms.intersection(&known.mechanisms);
    let entities = seen.entities.intersection(&known.entities);
    let changes = seen.changes.intersection(&known.changes);
    let all = [
        (
            "log lines",
            likeness.templates,
            both(&seen.templates, &known.templates),
        ),
        (
            "mechanism",
            likeness.mechanism,
            mechanisms.take(TOLD).map(ToString::to_string).collect(),
        ),
        (
            "place",
            likeness.place,
            entities.take(TOLD).map(ToString::to_string).collect(),
        ),
        (
            "what metrics did",
            likeness.shapes,
            both(&seen.shapes, &known.shapes),
        ),
        (
            "kind of change",
            likeness.changes,
            changes
                .take(TOLD)
                .map(|kind: &ChangeKind| kind.word().to_string())
                .collect(),
        ),
    ];
    all.into_iter()
        .filter(|(_, share, _)| *share > 0.0)
        .map(|(what, share, common)| Alike {
            what: what.to_string(),
            share: words::six(share),
            common,
        })
        .collect()
}

/// What it turned out to be, in one line.
pub(crate) fn was(scene: &Scene, lesson: &Lesson) -> String {
    if lesson.false_alarm {
        return "nothing was wrong".to_string();
    }
    if lesson.causes.is_empty() {
        return format!(
            "{} (no cause was found)",
            words::clip(&lesson.title, LONGEST)
        );
    }
    let causes: Vec<String> = lesson
        .causes
        .iter()
        .map(|cause| {
            let mechanism = catalogue().get(&cause.mechanism.0);
            let title = mechanism.map_or(cause.mechanism.0.as_str(), |m| m.title.as_str());
            let name = scene
                .number(&cause.entity)
                .map_or(cause.entity.as_str(), |n| scene.name(n));
            format!(
                "{} on {}{}",
                words::clip(title, LONGEST),
                words::clip(name, LONGEST),
                how_sure(cause)
            )
        })
        .collect();
    causes.join("; ")
}

fn how_sure(cause: &LearnedCause) -> &'static str {
    match (cause.confirmed, cause.cured) {
        (Some(true), _) => ", which a person confirmed",
        (Some(false), _) => ", which a person said was not the cause",
        (None, Some(true)) => ", cured",
        (None, Some(false)) => ", which the recovery did not cure",
        (None, None) => ", as far as was known",
    }
}
