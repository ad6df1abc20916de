//! The window's files: segments of chunks, only ever written at their end, and removed whole.
//!
//! Every start begins a new segment, so that what an earlier run left, whole or torn, is never altered. A
//! chunk that was not written to its end, or not as it was meant, is known by its digest, left out and counted.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::chunk::{HEAD_BYTES, Head, Kind, digest};
use super::columns::Damaged;
use super::error::WindowError;

/// First bytes of a segment: what it is, and which format.
const MAGIC: &[u8; 8] = b"MWTELEM\n";
/// The format that this build writes and reads.
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 12;
/// Holds the lock; never written.
const LOCK: &str = "window.lock";
const EXTENSION: &str = "segment";

/// A chunk in a segment.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub head: Head,
    /// Where its sections begin.
    offset: u64,
}

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub path: Arc<Path>,
    pub bytes: u64,
    pub chunks: Vec<Chunk>,
}

impl Segment {
    /// When its newest rows came in.
    pub fn last(&self) -> Option<i64> {
        self.chunks.iter().map(|chunk| chunk.head.at).max()
    }
}

/// All files, and the right to write them.
#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    /// Oldest first.
    pub all: VecDeque<Segment>,
    /// The one that is written, if there is one; the last of `all`.
    open: Option<File>,
    next: u64,
    /// Chunks of earlier runs that were torn or damaged.
    pub damaged: u64,
    /// Held as long as this lives.
    _lock: File,
}

fn name(number: u64) -> String {
    format!("{number:010}.{EXTENSION}")
}

impl Segments {
    /// Finds what earlier runs left. Nothing is altered but for the lock's file, which is made.
    pub fn open(folder: &Path) -> Result<Self, WindowError> {
        std::fs::create_dir_all(folder)
            .map_err(|error| WindowError::io(folder, "make the folder", &error))?;
        let lock = lock(folder)?;
        let entries = std::fs::read_dir(folder)
            .map_err(|error| WindowError::io(folder, "read the folder", &error))?;
        let mut numbers = Vec::new();
        for entry in entries {
            let entry =
                entry.map_err(|error| WindowError::io(folder, "read the folder", &error))?;
            let path = entry.path();
            let number = path
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse::<u64>().ok());
            if let (Some(number), Some(EXTENSION)) =
                (number, path.extension().and_then(|e| e.to_str()))
            {
                numbers.push((number, path));
            }
        }
        numbers.sort();
        let mut all = VecDeque::new();
        let mut damaged = 0;
        let mut next = 1;
        for (number, path) in numbers {
            let (segment, torn) = survey(&path)?;
            damaged += torn;
            next = next.max(number.saturating_add(1));
            all.push_back(segment);
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            all,
            open: None,
            next,
            damaged,
            _lock: lock,
        })
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.all.iter().map(|segment| segment.bytes).sum()
    }

    /// Chunks in all files.
    pub fn chunks(&self) -> u64 {
        self.all.iter().map(|s| s.chunks.len() as u64).sum()
    }

    /// Writes a chunk at the end of the newest segment; a new one is begun when that has `most` bytes.
    pub fn append(&mut self, head: Head, body: &[u8], most: u64) -> Result<(), WindowError> {
        let full = self.all.back().is_none_or(|last| last.bytes >= most);
        if self.open.is_none() || full {
            self.begin()?;
        }
        let (Some(file), Some(segment)) = (&mut self.open, self.all.back_mut()) else {
            return Ok(());
        };
        let written = file
            .write_all(&head.to_bytes())
            .and_then(|()| file.write_all(body));
        if let Err(error) = written {
            // What was half written goes again, so that later chunks can follow; where even that fails,
            // they go into another file.
            let cut = file
                .set_len(segment.bytes)
                .and_then(|()| file.seek(SeekFrom::Start(segment.bytes)));
            let error = WindowError::io(&segment.path, "write", &error);
            if cut.is_err() {
                self.open = None;
            }
            return Err(error);
        }
        let offset = segment.bytes + HEAD_BYTES as u64;
        segment.chunks.push(Chunk { head, offset });
        segment.bytes = offset + body.len() as u64;
        Ok(())
    }

    fn begin(&mut self) -> Result<(), WindowError> {
        if let Some(file) = self.open.take() {
            // The finished one goes to the disk now; what is being written is at the system's leisure.
            let _ = file.sync_data();
        }
        let path = self.folder.join(name(self.next));
        let made = OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = made.map_err(|error| WindowError::io(&path, "make the file", &error))?;
        let header = [MAGIC.as_slice(), &FORMAT.to_le_bytes()].concat();
        if let Err(error) = file.write_all(&header) {
            let _ = std::fs::remove_file(&path);
            return Err(WindowError::io(&path, "write", &error));
        }
        self.all.push_back(Segment {
            path: path.into(),
            bytes: HEADER_BYTES as u64,
            chunks: Vec::new(),
        });
        self.next += 1;
        self.open = Some(file);
        Ok(())
    }

    /// Removes the oldest segment, unless it is the one that is written. How many chunks went.
    pub fn drop_oldest(&mut self) -> Option<u64> {
        if self.all.len() < 2 && self.open.is_some() {
            return None;
        }
        let oldest = self.all.pop_front()?;
        let _ = std::fs::remove_file(&oldest.path);
        Some(oldest.chunks.len() as u64)
    }

    /// Ends the segment that is written, so that it can be removed in its turn.
    pub fn close(&mut self) {
        if let Some(file) = self.open.take() {
            let _ = file.sync_data();
        }
    }

    /// The number after the last one that is there.
    pub fn next_rows(&self) -> (u64, u64) {
        let heads = || self.all.iter().flat_map(|s| &s.chunks).map(|c| &c.head);
        let after = |first: u64, head: &Head, kind| first.saturating_add(head.section(kind).rows);
        (
            heads()
                .map(|h| after(h.first_log, h, Kind::Logs))
                .max()
                .unwrap_or(1),
            heads()
                .map(|h| after(h.first_span, h, Kind::Spans))
                .max()
                .unwrap_or(1),
        )
    }
}

/// One server at a time.
fn lock(folder: &Path) -> Result<File, WindowError> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|error| WindowError::io(&path, "make the lock's file", &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(WindowError::InUse {
            path: folder.display().to_string(),
        }),
        Err(TryLockError::Error(error)) => Err(WindowError::io(&path, "lock", &error)),
    }
}

/// The chunks of a segment, up to the first that is not whole; and how many are known not to be.
fn survey(path: &Path) -> Result<(Segment, u64), WindowError> {
    let wrong = |error: io::Error| WindowError::io(path, "read", &error);
    let mut file = File::open(path).map_err(wrong)?;
    let bytes = file.metadata().map_err(wrong)?.len();
    let mut segment = Segment {
        path: path.into(),
        bytes,
        chunks: Vec::new(),
    };
    let mut header = [0; HEADER_BYTES];
    if bytes < HEADER_BYTES as u64 {
        // Made, and cut off before its first bytes were on the disk.
        return Ok((segment, 1));
    }
    file.read_exact(&mut header).map_err(wrong)?;
    let expected = [MAGIC.as_slice(), &FORMAT.to_le_bytes()].concat();
    if header[..] != expected[..] && header.iter().any(|byte| *byte != 0) {
        let found = match header.strip_prefix(MAGIC) {
            Some(format) => format!(
                "format {}",
                u32::from_le_bytes(format.try_into().unwrap_or_default())
            ),
            None => "a file of another kind".to_string(),
        };
        return Err(WindowError::Foreign {
            path: path.display().to_string(),
            found,
            expected: FORMAT,
        });
    }
    let mut at = HEADER_BYTES as u64;
    let mut torn = 0;
    while at < bytes {
        let mut head = [0; HEAD_BYTES];
        let read = if bytes - at >= HEAD_BYTES as u64 {
            file.seek(SeekFrom::Start(at)).map_err(wrong)?;
            file.read_exact(&mut head).map_err(wrong)?;
            Head::from_bytes(&head)
        } else {
            None
        };
        let offset = at + HEAD_BYTES as u64;
        let whole = read.filter(|head| {
            offset
                .checked_add(head.body())
                .is_some_and(|end| end <= bytes)
        });
        let Some(head) = whole else {
            torn += 1;
            break;
        };
        at = offset + head.body();
        segment.chunks.push(Chunk { head, offset });
    }
    // The head may have reached the disk before the rest: the last chunk is read to be sure.
    if let Some(last) = segment.chunks.last() {
        let mut reader = SegmentReader {
            file,
            path: path.into(),
        };
        let kinds = [Kind::Points, Kind::Logs, Kind::Spans, Kind::Topology];
        let whole = kinds.iter().all(|kind| reader.read(last, *kind).is_ok());
        if !whole {
            segment.chunks.pop();
            torn += 1;
        }
    }
    Ok((segment, torn))
}

/// Reads sections of one segment.
pub(super) struct SegmentReader {
    file: File,
    path: Arc<Path>,
}

impl SegmentReader {
    /// `None` when the segment has been dropped meanwhile.
    pub fn open(path: &Arc<Path>) -> Result<Option<Self>, WindowError> {
        match File::open(path) {
            Ok(file) => Ok(Some(Self {
                file,
                path: Arc::clone(path),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(WindowError::io(path, "read", &error)),
        }
    }

    /// The bytes of one section, if they are what was written.
    pub fn read(&mut self, chunk: &Chunk, kind: Kind) -> Result<Vec<u8>, Damaged> {
        let section = chunk.head.section(kind);
        let wrong = |why: &dyn std::fmt::Display| {
            Damaged(format!(
                "{} at byte {}: {why}",
                self.path.display(),
                chunk.offset
            ))
        };
        let at = chunk.offset.saturating_add(section.offset);
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(at))
            .map_err(|error| wrong(&error))?;
        // Read as far as there is something: a length that lies does not reserve memory.
        Read::by_ref(&mut self.file)
            .take(section.length)
            .read_to_end(&mut bytes)
            .map_err(|error| wrong(&error))?;
        if digest(&bytes) != section.digest {
            return Err(wrong(&"the digest does not fit"));
        }
        Ok(bytes)
    }
}
