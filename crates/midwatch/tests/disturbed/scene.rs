//! What happened: the recording that ships as the demonstration, moved to the present, and the traces that go with it.
//! A pool of connections became smaller with a deployment of inventoryservice; those who call it time out.

use midwatch::wiring;
use model::Timestamp;
use model::time::{MINUTE, SECOND};
use serde_json::Value;

#[cfg(feature = "aws")]
use super::account::Account;

/// Numbers of one service under one name, by the nanosecond.
pub struct Numbers {
    pub service: String,
    pub metric: String,
    pub points: Vec<(i64, f64)>,
}

impl Numbers {
    /// The newest value that is no older than five minutes, as a Prometheus has it.
    pub fn at(&self, moment: i64) -> Option<f64> {
        let until = self.points.partition_point(|(at, _)| *at <= moment);
        let (at, value) = self.points[..until].last()?;
        (moment - at <= 5 * MINUTE).then_some(*value)
    }
}

pub struct Line {
    pub at: i64,
    pub service: String,
    pub level: String,
    pub body: String,
}

/// One request: who called whom, and how long each took, the outermost first.
pub struct Request {
    pub at: i64,
    pub spans: Vec<(&'static str, i64)>,
    /// Why the innermost failed, and so all.
    pub failed: Option<&'static str>,
}

pub struct Commit {
    pub sha: String,
    pub at: i64,
    pub title: String,
    pub actor: String,
    pub files: Vec<String>,
    pub diff: String,
}

pub struct Deployment {
    pub at: i64,
    pub sha: String,
    pub version: String,
}

/// What a repository holds.
pub struct Repository {
    /// Below the owner `shop`; its service has the same name with `service` behind it.
    pub name: &'static str,
    /// The newest first.
    pub commits: Vec<Commit>,
    pub deployments: Vec<Deployment>,
}

/// What Argo CD, or a cluster, brings out.
pub struct Application {
    /// Its service has the same name with `service` behind it.
    pub name: &'static str,
    /// The oldest first.
    pub deployments: Vec<Deployment>,
}

pub struct Scene {
    /// When the alarm fired.
    pub alarmed: Timestamp,
    pub numbers: Vec<Numbers>,
    /// In the order of time.
    pub lines: Vec<Line>,
    pub requests: Vec<Request>,
    pub repositories: Vec<Repository>,
    /// None, unless somebody else deploys in place of those who host the code.
    pub applications: Vec<Application>,
    /// Another system altogether, on AWS.
    #[cfg(feature = "aws")]
    pub account: Account,
}

fn moment(value: &Value) -> i64 {
    value.as_str().unwrap().parse::<Timestamp>().unwrap().0
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

impl Scene {
    /// As if it were recorded now. Everything moves by whole minutes, as numbers are a minute apart.
    pub fn now() -> Self {
        let folder = wiring::demonstration().unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let json = |name: &str| serde_json::from_str::<Value>(&read(name)).unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = i64::try_from(now.unwrap().as_nanos()).unwrap();
        let then = moment(&json("recording.json")["now"]);
        let moved = (now - then).div_euclid(MINUTE) * MINUTE;
        let at = |value: &Value| moment(value) + moved;

        let mut numbers: Vec<Numbers> = Vec::new();
        for row in read("metrics/metrics.csv").lines().skip(1) {
            let cells: Vec<&str> = row.split(',').collect();
            let service = cells[1].strip_prefix("service/").unwrap();
            let point = (at(&Value::from(cells[0])), cells[5].parse().unwrap());
            match numbers.last_mut() {
                Some(last) if last.service == service && last.metric == cells[2] => {
                    last.points.push(point);
                }
                _ => numbers.push(Numbers {
                    service: service.to_string(),
                    metric: cells[2].to_string(),
                    points: vec![point],
                }),
            }
        }
        let mut lines: Vec<Line> = read("logs/logs.ndjson")
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                Line {
                    at: at(&line["time"]),
                    service: text(&line["entity"]).replace("service/", ""),
                    level: text(&line["severity"]),
                    body: text(&line["body"]),
                }
            })
            .collect();
        lines.sort_by_key(|line| line.at);
        let alarmed = Timestamp(at(&json("alarms.json")[0]["fired_at"]));
        let changes = json("changes.json");
        let changes = changes.as_array().unwrap().iter();
        // What came later than the recording is left out whichever second it is: else the same case would now and then be
        // another.
        let until = then + moved;
        let changes: Vec<&Value> = changes.filter(|c| at(&c["start"]) <= until).collect();
        let mut requests = requests(&numbers);
        requests.retain(|request| request.at <= until);
        Self {
            alarmed,
            requests,
            numbers,
            lines,
            repositories: ["inventory", "shipping", "order"]
                .map(|name| repository(name, &changes, &at))
                .into(),
            applications: Vec::new(),
            #[cfg(feature = "aws")]
            account: Account::at(until),
        }
    }

    /// The same, deployed by somebody else, such as Argo CD: whoever hosts the code knows of no deployment.
    pub fn by_another(mut self) -> Self {
        let deployed = self.repositories.iter_mut().map(|repository| Application {
            name: repository.name,
            deployments: std::mem::take(&mut repository.deployments),
        });
        self.applications = deployed.collect();
        self
    }
}

/// A request a minute, by turns through the cart and through shipping; as slow as the numbers say.
fn requests(numbers: &[Numbers]) -> Vec<Request> {
    let of = |metric: &str| numbers.iter().find(|n| n.metric == metric).unwrap();
    let waits = of("db_pool_wait_seconds_p99");
    let of_cart = of("http_server_duration_p99_ms");
    let turns = waits.points.iter().enumerate();
    turns
        .map(|(turn, (minute, wait))| {
            let at = minute + 20 * SECOND;
            // Those who call give up after five seconds, which they began to need when the alarm was near.
            let failed = of_cart.at(at).is_some_and(|ms| ms > 2_000.0);
            let inner = match failed {
                true => 5_000,
                false => 15 + (wait.min(0.2) * 1e3) as i64,
            };
            let caller = ["cartservice", "shippingservice"][turn % 2];
            Request {
                at,
                spans: vec![
                    ("frontend", inner + 40),
                    (caller, inner + 20),
                    ("inventoryservice", inner),
                ],
                failed: failed.then_some("pool exhausted: context deadline exceeded"),
            }
        })
        .collect()
}

fn repository(name: &'static str, changes: &[&Value], at: &impl Fn(&Value) -> i64) -> Repository {
    let deploys = changes
        .iter()
        .filter(|c| c["kind"] == "deploy" && c["entities"][0] == format!("service/{name}service"));
    let deployments: Vec<Deployment> = deploys
        .map(|deploy| Deployment {
            at: at(&deploy["start"]),
            sha: text(&deploy["carries"][0]),
            version: text(&deploy["version"]),
        })
        .collect();
    let own = format!("services/{name}/");
    // What all share lies with inventory: the commit that did it, and those that only lie near it.
    let shared = |file: &str| name == "inventory" && !file.starts_with("services/");
    let belongs = |change: &Value| {
        let files = change["files"].as_array();
        files.is_some_and(|files| {
            let mut files = files.iter().filter_map(Value::as_str);
            files.any(|file| file.starts_with(&own) || shared(file))
        })
    };
    let mut commits: Vec<Commit> = changes
        .iter()
        .filter(|change| change["kind"] == "commit" && belongs(change))
        .map(|change| Commit {
            sha: text(&change["id"]),
            at: at(&change["start"]),
            title: text(&change["title"]),
            actor: text(&change["actor"]),
            files: change["files"]
                .as_array()
                .unwrap()
                .iter()
                .map(text)
                .collect(),
            diff: text(&change["diff"]),
        })
        .collect();
    commits.sort_by_key(|commit| std::cmp::Reverse(commit.at));
    Repository {
        name,
        commits,
        deployments,
    }
}
