//! Commits: a title on the first line, paths on the second, the diff after it.
#![no_main]

use analysis::changes::{FailureKind, FailureVocabulary, can_produce, read_change, relevance};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '\n');
    let title = parts.next().unwrap_or_default();
    let files: Vec<&str> = parts
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let diff = parts.next();
    let reading = read_change(title, &files, diff);
    for failure in FailureKind::ALL {
        let (likely, why) = can_produce(&reading, failure);
        assert!((0.0..=1.0).contains(&likely), "{failure:?}: {likely}");
        assert!(!why.is_empty(), "{failure:?} without a reason");
    }
    let mut failing = FailureVocabulary::new();
    failing.add_text(title);
    failing.add_service("checkout");
    failing.weigh_against([&reading]);
    let _ = relevance(&reading, &failing);
    assert_eq!(
        reading,
        read_change(title, &files, diff),
        "read otherwise the second time"
    );
});
