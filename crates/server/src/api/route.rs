//! A route: its address, who may use it, what it takes and gives, and the function that answers. The router and the
//! API's description are both made from one list of these, so neither can know an address that the other does not.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::Query;
use axum::http::{Method, StatusCode, Uri};
use model::time::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::house::{House, Space};
use super::problem::{Code, Problem};
use crate::auth::{Accounts, Who};

/// What somebody must be allowed to do for a route to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Nothing: it tells nothing of any space.
    Open,
    /// See what there is in the space.
    Read,
    /// Attend to incidents: note, close, judge, split, merge, link, silence, look again.
    Respond,
    /// Say yes to a plan.
    Approve,
    /// Decide who may what.
    Manage,
    /// Hold the secret of the inlet that is posted to.
    Signed,
}

impl Permission {
    /// As the API's description has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Respond => "respond",
            Self::Approve => "approve",
            Self::Manage => "manage",
            Self::Signed => "signed",
        }
    }
}

/// A request on its way to its handler.
pub struct Asked {
    /// Who asks. What the route needs was checked before.
    pub who: Who,
    /// How they came.
    pub came: Came,
    /// The house.
    pub house: Arc<dyn House>,
    /// The space that the address names; `None` where it names none.
    pub space: Option<Arc<dyn Space>>,
    /// What stands in the address, by name.
    pub params: BTreeMap<String, String>,
    /// The address as it was asked for.
    pub uri: Uri,
    /// The `Accept` header; empty if there was none.
    pub accept: String,
    /// When it was asked.
    pub now: Timestamp,
    /// What was sent; empty where a route takes nothing.
    pub body: Bytes,
}

/// How a request came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Came {
    /// From which address.
    pub address: String,
    /// Over TLS, here or at the proxy?
    pub secure: bool,
    /// The token in the session's cookie, if it brought one, whether or not it holds.
    pub cookie: Option<String>,
    /// The token of the session that it belongs to.
    pub session: Option<String>,
    /// When what lets them in ends; `None` for never.
    pub until: Option<Timestamp>,
    /// As what the server is asked, such as `127.0.0.1:8787`.
    pub host: String,
}

impl Asked {
    /// Accounts, where the house keeps them.
    pub fn accounts(&self) -> Result<Arc<Accounts>, Problem> {
        let accounts = self.house.accounts();
        accounts.ok_or_else(|| Problem::new(Code::NotFound, "this server keeps no accounts"))
    }

    /// A part of the address. Empty where the route's path has no such part, which a test excludes.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}

/// What a handler gave, written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its media type.
    pub media: &'static str,
    /// The bytes.
    pub body: Vec<u8>,
}

/// What a handler may give.
pub trait Gives {
    /// The media types it may be written in, and what each looks like, where that can be said.
    fn described(shapes: &mut SchemaGenerator) -> Vec<(&'static str, Option<Schema>)>;
    /// Writes it.
    fn written(self) -> Result<Answer, Problem>;
    /// What the browser is to keep, as `Set-Cookie` has it.
    fn cookie(&self) -> Option<String> {
        None
    }
}

/// A value as JSON.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// The media type of everything but texts.
pub const JSON: &str = "application/json";

impl<T: Serialize + JsonSchema> Gives for Json<T> {
    fn described(shapes: &mut SchemaGenerator) -> Vec<(&'static str, Option<Schema>)> {
        vec![(JSON, Some(shapes.subschema_for::<T>()))]
    }

    fn written(self) -> Result<Answer, Problem> {
        let body = serde_json::to_vec(&self.0)
            .map_err(|error| Problem::failed(format!("an answer has no JSON form: {error}")))?;
        Ok(Answer { media: JSON, body })
    }
}

/// A part of a list, and where the next part begins.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct Listed<T> {
    /// The items of this part.
    pub items: Vec<T>,
    /// To be given as `cursor` for the next part; `null` if this was the last.
    pub next: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Part {
    /// `next` of the part before; without it the first part.
    pub cursor: Option<String>,
    /// Items in one part, from 1 to 200; 50 if nothing is said.
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
}

/// Items in one part, unless told otherwise.
pub const USUAL: u32 = 50;
/// And at most.
pub const MOST: u32 = 200;

impl Part {
    /// How many items.
    pub fn limit(&self) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(Problem::new(
                Code::BadRequest,
                format!("limit is {limit}; it may be from 1 to {MOST}"),
            ));
        }
        Ok(limit as usize)
    }

    /// Of all items the part that is wanted; `key` names each, differently. A cursor is the key of the last item
    /// that was given, so what is added in the meantime shifts nothing.
    pub fn of<T>(
        &self,
        all: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> Result<Listed<T>, Problem> {
        let limit = self.limit()?;
        let mut all = all.into_iter();
        if let Some(cursor) = &self.cursor
            && !all.any(|item| key(&item) == *cursor)
        {
            return Err(Problem::new(
                Code::BadRequest,
                "the cursor names nothing in this list; begin again without it",
            ));
        }
        let mut items = Vec::new();
        for item in all {
            if items.len() == limit {
                let next = items.last().map(&key);
                return Ok(Listed { items, next });
            }
            items.push(item);
        }
        Ok(Listed { items, next: None })
    }
}

impl<T> Listed<T> {
    /// The same part with each item made into another.
    pub fn try_map<U>(
        self,
        make: impl FnMut(T) -> Result<U, Problem>,
    ) -> Result<Listed<U>, Problem> {
        Ok(Listed {
            items: self.items.into_iter().map(make).collect::<Result<_, _>>()?,
            next: self.next,
        })
    }
}

/// A route that takes nothing beyond its address.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Nothing {}

/// Bytes on their way to whoever asked for them.
pub struct Download {
    /// Their media type.
    pub media: &'static str,
    /// What a browser calls the file.
    pub name: String,
    /// How many there are.
    pub length: u64,
    /// They themselves.
    pub bytes: Box<dyn Read + Send>,
}

/// Makes ready what is to be sent, byte by byte.
pub type Fetch = Arc<dyn Fn(&Asked) -> Result<Download, Problem> + Send + Sync>;
/// Takes what comes, byte by byte.
pub type Take = Arc<dyn Fn(&Asked, &mut dyn Read) -> Result<Answer, Problem> + Send + Sync>;

/// The media type of what is sent up and down.
pub const ZSTD: &str = "application/zstd";

type Handler = Arc<dyn Fn(&Asked) -> Result<Answer, Problem> + Send + Sync>;

/// What a deed came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What is said of it.
    pub answer: Answer,
    /// What the browser is to keep.
    pub cookie: Option<String>,
}

type Doing = Arc<dyn Fn(&Asked) -> Result<Done, Problem> + Send + Sync>;

/// How a route that alters something does it.
#[derive(Clone)]
pub struct Deed {
    /// What it does.
    pub handler: Doing,
    /// The status of its answer when it was done.
    pub status: StatusCode,
    /// It is what lets somebody in: whoever comes has no session yet, and so no token against forgery.
    pub at_the_door: bool,
    /// It hashes a password: a few at once.
    pub hashes: bool,
    /// Its answer holds what nobody may see again.
    pub secret: bool,
}

impl Deed {
    fn new(handler: impl Fn(&Asked) -> Result<Done, Problem> + Send + Sync + 'static) -> Self {
        Self {
            handler: Arc::new(handler),
            status: StatusCode::OK,
            at_the_door: false,
            hashes: false,
            secret: false,
        }
    }
}

/// What was given, written, with what the browser is to keep.
fn given<G: Gives>(given: G) -> Result<Done, Problem> {
    let cookie = given.cookie();
    Ok(Done {
        answer: given.written()?,
        cookie,
    })
}

/// How a route answers.
#[derive(Clone)]
pub enum Work {
    /// At once, off the event loop.
    Answer(Handler),
    /// By altering something: only for whom it is known who they are, against forgery across sites, once for each
    /// idempotency key.
    Deed(Deed),
    /// By taking what comes, byte by byte: under the same conditions as a deed.
    Upload(Take),
    /// With bytes that are not held in memory.
    Download(Fetch),
    /// In a protocol of its own, which the API's description does not have.
    #[cfg(feature = "mcp")]
    Mcp,
    /// With a stream of what happens in the space.
    Events,
    /// With the server's own numbers.
    Metrics,
    /// By taking what an inlet is sent.
    Inlet,
}

/// What a route gives, for the description.
pub type Described = fn(&mut SchemaGenerator) -> Vec<(&'static str, Option<Schema>)>;

/// One address with one method.
#[derive(Clone)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The address, with `{name}` for what stands in it.
    pub path: String,
    /// A name of its own, for programs made from the description.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// Who may use it.
    pub permission: Permission,
    /// What it takes after the question mark.
    pub query: fn(&mut SchemaGenerator) -> Schema,
    /// What is sent with it, as JSON; `None` where nothing is.
    pub body: Option<fn(&mut SchemaGenerator) -> Schema>,
    /// What it gives.
    pub gives: Described,
    /// How it answers.
    pub work: Work,
}

/// Where the addresses of a space begin.
pub const SPACE: &str = "/v1/spaces/{space}";

/// What follows the question mark, if it can be read.
fn query<Q: DeserializeOwned>(asked: &Asked) -> Result<Q, Problem> {
    Query::<Q>::try_from_uri(&asked.uri)
        .map(|Query(query)| query)
        .map_err(|error| Problem::new(Code::BadRequest, error.body_text()))
}

/// What was sent, as JSON; nothing at all counts as an empty object.
fn sent<B: DeserializeOwned>(asked: &Asked) -> Result<B, Problem> {
    let body: &[u8] = if asked.body.is_empty() {
        b"{}"
    } else {
        &asked.body
    };
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(Code::BadRequest, format!("the body: {error}")))
}

/// The space that is asked for, if the house has it.
fn space_of(asked: &Asked) -> Result<&dyn Space, Problem> {
    asked
        .space
        .as_deref()
        .ok_or_else(|| Problem::not_found("space", ""))
}

impl Route {
    /// Reads something of a space: `path` follows the space's own.
    pub fn of_space<Q, G>(
        path: &str,
        name: &'static str,
        summary: &'static str,
        handler: fn(&dyn Space, &Asked, Q) -> Result<G, Problem>,
    ) -> Self
    where
        Q: DeserializeOwned + JsonSchema + 'static,
        G: Gives + 'static,
    {
        let work = move |asked: &Asked| {
            let space = space_of(asked)?;
            handler(space, asked, query(asked)?)?.written()
        };
        Self {
            method: Method::GET,
            path: format!("{SPACE}{path}"),
            name,
            summary,
            permission: Permission::Read,
            query: Q::json_schema,
            body: None,
            gives: G::described,
            work: Work::Answer(Arc::new(work)),
        }
    }

    /// Asks a space something that is sent as JSON. Nothing is altered.
    pub fn question<B, G>(
        path: &str,
        name: &'static str,
        summary: &'static str,
        handler: fn(&dyn Space, &Asked, B) -> Result<G, Problem>,
    ) -> Self
    where
        B: DeserializeOwned + JsonSchema + 'static,
        G: Gives + 'static,
    {
        let work = move |asked: &Asked| {
            let space = space_of(asked)?;
            let Nothing {} = query(asked)?;
            handler(space, asked, sent(asked)?)?.written()
        };
        Self {
            method: Method::POST,
            path: format!("{SPACE}{path}"),
            name,
            summary,
            permission: Permission::Read,
            query: Nothing::json_schema,
            body: Some(SchemaGenerator::subschema_for::<B>),
            gives: G::described,
            work: Work::Answer(Arc::new(work)),
        }
    }

    /// Alters something in a space, as whoever asks ([`Asked::who`]): `path` follows the space's own. What is sent is
    /// JSON; nothing at all counts as `{}`.
    pub fn deed<B, G>(
        path: &str,
        name: &'static str,
        summary: &'static str,
        permission: Permission,
        handler: fn(&dyn Space, &Asked, B) -> Result<G, Problem>,
    ) -> Self
    where
        B: DeserializeOwned + JsonSchema + 'static,
        G: Gives + 'static,
    {
        let work = move |asked: &Asked| {
            let space = space_of(asked)?;
            let Nothing {} = query(asked)?;
            given(handler(space, asked, sent(asked)?)?)
        };
        Self {
            method: Method::POST,
            path: format!("{SPACE}{path}"),
            name,
            summary,
            permission,
            query: Nothing::json_schema,
            body: Some(SchemaGenerator::subschema_for::<B>),
            gives: G::described,
            work: Work::Deed(Deed::new(work)),
        }
    }

    /// Alters something that belongs to no space, or to whoever asks alone.
    pub fn deed_of_house<B, G>(
        (method, path): (Method, &str),
        name: &'static str,
        summary: &'static str,
        permission: Permission,
        handler: fn(&dyn House, &Asked, B) -> Result<G, Problem>,
    ) -> Self
    where
        B: DeserializeOwned + JsonSchema + 'static,
        G: Gives + 'static,
    {
        let work = move |asked: &Asked| {
            let Nothing {} = query(asked)?;
            given(handler(&*asked.house, asked, sent(asked)?)?)
        };
        // What is deleted is named by its address.
        let body = (method != Method::DELETE)
            .then_some(SchemaGenerator::subschema_for::<B> as fn(&mut SchemaGenerator) -> Schema);
        Self {
            method,
            path: path.to_string(),
            name,
            summary,
            permission,
            query: Nothing::json_schema,
            body,
            gives: G::described,
            work: Work::Deed(Deed::new(work)),
        }
    }

    /// Removes what its address names in a space, as whoever asks: `path` follows the space's own.
    pub fn removal<G>(
        path: &str,
        name: &'static str,
        summary: &'static str,
        permission: Permission,
        handler: fn(&dyn Space, &Asked, Nothing) -> Result<G, Problem>,
    ) -> Self
    where
        G: Gives + 'static,
    {
        Self {
            method: Method::DELETE,
            body: None,
            ..Self::deed(path, name, summary, permission, handler)
        }
    }

    /// Takes bytes into a space, as whoever asks: `path` follows the space's own.
    pub fn upload<G>(
        path: &str,
        name: &'static str,
        summary: &'static str,
        permission: Permission,
        handler: fn(&dyn Space, &Asked, &mut dyn Read) -> Result<G, Problem>,
    ) -> Self
    where
        G: Gives + 'static,
    {
        let take = move |asked: &Asked, bytes: &mut dyn Read| {
            let Nothing {} = query(asked)?;
            handler(space_of(asked)?, asked, bytes)?.written()
        };
        Self {
            method: Method::PUT,
            path: format!("{SPACE}{path}"),
            name,
            summary,
            permission,
            query: Nothing::json_schema,
            body: None,
            gives: G::described,
            work: Work::Upload(Arc::new(take)),
        }
    }

    /// Gives bytes of a space: `path` follows the space's own.
    pub fn download(
        path: &str,
        name: &'static str,
        summary: &'static str,
        handler: fn(&dyn Space, &Asked, Nothing) -> Result<Download, Problem>,
    ) -> Self {
        let fetch = move |asked: &Asked| handler(space_of(asked)?, asked, query(asked)?);
        Self {
            method: Method::GET,
            path: format!("{SPACE}{path}"),
            name,
            summary,
            permission: Permission::Read,
            query: Nothing::json_schema,
            body: None,
            gives: |_| vec![(ZSTD, None)],
            work: Work::Download(Arc::new(fetch)),
        }
    }

    /// Does it alter something?
    pub fn alters(&self) -> bool {
        matches!(self.work, Work::Deed(_) | Work::Upload(_))
    }

    /// The same route, answering with another status when it was done.
    pub fn answering(self, status: StatusCode) -> Self {
        self.with(|deed| deed.status = status)
    }

    /// The same route, as one that lets somebody in.
    pub fn at_the_door(self) -> Self {
        self.hashing().letting_in()
    }

    /// The same, where no password is hashed.
    pub fn letting_in(self) -> Self {
        self.secret().with(|deed| deed.at_the_door = true)
    }

    /// The same route, as one that hashes passwords.
    pub fn hashing(self) -> Self {
        self.with(|deed| deed.hashes = true)
    }

    /// The same route, as one whose answer is not kept.
    pub fn secret(self) -> Self {
        self.with(|deed| deed.secret = true)
    }

    fn with(mut self, alter: impl FnOnce(&mut Deed)) -> Self {
        if let Work::Deed(deed) = &mut self.work {
            alter(deed);
        }
        self
    }

    /// Reads something that belongs to no space.
    pub fn of_house<Q, G>(
        path: &str,
        name: &'static str,
        summary: &'static str,
        permission: Permission,
        handler: fn(&dyn House, &Asked, Q) -> Result<G, Problem>,
    ) -> Self
    where
        Q: DeserializeOwned + JsonSchema + 'static,
        G: Gives + 'static,
    {
        let work = move |asked: &Asked| handler(&*asked.house, asked, query(asked)?)?.written();
        Self {
            method: Method::GET,
            path: path.to_string(),
            name,
            summary,
            permission,
            query: Q::json_schema,
            body: None,
            gives: G::described,
            work: Work::Answer(Arc::new(work)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Part;

    fn part(cursor: Option<&str>, limit: u32) -> Part {
        Part {
            cursor: cursor.map(str::to_string),
            limit: Some(limit),
        }
    }

    #[test]
    fn parts_follow_each_other_without_gap_or_repetition() {
        let all: Vec<u32> = (0..23).collect();
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let listed = part(cursor.as_deref(), 5)
                .of(all.clone(), u32::to_string)
                .unwrap();
            seen.extend(listed.items);
            cursor = listed.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for bad in [part(None, 0), part(None, 201), part(Some("x"), 5)] {
            assert!(bad.of(vec![1, 2], i32::to_string).is_err(), "{bad:?}");
        }
        let none = part(None, 5).of(Vec::<i32>::new(), i32::to_string).unwrap();
        assert!(none.items.is_empty() && none.next.is_none());
    }
}
