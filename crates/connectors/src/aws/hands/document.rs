//! A document of Systems Manager: an automation, which runs by itself under a role of its own, or a command, which is sent
//! to machines. Automations know a token of ours; commands know none, and carry the key of their step as their comment,
//! by which a second sending is kept from happening. What either says of itself beyond names and states is not read: it
//! may hold anything.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_ssm::types::{
    DocumentDescription, DocumentStatus, DocumentType, InstanceInformationStringFilter, PingStatus,
    Target,
};
use model::EntityId;
use model::action::{Action, StepKey};

use super::Trouble;
use super::bench::{At, Work};
use super::former::cannot;
use super::run::{Run, What, only_values, permitted, token};
use crate::aws::runs::Runbook;
use crate::pull::Missed;

/// Machines of one answer, and the most that a command may reach.
const PAGE: i32 = 50;
/// The parameter by which a document is told its role.
const ROLE: &str = "AutomationAssumeRole";
/// Seconds after which a machine that did not answer is not waited for: it would run the command at its return.
const DELIVERED: i32 = 120;
/// How many machines run a command at once, unless it is said.
const AT_ONCE: &str = "1";

/// A document that is to be run.
pub(super) struct Document {
    pub named: Runbook,
    parameters: BTreeMap<String, String>,
    /// The role goes with them.
    takes_role: bool,
    /// Machines that a command reaches now.
    machines: Vec<String>,
    undo: Option<Action>,
}

/// What stands in a command's comment.
pub(super) fn comment(key: &StepKey) -> String {
    format!("midwatch {}", key.0).chars().take(100).collect()
}

fn missing(told: &Trouble) -> bool {
    matches!(told, Trouble::Missed(_, Missed::Refused(_, said)) if said.starts_with("InvalidDocument"))
}

impl Work<'_> {
    /// That document, to be run with these values.
    pub(super) async fn documented(
        &self,
        named: &Runbook,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Run, Trouble> {
        permitted(&named.document, &named.allows, parameters)?;
        if !named.is_command() && self.settings.role.is_none() {
            return cannot(
                "a run is known again by the role under which it was begun, and there is none here",
            );
        }
        let (_, benches) = self.called(&named.entity)?;
        let mut found = Vec::new();
        for bench in benches {
            let at = At {
                bench,
                name: named.document.clone(),
            };
            match self.described(&at, named).await {
                Ok(said) => found.push((at, said)),
                Err(trouble) if missing(&trouble) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        if found.is_empty() {
            let Runbook {
                document, version, ..
            } = named;
            return cannot(format!(
                "there is no version {version} of {document} where they reach"
            ));
        }
        let (at, said) = self.only(&named.entity, found)?;
        let takes_role = fitting(named, &said, parameters)?;
        let machines = match named.is_command() {
            true => self.machines(&at, named).await?,
            false => Vec::new(),
        };
        let undo = self.leads_back(&at, named, parameters).await?;
        let document = Document {
            named: named.clone(),
            parameters: parameters.clone(),
            takes_role,
            machines,
            undo,
        };
        self.running(at, What::Document(document)).await
    }

    async fn described(&self, at: &At, named: &Runbook) -> Result<DocumentDescription, Trouble> {
        let bench = self.bench(at)?;
        let sent = bench
            .reads
            .systems
            .describe_document()
            .name(&named.document)
            .document_version(&named.version)
            .send();
        let answer = self.ask(bench, "ssm:DescribeDocument", sent).await?;
        answer
            .document
            .ok_or_else(|| Trouble::Cannot(format!("AWS does not tell what {} is", named.document)))
    }

    /// The action that leads back, with what both may be given. What was named as the way back has to be there.
    async fn leads_back(
        &self,
        at: &At,
        named: &Runbook,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Option<Action>, Trouble> {
        let Some(back) = &named.way_back else {
            return Ok(None);
        };
        let mut all = self.settings.named.runbooks.iter();
        let leads = |one: &&Runbook| one.document == *back && one.entity == named.entity;
        let Some(back) = all.find(leads) else {
            return cannot(format!("its way back, {back}, is not named"));
        };
        let mut given = only_values(&back.allows);
        let allowed = |name: &String, value: &String| {
            let values = back.allows.get(name);
            values.is_some_and(|values| values.contains(value))
        };
        let carried = parameters
            .iter()
            .filter(|(name, value)| allowed(name, value));
        given.extend(carried.map(|(name, value)| (name.clone(), value.clone())));
        let fits = match self.described(at, back).await {
            Ok(said) => fitting(back, &said, &given).map(|_| ()),
            Err(trouble) if missing(&trouble) => cannot("it is not there"),
            Err(trouble) => Err(trouble),
        };
        match fits {
            Ok(()) => Ok(Some(Action::RunRunbook {
                entity: back.entity.clone(),
                runbook: back.document.clone(),
                parameters: given,
            })),
            Err(Trouble::Cannot(why)) => cannot(format!(
                "its way back, version {} of {}, cannot be run: {why}",
                back.version, back.document
            )),
            Err(trouble) => Err(trouble),
        }
    }

    /// Machines that the command reaches now.
    async fn machines(&self, at: &At, named: &Runbook) -> Result<Vec<String>, Trouble> {
        let bench = self.bench(at)?;
        let mut filters = Vec::new();
        for (name, values) in &named.targets {
            let filter = InstanceInformationStringFilter::builder().key(name);
            let filter = filter.set_values(Some(values.clone())).build();
            filters.push(filter.map_err(|error| Trouble::Cannot(error.to_string()))?);
        }
        let sent = bench
            .reads
            .systems
            .describe_instance_information()
            .set_filters(Some(filters))
            .max_results(PAGE)
            .send();
        let answer = self
            .ask(bench, "ssm:DescribeInstanceInformation", sent)
            .await?;
        if answer.next_token().is_some_and(|next| !next.is_empty()) {
            return cannot(format!(
                "more than {PAGE} machines would run {}",
                named.document
            ));
        }
        let ids = named.targets.get("InstanceIds");
        let all = answer.instance_information_list().iter();
        let answers = all.filter(|one| one.ping_status() == Some(&PingStatus::Online));
        let answers = answers.filter_map(|one| one.instance_id().map(str::to_string));
        let mut machines: Vec<String> = answers
            .filter(|id| ids.is_none_or(|ids| ids.contains(id)))
            .collect();
        machines.sort_unstable();
        if machines.is_empty() {
            return cannot(format!(
                "no machine that answers would run {}",
                named.document
            ));
        }
        Ok(machines)
    }
}

/// Is it what it was named as, and is it given all that it needs? Whether it takes a role.
fn fitting(
    named: &Runbook,
    said: &DocumentDescription,
    given: &BTreeMap<String, String>,
) -> Result<bool, Trouble> {
    let document = &named.document;
    if said.status() != Some(&DocumentStatus::Active) {
        return cannot(format!("{document} is not ready to be run"));
    }
    let (wanted, what) = match named.is_command() {
        true => (DocumentType::Command, "command"),
        false => (DocumentType::Automation, "automation"),
    };
    if said.document_type() != Some(&wanted) {
        return cannot(format!(
            "{document} is named as a {what}, and is something else"
        ));
    }
    let mut takes_role = false;
    let mut known = Vec::new();
    for parameter in said.parameters() {
        let name = parameter.name().unwrap_or_default();
        known.push(name);
        if name == ROLE && !named.is_command() {
            takes_role = true;
        } else if parameter.default_value().is_none() && !given.contains_key(name) {
            return cannot(format!("{document} has to be given {name}"));
        }
    }
    match given.keys().find(|name| !known.contains(&name.as_str())) {
        Some(strange) => cannot(format!("{document} knows no {strange}")),
        None => Ok(takes_role),
    }
}

impl Document {
    pub fn name(&self) -> String {
        format!("{} {}", self.named.document, self.named.version)
    }

    pub fn after(&self) -> String {
        let mut said = format!("version {} of {}", self.named.version, self.named.document);
        let given = self.parameters.iter();
        let given: Vec<String> = given
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !given.is_empty() {
            said += &format!(" with {}", given.join(", "));
        }
        if self.named.is_command() {
            let at_once = self.named.at_once.as_deref().unwrap_or(AT_ONCE);
            let count = self.machines.len();
            said += &format!(
                " is run on {count} machines, {at_once} at once, until the first that fails"
            );
        } else {
            said += " is run";
        }
        if self.undo.is_none() {
            said += "; no way back is named";
        }
        said
    }

    pub fn undo(&self) -> Option<Action> {
        self.undo.clone()
    }

    pub fn touches(&self) -> Vec<EntityId> {
        let machines = self.machines.iter();
        let machines = machines.map(|id| EntityId::new(format!("host/{id}")));
        machines.chain(self.named.touches.iter().cloned()).collect()
    }

    /// Values as AWS takes them: each may be a list.
    fn values(&self) -> HashMap<String, Vec<String>> {
        let role = self.named.role.iter().filter(|_| self.takes_role);
        let role = role.map(|role| (ROLE.to_string(), vec![role.clone()]));
        let given = self.parameters.iter();
        let given = given.map(|(name, value)| (name.clone(), vec![value.clone()]));
        role.chain(given).collect()
    }

    /// Begins it; AWS's name for what was begun.
    pub async fn begin(&self, work: &Work<'_>, at: &At, key: &StepKey) -> Result<String, Trouble> {
        let bench = work.bench(at)?;
        let Runbook {
            document, version, ..
        } = &self.named;
        if !self.named.is_command() {
            let sent = bench
                .once
                .systems
                .start_automation_execution()
                .document_name(document)
                .document_version(version)
                .set_parameters(Some(self.values()))
                .client_token(token(key))
                .send();
            let answer = work
                .ask(bench, "ssm:StartAutomationExecution", sent)
                .await?;
            return Ok(answer.automation_execution_id.unwrap_or_default());
        }
        let targets = self.named.targets.iter().map(|(name, values)| {
            let target = Target::builder().key(name);
            target.set_values(Some(values.clone())).build()
        });
        let sent = bench
            .once
            .systems
            .send_command()
            .document_name(document)
            .document_version(version)
            .set_parameters(Some(self.values()))
            .set_targets(Some(targets.collect()))
            .max_concurrency(self.named.at_once.as_deref().unwrap_or(AT_ONCE))
            .max_errors("0")
            .timeout_seconds(DELIVERED)
            .comment(comment(key))
            .send();
        let answer = work.ask(bench, "ssm:SendCommand", sent).await?;
        let sent = answer.command.and_then(|one| one.command_id);
        Ok(sent.unwrap_or_default())
    }
}
