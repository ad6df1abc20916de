//! The policy of whoever looks, written from the table of [`calls`](super::calls).

use serde_json::{Value, json};

use super::calls::{CALLS, TAKE_ROLE};

/// What only searches need (`insights`): nobody is allowed it for whom they are off.
const SEARCHES: [&str; 3] = ["logs:GetQueryResults", "logs:StartQuery", "logs:StopQuery"];

/// The policy of whoever is to look and to do nothing else: what the table needs is allowed, and everything else is
/// denied, whatever other policies allow. `reads` are the roles that it takes in other accounts, `acts` those that it takes
/// for the hands; without any it may take none. Only with `searches` it may search logs, which is paid for; that these calls
/// only read, which their names do not say, their statement does.
pub fn policy(reads: &[String], acts: &[String], searches: bool) -> Value {
    let roles = !(reads.is_empty() && acts.is_empty());
    let actions = |role: bool, search: bool| -> Vec<&str> {
        let wanted = CALLS.iter().map(|call| call.action);
        let mut actions: Vec<&str> = wanted
            .filter(|action| role || *action != TAKE_ROLE)
            .filter(|action| search || !SEARCHES.contains(action))
            .collect();
        actions.sort_unstable();
        actions
    };
    let mut statements = vec![json!({
        "Sid": "MidwatchReads",
        "Effect": "Allow",
        "Action": actions(false, false),
        "Resource": "*",
    })];
    if searches {
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
        "Sid": "MidwatchAltersNothing",
        "Effect": "Deny",
        "NotAction": actions(roles, searches),
        "Resource": "*",
    }));
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    use super::super::calls::READS_BY_ANOTHER_NAME;
    use super::*;

    #[test]
    fn the_policy_lets_the_table_through_and_nothing_else() {
        use crate::aws::iam::Verdict;
        use crate::aws::iam::simulation::Simulation;

        let role = "arn:aws:iam::222222222222:role/midwatch-reads";
        let searching = |searches: bool, roles: &[String], action: &str, resource: &str| {
            let given = json!({
                "request": {
                    "principal": "arn:aws:iam::111111111111:role/midwatch", "action": action, "resource": resource,
                    "resourceAccount": "111111111111",
                },
                "identityPolicies": [
                    {"name": "midwatch", "policy": policy(roles, &[], searches)},
                    // Whatever else somebody attaches.
                    {"name": "everything", "policy": {"Version": "2012-10-17", "Statement":
                        [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}},
                ],
            });
            let simulation: Simulation = serde_json::from_value(given).unwrap();
            simulation.run().unwrap().verdict
        };
        let verdict = |roles: &[String], action: &str, resource: &str| {
            searching(false, roles, action, resource)
        };
        for call in &CALLS {
            let wanted = match call.action {
                TAKE_ROLE => Verdict::ExplicitlyDenied,
                search if SEARCHES.contains(&search) => Verdict::ExplicitlyDenied,
                _ => Verdict::Allowed,
            };
            assert_eq!(verdict(&[], call.action, "*"), wanted, "{}", call.action);
            if SEARCHES.contains(&call.action) {
                let searched = searching(true, &[], call.action, "*");
                assert_eq!(searched, Verdict::Allowed, "{}", call.action);
            }
        }
        let alters = searching(true, &[], "logs:PutQueryDefinition", "*");
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
        let statements = policy(&[role.to_string()], &[], false);
        let named = statements.pointer("/Statement/1/Resource/0");
        assert_eq!(named.and_then(Value::as_str), Some(role));
        assert!(!policy(&[], &[], false).to_string().contains(TAKE_ROLE));
        // Taking the role that acts is all that it may do more for the hands.
        let acts = "arn:aws:iam::111111111111:role/midwatch-acts";
        let both = policy(&[role.to_string()], &[acts.to_string()], false);
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
        let longest = policy(&[role.to_string()], &[acts.to_string()], true);
        assert!(longest.to_string().len() < 6_144);
    }
}
