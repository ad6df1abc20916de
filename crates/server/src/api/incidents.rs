//! Incidents: the list, one of them, its timeline, its report, one observation, its plan.

use std::sync::Arc;

use model::alarm::{Alarm, AlarmState};
use model::evidence::EvidenceId;
use model::incident::{Incident, IncidentEvent, IncidentId, RunEnd};
use model::mechanism::{Category, MechanismId};
use model::plan::{Approval, Checked, GateAnswer, Plan};
use model::report::{Claim, Header, Report, Word};
use model::time::Timestamp;
use model::{EntityId, action::Outcome};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::accept;
use super::house::{Dress, Folded, Space, Untold};
use super::problem::{Code, Problem};
use super::route::{Answer, Asked, Gives, JSON, Json, Listed, Nothing, Part, Route};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![
        Route::of_space(
            "/incidents",
            "listIncidents",
            "Incidents, newest first",
            list,
        ),
        Route::of_space(
            "/incidents/{id}",
            "getIncident",
            "How one incident stands",
            show,
        ),
        Route::of_space(
            "/incidents/{id}/timeline",
            "getTimeline",
            "Everything that happened, from the journal",
            timeline,
        ),
        Route::of_space(
            "/incidents/{id}/report",
            "getReport",
            "The newest report",
            report,
        ),
        Route::of_space(
            "/incidents/{id}/postmortem",
            "getPostmortem",
            "The post-mortem, in which what only people know is left empty",
            postmortem,
        ),
        Route::of_space(
            "/incidents/{id}/evidence/{eid}",
            "getEvidence",
            "What an observation of the newest report stands on: who cites it, the query, the raw rows",
            evidence,
        ),
        Route::of_space(
            "/incidents/{id}/plan",
            "getPlan",
            "The newest plan, and how it stands",
            plan,
        ),
    ]
}

/// One cause in a line.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CauseLine {
    /// Where.
    pub entity: EntityId,
    /// How.
    pub mechanism: MechanismId,
    /// Which of the five.
    pub category: Category,
    /// The change that did it.
    pub change: Option<String>,
    /// How sure, 0..1.
    pub confidence: f64,
    /// The same in a word.
    pub word: Word,
}

/// A cause that a person named.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NamedLine {
    /// Where.
    pub entity: EntityId,
    /// How.
    pub mechanism: MechanismId,
    /// Who named it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A plan, and the digest that a yes is bound to.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanLine {
    /// BLAKE3 (hex) of the plan as it is stored.
    pub digest: String,
    /// The plan.
    pub plan: Plan,
}

/// Another incident that belongs to this one.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LinkLine {
    /// Which.
    pub incident: IncidentId,
    /// Why.
    pub why: String,
}

/// A person's word on a cause.
#[derive(Debug, Serialize, JsonSchema)]
pub struct JudgedLine {
    /// Where.
    pub entity: EntityId,
    /// How.
    pub mechanism: MechanismId,
    /// Was it a cause?
    pub right: bool,
    /// Who said so.
    pub by: String,
}

/// How one incident stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Summary {
    /// Its name.
    pub id: IncidentId,
    /// The symptom in a line.
    pub title: String,
    /// How it stands, in a few words: `waits for a yes`.
    pub standing: &'static str,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it was closed.
    pub closed: Option<Timestamp>,
    /// Does one of its alarms fire?
    pub firing: bool,
    /// Its alarms, as they came.
    pub alarms: Vec<Alarm>,
    /// What the newest report blames, the surest first.
    pub causes: Vec<CauseLine>,
    /// What people say that it really was, where no report had blamed it.
    pub named: Vec<NamedLine>,
    /// Who asked for a fresh look that was not begun yet; `null` if nobody did.
    pub look_asked: Option<String>,
    /// The newest plan.
    pub plan: Option<PlanLine>,
    /// Other incidents that belong to it.
    pub links: Vec<LinkLine>,
    /// What people who know said of its causes, the last word on each.
    pub judged: Vec<JudgedLine>,
    /// Entries in its journal.
    pub entries: u64,
    /// Digest of the newest.
    pub head: Option<String>,
}

impl Summary {
    /// Of an incident that is called and stands so, whose newest entry has that digest.
    pub fn new(
        incident: &Incident,
        (title, standing): (String, &'static str),
        head: Option<String>,
    ) -> Self {
        let causes = incident.report().map_or_else(Vec::new, |report| {
            let line = |cause: &model::report::Cause| CauseLine {
                entity: cause.entity.clone(),
                mechanism: cause.mechanism.clone(),
                category: cause.category,
                change: cause.change.clone(),
                confidence: cause.confidence,
                word: cause.word,
            };
            report.causes.iter().map(line).collect()
        });
        Self {
            id: incident.id.clone(),
            title,
            standing,
            opened: incident.opened,
            closed: incident.closed.as_ref().map(|(at, _)| *at),
            firing: incident
                .alarms
                .iter()
                .any(|a| a.state == AlarmState::Firing),
            alarms: incident.alarms.iter().map(|a| a.alarm.clone()).collect(),
            causes,
            named: incident
                .named
                .iter()
                .map(|((entity, mechanism), named)| NamedLine {
                    entity: entity.clone(),
                    mechanism: mechanism.clone(),
                    by: named.by.clone(),
                    at: named.at,
                })
                .collect(),
            look_asked: incident.look_asked.as_ref().map(|(_, by)| by.clone()),
            plan: incident.latest_plan().map(|p| PlanLine {
                digest: p.digest.clone(),
                plan: (*p.plan).clone(),
            }),
            links: incident.links.iter().map(LinkLine::of).collect(),
            judged: incident.judged.iter().map(JudgedLine::of).collect(),
            entries: incident.seq,
            head,
        }
    }
}

impl LinkLine {
    fn of((incident, why): (&IncidentId, &String)) -> Self {
        Self {
            incident: incident.clone(),
            why: why.clone(),
        }
    }
}

impl JudgedLine {
    fn of(((entity, mechanism), (right, by)): (&(EntityId, MechanismId), &(bool, String))) -> Self {
        Self {
            entity: entity.clone(),
            mechanism: mechanism.clone(),
            right: *right,
            by: by.clone(),
        }
    }
}

/// Which incidents.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Which {
    /// Those that are closed, too?
    pub all: bool,
    /// `next` of the part before; without it the first part.
    pub cursor: Option<String>,
    /// Items in one part, from 1 to 200; 50 if nothing is said.
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
}

impl Which {
    /// Which part of the list.
    pub fn part(&self) -> Part {
        Part {
            cursor: self.cursor.clone(),
            limit: self.limit,
        }
    }
}

fn list(space: &dyn Space, _: &Asked, which: Which) -> Result<Json<Listed<Arc<Summary>>>, Problem> {
    let part = which.part();
    // The cursor may name one that was closed since, so it is looked for among all.
    let all = space.incidents(false)?;
    let open: std::collections::BTreeSet<IncidentId> = if which.all {
        std::collections::BTreeSet::new()
    } else {
        space.incidents(true)?.into_iter().collect()
    };
    let cursor = part.cursor.clone();
    let wanted = all
        .into_iter()
        .filter(|id| which.all || open.contains(id) || cursor.as_deref() == Some(id.0.as_str()));
    let listed = part.of(wanted, |id| id.0.clone())?.try_map(|id| {
        space
            .summary(&id)?
            .ok_or_else(|| Problem::failed(format!("{id} is listed and has no entries")))
    })?;
    Ok(Json(listed))
}

/// The incident that the address names, by its whole name.
pub(super) fn named(space: &dyn Space, asked: &Asked) -> Result<Arc<Folded>, Problem> {
    let id = asked.param("id");
    space
        .incident(&IncidentId(id.to_string()))?
        .ok_or_else(|| Problem::not_found("incident", id))
}

/// One incident, and whom its notices did not reach.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "IncidentShown")]
struct Shown {
    #[serde(flatten)]
    summary: Arc<Summary>,
    /// Notices that people did not get.
    untold: Vec<Untold>,
}

fn show(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Json<Shown>, Problem> {
    let id = IncidentId(asked.param("id").to_string());
    let summary = space
        .summary(&id)?
        .ok_or_else(|| Problem::not_found("incident", &id.0))?;
    Ok(Json(Shown {
        summary,
        untold: space.untold(&id)?,
    }))
}

/// One entry of the journal, and what it says in a sentence. A report is told by its head and where it lies.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TimelineLine")]
struct Line {
    /// Its place in the incident's list, from 1.
    seq: u64,
    /// When it was written down.
    at: Timestamp,
    /// What happened.
    event: Told,
    /// BLAKE3 (hex) of the entry before; of the incident's id for the first.
    previous: String,
    /// BLAKE3 (hex) of the entry as the journal holds it, reports whole (`midwatch journal export`).
    digest: String,
    /// The entry in one sentence, for people.
    said: String,
}

/// What happened, without whole reports.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "TimelineEvent")]
enum Told {
    /// A look ended with a report.
    Looked(Box<LookEnded>),
    /// Anything else, as the journal has it.
    Other(Box<IncidentEvent>),
}

/// A look that ended with a report.
#[derive(Debug, Serialize, JsonSchema)]
struct LookEnded {
    /// Always `investigation_ended`.
    event: &'static str,
    /// Which time.
    attempt: u32,
    /// What it found.
    report: ReportHead,
}

/// A report's head, and where the whole of it lies.
#[derive(Debug, Serialize, JsonSchema)]
struct ReportHead {
    /// Its digest (BLAKE3, hex): what plans and `report?digest=` name it by.
    ledger: String,
    /// Where the whole of it lies.
    href: String,
    /// Its head.
    header: Header,
    /// Its first lines.
    verdict: Vec<Claim>,
}

fn told(space: &dyn Space, id: &IncidentId, event: &IncidentEvent) -> Told {
    match event {
        IncidentEvent::InvestigationEnded { attempt, report } => {
            Told::Looked(Box::new(LookEnded {
                event: "investigation_ended",
                attempt: *attempt,
                report: ReportHead {
                    href: format!(
                        "/v1/spaces/{}/incidents/{id}/report?digest={}",
                        space.name(),
                        report.ledger
                    ),
                    ledger: report.ledger.clone(),
                    header: report.header.clone(),
                    verdict: report.verdict.clone(),
                },
            }))
        }
        other => Told::Other(Box::new(other.clone())),
    }
}

fn timeline(space: &dyn Space, asked: &Asked, part: Part) -> Result<Json<Listed<Line>>, Problem> {
    let id = IncidentId(asked.param("id").to_string());
    let entries = space.entries(&id)?;
    if entries.is_empty() {
        return Err(Problem::not_found("incident", &id.0));
    }
    let listed = part.of(entries.iter(), |entry| entry.seq.to_string())?;
    let listed = listed.try_map(|entry| {
        Ok(Line {
            said: space.said(entry),
            seq: entry.seq,
            at: entry.at,
            event: told(space, &id, &entry.event),
            previous: entry.previous.clone(),
            digest: entry.digest.clone(),
        })
    })?;
    Ok(Json(listed))
}

/// Which form of a report.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Form {
    /// `json`, `html` or `markdown`; without it what `Accept` weighs most.
    format: Option<Format>,
    /// The digest of the report that is wanted, such as the timeline names; the newest if nothing is said.
    digest: Option<String>,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Format {
    /// `docs/schemas/report.schema.json`.
    Json,
    /// One file with pictures.
    Html,
    /// For tickets and chat.
    Markdown,
}

/// A report in one of its forms.
pub(super) struct Sheet(Answer);

/// The forms, in the order in which they are offered.
const FORMS: [&str; 3] = [JSON, "text/html", "text/markdown"];

impl Gives for Sheet {
    fn described(shapes: &mut SchemaGenerator) -> Vec<(&'static str, Option<Schema>)> {
        let report = shapes.subschema_for::<Report>();
        vec![(FORMS[0], Some(report)), (FORMS[1], None), (FORMS[2], None)]
    }

    fn written(self) -> Result<Answer, Problem> {
        Ok(self.0)
    }
}

/// All reports of an incident, the newest first.
pub(super) fn reports(folded: &Folded) -> impl Iterator<Item = &Report> {
    let looks = folded.incident.investigations.iter().rev();
    looks.filter_map(|look| match &look.ended {
        Some((_, Ok(report))) => Some(&**report),
        _ => None,
    })
}

/// The newest report of the incident that the address names.
pub(super) fn newest(folded: &Folded) -> Result<&Report, Problem> {
    folded.incident.report().ok_or_else(|| {
        Problem::new(
            Code::NotFound,
            "it has no report yet; the timeline shows how far it is",
        )
    })
}

fn report(space: &dyn Space, asked: &Asked, form: Form) -> Result<Sheet, Problem> {
    let folded = named(space, asked)?;
    let report = match &form.digest {
        None => newest(&folded)?,
        Some(digest) => reports(&folded)
            .find(|report| report.ledger == *digest)
            .ok_or_else(|| Problem::not_found("report", digest))?,
    };
    sheet(space, asked, report, form.format)
}

/// A report in the form that is asked for, or else in the one that `Accept` weighs most.
pub(super) fn sheet(
    space: &dyn Space,
    asked: &Asked,
    report: &Report,
    format: Option<Format>,
) -> Result<Sheet, Problem> {
    let form = match format {
        Some(Format::Json) => 0,
        Some(Format::Html) => 1,
        Some(Format::Markdown) => 2,
        None => accept::chosen(&asked.accept, &FORMS).ok_or_else(|| {
            Problem::new(
                Code::NotAcceptable,
                format!("a report is given as {}", FORMS.join(", ")),
            )
        })?,
    };
    let text = |media, dress| {
        Ok(Sheet(Answer {
            media,
            body: space.dressed(report, dress).into_bytes(),
        }))
    };
    match form {
        0 => Json(report).written().map(Sheet),
        1 => text("text/html; charset=utf-8", Dress::Html),
        _ => text("text/markdown; charset=utf-8", Dress::Markdown),
    }
}

/// A text in Markdown.
struct Markdown(String);

impl Gives for Markdown {
    fn described(_: &mut SchemaGenerator) -> Vec<(&'static str, Option<Schema>)> {
        vec![("text/markdown", None)]
    }

    fn written(self) -> Result<Answer, Problem> {
        Ok(Answer {
            media: "text/markdown; charset=utf-8",
            body: self.0.into_bytes(),
        })
    }
}

fn postmortem(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Markdown, Problem> {
    let folded = named(space, asked)?;
    Ok(Markdown(space.postmortem(&folded.incident)))
}

fn evidence(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Json<Value>, Problem> {
    let folded = named(space, asked)?;
    let eid = asked.param("eid");
    let id: EvidenceId = eid
        .parse()
        .map_err(|why| Problem::new(Code::BadRequest, why))?;
    let report = newest(&folded)?;
    if !report.evidence.iter().any(|evidence| evidence.id == id) {
        return Err(Problem::not_found("evidence", eid));
    }
    Ok(Json(space.explained(report, id)?))
}

/// A plan, and how it stands.
#[derive(Debug, Serialize, JsonSchema)]
struct PlanShown {
    /// BLAKE3 (hex) of the plan as it is stored: a yes names it.
    digest: String,
    /// The plan.
    plan: Plan,
    /// When it was proposed.
    proposed: Timestamp,
    /// Can it still be decided: not begun, refused, run out or withdrawn?
    undecided: bool,
    /// The gate's last answer.
    gate: Option<Answered>,
    /// Until when people were asked.
    asked_until: Option<Timestamp>,
    /// The yes.
    approval: Option<Approval>,
    /// Yeses that did not suffice.
    unheeded: Vec<Approval>,
    /// The no.
    refusal: Option<Refusal>,
    /// Did the asking run out?
    expired: bool,
    /// Was it withdrawn because a newer report leads to no plan?
    withdrawn: bool,
    /// When it was begun.
    run_started: Option<Timestamp>,
    /// Step by step.
    steps: Vec<StepShown>,
    /// When and how the performing ended.
    run_ended: Option<Ended>,
    /// The checks so far, in order.
    verified: Vec<Verified>,
}

/// What the gate said.
#[derive(Debug, Serialize, JsonSchema)]
struct Answered {
    /// When.
    at: Timestamp,
    /// What, and why.
    answer: GateAnswer,
}

/// How the performing of a plan ended.
#[derive(Debug, Serialize, JsonSchema)]
struct Ended {
    /// When.
    at: Timestamp,
    /// How.
    end: RunEnd,
}

/// A person's no.
#[derive(Debug, Serialize, JsonSchema)]
struct Refusal {
    /// Who.
    by: String,
    /// Why.
    why: String,
}

/// How one step stands.
#[derive(Debug, Serialize, JsonSchema)]
struct StepShown {
    /// Was it begun?
    begun: bool,
    /// What became of it; `null` while nothing was heard.
    outcome: Option<Outcome>,
    /// What became of its undoing.
    undone: Option<Outcome>,
    /// How often it was begun.
    tries: u32,
}

/// Fresh telemetry, held against the plan's check.
#[derive(Debug, Serialize, JsonSchema)]
struct Verified {
    /// When.
    at: Timestamp,
    /// Did all of it hold?
    passed: bool,
    /// One by one.
    checks: Vec<Checked>,
}

fn plan(space: &dyn Space, asked: &Asked, _: Nothing) -> Result<Json<PlanShown>, Problem> {
    let folded = named(space, asked)?;
    let state = folded
        .incident
        .latest_plan()
        .ok_or_else(|| Problem::new(Code::NotFound, "it has no plan; how it stands says why"))?;
    let steps = state.steps.iter().map(|step| StepShown {
        begun: step.key.is_some(),
        outcome: step.outcome.clone(),
        undone: step.undone.clone(),
        tries: step.tries,
    });
    let verified = state.verified.iter().map(|(at, passed, checks)| Verified {
        at: *at,
        passed: *passed,
        checks: checks.clone(),
    });
    Ok(Json(PlanShown {
        digest: state.digest.clone(),
        plan: (*state.plan).clone(),
        proposed: state.proposed,
        undecided: state.undecided(),
        gate: state
            .gate
            .clone()
            .map(|(at, answer)| Answered { at, answer }),
        asked_until: state.asked_until,
        approval: state.approval.clone(),
        unheeded: state.unheeded.clone(),
        refusal: state.refusal.clone().map(|(by, why)| Refusal { by, why }),
        expired: state.expired,
        withdrawn: state.withdrawn,
        run_started: state.run_started,
        steps: steps.collect(),
        run_ended: state.run_ended.clone().map(|(at, end)| Ended { at, end }),
        verified: verified.collect(),
    }))
}
