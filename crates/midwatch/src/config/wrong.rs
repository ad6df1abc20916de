//! Of a value that does not fit serde says which type of our source was expected. Whoever writes the file knows keys and
//! not types: here the same is said with the key, what may stand there, and how that is written.

use super::{Key, Table};

/// What leads to everything that may stand in the file.
const MORE: &str = "`midwatch config reference` shows every key";

/// What does not fit and what to do about it; `None` where the error's own words will do.
pub(super) fn told(error: &toml::de::Error) -> Option<(String, String)> {
    let path = path(error)?;
    let misfit = Misfit::of(error.message())?;
    let whole = Table::whole();
    if let Misfit::Missing(key) = misfit {
        let path = format!("{path}.{key}");
        return match end(&whole, &path)? {
            End::Key(key, _) => Some((format!("{path} is missing"), written(key))),
            End::Table(..) => None,
        };
    }
    match end(&whole, &path)? {
        End::Key(key, below) => Some(of_key(&path, key, below, &misfit)),
        End::Table(table, named) => of_table(&path, table, named, &misfit),
    }
}

/// Which key it is about, the way to it before it. The error gives it in what it shows alone, and there only where it
/// has no text to show.
fn path(error: &toml::de::Error) -> Option<String> {
    let mut bare = error.clone();
    bare.set_input(None);
    let shown = bare.to_string();
    let path = shown.strip_prefix(error.message())?.trim();
    let path = path.strip_prefix("in `")?.strip_suffix('`')?;
    Some(path.to_string())
}

/// How a value does not fit.
enum Misfit<'m> {
    /// It is of another kind: of which, and what serde expected.
    Kind(&'static str, &'m str),
    /// It is a number out of range: which, and of which type it would have to be.
    Number(&'m str, &'m str),
    /// It is one of several words, and no text.
    Word,
    /// It is no address with a port.
    Address,
    /// A key that must be there is not.
    Missing(&'m str),
}

impl<'m> Misfit<'m> {
    /// As serde and toml word it.
    fn of(message: &'m str) -> Option<Self> {
        if message == "invalid socket address syntax" {
            return Some(Self::Address);
        }
        if message == "wanted string or table" {
            return Some(Self::Word);
        }
        if let Some(rest) = message.strip_prefix("missing field `") {
            return rest.strip_suffix('`').map(Self::Missing);
        }
        let (found, expected) = message.rsplit_once(", expected ")?;
        if let Some(rest) = found.strip_prefix("invalid value: integer `") {
            let number = rest.strip_suffix('`')?;
            return Some(Self::Number(number, expected));
        }
        let found = found.strip_prefix("invalid type: ")?;
        if expected == "socket address" {
            return Some(Self::Address);
        }
        // What exactly stands there may be a secret in the wrong place.
        let kinds = [
            ("string", "text"),
            ("integer", "a whole number"),
            ("floating point", "a number"),
            ("boolean", "true or false"),
            ("sequence", "a list"),
            ("map", "a table"),
        ];
        let (_, kind) = kinds.iter().find(|(word, _)| found.starts_with(word))?;
        Some(Self::Kind(kind, expected))
    }
}

/// Where the way through the tables ends.
enum End<'t> {
    /// At a key, and so many names below it.
    Key(&'t Key, usize),
    /// At a table. Of those that stand under names of one's own: is such a name there?
    Table(&'t Table, bool),
}

fn end<'t>(whole: &'t Table, path: &str) -> Option<End<'t>> {
    let parts: Vec<&str> = path.split('.').collect();
    let mut parts = parts.iter();
    let mut table = whole;
    while let Some(part) = parts.next() {
        if let Some(key) = table.keys.iter().find(|key| key.name == *part) {
            return Some(End::Key(key, parts.len()));
        }
        table = table.tables.iter().find(|inner| inner.name == *part)?;
        if is_named(table) && parts.next().is_none() {
            return Some(End::Table(table, false));
        }
    }
    Some(End::Table(table, true))
}

/// Does it stand under a name of one's own?
fn is_named(table: &Table) -> bool {
    table.head.ends_with(".NAME]")
}

fn of_key(path: &str, key: &Key, below: usize, misfit: &Misfit<'_>) -> (String, String) {
    let what = match misfit {
        Misfit::Kind(found, expected) => {
            let mut holds = key.holds.as_str();
            for _ in 0..below {
                holds = each_of_map(holds).unwrap_or(holds);
            }
            match each_of_list(holds) {
                Some(each) if *expected != "a sequence" => {
                    format!("{path} holds {found}, and {} is wanted in it", wanted(each))
                }
                _ => format!("{path} is {found}, and {} is wanted", wanted(holds)),
            }
        }
        Misfit::Number(number, expected) => {
            let range = match *expected {
                "u8" => "from 0 to 255",
                "u16" => "from 0 to 65535",
                "u32" => "from 0 to 4294967295",
                _ => "that is not negative",
            };
            format!("{path} is {number}, and a whole number {range} is wanted")
        }
        Misfit::Address => {
            return (
                format!("{path} is no address with a port"),
                format!(
                    "write it like {} = \"127.0.0.1:8787\"; the names of hosts are not looked up",
                    key.name
                ),
            );
        }
        Misfit::Word => format!("{path} is not text"),
        Misfit::Missing(inner) => format!("{path} has no {inner}"),
    };
    (what, written(key))
}

fn of_table(
    path: &str,
    table: &Table,
    named: bool,
    misfit: &Misfit<'_>,
) -> Option<(String, String)> {
    let Misfit::Kind(found, _) = misfit else {
        return None;
    };
    // A key stands where a name of one's own belongs.
    if let Some((outer, last)) = path.rsplit_once('.')
        && is_named(table)
        && named
        && table.keys.iter().any(|key| key.name == last)
    {
        return Some((
            format!("[{outer}] holds {last}, and a name of yours is wanted there"),
            format!("name it, such as [{outer}.main], with {last} below it; {MORE}"),
        ));
    }
    let head = match (is_named(table), named) {
        _ if table.head.starts_with("[[") => format!("[[{path}]]"),
        (true, false) => format!("[{path}.main]"),
        _ => format!("[{path}]"),
    };
    Some((
        format!("{path} is {found}, and a table is wanted"),
        format!("write {head} on a line of its own, and its keys below it; {MORE}"),
    ))
}

/// How a key is written.
fn written(key: &Key) -> String {
    format!("write it like {} = {}; {MORE}", key.name, example(key))
}

/// A value that the key may have: the one that its own words name, or else any of its kind.
fn example(key: &Key) -> String {
    let holds = key.holds.as_str();
    let said = key.about.split_once("such as").and_then(|(_, rest)| {
        let rest = rest.trim_start().strip_prefix('`')?;
        rest.split_once('`').map(|(said, _)| said)
    });
    match said {
        Some(said) if ["text", "entity"].contains(&holds) => format!("{said:?}"),
        Some(said) if holds.starts_with('[') && !said.starts_with('[') => format!("[{said:?}]"),
        Some(said) if holds.starts_with(['[', '{']) && said.starts_with(['[', '{']) => {
            said.to_string()
        }
        // One of several words: all of them are named.
        None if holds == "value" => {
            let word = key.about.split('`').nth(1);
            word.map_or_else(|| of_kind(holds), |word| format!("{word:?}"))
        }
        _ => of_kind(holds),
    }
}

/// Any value of this kind.
fn of_kind(holds: &str) -> String {
    if let Some(each) = each_of_list(holds) {
        return format!("[{}]", of_kind(each));
    }
    if let Some(each) = each_of_map(holds) {
        return format!("{{ name = {} }}", of_kind(each));
    }
    let example = match holds {
        "text" => "\"text\"",
        "length" => "\"5s\"",
        "bytes" => "\"64MiB\"",
        "entity" => "\"service/checkout\"",
        "whole number" => "100",
        "number" => "0.5",
        "true or false" => "true",
        _ => "\"word\"",
    };
    example.to_string()
}

/// What may stand there, in a sentence.
fn wanted(holds: &str) -> &'static str {
    match holds {
        "text" => "text",
        "length" => "a length of time",
        "bytes" => "a number of bytes",
        "entity" => "an entity",
        "whole number" => "a whole number",
        "number" => "a number",
        "true or false" => "true or false",
        _ if holds.starts_with('[') => "a list",
        _ if holds.starts_with('{') => "a table",
        _ => "something else",
    }
}

/// Of what [`Key::holds`] says of a list, what it says of each of its parts.
fn each_of_list(holds: &str) -> Option<&str> {
    holds.strip_prefix('[')?.strip_suffix(']')
}

/// The same of a table whose keys are one's own.
fn each_of_map(holds: &str) -> Option<&str> {
    holds.strip_prefix("{ NAME = ")?.strip_suffix(" }")
}
