//! Signatures on requests to a table: who asks, in which role, and when.
//!
//! In the manner of AWS Signature Version 4, much shortened: HMAC-SHA256 over role, session, time and body.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::chance::{from_hex, to_hex};
use crate::clock::{parse_rfc3339, rfc3339};

/// How far a request's time may be from the table's, in milliseconds.
pub const TOLERANCE_MS: i64 = 60_000;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The role.
    pub role: String,
    /// Who has taken it on: a function's name.
    pub session: String,
}

/// Why a request is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signature, or one that cannot be read.
    #[error("MissingAuthenticationToken: Request is missing Authentication Token")]
    Missing,
    /// Made with another key, or for another request.
    #[error(
        "InvalidSignatureException: The request signature we calculated does not match the signature you provided"
    )]
    Mismatch,
    /// The clocks of the two sides are too far apart.
    #[error(
        "RequestTimeTooSkewed: The difference between the request time and the current time is too large (request time {request}, server time {server})"
    )]
    Skewed {
        /// When the request says that it was made.
        request: String,
        /// What the table's clock shows.
        server: String,
    },
}

/// The key of one PayLedger.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// From hexadecimal; what is not hexadecimal is taken as it stands.
    pub fn new(text: &str) -> Self {
        Self(from_hex(text).unwrap_or_else(|| text.as_bytes().to_vec()))
    }

    fn mac(&self, caller: &Caller, time: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        for part in [
            caller.role.as_bytes(),
            caller.session.as_bytes(),
            time.as_bytes(),
        ] {
            mac.update(part);
            mac.update(b"\n");
        }
        mac.update(body);
        Some(mac)
    }

    /// The value of the `authorization` header.
    pub fn sign(&self, caller: &Caller, now_ms: i64, body: &[u8]) -> String {
        let time = rfc3339(now_ms);
        let signature = self
            .mac(caller, &time, body)
            .map(|mac| to_hex(&mac.finalize().into_bytes()))
            .unwrap_or_default();
        format!(
            "PAYLEDGER-HMAC-SHA256 Role={}, Session={}, Time={time}, Signature={signature}",
            caller.role, caller.session
        )
    }

    /// Who asks, if the signature is right and fresh.
    pub fn verify(&self, header: &str, now_ms: i64, body: &[u8]) -> Result<Caller, Refusal> {
        let fields = header
            .strip_prefix("PAYLEDGER-HMAC-SHA256 ")
            .ok_or(Refusal::Missing)?;
        let field = |name: &str| {
            fields
                .split(", ")
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
                .ok_or(Refusal::Missing)
        };
        let caller = Caller {
            role: field("Role")?.to_owned(),
            session: field("Session")?.to_owned(),
        };
        let time = field("Time")?;
        let signature = from_hex(field("Signature")?).ok_or(Refusal::Missing)?;
        let mac = self.mac(&caller, time, body).ok_or(Refusal::Mismatch)?;
        mac.verify_slice(&signature)
            .map_err(|_| Refusal::Mismatch)?;
        let then = parse_rfc3339(time).ok_or(Refusal::Missing)?;
        if then.abs_diff(now_ms) > TOLERANCE_MS.unsigned_abs() {
            return Err(Refusal::Skewed {
                request: time.to_owned(),
                server: rfc3339(now_ms),
            });
        }
        Ok(caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller {
            role: "ledger-writer".into(),
            session: "createTransaction".into(),
        }
    }

    #[test]
    fn a_signature_holds_for_one_request_and_time() {
        let key = SigningKey::new("00aa");
        let now = 1_767_225_600_000;
        let header = key.sign(&caller(), now, b"{}");
        assert_eq!(key.verify(&header, now + 59_000, b"{}"), Ok(caller()));
        assert_eq!(key.verify(&header, now, b"{ }"), Err(Refusal::Mismatch));
        assert_eq!(
            SigningKey::new("00ab").verify(&header, now, b"{}"),
            Err(Refusal::Mismatch)
        );
        assert_eq!(key.verify("Bearer x", now, b"{}"), Err(Refusal::Missing));
        assert!(matches!(
            key.verify(&header, now - 61_000, b"{}"),
            Err(Refusal::Skewed { .. })
        ));
        let other = header.replace("ledger-writer", "ledger-auditor");
        assert_eq!(key.verify(&other, now, b"{}"), Err(Refusal::Mismatch));
    }
}
