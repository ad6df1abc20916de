//! A function of Lambda: how it is set now, and how that is written.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{Environment, LastUpdateStatus};

use model::EntityId;
use model::action::Action;

use super::Trouble;
use super::aim::Aim;
use super::bench::{At, Work};
use super::matter::Update;
use super::parameter::{self, Parameter, Parameters};
use crate::pull::Missed;

/// Versions of one answer.
const PAGE: i32 = 50;
/// Answers that are read: AWS gives the oldest first.
const PAGES: usize = 20;

/// How a function is set now. It holds values of variables, so it is shown to nobody.
#[derive(Clone)]
pub(super) struct Present {
    /// What is written is written onto this revision, or not at all.
    revision: Option<String>,
    /// An ARN.
    pub role: String,
    /// Name to value; or why AWS does not show them.
    pub variables: Result<BTreeMap<String, String>, String>,
    /// What else can be put back, as far as AWS shows it.
    pub parameters: Parameters,
    /// When it was last altered, as AWS writes it.
    pub modified: String,
    pub update: Update,
    /// How many copies may run at once, where that is limited.
    pub concurrency: Option<u64>,
}

/// A function, and what is to be so of it.
pub(super) struct Function {
    pub entity: EntityId,
    pub at: At,
    pub present: Present,
    pub aim: Aim,
    /// Roles that it may be given.
    pub roles: Vec<String>,
}

impl Function {
    pub fn is_so(&self) -> bool {
        self.aim.is_so(&self.present)
    }

    pub fn update(&self) -> Update {
        self.present.update.clone()
    }

    pub fn before(&self) -> String {
        self.aim.before(&self.present)
    }

    pub fn after(&self) -> String {
        self.aim.after(&self.present)
    }

    pub fn undo(&self) -> Option<Action> {
        self.aim.undo(&self.entity, &self.present, &self.roles)
    }

    pub fn harms_nobody(&self) -> bool {
        self.aim.harms_nobody(&self.present)
    }

    pub async fn write(&self, work: &Work<'_>) -> Result<(), Trouble> {
        work.write(&self.at, &self.present, &self.aim).await
    }

    pub async fn look(&mut self, work: &Work<'_>) -> Result<(), Trouble> {
        self.present = work.present(&self.at).await?;
        Ok(())
    }
}

/// A published version.
pub(super) struct Published {
    pub modified: String,
    pub variables: Result<BTreeMap<String, String>, String>,
    pub parameters: Parameters,
}

fn variables(
    shown: Option<&aws_sdk_lambda::types::EnvironmentResponse>,
) -> Result<BTreeMap<String, String>, String> {
    let Some(shown) = shown else {
        return Ok(BTreeMap::new());
    };
    if let Some(error) = shown.error() {
        // Its text may say more than is good for a plan; its code says enough.
        return Err(error.error_code().unwrap_or("it says not why").to_string());
    }
    let pairs = shown.variables().into_iter().flatten();
    Ok(pairs
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect())
}

impl Work<'_> {
    /// Settings alone; how many copies may run is asked for elsewhere.
    pub async fn configuration(&self, at: &At) -> Result<Present, Trouble> {
        let bench = self.bench(at)?;
        let sent = bench
            .reads
            .lambda
            .get_function_configuration()
            .function_name(&at.name)
            .send();
        let answer = self
            .ask(bench, "lambda:GetFunctionConfiguration", sent)
            .await?;
        let update = match answer.last_update_status() {
            Some(LastUpdateStatus::InProgress) => Update::Going,
            Some(LastUpdateStatus::Failed) => Update::Broken(
                answer
                    .last_update_status_reason_code()
                    .map_or("it says not why", |code| code.as_str())
                    .to_string(),
            ),
            _ => Update::Over,
        };
        Ok(Present {
            revision: answer.revision_id().map(str::to_string),
            role: answer.role().unwrap_or_default().to_string(),
            variables: variables(answer.environment()),
            parameters: parameter::shown(answer.handler(), answer.timeout(), answer.memory_size()),
            modified: answer.last_modified().unwrap_or_default().to_string(),
            update,
            concurrency: None,
        })
    }

    /// All of it.
    pub async fn present(&self, at: &At) -> Result<Present, Trouble> {
        let present = self.configuration(at).await?;
        self.limited(at, present).await
    }

    /// With how many copies may run.
    async fn limited(&self, at: &At, mut present: Present) -> Result<Present, Trouble> {
        let bench = self.bench(at)?;
        let sent = bench
            .reads
            .lambda
            .get_function_concurrency()
            .function_name(&at.name)
            .send();
        let answer = self
            .ask(bench, "lambda:GetFunctionConcurrency", sent)
            .await?;
        let reserved = answer.reserved_concurrent_executions();
        present.concurrency = reserved.and_then(|copies| u64::try_from(copies).ok());
        Ok(present)
    }

    /// The published versions, of which none ever changes.
    pub async fn versions(&self, at: &At) -> Result<Vec<Published>, Trouble> {
        let bench = self.bench(at)?;
        let mut all = Vec::new();
        let mut next = None;
        for _ in 0..PAGES {
            let sent = bench
                .reads
                .lambda
                .list_versions_by_function()
                .function_name(&at.name)
                .max_items(PAGE)
                .set_marker(next)
                .send();
            let answer = self
                .ask(bench, "lambda:ListVersionsByFunction", sent)
                .await?;
            for version in answer.versions() {
                // What may still be altered is no version.
                if version.version().is_none_or(|name| name == "$LATEST") {
                    continue;
                }
                all.push(Published {
                    modified: version.last_modified().unwrap_or_default().to_string(),
                    variables: variables(version.environment()),
                    parameters: parameter::shown(
                        version.handler(),
                        version.timeout(),
                        version.memory_size(),
                    ),
                });
            }
            next = answer.next_marker().map(str::to_string);
            if next.is_none() {
                return Ok(all);
            }
        }
        Err(Trouble::Cannot(format!(
            "the function has more than {} published versions, and the newest are told last",
            all.len()
        )))
    }

    /// Writes what is to be so: one request, sent once.
    async fn write(&self, at: &At, present: &Present, aim: &Aim) -> Result<(), Trouble> {
        let bench = self.bench(at)?;
        match aim.concurrency {
            None => self.configure(at, present, aim).await,
            Some(Some(copies)) => {
                let copies = i32::try_from(copies).map_err(|_| {
                    Trouble::Cannot(format!("{copies} copies are more than AWS can be told"))
                })?;
                let sent = bench
                    .once
                    .lambda
                    .put_function_concurrency()
                    .function_name(&at.name)
                    .reserved_concurrent_executions(copies)
                    .send();
                let sent = self.ask(bench, "lambda:PutFunctionConcurrency", sent).await;
                sent.map(|_| ())
            }
            Some(None) => {
                let sent = bench
                    .once
                    .lambda
                    .delete_function_concurrency()
                    .function_name(&at.name)
                    .send();
                let sent = self
                    .ask(bench, "lambda:DeleteFunctionConcurrency", sent)
                    .await;
                sent.map(|_| ())
            }
        }
    }

    /// Variables, role and parameters, onto the revision that was read: whoever altered it since has not been read.
    async fn configure(&self, at: &At, present: &Present, aim: &Aim) -> Result<(), Trouble> {
        let bench = self.bench(at)?;
        let Some(revision) = &present.revision else {
            return Err(Trouble::Cannot(
                "AWS names no revision, without which a change of somebody else could be overwritten"
                    .to_string(),
            ));
        };
        let mut request = bench
            .once
            .lambda
            .update_function_configuration()
            .function_name(&at.name)
            .revision_id(revision);
        if let Some(variables) = &aim.variables {
            let whole = variables.clone().into_iter().collect();
            let whole = Environment::builder().set_variables(Some(whole)).build();
            request = request.environment(whole);
        }
        if let Some(role) = &aim.role {
            request = request.role(role);
        }
        for (one, value) in &aim.parameters {
            request = match one {
                Parameter::Handler => request.handler(value),
                Parameter::Timeout => request.timeout(one.number(value)?),
                Parameter::MemorySize => request.memory_size(one.number(value)?),
            };
        }
        let sent = self.ask(bench, "lambda:UpdateFunctionConfiguration", request.send());
        sent.await.map(|_| ()).map_err(|trouble| match trouble {
            Trouble::Missed(_, Missed::Refused(412, _)) => Trouble::Cannot(
                "somebody altered the function between our reading and our writing; nothing was written"
                    .to_string(),
            ),
            // What AWS says of variables that it refuses may say their values; its code does not.
            Trouble::Missed(action, Missed::Refused(status, said)) => {
                let code = said.split(':').next().unwrap_or_default().to_string();
                Trouble::Missed(action, Missed::Refused(status, code))
            }
            other => other,
        })
    }
}
