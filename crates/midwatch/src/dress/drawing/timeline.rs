//! The timeline as a drawing: a lane for each entity, marks for moments, bars for what lasts, and gaps
//! in the telemetry as hatched gaps.

use std::collections::BTreeSet;

use model::report::{Report, TimelineEntry};
use model::{EntityId, Timestamp};

use super::axis::{TimeScale, round_moments};
use super::svg::{Svg, at, fit};
use super::{Pair, kind_class};
use crate::dress::words::{self, Names};

/// More lanes than this are a list, which stands below the drawing anyway; the rest share one lane.
const LANES: usize = 12;

struct Lane<'a> {
    label: &'a str,
    entries: Vec<&'a TimelineEntry>,
}

/// Where things stand in one of the two shapes.
struct Shape {
    name: &'static str,
    width: f64,
    /// Room for labels left of the lanes; on a narrow page they stand above them.
    gutter: f64,
    lane: f64,
    ticks: usize,
}

/// `None` when the timeline is empty.
pub fn timeline(report: &Report, names: &Names<'_>) -> Option<Pair> {
    if report.timeline.is_empty() {
        return None;
    }
    let lanes = lanes(report, names);
    let wide = Shape {
        name: "timeline-wide",
        width: 1000.0,
        gutter: 170.0,
        lane: 42.0,
        ticks: 9,
    };
    let narrow = Shape {
        name: "timeline-narrow",
        width: 400.0,
        gutter: 8.0,
        lane: 56.0,
        ticks: 4,
    };
    Some(Pair {
        wide: draw(report, &lanes, &wide),
        narrow: draw(report, &lanes, &narrow),
    })
}

fn lanes<'a>(report: &'a Report, names: &'a Names<'_>) -> Vec<Lane<'a>> {
    let mut order: Vec<Option<&EntityId>> = Vec::new();
    let mut known: BTreeSet<Option<&EntityId>> = BTreeSet::new();
    for entry in &report.timeline {
        if known.insert(entry.entity.as_ref()) {
            order.push(entry.entity.as_ref());
        }
    }
    let alone = if order.len() > LANES {
        LANES - 1
    } else {
        order.len()
    };
    let of = |entity: Option<&EntityId>| {
        report
            .timeline
            .iter()
            .filter(move |entry| entry.entity.as_ref() == entity)
            .collect::<Vec<_>>()
    };
    let mut lanes: Vec<Lane<'a>> = order[..alone]
        .iter()
        .map(|entity| Lane {
            label: entity.map_or("everything", |id| names.name(id)),
            entries: of(*entity),
        })
        .collect();
    let others: Vec<&TimelineEntry> = order[alone..].iter().flat_map(|e| of(*e)).collect();
    if !others.is_empty() {
        lanes.push(Lane {
            label: "others",
            entries: others,
        });
    }
    lanes
}

/// The stretch that is drawn: from a little before the first thing that happened in or near the
/// window that was looked at, to its end. What lies far before (yesterday's change) stands at the left edge instead of squeezing
/// the rest.
fn stretch(report: &Report) -> (i64, i64) {
    let (from, to) = (report.header.window.from().0, report.header.window.to().0);
    let length = to.saturating_sub(from);
    let (air, far) = (length / 12, from.saturating_sub(length));
    let starts = report.timeline.iter().map(|entry| entry.at.0);
    let first = starts
        .filter(|at| *at >= far)
        .min()
        .unwrap_or(from)
        .min(from);
    let ends = report
        .timeline
        .iter()
        .map(|entry| entry.until.unwrap_or(entry.at).0);
    let last = ends
        .max()
        .unwrap_or(to)
        .clamp(to, to.saturating_add(length));
    (first.saturating_sub(air), last)
}

fn draw(report: &Report, lanes: &[Lane<'_>], shape: &Shape) -> String {
    let (top, foot) = (8.0, 26.0);
    let bottom = top + lanes.len() as f64 * shape.lane;
    let (from, to) = stretch(report);
    let times = TimeScale {
        from,
        to,
        left: shape.gutter + 14.0,
        right: shape.width - 14.0,
    };
    let mut svg = Svg::new(shape.name, shape.width, bottom + foot);
    // Two patterns of one name in one page would clash, so the name carries the shape's.
    let hatch = format!("{}-hatch", shape.name);
    svg.pattern(&hatch);

    for (moment, text) in round_moments(from, to, shape.ticks) {
        let x = times.x(moment);
        svg.line("grid", (x, top), (x, bottom));
        svg.text("tick", (x, bottom + 18.0), "middle", &text);
    }
    if let Some(onset) = report.header.started {
        let (left, right) = (times.x(onset.lo.0), times.x(onset.hi.0));
        svg.open("onset", &format!("It began {}", words::onset(onset)));
        svg.rect(
            "onset",
            (left, top),
            ((right - left).max(3.0), bottom - top),
            0.0,
        );
        svg.close();
    }
    for (index, lane) in lanes.iter().enumerate() {
        let y = top + index as f64 * shape.lane;
        draw_lane(&mut svg, lane, y, shape, times, &hatch);
    }
    let described: Vec<String> = report
        .timeline
        .iter()
        .take(40)
        .map(|entry| format!("{} {}: {}", entry.at.clock(), entry.kind, entry.claim.text))
        .collect();
    svg.finish("Timeline", &described.join(" "))
}

fn draw_lane(svg: &mut Svg, lane: &Lane<'_>, y: f64, shape: &Shape, times: TimeScale, hatch: &str) {
    let beside = shape.gutter > 100.0;
    let middle = if beside {
        y + shape.lane / 2.0
    } else {
        y + shape.lane - 20.0
    };
    if beside {
        let label = fit(lane.label, shape.gutter - 14.0, 13.0);
        svg.text(
            "lane-label",
            (shape.gutter - 6.0, middle + 4.0),
            "end",
            &label,
        );
    } else {
        let label = fit(lane.label, shape.width - 20.0, 12.0);
        svg.text("lane-label", (times.left - 6.0, y + 15.0), "start", &label);
    }
    svg.line("lane", (times.left, middle), (times.right, middle));
    // Long things first, so that moments stay visible on top of them.
    for entry in lane.entries.iter().filter(|entry| entry.until.is_some()) {
        bar(svg, entry, middle, times, hatch);
    }
    // Marks that would hide each other step aside, by turns up and down.
    const ASIDE: [f64; 3] = [0.0, -11.0, 11.0];
    let (mut last_x, mut crowd) = (f64::NEG_INFINITY, 0);
    let mut marks: Vec<(&TimelineEntry, f64, f64)> = Vec::new();
    let whole_gap = |entry: &TimelineEntry| entry.until.is_some() && entry.kind == "gap";
    for entry in lane.entries.iter().filter(|entry| !whole_gap(entry)) {
        let x = times.x(entry.at.0);
        crowd = if x - last_x < 10.0 { crowd + 1 } else { 0 };
        last_x = x;
        marks.push((entry, x, middle + ASIDE[crowd % ASIDE.len()]));
    }
    // Changes on top: they are what people look for.
    marks.sort_by_key(|(entry, ..)| entry.kind == "change");
    for (entry, x, y) in marks {
        mark(svg, entry, (x, y), entry.at < Timestamp(times.from));
    }
}

fn bar(svg: &mut Svg, entry: &TimelineEntry, middle: f64, times: TimeScale, hatch: &str) {
    let until = entry.until.unwrap_or(entry.at);
    let (left, right) = (times.x(entry.at.0), times.x(until.0));
    let class = kind_class(&entry.kind);
    svg.open(class, &told(entry));
    let size = ((right - left).max(3.0), 16.0);
    if entry.kind == "gap" {
        svg.filled_rect(
            "hole",
            (left, middle - 8.0),
            size,
            &format!("url(#{hatch})"),
        );
    } else {
        svg.rect("bar", (left, middle - 4.0), (size.0, 8.0), 4.0);
    }
    svg.close();
}

/// Each kind has its own form as well as its own colour.
fn mark(svg: &mut Svg, entry: &TimelineEntry, (x, y): (f64, f64), earlier: bool) {
    let class = kind_class(&entry.kind);
    svg.open(class, &told(entry));
    let start = format!("M{} {}", at(x), at(y));
    let form = match class {
        "change" => format!("{start}m0 -8l8 8l-8 8l-8 -8z"),
        "onset" => format!("{start}m-3 -9h6v18h-6z"),
        "alarm" => format!("{start}m0 -9l8.5 15h-17z"),
        "recovery" => format!("{start}m-7 0l5 6l9 -11"),
        "gap" => format!("{start}m-6 -6l12 12m0 -12l-12 12"),
        _ => format!("{start}m-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0z"),
    };
    svg.path(
        if matches!(class, "recovery" | "gap") {
            "mark stroke"
        } else {
            "mark"
        },
        &form,
    );
    if earlier {
        svg.text("tick", (x - 12.0, y + 4.0), "end", "\u{ab}");
    }
    svg.close();
}

fn told(entry: &TimelineEntry) -> String {
    let until = entry
        .until
        .map(|u| format!(" to {}", u.clock()))
        .unwrap_or_default();
    format!(
        "{}{until} {}: {}",
        entry.at.clock(),
        entry.kind,
        entry.claim.text
    )
}
