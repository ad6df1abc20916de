//! A report against the truth, by each set's protocol.
//!
//! * **PetShop, TrainTicket**: entities are ranked; the truth's expected rank counts. TrainTicket ranks
//!   services: a blamed pod stands for the service that it serves.
//! * **RootCauseBench**: the commit of the first cause, or `none`; graded 1 when exact, 0 for a decoy,
//!   else up to 0.5 for first failing service (0.5), blast radius (0.3, Jaccard) and remediation (0.2).
//! * **OpenSRE**: the category's word, exact; required evidence sources cited; forbidden categories
//!   never; what must be ruled out appears among the exonerated.

use std::collections::{BTreeMap, BTreeSet};

use analysis::ranking::expected_rank;
use connectors::files::Case;
use connectors::files::datasets::opensre::evidence_source;
use connectors::files::datasets::{Truth, opensre, rootcausebench};
use connectors::files::transform::Mapping;
use investigate::catalogue::Nature;
use model::report::{Cause, Report, Status, Word};
use model::{Category, ChangeKind, EdgeKind, EntityId, EntityKind, MechanismId, SourceKind};
use serde::Serialize;

/// One thing that a right answer names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// This entity.
    Entity(EntityId),
    /// This change, however it is deployed.
    Change(String),
    /// A cause at this entity without any change.
    NoChange(EntityId),
    /// This category.
    Category(String),
}

impl Target {
    /// The same under other names.
    pub fn renamed(&self, mapping: &Mapping) -> Self {
        let entity = |id: &EntityId| mapping.entities.get(id).unwrap_or(id).clone();
        match self {
            Self::Entity(id) => Self::Entity(entity(id)),
            Self::NoChange(id) => Self::NoChange(entity(id)),
            Self::Change(id) => Self::Change(mapping.changes.get(id).unwrap_or(id).clone()),
            Self::Category(word) => Self::Category(word.clone()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Entity(id) => id.to_string(),
            Self::Change(id) => id.clone(),
            Self::NoChange(id) => format!("none ({id})"),
            Self::Category(word) => word.clone(),
        }
    }

    fn met(&self, cause: &Cause, case: &Case) -> bool {
        match self {
            Self::Entity(id) => unit(&cause.entity, case) == *id,
            Self::Change(id) => commit(cause.change.as_deref(), case).as_deref() == Some(id),
            Self::NoChange(_) => cause.change.is_none(),
            Self::Category(word) => category(&cause.mechanism, cause.category) == word,
        }
    }
}

/// What a case's truth asks for, under the names that the case goes by.
#[derive(Clone, Debug)]
pub struct Expected {
    /// What a right answer names; empty when nothing was wrong, or nobody knows.
    pub targets: Vec<Target>,
    /// Is the truth known?
    pub known: bool,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Entity,
    Service,
    Commit(rootcausebench::Truth),
    Category(opensre::Truth),
}

impl Expected {
    /// The truth, renamed as the case was.
    pub fn new(truth: &Truth, mapping: &Mapping) -> Self {
        let entity = |id: &EntityId| Target::Entity(id.clone()).renamed(mapping);
        match truth {
            Truth::PetShop(truth) => Self {
                targets: truth.node.iter().map(entity).collect(),
                known: truth.node.is_some(),
                kind: Kind::Entity,
            },
            Truth::Nezha(truth) => Self {
                targets: truth.service.iter().map(entity).collect(),
                known: truth.service.is_some(),
                kind: Kind::Service,
            },
            Truth::RootCauseBench(truth) => {
                let name = |name: &String| mapping.names.get(name).unwrap_or(name).clone();
                let change = |id: &String| mapping.changes.get(id).unwrap_or(id).clone();
                let first = EntityId::new(format!("service/{}", truth.first_failing_service));
                let target = match &truth.commit {
                    Some(commit) => Target::Change(commit.clone()),
                    None => Target::NoChange(first),
                };
                Self {
                    targets: if truth.known {
                        vec![target.renamed(mapping)]
                    } else {
                        Vec::new()
                    },
                    known: truth.known,
                    kind: Kind::Commit(rootcausebench::Truth {
                        commit: truth.commit.as_ref().map(change),
                        known: truth.known,
                        first_failing_service: name(&truth.first_failing_service),
                        blast_radius: truth.blast_radius.iter().map(name).collect(),
                        remediation: truth.remediation.clone(),
                        decoys: truth.decoys.iter().map(change).collect(),
                    }),
                }
            }
            Truth::OpenSre(truth) => Self {
                targets: if truth.known && truth.category != "healthy" {
                    vec![Target::Category(truth.category.clone())]
                } else {
                    Vec::new()
                },
                known: truth.known,
                kind: Kind::Category(truth.clone()),
            },
        }
    }
}

/// RootCauseBench's answer file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RootCause {
    /// The guilty commit, `none` when no change did it, or `unknown` when the report names no cause.
    pub root_cause_commit: String,
    /// Who failed first.
    pub first_failing_service: String,
    /// Who suffered with it, sorted.
    pub blast_radius: Vec<String>,
    /// What to do, in the set's words.
    pub remediation: String,
}

/// A report, judged.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// What the report says, in the set's words.
    pub answer: String,
    /// What is true, in the same words.
    pub truth: String,
    /// Expected rank of the truth, 1 best; `None` when it is not ranked.
    pub rank: Option<f64>,
    /// Is the first answer right?
    pub right: bool,
    /// Are exactly the true causes named?
    pub exact_set: bool,
    /// Was somebody convicted where nobody (or no change) was guilty, or "confirmed" wrongly?
    pub false_conviction: bool,
    /// Was a decoy named?
    pub decoy_hit: bool,
    /// Did the report say that it does not know?
    pub abstained: bool,
    /// Further figures.
    pub notes: BTreeMap<String, f64>,
    /// RootCauseBench's answer file.
    pub root_cause: Option<RootCause>,
}

/// One report against its truth.
pub fn judge(expected: &Expected, report: &Report, case: &Case) -> Judged {
    let mut judged = match &expected.kind {
        Kind::Entity => ranked(expected, report, case, false),
        Kind::Service => ranked(expected, report, case, true),
        Kind::Commit(truth) => committed(expected, truth, report, case),
        Kind::Category(truth) => categorised(truth, report),
    };
    judged.abstained = report.header.status == Status::Unknown;
    let confirmed = report
        .causes
        .first()
        .is_some_and(|cause| cause.word == Word::Confirmed);
    judged.false_conviction |= confirmed && expected.known && !judged.right;
    judged
}

/// A report of two incidents at once: right when the set of causes is exact.
pub fn pair(targets: &[Target], report: &Report, case: &Case) -> Judged {
    let named = report.causes.iter().map(|cause| named(cause, case));
    let answer: Vec<String> = named.collect();
    let truth: Vec<String> = targets.iter().map(Target::text).collect();
    let exact = exact(targets, report, case);
    let hits = targets
        .iter()
        .filter(|target| report.causes.iter().any(|cause| target.met(cause, case)));
    let hits = hits.count();
    let mut judged = Judged {
        answer: answer.join(", "),
        truth: truth.join(", "),
        rank: exact.then_some(1.0),
        right: exact,
        exact_set: exact,
        abstained: report.header.status == Status::Unknown,
        ..Judged::default()
    };
    judged.notes.insert("causes_found".to_string(), hits as f64);
    judged
        .notes
        .insert("causes_named".to_string(), report.causes.len() as f64);
    judged
}

/// Does every cause meet a truth of its own, and every truth have a cause?
fn exact(targets: &[Target], report: &Report, case: &Case) -> bool {
    if targets.len() != report.causes.len() {
        return false;
    }
    let mut open: Vec<&Cause> = report.causes.iter().collect();
    // The particular truths take their causes first, so that "no change" takes what is left.
    let mut order: Vec<&Target> = targets.iter().collect();
    order.sort_by_key(|target| matches!(target, Target::NoChange(_)));
    order.into_iter().all(|target| {
        let place = open.iter().position(|cause| target.met(cause, case));
        place.map(|at| open.remove(at)).is_some()
    })
}

fn named(cause: &Cause, case: &Case) -> String {
    let change = commit(cause.change.as_deref(), case);
    let change = change.map(|id| format!(" by {id}")).unwrap_or_default();
    format!("{} ({}){change}", cause.entity, cause.mechanism)
}

/// The service that a pod or workload is a copy of, or the entity itself.
fn unit(id: &EntityId, case: &Case) -> EntityId {
    let mut at = id.clone();
    for _ in 0..3 {
        let owner = case
            .topology
            .edges
            .iter()
            .find(|edge| edge.kind == EdgeKind::ServedBy && edge.to == at);
        match owner {
            Some(edge) => at = edge.from.clone(),
            None => break,
        }
    }
    at
}

/// Candidates, best first, each once, with scores that keep the causes before the runners-up.
fn candidates(report: &Report, case: &Case, services: bool) -> Vec<(EntityId, f64)> {
    let mut all: Vec<(EntityId, f64)> = Vec::new();
    let mut put = |id: &EntityId, score: f64| {
        let id = if services { unit(id, case) } else { id.clone() };
        let fits = !services
            || case.topology.entity(&id).is_none_or(|entity| {
                !matches!(
                    entity.kind,
                    EntityKind::Host | EntityKind::Pod | EntityKind::Scope
                )
            });
        if fits && !all.iter().any(|(other, _)| *other == id) {
            all.push((id, score));
        }
    };
    // A score in nats stays far below this.
    const CHOSEN: f64 = 1e12;
    for (place, cause) in report.causes.iter().enumerate() {
        put(&cause.entity, CHOSEN - place as f64);
    }
    for one in &report.ranking {
        put(&one.entity, one.score);
    }
    all
}

fn ranked(expected: &Expected, report: &Report, case: &Case, services: bool) -> Judged {
    let all = candidates(report, case, services);
    let scores: Vec<f64> = all.iter().map(|(_, score)| *score).collect();
    let Some(Target::Entity(truth)) = expected.targets.first() else {
        return Judged {
            answer: all
                .first()
                .map_or_else(String::new, |(id, _)| id.to_string()),
            ..Judged::default()
        };
    };
    let place = all.iter().position(|(id, _)| id == truth);
    // Whoever is not ranked stands anywhere behind those who are.
    let unranked = || {
        let total = case
            .topology
            .entities
            .iter()
            .filter(|entity| !services || entity.id.as_str().starts_with("service/"));
        let behind = total.count().saturating_sub(all.len()).max(1);
        all.len() as f64 + (behind as f64 + 1.0) / 2.0
    };
    let rank = place.map_or_else(|| Some(unranked()), |at| expected_rank(&scores, at));
    Judged {
        answer: all
            .first()
            .map_or_else(|| "nobody".to_string(), |(id, _)| id.to_string()),
        truth: truth.to_string(),
        rank,
        right: rank.is_some_and(|rank| rank <= 1.0),
        exact_set: exact(&expected.targets, report, case),
        ..Judged::default()
    }
}

/// The commit behind a change: a deploy's last commit, or the change itself.
fn commit(change: Option<&str>, case: &Case) -> Option<String> {
    let id = change?;
    let found = case.changes.iter().flatten().find(|change| change.id == id);
    Some(match found {
        Some(change) if change.kind != ChangeKind::Commit => {
            change.carries.last().unwrap_or(&change.id).clone()
        }
        _ => id.to_string(),
    })
}

fn committed(
    expected: &Expected,
    truth: &rootcausebench::Truth,
    report: &Report,
    case: &Case,
) -> Judged {
    let none = || "none".to_string();
    let mut order: Vec<String> = Vec::new();
    let causes = report.causes.iter().map(|cause| cause.change.as_deref());
    for change in causes.chain(report.ranking.iter().map(|one| one.change.as_deref())) {
        let answer = commit(change, case).unwrap_or_else(none);
        if !order.contains(&answer) {
            order.push(answer);
        }
    }
    let answer = report
        .causes
        .first()
        .map(|cause| commit(cause.change.as_deref(), case).unwrap_or_else(none))
        // Who names nobody has not found that no change did it.
        .unwrap_or_else(|| "unknown".to_string());
    let wanted = truth.commit.clone().unwrap_or_else(none);
    let right = truth.known && answer == wanted;
    let decoy = truth.decoys.contains(&answer);
    let given = root_cause(answer.clone(), report, case);
    let grade = grade(truth, &given, right, decoy);
    let place = order.iter().position(|one| *one == wanted);
    let mut judged = Judged {
        answer,
        truth: wanted,
        rank: if right {
            Some(1.0)
        } else {
            place.map(|at| at.max(1) as f64 + 1.0)
        },
        right,
        exact_set: exact(&expected.targets, report, case),
        false_conviction: truth.known
            && truth.commit.is_none()
            && !["none", "unknown"].contains(&given.root_cause_commit.as_str()),
        decoy_hit: decoy,
        root_cause: Some(given),
        ..Judged::default()
    };
    judged.notes.insert("grade".to_string(), grade);
    judged
}

fn grade(truth: &rootcausebench::Truth, given: &RootCause, right: bool, decoy: bool) -> f64 {
    if right {
        return 1.0;
    }
    if decoy {
        return 0.0;
    }
    let given_radius: BTreeSet<&String> = given.blast_radius.iter().collect();
    let true_radius: BTreeSet<&String> = truth.blast_radius.iter().collect();
    let union = given_radius.union(&true_radius).count();
    let overlap = match union {
        0 => 1.0,
        _ => given_radius.intersection(&true_radius).count() as f64 / union as f64,
    };
    let first = f64::from(u8::from(
        given.first_failing_service == truth.first_failing_service,
    ));
    let remedy = f64::from(u8::from(given.remediation == truth.remediation));
    0.5 * (0.5 * first + 0.3 * overlap + 0.2 * remedy)
}

/// The answer file that a report amounts to.
fn root_cause(commit: String, report: &Report, case: &Case) -> RootCause {
    let inside = |id: &EntityId| {
        case.topology
            .entity(id)
            .is_some_and(|entity| entity.kind != EntityKind::External)
    };
    let name = |id: &EntityId| {
        let known = case.topology.entity(id);
        known.map_or_else(|| id.to_string(), |entity| entity.name.clone())
    };
    let alarmed = case.alarms.first().map(|alarm| &alarm.entity);
    // Who failed first: the earliest symptom; of several at once the one that the alarm is about.
    let first = report
        .symptoms
        .iter()
        .filter(|symptom| inside(&symptom.entity))
        .min_by_key(|symptom| {
            (
                symptom.onset.hi,
                alarmed != Some(&symptom.entity),
                symptom.entity.clone(),
            )
        })
        .map(|symptom| symptom.entity.clone())
        .or_else(|| report.causes.first().map(|cause| cause.entity.clone()))
        .or_else(|| alarmed.cloned())
        .unwrap_or_default();
    let hurt: BTreeSet<String> = report
        .symptoms
        .iter()
        .filter(|symptom| inside(&symptom.entity) && symptom.entity != first)
        .map(|symptom| name(&symptom.entity))
        .collect();
    let action = report
        .causes
        .first()
        .and_then(|cause| cause.mitigations.first());
    RootCause {
        root_cause_commit: commit,
        first_failing_service: name(&first),
        blast_radius: hurt.into_iter().collect(),
        remediation: remediation(action.map_or("", |mitigation| mitigation.action.as_str())),
    }
}

/// A mitigation's word in RootCauseBench's words.
fn remediation(action: &str) -> String {
    match action {
        "purge" => "purge-bad-data",
        "wait" | "escalate" => "escalate-upstream",
        "fix_forward" | "roll_forward" => "roll-forward",
        "raise_limit" => "scale",
        "" => "rollback",
        other => return other.replace('_', "-"),
    }
    .to_string()
}

/// A cause's category in OpenSRE's words: what lies at the bottom of its mechanism, or, where the
/// catalogue does not know it, our coarser category.
fn category(mechanism: &MechanismId, category: Category) -> &'static str {
    match investigate::catalogue()
        .get(&mechanism.0)
        .map(|known| known.nature)
    {
        Some(Nature::Code) => "code_defect",
        Some(Nature::Configuration | Nature::Permission) => "configuration_error",
        Some(Nature::Capacity) => "resource_exhaustion",
        Some(Nature::Data) => "data_quality",
        Some(Nature::Dependency) => "dependency_failure",
        Some(Nature::Platform) => "infrastructure",
        None => match category {
            Category::ResourceLimit => "resource_exhaustion",
            Category::SystemChange => "configuration_error",
            Category::InputAnomaly => "data_quality",
            Category::DependencyIssue => "dependency_failure",
            Category::ComponentFailure => "infrastructure",
        },
    }
}

fn categorised(truth: &opensre::Truth, report: &Report) -> Judged {
    let healthy = matches!(
        report.header.status,
        Status::NoActiveFault | Status::Recovered
    );
    let mut order: Vec<&str> = Vec::new();
    let named = report
        .causes
        .iter()
        .map(|cause| category(&cause.mechanism, cause.category));
    let answer = match report.header.status {
        _ if healthy => "healthy",
        Status::Unknown => "unknown",
        _ => named.clone().next().unwrap_or("unknown"),
    };
    order.push(answer);
    let runners = report.ranking.iter().filter_map(|one| {
        let id = one.mechanism.as_ref()?;
        let known = investigate::catalogue().get(&id.0)?;
        Some(category(id, known.category))
    });
    for word in named.chain(runners) {
        if !order.contains(&word) {
            order.push(word);
        }
    }
    let right = truth.known && answer == truth.category;
    let place = order.iter().position(|word| *word == truth.category);
    let mut judged = Judged {
        answer: answer.to_string(),
        truth: truth.category.clone(),
        rank: place.map(|at| at as f64 + 1.0),
        right,
        exact_set: right && report.causes.len() <= 1,
        false_conviction: truth.category == "healthy" && report.header.status == Status::CauseFound,
        ..Judged::default()
    };
    let cited = cited_sources(report);
    let missed = truth
        .required_evidence_sources
        .iter()
        .filter(|source| !cited.contains(source.as_str()));
    judged
        .notes
        .insert("required_sources_missed".to_string(), missed.count() as f64);
    let forbidden = truth.forbidden_categories.contains(answer);
    judged.notes.insert(
        "forbidden_category".to_string(),
        f64::from(u8::from(forbidden)),
    );
    let exonerated: Vec<String> = report
        .ruled_out
        .iter()
        .map(|one| &one.claim)
        .chain(&report.verdict)
        .chain(report.causes.iter().flat_map(|cause| &cause.contradicts))
        .map(|claim| claim.text.to_lowercase())
        .collect();
    let said = |words: &[String], texts: &[String]| {
        let missing = words.iter().filter(|word| {
            let word = word.to_lowercase();
            !texts.iter().any(|text| text.contains(&word))
        });
        missing.count() as f64
    };
    let whole: Vec<String> = report
        .claims()
        .iter()
        .map(|claim| claim.text.to_lowercase())
        .collect();
    judged.notes.insert(
        "ruling_out_missed".to_string(),
        said(&truth.ruling_out, &exonerated),
    );
    judged.notes.insert(
        "keywords_missed".to_string(),
        said(&truth.required_keywords, &whole),
    );
    let slips = truth.forbidden_keywords.len() as f64 - said(&truth.forbidden_keywords, &whole);
    judged
        .notes
        .insert("forbidden_keywords_said".to_string(), slips);
    judged
}

/// The evidence sources of the set that the report's evidence cites.
fn cited_sources(report: &Report) -> BTreeSet<&'static str> {
    let mut cited = BTreeSet::new();
    for evidence in &report.evidence {
        cited.extend(
            evidence
                .raw
                .iter()
                .filter_map(|raw| evidence_source(&raw.file)),
        );
        // Points of a series carry no reference of their own.
        if evidence.source == SourceKind::Metrics {
            let load = matches!(
                &evidence.query,
                model::Query::Metric { metric, .. } if metric == "db_load"
            );
            cited.insert(if load {
                "aws_performance_insights"
            } else {
                "aws_cloudwatch_metrics"
            });
        }
    }
    cited
}
