//! Bytes from files: plain or compressed, line by line, with a bound on everything.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memchr::{memchr, memchr_iter};

use super::error::{Fault, FilesError};
use super::limits::Limits;

/// Read at once.
const BLOCK: usize = 256 << 10;
/// A ratio says nothing before this much has come out.
const RATIO_FROM: u64 = 64 << 20;

/// How a file is packed, told by its first bytes: names lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    /// Told by the first bytes.
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// One file of a recording.
#[derive(Clone, Debug)]
pub(crate) struct DataFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Path within the recording, with `/`.
    pub name: Arc<str>,
    /// Bytes on the disk.
    pub size: u64,
    /// How it is packed.
    pub packing: Packing,
    /// Its bytes, where they do not lie on a disk.
    pub memory: Option<Arc<[u8]>>,
}

/// A file on a disk or in memory.
trait Bytes: Read + Seek + Send {}

impl<T: Read + Seek + Send> Bytes for T {}

/// An input that stops when more comes out than an honest file holds.
struct Bounded<R> {
    inner: R,
    packed: u64,
    out: u64,
    limits: Limits,
}

/// Do more bytes come `out` of `packed` ones than out of an honest file?
fn too_much(packed: u64, out: u64, limits: &Limits) -> bool {
    out > limits.expanded_bytes || (out > RATIO_FROM && out / packed.max(1) > limits.ratio)
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.out += count as u64;
        if too_much(self.packed, self.out, &self.limits) {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(count)
    }
}

impl DataFile {
    /// Looks at the file's first bytes.
    pub fn examine(path: &Path, name: &str, size: u64) -> Result<Self, FilesError> {
        let mut file = File::open(path).map_err(|e| FilesError::io(name, &e))?;
        let mut magic = [0; 4];
        let (count, read) = read_full(&mut file, &mut magic);
        read.map_err(|e| FilesError::io(name, &e))?;
        Ok(Self {
            path: path.to_path_buf(),
            name: name.into(),
            size,
            packing: Packing::of(&magic[..count]),
            memory: None,
        })
    }

    /// A file that lies in memory.
    pub fn in_memory(name: &str, bytes: &[u8]) -> Self {
        Self {
            path: PathBuf::new(),
            name: name.into(),
            size: bytes.len() as u64,
            packing: Packing::of(bytes),
            memory: Some(bytes.into()),
        }
    }

    /// The name without `.gz` or `.zst`, in lower case.
    pub fn plain_name(&self) -> String {
        let name = self.name.to_ascii_lowercase();
        let stem = name
            .strip_suffix(".gz")
            .or_else(|| name.strip_suffix(".zst"))
            .or_else(|| name.strip_suffix(".zstd"));
        stem.unwrap_or(&name).to_string()
    }

    /// The unpacked bytes.
    pub fn open(&self, limits: &Limits) -> Result<Box<dyn Read + Send>, FilesError> {
        self.open_at(0, limits)
    }

    /// The unpacked bytes from `offset` on (plain files jump, packed ones read on).
    fn open_at(&self, offset: u64, limits: &Limits) -> Result<Box<dyn Read + Send>, FilesError> {
        let mut file: Box<dyn Bytes> = match &self.memory {
            Some(bytes) => Box::new(io::Cursor::new(Arc::clone(bytes))),
            None => Box::new(File::open(&self.path).map_err(|e| self.wrong(&e))?),
        };
        let bounded = |inner: Box<dyn Read + Send>| Bounded {
            inner,
            packed: self.size,
            out: 0,
            limits: *limits,
        };
        let mut unpacked: Box<dyn Read + Send> = match self.packing {
            Packing::Plain => {
                file.seek(SeekFrom::Start(offset))
                    .map_err(|e| self.wrong(&e))?;
                return Ok(Box::new(file));
            }
            Packing::Gzip => {
                let input = io::BufReader::with_capacity(BLOCK, file);
                Box::new(bounded(Box::new(flate2::bufread::MultiGzDecoder::new(
                    input,
                ))))
            }
            Packing::Zstd => {
                let input = zstd::stream::read::Decoder::new(file).map_err(|e| self.wrong(&e))?;
                Box::new(bounded(Box::new(input)))
            }
        };
        io::copy(&mut unpacked.by_ref().take(offset), &mut io::sink())
            .map_err(|e| self.wrong(&e))?;
        Ok(unpacked)
    }

    /// The whole file as text.
    pub fn document(&self, limits: &Limits) -> Result<String, FilesError> {
        let mut bytes = Vec::new();
        let most = limits.document_bytes as u64;
        let read = self.open(limits)?.take(most + 1).read_to_end(&mut bytes);
        read.map_err(|e| self.wrong_at(Some(line_after(&bytes)), &e))?;
        if bytes.len() as u64 > most {
            return Err(self.too_large(
                None,
                format!("a document of more than {most} bytes"),
                "split it, or write it as one JSON value per line (NDJSON), which is streamed",
            ));
        }
        String::from_utf8(bytes).map_err(|bad| {
            let at = bad.utf8_error().valid_up_to();
            self.not_utf8(line_after(&bad.as_bytes()[..at]))
        })
    }

    /// The first bytes, unpacked, as far as they can be had.
    pub fn head(&self, most: usize, limits: &Limits) -> Result<Vec<u8>, FilesError> {
        let mut bytes = vec![0; most];
        let mut input = self.open(limits)?;
        let (count, read) = read_full(&mut input, &mut bytes);
        bytes.truncate(count);
        read.map_err(|e| self.wrong_at(Some(line_after(&bytes)), &e))?;
        Ok(bytes)
    }

    /// Refuses a file of rows that has given more bytes than an honest one of its size holds.
    #[cfg(feature = "parquet")]
    pub fn expands_to(&self, out: u64, limits: &Limits) -> Result<(), FilesError> {
        if too_much(self.size, out, limits) {
            return Err(self.bomb());
        }
        Ok(())
    }

    fn bomb(&self) -> FilesError {
        self.too_large(
            None,
            "it expands to more than an honest file does (a decompression bomb?)".to_string(),
            "unpack it by hand and look; if it is honest, leave it unpacked",
        )
    }

    /// What an IO error on this file means.
    pub fn wrong(&self, error: &io::Error) -> FilesError {
        self.wrong_at(None, error)
    }

    /// What an IO error means that came while `line` was read.
    fn wrong_at(&self, line: Option<u64>, error: &io::Error) -> FilesError {
        if error.kind() == io::ErrorKind::FileTooLarge {
            return self.bomb();
        }
        if self.packing == Packing::Plain {
            return FilesError::io(&self.name, error);
        }
        let found = if error.kind() == io::ErrorKind::UnexpectedEof {
            "the compressed data ends early".to_string()
        } else {
            format!("the compressed data is damaged ({error})")
        };
        FilesError::new(
            Fault::Compression,
            &self.name,
            line,
            found,
            "a complete gzip or zstd file",
            "copy or export the file again",
        )
    }

    /// Something is larger than the limits allow.
    pub fn too_large(&self, line: Option<u64>, found: String, remedy: &str) -> FilesError {
        FilesError::new(
            Fault::TooLarge,
            &self.name,
            line,
            found,
            "a size within the limits (docs/recordings.md)",
            remedy,
        )
    }

    /// A line holds bytes that are not UTF-8.
    pub fn not_utf8(&self, line: u64) -> FilesError {
        FilesError::new(
            Fault::Encoding,
            &self.name,
            Some(line),
            "bytes that are not UTF-8",
            "UTF-8 text",
            "convert the file (`iconv -f latin1 -t utf-8`), or export it again",
        )
    }

    /// A line that its format does not allow.
    pub fn syntax(&self, line: u64, found: impl AsRef<str>, expected: &str) -> FilesError {
        FilesError::new(
            Fault::Syntax,
            &self.name,
            Some(line),
            found,
            expected,
            "mend that line, or export the file again",
        )
    }

    /// A JSON error, given the line that its text began at.
    pub fn json(&self, text: &str, first_line: u64, error: &super::json::JsonError) -> FilesError {
        let at = error.at.min(text.len());
        let before = &text.as_bytes()[..at];
        let line = first_line + memchr_iter(b'\n', before).count() as u64;
        let column = at - memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
        if error.nesting {
            return FilesError::new(
                Fault::Nesting,
                &self.name,
                Some(line),
                "JSON nested more than 128 deep",
                &error.expected,
                "this is no telemetry; remove the value",
            );
        }
        let rest: String = String::from_utf8_lossy(&text.as_bytes()[at..])
            .chars()
            .take(24)
            .collect();
        let found = if rest.is_empty() {
            format!("the text ends at column {}", column + 1)
        } else {
            format!("{rest:?} at column {}", column + 1)
        };
        self.syntax(line, found, &error.expected)
    }
}

/// The line that begins or goes on after `bytes`, counted from 1.
fn line_after(bytes: &[u8]) -> u64 {
    1 + memchr_iter(b'\n', bytes).count() as u64
}

/// Fills the buffer as far as the input goes: how many bytes came, and why no more if it broke.
fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> (usize, io::Result<()>) {
    let mut count = 0;
    while count < buffer.len() {
        match input.read(&mut buffer[count..]) {
            Ok(0) => break,
            Ok(n) => count += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (count, Err(error)),
        }
    }
    (count, Ok(()))
}

/// One line, or one CSV record, and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    /// Without its end of line.
    pub bytes: &'a [u8],
    /// Counted from 1.
    pub number: u64,
    /// Byte offset in the unpacked file.
    pub offset: u64,
}

/// The lines of a file, in bounded memory.
pub(crate) struct Lines<'f> {
    file: &'f DataFile,
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    eof: bool,
    next_line: u64,
    offset: u64,
    longest: usize,
}

impl<'f> Lines<'f> {
    /// From the start.
    pub fn new(file: &'f DataFile, longest: usize, limits: &Limits) -> Result<Self, FilesError> {
        Self::at(file, 0, 1, longest, limits)
    }

    /// From a place that an earlier reading noted.
    pub fn at(
        file: &'f DataFile,
        offset: u64,
        line: u64,
        longest: usize,
        limits: &Limits,
    ) -> Result<Self, FilesError> {
        Ok(Self {
            file,
            input: file.open_at(offset, limits)?,
            buffer: vec![0; BLOCK],
            start: 0,
            end: 0,
            eof: false,
            next_line: line,
            offset,
            longest,
        })
    }

    /// The next line.
    pub fn next(&mut self) -> Result<Option<Line<'_>>, FilesError> {
        self.take(false)
    }

    /// The next CSV record: ends of line inside quotes belong to it.
    pub fn next_record(&mut self) -> Result<Option<Line<'_>>, FilesError> {
        self.take(true)
    }

    fn take(&mut self, quoted: bool) -> Result<Option<Line<'_>>, FilesError> {
        let mut searched = 0;
        let mut open_quote = false;
        let mut ends = 0;
        loop {
            let rest = &self.buffer[self.start + searched..self.end];
            if let Some(found) = memchr(b'\n', rest) {
                if quoted {
                    open_quote ^= memchr_iter(b'"', &rest[..found]).count() % 2 == 1;
                }
                searched += found;
                ends += 1;
                if open_quote {
                    searched += 1;
                    continue;
                }
                return Ok(Some(self.give(searched, 1, ends)));
            }
            if quoted {
                open_quote ^= memchr_iter(b'"', rest).count() % 2 == 1;
            }
            searched = self.end - self.start;
            if searched > self.longest {
                let limit = self.longest;
                return Err(self.file.too_large(
                    Some(self.next_line),
                    format!("a line of more than {limit} bytes"),
                    "cut the line, or leave it out and say so in `gaps`",
                ));
            }
            if self.eof {
                if searched == 0 {
                    return Ok(None);
                }
                return Ok(Some(self.give(searched, 0, ends + 1)));
            }
            self.fill()?;
        }
    }

    fn give(&mut self, length: usize, end: usize, lines: u64) -> Line<'_> {
        let from = self.start;
        let number = self.next_line;
        let offset = self.offset;
        self.start += length + end;
        self.offset += (length + end) as u64;
        self.next_line += lines;
        let mut bytes = &self.buffer[from..from + length];
        if let [rest @ .., b'\r'] = bytes {
            bytes = rest;
        }
        if number == 1 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        Line {
            bytes,
            number,
            offset,
        }
    }

    fn fill(&mut self) -> Result<(), FilesError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let doubled = self.buffer.len() * 2;
            self.buffer.resize(doubled, 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.eof = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.file.wrong_at(Some(self.next_line), &error)),
            }
            return Ok(());
        }
    }
}
