//! The API's description (OpenAPI 3.1), made from the routes. Shapes are those of the values that handlers give,
//! by their types; so what is described is what is sent.

use std::sync::LazyLock;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::problem::{Code, MEDIA, Sent};
use super::route::{JSON, Permission, Route, Work, ZSTD};

/// Where the schemas stand in the description.
const PLACE: &str = "/components/schemas";

/// The description, written out; the same bytes each time.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let described = of(&super::routes());
        serde_json::to_string_pretty(&described).unwrap_or_default() + "\n"
    });
    &TEXT
}

/// Of these routes.
fn of(routes: &[Route]) -> Value {
    let mut shapes = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.definitions_path = PLACE.into();
            settings.meta_schema = None;
        })
        .into_generator();
    let mut paths = Map::new();
    for route in routes {
        #[cfg(feature = "mcp")]
        if matches!(route.work, Work::Mcp) {
            continue;
        }
        let described = operation(route, &mut shapes);
        let path = paths.entry(route.path.clone()).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = described;
    }
    let problem = shapes.subschema_for::<Sent>();
    let mut schemas: Map<String, Value> = shapes.take_definitions(true);
    schemas.sort_keys();
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Midwatch",
            "version": "1",
            "summary": "Incidents, reports, plans and what is around them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key, `mw_...`."},
                "session": {
                    "type": "apiKey", "in": "cookie", "name": crate::auth::COOKIE,
                    "description": "What signing in sets; `__Host-` stands before its name where TLS is.",
                },
            },
            "responses": {"Problem": {
                "description": "A request that failed (RFC 9457).",
                "content": {MEDIA: {"schema": problem}},
            }},
        },
    })
}

fn operation(route: &Route, shapes: &mut SchemaGenerator) -> Value {
    let mut content = Map::new();
    for (media, shape) in (route.gives)(shapes) {
        let described = shape.map_or_else(|| json!({}), |shape| json!({"schema": shape}));
        content.insert(media.to_string(), described);
    }
    let mut responses = Map::new();
    let done = match &route.work {
        Work::Answer(_) => json!({
            "description": "What was asked for.",
            "headers": {"ETag": {"description": "Changes with the answer.", "schema": {"type": "string"}}},
            "content": content,
        }),
        Work::Deed(_) => json!({"description": "It was done.", "content": content}),
        Work::Upload(_) => json!({"description": "It was taken.", "content": content}),
        Work::Download(_) => json!({"description": "The bytes.", "content": content}),
        #[cfg(feature = "mcp")]
        Work::Mcp => json!({"description": "An answer in the protocol's own words."}),
        Work::Metrics => json!({"description": "The numbers.", "content": content}),
        Work::Inlet => {
            json!({"description": "It is taken, or was here before.", "content": content})
        }
        Work::Events => json!({
            "description": "What happens, as it happens, for as long as the connection stands.",
            "content": content,
        }),
    };
    let status = match &route.work {
        Work::Deed(deed) => deed.status.as_u16(),
        _ => 200,
    };
    responses.insert(status.to_string(), done);
    if matches!(route.work, Work::Answer(_)) && route.body.is_none() {
        responses.insert(
            "304".to_string(),
            json!({"description": "It is as `If-None-Match` knows it."}),
        );
    }
    for code in failures(route) {
        responses.insert(
            code.status().as_u16().to_string(),
            json!({"$ref": "#/components/responses/Problem"}),
        );
    }
    responses.sort_keys();
    let mut described = json!({
        "operationId": route.name,
        "summary": route.summary,
        "x-permission": route.permission.word(),
        "parameters": parameters(route, shapes),
        "responses": responses,
    });
    if asks_who(route) {
        described["security"] = json!([{"key": []}, {"session": []}]);
    }
    if matches!(route.work, Work::Upload(_)) {
        described["requestBody"] = json!({"required": true, "content": {ZSTD: {}}});
    }
    if let Some(body) = route.body {
        described["requestBody"] = json!({
            "required": true,
            "content": {JSON: {"schema": body(shapes)}},
        });
    }
    described
}

/// Does it matter who asks? An inlet has a proof of its own.
fn asks_who(route: &Route) -> bool {
    !matches!(route.permission, Permission::Open | Permission::Signed)
}

/// The problems that a route can end in.
fn failures(route: &Route) -> Vec<Code> {
    let mut codes = vec![
        Code::BadRequest,
        Code::Misdirected,
        Code::Busy,
        Code::Failed,
    ];
    if route.path.contains('{') {
        codes.push(Code::NotFound);
    }
    if asks_who(route) {
        codes.extend([Code::Unauthenticated, Code::Forbidden]);
    }
    if !matches!(route.work, Work::Inlet) {
        codes.push(Code::TooMany);
    }
    // A password, a link or a session that does not hold.
    if matches!(&route.work, Work::Deed(deed) if deed.at_the_door) {
        codes.push(Code::Unauthenticated);
    }
    if route.alters() {
        codes.extend([Code::Forbidden, Code::Conflict, Code::KeyReused]);
    }
    if route.body.is_some() || matches!(route.work, Work::Upload(_)) {
        codes.extend([
            Code::Timeout,
            Code::TooLarge,
            Code::UnsupportedMedia,
            Code::NotUnderstood,
        ]);
    }
    if matches!(route.work, Work::Inlet) {
        codes.extend([Code::Unsigned, Code::Unwelcome, Code::Unreadable]);
    }
    if route.name.ends_with("Report") && route.name.starts_with("get") {
        codes.push(Code::NotAcceptable);
    }
    match route.name {
        // Nobody is who asks, where no stranger may look.
        "getSession" => codes.push(Code::Unauthenticated),
        // No provider is set up.
        "beginSignOn" | "signOn" => codes.push(Code::NotFound),
        _ => {}
    }
    codes
}

/// What stands in the address, and what follows the question mark.
fn parameters(route: &Route, shapes: &mut SchemaGenerator) -> Vec<Value> {
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let query = (route.query)(shapes);
    let properties = query.get("properties").and_then(Value::as_object);
    for (name, schema) in properties.into_iter().flatten() {
        let mut schema = schema.clone();
        let about = schema
            .as_object_mut()
            .and_then(|schema| schema.remove("description"));
        parameters.push(json!({
            "name": name,
            "in": "query",
            "required": false,
            "description": about,
            "schema": schema,
        }));
    }
    if matches!(route.work, Work::Deed(_)) {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "description": "A name for this request, 1 to 128 visible ASCII characters: the same key with the same body gets the same answer for 24 hours, and nothing is done twice.",
            "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
        }));
    }
    if route.alters() {
        parameters.push(json!({
            "name": "X-CSRF-Token",
            "in": "header",
            "required": false,
            "description": "The token that GET /v1/session gives; needed with a browser's cookie, not with an API key.",
            "schema": {"type": "string"},
        }));
    }
    if matches!(route.work, Work::Events) {
        parameters.push(json!({
            "name": "Last-Event-ID",
            "in": "header",
            "required": false,
            "description": "The id of the last event that was seen: what came after it is sent first.",
            "schema": {"type": "string", "pattern": "^[0-9]+$"},
        }));
    }
    parameters
}
