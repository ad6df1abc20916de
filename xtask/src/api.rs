//! `cargo xtask api`: requests of all kinds, made from the API's description by schemathesis (PyPI), against a server that
//! runs, by a stranger and with a key of each role; writes `docs/bench/api.json`. No answer may be a failure of the server's,
//! and none may be undescribed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::bench::commit;
use crate::history::{Server, built};
use crate::house::root;
use crate::vendors;

/// The version that is brought where none is installed.
const VERSION: &str = "4.32.5";
/// What is held against the description.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";
/// Incidents that there are to be asked about.
const INCIDENTS: u32 = 20;
/// Who asks: the stranger while nobody has an account, when this machine's own may look.
const ROLES: [&str; 5] = ["stranger", "viewer", "responder", "approver", "admin"];

/// What was asked for.
struct Options {
    profile: String,
    minutes: u64,
    tool: PathBuf,
}

/// Runs, and writes what came out. True if nothing was found.
pub fn run(words: &[&str]) -> anyhow::Result<bool> {
    let options = options(words)?;
    let (good, runs) = checked(&options.tool, &options.profile, options.minutes * 60)?;
    let file = root().join("docs/bench/api.json");
    let written = json!({
        "commit": commit(),
        "tool": version(&options.tool).context("it ran")?,
        "minutes": options.minutes,
        "checks": CHECKS.split(',').collect::<Vec<_>>(),
        "holds": good,
        "runs": runs,
    });
    fs::write(&file, serde_json::to_string_pretty(&written)? + "\n")?;
    println!("wrote {}", file.display());
    Ok(good)
}

/// The tool as it is found without being named, or what is to be done so that it is.
pub fn tool() -> Result<PathBuf, String> {
    let named = std::env::var_os("SCHEMATHESIS").map(PathBuf::from);
    let tool = named.unwrap_or_else(|| PathBuf::from("schemathesis"));
    match version(&tool) {
        Some(_) => Ok(tool),
        None => vendors::pypi("schemathesis", VERSION).map_err(|why| {
            format!(
                "schemathesis is not there: {why}; `pip install schemathesis` into an environment of its own, and name \
                 it by SCHEMATHESIS"
            )
        }),
    }
}

fn version(tool: &Path) -> Option<String> {
    let output = Command::new(tool).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
    output.status.success().then_some(text)
}

fn options(words: &[&str]) -> anyhow::Result<Options> {
    let mut options = Options {
        profile: "release".to_string(),
        minutes: 10,
        tool: PathBuf::new(),
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words
            .next()
            .with_context(|| format!("{word} needs a value"))?;
        match *word {
            "--profile" => options.profile = (*value).to_string(),
            "--minutes" => options.minutes = value.parse().context("--minutes")?,
            "--tool" => options.tool = PathBuf::from(value),
            other => bail!("no such option: {other}"),
        }
    }
    ensure!(options.minutes > 0, "--minutes is at least 1");
    if options.tool.as_os_str().is_empty() {
        options.tool = tool().map_err(|why| anyhow::anyhow!(why))?;
    }
    Ok(options)
}

/// Asks for so long in all; what each run came to.
pub fn checked(tool: &Path, profile: &str, seconds: u64) -> anyhow::Result<(bool, Value)> {
    let built = built(profile)?;
    let folder = std::env::temp_dir().join(format!("midwatch-api-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let server = Server::start(&built, &folder, INCIDENTS)?;
    let mut runs = Vec::new();
    let mut good = true;
    for role in ROLES {
        let key = match role {
            "stranger" => None,
            role => Some(server.key(role)?),
        };
        let each = (seconds / ROLES.len() as u64).max(1);
        let (held, found) = one(tool, &folder, &server, key.as_deref(), each)
            .with_context(|| format!("as {role}"))?;
        let said = summary(role, &found);
        println!("{said}");
        good &= held;
        runs.push(said);
    }
    ensure!(server.is_there(), "the server ended");
    drop(server);
    if good {
        fs::remove_dir_all(&folder)?;
    } else {
        println!("what was sent and answered lies in {}", folder.display());
    }
    Ok((good, Value::Array(runs)))
}

/// One run as this key. True if it found nothing.
fn one(
    tool: &Path,
    folder: &Path,
    server: &Server,
    key: Option<&str>,
    seconds: u64,
) -> anyhow::Result<(bool, Value)> {
    let report = folder.join("found.json");
    // A report of the run before must not be taken for this one's.
    let _ = fs::remove_file(&report);
    let mut command = Command::new(tool);
    command
        .arg("--config-file")
        .arg(root().join("xtask/clients/schemathesis.toml"))
        .arg("run")
        .arg(root().join("docs/api/openapi.json"))
        .args(["--url", &format!("http://{}", server.address)])
        .args([
            "--checks",
            CHECKS,
            "--continue-on-failure",
            "--warnings",
            "off",
        ])
        .args(["--max-time", &seconds.to_string()])
        .args(["--request-timeout", "60", "--seed", "7", "--no-color"])
        // Streams never end.
        .args(["--exclude-path-regex", "/events$"])
        .args(["--report", "json", "--report-json-path"])
        .arg(&report)
        .env("SCHEMATHESIS_HOOKS", "midwatch_hooks")
        .env("PYTHONPATH", root().join("xtask/clients"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(folder)
        .stdin(Stdio::null());
    if let Some(key) = key {
        command.args(["-H", &format!("Authorization: Bearer {key}")]);
    }
    let output = command.output().context("schemathesis cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        println!("{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    let found =
        fs::read_to_string(&report).with_context(|| format!("it wrote no report:\n{text}"))?;
    Ok((output.status.success(), serde_json::from_str(&found)?))
}

/// What a run came to, in few words.
fn summary(role: &str, found: &Value) -> Value {
    json!({
        "as": role,
        "seconds": found["running_time"].as_f64().map(f64::round),
        "operations": found["operations"]["tested"],
        "requests": found["test_cases"]["generated"],
        "failures": found["failures"],
        "errors": found["errors"],
    })
}
