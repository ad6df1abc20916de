//! Prints what each commit of a recorded incident does.
//!
//! `cargo run -p midwatch-analysis --example read_commits -- DIR [--guilty SHA]` reads
//! `DIR/data/context/commits.json` (or `DIR` itself, if it is such a file): a list of objects
//! with `sha`, `message`, `files_changed` and `diff`.

use analysis::changes::{FailureKind, can_produce, read_change};
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(place) = arguments.first() else {
        return Err("usage: read_commits DIR".into());
    };
    let mut path = PathBuf::from(place);
    if path.is_dir() {
        path = path.join("data/context/commits.json");
    }
    let commits: serde_json::Value = serde_json::from_slice(&std::fs::read(path)?)?;
    for commit in commits.as_array().into_iter().flatten() {
        let text = |key: &str| commit[key].as_str().unwrap_or_default();
        let files: Vec<&str> = commit["files_changed"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|f| f.as_str())
            .collect();
        let reading = read_change(text("message"), &files, commit["diff"].as_str());
        let sha: String = text("sha").chars().take(8).collect();
        println!("{sha} {}", text("message"));
        let owners: Vec<&str> = reading.owners.iter().map(String::as_str).collect();
        let shared = if reading.shared_library {
            " (shared)"
        } else {
            ""
        };
        println!("    touches {}{shared}", owners.join(", "));
        if let Some(harmless) = &reading.harmless {
            println!("    harmless: {:?}: {}", harmless.kind, harmless.reason);
        }
        for effect in &reading.effects {
            println!(
                "    {:.2} {:?}: {} [{}]",
                effect.strength, effect.kind, effect.summary, effect.file
            );
        }
        let can: Vec<String> = FailureKind::ALL
            .iter()
            .map(|k| (can_produce(&reading, *k).0, k))
            .filter(|(p, _)| *p >= 0.2)
            .map(|(p, k)| format!("{k:?} {p:.2}"))
            .collect();
        println!(
            "    can produce: {}",
            if can.is_empty() {
                "nothing of note".to_owned()
            } else {
                can.join(", ")
            }
        );
    }
    Ok(())
}
