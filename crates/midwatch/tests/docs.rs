//! The guide cannot rot: its links lead somewhere, its command lines parse, its lists are those of the program.
//!
//! `MIDWATCH_WRITE=1 cargo test --workspace --all-features --test docs` writes `docs/commands.md` and
//! `docs/connectors/README.md` anew. The pages tell of all features, so that what is held against the command line needs
//! the feature `full`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Arg, Command, CommandFactory as _, Parser as _};
use connectors::catalog::CATALOG;
use midwatch::command::Cli;
use midwatch::config::Table;

#[path = "docs/markdown.rs"]
mod markdown;
#[path = "docs/words.rs"]
mod words;

/// Pages outside of `docs/` whose links and command lines are held to the same.
const BESIDE: [&str; 3] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];

/// Pages of `docs/` that the guide leaves out, and why.
const NOT_IN_THE_GUIDE: [(&str, &str); 1] = [("docs/SUMMARY.md", "it is the guide's own list")];

fn root() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../.."].iter().collect()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// All pages below a folder, by their path from the root.
fn pages_below(folder: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(root().join(folder)).expect("the folder can be read") {
        let entry = entry.expect("its entries too");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            pages_below(&path, found);
        } else if path.ends_with(".md") {
            found.insert(path);
        }
    }
}

fn pages() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    pages_below("docs", &mut found);
    found
}

/// `a/b/../c` as `a/c`; `None` if it leads out of the root.
fn plain(path: &Path) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

#[test]
fn every_page_is_in_the_guide_once() {
    let mut listed: BTreeMap<String, usize> = BTreeMap::new();
    for link in markdown::links(&read("docs/SUMMARY.md")) {
        *listed.entry(format!("docs/{}", link.target)).or_default() += 1;
    }
    let mut faults = Vec::new();
    for page in pages() {
        let left_out = NOT_IN_THE_GUIDE.iter().any(|(name, _)| *name == page);
        match (listed.remove(&page), left_out) {
            (Some(1), false) | (None, true) => {}
            (None, false) => faults.push(format!(
                "{page} is not in docs/SUMMARY.md: add a line there, or to NOT_IN_THE_GUIDE with the reason"
            )),
            (Some(times), _) => faults.push(format!("{page} is in docs/SUMMARY.md {times} times")),
        }
    }
    for page in listed.into_keys() {
        faults.push(format!("docs/SUMMARY.md names {page}, which is not there"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_link_leads_somewhere() {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for page in pages().into_iter().chain(BESIDE.map(String::from)) {
        let text = read(&page);
        texts.insert(page, text);
    }
    let mut faults = Vec::new();
    let mut followed = 0;
    for (page, text) in &texts {
        for link in markdown::links(text) {
            if link.target.contains("://") || link.target.starts_with("mailto:") {
                continue;
            }
            followed += 1;
            let (file, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
            let folder = Path::new(page).parent().unwrap_or(Path::new(""));
            let target = if file.is_empty() {
                Some(page.clone())
            } else {
                plain(&folder.join(file))
            };
            let place = format!("{page}:{}: {}", link.line, link.target);
            let Some(target) = target.filter(|target| root().join(target).exists()) else {
                faults.push(format!("{place}: there is no such file"));
                continue;
            };
            if anchor.is_empty() {
                continue;
            }
            let known = texts.get(&target).map(|text| markdown::anchors(text));
            if !known.is_some_and(|anchors| anchors.iter().any(|known| known == anchor)) {
                faults.push(format!("{place}: {target} has no heading of that name"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(followed > 100, "only {followed} links were found");
}

#[test]
#[cfg_attr(not(feature = "full"), ignore = "the pages tell of all features")]
fn every_command_line_parses() {
    let mut faults = Vec::new();
    let mut tried = 0;
    for page in pages().into_iter().chain(BESIDE.map(String::from)) {
        for (line, shown) in markdown::command_lines(&read(&page)) {
            for words in words::calls(&shown) {
                // The guest's own command line is another program's.
                if words.get(1).is_some_and(|word| word == "payledger") {
                    continue;
                }
                tried += 1;
                let Err(error) = Cli::try_parse_from(&words) else {
                    continue;
                };
                let only_help = matches!(
                    error.kind(),
                    ErrorKind::DisplayHelp
                        | ErrorKind::DisplayVersion
                        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                );
                if !only_help {
                    faults.push(format!("{page}:{line}: `{shown}`\n{error}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(tried > 50, "only {tried} command lines were found");
}

/// What every command takes, told once.
const EVERYWHERE: [&str; 4] = ["color", "quiet", "help", "version"];

const HEAD: &str = "\
# Commands

This page is written from the program's own definitions (`MIDWATCH_WRITE=1 cargo test --workspace --all-features --test docs`);
`midwatch COMMAND --help` says the same, and `midwatch man COMMAND` makes a manual page of it.

Every command also takes `--color auto|always|never` (`NO_COLOR` is honoured), `--quiet`, `--help` and `--version`. What is for
programs is on standard output; remarks and progress are on standard error.

Exit codes: 0 done, a cause was found; 1 the answer is no (does not verify, differs, does not work); 2 there is no answer (bad
input, or it could not be written); 3 cause unknown; 4 no active fault.
";

fn cell(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace('|', "\\|").replace('<', "\\<")
}

fn row(arg: &Arg) -> String {
    let mut names = arg.to_string();
    if let Some(short) = arg.get_short().filter(|_| arg.get_long().is_some()) {
        names = format!("-{short}, {names}");
    }
    let help = arg.get_long_help().or_else(|| arg.get_help());
    let mut says = help.map(|help| cell(&help.to_string())).unwrap_or_default();
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| match value.get_help() {
            Some(help) => format!("`{}` ({})", value.get_name(), cell(&help.to_string())),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    // A flag's values are no choice.
    if arg.get_action().takes_values() && !values.is_empty() {
        says += &format!(". One of {}", values.join(", "));
    }
    let defaults: Vec<String> = arg
        .get_default_values()
        .iter()
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    if arg.get_action().takes_values() && !defaults.is_empty() {
        says += &format!(". Unless told: {}", defaults.join(" "));
    }
    format!("| `{}` | {says} |\n", names.replace('|', "\\|"))
}

fn section(command: &Command, name: &str, out: &mut String) {
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    *out += &format!("\n## {name}\n{}\n", about.trim().replace('<', "\\<"));
    let usage = command.clone().render_usage().to_string();
    *out += &format!("```text\n{}\n```\n", usage.trim());
    let rows: String = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !EVERYWHERE.contains(&arg.get_id().as_str()))
        .map(row)
        .collect();
    if !rows.is_empty() {
        *out += &format!("\n| | |\n|---|---|\n{rows}");
    }
    if let Some(help) = command.get_after_help() {
        *out += &format!("\n```console\n{}\n```\n", help.to_string().trim());
    }
    for below in command.get_subcommands() {
        if !below.is_hide_set() && below.get_name() != "help" {
            section(below, &format!("{name} {}", below.get_name()), out);
        }
    }
}

#[test]
#[cfg_attr(not(feature = "full"), ignore = "the pages tell of all features")]
fn the_commands_page_is_written_from_the_schema_of_commands() {
    let mut program = Cli::command();
    program.build();
    let mut current = HEAD.to_string();
    for command in program.get_subcommands() {
        if !command.is_hide_set() && command.get_name() != "help" {
            section(
                command,
                &format!("midwatch {}", command.get_name()),
                &mut current,
            );
        }
    }
    is_current("docs/commands.md", &current);
}

/// Holds a page that is written by machine against what it would be now; in the mood to write, writes it first.
#[track_caller]
fn is_current(page: &str, current: &str) {
    let file = root().join(page);
    if std::env::var_os("MIDWATCH_WRITE").is_some() {
        std::fs::write(&file, current).expect("the page can be written");
    }
    let published = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        published == current,
        "{page} is stale; run: MIDWATCH_WRITE=1 cargo test --workspace --all-features --test docs"
    );
}

const CONNECTORS_HEAD: &str = "\
# Connectors: which there are, and every key

This page is written from the catalogue of connectors (`crates/connectors/src/catalog.rs`) and from the types that read `midwatch.toml`
(`MIDWATCH_WRITE=1 cargo test --workspace --all-features --test docs`). The program says the same of itself, and which of them it was
built with and are configured:

```console
midwatch connectors
midwatch connectors show prometheus
```

A connector is asked when an incident is looked at. What others push comes by [OTLP](../telemetry.md) and by [inlets](../inlets.md),
people are told by [notifiers](../notifiers.md), and what is over is read from [recordings](../recordings.md): none of that is asked for,
and none of it is here.
";

const CONNECTORS_TYPES: &str = "
What stands at a key is `text`, a `number`, a `whole number`, `true or false`, a `length` of time (`\"500ms\"`, `\"10s\"`, `\"1h30m\"`), a number of
`bytes` (`\"512MiB\"`, `\"4GiB\"`) or an `entity` (`\"service/cart\"`). `[text]` is a list, `{ NAME = text }` a table whose keys you choose. `NAME` in the head of a
table is yours to choose, too: there may be several. A head in two pairs of brackets may stand several times in a row.
";

/// A table with its keys, and the tables inside it, as sections.
fn tables(table: &Table, out: &mut String) {
    *out += &format!("\n### `{}`\n{}\n\n", table.head, cell(&table.about));
    *out += "| key | what stands there | what it does |\n|---|---|---|\n";
    for key in &table.keys {
        let unset = key.unset().map(|unset| format!(", {unset}"));
        *out += &format!(
            "| `{}` | `{}`{} | {} |\n",
            key.name,
            key.holds,
            unset.unwrap_or_default(),
            cell(&key.about)
        );
    }
    for inner in &table.tables {
        tables(inner, out);
    }
}

#[test]
fn the_page_of_connectors_is_written_from_the_catalogue_and_the_schema_of_the_configuration() {
    let manifest: toml::Table = toml::from_str(&read("crates/midwatch/Cargo.toml")).expect("TOML");
    let always = manifest["dependencies"]["connectors"]["features"].as_array();
    let always = always.expect("the features of every build");
    let mut current = CONNECTORS_HEAD.to_string();
    current += "\n| | what it brings | from | in |\n|---|---|---|---|\n";
    let mut sections = String::new();
    for line in CATALOG {
        let (key, feature) = (line.key, line.feature);
        let in_every_build = always.iter().any(|one| one.as_str() == Some(feature));
        let optional = manifest["features"].get(feature).is_some();
        assert!(in_every_build != optional, "{feature} is in one of both");
        let build = match optional {
            true => format!("the full distribution, builds with `--features {feature}`"),
            false => "every build".to_string(),
        };
        let (brought, from) = (line.brought(), cell(line.from));
        current += &format!("| [`{key}`](#{key}) | {brought} | {from} | {build} |\n");
        let page = line.page.trim_start_matches("docs/connectors/");
        sections += &format!("\n## {key}\n[What it sees, needs and costs]({page}).\n");
        tables(&Table::of_connector(key).expect("its table"), &mut sections);
        // And from there to here.
        let link = format!("README.md#{key})");
        assert!(
            read(line.page).contains(&link),
            "{} does not lead to {link}",
            line.page
        );
    }
    current += CONNECTORS_TYPES;
    current += &sections;
    is_current("docs/connectors/README.md", &current);
}

/// The names under which `/metrics` tells its numbers, from where they are registered.
fn metrics() -> BTreeSet<String> {
    let source = read("crates/server/src/api/metrics.rs");
    let mut found = BTreeSet::new();
    for call in source.split("registry.register").skip(1) {
        let end = call.find(");").unwrap_or(call.len());
        let call = &call[..end];
        let Some(name) = call.split('"').nth(1) else {
            continue;
        };
        let unit = call
            .split_once("Unit::")
            .map(|(_, unit)| unit.split(|c: char| !c.is_alphanumeric()).next());
        let unit = unit
            .flatten()
            .map(|unit| format!("_{}", unit.to_lowercase()));
        found.insert(format!("midwatch_{name}{}", unit.unwrap_or_default()));
    }
    found
}

#[cfg(feature = "kubernetes")]
#[test]
fn the_role_for_a_cluster_is_the_one_that_the_calls_make() {
    let page = read("docs/connectors/kubernetes.md");
    let role = page
        .split("```yaml\n")
        .find(|block| block.contains("kind: ClusterRole"))
        .and_then(|block| block.split_once("```"))
        .map(|(role, _)| role);
    let made = connectors::kubernetes::calls::policy(&[]);
    assert_eq!(
        role,
        Some(made.as_str()),
        "`midwatch permissions kubernetes` prints it"
    );
}

#[test]
fn every_metric_is_in_the_table_and_no_other() {
    let page = read("docs/operating.md");
    let told: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `midwatch_"))
        .filter_map(|rest| rest.split(['`', '{']).next())
        // What a counter is called beyond its registered name.
        .map(|name| format!("midwatch_{}", name.trim_end_matches("_total")))
        .collect();
    let registered = metrics();
    assert!(registered.len() >= 9, "{registered:?}");
    assert_eq!(told, registered, "left: docs/operating.md, right: the code");
}

#[test]
fn the_glossary_has_every_word_of_the_architecture() {
    let words = |page: &str| -> BTreeSet<String> {
        let (_, table) = page
            .split_once("## The words\n```\n")
            .expect("ARCHITECTURE.md has the table");
        let (table, _) = table.split_once("```").expect("it ends");
        table
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_uppercase()))
            // The table's first column is twelve wide.
            .map(|line| line.chars().take(12).collect::<String>().trim().to_string())
            .collect()
    };
    let glossary = read("docs/glossary.md").to_lowercase();
    let missing: Vec<String> = words(&read("ARCHITECTURE.md"))
        .into_iter()
        .filter(|word| !glossary.contains(&format!("**{}**", word.to_lowercase())))
        .collect();
    assert!(missing.is_empty(), "docs/glossary.md lacks {missing:?}");
}
