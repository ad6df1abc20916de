//! Whom an integration of an API calls, as its address says.

use std::collections::{BTreeSet, HashMap};

use model::EntityKind;

use crate::files::aws::names;
use crate::files::entities::Who;

/// Variables of each stage of an API. They are put into addresses, and not kept.
pub(super) type Variables = Vec<HashMap<String, String>>;

/// How a variable stands in an address.
const VARIABLE: &str = "${stageVariables.";

/// Whom an integration calls.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Callee {
    /// A thing of AWS.
    Named(EntityKind, String),
    /// Whoever has this host name.
    At(String),
}

/// Whom this address names, on any stage.
pub(super) fn callees(uri: &str, stages: &[HashMap<String, String>]) -> BTreeSet<Callee> {
    if !uri.contains(VARIABLE) {
        return callee(uri).into_iter().collect();
    }
    let filled = stages.iter().filter_map(|variables| filled(uri, variables));
    filled.filter_map(|uri| callee(&uri)).collect()
}

/// The address with the values of variables in place of their names; `None` where one is not there. What a value holds is
/// not looked at again.
fn filled(uri: &str, variables: &HashMap<String, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = uri;
    while let Some((before, after)) = rest.split_once(VARIABLE) {
        let (name, after) = after.split_once('}')?;
        out += before;
        out += variables.get(name)?;
        rest = after;
    }
    Some(out + rest)
}

fn callee(uri: &str) -> Option<Callee> {
    if !uri.starts_with("arn:") {
        return host(uri).map(Callee::At);
    }
    // `arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:…:function:pay/invocations`
    if let Some((_, function)) = uri.split_once("/functions/") {
        let function = function.split("/invocations").next().unwrap_or(function);
        return named("", function);
    }
    // `arn:aws:apigateway:eu-west-1:sqs:path/111111111111/inbox`
    if let Some((_, queue)) = uri.split_once(":sqs:path/") {
        let name = queue.rsplit('/').next().filter(|name| !name.is_empty())?;
        return Some(Callee::Named(EntityKind::Queue, name.to_string()));
    }
    // A listener is a part of its balancer.
    if let Some((_, listener)) = uri.split_once(":listener/") {
        let (balancer, _) = listener.rsplit_once('/')?;
        return Some(Callee::Named(EntityKind::Gateway, balancer.to_string()));
    }
    named("", uri)
}

/// Whom a parameter of this name, or an ARN, is about, if that can be called.
pub(super) fn named(name: &str, value: &str) -> Option<Callee> {
    use EntityKind::{Database, Function, Queue, Service, Table};
    if value.contains('$') {
        return None;
    }
    match names::most_telling(std::iter::once((name, value)))? {
        Who::Named(kind @ (Database | Function | Queue | Service | Table), name) => {
            Some(Callee::Named(kind, name.to_string()))
        }
        _ => None,
    }
}

/// The host of an address, as others have it for an endpoint.
pub(super) fn host(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    if !["http", "https", "ws", "wss"].contains(&scheme) {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next()?;
    let host = host.split(':').next()?;
    plain_host(host)
}

/// A host name as it is compared: `None` if it is none.
pub(in crate::aws::eyes) fn plain_host(host: &str) -> Option<String> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let host = host.strip_prefix("dualstack.").unwrap_or(&host);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    (!host.is_empty() && host.chars().all(plain)).then(|| host.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_whom_it_calls() {
        let function = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions";
        let stages = [
            HashMap::from([("fn".to_string(), "pay:live".to_string())]),
            HashMap::from([("other".to_string(), "x".to_string())]),
            HashMap::from([("fn".to_string(), "pay-blue".to_string())]),
        ];
        let whom = |uri: &str| {
            let all: Vec<String> = callees(uri, &stages)
                .iter()
                .map(|callee| match callee {
                    Callee::Named(kind, name) => format!("{} {name}", kind.word()),
                    Callee::At(host) => format!("at {host}"),
                })
                .collect();
            all.join(", ")
        };
        for (uri, wanted) in [
            (
                format!("{function}/arn:aws:lambda:eu-west-1:1:function:pay:live/invocations"),
                "function pay",
            ),
            (
                format!("{function}/arn:aws:lambda:eu-west-1:1:function:${{stageVariables.fn}}/invocations"),
                "function pay, function pay-blue",
            ),
            ("arn:aws:lambda:eu-west-1:1:function:ship".to_string(), "function ship"),
            ("arn:aws:apigateway:eu-west-1:sqs:path/111111111111/inbox".to_string(), "queue inbox"),
            (
                "arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/front/50dc6c495c0c9188/f2f7dc8efc522ab2".to_string(),
                "gateway app/front/50dc6c495c0c9188",
            ),
            ("arn:aws:servicediscovery:eu-west-1:1:service/srv-1".to_string(), ""),
            ("arn:aws:apigateway:eu-west-1:dynamodb:action/PutItem".to_string(), ""),
            (
                "https://u:p@Dualstack.Front-1.eu-west-1.elb.amazonaws.com.:8443/{proxy}?a=b".to_string(),
                "at front-1.eu-west-1.elb.amazonaws.com",
            ),
            ("http://${stageVariables.other}.example/a".to_string(), "at x.example"),
            ("http://${stageVariables.nobody}/a".to_string(), ""),
            ("http://${stageVariables.fn".to_string(), ""),
            ("http://{host}/a".to_string(), ""),
            ("http://".to_string(), ""),
            ("arn:".to_string(), ""),
            ("arn:/functions/".to_string(), ""),
            ("arn::listener/".to_string(), ""),
            (String::new(), ""),
        ] {
            assert_eq!(whom(&uri), wanted, "{uri}");
        }
        assert_eq!(
            named("QueueUrl", "https://sqs.eu-west-1.amazonaws.com/1/told"),
            Some(Callee::Named(EntityKind::Queue, "told".to_string()))
        );
        assert_eq!(named("QueueUrl", "$request.body.queue"), None);
    }
}
