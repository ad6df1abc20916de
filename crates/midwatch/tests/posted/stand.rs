//! What stands around the program in these tests: a real Prometheus that scrapes, a real Alertmanager that posts, a
//! target that is scraped, and the program itself as a process of its own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{SECRET, until};

/// A process that goes when this goes, by its own id.
pub struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ports that are free together. Until the process ends their numbers are held for datagrams, which nobody sends: tests
/// beside this one that look for ports pass them over, however long it takes until somebody listens here.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| {
        loop {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let at = listener.local_addr().unwrap();
            if let Ok(number) = UdpSocket::bind(at) {
                std::mem::forget(number);
                break listener;
            }
        }
    });
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// A folder in which all of it keeps what it writes.
pub struct Stand(tempfile::TempDir);

impl Stand {
    /// An empty one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A file or folder in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// What everybody wrote, for whoever reads why a test failed.
    pub fn logs(&self) -> String {
        let all = [
            "midwatch",
            "alertmanager",
            "prometheus",
            "vmalert",
            "ministack",
        ];
        all.map(|name| format!("== {name}\n{}", self.log(name)))
            .join("\n")
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(&format!("{name}.log"))).unwrap_or_default()
    }

    /// A program that writes what it says into `NAME.log`.
    pub fn started(&self, name: &str, mut command: Command) -> Kept {
        let file = File::create(self.at(&format!("{name}.log"))).unwrap();
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        Kept(
            command
                .spawn()
                .unwrap_or_else(|error| panic!("{command:?}: {error}")),
        )
    }

    /// A Debian program with its configuration, on this port.
    fn vendor(&self, name: &str, yaml: &str, storage: &str, port: u16, more: &[&str]) -> Kept {
        let file = self.at(&format!("{name}.yml"));
        std::fs::write(&file, yaml).unwrap();
        let mut command = Command::new(match name {
            "alertmanager" => "prometheus-alertmanager",
            name => name,
        });
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--{storage}={}", self.at(name).display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(more);
        self.started(name, command)
    }

    /// A real Alertmanager.
    pub fn alertmanager(&self, port: u16, yaml: &str) -> Kept {
        // No cluster: it listens nowhere else.
        let alone = ["--cluster.listen-address="];
        self.vendor("alertmanager", yaml, "storage.path", port, &alone)
    }

    /// The same, which posts to the inlet `alerts` of a program at that port.
    pub fn posting(&self, port: u16, api: u16, repeat: &str) -> Kept {
        let yaml = format!(
            "route:\n  receiver: midwatch\n  group_by: [alertname]\n  group_wait: 1s\n  group_interval: 2s\n  repeat_interval: {repeat}\nreceivers:\n  - name: midwatch\n    webhook_configs:\n      - url: http://localhost:{api}/v1/spaces/main/inlets/alerts\n        send_resolved: true\n        http_config:\n          authorization:\n            type: Bearer\n            credentials_file: {}\n",
            self.at("secret").display()
        );
        self.alertmanager(port, &yaml)
    }

    /// A real Prometheus that scrapes these targets every second and tells that Alertmanager what the rule finds.
    pub fn prometheus(
        &self,
        port: u16,
        alertmanager: u16,
        rule: &str,
        targets: &[(&str, u16)],
    ) -> Kept {
        self.rules(rule);
        let yaml = format!(
            "global:\n  scrape_interval: 1s\n  evaluation_interval: 1s\nrule_files: [rules.yml]\nalerting:\n  alertmanagers:\n    - static_configs:\n        - targets: [\"127.0.0.1:{alertmanager}\"]\n{}",
            scraped(targets)
        );
        self.vendor("prometheus", &yaml, "storage.tsdb.path", port, &[])
    }

    /// The same of others: a real VictoriaMetrics that scrapes, at the first port, and its vmalert, at the second.
    pub fn victoria_metrics(
        &self,
        [port, rules]: [u16; 2],
        alertmanager: u16,
        rule: &str,
        targets: &[(&str, u16)],
    ) -> [Kept; 2] {
        let rule = self.rules(rule);
        let yaml = format!("global:\n  scrape_interval: 1s\n{}", scraped(targets));
        let file = self.at("scraped.yml");
        std::fs::write(&file, yaml).unwrap();
        let at = |port: u16| format!("127.0.0.1:{port}");
        let mut metrics = Command::new("victoria-metrics");
        metrics
            .arg(format!("-httpListenAddr={}", at(port)))
            .arg(format!("-promscrape.config={}", file.display()))
            .arg(format!("-storageDataPath={}", self.at("metrics").display()))
            .arg(format!("-vmalert.proxyURL=http://{}", at(rules)));
        let mut alerts = Command::new("vmalert");
        alerts
            .arg(format!("-httpListenAddr={}", at(rules)))
            .arg(format!("-datasource.url=http://{}", at(port)))
            .arg(format!("-notifier.url=http://{}", at(alertmanager)))
            .arg("-evaluationInterval=1s")
            .arg(format!("-rule={}", rule.display()));
        [
            self.started("prometheus", metrics),
            self.started("vmalert", alerts),
        ]
    }

    /// A file with this rule.
    fn rules(&self, rule: &str) -> PathBuf {
        let file = self.at("rules.yml");
        let yaml = format!("groups:\n  - name: shop\n    rules:\n{rule}");
        std::fs::write(&file, yaml).unwrap();
        file
    }

    /// The program, with an inlet `alerts` for Alertmanager and what else is written here; up when this returns. Gives
    /// its configuration too.
    pub fn midwatch(&self, api: u16, watch: &str, more: &str) -> (Kept, String) {
        self.midwatch_as(&[], api, watch, more)
    }

    /// The same in these surroundings, such as somebody's credentials.
    pub fn midwatch_as(
        &self,
        whose: &[(&str, &str)],
        api: u16,
        watch: &str,
        more: &str,
    ) -> (Kept, String) {
        std::fs::write(self.at("secret"), SECRET).unwrap();
        let file = self.at("midwatch.toml");
        std::fs::write(
            &file,
            format!(
                "[server]\nlisten = \"127.0.0.1:{api}\"\n[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n[watch]\nevery = \"100ms\"\n{watch}[notify]\nterminal = false\n[inlets.alerts]\nkind = \"alertmanager\"\nsecret_file = \"secret\"\n{more}"
            ),
        )
        .unwrap();
        let config = file.display().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_midwatch"));
        command.args(["serve", "--config", &config]);
        command.envs(whose.iter().copied());
        let kept = self.started("midwatch", command);
        until("the server", Duration::from_secs(120), || {
            self.log("midwatch")
                .contains("page and API at")
                .then_some(())
        });
        (kept, config)
    }
}

/// Whom to scrape, as Prometheus and who speaks like it are told.
fn scraped(targets: &[(&str, u16)]) -> String {
    let jobs = targets.iter().map(|(service, port)| {
        format!(
            "  - job_name: {service}\n    static_configs:\n      - targets: [\"127.0.0.1:{port}\"]\n        labels:\n          service: {service}\n"
        )
    });
    format!("scrape_configs:\n{}", jobs.collect::<String>())
}

/// Answers scrapes with what stands on the page at that moment; gives its port.
pub fn target(page: impl Fn() -> String + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 2048];
            let _ = stream.read(&mut asked);
            let body = page();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    port
}
