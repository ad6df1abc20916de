//! What happened and what to do next, for people: blameless, in Markdown, with the fields visibly empty that only
//! people can fill.

mod markdown;
mod timeline;

use model::incident::{Ending, Incident, PlanState, RunEnd};
use model::lesson::{Area, Milestones};
use model::report::{Report, Status};
use model::{Span, Timestamp};

use crate::{advice, distil};

/// How quickly is quick: what takes no longer than this went well.
const QUICK: Span = Span(model::time::MINUTE);
/// How long people may be waited for before it counts as slow.
const WAITED: Span = Span(5 * model::time::MINUTE);

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
}

/// What to do, by what it would have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionItems {
    /// It would not have happened.
    pub prevent: Vec<String>,
    /// It would have hurt less, or for a shorter time.
    pub mitigate: Vec<String>,
    /// It would have been noticed or understood sooner.
    pub detect: Vec<String>,
    /// People would have had an easier night.
    pub process: Vec<String>,
}

/// A post-mortem as a value; its `Display` is Markdown. Text that came from telemetry is escaped there, and nowhere else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostMortem {
    /// The symptom.
    pub title: String,
    /// Name and value: incident, status, times, durations.
    pub facts: Vec<(String, String)>,
    /// The verdict, sentence by sentence.
    pub summary: Vec<String>,
    /// Who was hurt, as far as telemetry tells.
    pub impact: Vec<String>,
    /// What set it off: the changes or the input. Not what made it possible.
    pub trigger: Vec<String>,
    /// What was wrong, with how sure that is.
    pub root_causes: Vec<String>,
    /// What made it worse, longer, or harder to see.
    pub contributing: Vec<String>,
    /// How it was noticed.
    pub detection: Vec<String>,
    /// In order of time.
    pub timeline: Vec<Moment>,
    /// What to do.
    pub actions: ActionItems,
    /// What went well.
    pub well: Vec<String>,
    /// What went badly.
    pub badly: Vec<String>,
    /// Where there was luck.
    pub luckily: Vec<String>,
}

/// Writes an incident's post-mortem, closed or not.
pub fn postmortem(incident: &Incident) -> PostMortem {
    let reached = distil::milestones(incident);
    let report = incident.report();
    let mut paper = PostMortem {
        title: distil::title(incident),
        facts: facts(incident, &reached),
        timeline: timeline::of(incident),
        ..PostMortem::default()
    };
    if let Some(report) = report {
        let texts = |claims: &[model::report::Claim]| -> Vec<String> {
            claims.iter().map(|claim| claim.text.clone()).collect()
        };
        paper.summary = texts(&report.verdict);
        paper.impact = texts(&report.impact);
        causes(incident, report, &mut paper);
    }
    named(incident, &mut paper);
    contributing(incident, &mut paper);
    detection(incident, &reached, &mut paper);
    actions(incident, &reached, &mut paper);
    judgement(incident, &reached, &mut paper);
    paper
}

fn facts(incident: &Incident, reached: &Milestones) -> Vec<(String, String)> {
    let mut facts = vec![("Incident".to_string(), incident.id.to_string())];
    let mut add = |name: &str, value: String| facts.push((name.to_string(), value));
    let severity = incident
        .alarms
        .iter()
        .filter_map(|joined| joined.alarm.severity)
        .max();
    if let Some(severity) = severity {
        add("Severity", format!("{severity:?}").to_lowercase());
    }
    let status = match (&incident.closed, &incident.handed_over) {
        (Some((at, ending)), _) => format!("{} at {at}", ended(ending)),
        (None, Some((at, _))) => format!("handed over to a person at {at}"),
        (None, None) => "open".to_string(),
    };
    add("Status", status);
    if let Some(began) = reached.began {
        add("Began", began.to_string());
    }
    add(
        "Detected",
        since(reached.detected, reached.began, "after it began"),
    );
    if let Some(at) = reached.investigated {
        add(
            "First verdict",
            since(at, Some(reached.detected), "after detection"),
        );
    }
    if let Some(at) = reached.approved {
        add(
            "Recovery approved",
            since(at, Some(reached.detected), "after detection"),
        );
    }
    if let Some(at) = reached.recovered {
        add(
            "Recovered",
            since(at, Some(reached.detected), "after detection"),
        );
    }
    if !incident.links.is_empty() {
        let linked: Vec<String> = incident
            .links
            .iter()
            .map(|(id, why)| format!("{id} ({why})"))
            .collect();
        add("Linked", linked.join(", "));
    }
    facts
}

fn since(at: Timestamp, from: Option<Timestamp>, words: &str) -> String {
    match from.map(|from| at.since(from)) {
        Some(length) if length.0 >= 0 => format!("{at} ({length} {words})"),
        _ => at.to_string(),
    }
}

pub(crate) fn ended(ending: &Ending) -> String {
    match ending {
        Ending::Recovered => "recovered, verified on fresh telemetry".to_string(),
        Ending::RecoveredAlone => "went away by itself".to_string(),
        Ending::NoFault => "nothing was wrong".to_string(),
        Ending::HandedOver => "handed over to a person".to_string(),
        Ending::Merged { into } => format!("lives on in {into}"),
    }
}

/// Trigger against root causes: a change or input that set it off, against what was wrong with the thing that broke.
fn causes(incident: &Incident, report: &Report, paper: &mut PostMortem) {
    for cause in &report.causes {
        if let Some(id) = &cause.change {
            let read = report.evidence.iter().find(|evidence| {
                matches!(&evidence.query, model::Query::Change { id: asked } if asked == id)
            });
            let says = read.map_or(format!("change {id}"), |evidence| evidence.says.clone());
            paper.trigger.push(format!("{says}, on {}", cause.entity));
        } else if cause.category == model::Category::InputAnomaly {
            paper
                .trigger
                .push(format!("what came in: {}", cause.claim.text));
        }
        let said = incident
            .judged
            .get(&(cause.entity.clone(), cause.mechanism.clone()))
            .map_or(String::new(), |(right, by)| {
                let word = if *right { "was" } else { "was not" };
                format!(" {by} says that it {word} a cause.")
            });
        paper.root_causes.push(format!(
            "{} on {} ({}; {}, {:.2}): {}{said}",
            cause.title,
            cause.entity,
            cause.category,
            cause.word.text(),
            cause.confidence,
            cause.claim.text
        ));
    }
    if let Some(unknown) = &report.unknown {
        paper
            .root_causes
            .push(format!("not known: {}", unknown.claim.text));
    }
}

/// What people say that it really was.
fn named(incident: &Incident, paper: &mut PostMortem) {
    for ((entity, mechanism), named) in &incident.named {
        let (by, category) = (&named.by, named.category);
        paper.root_causes.push(format!(
            "{mechanism} on {entity} ({category}; named by {by})"
        ));
        if !incident.blamed(entity, mechanism) {
            paper.badly.push(format!(
                "No report named {mechanism} on {entity}, of which {by} says that it was a cause."
            ));
        }
    }
}

fn contributing(incident: &Incident, paper: &mut PostMortem) {
    let mut add = |text: String| {
        if !paper.contributing.contains(&text) {
            paper.contributing.push(text);
        }
    };
    if let Some(report) = incident.report() {
        for latent in &report.latent {
            add(format!(
                "wrong as well, though not a cause of this: {}",
                latent.claim.text
            ));
        }
        for gap in report.gaps.iter().filter(|gap| !gap.affects.is_empty()) {
            let of = gap
                .entity
                .as_ref()
                .map_or(String::new(), |e| format!(" of {e}"));
            add(format!(
                "{}{of} could not be seen, which left {} untested",
                gap.wanted,
                gap.affects.join(", ")
            ));
        }
    }
    for plan in &incident.plans {
        if let Some((at, end)) = &plan.run_ended {
            match end {
                RunEnd::Completed if !plan.verified.is_empty() && !plan.worked() => {
                    add(format!(
                        "a recovery that ended at {} did not help",
                        at.clock()
                    ));
                }
                RunEnd::Completed => {}
                RunEnd::Unwound { why } => {
                    add(format!("a recovery was broken off and undone: {why}"))
                }
                RunEnd::Stuck { why } => add(format!(
                    "a recovery was broken off and could not be undone: {why}"
                )),
            }
        }
    }
    if incident.alarms.iter().any(|alarm| alarm.flapping) {
        add("an alarm turned so often that its turns told nothing".to_string());
    }
}

fn detection(incident: &Incident, reached: &Milestones, paper: &mut PostMortem) {
    for joined in &incident.alarms {
        let source = if joined.alarm.source.is_empty() {
            String::new()
        } else {
            format!(" ({})", joined.alarm.source)
        };
        paper.detection.push(format!(
            "{}: {}{source} on {}",
            joined.alarm.fired_at, joined.alarm.rule, joined.alarm.entity
        ));
    }
    if let Some(began) = reached.began {
        paper.detection.push(format!(
            "The first alarm came {} after the last moment at which all was well.",
            reached.detected.since(began)
        ));
    }
}

fn actions(incident: &Incident, reached: &Milestones, paper: &mut PostMortem) {
    let items = &mut paper.actions;
    for advice in advice::of(incident) {
        let list = match advice.area {
            Area::DeploymentPipeline => &mut items.prevent,
            Area::Observability => &mut items.detect,
            Area::Infrastructure | Area::Resilience => &mut items.mitigate,
        };
        list.push(advice.text);
    }
    if let Some(waited) = waited(incident, reached)
        && waited > WAITED
    {
        items.process.push(format!(
            "See that somebody who may say yes is reachable, or let the policy allow this recovery: the yes took {waited}."
        ));
    }
    if incident.plans.iter().any(|plan| plan.expired) {
        items
            .process
            .push("See who is on call: nobody answered while a yes was asked for.".to_string());
    }
    for plan in &incident.plans {
        if let Some((by, why)) = &plan.refusal {
            items.process.push(format!(
                "Write into the policy what {by} knew when refusing a plan: {why}."
            ));
        }
    }
    if let Some((_, why)) = &incident.handed_over {
        items.process.push(format!(
            "Write a runbook for what a person had to finish: {why}."
        ));
    }
}

/// How long the yes was waited for.
fn waited(incident: &Incident, reached: &Milestones) -> Option<Span> {
    let approved = reached.approved?;
    let plan = incident.plans.iter().find(|plan| plan.approval.is_some())?;
    Some(approved.since(plan.proposed))
}

fn judgement(incident: &Incident, reached: &Milestones, paper: &mut PostMortem) {
    let (well, badly) = (&mut paper.well, &mut paper.badly);
    if let Some(began) = reached.began {
        let took = reached.detected.since(began);
        if took <= QUICK {
            well.push(format!("It was noticed within {took}."));
        } else if took > WAITED {
            badly.push(format!("It went on for {took} before it was noticed."));
        }
    }
    if let Some(at) = reached.investigated {
        let took = at.since(reached.detected);
        if took <= QUICK {
            well.push(format!("There was a verdict {took} after detection."));
        }
    }
    let failed = incident
        .investigations
        .iter()
        .filter(|look| matches!(&look.ended, Some((_, Err(_)))))
        .count();
    if failed > 0 {
        badly.push(format!(
            "{failed} of {} investigations could not be done.",
            incident.investigations.len()
        ));
    }
    if let Some(at) = reached.recovered
        && distil::recovered(incident) == Some(true)
    {
        let took = at.since(reached.detected);
        well.push(format!(
            "The recovery was verified on fresh telemetry {took} after detection."
        ));
    }
    let broke_off =
        |plan: &&PlanState| matches!(&plan.run_ended, Some((_, RunEnd::Unwound { .. })));
    for _ in incident.plans.iter().filter(broke_off) {
        well.push("What a broken-off recovery had altered was put back.".to_string());
    }
    for plan in &incident.plans {
        if let Some((_, RunEnd::Stuck { why })) = &plan.run_ended {
            badly.push(format!(
                "A recovery could be neither completed nor undone: {why}."
            ));
        } else if plan.run_started.is_some() && !plan.verified.is_empty() && !plan.worked() {
            badly.push("A recovery ran and did not help.".to_string());
        }
        if plan.expired {
            badly.push("Nobody answered while a yes was asked for.".to_string());
        }
    }
    if let Some((_, why)) = &incident.handed_over {
        badly.push(format!(
            "It could not be brought to an end without a person: {why}."
        ));
    }
    match (
        incident.report().map(|report| report.header.status),
        &incident.closed,
    ) {
        (Some(Status::Unknown), _) => badly.push("The cause was not found.".to_string()),
        (_, Some((_, Ending::RecoveredAlone))) => {
            paper
                .luckily
                .push("It went away by itself; it may come back the same way.".to_string());
        }
        (_, Some((_, Ending::NoFault))) => {
            badly.push(
                "People or machines were busied by an alarm behind which nothing was wrong."
                    .to_string(),
            );
        }
        _ => {}
    }
    let latent = incident.report().map_or(0, |report| report.latent.len());
    if latent > 0 {
        paper.luckily.push(format!(
            "{latent} other {} found wrong before it broke anything.",
            if latent == 1 {
                "thing was"
            } else {
                "things were"
            }
        ));
    }
}
