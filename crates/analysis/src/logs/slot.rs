//! The kinds of variable text that a log line can hold.

use std::fmt;

/// What kind of value stands in one variable place of a template.
///
/// The order of the variants is the order in which kinds are reported; it has no meaning of rank.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SlotKind {
    /// A decimal number, with sign, fraction, exponent or dotted version parts.
    Num,
    /// A hexadecimal number or digest.
    Hex,
    /// A universally unique identifier (8-4-4-4-12).
    Uuid,
    /// An IPv4 or IPv6 address, with port, prefix length or resolved name if they were written.
    Ip,
    /// A six-byte hardware address.
    Mac,
    /// A fully qualified host name, with port if it was written.
    Host,
    /// An absolute path of a file or of a resource.
    Path,
    /// A URL with its scheme.
    Url,
    /// An e-mail address.
    Email,
    /// A date, a time of day, or both.
    Time,
    /// A number with a unit of time.
    Duration,
    /// A number with a unit of bytes.
    Size,
    /// A generated name or a name with a number in it: pod suffixes, task ids, device names.
    Id,
    /// Free text: it varied between lines and has no narrower kind.
    Any,
}

impl SlotKind {
    /// Every kind, in order.
    pub const ALL: [SlotKind; 14] = [
        SlotKind::Num,
        SlotKind::Hex,
        SlotKind::Uuid,
        SlotKind::Ip,
        SlotKind::Mac,
        SlotKind::Host,
        SlotKind::Path,
        SlotKind::Url,
        SlotKind::Email,
        SlotKind::Time,
        SlotKind::Duration,
        SlotKind::Size,
        SlotKind::Id,
        SlotKind::Any,
    ];

    /// The mark that stands for this kind in a template's text, such as `<num>`.
    pub const fn mark(self) -> &'static str {
        match self {
            SlotKind::Num => "<num>",
            SlotKind::Hex => "<hex>",
            SlotKind::Uuid => "<uuid>",
            SlotKind::Ip => "<ip>",
            SlotKind::Mac => "<mac>",
            SlotKind::Host => "<host>",
            SlotKind::Path => "<path>",
            SlotKind::Url => "<url>",
            SlotKind::Email => "<email>",
            SlotKind::Time => "<time>",
            SlotKind::Duration => "<dur>",
            SlotKind::Size => "<size>",
            SlotKind::Id => "<id>",
            SlotKind::Any => "<*>",
        }
    }

    /// The kind whose mark `bytes` begins with, if any.
    pub fn at_start_of(bytes: &[u8]) -> Option<SlotKind> {
        if bytes.first() != Some(&b'<') {
            return None;
        }
        SlotKind::ALL
            .into_iter()
            .find(|kind| bytes.starts_with(kind.mark().as_bytes()))
    }
}

impl fmt::Display for SlotKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mark())
    }
}

/// One variable place of a line and the text that stood there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Slot {
    /// What kind of value it is.
    pub kind: SlotKind,
    /// The text as it stood in the line; bytes that are not UTF-8 become U+FFFD.
    pub text: String,
}
