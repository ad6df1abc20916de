//! The post-mortem as Markdown. Titles, rules and log lines are hostile text: nothing in them may become markup.

use std::fmt;

use super::PostMortem;

/// Where only people know. Visible, so that nobody takes it for filled.
const BLANK: &str = "\\[ to be filled in by people \\]";

/// On one line, with everything escaped that Markdown or HTML would read.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '~'
            | '&' => {
                out.push('\\');
                out.push(letter);
            }
            letter if letter.is_control() || letter == '\u{2028}' || letter == '\u{2029}' => {
                out.push(' ')
            }
            letter => out.push(letter),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn list(f: &mut fmt::Formatter<'_>, lines: &[String], empty: &str) -> fmt::Result {
    if lines.is_empty() {
        return writeln!(f, "- {empty}");
    }
    for line in lines {
        // A dash before the text would begin another list.
        writeln!(f, "- {}", plain(line.trim_start_matches(['-', '+', ' '])))?;
    }
    Ok(())
}

impl fmt::Display for PostMortem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Post-mortem: {}\n", plain(&self.title))?;
        writeln!(f, "| | |\n|---|---|")?;
        for (name, value) in &self.facts {
            writeln!(f, "| {} | {} |", plain(name), plain(value))?;
        }
        writeln!(f, "| Author | {BLANK} |\n| Reviewed by | {BLANK} |")?;
        writeln!(f, "\n## Summary\n")?;
        list(f, &self.summary, BLANK)?;
        writeln!(f, "\n## Impact\n")?;
        list(f, &self.impact, "Telemetry tells nothing of it.")?;
        writeln!(f, "- Customers and money: {BLANK}")?;
        writeln!(f, "- Who was told, when, and how: {BLANK}")?;
        writeln!(f, "\n## Trigger\n")?;
        list(
            f,
            &self.trigger,
            "No change and no unusual input was found that set it off.",
        )?;
        writeln!(f, "\n## Root causes\n")?;
        list(f, &self.root_causes, BLANK)?;
        writeln!(f, "- Why it was possible at all: {BLANK}")?;
        writeln!(f, "\n## Contributing conditions\n")?;
        list(f, &self.contributing, "None was found.")?;
        writeln!(f, "\n## Detection\n")?;
        list(f, &self.detection, BLANK)?;
        writeln!(
            f,
            "\n## Timeline\n\nAll times are UTC.\n\n| when | what |\n|---|---|"
        )?;
        for moment in &self.timeline {
            writeln!(f, "| {} | {} |", moment.at, plain(&moment.what))?;
        }
        writeln!(f, "\n## Action items\n")?;
        writeln!(f, "| kind | what | owner | due |\n|---|---|---|---|")?;
        let kinds = [
            ("prevent", &self.actions.prevent),
            ("mitigate", &self.actions.mitigate),
            ("detect", &self.actions.detect),
            ("process", &self.actions.process),
        ];
        for (kind, items) in kinds {
            if items.is_empty() {
                writeln!(f, "| {kind} | {BLANK} | | |")?;
            }
            for item in items {
                writeln!(f, "| {kind} | {} | {BLANK} | {BLANK} |", plain(item))?;
            }
        }
        for (title, lines) in [
            ("What went well", &self.well),
            ("What went badly", &self.badly),
            ("Where we were lucky", &self.luckily),
        ] {
            writeln!(f, "\n## {title}\n")?;
            list(f, lines, BLANK)?;
        }
        Ok(())
    }
}
