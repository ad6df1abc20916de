//! Lists the files under `mechanisms/` and `exporters/`, so that adding one of either is adding a file.

use std::fmt::Write as _;
use std::path::Path;

fn main() {
    list("mechanisms", "mechanism");
    list("exporters", "exporter");
}

/// Writes `FOLDER.rs`, which holds the text of every file of the folder.
fn list(folder: &str, what: &str) {
    println!("cargo::rerun-if-changed={folder}");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    let mut code = format!(
        "/// (file name, text) of every {what}, sorted by name.\npub static FILES: &[(&str, &str)] = &[\n",
    );
    for name in &names {
        // Relative to the crate: its folder may have moved since this was written.
        let path = format!("/{folder}/{name}");
        writeln!(
            code,
            "    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))),"
        )
        .expect("a string takes all");
    }
    code.push_str("];\n");
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&out).join(format!("{folder}.rs")), code)
        .expect("cargo's folder can be written");
}
