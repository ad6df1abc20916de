//! As much of Markdown as our pages use: fences, links, headings.

/// A link of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it leads, as written.
    pub target: String,
    /// The line that it stands in, from 1.
    pub line: usize,
}

/// A line of a page, and the info string of the fence that it stands in.
struct Line<'a> {
    number: usize,
    text: &'a str,
    fence: Option<&'a str>,
}

/// The lines of a page without the fences themselves.
fn lines(page: &str) -> Vec<Line<'_>> {
    let mut fence: Option<(&str, &str)> = None;
    let mut found = Vec::new();
    for (index, text) in page.lines().enumerate() {
        let bare = text.trim_start();
        let ticks = &bare[..bare.len() - bare.trim_start_matches('`').len()];
        match fence {
            Some((open, _)) if ticks.len() >= open.len() && bare == ticks => fence = None,
            None if ticks.len() >= 3 => fence = Some((ticks, bare[ticks.len()..].trim())),
            _ => found.push(Line {
                number: index + 1,
                text,
                fence: fence.map(|(_, info)| info),
            }),
        }
    }
    found
}

/// The text without what stands between backticks.
fn without_code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        out += &rest[..at];
        let after = rest[at..].trim_start_matches('`');
        let ticks = &rest[at..rest.len() - after.len()];
        match after.split_once(ticks) {
            Some((_, beyond)) => rest = beyond,
            None => rest = after,
        }
        // A link whose text is code keeps its brackets.
        out += "code";
    }
    out + rest
}

/// Inline links and images, outside of code. The target is what stands in the parentheses, without a title.
pub fn links(page: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for line in lines(page).iter().filter(|line| line.fence.is_none()) {
        let text = without_code(line.text);
        for after in text.split("](").skip(1) {
            let inside = after.split(')').next().unwrap_or(after);
            let target = inside.split(" \"").next().unwrap_or(inside).trim();
            found.push(Link {
                target: target.to_string(),
                line: line.number,
            });
        }
        for after in text
            .split(" src=\"")
            .chain(text.split(" srcset=\"").skip(1))
            .skip(1)
        {
            let target = after.split('"').next().unwrap_or(after);
            found.push(Link {
                target: target.to_string(),
                line: line.number,
            });
        }
    }
    found
}

/// The anchors of a page's headings, as the guide and the forges make them.
pub fn anchors(page: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in lines(page).iter().filter(|line| line.fence.is_none()) {
        let title = line.text.trim_start_matches('#');
        if title.len() == line.text.len() || !title.starts_with(' ') {
            continue;
        }
        let plain: String = title
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let same = |known: &&String| {
            known.as_str() == plain
                || known
                    .strip_prefix(&plain)
                    .and_then(|rest| rest.strip_prefix('-'))
                    .is_some_and(|rest| rest.parse::<usize>().is_ok())
        };
        match found.iter().filter(same).count() {
            0 => found.push(plain),
            times => found.push(format!("{plain}-{times}")),
        }
    }
    found
}

/// Lines of code blocks that a shell is given, with their numbers; what ends in `\` goes on in the next. Blocks that
/// say another language, or `text`, are what a program prints.
pub fn command_lines(page: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for line in lines(page) {
        if !matches!(line.fence, Some("" | "sh" | "bash" | "shell" | "console")) {
            open = false;
            continue;
        }
        let text = line.text.trim();
        let goes_on = text.ends_with('\\');
        let text = text.trim_end_matches('\\');
        match found.last_mut().filter(|_| open) {
            Some((_, before)) => *before += text,
            None => found.push((line.number, text.trim_start_matches("$ ").to_string())),
        }
        open = goes_on;
    }
    found
}

#[test]
fn what_is_a_link_and_what_is_not() {
    let page = "a [b](c.md#d) `[no](x)` ![e](f.svg \"g\")\n```\n[no](y)\n```\n[`code`](h)\n<img alt=\"\" src=\"i.svg\">";
    let found: Vec<(String, usize)> = links(page)
        .into_iter()
        .map(|link| (link.target, link.line))
        .collect();
    let wanted = [("c.md#d", 1), ("f.svg", 1), ("h", 5), ("i.svg", 6)];
    assert_eq!(
        found,
        wanted.map(|(target, line)| (target.to_string(), line))
    );
}

#[test]
fn anchors_are_the_headings_in_lower_case() {
    let page = "# The *API*, at `/v1`\n```\n# no\n```\n## Twice\n## Twice\n#no";
    assert_eq!(anchors(page), ["the-api-at-v1", "twice", "twice-1"]);
}

#[test]
fn only_what_a_shell_is_given_is_a_command_line() {
    let page = "```\n$ midwatch a \\\n  --b\n```\n```toml\nmidwatch = 1\n```\nmidwatch c\n```sh\nmidwatch d\n```";
    let wanted = [(2, "midwatch a --b"), (10, "midwatch d")];
    assert_eq!(
        command_lines(page),
        wanted.map(|(line, text)| (line, text.to_string()))
    );
}
