//! The OpenTelemetry SDK for Python, installed once into the target folder. Where it cannot be installed (no
//! Python, no network) the test says so and passes nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Watch, check};

/// What is installed; exact, so that a new release does not fail an old commit.
const PACKAGES: [&str; 3] = [
    "opentelemetry-sdk==1.39.1",
    "opentelemetry-exporter-otlp-proto-http==1.39.1",
    "opentelemetry-exporter-otlp-proto-grpc==1.39.1",
];

/// The interpreter with the SDK, or why there is none.
fn interpreter() -> Result<PathBuf, String> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("opentelemetry-python");
    let python = venv.join("bin/python");
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(said.lines().last().unwrap_or("it failed").to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    let ready = venv.join("ready");
    if !ready.exists() {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&venv))?;
        run(Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(PACKAGES))?;
        std::fs::write(&ready, "").map_err(|error| error.to_string())?;
    }
    Ok(python)
}

async fn over(protocol: &'static str) {
    let python = match tokio::task::spawn_blocking(interpreter).await.unwrap() {
        Ok(python) => python,
        Err(why) => {
            eprintln!("PASSED OVER: the OpenTelemetry SDK for Python cannot be installed: {why}");
            return;
        }
    };
    let watch = Watch::begin().await;
    let endpoint = match protocol {
        "grpc" => watch.grpc(),
        _ => watch.http(),
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/senders/send.py");
    let output = tokio::task::spawn_blocking(move || {
        Command::new(python)
            .arg(script)
            .args([protocol, &endpoint, &format!("python-{protocol}")])
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    check(&watch.end().await, &format!("python-{protocol}"));
}

/// One after the other: the first installs what both need.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn over_http_and_grpc() {
    over("http").await;
    over("grpc").await;
}
