//! The words of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A two-region payment ledger that really runs, and can be broken in known ways.
#[derive(Debug, Parser)]
#[command(
    name = "payledger",
    version,
    after_help = "Exit codes: 0 done; 1 failed, or the audit found something; 2 the command line is not understood."
)]
pub(super) struct Cli {
    /// How answers are written.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs: one JSON document.
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Place {
    /// Folder that everything is kept in.
    #[arg(long, value_name = "DIR", default_value = "payledger-state")]
    pub state: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start everything and keep it running until Ctrl-C.
    Up(Up),
    /// End what runs in a folder.
    Down(Place),
    /// Say what runs, which region serves, and which faults are in.
    Status(Place),
    /// Send the steady mix of requests from here, besides what `up` sends.
    Load {
        #[command(flatten)]
        place: Place,
        /// Requests per second.
        #[arg(long, default_value_t = 5.0)]
        rate: f64,
        /// Stop after so many seconds; without it, at Ctrl-C.
        #[arg(long)]
        seconds: Option<f64>,
    },
    /// Make a number of transactions, one after the other.
    Seed {
        #[command(flatten)]
        place: Place,
        /// How many.
        #[arg(long, default_value_t = 100)]
        count: u64,
    },
    /// Check that every acknowledged transaction is in both regions exactly once, and that balances equal sums.
    Audit {
        #[command(flatten)]
        place: Place,
        /// How long to wait for replication to catch up, in seconds.
        #[arg(long, default_value_t = 20.0)]
        wait: f64,
    },
    /// Break something, mend it, or list what can be broken.
    #[command(subcommand)]
    Fault(FaultCommand),
    /// The same ledger on AWS: functions of Lambda, a table in two regions, alarms.
    #[cfg(feature = "aws")]
    Aws(crate::aws::Aws),
    /// One process of a running PayLedger; started by `up`.
    #[command(hide = true)]
    Process(One),
}

#[derive(Debug, Subcommand)]
pub(super) enum FaultCommand {
    /// Break something.
    Inject {
        #[command(flatten)]
        place: Place,
        /// Which fault.
        #[arg(default_value = "three")]
        name: String,
    },
    /// Mend what was broken; without a name, all of it.
    Restore {
        #[command(flatten)]
        place: Place,
        /// Which fault.
        name: Option<String>,
    },
    /// List what can be broken, with what should be found.
    List,
}

#[derive(Debug, Args)]
pub(super) struct Up {
    #[command(flatten)]
    pub place: Place,
    /// Base URL of an OTLP/HTTP receiver, such as http://127.0.0.1:4318; without it, telemetry stays in DIR/logs.
    #[arg(long, value_name = "URL")]
    pub otlp: Option<String>,
    /// Short intervals: health checks and metrics every second.
    #[arg(long)]
    pub fast: bool,
    /// Requests per second of the steady load; 0 sends none.
    #[arg(long, default_value_t = 6.0)]
    pub rate: f64,
    /// Seconds between two health checks of a region [default: 10].
    #[arg(long, value_name = "SECONDS")]
    pub health_interval: Option<f64>,
    /// Failed health checks in a row that switch to the other region [default: 2].
    #[arg(long, value_name = "N")]
    pub failures: Option<u32>,
    /// Good health checks in a row that switch back [default: 2].
    #[arg(long, value_name = "N")]
    pub successes: Option<u32>,
    /// Seconds between two exports of metrics [default: 2].
    #[arg(long, value_name = "SECONDS")]
    pub metrics_interval: Option<f64>,
    /// Program and words to start processes with, such as "midwatch payledger" [default: PAYLEDGER_SELF, or this program].
    #[arg(long = "self", value_name = "WORDS")]
    pub own: Option<String>,
    /// End when the process that started this one ends.
    #[arg(long)]
    pub die_with_parent: bool,
}

#[derive(Debug, Args)]
pub(super) struct One {
    /// What it is to do.
    #[arg(long, value_enum)]
    pub role: Role,
    /// Which region it belongs to.
    #[arg(long, default_value = "")]
    pub region: String,
    #[command(flatten)]
    pub place: Place,
    /// Where to listen; 0 is any free port.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// End when this process ends.
    #[arg(long)]
    pub parent: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    Front,
    Functions,
    Table,
    Control,
    Router,
    Provider,
    Load,
}

impl Role {
    /// As it is written on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Functions => "functions",
            Self::Table => "table",
            Self::Control => "control",
            Self::Router => "router",
            Self::Provider => "provider",
            Self::Load => "load",
        }
    }
}
