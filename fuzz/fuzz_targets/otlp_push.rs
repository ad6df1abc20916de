//! Pushed OTLP: the first byte tells the signal and the encoding, the rest is the body. A second request with
//! the same bytes meets what the first one left behind (sums, histograms, keys).
#![no_main]

use connectors::otlp::{Decoder, Limits};
use libfuzzer_sys::fuzz_target;
use model::Timestamp;
use model::ports::{Encoding, Signal};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else {
        return;
    };
    let signal = [Signal::Traces, Signal::Metrics, Signal::Logs][usize::from(first >> 1) % 3];
    let encoding = match first & 1 {
        0 => Encoding::Protobuf,
        _ => Encoding::Json,
    };
    let decoder = Decoder::new(Limits::default());
    for second in 0..2 {
        let now = Timestamp(1_800_000_000_000_000_000 + second * 1_000_000_000);
        if let Ok((batch, taken)) = decoder.decode(signal, encoding, body, now) {
            assert!(batch.points.iter().all(|point| point.value.is_finite()));
            assert!(batch.logs() + batch.spans() <= taken.accepted as usize);
        }
    }
});
