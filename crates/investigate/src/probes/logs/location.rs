//! Where in the code a line was written, if it says so.
//!
//! `t.s.OrderServiceImpl#451`, `server/main.go:88`, `Handler.java:45`: two lines whose words are the same
//! but for such a mark are two different steps of a program, although a number alone is no template.

/// How far into a line the mark is looked for: it stands in the header.
const HEADER_BYTES: usize = 160;
/// Digits of a line number.
const MOST_DIGITS: usize = 6;

/// The mark, name and line number, if there is one.
pub fn location(body: &str) -> Option<&str> {
    let bytes = body.as_bytes();
    let header = &bytes[..bytes.len().min(HEADER_BYTES)];
    let mut at = 0;
    while at < header.len() {
        if matches!(header[at], b'#' | b':') {
            let digits = header[at + 1..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count();
            let end = at + 1 + digits;
            let closed = header
                .get(end)
                .is_none_or(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'.' | b'_'));
            if (1..=MOST_DIGITS).contains(&digits) && closed {
                let name = bytes[..at]
                    .iter()
                    .rev()
                    .take_while(|b| is_name(**b))
                    .count();
                if names_code(&bytes[at - name..at], bytes[at]) {
                    return body.get(at - name..end);
                }
            }
            at = end;
        } else {
            at += 1;
        }
    }
    None
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b'\\' | b'-' | b'$' | b'[')
}

/// A class with its package (before `#`), or a file with an extension of letters (before `:`).
fn names_code(name: &[u8], mark: u8) -> bool {
    let Some(dot) = name.iter().rposition(|b| *b == b'.') else {
        return false;
    };
    let last = &name[dot + 1..];
    let worded = last.iter().any(u8::is_ascii_alphabetic);
    if mark == b'#' {
        return worded;
    }
    // A host with a port ends in a label, too; source files have short extensions and a name before.
    const EXTENSIONS: [&[u8]; 20] = [
        b"go", b"rs", b"py", b"js", b"ts", b"jsx", b"tsx", b"java", b"kt", b"scala", b"rb", b"php",
        b"cs", b"c", b"cc", b"cpp", b"h", b"ex", b"erl", b"swift",
    ];
    dot > 0 && EXTENSIONS.contains(&last)
}

#[cfg(test)]
mod tests {
    use super::location;

    #[test]
    fn marks_are_told_from_clocks_and_ports() {
        let table = [
            (
                "16:43:25.207 INFO t.s.TravelServiceImpl#457 TraceID: 8f",
                Some("t.s.TravelServiceImpl#457"),
            ),
            ("10:00:01 ERROR o.a.c.C.[.[dispatcher]#175 failed", None),
            ("2026-01-01 main.go:88 started", Some("main.go:88")),
            (
                "E1121 10:00:00.1 1 server/run.rs:7] boom",
                Some("server/run.rs:7"),
            ),
            ("dial tcp 10.1.2.3:5432 refused", None),
            ("connect db.prod.local:5432", None),
            ("order #451 placed", None),
            ("", None),
            (":#1", None),
        ];
        for (line, expected) in table {
            assert_eq!(location(line), expected, "{line}");
        }
    }
}
