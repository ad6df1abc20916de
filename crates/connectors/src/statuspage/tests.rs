//! A page as Statuspage documents it, in simulated time. What it does not know it answers with 501: proven by shape.

use model::ports::Clock as _;
use model::query::GapReason;
use model::time::SECOND;
use serde_json::json;

use super::*;
use crate::pull::tests::{Simulated, said, source};
use crate::pull::{Budget, Credential, Question};

const NOW: i64 = 1_700_000_000 * SECOND;

fn at(minutes: i64) -> String {
    Timestamp(NOW).plus(Span::minutes(minutes)).to_string()
}

fn hull() -> TimeWindow {
    TimeWindow::new(Timestamp(NOW).minus(Span::minutes(60)), Timestamp(NOW)).unwrap()
}

fn summary_of_the_page() -> String {
    let component = |name: &str, status: &str, group: bool| json!({"name": name, "status": status, "updated_at": at(-20), "group": group});
    json!({
        "page": {"name": "Payments", "updated_at": at(-1)},
        "status": {"indicator": "major", "description": "Partial System Outage"},
        "components": [
            component("API", "major_outage", false),
            component("Dashboard", "degraded_performance", false),
            component("Webhooks", "operational", false),
            component("All", "major_outage", true),
            {"name": 7}, null,
        ],
    })
    .to_string()
}

fn incidents() -> String {
    let update = |status: &str, minutes: i64, body: &str| json!({"status": status, "display_at": at(minutes), "created_at": at(minutes), "body": body});
    let incident = |name: &str, component: &str, updates: &[Value]| json!({"name": name, "impact": "major", "components": [{"name": component}], "incident_updates": updates});
    json!({"incidents": [
        incident("Charges fail", "API", &[
            update("identified", -10, "A bad deploy."),
            update("investigating", -25, "We are investigating elevated errors."),
        ]),
        incident("Slow pages", "Dashboard", &[
            update("resolved", -30, "All well."),
            update("investigating", -40, ""),
        ]),
        incident("Long ago", "API", &[update("resolved", -3000, "All well.")]),
        incident("To come", "API", &[update("scheduled", 60, "We will move.")]),
        7,
    ]})
    .to_string()
}

fn eyes(components: &[&str]) -> Eyes {
    let clock = Simulated::at(Timestamp(NOW));
    let source = source(
        "statuspage.pay",
        &clock,
        Budget::default(),
        Credential::None,
        |question: &Question<'_>, _| match question.path {
            "/api/v2/summary.json" => said(200, &summary_of_the_page()),
            "/api/v2/incidents.json" => said(200, &incidents()),
            _ => said(501, "it does not know that"),
        },
    );
    let components = components.iter().map(|name| name.to_string()).collect();
    Eyes::new(
        source,
        Settings {
            entity: EntityId::from("external/pay.example"),
            components,
        },
    )
}

fn told(brought: &Brought) -> Vec<String> {
    let minutes = |at: Timestamp| at.since(Timestamp(NOW)).0 / (60 * SECOND);
    let events = brought.events.iter();
    events
        .map(|e| {
            format!(
                "{}..{} {}: {}",
                minutes(e.first),
                minutes(e.last),
                e.reason,
                e.message
            )
        })
        .collect()
}

#[test]
fn what_a_provider_says_becomes_events_of_whom_the_page_is_about() {
    let brought = eyes(&[]).look(hull(), Timestamp(NOW));
    assert_eq!(brought.gaps, []);
    assert_eq!(
        told(&brought),
        [
            "-40..-30 investigating: Slow pages",
            "-30..-30 resolved: Slow pages. All well.",
            "-25..-10 investigating: Charges fail. We are investigating elevated errors.",
            "-20..0 major_outage: API",
            "-20..0 degraded_performance: Dashboard",
            "-10..0 identified: Charges fail. A bad deploy.",
        ]
    );
    let ids: Vec<&str> = brought
        .topology
        .entities
        .iter()
        .map(|e| e.id.as_str())
        .collect();
    assert_eq!(ids, ["external/pay.example"]);
    assert_eq!(brought.asked.spent.requests, 2);
    // Only what matters to whoever asks.
    let brought = eyes(&["Webhooks", "Dashboard"]).look(hull(), Timestamp(NOW));
    assert_eq!(told(&brought).len(), 3, "{:?}", told(&brought));
}

#[test]
fn it_says_what_it_sees() {
    let said = eyes(&["API", "Webhooks"]).greet().unwrap();
    let wanted =
        "Payments about external/pay.example: 2 components, 1 of them not operational. It sees";
    assert!(said.starts_with(wanted), "{said}");
    let said = eyes(&["Nothing"]).greet().unwrap();
    assert!(said.contains("none of those that are named"), "{said}");
}

#[test]
fn whatever_it_answers_a_look_ends_and_says_why() {
    for (first, then, status) in [
        ("", "", 200),
        ("[]", "", 200),
        (r#"{"components":{}}"#, "", 200),
        (r#"{"components":[]}"#, "[", 200),
        (r#"{"components":[]}"#, r#"{"incidents":7}"#, 200),
        (r#"{"components":[]}"#, "[]", 200),
        (r#"{"components":[]}"#, "\"later\"", 200),
        (r#"{"components":[]}"#, "later", 429),
    ] {
        let clock = Simulated::at(Timestamp(NOW));
        let source = source(
            "statuspage.pay",
            &clock,
            Budget::default(),
            Credential::None,
            move |question, _| match question.path {
                "/api/v2/summary.json" => said(200, first),
                _ => said(status, then),
            },
        );
        let settings = Settings {
            entity: EntityId::from("external/pay.example"),
            components: Vec::new(),
        };
        let brought = Eyes::new(source, settings).look(hull(), Timestamp(NOW));
        assert_eq!(brought.gaps.len(), 1, "{first} {then}");
        assert!(brought.events.is_empty());
        let known = [GapReason::Connector, GapReason::RateLimit];
        assert!(known.contains(&brought.gaps[0].why));
        assert!(clock.now().since(Timestamp(NOW)) < Span::seconds(21));
    }
}
