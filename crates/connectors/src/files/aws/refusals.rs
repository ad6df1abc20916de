//! Why calls were refused: the recorded policies, held against the refusals that the audit trail tells.
//!
//! A recording may hold policies in its folder `iam/` (docs/iam.md); those of a live account are read when it refuses
//! (`aws/eyes/denials.rs`). A refusal says who asked for what in a sentence of fixed form; what else is known of the call stands in its record. Without policies nothing is
//! said, and what cannot be evaluated never spoils the case: it is said in the event.

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use crate::aws::iam::gather::Gatherer;
use crate::aws::iam::{Answer, Policies, Verdict, Written, explain};
use crate::files::gathered::{Gathered, text_at};

/// A call that was refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// Number of the event that tells of it.
    event: usize,
    request: Value,
}

/// Reads who was refused what out of an audit record; none if the message is of another form.
pub(super) fn refusal(event: usize, said: &str, detail: &Value) -> Option<Refusal> {
    let (_, rest) = said.split_once("User: ")?;
    let (principal, rest) = rest.split_once(" is not authorized to perform: ")?;
    let mut words = rest.split_whitespace();
    let action = words.next()?.trim_end_matches([',', '.']);
    let resource = rest
        .split_once(" on resource: ")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .map_or("*", |word| word.trim_matches('"'));
    let mut request = json!({
        "principal": principal, "action": action, "resource": resource, "context": context(detail),
    });
    let issuer = ["userIdentity", "sessionContext", "sessionIssuer"];
    let issuer = |last: &'static str| text_at(detail, &[issuer.as_slice(), &[last]].concat());
    if issuer("type") == "Role" && issuer("arn").contains(":role/") {
        request["role"] = issuer("arn").into();
    }
    let owner = detail["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|one| {
            let same = text_at(one, &["ARN"]) == resource;
            same.then(|| text_at(one, &["accountId"]))
                .filter(|account| !account.is_empty())
        });
    if let Some(owner) = owner {
        request["resource_account"] = owner.into();
    }
    Some(Refusal { event, request })
}

/// What an audit record tells of a call's circumstances, as condition keys.
fn context(detail: &Value) -> Map<String, Value> {
    let mut context = Map::new();
    let address = text_at(detail, &["sourceIPAddress"]);
    if address.parse::<std::net::IpAddr>().is_ok() {
        context.insert("aws:SourceIp".into(), address.into());
    }
    let mfa = [
        "userIdentity",
        "sessionContext",
        "attributes",
        "mfaAuthenticated",
    ];
    for (key, path) in [
        ("aws:RequestedRegion", &["awsRegion"][..]),
        ("aws:UserAgent", &["userAgent"]),
        ("aws:SourceVpce", &["vpcEndpointId"]),
        ("aws:CurrentTime", &["eventTime"]),
        ("aws:userid", &["userIdentity", "principalId"]),
        ("aws:MultiFactorAuthPresent", &mfa),
    ] {
        let value = text_at(detail, path);
        if !value.is_empty() {
            context.insert(key.into(), value.into());
        }
    }
    if detail.get("tlsDetails").is_some() {
        context.insert("aws:SecureTransport".into(), true.into());
    }
    context
}

/// Whose policies they are, and of when.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// Those of the recording.
    Recorded,
    /// The caller's, some time after the refusal; those of others were not read.
    #[cfg(feature = "aws")]
    Now,
}

/// Tells, in each event of a refusal, which statement of the recorded policies decided.
pub(crate) fn explained(gathered: &mut Gathered<'_>) {
    if gathered.policies.is_empty() {
        return;
    }
    for refusal in std::mem::take(&mut gathered.refusals) {
        tell(gathered, &refusal, Stand::Recorded);
    }
}

/// Tells it by policies that were read after the refusals, where `known` says that those of the caller are among them,
/// and where they alone decide. A role whose trust is asked about has to be known too.
#[cfg(feature = "aws")]
pub(crate) fn explained_now(gathered: &mut Gathered<'_>, known: impl Fn(&str) -> bool) {
    for refusal in std::mem::take(&mut gathered.refusals) {
        if refusal
            .asks_about()
            .is_some_and(|arns| arns.iter().all(|arn| known(arn)))
        {
            tell(gathered, &refusal, Stand::Now);
        }
    }
}

/// The ARNs of roles and users whose policies would tell why calls were refused, each once, in order.
#[cfg(feature = "aws")]
pub(crate) fn asks_about(gathered: &Gathered<'_>) -> std::collections::BTreeSet<String> {
    let refusals = gathered.refusals.iter().filter_map(Refusal::asks_about);
    refusals.flatten().map(str::to_string).collect()
}

#[cfg(feature = "aws")]
impl Refusal {
    /// The role or user that was refused, and the role that it wanted to take; `None` where policies of others have the
    /// last word: those of a key, those of a resource in another account, and where only a session's name is known.
    fn asks_about(&self) -> Option<Vec<&str>> {
        let text = |field: &str| self.request[field].as_str().unwrap_or_default();
        let caller = match text("role") {
            "" => text("principal"),
            role => role,
        };
        let part = |arn: &'_ str, at: usize| arn.split(':').nth(at).unwrap_or_default().to_string();
        let (action, resource) = (text("action"), text("resource"));
        let owner = match text("resource_account") {
            "" => part(resource, 4),
            account => account.to_string(),
        };
        let own = owner.is_empty() || owner == part(caller, 4);
        if part(caller, 2) != "iam" || !own || action.starts_with("kms:") {
            return None;
        }
        Some(match action {
            "sts:AssumeRole" => vec![caller, resource],
            _ => vec![caller],
        })
    }
}

fn tell(gathered: &mut Gathered<'_>, refusal: &Refusal, stand: Stand) {
    let decided = decided(&refusal.request, &gathered.policies, stand);
    if let Some(event) = gathered.events.get_mut(refusal.event) {
        event.message = format!("{decided}: {}", event.message);
    }
}

fn decided(request: &Value, files: &[(String, String)], stand: Stand) -> String {
    let asked = || -> Result<Answer, String> {
        let written = Written::deserialize(request).map_err(|error| error.to_string())?;
        let request = written.read().map_err(|error| error.to_string())?;
        let mut gatherer = Gatherer::new(&request);
        for (name, text) in files {
            gatherer
                .add(name, text)
                .map_err(|error| error.to_string())?;
        }
        let (policies, _): (Policies, _) = gatherer.finish().map_err(|error| error.to_string())?;
        explain(&policies, &request).map_err(|error| error.to_string())
    };
    let (whose, when, unread) = match stand {
        Stand::Recorded => ("the recorded policies", "", ""),
        #[cfg(feature = "aws")]
        Stand::Now => (
            "the caller's policies",
            ", as its policies stand now",
            "; those of the organization, the resource and the session were not read",
        ),
    };
    match asked() {
        Err(why) => format!("{whose} cannot be evaluated ({why})"),
        Ok(answer) => match (answer.verdict, answer.decided_by.first()) {
            (Verdict::ExplicitlyDenied, Some(place)) => {
                format!("denied by {}{when}", place.short())
            }
            (Verdict::Allowed, _) => format!("{whose} would allow it{when}{unread}"),
            (Verdict::ImplicitlyDenied, _) => {
                let near = answer.nearest.first().map(|near| near.place.short());
                let near = near.map_or(String::new(), |near| format!("; nearest to it is {near}"));
                format!("{}{when}{near}", answer.sentence())
            }
            _ => answer.sentence(),
        },
    }
}
