//! How a report looks, in each language, and that hostile telemetry inside it stays harmless.

use midwatch::dress::pencil::Pencil;
use midwatch::dress::{self, Format};
use model::report::Report;
use proptest::prelude::*;
use serde_json::Value;

const SAMPLE: &str = include_str!("fixtures/sample_report.json");

fn sample() -> Report {
    serde_json::from_str(SAMPLE).expect("the sample is a report")
}

fn plain() -> Pencil {
    Pencil::default()
}

#[test]
fn terminal_looks_as_agreed() {
    insta::assert_snapshot!(
        "terminal",
        dress::report(&sample(), Format::Terminal, &plain())
    );
}

#[test]
fn markdown_looks_as_agreed() {
    insta::assert_snapshot!(
        "markdown",
        dress::report(&sample(), Format::Markdown, &plain())
    );
}

#[test]
fn html_looks_as_agreed() {
    insta::assert_snapshot!("html", dress::report(&sample(), Format::Html, &plain()));
}

#[test]
fn json_is_the_report_itself() {
    let text = dress::report(&sample(), Format::Json, &plain());
    assert!(text.ends_with("}\n"));
    assert_eq!(
        serde_json::from_str::<Report>(&text).expect("reads back"),
        sample()
    );
}

#[test]
fn terminal_keeps_to_every_width() {
    for width in [40, 60, 80, 120] {
        let text = dress::report(
            &sample(),
            Format::Terminal,
            &Pencil::new(width, false, false),
        );
        for line in text.lines() {
            assert!(dress::text::columns(line) <= width, "{width}: {line:?}");
        }
        assert!(text.is_ascii(), "plain output is ASCII");
    }
}

#[test]
fn colours_change_nothing_but_colours() {
    let bare = dress::report(&sample(), Format::Terminal, &Pencil::new(80, false, true));
    let coloured = dress::report(&sample(), Format::Terminal, &Pencil::new(80, true, true));
    assert_ne!(bare, coloured);
    assert_eq!(bare, without_colours(&coloured));
}

fn without_colours(text: &str) -> String {
    let mut bare = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        bare.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    bare + rest
}

/// Puts `hostile` in place of every text of the report that is not a closed word.
fn poisoned(hostile: &str) -> Report {
    let mut report = serde_json::from_str(SAMPLE).expect("JSON");
    poison(&mut report, "", hostile);
    serde_json::from_value(report).expect("still a report")
}

fn poison(value: &mut Value, key: &str, hostile: &str) {
    const CLOSED: [&str; 25] = [
        "schema",
        "status",
        "severity",
        "word",
        "category",
        "outcome",
        "why",
        "source",
        "polarity",
        "ask",
        "state",
        "from",
        "to",
        "at",
        "until",
        "lo",
        "hi",
        "fired_at",
        "detected",
        "looked_at",
        "times",
        "evidence",
        "type",
        "kind-closed",
        "first",
    ];
    match value {
        Value::Object(fields) => {
            // Links and entities carry a closed word under `kind`, changes of the timeline a free one.
            let closed_kind = fields.contains_key("name") || fields.contains_key("from");
            let evidence = fields.contains_key("digest");
            for (name, inner) in fields.iter_mut() {
                let foreign = match name.as_str() {
                    "kind" if closed_kind => continue,
                    "id" if evidence => continue,
                    // A link's ends and an alarm's source are free text under names that are closed elsewhere.
                    "from" | "to" if inner.as_str().is_some_and(|s| !s.ends_with('Z')) => "free",
                    other => other,
                };
                let foreign = foreign.to_string();
                poison(inner, &foreign, hostile);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, key, hostile)),
        Value::String(text) if !CLOSED.contains(&key) => {
            *text = format!("{hostile}{}", text.len());
        }
        _ => {}
    }
}

#[test]
fn markup_in_telemetry_is_shown_not_run() {
    let report =
        poisoned("<script>alert(1)</script>\"><img src=x onerror=alert(1)>' {{ 7*7 }} </style>");
    let page = dress::report(&report, Format::Html, &plain());
    assert!(!page.contains("<script"), "a script stands in the page");
    assert!(!page.contains("<img"), "an image stands in the page");
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert!(
        page.contains("{{ 7*7 }}"),
        "templates inside data are not filled"
    );
    for address in ["http:", "https:", "url(//", "@import"] {
        let own = page.matches("http://www.w3.org/2000/svg").count();
        let found = page.matches(address).count();
        let allowed = if address == "http:" { own } else { 0 };
        assert_eq!(found, allowed, "{address} would be loaded");
    }
    let text = dress::report(&report, Format::Markdown, &plain());
    for line in text.lines().filter(|line| line.contains("<script>")) {
        // Inside a code span the characters stand as they are; everywhere else they are escaped.
        let outside: String = line.split('`').step_by(2).collect();
        assert!(
            !outside.contains(" <script>") && !outside.starts_with("<script>"),
            "{line}"
        );
    }
}

#[test]
fn escape_sequences_in_telemetry_are_shown_not_obeyed() {
    let report = poisoned("\x1b]0;owned\x07\x1b[2J\u{9b}31m\u{202e}\r\n\x08");
    for format in [Format::Terminal, Format::Markdown, Format::Html] {
        let text = dress::report(&report, format, &plain());
        let active = text
            .chars()
            .find(|c| c.is_control() && *c != '\n' || *c == '\u{202e}');
        assert_eq!(active, None, "{format:?}");
        assert!(text.contains("u{1b}"), "{format:?} shows what was there");
    }
    let coloured = dress::report(&report, Format::Terminal, &Pencil::new(80, true, true));
    assert!(!without_colours(&coloured).contains('\x1b'));
}

#[test]
fn every_citation_in_the_page_leads_somewhere() {
    let page = dress::report(&sample(), Format::Html, &plain());
    let mut targets = 0;
    for part in page.split("href=\"#").skip(1) {
        let target = part.split('"').next().unwrap_or_default();
        assert!(
            page.contains(&format!("id=\"{target}\"")),
            "#{target} leads nowhere"
        );
        targets += 1;
    }
    assert!(targets > 100, "only {targets} links");
}

#[test]
fn ids_in_the_page_are_unique() {
    let page = dress::report(&sample(), Format::Html, &plain());
    let mut seen = std::collections::BTreeSet::new();
    for part in page.split(" id=\"").skip(1) {
        let id = part.split('"').next().unwrap_or_default();
        assert!(seen.insert(id), "{id} stands twice");
    }
}

/// Alters one number, moment or list of the sample, as a forged or damaged report might.
fn alter(value: &mut Value, countdown: &mut usize, number: f64) -> bool {
    match value {
        Value::Object(fields) => fields
            .values_mut()
            .any(|inner| alter(inner, countdown, number)),
        Value::Array(items) => {
            if *countdown == 0 {
                items.truncate(1);
                return true;
            }
            *countdown -= 1;
            items
                .iter_mut()
                .any(|inner| alter(inner, countdown, number))
        }
        Value::Number(_) => {
            if *countdown == 0 {
                *value = serde_json::json!(number);
                return true;
            }
            *countdown -= 1;
            false
        }
        Value::String(text) if text.ends_with('Z') => {
            if *countdown == 0 {
                *text = if number < 0.0 {
                    "1677-09-22T00:00:00Z"
                } else {
                    "2262-04-11T00:00:00Z"
                }
                .into();
                return true;
            }
            *countdown -= 1;
            false
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_report_makes_a_dress_fall(
        places in prop::collection::vec(0_usize..700, 1..6),
        number in prop_oneof![Just(1e308), Just(-1e308), Just(0.0), Just(1e-308), Just(-7.5), Just(4e9)],
    ) {
        let mut value: Value = serde_json::from_str(SAMPLE).unwrap();
        for place in places {
            let mut altered = value.clone();
            alter(&mut altered, &mut { place }, number);
            // Keep only what the schema still accepts, so that later alterations are not wasted.
            if serde_json::from_value::<Report>(altered.clone()).is_ok() {
                value = altered;
            }
        }
        let report: Report = serde_json::from_value(value).unwrap();
        for format in [Format::Terminal, Format::Json, Format::Markdown, Format::Html] {
            let text = dress::report(&report, format, &plain());
            prop_assert!(!text.contains("The page could not be written"));
            prop_assert!(!text.contains("NaN") && !text.contains("inf\""));
        }
    }
}
