//! Who leans on whom, for the terminal and for programs that draw.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use model::topology::{Edge, Topology};
use model::{EntityId, EntityKind};

use super::pencil::{Pencil, Tone};
use super::words;

/// The part of the map that is at most `hops` away from one entity, whichever way edges point. Normalised.
pub fn around(topology: &Topology, id: &EntityId, hops: u32) -> Topology {
    let mut near = BTreeSet::from([id]);
    for _ in 0..hops {
        let next: Vec<&EntityId> = topology
            .edges
            .iter()
            .filter_map(
                |edge| match (near.contains(&edge.from), near.contains(&edge.to)) {
                    (true, false) => Some(&edge.to),
                    (false, true) => Some(&edge.from),
                    _ => None,
                },
            )
            .collect();
        if next.is_empty() {
            break;
        }
        near.extend(next);
    }
    let edges = topology.edges.iter();
    let edges = edges.filter(|edge| near.contains(&edge.from) && near.contains(&edge.to));
    let entities = topology.entities.iter();
    Topology {
        entities: entities
            .filter(|one| near.contains(&one.id))
            .cloned()
            .collect(),
        edges: edges.cloned().collect(),
    }
}

/// Each entity with those that it leans on, and where that was seen.
pub fn terminal(topology: &Topology, pencil: &Pencil) -> String {
    let (entities, edges) = (topology.entities.len(), topology.edges.len());
    let mut out = pencil.heading(&format!(
        "{entities} {}, {edges} {} between them",
        if entities == 1 { "entity" } else { "entities" },
        if edges == 1 { "edge" } else { "edges" },
    ));
    let mut leaning: BTreeMap<&EntityId, Vec<&Edge>> = BTreeMap::new();
    let mut carrying: BTreeMap<&EntityId, usize> = BTreeMap::new();
    for edge in &topology.edges {
        leaning.entry(&edge.from).or_default().push(edge);
        *carrying.entry(&edge.to).or_default() += 1;
    }
    for entity in &topology.entities {
        let carried = carrying.get(&entity.id).copied().unwrap_or_default();
        let mut facts = vec![entity.kind.word().to_string()];
        if carried > 0 {
            facts.push(format!("{carried} lean on it"));
        }
        facts.extend(
            entity
                .labels
                .iter()
                .map(|(name, value)| format!("{name} {value}")),
        );
        out += &pencil.paragraph(
            "\n",
            4,
            &[
                (Tone::Strong, entity.id.to_string()),
                (Tone::Faint, facts.join(", ")),
            ],
        );
        for edge in leaning.get(&entity.id).into_iter().flatten() {
            out += &pencil.paragraph(
                "  ",
                6,
                &[
                    (Tone::Plain, words::leans(edge.kind).to_string()),
                    (Tone::Plain, edge.to.to_string()),
                    (Tone::Faint, details(edge)),
                ],
            );
        }
    }
    out
}

/// How often, how sure, and where it was seen.
fn details(edge: &Edge) -> String {
    let mut facts = Vec::new();
    if let Some(calls) = edge.calls_per_request {
        facts.push(format!("{calls:.2} per request"));
    }
    if edge.confidence < 1.0 {
        facts.push(format!("{:.0} % sure", edge.confidence * 100.0));
    }
    if !edge.seen_in.is_empty() {
        facts.push(format!("seen in {}", edge.seen_in));
    }
    facts.join(", ")
}

/// For Graphviz. <https://graphviz.org/doc/info/lang.html>
pub fn dot(topology: &Topology) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut out = "digraph topology {\n  rankdir=LR;\n  node [shape=box];\n".to_string();
    for entity in &topology.entities {
        let shape = match entity.kind {
            EntityKind::Database | EntityKind::Table | EntityKind::Cache => " [shape=cylinder]",
            EntityKind::Queue => " [shape=cds]",
            EntityKind::External | EntityKind::Client => " [style=dashed]",
            _ => "",
        };
        // Writing to a text cannot fail.
        let _ = writeln!(out, "  {}{shape};", quoted(&one_line(entity.id.as_str())));
    }
    for edge in &topology.edges {
        let (from, to) = (one_line(edge.from.as_str()), one_line(edge.to.as_str()));
        let label = quoted(words::leans(edge.kind));
        let _ = writeln!(
            out,
            "  {} -> {} [label={label}];",
            quoted(&from),
            quoted(&to)
        );
    }
    out + "}\n"
}

/// For Mermaid, as Markdown pages show it. <https://mermaid.js.org/syntax/flowchart.html>
pub fn mermaid(topology: &Topology) -> String {
    let number: BTreeMap<&EntityId, usize> = topology
        .entities
        .iter()
        .map(|entity| &entity.id)
        .chain(
            topology
                .edges
                .iter()
                .flat_map(|edge| [&edge.from, &edge.to]),
        )
        .collect::<BTreeSet<_>>()
        .into_iter()
        .enumerate()
        .map(|(number, id)| (id, number))
        .collect();
    let mut out = "flowchart LR\n".to_string();
    for (id, number) in &number {
        let name = one_line(id.as_str())
            .replace('&', "#amp;")
            .replace('"', "#quot;")
            .replace('<', "#lt;")
            .replace('>', "#gt;");
        let _ = writeln!(out, "  n{number}[\"{name}\"]");
    }
    for edge in &topology.edges {
        if let (Some(from), Some(to)) = (number.get(&edge.from), number.get(&edge.to)) {
            let _ = writeln!(
                out,
                "  n{from} -- \"{}\" --> n{to}",
                words::leans(edge.kind)
            );
        }
    }
    out
}

/// Names come from telemetry, and may hold anything.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|sign| if sign.is_control() { ' ' } else { sign })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> Topology {
        let mut map = Topology::default();
        for id in [
            "service/cart",
            "database/a\"b\\c\n",
            "service/front",
            "host/far",
        ] {
            map.entities.push(model::Entity {
                id: id.into(),
                kind: EntityKind::Service,
                name: id.to_string(),
                labels: BTreeMap::new(),
            });
        }
        for (from, to, seen_in) in [
            ("service/front", "service/cart", "traces"),
            (
                "service/cart",
                "database/a\"b\\c\n",
                "prometheus.main, traces",
            ),
        ] {
            map.edges.push(Edge {
                from: from.into(),
                to: to.into(),
                kind: model::EdgeKind::Calls,
                confidence: 0.5,
                calls_per_request: Some(1.5),
                seen_in: seen_in.to_string(),
            });
        }
        map.normalise();
        map
    }

    #[test]
    fn a_neighbourhood_ends_after_its_hops() {
        let ids = |hops: u32| -> Vec<String> {
            let near = around(&map(), &"service/front".into(), hops);
            near.entities.iter().map(|one| one.id.to_string()).collect()
        };
        assert_eq!(ids(0), ["service/front"]);
        assert_eq!(ids(1), ["service/cart", "service/front"]);
        assert_eq!(ids(9).len(), 3);
    }

    #[test]
    fn names_cannot_break_out_of_a_drawing() {
        assert!(
            dot(&map())
                .contains("  \"service/cart\" -> \"database/a\\\"b\\\\c \" [label=\"calls\"];\n")
        );
        assert!(mermaid(&map()).contains("  n0[\"database/a#quot;b\\c \"]\n"));
        assert!(mermaid(&map()).contains("  n2 -- \"calls\" --> n0\n"));
    }

    #[test]
    fn each_edge_says_where_it_was_seen() {
        let text = terminal(&map(), &Pencil::default());
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("4 ENTITIES, 2 EDGES"), "{text}");
        assert!(
            text.contains("1.50 per request, 50 % sure, seen in prometheus.main, traces"),
            "{text}"
        );
    }
}
