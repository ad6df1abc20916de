//! The right causes, all of them and no other; the innocent named as such, with the reason.

use connectors::files::Case;
use model::report::{Cause, GapCost, Report, Status};
use model::{EntityKind, Gap, GapReason, Severity, SourceKind};

use crate::cases::stories::{self, Told, Truth};
use crate::cases::{END, Story, from, leaders, minute, report_on};
use crate::cases::{crossed, exported};

/// Is this cause the true one, in every part?
pub fn fits(truth: &Truth, cause: &Cause) -> bool {
    truth.entities.contains(&cause.entity.as_str())
        && truth.mechanisms.contains(&cause.mechanism.0.as_str())
        && truth.category == cause.category
        && truth.change == cause.change.as_deref()
}

/// What a report names, on one line each.
pub fn named(report: &Report) -> String {
    let mut text = format!("{:?}\n", report.header.status);
    for cause in &report.causes {
        text += &format!(
            "CAUSE {} {} {:?} {:?} {:.3} {:?}\n",
            cause.entity,
            cause.mechanism,
            cause.category,
            cause.change,
            cause.confidence,
            cause.word
        );
    }
    text
}

fn judged_rightly(told: &Told) {
    let report = report_on(&told.case);
    let as_it_is = || format!("{}{}", named(&report), leaders(&told.case));
    assert_eq!(report.header.status, told.status, "{}", as_it_is());
    for truth in &told.causes {
        let found = report.causes.iter().any(|cause| fits(truth, cause));
        assert!(found, "{:?} is missing: {}", truth.entities, as_it_is());
    }
    assert_eq!(
        report.causes.len(),
        told.causes.len(),
        "too many: {}",
        as_it_is()
    );
    for change in told.innocent {
        let acquitted = report
            .ruled_out
            .iter()
            .find(|out| out.change.as_deref() == Some(change));
        let acquitted = acquitted.unwrap_or_else(|| panic!("{change} is not ruled out"));
        assert!(!acquitted.reason.is_empty() && acquitted.claim.text.contains("did not do it"));
    }
}

#[test]
fn a_bad_deploy_is_told_from_its_neighbour() {
    judged_rightly(&stories::bad_deploy());
}

#[test]
fn an_exhausted_pool_is_found_where_it_is() {
    judged_rightly(&stories::pool_exhausted());
}

#[test]
fn a_full_disk_is_found_below_those_who_complain() {
    judged_rightly(&stories::disk_full());
}

#[test]
fn a_provider_is_named_when_it_is_down() {
    judged_rightly(&stories::external_outage());
}

#[test]
fn a_leak_is_named_rather_than_its_consequences() {
    judged_rightly(&stories::memory_leak());
}

#[test]
fn two_independent_causes_are_both_named() {
    judged_rightly(&stories::two_at_once());
}

#[test]
fn three_faults_behind_one_alarm_are_all_named() {
    judged_rightly(&stories::payledger());
}

#[test]
fn a_copy_that_is_behind_needs_no_slow_source() {
    judged_rightly(&crossed::slow_and_behind());
}

#[test]
fn who_fails_brings_no_crowd() {
    judged_rightly(&crossed::crowd_and_record());
}

#[test]
fn a_right_that_was_changed_puts_out_no_code() {
    judged_rightly(&crossed::clock_and_role());
}

#[test]
fn what_lies_behind_calls_that_are_well_did_not_do_it() {
    judged_rightly(&crossed::provider_and_clock());
}

#[test]
fn who_refuses_is_named_rather_than_those_who_wait() {
    judged_rightly(&exported::refused_sessions());
}

#[test]
fn a_certificate_is_that_of_who_shows_it() {
    judged_rightly(&exported::shown_certificate());
}

#[test]
fn what_comes_back_from_the_queue_is_no_defect_of_its_reader() {
    judged_rightly(&exported::put_back());
}

#[test]
fn a_copy_that_is_behind_is_named_by_who_does_not_find_in_it() {
    judged_rightly(&exported::behind_and_asked());
}

#[test]
fn who_takes_the_processor_is_named_by_its_neighbours() {
    judged_rightly(&exported::newcomer());
}

#[test]
fn a_table_that_is_read_whole_is_its_databases_trouble() {
    judged_rightly(&exported::read_whole());
}

#[test]
fn what_was_over_before_the_alarm_is_not_its_beginning() {
    let blip = |at: i64| {
        if (123..126).contains(&at) {
            900.0
        } else {
            60.0
        }
    };
    let fails = "order # failed: no space left on device";
    let case = Story::new("earlier-hiccup", "orders fail")
        .with(EntityKind::Service, &["orders"])
        .chatters("orders")
        .serves("orders", blip, from(150, 0.1, 50.0))
        .writes("orders", Severity::Error, fails, (150, END), 12)
        .alarm("orders", "failed_orders", 153, 5.0, 50.0)
        .told();
    let report = report_on(&case);
    let began = report.header.started.expect("it began");
    assert!(began.lo >= minute(148), "{:?} {}", began, named(&report));
}

#[test]
fn what_is_over_has_no_cause() {
    judged_rightly(&stories::recovered());
}

#[test]
fn health_has_no_cause() {
    judged_rightly(&stories::healthy());
}

/// Whoever looks runs on a machine that is short of processor, and says so.
fn out_of_breath(case: &mut Case) {
    case.manifest.gaps.push(Gap::new(
        "how long things take",
        GapReason::Starved,
        "26 programs wanted to run on 2 processors",
        "",
    ));
}

#[test]
fn who_looks_out_of_breath_convicts_nobody_for_being_slow() {
    let mut case = stories::more_than_usual();
    let sure = report_on(&case);
    assert_eq!(sure.header.status, Status::CauseFound, "{}", named(&sure));
    out_of_breath(&mut case);
    let report = report_on(&case);
    let as_it_is = || format!("{}{}", named(&report), leaders(&case));
    assert_eq!(report.header.status, Status::Unknown, "{}", as_it_is());
    for cause in &report.causes {
        let why = |cap: &String| cap.contains("short of processor");
        assert!(
            cause.confidence <= 0.34 && cause.caps.iter().any(why),
            "{}",
            as_it_is()
        );
    }
    let gap = |cost: &GapCost| cost.why == GapReason::Starved;
    assert!(report.gaps.iter().any(gap), "the report says why");
}

#[test]
fn lines_states_and_changes_are_believed_also_by_who_looks_out_of_breath() {
    for told in [
        stories::bad_deploy(),
        stories::disk_full(),
        stories::external_outage(),
        stories::memory_leak(),
        stories::two_at_once(),
        stories::payledger(),
    ] {
        let mut breathless = told;
        out_of_breath(&mut breathless.case);
        judged_rightly(&breathless);
    }
}

#[test]
fn a_title_that_sounds_like_it_convicts_nobody_where_others_could_not_be_read() {
    let told = stories::pool_exhausted();
    let commit = |id: &str, at: i64, title: &str| model::Change {
        id: id.to_string(),
        kind: model::ChangeKind::Commit,
        start: minute(at),
        end: minute(at),
        entities: vec!["checkout".into()],
        actor: "someone".to_string(),
        title: title.to_string(),
        files: vec!["db/pool.rs".to_string()],
        diff: None,
        version: String::new(),
        carries: Vec::new(),
        undone: None,
        raw: model::RawRef::default(),
    };
    let mut case = told.case.clone();
    case.changes = Some(vec![
        commit("5ound5", 120, "chore: tune connection pool idle settings"),
        commit("d1d1t", 137, "refactor: tidy up defaults"),
    ]);
    // Nothing was kept from us: then a title is what there is.
    let open = report_on(&case);
    assert_eq!(open.causes.len(), 1, "{}", leaders(&case));
    assert_eq!(open.causes[0].change.as_deref(), Some("5ound5"));
    // What they alter could not be read, nor what went out.
    let gap = Gap::new(
        "changes of shop/checkout: diffs",
        GapReason::Timeout,
        "it did not answer",
        "see why it is slow",
    );
    case.manifest.gaps.push(gap.hiding([SourceKind::Changes]));
    let blind = report_on(&case);
    assert_eq!(blind.causes.len(), 1, "{}", leaders(&case));
    let cause = &blind.causes[0];
    assert_eq!(cause.mechanism.0, "resource.connection-pool-exhausted");
    assert_eq!(cause.change, None, "{}", leaders(&case));
    assert!(cause.word < model::report::Word::Confirmed, "{cause:?}");
}

/// Functions that nobody drew a way between, in a system that has a map; the front one says so.
fn undrawn(line: &str) -> Case {
    Story::new("undrawn", "the front fails")
        .with(EntityKind::Function, &["front", "mailer"])
        .with(EntityKind::Gateway, &["entrance"])
        .calls("entrance", &["front"])
        .chatters("front")
        .chatters("mailer")
        .writes("front", Severity::Error, line, (140, END), 12)
        .alarm("front", "Errors", 143, 5.0, 60.0)
        .told()
}

#[test]
fn who_is_said_to_fail_is_whom_the_writer_leans_on() {
    let mut case =
        undrawn("Traceback (most recent call last): RuntimeError: mailer failed: 'BUCKET'");
    let told = Story::new("undrawn", "")
        .with(EntityKind::Function, &["mailer"])
        .writes(
            "mailer",
            Severity::Error,
            "[ERROR] KeyError: 'BUCKET' at load: bucket = os.environ['BUCKET']",
            (139, END),
            12,
        )
        .told();
    case.logs
        .get_or_insert_default()
        .extend(told.logs.unwrap_or_default());
    case.normalise();
    let report = report_on(&case);
    let named: Vec<_> = report
        .causes
        .iter()
        .map(|cause| (cause.entity.as_str(), cause.mechanism.0.as_str()))
        .collect();
    assert_eq!(
        named,
        [("mailer", "config.required-value-missing")],
        "{}",
        leaders(&case)
    );
}

#[test]
fn an_error_of_its_own_is_less_sure_where_whom_it_leans_on_could_not_be_asked() {
    let mut case = undrawn("Traceback (most recent call last): RuntimeError: it did not work");
    let cause = |case: &Case| {
        let report = report_on(case);
        let cause = report.causes.into_iter().next();
        cause.unwrap_or_else(|| panic!("{}", leaders(case)))
    };
    let open = cause(&case);
    assert_eq!(open.mechanism.0, "code.exception-after-change");
    let gap = Gap::new(
        "who calls whom",
        GapReason::Timeout,
        "it did not answer",
        "see why it is slow",
    );
    case.manifest.gaps.push(gap.hiding([SourceKind::Topology]));
    let blind = cause(&case);
    assert_eq!(blind.mechanism.0, "code.exception-after-change");
    assert!(
        blind.confidence <= 0.55 && open.confidence > 0.6,
        "{open:?}"
    );
    let why = |cap: &String| cap.contains("whom it leans on");
    assert!(blind.caps.iter().any(why), "{:?}", blind.caps);
}

/// The map knows of no way from the shop to the stock; the shop complains so.
fn complaining(line: &str) -> Report {
    let case = Story::new("nobody-drew-it", "orders fail")
        .with(EntityKind::Service, &["shop-web", "stock-api", "mail-out"])
        .calls("shop-web", &["mail-out"])
        .chatters("shop-web")
        .chatters("stock-api")
        .chatters("mail-out")
        .serves("shop-web", |_| 40.0, from(140, 0.1, 60.0))
        .serves_well("mail-out", 10.0)
        .writes("shop-web", Severity::Error, line, (140, END), 12)
        .writes(
            "stock-api",
            Severity::Error,
            "order # failed: no space left on device",
            (139, END),
            12,
        )
        .alarm("shop-web", "error_rate_percent", 143, 5.0, 60.0)
        .told();
    report_on(&case)
}

#[test]
fn whom_complaints_name_is_whom_their_writer_leans_on() {
    let report = complaining("order # failed: cannot reach stock-api: connection refused");
    let cause = report
        .causes
        .first()
        .unwrap_or_else(|| panic!("{}", named(&report)));
    assert_eq!(
        (cause.entity.as_str(), cause.mechanism.0.as_str()),
        ("stock-api", "resource.disk-full"),
        "{}",
        named(&report)
    );
    let link = &cause.path[0];
    assert_eq!(
        (link.from.as_str(), link.to.as_str()),
        ("shop-web", "stock-api")
    );
    // What told of the way is what is cited for it.
    let cited = report
        .evidence
        .iter()
        .find(|one| one.id == link.evidence[0]);
    assert_eq!(cited.map(|one| one.source), Some(SourceKind::Logs));
    // Whoever asks too much of it is not whom it leans on.
    let report = complaining("order # failed: too many requests from stock-api");
    let of_it = report.causes.iter().flat_map(|cause| &cause.path);
    assert_eq!(of_it.count(), 0, "{}", named(&report));
}
