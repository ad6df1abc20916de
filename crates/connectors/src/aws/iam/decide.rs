//! From statements to an answer.
//!
//! Source: IAM User Guide, "Policy evaluation logic" with its pages on single accounts, cross-account
//! requests, and the difference between explicit and implicit denies; "Permissions boundaries" and
//! "Session policies" on what resources' policies may give past them; Organizations User Guide, "SCP
//! evaluation" and "Resource control policies".

use super::answer::{Answer, Finding, Near, Place, Stance, Verdict};
use super::document::{Effect, Statement};
use super::pattern::Work;
use super::policies::{Layer, Misplaced, Policies};
use super::principal::{Identity, Kind};
use super::request::{Caller, Request};
use super::statement::{self, Match, Named};
use super::truth::Truth;

/// Services whose resources resource control policies are documented to reach.
const GOVERNED: &[&str] = &[
    "s3",
    "sts",
    "kms",
    "sqs",
    "secretsmanager",
    "ecr",
    "aoss",
    "cognito-idp",
    "cognito-identity",
    "dynamodb",
    "logs",
];

/// How many statements that nearly allow are told.
const NEAREST: usize = 3;

/// A statement with where it stands and how it stands to the call.
struct Said<'p> {
    place: Place,
    level: usize,
    statement: &'p Statement,
    found: Match,
}

impl Said<'_> {
    fn is(&self, layer: Layer, effect: Effect) -> bool {
        self.place.layer == layer && self.statement.effect == effect
    }
}

/// Evaluates one call.
///
/// # Errors
/// A policy that cannot stand where it is.
pub fn explain(policies: &Policies, request: &Request) -> Result<Answer, Misplaced> {
    policies.check()?;
    let work = Work::new();
    let case = Case {
        policies,
        request,
        said: heard(policies, request, &work),
    };
    Ok(case.answer())
}

fn heard<'p>(policies: &'p Policies, request: &Request, work: &Work) -> Vec<Said<'p>> {
    let mut said = Vec::new();
    let bounded = !policies.boundary.is_empty();
    let mut level = 0;
    let mut before: Option<(Layer, &str)> = None;
    for (layer, name, named) in policies.all() {
        if before.is_some_and(|before| before != (layer, name)) {
            level += 1;
        }
        before = Some((layer, name));
        for (n, one) in named.policy.statements.iter().enumerate() {
            said.push(Said {
                place: Place {
                    layer,
                    level: name.to_string(),
                    policy: named.name.clone(),
                    statement: n + 1,
                    sid: one.sid.clone().filter(|sid| !sid.is_empty()),
                    says: line(one),
                },
                level,
                statement: one,
                found: statement::judge(one, named.policy.version, request, bounded, work),
            });
        }
    }
    said
}

/// A statement in one line.
fn line(statement: &Statement) -> String {
    let effect = match statement.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    let mut out = format!("{effect} {}", statement::told("Action", &statement.actions));
    if let Some(resources) = &statement.resources {
        out.push_str(&format!(" on {}", statement::told("Resource", resources)));
    }
    for (n, condition) in statement.conditions.iter().take(3).enumerate() {
        out.push_str(if n == 0 { " if " } else { " and " });
        out.push_str(&format!(
            "{} {} {}",
            condition.operator.text,
            condition.key,
            statement::few(&condition.values)
        ));
    }
    if statement.conditions.len() > 3 {
        out.push_str(&format!(
            " and {} more conditions",
            statement.conditions.len() - 3
        ));
    }
    out
}

struct Case<'p> {
    policies: &'p Policies,
    request: &'p Request,
    said: Vec<Said<'p>>,
}

impl Case<'_> {
    fn any(&self, layer: Layer, effect: Effect) -> Truth {
        let matching = self.said.iter().filter(|said| said.is(layer, effect));
        Truth::any(matching.map(|said| said.found.truth.clone()))
    }

    fn allows(&self, layer: Layer) -> Truth {
        self.any(layer, Effect::Allow)
    }

    /// Does the resource's policy allow the call to the caller by this name?
    fn by(&self, name: Named) -> Truth {
        let allowing = self
            .said
            .iter()
            .filter(|said| said.is(Layer::Resource, Effect::Allow));
        Truth::any(
            allowing
                .flat_map(|said| &said.found.named)
                .filter(|(how, _)| *how == name)
                .map(|(_, truth)| truth.clone()),
        )
    }

    fn who(&self) -> Option<&Identity> {
        match &self.request.caller {
            Caller::Identity(who) => Some(who),
            _ => None,
        }
    }

    fn is_root(&self) -> bool {
        self.who().is_some_and(|who| who.kind == Kind::Root)
    }

    /// Do such policies reach this caller and resource?
    fn reaches(&self, layer: Layer) -> Truth {
        let manager = self.request.management_account.as_deref();
        match layer {
            Layer::ServiceControl => match self.who() {
                Some(who) => {
                    (!self.request.service_linked && Some(&*who.account) != manager).into()
                }
                None => Truth::No,
            },
            Layer::ResourceControl => {
                let service = self.request.action.split(':').next().unwrap_or_default();
                let service = service.to_ascii_lowercase();
                let account = self.request.resource_account.as_deref();
                if self.request.service_linked
                    || (manager.is_some() && manager == account)
                    || self.request.action.eq_ignore_ascii_case("kms:RetireGrant")
                {
                    Truth::No
                } else if GOVERNED.contains(&service.as_str()) {
                    Truth::Yes
                } else {
                    Truth::unknown(format!(
                        "whether resource control policies govern {service}"
                    ))
                }
            }
            Layer::Boundary | Layer::Session | Layer::Identity => {
                (self.who().is_some() && !self.is_root()).into()
            }
            Layer::Endpoint | Layer::Resource => Truth::Yes,
        }
    }

    fn denied(&self) -> Truth {
        Truth::any(
            self.said
                .iter()
                .filter(|said| said.statement.effect == Effect::Deny)
                .map(|said| said.found.truth.clone().and(self.reaches(said.place.layer))),
        )
    }

    /// Does every level of the caller's organization allow it?
    fn organization(&self) -> Truth {
        if self.policies.service_control.is_empty() || self.reaches(Layer::ServiceControl).is_no() {
            return Truth::Yes;
        }
        Truth::all((0..self.policies.service_control.len()).map(|n| self.level(n)))
    }

    /// Does the caller's organization allow it at its level `n`?
    fn level(&self, n: usize) -> Truth {
        let Some(level) = self.policies.service_control.get(n) else {
            return Truth::No;
        };
        // A level without a policy has no number among those that were heard, and allows nothing.
        let before: usize = self
            .policies
            .service_control
            .iter()
            .take(n)
            .map(|level| statements(&level.policies))
            .sum();
        let of = self
            .said
            .iter()
            .skip(before)
            .take(statements(&level.policies));
        Truth::any(
            of.filter(|said| said.statement.effect == Effect::Allow)
                .map(|said| said.found.truth.clone()),
        )
    }

    fn endpoint(&self) -> Truth {
        if self.policies.endpoint.is_empty() {
            Truth::Yes
        } else {
            self.allows(Layer::Endpoint)
        }
    }

    /// What bounds the caller: its boundary and its session's policies.
    fn bound(&self, layer: Layer) -> Truth {
        let there = match layer {
            Layer::Boundary => !self.policies.boundary.is_empty(),
            _ => !self.policies.session.is_empty(),
        };
        if there && !self.is_root() {
            self.allows(layer)
        } else {
            Truth::Yes
        }
    }

    fn identity(&self) -> Truth {
        if self.is_root() {
            Truth::Yes
        } else {
            self.allows(Layer::Identity)
        }
    }

    /// Must the resource's own policy allow the call even within one account? So it is with roles that are
    /// taken on, and with keys.
    fn needs_resource(&self) -> bool {
        let action = self.request.action.to_ascii_lowercase();
        let on = |what: &str| self.request.resource.contains(what);
        let trust = ["sts:assumerole", "sts:tagsession", "sts:setsourceidentity"];
        (trust.iter().any(|call| action.starts_with(call)) && on(":role/"))
            || (action.starts_with("kms:") && (on(":key/") || on(":alias/")))
    }

    /// Is the resource in the caller's account?
    fn same_account(&self) -> Truth {
        match (self.who(), &self.request.resource_account) {
            (Some(who), Some(account)) => (who.account == *account).into(),
            (Some(_), None) if self.request.resource == "*" => Truth::Yes,
            (Some(_), None) => Truth::unknown("resource_account: whose the resource is"),
            (None, _) => Truth::No,
        }
    }

    /// Does the resource's policy allow it, whatever name it uses?
    fn resource(&self) -> Truth {
        self.allows(Layer::Resource)
    }

    /// Do caller and resource together allow it?
    fn access(&self) -> Truth {
        if self.who().is_none() {
            return self.resource();
        }
        let own = self
            .identity()
            .and(self.bound(Layer::Boundary))
            .and(self.bound(Layer::Session));
        let across = || self.resource().and(own.clone());
        let inside = || {
            let own = if self.needs_resource() {
                across()
            } else {
                own.clone()
            };
            own.or(self.given())
        };
        match self.same_account() {
            Truth::Yes => inside(),
            Truth::No => across(),
            unknown => match (inside(), across()) {
                (a, b) if a == b => a,
                (a, b) => {
                    let known = Truth::Unknown([a.missing(), b.missing()].concat());
                    unknown.or(if known.missing().is_empty() {
                        Truth::No
                    } else {
                        known
                    })
                }
            },
        }
    }

    /// What the resource's policy gives within one account without the caller's own policies. What it gives
    /// to a role is bounded as the role's own rights are. What it gives to a session by its own name is not
    /// bounded at all, and what it gives to a user or to everybody only by the session's policies.
    fn given(&self) -> Truth {
        let session = self.bound(Layer::Session);
        let bounded = self.bound(Layer::Boundary).and(session.clone());
        let itself = match self.who().map(|who| who.kind) {
            Some(Kind::User) => self.by(Named::Itself).and(session.clone()),
            _ => self.by(Named::Itself),
        };
        (self.by(Named::Role).and(bounded))
            .or(self.by(Named::Everyone).and(session))
            .or(itself)
    }

    fn answer(&self) -> Answer {
        let denied = self.denied();
        let allowed = self.organization().and(self.endpoint()).and(self.access());
        // The one call that its service answers whatever policies say.
        let free = self
            .request
            .action
            .eq_ignore_ascii_case("sts:GetCallerIdentity");
        let verdict = match (&denied, &allowed) {
            _ if free => Verdict::Allowed,
            (Truth::Yes, _) => Verdict::ExplicitlyDenied,
            (_, Truth::No) => Verdict::ImplicitlyDenied,
            (Truth::No, Truth::Yes) => Verdict::Allowed,
            _ => Verdict::Unknown,
        };
        let lacking = if verdict == Verdict::ImplicitlyDenied {
            self.lacking()
        } else {
            Vec::new()
        };
        let missing = if verdict == Verdict::Unknown {
            let all = denied.clone().or(allowed.clone().not());
            let mut missing = all.missing().to_vec();
            for one in denied.missing().iter().chain(allowed.missing()) {
                if !missing.contains(one) {
                    missing.push(one.clone());
                }
            }
            missing
        } else {
            Vec::new()
        };
        Answer {
            verdict,
            principal: self.request.principal.clone(),
            action: self.request.action.clone(),
            resource: self.request.resource.clone(),
            decided_by: if free {
                Vec::new()
            } else {
                self.decided_by(verdict)
            },
            nearest: self.nearest(&lacking),
            lacking,
            missing,
            findings: self.findings(),
            assumed: self.assumed(verdict, free),
        }
    }

    fn decided_by(&self, verdict: Verdict) -> Vec<Place> {
        let matching = |effect: Effect| {
            self.said.iter().filter(move |said| {
                said.statement.effect == effect
                    && said.found.truth.is_yes()
                    && self.reaches(said.place.layer).is_yes()
            })
        };
        match verdict {
            Verdict::ExplicitlyDenied => matching(Effect::Deny)
                .map(|said| said.place.clone())
                .collect(),
            Verdict::Allowed => {
                let mut layers: Vec<(Layer, usize)> = Vec::new();
                let mut places = Vec::new();
                for said in matching(Effect::Allow) {
                    // One from each kind of policy and level is enough.
                    let here = (said.place.layer, said.level);
                    if said.place.layer != Layer::ResourceControl && !layers.contains(&here) {
                        layers.push(here);
                        places.push(said.place.clone());
                    }
                }
                places
            }
            _ => Vec::new(),
        }
    }

    /// Kinds of policies that have to allow and do not.
    fn lacking(&self) -> Vec<Layer> {
        let mut lacking = Vec::new();
        let mut lacks = |layer: Layer, truth: Truth| {
            if truth.is_no() {
                lacking.push(layer);
            }
        };
        lacks(Layer::ServiceControl, self.organization());
        lacks(Layer::Endpoint, self.endpoint());
        if self.access().is_no() {
            let same = self.same_account();
            if !same.is_yes() || self.needs_resource() {
                lacks(Layer::Resource, self.resource());
            }
            if self.who().is_some() {
                lacks(Layer::Boundary, self.bound(Layer::Boundary));
                lacks(Layer::Session, self.bound(Layer::Session));
                // Who has the right from the resource lacks only what bounds it.
                let named = self.by(Named::Role).or(self.by(Named::Everyone));
                if !(same.is_yes() && named.is_yes()) {
                    lacks(Layer::Identity, self.identity());
                }
            }
        }
        lacking
    }

    fn nearest(&self, lacking: &[Layer]) -> Vec<Near> {
        let mut near: Vec<(usize, Near)> = self
            .said
            .iter()
            .filter(|said| {
                let layer = said.place.layer;
                // A resource's policy may give what the caller's own do not.
                let helps = lacking.contains(&layer)
                    || (layer == Layer::Resource && lacking.contains(&Layer::Identity));
                helps && said.statement.effect == Effect::Allow && said.found.truth.is_no()
            })
            .map(|said| {
                let near = Near {
                    place: said.place.clone(),
                    but: said.found.misses.clone(),
                };
                (said.found.misses.len(), near)
            })
            .filter(|(misses, _)| *misses > 0)
            .collect();
        near.sort_by_key(|(misses, _)| *misses);
        // What misses by more than one thing is told only if nothing is nearer.
        let least = near.first().map_or(0, |(misses, _)| *misses);
        near.into_iter()
            .filter(|(misses, _)| *misses == least)
            .map(|(_, near)| near)
            .take(NEAREST)
            .collect()
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let layers = [
            (
                Layer::ServiceControl,
                self.policies.service_control.is_empty(),
            ),
            (
                Layer::ResourceControl,
                self.policies.resource_control.is_empty(),
            ),
            (Layer::Endpoint, self.policies.endpoint.is_empty()),
            (Layer::Resource, self.policies.resource.is_empty()),
            (Layer::Boundary, self.policies.boundary.is_empty()),
            (Layer::Session, self.policies.session.is_empty()),
            (Layer::Identity, self.policies.identity.is_empty()),
        ];
        for (layer, empty) in layers {
            if !empty {
                findings.push(self.finding(layer));
            }
        }
        findings
    }

    fn finding(&self, layer: Layer) -> Finding {
        let first = |effect: Effect| {
            let mut of = self.said.iter().filter(|said| said.is(layer, effect));
            of.find(|said| said.found.truth.is_yes())
                .map(|said| said.place.clone())
        };
        let (mut level, mut place) = (String::new(), None);
        let reached = self.reaches(layer);
        let denies = self.any(layer, Effect::Deny).and(reached.clone());
        let allows = match layer {
            Layer::ServiceControl => self.organization(),
            Layer::ResourceControl => Truth::No,
            _ => self.allows(layer),
        };
        let stance = if reached.is_no() {
            Stance::Exempt
        } else if denies.is_yes() {
            place = first(Effect::Deny);
            Stance::Denies
        } else if !denies.is_no() {
            Stance::Unknown
        } else {
            match allows {
                Truth::Yes => {
                    place = first(Effect::Allow);
                    Stance::Allows
                }
                Truth::No => Stance::Silent,
                Truth::Unknown(_) => Stance::Unknown,
            }
        };
        if layer == Layer::ServiceControl && stance == Stance::Silent {
            let levels = self.policies.service_control.iter().enumerate();
            level = levels
                .filter(|(n, _)| self.level(*n).is_no())
                .map(|(_, level)| level.name.clone())
                .next()
                .unwrap_or_default();
        }
        Finding {
            layer,
            stance,
            level,
            place,
        }
    }

    fn assumed(&self, verdict: Verdict, free: bool) -> Vec<String> {
        let mut assumed = Vec::new();
        if free {
            assumed.push("the service answers this call whatever policies say".to_string());
            return assumed;
        }
        if verdict == Verdict::ExplicitlyDenied {
            return assumed;
        }
        let caller = self.who().is_some() && !self.is_root();
        let session = self
            .who()
            .is_some_and(|who| matches!(who.kind, Kind::Session | Kind::FederatedUser));
        let denied = verdict == Verdict::ImplicitlyDenied;
        let p = self.policies;
        // Nothing that only takes away could alter a denial.
        for (layer, matters) in [
            (
                Layer::ServiceControl,
                !denied && p.service_control.is_empty() && self.who().is_some(),
            ),
            (
                Layer::ResourceControl,
                !denied && p.resource_control.is_empty(),
            ),
            (
                Layer::Resource,
                p.resource.is_empty() && self.request.resource != "*",
            ),
            (Layer::Boundary, !denied && p.boundary.is_empty() && caller),
            (Layer::Session, !denied && p.session.is_empty() && session),
            (Layer::Identity, p.identity.is_empty() && caller),
        ] {
            if matters {
                assumed.push(format!("there is no {}: none was given", layer.words()));
            }
        }
        let action = self.request.action.to_ascii_lowercase();
        if denied && action.starts_with("kms:") {
            assumed.push("no grant of the key allows it: grants are not looked at".into());
        }
        if denied && action.starts_with("s3:") {
            assumed.push("no access control list allows it: those are not looked at".into());
        }
        if self.request.service_linked && !p.service_control.is_empty() {
            assumed
                .push("the role is linked to a service: organizations' policies pass it by".into());
        }
        assumed
    }
}

fn statements(policies: &[super::policies::Named]) -> usize {
    policies
        .iter()
        .map(|named| named.policy.statements.len())
        .sum()
}
