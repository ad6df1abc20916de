//! `midwatch keys`: API keys for programs, written into the data folder; a server that runs sees them at once.

use clap::Subcommand;
use model::people::{Grants, Role};
use model::ports::Clock as _;
use model::time::{SECOND, Span};
use serde_json::{Value, json};
use server::auth::{Accounts, Denied, Who};

use super::Answer;
use super::people::{note, roles};
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::accounts;
use crate::wiring::house::House;
use crate::wiring::live::SystemClock;

/// What about which.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch keys add dashboard --person anna --scope main=viewer\n  \
    midwatch keys add deploys --person anna --scope main=responder --days 365 --format json\n  \
    midwatch keys revoke key-9b1f02c4a8d7\n\n\
    A key may no more than the person whose it is; it goes into `Authorization: Bearer mw_...`.")]
pub struct Args {
    #[command(flatten)]
    house: super::Home,
    #[command(subcommand)]
    what: What,
    /// How to tell
    #[arg(long, value_enum, default_value_t, global = true)]
    format: Answer,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Show the keys
    #[command(after_help = "Example:\n  midwatch keys list --format json")]
    List,
    /// Make a key; its secret is shown once
    #[command(
        after_help = "Example:\n  midwatch keys add dashboard --person anna --scope main=viewer"
    )]
    Add {
        /// What to call it
        name: String,
        /// Whose it is
        #[arg(long, value_name = "NAME")]
        person: String,
        /// What it may, as SPACE=ROLE; `*` for every space; may be given more than once
        #[arg(long = "scope", value_name = "SPACE=ROLE", required = true, value_parser = scope)]
        scopes: Vec<(String, Role)>,
        /// After how many days it ends; 0 for never
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(0..=3650))]
        days: u32,
    },
    /// Revoke a key
    #[command(after_help = "Example:\n  midwatch keys revoke key-9b1f02c4a8d7")]
    Revoke {
        /// Its public name, `key-...`
        id: String,
    },
}

fn scope(text: &str) -> Result<(String, Role), String> {
    let parsed = text
        .split_once('=')
        .and_then(|(space, role)| Some((space.to_string(), Role::of(role)?)));
    parsed.ok_or_else(|| {
        format!(
            "{text:?} is no scope: write SPACE=ROLE, such as main=viewer; roles are {}",
            Role::ALL.map(Role::word).join(", ")
        )
    })
}

/// Does it.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let house = House::of(args.house.config.as_deref())?;
    let accounts = accounts::open(&house)?;
    let place = house.data().join(store::people::FILE);
    let (text, facts) = perform(args, &accounts)
        .map_err(|denied| accounts::problem(&denied, &place.display().to_string()))?;
    console.print(&match args.format {
        Answer::Terminal => text,
        Answer::Json => dress::json(&facts),
    })?;
    Ok(Exit::Done)
}

fn perform(args: &Args, accounts: &Accounts) -> Result<(String, Value), Denied> {
    match &args.what {
        What::List => list(accounts),
        What::Add {
            name,
            person,
            scopes,
            days,
        } => {
            let account = accounts.book().account(person)?;
            let account = account
                .ok_or_else(|| Denied::Missing(format!("there is no account {person:?}")))?;
            let maker = Who::person(&account.name, account.grants);
            let scopes = Grants(scopes.iter().cloned().collect());
            let now = SystemClock.now();
            let until = (*days > 0).then(|| now.plus(Span(i64::from(*days) * 86_400 * SECOND)));
            let (key, secret) = accounts.add_key(&maker, name, &scopes, until)?;
            note(accounts, "add_key", &key.id)?;
            Ok((
                format!(
                    "{} for {person}: {}\n  {secret}\nNobody can see this secret again.\n",
                    key.id,
                    roles(&scopes)
                ),
                json!({"id": key.id, "person": person, "scopes": scopes, "until": until, "secret": secret}),
            ))
        }
        What::Revoke { id } => {
            if !accounts.book().revoke(id, SystemClock.now())? {
                return Err(Denied::Missing(format!(
                    "there is no key {id:?} that stands"
                )));
            }
            note(accounts, "revoke_key", id)?;
            Ok((format!("{id} is revoked\n"), json!({"revoked": id})))
        }
    }
}

fn list(accounts: &Accounts) -> Result<(String, Value), Denied> {
    let now = SystemClock.now();
    let mut text = String::new();
    let mut facts = Vec::new();
    for key in accounts.book().keys(None)? {
        let stands = match (key.revoked, key.until) {
            (Some(at), _) => format!("revoked at {at}"),
            (None, Some(until)) if until <= now => format!("expired at {until}"),
            (None, Some(until)) => format!("until {until}"),
            (None, None) => "never ends".to_string(),
        };
        text += &format!(
            "{}  {} of {}: {}; {stands}\n",
            key.id,
            dress::text::plain(&key.name),
            key.person,
            roles(&key.scopes)
        );
        facts.push(json!({
            "id": key.id, "name": key.name, "person": key.person, "scopes": key.scopes,
            "made": key.made, "until": key.until, "used": key.used, "revoked": key.revoked,
        }));
    }
    if facts.is_empty() {
        text = "there are no keys; `midwatch keys add NAME --person PERSON --scope main=viewer` makes one\n".into();
    }
    Ok((text, Value::Array(facts)))
}
