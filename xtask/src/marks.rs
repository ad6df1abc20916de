//! Parts of a document that a machine writes: what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Writes `body` between the marks of this name, and nothing else.
pub fn write(file: &Path, name: &str, body: &str) -> anyhow::Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let text = between(&text, name, body).with_context(|| {
        format!(
            "{} lacks the marks of {name}, begin and end",
            file.display()
        )
    })?;
    fs::write(file, text).with_context(|| file.display().to_string())
}

fn between(text: &str, name: &str, body: &str) -> Option<String> {
    let (begin, end) = (
        format!("<!-- {name}:begin -->"),
        format!("<!-- {name}:end -->"),
    );
    let (before, rest) = text.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{body}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n";
        let written = between(text, "x", "new\n");
        assert_eq!(
            written.as_deref(),
            Some("a\n<!-- x:begin -->\nnew\n<!-- x:end -->\nb\n")
        );
        assert_eq!(between(text, "y", "new"), None);
    }
}
