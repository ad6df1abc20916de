//! Every call that the hands may make, in one table of its own: the eyes can make none of those that alter, and the
//! hands read nothing but what they are about to alter and what it was before.
//!
//! Hands act under a second role, which whoever looks does not have. The policy of that role is written from this table
//! ([`policy`]), as that of the eyes is from theirs ([`calls`]).

use serde_json::{Value, json};

use super::calls::{self, Call, LAMBDA, Service, TAKE_ROLE, TRAIL, call, named, told};
use super::named::Named;

/// Giving a function a role needs this, although it is no call: it lets a service act under the role.
const PASS_ROLE: &str = "iam:PassRole";
/// The only service to which a role may be passed.
const LAMBDAS_OWN: &str = "lambda.amazonaws.com";

// Of the services that the eyes do not ask.
const ECS: Service = service("ecs", "ECS", "ecs");
const SCALING: Service = service("autoscaling", "Auto Scaling", "autoscaling");
const DNS: Service = service("route53", "Route 53", "route53");

const fn service(prefix: &'static str, sdk: &'static str, trail: &'static str) -> Service {
    Service { prefix, sdk, trail }
}

/// The table. Whatever alters is named in [`ALTERS`].
#[rustfmt::skip]
pub static DEEDS: [Call; 15] = [
    call(&TRAIL, "LookupEvents", "cloudtrail:LookupEvents", 2.0, "what a change set, and what was set before it"),
    call(&LAMBDA, "GetFunctionConfiguration", "lambda:GetFunctionConfiguration", 15.0, "how a function is set before it is altered, and whether it became so"),
    call(&LAMBDA, "GetFunctionConcurrency", "lambda:GetFunctionConcurrency", 15.0, "whether a function may run before that is altered, and whether it became so"),
    call(&LAMBDA, "ListVersionsByFunction", "lambda:ListVersionsByFunction", 15.0, "the variables of published versions, which the audit trail hides"),
    call(&LAMBDA, "PutFunctionConcurrency", "lambda:PutFunctionConcurrency", 15.0, "to let a function run, as many copies at once as is said"),
    call(&LAMBDA, "DeleteFunctionConcurrency", "lambda:DeleteFunctionConcurrency", 15.0, "to lift that limit"),
    call(&LAMBDA, "UpdateFunctionConfiguration", "lambda:UpdateFunctionConfiguration", 15.0, "to give a function its variables or its role"),
    call(&ECS, "DescribeServices", "ecs:DescribeServices", 10.0, "which task definition a service runs and how many copies, before that is altered, and whether it became so"),
    call(&ECS, "DescribeTaskDefinition", "ecs:DescribeTaskDefinition", 10.0, "whether a task definition can still be run"),
    call(&ECS, "UpdateService", "ecs:UpdateService", 5.0, "to run another task definition, or another number of copies"),
    call(&SCALING, "DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingGroups", 10.0, "how large a group is and may be, before that is altered, and whether it became so"),
    call(&SCALING, "SetDesiredCapacity", "autoscaling:SetDesiredCapacity", 5.0, "to run another number of machines"),
    call(&SCALING, "UpdateAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup", 5.0, "to let a group grow or shrink as far as is said"),
    call(&DNS, "ListResourceRecordSets", "route53:ListResourceRecordSets", 4.0, "how traffic is shared out before that is altered, and whether it became so"),
    call(&DNS, "ChangeResourceRecordSets", "route53:ChangeResourceRecordSets", 4.0, "to share traffic out otherwise"),
];

/// Those of them that alter.
pub const ALTERS: [&str; 7] = [
    "autoscaling:SetDesiredCapacity",
    "autoscaling:UpdateAutoScalingGroup",
    "ecs:UpdateService",
    "lambda:DeleteFunctionConcurrency",
    "lambda:PutFunctionConcurrency",
    "lambda:UpdateFunctionConfiguration",
    "route53:ChangeResourceRecordSets",
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
    /// What else may be altered.
    pub named: Named,
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

/// Sorted, each once.
fn sorted(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = all.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What the table needs of this service.
fn of(service: &'static str) -> impl Iterator<Item = String> {
    let of = DEEDS
        .iter()
        .filter(move |call| call.service.prefix == service);
    of.map(|call| call.action.to_string())
}

impl Scope {
    /// ARNs of a service in these regions, each with what stands behind the account.
    fn arns(&self, service: &str, of: &str) -> Vec<String> {
        let everywhere = ["*".to_string()];
        let regions = match &self.regions[..] {
            [] => &everywhere[..],
            regions => regions,
        };
        let arn = |region: &String| {
            format!(
                "arn:{}:{service}:{region}:{}:{of}",
                self.partition, self.account
            )
        };
        regions.iter().map(arn).collect()
    }
}

/// The policies of roles that act, as one: what the table needs is allowed on functions of those accounts and regions and
/// on what is named, and everything else is denied, whatever other policies allow. A role is given only if it is named.
pub fn policy(scopes: &[Scope]) -> Value {
    let all = |each: &dyn Fn(&Scope) -> Vec<String>| sorted(scopes.iter().flat_map(each));
    let mut allowed = sorted(of("lambda").chain(of("cloudtrail")));
    let mut statements = vec![
        allow(
            "MidwatchReadsWhatWasBefore",
            of("cloudtrail").collect(),
            vec!["*".to_string()],
        ),
        allow(
            "MidwatchPutsFunctionsBack",
            sorted(of("lambda")),
            all(&|scope| scope.arns("lambda", "function:*")),
        ),
    ];
    let services = all(&|scope| {
        let named = scope.named.services.iter();
        named
            .flat_map(|one| scope.arns("ecs", &format!("service/{one}")))
            .collect()
    });
    let groups = all(&|scope| {
        let named = scope.named.groups.iter();
        let arns = |one| {
            scope.arns(
                "autoscaling",
                &format!("autoScalingGroup:*:autoScalingGroupName/{one}"),
            )
        };
        named.flat_map(arns).collect()
    });
    // What AWS lets nobody narrow to one resource can be read everywhere, and altered nowhere.
    for (sid, service, resources, wide) in [
        (
            "MidwatchAltersServices",
            "ecs",
            services,
            "ecs:DescribeTaskDefinition",
        ),
        (
            "MidwatchAltersGroups",
            "autoscaling",
            groups,
            "autoscaling:DescribeAutoScalingGroups",
        ),
    ] {
        if resources.is_empty() {
            continue;
        }
        allowed.extend(of(service));
        let narrow = sorted(of(service).filter(|action| action != wide));
        statements.push(allow(sid, narrow, resources));
        let sid = format!("{sid}AndReads");
        statements.push(allow(&sid, vec![wide.to_string()], vec!["*".to_string()]));
    }
    statements.extend(traffic(scopes, &mut allowed));
    let roles = all(&|scope| scope.roles.clone());
    if !roles.is_empty() {
        allowed.push(PASS_ROLE.to_string());
        let mut passes = allow(
            "MidwatchGivesTheseRoles",
            vec![PASS_ROLE.to_string()],
            roles,
        );
        passes["Condition"] = json!({ "StringEquals": { "iam:PassedToService": LAMBDAS_OWN } });
        statements.push(passes);
    }
    statements.push(json!({
        "Sid": "MidwatchDoesNothingElse",
        "Effect": "Deny",
        "NotAction": sorted(allowed.into_iter()),
        "Resource": "*",
    }));
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn allow(sid: &str, actions: Vec<String>, resources: Vec<String>) -> Value {
    json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources })
}

/// A zone may hold all of a company's names: only those that are named are altered in it.
fn traffic(scopes: &[Scope], allowed: &mut Vec<String>) -> Vec<Value> {
    let zone =
        |scope: &Scope, id: &str| format!("arn:{}:route53:::hostedzone/{id}", scope.partition);
    let named = || {
        let scopes = scopes.iter();
        scopes.flat_map(|scope| scope.named.traffic.iter().map(move |one| (scope, one)))
    };
    let zones = sorted(named().map(|(scope, one)| zone(scope, &one.zone)));
    if zones.is_empty() {
        return Vec::new();
    }
    let [reads, alters] = [
        "route53:ListResourceRecordSets",
        "route53:ChangeResourceRecordSets",
    ];
    allowed.extend(of("route53"));
    let mut statements = vec![allow(
        "MidwatchReadsTheseZones",
        vec![reads.to_string()],
        zones.clone(),
    )];
    for (index, arn) in zones.iter().enumerate() {
        let here = || named().filter(|(scope, one)| zone(scope, &one.zone) == *arn);
        let sid = format!("MidwatchSharesTrafficOut{index}");
        let mut shares = allow(&sid, vec![alters.to_string()], vec![arn.clone()]);
        shares["Condition"] = json!({ "ForAllValues:StringEquals": {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": sorted(here().map(|(_, one)| one.name.clone())),
            "route53:ChangeResourceRecordSetsRecordTypes": sorted(here().map(|(_, one)| one.kind.clone())),
        }});
        statements.push(shares);
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::iam::Verdict;
    use crate::aws::iam::simulation::Simulation;
    use crate::aws::named::Traffic;

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
            let reads = ["Describe", "Get", "List", "Lookup"];
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
        let on_functions = |action: &&str| action.starts_with("lambda:");
        for action in ALTERS.into_iter().filter(on_functions) {
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
    fn the_policy_lets_alter_what_is_named_and_nothing_beside_it() {
        let carries = |sets: [&str; 2]| {
            let sets = sets.map(|set| {
                (
                    model::EntityId::new(format!("service/{set}")),
                    set.to_string(),
                )
            });
            std::collections::BTreeMap::from(sets)
        };
        let traffic = Traffic {
            zone: "Z0123456789ABC".to_string(),
            name: "api.shop.example".to_string(),
            kind: "A".to_string(),
            carries: carries(["blue", "green"]),
        };
        let naming = Scope {
            named: Named {
                services: vec!["shop/checkout".to_string(), "office/*".to_string()],
                groups: vec!["workers".to_string()],
                traffic: vec![traffic],
            },
            ..scope(&[])
        };
        let plain = scope(&[]);
        let service = |of: &str| format!("arn:aws:ecs:eu-west-1:111111111111:service/{of}");
        let group = |of: &str| {
            format!(
                "arn:aws:autoscaling:eu-west-1:111111111111:autoScalingGroup:6f5a:autoScalingGroupName/{of}"
            )
        };
        let zone = |of: &str| format!("arn:aws:route53:::hostedzone/{of}");
        for (action, here, beside) in [
            (
                "ecs:UpdateService",
                service("shop/checkout"),
                service("shop/ship"),
            ),
            (
                "ecs:UpdateService",
                service("office/print"),
                service("home/print"),
            ),
            (
                "ecs:DescribeServices",
                service("shop/checkout"),
                service("shop/ship"),
            ),
            (
                "autoscaling:SetDesiredCapacity",
                group("workers"),
                group("others"),
            ),
            (
                "autoscaling:UpdateAutoScalingGroup",
                group("workers"),
                group("workers2"),
            ),
            (
                "route53:ListResourceRecordSets",
                zone("Z0123456789ABC"),
                zone("Z9"),
            ),
        ] {
            assert_eq!(
                verdict(&naming, action, &here, ""),
                Verdict::Allowed,
                "{action} {here}"
            );
            let verdict_beside = verdict(&naming, action, &beside, "");
            assert_eq!(
                verdict_beside,
                Verdict::ImplicitlyDenied,
                "{action} {beside}"
            );
            let unnamed = verdict(&plain, action, &here, "");
            assert_eq!(unnamed, Verdict::ExplicitlyDenied, "{action}");
        }
        for action in [
            "ecs:RunTask",
            "ecs:DeleteService",
            "route53:DeleteHostedZone",
            "autoscaling:DeleteAutoScalingGroup",
        ] {
            assert_eq!(
                verdict(&naming, action, "*", ""),
                Verdict::ExplicitlyDenied,
                "{action}"
            );
        }
        // Of a zone, the records of that name and type.
        let changes = |name: &str, kind: &str| {
            let given = json!({
                "request": {
                    "principal": ROLE, "action": "route53:ChangeResourceRecordSets", "resource": zone("Z0123456789ABC"),
                    "resourceAccount": "111111111111", "context": {
                        "route53:ChangeResourceRecordSetsNormalizedRecordNames": [name],
                        "route53:ChangeResourceRecordSetsRecordTypes": [kind],
                    },
                },
                "identityPolicies": [{ "name": "midwatch", "policy": policy(std::slice::from_ref(&naming)) }],
            });
            let simulation: Simulation = serde_json::from_value(given).unwrap();
            simulation.run().unwrap().verdict
        };
        assert_eq!(changes("api.shop.example", "A"), Verdict::Allowed);
        assert_eq!(changes("www.shop.example", "A"), Verdict::ImplicitlyDenied);
        assert_eq!(
            changes("api.shop.example", "TXT"),
            Verdict::ImplicitlyDenied
        );
        assert!(policy(&[naming]).to_string().len() < 6_144);
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
