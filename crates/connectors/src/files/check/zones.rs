//! In which time zones are times written?

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::FilesError;
use super::super::json::Json;
use super::super::layout::Role;
use super::super::limits::Limits;
use super::super::moment::{Zone, moment_and_zone};
use super::super::rows::{self, Column, column};
use super::super::source::{DataFile, Lines};
use super::super::stream::Writing;
use super::super::table::{self, Header};
use super::{Findings, Grade};

/// Rows whose times are looked at for their zone.
const ZONE_ROWS: usize = 200;

/// How the first rows of each file write their times.
pub(super) fn look(files: &[(DataFile, Role)], limits: &Limits, findings: &mut Findings) {
    let mut said: BTreeMap<Zone, Vec<&str>> = BTreeMap::new();
    for (file, role) in files {
        let mut here = BTreeSet::new();
        let read = match role {
            Role::MetricsTable => table_zones(file, limits, &mut here),
            Role::Rows(Writing::Table(..)) => table_zones(file, limits, &mut here),
            Role::Rows(Writing::Ndjson(_)) => row_zones(file, limits, &mut here),
            _ => Ok(()),
        };
        // What cannot be read was reported when the recording was opened.
        if read.is_ok() {
            for zone in here {
                said.entry(zone).or_default().push(&file.name);
            }
        }
    }
    let offsets: Vec<(&Zone, &Vec<&str>)> = said
        .iter()
        .filter(|(zone, _)| matches!(zone, Zone::Offset(_)))
        .collect();
    if let Some(files) = said.get(&Zone::Unsaid)
        && let Some(first) = files.first()
    {
        let found = format!(
            "times without a zone in {} files; they were taken as UTC",
            files.len()
        );
        findings.add(
            Grade::Warning,
            "clock",
            first,
            None,
            found,
            "write times with `Z` or an offset",
        );
    }
    let utc = said.contains_key(&Zone::Utc) || said.contains_key(&Zone::Epoch);
    if offsets.len() > 1 || (!offsets.is_empty() && utc) {
        let some: Vec<String> = offsets
            .iter()
            .map(|(zone, files)| format!("{zone:?} in {}", files[0]))
            .collect();
        let found = format!("times are written in several zones: {}", some.join(", "));
        findings.add(
            Grade::Note,
            "clock",
            "",
            None,
            found,
            "nothing if the offsets are true; UTC everywhere is safer",
        );
    }
}

fn table_zones(
    file: &DataFile,
    limits: &Limits,
    out: &mut BTreeSet<Zone>,
) -> Result<(), FilesError> {
    let mut lines = Lines::new(file, limits.line_bytes, limits)?;
    let Some(first) = lines.next_record()? else {
        return Ok(());
    };
    let header = Header::read(file, &first)?;
    let Some(time) = header
        .names
        .iter()
        .position(|n| matches!(column(n), Column::Time | Column::Start))
    else {
        return Ok(());
    };
    for _ in 0..ZONE_ROWS {
        let Some(line) = lines.next_record()? else {
            break;
        };
        let cells = table::cells(line.bytes, header.separator);
        out.extend(
            cells
                .get(time)
                .and_then(|cell| moment_and_zone(cell))
                .map(|(_, zone)| zone),
        );
    }
    Ok(())
}

fn row_zones(file: &DataFile, limits: &Limits, out: &mut BTreeSet<Zone>) -> Result<(), FilesError> {
    let mut lines = Lines::new(file, limits.line_bytes, limits)?;
    for _ in 0..ZONE_ROWS {
        let Some(line) = lines.next()? else {
            break;
        };
        let mut fields = Vec::new();
        let Ok(text) = std::str::from_utf8(line.bytes) else {
            break;
        };
        if rows::fields(&mut Json::new(text), &mut fields).is_ok() {
            let times = fields
                .iter()
                .filter(|f| !f.inner && matches!(column(&f.name), Column::Time | Column::Start));
            out.extend(
                times
                    .filter_map(|f| moment_and_zone(f.value.as_bytes()))
                    .map(|(_, zone)| zone),
            );
        }
    }
    Ok(())
}
