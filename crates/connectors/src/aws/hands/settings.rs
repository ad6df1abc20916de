//! Where hands reach, as whom, and what they may alter.

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::time::{SECOND, Span};

use crate::aws::named::Named;
use crate::pull::Budget;

/// The role under which hands act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The role.
    pub role_arn: String,
    /// What its trust wants to be told.
    pub external_id: Option<String>,
}

/// Where hands reach, and as whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Regions; the profile's or the environment's if there is none.
    pub regions: Vec<String>,
    /// The account's name here, where several are read: it is a part of the names of what is there.
    pub account: Option<String>,
    /// Profile of the shared configuration files, of whoever takes the role.
    pub profile: Option<String>,
    /// An address that stands for all of AWS: an emulator.
    pub endpoint: Option<String>,
    /// The role that is taken; `None` only where an emulator knows no roles.
    pub role: Option<Taken>,
    /// Roles that a function may be given.
    pub roles: Vec<String>,
    /// What else may be altered.
    pub named: Named,
    /// How long one request may take.
    pub timeout: Span,
    /// What may be asked before somebody says yes, and in an hour; its lengths of time are those of the eyes, and not used.
    pub budget: Budget,
    /// Prices that differ from the public list: dollars, by action.
    pub prices: BTreeMap<String, f64>,
    /// Where every attempt is written down.
    pub call_log: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            regions: Vec::new(),
            account: None,
            profile: None,
            endpoint: None,
            role: None,
            roles: Vec::new(),
            named: Named::default(),
            timeout: Span(8 * SECOND),
            budget: Budget::default(),
            prices: BTreeMap::new(),
            call_log: None,
        }
    }
}
