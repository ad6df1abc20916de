//! How the failure travelled: from the causes, layer by layer, to the symptoms.

use std::collections::{BTreeMap, BTreeSet};

use model::report::Report;
use model::{EdgeKind, EntityId};

use super::Pair;
use super::svg::{Svg, at, fit};
use crate::dress::words::{self, Names};

/// More than this cannot be read as a picture; the path in each cause's card holds them all.
const MOST: usize = 30;

/// Size of a node's box.
const BOX: (f64, f64) = (196.0, 48.0);

struct Node<'a> {
    name: &'a str,
    note: String,
    /// `None` for a bend of an arrow that passes a layer: it takes room, and shows nothing.
    class: Option<&'static str>,
    /// How many steps from the nearest cause, by the longest way.
    layer: usize,
    /// Place within its layer.
    slot: usize,
}

struct Arrow {
    /// Indexes into the nodes, in the direction in which failure travels.
    from: usize,
    to: usize,
    /// The bends in between, where it passes over layers.
    bends: Vec<usize>,
    kind: EdgeKind,
    /// Does evidence show that the failure took it?
    lit: bool,
}

/// Which way the failure runs across the page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Right,
    Down,
}

/// `None` when no cause has a path, or there are too many entities for a picture.
pub fn path(report: &Report, names: &Names<'_>) -> Option<Pair> {
    let (nodes, arrows) = layout(report, names)?;
    Some(Pair {
        wide: draw("path-wide", &nodes, &arrows, Direction::Right),
        narrow: draw("path-narrow", &nodes, &arrows, Direction::Down),
    })
}

fn layout<'a>(report: &'a Report, names: &'a Names<'_>) -> Option<(Vec<Node<'a>>, Vec<Arrow>)> {
    let mut ids: BTreeSet<&EntityId> = BTreeSet::new();
    let mut links: BTreeMap<(&EntityId, &EntityId, EdgeKind), bool> = BTreeMap::new();
    for cause in &report.causes {
        ids.insert(&cause.entity);
        for link in &cause.path {
            ids.extend([&link.from, &link.to]);
            if link.from != link.to {
                *links.entry((&link.to, &link.from, link.kind)).or_default() |=
                    !link.evidence.is_empty();
            }
        }
    }
    if links.is_empty() || ids.len() > MOST {
        return None;
    }
    let ids: Vec<&EntityId> = ids.into_iter().collect();
    let place = |id: &EntityId| ids.binary_search(&id).unwrap_or(0);
    let mut arrows: Vec<Arrow> = links
        .into_iter()
        .map(|((from, to, kind), lit)| Arrow {
            from: place(from),
            to: place(to),
            bends: Vec::new(),
            kind,
            lit,
        })
        .collect();
    let roots: Vec<usize> = report
        .causes
        .iter()
        .map(|cause| place(&cause.entity))
        .collect();
    let layers = layers(ids.len(), &arrows, &roots);
    let mut nodes: Vec<Node<'a>> = ids
        .iter()
        .zip(&layers)
        .map(|(id, layer)| node(report, names, id, *layer))
        .collect();
    for arrow in &mut arrows {
        for layer in nodes[arrow.from].layer + 1..nodes[arrow.to].layer {
            arrow.bends.push(nodes.len());
            nodes.push(Node {
                name: "",
                note: String::new(),
                class: None,
                layer,
                slot: 0,
            });
        }
    }
    order(&mut nodes, &arrows);
    Some((nodes, arrows))
}

fn node<'a>(report: &'a Report, names: &'a Names<'_>, id: &'a EntityId, layer: usize) -> Node<'a> {
    let cause = report.causes.iter().find(|cause| cause.entity == *id);
    let symptoms: Vec<&str> = report
        .symptoms
        .iter()
        .filter(|symptom| symptom.entity == *id)
        .map(|symptom| symptom.aspect.as_str())
        .collect();
    let (class, note) = match (cause, symptoms.is_empty()) {
        (Some(cause), _) => (
            "node cause",
            format!("cause, {} {:.2}", cause.word.text(), cause.confidence),
        ),
        (None, false) => ("node symptom", format!("symptom: {}", symptoms.join(", "))),
        (None, true) => ("node way", names.kind(id).to_string()),
    };
    Node {
        name: names.name(id),
        note,
        class: Some(class),
        layer,
        slot: 0,
    }
}

/// The longest way from a cause, so that arrows run forward. Where links form a ring no longest way
/// exists; the shortest is taken then.
fn layers(count: usize, arrows: &[Arrow], roots: &[usize]) -> Vec<usize> {
    let mut longest = vec![0; count];
    for _ in 0..count {
        let mut settled = true;
        for arrow in arrows {
            if longest[arrow.to] <= longest[arrow.from] {
                longest[arrow.to] = longest[arrow.from] + 1;
                settled = false;
            }
        }
        if settled {
            return longest;
        }
    }
    let mut shortest = vec![usize::MAX; count];
    for root in roots {
        shortest[*root] = 0;
    }
    for _ in 0..count {
        for arrow in arrows {
            let next = shortest[arrow.from].saturating_add(1);
            shortest[arrow.to] = shortest[arrow.to].min(next);
        }
    }
    shortest
        .iter()
        .map(|layer| if *layer > count { 0 } else { *layer })
        .collect()
}

/// Puts each node near the middle of those it is reached from, layer by layer; ties keep the order of
/// the ids, so the same report gives the same picture.
fn order(nodes: &mut [Node<'_>], arrows: &[Arrow]) {
    let steps: Vec<(usize, usize)> = arrows
        .iter()
        .flat_map(|arrow| {
            let stops: Vec<usize> = std::iter::once(arrow.from)
                .chain(arrow.bends.iter().copied())
                .chain([arrow.to])
                .collect();
            stops
                .windows(2)
                .map(|pair| (pair[0], pair[1]))
                .collect::<Vec<_>>()
        })
        .collect();
    let deepest = nodes.iter().map(|node| node.layer).max().unwrap_or(0);
    for layer in 0..=deepest {
        let mut members: Vec<(f64, usize)> = (0..nodes.len())
            .filter(|index| nodes[*index].layer == layer)
            .map(|index| {
                let above: Vec<f64> = steps
                    .iter()
                    .filter(|(from, to)| *to == index && nodes[*from].layer < layer)
                    .map(|(from, _)| nodes[*from].slot as f64)
                    .collect();
                let middle = above.iter().sum::<f64>() / above.len().max(1) as f64;
                (middle, index)
            })
            .collect();
        members.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (slot, (_, index)) in members.into_iter().enumerate() {
            nodes[index].slot = slot;
        }
    }
}

fn draw(name: &str, nodes: &[Node<'_>], arrows: &[Arrow], direction: Direction) -> String {
    let layers = nodes.iter().map(|node| node.layer).max().unwrap_or(0) + 1;
    let in_layer = |layer| nodes.iter().filter(|node| node.layer == layer).count();
    let widest = (0..layers).map(in_layer).max().unwrap_or(1);
    // Room between boxes: along the way for the arrow and its word, across it for air.
    let (along, across) = match direction {
        Direction::Right => (BOX.0 + 92.0, BOX.1 + 26.0),
        Direction::Down => (BOX.1 + 54.0, BOX.0 + 20.0),
    };
    let pad = 4.0;
    let corner = |node: &Node<'_>| {
        let shift = (widest - in_layer(node.layer)) as f64 * across / 2.0;
        let (main, side) = (node.layer as f64 * along, node.slot as f64 * across + shift);
        match direction {
            Direction::Right => (pad + main, pad + side),
            Direction::Down => (pad + side, pad + main),
        }
    };
    let (main, side) = ((layers - 1) as f64 * along, (widest - 1) as f64 * across);
    let (width, height) = match direction {
        Direction::Right => (main, side),
        Direction::Down => (side, main),
    };
    let mut svg = Svg::new(name, width + BOX.0 + 2.0 * pad, height + BOX.1 + 2.0 * pad);
    for arrow in arrows {
        let (from, to) = (&nodes[arrow.from], &nodes[arrow.to]);
        let bends: Vec<(f64, f64)> = arrow
            .bends
            .iter()
            .map(|bend| corner(&nodes[*bend]))
            .collect();
        let title = format!(
            "{}, {} {} ({})",
            from.name,
            words::carries(arrow.kind),
            to.name,
            if arrow.lit {
                "seen"
            } else {
                "inferred, not seen"
            }
        );
        svg.open(if arrow.lit { "edge lit" } else { "edge" }, &title);
        draw_arrow(
            &mut svg,
            words::carries(arrow.kind),
            corner(from),
            &bends,
            corner(to),
            direction,
        );
        svg.close();
    }
    for node in nodes {
        let Some(class) = node.class else { continue };
        let (x, y) = corner(node);
        svg.open(class, &format!("{}: {}", node.name, node.note));
        svg.rect("box", (x, y), BOX, 9.0);
        svg.text(
            "name",
            (x + 12.0, y + 20.0),
            "start",
            &fit(node.name, BOX.0 - 22.0, 13.0),
        );
        svg.text(
            "note",
            (x + 12.0, y + 37.0),
            "start",
            &fit(&node.note, BOX.0 - 22.0, 11.0),
        );
        svg.close();
    }
    let described: Vec<String> = arrows
        .iter()
        .map(|a| {
            format!(
                "{}, {} {}",
                nodes[a.from].name,
                words::carries(a.kind),
                nodes[a.to].name
            )
        })
        .collect();
    svg.finish(
        "How the failure travelled",
        &format!("{}.", described.join("; ")),
    )
}

/// A curve from box to box through the bends, and the word of the edge on its first stretch.
fn draw_arrow(
    svg: &mut Svg,
    word: &str,
    from: (f64, f64),
    bends: &[(f64, f64)],
    to: (f64, f64),
    direction: Direction,
) {
    let head = 7.0;
    let leave = |corner: (f64, f64)| match direction {
        Direction::Right => (corner.0 + BOX.0, corner.1 + BOX.1 / 2.0),
        Direction::Down => (corner.0 + BOX.0 / 2.0, corner.1 + BOX.1),
    };
    let enter = |corner: (f64, f64)| match direction {
        Direction::Right => (corner.0, corner.1 + BOX.1 / 2.0),
        Direction::Down => (corner.0 + BOX.0 / 2.0, corner.1),
    };
    let mut stops = vec![leave(from)];
    for bend in bends {
        stops.extend([enter(*bend), leave(*bend)]);
    }
    let tip = enter(to);
    stops.push(match direction {
        Direction::Right => (tip.0 - head, tip.1),
        Direction::Down => (tip.0, tip.1 - head),
    });
    let mut data = format!("M{} {}", at(stops[0].0), at(stops[0].1));
    for pair in stops.windows(2) {
        let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
        let (first, second) = match direction {
            Direction::Right => {
                let bend = (x2 - x1).abs().max(60.0) / 2.0;
                ((x1 + bend, y1), (x2 - bend, y2))
            }
            Direction::Down => {
                let bend = (y2 - y1).abs().max(40.0) / 2.0;
                ((x1, y1 + bend), (x2, y2 - bend))
            }
        };
        for (letter, point) in [("C", first), (" ", second), (" ", (x2, y2))] {
            data += &format!("{letter}{} {}", at(point.0), at(point.1));
        }
    }
    svg.path("way", &data);
    let side = if direction == Direction::Right {
        "l-7 -5v10z"
    } else {
        "l-5 -7h10z"
    };
    svg.path("tip", &format!("M{} {}{side}", at(tip.0), at(tip.1)));
    let ((x1, y1), (x2, y2)) = (stops[0], stops[1]);
    match direction {
        Direction::Right => {
            svg.text(
                "edge-label",
                ((x1 + x2) / 2.0, (y1 + y2) / 2.0 - 6.0),
                "middle",
                word,
            );
        }
        Direction::Down => {
            svg.text(
                "edge-label",
                ((x1 + x2) / 2.0 + 8.0, (y1 + y2) / 2.0 + 4.0),
                "start",
                word,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: usize, to: usize) -> Arrow {
        Arrow {
            from,
            to,
            bends: Vec::new(),
            kind: EdgeKind::Calls,
            lit: true,
        }
    }

    #[test]
    fn layers_follow_the_longest_way() {
        let arrows = [arrow(0, 1), arrow(1, 2), arrow(0, 2)];
        assert_eq!(layers(3, &arrows, &[0]), [0, 1, 2]);
    }

    #[test]
    fn rings_do_not_run_away() {
        let arrows = [arrow(0, 1), arrow(1, 2), arrow(2, 0)];
        assert_eq!(layers(3, &arrows, &[0]), [0, 1, 2]);
    }
}
