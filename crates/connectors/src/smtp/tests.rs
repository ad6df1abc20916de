use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;
use crate::told::{Book, HOSTILE, life, notice};

/// A message that a server took: for whom, and as it came.
type Taken = (Vec<String>, String);

/// A mail server as RFC 5321 has it, without TLS; strict where a client may go wrong.
#[derive(Default)]
struct Server {
    taken: Vec<Taken>,
    /// Answers to `RCPT` for these addresses.
    refuses: Vec<(&'static str, &'static str)>,
    /// Messages after which the connection breaks before the answer.
    lost: u32,
    /// What was wrong with what the client sent.
    faults: Vec<String>,
}

fn serve(server: &Arc<Mutex<Server>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Arc::clone(server);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = talk(&server, stream);
        }
    });
    port
}

fn talk(server: &Mutex<Server>, mut stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut recipients: Vec<String> = Vec::new();
    stream.write_all(b"220 test\r\n")?;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let fault = !line.ends_with("\r\n") || line.len() > 512;
        if fault {
            server
                .lock()
                .unwrap()
                .faults
                .push(format!("command {line:?}"));
        }
        let command = line.trim_end().to_string();
        let upper = command.to_uppercase();
        let answer = if upper.starts_with("EHLO ") {
            "250-test\r\n250 8BITMIME"
        } else if upper.starts_with("MAIL FROM:<") {
            recipients.clear();
            "250 fine"
        } else if let Some(to) = command.strip_prefix("RCPT TO:<") {
            let to = to.trim_end_matches('>').to_string();
            let server = server.lock().unwrap();
            let refused = server.refuses.iter().find(|(who, _)| *who == to);
            match refused {
                Some((_, answer)) => answer,
                None => {
                    recipients.push(to);
                    "250 fine"
                }
            }
        } else if upper == "DATA" {
            stream.write_all(b"354 go on\r\n")?;
            let message = data(&mut lines, server)?;
            let mut server = server.lock().unwrap();
            server.taken.push((recipients.clone(), message));
            if server.lost > 0 {
                server.lost -= 1;
                return Ok(());
            }
            "250 taken"
        } else if upper == "QUIT" {
            stream.write_all(b"221 bye\r\n")?;
            return Ok(());
        } else if upper == "RSET" || upper == "NOOP" {
            "250 fine"
        } else {
            "502 not known"
        };
        stream.write_all(format!("{answer}\r\n").as_bytes())?;
    }
}

/// The message up to the lone dot, its dots unstuffed.
fn data(lines: &mut impl std::io::BufRead, server: &Mutex<Server>) -> std::io::Result<String> {
    let mut message = String::new();
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(message);
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        if !line.ends_with("\r\n")
            || line.len() > 1_000
            || line.trim_end_matches("\r\n").contains('\r')
        {
            server.lock().unwrap().faults.push(format!("line {line:?}"));
        }
        if line == ".\r\n" {
            return Ok(message);
        }
        message.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

fn settings(port: u16, to: &[&str]) -> Settings {
    Settings {
        host: "localhost".to_string(),
        port: Some(port),
        security: Security::Plain,
        from: "Midwatch <midwatch@example.com>".to_string(),
        to: to.iter().map(ToString::to_string).collect(),
        ..Settings::default()
    }
}

fn begin(to: &[&str]) -> (Arc<Mutex<Server>>, Mail) {
    let server = Arc::new(Mutex::new(Server::default()));
    let port = serve(&server);
    (server, Mail::new("email.ops", &settings(port, to)).unwrap())
}

/// Where the headers of a message end.
fn headers(message: &str) -> Vec<String> {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    // A header that goes on begins its next line with a space.
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    unfolded.lines().map(str::to_string).collect()
}

fn header_of<'a>(headers: &'a [String], name: &str) -> Vec<&'a str> {
    let begins = format!("{}:", name.to_lowercase());
    headers
        .iter()
        .filter(|line| line.to_lowercase().starts_with(&begins))
        .map(|line| line[begins.len()..].trim())
        .collect()
}

#[test]
fn an_incident_is_one_thread_for_every_recipient() {
    let (server, mail) = begin(&["ada@example.com", "Bo <bo@example.org>"]);
    let mut book = Book::default();
    for notice in life() {
        book.tell(&mail, &notice, true).unwrap();
    }
    let server = server.lock().unwrap();
    assert_eq!(server.faults, Vec::<String>::new());
    assert_eq!(server.taken.len(), 12);
    let to_ada: Vec<&String> = server
        .taken
        .iter()
        .filter(|(to, _)| to == &["ada@example.com"])
        .map(|(_, message)| message)
        .collect();
    assert_eq!(to_ada.len(), 6);
    let first = headers(to_ada[0]);
    let root = header_of(&first, "message-id")[0].to_string();
    assert!(root.ends_with("@example.com>"), "{root}");
    for message in &to_ada[1..] {
        let head = headers(message);
        assert_eq!(header_of(&head, "references"), [root.as_str()]);
        assert_eq!(header_of(&head, "in-reply-to"), [root.as_str()]);
        assert_ne!(header_of(&head, "message-id"), [root.as_str()]);
        assert_eq!(header_of(&head, "subject"), header_of(&first, "subject"));
    }
    insta::assert_snapshot!(to_ada[1].replace("\r\n", "\n"));
}

#[test]
fn who_was_reached_gets_nothing_twice_because_another_was_not() {
    let (server, mail) = begin(&["ada@example.com", "bo@example.com", "cy@example.com"]);
    let mut book = Book::default();
    server.lock().unwrap().refuses = vec![("bo@example.com", "450 come again")];
    let error = book.tell(&mail, &life()[0], true).unwrap_err();
    assert_eq!(error.again, Again::Usual);
    assert!(error.why.starts_with("bo@example.com: "), "{}", error.why);
    server.lock().unwrap().refuses.clear();
    book.tell(&mail, &life()[0], true).unwrap();
    let server = server.lock().unwrap();
    let mut reached: Vec<&str> = server.taken.iter().map(|(to, _)| to[0].as_str()).collect();
    reached.sort_unstable();
    assert_eq!(
        reached,
        ["ada@example.com", "bo@example.com", "cy@example.com"]
    );
}

#[test]
fn an_address_that_is_refused_for_good_is_given_up_and_named() {
    let (server, mail) = begin(&["gone@example.com", "ada@example.com"]);
    server.lock().unwrap().refuses = vec![("gone@example.com", "550 nobody here")];
    let error = Book::default().tell(&mail, &life()[0], true).unwrap_err();
    assert_eq!(error.again, Again::Never);
    assert!(
        error.why.contains("gone@example.com") && error.why.contains("550"),
        "{}",
        error.why
    );
    assert_eq!(server.lock().unwrap().taken.len(), 1);
}

#[test]
fn a_message_whose_answer_was_lost_has_one_id_and_the_same_bytes_twice() {
    let (server, mail) = begin(&["ada@example.com"]);
    server.lock().unwrap().lost = 1;
    let mut book = Book::default();
    assert!(book.tell(&mail, &life()[1], true).is_err());
    book.tell(&mail, &life()[1], true).unwrap();
    let server = server.lock().unwrap();
    assert_eq!(server.taken.len(), 2);
    assert_eq!(server.taken[0], server.taken[1]);
}

#[test]
fn settings_that_cannot_work_are_refused_with_what_was_expected() {
    let good = settings(2525, &["ada@example.com"]);
    let refused = |alter: &dyn Fn(&mut Settings)| {
        let mut settings = good.clone();
        alter(&mut settings);
        let result = Mail::new("email.ops", &settings);
        result
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    for bad in [
        "ada",
        "ada@",
        "a@b\r\nBcc: c@d",
        "ada@example.com, bo@example.com",
        "",
    ] {
        let said = refused(&|s| s.to = vec![bad.to_string()]);
        assert!(said.contains("is no address"), "{bad:?}: {said}");
    }
    let said = refused(&|s| s.from = "x\nBcc: y@z".to_string());
    assert!(said.contains("is no address"), "{said}");
    let said = refused(&|s| s.to.clear());
    assert!(said.contains("1 to 50"), "{said}");
    let said = refused(&|s| s.host = "mail.example.com".to_string());
    assert!(said.contains("starttls or tls"), "{said}");
    let said = refused(&|s| s.host = "a\r\nb".to_string());
    assert!(said.contains("host"), "{said}");
    let said = refused(&|s| s.login = Some(("ada".to_string(), String::new())));
    assert!(said.contains("password"), "{said}");
    let said = refused(&|s| {
        s.security = Security::Tls;
        s.authority =
            Some(b"-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n".to_vec());
    });
    assert!(said.contains("TLS"), "{said}");
}

#[test]
fn nobody_answers() {
    let mail = Mail::new(
        "email.ops",
        &settings(1, &["ada@example.com", "bo@example.com"]),
    )
    .unwrap();
    let error = Book::default().tell(&mail, &life()[0], true).unwrap_err();
    assert_eq!(error.again, Again::Usual);
    // The second is not tried where the first could not be reached.
    assert!(!error.why.contains("bo@"), "{}", error.why);
}

/// What must hold of any message: known headers, each once, and nothing that hostile text put there.
fn sound_message(bytes: &[u8]) -> Result<(), String> {
    let message = String::from_utf8_lossy(bytes);
    let head = headers(&message);
    let known = [
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "mime-version",
        "content-type",
        "auto-submitted",
        "x-auto-response-suppress",
    ];
    for line in &head {
        let name = line.split(':').next().unwrap_or_default().to_lowercase();
        if !known.contains(&name.as_str()) || header_of(&head, &name).len() != 1 {
            return Err(format!("header {line:?}"));
        }
    }
    if !message.lines().all(|line| line.len() <= 998) {
        return Err("a line is too long".to_string());
    }
    Ok(())
}

#[test]
fn hostile_text_stays_text() {
    let (_, mail) = begin(&["ada@example.com"]);
    for text in HOSTILE {
        let mut notice = notice(2, "verdict", text, HOSTILE);
        notice.subject = text.to_string();
        notice.link = text.to_string();
        assert_eq!(sound_message(&mail.message(&notice).unwrap()), Ok(()));
        let html = html(&notice);
        assert!(
            !html.contains("<script") && !html.contains("href=\"<"),
            "{html}"
        );
        assert_eq!(html.matches("<a ").count(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_notice_is_a_sound_message(
        texts in proptest::collection::vec(any::<String>(), 4),
        lines in proptest::collection::vec(any::<String>(), 0..40),
        repeat in 1usize..100,
    ) {
        let server = settings(2525, &["ada@example.com"]);
        let mail = Mail::new("email.ops", &server).unwrap();
        let mut notice = notice(2, "verdict", &texts[0].repeat(repeat), &[]);
        notice.subject = texts[1].repeat(repeat);
        notice.link.clone_from(&texts[2]);
        notice.id.clone_from(&texts[3]);
        notice.lines = lines.iter().map(|line| line.repeat(repeat)).collect();
        let message = mail.message(&notice).unwrap();
        prop_assert_eq!(sound_message(&message), Ok(()));
        prop_assert!(message.len() < 4 << 20);
    }
}
