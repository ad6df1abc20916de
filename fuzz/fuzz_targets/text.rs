//! Plain text logs.
#![no_main]

use connectors::files::{Limits, read_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = read_bytes("logs/text.log", bytes, &Limits::default());
});
