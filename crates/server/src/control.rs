//! The desk: how a command on the same machine speaks to the server that keeps the watch.
//!
//! A Unix socket in the data folder, mode 0600: one JSON request per line, one JSON reply per line. The operating
//! system says who is asking (`SO_PEERCRED`), so a name cannot be made up. It is not HTTP on purpose: it is
//! there before any account, key or certificate is.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};

/// The longest request; approvals and questions are short.
const LONGEST: u64 = 64 * 1024;
/// Conversations at once; the rest wait in the socket's queue.
const AT_ONCE: usize = 32;
/// A client that says nothing for so long is hung up on.
const PATIENCE: Duration = Duration::from_secs(10);

/// What may be asked of a running server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// A person's yes to one exact plan.
    Approve {
        /// Which incident.
        incident: String,
        /// The plan's digest, or its beginning.
        plan: String,
    },
    /// A person's no.
    Refuse {
        /// Which incident.
        incident: String,
        /// The plan's digest, or its beginning.
        plan: String,
        /// Why.
        why: String,
    },
    /// Quiet for an entity, a rule or all, until then.
    Silence {
        /// Which entity; `None` for all.
        #[serde(default)]
        entity: Option<String>,
        /// Which rule; `None` for all.
        #[serde(default)]
        rule: Option<String>,
        /// For so many seconds.
        seconds: u64,
        /// Why.
        why: String,
    },
    /// Ends a silence before its time.
    EndSilence {
        /// Which.
        silence: String,
    },
    /// A remark for an incident's journal.
    Note {
        /// Which incident.
        incident: String,
        /// What.
        text: String,
    },
    /// A person closes an incident.
    Close {
        /// Which incident.
        incident: String,
        /// Why.
        why: String,
    },
    /// A person who knows says whether what a report blamed was a cause.
    Judge {
        /// Which incident.
        incident: String,
        /// Which cause of its newest report, from 1; `None` for all.
        #[serde(default)]
        cause: Option<usize>,
        /// Was it?
        right: bool,
    },
    /// A person who knows names what it really was.
    NameCause {
        /// Which incident.
        incident: String,
        /// Where.
        entity: String,
        /// How: a mechanism of the catalogue.
        mechanism: String,
        /// Beside what the newest report blames, or else instead of it?
        #[serde(default)]
        beside: bool,
        /// May it be something that nobody has heard of here?
        #[serde(default)]
        unseen: bool,
    },
    /// A person wants a fresh look at an incident now.
    Look {
        /// Which incident.
        incident: String,
    },
    /// A person takes alarms out of an incident into one of their own.
    Split {
        /// Which incident.
        incident: String,
        /// Which alarms: their rules, or the beginnings of their fingerprints.
        alarms: Vec<String>,
    },
    /// A person puts one incident into another.
    Merge {
        /// Which incident.
        incident: String,
        /// Into which.
        into: String,
    },
    /// A person says that two incidents belong together.
    Link {
        /// Which incident.
        incident: String,
        /// With which.
        with: String,
        /// Why.
        why: String,
    },
    /// A person's question about how things stand.
    Ask {
        /// In their words.
        question: String,
    },
    /// Everything that is known of the last stretch, as a recording; the answer's facts say where it lies.
    TakeDown {
        /// Of the last so many seconds.
        seconds: u64,
        /// Of these entities, by id or the end of it, and of who is next to them; of all, if empty.
        #[serde(default)]
        scope: Vec<String>,
    },
    /// How the server is.
    Health,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// Done, or answered.
    Done {
        /// For people.
        said: String,
        /// For programs.
        #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
        facts: serde_json::Value,
    },
    /// It was not done.
    Refused {
        /// Why, and what to do.
        why: String,
    },
}

/// Who asks, as the operating system knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their name, or `uid N` where the system knows none.
    pub name: String,
    /// Their user id.
    pub uid: u32,
}

/// Answers requests; called off the event loop, so it may wait for the disk.
pub trait Desk: Send + Sync {
    /// Answers one request.
    fn answer(&self, who: &Person, request: Request) -> Reply;
}

/// Why the desk cannot be opened or reached.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The socket cannot be made.
    #[error("the control socket {path} cannot be opened: {source}")]
    Bind {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody answers there.
    #[error("no server answers at {path}: {source}")]
    Nobody {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It answered something that is no reply.
    #[error("the server at {path} answered something unexpected: {what}")]
    Strange {
        /// Where.
        path: PathBuf,
        /// What.
        what: String,
    },
}

/// Where the socket lies in a data folder.
pub fn socket(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Opens the desk and answers until `shutdown` turns true. Whoever holds the journal's lease owns the socket,
/// so one that a dead server left behind may be replaced.
pub async fn serve(
    path: PathBuf,
    desk: Arc<dyn Desk>,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), ControlError> {
    let refused = |source| ControlError::Bind {
        path: path.clone(),
        source,
    };
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(refused(error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(refused)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, mode).map_err(refused)?;
    let room = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let stream = tokio::select! {
            () = over(&mut shutdown) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file handles, most likely: it passes, and a busy loop would not help it.
                    tracing::warn!(%error, "the control socket could not take a caller");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    continue;
                }
            },
        };
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            break;
        };
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(error) = converse(stream, desk).await {
                tracing::debug!(%error, "a caller of the control socket went away");
            }
        });
    }
    let _ = std::fs::remove_file(&path);
    Ok(())
}

/// Waits until it is to end; a sender that is gone means the same.
async fn over(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|over| *over).await;
}

async fn converse(stream: UnixStream, desk: Arc<dyn Desk>) -> std::io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let who = Person {
        name: name_of(uid),
        uid,
    };
    let (reader, mut writer) = stream.into_split();
    let mut line = Vec::new();
    let mut reader = tokio::io::BufReader::new(reader.take(LONGEST));
    let read = tokio::time::timeout(PATIENCE, reader.read_until(b'\n', &mut line)).await;
    match read {
        Ok(read) => read?,
        Err(_) => return Ok(()),
    };
    let reply = match serde_json::from_slice::<Request>(&line) {
        Err(error) => Reply::Refused {
            why: format!(
                "the request cannot be read: {error}; use the midwatch program of this version"
            ),
        },
        Ok(request) => tokio::task::spawn_blocking(move || desk.answer(&who, request))
            .await
            .unwrap_or_else(|error| Reply::Refused {
                why: format!("the server failed while it answered: {error}; its log says more"),
            }),
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    writer.write_all(&text).await?;
    writer.shutdown().await
}

/// The system's name for whoever runs this program.
pub fn own_name() -> String {
    name_of(nix::unistd::getuid().as_raw())
}

/// The system's name for a user; the file is read afresh, since people come and go.
fn name_of(uid: u32) -> String {
    std::fs::read_to_string("/etc/passwd")
        .ok()
        .and_then(|text| name_in(&text, uid))
        .unwrap_or_else(|| format!("uid {uid}"))
}

fn name_in(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id: u32 = fields.nth(1)?.parse().ok()?;
        (id == uid).then(|| name.to_string())
    })
}

/// Asks a running server, and waits for its answer.
pub fn ask(path: &Path, request: &Request) -> Result<Reply, ControlError> {
    let nobody = |source| ControlError::Nobody {
        path: path.to_path_buf(),
        source,
    };
    let mut stream = std::os::unix::net::UnixStream::connect(path).map_err(nobody)?;
    // Long enough for an answer that waits for a slow disk; a dead server is noticed at once by the socket.
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .map_err(nobody)?;
    let mut text = serde_json::to_vec(request).map_err(|error| nobody(error.into()))?;
    text.push(b'\n');
    stream.write_all(&text).map_err(nobody)?;
    let mut line = String::new();
    BufReader::new(stream.take(16 << 20))
        .read_line(&mut line)
        .map_err(nobody)?;
    serde_json::from_str(&line).map_err(|error| ControlError::Strange {
        path: path.to_path_buf(),
        what: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;
    impl Desk for Echo {
        fn answer(&self, who: &Person, request: Request) -> Reply {
            Reply::Done {
                said: format!("{} {request:?}", who.uid),
                facts: serde_json::Value::Null,
            }
        }
    }

    #[test]
    fn a_request_is_answered_and_a_bad_one_refused() {
        let folder = std::env::temp_dir().join(format!("midwatch-desk-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = socket(&folder);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (stop, stopped) = watch::channel(false);
        let serving = runtime.spawn(serve(path.clone(), Arc::new(Echo), stopped));
        let mut tries = 0;
        let reply = loop {
            match ask(&path, &Request::Health) {
                Err(_) if tries < 500 => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(10));
                }
                answer => break answer.unwrap(),
            }
        };
        let Reply::Done { said, .. } = reply else {
            panic!("{reply:?}");
        };
        assert!(said.ends_with("Health"), "{said}");
        let mode = std::fs::metadata(&path).unwrap().permissions();
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
            0o600
        );

        let mut raw = std::os::unix::net::UnixStream::connect(&path).unwrap();
        raw.write_all(b"{\"ask\":\"shutdown\"}\n").unwrap();
        let mut line = String::new();
        BufReader::new(raw).read_line(&mut line).unwrap();
        assert!(
            line.contains("refused") && line.contains("cannot be read"),
            "{line}"
        );

        stop.send(true).unwrap();
        runtime.block_on(serving).unwrap().unwrap();
        assert!(!path.exists());
        assert!(matches!(
            ask(&path, &Request::Health),
            Err(ControlError::Nobody { .. })
        ));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn names_come_from_the_system() {
        let passwd = "root:x:0:0::/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\nbroken\n";
        assert_eq!(name_in(passwd, 1000).as_deref(), Some("anna"));
        assert_eq!(name_in(passwd, 7), None);
    }
}
