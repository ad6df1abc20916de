//! A person silences a service in a real Alertmanager; an alarm about it that comes from elsewhere opens a silenced
//! incident here, and one about another service does not.
//!
//! Debian's package `prometheus-alertmanager`. Run by `cargo xtask test` where it is installed.

use std::net::SocketAddr;
use std::time::Duration;

use model::ports::Clock as _;
use model::time::Span;
use serde_json::{Value, json};

use super::stand::{Stand, free_ports};
use super::{SOON, alert, asked, bearer, configured, group, incidents, post, run, serve, until};

/// What a command prints, on one line: wherever it was broken for people.
fn flat(args: &[&str]) -> String {
    let printed = run(args);
    printed.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
#[ignore = "needs Debian's prometheus-alertmanager; `cargo xtask test` runs it where it is"]
fn a_silence_of_alertmanager_hushes_alarms_from_elsewhere() {
    let stand = Stand::new();
    let [port] = free_ports();
    let nobody = "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n";
    let _alertmanager = stand.alertmanager(port, nobody);
    let their: SocketAddr = ([127, 0, 0, 1], port).into();
    until("Alertmanager", SOON, || {
        std::net::TcpStream::connect(their).ok()?;
        let (status, _) = asked(their, "GET /-/ready", "", b"");
        (status == 200).then_some(())
    });
    let now = midwatch::wiring::live::SystemClock.now();
    let silence = json!({
        "matchers": [{"name": "service", "value": "checkout|cart", "isRegex": true, "isEqual": true}],
        "startsAt": now.to_string(), "endsAt": now.plus(Span::minutes(60)).to_string(),
        "createdBy": "ada", "comment": "the database is moved",
    });
    let headers = "content-type: application/json\r\n";
    let (status, said) = asked(
        their,
        "POST /api/v2/silences",
        headers,
        silence.to_string().as_bytes(),
    );
    assert_eq!(status, 200, "{said}");

    let file = configured(stand.path());
    let mut text = std::fs::read_to_string(&file).unwrap();
    text += &format!("[connectors.alertmanager.main]\nurl = \"http://127.0.0.1:{port}\"\n");
    std::fs::write(&file, text).unwrap();
    let config = file.display().to_string();
    let serving = serve(&file);
    let api = serving.api().unwrap();
    let doctor = until("the doctor's word", SOON, || {
        let said = flat(&["doctor", "--config", &config]);
        said.contains("1 silences that stand").then_some(said)
    });
    assert!(doctor.contains("connectors.alertmanager.main"), "{doctor}");

    let body = group(&[
        alert("errors", "checkout", "firing", 1),
        alert("errors", "mail", "firing", 2),
    ]);
    let (status, receipt) = post(api, "alertmanager", &bearer(), &body);
    assert_eq!(status, 200, "{receipt}");
    let of = |service: &str| -> Option<Value> {
        incidents(&config)
            .into_iter()
            .find(|one| one["alarms"][0]["entity"] == format!("service/{service}"))
    };
    let hushed = until("an incident about checkout", SOON, || of("checkout"));
    let id = hushed["id"].as_str().unwrap();
    let shown = flat(&["incidents", "timeline", id, "--config", &config]);
    assert!(
        shown.contains("silenced by ada (alertmanager.main)")
            && shown.contains("the database is moved"),
        "{shown}"
    );
    let other = until("an incident about mail", Duration::from_secs(30), || {
        of("mail")
    });
    let id = other["id"].as_str().unwrap();
    let shown = flat(&["incidents", "timeline", id, "--config", &config]);
    assert!(!shown.contains("silenced by"), "{shown}");
    serving.end();
}
