//! A repository that is made with the `git` program itself.

use std::path::Path;
use std::process::Command;

use model::query::GapReason;
use model::time::SECOND;

use super::*;
use crate::pull::tests::Simulated;

const NOW: i64 = 1_760_000_000;

/// Runs git there; `at` is the time by which it commits, in seconds.
fn git(folder: &Path, at: i64, arguments: &[&str]) {
    let when = format!("@{at} +0000");
    let done = Command::new("git")
        .args([
            "-c",
            "user.name=Anna",
            "-c",
            "user.email=a@shop.example",
            "-c",
            "commit.gpgsign=false",
        ])
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_COMMITTER_DATE", &when)
        .env("GIT_AUTHOR_DATE", &when)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    git(path, NOW - 90_000, &["init", "-q", "-b", "main"]);
    let commit = |at: i64, file: &str, text: &str, message: &str| {
        std::fs::write(path.join(file), text).unwrap();
        git(path, at, &["add", "-A"]);
        git(path, at, &["commit", "-q", "-m", message]);
    };
    commit(NOW - 90_000, "pool.toml", "most = 20\n", "Begin");
    commit(NOW - 3_000, "pool.toml", "most = 2\n", "Smaller pool");
    git(path, NOW - 2_000, &["checkout", "-q", "-b", "side"]);
    commit(NOW - 1_900, "täglich.txt", "x\n", "On the side");
    git(path, NOW - 1_800, &["checkout", "-q", "main"]);
    git(
        path,
        NOW - 1_700,
        &["merge", "-q", "--no-ff", "side", "-m", "Merge the side"],
    );
    git(path, NOW - 600, &["revert", "--no-edit", "HEAD~1"]);
    folder
}

fn settings(path: &Path) -> Settings {
    Settings {
        path: path.to_path_buf(),
        branch: String::new(),
        entities: vec!["service/cart".into()],
        since: Span::minutes(24 * 60),
        diffs: 50,
        timeout: Span::seconds(20),
        look: Span::seconds(60),
    }
}

fn eyes(settings: Settings) -> Eyes {
    Eyes::new("git.shop", settings, Simulated::at(Timestamp(NOW * SECOND)))
}

fn hull() -> TimeWindow {
    let now = Timestamp(NOW * SECOND);
    TimeWindow::new(now.minus(Span::minutes(60)), now).unwrap()
}

#[test]
fn commits_of_a_repository_become_changes() {
    let folder = repository();
    // What a repository orders to be run is not run.
    let touched = folder.path().join("ran");
    let run = format!("touch {}", touched.display());
    for setting in [
        "diff.external",
        "core.pager",
        "core.fsmonitor",
        "gpg.program",
        "core.sshCommand",
    ] {
        git(folder.path(), NOW, &["config", setting, &run]);
    }
    git(folder.path(), NOW, &["config", "log.showSignature", "true"]);
    let eyes = eyes(settings(folder.path()));
    let brought = eyes.look(hull(), Timestamp(NOW * SECOND));
    assert_eq!(brought.gaps, []);
    let told: Vec<String> = brought
        .changes
        .iter()
        .map(|c| {
            format!(
                "{} {} {:?} {:?}",
                c.start.seconds() - NOW,
                c.title,
                c.files,
                c.undone.map(|at| at.seconds() - NOW)
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "-600 Revert \"Smaller pool\" [\"pool.toml\"] None",
            "-1700 Merge the side [\"täglich.txt\"] None",
            "-3000 Smaller pool [\"pool.toml\"] Some(-600)",
        ]
    );
    let diff = brought.changes[2].diff.as_deref().unwrap();
    assert!(
        diff.contains("-most = 20\n+most = 2\n") && diff.contains("+++ b/pool.toml"),
        "{diff}"
    );
    assert_eq!(brought.changes[0].actor, "Anna");
    assert_eq!(brought.asked.spent.requests, 4);
    // A commit never changes: only the list is read again.
    let again = eyes.look(hull(), Timestamp(NOW * SECOND));
    assert_eq!(
        (again.changes == brought.changes, again.asked.spent.requests),
        (true, 1)
    );
    let said = eyes.greet().unwrap();
    assert!(said.starts_with("3 commits in the last"), "{said}");
    assert!(!touched.exists());
}

#[test]
fn what_is_no_repository_or_takes_too_long_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let brought = eyes(settings(folder.path())).look(hull(), Timestamp(NOW * SECOND));
    assert_eq!(brought.gaps.len(), 1);
    assert_eq!(
        (brought.gaps[0].wanted.as_str(), brought.gaps[0].why),
        ("changes", GapReason::Connector)
    );
    assert!(
        brought.gaps[0].detail.contains("not a git repository"),
        "{:?}",
        brought.gaps
    );
    assert!(
        brought.gaps[0]
            .how_to_close
            .contains("[connectors.git.shop]")
    );
    let folder = repository();
    for (hurried, why) in [
        (
            Settings {
                timeout: Span(1),
                ..settings(folder.path())
            },
            GapReason::Timeout,
        ),
        (
            Settings {
                look: Span(0),
                ..settings(folder.path())
            },
            GapReason::Budget,
        ),
        (
            Settings {
                branch: "nowhere".to_string(),
                ..settings(folder.path())
            },
            GapReason::Connector,
        ),
    ] {
        let brought = eyes(hurried).look(hull(), Timestamp(NOW * SECOND));
        assert_eq!(
            brought.gaps.first().map(|gap| gap.why),
            Some(why),
            "{:?}",
            brought.gaps
        );
    }
    let few = Settings {
        diffs: 1,
        ..settings(folder.path())
    };
    let brought = eyes(few).look(hull(), Timestamp(NOW * SECOND));
    assert_eq!((brought.changes.len(), brought.gaps.len()), (3, 1));
}

#[test]
fn only_names_of_branches_are_branches() {
    for good in ["", "main", "origin/main", "release-1.2"] {
        assert!(is_branch(good), "{good}");
    }
    for bad in [
        "-x",
        "--output=/tmp/x",
        "a..b",
        "a b",
        "/abs",
        "@{1}",
        "a;b",
        ":/x",
    ] {
        assert!(!is_branch(bad), "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn no_output_makes_it_stumble(output in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let _ = (commits(&output), altered(&output));
    }
}
