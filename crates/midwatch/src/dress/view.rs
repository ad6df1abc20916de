//! The report as the page templates need it: names looked up, times written out, ids as text.
//!
//! Nothing is escaped here; the template engine does that for its language (see `page`).

mod shape;

use model::evidence::Evidence;
use model::report::{Cause, Claim, Mitigation, Prediction, Report, Status, Symptom};
use model::{EvidenceId, Polarity, Timestamp};

use shape::*;

use super::chain;
use super::drawing;
use super::text::{count, number, shorten};
use super::words::{self, Names};

/// Draws the pictures too when `pictures` is set; Markdown has no use for them.
pub fn of(report: &Report, pictures: bool) -> ReportView {
    let names = Names::of(report);
    let named = |id| names.name(id).to_string();
    let header = &report.header;
    ReportView {
        title: header.title.clone(),
        status: words::status(header.status),
        status_class: match header.status {
            Status::CauseFound => "bad",
            Status::Unknown => "warn",
            Status::Recovered | Status::NoActiveFault => "good",
        },
        case: header.case.clone(),
        facts: facts(report),
        verdict: report.verdict.iter().map(claim).collect(),
        impact: report.impact.iter().map(claim).collect(),
        alarms: report.alarms.iter().map(|a| alarm(a, &names)).collect(),
        symptoms: report.symptoms.iter().map(|s| symptom(s, &names)).collect(),
        causes: report
            .causes
            .iter()
            .enumerate()
            .map(|(index, c)| cause(index + 1, c, report, &names))
            .collect(),
        unknown: report.unknown.as_ref().map(|unknown| UnknownView {
            claim: claim(&unknown.claim),
            entities: unknown.entities.iter().map(named).collect(),
            symptoms: symptoms_at(report, &unknown.symptoms, &names),
            reads: unknown.reads.clone(),
        }),
        timeline: timeline(report, &names),
        ruled_out: report
            .ruled_out
            .iter()
            .map(|item| RuledOutView {
                entity: named(&item.entity),
                mechanism: item.mechanism.as_ref().map(ToString::to_string),
                change: item
                    .change
                    .as_deref()
                    .map(|id| words::change_id(id).to_string()),
                reason: words::ruled_out(&item.reason).to_string(),
                claim: claim(&item.claim),
            })
            .collect(),
        latent: report
            .latent
            .iter()
            .map(|item| AboutView {
                entity: named(&item.entity),
                claim: claim(&item.claim),
            })
            .collect(),
        gaps: report
            .gaps
            .iter()
            .map(|gap| GapView {
                wanted: gap.wanted.clone(),
                entity: gap.entity.as_ref().map(named),
                why: words::gap_reason(gap.why),
                detail: gap.detail.clone(),
                affects: gap.affects.clone(),
                gain: (gap.gain > 0.0).then(|| format!("{:.2}", gap.gain)),
                how_to_close: gap.how_to_close.clone(),
            })
            .collect(),
        ranking: report
            .ranking
            .iter()
            .enumerate()
            .map(|(index, ranked)| RankedView {
                place: index + 1,
                entity: named(&ranked.entity),
                mechanism: ranked.mechanism.as_ref().map(ToString::to_string),
                change: ranked
                    .change
                    .as_deref()
                    .map(|id| words::change_id(id).to_string()),
                score: signed(ranked.score),
                confidence: format!("{:.2}", ranked.confidence),
            })
            .collect(),
        precedents: report
            .precedents
            .iter()
            .map(|precedent| PrecedentView {
                case: precedent.case.clone(),
                day: words::day(precedent.at),
                similarity: format!("{:.2}", precedent.similarity),
                was: precedent.was.clone(),
                put_right: words::put_right(precedent),
                alike: words::alike(precedent),
                claim: claim(&precedent.claim),
            })
            .collect(),
        evidence: evidence(report, &names),
        queries: report
            .queries
            .iter()
            .map(|run| QueryView {
                query: run.query.to_string(),
                answer: run.answer.replace('_', " "),
                rows: count(run.rows),
            })
            .collect(),
        sources: words::spent(report),
        cost: vec![
            Fact {
                name: "Reads",
                value: format!("{} of {}", report.cost.reads, header.budget.reads),
            },
            Fact {
                name: "Rows",
                value: count(report.cost.rows),
            },
            Fact {
                name: "Bytes",
                value: count(report.cost.bytes),
            },
            Fact {
                name: "Engine",
                value: format!("midwatch {}", header.engine.version),
            },
            Fact {
                name: "Rules",
                value: header.engine.rules.clone(),
            },
            Fact {
                name: "Ledger",
                value: report.ledger.clone(),
            },
        ],
        pictures: if pictures {
            drawings_of_series(report, &names)
        } else {
            Vec::new()
        },
        path: if pictures {
            drawing::path(report, &names)
        } else {
            None
        },
        timeline_drawing: if pictures {
            drawing::timeline(report, &names)
        } else {
            None
        },
    }
}

fn drawings_of_series(report: &Report, names: &Names<'_>) -> Vec<PictureView> {
    report
        .pictures
        .iter()
        .enumerate()
        .filter_map(|(index, picture)| {
            Some(PictureView {
                title: picture.title.clone(),
                entity: names.name(&picture.entity).to_string(),
                evidence: picture.evidence.to_string(),
                svg: drawing::series(index, picture, report)?,
            })
        })
        .collect()
}

fn facts(report: &Report) -> Vec<Fact> {
    let header = &report.header;
    let mut facts = vec![Fact {
        name: "Case",
        value: header.case.clone(),
    }];
    let mut add = |name, value: Option<String>| {
        facts.extend(value.map(|value| Fact { name, value }));
    };
    add(
        "Severity",
        header.severity.map(|s| words::severity(s).to_string()),
    );
    add(
        "Began",
        header
            .started
            .map(|o| format!("{} {}", words::day(o.hi), words::onset(o))),
    );
    add("Detected", header.detected.map(words::moment));
    add("Over", header.resolved.map(words::onset));
    add("Looked at", Some(words::moment(header.looked_at)));
    add(
        "Window",
        Some(format!(
            "{} to {}",
            words::moment(header.window.from()),
            words::moment(header.window.to())
        )),
    );
    facts
}

fn claim(claim: &Claim) -> ClaimView {
    ClaimView {
        id: claim.id.clone(),
        text: claim.text.clone(),
        evidence: ids(&claim.evidence),
    }
}

fn ids(evidence: &[EvidenceId]) -> Vec<String> {
    evidence.iter().map(ToString::to_string).collect()
}

fn alarm(alarm: &model::Alarm, names: &Names<'_>) -> AlarmView {
    let mut seen = alarm.metric.clone().unwrap_or_default();
    if let Some(observed) = alarm.observed {
        seen += &format!(" {}", number(observed));
    }
    if let Some(threshold) = alarm.threshold {
        seen += &format!(" (line: {})", number(threshold));
    }
    AlarmView {
        rule: alarm.rule.clone(),
        entity: names.name(&alarm.entity).to_string(),
        fired: words::moment(alarm.fired_at),
        state: words::alarm_state(alarm.state),
        seen: seen.trim().to_string(),
        summary: alarm.summary.clone(),
    }
}

fn symptom(symptom: &Symptom, names: &Names<'_>) -> SymptomView {
    SymptomView {
        entity: names.name(&symptom.entity).to_string(),
        aspect: symptom.aspect.clone(),
        active: symptom.active,
        onset: words::onset(symptom.onset),
        size: number((symptom.size * 10.0).round() / 10.0),
        claim: claim(&symptom.claim),
    }
}

fn symptoms_at(report: &Report, places: &[u32], names: &Names<'_>) -> Vec<String> {
    places
        .iter()
        .filter_map(|place| report.symptoms.get(*place as usize))
        .map(|s| format!("{} of {}", s.aspect, names.name(&s.entity)))
        .collect()
}

fn cause(place: usize, cause: &Cause, report: &Report, names: &Names<'_>) -> CauseView {
    let mut end = None;
    let path = chain::ordered(cause)
        .into_iter()
        .map(|link| {
            let continues = end == Some(&link.to);
            end = Some(&link.from);
            StepView {
                from: names.name(&link.from).to_string(),
                to: names.name(&link.to).to_string(),
                how: words::carries(link.kind),
                evidence: ids(&link.evidence),
                continues,
            }
        })
        .collect();
    CauseView {
        place,
        title: words::capital(&cause.title),
        entity: names.name(&cause.entity).to_string(),
        kind: names.kind(&cause.entity),
        category: cause.category.words(),
        mechanism: cause.mechanism.to_string(),
        change: cause
            .change
            .as_deref()
            .map(|id| words::change_id(id).to_string()),
        word: cause.word.text(),
        confidence: format!("{:.2}", cause.confidence),
        percent: format!("{:.0}", (cause.confidence * 100.0).clamp(0.0, 100.0)),
        onset: cause.onset.map(words::onset),
        caps: cause.caps.clone(),
        claim: claim(&cause.claim),
        path,
        supports: cause.supports.iter().map(claim).collect(),
        contradicts: cause.contradicts.iter().map(claim).collect(),
        predictions: cause.predictions.iter().map(prediction).collect(),
        without: symptoms_at(report, &cause.explains, names),
        mitigations: cause.mitigations.iter().map(mitigation).collect(),
        score: terms(cause),
        total: signed(cause.score.total),
    }
}

fn prediction(prediction: &Prediction) -> PredictionView {
    PredictionView {
        force: words::force(&prediction.force).to_string(),
        text: prediction.text.clone(),
        outcome: words::outcome(prediction.outcome),
        evidence: ids(&prediction.evidence),
    }
}

fn mitigation(way: &Mitigation) -> MitigationView {
    let steps = [
        ("Prepare", &way.prepare),
        ("Apply", &way.apply),
        ("Verify", &way.verify),
        ("Undo", &way.roll_back),
        ("Risk", &way.risk),
        ("Approval", &way.approver),
    ];
    MitigationView {
        action: way.action.clone(),
        steps: steps
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| Fact {
                name,
                value: text.clone(),
            })
            .collect(),
    }
}

fn terms(cause: &Cause) -> Vec<Term> {
    let score = &cause.score;
    [
        ("prior", score.prior),
        ("signatures", score.signature),
        ("changes", score.change),
        ("own anomaly", score.anomaly),
        ("order in time", score.timing),
        ("affected against unaffected", score.difference),
        ("precedents", score.history),
        // Kept positive in the report; people add it up as what it takes away.
        ("against", -score.against),
    ]
    .into_iter()
    .map(|(name, value)| Term {
        name,
        value: signed(value),
        sign: if value > 0.0 {
            "plus"
        } else if value < 0.0 {
            "minus"
        } else {
            "zero"
        },
    })
    .collect()
}

fn signed(value: f64) -> String {
    // Minus zero would read as a loss.
    if value == 0.0 {
        "0.00".to_string()
    } else {
        format!("{value:+.2}")
    }
}

fn timeline(report: &Report, names: &Names<'_>) -> Vec<MomentView> {
    let mut last = String::new();
    report
        .timeline
        .iter()
        .map(|entry| {
            let today = words::day(entry.at);
            let day = (today != last).then(|| today.clone());
            last = today;
            MomentView {
                day,
                at: entry.at.clock(),
                machine_at: entry.at.to_string(),
                until: entry.until.map(Timestamp::clock),
                kind: entry.kind.clone(),
                kind_class: drawing::kind_class(&entry.kind),
                entity: entry.entity.as_ref().map(|id| names.name(id).to_string()),
                claim: claim(&entry.claim),
            }
        })
        .collect()
}

fn evidence(report: &Report, names: &Names<'_>) -> Vec<EvidenceView> {
    let mut cited: std::collections::BTreeMap<EvidenceId, Vec<String>> = Default::default();
    for claim in report.claims() {
        for id in &claim.evidence {
            let by = cited.entry(*id).or_default();
            if by.last() != Some(&claim.id) {
                by.push(claim.id.clone());
            }
        }
    }
    report
        .evidence
        .iter()
        .map(|item| {
            let cited_by = cited.remove(&item.id).unwrap_or_default();
            one_observation(report, item, cited_by, names)
        })
        .collect()
}

fn one_observation(
    report: &Report,
    item: &Evidence,
    cited_by: Vec<String>,
    names: &Names<'_>,
) -> EvidenceView {
    EvidenceView {
        id: item.id.to_string(),
        source: words::source(item.source),
        polarity: words::polarity(item.polarity),
        polarity_class: match item.polarity {
            Polarity::For => "bad",
            Polarity::Against => "warn",
            Polarity::Absent | Polarity::Neutral => "soft",
            Polarity::Healthy => "good",
        },
        entity: item.entity.as_ref().map(|id| names.name(id).to_string()),
        says: item.says.clone(),
        query: item.query.to_string(),
        own_words: words::own_words(report, &item.query),
        window: item.window.map(|w| w.to_string()),
        statistic: item.statistic.name.clone(),
        arguments: item
            .statistic
            .arguments
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        values: item
            .statistic
            .values
            .iter()
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect(),
        weight: signed(item.weight),
        quality: format!("{:.0} %", item.quality * 100.0),
        raw: item
            .raw
            .iter()
            .map(|raw| format!("{}:{}", raw.file, raw.line))
            .collect(),
        digest: shorten(&item.digest, 67),
        cited_by,
    }
}
