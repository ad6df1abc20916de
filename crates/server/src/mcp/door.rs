//! Where the API is: in this very program, or at an address of this machine.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::service::Service as _;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rmcp::ErrorData;
use tokio::net::TcpStream;

use super::Call;

/// The longest answer that is read.
const LONGEST: usize = 16 << 20;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the API is.
pub enum Door {
    /// In this program.
    Inside(Router),
    /// At an address.
    Far {
        /// Which.
        address: SocketAddr,
        /// What it is called there, as `Host` has it.
        host: String,
        /// The key by which whoever asks is known; `None` asks as a stranger.
        key: Option<String>,
    },
}

/// What the API answered.
#[derive(Debug)]
pub struct Said {
    /// The media type.
    pub media: String,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreached {
    /// What was asked makes no sense.
    Senseless(String),
    /// The API refused, with this status and these words.
    Refused(StatusCode, String),
    /// The API is not there, or broke off.
    Gone(String),
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Senseless(why) | Self::Refused(_, why) => f.write_str(why),
            Self::Gone(why) => write!(f, "the server cannot be asked: {why}"),
        }
    }
}

impl Unreached {
    /// As the protocol tells it where no tool was called.
    pub fn into_error(self) -> ErrorData {
        let why = self.to_string();
        match self {
            Self::Refused(StatusCode::NOT_FOUND, _) => ErrorData::resource_not_found(why, None),
            Self::Senseless(_) | Self::Refused(StatusCode::BAD_REQUEST, _) => {
                ErrorData::invalid_params(why, None)
            }
            Self::Refused(..) => ErrorData::invalid_request(why, None),
            Self::Gone(_) => ErrorData::internal_error(why, None),
        }
    }
}

impl Door {
    /// Asks, as whoever these headers are of.
    pub(super) async fn ask(
        &self,
        call: Call,
        (headers, extensions): (HeaderMap, Extensions),
    ) -> Result<Said, Unreached> {
        let request = self
            .request(call, headers, extensions)
            .map_err(Unreached::Senseless)?;
        let asked = async {
            let response = match self {
                Self::Inside(router) => inside(router, request).await?,
                Self::Far { address, .. } => far(*address, request).await?,
            };
            said(response).await
        };
        tokio::time::timeout(PATIENCE, asked)
            .await
            .unwrap_or_else(|_| {
                Err(Unreached::Gone(format!(
                    "no answer within {} s",
                    PATIENCE.as_secs()
                )))
            })
    }

    fn request(
        &self,
        call: Call,
        headers: HeaderMap,
        extensions: Extensions,
    ) -> Result<Request<Body>, String> {
        let method = match call.body {
            None => Method::GET,
            Some(_) => Method::POST,
        };
        let body = call
            .body
            .map_or_else(Body::empty, |text| Body::from(text.into_owned()));
        let mut request = Request::builder()
            .method(method.clone())
            .uri(call.path)
            .body(body)
            .map_err(|error| error.to_string())?;
        *request.headers_mut() = headers;
        *request.extensions_mut() = extensions;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(call.accept));
        if method == Method::POST {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Self::Far { host, key, .. } = self {
            let host = HeaderValue::from_str(host).map_err(|error| error.to_string())?;
            headers.insert(HOST, host);
            if let Some(key) = key {
                let mut key = HeaderValue::from_str(&format!("Bearer {key}"))
                    .map_err(|_| "the key holds what no header may".to_string())?;
                key.set_sensitive(true);
                headers.insert(AUTHORIZATION, key);
            }
        }
        if !headers.contains_key(HOST) {
            headers.insert(HOST, HeaderValue::from_static("localhost"));
        }
        Ok(request)
    }
}

async fn inside(router: &Router, request: Request<Body>) -> Result<Response<Body>, Unreached> {
    match TowerToHyperService::new(router.clone()).call(request).await {
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}

async fn far(address: SocketAddr, request: Request<Body>) -> Result<Response<Body>, Unreached> {
    let gone = |why: &dyn fmt::Display| Unreached::Gone(format!("{address}: {why}"));
    let stream = TcpStream::connect(address).await.map_err(|e| gone(&e))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| gone(&e))?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|e| gone(&e))?;
    Ok(response.map(Body::new))
}

async fn said(response: Response<Body>) -> Result<Said, Unreached> {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, LONGEST)
        .await
        .map_err(|error| Unreached::Gone(format!("the answer broke off: {error}")))?;
    if !parts.status.is_success() {
        return Err(Unreached::Refused(parts.status, why(parts.status, &body)));
    }
    let media = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|media| media.to_str().ok());
    Ok(Said {
        media: media.unwrap_or_default().to_string(),
        body,
    })
}

/// What a problem says, in a sentence.
fn why(status: StatusCode, body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Problem {
        title: String,
        #[serde(default)]
        detail: String,
        #[serde(default)]
        code: String,
    }
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => {
            let detail = super::bounded(&problem.detail, 1_000).0;
            format!("{}: {detail} ({})", problem.title, problem.code)
        }
        Err(_) => format!("the server answered {status}"),
    }
}
