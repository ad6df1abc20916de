//! Who answers names, and who asks whom by name, as readings and lines that nobody wrote for it tell.

use std::collections::{BTreeMap, BTreeSet};

use super::entrances::ABOUT;
use super::{Case, OwnedLog};
use crate::entity::{Entity, EntityId, EntityKind};
use crate::telemetry::Severity;
use crate::topology::{Edge, EdgeKind};

/// How the metrics begin that only a name server has, or whoever puts questions to one: the usual servers' own, and those
/// of a probe that asks for a name.
const ANSWERS: [&str; 9] = [
    "coredns_dns_",
    "dnsmasq_",
    "unbound_",
    "bind_query",
    "bind_resolver",
    "named_",
    "pdns_",
    "probe_dns_query",
    "probe_dns_answer",
];

/// How people's programs say that nobody told them whom a name means, in lower case.
const UNANSWERED: [&str; 14] = [
    "could not be resolved",
    "could not resolve",
    "could not translate host",
    "unable to resolve host",
    "failed to resolve",
    "host not found in upstream",
    "no such host",
    "name or service not known",
    "nodename nor servname",
    "name resolution",
    "server misbehaving",
    "getaddrinfo",
    "nxdomain",
    "unknownhost",
];

/// So far from such words the name stands at most, in bytes.
const NEAR: usize = 80;
/// How sure it is that who complains so asks there.
const ASKED: f64 = 0.8;
/// Lines that are read for it, the newest; who cannot resolve says so again and again, and a look may hold a million.
const MOST_LINES: usize = 20_000;

impl Case {
    /// Who is told to answer names is asked by whoever complains that a name was not answered, where there is just one; and
    /// whoever complains leans on the one whose name it asked for. Adds those edges to a case that is normalised, and
    /// leaves it so.
    pub fn tell_lookups(&mut self) {
        let lines: Vec<(&OwnedLog, usize)> = self
            .logs
            .iter()
            .flatten()
            .rev()
            // Most lines complain of nothing.
            .filter(|line| line.severity.is_none_or(|it| it >= Severity::Warn))
            .take(MOST_LINES)
            .filter_map(|line| Some((line, unanswered(&line.body)?)))
            .collect();
        if lines.is_empty() {
            return;
        }
        let called = called(&self.topology.entities);
        let mut servers = self.name_servers().into_iter();
        let server = servers.next().filter(|_| servers.next().is_none());
        let mut edges: BTreeSet<(EntityId, EntityId, EdgeKind)> = BTreeSet::new();
        for (line, at) in lines {
            let writer = &line.entity;
            if let Some(server) = server.as_ref().filter(|server| *server != writer) {
                edges.insert((writer.clone(), server.clone(), EdgeKind::AsksNames));
            }
            if let Some(wanted) = wanted(&line.body, at, &called).filter(|id| *id != writer) {
                edges.insert((writer.clone(), wanted.clone(), EdgeKind::Calls));
            }
        }
        self.topology
            .edges
            .extend(edges.into_iter().map(|(from, to, kind)| Edge {
                from,
                to,
                kind,
                confidence: ASKED,
                calls_per_request: None,
                seen_in: "lines: a name that it asked for".to_string(),
            }));
        self.topology.normalise();
    }

    /// Those who answer names: whoever has a name server's metrics, or is named beside a probe that puts questions to one.
    fn name_servers(&self) -> BTreeSet<EntityId> {
        let asked = self.series.iter().flatten().filter(|one| {
            ANSWERS
                .iter()
                .any(|words| one.key.metric.starts_with(words))
        });
        asked
            .map(|one| {
                let mut beside = ABOUT.iter().filter_map(|label| one.key.labels.get(*label));
                let known = beside.find_map(|name| {
                    self.topology.entities.iter().find(|known| {
                        known.kind == EntityKind::Service && known.name.as_str() == name.as_str()
                    })
                });
                known.map_or_else(|| one.key.entity.clone(), |known| known.id.clone())
            })
            .collect()
    }
}

/// Where the line says that a name was not answered; `None` if it does not.
fn unanswered(line: &str) -> Option<usize> {
    // Only the case of ASCII letters is changed, so that places stay what they are.
    let line = line.to_ascii_lowercase();
    UNANSWERED.iter().filter_map(|words| line.find(words)).min()
}

/// Those who can be asked for by name; a name that several have means nobody.
fn called(entities: &[Entity]) -> BTreeMap<&str, Option<&EntityId>> {
    let mut called: BTreeMap<&str, Option<&EntityId>> = BTreeMap::new();
    for entity in entities {
        let answers = matches!(
            entity.kind,
            EntityKind::Service
                | EntityKind::Database
                | EntityKind::Queue
                | EntityKind::Cache
                | EntityKind::External
        );
        if answers && !entity.name.is_empty() {
            called
                .entry(&entity.name)
                .and_modify(|known| *known = None)
                .or_insert(Some(&entity.id));
        }
    }
    called
}

/// Whom the name means that stands nearest to these words: one that is called so, or whose name is its first part.
fn wanted<'e>(
    line: &str,
    at: usize,
    called: &BTreeMap<&str, Option<&'e EntityId>>,
) -> Option<&'e EntityId> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut best: Option<(usize, &EntityId)> = None;
    let mut from = 0;
    for word in line.split(|c| !is_part(c)) {
        let start = from;
        from += word.len()
            + line[from + word.len()..]
                .chars()
                .next()
                .map_or(0, char::len_utf8);
        let apart = start.abs_diff(at).min((start + word.len()).abs_diff(at));
        let word = word.trim_matches(['.', '-', '_']);
        if apart > NEAR || word.is_empty() || best.is_some_and(|(nearest, _)| nearest <= apart) {
            continue;
        }
        let first = word.split('.').next().unwrap_or(word);
        if let Some(id) = [word, first].iter().find_map(|n| *called.get(n)?) {
            best = Some((apart, id));
        }
    }
    best.map(|(_, id)| id)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::telemetry::{Series, SeriesKey};
    use crate::time::Timestamp;

    fn line(entity: &str, body: &str) -> OwnedLog {
        OwnedLog {
            time: Timestamp(1),
            entity: entity.into(),
            severity: None,
            body: body.into(),
            attributes: Vec::new(),
            trace_id: "".into(),
            span_id: "".into(),
            file: "f".into(),
            line: 1,
        }
    }

    fn told(metrics: &[(&str, &str, &str)], lines: &[(&str, &str)]) -> Vec<String> {
        let mut case = crate::case::tests::empty();
        case.topology.entities = [
            (EntityKind::Service, "door"),
            (EntityKind::Service, "cart"),
            (EntityKind::Service, "names"),
            (EntityKind::Database, "ledger"),
            (EntityKind::Host, "10.0.0.2"),
        ]
        .map(|(kind, name)| Entity {
            id: EntityId::from(format!("{kind:?}/{name}").to_lowercase().as_str()),
            kind,
            name: name.to_string(),
            labels: Default::default(),
        })
        .to_vec();
        case.topology.normalise();
        let series = metrics.iter().map(|(entity, metric, service)| {
            let labels = [("service".to_string(), service.to_string())];
            Arc::new(Series {
                key: SeriesKey {
                    entity: EntityId::from(*entity),
                    metric: metric.to_string(),
                    labels: labels.into(),
                    ..SeriesKey::default()
                },
                times: vec![1],
                values: vec![1.0],
            })
        });
        case.series = Some(series.collect());
        case.logs = Some(lines.iter().map(|(who, body)| line(who, body)).collect());
        case.tell_lookups();
        let edges = case.topology.edges.iter();
        edges
            .map(|edge| format!("{} {:?} {}", edge.from, edge.kind, edge.to))
            .collect()
    }

    #[test]
    fn who_is_not_answered_asks_the_one_who_answers_names_and_wants_whom_it_names() {
        let asked = [("host/10.0.0.2", "probe_dns_query_succeeded", "names")];
        let lines = [
            (
                "service/door",
                "cart.shop.example could not be resolved (3: Host not found), host: \"www.shop.example\"",
            ),
            (
                "service/cart",
                "could not translate host name \"ledger\" to address: Name or service not known",
            ),
            ("service/cart", "read the cart of 12"),
        ];
        assert_eq!(
            told(&asked, &lines),
            [
                "service/cart Calls database/ledger",
                "service/cart AsksNames service/names",
                "service/door Calls service/cart",
                "service/door AsksNames service/names",
            ]
        );
    }

    #[test]
    fn without_complaint_or_with_two_who_could_be_asked_nobody_is_said_to_ask() {
        let two = [
            ("host/10.0.0.2", "probe_dns_query_succeeded", "names"),
            ("host/10.0.0.3", "coredns_dns_requests_total", ""),
        ];
        let complaint = [(
            "service/door",
            "dial tcp: lookup elsewhere.example: no such host",
        )];
        assert!(told(&two, &complaint).is_empty());
        let calm = [("service/door", "cart.shop.example is at 10.0.0.7")];
        assert!(told(&two[..1], &calm).is_empty());
    }

    #[test]
    fn only_the_newest_complaints_are_read() {
        let mut case = crate::case::tests::empty();
        case.topology.entities = ["door", "cart"]
            .map(|name| Entity {
                id: EntityId::from(name),
                kind: EntityKind::Service,
                name: name.to_string(),
                labels: Default::default(),
            })
            .to_vec();
        let of = |severity: Option<Severity>| OwnedLog {
            severity,
            ..line("door", "lookup cart: no such host")
        };
        let told = |logs: Vec<OwnedLog>| {
            let mut case = case.clone();
            case.logs = Some(logs);
            case.tell_lookups();
            case.topology.edges.len()
        };
        assert_eq!(told(vec![of(Some(Severity::Info))]), 0);
        assert_eq!(told(vec![of(Some(Severity::Warn))]), 1);
        let calm = line("cart", "read");
        let mut many = vec![of(None)];
        many.resize(MOST_LINES, calm.clone());
        assert_eq!(told(many.clone()), 1);
        many.push(calm);
        assert_eq!(told(many), 0);
    }
}
