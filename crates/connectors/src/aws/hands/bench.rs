//! The benches at which hands work: a region each, with clients behind a guard, under the role that acts.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{AsyncSleep as _, SharedAsyncSleep};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::future::{Either, select};
use model::EntityId;
use model::action::StepKey;
use model::time::{Span, Timestamp};

use super::{Hands, Settings, Trouble};
use crate::aws::calls::{self, Call, TAKE_ROLE};
use crate::aws::deeds;
use crate::aws::eyes::ask::{duration, meaning};
use crate::aws::eyes::guard::Guard;
use crate::aws::eyes::identity::{Role, Shown};
use crate::aws::eyes::place::{Reach, as_whom, client, own, regions, remembered, to_take_roles};
use crate::aws::eyes::tally::Look;
use crate::pull::Missed;

/// Letters that a role's session may have in its name, at most.
const SESSION: usize = 64;

/// A region in which hands work.
pub(super) struct Bench {
    /// `eu-west-1`, or `billing/eu-west-1` where several accounts are read.
    pub name: Arc<str>,
    /// Read, again and again if need be.
    pub reads: Clients,
    /// Alter: what they send they send once.
    pub once: Clients,
    pub trail: aws_sdk_cloudtrail::Client,
}

/// One for each service that is altered.
pub(super) struct Clients {
    pub lambda: aws_sdk_lambda::Client,
    pub ecs: aws_sdk_ecs::Client,
    pub scaling: aws_sdk_autoscaling::Client,
    pub dns: aws_sdk_route53::Client,
    pub systems: aws_sdk_ssm::Client,
    pub builds: aws_sdk_codebuild::Client,
}

/// One thing at one bench.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At {
    /// Which bench.
    pub bench: usize,
    /// Its name there.
    pub name: String,
}

/// All that is done for one question to the hands.
pub(super) struct Work<'h> {
    pub settings: &'h Settings,
    pub benches: Vec<Bench>,
    /// Under which key something is done, or was.
    pub key: Option<StepKey>,
    pub now: Timestamp,
    /// AWS's names of what was begun, by the key of its step.
    begun: &'h Mutex<BTreeMap<StepKey, String>>,
    look: Arc<Look>,
    shown: Shown,
    pub sleep: SharedAsyncSleep,
}

/// The one call by which a role is taken.
fn taking(service: &str, operation: &str) -> Option<&'static Call> {
    calls::by_sdk(service, operation).filter(|call| call.action == TAKE_ROLE)
}

/// A name that a session may have: `midwatch-` and what of this may stand in it.
pub(super) fn session(what: &str) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "=,.@_-".contains(*c);
    let name = format!("midwatch-{what}");
    name.chars().filter(fits).take(SESSION).collect()
}

impl Hands {
    /// Takes the role, under a name that says what for, and makes the benches.
    ///
    /// What is looked at before anybody says yes is bound by the budget: then there is no plan, and people are told why. What
    /// is done under the key of a step has a yes, and must not be left half way. A step that could not be asked about would
    /// stay unknown, and one that could not be written would make the plan be taken back, by further steps that cost as much
    /// and could not be paid either. So a step is asked all that it takes to be carried out, seen or taken back: it is
    /// counted, and what is looked at next has that much less. It cannot run away: each has one request that alters, looks
    /// no more often than once a second, and ends with its time; and a plan has so many steps and tries.
    pub(super) async fn work(
        &self,
        what: &str,
        key: Option<&StepKey>,
    ) -> Result<Work<'_>, Trouble> {
        let settings = &self.settings;
        let begin = match key {
            Some(_) => Look::pledged,
            None => Look::begin,
        };
        let look = Arc::new(begin(&self.tally, self.tally.budget.look));
        let shown = Shown::default();
        let reach = Reach {
            region: settings.regions.first().map(String::as_str),
            profile: settings.profile.as_deref(),
            endpoint: settings.endpoint.as_deref(),
            means: &self.means,
            timeout: self.tally.budget.timeout,
        };
        let missed = |missed| Trouble::Missed(TAKE_ROLE, missed);
        let shared = reach.load().await;
        let regions = regions(&settings.regions, &shared).map_err(missed)?;
        let mut whom = own(&shared, &shown).map_err(missed)?;
        if let Some(taken) = &settings.role {
            let guard = Guard {
                look: Arc::clone(&look),
                place: Arc::from("hands"),
                table: taking,
            };
            let role = Role {
                sts: client!(aws_sdk_sts, &to_take_roles(&shared, &whom), guard),
                arn: taken.role_arn.clone(),
                external_id: taken.external_id.clone(),
                session: session(what),
            };
            whom = remembered(SharedCredentialsProvider::new(role), &shown);
        }
        let sdk = as_whom(&shared, &whom, &shown);
        let benches = regions.iter().map(|region| {
            let name = match &settings.account {
                Some(account) => format!("{account}/{region}"),
                None => region.clone(),
            };
            let there = sdk.to_builder().region(Region::new(region.clone()));
            Bench::new(Arc::from(name), &there.build(), &look)
        });
        Ok(Work {
            settings,
            benches: benches.collect(),
            key: key.cloned(),
            now: self.now(),
            begun: &self.begun,
            look: Arc::clone(&look),
            shown,
            sleep: self.means.sleep.clone(),
        })
    }
}

impl Bench {
    fn new(name: Arc<str>, sdk: &SdkConfig, look: &Arc<Look>) -> Self {
        let guard = || Guard {
            look: Arc::clone(look),
            place: Arc::clone(&name),
            table: deeds::by_sdk,
        };
        let clients = |sdk: &SdkConfig| Clients {
            lambda: client!(aws_sdk_lambda, sdk, guard()),
            ecs: client!(aws_sdk_ecs, sdk, guard()),
            scaling: client!(aws_sdk_autoscaling, sdk, guard()),
            dns: client!(aws_sdk_route53, sdk, guard()),
            systems: client!(aws_sdk_ssm, sdk, guard()),
            builds: client!(aws_sdk_codebuild, sdk, guard()),
        };
        let once = sdk.to_builder().retry_config(RetryConfig::disabled());
        Self {
            reads: clients(sdk),
            once: clients(&once.build()),
            trail: client!(aws_sdk_cloudtrail, sdk, guard()),
            name,
        }
    }
}

impl Work<'_> {
    pub fn bench(&self, at: &At) -> Result<&Bench, Trouble> {
        self.benches
            .get(at.bench)
            .ok_or_else(|| Trouble::Cannot("no region is configured".to_string()))
    }

    /// Asks once it is paid for, by the request as all calls of the hands are, and its turn has come.
    pub async fn ask<T, E>(
        &self,
        bench: &Bench,
        action: &'static str,
        sent: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Trouble>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let missed = |missed| Trouble::Missed(action, missed);
        let call = deeds::by_action(action).ok_or_else(|| {
            let why = format!("{action} is not in the list of calls");
            missed(Missed::Refused(0, why))
        })?;
        self.look.pay(call, 1).map_err(missed)?;
        let wait = self.look.tally.turn(&bench.name, call);
        if wait.0 > 0 {
            self.sleep.sleep(duration(wait)).await;
        }
        let end = Box::pin(self.sleep.sleep(duration(self.look.left())));
        match select(Box::pin(sent), end).await {
            Either::Left((Ok(answer), _)) => Ok(answer),
            Either::Left((Err(error), _)) => Err(missed(meaning(&self.shown, &error).1)),
            Either::Right(_) => {
                let why = "it did not answer in time".to_string();
                Err(missed(Missed::Timeout(why)))
            }
        }
    }

    /// Whoever panicked while noting left at worst one note missing.
    pub fn begun(&self) -> MutexGuard<'_, BTreeMap<StepKey, String>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long.
    pub async fn pause(&self, span: Span) {
        self.sleep.sleep(duration(span)).await;
    }

    /// What the entity is called, and the benches at which it may be: what several places have says which by what stands
    /// behind its name.
    pub fn called<'e>(&self, entity: &'e EntityId) -> Result<(&'e str, Vec<usize>), Trouble> {
        let whole = entity.as_str();
        let name = whole.split_once('/').map_or(whole, |(_, name)| name);
        let Some((name, place)) = name.split_once('@') else {
            return Ok((name, (0..self.benches.len()).collect()));
        };
        match self.benches.iter().position(|one| *one.name == *place) {
            Some(bench) => Ok((name, vec![bench])),
            None => Err(Trouble::Cannot(format!(
                "these hands do not reach to {place}"
            ))),
        }
    }

    /// The one place of those in which it was found.
    pub fn only<T>(&self, entity: &EntityId, mut found: Vec<T>) -> Result<T, Trouble> {
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            (None, _) => Err(Trouble::Cannot(format!(
                "there is no {entity} where they reach"
            ))),
            (Some(_), false) => Err(Trouble::Cannot(format!(
                "several places have {entity}: say which, such as {entity}@{}",
                self.benches.first().map_or("", |bench| &bench.name)
            ))),
        }
    }

    /// Where that function is.
    pub async fn find(&self, entity: &EntityId) -> Result<At, Trouble> {
        let (name, benches) = self.called(entity)?;
        let at = |bench| At {
            bench,
            name: name.to_string(),
        };
        if let [bench] = benches[..] {
            return Ok(at(bench));
        }
        let mut found = Vec::new();
        for bench in benches {
            match self.configuration(&at(bench)).await {
                Ok(_) => found.push(at(bench)),
                Err(Trouble::Missed(_, Missed::Refused(404, _))) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        self.only(entity, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_by_what_may_stand_in_its_name() {
        let key = "0123456789abcdef01234567-0-undo-1";
        assert_eq!(session(key), format!("midwatch-{key}"));
        assert_eq!(session("a b/c\n"), "midwatch-abc");
        assert_eq!(session(&"x".repeat(100)).len(), SESSION);
    }

    #[test]
    fn whoever_takes_the_role_can_do_nothing_else() {
        assert!(taking("STS", "AssumeRole").is_some());
        assert!(taking("STS", "GetCallerIdentity").is_none());
        assert!(taking("Lambda", "ListFunctions").is_none());
        assert!(taking("Lambda", "PutFunctionConcurrency").is_none());
    }
}
