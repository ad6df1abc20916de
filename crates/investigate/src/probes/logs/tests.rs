//! Lines of a small estate whose spans are known.

use model::Severity;

use crate::facts::LogFact;
use crate::probes::logs::{LogReading, logs};
use crate::probes::traces::tests::Fake;
use crate::probes::traces::traces;
use crate::scene::Scene;

/// Traces and the lines of each request; `broken` requests of price fail before their last line.
fn estate(broken: impl Fn(u64) -> bool) -> Fake {
    let mut fake = Fake::new();
    for n in 0..20_u64 {
        for (number, at) in [
            (n, 1000 + 2000 * n as i64),
            (100 + n, 61_000 + 2000 * n as i64),
        ] {
            fake.trace(number, at, 2, 10, false);
            let id = |k: u64| number * 10 + k;
            let trace = number + 1;
            let mut say = |after: i64, unit: &'static str, severity, body: String, span: u64| {
                fake.lines
                    .push((at + after, unit, Some(severity), body, trace, span));
            };
            say(
                3,
                "ts-cart",
                Severity::Info,
                format!("a.b.Cart#10 open cart {number}"),
                id(3),
            );
            say(
                6,
                "ts-price",
                Severity::Info,
                format!("a.b.Price#20 look up item {number}"),
                id(5),
            );
            if number >= 100 && broken(n) {
                say(
                    8,
                    "ts-cart",
                    Severity::Error,
                    "a.b.Cart#90 call to ts-price failed with 500".to_string(),
                    id(3),
                );
                say(
                    7,
                    "ts-price",
                    Severity::Error,
                    format!("a.b.Price#66 no rate for item {number}"),
                    id(5),
                );
            } else {
                say(
                    7,
                    "ts-price",
                    Severity::Info,
                    format!("a.b.Price#25 rate of {number} found"),
                    id(5),
                );
                say(
                    9,
                    "ts-cart",
                    Severity::Info,
                    format!("a.b.Cart#30 priced cart {number}"),
                    id(3),
                );
            }
        }
    }
    fake
}

fn judged(fake: &Fake) -> (Scene, Vec<LogFact>) {
    let scene = Scene::read(fake);
    let requests = traces(fake, &scene).2;
    let facts = logs(fake, &scene, &requests).0.facts;
    (scene, facts)
}

fn reading(fake: &Fake) -> LogReading {
    let scene = Scene::read(fake);
    let requests = traces(fake, &scene).2;
    logs(fake, &scene, &requests).0
}

fn told(scene: &Scene, facts: &[LogFact]) -> String {
    let rows: Vec<String> = facts
        .iter()
        .map(|f| {
            let place = f.template.split(':').next().unwrap_or_default();
            let path = f.path.as_ref().map_or(String::new(), |p| {
                let after = p
                    .after
                    .as_deref()
                    .and_then(|a| a.split(':').next())
                    .unwrap_or("start");
                format!(
                    " {} after {after}, {:.0} nats",
                    if p.more { "more" } else { "less" },
                    p.nats
                )
            });
            let names: Vec<&str> = f.mentions.iter().map(|m| scene.name(*m)).collect();
            format!(
                "{} {place} {}->{} {names:?}{path}",
                scene.name(f.unit),
                f.before,
                f.during
            )
        })
        .collect();
    rows.join("\n")
}

#[test]
fn the_deepest_step_that_is_missed_is_told_and_its_victims_are_not() {
    let (scene, facts) = judged(&estate(|n| n % 2 == 0));
    let expected = "\
ts-cart a.b.Cart#10 20->20 []
ts-cart a.b.Cart#30 20->10 []
ts-cart a.b.Cart#90 0->10 [\"ts-price\"]
ts-price a.b.Price#20 20->20 []
ts-price a.b.Price#25 20->10 [] less after a.b.Price#20, 5 nats
ts-price a.b.Price#66 0->10 [] more after a.b.Price#20, 5 nats";
    assert_eq!(told(&scene, &facts), expected);
    let gone = facts
        .iter()
        .find(|f| f.template.starts_with("a.b.Price#66"))
        .expect("fact");
    assert!(gone.is_error() && gone.joined && gone.z > 3.0 && gone.raw.len() == 5);
}

#[test]
fn healthy_lines_are_steady() {
    let (scene, facts) = judged(&estate(|_| false));
    assert!(
        facts.iter().all(|f| f.path.is_none() && f.z.abs() < 1.0),
        "{}",
        told(&scene, &facts)
    );
}

#[test]
fn a_recovery_is_no_fault() {
    // The fault lay in the time before: the same lines with the two stretches exchanged.
    let mut fake = estate(|_| true);
    for line in &mut fake.lines {
        line.0 = if line.0 < 60_000 {
            line.0 + 60_000
        } else {
            line.0 - 60_000
        };
    }
    for span in &mut fake.spans {
        span.6 = if span.6 < 60_000 {
            span.6 + 60_000
        } else {
            span.6 - 60_000
        };
    }
    let (_, facts) = judged(&fake);
    let most = facts
        .iter()
        .filter_map(|f| f.path.as_ref())
        .map(|p| p.nats)
        .fold(0.0, f64::max);
    assert!(most < 3.0, "{most}");
}

#[test]
fn a_step_that_vanished_before_the_alarm_is_found_where_it_vanished() {
    // Steps are missed from the 25th second on; the alarm comes at the 60th.
    let mut fake = estate(|_| true);
    fake.lines.retain(|line| {
        let broken = line.3.contains("#66") || line.3.contains("#90");
        let odd = line.0 > 25_000 && line.3.contains("Price#25");
        !broken && !odd
    });
    let (scene, facts) = judged(&fake);
    let gone = facts
        .iter()
        .find(|f| f.template.starts_with("a.b.Price#25"))
        .and_then(|f| f.path.as_ref())
        .unwrap_or_else(|| panic!("{}", told(&scene, &facts)));
    assert!(!gone.more && gone.nats > 10.0, "{gone:?}");
    assert_eq!(gone.first.0 / 1_000_000_000, 25);
}

#[test]
fn what_came_and_went_before_the_alarm_is_none_of_it() {
    // From the 25th second on price finds its copy behind, until the 40th; of what follows little is seen.
    let mut fake = estate(|_| false);
    fake.lines.retain(|line| line.0 < 68_000);
    fake.spans.retain(|span| span.6 < 68_000);
    let late: Vec<_> = fake
        .lines
        .iter()
        .filter(|line| line.0 > 25_000 && line.0 < 60_000 && line.3.contains("Price#20"))
        .map(|(at, unit, _, _, trace, span)| {
            let says = "a.b.Price#27 the copy is behind".to_string();
            (*at, *unit, Some(Severity::Warn), says, *trace, *span)
        })
        .collect();
    assert_eq!(late.len(), 8);
    let (scene, before) = judged(&fake);
    fake.lines.extend(late.iter().cloned());
    let (_, facts) = judged(&fake);
    let of = |facts: &[LogFact]| -> Vec<String> {
        let shifted = facts.iter().filter(|f| f.path.is_some());
        shifted.map(|f| f.template.clone()).collect()
    };
    assert_eq!(of(&facts), of(&before), "{}", told(&scene, &facts));
    // Where it goes on, it is told.
    fake.lines.extend((0..4).map(|n| {
        let (at, unit, severity, says, ..) = late[0].clone();
        let (number, after) = (100 + n as u64, 36_000 + 2_000 * n);
        (
            at + after,
            unit,
            severity,
            says,
            number + 1,
            number * 10 + 5,
        )
    }));
    let (scene, facts) = judged(&fake);
    assert!(
        of(&facts).iter().any(|f| f.starts_with("a.b.Price#27")),
        "{}",
        told(&scene, &facts)
    );
}

/// Twelve operations of one unit, each asked for six times before and during; `says` gives their lines.
fn operations(says: impl Fn(usize) -> Option<(Severity, &'static str)>) -> Fake {
    const NAMES: [&str; 12] = [
        "/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h", "/i", "/j", "/k", "/l",
    ];
    let mut fake = Fake::new();
    for n in 0..144_u64 {
        let which = n as usize % NAMES.len();
        let at = 800 * n as i64;
        let (trace, span) = (n + 1, 10 * n + 1);
        fake.spans.push((
            trace,
            span,
            0,
            "ts-cart",
            NAMES[which],
            model::telemetry::SpanKind::Server,
            at,
            20,
            false,
        ));
        if let Some((severity, body)) = says(which) {
            fake.lines.push((
                at + 5,
                "ts-cart",
                Some(severity),
                body.to_string(),
                trace,
                span,
            ));
        }
    }
    fake
}

#[test]
fn what_one_operation_always_does_and_no_other_is_told() {
    let found = reading(&operations(|which| match which {
        3 => Some((Severity::Error, "nothing is known of this customer")),
        7 => None,
        _ => Some((Severity::Info, "done")),
    }));
    let habits: Vec<(&str, u64, (u64, u64))> = found
        .facts
        .iter()
        .filter_map(|f| f.habit.as_ref())
        .map(|h| (h.operation.as_str(), h.requests, h.peers))
        .collect();
    assert_eq!(habits, [("/d", 12, (0, 11))]);
    let quiet: Vec<_> = found
        .quiet
        .iter()
        .map(|q| (q.operation.as_str(), q.requests, q.peers))
        .collect();
    assert_eq!(quiet.len(), 1);
    assert_eq!((quiet[0].0, quiet[0].2), ("/h", (0, 11)));
    assert!(found.quiet[0].nats > 3.0 && found.facts.iter().all(|f| f.path.is_none()));
}

#[test]
fn habits_that_are_common_say_nothing() {
    let found = reading(&operations(|which| match which % 2 {
        0 => Some((Severity::Error, "nothing is known of this customer")),
        _ => Some((Severity::Info, "done")),
    }));
    let most = found
        .facts
        .iter()
        .filter_map(|f| f.habit.as_ref())
        .map(|h| h.nats)
        .fold(0.0, f64::max);
    assert!(most < 1.0 && found.quiet.is_empty(), "{most}");
}

#[test]
fn without_ids_lines_are_counted_by_time() {
    let mut fake = estate(|_| true);
    fake.spans.clear();
    let (_, facts) = judged(&fake);
    let new = facts
        .iter()
        .find(|f| f.template.starts_with("a.b.Price#66"))
        .expect("fact");
    assert!(!new.joined && new.path.is_none() && new.z > 3.0);
}

/// `cargo test --release -p midwatch-investigate --lib -- --ignored --nocapture a_million_lines`
#[test]
#[ignore = "measures time; only a release build says something"]
fn a_million_lines_and_two_hundred_thousand_spans() {
    let mut fake = Fake::new();
    for n in 0..28_600_u64 {
        let at = 4 * n as i64;
        fake.trace(n, at, 2, 10, false);
        for k in 0..35_i64 {
            let (unit, span) = [("ts-cart", 3), ("ts-price", 5), ("ts-stock", 7)][k as usize % 3];
            let body = format!(
                "a.b.Handler#{k} step {k} of order {n} for customer {} took {} ms at shelf {}",
                n * 7,
                n % 90,
                n % 13
            );
            let severity = if n % 500 == 0 {
                Severity::Error
            } else {
                Severity::Info
            };
            fake.lines
                .push((at + k, unit, Some(severity), body, n + 1, n * 10 + span));
        }
    }
    let scene = Scene::read(&fake);
    let timed = |what: &str, from: std::time::Instant| {
        println!("{what}: {} ms", from.elapsed().as_millis())
    };
    let from = std::time::Instant::now();
    let _ = model::ports::LogSource::scan(&fake, None, scene.span(), &mut |_| {
        std::ops::ControlFlow::Continue(())
    });
    timed("the fake alone, lines", from);
    let from = std::time::Instant::now();
    let _ = model::ports::TraceSource::scan(&fake, scene.span(), &mut |_| {
        std::ops::ControlFlow::Continue(())
    });
    timed("the fake alone, spans", from);
    let from = std::time::Instant::now();
    let requests = traces(&fake, &scene).2;
    timed(&format!("{} spans", fake.spans.len()), from);
    let from = std::time::Instant::now();
    let facts = logs(&fake, &scene, &requests).0.facts;
    timed(
        &format!("{} lines, {} facts", fake.lines.len(), facts.len()),
        from,
    );
}
