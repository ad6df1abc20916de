//! The policy of roles that act, written from the table of [`deeds`](super::deeds) and from what is named.

mod runs;

use serde_json::{Value, json};

use super::deeds::{DEEDS, Scope};

/// Giving a function a role needs this, although it is no call: it lets a service act under the role.
const PASS_ROLE: &str = "iam:PassRole";
/// The only service to which a role may be passed.
const LAMBDAS_OWN: &str = "lambda.amazonaws.com";

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
    statements.extend(runs::statements(scopes, &mut allowed));
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
    use crate::aws::deeds::ALTERS;
    use crate::aws::iam::Verdict;
    use crate::aws::iam::simulation::Simulation;
    use crate::aws::named::{Named, Traffic};

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
                ..Named::default()
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
}
