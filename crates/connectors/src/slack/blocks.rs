//! Messages in Block Kit, within its limits by construction: whatever a notice says, what is made here is taken.
//! <https://docs.slack.dev/reference/block-kit/blocks>
//!
//! All that telemetry, alarms or people said stands in `plain_text`, in which there is no markup, no mention and no link;
//! `&`, `<` and `>` are escaped everywhere, as Slack asks.

use model::ports::Notice;
use serde_json::{Value, json};

use crate::legible::{self, fitted};

/// Most UTF-16 units of a section's text; Slack takes 3,000 characters.
const TEXT: usize = 3_000;
/// Of a header's; Slack's limit.
const HEADER: usize = 150;
/// Of the text that stands in for the blocks, in notifications: far below Slack's 40,000, which cuts what is longer.
const INSTEAD: usize = 500;
/// Sections of lines in one message; with header, title, context and buttons it stays below Slack's 50 blocks.
const SECTIONS: usize = 12;
/// Lines of what became of a question: an answer, and an end.
const BECAME: usize = 4;
/// Of a button's value; Slack's limit.
const VALUE: usize = 2_000;

/// A message, without saying where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// What notifications and screen readers say.
    pub text: String,
    /// What is shown.
    pub blocks: Vec<Value>,
}

/// The first message of an incident: what it is called, and how it stands by this notice.
pub fn root(notice: &Notice) -> Message {
    let subject = if notice.subject.is_empty() {
        &notice.title
    } else {
        &notice.subject
    };
    let mut blocks = vec![json!({"type": "header", "text": text(subject, HEADER)})];
    blocks.extend(body(notice, Some(subject)));
    Message {
        text: instead(&format!("{subject}: {}", label(&notice.kind))),
        blocks,
    }
}

/// What a notice adds to the thread; with buttons where a yes or a no is wanted.
pub fn reply(notice: &Notice) -> Message {
    let mut blocks = body(notice, None);
    if let Some(plan) = &notice.plan {
        blocks.extend(buttons(notice, plan));
    }
    Message {
        text: instead(&notice.title),
        blocks,
    }
}

/// The same without buttons: nobody is asked any more. What became of it is added by [`and_then`].
pub fn asked_no_more(notice: &Notice) -> Message {
    Message {
        text: instead(&notice.title),
        blocks: body(notice, None),
    }
}

/// What a later notice says of a question: a line for people, and whether that is all that there is to say. `None` while
/// the question stands.
pub fn became(notice: &Notice) -> Option<(String, bool)> {
    let first = notice.lines.first().unwrap_or(&notice.title);
    Some(match notice.kind.as_str() {
        "approval_wanted" => ("Another plan is asked about below.".to_string(), true),
        "running" if notice.by.is_empty() => ("The policy let it go ahead.".to_string(), false),
        "running" => (
            format!("{} said yes; it is being performed.", notice.by),
            false,
        ),
        "recovered" => ("It worked: the recovery is verified.".to_string(), true),
        "broken_off" => (format!("It was broken off: {first}"), true),
        "approval_expired" => ("Nobody answered in time.".to_string(), true),
        "handed_over" => (format!("A person must go on: {first}"), true),
        "closed" if notice.by.is_empty() => (format!("Closed: {}", notice.title), true),
        "closed" => (format!("Closed by {}: {}", notice.by, notice.title), true),
        _ => return None,
    })
}

/// The blocks of a question with what became of it: in `plain_text`, since it holds what people wrote.
pub fn and_then(blocks: &[Value], became: &[String]) -> Vec<Value> {
    let mut blocks = blocks.to_vec();
    for line in became.iter().take(BECAME) {
        blocks.push(section(&fitted(line, TEXT, escape)));
    }
    blocks
}

/// Kind, title, lines, and where and when; the title not where it would stand a second time.
fn body(notice: &Notice, above: Option<&str>) -> Vec<Value> {
    let mut blocks = vec![json!({
        "type": "section",
        "text": {"type": "mrkdwn", "text": format!("*{}*", label(&notice.kind)), "verbatim": true},
    })];
    if above != Some(&notice.title) && !notice.title.is_empty() {
        blocks.push(json!({"type": "section", "text": text(&notice.title, TEXT)}));
    }
    blocks.extend(sections(&notice.lines));
    let link = link(&notice.link).map_or(String::new(), |link| format!(" · {link}"));
    let incident = fitted(&notice.incident.0, 200, escape);
    blocks.push(context(&format!(
        "{incident} · {} · {}{link}",
        notice.severity, notice.at
    )));
    blocks
}

/// Lines, as many in one section as fit.
fn sections(lines: &[String]) -> Vec<Value> {
    let mut texts: Vec<String> = Vec::new();
    let mut shown = 0;
    for line in lines {
        let line = fitted(&format!("• {line}"), TEXT, escape);
        let room = texts
            .last()
            .is_some_and(|last: &String| legible::units(last) + 1 + legible::units(&line) <= TEXT);
        let full = texts.len() == SECTIONS;
        match texts.last_mut().filter(|_| room) {
            Some(last) => {
                last.push('\n');
                last.push_str(&line);
            }
            None if full => break,
            None => texts.push(line),
        }
        shown += 1;
    }
    let mut blocks: Vec<Value> = texts.into_iter().map(|text| section(&text)).collect();
    if shown < lines.len() {
        blocks.push(context(&format!("{} more lines", lines.len() - shown)));
    }
    blocks
}

/// Approve and refuse, each with a question first. The value is what the inlet of interactions reads:
/// `<incident id> <plan digest>`. Without buttons where those two do not fit, which no id of ours does.
fn buttons(notice: &Notice, plan: &str) -> Option<Value> {
    let value = format!("{} {plan}", notice.incident);
    if legible::units(&value) > VALUE {
        return None;
    }
    let digest = fitted(plan, 12, escape);
    let button = |id: &str, word: &str, style: &str, asks: String| {
        json!({
            "type": "button", "action_id": id, "style": style, "value": value,
            "text": {"type": "plain_text", "text": word, "emoji": false},
            "confirm": {
                "title": {"type": "plain_text", "text": format!("{word} this plan?"), "emoji": false},
                "text": {"type": "plain_text", "text": asks, "emoji": false},
                "confirm": {"type": "plain_text", "text": word, "emoji": false},
                "deny": {"type": "plain_text", "text": "Not yet", "emoji": false},
            },
        })
    };
    Some(json!({"type": "actions", "elements": [
        button("approve", "Approve", "primary",
            format!("The steps above are performed as they stand. Your yes is bound to plan {digest}.")),
        button("refuse", "Refuse", "danger",
            format!("Plan {digest} is not performed, and a person has to go on.")),
    ]}))
}

/// For notifications; Slack refuses a message without.
fn instead(text: &str) -> String {
    let shown = if text.trim().is_empty() { "-" } else { text };
    fitted(shown, INSTEAD, escape)
}

fn section(escaped: &str) -> Value {
    json!({"type": "section", "text": {"type": "plain_text", "text": escaped, "emoji": false}})
}

fn text(text: &str, most: usize) -> Value {
    // Slack refuses empty texts.
    let shown = if text.trim().is_empty() { "-" } else { text };
    json!({"type": "plain_text", "text": fitted(shown, most, escape), "emoji": false})
}

fn context(mrkdwn: &str) -> Value {
    json!({"type": "context", "elements": [{"type": "mrkdwn", "text": mrkdwn, "verbatim": true}]})
}

/// A link to the page, if there is an address that can be one.
fn link(address: &str) -> Option<String> {
    let safe = address.starts_with("https://") || address.starts_with("http://");
    let whole = !address.contains(['<', '>', '|', ' ', '"']) && address.len() <= 1_000;
    (safe && whole && !address.chars().any(char::is_control))
        .then(|| format!("<{}|look at it>", address.replace('&', "&amp;")))
}

fn escape(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

/// What a kind of notice says of the incident.
fn label(kind: &str) -> &'static str {
    match kind {
        "opened" => "Being looked at",
        "verdict" => "Verdict",
        "approval_wanted" => "A yes or a no is wanted",
        "approval_expired" => "Nobody answered",
        "running" => "The plan is being performed",
        "broken_off" => "The plan was broken off",
        "recovered" => "Recovered",
        "handed_over" => "A person must go on",
        "closed" => "Closed",
        "test" => "A test",
        _ => "News",
    }
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;
