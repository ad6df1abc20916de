//! SNS: a topic posts what is published, and first asks whether we want it.
//!
//! Who may speak is decided by the topic, which the configuration names, and by the signature. The certificate is asked
//! for at an address of SNS's own alone, over TLS; and a subscription is confirmed at an address that is made here
//! from the topic and the token, so that no message can send us anywhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use model::ports::{AlarmDecoder, Heard, Posted, Unheard};
use model::time::Span;
use serde_json::Value;

use super::signature::{certificate_stands_at, holds, region, text};
use super::{event, is_event, notified};
use crate::delivery::outside::Outside;
use crate::delivery::{self, moment_at, proof, said_at, text_at, unlike};

/// What was expected.
const EXPECTED: &str = "a message of SNS, raw message delivery off: {\"Type\",\"MessageId\",\"TopicArn\",\"Message\",\"Signature\",…}";

/// A message is tried again for less than this; what is older is played back.
const WINDOW: Span = Span(60 * model::time::MINUTE);

/// Certificates that are remembered; a region has one at a time.
const REMEMBERED: usize = 16;

/// Reads what SNS posts.
pub struct Sns {
    topics: Vec<String>,
    outside: Arc<dyn Outside>,
    certificates: Mutex<BTreeMap<String, Arc<Vec<u8>>>>,
}

impl Sns {
    /// Of these topics, by their ARNs.
    pub fn new(topics: &[String], outside: Arc<dyn Outside>) -> Self {
        Self {
            topics: topics.to_vec(),
            outside,
            certificates: Mutex::default(),
        }
    }

    /// The certificate at that address, which was checked.
    fn certificate(&self, url: &str) -> Result<Arc<Vec<u8>>, Unheard> {
        let known = || {
            self.certificates
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(known) = known().get(url) {
            return Ok(Arc::clone(known));
        }
        let fetched = self.outside.get(url).map_err(|why| {
            Unheard::Later(format!("the certificate at {url} cannot be had: {why}"))
        })?;
        let fetched = Arc::new(fetched);
        let mut all = known();
        while all.len() >= REMEMBERED && all.pop_first().is_some() {}
        all.insert(url.to_string(), Arc::clone(&fetched));
        Ok(fetched)
    }

    fn forget(&self, url: &str) {
        self.certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(url);
    }
}

impl AlarmDecoder for Sns {
    fn admit(&self, posted: &Posted, now: Timestamp) -> Result<(), Unheard> {
        let message = delivery::json(posted, EXPECTED)?;
        let topic = text_at(&message, &["TopicArn"]);
        if !self.topics.iter().any(|known| known == topic) {
            return Err(Unheard::Unwelcome(format!(
                "the topic {:?} is not one of this inlet's `topics`",
                delivery::name(topic)
            )));
        }
        let url = delivery::first(&[
            text_at(&message, &["SigningCertURL"]),
            text_at(&message, &["SigningCertUrl"]),
        ]);
        if !certificate_stands_at(url) {
            return Err(Unheard::Forged(format!(
                "SigningCertURL is {:?}; SNS signs by a certificate at https://sns.REGION.amazonaws.com/SimpleNotificationService-….pem",
                delivery::name(url)
            )));
        }
        let signature = STANDARD
            .decode(text_at(&message, &["Signature"]))
            .map_err(|_| Unheard::Forged("`Signature` is no base64".to_string()))?;
        let certificate = self.certificate(url)?;
        let version = text_at(&message, &["SignatureVersion"]);
        match holds(&certificate, version, &text(&message), &signature) {
            Ok(true) => {}
            Ok(false) => {
                return Err(Unheard::Forged(
                    "the signature is not that of SNS over this message".to_string(),
                ));
            }
            Err(why) => {
                self.forget(url);
                return Err(Unheard::Forged(why));
            }
        }
        let at = moment_at(&message, &["Timestamp"])
            .ok_or_else(|| Unheard::Forged("`Timestamp` is no moment".to_string()))?;
        proof::fresh(at, now, WINDOW)
    }

    fn read(&self, posted: &Posted, now: Timestamp) -> Result<Heard, Unheard> {
        let message = delivery::json(posted, EXPECTED)?;
        let id = said_at(&message, &["MessageId"]);
        let heard = Heard {
            key: (!id.is_empty()).then_some(id),
            ..Heard::default()
        };
        match text_at(&message, &["Type"]) {
            "Notification" => notification(&message, heard, now),
            "SubscriptionConfirmation" => Ok(Heard {
                visit: Some(confirmation(&message)?),
                remark: format!(
                    "the subscription to {} is confirmed",
                    said_at(&message, &["TopicArn"])
                ),
                ..heard
            }),
            "UnsubscribeConfirmation" => Ok(Heard {
                remark: format!(
                    "{} no longer sends here; subscribe again if that was no wish of yours",
                    said_at(&message, &["TopicArn"])
                ),
                ..heard
            }),
            other => Err(unlike(
                &format!("`Type` is {:?}", delivery::name(other)),
                EXPECTED,
            )),
        }
    }
}

fn notification(message: &Value, heard: Heard, now: Timestamp) -> Result<Heard, Unheard> {
    let inner: Value = serde_json::from_str(text_at(message, &["Message"])).unwrap_or(Value::Null);
    let at = moment_at(message, &["Timestamp"]).unwrap_or(now);
    if inner.get("AlarmName").is_some() {
        return Ok(Heard {
            alarms: vec![notified(&inner, at)?],
            ..heard
        });
    }
    if is_event(&inner) {
        return Ok(Heard {
            alarms: vec![event(&inner, at)?],
            ..heard
        });
    }
    Ok(Heard {
        remark: format!(
            "{:?} holds no alarm; nothing follows from it",
            said_at(message, &["Subject"])
        ),
        ..heard
    })
}

/// Where a subscription is confirmed, made from the topic and the token alone.
fn confirmation(message: &Value) -> Result<String, Unheard> {
    let bad = |what: &str| {
        unlike(
            what,
            "a SubscribeURL at https://sns.REGION.amazonaws.com and a Token",
        )
    };
    let url = text_at(message, &["SubscribeURL"]);
    if region(url).is_none() {
        return Err(bad(&format!("SubscribeURL is {:?}", delivery::name(url))));
    }
    let token = text_at(message, &["Token"]);
    let plain = |text: &str| {
        !text.is_empty()
            && text.len() <= 1_024
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let topic = text_at(message, &["TopicArn"]);
    // Parts of an ARN are plain words, so that nothing needs to be escaped but the colons.
    if !plain(token) || !topic.split(':').all(plain) {
        return Err(bad("Token or TopicArn holds what neither has"));
    }
    let host = crate::delivery::outside::host(url).unwrap_or_default();
    Ok(format!(
        "https://{host}/?Action=ConfirmSubscription&TopicArn={}&Token={token}",
        topic.replace(':', "%3A")
    ))
}
