//! What goes wrong, as RFC 9457 has it: a status, a code that never changes its meaning, a sentence for people, and
//! an address that says what to do.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

/// Every way in which a request can fail. What a code means stays as it is, whatever the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The request makes no sense.
    BadRequest,
    /// Nobody is known by what was sent.
    Unauthenticated,
    /// Whoever asks may not do it.
    Forbidden,
    /// It was sent with a browser's cookie, and does not come from the page.
    CrossSite,
    /// It cannot be done as things stand.
    Conflict,
    /// The plan is another than the one that was shown.
    PlanChanged,
    /// An idempotency key came with two different requests.
    KeyReused,
    /// Too many requests in a short time.
    TooMany,
    /// There is no such address.
    NoRoute,
    /// There is no such thing here.
    NotFound,
    /// The address knows other methods.
    MethodNotAllowed,
    /// Nothing that is asked for in `Accept` can be given.
    NotAcceptable,
    /// The request took too long to arrive, or its answer to be made.
    Timeout,
    /// The body is too long.
    TooLarge,
    /// The body is written in another way than JSON.
    UnsupportedMedia,
    /// The question is not understood.
    NotUnderstood,
    /// The request was meant for another host.
    Misdirected,
    /// Too much is asked at once.
    Busy,
    /// A part of the program does not work now.
    NotReady,
    /// The space could not be started; the others work.
    SpaceClosed,
    /// What is posted to an inlet has no proof, a wrong one or an old one.
    Unsigned,
    /// What is posted to an inlet is real, and not for it.
    Unwelcome,
    /// What is posted to an inlet cannot be read.
    Unreadable,
    /// The server itself failed.
    Failed,
}

impl Code {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::CrossSite,
        Self::Conflict,
        Self::PlanChanged,
        Self::KeyReused,
        Self::TooMany,
        Self::NoRoute,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::Timeout,
        Self::TooLarge,
        Self::UnsupportedMedia,
        Self::NotUnderstood,
        Self::Misdirected,
        Self::Busy,
        Self::NotReady,
        Self::SpaceClosed,
        Self::Unsigned,
        Self::Unwelcome,
        Self::Unreadable,
        Self::Failed,
    ];

    /// As it is written.
    pub fn word(self) -> &'static str {
        self.about().1
    }

    /// The status that goes with it.
    pub fn status(self) -> StatusCode {
        self.about().0
    }

    /// Status, word, title, and what to do.
    fn about(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        match self {
            Self::BadRequest => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                "The request makes no sense",
                "Read `detail`; /v1/openapi.json says what belongs there. Sending it again unaltered will not help.",
            ),
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "You have to be signed in for this",
                "Sign in with POST /v1/session, or send an API key as `Authorization: Bearer mw_...`. Keys and sessions end: yours may have.",
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                "forbidden",
                "You may not do this",
                "`x-permission` in /v1/openapi.json says what it needs; an admin can give you a role that has it.",
            ),
            Self::CrossSite => (
                StatusCode::FORBIDDEN,
                "cross_site",
                "It does not come from the page",
                "Send `X-CSRF-Token` with the token that GET /v1/session gives, from the page's own origin; programs use an API key.",
            ),
            Self::Conflict => (
                StatusCode::CONFLICT,
                "conflict",
                "It cannot be done as things stand",
                "`detail` says what stands in the way. Look again before you send it again.",
            ),
            Self::PlanChanged => (
                StatusCode::CONFLICT,
                "plan_changed",
                "The plan is another than the one that you saw",
                "Look at the plan that waits now, and answer with its digest.",
            ),
            Self::KeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "key_reused",
                "This idempotency key belongs to another request",
                "Make a new `Idempotency-Key` for each thing that you want done; send the same one only to send the same request again.",
            ),
            Self::TooMany => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many",
                "Too many requests in a short time",
                "Try again after the seconds that `Retry-After` names.",
            ),
            Self::NoRoute => (
                StatusCode::NOT_FOUND,
                "no_route",
                "There is no such address",
                "/v1/openapi.json lists every address.",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "not_found",
                "There is no such thing here",
                "Look at the list that it should be in. What belongs to another space is not here.",
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The address knows other methods",
                "`Allow` names the methods that it knows.",
            ),
            Self::NotAcceptable => (
                StatusCode::NOT_ACCEPTABLE,
                "not_acceptable",
                "It cannot be given in the form that was asked for",
                "Leave `Accept` out, or ask for one of the forms that `detail` names.",
            ),
            Self::Timeout => (
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                "It took too long",
                "Try again; if it stays so, the server's log says under the request's id what it waited for.",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "The body is too long",
                "Send less; `detail` says how much is taken.",
            ),
            Self::UnsupportedMedia => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body must be JSON",
                "Send it with `Content-Type: application/json`.",
            ),
            Self::NotUnderstood => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "not_understood",
                "The question is not understood",
                "`detail` says what can be asked; a closed grammar reads questions.",
            ),
            Self::Misdirected => (
                StatusCode::MISDIRECTED_REQUEST,
                "misdirected",
                "This server does not answer under that name",
                "Ask under the address that it listens at, or name the host in `server.hosts`.",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "Too much is asked at once",
                "Try again after the seconds that `Retry-After` names.",
            ),
            Self::NotReady => (
                StatusCode::SERVICE_UNAVAILABLE,
                "not_ready",
                "A part of it does not work now",
                "`detail` names the parts; `midwatch doctor` and the server's log say what is wrong with each, and what to do.",
            ),
            Self::SpaceClosed => (
                StatusCode::SERVICE_UNAVAILABLE,
                "space_closed",
                "This space could not be started",
                "`detail` says what went wrong, and so does `midwatch doctor`. Mend it, and start the server again; the other spaces keep watch meanwhile.",
            ),
            Self::Unsigned => (
                StatusCode::UNAUTHORIZED,
                "unsigned",
                "The proof of what was posted does not hold",
                "`detail` says which proof is missing or wrong; docs/inlets.md what to set on the other side. `midwatch doctor` shows the last refusal.",
            ),
            Self::Unwelcome => (
                StatusCode::FORBIDDEN,
                "unwelcome",
                "What was posted is not for this inlet",
                "`detail` says whose it is; name it in the inlet's settings if it belongs here.",
            ),
            Self::Unreadable => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "unreadable",
                "What was posted cannot be read",
                "`detail` says what was expected; what was sent is kept. Sending it again unaltered will not help.",
            ),
            Self::Failed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "failed",
                "The server failed",
                "Its log says under the request's id what went wrong; `midwatch doctor` how it stands.",
            ),
        }
    }
}

/// A code, and what it means.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Help {
    /// The code.
    pub code: &'static str,
    /// The status that goes with it.
    pub status: u16,
    /// What happened, in general.
    pub title: &'static str,
    /// What to do.
    pub to_do: &'static str,
}

impl Help {
    /// Of a code.
    pub fn of(code: Code) -> Self {
        let (status, code, title, to_do) = code.about();
        Self {
            code,
            status: status.as_u16(),
            title,
            to_do,
        }
    }

    /// Of the code that is written so.
    pub fn named(word: &str) -> Option<Self> {
        let code = Code::ALL.iter().find(|code| code.word() == word)?;
        Some(Self::of(*code))
    }
}

/// A request that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How.
    pub code: Code,
    /// What exactly, for people. It may repeat what was sent, and nothing that a stranger may not know.
    pub detail: String,
    /// For the log alone.
    pub secret: String,
    /// After how many seconds to try again.
    pub retry_after: Option<u64>,
}

/// A problem as it is sent (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Sent {
    /// Where this kind of problem is explained, relative to the server.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, in general.
    pub title: &'static str,
    /// The status.
    pub status: u16,
    /// What happened in this case.
    pub detail: String,
    /// The code: programs go by it.
    pub code: &'static str,
    /// The request's id, as the log has it.
    pub request: String,
}

/// The media type of problems.
pub const MEDIA: &str = "application/problem+json";

impl Problem {
    /// Of this kind.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            secret: String::new(),
            retry_after: None,
        }
    }

    /// There is no such thing.
    pub fn not_found(what: &str, name: &str) -> Self {
        let name: String = name.chars().take(80).collect();
        Self::new(Code::NotFound, format!("there is no {what} {name:?} here"))
    }

    /// The server failed; why is told to the log alone.
    pub fn failed(secret: impl Into<String>) -> Self {
        Self {
            secret: secret.into(),
            ..Self::new(Code::Failed, "the server could not answer")
        }
    }

    /// Come again after so many seconds.
    pub fn busy(seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(Code::Busy, format!("try again in {seconds} s"))
        }
    }

    /// These parts of the program do not work now: look again after a while.
    pub fn not_ready(parts: &[String]) -> Self {
        Self {
            retry_after: Some(5),
            ..Self::new(Code::NotReady, format!("troubled: {}", parts.join(", ")))
        }
    }

    /// The space could not be started; why, for those who may see it.
    pub fn closed(why: impl Into<String>) -> Self {
        Self {
            retry_after: Some(60),
            ..Self::new(Code::SpaceClosed, why.into())
        }
    }

    /// Too much was asked in a short time: come again after so many seconds.
    pub fn too_many(seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(Code::TooMany, format!("try again in {seconds} s"))
        }
    }

    /// Nobody is known by what was sent.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(Code::Unauthenticated, detail)
    }

    /// As it is sent, to the request of that id.
    pub fn response(&self, request: &str) -> Response<Body> {
        let (status, code, title, _) = self.code.about();
        let sent = Sent {
            kind: format!("/v1/problems/{code}"),
            title,
            status: status.as_u16(),
            detail: self.detail.clone(),
            code,
            request: request.to_string(),
        };
        // Plain fields always have a JSON form.
        let body = serde_json::to_vec(&sent).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::Unauthenticated {
            // RFC 9110, section 15.5.2: a 401 names a way to do better.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<super::house::Fault> for Problem {
    fn from(fault: super::house::Fault) -> Self {
        match fault {
            super::house::Fault::Failed(why) => Self::failed(why),
            super::house::Fault::Busy => Self::busy(2),
            fault @ super::house::Fault::NotRunning => Self::new(Code::NotFound, fault.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Help};

    #[test]
    fn every_code_has_one_word_of_its_own_and_says_what_to_do() {
        let mut words: Vec<&str> = Code::ALL.iter().map(|code| code.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            let help = Help::named(code.word()).unwrap();
            assert!(help.status >= 400 && help.to_do.len() > 20, "{help:?}");
        }
        assert!(Help::named("nonsense").is_none());
    }
}
