//! Every key with its default and what it does, made from the types that read it.

use std::fmt::Write as _;

use schemars::schema_for;
use serde_json::Value;

use super::Config;

/// A whole `midwatch.toml` in which every line is a comment: what can be set, and what holds unless it is.
pub fn reference() -> String {
    let schema = schema_for!(Config).to_value();
    let defaults = toml::Value::try_from(Config::default()).unwrap_or(toml::Value::Boolean(false));
    let mut text = String::from(
        "# Every key of midwatch.toml, with its default. An empty file is a valid one.\n",
    );
    section(&schema, &schema, Some(&defaults), "", &mut text);
    text
}

/// Keys first, then the sections inside, as TOML wants it.
fn section(
    whole: &Value,
    schema: &Value,
    defaults: Option<&toml::Value>,
    path: &str,
    text: &mut String,
) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let resolved: Vec<(&String, &Value, &Value)> = properties
        .iter()
        .map(|(name, property)| (name, property, target(whole, property)))
        .collect();
    for (name, property, inner) in resolved
        .iter()
        .filter(|(_, _, s)| s["properties"].is_null() && entries(whole, s).is_none())
    {
        let about = property["description"]
            .as_str()
            .or(inner["description"].as_str());
        for line in about.unwrap_or_default().lines() {
            let _ = writeln!(text, "# {line}");
        }
        match defaults.and_then(|d| d.get(name.as_str())) {
            Some(value) => {
                let _ = writeln!(text, "#{name} = {value}");
            }
            None => {
                let _ = writeln!(text, "#{name} =");
            }
        }
    }
    for (name, property, inner) in resolved
        .iter()
        .filter(|(_, _, s)| !s["properties"].is_null())
    {
        let path = if path.is_empty() {
            name.to_string()
        } else {
            format!("{path}.{name}")
        };
        let about = property["description"]
            .as_str()
            .or(inner["description"].as_str());
        let _ = writeln!(
            text,
            "\n# {}\n#[{path}]",
            about.unwrap_or_default().replace('\n', " ")
        );
        section(
            whole,
            inner,
            defaults.and_then(|d| d.get(name.as_str())),
            &path,
            text,
        );
    }
    for (name, property, inner) in &resolved {
        let Some(each) = entries(whole, inner) else {
            continue;
        };
        let path = if path.is_empty() {
            format!("{name}.NAME")
        } else {
            format!("{path}.{name}.NAME")
        };
        let about = property["description"].as_str().unwrap_or_default();
        let _ = writeln!(text, "\n# {}\n#[{path}]", about.replace('\n', " "));
        section(whole, each, None, &path, text);
    }
}

/// What each entry of a map of sections looks like, if this is one.
fn entries<'a>(whole: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    let inner = target(whole, schema.get("additionalProperties")?);
    (!inner["properties"].is_null()).then_some(inner)
}

/// What a property means: itself, what it points to, or the one part of an `anyOf` that is not null.
fn target<'a>(whole: &'a Value, property: &'a Value) -> &'a Value {
    let part = property["anyOf"]
        .as_array()
        .and_then(|parts| parts.iter().find(|part| part["$ref"].is_string()))
        .unwrap_or(property);
    part["$ref"]
        .as_str()
        .and_then(|pointer| whole.pointer(pointer.trim_start_matches('#')))
        .unwrap_or(property)
}
