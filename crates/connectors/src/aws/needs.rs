//! The policy of whoever looks, written from the table of [`calls`](super::calls).

use serde_json::{Value, json};

use super::calls::{BY_PATH, CALLS, Call, PATHS, TAKE_ROLE};

/// What only searches need (`insights`): nobody is allowed it for whom they are off.
const SEARCHES: [&str; 3] = ["logs:GetQueryResults", "logs:StartQuery", "logs:StopQuery"];

/// What only Resource Explorer needs (`explorer`).
const EXPLORES: &str = "resource-explorer-2:Search";

/// What is looked at beyond what always is.
#[derive(Clone, Copy, Debug, Default)]
pub struct More {
    /// Logs are searched (`insights`), which is paid for.
    pub searches: bool,
    /// Names are looked up in Resource Explorer (`explorer`).
    pub explores: bool,
}

/// The policy of whoever is to look and to do nothing else: what the table needs is allowed, and everything else is
/// denied, whatever other policies allow. `reads` are the roles that it takes in other accounts, `acts` those that it takes
/// for the hands; without any it may take none. Only with `more` it may search logs, which is paid for, and in Resource Explorer; that
/// searches only read, which the names of their calls do not say, their statement does.
pub fn policy(reads: &[String], acts: &[String], more: More) -> Value {
    let roles = !(reads.is_empty() && acts.is_empty());
    let actions = |role: bool, search: bool| -> Vec<&str> {
        let wanted = CALLS.iter().map(Call::permission);
        let mut actions: Vec<&str> = wanted
            .filter(|action| role || *action != TAKE_ROLE)
            .filter(|action| search || !SEARCHES.contains(action))
            .filter(|action| more.explores || *action != EXPLORES)
            .collect();
        actions.sort_unstable();
        actions.dedup();
        actions
    };
    let mut everywhere = actions(false, false);
    everywhere.retain(|action| *action != BY_PATH);
    let mut statements = vec![json!({
        "Sid": "MidwatchReads",
        "Effect": "Allow",
        "Action": everywhere,
        "Resource": "*",
    })];
    if more.searches {
        statements.push(json!({
            "Sid": "MidwatchStartsAndStopsSearchesOfLogsWhichOnlyRead",
            "Effect": "Allow",
            "Action": SEARCHES,
            "Resource": "*",
        }));
    }
    for (sid, roles) in [
        ("MidwatchTakesRolesThatRead", reads),
        ("MidwatchTakesRolesThatAct", acts),
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
        "NotAction": actions(roles, more.searches),
        "Resource": "*",
    }));
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    use super::super::calls::READS_BY_ANOTHER_NAME;
    use super::*;

    const ALL: More = More {
        searches: true,
        explores: true,
    };

    #[test]
    fn the_policy_lets_the_table_through_and_nothing_else() {
        use crate::aws::iam::Verdict;
        use crate::aws::iam::simulation::Simulation;

        let role = "arn:aws:iam::222222222222:role/midwatch-reads";
        let asking = |more: More, roles: &[String], action: &str, resource: &str| {
            let given = json!({
                "request": {
                    "principal": "arn:aws:iam::111111111111:role/midwatch", "action": action, "resource": resource,
                    "resourceAccount": "111111111111",
                },
                "identityPolicies": [
                    {"name": "midwatch", "policy": policy(roles, &[], more)},
                    // Whatever else somebody attaches.
                    {"name": "everything", "policy": {"Version": "2012-10-17", "Statement":
                        [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}},
                ],
            });
            let simulation: Simulation = serde_json::from_value(given).unwrap();
            simulation.run().unwrap().verdict
        };
        let verdict = |roles: &[String], action: &str, resource: &str| {
            asking(More::default(), roles, action, resource)
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
                let searched = asking(ALL, &[], call.action, "*");
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
        let alters = asking(ALL, &[], "logs:PutQueryDefinition", "*");
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
            let verdict = verdict(&[role.to_string()], action, "*");
            assert_eq!(verdict, Verdict::ExplicitlyDenied, "{action}");
        }
        // Without the permission of whatever else is attached, a role that is not named may not be taken.
        let statements = policy(&[role.to_string()], &[], More::default());
        let named = statements.pointer("/Statement/1/Resource/0");
        assert_eq!(named.and_then(Value::as_str), Some(role));
        assert!(
            !policy(&[], &[], More::default())
                .to_string()
                .contains(TAKE_ROLE)
        );
        // Taking the role that acts is all that it may do more for the hands.
        let acts = "arn:aws:iam::111111111111:role/midwatch-acts";
        let both = policy(&[role.to_string()], &[acts.to_string()], More::default());
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
        let longest = policy(&[role.to_string()], &[acts.to_string()], ALL);
        assert!(longest.to_string().len() < 6_144);
    }
}
