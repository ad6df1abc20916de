//! Laws that hold for any policies and any call.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::aws::iam::{Level, Named, Policies, Policy, Request, Verdict, Written, explain};

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "*",
        "s3:*",
        "s3:Get*",
        "s3:GetObject",
        "S3:g?tObject",
        "ec2:RunInstances",
    ])
}

fn resource() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "*",
        "arn:aws:s3:::box/*",
        "arn:aws:s3:::box/a",
        "arn:aws:s3:::${aws:username}/*",
        "arn:aws:s3:::other",
    ])
}

fn condition() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => Just(json!({})),
        1 => Just(json!({"Bool": {"aws:SecureTransport": "true"}})),
        1 => Just(json!({"StringNotEquals": {"aws:PrincipalTag/t": ["a", "b"]}})),
        1 => Just(json!({"ForAllValues:StringLike": {"aws:TagKeys": "a*"}})),
        1 => Just(json!({"Null": {"aws:PrincipalTag/t": "false"}})),
        1 => Just(json!({"NumericLessThanIfExists": {"s3:max-keys": 10}})),
        1 => Just(json!({"Unheard": {"aws:TagKeys": "a"}})),
    ]
}

fn statement(effect: &'static str, whose: bool) -> impl Strategy<Value = Value> {
    let principal = prop::sample::select(vec![
        json!("*"),
        json!({"AWS": "111111111111"}),
        json!({"AWS": "arn:aws:iam::111111111111:role/app"}),
        json!({"AWS": "arn:aws:sts::111111111111:assumed-role/app/s", "Service": "ec2.amazonaws.com"}),
    ]);
    (
        word(),
        any::<bool>(),
        resource(),
        any::<bool>(),
        condition(),
        principal,
    )
        .prop_map(
            move |(action, not_action, resource, not_resource, condition, principal)| {
                let mut statement = json!({"Effect": effect, "Condition": condition});
                statement[if not_action { "NotAction" } else { "Action" }] = json!([action]);
                statement[if not_resource {
                    "NotResource"
                } else {
                    "Resource"
                }] = json!(resource);
                if whose {
                    statement["Principal"] = principal;
                }
                statement
            },
        )
}

fn statements(whose: bool) -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(
        prop_oneof![3 => statement("Allow", whose), 1 => statement("Deny", whose)],
        0..4,
    )
}

fn named(statements: Vec<Value>) -> Vec<Named> {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let policy = Policy::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    vec![Named {
        name: "p".into(),
        policy,
    }]
}

prop_compose! {
    fn policies()(
        identity in statements(false),
        resource in prop::option::of(statements(true)),
        boundary in prop::option::of(statements(false)),
        session in prop::option::of(statements(false)),
        levels in prop::collection::vec(statements(false), 0..3),
    ) -> Policies {
        let level = |(n, statements)| Level { name: format!("level {n}"), policies: named(statements) };
        Policies {
            identity: named(identity),
            resource: resource.map(named).unwrap_or_default(),
            boundary: boundary.map(named).unwrap_or_default(),
            session: session.map(named).unwrap_or_default(),
            service_control: levels.into_iter().enumerate().map(level).collect(),
            ..Policies::default()
        }
    }
}

fn request() -> impl Strategy<Value = Request> {
    let principal = prop::sample::select(vec![
        "arn:aws:sts::111111111111:assumed-role/app/s",
        "arn:aws:iam::111111111111:user/box",
        "arn:aws:iam::111111111111:root",
        "ec2.amazonaws.com",
        "anonymous",
    ]);
    let account = prop::option::of(prop::sample::select(vec!["111111111111", "222222222222"]));
    let tag = prop::option::of(prop::sample::select(vec!["a", "z"]));
    (principal, account, tag, any::<bool>()).prop_map(|(principal, account, tag, complete)| {
        let mut context = json!({"aws:SecureTransport": true});
        if let Some(tag) = tag {
            context["aws:PrincipalTag/t"] = tag.into();
        }
        let written: Written = serde_json::from_value(json!({
            "principal": principal, "action": "s3:GetObject", "resource": "arn:aws:s3:::box/a",
            "resource_account": account, "context": context, "context_complete": complete,
        }))
        .expect("a request");
        written.read().expect("a sound request")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever else stands there.
    #[test]
    fn an_explicit_deny_always_wins(mut policies in policies(), request in request()) {
        let everything = json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"});
        policies.resource.extend(named(vec![everything]));
        let answer = explain(&policies, &request).expect("sound policies");
        prop_assert_eq!(answer.verdict, Verdict::ExplicitlyDenied);
    }

    /// More of what allows never takes away, and nothing that is decided becomes unknown by it.
    #[test]
    fn another_allow_never_denies(policies in policies(), request in request(), more in statement("Allow", false)) {
        let before = explain(&policies, &request).expect("sound policies").verdict;
        let mut after = policies;
        after.identity.extend(named(vec![more]));
        let after = explain(&after, &request).expect("sound policies").verdict;
        match before {
            Verdict::Allowed => prop_assert_eq!(after, Verdict::Allowed),
            Verdict::ExplicitlyDenied => prop_assert_eq!(after, Verdict::ExplicitlyDenied),
            Verdict::Unknown => prop_assert!(matches!(after, Verdict::Unknown | Verdict::Allowed)),
            Verdict::ImplicitlyDenied => {}
        }
    }

    /// More of what denies never gives.
    #[test]
    fn another_deny_never_allows(policies in policies(), request in request(), more in statement("Deny", false)) {
        let before = explain(&policies, &request).expect("sound policies").verdict;
        let mut after = policies;
        after.identity.extend(named(vec![more]));
        let after = explain(&after, &request).expect("sound policies").verdict;
        prop_assert!(after != Verdict::Allowed || before == Verdict::Allowed);
    }

    /// Whoever learns what was missing never finds that a settled verdict was wrong.
    #[test]
    fn knowing_more_never_alters_what_was_settled(policies in policies(), request in request(), keys in prop::bool::ANY) {
        let before = explain(&policies, &request).expect("sound policies").verdict;
        let mut context = serde_json::Map::new();
        context.insert("aws:SecureTransport".into(), true.into());
        if let crate::aws::iam::Known::Values([tag]) = request.context.get("aws:PrincipalTag/t") {
            context.insert("aws:PrincipalTag/t".into(), tag.as_str().into());
        }
        let absent = matches!(request.context.get("aws:TagKeys"), crate::aws::iam::Known::Absent);
        if keys && !absent {
            context.insert("aws:TagKeys".into(), json!(["a", "b"]));
        }
        let written: Written = serde_json::from_value(json!({
            "principal": request.principal, "action": request.action, "resource": request.resource,
            "resource_account": request.resource_account, "context": context, "context_complete": true,
        })).expect("a request");
        let after = explain(&policies, &written.read().expect("sound")).expect("sound policies").verdict;
        match before {
            Verdict::Unknown => {}
            // That it is denied was settled; by what, may come to light later.
            Verdict::ImplicitlyDenied => prop_assert!(matches!(after, Verdict::ImplicitlyDenied | Verdict::ExplicitlyDenied)),
            settled => prop_assert_eq!(after, settled),
        }
    }

    #[test]
    fn what_is_written_reads_the_same(statements in statements(true)) {
        for named in named(statements) {
            let again = Policy::parse(&named.policy.to_json().to_string());
            prop_assert_eq!(again, Ok(named.policy));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = Policy::parse(&text);
    }

    /// Wildcards match what a plain backtracking reading of them matches.
    #[test]
    fn wildcards_match_as_read_naively(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
        fn naive(pattern: &[u8], text: &[u8]) -> bool {
            match (pattern.split_first(), text.split_first()) {
                (None, None) => true,
                (Some((b'*', rest)), _) if naive(rest, text) => true,
                (Some((b'*', _)), Some((_, after))) => naive(pattern, after),
                (Some((b'?', rest)), Some((_, after))) => naive(rest, after),
                (Some((p, rest)), Some((t, after))) => p == t && naive(rest, after),
                _ => false,
            }
        }
        let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringLike": {"k": pattern}}});
        let policies = Policies { identity: named(vec![statement]), ..Policies::default() };
        let written: Written = serde_json::from_value(json!({
            "principal": "arn:aws:iam::111111111111:user/u", "action": "s3:ListAllMyBuckets", "context": {"k": text},
        })).expect("a request");
        let answer = explain(&policies, &written.read().expect("sound")).expect("sound policies");
        prop_assert_eq!(answer.verdict == Verdict::Allowed, naive(pattern.as_bytes(), text.as_bytes()));
    }
}
