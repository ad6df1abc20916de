//! The program under test: a server that asks its sources, of which some are in trouble, and to which an alarm is posted.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use midwatch::console::{Console, Surroundings};
use model::Timestamp;
use model::report::Report;
use serde_json::{Value, json};

use super::doubles;
use super::program::{CONFIG, Server, midwatch};
use super::scene::Scene;
use super::wire::{self, PATIENT, TIMEOUT, Trouble};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// Where calls of AWS are written down.
const CALLS: &str = "calls.jsonl";
/// Nothing is waited for any longer.
const PATIENCE: Duration = Duration::from_secs(120);
/// As whom AWS is asked: nobody at all.
const OWN: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// A system, and who tells of it.
#[derive(Clone, Copy)]
pub struct Place {
    /// Sorts of sources, one each.
    pub sources: &'static [&'static str],
    pub alarm: Alarm,
    pub guilty: Guilty,
}

/// Who is guilty.
#[derive(Clone, Copy)]
pub struct Guilty {
    pub entity: &'static str,
    /// In which way.
    pub mechanism: &'static str,
    /// Ways that are nearly right.
    pub near: &'static [&'static str],
    /// By which change: how its id begins.
    pub change: &'static str,
}

/// What is posted.
#[derive(Clone, Copy)]
pub struct Alarm {
    pub rule: &'static str,
    pub fired: fn(&Scene) -> Timestamp,
    /// A label that names somebody, and whom.
    pub about: (&'static str, &'static str),
    pub summary: &'static str,
}

/// Sources in trouble: which, and in which.
pub type Troubles = [(&'static str, Trouble)];

/// A report, and what else there was to be seen.
pub struct Looked {
    pub report: Report,
    /// From the alarm to the report.
    pub lasted: Duration,
    /// Was the incident silenced?
    pub hushed: bool,
    /// What `midwatch permissions prove` says of the calls of AWS, unless all of them are in the table of those that read.
    pub unproven: Option<String>,
    /// Lines of the server's log that tell of a panic.
    pub panics: Vec<String>,
}

/// A server that has written its report, while it still runs.
pub struct Running<'r> {
    /// Its configuration, and its folder.
    pub config: &'r str,
    pub folder: &'r Path,
    /// The incident.
    pub id: &'r str,
}

/// What a command prints.
pub fn run(args: &[&str]) -> String {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console::new(&mut out, &mut err, Surroundings::default());
    let words = std::iter::once("midwatch").chain(args.iter().copied());
    midwatch::run(words, &mut console);
    out.extend(err);
    String::from_utf8(out).unwrap()
}

/// How long one request to a source and a whole look at it may last. AWS is asked more, and some of its calls have to wait
/// for their turn.
fn longest(sort: &str, trouble: Trouble) -> (Duration, Duration) {
    let one = match trouble.takes_time() {
        true => TIMEOUT,
        false => PATIENT,
    };
    let many = if sort == "aws" { 5 } else { 3 };
    (one, (one * many).min(PATIENT * 3))
}

/// Requests that one look may send to it. Tempo is asked for each trace by itself, and AWS for much.
pub fn requests(sort: &str) -> u64 {
    match sort {
        "tempo" | "aws" => 400,
        _ => 150,
    }
}

fn configuration(place: &Place, troubles: &Troubles, scene: &Arc<Scene>, folder: &Path) -> String {
    let mut text = format!(
        "{CONFIG}[watch]\nevery = \"50ms\"\n[investigate]\nlookback = \"30m\"\n\
         [inlets.alerts]\nkind = \"alertmanager\"\nsecret_file = \"secret\"\n"
    );
    let services = |prefix: &str| {
        let names = scene.repositories.iter().map(|one| one.name);
        let touches = names.map(|name| format!("\"{prefix}{name}\" = [\"service/{name}service\"]"));
        touches.collect::<Vec<_>>().join(", ")
    };
    for sort in place.sources {
        let trouble = troubles.iter().find(|(of, _)| of == sort);
        let trouble = trouble.map_or(Trouble::None, |(_, trouble)| *trouble);
        let url = wire::serve(doubles::of(sort, scene), trouble);
        let address = match *sort {
            "aws" => format!("endpoint = \"{url}\""),
            #[cfg(feature = "kubernetes")]
            "kubernetes" => {
                let file = folder.join("kubeconfig");
                std::fs::write(&file, super::kubernetes::kubeconfig(&url)).unwrap();
                "kubeconfig = \"kubeconfig\"".to_string()
            }
            _ => format!("url = \"{url}\""),
        };
        let own = match *sort {
            "github" | "gitlab" => {
                let names = scene.repositories.iter();
                let names: Vec<String> = names.map(|one| format!("shop/{}", one.name)).collect();
                let touches = services("shop/");
                format!("repositories = {names:?}\ntouches = {{ {touches} }}\ndiffs = 60\n")
            }
            "statuspage" => "entity = \"external/api.examplebank.internal\"\n".to_string(),
            "argocd" => format!("touches = {{ {} }}\n", services("")),
            // So that there are several pages.
            "loki" => "page = 20\n".to_string(),
            "aws" => format!("regions = [\"eu-west-1\"]\ncall_log = \"{CALLS}\"\n"),
            _ => String::new(),
        };
        let (timeout, look) = longest(sort, trouble);
        text += &format!(
            "[connectors.{sort}.main]\n{address}\ntimeout = \"{}s\"\nlook = \"{}s\"\nrequests = {}\n{own}",
            timeout.as_secs(),
            look.as_secs(),
            requests(sort)
        );
    }
    text
}

/// The first report about a system, with these troubles of its sources.
pub fn looked(place: &Place, troubles: &Troubles) -> Looked {
    looked_and(place, troubles, |_| ()).0
}

/// The same, and what somebody sees who then does something with the server.
pub fn looked_and<T>(
    place: &Place,
    troubles: &Troubles,
    and: impl FnOnce(&Running<'_>) -> T,
) -> (Looked, T) {
    let scene = Scene::now();
    let deploys = |sort: &&str| matches!(*sort, "argocd" | "kubernetes");
    let scene = match place.sources.iter().any(deploys) {
        true => scene.by_another(),
        false => scene,
    };
    let scene = Arc::new(scene);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("secret"), SECRET).unwrap();
    let file = folder.join("midwatch.toml");
    std::fs::write(&file, configuration(place, troubles, &scene, folder)).unwrap();
    let config = file.display().to_string();
    let server = Server::with(folder, "warn", &[&OWN[..], &at_home(folder)].concat());
    let began = Instant::now();
    post(&server, &place.alarm, &scene);
    let (id, report) = loop {
        if let Some(found) = report(&config) {
            break found;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "{troubles:?}: there is no report\n{}",
            server.log()
        );
        std::thread::sleep(Duration::from_millis(200));
    };
    let lasted = began.elapsed();
    let hushed = run(&["incidents", "show", &id, "--config", &config]).contains("silenced by");
    let unproven = place.sources.contains(&"aws").then(|| {
        let (proven, said) = midwatch(folder, &["permissions", "prove", CALLS], "");
        (!proven).then_some(said)
    });
    let seen = and(&Running {
        config: &config,
        folder,
        id: &id,
    });
    let panics = server.end().into_iter();
    let looked = Looked {
        report,
        lasted,
        hushed,
        unproven: unproven.flatten(),
        panics: panics.filter(|line| line.contains("panicked")).collect(),
    };
    (looked, seen)
}

/// Whoever runs these tests may have credentials and settings of AWS: they are not looked at.
fn at_home(folder: &Path) -> [(&str, &str); 1] {
    [("HOME", folder.to_str().unwrap())]
}

/// The report of the only incident, once it is written.
fn report(config: &str) -> Option<(String, Report)> {
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
    let report = serde_json::from_str(&run(&args)).ok()?;
    Some((id, report))
}

/// The alarm, as Alertmanager posts it.
fn post(server: &Server, alarm: &Alarm, scene: &Scene) {
    let (label, name) = alarm.about;
    let alert = json!({
        "status": "firing",
        "labels": {"alertname": alarm.rule, label: name, "severity": "critical"},
        "annotations": {"summary": alarm.summary},
        "startsAt": (alarm.fired)(scene).to_string(),
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "one",
    });
    let body =
        json!({"version": "4", "status": "firing", "receiver": "midwatch", "alerts": [alert]})
            .to_string();
    let headers = format!("authorization: Bearer {SECRET}\r\ncontent-type: application/json\r\n");
    let got = server.ask("POST /v1/spaces/main/inlets/alerts", &headers, &body);
    assert_eq!(got.status, 200, "{}", got.text);
}
