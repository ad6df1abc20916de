//! Parquet tables. Their reader panics on tables that contradict themselves; ours must end that as an
//! error, so what panics inside of it is silenced here, and what leaves it is a finding.
#![no_main]

use connectors::files::{Limits, read_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| {
        let _ = read_bytes("metrics/rows.parquet", bytes, &Limits::default());
    }
);
