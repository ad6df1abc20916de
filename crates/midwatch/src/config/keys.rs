//! Which tables and keys `midwatch.toml` may have, as the types say that read it.

use schemars::schema_for;
use serde_json::Value;

use super::Config;

/// One table: its keys, and the tables inside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// How it begins: `[connectors.loki.NAME]`; `[[…]]` where there may be several in a row. Empty for the file itself.
    pub head: String,
    /// Its name in the table that it lies in.
    pub name: String,
    /// What it is, in lines as long as they are in the source.
    pub about: String,
    /// What stands in it.
    pub keys: Vec<Key>,
    /// What lies in it, the tables under names of one's own behind the others, as TOML wants it.
    pub tables: Vec<Table>,
}

/// One key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// What may stand there, such as `text`; `[text]` is a list, `{ NAME = text }` a table whose keys are one's own.
    pub holds: String,
    /// Must it be there?
    pub needed: bool,
    /// What holds unless it is set, where the words about it do not say so.
    pub default: Option<Value>,
    /// What it does, in lines as long as they are in the source.
    pub about: String,
}

impl Key {
    /// What holds where it is not set: `needed`, or the default; nothing where the words about it say so.
    pub fn unset(&self) -> Option<String> {
        match &self.default {
            _ if self.needed => Some("needed".to_string()),
            Some(default) => Some(format!("{default} unless it is set")),
            None => None,
        }
    }
}

impl Table {
    /// The file itself.
    pub fn whole() -> Self {
        let schema = schema_for!(Config).to_value();
        Self::read(&schema, &schema, Spot::default())
    }

    /// What is said of one connector, by its key in `[connectors]`.
    pub fn of_connector(key: &str) -> Option<Self> {
        let inside = |table: Self, name: &str| {
            let mut tables = table.tables.into_iter();
            tables.find(|table| table.name == name)
        };
        inside(inside(Self::whole(), "connectors")?, key)
    }

    /// A schema that has properties, whose table lies at this spot.
    fn read(whole: &Value, schema: &Value, spot: Spot<'_>) -> Self {
        let mut table = Self {
            head: spot.head(),
            name: spot.name.to_string(),
            about: spot.about,
            keys: Vec::new(),
            tables: Vec::new(),
        };
        let needed = |name: &str| {
            let mut names = schema["required"].as_array().into_iter().flatten();
            names.any(|needed| needed == name)
        };
        let (mut named, mut listed) = (Vec::new(), Vec::new());
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let inner = target(whole, property);
            let about = property["description"]
                .as_str()
                .or(inner["description"].as_str());
            let about = about.unwrap_or_default().to_string();
            let below = |path: String, several: bool| Spot {
                path,
                name,
                several,
                about: about.clone(),
            };
            let path = match spot.path.as_str() {
                "" => name.to_string(),
                outer => format!("{outer}.{name}"),
            };
            let each = |key: &str| inner.get(key).map(|each| target(whole, each));
            let is_table = |schema: &&Value| !schema["properties"].is_null();
            if is_table(&inner) {
                table
                    .tables
                    .push(Self::read(whole, inner, below(path, false)));
            } else if let Some(each) = each("additionalProperties").filter(is_table) {
                let path = format!("{path}.NAME");
                named.push(Self::read(whole, each, below(path, false)));
            } else if let Some(each) = each("items").filter(is_table) {
                listed.push(Self::read(whole, each, below(path, true)));
            } else {
                table.keys.push(Key {
                    name: name.to_string(),
                    holds: holds(whole, property),
                    needed: needed(name),
                    default: property.get("default").filter(|one| says(one)).cloned(),
                    about,
                });
            }
        }
        table.tables.append(&mut named);
        table.tables.append(&mut listed);
        table
    }
}

/// Where a table lies in the file.
#[derive(Default)]
struct Spot<'a> {
    /// The way there, such as `connectors.loki.NAME`; empty for the file itself.
    path: String,
    /// The last part of it that is not one's own.
    name: &'a str,
    /// May there be several in a row?
    several: bool,
    about: String,
}

impl Spot<'_> {
    fn head(&self) -> String {
        match (self.path.as_str(), self.several) {
            ("", _) => String::new(),
            (path, false) => format!("[{path}]"),
            (path, true) => format!("[[{path}]]"),
        }
    }
}

/// Is it a default worth telling? That there is nothing goes without saying.
fn says(default: &Value) -> bool {
    match default {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(all) => !all.is_empty(),
        Value::Object(all) => !all.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// What may stand where this schema is, in few words.
fn holds(whole: &Value, property: &Value) -> String {
    // These are text to TOML, and more than that to whoever writes it.
    match pointer(property).and_then(|pointer| pointer.rsplit('/').next()) {
        Some("Length") => return "length".to_string(),
        Some("Bytes") => return "bytes".to_string(),
        Some("EntityId") => return "entity".to_string(),
        _ => {}
    }
    let schema = target(whole, property);
    let mut kinds = schema["type"].as_array().into_iter().flatten();
    let kind = kinds
        .find(|kind| *kind != "null")
        .unwrap_or(&schema["type"]);
    match kind.as_str() {
        Some("string") => "text".to_string(),
        Some("boolean") => "true or false".to_string(),
        Some("integer") => "whole number".to_string(),
        Some("number") => "number".to_string(),
        Some("array") => format!("[{}]", holds(whole, &schema["items"])),
        Some("object") => {
            let each = holds(whole, &schema["additionalProperties"]);
            format!("{{ NAME = {each} }}")
        }
        _ => "value".to_string(),
    }
}

/// Where a property points: it itself, or the one part of an `anyOf` that is not null.
fn pointer(property: &Value) -> Option<&str> {
    let parts = property["anyOf"].as_array().into_iter().flatten();
    let mut pointers = std::iter::once(property)
        .chain(parts)
        .filter_map(|part| part["$ref"].as_str());
    pointers.next()
}

/// What a property means: itself, or what it points to.
fn target<'a>(whole: &'a Value, property: &'a Value) -> &'a Value {
    pointer(property)
        .and_then(|pointer| whole.pointer(pointer.trim_start_matches('#')))
        .unwrap_or(property)
}
