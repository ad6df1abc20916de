//! The policy as it stands, and what the gate would say if something were otherwise: the same pure question that the watch
//! asks, about a copy. What comes of it is words; a plan that may be run never leaves this file.

use act::gate::{Gate, Person, PolicyFault, Question, Rules, recoveries, sample};
use model::incident::Incident;
use model::plan::Approval;
use model::topology::Topology;
use server::api::policy::{HardRules, PolicyShown, PolicyWrong, Sample, Simulated, Supposed};

use super::house::House;

/// The policies that come with the program.
const NAMES: [&str; 3] = ["observer", "ask-always", "harmless-alone"];

fn wrong(gate: &Gate) -> Option<PolicyWrong> {
    gate.fault()
        .map(|PolicyFault { line, column, what }| PolicyWrong {
            line: *line,
            column: *column,
            what: what.clone(),
        })
}

/// The policy that is configured, and whom the gate knows. The error is for people.
pub fn shown(house: &House, known: Vec<Person>) -> Result<PolicyShown, String> {
    let text = house.policy().map_err(|problem| problem.to_string())?;
    let gate = house.gate().map_err(|problem| problem.to_string())?;
    let rules = gate.rules();
    let mut people: Vec<String> = known.into_iter().map(|one| one.name).collect();
    people.sort();
    Ok(PolicyShown {
        name: house.config().act.policy.clone(),
        text,
        wrong: wrong(&gate),
        rules: HardRules {
            min_confidence: rules.confidence,
            cooldown: rules.cooldown.0,
            attempts: rules.attempts,
            max_touched: rules.blast_radius as u64,
            approval_valid: rules.approval_lasts.0,
            facts_last: rules.facts_last.0,
        },
        people,
        samples: NAMES
            .iter()
            .filter_map(|name| {
                sample(name).map(|text| Sample {
                    name: (*name).to_string(),
                    text: text.to_string(),
                })
            })
            .collect(),
    })
}

/// What the gate would say to the incident's newest plan. `others` are all incidents of the house: what was done lately
/// counts here as it does there; `people` are those whom the gate knows. `None` if there is no plan.
///
/// # Errors
/// If the configuration cannot be read, for people.
pub fn suppose<'a>(
    house: &House,
    incident: &Incident,
    topology: &Topology,
    (others, people): (impl IntoIterator<Item = &'a Incident>, &[Person]),
    supposed: &Supposed,
) -> Result<Option<Simulated>, String> {
    let Some(newest) = incident.latest_plan() else {
        return Ok(None);
    };
    let at = supposed.at.unwrap_or(newest.proposed);
    let configured = house.gate().map_err(|problem| problem.to_string())?;
    let rules = Rules {
        confidence: supposed
            .min_confidence
            .unwrap_or(configured.rules().confidence),
        blast_radius: supposed
            .max_touched
            .map_or(configured.rules().blast_radius, |most| most as usize),
        ..*configured.rules()
    };
    let text = match &supposed.policy {
        None => house.policy().map_err(|problem| problem.to_string())?,
        Some(named) => sample(named).map_or_else(|| named.clone(), str::to_string),
    };
    let gate = Gate::new(&text, rules);
    // What happened to the plan since it was proposed is not supposed: it is asked about as it was then.
    let mut copy = incident.clone();
    copy.closed = None;
    copy.handed_over = None;
    let Some(plan) = copy.plans.last_mut() else {
        return Ok(None);
    };
    let digest = plan.digest.clone();
    plan.gate = None;
    plan.asked_until = None;
    plan.unheeded.clear();
    plan.refusal = None;
    plan.expired = false;
    plan.withdrawn = false;
    plan.run_started = None;
    plan.run_ended = None;
    plan.verified.clear();
    plan.approval = supposed.approved_by.as_ref().map(|by| Approval {
        plan: digest.clone(),
        by: by.clone(),
        at,
        until: at.plus(rules.approval_lasts),
    });
    let mut done = recoveries(others);
    done.retain(|recovery| {
        recovery.started < at && !(recovery.incident == incident.id && recovery.plan == digest)
    });
    let decision = gate.ask(&Question {
        now: at,
        incident: &copy,
        topology,
        people,
        recoveries: &done,
        kill_switch: None,
    });
    Ok(Some(Simulated {
        plan: digest,
        at,
        answer: decision.answer(),
        wrong: wrong(&gate),
    }))
}

#[cfg(test)]
mod tests {
    use model::incident::{Entry, Incident, IncidentId};
    use model::plan::GateAnswer;
    use model::topology::Topology;
    use serde_json::Value;
    use server::api::policy::{Simulated, Supposed};

    use crate::config::{Config, Written};
    use crate::wiring::house::House;

    /// A real incident, whose plan was performed and helped long ago.
    fn over() -> Incident {
        let mut journal: Value = serde_json::from_str(include_str!(
            "../../../../ui/tests/fixtures/three.timeline.json"
        ))
        .unwrap();
        let reports: Vec<Value> = serde_json::from_str(include_str!(
            "../../../../ui/tests/fixtures/three.reports.json"
        ))
        .unwrap();
        for entry in journal["entries"].as_array_mut().unwrap() {
            let place = entry["event"]["report"]["at"].as_u64();
            if let Some(place) = place {
                entry["event"]["report"] = reports[usize::try_from(place).unwrap()].clone();
            }
        }
        let id = IncidentId(journal["incident"].as_str().unwrap().to_string());
        let entries: Vec<Entry> = serde_json::from_value(journal["entries"].take()).unwrap();
        Incident::fold(&id, &entries).unwrap().unwrap()
    }

    fn ask(supposed: &Supposed) -> Simulated {
        let mut config = Config::default();
        config.act.approvers = vec!["ada".to_string()];
        let house = House::built(Written { config, file: None });
        let incident = over();
        super::suppose(
            &house,
            &incident,
            &Topology::default(),
            ([&incident], &house.people()),
            supposed,
        )
        .unwrap()
        .unwrap()
    }

    #[test]
    fn the_same_plan_under_other_orders_gets_other_answers() {
        let policy = |name: &str| Supposed {
            policy: Some(name.to_string()),
            ..Supposed::default()
        };
        let asks =
            |answer: &GateAnswer| matches!(answer, GateAnswer::Ask { who, .. } if who == &["ada"]);
        let usual = ask(&Supposed::default()).answer;
        assert!(asks(&usual), "{usual:?}");
        assert!(matches!(
            ask(&policy("observer")).answer,
            GateAnswer::Refuse { .. }
        ));
        let approved = |by: &str| Supposed {
            approved_by: Some(by.to_string()),
            ..Supposed::default()
        };
        assert!(matches!(
            ask(&approved("ada")).answer,
            GateAnswer::Go { .. }
        ));
        assert!(asks(&ask(&approved("a stranger")).answer));
        let narrow = Supposed {
            max_touched: Some(0),
            ..approved("ada")
        };
        assert!(matches!(ask(&narrow).answer, GateAnswer::Refuse { .. }));
        let late = Supposed {
            at: Some("2027-01-01T00:00:00Z".parse().unwrap()),
            ..approved("ada")
        };
        assert!(matches!(ask(&late).answer, GateAnswer::Refuse { .. }));
    }

    #[test]
    fn a_policy_that_cannot_be_read_permits_nothing_and_says_where() {
        let broken = ask(&Supposed {
            policy: Some("permit (principal,\n  action resource);".to_string()),
            approved_by: Some("ada".to_string()),
            ..Supposed::default()
        });
        assert!(matches!(broken.answer, GateAnswer::Refuse { .. }));
        assert!(broken.wrong.is_some_and(|wrong| wrong.line.is_some()));
    }

    #[test]
    fn what_is_shown_is_what_is_configured() {
        let house = House::built(Written {
            config: Config::default(),
            file: None,
        });
        let shown = super::shown(&house, house.people()).unwrap();
        assert_eq!((shown.name.as_str(), shown.wrong), ("ask-always", None));
        assert_eq!(shown.samples.len(), 3);
        assert!(shown.samples.iter().any(|sample| sample.text == shown.text));
    }
}
