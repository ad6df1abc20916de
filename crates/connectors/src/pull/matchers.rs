//! How PromQL and LogQL write texts and matchers.

/// A text as PromQL and LogQL write it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            letter if letter.is_control() => out += &format!("\\u{:04x}", letter as u32),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// A text as a regular expression that fits nothing else.
pub(crate) fn literally(text: &str) -> String {
    regex::escape(text)
}

/// Can it stand unquoted?
pub(crate) fn is_plain(name: &str) -> bool {
    let mut letters = name.bytes();
    letters
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b':')
        && letters.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
}

/// One matcher.
pub(crate) fn equals(name: &str, value: &str) -> String {
    if is_plain(name) {
        format!("{name}={}", quoted(value))
    } else {
        format!("{}={}", quoted(name), quoted(value))
    }
}
