//! Fragments of the changelog, one file per change that a user can see, and their move into CHANGELOG.md.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::house::root;

/// Kinds of fragments, in the order in which a version lists them.
const KINDS: [(&str, &str); 4] = [
    ("added", "Added"),
    ("changed", "Changed"),
    ("fixed", "Fixed"),
    ("removed", "Removed"),
];
/// New versions are put below this line.
const MARK: &str = "<!-- versions -->\n";

struct Fragment {
    file: PathBuf,
    kind: usize,
    text: String,
}

/// Moves all fragments below a heading of this version.
pub fn run(version: &str) -> anyhow::Result<bool> {
    ensure!(
        version.starts_with(|first: char| first.is_ascii_digit()),
        "{version} is no version; expected one like 0.2.0"
    );
    let folder = root().join("changelog.d");
    let (fragments, faults) = fragments(&folder)?;
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    ensure!(
        !fragments.is_empty(),
        "no fragments in {}",
        folder.display()
    );
    let file = root().join("CHANGELOG.md");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let (before, after) = text
        .split_once(MARK)
        .with_context(|| format!("CHANGELOG.md lacks the line {MARK}"))?;
    fs::write(
        &file,
        format!("{before}{MARK}\n{}{after}", section(version, &fragments)),
    )?;
    for fragment in &fragments {
        fs::remove_file(&fragment.file)?;
    }
    println!("{} entries are now under {version}", fragments.len());
    Ok(true)
}

/// What is wrong with the names or texts of fragments.
pub fn faults() -> anyhow::Result<Vec<String>> {
    Ok(fragments(&root().join("changelog.d"))?.1)
}

fn fragments(folder: &Path) -> anyhow::Result<(Vec<Fragment>, Vec<String>)> {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let file = entry?.path();
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name == "README.md" {
            continue;
        }
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        match kind(&name) {
            Some(kind) if !text.trim().is_empty() => found.push(Fragment { file, kind, text }),
            Some(_) => faults.push(format!("changelog.d/{name}: is empty")),
            None => faults.push(format!(
                "changelog.d/{name}: is not called NAME.KIND.md (changelog.d/README.md)"
            )),
        }
    }
    found.sort_by(|a, b| (a.kind, &a.file).cmp(&(b.kind, &b.file)));
    faults.sort();
    Ok((found, faults))
}

/// The kind that a file's name tells.
fn kind(name: &str) -> Option<usize> {
    let (words, kind) = name.strip_suffix(".md")?.rsplit_once('.')?;
    let named = !words.is_empty()
        && words
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    KINDS.iter().position(|(word, _)| named && *word == kind)
}

fn section(version: &str, fragments: &[Fragment]) -> String {
    let mut text = format!("## {version}\n");
    for (number, (_, title)) in KINDS.iter().enumerate() {
        let of_kind: Vec<&Fragment> = fragments
            .iter()
            .filter(|fragment| fragment.kind == number)
            .collect();
        if of_kind.is_empty() {
            continue;
        }
        text.push_str(&format!("\n### {title}\n"));
        for fragment in of_kind {
            let entry: Vec<&str> = fragment.text.trim().lines().collect();
            text.push_str(&format!("- {}\n", entry.join("\n  ")));
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::{Fragment, kind, section};

    #[test]
    fn names_tell_kinds() {
        assert_eq!(kind("quick-start.fixed.md"), Some(2));
        for name in [
            "README.md",
            "fixed.md",
            ".fixed.md",
            "a b.fixed.md",
            "a.broken.md",
            "a.fixed.txt",
        ] {
            assert_eq!(kind(name), None, "{name}");
        }
    }

    #[test]
    fn a_version_lists_by_kind() {
        let one = |kind, text: &str| Fragment {
            file: "x".into(),
            kind,
            text: text.to_string(),
        };
        let text = section(
            "0.2.0",
            &[one(0, "New.\nSecond line.\n"), one(2, "Whole again.\n")],
        );
        assert_eq!(
            text,
            "## 0.2.0\n\n### Added\n- New.\n  Second line.\n\n### Fixed\n- Whole again.\n\n"
        );
    }
}
