//! Who calls whom, read from spans.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Edge, EdgeKind, Topology};
use crate::case::OwnedSpan;
use crate::entity::{Entity, EntityId, EntityKind};
use crate::telemetry::SpanKind;

/// The host part of an address or URL.
fn host(address: &str) -> &str {
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    let bare = bare.split(['/', '?', '#']).next().unwrap_or_default();
    let bare = bare.rsplit_once('@').map_or(bare, |(_, rest)| rest);
    match bare.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => bare,
    }
}

/// How the one behind an address may be called: as it stands, its host, and the first part of that.
fn spelt(peer: &str) -> [&str; 3] {
    let name = host(peer);
    [peer, name, name.split('.').next().unwrap_or(name)]
}

/// Does an address name this machine, or is it made of numbers? Then it says nothing about who stands
/// behind it.
fn anonymous(name: &str) -> bool {
    name.is_empty()
        || name.len() > 253
        || name == "localhost"
        || name.contains(':')
        || name.starts_with('[')
        || name
            .split('.')
            .all(|label| label.bytes().all(|b| b.is_ascii_digit()))
}

/// What sort of thing the other end of a span is that left no span of its own.
fn kind_of_peer(span: &OwnedSpan) -> EntityKind {
    let says = |prefix: &str| {
        span.attributes
            .iter()
            .any(|(name, _)| name.starts_with(prefix))
    };
    if says("db.") {
        EntityKind::Database
    } else if says("messaging.") {
        EntityKind::Queue
    } else {
        EntityKind::External
    }
}

/// Who answers a caller that names a peer so; `None` where it is not always the same.
fn usual_callees(spans: &[OwnedSpan]) -> BTreeMap<(&EntityId, &str), Option<&EntityId>> {
    let mut asking: HashMap<(&str, &str), &OwnedSpan> = HashMap::with_capacity(spans.len() / 2);
    for span in spans {
        let calling = matches!(span.kind, SpanKind::Client | SpanKind::Producer);
        if calling && !span.peer.is_empty() {
            asking.insert((&span.trace_id, &span.span_id), span);
        }
    }
    let mut usual: BTreeMap<(&EntityId, &str), Option<&EntityId>> = BTreeMap::new();
    for answer in spans {
        let Some(asked) = asking.get(&(&*answer.trace_id, &*answer.parent_id)) else {
            continue;
        };
        if asked.entity == answer.entity {
            continue;
        }
        usual
            .entry((&asked.entity, &*asked.peer))
            .and_modify(|known| *known = known.filter(|id| **id == answer.entity))
            .or_insert(Some(&answer.entity));
    }
    usual
}

/// Among more entrances than this nobody can tell which one is meant.
const MOST_ENTRANCES: usize = 4;
/// How sure it is that who asks from outside asks there.
const SUPPOSED: f64 = 0.6;

/// Words of ids under which callers alone know somebody.
const PEERS: [&str; 3] = ["database", "queue", "external"];

impl Topology {
    /// Finds out who stands behind those whom only callers know, by the name of a machine: `database/orders.shop.internal`
    /// is `service/orders` if there is one, and it is the only one that is called so.
    pub(super) fn name_peers(&mut self) {
        let own_name = |id: &EntityId| -> Option<(String, bool)> {
            let (word, name) = id.as_str().split_once('/')?;
            Some((name.to_string(), PEERS.contains(&word)))
        };
        let leaning: BTreeSet<&EntityId> = self.edges.iter().map(|edge| &edge.from).collect();
        let mut called: BTreeMap<String, Vec<&EntityId>> = BTreeMap::new();
        let mut peers: Vec<(&EntityId, String)> = Vec::new();
        for entity in &self.entities {
            let runs = matches!(
                entity.kind,
                EntityKind::Service | EntityKind::Database | EntityKind::Queue | EntityKind::Cache
            );
            let Some((name, is_peer)) = own_name(&entity.id) else {
                continue;
            };
            let first = name.split('.').next().unwrap_or_default().to_string();
            if is_peer && first != name && !anonymous(&name) && !leaning.contains(&entity.id) {
                peers.push((&entity.id, first));
            } else if runs {
                called.entry(name).or_default().push(&entity.id);
            }
        }
        let known: BTreeMap<EntityId, EntityId> = peers
            .into_iter()
            .filter_map(|(peer, name)| match called.get(&name)?.as_slice() {
                [only] => Some((peer.clone(), (*only).clone())),
                _ => None,
            })
            .collect();
        if known.is_empty() {
            return;
        }
        self.entities
            .retain(|entity| !known.contains_key(&entity.id));
        for edge in &mut self.edges {
            if let Some(id) = known.get(&edge.to) {
                edge.to.clone_from(id);
            }
        }
        self.edges.retain(|edge| edge.from != edge.to);
    }

    /// Whoever asks from outside, of whom nobody told whom they ask (a probe of a public address), asks at the entrances:
    /// those who call others and whom nobody calls. Where there are many, nobody knows which. Normalises.
    pub fn suppose_entrances(&mut self) {
        let joined: BTreeSet<&EntityId> = self
            .edges
            .iter()
            .flat_map(|edge| [&edge.from, &edge.to])
            .collect();
        let outside: Vec<&EntityId> = self
            .entities
            .iter()
            .filter(|one| one.kind == EntityKind::Client && !joined.contains(&one.id))
            .map(|one| &one.id)
            .collect();
        let clients: BTreeSet<&EntityId> = self
            .entities
            .iter()
            .filter(|one| one.kind == EntityKind::Client)
            .map(|one| &one.id)
            .collect();
        // What people's devices ask is an entrance all the same.
        let carries = |edge: &&Edge| {
            matches!(edge.kind, EdgeKind::Calls | EdgeKind::Produces)
                && !clients.contains(&edge.from)
        };
        let asked: BTreeSet<&EntityId> = self
            .edges
            .iter()
            .filter(carries)
            .map(|edge| &edge.to)
            .collect();
        // Who takes messages is set going by them.
        let set_going = |id: &EntityId| {
            self.edges
                .iter()
                .any(|edge| edge.kind == EdgeKind::Consumes && edge.from == *id)
        };
        let entrances: BTreeSet<&EntityId> = self
            .edges
            .iter()
            .filter(carries)
            .map(|edge| &edge.from)
            .filter(|id| !asked.contains(id) && !set_going(id))
            .collect();
        if entrances.len() > MOST_ENTRANCES {
            return;
        }
        let edges: Vec<Edge> = outside
            .iter()
            .flat_map(|from| entrances.iter().map(move |to| (*from, *to)))
            .map(|(from, to)| Edge {
                from: from.clone(),
                to: to.clone(),
                kind: EdgeKind::Calls,
                confidence: SUPPOSED,
                calls_per_request: None,
                seen_in: "its place: it calls others, and nobody calls it".to_string(),
            })
            .collect();
        self.edges.extend(edges);
        self.normalise();
    }

    /// Who is asked from outside at an address (a probe of `pay.shop.example`) asks whoever answers there when a span
    /// calls that address. Normalises.
    pub fn add_addresses(&mut self, spans: &[OwnedSpan]) {
        let outside: BTreeMap<&str, &EntityId> = self
            .entities
            .iter()
            .filter(|one| one.kind == EntityKind::Client && !anonymous(host(&one.name)))
            .map(|one| (host(&one.name), &one.id))
            .collect();
        if outside.is_empty() {
            return;
        }
        let answering: BTreeSet<(&EntityId, &EntityId)> = usual_callees(spans)
            .into_iter()
            .filter_map(|((_, peer), callee)| Some((*outside.get(host(peer))?, callee?)))
            .collect();
        let edges: Vec<Edge> = answering
            .into_iter()
            .map(|(from, to)| Edge {
                from: from.clone(),
                to: to.clone(),
                kind: EdgeKind::Calls,
                confidence: 1.0,
                calls_per_request: None,
                seen_in: "traces: who answers at this address".to_string(),
            })
            .collect();
        self.edges.extend(edges);
        self.normalise();
    }

    /// Adds the edges that `spans` show, with the calls made per request that the caller received: from the
    /// entity of a parent to that of its child, and to the peers that a caller's span names where no span
    /// answered it. Peers that are no entity yet become one (`database/NAME`, `queue/NAME`, `external/NAME`). `seen_in`
    /// says whose spans they are, such as `traces of jaeger.main`.
    ///
    /// Normalises. The order of the spans does not matter.
    pub fn add_calls(&mut self, spans: &[OwnedSpan], seen_in: &str) {
        let mut names: BTreeMap<String, EntityId> = BTreeMap::new();
        for entity in &self.entities {
            names.insert(entity.name.clone(), entity.id.clone());
            names.insert(entity.id.as_str().to_string(), entity.id.clone());
        }
        // Both ends of a call may share one id: the server's end stands for it, whatever the order.
        let mut whose: HashMap<(&str, &str), (bool, &EntityId)> =
            HashMap::with_capacity(spans.len());
        for span in spans {
            let serves = matches!(span.kind, SpanKind::Server | SpanKind::Consumer);
            let known = whose
                .entry((&span.trace_id, &span.span_id))
                .or_insert((serves, &span.entity));
            if (!known.0, known.1) > (!serves, &span.entity) {
                *known = (serves, &span.entity);
            }
        }
        let whose = |trace: &str, span: &str| whose.get(&(trace, span)).map(|(_, id)| *id);
        let mut answered: BTreeSet<(&str, &str)> = BTreeSet::new();
        let mut received: BTreeMap<&EntityId, u64> = BTreeMap::new();
        let mut calls: BTreeMap<(EntityId, EntityId, EdgeKind), u64> = BTreeMap::new();
        for span in spans {
            let parent = whose(&span.trace_id, &span.parent_id);
            match parent {
                Some(parent) if *parent == span.entity => {}
                Some(parent) => {
                    answered.insert((&span.trace_id, &span.parent_id));
                    *received.entry(&span.entity).or_default() += 1;
                    let edge = match span.kind {
                        // A message's consumer leans on nobody's answer; its producer pushes.
                        SpanKind::Consumer => {
                            (span.entity.clone(), parent.clone(), EdgeKind::Consumes)
                        }
                        _ => (parent.clone(), span.entity.clone(), EdgeKind::Calls),
                    };
                    *calls.entry(edge).or_default() += 1;
                }
                None => *received.entry(&span.entity).or_default() += 1,
            }
        }
        let usual = usual_callees(spans);
        let mut met: BTreeMap<EntityId, Entity> = BTreeMap::new();
        for span in spans {
            // Between who sends a message and who takes it stands a broker: if it is known, both lean on it.
            let over_broker = match span.kind {
                SpanKind::Producer => Some(EdgeKind::Produces),
                SpanKind::Consumer => Some(EdgeKind::Consumes),
                _ => None,
            };
            if let Some(kind) = over_broker
                && let Some(broker) = spelt(&span.peer).iter().find_map(|name| names.get(*name))
                && *broker != span.entity
            {
                let edge = (span.entity.clone(), broker.clone(), kind);
                *calls.entry(edge).or_default() += 1;
                continue;
            }
            let calling = matches!(span.kind, SpanKind::Client | SpanKind::Producer);
            if !calling
                || span.peer.is_empty()
                || answered.contains(&(&*span.trace_id, &*span.span_id))
            {
                continue;
            }
            let name = host(&span.peer);
            // Whose answer is lost or late is most likely who answers this caller under this name at other times.
            let known = usual
                .get(&(&span.entity, &*span.peer))
                .copied()
                .flatten()
                .or_else(|| spelt(&span.peer).iter().find_map(|n| names.get(*n)));
            let to = match known {
                Some(id) => id.clone(),
                None if anonymous(name) => continue,
                None => {
                    let kind = kind_of_peer(span);
                    let word = match kind {
                        EntityKind::Database => "database",
                        EntityKind::Queue => "queue",
                        _ => "external",
                    };
                    let id = EntityId::new(format!("{word}/{name}"));
                    met.entry(id.clone()).or_insert_with(|| Entity {
                        id: id.clone(),
                        kind,
                        name: name.to_string(),
                        labels: BTreeMap::new(),
                    });
                    id
                }
            };
            if to != span.entity {
                let kind = match span.kind {
                    SpanKind::Producer => EdgeKind::Produces,
                    _ => EdgeKind::Calls,
                };
                *calls.entry((span.entity.clone(), to, kind)).or_default() += 1;
            }
        }
        self.entities.extend(met.into_values());
        self.edges
            .extend(calls.into_iter().map(|((from, to, kind), count)| {
                let requests = received.get(&from).copied().filter(|count| *count > 0);
                Edge {
                    calls_per_request: requests.map(|requests| count as f64 / requests as f64),
                    from,
                    to,
                    kind,
                    confidence: 1.0,
                    seen_in: seen_in.to_string(),
                }
            }));
        self.normalise();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn span(id: &str, parent: &str, entity: &str, kind: SpanKind, peer: &str) -> OwnedSpan {
        OwnedSpan {
            trace_id: "t".into(),
            span_id: id.into(),
            parent_id: parent.into(),
            entity: entity.into(),
            name: "op".into(),
            kind,
            start: Timestamp(1),
            end: Timestamp(2),
            error: false,
            message: "".into(),
            peer: peer.into(),
            attributes: if peer == "ledger" {
                vec![("db.system".into(), "x".into())]
            } else {
                Vec::new()
            },
            file: "f".into(),
            line: 1,
        }
    }

    #[test]
    fn calls_are_read_from_parents_and_from_peers_that_left_no_span() {
        use SpanKind::{Client, Server};
        let mut spans = vec![
            span("1", "", "service/api", Server, ""),
            span("2", "1", "service/api", Client, "pay"),
            span("3", "2", "service/pay", Server, ""),
            span("4", "3", "service/pay", Client, "ledger"),
            span(
                "5",
                "3",
                "service/pay",
                Client,
                "https://api.bank.example:443/v1",
            ),
            span("6", "3", "service/pay", Client, "127.0.0.1:9000"),
        ];
        let mut topology = Topology::default();
        topology.add_calls(&spans, "traces");
        let edges: Vec<String> = topology
            .edges
            .iter()
            .map(|e| format!("{} {} {:?}", e.from, e.to, e.calls_per_request))
            .collect();
        assert_eq!(
            edges,
            [
                "service/api service/pay Some(1.0)",
                "service/pay database/ledger Some(1.0)",
                "service/pay external/api.bank.example Some(1.0)",
            ]
        );
        spans.reverse();
        let mut again = Topology::default();
        again.add_calls(&spans, "traces");
        assert_eq!(topology, again);
    }

    #[test]
    fn a_probe_of_an_address_asks_whoever_answers_there() {
        use SpanKind::{Client, Server};
        let spans = vec![
            span("1", "", "service/orders", Server, ""),
            span(
                "2",
                "1",
                "service/orders",
                Client,
                "https://pay.shop.example:8443/charge",
            ),
            span("3", "2", "service/payments", Server, ""),
        ];
        let outside = |name: &str| Entity {
            id: EntityId::new(format!("client/{name}")),
            kind: EntityKind::Client,
            name: name.to_string(),
            labels: BTreeMap::new(),
        };
        let mut topology = Topology {
            entities: vec![outside("pay.shop.example"), outside("www.shop.example")],
            ..Topology::default()
        };
        topology.add_calls(&spans, "traces");
        topology.add_addresses(&spans);
        topology.suppose_entrances();
        let edges: Vec<String> = topology
            .edges
            .iter()
            .map(|e| format!("{} {} {}", e.from, e.to, e.confidence))
            .collect();
        assert_eq!(
            edges,
            [
                "client/pay.shop.example service/payments 1",
                "client/www.shop.example service/orders 0.6",
                "service/orders service/payments 1",
            ]
        );
    }

    #[test]
    fn a_lost_answer_is_that_of_whoever_answers_by_this_name() {
        use SpanKind::{Client, Server};
        let spans = vec![
            span("1", "", "service/eu/api", Server, ""),
            span("2", "1", "service/eu/api", Client, "ledger"),
            span("3", "2", "service/eu/ledger", Server, ""),
            span("4", "1", "service/eu/api", Client, "ledger"),
            span("5", "", "service/us/api", Server, ""),
            span("6", "5", "service/us/api", Client, "ledger"),
        ];
        let mut topology = Topology::default();
        topology.add_calls(&spans, "traces");
        let edges: Vec<String> = topology
            .edges
            .iter()
            .map(|e| format!("{} {} {:?}", e.from, e.to, e.calls_per_request))
            .collect();
        assert_eq!(
            edges,
            [
                "service/eu/api service/eu/ledger Some(2.0)",
                "service/us/api database/ledger Some(1.0)",
            ]
        );
    }

    #[test]
    fn who_stands_behind_a_machines_name_is_found_when_another_source_knows_it() {
        let entity = |id: &str, kind| Entity {
            id: id.into(),
            kind,
            name: id.to_string(),
            labels: BTreeMap::new(),
        };
        let calls = |from: &str, to: &str| Edge {
            from: from.into(),
            to: to.into(),
            kind: EdgeKind::Calls,
            confidence: 1.0,
            calls_per_request: None,
            seen_in: "traces".to_string(),
        };
        let mut seen = Topology {
            entities: vec![
                entity("service/cart", EntityKind::Service),
                entity("database/orders.shop.internal", EntityKind::Database),
                entity("database/ledger.shop.internal", EntityKind::Database),
                entity("external/cart.shop.internal", EntityKind::External),
                entity("external/bank.example", EntityKind::External),
                entity("queue/10.0.0.7", EntityKind::Queue),
            ],
            edges: vec![
                calls("service/cart", "database/orders.shop.internal"),
                calls("service/cart", "database/ledger.shop.internal"),
                calls("service/cart", "external/cart.shop.internal"),
                calls("service/cart", "external/bank.example"),
                calls("service/cart", "queue/10.0.0.7"),
            ],
        };
        seen.join(Topology {
            entities: vec![
                entity("service/orders", EntityKind::Service),
                // Two are called so: nobody knows which is meant.
                entity("service/ledger", EntityKind::Service),
                entity("database/ledger", EntityKind::Database),
                // Machines are not what runs on them.
                entity("host/bank", EntityKind::Host),
                entity("host/10", EntityKind::Host),
            ],
            edges: Vec::new(),
        });
        let callees: Vec<&str> = seen.edges.iter().map(|edge| edge.to.as_str()).collect();
        let wanted = [
            "database/ledger.shop.internal",
            "external/bank.example",
            "queue/10.0.0.7",
            "service/orders",
        ];
        assert_eq!(callees, wanted);
        assert!(
            seen.entity(&"database/orders.shop.internal".into())
                .is_none()
        );
    }

    #[test]
    fn who_asks_from_outside_asks_at_the_entrance() {
        let entity = |id: &str, kind| Entity {
            id: id.into(),
            kind,
            name: id.to_string(),
            labels: BTreeMap::new(),
        };
        let edge = |from: &str, to: &str, kind| Edge {
            from: from.into(),
            to: to.into(),
            kind,
            confidence: 1.0,
            calls_per_request: None,
            seen_in: "traces".to_string(),
        };
        let mut map = Topology {
            entities: vec![
                entity("client/www.shop.example", EntityKind::Client),
                entity("client/phone", EntityKind::Client),
                entity("service/alone", EntityKind::Service),
            ],
            edges: vec![
                edge("client/phone", "service/api", EdgeKind::Calls),
                edge("service/api", "service/cart", EdgeKind::Calls),
                edge("service/front", "service/cart", EdgeKind::Calls),
                edge("service/mail", "queue/orders", EdgeKind::Consumes),
                edge("service/mail", "service/smtp", EdgeKind::Calls),
            ],
        };
        map.suppose_entrances();
        let supposed: Vec<String> = map
            .edges
            .iter()
            .filter(|edge| edge.confidence < 1.0)
            .map(|edge| format!("{} {}", edge.from, edge.to))
            .collect();
        // Not the mail: messages set it going.
        assert_eq!(
            supposed,
            [
                "client/www.shop.example service/api",
                "client/www.shop.example service/front"
            ]
        );
    }
}
