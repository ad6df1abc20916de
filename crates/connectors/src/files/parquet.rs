//! Parquet tables of metrics, logs or spans, with the columns that other rows have.

use std::borrow::Cow;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use ::parquet::record::{Field as Cell, Row};
use bytes::Bytes;

use super::error::{Fault, FilesError};
use super::limits::Limits;
use super::rows::Field;
use super::source::DataFile;
use super::stream::{Place, Signal, Sink, hand};

/// The first bytes of every Parquet file.
pub(crate) const MAGIC: &[u8; 4] = b"PAR1";

fn damaged(file: &DataFile, found: &str) -> FilesError {
    FilesError::new(
        Fault::Syntax,
        &file.name,
        None,
        found,
        "a whole Parquet file",
        "copy or export the file again",
    )
}

fn wrong(file: &DataFile) -> impl Fn(ParquetError) -> FilesError {
    |error| damaged(file, &error.to_string())
}

/// What the columns are about, by their names.
pub(crate) fn columns(file: &DataFile) -> Result<Vec<String>, FilesError> {
    guarded(file, || match &file.memory {
        Some(bytes) => names(file, Bytes::copy_from_slice(bytes)),
        None => names(file, disk(file)?),
    })
}

/// Reads all rows, one group of rows in memory at a time.
pub(crate) fn read(
    file: &DataFile,
    signal: Signal,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), FilesError> {
    guarded(file, || match &file.memory {
        Some(bytes) => rows(file, Bytes::copy_from_slice(bytes), signal, limits, sink),
        None => rows(file, disk(file)?, signal, limits, sink),
    })
}

fn disk(file: &DataFile) -> Result<File, FilesError> {
    File::open(&file.path).map_err(|e| FilesError::io(&file.name, &e))
}

/// The reader of Parquet trusts what a file says of itself and panics where it lies. Nothing that it
/// holds outlives the call, so the panic ends here, as an error.
fn guarded<T>(
    file: &DataFile,
    read: impl FnOnce() -> Result<T, FilesError>,
) -> Result<T, FilesError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(damaged(file, "a table that contradicts itself")))
}

fn names(file: &DataFile, bytes: impl ChunkReader + 'static) -> Result<Vec<String>, FilesError> {
    let reader = SerializedFileReader::new(bytes).map_err(wrong(file))?;
    let schema = reader.metadata().file_metadata().schema();
    Ok(schema
        .get_fields()
        .iter()
        .map(|field| field.name().to_string())
        .collect())
}

fn rows(
    file: &DataFile,
    bytes: impl ChunkReader + 'static,
    signal: Signal,
    limits: &Limits,
    sink: &mut dyn Sink,
) -> Result<(), FilesError> {
    let reader = SerializedFileReader::new(bytes).map_err(wrong(file))?;
    let all = reader.get_row_iter(None).map_err(wrong(file))?;
    let mut out = 0;
    for (row, line) in all.zip(1..) {
        let row = row.map_err(wrong(file))?;
        let mut fields = Vec::new();
        flatten("", &row, false, &mut fields);
        // A column that repeats itself takes no room, and a table may claim any number of rows.
        let named = row.get_column_iter().map(|(name, _)| name.len() + 1);
        let said = fields.iter().map(|field| field.value.len());
        out += named.chain(said).sum::<usize>() as u64 + 1;
        file.expands_to(out, limits)?;
        if hand(file, signal, fields, Place { offset: 0, line }, sink)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn flatten(prefix: &str, row: &Row, inner: bool, out: &mut Vec<Field<'static>>) {
    for (name, cell) in row.get_column_iter() {
        let name = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        let labels = matches!(name.as_str(), "attributes" | "labels");
        match cell {
            Cell::Null => {}
            Cell::Group(row) if labels => flatten("", row, true, out),
            Cell::Group(row) => flatten(&name, row, inner, out),
            Cell::MapInternal(map) => {
                for (key, value) in map.entries() {
                    let key = text(key);
                    put(
                        if labels { key } else { format!("{name}.{key}") },
                        value,
                        inner || labels,
                        out,
                    );
                }
            }
            cell => put(name, cell, inner, out),
        }
    }
}

fn put(name: String, cell: &Cell, inner: bool, out: &mut Vec<Field<'static>>) {
    if !matches!(cell, Cell::Null) {
        out.push(Field {
            name: Cow::Owned(name),
            value: Cow::Owned(text(cell)),
            inner,
        });
    }
}

/// Moments as numbers since the epoch, whose size tells their unit; all else as it is printed.
fn text(cell: &Cell) -> String {
    match cell {
        Cell::Str(text) => text.clone(),
        Cell::TimestampMillis(at) | Cell::TimestampMicros(at) => at.to_string(),
        Cell::Double(value) => value.to_string(),
        Cell::Float(value) => value.to_string(),
        Cell::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;

    use super::super::{Fault, Limits, read_bytes};

    fn table() -> Vec<u8> {
        let schema = "message rows { REQUIRED INT64 time (TIMESTAMP(MILLIS,true)); REQUIRED BINARY entity (UTF8); \
                      REQUIRED BINARY metric (UTF8); REQUIRED DOUBLE value; }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut out = Vec::new();
        let properties = Arc::new(WriterProperties::builder().build());
        let mut writer = SerializedFileWriter::new(&mut out, schema, properties).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let text = |t: &str| vec![ByteArray::from(t), ByteArray::from(t)];
        let mut column = group.next_column().unwrap().unwrap();
        let times = [1_767_265_200_000, 1_767_265_260_000];
        column
            .typed::<Int64Type>()
            .write_batch(&times, None, None)
            .unwrap();
        column.close().unwrap();
        for word in ["cart", "cpu"] {
            let mut column = group.next_column().unwrap().unwrap();
            column
                .typed::<ByteArrayType>()
                .write_batch(&text(word), None, None)
                .unwrap();
            column.close().unwrap();
        }
        let mut column = group.next_column().unwrap().unwrap();
        column
            .typed::<DoubleType>()
            .write_batch(&[1.5, f64::NAN], None, None)
            .unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        out
    }

    #[test]
    fn tables_are_read_and_damaged_ones_refused() {
        let whole = table();
        let limits = Limits::default();
        assert_eq!(
            read_bytes("metrics/rows.parquet", &whole, &limits)
                .unwrap()
                .points,
            1
        );
        assert_eq!(
            read_bytes("elsewhere/rows.parquet", &whole, &limits)
                .unwrap()
                .points,
            1
        );
        let little = Limits {
            expanded_bytes: 40,
            ..limits
        };
        let bomb = read_bytes("metrics/rows.parquet", &whole, &little).unwrap_err();
        assert_eq!(bomb.fault(), Fault::TooLarge, "{bomb}");
        for cut in [5, whole.len() / 2, whole.len() - 1] {
            let error = read_bytes("metrics/rows.parquet", &whole[..cut], &limits).unwrap_err();
            assert!(
                error.to_string().contains("metrics/rows.parquet"),
                "{error}"
            );
        }
        for at in (4..whole.len()).step_by(7) {
            let mut bent = whole.clone();
            bent[at] ^= 0x5a;
            let _ = read_bytes("metrics/rows.parquet", &bent, &limits);
        }
    }
}
