//! Sources in trouble, and what a report is worth that was written from them: two systems whose fault is found when all is
//! well (a shop, and an account of AWS), and each of their sources disturbed in turn, or two at once, over HTTP, under a real
//! server to which an alarm is posted. Whatever a source does, the report names the same cause or is less sure, says what
//! could not be seen and why, and comes in time.
//!
//! Where all is well, what `midwatch record` makes of it leads to the same cause, and the map says where it was seen.
//!
//! What came of each case stands in `snapshots/disturbed__*.snap`, a line per case:
//! `source, what is wrong with it: status; cause, how sure; what is missing: why`.

#[cfg(feature = "aws")]
#[path = "disturbed/account.rs"]
mod account;
#[path = "disturbed/alertmanager.rs"]
mod alertmanager;
#[path = "disturbed/argocd.rs"]
mod argocd;
#[cfg(feature = "aws")]
#[path = "disturbed/aws.rs"]
mod aws;
#[cfg(feature = "aws")]
#[path = "disturbed/cbor.rs"]
mod cbor;
#[path = "disturbed/doubles.rs"]
mod doubles;
#[path = "disturbed/github.rs"]
mod github;
#[path = "disturbed/gitlab.rs"]
mod gitlab;
#[cfg(feature = "kubernetes")]
#[path = "disturbed/kubernetes.rs"]
mod kubernetes;
#[path = "doors/program.rs"]
#[allow(dead_code, reason = "each user of it needs a part")]
mod program;
#[path = "disturbed/scene.rs"]
mod scene;
#[path = "disturbed/served.rs"]
mod served;
#[path = "disturbed/statuspage.rs"]
mod statuspage;
#[path = "disturbed/wire.rs"]
mod wire;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use model::report::{Cause, GapCost, Report, Status, Word};
use served::{Alarm, Guilty, Looked, Place, Troubles};
use wire::Trouble;

/// A pool of connections became smaller with a deployment.
const SHOP: Place = Place {
    sources: &["prometheus", "loki", "jaeger", "github"],
    alarm: Alarm {
        rule: "inventory-db-pool-saturation",
        fired: |scene| scene.alarmed,
        about: ("service", "inventoryservice"),
        summary: "inventoryservice DB pool acquire wait p99 above 0.5s; multiple upstreams timing out",
    },
    guilty: Guilty {
        entity: "service/inventoryservice",
        mechanism: "resource.connection-pool-exhausted",
        near: &[],
        change: "c7d2e9a3f1",
    },
};
/// The same, with others who tell of it.
const WITH_TEMPO: Place = Place {
    sources: &["prometheus", "loki", "tempo", "github"],
    ..SHOP
};
const WITH_GITLAB: Place = Place {
    sources: &["prometheus", "loki", "jaeger", "gitlab"],
    ..SHOP
};
const WITH_ARGOCD: Place = Place {
    sources: &["prometheus", "loki", "jaeger", "github", "argocd"],
    ..SHOP
};
const WITH_ALERTMANAGER: Place = Place {
    sources: &["prometheus", "loki", "jaeger", "github", "alertmanager"],
    ..SHOP
};
#[cfg(feature = "kubernetes")]
const WITH_KUBERNETES: Place = Place {
    sources: &["prometheus", "loki", "jaeger", "github", "kubernetes"],
    ..SHOP
};
const WITH_STATUSPAGE: Place = Place {
    sources: &["prometheus", "loki", "jaeger", "github", "statuspage"],
    ..SHOP
};
/// A function may not run any more, and whoever calls it fails.
#[cfg(feature = "aws")]
const ACCOUNT: Place = Place {
    sources: &["aws"],
    alarm: Alarm {
        rule: "checkout fails",
        fired: |scene| scene.account.alarmed,
        about: ("FunctionName", "checkout"),
        summary: "more than 5 errors a minute",
    },
    guilty: Guilty {
        entity: "function/reserve",
        mechanism: "resource.throttled-zero-concurrency",
        near: &["resource.throttled-concurrency"],
        change: "5e1f0a2c-7",
    },
};

/// Cases that run side by side: they wait most of the time.
const AT_ONCE: usize = 8;
/// From the alarm to the report. A look at a slow source may last 6 s, at AWS 10 s, by the configuration; the rest is what a
/// busy machine needs.
const LONGEST: Duration = Duration::from_secs(60);

/// One case: what it is called, and which sources are in which trouble.
type Case = (String, Vec<(&'static str, Trouble)>);

/// What befalls any source that is asked over HTTP.
const ANY: [(&str, Trouble); 14] = [
    ("down", Trouble::Down),
    ("breaks off in each answer", Trouble::BreaksOff),
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
/// What befalls those who are asked more than a few questions.
const GOES: [(&str, Trouble); 2] = [
    ("goes after the first answer", Trouble::GoneAfter(1)),
    ("goes after five answers", Trouble::GoneAfter(5)),
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
    insta::assert_snapshot!(outcomes(&SHOP, &cases("prometheus", &[&ANY, &GOES, &own])));
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
    insta::assert_snapshot!(outcomes(&SHOP, &cases("loki", &[&ANY, &GOES, &own])));
}

#[test]
fn a_jaeger_in_trouble() {
    let own = [
        ("late in each answer", Trouble::Late(1000)),
        ("403 for traces", Trouble::Forbidden("/traces")),
        ("the same page for ever", Trouble::SamePage),
        ("traces of another hour", Trouble::OtherTime),
    ];
    insta::assert_snapshot!(outcomes(&SHOP, &cases("jaeger", &[&ANY, &GOES, &own])));
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
    insta::assert_snapshot!(outcomes(&SHOP, &cases("github", &[&ANY, &GOES, &own])));
}

#[test]
fn a_tempo_in_trouble() {
    let own = [
        ("late in each answer", Trouble::Late(1000)),
        ("403 for searches", Trouble::Forbidden("/search")),
        ("403 for traces", Trouble::Forbidden("/api/v2/traces/*")),
        ("the same page for ever", Trouble::SamePage),
        ("traces that are partial", Trouble::Truncated),
        ("traces of another hour", Trouble::OtherTime),
    ];
    let cases = cases("tempo", &[&ANY, &GOES, &own]);
    insta::assert_snapshot!(outcomes(&WITH_TEMPO, &cases));
}

#[test]
fn a_gitlab_in_trouble() {
    let own = [
        ("late in each answer", Trouble::Late(500)),
        (
            "403 for one project",
            Trouble::Forbidden("/api/v4/projects/shop/inventory/*"),
        ),
        ("403 for deployments", Trouble::Forbidden("/deployments")),
        ("403 for lists of commits", Trouble::Forbidden("/commits")),
        (
            "403 for deployments and the commit",
            Trouble::Forbidden(
                "/deployments|/commits/c7d2e9a3f1b04658e8a72c0d9b5e34176af2c801/diff",
            ),
        ),
        ("403 for each commit", Trouble::Forbidden("/diff")),
        ("403 for pipelines", Trouble::Forbidden("/pipelines")),
        ("empty pages for ever", Trouble::EmptyPages),
        ("the same page for ever", Trouble::SamePage),
        ("a list that is cut short", Trouble::Truncated),
    ];
    let cases = cases("gitlab", &[&ANY, &GOES, &own]);
    insta::assert_snapshot!(outcomes(&WITH_GITLAB, &cases));
}

#[test]
fn an_argocd_in_trouble() {
    let own = [("403 for applications", Trouble::Forbidden("/applications"))];
    let cases = cases("argocd", &[&ANY, &own]);
    insta::assert_snapshot!(outcomes(&WITH_ARGOCD, &cases));
}

#[test]
fn an_alertmanager_in_trouble() {
    let own = [
        ("goes after the first answer", Trouble::GoneAfter(1)),
        ("403 for silences", Trouble::Forbidden("/silences")),
        ("403 for alerts", Trouble::Forbidden("/alerts")),
        ("silences of another hour", Trouble::OtherTime),
    ];
    let cases = cases("alertmanager", &[&ANY, &own]);
    insta::assert_snapshot!(outcomes(&WITH_ALERTMANAGER, &cases));
}

#[cfg(feature = "kubernetes")]
#[test]
fn a_kubernetes_in_trouble() {
    let own = [
        ("late in each answer", Trouble::Late(700)),
        ("403 for rollouts", Trouble::Forbidden("/replicasets")),
        ("403 for pods", Trouble::Forbidden("/pods")),
        ("403 for events", Trouble::Forbidden("/events")),
        (
            "403 for all but the version",
            Trouble::Forbidden("/api/*|/apis/*"),
        ),
        ("empty pages for ever", Trouble::EmptyPages),
        ("the same page for ever", Trouble::SamePage),
    ];
    let cases = cases("kubernetes", &[&ANY, &GOES, &own]);
    insta::assert_snapshot!(outcomes(&WITH_KUBERNETES, &cases));
}

#[test]
fn a_statuspage_in_trouble() {
    let own = [
        ("goes after the first answer", Trouble::GoneAfter(1)),
        ("403 for components", Trouble::Forbidden("/summary.json")),
        ("403 for incidents", Trouble::Forbidden("/incidents.json")),
    ];
    let cases = cases("statuspage", &[&ANY, &own]);
    insta::assert_snapshot!(outcomes(&WITH_STATUSPAGE, &cases));
}

#[test]
fn two_sources_in_trouble() {
    use Trouble::{
        Always, Clock, Down, EmptyPages, Forbidden, GoneAfter, Login, OtherTime, SamePage, Slow,
        TooMany, Trickle, Truncated, Unreadable,
    };
    let both: [(&str, &Troubles); 17] = [
        (
            "prometheus is slow, github lets nobody in",
            &[("prometheus", Slow), ("github", Always(401))],
        ),
        (
            "prometheus is down, github gives no diffs",
            &[
                ("prometheus", Down),
                ("github", Forbidden("/repos/shop/inventory/commits/*")),
            ],
        ),
        (
            "prometheus is cut short, github too",
            &[("prometheus", Truncated), ("github", Truncated)],
        ),
        (
            "prometheus of another hour, github wants to be left alone",
            &[
                ("prometheus", OtherTime),
                ("github", TooMany(Some("4000000000"))),
            ],
        ),
        (
            "prometheus an hour ahead, loki an hour behind",
            &[("prometheus", Clock(3600)), ("loki", Clock(-3600))],
        ),
        (
            "prometheus and loki are down",
            &[("prometheus", Down), ("loki", Down)],
        ),
        (
            "prometheus and loki are of another hour",
            &[("prometheus", OtherTime), ("loki", OtherTime)],
        ),
        (
            "prometheus asks to log in, jaeger goes away",
            &[("prometheus", Login), ("jaeger", GoneAfter(5))],
        ),
        (
            "loki is down, jaeger is of another hour",
            &[("loki", Down), ("jaeger", OtherTime)],
        ),
        (
            "loki gives the same page for ever, jaeger too",
            &[("loki", SamePage), ("jaeger", SamePage)],
        ),
        (
            "loki is unreadable, github gives empty pages",
            &[("loki", Unreadable), ("github", EmptyPages)],
        ),
        (
            "jaeger trickles, github is an hour ahead",
            &[("jaeger", Trickle), ("github", Clock(3600))],
        ),
        (
            "prometheus, loki and jaeger are down",
            &[("prometheus", Down), ("loki", Down), ("jaeger", Down)],
        ),
        (
            "prometheus, loki and jaeger are of another hour",
            &[
                ("prometheus", OtherTime),
                ("loki", OtherTime),
                ("jaeger", OtherTime),
            ],
        ),
        (
            "all are slow",
            &[
                ("prometheus", Slow),
                ("loki", Slow),
                ("jaeger", Slow),
                ("github", Slow),
            ],
        ),
        (
            "all are down",
            &[
                ("prometheus", Down),
                ("loki", Down),
                ("jaeger", Down),
                ("github", Down),
            ],
        ),
        (
            "all are an hour ahead",
            &[
                ("prometheus", Clock(3600)),
                ("loki", Clock(3600)),
                ("jaeger", Clock(3600)),
                ("github", Clock(3600)),
            ],
        ),
    ];
    let cases = both.map(|(name, troubles)| (name.to_string(), troubles.to_vec()));
    insta::assert_snapshot!(outcomes(&SHOP, &cases));
}

#[cfg(feature = "aws")]
#[test]
fn an_aws_in_trouble() {
    use Trouble::{HangsUp, Refused};
    const DENIED: &str = "AccessDeniedException";
    const THROTTLED: &str = "ThrottlingException";
    let own = [
        ("late in each answer", Trouble::Late(1500)),
        ("CloudTrail denied", Refused("cloudtrail", DENIED)),
        (
            "CloudTrail throttled for ever",
            Refused("cloudtrail", THROTTLED),
        ),
        ("CloudTrail down", HangsUp("cloudtrail")),
        ("CloudWatch denied", Refused("monitoring", DENIED)),
        (
            "CloudWatch throttled for ever",
            Refused("monitoring", THROTTLED),
        ),
        ("CloudWatch down", HangsUp("monitoring")),
        ("logs denied", Refused("logs", DENIED)),
        ("functions denied", Refused("lambda", DENIED)),
        (
            "CloudTrail and functions denied",
            Refused("cloudtrail|lambda", DENIED),
        ),
        (
            "CloudWatch and logs denied",
            Refused("monitoring|logs", DENIED),
        ),
        (
            "CloudWatch and CloudTrail down",
            HangsUp("monitoring|cloudtrail"),
        ),
        (
            "all but CloudTrail denied",
            Refused("monitoring|logs|lambda|xray|dynamodb", DENIED),
        ),
        ("everything denied", Refused("*", DENIED)),
        ("everything throttled for ever", Refused("*", THROTTLED)),
        (
            "credentials that are over",
            Refused("*", "ExpiredTokenException"),
        ),
        (
            "credentials that nobody knows",
            Refused("*", "UnrecognizedClientException"),
        ),
        ("clock four minutes ahead", Trouble::Clock(240)),
        ("clock four minutes behind", Trouble::Clock(-240)),
        ("empty pages for ever", Trouble::EmptyPages),
        ("an empty page first", Trouble::EmptyFirst),
        ("the same page for ever", Trouble::SamePage),
        ("lists that are cut short", Trouble::Truncated),
        ("everything of another day", Trouble::OtherTime),
    ];
    let cases = cases("aws", &[&ANY, &GOES, &own]);
    insta::assert_snapshot!(outcomes(&ACCOUNT, &cases));
}

#[test]
fn what_is_recorded_of_a_live_system_leads_to_the_same_cause() {
    let places = [
        &SHOP,
        #[cfg(feature = "aws")]
        &ACCOUNT,
    ];
    for place in places {
        let guilty = &place.guilty;
        let (looked, (kept, drawn)) = served::looked_and(place, &[], |running| {
            let kept = [
                ("incident", vec![running.id]),
                ("lately", vec!["--since", "30m"]),
                ("near", vec!["--since", "30m", "--scope", guilty.entity]),
            ]
            .map(|(name, which)| {
                let out = running.folder.join(name).display().to_string();
                let mut words = vec!["record", "--out", &out, "--config", running.config];
                words.extend(which);
                let said = served::run(&words);
                let report = served::run(&["investigate", &out, "--format", "json"]);
                let report: Report = serde_json::from_str(&report)
                    .unwrap_or_else(|error| panic!("{name}: {error}: {said}{report}"));
                (name, report)
            });
            let map = ["topology", "--format", "json", "--config", running.config];
            (kept, served::run(&map))
        });
        assert_eq!(looked.report.causes.len(), 1, "{:?}", looked.report.causes);
        for (name, report) in kept {
            let causes: Vec<(&str, &str)> = report
                .causes
                .iter()
                .map(|cause| (cause.entity.as_str(), &*cause.mechanism.0))
                .collect();
            assert_eq!(causes, [(guilty.entity, guilty.mechanism)], "{name}");
        }
        // Each edge says where it was seen.
        let map: serde_json::Value = serde_json::from_str(&drawn).expect("a map");
        let edges = map["edges"].as_array().expect("edges");
        assert!(!edges.is_empty(), "{drawn}");
        for edge in edges {
            let seen_in = edge["seen_in"].as_str().unwrap_or_default();
            assert!(!seen_in.is_empty(), "{edge}");
        }
    }
}

/// The cases of one source, that in which it is well first.
fn cases(source: &'static str, troubles: &[&[(&str, Trouble)]]) -> Vec<Case> {
    let well = [("well", Trouble::None)];
    let all = well.iter().chain(troubles.iter().copied().flatten());
    all.map(|(name, trouble)| (format!("{source}, {name}"), vec![(source, *trouble)]))
        .collect()
}

/// Every case, one line each; panics where one is worse than less sure.
fn outcomes(place: &Place, cases: &[Case]) -> String {
    let next = AtomicUsize::new(0);
    let told: Mutex<Vec<(usize, String, Vec<String>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    let Some((name, troubles)) = cases.get(at) else {
                        return;
                    };
                    let looked = served::looked(place, troubles);
                    let line = format!("{name}: {}", outcome(troubles, &looked.report));
                    let wrong = faults(place, troubles, &looked);
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
    assert!(
        wrong.is_empty(),
        "{}\n\nof all:\n{}",
        wrong.join("\n"),
        lines.join("\n")
    );
    lines.join("\n")
}

/// What a report comes to, in one line. Numbers are left out: they depend on the second at which somebody looked.
fn outcome(troubles: &Troubles, report: &Report) -> String {
    if troubles.iter().any(is_by_chance) {
        return "right, or less sure".to_string();
    }
    let causes: Vec<String> = report
        .causes
        .iter()
        .map(|cause| {
            let change = cause
                .change
                .as_deref()
                .map_or("no change", |id| id.get(..10).unwrap_or(id));
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
    let mut gaps: Vec<String> = troubles
        .iter()
        .flat_map(|(source, _)| named(source, report))
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

/// What had been answered before a source went away, or while there was time, is a matter of chance; at AWS, which is asked
/// much at once, so is what was asked before all requests of a look were spent.
fn is_by_chance((source, trouble): &(&str, Trouble)) -> bool {
    use Trouble::{EmptyPages, GoneAfter, Late, SamePage, Slow, Trickle, Truncated};
    match trouble {
        GoneAfter(_) | Late(_) => true,
        Slow | Trickle | EmptyPages | SamePage | Truncated => *source == "aws",
        _ => false,
    }
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
fn named<'r>(source: &str, report: &'r Report) -> impl Iterator<Item = &'r GapCost> + use<'r> {
    let name = format!("{source}.main");
    report.gaps.iter().filter(move |gap| {
        [&gap.wanted, &gap.detail, &gap.how_to_close]
            .iter()
            .any(|text| text.contains(&name))
    })
}

/// Is it the guilty one, told as it is? With less to go by it may be told less exactly, and is never sure then: its sort as one
/// that is near the right one, or as what the right change brought.
fn is_right(place: &Place, cause: &Cause) -> bool {
    let guilty = &place.guilty;
    let change = cause.change.as_deref();
    let told = &*cause.mechanism.0;
    let near = guilty.near.contains(&told) || (told.starts_with("change.") && change.is_some());
    cause.entity.as_str() == guilty.entity
        && change.is_none_or(|id| id.starts_with(guilty.change))
        && (told == guilty.mechanism || (near && cause.word < Word::Confirmed))
}

/// What no trouble of a source may bring about.
fn faults(place: &Place, troubles: &Troubles, looked: &Looked) -> Vec<String> {
    let report = &looked.report;
    let mut wrong = Vec::new();
    // "Possible" convicts nobody.
    for cause in report
        .causes
        .iter()
        .filter(|cause| cause.word > Word::Possible)
    {
        if !is_right(place, cause) {
            wrong.push(format!("another is convicted: {}", cause.claim.text));
        }
        if cause.change.is_none() && cause.word == Word::Confirmed {
            wrong.push(format!(
                "as sure as if its change had been seen: {}",
                cause.claim.text
            ));
        }
    }
    // Each place has somebody who tells of changes, however badly.
    let none = report
        .gaps
        .iter()
        .find(|gap| gap.detail.contains("is configured"));
    if let Some(gap) = none {
        wrong.push(format!("what is configured is not said to be: {gap:?}"));
    }
    let calm = matches!(
        report.header.status,
        Status::Recovered | Status::NoActiveFault
    );
    if calm {
        wrong.push("it is said that nothing is wrong".to_string());
    }
    for (source, trouble) in troubles {
        let gaps: Vec<_> = named(source, report).collect();
        if gaps.is_empty() != (*trouble == Trouble::None) {
            wrong.push(format!("gaps that name {source}: {gaps:?}"));
        }
        for gap in &gaps {
            if gap.how_to_close.is_empty() || gap.detail.is_empty() {
                wrong.push(format!("a gap that says too little: {gap:?}"));
            }
        }
    }
    if looked.lasted > LONGEST {
        wrong.push(format!("the report came after {:?}", looked.lasted));
    }
    for one in &report.sources {
        let sort = one.name.split('.').next().unwrap_or_default();
        if one.spent.requests > served::requests(sort) {
            wrong.push(format!("{} was asked too often: {:?}", one.name, one.spent));
        }
    }
    if report.sources.len() != place.sources.len() {
        let names: Vec<&str> = report.sources.iter().map(|s| s.name.as_str()).collect();
        wrong.push(format!("only {names:?} were asked"));
    }
    if looked.hushed {
        wrong.push("it was silenced, by nobody who may".to_string());
    }
    wrong.extend(looked.unproven.iter().cloned());
    wrong.extend(looked.panics.iter().cloned());
    wrong
}
