//! The same ledger on AWS's own interfaces: functions on Lambda, a table of DynamoDB that two regions share, alarms of
//! CloudWatch, a topic that they speak to and a queue that hears it, and the roles that all of it acts under.
//!
//! `deploy` sets it up and brings what deviates back to it; so does `restore`, and what a fault altered needs no notes.
//! It runs on a real account and, with `--endpoint`, on whatever else speaks these interfaces.

mod cloud;
mod deploy;
mod destroy;
mod fault;
mod functions;
mod load;
mod roles;
mod system;
mod table;
mod telling;
mod zip;

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::names::REGIONS;
use cloud::Cloud;

/// How long a table, a function or a role may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(600);

/// `payledger aws`.
#[derive(Debug, Args)]
pub(crate) struct Aws {
    /// Address that stands for all of AWS, such as an emulator's http://127.0.0.1:4566.
    #[arg(long, value_name = "URL", global = true)]
    endpoint: Option<String>,
    /// What every name of it begins with.
    #[arg(long, value_name = "NAME", global = true, default_value = "payledger")]
    name: String,
    /// Profile of the shared configuration files.
    #[arg(long, value_name = "NAME", global = true)]
    profile: Option<String>,
    /// The primary region, then the other.
    #[arg(long, value_name = "REGION,REGION", global = true, num_args = 2, value_delimiter = ',', default_values = REGIONS)]
    regions: Vec<String>,
    #[command(subcommand)]
    command: Words,
}

#[derive(Debug, Subcommand)]
enum Words {
    /// Set everything up, and bring back what deviates.
    Deploy,
    /// Say what stands, what deviates from it, and how the alarms are.
    Status,
    /// Send the steady mix of requests.
    Load {
        /// Requests per second.
        #[arg(long, default_value_t = 2.0)]
        rate: f64,
        /// Stop after so many seconds; without it, at Ctrl-C.
        #[arg(long)]
        seconds: Option<f64>,
    },
    /// Break something; without a name, list what can be broken.
    Fault {
        /// Which fault.
        fault: Option<String>,
    },
    /// Bring functions and roles back to what was set up.
    Restore,
    /// Take everything away, the ledger too.
    Destroy,
}

/// What was done, for people and for programs; and whether all is as it should be.
pub(crate) struct Said {
    /// For people.
    pub text: String,
    /// For programs.
    pub value: Value,
    /// Is all well?
    pub well: bool,
}

impl Said {
    fn done(text: impl Into<String>, value: Value) -> Self {
        Self {
            text: text.into(),
            value,
            well: true,
        }
    }
}

/// Does what was asked for; `progress` hears of what takes long.
///
/// # Errors
/// If AWS refuses, or what was asked for is not there.
pub(crate) async fn run(aws: Aws, progress: impl Fn(&str)) -> Result<Said, Failure> {
    if let Words::Fault { fault: None } = aws.command {
        return fault::list();
    }
    let cloud = Cloud::new(&aws).await?;
    match aws.command {
        Words::Deploy => {
            deploy::all(&cloud, &progress).await?;
            status(&cloud, "PayLedger is set up").await
        }
        Words::Status => status(&cloud, "PayLedger").await,
        Words::Load { rate, seconds } => load::send(&cloud, rate, seconds).await,
        Words::Fault { fault } => {
            let name = fault.unwrap_or_default();
            let did = fault::inject(&cloud, &name).await?;
            Ok(Said::done(
                format!("{name} is in:\n  {}", did.join("\n  ")),
                json!({"injected": name, "did": did}),
            ))
        }
        Words::Restore => {
            let put = deploy::restore(&cloud).await?;
            let text = match put.is_empty() {
                true => "nothing deviated".to_string(),
                false => format!("this deviated and was put back:\n  {}", put.join("\n  ")),
            };
            Ok(Said::done(text, json!({"restored": put})))
        }
        Words::Destroy => {
            let gone = destroy::all(&cloud, &progress).await?;
            let text = match gone.is_empty() {
                true => "nothing was there".to_string(),
                false => format!("taken away:\n  {}", gone.join("\n  ")),
            };
            Ok(Said::done(text, json!({"destroyed": gone})))
        }
    }
}

/// What stands, and whether it stands as it was set up.
async fn status(cloud: &Cloud, title: &str) -> Result<Said, Failure> {
    let mut text = title.to_string();
    let mut regions = Vec::new();
    let mut strange = roles::deviations(cloud).await?;
    for place in &cloud.places {
        let mut functions = Vec::new();
        for wanted in &system::FUNCTIONS {
            let found = functions::deviations(cloud, place, wanted).await?;
            functions.push(json!({"function": cloud.named(wanted.name), "deviates": found}));
            strange.extend(found);
        }
        let table = table::status(cloud, place).await?;
        if table != "ACTIVE" {
            strange.push(format!("{}: the table is {table}", place.region));
        }
        let alarms = telling::alarms(cloud, place).await?;
        text += &format!("\n  {}: table {table}; alarms", place.region);
        for (name, state) in &alarms {
            text += &format!(" {name} {state},");
        }
        text = text.trim_end_matches(',').to_string();
        regions.push(json!({"region": place.region, "table": table, "functions": functions, "alarms": alarms}));
    }
    let well = strange.is_empty();
    if well {
        text += "\n  all of it is as it was set up";
    }
    for one in &strange {
        text += &format!("\n  {one}");
    }
    Ok(Said {
        text,
        value: json!({"name": cloud.name, "regions": regions, "deviates": strange}),
        well,
    })
}
