//! What `kubectl get … -o json` prints: lists of objects become states, events, changes, entities and edges. The
//! connector that asks a cluster itself goes the same way from [`gather`] on.

pub(crate) mod manifest;
mod objects;
mod rollouts;

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::sync::Arc;

use model::RawRef;
use serde_json::Value;

pub(crate) use objects::gather;

use super::documents::typed;
use super::error::FilesError;
use super::gathered::{Gathered, under};
use super::limits::Limits;
use super::source::DataFile;

/// Reads one file of objects.
pub(crate) fn read(
    file: &DataFile,
    limits: &Limits,
    gathered: &mut Gathered<'_>,
) -> Result<(), FilesError> {
    let text = file.document(limits)?;
    let mut objects = Vec::new();
    let mut one = |element: &str, line| {
        let raw = RawRef {
            file: Arc::clone(&file.name),
            line,
        };
        let object: Value = typed(file, element, line)?;
        // A list within a list, as `kubectl get pods,deployments` of several contexts gives.
        match object.get("items") {
            Some(Value::Array(items)) => {
                objects.extend(items.iter().map(|item| (item.clone(), raw.clone())));
            }
            _ => objects.push((object, raw)),
        }
        Ok(ControlFlow::Continue(()))
    };
    if is_list(&text) {
        under(file, &text, "items", one)?;
    } else {
        super::stream::elements(file, &text, &mut one)?;
    }
    gather(objects, gathered);
    Ok(())
}

/// Is it one object with `items`?
fn is_list(text: &str) -> bool {
    let mut json = super::json::Json::new(text);
    let mut list = false;
    let read = json.object(|json, key| {
        list |= key == "items";
        json.skip()
    });
    read.is_ok() && json.finished() && list
}
