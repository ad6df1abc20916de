//! All that one place shows, put together: what one part knows of another is joined here.

use super::ask::Asking;
use super::found::Found;
use super::{
    alarms, balancers, containers, databases, deployments, fleets, functions, logs, metrics,
    queues, releases, rollouts, tables, tags, traces, trail, workflows,
};

/// Looks at all of it. Alarms first: they say who matters. Each part is put on the heap: together they would not
/// fit on the stack of a small thread.
pub(super) async fn look(asking: &Asking<'_>) -> Found {
    let (mut found, alarms) = alarms::look(asking).await;
    let firing = &alarms.firing;
    let telemetry = async {
        futures_util::join!(
            Box::pin(metrics::look(asking, &alarms)),
            Box::pin(logs::look(asking, firing)),
            Box::pin(traces::look(asking)),
            Box::pin(trail::look(asking)),
        )
    };
    let inventory = async {
        futures_util::join!(
            Box::pin(functions::look(asking, firing)),
            Box::pin(tables::look(asking, firing)),
            Box::pin(queues::look(asking, firing)),
            Box::pin(tags::look(asking)),
            Box::pin(databases::look(asking)),
        )
    };
    let runs = async {
        futures_util::join!(
            Box::pin(containers::look(asking, firing)),
            Box::pin(balancers::look(asking, firing)),
            Box::pin(fleets::look(asking)),
            Box::pin(workflows::look(asking, firing)),
            Box::pin(releases::look(asking, firing)),
            Box::pin(deployments::look(asking)),
        )
    };
    let (telemetry, inventory, runs) = futures_util::join!(telemetry, inventory, runs);
    let (numbers, lines, spans, changes) = telemetry;
    let ((functions, mut names), tables, queues, tags, databases) = inventory;
    let (
        (containers, own_names, tasks),
        (balancers, fronts),
        fleets,
        workflows,
        releases,
        deployments,
    ) = runs;
    let (fleets, machines) = fleets;
    for part in [
        numbers,
        lines,
        spans,
        changes,
        functions,
        tables,
        queues,
        tags,
        databases,
        containers,
        balancers,
        fleets,
        workflows,
        releases,
        deployments,
    ] {
        found.join(part);
    }
    rollouts::told_once(&mut found.changes);
    fronts.lead(&[tasks, machines], &mut found);
    names.join(own_names);
    names.lean(&mut found);
    found
}
