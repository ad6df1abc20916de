//! The user guide: `docs/` as a book, where mdBook is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::house::root;

/// How to get the tool.
const HOW: &str = "mdBook builds the guide, and it is not installed: `cargo install mdbook --no-default-features`, \
    or name it: `cargo xtask guide --mdbook FILE`. The pages in docs/ can be read without it";

/// Builds the book into `guide/`, and looks whether its links lead anywhere. False if one does not.
pub fn run(options: &[&str]) -> anyhow::Result<bool> {
    let mdbook = match options {
        [] => "mdbook",
        ["--mdbook", file] => file,
        other => anyhow::bail!("guide takes --mdbook FILE, not {}", other.join(" ")),
    };
    let mut command = Command::new(mdbook);
    let status = match command.arg("build").current_dir(root()).status() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("{HOW}");
            return Ok(false);
        }
        other => other.with_context(|| format!("{mdbook} cannot be started"))?,
    };
    ensure!(status.success(), "{mdbook} build failed");
    let book = root().join("guide");
    let mut pages = Vec::new();
    pages_below(&book, &mut pages)?;
    let mut dead = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page).with_context(|| page.display().to_string())?;
        let mended = mend(&text, |target| leads(page, target));
        for target in targets(&mended).filter(|target| !leads(page, target)) {
            dead.push(format!("{}: {target}", page.display()));
        }
        if mended != text {
            fs::write(page, mended).with_context(|| page.display().to_string())?;
        }
    }
    for link in &dead {
        println!("leads nowhere: {link}");
    }
    println!(
        "{} pages; begin at {}",
        pages.len(),
        book.join("index.html").display()
    );
    Ok(dead.is_empty())
}

fn pages_below(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            pages_below(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "html")
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

/// Relative targets of a page's links, without anchors; mdBook's own error page has a base of its own.
fn targets(page: &str) -> impl Iterator<Item = &str> {
    let page = if page.contains("<base href") {
        ""
    } else {
        page
    };
    page.split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split(['"', '#']).next())
        .filter(|target| !target.is_empty() && !target.contains(':'))
}

fn leads(page: &Path, target: &str) -> bool {
    page.parent()
        .is_some_and(|folder| folder.join(target).exists())
}

/// mdBook writes `.html` for every `.md`, also for pages that are no part of the book, and forgets that it calls a
/// `README` `index`. Where such a link leads nowhere, and the other name leads somewhere, it is put right.
fn mend(page: &str, leads: impl Fn(&str) -> bool) -> String {
    let mut out = page.to_string();
    let mut done: Vec<&str> = Vec::new();
    for target in targets(page) {
        if done.contains(&target) || leads(target) {
            continue;
        }
        done.push(target);
        let Some(stem) = target.strip_suffix(".html") else {
            continue;
        };
        let index = stem
            .strip_suffix("README")
            .map(|folder| format!("{folder}index.html"));
        let other = index
            .filter(|index| leads(index))
            .unwrap_or_else(|| format!("{stem}.md"));
        if leads(&other) {
            for end in ['"', '#'] {
                out = out.replace(
                    &format!("href=\"{target}{end}"),
                    &format!("href=\"{other}{end}"),
                );
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_that_lead_nowhere_are_mended() {
        let there = ["watch.html", "decisions/index.html", "../README.md"];
        let page = concat!(
            "<a href=\"watch.html#begin\"> <a href=\"decisions/README.html\"> <a href=\"../README.html#commands\">",
            "<a href=\"gone.html\"> <a href=\"https://a/README.html\">"
        );
        let mended = mend(page, |target| there.contains(&target));
        assert_eq!(
            mended,
            concat!(
                "<a href=\"watch.html#begin\"> <a href=\"decisions/index.html\"> <a href=\"../README.md#commands\">",
                "<a href=\"gone.html\"> <a href=\"https://a/README.html\">"
            )
        );
        let found: Vec<&str> = targets(&mended).collect();
        assert_eq!(
            found,
            [
                "watch.html",
                "decisions/index.html",
                "../README.md",
                "gone.html"
            ]
        );
    }
}
