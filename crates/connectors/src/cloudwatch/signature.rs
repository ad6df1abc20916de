//! The signatures of SNS: RSA (PKCS #1 v1.5) over named fields, with SHA-1 (version 1) or SHA-256 (version 2), by a
//! certificate that stands at an address in the message.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use serde_json::Value;

use crate::delivery::outside::host;
use crate::delivery::text_at;

/// SHA-1 with RSA: what version 1 is. It is accepted because topics sign so unless they are told otherwise.
#[derive(Debug)]
struct Sha1;

impl SignatureVerificationAlgorithm for Sha1 {
    fn verify_signature(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let algorithm = &ring::signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY;
        ring::signature::UnparsedPublicKey::new(algorithm, key)
            .verify(message, signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        // sha1WithRSAEncryption (1.2.840.113549.1.1.5) without parameters, in DER.
        AlgorithmIdentifier::from_slice(&[
            0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00,
        ])
    }
}

/// Is the message signed by the owner of this certificate (PEM)?
pub(super) fn holds(
    certificate: &[u8],
    version: &str,
    text: &str,
    signature: &[u8],
) -> Result<bool, String> {
    let der = CertificateDer::from_pem_slice(certificate)
        .map_err(|error| format!("the certificate cannot be read: {error}"))?;
    let certificate = webpki::EndEntityCert::try_from(&der)
        .map_err(|error| format!("the certificate cannot be read: {error}"))?;
    let algorithm: &dyn SignatureVerificationAlgorithm = match version {
        "1" => &Sha1,
        "2" => webpki::ring::RSA_PKCS1_2048_8192_SHA256,
        other => return Err(format!("SignatureVersion is {other:?}; 1 and 2 are known")),
    };
    Ok(certificate
        .verify_signature(algorithm, text.as_bytes(), signature)
        .is_ok())
}

/// The text that is signed: these fields where they are there, each name and value on a line of its own.
pub(super) fn text(message: &Value) -> String {
    const NOTIFICATION: &[&str] = &[
        "Message",
        "MessageId",
        "Subject",
        "Timestamp",
        "TopicArn",
        "Type",
    ];
    const OTHER: &[&str] = &[
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ];
    let fields = match text_at(message, &["Type"]) {
        "Notification" => NOTIFICATION,
        _ => OTHER,
    };
    fields
        .iter()
        .filter_map(|field| Some((field, message.get(*field)?.as_str()?)))
        .map(|(field, value)| format!("{field}\n{value}\n"))
        .collect()
}

/// The region whose SNS an https address belongs to: nobody but Amazon answers there.
pub(super) fn region(url: &str) -> Option<&str> {
    let host = host(url)?;
    let middle = host.strip_prefix("sns.")?;
    let region = middle
        .strip_suffix(".amazonaws.com.cn")
        .or_else(|| middle.strip_suffix(".amazonaws.com"))?;
    (!region.is_empty() && !region.contains('.')).then_some(region)
}

/// Is that where SNS keeps the certificates that it signs with?
pub(super) fn certificate_stands_at(url: &str) -> bool {
    let Some(region) = region(url) else {
        return false;
    };
    let path = url.split_once(region).map_or("", |(_, rest)| rest);
    let path = path.split_once('/').map_or("", |(_, path)| path);
    path.starts_with("SimpleNotificationService-")
        && path.ends_with(".pem")
        && path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}
