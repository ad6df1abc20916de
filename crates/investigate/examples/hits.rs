//! Prints which mechanisms the observations of each case speak of:
//! `cargo run --example hits -- opensre DIR [CASE]`.
//!
//! A bench for the catalogue alone, without weighing: what do the signatures say?

use std::collections::BTreeMap;
use std::path::Path;

use connectors::files::datasets::{Suite, cases, load};
use investigate::matching::{FactRef, Matcher, compiled};
use investigate::probes::events::Standing;
use investigate::probes::states::Health;
use investigate::world::World;
use model::report::BudgetLimit;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let suite = arguments
        .first()
        .and_then(|word| Suite::parse(word))
        .ok_or("which suite? opensre or rootcausebench")?;
    let folder = arguments.get(1).ok_or("which folder?")?;
    let wanted = arguments.get(2);
    for case in cases(suite, Path::new(folder))? {
        if wanted.is_some_and(|w| !case.id.contains(w.as_str())) {
            continue;
        }
        let loaded = load(&case)?;
        let world = World::survey(&loaded.case, BudgetLimit { reads: 60 }, &mut |_| {});
        let (scene, facts) = (&world.scene, &world.facts);
        let matcher = Matcher::new(scene, facts, compiled());
        println!(
            "== {} {:?}",
            case.id,
            loaded.case.answer.as_ref().map(|a| &a.categories)
        );
        let ill = |h: Health| matches!(h, Health::Unhealthy | Health::Pending);
        for state in matcher.states() {
            if ill(state.health) || state.health == Health::Leaving {
                println!(
                    "   {:?} {} {}: {}",
                    state.health,
                    scene.name(state.entity),
                    state.kind,
                    state.why
                );
            }
        }
        if wanted.is_some() {
            println!("   window {} near {}", scene.window, scene.near);
            for fact in &facts.series {
                let (role, key) = (fact.role, &fact.series.key);
                println!(
                    "   {key} {role:?} normal {:.3} level {:.3} worst {:.3} z {:.1} ramp {} active {}",
                    fact.normal, fact.level, fact.worst, fact.z, fact.ramp, fact.active
                );
            }
            for event in matcher.events() {
                println!("   {:?} {:?} {}", event.tone, event.standing, event.text);
            }
        }
        let history = matcher
            .events()
            .iter()
            .filter(|e| e.standing != Standing::Current)
            .count();
        println!(
            "   events: {} of which history {history}",
            matcher.events().len()
        );
        let mut sums: BTreeMap<(u32, u32), (f64, Vec<String>)> = BTreeMap::new();
        for hit in matcher.matches() {
            let entry = sums.entry((hit.mechanism, hit.unit)).or_default();
            entry.0 += hit.strength;
            entry.1.push(format!(
                "{}:{:?}={}",
                hit.signature, hit.source, hit.strength
            ));
            if let Some(FactRef::Log(n)) = hit.refs.first() {
                entry
                    .1
                    .push(facts.logs[*n as usize].example.chars().take(70).collect());
            }
        }
        let mut ranked: Vec<_> = sums.into_iter().collect();
        ranked.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then(a.0.cmp(&b.0)));
        for ((mechanism, unit), (sum, parts)) in ranked.into_iter().take(12) {
            let id = &compiled().catalogue().mechanisms[mechanism as usize].id;
            println!(
                "   {sum:5.1} {id} @ {} {}",
                scene.name(unit),
                parts.join(" ")
            );
        }
    }
    Ok(())
}
