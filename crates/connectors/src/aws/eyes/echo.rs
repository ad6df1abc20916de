//! Between the SDK and the wire: what was shown is struck out of every answer before the SDK reads it, so that nothing
//! an account tells of itself, in a log line or in a name, is a credential of whoever asked.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use super::identity::Shown;

/// A client whose answers are struck.
#[derive(Clone, Debug)]
pub(super) struct Struck {
    pub inner: SharedHttpClient,
    pub shown: Shown,
}

impl HttpClient for Struck {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            inner: self.inner.http_connector(settings, components),
            shown: self.shown.clone(),
        })
    }
}

#[derive(Debug)]
struct Connector {
    inner: SharedHttpConnector,
    shown: Shown,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (asked, shown) = (self.inner.call(request), self.shown.clone());
        HttpConnectorFuture::new(async move {
            let mut answer = asked.await?;
            // None of the calls that are made streams its answer: the SDK would read it whole, too.
            let body = std::mem::replace(answer.body_mut(), SdkBody::taken());
            let read = ByteStream::new(body).collect().await;
            let bytes = read.map_err(|error| ConnectorError::io(error.into()))?;
            let mut bytes = bytes.into_bytes().to_vec();
            let kind = answer.headers().get("content-type").unwrap_or_default();
            let (hidden, before) = (shown.hidden(), bytes.len());
            if kind.contains("cbor") {
                hidden.told_in_place(&mut bytes);
            } else {
                bytes = hidden.told(bytes);
            }
            // The SDK holds what it reads against the length that was announced.
            if bytes.len() != before {
                answer.headers_mut().remove("content-length");
            }
            *answer.body_mut() = SdkBody::from(bytes);
            Ok(answer)
        })
    }
}
