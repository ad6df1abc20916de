//! PayLedger on AWS's interfaces, as an emulator offers them, with roles that are enforced: set up, used, broken in each
//! known way, brought back, taken away.
//!
//! ministack, of PyPI. Run by `cargo xtask test`, which brings it and says where it is in `MIDWATCH_MINISTACK`.
#![cfg(feature = "aws")]

use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Loads that are sent at most until one is as it has to be.
const LOADS: usize = 4;

/// An emulator that ends with the test.
struct Emulator {
    child: Child,
    port: u16,
    /// The same number for datagrams: other tests that start emulators pass it over.
    _held: UdpSocket,
    _folder: tempfile::TempDir,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Emulator {
    fn start() -> Self {
        let program = std::env::var_os("MIDWATCH_MINISTACK")
            .expect("MIDWATCH_MINISTACK names the program: cargo xtask test sets it");
        let (port, held) = loop {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let at = free.local_addr().unwrap();
            if let Ok(held) = UdpSocket::bind(at) {
                break (at.port(), held);
            }
        };
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(program)
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("AUTH", "true")
            .env("TMPDIR", folder.path())
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(90),
                "it does not listen"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        Self {
            child,
            port,
            _held: held,
            _folder: folder,
        }
    }

    fn run(&self, words: &[&str]) -> Output {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        Command::new(env!("CARGO_BIN_EXE_payledger"))
            .args(["--format", "json", "aws", "--endpoint", &endpoint])
            .args(words)
            // The emulator's root.
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .output()
            .unwrap()
    }

    /// What a command that has to succeed prints.
    fn done(&self, words: &[&str]) -> Value {
        let output = self.run(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn payledger_is_set_up_broken_and_brought_back_through_ministack() {
    let emulator = Emulator::start();
    let set_up = emulator.done(&["deploy"]);
    assert_eq!(set_up["deviates"], serde_json::json!([]), "{set_up:#}");
    assert_eq!(set_up["regions"][1]["table"], "ACTIVE", "{set_up:#}");
    // What stands already is left as it is.
    let again = emulator.done(&["deploy"]);
    assert_eq!(again["deviates"], serde_json::json!([]), "{again:#}");

    // Twice each of the ten requests that make up a round.
    let load = ["load", "--rate", "4", "--seconds", "5"];
    // What starts cold on a busy machine may take longer than whoever calls it waits: so a load may be sent again, and in the
    // end all of one has to be served.
    let served = |why: &str| {
        let loads = (0..LOADS).map(|_| emulator.done(&load));
        let mut loads = loads.inspect(|tally| println!("{why}: {tally}"));
        let whole = loads.find(|tally| tally["failures"] == 0);
        whole.unwrap_or_else(|| panic!("{why}: no load was served"))
    };
    let tally = served("well");
    assert!(tally["acknowledged"].as_u64() > Some(5), "{tally:#}");

    for (fault, deviates, says) in [
        ("role-swapped", "statement-mailer", "AccessDenied"),
        ("variable-removed", "LEDGER_TABLE", "LEDGER_TABLE"),
        ("concurrency-zero", "0 copies", "TooManyRequestsException"),
        ("handler-renamed", "ledger.balance", "balance"),
        ("policy-removed", "lost its policy", "AccessDenied"),
    ] {
        emulator.done(&["fault", fault]);
        let status = emulator.run(&["status"]);
        assert_eq!(status.status.code(), Some(1), "{fault}");
        let found = String::from_utf8_lossy(&status.stdout).into_owned();
        assert!(found.contains(deviates), "{fault}: {found}");
        // A function's process that ends at its start may be gone before the emulator has read what it said.
        let told = (0..LOADS).any(|_| {
            let tally = emulator.done(&load);
            println!("{fault}: {tally}");
            assert!(tally["failures"].as_u64() > Some(0), "{fault}: {tally:#}");
            let refusal = tally["first_refusal"].as_str().unwrap_or_default();
            refusal.contains(says)
        });
        assert!(told, "{fault}: no refusal says {says}");
        emulator.done(&["restore"]);
        served(fault);
    }

    // Three at once: one alarm, by what the front counts.
    emulator.done(&["fault", "three"]);
    let tally = emulator.done(&load);
    assert!(tally["failures"].as_u64() >= Some(20), "{tally:#}");
    let status: Value = serde_json::from_slice(&emulator.run(&["status"]).stdout).unwrap();
    let alarms = &status["regions"][0]["alarms"];
    assert_eq!(alarms["payledger-requests-fail"], "ALARM", "{status:#}");
    emulator.done(&["restore"]);

    let gone = emulator.done(&["destroy"]);
    // In each region two alarms, a topic, a queue, five functions and the table; and four roles.
    let count = gone["destroyed"].as_array().map_or(0, Vec::len);
    assert_eq!(count, 24, "{gone:#}");
    assert_eq!(
        emulator.done(&["destroy"])["destroyed"],
        serde_json::json!([])
    );
}
