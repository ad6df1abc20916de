//! Who may do what: roles, held per space; and the socket of whoever keeps accounts, sessions and keys.

mod book;
mod identity;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use book::{Account, ApiKey, Audited, Book, BookError, Link, LinkKind, Replay, Session, Used};
pub use identity::{Identity, IdentityError, IdentityProvider, Ties};

/// What somebody is in a space. Each may do what the ones before it may, and more.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees what there is.
    Viewer,
    /// Also notes, closes, judges, splits, merges, links, silences and asks for another look.
    Responder,
    /// Also says yes to plans.
    Approver,
    /// Also decides who may what.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Responder, Self::Approver, Self::Admin];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Responder => "responder",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }

    /// Of that word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// What stands for every space, those to come included.
pub const EVERYWHERE: &str = "*";

/// Roles by space; [`EVERYWHERE`] stands for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Grants(pub BTreeMap<String, Role>);

impl Grants {
    /// One role in one space.
    pub fn one(space: &str, role: Role) -> Self {
        Self(BTreeMap::from([(space.to_string(), role)]))
    }

    /// The role in a space: the greater of the one held there and the one held everywhere.
    pub fn role_in(&self, space: &str) -> Option<Role> {
        self.0
            .get(space)
            .copied()
            .max(self.0.get(EVERYWHERE).copied())
    }

    /// The role that is held everywhere.
    pub fn everywhere(&self) -> Option<Role> {
        self.0.get(EVERYWHERE).copied()
    }

    /// The greatest role in any space.
    pub fn greatest(&self) -> Option<Role> {
        self.0.values().copied().max()
    }

    /// Is nothing here that the other does not hold too?
    pub fn within(&self, other: &Self) -> bool {
        self.0.iter().all(|(space, role)| {
            let held = match space.as_str() {
                EVERYWHERE => other.everywhere(),
                space => other.role_in(space),
            };
            held >= Some(*role)
        })
    }

    /// What both hold.
    pub fn and(&self, other: &Self) -> Self {
        let spaces = self.0.keys().chain(other.0.keys());
        let both = spaces.filter_map(|space| {
            let role = match space.as_str() {
                EVERYWHERE => self.everywhere().min(other.everywhere()),
                space => self.role_in(space).min(other.role_in(space)),
            };
            role.map(|role| (space.clone(), role))
        });
        Self(both.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{EVERYWHERE, Grants, Role};

    fn grants(list: &[(&str, Role)]) -> Grants {
        Grants(list.iter().map(|(s, r)| ((*s).to_string(), *r)).collect())
    }

    #[test]
    fn roles_are_ordered_and_read_back() {
        assert!(Role::Viewer < Role::Responder && Role::Approver < Role::Admin);
        for role in Role::ALL {
            assert_eq!(Role::of(role.word()), Some(role));
        }
        assert_eq!(Role::of("root"), None);
    }

    #[test]
    fn a_role_everywhere_counts_in_each_space_and_not_the_other_way_round() {
        let house = grants(&[(EVERYWHERE, Role::Responder), ("a", Role::Viewer)]);
        assert_eq!(house.role_in("a"), Some(Role::Responder));
        assert_eq!(house.role_in("new"), Some(Role::Responder));
        let one = Grants::one("a", Role::Admin);
        assert_eq!(one.role_in("b"), None);
        assert!(!Grants::one(EVERYWHERE, Role::Viewer).within(&one));
        assert!(Grants::one("a", Role::Approver).within(&one));
        assert!(!Grants::one("b", Role::Viewer).within(&one));
        assert!(grants(&[]).within(&grants(&[])));
    }

    #[test]
    fn what_both_hold_is_never_more_than_either() {
        let all = [
            grants(&[]),
            Grants::one("a", Role::Admin),
            Grants::one(EVERYWHERE, Role::Approver),
            grants(&[("a", Role::Viewer), ("b", Role::Admin)]),
            grants(&[(EVERYWHERE, Role::Viewer), ("b", Role::Admin)]),
        ];
        for one in &all {
            for other in &all {
                let both = one.and(other);
                assert!(both.within(one) && both.within(other), "{one:?} {other:?}");
                for space in ["a", "b", "c"] {
                    let least = one.role_in(space).min(other.role_in(space));
                    assert_eq!(both.role_in(space), least, "{one:?} {other:?} {space}");
                }
            }
        }
    }
}
