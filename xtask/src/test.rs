//! Everything that must hold before a change is taken in. The order is: what is quick first.

use std::ffi::OsString;
use std::process::Command;

use crate::house::{House, cargo, root};
use crate::steps::{Count, Steps, quiet, told};
use crate::{api, changelog, floors, mcp, vendors};

/// Runs all steps, also those after one that failed. True if all held.
pub fn run() -> anyhow::Result<bool> {
    let house = House::survey()?;
    let mut steps = Steps::default();
    steps.step("format", || {
        quiet(cargo_in_root().args(["fmt", "--all", "--check"]))
    });
    steps.step("floors", || Ok((floors::run()?, Count::default())));
    steps.step("changelog fragments", || {
        let faults = changelog::faults()?;
        for fault in &faults {
            println!("{fault}");
        }
        Ok((faults.is_empty(), Count::default()))
    });
    steps.step("lints", || {
        told(cargo_in_root().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ]))
    });
    // What the README builds: something that only a feature uses is told by no other step.
    steps.step("lints without features", || {
        told(cargo_in_root().args(["clippy", "--package", "midwatch", "--", "-D", "warnings"]))
    });
    // What the double of AWS is asked and answers is held against these, in every test that has one.
    let models = vendors::models_of_aws();
    // Generated files (schemas) and the catalogue of mechanisms are compared by tests of their crates.
    steps.step("tests", || {
        let tests = ["--workspace", "--all-features"];
        let mut cargo = cargo_in_root();
        if let Ok(models) = &models {
            cargo.env("MIDWATCH_AWS_MODELS", models);
        }
        if has(&["nextest", "--version"]) {
            cargo.args(["nextest", "run", "--no-fail-fast"]);
        } else {
            cargo.args(["test", "--no-fail-fast", "--lib", "--bins", "--tests"]);
        }
        told(cargo.args(tests))
    });
    let name = "AWS, by its own models";
    match models {
        Err(why) => steps.passed_over(name, why),
        Ok(models) => steps.step(name, || {
            let test = ["test", "--workspace", "--all-features", "--lib"];
            told(
                cargo_in_root()
                    .args(test)
                    .args(["--", "--ignored", "by_the_models"])
                    .env("MIDWATCH_AWS_MODELS", models),
            )
        }),
    }
    steps.step("doc tests", || {
        told(cargo_in_root().args(["test", "--doc", "--workspace", "--all-features"]))
    });
    steps.step("docs", || {
        told(
            cargo_in_root()
                .args([
                    "doc",
                    "--workspace",
                    "--no-deps",
                    "--keep-going",
                    "--all-features",
                ])
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    });
    steps.step("build", || {
        // With the tests' dependencies, so that nothing is compiled again with fewer features.
        told(cargo_in_root().args([
            "build",
            "--workspace",
            "--all-features",
            "--bins",
            "--tests",
        ]))
    });
    smoke(&mut steps, &house);
    posted(&mut steps);
    doors(&mut steps);
    emulated(&mut steps);
    asked(&mut steps);
    // Both are tools of their own, which this does not install: that would take longer than all the rest.
    with_tool(&mut steps, "unused dependencies", "machete", &[]);
    // Advisories need the network on top: told apart from what is wrong here.
    let deny = [
        "--log-level",
        "error",
        "--all-features",
        "check",
        "licenses",
        "bans",
        "sources",
    ];
    with_tool(&mut steps, "licences and bans", "deny", &deny);
    Ok(steps.end())
}

/// A step that needs a tool from outside: where it is not installed, that is said.
fn with_tool(steps: &mut Steps, name: &str, tool: &str, words: &[&str]) {
    if has(&[tool, "--version"]) {
        steps.step(name, || told(cargo_in_root().arg(tool).args(words)));
    } else {
        steps.passed_over(name, format_args!("cargo-{tool} is not installed"));
    }
}

/// A real Prometheus and a real Alertmanager, whose alarms become incidents; and a real VictoriaMetrics in place of the first.
fn posted(steps: &mut Steps) {
    let programs = [
        ("prometheus", "--version"),
        ("prometheus-alertmanager", "--version"),
    ];
    let name = "alarms of a real Alertmanager";
    with_vendors(
        steps,
        name,
        vendors::debian(&programs),
        "posted",
        &[
            "a_rule_fires",
            "a_prometheus_is_asked",
            "a_silence_of_alertmanager",
        ],
    );
    let programs = [
        ("victoria-metrics", "-version"),
        ("prometheus-alertmanager", "--version"),
    ];
    let name = "a real VictoriaMetrics is asked";
    let tests = ["a_victoria_metrics_is_asked"];
    with_vendors(steps, name, vendors::debian(&programs), "posted", &tests);
}

/// A real proxy before the server, and a real provider to sign in by.
fn doors(steps: &mut Steps) {
    let path = || Ok(std::env::var_os("PATH").unwrap_or_default());
    let proxy = match std::env::var_os("MIDWATCH_NGINX") {
        Some(_) => path(),
        None => vendors::debian(&[("nginx", "-v")]),
    };
    with_vendors(steps, "behind a real proxy", proxy, "doors", &["a_proxy"]);
    let issuer = root().join("crates/midwatch/tests/doors/issuer");
    let provider = vendors::npm(&issuer).and_then(|()| path());
    let name = "sign-in by a real provider";
    with_vendors(steps, name, provider, "doors", &["vouched"]);
}

/// AWS as others emulate it: each for what it really does (`docs/connectors/aws.md`).
fn emulated(steps: &mut Steps) {
    let emulators = [
        (
            "MIDWATCH_MINISTACK",
            // Without the second it takes what is put into CloudWatch, and forgets it.
            vendors::pypi_with("ministack==1.5.33", &["cbor2==6.2.1"], "ministack"),
            "through_ministack",
        ),
        (
            "MIDWATCH_MOTO",
            vendors::pypi_with("moto[server]==5.2.5", &[], "moto_server"),
            "through_moto",
        ),
    ];
    for (variable, program, test) in emulators {
        let name = format!("AWS, {}", test.replace('_', " "));
        match program {
            Err(why) => steps.passed_over(&name, why),
            Ok(program) => steps.step(&name, || {
                told(
                    side_by_side(test)
                        .env(variable, program)
                        // Of nobody: the emulators take any.
                        .env("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST")
                        .env("AWS_SECRET_ACCESS_KEY", "of-nobody"),
                )
            }),
        }
    }
}

/// All tests on one emulator at once, whatever this machine has of cores: each starts an emulator of its own, on a port of
/// its own, and what it does most of the time is to wait until an alarm is quiet, or until AWS's quotas let it ask again.
fn side_by_side(test: &str) -> Command {
    let binaries = ["--test", "aws", "--test", "posted"];
    let mut cargo = cargo_in_root();
    if has(&["nextest", "--version"]) {
        cargo
            .args(["nextest", "run", "--workspace", "--all-features"])
            .args(binaries)
            .args(["--no-fail-fast", "--run-ignored", "only", "-j", "16"])
            .args(["--success-output", "immediate", test]);
    } else {
        cargo
            .args(["test", "--workspace", "--all-features"])
            .args(binaries)
            .args(["--", "--ignored", "--nocapture", "--test-threads", "16"])
            .arg(test);
    }
    cargo
}

/// A test that needs programs of others, with the `PATH` on which they are found; where they are not, that is said.
fn with_vendors(
    steps: &mut Steps,
    name: &str,
    path: Result<OsString, String>,
    binary: &str,
    tests: &[&str],
) {
    match path {
        Err(why) => steps.passed_over(name, why),
        Ok(path) => steps.step(name, || {
            told(
                cargo_in_root()
                    .args(["test", "--workspace", "--all-features", "--test", binary])
                    .args(["--", "--ignored"])
                    .args(tests)
                    .env("PATH", path),
            )
        }),
    }
}

/// What others ask of a server that runs: clients of their own make, and requests made from its description.
fn asked(steps: &mut Steps) {
    let name = "the Model Context Protocol, by its official clients";
    match mcp::Clients::find() {
        Ok(clients) => steps.step(name, || mcp::checked(&clients, "dev")),
        Err(why) => steps.passed_over(name, why),
    }
    let name = "the API against its description";
    match api::tool() {
        Ok(tool) => steps.step(name, || {
            let (held, _) = api::checked(&tool, "dev", 60)?;
            Ok((held, Count::default()))
        }),
        Err(why) => steps.passed_over(name, why),
    }
}

/// The built program, run as a person would.
fn smoke(steps: &mut Steps, house: &House) {
    let program = house.program("debug");
    let mut runs = vec![
        (vec!["--version"], 0, "midwatch "),
        (vec!["demo", "--recorded"], 0, "What to try next"),
        (
            vec!["demo", "--recorded", "--format", "json"],
            0,
            "\"schema\"",
        ),
        (vec!["mechanisms", "list"], 0, "resource.disk-full"),
        (vec!["investigate", "no/such/recording"], 2, ""),
        (vec!["no-such-command"], 2, ""),
    ];
    let recordings = recordings();
    for recording in &recordings {
        runs.push((vec!["recording", "check", recording], 0, ""));
    }
    for (words, code, says) in runs {
        steps.step(&format!("midwatch {}", words.join(" ")), || {
            let output = Command::new(&program)
                .args(&words)
                .current_dir(root())
                .output()?;
            let text = String::from_utf8_lossy(&output.stdout);
            let held = output.status.code() == Some(code) && text.contains(says);
            if !held {
                println!(
                    "ended with {:?}, wanted {code} and {says:?}\n{text}",
                    output.status.code()
                );
                println!("{}", String::from_utf8_lossy(&output.stderr));
            }
            Ok((held, Count::default()))
        });
    }
    // Same recording, any number of threads: the same bytes.
    if let Some(recording) = recordings.first() {
        steps.step("one thread and two, byte for byte", || {
            let report = |threads: &str| {
                Command::new(&program)
                    .args([
                        "investigate",
                        recording,
                        "--format",
                        "json",
                        "--threads",
                        threads,
                    ])
                    .current_dir(root())
                    .output()
            };
            let (one, two) = (report("1")?, report("2")?);
            let held = one.stdout == two.stdout && !one.stdout.is_empty();
            Ok((held, Count::default()))
        });
    }
}

/// The recordings that ship, by their path from the root, sorted.
fn recordings() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("recordings"))
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<String> = entries
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.ends_with(".tar.zst") || entry.path().join("recording.json").is_file()
        })
        .map(|entry| format!("recordings/{}", entry.file_name().to_string_lossy()))
        .collect();
    found.sort();
    found
}

fn cargo_in_root() -> Command {
    let mut cargo = cargo();
    cargo.current_dir(root());
    cargo
}

/// Is this cargo command there?
fn has(words: &[&str]) -> bool {
    cargo()
        .args(words)
        .output()
        .is_ok_and(|output| output.status.success())
}
