//! What is refused when rules are read, and with which words.

use super::*;

const ALARM: &str = "name='a'\nmetric='m'\nperiod=60\ncomparison='>'\nthreshold=1\n";

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let alarm = |more: &str| format!("[[alarm]]\n{ALARM}{more}");
    let cases = [
        (alarm("treshold=2"), "alarms.toml:7: unknown field `treshold`", "did you mean \"threshold\"?"),
        ("[[alarms]]\nname='a'".to_string(), "alarms.toml:1: unknown field `alarms`", "did you mean \"alarm\"?"),
        (alarm("statistic='avg'"), "is not a statistic", "p99"),
        (alarm("evaluation_periods=2\ndatapoints_to_alarm=3"), "alarm \"a\"", "here it is 3 of 2"),
        (alarm("expression='m > 1'"), "over metrics", "id"),
        (alarm("band_width=2"), "band_width belongs", "GreaterThanUpperThreshold"),
        (alarm("treat_missing_data='bad'"), "unknown variant `bad`", ""),
        (alarm("treat_missing_data='notbreaching'"), "unknown variant", "did you mean \"notBreaching\"?"),
        (format!("{}[[alarm]]\n{ALARM}", alarm("")), "another rule of this name", "alarms.toml"),
        (alarm("").replace("'a'", "'a@b'"), "holds no @", ""),
        (alarm("").replace("'m'", "'log.denied'"), "no metric filter", "log.denied"),
        (alarm("").replace("period=60", "period='soon'"), "not a length of time", "10s"),
        (alarm("every='7s'"), "every divides the period", ""),
        ("[[composite]]\nname='c'\nrule='ALARM(cpu'".to_string(), "composite \"c\"", "expected ')'"),
        (format!("{}[[composite]]\nname='c'\nrule='ALARM(b)'", alarm("")), "there is no alarm \"b\"", ""),
        ("[[composite]]\nname='c'\nrule='ALARM(d)'\n[[composite]]\nname='d'\nrule='OK(c)'".to_string(), "in a circle: c, d", "FALSE"),
        ("[[composite]]\nname='c'\nrule='TRUE'\nwait='1m'".to_string(), "belong to a suppressor", ""),
        ("[[slo]]\nname='s'\nobjective=99.9".to_string(), "a share between 0 and 1", "99.9"),
        ("[[slo]]\nname='s'\nobjective=0.9\nburn=[{long='1h',short='5m',rate=14.4}]".to_string(), "can never be reached", "10.0"),
        ("[[slo]]\nname='s'\nobjective=0.9\nbad='x'".to_string(), "bad and total together", ""),
        ("[[metric_filter]]\nname='f'\npattern='{ $.a'".to_string(), "metric_filter \"f\"", "between { and }"),
        (
            "[[alarm]]\nname='x'\nperiod=60\ncomparison='>'\nthreshold=1\nexpression='SUM(m1)'\nmetrics=[{id='m1',metric='m'}]".to_string(),
            "gives a number", "a single series",
        ),
        (
            "[[alarm]]\nname='x'\nperiod=60\ncomparison='>'\nthreshold=1\nexpression='m2'\nmetrics=[{id='m1',metric='m'}]".to_string(),
            "nothing has the id \"m2\"", "",
        ),
        (
            "[[alarm]]\nname='x'\nperiod=60\ncomparison='>'\nthreshold=1\nexpression='MEAN(m1) + FIL(m1, 0)'\nmetrics=[{id='m1',metric='m'}]".to_string(),
            "there is no function MEAN", "",
        ),
    ];
    for (text, first, second) in cases {
        let error = Rules::parse(&text, "alarms.toml").unwrap_err().to_string();
        assert!(
            error.contains(first) && error.contains(second),
            "{text}\n=> {error}"
        );
    }
}

#[test]
fn files_are_read_together() {
    let one = super::super::read(&format!("[[alarm]]\n{ALARM}"), "one.toml").unwrap();
    let two = super::super::read(
        "[[composite]]\nname='c'\nrule='ALARM(a) OR OK(a) AND ALARM(a)'",
        "two.toml",
    )
    .unwrap();
    let rules = Rules::of(vec![("two.toml".into(), two), ("one.toml".into(), one)]).unwrap();
    assert_eq!(rules.names(), ["a", "c"]);
    assert_eq!(
        rules.remarks(),
        ["two.toml: composite \"c\": AND binds closer than OR here; say it with parentheses"]
    );
}

#[test]
fn nothing_is_something() {
    let rules = rules("");
    assert!(rules.is_empty());
    let (states, told) = evaluate(&rules, &Numbers::default(), &States::default(), at(0));
    assert_eq!((states, told), (States::default(), Vec::new()));
}

#[test]
fn the_examples_of_the_documentation_are_rules() {
    let page = include_str!("../../../../../docs/alarms.md");
    let text: String = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|part| part.split("```").next())
        .collect();
    let rules = rules(&text);
    assert_eq!((rules.len(), rules.filters().len()), (9, 1));
    assert!(rules.remarks().is_empty());
    assert_eq!(rules.reach(), Span::seconds(7 * 86_400 + 3 * 300));
}
