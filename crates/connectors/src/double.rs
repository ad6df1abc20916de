//! Tests only: the other end of a connector as its vendor documents it, over HTTP on loopback. It can answer late, wrongly
//! or not at all; what it does not know it answers with 501.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Without what follows the question mark.
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// By name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What it answers.
#[derive(Clone, Debug)]
pub enum Reply {
    Json(u16, Value),
    /// With a header.
    With(u16, &'static str, String, Value),
    /// Something that is no JSON.
    Text(u16, String),
    /// Nothing: it did what was asked, and the connection broke.
    Lost,
}

/// Answers requests, one at a time, until the test ends. Gives the base address.
pub fn serve(mut answer: impl FnMut(&Request) -> Reply + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            if let Some(request) = read(&mut stream) {
                write(&mut stream, answer(&request));
            }
        }
    });
    format!("http://{address}")
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut seen = Vec::new();
    let mut buffer = [0; 16384];
    let head_end = loop {
        if let Some(at) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => seen.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    };
    let head = String::from_utf8_lossy(&seen[..head_end]).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_string(), words.next()?);
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_string()))
        .collect();
    let length: usize = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap_or(0));
    let mut body = seen.split_off(head_end + 4);
    while body.len() < length {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => body.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    Some(Request {
        method,
        path: decoded(path),
        query: pairs.map(|(k, v)| (decoded(k), decoded(v))).collect(),
        headers,
        body,
    })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}

fn write(stream: &mut TcpStream, reply: Reply) {
    let (status, header, body) = match reply {
        Reply::Json(status, body) => (status, String::new(), body.to_string()),
        Reply::With(status, name, value, body) => {
            (status, format!("{name}: {value}\r\n"), body.to_string())
        }
        Reply::Text(status, body) => (status, String::new(), body),
        Reply::Lost => return,
    };
    let _ = write!(
        stream,
        "HTTP/1.1 {status} x\r\n{header}content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
}
