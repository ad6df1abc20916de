//! The policy of whoever looks, written from the table of [`calls`](super::calls).

use serde_json::{Value, json};

use super::calls::{BY_PATH, CALLS, Call, PATHS, TAKE_ROLE};

/// What only searches need (`insights`): nobody is allowed it for whom they are off.
const SEARCHES: [&str; 3] = ["logs:GetQueryResults", "logs:StartQuery", "logs:StopQuery"];

/// What only Resource Explorer needs (`explorer`).
const EXPLORES: &str = "resource-explorer-2:Search";

/// What a configuration wants of the table: the policy is made of it, and a log of calls is held against it.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The roles that are taken in other accounts.
    pub reads: Vec<String>,
    /// Those that are taken for the hands.
    pub acts: Vec<String>,
    /// Are logs searched (`insights`), which is paid for?
    pub searches: bool,
    /// Are names looked up in Resource Explorer (`explorer`)?
    pub explores: bool,
}

impl Wanted {
    /// What would have to be configured for the call of this action to be made; `None` if it is made as things are.
    pub fn lacks(&self, action: &str) -> Option<&'static str> {
        let (is_set, option) = match action {
            TAKE_ROLE => (
                !(self.reads.is_empty() && self.acts.is_empty()),
                "role_arn of an account, or of hands without a profile of their own",
            ),
            EXPLORES => (self.explores, "explorer = true"),
            _ if SEARCHES.contains(&action) => (self.searches, "insights = true"),
            _ => return None,
        };
        (!is_set).then_some(option)
    }
}

/// The policy of whoever is to look and to do nothing else: what is wanted of the table is allowed, and everything else is
/// denied, whatever other policies allow. Without any role that is named it may take none. Only where that is wanted it may
/// search logs, which is paid for, and in Resource Explorer; that searches only read, which the names of their calls do not
/// say, their statement does.
pub fn policy(wanted: &Wanted) -> Value {
    let made = CALLS
        .iter()
        .filter(|call| wanted.lacks(call.action).is_none());
    let mut made: Vec<&str> = made.map(Call::permission).collect();
    made.sort_unstable();
    made.dedup();
    // The others have statements of their own.
    let mut everywhere = made.clone();
    everywhere
        .retain(|action| ![BY_PATH, TAKE_ROLE].contains(action) && !SEARCHES.contains(action));
    let mut statements = vec![json!({
        "Sid": "MidwatchReads",
        "Effect": "Allow",
        "Action": everywhere,
        "Resource": "*",
    })];
    if wanted.searches {
        statements.push(json!({
            "Sid": "MidwatchStartsAndStopsSearchesOfLogsWhichOnlyRead",
            "Effect": "Allow",
            "Action": SEARCHES,
            "Resource": "*",
        }));
    }
    for (sid, roles) in [
        ("MidwatchTakesRolesThatRead", &wanted.reads),
        ("MidwatchTakesRolesThatAct", &wanted.acts),
    ] {
        if !roles.is_empty() {
            statements.push(json!({
                "Sid": sid,
                "Effect": "Allow",
                "Action": TAKE_ROLE,
                "Resource": roles,
            }));
        }
    }
    statements.push(json!({
        "Sid": "MidwatchReadsGateways",
        "Effect": "Allow",
        "Action": BY_PATH,
        "Resource": PATHS,
    }));
    statements.push(json!({
        "Sid": "MidwatchReadsNothingElseOfThem",
        "Effect": "Deny",
        "Action": BY_PATH,
        "NotResource": PATHS,
    }));
    statements.push(json!({
        "Sid": "MidwatchAltersNothing",
        "Effect": "Deny",
        "NotAction": made,
        "Resource": "*",
    }));
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    use super::super::calls::READS_BY_ANOTHER_NAME;
    use super::*;

    /// All that can be turned on, without a role.
    const ALL: Wanted = Wanted {
        reads: Vec::new(),
        acts: Vec::new(),
        searches: true,
        explores: true,
    };

    /// Only these roles beyond what always is wanted: in other accounts, and for the hands.
    fn taking(reads: &[&str], acts: &[&str]) -> Wanted {
        let owned = |roles: &[&str]| -> Vec<String> {
            roles.iter().map(|role| (*role).to_string()).collect()
        };
        Wanted {
            reads: owned(reads),
            acts: owned(acts),
            ..Wanted::default()
        }
    }

    #[test]
    fn what_is_not_made_says_what_would_have_to_be_configured() {
        let role = "arn:aws:iam::222222222222:role/midwatch-reads";
        let (nothing, reads, acts) = (
            Wanted::default(),
            taking(&[role], &[]),
            taking(&[], &[role]),
        );
        for (wanted, action, lacks) in [
            (&nothing, "logs:StartQuery", Some("insights = true")),
            (&nothing, "logs:GetQueryResults", Some("insights = true")),
            (&nothing, "logs:StopQuery", Some("insights = true")),
            (
                &nothing,
                "resource-explorer-2:Search",
                Some("explorer = true"),
            ),
            (
                &nothing,
                TAKE_ROLE,
                Some("role_arn of an account, or of hands without a profile of their own"),
            ),
            (&nothing, "logs:FilterLogEvents", None),
            (&reads, TAKE_ROLE, None),
            (&acts, TAKE_ROLE, None),
            (&acts, "logs:StartQuery", Some("insights = true")),
        ] {
            assert_eq!(wanted.lacks(action), lacks, "{action} of {wanted:?}");
        }
        let of_role = ALL.lacks(TAKE_ROLE);
        for call in &CALLS {
            let lacks = ALL.lacks(call.action);
            assert_eq!(lacks, of_role.filter(|_| call.action == TAKE_ROLE));
        }
    }

    #[test]
    fn the_policy_lets_the_table_through_and_nothing_else() {
        use crate::aws::iam::Verdict;
        use crate::aws::iam::simulation::Simulation;

        let role = "arn:aws:iam::222222222222:role/midwatch-reads";
        let asking = |wanted: &Wanted, action: &str, resource: &str| {
            let given = json!({
                "request": {
                    "principal": "arn:aws:iam::111111111111:role/midwatch", "action": action, "resource": resource,
                    "resourceAccount": "111111111111",
                },
                "identityPolicies": [
                    {"name": "midwatch", "policy": policy(wanted)},
                    // Whatever else somebody attaches.
                    {"name": "everything", "policy": {"Version": "2012-10-17", "Statement":
                        [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}},
                ],
            });
            let simulation: Simulation = serde_json::from_value(given).unwrap();
            simulation.run().unwrap().verdict
        };
        let verdict = |roles: &[&str], action: &str, resource: &str| {
            asking(&taking(roles, &[]), action, resource)
        };
        for call in &CALLS {
            let wanted = match call.action {
                TAKE_ROLE => Verdict::ExplicitlyDenied,
                search if SEARCHES.contains(&search) => Verdict::ExplicitlyDenied,
                EXPLORES => Verdict::ExplicitlyDenied,
                _ => Verdict::Allowed,
            };
            let path = PATHS.map(|path| {
                let path = path.replace("arn:*:apigateway:*", "arn:aws:apigateway:eu-west-1");
                path.replace('*', "a1b2c3")
            });
            let resources = match call.permission() {
                BY_PATH => path.to_vec(),
                _ => vec!["*".to_string()],
            };
            for resource in resources {
                let verdict = verdict(&[], call.permission(), &resource);
                assert_eq!(verdict, wanted, "{} {resource}", call.action);
            }
            if SEARCHES.contains(&call.action) || call.action == EXPLORES {
                let searched = asking(&ALL, call.action, "*");
                assert_eq!(searched, Verdict::Allowed, "{}", call.action);
            }
        }
        for path in [
            "apikeys",
            "apikeys/k",
            "restapis/a/stages/prod/exports/oas30",
            "account",
        ] {
            let resource = format!("arn:aws:apigateway:eu-west-1::/{path}");
            let verdict = verdict(&[], BY_PATH, &resource);
            assert_eq!(verdict, Verdict::ExplicitlyDenied, "{path}");
        }
        let alters = asking(&ALL, "logs:PutQueryDefinition", "*");
        assert_eq!(alters, Verdict::ExplicitlyDenied);
        let alters = [
            "lambda:PutFunctionConcurrency",
            "lambda:InvokeFunction",
            "lambda:GetFunction",
            "dynamodb:PutItem",
            "dynamodb:GetItem",
            "sqs:ReceiveMessage",
            "cloudwatch:SetAlarmState",
            "iam:PassRole",
            "secretsmanager:GetSecretValue",
        ];
        for action in alters {
            let verdict = verdict(&[role], action, "*");
            assert_eq!(verdict, Verdict::ExplicitlyDenied, "{action}");
        }
        // Without the permission of whatever else is attached, a role that is not named may not be taken.
        let statements = policy(&taking(&[role], &[]));
        let named = statements.pointer("/Statement/1/Resource/0");
        assert_eq!(named.and_then(Value::as_str), Some(role));
        let nobody = policy(&Wanted::default()).to_string();
        assert!(!nobody.contains(TAKE_ROLE), "{nobody}");
        // Taking the role that acts is all that it may do more for the hands.
        let acts = "arn:aws:iam::111111111111:role/midwatch-acts";
        let both = policy(&taking(&[role], &[acts]));
        let (own, also) = (
            statements["Statement"].as_array(),
            both["Statement"].as_array(),
        );
        let (own, also) = (own.unwrap(), also.unwrap());
        let more: Vec<&Value> = also.iter().filter(|one| !own.contains(one)).collect();
        assert_eq!(more.len(), 1);
        assert_eq!(more[0]["Resource"], json!([acts]));
        // A managed policy of a customer's may have 6,144 characters.
        for (action, _) in READS_BY_ANOTHER_NAME {
            assert!(
                SEARCHES.contains(&action),
                "{action} is allowed without need"
            );
        }
        let longest = policy(&Wanted {
            searches: true,
            explores: true,
            ..taking(&[role], &[acts])
        });
        assert!(longest.to_string().len() < 6_144);
    }
}
