//! Lines per second of the log miner on generated lines of about 138 bytes, beside its peer `logdrain`.
//!
//! `cargo bench -p midwatch-analysis --bench logs`; the counter shows items (lines) per second, on one core. Python's
//! drain3 is measured on the same lines by `peers/drain3_throughput.py`.

use analysis::logs::{Miner, is_error_like, mask, severity_hint};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

#[path = "peers/lines.rs"]
mod lines;

const LINES: usize = 100_000;

fn main() {
    divan::main();
}

fn bytes(lines: &[String]) -> usize {
    lines.iter().map(String::len).sum()
}

/// Runs `work` over all lines and counts them.
fn over_lines(bencher: Bencher, work: impl Fn(&[String]) -> usize + Sync) {
    let lines = lines::lines(LINES);
    bencher
        .counter(ItemsCount::new(lines.len()))
        .counter(BytesCount::new(bytes(&lines)))
        .bench_local(|| work(divan::black_box(&lines)));
}

/// From an empty miner to merged templates: what an investigation pays.
#[divan::bench(sample_count = 20)]
fn midwatch_insert_and_merge(bencher: Bencher) {
    over_lines(bencher, |lines| {
        let mut miner = Miner::default();
        for line in lines {
            miner.insert(line.as_bytes());
        }
        miner.merge();
        miner.len()
    });
}

/// Masking alone: the part that looks at every byte.
#[divan::bench(sample_count = 20)]
fn midwatch_mask_only(bencher: Bencher) {
    over_lines(bencher, |lines| {
        let mut skeleton = Vec::new();
        lines
            .iter()
            .map(|line| {
                skeleton.clear();
                mask(line.as_bytes(), &mut skeleton);
                skeleton.len()
            })
            .sum()
    });
}

/// Severity and words of failure, as they are asked for once per line at most.
#[divan::bench(sample_count = 20)]
fn midwatch_severity(bencher: Bencher) {
    over_lines(bencher, |lines| {
        lines
            .iter()
            .filter(|line| {
                severity_hint(line.as_bytes()).is_some() || is_error_like(line.as_bytes())
            })
            .count()
    });
}

/// The peer as it comes: no masks, numeric tokens parametrised.
#[divan::bench(sample_count = 5)]
fn peer_logdrain_default(bencher: Bencher) {
    over_lines(bencher, |lines| {
        let Ok(miner) = logdrain::Miner::builder().build() else {
            return 0;
        };
        for line in lines {
            miner.add(line);
        }
        miner.len()
    });
}

/// The peer with its own masks for identifiers and addresses, which is nearer to the same work.
#[divan::bench(sample_count = 3)]
fn peer_logdrain_masked(bencher: Bencher) {
    over_lines(bencher, |lines| {
        let masks = [
            logdrain::builtin_masks::uuid(),
            logdrain::builtin_masks::hex32(),
            logdrain::builtin_masks::ipv4(),
            logdrain::builtin_masks::email(),
        ];
        let Ok(miner) = logdrain::Miner::builder().masks(masks).build() else {
            return 0;
        };
        for line in lines {
            miner.add(line);
        }
        miner.len()
    });
}
