//! A PayLedger that really runs, for tests over the real program, and processes that go when their test goes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use payledger::deployment::{Deployment, StateFolder};

/// The program of this build, or the one that `MIDWATCH_PROGRAM` names.
pub fn program() -> Command {
    let named = std::env::var("MIDWATCH_PROGRAM");
    Command::new(named.as_deref().unwrap_or(env!("CARGO_BIN_EXE_midwatch")))
}

/// A process that goes when this goes.
pub struct Kept(pub Child);

impl Kept {
    /// SIGKILL: no handler runs, nothing is flushed.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody has at this moment.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A PayLedger with short intervals.
pub struct Guest {
    /// Where its parts are.
    pub deployment: Deployment,
    state: PathBuf,
    _process: Kept,
}

impl Guest {
    /// Starts it in that folder; its telemetry goes to that port. Returns once it is well: what is broken before it was
    /// ever well ends with an error.
    pub fn up(folder: &Path, http: u16) -> Self {
        let state = folder.join("payledger");
        let log = folder.join("payledger.log");
        let file = File::create(&log).unwrap();
        let process = program()
            .args([
                "payledger",
                "up",
                "--fast",
                // Users stay where it is broken, so that each look has something to see.
                "--failures",
                "1000000",
                "--rate",
                "8",
                "--die-with-parent",
                "--otlp",
            ])
            .arg(format!("http://127.0.0.1:{http}"))
            .arg("--state")
            .arg(&state)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        let process = Kept(process);
        let began = Instant::now();
        let deployment = loop {
            if let Ok(deployment) = StateFolder::new(&state).deployment() {
                break deployment;
            }
            assert!(
                began.elapsed() < Duration::from_secs(90),
                "PayLedger does not come up"
            );
            std::thread::sleep(Duration::from_millis(100));
        };
        while !std::fs::read_to_string(&log)
            .unwrap_or_default()
            .contains("PayLedger runs")
        {
            assert!(
                began.elapsed() < Duration::from_secs(120),
                "PayLedger does not become well"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        Self {
            deployment,
            state,
            _process: process,
        }
    }

    /// A command about it.
    pub fn run(&self, words: &[&str]) -> std::process::Output {
        program()
            .arg("payledger")
            .args(words)
            .arg("--state")
            .arg(&self.state)
            .output()
            .unwrap()
    }
}

/// A rule that fires when its users see errors.
pub const RULES: &str = r#"
[[alarm]]
name = "ledger-errors"
entity = "service/ap-southeast-1/api"
metric = "span.error_share"
statistic = "Average"
period = "5s"
every = "1s"
comparison = "GreaterThanThreshold"
threshold = 0.05
treat_missing_data = "ignore"
"#;
