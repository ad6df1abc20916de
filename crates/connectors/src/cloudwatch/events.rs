//! EventBridge, which sends a rule's events to an API destination with a secret in a header.

use model::Timestamp;
use model::ports::{AlarmDecoder, Heard, Posted, Unheard};

use super::{event, is_event};
use crate::delivery::{self, proof, said_at};

/// What was expected.
const EXPECTED: &str =
    "an event of EventBridge: {\"source\",\"detail-type\",\"detail\",…}, its input not transformed";

/// Reads what EventBridge posts.
pub struct EventBridge {
    secret: Vec<u8>,
}

impl EventBridge {
    /// With the value of the connection's API key.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            secret: secret.to_vec(),
        }
    }
}

impl AlarmDecoder for EventBridge {
    fn admit(&self, posted: &Posted, _: Timestamp) -> Result<(), Unheard> {
        proof::token(posted, &self.secret, None)
    }

    fn read(&self, posted: &Posted, now: Timestamp) -> Result<Heard, Unheard> {
        let body = delivery::json(posted, EXPECTED)?;
        let id = said_at(&body, &["id"]);
        let key = (!id.is_empty()).then_some(id);
        if is_event(&body) {
            return Ok(Heard {
                key,
                alarms: vec![event(&body, now)?],
                ..Heard::default()
            });
        }
        if body.get("detail").is_none() {
            return Err(delivery::unlike("there is no `detail`", EXPECTED));
        }
        let kind = said_at(&body, &["detail-type"]);
        Ok(Heard {
            key,
            remark: format!("{kind:?} is no alarm's change of state; nothing follows from it"),
            ..Heard::default()
        })
    }
}
