//! Everything that the program says, writes and sends, brought together to be searched.

use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use super::birds::Output;
use super::stand::{INLETS, Stand};

/// What commands say while other ends behave in one way: `INC` is the newest incident.
const COMMANDS: &[&str] = &[
    "incidents show INC",
    "incidents timeline INC",
    "incidents report INC",
    "incidents report INC --format json",
    "incidents report INC --format markdown",
    "incidents report INC --format html",
    "incidents postmortem INC",
    "journal export INC",
    "doctor",
    "notify test",
    "topology",
];

/// What commands say of all of it.
const LAST: &[&str] = &[
    "incidents list --all",
    "incidents list --all --format json",
    "incidents show INC --format json",
    "incidents timeline INC --format json",
    "doctor --format json",
    "config check",
    "config check --format json",
    "topology --format json",
    "topology --format dot",
    "audit",
    "audit --format json",
    "audit --format sarif",
    "audit --format junit",
    "permissions aws",
    "permissions aws --hands",
    "permissions kubernetes",
    "connectors",
    "connectors show aws --format json",
    "ask what changed before INC",
    "ask INC which sources could not be asked",
    "approve INC",
    "refuse INC --why canary",
    "permissions prove calls.jsonl",
    "journal verify",
    "notify list --format json",
    "people list --format json",
    "keys list --format json",
    "stats --format json",
    "silence --rule nobody --for 1m --why canary",
    "mcp",
];

/// Commands that run beside one another: most of them wait for other ends.
const AT_ONCE: usize = 6;

/// The questions of a program that speaks the Model Context Protocol.
const MCP: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"canary","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/list"}
{"jsonrpc":"2.0","id":3,"method":"resources/list"}"#;

/// What the commands say of that incident; at the end, of all of it.
pub fn commands(stand: &Stand, incident: &str, when: &str, last: bool) -> Vec<Output> {
    let more = if last { LAST } else { &[] };
    let commands: Vec<&str> = COMMANDS.iter().chain(more).copied().collect();
    let said = |command: &str| {
        let words = command.split(' ');
        let words: Vec<&str> = words
            .map(|word| if word == "INC" { incident } else { word })
            .collect();
        let (_, said) = stand.run(&words, if command == "mcp" { MCP } else { "" });
        Output::new(format!("midwatch {command}, {when}"), said)
    };
    let mut all = Vec::new();
    for some in commands.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let begun: Vec<_> = some.iter().map(|one| scope.spawn(|| said(one))).collect();
            all.extend(begun.into_iter().map(|one| one.join().unwrap()));
        });
    }
    all
}

/// A recording of that incident, and what commands make of it and of its report.
pub fn recorded(stand: &Stand, incident: &str) -> Vec<Output> {
    let mut all = Vec::new();
    for command in [
        format!("record {incident} --out recorded"),
        "record --since 30m --out taken".to_string(),
        format!("incidents report {incident} --format json --out report.json"),
        "recording check recorded".to_string(),
        "recording show recorded".to_string(),
        "recording pack recorded recorded.tar.zst".to_string(),
        "investigate recorded".to_string(),
        "investigate recorded --format json --out again.json".to_string(),
        "verify report.json --recording recorded".to_string(),
        "diff report.json again.json".to_string(),
        "explain report.json E1 --recording recorded".to_string(),
        "explain report.json C1 --recording recorded --format json".to_string(),
        "render report.json".to_string(),
        "render report.json --format markdown".to_string(),
        "render report.json --format html".to_string(),
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let (_, said) = stand.run(&words, "");
        let command = command.replace(incident, "INC");
        all.push(Output::new(format!("midwatch {command}"), said));
    }
    all
}

/// Every address of the API that is read, as its own description lists them.
pub fn api(stand: &Stand, when: &str) -> Vec<Output> {
    let description = stand.get("/v1/openapi.json").json();
    let mut all = Vec::new();
    let mut names: Vec<(&str, Vec<String>)> = vec![
        ("space", vec!["main".to_string()]),
        ("code", vec!["forbidden".to_string()]),
    ];
    let listed = |path: &str, field: &str| -> Vec<String> {
        let items = stand.get(path).json()["items"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let text = |item: &Value| {
            item[field]
                .as_str()
                .map_or(item[field].to_string(), str::to_string)
        };
        items.iter().map(text).take(4).collect()
    };
    names.push(("id", listed("/v1/spaces/main/incidents?all=true", "id")));
    names.push(("eid", (1..4).map(|i| format!("E{i}")).collect()));
    names.push((
        "mechanism",
        listed("/v1/spaces/main/mechanisms", "id")
            .into_iter()
            .take(1)
            .collect(),
    ));
    names.push((
        "inlet",
        INLETS.iter().map(|name| name.to_string()).collect(),
    ));
    let kept = |inlet: &&str| {
        let all = listed(&format!("/v1/spaces/main/inlets/{inlet}/deliveries"), "id");
        all.into_iter().take(1)
    };
    names.push(("delivery", INLETS.iter().flat_map(kept).collect()));
    names.push(("recording", listed("/v1/spaces/main/recordings", "name")));
    names.push(("number", listed("/v1/spaces/main/investigations", "number")));
    for (path, methods) in description["paths"].as_object().unwrap() {
        if methods["get"].is_null() {
            continue;
        }
        let mut paths = vec![path.clone()];
        for (name, values) in &names {
            let hole = format!("{{{name}}}");
            let filled = |path: &String| match path.contains(&hole) {
                true => values
                    .iter()
                    .map(|value| path.replace(&hole, value))
                    .collect(),
                false => vec![path.clone()],
            };
            paths = paths.iter().flat_map(filled).collect();
        }
        let takes = |parameter: &str| {
            let mut known = methods["get"]["parameters"]
                .as_array()
                .into_iter()
                .flatten();
            known.any(|one| one["name"] == parameter)
        };
        for path in paths {
            let forms: &[&str] = match takes("format") {
                true => &["?format=json", "?format=html", "?format=markdown"],
                false if takes("after") => &["?after=0"],
                false if takes("all") => &["?all=true"],
                false => &[""],
            };
            for form in forms {
                let got = stand.get(&format!("{path}{form}"));
                let text = format!("{}\n{}", got.head, got.text);
                all.push(Output::new(format!("GET {path}{form}, {when}"), text));
            }
        }
    }
    all
}

/// Every file under that folder; what is packed is unpacked, too.
pub fn files(root: &Path, passed_over: &dyn Fn(&Path) -> bool) -> Vec<Output> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() && !passed_over(&path) {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                let bytes = std::fs::read(&path).unwrap();
                for (place, unpacked) in unpacked(&bytes) {
                    all.push(Output::new(
                        format!("{name}, unpacked at {place}"),
                        unpacked,
                    ));
                }
                all.push(Output::new(name, bytes));
            }
        }
    }
    all
}

/// What is packed by zstd anywhere in these bytes. A database parts what is longer than a page: that is read as rows.
fn unpacked(bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
    let magic = [0x28, 0xb5, 0x2f, 0xfd];
    let starts = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&magic));
    starts
        .filter_map(|at| {
            let mut out = Vec::new();
            // What it gives before it cannot go on counts, too.
            let _ = zstd::Decoder::new(&bytes[at..]).ok()?.read_to_end(&mut out);
            (!out.is_empty()).then_some((at, out))
        })
        .collect()
}

/// Rows of the databases, as the rooms that keep them read them.
pub fn rows(data: &Path) -> Vec<Output> {
    use model::ports::Journal as _;
    let mut all = Vec::new();
    let journal = store::journal::Store::open_read_only(&data.join("midwatch.db")).unwrap();
    for id in journal.incidents(false).unwrap() {
        let entries = journal.read(&id).unwrap();
        all.push(Output::new(
            format!("journal of {id}"),
            format!("{entries:?}"),
        ));
    }
    let deliveries =
        store::deliveries::Deliveries::open(data, store::deliveries::Limits::default()).unwrap();
    for inlet in INLETS {
        for kept in deliveries.kept(inlet, None, 100).unwrap() {
            let text = format!(
                "{:?}\n{}",
                kept.headers,
                String::from_utf8_lossy(&kept.body)
            );
            all.push(Output::new(format!("kept delivery of {inlet}"), text));
        }
    }
    all
}
