//! One question to one place: its turn, its time, and what its failure means.

use std::collections::BTreeMap;
use std::error::Error;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_async::rt::sleep::{AsyncSleep as _, SharedAsyncSleep};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::future::{Either, select};
use model::query::{Gap, GapReason};
use model::time::{Span, TimeWindow, Timestamp};

use super::Settings;
use super::identity::Shown;
use super::place::Place;
use super::tally::Look;
use crate::aws::calls::{self, Call};
use crate::pull::{Missed, SET_CLOCK};

/// Letters of a refusal that are told.
const LONGEST: usize = 300;
/// Closes every service of a place.
const ALL: &str = "*";

/// Words of a service for "you may not".
const DENIED: [&str; 6] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "NotAuthorized",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
];
/// Words for "I do not know you", or no longer: no right that could be given helps.
const STRANGER: [&str; 6] = [
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "UnrecognizedClientException",
];
/// Words for "your clock is not mine", and for a signature that is wrong, perhaps for that reason: then its message says so.
const CLOCK: [&str; 4] = [
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "RequestTimeTooSkewedException",
];
const SIGNED: [&str; 3] = [
    "AuthFailure",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
];
const EXPIRED: [&str; 2] = ["Signature expired", "Signature not yet current"];
/// Words for "not so fast".
const THROTTLED: [&str; 8] = [
    "LimitExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// A question without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Miss {
    /// What was asked: `logs:FilterLogEvents`.
    pub action: &'static str,
    pub missed: Missed,
}

/// Asks one place in one look.
pub(super) struct Asking<'l> {
    /// As it is configured: `aws.main`.
    pub source: &'l str,
    pub place: &'l Place,
    pub look: Arc<Look>,
    pub shown: Shown,
    pub sleep: SharedAsyncSleep,
    pub settings: &'l Settings,
    pub hull: TimeWindow,
    pub now: Timestamp,
    /// Services that are not asked again in this look, and why.
    closed: Mutex<BTreeMap<&'static str, Missed>>,
}

impl<'l> Asking<'l> {
    pub fn new(
        source: &'l str,
        place: &'l Place,
        (look, shown, sleep): (&Arc<Look>, &Shown, &SharedAsyncSleep),
        settings: &'l Settings,
        (hull, now): (TimeWindow, Timestamp),
    ) -> Self {
        Self {
            source,
            place,
            look: Arc::clone(look),
            shown: shown.clone(),
            sleep: sleep.clone(),
            settings,
            hull,
            now,
            closed: Mutex::default(),
        }
    }

    /// Asks once its turn has come. `units` are what it is paid by (`prices.csv`).
    ///
    /// # Errors
    /// Why there is no answer. If the reason concerns the service as a whole, all further questions to it get the same
    /// without being asked; if it concerns who asks, all services do.
    pub async fn ask<T, E>(
        &self,
        action: &'static str,
        units: u64,
        sent: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Miss>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let miss = |missed| Miss { action, missed };
        let service = action.split(':').next().unwrap_or(action);
        if let Some(closed) = self.closed(service) {
            return Err(miss(closed));
        }
        let asked = self.tried(action, units, sent).await;
        asked.map_err(|(whose, missed)| {
            if let Some(whose) = whose {
                let whose = if whose == ALL { ALL } else { service };
                let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
                closed.entry(whose).or_insert_with(|| missed.clone());
            }
            miss(missed)
        })
    }

    /// The answer; or whom the failure closes, and what it is.
    async fn tried<T, E>(
        &self,
        action: &'static str,
        units: u64,
        sent: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, (Option<&'static str>, Missed)>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let call = calls::by_action(action).ok_or_else(|| {
            (
                None,
                Missed::Refused(0, format!("{action} is not in the list of calls")),
            )
        })?;
        self.look
            .pay(call, units)
            .map_err(|missed| (None, missed))?;
        let wait = self.look.tally.turn(&self.place.name, call);
        if wait.0 >= self.look.left().0 {
            let why = format!("to ask more often than its quota would outlast the look ({wait})");
            return Err((None, Missed::Budget(why)));
        }
        if wait.0 > 0 {
            self.sleep.sleep(duration(wait)).await;
        }
        let left = self.look.left();
        let sent = Box::pin(sent);
        let end = Box::pin(self.sleep.sleep(duration(left)));
        match select(sent, end).await {
            Either::Left((Ok(answer), _)) => Ok(answer),
            Either::Left((Err(error), _)) => Err(meaning(&self.shown, &error)),
            Either::Right(_) => {
                let why = "it did not answer before the look was over".to_string();
                Err((Some("its service"), Missed::Timeout(why)))
            }
        }
    }

    /// How far back changes and what AWS says of things are told: as far as the audit trail is read, and no less than
    /// the time that is looked at.
    pub fn reaches_back(&self) -> Timestamp {
        self.now.minus(self.settings.changes).min(self.hull.from())
    }

    fn closed(&self, service: &str) -> Option<Missed> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        closed.get(ALL).or_else(|| closed.get(service)).cloned()
    }

    /// The source in this place, for people: `aws.main in eu-west-1`.
    pub fn here(&self) -> String {
        format!("{} in {}", self.source, self.place.name)
    }

    /// What could not be seen here, why, and how to close it.
    pub fn gap(&self, wanted: &str, miss: &Miss) -> Gap {
        gap(self.source, &self.here(), wanted, miss)
    }

    /// That more is there than was read.
    pub fn cut(&self, wanted: &str, detail: String, how_to_close: &str) -> Gap {
        Gap::new(
            wanted,
            GapReason::Budget,
            format!("{}: {detail}", self.here()),
            format!("{how_to_close} in [connectors.{}]", self.source),
        )
    }
}

/// Can something be asked about by this name? What is no name, or longer than the service's names are, is none of its own.
pub(super) fn is_name(name: &str, longest: usize) -> bool {
    (1..=longest).contains(&name.len())
}

/// What a failure means, and whom it closes: nobody, this service, or all.
pub(in crate::aws) fn meaning<E>(
    shown: &Shown,
    error: &SdkError<E, HttpResponse>,
) -> (Option<&'static str>, Missed)
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut identity = false;
    while let Some(one) = cause {
        if let Some(own) = one.downcast_ref::<Missed>() {
            return (None, own.clone());
        }
        identity |= one.is::<CredentialsError>();
        cause = one.source();
    }
    // Nothing is cut off before what was shown is out: half of it would be left.
    let said: String = shown.scrub(&chain(error)).chars().take(LONGEST).collect();
    if identity {
        return (Some(ALL), Missed::Permission(said));
    }
    let service = Some("its service");
    match error {
        SdkError::ServiceError(refused) => {
            let status = refused.raw().status().as_u16();
            let code = refused.err().code().unwrap_or_default();
            let told = refused.err().message().unwrap_or_default();
            let told: String = shown.scrub(told).chars().take(LONGEST).collect();
            let said = match (code, told.as_str()) {
                ("", "") => format!("it answered {status}"),
                (code, "") => code.to_string(),
                (code, told) => format!("{code}: {told}"),
            };
            let code = code.rsplit('#').next().unwrap_or(code);
            if CLOCK.contains(&code)
                || (SIGNED.contains(&code) && EXPIRED.iter().any(|word| told.contains(word)))
            {
                (service, Missed::Clock(said))
            } else if STRANGER.contains(&code) {
                (Some(ALL), Missed::Stranger(said))
            } else if DENIED.contains(&code) || matches!(status, 401 | 403) {
                (None, Missed::Permission(said))
            } else if THROTTLED.contains(&code) || status == 429 {
                (service, Missed::RateLimit(said))
            } else if status >= 500 {
                (service, Missed::Unreached(said))
            } else {
                (None, Missed::Refused(status, said))
            }
        }
        SdkError::TimeoutError(_) => (service, Missed::Timeout(said)),
        SdkError::DispatchFailure(failed) if failed.is_timeout() => {
            (service, Missed::Timeout(said))
        }
        SdkError::DispatchFailure(_) => (service, Missed::Unreached(said)),
        // Whatever stands in between may say so in words that are not the service's own.
        SdkError::ResponseError(failed) => match failed.raw().status().as_u16() {
            401 | 403 => (None, Missed::Permission(said)),
            429 => (service, Missed::RateLimit(said)),
            500.. => (service, Missed::Unreached(said)),
            _ => (None, Missed::Strange(said)),
        },
        _ => (None, Missed::Refused(0, said)),
    }
}

/// What could not be seen, why, and how to close it.
pub(super) fn gap(source: &str, here: &str, wanted: &str, miss: &Miss) -> Gap {
    let (why, how_to_close) = match &miss.missed {
        Missed::Budget(_) | Missed::TooLong(_) => (
            GapReason::Budget,
            format!(
                "narrow what is read in [connectors.{source}] (regions, namespaces, log_groups), or raise its requests, \
                 bytes, money, look or *_per_hour"
            ),
        ),
        Missed::RateLimit(_) => (
            GapReason::RateLimit,
            format!(
                "see who else calls {} in this account and region, or ask AWS for a higher quota",
                miss.action
            ),
        ),
        Missed::Timeout(_) => (
            GapReason::Timeout,
            format!("see whether AWS is slow, or raise timeout and look in [connectors.{source}]"),
        ),
        Missed::Stranger(_) => (
            GapReason::Permission,
            format!(
                "renew the credentials that the watch asks with, wherever it has them from (environment, profile in \
                 [connectors.{source}], web identity, instance); where other regions know them, this one may have to be \
                 enabled for the account first: enable it, or leave it out of regions"
            ),
        ),
        Missed::Permission(_) => (
            GapReason::Permission,
            format!(
                "allow {} to whom the watch asks as; `midwatch permissions aws` prints the whole policy",
                calls::by_action(miss.action).map_or(miss.action, Call::permission)
            ),
        ),
        Missed::Unreached(_) => (
            GapReason::Connector,
            "see whether this machine reaches AWS there (network, proxy, endpoint)".to_string(),
        ),
        Missed::Clock(_) => (GapReason::Connector, SET_CLOCK.to_string()),
        Missed::Refused(..) | Missed::Strange(_) => (
            GapReason::Connector,
            format!("check regions, profile and endpoint in [connectors.{source}]"),
        ),
    };
    let detail = format!("{here}: {}: {}", miss.action, miss.missed);
    Gap::new(wanted, why, detail, how_to_close)
}

/// What an error and its causes say, each once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut cause = Some(error);
    while let Some(one) = cause {
        let words = one.to_string();
        if !said.iter().any(|known| known.contains(&words)) {
            said.push(words);
        }
        cause = one.source();
    }
    said.join(": ")
}

pub(in crate::aws) fn duration(span: Span) -> Duration {
    Duration::from_nanos(u64::try_from(span.0).unwrap_or(0))
}
