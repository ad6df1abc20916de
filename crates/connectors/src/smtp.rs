//! Tells people by e-mail: one thread for each incident, as text and HTML.
//!
//! A message's `Message-ID` is worked out from the notice, so that a message that is sent twice, because the power was cut
//! or the server's answer was lost, has one id twice: most mail systems then keep one. Each recipient is a transaction of
//! its own, and whom the server took a message for is in the receipt: a bad address holds up nobody else, and nobody
//! gets a message again because another could not be reached.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport as _};
use model::ports::{Again, Notice, Notifier, TellError, Telling};
use model::time::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::client;
use crate::hidden::Hidden;
use crate::legible::{fitted, plain};

/// How long a server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// UTF-16 units of a subject: one that mail programs show.
const SUBJECT: usize = 200;
/// Lines in a message, and UTF-16 units of each.
const LINES: usize = 200;
const LINE: usize = 2_000;
/// Recipients of one channel: more than these want a list of their mail server's.
pub const RECIPIENTS: usize = 50;

/// How the connection is kept from being read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// It begins in the clear and must turn to TLS before anything is said; port 587.
    #[default]
    StartTls,
    /// TLS from the first byte; port 465.
    Tls,
    /// Never; only for a server on this machine. Port 25.
    Plain,
}

/// Where mail is handed in, from whom and to whom.
#[derive(Clone, Default)]
pub struct Settings {
    /// The server's name, which its certificate must be for.
    pub host: String,
    /// Its port; `None` for what is usual with the security.
    pub port: Option<u16>,
    /// How the connection is kept from being read.
    pub security: Security,
    /// User and password, where the server wants some.
    pub login: Option<(String, String)>,
    /// The sender, such as `Midwatch <midwatch@example.com>`.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// A certificate in PEM that servers' certificates may be signed with, beside those that the system trusts.
    pub authority: Option<Vec<u8>>,
}

/// Why mail cannot be sent under these settings.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// An address is none.
    #[error(
        "{address:?} is no address: {why}; expected one such as ops@example.com or Ops <ops@example.com>"
    )]
    Address {
        /// What was written.
        address: String,
        /// Why not.
        why: String,
    },
    /// Nobody, or too many.
    #[error("there are {count} recipients; expected 1 to {RECIPIENTS}")]
    Recipients {
        /// How many.
        count: usize,
    },
    /// Not over the network without encryption.
    #[error(
        "security is none, and {host} is not this machine; expected starttls or tls, or a server on localhost"
    )]
    Plain {
        /// Where to.
        host: String,
    },
    /// A name, a user or a password that cannot be sent.
    #[error("{what} is empty or has characters that end a line")]
    Text {
        /// Which.
        what: &'static str,
    },
    /// The TLS settings cannot be used.
    #[error("TLS cannot be set up: {0}; is ca_file a certificate in PEM?")]
    Tls(#[from] lettre::transport::smtp::Error),
}

/// People who are told by e-mail.
pub struct Mail {
    name: String,
    from: Mailbox,
    to: Vec<Mailbox>,
    hidden: Hidden,
    transport: SmtpTransport,
}

/// Whom the server took a message for; the receipt.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Reached {
    reached: BTreeSet<String>,
}

impl Mail {
    /// Under these settings.
    pub fn new(name: &str, settings: &Settings) -> Result<Self, MailError> {
        let host = settings.host.as_str();
        sound("host", host)?;
        if let Some((user, password)) = &settings.login {
            sound("user", user)?;
            sound("password", password)?;
        }
        let count = settings.to.len();
        if !(1..=RECIPIENTS).contains(&count) {
            return Err(MailError::Recipients { count });
        }
        let from = mailbox(&settings.from)?;
        let to = settings.to.iter().map(|to| mailbox(to));
        let to = to.collect::<Result<Vec<Mailbox>, MailError>>()?;
        // Another part of the program may have chosen the same provider before.
        let _ = rustls::crypto::CryptoProvider::install_default(
            rustls::crypto::ring::default_provider(),
        );
        let tls = || -> Result<TlsParameters, MailError> {
            let mut tls = TlsParameters::builder(host.to_string());
            if let Some(pem) = &settings.authority {
                tls = tls.add_root_certificate(Certificate::from_pem(pem)?);
            }
            Ok(tls.build()?)
        };
        let (tls, port) = match settings.security {
            Security::StartTls => (Tls::Required(tls()?), 587),
            Security::Tls => (Tls::Wrapper(tls()?), 465),
            Security::Plain if local(host) => (Tls::None, 25),
            Security::Plain => {
                return Err(MailError::Plain {
                    host: host.to_string(),
                });
            }
        };
        let mut transport = SmtpTransport::builder_dangerous(host)
            .port(settings.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let Some((user, password)) = &settings.login {
            transport = transport.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(Self {
            name: name.to_string(),
            from,
            to,
            hidden: Hidden::of(settings.login.iter().map(|(_, password)| password.as_str())),
            transport: transport.build(),
        })
    }

    /// The message, the same bytes at each try of one notice.
    fn message(&self, notice: &Notice) -> Result<Vec<u8>, String> {
        let domain = self.from.email.domain();
        let incident = format!("<{}@{domain}>", digest(&notice.incident.0));
        let own = format!("<{}@{domain}>", digest(&notice.id));
        let subject = if notice.subject.trim().is_empty() {
            &notice.title
        } else {
            &notice.subject
        };
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(plain(&format!("[Midwatch] {subject}"), SUBJECT))
            .date(date(notice.at))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "All"));
        for to in &self.to {
            message = message.to(to.clone());
        }
        // The opening is the thread's first message; the others answer it, whether it was sent here or not.
        message = if notice.kind == "opened" {
            message.message_id(Some(incident))
        } else {
            message
                .message_id(Some(own))
                .in_reply_to(incident.clone())
                .references(incident)
        };
        let parts = MultiPart::alternative()
            .boundary(format!("midwatch-{}", digest(&notice.id)))
            .singlepart(
                SinglePart::builder()
                    .header(ContentType::TEXT_PLAIN)
                    .body(text(notice)),
            )
            .singlepart(
                SinglePart::builder()
                    .header(ContentType::TEXT_HTML)
                    .body(html(notice)),
            );
        let message = message
            .multipart(parts)
            .map_err(|error| error.to_string())?;
        Ok(message.formatted())
    }
}

impl Notifier for Mail {
    fn name(&self) -> &str {
        &self.name
    }

    fn tell(&self, telling: &Telling<'_>, _: Timestamp) -> Result<String, TellError> {
        let never = |why: String| TellError {
            why,
            again: Again::Never,
            receipt: String::new(),
        };
        let message = self.message(telling.notice).map_err(never)?;
        let mut known: Reached = serde_json::from_str(telling.receipt).unwrap_or_default();
        let mut failed = Vec::new();
        let mut hopeless = true;
        for to in &self.to {
            let address = to.email.to_string();
            if known.reached.contains(&address) {
                continue;
            }
            let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.email.clone()])
                .map_err(|error| never(error.to_string()))?;
            match self.transport.send_raw(&envelope, &message) {
                Ok(_) => {
                    known.reached.insert(address);
                }
                Err(error) => {
                    hopeless &= about_recipient(&error);
                    let said = self.hidden.said(&client::reasons(&error));
                    failed.push(format!("{address}: {}", plain(&said, 400)));
                    // Who cannot be reached or does not let us in will not for the next either.
                    if error.status().is_none() || about_login(&error) {
                        break;
                    }
                }
            }
        }
        let receipt = serde_json::to_string(&known).unwrap_or_default();
        if failed.is_empty() {
            return Ok(receipt);
        }
        Err(TellError {
            why: failed.join("; "),
            again: if hopeless { Again::Never } else { Again::Usual },
            receipt,
        })
    }
}

/// Does the server say for good that it will not take this message for this recipient?
fn about_recipient(error: &lettre::transport::smtp::Error) -> bool {
    error.is_permanent() && !about_login(error)
}

/// Is it the login that the server does not take? A person may mend that.
fn about_login(error: &lettre::transport::smtp::Error) -> bool {
    let code = error.status().map(|code| code.to_string());
    code.is_some_and(|code| ["530", "534", "535", "538"].contains(&code.as_str()))
}

fn mailbox(address: &str) -> Result<Mailbox, MailError> {
    let refuse = |why: String| MailError::Address {
        address: address.to_string(),
        why,
    };
    if address.chars().any(char::is_control) {
        return Err(refuse("it has control characters".to_string()));
    }
    address
        .parse()
        .map_err(|error: lettre::address::AddressError| refuse(error.to_string()))
}

fn sound(what: &'static str, text: &str) -> Result<(), MailError> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(MailError::Text { what });
    }
    Ok(())
}

fn local(host: &str) -> bool {
    let loopback = |address: std::net::IpAddr| address.is_loopback();
    host == "localhost" || host.parse().is_ok_and(loopback)
}

/// 32 hexadecimal digits of SHA-256: whatever an id holds, these can stand in a header.
fn digest(id: &str) -> String {
    let digest = Sha256::digest(id.as_bytes());
    digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn date(at: Timestamp) -> SystemTime {
    let seconds = u64::try_from(at.seconds()).unwrap_or(0);
    // Beyond the year 9999 there is no date in a header.
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(253_402_300_799))
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_string())
}

fn text(notice: &Notice) -> String {
    // No line begins as others want it to: what parts the message from its other form begins a line, too.
    let mut text = format!("Midwatch: {}\n\n", plain(&notice.title, LINE));
    for line in notice.lines.iter().take(LINES) {
        text += &format!("- {}\n", plain(line, LINE));
    }
    text += &more(notice).map_or(String::new(), |more| format!("{more}\n"));
    text += &format!("\n{}\n", foot(notice));
    if let Some(link) = link(&notice.link) {
        text += &format!("{link}\n");
    }
    text
}

fn html(notice: &Notice) -> String {
    let mut html = format!(
        "<!doctype html><html><body style=\"font-family:sans-serif\"><p><strong>{}</strong></p>",
        fitted(&notice.title, LINE, escape)
    );
    if !notice.lines.is_empty() {
        html += "<ul>";
        for line in notice.lines.iter().take(LINES) {
            html += &format!("<li>{}</li>", fitted(line, LINE, escape));
        }
        html += "</ul>";
    }
    html += &more(notice).map_or(String::new(), |more| format!("<p>{more}</p>"));
    html += &format!(
        "<p style=\"color:#555\">{}",
        fitted(&foot(notice), LINE, escape)
    );
    if let Some(link) = link(&notice.link) {
        html += &format!(
            "<br><a href=\"{}\">Look at it</a>",
            fitted(link, LINE, escape)
        );
    }
    html += "</p></body></html>\n";
    html
}

fn more(notice: &Notice) -> Option<String> {
    let left = notice.lines.len().saturating_sub(LINES);
    (left > 0).then(|| format!("{left} more lines"))
}

fn foot(notice: &Notice) -> String {
    format!(
        "{} · {} · {} · {}",
        plain(&notice.incident.0, 200),
        plain(&notice.kind.replace('_', " "), 40),
        notice.severity,
        notice.at
    )
}

fn link(address: &str) -> Option<&str> {
    let safe = address.starts_with("https://") || address.starts_with("http://");
    let whole = address.chars().all(|c| c.is_ascii_graphic());
    (safe && whole && address.len() <= 1_000).then_some(address)
}

fn escape(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
