//! Ranks units by their own anomalies, case by case: `cargo run --example trainticket -- nezha DIR [CASE]`.
//!
//! A bench for the survey alone, without mechanisms: what do spans, logs and resource metrics tell?

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use analysis::series::Scratch;
use connectors::files::datasets::{Suite, cases, load};
use investigate::anomaly::anomalies;
use investigate::facts::Facts;
use investigate::kinds::FactRef;
use investigate::probes;
use investigate::scene::Scene;
use model::Timestamp;
use model::ports::Eyes;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let suite = arguments
        .first()
        .and_then(|word| Suite::parse(word))
        .ok_or("which suite? nezha or rootcausebench")?;
    let folder = arguments.get(1).ok_or("which folder?")?;
    let wanted = arguments.get(2);
    let (mut count, mut first, mut third) = (0, 0, 0);
    for case in cases(suite, Path::new(folder))? {
        if wanted.is_some_and(|w| !case.id.contains(w.as_str())) {
            continue;
        }
        let before = Instant::now();
        let loaded = load(&case)?;
        let read = before.elapsed();
        let before = Instant::now();
        let world = survey(&loaded.case);
        let found = anomalies(&world.scene, &world.facts);
        let looked = before.elapsed();
        let mut by_unit: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for anomaly in found.iter().filter(|a| a.explained_by.is_none()) {
            by_unit
                .entry(anomaly.unit)
                .or_default()
                .push(anomaly.strength);
        }
        let mut ranked: Vec<(f64, u32)> = by_unit
            .into_iter()
            .map(|(unit, mut all)| {
                all.sort_by(|a, b| b.total_cmp(a));
                (all[0] + 0.3 * all.get(1).copied().unwrap_or(0.0), unit)
            })
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let truth: Vec<String> = loaded
            .case
            .answer
            .iter()
            .flat_map(|a| a.entities.iter())
            .map(|e| e.to_string())
            .collect();
        let rank = ranked
            .iter()
            .position(|(_, unit)| truth.contains(&world.scene.id(*unit).to_string()));
        count += 1;
        first += usize::from(rank == Some(0));
        third += usize::from(rank.is_some_and(|r| r < 3));
        let top: Vec<String> = ranked
            .iter()
            .take(4)
            .map(|(s, unit)| format!("{} {s:.1}", world.scene.name(*unit)))
            .collect();
        println!(
            "{:30} rank {} {} | {} | read {} ms, looked {} ms",
            loaded.case.manifest().id,
            rank.map_or("-".to_string(), |r| (r + 1).to_string()),
            truth.join(" "),
            top.join(", "),
            read.as_millis(),
            looked.as_millis()
        );
        if wanted.is_some() {
            explain(&world, &found, &ranked);
        }
    }
    println!("{count} cases: first {first}, among three {third}");
    Ok(())
}

/// Scene and facts of one case.
struct World {
    scene: Scene,
    facts: Facts,
}

/// Metrics first, which tell when it began; then spans; then lines, against the requests that spans tell.
fn survey(eyes: &dyn Eyes) -> World {
    let mut scene = Scene::read(eyes);
    let mut facts = Facts::default();
    let mut scratch = Scratch::new();
    let all = probes::series::ask(eyes).found().unwrap_or_default();
    let alarmed: Vec<_> = all
        .iter()
        .filter(|s| {
            scene
                .unit(&s.key.entity)
                .is_some_and(|u| scene.alarmed.binary_search(&u).is_ok())
        })
        .cloned()
        .collect();
    scene.borrow_baseline(
        alarmed
            .iter()
            .filter_map(|s| s.times.first())
            .min()
            .map(|t| Timestamp(*t)),
    );
    let early = probes::series::judge(&scene, &alarmed, &mut scratch);
    let onset = probes::series::onset_of_alarms(&scene, eyes, &early);
    scene.settle(onset.map(|o| o.lo));
    facts.series = probes::series::judge(&scene, &all, &mut scratch);
    let (edges, work, requests, _) = probes::traces::traces(eyes, &scene);
    facts.logs = probes::logs::logs(eyes, &scene, &requests).0.facts;
    facts.edges = edges;
    facts.work = work;
    World { scene, facts }
}

fn explain(world: &World, found: &[investigate::pull::Anomaly], ranked: &[(f64, u32)]) {
    for (_, unit) in ranked.iter().take(6) {
        for anomaly in found.iter().filter(|a| a.unit == *unit) {
            let by = anomaly.explained_by.map_or(String::new(), |u| {
                format!(" explained by {}", world.scene.name(u))
            });
            println!(
                "   {} {} {:.2}{by}",
                world.scene.name(*unit),
                anomaly.kind,
                anomaly.strength
            );
            for at in &anomaly.refs {
                match at {
                    FactRef::Series(i) => {
                        let fact = &world.facts.series[*i as usize];
                        println!(
                            "      {} {:.2} -> {:.2}, z {:.1}",
                            fact.series.key, fact.normal, fact.level, fact.z
                        );
                    }
                    FactRef::Log(i) => {
                        let fact = &world.facts.logs[*i as usize];
                        println!(
                            "      {} -> {} z {:.1} {:.90}",
                            fact.before, fact.during, fact.z, fact.template
                        );
                        if let Some(path) = &fact.path {
                            println!(
                                "         {:?} -> {:?} {:.1} after {:.60?}",
                                path.before, path.during, path.nats, path.after
                            );
                        }
                    }
                    FactRef::Edge(i) => {
                        let f = &world.facts.edges[*i as usize];
                        let (from, to) = (world.scene.name(f.caller), world.scene.name(f.callee));
                        println!(
                            "      {from} -> {to} gap {:?} z {:.1} {:?}",
                            f.gap_ms, f.gap_z, f.gap_calls
                        );
                    }
                    FactRef::Work(i) => {
                        let f = &world.facts.work[*i as usize];
                        println!(
                            "      {} own {:?} z {:.1}, errors {:?} of {:?}",
                            f.operation, f.own_ms, f.own_z, f.origin_errors, f.requests
                        );
                    }
                    other => println!("      {other:?}"),
                }
            }
        }
    }
}
