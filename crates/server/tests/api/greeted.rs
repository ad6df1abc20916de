//! TLS that is agreed upon slowly: nobody holds a place for longer than a handshake may take.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::testkit::HandClock;
use model::time::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use server::api::{Limits, ListenError, Settings, serve};
use server::tls::{Pair, Tls};
use tokio::sync::watch;

use super::{Paper, Sheet};

/// Health, asked by TLS by somebody who knows that certificate.
fn asked(address: SocketAddr, certificate: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(address)?);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    // Who closes without a farewell has answered all the same.
    let _ = stream.read_to_string(&mut text);
    Ok(text)
}

#[test]
fn slow_handshakes_end_and_the_next_has_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_string()]).unwrap();
    let pair = Pair {
        certificate: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&pair.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&pair.key, key.serialize_pem()).unwrap();
    let certificate = CertificateDer::from_pem_file(&pair.certificate).unwrap();
    let tls = Arc::new(Tls::open(pair).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (_stop, stopped) = watch::channel(false);
    let settings = Settings {
        tls: Some(tls),
        limits: Limits {
            handshake: Duration::from_secs(4),
            handshakes: 1,
            ..Limits::default()
        },
        ..Settings::default()
    };
    let begin = |settings: Settings| {
        let house = Arc::new(Paper(vec![Sheet::new("main", 0)]));
        let clock = Arc::new(HandClock::at(Timestamp::from_seconds(0)));
        runtime.block_on(serve(settings, house, clock, stopped.clone()))
    };
    let api = begin(settings.clone()).unwrap();
    let begun = Instant::now();
    let mut silent = TcpStream::connect(api.address).unwrap();
    let mut half = TcpStream::connect(api.address).unwrap();
    // The beginning of a hello that never goes on.
    half.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    // It waits for its turn, and has it when the time of those before is over.
    let text = asked(api.address, &certificate).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(
        begun.elapsed() >= Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    for stream in [&mut silent, &mut half] {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it was not hung up on"
        );
    }
    // TLS alone lets nobody else in: there are no accounts.
    let everywhere = Settings {
        listen: SocketAddr::from(([0, 0, 0, 0], 0)),
        ..settings
    };
    assert!(matches!(begin(everywhere), Err(ListenError::Open { .. })));
}
