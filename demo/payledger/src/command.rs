//! The command line.

mod show;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser as _;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::audit::audit;
use crate::chance::Sequence;
use crate::deployment::{Intervals, StateFolder};
use crate::failure::Failure;
use crate::fault::{self, Injector};
use crate::hop::plain_client;
use crate::load::{Clients, PATIENT, keep_up};
use crate::names::REGIONS;
use crate::process::Process;
use crate::supervise::{Program, Running, Wanted, is_payledger};
use words::{Cli, Command, FaultCommand, Format, One, Place, Role, Up};

use crate::{control, front, functions, load, provider, router, table};

/// Something was asked for and could not be done, or an audit found something.
const FAILED: u8 = 1;

/// Parses and runs.
pub fn main(args: impl Iterator<Item = OsString>, prefix: &[OsString]) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // A closed pipe while the help is printed is no failure of ours.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(cli.command, cli.format, prefix));
            // A blocking flush that hangs on a receiver that is gone must not keep the process.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(Failure::new(format!("no asynchronous runtime: {error}"))),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("payledger: {failure}");
            ExitCode::from(FAILED)
        }
    }
}

async fn run(command: Command, format: Format, prefix: &[OsString]) -> Result<u8, Failure> {
    let show = show::Show::new(format == Format::Json);
    match command {
        Command::Up(up) => start(up, &show, prefix).await,
        Command::Down(place) => down(&folder(&place)?, &show).await,
        Command::Status(place) => status(&folder(&place)?, &show).await,
        Command::Load {
            place,
            rate,
            seconds,
        } => send_load(&folder(&place)?, rate, seconds, &show).await,
        Command::Seed { place, count } => seed(&folder(&place)?, count, &show).await,
        Command::Audit { place, wait } => {
            let finding = audit(&folder(&place)?, seconds_of("--wait", wait)?).await?;
            show.audit(&finding);
            Ok(if finding.clean { 0 } else { FAILED })
        }
        Command::Fault(FaultCommand::List) => {
            show.faults(&fault::all()?)?;
            Ok(0)
        }
        Command::Fault(FaultCommand::Inject { place, name }) => {
            let state = folder(&place)?;
            let injected = Injector::new(&state)?.inject(&name).await?;
            show.injected(&fault::find(&name)?, &injected);
            Ok(0)
        }
        Command::Fault(FaultCommand::Restore { place, name }) => {
            restore(&folder(&place)?, name, &show).await
        }
        #[cfg(feature = "aws")]
        Command::Aws(aws) => {
            let said = crate::aws::run(aws, |line| show.progress(line)).await?;
            show.say(&said.text, &said.value);
            Ok(if said.well { 0 } else { FAILED })
        }
        Command::Process(one) => process(one).await,
    }
}

fn folder(place: &Place) -> Result<StateFolder, Failure> {
    let path = std::path::absolute(&place.state)
        .map_err(|error| Failure::new(format!("{}: {error}", place.state.display())))?;
    Ok(StateFolder::new(path))
}

fn seconds_of(flag: &str, seconds: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        Failure::new(format!(
            "{flag}: {seconds} is no number of seconds; expected 0 or more"
        ))
    })
}

fn die_with_parent() -> Result<(), Failure> {
    set_pdeathsig(Signal::SIGTERM)
        .map_err(|error| Failure::new(format!("cannot be tied to the parent process: {error}")))
}

/// How other processes are started.
fn program(own: Option<&str>, prefix: &[OsString]) -> Result<Program, Failure> {
    let file = std::env::current_exe()
        .map_err(|error| Failure::new(format!("this program's own file is not known: {error}")))?;
    let from_environment = std::env::var("PAYLEDGER_SELF").ok();
    let Some(words) = own.or(from_environment.as_deref()) else {
        return Ok(Program {
            file,
            prefix: prefix.to_vec(),
        });
    };
    let mut words = words.split_whitespace();
    let first = words.next().ok_or_else(|| {
        Failure::new(
            "--self is empty; expected a program and words, such as \"midwatch payledger\"",
        )
    })?;
    // The running program under its own name is this very file, wherever it lies.
    let same = file.file_name().is_some_and(|name| name == first);
    Ok(Program {
        file: if same { file } else { PathBuf::from(first) },
        prefix: words.map(OsString::from).collect(),
    })
}

async fn start(up: Up, show: &show::Show, prefix: &[OsString]) -> Result<u8, Failure> {
    if up.die_with_parent {
        die_with_parent()?;
    }
    let mut intervals = if up.fast {
        Intervals::fast()
    } else {
        Intervals::default()
    };
    for (flag, wanted, held) in [
        (
            "--health-interval",
            up.health_interval,
            &mut intervals.health_seconds,
        ),
        (
            "--metrics-interval",
            up.metrics_interval,
            &mut intervals.metrics_seconds,
        ),
    ] {
        if let Some(seconds) = wanted {
            if !(0.05..=3_600.0).contains(&seconds) {
                return Err(Failure::new(format!(
                    "{flag}: {seconds} is out of range; expected 0.05 to 3600 seconds"
                )));
            }
            *held = seconds;
        }
    }
    intervals.failures_to_switch = up.failures.unwrap_or(intervals.failures_to_switch).max(1);
    intervals.successes_to_return = up.successes.unwrap_or(intervals.successes_to_return).max(1);
    if !(0.0..=500.0).contains(&up.rate) {
        return Err(Failure::new(format!(
            "--rate: {} is out of range; expected 0 to 500 requests per second",
            up.rate
        )));
    }
    if let Some(url) = &up.otlp
        && !(url.starts_with("http://") || url.starts_with("https://"))
    {
        return Err(Failure::new(format!(
            "--otlp: {url:?} is no URL; expected one such as http://127.0.0.1:4318"
        )));
    }
    let wanted = Wanted {
        state: folder(&up.place)?,
        intervals,
        otlp: up.otlp,
        rate: up.rate,
        program: program(up.own.as_deref(), prefix)?,
    };
    let ending = crate::process::ended();
    tokio::pin!(ending);
    let running = tokio::select! {
        biased;
        () = &mut ending => return Ok(0),
        running = Running::start(wanted, |line| show.progress(line)) => running?,
    };
    show.up(running.deployment());
    running.keep().await?;
    Ok(0)
}

async fn down(state: &StateFolder, show: &show::Show) -> Result<u8, Failure> {
    let deployment = state.deployment()?;
    if !is_payledger(deployment.pid) {
        let _ = std::fs::remove_file(state.file("payledger.json"));
        show.say("it had ended already", &json!({"ended": true}));
        return Ok(0);
    }
    let pid = i32::try_from(deployment.pid).unwrap_or(0);
    kill(Pid::from_raw(pid), Signal::SIGTERM)
        .map_err(|error| Failure::new(format!("process {pid} cannot be ended: {error}")))?;
    let limit = Instant::now() + Duration::from_secs(10);
    while is_payledger(deployment.pid) {
        if Instant::now() > limit {
            return Err(Failure::new(format!(
                "process {pid} did not end within 10 s"
            )));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    show.say("ended", &json!({"ended": true}));
    Ok(0)
}

async fn read(client: &reqwest::Client, url: String) -> Value {
    let Ok(reply) = client.get(url).send().await else {
        return Value::Null;
    };
    reply.json().await.unwrap_or(Value::Null)
}

async fn status(state: &StateFolder, show: &show::Show) -> Result<u8, Failure> {
    let deployment = state.deployment()?;
    let client = plain_client(Duration::from_secs(3))?;
    let routing = read(&client, format!("{}/state", deployment.router)).await;
    let load = match deployment
        .processes
        .iter()
        .find(|process| process.role == "load")
    {
        Some(process) => read(&client, format!("{}/tally", process.address)).await,
        None => Value::Null,
    };
    let running = is_payledger(deployment.pid);
    show.status(
        &deployment,
        running,
        &routing,
        &load,
        &Injector::injected(state)?,
    );
    Ok(if running { 0 } else { FAILED })
}

async fn send_load(
    state: &StateFolder,
    rate: f64,
    seconds: Option<f64>,
    show: &show::Show,
) -> Result<u8, Failure> {
    if !(rate > 0.0 && rate <= 1_000.0) {
        return Err(Failure::new(format!(
            "--rate: {rate} is out of range; expected more than 0, up to 1000"
        )));
    }
    let clients = Arc::new(Clients::new(state, &state.deployment()?.router)?);
    let limit = seconds_of("--seconds", seconds.unwrap_or(1e9))?;
    let seed = u64::from_le_bytes(crate::chance::bytes());
    tokio::select! {
        () = keep_up(Arc::clone(&clients), seed, move || rate) => {}
        () = crate::process::ended() => {}
        () = tokio::time::sleep(limit) => {}
    }
    // What is on its way may still be acknowledged.
    let patience = Instant::now() + Duration::from_secs(10);
    while clients.tally.describe()["running"] != 0 && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    show.tally(&clients.tally.describe());
    Ok(0)
}

async fn seed(state: &StateFolder, count: u64, show: &show::Show) -> Result<u8, Failure> {
    let clients = Clients::new(state, &state.deployment()?.router)?;
    let mut dice = Sequence::new(u64::from_le_bytes(crate::chance::bytes()));
    for number in 0..count {
        if !clients
            .pay(number, Sequence::new(dice.next()), PATIENT)
            .await
        {
            show.tally(&clients.tally.describe());
            return Err(Failure::new(format!(
                "transaction {} of {count} was not acknowledged",
                number + 1
            ))
            .advice("is a fault in? see `payledger status`"));
        }
    }
    show.tally(&clients.tally.describe());
    Ok(0)
}

async fn restore(
    state: &StateFolder,
    name: Option<String>,
    show: &show::Show,
) -> Result<u8, Failure> {
    let injector = Injector::new(state)?;
    let names = match name {
        Some(name) => vec![name],
        None => Injector::injected(state)?.into_keys().collect(),
    };
    for name in &names {
        injector.restore(name).await?;
    }
    let said = if names.is_empty() {
        "no fault is in".to_owned()
    } else {
        format!("taken out: {}", names.join(", "))
    };
    show.say(&said, &json!({"restored": names}));
    Ok(0)
}

async fn process(one: One) -> Result<u8, Failure> {
    if let Some(parent) = one.parent {
        die_with_parent()?;
        // It may have ended before we were tied to it.
        if std::os::unix::process::parent_id() != parent {
            return Err(Failure::new("the process that started this one has ended"));
        }
    }
    let regional = matches!(one.role, Role::Front | Role::Functions | Role::Table);
    if regional != REGIONS.contains(&one.region.as_str()) {
        return Err(Failure::new(format!(
            "--region {:?} does not fit --role {}; expected {}",
            one.region,
            one.role.word(),
            if regional {
                REGIONS.join(" or ")
            } else {
                "none".into()
            }
        )));
    }
    let process =
        Process::start(one.role.word(), &one.region, folder(&one.place)?, one.port).await?;
    match one.role {
        Role::Front => front::run(process).await?,
        Role::Functions => functions::run(process).await?,
        Role::Table => table::run(process).await?,
        Role::Control => control::run(process).await?,
        Role::Router => router::run(process).await?,
        Role::Provider => provider::run(process).await?,
        Role::Load => load::run(process).await?,
    }
    Ok(0)
}
