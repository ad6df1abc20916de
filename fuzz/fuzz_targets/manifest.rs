//! The recording's own small files.
#![no_main]

use connectors::files::{Limits, read_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = read_bytes("recording.json", bytes, &Limits::default());
    let _ = read_bytes("alarms.json", bytes, &Limits::default());
    let _ = read_bytes("topology.json", bytes, &Limits::default());
    let _ = read_bytes("changes.json", bytes, &Limits::default());
    let _ = read_bytes("events.ndjson", bytes, &Limits::default());
    let _ = read_bytes("states/states.ndjson", bytes, &Limits::default());
});
