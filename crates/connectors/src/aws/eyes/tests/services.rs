//! What runs, in the double: a service whose new tasks are killed, what stands before and below it, machines that cannot
//! be had, a workflow that fails, and who released what.

use super::*;

/// An answer of the query protocols.
fn xml(operation: &str, result: &Value) -> Said {
    bare(&json!({ format!("{operation}Response"): { format!("{operation}Result"): result } }))
}

/// A document of XML: objects and texts as elements, a list as one element each.
pub fn bare(document: &Value) -> Said {
    fn write(value: &Value, out: &mut String) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let all = value
                        .as_array()
                        .map_or(std::slice::from_ref(value), Vec::as_slice);
                    for one in all {
                        *out += &format!("<{name}>");
                        write(one, out);
                        *out += &format!("</{name}>");
                    }
                }
            }
            Value::String(text) => *out += &text.replace('&', "&amp;").replace('<', "&lt;"),
            other => *out += &other.to_string(),
        }
    }
    let mut text = String::new();
    write(document, &mut text);
    Said::Xml(200, text)
}

/// So many minutes ago, as XML has moments.
pub fn at(minutes: i64) -> String {
    BEGIN.minus(Span(minutes * MINUTE)).to_string()
}

/// The same as JSON has them.
pub fn seconds(minutes: i64) -> f64 {
    ((BEGIN.0 - minutes * MINUTE) / SECOND) as f64
}

/// A place that uses none of these services.
pub fn nothing(call: &Call) -> Said {
    let operation = call.action.split(':').nth(1).unwrap_or_default();
    match call.action.as_str() {
        "ecs:ListClusters" => Said::Json(200, json!({ "clusterArns": [] })),
        "states:ListStateMachines" => Said::Json(200, json!({ "stateMachines": [] })),
        "codepipeline:ListPipelines" => Said::Json(200, json!({ "pipelines": [] })),
        "codedeploy:ListDeployments" => Said::Json(200, json!({ "deployments": [] })),
        "codebuild:ListBuilds" => Said::Json(200, json!({ "ids": [] })),
        "config:DescribeConfigurationRecorderStatus" => {
            Said::Json(200, json!({ "ConfigurationRecordersStatus": [] }))
        }
        "ssm:DescribeAutomationExecutions" => {
            Said::Json(200, json!({ "AutomationExecutionMetadataList": [] }))
        }
        "logs:StartQuery" | "logs:GetQueryResults" | "logs:StopQuery" => beside::search(call),
        "rds:DescribeDBInstances" => xml(operation, &json!({ "DBInstances": "" })),
        "elasticloadbalancing:DescribeLoadBalancers" => {
            xml(operation, &json!({ "LoadBalancers": "" }))
        }
        "autoscaling:DescribeAutoScalingGroups" => {
            xml(operation, &json!({ "AutoScalingGroups": "" }))
        }
        _ => ways::nothing(call),
    }
}

const GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:111111111111:targetgroup/web/6d0ecf831eec9f09";
const BALANCER: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:111111111111:loadbalancer/app/front/50dc6c495c0c9188";
pub const COMMIT: &str = "c0ffee1234abcdc0ffee1234abcdc0ffee1234ab";
const KILLED: &str = "OutOfMemoryError: Container killed due to memory usage";

fn task_definition(revision: i64) -> Value {
    let (image, memory) = if revision == 42 {
        (format!("shop/web:{COMMIT}"), 128)
    } else {
        ("shop/web:v41".to_string(), 512)
    };
    json!({
        "taskDefinitionArn": format!("arn:aws:ecs:eu-west-1:111111111111:task-definition/web:{revision}"),
        "family": "web", "revision": revision, "registeredAt": seconds(12),
        "taskRoleArn": "arn:aws:iam::111111111111:role/web-runs",
        "containerDefinitions": [{
            "name": "app", "image": image, "memory": memory, "cpu": 256,
            "environment": [{ "name": "LEDGER", "value": "ledger" }, { "name": "TOKEN", "value": "variable-canary-001" }],
            "secrets": [{ "name": "POOL", "valueFrom": "arn:aws:ssm:eu-west-1:111111111111:parameter/shop/pool" }],
        }],
    })
}

/// The service of ECS, and its tasks.
fn containers(call: &Call) -> Said {
    let arn = |rest: &str| format!("arn:aws:ecs:eu-west-1:111111111111:{rest}");
    let deployment = |id: &str,
                      status: &str,
                      revision: i64,
                      minutes: i64,
                      failed: i64,
                      running: i64| {
        json!({
            "id": format!("ecs-svc/{id}"), "status": status, "taskDefinition": arn(&format!("task-definition/web:{revision}")),
            "desiredCount": 2, "runningCount": running, "pendingCount": 0, "failedTasks": failed,
            "createdAt": seconds(minutes), "updatedAt": seconds(1),
            "rolloutState": if failed > 0 { "IN_PROGRESS" } else { "COMPLETED" },
            "rolloutStateReason": format!("ECS deployment ecs-svc/{id} is as it is."),
        })
    };
    Said::Json(
        200,
        match call.action.as_str() {
            "ecs:ListClusters" => json!({ "clusterArns": [arn("cluster/shop")] }),
            "ecs:ListServices" => json!({ "serviceArns": [arn("service/shop/web")] }),
            "ecs:DescribeServices" => json!({ "services": [{
                "serviceArn": arn("service/shop/web"), "serviceName": "web", "clusterArn": arn("cluster/shop"), "status": "ACTIVE",
                "desiredCount": 2, "runningCount": 2, "pendingCount": 0, "taskDefinition": arn("task-definition/web:42"),
                "loadBalancers": [{ "targetGroupArn": GROUP, "containerName": "app", "containerPort": 80 }],
                "deployments": [deployment("2", "PRIMARY", 42, 10, 5, 0), deployment("1", "ACTIVE", 41, 9_000, 0, 2)],
                "events": [
                    { "id": "e4", "createdAt": seconds(2), "message": "(service web) is unable to consistently start tasks successfully." },
                    { "id": "e3", "createdAt": seconds(6), "message": "(service web) (task 1f2e) has started 1 tasks: (task 1f2e)." },
                    { "id": "e2", "createdAt": seconds(50), "message": "(service web) has reached a steady state." },
                    { "id": "e1", "createdAt": seconds(9_000), "message": "(service web) was unable to place a task." },
                ],
            }]}),
            "ecs:DescribeTaskDefinition" => {
                let asked = call.body["taskDefinition"].as_str().unwrap_or_default();
                let revision = asked
                    .rsplit(':')
                    .next()
                    .and_then(|number| number.parse().ok());
                json!({ "taskDefinition": task_definition(revision.unwrap_or(0)) })
            }
            "ecs:ListTasks" => json!({ "taskArns": [arn("task/shop/a"), arn("task/shop/b")] }),
            "ecs:DescribeTasks" => {
                let task = |name: &str, minutes: i64| {
                    json!({
                        "taskArn": arn(&format!("task/shop/{name}")), "group": "service:web",
                        "taskDefinitionArn": arn("task-definition/web:42"), "stoppedAt": seconds(minutes),
                        "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
                        "containers": [{ "name": "app", "exitCode": 137, "reason": KILLED }],
                    })
                };
                json!({ "tasks": [task("a", 3), task("b", 7)] })
            }
            other => panic!("nobody taught the double {other}"),
        },
    )
}

fn databases(operation: &str) -> Said {
    let instance = |name: &str, status: &str| {
        json!({
            "DBInstanceIdentifier": name, "DBInstanceStatus": status, "Engine": "aurora-postgresql", "DBClusterIdentifier": "orders",
            "DBInstanceArn": format!("arn:aws:rds:eu-west-1:111111111111:db:{name}"), "AllocatedStorage": 20, "MultiAZ": false,
            "PendingModifiedValues": { "DBInstanceClass": "db.r6g.large", "MasterUserPassword": "variable-canary-002" },
            "DBParameterGroups": { "DBParameterGroup": [
                { "DBParameterGroupName": "tuned", "ParameterApplyStatus": "pending-reboot" },
            ]},
        })
    };
    xml(
        operation,
        &match operation {
            "DescribeDBInstances" => json!({ "DBInstances": { "DBInstance": [
                instance("orders-1", "storage-full"), instance("orders-2", "available"),
            ]}}),
            "DescribeDBClusters" => json!({ "DBClusters": { "DBCluster": [{
                "DBClusterIdentifier": "orders", "Status": "available",
                "DBClusterMembers": { "DBClusterMember": [
                    { "DBInstanceIdentifier": "orders-1", "IsClusterWriter": true },
                    { "DBInstanceIdentifier": "orders-2", "IsClusterWriter": false },
                ]},
            }]}}),
            "DescribePendingMaintenanceActions" => {
                json!({ "PendingMaintenanceActions": { "ResourcePendingMaintenanceActions": [{
                    "ResourceIdentifier": "arn:aws:rds:eu-west-1:111111111111:db:orders-1",
                    "PendingMaintenanceActionDetails": { "PendingMaintenanceAction": [{ "Action": "system-update" }] },
                }]}})
            }
            _ => {
                let event = |name: &str, kind: &str, minutes: i64, said: &str| {
                    json!({
                        "SourceIdentifier": name, "SourceType": kind, "Date": at(minutes), "Message": said,
                        "EventCategories": { "EventCategory": ["low storage"] },
                    })
                };
                json!({ "Events": { "Event": [
                    event("orders-1", "db-instance", 8, "DB instance has run out of storage space."),
                    event("old", "db-snapshot", 8, "Automated snapshot created"),
                    // Out of the time that was asked for.
                    event("orders-1", "db-instance", 90_000, "DB instance restarted"),
                ]}})
            }
        },
    )
}

fn balancers(operation: &str) -> Said {
    xml(
        operation,
        &match operation {
            "DescribeLoadBalancers" => json!({ "LoadBalancers": { "member": [{
                "LoadBalancerArn": BALANCER, "LoadBalancerName": "front", "Type": "application", "Scheme": "internet-facing",
                "DNSName": "front-1.eu-west-1.elb.amazonaws.com", "State": { "Code": "active" },
            }]}}),
            "DescribeTargetGroups" => json!({ "TargetGroups": { "member": [
                { "TargetGroupArn": GROUP, "TargetGroupName": "web", "TargetType": "ip", "VpcId": "vpc-1", "Port": 80, "HealthCheckPath": "/health",
                  "LoadBalancerArns": { "member": [BALANCER] } },
                { "TargetGroupArn": format!("{GROUP}0"), "TargetGroupName": "nobody", "LoadBalancerArns": "" },
            ]}}),
            _ => json!({ "TargetHealthDescriptions": { "member": [
                { "Target": { "Id": "10.0.0.4", "Port": 80 }, "TargetHealth": { "State": "healthy" } },
                { "Target": { "Id": "i-0abc", "Port": 80 }, "TargetHealth": { "State": "unhealthy",
                  "Reason": "Target.ResponseCodeMismatch", "Description": "Health checks failed with these codes: [502]" } },
            ]}}),
        },
    )
}

fn fleets(operation: &str) -> Said {
    xml(
        operation,
        &match operation {
            "DescribeAutoScalingGroups" => json!({ "AutoScalingGroups": { "member": [{
                "AutoScalingGroupName": "workers", "MinSize": 1, "MaxSize": 6, "DesiredCapacity": 4,
                "TargetGroupARNs": { "member": [GROUP] },
                "Instances": { "member": [
                    { "InstanceId": "i-0abc", "LifecycleState": "InService", "HealthStatus": "Healthy", "AvailabilityZone": "eu-west-1a" },
                ]},
                "SuspendedProcesses": { "member": [{ "ProcessName": "AZRebalance" }] },
            }]}}),
            _ => {
                let cause =
                    "a monitor alarm busy in state ALARM changed the desired capacity from 1 to 4.";
                let activity = |id: &str, status: &str, minutes: i64, said: &str| {
                    json!({
                        "ActivityId": id, "AutoScalingGroupName": "workers", "Description": format!("Launching a new EC2 instance: i-{id}"),
                        "Cause": cause, "StartTime": at(minutes), "EndTime": at(minutes - 1), "StatusCode": status, "StatusMessage": said,
                    })
                };
                let none = "We currently do not have sufficient m7g.large capacity in the Availability Zone you requested (eu-west-1a).";
                json!({ "Activities": { "member": [
                    activity("3", "Failed", 5, none), activity("2", "Successful", 6, ""), activity("1", "Successful", 7, ""),
                ]}})
            }
        },
    )
}

fn workflows(call: &Call) -> Said {
    let machine = "arn:aws:states:eu-west-1:111111111111:stateMachine:settle";
    let execution = |name: &str, status: &str, minutes: i64| {
        json!({
            "executionArn": format!("arn:aws:states:eu-west-1:111111111111:execution:settle:{name}"), "stateMachineArn": machine,
            "name": name, "status": status, "startDate": seconds(minutes), "stopDate": seconds(minutes),
        })
    };
    Said::Json(
        200,
        match call.action.as_str() {
            "states:ListStateMachines" => json!({ "stateMachines": [
                { "stateMachineArn": machine, "name": "settle", "type": "STANDARD", "creationDate": seconds(90_000) },
                { "stateMachineArn": format!("{machine}-quick"), "name": "settle-quick", "type": "EXPRESS", "creationDate": seconds(90_000) },
            ]}),
            "states:ListExecutions" => json!({ "executions": [
                execution("c", "FAILED", 3), execution("b", "FAILED", 4), execution("a", "SUCCEEDED", 9), execution("0", "FAILED", 90_000),
            ]}),
            "states:GetExecutionHistory" => json!({ "events": [
                { "timestamp": seconds(3), "type": "ExecutionFailed", "id": 4, "previousEventId": 3,
                  "executionFailedEventDetails": { "error": "States.TaskFailed", "cause": "a step failed" } },
                { "timestamp": seconds(3), "type": "TaskFailed", "id": 3, "previousEventId": 2, "taskFailedEventDetails": {
                  "resourceType": "lambda", "resource": "invoke", "error": "Lambda.TooManyRequestsException", "cause": "Rate Exceeded." } },
                { "timestamp": seconds(3), "type": "TaskStateEntered", "id": 2, "previousEventId": 1,
                  "stateEnteredEventDetails": { "name": "Charge" } },
            ]}),
            "states:DescribeStateMachine" => json!({
                "stateMachineArn": machine, "name": "settle", "type": "STANDARD", "creationDate": seconds(90_000),
                "roleArn": "arn:aws:iam::111111111111:role/settle-runs",
                "definition": json!({ "States": { "Charge": { "Resource": "arn:aws:states:::lambda:invoke",
                                                               "Parameters": { "FunctionName": "pay" } } } }).to_string(),
            }),
            other => panic!("nobody taught the double {other}"),
        },
    )
}

fn releases(call: &Call) -> Said {
    Said::Json(
        200,
        match call.action.as_str() {
            "codepipeline:ListPipelines" => json!({ "pipelines": [{ "name": "web" }] }),
            "codepipeline:ListPipelineExecutions" => json!({ "pipelineExecutionSummaries": [
                { "pipelineExecutionId": "p-2", "status": "Failed", "startTime": seconds(14), "lastUpdateTime": seconds(9),
                  "sourceRevisions": [{ "actionName": "Source", "revisionId": COMMIT, "revisionSummary": "Cache carts\n\nmore" }] },
                { "pipelineExecutionId": "p-1", "status": "Superseded", "startTime": seconds(15), "lastUpdateTime": seconds(15) },
                { "pipelineExecutionId": "p-0", "status": "Succeeded", "startTime": seconds(90_000), "lastUpdateTime": seconds(90_000) },
            ]}),
            "codepipeline:GetPipelineState" => json!({ "pipelineName": "web", "stageStates": [
                { "stageName": "Source", "latestExecution": { "pipelineExecutionId": "p-2", "status": "Succeeded" } },
                { "stageName": "Out", "latestExecution": { "pipelineExecutionId": "p-2", "status": "Failed" },
                  "actionStates": [{ "actionName": "Deploy", "latestExecution": { "status": "Failed", "errorDetails":
                      { "code": "JobFailed", "message": "The service did not become stable." } } }] },
            ]}),
            "codepipeline:GetPipeline" => {
                json!({ "pipeline": { "name": "web", "roleArn": "arn:aws:iam::1:role/x", "stages": [{
                    "name": "Out", "actions": [{ "name": "Out", "actionTypeId":
                        { "category": "Deploy", "owner": "AWS", "provider": "ECS", "version": "1" },
                        "configuration": { "ClusterName": "shop", "ServiceName": "web", "Secret": "variable-canary-003" } }],
                }]}})
            }
            "codedeploy:ListDeployments" => json!({ "deployments": ["d-1"] }),
            "codedeploy:BatchGetDeployments" => json!({ "deploymentsInfo": [{
                "applicationName": "shop", "deploymentGroupName": "workers", "deploymentId": "d-1", "status": "Failed",
                "createTime": seconds(30), "startTime": seconds(29), "completeTime": seconds(25), "creator": "user",
                "errorInformation": { "code": "HEALTH_CONSTRAINTS", "message": "Too few healthy instances are available." },
                "rollbackInfo": { "rollbackDeploymentId": "d-2", "rollbackMessage": "d-2 goes back." },
                "revision": { "revisionType": "GitHub", "gitHubLocation": { "repository": "shop/workers", "commitId": COMMIT } },
            }]}),
            "codedeploy:BatchGetDeploymentGroups" => json!({ "deploymentGroupsInfo": [{
                "applicationName": "shop", "deploymentGroupName": "workers", "autoScalingGroups": [{ "name": "workers" }],
            }]}),
            other => panic!("nobody taught the double {other}"),
        },
    )
}

/// A role that may write to a table, but for what its second policy forbids.
fn rights(operation: &str) -> Said {
    let allow = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*" },
    ]});
    let deny = json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "NoLedgerKey", "Effect": "Deny", "Action": "secretsmanager:GetSecretValue",
          "Resource": "arn:aws:secretsmanager:*:*:secret:ledger-*" },
    ]});
    let version = |document: &Value, is: bool| json!({ "VersionId": "v1", "IsDefaultVersion": is, "Document": document.to_string() });
    let role = |name: &str, inline: Value, attached: Value| {
        json!({
            "RoleName": name, "Path": "/", "RoleId": "AROA", "Arn": format!("arn:aws:iam::111111111111:role/{name}"),
            "AssumeRolePolicyDocument": "{}", "RolePolicyList": inline, "AttachedManagedPolicies": attached,
        })
    };
    let guard = "arn:aws:iam::111111111111:policy/guard";
    xml(
        operation,
        &json!({
            "IsTruncated": false,
            "RoleDetailList": { "member": [
                role("other", json!({ "member": [{ "PolicyName": "p", "PolicyDocument": "policy-canary" }] }), json!("")),
                role(
                    "pay-runs",
                    json!({ "member": [{ "PolicyName": "secrets", "PolicyDocument": allow.to_string() }] }),
                    json!({ "member": [{ "PolicyName": "guard", "PolicyArn": guard }] }),
                ),
            ]},
            "Policies": { "member": [{
                "PolicyName": "guard", "Arn": guard,
                "PolicyVersionList": { "member": [version(&allow, false), version(&deny, true)] },
            }]},
        }),
    )
}

/// Of the audit trail: a secret that was refused to the role of `pay`.
fn refused() -> Said {
    let secret = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:ledger-AbCdEf";
    let session = "arn:aws:sts::111111111111:assumed-role/pay-runs/pay";
    let detail = json!({
        "readOnly": true, "errorCode": "AccessDenied", "awsRegion": "eu-west-1",
        "errorMessage": format!("User: {session} is not authorized to perform: secretsmanager:GetSecretValue on resource: {secret}"),
        "userIdentity": { "type": "AssumedRole", "arn": session, "sessionContext": { "sessionIssuer": {
            "type": "Role", "arn": "arn:aws:iam::111111111111:role/pay-runs", "userName": "pay-runs",
        }}},
    });
    Said::Json(
        200,
        json!({ "Events": [{
            "EventId": "e-secret", "EventName": "GetSecretValue", "EventSource": "secretsmanager.amazonaws.com",
            "EventTime": seconds(6), "Username": "pay", "ReadOnly": "true", "CloudTrailEvent": detail.to_string(),
        }]}),
    )
}

/// The small account, and all of this in it.
pub fn runs(call: &Call) -> Said {
    let (service, operation) = call.action.split_once(':').unwrap_or_default();
    match service {
        "ecs" => containers(call),
        "rds" => databases(operation),
        "elasticloadbalancing" => balancers(operation),
        "autoscaling" => fleets(operation),
        "states" => workflows(call),
        "codepipeline" | "codedeploy" => releases(call),
        "iam" => rights(operation),
        "cloudtrail" if call.body["LookupAttributes"][0]["AttributeValue"] == "GetSecretValue" => {
            refused()
        }
        "codebuild" => beside::builds(call),
        "config" => beside::recorded(call),
        "ssm" => beside::systems(call),
        _ => answer(call),
    }
}
