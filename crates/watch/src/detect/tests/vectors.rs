//! Every vector that can be computed. What only describes (limits, cadence) is checked as a rule that holds or is refused.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::math::{Expression, Grid, Inputs};
use super::super::{math, suppress};
use super::*;

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn state(word: &Value) -> State {
    serde_json::from_value(word.clone()).unwrap()
}

fn evaluation() -> Value {
    vectors(include_str!("../../../tests/vectors/evaluation.json"))
}

fn topic(id: &str) -> Value {
    let all = evaluation();
    all.as_array()
        .unwrap()
        .iter()
        .find(|v| v["id"] == id)
        .unwrap()
        .clone()
}

fn marks(points: &Value) -> Vec<Option<bool>> {
    let of = |p: &Value| match p.as_str().unwrap() {
        "0" => Some(false),
        "X" => Some(true),
        _ => None,
    };
    points.as_array().unwrap().iter().map(of).collect()
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Alarm => "ALARM",
        Decision::Ok => "OK",
        Decision::InsufficientData => "INSUFFICIENT_DATA",
        Decision::Keep => "RETAIN",
    }
}

#[test]
fn missing_data_rows() {
    let all = vectors(include_str!("../../../tests/vectors/missing_data.json"));
    // Two rows of older editions of the guide contradict the current ones with the same points.
    let superseded = ["md-14", "md-15"];
    let mut seen = 0;
    for row in all["rows"].as_array().unwrap() {
        let id = row["id"].as_str().unwrap();
        let (n, m) = (
            row["evaluation_periods"].as_u64().unwrap() as usize,
            row["datapoints_to_alarm"].as_u64().unwrap() as usize,
        );
        let range = marks(&row["points"]);
        assert_eq!(evaluation_range(n), range.len(), "{id}");
        if superseded.contains(&id) {
            assert_eq!(row["current"], false, "{id}");
            continue;
        }
        for (missing, expected) in row["expected"].as_object().unwrap() {
            let missing: Missing = serde_json::from_value(Value::from(missing.as_str())).unwrap();
            let decision = decide(&range, n, m, missing);
            assert_eq!(
                word(decision),
                expected.as_str().unwrap(),
                "{id} {missing:?}"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 14 * 4);
    for case in all["text_cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let (n, m) = (
            case["evaluation_periods"].as_u64().unwrap() as usize,
            case["datapoints_to_alarm"].as_u64().unwrap() as usize,
        );
        let missing: Missing = serde_json::from_value(case["treat"].clone()).unwrap();
        let decision = word(decide(&marks(&case["points"]), n, m, missing));
        match case["must_not_be"].as_str() {
            Some(forbidden) => assert_ne!(decision, forbidden, "{id}"),
            None => assert_eq!(decision, case["expected"].as_str().unwrap(), "{id}"),
        }
    }
}

#[test]
fn m_of_n_over_time() {
    let vector = topic("ev-1");
    let rules = rules(
        r#"
        [[alarm]]
        name = "high"
        metric = "m"
        entity = "e"
        period = 300
        evaluation_periods = 3
        datapoints_to_alarm = 3
        comparison = "GreaterThanThreshold"
        threshold = 3
        "#,
    );
    let mut numbers = Numbers::default();
    let mut states = States::default();
    let values = vector["values_by_period"].as_array().unwrap();
    let expected = vector["expected_states_after_period"].as_array().unwrap();
    for (i, (value, expected)) in values.iter().zip(expected).enumerate() {
        let period = 300 * i as i64;
        numbers.put("m", "e", period, value.as_f64().unwrap());
        (states, _) = evaluate(&rules, &numbers, &states, at(period + 300));
        assert_eq!(
            states.of("high", &"e".into()),
            Some(state(expected)),
            "period {}",
            i + 1
        );
    }
}

#[test]
fn evaluation_slides_by_the_minute_over_long_periods() {
    // ev-2: with a period of 5 min, minute 5 uses minutes 1 to 5, and minute 6 uses 2 to 6.
    assert_eq!(topic("ev-2")["rules"]["period_10_20_30"], "every 10 s");
    let rules = rules(
        r#"
        [[alarm]]
        name = "sum"
        metric = "m"
        entity = "e"
        statistic = "Sum"
        period = "5m"
        comparison = ">="
        threshold = 5
        treat_missing_data = "notBreaching"
        "#,
    );
    let mut numbers = Numbers::default();
    for minute in 1..6 {
        numbers.put("m", "e", minute * 60, 1.0);
    }
    let state_at = |second| {
        let (states, _) = evaluate(&rules, &numbers, &States::default(), at(second));
        states.of("sum", &"e".into()).unwrap()
    };
    assert_eq!(state_at(5 * 60), State::Ok, "minutes 0 to 4 hold 4");
    assert_eq!(
        state_at(6 * 60 - 1),
        State::Ok,
        "between two steps nothing changes"
    );
    assert_eq!(state_at(6 * 60), State::Alarm, "minutes 1 to 5 hold 5");
}

#[test]
fn windows_have_limits() {
    let vector = topic("ev-3");
    assert_eq!(
        vector["rules"]["valid_periods"],
        "10,20,30 or a multiple of 60"
    );
    let of = |period: i64, n: i64| {
        let text = format!(
            "[[alarm]]\nname='a'\nmetric='m'\nperiod={period}\nevaluation_periods={n}\ncomparison='>'\nthreshold=1"
        );
        Rules::parse(&text, "f").is_ok()
    };
    for (period, n, fits) in [
        (10, 3, true),
        (15, 3, false),
        (90, 1, false),
        (120, 1, true),
        (60, 1440, true),
        (60, 1441, false),
        (3600, 168, true),
        (3600, 169, false),
    ] {
        assert_eq!(of(period, n), fits, "{n} periods of {period} s");
    }
}

#[test]
fn alarms_tell_once_per_turn_and_begin_without_data() {
    // ev-4, ev-5
    let rules = rules(
        "[[alarm]]\nname='a'\nmetric='m'\nentity='e'\nperiod=10\ncomparison='>'\nthreshold=1\n[[composite]]\nname='c'\nrule='ALARM(a)'",
    );
    let mut numbers = Numbers::default();
    let (states, told) = evaluate(&rules, &numbers, &States::default(), at(100));
    assert_eq!(states.of("a", &"e".into()), Some(State::InsufficientData));
    assert_eq!(
        states.alarms.values().next().unwrap().reason,
        "Unchecked: Initial alarm creation"
    );
    let turns: Vec<_> = told.iter().map(|t| (t.rule.as_str(), t.to)).collect();
    assert_eq!(
        turns,
        [("c", State::Ok)],
        "a composite has no data only before it is evaluated"
    );
    numbers.put("m", "e", 105, 2.0);
    let (states, told) = evaluate(&rules, &numbers, &states, at(110));
    let turns: Vec<_> = told.iter().map(|t| (t.rule.as_str(), t.to)).collect();
    assert_eq!(turns, [("a", State::Alarm), ("c", State::Alarm)]);
    let (_, told) = evaluate(&rules, &numbers, &states, at(111));
    assert_eq!(told, []);
}

#[test]
fn percentiles_of_few_samples() {
    for case in topic("ev-6")["cases"].as_array().unwrap() {
        let (share, samples) = (
            case["percentile"].as_f64().unwrap(),
            case["samples"].as_f64().unwrap(),
        );
        assert_eq!(
            Value::from(too_few_samples(share, samples)),
            case["ignored"],
            "{case}"
        );
        let percent = share * 100.0;
        let rules = rules(&format!(
            "[[alarm]]\nname='slow'\nmetric='m'\nentity='e'\nstatistic='p{percent}'\nperiod=60\ncomparison='>'\nthreshold=1\nlow_samples='ignore'"
        ));
        let mut numbers = Numbers {
            samples,
            ..Numbers::default()
        };
        numbers.put("m", "e", 30, 5.0);
        let (states, _) = evaluate(&rules, &numbers, &States::default(), at(60));
        let expected = if case["ignored"] == true {
            State::InsufficientData
        } else {
            State::Alarm
        };
        assert_eq!(states.of("slow", &"e".into()), Some(expected), "{case}");
    }
}

#[test]
fn a_state_set_by_hand() {
    // ev-7
    let rules = rules(
        "[[alarm]]\nname='a'\nmetric='m'\nentity='e'\nperiod=10\ncomparison='>'\nthreshold=1\n[[composite]]\nname='c'\nrule='ALARM(a)'",
    );
    let mut numbers = Numbers::default();
    numbers.put("m", "e", 95, 0.0);
    let (mut states, _) = evaluate(&rules, &numbers, &States::default(), at(100));
    let key = |rule: &str, entity: &str| AlarmKey {
        rule: rule.into(),
        entity: entity.into(),
    };
    let told = states
        .set(&key("c", ""), State::Alarm, "testing", at(101))
        .unwrap();
    assert_eq!(
        (told.from, told.to, told.reason.as_str()),
        (State::Ok, State::Alarm, "testing")
    );
    assert_eq!(
        states.set(&key("c", ""), State::Alarm, "again", at(101)),
        None
    );
    states
        .set(&key("a", "e"), State::InsufficientData, "testing", at(101))
        .unwrap();
    // The metric's alarm is decided anew; to the composite no child has turned.
    let (mut states, told) = evaluate(&rules, &numbers, &states, at(102));
    let turns: Vec<_> = told
        .iter()
        .map(|t| (t.rule.as_str(), t.from, t.to))
        .collect();
    assert_eq!(turns, [("a", State::InsufficientData, State::Ok)]);
    assert_eq!(states.of("c", &"".into()), Some(State::Alarm));
    numbers.put("m", "e", 105, 7.0);
    (states, _) = evaluate(&rules, &numbers, &states, at(110));
    numbers.put("m", "e", 115, 0.0);
    (states, _) = evaluate(&rules, &numbers, &states, at(120));
    assert_eq!(states.of("c", &"".into()), Some(State::Ok));
}

#[test]
fn anomaly_operators() {
    let vector = topic("ev-8");
    let band = (10.0, 20.0);
    for (operator, low, within, high) in [
        (
            "LessThanLowerOrGreaterThanUpperThreshold",
            true,
            false,
            true,
        ),
        ("LessThanLowerThreshold", true, false, false),
        ("GreaterThanUpperThreshold", false, false, true),
    ] {
        assert!(
            vector["operators"]
                .as_array()
                .unwrap()
                .contains(&Value::from(operator))
        );
        let comparison: Comparison = serde_json::from_value(Value::from(operator)).unwrap();
        let seen = [5.0, 15.0, 25.0].map(|v| comparison.breaches(v, band));
        assert_eq!(seen, [low, within, high], "{operator}");
    }
}

#[test]
fn metric_math() {
    let all = vectors(include_str!("../../../tests/vectors/metric_math.json"));
    let sequence = |v: &Value| -> Vec<Option<f64>> {
        v.as_array().unwrap().iter().map(Value::as_f64).collect()
    };
    for case in all["cases"].as_array().unwrap() {
        let text = case["expr"].as_str().unwrap();
        let metrics: BTreeMap<String, Vec<Option<f64>>> = case["inputs"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(id, values)| (id.clone(), sequence(values)))
            .collect();
        let grid = Grid {
            from: 0,
            period: case["period"].as_i64().unwrap_or(60) * SECOND,
            length: metrics.values().next().unwrap().len(),
            history: 0,
        };
        let inputs = Inputs {
            metrics: &metrics,
            earlier: &BTreeMap::new(),
            grid,
        };
        let value = Expression::parse(text).unwrap().evaluate(&inputs).unwrap();
        assert_eq!(
            value,
            math::Value::Series(sequence(&case["output"])),
            "{text}"
        );
    }
}

#[test]
fn composite_rules() {
    let all = vectors(include_str!("../../../tests/vectors/composite.json"));
    for case in all["cases"].as_array().unwrap() {
        let text = case["rule"].as_str().unwrap();
        let rule = Composite::parse(text).unwrap();
        let holds = rule.holds(&|name| state(&case["states"][name]));
        assert_eq!(
            Value::from(holds),
            case["result"],
            "{text} {}",
            case["states"]
        );
    }
    let limits = &all["grammar"]["limits"];
    let many = |n: u64| {
        (0..n)
            .map(|i| format!("ALARM(a{i})"))
            .collect::<Vec<_>>()
            .join(" OR ")
    };
    let children = limits["children"].as_u64().unwrap();
    assert!(Composite::parse(&many(children)).is_ok());
    assert!(Composite::parse(&many(children + 1)).is_err());
    let chars = limits["rule_chars"].as_u64().unwrap() as usize;
    assert!(Composite::parse(&format!("TRUE{}", " ".repeat(chars))).is_err());
}

#[test]
fn suppression_timelines() {
    let all = vectors(include_str!("../../../tests/vectors/composite.json"));
    let suppressor = &all["suppressor"];
    let seconds = |v: &Value| Span::seconds(v.as_i64().unwrap());
    let patience = Patience {
        wait: seconds(&suppressor["units"]["wait"]),
        extension: seconds(&suppressor["units"]["extension"]),
    };
    for timeline in suppressor["timelines"].as_array().unwrap() {
        let (mut composite, mut hold) = (State::Ok, None);
        let mut alarm = timeline["initial"]["suppressor"] == "ALARM";
        let mut was = alarm;
        let mut actions = Vec::new();
        for now in 0..20 {
            let mut turned = false;
            for event in timeline["events"].as_array().unwrap() {
                if event[0] == now {
                    match event[1].as_str().unwrap() {
                        "composite" => {
                            turned = true;
                            composite = state(&event[2]);
                        }
                        _ => alarm = event[2] == "ALARM",
                    }
                }
            }
            let (acts, next) = suppress::step(hold, patience, (was, alarm), turned, at(now));
            (hold, was) = (next, alarm);
            if acts {
                actions.push(serde_json::json!([now, composite.word()]));
            }
        }
        assert_eq!(
            Value::from(actions),
            timeline["actions"],
            "{}",
            timeline["id"]
        );
    }
}

#[test]
fn a_recorded_composite() {
    let all = vectors(include_str!("../../../tests/vectors/composite.json"));
    let recorded = &all["recorded"];
    let rules = rules(
        r#"
        [[alarm]]
        name = "a1"
        metric = "one"
        entity = "e"
        period = 10
        comparison = ">"
        threshold = 0
        [[alarm]]
        name = "a2"
        metric = "two"
        entity = "e"
        period = 10
        comparison = ">"
        threshold = 0
        [[composite]]
        name = "both"
        rule = 'ALARM("a1") OR ALARM("a2")'
        "#,
    );
    let mut now = 1000;
    let mut numbers = Numbers::default();
    let mut wanted = BTreeMap::from([("a1", 0.0), ("a2", 0.0)]);
    let mut states = States::default();
    let mut data = Value::Null;
    let mut round = |wanted: &BTreeMap<&str, f64>, data: &mut Value| {
        numbers.put("one", "e", now, wanted["a1"]);
        numbers.put("two", "e", now, wanted["a2"]);
        now += 10;
        let told;
        (states, told) = evaluate(&rules, &numbers, &states, at(now));
        if let Some(turn) = told.iter().find(|t| t.rule == "both") {
            *data = turn.data.clone();
        }
        states.of("both", &"".into()).unwrap()
    };
    round(&wanted, &mut data);
    for step in recorded["steps"].as_array().unwrap() {
        for (name, value) in step["set"].as_object().unwrap() {
            let name = if name == "a1" { "a1" } else { "a2" };
            wanted.insert(name, f64::from(u8::from(value == "ALARM")));
        }
        assert_eq!(
            round(&wanted, &mut data),
            state(&step["composite"]),
            "{step}"
        );
        let triggering = &data["triggeringAlarms"][0];
        assert_eq!(triggering["arn"], step["triggering"]["arn"], "{step}");
        assert_eq!(
            triggering["state"]["value"], step["triggering"]["value"],
            "{step}"
        );
    }
}

#[test]
fn reasons_read_as_recorded() {
    let all = vectors(include_str!("../../../tests/vectors/state_reason.json"));
    let expected = |i: usize| all["strings"][i]["reason"].as_str().unwrap().to_string();
    let start: Timestamp = "2026-06-18T15:05:00Z".parse().unwrap();
    let second = start.seconds();

    let one = rules(
        "[[alarm]]\nname='hot'\nmetric='m'\nentity='e'\nperiod=60\ncomparison='GreaterThanThreshold'\nthreshold=21.0",
    );
    let mut numbers = Numbers::default();
    numbers.put("m", "e", second, 21.5);
    let (_, told) = evaluate(&one, &numbers, &States::default(), at(second + 60));
    let turn = told.first().unwrap();
    assert_eq!(
        turn.reason,
        expected(0).replace("dd/mm/yy HH:MM:SS", "18/06/26 15:05:00")
    );
    assert_eq!(
        turn.data,
        serde_json::json!({
            "version": "1.0",
            "queryDate": "2026-06-18T15:06:00.000+0000",
            "startDate": "2026-06-18T15:05:00.000+0000",
            "statistic": "Average",
            "period": 60,
            "recentDatapoints": [21.5],
            "threshold": 21.0,
            "evaluatedDatapoints": [
                {"timestamp": "2026-06-18T15:05:00.000+0000", "sampleCount": 1.0, "value": 21.5}
            ],
        })
    );

    let silent = rules(
        "[[alarm]]\nname='beat'\nmetric='none'\nentity='e'\nperiod=60\nevaluation_periods=2\ncomparison='<'\nthreshold=1\ntreat_missing_data='breaching'",
    );
    let (_, told) = evaluate(&silent, &numbers, &States::default(), at(second));
    assert_eq!(told.first().unwrap().reason, expected(1));
    assert_eq!(reason::CREATED, expected(2));
}
