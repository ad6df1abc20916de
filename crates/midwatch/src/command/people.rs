//! `midwatch people`: accounts for page and API, written into the data folder; a server that runs sees them at once.

use std::io::BufRead as _;

use clap::{Subcommand, ValueEnum};
use model::people::{Audited, EVERYWHERE, Grants, LinkKind, Role};
use model::ports::Clock as _;
use serde_json::{Value, json};
use server::auth::{Accounts, Denied};

use super::Answer;
use crate::console::Console;
use crate::dress;
use crate::exit::Exit;
use crate::problem::Problem;
use crate::wiring::accounts;
use crate::wiring::house::House;
use crate::wiring::live::SystemClock;

/// What about whom.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    midwatch people add anna --role approver         prints a link with which she chooses a password\n  \
    midwatch people add ci-bot --role viewer --password-stdin < password.txt\n  \
    midwatch people invite --role responder --space main\n  \
    midwatch people role anna admin\n  \
    midwatch people list --format json\n\n\
    Roles: viewer (sees), responder (also notes, closes, judges, silences), approver (also says yes to plans),\n\
    admin (also decides who may what). A role in `*` counts in every space.")]
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
    /// Show the accounts
    #[command(after_help = "Example:\n  midwatch people list --format json")]
    List,
    /// Make an account
    #[command(after_help = "Example:\n  midwatch people add anna --role approver")]
    Add {
        /// Its name
        name: String,
        #[command(flatten)]
        role: RoleIn,
        /// Read its password from standard input; without it a link is printed that lets them choose one
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give somebody another role; their sessions end
    #[command(after_help = "Example:\n  midwatch people role anna admin")]
    Role {
        /// The account
        name: String,
        /// Which
        role: RoleWord,
        /// In which space; `*` for every one
        #[arg(long, value_name = "SPACE", default_value = EVERYWHERE)]
        space: String,
    },
    /// Remove an account; its sessions end and its keys are revoked
    #[command(after_help = "Example:\n  midwatch people remove anna")]
    Remove {
        /// The account
        name: String,
    },
    /// Print a one-time link with which somebody makes their account
    #[command(after_help = "Example:\n  midwatch people invite --role responder --space main")]
    Invite {
        /// What the account is to be called; without it whoever comes chooses
        name: Option<String>,
        #[command(flatten)]
        role: RoleIn,
    },
    /// Print a one-time link with which somebody chooses a new password
    #[command(after_help = "Example:\n  midwatch people reset anna")]
    Reset {
        /// The account
        name: String,
    },
}

impl What {
    /// In which space somebody is given a role.
    fn space(&self) -> Option<&str> {
        match self {
            Self::Add { role, .. } | Self::Invite { role, .. } => Some(&role.space),
            Self::Role { space, .. } => Some(space),
            Self::List | Self::Remove { .. } | Self::Reset { .. } => None,
        }
    }
}

/// Which role, where.
#[derive(clap::Args, Debug)]
struct RoleIn {
    /// What they may
    #[arg(long, value_enum)]
    role: RoleWord,
    /// In which space; `*` for every one
    #[arg(long, value_name = "SPACE", default_value = EVERYWHERE)]
    space: String,
}

/// A role, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleWord {
    /// Sees what there is
    Viewer,
    /// Also notes, closes, judges, splits, merges, links, silences
    Responder,
    /// Also says yes to plans
    Approver,
    /// Also decides who may what
    Admin,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Viewer => Self::Viewer,
            RoleWord::Responder => Self::Responder,
            RoleWord::Approver => Self::Approver,
            RoleWord::Admin => Self::Admin,
        }
    }
}

impl RoleIn {
    fn grants(&self) -> Grants {
        Grants::one(&self.space, self.role.into())
    }
}

/// Roles in a few words: `admin in *, viewer in main`.
pub fn roles(grants: &Grants) -> String {
    let all: Vec<String> = grants
        .0
        .iter()
        .map(|(space, role)| format!("{role} in {}", dress::text::plain(space)))
        .collect();
    if all.is_empty() {
        "no role".to_string()
    } else {
        all.join(", ")
    }
}

/// Notes in the audit log what was done at this terminal.
pub fn note(accounts: &Accounts, what: &str, target: &str) -> Result<(), Denied> {
    accounts.audit(Audited {
        at: SystemClock.now(),
        who: server::control::own_name(),
        via: "terminal".to_string(),
        address: String::new(),
        what: what.to_string(),
        target: target.to_string(),
        status: 200,
        code: String::new(),
        request: String::new(),
        unwritten: 0,
    })
}

/// The address of a link, as far as it is known here.
fn address(house: &House, kind: LinkKind, token: &str) -> String {
    let path = server::api::people::path_of(kind, token);
    match house.config().server.listen {
        Some(listen) if listen.port() != 0 => {
            let tls = house.config().server.tls.is_some();
            format!("{}://{listen}{path}", if tls { "https" } else { "http" })
        }
        _ => path,
    }
}

/// What is said: for people, and for programs.
type Told = (String, Value);

/// Does it.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    let house = House::of(args.house.config.as_deref())?;
    if let Some(space) = args.what.space() {
        house.knows(space)?;
    }
    let accounts = accounts::open(&house)?;
    let place = house.data().join(store::people::FILE);
    let told = perform(args, &house, &accounts)
        .map_err(|denied| accounts::problem(&denied, &place.display().to_string()))?;
    console.print(&match args.format {
        Answer::Terminal => told.0,
        Answer::Json => dress::json(&told.1),
    })?;
    Ok(Exit::Done)
}

fn perform(args: &Args, house: &House, accounts: &Accounts) -> Result<Told, Denied> {
    let by = server::control::own_name();
    let linked = |kind: LinkKind, token: &str, said: &str| {
        let link = address(house, kind, token);
        (
            format!("{said}; this link works once:\n  {link}\n"),
            json!({"kind": kind, "link": link, "token": token}),
        )
    };
    match &args.what {
        What::List => list(accounts),
        What::Add {
            name,
            role,
            password_stdin,
        } => {
            let password = password_stdin.then(read_password).transpose()?;
            accounts.add(name, password.as_deref(), &role.grants(), &by)?;
            note(accounts, "add_person", name)?;
            if password.is_some() {
                return Ok((
                    format!("{name} may sign in: {}\n", roles(&role.grants())),
                    json!({"name": name, "roles": role.grants()}),
                ));
            }
            let token = accounts.link(LinkKind::Reset, name, &Grants::default(), &by)?;
            let said = format!("{name} has an account and no password yet");
            Ok(linked(LinkKind::Reset, &token, &said))
        }
        What::Role { name, role, space } => {
            let account = accounts.book().account(name)?;
            let account =
                account.ok_or_else(|| Denied::Missing(format!("there is no account {name:?}")))?;
            let mut grants = account.grants;
            grants.0.insert(space.clone(), (*role).into());
            accounts.set_grants(name, &grants)?;
            note(accounts, "set_roles", name)?;
            Ok((
                format!("{name}: {}; their sessions have ended\n", roles(&grants)),
                json!({"name": name, "roles": grants}),
            ))
        }
        What::Remove { name } => {
            accounts.remove(name)?;
            note(accounts, "remove_person", name)?;
            Ok((format!("{name} is removed\n"), json!({"removed": name})))
        }
        What::Invite { name, role } => {
            let name = name.as_deref().unwrap_or_default();
            let token = accounts.link(LinkKind::Invitation, name, &role.grants(), &by)?;
            note(accounts, "invite", name)?;
            let said = format!("an invitation: {}", roles(&role.grants()));
            Ok(linked(LinkKind::Invitation, &token, &said))
        }
        What::Reset { name } => {
            let token = accounts.link(LinkKind::Reset, name, &Grants::default(), &by)?;
            note(accounts, "reset_password", name)?;
            let said = format!("{name} may choose a new password");
            Ok(linked(LinkKind::Reset, &token, &said))
        }
    }
}

fn list(accounts: &Accounts) -> Result<Told, Denied> {
    let all = accounts.book().accounts()?;
    let mut text = String::new();
    let mut facts = Vec::new();
    for account in &all {
        let password = !account.password.is_empty();
        let without = if password { "" } else { " (no password yet)" };
        text += &format!("{:<24} {}{without}\n", account.name, roles(&account.grants));
        facts.push(json!({
            "name": account.name, "roles": account.grants, "has_password": password,
            "made": account.made, "by": account.by,
        }));
    }
    if all.is_empty() {
        text = "nobody has an account; `midwatch people add NAME --role admin` makes one\n".into();
    }
    Ok((text, Value::Array(facts)))
}

/// The first line of standard input.
fn read_password() -> Result<String, Denied> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Denied::Failed(format!("standard input cannot be read: {error}")))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_string())
}
