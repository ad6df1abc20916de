//! What is wrong with a recording, said so that a person can mend it: file, line, what was found,
//! what was expected, remedy.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which sort of thing is wrong.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The operating system refused, or the file is not there.
    Io,
    /// The folder holds no `recording.json`.
    NotARecording,
    /// Another format version than this build reads.
    Schema,
    /// Not the syntax that the file's format has.
    Syntax,
    /// Right syntax, wrong kind of value.
    Type,
    /// Bytes that are not UTF-8.
    Encoding,
    /// The same id twice.
    Duplicate,
    /// Time that runs backwards, or a moment that cannot be read.
    Clock,
    /// An edge whose end is not among the entities.
    Edge,
    /// Larger than the limits allow.
    TooLarge,
    /// A compressed file that ends early or was damaged.
    Compression,
    /// Nested deeper than any honest document.
    Nesting,
    /// A format that this build was made without.
    Unsupported,
}

/// The parts of an error, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Which sort.
    pub fault: Fault,
    /// Path within the recording (or the recording itself).
    pub file: String,
    /// Line or row, counted from 1, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What was found there.
    pub found: String,
    /// What belongs there.
    pub expected: String,
    /// What to do about it.
    pub remedy: String,
}

/// A recording that cannot be read. Nothing was changed by the attempt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FilesError(pub Box<Problem>);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(
            f,
            ": {}; expected {}. Remedy: {}",
            self.found, self.expected, self.remedy
        )
    }
}

impl FilesError {
    /// Puts the parts together; hostile text is cut to a readable length and stripped of controls.
    pub fn new(
        fault: Fault,
        file: &str,
        line: Option<u64>,
        found: impl AsRef<str>,
        expected: &str,
        remedy: &str,
    ) -> Self {
        Self(Box::new(Problem {
            fault,
            file: printable(file, 300),
            line,
            found: printable(found.as_ref(), 300),
            expected: expected.to_string(),
            remedy: remedy.to_string(),
        }))
    }

    /// The operating system refused.
    pub fn io(file: &str, error: &std::io::Error) -> Self {
        Self::new(
            Fault::Io,
            file,
            None,
            error.to_string(),
            "a file that can be read",
            "check the path and its permissions",
        )
    }

    /// The parts.
    pub fn problem(&self) -> &Problem {
        &self.0
    }

    /// Which sort of thing is wrong.
    pub fn fault(&self) -> Fault {
        self.0.fault
    }
}

/// The text with control characters replaced and at most `most` characters: errors are shown on
/// terminals, and file names and log text are hostile.
pub(crate) fn printable(text: &str, most: usize) -> String {
    let mut out: String = text
        .chars()
        .take(most)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}
