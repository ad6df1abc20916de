//! Bodies that are small on their way and large where they are unpacked, and what a server takes for them.

use std::io::Write;

/// A piece of a body before it is packed.
const PIECE: usize = 1 << 20;

/// So many zeros, packed as telemetry may be.
pub fn gzip(zeros: u64) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let piece = vec![0; PIECE];
    for _ in 0..zeros >> 20 {
        packed.write_all(&piece).unwrap();
    }
    packed.finish().unwrap()
}

/// An archive as recordings are, of which so many bytes come out. What is in it:
///
/// - `nothing`: zeros, not even an entry
/// - `file`: a file of zeros
/// - `claim`: a file that says it has so many bytes, and ends
/// - `name`: beside a file that packs badly, the name of another
/// - `window`: zeros, packed so that whoever unpacks them has to keep the last 2 GiB at hand
pub fn archive(what: &str, bytes: u64) -> Vec<u8> {
    if what == "window" {
        return window(bytes);
    }
    let mut packed = zstd::Encoder::new(Vec::new(), 1).unwrap();
    match what {
        "nothing" => poured(&mut packed, 0, bytes),
        "file" => {
            entry(&mut packed, b'0', "metrics.csv", bytes);
            poured(&mut packed, 0, bytes);
        }
        "claim" => entry(&mut packed, b'0', "metrics.csv", bytes),
        "name" => {
            let noise = noise(4 * PIECE);
            entry(&mut packed, b'0', "noise", noise.len() as u64);
            packed.write_all(&noise).unwrap();
            entry(&mut packed, b'L', "././@LongLink", bytes);
            poured(&mut packed, b'a', bytes);
        }
        other => panic!("no such archive: {other:?}"),
    }
    packed.finish().unwrap()
}

/// A frame by hand (RFC 8878, section 3.1.1): a window of 2^31 bytes, and blocks of one zero repeated.
fn window(bytes: u64) -> Vec<u8> {
    const BLOCK: u32 = 128 << 10;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, (31 - 10) << 3];
    let blocks = bytes / u64::from(BLOCK);
    for block in 1..=blocks {
        let header = BLOCK << 3 | 1 << 1 | u32::from(block == blocks);
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

fn entry(to: &mut impl Write, kind: u8, name: &str, bytes: u64) {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_cksum();
    to.write_all(header.as_bytes()).unwrap();
}

fn poured(to: &mut impl Write, byte: u8, bytes: u64) {
    let piece = vec![byte; PIECE];
    for _ in 0..bytes >> 20 {
        to.write_all(&piece).unwrap();
    }
}

/// Bytes that no packer makes fewer (SplitMix64).
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)).to_le_bytes()
    });
    words.take(bytes / 8).flatten().collect()
}

/// The memory of a process, in bytes: what it has now, and the most that it had since [`forget`].
pub fn memory(process: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kib = line.split_whitespace().nth(1).unwrap();
        kib.parse::<u64>().unwrap() << 10
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// Has the system forget the most that a process had.
pub fn forget(process: u32) {
    std::fs::write(format!("/proc/{process}/clear_refs"), "5").unwrap();
}
