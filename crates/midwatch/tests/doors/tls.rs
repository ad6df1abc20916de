//! TLS, as clients meet it: another implementation than ours where it is installed, and a certificate that is changed
//! while it is served.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use serde_json::json;

use super::program::{CONFIG, Got, PASSWORD, Server, exchange, midwatch, request, until};

/// A certificate of the loopback that ends in that year; in the files that the server reads, and the certificate once
/// more for clients.
fn renew(folder: &Path, year: i32, copy: &str) {
    let names = ["localhost", "127.0.0.1"].map(str::to_string);
    let mut params = rcgen::CertificateParams::new(names.to_vec()).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    std::fs::write(folder.join(copy), &certificate).unwrap();
    for (name, text) in [("key.pem", key.serialize_pem()), ("cert.pem", certificate)] {
        // As whoever renews them does: written aside, and put in place whole.
        let aside = folder.join("aside");
        std::fs::write(&aside, text).unwrap();
        std::fs::rename(&aside, folder.join(name)).unwrap();
    }
}

/// A client that knows that certificate alone.
fn client(
    server: &Server,
    copy: &str,
    version: &'static SupportedProtocolVersion,
) -> Result<StreamOwned<ClientConnection, TcpStream>, String> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(server.folder.join(copy)).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = server.connect();
    while client.is_handshaking() {
        client
            .complete_io(&mut stream)
            .map_err(|error| error.to_string())?;
    }
    assert_eq!(client.alpn_protocol(), Some(&b"http/1.1"[..]));
    Ok(StreamOwned::new(client, stream))
}

fn ask(server: &Server, copy: &str, line: &str, headers: &str, body: &str) -> Got {
    let stream = client(server, copy, &rustls::version::TLS13).unwrap();
    exchange(stream, &request(line, &server.address, headers, body)).unwrap()
}

fn configured(folder: &Path) {
    let tls = "[server.tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";
    std::fs::write(folder.join("midwatch.toml"), format!("{CONFIG}{tls}")).unwrap();
}

#[test]
fn tls_is_spoken_and_cookies_are_kept_to_it() {
    let folder = tempfile::tempdir().unwrap();
    renew(folder.path(), 2060, "old.pem");
    configured(folder.path());
    let mut server = Server::begin(folder.path(), "warn");
    assert_eq!(server.scheme, "https");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stream = client(&server, "old.pem", version).unwrap();
        let got = exchange(stream, &request("GET /healthz", &server.address, "", "")).unwrap();
        assert_eq!(got.status, 200, "{got:?}");
        let strict = got.header("strict-transport-security");
        assert_eq!(strict.as_deref(), Some("max-age=31536000"));
    }
    // Without TLS nothing but a word about it.
    let got = server.ask("GET /healthz", "", "");
    assert!(
        got.status == 400 && got.text.contains("https://"),
        "{got:?}"
    );
    // What a proxy would say counts for nothing: there is none.
    let token = server.setup_token();
    let body = json!({"token": token, "name": "anna", "password": PASSWORD}).to_string();
    let typed = "content-type: application/json\r\nx-forwarded-proto: http\r\nx-forwarded-for: 192.0.2.7\r\n";
    let got = ask(&server, "old.pem", "POST /v1/setup", typed, &body);
    assert_eq!(got.status, 201, "{got:?}");
    let cookie = got.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-midwatch_session="), "{cookie}");
    for word in ["; Path=/;", "; HttpOnly", "; SameSite=Strict", "; Secure"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    let kept = format!("cookie: {}\r\n", got.cookie());
    let audit = ask(&server, "old.pem", "GET /v1/audit", &kept, "");
    assert_eq!(audit.status, 200, "{audit:?}");
    assert_eq!(
        audit.json()["items"][0]["address"],
        "127.0.0.1",
        "{audit:?}"
    );
    // Under the name that it has without TLS, the cookie is none.
    let bare = kept.replace("__Host-", "");
    assert_eq!(
        ask(&server, "old.pem", "GET /v1/audit", &bare, "").status,
        401
    );

    for (words, wanted) in [
        (vec!["-tls1_2"], true),
        (vec!["-tls1_3"], true),
        (vec!["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], false),
        (vec!["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"], false),
    ] {
        let run = Command::new("openssl")
            .args([
                "s_client",
                "-brief",
                "-verify_return_error",
                "-CAfile",
                "old.pem",
            ])
            .args(["-connect", &server.address])
            .args(&words)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output();
        let Ok(output) = run else {
            eprintln!("openssl is not installed: not tried with it");
            break;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), wanted, "{words:?}: {said}");
    }
    let url = format!("https://{}/healthz", server.address);
    let run = Command::new("curl")
        .args([
            "--silent",
            "--cacert",
            "old.pem",
            "--write-out",
            "%{http_code} %{http_version}",
            "--output",
            "body",
            &url,
        ])
        .current_dir(folder.path())
        .output();
    match run {
        Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stdout), "200 1.1"),
        Err(_) => eprintln!("curl is not installed: not tried with it"),
    }
}

#[test]
fn a_certificate_is_changed_while_it_is_served() {
    let folder = tempfile::tempdir().unwrap();
    renew(folder.path(), 2060, "old.pem");
    configured(folder.path());
    let mut server = Server::begin(folder.path(), "info");
    let ready = |server: &Server, copy: &str| {
        let got = ask(server, copy, "GET /readyz", "", "");
        assert_eq!(got.status, 200, "{got:?}");
        got.json()["troubled"].clone()
    };
    until("no trouble", || {
        (ready(&server, "old.pem") == json!([])).then_some(())
    });
    // Begun with the old one, this goes on with it.
    let begun = client(&server, "old.pem", &rustls::version::TLS13).unwrap();
    renew(folder.path(), 2061, "new.pem");
    // It is no signal to end.
    let hang_up = Command::new("kill")
        .args(["-HUP", &server.id().to_string()])
        .status();
    assert!(hang_up.unwrap().success());
    until("the new certificate", || {
        client(&server, "new.pem", &rustls::version::TLS12).ok()
    });
    assert!(server.said("a new certificate is served").is_some());
    let refused = client(&server, "old.pem", &rustls::version::TLS13)
        .err()
        .unwrap();
    assert!(refused.contains("certificate"), "{refused}");
    let got = exchange(begun, &request("GET /healthz", &server.address, "", "")).unwrap();
    assert_eq!(got.status, 200, "{got:?}");

    let (whole, said) = midwatch(folder.path(), &["doctor"], "");
    assert!(
        said.contains("certificate: holds until 2061-01-01"),
        "{whole} {said}"
    );
    // Half a pair: the one of before is served on, and it is told.
    std::fs::write(folder.path().join("key.pem"), "no key").unwrap();
    let line = until("the trouble", || server.said("holds no private key"));
    assert!(line.contains("the pair of before is served"), "{line}");
    assert_eq!(ready(&server, "new.pem"), json!(["certificate"]));
    let (whole, said) = midwatch(folder.path(), &["doctor"], "");
    assert!(!whole && said.contains("certificate: "), "{said}");
    // One that ends soon is served, and it is told.
    renew(folder.path(), 1999, "past.pem");
    until("the end of it", || {
        let (_, said) = midwatch(folder.path(), &["doctor", "--format", "json"], "");
        let told = said
            .matches("the certificate expired at 1999-01-01")
            .count();
        // By the server that runs, and by the command's own look.
        (told == 2).then_some(())
    });
    renew(folder.path(), 2062, "newest.pem");
    until("the newest certificate", || {
        client(&server, "newest.pem", &rustls::version::TLS13).ok()
    });
    until("no trouble", || {
        (ready(&server, "newest.pem") == json!([])).then_some(())
    });
}
