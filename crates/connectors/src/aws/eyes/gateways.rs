//! API Gateway: which APIs there are, what is deployed onto their stages, how many requests are let in, and whom they
//! call.
//!
//! CloudWatch knows REST APIs by their names, HTTP and WebSocket APIs by their ids: so they are called here.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::ApiStatus;
use model::{EdgeKind, EntityId, EntityKind, SourceKind};
use serde_json::{Value, json};

use super::ask::{Asking, Miss};
use super::found::Found;
use super::repeats::clip;
use crate::files::aws::names;

mod callees;
mod stages;

pub(super) use callees::plain_host;
use callees::{Callee, Variables, callees, host, named};
pub(super) use stages::ID;
use stages::Stage;

/// APIs and resources of one answer: the most that may be asked for.
const PAGE: i32 = 500;
/// The part of `details` of which stages and callees are asked, of REST APIs and of the others: two calls each.
const PART: usize = 4;
/// Where an edge was seen.
const SEEN_IN: &str = "the API's integration";

/// What this part knows of APIs, and others do not.
#[derive(Default)]
pub(super) struct Apis {
    /// Who an API is, by its id: the audit trail and tags know no other.
    ids: BTreeMap<String, EntityId>,
    /// Which API sends to which host.
    sends: BTreeSet<(EntityId, String)>,
}

impl Apis {
    /// Draws an edge from each API to whoever has the address that it sends to.
    pub fn lead(&self, addresses: &BTreeMap<String, EntityId>, found: &mut Found) {
        for (api, host) in &self.sends {
            if let Some(to) = addresses.get(host) {
                found.edge(api, to, EdgeKind::Calls, SEEN_IN);
            }
        }
    }

    /// Calls by their names the APIs that others called by their ids (`restapis/a1b2c3/stages/prod`).
    pub fn rename(&self, found: &mut Found) {
        let mut names = BTreeMap::new();
        let own: BTreeSet<&EntityId> = self.ids.values().collect();
        for entity in found.map().entities {
            // Whoever is called like the id of another is still who it is.
            if entity.kind != EntityKind::Gateway || own.contains(&entity.id) {
                continue;
            }
            let path = entity.name.as_str();
            let path = path
                .strip_prefix("restapis/")
                .or(path.strip_prefix("apis/"));
            let id = path.unwrap_or(&entity.name);
            let id = id.split('/').next().unwrap_or(id);
            // Of what is no path the whole name is the id.
            if (path.is_some() || id == entity.name)
                && let Some(own) = self.ids.get(id)
            {
                // Of two of one name the labels of the first stand.
                for (label, value) in &entity.labels {
                    found.directory.label(own, label, value);
                }
                names.insert(entity.id, own.clone());
            }
        }
        if !names.is_empty() {
            found.rename(&names);
        }
    }

    /// Notes whom an API calls.
    fn calls(&mut self, api: &EntityId, whom: BTreeSet<Callee>, found: &mut Found) {
        for callee in whom {
            match callee {
                Callee::Named(kind, name) => {
                    let to = found.named(kind, &name);
                    let how = match kind {
                        EntityKind::Queue => EdgeKind::Produces,
                        _ => EdgeKind::Calls,
                    };
                    found.edge(api, &to, how, SEEN_IN);
                }
                Callee::At(host) => {
                    self.sends.insert((api.clone(), host));
                }
            }
        }
    }
}

/// One API of either sort.
struct Api<'a> {
    entity: EntityId,
    id: &'a str,
    name: &'a str,
    protocol: &'a str,
    /// Where its owner says that it is not usable.
    failed: Option<String>,
}

impl Api<'_> {
    /// Its document. `stages` are there where they were asked for.
    fn tell(&self, asking: &Asking<'_>, stages: Option<&[Stage]>, found: &mut Found) {
        let mut said: Vec<String> = self.failed.clone().into_iter().collect();
        for stage in stages.into_iter().flatten() {
            said.extend(stage.remarks());
            found
                .changes
                .extend(stage.change(asking, &self.entity, (self.id, self.name)));
        }
        let document = json!({
            "Name": self.name,
            "Id": self.id,
            "Protocol": self.protocol,
            // That an API is set up says nothing of whether it answers.
            "Status": self.failed.as_ref().map(|_| "failed"),
            "Stages": stages.map(|stages| stages.iter().map(Stage::tell).collect::<Vec<Value>>()),
            "message": said.join("; "),
        });
        found.state(self.entity.clone(), "apigateway.api", document, asking.now);
    }
}

/// APIs of both sorts.
pub(super) async fn look(asking: &Asking<'_>, firing: &BTreeSet<EntityId>) -> (Found, Apis) {
    let mut found = Found::default();
    let mut apis = Apis::default();
    if let Err(miss) = rest(asking, firing, &mut found, &mut apis).await {
        found.missed(asking, "REST APIs", &miss);
    }
    if let Err(miss) = http(asking, firing, &mut found, &mut apis).await {
        found.missed(asking, "HTTP and WebSocket APIs", &miss);
    }
    (found, apis)
}

/// Those of which stages and callees are asked.
fn chosen(
    asking: &Asking<'_>,
    firing: &BTreeSet<EntityId>,
    all: &str,
    (apis, more): (&[Api<'_>], bool),
    found: &mut Found,
) -> BTreeSet<usize> {
    let listed = apis.iter().enumerate();
    let listed = listed.map(|(at, api)| (api.entity.clone(), at)).collect();
    let words = ("stages of APIs, and whom they call", all);
    let most = asking.settings.details.div_ceil(PART);
    let first = found.first_of(asking, firing, words, listed, (more, most));
    first.into_iter().map(|(_, at)| at).collect()
}

async fn rest(
    asking: &Asking<'_>,
    firing: &BTreeSet<EntityId>,
    found: &mut Found,
    known: &mut Apis,
) -> Result<(), Miss> {
    let client = &asking.place.rest;
    let sent = client.get_rest_apis().limit(PAGE).send();
    let answer = asking.ask("apigateway:GetRestApis", 1, sent).await?;
    found.seen.insert(SourceKind::State);
    let mut apis = Vec::new();
    for api in answer.items() {
        let (Some(id), Some(name)) = (api.id(), api.name()) else {
            continue;
        };
        let entity = found.there(asking, EntityKind::Gateway, name);
        let endpoint = format!("{id}.execute-api.{}.amazonaws.com", asking.place.region);
        found.directory.label(&entity, "endpoint", &endpoint);
        known.ids.insert(id.to_string(), entity.clone());
        let failed = (api.api_status() == Some(&ApiStatus::Failed))
            .then(|| clip(api.api_status_message().unwrap_or("it does not say why")));
        apis.push(Api {
            entity,
            id,
            name,
            protocol: "REST",
            failed,
        });
    }
    let more = answer.position().is_some_and(|next| !next.is_empty());
    let wanted = chosen(asking, firing, "REST APIs", (&apis[..], more), found);
    let mut stages: BTreeMap<usize, Vec<Stage>> = BTreeMap::new();
    let mut variables: BTreeMap<usize, Variables> = BTreeMap::new();
    for at in &wanted {
        let sent = client.get_stages().rest_api_id(apis[*at].id).send();
        match asking.ask("apigateway:GetStages", 1, sent).await {
            Ok(answer) => {
                stages.insert(*at, answer.item().iter().map(Stage::rest).collect());
                let of = answer.item().iter().filter_map(|stage| stage.variables());
                variables.insert(*at, of.cloned().collect());
            }
            Err(miss) => {
                found.missed(asking, "stages of REST APIs", &miss);
                break;
            }
        }
    }
    for at in &wanted {
        let sent = client
            .get_resources()
            .rest_api_id(apis[*at].id)
            .limit(PAGE)
            .embed("methods")
            .send();
        let answer = match asking.ask("apigateway:GetResources", 1, sent).await {
            Ok(answer) => answer,
            Err(miss) => {
                found.missed(asking, "whom REST APIs call", &miss);
                break;
            }
        };
        if answer.position().is_some_and(|next| !next.is_empty()) {
            let detail = format!("the first {PAGE} resources of {} were read", apis[*at].name);
            let gap = asking.cut("whom an API calls", detail, "name fewer regions");
            found.gaps.push(gap);
        }
        let own = variables.get(at).map_or(&[][..], Vec::as_slice);
        let methods = answer
            .items()
            .iter()
            .filter_map(|one| one.resource_methods());
        let mut whom = BTreeSet::new();
        for method in methods.flat_map(|methods| methods.values()) {
            let Some(integration) = method.method_integration() else {
                continue;
            };
            let uris = [integration.uri(), integration.integration_target()];
            whom.extend(uris.into_iter().flatten().flat_map(|uri| callees(uri, own)));
            acts_as(&apis[*at].entity, integration.credentials(), found);
        }
        known.calls(&apis[*at].entity, whom, found);
    }
    for (at, api) in apis.iter().enumerate() {
        api.tell(asking, stages.get(&at).map(Vec::as_slice), found);
    }
    Ok(())
}

async fn http(
    asking: &Asking<'_>,
    firing: &BTreeSet<EntityId>,
    found: &mut Found,
    known: &mut Apis,
) -> Result<(), Miss> {
    let client = &asking.place.http;
    let page = PAGE.to_string();
    let sent = client.get_apis().max_results(&page).send();
    let answer = asking.ask("apigatewayv2:GetApis", 1, sent).await?;
    found.seen.insert(SourceKind::State);
    let mut apis = Vec::new();
    for api in answer.items() {
        let Some(id) = api.api_id() else { continue };
        let entity = found.there(asking, EntityKind::Gateway, id);
        let name = api.name().unwrap_or(id);
        found.directory.label(&entity, "api.name", name);
        if let Some(host) = api.api_endpoint().and_then(host) {
            found.directory.label(&entity, "endpoint", &host);
        }
        known.ids.insert(id.to_string(), entity.clone());
        let protocol = api.protocol_type().map_or("", |protocol| protocol.as_str());
        apis.push(Api {
            entity,
            id,
            name,
            protocol,
            failed: None,
        });
    }
    let more = answer.next_token().is_some_and(|next| !next.is_empty());
    let sort = "HTTP and WebSocket APIs";
    let wanted = chosen(asking, firing, sort, (&apis[..], more), found);
    let mut stages: BTreeMap<usize, Vec<Stage>> = BTreeMap::new();
    let mut variables: BTreeMap<usize, Variables> = BTreeMap::new();
    for at in &wanted {
        let sent = client.get_stages().api_id(apis[*at].id).max_results(&page);
        match asking.ask("apigatewayv2:GetStages", 1, sent.send()).await {
            Ok(answer) => {
                stages.insert(*at, answer.items().iter().map(Stage::http).collect());
                let of = answer.items().iter();
                let of = of.filter_map(|stage| stage.stage_variables());
                variables.insert(*at, of.cloned().collect());
            }
            Err(miss) => {
                found.missed(asking, "stages of HTTP and WebSocket APIs", &miss);
                break;
            }
        }
    }
    for at in &wanted {
        let sent = client.get_integrations().api_id(apis[*at].id);
        let sent = sent.max_results(&page).send();
        let answer = match asking.ask("apigatewayv2:GetIntegrations", 1, sent).await {
            Ok(answer) => answer,
            Err(miss) => {
                found.missed(asking, "whom HTTP and WebSocket APIs call", &miss);
                break;
            }
        };
        let own = variables.get(at).map_or(&[][..], Vec::as_slice);
        let mut whom = BTreeSet::new();
        for integration in answer.items() {
            if let Some(uri) = integration.integration_uri() {
                whom.extend(callees(uri, own));
            }
            // A call of one of AWS's services says in its parameters whom it is about.
            let parameters = integration.request_parameters().into_iter().flatten();
            for (name, value) in parameters {
                if integration.integration_subtype().is_some() && names::telling(name) {
                    whom.extend(named(name, value));
                }
            }
            acts_as(&apis[*at].entity, integration.credentials_arn(), found);
        }
        known.calls(&apis[*at].entity, whom, found);
    }
    for (at, api) in apis.iter().enumerate() {
        api.tell(asking, stages.get(&at).map(Vec::as_slice), found);
    }
    Ok(())
}

/// The role under which an API calls; a pattern stands for whoever asks the API.
fn acts_as(api: &EntityId, credentials: Option<&str>, found: &mut Found) {
    let role = credentials.filter(|arn| arn.contains(":role/") && !arn.contains(['*', '$']));
    if let Some(role) = role.and_then(|arn| found.by_arn(arn)) {
        found.edge(api, &role, EdgeKind::UsesRole, SEEN_IN);
    }
}
