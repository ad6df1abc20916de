//! Why calls were denied: the policies of whoever was refused, held against what was asked. The evaluator is
//! [`iam`](crate::aws::iam).
//!
//! Asked only where the audit trail tells of a refusal that the caller's own policies can explain: one question brings
//! all roles and policies of an account, and those of others are dropped at once. They are as they stand now; what they
//! were when the call was refused is known to the trail alone.

use std::collections::BTreeSet;

use aws_sdk_iam::operation::get_account_authorization_details::GetAccountAuthorizationDetailsOutput as Answer;
use aws_sdk_iam::types::{AttachedPermissionsBoundary, AttachedPolicy, EntityType, PolicyDetail};
use model::query::{Gap, GapReason};
use serde_json::{Value, json};

use super::ask::{Asking, Miss};
use crate::files::aws::refusals;
use crate::files::gathered::Gathered;

/// Roles, users and policies of one answer: the most that may be asked for.
const PAGE: i32 = 1_000;
/// Answers of one look.
const PAGES: usize = 3;
/// What it is about, for people.
const WANTED: &str = "why calls were denied";

/// Tells in each event of a refusal which statement decided; and what kept it from telling.
pub(super) async fn explain(asking: &Asking<'_>, gathered: &mut Gathered<'_>) -> Option<Gap> {
    let wanted = refusals::asks_about(gathered);
    if wanted.is_empty() {
        return None;
    }
    let (printed, whole) = match details(asking, &wanted).await {
        Ok(read) => read,
        Err(miss) => return Some(asking.gap(WANTED, &miss)),
    };
    gathered
        .policies
        .push(("account.json".to_string(), printed.document().to_string()));
    refusals::explained_now(gathered, |arn| printed.known.contains(arn));
    let unseen = wanted.iter().find(|arn| !printed.known.contains(*arn));
    let unseen = unseen.filter(|_| !whole)?;
    Some(Gap::new(
        WANTED,
        GapReason::Budget,
        format!(
            "{}: the policies of {unseen} are not among the first {} that were read",
            asking.here(),
            PAGES * PAGE as usize
        ),
        "give its policies to `midwatch iam explain` (docs/iam.md)",
    ))
}

/// The policies of these roles and users; and whether all of the account were read.
async fn details(asking: &Asking<'_>, wanted: &BTreeSet<String>) -> Result<(Printed, bool), Miss> {
    let mut kinds = vec![
        EntityType::Role,
        EntityType::LocalManagedPolicy,
        EntityType::AwsManagedPolicy,
    ];
    if wanted.iter().any(|arn| arn.contains(":user/")) {
        kinds.extend([EntityType::User, EntityType::Group]);
    }
    let mut printed = Printed::default();
    let mut next = None;
    for _ in 0..PAGES {
        let sent = asking
            .place
            .iam
            .get_account_authorization_details()
            .set_filter(Some(kinds.clone()))
            .max_items(PAGE)
            .set_marker(next)
            .send();
        let answer = asking
            .ask("iam:GetAccountAuthorizationDetails", 1, sent)
            .await?;
        printed.add(&answer, wanted);
        next = answer.marker().map(str::to_string);
        if !answer.is_truncated() || next.is_none() {
            return Ok((printed, true));
        }
    }
    Ok((printed, false))
}

/// What `aws iam get-account-authorization-details` would print, of those that are asked about.
#[derive(Default)]
struct Printed {
    /// ARNs of roles and users that were there.
    known: BTreeSet<String>,
    roles: Vec<Value>,
    users: Vec<Value>,
    groups: Vec<Value>,
    policies: Vec<Value>,
}

impl Printed {
    fn add(&mut self, answer: &Answer, wanted: &BTreeSet<String>) {
        for role in answer.role_detail_list() {
            let Some(arn) = role.arn().filter(|arn| wanted.contains(*arn)) else {
                continue;
            };
            self.known.insert(arn.to_string());
            self.roles.push(json!({
                "RoleName": role.role_name(),
                "Arn": arn,
                "AssumeRolePolicyDocument": role.assume_role_policy_document(),
                "RolePolicyList": inline(role.role_policy_list()),
                "AttachedManagedPolicies": attached(role.attached_managed_policies()),
                "PermissionsBoundary": role.permissions_boundary().map(boundary),
            }));
        }
        for user in answer.user_detail_list() {
            let Some(arn) = user.arn().filter(|arn| wanted.contains(*arn)) else {
                continue;
            };
            self.known.insert(arn.to_string());
            self.users.push(json!({
                "UserName": user.user_name(),
                "Arn": arn,
                "UserPolicyList": inline(user.user_policy_list()),
                "GroupList": user.group_list(),
                "AttachedManagedPolicies": attached(user.attached_managed_policies()),
                "PermissionsBoundary": user.permissions_boundary().map(boundary),
            }));
        }
        for group in answer.group_detail_list() {
            self.groups.push(json!({
                "GroupName": group.group_name(),
                "GroupPolicyList": inline(group.group_policy_list()),
                "AttachedManagedPolicies": attached(group.attached_managed_policies()),
            }));
        }
        for policy in answer.policies() {
            let versions = policy.policy_version_list().iter();
            let versions = versions.filter(|version| version.is_default_version());
            let versions: Vec<Value> = versions
                .map(|version| json!({ "IsDefaultVersion": true, "Document": version.document() }))
                .collect();
            self.policies
                .push(json!({ "Arn": policy.arn(), "PolicyVersionList": versions }));
        }
    }

    /// Managed policies may stand on another page than the role that has them: together they are one print-out.
    fn document(&self) -> Value {
        json!({
            "RoleDetailList": self.roles,
            "UserDetailList": self.users,
            "GroupDetailList": self.groups,
            "Policies": self.policies,
        })
    }
}

fn inline(policies: &[PolicyDetail]) -> Value {
    let one = |policy: &PolicyDetail| json!({ "PolicyName": policy.policy_name(), "PolicyDocument": policy.policy_document() });
    policies.iter().map(one).collect()
}

fn attached(policies: &[AttachedPolicy]) -> Value {
    let one = |policy: &AttachedPolicy| json!({ "PolicyArn": policy.policy_arn(), "PolicyName": policy.policy_name() });
    policies.iter().map(one).collect()
}

fn boundary(boundary: &AttachedPermissionsBoundary) -> Value {
    json!({ "PermissionsBoundaryArn": boundary.permissions_boundary_arn() })
}
