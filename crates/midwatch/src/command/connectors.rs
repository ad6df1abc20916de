//! `midwatch connectors`: who can be asked, what that brings, and every key of each.

use connectors::catalog::{self, CATALOG, Connector};
use serde_json::{Value, json};

use super::{Answer, Place};
use crate::config::{Key, Table};
use crate::console::Console;
use crate::dress;
use crate::dress::pencil::{Pencil, Tone};
use crate::exit::Exit;
use crate::problem::Problem;

/// What to show of the connectors.
#[derive(clap::Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
    midwatch connectors                         all, and under which names they are configured\n  \
    midwatch connectors list --config /etc/midwatch.toml\n  \
    midwatch connectors show prometheus         every key of its table"
)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    what: Option<What>,
    /// How to tell
    #[arg(long, value_enum, default_value_t)]
    format: Answer,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// All of them: what each brings, whether this build has it, and under which names it is configured
    #[command(after_help = "Examples:\n  \
        midwatch connectors list --config /etc/midwatch.toml\n  \
        midwatch connectors list --format json")]
    List {
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
    /// One of them, with every key of its table
    #[command(after_help = "Examples:\n  \
        midwatch connectors show prometheus\n  \
        midwatch connectors show aws --format json")]
    Show {
        /// Its key in [connectors], such as prometheus
        #[arg(value_name = "NAME")]
        name: String,
        /// How to tell
        #[arg(long, value_enum, default_value_t)]
        format: Answer,
    },
}

/// Lists, or shows.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Problem> {
    match &args.what {
        None => list(&args.place, args.format, console)?,
        Some(What::List { format }) => list(&args.place, *format, console)?,
        Some(What::Show { name, format }) => {
            let line = catalog::line(name).ok_or_else(|| not_known(name))?;
            show(line, &args.place, *format, console)?;
        }
    }
    Ok(Exit::Done)
}

fn list(place: &Place, format: Answer, console: &mut Console<'_>) -> Result<(), Problem> {
    let configured = place.house()?.config().connectors.configured();
    let names = |line: &Connector| configured.get(line.key).map_or(&[][..], Vec::as_slice);
    if format == Answer::Json {
        let all = CATALOG.iter().map(|line| told(line, Some(names(line))));
        return console.print(&dress::json(&all.collect::<Vec<_>>()));
    }
    let pencil = console.pencil();
    let mut out = String::new();
    for (title, built) in [("In this build", true), ("Not in this build", false)] {
        let lines: Vec<&Connector> = CATALOG.iter().filter(|line| line.built == built).collect();
        if lines.is_empty() {
            continue;
        }
        out += &pencil.heading(&format!("{title} ({})", lines.len()));
        for line in lines {
            let mut pieces = vec![
                (Tone::Strong, format!("{}:", line.key)),
                (Tone::Plain, line.brought()),
                (Tone::Faint, format!("from {}.", line.from)),
            ];
            if !names(line).is_empty() {
                pieces.push((Tone::Good, stands(names(line))));
            }
            if !line.built {
                pieces.push((Tone::Warn, format!("To do: {}.", line.remedy())));
            }
            out += &pencil.paragraph("  ", 6, &pieces);
        }
    }
    out += &format!(
        "\n{} connectors; `midwatch connectors show NAME` has every key of one.\n",
        CATALOG.len()
    );
    console.print(&out)
}

fn show(
    line: &Connector,
    place: &Place,
    format: Answer,
    console: &mut Console<'_>,
) -> Result<(), Problem> {
    let names = match place.house() {
        Ok(house) => house.config().connectors.configured().remove(line.key),
        // Whoever looks a key up may do so because the file does not hold yet.
        Err(problem) => {
            console.remark(&format!("What is configured is not told: {problem}\n"));
            None
        }
    };
    let table = Table::of_connector(line.key);
    if format == Answer::Json {
        let mut told = told(line, names.as_deref());
        told["table"] = table.as_ref().map_or(Value::Null, table_told);
        return console.print(&dress::json(&told));
    }
    let pencil = console.pencil();
    let title = [
        (Tone::Head, line.key.to_string()),
        (Tone::Strong, line.name.to_string()),
    ];
    let mut out = pencil.paragraph("", 0, &title);
    let brings = format!("Brings {} from {}.", line.brought(), line.from);
    out += &pencil.paragraph("", 0, &[(Tone::Plain, brings)]);
    let build = match line.built {
        true => (Tone::Good, "In this build.".to_string()),
        false => {
            let remedy = line.remedy();
            (Tone::Warn, format!("Not in this build. To do: {remedy}."))
        }
    };
    let mut here = vec![build];
    here.extend(names.map(|names| (Tone::Plain, stands(&names))));
    out += &pencil.paragraph("", 0, &here);
    let page = format!("What it sees, needs and costs: {}", line.page);
    out += &pencil.paragraph("", 0, &[(Tone::Faint, page)]);
    if let Some(table) = &table {
        shown(table, &pencil, &mut out);
    }
    console.print(&out)
}

/// Under which names it is configured.
fn stands(names: &[String]) -> String {
    match names {
        [] => "Not configured.".to_string(),
        names => format!("Configured as {}.", names.join(", ")),
    }
}

/// A table with its keys, and the tables inside it.
fn shown(table: &Table, pencil: &Pencil, out: &mut String) {
    *out += "\n";
    *out += &pencil.paragraph("", 0, &[(Tone::Head, table.head.clone())]);
    *out += &pencil.paragraph("", 0, &[(Tone::Plain, table.about.replace('\n', " "))]);
    for key in &table.keys {
        let holds: Vec<String> = std::iter::once(key.holds.clone())
            .chain(key.unset())
            .collect();
        let pieces = [
            (Tone::Strong, key.name.clone()),
            (Tone::Faint, format!("({}):", holds.join(", "))),
            (Tone::Plain, key.about.replace('\n', " ")),
        ];
        *out += &pencil.paragraph("  ", 6, &pieces);
    }
    for inner in &table.tables {
        shown(inner, pencil, out);
    }
}

/// A line of the catalogue, for programs; `configured` is null where no configuration could be read.
fn told(line: &Connector, names: Option<&[String]>) -> Value {
    let brings: Vec<&str> = line.brings.iter().map(|brings| brings.word()).collect();
    json!({
        "key": line.key,
        "name": line.name,
        "brings": brings,
        "from": line.from,
        "page": line.page,
        "feature": line.feature,
        "built": line.built,
        "to_do": (!line.built).then(|| line.remedy()),
        "configured": names,
    })
}

/// A table with its keys, and the tables inside it, for programs.
fn table_told(table: &Table) -> Value {
    let key = |key: &Key| {
        json!({
            "key": key.name,
            "holds": key.holds,
            "needed": key.needed,
            "default": key.default,
            "about": key.about.replace('\n', " "),
        })
    };
    json!({
        "head": table.head,
        "about": table.about.replace('\n', " "),
        "keys": table.keys.iter().map(key).collect::<Vec<_>>(),
        "tables": table.tables.iter().map(table_told).collect::<Vec<_>>(),
    })
}

/// Names the key that is most like the one that was asked for.
fn not_known(name: &str) -> Problem {
    let keys = CATALOG.iter().map(|line| line.key);
    let near = watch::detect::nearest(&name.to_lowercase(), keys);
    Problem::bad_input(
        format!("there is no connector {name:?}"),
        "the connector's name",
        near.map_or_else(
            || "`midwatch connectors` lists all".to_string(),
            |near| format!("did you mean {near:?}? `midwatch connectors` lists all"),
        ),
    )
}
