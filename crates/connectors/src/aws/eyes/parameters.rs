//! Parameters of Systems Manager: which were altered, and whose variables name them.
//!
//! Only their names, versions and times are read, never their values. What variables say is compared here, with names that the
//! service lists: it may be a secret, and is sent to nobody. Where no variable may name a parameter nobody is asked; that one was
//! altered is then told by the audit trail alone.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::ParameterMetadata;
use model::{Change, EdgeKind, EntityId, EntityKind, SourceKind};
use serde_json::json;

use super::alarms::moment;
use super::ask::{Asking, Miss};
use super::found::{Found, plain};
use super::functions::Names;
use super::repeats::clip;
use crate::files::aws::names;

/// Parameters of one answer: the most that may be asked for.
const PAGE: i32 = 50;
/// Answers that are read.
const PAGES: usize = 3;

/// Parameters, where a variable may name one.
pub(super) async fn look(asking: &Asking<'_>, names: &Names) -> Found {
    let mut found = Found::default();
    let readers = readers(names);
    if !readers.is_empty()
        && let Err(miss) = parameters(asking, &readers, &mut found).await
    {
        found.missed(asking, "which parameters were altered", &miss);
    }
    found
}

/// Names of parameters, or how they begin, and whose variables say them.
type Readers = BTreeMap<String, BTreeSet<(EntityId, String)>>;

/// What variables say that may be the name of a parameter.
fn readers(names: &Names) -> Readers {
    let mut readers = Readers::new();
    for (whose, variable, value) in names.each() {
        let by_arn = value.starts_with("arn:") && value.contains(":parameter/");
        let upper = variable.to_ascii_uppercase();
        let called = ["PARAM", "SSM"].iter().any(|word| upper.contains(word));
        let may = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
        let path = value.starts_with('/') && value.chars().all(may);
        let name = if by_arn { names::arn(value).1 } else { value };
        let name = name.trim_matches('/');
        if (by_arn || called || path) && !name.is_empty() {
            let said = (whose.clone(), variable.to_string());
            readers.entry(name.to_string()).or_default().insert(said);
        }
    }
    readers
}

async fn parameters(asking: &Asking<'_>, readers: &Readers, found: &mut Found) -> Result<(), Miss> {
    let mut next = None;
    for page in 0.. {
        if page == PAGES {
            let detail = format!("the first {} parameters were read", PAGES * PAGE as usize);
            let gap = asking.cut("all parameters", detail, "name fewer regions and accounts");
            found.gaps.push(gap);
            break;
        }
        let sent = asking
            .place
            .systems
            .describe_parameters()
            .max_results(PAGE)
            .set_next_token(next)
            .send();
        let answer = asking.ask("ssm:DescribeParameters", 1, sent).await?;
        found.seen.insert(SourceKind::Changes);
        for parameter in answer.parameters() {
            altered(asking, parameter, readers, found);
        }
        next = answer.next_token().map(str::to_string);
        if next.is_none() {
            break;
        }
    }
    Ok(())
}

/// Who reads a parameter; and, if it was altered of late, that it was.
fn altered(
    asking: &Asking<'_>,
    parameter: &ParameterMetadata,
    readers: &Readers,
    found: &mut Found,
) {
    let name = parameter.name().unwrap_or_default();
    let path = name.trim_matches('/');
    if path.is_empty() {
        return;
    }
    // The name itself, or a path above it.
    let above = path.match_indices('/').map(|(at, _)| &path[..at]);
    let said: BTreeSet<&(EntityId, String)> = std::iter::once(path)
        .chain(above)
        .filter_map(|name| readers.get(name))
        .flatten()
        .collect();
    let since = asking.reaches_back();
    let at = parameter.last_modified_date().map(moment);
    let at = at.filter(|at| (since..asking.now).contains(at));
    if said.is_empty() && at.is_none() {
        return;
    }
    // As its ARN names it: the audit trail does so.
    let entity = found.there(asking, EntityKind::Config, path);
    for (reader, variable) in said {
        let seen_in = format!("the variable {variable}");
        found.edge(reader, &entity, EdgeKind::UsesConfig, &seen_in);
    }
    let Some(at) = at else { return };
    let version = parameter.version();
    let document = json!({
        "Name": name,
        "Version": version,
        "LastModifiedDate": at.to_string(),
        "Type": parameter.r#type().map(|one| one.as_str()),
        "Tier": parameter.tier().map(|one| one.as_str()),
    });
    found.state(entity.clone(), "ssm.parameter", document, asking.now);
    let made = if version <= 1 { ", which is new" } else { "" };
    let title = format!("parameter {name}, version {version}{made}");
    found.changes.push(Change {
        id: format!("ssm:parameter:{name}:{version}"),
        actor: parameter.last_modified_user().map(clip).unwrap_or_default(),
        version: version.to_string(),
        ..plain(&title, (at, at), vec![entity])
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_may_name_parameters() {
        let mut names = Names::default();
        let pay = EntityId::from("function/pay");
        for (variable, value) in [
            ("POOL", "arn:aws:ssm:eu-west-1:1:parameter/shop/pool"),
            ("CONFIG", "/shop/pay/"),
            ("PARAM_NAME", "limits"),
            ("TOKEN", "aGVsbG8="),
            ("KEY", "/9j/4AAQ+secret=="),
            ("ROOT", "/"),
            ("TABLE", "ledger"),
        ] {
            names.say(&pay, variable, value);
        }
        let readers = readers(&names);
        let known: Vec<&str> = readers.keys().map(String::as_str).collect();
        assert_eq!(known, ["limits", "shop/pay", "shop/pool"]);
    }
}
