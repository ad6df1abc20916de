//! Whatever the numbers are: no panic, and the order of rules and points means nothing.

use proptest::prelude::*;

use super::*;

const RULES: [&str; 5] = [
    "[[alarm]]\nname='plain'\nmetric='m'\nperiod=10\nevaluation_periods=3\ndatapoints_to_alarm=2\ncomparison='>'\nthreshold=1\n",
    "[[alarm]]\nname='math'\nmetrics=[{id='a',metric='m'},{id='b',metric='k',statistic='p90'}]\nexpression='IF(a > b, a / b, RATE(a) ^ 2)'\nperiod=10\ncomparison='<='\nthreshold=0\ntreat_missing_data='breaching'\n",
    "[[alarm]]\nname='band'\nmetric='m'\nperiod=10\ncomparison='LessThanLowerOrGreaterThanUpperThreshold'\ntrain='10m'\n",
    "[[slo]]\nname='slo'\nbad='m'\ntotal='k'\nobjective=0.9\nburn=[{long='5m',short='1m',rate=2.0}]\n",
    "[[composite]]\nname='all'\nrule='ALARM(plain) OR AT_LEAST(1, OK, (math, band)) AND NOT ALARM(slo)'\nsuppressor='band'\n",
];

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        5 => -10.0f64..10.0,
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(f64::MAX),
        1 => Just(0.0),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_numbers_are_borne_in_any_order(
        points in proptest::collection::vec((0usize..2, 0usize..3, 0i64..600, value()), 0..120),
        seed in any::<u64>(),
        nows in proptest::collection::vec(0i64..900, 1..4),
    ) {
        let mut forward = Numbers::default();
        let mut backward = Numbers::default();
        let put = |numbers: &mut Numbers, (metric, entity, second, value): &(usize, usize, i64, f64)| {
            numbers.put(["m", "k"][*metric], ["x", "y", "z"][*entity], *second, *value);
        };
        // One point per second, so that sums do not depend on the order of addition.
        let mut unique: Vec<_> = points.clone();
        unique.sort_by_key(|p| (p.0, p.1, p.2 / 10));
        unique.dedup_by_key(|p| (p.0, p.1, p.2 / 10));
        unique.iter().for_each(|p| put(&mut forward, p));
        unique.iter().rev().for_each(|p| put(&mut backward, p));
        let first = rules(&RULES.concat());
        let mut shuffled = RULES;
        shuffled.rotate_left((seed % 5) as usize);
        shuffled.swap(0, (seed / 5 % 5) as usize);
        let second = rules(&shuffled.concat());
        let (mut one, mut two) = (States::default(), States::default());
        for now in nows {
            let (next_one, told_one) = evaluate(&first, &forward, &one, at(now));
            let (next_two, told_two) = evaluate(&second, &backward, &two, at(now));
            prop_assert_eq!(&told_one, &told_two);
            prop_assert_eq!(&next_one, &next_two);
            for turn in &told_one {
                prop_assert!(turn.alarm().id.starts_with(&turn.rule));
            }
            one = next_one;
            two = next_two;
        }
    }

    #[test]
    fn a_tally_bears_anything_in_any_order(
        calls in proptest::collection::vec((any::<i64>(), any::<i64>(), any::<bool>()), 0..40),
        now in any::<i64>(),
    ) {
        let rules = rules(&RULES.concat());
        let mut tally = Tally::new(&rules, Keep::for_rules(&rules));
        tally.advance(Timestamp(now));
        for (end, took, failed) in calls {
            tally.take_call(&"e".into(), Timestamp(end), Span(took), failed);
        }
        evaluate(&rules, &tally, &States::default(), Timestamp(now));
        tally.advance(Timestamp(i64::MAX));
        evaluate(&rules, &tally, &States::default(), Timestamp(i64::MIN));
    }

    #[test]
    fn no_text_breaks_the_reader_of_rules(text in "\\PC{0,80}", expression in "[a-zA-Z0-9_+*/^()\\[\\], .<>=&|\"-]{0,60}") {
        let _ = Rules::parse(&text, "f");
        let alarm = format!("[[alarm]]\nname='x'\nperiod=60\ncomparison='>'\nthreshold=1\nmetrics=[{{id='m1',metric='m'}}]\nexpression='''{expression}'''");
        let _ = Rules::parse(&alarm, "f");
    }
}
