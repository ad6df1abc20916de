//! An account in which more is altered than the newest pages of the audit trail hold.

use super::*;

/// A call as the trail keeps it.
#[derive(Clone)]
struct Kept {
    /// So many seconds ago.
    ago: i64,
    id: String,
    name: &'static str,
    /// Whose call it is.
    service: &'static str,
    reads: bool,
    /// What it names, and of which type that is, if AWS knows.
    named: Vec<(Option<&'static str>, &'static str)>,
    set: Value,
}

const FUNCTION: Option<&str> = Some("AWS::Lambda::Function");
const TABLE: Option<&str> = Some("AWS::DynamoDB::Table");

/// A call that alters something of that name.
fn altered(
    ago: i64,
    name: &'static str,
    service: &'static str,
    named: (Option<&'static str>, &'static str),
    set: Value,
) -> Kept {
    Kept {
        ago,
        id: format!("{name}-{ago}"),
        name,
        service,
        reads: false,
        named: vec![named],
        set,
    }
}

/// The one that did it: nobody lets `pay` run.
fn guilty(ago: i64) -> Kept {
    let set = json!({ "functionName": "pay", "reservedConcurrentExecutions": 0 });
    altered(
        ago,
        "PutFunctionConcurrency20171031",
        "lambda",
        (FUNCTION, "pay"),
        set,
    )
}

/// So many calls that count as altering and set nothing, the first a minute ago, one each so many seconds before.
fn noise(count: i64, each: i64) -> Vec<Kept> {
    let kind = Some("AWS::Logs::LogStream");
    let one = |at| {
        altered(
            60 + at * each,
            "CreateLogStream",
            "logs",
            (kind, "stream"),
            json!({}),
        )
    };
    (0..count).map(one).collect()
}

/// The newest page of those that are asked for.
fn lookup(call: &Call, kept: &[Kept]) -> Said {
    let about = &call.body["LookupAttributes"][0];
    let value = about["AttributeValue"].as_str().unwrap();
    let moment = |name: &str| call.body[name].as_f64().unwrap() as i64;
    let wanted = moment("StartTime")..=moment("EndTime");
    let seconds = |one: &Kept| BEGIN.0 / SECOND - one.ago;
    let fits = |one: &&Kept| {
        let fits = match about["AttributeKey"].as_str().unwrap() {
            "ReadOnly" => !one.reads,
            "ResourceName" => one.named.iter().any(|(_, name)| *name == value),
            _ => one.name == value,
        };
        fits && wanted.contains(&seconds(one))
    };
    let mut all: Vec<&Kept> = kept.iter().filter(fits).collect();
    all.sort_by_key(|one| one.ago);
    let from: usize = call.body["NextToken"]
        .as_str()
        .map_or(0, |token| token.parse().unwrap());
    let page = all.iter().skip(from).take(50).map(|one| {
        let named = one.named.iter();
        let named = named.map(|(kind, name)| json!({ "ResourceType": kind, "ResourceName": name }));
        json!({
            "EventId": one.id, "EventName": one.name, "EventSource": format!("{}.amazonaws.com", one.service),
            "EventTime": seconds(one), "Username": "anna", "ReadOnly": one.reads.to_string(),
            "Resources": named.collect::<Vec<_>>(),
            "CloudTrailEvent": json!({ "readOnly": one.reads, "requestParameters": one.set }).to_string(),
        })
    });
    let mut said = json!({ "Events": page.collect::<Vec<_>>() });
    if all.len() > from + 50 {
        said["NextToken"] = json!((from + 50).to_string());
    }
    Said::Json(200, said)
}

/// Looks at the small account with that trail, answered so where `otherwise` has something to say.
fn looked(
    kept: Vec<Kept>,
    otherwise: impl Fn(&Call) -> Option<Said> + Send + Sync + 'static,
) -> (Brought, Arc<Double>) {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), move |call| {
        if let Some(said) = otherwise(call) {
            return said;
        }
        match call.action.as_str() {
            "cloudtrail:LookupEvents" => lookup(call, &kept),
            _ => answer(call),
        }
    });
    let eyes = eyes(&double, one_region());
    let brought = look(&double, &eyes);
    assert!(time.now().since(BEGIN) < eyes.settings.budget.look);
    (brought, double)
}

/// What the trail was asked by, in order: keys and values.
fn questions(double: &Arc<Double>) -> Vec<String> {
    let calls = double.calls().into_iter();
    let calls = calls.filter(|call| call.action == "cloudtrail:LookupEvents");
    calls
        .map(|call| {
            let about = &call.body["LookupAttributes"][0];
            let text = |name: &str| about[name].as_str().unwrap().to_string();
            format!("{} {}", text("AttributeKey"), text("AttributeValue"))
        })
        .collect()
}

/// Those of them by name, each once.
fn names(double: &Arc<Double>) -> Vec<String> {
    let all = questions(double).into_iter();
    let mut names: Vec<String> = all
        .filter_map(|one| Some(one.strip_prefix("ResourceName ")?.to_string()))
        .collect();
    names.dedup();
    names
}

/// What was altered, each with how many seconds ago, the newest first.
fn changes(brought: &Brought) -> Vec<String> {
    let mut all: Vec<(i64, String)> = brought
        .changes
        .iter()
        .map(|one| (BEGIN.since(one.start).0 / SECOND, one.title.clone()))
        .collect();
    all.sort();
    all.iter()
        .map(|(ago, title)| format!("{ago} s ago: {title}"))
        .collect()
}

/// The gaps, each with why, and whether changes that matter may be missing.
fn gaps(brought: &Brought) -> Vec<String> {
    let gaps = brought.gaps.iter();
    gaps.map(|gap| {
        let matters = if gap.hides_changes() {
            "may matter"
        } else {
            "older"
        };
        format!("{}: {:?}, {matters}", gap.wanted, gap.why)
    })
    .collect()
}

#[test]
fn a_guilty_call_that_is_not_among_the_newest_is_found_by_whom_it_altered() {
    let mut kept = noise(149, 6);
    kept.push(guilty(1_200));
    // The trail gives what only reads by a name too.
    for ago in [700, 900, 1_000] {
        kept.push(Kept {
            reads: true,
            ..altered(
                ago,
                "GetFunction20150331v2",
                "lambda",
                (FUNCTION, "pay"),
                json!({}),
            )
        });
    }
    let (brought, double) = looked(kept, |_| None);
    assert_eq!(
        changes(&brought),
        ["1200 s ago: PutFunctionConcurrency20171031 pay"]
    );
    assert_eq!(
        questions(&double),
        [
            "ReadOnly false",
            "ReadOnly false",
            "EventName AssumeRole",
            "EventName GetSecretValue",
            "EventName Decrypt",
            "ResourceName pay",
            "ResourceName ledger",
        ]
    );
    // Two of them in a second are all that AWS lets through.
    let calls = double.calls().into_iter();
    let asked = calls.filter(|call| call.action == "cloudtrail:LookupEvents");
    let at: Vec<i64> = asked.map(|call| call.at.0).collect();
    for three in at.windows(3) {
        assert!(three[2] - three[0] >= SECOND, "{at:?}");
    }
    let [gap] = &brought.gaps[..] else {
        panic!("{:?}", brought.gaps)
    };
    assert_eq!(
        gap.wanted,
        "changes of others than function/pay before 23:49:06"
    );
    assert_eq!(
        gap.detail,
        "aws.main in eu-west-1: the newest 100 that alter were read, back to 2025-12-31T23:49:06Z; of those before, the \
         ones that name function/pay; none before names table/ledger"
    );
    assert_eq!(gap.hides, [SourceKind::Changes]);
    assert!(gap.how_to_close.contains("docs/inlets.md"), "{gap:?}");
    assert!(!gap.how_to_close.contains("shorten"), "{gap:?}");
}

/// Whatever else a look asks does not depend on how much was altered; by name nothing is asked where the pages suffice.
#[test]
fn where_the_newest_pages_reach_back_nobody_is_asked_about_by_name() {
    for (count, pages, by_name) in [
        (10, 1, vec![]),
        (50, 1, vec![]),
        (51, 2, vec![]),
        (100, 2, vec![]),
        (101, 2, vec!["pay", "ledger"]),
    ] {
        let mut kept = noise(count - 1, 6);
        kept.push(guilty(1_200));
        let (brought, double) = looked(kept, |_| None);
        let told = changes(&brought);
        assert_eq!(
            told,
            ["1200 s ago: PutFunctionConcurrency20171031 pay"],
            "{count}"
        );
        let asked = questions(&double);
        let altering = asked.iter().filter(|one| *one == "ReadOnly false").count();
        assert_eq!(altering, pages, "{count}");
        assert_eq!(names(&double), by_name, "{count}");
        assert_eq!(asked.len(), pages + 3 + by_name.len(), "{count}");
        assert_eq!(brought.gaps.len(), usize::from(count > 100), "{count}");
        let time = Time::new();
        let plain = Double::new(&time, Duration::from_millis(20), answer);
        look(&plain, &eyes(&plain, one_region()));
        let others = |double: &Arc<Double>| double.calls().len() - questions(double).len();
        assert_eq!(others(&double), others(&plain), "{count}");
    }
}

/// Of a look-up by name that fails there is a gap; whatever else was read counts.
#[test]
fn a_question_by_name_that_fails_leaves_the_rest() {
    let all = "changes before 23:49:06: Budget, may matter";
    let throttled = "ThrottlingException";
    let denied = "AccessDeniedException";
    for (failing, code, asked, told, unseen) in [
        (
            "pay",
            throttled,
            vec!["pay"],
            vec!["120 s ago: UpdateTable ledger"],
            vec![
                "changes of function/pay before 23:49:06: RateLimit, may matter",
                all,
            ],
        ),
        (
            "pay",
            denied,
            vec!["pay"],
            vec!["120 s ago: UpdateTable ledger"],
            vec![
                "changes of function/pay before 23:49:06: Permission, may matter",
                all,
            ],
        ),
        (
            "ledger",
            throttled,
            vec!["pay", "ledger"],
            vec![
                "120 s ago: UpdateTable ledger",
                "1200 s ago: PutFunctionConcurrency20171031 pay",
            ],
            vec![
                "changes of table/ledger before 23:49:06: RateLimit, may matter",
                "changes of others than function/pay before 23:49:06: Budget, may matter",
            ],
        ),
    ] {
        let mut kept = noise(149, 6);
        // In place of one of the noise, so that the pages end where they did.
        let set = json!({ "tableName": "ledger" });
        kept[10] = altered(120, "UpdateTable", "dynamodb", (TABLE, "ledger"), set);
        kept.push(guilty(1_200));
        let (brought, double) = looked(kept, move |call| {
            let by_name = call.body["LookupAttributes"][0]["AttributeValue"] == failing;
            let said = json!({ "__type": code, "message": "no" });
            by_name.then(|| Said::Json(400, said))
        });
        let case = format!("{failing} {code}");
        assert_eq!(names(&double), asked, "{case}");
        assert_eq!(changes(&brought), told, "{case}");
        assert_eq!(gaps(&brought), unseen, "{case}");
        assert_eq!(brought.series.len(), 6, "{case}");
        assert!(brought.seen.contains(&SourceKind::Changes), "{case}");
    }
}

#[test]
fn a_call_that_is_given_twice_is_one_change() {
    let mut kept = noise(149, 6);
    // In the second at which the newest pages end: in them, and among those that are asked for by name.
    kept[99] = guilty(654);
    // Of both who are asked about.
    let set = json!({ "functionName": "pay" });
    let mut both = altered(
        800,
        "CreateEventSourceMapping20150331",
        "lambda",
        (FUNCTION, "pay"),
        set,
    );
    both.named.push((TABLE, "ledger"));
    kept.push(both);
    let (brought, double) = looked(kept, |_| None);
    assert_eq!(names(&double), ["pay", "ledger"]);
    assert_eq!(
        changes(&brought),
        [
            "654 s ago: PutFunctionConcurrency20171031 pay",
            "800 s ago: CreateEventSourceMapping20150331 pay, ledger",
        ]
    );
}

#[test]
fn what_has_the_name_and_is_something_else_is_not_taken_for_it() {
    let machine = "arn:aws:states:eu-west-1:111111111111:stateMachine:pay";
    let mut kept = noise(149, 6);
    kept.extend([
        altered(
            1_000,
            "PutRolePolicy",
            "iam",
            (Some("AWS::IAM::Role"), "pay"),
            json!({ "roleName": "pay" }),
        ),
        altered(
            1_010,
            "UpdateTable",
            "dynamodb",
            (None, "pay"),
            json!({ "tableName": "pay" }),
        ),
        altered(
            1_020,
            "PutRetentionPolicy",
            "logs",
            (Some("AWS::Logs::LogGroup"), "pay"),
            json!({}),
        ),
        // Of a state machine, which is a function too, and not this one.
        altered(
            1_030,
            "UpdateStateMachine",
            "states",
            (None, "pay"),
            json!({ "stateMachineArn": machine }),
        ),
        // A function that is given a role of that name.
        altered(
            1_040,
            "UpdateFunctionConfiguration20150331v2",
            "lambda",
            (Some("AWS::IAM::Role"), "pay"),
            json!({ "functionName": "mail", "role": "arn:aws:iam::111111111111:role/pay" }),
        ),
        // AWS does not always know the type.
        altered(
            1_050,
            "UpdateFunctionCode20150331v2",
            "lambda",
            (None, "pay"),
            json!({ "functionName": "pay" }),
        ),
        guilty(1_200),
    ]);
    let (brought, _) = looked(kept, |_| None);
    assert_eq!(
        changes(&brought),
        [
            "1050 s ago: UpdateFunctionCode20150331v2 pay",
            "1200 s ago: PutFunctionConcurrency20171031 pay",
        ]
    );
    for id in ["role/pay", "table/pay", "function/mail"] {
        let known = brought.topology.entity(&EntityId::from(id));
        assert!(known.is_none(), "{id} is on the map");
    }
}

/// How far back pages reach, of all that alter and of those that name somebody, and what is said of it.
#[test]
fn what_stays_unseen_is_said() {
    let reads = |count: i64| {
        let one = |at| Kept {
            reads: true,
            ..altered(
                700 + at,
                "GetFunction20150331v2",
                "lambda",
                (FUNCTION, "pay"),
                json!({}),
            )
        };
        (0..count).map(one).collect::<Vec<_>>()
    };
    let older = |ago: i64| {
        let set = json!({ "functionName": "pay" });
        altered(
            ago,
            "UpdateFunctionCode20150331v2",
            "lambda",
            (FUNCTION, "pay"),
            set,
        )
    };
    for (each, more, told, unseen) in [
        // The newest hundred reach over the hour that is looked at: what is missing is only older.
        (
            42,
            vec![guilty(5_400)],
            vec!["5400 s ago: PutFunctionConcurrency20171031 pay"],
            vec!["older changes of others than function/pay before 22:49:42: Budget, older"],
        ),
        // Of one name there is more than a page, most of which only reads.
        (
            6,
            [vec![older(690)], reads(60), vec![guilty(1_200)]].concat(),
            vec!["690 s ago: UpdateFunctionCode20150331v2 pay"],
            vec![
                "changes of function/pay before 23:47:32: Budget, may matter",
                "changes of others than function/pay before 23:49:06: Budget, may matter",
            ],
        ),
        // Nothing has a name that is asked for: whether that is so because nothing was altered nobody knows.
        (
            6,
            vec![],
            vec![],
            vec!["changes before 23:49:06: Budget, may matter"],
        ),
    ] {
        let (brought, double) = looked([noise(149, each), more].concat(), |_| None);
        assert_eq!(names(&double), ["pay", "ledger"]);
        assert_eq!(changes(&brought), told);
        assert_eq!(gaps(&brought), unseen);
    }
}

#[test]
fn of_many_that_fire_three_are_asked_about() {
    let alarm = |name: &str, state: &str| {
        json!({
            "AlarmName": format!("{name} fails"), "StateValue": state, "StateUpdatedTimestamp": ago(4), "Namespace": "AWS/Lambda",
            "MetricName": "Errors", "Statistic": "Sum", "Threshold": 1.0,
            "Dimensions": [{ "Name": "FunctionName", "Value": name }],
        })
    };
    for (firing, asked) in [
        (vec!["a", "b", "c", "d"], ["a", "b", "c"]),
        (vec!["d"], ["d", "a", "b"]),
    ] {
        let state = |name: &str| {
            if firing.contains(&name) {
                "ALARM"
            } else {
                "OK"
            }
        };
        let alarms = ["d", "c", "b", "a"].map(|name| alarm(name, state(name)));
        let alarms = json!({ "MetricAlarms": alarms });
        let (_, double) = looked(noise(149, 6), move |call| match call.action.as_str() {
            "cloudwatch:DescribeAlarms" => Some(Said::Json(200, alarms.clone())),
            "cloudwatch:DescribeAlarmHistory" => {
                Some(Said::Json(200, json!({ "AlarmHistoryItems": [] })))
            }
            _ => None,
        });
        assert_eq!(names(&double), asked, "{firing:?}");
    }
}

/// Reads of a few calls are looked for too: where there are more of them than a page, the rest can be seen by hand.
#[test]
fn calls_that_may_have_been_denied_and_were_not_read_are_told_of() {
    let one = |at: i64| Kept {
        reads: true,
        ..altered(
            60 + at,
            "Decrypt",
            "kms",
            (Some("AWS::KMS::Key"), "k"),
            json!({}),
        )
    };
    let (brought, _) = looked((0..70).map(one).collect(), |_| None);
    assert_eq!(gaps(&brought), ["denied calls of Decrypt: Budget, older"]);
    assert_eq!(
        brought.gaps[0].how_to_close,
        "see the others by hand: aws cloudtrail lookup-events --region eu-west-1 --lookup-attributes \
         AttributeKey=EventName,AttributeValue=Decrypt --end-time 2025-12-31T23:58:11Z"
    );
}
