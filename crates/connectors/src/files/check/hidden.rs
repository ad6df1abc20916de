//! Secrets and personal data that must not be passed on.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::super::layout::Role;
use super::super::limits::Limits;
use super::super::secrets::{self, SecretKind};
use super::super::source::{DataFile, Lines};
use super::{Findings, Grade};

/// Secrets of one sort in one file that are listed one by one; the rest is counted.
const LISTED: usize = 3;

/// Looks for secrets in every line of every file.
pub(super) fn look(files: &[(DataFile, Role)], limits: &Limits, findings: &mut Findings) {
    type Found = BTreeMap<SecretKind, (u64, Vec<(u64, String)>)>;
    let found: Vec<(&DataFile, Found)> = files
        .par_iter()
        .map(|(file, _)| {
            let mut found = Found::new();
            let Ok(mut lines) = Lines::new(file, limits.request_bytes, limits) else {
                return (file, found);
            };
            // A line that cannot be read was reported when the recording was opened.
            while let Ok(Some(line)) = lines.next() {
                let text = String::from_utf8_lossy(line.bytes);
                for (kind, shown) in secrets::find(&text) {
                    let (count, listed) = found.entry(kind).or_default();
                    *count += 1;
                    if listed.len() < LISTED {
                        listed.push((line.number, shown));
                    }
                }
            }
            (file, found)
        })
        .collect();
    for (file, kinds) in found {
        for (kind, (count, listed)) in kinds {
            let (grade, remedy) = if kind.personal() {
                (
                    Grade::Warning,
                    "replace personal data before the recording is passed on",
                )
            } else {
                (
                    Grade::Error,
                    "take it out, and revoke it: whoever has the recording has the secret",
                )
            };
            let more = count - listed.len() as u64;
            for (line, shown) in &listed {
                let found = format!("{}: {shown}", kind.word());
                findings.add(grade, "secret", &file.name, Some(*line), found, remedy);
            }
            if more > 0 {
                let found = format!("{more} more of this sort ({})", kind.word());
                findings.add(grade, "secret", &file.name, None, found, remedy);
            }
        }
    }
}
