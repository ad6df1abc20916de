//! Numbers from bytes, quickly and exactly.

/// Powers of ten that a double holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Reads a decimal number. A mantissa below 2^53 with at most 22 decimals is one exact division
/// (Clinger 1990, "How to read floating point numbers accurately", the fast case); everything else,
/// `NaN` and `inf` included, goes to the standard library. `None` when it is no number.
pub(crate) fn float(text: &[u8]) -> Option<f64> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let mut mantissa: u64 = 0;
    let mut decimals: Option<usize> = None;
    // 15 digits stay below 2^53.
    if !digits.is_empty() && digits.len() <= 16 {
        let mut plain = true;
        let mut seen = 0;
        for byte in digits {
            match byte {
                b'0'..=b'9' => {
                    mantissa = mantissa * 10 + u64::from(byte - b'0');
                    seen += 1;
                    if let Some(count) = &mut decimals {
                        *count += 1;
                    }
                }
                b'.' if decimals.is_none() => decimals = Some(0),
                _ => {
                    plain = false;
                    break;
                }
            }
        }
        if plain && (1..=15).contains(&seen) {
            let value = mantissa as f64 / TENS[decimals.unwrap_or(0)];
            return Some(if negative { -value } else { value });
        }
    }
    slow(text)
}

#[cold]
fn slow(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_the_standard_library() {
        for text in [
            "0",
            "-0",
            "1.5",
            ".5",
            "5.",
            "-12.25",
            "1e3",
            "NaN",
            "inf",
            "-Infinity",
            "",
            ".",
            "-",
            "1.2.3",
            "123456789012345",
            "1234567890123456789",
            "0.1",
            "0.30000000000000004",
            "x",
            "1_0",
        ] {
            let ours = float(text.as_bytes()).map(f64::to_bits);
            assert_eq!(ours, text.parse::<f64>().ok().map(f64::to_bits), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn exact_for_every_double(value in any::<f64>()) {
            prop_assume!(value.is_finite());
            prop_assert_eq!(float(value.to_string().as_bytes()).map(f64::to_bits), Some(value.to_bits()));
        }

        #[test]
        fn exact_for_short_decimals(value in -1_000_000_000i64..1_000_000_000, places in 0usize..9) {
            let text = format!("{:.*}", places, value as f64 / 1e4);
            prop_assert_eq!(float(text.as_bytes()), text.parse().ok());
        }
    }
}
