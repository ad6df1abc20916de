//! Commits, deploys and flags.

use std::sync::Arc;

use model::telemetry::RawRef;
use model::{Change, ChangeKind, EntityId};
use serde_json::Value;

use super::super::json::{self, text};
use super::super::{ImportError, read_json};
use super::Import;

impl Import {
    pub(super) fn changes(&mut self) -> Result<Option<Vec<Change>>, ImportError> {
        let mut all = Vec::new();
        let mut looked = false;
        for (name, kind) in [
            ("context/commits.json", ChangeKind::Commit),
            ("context/deploys.json", ChangeKind::Deploy),
            ("context/flags.json", ChangeKind::Flag),
        ] {
            let file = self.data.join(name);
            if !file.is_file() {
                self.wanted(name, &format!("changes: {}s", kind.word()));
                continue;
            }
            looked = true;
            let document = read_json(&file)?;
            let whole: Arc<str> = format!("data/{name}").into();
            let list = json::rows(
                document,
                name.trim_start_matches("context/")
                    .trim_end_matches(".json"),
            );
            for (line, row) in (1..).zip(list) {
                let raw = RawRef {
                    file: Arc::clone(&whole),
                    line,
                };
                if let Some(change) = self.change(kind, &row, raw) {
                    all.push(change);
                }
            }
        }
        Ok(looked.then_some(all))
    }

    fn change(&mut self, kind: ChangeKind, row: &Value, raw: RawRef) -> Option<Change> {
        let start = json::time(&row["timestamp"])?;
        let service = text(&row["service"]);
        let entities: Vec<EntityId> = if service.is_empty() {
            Vec::new()
        } else {
            vec![self.service(&service)]
        };
        let sha = text(&row["sha"]);
        let version = text(&row["version"]);
        let flag = text(&row["flag"]);
        let list = |name: &str| -> Vec<String> {
            let list = row[name].as_array().map(Vec::as_slice).unwrap_or_default();
            list.iter().map(text).collect()
        };
        let (id, title, diff, carries) = match kind {
            ChangeKind::Commit => (
                sha,
                text(&row["message"]),
                row["diff"].as_str().map(str::to_string),
                Vec::new(),
            ),
            ChangeKind::Deploy => {
                let commit = text(&row["commit_sha"]);
                let mut carries = list("commits");
                carries.extend(Some(commit).filter(|sha| !sha.is_empty()));
                (
                    format!("deploy {service} {start}"),
                    format!("deploy {version} of {service}"),
                    None,
                    carries,
                )
            }
            _ => {
                let step = text(&row["change"]);
                let diff = step.split_once("->").map(|(old, new)| {
                    format!("-{flag} = {}\n+{flag} = {}", old.trim(), new.trim())
                });
                (
                    format!("flag {flag} {start}"),
                    format!("flag {flag} {step}"),
                    diff,
                    Vec::new(),
                )
            }
        };
        let actor = text(&row["author"]) + &text(&row["actor"]);
        (!id.is_empty()).then_some(Change {
            id,
            kind,
            start,
            end: start,
            entities,
            actor,
            title,
            files: list("files_changed"),
            diff,
            version,
            carries,
            undone: None,
            raw,
        })
    }
}
