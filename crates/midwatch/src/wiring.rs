//! Where the rooms are joined: paths to eyes, eyes to reports.

pub mod accounts;
pub mod closed;
pub mod desk;
pub mod house;
mod hushed;
pub mod inlets;
pub mod keeping;
pub mod live;
pub mod notify;
pub mod policy;
pub mod reception;
mod reopening;
pub mod serving;
pub mod shed;
pub mod sign_on;
pub mod sources;
pub mod spaces;
pub mod starved;
pub mod tls;
pub mod traces;
pub mod troubles;
pub mod watchman;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use connectors::files::{self, Limits, Recording};
use indicatif::{ProgressBar, ProgressStyle};
use investigate::Step;
use investigate::readiness::{self, Readiness};
use model::Topology;
use model::ports::Eyes;
use model::query::Answer;
use model::report::{BudgetLimit, Report};
use store::archive;

use crate::dress::words;
use crate::problem::Problem;

/// A report is read whole; no honest one comes near this.
const LONGEST_REPORT: u64 = 256 << 20;

/// A recording's folder; of a packed one, a temporary folder that goes when this goes.
pub struct Folder {
    path: PathBuf,
    _unpacked: Option<tempfile::TempDir>,
}

impl Folder {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The folder of a recording: itself, or what a `.tar.zst` unpacks to.
pub fn folder(path: &Path) -> Result<Folder, Problem> {
    let about = std::fs::metadata(path).map_err(|error| Problem::unreadable(path, &error))?;
    if about.is_dir() {
        return Ok(Folder {
            path: path.to_path_buf(),
            _unpacked: None,
        });
    }
    unpacked(path, &archive::Limits::default())
}

/// A recording that was opened.
pub struct Opened {
    recording: Recording,
    folder: Folder,
}

impl Opened {
    /// Where its files lie.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// What can be looked at.
    pub fn eyes(&self) -> &dyn Eyes {
        &self.recording
    }
}

/// Opens a recording, a folder or a `.tar.zst`.
pub fn open(path: &Path) -> Result<Opened, Problem> {
    opened(folder(path)?, path)
}

/// Opens a packed recording of which no more may come out than that.
pub fn open_within(path: &Path, limits: &archive::Limits) -> Result<Opened, Problem> {
    opened(unpacked(path, limits)?, path)
}

fn opened(folder: Folder, path: &Path) -> Result<Opened, Problem> {
    let recording = files::open(folder.path(), &Limits::default())
        .map_err(|error| Problem::from(error).within(path))?;
    Ok(Opened { recording, folder })
}

/// Investigates a recording on so many threads (0: one for each core), with a spinner on standard
/// error if a person looks.
pub fn investigate(
    path: &Path,
    budget: BudgetLimit,
    threads: usize,
    shows_progress: bool,
) -> Result<Report, Problem> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| {
            Problem::bad_input(
                format!("the threads cannot be started: {error}"),
                "--threads",
                "ask for fewer threads",
            )
        })?;
    let bar = spinner(shows_progress);
    let outcome = pool.install(|| {
        bar.set_message("opening the recording");
        let opened = open(path)?;
        Ok(investigate::investigate(
            opened.eyes(),
            budget,
            &mut |step| {
                bar.set_message(said(&step));
            },
        ))
    });
    bar.finish_and_clear();
    outcome
}

/// What could be told of the house in a recording, whatever is wrong in it.
pub fn assess(path: &Path, shows_progress: bool) -> Result<Readiness, Problem> {
    let bar = spinner(shows_progress);
    bar.set_message("opening the recording");
    let opened = open(path);
    let readiness = opened.map(|opened| {
        readiness::assess(opened.eyes(), investigate::DEFAULT_BUDGET, &mut |step| {
            bar.set_message(said(&step));
        })
    });
    bar.finish_and_clear();
    readiness
}

/// Who leans on whom in a recording.
pub fn topology(path: &Path) -> Result<Topology, Problem> {
    let opened = open(path)?;
    let eyes = opened.eyes();
    let window = eyes.manifest().window;
    match eyes.topology(window) {
        Answer::Found(topology) => Ok(topology),
        Answer::Nothing => Ok(Topology::default()),
        Answer::CouldNotLook(gap) => Err(Problem::bad_input(
            format!("who leans on whom could not be read: {}", gap.detail),
            path.display().to_string(),
            gap.how_to_close,
        )),
    }
}

fn spinner(shown: bool) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    // The template is ours and a test parses it; a plain spinner does as well.
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}

/// A step of an investigation, for people.
pub(crate) fn said(step: &Step) -> String {
    match step {
        Step::Reading(source) => format!("reading {}", words::source(*source)),
        Step::Read(source, rows) => format!("read {rows} rows of {}", words::source(*source)),
        Step::Weighing(count) => format!("weighing {count} hypotheses"),
        Step::Writing => "writing the report".to_string(),
    }
}

/// Reads a report from a JSON file; `-` is standard input.
pub fn read_report(path: &Path) -> Result<Report, Problem> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(LONGEST_REPORT + 1)
            .read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(LONGEST_REPORT + 1).read_to_string(&mut text))
    };
    read.map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => Problem::bad_input(
            "it is not text in UTF-8",
            path.display().to_string(),
            "give a report as `midwatch investigate PATH --format json` writes it",
        ),
        _ => Problem::unreadable(path, &error),
    })?;
    if text.len() as u64 > LONGEST_REPORT {
        return Err(Problem::bad_input(
            format!("it is longer than {} MiB", LONGEST_REPORT >> 20),
            path.display().to_string(),
            "give a report as `midwatch investigate PATH --format json` writes it",
        ));
    }
    parse_report(&text, path)
}

/// Reads a report from the text of `path`, which errors name.
///
/// Refused are: what is not a JSON object, a schema that is not ours, and what is not a whole report.
pub fn parse_report(text: &str, path: &Path) -> Result<Report, Problem> {
    /// Enough to tell a report of another version from something else altogether.
    #[derive(serde::Deserialize)]
    struct Head {
        schema: Option<String>,
    }
    let at = |error: &serde_json::Error| {
        format!("{}:{}:{}", path.display(), error.line(), error.column())
    };
    let head: Head = serde_json::from_str(text).map_err(|error| {
        Problem::bad_input(
            format!("it is not a JSON object: {error}"),
            at(&error),
            "give a report as `midwatch investigate PATH --format json` writes it",
        )
    })?;
    let wanted = model::report::SCHEMA;
    match head.schema.as_deref() {
        Some(schema) if schema == wanted => {}
        Some(schema) => {
            return Err(Problem::bad_input(
                format!("its schema is {schema:?}; this program reads {wanted:?}"),
                path.display().to_string(),
                "make the report again with this program, or read it with the one that made it",
            ));
        }
        None => {
            return Err(Problem::bad_input(
                format!("it names no schema; a report says {wanted:?}"),
                path.display().to_string(),
                "give a report as `midwatch investigate PATH --format json` writes it",
            ));
        }
    }
    serde_json::from_str(text).map_err(|error| {
        Problem::bad_input(
            format!("it is not a whole report: {error}"),
            at(&error),
            "make the report again; docs/schemas/report.schema.json says what belongs there",
        )
    })
}

/// A report from whatever holds one: a JSON report, or a recording, which is investigated.
pub fn report_of(path: &Path, shows_progress: bool) -> Result<Report, Problem> {
    if path.is_dir() || archive::is_archive(path) {
        investigate(path, investigate::DEFAULT_BUDGET, 0, shows_progress)
    } else {
        read_report(path)
    }
}

/// A path that a report or a person names inside a recording, if it stays inside.
pub fn inside(root: &Path, name: &str) -> Option<PathBuf> {
    let relative = Path::new(name);
    let honest = relative
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)));
    if !honest {
        return None;
    }
    // Links could lead out although the words do not.
    let (root, path) = (
        root.canonicalize().ok()?,
        root.join(relative).canonicalize().ok()?,
    );
    path.starts_with(&root).then_some(path)
}

fn unpacked(path: &Path, limits: &archive::Limits) -> Result<Folder, Problem> {
    let temporary = archive::unpack(path, limits)?;
    Ok(Folder {
        // An archive may hold the recording itself, or one folder that is the recording.
        path: archive::root(temporary.path()),
        _unpacked: Some(temporary),
    })
}

/// The bundled recording that `midwatch demo` investigates, unpacked to a temporary folder, so that
/// the demo works from any place.
pub fn demonstration() -> Result<Folder, Problem> {
    const BUNDLED: &[u8] = include_bytes!("../../../recordings/demo.tar.zst");
    let temporary = tempfile::Builder::new()
        .prefix("midwatch-demo-")
        .tempdir()
        .map_err(|error| Problem::unwritable(std::env::temp_dir().display().to_string(), &error))?;
    let (name, limits) = ("the bundled recording", archive::Limits::default());
    archive::unpack_from(
        BUNDLED,
        BUNDLED.len() as u64,
        name,
        temporary.path(),
        &limits,
    )?;
    Ok(Folder {
        path: temporary.path().to_path_buf(),
        _unpacked: Some(temporary),
    })
}

/// Copies a recording's folder to the new folder `to`.
pub fn keep(folder: &Folder, to: &Path) -> Result<(), Problem> {
    keep_folder(folder.path(), to)
}

/// Copies a folder to the new folder `to`.
pub fn keep_folder(folder: &Path, to: &Path) -> Result<(), Problem> {
    if to.symlink_metadata().is_ok() {
        return Err(Problem::bad_input(
            "something is there already",
            to.display().to_string(),
            "choose another name, or remove it first",
        ));
    }
    copy(folder, to).map_err(|error| Problem::unwritable(to.display().to_string(), &error))
}

/// Plain files and folders only; an unpacked archive holds nothing else.
pub(crate) fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (here, there) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&here, &there)?;
        } else {
            std::fs::copy(&here, &there)?;
        }
    }
    Ok(())
}
