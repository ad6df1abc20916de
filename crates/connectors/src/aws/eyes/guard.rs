//! Sits in the SDK before everything that leaves: what is not in its table is refused, what is beyond the budget is
//! not sent, and all that is sent is counted, every attempt of it.

use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef, Error, Input, Output,
};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::tally::Look;
use crate::aws::calls::Call;
use crate::pull::Missed;
use crate::pull::http::http_date;

/// The guard of one look in one place.
#[derive(Debug)]
pub(in crate::aws) struct Guard {
    pub look: Arc<Look>,
    pub place: Arc<str>,
    /// The table: whom the SDK is about to call, if that may be called.
    pub table: Table,
}

/// What may be called, by the SDK's names of service and operation.
pub(in crate::aws) type Table = fn(&str, &str) -> Option<&'static Call>;

/// The call that is about to be made, if it may be.
fn known(cfg: &ConfigBag, table: Table) -> Result<&'static Call, BoxError> {
    let (service, operation) = match cfg.load::<Metadata>() {
        Some(metadata) => (metadata.service(), metadata.name()),
        None => ("", ""),
    };
    table(service, operation).ok_or_else(|| {
        Missed::Refused(
            0,
            format!("{service} {operation} is not in the list of calls, and was not sent"),
        )
        .into()
    })
}

#[dyn_dispatch_hint]
impl Intercept for Guard {
    fn name(&self) -> &'static str {
        "MidwatchGuard"
    }

    /// Before a request is even written. (Earlier it is not told yet which call it will be.)
    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_, Input, Output, Error>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        known(cfg, self.table).map(|_| ())
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_, Input, Output, Error>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let call = known(cfg, self.table)?;
        let attempt = cfg.load::<RequestAttempts>().map_or(1, |a| a.attempts());
        Ok(self.look.admit(&self.place, call, attempt)?)
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_, Input, Output, Error>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().map_or(0, <[u8]>::len);
        let date = context.response().headers().get("date").and_then(http_date);
        self.look.heard(bytes as u64, date);
        Ok(())
    }
}
