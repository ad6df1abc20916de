//! How long one question takes: 431 cases with their policies parsed, and one account with 1,000 statements.
//!
//! `cargo bench -p midwatch-connectors --features aws-iam --bench iam`; the counter shows questions per second.

use connectors::aws::iam::simulation::Case;
use connectors::aws::iam::{Named, Policies, Policy, Request, Written, explain};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

fn cases() -> Vec<(Policies, Request)> {
    let files = [
        include_str!("../tests/data/iam/named.json"),
        include_str!("../tests/data/iam/random.json"),
    ];
    files
        .iter()
        .flat_map(|text| serde_json::from_str::<Vec<Case>>(text).expect("cases"))
        .map(|case| case.simulation.read().expect("a case"))
        .collect()
}

#[divan::bench]
fn cases_of_the_tests(bencher: Bencher) {
    let cases = cases();
    bencher
        .counter(ItemsCount::new(cases.len()))
        .bench_local(|| {
            for (policies, request) in &cases {
                black_box(explain(policies, request).expect("sound policies"));
            }
        });
}

#[divan::bench]
fn a_thousand_statements(bencher: Bencher) {
    let identity = (0..100)
        .map(|n| {
            let statements: Vec<_> = (0..10)
                .map(|m| {
                    serde_json::json!({
                        "Effect": if m == 9 { "Deny" } else { "Allow" },
                        "Action": ["s3:Get*", "s3:List*", "dynamodb:PutItem"],
                        "Resource": [format!("arn:aws:s3:::bucket-{n}-{m}/*"), "arn:aws:dynamodb:*:*:table/t*-x"],
                        "Condition": {"StringLike": {"aws:PrincipalTag/team": ["ops-*", "dev-*"]}},
                    })
                })
                .collect();
            let text = serde_json::json!({"Version": "2012-10-17", "Statement": statements});
            let policy = Policy::parse(&text.to_string()).expect("a policy");
            Named { name: format!("p{n}"), policy }
        })
        .collect();
    let policies = Policies {
        identity,
        ..Policies::default()
    };
    let written: Written = serde_json::from_value(serde_json::json!({
        "principal": "arn:aws:sts::111111111111:assumed-role/app/s",
        "action": "s3:GetObject", "resource": "arn:aws:s3:::bucket-73-4/some/longer/key/of/an/object",
        "resource_account": "111111111111", "context": {"aws:PrincipalTag/team": "ops-eu"},
    }))
    .expect("a request");
    let request = written.read().expect("a request");
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        explain(black_box(&policies), black_box(&request)).expect("sound policies")
    });
}
