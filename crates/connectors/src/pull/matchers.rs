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

/// What a text or a name may stand in.
const QUOTES: [char; 3] = ['"', '\'', '`'];

/// Why a text is no list of matchers, such as `namespace="shop",env=~"prod|stage"`; `None` if it is one, or empty.
///
/// It is put between braces as it is: one that is wrong would spoil every question that is asked with it.
pub fn misread(text: &str) -> Option<String> {
    let mut rest = text.trim();
    if rest.starts_with('{') {
        return Some("stands in braces, which are put around it".to_string());
    }
    while !rest.is_empty() {
        match matcher(rest) {
            Ok(after) => rest = after,
            Err(why) => return Some(why),
        }
    }
    None
}

/// Reads one matcher and the comma behind it. What follows, or why it is none.
fn matcher(text: &str) -> Result<&str, String> {
    let (name, rest) = label(text)?;
    let rest = rest.trim_start();
    let rest = ["=~", "!~", "!=", "="]
        .iter()
        .find_map(|sign| rest.strip_prefix(sign))
        .ok_or_else(|| format!("has none of =, !=, =~ and !~ behind {name}"))?
        .trim_start();
    if !rest.starts_with(QUOTES) {
        return Err(format!("has no quotes around the value of {name}"));
    }
    let rest = behind_quotes(rest)
        .ok_or_else(|| format!("has a value of {name} whose quotes are not closed"))?
        .trim_start();
    match rest.strip_prefix(',') {
        Some(after) => Ok(after.trim_start()),
        None if rest.is_empty() => Ok(rest),
        None => Err(format!("has no comma behind the value of {name}")),
    }
}

/// The name of the label that a matcher begins with, and what follows it.
fn label(text: &str) -> Result<(&str, &str), String> {
    if text.starts_with(QUOTES) {
        let rest = behind_quotes(text)
            .ok_or_else(|| "has a label whose quotes are not closed".to_string())?;
        return Ok(text.split_at(text.len() - rest.len()));
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
    let end = text.find(|letter| !plain(letter)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if is_plain(name) {
        Ok((name, rest))
    } else {
        Err("has something else where the name of a label belongs".to_string())
    }
}

/// What follows a text that stands in quotes; `None` if they are not closed.
fn behind_quotes(text: &str) -> Option<&str> {
    let mut letters = text.char_indices();
    let (_, quote) = letters.next()?;
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            return text.get(at + quote.len_utf8()..);
        }
        // Between backquotes everything stands as it is.
        if letter == '\\' && quote != '`' {
            letters.next();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_are_read_as_they_are_written() {
        for good in [
            "",
            "namespace=\"shop\"",
            " namespace = \"shop\" , env =~ 'prod|stage', ",
            "a!=\"\",b!~`\\d+`",
            "a=\"with \\\"quotes\\\", and commas\"",
            "__name__=~\"shop:.+\"",
            "\"service.name\"=\"cart\"",
        ] {
            assert_eq!(misread(good), None, "{good}");
        }
        for (bad, why) in [
            (
                "namespace=shop",
                "has no quotes around the value of namespace",
            ),
            (
                "{namespace=\"shop\"}",
                "stands in braces, which are put around it",
            ),
            ("namespace", "has none of =, !=, =~ and !~ behind namespace"),
            (
                "namespace==\"shop\"",
                "has no quotes around the value of namespace",
            ),
            (
                "name-space=\"shop\"",
                "has none of =, !=, =~ and !~ behind name",
            ),
            ("a=\"b\" c=\"d\"", "has no comma behind the value of a"),
            (
                "a=\"b\",c=\"d",
                "has a value of c whose quotes are not closed",
            ),
            ("a=\"b\\\"", "has a value of a whose quotes are not closed"),
            ("\"a=\"b\"", "has none of =, !=, =~ and !~ behind \"a=\""),
            ("\"a", "has a label whose quotes are not closed"),
            (
                ",a=\"b\"",
                "has something else where the name of a label belongs",
            ),
        ] {
            assert_eq!(misread(bad).as_deref(), Some(why), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_here_is_read(name in "\\PC{1,8}", value in ".*", other in ".*") {
            let text = format!("{},{}", equals(&name, &value), equals("b", &other));
            proptest::prop_assert_eq!(misread(&text), None);
        }

        #[test]
        fn no_text_breaks_it(text in ".*") {
            let _ = misread(&text);
        }
    }
}
