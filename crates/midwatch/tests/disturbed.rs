//! Sources in trouble, and what a report is worth that was written from them: one scene that is solved when all is well,
//! and each of its sources disturbed in turn, over HTTP, under a real server to which an alarm is posted. Whatever a
//! source does, the report names the same cause or is less sure, says what could not be seen and why, and comes in time.
//!
//! What came of each case stands in `snapshots/disturbed__*.snap`, a line per case:
//! `source, what is wrong with it: status; cause, how sure; what is missing: why`.

#[path = "disturbed/doubles.rs"]
mod doubles;
#[path = "disturbed/github.rs"]
mod github;
#[path = "disturbed/scene.rs"]
mod scene;
#[path = "disturbed/served.rs"]
mod served;
#[path = "disturbed/wire.rs"]
mod wire;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::report::{Report, Status};
use served::Looked;
use wire::Trouble;

/// Cases that run side by side: they wait most of the time.
const AT_ONCE: usize = 8;
/// From the alarm to the report. A look may last 6 s by the configuration; the rest is what a busy machine needs.
const LONGEST: Duration = Duration::from_secs(60);

/// What befalls any source that is asked over HTTP.
const ANY: [(&str, Trouble); 16] = [
    ("down", Trouble::Down),
    ("breaks off in each answer", Trouble::BreaksOff),
    ("goes after the first answer", Trouble::GoneAfter(1)),
    ("goes after five answers", Trouble::GoneAfter(5)),
    ("slower than the time-out", Trouble::Slow),
    ("a byte a second", Trouble::Trickle),
    ("500 for ever", Trouble::Always(500)),
    ("503 for ever", Trouble::Always(503)),
    ("401 for ever", Trouble::Always(401)),
    ("429 for ever", Trouble::TooMany(None)),
    ("429 for ever, again after 1 s", Trouble::TooMany(Some("1"))),
    (
        "429 for ever, again after 127 years",
        Trouble::TooMany(Some("4000000000")),
    ),
    ("clock an hour ahead", Trouble::Clock(3600)),
    ("clock an hour behind", Trouble::Clock(-3600)),
    ("bytes that are no text", Trouble::Unreadable),
    ("a page to log in", Trouble::Login),
];

#[test]
fn a_prometheus_in_trouble() {
    let own = [
        ("late in each answer", Trouble::Late(1000)),
        ("403 for metrics", Trouble::Forbidden("/query_range")),
        ("403 for names", Trouble::Forbidden("/values")),
        ("403 for kinds", Trouble::Forbidden("/metadata")),
        ("403 for targets", Trouble::Forbidden("/targets")),
        ("403 for rules", Trouble::Forbidden("/rules")),
        ("a list that is cut short", Trouble::Truncated),
        ("numbers of another hour", Trouble::OtherTime),
    ];
    insta::assert_snapshot!(outcomes("prometheus", &own));
}

#[test]
fn a_loki_in_trouble() {
    let own = [
        ("late in each answer", Trouble::Late(1000)),
        ("403 for lines", Trouble::Forbidden("/query_range")),
        ("403 for labels", Trouble::Forbidden("/labels")),
        ("the same page for ever", Trouble::SamePage),
        ("a list that is cut short", Trouble::Truncated),
        ("lines of another hour", Trouble::OtherTime),
    ];
    insta::assert_snapshot!(outcomes("loki", &own));
}

#[test]
fn a_jaeger_in_trouble() {
    let own = [
        ("late in each answer", Trouble::Late(1000)),
        ("403 for traces", Trouble::Forbidden("/traces")),
        ("the same page for ever", Trouble::SamePage),
        ("traces of another hour", Trouble::OtherTime),
    ];
    insta::assert_snapshot!(outcomes("jaeger", &own));
}

#[test]
fn a_github_in_trouble() {
    let own = [
        ("late in each answer", Trouble::Late(500)),
        (
            "403 for one repository",
            Trouble::Forbidden("/repos/shop/inventory/*"),
        ),
        ("403 for deployments", Trouble::Forbidden("/deployments")),
        ("403 for lists of commits", Trouble::Forbidden("/commits")),
        (
            "403 for deployments and the commit",
            Trouble::Forbidden("/deployments|/commits/c7d2e9a3f1b04658e8a72c0d9b5e34176af2c801"),
        ),
        (
            "403 for each commit",
            Trouble::Forbidden("/repos/shop/inventory/commits/*"),
        ),
        ("403 for runs", Trouble::Forbidden("/runs")),
        ("empty pages for ever", Trouble::EmptyPages),
        ("the same page for ever", Trouble::SamePage),
        ("a list that is cut short", Trouble::Truncated),
    ];
    insta::assert_snapshot!(outcomes("github", &own));
}

/// Every case of a source, one line each; panics where one is worse than less sure.
fn outcomes(source: &str, own: &[(&str, Trouble)]) -> String {
    let well = [("well", Trouble::None)];
    let cases: Vec<(&str, Trouble)> = well.iter().chain(&ANY).chain(own).copied().collect();
    let next = AtomicUsize::new(0);
    let told: Mutex<Vec<(usize, String, Vec<String>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    let Some((name, trouble)) = cases.get(at) else {
                        return;
                    };
                    let looked = served::looked(source, *trouble);
                    let line = format!("{source}, {name}: {}", outcome(source, &looked.report));
                    let wrong = faults(source, *trouble, &looked);
                    told.lock().unwrap().push((at, line, wrong));
                }
            });
        }
    });
    let mut told = told.into_inner().unwrap();
    told.sort();
    let lines: Vec<&str> = told.iter().map(|(_, line, _)| line.as_str()).collect();
    let wrong: Vec<String> = told
        .iter()
        .filter(|(.., wrong)| !wrong.is_empty())
        .map(|(_, line, wrong)| format!("{line}\n    {}", wrong.join("\n    ")))
        .collect();
    assert_eq!(told.len(), cases.len(), "a case panicked");
    assert!(
        wrong.is_empty(),
        "{}\n\nof all:\n{}",
        wrong.join("\n"),
        lines.join("\n")
    );
    lines.join("\n")
}

/// What a report comes to, in one line. Numbers are left out: they depend on the second at which somebody looked.
fn outcome(source: &str, report: &Report) -> String {
    let causes: Vec<String> = report
        .causes
        .iter()
        .map(|cause| {
            let change = cause.change.as_deref().map_or("no change", |id| &id[..10]);
            format!(
                "{} {} ({change}), {}",
                cause.entity,
                cause.mechanism,
                cause.word.text()
            )
        })
        .collect();
    let status = match report.header.status {
        Status::CauseFound => "cause found",
        Status::Unknown => "unknown",
        Status::Recovered => "recovered",
        Status::NoActiveFault => "no active fault",
    };
    let causes = match causes.is_empty() {
        true => "none".to_string(),
        false => causes.join(" and "),
    };
    let mut gaps: Vec<String> = named(source, report)
        .map(|gap| {
            let why = serde_json::to_value(gap.why).unwrap();
            format!("{}: {}", in_short(&gap.wanted), why.as_str().unwrap())
        })
        .collect();
    gaps.sort();
    gaps.dedup();
    let gaps = match gaps.is_empty() {
        true => "no gap".to_string(),
        false => gaps.join(", "),
    };
    format!("{status}; {causes}; {gaps}")
}

fn in_short(text: &str) -> String {
    let digits = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
    let words = text
        .split(' ')
        .map(|word| match word.strip_prefix("shop/") {
            // One line for all repositories that fare alike.
            Some(name) if name.ends_with(':') => "shop/…:",
            Some(_) => "shop/…",
            None if digits(word) => "N",
            None => word,
        });
    words.collect::<Vec<_>>().join(" ")
}

/// The gaps that name the source.
fn named<'r>(source: &str, report: &'r Report) -> impl Iterator<Item = &'r model::report::GapCost> {
    let name = format!("{source}.main");
    report.gaps.iter().filter(move |gap| {
        [&gap.wanted, &gap.detail, &gap.how_to_close]
            .iter()
            .any(|text| text.contains(&name))
    })
}

/// What no trouble of a source may bring about.
fn faults(source: &str, trouble: Trouble, looked: &Looked) -> Vec<String> {
    let report = &looked.report;
    let mut wrong = Vec::new();
    for cause in &report.causes {
        let right = cause.entity.as_str() == "service/inventoryservice"
            && cause.mechanism.0 == "resource.connection-pool-exhausted"
            && cause
                .change
                .as_deref()
                .is_none_or(|change| change.starts_with("c7d2e9a3f1"));
        if !right {
            wrong.push(format!("another is convicted: {}", cause.claim.text));
        }
    }
    let calm = matches!(
        report.header.status,
        Status::Recovered | Status::NoActiveFault
    );
    if calm {
        wrong.push("it is said that nothing is wrong".to_string());
    }
    let gaps: Vec<_> = named(source, report).collect();
    if gaps.is_empty() && trouble != Trouble::None {
        wrong.push("no gap names the source".to_string());
    }
    for gap in &gaps {
        if gap.how_to_close.is_empty() || gap.detail.is_empty() {
            wrong.push(format!("a gap that says too little: {gap:?}"));
        }
    }
    if looked.lasted > LONGEST {
        wrong.push(format!("the report came after {:?}", looked.lasted));
    }
    for one in &report.sources {
        if one.spent.requests > served::REQUESTS {
            wrong.push(format!("{} was asked too often: {:?}", one.name, one.spent));
        }
    }
    if report.sources.len() != served::SOURCES.len() {
        let names: Vec<&str> = report.sources.iter().map(|s| s.name.as_str()).collect();
        wrong.push(format!("only {names:?} were asked"));
    }
    wrong
}

/// The scene as it is now, for one case.
fn scene() -> Arc<scene::Scene> {
    Arc::new(scene::Scene::now())
}
