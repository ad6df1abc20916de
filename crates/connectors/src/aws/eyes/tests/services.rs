//! What runs, in the double: a service whose new tasks are killed, what stands before and below it, machines that cannot
//! be had, a workflow that fails, and who released what.

use super::*;

/// An answer of the query protocols: objects and texts as elements, a list as one element each.
fn xml(operation: &str, result: &Value) -> Said {
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
    write(
        &json!({ format!("{operation}Response"): { format!("{operation}Result"): result } }),
        &mut text,
    );
    Said::Xml(200, text)
}

/// So many minutes ago, as XML has moments.
fn at(minutes: i64) -> String {
    BEGIN.minus(Span(minutes * MINUTE)).to_string()
}

/// The same as JSON has them.
fn seconds(minutes: i64) -> f64 {
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
        "rds:DescribeDBInstances" => xml(operation, &json!({ "DBInstances": "" })),
        "elasticloadbalancing:DescribeLoadBalancers" => {
            xml(operation, &json!({ "LoadBalancers": "" }))
        }
        "autoscaling:DescribeAutoScalingGroups" => {
            xml(operation, &json!({ "AutoScalingGroups": "" }))
        }
        other => panic!("nobody taught the double {other}"),
    }
}

const GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:111111111111:targetgroup/web/6d0ecf831eec9f09";
const BALANCER: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:111111111111:loadbalancer/app/front/50dc6c495c0c9188";
const COMMIT: &str = "c0ffee1234abcdc0ffee1234abcdc0ffee1234ab";
pub const KILLED: &str = "OutOfMemoryError: Container killed due to memory usage";

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
                { "TargetGroupArn": GROUP, "TargetGroupName": "web", "TargetType": "ip", "Port": 80, "HealthCheckPath": "/health",
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

/// The small account, and all of this in it.
pub fn whole(call: &Call) -> Said {
    let (service, operation) = call.action.split_once(':').unwrap_or_default();
    match service {
        "ecs" => containers(call),
        "rds" => databases(operation),
        "elasticloadbalancing" => balancers(operation),
        "autoscaling" => fleets(operation),
        "states" => workflows(call),
        "codepipeline" | "codedeploy" => releases(call),
        _ => answer(call),
    }
}

fn brought() -> (Brought, Arc<Double>) {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), whole);
    let eyes = eyes(&double, one_region());
    let brought = look(&double, &eyes);
    println!(
        "{} calls in {}",
        double.calls().len(),
        time.now().since(BEGIN)
    );
    (brought, double)
}

#[test]
fn what_runs_becomes_rows() {
    let (brought, double) = brought();
    assert_eq!(brought.gaps, []);
    let calls = double.calls();
    assert!(calls.len() <= 55, "{}", calls.len());
    let time = double.time.now().since(BEGIN);
    assert!(time < Span::seconds(5), "{time}");
    let whole = format!("{brought:?}");
    assert!(!whole.contains("variable-canary"), "{whole}");

    let events: Vec<String> = brought
        .events
        .iter()
        .filter(|one| !["cloudwatch", "cloudtrail"].contains(&one.source.as_str()))
        .map(|one| {
            let severity = one
                .severity
                .map_or(String::new(), |severity| severity.to_string());
            format!(
                "{} {severity} x{} {}: {}",
                one.entity, one.count, one.reason, one.message
            )
        })
        .collect();
    insta::assert_snapshot!(events.join("\n"), @r"
    database/orders-1 warn x1 low storage: DB instance has run out of storage space.
    service/web info x1 ServiceEvent: (service web) has reached a steady state.
    service/web error x2 OOMKilled: a task of web:42 stopped: Essential container in task exited: container app exited with code 137 (OutOfMemoryError: Container killed due to memory usage)
    service/web error x1 ServiceEvent: (service web) is unable to consistently start tasks successfully.
    workload/workers error x1 ScalingActivityFailed: Launching a new EC2 instance failed: We currently do not have sufficient m7g.large capacity in the Availability Zone you requested (eu-west-1a).
    function/settle error x2 ExecutionFailed: an execution failed
    function/settle error x1 StepFailed: execution c failed in Charge: Lambda.TooManyRequestsException: Rate Exceeded.
    service/web warn x1 PipelineExecutionFailed: pipeline web failed: it does not say why
    workload/workers error x1 DeploymentFailed: deployment failed: d-1: HEALTH_CONSTRAINTS: Too few healthy instances are available. d-2 goes back.
");

    let mut changes: Vec<String> = brought
        .changes
        .iter()
        .filter(|one| one.actor != "anna")
        .map(|one| {
            let touched: Vec<&str> = one.entities.iter().map(EntityId::as_str).collect();
            let ago = BEGIN.since(one.start).as_minutes();
            format!(
                "{:?} {ago} min ago [{}] {}",
                one.kind,
                touched.join(" "),
                one.title
            )
        })
        .collect();
    changes.sort();
    insta::assert_snapshot!(changes.join("\n"), @r"
    Deploy 10 min ago [service/web] web: web:42 in place of web:41, image shop/web:c0ffee1234abcdc0ffee1234abcdc0ffee1234ab
    Deploy 14 min ago [service/web] pipeline web released c0ffee1234ab (Cache carts): Failed
    Deploy 29 min ago [workload/workers] shop/workers: c0ffee1234abcdc0ffee1234abcdc0ffee1234ab, failed
    Scaling 7 min ago [workload/workers] workers: Launching a new EC2 instance, 2 machines
");
    let rollout = brought
        .changes
        .iter()
        .find(|one| one.id == "ecs:web:ecs-svc/2")
        .unwrap();
    assert_eq!(rollout.carries, [COMMIT]);
    let diff = rollout.diff.as_deref().unwrap();
    for line in [
        "-    image: shop/web:v41",
        "-        memory: \"512Mi\"",
        "+        memory: \"128Mi\"",
    ] {
        assert!(diff.contains(line), "{line}: {diff}");
    }

    let edges: BTreeSet<String> = brought
        .topology
        .edges
        .iter()
        .map(|edge| format!("{} {:?} {}", edge.from, edge.kind, edge.to))
        .collect();
    for edge in [
        "gateway/app/front/50dc6c495c0c9188 Calls service/web",
        "gateway/app/front/50dc6c495c0c9188 Calls workload/workers",
        "gateway/app/front/50dc6c495c0c9188 Calls host/i-0abc",
        "workload/workers ServedBy host/i-0abc",
        "service/web Calls table/ledger",
        "service/web UsesRole role/web-runs",
        "database/orders ServedBy database/orders-1",
        "function/settle Calls function/pay",
        "function/settle UsesRole role/settle-runs",
    ] {
        assert!(edges.contains(edge), "{edge}: {edges:#?}");
    }
}

#[test]
fn what_runs_becomes_documents() {
    let (brought, _) = brought();
    let state = |who: &str, kind: &str| -> Value {
        let same = |one: &&model::StateSnapshot| one.entity.as_str() == who && one.kind == kind;
        let found = brought.snapshots.iter().find(same);
        found
            .unwrap_or_else(|| panic!("{who} {kind}"))
            .document
            .clone()
    };
    let web = state("service/web", "ecs.workload");
    assert_eq!(
        (&web["desiredCount"], &web["runningCount"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(web["conditions"][0]["status"], "False");
    assert!(
        web["conditions"][0]["message"]
            .as_str()
            .unwrap()
            .starts_with("5 of its tasks failed"),
        "{web}"
    );
    let orders = state("database/orders-1", "rds.instance");
    assert_eq!(orders["DBInstanceStatus"], "storage-full");
    assert_eq!(
        orders["message"],
        "waits to be altered: DBInstanceClass, MasterUserPassword; parameters of tuned are pending-reboot; maintenance waits: \
         system-update"
    );
    let members = state("database/orders", "rds.cluster")["DBClusterMembers"].clone();
    assert_eq!(members[0]["IsClusterWriter"], true);
    let front = "gateway/app/front/50dc6c495c0c9188";
    assert_eq!(state(front, "elb.balancer")["State"], "active");
    let targets = state(front, "elb.targets");
    let first = &targets["TargetHealthDescriptions"][0];
    assert_eq!(
        first["TargetHealth"]["Reason"], "Target.ResponseCodeMismatch",
        "who is ill stands first"
    );
    assert_eq!(targets["Healthy"], 1);
    let workers = state("workload/workers", "autoscaling.group");
    assert_eq!(
        (&workers["desiredCount"], &workers["runningCount"]),
        (&json!(4), &json!(1))
    );
    assert_eq!(workers["message"], "suspended: AZRebalance");
    assert_eq!(
        state("function/settle", "states.machine")["Executions"],
        json!({ "FAILED": 2, "SUCCEEDED": 1 })
    );
}

#[test]
fn a_service_that_nobody_uses_costs_one_call() {
    let time = Time::new();
    let double = Double::new(&time, Duration::from_millis(20), answer);
    let eyes = eyes(&double, one_region());
    let brought = look(&double, &eyes);
    assert_eq!(brought.gaps, []);
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in double.calls() {
        let (service, _) = call.action.split_once(':').unwrap();
        *calls.entry(service.to_string()).or_default() += 1;
    }
    for service in [
        "ecs",
        "rds",
        "elasticloadbalancing",
        "autoscaling",
        "states",
        "codepipeline",
        "codedeploy",
    ] {
        assert_eq!(calls[service], 1, "{service}");
    }
    assert!(double.calls().len() < 40, "{calls:?}");
}

/// Each call of these services denied, one at a time: that one is a gap which names it, and the rest is there.
#[test]
fn what_may_not_be_asked_is_a_gap_that_names_the_permission() {
    let own = [
        "ecs",
        "rds",
        "elasticloadbalancing",
        "autoscaling",
        "states",
        "codepipeline",
        "codedeploy",
    ];
    let calls = CALLS
        .iter()
        .filter(|call| own.contains(&call.service.prefix));
    for call in calls {
        let time = Time::new();
        let denied = call.action;
        let query = ["rds", "elasticloadbalancing", "autoscaling"].contains(&call.service.prefix);
        let double = Double::new(&time, Duration::from_millis(20), move |call| {
            let why = format!("User: x is not authorized to perform: {denied}");
            match call.action == denied {
                true if query => Said::Xml(
                    403,
                    format!(
                        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>{why}</Message></Error></ErrorResponse>"
                    ),
                ),
                true => Said::Json(
                    400,
                    json!({ "__type": "AccessDeniedException", "message": why }),
                ),
                false => whole(call),
            }
        });
        let eyes = eyes(&double, one_region());
        let brought = look(&double, &eyes);
        let [gap] = &brought.gaps[..] else {
            panic!("{denied}: {:?}", brought.gaps)
        };
        assert_eq!(gap.why, GapReason::Permission, "{denied}");
        assert!(
            gap.how_to_close.starts_with(&format!("allow {denied} ")),
            "{gap:?}"
        );
        assert!(
            brought.series.len() >= 6 && !brought.changes.is_empty(),
            "{denied}"
        );
    }
}

/// Whatever else these services answer, it ends in a gap or in nothing, and neither in a panic nor in an endless look.
#[test]
fn strange_answers_break_nothing() {
    let own = [
        "ecs",
        "rds",
        "elasticloadbalancing",
        "autoscaling",
        "states",
        "codepipeline",
        "codedeploy",
    ];
    // Every text that the double knows turned into others: empty, huge, of another alphabet, with what breaks lines.
    let huge = "9".repeat(40_000);
    for odd in [
        "",
        "\u{0}\u{202e}\n",
        "arn:",
        "arn:aws:::::/",
        "((((",
        "-1",
        huge.as_str(),
    ] {
        let time = Time::new();
        let odd = odd.to_string();
        let double = Double::new(&time, Duration::from_millis(20), move |call| {
            let service = call.action.split(':').next().unwrap_or_default();
            match whole(call) {
                Said::Json(status, value) if own.contains(&service) => {
                    Said::Json(status, twisted(value, &odd))
                }
                Said::Xml(status, text) if own.contains(&service) => {
                    let odd = odd.replace(['\u{0}', '\u{202e}'], "?");
                    Said::Xml(
                        status,
                        text.replace(":111111111111:", &odd)
                            .replace("orders", &odd)
                            .replace("workers", &odd),
                    )
                }
                other => other,
            }
        });
        let eyes = eyes(&double, one_region());
        let brought = look(&double, &eyes);
        assert!(time.now().since(BEGIN) <= eyes.settings.budget.look);
        assert!(brought.series.len() >= 6);
        let longest = brought.events.iter().map(|one| one.message.len()).max();
        assert!(longest.unwrap_or(0) < 10_000);
    }
}

fn twisted(value: Value, odd: &str) -> Value {
    match value {
        Value::String(_) => Value::from(odd),
        Value::Array(all) => all.into_iter().map(|one| twisted(one, odd)).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, one)| (name, twisted(one, odd)))
            .collect(),
        Value::Number(_) => json!(-1.0e9),
        other => other,
    }
}
