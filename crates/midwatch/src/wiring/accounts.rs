//! Accounts of the house: who keeps them, where chance comes from, and who may say yes because of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use act::gate::Person;
use model::people::{EVERYWHERE, Grants, LinkKind, Role};
use model::ports::Chance;
use server::auth::password::Cost;
use server::auth::{Accounts, Denied, named_well};
use store::people::People;
use watch::attend::Roster;

use super::house::House;
use super::live::SystemClock;
use crate::problem::Problem;

/// The system's chance.
pub struct SystemChance;

impl Chance for SystemChance {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), String> {
        getrandom::fill(bytes).map_err(|error| format!("the system gives no chance: {error}"))
    }
}

/// The accounts of a house; their file is made if it is not there.
pub fn open(house: &House) -> Result<Arc<Accounts>, Problem> {
    let file = house.data().join(store::people::FILE);
    let book = People::open(&file).map_err(|error| {
        Problem::bad_input(
            error.to_string(),
            file.display().to_string(),
            "see that the file is ours, and that the data folder has room and can be written",
        )
    })?;
    Ok(Arc::new(Accounts::new(
        Arc::new(book),
        Arc::new(SystemClock),
        Arc::new(SystemChance),
        Cost::USUAL,
    )))
}

/// What was denied, for people at a terminal.
pub fn problem(denied: &Denied, place: &str) -> Problem {
    Problem::bad_input(
        denied.to_string(),
        place.to_string(),
        "`midwatch people list` shows the accounts, `midwatch keys list` the keys",
    )
}

/// Whoever has the role of an approver in a space may be asked about its plans, as if its configuration named them.
pub struct Approvers {
    /// Who is known to the house.
    pub accounts: Arc<Accounts>,
    /// In which space.
    pub space: String,
}

impl Roster for Approvers {
    fn people(&self) -> Vec<Person> {
        let names = self
            .accounts
            .approvers(&self.space)
            .unwrap_or_else(|error| {
                tracing::error!(%error, "nobody with an account can say yes now");
                Vec::new()
            });
        names
            .into_iter()
            .map(|name| Person {
                name,
                groups: BTreeSet::from(["oncall".to_string()]),
            })
            .collect()
    }
}

/// A one-time link, relative to the page, that signs whoever runs this program in as an admin: for a demonstration,
/// and for whoever has the machine anyway. Their account has no password, so that it closes nothing for others.
pub fn own_link(accounts: &Accounts) -> Result<String, Denied> {
    let own: String = server::control::own_name()
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name = if named_well(&own) {
        own
    } else {
        "owner".to_string()
    };
    let known = accounts.book().account(&name)?;
    if known.is_none() {
        accounts.add(
            &name,
            None,
            &Grants::one(EVERYWHERE, Role::Admin),
            "terminal",
        )?;
    }
    let token = accounts.link(LinkKind::SignIn, &name, &Grants::default(), "terminal")?;
    Ok(server::api::people::path_of(LinkKind::SignIn, &token))
}
