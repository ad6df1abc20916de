//! How the program ends.

use std::process::ExitCode;

use model::report::Status;

/// How the program ends; scripts read the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done; of an investigation: a cause was found.
    Done,
    /// 1: done, and the answer is no: a report does not verify, two reports differ, a recording has
    /// faults.
    No,
    /// 2: there is no answer: what was given cannot be used, or the answer could not be written.
    BadInput,
    /// 3: something is wrong, and the cause is not known.
    Unknown,
    /// 4: nothing is wrong, or no longer.
    NoActiveFault,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::BadInput => 2,
            Self::Unknown => 3,
            Self::NoActiveFault => 4,
        }
    }
}

impl From<Status> for Exit {
    fn from(status: Status) -> Self {
        match status {
            Status::CauseFound => Self::Done,
            Status::Unknown => Self::Unknown,
            Status::Recovered | Status::NoActiveFault => Self::NoActiveFault,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
