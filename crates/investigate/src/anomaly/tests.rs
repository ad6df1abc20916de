//! Known faults on a small estate: who is blamed, and for what?

use model::Severity;

use super::anomalies;
use crate::facts::Facts;
use crate::probes::logs::logs;
use crate::probes::traces::tests::Fake;
use crate::probes::traces::traces;
use crate::pull::Anomaly;
use crate::scene::Scene;

fn found(fake: &Fake) -> (Scene, Vec<Anomaly>) {
    let scene = Scene::read(fake);
    let (edges, work, requests, _) = traces(fake, &scene);
    let logs = logs(fake, &scene, &requests).0.facts;
    let facts = Facts {
        edges,
        work,
        logs,
        ..Facts::default()
    };
    let found = anomalies(&scene, &facts);
    (scene, found)
}

fn told(fake: &Fake) -> Vec<String> {
    let (scene, found) = found(fake);
    found
        .iter()
        .filter(|a| a.strength >= 1.0)
        .map(|a| {
            let by = a
                .explained_by
                .map_or(String::new(), |u| format!(" because of {}", scene.name(u)));
            format!("{} {} {:.0}{by}", scene.name(a.unit), a.kind, a.strength)
        })
        .collect()
}

fn fake(wire: i64, stock: i64, failed: bool) -> Fake {
    let mut fake = Fake::new();
    for n in 0..20 {
        fake.trace(n, 1000 + 2000 * n as i64, 2, 10, false);
        fake.trace(100 + n, 61_000 + 2000 * n as i64, wire, stock, failed);
    }
    fake
}

#[test]
fn each_fault_has_one_culprit() {
    assert_eq!(told(&fake(2, 10, false)), [""; 0]);
    assert_eq!(
        told(&fake(302, 10, false)),
        [
            "ts-cart network_delay 4 because of ts-price",
            "ts-price network_delay 8"
        ]
    );
    assert_eq!(told(&fake(2, 310, false)), ["ts-stock latency 4"]);
    assert_eq!(told(&fake(2, 10, true)), ["ts-price errors 8"]);
}

#[test]
fn lines_that_name_somebody_healthy_speak_of_their_writer() {
    let mut fake = Fake::new();
    for n in 0..30 {
        fake.lines.push((
            61_000 + 1000 * n,
            "ts-cart",
            Some(Severity::Error),
            "ts-price said nonsense".to_string(),
            0,
            0,
        ));
        fake.lines.push((
            1000 + 1000 * n,
            "ts-cart",
            Some(Severity::Info),
            "cart is open".to_string(),
            0,
            0,
        ));
    }
    assert_eq!(told(&fake), ["ts-cart errors 6"]);
}
