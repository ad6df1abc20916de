//! 10,000 alarms in one round, on one core: as 100 rules over 100 entities each, and as 10,000 rules.
//!
//! `cargo bench -p midwatch-watch --bench detect`; the counter shows alarms per second.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use model::{EntityId, Span, Timestamp};
use watch::detect::{Keep, Rules, States, Tally, evaluate};

const ENTITIES: usize = 100;
const RULES: usize = 100;
const MINUTES: i64 = 15;

fn main() {
    divan::main();
}

fn rule(name: &str, entity: &str, number: usize) -> String {
    let what = match number % 4 {
        0 => "metric='span.error_share'\nthreshold=0.05",
        1 => "metric='span.duration_ms'\nstatistic='p95'\nthreshold=300\nlow_samples='ignore'",
        2 => {
            "metric='span.calls'\nstatistic='Sum'\nthreshold=100000\ntreat_missing_data='breaching'"
        }
        _ => {
            "metrics=[{id='e',metric='span.errors',statistic='Sum'},{id='c',metric='span.calls',statistic='Sum'}]\n\
             expression='IF(c > 0, 100 * e / c, 0)'\nthreshold=5"
        }
    };
    format!(
        "[[alarm]]\nname='{name}'\nentity='{entity}'\nperiod=10\nevaluation_periods=3\ndatapoints_to_alarm=2\ncomparison='>'\n{what}\n"
    )
}

/// A quarter of an hour of two calls a second for each of a hundred entities.
fn tally(rules: &Rules) -> (Tally, Timestamp) {
    let mut tally = Tally::new(rules, Keep::for_rules(rules));
    let end = Timestamp::from_seconds(1_800_000_000);
    for second in 0..MINUTES * 60 {
        let at = end.minus(Span::seconds(MINUTES * 60 - second));
        for entity in 0..ENTITIES {
            let id = EntityId::new(format!("function/f{entity}"));
            for call in 0..2 {
                let took = (second * 7919 + entity as i64 * 31 + call) % 400;
                tally.take_call(&id, at, Span(took * 1_000_000), took % 97 == 0);
            }
        }
    }
    tally.advance(end);
    (tally, end)
}

fn round(bencher: Bencher, text: &str) {
    let rules = Rules::parse(text, "bench.toml").unwrap_or_else(|error| panic!("{error}"));
    let (tally, now) = tally(&rules);
    let (states, _) = evaluate(&rules, &tally, &States::default(), now);
    assert_eq!(states.alarms.len(), ENTITIES * RULES);
    bencher
        .counter(ItemsCount::new(states.alarms.len()))
        .bench_local(|| evaluate(black_box(&rules), &tally, &states, now));
}

/// Each rule matches every entity.
#[divan::bench(sample_count = 20)]
fn a_hundred_rules_over_a_hundred_entities(bencher: Bencher) {
    let text: String = (0..RULES)
        .map(|i| rule(&format!("r{i}"), "function/*", i))
        .collect();
    round(bencher, &text);
}

/// Each rule names one entity.
#[divan::bench(sample_count = 20)]
fn ten_thousand_rules(bencher: Bencher) {
    let text: String = (0..RULES * ENTITIES)
        .map(|i| {
            rule(
                &format!("r{i}"),
                &format!("function/f{}", i % ENTITIES),
                i / ENTITIES,
            )
        })
        .collect();
    round(bencher, &text);
}
