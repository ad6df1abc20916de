//! An emulator of AWS, spoken to in AWS's own requests, and what is set up in it: a function that is called, one that
//! works for it, the table that this one writes to, and an alarm on the first.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::stand::{Kept, Stand};
use super::super::{SECRET, asked, until};

pub const REGION: &str = "eu-west-1";

/// A file of this folder.
pub fn beside(name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.join("tests/posted/emulated").join(name)
}

fn emulator() -> PathBuf {
    std::env::var_os("MIDWATCH_MINISTACK")
        .expect("MIDWATCH_MINISTACK names the program: cargo xtask test sets it")
        .into()
}

/// The Python that the emulator is installed in, and AWS's client with it.
pub fn python() -> PathBuf {
    emulator().with_file_name("python")
}

/// A running emulator.
pub struct Cloud {
    at: SocketAddr,
    _kept: Kept,
}

impl Cloud {
    /// Starts one on this port of this machine alone, which asks nobody who he is; it listens when this returns.
    pub fn start(stand: &Stand, port: u16) -> Self {
        Self::listening(stand, port, Command::new(emulator())).awake()
    }

    /// The same, mended (`mended.py`).
    pub fn mended(stand: &Stand, port: u16) -> Self {
        let mut command = Command::new(python());
        command.arg(beside("mended.py"));
        Self::listening(stand, port, command).awake()
    }

    /// Asked for the first time for a service that it does not have, it reads all that it knows of services, for as long as
    /// 17 s, and answers nobody meanwhile.
    fn awake(self) -> Self {
        let kind = "content-type: application/json";
        let _ = self.ask("xray", "POST /ServiceGraph", kind, "{}");
        self
    }

    /// The same, but everybody signs and may do what his policies say; and what is altered before the file `lived` is there
    /// was so an hour ago.
    pub fn enforcing(stand: &Stand, port: u16) -> Self {
        let mut command = Command::new(python());
        command
            .arg(beside("mended.py"))
            .env("AUTH", "true")
            .env("MENDED_LIVED", "lived");
        Self::listening(stand, port, command)
    }

    fn listening(stand: &Stand, port: u16, mut command: Command) -> Self {
        command
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("CLOUDTRAIL_RECORDING", "1")
            .env("TMPDIR", stand.path())
            .current_dir(stand.path());
        let kept = stand.started("ministack", command);
        let at: SocketAddr = ([127, 0, 0, 1], port).into();
        until("the emulator", Duration::from_secs(90), || {
            std::net::TcpStream::connect(at).ok()
        });
        Self { at, _kept: kept }
    }

    /// What it answers. It looks at whom a signature names, and not whether it holds.
    fn ask(&self, service: &str, line: &str, kind: &str, body: &str) -> (u16, String) {
        let headers = format!(
            "authorization: AWS4-HMAC-SHA256 Credential=AKIATESTTESTTESTTEST/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n{kind}\r\n"
        );
        asked(self.at, line, &headers, body.as_bytes())
    }

    fn done(&self, service: &str, line: &str, kind: &str, body: &str) -> String {
        let (status, said) = self.ask(service, line, kind, body);
        assert!(
            (200..300).contains(&status),
            "{service} {line}: {status} {said}"
        );
        said
    }

    /// A call of a service that takes its target in a header.
    pub fn target(&self, service: &str, target: &str, body: &Value) -> Value {
        let kind = format!("content-type: application/x-amz-json-1.1\r\nx-amz-target: {target}");
        let said = self.done(service, "POST /", &kind, &body.to_string());
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    /// A call of a service that takes a form.
    pub fn form(&self, service: &str, fields: &[(&str, &str)]) -> String {
        let plain = |text: &str| -> String {
            text.bytes()
                .map(|byte| match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
                    byte => format!("%{byte:02X}"),
                })
                .collect()
        };
        let fields = fields
            .iter()
            .map(|(name, value)| format!("{}={}", plain(name), plain(value)));
        let body: Vec<String> = fields.collect();
        let kind = "content-type: application/x-www-form-urlencoded";
        self.done(service, "POST /", kind, &body.join("&"))
    }

    fn lambda(&self, line: &str, body: &Value) -> String {
        self.done(
            "lambda",
            line,
            "content-type: application/json",
            &body.to_string(),
        )
    }

    fn function(&self, name: &str, code: &str, variables: &Value) {
        let code = json!({"ZipFile": STANDARD.encode(zip(code.as_bytes()))});
        let body = json!({
            "FunctionName": name, "Runtime": "python3.11", "Handler": "index.handler", "Timeout": 20,
            "Role": format!("arn:aws:iam::000000000000:role/{name}-runs"),
            "Code": code, "Environment": {"Variables": variables},
        });
        self.lambda("POST /2015-03-31/functions", &body);
    }

    /// All of it; its alarm is posted to the inlet `aws` of a program at that port.
    pub fn set_up(&self, api: u16) {
        self.target(
            "dynamodb",
            "DynamoDB_20120810.CreateTable",
            &json!({
                "TableName": "ledger", "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            }),
        );
        self.function(
            "worker",
            include_str!("worker.py"),
            &json!({"LEDGER": "ledger", "STAGE": "live", "TOKEN": super::CANARY}),
        );
        self.function("api", include_str!("api.py"), &json!({"WORKER": "worker"}));
        let topic = self.listener(api);
        let alarm = [
            ("Action", "PutMetricAlarm"),
            ("AlarmName", "requests to the API fail"),
            ("Namespace", "Shop"),
            ("MetricName", "FailedRequests"),
            ("Dimensions.member.1.Name", "FunctionName"),
            ("Dimensions.member.1.Value", "api"),
        ];
        self.alarm(&alarm, &topic);
    }

    /// A topic of alarms, and what hears of it; they are posted to the inlet `aws` of a program at that port.
    pub fn listener(&self, api: u16) -> String {
        let inlet = format!("http://localhost:{api}/v1/spaces/main/inlets/aws");
        self.function(
            "tell",
            include_str!("tell.py"),
            &json!({"INLET": inlet, "SECRET": SECRET}),
        );
        self.form("sns", &[("Action", "CreateTopic"), ("Name", "alarms")]);
        let topic = format!("arn:aws:sns:{REGION}:000000000000:alarms");
        let listener = format!("arn:aws:lambda:{REGION}:000000000000:function:tell");
        let subscription = [
            ("Action", "Subscribe"),
            ("TopicArn", &topic),
            ("Protocol", "lambda"),
            ("Endpoint", &listener),
        ];
        self.form("sns", &subscription);
        topic
    }

    /// An alarm on the sum of half a minute, told to this topic.
    pub fn alarm(&self, about: &[(&str, &str)], topic: &str) {
        let rest = [
            ("Statistic", "Sum"),
            ("Period", "30"),
            ("EvaluationPeriods", "1"),
            ("Threshold", "3"),
            ("ComparisonOperator", "GreaterThanOrEqualToThreshold"),
            ("AlarmActions.member.1", topic),
            // Whoever verifies wants to hear that it is over.
            ("OKActions.member.1", topic),
        ];
        self.form("monitoring", &[about, &rest[..]].concat());
    }

    /// A request through the function that is called; was it served?
    pub fn request(&self) -> bool {
        let body = json!({"id": uuid()}).to_string();
        let line = "POST /2015-03-31/functions/api/invocations";
        let (status, said) = self.ask("lambda", line, "content-type: application/json", &body);
        status == 200 && !said.contains("errorMessage")
    }

    /// Lets so many copies of a function run at once.
    pub fn reserve(&self, name: &str, copies: u64) {
        let line = format!("PUT /2017-10-31/functions/{name}/concurrency");
        self.lambda(&line, &json!({"ReservedConcurrentExecutions": copies}));
    }

    /// Gives a function these variables, and no others.
    pub fn variables(&self, name: &str, variables: Value) {
        self.configure(name, &json!({"Environment": {"Variables": variables}}));
    }

    /// Sets this of a function, and leaves the rest as it is.
    pub fn configure(&self, name: &str, parameters: &Value) {
        let line = format!("PUT /2015-03-31/functions/{name}/configuration");
        self.lambda(&line, parameters);
    }

    /// How many copies of a function may run at once, where that is limited.
    pub fn reserved(&self, name: &str) -> Option<u64> {
        let line = format!("GET /2019-09-30/functions/{name}/concurrency");
        let said: Value = serde_json::from_str(&self.lambda(&line, &json!({}))).unwrap();
        said["ReservedConcurrentExecutions"].as_u64()
    }

    /// The variables of a function.
    pub fn set(&self, name: &str) -> Value {
        self.configured(name)["Environment"]["Variables"].take()
    }

    /// All that is set of a function.
    pub fn configured(&self, name: &str) -> Value {
        let line = format!("GET /2015-03-31/functions/{name}/configuration");
        serde_json::from_str(&self.lambda(&line, &json!({}))).unwrap()
    }

    /// The audit trail's record of that id.
    pub fn changed(&self, id: &str) -> String {
        let filter = json!([{"AttributeKey": "EventId", "AttributeValue": id}]);
        let target = "CloudTrail_20131101.LookupEvents";
        let said = self.target("cloudtrail", target, &json!({"LookupAttributes": filter}));
        said["Events"][0]["CloudTrailEvent"]
            .as_str()
            .unwrap_or_default()
            .to_string()
    }
}

/// A name that no other request has.
fn uuid() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("request-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// An archive of one file `index.py`; stored, not compressed.
fn zip(text: &[u8]) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(text);
    let size = u32::try_from(text.len()).unwrap().to_le_bytes();
    let mut both = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x54];
    both.extend(sum.sum().to_le_bytes());
    both.extend([size, size].concat());
    both.extend([8, 0, 0, 0]);
    let name = b"index.py";
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend(&both);
    zip.extend(name);
    zip.extend(text);
    let directory = zip.len();
    zip.extend(b"PK\x01\x02\x14\x00");
    zip.extend(&both);
    // No comment, first disk, no attributes, at the beginning.
    zip.extend([0; 14]);
    zip.extend(name);
    let length = zip.len() - directory;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend(u32::try_from(length).unwrap().to_le_bytes());
    zip.extend(u32::try_from(directory).unwrap().to_le_bytes());
    zip.extend([0, 0]);
    zip
}
