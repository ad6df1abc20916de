//! The program under test: a server that asks four sources, of which one is in trouble, and to which an alarm is posted.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use midwatch::config::Written;
use midwatch::console::{Console, Surroundings};
use midwatch::wiring::house::House;
use midwatch::wiring::serving::{Inbound, Serving};
use model::Timestamp;
use model::report::Report;
use serde_json::{Value, json};

use super::wire::{TIMEOUT, Trouble};
use super::{doubles, wire};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// Sorts of sources, one each.
pub const SOURCES: [&str; 4] = ["prometheus", "loki", "jaeger", "github"];
/// Requests that one look may send to each.
pub const REQUESTS: u64 = 150;
/// Nothing is waited for any longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A report, and how long it took from the alarm.
pub struct Looked {
    pub report: Report,
    pub lasted: Duration,
}

/// What a command prints.
fn run(args: &[&str]) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console::new(&mut out, &mut err, Surroundings::default());
    let words = std::iter::once("midwatch").chain(args.iter().copied());
    midwatch::run(words, &mut console);
    out.extend(err);
    String::from_utf8(out).unwrap()
}

fn configuration(
    disturbed: &str,
    trouble: Trouble,
    scene: &std::sync::Arc<super::scene::Scene>,
) -> String {
    let mut text = "[server]\nlisten = \"127.0.0.1:0\"\n[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
                    [watch]\nevery = \"50ms\"\n[notify]\nterminal = false\n[investigate]\nlookback = \"30m\"\n\
                    [inlets.alerts]\nkind = \"alertmanager\"\nsecret_file = \"secret\"\n"
        .to_string();
    for sort in SOURCES {
        let trouble = if sort == disturbed {
            trouble
        } else {
            Trouble::None
        };
        let url = wire::serve(doubles::of(sort, scene), trouble);
        let own = match sort {
            "github" => {
                let names: Vec<&str> = scene.repositories.iter().map(|r| r.name).collect();
                let touches: Vec<String> = names
                    .iter()
                    .map(|name| format!("\"shop/{name}\" = [\"service/{name}service\"]"))
                    .collect();
                let names: Vec<String> = names.iter().map(|name| format!("shop/{name}")).collect();
                format!(
                    "repositories = {names:?}\ntouches = {{ {} }}\ndiffs = 60\n",
                    touches.join(", ")
                )
            }
            // So that there are several pages.
            "loki" => "page = 20\n".to_string(),
            _ => String::new(),
        };
        text += &format!(
            "[connectors.{sort}.main]\nurl = \"{url}\"\ntimeout = \"{}s\"\nlook = \"{}s\"\nrequests = {REQUESTS}\n{own}",
            TIMEOUT.as_secs(),
            TIMEOUT.as_secs() * 3
        );
    }
    text
}

/// The first report about the scene, with this trouble of this source.
pub fn looked(disturbed: &str, trouble: Trouble) -> Looked {
    let scene = super::scene();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), SECRET).unwrap();
    let file = folder.path().join("midwatch.toml");
    std::fs::write(&file, configuration(disturbed, trouble, &scene)).unwrap();
    let config = file.display().to_string();
    let house = House::built(Written::read(Some(&file)).unwrap());
    let inbound = Inbound::open(&house).unwrap();
    let serving = Serving::begin(&house, inbound, Vec::new()).unwrap();
    let began = Instant::now();
    post(serving.api().unwrap(), scene.alarmed);
    let report = loop {
        if let Some(report) = report(&config) {
            break report;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{disturbed}, {trouble:?}: there is no report"
        );
        std::thread::sleep(Duration::from_millis(200));
    };
    let lasted = began.elapsed();
    serving.end();
    Looked { report, lasted }
}

/// The report of the only incident, once it is written.
fn report(config: &str) -> Option<Report> {
    let printed = run(&[
        "incidents",
        "list",
        "--all",
        "--format",
        "json",
        "--config",
        config,
    ]);
    let incidents: Value = serde_json::from_str(&printed).ok()?;
    let id = incidents.get(0)?["id"].as_str()?.to_string();
    let args = [
        "incidents",
        "report",
        &id,
        "--format",
        "json",
        "--config",
        config,
    ];
    serde_json::from_str(&run(&args)).ok()
}

/// The alarm of the recording, as Alertmanager posts it.
fn post(api: SocketAddr, fired: Timestamp) {
    let alert = json!({
        "status": "firing",
        "labels": {"alertname": "inventory-db-pool-saturation", "service": "inventoryservice", "severity": "critical"},
        "annotations": {"summary": "inventoryservice DB pool acquire wait p99 above 0.5s; multiple upstreams timing out"},
        "startsAt": fired.to_string(),
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "pool",
    });
    let body =
        json!({"version": "4", "status": "firing", "receiver": "midwatch", "alerts": [alert]})
            .to_string();
    let mut stream = TcpStream::connect(api).unwrap();
    write!(
        stream,
        "POST /v1/spaces/main/inlets/alerts HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {SECRET}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
