//! Rules of the evaluation logic, one line each; the third value, and what it says is missing.

use serde_json::{Value, json};

use crate::aws::iam::{Layer, Level, Named, Policies, Policy, Verdict, Written, explain};

fn policy(json: &Value) -> Policy {
    Policy::parse(&json.to_string()).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn named(statements: Value) -> Vec<Named> {
    let policy = policy(&json!({"Version": "2012-10-17", "Statement": statements}));
    vec![Named {
        name: "p".into(),
        policy,
    }]
}

fn ask(policies: &Policies, request: Value) -> crate::aws::iam::Answer {
    let written: Written = serde_json::from_value(request).expect("a request");
    explain(policies, &written.read().expect("a sound request")).expect("sound policies")
}

const BUCKET: &str = "arn:aws:s3:::box/a";
const SESSION: &str = "arn:aws:sts::111111111111:assumed-role/app/s1";

fn get(context: Value, complete: bool) -> Value {
    json!({
        "principal": SESSION, "action": "s3:GetObject", "resource": BUCKET,
        "resource_account": "111111111111", "context": context, "context_complete": complete,
    })
}

/// The verdict on an allow with one condition.
fn with(condition: Value, context: Value, complete: bool) -> &'static str {
    let statement = json!({
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": condition,
    });
    let policies = Policies {
        identity: named(statement),
        ..Policies::default()
    };
    match ask(&policies, get(context, complete)).verdict {
        Verdict::Allowed => "yes",
        Verdict::ImplicitlyDenied => "no",
        Verdict::Unknown => "unknown",
        Verdict::ExplicitlyDenied => "denied",
    }
}

#[test]
fn operators_compare_as_documented() {
    // operator, values in the policy, value in the request, does it hold
    let rows: Vec<(&str, Value, Value, &str)> = vec![
        ("StringEquals", json!(["a", "b"]), json!("b"), "yes"),
        ("StringEquals", json!("a*"), json!("ab"), "no"),
        ("StringEquals", json!("A"), json!("a"), "no"),
        ("StringNotEquals", json!(["a", "b"]), json!("b"), "no"),
        ("StringNotEquals", json!(["a", "b"]), json!("c"), "yes"),
        ("StringEqualsIgnoreCase", json!("ABC"), json!("abc"), "yes"),
        (
            "StringNotEqualsIgnoreCase",
            json!("ABC"),
            json!("abc"),
            "no",
        ),
        ("StringLike", json!("a*c?"), json!("abbcd"), "yes"),
        ("StringLike", json!("a*c?"), json!("abbc"), "no"),
        ("StringNotLike", json!("a*"), json!("abc"), "no"),
        ("NumericEquals", json!(10), json!("10.0"), "yes"),
        ("NumericNotEquals", json!("10"), json!(11), "yes"),
        ("NumericLessThan", json!("10"), json!("9.5"), "yes"),
        ("NumericLessThan", json!("10"), json!("10"), "no"),
        ("NumericLessThanEquals", json!("10"), json!(10), "yes"),
        (
            "NumericGreaterThan",
            json!("9007199254740992"),
            json!("9007199254740993"),
            "yes",
        ),
        ("NumericGreaterThanEquals", json!("-1"), json!("-1"), "yes"),
        ("NumericEquals", json!("10"), json!("ten"), "no"),
        ("NumericNotEquals", json!("10"), json!("ten"), "unknown"),
        ("NumericEquals", json!("ten"), json!("10"), "unknown"),
        (
            "DateGreaterThan",
            json!("2020-04-01T00:00:00Z"),
            json!("2020-04-01T00:00:01Z"),
            "yes",
        ),
        (
            "DateLessThan",
            json!("9999-12-31T23:59:59Z"),
            json!("2026-01-01"),
            "yes",
        ),
        (
            "DateEquals",
            json!("1585699200"),
            json!("2020-04-01T00:00:00Z"),
            "yes",
        ),
        ("DateNotEquals", json!("2020"), json!("2020-01-01"), "no"),
        (
            "DateLessThanEquals",
            json!("2020-01"),
            json!("2020-01-01T00:00:00Z"),
            "yes",
        ),
        ("DateGreaterThanEquals", json!("2021"), json!("2020"), "no"),
        ("Bool", json!("true"), json!(true), "yes"),
        ("Bool", json!(true), json!("false"), "no"),
        ("Bool", json!("false"), json!("perhaps"), "no"),
        ("BinaryEquals", json!("aGk="), json!("aGk="), "yes"),
        ("BinaryEquals", json!("aGk="), json!("aGo="), "no"),
        (
            "IpAddress",
            json!(["10.0.0.0/8", "192.0.2.1"]),
            json!("10.255.0.1"),
            "yes",
        ),
        ("IpAddress", json!("192.0.2.1"), json!("192.0.2.2"), "no"),
        ("IpAddress", json!("0.0.0.0/0"), json!("203.0.113.9"), "yes"),
        (
            "IpAddress",
            json!("2001:db8::/33"),
            json!("2001:db8:7fff::1"),
            "yes",
        ),
        (
            "IpAddress",
            json!("2001:db8::/33"),
            json!("2001:db8:8000::1"),
            "no",
        ),
        ("IpAddress", json!("::/0"), json!("10.0.0.1"), "no"),
        (
            "IpAddress",
            json!("10.0.0.0/33"),
            json!("10.0.0.1"),
            "unknown",
        ),
        ("NotIpAddress", json!("10.0.0.0/8"), json!("10.0.0.1"), "no"),
        (
            "NotIpAddress",
            json!("10.0.0.0/8"),
            json!("somebody.amazonaws.com"),
            "unknown",
        ),
        (
            "ArnLike",
            json!("arn:aws:iam::*:role/ops-*"),
            json!("arn:aws:iam::1:role/ops-x"),
            "yes",
        ),
        (
            "ArnEquals",
            json!("arn:aws:iam::*:role/*"),
            json!("arn:aws:iam::1:role/a/b"),
            "yes",
        ),
        (
            "ArnLike",
            json!("arn:aws:*:role/x"),
            json!("arn:aws:iam::1:role/x"),
            "no",
        ),
        (
            "ArnNotLike",
            json!("arn:aws:iam::*:role/x"),
            json!("arn:aws:iam::1:role/y"),
            "yes",
        ),
        (
            "ArnNotEquals",
            json!("arn:aws:iam::1:role/x"),
            json!("arn:aws:iam::1:role/x"),
            "no",
        ),
        ("Null", json!("true"), json!("there"), "no"),
        ("Null", json!("false"), json!("there"), "yes"),
        ("Null", json!("true"), json!([]), "yes"),
        (
            "ForAllValues:StringEquals",
            json!(["a", "b"]),
            json!(["a", "b", "a"]),
            "yes",
        ),
        (
            "ForAllValues:StringEquals",
            json!(["a", "b"]),
            json!(["a", "c"]),
            "no",
        ),
        ("ForAllValues:StringEquals", json!(["a"]), json!([]), "yes"),
        (
            "ForAnyValue:StringEquals",
            json!(["a", "b"]),
            json!(["c", "a"]),
            "yes",
        ),
        ("ForAnyValue:StringEquals", json!(["a"]), json!([]), "no"),
        (
            "ForAnyValue:StringNotEquals",
            json!(["a"]),
            json!(["a", "b"]),
            "yes",
        ),
        (
            "ForAllValues:StringNotLike",
            json!(["a*"]),
            json!(["b", "ab"]),
            "no",
        ),
        ("StringEquals", json!("a"), json!(["a", "b"]), "unknown"),
        ("StringResembles", json!("a"), json!("a"), "unknown"),
        ("NullIfExists", json!("true"), json!("a"), "unknown"),
    ];
    for (operator, wanted, value, expected) in rows {
        let got = with(
            json!({operator: {"aws:Some": wanted}}),
            json!({"AWS:some": value}),
            true,
        );
        assert_eq!(got, expected, "{operator} {wanted} {value}");
    }
}

#[test]
fn a_key_that_is_not_there_is_not_one_that_nobody_told() {
    // operator, verdict if the request has no such key, verdict if nobody told
    for (operator, absent, untold) in [
        ("StringEquals", "no", "unknown"),
        ("StringNotEquals", "yes", "unknown"),
        ("StringEqualsIfExists", "yes", "unknown"),
        ("NotIpAddress", "yes", "unknown"),
        ("ArnNotLike", "yes", "unknown"),
        ("ForAllValues:StringEquals", "yes", "unknown"),
        ("ForAnyValue:StringEquals", "no", "unknown"),
        ("ForAnyValue:StringEqualsIfExists", "yes", "unknown"),
    ] {
        let condition = json!({operator: {"aws:Some": "10.0.0.0/8"}});
        assert_eq!(
            with(condition.clone(), json!({}), true),
            absent,
            "{operator}"
        );
        assert_eq!(
            with(condition.clone(), json!({"aws:some": null}), false),
            absent,
            "{operator}"
        );
        assert_eq!(with(condition, json!({}), false), untold, "{operator}");
    }
    assert_eq!(
        with(json!({"Null": {"aws:Some": "true"}}), json!({}), true),
        "yes"
    );
    assert_eq!(
        with(json!({"Null": {"aws:Some": "true"}}), json!({}), false),
        "unknown"
    );
}

#[test]
fn variables_stand_for_values() {
    // pattern, value of the request's tag (null: absent), does it cover box/a
    for (pattern, tag, expected) in [
        ("arn:aws:s3:::${aws:PrincipalTag/t}/a", json!("box"), "yes"),
        ("arn:aws:s3:::${aws:principaltag/T}/a", json!("box"), "yes"),
        ("arn:aws:s3:::${aws:PrincipalTag/t}/a", json!("*"), "no"),
        ("arn:aws:s3:::${aws:PrincipalTag/t}/a", json!(null), "no"),
        (
            "arn:aws:s3:::${aws:PrincipalTag/t, 'box'}/a",
            json!(null),
            "yes",
        ),
        (
            "arn:aws:s3:::${aws:PrincipalTag/t, 'box'}/a",
            json!("other"),
            "no",
        ),
        ("arn:aws:s3:::${*}/a", json!("box"), "no"),
        ("arn:aws:s3:::box/${?}", json!("box"), "no"),
        ("arn:aws:s3:::box/a${", json!("box"), "no"),
        ("arn:aws:s3:*:*:b*x/?", json!("box"), "yes"),
        ("arn:aws:s3:::b?/a", json!("box"), "no"),
        ("arn:aws:s*:::box/a", json!("box"), "yes"),
        ("arn:aws:*", json!("box"), "yes"),
        ("arn:a*3:::box/a", json!("box"), "no"),
        ("*", json!("box"), "yes"),
    ] {
        let statement = json!({"Effect": "Allow", "Action": "*", "Resource": pattern});
        let policies = Policies {
            identity: named(statement),
            ..Policies::default()
        };
        let answer = ask(&policies, get(json!({"aws:PrincipalTag/t": tag}), true));
        let got = if answer.verdict == Verdict::Allowed {
            "yes"
        } else {
            "no"
        };
        assert_eq!(got, expected, "{pattern} {tag}");
    }
    // The old grammar knows no variables.
    let old = policy(&json!({"Statement": {
        "Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::${aws:PrincipalTag/t}/a",
    }}));
    let identity = vec![Named {
        name: "old".into(),
        policy: old,
    }];
    let policies = Policies {
        identity,
        ..Policies::default()
    };
    let answer = ask(&policies, get(json!({"aws:PrincipalTag/t": "box"}), true));
    assert_eq!(answer.verdict, Verdict::ImplicitlyDenied);
}

fn by(principal: Value) -> Vec<Named> {
    named(json!({"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*"}))
}

#[test]
fn who_is_named_decides_what_else_must_allow() {
    let none = || named(json!({"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}));
    // named, with a boundary that does not allow, with a session policy that does not, across accounts
    for (principal, plain, bounded, in_session) in [
        (json!({"AWS": SESSION}), true, true, true),
        (
            json!({"AWS": "arn:aws:iam::111111111111:role/app"}),
            true,
            false,
            false,
        ),
        (
            json!({"AWS": "arn:aws:iam::111111111111:role/some/path/app"}),
            true,
            false,
            false,
        ),
        (json!("*"), true, true, false),
        (json!({"AWS": "111111111111"}), false, false, false),
        (
            json!({"AWS": "arn:aws:iam::111111111111:role/other"}),
            false,
            false,
            false,
        ),
        (json!({"Service": "ec2.amazonaws.com"}), false, false, false),
    ] {
        let allowed =
            |policies: &Policies| ask(policies, get(json!({}), true)).verdict == Verdict::Allowed;
        let mut policies = Policies {
            resource: by(principal.clone()),
            ..Policies::default()
        };
        assert_eq!(allowed(&policies), plain, "{principal}");
        policies.boundary = none();
        assert_eq!(allowed(&policies), bounded, "{principal} past a boundary");
        policies.boundary.clear();
        policies.session = none();
        assert_eq!(
            allowed(&policies),
            in_session,
            "{principal} past a session policy"
        );
        let mut elsewhere = get(json!({}), true);
        elsewhere["resource_account"] = "222222222222".into();
        policies.session.clear();
        let across = ask(&policies, elsewhere);
        assert_eq!(
            across.verdict,
            Verdict::ImplicitlyDenied,
            "{principal} across accounts"
        );
        assert!(across.lacking.contains(&Layer::Identity));
    }
}

#[test]
fn whose_the_resource_is_matters_only_where_it_decides() {
    let mut request = get(json!({}), true);
    request
        .as_object_mut()
        .expect("an object")
        .remove("resource_account");
    let identity = named(json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}));
    let mut policies = Policies {
        identity,
        ..Policies::default()
    };
    let answer = ask(&policies, request.clone());
    assert_eq!(answer.verdict, Verdict::Unknown);
    assert_eq!(answer.missing, ["resource_account: whose the resource is"]);
    policies.resource = by(json!({"AWS": SESSION}));
    assert_eq!(ask(&policies, request.clone()).verdict, Verdict::Allowed);
    policies.identity.clear();
    policies.resource.clear();
    assert_eq!(ask(&policies, request).verdict, Verdict::ImplicitlyDenied);
}

#[test]
fn keys_need_their_own_policy_and_roles_their_trust() {
    let identity = named(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
    let mut policies = Policies {
        identity,
        ..Policies::default()
    };
    for (action, resource) in [
        ("kms:Decrypt", "arn:aws:kms:eu-west-1:111111111111:key/k"),
        ("sts:AssumeRole", "arn:aws:iam::111111111111:role/other"),
    ] {
        let request = json!({"principal": SESSION, "action": action, "resource": resource});
        policies.resource.clear();
        let answer = ask(&policies, request.clone());
        assert_eq!(answer.lacking, [Layer::Resource], "{action}");
        policies.resource = by(json!({"AWS": "111111111111"}));
        assert_eq!(
            ask(&policies, request).verdict,
            Verdict::Allowed,
            "{action}"
        );
    }
    let list = json!({"principal": SESSION, "action": "kms:ListKeys"});
    policies.resource.clear();
    assert_eq!(ask(&policies, list).verdict, Verdict::Allowed);
}

#[test]
fn organizations_pass_their_manager_and_linked_roles_by() {
    let all = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let deny = json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*"});
    let level = |name: &str, statement: Value| Level {
        name: name.into(),
        policies: named(statement),
    };
    let policies = Policies {
        identity: named(all.clone()),
        service_control: vec![
            level("root", all.clone()),
            level("ou", json!([all.clone(), deny])),
        ],
        ..Policies::default()
    };
    let answer = ask(&policies, get(json!({}), true));
    assert_eq!(answer.verdict, Verdict::ExplicitlyDenied);
    let place = &answer.decided_by[0];
    assert_eq!(
        (place.layer, &*place.level, place.statement),
        (Layer::ServiceControl, "ou", 2)
    );
    let mut manager = get(json!({}), true);
    manager["management_account"] = "111111111111".into();
    assert_eq!(ask(&policies, manager).verdict, Verdict::Allowed);
    let mut linked = get(json!({}), true);
    linked["principal"] = "arn:aws:sts::111111111111:assumed-role/AWSServiceRoleForECS/x".into();
    assert_eq!(ask(&policies, linked).verdict, Verdict::Allowed);
    // An empty level allows nothing, and is named.
    let policies = Policies {
        identity: named(all.clone()),
        service_control: vec![
            level("root", all),
            Level {
                name: "ou".into(),
                policies: vec![],
            },
        ],
        ..Policies::default()
    };
    let answer = ask(&policies, get(json!({}), true));
    assert_eq!(answer.lacking, [Layer::ServiceControl]);
    assert_eq!(answer.findings[0].level, "ou");
}

#[test]
fn resource_control_policies_govern_what_they_are_documented_to() {
    let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"});
    let policies = Policies {
        identity: named(json!({"Effect": "Allow", "Action": "*", "Resource": "*"})),
        resource_control: vec![Level {
            name: "root".into(),
            policies: named(deny),
        }],
        ..Policies::default()
    };
    assert_eq!(
        ask(&policies, get(json!({}), true)).verdict,
        Verdict::ExplicitlyDenied
    );
    let answer = ask(
        &policies,
        json!({"principal": SESSION, "action": "ec2:RunInstances"}),
    );
    assert_eq!(answer.verdict, Verdict::Unknown);
    assert_eq!(
        answer.missing,
        ["whether resource control policies govern ec2"]
    );
}

#[test]
fn not_principal_excepts_whom_it_lists_whole() {
    let deny = |listed: Value| {
        named(json!({"Effect": "Deny", "NotPrincipal": listed, "Action": "*", "Resource": "*"}))
    };
    let role = "arn:aws:iam::111111111111:role/app";
    let root = "arn:aws:iam::111111111111:root";
    let mut policies = Policies {
        identity: named(json!({"Effect": "Allow", "Action": "*", "Resource": "*"})),
        ..Policies::default()
    };
    for (listed, expected) in [
        (json!({"AWS": [SESSION, role, root]}), Verdict::Allowed),
        (json!({"AWS": "222222222222"}), Verdict::ExplicitlyDenied),
        (json!({"AWS": role}), Verdict::Unknown),
    ] {
        policies.resource = deny(listed.clone());
        assert_eq!(
            ask(&policies, get(json!({}), true)).verdict,
            expected,
            "{listed}"
        );
    }
    // Documented: a boundary makes the list worthless.
    policies.resource = deny(json!({"AWS": [SESSION, role, root]}));
    policies.boundary = named(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
    assert_eq!(
        ask(&policies, get(json!({}), true)).verdict,
        Verdict::ExplicitlyDenied
    );
}

#[test]
fn a_name_that_became_an_id_means_nobody() {
    let policies = Policies {
        resource: by(json!({"AWS": "AROAEXAMPLEEXAMPLE"})),
        ..Policies::default()
    };
    let ask = |context: Value, complete| ask(&policies, get(context, complete)).verdict;
    assert_eq!(
        ask(json!({"aws:userid": "AROANEWNEWNEWNEWNEW:s1"}), true),
        Verdict::ImplicitlyDenied
    );
    assert_eq!(
        ask(json!({"aws:userid": "AROAEXAMPLEEXAMPLE:s1"}), true),
        Verdict::Allowed
    );
    assert_eq!(ask(json!({}), false), Verdict::Unknown);
}

#[test]
fn keys_that_follow_from_the_caller_are_known() {
    let role = json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/app"}});
    // A session's ARN hides its role's path.
    assert_eq!(with(role.clone(), json!({}), false), "unknown");
    assert_eq!(with(role, json!({}), true), "yes");
    let account = json!({"StringEquals": {"aws:PrincipalAccount": "111111111111"}});
    assert_eq!(with(account, json!({}), false), "yes");
    let user = json!({"Null": {"aws:username": "true"}});
    assert_eq!(with(user, json!({}), false), "yes");
}

#[test]
fn what_nearly_allows_is_told() {
    let identity = named(json!([
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::box"},
        {"Effect": "Allow", "Action": "ec2:*", "Resource": "arn:aws:ec2:*"},
    ]));
    let policies = Policies {
        identity,
        ..Policies::default()
    };
    let answer = ask(&policies, get(json!({}), true));
    let near: Vec<_> = answer
        .nearest
        .iter()
        .map(|near| (near.place.statement, &near.but))
        .collect();
    let but = vec!["Resource arn:aws:s3:::box does not cover arn:aws:s3:::box/a".to_string()];
    assert_eq!(near, [(1, &but)]);
    assert_eq!(
        answer.nearest[0].place.to_string(),
        "identity policy \"p\", statement 1: Allow Action s3:GetObject on Resource arn:aws:s3:::box"
    );
}

#[test]
fn one_call_is_always_answered() {
    let identity = named(json!({"Effect": "Deny", "Action": "*", "Resource": "*"}));
    let policies = Policies {
        identity,
        ..Policies::default()
    };
    let answer = ask(
        &policies,
        json!({"principal": SESSION, "action": "sts:GetCallerIdentity"}),
    );
    assert_eq!(answer.verdict, Verdict::Allowed);
}

#[test]
fn documents_that_the_service_refuses_are_refused_with_their_place() {
    let ok = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#;
    for (text, expected) in [
        ("", "line 1, column 0"),
        ("[]", "the document: a list"),
        (r#"{"Version":"2012-10-17"}"#, "no `Statement`"),
        (r#"{"Version":"2013","Statement":[]}"#, "Version: \"2013\""),
        (
            r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},7]}"#,
            "Statement[1]: a number",
        ),
        (
            r#"{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}"#,
            "Statement.Effect: \"allow\"",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}}"#,
            "\"Effect\" is there twice",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"GetObject","Resource":"*"}}"#,
            "Statement.Action: \"GetObject\"",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}"#,
            "Statement.Action: an empty list",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}}"#,
            "both `Action` and `NotAction`",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Resource":"*"}}"#,
            "no `Action`",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Ressource":"*"}}"#,
            "the key \"Ressource\"",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"k":{}}}}}"#,
            "Statement.Condition.Bool.k: an object",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Principal":{"AWS":"arn:aws:iam::1:user/*"}}}"#,
            "Statement.Principal.AWS",
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Action":"*","Principal":{"Aws":"*"}}}"#,
            "principals of the sort \"Aws\"",
        ),
    ] {
        let error = Policy::parse(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100));
    assert!(Policy::parse(&deep).is_err());
    assert!(Policy::parse(&" ".repeat(200_000)).is_err());
    // Sound, but not where it stands.
    let sound = policy(&serde_json::from_str(&format!(r#"{{"Statement":{ok}}}"#)).expect("JSON"));
    let resource = vec![Named {
        name: "bucket".into(),
        policy: sound,
    }];
    let policies = Policies {
        resource,
        ..Policies::default()
    };
    let error = policies.check().expect_err("no principal").to_string();
    assert_eq!(
        error,
        "resource policy \"bucket\": Statement[0]: no `Principal`; expected whom the statement is about"
    );
}

#[test]
fn hostile_patterns_end_and_say_so() {
    // Each place of the text is tried against ten thousand letters before it fails.
    let slow = format!("*{}b", "a".repeat(10_000));
    let identity = named(json!({"Effect": "Allow", "Action": "*", "Resource": slow}));
    let policies = Policies {
        identity,
        ..Policies::default()
    };
    let mut request = get(json!({}), true);
    request["resource"] = format!("arn:aws:s3:::{}", "a".repeat(20_000)).into();
    let answer = ask(&policies, request);
    assert_eq!(answer.verdict, Verdict::Unknown);
    assert_eq!(
        answer.missing,
        ["the rest: the documents are too large to compare"]
    );
}
