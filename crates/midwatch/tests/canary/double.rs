//! The other ends: servers that say back whatever they are shown, in one manner after the other.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::birds::{Output, echo};
use super::telemetry;

/// In which manner they say it back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Round {
    /// In refusals.
    Refused,
    /// In addresses that they lead to.
    Led,
    /// In answers that cannot be read.
    Garbled,
    /// In telemetry.
    Told,
}

pub const ROUNDS: [Round; 4] = [Round::Refused, Round::Led, Round::Garbled, Round::Told];

/// Headers in which a credential belongs.
const SHOWN: [&str; 3] = ["authorization", "x-amz-security-token", "private-token"];

/// One request.
pub struct Asked {
    pub method: String,
    /// With what follows the question mark.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// A field of the query or of the form, as it was sent.
    pub fn field(&self, name: &str) -> String {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let mut pairs = query.split('&').chain(self.body.split('&'));
        let found = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        decoded(found.unwrap_or_default())
    }

    /// The credentials that it shows.
    fn shown(&self, name: &str) -> Vec<String> {
        let headers = SHOWN.iter().map(|header| self.header(header));
        let mut shown: Vec<&str> = headers.filter(|value| !value.is_empty()).collect();
        let routing: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        shown.extend(routing["routing_key"].as_str());
        // Its address is a webhook's secret.
        shown.extend((name == "webhook").then_some(self.target.as_str()));
        shown.into_iter().map(str::to_string).collect()
    }
}

/// What it answers.
pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(value: &serde_json::Value) -> Self {
        Self::text(value.to_string())
    }

    pub fn text(body: String) -> Self {
        Self {
            status: 200,
            headers: "content-type: application/json\r\n".to_string(),
            body: body.into_bytes(),
        }
    }
}

/// All other ends together.
#[derive(Default)]
pub struct Ends {
    round: AtomicU8,
    heard: Mutex<Vec<Output>>,
    /// Who was shown something.
    shown: Mutex<std::collections::BTreeSet<String>>,
}

impl Ends {
    pub fn turn(&self, round: Round) {
        let place = ROUNDS.iter().position(|one| *one == round).unwrap();
        self.round
            .store(u8::try_from(place).unwrap(), Ordering::SeqCst);
    }

    fn round(&self) -> Round {
        ROUNDS[usize::from(self.round.load(Ordering::SeqCst))]
    }

    /// What they were sent, without the credentials where those belong.
    pub fn heard(&self) -> Vec<Output> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    pub fn was_shown(&self, name: &str) -> bool {
        self.shown.lock().unwrap().contains(name)
    }

    fn hear(&self, name: &str, asked: &Asked) {
        if !asked.shown(name).is_empty() {
            self.shown.lock().unwrap().insert(name.to_string());
        }
        let mut text = format!("{} ", asked.method);
        if name != "webhook" {
            text += &asked.target;
        }
        for (header, value) in &asked.headers {
            if !SHOWN.contains(&header.as_str()) {
                text += &format!("\n{header}: {value}");
            }
        }
        let routing: serde_json::Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let own = routing["routing_key"].as_str().unwrap_or("none");
        text += &format!("\n\n{}", asked.body.replace(own, ""));
        let output = Output::new(format!("what {name} was sent"), text);
        self.heard.lock().unwrap().push(output);
    }

    /// Begins one; gives its address without scheme.
    pub fn open(self: &Arc<Self>, name: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (ends, own) = (Arc::clone(self), address.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (ends, own) = (Arc::clone(&ends), own.clone());
                std::thread::spawn(move || ends.serve(name, &own, stream));
            }
        });
        address
    }

    fn serve(&self, name: &str, own: &str, mut stream: TcpStream) {
        let Some(asked) = read(&stream) else { return };
        self.hear(name, &asked);
        let answer = self.answer(name, own, &asked);
        let _ = write!(
            stream,
            "HTTP/1.1 {} x\r\n{}content-length: {}\r\nconnection: close\r\n\r\n",
            answer.status,
            answer.headers,
            answer.body.len()
        );
        let _ = stream.write_all(&answer.body);
    }

    fn answer(&self, name: &str, own: &str, asked: &Asked) -> Answer {
        let shown = asked.shown(name);
        let said: Vec<String> = shown.iter().map(|one| echo(name, one)).collect();
        let said = said.join(" ");
        // What a provider of identities is and has is asked before anything is shown to it.
        if name == "oidc" && asked.path() != "/token" {
            return telemetry::issuer(own, asked);
        }
        match self.round() {
            Round::Told => telemetry::answer(name, asked, &said),
            Round::Refused if asked.header("content-type").contains("x-www-form") && name == "aws" => Answer {
                status: 403,
                headers: "content-type: text/xml\r\n".to_string(),
                body: format!("<ErrorResponse><Error><Code>AccessDenied</Code><Message>{said}</Message></Error></ErrorResponse>").into_bytes(),
            },
            Round::Refused => Answer {
                status: if name == "slack" { 200 } else { 403 },
                headers: format!("content-type: application/json\r\nx-said: {said}\r\n"),
                body: json!({
                    "__type": "AccessDeniedException", "message": said, "kind": "Status", "status": "Failure",
                    "ok": false, "error": said, "error_description": said,
                })
                .to_string()
                .into_bytes(),
            },
            Round::Led => {
                let way: String = said.bytes().map(|byte| format!("%{byte:02x}")).collect();
                Answer {
                    status: 302,
                    headers: format!("location: http://{own}/led?to={way}\r\netag: \"{way}\"\r\n"),
                    body: said.into_bytes(),
                }
            }
            // JSON of another shape: whoever says what was found instead says all of it.
            Round::Garbled if asked.target.len().is_multiple_of(2) => Answer::json(&json!({
                "status": "success", "data": said, "items": said, "trace": said, "traces": said, "result": said,
                "services": said, "components": said, "number": said, "ts": said, "id_token": 7, "ok": said,
            })),
            Round::Garbled => Answer::text(format!("{{\"data\": \"{said}\" {said}")),
        }
    }

    /// A mail server, which wants to know who one is.
    pub fn mail(self: &Arc<Self>) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ends = Arc::clone(self);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let ends = Arc::clone(&ends);
                std::thread::spawn(move || ends.post(stream));
            }
        });
        port
    }

    fn post(&self, mut stream: TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
        let (mut shown, mut mail, mut data) = (String::new(), String::new(), false);
        write!(stream, "220 mail\r\n").ok()?;
        loop {
            let line = lines.next()?.ok()?;
            if data {
                data = line != ".";
                mail += &format!("{line}\n");
                if !data {
                    let output = Output::new("what mail was sent", std::mem::take(&mut mail));
                    self.heard.lock().unwrap().push(output);
                    write!(stream, "250 taken\r\n").ok()?;
                }
                continue;
            }
            let told = self.round() == Round::Told;
            let said = echo("mail", &shown);
            let answer = match line.split(' ').next()?.to_ascii_uppercase().as_str() {
                "EHLO" => "250-mail\r\n250 AUTH PLAIN".to_string(),
                "AUTH" => {
                    shown = line.rsplit(' ').next()?.to_string();
                    self.shown.lock().unwrap().insert("mail".to_string());
                    let said = echo("mail", &shown);
                    if told {
                        "235 come in".to_string()
                    } else {
                        format!("535 {said}")
                    }
                }
                "RCPT" if line.contains("nobody") => format!("550 {said}"),
                "DATA" => {
                    data = true;
                    "354 go on".to_string()
                }
                "QUIT" => return write!(stream, "221 bye\r\n").ok(),
                _ => "250 well".to_string(),
            };
            write!(stream, "{answer}\r\n").ok()?;
        }
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_string(), words.next()?.to_string());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_string()));
    }
    let mut asked = Asked {
        method,
        target,
        headers,
        body: String::new(),
    };
    let mut body = vec![0; asked.header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8_lossy(&body).into_owned();
    Some(asked)
}

/// Read as a form has it.
fn decoded(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(one) => out.push(one),
            None => out.push(if *byte == b'+' { b' ' } else { *byte }),
        }
        at += if digits.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}
