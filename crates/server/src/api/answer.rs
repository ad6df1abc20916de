//! How a request is answered: who asks, whether they may, what the route does, and what is written of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequestParts as _, Path, Request};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use model::people::Audited;
use tokio::sync::Semaphore;

use super::gate::id_of;
#[cfg(feature = "mcp")]
use super::mcp;
use super::problem::{Code, Problem};
use super::refusals::{Refusal, refused};
use super::route::{self, Answer, Asked, Route, Work};
use super::{
    ANSWER, Api, LONGEST_BODY, QUEUE, READ, admit, follow, metrics, once, page, transfers,
};
use crate::auth::Who;

/// Who asked, as far as that was found out: what an audit log needs of a request that was refused, too.
struct Trail {
    who: Who,
    address: String,
    /// They showed something, whether or not it holds.
    showed: bool,
    /// They may not; of a space that they may not see they are told that there is none.
    refused: bool,
}

/// Answers, or says what went wrong.
pub async fn answered(api: &Arc<Api>, route: &Arc<Route>, request: Request) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let id = id_of(&parts.extensions).to_string();
    let came = admit::came(api, &parts);
    let mut trail = Trail {
        who: Who::nobody(),
        address: came.address.clone(),
        showed: came.cookie.is_some() || parts.headers.contains_key(AUTHORIZATION),
        refused: false,
    };
    let (response, code) = match attempt(api, route, &mut parts, body, came, &mut trail).await {
        Ok(response) => (response, ""),
        Err(problem) => {
            if !problem.secret.is_empty() {
                tracing::error!(request = id, route = route.path, "{}", problem.secret);
            }
            (problem.response(&id), problem.code.word())
        }
    };
    let turned_away = matches!(response.status().as_u16(), 401 | 403 | 429);
    if turned_away || trail.refused {
        let refusal = Refusal {
            status: response.status().as_u16(),
            code,
            route: route.name,
            who: trail.who.name.clone(),
            via: admit::via(&trail.who),
            address: trail.address.clone(),
            request: id.clone(),
        };
        refused(api, &refusal);
    }
    audited(api, route, &parts, &trail, response.status(), (code, &id)).await;
    response
}

/// Writes into the audit log what altered something or tried to, and who was turned away with what they showed.
async fn audited(
    api: &Api,
    route: &Route,
    parts: &Parts,
    trail: &Trail,
    status: StatusCode,
    (code, id): (&str, &str),
) {
    let turned_away = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
    let Some(accounts) = api.house.accounts() else {
        return;
    };
    let tried = match route.work {
        Work::Deed(_) | Work::Upload(_) => true,
        // Whoever posts shows a proof of some kind.
        Work::Inlet => turned_away,
        _ => {
            let somebody = trail.showed || trail.who.known();
            somebody && (turned_away || trail.refused)
        }
    };
    if !tried {
        return;
    }
    let done = Audited {
        at: api.clock.now(),
        who: trail.who.name.clone(),
        via: admit::via(&trail.who),
        address: trail.address.clone(),
        what: route.name.to_string(),
        target: parts.uri.path().chars().take(300).collect(),
        status: status.as_u16(),
        code: code.to_string(),
        request: id.to_string(),
        unwritten: 0,
    };
    let written = tokio::task::spawn_blocking(move || accounts.audit(done)).await;
    if let Ok(Err(error)) = written {
        tracing::error!(%error, request = id, "the audit log could not be written");
    }
}

async fn attempt(
    api: &Arc<Api>,
    route: &Arc<Route>,
    parts: &mut Parts,
    body: Body,
    came: route::Came,
    trail: &mut Trail,
) -> Result<Response<Body>, Problem> {
    let params = match Path::<BTreeMap<String, String>>::from_request_parts(parts, &()).await {
        Ok(Path(params)) => params,
        Err(error) => return Err(Problem::new(Code::BadRequest, error.body_text())),
    };
    let from = match &route.work {
        Work::Events => Some(follow::from(parts)?),
        _ => None,
    };
    let named = params.get("space").cloned();
    of_space(api, named.as_deref());
    if matches!(route.work, Work::Inlet) {
        // Before it is asked who somebody is: only the inlet's own proof counts here.
        let inlet = params.get("inlet").map_or("", String::as_str);
        let space = named.as_deref().and_then(|name| api.house.space(name));
        let space = space.ok_or_else(|| match &named {
            // It comes again when the space is mended. What is wrong with it is nobody's business here.
            Some(name) if api.house.closed(name).is_some() => {
                Problem::closed("nothing is taken here now; send it again later")
            }
            _ => Problem::not_found("inlet", inlet),
        })?;
        return crate::inlets::received(space, inlet, parts, body, &api.posts).await;
    }
    let named = named.or_else(|| from.as_ref().map(|from| from.space.clone()));
    of_space(api, named.as_deref());
    let (own, headers, needs) = (Arc::clone(api), parts.headers.clone(), route.permission);
    let visitor = worked(&api.work, move || {
        admit::visitor(&own, &headers, came, needs)
    })
    .await?;
    trail.who.clone_from(&visitor.who);
    admit::in_time(api, route, &visitor)?;
    let space = admit::permitted(api, route, named.as_deref(), &visitor.who);
    trail.refused = space.is_err();
    let space = space?;
    admit::not_forged(route, &parts.headers, &visitor)?;
    match &route.work {
        Work::Inlet => Err(Problem::failed("an inlet is answered above")),
        Work::Events => {
            let name = named.unwrap_or_default();
            let over = follow::while_they_may(api, &name, parts, visitor.came);
            let after = from.and_then(|from| from.after);
            follow::streamed(api, &name, after, parts, over).await
        }
        Work::Metrics => {
            let (house, metrics) = (Arc::clone(&api.house), Arc::clone(&api.metrics));
            let written = move || {
                let mut health = house.health();
                health.retain(|space, _| visitor.who.may(Some(space), route::Permission::Read));
                Ok(metrics.written(&health))
            };
            let text = worked(&api.work, written).await?;
            let mut response = Response::new(Body::from(text));
            let media = HeaderValue::from_static(metrics::MEDIA);
            response.headers_mut().insert(CONTENT_TYPE, media);
            Ok(response)
        }
        #[cfg(feature = "mcp")]
        Work::Mcp => {
            let body = read(&parts.headers, body, false).await?;
            mcp::answered(api, parts, body).await
        }
        Work::Answer(_) | Work::Deed(_) | Work::Upload(_) | Work::Download(_) => {
            let accept = parts
                .headers
                .get(ACCEPT)
                .and_then(|accept| accept.to_str().ok());
            // What is sent is a question, which takes a whole look: few at once.
            let mut stream = None;
            let (body, turns) = match (route.body, &route.work) {
                (None, _) => {
                    stream = Some(body);
                    (Bytes::new(), &api.work)
                }
                (Some(_), Work::Deed(deed)) => {
                    let turns = if deed.hashes { &api.hashes } else { &api.work };
                    (read(&parts.headers, body, true).await?, turns)
                }
                (Some(_), _) => (read(&parts.headers, body, false).await?, &api.looks),
            };
            let asked = Asked {
                who: visitor.who,
                came: visitor.came,
                house: Arc::clone(&api.house),
                space,
                params,
                uri: parts.uri.clone(),
                accept: accept.unwrap_or_default().to_string(),
                now: api.clock.now(),
                body,
            };
            match &route.work {
                Work::Deed(deed) => {
                    let key = once::key(&parts.headers)?;
                    let (deed, running) = (deed.clone(), Arc::clone(&api.running));
                    let method = parts.method.to_string();
                    let outcome = worked(turns, move || {
                        once::perform(&running, &deed, key.as_deref(), &method, &asked)
                    });
                    Ok(done(outcome.await?))
                }
                Work::Answer(handler) => {
                    let handler = Arc::clone(handler);
                    let answer = worked(turns, move || handler(&asked)).await?;
                    Ok(sent(answer, &parts.headers))
                }
                Work::Upload(take) => {
                    let body = stream.unwrap_or_default();
                    let turns = &api.transfers;
                    let answer = transfers::take(turns, take, asked, &parts.headers, body).await?;
                    Ok(sent(answer, &HeaderMap::new()))
                }
                Work::Download(fetch) => transfers::give(&api.transfers, fetch, asked).await,
                _ => Err(Problem::failed("no handler")),
            }
        }
    }
}

/// Lets the request's span name the space that it is about, if there is one of that name.
fn of_space(api: &Api, name: Option<&str>) {
    let known = |name: &&str| api.house.space(name).is_some() || api.house.closed(name).is_some();
    if let Some(name) = name.filter(known) {
        tracing::Span::current().record("space", name);
    }
}

/// What a deed gave. It is no state that could be asked for again, so it has no tag.
fn done(outcome: once::Outcome) -> Response<Body> {
    let mut response = Response::new(Body::from(outcome.body));
    *response.status_mut() = outcome.status;
    let headers = response.headers_mut();
    if let Ok(media) = HeaderValue::from_str(&outcome.media) {
        headers.insert(CONTENT_TYPE, media);
    }
    if outcome.replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    if let Some(cookie) = outcome
        .cookie
        .and_then(|cookie| HeaderValue::from_str(&cookie).ok())
    {
        headers.insert(SET_COOKIE, cookie);
    }
    response
}

/// What is sent, if it is JSON, short enough, and there in time; or nothing, where that will do.
async fn read(headers: &HeaderMap, body: Body, or_nothing: bool) -> Result<Bytes, Problem> {
    if or_nothing && body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    // A form that a page of another site sends is never of this type without asking first.
    if !kind.trim().eq_ignore_ascii_case(route::JSON) {
        return Err(Problem::new(
            Code::UnsupportedMedia,
            "expected Content-Type application/json",
        ));
    }
    let too_large = || {
        Problem::new(
            Code::TooLarge,
            format!("a body has at most {LONGEST_BODY} bytes, and ends where it says"),
        )
    };
    if body.size_hint().lower() > LONGEST_BODY as u64 {
        return Err(too_large());
    }
    let reading = axum::body::to_bytes(body, LONGEST_BODY);
    match tokio::time::timeout(READ, reading).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Problem::new(
            Code::Timeout,
            format!("the body was not there within {} s", READ.as_secs()),
        )),
    }
}

/// Does what may wait for the disk, off the event loop, when it is its turn.
async fn worked<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let turn = tokio::time::timeout(QUEUE, Arc::clone(turns).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return Err(Problem::busy(2));
    };
    let working = tokio::task::spawn_blocking(move || {
        // Held until the work is really over, also if nobody waits for it any more.
        let _turn = turn;
        work()
    });
    match tokio::time::timeout(ANSWER, working).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(Problem::failed(format!("a handler failed: {error}"))),
        Err(_) => Err(Problem {
            detail: format!("the answer was not there within {} s", ANSWER.as_secs()),
            ..Problem::busy(5)
        }),
    }
}

/// The answer, or word that it is as the client knows it.
pub fn sent(answer: Answer, headers: &HeaderMap) -> Response<Body> {
    let digest = blake3::hash(&answer.body).to_hex();
    let tag = format!("\"{}\"", &digest.as_str()[..24]);
    let known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|known| known.to_str().ok())
        .flat_map(|known| known.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*");
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    headers.insert("vary", HeaderValue::from_static("accept"));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.media));
    if answer.media.starts_with("text/html") && answer.media != page::MEDIA {
        headers.insert(
            "content-security-policy",
            HeaderValue::from_static(page::SHEET_POLICY),
        );
    }
    *response.body_mut() = Body::from(answer.body);
    response
}
