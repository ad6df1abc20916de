//! Runs the `git` program: for so long, for so much, and so that nothing in a repository runs anything else.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use model::time::Span;

use crate::pull::Missed;

/// How long it may take to end once it has said everything.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Characters of what it says of a failure.
const WORDS: usize = 300;
/// Variables that would send it elsewhere or have it run something.
const UNSET: [&str; 14] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_EXTERNAL_DIFF",
    "GIT_DIFF_OPTS",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_PAGER",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_ASKPASS",
];
/// Settings that stand above those of the repository.
const SETTINGS: [&str; 8] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.quotePath=false",
    "core.sshCommand=false",
    "log.showSignature=false",
    "gpg.program=false",
    "protocol.allow=never",
];

/// The program, for the time of one look.
pub(super) struct Program {
    folder: PathBuf,
    timeout: Duration,
    until: Instant,
    runs: u64,
    bytes: u64,
}

fn duration(span: Span) -> Duration {
    Duration::from_nanos(u64::try_from(span.0).unwrap_or(0))
}

impl Program {
    /// In this folder; one run takes no longer than `timeout`, all of them together no longer than `longest`.
    pub fn new(folder: &Path, timeout: Span, longest: Span) -> Self {
        Self {
            folder: folder.to_path_buf(),
            timeout: duration(timeout),
            until: Instant::now() + duration(longest),
            runs: 0,
            bytes: 0,
        }
    }

    /// How often it was run.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Bytes that it said.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What it says to these arguments, up to `most` bytes of it.
    pub fn run(&mut self, arguments: &[&str], most: u64) -> Result<Vec<u8>, Missed> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Missed::Budget("the time of the look is spent".to_string()));
        }
        let limit = left.min(self.timeout);
        let mut child = self.command(arguments).spawn().map_err(|error| {
            Missed::Unreached(format!("the git program cannot be run: {error}"))
        })?;
        self.runs += 1;
        let heard = listen(&mut child, limit, most);
        if heard.is_some() {
            // It has closed its outputs, so it is about to end; unless there is more than is wanted.
            let patience = Instant::now() + LAST_WORDS;
            while Instant::now() < patience && matches!(child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        // Whatever it still does is of no more use; one that has ended is not harmed.
        let _ = child.kill();
        let ended = child.wait();
        let (output, said) = heard.ok_or_else(|| {
            Missed::Timeout(format!("git took longer than {} s", limit.as_secs_f32()))
        })?;
        self.bytes += output.len() as u64;
        if output.len() as u64 > most {
            return Err(Missed::TooLong(most));
        }
        match ended {
            Ok(status) if status.success() => Ok(output),
            Ok(_) => {
                let said: String = said.trim().chars().take(WORDS).collect();
                Err(Missed::Unreached(format!("git says: {said}")))
            }
            Err(error) => Err(Missed::Unreached(format!("git was lost: {error}"))),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.arg("--no-pager").arg("-C").arg(&self.folder);
        command.args(arguments);
        for name in UNSET {
            command.env_remove(name);
        }
        command
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// What it said on both of its outputs, until it closed them or `limit` passed: then `None`. More than `most` bytes and
/// one are not read.
fn listen(child: &mut Child, limit: Duration, most: u64) -> Option<(Vec<u8>, String)> {
    let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) else {
        return None;
    };
    let (done, heard) = mpsc::channel();
    let errors_done = done.clone();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = errors.take(1 << 16).read_to_end(&mut text);
        let _ = errors_done.send((false, text));
    });
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = output.take(most.saturating_add(1)).read_to_end(&mut text);
        let _ = done.send((true, text));
    });
    let until = Instant::now() + limit;
    let (mut output, mut errors) = (None, None);
    while output.is_none() || errors.is_none() {
        let (is_output, text) = heard
            .recv_timeout(until.saturating_duration_since(Instant::now()))
            .ok()?;
        if is_output {
            let cut = text.len() as u64 > most;
            output = Some(text);
            if cut {
                break;
            }
        } else {
            errors = Some(text);
        }
    }
    let errors = String::from_utf8_lossy(&errors.unwrap_or_default()).into_owned();
    Some((output.unwrap_or_default(), errors))
}
