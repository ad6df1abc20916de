//! TLS of the API: certificate and key from files, taken anew when they change while it serves.
//!
//! A pair that cannot be used never replaces one that can: whoever renews certificates at night finds the old one
//! still served in the morning, and a trouble that says why.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use model::time::{Span, Timestamp};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// So long before its end a certificate is told of.
pub const WARN: Span = Span(14 * 86_400 * model::time::SECOND);
/// Certificates are a few kilobytes; what is longer than this is none.
const LONGEST: u64 = 1 << 20;

/// The files, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The server's certificate, and after it those that lead to one that clients know.
    pub certificate: PathBuf,
    /// The private key of the first of them.
    pub key: PathBuf,
}

/// Why a pair cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", .file.display())]
pub struct TlsError {
    /// In which file.
    pub file: PathBuf,
    /// What is wrong, what was expected, and what to do.
    pub why: String,
}

impl TlsError {
    fn new(file: &Path, why: impl std::fmt::Display) -> Self {
        Self {
            file: file.to_path_buf(),
            why: why.to_string(),
        }
    }
}

/// By what it is told that a file is another than before.
type Stamp = [Option<(u64, u64, i64, i64)>; 2];

/// Certificate and key as they are served.
#[derive(Clone)]
struct Served {
    config: Arc<ServerConfig>,
    until: Timestamp,
}

/// What was tried last.
#[derive(Default)]
struct Tried {
    stamp: Stamp,
    broken: Option<TlsError>,
}

/// What the API serves by TLS.
pub struct Tls {
    pair: Pair,
    served: RwLock<Served>,
    tried: Mutex<Tried>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What else is in it is a secret, or long.
        f.debug_struct("Tls").field("pair", &self.pair).finish()
    }
}

/// How the certificate stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The one that is served holds until then.
    pub until: Timestamp,
    /// Why the files as they are now are not what is served.
    pub broken: Option<TlsError>,
}

impl Standing {
    /// What is wrong with it at that time, in words.
    ///
    /// # Errors
    /// If the files cannot be used, or what is served has expired or will within [`WARN`].
    pub fn judged(&self, now: Timestamp) -> Result<(), String> {
        if let Some(broken) = &self.broken {
            return Err(format!("{broken}; the pair of before is served"));
        }
        let left = self.until.since(now);
        if left.0 <= 0 {
            return Err(format!(
                "the certificate expired at {}: put a new one in its place, it is taken without a restart",
                self.until
            ));
        }
        if left < WARN {
            let days = left.0 / (86_400 * model::time::SECOND);
            return Err(format!(
                "the certificate expires in {days} days, at {}: put a new one in its place, it is taken without a restart",
                self.until
            ));
        }
        Ok(())
    }
}

impl Tls {
    /// Reads the pair.
    ///
    /// # Errors
    /// If it cannot be read, or the key is another certificate's.
    pub fn open(pair: Pair) -> Result<Self, TlsError> {
        let stamp = stamp(&pair);
        let served = load(&pair)?;
        Ok(Self {
            pair,
            served: RwLock::new(served),
            tried: Mutex::new(Tried {
                stamp,
                broken: None,
            }),
        })
    }

    /// Takes the files anew if they are others than when they were last looked at.
    pub fn look(&self) -> Standing {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(&self.pair);
        if stamp != tried.stamp {
            tried.broken = match load(&self.pair) {
                Ok(served) => {
                    tracing::info!(until = %served.until, "a new certificate is served");
                    *self.served.write().unwrap_or_else(PoisonError::into_inner) = served;
                    None
                }
                Err(error) => Some(error),
            };
            tried.stamp = stamp;
        }
        Standing {
            until: self.served().until,
            broken: tried.broken.clone(),
        }
    }

    fn served(&self) -> Served {
        self.served
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// With what the next connection is greeted.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.served().config
    }
}

fn stamp(pair: &Pair) -> Stamp {
    [&pair.certificate, &pair.key].map(|file| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.ino(), about.len(), about.mtime(), about.mtime_nsec()))
    })
}

fn text(file: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |error: io::Error| TlsError::new(file, format!("cannot be read: {error}"));
    let about = std::fs::metadata(file).map_err(unreadable)?;
    if about.len() > LONGEST {
        return Err(TlsError::new(
            file,
            "is longer than a megabyte; expected certificates or a key in PEM",
        ));
    }
    std::fs::read(file).map_err(unreadable)
}

fn load(pair: &Pair) -> Result<Served, TlsError> {
    let of_certificate = |why: String| TlsError::new(&pair.certificate, why);
    let certificates = text(&pair.certificate)?;
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&certificates)
        .collect::<Result<_, _>>()
        .map_err(|error| of_certificate(format!("is no PEM: {error}")))?;
    let first = certificates.first().ok_or_else(|| {
        of_certificate("holds no certificate; expected -----BEGIN CERTIFICATE-----".to_string())
    })?;
    let until = expiry(first)
        .ok_or_else(|| of_certificate("does not say how long it holds".to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(&text(&pair.key)?).map_err(|error| {
        TlsError::new(
            &pair.key,
            format!("holds no private key in PEM (PKCS#8, PKCS#1 or SEC1, not encrypted): {error}"),
        )
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| of_certificate(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| {
            of_certificate(format!(
                "cannot be served with the key {}: {error}",
                pair.key.display()
            ))
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Served {
        config: Arc::new(config),
        until,
    })
}

/// One element of DER (X.690): its tag, what is in it, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        let length = bytes
            .iter()
            .fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
        (length, rest)
    };
    let (inside, after) = rest.split_at_checked(length)?;
    Some((tag, inside, after))
}

/// As late as is told of a certificate that ends later.
const LAST: &str = "2200-01-01T00:00:00Z";

/// When a certificate ends (RFC 5280, 4.1: `notAfter`).
fn expiry(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate, _) = element(certificate)?;
    let (_, signed, _) = element(certificate)?;
    // The version comes first, where there is one.
    let (tag, _, after) = element(signed)?;
    let serial = if tag == 0xa0 { after } else { signed };
    let (_, _, algorithm) = element(serial)?;
    let (_, _, issuer) = element(algorithm)?;
    let (_, _, validity) = element(issuer)?;
    let (_, validity, _) = element(validity)?;
    let (_, _, not_after) = element(validity)?;
    let (tag, time, _) = element(not_after)?;
    let time = std::str::from_utf8(time).ok()?;
    if !time.is_ascii() {
        return None;
    }
    // UTCTime has two digits of the year, of 1950 to 2049; GeneralizedTime has four.
    let (century, time) = match tag {
        0x17 if time.get(..2)? < "50" => ("20", time),
        0x17 => ("19", time),
        0x18 => time.split_at_checked(2)?,
        _ => return None,
    };
    let part = |at: usize| time.get(at..at + 2);
    if century > "21" {
        // Some never end (RFC 5280, 4.1.2.5, writes the year 9999), and our times do with the year 2262.
        return Timestamp::from_str(LAST).ok();
    }
    format!(
        "{century}{}-{}-{}T{}:{}:{}Z",
        part(0)?,
        part(2)?,
        part(4)?,
        part(6)?,
        part(8)?,
        part(10)?
    )
    .parse()
    .ok()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    /// A certificate that ends then, and its key.
    fn made(folder: &Path, year: i32) -> Pair {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_string()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 3, 9);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let pair = Pair {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        };
        std::fs::write(&pair.certificate, certificate.pem()).unwrap();
        std::fs::write(&pair.key, key.serialize_pem()).unwrap();
        pair
    }

    #[test]
    fn a_broken_pair_never_replaces_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let pair = made(folder.path(), 2040);
        let tls = Tls::open(pair.clone()).unwrap();
        let until = "2040-03-09T00:00:00Z".parse().unwrap();
        let stands = |broken: Option<&str>, until: Timestamp| {
            let standing = tls.look();
            assert_eq!(standing.until, until);
            let said = standing.broken.map(|broken| broken.to_string());
            match broken {
                None => assert_eq!(said, None),
                Some(words) => {
                    assert!(said.as_ref().is_some_and(|s| s.contains(words)), "{said:?}")
                }
            }
        };
        stands(None, until);
        let key = std::fs::read(&pair.key).unwrap();
        std::fs::write(
            &pair.key,
            rcgen::KeyPair::generate().unwrap().serialize_pem(),
        )
        .unwrap();
        stands(Some("cannot be served with the key"), until);
        std::fs::write(&pair.key, "-----BEGIN NOTHING-----").unwrap();
        stands(Some("holds no private key"), until);
        std::fs::remove_file(&pair.certificate).unwrap();
        stands(Some("cannot be read"), until);
        std::fs::write(&pair.certificate, key).unwrap();
        stands(Some("holds no certificate"), until);
        made(folder.path(), 2060);
        stands(None, "2060-03-09T00:00:00Z".parse().unwrap());
    }

    #[test]
    fn what_never_ends_is_a_certificate_too() {
        let folder = tempfile::tempdir().unwrap();
        for (year, until) in [
            (2049, "2049-03-09T00:00:00Z"),
            (2050, "2050-03-09T00:00:00Z"),
            (2199, "2199-03-09T00:00:00Z"),
            (2262, LAST),
            (4096, LAST),
            (9999, LAST),
        ] {
            let standing = Tls::open(made(folder.path(), year)).unwrap().look();
            assert_eq!(standing.until, until.parse().unwrap(), "{year}");
        }
    }

    #[test]
    fn what_ends_soon_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let standing = Tls::open(made(folder.path(), 2040)).unwrap().look();
        let judged = |now: &str| standing.judged(now.parse().unwrap());
        assert_eq!(judged("2040-02-24T00:00:00Z"), Ok(()));
        let said = judged("2040-03-07T00:00:00Z").unwrap_err();
        assert!(said.contains("expires in 2 days"), "{said}");
        let said = judged("2040-03-09T00:00:00Z").unwrap_err();
        assert!(said.contains("expired at"), "{said}");
    }

    static CERTIFICATE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let pair = made(folder.path(), 2040);
        CertificateDer::from_pem_file(&pair.certificate)
            .unwrap()
            .to_vec()
    });

    proptest! {
        #[test]
        fn no_bytes_break_the_reading_of_a_certificate(
            at in 0_usize..500, byte: u8, cut in 0_usize..500,
        ) {
            let mut bytes = CERTIFICATE.clone();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let _ = expiry(&bytes);
            bytes.truncate(cut);
            let _ = expiry(&bytes);
        }
    }
}
