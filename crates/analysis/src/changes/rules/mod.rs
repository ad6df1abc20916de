//! The rules that read effects out of a prepared diff. Each rule compares what the image before
//! contains with what the image after contains, so that moved code cancels out by itself.

mod access;
mod call_effects;
mod calls;
mod conditions;
mod dependencies;
mod facts;
mod growth;
pub(crate) use growth::is_log_line;
mod guards;
mod manifests;
mod patterns;
mod queries;
mod settings;
mod texts;

use super::diff::FileStatus;
use super::effect::{Effect, EffectKind};
use super::path::FileRole;
use super::source::FileView;

/// Effects of every file that runs, in the order of the rules.
pub(crate) fn read(files: &[FileView<'_>]) -> Vec<Effect> {
    let running: Vec<&FileView<'_>> = files.iter().filter(|f| f.runs()).collect();
    let mut effects = Vec::new();
    let calls: Vec<calls::FileCalls<'_>> = running.iter().map(|f| calls::read(f)).collect();
    settings::read(&running, &mut effects);
    dependencies::read(&running, &mut effects);
    queries::read(&running, &mut effects);
    call_effects::effects(&running, &calls, &mut effects);
    for file in &running {
        manifests::read(file, &mut effects);
        if file.role == FileRole::Runtime && (file.language.is_code() || unknown_text(file)) {
            guards::read(file, &mut effects);
            conditions::read(file, &mut effects);
            access::read(file, &mut effects);
        }
    }
    growth::read(&running, &mut effects);
    for file in &running {
        whole_file(file, &mut effects);
    }
    effects
}

fn unknown_text(file: &FileView<'_>) -> bool {
    file.language == super::path::Language::Other
}

/// A file that is gone as a whole.
fn whole_file(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    if file.status == FileStatus::Deleted && file.net_removed().count() > 3 {
        effects.push(
            Effect::new(
                EffectKind::LogicChanged,
                file.path,
                0.3,
                format!("deletes {}", file.path),
            )
            .about([file.path]),
        );
    }
}
