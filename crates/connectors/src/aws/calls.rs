//! Every call that the eyes may make, in one table: what it is, what it needs, and why it is made.
//!
//! Nothing else reaches AWS: an interceptor in the SDK refuses whatever is not here before it leaves
//! ([`eyes`](super::eyes)). The policy that `midwatch permissions aws` prints is written from the same table
//! ([`needs`](super::needs)), and [`prove`](super::proof::prove) holds a log of calls against it. All of them read; what the hands may do is in a table
//! of its own ([`deeds`](super::deeds)).

/// A service, by each of the names that it has.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// Before the colon of an IAM action.
    pub prefix: &'static str,
    /// As the SDK calls it.
    pub sdk: &'static str,
    /// Before `.amazonaws.com`, as CloudTrail calls it.
    pub trail: &'static str,
}

/// One operation.
#[derive(Debug, PartialEq)]
pub struct Call {
    /// Whose.
    pub service: &'static Service,
    /// Its name in the API.
    pub operation: &'static str,
    /// What it is called in our own words, and the IAM action that lets it through where a service has one for each
    /// operation ([`permission`](Self::permission)).
    pub action: &'static str,
    /// How many of them an account may send each second in one region, as the service's quotas say; where they are
    /// not published, less than what is commonly let through. At most half of that is used: others work there too.
    pub per_second: f64,
    /// What would not be seen without it.
    pub why: &'static str,
}

const CLOUDWATCH: Service = service("cloudwatch", "CloudWatch", "monitoring");
const LOGS: Service = service("logs", "CloudWatch Logs", "logs");
pub(super) const TRAIL: Service = service("cloudtrail", "CloudTrail", "cloudtrail");
const XRAY: Service = service("xray", "XRay", "xray");
pub(super) const LAMBDA: Service = service("lambda", "Lambda", "lambda");
const DYNAMODB: Service = service("dynamodb", "DynamoDB", "dynamodb");
const SQS: Service = service("sqs", "SQS", "sqs");
const SNS: Service = service("sns", "SNS", "sns");
const TAGS: Service = service("tag", "Resource Groups Tagging API", "tagging");
const ECS: Service = service("ecs", "ECS", "ecs");
const RDS: Service = service("rds", "RDS", "rds");
const ELB: Service = service(
    "elasticloadbalancing",
    "Elastic Load Balancing v2",
    "elasticloadbalancing",
);
const AUTOSCALING: Service = service("autoscaling", "Auto Scaling", "autoscaling");
const STATES: Service = service("states", "SFN", "states");
const PIPELINES: Service = service("codepipeline", "CodePipeline", "codepipeline");
const DEPLOYMENTS: Service = service("codedeploy", "CodeDeploy", "codedeploy");
const EC2: Service = service("ec2", "EC2", "ec2");
const REST: Service = service("apigateway", "API Gateway", "apigateway");
// IAM and the audit trail know both by the first one's name.
const HTTP: Service = service("apigatewayv2", "ApiGatewayV2", "apigateway");
const DNS: Service = service("route53", "Route 53", "route53");
const EXPLORER: Service = service(
    "resource-explorer-2",
    "Resource Explorer 2",
    "resource-explorer-2",
);
const BUILDS: Service = service("codebuild", "CodeBuild", "codebuild");
const CONFIG: Service = service("config", "Config Service", "config");
const SYSTEMS: Service = service("ssm", "SSM", "ssm");
const STS: Service = service("sts", "STS", "sts");
const IAM: Service = service("iam", "IAM", "iam");

const fn service(prefix: &'static str, sdk: &'static str, trail: &'static str) -> Service {
    Service { prefix, sdk, trail }
}

pub(super) const fn call(
    service: &'static Service,
    operation: &'static str,
    action: &'static str,
    per_second: f64,
    why: &'static str,
) -> Call {
    Call {
        service,
        operation,
        action,
        per_second,
        why,
    }
}

impl Call {
    /// The IAM action that lets it through. API Gateway's are verbs of HTTP, on paths.
    pub fn permission(&self) -> &'static str {
        match self.service.prefix {
            "apigateway" | "apigatewayv2" => BY_PATH,
            _ => self.action,
        }
    }
}

/// The action of every read of API Gateway: what is read, its resource says.
pub(super) const BY_PATH: &str = "apigateway:GET";
/// The paths that are read there. Others hold keys, and exports of whole interfaces.
pub(super) const PATHS: [&str; 6] = [
    "arn:*:apigateway:*::/restapis",
    "arn:*:apigateway:*::/restapis/*/stages",
    "arn:*:apigateway:*::/restapis/*/resources",
    "arn:*:apigateway:*::/apis",
    "arn:*:apigateway:*::/apis/*/stages",
    "arn:*:apigateway:*::/apis/*/integrations",
];

/// The one call that opens a door, and alters nothing: its answer is a credential that ends on its own.
pub const TAKE_ROLE: &str = "sts:AssumeRole";

/// Calls that only read although their names do not say so, and why that is so. A search of logs is something that is started,
/// and stopped; it writes no line, no group and no setting, and what it found is gone after a while.
pub const READS_BY_ANOTHER_NAME: [(&str, &str); 2] = [
    (
        "logs:StartQuery",
        "starts a search of log lines, which alters nothing that is stored",
    ),
    (
        "logs:StopQuery",
        "ends a search of its own, so that it reads, and costs, no more",
    ),
];

/// The table, by service. Quotas: the service's own pages of "endpoints and quotas" in the AWS General Reference.
/// Calls of ECS that share one quota have half of it each, those of API Gateway its ten between them.
#[rustfmt::skip]
pub static CALLS: [Call; 70] = [
    call(&CLOUDWATCH, "DescribeAlarms", "cloudwatch:DescribeAlarms", 9.0, "which alarms there are, and which fire"),
    call(&CLOUDWATCH, "DescribeAlarmHistory", "cloudwatch:DescribeAlarmHistory", 3.0, "when alarms turned"),
    call(&CLOUDWATCH, "ListMetrics", "cloudwatch:ListMetrics", 25.0, "which metrics there are"),
    call(&CLOUDWATCH, "GetMetricData", "cloudwatch:GetMetricData", 50.0, "numbers over time"),
    call(&LOGS, "DescribeLogGroups", "logs:DescribeLogGroups", 10.0, "which log groups there are"),
    call(&LOGS, "FilterLogEvents", "logs:FilterLogEvents", 5.0, "log lines"),
    call(&LOGS, "StartQuery", "logs:StartQuery", 5.0, "lines with words of trouble of all groups at once; it starts a search, which only reads"),
    call(&LOGS, "GetQueryResults", "logs:GetQueryResults", 5.0, "what a search found"),
    call(&LOGS, "StopQuery", "logs:StopQuery", 5.0, "that a search of its own reads, and costs, no more"),
    call(&TRAIL, "LookupEvents", "cloudtrail:LookupEvents", 2.0, "who altered what, and which calls were denied"),
    call(&XRAY, "GetTraceSummaries", "xray:GetTraceSummaries", 5.0, "which traces there are"),
    call(&XRAY, "BatchGetTraces", "xray:BatchGetTraces", 5.0, "spans"),
    call(&XRAY, "GetServiceGraph", "xray:GetServiceGraph", 5.0, "who calls whom"),
    call(&LAMBDA, "ListFunctions", "lambda:ListFunctions", 15.0, "which functions there are, and how they are set"),
    call(&LAMBDA, "GetFunctionConcurrency", "lambda:GetFunctionConcurrency", 15.0, "whether a function may run at all"),
    call(&LAMBDA, "ListEventSourceMappings", "lambda:ListEventSourceMappings", 15.0, "which queues and streams a function reads"),
    call(&DYNAMODB, "ListTables", "dynamodb:ListTables", 10.0, "which tables there are"),
    call(&DYNAMODB, "DescribeTable", "dynamodb:DescribeTable", 10.0, "state, capacity and replicas of a table"),
    call(&SQS, "ListQueues", "sqs:ListQueues", 20.0, "which queues there are"),
    call(&SQS, "GetQueueAttributes", "sqs:GetQueueAttributes", 20.0, "how much waits in a queue, and where its dead letters go"),
    call(&SNS, "ListSubscriptions", "sns:ListSubscriptions", 30.0, "who hears of a topic"),
    call(&TAGS, "GetResources", "tag:GetResources", 15.0, "tags: whose a resource is, which environment"),
    call(&ECS, "ListClusters", "ecs:ListClusters", 10.0, "which clusters of ECS there are"),
    call(&ECS, "ListServices", "ecs:ListServices", 10.0, "which services run in a cluster"),
    call(&ECS, "DescribeServices", "ecs:DescribeServices", 10.0, "how many tasks run, rollouts, and what a service says of itself"),
    call(&ECS, "DescribeTaskDefinition", "ecs:DescribeTaskDefinition", 10.0, "what a rollout altered: image, limits, variables"),
    call(&ECS, "ListTasks", "ecs:ListTasks", 10.0, "which tasks stopped"),
    call(&ECS, "DescribeTasks", "ecs:DescribeTasks", 10.0, "why tasks stopped"),
    call(&RDS, "DescribeDBInstances", "rds:DescribeDBInstances", 10.0, "state of databases, and what waits to be altered"),
    call(&RDS, "DescribeDBClusters", "rds:DescribeDBClusters", 10.0, "state of clusters of databases, and who writes"),
    call(&RDS, "DescribeEvents", "rds:DescribeEvents", 10.0, "failovers, storage that is full, restarts"),
    call(&RDS, "DescribePendingMaintenanceActions", "rds:DescribePendingMaintenanceActions", 10.0, "maintenance that waits"),
    call(&ELB, "DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers", 10.0, "which load balancers there are"),
    call(&ELB, "DescribeTargetGroups", "elasticloadbalancing:DescribeTargetGroups", 10.0, "to whom load balancers send"),
    call(&ELB, "DescribeTargetHealth", "elasticloadbalancing:DescribeTargetHealth", 10.0, "which targets are not well, and why"),
    call(&AUTOSCALING, "DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingGroups", 10.0, "how many machines there are and should be"),
    call(&AUTOSCALING, "DescribeScalingActivities", "autoscaling:DescribeScalingActivities", 10.0, "what scaling did, and could not do"),
    call(&STATES, "ListStateMachines", "states:ListStateMachines", 5.0, "which state machines there are"),
    call(&STATES, "ListExecutions", "states:ListExecutions", 5.0, "how executions ended"),
    call(&STATES, "GetExecutionHistory", "states:GetExecutionHistory", 20.0, "in which step an execution failed, and why"),
    call(&STATES, "DescribeStateMachine", "states:DescribeStateMachine", 20.0, "what a state machine calls"),
    call(&PIPELINES, "ListPipelines", "codepipeline:ListPipelines", 5.0, "which pipelines there are"),
    call(&PIPELINES, "ListPipelineExecutions", "codepipeline:ListPipelineExecutions", 5.0, "which commit was released, when"),
    call(&PIPELINES, "GetPipelineState", "codepipeline:GetPipelineState", 5.0, "which stage failed, or holds what"),
    call(&PIPELINES, "GetPipeline", "codepipeline:GetPipeline", 5.0, "what a pipeline brings out"),
    call(&DEPLOYMENTS, "ListDeployments", "codedeploy:ListDeployments", 5.0, "which deployments there were"),
    call(&DEPLOYMENTS, "BatchGetDeployments", "codedeploy:BatchGetDeployments", 5.0, "what was deployed, and how it ended"),
    call(&DEPLOYMENTS, "BatchGetDeploymentGroups", "codedeploy:BatchGetDeploymentGroups", 5.0, "onto what was deployed"),
    call(&EC2, "DescribeInstances", "ec2:DescribeInstances", 10.0, "which machines run, and why others stopped"),
    call(&EC2, "DescribeInstanceStatus", "ec2:DescribeInstanceStatus", 10.0, "which machines fail their status checks, and what is planned with them"),
    call(&REST, "GetRestApis", "apigateway:GetRestApis", 1.0, "which REST APIs there are"),
    call(&REST, "GetStages", "apigateway:GetStages", 2.0, "what is deployed where, and how many requests are let in"),
    call(&REST, "GetResources", "apigateway:GetResources", 2.0, "whom a REST API calls"),
    call(&HTTP, "GetApis", "apigatewayv2:GetApis", 1.0, "which HTTP and WebSocket APIs there are"),
    call(&HTTP, "GetStages", "apigatewayv2:GetStages", 2.0, "what is deployed where, and how many requests are let in"),
    call(&HTTP, "GetIntegrations", "apigatewayv2:GetIntegrations", 2.0, "whom an HTTP or WebSocket API calls"),
    call(&DNS, "ListHealthChecks", "route53:ListHealthChecks", 2.0, "which health checks there are, and what they look at"),
    call(&DNS, "GetHealthCheckStatus", "route53:GetHealthCheckStatus", 3.0, "what the checkers saw"),
    call(&EXPLORER, "Search", "resource-explorer-2:Search", 5.0, "names and tags of what no other call lists"),
    call(&BUILDS, "ListBuilds", "codebuild:ListBuilds", 5.0, "which builds there were"),
    call(&BUILDS, "BatchGetBuilds", "codebuild:BatchGetBuilds", 5.0, "what was built, from which commit, and why it failed"),
    call(&CONFIG, "DescribeConfigurationRecorderStatus", "config:DescribeConfigurationRecorderStatus", 3.0, "whether anything is recorded"),
    call(&CONFIG, "GetResourceConfigHistory", "config:GetResourceConfigHistory", 3.0, "how a thing that fires was set before"),
    call(&SYSTEMS, "DescribeAutomationExecutions", "ssm:DescribeAutomationExecutions", 3.0, "what automation did"),
    call(&SYSTEMS, "GetAutomationExecution", "ssm:GetAutomationExecution", 3.0, "for whom a run of automation was"),
    call(&SYSTEMS, "ListCommands", "ssm:ListCommands", 3.0, "which commands were run on machines"),
    call(&SYSTEMS, "DescribeParameters", "ssm:DescribeParameters", 3.0, "which parameters were altered, without their values"),
    call(&IAM, "GetAccountAuthorizationDetails", "iam:GetAccountAuthorizationDetails", 5.0, "why a call was denied: the policies of whom was refused"),
    call(&STS, "GetCallerIdentity", "sts:GetCallerIdentity", 100.0, "as whom it is asked, for `midwatch doctor`"),
    call(&STS, "AssumeRole", TAKE_ROLE, 100.0, "reading another account, or acting, under a role that is named"),
];

/// Names of services are written with and without spaces, in either case.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// The call that the SDK knows by these names; `None` if it may not be made.
pub fn by_sdk(service: &str, operation: &str) -> Option<&'static Call> {
    named(&CALLS, service, operation)
}

/// The call of a table that the SDK knows by these names.
pub(super) fn named(
    table: &'static [Call],
    service: &str,
    operation: &str,
) -> Option<&'static Call> {
    let service = plain(service);
    table
        .iter()
        .find(|call| call.operation == operation && plain(call.service.sdk) == service)
}

/// The call that has this name: `ecs:ListClusters`.
pub fn by_action(action: &str) -> Option<&'static Call> {
    CALLS.iter().find(|call| call.action == action)
}

/// The call that CloudTrail, or our own log, knows by these names: `monitoring.amazonaws.com` or `cloudwatch`, and an
/// operation behind which Lambda writes a date (`ListFunctions20150331`).
pub fn by_trail(source: &str, name: &str) -> Option<&'static Call> {
    told(&CALLS, source, name)
}

/// The call of a table that a log knows by these names.
pub(super) fn told(table: &'static [Call], source: &str, name: &str) -> Option<&'static Call> {
    let source = source.split('.').next().unwrap_or(source);
    table.iter().find(|call| {
        let dated = |rest: &str| {
            let rest = rest.split('v').next().unwrap_or(rest);
            rest.len() == 8 && rest.bytes().all(|byte| byte.is_ascii_digit())
        };
        (call.service.trail == source || call.service.prefix == source)
            && name
                .strip_prefix(call.operation)
                .is_some_and(|rest| rest.is_empty() || dated(rest))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// How the names of operations begin that alter nothing.
    const READS: [&str; 7] = [
        "BatchGet", "Describe", "Filter", "Get", "List", "Lookup", "Search",
    ];

    #[test]
    fn every_call_is_a_read() {
        for call in &CALLS {
            let reads = READS.iter().any(|verb| {
                let rest = call.operation.strip_prefix(verb);
                rest.is_some_and(|rest| {
                    rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_uppercase())
                })
            });
            let named = READS_BY_ANOTHER_NAME
                .iter()
                .any(|(action, why)| *action == call.action && !why.is_empty());
            assert!(
                reads != (named || call.action == TAKE_ROLE),
                "{} alters, or is excused for nothing",
                call.action
            );
            let (prefix, action) = call.action.split_once(':').unwrap();
            assert_eq!(prefix, call.service.prefix);
            assert_eq!(action, call.operation, "what is allowed is what is called");
            assert!(call.per_second >= 1.0 && !call.why.is_empty());
        }
        let actions: BTreeSet<&str> = CALLS.iter().map(|call| call.action).collect();
        assert_eq!(actions.len(), CALLS.len(), "an action stands twice");
        for (action, _) in READS_BY_ANOTHER_NAME {
            assert!(actions.contains(action), "{action} is never made");
        }
    }

    #[test]
    fn calls_are_known_by_each_of_their_names() {
        let found = |call: Option<&Call>| call.map(|call| call.action);
        assert_eq!(
            found(by_sdk("CloudWatchLogs", "FilterLogEvents")),
            Some("logs:FilterLogEvents")
        );
        assert_eq!(found(by_sdk("Lambda", "UpdateFunctionCode")), None);
        assert_eq!(found(by_sdk("SQS", "ListFunctions")), None);
        for (source, name, wanted) in [
            (
                "lambda.amazonaws.com",
                "ListFunctions20150331",
                Some("lambda:ListFunctions"),
            ),
            (
                "lambda.amazonaws.com",
                "GetFunctionConcurrency20171031v2",
                Some("lambda:GetFunctionConcurrency"),
            ),
            (
                "monitoring.amazonaws.com",
                "DescribeAlarms",
                Some("cloudwatch:DescribeAlarms"),
            ),
            (
                "cloudwatch",
                "DescribeAlarms",
                Some("cloudwatch:DescribeAlarms"),
            ),
            ("monitoring.amazonaws.com", "DescribeAlarmsForMetric", None),
            (
                "lambda.amazonaws.com",
                "ListFunctionsByCodeSigningConfig",
                None,
            ),
            ("lambda.amazonaws.com", "DeleteFunction20150331", None),
            ("iam.amazonaws.com", "ListTables", None),
            // The audit trail calls both of API Gateway's interfaces by one name, our own log does not.
            (
                "apigateway.amazonaws.com",
                "GetApis",
                Some("apigatewayv2:GetApis"),
            ),
            (
                "apigateway.amazonaws.com",
                "GetStages",
                Some("apigateway:GetStages"),
            ),
            ("apigatewayv2", "GetStages", Some("apigatewayv2:GetStages")),
            ("apigateway.amazonaws.com", "GetApiKeys", None),
            ("", "", None),
        ] {
            assert_eq!(found(by_trail(source, name)), wanted, "{source} {name}");
        }
    }
}
