//! Lists the files under `mechanisms/`, so that adding a mechanism is adding a file.

use std::fmt::Write as _;
use std::path::Path;

fn main() {
    let folder = Path::new("mechanisms");
    println!("cargo::rerun-if-changed=mechanisms");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    let mut code = String::from(
        "/// (file name, text) of every mechanism, sorted by name.\npub static FILES: &[(&str, &str)] = &[\n",
    );
    for name in &names {
        // Relative to the crate: its folder may have moved since this was written.
        let path = format!("/mechanisms/{name}");
        writeln!(
            code,
            "    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))),"
        )
        .expect("a string takes all");
    }
    code.push_str("];\n");
    let out = Path::new(&std::env::var("OUT_DIR").expect("cargo sets it")).join("mechanisms.rs");
    std::fs::write(out, code).expect("cargo's folder can be written");
}
