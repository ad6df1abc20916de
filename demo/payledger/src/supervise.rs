//! `payledger up`: starts every process, keeps them running, and ends them all.

mod hosts;

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::clock::{ProcessClock, rfc3339, true_ms};
use crate::deployment::{
    Deployment, Intervals, ProcessAddress, RegionAddresses, Settings, StateFolder, write_json,
};
use crate::failure::Failure;
use crate::hop::plain_client;
use crate::names::{PRIMARY, REGIONS};
use crate::telemetry::Exporting;

/// How to start another process of this program: the program and the words before `process`.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file.
    pub file: PathBuf,
    /// Words before the subcommand: `payledger`, when another program embeds this one.
    pub prefix: Vec<OsString>,
}

/// What `up` is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where everything is kept.
    pub state: StateFolder,
    /// How often things happen.
    pub intervals: Intervals,
    /// Where telemetry goes.
    pub otlp: Option<String>,
    /// Requests per second of the steady load.
    pub rate: f64,
    /// How children are started.
    pub program: Program,
}

/// A process that does not say where it listens within this time has failed.
const START_LIMIT: Duration = Duration::from_secs(20);
/// What children are given to end by themselves.
const END_LIMIT: Duration = Duration::from_secs(3);

struct Kept {
    role: &'static str,
    region: &'static str,
    child: Child,
    address: String,
    started: Instant,
}

impl Kept {
    fn name(&self) -> String {
        if self.region.is_empty() {
            self.role.to_owned()
        } else {
            format!("{}-{}", self.role, self.region)
        }
    }

    fn port(&self) -> u16 {
        self.address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .unwrap_or(0)
    }

    fn describe(&self) -> ProcessAddress {
        ProcessAddress {
            name: self.name(),
            role: self.role.to_owned(),
            region: self.region.to_owned(),
            pid: self.child.id().unwrap_or(0),
            address: self.address.clone(),
        }
    }
}

async fn spawn(
    wanted: &Wanted,
    role: &'static str,
    region: &'static str,
    port: u16,
) -> Result<Kept, Failure> {
    let name = if region.is_empty() {
        role.to_owned()
    } else {
        format!("{role}-{region}")
    };
    let errors = wanted
        .state
        .path()
        .join("logs")
        .join(format!("{name}.stderr"));
    let file = File::options()
        .create(true)
        .append(true)
        .open(&errors)
        .map_err(|error| {
            Failure::new(format!("{}: cannot be written: {error}", errors.display()))
        })?;
    let mut command = Command::new(&wanted.program.file);
    command
        .args(&wanted.program.prefix)
        .args(["process", "--role", role, "--state"])
        .arg(wanted.state.path())
        .args(["--port", &port.to_string()])
        .args(["--parent", &std::process::id().to_string()]);
    if !region.is_empty() {
        command.args(["--region", region]);
    }
    let failed = |why: String| {
        Failure::new(format!("{name} could not be started: {why}"))
            .advice(format!("see {}", errors.display()))
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(file)
        // A Ctrl-C at the terminal is for `up` alone, which then ends its children in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("{}: {error}", wanted.program.file.display())))?;
    let out = child
        .stdout
        .take()
        .ok_or_else(|| failed("it has no standard output".into()))?;
    let mut line = String::new();
    let mut reader = BufReader::new(out);
    let reading = reader.read_line(&mut line);
    match tokio::time::timeout(START_LIMIT, reading).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(_) => return Err(failed("it did not say within 20 s where it listens".into())),
    }
    let said: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
    let address = said["listening"]
        .as_str()
        .ok_or_else(|| failed("it ended before it listened".into()))?
        .to_owned();
    Ok(Kept {
        role,
        region,
        child,
        address,
        started: Instant::now(),
    })
}

/// Is there a process of this number?
pub fn alive(pid: u32) -> bool {
    i32::try_from(pid).is_ok_and(|pid| pid > 0 && kill(Pid::from_raw(pid), None).is_ok())
}

/// Is that process a PayLedger? Process ids are used again.
pub fn is_payledger(pid: u32) -> bool {
    alive(pid)
        && std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.split(|byte| *byte == 0).any(|word| word == b"up"))
}

fn prepare(wanted: &Wanted) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt as _;
    if let Ok(known) = wanted.state.deployment()
        && is_payledger(known.pid)
    {
        return Err(Failure::new(format!(
            "{}: a PayLedger is running here already (process {})",
            wanted.state.path().display(),
            known.pid
        ))
        .advice("use another folder, or end it with `payledger down --state DIR`"));
    }
    let logs = wanted.state.path().join("logs");
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&logs)
        .map_err(|error| Failure::new(format!("{}: cannot be made: {error}", logs.display())))?;
    // Whoever starts must not take an old address for a new one.
    let _ = std::fs::remove_file(wanted.state.file("payledger.json"));
    Ok(())
}

/// Everything that runs.
pub struct Running {
    wanted: Wanted,
    kept: Vec<Kept>,
    deployment: Deployment,
}

impl Running {
    /// Starts every process and waits until both regions are well.
    pub async fn start(wanted: Wanted, mut progress: impl FnMut(&str)) -> Result<Self, Failure> {
        prepare(&wanted)?;
        let mut settings = Settings {
            intervals: wanted.intervals,
            otlp: wanted.otlp.clone(),
            rate: wanted.rate,
            signing_key: crate::chance::hex::<32>(),
            control: String::new(),
        };
        let path = wanted.state.file("settings.json");
        write_json(&path, &settings)?;
        progress("starting the control plane");
        let control = spawn(&wanted, "control", "", 0).await?;
        settings.control.clone_from(&control.address);
        write_json(&path, &settings)?;
        let mut kept = vec![control, spawn(&wanted, "provider", "", 0).await?];
        for region in REGIONS {
            progress(&format!("starting {region}"));
            for role in ["table", "functions", "front"] {
                kept.push(spawn(&wanted, role, region, 0).await?);
            }
        }
        progress("starting the router and the load");
        kept.push(spawn(&wanted, "router", "", 0).await?);
        kept.push(spawn(&wanted, "load", "", 0).await?);
        let deployment = describe(&wanted, &kept)?;
        let running = Self {
            wanted,
            kept,
            deployment,
        };
        write_json(
            &running.wanted.state.file("payledger.json"),
            &running.deployment,
        )?;
        running.wait_until_well(progress).await?;
        Ok(running)
    }

    /// Where everything is.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    async fn wait_until_well(&self, mut progress: impl FnMut(&str)) -> Result<(), Failure> {
        let client = plain_client(Duration::from_secs(4))?;
        let limit = Instant::now() + Duration::from_secs(60);
        for region in &self.deployment.regions {
            progress(&format!("waiting until {} is well", region.name));
            loop {
                let reply = client.get(format!("{}/health", region.front)).send().await;
                let said = match reply {
                    Ok(reply) if reply.status().is_success() => break,
                    Ok(reply) => reply.text().await.unwrap_or_default(),
                    Err(error) => error.to_string(),
                };
                if Instant::now() > limit {
                    return Err(Failure::new(format!(
                        "{} did not become well within a minute: {said}",
                        region.name
                    ))
                    .advice(format!(
                        "see {}",
                        self.wanted.state.path().join("logs").display()
                    )));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    /// Keeps everything running until told to end, then ends it.
    pub async fn keep(mut self) -> Result<(), Failure> {
        let clock = ProcessClock::default();
        let exporting = Exporting::new(
            &self.wanted.state,
            "up",
            self.wanted.otlp.as_deref(),
            self.wanted.intervals,
            &clock,
        )?;
        let watching = hosts::Hosts::new(&exporting)?;
        let every = Duration::try_from_secs_f64(self.wanted.intervals.metrics_seconds)
            .unwrap_or(Duration::from_secs(2));
        let mut ticks = tokio::time::interval(every.max(Duration::from_millis(200)));
        let ended = crate::process::ended();
        tokio::pin!(ended);
        loop {
            tokio::select! {
                biased;
                () = &mut ended => break,
                _ = ticks.tick() => {
                    watching.look(&self.deployment.processes).await;
                    self.restart_the_dead().await;
                }
            }
        }
        self.end().await;
        Ok(())
    }

    async fn restart_the_dead(&mut self) {
        let mut changed = false;
        for kept in &mut self.kept {
            let Ok(Some(status)) = kept.child.try_wait() else {
                continue;
            };
            // One that dies at once is not started again at once.
            if kept.started.elapsed() < Duration::from_secs(1) {
                continue;
            }
            eprintln!("{} ended ({status}); it is started again", kept.name());
            match spawn(&self.wanted, kept.role, kept.region, kept.port()).await {
                Ok(new) => {
                    *kept = new;
                    changed = true;
                }
                Err(failure) => {
                    eprintln!("{failure}");
                    kept.started = Instant::now();
                }
            }
        }
        if changed && let Ok(deployment) = describe(&self.wanted, &self.kept) {
            self.deployment = Deployment {
                started_at: self.deployment.started_at.clone(),
                ..deployment
            };
            if let Err(failure) =
                write_json(&self.wanted.state.file("payledger.json"), &self.deployment)
            {
                eprintln!("{failure}");
            }
        }
    }

    /// Ends every child, politely first.
    async fn end(mut self) {
        // The load first, so that nothing is cut off that somebody was about to be told.
        self.kept.reverse();
        for kept in &self.kept {
            if let Some(pid) = kept.child.id().and_then(|pid| i32::try_from(pid).ok()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            }
        }
        let limit = tokio::time::Instant::now() + END_LIMIT;
        for kept in &mut self.kept {
            if tokio::time::timeout_at(limit, kept.child.wait())
                .await
                .is_err()
            {
                let _ = kept.child.kill().await;
            }
        }
        let _ = std::fs::remove_file(self.wanted.state.file("payledger.json"));
    }
}

fn describe(wanted: &Wanted, kept: &[Kept]) -> Result<Deployment, Failure> {
    let find = |role: &str, region: &str| {
        kept.iter()
            .find(|kept| kept.role == role && kept.region == region)
            .map(|kept| kept.address.clone())
            .ok_or_else(|| Failure::new(format!("{role} {region} was not started")))
    };
    let provider_port =
        std::fs::read_to_string(wanted.state.file("provider-port")).unwrap_or_default();
    let router = find("router", "")?;
    let mut regions = Vec::new();
    for region in REGIONS {
        regions.push(RegionAddresses {
            name: region.to_owned(),
            standing: if region == PRIMARY {
                "primary"
            } else {
                "secondary"
            }
            .to_owned(),
            front: find("front", region)?,
            functions: find("functions", region)?,
            table: find("table", region)?,
        });
    }
    Ok(Deployment {
        format: 1,
        pid: std::process::id(),
        started_at: rfc3339(true_ms()),
        page: format!("{router}/"),
        router,
        control: find("control", "")?,
        provider: format!("https://127.0.0.1:{}", provider_port.trim()),
        otlp: wanted.otlp.clone(),
        regions,
        intervals: wanted.intervals,
        processes: kept.iter().map(Kept::describe).collect(),
    })
}
