//! The shop's processes: started in order, each kept up by a keeper of its own, ended by the ids under which they were
//! started and by nothing else.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use super::read;
use crate::house::root;

/// How long a process may take until it can be used.
const PATIENCE: Duration = Duration::from_secs(60);

/// A shop in a folder of its own.
pub struct Shop {
    /// Everything that it writes.
    pub state: PathBuf,
    /// Where its Prometheus answers.
    pub prometheus: String,
    /// What scripts are told: `STATE`, `SHOP`, `VENV`, `DOMAIN`, `OTLP`, `MIDWATCH`, and the words of `system.toml`.
    words: BTreeMap<String, String>,
}

/// The folder of configuration, services and faults.
pub fn folder() -> PathBuf {
    root().join("xtask/shop")
}

impl Shop {
    /// The shop of this folder, whether it runs or not.
    pub fn at(state: &Path) -> anyhow::Result<Self> {
        let system = read(&folder().join("system.toml"))?;
        let mut words = BTreeMap::new();
        for (name, value) in system["words"].as_object().into_iter().flatten() {
            let value = value.as_str().context("[words] of system.toml are texts")?;
            words.insert(name.clone(), value.to_string());
        }
        let kept: Value = fs::read_to_string(state.join("shop.json"))
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        for name in ["OTLP", "MIDWATCH"] {
            let address = match kept[name].as_str() {
                Some(address) => address.to_string(),
                None => free()?,
            };
            words.insert(name.to_string(), address);
        }
        let venv = std::env::var("MIDWATCH_SHOP_VENV").unwrap_or_else(|_| {
            let place = std::env::temp_dir().join("midwatch-shop-venv");
            place.display().to_string()
        });
        words.insert("VENV".to_string(), venv);
        words.insert("STATE".to_string(), state.display().to_string());
        words.insert("SHOP".to_string(), folder().display().to_string());
        Ok(Self {
            state: state.to_path_buf(),
            prometheus: "http://127.0.10.30:9090".to_string(),
            words,
        })
    }

    /// Does it run?
    pub fn is_up(&self) -> bool {
        self.state.join("shop.json").exists()
    }

    /// The address that Alertmanager posts to.
    pub fn midwatch(&self) -> &str {
        self.words.get("MIDWATCH").map_or("", String::as_str)
    }

    /// A line of bash with the shop's words in its environment.
    pub fn bash(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        command
            .args(["-c", script])
            .envs(&self.words)
            .current_dir("/")
            .stdin(Stdio::null());
        command
    }

    /// Lays everything out and starts all processes.
    pub fn up(&self) -> anyhow::Result<()> {
        ensure!(
            !self.is_up(),
            "a shop is up in {}; `cargo xtask shop down` first",
            self.state.display()
        );
        let root = self.bash("[ $(id -u) = 0 ]").status()?;
        ensure!(
            root.success(),
            "the shop has a name server, a small disk and control groups of its own, so it wants root, on a machine where that is no risk"
        );
        fs::create_dir_all(self.state.join("etc"))?;
        for entry in fs::read_dir(folder().join("etc"))? {
            let entry = entry?;
            let text = fs::read_to_string(entry.path())?;
            fs::write(
                self.state.join("etc").join(entry.file_name()),
                self.filled(&text),
            )?;
        }
        // From here on there is something to be taken away.
        let mut kept = json!({
            "OTLP": self.words.get("OTLP"),
            "MIDWATCH": self.words.get("MIDWATCH"),
            "processes": [],
        });
        let file = self.state.join("shop.json");
        fs::write(&file, kept.to_string())?;
        println!("the shop is laid out in {}", self.state.display());
        let done = self.bash("exec \"$SHOP/bin/setup\"").status()?;
        ensure!(
            done.success(),
            "the shop cannot be laid out; see {}/log",
            self.state.display()
        );
        let system = read(&folder().join("system.toml"))?;
        for process in system["process"].as_array().into_iter().flatten() {
            let name = process["name"].as_str().context("a process has a name")?;
            let run = process["run"].as_str().context("a process has `run`")?;
            let log = File::create(self.state.join(format!("log/keep-{name}.log")))?;
            let child = self
                // A session of its own: it outlives this program, is ended as one group, and has its share of the processor.
                .bash(
                    "exec setsid \"$SHOP/bin/names\" \"$SHOP/bin/keep\" \"$NAME\" bash -c \"$RUN\"",
                )
                .env("NAME", name)
                .env("RUN", run)
                .stdout(log.try_clone()?)
                .stderr(log)
                .spawn()?;
            let known = json!({
                "name": name,
                "pid": child.id(),
                "began": began(child.id()),
                "end": process["end"].as_str().unwrap_or("TERM"),
            });
            if let Some(list) = kept["processes"].as_array_mut() {
                list.push(known);
            }
            fs::write(&file, kept.to_string())?;
            if let Some(ready) = process["ready"].as_str() {
                self.until(name, ready)?;
            }
            println!("{name} runs");
        }
        Ok(())
    }

    fn until(&self, name: &str, ready: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let asked = self
                .bash("exec \"$SHOP/bin/names\" bash -c \"$READY\"")
                .env("READY", ready)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()?;
            if asked.success() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        bail!(
            "{name} cannot be used after {} s; it said, in {}/log/{name}.log:\n{}",
            PATIENCE.as_secs(),
            self.state.display(),
            last_lines(&self.state.join(format!("log/{name}.log")), 12)
        )
    }

    /// Ends what was started, last first, and takes the folder away.
    pub fn down(&self) -> anyhow::Result<()> {
        let file = self.state.join("shop.json");
        let text = fs::read_to_string(&file)
            .with_context(|| format!("no shop is up in {}", self.state.display()))?;
        let kept: Value = serde_json::from_str(&text)?;
        // What a fault left running goes first.
        for entry in fs::read_dir(self.state.join("run"))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(fault) = name
                .strip_prefix("fault-")
                .and_then(|rest| rest.strip_suffix(".pid"))
            {
                let script = ". \"$SHOP/bin/faults\"; stop \"$FAULT\"";
                self.bash(script).env("FAULT", fault).status()?;
            }
        }
        let list: Vec<&Value> = kept["processes"].as_array().into_iter().flatten().collect();
        let there = |process: &Value| {
            let pid = process["pid"].as_u64().and_then(|pid| pid.try_into().ok());
            pid.filter(|pid| process["began"].is_u64() && began(*pid) == process["began"].as_u64())
        };
        for process in list.iter().rev() {
            if let Some(pid) = there(process) {
                signal(process["end"].as_str().unwrap_or("TERM"), pid)?;
            }
        }
        std::thread::sleep(Duration::from_secs(2));
        for process in &list {
            // A group outlives its first process, whose id stays taken until all of it has gone.
            if let Some(pid) = process["pid"].as_u64().and_then(|pid| pid.try_into().ok())
                && group_is_there(pid)
            {
                signal("KILL", pid)?;
            }
        }
        std::thread::sleep(Duration::from_millis(500));
        self.bash("exec \"$SHOP/bin/teardown\"").status()?;
        fs::remove_dir_all(&self.state).with_context(|| self.state.display().to_string())?;
        println!("the shop is down");
        Ok(())
    }

    /// `${NAME}` becomes the word of that name; what is no word of ours stays.
    fn filled(&self, text: &str) -> String {
        let mut text = text.to_string();
        for (name, value) in &self.words {
            text = text.replace(&format!("${{{name}}}"), value);
        }
        text
    }
}

/// An address of the loopback that is free now.
fn free() -> anyhow::Result<String> {
    let held = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    Ok(held.local_addr()?.to_string())
}

/// When a process began, in ticks since the machine started: with its id it names one process for good (proc(5), field 22).
fn began(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}

/// Is anybody in the process group of this id who was started in it by us? Its number is not given to others meanwhile.
fn group_is_there(group: u32) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.into_iter().any(|entry| {
        let text = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let of = text
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(2)?.parse::<u32>().ok());
        of == Some(group)
            && fs::read(entry.path().join("environ"))
                .is_ok_and(|text| text.windows(6).any(|part| part == b"STATE="))
    })
}

fn signal(name: &str, group: u32) -> anyhow::Result<()> {
    Command::new("kill")
        .args([&format!("-{name}"), "--", &format!("-{group}")])
        .stderr(Stdio::null())
        .status()?;
    Ok(())
}

/// The end of a log.
pub fn last_lines(file: &Path, count: usize) -> String {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(count);
    lines.get(from..).unwrap_or_default().join("\n")
}
