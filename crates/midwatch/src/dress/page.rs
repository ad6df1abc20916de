//! The template engine, set up so that forgetting to escape is impossible: whatever a template prints
//! is escaped for the template's language unless a drawing of ours marks itself as safe.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, Output, State};

use super::text;

const HTML: &str = include_str!("template/report.html");
const MARKDOWN: &str = include_str!("template/report.md");
const JUNIT: &str = include_str!("template/readiness.xml");
const STYLE: &str = include_str!("template/style.css");

/// Fills one of the templates: `report.html`, `report.md` or `readiness.xml`.
pub fn fill(template: &str, view: &impl serde::Serialize) -> String {
    try_fill(template, view).unwrap_or_else(|error| {
        // The templates are part of the program and a test fills both; a reader who meets this
        // against all odds should learn more than that the page is empty.
        text::xml(&format!("The page could not be written: {error:#}\n"))
    })
}

fn try_fill(template: &str, view: &impl serde::Serialize) -> Result<String, Error> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    environment.set_syntax(syntax);
    environment.set_auto_escape_callback(|name| {
        if name.ends_with(".md") {
            AutoEscape::Custom("markdown".into())
        } else {
            AutoEscape::Html
        }
    });
    environment.set_formatter(write_escaped);
    environment.add_filter("code", code_span);
    environment.add_global("style", Value::from_safe_string(STYLE.to_string()));
    environment.add_template("report.html", HTML)?;
    environment.add_template("report.md", MARKDOWN)?;
    environment.add_template("readiness.xml", JUNIT)?;
    environment
        .get_template(template)?
        .render(Value::from(Serde(view)))
}

fn write_escaped(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    if value.is_undefined() || value.is_none() {
        return Ok(());
    }
    let plain = value.to_string();
    if value.is_safe() {
        out.write_str(&plain)?;
    } else if *state.auto_escape() == AutoEscape::Html {
        out.write_str(&text::xml(&plain))?;
    } else {
        out.write_str(&text::markdown(&plain))?;
    }
    Ok(())
}

/// A Markdown code span that holds any text: its fence is longer than any run of backticks inside.
fn code_span(content: &str) -> Value {
    let safe = text::plain(content);
    let longest = safe.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if safe.starts_with('`') || safe.ends_with('`') {
        " "
    } else {
        ""
    };
    // A bar would end the cell of a table even inside a span.
    let cell = safe.replace('|', "\\|");
    Value::from_safe_string(format!("{fence}{pad}{cell}{pad}{fence}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn code_spans_hold_backticks() {
        assert_eq!(super::code_span("a`b``c").to_string(), "```a`b``c```");
        assert_eq!(super::code_span("`").to_string(), "`` ` ``");
        assert_eq!(super::code_span("x").to_string(), "`x`");
    }
}
