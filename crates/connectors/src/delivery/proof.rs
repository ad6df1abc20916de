//! Is it from whom it says it is? Shared secrets and HMACs, compared in constant time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::Timestamp;
use model::ports::{Posted, Unheard};
use model::time::Span;
use sha2::Sha256;

/// The header in which any sender may give the secret that it shares with us.
pub const TOKEN: &str = "x-midwatch-token";

/// How far the moment that a sender signs may be from ours, where its vendor names nothing else: five minutes, as
/// Slack's and the Standard Webhooks' documents have it.
pub const WINDOW: Span = Span(5 * model::time::MINUTE);

/// A secret has at least so many bytes.
pub const SHORTEST: usize = 16;

fn mac(secret: &[u8], parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac)
}

/// Are both the same? The time that this takes tells nothing of where they differ.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    const KEY: &[u8] = b"compared by their digests";
    let Some(digest) = mac(KEY, &[one]).map(|mac| mac.finalize().into_bytes()) else {
        return false;
    };
    mac(KEY, &[other]).is_some_and(|mac| mac.verify_slice(&digest).is_ok())
}

/// Is `digest` the HMAC-SHA-256 of these parts in a row under that secret?
pub fn signed(secret: &[u8], parts: &[&[u8]], digest: &[u8]) -> bool {
    mac(secret, parts).is_some_and(|mac| mac.verify_slice(digest).is_ok())
}

/// Bytes of hexadecimal digits; `None` for anything else.
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    if text.len() % 2 == 1 {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
            _ => None,
        })
        .collect()
}

/// Does the sender give the secret: as `Authorization: Bearer`, as the password of `Authorization: Basic`, in
/// `X-Midwatch-Token`, or in the header of its vendor's?
pub fn token(posted: &Posted, secret: &[u8], vendors: Option<&str>) -> Result<(), Unheard> {
    let mut given: Vec<Vec<u8>> = [Some(TOKEN), vendors]
        .into_iter()
        .flatten()
        .filter_map(|header| posted.header(header))
        .map(|value| value.as_bytes().to_vec())
        .collect();
    if let Some((scheme, value)) = posted
        .header("authorization")
        .and_then(|value| value.split_once(' '))
    {
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            given.push(value.as_bytes().to_vec());
        } else if scheme.eq_ignore_ascii_case("basic")
            && let Ok(decoded) = STANDARD.decode(value)
            && let Some(colon) = decoded.iter().position(|byte| *byte == b':')
        {
            given.push(decoded.get(colon + 1..).unwrap_or_default().to_vec());
        }
    }
    if given.is_empty() {
        let own = vendors.map_or(String::new(), |header| format!(", `{header}`"));
        return Err(Unheard::Forged(format!(
            "no secret is given; expected it in `Authorization: Bearer`, as a Basic password, in `{TOKEN}`{own}"
        )));
    }
    if given.iter().any(|given| same(given, secret)) {
        Ok(())
    } else {
        Err(Unheard::Forged(
            "the secret is not this inlet's; see that both sides read the same file".to_string(),
        ))
    }
}

/// Is the moment that the sender signed near ours?
pub fn fresh(signed_at: Timestamp, now: Timestamp, window: Span) -> Result<(), Unheard> {
    let off = now.since(signed_at);
    if off.0.unsigned_abs() <= window.0.unsigned_abs() {
        return Ok(());
    }
    Err(Unheard::Stale(format!(
        "it was signed at {signed_at}, {off} ago by this machine's clock; at most {window} are allowed, so either it is played back or a clock is wrong"
    )))
}

/// Whole seconds since the epoch, as senders sign them.
pub fn seconds(text: &str) -> Result<Timestamp, Unheard> {
    text.trim()
        .parse::<i64>()
        .map(Timestamp::from_seconds)
        .map_err(|_| {
            Unheard::Forged("the signed moment is no number of seconds since 1970".to_string())
        })
}

/// A header that a signature needs.
pub fn needed<'p>(posted: &'p Posted, header: &str) -> Result<&'p str, Unheard> {
    posted
        .header(header)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| {
            Unheard::Forged(format!(
                "the header `{header}` is missing; it holds the signature's part"
            ))
        })
}

/// The signature does not fit.
pub(crate) fn unsigned(header: &str) -> Unheard {
    Unheard::Forged(format!(
        "the signature in `{header}` is not that of this body under this inlet's secret"
    ))
}
