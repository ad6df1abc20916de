//! Numbers and texts in columns, as bytes: numbers by pco, texts by zstd.

use pco::ChunkConfig;
use pco::data_types::Number;
use pco::standalone::{simple_compress, simple_decompress};

/// Of pco's 0..=12. Telemetry is mostly deltas and small ranges, which the lowest levels catch; what the
/// higher ones add was under 2 % here, for twice the time.
const PCO_LEVEL: usize = 4;
/// Of zstd's 1..=22: every step above costs a third of the ingest and gives a few per cent.
const ZSTD_LEVEL: i32 = 1;

/// Bytes that are no columns, or whose parts do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chunk is damaged: {0}")]
pub(super) struct Damaged(pub String);

fn damaged<T>(what: impl Into<String>) -> Result<T, Damaged> {
    Err(Damaged(what.into()))
}

/// Writes columns one after the other.
#[derive(Default)]
pub(super) struct Writer {
    out: Vec<u8>,
    /// Kept from text to text: its tables are larger than most texts.
    zstd: Option<zstd::bulk::Compressor<'static>>,
}

impl Writer {
    fn block(&mut self, count: usize, bytes: &[u8]) {
        self.out.extend_from_slice(&(count as u64).to_le_bytes());
        self.out
            .extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.out.extend_from_slice(bytes);
    }

    /// A column of numbers.
    pub fn numbers<T: Number>(&mut self, values: &[T]) -> Result<(), Damaged> {
        let config = ChunkConfig::default().with_compression_level(PCO_LEVEL);
        match simple_compress(values, &config) {
            Ok(bytes) => {
                self.block(values.len(), &bytes);
                Ok(())
            }
            Err(why) => damaged(why.to_string()),
        }
    }

    /// A text.
    pub fn text(&mut self, text: &str) -> Result<(), Damaged> {
        let wrong = |why: std::io::Error| Damaged(why.to_string());
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(wrong)?),
        };
        let bytes = zstd.compress(text.as_bytes()).map_err(wrong)?;
        self.block(text.len(), &bytes);
        Ok(())
    }

    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Reads columns in the order in which they were written.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn size(&mut self) -> Result<usize, Damaged> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<8>() else {
            return damaged("it ends early");
        };
        self.rest = rest;
        usize::try_from(u64::from_le_bytes(*bytes)).map_err(|_| Damaged("a size".into()))
    }

    fn block(&mut self) -> Result<(usize, &'a [u8]), Damaged> {
        let (count, length) = (self.size()?, self.size()?);
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
            return damaged("it ends early");
        };
        self.rest = rest;
        Ok((count, bytes))
    }

    pub fn numbers<T: Number>(&mut self) -> Result<Vec<T>, Damaged> {
        let (count, bytes) = self.block()?;
        let values: Vec<T> = simple_decompress(bytes).map_err(|why| Damaged(why.to_string()))?;
        if values.len() != count {
            return damaged("a column of another length");
        }
        Ok(values)
    }

    pub fn text(&mut self) -> Result<String, Damaged> {
        let (count, bytes) = self.block()?;
        // A chunk's text came out of a batch, whose text is at most 4 GiB.
        if count > u32::MAX as usize {
            return damaged("a text of more than 4 GiB");
        }
        let text = zstd::bulk::decompress(bytes, count).map_err(|why| Damaged(why.to_string()))?;
        String::from_utf8(text).map_err(|why| Damaged(why.to_string()))
    }
}

/// Takes a text apart by the lengths of its pieces.
#[derive(Debug)]
pub(super) struct Pieces<'t> {
    rest: &'t str,
}

impl<'t> Pieces<'t> {
    pub fn of(text: &'t str) -> Self {
        Self { rest: text }
    }

    pub fn next(&mut self, length: Option<u32>) -> Result<&'t str, Damaged> {
        let split = length.and_then(|length| self.rest.split_at_checked(length as usize));
        let Some((piece, rest)) = split else {
            return damaged("a text that ends early");
        };
        self.rest = rest;
        Ok(piece)
    }
}
