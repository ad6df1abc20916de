//! Does one statement match one call, and if not, for want of what?

use super::condition;
use super::document::{Effect, Patterns, Statement, Version};
use super::pattern::{self, Unresolved, Work};
use super::principal::{Identity, Kind, Principal, Principals};
use super::request::{Caller, Known, Request};
use super::truth::Truth;

/// As whom a resource's policy names the caller: it decides what else has to allow the call. The later,
/// the more direct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    /// Its account: the account may hand the right on.
    Account,
    /// The role whose session it is.
    Role,
    /// Everybody.
    Everyone,
    /// Itself: the user, the session, the service.
    Itself,
}

/// How a statement stands to a call.
#[derive(Clone, Debug)]
pub(super) struct Match {
    /// Does it match?
    pub truth: Truth,
    /// As whom it names the caller, for each way apart: several may.
    pub named: Vec<(Named, Truth)>,
    /// What does not fit, in words.
    pub misses: Vec<String>,
}

/// Holds one statement against the call; `bounded` says whether the caller has a permissions boundary.
pub(super) fn judge(
    statement: &Statement,
    version: Version,
    request: &Request,
    bounded: bool,
    work: &Work,
) -> Match {
    let mut misses = Vec::new();
    let action = chosen(&statement.actions, |p| {
        let pieces = pattern::resolve(p, Version::V2008, &request.context).unwrap_or_default();
        checked(pattern::matches(&pieces, &request.action, true, work), work)
    });
    miss(&action, &mut misses, || {
        format!(
            "{} does not cover {}",
            told("Action", &statement.actions),
            request.action
        )
    });
    let resource = match &statement.resources {
        None => Truth::Yes,
        Some(patterns) => {
            let truth = chosen(patterns, |p| {
                match pattern::resolve(p, version, &request.context) {
                    Ok(pieces) => {
                        let pieces = pattern::confine(pieces);
                        checked(
                            pattern::matches(&pieces, &request.resource, false, work),
                            work,
                        )
                    }
                    Err(Unresolved::Absent(_)) => Truth::No,
                    Err(Unresolved::Unknown(what)) => Truth::unknown(what),
                }
            });
            miss(&truth, &mut misses, || {
                format!(
                    "{} does not cover {}",
                    told("Resource", patterns),
                    request.resource
                )
            });
            truth
        }
    };
    let conditions = Truth::all(statement.conditions.iter().map(|one| {
        let truth = condition::holds(one, version, &request.context, work);
        miss(&truth, &mut misses, || {
            let found = match request.context.get(&one.key) {
                Known::Values(values) => format!("is {}", few(values)),
                _ => "is not in the request".to_string(),
            };
            format!(
                "{} {} {}: it {found}",
                one.operator.text,
                one.key,
                few(&one.values)
            )
        });
        truth
    }));
    let rest = action.and(resource).and(conditions);
    let (truth, named) = match &statement.principals {
        None => (rest, Vec::new()),
        Some(principals) => {
            let named = whom(principals, statement.effect, request, bounded);
            let any = Truth::any(named.iter().map(|(_, truth)| truth.clone()));
            miss(&any, &mut misses, || {
                let not = if principals.not {
                    "NotPrincipal"
                } else {
                    "Principal"
                };
                format!("{not} does not name {}", request.principal)
            });
            let named = named
                .into_iter()
                .map(|(how, truth)| (how, truth.and(rest.clone())))
                .collect();
            (any.and(rest), named)
        }
    };
    Match {
        truth,
        named,
        misses,
    }
}

fn miss(truth: &Truth, misses: &mut Vec<String>, words: impl FnOnce() -> String) {
    if truth.is_no() {
        misses.push(words());
    }
}

fn checked(fits: bool, work: &Work) -> Truth {
    if !fits && work.exhausted() {
        return Truth::unknown("the rest: the documents are too large to compare");
    }
    fits.into()
}

fn chosen(patterns: &Patterns, fits: impl Fn(&str) -> Truth) -> Truth {
    let any = Truth::any(patterns.patterns.iter().map(|p| fits(p)));
    if patterns.not { any.not() } else { any }
}

/// A pattern element for people.
pub(super) fn told(name: &str, patterns: &Patterns) -> String {
    let not = if patterns.not { "Not" } else { "" };
    format!("{not}{name} {}", few(&patterns.patterns))
}

/// The first three of a list, for people.
pub(super) fn few(texts: &[String]) -> String {
    let mut out: Vec<String> = texts
        .iter()
        .take(3)
        .map(|text| {
            let short: String = text.chars().take(120).collect();
            if short.len() < text.len() {
                format!("{short}...")
            } else {
                short
            }
        })
        .collect();
    if texts.len() > 3 {
        out.push(format!("{} more", texts.len() - 3));
    }
    out.join(", ")
}

/// Each way in which the caller is named.
fn whom(
    principals: &Principals,
    effect: Effect,
    request: &Request,
    bounded: bool,
) -> Vec<(Named, Truth)> {
    let listed = principals.listed.iter().map(|one| fits(one, request));
    if !principals.not {
        let mut named: Vec<(Named, Truth)> = Vec::new();
        for (how, truth) in listed {
            match named.iter_mut().find(|(known, _)| *known == how) {
                Some((_, known)) => *known = std::mem::replace(known, Truth::No).or(truth),
                None => named.push((how, truth)),
            }
        }
        return named;
    }
    let meant = match effect {
        // Documented: whoever has a boundary is denied, listed or not.
        Effect::Deny if bounded => Truth::Yes,
        Effect::Deny => excepted(principals, request).not(),
        Effect::Allow => Truth::unknown("what Allow with NotPrincipal gives: it is not supported"),
    };
    vec![(Named::Everyone, meant)]
}

/// Is the caller excepted from a deny for all but some? Some services hold the account against the list
/// first, then the role, then the session, and deny at the first that is not on it (User Guide,
/// "NotPrincipal with Deny"); which do is not documented.
fn excepted(principals: &Principals, request: &Request) -> Truth {
    let on = |how: Named| {
        Truth::any(
            principals
                .listed
                .iter()
                .map(|one| fits(one, request))
                .filter(|(known, _)| *known == how)
                .map(|(_, truth)| truth),
        )
    };
    let Caller::Identity(who) = &request.caller else {
        return Truth::any(principals.listed.iter().map(|one| fits(one, request).1));
    };
    let mut chain = vec![on(Named::Itself), on(Named::Account)];
    match who.kind {
        Kind::Root => return on(Named::Itself).or(on(Named::Account)),
        Kind::Session => chain.push(on(Named::Role)),
        _ => {}
    }
    if on(Named::Everyone).is_yes() || chain.iter().all(Truth::is_yes) {
        return Truth::Yes;
    }
    if chain.iter().all(Truth::is_no) {
        return Truth::No;
    }
    let missing = format!(
        "whether the service excepts {} from a NotPrincipal that lists only part of account, role and session",
        request.principal
    );
    Truth::any(
        chain
            .into_iter()
            .filter(|truth| !truth.is_yes() && !truth.is_no()),
    )
    .or(Truth::unknown(missing))
}

/// Is the caller meant by this one, and as what?
fn fits(principal: &Principal, request: &Request) -> (Named, Truth) {
    let caller = &request.caller;
    match (principal, caller) {
        (Principal::Everyone, _) => (Named::Everyone, Truth::Yes),
        (Principal::Account(account), Caller::Identity(who)) => {
            let how = if who.kind == Kind::Root {
                Named::Itself
            } else {
                Named::Account
            };
            (how, (*account == who.account).into())
        }
        (Principal::Identity(named), Caller::Identity(who)) => identity(named, who),
        (Principal::UniqueId(id), Caller::Identity(who)) => {
            (Named::Itself, unique(id, who, request))
        }
        (Principal::Service(named), Caller::Service(service)) => {
            (Named::Itself, (named == service || named == "*").into())
        }
        (Principal::Federated(named), Caller::Federated(provider)) => {
            (Named::Itself, (named == provider || named == "*").into())
        }
        // Which account has that number, only S3 knows.
        (Principal::CanonicalUser(_), Caller::Identity(_)) => (
            Named::Account,
            Truth::unknown("whose the policy's canonical user id is"),
        ),
        (Principal::Other(text), _) => (Named::Itself, (*text == request.principal).into()),
        _ => (Named::Itself, Truth::No),
    }
}

fn identity(named: &Identity, who: &Identity) -> (Named, Truth) {
    let same = named.account == who.account && named.partition == who.partition;
    match (named.kind, who.kind) {
        // A name is unique in its account whatever its path.
        (Kind::User, Kind::User) => (Named::Itself, (same && named.name == who.name).into()),
        (Kind::Role, Kind::Session | Kind::Role) => {
            (Named::Role, (same && named.name == who.name).into())
        }
        (Kind::Session, Kind::Session) => {
            let fits = same && named.name == who.name && named.session == who.session;
            (Named::Itself, fits.into())
        }
        (Kind::Session, Kind::Role) if same && named.name == who.name => (
            Named::Itself,
            Truth::unknown("which session of the role calls"),
        ),
        (Kind::FederatedUser, Kind::FederatedUser) => {
            (Named::Itself, (same && named.name == who.name).into())
        }
        (Kind::User, Kind::FederatedUser) if same => (
            Named::Role,
            Truth::unknown("which user made the federated session"),
        ),
        _ => (Named::Itself, Truth::No),
    }
}

/// An id stands where a name stood whose bearer was deleted: it means nobody, unless it is the caller's.
fn unique(id: &str, who: &Identity, request: &Request) -> Truth {
    let wanted = match who.kind {
        Kind::Root => return Truth::No,
        Kind::User => id.starts_with("AIDA"),
        Kind::Role | Kind::Session => id.starts_with("AROA"),
        Kind::FederatedUser => false,
    };
    match request.context.get("aws:userid") {
        _ if !wanted => Truth::No,
        Known::Values([one]) => (one.split(':').next() == Some(id)).into(),
        Known::Values(_) | Known::Absent => Truth::No,
        Known::Unknown => Truth::unknown(format!("aws:userid, to hold {id} against")),
    }
}
