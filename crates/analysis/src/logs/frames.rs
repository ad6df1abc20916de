//! Stack traces inside of an event: what was thrown says what happened, the frames only where.

use std::borrow::Cow;

/// The event without the frames of stack traces.
///
/// Two failures with the same message are one template however deep the stack was, so lines that are frames (`at` of
/// the Java, JavaScript and .NET families, `File "..."` with its line of code of Python, `... 12 more`) are left out. The
/// lines that name the failure and its causes stay. Frames are always indented; events of one line are untouched.
pub(super) fn without_frames(event: &[u8]) -> Cow<'_, [u8]> {
    let body = event.trim_ascii_end();
    if memchr::memchr(b'\n', body).is_none() {
        return Cow::Borrowed(event);
    }
    let mut kept = Vec::with_capacity(body.len());
    let mut shows_code = false;
    for line in body.split(|&b| b == b'\n') {
        let text = line.trim_ascii_start();
        let indented = text.len() < line.len();
        let is_python_frame = indented && text.starts_with(b"File \"");
        let is_frame = is_python_frame
            || indented && (shows_code || text.starts_with(b"at ") || text.starts_with(b"... "));
        shows_code = is_python_frame;
        if !is_frame {
            if !kept.is_empty() {
                kept.push(b'\n');
            }
            kept.extend_from_slice(line);
        }
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::without_frames;

    #[test]
    fn what_was_thrown_stays_and_frames_go() {
        let cases = [
            ("one line\n", "one line\n"),
            (
                "E: gone\n\tat a.B.c(B.java:1)\n\t... 3 more\nCaused by: F: lost\n\tat d.E.f(E.java:2)",
                "E: gone\nCaused by: F: lost",
            ),
            (
                "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    g(x)\nValueError: bad",
                "Traceback (most recent call last):\nValueError: bad",
            ),
            (
                "{\n  \"level\": \"error\"\n}",
                "{\n  \"level\": \"error\"\n}",
            ),
        ];
        for (event, expected) in cases {
            assert_eq!(
                String::from_utf8_lossy(&without_frames(event.as_bytes())),
                expected
            );
        }
    }
}
