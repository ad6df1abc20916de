//! Roots take over the lead of their consequences, sources that of their echoes.

use super::{Ground, Hypothesis};
use crate::constants as k;

/// Where one mechanism commonly causes another and both fit one unit or two that lean on each other,
/// the root takes over part of the consequence's lead: the consequence's own signs are what the root predicts.
pub(super) fn prefer_roots(ground: &Ground<'_>, all: &mut [Hypothesis]) {
    type Standing = (u32, &'static str, f64);
    let named = |h: &Hypothesis| -> Standing { (h.unit, h.mechanism().id.as_str(), h.score.total) };
    let standing: Vec<Standing> = all
        .iter()
        .filter(|h| h.aside.is_none())
        .map(named)
        .collect();
    let plain: Vec<Standing> = all
        .iter()
        .filter(|h| h.aside.is_none() && h.score.signature >= k::PLAIN_SIGN)
        .map(named)
        .collect();
    for hypothesis in all.iter_mut().filter(|h| h.aside.is_none()) {
        let own = hypothesis.unit;
        let mechanism = hypothesis.mechanism();
        let causes = &mechanism.causes;
        // What its own unit gives a plainer reason for is led back to that reason only.
        let led_back = |(unit, id, total): Standing| {
            let mut plainer = plain
                .iter()
                .filter(|(at, other, ahead)| *at == unit && *other != id && *ahead > total)
                .map(|(_, other, _)| *other)
                .peekable();
            let known = |other: &str| other == mechanism.id || causes.iter().any(|c| c == other);
            plainer.peek().is_none() || plainer.any(known)
        };
        let touches = |unit: u32| {
            unit == own
                || ground.scene.below(own).any(|(u, _)| u == unit)
                || ground.scene.above(own).any(|(u, _)| u == unit)
        };
        let best = standing
            .iter()
            .filter(|standing| {
                let (unit, id, _) = **standing;
                causes.iter().any(|c| c == id) && touches(unit) && led_back(**standing)
            })
            .map(|(_, _, total)| *total)
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

/// Once all lifts are made: what one unit shows plainly stays ahead of what it commonly brings about at those who lean
/// on it, even where they were lifted twice, as roots of their own consequences and as sources of what others hear.
pub(super) fn keep_ahead(ground: &Ground<'_>, all: &mut [Hypothesis]) {
    let totals: Vec<(u32, &'static str, f64)> = all
        .iter()
        .filter(|h| h.aside.is_none())
        .map(|h| (h.unit, h.mechanism().id.as_str(), h.score.total))
        .collect();
    let roots = all.iter_mut().filter(|h| {
        h.aside.is_none() && h.score.against < k::MUST_FAILED && h.score.signature >= k::PLAIN_SIGN
    });
    for root in roots {
        let causes = &root.mechanism().causes;
        let leans = |unit: u32| ground.scene.above(root.unit).any(|(u, _)| u == unit);
        let lead = totals
            .iter()
            .filter(|(unit, id, _)| leans(*unit) && causes.iter().any(|c| c == id))
            .map(|(_, _, total)| *total)
            .fold(f64::NEG_INFINITY, f64::max);
        let behind = lead + k::ROOT_EDGE - root.score.total;
        // No more than the lifts themselves can have put them ahead.
        if behind > 0.0 && behind <= 3.0 * k::ROOT_EDGE {
            root.score.difference += behind;
            root.score.total += behind;
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
