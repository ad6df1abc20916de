//! The real program with everything configured that shows a credential, each with one of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::birds::Birds;
use super::double::Ends;
use super::program::{Got, exchange, request, until};

/// Inlets that a secret opens.
pub const INLETS: [&str; 9] = [
    "alertmanager",
    "eventbridge",
    "pagerduty",
    "grafana",
    "datadog",
    "cloudevents",
    "github",
    "gitlab",
    "slack",
];

pub struct Stand {
    folder: tempfile::TempDir,
    pub birds: Birds,
    pub ends: Arc<Ends>,
    server: Option<Child>,
    address: String,
    key: String,
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

impl Stand {
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file with a credential in it, by its name.
    fn file(&self, name: &str) -> String {
        std::fs::write(self.at(name), format!("{}\n", self.birds.hatch(name))).unwrap();
        name.to_string()
    }

    /// Everything, running.
    pub fn up() -> Self {
        let mut stand = Self {
            folder: tempfile::tempdir().unwrap(),
            birds: Birds::default(),
            ends: Arc::default(),
            server: None,
            address: String::new(),
            key: String::new(),
        };
        let config = stand.configured();
        std::fs::write(stand.at("midwatch.toml"), config).unwrap();
        let (done, said) = stand.run(
            &[
                "people",
                "add",
                "anna",
                "--role",
                "admin",
                "--password-stdin",
            ],
            &stand.birds.hatch("password"),
        );
        assert!(done, "{said}");
        let (_, made) = stand.run(
            &[
                "keys",
                "add",
                "board",
                "--person",
                "anna",
                "--scope",
                "main=admin",
                "--scope",
                "*=admin",
                "--format",
                "json",
            ],
            "",
        );
        let made: Value = serde_json::from_str(&made).unwrap_or_else(|_| panic!("{made}"));
        stand.key = made["secret"].as_str().unwrap().to_string();
        stand.birds.named("api-key", last(&stand.key));
        let log = File::create(stand.at("serve.log")).unwrap();
        let server = stand
            .command(&["serve"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        stand.server = Some(server.unwrap());
        stand.address = until("the server", || {
            let log = stand.log();
            let line = log.lines().find(|line| line.contains("page and API at "))?;
            line.rsplit("://").next().map(str::to_string)
        });
        stand
    }

    fn configured(&self) -> String {
        let open = |name| format!("http://{}", self.ends.open(name));
        let bearer = |name: &'static str| {
            format!(
                "url = \"{}\"\nbearer_file = \"{}\"\ntimeout = \"2s\"\nlook = \"5s\"\n",
                open(name),
                self.file(name)
            )
        };
        let basic = |name: &'static str| {
            format!(
                "url = \"{}\"\nuser = \"anna\"\npassword_file = \"{}\"\ntimeout = \"2s\"\nlook = \"5s\"\n",
                open(name),
                self.file(name)
            )
        };
        let mut text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[traces]\notlp = \"{}\"\n[telemetry]\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
             [watch]\nevery = \"100ms\"\n[notify]\nfile = \"notices.jsonl\"\npage = \"https://midwatch.example\"\n",
            open("traces"),
        );
        text += &format!(
            "[server.oidc]\nissuer = \"{}\"\nclient_id = \"midwatch\"\nclient_secret_file = \"{}\"\nroles = {{ sre = {{ main = \"viewer\" }} }}\n",
            open("oidc"),
            self.file("oidc")
        );
        let repository = "repositories = [\"shop/checkout\"]\n";
        for (section, keys) in [
            ("prometheus.main", bearer("prometheus")),
            ("prometheus.basic", basic("prometheus-basic")),
            ("loki.main", bearer("loki")),
            ("alertmanager.main", basic("alertmanager")),
            ("jaeger.main", bearer("jaeger")),
            ("tempo.main", basic("tempo")),
            (
                "statuspage.main",
                bearer("statuspage") + "entity = \"external/payments\"\n",
            ),
            ("github.main", bearer("github") + repository),
            ("gitlab.main", bearer("gitlab") + repository),
            ("argocd.main", bearer("argocd")),
            (
                "kubernetes.main",
                "kubeconfig = \"kubeconfig\"\ncontext = \"token\"\nlook = \"5s\"\n".to_string(),
            ),
            (
                "kubernetes.basic",
                "kubeconfig = \"kubeconfig\"\ncontext = \"basic\"\nlook = \"5s\"\n".to_string(),
            ),
            (
                "aws.main",
                format!(
                    "regions = [\"eu-west-1\"]\nendpoint = \"{}\"\ncall_log = \"calls.jsonl\"\nlook = \"5s\"\n",
                    open("aws")
                ),
            ),
        ] {
            text += &format!("[connectors.{section}]\n{keys}");
        }
        text += "[connectors.aws.main.hands]\nrole_arn = \"arn:aws:iam::111111111111:role/midwatch-acts\"\ncall_log = \"deeds.jsonl\"\n";
        let cluster = |name: &str, address: String| {
            format!("{{name: {name}, cluster: {{server: '{address}'}}}}")
        };
        let context =
            |name: &str| format!("{{name: {name}, context: {{cluster: {name}, user: {name}}}}}");
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\nclusters: [{}, {}]\ncontexts: [{}, {}]\nusers: [{{name: token, user: {{tokenFile: {}}}}}, \
             {{name: basic, user: {{username: anna, password: '{}'}}}}]\n",
            cluster("token", open("kubernetes")),
            cluster("basic", open("kubernetes-basic")),
            context("token"),
            context("basic"),
            self.file("kubernetes"),
            self.birds.hatch("kubernetes-basic"),
        );
        // It is sent as it stands in the file.
        std::fs::write(self.at("kubernetes"), self.birds.hatch("kubernetes")).unwrap();
        std::fs::write(self.at("kubeconfig"), kubeconfig).unwrap();
        let webhook = open("webhook");
        text += &format!(
            "[notify.webhook]\nurl = \"http://anna:{}@{}/hooks/{}?token={}\"\nsecret_file = \"{}\"\n",
            self.birds.plain("webhookuser"),
            webhook.trim_start_matches("http://"),
            self.birds.plain("webhookpath"),
            self.birds.plain("webhookquery"),
            self.file("webhook")
        );
        let token = self
            .birds
            .named("slack-token", format!("xoxb-{}", self.birds.hatch("slack")));
        std::fs::write(self.at("slack-token"), token).unwrap();
        text += &format!(
            "[notify.slack.ops]\napi = \"{}\"\nchannel = \"C0123456789\"\ntoken_file = \"slack-token\"\n",
            open("slack")
        );
        std::fs::write(self.at("routing"), self.birds.plain("pagerduty")).unwrap();
        text += &format!(
            "[notify.pagerduty.ops]\napi = \"{}\"\nrouting_key_file = \"routing\"\n",
            open("pagerduty")
        );
        text += &format!(
            "[notify.github.ops]\napi = \"{}\"\nrepository = \"shop/checkout\"\ntoken_file = \"{}\"\n",
            open("issues"),
            self.file("issues")
        );
        text += &format!(
            "[notify.email.ops]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nuser = \"anna\"\npassword_file = \"{}\"\n\
             from = \"watch@example.com\"\nto = [\"ops@example.com\", \"nobody@example.com\"]\n",
            self.ends.mail(),
            self.file("mail")
        );
        for kind in INLETS {
            text += &format!(
                "[inlets.{kind}]\nkind = \"{kind}\"\nsecret_file = \"{}\"\n",
                self.file(&format!("inlet-{kind}"))
            );
        }
        text
    }

    /// A command in its folder, as somebody runs it whose environment holds credentials. The program is that of this build,
    /// or the one that `MIDWATCH_PROGRAM` names.
    pub fn command(&self, words: &[&str]) -> Command {
        let named = std::env::var("MIDWATCH_PROGRAM");
        let mut command = Command::new(named.as_deref().unwrap_or(env!("CARGO_BIN_EXE_midwatch")));
        command
            .args(words)
            .current_dir(self.path())
            .env("RUST_LOG", "trace")
            .env("NO_COLOR", "1")
            .env("TMPDIR", self.path())
            .env("HOME", self.path())
            .env("AWS_ACCESS_KEY_ID", self.birds.plain("awskey"))
            .env("AWS_SECRET_ACCESS_KEY", self.birds.hatch("aws-secret"))
            .env("AWS_SESSION_TOKEN", self.birds.hatch("aws-session"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env(
                "OTEL_EXPORTER_OTLP_HEADERS",
                format!("authorization=Bearer%20{}", self.birds.plain("traces")),
            );
        command
    }

    /// Did it end well, and all that it said.
    pub fn run(&self, words: &[&str], input: &str) -> (bool, String) {
        use std::io::Write as _;
        let mut child = self.command(words);
        let child = child
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // Commands that read nothing may have closed it.
        let _ = writeln!(stdin, "{input}");
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.at("serve.log")).unwrap_or_default()
    }

    pub fn ask(&self, line: &str, headers: &str, body: &str) -> Got {
        let stream = std::net::TcpStream::connect(&self.address).unwrap();
        // A stream of events goes on for ever.
        let longest = if line.contains("/events") { 1 } else { 30 };
        stream
            .set_read_timeout(Some(Duration::from_secs(longest)))
            .unwrap();
        let sent = request(line, &self.address, headers, body);
        exchange(stream, &sent).unwrap_or_else(|| panic!("{line}: no answer"))
    }

    /// As whoever has the key.
    pub fn get(&self, path: &str) -> Got {
        self.ask(
            &format!("GET {path}"),
            &format!("authorization: Bearer {}\r\n", self.key),
            "",
        )
    }

    pub fn post(&self, path: &str, body: &Value) -> Got {
        let headers = format!(
            "content-type: application/json\r\norigin: http://{}\r\n",
            self.address
        );
        self.ask(&format!("POST {path}"), &headers, &body.to_string())
    }

    /// In good order.
    pub fn end(&mut self) {
        let mut server = self.server.take().unwrap();
        let asked = Command::new("kill").arg(server.id().to_string()).status();
        assert!(asked.unwrap().success());
        server.wait().unwrap();
    }
}

/// What of a made secret is told to nobody: keys begin with the name by which they are listed.
pub fn last(secret: &str) -> String {
    secret[secret.len() - 24..].to_string()
}
