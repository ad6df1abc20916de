//! Every call that the hands may make, in one table of its own: the eyes can make none of those that alter, and the
//! hands read nothing but what they are about to alter and what it was before.
//!
//! Hands act under a second role, which whoever looks does not have. The policy of that role is written from this table
//! ([`policy`]), as that of the eyes is from theirs ([`calls`]).

use super::calls::{self, Call, LAMBDA, Service, TAKE_ROLE, TRAIL, call, named, told};
use super::named::Named;

pub use super::grants::policy;

// Of the services that the eyes do not ask.
const ECS: Service = service("ecs", "ECS", "ecs");
const SCALING: Service = service("autoscaling", "Auto Scaling", "autoscaling");
const DNS: Service = service("route53", "Route 53", "route53");
const SYSTEMS: Service = service("ssm", "SSM", "ssm");
const BUILDS: Service = service("codebuild", "CodeBuild", "codebuild");

const fn service(prefix: &'static str, sdk: &'static str, trail: &'static str) -> Service {
    Service { prefix, sdk, trail }
}

/// The table. Whatever alters is named in [`ALTERS`].
#[rustfmt::skip]
pub static DEEDS: [Call; 25] = [
    call(&TRAIL, "LookupEvents", "cloudtrail:LookupEvents", 2.0, "what a change set, and what was set before it"),
    call(&LAMBDA, "GetFunctionConfiguration", "lambda:GetFunctionConfiguration", 15.0, "how a function is set before it is altered, and whether it became so"),
    call(&LAMBDA, "GetFunctionConcurrency", "lambda:GetFunctionConcurrency", 15.0, "whether a function may run before that is altered, and whether it became so"),
    call(&LAMBDA, "ListVersionsByFunction", "lambda:ListVersionsByFunction", 15.0, "the variables of published versions, which the audit trail hides, and what else of a configuration it does not tell"),
    call(&LAMBDA, "PutFunctionConcurrency", "lambda:PutFunctionConcurrency", 15.0, "to let a function run, as many copies at once as is said"),
    call(&LAMBDA, "DeleteFunctionConcurrency", "lambda:DeleteFunctionConcurrency", 15.0, "to lift that limit"),
    call(&LAMBDA, "UpdateFunctionConfiguration", "lambda:UpdateFunctionConfiguration", 15.0, "to give a function its variables, its role, its handler, its timeout or its memory"),
    call(&ECS, "DescribeServices", "ecs:DescribeServices", 10.0, "which task definition a service runs and how many copies, before that is altered, and whether it became so"),
    call(&ECS, "DescribeTaskDefinition", "ecs:DescribeTaskDefinition", 10.0, "whether a task definition can still be run"),
    call(&ECS, "UpdateService", "ecs:UpdateService", 5.0, "to run another task definition, or another number of copies"),
    call(&SCALING, "DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingGroups", 10.0, "how large a group is and may be, before that is altered, and whether it became so"),
    call(&SCALING, "SetDesiredCapacity", "autoscaling:SetDesiredCapacity", 5.0, "to run another number of machines"),
    call(&SCALING, "UpdateAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup", 5.0, "to let a group grow or shrink as far as is said"),
    call(&DNS, "ListResourceRecordSets", "route53:ListResourceRecordSets", 4.0, "how traffic is shared out before that is altered, and whether it became so"),
    call(&DNS, "ChangeResourceRecordSets", "route53:ChangeResourceRecordSets", 4.0, "to share traffic out otherwise"),
    call(&SYSTEMS, "DescribeDocument", "ssm:DescribeDocument", 2.0, "whether a document is there in that version, and what it has to be given"),
    call(&SYSTEMS, "DescribeAutomationExecutions", "ssm:DescribeAutomationExecutions", 2.0, "whether an automation runs or ran, by whom it was begun, and how it ended"),
    call(&SYSTEMS, "GetAutomationExecution", "ssm:GetAutomationExecution", 2.0, "how far the steps of an automation came"),
    call(&SYSTEMS, "StartAutomationExecution", "ssm:StartAutomationExecution", 1.0, "to run an automation"),
    call(&SYSTEMS, "DescribeInstanceInformation", "ssm:DescribeInstanceInformation", 2.0, "which machines a command would reach"),
    call(&SYSTEMS, "ListCommands", "ssm:ListCommands", 2.0, "whether a command was sent, and how it ended"),
    call(&SYSTEMS, "SendCommand", "ssm:SendCommand", 1.0, "to run a command on machines"),
    call(&BUILDS, "ListBuildsForProject", "codebuild:ListBuildsForProject", 2.0, "which builds of a project there were"),
    call(&BUILDS, "BatchGetBuilds", "codebuild:BatchGetBuilds", 2.0, "what was built last and how it ended, before another is begun, and how that ended"),
    call(&BUILDS, "StartBuild", "codebuild:StartBuild", 1.0, "to build a project"),
];

/// Those of them that alter.
pub const ALTERS: [&str; 10] = [
    "autoscaling:SetDesiredCapacity",
    "autoscaling:UpdateAutoScalingGroup",
    "codebuild:StartBuild",
    "ecs:UpdateService",
    "lambda:DeleteFunctionConcurrency",
    "lambda:PutFunctionConcurrency",
    "lambda:UpdateFunctionConfiguration",
    "route53:ChangeResourceRecordSets",
    "ssm:SendCommand",
    "ssm:StartAutomationExecution",
];

/// The call that the SDK knows by these names; `None` if hands may not make it.
pub fn by_sdk(service: &str, operation: &str) -> Option<&'static Call> {
    named(&DEEDS, service, operation)
}

/// The call that needs this action.
pub fn by_action(action: &str) -> Option<&'static Call> {
    DEEDS.iter().find(|call| call.action == action)
}

/// The call that CloudTrail, or our own log, knows by these names.
///
/// Our own log names a service alone (`sts`), and holds also how the role was taken: whoever takes it did that. Under the
/// role itself, as CloudTrail tells of it (`sts.amazonaws.com`), no other may be taken.
pub fn by_trail(source: &str, name: &str) -> Option<&'static Call> {
    let taken = calls::by_trail(source, name).filter(|call| call.action == TAKE_ROLE);
    match taken {
        Some(call) if !source.contains('.') => Some(call),
        _ => told(&DEEDS, source, name),
    }
}

/// What a role of hands is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// `aws`, or that of another part of the world.
    pub partition: String,
    /// The account.
    pub account: String,
    /// Regions; all if there is none.
    pub regions: Vec<String>,
    /// Roles that functions may be given.
    pub roles: Vec<String>,
    /// What else may be altered.
    pub named: Named,
}

impl Scope {
    /// The account in which this role is; `None` if it is no role's ARN.
    pub fn of(role: &str) -> Option<Self> {
        let mut parts = role.strip_prefix("arn:")?.split(':');
        let (partition, service, _, account) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let named = parts.next()?.strip_prefix("role/")?;
        let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let fits = service == "iam" && digits && !named.is_empty() && !partition.is_empty();
        fits.then(|| Self {
            partition: partition.to_string(),
            account: account.to_string(),
            ..Self::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eyes_can_make_no_call_that_alters() {
        for action in ALTERS {
            assert!(by_action(action).is_some(), "{action}");
            assert!(calls::by_action(action).is_none(), "{action}");
        }
        for deed in &DEEDS {
            let reads = ["BatchGet", "Describe", "Get", "List", "Lookup"];
            let reads = reads.iter().any(|verb| deed.operation.starts_with(verb));
            assert_eq!(!reads, ALTERS.contains(&deed.action), "{}", deed.action);
            assert_eq!(
                deed.action,
                format!("{}:{}", deed.service.prefix, deed.operation)
            );
        }
    }

    #[test]
    fn a_role_says_its_account() {
        let scope = Scope::of("arn:aws-cn:iam::222222222222:role/teams/acts").unwrap();
        assert_eq!(
            (scope.partition.as_str(), scope.account.as_str()),
            ("aws-cn", "222222222222")
        );
        for wrong in [
            "",
            "role/acts",
            "arn:aws:iam::222222222222:user/anna",
            "arn:aws:iam::2222:role/acts",
            "arn:aws:sts::222222222222:role/acts",
            "arn:aws:iam::222222222222:role/",
        ] {
            assert_eq!(Scope::of(wrong), None, "{wrong}");
        }
    }
}
