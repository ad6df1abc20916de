//! Who asks, and what they may: accounts, sessions, keys and links. What is kept lies behind a socket
//! ([`model::people::Book`]).

mod accounts;
pub mod password;
mod sign_on;
mod tries;

use model::people::{EVERYWHERE, Grants, Role};

use crate::api::route::Permission;

pub use accounts::{Accounts, Admitted, Begun, Credentials, Denied, csrf, csrf_fits, named_well};
pub use sign_on::{Back, SignOn};
pub use tries::{Buckets, Rate};

/// The cookie of a session; `__Host-` stands before it where TLS is.
pub const COOKIE: &str = "midwatch_session";

/// How somebody is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Not at all.
    Nobody,
    /// A person who signed in.
    Person,
    /// A program, by an API key.
    Key {
        /// Which key.
        id: String,
        /// What its maker calls it.
        name: String,
    },
}

/// Whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The account's name; of a key its maker's. Empty if nobody is known.
    pub name: String,
    /// How they are known.
    pub kind: Kind,
    /// What they may, by space.
    pub grants: Grants,
}

impl Who {
    /// Nobody, who may nothing.
    pub fn nobody() -> Self {
        Self {
            name: String::new(),
            kind: Kind::Nobody,
            grants: Grants::default(),
        }
    }

    /// Nobody that is known, on the machine itself, where everybody may read.
    pub fn reader() -> Self {
        Self {
            grants: Grants::one(EVERYWHERE, Role::Viewer),
            ..Self::nobody()
        }
    }

    /// A person who signed in.
    pub fn person(name: &str, grants: Grants) -> Self {
        Self {
            name: name.to_string(),
            kind: Kind::Person,
            grants,
        }
    }

    /// Is it known who it is?
    pub fn known(&self) -> bool {
        self.kind != Kind::Nobody
    }

    /// May they do this in a space, or in the house where the address names none? What the house shows to one who
    /// may read anything at all is no space's own.
    pub fn may(&self, space: Option<&str>, permission: Permission) -> bool {
        let role = match (space, permission) {
            (Some(space), _) => self.grants.role_in(space),
            (None, Permission::Read) => self.grants.greatest(),
            (None, _) => self.grants.everywhere(),
        };
        match permission {
            Permission::Open => true,
            // An account is no proof: the inlet asks for its own.
            Permission::Signed => false,
            Permission::Read => role >= Some(Role::Viewer),
            Permission::Respond => role >= Some(Role::Responder),
            Permission::Approve => role >= Some(Role::Approver),
            Permission::Manage => role >= Some(Role::Admin),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows are roles in the space `a`, columns what is asked for: in `a`, in `b`, in the house.
    #[test]
    fn what_each_role_may() {
        use Permission::{Approve, Manage, Open, Read, Respond};
        let all = [Open, Read, Respond, Approve, Manage];
        let row = |who: &Who, space: Option<&str>| -> String {
            let may = all.iter().map(|permission| who.may(space, *permission));
            may.map(|may| if may { 'y' } else { '.' }).collect()
        };
        for (who, a, b, house) in [
            (Who::nobody(), "y....", "y....", "y...."),
            (Who::reader(), "yy...", "yy...", "yy..."),
            (in_a(Role::Viewer), "yy...", "y....", "yy..."),
            (in_a(Role::Responder), "yyy..", "y....", "yy..."),
            (in_a(Role::Approver), "yyyy.", "y....", "yy..."),
            (in_a(Role::Admin), "yyyyy", "y....", "yy..."),
            (
                Who::person("root", Grants::one(EVERYWHERE, Role::Admin)),
                "yyyyy",
                "yyyyy",
                "yyyyy",
            ),
        ] {
            let may = [row(&who, Some("a")), row(&who, Some("b")), row(&who, None)];
            assert_eq!(may, [a, b, house], "{who:?}");
        }
    }

    fn in_a(role: Role) -> Who {
        Who::person("anna", Grants::one("a", role))
    }
}
