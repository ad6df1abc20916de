//! How much a source may be asked, as every table of one says it.

use connectors::pull::{Budget, Money, Rates};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Bytes, Fault, Length};

/// What asking a source costs, where somebody is paid for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// US dollars for a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<f64>,
    /// US dollars for 1,000,000,000 bytes of answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gigabyte: Option<f64>,
}

/// What a table says of the amounts and lengths of asking; what it does not say stays as usual.
#[derive(Clone, Copy, Default)]
pub struct Bounds {
    /// Requests of a look.
    pub requests: Option<u64>,
    /// Requests of an hour.
    pub requests_per_hour: Option<u64>,
    /// Bytes of a look's answers.
    pub bytes: Option<Bytes>,
    /// Bytes of an hour's answers.
    pub bytes_per_hour: Option<Bytes>,
    /// Length of one request.
    pub timeout: Option<Length>,
    /// Length of one look, waits included.
    pub look: Option<Length>,
    /// US dollars of a look.
    pub dollars: Option<f64>,
    /// US dollars of an hour.
    pub dollars_per_hour: Option<f64>,
    /// What every request and every byte costs.
    pub prices: Prices,
}

/// The bounds of a table that has all six keys, without those of money.
macro_rules! bounds {
    ($table:expr) => {
        $crate::config::connectors::bounds::Bounds {
            requests: $table.requests,
            requests_per_hour: $table.requests_per_hour,
            bytes: $table.bytes,
            bytes_per_hour: $table.bytes_per_hour,
            timeout: $table.timeout,
            look: $table.look,
            ..Default::default()
        }
    };
}
pub(super) use bounds;

impl Bounds {
    /// Within these something can be asked, or the key under which nothing could.
    pub(super) fn fault(&self, key: &str) -> Option<Fault> {
        let numbers = [
            (".requests", self.requests),
            (".requests_per_hour", self.requests_per_hour),
            (".bytes", self.bytes.map(|bytes| bytes.0)),
            (".bytes_per_hour", self.bytes_per_hour.map(|bytes| bytes.0)),
        ];
        if let Some((of, _)) = numbers.iter().find(|(_, number)| *number == Some(0)) {
            return Some((
                format!("{key}{of}"),
                "is 0, so nothing could be asked".to_string(),
                "leave it out for the default".to_string(),
            ));
        }
        let amounts = [
            (".dollars", self.dollars, false),
            (".dollars_per_hour", self.dollars_per_hour, false),
            (".prices.request", self.prices.request, true),
            (".prices.gigabyte", self.prices.gigabyte, true),
        ];
        let wrong = |amount: f64, may_be_free: bool| {
            let free = amount == 0.0 && may_be_free;
            !(free || (amount > 0.0 && amount < 1e6))
        };
        for (of, amount, may_be_free) in amounts {
            if amount.is_some_and(|amount| wrong(amount, may_be_free)) {
                return Some((
                    format!("{key}{of}"),
                    "is no sum of money".to_string(),
                    "leave it out for the default".to_string(),
                ));
            }
        }
        let usual = Money::default();
        let least = [
            (".dollars", self.dollars.map_or(usual.look, nanos)),
            (
                ".dollars_per_hour",
                self.dollars_per_hour.map_or(usual.hour, nanos),
            ),
        ];
        let one = self.prices.request.map_or(0, nanos);
        if let Some((of, _)) = least.iter().find(|(_, all)| *all < one.max(1)) {
            return Some((
                format!("{key}{of}"),
                "pays not one request, so nothing could be asked".to_string(),
                format!("raise it, or see to {key}.prices.request"),
            ));
        }
        length_fault(key, ".timeout", self.timeout)
            .or_else(|| length_fault(key, ".look", self.look))
    }

    /// The budget: as said, else as usual.
    pub fn budget(&self, usual: Budget) -> Budget {
        let length = |said: Option<Length>, usual| said.map_or(usual, |length| length.span());
        Budget {
            requests: self.requests.unwrap_or(usual.requests),
            requests_per_hour: self.requests_per_hour.unwrap_or(usual.requests_per_hour),
            bytes: self.bytes.map_or(usual.bytes, |bytes| bytes.0),
            bytes_per_hour: self
                .bytes_per_hour
                .map_or(usual.bytes_per_hour, |bytes| bytes.0),
            timeout: length(self.timeout, usual.timeout),
            look: length(self.look, usual.look),
            money: Money {
                look: self.dollars.map_or(usual.money.look, nanos),
                hour: self.dollars_per_hour.map_or(usual.money.hour, nanos),
            },
            rates: Rates {
                request: self.prices.request.map_or(usual.rates.request, nanos),
                gigabyte: self.prices.gigabyte.map_or(usual.rates.gigabyte, nanos),
            },
        }
    }
}

/// Billionths of a dollar.
fn nanos(dollars: f64) -> u64 {
    (dollars * 1e9).round() as u64
}

/// What is wrong with a length of time under this key.
pub(super) fn length_fault(key: &str, of: &str, length: Option<Length>) -> Option<Fault> {
    let short = length.is_some_and(|length| length.span().0 <= 0);
    short.then(|| {
        (
            format!("{key}{of}"),
            "must be longer than nothing".to_string(),
            "write it like \"5s\"".to_string(),
        )
    })
}
