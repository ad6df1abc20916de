//! What a person is told when something cannot be done: what, where, and what to do about it.

use std::path::Path;

use crate::exit::Exit;

/// Something that cannot be done. Nothing half written is left behind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} ({place}); {remedy}")]
pub struct Problem {
    /// What is wrong, as one sentence without a full stop.
    pub what: String,
    /// Where: a file, with its line where there is one, or a word of the command line.
    pub place: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// What was given cannot be used.
    pub fn bad_input(
        what: impl Into<String>,
        place: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            place: place.into(),
            remedy: remedy.into(),
        }
    }

    /// The operating system refused to read.
    pub fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => "check the path",
            std::io::ErrorKind::PermissionDenied => "check who may read it",
            _ => "check that it is a file that can be read",
        };
        Self::bad_input(
            format!("it cannot be read: {error}"),
            path.display().to_string(),
            remedy,
        )
    }

    /// The operating system refused to write.
    pub fn unwritable(place: impl Into<String>, error: &std::io::Error) -> Self {
        Self::bad_input(
            format!("it cannot be written: {error}"),
            place,
            "check that the folder exists, may be written to, and is not full",
        )
    }

    /// The same, with the recording named that the place lies in.
    #[must_use]
    pub fn within(mut self, recording: &Path) -> Self {
        let shown = recording.display().to_string();
        if !self.place.starts_with(&shown) {
            self.place = format!("{}: {}", shown.trim_end_matches('/'), self.place);
        }
        self
    }

    /// The same, with the space named that it is about.
    #[must_use]
    pub fn in_space(mut self, space: &str) -> Self {
        self.place = format!("space {space}: {}", self.place);
        self
    }

    /// The exit that it ends the program with. Never 1: that is an answer, and whoever could not write it down gave none.
    pub fn exit(&self) -> Exit {
        Exit::BadInput
    }
}

impl From<&connectors::files::Problem> for Problem {
    fn from(problem: &connectors::files::Problem) -> Self {
        let place = match problem.line {
            Some(line) => format!("{}:{line}", problem.file),
            None => problem.file.clone(),
        };
        Self::bad_input(
            format!("{}; expected {}", problem.found, problem.expected),
            place,
            problem.remedy.clone(),
        )
    }
}

impl From<connectors::files::FilesError> for Problem {
    fn from(error: connectors::files::FilesError) -> Self {
        error.problem().into()
    }
}

impl From<store::archive::ArchiveError> for Problem {
    fn from(error: store::archive::ArchiveError) -> Self {
        use store::archive::ArchiveError;
        let (what, place, remedy) = match error {
            ArchiveError::Io { file, source } => (
                source.to_string(),
                file,
                "check the path and its permissions",
            ),
            ArchiveError::Damaged { file, found } => (
                format!("{found}; expected a recording's folder or a whole .tar.zst archive"),
                file,
                "give a recording's folder, or copy or pack the recording again",
            ),
            ArchiveError::Hostile { file, entry, found } => (
                format!(
                    "entry {entry:?} {found}; expected plain files with relative names, each once"
                ),
                file,
                "do not use this archive; ask whoever made it",
            ),
            ArchiveError::TooLarge { file, found } => (
                format!("{found}; expected a recording within the limits (docs/recordings.md)"),
                file,
                "unpack it by hand and look, or record a shorter time",
            ),
            ArchiveError::Exists { file } => (
                "something is there already".to_string(),
                file,
                "choose another name, or remove it first",
            ),
        };
        Self::bad_input(what, place, remedy)
    }
}
