//! Series worth looking at, thinned, with the band and the onset marked.

use std::collections::BTreeSet;

use model::report::Picture;
use model::{Polarity, Timestamp};

use super::Desk;
use crate::derive::Subject;
use crate::kinds::FactRef;
use crate::words;

/// Most points of one picture.
const POINTS: usize = 240;
/// Most pictures.
const MOST: usize = 6;

pub(super) fn pictures(desk: &mut Desk<'_, '_, '_>) -> Vec<Picture> {
    let mut order: Vec<u32> = Vec::new();
    let from_refs = |refs: &[FactRef], order: &mut Vec<u32>| {
        for at in refs {
            if let FactRef::Series(i) = at
                && !order.contains(i)
            {
                order.push(*i);
            }
        }
    };
    for symptom in desk.ground.symptoms.iter().filter(|s| s.alarmed) {
        from_refs(&symptom.refs[..symptom.refs.len().min(1)], &mut order);
    }
    for named in &desk.verdict.named {
        from_refs(&desk.hypotheses[named.hypothesis].refs(), &mut order);
    }
    for symptom in desk.ground.symptoms {
        from_refs(&symptom.refs[..symptom.refs.len().min(1)], &mut order);
    }
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut pictures = Vec::new();
    for index in order {
        let fact = desk.world.facts.series[index as usize].clone();
        let title = format!(
            "{} of {}",
            words::metric(&fact.series.key),
            desk.name(fact.entity)
        );
        if !seen.insert(title.clone()) {
            continue;
        }
        let evidence = desk.ledger.cite(
            Subject::Fact(FactRef::Series(index)),
            Polarity::Neutral,
            0.0,
        );
        let span = desk.world.scene.span();
        let range = fact.series.range(span.from(), span.to());
        let step = range.len().div_ceil(POINTS).max(1);
        let mut times = Vec::new();
        let mut values = Vec::new();
        let indices: Vec<usize> = range.collect();
        for bucket in indices.chunks(step) {
            // The point furthest from normal stands for its bucket, so that thinning never hides a spike.
            let far = bucket.iter().copied().max_by(|a, b| {
                let distance = |i: usize| (fact.series.values[i] - fact.normal).abs();
                distance(*a).total_cmp(&distance(*b)).then(b.cmp(a))
            });
            if let Some(i) = far {
                times.push(Timestamp(fact.series.times[i]));
                values.push(words::six(fact.series.values[i]));
            }
        }
        let width = crate::probes::series::BAND * fact.scale;
        pictures.push(Picture {
            title,
            entity: fact.series.key.entity.clone(),
            unit: fact.series.key.unit.clone(),
            evidence,
            times,
            values,
            band: Some((
                words::six(fact.normal - width),
                words::six(fact.normal + width),
            )),
            onset: fact.onset,
        });
        if pictures.len() == MOST {
            break;
        }
    }
    pictures
}
