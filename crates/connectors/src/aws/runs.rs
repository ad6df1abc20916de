//! What the owner of hands names for them to run: documents of Systems Manager, projects of CodeBuild. Which version, with
//! which values, on whose machines, and what leads back is named too: nothing of it is theirs to choose.

use std::collections::BTreeMap;

use model::EntityId;

use super::deeds::Scope;
use super::named::{Fault, plain};

/// The parameter by which a build is told which version of its source to take.
pub const SOURCE_VERSION: &str = "source_version";
/// The variable by which a build of ours is known again.
pub const MARK: &str = "MIDWATCH_STEP";

/// A document of Systems Manager that may be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runbook {
    /// Its name.
    pub document: String,
    /// Its version, a number.
    pub version: String,
    /// What it is run for.
    pub entity: EntityId,
    /// Parameters that may be given, each with the values that it may have.
    pub allows: BTreeMap<String, Vec<String>>,
    /// The machines that a command is sent to: `InstanceIds` or `tag:NAME`, each with its values. Without them it is an
    /// automation.
    pub targets: BTreeMap<String, Vec<String>>,
    /// How many machines run a command at once: a number, or a share such as `10%`.
    pub at_once: Option<String>,
    /// The role under which an automation runs, as an ARN.
    pub role: Option<String>,
    /// The document that leads back, one of the same entity's.
    pub way_back: Option<String>,
    /// Remedies' words for which it is offered.
    pub remedies: Vec<String>,
    /// Who else feels it.
    pub touches: Vec<EntityId>,
}

/// A project of CodeBuild that may be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Its name.
    pub project: String,
    /// What it is built for.
    pub entity: EntityId,
    /// Variables that may be given another value for one build, each with the values that it may have.
    pub environment: BTreeMap<String, Vec<String>>,
    /// Versions of its source that may be built beside those that were built well before.
    pub versions: Vec<String>,
    /// Remedies' words for which it is offered.
    pub remedies: Vec<String>,
    /// Who else feels it.
    pub touches: Vec<EntityId>,
}

/// Nothing that AWS would put something else in place of, and nothing that breaks a line.
fn told(value: &str) -> bool {
    !value.contains("{{") && !value.chars().any(char::is_control) && value.len() <= 2048
}

/// The first name or value that cannot be given.
fn strange(
    allowed: &BTreeMap<String, Vec<String>>,
    fits: impl Fn(&str) -> bool,
) -> Option<&String> {
    let wrong = |values: &[String]| values.is_empty() || !values.iter().all(|one| told(one));
    let mut named = allowed.iter();
    let found = named.find(|(name, values)| !fits(name) || wrong(values));
    found.map(|(name, _)| name)
}

fn entity_like(entity: &EntityId) -> bool {
    let parts = entity.as_str().split_once('/');
    parts.is_some_and(|(kind, name)| plain(kind, "") && !name.is_empty())
}

/// What both have.
fn common(
    entity: &EntityId,
    touches: &[EntityId],
    remedies: &[String],
) -> Option<(String, &'static str)> {
    if let Some(wrong) = touches.iter().chain([entity]).find(|one| !entity_like(one)) {
        let what = format!("names {:?}, which is no entity", wrong.as_str());
        return Some((what, "write entities like \"service/checkout\""));
    }
    let wrong = remedies.iter().find(|one| !plain(one, "_"))?;
    let what = format!("names {wrong:?}, which is no remedy");
    Some((
        what,
        "write remedies by their words, like [\"restart\", \"rollback\"]",
    ))
}

impl Runbook {
    /// Does whoever is called AWS own it?
    pub fn of_aws(&self) -> bool {
        let low = self.document.to_ascii_lowercase();
        ["aws", "amazon", "amzn"]
            .iter()
            .any(|prefix| low.starts_with(prefix))
    }

    /// Is it sent to machines?
    pub fn is_command(&self) -> bool {
        !self.targets.is_empty()
    }

    fn wrong(&self, all: &[Self]) -> Option<(String, &'static str)> {
        let document = &self.document;
        if !plain(document, "-_.") || !(3..=128).contains(&document.len()) {
            let what = format!("names the document {document:?}");
            return Some((
                what,
                "write its name; a document of another account cannot be run",
            ));
        }
        let digits = plain(&self.version, "") && self.version.parse::<u32>().is_ok();
        if !digits || self.version.starts_with('0') {
            let what = format!("names version {:?} of {document}", self.version);
            let remedy =
                "write a number: what $LATEST or $DEFAULT is, whoever writes documents decides";
            return Some((what, remedy));
        }
        if let Some(name) = strange(&self.allows, |name| plain(name, "-_.")) {
            let what = format!("lets {name:?} be given to {document}");
            let remedy =
                "name each parameter with the values that it may have, like { Mode = [\"soft\"] }";
            return Some((what, remedy));
        }
        if let Some(name) = strange(&self.targets, target) {
            let what = format!("sends {document} to {name:?}");
            let remedy = "write targets like { \"tag:Role\" = [\"checkout\"] }, or { InstanceIds = [\"i-0123456789abcdef0\"] }";
            return Some((what, remedy));
        }
        let ids = self.targets.get("InstanceIds").into_iter().flatten();
        if ids.clone().any(|id| !machine(id)) {
            let what = format!("sends {document} to what is no machine's id");
            return Some((what, "write ids like \"i-0123456789abcdef0\""));
        }
        if let Some(at_once) = self.at_once.as_ref().filter(|one| !share(one)) {
            let what = format!("lets {at_once:?} machines run {document} at once");
            return Some((what, "write a number, or a share like \"10%\""));
        }
        let role = self.role.as_deref();
        if self.is_command() && role.is_some() {
            let what = format!("gives {document} a role, and sends it to machines");
            return Some((what, "leave role out: a command acts as its machine does"));
        }
        if !self.is_command() && role.and_then(Scope::of).is_none() {
            let what = format!("names no role for {document} to run under");
            let remedy = "name its role by its ARN (the role of the hands may do nothing that a document does), or its targets if it is a command";
            return Some((what, remedy));
        }
        if let Some(back) = &self.way_back {
            let leads = |one: &&Self| one.document == *back && one.entity == self.entity;
            if !all.iter().any(|one| leads(&one)) || back == document {
                let what = format!("names {back:?} as the way back from {document}");
                let remedy = "name that document among the runbooks of the same entity, or leave way_back out: then there is none";
                return Some((what, remedy));
            }
        }
        common(&self.entity, &self.touches, &self.remedies)
    }
}

/// Is this how machines are named?
fn target(name: &str) -> bool {
    let tag = name.strip_prefix("tag:");
    name == "InstanceIds" || tag.is_some_and(|tag| plain(tag, "-_.:/"))
}

fn machine(id: &str) -> bool {
    let rest = id.strip_prefix("i-").or_else(|| id.strip_prefix("mi-"));
    rest.is_some_and(|rest| plain(rest, ""))
}

fn share(text: &str) -> bool {
    let (number, most) = match text.strip_suffix('%') {
        Some(number) => (number, 100),
        None => (text, 1000),
    };
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    digits
        && number
            .parse()
            .is_ok_and(|one: u32| (1..=most).contains(&one))
}

impl Build {
    fn wrong(&self) -> Option<(String, &'static str)> {
        let project = &self.project;
        if !plain(project, "-_") {
            let what = format!("names the project {project:?}");
            return Some((what, "write its name, like \"shop-terraform\""));
        }
        let variable = |name: &str| {
            let ours = name == MARK || name.eq_ignore_ascii_case(SOURCE_VERSION);
            let theirs = name.starts_with("CODEBUILD_") || name.starts_with("AWS_");
            plain(name, "_") && !ours && !theirs && !name.starts_with(|c: char| c.is_ascii_digit())
        };
        if let Some(name) = strange(&self.environment, variable) {
            let what = format!("lets {name:?} be given to {project}");
            let remedy = "name variables of yours, each with the values that it may have, like { TF_WORKSPACE = [\"live\"] }";
            return Some((what, remedy));
        }
        if let Some(wrong) = self.versions.iter().find(|one| !plain(one, "-_./")) {
            let what = format!("lets {wrong:?} of {project} be built");
            return Some((what, "write versions like \"refs/heads/main\""));
        }
        common(&self.entity, &self.touches, &self.remedies)
    }
}

/// The first of these that is wrong.
pub(super) fn fault(runbooks: &[Runbook], builds: &[Build]) -> Option<Fault> {
    let documents = runbooks.iter().map(|one| (&one.document, &one.entity));
    let projects = builds.iter().map(|one| (&one.project, &one.entity));
    let mut all: Vec<_> = documents.chain(projects).collect();
    all.sort_unstable();
    if let Some(twice) = all.windows(2).find(|two| two[0] == two[1]) {
        let what = format!("{} is named twice for {}", twice[0].0, twice[0].1);
        return Some(("runbooks", what, "name each once for an entity"));
    }
    let wrong = runbooks.iter().find_map(|one| one.wrong(runbooks));
    if let Some((what, remedy)) = wrong {
        return Some(("runbooks", what, remedy));
    }
    let (what, remedy) = builds.iter().find_map(Build::wrong)?;
    Some(("builds", what, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(all: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let all = all.iter();
        all.map(|(name, values)| {
            let values = values.iter().map(ToString::to_string);
            (name.to_string(), values.collect())
        })
        .collect()
    }

    fn runbook(document: &str) -> Runbook {
        Runbook {
            document: document.to_string(),
            version: "3".to_string(),
            entity: EntityId::from("service/checkout"),
            allows: values(&[("Mode", &["soft", "hard"])]),
            targets: BTreeMap::new(),
            at_once: None,
            role: Some("arn:aws:iam::111111111111:role/runs-documents".to_string()),
            way_back: None,
            remedies: vec!["restart".to_string()],
            touches: vec![EntityId::from("service/pay")],
        }
    }

    fn build() -> Build {
        Build {
            project: "shop-terraform".to_string(),
            entity: EntityId::from("service/checkout"),
            environment: values(&[("TF_WORKSPACE", &["live"])]),
            versions: vec!["refs/heads/main".to_string()],
            remedies: vec!["rollback".to_string()],
            touches: Vec::new(),
        }
    }

    #[test]
    fn a_document_is_named_with_all_that_it_does() {
        let good = |alter: fn(&mut Runbook)| {
            let mut one = runbook("Shop-Drain");
            alter(&mut one);
            fault(&[one, runbook("Shop-Fill")], &[build()])
        };
        let alters: [fn(&mut Runbook); 4] = [
            |_| {},
            |one| one.way_back = Some("Shop-Fill".to_string()),
            |one| {
                one.role = None;
                one.targets = values(&[("tag:Role", &["checkout"])]);
                one.at_once = Some("10%".to_string());
            },
            |one| {
                one.role = None;
                one.targets = values(&[("InstanceIds", &["i-0123456789abcdef0", "mi-01"])]);
            },
        ];
        for alter in alters {
            assert_eq!(good(alter), None);
        }
        let wrong: [fn(&mut Runbook); 18] = [
            |one| one.document = "arn:aws:ssm:eu-west-1:2:document/Theirs".to_string(),
            |one| one.document = "ab".to_string(),
            |one| one.document = "Shop-Fill".to_string(),
            |one| one.version = "$LATEST".to_string(),
            |one| one.version = "0".to_string(),
            |one| one.allows = values(&[("Mode", &[])]),
            |one| one.allows = values(&[("Mode", &["{{ssm-secure:token}}"])]),
            |one| one.allows = values(&[("Mode", &["a\nb"])]),
            |one| one.allows = values(&[("Mo de", &["soft"])]),
            // A command acts as its machine.
            |one| one.targets = values(&[("tag:Role", &["checkout"])]),
            |one| one.role = None,
            |one| one.role = Some("runs-documents".to_string()),
            |one| one.way_back = Some("Shop-Refill".to_string()),
            |one| one.way_back = Some("Shop-Drain".to_string()),
            |one| one.entity = EntityId::from("checkout"),
            |one| one.touches = vec![EntityId::from("checkout")],
            |one| one.remedies = vec!["restart it".to_string()],
            |one| {
                one.role = None;
                one.targets = values(&[("resource-groups:Name", &["all"])]);
            },
        ];
        for (index, alter) in wrong.into_iter().enumerate() {
            assert_eq!(good(alter).map(|one| one.0), Some("runbooks"), "{index}");
        }
        for (ids, at_once) in [("*", "1"), ("i-1", "0"), ("i-1", "101%"), ("i-1", "+5")] {
            let mut one = runbook("Shop-Restart");
            one.role = None;
            one.targets = values(&[("InstanceIds", &[ids])]);
            one.at_once = Some(at_once.to_string());
            assert!(fault(&[one], &[]).is_some(), "{ids} {at_once}");
        }
    }

    #[test]
    fn a_build_is_given_what_is_named_and_nothing_else() {
        assert_eq!(fault(&[], &[build()]), None);
        let wrong: [fn(&mut Build); 7] = [
            |one| one.project = "shop/terraform".to_string(),
            |one| one.environment = values(&[("source_version", &["main"])]),
            |one| one.environment = values(&[("MIDWATCH_STEP", &["1"])]),
            |one| one.environment = values(&[("AWS_REGION", &["eu-west-1"])]),
            |one| one.environment = values(&[("1ST", &["a"])]),
            |one| one.versions = vec!["pr/*".to_string()],
            |one| one.entity = EntityId::from("checkout"),
        ];
        for (index, alter) in wrong.into_iter().enumerate() {
            let mut one = build();
            alter(&mut one);
            assert_eq!(
                fault(&[], &[one]).map(|one| one.0),
                Some("builds"),
                "{index}"
            );
        }
        assert!(fault(&[], &[build(), build()]).is_some());
    }
}
