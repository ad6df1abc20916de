//! A recording as one `.tar.zst`: packed so that the same folder gives the same bytes, unpacked so that
//! no archive can write outside of its folder or fill the disk.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use tempfile::TempDir;

/// Bounds for what comes out of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Files and folders.
    pub entries: u64,
    /// Bytes of all files together.
    pub bytes: u64,
    /// Bytes that come out per byte that goes in, tested once more than 64 MiB have come out.
    pub ratio: u64,
    /// Folders within folders.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 100_000,
            bytes: 16 << 30,
            ratio: 1_000,
            depth: 16,
        }
    }
}

/// A ratio says nothing before this much has come out.
const RATIO_FROM: u64 = 64 << 20;
/// What may stand between the bytes of two files: headers, padding, long names. A long name is held in memory as a
/// whole, and a hostile one has as many bytes as the archive expands to.
const BETWEEN: u64 = 1 << 20;
/// Bytes of all names of files and folders together: they are held, so that none comes twice.
const NAMES: usize = 32 << 20;
/// Telemetry packs ten to twentyfold at this level, at a hundred megabytes a second and more.
const LEVEL: i32 = 9;

/// An archive that could not be made or taken apart. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The operating system refused.
    #[error(
        "{file}: {source}; expected a file that can be read or written. Remedy: check the path and its permissions"
    )]
    Io {
        /// Which file.
        file: String,
        /// What it said.
        source: io::Error,
    },
    /// The bytes are no whole `.tar.zst`.
    #[error(
        "{file}: {found}; expected a whole .tar.zst archive. Remedy: copy or pack the recording again"
    )]
    Damaged {
        /// Which archive.
        file: String,
        /// What was found.
        found: String,
    },
    /// An entry that no honest recording has.
    #[error(
        "{file}: entry {entry:?} {found}; expected plain files with relative names, each once. Remedy: do not use this archive; ask whoever made it"
    )]
    Hostile {
        /// Which archive.
        file: String,
        /// Which entry.
        entry: String,
        /// What is wrong with it.
        found: String,
    },
    /// More comes out than the limits allow.
    #[error(
        "{file}: {found}; expected a recording within the limits (docs/recordings.md). Remedy: unpack it by hand and look, or record a shorter time"
    )]
    TooLarge {
        /// Which archive.
        file: String,
        /// What is too large.
        found: String,
    },
    /// There is something at the place to write to.
    #[error(
        "{file}: something is there already; expected a name that is free. Remedy: choose another name, or remove it first"
    )]
    Exists {
        /// Which file.
        file: String,
    },
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// Names inside of archives are hostile text: no control characters, at most 200 characters.
fn printable(text: &str) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().take(200).map(clean).collect()
}

/// Is this file a `.tar.zst`? Told by its first bytes.
pub fn is_archive(path: &Path) -> bool {
    let mut magic = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    path.is_file() && read.is_ok() && magic == [0x28, 0xb5, 0x2f, 0xfd]
}

/// Packs the folder `from` into the new file `to`. Names are sorted; times, owners and rights are left
/// out. Hidden files and links are left out too.
///
/// # Errors
/// When `to` exists, or the operating system refuses. No half-written file is left behind.
pub fn pack(from: &Path, to: &Path) -> Result<(), ArchiveError> {
    if to.symlink_metadata().is_ok() {
        return Err(ArchiveError::Exists { file: shown(to) });
    }
    let refused = |file: &Path| {
        let file = shown(file);
        move |source| ArchiveError::Io { file, source }
    };
    let mut files = Vec::new();
    list(from, Path::new(""), &mut files).map_err(refused(from))?;
    files.sort();
    let parent = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(refused(parent))?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".midwatch-archive-");
    // An archive is an ordinary file: the umask decides who may read it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let beside = builder.tempfile_in(parent).map_err(refused(to))?;
    let attempt = || -> io::Result<()> {
        let out = BufWriter::new(beside.as_file());
        let mut tar = tar::Builder::new(zstd::Encoder::new(out, LEVEL)?);
        for name in &files {
            let path = from.join(name);
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_mtime(0);
            if path.is_dir() {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                header.set_size(0);
                tar.append_data(&mut header, name, io::empty())?;
            } else {
                let file = File::open(&path)?;
                header.set_size(file.metadata()?.len());
                tar.append_data(&mut header, name, file)?;
            }
        }
        tar.into_inner()?.finish()?.flush()?;
        beside.as_file().sync_all()
    };
    attempt().map_err(refused(to))?;
    beside
        .persist_noclobber(to)
        .map(drop)
        .map_err(|error| ArchiveError::Io {
            file: shown(to),
            source: error.error,
        })
}

/// Files, and folders with nothing in them (an empty `logs/` says that there were none).
fn list(root: &Path, prefix: &Path, out: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(prefix))? {
        let entry = entry?;
        let name = prefix.join(entry.file_name());
        let kind = entry.file_type()?;
        if entry.file_name().to_string_lossy().starts_with('.') || kind.is_symlink() {
            continue;
        }
        if kind.is_dir() {
            let before = out.len();
            list(root, &name, out)?;
            if out.len() == before {
                out.push(name);
            }
        } else if kind.is_file() {
            out.push(name);
        }
    }
    Ok(())
}

/// Reads no more than the limits allow; says so with an error of its own kind.
struct Bounded<R> {
    inner: R,
    out: u64,
    packed: u64,
    limits: Limits,
    /// What may still come before the next file's bytes; without bounds while those are read.
    between: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.out += count as u64;
        let dense = self.out > RATIO_FROM && self.out / self.packed.max(1) > self.limits.ratio;
        // Headers and padding come on top of the files.
        let most = self
            .limits
            .bytes
            .saturating_add(self.limits.entries.saturating_mul(4096));
        let between = self.between.get().checked_sub(count as u64);
        let Some(between) = between.filter(|_| !dense && self.out <= most) else {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        };
        self.between.set(between);
        Ok(count)
    }
}

/// The names of what was unpacked, of which each may be one thing only.
#[derive(Default)]
struct Names {
    files: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
    bytes: usize,
}

impl Names {
    /// A folder, and those that it lies in.
    fn folder(&mut self, path: &Path) -> Result<(), &'static str> {
        for folder in path.ancestors().filter(|a| !a.as_os_str().is_empty()) {
            if self.files.contains(folder) {
                return Err("is both a file and a folder");
            }
            if !self.folders.contains(folder) {
                self.hold(folder)?;
                self.folders.insert(folder.to_path_buf());
            }
        }
        Ok(())
    }

    /// A file, and the folders that it lies in.
    fn file(&mut self, path: PathBuf) -> Result<(), &'static str> {
        if self.files.contains(&path) {
            return Err("is there twice");
        }
        if self.folders.contains(&path) {
            return Err("is both a file and a folder");
        }
        if let Some(folder) = path.parent() {
            self.folder(folder)?;
        }
        self.hold(&path)?;
        self.files.insert(path);
        Ok(())
    }

    fn hold(&mut self, path: &Path) -> Result<(), &'static str> {
        self.bytes = self.bytes.saturating_add(path.as_os_str().len());
        if self.bytes > NAMES {
            return Err("brings the names to more bytes than an honest recording's have");
        }
        Ok(())
    }
}

/// Unpacks the archive into a new temporary folder, which is removed when it is dropped.
///
/// # Errors
/// When the archive is damaged, holds anything but plain files and folders with relative names, names
/// one twice, or is larger than the limits allow. The folder is removed then.
pub fn unpack(from: &Path, limits: &Limits) -> Result<TempDir, ArchiveError> {
    let io_at = |source| ArchiveError::Io {
        file: shown(from),
        source,
    };
    let input = File::open(from).map_err(io_at)?;
    let packed = input.metadata().map_err(io_at)?.len();
    let to = tempfile::Builder::new()
        .prefix("midwatch-recording-")
        .tempdir()
        .map_err(io_at)?;
    unpack_from(
        BufReader::new(input),
        packed,
        &shown(from),
        to.path(),
        limits,
    )?;
    Ok(to)
}

/// Where in an unpacked archive the recording lies: people pack the folder as often as what is in it.
pub fn root(unpacked: &Path) -> PathBuf {
    if unpacked.join("recording.json").is_file() {
        return unpacked.to_path_buf();
    }
    let inside = fs::read_dir(unpacked).into_iter().flatten().flatten();
    let mut holding = inside
        .map(|entry| entry.path())
        .filter(|path| path.join("recording.json").is_file());
    match (holding.next(), holding.next()) {
        (Some(only), None) => only,
        _ => unpacked.to_path_buf(),
    }
}

/// As [`unpack`], from any reader of `packed` bytes into an existing, empty folder; `name` is what
/// errors call it. What fails leaves files behind: the caller removes the folder.
///
/// # Errors
/// As [`unpack`].
pub fn unpack_from(
    input: impl Read,
    packed: u64,
    name: &str,
    to: &Path,
    limits: &Limits,
) -> Result<(), ArchiveError> {
    let damaged = |error: &io::Error| {
        if error.kind() == io::ErrorKind::FileTooLarge {
            return ArchiveError::TooLarge {
                file: name.to_string(),
                found: "it expands to more than an honest recording does (a decompression bomb?)"
                    .into(),
            };
        }
        ArchiveError::Damaged {
            file: name.to_string(),
            found: printable(&error.to_string()),
        }
    };
    let unpacked = zstd::Decoder::new(input).map_err(|e| damaged(&e))?;
    let between = Rc::new(Cell::new(BETWEEN));
    let bounded = Bounded {
        inner: unpacked,
        out: 0,
        packed,
        limits: *limits,
        between: Rc::clone(&between),
    };
    let mut tar = tar::Archive::new(bounded);
    let mut names = Names::default();
    let mut total: u64 = 0;
    let mut entries: u64 = 0;
    for entry in tar.entries().map_err(|e| damaged(&e))? {
        let mut entry = entry.map_err(|e| damaged(&e))?;
        entries += 1;
        between.set(BETWEEN);
        let said = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let hostile = |found: &str| ArchiveError::Hostile {
            file: name.to_string(),
            entry: printable(&said),
            found: found.to_string(),
        };
        if entries > limits.entries {
            return Err(ArchiveError::TooLarge {
                file: name.to_string(),
                found: format!("more than {} entries", limits.entries),
            });
        }
        let kind = entry.header().entry_type();
        if matches!(kind, tar::EntryType::XGlobalHeader) {
            continue;
        }
        if !kind.is_file() && !kind.is_dir() {
            return Err(hostile("is a link, device or other special file"));
        }
        let path = inside(&said, limits).map_err(|found| hostile(&found))?;
        if path.as_os_str().is_empty() {
            continue;
        }
        // Some file systems do not tell case apart; an archive that relies on it is refused everywhere.
        let folded = PathBuf::from(path.to_string_lossy().to_lowercase());
        if kind.is_dir() {
            names.folder(&folded).map_err(hostile)?;
            fs::create_dir_all(to.join(&path)).map_err(|e| damaged(&e))?;
            continue;
        }
        names.file(folded).map_err(hostile)?;
        // The header's claim is tested before a byte is read.
        total = total.saturating_add(entry.size());
        if total > limits.bytes {
            return Err(ArchiveError::TooLarge {
                file: name.to_string(),
                found: format!(
                    "entry {:?} brings it to {total} bytes, more than {}",
                    printable(&said),
                    limits.bytes
                ),
            });
        }
        let claimed = entry.size();
        between.set(u64::MAX);
        let written = write(&mut entry, &to.join(&path)).map_err(|e| damaged(&e))?;
        between.set(BETWEEN);
        if written != claimed {
            return Err(ArchiveError::Damaged {
                file: name.to_string(),
                found: format!(
                    "entry {:?} ends after {written} of {claimed} bytes",
                    printable(&said)
                ),
            });
        }
    }
    // A tar that ends within its last padding is as truncated as one that ends within a file. It may be long: nothing
    // of it is held.
    between.set(u64::MAX);
    io::copy(&mut tar.into_inner(), &mut io::sink())
        .map(drop)
        .map_err(|e| damaged(&e))
}

fn write(from: &mut impl Read, to: &Path) -> io::Result<u64> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut out = BufWriter::new(File::options().write(true).create_new(true).open(to)?);
    let count = io::copy(from, &mut out)?;
    out.flush()?;
    Ok(count)
}

/// The entry's path, if it stays inside.
fn inside(said: &str, limits: &Limits) -> Result<PathBuf, String> {
    if said.contains(['\\', '\0', ':']) {
        return Err("has a name that some systems read as a path elsewhere".into());
    }
    let mut path = PathBuf::new();
    for part in Path::new(said).components() {
        match part {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir => return Err("leads out of its folder (`..`)".into()),
            Component::RootDir | Component::Prefix(_) => return Err("has an absolute name".into()),
        }
    }
    if path.components().count() > limits.depth {
        return Err(format!("lies more than {} folders deep", limits.depth));
    }
    Ok(path)
}

#[cfg(test)]
mod tests;
