//! A folder of recordings: those that come with the program, or a team's own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One recording in a library.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shelf {
    /// Its name: the folder's, or the archive's without `.tar.zst`.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Is it one file?
    pub packed: bool,
}

/// The recordings directly inside of `root`, sorted by name. A folder counts if it holds a
/// `recording.json`, a file if it is a `.tar.zst`.
///
/// # Errors
/// When `root` cannot be listed.
pub fn list(root: &Path) -> io::Result<Vec<Shelf>> {
    let mut out = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        let Some(own) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if path.join("recording.json").is_file() {
            out.push(Shelf {
                name: own.to_string(),
                packed: false,
                path,
            });
        } else if let Some(name) = own.strip_suffix(".tar.zst")
            && path.is_file()
        {
            out.push(Shelf {
                name: name.to_string(),
                packed: true,
                path,
            });
        }
    }
    out.sort();
    Ok(out)
}

/// The recording of this name, if the library has it; a folder comes before an archive.
///
/// # Errors
/// When `root` cannot be listed.
pub fn find(root: &Path, name: &str) -> io::Result<Option<Shelf>> {
    let mut all = list(root)?;
    all.retain(|shelf| shelf.name == name);
    all.sort_by_key(|shelf| shelf.packed);
    Ok(all.into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_archives_are_found_by_name() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("b")).unwrap();
        fs::write(root.path().join("b/recording.json"), "{}").unwrap();
        fs::create_dir_all(root.path().join("nothing")).unwrap();
        fs::write(root.path().join("a.tar.zst"), "").unwrap();
        fs::write(root.path().join("notes.txt"), "").unwrap();
        let names: Vec<(String, bool)> = list(root.path())
            .unwrap()
            .into_iter()
            .map(|shelf| (shelf.name, shelf.packed))
            .collect();
        assert_eq!(names, [("a".to_string(), true), ("b".to_string(), false)]);
        assert!(find(root.path(), "c").unwrap().is_none());
        assert!(find(root.path(), "a").unwrap().unwrap().packed);
    }
}
