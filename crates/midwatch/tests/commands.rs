//! The whole program, command by command, with good and with wrong input.

use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use midwatch::console::{Colour, Console, Surroundings};
use midwatch::exit::Exit;
use serde_json::{Value, json};

const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/sample_report.json"
);

struct Ran {
    exit: Exit,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

fn run_in(surroundings: Surroundings, args: &[&str]) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console::new(&mut out, &mut err, surroundings);
    let exit = midwatch::run(
        std::iter::once("midwatch").chain(args.iter().copied()),
        &mut console,
    );
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    Ran {
        exit,
        out: text(out),
        err: text(err),
    }
}

fn run(args: &[&str]) -> Ran {
    run_in(Surroundings::default(), args)
}

/// What a complaint must have: what, where, and what to do.
#[track_caller]
fn refused(ran: &Ran, what: &str) {
    assert_eq!(ran.exit, Exit::BadInput, "{}", ran.err);
    assert_eq!(ran.out, "", "nothing is answered");
    assert!(ran.err.starts_with("error: "), "{}", ran.err);
    assert!(ran.err.contains("\n  where: "), "{}", ran.err);
    assert!(ran.err.contains("\n  to do: "), "{}", ran.err);
    assert!(ran.err.contains(what), "{} does not say {what:?}", ran.err);
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// The demo's recording and its report.
fn demo(here: &Path) -> (PathBuf, PathBuf) {
    let (recording, report) = (here.join("incident"), here.join("report.json"));
    let args = [
        "demo",
        "--recorded",
        "--format",
        "json",
        "--out",
        text(&report),
        "--keep",
        text(&recording),
    ];
    let ran = run(&args);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    (recording, report)
}

#[test]
fn help_version_and_wrong_words() {
    let help = run(&["--help"]);
    assert_eq!(help.exit, Exit::Done);
    assert!(
        help.out.contains("Examples:") && help.out.contains("investigate"),
        "{}",
        help.out
    );
    assert_eq!(
        run(&["--version"]).out,
        concat!("midwatch ", env!("CARGO_PKG_VERSION"), "\n")
    );
    let wrong = run(&["completion", "x"]);
    assert_eq!(wrong.exit, Exit::BadInput);
    assert!(
        wrong
            .err
            .contains("similar subcommand exists: 'completions'"),
        "{}",
        wrong.err
    );
    assert_eq!(run(&[]).exit, Exit::BadInput);
}

#[test]
fn every_command_shows_an_example_of_itself_and_answers_programs() {
    let mut program = midwatch::command::Cli::command();
    program.build();
    let mut left: Vec<(Vec<String>, &clap::Command)> = vec![(Vec::new(), &program)];
    let mut seen = 0;
    while let Some((way, command)) = left.pop() {
        if command.get_name() == "help" {
            continue;
        }
        seen += 1;
        let mut words: Vec<&str> = way.iter().map(String::as_str).collect();
        words.push("--help");
        let ran = run(&words);
        let way = way.join(" ");
        assert_eq!(ran.exit, Exit::Done, "{way}: {}", ran.err);
        let example = format!("midwatch {way}");
        let examples = ran.out.split("Example").nth(1).unwrap_or_default();
        assert!(
            examples.contains(example.trim_end()),
            "{way} shows no example of itself:\n{}",
            ran.out
        );
        // What writes a document of a form of its own has no other; a command of commands leaves it to them.
        let own_form = [
            "",
            "serve",
            "mcp",
            "completions",
            "man",
            "recording",
            "incidents",
            "journal",
            "config",
            "iam",
            "permissions",
            "journal export",
            "config reference",
            "incidents postmortem",
        ];
        let takes_format = command.get_arguments().any(|arg| arg.get_id() == "format");
        assert!(
            takes_format || own_form.contains(&way.as_str()),
            "{way} has no --format"
        );
        for below in command.get_subcommands() {
            let mut deeper: Vec<String> = way.split_whitespace().map(str::to_string).collect();
            deeper.push(below.get_name().to_string());
            left.push((deeper, below));
        }
    }
    assert!(seen > 30, "only {seen} commands were looked at");
}

#[test]
fn demo_investigates_and_says_what_is_next() {
    let ran = run(&["demo", "--recorded"]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    assert!(ran.out.starts_with("[CAUSE FOUND] "), "{}", ran.out);
    assert!(ran.out.contains("What to try next"), "{}", ran.out);
    assert_eq!(ran.err, "");
    let json = run(&["demo", "--recorded", "--format", "json"]).json();
    assert_eq!(json["schema"], "midwatch.report/1");
}

#[test]
fn the_same_recording_gives_the_same_bytes_on_any_number_of_threads() {
    let here = folder();
    let (recording, report) = demo(here.path());
    let kept = std::fs::read_to_string(report).expect("the report");
    for threads in ["1", "2"] {
        let args = [
            "investigate",
            text(&recording),
            "--format",
            "json",
            "--threads",
            threads,
        ];
        assert_eq!(run(&args).out, kept);
    }
}

#[test]
fn investigate_writes_whole_files_and_remarks_on_them() {
    let here = folder();
    let (recording, _) = demo(here.path());
    let page = here.path().join("report.html");
    let ran = run(&[
        "investigate",
        text(&recording),
        "--format",
        "html",
        "--out",
        text(&page),
    ]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    assert_eq!(ran.out, "");
    assert!(ran.err.starts_with("Written to "), "{}", ran.err);
    let written = std::fs::read_to_string(&page).expect("the page");
    assert!(written.ends_with("</html>\n"));
    let quiet = run(&["-q", "investigate", text(&recording), "--out", text(&page)]);
    assert_eq!(quiet.err, "");
    let left: Vec<_> = std::fs::read_dir(here.path())
        .expect("the folder")
        .flatten()
        .collect();
    assert_eq!(left.len(), 3, "nothing half written is left: {left:?}");

    let nowhere = here.path().join("no/such/folder/r.html");
    let ran = run(&["investigate", text(&recording), "--out", text(&nowhere)]);
    assert_eq!(ran.exit, Exit::BadInput);
    assert!(ran.err.contains("cannot be written"), "{}", ran.err);
}

#[test]
fn investigate_refuses_what_is_no_recording() {
    refused(&run(&["investigate", "/no/such/place"]), "cannot be read");
    let here = folder();
    refused(&run(&["investigate", text(here.path())]), "recording.json");
    let file = here.path().join("x.tar.zst");
    std::fs::write(&file, "this is not an archive").expect("written");
    refused(
        &run(&["investigate", text(&file)]),
        "expected a recording's folder or a whole .tar.zst",
    );
    let budget = run(&["investigate", text(here.path()), "--budget", "queries=5"]);
    assert_eq!(budget.exit, Exit::BadInput);
    assert!(budget.err.contains("known is reads=N"), "{}", budget.err);
}

#[test]
fn verify_passes_what_follows_and_names_what_does_not() {
    let here = folder();
    let (recording, report) = demo(here.path());
    let ran = run(&["verify", text(&report), "--recording", text(&recording)]);
    assert_eq!(ran.exit, Exit::Done, "{}{}", ran.out, ran.err);
    assert!(ran.out.starts_with("[VERIFIED]"), "{}", ran.out);

    let honest: Value =
        serde_json::from_str(&std::fs::read_to_string(&report).expect("it")).expect("JSON");
    let forged = here.path().join("forged.json");
    type Forgery = fn(&mut Value);
    let forgeries: [(&str, Forgery); 4] = [
        ("C", |r| r["verdict"][0]["text"] = "The cat did it.".into()),
        ("E1", |r| r["evidence"][0]["digest"] = "00".into()),
        ("E1", |r| r["evidence"][0]["id"] = "E9999".into()),
        ("confidence", |r| r["causes"][0]["confidence"] = 0.5.into()),
    ];
    for (named, forge) in forgeries {
        let mut report = honest.clone();
        forge(&mut report);
        std::fs::write(&forged, report.to_string()).expect("written");
        let args = [
            "verify",
            text(&forged),
            "--recording",
            text(&recording),
            "--format",
            "json",
        ];
        let ran = run(&args);
        assert_eq!(ran.exit, Exit::No, "{}", ran.err);
        let told = ran.json();
        assert_eq!(told["verified"], false);
        assert!(told["discrepancies"].to_string().contains(named), "{told}");
    }
}

#[test]
fn reports_that_are_none_are_refused_with_their_place() {
    let here = folder();
    let file = here.path().join("r.json");
    let cases = [
        ("", "not a JSON object"),
        ("[1,2]", "not a JSON object"),
        ("{\"a\":1}", "names no schema"),
        (
            "{\"schema\":\"midwatch.report/9\"}",
            "this program reads \"midwatch.report/1\"",
        ),
        ("{\"schema\":\"midwatch.report/1\"}", "not a whole report"),
    ];
    for (content, what) in cases {
        std::fs::write(&file, content).expect("written");
        refused(&run(&["render", text(&file)]), what);
    }
    std::fs::write(&file, b"\xff\xfe\x00").expect("written");
    refused(&run(&["render", text(&file)]), "not text in UTF-8");
    refused(&run(&["diff", SAMPLE, "/no/such/report"]), "cannot be read");
}

#[test]
fn render_dresses_a_report_again() {
    let ran = run(&["render", SAMPLE, "--format", "markdown"]);
    assert_eq!(ran.exit, Exit::Done);
    assert!(ran.out.starts_with("# Checkout is slow"), "{}", ran.out);
}

#[test]
fn diff_names_what_differs() {
    let same = run(&["diff", SAMPLE, SAMPLE]);
    assert_eq!(
        (same.exit, same.out.as_str()),
        (Exit::Done, "[SAME] Both investigations saw the same.\n")
    );

    let here = folder();
    let other = here.path().join("other.json");
    let mut report: Value =
        serde_json::from_str(&std::fs::read_to_string(SAMPLE).expect("it")).expect("JSON");
    report["causes"].as_array_mut().expect("causes").remove(1);
    report["causes"][0]["confidence"] = 0.61.into();
    report["gaps"].as_array_mut().expect("gaps").clear();
    report["evidence"][1]["statistic"]["values"]["after"] = 17.into();
    std::fs::write(&other, report.to_string()).expect("written");
    let ran = run(&["diff", SAMPLE, text(&other)]);
    assert_eq!(ran.exit, Exit::No);
    insta::assert_snapshot!(
        "diff",
        ran.out
            .replace(text(here.path()), "HERE")
            .replace(SAMPLE, "SAMPLE")
    );
    let told = run(&["diff", SAMPLE, text(&other), "--format", "json"]).json();
    assert_eq!(told["same"], false);
}

#[test]
fn explain_walks_to_the_rows() {
    let ran = run(&["explain", SAMPLE, "c3"]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    insta::assert_snapshot!("explain", ran.out);
    let evidence = run(&["explain", SAMPLE, "E3", "--format", "json"]).json();
    assert!(
        evidence["claims"]
            .as_array()
            .is_some_and(|claims| claims.len() > 1)
    );
    let query = run(&["explain", SAMPLE, "change id=cfg-118", "--format", "json"]).json();
    assert_eq!(query["evidence"][0]["id"], "E4");
    refused(
        &run(&["explain", SAMPLE, "C999"]),
        "no claim or evidence \"C999\"",
    );
    refused(&run(&["explain", SAMPLE, "E999"]), "evidence is E1 to E18");

    let here = folder();
    let (recording, report) = demo(here.path());
    let report_value: Value =
        serde_json::from_str(&std::fs::read_to_string(&report).expect("it")).expect("JSON");
    let mut changes = 0;
    for item in report_value["evidence"].as_array().into_iter().flatten() {
        if item["raw"].as_array().is_none_or(Vec::is_empty) {
            continue;
        }
        let id = item["id"].as_str().expect("an id");
        let ran = run(&[
            "explain",
            text(&report),
            id,
            "--recording",
            text(&recording),
            "--format",
            "json",
        ]);
        assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
        let row = &ran.json()["evidence"][0]["rows"][0];
        let shown = row["text"].as_str();
        assert!(shown.is_some(), "{id}: {row}");
        if let Some(change) = item["query"]["id"].as_str() {
            // The row is that very change, and not its neighbour.
            assert!(
                shown.is_some_and(|text| text.contains(change)),
                "{id}: {row}"
            );
            changes += 1;
        }
    }
    assert!(changes > 0, "the demo has changes");
}

#[test]
fn explain_does_not_leave_the_recording() {
    let here = folder();
    let (recording, report) = demo(here.path());
    std::fs::write(here.path().join("secret"), "s3cr3t\n").expect("written");
    let mut forged: Value =
        serde_json::from_str(&std::fs::read_to_string(&report).expect("it")).expect("JSON");
    for path in ["../secret", "/etc/passwd", "logs/../../secret"] {
        forged["evidence"][0]["raw"] = serde_json::json!([{ "file": path, "line": 1 }]);
        let file = here.path().join("forged.json");
        std::fs::write(&file, forged.to_string()).expect("written");
        let id = forged["evidence"][0]["id"]
            .as_str()
            .expect("an id")
            .to_string();
        let ran = run(&["explain", text(&file), &id, "--recording", text(&recording)]);
        assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
        assert!(
            ran.out.contains("no such file in the recording"),
            "{}",
            ran.out
        );
        assert!(
            !ran.out.contains("s3cr3t") && !ran.out.contains("root:"),
            "{}",
            ran.out
        );
    }
}

#[test]
fn mechanisms_are_listed_and_shown() {
    let all = run(&["mechanisms", "--format", "json"]).json();
    let first = all[0]["id"].as_str().expect("an id").to_string();
    assert!(
        all.as_array().is_some_and(|list| list.len() >= 60),
        "at least 60 mechanisms"
    );
    let shown = run(&["mechanisms", "show", &first]);
    assert_eq!(shown.exit, Exit::Done);
    assert!(shown.out.starts_with(&first), "{}", shown.out);
    let listed = run(&["mechanisms", "list", "--category", "input-anomaly"]);
    assert!(listed.out.contains("INPUT ANOMALY") && !listed.out.contains("SYSTEM CHANGE"));
    refused(
        &run(&["mechanisms", "show", "conection-pool-exhausted"]),
        "connection-pool-exhausted",
    );
}

#[test]
fn what_is_missing_is_named_with_whatever_else_would_do() {
    let cases: [(&[&str], &str); 4] = [
        (
            &["silence", "--for", "30m", "--why", "x"],
            "<--entity <ID>|--rule <NAME>|--all>",
        ),
        (&["silence", "--rule", "x", "--why", "x"], "--for <LENGTH>"),
        (&["silence", "--rule", "x", "--for", "1m"], "--why <TEXT>"),
        (&["record", "--out", "x"], "<ID|--since <LENGTH>>"),
    ];
    for (args, named) in cases {
        let ran = run(args);
        assert_eq!(ran.exit, Exit::BadInput, "{args:?}");
        let (missing, _) = ran.err.split_once("Usage").expect("a usage");
        assert!(missing.contains(named), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_test_of_no_channel_says_who_is_told() {
    for (says, what) in [
        ("", "only the terminal is told, which cannot be tried"),
        ("[notify]\nterminal = false\n", "nobody is told"),
    ] {
        let here = folder();
        let config = configured(here.path(), says);
        let ran = run(&["notify", "test", "--config", text(&config)]);
        refused(&ran, what);
        assert!(ran.err.contains("docs/notifiers.md"), "{}", ran.err);
    }
}

/// A configuration in a folder of its own.
fn configured(here: &Path, says: &str) -> PathBuf {
    let file = here.join("midwatch.toml");
    std::fs::write(&file, says).expect("the folder is writable");
    file
}

#[test]
fn connectors_are_listed_with_what_they_bring_and_how_they_are_configured() {
    let here = folder();
    let file = configured(
        here.path(),
        "[connectors.prometheus.main]\nurl = \"http://127.0.0.1:9090\"\n[connectors.prometheus.edge]\nurl = \"http://127.0.0.1:9091\"\n",
    );
    let listed = run(&["connectors", "--config", text(&file)]);
    assert_eq!(listed.exit, Exit::Done, "{}", listed.err);
    let words = listed.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = "prometheus: metrics, events, alarms, topology from servers that speak the HTTP API of Prometheus: Prometheus, Mimir, Thanos, VictoriaMetrics. Configured as prometheus.edge, prometheus.main.";
    assert!(words.contains(line), "{words}");
    assert_eq!(words.matches("Configured as").count(), 1, "{words}");

    let told = run(&[
        "connectors",
        "list",
        "--config",
        text(&file),
        "--format",
        "json",
    ])
    .json();
    let told = told.as_array().expect("a list");
    let keys: Vec<&str> = told.iter().filter_map(|one| one["key"].as_str()).collect();
    let catalogue: Vec<&str> = connectors::catalog::CATALOG.iter().map(|l| l.key).collect();
    assert_eq!(keys, catalogue);
    let one = |key: &str| told.iter().find(|one| one["key"] == key).expect("its line");
    assert_eq!(
        one("prometheus")["configured"],
        json!(["prometheus.edge", "prometheus.main"])
    );
    assert_eq!(one("loki")["configured"], json!([]));
    assert_eq!(one("loki")["brings"], json!(["log lines"]));
    for line in told {
        // What this build lacks it says how to get, and nothing else has anything to do.
        assert_eq!(line["built"] == true, line["to_do"].is_null(), "{line}");
    }
    assert_eq!(one("aws")["built"], cfg!(feature = "aws"));
    let title = format!(
        "IN THIS BUILD ({})",
        told.iter().filter(|l| l["built"] == true).count()
    );
    assert!(listed.out.contains(&title), "{}", listed.out);

    let broken = configured(here.path(), "[connectors.prometeus.main]\n");
    refused(
        &run(&["connectors", "--config", text(&broken)]),
        "did you mean `prometheus`?",
    );
}

#[test]
fn a_connector_is_shown_with_every_key_even_beside_a_configuration_that_does_not_hold() {
    let here = folder();
    let file = configured(
        here.path(),
        "[connectors.aws.live]\nregions = [\"eu-west-1\"]\n",
    );
    let shown = run(&["connectors", "show", "aws", "--config", text(&file)]);
    assert_eq!(shown.exit, Exit::Done, "{}", shown.err);
    assert!(shown.out.starts_with("aws AWS\n"), "{}", shown.out);
    for part in [
        "Configured as aws.live.",
        "docs/connectors/aws.md",
        "\n[connectors.aws.NAME]\n",
        "\n  regions ([text]): Regions,",
        "\n[connectors.aws.NAME.accounts.NAME]\n",
        "\n  role_arn (text, needed): The role",
        "\n[connectors.aws.NAME.hands]\n",
        "\n[[connectors.aws.NAME.hands.runbooks]]\n",
    ] {
        assert!(shown.out.contains(part), "{part:?}: {}", shown.out);
    }

    let broken = configured(
        here.path(),
        "[connectors.aws.live]\nregion = \"eu-west-1\"\n",
    );
    let args = [
        "connectors",
        "show",
        "aws",
        "--config",
        text(&broken),
        "--format",
        "json",
    ];
    let ran = run(&args);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    assert!(ran.err.contains("did you mean `regions`?"), "{}", ran.err);
    let told = ran.json();
    assert_eq!(told["configured"], Value::Null);
    assert_eq!(told["table"]["head"], "[connectors.aws.NAME]");
    let keys = told["table"]["keys"].as_array().expect("its keys");
    let found = keys.iter().find(|key| key["key"] == "regions");
    assert_eq!(found.expect("the key")["holds"], "[text]");

    let guest = run(&["connectors", "show", "payledger"]).out;
    let hands = "  hands (true or false, false unless it is set): May it be altered,";
    assert!(guest.contains("\n[connectors.payledger]\n"), "{guest}");
    assert!(guest.contains(hands), "{guest}");
}

#[test]
fn a_connector_that_there_is_not_is_refused_with_the_nearest() {
    refused(
        &run(&["connectors", "show", "prometeus"]),
        "did you mean \"prometheus\"?",
    );
    refused(
        &run(&["connectors", "show", "AWS"]),
        "did you mean \"aws\"?",
    );
    refused(
        &run(&["connectors", "show", "nothing-like-it"]),
        "`midwatch connectors` lists all",
    );
}

#[test]
fn what_the_build_lacks_is_refused_with_how_to_come_by_it() {
    let here = folder();
    for (key, table) in [
        ("aws", "regions = [\"eu-west-1\"]\n"),
        ("kubernetes", "in_cluster = true\n"),
    ] {
        let line = connectors::catalog::line(key).expect("its line");
        // A build that has it has nothing to refuse.
        if line.built {
            continue;
        }
        let file = configured(here.path(), &format!("[connectors.{key}.main]\n{table}"));
        let ran = run(&["config", "check", text(&file)]);
        refused(&ran, &line.refusal());
        let words = ran.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&line.remedy()), "{words}");
        let shown = run(&["connectors", "show", key, "--config", text(&file)]).out;
        assert!(shown.contains("Not in this build."), "{shown}");
    }
}

#[test]
fn recordings_are_packed_unpacked_checked_and_shown() {
    let here = folder();
    let (recording, _) = demo(here.path());
    let (packed, again) = (here.path().join("i.tar.zst"), here.path().join("again"));
    let ran = run(&["recording", "pack", text(&recording), text(&packed)]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    refused(
        &run(&["recording", "pack", text(&recording), text(&packed)]),
        "something is there already",
    );
    let ran = run(&["recording", "unpack", text(&packed), text(&again)]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    refused(
        &run(&["recording", "unpack", text(&packed), text(&again)]),
        "something is there already",
    );
    for path in [&recording, &packed, &again] {
        let shown = run(&["recording", "show", text(path)]);
        assert_eq!(shown.exit, Exit::Done, "{}", shown.err);
        assert!(
            shown.out.contains("answer     there (not opened)"),
            "{}",
            shown.out
        );
        let checked = run(&["recording", "check", text(path), "--format", "json"]);
        assert_eq!(checked.exit, Exit::Done, "{}", checked.out);
        assert_eq!(checked.json()["sound"], true);
    }
    std::fs::write(again.join("recording.json"), "{").expect("written");
    assert_eq!(run(&["recording", "check", text(&again)]).exit, Exit::No);
    refused(&run(&["recording", "show", text(&again)]), "recording.json");
    refused(
        &run(&[
            "recording",
            "pack",
            text(here.path()),
            text(&here.path().join("x")),
        ]),
        "recording.json",
    );
}

#[test]
fn import_and_bench_refuse_an_empty_folder() {
    let here = folder();
    let out = here.path().join("out");
    let args = [
        "recording",
        "import",
        "petshop",
        text(here.path()),
        "--out",
        text(&out),
    ];
    refused(&run(&args), "there is no petshop case below it");
    refused(
        &run(&["bench", "petshop", text(here.path())]),
        "there is no petshop case below it",
    );
    let wrong = run(&["bench", "petshp", text(here.path())]);
    assert!(
        wrong.err.contains("similar value exists: 'petshop'"),
        "{}",
        wrong.err
    );
}

#[test]
fn completions_and_manual() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = run(&["completions", shell]);
        assert_eq!(ran.exit, Exit::Done);
        assert!(ran.out.contains("investigate"), "{shell}");
    }
    assert!(run(&["man"]).out.contains(".TH midwatch"));
    assert!(
        run(&["man", "investigate"])
            .out
            .contains("midwatch\\-investigate")
    );
    refused(&run(&["man", "nothing"]), "there is no command \"nothing\"");
}

#[test]
fn colours_follow_the_flag_the_variable_and_the_terminal() {
    let terminal = Surroundings {
        out_is_terminal: true,
        width: Some(100),
        ..Default::default()
    };
    let no_colour = Surroundings {
        no_colour: true,
        ..terminal
    };
    let coloured = |ran: Ran| ran.out.contains('\x1b');
    assert!(coloured(run_in(terminal, &["render", SAMPLE])));
    assert!(!coloured(run_in(no_colour, &["render", SAMPLE])));
    assert!(coloured(run_in(
        no_colour,
        &["render", SAMPLE, "--color", "always"]
    )));
    assert!(!coloured(run_in(
        terminal,
        &["--color", "never", "render", SAMPLE]
    )));
    assert!(!coloured(run(&["render", SAMPLE])));
}

#[test]
fn standard_error_and_the_log_on_it_are_coloured_by_the_same_rule() {
    let file = Surroundings::default();
    let terminal = Surroundings {
        err_is_terminal: true,
        ..file
    };
    let no_colour = Surroundings {
        no_colour: true,
        ..terminal
    };
    // Another stream's terminal says nothing of this one.
    let other = Surroundings {
        out_is_terminal: true,
        ..file
    };
    for (around, asked, coloured) in [
        (file, Colour::Auto, false),
        (terminal, Colour::Auto, true),
        (no_colour, Colour::Auto, false),
        (other, Colour::Auto, false),
        (terminal, Colour::Never, false),
        (file, Colour::Always, true),
    ] {
        let (mut out, mut err) = (Vec::<u8>::new(), Vec::<u8>::new());
        let mut console = Console::new(&mut out, &mut err, around);
        console.wants(asked, false);
        assert_eq!(console.colours_errors(), coloured, "{around:?} {asked:?}");
    }
}

#[test]
fn a_file_that_is_missing_is_told_of_with_the_key_that_names_it() {
    let here = folder();
    let config = here.path().join("midwatch.toml");
    for (key, written) in [
        ("watch.rules", "[watch]\nrules = [\"nope\"]\n"),
        (
            "connectors.prometheus.main.bearer_file",
            "[connectors.prometheus.main]\nurl = \"http://127.0.0.1:1\"\nbearer_file = \"nope\"\n",
        ),
        (
            "connectors.loki.main.password_file",
            "[connectors.loki.main]\nurl = \"http://127.0.0.1:1\"\nuser = \"anna\"\npassword_file = \"nope\"\n",
        ),
        (
            "notify.slack.ops.token_file",
            "[notify.slack.ops]\nchannel = \"C0123456789\"\ntoken_file = \"nope\"\n",
        ),
        (
            "notify.webhooks.ops.secret_file",
            "[notify.webhooks.ops]\nurl = \"http://127.0.0.1:1\"\nsecret_file = \"nope\"\n",
        ),
        (
            "inlets.x.secret_file",
            "[server]\nlisten = \"127.0.0.1:0\"\n[inlets.x]\nkind = \"grafana\"\nsecret_file = \"nope\"\n",
        ),
    ] {
        std::fs::write(&config, written).expect("the folder is writable");
        let ran = run(&["config", "check", text(&config)]);
        assert_eq!(ran.exit, Exit::BadInput, "{key}: {}", ran.out);
        let said = ran.err.split_whitespace().collect::<Vec<_>>().join(" ");
        for wanted in [
            "nope cannot be read",
            &format!("where: {key} in "),
            "to do: make the file, readable by whoever runs midwatch",
        ] {
            assert!(said.contains(wanted), "{wanted}: {said}");
        }
    }
    std::fs::write(&config, "[connectors.git.shop]\npath = \"nope\"\n")
        .expect("the folder is writable");
    let ran = run(&["config", "check", text(&config)]);
    refused(&ran, "there is no folder");
    refused(&ran, "where: connectors.git.shop.path in ");
}

/// Where nothing can be written, for this reason.
struct Nowhere(std::io::ErrorKind);

impl std::io::Write for Nowhere {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How a command ends whose answer goes nowhere, and what it says of that.
fn run_into(reason: std::io::ErrorKind, args: &[&str]) -> (Exit, String) {
    let (mut out, mut err) = (Nowhere(reason), Vec::new());
    let mut console = Console::new(&mut out, &mut err, Surroundings::default());
    let words = std::iter::once("midwatch").chain(args.iter().copied());
    let exit = midwatch::run(words, &mut console);
    (exit, String::from_utf8_lossy(&err).into_owned())
}

#[test]
fn a_reader_who_goes_away_is_no_error() {
    let (exit, said) = run_into(std::io::ErrorKind::BrokenPipe, &["render", SAMPLE]);
    assert_eq!((exit, said.as_str()), (Exit::Done, ""));
}

/// Of these commands 1 is an answer, which a disk that is full must not give.
#[test]
fn an_answer_that_cannot_be_written_is_no_answer() {
    let here = folder();
    let (recording, report) = demo(here.path());
    let (recording, report) = (text(&recording), text(&report));
    for args in [
        &["verify", report, "--recording", recording][..],
        &["audit", recording, "--least", "0"],
        &["diff", report, report],
        &["recording", "check", recording],
        &["investigate", recording],
        &["--help"],
    ] {
        let (exit, said) = run_into(std::io::ErrorKind::StorageFull, args);
        assert_eq!(exit, Exit::BadInput, "{args:?}: {said}");
        assert!(said.contains("it cannot be written"), "{args:?}: {said}");
        assert!(said.contains("where: standard output"), "{args:?}: {said}");
    }
}

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/");

fn audit(more: &[&str]) -> Ran {
    let path = format!("{RECORDINGS}kubernetes-quota.tar.zst");
    let mut args = vec!["audit", path.as_str()];
    args.extend(more);
    run(&args)
}

#[test]
fn an_audit_says_what_to_collect_and_the_sums_agree_in_every_dress() {
    let told = audit(&[]);
    assert_eq!(told.exit, Exit::Done, "{}", told.err);
    assert!(told.out.contains("collect log lines: "), "{}", told.out);

    let whole = audit(&["--format", "json"]).json();
    let blind = whole["counts"]["blind"].as_u64().expect("a number");
    assert!(blind > 0, "no logs, metrics or changes were recorded");

    let junit = audit(&["--format", "junit"]).out;
    assert_eq!(junit.matches("<failure ").count() as u64, blind);
    assert!(junit.contains(&format!("failures=\"{blind}\"")), "{junit}");

    let sarif = audit(&["--format", "sarif"]).json();
    assert_eq!(sarif["version"], "2.1.0");
    let results = sarif["runs"][0]["results"].as_array().expect("a list");
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].to_string();
    let advice: usize = whole["units"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|unit| unit["advice"].as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(results.len(), advice);
    for result in results {
        let rule = result["ruleId"].as_str().expect("a rule");
        assert!(rules.contains(&format!("\"{rule}\"")), "{rule} is declared");
    }
}

#[test]
fn an_audit_fails_where_less_can_be_named_than_is_asked_and_refuses_what_is_not_there() {
    assert_eq!(audit(&["--least", "0"]).exit, Exit::Done);
    assert_eq!(audit(&["--least", "99"]).exit, Exit::No);
    assert_eq!(audit(&["--least", "101"]).exit, Exit::BadInput);
    refused(&audit(&["--entity", "nobody"]), "nothing here is called so");
    refused(&audit(&["--entity", "internal"]), "2 of them end so");
    let one = audit(&["--entity", "payments-api", "--format", "json"]).json();
    assert_eq!(one["units"].as_array().map(Vec::len), Some(1));
    assert_eq!(one["counts"], one["units"][0]["counts"]);
    refused(&run(&["audit", "nothing-here/"]), "nothing-here");
}

#[test]
fn a_topology_is_told_in_every_dress_and_around_one_entity() {
    let path = format!("{RECORDINGS}petshop-latency.tar.zst");
    let asked = |more: &[&str]| {
        let mut args = vec!["topology", path.as_str()];
        args.extend(more);
        run(&args)
    };
    let whole = asked(&["--format", "json"]).json();
    let edges = whole["edges"].as_array().unwrap();
    assert!(edges.len() > 5, "{whole}");
    let (from, to) = (&edges[0]["from"], &edges[0]["to"]);
    let (from, to) = (from.as_str().unwrap(), to.as_str().unwrap());
    let told = asked(&[]).out;
    assert!(told.contains(from) && told.contains(to), "{told}");
    let dot = asked(&["--format", "dot"]).out;
    assert!(dot.contains(&format!("\"{from}\" -> \"{to}\"")), "{dot}");
    assert_eq!(dot.matches(" -> ").count(), edges.len());
    let mermaid = asked(&["--format", "mermaid"]).out;
    assert_eq!(mermaid.matches(" --> ").count(), edges.len());
    // One hop: the entity, and whoever an edge joins it to.
    let near = asked(&["--around", from, "--hops", "1", "--format", "json"]).json();
    let touching = |edge: &&Value| edge["from"] == *from || edge["to"] == *from;
    let mut ids: Vec<&Value> = edges
        .iter()
        .filter(touching)
        .flat_map(|edge| [&edge["from"], &edge["to"]])
        .collect();
    ids.sort_by_key(|id| id.to_string());
    ids.dedup();
    let found: Vec<&Value> = near["entities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["id"])
        .collect();
    assert_eq!(found, ids);
}

#[test]
fn a_topology_around_nobody_is_refused() {
    let path = format!("{RECORDINGS}petshop-latency.tar.zst");
    let nobody = run(&["topology", &path, "--around", "no-such-thing"]);
    refused(&nobody, "nothing here is called so");
    refused(&run(&["topology", "/nowhere/at/all"]), "/nowhere/at/all");
    let alone = run(&["topology", &path, "--hops", "2"]);
    assert_eq!(alone.exit, Exit::BadInput, "{}", alone.err);
}

#[test]
fn permissions_are_printed_and_a_log_is_held_against_them() {
    let here = folder();
    let config = here.path().join("midwatch.toml");
    let role = "arn:aws:iam::222222222222:role/midwatch-reads";
    let written = format!(
        "[connectors.aws.main]\nregions = [\"eu-west-1\"]\naccounts = {{ other = {{ role_arn = \"{role}\" }} }}\n"
    );
    std::fs::write(&config, written).expect("the folder is writable");
    let plain = run(&["permissions", "aws"]).json();
    assert_eq!(plain["Statement"][0]["Effect"], "Allow");
    // APIs are read by paths; whatever is not read is denied, last of all.
    let last = plain["Statement"].as_array().and_then(|all| all.last());
    assert_eq!(last.map(|last| &last["Effect"]), Some(&json!("Deny")));
    // Only one connector is configured that wants some, so it need not be named.
    let ran = run(&["permissions", "--config", text(&config)]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    assert_eq!(ran.json()["Statement"][1]["Resource"][0], role);

    // Searches of logs are paid for: they are in it where somebody wants them.
    assert!(!plain.to_string().contains("logs:StartQuery"), "{plain}");
    let searching = "[connectors.aws.main]\nregions = [\"eu-west-1\"]\ninsights = true\n";
    let other = here.path().join("searching.toml");
    std::fs::write(&other, searching).expect("the folder is writable");
    let searches = run(&["permissions", "aws", "--config", text(&other)]).json();
    let allowed = searches["Statement"][1].to_string();
    assert!(allowed.contains("logs:StartQuery"), "{searches}");

    let no_hands = ["permissions", "aws", "--hands", "--config", text(&config)];
    refused(&run(&no_hands), "no hands");

    let log = here.path().join("calls.jsonl");
    let known = "{\"service\":\"logs\",\"operation\":\"FilterLogEvents\",\"by\":\"aws.main\"}\n";
    std::fs::write(&log, known).expect("the folder is writable");
    let ran = run(&["permissions", "prove", text(&log)]);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    assert_eq!(
        ran.out,
        "1 of 1 calls are among those that the connector needs\n"
    );
    let foreign = "{\"service\":\"lambda\",\"operation\":\"DeleteFunction\",\"by\":\"anna\"}\n";
    std::fs::write(&log, known.repeat(2) + foreign).expect("the folder is writable");
    let ran = run(&["permissions", "prove", text(&log), "--format", "json"]);
    assert_eq!(ran.exit, Exit::No);
    assert_eq!(ran.json()["not_needed"][0]["call"], "lambda DeleteFunction");
    let own = run(&["permissions", "prove", text(&log), "--by", "aws.main"]);
    assert_eq!(own.exit, Exit::Done, "{}", own.out);
    assert!(own.out.contains("1 calls of others"), "{}", own.out);
}

#[test]
fn whoever_is_asked_over_http_is_told_what_is_asked() {
    let here = folder();
    let config = here.path().join("midwatch.toml");
    let written = "[connectors.github.main]\nurl = \"https://api.github.com\"\nrepositories = [\"shop/cart\", \"shop/orders\"]\nbearer_file = \"token\"\n\
                   [connectors.prometheus.main]\nurl = \"http://127.0.0.1:9090\"\n";
    std::fs::write(&config, written).expect("the folder is writable");
    let all = [
        "github",
        "gitlab",
        "argocd",
        "prometheus",
        "alertmanager",
        "loki",
        "jaeger",
        "tempo",
        "statuspage",
    ];
    let told = all.map(|vendor| {
        let ran = run(&["permissions", vendor, "--config", text(&config)]);
        assert_eq!(ran.exit, Exit::Done, "{vendor}: {}", ran.err);
        format!("== {vendor}\n{}", ran.out)
    });
    insta::assert_snapshot!("permissions_over_http", told.join("\n"));
    // Of several, somebody has to be named; those that are configured are offered.
    let both = run(&["permissions", "--config", text(&config)]);
    refused(&both, "several kinds are configured: github, prometheus");
    refused(&run(&["permissions", "loki", "--hands"]), "no hands");
}

#[test]
fn an_access_log_is_held_against_what_is_asked_over_http() {
    let here = folder();
    let log = here.path().join("access.log");
    let line = |method: &str, target: &str, agent: &str| {
        format!(
            "10.0.0.7 - - [24/Nov/2026:03:00:00 +0000] \"{method} {target} HTTP/1.1\" 200 7 \"-\" \"{agent}\"\n"
        )
    };
    let own = line("GET", "/prom/api/v1/query_range?query=up", "midwatch/0.1.0");
    let deletes = line("POST", "/prom/api/v1/admin/tsdb/delete_series", "curl/8.5");
    let proven = |written: &str, more: &[&str]| {
        std::fs::write(&log, written).expect("the folder is writable");
        let asked = ["permissions", "prove", text(&log), "--vendor", "prometheus"];
        run(&[&asked[..], more].concat())
    };
    let below = ["--below", "/prom", "--by", "midwatch/"];
    let ran = proven(&(own.clone() + &deletes), &below);
    assert_eq!(ran.exit, Exit::Done, "{}", ran.err);
    let told =
        "1 of 1 calls are among those that the connector needs\n1 calls of others were left out\n";
    assert_eq!(ran.out, told);
    let ran = proven(
        &(own.clone() + &deletes),
        &["--below", "/prom", "--format", "json"],
    );
    assert_eq!(ran.exit, Exit::No);
    let call = "POST /prom/api/v1/admin/tsdb/delete_series HTTP/1.1";
    assert_eq!(ran.json()["not_needed"][0]["call"], call);
    assert_eq!(ran.json()["vendor"], "prometheus");
    // At another place nothing of it is what is asked.
    assert_eq!(proven(&own, &[]).exit, Exit::No);
    for (written, more, what) in [
        ("", &[][..], "there is no call in it"),
        (own.as_str(), &["--by", "anna"][..], "by \"anna\""),
        ("{\"verb\":\"get\"}\n", &[][..], "line 1 tells of no call"),
        (own.as_str(), &["--hands"][..], "no hands"),
        (
            own.as_str(),
            &["--below", "/prom", "--vendor", "aws"][..],
            "cannot be used multiple times",
        ),
    ] {
        let ran = proven(written, more);
        assert_eq!(ran.exit, Exit::BadInput, "{more:?}: {}", ran.out);
        assert!(ran.err.contains(what), "{more:?}: {}", ran.err);
    }
    let asked = ["permissions", "prove", text(&log), "--below", "/prom"];
    refused(&run(&asked), "calls by their names");
}

#[test]
fn a_log_is_held_against_what_the_configuration_turned_on() {
    let here = folder();
    let config = here.path().join("midwatch.toml");
    let log = here.path().join("calls.jsonl");
    let made = [
        ("logs", "StartQuery"),
        ("logs", "FilterLogEvents"),
        ("resource-explorer-2", "Search"),
        ("sts", "AssumeRole"),
    ]
    .map(|(service, operation)| {
        format!("{{\"service\":\"{service}\",\"operation\":\"{operation}\",\"by\":\"aws.main\"}}\n")
    });
    std::fs::write(&log, made.concat()).expect("the folder is writable");
    let searches =
        "not in the list: logs:StartQuery (1 times), which is asked only with insights = true\n";
    let explores = "not in the list: resource-explorer-2:Search (1 times), which is asked only with explorer = true\n";
    let takes = "not in the list: sts:AssumeRole (1 times), which is asked only with role_arn of an account, or of hands without a profile of their own\n";
    let account =
        "accounts = { other = { role_arn = \"arn:aws:iam::222222222222:role/reads\" } }\n";
    let hands = "[connectors.aws.main.hands]\nrole_arn = \"arn:aws:iam::111111111111:role/acts\"\n";
    for (turned_on, not_needed) in [
        (vec![], vec![searches, explores, takes]),
        (vec!["insights = true\n"], vec![explores, takes]),
        (vec!["explorer = true\n"], vec![searches, takes]),
        (vec![account], vec![searches, explores]),
        (vec![hands], vec![searches, explores]),
        (
            vec![hands, "profile = \"acts\"\n"],
            vec![searches, explores, takes],
        ),
        (vec!["insights = true\nexplorer = true\n", account], vec![]),
    ] {
        let written = "[connectors.aws.main]\nregions = [\"eu-west-1\"]\n".to_string();
        std::fs::write(&config, written + &turned_on.concat()).expect("the folder is writable");
        let ran = run(&[
            "permissions",
            "prove",
            text(&log),
            "--config",
            text(&config),
        ]);
        let within = 4 - not_needed.len();
        let whole = format!("{within} of 4 calls are among those that the connector needs\n");
        assert_eq!(ran.out, not_needed.concat() + &whole, "{}", ran.err);
        let wanted = if within == 4 { Exit::Done } else { Exit::No };
        assert_eq!(ran.exit, wanted, "{turned_on:?}");
    }
    // Without any configuration nothing is turned on.
    let ran = run(&["permissions", "prove", text(&log), "--format", "json"]);
    assert_eq!(ran.exit, Exit::No);
    let told = ran.json();
    assert_eq!(
        told["not_needed"][0],
        json!({ "call": "logs:StartQuery", "times": 1, "only_with": "insights = true" })
    );
}

#[cfg(feature = "kubernetes")]
#[test]
fn a_log_of_an_api_server_is_read_whole_or_not_at_all() {
    let here = folder();
    let log = here.path().join("audit.log");
    let proven = |written: &str, more: &[&str]| {
        std::fs::write(&log, written).expect("the folder is writable");
        let asked = ["permissions", "prove", text(&log), "--vendor", "kubernetes"];
        run(&[&asked[..], more].concat())
    };
    let lists = "{\"verb\":\"list\",\"user\":{\"username\":\"ops:midwatch\"},\"objectRef\":{\"resource\":\"pods\"}}\n";
    let deletes = json!({"verb": "delete", "user": {"username": "ops:midwatch"}, "objectRef": {"resource": "pods"}});
    let deletes = format!("{deletes:#}\n");
    assert!(deletes.lines().count() > 5, "{deletes}");

    let whole = proven(lists, &[]);
    assert_eq!(whole.exit, Exit::Done, "{}", whole.err);
    let ran = proven(&(lists.to_string() + &deletes), &[]);
    assert_eq!(ran.exit, Exit::No, "{}", ran.err);
    assert_eq!(
        ran.out,
        "not in the list: delete pods (1 times)\n1 of 2 calls are among those that the connector needs\n"
    );
    let cut = lists.to_string() + "broken{";
    let trail = r#"{"Records":[{"eventSource":"sqs.amazonaws.com","eventName":"ListQueues"}]}"#;
    for (written, more, what) in [
        ("broken{", vec![], "no JSON after 0 records"),
        (cut.as_str(), vec![], "no JSON after 1 records"),
        (trail, vec![], "record 1 tells of no call"),
        ("", vec![], "there is no call in it"),
        (
            lists,
            vec!["--by", "anna"],
            "none of its 1 calls is by \"anna\"",
        ),
        (lists, vec!["--hands"], "no hands"),
    ] {
        refused(&proven(written, &more), what);
    }
    // Nobody is named whom nobody named.
    let garbage = proven("broken{", &[]);
    assert!(!garbage.err.contains("is by"), "{}", garbage.err);
}

#[test]
fn hands_have_permissions_of_their_own() {
    let here = folder();
    let config = here.path().join("midwatch.toml");
    let role = "arn:aws:iam::111111111111:role/midwatch-acts";
    let written = format!(
        "[connectors.aws.main]\nregions = [\"eu-west-1\"]\n[connectors.aws.main.hands]\nrole_arn = \"{role}\"\n"
    );
    #[cfg(feature = "aws")]
    for (section, wanted) in [
        (
            "[connectors.aws.main]\nregions = [\"eu-west-1\"]\n",
            "no hands: nothing can be altered",
        ),
        (written.as_str(), "hands: aws.main"),
    ] {
        std::fs::write(&config, section).expect("the folder is writable");
        let checked = run(&["config", "check", text(&config)]);
        assert!(
            checked.out.contains(wanted),
            "{}{}",
            checked.out,
            checked.err
        );
    }
    std::fs::write(&config, &written).expect("the folder is writable");
    let asked = ["permissions", "aws", "--config", text(&config)];
    let reads = run(&asked).json();
    assert_eq!(reads["Statement"][1]["Resource"][0], role);
    assert!(!reads.to_string().contains("PutFunctionConcurrency"));
    let acts = run(&[&asked[..], &["--hands"]].concat()).json();
    let allowed = acts["Statement"][1].to_string();
    assert!(allowed.contains("lambda:PutFunctionConcurrency"), "{acts}");
    assert!(allowed.contains(":111111111111:function:*"), "{acts}");
    assert!(!acts.to_string().contains("logs:"), "{acts}");

    // What is named is in it, and nothing of its kind unless it is named.
    assert!(!acts.to_string().contains("ecs:"), "{acts}");
    let named = "services = [\"shop/checkout\"]\n";
    std::fs::write(&config, written.clone() + named).expect("the folder is writable");
    let acts = run(&[&asked[..], &["--hands"]].concat()).json();
    let allowed = acts["Statement"][2].to_string();
    assert!(allowed.contains("ecs:UpdateService"), "{acts}");
    assert!(
        allowed.contains(":111111111111:service/shop/checkout"),
        "{acts}"
    );

    // So with what is run.
    let runs = "builds = [{ project = \"shop-terraform\", entity = \"service/checkout\" }]\n";
    std::fs::write(&config, written.clone() + runs).expect("the folder is writable");
    let acts = run(&[&asked[..], &["--hands"]].concat()).json();
    let allowed = acts["Statement"][2].to_string();
    assert!(allowed.contains("codebuild:StartBuild"), "{acts}");
    assert!(
        allowed.contains(":111111111111:project/shop-terraform"),
        "{acts}"
    );
    assert!(!acts.to_string().contains("ssm:"), "{acts}");

    // Somebody else takes the role that acts: whoever looks may not.
    std::fs::write(&config, written + "profile = \"acts\"\n").expect("the folder is writable");
    assert!(!run(&asked).out.contains(role));

    let log = here.path().join("deeds.jsonl");
    let did = "{\"service\":\"sts\",\"operation\":\"AssumeRole\",\"by\":\"aws.main.hands\"}\n{\"service\":\"lambda\",\"operation\":\"PutFunctionConcurrency\",\"by\":\"aws.main.hands\"}\n";
    std::fs::write(&log, did).expect("the folder is writable");
    assert_eq!(run(&["permissions", "prove", text(&log)]).exit, Exit::No);
    let hands = ["permissions", "prove", text(&log), "--hands"];
    assert_eq!(run(&hands).exit, Exit::Done);
}

#[test]
fn permissions_of_nobody_and_logs_of_nothing_are_refused() {
    let here = folder();
    let config = here.path().join("midwatch.toml");
    std::fs::write(&config, "").expect("the folder is writable");
    let nobody = run(&["permissions", "--config", text(&config)]);
    refused(&nobody, "no connector is configured");
    refused(&nobody, "say whose: aws, ");
    let log = here.path().join("calls.jsonl");
    for (written, what) in [
        ("", "no call in it"),
        ("{\"a\":1}", "record 1 tells of no call"),
        ("no log", "no JSON"),
    ] {
        std::fs::write(&log, written).expect("the folder is writable");
        refused(&run(&["permissions", "prove", text(&log)]), what);
    }
    refused(
        &run(&["permissions", "prove", "/nowhere/at/all"]),
        "/nowhere",
    );
    std::fs::write(&config, "[connectors.aws.main]\nregions = [\"EU WEST\"]\n")
        .expect("the folder is writable");
    refused(
        &run(&["permissions", "--config", text(&config)]),
        "names what is no region",
    );
    let role = "role_arn = \"arn:aws:iam::111111111111:role/acts\"\n";
    let read =
        "[connectors.aws.main.accounts.a]\nrole_arn = \"arn:aws:iam::222222222222:role/reads\"\n";
    let same =
        "[connectors.aws.main.accounts.a]\nrole_arn = \"arn:aws:iam::111111111111:role/acts\"\n";
    for (before, hands, what) in [
        ("", "", "names no role to act under"),
        ("", "without_role = true\n", "there is no endpoint"),
        ("", "role_arn = \"acts\"\n", "is no role"),
        (
            "endpoint = \"http://127.0.0.1:1\"\n",
            format!("without_role = true\n{role}").as_str(),
            "contradicts",
        ),
        (
            "",
            format!("{role}roles = [\"runs\"]\n").as_str(),
            "is no role",
        ),
        (
            "",
            format!("{role}services = [\"checkout\"]\n").as_str(),
            "is no service of a cluster",
        ),
        (
            "",
            format!("{role}groups = [\"*\"]\n").as_str(),
            "is no name of a group",
        ),
        (
            "",
            format!("{role}traffic = [{{ zone = \"Z1\", name = \"a.example\", type = \"A\", carries = {{ \"service/a\" = \"a\" }} }}]\n").as_str(),
            "among too few",
        ),
        (
            "",
            format!("{role}runbooks = [{{ document = \"Shop-Drain\", version = \"$LATEST\", entity = \"service/a\" }}]\n").as_str(),
            "names version \"$LATEST\"",
        ),
        (
            "",
            format!("{role}builds = [{{ project = \"shop\", entity = \"service/a\", environment = {{ AWS_REGION = [\"x\"] }} }}]\n").as_str(),
            "lets \"AWS_REGION\" be given",
        ),
        ("", format!("{role}{read}").as_str(), "is not read"),
        (
            "",
            format!("{role}{same}").as_str(),
            "is the role that reads",
        ),
        ("", format!("{role}may = true\n").as_str(), "may"),
    ] {
        let written =
            format!("[connectors.aws.main]\n{before}[connectors.aws.main.hands]\n{hands}");
        std::fs::write(&config, written).expect("the folder is writable");
        refused(&run(&["permissions", "--config", text(&config)]), what);
    }
}
