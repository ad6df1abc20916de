//! Provisioned throughput: a bucket that fills with time and holds one second's worth, as a table's does.

/// One bucket.
#[derive(Debug)]
pub struct Bucket {
    tokens: f64,
    filled_ms: i64,
}

impl Bucket {
    /// Full.
    pub fn new(now_ms: i64, per_second: u32) -> Self {
        Self {
            tokens: f64::from(per_second),
            filled_ms: now_ms,
        }
    }

    /// Takes units if there is room for them. A request larger than the bucket is let through when the
    /// bucket is full, and leaves a debt.
    pub fn take(&mut self, now_ms: i64, per_second: u32, units: f64) -> bool {
        let most = f64::from(per_second);
        let passed = (now_ms - self.filled_ms).max(0) as f64 / 1_000.0;
        self.filled_ms = now_ms;
        self.tokens = (self.tokens + passed * most).min(most);
        if self.tokens >= units.min(most) {
            self.tokens -= units;
            true
        } else {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_up_comes_back_with_time() {
        let mut bucket = Bucket::new(0, 2);
        assert!(bucket.take(0, 2, 1.0));
        assert!(bucket.take(0, 2, 1.0));
        assert!(!bucket.take(0, 2, 1.0));
        assert!(bucket.take(500, 2, 1.0));
        assert!(!bucket.take(600, 2, 1.0));
        // A lower limit takes effect at once.
        assert!(bucket.take(10_000, 1, 1.0));
        assert!(!bucket.take(10_000, 1, 1.0));
    }
}
