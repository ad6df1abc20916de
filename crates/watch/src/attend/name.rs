//! A person who knows names what it really was: where, and by which mechanism of the catalogue.

use std::collections::BTreeMap;

use model::entity::{EntityId, EntityKind};
use model::incident::{Incident, IncidentEvent, IncidentId};
use model::mechanism::{Category, MechanismId};
use model::topology::Topology;

use super::Watch;
use super::desk::{Refusal, clean};
use crate::detect::nearest;

/// What a person names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Where.
    pub entity: String,
    /// How: the id of a mechanism of the catalogue.
    pub mechanism: String,
    /// Beside what the newest report blames, or else instead of all that?
    pub beside: bool,
    /// May it be something that nobody has heard of here? What cannot be seen may be guilty all the same.
    pub unseen: bool,
}

/// The longest name of an entity that is written down, in characters.
const LONGEST: usize = 300;

impl Watch {
    /// A person who knows names what it really was; also of a closed incident. What a report blames as well is judged
    /// right; unless it is named beside them, all other causes of the newest report are judged wrong, and whatever was
    /// named before is taken back. Gives the mechanism's title.
    ///
    /// # Errors
    /// If there is no such incident, mechanism or entity: with the nearest that there is.
    pub fn name_cause(&self, id: &IncidentId, named: &Named, by: &str) -> Result<String, Refusal> {
        let mut incident = self.incident(id)?;
        let mechanism = mechanism(&incident, &named.mechanism)?;
        let around = self.sockets.around.glance(self.now());
        let (entity, kind) = place(&incident, around.topology(), named)?;
        let mechanism_id = MechanismId(named.mechanism.clone());
        let blamed = incident.blamed(&entity, &mechanism_id);
        if !named.beside {
            let others: Vec<_> = incident.report().map_or(Vec::new(), |report| {
                let causes = report.causes.iter();
                let others =
                    causes.filter(|c| (&c.entity, &c.mechanism) != (&entity, &mechanism_id));
                others
                    .map(|c| (c.entity.clone(), c.mechanism.clone()))
                    .collect()
            });
            for (entity, mechanism) in others {
                let wrong = IncidentEvent::CauseJudged {
                    entity,
                    mechanism,
                    right: false,
                    by: clean(by),
                };
                self.written(&incident, wrong)?;
                incident = self.incident(id)?;
            }
        }
        if blamed {
            let right = IncidentEvent::CauseJudged {
                entity: entity.clone(),
                mechanism: mechanism_id.clone(),
                right: true,
                by: clean(by),
            };
            self.written(&incident, right)?;
            incident = self.incident(id)?;
        }
        // Also where it was blamed, if it takes back what was named before.
        if !blamed || (!named.beside && !incident.named.is_empty()) {
            let said = IncidentEvent::CauseNamed {
                entity,
                kind,
                mechanism: mechanism_id,
                category: mechanism.category,
                instead: !named.beside,
                by: clean(by),
            };
            self.written(&incident, said)?;
        }
        Ok(mechanism.title)
    }
}

/// What is known of a mechanism.
struct Known {
    title: String,
    category: Category,
}

/// From the catalogue; a report of an earlier version may blame one that is in it no more.
fn mechanism(incident: &Incident, wanted: &str) -> Result<Known, Refusal> {
    let catalogue = &investigate::catalogue().mechanisms;
    if let Some(found) = catalogue.iter().find(|one| one.id == wanted) {
        return Ok(Known {
            title: found.title.clone(),
            category: found.category,
        });
    }
    let causes = incident.report().map_or(&[][..], |report| &report.causes);
    if let Some(found) = causes.iter().find(|cause| cause.mechanism.0 == wanted) {
        return Ok(Known {
            title: found.title.clone(),
            category: found.category,
        });
    }
    let near = nearest(wanted, catalogue.iter().map(|one| one.id.as_str()));
    Err(Refusal::No(format!(
        "there is no mechanism {}{}; `midwatch mechanisms` lists all",
        quoted(wanted),
        suggestion(near)
    )))
}

/// The thing that is meant, and what sort it is, if it was heard of: in a report, an alarm, or around.
fn place(
    incident: &Incident,
    around: &Topology,
    named: &Named,
) -> Result<(EntityId, EntityKind), Refusal> {
    let mut known: BTreeMap<&str, EntityKind> = BTreeMap::new();
    for joined in &incident.alarms {
        known.insert(joined.alarm.entity.as_str(), EntityKind::Unknown);
    }
    for entity in &around.entities {
        known.insert(entity.id.as_str(), entity.kind);
    }
    for entity in incident
        .report()
        .into_iter()
        .flat_map(|report| &report.entities)
    {
        known.insert(entity.id.as_str(), entity.kind);
    }
    let wanted = clean(named.entity.trim()).replace('\n', " ");
    if let Some(kind) = known.get(wanted.as_str()) {
        return Ok((EntityId::new(wanted), *kind));
    }
    if wanted.is_empty() || wanted.chars().count() > LONGEST {
        return Err(Refusal::No(format!(
            "say where: the name of an entity, of at most {LONGEST} characters"
        )));
    }
    if named.unseen {
        return Ok((EntityId::new(wanted), EntityKind::Unknown));
    }
    Err(Refusal::No(format!(
        "nobody has heard of {} here{}; if it is something that cannot be seen from here, say so as well",
        quoted(&wanted),
        suggestion(nearest(&wanted, known.keys().copied()))
    )))
}

fn suggestion(near: Option<&str>) -> String {
    near.map_or(String::new(), |near| format!("; did you mean {near}?"))
}

/// What a person wrote, short enough to be said back.
fn quoted(text: &str) -> String {
    let text: String = text.chars().take(80).collect();
    format!("{text:?}")
}
