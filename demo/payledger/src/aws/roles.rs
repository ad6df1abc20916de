//! The roles that functions act under. IAM knows no regions: they are of both.

use serde_json::{Value, json};

use super::cloud::{Cloud, failed, is};
use super::system::{ROLES, Role};
use crate::failure::Failure;

/// The only policy of a role.
const POLICY: &str = "may";
const GONE: &[&str] = &["NoSuchEntity", "NoSuchEntityException"];

/// Whoever takes the role: Lambda.
fn trust() -> String {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
    }]})
    .to_string()
}

/// What the role may do: its own part, and writing down what it does.
fn policy(cloud: &Cloud, role: &Role) -> Value {
    let name = &cloud.name;
    let resource = |action: &str| match action.split(':').next() {
        Some("dynamodb") => format!("arn:aws:dynamodb:*:*:table/{name}-*"),
        Some("lambda") => format!("arn:aws:lambda:*:*:function:{name}-*"),
        // Neither CloudWatch nor SES has anything that could be named.
        _ => "*".to_string(),
    };
    let mut statements: Vec<Value> = role
        .may
        .iter()
        .map(|action| json!({"Effect": "Allow", "Action": action, "Resource": resource(action)}))
        .collect();
    statements.push(json!({
        "Effect": "Allow",
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": format!("arn:aws:logs:*:*:log-group:/aws/lambda/{name}-*"),
    }));
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// The ARN of a role; `None` if it is not there.
pub(super) async fn arn(cloud: &Cloud, part: &str) -> Result<Option<String>, Failure> {
    let name = cloud.named(part);
    match cloud.iam.get_role().role_name(&name).send().await {
        Ok(answer) => Ok(answer.role().map(|role| role.arn().to_string())),
        Err(error) if is(&error, GONE) => Ok(None),
        Err(error) => Err(failed(&format!("role {name}"), &error)),
    }
}

/// What the policy of a role says; `None` if it has none.
async fn stands(cloud: &Cloud, name: &str) -> Result<Option<Value>, Failure> {
    let asked = cloud
        .iam
        .get_role_policy()
        .role_name(name)
        .policy_name(POLICY)
        .send()
        .await;
    match asked {
        Ok(answer) => {
            let text = decoded(answer.policy_document());
            Ok(Some(serde_json::from_str(&text).unwrap_or(Value::Null)))
        }
        Err(error) if is(&error, GONE) => Ok(None),
        Err(error) => Err(failed(&format!("the policy of {name}"), &error)),
    }
}

/// IAM gives documents back as they stand in an address: `%7B` for a brace.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How the roles differ from what was set up.
pub(super) async fn deviations(cloud: &Cloud) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for role in &ROLES {
        let name = cloud.named(role.name);
        if arn(cloud, role.name).await?.is_none() {
            found.push(format!("the role {name} is not there"));
            continue;
        }
        match stands(cloud, &name).await? {
            None => found.push(format!("the role {name} has lost its policy")),
            Some(policy_now) if policy_now != policy(cloud, role) => {
                found.push(format!("the policy of the role {name} is another"));
            }
            Some(_) => {}
        }
    }
    Ok(found)
}

/// Makes the roles as they should be.
pub(super) async fn set_up(cloud: &Cloud) -> Result<(), Failure> {
    for role in &ROLES {
        if arn(cloud, role.name).await?.is_none() {
            let name = cloud.named(role.name);
            cloud
                .iam
                .create_role()
                .role_name(&name)
                .assume_role_policy_document(trust())
                .description("PayLedger")
                .send()
                .await
                .map_err(|error| failed(&format!("role {name}"), &error))?;
        }
    }
    restore(cloud).await.map(|_| ())
}

/// Gives roles their policies back; says which.
pub(super) async fn restore(cloud: &Cloud) -> Result<Vec<String>, Failure> {
    let mut put = Vec::new();
    for role in &ROLES {
        let name = cloud.named(role.name);
        let wanted = policy(cloud, role);
        if stands(cloud, &name).await?.as_ref() == Some(&wanted) {
            continue;
        }
        cloud
            .iam
            .put_role_policy()
            .role_name(&name)
            .policy_name(POLICY)
            .policy_document(wanted.to_string())
            .send()
            .await
            .map_err(|error| failed(&format!("the policy of {name}"), &error))?;
        put.push(format!("the policy of the role {name}"));
    }
    Ok(put)
}

/// Takes its policy from a role.
pub(super) async fn drop_policy(cloud: &Cloud, part: &str) -> Result<String, Failure> {
    let name = cloud.named(part);
    cloud
        .iam
        .delete_role_policy()
        .role_name(&name)
        .policy_name(POLICY)
        .send()
        .await
        .map_err(|error| failed(&format!("the policy of {name}"), &error))?;
    Ok(format!("DeleteRolePolicy: {name} has no policy any more"))
}

/// Takes the roles away; says which were there.
pub(super) async fn destroy(cloud: &Cloud) -> Result<Vec<String>, Failure> {
    let mut gone = Vec::new();
    for role in &ROLES {
        let name = cloud.named(role.name);
        let policy = cloud
            .iam
            .delete_role_policy()
            .role_name(&name)
            .policy_name(POLICY)
            .send()
            .await;
        if let Err(error) = policy
            && !is(&error, GONE)
        {
            return Err(failed(&format!("the policy of {name}"), &error));
        }
        match cloud.iam.delete_role().role_name(&name).send().await {
            Ok(_) => gone.push(format!("role {name}")),
            Err(error) if is(&error, GONE) => {}
            Err(error) => return Err(failed(&format!("role {name}"), &error)),
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_as_iam_writes_them() {
        assert_eq!(decoded("%7B%22a%22%3A%20%221%22%7D"), "{\"a\": \"1\"}");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%7"), "%zz%7");
    }
}
