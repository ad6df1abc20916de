//! What is put back of a function's configuration beside variables and role: its handler, its timeout, its memory. Each is one
//! value and no secret, so a preview shows it and a plan may hold it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Trouble;
use super::former::cannot;

/// Stands before their names where an action names settings. No variable of Lambda may have a full stop in its name, so
/// neither is taken for the other.
const OF: &str = "configuration.";

/// One of them; they are shown in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Parameter {
    Handler,
    Timeout,
    MemorySize,
}

/// Their values, numbers as they are written: seconds and megabytes.
pub(super) type Parameters = BTreeMap<Parameter, String>;

/// Is this setting one of the configuration, and no variable?
pub(super) fn is_of(setting: &str) -> bool {
    setting.starts_with(OF)
}

/// What AWS shows of them. Not every function has each: one that is an image has no handler.
pub(super) fn shown(
    handler: Option<&str>,
    timeout: Option<i32>,
    memory: Option<i32>,
) -> Parameters {
    let handler = handler.filter(|name| !name.is_empty());
    let number = |one: Option<i32>| one.map(|number| number.to_string());
    let all = [
        (Parameter::Handler, handler.map(str::to_string)),
        (Parameter::Timeout, number(timeout)),
        (Parameter::MemorySize, number(memory)),
    ];
    all.into_iter()
        .filter_map(|(one, value)| Some((one, value?)))
        .collect()
}

impl Parameter {
    pub const ALL: [Self; 3] = [Self::Handler, Self::Timeout, Self::MemorySize];

    /// As Lambda names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Handler => "Handler",
            Self::Timeout => "Timeout",
            Self::MemorySize => "MemorySize",
        }
    }

    /// As the audit trail names it.
    pub fn field(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Timeout => "timeout",
            Self::MemorySize => "memorySize",
        }
    }

    /// As an action names it.
    pub fn setting(self) -> String {
        let name = match self {
            Self::Handler => "handler",
            Self::Timeout => "timeout",
            Self::MemorySize => "memory_size",
        };
        format!("{OF}{name}")
    }

    /// The one that an action names so.
    pub fn of(setting: &str) -> Result<Self, Trouble> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|one| one.setting() == setting);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::setting).join(", ");
            Trouble::Cannot(format!(
                "{setting} is none of what they set of a function's configuration: {known}"
            ))
        })
    }

    /// Its value in a record of the audit trail; `None` if that is none.
    pub fn read(self, told: &Value) -> Option<String> {
        let value = match self {
            Self::Handler => told.as_str().map(str::to_string),
            Self::Timeout | Self::MemorySize => told.as_u64().map(|number| number.to_string()),
        };
        value.filter(|value| !value.is_empty())
    }

    /// The value that an action gives it.
    pub fn given(self, value: Option<&str>) -> Result<String, Trouble> {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return cannot(format!(
                "every function has a {}: give it a value",
                self.name()
            ));
        };
        match self {
            Self::Handler => Ok(value.to_string()),
            Self::Timeout | Self::MemorySize => Ok(self.number(value)?.to_string()),
        }
    }

    /// Its value as a number.
    pub fn number(self, value: &str) -> Result<i32, Trouble> {
        match value.parse::<i32>() {
            Ok(number) if number > 0 => Ok(number),
            _ => cannot(format!("{value:?} is no {}", self.name())),
        }
    }

    /// What it is, for people.
    pub fn said(self, value: &str) -> String {
        match self {
            Self::Handler => format!("handler = {value}"),
            Self::Timeout => format!("timeout = {value} s"),
            Self::MemorySize => format!("memory = {value} MB"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_names_them_as_no_variable_is_named() {
        for one in Parameter::ALL {
            let setting = one.setting();
            assert!(is_of(&setting), "{setting}");
            assert_eq!(Parameter::of(&setting).unwrap(), one);
        }
        for (setting, ours) in [("handler", false), ("configuration.runtime", true)] {
            assert_eq!(is_of(setting), ours, "{setting}");
            assert!(Parameter::of(setting).is_err(), "{setting}");
        }
    }

    #[test]
    fn a_value_is_one_that_it_may_have() {
        for (one, value, wanted) in [
            (Parameter::Handler, Some("pay.handle"), Some("pay.handle")),
            (Parameter::Handler, Some(""), None),
            (Parameter::Handler, None, None),
            (Parameter::Timeout, Some("15"), Some("15")),
            (Parameter::Timeout, Some("015"), Some("15")),
            (Parameter::Timeout, Some("0"), None),
            (Parameter::Timeout, None, None),
            (Parameter::MemorySize, Some("much"), None),
            (Parameter::MemorySize, Some("-1"), None),
        ] {
            let given = one.given(value).ok();
            assert_eq!(given.as_deref(), wanted, "{one:?} {value:?}");
        }
    }
}
