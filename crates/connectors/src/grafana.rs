//! What Grafana's alerting posts (contact point of the type webhook): groups as Alertmanager has them, with the values
//! that were seen.
//!
//! Proof is a shared secret (`Authorization`), or an HMAC-SHA-256 of the body in hexadecimal in
//! `X-Grafana-Alerting-Signature`; where a timestamp header is set, of `TIMESTAMP:BODY`, and then old ones are refused.

use model::ports::{AlarmDecoder, Heard, Posted, Unheard};
use model::{AlarmState, Timestamp};
use serde_json::Value;

use crate::alertmanager;
use crate::delivery::{self, list_at, proof};

/// What was expected.
const EXPECTED: &str =
    "Grafana's webhook payload: {\"alerts\":[{\"status\",\"labels\",\"startsAt\",…}]}";
/// Where the signature stands.
const SIGNATURE: &str = "x-grafana-alerting-signature";
/// Where the moment that is signed stands, if one is: the name that `docs/inlets.md` asks for.
const MOMENT: &str = "x-grafana-alerting-timestamp";

/// Reads Grafana's posts.
pub struct Grafana {
    secret: Vec<u8>,
}

impl Grafana {
    /// With the secret that it gives or signs with.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            secret: secret.to_vec(),
        }
    }
}

impl AlarmDecoder for Grafana {
    fn admit(&self, posted: &Posted, now: Timestamp) -> Result<(), Unheard> {
        let Some(signature) = posted.header(SIGNATURE) else {
            return proof::token(posted, &self.secret, None);
        };
        let digest = proof::hex(signature).ok_or_else(|| proof::unsigned(SIGNATURE))?;
        let moment = posted.header(MOMENT);
        let held = match moment {
            Some(moment) => proof::signed(
                &self.secret,
                &[moment.as_bytes(), b":", &posted.body],
                &digest,
            ),
            None => proof::signed(&self.secret, &[&posted.body], &digest),
        };
        if !held {
            return Err(proof::unsigned(SIGNATURE));
        }
        match moment {
            Some(moment) => proof::fresh(proof::seconds(moment)?, now, proof::WINDOW),
            None => Ok(()),
        }
    }

    fn read(&self, posted: &Posted, now: Timestamp) -> Result<Heard, Unheard> {
        let body = delivery::json(posted, EXPECTED)?;
        let mut heard = alertmanager::alerts(&body, "grafana", EXPECTED, now)?;
        for (alarm, alert) in heard.alarms.iter_mut().zip(list_at(&body, "alerts")) {
            // A rule without data raises an alarm of this name of its own.
            if alarm.state == AlarmState::Firing && alarm.rule == "DatasourceNoData" {
                alarm.state = AlarmState::NoData;
            }
            let values = alert.get("values").and_then(Value::as_object);
            alarm.observed = values
                .filter(|values| values.len() == 1)
                .and_then(|values| values.values().next()?.as_f64());
        }
        Ok(heard)
    }
}
