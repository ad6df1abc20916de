//! Traces of X-Ray: a sample of them, and who calls whom by its own account. Spans are read by the importer's reader of
//! `aws xray batch-get-traces`.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_xray::types::TraceSummary;
use model::source::Asked;
use model::time::{MINUTE, Span, TimeWindow};
use model::{EdgeKind, EntityId, SourceKind};
use serde_json::json;

use super::alarms::stamp;
use super::ask::{Asking, Miss};
use super::found::{Found, Rows};
use super::metrics::quoted;
use crate::files::Limits;
use crate::files::aws::{self, xray};
use crate::files::entities::Who;
use crate::files::source::DataFile;
use crate::pull::{Missed, slices};

/// Traces of one answer.
const AT_ONCE: usize = 5;
/// X-Ray searches no longer stretches than this.
const LONGEST: Span = Span(6 * 60 * MINUTE);
/// Slices of time, where one answer does not hold all.
const SLICES: i64 = 8;

/// Traces in this time.
pub(super) async fn look(asking: &Asking<'_>) -> Found {
    let mut found = Found::default();
    let to = asking.hull.to();
    let from = asking.hull.from().max(to.minus(LONGEST));
    let Some(window) = TimeWindow::new(from, to) else {
        return found;
    };
    let ids = match summaries(asking, window, &mut found).await {
        Ok(ids) => {
            found.seen.insert(SourceKind::Traces);
            Some(ids)
        }
        Err(miss) => {
            found.missed(asking, "traces", &miss);
            // Whoever may not see traces may still see the graph; where X-Ray does not answer, it will not.
            if !matches!(miss.missed, Missed::Permission(_)) {
                found.missed(asking, "who calls whom", &miss);
                return found;
            }
            None
        }
    };
    // The graph is made of traces: where there are none, it is empty.
    if ids.as_ref().is_none_or(|ids| !ids.is_empty())
        && let Err(miss) = graph(asking, window, &mut found).await
    {
        found.missed(asking, "who calls whom", &miss);
    }
    if let Some(ids) = ids
        && let Err(miss) = spans(asking, &ids, &mut found).await
    {
        found.missed(asking, "traces", &miss);
    }
    found
}

/// Who calls whom, as X-Ray adds it up.
async fn graph(asking: &Asking<'_>, window: TimeWindow, found: &mut Found) -> Result<(), Miss> {
    let sent = asking
        .place
        .xray
        .get_service_graph()
        .start_time(stamp(window.from()))
        .end_time(stamp(window.to()))
        .send();
    let answer = asking.ask("xray:GetServiceGraph", 1, sent).await?;
    let mut ids: BTreeMap<i32, EntityId> = BTreeMap::new();
    for service in answer.services() {
        let (Some(number), Some(name)) = (service.reference_id(), service.name()) else {
            continue;
        };
        let kind = service.r#type().unwrap_or_default();
        // Whoever sends requests from outside is a node too, and nobody's dependency.
        if kind.starts_with("client") {
            continue;
        }
        let who = Who::Named(xray::kind(kind), name.into());
        ids.insert(number, found.directory.id(&who));
    }
    for service in answer.services() {
        let from = service.reference_id().and_then(|number| ids.get(&number));
        let to = service
            .edges()
            .iter()
            .filter_map(|edge| ids.get(&edge.reference_id()?));
        if let Some(from) = from.cloned() {
            for to in to.cloned().collect::<Vec<_>>() {
                found.edge(&from, &to, EdgeKind::Calls, "X-Ray's service graph");
            }
        }
    }
    Ok(())
}

/// Ids of traces that lie evenly in this time.
async fn summaries(
    asking: &Asking<'_>,
    window: TimeWindow,
    found: &mut Found,
) -> Result<Vec<String>, Miss> {
    let most = asking.settings.traces;
    let (all, whole) = page(asking, window).await?;
    if whole {
        if all.len() > most {
            sampled(asking, found);
        }
        return Ok(evenly(all, most));
    }
    sampled(asking, found);
    let mut ids = Vec::new();
    for slice in slices(window, SLICES) {
        match page(asking, slice).await {
            Ok((some, _)) => ids.extend(evenly(some, most / SLICES as usize)),
            // What was found is something.
            Err(miss) if !ids.is_empty() => {
                found.missed(asking, "all traces", &miss);
                break;
            }
            Err(miss) => return Err(miss),
        }
    }
    ids.sort();
    ids.dedup();
    Ok(ids)
}

/// That not all traces were read.
fn sampled(asking: &Asking<'_>, found: &mut Found) {
    let detail = "there are more traces in this time than were read; how many there were is not told by them";
    let gap = asking.cut("all traces", detail.to_string(), "raise traces");
    found.gaps.push(gap);
}

/// One answer's traces, and whether they are all.
async fn page(asking: &Asking<'_>, window: TimeWindow) -> Result<(Vec<TraceSummary>, bool), Miss> {
    let sent = asking
        .place
        .xray
        .get_trace_summaries()
        .start_time(stamp(window.from()))
        .end_time(stamp(window.to()))
        .send();
    let answer = asking.ask("xray:GetTraceSummaries", 1, sent).await?;
    let whole = answer.next_token().is_none();
    Ok((answer.trace_summaries().to_vec(), whole))
}

/// So many ids, evenly out of all; whether a trace failed plays no part in it.
fn evenly(all: Vec<TraceSummary>, most: usize) -> Vec<String> {
    let ids: BTreeSet<String> = all
        .iter()
        .filter_map(|one| Some(one.id()?.to_string()))
        .collect();
    // An id of X-Ray's begins with its time.
    let step = ids.len().div_ceil(most.max(1)).max(1);
    ids.into_iter().step_by(step).collect()
}

/// The spans of these traces.
async fn spans(asking: &Asking<'_>, ids: &[String], found: &mut Found) -> Result<(), Miss> {
    let name = format!("{}/{}/xray.json", asking.source, asking.place.name);
    let mut rows = Rows::new(&name, asking.hull);
    let mut unread = 0;
    let mut missed = None;
    for some in ids.chunks(AT_ONCE) {
        let sent = asking
            .place
            .xray
            .batch_get_traces()
            .set_trace_ids(Some(some.to_vec()))
            .send();
        let answer = match asking
            .ask("xray:BatchGetTraces", some.len() as u64, sent)
            .await
        {
            Ok(answer) => answer,
            Err(miss) => {
                missed = Some(miss);
                break;
            }
        };
        for trace in answer.traces() {
            let segments = trace.segments().iter();
            let segments: Vec<_> = segments
                .map(|one| json!({ "Document": one.document() }))
                .collect();
            let printed = json!({ "Traces": [{ "Id": trace.id(), "Segments": segments }] });
            let file = DataFile::in_memory("traces/answer.json", printed.to_string().as_bytes());
            let read = aws::rows(&file, aws::Rows::Traces, &Limits::default(), &mut rows);
            unread += usize::from(read.is_err());
        }
    }
    rows.pour(found);
    found.topology.add_calls(&found.spans, "X-Ray's traces");
    if unread > 0 {
        let detail = format!("{unread} traces cannot be read");
        let gap = asking.cut("all traces", detail, "see what answers there: endpoint");
        found.gaps.push(gap);
    }
    found.asked.push(Asked {
        kind: SourceKind::Traces,
        entity: None,
        metric: String::new(),
        statistic: String::new(),
        text: format!(
            "aws xray get-trace-summaries --region {} --start-time START --end-time END",
            quoted(&asking.place.region)
        ),
    });
    missed.map_or(Ok(()), Err)
}
