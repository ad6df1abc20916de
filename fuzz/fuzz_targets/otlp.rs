//! OTLP/JSON metrics, logs and traces; the first key tells which.
#![no_main]

use connectors::files::{Limits, read_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = read_bytes("otlp/lines.jsonl", bytes, &Limits::default());
});
