//! How much a source may be asked, as every table of one says it.

use connectors::pull::Budget;

use super::{Bytes, Fault, Length};

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
}

/// The bounds of a table that has all six keys.
macro_rules! bounds {
    ($table:expr) => {
        $crate::config::connectors::bounds::Bounds {
            requests: $table.requests,
            requests_per_hour: $table.requests_per_hour,
            bytes: $table.bytes,
            bytes_per_hour: $table.bytes_per_hour,
            timeout: $table.timeout,
            look: $table.look,
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
        }
    }
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
