//! The way to the payment provider: TLS with a client certificate that the control plane issues.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::locked;
use crate::config::PaymentsConfig;
use crate::deployment::StateFolder;
use crate::failure::Failure;
use crate::hop::Hop;
use crate::names::PROVIDER_HOST;

/// Longest wait for the provider; below the functions' own limit.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Payments {
    authority: PathBuf,
    /// The provider's two sites.
    primary: SocketAddr,
    made: Mutex<Option<(u64, String, Hop)>>,
}

impl Payments {
    pub fn new(state: &StateFolder, provider: &str) -> Result<Self, Failure> {
        let primary = provider
            .trim_start_matches("https://")
            .parse()
            .map_err(|error| Failure::new(format!("provider address {provider}: {error}")))?;
        Ok(Self {
            authority: state.path().join("certificates").join("authority.pem"),
            primary,
            made: Mutex::new(None),
        })
    }

    /// Base URL, with the provider's name as its certificate has it.
    pub fn url(&self, config: &PaymentsConfig, path: &str) -> String {
        format!("https://{PROVIDER_HOST}:{}{path}", self.site(config).port())
    }

    fn site(&self, config: &PaymentsConfig) -> SocketAddr {
        let mut site = self.primary;
        if config.route == "standby" {
            // The provider's second site has an address of its own on loopback, and the same port.
            site.set_ip(std::net::Ipv4Addr::new(127, 0, 0, 2).into());
        }
        site
    }

    /// A client with the certificate of the moment. Connections made with an older one are dropped with it.
    pub fn hop(&self, config: &PaymentsConfig) -> Result<Hop, Failure> {
        let mut made = locked(&self.made);
        if let Some((serial, route, hop)) = made.as_ref()
            && *serial == config.certificate_serial
            && *route == config.route
        {
            return Ok(hop.clone());
        }
        let hop = Hop::over(self.client(config)?, PATIENCE);
        *made = Some((config.certificate_serial, config.route.clone(), hop.clone()));
        Ok(hop)
    }

    fn client(&self, config: &PaymentsConfig) -> Result<reqwest::Client, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(format!("TLS to {PROVIDER_HOST} cannot be set up: {error}"))
        };
        let mut roots = RootCertStore::empty();
        let authority =
            CertificateDer::from_pem_file(&self.authority).map_err(|error| failed(&error))?;
        roots.add(authority).map_err(|error| failed(&error))?;
        let certificate = CertificateDer::from_pem_slice(config.certificate_pem.as_bytes())
            .map_err(|error| failed(&error))?;
        let key = PrivateKeyDer::from_pem_slice(config.key_pem.as_bytes())
            .map_err(|error| failed(&error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)
            .map_err(|error| failed(&error))?;
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .resolve(PROVIDER_HOST, self.site(config))
            .timeout(PATIENCE)
            // A connection is used for a few seconds and no longer, so that an old one does not hide that
            // new ones cannot be made.
            .pool_idle_timeout(Duration::from_secs(5))
            .build()
            .map_err(|error| failed(&error))
    }
}
