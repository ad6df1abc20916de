//! Access logs of whoever is asked over HTTP. The first line says by whom calls count, the second below which path. Nothing
//! may panic, every call counts once, and what is let through is in the table.
#![no_main]

use connectors::pull::proof::prove;
use connectors::{gitlab, prometheus};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut parts = text.splitn(3, '\n');
    let mut next = || parts.next().unwrap_or_default();
    let (by, below, log) = (next(), next(), next());
    for needs in [&prometheus::NEEDS, &gitlab::asked::NEEDS] {
        let Ok(proof) = prove(log, by, below, needs) else {
            continue;
        };
        let lines = log.lines().filter(|line| !line.trim().is_empty()).count() as u64;
        assert_eq!(proof.calls + proof.others, lines);
        let foreign: u64 = proof.foreign.values().sum();
        assert!(foreign <= proof.calls);
        assert_eq!(proof.known.is_empty(), foreign == proof.calls);
        for call in &proof.known {
            let (method, path) = call.split_once(' ').unwrap_or_default();
            assert!(matches!(method, "GET" | "POST"));
            assert!(needs.calls.iter().any(|one| one.path == path));
        }
    }
});
