//! What calls cost, by the public price list (`prices.csv`: us-east-1, first tier, without the free tier, in US dollars;
//! each row names its page), or by what the user pays. What is not in it costs nothing.

use std::collections::BTreeMap;

use super::calls;

/// Billionths of a dollar, in which money is added up: a request may cost less than a millionth.
pub const NANOS: f64 = 1e9;

/// The public price list.
const LISTED: &str = include_str!("prices.csv");

/// What calls cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices {
    /// Dollars for each unit, by action.
    by_action: BTreeMap<String, f64>,
}

/// A price that is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadPrice {
    /// It is of a call that is never made.
    #[error("{0} is no call of this connector; `midwatch permissions aws` names them all")]
    NoCall(String),
    /// It is negative or no number.
    #[error("{0} costs {1}, which is no price")]
    NoPrice(String, f64),
}

impl Prices {
    /// The public list, with what the user pays instead: dollars for each unit (of `prices.csv`), by action.
    ///
    /// # Errors
    /// The first price that is none.
    pub fn with(own: &BTreeMap<String, f64>) -> Result<Self, BadPrice> {
        let mut prices = Self::listed();
        for (action, price) in own {
            if calls::by_action(action).is_none() {
                return Err(BadPrice::NoCall(action.clone()));
            }
            if !price.is_finite() || *price < 0.0 {
                return Err(BadPrice::NoPrice(action.clone(), *price));
            }
            prices.by_action.insert(action.clone(), *price);
        }
        Ok(prices)
    }

    fn listed() -> Self {
        let mut rows = csv::Reader::from_reader(LISTED.as_bytes());
        let by_action = rows.records().filter_map(|row| {
            let row = row.ok()?;
            Some((row.get(0)?.to_string(), row.get(2)?.parse().ok()?))
        });
        Self {
            by_action: by_action.collect(),
        }
    }

    /// What so many units of a call cost, in billionths of a dollar.
    pub fn of(&self, action: &str, units: u64) -> u64 {
        let each = self.by_action.get(action).copied().unwrap_or(0.0);
        (each * units as f64 * NANOS).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_may_be_overridden() {
        let prices = Prices::with(&BTreeMap::new()).unwrap();
        assert_eq!(prices.by_action.len(), LISTED.lines().count() - 1);
        for (action, price) in &prices.by_action {
            assert!(calls::by_action(action).is_some(), "{action}");
            assert!((1e-8..1e-4).contains(price), "{action}");
        }
        // 500 metrics at a cent for each thousand.
        assert_eq!(prices.of("cloudwatch:GetMetricData", 500), 5_000_000);
        assert_eq!(prices.of("sqs:ListQueues", 1), 400);
        assert_eq!(prices.of("lambda:ListFunctions", 1_000), 0);
        let own = BTreeMap::from([("lambda:ListFunctions".to_string(), 0.5)]);
        assert_eq!(
            Prices::with(&own).unwrap().of("lambda:ListFunctions", 2),
            1_000_000_000
        );
        for (action, price) in [
            ("lambda:Invoke", 1.0),
            ("sqs:ListQueues", -1.0),
            ("sqs:ListQueues", f64::NAN),
        ] {
            let own = BTreeMap::from([(action.to_string(), price)]);
            assert!(Prices::with(&own).is_err(), "{action} {price}");
        }
    }
}
