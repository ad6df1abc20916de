//! What a person wants looked at, and what they say that it really was.

use model::incident::{Ending, IncidentEvent};
use model::time::Span;
use watch::attend::{Named, Refusal};

use crate::HOURS;
use crate::drive::{Answer, one, three_broken};
use crate::world::Manner;

/// Why it was not done.
#[track_caller]
fn no<T: std::fmt::Debug>(done: Result<T, Refusal>) -> String {
    match done {
        Err(Refusal::No(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_person_asks_for_a_fresh_look() {
    let mut run = three_broken(30, Manner::Good, Answer::Never);
    run.until_over(Span::seconds(40));
    let (id, before, _) = one(&run);
    let looks = before.investigations.len();
    assert!(
        before
            .investigations
            .iter()
            .all(|look| look.asked_by.is_none())
    );
    let watch = run.take_up().unwrap();
    let most = watch.orders().asked_looks;
    assert_eq!(watch.look_again(&id, "ada\u{1b}").unwrap(), most - 1);
    let twice = no(watch.look_again(&id, "bob"));
    assert!(twice.contains("asked for already"), "{twice}");
    // Whatever was waited for, it is looked at, once.
    watch.attend(&id).unwrap();
    watch.attend(&id).unwrap();
    let looked = watch.incident(&id).unwrap();
    assert_eq!(looked.investigations.len(), looks + 1);
    let last = looked.investigations.last().unwrap();
    assert_eq!(last.asked_by.as_deref(), Some("ada"));
    assert_eq!(looked.look_asked, None);
    // The plan that waits for a yes still stands: the same was found.
    assert!(looked.latest_plan().is_some_and(|plan| plan.undecided()));
    assert_eq!(looked.plans.len(), before.plans.len());
    for _ in 1..most {
        watch.look_again(&id, "ada").unwrap();
        watch.attend(&id).unwrap();
    }
    let enough = no(watch.look_again(&id, "ada"));
    assert!(
        enough.contains("asked for already, and more tell little"),
        "{enough}"
    );
    watch.close(&id, "ada", Ending::HandedOver).unwrap();
    let closed = no(watch.look_again(&id, "ada"));
    assert!(closed.contains("is closed"), "{closed}");
}

/// The power fails between the wish and the look: the next server looks.
#[test]
fn a_wish_outlives_the_server_that_heard_it() {
    let mut run = three_broken(31, Manner::Good, Answer::Never);
    run.until_over(Span::seconds(40));
    let (id, before, _) = one(&run);
    run.take_up().unwrap().look_again(&id, "ada").unwrap();
    let watch = run.take_up().unwrap();
    watch.attend(&id).unwrap();
    let looked = watch.incident(&id).unwrap();
    assert_eq!(looked.investigations.len(), before.investigations.len() + 1);
}

fn named(entity: &str, mechanism: &str) -> Named {
    Named {
        entity: entity.to_string(),
        mechanism: mechanism.to_string(),
        beside: false,
        unseen: false,
    }
}

#[test]
fn a_person_names_what_it_really_was() {
    let mut run = three_broken(32, Manner::Good, Answer::Yes);
    run.until_over(HOURS);
    let (id, incident, _) = one(&run);
    assert!(incident.closed.is_some(), "also of one that is closed");
    let blamed: Vec<_> = incident.judged.keys().collect();
    assert!(blamed.is_empty());
    let report = incident.report().unwrap();
    let (first, mechanism) = {
        let cause = report.causes.first().unwrap();
        (cause.entity.clone(), cause.mechanism.clone())
    };
    let watch = run.take_up().unwrap();
    // What is mistyped is not written down: the nearest is named.
    let why = no(watch.name_cause(&id, &named(first.as_str(), "resource.disk-fill"), "ada"));
    assert!(why.contains("did you mean resource.disk-full?"), "{why}");
    let mut mistyped = first.to_string();
    mistyped.pop();
    mistyped.push('~');
    let why = no(watch.name_cause(&id, &named(&mistyped, "resource.disk-full"), "ada"));
    assert!(why.contains("did you mean"), "{why}");
    let why = no(watch.name_cause(&id, &named(" ", "resource.disk-full"), "ada"));
    assert!(why.contains("say where"), "{why}");
    assert!(watch.incident(&id).unwrap().named.is_empty());

    // Something that nobody can see, instead of all that was blamed.
    let elsewhere = Named {
        unseen: true,
        ..named("host/under-the-desk", "resource.disk-full")
    };
    let title = watch.name_cause(&id, &elsewhere, "ada").unwrap();
    assert!(title.contains("disk"), "{title}");
    let stands = watch.incident(&id).unwrap();
    let taught = stands.taught().unwrap();
    let certain: Vec<&str> = taught
        .causes
        .iter()
        .filter(|cause| cause.is_certain())
        .map(|cause| cause.entity.as_str())
        .collect();
    assert_eq!(certain, ["host/under-the-desk"]);
    assert_eq!(stands.judged.len(), report.causes.len());
    assert!(
        stands
            .judged
            .values()
            .all(|(right, by)| !right && by == "ada")
    );

    // On second thoughts one of those that were blamed, after all: what was named before is taken back.
    let right = named(first.as_str(), &mechanism.0);
    watch.name_cause(&id, &right, "bob").unwrap();
    let stands = watch.incident(&id).unwrap();
    let taught = stands.taught().unwrap();
    let certain: Vec<&str> = taught
        .causes
        .iter()
        .filter(|cause| cause.is_certain())
        .map(|cause| cause.entity.as_str())
        .collect();
    assert_eq!(certain, [first.as_str()]);
    let (right, by) = &stands.judged[&(first.clone(), mechanism.clone())];
    assert_eq!((*right, by.as_str()), (true, "bob"));
    // And another beside it.
    let beside = Named {
        beside: true,
        ..elsewhere
    };
    watch.name_cause(&id, &beside, "bob").unwrap();
    drop(watch);
    // As the journal says, for whoever comes after.
    let watch = run.take_up().unwrap();
    let stands = watch.incident(&id).unwrap();
    assert_eq!(
        stands
            .taught()
            .unwrap()
            .causes
            .iter()
            .filter(|c| c.is_certain())
            .count(),
        2
    );
    let entries = watch.journal().read(&id).unwrap();
    let said = entries
        .iter()
        .filter(|e| matches!(e.event, IncidentEvent::CauseNamed { .. }));
    assert_eq!(said.count(), 3);
}
