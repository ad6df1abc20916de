//! The published schema of reports is the one of this program.
//!
//! `MIDWATCH_WRITE=1 cargo test -p midwatch --test schema` writes it anew.

use std::path::PathBuf;

#[test]
fn the_published_schema_is_current() {
    let file: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "../../docs/schemas/report.schema.json",
    ]
    .iter()
    .collect();
    let schema = schemars::schema_for!(model::report::Report);
    let current = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
    if std::env::var_os("MIDWATCH_WRITE").is_some() {
        std::fs::write(&file, &current).expect("the schema can be written");
    }
    let published = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        published == current,
        "{} is stale; run: MIDWATCH_WRITE=1 cargo test -p midwatch --test schema",
        file.display()
    );
}
