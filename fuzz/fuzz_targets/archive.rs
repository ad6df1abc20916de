//! Archives: the bytes as they are, and as the tar within an honest compression.
#![no_main]

use libfuzzer_sys::fuzz_target;
use store::archive::{Limits, unpack_from};

fuzz_target!(|bytes: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else {
        return;
    };
    let limits = Limits {
        entries: 50,
        bytes: 1 << 20,
        ..Limits::default()
    };
    let (raw, inner) = (folder.path().join("raw"), folder.path().join("inner"));
    let _ = std::fs::create_dir(&raw);
    let _ = std::fs::create_dir(&inner);
    let _ = unpack_from(bytes, bytes.len() as u64, "fuzz", &raw, &limits);
    if let Ok(packed) = zstd::encode_all(bytes, 1) {
        let _ = unpack_from(&packed[..], packed.len() as u64, "fuzz", &inner, &limits);
    }
    // Nothing may have been written beside the two folders.
    let beside = std::fs::read_dir(folder.path()).map_or(2, Iterator::count);
    assert_eq!(beside, 2, "an entry escaped from its folder");
});
