//! Which pods look broken, and what they said: the lines of a few, so that a cluster in trouble is not asked for more.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::EntityId;
use model::case::OwnedLog;
use model::time::{TimeWindow, Timestamp};
use serde_json::Value;

use super::calls::{Call, is_name};
use crate::files::gathered::{moment_at, text_at};
use crate::pull::lines::{self, Fields};
use crate::pull::{Look, Missed};

/// Containers of one pod whose lines are read.
const CONTAINERS: usize = 3;
/// Pods of one owner: the others most likely say the same.
const ALIKE: usize = 2;
/// Bytes of one container.
const BYTES: u64 = 256 << 10;

/// A container of a pod that looks broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub namespace: String,
    pub pod: String,
    pub container: String,
    /// Did an earlier run of it end, so that what that said is worth reading?
    pub ended: bool,
    /// Does it run, or did it, so that there are lines of it now?
    pub runs: bool,
}

/// How much a pod looks broken: 0 most, 3 least; `None` if it looks well, is leaving, or has said nothing yet.
fn rank(pod: &Value, hull: TimeWindow) -> Option<u8> {
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return None;
    }
    let statuses = containers(pod);
    let worst = statuses.iter().filter_map(|status| trouble(status, hull));
    let failed = text_at(pod, &["status", "phase"]) == "Failed";
    worst.chain(failed.then_some(1)).min()
}

fn containers(pod: &Value) -> Vec<&Value> {
    ["initContainerStatuses", "containerStatuses"]
        .iter()
        .filter_map(|list| pod["status"][*list].as_array())
        .flatten()
        .collect()
}

fn trouble(status: &Value, hull: TimeWindow) -> Option<u8> {
    let state = |kind: &str| status["state"].get(kind).filter(|state| state.is_object());
    let code = |ended: &Value| ended["exitCode"].as_i64().unwrap_or(0);
    if let Some(waiting) = state("waiting") {
        return (text_at(waiting, &["reason"]) == "CrashLoopBackOff").then_some(0);
    }
    if let Some(ended) = state("terminated") {
        return (code(ended) != 0).then_some(0);
    }
    let last = &status["lastState"]["terminated"];
    let recently = moment_at(last, &["finishedAt"]).is_some_and(|at| hull.contains(at));
    if recently && code(last) != 0 {
        return Some(1);
    }
    let started = moment_at(&status["state"]["running"], &["startedAt"]);
    let unready = status["ready"].as_bool() == Some(false) && started.is_some();
    unready.then_some(2)
}

/// The containers whose lines are worth reading, those of up to so many pods; the worst first, and not all of one
/// owner.
pub(super) fn broken(pods: &[Value], hull: TimeWindow, most: usize) -> Vec<Broken> {
    let mut ranked: Vec<(u8, &Value)> = pods
        .iter()
        .filter_map(|pod| Some((rank(pod, hull)?, pod)))
        .collect();
    let meta = |pod: &Value, key: &str| text_at(pod, &["metadata", key]).to_string();
    ranked.sort_by_cached_key(|(rank, pod)| (*rank, meta(pod, "namespace"), meta(pod, "name")));
    let mut of_owner: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut chosen = Vec::new();
    let mut taken = 0;
    for (_, pod) in ranked {
        let (namespace, name) = (meta(pod, "namespace"), meta(pod, "name"));
        let owner = pod.pointer("/metadata/ownerReferences/0/name");
        let owner = owner.and_then(Value::as_str).unwrap_or(&name).to_string();
        let alike = of_owner.entry((namespace.clone(), owner)).or_default();
        if taken >= most || *alike >= ALIKE || !is_name(&namespace) || !is_name(&name) {
            continue;
        }
        *alike += 1;
        taken += 1;
        let troubled = containers(pod)
            .into_iter()
            .filter(|status| trouble(status, hull).is_some());
        for status in troubled.take(CONTAINERS) {
            let state = |kind: &str| status["state"].get(kind).is_some_and(Value::is_object);
            chosen.push(Broken {
                namespace: namespace.clone(),
                pod: name.clone(),
                container: text_at(status, &["name"]).to_string(),
                ended: status["lastState"]["terminated"].is_object(),
                runs: state("running") || state("terminated"),
            });
        }
    }
    chosen
}

/// What one container said, now or in its run before.
pub(super) fn read(
    look: &mut Look<'_>,
    of: &Broken,
    earlier: bool,
    entity: &EntityId,
    hull: TimeWindow,
    now: Timestamp,
    most: u64,
) -> Result<Vec<OwnedLog>, Missed> {
    let seconds = now.since(hull.from()).0 / model::time::SECOND;
    let mut fields = vec![
        ("container", of.container.clone()),
        ("timestamps", "true".to_string()),
        ("tailLines", most.to_string()),
        ("limitBytes", BYTES.to_string()),
        ("sinceSeconds", seconds.max(1).to_string()),
    ];
    if earlier {
        fields.push(("previous", "true".to_string()));
    }
    let answered = look.ask(&Call::log(&of.namespace, &of.pod), &fields)?;
    let file = format!(
        "kubernetes/{}/{}/{}{}",
        of.namespace,
        of.pod,
        of.container,
        if earlier { ".previous" } else { "" }
    );
    Ok(parsed(
        &String::from_utf8_lossy(&answered.body),
        entity,
        &Arc::from(file),
        hull,
        most,
    ))
}

/// Lines with a time before each. Those without one, and those of another time, are left out.
pub(super) fn parsed(
    text: &str,
    entity: &EntityId,
    file: &Arc<str>,
    hull: TimeWindow,
    most: u64,
) -> Vec<OwnedLog> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    (1..)
        .zip(text.lines())
        .filter_map(|(line, said)| {
            let (time, said) = said.split_once(' ').unwrap_or((said, ""));
            let time: Timestamp = time.parse().ok()?;
            (hull.contains(time) && !said.trim().is_empty()).then_some((line, time, said))
        })
        .take(most)
        .map(|(line, time, said)| {
            lines::told(time, said.to_string(), Fields::new(), &Fields::new()).own(
                entity.clone(),
                Arc::clone(file),
                line,
            )
        })
        .collect()
}
