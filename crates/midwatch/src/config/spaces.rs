//! `[spaces]`: teams that share one server and nothing else. Each has a configuration of its own.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Written, text_of};
use crate::problem::Problem;

/// The space that the house's own file describes.
pub const MAIN: &str = "main";

/// A space beside `main`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// Its configuration, a file like this one without `[server]`, `[traces]` and `[spaces]`; relative to this file.
    pub config: PathBuf,
}

/// What types cannot say of a space: key, what is wrong with it, what to do.
pub(super) fn fault(name: &str) -> Option<(String, &'static str, &'static str)> {
    let key = format!("spaces.{name}");
    if name == MAIN {
        return Some((
            key,
            "is the space that this file itself describes",
            "choose another name",
        ));
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let fits = name.bytes().all(|byte| plain(byte) || byte == b'-')
        && name.bytes().next().is_some_and(plain)
        && name.len() <= 40;
    (!fits).then_some((
        key,
        "is no name that can stand in an address",
        "use up to 40 lower-case letters, digits and hyphens, a letter or digit first",
    ))
}

/// What a space's file may not say, since there is one door for all: the section, and why.
const OF_THE_HOUSE: [(&str, &str); 3] = [
    ("server", "there is one API and one page for all spaces"),
    ("traces", "spans of what the program does go to one place"),
    ("spaces", "spaces hold no spaces"),
];

impl Written {
    /// Reads the configuration of a space, and says whether it names a data folder.
    pub fn of_space(file: &Path) -> Result<(Self, bool), Problem> {
        let text = text_of(file)?;
        let name = file.display().to_string();
        let config = super::parse(&text, &name)?;
        // It was read just now, so it is TOML.
        let table: toml::Table = toml::from_str(&text).unwrap_or_default();
        for (section, why) in OF_THE_HOUSE {
            if table.contains_key(section) {
                return Err(Problem::bad_input(
                    format!("[{section}] is set in the configuration of a space; {why}"),
                    name,
                    format!("take [{section}] out of it; the house's own file has it"),
                ));
            }
        }
        let named = table
            .get("store")
            .and_then(|store| store.get("path"))
            .is_some();
        let written = Self {
            config,
            file: Some(file.to_path_buf()),
        };
        Ok((written, named))
    }
}
