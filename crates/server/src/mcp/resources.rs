//! Reports and post-mortems as resources: `midwatch://incidents/ID/report`.

use rmcp::ErrorData;
use rmcp::model::{
    ListResourcesResult, ReadResourceResponse, ReadResourceResult, Resource, ResourceContents,
    ResourceTemplate,
};
use serde::Deserialize;

use super::door::Said;
use super::{Call, part};

const MARKDOWN: &str = "text/markdown";
const JSON: &str = "application/json";

/// The forms in which an incident is told: what ends its address, what it is, its media type, and the API's address.
const FORMS: [(&str, &str, &str, &str); 3] = [
    (
        "report",
        "What happened, why it is thought so, what is not known, what could be done",
        MARKDOWN,
        "report?format=markdown",
    ),
    (
        "report.json",
        "The report as a value, with all of its evidence",
        JSON,
        "report?format=json",
    ),
    (
        "postmortem",
        "The post-mortem, in which what only people know is left empty",
        MARKDOWN,
        "postmortem",
    ),
];

/// What can be read of each incident.
pub fn templates() -> Vec<ResourceTemplate> {
    FORMS
        .iter()
        .map(|(name, about, media, _)| {
            ResourceTemplate::new(format!("midwatch://incidents/{{incident}}/{name}"), *name)
                .with_title(format!("An incident's {name}"))
                .with_description(*about)
                .with_mime_type(*media)
        })
        .collect()
}

/// Asks for incidents.
pub fn list(space: &str, cursor: Option<&str>) -> Call {
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={}", part(cursor)));
    let space = part(space);
    Call::get(
        format!("/v1/spaces/{space}/incidents?all=true{cursor}"),
        JSON,
    )
}

/// A list of incidents as a list of their reports.
pub fn listed(said: &Said) -> Result<ListResourcesResult, ErrorData> {
    #[derive(Deserialize)]
    struct Listed {
        items: Vec<Line>,
        next: Option<String>,
    }
    #[derive(Deserialize)]
    struct Line {
        id: String,
        title: String,
        standing: String,
    }
    let listed: Listed = serde_json::from_slice(&said.body)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    let resources = listed.items.into_iter().map(|line| {
        let about = format!("{}; {}", super::bounded(&line.title, 300).0, line.standing);
        Resource::new(
            format!("midwatch://incidents/{}/report", part(&line.id)),
            line.id,
        )
        .with_title(super::bounded(&line.title, 300).0)
        .with_description(about)
        .with_mime_type(MARKDOWN)
    });
    let mut result = ListResourcesResult::with_all_items(resources.collect());
    result.next_cursor = listed.next;
    Ok(result)
}

/// Asks for what an address names.
pub fn call(space: &str, uri: &str) -> Result<Call, ErrorData> {
    let named = uri
        .strip_prefix("midwatch://incidents/")
        .and_then(|rest| rest.split_once('/'))
        .filter(|(id, _)| !id.is_empty());
    let form = named.and_then(|(id, name)| {
        let form = FORMS.iter().find(|(known, ..)| *known == name);
        form.map(|form| (id, form))
    });
    let Some((id, (_, _, media, path))) = form else {
        let uri = super::bounded(uri, 200).0;
        return Err(ErrorData::resource_not_found(
            format!("there is nothing at {uri:?}; midwatch://incidents/ID/report is a report"),
            None,
        ));
    };
    Ok(Call::get(
        format!("/v1/spaces/{}/incidents/{}/{path}", part(space), part(id)),
        media,
    ))
}

/// What was asked for.
pub fn read(uri: &str, said: Said) -> Result<ReadResourceResponse, ErrorData> {
    let text = String::from_utf8(said.body.to_vec())
        .map_err(|_| ErrorData::internal_error("the answer is no text", None))?;
    let media = said.media.split(';').next().unwrap_or_default().to_string();
    let contents = ResourceContents::text(text, uri).with_mime_type(media);
    Ok(ReadResourceResult::new(vec![contents]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_the_api_and_nowhere_else() {
        let path = |uri: &str| call("main", uri).map(|call| call.path).ok();
        assert_eq!(
            path("midwatch://incidents/inc-1/report").as_deref(),
            Some("/v1/spaces/main/incidents/inc-1/report?format=markdown")
        );
        assert_eq!(
            path("midwatch://incidents/../postmortem").as_deref(),
            Some("/v1/spaces/main/incidents/%2E%2E/postmortem")
        );
        for nowhere in [
            "file:///etc/passwd",
            "midwatch://incidents/inc-1/../../keys",
            "midwatch://incidents//report",
            "midwatch://incidents/inc-1/plan",
            "",
        ] {
            assert!(path(nowhere).is_none(), "{nowhere}");
        }
    }
}
