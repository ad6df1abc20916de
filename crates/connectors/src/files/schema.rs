//! The JSON Schemas of a recording's own files and of what is said about one. `docs/schemas` holds them.

use std::collections::BTreeMap;

use model::lesson::Lessons;
use model::recording::{Manifest, TrueAnswer};
use model::{Alarm, Change, Event, StateSnapshot, Topology};
use schemars::{Schema, schema_for};

use super::check::CheckReport;
use super::show::Summary;

/// The schemas, by the name of their file in `docs/schemas`.
pub fn schemas() -> BTreeMap<&'static str, Schema> {
    BTreeMap::from([
        ("recording.alarms.schema.json", schema_for!(Vec<Alarm>)),
        ("recording.lessons.schema.json", schema_for!(Lessons)),
        ("recording.answer.schema.json", schema_for!(TrueAnswer)),
        ("recording.changes.schema.json", schema_for!(Vec<Change>)),
        ("recording.check.schema.json", schema_for!(CheckReport)),
        ("recording.event.schema.json", schema_for!(Event)),
        ("recording.schema.json", schema_for!(Manifest)),
        ("recording.show.schema.json", schema_for!(Summary)),
        ("recording.state.schema.json", schema_for!(StateSnapshot)),
        ("recording.topology.schema.json", schema_for!(Topology)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `MIDWATCH_WRITE=1 cargo test -p midwatch-connectors schemas` writes them anew.
    #[test]
    fn the_published_schemas_are_those_of_the_program() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas");
        for (name, schema) in schemas() {
            let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            let path = folder.join(name);
            if std::env::var_os("MIDWATCH_WRITE").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let published = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                published == text,
                "{name} is stale: run with MIDWATCH_WRITE=1"
            );
        }
    }
}
