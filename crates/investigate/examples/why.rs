//! Why is a verdict what it is? `cargo run --example why -- nezha DIR CASE[+CASE]`: anomalies, symptoms and the
//! best hypotheses, term by term; two cases are spliced into one. `-- recording PATH` looks at a recording.

use std::path::Path;

use connectors::files;
use connectors::files::datasets::{Suite, cases, load};
use connectors::files::transform::splice;
use investigate::DEFAULT_BUDGET;
use investigate::kinds::FactRef;
use model::ports::Eyes;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, path] = &arguments[..]
        && word == "recording"
    {
        let recording = files::open(Path::new(path), &files::Limits::default())?;
        show(&recording);
        return Ok(());
    }
    let [suite, folder, wanted, ..] = &arguments[..] else {
        return Err("usage: why SUITE DIR CASE[+CASE] | why recording PATH".into());
    };
    let suite = Suite::parse(suite).ok_or("which suite?")?;
    let listed = cases(suite, Path::new(folder))?;
    let mut found = Vec::new();
    for part in wanted.split('+') {
        let case = listed
            .iter()
            .find(|case| case.id.contains(part))
            .ok_or("no such case")?;
        found.push(load(case)?.case);
    }
    let case = match &found[..] {
        [a, b, ..] => splice(a, b).0,
        [a] => a.clone(),
        [] => return Err("no case".into()),
    };
    let truth: Vec<String> = case
        .answer
        .iter()
        .flat_map(|a| a.entities.iter().map(ToString::to_string))
        .collect();
    println!("{} truth {truth:?}", case.manifest().id);
    show(&case);
    Ok(())
}

fn show(eyes: &dyn Eyes) {
    investigate::consider(
        eyes,
        DEFAULT_BUDGET,
        &mut |_| {},
        |world, ground, hypotheses, _| {
            let name = |unit: u32| world.scene.name(unit).to_string();
            let say = |at: &FactRef| match at {
                FactRef::Series(i) => {
                    let f = &world.facts.series[*i as usize];
                    format!(
                        "{} {:.2} -> {:.2} z {:.1} active {}",
                        f.series.key, f.normal, f.level, f.z, f.active
                    )
                }
                FactRef::Log(i) => {
                    let f = &world.facts.logs[*i as usize];
                    let path = f.path.as_ref().map(|p| {
                        format!(
                            " path {:?} -> {:?} {:.1} nats more {} after {:.40?}",
                            p.before, p.during, p.nats, p.more, p.after
                        )
                    });
                    format!(
                        "{} -> {} z {:.1} {:.70}{}",
                        f.before,
                        f.during,
                        f.z,
                        f.template,
                        path.unwrap_or_default()
                    )
                }
                FactRef::Edge(i) => {
                    let f = &world.facts.edges[*i as usize];
                    format!(
                        "{} -> {} calls {:?} per {:.2?} gap {:.1?} z {:.1} err {:?}",
                        name(f.caller),
                        name(f.callee),
                        f.calls,
                        f.calls_per_request,
                        f.gap_ms,
                        f.gap_z,
                        f.errors
                    )
                }
                FactRef::Work(i) => {
                    let f = &world.facts.work[*i as usize];
                    format!(
                        "{} own {:.1?} z {:.1} requests {:?} errors {:?}",
                        f.operation, f.own_ms, f.own_z, f.requests, f.origin_errors
                    )
                }
                other => format!("{other:?}"),
            };
            for s in ground.symptoms {
                println!(
                    "symptom {} {} active {} size {:.1} alarmed {} onset {:?}",
                    name(s.unit),
                    s.aspect,
                    s.active,
                    s.size,
                    s.alarmed,
                    s.onset
                );
            }
            for a in ground.anomalies.iter().take(40) {
                println!(
                    "anomaly {:24} {:14} {:.2} {}",
                    name(a.unit),
                    a.kind,
                    a.strength,
                    a.explained_by
                        .map(|u| format!("explained by {}", name(u)))
                        .unwrap_or_default()
                );
                for at in &a.refs {
                    println!("     {}", say(at));
                }
            }
            let verdict = investigate::verdict::decide(ground, hypotheses);
            for n in &verdict.named {
                let h = &hypotheses[n.hypothesis];
                println!(
                    "NAMED {} {} {:.3} {:?} explains {:?}",
                    name(h.unit),
                    h.mechanism().id,
                    n.confidence,
                    n.caps,
                    n.explains
                );
            }
            for (h, (raw, conf)) in hypotheses
                .iter()
                .zip(verdict.raw.iter().zip(&verdict.confidence))
                .take(30)
            {
                let s = &h.score;
                println!(
                    "{:.3}/{:.3} {:24} {:34} total {:.2} = prior {:.1} sig {:.2} chg {:.2} anom {:.2} time {:.2} diff {:.2} against {:.1} {}",
                    raw,
                    conf,
                    name(h.unit),
                    h.mechanism().id,
                    s.total,
                    s.prior,
                    s.signature,
                    s.change,
                    s.anomaly,
                    s.timing,
                    s.difference,
                    s.against,
                    h.aside.as_ref().map(|a| a.reason).unwrap_or_default()
                );
                for (kind, group) in &h.groups {
                    for (nats, at) in group.iter().filter(|g| g.0 > 0.0).take(3) {
                        println!("       {kind:?} {nats:.2} {}", say(at));
                    }
                }
            }
        },
    );
}
