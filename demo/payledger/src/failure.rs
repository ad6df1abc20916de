//! Why a command or process could not go on, for people.

use std::fmt;

/// A sentence that says where and what, and, if there is something to do about it, what.
#[derive(Debug)]
pub struct Failure {
    message: String,
    advice: Option<String>,
}

impl Failure {
    /// With a message that says where, what, and what was expected.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            advice: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.advice {
            Some(advice) => write!(f, "\n  {advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
