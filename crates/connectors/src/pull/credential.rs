//! What a source wants to see before it answers. It stands in a file, and nowhere else.

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hidden::Hidden;

/// Whose file to read, and how to show what stands in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credential {
    /// Nothing is shown.
    #[default]
    None,
    /// `Authorization: Bearer`, with the token that stands in the file.
    Bearer(PathBuf),
    /// `Authorization: Basic`, with this name and the password that stands in the file.
    Basic(String, PathBuf),
}

impl Credential {
    /// Reads the file. Anew for every look, because tokens are replaced while programs run.
    ///
    /// # Errors
    /// Why the file cannot be read; never what stands in it.
    pub fn read(&self) -> Result<Shown, String> {
        let (file, user) = match self {
            Self::None => return Ok(Shown::default()),
            Self::Bearer(file) => (file, None),
            Self::Basic(user, file) => (file, Some(user)),
        };
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
        let secret = text.trim();
        if secret.is_empty() {
            return Err(format!("{} is empty", file.display()));
        }
        if secret.chars().any(char::is_control) {
            return Err(format!("{} holds more than one line", file.display()));
        }
        let header = match user {
            None => format!("Bearer {secret}"),
            Some(user) => format!("Basic {}", STANDARD.encode(format!("{user}:{secret}"))),
        };
        let value = header.split_once(' ').map_or("", |(_, value)| value);
        let hidden = Hidden::of([value, secret]);
        Ok(Shown { header, hidden })
    }
}

/// A credential that was read. Its text is in no message of any kind.
#[derive(Clone, Default)]
pub struct Shown {
    header: String,
    hidden: Hidden,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(..)")
    }
}

impl Shown {
    /// The value of the header; empty for none.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// The text without the secret, which a source may say back to whoever it refuses.
    pub fn scrub(&self, text: &str) -> String {
        self.hidden.said(text)
    }

    /// An answer without the secret, which a source may say back as telemetry: it would stand in reports and recordings.
    pub fn strike(&self, body: Vec<u8>) -> Vec<u8> {
        self.hidden.told(body)
    }
}
