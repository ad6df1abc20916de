//! `rds describe-events`.

use model::{EntityKind, Event, Severity};

use crate::files::entities::Who;
use crate::files::error::FilesError;
use crate::files::gathered::{Gathered, moment_at, text_at, values};
use crate::files::source::DataFile;

/// Reads a database's notices.
pub(super) fn read(
    file: &DataFile,
    text: &str,
    gathered: &mut Gathered<'_>,
) -> Result<(), FilesError> {
    values(file, text, "Events", |event, raw| {
        let Some(at) = moment_at(&event, &["Date"]) else {
            return Err(file.syntax(raw.line, "an event without a date", "a `Date`"));
        };
        let categories: Vec<&str> = event["EventCategories"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|category| category.as_str())
            .collect();
        let severity = categories.iter().find_map(|category| match *category {
            "failure" => Some(Severity::Error),
            "low storage" | "failover" | "availability" => Some(Severity::Warn),
            _ => None,
        });
        let source = text_at(&event, &["SourceIdentifier"]);
        let entity = gathered
            .directory
            .id(&Who::Named(EntityKind::Database, source.into()));
        gathered.events.push(Event {
            entity,
            first: at,
            last: at,
            source: "rds".into(),
            reason: categories.join(","),
            message: text_at(&event, &["Message"]).into(),
            severity,
            count: 1,
            raw,
        });
        Ok(())
    })
}
