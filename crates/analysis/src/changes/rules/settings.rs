//! Settings that moved, appeared or went.

use super::super::effect::{Effect, EffectKind, Motion};
use super::super::lexer::Token;
use super::super::quantity::{Quantity, Unit, describe, unit_of_name};
use super::super::setting_class::{SettingClass, classify};
use super::super::settings::{Setting, Value, settings_of};
use super::super::source::FileView;
use super::super::words::split_identifier;
use super::texts;
use std::collections::{BTreeMap, BTreeSet};

struct Sides<'l> {
    file: &'l FileView<'l>,
    before: Vec<Setting<'l>>,
    after: Vec<Setting<'l>>,
}

pub(crate) fn read(files: &[&FileView<'_>], effects: &mut Vec<Effect>) {
    let mut sides: Vec<Sides<'_>> = files
        .iter()
        .filter(|f| f.role != super::super::path::FileRole::Dependencies)
        .map(|file| {
            let mut before = Vec::new();
            let mut after = Vec::new();
            for hunk in &file.hunks {
                before.extend(settings_of(&hunk.before, file.language, hunk.section));
                after.extend(settings_of(&hunk.after, file.language, hunk.section));
            }
            Sides {
                file,
                before,
                after,
            }
        })
        .collect();
    for side in &mut sides {
        // Pairing costs the product of both sides; generated tables are not worth it.
        side.before.truncate(1_000);
        side.after.truncate(1_000);
        cancel_equal(&mut side.before, &mut side.after, |s| {
            format!("{}={}", s.key, canonical(s))
        });
    }
    // The same name and value elsewhere: moved.
    let mut moved: BTreeMap<String, usize> = BTreeMap::new();
    for s in sides.iter().flat_map(|s| &s.after) {
        *moved
            .entry(format!("{}={}", s.name, canonical(s)))
            .or_default() += 1;
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for side in &mut sides {
        side.before.retain(|s| {
            take(
                &mut moved,
                &mut taken,
                &format!("{}={}", s.name, canonical(s)),
            )
        });
    }
    for side in &mut sides {
        side.after.retain(|s| {
            let id = format!("{}={}", s.name, canonical(s));
            match taken.get_mut(&id) {
                Some(n) if *n > 0 => {
                    *n -= 1;
                    false
                }
                _ => true,
            }
        });
    }
    let mut lonely: Vec<(&FileView<'_>, Setting<'_>)> = Vec::new();
    let mut fresh: Vec<(&FileView<'_>, Setting<'_>)> = Vec::new();
    for side in sides {
        let (unpaired, rest) = pair(side.file, side.before, side.after, effects);
        lonely.extend(unpaired.into_iter().map(|s| (side.file, s)));
        fresh.extend(rest.into_iter().map(|s| (side.file, s)));
    }
    // A setting that went here and appeared with another value in another file.
    // Pairing across files costs the product of both sides.
    lonely.truncate(500);
    fresh.truncate(2_000);
    let mut names: Vec<String> = fresh.iter().map(|(_, s)| normal_name(&s.name)).collect();
    for (file, before) in lonely {
        let name = normal_name(&before.name);
        let twin = fresh
            .iter()
            .zip(&names)
            .position(|((_, a), n)| !a.positional && !before.positional && *n == name);
        match twin {
            Some(at) => {
                names.remove(at);
                let (_, after) = fresh.remove(at);
                changed(file, &before, &after, effects);
            }
            None => removed(file, &before, effects),
        }
    }
    // A number that was written out before and now has a name is no new bound.
    let written: BTreeSet<&str> = files
        .iter()
        .flat_map(|f| f.net_removed())
        .flat_map(|l| &l.tokens)
        .filter_map(|t| match t {
            Token::Number(n) => Some(*n),
            _ => None,
        })
        .collect();
    for (file, after) in fresh {
        if !written.contains(after.raw.as_str()) {
            added(file, &after, effects);
        }
    }
}

/// Whether to keep this setting: no, while an equal one elsewhere is not yet spoken for.
fn take(left: &mut BTreeMap<String, usize>, taken: &mut BTreeMap<String, usize>, id: &str) -> bool {
    match left.get_mut(id) {
        Some(n) if *n > 0 => {
            *n -= 1;
            *taken.entry(id.to_owned()).or_default() += 1;
            false
        }
        _ => true,
    }
}

fn canonical(s: &Setting<'_>) -> String {
    match &s.value {
        Value::Quantity(q) => format!("{:?}{}", q.unit, q.value),
        Value::Bool(b) => b.to_string(),
        Value::Text(t) => format!("\"{}\"", t.split_whitespace().collect::<Vec<_>>().join(" ")),
        Value::Expression => s.raw.clone(),
    }
}

fn cancel_equal<'l>(
    before: &mut Vec<Setting<'l>>,
    after: &mut Vec<Setting<'l>>,
    id: impl Fn(&Setting<'l>) -> String,
) {
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    for s in after.iter() {
        *left.entry(id(s)).or_default() += 1;
    }
    let mut taken = BTreeMap::new();
    before.retain(|s| take(&mut left, &mut taken, &id(s)));
    after.retain(|s| match taken.get_mut(&id(s)) {
        Some(n) if *n > 0 => {
            *n -= 1;
            false
        }
        _ => true,
    });
}

/// The name without the unit it ends in and without case: `timeoutMs` and `timeout_seconds` meet.
fn normal_name(name: &str) -> String {
    let mut words = split_identifier(name);
    if words.len() > 1 && unit_of_name(&words).is_some() {
        words.pop();
    }
    words.concat()
}

/// Pairs settings of one file by key, then by name; emits what changed; returns the rest.
fn pair<'l>(
    file: &FileView<'_>,
    before: Vec<Setting<'l>>,
    after: Vec<Setting<'l>>,
    effects: &mut Vec<Effect>,
) -> (Vec<Setting<'l>>, Vec<Setting<'l>>) {
    let mut after: Vec<Option<Setting<'l>>> = after.into_iter().map(Some).collect();
    let mut waiting = Vec::new();
    for b in before {
        let twin = after.iter().position(|a| {
            a.as_ref()
                .is_some_and(|a| a.key == b.key && a.positional == b.positional)
        });
        match twin.and_then(|at| after[at].take()) {
            Some(a) => changed(file, &b, &a, effects),
            None => waiting.push(b),
        }
    }
    let mut lonely = Vec::new();
    for b in waiting {
        let twin = after.iter().position(|a| {
            a.as_ref()
                .is_some_and(|a| normal_name(&a.name) == normal_name(&b.name) && comparable(a, &b))
        });
        match twin.and_then(|at| after[at].take()) {
            Some(a) => changed(file, &b, &a, effects),
            None => lonely.push(b),
        }
    }
    (lonely, after.into_iter().flatten().collect())
}

fn comparable(a: &Setting<'_>, b: &Setting<'_>) -> bool {
    matches!(
        (&a.value, &b.value),
        (Value::Quantity(_), Value::Quantity(_) | Value::Expression)
            | (Value::Expression, Value::Quantity(_))
            | (Value::Bool(_), Value::Bool(_))
            | (Value::Text(_), Value::Text(_))
    ) && a.positional == b.positional
}

fn class_of(s: &Setting<'_>) -> SettingClass {
    classify(&s.name, &s.parents)
}

/// The amount in the unit that its name promises.
fn amount(s: &Setting<'_>, q: Quantity) -> Quantity {
    match unit_of_name(&split_identifier(&s.name)) {
        Some((factor, unit)) if q.unit == Unit::Plain => Quantity {
            value: q.value * factor,
            unit,
        },
        _ => q,
    }
}

fn full_name(s: &Setting<'_>) -> String {
    if s.parents.is_empty() {
        s.name.clone()
    } else {
        format!("{}.{}", s.parents, s.name)
    }
}

fn changed(file: &FileView<'_>, b: &Setting<'_>, a: &Setting<'_>, effects: &mut Vec<Effect>) {
    if canonical(b) == canonical(a) {
        return;
    }
    match (&b.value, &a.value) {
        // `tls: {min_version: "1.2"}` is a version that decides who may talk.
        (Value::Quantity(_), Value::Quantity(_)) if class_of(b) == SettingClass::Version => {
            texts::changed(file, b, a, effects);
        }
        (Value::Quantity(before), Value::Quantity(after)) => {
            numeric(file, b, a, amount(b, *before), amount(a, *after), effects);
        }
        (Value::Quantity(_), Value::Expression) | (Value::Expression, Value::Quantity(_)) => {
            let class = class_of(b);
            let weight = class.weight();
            if weight >= 0.5 {
                effects.push(
                    Effect::new(
                        EffectKind::Setting(class, Motion::Changed),
                        file.path,
                        0.45 * weight,
                        format!(
                            "sets {} `{}` from {} to {}",
                            class.noun(),
                            b.name,
                            b.raw,
                            a.raw
                        ),
                    )
                    .about([full_name(b)])
                    .quoting_removed(b.line.text)
                    .quoting_added(a.line.text),
                );
            }
        }
        (Value::Expression, Value::Expression) => {}
        _ => texts::changed(file, b, a, effects),
    }
}

fn numeric(
    file: &FileView<'_>,
    b: &Setting<'_>,
    a: &Setting<'_>,
    before: Quantity,
    after: Quantity,
    effects: &mut Vec<Effect>,
) {
    if before == after {
        return;
    }
    let class = if file.language == super::super::path::Language::Css {
        SettingClass::Presentation
    } else {
        class_of(b)
    };
    let ratio = after.ratio_to(before);
    if ratio.is_some_and(|r| (r - 1.0).abs() < 1e-9) {
        return;
    }
    let motion = match after.value.partial_cmp(&before.value) {
        // Zero and less mean "no limit" for most bounds, and "none at all" for copies.
        Some(std::cmp::Ordering::Less)
            if after.value <= 0.0 && before.value > 0.0 && unlimited_at_zero(class) =>
        {
            Motion::Removed
        }
        Some(std::cmp::Ordering::Less) => Motion::Lowered,
        Some(std::cmp::Ordering::Greater) => Motion::Raised,
        _ => Motion::Changed,
    };
    // Two doublings make a change unmistakable; ports, weights and work factors (whose cost is
    // often exponential) matter at any step.
    let size = ratio.map_or(1.0, |r| (r.log2().abs() / 2.0).min(1.0));
    let size = if matches!(
        class,
        SettingClass::Port | SettingClass::Weight | SettingClass::WorkFactor
    ) {
        1.0
    } else {
        size
    };
    let strength = class.weight() * (0.25 + 0.75 * size);
    let verb = match motion {
        Motion::Lowered => "lowers",
        Motion::Raised => "raises",
        Motion::Removed => "removes the bound of",
        _ => "changes",
    };
    let mut effect = Effect::new(
        EffectKind::Setting(class, motion),
        file.path,
        strength,
        format!(
            "{verb} the {} `{}` from {} to {}",
            class.noun(),
            b.name,
            describe(before),
            describe(after)
        ),
    )
    .about([full_name(b), a.name.clone()])
    .quoting_removed(b.line.text)
    .quoting_added(a.line.text);
    effect.before = Some(b.raw.clone());
    effect.after = Some(a.raw.clone());
    effect.ratio = ratio;
    effects.push(effect);
}

fn unlimited_at_zero(class: SettingClass) -> bool {
    use SettingClass::*;
    matches!(
        class,
        Timeout | Pool | RateLimit | MessageSize | Entries | CacheLifetime | IdleTime | Queue
    )
}

fn removed(file: &FileView<'_>, s: &Setting<'_>, effects: &mut Vec<Effect>) {
    let class = class_of(s);
    match &s.value {
        Value::Quantity(q)
            if class.weight() >= 0.5 && !(s.positional && s.key.starts_with("cmp ")) =>
        {
            // The whole function or block may be gone; then its settings went with it.
            let orphan = whole_block_gone(file, s);
            let strength = class.weight() * if orphan { 0.3 } else { 0.95 };
            let mut effect = Effect::new(
                EffectKind::Setting(class, Motion::Removed),
                file.path,
                strength,
                format!(
                    "removes the {} `{}` ({})",
                    class.noun(),
                    s.name,
                    describe(amount(s, *q))
                ),
            )
            .about([full_name(s)])
            .quoting_removed(s.line.text);
            effect.before = Some(s.raw.clone());
            effects.push(effect);
        }
        Value::Bool(_) | Value::Text(_) | Value::Expression => texts::removed(file, s, effects),
        Value::Quantity(_) => {}
    }
}

/// Whether this setting's file lost far more than it gained: then the setting went with its user.
fn whole_block_gone(file: &FileView<'_>, s: &Setting<'_>) -> bool {
    let gone = file.net_removed().count();
    let come = file.net_added().count();
    gone >= 12 && gone > 3 * come && !s.positional
        || file.status == super::super::diff::FileStatus::Deleted
}

fn added(file: &FileView<'_>, s: &Setting<'_>, effects: &mut Vec<Effect>) {
    let class = class_of(s);
    match &s.value {
        Value::Quantity(q) if class.weight() >= 0.3 && !s.key.starts_with("cmp ") => {
            if class == SettingClass::Other {
                return;
            }
            let new_code = file.status == super::super::diff::FileStatus::Added;
            // That nothing may run is as clear from what it became alone.
            let stops = class == SettingClass::Concurrency && q.value == 0.0;
            let strength = class.weight()
                * match (new_code, stops) {
                    (true, _) => 0.2,
                    (false, true) => 0.95,
                    (false, false) => 0.5,
                };
            let mut effect = Effect::new(
                EffectKind::Setting(class, Motion::Added),
                file.path,
                strength,
                format!(
                    "sets a {} `{}` of {}",
                    class.noun(),
                    s.name,
                    describe(amount(s, *q))
                ),
            )
            .about([full_name(s)])
            .quoting_added(s.line.text);
            effect.after = Some(s.raw.clone());
            effects.push(effect);
        }
        Value::Bool(_) | Value::Text(_) => texts::added(file, s, effects),
        _ => {}
    }
}
