//! What the AWS command line prints; the keys tell which command.
#![no_main]

use connectors::files::{Limits, read_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = read_bytes("aws/answer.json", bytes, &Limits::default());
});
