//! Attributes and the values that they and log bodies have, as the same text that OTLP/JSON gives.

use std::borrow::Cow;
use std::fmt::Write;

use super::wire::{Fields, Value, WireError};
use crate::files::otlp::Fields as Attributes;

/// Lists and maps within one another.
pub(crate) const DEPTH: usize = 64;

const HEX: &[u8; 16] = b"0123456789abcdef";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// An id in hexadecimal, as OTLP/JSON writes it.
pub(super) fn hex(bytes: &[u8]) -> Cow<'static, str> {
    let mut out = vec![0; bytes.len() * 2];
    let (pairs, _) = out.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
    }
    // Digits are UTF-8, so nothing is ever lost here.
    Cow::Owned(String::from_utf8(out).unwrap_or_default())
}

/// Bytes as OTLP/JSON writes them.
fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            out.push(if i <= group.len() {
                char::from(BASE64[(bits >> (18 - 6 * i) & 63) as usize])
            } else {
                '='
            });
        }
    }
    out
}

/// A double as JSON has it.
fn double(value: f64) -> Cow<'static, str> {
    if value.is_nan() {
        Cow::Borrowed("NaN")
    } else if value.is_infinite() {
        Cow::Borrowed(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        Cow::Owned(serde_json::to_string(&value).unwrap_or_default())
    }
}

/// Reads one attribute.
#[inline]
pub(super) fn attribute<'a>(bytes: &'a [u8], out: &mut Attributes<'a>) -> Result<(), WireError> {
    let mut name = Cow::Borrowed("");
    let mut value = Cow::Borrowed("");
    Fields::of(bytes).each(|number, field| {
        match number {
            1 => name = field.text()?,
            2 => value = any(field.bytes()?)?,
            _ => {}
        }
        Ok(())
    })?;
    out.push((name, value));
    Ok(())
}

/// An `AnyValue` as text: scalars as they are, lists and maps as JSON.
pub(super) fn any<'a>(bytes: &'a [u8]) -> Result<Cow<'a, str>, WireError> {
    let mut out = Cow::Borrowed("");
    Fields::of(bytes).each(|number, field| {
        match number {
            5 | 6 => {
                let mut text = String::new();
                composite(field.bytes()?, number == 5, &mut text, 0)?;
                out = Cow::Owned(text);
            }
            _ => {
                if let Some(text) = scalar(number, field)? {
                    out = text;
                }
            }
        }
        Ok(())
    })?;
    Ok(out)
}

/// A value that is no list and no map; `None` for fields that are not known.
fn scalar<'a>(number: u32, field: Value<'a>) -> Result<Option<Cow<'a, str>>, WireError> {
    Ok(Some(match number {
        1 => field.text()?,
        2 => Cow::Borrowed(if field.varint()? == 0 {
            "false"
        } else {
            "true"
        }),
        3 => Cow::Owned((field.varint()? as i64).to_string()),
        4 => double(field.double()?),
        7 => Cow::Owned(base64(field.bytes()?)),
        _ => return Ok(None),
    }))
}

/// The inside of a list or map value, as JSON.
fn composite(bytes: &[u8], list: bool, out: &mut String, depth: usize) -> Result<(), WireError> {
    if depth >= DEPTH {
        return Err(WireError::TooDeep);
    }
    out.push(if list { '[' } else { '{' });
    let mut first = true;
    Fields::of(bytes).each(|number, field| {
        if number != 1 {
            return Ok(());
        }
        if !first {
            out.push(',');
        }
        first = false;
        let inner = field.bytes()?;
        if list {
            return nested(inner, out, depth);
        }
        let mut name = Cow::Borrowed("");
        let mut value = None;
        Fields::of(inner).each(|number, field| {
            match number {
                1 => name = field.text()?,
                2 => value = Some(field.bytes()?),
                _ => {}
            }
            Ok(())
        })?;
        quote(&name, out);
        out.push(':');
        match value {
            Some(value) => nested(value, out, depth),
            None => {
                out.push_str("null");
                Ok(())
            }
        }
    })?;
    out.push(if list { ']' } else { '}' });
    Ok(())
}

/// An `AnyValue` within another.
fn nested(bytes: &[u8], out: &mut String, depth: usize) -> Result<(), WireError> {
    let from = out.len();
    Fields::of(bytes).each(|number, field| {
        match number {
            5 | 6 => {
                out.truncate(from);
                composite(field.bytes()?, number == 5, out, depth + 1)?;
            }
            1 | 7 => {
                out.truncate(from);
                if let Some(text) = scalar(number, field)? {
                    quote(&text, out);
                }
            }
            _ => {
                if let Some(text) = scalar(number, field)? {
                    out.truncate(from);
                    out.push_str(&text);
                }
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_base64() {
        let said: Vec<String> = [&b""[..], b"f", b"fo", b"foo", b"foob", b"\xff\xfe\xfd"]
            .iter()
            .map(|bytes| base64(bytes))
            .collect();
        assert_eq!(said, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "//79"]);
        assert_eq!(hex(&[0, 0x1f, 0xff]), "001fff");
    }
}
