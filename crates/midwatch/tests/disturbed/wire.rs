//! HTTP on loopback, as a source that is in trouble speaks it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use model::Timestamp;
use model::time::{SECOND, Span};

/// How long one request may take where a source is slow, by the configuration of these tests.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// How long it may take where it is not: long enough that a busy machine is no slow source.
pub const PATIENT: Duration = Duration::from_secs(15);

/// What is wrong with a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// Nobody listens there.
    Down,
    /// Each answer breaks off in its middle.
    BreaksOff,
    /// So many questions are answered well, and then nobody listens.
    GoneAfter(u32),
    /// Each answer comes after the time-out.
    Slow,
    /// Each answer comes so many milliseconds late, within the time-out: it is the look that ends before all is asked.
    Late(u64),
    /// A byte a second.
    Trickle,
    /// This status, whatever it is asked.
    Always(u16),
    /// 429, with a `Retry-After` if there is one.
    TooMany(Option<&'static str>),
    /// Its clock, and what it writes down, is ahead by so many seconds.
    Clock(i64),
    /// 403 wherever the path ends so, with `*` for whatever begins so; several with `|` between them.
    Forbidden(&'static str),
    /// Bytes that are no text.
    Unreadable,
    /// A page to log in with, and status 200.
    Login,
    /// Pages with nothing on them, and each says that there is a next one.
    EmptyPages,
    /// The same page, whichever is asked for.
    SamePage,
    /// The beginning of a list, and a word that there is more.
    Truncated,
    /// What it gives lies in another time than what was asked for, while its clock is right.
    OtherTime,
    /// Of AWS: these services (as a signature names them; `*` for all, several with `|` between them) refuse whatever they
    /// are asked, with this code.
    #[cfg(feature = "aws")]
    Refused(&'static str, &'static str),
    /// Of AWS: these services end the connection without a word.
    #[cfg(feature = "aws")]
    HangsUp(&'static str),
    /// Of AWS: before the first page of each list comes one with nothing on it, as AWS may do.
    #[cfg(feature = "aws")]
    EmptyFirst,
}

impl Trouble {
    /// Is it about time: does a look end before all is asked?
    pub fn takes_time(self) -> bool {
        matches!(self, Self::Slow | Self::Late(_) | Self::Trickle)
    }
}

/// One request.
#[cfg_attr(
    not(feature = "aws"),
    allow(dead_code, reason = "the others say all in the address")
)]
pub struct Asked {
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Asked {
    #[cfg(feature = "aws")]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn field(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// A field that is a number.
    pub fn number(&self, name: &str) -> f64 {
        let field = self.field(name);
        field
            .parse()
            .unwrap_or_else(|_| panic!("{name}={field:?} of {}", self.path))
    }
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// 0 for none at all: the connection ends.
    pub status: u16,
    /// What sort of bytes they are.
    pub kind: &'static str,
    /// Further header lines, whole.
    pub headers: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(body: &serde_json::Value) -> Self {
        Self::text(200, &body.to_string())
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self::bytes(status, body.as_bytes().to_vec())
    }

    pub fn bytes(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            kind: "application/json",
            headers: String::new(),
            body,
        }
    }
}

/// What answers well. It is told of the trouble too, as far as that is one of its contents.
pub type Double = dyn Fn(&Asked, Trouble) -> Reply + Send + Sync;

/// A source in this trouble, until the test ends. Gives its base address.
pub fn serve(double: Arc<Double>, trouble: Trouble) -> String {
    if trouble == Trouble::Down {
        // Nobody has anything there, now or in a moment.
        return "http://127.0.0.1:1".to_string();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let served = Arc::new(AtomicU32::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (double, served) = (Arc::clone(&double), Arc::clone(&served));
            let gone = matches!(trouble, Trouble::GoneAfter(most) if served.load(Ordering::SeqCst) >= most);
            if gone {
                return;
            }
            served.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || answered(stream, &*double, trouble));
        }
    });
    address
}

fn answered(mut stream: TcpStream, double: &Double, trouble: Trouble) {
    let Some(asked) = read(&mut stream) else {
        return;
    };
    let forbidden = |masks: &str| {
        masks.split('|').any(|mask| match mask.strip_suffix('*') {
            Some(begin) => asked.path.starts_with(begin),
            None => asked.path.ends_with(mask),
        })
    };
    let reply = match trouble {
        Trouble::Always(status) => Reply::text(status, "something went wrong"),
        Trouble::TooMany(after) => Reply {
            headers: after.map_or(String::new(), |after| format!("retry-after: {after}\r\n")),
            ..Reply::text(429, "too many requests")
        },
        Trouble::Forbidden(mask) if forbidden(mask) => Reply::text(403, "you may not see this"),
        Trouble::Unreadable => Reply::bytes(200, vec![0xff, 0xfe, 0x00, 0x9f, b'{', 0x00]),
        Trouble::Login => Reply::text(
            200,
            "<!DOCTYPE html><html><title>Log in</title><form method=\"post\">Password</form></html>",
        ),
        _ => double(&asked, trouble),
    };
    if reply.status == 0 {
        return;
    }
    let ahead = match trouble {
        Trouble::Clock(seconds) => seconds,
        _ => 0,
    };
    match trouble {
        Trouble::Slow => std::thread::sleep(TIMEOUT + Duration::from_secs(1)),
        Trouble::Late(ms) => std::thread::sleep(Duration::from_millis(ms)),
        _ => {}
    }
    let head = format!(
        "HTTP/1.1 {} x\r\ndate: {}\r\n{}content-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        reply.status,
        date(ahead),
        reply.headers,
        reply.kind,
        reply.body.len()
    );
    // Whoever asked may have given up before all is written.
    let _ = stream.write_all(head.as_bytes());
    let _ = match trouble {
        Trouble::BreaksOff => stream.write_all(&reply.body[..reply.body.len() / 2]),
        Trouble::Trickle => reply.body.chunks(1).try_for_each(|byte| {
            std::thread::sleep(Duration::from_secs(1));
            stream.write_all(byte)
        }),
        _ => stream.write_all(&reply.body),
    };
}

/// The present by a clock that is ahead by so many seconds, as a `Date` header has it.
fn date(ahead: i64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.unwrap().as_secs()).unwrap() + ahead;
    let text = Timestamp(now * SECOND).to_string();
    let (day, clock) = text.split_once('T').unwrap();
    let parts: Vec<&str> = day.split('-').collect();
    let month = MONTHS[parts[1].parse::<usize>().unwrap() - 1];
    format!("Mon, {} {month} {} {} GMT", parts[2], parts[0], &clock[..8])
}

/// By how much what a source writes down lies beside the truth, in nanoseconds.
pub fn beside(trouble: Trouble) -> i64 {
    match trouble {
        Trouble::Clock(seconds) => Span::seconds(seconds).0,
        _ => 0,
    }
}

fn read(stream: &mut TcpStream) -> Option<Asked> {
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
    let target = words.nth(1)?;
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_string()))
        .collect();
    let length = headers
        .get("content-length")
        .map_or(0, |n| n.parse().unwrap());
    let mut body = seen.split_off(head_end + 4);
    while body.len() < length {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => body.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    Some(Asked {
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
