//! The certificate authority of one PayLedger, and what it issues.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::failure::Failure;
use crate::names::PROVIDER_HOST;

/// How long a client certificate lives.
pub const LIFETIME: Duration = Duration::from_secs(90 * 86_400);

/// Signs certificates for the provider and for its clients.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
pub struct Issued {
    /// The certificate.
    pub certificate_pem: String,
    /// Its key.
    pub key_pem: String,
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("certificate authority: {error}"))
}

impl Authority {
    /// Makes a new authority with a certificate for the provider, and writes what the others need into
    /// the folder: `authority.pem`, `provider.pem`, `provider.key`.
    pub fn found(folder: &Path) -> Result<Self, Failure> {
        let mut params = CertificateParams::new(Vec::new()).map_err(|error| failed(&error))?;
        params
            .distinguished_name
            .push(DnType::CommonName, "PayLedger Authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = (SystemTime::now() - Duration::from_secs(86_400)).into();
        params.not_after = (SystemTime::now() + 10 * LIFETIME).into();
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
        let authority = Self {
            issuer: Issuer::new(params, key),
        };
        let provider = authority.issue(
            PROVIDER_HOST,
            ExtendedKeyUsagePurpose::ServerAuth,
            SystemTime::now() + 4 * LIFETIME,
        )?;
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(folder.join("authority.pem"), certificate.pem()))
            .and_then(|()| std::fs::write(folder.join("provider.pem"), provider.certificate_pem))
            .and_then(|()| write_secret(&folder.join("provider.key"), &provider.key_pem))
            .map_err(|error| {
                Failure::new(format!("{}: cannot be written: {error}", folder.display()))
            })?;
        Ok(authority)
    }

    /// A client certificate for one region's functions.
    pub fn client(&self, region: &str, not_after: SystemTime) -> Result<Issued, Failure> {
        self.issue(
            &format!("payments-client.{region}.payledger.internal"),
            ExtendedKeyUsagePurpose::ClientAuth,
            not_after,
        )
    }

    fn issue(
        &self,
        name: &str,
        usage: ExtendedKeyUsagePurpose,
        not_after: SystemTime,
    ) -> Result<Issued, Failure> {
        let mut params =
            CertificateParams::new(vec![name.to_owned()]).map_err(|error| failed(&error))?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.not_before = (SystemTime::now() - Duration::from_secs(86_400)).into();
        params.not_after = not_after.into();
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(|error| failed(&error))?;
        Ok(Issued {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}
