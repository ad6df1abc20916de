//! Every key with its default and what it does, made from the types that read it.

use std::fmt::Write as _;

use super::{Config, Table};

/// A whole `midwatch.toml` in which every line is a comment: what can be set, and what holds unless it is.
pub fn reference() -> String {
    let defaults = toml::Value::try_from(Config::default()).unwrap_or(toml::Value::Boolean(false));
    let mut text = String::from(
        "# Every key of midwatch.toml, with its default. An empty file is a valid one.\n",
    );
    section(&Table::whole(), Some(&defaults), &mut text);
    text
}

/// Keys first, then the sections inside, as TOML wants it. What stands under names of one's own, or in a row, is not
/// there by default.
fn section(table: &Table, defaults: Option<&toml::Value>, text: &mut String) {
    let default = |name: &str| defaults.and_then(|defaults| defaults.get(name));
    for key in &table.keys {
        for line in key.about.lines() {
            let _ = writeln!(text, "# {line}");
        }
        match default(&key.name) {
            Some(value) => {
                let _ = writeln!(text, "#{} = {value}", key.name);
            }
            None => {
                let _ = writeln!(text, "#{} =", key.name);
            }
        }
    }
    for inner in &table.tables {
        let about = inner.about.replace('\n', " ");
        let _ = writeln!(text, "\n# {about}\n#{}", inner.head);
        section(inner, default(&inner.name), text);
    }
}
