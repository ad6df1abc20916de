//! Machines, the ways in to what runs, and what is known by name alone, in the double.

use super::services::{at, bare, runs, seconds};
use super::*;

const LISTENER: &str = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:listener/app/front/50dc6c495c0c9188/f2f7dc8efc522ab2";

/// A place that uses none of these.
pub fn nothing(call: &Call) -> Said {
    match call.action.as_str() {
        "ec2:DescribeInstances" => {
            bare(&json!({ "DescribeInstancesResponse": { "reservationSet": "" } }))
        }
        "apigateway:GetRestApis" => Said::Json(200, json!({ "item": [] })),
        "apigatewayv2:GetApis" => Said::Json(200, json!({ "items": [] })),
        "route53:ListHealthChecks" => checks(&[]),
        "resource-explorer-2:Search" => Said::Json(
            401,
            json!({ "__type": "UnauthorizedException", "Message": "there is no default view" }),
        ),
        other => panic!("nobody taught the double {other}"),
    }
}

/// How EC2 says when a machine was stopped.
fn gmt(minutes: i64) -> String {
    let at = at(minutes);
    format!("{} {} GMT", &at[..10], &at[11..19])
}

fn machines(operation: &str) -> Said {
    let machine = |id: &str, state: &str, launched: i64, more: Value| {
        let mut all = json!({
            "instanceId": id, "instanceState": { "code": 16, "name": state }, "instanceType": "m7g.large", "vpcId": "vpc-1",
            "launchTime": at(launched), "placement": { "availabilityZone": "eu-west-1a" },
        });
        let own = all.as_object_mut().unwrap();
        own.extend(more.as_object().unwrap().clone());
        all
    };
    let one = |reservation: &str, machine: Value| json!({ "reservationId": reservation, "instancesSet": { "item": machine } });
    if operation == "DescribeInstances" {
        let group = json!({ "tagSet": { "item": { "key": "aws:autoscaling:groupName", "value": "workers" } } });
        let web = json!({ "privateIpAddress": "10.0.0.4", "ipAddress": "192.0.2.4" });
        let spot = json!({
            "reason": format!("Service initiated ({})", gmt(12)), "instanceLifecycle": "spot",
            "stateReason": { "code": "Server.SpotInstanceTermination", "message": "Server.SpotInstanceTermination: Spot instance termination" },
        });
        let user = |minutes| {
            json!({
                "reason": format!("User initiated ({})", gmt(minutes)),
                "stateReason": { "code": "Client.UserInitiatedShutdown", "message": "Client.UserInitiatedShutdown: User initiated shutdown" },
            })
        };
        return bare(
            &json!({ "DescribeInstancesResponse": { "reservationSet": { "item": [
                one("r-1", machine("i-0abc", "running", 5, group)),
                one("r-2", machine("i-0web", "running", 20, web)),
                one("r-3", machine("i-0spot", "terminated", 9_000, spot)),
                one("r-4", machine("i-0old", "stopped", 90_000, user(9_000))),
                one("r-5", machine("i-0gone", "terminated", 9_000, user(10))),
                one("r-6", machine("i-0late", "stopped", 9_000, user(9))),
            ]}}}),
        );
    }
    let impaired = json!({
        "status": "impaired", "details": { "item": { "name": "reachability", "status": "failed", "impairedSince": at(8) } },
    });
    let planned = json!({ "item": [
        { "code": "instance-retirement", "description": "The instance is running on degraded hardware", "notBefore": at(-9_000) },
        { "code": "system-reboot", "description": "[Canceled] scheduled reboot", "notBefore": at(30) },
        { "code": "system-maintenance", "description": "[Completed] network", "notBefore": at(40), "notAfter": at(30) },
    ]});
    let status = json!({ "instanceStatusSet": { "item": [
        { "instanceId": "i-0abc", "instanceState": { "name": "running" }, "systemStatus": { "status": "ok" }, "instanceStatus": { "status": "ok" } },
        { "instanceId": "i-0web", "instanceState": { "name": "running" }, "systemStatus": impaired,
          "instanceStatus": { "status": "ok" }, "eventsSet": planned },
    ]}});
    bare(&json!({ "DescribeInstanceStatusResponse": status }))
}

fn gateways(action: &str) -> Said {
    let function = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111111111111:function";
    let answer = match action {
        "apigateway:GetRestApis" => json!({ "item": [
            { "id": "a1b2c3", "name": "orders-api", "createdDate": seconds(90_000), "apiStatus": "AVAILABLE" },
        ]}),
        "apigateway:GetStages" => json!({ "item": [{
            "stageName": "prod", "deploymentId": "d2", "createdDate": seconds(90_000), "lastUpdatedDate": seconds(11),
            "variables": { "fn": "pay", "TOKEN": "variable-canary-010" },
            "methodSettings": { "*/*": { "throttlingRateLimit": 100.0, "throttlingBurstLimit": 200 } },
            "canarySettings": { "percentTraffic": 10.0, "deploymentId": "d3" },
        }]}),
        "apigateway:GetResources" => {
            json!({ "item": [{ "id": "r", "path": "/pay", "resourceMethods": {
                "POST": { "httpMethod": "POST", "methodIntegration": {
                    "type": "AWS_PROXY", "uri": format!("{function}:${{stageVariables.fn}}/invocations"),
                    "credentials": "arn:aws:iam::111111111111:role/api-runs",
                }},
                "GET": { "httpMethod": "GET", "methodIntegration": {
                    "type": "HTTP_PROXY", "uri": "http://front-1.eu-west-1.elb.amazonaws.com/orders",
                    "credentials": "arn:aws:iam::*:user/*",
                }},
            }}]})
        }
        "apigatewayv2:GetApis" => json!({ "items": [{
            "apiId": "h7h7h7", "name": "shop", "protocolType": "HTTP", "apiEndpoint": "https://h7h7h7.execute-api.eu-west-1.amazonaws.com",
        }]}),
        "apigatewayv2:GetStages" => json!({ "items": [{
            "stageName": "$default", "autoDeploy": true, "deploymentId": "x1", "createdDate": at(7), "lastUpdatedDate": at(7),
            "defaultRouteSettings": { "throttlingBurstLimit": 0, "throttlingRateLimit": 0.0 },
            "lastDeploymentStatusMessage": "Successfully deployed stage with deployment ID 'x1'",
        }]}),
        _ => json!({ "items": [
            { "integrationId": "1", "integrationType": "AWS_PROXY", "integrationSubtype": "SQS-SendMessage", "requestParameters": {
                "QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111111111111/inbox", "MessageBody": "$request.body" } },
            { "integrationId": "2", "integrationType": "HTTP_PROXY", "integrationUri": LISTENER },
        ]}),
    };
    Said::Json(200, answer)
}

fn checks(all: &[Value]) -> Said {
    let list = match all {
        [] => json!(""),
        all => json!({ "HealthCheck": all }),
    };
    bare(&json!({ "ListHealthChecksResponse": {
        "HealthChecks": list, "Marker": "", "IsTruncated": false, "MaxItems": 100,
    }}))
}

fn health(action: &str) -> Said {
    let check = |id: &str, config: Value| json!({ "Id": id, "CallerReference": id, "HealthCheckConfig": config, "HealthCheckVersion": 1 });
    if action == "route53:ListHealthChecks" {
        return checks(&[
            check(
                "h-1",
                json!({
                    "Type": "HTTPS_STR_MATCH", "FullyQualifiedDomainName": "Front-1.eu-west-1.elb.amazonaws.com", "Port": 443,
                    "ResourcePath": "/health?token=variable-canary-011", "SearchString": "variable-canary-012",
                }),
            ),
            check(
                "h-2",
                json!({ "Type": "CALCULATED", "HealthThreshold": 1, "ChildHealthChecks": { "ChildHealthCheck": ["h-1"] } }),
            ),
            check(
                "h-3",
                json!({ "Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": { "Region": "eu-west-1", "Name": "pay throttled" } }),
            ),
            check(
                "h-4",
                json!({ "Type": "TCP", "IPAddress": "192.0.2.7", "Port": 22, "Disabled": true }),
            ),
        ]);
    }
    let saw = |region: &str, status: &str| json!({ "Region": region, "IPAddress": "192.0.2.9", "StatusReport": { "Status": status, "CheckedTime": at(1) } });
    let timeout =
        "Failure: The health checker could not establish a connection within the timeout limit.";
    bare(
        &json!({ "GetHealthCheckStatusResponse": { "HealthCheckObservations": { "HealthCheckObservation": [
            saw("eu-west-1", timeout), saw("us-east-1", timeout),
            saw("us-west-2", "Failure: HTTP Status Code 503, Service Unavailable. Resolved IP: 192.0.2.4"),
        ]}}}),
    )
}

fn names() -> Said {
    let tags = json!([{ "Name": "tags", "LastReportedAt": at(90), "Data": [{ "Key": "team", "Value": "carts" }] }]);
    let one = |sort: &str, region: &str, arn: &str| json!({ "Arn": arn, "Region": region, "ResourceType": sort, "Properties": tags });
    Said::Json(
        200,
        json!({ "ViewArn": "arn:aws:resource-explorer-2:eu-west-1:111111111111:view/all/1", "Resources": [
            one("elasticache:cluster", "eu-west-1", "arn:aws:elasticache:eu-west-1:111111111111:cluster:carts-001"),
            one("cloudfront:distribution", "global", "arn:aws:cloudfront::111111111111:distribution/E1"),
            // What was not asked for, as an emulator may answer.
            one("s3:bucket", "us-east-1", "arn:aws:s3:::elsewhere"),
            one("lambda:function", "eu-west-1", "arn:aws:lambda:eu-west-1:111111111111:function:other"),
        ]}),
    )
}

/// All that runs, and all of this.
pub fn whole(call: &Call) -> Said {
    let (service, operation) = call.action.split_once(':').unwrap_or_default();
    match service {
        "ec2" => machines(operation),
        "apigateway" | "apigatewayv2" => gateways(&call.action),
        "route53" => health(&call.action),
        "resource-explorer-2" => names(),
        _ => runs(call),
    }
}
