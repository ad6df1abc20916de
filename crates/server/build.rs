//! Puts the files of the built page (`ui/dist`) into the program. Where it was not built there are none, and the program
//! says so in its place: nobody needs Node to build it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui");
    let dist = page.join("dist");
    // A path that is not there would run this at every build.
    let watched = if dist.is_dir() { &dist } else { &page };
    if watched.is_dir() {
        println!("cargo::rerun-if-changed={}", watched.display());
    } else {
        println!("cargo::rerun-if-changed=build.rs");
    }
    let mut files = Vec::new();
    gather(&dist, "", &mut files);
    files.sort();
    let Some(out) = std::env::var_os("OUT_DIR").map(PathBuf::from) else {
        panic!("cargo names no folder to write into");
    };
    // The compiler reads copies: whoever builds the page anew meanwhile takes nothing away from it.
    let kept = out.join("page");
    std::fs::remove_dir_all(&kept).ok();
    if let Err(error) = std::fs::create_dir_all(&kept) {
        panic!("{}: {error}", kept.display());
    }
    let mut text =
        String::from("/// Every file of the page, by address.\npub static FILES: &[File] = &[\n");
    for (number, (name, path)) in files.into_iter().enumerate() {
        let copy = kept.join(number.to_string());
        if std::fs::copy(&path, &copy).is_err() {
            // It went between being found and being read: the page is being built, and this runs again after it.
            continue;
        }
        let path = copy.display().to_string();
        // Writing into a text does not fail.
        let _ = writeln!(
            text,
            "    File {{ path: {name:?}, body: include_bytes!({path:?}) }},"
        );
    }
    text += "];\n";
    if let Err(error) = std::fs::write(out.join("page.rs"), text) {
        panic!("the list of the page's files cannot be written: {error}");
    }
}

/// All files below, but those whose names begin with a dot: the builder's own.
fn gather(folder: &Path, under: &str, files: &mut Vec<(String, PathBuf)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let address = format!("{under}/{name}");
        let path = entry.path();
        if path.is_dir() {
            gather(&path, &address, files);
        } else if let Ok(path) = path.canonicalize() {
            files.push((address, path));
        }
    }
}
