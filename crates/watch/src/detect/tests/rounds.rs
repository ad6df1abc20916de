//! Whole rounds: many entities, objectives, bands, composites, a live tally.

use model::time::MINUTE;
use model::{AlarmState, LogLine};

use super::*;

fn turns(told: &[Transition]) -> Vec<String> {
    told.iter()
        .map(|t| format!("{} {}: {} -> {}", t.rule, t.entity, t.from, t.to))
        .collect()
}

#[test]
fn one_rule_has_an_alarm_for_each_entity() {
    let rules = rules(
        r#"
        [[alarm]]
        name = "errors"
        description = "Calls fail"
        severity = "error"
        labels = { team = "ledger" }
        metric = "span.error_share"
        entity = "function/*"
        period = "10s"
        evaluation_periods = 2
        comparison = ">"
        threshold = 0.05
        "#,
    );
    let mut numbers = Numbers::default();
    for second in 0..20 {
        numbers.put("span.error_share", "function/bad", second, 1.0);
        numbers.put("span.error_share", "function/good", second, 0.0);
        numbers.put("span.error_share", "host/one", second, 1.0);
    }
    let (states, told) = evaluate(&rules, &numbers, &States::default(), at(20));
    assert_eq!(
        turns(&told),
        [
            "errors function/bad: INSUFFICIENT_DATA -> ALARM",
            "errors function/good: INSUFFICIENT_DATA -> OK"
        ]
    );
    let alarm = told[0].alarm();
    assert_eq!(alarm.state, AlarmState::Firing);
    assert_eq!(alarm.entity, "function/bad".into());
    assert_eq!(alarm.observed, Some(1.0));
    assert_eq!(
        alarm.summary,
        "Calls fail. Threshold Crossed: 2 out of the last 2 datapoints [1.0 (01/01/70 00:00:00), 1.0 (01/01/70 00:00:10)] \
         were greater than the threshold (0.05) (minimum 2 datapoints for OK -> ALARM transition)."
    );
    // Healthy again: the end of the alarm has the same fingerprint as its beginning.
    for second in 20..40 {
        numbers.put("span.error_share", "function/bad", second, 0.0);
    }
    let (_, told) = evaluate(&rules, &numbers, &states, at(40));
    assert_eq!(turns(&told), ["errors function/bad: ALARM -> OK"]);
    let fingerprint = |alarm: &model::Alarm| model::incident::Fingerprint::of(alarm, &[]);
    assert_eq!(fingerprint(&told[0].alarm()), fingerprint(&alarm));
    assert_eq!(told[0].alarm().state, AlarmState::Resolved);
}

#[test]
fn a_source_that_cannot_be_looked_at_changes_nothing() {
    let rules = rules(
        "[[alarm]]\nname='a'\nmetric='m'\nentity='*'\nperiod=10\ncomparison='>'\nthreshold=1\ntreat_missing_data='notBreaching'",
    );
    let mut numbers = Numbers::default();
    numbers.put("m", "e", 5, 9.0);
    let (states, _) = evaluate(&rules, &numbers, &States::default(), at(10));
    numbers.broken = true;
    let (blind, told) = evaluate(&rules, &numbers, &states, at(500));
    assert_eq!(told, []);
    assert_eq!(blind.of("a", &"e".into()), Some(State::Alarm));
    assert_eq!(blind.blind["a"].why, model::GapReason::Timeout);
    // A source that answers, and has nothing, is another matter.
    numbers.broken = false;
    let (_, told) = evaluate(&rules, &numbers, &blind, at(500));
    assert_eq!(turns(&told), ["a e: ALARM -> OK"]);
}

#[test]
fn an_alarm_whose_rule_is_gone_ends() {
    let both = rules(
        "[[alarm]]\nname='a'\nmetric='m'\nentity='*'\nlabels={team='x'}\nperiod=10\ncomparison='>'\nthreshold=1",
    );
    let mut numbers = Numbers::default();
    numbers.put("m", "e", 5, 9.0);
    let (states, first) = evaluate(&both, &numbers, &States::default(), at(10));
    let (states, told) = evaluate(&rules(""), &numbers, &states, at(20));
    assert_eq!(turns(&told), ["a e: ALARM -> OK"]);
    assert_eq!(told[0].labels, first[0].labels);
    assert!(states.alarms.is_empty());
}

#[test]
fn expressions_join_metrics_of_one_entity() {
    let rules = rules(
        r#"
        [[alarm]]
        name = "share"
        entity = "function/*"
        metrics = [
          { id = "err", metric = "errors", statistic = "Sum" },
          { id = "inv", metric = "calls", statistic = "Sum" },
          { id = "quota", metric = "quota", entity = "account/main" },
          { id = "rate", expression = "IF(inv > 0, err * 100 / inv, 0)" },
        ]
        expression = "IF(quota > 0, rate, 0)"
        period = 60
        comparison = ">="
        threshold = 50
        "#,
    );
    let mut numbers = Numbers::default();
    numbers.put("quota", "account/main", 10, 1.0);
    for (entity, errors, calls) in [("function/a", 5.0, 10.0), ("function/b", 1.0, 10.0)] {
        numbers.put("errors", entity, 10, errors);
        numbers.put("calls", entity, 10, calls);
    }
    let (_, told) = evaluate(&rules, &numbers, &States::default(), at(60));
    assert_eq!(
        turns(&told),
        [
            "share function/a: INSUFFICIENT_DATA -> ALARM",
            "share function/b: INSUFFICIENT_DATA -> OK"
        ]
    );
    assert_eq!(told[0].observed, Some(50.0));
}

#[test]
fn a_budget_that_burns_fast_alarms_and_one_that_smoulders_does_not() {
    let rules = rules("[[slo]]\nname='available'\nentity='service/*'\nobjective=0.99\n");
    let mut tally = Tally::new(&rules, Keep::for_rules(&rules));
    // Three hours of a call a second; 0.5 % fail in one service, and in the other 20 % for the last quarter of an hour.
    let hours = 3 * 3600;
    for second in 0..hours {
        let late = second >= hours - 900;
        for (entity, failed) in [
            ("service/calm", second % 200 == 0),
            (
                "service/burning",
                if late { second % 5 == 0 } else { false },
            ),
        ] {
            tally.take_call(&entity.into(), at(second), Span(20_000_000), failed);
        }
    }
    let (states, told) = evaluate(&rules, &tally, &States::default(), at(hours));
    assert_eq!(
        turns(&told),
        [
            "available service/burning: INSUFFICIENT_DATA -> ALARM",
            "available service/calm: INSUFFICIENT_DATA -> OK"
        ],
        "{:?}",
        told[0].data
    );
    assert_eq!(
        told[0].severity,
        Some(model::Severity::Warn),
        "5 times too fast over an hour is for a ticket"
    );
    // It gets worse: the same alarm, told again, because it is for a page now.
    for second in hours..hours + 1800 {
        tally.take_call(
            &"service/burning".into(),
            at(second),
            Span(20_000_000),
            second % 2 == 0,
        );
    }
    let (states, told) = evaluate(&rules, &tally, &states, at(hours + 1800));
    let burning: Vec<_> = told
        .iter()
        .filter(|t| t.entity == "service/burning".into())
        .collect();
    assert_eq!(burning.len(), 1);
    assert_eq!(
        (burning[0].from, burning[0].to),
        (State::Alarm, State::Alarm)
    );
    assert_eq!(burning[0].severity, Some(model::Severity::Error));
    assert!(
        burning[0]
            .reason
            .contains("times over 1h and 50.0 times over 5m (limit 14.4)"),
        "{}",
        burning[0].reason
    );
    // Well for longer than all short windows: it ends.
    let end = hours + 1800 + 7 * 3600;
    for second in hours + 1800..end {
        tally.take_call(
            &"service/burning".into(),
            at(second),
            Span(20_000_000),
            false,
        );
    }
    let (_, told) = evaluate(&rules, &tally, &states, at(end));
    assert!(
        told.iter()
            .any(|t| t.entity == "service/burning".into() && t.to == State::Ok)
    );
}

#[test]
fn what_was_never_seen_leaves_the_band() {
    let rules = rules(
        "[[alarm]]\nname='odd'\nmetric='load'\nentity='*'\nperiod=300\ncomparison='GreaterThanUpperThreshold'\nband_width=3\ntrain='2d'",
    );
    let mut numbers = Numbers::default();
    let days = 2 * 86_400;
    for second in (0..days).step_by(300) {
        numbers.put("load", "e", second, 100.0 + (second / 300 % 7) as f64);
    }
    let (states, told) = evaluate(&rules, &numbers, &States::default(), at(days));
    assert_eq!(turns(&told), ["odd e: INSUFFICIENT_DATA -> OK"]);
    numbers.put("load", "e", days, 200.0);
    let (states, told) = evaluate(&rules, &numbers, &states, at(days + 300));
    assert_eq!(turns(&told), ["odd e: OK -> ALARM"]);
    assert!(
        told[0]
            .reason
            .contains("greater than the upper thresholds ["),
        "{}",
        told[0].reason
    );
    // The states are kept across a restart, bands included.
    let text = serde_json::to_string(&states).unwrap();
    let back: States = serde_json::from_str(&text).unwrap();
    assert_eq!(back, states);
}

#[test]
fn a_composite_is_about_the_entity_that_made_it_turn_and_waits_for_its_suppressor() {
    let rules = rules(
        r#"
        [[alarm]]
        name = "errors"
        metric = "e"
        entity = "function/*"
        period = 10
        comparison = ">"
        threshold = 0
        [[alarm]]
        name = "deploying"
        metric = "d"
        entity = "pipeline"
        period = 10
        comparison = ">"
        threshold = 0
        treat_missing_data = "notBreaching"
        [[composite]]
        name = "page"
        rule = "ALARM(errors)"
        suppressor = "deploying"
        wait = "20s"
        extension = "30s"
        "#,
    );
    let mut numbers = Numbers::default();
    let mut states = States::default();
    let mut said = Vec::new();
    for ten in 0..20 {
        let now = ten * 10;
        if (2..6).contains(&ten) {
            numbers.put("d", "pipeline", now, 1.0);
        } else {
            numbers.put("d", "pipeline", now, 0.0);
        }
        numbers.put("e", "function/a", now, 0.0);
        numbers.put("e", "function/b", now, if ten >= 1 { 1.0 } else { 0.0 });
        let told;
        (states, told) = evaluate(&rules, &numbers, &states, at(now + 10));
        said.extend(
            told.iter()
                .filter(|t| t.rule == "page")
                .map(|t| format!("{} {} {}", t.at.seconds(), t.entity, t.to)),
        );
    }
    // Its first OK was due at 30 but by then it had turned; it turned at 20, the deploy began at 30 and was
    // over at 70, and it acts on what it is by 100.
    assert_eq!(said, ["100 function/b ALARM"]);
}

#[test]
fn a_tally_gives_rate_errors_and_duration() {
    let rules = reading(&["span.calls", "span.error_share", "m"]);
    let mut tally = Tally::new(&rules, Keep::for_rules(&rules));
    tally.advance(at(1000));
    for i in 0..100 {
        tally.take_call(&"f".into(), at(990), Span(i * 1_000_000), i >= 90);
    }
    let ask = |metric: &str, statistic: &str| {
        let window = TimeWindow::new(at(980), at(1000)).unwrap();
        let statistic = Statistic::parse(statistic).unwrap();
        let found = tally.datapoints(
            &Selector::new(metric, "*"),
            &statistic,
            window,
            Span::seconds(10),
        );
        let points = found.found().unwrap();
        assert_eq!(points[0].points[0].at, at(990));
        points[0].points[0].value
    };
    assert_eq!(ask(CALLS, "Sum"), 100.0);
    assert_eq!(ask(ERRORS, "Sum"), 10.0);
    assert_eq!(ask(ERROR_SHARE, "Average"), 0.1);
    assert_eq!(ask(DURATION, "Maximum"), 99.0);
    assert!((ask(DURATION, "p95") - 94.0).abs() < 1.5);
    tally.take_call(&"f".into(), at(2000), Span(0), false);
    tally.take_point(&series("m"), at(990), f64::NAN);
    assert_eq!((tally.refused().untimely, tally.refused().unsound), (2, 1));
    // What nobody reads takes no room.
    tally.take_point(&series("other"), at(990), 1.0);
    assert_eq!((tally.series(), tally.refused().crowded), (2, 0));
    tally.advance(at(100_000));
    assert_eq!(tally.series(), 0);
}

fn series(metric: &str) -> model::SeriesKey {
    model::SeriesKey {
        entity: "f".into(),
        metric: metric.to_string(),
        ..model::SeriesKey::default()
    }
}

/// An alarm on each of these metrics that looks at ten seconds every ten.
fn reading(metrics: &[&str]) -> Rules {
    let alarm = |metric: &&str| {
        format!(
            "[[alarm]]\nname = \"{metric}\"\nentity = \"f\"\nmetric = \"{metric}\"\nstatistic = \"Maximum\"\n\
             period = \"10s\"\ncomparison = \">=\"\nthreshold = 2\n"
        )
    };
    rules(&metrics.iter().map(alarm).collect::<String>())
}

#[test]
fn an_alarm_says_when_it_became_true_in_the_data() {
    let rules = reading(&["m"]);
    let (millis, second) = (|ms: i64| Timestamp(ms * 1_000_000), 1_000);
    // Points that come in at a moment (ms), each with its own moment (s) and value; rounds every half second.
    let when = |came: &[(i64, i64, f64)]| {
        let mut tally = Tally::new(&rules, Keep::for_rules(&rules));
        let mut states = States::default();
        let mut next = came.iter().peekable();
        for round in 0..80 {
            let now = millis(1_000 * second + round * 500);
            while let Some((came, of, value)) = next.next_if(|(came, ..)| millis(*came) < now) {
                let mut batch = model::telemetry::Batch::default();
                batch.points.push(model::telemetry::Point {
                    key: std::sync::Arc::new(series("m")),
                    time: at(*of),
                    value: *value,
                });
                tally.take_batch(&batch, millis(*came));
            }
            tally.advance(now);
            let told;
            (states, told) = evaluate(&rules, &tally, &states, now);
            tally.evaluated();
            if let Some(told) = told.iter().find(|told| told.to == State::Alarm) {
                let alarm = told.alarm();
                return alarm
                    .true_at
                    .map(|at| (at.0 / 1_000_000, alarm.fired_at.0 / 1_000_000));
            }
        }
        None
    };
    // All had come before the period was over: true from its end, and found in the round at that moment.
    assert_eq!(
        when(&[(1_005_200, 1_005, 3.0)]),
        Some((1_010_000, 1_010_000))
    );
    // The period was over, evaluated, and well; then the datum came that it lacked.
    let late = [(1_005_200, 1_005, 1.0), (1_012_300, 1_009, 3.0)];
    assert_eq!(when(&late), Some((1_012_300, 1_012_500)));
    // Of two that came between two rounds the first may have been the one.
    let two = [(1_012_300, 1_009, 1.0), (1_012_400, 1_009, 3.0)];
    assert_eq!(when(&two), Some((1_012_300, 1_012_500)));
    // What came before the last round was in it, and was not enough.
    let after = [(1_012_300, 1_009, 1.0), (1_013_700, 1_009, 3.0)];
    assert_eq!(when(&after), Some((1_013_700, 1_014_000)));
}

#[test]
fn log_lines_become_numbers() {
    let rules = rules(
        r#"
        [[metric_filter]]
        name = "denied"
        pattern = "?AccessDenied ?Forbidden"
        default = 0
        [[alarm]]
        name = "denied"
        metric = "log.denied"
        statistic = "Sum"
        period = 60
        comparison = ">="
        threshold = 2
        "#,
    );
    let mut tally = Tally::new(&rules, Keep::for_rules(&rules));
    let entity = EntityId::from("f");
    let file: std::sync::Arc<str> = "".into();
    let mut states = States::default();
    let mut said = Vec::new();
    // Two records a minute: both match, none does, none comes at all.
    for (minute, bodies) in [["AccessDenied", "403 Forbidden"], ["fine", "fine"]]
        .into_iter()
        .enumerate()
    {
        for (i, body) in bodies.into_iter().enumerate() {
            tally.take_log(&LogLine {
                time: at(minute as i64 * 60 + i as i64),
                entity: &entity,
                severity: None,
                body,
                attributes: &[],
                trace_id: "",
                span_id: "",
                file: &file,
                line: 1,
            });
        }
        let told;
        (states, told) = evaluate(
            &rules,
            &tally,
            &states,
            Timestamp((minute as i64 + 1) * MINUTE),
        );
        said.extend(told.iter().map(|t| format!("{} {:?}", t.to, t.observed)));
    }
    assert_eq!(said, ["ALARM Some(2.0)", "OK Some(0.0)"]);
}
