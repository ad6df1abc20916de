//! How a cluster is reached: by certificates on both sides, and by programs that fetch credentials.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::double::{Reply, serve};
use crate::pull::Shown;

fn ask(cluster: &Cluster, path: &str, limit: Span) -> Result<Answered, ClientError> {
    cluster.ask(&Question {
        path,
        fields: &[],
        may_post: false,
        limit,
        most: 1 << 20,
        shown: &Shown::default(),
        unless: None,
    })
}

fn cluster(folder: &Path, server: &str, user: &str) -> Cluster {
    let file = folder.join("kubeconfig");
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n\
         clusters:\n- name: c\n  cluster: {server}\nusers:\n- name: u\n  user: {user}\n"
    );
    std::fs::write(&file, config).unwrap();
    Cluster::new(Access::Kubeconfig {
        file,
        context: None,
    })
    .unwrap()
}

const SOON: Span = Span(20 * model::time::SECOND);

/// An authority that signs for both sides.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn signed(
    by: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
    purpose: ExtendedKeyUsagePurpose,
) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_string()]).unwrap();
    params.extended_key_usages = vec![purpose];
    (params.signed_by(&key, by).unwrap(), key)
}

/// A server that answers only those whose certificate the authority signed.
fn server(authority: &CertifiedIssuer<'static, KeyPair>) -> u16 {
    let (certificate, key) = signed(authority, "localhost", ExtendedKeyUsagePurpose::ServerAuth);
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(authority.der().to_vec()))
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let mut buffer = [0; 8192];
            // Whoever shows no certificate gets no answer.
            if stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                let body = "{\"gitVersion\":\"v1.34.1\"}";
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    port
}

#[test]
fn certificates_are_shown_and_checked() {
    let authority = authority();
    let port = server(&authority);
    let folder = tempfile::tempdir().unwrap();
    let encoded = |text: String| STANDARD.encode(text);
    let (certificate, key) = signed(&authority, "midwatch", ExtendedKeyUsagePurpose::ClientAuth);
    // Beside the kubeconfig, as some tools write it.
    std::fs::write(folder.path().join("client.pem"), certificate.pem()).unwrap();
    let trusted = format!(
        "{{server: 'https://localhost:{port}', certificate-authority-data: {}}}",
        encoded(authority.pem())
    );
    let shown = format!(
        "{{client-certificate: client.pem, client-key-data: {}}}",
        encoded(key.serialize_pem())
    );
    let answered = ask(&cluster(folder.path(), &trusted, &shown), "/version", SOON).unwrap();
    assert_eq!(answered.status, 200);
    assert!(String::from_utf8_lossy(&answered.body).contains("v1.34.1"));
    // Without a certificate it does not answer; and whom nobody signed is not asked.
    let silent = ask(&cluster(folder.path(), &trusted, "{}"), "/version", SOON);
    assert!(silent.is_err(), "{silent:?}");
    let other = format!(
        "{{server: 'https://localhost:{port}', certificate-authority-data: {}}}",
        encoded(self::authority().pem())
    );
    let foreign = ask(&cluster(folder.path(), &other, &shown), "/version", SOON);
    assert!(
        matches!(&foreign, Err(ClientError::Unreached(why)) if why.contains("certificate")),
        "{foreign:?}"
    );
}

#[test]
fn programs_fetch_credentials_and_may_not_hold_a_look_up() {
    const TOKEN: &str = "f3tched-t0ken-of-a-program";
    let base = serve(|request| {
        let shown = request.header("authorization").to_string();
        let status = if shown == format!("Bearer {TOKEN}") && request.path == "/version" {
            200
        } else {
            403
        };
        Reply::Json(
            status,
            serde_json::json!({"gitVersion": "v1", "message": format!("not with {shown}")}),
        )
    });
    let folder = tempfile::tempdir().unwrap();
    let server = format!("{{server: '{base}'}}");
    let program = |says: &str| {
        let script = folder.path().join("fetch.sh");
        std::fs::write(&script, format!("{says}\n")).unwrap();
        format!(
            "{{exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: sh, args: ['{}']}}}}",
            script.display()
        )
    };
    let credential = format!(
        "echo '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"{TOKEN}\"}}}}'"
    );
    let good = cluster(folder.path(), &server, &program(&credential));
    assert_eq!(ask(&good, "/version", SOON).unwrap().status, 200);
    // The server says back what it was shown: it is hidden.
    let refused = ask(&good, "/api/v1/pods", SOON).unwrap();
    let said = String::from_utf8_lossy(&refused.body).into_owned();
    assert_eq!(
        (refused.status, said.as_str()),
        (403, "not with Bearer [secret]")
    );
    // What the program says of its failure may hold anything.
    let failing = cluster(
        folder.path(),
        &server,
        &program(&format!("echo {TOKEN} >&2; exit 3")),
    );
    let why = ask(&failing, "/version", SOON).unwrap_err();
    assert!(
        matches!(why, ClientError::Refused { .. }) && !why.to_string().contains(TOKEN),
        "{why}"
    );
    let hanging = cluster(folder.path(), &server, &program("sleep 3"));
    let began = Instant::now();
    let why = ask(&hanging, "/version", Span(300_000_000)).unwrap_err();
    assert!(matches!(why, ClientError::Unanswered(_)), "{why}");
    assert!(began.elapsed().as_secs_f64() < 2.5);
}

#[test]
fn what_is_not_in_the_table_does_not_leave() {
    let base = serve(|request| panic!("{} left", request.path));
    let folder = tempfile::tempdir().unwrap();
    let cluster = cluster(folder.path(), &format!("{{server: '{base}'}}"), "{}");
    for path in [
        "/api/v1/secrets",
        "/api/v1/namespaces/a/pods/b/exec",
        "/",
        "",
        "/version/../api/v1/secrets",
    ] {
        let why = ask(&cluster, path, SOON).unwrap_err();
        assert!(why.to_string().contains("not among the calls"), "{why}");
    }
}
