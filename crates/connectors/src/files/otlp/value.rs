//! Attributes, and the values that they and log bodies have.

use std::borrow::Cow;
use std::fmt::Write;

use super::Fields;
use crate::files::json::{Json, JsonError, Kind};

/// Reads a list of attributes.
pub(super) fn attributes<'a>(json: &mut Json<'a>, out: &mut Fields<'a>) -> Result<(), JsonError> {
    json.array_or_null(|json| {
        let mut name = Cow::Borrowed("");
        let mut value = Cow::Borrowed("");
        json.object(|json, key| {
            match &*key {
                "key" => name = json.text()?,
                "value" => value = any(json)?,
                _ => json.skip()?,
            }
            Ok(())
        })?;
        out.push((name, value));
        Ok(())
    })
}

/// An `AnyValue` as text: scalars as they are, lists and maps as JSON.
pub(super) fn any<'a>(json: &mut Json<'a>) -> Result<Cow<'a, str>, JsonError> {
    if json.kind()? != Kind::Object {
        return json.text();
    }
    let mut out = Cow::Borrowed("");
    json.object(|json, key| {
        out = match &*key {
            "arrayValue" | "array_value" | "kvlistValue" | "kvlist_value" => {
                let mut text = String::new();
                composite(json, key.starts_with('a'), &mut text)?;
                Cow::Owned(text)
            }
            _ => json.text()?,
        };
        Ok(())
    })?;
    Ok(out)
}

/// The inside of a list or map value, as JSON.
fn composite(json: &mut Json<'_>, list: bool, out: &mut String) -> Result<(), JsonError> {
    out.push(if list { '[' } else { '{' });
    json.object(|json, key| {
        if key != "values" {
            return json.skip();
        }
        let mut first = true;
        json.array_or_null(|json| {
            if !first {
                out.push(',');
            }
            first = false;
            if list {
                return nested(json, out);
            }
            let mut name = Cow::Borrowed("");
            let mut value = String::from("null");
            json.object_or_null(|json, key| {
                match &*key {
                    "key" => name = json.text()?,
                    "value" => {
                        value.clear();
                        nested(json, &mut value)?;
                    }
                    _ => json.skip()?,
                }
                Ok(())
            })?;
            quote(&name, out);
            out.push(':');
            out.push_str(&value);
            Ok(())
        })
    })?;
    out.push(if list { ']' } else { '}' });
    Ok(())
}

/// An `AnyValue` within another.
fn nested(json: &mut Json<'_>, out: &mut String) -> Result<(), JsonError> {
    let from = out.len();
    json.object_or_null(|json, key| {
        out.truncate(from);
        match &*key {
            "arrayValue" | "array_value" | "kvlistValue" | "kvlist_value" => {
                composite(json, key.starts_with('a'), out)
            }
            "stringValue" | "string_value" | "bytesValue" | "bytes_value" => {
                quote(&json.text()?, out);
                Ok(())
            }
            _ => {
                out.push_str(&json.text()?);
                Ok(())
            }
        }
    })?;
    if out.len() == from {
        out.push_str("null");
    }
    Ok(())
}

fn quote(text: &str, out: &mut String) {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let _ = out.write_str(&quoted);
}
