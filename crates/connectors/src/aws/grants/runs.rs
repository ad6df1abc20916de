//! The part of the policy that lets hands run what they were named: those documents in those versions, on those machines,
//! under those roles; those builds.

use serde_json::{Value, json};

use super::super::runs::Runbook;
use super::{PASS_ROLE, Scope, allow, of, sorted};

/// The only service to which a document's role may be passed.
const SYSTEMS: &str = "ssm.amazonaws.com";
const START: &str = "ssm:StartAutomationExecution";
const STEPS: &str = "ssm:GetAutomationExecution";
const SEND: &str = "ssm:SendCommand";
const DOCUMENT: &str = "ssm:DescribeDocument";

impl Scope {
    fn runbooks(&self, commands: bool) -> impl Iterator<Item = &Runbook> {
        let all = self.named.runbooks.iter();
        all.filter(move |one| one.is_command() == commands)
    }

    /// ARNs of what belongs to a document; what AWS owns stands in no account.
    fn of_document(&self, one: &Runbook, kind: &str, version: &str) -> Vec<String> {
        let name = format!("{kind}/{}{version}", one.document);
        if !one.of_aws() {
            return self.arns("ssm", &name);
        }
        let arns = self.arns("ssm", &name);
        let own = format!(":{}:", self.account);
        arns.iter().map(|arn| arn.replacen(&own, "::", 1)).collect()
    }
}

/// What is allowed of Systems Manager and CodeBuild; nothing where nothing is named.
pub(super) fn statements(scopes: &[Scope], allowed: &mut Vec<String>) -> Vec<Value> {
    let mut statements = automations(scopes, allowed);
    statements.extend(commands(scopes, allowed));
    let projects = scopes.iter().flat_map(|scope| {
        let named = scope.named.builds.iter();
        named.flat_map(|one| scope.arns("codebuild", &format!("project/{}", one.project)))
    });
    let projects = sorted(projects);
    if !projects.is_empty() {
        allowed.extend(of("codebuild"));
        let actions = sorted(of("codebuild"));
        statements.push(allow("MidwatchBuildsTheseProjects", actions, projects));
    }
    statements
}

fn strings(all: &[&str]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

/// Documents that run by themselves, each under a role that is passed to it.
fn automations(scopes: &[Scope], allowed: &mut Vec<String>) -> Vec<Value> {
    let each = |arns: &dyn Fn(&Scope, &Runbook) -> Vec<String>| {
        let scopes = scopes.iter();
        let all =
            scopes.flat_map(|scope| scope.runbooks(false).flat_map(move |one| arns(scope, one)));
        sorted(all)
    };
    let documents = each(&|scope, one| scope.of_document(one, "document", ""));
    if documents.is_empty() {
        return Vec::new();
    }
    let versions = each(&|scope, one| {
        let version = format!(":{}", one.version);
        scope.of_document(one, "automation-definition", &version)
    });
    let executions = each(&|scope, _| scope.arns("ssm", "automation-execution/*"));
    // AWS holds the start of one against what is run and against what comes of it.
    let started = [versions, documents.clone(), executions.clone()].concat();
    let everywhere = strings(&["ssm:DescribeAutomationExecutions"]);
    let mut statements = vec![
        allow("MidwatchRunsDocuments", strings(&[START]), started),
        allow("MidwatchReadsRunDocuments", strings(&[DOCUMENT]), documents),
        allow("MidwatchReadsSteps", strings(&[STEPS]), executions),
        allow("MidwatchReadsRuns", everywhere.clone(), strings(&["*"])),
    ];
    allowed.extend([strings(&[START, DOCUMENT, STEPS, PASS_ROLE]), everywhere].concat());
    let roles = each(&|_, one| one.role.iter().cloned().collect());
    let mut passes = allow(
        "MidwatchGivesDocumentsTheseRoles",
        strings(&[PASS_ROLE]),
        roles,
    );
    passes["Condition"] = json!({ "StringEquals": { "iam:PassedToService": SYSTEMS } });
    statements.push(passes);
    statements
}

/// Documents that are sent to machines: AWS holds the sending against the document and against each machine.
fn commands(scopes: &[Scope], allowed: &mut Vec<String>) -> Vec<Value> {
    let named = || {
        let scopes = scopes.iter();
        scopes.flat_map(|scope| scope.runbooks(true).map(move |one| (scope, one)))
    };
    let documents = named().flat_map(|(scope, one)| scope.of_document(one, "document", ""));
    let documents = sorted(documents);
    if documents.is_empty() {
        return Vec::new();
    }
    let everywhere = strings(&["ssm:DescribeInstanceInformation", "ssm:ListCommands"]);
    let mut statements = vec![
        allow(
            "MidwatchSendsDocuments",
            strings(&[DOCUMENT, SEND]),
            documents,
        ),
        allow("MidwatchReadsCommands", everywhere.clone(), strings(&["*"])),
    ];
    allowed.extend([strings(&[DOCUMENT, SEND]), everywhere].concat());
    for (index, (scope, one)) in named().enumerate() {
        let machines = |id: &str| {
            let own = scope.arns("ec2", &format!("instance/{id}"));
            let managed = scope.arns("ssm", &format!("managed-instance/{id}"));
            [own, managed].concat()
        };
        let ids = one.targets.get("InstanceIds");
        let resources = match ids {
            Some(ids) => sorted(ids.iter().flat_map(|id| machines(id))),
            None => machines("*"),
        };
        let sid = format!("MidwatchSendsToMachines{index}");
        let mut sends = allow(&sid, strings(&[SEND]), resources);
        let tags = one.targets.iter().filter_map(|(name, values)| {
            let tag = name.strip_prefix("tag:")?;
            Some((format!("ssm:resourceTag/{tag}"), json!(values)))
        });
        let tags: serde_json::Map<String, Value> = tags.collect();
        if !tags.is_empty() {
            sends["Condition"] = json!({ "StringEquals": tags });
        }
        statements.push(sends);
    }
    statements
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::EntityId;

    use super::super::policy;
    use crate::aws::deeds::Scope;
    use crate::aws::iam::Verdict;
    use crate::aws::iam::simulation::Simulation;
    use crate::aws::named::Named;
    use crate::aws::runs::{Build, Runbook};
    use serde_json::json;

    const ROLE: &str = "arn:aws:iam::111111111111:role/midwatch-acts";
    const RUNS: &str = "arn:aws:iam::111111111111:role/runs-documents";

    fn runbook(document: &str, targets: &[(&str, &str)]) -> Runbook {
        let targets = targets.iter();
        let targets: BTreeMap<_, _> = targets
            .map(|(name, value)| (name.to_string(), vec![value.to_string()]))
            .collect();
        Runbook {
            document: document.to_string(),
            version: "3".to_string(),
            entity: EntityId::from("service/checkout"),
            allows: BTreeMap::new(),
            role: targets.is_empty().then(|| RUNS.to_string()),
            targets,
            at_once: None,
            way_back: None,
            remedies: Vec::new(),
            touches: Vec::new(),
        }
    }

    fn scope(named: Named) -> Scope {
        assert_eq!(named.fault(), None);
        Scope {
            regions: vec!["eu-west-1".to_string()],
            named,
            ..Scope::of(ROLE).unwrap()
        }
    }

    fn naming() -> Scope {
        scope(Named {
            runbooks: vec![
                runbook("Shop-Drain", &[]),
                runbook("AWS-RestartEC2Instance", &[]),
                runbook("Shop-Restart", &[("tag:Role", "checkout")]),
                runbook("Shop-Clean", &[("InstanceIds", "i-0a")]),
            ],
            builds: vec![Build {
                project: "shop-terraform".to_string(),
                entity: EntityId::from("service/checkout"),
                environment: BTreeMap::new(),
                versions: Vec::new(),
                remedies: Vec::new(),
                touches: Vec::new(),
            }],
            ..Named::default()
        })
    }

    fn verdict(scope: &Scope, action: &str, resource: &str, context: serde_json::Value) -> Verdict {
        let given = json!({
            "request": {
                "principal": ROLE, "action": action, "resource": resource, "resourceAccount": "111111111111",
                "context": context,
            },
            "identityPolicies": [{ "name": "midwatch", "policy": policy(std::slice::from_ref(scope)) }],
        });
        let simulation: Simulation = serde_json::from_value(given).unwrap();
        simulation.run().unwrap().verdict
    }

    #[test]
    fn what_is_named_is_run_and_nothing_beside_it() {
        let (naming, plain) = (naming(), scope(Named::default()));
        let ssm = |of: &str| format!("arn:aws:ssm:eu-west-1:111111111111:{of}");
        let start = "ssm:StartAutomationExecution";
        for (action, here, beside) in [
            (
                start,
                ssm("automation-definition/Shop-Drain:3"),
                ssm("automation-definition/Shop-Drain:4"),
            ),
            (
                start,
                "arn:aws:ssm:eu-west-1::automation-definition/AWS-RestartEC2Instance:3".to_string(),
                "arn:aws:ssm:eu-west-1::automation-definition/AWS-StopEC2Instance:3".to_string(),
            ),
            // A command is sent, and not run as an automation.
            (
                start,
                ssm("document/Shop-Drain"),
                ssm("document/Shop-Restart"),
            ),
            (
                "ssm:SendCommand",
                ssm("document/Shop-Restart"),
                ssm("document/Shop-Drain"),
            ),
            (
                "ssm:SendCommand",
                "arn:aws:ec2:eu-west-1:111111111111:instance/i-0a".to_string(),
                "arn:aws:ec2:eu-west-1:111111111111:instance/i-0b".to_string(),
            ),
            (
                "ssm:DescribeDocument",
                ssm("document/Shop-Clean"),
                ssm("document/Others"),
            ),
            (
                "codebuild:StartBuild",
                "arn:aws:codebuild:eu-west-1:111111111111:project/shop-terraform".to_string(),
                "arn:aws:codebuild:eu-west-1:111111111111:project/shop-images".to_string(),
            ),
        ] {
            let said = verdict(&naming, action, &here, json!({}));
            assert_eq!(said, Verdict::Allowed, "{action} {here}");
            let said = verdict(&naming, action, &beside, json!({}));
            assert_eq!(said, Verdict::ImplicitlyDenied, "{action} {beside}");
            let said = verdict(&plain, action, &here, json!({}));
            assert_eq!(said, Verdict::ExplicitlyDenied, "{action}");
        }
        let machine = "arn:aws:ec2:eu-west-1:111111111111:instance/i-0b";
        for (role, wanted) in [
            ("checkout", Verdict::Allowed),
            ("pay", Verdict::ImplicitlyDenied),
        ] {
            let tag = json!({ "ssm:resourceTag/Role": role });
            assert_eq!(
                verdict(&naming, "ssm:SendCommand", machine, tag),
                wanted,
                "{role}"
            );
        }
        for (role, to, wanted) in [
            (RUNS, "ssm.amazonaws.com", Verdict::Allowed),
            (RUNS, "lambda.amazonaws.com", Verdict::ImplicitlyDenied),
            (ROLE, "ssm.amazonaws.com", Verdict::ImplicitlyDenied),
        ] {
            let passed = json!({ "iam:PassedToService": to });
            assert_eq!(
                verdict(&naming, "iam:PassRole", role, passed),
                wanted,
                "{role} {to}"
            );
        }
        for action in [
            "ssm:StopAutomationExecution",
            "ssm:UpdateDocument",
            "ssm:GetParameter",
            "codebuild:UpdateProject",
            "codebuild:StopBuild",
        ] {
            let said = verdict(&naming, action, "*", json!({}));
            assert_eq!(said, Verdict::ExplicitlyDenied, "{action}");
        }
        assert!(policy(&[naming]).to_string().len() < 6_144);
    }
}
