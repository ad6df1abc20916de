//! When did a share change, and how surely did it change at all?
//!
//! The alarm is a late and blunt witness: a fault may begin a minute before it, or take effect half a
//! minute after. Each moment at which the share may have turned is therefore a hypothesis of its own: that
//! of the alarm holds half of the prior, all others share the rest. What is returned is the mean of their
//! Bayes factors under that prior, so that looking at many moments is paid for.

use analysis::ranking::two_shares;

use crate::constants::AT_THE_LINE;

/// Most moments that are tried; among more, they are spaced evenly.
const MOST_MOMENTS: usize = 512;

/// A share that turned.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Turn {
    /// ln of the mean Bayes factor, in nats; never negative.
    pub nats: f64,
    /// The likeliest first outcome after the turn, as an index; 0 if there is no turn.
    pub at: usize,
    /// The share is larger after the turn.
    pub more: bool,
}

/// Finds the turn in shares 0..=1 that are in the order of time, of which the first `line` lie before the
/// incident's beginning.
pub(super) fn turn(shares: &[f64], line: usize) -> Turn {
    let n = shares.len();
    let total: f64 = shares.iter().sum();
    if n < 2 || total <= 0.0 || total >= n as f64 {
        return Turn::default();
    }
    let step = n.div_ceil(MOST_MOMENTS);
    let mut best = Turn::default();
    let mut most = f64::NEG_INFINITY;
    let mut at_line = 0.0;
    let mut others: Vec<f64> = Vec::with_capacity(n / step + 1);
    let mut before = 0.0;
    for (i, last) in (1..n).zip(shares) {
        before += last;
        if i != line && i % step != 0 {
            continue;
        }
        let ratio = two_shares((before, i as u64), (total - before, (n - i) as u64));
        if i == line {
            at_line = ratio;
        } else {
            others.push(ratio);
        }
        // The line of the incident wins a tie.
        if ratio > most || (ratio >= most && i == line) {
            most = ratio;
            best.at = i;
            best.more = (total - before) / (n - i) as f64 > before / i as f64;
        }
    }
    // Without anything on one side of the line, that prior says nothing: all of it lies with the others.
    let weight = if line == 0 || line >= n {
        0.0
    } else {
        AT_THE_LINE
    };
    let mean = if others.is_empty() {
        0.0
    } else {
        others.iter().map(|r| (r - most).exp()).sum::<f64>() / others.len() as f64
    };
    let mass = weight * (at_line - most).exp() + (1.0 - weight) * mean;
    best.nats = if mass > 0.0 {
        (most + mass.ln()).max(0.0)
    } else {
        0.0
    };
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outcomes(text: &str) -> Vec<f64> {
        text.chars()
            .map(|c| f64::from(u8::from(c == 'x')))
            .collect()
    }

    #[test]
    fn a_turn_is_found_where_it_is() {
        let at_the_alarm = turn(&outcomes("xxxxxx........"), 6);
        assert_eq!((at_the_alarm.at, at_the_alarm.more), (6, false));
        let a_minute_before = turn(&outcomes("xxxxxx........"), 10);
        assert_eq!((a_minute_before.at, a_minute_before.more), (6, false));
        assert!(a_minute_before.nats > 4.0 && at_the_alarm.nats > a_minute_before.nats);
        let later = turn(&outcomes("........xxxxxx"), 2);
        assert_eq!((later.at, later.more), (8, true));
    }

    #[test]
    fn what_does_not_change_shows_nothing() {
        for text in ["", "x", "....", "xxxx"] {
            assert_eq!(turn(&outcomes(text), 2), Turn::default(), "{text}");
        }
        // Half of the time, in no order: the best of many moments looks good, their mean does not.
        let mixed = turn(&outcomes("x.xx..x.x.x..xx.x..x"), 10);
        assert!(mixed.nats < 0.5, "{mixed:?}");
    }

    proptest! {
        #[test]
        fn it_is_a_number_for_all_shares(shares in prop::collection::vec(0.0f64..=1.0, 0..1500), line in 0usize..1600) {
            let found = turn(&shares, line);
            prop_assert!(found.nats.is_finite() && found.nats >= 0.0 && found.at <= shares.len());
        }
    }
}
