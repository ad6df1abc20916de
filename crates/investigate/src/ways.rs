//! Ways that lines tell of where the map does not: it may have been drawn without asking everybody.

use std::collections::BTreeMap;

use model::EntityKind;

use crate::constants::STEADY_LINES;
use crate::facts::LogFact;
use crate::probes::series::BAND;
use crate::reach::Reach;
use crate::scene::Scene;

/// Whom new complaints name, of all that is known, is whom their writer leans on, where no way leads from one to the
/// other: who leans on whom, and which lines say so (their number in `logs`), in the order of units.
pub(crate) fn told(scene: &Scene, logs: &[LogFact]) -> Vec<(u32, u32, u32)> {
    let told: BTreeMap<(u32, u32), u32> = logs
        .iter()
        .zip(0..)
        .filter(|(fact, _)| fact.is_complaint() && fact.during >= STEADY_LINES)
        .filter(|(fact, _)| fact.before == 0 || fact.z > BAND)
        .filter(|(fact, _)| !scene.is_of_the_platform(fact.unit))
        .filter_map(|(fact, number)| match fact.mentions[..] {
            [one] if one != fact.unit && is_called(scene, one, &fact.example) => {
                Some(((fact.unit, one), number))
            }
            _ => None,
        })
        .collect();
    let reach = Reach::from(scene, told.keys().map(|(from, _)| *from));
    // Who complains of each other tells nothing of who calls whom.
    let one_way = |from: u32, to: u32| !told.contains_key(&(to, from)) && !reach.leads(from, to);
    told.iter()
        .filter(|((from, to), _)| one_way(*from, *to))
        .map(|((from, to), line)| (*from, *to, *line))
        .collect()
}

/// Can it be called, and is it not the caller that this line complains of?
fn is_called(scene: &Scene, unit: u32, line: &str) -> bool {
    const CALLERS: [&str; 7] = [
        "from", "by", "client", "caller", "user", "tenant", "consumer",
    ];
    let callable = matches!(
        scene.entities[unit as usize].kind,
        EntityKind::Service
            | EntityKind::Function
            | EntityKind::Workload
            | EntityKind::Database
            | EntityKind::Queue
            | EntityKind::Table
            | EntityKind::Cache
            | EntityKind::Gateway
            | EntityKind::External
            | EntityKind::Unknown
    );
    let line = line.to_ascii_lowercase();
    let name = scene.name(unit).to_ascii_lowercase();
    let mut before = line.match_indices(&name).filter_map(|(at, _)| {
        let mut words = line[..at].rsplit(|c: char| !c.is_ascii_alphanumeric());
        words.find(|word| !word.is_empty())
    });
    callable && !before.any(|word| CALLERS.contains(&word))
}
