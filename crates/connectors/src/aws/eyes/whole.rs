//! All that one place shows, put together: what one part knows of another is joined here.

use model::SourceKind;

use super::ask::Asking;
use super::found::Found;
use super::{
    alarms, balancers, builds, checks, containers, databases, deployments, explorer, fleets,
    functions, gateways, limits, logs, machines, metrics, older, parameters, queues, recorded,
    releases, rollouts, systems, tables, tags, traces, trail, twice, workflows,
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
            Box::pin(functions::look(asking)),
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
            Box::pin(builds::look(asking)),
            Box::pin(systems::look(asking)),
        )
    };
    let ways = async {
        futures_util::join!(
            Box::pin(machines::look(asking, firing)),
            Box::pin(gateways::look(asking, firing)),
            Box::pin(checks::look(asking, &alarms)),
            Box::pin(explorer::look(asking)),
        )
    };
    let (telemetry, inventory, runs, ways) = futures_util::join!(telemetry, inventory, runs, ways);
    let (numbers, lines, spans, (changes, cut)) = telemetry;
    let ((functions, mut names), tables, queues, tags, databases) = inventory;
    let (
        (containers, own_names, tasks),
        (balancers, fronts),
        fleets,
        workflows,
        releases,
        deployments,
        (lists, builds),
        automation,
    ) = runs;
    let (fleets, groups) = fleets;
    let ((hosts, at), (gateways, apis), (checked, checks), listed) = ways;
    for part in [
        numbers.of(SourceKind::Metrics),
        lines.of(SourceKind::Logs),
        spans.of(SourceKind::Traces),
        changes,
        functions.of(SourceKind::State),
        tables.of(SourceKind::State),
        queues.of(SourceKind::State),
        tags,
        databases.of(SourceKind::State),
        containers.of(SourceKind::State),
        balancers.of(SourceKind::State),
        fleets.of(SourceKind::State),
        workflows,
        releases,
        deployments,
        lists,
        automation,
        hosts.of(SourceKind::State),
        gateways,
        checked,
        listed,
    ] {
        found.join(part);
    }
    names.join(own_names);
    // Before all that asks what was altered: what the newest pages of the trail leave out of those of whom alarms tell.
    if let Some(cut) = cut {
        let more = Box::pin(older::look(asking, cut, &alarms, &found)).await;
        found.join(more);
    }
    // What is only worth a question now that it is known what is there, and what fires.
    let (parameters, commands, records, (told, limits)) = futures_util::join!(
        Box::pin(parameters::look(asking, &names)),
        Box::pin(systems::commands(asking, &found)),
        Box::pin(recorded::look(asking, firing, &found)),
        Box::pin(limits::look(asking, firing, &found)),
    );
    for part in [parameters, commands, records, told.of(SourceKind::State)] {
        found.join(part);
    }
    limits.stand(&mut found);
    builds.tell(&mut found);
    rollouts::told_once(&mut found.changes);
    twice::told_once(&mut found.changes);
    recorded::told_once(&mut found.changes);
    fronts.lead(&[tasks, groups], &mut found);
    fronts.reach(&at, &mut found);
    let addresses = found.addresses();
    apis.lead(&addresses, &mut found);
    checks.lead(&addresses, &mut found);
    names.lean(&mut found);
    // Last: it turns everybody whom it finds into a map that is only read.
    apis.rename(&mut found);
    twice::left_to_the_trail(&mut found.changes);
    found
}
