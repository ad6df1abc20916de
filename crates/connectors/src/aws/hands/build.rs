//! A build of CodeBuild, where Terraform and its like are run: a project that was named, at a version of its source that
//! was built well before, or that was named too. Which version a build took is in AWS's answer to it, and that of the last
//! that succeeded leads back. CodeBuild knows a token for five minutes; after that a build of ours is known by a variable
//! that it was given.

use std::collections::BTreeMap;

use aws_sdk_codebuild::types::{
    Build as Built, EnvironmentVariable, EnvironmentVariableType, SortOrderType, StatusType,
};
use model::EntityId;
use model::action::{Action, StepKey};
use serde_json::Value;

use super::Trouble;
use super::bench::{At, Work};
use super::former::cannot;
use super::matter::Update;
use super::record::field;
use super::run::{One, Run, What, only_values, permitted, token};
use crate::aws::eyes::alarms::moment;
use crate::aws::runs::{Build, MARK, SOURCE_VERSION};
use crate::pull::Missed;

/// Builds that are read, the newest: as many as AWS describes at once.
const BUILDS: usize = 100;

/// A project that is to be built.
pub(super) struct Project {
    named: Build,
    version: String,
    environment: BTreeMap<String, String>,
    undo: Option<Action>,
}

/// What a build took that went well, if AWS tells.
fn took(one: &Built) -> Option<&str> {
    let well = one.build_status() == Some(&StatusType::Succeeded);
    one.resolved_source_version().filter(|_| well)
}

fn variables(one: &Built) -> impl Iterator<Item = &EnvironmentVariable> {
    let environment = one.environment().into_iter();
    environment.flat_map(|one| one.environment_variables())
}

/// That build again: its version, and its variables as far as they may be given.
fn again(named: &Build, one: &Built) -> Option<Action> {
    let mut parameters = BTreeMap::from([(SOURCE_VERSION.to_string(), took(one)?.to_string())]);
    for variable in variables(one) {
        let Some(values) = named.environment.get(variable.name()) else {
            continue;
        };
        let value = variable.value().to_string();
        let plain = variable
            .r#type()
            .is_none_or(|kind| *kind == EnvironmentVariableType::Plaintext);
        // It was built with what may not be given: that build cannot be had again.
        if !plain || !values.contains(&value) {
            return None;
        }
        parameters.insert(variable.name().to_string(), value);
    }
    Some(Action::RunRunbook {
        entity: named.entity.clone(),
        runbook: named.project.clone(),
        parameters,
    })
}

impl Work<'_> {
    /// That project, to be built with these values.
    pub(super) async fn built(
        &self,
        named: &Build,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Run, Trouble> {
        let (at, builds) = self.project(named).await?;
        self.building(at, named, &builds, parameters).await
    }

    async fn building(
        &self,
        at: At,
        named: &Build,
        builds: &[Built],
        parameters: &BTreeMap<String, String>,
    ) -> Result<Run, Trouble> {
        let mut environment = parameters.clone();
        let Some(version) = environment.remove(SOURCE_VERSION) else {
            return cannot(format!("say which version of its source: {SOURCE_VERSION}"));
        };
        permitted(&named.project, &named.environment, &environment)?;
        let before = builds.iter().any(|one| took(one) == Some(version.as_str()));
        if !before && !named.versions.contains(&version) {
            return cannot(format!(
                "{version} is neither among the versions that {} was built from well lately, nor named for it",
                named.project
            ));
        }
        // The last that went well, ours left out: what is altered now rests on it.
        let last = builds
            .iter()
            .filter(|one| !self.marked(one))
            .find(|one| took(one).is_some());
        // The same again overwrites what is in no version.
        let last = last.filter(|one| took(one) != Some(version.as_str()));
        let project = Project {
            named: named.clone(),
            version,
            environment,
            undo: last.and_then(|one| again(named, one)),
        };
        self.running(at, What::Build(project)).await
    }

    /// Where the project is, and what was built of it, the newest first.
    async fn project(&self, named: &Build) -> Result<(At, Vec<Built>), Trouble> {
        let (_, benches) = self.called(&named.entity)?;
        let mut found = Vec::new();
        for bench in benches {
            let at = At {
                bench,
                name: named.project.clone(),
            };
            match self.builds(&at).await {
                Ok(builds) => found.push((at, builds)),
                Err(Trouble::Missed(_, Missed::Refused(_, said)))
                    if said.starts_with("ResourceNotFound") => {}
                Err(trouble) => return Err(trouble),
            }
        }
        if found.is_empty() {
            return cannot(format!(
                "there is no project {} where they reach",
                named.project
            ));
        }
        self.only(&named.entity, found)
    }

    async fn builds(&self, at: &At) -> Result<Vec<Built>, Trouble> {
        let bench = self.bench(at)?;
        let sent = bench
            .reads
            .builds
            .list_builds_for_project()
            .project_name(&at.name)
            .sort_order(SortOrderType::Descending)
            .send();
        let answer = self
            .ask(bench, "codebuild:ListBuildsForProject", sent)
            .await?;
        let ids: Vec<String> = answer.ids().iter().take(BUILDS).cloned().collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sent = bench
            .reads
            .builds
            .batch_get_builds()
            .set_ids(Some(ids))
            .send();
        let answer = self.ask(bench, "codebuild:BatchGetBuilds", sent).await?;
        let mut builds = answer.builds.unwrap_or_default();
        builds.sort_by_key(|one| std::cmp::Reverse(one.start_time().map(moment)));
        Ok(builds)
    }

    /// Was this build begun under the key of this step?
    fn marked(&self, one: &Built) -> bool {
        self.is_ours(one.id().unwrap_or_default(), |key| {
            variables(one).any(|one| one.name() == MARK && one.value() == key.0)
        })
    }

    /// What is to be built to put back a build that the audit trail tells of; `None` if it is no build of what is named
    /// for the entity.
    pub async fn former_build(
        &self,
        entity: &EntityId,
        change: &str,
    ) -> Result<Option<Run>, Trouble> {
        let of_it = self.settings.named.builds.iter();
        for named in of_it.filter(|one| one.entity == *entity) {
            let (at, builds) = self.project(named).await?;
            let Ok(record) = self.record(&at, change).await else {
                continue;
            };
            let same = record.text("projectName") == Some(named.project.as_str());
            if !record.is("StartBuild") || !same {
                continue;
            }
            let id = record
                .answered("build")
                .and_then(|build| field(build, "id"));
            let id = id.and_then(Value::as_str);
            let place = builds.iter().position(|one| one.id() == id);
            let (Some(_), Some(place)) = (id, place) else {
                return cannot("that build is not among the newest of its project");
            };
            let (since, before) = builds.split_at(place);
            if since
                .iter()
                .any(|one| took(one).is_some() && !self.marked(one))
            {
                return cannot("it was built again since that change");
            }
            let former = before.iter().skip(1).find(|one| took(one).is_some());
            let former = former.and_then(|one| again(named, one));
            let Some(Action::RunRunbook { parameters, .. }) = former else {
                return cannot(
                    "AWS tells of no build before that change that succeeded and could be had again",
                );
            };
            return self
                .building(at, named, &builds, &parameters)
                .await
                .map(Some);
        }
        Ok(None)
    }

    /// What these hands could run for that entity, where its owner named it for this remedy. A project is offered as it was
    /// built last: that puts back what was altered beside it.
    pub async fn runnable_for(&self, remedy: &str, entity: &EntityId) -> Vec<Action> {
        let named = &self.settings.named;
        let fits = |whose: &EntityId, remedies: &[String]| {
            whose == entity && remedies.iter().any(|one| one == remedy)
        };
        let documents = named.runbooks.iter();
        let documents = documents.filter(|one| fits(&one.entity, &one.remedies));
        let mut offered: Vec<Action> = documents
            .map(|one| Action::RunRunbook {
                entity: entity.clone(),
                runbook: one.document.clone(),
                parameters: only_values(&one.allows),
            })
            .collect();
        for one in &named.builds {
            if !fits(&one.entity, &one.remedies) {
                continue;
            }
            // What cannot be seen is not offered.
            if let Ok((_, builds)) = self.project(one).await {
                let last = builds.iter().find(|built| took(built).is_some());
                offered.extend(last.and_then(|built| again(one, built)));
            }
        }
        offered
    }
}

/// How a build stands.
fn stands(one: &Built) -> Update {
    match one.build_status() {
        Some(StatusType::Succeeded) => Update::Over,
        Some(
            status @ (StatusType::Failed
            | StatusType::Fault
            | StatusType::Stopped
            | StatusType::TimedOut),
        ) => Update::Broken(status.as_str().to_string()),
        _ => Update::Going,
    }
}

impl Project {
    pub fn name(&self) -> String {
        self.named.project.clone()
    }

    pub fn after(&self) -> String {
        let mut said = format!("{} is built from {}", self.named.project, self.version);
        let given = self.environment.iter();
        let given: Vec<String> = given
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !given.is_empty() {
            said += &format!(" with {}", given.join(", "));
        }
        if self.undo.is_none() {
            said += "; no build is known that leads back";
        }
        said
    }

    pub fn undo(&self) -> Option<Action> {
        self.undo.clone()
    }

    pub fn touches(&self) -> Vec<EntityId> {
        self.named.touches.clone()
    }

    /// Begins it; AWS's name for what was begun.
    pub async fn begin(&self, work: &Work<'_>, at: &At, key: &StepKey) -> Result<String, Trouble> {
        let bench = work.bench(at)?;
        let mark = (MARK.to_string(), key.0.clone());
        let mut variables = Vec::new();
        for (name, value) in self.environment.clone().into_iter().chain([mark]) {
            let variable = EnvironmentVariable::builder().name(name).value(value);
            let variable = variable.r#type(EnvironmentVariableType::Plaintext).build();
            variables.push(variable.map_err(|error| Trouble::Cannot(error.to_string()))?);
        }
        let sent = bench
            .once
            .builds
            .start_build()
            .project_name(&self.named.project)
            .source_version(&self.version)
            .set_environment_variables_override(Some(variables))
            .idempotency_token(token(key))
            .send();
        let answer = work.ask(bench, "codebuild:StartBuild", sent).await?;
        let begun = answer.build_value.and_then(|one| one.id);
        Ok(begun.unwrap_or_default())
    }

    /// What was built of it lately, the newest first.
    pub async fn runs(&self, work: &Work<'_>, at: &At) -> Result<Vec<One>, Trouble> {
        let builds = work.builds(at).await?;
        let told = builds.iter().map(|one| {
            let version = one.resolved_source_version().or(one.source_version());
            let status = one.build_status().map_or("?", |status| status.as_str());
            // In which phase it ended badly; what it said there may hold anything.
            let phases = one.phases().iter().filter_map(|phase| {
                let status = phase.phase_status()?;
                let bad = !matches!(status, StatusType::Succeeded | StatusType::InProgress);
                let name = phase.phase_type()?.as_str();
                bad.then(|| format!(" in {name}"))
            });
            let place: String = phases.take(1).collect();
            One {
                id: one.id().unwrap_or_default().to_string(),
                ours: work.marked(one),
                began: one.start_time().map(moment),
                stands: stands(one),
                far: format!(
                    "{status}{place}, of {}",
                    version.unwrap_or("an unknown version")
                ),
            }
        });
        Ok(told.collect())
    }
}
