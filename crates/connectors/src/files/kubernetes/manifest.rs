//! The template of a workload's copies as lines of YAML, and what two of them differ in as a diff.

use serde_json::Value;

/// Lines of a template that are compared; real ones have a few hundred.
const LONGEST: usize = 2_000;
/// Up to so many lines the whole template stands around what differs.
const WHOLE: usize = 400;
/// Lines around what differs in a longer one.
const AROUND: usize = 3;
/// What stands in place of a value that may be a secret.
pub(crate) const HIDDEN: &str = "(left out)";
/// Words in the names of variables that hold secrets.
const SECRET_WORDS: [&str; 10] = [
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "private_key",
    "access_key",
    "credential",
    "passphrase",
];

/// Is a variable of that name a secret?
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// The containers of a pod.
fn containers(pod: &mut Value) -> impl Iterator<Item = &mut Value> {
    let lists = match pod.as_object_mut() {
        Some(fields) => fields
            .iter_mut()
            .filter(|(name, _)| {
                ["containers", "initContainers", "ephemeralContainers"].contains(&name.as_str())
            })
            .map(|(_, list)| list)
            .collect(),
        None => Vec::new(),
    };
    lists.into_iter().filter_map(Value::as_array_mut).flatten()
}

/// Leaves the values of variables out that are named like secrets, or hold something that looks like one.
pub(super) fn conceal(pod: &mut Value) {
    for container in containers(pod) {
        let Some(variables) = container.get_mut("env").and_then(Value::as_array_mut) else {
            continue;
        };
        for variable in variables {
            let secret = variable["name"].as_str().is_some_and(is_secret);
            let Some(Value::String(value)) = variable.get_mut("value") else {
                continue;
            };
            if secret && !value.is_empty() {
                *value = HIDDEN.to_string();
            } else if let Some(clean) = crate::files::hide(value) {
                *value = clean;
            }
        }
    }
}

/// The same of two templates, so that it shows where such a value was altered.
fn conceal_both(before: &mut Value, after: &mut Value) {
    let values = |pod: &mut Value| -> Vec<(String, String, String)> {
        let mut all = Vec::new();
        for container in containers(pod) {
            let of = container["name"].as_str().unwrap_or_default().to_string();
            for variable in container["env"].as_array().into_iter().flatten() {
                let text = |field: &str| variable[field].as_str().unwrap_or_default().to_string();
                all.push((of.clone(), text("name"), text("value")));
            }
        }
        all
    };
    let (old, new) = (values(before), values(after));
    conceal(before);
    conceal(after);
    for container in containers(after) {
        let of = container["name"].as_str().unwrap_or_default().to_string();
        let variables = container.get_mut("env").and_then(Value::as_array_mut);
        for variable in variables.into_iter().flatten() {
            let name = variable["name"].as_str().unwrap_or_default().to_string();
            let find = |all: &[(String, String, String)]| {
                let same = |(container, variable, _): &&(String, String, String)| {
                    *container == of && *variable == name
                };
                all.iter().find(same).map(|(_, _, value)| value.clone())
            };
            let altered = find(&old).is_some_and(|value| Some(value) != find(&new));
            if let Some(Value::String(value)) = variable.get_mut("value")
                && value == HIDDEN
                && altered
            {
                *value = format!("{HIDDEN}, another");
            }
        }
    }
}

/// What stands in a template, by the names that people know: `(container, image)`.
pub(crate) fn images(template: &Value) -> Vec<(String, String)> {
    let list = template["spec"]["containers"].as_array();
    list.into_iter()
        .flatten()
        .map(|container| {
            let text = |field: &str| container[field].as_str().unwrap_or_default().to_string();
            (text("name"), text("image"))
        })
        .collect()
}

/// The tag of an image, or its digest; all of it where it has neither.
pub(crate) fn tag(image: &str) -> &str {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split_once('@')
        .or_else(|| last.split_once(':'))
        .map_or(image, |(_, tag)| tag)
}

/// The template without what the cluster itself wrote into it.
pub(super) fn plain(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(fields) = template.as_object_mut() {
        // How a revision of a stateful set says that it stands for the whole template.
        fields.remove("$patch");
    }
    if let Some(labels) = template
        .pointer_mut("/metadata/labels")
        .and_then(Value::as_object_mut)
    {
        labels.remove("pod-template-hash");
        labels.remove("controller-revision-hash");
    }
    if let Some(meta) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.retain(|_, value| {
            !value.is_null() && value.as_object().is_none_or(|fields| !fields.is_empty())
        });
    }
    template
}

/// What two templates differ in, as a unified diff of their YAML at that path; `None` if they do not. Values of
/// secrets are left out of it.
pub(crate) fn diff(path: &str, before: &Value, after: &Value) -> Option<String> {
    let (mut before, mut after) = (plain(before), plain(after));
    if before == after {
        return None;
    }
    if let (Some(old), Some(new)) = (before.get_mut("spec"), after.get_mut("spec")) {
        conceal_both(old, new);
    }
    let (before, after) = (lines(&before), lines(&after));
    let rows = compared(&before, &after);
    let kept = kept(&rows);
    let mut text = format!(
        "--- a/{path}\n+++ b/{path}\n@@ -1,{} +1,{} @@\n",
        before.len(),
        after.len()
    );
    for ((sign, line), _) in rows.iter().zip(kept).filter(|(_, kept)| *kept) {
        text.push(*sign);
        text.push_str(line);
        text.push('\n');
    }
    Some(crate::files::hide(&text).unwrap_or(text))
}

/// A value as lines of YAML.
fn lines(value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    write(value, 0, "", &mut out);
    out
}

fn write(value: &Value, depth: usize, lead: &str, out: &mut Vec<String>) {
    if out.len() >= LONGEST || depth > 40 {
        return;
    }
    let indent = "  ".repeat(depth);
    let mut first = true;
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                // The first field of an element stands beside its hyphen.
                let start = if std::mem::take(&mut first) { lead } else { "" };
                let margin = indent.get(start.len()..).unwrap_or_default();
                match value {
                    Value::Object(inner) if !inner.is_empty() => {
                        out.push(format!("{margin}{start}{}:", word(name)));
                        write(value, depth + 1, "", out);
                    }
                    Value::Array(inner) if !inner.is_empty() => {
                        out.push(format!("{margin}{start}{}:", word(name)));
                        write(value, depth, "", out);
                    }
                    value => out.push(format!("{margin}{start}{}: {}", word(name), scalar(value))),
                }
            }
        }
        Value::Array(values) if !values.is_empty() => {
            for value in values {
                match value {
                    Value::Object(inner) if !inner.is_empty() => write(value, depth + 1, "- ", out),
                    value => out.push(format!("{indent}- {}", scalar(value))),
                }
            }
        }
        value => out.push(format!("{indent}{}", scalar(value))),
    }
}

/// A key: quoted where it would be read as something else.
fn word(name: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    if !name.is_empty() && name.chars().all(plain) {
        name.to_string()
    } else {
        Value::from(name).to_string()
    }
}

/// A value in one line: text that could be read as something else is quoted.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@".contains(letter);
            let worded = text
                .starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/')
                && text.chars().all(plain)
                && !text.ends_with(':');
            let means_more = ["true", "false", "null", "yes", "no", "on", "off"];
            if worded && !means_more.contains(&text.to_ascii_lowercase().as_str()) {
                text.clone()
            } else {
                value.to_string()
            }
        }
        value => value.to_string(),
    }
}

/// The rows of a diff: a sign and a line. By the longest common subsequence of what lies between the parts that both
/// begin and end with.
fn compared<'l>(before: &'l [String], after: &'l [String]) -> Vec<(char, &'l str)> {
    let same = |pair: &(&String, &String)| pair.0 == pair.1;
    let head = before.iter().zip(after).take_while(same).count();
    let (old, new) = (&before[head..], &after[head..]);
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(same)
        .count();
    let (old, end) = old.split_at(old.len() - tail);
    let new = &new[..new.len() - tail];
    // `longest[i][j]`: how much is common to what follows `old[i]` and `new[j]`.
    let width = new.len() + 1;
    let mut longest = vec![0_u16; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i * width + j] = if old[i] == new[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let mut rows: Vec<(char, &str)> = before[..head].iter().map(|line| (' ', &**line)).collect();
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            rows.push((' ', &old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len()
            || i < old.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1]
        {
            rows.push(('-', &old[i]));
            i += 1;
        } else {
            rows.push(('+', &new[j]));
            j += 1;
        }
    }
    rows.extend(end.iter().map(|line| (' ', &**line)));
    rows
}

/// Which rows stand in the diff: all of a short one; of a long one what was altered, what is around it, and the keys
/// that it lies beneath.
fn kept(rows: &[(char, &str)]) -> Vec<bool> {
    if rows.len() <= WHOLE {
        return vec![true; rows.len()];
    }
    let mut kept = vec![false; rows.len()];
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    for (at, (sign, line)) in rows.iter().enumerate() {
        if *sign == ' ' {
            continue;
        }
        let last = (at + AROUND).min(rows.len() - 1);
        kept[at.saturating_sub(AROUND)..=last].fill(true);
        let mut depth = indent(line);
        for (above, (_, line)) in rows[..at].iter().enumerate().rev() {
            if depth == 0 {
                break;
            }
            if indent(line) < depth {
                depth = indent(line);
                kept[above] = true;
            }
        }
    }
    kept
}
