//! One series: its baseline band, where it began to fail, and what was changed meanwhile.

use std::fmt::Write as _;

use model::report::{Picture, Report};

use super::axis::{TimeScale, label, round_moments, round_values};
use super::svg::{Svg, at, fit};
use crate::dress::text::number;
use crate::dress::words;

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 508.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 200.0;

/// `None` when there is nothing that can be drawn: no two finite points, or numbers beyond drawing.
pub fn series(place: usize, picture: &Picture, report: &Report) -> Option<String> {
    let mut points: Vec<(i64, f64)> = picture
        .times
        .iter()
        .zip(&picture.values)
        .map(|(time, value)| (time.0, *value))
        .filter(|(_, value)| value.is_finite())
        .collect();
    points.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let (from, to) = (points.first()?.0, points.last()?.0);
    if from == to {
        return None;
    }
    let band = picture
        .band
        .filter(|(low, high)| low.is_finite() && high.is_finite());
    let (low, high) = range(&points, band)?;
    let times = TimeScale {
        from,
        to,
        left: LEFT,
        right: RIGHT,
    };
    let y = |value: f64| BOTTOM - (value - low) / (high - low) * (BOTTOM - TOP);

    let mut svg = Svg::new(format!("series-{place}"), WIDTH, HEIGHT);
    for value in round_values(low, high) {
        svg.line("grid", (LEFT, y(value)), (RIGHT, y(value)));
        svg.text("tick", (LEFT - 6.0, y(value) + 4.0), "end", &label(value));
    }
    for (moment, text) in round_moments(from, to, 6) {
        svg.text("tick", (times.x(moment), BOTTOM + 22.0), "middle", &text);
    }
    // "1" is how a bare number is written as a unit.
    if !matches!(picture.unit.as_str(), "" | "1") {
        svg.text(
            "tick",
            (LEFT - 6.0, TOP - 14.0),
            "end",
            &fit(&picture.unit, LEFT - 8.0, 11.0),
        );
    }
    if let Some((a, b)) = band {
        let (lower, upper) = (a.min(b), a.max(b));
        svg.open(
            "band",
            &format!("Baseline: {} to {}", number(lower), number(upper)),
        );
        svg.rect(
            "band",
            (LEFT, y(upper)),
            (RIGHT - LEFT, (y(lower) - y(upper)).max(2.0)),
            0.0,
        );
        svg.close();
    }
    let onset = picture
        .onset
        .map(|o| (o.lo.0.min(o.hi.0), o.lo.0.max(o.hi.0)));
    if let Some((lo, hi)) = onset.filter(|(lo, hi)| *hi >= from && *lo <= to) {
        let left = times.x(lo);
        let width = (times.x(hi) - left).max(3.0);
        svg.open(
            "onset",
            &picture.onset.map(words::onset).unwrap_or_default(),
        );
        svg.rect("onset", (left, TOP), (width, BOTTOM - TOP), 0.0);
        let (x, anchor) = if left > RIGHT - 60.0 {
            (left + width, "end")
        } else {
            (left, "start")
        };
        svg.text("onset-label", (x, TOP - 4.0), anchor, "onset");
        svg.close();
    }
    changes(&mut svg, report, times);
    let began = onset.map_or(i64::MAX, |(lo, _)| lo);
    curve(&mut svg, &points, began, &|time| times.x(time), &y);
    svg.line("axis", (LEFT, BOTTOM), (RIGHT, BOTTOM));

    Some(svg.finish(&picture.title, &describe(picture, &points)))
}

/// The range of values drawn: all points and the band, with air above and below.
fn range(points: &[(i64, f64)], band: Option<(f64, f64)>) -> Option<(f64, f64)> {
    let band = band.into_iter().flat_map(|(a, b)| [a, b]);
    let values = points.iter().map(|(_, value)| *value).chain(band);
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let span = high - low;
    // Beyond this the differences of pixels lose their meaning.
    if !span.is_finite() || span > 1e15 || high.abs() > 1e15 {
        return None;
    }
    if span == 0.0 {
        let air = (high.abs() * 0.1).max(1.0);
        return Some((low - air, high + air));
    }
    // What cannot fall below zero is drawn from zero, when zero is near anyway.
    let floor = if low >= 0.0 && low < span {
        0.0
    } else {
        low - span * 0.06
    };
    Some((floor, high + span * 0.08))
}

/// The line in two tones, before and after it began; holes in the data stay holes.
fn curve(
    svg: &mut Svg,
    points: &[(i64, f64)],
    began: i64,
    x: &dyn Fn(i64) -> f64,
    y: &dyn Fn(f64) -> f64,
) {
    let mut steps: Vec<i64> = points
        .windows(2)
        .map(|pair| pair[1].0.saturating_sub(pair[0].0))
        .collect();
    steps.sort_unstable();
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(1).max(1);
    let (mut well, mut ill) = (String::new(), String::new());
    let mut before: Option<(i64, f64)> = None;
    for (time, value) in points {
        let hole =
            before.is_none_or(|(last, _)| time.saturating_sub(last) > usual.saturating_mul(3));
        let data = if *time > began { &mut ill } else { &mut well };
        if let (false, Some((last, earlier))) = (hole, before) {
            if data.is_empty() && *time > began {
                let _ = write!(data, "M{} {}", at(x(last)), at(y(earlier)));
            }
            let _ = write!(data, "L{} {}", at(x(*time)), at(y(*value)));
        } else {
            // A point alone between two holes would be invisible without a short stroke.
            let _ = write!(data, "M{} {}h0.1", at(x(*time)), at(y(*value)));
        }
        before = Some((*time, *value));
    }
    for (class, data) in [("curve well", well), ("curve ill", ill)] {
        if !data.is_empty() {
            svg.path(class, &data);
        }
    }
}

/// A mark at each change of the timeline that falls inside, at most eight: what changed is told by the
/// mark's tooltip and by the timeline, since words here would cover each other.
fn changes(svg: &mut Svg, report: &Report, times: TimeScale) {
    let inside = report
        .timeline
        .iter()
        .filter(|entry| entry.kind == "change" && times.holds(entry.at.0))
        .take(8);
    for entry in inside {
        let x = times.x(entry.at.0);
        svg.open(
            "change",
            &format!("{} {}", entry.at.clock(), entry.claim.text),
        );
        svg.line("change", (x, TOP), (x, BOTTOM));
        svg.path(
            "change-mark",
            &format!("M{} {}l-5 8h10z", at(x), at(BOTTOM + 1.0)),
        );
        svg.close();
    }
}

fn describe(picture: &Picture, points: &[(i64, f64)]) -> String {
    let low = points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
    let mut text = format!(
        "{} points between {} and {}{}.",
        points.len(),
        number(low),
        number(high),
        words::unit(&picture.unit)
    );
    if let Some((low, high)) = picture.band {
        let _ = write!(
            text,
            " The baseline lies between {} and {}.",
            number(low),
            number(high)
        );
    }
    if let Some(onset) = picture.onset {
        let _ = write!(text, " It began {}.", words::onset(onset));
    }
    text
}
