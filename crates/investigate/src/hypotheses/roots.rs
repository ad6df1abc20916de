//! Roots take over the lead of their consequences, sources that of their echoes.

use super::{Ground, Hypothesis};
use crate::constants as k;

/// Where one mechanism commonly causes another and both fit one unit or two that lean on each other,
/// the root takes over part of the consequence's lead: the consequence's own signs are what the root predicts.
pub(super) fn prefer_roots(ground: &Ground<'_>, all: &mut [Hypothesis]) {
    let plain: Vec<(u32, &'static str, f64)> = all
        .iter()
        .filter(|h| h.aside.is_none() && h.score.signature >= k::PLAIN_SIGN)
        .map(|h| (h.unit, h.mechanism().id.as_str(), h.score.total))
        .collect();
    // What its own unit gives a plainer reason for is led back to that reason only.
    let reasons = |h: &Hypothesis| -> Vec<&'static str> {
        let better = plain
            .iter()
            .filter(|(unit, id, total)| {
                *unit == h.unit && *id != h.mechanism().id.as_str() && *total > h.score.total
            })
            .map(|(_, id, _)| *id);
        better.collect()
    };
    let standing: Vec<(u32, &'static str, f64, Vec<&'static str>)> = all
        .iter()
        .filter(|h| h.aside.is_none())
        .map(|h| (h.unit, h.mechanism().id.as_str(), h.score.total, reasons(h)))
        .collect();
    for hypothesis in all.iter_mut().filter(|h| h.aside.is_none()) {
        let own = hypothesis.unit;
        let mechanism = hypothesis.mechanism();
        let causes = &mechanism.causes;
        let led_back = |reasons: &[&str]| {
            let known = |id: &&str| *id == mechanism.id || causes.iter().any(|c| c == *id);
            reasons.is_empty() || reasons.iter().any(known)
        };
        let touches = |unit: u32| {
            unit == own
                || ground.scene.below(own).any(|(u, _)| u == unit)
                || ground.scene.above(own).any(|(u, _)| u == unit)
        };
        let best = standing
            .iter()
            .filter(|(unit, id, _, reasons)| {
                causes.iter().any(|c| c == id) && touches(*unit) && led_back(reasons)
            })
            .map(|(_, _, total, _)| *total)
            .fold(f64::NEG_INFINITY, f64::max);
        let held = hypothesis.score.against < k::MUST_FAILED;
        if best.is_finite()
            && held
            && hypothesis.score.signature + hypothesis.score.change >= k::ROOT_LEAST
        {
            let lift = (best - hypothesis.score.total).clamp(0.0, k::SOURCE_LIFT) + k::ROOT_EDGE;
            hypothesis.score.difference += lift;
            hypothesis.score.total += lift;
        }
    }
}

/// Who shows a failure first-hand takes over the lead of those who lean on it and only pass it on.
pub(super) fn prefer_sources(ground: &Ground<'_>, all: &mut [Hypothesis]) {
    let leads: Vec<f64> = all
        .iter()
        .map(|own| {
            let echoes = all.iter().filter(|other| {
                other.aside.is_none() && own.is_echoed_by(other, ground.scene, ground.facts)
            });
            echoes
                .map(|other| other.score.total)
                .fold(f64::NEG_INFINITY, f64::max)
        })
        .collect();
    for (hypothesis, lead) in all
        .iter_mut()
        .zip(leads)
        .filter(|(h, lead)| h.aside.is_none() && lead.is_finite())
    {
        let lift = (lead - hypothesis.score.total).clamp(0.0, k::SOURCE_LIFT) + k::ROOT_EDGE;
        hypothesis.score.difference += lift;
        hypothesis.score.total += lift;
    }
}
