//! Ways to break the shop: data files, each with two small scripts and the answer that is expected.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::read;
use super::system::{Shop, folder};

/// One way to break it.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The file's name without `.toml`.
    pub name: String,
    /// One line for people.
    pub title: String,
    break_script: String,
    mend_script: String,
    /// PromQL that gives something while it is broken, and nothing before.
    pub seen: Vec<String>,
    /// What the cause may be called: `kind/name`, or a name whatever the kind.
    pub entities: Vec<String>,
    /// Categories that are right.
    pub categories: Vec<String>,
}

impl Fault {
    /// All of them, by name.
    pub fn all() -> anyhow::Result<Vec<Self>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder().join("faults"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "toml") {
                found.push(Self::read(&path).with_context(|| path.display().to_string())?);
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// The one of this name.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        let all = Self::all()?;
        let names: Vec<&str> = all.iter().map(|fault| fault.name.as_str()).collect();
        let known = format!("no such fault: {name}; there are {}", names.join(", "));
        all.into_iter()
            .find(|fault| fault.name == name)
            .context(known)
    }

    fn read(path: &Path) -> anyhow::Result<Self> {
        const KEYS: [&str; 6] = ["title", "does", "break", "mend", "seen", "expected"];
        let data = read(path)?;
        for key in data.as_object().into_iter().flatten().map(|(key, _)| key) {
            ensure!(KEYS.contains(&key.as_str()), "unknown key `{key}`");
        }
        let text = |of: &Value, key: &str| -> anyhow::Result<String> {
            let value = of[key].as_str();
            Ok(value.with_context(|| format!("`{key}` is missing"))?.into())
        };
        let list = |of: &Value, key: &str| -> anyhow::Result<Vec<String>> {
            let list = of[key].as_array().into_iter().flatten();
            let list: Vec<String> = list.filter_map(Value::as_str).map(str::to_string).collect();
            ensure!(!list.is_empty(), "`{key}` is missing");
            Ok(list)
        };
        text(&data, "does")?;
        let name = path.file_stem().context("a file has a name")?;
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            title: text(&data, "title")?,
            break_script: text(&data, "break")?,
            mend_script: text(&data, "mend")?,
            seen: list(&data, "seen")?,
            entities: list(&data["expected"], "entities")?,
            categories: list(&data["expected"], "categories")?,
        })
    }

    /// Breaks the shop.
    pub fn strike(&self, shop: &Shop) -> anyhow::Result<()> {
        self.script(shop, &self.break_script, "break")
    }

    /// Makes it well again.
    pub fn mend(&self, shop: &Shop) -> anyhow::Result<()> {
        self.script(shop, &self.mend_script, "mend")
    }

    fn script(&self, shop: &Shop, script: &str, what: &str) -> anyhow::Result<()> {
        let script = format!(". \"$SHOP/bin/faults\"\n{script}");
        let done = shop.bash(&script).status()?;
        ensure!(done.success(), "`{what}` of {} failed", self.name);
        Ok(())
    }

    /// May the cause be called so?
    pub fn names(&self, entity: &str) -> bool {
        let bare = entity.rsplit('/').next().unwrap_or_default();
        self.entities
            .iter()
            .any(|name| name == entity || (!name.contains('/') && name == bare))
    }

    /// Is this cause of a report the expected one? The name and the category each for itself.
    pub fn fits(&self, cause: &Value) -> (bool, bool) {
        let entity = self.names(cause["entity"].as_str().unwrap_or_default());
        let category = self
            .categories
            .iter()
            .any(|name| cause["category"].as_str() == Some(name));
        (entity, category)
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;
    use serde_json::json;

    #[test]
    fn there_are_fifteen_and_each_can_be_read() {
        let all = Fault::all().expect("every fault can be read");
        assert!(all.len() >= 15, "{}", all.len());
    }

    #[test]
    fn the_name_counts_whatever_the_kind_unless_a_kind_is_asked_for() {
        let fault = Fault {
            name: "x".into(),
            title: String::new(),
            break_script: String::new(),
            mend_script: String::new(),
            seen: Vec::new(),
            entities: vec!["postgres".into(), "database/shop".into()],
            categories: vec!["resource_limit".into()],
        };
        let fits = |entity: &str, category: &str| {
            fault.fits(&json!({"entity": entity, "category": category}))
        };
        assert_eq!(fits("service/eu/postgres", "resource_limit"), (true, true));
        assert_eq!(fits("database/shop", "system_change"), (true, false));
        assert_eq!(fits("service/shop", "resource_limit"), (false, true));
    }
}
