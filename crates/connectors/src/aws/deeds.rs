//! Every call that the hands may make, in one table of its own: the eyes can make none of those that alter, and the
//! hands read nothing but what they are about to alter and what it was before.
//!
//! Hands act under a second role, which whoever looks does not have. The policy of that role is written from this table
//! ([`policy`]), as that of the eyes is from theirs ([`calls`]).

use serde_json::{Value, json};

use super::calls::{self, Call, LAMBDA, TAKE_ROLE, TRAIL, call, named, told};

/// Giving a function a role needs this, although it is no call: it lets a service act under the role.
const PASS_ROLE: &str = "iam:PassRole";
/// The only service to which a role may be passed.
const LAMBDAS_OWN: &str = "lambda.amazonaws.com";

/// The table. Whatever alters is named in [`ALTERS`].
#[rustfmt::skip]
pub static DEEDS: [Call; 7] = [
    call(&TRAIL, "LookupEvents", "cloudtrail:LookupEvents", 2.0, "what a change set, and what was set before it"),
    call(&LAMBDA, "GetFunctionConfiguration", "lambda:GetFunctionConfiguration", 15.0, "how a function is set before it is altered, and whether it became so"),
    call(&LAMBDA, "GetFunctionConcurrency", "lambda:GetFunctionConcurrency", 15.0, "whether a function may run before that is altered, and whether it became so"),
    call(&LAMBDA, "ListVersionsByFunction", "lambda:ListVersionsByFunction", 15.0, "the variables of published versions, which the audit trail hides"),
    call(&LAMBDA, "PutFunctionConcurrency", "lambda:PutFunctionConcurrency", 15.0, "to let a function run, as many copies at once as is said"),
    call(&LAMBDA, "DeleteFunctionConcurrency", "lambda:DeleteFunctionConcurrency", 15.0, "to lift that limit"),
    call(&LAMBDA, "UpdateFunctionConfiguration", "lambda:UpdateFunctionConfiguration", 15.0, "to give a function its variables or its role"),
];

/// Those of them that alter.
pub const ALTERS: [&str; 3] = [
    "lambda:DeleteFunctionConcurrency",
    "lambda:PutFunctionConcurrency",
    "lambda:UpdateFunctionConfiguration",
];

/// The call that the SDK knows by these names; `None` if hands may not make it.
pub fn by_sdk(service: &str, operation: &str) -> Option<&'static Call> {
    named(&DEEDS, service, operation)
}

/// The call that needs this action.
pub fn by_action(action: &str) -> Option<&'static Call> {
    DEEDS.iter().find(|call| call.action == action)
}

/// The call that CloudTrail, or our own log, knows by these names.
///
/// Our own log names a service alone (`sts`), and holds also how the role was taken: whoever takes it did that. Under the
/// role itself, as CloudTrail tells of it (`sts.amazonaws.com`), no other may be taken.
pub fn by_trail(source: &str, name: &str) -> Option<&'static Call> {
    let taken = calls::by_trail(source, name).filter(|call| call.action == TAKE_ROLE);
    match taken {
        Some(call) if !source.contains('.') => Some(call),
        _ => told(&DEEDS, source, name),
    }
}

/// What a role of hands is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// `aws`, or that of another part of the world.
    pub partition: String,
    /// The account.
    pub account: String,
    /// Regions; all if there is none.
    pub regions: Vec<String>,
    /// Roles that functions may be given.
    pub roles: Vec<String>,
}

impl Scope {
    /// The account in which this role is; `None` if it is no role's ARN.
    pub fn of(role: &str) -> Option<Self> {
        let mut parts = role.strip_prefix("arn:")?.split(':');
        let (partition, service, _, account) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let named = parts.next()?.strip_prefix("role/")?;
        let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let fits = service == "iam" && digits && !named.is_empty() && !partition.is_empty();
        fits.then(|| Self {
            partition: partition.to_string(),
            account: account.to_string(),
            ..Self::default()
        })
    }
}

/// The policies of roles that act, as one: what the table needs is allowed on functions of those accounts and regions,
/// and everything else is denied, whatever other policies allow. A role is given only if it is named.
pub fn policy(scopes: &[Scope]) -> Value {
    let sorted = |mut list: Vec<String>| {
        list.sort_unstable();
        list.dedup();
        list
    };
    let on_functions = DEEDS.iter().map(|call| call.action.to_string());
    let on_functions: Vec<String> = on_functions
        .filter(|action| action.starts_with("lambda:"))
        .collect();
    let functions = scopes.iter().flat_map(|scope| {
        let everywhere = ["*".to_string()];
        let regions: Vec<String> = match &scope.regions[..] {
            [] => everywhere.to_vec(),
            regions => regions.to_vec(),
        };
        regions.into_iter().map(|region| {
            format!(
                "arn:{}:lambda:{region}:{}:function:*",
                scope.partition, scope.account
            )
        })
    });
    let functions = sorted(functions.collect());
    let roles = scopes.iter().flat_map(|scope| scope.roles.iter().cloned());
    let roles = sorted(roles.collect());
    let mut statements = vec![
        json!({
            "Sid": "MidwatchReadsWhatWasBefore",
            "Effect": "Allow",
            "Action": ["cloudtrail:LookupEvents"],
            "Resource": "*",
        }),
        json!({
            "Sid": "MidwatchPutsFunctionsBack",
            "Effect": "Allow",
            "Action": sorted(on_functions),
            "Resource": functions,
        }),
    ];
    let mut all: Vec<String> = DEEDS.iter().map(|call| call.action.to_string()).collect();
    if !roles.is_empty() {
        all.push(PASS_ROLE.to_string());
        statements.push(json!({
            "Sid": "MidwatchGivesTheseRoles",
            "Effect": "Allow",
            "Action": PASS_ROLE,
            "Resource": roles,
            "Condition": { "StringEquals": { "iam:PassedToService": LAMBDAS_OWN } },
        }));
    }
    statements.push(json!({
        "Sid": "MidwatchDoesNothingElse",
        "Effect": "Deny",
        "NotAction": sorted(all),
        "Resource": "*",
    }));
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::iam::Verdict;
    use crate::aws::iam::simulation::Simulation;

    const ROLE: &str = "arn:aws:iam::111111111111:role/midwatch-acts";
    const RUNS: &str = "arn:aws:iam::111111111111:role/pay-runs";

    fn scope(roles: &[&str]) -> Scope {
        Scope {
            regions: vec!["eu-west-1".to_string()],
            roles: roles.iter().map(ToString::to_string).collect(),
            ..Scope::of(ROLE).unwrap()
        }
    }

    fn verdict(scope: &Scope, action: &str, resource: &str, passed_to: &str) -> Verdict {
        let given = json!({
            "request": {
                "principal": ROLE, "action": action, "resource": resource, "resourceAccount": "111111111111",
                "context": { "iam:PassedToService": passed_to },
            },
            "identityPolicies": [{ "name": "midwatch", "policy": policy(std::slice::from_ref(scope)) }],
        });
        let simulation: Simulation = serde_json::from_value(given).unwrap();
        simulation.run().unwrap().verdict
    }

    #[test]
    fn the_eyes_can_make_no_call_that_alters() {
        for action in ALTERS {
            assert!(by_action(action).is_some(), "{action}");
            assert!(calls::by_action(action).is_none(), "{action}");
        }
        for deed in &DEEDS {
            let reads = ["Get", "List", "Lookup"];
            let reads = reads.iter().any(|verb| deed.operation.starts_with(verb));
            assert_eq!(!reads, ALTERS.contains(&deed.action), "{}", deed.action);
            assert_eq!(
                deed.action,
                format!("{}:{}", deed.service.prefix, deed.operation)
            );
        }
    }

    #[test]
    fn the_policy_lets_the_deeds_through_where_they_are_meant() {
        let (plain, giving) = (scope(&[]), scope(&[RUNS]));
        let function = "arn:aws:lambda:eu-west-1:111111111111:function:pay";
        for action in ALTERS {
            assert_eq!(
                verdict(&plain, action, function, ""),
                Verdict::Allowed,
                "{action}"
            );
            for elsewhere in [
                "arn:aws:lambda:us-east-1:111111111111:function:pay",
                "arn:aws:lambda:eu-west-1:111111111111:layer:pay",
            ] {
                let verdict = verdict(&plain, action, elsewhere, "");
                assert_eq!(verdict, Verdict::ImplicitlyDenied, "{action} {elsewhere}");
            }
        }
        for action in [
            "lambda:InvokeFunction",
            "lambda:UpdateFunctionCode",
            "lambda:DeleteFunction",
            "dynamodb:UpdateTable",
            "sts:AssumeRole",
            "iam:PutRolePolicy",
            "logs:FilterLogEvents",
        ] {
            let verdict = verdict(&giving, action, "*", "");
            assert_eq!(verdict, Verdict::ExplicitlyDenied, "{action}");
        }
        let lambda = "lambda.amazonaws.com";
        assert_eq!(
            verdict(&plain, PASS_ROLE, RUNS, lambda),
            Verdict::ExplicitlyDenied
        );
        assert_eq!(verdict(&giving, PASS_ROLE, RUNS, lambda), Verdict::Allowed);
        let elsewhere = verdict(&giving, PASS_ROLE, RUNS, "ec2.amazonaws.com");
        assert_eq!(elsewhere, Verdict::ImplicitlyDenied);
        let other = "arn:aws:iam::111111111111:role/admin";
        let other = verdict(&giving, PASS_ROLE, other, lambda);
        assert_eq!(other, Verdict::ImplicitlyDenied);
        assert!(policy(&[giving]).to_string().len() < 6_144);
    }

    #[test]
    fn a_role_says_its_account() {
        let scope = Scope::of("arn:aws-cn:iam::222222222222:role/teams/acts").unwrap();
        assert_eq!(
            (scope.partition.as_str(), scope.account.as_str()),
            ("aws-cn", "222222222222")
        );
        for wrong in [
            "",
            "role/acts",
            "arn:aws:iam::222222222222:user/anna",
            "arn:aws:iam::2222:role/acts",
            "arn:aws:sts::222222222222:role/acts",
            "arn:aws:iam::222222222222:role/",
        ] {
            assert_eq!(Scope::of(wrong), None, "{wrong}");
        }
    }
}
