//! Tells an address of the user's, as a signed CloudEvent.
//!
//! The body is a CloudEvents 1.0 event in structured JSON mode. The signature follows the Standard Webhooks scheme:
//! `webhook-signature: v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body`, so that a receiver can refuse
//! what was made up, altered or played back.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::ports::{Notice, Notifier, TellError, Telling};
use model::time::Timestamp;
use sha2::Sha256;

use crate::client::{self, ClientError};
use crate::hidden::Hidden;

/// A signed webhook.
pub struct Webhook {
    name: String,
    url: String,
    /// The address for people: of many receivers, whoever knows all of it may post.
    shown: String,
    hidden: Hidden,
    secret: Vec<u8>,
    client: reqwest::blocking::Client,
}

/// Why a webhook cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address is none.
    #[error("{url:?} is no address that a notice can be sent to; expected http:// or https://")]
    Address {
        /// What was written, without what may be a secret.
        url: String,
    },
    /// It leads to where clouds keep their machines' credentials.
    #[error(
        "{url:?} is on this machine's own link, where clouds keep credentials and nobody takes notices; name another address"
    )]
    Inside {
        /// What was written.
        url: String,
    },
    /// The secret is too short to be one.
    #[error("the secret has {bytes} bytes; a secret has at least 16")]
    Secret {
        /// How long it is.
        bytes: usize,
    },
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Webhook {
    /// To this address, signed with this secret; `name` is how it is known.
    pub fn new(name: &str, url: &str, secret: &[u8]) -> Result<Self, WebhookError> {
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return Err(WebhookError::Address { url: shown(url) });
        }
        if reqwest::Url::parse(url).is_ok_and(|url| client::link_local(&url)) {
            return Err(WebhookError::Inside { url: shown(url) });
        }
        if secret.len() < 16 {
            return Err(WebhookError::Secret {
                bytes: secret.len(),
            });
        }
        Ok(Self {
            name: name.to_string(),
            url: url.to_string(),
            shown: shown(url),
            hidden: hidden(url),
            secret: secret.to_vec(),
            client: client::client(Duration::from_secs(10))?,
        })
    }
}

impl Notifier for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn tell(&self, telling: &Telling<'_>, now: Timestamp) -> Result<String, TellError> {
        let notice = telling.notice;
        let body = event(notice).to_string();
        // The moment of this try: receivers refuse what is old, and a notice may have waited.
        let seconds = now.seconds().to_string();
        let signature = signature(&self.secret, &notice.id, &seconds, body.as_bytes())
            .ok_or_else(|| "the secret cannot be used as a key".to_string())?;
        let request = self
            .client
            .post(&self.url)
            .header(
                "content-type",
                "application/cloudevents+json; charset=utf-8",
            )
            .header("webhook-id", &notice.id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(body);
        client::send(request, &self.hidden)
            .map(|_| String::new())
            .map_err(|error| TellError::from(format!("{}: {error}", self.shown)))
    }
}

/// Parts of a path that are as long as this may be what opens it.
const LONG_PART: usize = 16;

/// Scheme, host and port of an address.
fn shown(url: &str) -> String {
    let Ok(url) = reqwest::Url::parse(url) else {
        return "its address".to_string();
    };
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let host = url.host_str().unwrap_or_default();
    format!("{}://{host}{port}", url.scheme())
}

/// What of an address may open it to whoever reads it, as receivers say it back: a password, or a name that has none (a
/// token is written so), values of its query, and long parts of its path.
fn hidden(url: &str) -> Hidden {
    let Ok(url) = reqwest::Url::parse(url) else {
        return Hidden::default();
    };
    let mut secrets: Vec<String> = url.query_pairs().map(|(_, value)| value.into()).collect();
    secrets.push(url.password().unwrap_or(url.username()).to_string());
    let parts = url.path().split('/').filter(|part| part.len() >= LONG_PART);
    secrets.extend(parts.map(str::to_string));
    Hidden::of(secrets.iter().map(String::as_str))
}

/// The notice as a CloudEvent.
fn event(notice: &Notice) -> serde_json::Value {
    serde_json::json!({
        "specversion": "1.0",
        "id": notice.id,
        "source": "midwatch",
        "type": format!("midwatch.incident.{}", notice.kind),
        "subject": notice.incident.to_string(),
        "time": notice.at.to_string(),
        "datacontenttype": "application/json",
        "data": {
            "title": notice.title, "lines": notice.lines, "incident": notice.subject,
            "severity": notice.severity, "plan": notice.plan, "by": notice.by, "link": notice.link,
        },
    })
}

/// `v1,BASE64`; `None` where the secret is no key.
pub fn signature(secret: &[u8], id: &str, seconds: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(format!(
        "v1,{}",
        STANDARD.encode(mac.finalize().into_bytes())
    ))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use model::incident::IncidentId;
    use model::time::Timestamp;

    use super::*;

    fn notice() -> Notice {
        Notice {
            id: "inc-1/opened".into(),
            incident: IncidentId("inc-1".into()),
            at: Timestamp::from_seconds(1_614_265_330),
            kind: "opened".into(),
            subject: "errors on api".into(),
            severity: model::Severity::Error,
            title: "errors on api".into(),
            lines: vec![],
            plan: None,
            by: String::new(),
            link: String::new(),
        }
    }

    fn tell(hook: &Webhook) -> Result<String, TellError> {
        let thread = model::ports::Thread::default();
        let telling = Telling {
            notice: &notice(),
            tries: 0,
            receipt: "",
            thread: &thread,
        };
        hook.tell(&telling, notice().at)
    }

    /// Answers one request with `answer` and hands out what was sent.
    fn one(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let read = stream.read(&mut buffer).unwrap();
                seen.extend_from_slice(&buffer[..read]);
                if read == 0 || seen.ends_with(b"}") {
                    break;
                }
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(seen).unwrap()
        });
        (url, served)
    }

    #[test]
    fn the_signature_is_that_of_the_published_example() {
        // The example of the Standard Webhooks specification; its secret is the decoded text after `whsec_`.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let said = signature(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            b"{\"test\": 2432232314}",
        );
        assert_eq!(
            said.as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
    }

    #[test]
    fn a_notice_arrives_signed() {
        let (url, served) = one("HTTP/1.1 204 No Content\r\n\r\n");
        let hook = Webhook::new("webhook", &url, b"0123456789abcdef").unwrap();
        tell(&hook).unwrap();
        let seen = served.join().unwrap();
        let body = seen.split("\r\n\r\n").nth(1).unwrap();
        let expected = signature(
            b"0123456789abcdef",
            "inc-1/opened",
            "1614265330",
            body.as_bytes(),
        );
        assert!(
            seen.contains(&format!("webhook-signature: {}", expected.unwrap())),
            "{seen}"
        );
        let event: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(event["type"], "midwatch.incident.opened");
        assert_eq!(event["specversion"], "1.0");
    }

    #[test]
    fn what_goes_wrong_is_said() {
        let (url, served) =
            one("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy");
        let hook = Webhook::new("webhook", &url, b"0123456789abcdef").unwrap();
        let why = tell(&hook).unwrap_err().why;
        served.join().unwrap();
        assert!(why.ends_with("it answered 503: busy"), "{why}");
        let why = tell(&hook).unwrap_err().why;
        assert!(why.contains("it cannot be reached"), "{why}");
        assert!(Webhook::new("webhook", "ftp://x", b"0123456789abcdef").is_err());
        assert!(Webhook::new("webhook", "https://x", b"short").is_err());
        for inside in [
            "http://169.254.169.254/latest/meta-data",
            "https://2852039166/",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://[fd00:ec2::254]/",
            "http://Metadata.Google.internal/",
        ] {
            let made = Webhook::new("webhook", inside, &[1; 16]);
            assert!(matches!(made, Err(WebhookError::Inside { .. })), "{inside}");
        }
    }
}
