//! Lists, page by page.

use std::collections::BTreeSet;

use serde_json::Value;

use super::calls::Call;
use crate::delivery::{take, text_at};
use crate::pull::{Look, Missed};

/// Objects of one page.
const PAGE: u64 = 500;
/// Pages of one list; what has more is told of as far as that.
const PAGES: u64 = 100;

/// What a list brought, and why it is not all, if it is not.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub objects: Vec<Value>,
    pub missed: Option<Missed>,
}

/// Everything of one sort, of one namespace or of all.
pub(super) fn all(look: &mut Look<'_>, call: &Call, namespace: Option<&str>) -> Listed {
    let path = call.path(namespace);
    let mut listed = Listed::default();
    let mut next = String::new();
    let mut anew = false;
    // A list that changes while it is read may give one twice.
    let mut known: BTreeSet<(String, String)> = BTreeSet::new();
    for _ in 0..PAGES {
        let mut fields = vec![("limit", PAGE.to_string())];
        if !next.is_empty() {
            fields.push(("continue", next.clone()));
        }
        let page = look.ask(&path, &fields).and_then(|answered| {
            serde_json::from_slice(&answered.body)
                .map_err(|error| Missed::Strange(error.to_string()))
        });
        let mut page: Value = match page {
            Ok(page) => page,
            // The list changed so much meanwhile that the server no longer knows where we were.
            Err(Missed::Refused(410, _)) if !anew => {
                anew = true;
                next.clear();
                listed.objects.clear();
                known.clear();
                continue;
            }
            Err(missed) => {
                listed.missed = Some(missed);
                return listed;
            }
        };
        let after = page["metadata"]["continue"].as_str().unwrap_or_default();
        let after = after.to_string();
        match take(&mut page, "items") {
            Value::Array(items) => {
                let meta = |item: &Value, key| text_at(item, &["metadata", key]).to_string();
                let fresh = items
                    .into_iter()
                    .filter(|item| known.insert((meta(item, "namespace"), meta(item, "name"))));
                listed.objects.extend(fresh.map(|item| whole(item, call)));
            }
            // An empty list may be written so.
            Value::Null
                if page["kind"]
                    .as_str()
                    .is_some_and(|kind| kind.ends_with("List")) => {}
            _ => {
                listed.missed = Some(Missed::Strange("no list of items was found".to_string()));
                return listed;
            }
        }
        if after.is_empty() {
            return listed;
        }
        if after == next {
            listed.missed = Some(Missed::Strange(
                "it gives the same page again and again".to_string(),
            ));
            return listed;
        }
        next = after;
    }
    listed.missed = Some(Missed::Budget(format!(
        "there are more than {} of them",
        PAGE * PAGES
    )));
    listed
}

/// Elements of a list do not say what they are.
fn whole(mut item: Value, call: &Call) -> Value {
    if let Some(fields) = item.as_object_mut() {
        fields.insert("kind".to_string(), call.kind.into());
        fields.insert("apiVersion".to_string(), call.api().into());
    }
    item
}
