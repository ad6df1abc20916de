//! Yes, no, and nobody can tell (Kleene's logic), with what would have to be known.

/// An answer of three values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It depends on what is not known: these things, at least one.
    Unknown(Vec<String>),
}

impl Truth {
    pub(super) fn unknown(what: impl Into<String>) -> Self {
        Self::Unknown(vec![what.into()])
    }
    pub(super) fn is_yes(&self) -> bool {
        *self == Self::Yes
    }
    pub(super) fn is_no(&self) -> bool {
        *self == Self::No
    }
    /// What is missing, if something is.
    pub(super) fn missing(&self) -> &[String] {
        match self {
            Self::Unknown(missing) => missing,
            _ => &[],
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, other) | (other, Self::Yes) => other,
            (Self::Unknown(a), Self::Unknown(b)) => Self::Unknown(joined(a, b)),
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, other) | (other, Self::No) => other,
            (Self::Unknown(a), Self::Unknown(b)) => Self::Unknown(joined(a, b)),
        }
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            unknown => unknown,
        }
    }

    pub(super) fn all(of: impl IntoIterator<Item = Self>) -> Self {
        of.into_iter().fold(Self::Yes, Self::and)
    }
    pub(super) fn any(of: impl IntoIterator<Item = Self>) -> Self {
        of.into_iter().fold(Self::No, Self::or)
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

fn joined(mut a: Vec<String>, b: Vec<String>) -> Vec<String> {
    for one in b {
        // A person reads these: twenty say as much as a thousand.
        if a.len() < 20 && !a.contains(&one) {
            a.push(one);
        }
    }
    a
}
