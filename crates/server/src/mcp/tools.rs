//! The tools: what each takes, what it asks of the API, and what it gives.

mod given;
mod results;

use std::sync::{Arc, LazyLock};

use rmcp::model::{JsonObject, Tool as Described, ToolAnnotations};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use given::{EvidenceOf, List, Named, Numbered, Question, ReportOf, Subject, Which};
use results::{Changes, Evidence, Gaps, Incident, Incidents, Investigation, Proposal, Reply, Text};

use super::door::{Said, Unreached};
use super::{Call, bounded, part};

/// Bytes of one text in a result.
const TEXT: usize = 4_000;
/// Bytes of a report or post-mortem.
const REPORT: usize = 100_000;
/// Bytes of a whole result.
const WHOLE: usize = 300_000;

/// What is asked, and how the answer becomes a result.
pub struct Asking {
    /// The request.
    pub call: Call,
    /// What is made of its answer.
    pub tells: Box<dyn FnOnce(Said) -> Result<Value, Unreached> + Send>,
}

/// From arguments to a request.
type Asks = Box<dyn Fn(&str, JsonObject) -> Result<Asking, Unreached> + Send + Sync>;

/// One tool.
pub struct Tool {
    /// What clients are told of it.
    pub described: Described,
    /// What it asks, in that space.
    pub asks: Asks,
}

/// All of them, made once.
pub fn all() -> &'static [Tool] {
    static ALL: LazyLock<Vec<Tool>> = LazyLock::new(made);
    &ALL
}

fn made() -> Vec<Tool> {
    vec![
        tool::<Which, Incidents>(
            ("list_incidents", "Incidents", Hands::None),
            "Incidents, the newest first, each with what is blamed and how sure; those that are closed as well if `all`.",
            |space, which| {
                Ok(Call::get(
                    format!("{space}/incidents?{}", which.query()),
                    JSON,
                ))
            },
            |incidents: Incidents, _| Ok(incidents),
        ),
        tool::<Named, Incident>(
            ("get_incident", "One incident", Hands::None),
            "How one incident stands: its alarms, what is blamed, the plan that waits, what people said of the causes, links to others.",
            |space, named| {
                Ok(Call::get(
                    format!("{space}/incidents/{}", part(&named.incident)),
                    JSON,
                ))
            },
            |incident: Incident, _| Ok(incident),
        ),
        told::<ReportOf>(
            ("get_report", "A report", Hands::None),
            "A report as Markdown: what happened, why it is thought so (each sentence cites evidence such as E3), what was ruled out, what could not be seen, what could be done. Of an incident (the newest report), of a recording, or of an investigation by its number: give one of the three.",
            |space, of| {
                Ok(Call::get(
                    format!("{}/report?format=markdown", of.place(space)?),
                    MARKDOWN,
                ))
            },
        ),
        tool::<EvidenceOf, Evidence>(
            ("get_evidence", "What an observation stands on", Hands::None),
            "One observation of an incident's newest report: which sentences cite it, the query that shows it again, its statistic, and the raw rows.",
            |space, of| {
                let (id, evidence) = (part(&of.incident), part(&of.evidence));
                Ok(Call::get(
                    format!("{space}/incidents/{id}/evidence/{evidence}"),
                    JSON,
                ))
            },
            |evidence: Evidence, _| Ok(evidence),
        ),
        tool::<Question, Reply>(
            ("ask", "Ask how things stand", Hands::None),
            "A question about what is going on now, in a closed grammar, such as `errors in the last 10 minutes`, `what changed in the last hour`, `latency of checkout`. If it is not understood, the error says what can be asked.",
            |space, question| Ok(Call::post(format!("{space}/ask"), written(&question)?)),
            |reply: Reply, _| Ok(reply),
        ),
        tool::<Named, Gaps>(
            ("list_gaps", "What could not be seen", Hands::None),
            "What the newest report of an incident could not look at, why, which causes that keeps from being tested, and how to close each gap; the dearest first.",
            |space, named| {
                let id = part(&named.incident);
                Ok(Call::get(
                    format!("{space}/incidents/{id}/report?format=json"),
                    JSON,
                ))
            },
            |mut gaps: Gaps, named: Named| {
                gaps.incident = named.incident;
                Ok(gaps)
            },
        ),
        tool::<List, Changes>(
            ("list_changes", "What was altered of late", Hands::None),
            "Deploys, commits, settings, scaling steps and permissions that were altered of late, the newest first.",
            |space, list| Ok(Call::get(format!("{space}/changes?{}", list.query()), JSON)),
            |changes: Changes, _| Ok(changes),
        ),
        tool::<Subject, Investigation>(
            ("investigate", "Begin an investigation", Hands::Adds),
            "Begins to investigate a recording that was sent here, or again what was taken down for an incident's newest report, with the rules of now. It runs in the background, one at a time; get_investigation tells how it goes. Needs the permission to respond. The incident itself stays as it is.",
            |space, subject| {
                Ok(Call::post(
                    format!("{}/investigations", subject.place(space)?),
                    "{}".to_string(),
                ))
            },
            |investigation: Investigation, _| Ok(investigation),
        ),
        tool::<Numbered, Investigation>(
            (
                "get_investigation",
                "How an investigation is going",
                Hands::None,
            ),
            "How an investigation that was begun is going; when it is `done`, get_report gives its report.",
            |space, numbered| {
                Ok(Call::get(
                    format!("{space}/investigations/{}", numbered.investigation),
                    JSON,
                ))
            },
            |investigation: Investigation, _| Ok(investigation),
        ),
        tool::<Named, Proposal>(
            ("propose", "A plan for a report", Hands::None),
            "The safest way back from what an incident's newest report blames, as it would be planned now: steps, what leads back from each, what is touched, the risks; or why there is none. Nothing is written down, approved or performed by this: a person says yes elsewhere.",
            |space, named| {
                let id = part(&named.incident);
                Ok(Call::post(
                    format!("{space}/incidents/{id}/proposal"),
                    "{}".to_string(),
                ))
            },
            |proposal: Proposal, _| Ok(proposal),
        ),
    ]
}

const JSON: &str = "application/json";
const MARKDOWN: &str = "text/markdown";

/// What a tool does to the world.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hands {
    /// Nothing.
    None,
    /// It adds something, and alters nothing that is there.
    Adds,
}

fn described<In: JsonSchema, Out: JsonSchema>(
    (name, title, hands): (&'static str, &'static str, Hands),
    about: &'static str,
) -> Described {
    let annotations = ToolAnnotations::with_title(title)
        .read_only(hands == Hands::None)
        .destructive(false)
        .idempotent(hands == Hands::None)
        // What it tells comes from this server alone.
        .open_world(false);
    Described::new(name, about, schema::<In>())
        .with_title(title)
        .with_raw_output_schema(Arc::new(schema::<Out>()))
        .with_annotations(annotations)
}

/// The schema of a value, with everything that it names inside.
fn schema<T: JsonSchema>() -> JsonObject {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    let object = schema.ensure_object();
    object.remove("title");
    let mut schema = Value::Object(object.clone());
    made_plain(&mut schema);
    match schema {
        Value::Object(object) => object,
        // It was one, and stays one.
        _ => JsonObject::new(),
    }
}

/// The same schema in words that every client knows: each type alone, as not all read lists of types, and no formats of
/// Rust's own.
fn made_plain(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let own = |format: &Value| format.as_str().is_some_and(|f| f.starts_with("uint"));
            if fields.get("format").is_some_and(own) {
                fields.remove("format");
            }
            // Left out is how a client says nothing.
            if fields.get("default").is_some_and(Value::is_null) {
                fields.remove("default");
            }
            if let Some(Value::Array(kinds)) = fields.get("type").cloned() {
                let told = ["description", "default"];
                let (about, rest): (JsonObject, JsonObject) = std::mem::take(fields)
                    .into_iter()
                    .partition(|(name, _)| told.contains(&name.as_str()));
                let choices = kinds.into_iter().map(|kind| {
                    let mut one = match kind.as_str() {
                        Some("null") => JsonObject::new(),
                        _ => rest.clone(),
                    };
                    one.insert("type".to_string(), kind);
                    Value::Object(one)
                });
                *fields = about;
                fields.insert("anyOf".to_string(), choices.collect());
            }
            fields.values_mut().for_each(made_plain);
        }
        Value::Array(items) => items.iter_mut().for_each(made_plain),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A tool whose answer is JSON.
fn tool<In, Out>(
    head: (&'static str, &'static str, Hands),
    about: &'static str,
    call: fn(&str, In) -> Result<Call, Unreached>,
    tell: fn(Out, In) -> Result<Out, Unreached>,
) -> Tool
where
    In: DeserializeOwned + JsonSchema + Clone + Send + 'static,
    Out: DeserializeOwned + Serialize + JsonSchema + 'static,
{
    let asks = move |space: &str, arguments: JsonObject| {
        let given: In = read(arguments)?;
        let call = call(&place(space), given.clone())?;
        let tells = move |said: Said| {
            let out: Out = serde_json::from_slice(&said.body)
                .map_err(|error| Unreached::Gone(format!("its answer is another: {error}")))?;
            let told = serde_json::to_value(tell(out, given)?);
            let mut told = told.map_err(|error| Unreached::Gone(error.to_string()))?;
            cut(&mut told);
            let length = told.to_string().len();
            if length > WHOLE {
                return Err(Unreached::Senseless(format!(
                    "the answer has {length} bytes, more than {WHOLE}; ask for less, such as with a smaller `limit`"
                )));
            }
            Ok(told)
        };
        Ok(Asking {
            call,
            tells: Box::new(tells),
        })
    };
    Tool {
        described: described::<In, Out>(head, about),
        asks: Box::new(asks),
    }
}

/// A tool whose answer is a text.
fn told<In>(
    head: (&'static str, &'static str, Hands),
    about: &'static str,
    call: fn(&str, In) -> Result<Call, Unreached>,
) -> Tool
where
    In: DeserializeOwned + JsonSchema + 'static,
{
    let asks = move |space: &str, arguments: JsonObject| {
        let call = call(&place(space), read(arguments)?)?;
        let tells = |said: Said| {
            let text = String::from_utf8_lossy(&said.body);
            let (text, whole) = bounded(&text, REPORT);
            let told = Text {
                markdown: text.to_string(),
                cut: !whole,
            };
            serde_json::to_value(told).map_err(|error| Unreached::Gone(error.to_string()))
        };
        Ok(Asking {
            call,
            tells: Box::new(tells),
        })
    };
    Tool {
        described: described::<In, Text>(head, about),
        asks: Box::new(asks),
    }
}

fn place(space: &str) -> String {
    format!("/v1/spaces/{}", part(space))
}

fn read<In: DeserializeOwned>(arguments: JsonObject) -> Result<In, Unreached> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| Unreached::Senseless(format!("the arguments: {error}")))
}

fn written<T: Serialize>(value: &T) -> Result<String, Unreached> {
    serde_json::to_string(value).map_err(|error| Unreached::Senseless(error.to_string()))
}

/// Cuts texts that are too long, wherever they are. What was cut says so.
fn cut(value: &mut Value) {
    match value {
        Value::String(text) => {
            let (kept, whole) = bounded(text, TEXT);
            if !whole {
                *text = format!("{kept}… ({} bytes in all)", text.len());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(cut),
        Value::Object(fields) => fields.values_mut().for_each(cut),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> JsonObject {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn each_tool_is_described_and_only_one_alters_anything() {
        let mut alters = Vec::new();
        for tool in all() {
            let described = &tool.described;
            assert!(
                described
                    .description
                    .as_ref()
                    .is_some_and(|text| text.len() > 40)
            );
            for schema in [
                Some(&described.input_schema),
                described.output_schema.as_ref(),
            ] {
                let schema = schema.expect("both are there");
                assert_eq!(schema["type"], "object", "{}", described.name);
                // Each type stands alone, and whoever leaves something out says no null instead.
                let listed = described.input_schema["properties"].to_string();
                assert!(!listed.contains("null"), "{}", described.name);
                // What is named is inside: clients resolve nothing.
                let text = Value::Object((**schema).clone()).to_string();
                assert!(
                    !text.contains("\"type\":[") && !text.contains("uint"),
                    "{text}"
                );
                for named in text.split("\"$ref\":\"").skip(1) {
                    assert!(named.starts_with("#/$defs/"), "{}: {named}", described.name);
                }
            }
            let annotations = described
                .annotations
                .as_ref()
                .expect("it says what it does");
            if annotations.read_only_hint != Some(true) {
                alters.push(described.name.to_string());
            }
        }
        assert_eq!(alters, ["investigate"]);
    }

    #[test]
    fn arguments_become_requests_or_reasons() {
        let tools = all();
        let asked = |name: &str, arguments: Value| -> Result<(String, String), String> {
            let tool = tools
                .iter()
                .find(|tool| tool.described.name == name)
                .unwrap();
            let asking = (tool.asks)("main", object(arguments)).map_err(|why| why.to_string())?;
            let body = asking
                .call
                .body
                .map_or_else(String::new, |body| body.into_owned());
            Ok((asking.call.path, body))
        };
        let path = |name, arguments| asked(name, arguments).map(|(path, _)| path).unwrap();
        assert_eq!(
            path("list_incidents", json!({})),
            "/v1/spaces/main/incidents?limit=20&all=false"
        );
        assert_eq!(
            path(
                "list_incidents",
                json!({"all": true, "cursor": "a&b", "limit": 999})
            ),
            "/v1/spaces/main/incidents?limit=50&cursor=a%26b&all=true"
        );
        assert_eq!(
            path(
                "get_evidence",
                json!({"incident": "../x", "evidence": "E3"})
            ),
            "/v1/spaces/main/incidents/..%2Fx/evidence/E3"
        );
        assert_eq!(
            asked("ask", json!({"question": "a \"b\""})).unwrap().1,
            "{\"question\":\"a \\\"b\\\"\"}"
        );
        assert_eq!(
            path("investigate", json!({"recording": "demo"})),
            "/v1/spaces/main/recordings/demo/investigations"
        );
        for (name, arguments) in [
            ("get_incident", json!({})),
            ("get_incident", json!({"incident": 7})),
            ("get_incident", json!({"incident": "a", "approve": true})),
            ("get_report", json!({})),
            ("get_report", json!({"incident": "a", "recording": "b"})),
            ("investigate", json!({})),
        ] {
            assert!(
                asked(name, arguments.clone()).is_err(),
                "{name} {arguments}"
            );
        }
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let mut value = json!({"a": ["x".repeat(5_000), "short"], "b": {"c": "é".repeat(3_000)}});
        cut(&mut value);
        let text = value["a"][0].as_str().unwrap();
        assert!(text.len() < 4_100 && text.ends_with("(5000 bytes in all)"));
        assert_eq!(value["a"][1], "short");
        assert!(
            value["b"]["c"]
                .as_str()
                .unwrap()
                .ends_with("(6000 bytes in all)")
        );
    }
}
