//! Tests only: what Slack documents of messages, as a check. Anything that it does not name is a fault.

use serde_json::Value;

/// What Slack would refuse of a message, and what hostile text would have brought about.
pub fn faults(text: &str, blocks: &[Value]) -> Vec<String> {
    let mut faults = Vec::new();
    if text.is_empty() || units(text) > 40_000 {
        faults.push("text".to_string());
    }
    acting(text, false, &mut faults);
    if blocks.is_empty() || blocks.len() > 50 {
        faults.push(format!("{} blocks", blocks.len()));
    }
    for block in blocks {
        check(block, &mut faults);
    }
    faults
}

fn check(block: &Value, faults: &mut Vec<String>) {
    match block["type"].as_str() {
        Some("header") => {
            fields(block, &["type", "text"], faults);
            plain(&block["text"], 150, faults);
        }
        Some("section") => {
            fields(block, &["type", "text"], faults);
            either(&block["text"], 3_000, faults);
        }
        Some("context") => {
            fields(block, &["type", "elements"], faults);
            let elements = block["elements"].as_array().map_or(&[][..], Vec::as_slice);
            if elements.is_empty() || elements.len() > 10 {
                faults.push("elements of a context".to_string());
            }
            for element in elements {
                either(element, 3_000, faults);
            }
        }
        Some("actions") => {
            fields(block, &["type", "elements"], faults);
            let elements = block["elements"].as_array().map_or(&[][..], Vec::as_slice);
            if elements.is_empty() || elements.len() > 25 {
                faults.push("elements of actions".to_string());
            }
            for element in elements {
                button(element, faults);
            }
        }
        other => faults.push(format!("unknown block {other:?}")),
    }
}

fn button(button: &Value, faults: &mut Vec<String>) {
    fields(
        button,
        &["type", "action_id", "style", "value", "text", "confirm"],
        faults,
    );
    if button["type"] != "button" {
        faults.push("an action that is no button".to_string());
    }
    plain(&button["text"], 75, faults);
    sized(&button["action_id"], 255, faults);
    sized(&button["value"], 2_000, faults);
    if !["primary", "danger"].contains(&button["style"].as_str().unwrap_or_default()) {
        faults.push("style".to_string());
    }
    let confirm = &button["confirm"];
    fields(confirm, &["title", "text", "confirm", "deny"], faults);
    for (part, most) in [("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)] {
        plain(&confirm[part], most, faults);
    }
}

fn either(text: &Value, most: usize, faults: &mut Vec<String>) {
    if text["type"] == "mrkdwn" {
        fields(text, &["type", "text", "verbatim"], faults);
        if text["verbatim"] != true {
            faults.push("mrkdwn in which addresses become links".to_string());
        }
        sized(&text["text"], most, faults);
        acting(text["text"].as_str().unwrap_or_default(), true, faults);
    } else {
        plain(text, most, faults);
    }
}

fn plain(text: &Value, most: usize, faults: &mut Vec<String>) {
    fields(text, &["type", "text", "emoji"], faults);
    if text["type"] != "plain_text" || text["emoji"] != false {
        faults.push(format!("no plain text: {text}"));
    }
    sized(&text["text"], most, faults);
    acting(text["text"].as_str().unwrap_or_default(), false, faults);
}

fn sized(text: &Value, most: usize, faults: &mut Vec<String>) {
    let length = text.as_str().map_or(0, units);
    if length == 0 || length > most {
        faults.push(format!("{length} units where 1 to {most} may be"));
    }
}

/// Nothing acts but, in mrkdwn, the one link that we make.
fn acting(text: &str, link: bool, faults: &mut Vec<String>) {
    let mut rest = text;
    if link && let Some(at) = rest.find("<http") {
        let (before, after) = rest.split_at(at);
        match after.split_once("|look at it>") {
            Some((address, after)) if !address[1..].contains(['<', '>', '|']) => {
                rest = after;
                if before.contains(['<', '>']) {
                    faults.push(format!("markup in {text:?}"));
                }
            }
            _ => faults.push(format!("a link of others in {text:?}")),
        }
    }
    if rest.contains(['<', '>']) {
        faults.push(format!("markup in {text:?}"));
    }
    let bare = |at: usize| {
        let after = &rest[at..];
        !["&amp;", "&lt;", "&gt;"]
            .iter()
            .any(|entity| after.starts_with(entity))
    };
    if rest.match_indices('&').any(|(at, _)| bare(at)) {
        faults.push(format!("a bare & in {text:?}"));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        faults.push(format!("control characters in {text:?}"));
    }
}

fn fields(object: &Value, known: &[&str], faults: &mut Vec<String>) {
    let Some(object) = object.as_object() else {
        faults.push(format!("no object: {object}"));
        return;
    };
    for field in object
        .keys()
        .filter(|field| !known.contains(&field.as_str()))
    {
        faults.push(format!("unknown field {field}"));
    }
    for field in known.iter().filter(|field| !object.contains_key(**field)) {
        faults.push(format!("no field {field}"));
    }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}
