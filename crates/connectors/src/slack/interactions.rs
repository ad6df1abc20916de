//! What Slack posts when a person presses a button: approve or refuse a plan.
//!
//! Signed with the app's signing secret (`v0=` HMAC-SHA-256 over `v0:TIMESTAMP:BODY`), refused when the moment is more
//! than five minutes off. A button's `action_id` is `approve` or `refuse`, its value `INCIDENT DIGEST`: the yes is bound
//! to the plan that the person was shown.

use std::collections::BTreeMap;

use model::Timestamp;
use model::ports::{AlarmDecoder, Heard, Posted, Said, Unheard};
use serde_json::Value;

use crate::delivery::{self, list_at, outside, proof, said_at, text_at, unlike};

/// What was expected.
const EXPECTED: &str =
    "an interaction of Slack's: a form with one field `payload`, of the type block_actions";
/// Where the signature stands.
const SIGNATURE: &str = "x-slack-signature";
/// The `action_id` of a yes.
pub const APPROVE: &str = "approve";
/// The `action_id` of a no.
pub const REFUSE: &str = "refuse";

/// Reads Slack's interactions.
pub struct Slack {
    secret: Vec<u8>,
    people: BTreeMap<String, String>,
}

impl Slack {
    /// With the app's signing secret, and who is who: accounts by Slack's ids of users.
    pub fn new(secret: &[u8], people: BTreeMap<String, String>) -> Self {
        Self {
            secret: secret.to_vec(),
            people,
        }
    }
}

impl AlarmDecoder for Slack {
    fn admit(&self, posted: &Posted, now: Timestamp) -> Result<(), Unheard> {
        let moment = proof::needed(posted, "x-slack-request-timestamp")?;
        let digest = proof::needed(posted, SIGNATURE)?
            .strip_prefix("v0=")
            .and_then(proof::hex)
            .ok_or_else(|| proof::unsigned(SIGNATURE))?;
        let parts = [b"v0:", moment.as_bytes(), b":", &posted.body];
        if !proof::signed(&self.secret, &parts, &digest) {
            return Err(proof::unsigned(SIGNATURE));
        }
        proof::fresh(proof::seconds(moment)?, now, proof::WINDOW)
    }

    fn read(&self, posted: &Posted, _: Timestamp) -> Result<Heard, Unheard> {
        let payload = field(&posted.body, "payload")
            .ok_or_else(|| unlike("there is no field `payload`", EXPECTED))?;
        let payload: Value = serde_json::from_slice(&payload)
            .map_err(|error| unlike(&format!("`payload` is no JSON ({error})"), EXPECTED))?;
        let user = said_at(&payload, &["user", "id"]);
        let actions = list_at(&payload, "actions");
        if text_at(&payload, &["type"]) != "block_actions" || user.is_empty() {
            return Ok(Heard {
                remark: format!(
                    "{:?} answers no plan; nothing follows from it",
                    said_at(&payload, &["type"])
                ),
                ..Heard::default()
            });
        }
        let answer_to = text_at(&payload, &["response_url"]);
        // Answers go to Slack alone, whatever the payload names.
        let answer_to = if outside::host(answer_to) == Some("hooks.slack.com") {
            answer_to
        } else {
            ""
        };
        let mut said = Vec::new();
        for action in actions.iter().take(8) {
            let yes = match text_at(action, &["action_id"]) {
                APPROVE => true,
                REFUSE => false,
                // A link is a button too, and asks nothing of us.
                _ => continue,
            };
            let Some((incident, plan)) = text_at(action, &["value"]).split_once(' ') else {
                return Err(unlike(
                    "a button's value is not `INCIDENT DIGEST`",
                    EXPECTED,
                ));
            };
            said.push(Said {
                incident: delivery::name(incident),
                plan: delivery::name(plan.trim()),
                yes,
                sender: user.clone(),
                account: self.people.get(&user).cloned(),
                answer_to: answer_to.to_string(),
            });
        }
        let trigger = said_at(&payload, &["trigger_id"]);
        Ok(Heard {
            key: (!trigger.is_empty()).then_some(trigger),
            remark: if said.is_empty() {
                "a button that answers no plan; nothing follows from it".to_string()
            } else {
                String::new()
            },
            said,
            ..Heard::default()
        })
    }
}

/// What was posted, for people: the payload out of its form; as it is, if that is no form.
pub fn shown(body: &[u8]) -> String {
    match field(body, "payload") {
        Some(payload) => format!("payload={}", String::from_utf8_lossy(&payload)),
        None => String::from_utf8_lossy(body).into_owned(),
    }
}

/// What is sent to a person whose button was pressed, as JSON for the address that they gave.
pub fn answer(text: &str) -> String {
    // What people see is text: Slack's own marks are made harmless as its documents say.
    let safe = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let safe: String = safe.chars().take(2_900).collect();
    serde_json::json!({"response_type": "ephemeral", "replace_original": false, "text": safe})
        .to_string()
}

/// A field of a form (`application/x-www-form-urlencoded`).
fn field(form: &[u8], wanted: &str) -> Option<Vec<u8>> {
    form.split(|byte| *byte == b'&').find_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair.get(..equals)?, pair.get(equals + 1..)?);
        (decoded(name) == wanted.as_bytes()).then(|| decoded(value))
    })
}

/// `+` and `%41` decoded; a `%` that begins nothing stays as it is.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let escaped = text
            .get(at + 1..at + 3)
            .filter(|_| *byte == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(proof::hex)
            .and_then(|bytes| bytes.first().copied());
        match escaped {
            Some(escaped) => {
                plain.push(escaped);
                at += 3;
            }
            None => {
                plain.push(if *byte == b'+' { b' ' } else { *byte });
                at += 1;
            }
        }
    }
    plain
}
