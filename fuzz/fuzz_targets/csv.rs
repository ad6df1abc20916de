//! Tables of metrics, logs and spans.
#![no_main]

use connectors::files::{Limits, read_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = read_bytes("metrics/rows.csv", bytes, &Limits::default());
    let _ = read_bytes("logs/rows.csv", bytes, &Limits::default());
    let _ = read_bytes("traces/rows.csv", bytes, &Limits::default());
});
