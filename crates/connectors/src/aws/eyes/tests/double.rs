//! AWS as a function, and time that passes only when everybody waits.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use model::ports::Clock;
use model::time::{MINUTE, SECOND, Span, Timestamp};
use serde_json::Value;

use super::shapes::asked;
use crate::aws::eyes::alarms::stamp;

/// When it begins.
pub const BEGIN: Timestamp = Timestamp(1_767_225_600 * SECOND);

/// Time that passes only when everybody waits.
#[derive(Default)]
pub struct Time {
    now: AtomicI64,
    waiting: Mutex<BTreeMap<(i64, u64), Waker>>,
    ids: AtomicU64,
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }
}

/// A wait until then.
struct Until {
    time: Arc<Time>,
    at: i64,
    id: u64,
}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.time.now().0 >= self.at {
            return Poll::Ready(());
        }
        let mut waiting = self.time.waiting.lock().unwrap();
        waiting.insert((self.at, self.id), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        let mut waiting = self.time.waiting.lock().unwrap();
        waiting.remove(&(self.at, self.id));
    }
}

#[derive(Debug)]
struct Waits(Arc<Time>);

impl AsyncSleep for Waits {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(self.0.wait(duration))
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Time {
    pub fn new() -> Arc<Self> {
        let time = Self::default();
        time.now.store(BEGIN.0, Ordering::SeqCst);
        Arc::new(time)
    }

    pub fn sleeps(self: &Arc<Self>) -> SharedAsyncSleep {
        SharedAsyncSleep::new(Waits(Arc::clone(self)))
    }

    fn wait(self: &Arc<Self>, length: Duration) -> impl Future<Output = ()> + use<> {
        let length = i64::try_from(length.as_nanos()).unwrap_or(i64::MAX);
        Until {
            time: Arc::clone(self),
            at: self.now().0.saturating_add(length),
            id: self.ids.fetch_add(1, Ordering::SeqCst),
        }
    }

    /// Runs it to its end; whenever nothing can go on, time goes to where the next wait ends.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if flag.0.swap(false, Ordering::SeqCst) {
                if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
                    return done;
                }
                continue;
            }
            let first = self.waiting.lock().unwrap().pop_first();
            let ((at, _), waker) = first.expect("nobody waits, and nothing goes on");
            self.now.fetch_max(at, Ordering::SeqCst);
            waker.wake();
        }
    }
}

/// A call as it arrives.
#[derive(Clone, Debug)]
pub struct Call {
    pub at: Timestamp,
    /// `lambda:ListFunctions`.
    pub action: String,
    /// What IAM calls the service, and for API Gateway which of its two interfaces it is.
    pub service: String,
    pub region: String,
    /// The id of the key that signed it.
    pub key: String,
    /// Everything that was sent, as text.
    pub all: String,
    /// What was asked, where it is JSON.
    pub body: Value,
}

/// What is answered: a status, and JSON or a document of XML.
#[derive(Clone)]
pub enum Said {
    Json(u16, Value),
    Xml(u16, String),
    /// What AWS would not say, as it is.
    Odd(Box<Said>),
    /// Nothing, ever.
    Silence,
}

impl Said {
    /// What AWS would not say.
    pub fn odd(self) -> Self {
        Self::Odd(Box::new(self))
    }
}

pub type Answering = dyn Fn(&Call) -> Said + Send + Sync;

/// Answers what it is asked, as a test says. Where the models of AWS are installed ([`models`](super::models)), a request that
/// AWS would not take, and an answer that it would not give, end the test: more than a refusal, which a connector might take
/// for one more service in trouble.
pub struct Double {
    pub time: Arc<Time>,
    pub calls: Mutex<Vec<Call>>,
    answering: Box<Answering>,
    /// How long an answer takes.
    takes: Duration,
    /// By how many minutes its clock is ahead.
    pub ahead: AtomicI64,
}

impl fmt::Debug for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Double")
    }
}

#[derive(Clone, Debug)]
struct Client(Arc<Double>);

impl HttpClient for Client {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Client {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let double = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let (call, cbor) = read(&request, double.time.now());
            let asked = asked(&call.service, &request).unwrap_or_else(|why| {
                panic!("{} is not for AWS: {why}\n{}", call.action, call.all)
            });
            let said = (double.answering)(&call);
            if let Some(Err(why)) = asked.map(|asked| asked.answered(&call.action, &said)) {
                panic!("{} is not answered so by AWS: {why}", call.action);
            }
            double.calls.lock().unwrap().push(call);
            double.time.wait(double.takes).await;
            let said = match said {
                Said::Odd(said) => *said,
                said => said,
            };
            let (status, kind, body) = match said {
                Said::Silence | Said::Odd(_) => std::future::pending().await,
                Said::Xml(status, text) => (status, "text/xml", text.into_bytes()),
                Said::Json(status, value) if cbor => {
                    let mut bytes = Vec::new();
                    encode(&value, &mut bytes);
                    (status, "application/cbor", bytes)
                }
                Said::Json(status, value) => {
                    (status, "application/json", value.to_string().into_bytes())
                }
            };
            let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
            let ahead = Span(double.ahead.load(Ordering::Relaxed) * MINUTE);
            let date = stamp(double.time.now().plus(ahead));
            let date = date.fmt(Format::HttpDate).unwrap();
            response.headers_mut().insert("date", date);
            response.headers_mut().insert("content-type", kind);
            if cbor {
                response
                    .headers_mut()
                    .insert("smithy-protocol", "rpc-v2-cbor");
            }
            Ok(response)
        })
    }
}

/// What call a request is: each protocol says it elsewhere.
fn read(request: &HttpRequest, at: Timestamp) -> (Call, bool) {
    let header = |name: &str| request.headers().get(name).unwrap_or_default().to_string();
    let body = request.body().bytes().unwrap_or_default();
    let text = String::from_utf8_lossy(body).to_string();
    let rest = request.uri().split_once("://").map_or("", |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let target = header("x-amz-target");
    let cbor = header("smithy-protocol") == "rpc-v2-cbor";
    let form = text.strip_prefix("Action=");
    let operation = if let Some((_, operation)) = target.split_once('.') {
        operation.to_string()
    } else if let Some((_, operation)) = path.split_once("/operation/") {
        operation.to_string()
    } else if let Some(form) = form {
        form.split('&').next().unwrap_or_default().to_string()
    } else {
        let path = path.split('?').next().unwrap_or_default();
        let last = path
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default();
        match (request.method(), last) {
            ("GET", "functions") => "ListFunctions",
            ("GET", "concurrency") => "GetFunctionConcurrency",
            ("PUT", "concurrency") => "PutFunctionConcurrency",
            ("DELETE", "concurrency") => "DeleteFunctionConcurrency",
            ("GET", "configuration") => "GetFunctionConfiguration",
            ("PUT", "configuration") => "UpdateFunctionConfiguration",
            ("GET", "versions") => "ListVersionsByFunction",
            ("GET", "rrset") => "ListResourceRecordSets",
            ("POST", "rrset") => "ChangeResourceRecordSets",
            ("GET", "restapis") => "GetRestApis",
            ("GET", "apis") => "GetApis",
            ("GET", "stages") => "GetStages",
            ("GET", "resources") => "GetResources",
            ("GET", "integrations") => "GetIntegrations",
            ("GET", "healthcheck") => "ListHealthChecks",
            ("GET", "status") => "GetHealthCheckStatus",
            ("POST", "Search") => "Search",
            ("GET", "event-source-mappings") => "ListEventSourceMappings",
            ("POST", "TraceSummaries") => "GetTraceSummaries",
            ("POST", "Traces") => "BatchGetTraces",
            ("POST", "ServiceGraph") => "GetServiceGraph",
            (method, last) => panic!("{method} {last}: {}", request.uri()),
        }
        .to_string()
    };
    // `Credential=KEY/20260101/eu-west-1/lambda/aws4_request`
    let signed = header("authorization");
    let scope = signed
        .split_once("Credential=")
        .map_or("", |(_, rest)| rest);
    let scope: Vec<&str> = scope.split([',', '/']).collect();
    let part = |at: usize| scope.get(at).copied().unwrap_or_default().to_string();
    // API Gateway has two interfaces at one address.
    let service = match host.split('.').next().unwrap_or_default() {
        "apigateway" if path.starts_with("v2/") => "apigatewayv2",
        service => service,
    };
    let known = crate::aws::calls::by_trail(service, &operation);
    let action = known.map_or(format!("{service}:{operation}"), |call| {
        call.action.to_string()
    });
    let service = known.map_or(service, |call| call.service.prefix);
    let mut all = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers().iter() {
        all += &format!("{name}: {value}\n");
    }
    let call = Call {
        at,
        action,
        service: service.to_string(),
        region: part(2),
        key: part(0),
        all: all + &text,
        body: serde_json::from_str(&text).unwrap_or_default(),
    };
    (call, cbor)
}

/// JSON as CBOR; `{"@": seconds}` is a moment.
fn encode(value: &Value, out: &mut Vec<u8>) {
    let head = |kind: u8, length: usize, out: &mut Vec<u8>| {
        out.push(kind | 26);
        out.extend(u32::try_from(length).unwrap().to_be_bytes());
    };
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(yes) => out.push(if *yes { 0xf5 } else { 0xf4 }),
        Value::Number(number) => match number.as_u64() {
            Some(whole) if number.is_u64() => {
                out.push(0x1b);
                out.extend(whole.to_be_bytes());
            }
            _ => {
                out.push(0xfb);
                out.extend(number.as_f64().unwrap().to_be_bytes());
            }
        },
        Value::String(text) => {
            head(0x60, text.len(), out);
            out.extend(text.as_bytes());
        }
        Value::Array(list) => {
            head(0x80, list.len(), out);
            list.iter().for_each(|one| encode(one, out));
        }
        Value::Object(fields) => {
            if let (1, Some(seconds)) = (fields.len(), fields.get("@")) {
                out.push(0xc1);
                return encode(seconds, out);
            }
            head(0xa0, fields.len(), out);
            for (name, value) in fields {
                encode(&Value::from(name.as_str()), out);
                encode(value, out);
            }
        }
    }
}

impl Double {
    pub fn new(
        time: &Arc<Time>,
        takes: Duration,
        answering: impl Fn(&Call) -> Said + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            time: Arc::clone(time),
            calls: Mutex::default(),
            answering: Box::new(answering),
            takes,
            ahead: AtomicI64::new(0),
        })
    }

    pub fn client(self: &Arc<Self>) -> SharedHttpClient {
        SharedHttpClient::new(Client(Arc::clone(self)))
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}
