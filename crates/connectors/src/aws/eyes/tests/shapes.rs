//! Requests and answers, held against the model of the service ([`Model`]): a request is whole and has nothing that AWS does
//! not take; an answer may say less than AWS would, and nothing that AWS cannot say.
//!
//! The protocols are those of the Smithy specification (`awsJson`, `awsQuery`, `ec2Query`, `restJson1`, `restXml`,
//! `rpcv2Cbor`): <https://smithy.io/2.0/aws/protocols/index.html>.

use std::collections::{BTreeMap, BTreeSet};

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use minicbor::data::Type;
use quick_xml::events::Event;
use serde_json::{Map, Number, Value};

use super::double::Said;
use super::models::{Model, Operation, Ref, Shape};

/// An operation that was asked for as its model says.
#[derive(Debug)]
pub struct Asked {
    model: &'static Model,
    /// Which of its protocols is spoken.
    protocol: &'static str,
    name: String,
    operation: &'static Operation,
}

/// The operation that a request to this service is; none where no models are installed.
///
/// # Errors
/// What of the request AWS would not take.
pub fn asked(service: &str, request: &HttpRequest) -> Result<Option<Asked>, String> {
    let Some(model) = Model::of(service) else {
        return Ok(None);
    };
    let header = |name: &str| request.headers().get(name).unwrap_or_default();
    let body = request.body().bytes().unwrap_or_default();
    let text = String::from_utf8_lossy(body);
    let uri = request.uri();
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut form: Vec<(String, String)> = pairs(&text);
    let mut taken = BTreeMap::new();
    let protocol = spoken(model, header("smithy-protocol"), header("x-amz-target"))?;
    let name = match protocol {
        "json" => {
            let target = header("x-amz-target").split_once('.');
            let (prefix, name) = target.ok_or("it has no target")?;
            // Some models have the package before it, which no client of their makers' sends.
            let whole = model.metadata.target_prefix.as_str();
            if ![whole, whole.rsplit('.').next().unwrap_or_default()].contains(&prefix) {
                return Err(format!("its target begins with {prefix}"));
            }
            name.to_string()
        }
        "smithy-rpc-v2-cbor" => path.rsplit('/').next().unwrap_or_default().to_string(),
        "query" | "ec2" => {
            let mut word = |name: &str| {
                let at = form.iter().position(|(key, _)| key == name)?;
                Some(form.swap_remove(at).1)
            };
            let version = word("Version").unwrap_or_default();
            if version != model.metadata.api_version {
                return Err(format!("its version is {version}"));
            }
            word("Action").ok_or("it names no action")?
        }
        _ => {
            let routed = model.routed(request.method(), path);
            let (name, parts) = routed.ok_or(format!("no operation is at {path}"))?;
            taken = parts;
            name.to_string()
        }
    };
    let operation = model.operations.get(&name);
    let operation = operation.ok_or(format!("there is no {name}"))?;
    let asked = Asked {
        model,
        protocol,
        name,
        operation,
    };
    let Some(input) = &operation.input else {
        return Ok(Some(asked));
    };
    let shape = model.shape(input);
    let within = |why: String| format!("{}: {why}", asked.name);
    let check = Check {
        model,
        whole: true,
        wire: match protocol {
            "json" | "rest-json" => Wire::Json,
            "smithy-rpc-v2-cbor" => Wire::Cbor,
            _ => Wire::Text,
        },
    };
    let said = match protocol {
        "json" => serde_json::from_slice(body).map_err(|error| within(error.to_string()))?,
        "smithy-rpc-v2-cbor" => decoded(body).map_err(|error| within(error.to_string()))?,
        "query" | "ec2" => {
            let mut left: BTreeMap<String, String> = form.into_iter().collect();
            let said = check.formed(input, "", &mut left);
            if let Some(name) = left.keys().next() {
                return Err(within(format!("{name} is not known")));
            }
            said.unwrap_or_else(|| Value::Object(Map::new()))
        }
        protocol => {
            let body = match (protocol, body.is_empty()) {
                (_, true) => Map::new(),
                ("rest-xml", _) => {
                    let said = check.read(input, &Node::parsed(&text)?)?;
                    said.as_object().cloned().unwrap_or_default()
                }
                _ => serde_json::from_slice(body).map_err(|error| within(error.to_string()))?,
            };
            let headers = request.headers().iter();
            let headers: Vec<_> = headers
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect();
            Value::Object(check.placed(shape, body, &taken, &pairs(query), &headers)?)
        }
    };
    check.holds(input, &said, "").map_err(within)?;
    Ok(Some(asked))
}

/// The protocol that these headers tell of, if the service speaks it; without any, that which needs none.
fn spoken(model: &'static Model, smithy: &str, target: &str) -> Result<&'static str, String> {
    let wanted: &[&str] = match (smithy, target) {
        ("", "") => &["query", "ec2", "rest-json", "rest-xml"],
        ("", _) => &["json"],
        _ => &["smithy-rpc-v2-cbor"],
    };
    let all = model.metadata.protocols.iter();
    let mut all = all.chain([&model.metadata.protocol]);
    let spoken = all.find(|known| wanted.contains(&known.as_str()));
    spoken
        .map(String::as_str)
        .ok_or_else(|| format!("it speaks none of {wanted:?}"))
}

impl Asked {
    /// Is that an answer of AWS to this call?
    ///
    /// # Errors
    /// What of it AWS would not say, or that another call was taken for this one.
    pub fn answered(&self, action: &str, said: &Said) -> Result<(), String> {
        let within = |why: String| format!("{}: {why}", self.name);
        if !action.ends_with(&format!(":{}", self.name)) {
            return Err(format!("it is {}", self.name));
        }
        let check = Check {
            model: self.model,
            whole: false,
            wire: match said {
                Said::Xml(..) => Wire::Text,
                _ if self.protocol.ends_with("cbor") => Wire::Cbor,
                _ => Wire::Json,
            },
        };
        let texts = matches!(self.protocol, "query" | "ec2" | "rest-xml");
        match said {
            Said::Silence | Said::Odd(_) => Ok(()),
            Said::Json(..) if texts => Err(within("it is JSON".to_string())),
            Said::Xml(..) if !texts => Err(within("it is XML".to_string())),
            Said::Json(status, value) if *status >= 300 => {
                let code = value["__type"].as_str().unwrap_or_default();
                self.refused(*status, code).map_err(within)
            }
            Said::Xml(status, text) if *status >= 300 => {
                let node = Node::parsed(text).map_err(within)?;
                let code = node.find("Code").map_or("", |code| &code.text);
                self.refused(*status, code).map_err(within)
            }
            Said::Json(_, value) => match &self.operation.output {
                Some(output) => {
                    let shape = self.model.shape(output);
                    let body = shape.payload.as_ref().map(|name| &shape.members[name]);
                    check
                        .holds(body.unwrap_or(output), value, "")
                        .map_err(within)
                }
                None => Ok(()),
            },
            Said::Xml(_, text) => {
                let Some(output) = &self.operation.output else {
                    return Ok(());
                };
                let root = Node::parsed(text).map_err(within)?;
                let result = match &output.result_wrapper {
                    Some(wrapper) => {
                        let result = root.children.iter().find(|child| child.name == *wrapper);
                        result.ok_or_else(|| within(format!("it has no {wrapper}")))?
                    }
                    None => &root,
                };
                let shape = self.model.shape(output);
                let body = shape.payload.as_ref().map(|name| &shape.members[name]);
                let body = body.unwrap_or(output);
                let value = check.read(body, result).map_err(within)?;
                check.holds(body, &value, "").map_err(within)
            }
        }
    }

    /// Is that an error of this service? What broke (5xx) may have no name.
    fn refused(&self, status: u16, code: &str) -> Result<(), String> {
        match self.model.has_error(code) || (status >= 500 && code.is_empty()) {
            true => Ok(()),
            false => Err(format!("there is no error {code:?}")),
        }
    }
}

/// How values look where a message has no schema of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    Json,
    Cbor,
    /// All is text: XML, and forms.
    Text,
}

/// How something is held against a model.
struct Check {
    model: &'static Model,
    /// Must all be there that is required, within its bounds?
    whole: bool,
    wire: Wire,
}

impl Check {
    /// Has a value this shape?
    fn holds(&self, of: &Ref, value: &Value, at: &str) -> Result<(), String> {
        let shape = self.model.shape(of);
        let wrong = |what: &str| Err(format!("{at} is {value}, not {what}"));
        let size = match shape.kind.as_str() {
            _ if shape.document => return Ok(()),
            "structure" => {
                let Value::Object(fields) = value else {
                    return wrong("an object");
                };
                return self.fields(shape, fields, at);
            }
            "list" => {
                let (Value::Array(list), Some(member)) = (value, &shape.member) else {
                    return wrong("a list");
                };
                for (nth, one) in list.iter().enumerate() {
                    self.holds(member, one, &format!("{at}[{nth}]"))?;
                }
                list.len() as f64
            }
            "map" => {
                let (Value::Object(all), Some(member)) = (value, &shape.value) else {
                    return wrong("a map");
                };
                for (key, one) in all {
                    self.holds(member, one, &format!("{at}.{key}"))?;
                }
                all.len() as f64
            }
            "string" => match value.as_str() {
                Some(text) => {
                    let named =
                        shape.names.is_empty() || shape.names.iter().any(|name| name == text);
                    if !named {
                        return wrong(&format!("one of {:?}", shape.names));
                    }
                    text.chars().count() as f64
                }
                None => return wrong("a text"),
            },
            "integer" | "long" => match value.as_i64() {
                Some(number) => number as f64,
                None => return wrong("a whole number"),
            },
            "float" | "double" => match value.as_f64() {
                Some(number) => number,
                None => return wrong("a number"),
            },
            "boolean" if value.is_boolean() => return Ok(()),
            "blob" if value.is_string() => return Ok(()),
            "timestamp" if self.is_moment(of, shape, value) => return Ok(()),
            kind => return wrong(&format!("a {kind}")),
        };
        let bounds = shape.min.unwrap_or(f64::MIN)..=shape.max.unwrap_or(f64::MAX);
        match self.whole && !bounds.contains(&size) {
            true => Err(format!("{at} is {size}, out of {bounds:?}")),
            false => Ok(()),
        }
    }

    fn fields(&self, shape: &Shape, fields: &Map<String, Value>, at: &str) -> Result<(), String> {
        let mut there = BTreeSet::new();
        for (name, value) in fields {
            let member = shape.members.iter().find(|(own, member)| match self.wire {
                Wire::Json => member.location_name.as_ref().unwrap_or(own) == name,
                Wire::Cbor | Wire::Text => *own == name,
            });
            let (own, member) = member.ok_or(format!("{at}.{name} is not known"))?;
            there.insert(own);
            // Protocols that are JSON let a client, and AWS, write what is not there.
            if !(value.is_null() && self.wire == Wire::Json) {
                self.holds(member, value, &format!("{at}.{own}"))?;
            }
        }
        let missing = shape.required.iter().find(|name| !there.contains(name));
        match missing {
            Some(name) if self.whole => Err(format!("{at}.{name} is missing")),
            _ => Ok(()),
        }
    }

    fn is_moment(&self, of: &Ref, shape: &Shape, value: &Value) -> bool {
        let format = of
            .timestamp_format
            .as_ref()
            .or(shape.timestamp_format.as_ref());
        match (format.map(String::as_str), self.wire) {
            (_, Wire::Cbor) => value["@"].is_number(),
            (Some("iso8601"), _) | (None, Wire::Text) => {
                let text = value.as_str().unwrap_or_default();
                text.parse::<model::time::Timestamp>().is_ok()
            }
            _ => value.is_number(),
        }
    }

    /// What a form says of this shape; what was understood is taken away.
    fn formed(&self, of: &Ref, at: &str, left: &mut BTreeMap<String, String>) -> Option<Value> {
        let shape = self.model.shape(of);
        let ec2 = self.model.metadata.protocol == "ec2";
        let below = |name: &str| match at {
            "" => name.to_string(),
            _ => format!("{at}.{name}"),
        };
        match shape.kind.as_str() {
            "structure" => {
                let mut fields = Map::new();
                for (own, member) in &shape.members {
                    let wire = member.location_name.as_deref().unwrap_or(own);
                    let name = match (&member.query_name, ec2) {
                        (Some(name), true) => name.clone(),
                        (None, true) => wire[..1].to_uppercase() + &wire[1..],
                        _ => wire.to_string(),
                    };
                    if let Some(value) = self.formed(member, &below(&name), left) {
                        fields.insert(own.clone(), value);
                    }
                }
                (at.is_empty() || !fields.is_empty()).then_some(Value::Object(fields))
            }
            "list" => {
                let member = shape.member.as_ref()?;
                let named = member.location_name.as_deref();
                let list = match (shape.flattened || of.flattened, named) {
                    _ if ec2 => at.to_string(),
                    (true, Some(name)) => match at.rsplit_once('.') {
                        Some((above, _)) => format!("{above}.{name}"),
                        None => name.to_string(),
                    },
                    (true, None) => at.to_string(),
                    (false, name) => below(name.unwrap_or("member")),
                };
                let one =
                    |nth: usize, left: &mut _| self.formed(member, &format!("{list}.{nth}"), left);
                let mut all = Vec::new();
                while let Some(value) = one(all.len() + 1, left) {
                    all.push(value);
                }
                // An empty list is written as its name alone.
                let empty = all.is_empty() && left.remove(at).is_some_and(|text| text.is_empty());
                (empty || !all.is_empty()).then_some(Value::Array(all))
            }
            "map" => {
                let (key, value) = (shape.key.as_ref()?, shape.value.as_ref()?);
                let list = match shape.flattened || of.flattened {
                    true => at.to_string(),
                    false => below("entry"),
                };
                let mut all = Map::new();
                loop {
                    let part = |of: &Ref, name: &str| {
                        let name = of.location_name.clone().unwrap_or(name.to_string());
                        format!("{list}.{}.{name}", all.len() + 1)
                    };
                    let (key_at, value_at) = (part(key, "key"), part(value, "value"));
                    let Some(name) = left.remove(&key_at) else {
                        break;
                    };
                    let said = self.formed(value, &value_at, left).unwrap_or_default();
                    all.insert(name, said);
                }
                (!all.is_empty()).then_some(Value::Object(all))
            }
            _ => left.remove(at).map(|text| plain(shape, &text)),
        }
    }

    /// What XML says of this shape, by the names of its members.
    fn read(&self, of: &Ref, node: &Node) -> Result<Value, String> {
        let shape = self.model.shape(of);
        match shape.kind.as_str() {
            "structure" => {
                let mut fields = Map::new();
                for child in &node.children {
                    // Every answer of these protocols may bear who gave it.
                    if ["requestId", "ResponseMetadata"].contains(&child.name.as_str()) {
                        continue;
                    }
                    let member = shape.members.iter().find(|(own, member)| {
                        let list = self.model.shape(member);
                        let flat = member.flattened || list.flattened;
                        let one = list.member.as_ref().filter(|_| flat);
                        let inner = one.and_then(|one| one.location_name.as_ref());
                        inner.or(member.location_name.as_ref()).unwrap_or(own) == &child.name
                    });
                    let (own, member) =
                        member.ok_or(format!("{} in {} is not known", child.name, node.name))?;
                    let list = self.model.shape(member);
                    match &list.member {
                        Some(one) if member.flattened || list.flattened => {
                            let value = self.read(one, child)?;
                            let all = fields.entry(own).or_insert(Value::Array(Vec::new()));
                            all.as_array_mut().unwrap().push(value);
                        }
                        _ => {
                            let value = self.read(member, child)?;
                            if fields.insert(own.clone(), value).is_some() {
                                return Err(format!("{} is there twice", child.name));
                            }
                        }
                    }
                }
                Ok(Value::Object(fields))
            }
            "list" => {
                let member = shape.member.as_ref().ok_or("a list of nothing")?;
                let name = member.location_name.as_deref().unwrap_or("member");
                let one = |child: &Node| match child.name == name {
                    true => self.read(member, child),
                    false => Err(format!("{} in {}, not {name}", child.name, node.name)),
                };
                node.children.iter().map(one).collect()
            }
            "map" => Err(format!("{}: maps are not read", node.name)),
            _ if !node.children.is_empty() => Err(format!("{} has elements", node.name)),
            _ => Ok(plain(shape, &node.text)),
        }
    }

    /// What the path, the query, headers and the body of a request say, by the members' names on the wire.
    fn placed(
        &self,
        shape: &Shape,
        body: Map<String, Value>,
        taken: &BTreeMap<&str, String>,
        query: &[(String, String)],
        headers: &[(String, String)],
    ) -> Result<Map<String, Value>, String> {
        let mut said = Map::new();
        let mut asked: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, value) in query {
            asked.entry(name).or_default().push(value);
        }
        for (own, member) in &shape.members {
            let name = member.location_name.as_deref().unwrap_or(own);
            // As `fields` will look for it.
            let key = match self.wire {
                Wire::Json => name,
                _ => own,
            };
            let of = self.model.shape(member);
            let value = match member.location.as_deref() {
                Some("uri") => taken.get(name).map(|text| plain(of, text)),
                Some("querystring") => asked.remove(name).map(|texts| match &of.member {
                    Some(one) => {
                        let one = self.model.shape(one);
                        texts.iter().map(|text| plain(one, text)).collect()
                    }
                    None => plain(of, texts[0]),
                }),
                Some("header") => {
                    let header = headers
                        .iter()
                        .find(|(own, _)| own.eq_ignore_ascii_case(name));
                    header.map(|(_, text)| plain(of, text))
                }
                Some(_) => None,
                None if shape.payload.as_ref() == Some(own) => Some(Value::Object(body.clone())),
                None => body.get(key).cloned(),
            };
            said.extend(value.map(|value| (key.to_string(), value)));
        }
        if let Some(name) = asked.keys().next() {
            return Err(format!("the query {name} is not known"));
        }
        let lost = body
            .keys()
            .find(|name| shape.payload.is_none() && !said.contains_key(*name));
        match lost {
            Some(name) => Err(format!("{name} is not known")),
            None => Ok(said),
        }
    }
}

/// A text as the value it stands for; as itself where it does not stand for one.
fn plain(shape: &Shape, text: &str) -> Value {
    let number = |text: &str| text.parse().ok().and_then(Number::from_f64);
    let known = match shape.kind.as_str() {
        "boolean" => text.parse().ok().map(Value::Bool),
        "integer" | "long" => text.parse::<i64>().ok().map(Value::from),
        "float" | "double" => number(text).map(Value::Number),
        _ => None,
    };
    known.unwrap_or_else(|| Value::from(text))
}

fn pairs(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect()
}

/// CBOR as JSON; a moment is `{"@": seconds}`, as in what the double is given to say.
fn decoded(bytes: &[u8]) -> Result<Value, minicbor::decode::Error> {
    fn one(from: &mut minicbor::Decoder<'_>) -> Result<Value, minicbor::decode::Error> {
        Ok(match from.datatype()? {
            Type::Bool => Value::Bool(from.bool()?),
            Type::Null | Type::Undefined => {
                from.skip()?;
                Value::Null
            }
            Type::F16 | Type::F32 | Type::F64 => {
                let number = Number::from_f64(from.f64()?);
                number.map_or(Value::Null, Value::Number)
            }
            Type::String => Value::from(from.str()?),
            Type::StringIndef => {
                let parts: Result<String, _> = from.str_iter()?.collect();
                Value::from(parts?)
            }
            Type::Bytes => Value::from(String::from_utf8_lossy(from.bytes()?)),
            Type::Tag => {
                from.tag()?;
                let mut moment = Map::new();
                moment.insert("@".to_string(), one(from)?);
                Value::Object(moment)
            }
            Type::Array | Type::ArrayIndef => {
                let length = from.array()?;
                let mut all = Vec::new();
                while !over(from, length, all.len())? {
                    all.push(one(from)?);
                }
                Value::Array(all)
            }
            Type::Map | Type::MapIndef => {
                let length = from.map()?;
                let mut all = Map::new();
                while !over(from, length, all.len())? {
                    let key = from.str()?.to_string();
                    let value = one(from)?;
                    all.insert(key, value);
                }
                Value::Object(all)
            }
            _ => Value::from(from.i64()?),
        })
    }
    fn over(
        from: &mut minicbor::Decoder<'_>,
        length: Option<u64>,
        had: usize,
    ) -> Result<bool, minicbor::decode::Error> {
        match length {
            Some(length) => Ok(had as u64 >= length),
            None if from.datatype()? == Type::Break => {
                from.skip()?;
                Ok(true)
            }
            None => Ok(false),
        }
    }
    one(&mut minicbor::Decoder::new(bytes))
}

/// An element of XML.
#[derive(Debug, Default)]
struct Node {
    name: String,
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn parsed(text: &str) -> Result<Self, String> {
        let mut reader = quick_xml::Reader::from_str(text);
        let mut open = vec![Self::default()];
        let named = |tag: &quick_xml::events::BytesStart<'_>| Self {
            name: tag.local_name().as_ref().to_string(),
            ..Self::default()
        };
        loop {
            let event = reader.read_event().map_err(|error| error.to_string())?;
            let last = open.last_mut().ok_or("it ends too often")?;
            match event {
                Event::Start(tag) => open.push(named(&tag)),
                Event::Empty(tag) => last.children.push(named(&tag)),
                Event::Text(words) => {
                    last.text += words.xml10_content().trim();
                }
                Event::GeneralRef(_) => last.text.push('&'),
                Event::End(_) => {
                    let node = open.pop().ok_or("it ends too often")?;
                    let above = open.last_mut().ok_or("it ends too often")?;
                    above.children.push(node);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let top = open.pop().ok_or("it is empty")?;
        top.children
            .into_iter()
            .next()
            .ok_or("it is empty".to_string())
    }

    /// The first element of that name, at any depth.
    fn find(&self, name: &str) -> Option<&Self> {
        let below = || self.children.iter().find_map(|child| child.find(name));
        if self.name == name {
            Some(self)
        } else {
            below()
        }
    }
}
