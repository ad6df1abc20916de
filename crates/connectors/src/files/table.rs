//! CSV: records, headers, and the three layouts in which people keep metrics.

use std::borrow::Cow;
use std::collections::BTreeMap;

use memchr::{memchr, memchr_iter};
use model::SeriesKey;
use rustc_hash::FxHashMap;

use super::columns::Columns;
use super::entities::{Directory, Who};
use super::error::FilesError;
use super::limits::Limits;
use super::moment::moment;
use super::rows::{Column, Field, column};
use super::source::{DataFile, Line, Lines};

/// Splits a record into cells. Quotes are taken off; doubled quotes inside quotes are one.
pub(crate) fn cells(record: &[u8], separator: u8) -> Vec<Cow<'_, [u8]>> {
    let mut out = Vec::new();
    if memchr(b'"', record).is_none() {
        let mut from = 0;
        for at in memchr_iter(separator, record) {
            out.push(Cow::Borrowed(&record[from..at]));
            from = at + 1;
        }
        out.push(Cow::Borrowed(&record[from..]));
        return out;
    }
    let mut at = 0;
    loop {
        if record.get(at) == Some(&b'"') {
            let mut cell = Vec::new();
            at += 1;
            while at < record.len() {
                if record[at] != b'"' {
                    cell.push(record[at]);
                    at += 1;
                } else if record.get(at + 1) == Some(&b'"') {
                    cell.push(b'"');
                    at += 2;
                } else {
                    at += 1;
                    break;
                }
            }
            // What stands between the closing quote and the separator belongs to the cell, as most
            // readers have it.
            let end =
                memchr(separator, &record[at.min(record.len())..]).map_or(record.len(), |n| at + n);
            cell.extend_from_slice(&record[at.min(end)..end]);
            out.push(Cow::Owned(cell));
            at = end;
        } else {
            let end = memchr(separator, &record[at..]).map_or(record.len(), |n| at + n);
            out.push(Cow::Borrowed(&record[at..end]));
            at = end;
        }
        if at >= record.len() {
            return out;
        }
        at += 1;
    }
}

/// The first record of a CSV file.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub names: Vec<String>,
    pub separator: u8,
}

impl Header {
    /// Reads it; the separator is the one of comma, tab and semicolon that occurs most.
    pub fn read(file: &DataFile, line: &Line<'_>) -> Result<Self, FilesError> {
        let count = |separator| memchr_iter(separator, line.bytes).count();
        let mut separator = b',';
        for other in [b'\t', b';'] {
            if count(other) > count(separator) {
                separator = other;
            }
        }
        let raw = cells(line.bytes, separator);
        let mut names = Vec::new();
        for cell in raw {
            let name = std::str::from_utf8(&cell).map_err(|_| file.not_utf8(line.number))?;
            names.push(name.trim().to_string());
        }
        Ok(Self { names, separator })
    }

    /// The record's cells as fields.
    pub fn fields<'a>(
        &'a self,
        file: &DataFile,
        line: &Line<'a>,
        out: &mut Vec<Field<'a>>,
    ) -> Result<(), FilesError> {
        let raw = cells(line.bytes, self.separator);
        self.check_width(file, line.number, raw.len())?;
        for (name, cell) in self.names.iter().zip(raw) {
            let value = match cell {
                Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
                Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
            };
            let value = value.ok_or_else(|| file.not_utf8(line.number))?;
            let inner = label_name(name);
            // An empty cell of a label column says that the row has no such label.
            if value.is_empty() && (inner.is_some() || column(name) == Column::Other) {
                continue;
            }
            out.push(Field {
                name: Cow::Borrowed(inner.unwrap_or(name)),
                value,
                inner: inner.is_some(),
            });
        }
        Ok(())
    }

    fn check_width(&self, file: &DataFile, line: u64, found: usize) -> Result<(), FilesError> {
        if found == self.names.len() {
            return Ok(());
        }
        Err(file.syntax(
            line,
            format!("{found} cells"),
            &format!("as many cells as the header has ({})", self.names.len()),
        ))
    }
}

/// `label.zone` and `attribute.zone` are the label `zone`, whatever else the name might mean.
fn label_name(name: &str) -> Option<&str> {
    name.strip_prefix("label.")
        .or_else(|| name.strip_prefix("attribute."))
        .or_else(|| name.strip_prefix("attributes."))
}

/// How a metrics table is laid out.
enum Layout {
    /// One point per row: where its time and value stand; all else is the series' name.
    Long { time: usize, value: usize },
    /// One moment of one entity per row; each other numeric column is a metric of it.
    PerEntity { time: usize, who: usize },
    /// One moment per row; each column is a series, `entity|metric|statistic|unit`.
    Wide { time: usize },
}

fn layout(file: &DataFile, header: &Header) -> Result<Layout, FilesError> {
    let find =
        |wanted: fn(Column) -> bool| header.names.iter().position(|name| wanted(column(name)));
    let Some(time) = find(|c| c == Column::Time) else {
        return Err(file.syntax(
            1,
            format!("the header {:?}", header.names.join(",")),
            "a column named `time` (or `timestamp`, `ts`)",
        ));
    };
    let metric = find(|c| c == Column::Metric).or(find(|c| c == Column::Name));
    let value = find(|c| c == Column::Value);
    if let (Some(_), Some(value)) = (metric, value) {
        return Ok(Layout::Long { time, value });
    }
    let mut best: Option<(u8, usize)> = None;
    for (at, name) in header.names.iter().enumerate() {
        if let Column::Who(_, rank) = column(name)
            && best.is_none_or(|(known, _)| rank < known)
        {
            best = Some((rank, at));
        }
    }
    Ok(match best {
        Some((_, who)) => Layout::PerEntity { time, who },
        None => Layout::Wide { time },
    })
}

/// Reads a metrics table.
pub(crate) fn metrics(
    file: &DataFile,
    limits: &Limits,
    directory: &mut Directory,
    columns: &mut Columns,
) -> Result<(), FilesError> {
    let mut lines = Lines::new(file, limits.line_bytes, limits)?;
    let Some(first) = lines.next_record()? else {
        return Ok(());
    };
    let header = Header::read(file, &first)?;
    match layout(file, &header)? {
        Layout::Long { time, value } => {
            long(file, &header, (time, value), &mut lines, directory, columns)
        }
        Layout::PerEntity { time, who } => {
            per_entity(file, &header, (time, who), &mut lines, directory, columns)
        }
        Layout::Wide { time } => wide(file, &header, time, &mut lines, directory, columns),
    }
}

fn bad_time(file: &DataFile, line: u64, cell: &[u8]) -> FilesError {
    file.syntax(
        line,
        format!("the time {:?}", String::from_utf8_lossy(cell)),
        "RFC 3339, or a number since the epoch",
    )
}

fn bad_value(file: &DataFile, line: u64, cell: &[u8]) -> FilesError {
    file.syntax(
        line,
        format!("the value {:?}", String::from_utf8_lossy(cell)),
        "a number",
    )
}

/// A cell's number; an empty one is missing.
fn value_of(file: &DataFile, line: u64, cell: &[u8]) -> Result<f64, FilesError> {
    let cell = cell.trim_ascii();
    if cell.is_empty() || cell == b"null" {
        return Ok(f64::NAN);
    }
    super::number::float(cell).ok_or_else(|| bad_value(file, line, cell))
}

fn long(
    file: &DataFile,
    header: &Header,
    (time, value): (usize, usize),
    lines: &mut Lines<'_>,
    directory: &mut Directory,
    columns: &mut Columns,
) -> Result<(), FilesError> {
    let width = header.names.len();
    let mut slots: FxHashMap<Box<[u8]>, u32> = FxHashMap::default();
    let mut name: Vec<u8> = Vec::new();
    let mut last: Vec<u8> = Vec::new();
    let mut last_slot = None;
    // Where the cells of an unquoted record end: reused, so that a row costs no allocation.
    let mut ends: Vec<usize> = Vec::with_capacity(width);
    while let Some(line) = lines.next_record()? {
        if line.bytes.is_empty() {
            continue;
        }
        name.clear();
        let (at, number);
        if memchr(b'"', line.bytes).is_none() {
            ends.clear();
            ends.extend(memchr_iter(header.separator, line.bytes));
            ends.push(line.bytes.len());
            header.check_width(file, line.number, ends.len())?;
            let cell = |i: usize| {
                let from = if i == 0 { 0 } else { ends[i - 1] + 1 };
                &line.bytes[from..ends[i]]
            };
            at = moment(cell(time)).ok_or_else(|| bad_time(file, line.number, cell(time)))?;
            number = value_of(file, line.number, cell(value))?;
            if time == 0 && value == width - 1 {
                let from = ends[0];
                let to = ends[width - 2];
                name.extend_from_slice(&line.bytes[from..to]);
            } else {
                for i in (0..width).filter(|i| *i != time && *i != value) {
                    name.extend_from_slice(cell(i));
                    name.push(0);
                }
            }
        } else {
            let quoted = cells(line.bytes, header.separator);
            header.check_width(file, line.number, quoted.len())?;
            at = moment(&quoted[time]).ok_or_else(|| bad_time(file, line.number, &quoted[time]))?;
            number = value_of(file, line.number, &quoted[value])?;
            name.push(b'"');
            for i in (0..width).filter(|i| *i != time && *i != value) {
                name.extend_from_slice(&quoted[i]);
                name.push(0);
            }
        }
        let slot = match last_slot {
            Some(slot) if name == last => slot,
            _ => {
                let slot = match slots.get(name.as_slice()) {
                    Some(slot) => *slot,
                    None => {
                        let slot =
                            columns.slot(key(file, header, &line, directory)?, &file.name)?;
                        slots.insert(name.as_slice().into(), slot);
                        slot
                    }
                };
                std::mem::swap(&mut last, &mut name);
                last_slot = Some(slot);
                slot
            }
        };
        columns.push(slot, at, number, &file.name)?;
    }
    Ok(())
}

/// The series that a long row belongs to.
fn key(
    file: &DataFile,
    header: &Header,
    line: &Line<'_>,
    directory: &mut Directory,
) -> Result<SeriesKey, FilesError> {
    let mut fields = Vec::new();
    header.fields(file, line, &mut fields)?;
    let parts = super::rows::point(&mut fields)
        .map_err(|found| file.syntax(line.number, found, "a complete metric row"))?;
    Ok(series_key(parts, directory))
}

/// The key of a metric row.
pub(crate) fn series_key(
    parts: super::rows::PointParts<'_>,
    directory: &mut Directory,
) -> SeriesKey {
    SeriesKey {
        entity: directory.id(&parts.who.unwrap_or(Who::Nobody)),
        metric: parts.metric.into_owned(),
        statistic: parts.statistic.into_owned(),
        unit: parts.unit.into_owned(),
        labels: parts
            .labels
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect(),
    }
}

fn text_of<'a>(file: &DataFile, line: u64, cell: &'a [u8]) -> Result<&'a str, FilesError> {
    std::str::from_utf8(cell).map_err(|_| file.not_utf8(line))
}

fn per_entity(
    file: &DataFile,
    header: &Header,
    (time, who): (usize, usize),
    lines: &mut Lines<'_>,
    directory: &mut Directory,
    columns: &mut Columns,
) -> Result<(), FilesError> {
    let kind = match column(&header.names[who]) {
        Column::Who(kind, _) => kind,
        _ => None,
    };
    let mut slots: FxHashMap<(Box<[u8]>, usize), u32> = FxHashMap::default();
    while let Some(line) = lines.next_record()? {
        if line.bytes.is_empty() {
            continue;
        }
        let row = cells(line.bytes, header.separator);
        header.check_width(file, line.number, row.len())?;
        let at = moment(&row[time]).ok_or_else(|| bad_time(file, line.number, &row[time]))?;
        for (i, cell) in row.iter().enumerate() {
            // Columns with words in them (pod names, zones) are no metrics.
            let meaning = column(&header.names[i]);
            if i == time || matches!(meaning, Column::Time | Column::Who(..)) || cell.is_empty() {
                continue;
            }
            let Some(value) = super::number::float(cell.trim_ascii()) else {
                continue;
            };
            let place = (Box::from(&*row[who]), i);
            let slot = match slots.get(&place) {
                Some(slot) => *slot,
                None => {
                    let text = Cow::Borrowed(text_of(file, line.number, &row[who])?);
                    let entity = directory.id(&match kind {
                        None => Who::Id(text),
                        Some(kind) => Who::Named(kind, text),
                    });
                    let key = SeriesKey {
                        entity,
                        metric: header.names[i].clone(),
                        ..SeriesKey::default()
                    };
                    let slot = columns.slot(key, &file.name)?;
                    slots.insert(place, slot);
                    slot
                }
            };
            columns.push(slot, at, value, &file.name)?;
        }
    }
    Ok(())
}

fn wide(
    file: &DataFile,
    header: &Header,
    time: usize,
    lines: &mut Lines<'_>,
    directory: &mut Directory,
    columns: &mut Columns,
) -> Result<(), FilesError> {
    // `metrics/checkout.csv` with plain metric names is about `checkout`.
    let stem = super::text::by_file(file);
    let mut slots = Vec::new();
    for (i, name) in header.names.iter().enumerate() {
        if i == time {
            slots.push(0);
            continue;
        }
        let mut parts = name.split('|').map(str::trim);
        let first = parts.next().unwrap_or_default();
        let (entity, metric) = match parts.next() {
            Some(metric) => (Who::Id(Cow::Borrowed(first)), metric),
            None => (stem.clone(), first),
        };
        let key = SeriesKey {
            entity: directory.id(&entity),
            metric: metric.to_string(),
            statistic: parts.next().unwrap_or_default().to_string(),
            unit: parts.next().unwrap_or_default().to_string(),
            labels: BTreeMap::new(),
        };
        slots.push(columns.slot(key, &file.name)?);
    }
    while let Some(line) = lines.next_record()? {
        if line.bytes.is_empty() {
            continue;
        }
        let row = cells(line.bytes, header.separator);
        header.check_width(file, line.number, row.len())?;
        let at = moment(&row[time]).ok_or_else(|| bad_time(file, line.number, &row[time]))?;
        for (i, cell) in row.iter().enumerate().filter(|(i, _)| *i != time) {
            if !cell.is_empty() {
                let value = value_of(file, line.number, cell)?;
                columns.push(slots[i], at, value, &file.name)?;
            }
        }
    }
    Ok(())
}
