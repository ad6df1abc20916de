//! The same case gives the same bytes: twice, on any number of threads, in any order of input.

use connectors::files::Case;
use connectors::files::transform::SplitMix;

use crate::cases::{report_on, stories, written};

#[test]
fn twice_the_same_bytes() {
    for told in stories::all() {
        let first = written(&report_on(&told.case));
        assert_eq!(
            first,
            written(&report_on(&told.case)),
            "{}",
            told.case.manifest.id
        );
    }
}

#[test]
fn any_number_of_threads_the_same_bytes() {
    let on = |threads: usize, case: &Case| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("a pool of threads")
            .install(|| written(&report_on(case)))
    };
    for told in stories::all() {
        assert_eq!(
            on(1, &told.case),
            on(2, &told.case),
            "{}",
            told.case.manifest.id
        );
    }
}

/// The case with every list in another order, as a reader would hand it on.
fn shuffled(case: &Case, seed: u64) -> Case {
    let mut other = case.clone();
    let mut random = SplitMix::new(seed);
    random.shuffle(&mut other.alarms);
    random.shuffle(&mut other.topology.entities);
    random.shuffle(&mut other.topology.edges);
    random.shuffle(other.series.get_or_insert_default());
    random.shuffle(other.logs.get_or_insert_default());
    random.shuffle(other.spans.get_or_insert_default());
    random.shuffle(other.changes.get_or_insert_default());
    random.shuffle(other.snapshots.get_or_insert_default());
    random.shuffle(other.events.get_or_insert_default());
    other.normalise();
    other
}

#[test]
fn any_order_of_input_the_same_bytes() {
    for told in stories::all() {
        let straight = written(&report_on(&told.case));
        for seed in 1..4 {
            let other = written(&report_on(&shuffled(&told.case, seed)));
            assert_eq!(straight, other, "{} {seed}", told.case.manifest.id);
        }
    }
}
