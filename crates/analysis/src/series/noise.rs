//! Repeatable noise for tests.

/// Roughly normal noise with unit variance; the same for the same `i`.
pub(crate) fn noise(i: usize) -> f64 {
    let mut state = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    let mut sum = 0.0;
    for _ in 0..12 {
        state ^= state >> 33;
        state = state.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        state ^= state >> 29;
        sum += (state >> 11) as f64 / (1u64 << 53) as f64;
    }
    sum - 6.0
}
