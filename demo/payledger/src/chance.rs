//! Chance: unguessable names, and a generator that repeats itself for one seed.

/// Random bytes of the operating system's quality.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0_u8; N];
    let provider = rustls::crypto::ring::default_provider();
    if provider.secure_random.fill(&mut out).is_err() {
        // The operating system has no randomness to give: time and process id still keep names apart.
        let mut seed = Sequence::new(
            u64::try_from(crate::clock::true_ms()).unwrap_or(1) ^ u64::from(std::process::id()),
        );
        for byte in &mut out {
            *byte = (seed.next() >> 24) as u8;
        }
    }
    out
}

/// `n` random bytes in hexadecimal.
pub fn hex<const N: usize>() -> String {
    to_hex(&bytes::<N>())
}

/// Bytes in hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Hexadecimal to bytes.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok())
        .collect()
}

/// A random identifier in the form of a version 4 UUID.
pub fn uuid() -> String {
    let mut raw = bytes::<16>();
    raw[6] = (raw[6] & 0x0f) | 0x40;
    raw[8] = (raw[8] & 0x3f) | 0x80;
    let hex = to_hex(&raw);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[0..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..32]
    )
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, the same for the same seed.
#[derive(Clone, Debug)]
pub struct Sequence(u64);

impl Sequence {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`; 0 if the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }

    /// Between 0 and 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_reads_back() {
        assert_eq!(from_hex("00ff1a"), Some(vec![0, 255, 26]));
        assert_eq!(to_hex(&[0, 255, 26]), "00ff1a");
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("zz"), None);
    }

    #[test]
    fn names_differ() {
        assert_ne!(uuid(), uuid());
        assert_eq!(uuid().len(), 36);
    }
}
