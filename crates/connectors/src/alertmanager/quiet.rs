//! An Alertmanager's silence in our words.
//!
//! Ours never cover more than theirs: what cannot be told exactly is told more narrowly, or not at all.

use std::collections::BTreeMap;

use model::Timestamp;
use model::foreign;
use model::silence::{Recurrence, Silence};
use model::time::{Span, TimeWindow};
use serde_json::Value;

use crate::delivery::{self, moment_at, text_at};
use crate::pull::Naming;

/// Ways in which the matchers of one silence may be fulfilled; those of more are not taken over.
const WAYS: usize = 64;
/// Characters of what its author wrote that are kept.
const WORDS: usize = 300;
/// Labels that complete the name that another label gives.
const SCOPES: [&str; 3] = ["namespace", "k8s_namespace_name", "cloud_region"];

/// One matcher of a silence.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Matcher {
    name: String,
    value: String,
    regex: bool,
    equal: bool,
}

/// A silence as it was ordered there, by our clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ordered {
    pub id: String,
    matchers: Vec<Matcher>,
    pub from: Timestamp,
    pub until: Timestamp,
    by: String,
    why: String,
    expired: bool,
}

impl Ordered {
    /// As the API writes it; `None` if it is no silence. `ahead` is by how much its clock is ahead of ours.
    pub fn of(value: &Value, ahead: Span) -> Option<Self> {
        let matchers = value.get("matchers")?.as_array()?;
        let matchers: Option<Vec<Matcher>> = matchers
            .iter()
            .map(|matcher| {
                Some(Matcher {
                    name: matcher.get("name")?.as_str()?.to_string(),
                    value: matcher.get("value")?.as_str()?.to_string(),
                    regex: matcher.get("isRegex").and_then(Value::as_bool)?,
                    // Before version 0.22 there was no other sort.
                    equal: matcher
                        .get("isEqual")
                        .is_none_or(|e| e == &Value::Bool(true)),
                })
            })
            .collect();
        let id = delivery::name(text_at(value, &["id"]));
        (!id.is_empty()).then_some(())?;
        Some(Self {
            id,
            matchers: matchers?,
            from: moment_at(value, &["startsAt"])?.minus(ahead),
            until: moment_at(value, &["endsAt"])?.minus(ahead),
            by: words(text_at(value, &["createdBy"])),
            why: words(text_at(value, &["comment"])),
            expired: text_at(value, &["status", "state"]) == "expired",
        })
    }

    /// Does it hold no longer?
    pub fn is_over(&self) -> bool {
        self.expired
    }

    /// Does it stand at any moment of this time?
    pub fn stands_in(&self, hull: TimeWindow) -> bool {
        self.from < hull.to() && self.until > hull.from() && self.until > self.from
    }

    /// The labels that it demands to be so.
    pub fn equal(&self) -> BTreeMap<String, String> {
        self.matchers
            .iter()
            .filter(|matcher| matcher.equal && !matcher.regex && !matcher.value.is_empty())
            .map(|matcher| (matcher.name.clone(), matcher.value.clone()))
            .collect()
    }
}

/// One line for people, without what acts on whoever shows it.
fn words(text: &str) -> String {
    let plain = text
        .chars()
        .map(|c| if foreign::breaks(c) { ' ' } else { c })
        .filter(|c| !foreign::acts(*c));
    plain.take(WORDS).collect::<String>().trim().to_string()
}

/// Ours that together cover what it covers; `None` if it cannot be told so. They bear one id.
pub(super) fn ours(one: &Ordered, source: &str, naming: &Naming) -> Option<Vec<Silence>> {
    let mut ways: Vec<BTreeMap<String, String>> = vec![BTreeMap::new()];
    for matcher in &one.matchers {
        let patterns = patterns(matcher)?;
        if patterns.iter().any(|pattern| pattern == ANY) {
            continue;
        }
        let mut more = Vec::new();
        for way in &ways {
            for pattern in &patterns {
                let mut way = way.clone();
                // Two demands on one label would both have to hold.
                if way.insert(matcher.name.clone(), pattern.clone()).is_some() {
                    return None;
                }
                more.push(way);
            }
        }
        ways = more;
        if ways.len() > WAYS {
            return None;
        }
    }
    // One that demands nothing would silence everything here, whatever their author thought of.
    if ways
        .iter()
        .any(|way| way.values().all(|pattern| pattern == "*"))
    {
        return None;
    }
    let mut all = Vec::new();
    for mut labels in ways {
        let rule = labels.remove("alertname");
        let silence = |entity: Option<String>, labels: BTreeMap<String, String>| Silence {
            id: format!("{source}/{}", one.id),
            entity,
            rule: rule.clone(),
            labels,
            from: one.from,
            until: one.until,
            every: Recurrence::Once,
            by: match one.by.as_str() {
                "" => source.to_string(),
                by => format!("{by} ({source})"),
            },
            why: one.why.clone(),
            ended: None,
            ended_by: None,
        };
        // Alarms of our own say whom they are about, and need not bear the label that says so elsewhere.
        if let Some((entity, rest)) = named(&labels, naming) {
            all.push(silence(Some(entity), rest));
        }
        all.push(silence(None, labels));
    }
    Some(all)
}

/// The entity that one of the labels names, and the labels that are left.
fn named(
    labels: &BTreeMap<String, String>,
    naming: &Naming,
) -> Option<(String, BTreeMap<String, String>)> {
    let plain = |text: &String| !text.contains('*');
    let whole: BTreeMap<String, String> = labels
        .iter()
        .filter(|(_, value)| plain(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let entity = naming.entity(&whole)?;
    let scopes: BTreeMap<String, String> = whole
        .iter()
        .filter(|(name, _)| SCOPES.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, value) in &whole {
        let alone: BTreeMap<String, String> = [(name.clone(), value.clone())].into();
        let mut scoped = scopes.clone();
        scoped.extend(alone.clone());
        for used in [alone, scoped] {
            // An address with a port is one door of a machine: to silence it is not to silence the machine.
            let whole_name = entity.as_str().ends_with(&format!("/{value}"))
                || naming.entities.contains_key(value);
            if whole_name && naming.entity(&used).as_ref() == Some(&entity) {
                let mut rest = labels.clone();
                rest.retain(|label, _| !used.contains_key(label));
                return Some((entity.as_str().to_string(), rest));
            }
        }
    }
    None
}

/// Fits everything, and what is not there too.
const ANY: &str = "**";

/// Our patterns any of which may fit, in place of the matcher; `None` if there are none that fit no more than it does.
fn patterns(matcher: &Matcher) -> Option<Vec<String>> {
    if !matcher.equal {
        return None;
    }
    if !matcher.regex {
        // An empty value fits what is not there, which we have no words for; a star would fit more than itself.
        let plain = !matcher.value.is_empty() && !matcher.value.contains('*');
        return plain.then(|| vec![matcher.value.clone()]);
    }
    let mut text = matcher.value.as_str();
    text = text.strip_prefix('^').unwrap_or(text);
    text = text.strip_suffix('$').unwrap_or(text);
    if let Some(inner) = text.strip_suffix(')') {
        let inner = inner
            .strip_prefix("(?:")
            .or_else(|| inner.strip_prefix('('));
        // What is left of other groups is refused below.
        text = inner.unwrap_or(text);
    }
    if text == ".*" {
        return Some(vec![ANY.to_string()]);
    }
    if text == ".+" {
        return Some(vec!["*".to_string()]);
    }
    let alternatives: Option<Vec<String>> = text.split('|').map(glob).collect();
    alternatives.filter(|all| all.len() <= WAYS && all.iter().all(|pattern| !pattern.is_empty()))
}

/// A regular expression of letters and `.*` as a pattern. A dot alone is taken for itself, which fits less.
fn glob(regex: &str) -> Option<String> {
    let mut out = String::new();
    let mut letters = regex.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '.' if letters.next_if_eq(&'*').is_some() => {
                // A lazy one fits the same.
                let _ = letters.next_if_eq(&'?');
                out.push('*');
            }
            '.' => {
                // Repeated otherwise, or optional.
                if letters.peek().is_some_and(|next| "+?{".contains(*next)) {
                    return None;
                }
                out.push('.');
            }
            '\\' => match letters.next()? {
                // Classes and anchors are no letters.
                escaped if escaped.is_ascii_alphanumeric() || escaped == '*' => return None,
                escaped => out.push(escaped),
            },
            '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
            letter => {
                if letters.peek().is_some_and(|next| "*+?{".contains(*next)) {
                    return None;
                }
                out.push(letter);
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use model::testkit;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn ordered(matchers: &str) -> Ordered {
        let matchers: Vec<Value> = matchers
            .split(' ')
            .map(|text| {
                let (name, rest) = text.split_once(['=', '!']).unwrap();
                let equal = !text.contains('!');
                let rest = rest.strip_prefix('=').unwrap_or(rest);
                let (regex, value) = match rest.strip_prefix('~') {
                    Some(value) => (true, value),
                    None => (false, rest),
                };
                json!({"name": name, "value": value, "isRegex": regex, "isEqual": equal})
            })
            .collect();
        let silence = json!({
            "id": "7f", "matchers": matchers, "createdBy": "ada\u{202e}", "comment": "disk\nswap",
            "startsAt": "2026-11-21T20:00:00.000Z", "endsAt": "2026-11-21T22:00:00.000Z",
            "status": {"state": "active"},
        });
        Ordered::of(&silence, Span(0)).unwrap()
    }

    #[test]
    fn a_silence_there_is_one_here_where_it_can_be_told() {
        let cases = "\
alertname=Slow -> Slow * -
alertname=Slow service=cart -> Slow service/cart - ; Slow * service=cart
service=cart env=prod -> * service/cart env=prod ; * * env=prod,service=cart
namespace=shop pod=web-1 -> * pod/shop/web-1 - ; * * namespace=shop,pod=web-1
instance=10.0.0.1:9100 -> * * instance=10.0.0.1:9100
service=~cart|mail.* alertname=A -> A service/cart - ; A * service=cart ; A * service=mail*
service=~(?:cart|mail) alertname=A -> A service/cart - ; A * service=cart ; A service/mail - ; A * service=mail
alertname=A env=~.* -> A * -
host=~db-1\\.example\\.com -> * host/db-1.example.com - ; * * host=db-1.example.com
alertname=A env=~.+ -> A * env=*
alertname!=A -> -
alertname=A team= -> -
alertname=~A(B|C) -> -
alertname=~[AB] -> -
alertname=~A? -> -
alertname=~A|.* -> -
alertname=~A|.* service=cart -> A service/cart - ; A * service=cart ; * service/cart - ; * * service=cart
alertname=~.+ -> -
alertname=A* -> -
alertname=~.* -> -
";
        for case in cases.lines() {
            let (given, wanted) = case.split_once(" -> ").unwrap();
            let found = ours(&ordered(given), "alertmanager.main", &Naming::default());
            let shown = found.map(|all| {
                let each = all.iter().map(|silence| {
                    let labels: Vec<String> = silence
                        .labels
                        .iter()
                        .map(|(name, value)| format!("{name}={value}"))
                        .collect();
                    let labels = if labels.is_empty() {
                        "-".to_string()
                    } else {
                        labels.join(",")
                    };
                    let or = |text: &Option<String>| text.clone().unwrap_or("*".to_string());
                    format!("{} {} {labels}", or(&silence.rule), or(&silence.entity))
                });
                each.collect::<Vec<_>>().join(" ; ")
            });
            assert_eq!(shown.unwrap_or("-".to_string()), wanted, "{given}");
        }
    }

    #[test]
    fn whoever_ordered_it_is_named_without_what_hides_in_words() {
        let all = ours(
            &ordered("alertname=Slow"),
            "alertmanager.main",
            &Naming::default(),
        );
        let silence = all.unwrap().remove(0);
        assert_eq!(silence.by, "ada (alertmanager.main)");
        assert_eq!(silence.why, "disk swap");
        assert_eq!(silence.id, "alertmanager.main/7f");
        let at = silence.from.plus(Span::seconds(1));
        assert_eq!(silence.quiet_until(at), Some(silence.until));
        let alarm = testkit::alarm("Slow", "service/cart", at);
        assert!(silence.covers(&alarm));
    }

    proptest! {
        /// What ours cover, theirs cover: the regular expression itself is the judge.
        #[test]
        fn ours_never_cover_more(
            regex in r"[a-c.*+?|()\\\[\]^$-]{0,12}",
            text in "[a-c.|-]{1,8}",
        ) {
            let Ok(theirs) = regex::Regex::new(&format!("^(?:{regex})$")) else {
                return Ok(());
            };
            let matcher = Matcher { name: "n".into(), value: regex, regex: true, equal: true };
            let fits = patterns(&matcher).unwrap_or_default();
            let fits = fits.iter().any(|p| model::silence::like(p, &text));
            prop_assert!(!fits || theirs.is_match(&text));
        }
    }
}
