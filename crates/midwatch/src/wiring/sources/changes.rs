//! What knows changes, and what providers say of themselves, as they are configured.

use std::sync::Arc;

use connectors::forge::Watched;
use connectors::pull::{Budget, Live};
use connectors::{argocd, git, github, gitlab, statuspage};
use model::EntityId;
use model::time::{MINUTE, Span};

use super::super::house::House;
use super::{SystemPatience, source, source_with};
use crate::config::{Length, Repositories};
use crate::problem::Problem;

/// How far back changes are asked for, unless something else is said.
const SINCE: Span = Span(24 * 60 * MINUTE);
/// Commits of one repository whose diffs are asked for.
const DIFFS: u64 = 20;
/// The same of a repository on this machine, where nobody has to answer.
const LOCAL_DIFFS: u64 = 50;

fn since(length: Option<Length>) -> Span {
    length.map_or(SINCE, |length| length.span())
}

fn watched(config: &Repositories<'_>) -> Watched {
    Watched {
        repositories: config.repositories.to_vec(),
        touches: config.touches.clone(),
        since: since(config.since),
        diffs: config.diffs.unwrap_or(DIFFS),
    }
}

/// Adds those that are configured; nobody is asked yet.
pub(super) fn add(house: &House, all: &mut Vec<Box<dyn Live>>) -> Result<(), Problem> {
    let config = &house.config().connectors;
    for (name, one) in &config.github {
        let name = format!("github.{name}");
        let watched = watched(&one.watched());
        let headers = github::asked::headers();
        let source = source_with(house, &name, &one.pulled(), Budget::default(), headers)?;
        all.push(Box::new(github::asked::Eyes::new(source, watched)));
    }
    for (name, one) in &config.gitlab {
        let name = format!("gitlab.{name}");
        let watched = watched(&one.watched());
        let source = source(house, &name, &one.pulled(), Budget::default())?;
        all.push(Box::new(gitlab::asked::Eyes::new(source, watched)));
    }
    for (name, one) in &config.git {
        let entities = one.entities.iter();
        let settings = git::Settings {
            path: house.path(&one.path),
            branch: one.branch.clone(),
            entities: entities.map(|id| EntityId::from(id.as_str())).collect(),
            since: since(one.since),
            diffs: one.diffs.unwrap_or(LOCAL_DIFFS),
            timeout: one
                .timeout
                .map_or(Budget::default().timeout, |length| length.span()),
            look: one
                .look
                .map_or(Budget::default().look, |length| length.span()),
        };
        let name = format!("git.{name}");
        all.push(Box::new(git::Eyes::new(
            &name,
            settings,
            Arc::new(SystemPatience),
        )));
    }
    for (name, one) in &config.argocd {
        let name = format!("argocd.{name}");
        let settings = argocd::Settings {
            applications: one.applications.clone(),
            touches: one.touches.clone(),
            since: since(one.since),
        };
        let source = source(house, &name, &one.pulled(), Budget::default())?;
        all.push(Box::new(argocd::Eyes::new(source, settings)));
    }
    for (name, one) in &config.statuspage {
        let name = format!("statuspage.{name}");
        let settings = statuspage::Settings {
            entity: EntityId::from(one.entity.as_str()),
            components: one.components.clone(),
        };
        let source = source(house, &name, &one.pulled(), Budget::default())?;
        all.push(Box::new(statuspage::Eyes::new(source, settings)));
    }
    Ok(())
}
