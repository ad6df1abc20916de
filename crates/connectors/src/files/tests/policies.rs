//! Policies in a recording say which statement refused a call.

use model::ports::StateSource;

use super::opened;

/// A record of the audit trail in which `orders` may not write to its table.
fn refused() -> String {
    let detail = serde_json::json!({
        "errorCode": "AccessDenied",
        "errorMessage": "User: arn:aws:sts::111111111111:assumed-role/orders/fn is not authorized to perform: \
            dynamodb:PutItem on resource: arn:aws:dynamodb:eu-west-1:111111111111:table/orders because no \
            identity-based policy allows the dynamodb:PutItem action",
        "sourceIPAddress": "10.0.0.1", "awsRegion": "eu-west-1",
        "userIdentity": {"sessionContext": {"sessionIssuer": {
            "type": "Role", "arn": "arn:aws:iam::111111111111:role/app/orders", "userName": "orders"}}},
        "requestParameters": {"tableName": "orders"},
    });
    serde_json::json!({"Events": [{
        "EventId": "e1", "EventName": "PutItem", "ReadOnly": "false", "EventTime": "2026-01-01T11:00:00Z",
        "EventSource": "dynamodb.amazonaws.com", "Username": "fn", "CloudTrailEvent": detail.to_string(),
    }]})
    .to_string()
}

fn role_policy(statement: &str) -> String {
    format!(
        r#"{{"RoleName":"orders","PolicyName":"write","PolicyDocument":{{"Version":"2012-10-17","Statement":[{statement}]}}}}"#
    )
}

/// The event that tells of the refusal, with these files beside the audit trail.
fn told(files: &[(&str, &str)]) -> String {
    let trail = refused();
    let mut all = vec![("aws/trail.json", trail.as_bytes())];
    all.extend(files.iter().map(|(name, text)| (*name, text.as_bytes())));
    let recording = opened(&all).expect("a recording");
    let events = recording.events(super::window());
    let events = events.found().expect("events");
    assert_eq!(events.len(), 1);
    let (decided, rest) = events[0]
        .message
        .split_once("PutItem by fn: ")
        .expect("who did what");
    assert!(rest.starts_with("User: arn:aws:sts::"), "{rest}");
    decided.to_string()
}

#[test]
fn a_refused_call_is_told_with_the_statement_that_decides() {
    assert_eq!(told(&[]), "");
    let near = r#"{"Sid":"Read","Effect":"Allow","Action":"dynamodb:GetItem","Resource":"*"}"#;
    assert_eq!(
        told(&[("iam/write.json", &role_policy(near))]),
        "the call is denied because no identity policy allows it; nearest to it is identity policy \
         \"write of role orders\", statement 1 (Read): "
    );
    let deny = r#"{"Effect":"Allow","Action":"*","Resource":"*"},
        {"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/app/*"}}}"#;
    assert_eq!(
        told(&[("iam/write.json", &role_policy(deny))]),
        "denied by identity policy \"write of role orders\", statement 2: "
    );
    let unknown = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:ViaAWSService":true}}}"#;
    assert_eq!(
        told(&[("iam/write.json", &role_policy(unknown))]),
        "it cannot be told without: aws:ViaAWSService: "
    );
    let allow = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    assert_eq!(
        told(&[("iam/write.json", &role_policy(allow))]),
        "the recorded policies would allow it: "
    );
}

#[test]
fn policies_that_cannot_be_read_spoil_no_case() {
    assert_eq!(
        told(&[("iam/write.json", "{")]),
        "the recorded policies cannot be evaluated (write.json: EOF while parsing an object at line 1 column 1; \
         expected JSON, as the AWS command line prints it): "
    );
    assert_eq!(told(&[("iam/README.md", "notes")]), "");
}
