//! Database queries and migrations: what the text of SQL says, wherever it stands.

use super::super::effect::{Effect, EffectKind};
use super::super::lexer::Token;
use super::super::path::{FileRole, Language};
use super::super::source::{CodeLine, FileView};
use super::facts::Facts;
use std::collections::BTreeSet;

/// One statement, as words in lower case, with the line it began on.
struct Statement<'l> {
    words: Vec<String>,
    line: &'l CodeLine<'l>,
    net: bool,
}

impl Statement<'_> {
    fn has(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }
    fn pair(&self, a: &str, b: &str) -> bool {
        self.words.windows(2).any(|w| w[0] == a && w[1] == b)
    }
    fn verb(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }
    fn tables(&self) -> BTreeSet<String> {
        let mut tables = BTreeSet::new();
        for pair in self.words.windows(2) {
            let after = ["from", "join", "into", "update", "table"].contains(&pair[0].as_str());
            if after && is_name(&pair[1]) {
                tables.insert(pair[1].clone());
            }
        }
        tables
    }
    /// Words between SELECT and FROM that are columns.
    fn columns(&self) -> BTreeSet<&str> {
        self.words
            .iter()
            .skip(1)
            .take_while(|w| w.as_str() != "from")
            .map(String::as_str)
            .filter(|w| {
                is_name(w)
                    && !matches!(
                        *w,
                        "distinct" | "as" | "count" | "sum" | "max" | "min" | "coalesce"
                    )
            })
            .collect()
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !matches!(
            word,
            "select"
                | "where"
                | "set"
                | "values"
                | "if"
                | "exists"
                | "not"
                | "only"
                | "as"
                | "on"
                | "concurrently"
                | "lateral"
                | "the"
                | "a"
        )
}

fn sql_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || c == '_' || (c == '.' && !word.is_empty()) {
            word.extend(c.to_lowercase());
        } else {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            if matches!(c, '*' | '%' | '=' | ';' | ',') {
                words.push(c.to_string());
            }
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn starts_statement(words: &[String]) -> bool {
    let has = |w: &str| words.iter().any(|x| x == w);
    match words.first().map(String::as_str) {
        Some("select") => has("from") || has("*"),
        Some("insert") => has("into"),
        Some("update") => words.len() > 2,
        Some("delete") => has("from"),
        Some("alter" | "drop" | "truncate") => words.len() > 2,
        Some("create") => ["table", "index", "unique", "view", "or", "type"]
            .iter()
            .any(|k| has(k)),
        Some("with") => has("as"),
        _ => false,
    }
}

fn statements<'l>(
    lines: impl Iterator<Item = &'l CodeLine<'l>>,
    language: Language,
) -> Vec<Statement<'l>> {
    let mut found: Vec<Statement<'l>> = Vec::new();
    let mut open = false;
    for line in lines {
        let pieces: Vec<&str> = if language == Language::Sql {
            vec![line.text]
        } else {
            line.tokens
                .iter()
                .filter_map(|t| match t {
                    Token::Text(t) => Some(*t),
                    _ => None,
                })
                .collect()
        };
        if line.tokens.is_empty() || pieces.is_empty() {
            open &= language == Language::Sql;
            continue;
        }
        for piece in pieces {
            let code = piece.split("--").next().unwrap_or(piece);
            let words = sql_words(code);
            let first = words.first().map_or("", String::as_str);
            let opens = starts_statement(&words)
                || (language == Language::Sql || line.text.trim() == piece.trim())
                    && [
                        "select", "insert", "update", "delete", "alter", "create", "drop", "with",
                    ]
                    .contains(&first);
            if opens {
                found.push(Statement {
                    words,
                    line,
                    net: line.net,
                });
                open = true;
            } else if open && let Some(last) = found.last_mut() {
                last.words.extend(words);
                last.net |= line.net;
            }
            if code.trim_end().ends_with(';') {
                open = false;
            }
        }
    }
    found.retain(|s| starts_statement(&s.words));
    found
}

pub(super) fn read(files: &[&FileView<'_>], effects: &mut Vec<Effect>) {
    let mut created: BTreeSet<String> = BTreeSet::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    let migrating = files.iter().any(|f| f.role == FileRole::Migration);
    for file in files {
        for s in statements(file.after(), file.language) {
            if s.verb() == "create" || s.verb() == "alter" {
                created.extend(s.words.iter().filter(|w| is_name(w)).cloned());
            }
        }
        for s in statements(file.before(), file.language) {
            known.extend(s.tables());
        }
        // ORM migrations name tables in their own words.
        if file.role == FileRole::Migration {
            for line in file.added() {
                created.extend(line.tokens.iter().map(|t| t.text().to_ascii_lowercase()));
            }
        }
    }
    for file in files {
        let before = statements(file.before(), file.language);
        let after = statements(file.after(), file.language);
        let fresh: Vec<&Statement<'_>> = after
            .iter()
            .filter(|s| s.net && !before.iter().any(|b| b.words == s.words))
            .collect();
        let gone: Vec<&Statement<'_>> = before
            .iter()
            .filter(|s| !after.iter().any(|a| a.words == s.words))
            .collect();
        let mut used = vec![false; gone.len()];
        for s in fresh {
            let twin = gone.iter().enumerate().find(|(i, g)| {
                !used[*i]
                    && g.verb() == s.verb()
                    && (g.tables() == s.tables() || !g.tables().is_disjoint(&s.tables()))
            });
            if let Some((i, old)) = twin {
                used[i] = true;
                reshaped(file, old, s, effects);
            }
            definition(file, s, effects);
            if s.verb() == "select"
                || s.verb() == "insert"
                || s.verb() == "update"
                || s.verb() == "delete"
            {
                for table in s.tables() {
                    let bare = table.rsplit('.').next().unwrap_or(&table).to_owned();
                    if !created.contains(&table)
                        && !created.contains(&bare)
                        && !known.contains(&table)
                        && file.role != FileRole::Migration
                    {
                        effects.push(
                            Effect::new(
                                EffectKind::MigrationMissing,
                                file.path,
                                if migrating { 0.45 } else { 0.65 },
                                format!("reads or writes the table `{table}`, which no migration in this change creates"),
                            )
                            .about([table.as_str()])
                            .quoting_added(s.line.text),
                        );
                    }
                }
            }
        }
        if file.role == FileRole::Migration || file.language.is_code() {
            schema_calls(file, effects);
        }
        if file.language.is_code() {
            orm(file, effects);
        }
    }
}

fn reshaped(
    file: &FileView<'_>,
    old: &Statement<'_>,
    new: &Statement<'_>,
    effects: &mut Vec<Effect>,
) {
    let mut changes: Vec<(&str, f64)> = Vec::new();
    let lost = |w: &str| old.has(w) && !new.has(w);
    let came = |w: &str| !old.has(w) && new.has(w);
    if lost("where") {
        changes.push(("drops the WHERE clause", 0.95));
    } else if old.has("where")
        && new.words.iter().filter(|w| *w == "and").count()
            < old.words.iter().filter(|w| *w == "and").count()
    {
        changes.push(("drops a condition", 0.7));
    }
    if lost("limit") || lost("fetch") || lost("top") {
        changes.push(("drops the LIMIT", 0.9));
    }
    if came("join")
        || new.words.iter().filter(|w| *w == "join").count()
            > old.words.iter().filter(|w| *w == "join").count()
    {
        changes.push(("adds a JOIN", 0.7));
    }
    if new.pair("select", "*") && !old.pair("select", "*") {
        changes.push(("selects every column", 0.45));
    }
    if new.pair("for", "update") && !old.pair("for", "update") {
        changes.push(("locks the rows it reads", 0.8));
    }
    if came("order") {
        changes.push(("sorts", 0.6));
    }
    let leading = |s: &Statement<'_>| s.has("like") && s.line.text.contains("'%") || s.has("ilike");
    if leading(new) && !leading(old) {
        changes.push((
            "matches with a leading wildcard, which no index serves",
            0.8,
        ));
    }
    let wraps = [
        "lower", "upper", "cast", "date", "to_char", "coalesce", "substr", "trunc",
    ];
    if wraps.iter().any(|w| came(w)) {
        changes.push((
            "wraps a column in a function, which plain indexes do not serve",
            0.7,
        ));
    }
    if came("or") || came("not") || came("distinct") || came("group") || came("union") {
        changes.push(("is harder to plan", 0.45));
    }
    let columns: Vec<String> = new
        .columns()
        .difference(&old.columns())
        .map(|c| (*c).to_owned())
        .collect();
    if let Some((text, strength)) = changes.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)) {
        let all: Vec<&str> = changes.iter().map(|(t, _)| *t).collect();
        let _ = text;
        effects.push(
            Effect::new(
                EffectKind::QueryShapeChanged,
                file.path,
                strength,
                format!("changes a query: it {}", all.join(", ")),
            )
            .about(new.tables())
            .quoting_removed(old.line.text)
            .quoting_added(new.line.text),
        );
    }
    if !columns.is_empty() && old.verb() == "select" && !columns.iter().all(|c| c == "*") {
        effects.push(
            Effect::new(
                EffectKind::MigrationMissing,
                file.path,
                0.5,
                format!(
                    "reads the column {} for which this change brings no migration",
                    columns.join(", ")
                ),
            )
            .about(columns)
            .about(new.tables())
            .quoting_added(new.line.text),
        );
    }
}

/// Statements that define or alter.
fn definition(file: &FileView<'_>, s: &Statement<'_>, effects: &mut Vec<Effect>) {
    let about = || -> Vec<String> {
        s.words
            .iter()
            .filter(|w| {
                is_name(w)
                    && !matches!(
                        w.as_str(),
                        "create"
                            | "alter"
                            | "drop"
                            | "table"
                            | "index"
                            | "column"
                            | "add"
                            | "unique"
                            | "using"
                            | "btree"
                    )
            })
            .take(4)
            .cloned()
            .collect()
    };
    let (kind, strength, text) = match s.verb() {
        "create" if s.has("index") && s.has("concurrently") => (
            EffectKind::IndexAddedConcurrently,
            0.2,
            "builds an index without locking the table",
        ),
        "create" if s.has("index") => (
            EffectKind::SchemaLockTaken,
            0.65,
            "builds an index, which blocks writes to the table meanwhile",
        ),
        "drop" if s.has("index") => (EffectKind::IndexDropped, 0.95, "drops an index"),
        "drop" if s.has("table") || s.has("view") => {
            (EffectKind::SchemaDropped, 0.95, "drops a table")
        }
        "truncate" => (EffectKind::SchemaDropped, 0.7, "empties a table"),
        "alter" if s.has("drop") && (s.has("column") || !s.has("constraint")) => {
            (EffectKind::SchemaDropped, 0.95, "drops a column")
        }
        "alter" if s.has("rename") => (
            EffectKind::SchemaDropped,
            0.95,
            "renames a table or column that running code may still use",
        ),
        "alter" if s.pair("set", "not") || (s.pair("not", "null") && !s.has("default")) => (
            EffectKind::ValidationTightened,
            0.75,
            "refuses rows without a value",
        ),
        "alter" if s.has("type") || s.has("modify") => (
            EffectKind::SchemaLockTaken,
            0.8,
            "rewrites a table to change a column's type",
        ),
        "alter" if s.has("constraint") || s.has("check") || s.has("foreign") => (
            EffectKind::ValidationTightened,
            0.55,
            "adds a constraint, checked under a lock",
        ),
        "alter" => (EffectKind::SchemaExtended, 0.25, "adds to a table"),
        "create" => (EffectKind::SchemaExtended, 0.1, "creates a table"),
        "update" | "delete" if file.role == FileRole::Migration => (
            EffectKind::SchemaLockTaken,
            0.7,
            "rewrites rows in a migration",
        ),
        _ => return,
    };
    effects.push(
        Effect::new(kind, file.path, strength, text)
            .about(about())
            .quoting_added(s.line.text),
    );
}

/// Migrations written as calls: `remove_column :users, :name`, `op.drop_table("x")`.
fn schema_calls(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    if file.role != FileRole::Migration {
        return;
    }
    for line in file.net_added() {
        let (kind, strength, text) = if line.has_word(&[
            "remove_column",
            "drop_column",
            "dropColumn",
            "drop_table",
            "dropTable",
            "RemoveField",
            "DeleteModel",
        ]) {
            (EffectKind::SchemaDropped, 0.95, "drops a table or column")
        } else if line.has_word(&[
            "rename_column",
            "rename_table",
            "renameColumn",
            "RenameField",
            "RenameModel",
            "alter_table_rename",
        ]) {
            (
                EffectKind::SchemaDropped,
                0.95,
                "renames a table or column that running code may still use",
            )
        } else if line.has_word(&["remove_index", "drop_index", "dropIndex", "RemoveIndex"]) {
            (EffectKind::IndexDropped, 0.95, "drops an index")
        } else if line.has_word(&["add_index", "create_index", "createIndex", "AddIndex"]) {
            if line.text.contains("oncurrently") {
                (
                    EffectKind::IndexAddedConcurrently,
                    0.2,
                    "builds an index without locking the table",
                )
            } else {
                (
                    EffectKind::SchemaLockTaken,
                    0.6,
                    "builds an index, which blocks writes to the table meanwhile",
                )
            }
        } else if line.has_word(&["change_column", "AlterField", "alter_column"]) {
            (EffectKind::SchemaLockTaken, 0.6, "changes a column")
        } else if line.has_word(&[
            "add_column",
            "create_table",
            "addColumn",
            "createTable",
            "AddField",
            "CreateModel",
        ]) {
            (EffectKind::SchemaExtended, 0.15, "adds a table or column")
        } else {
            continue;
        };
        let names = line.tokens.iter().filter_map(|t| match t {
            Token::Text(t) | Token::Word(t) if t.len() > 2 => Some((*t).to_owned()),
            _ => None,
        });
        effects.push(
            Effect::new(kind, file.path, strength, text)
                .about(names.take(4))
                .quoting_added(line.text),
        );
    }
}

/// Query builders and object mappers.
fn orm(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    fn noted<'l>(lines: impl Iterator<Item = &'l CodeLine<'l>>) -> Facts<'l> {
        let mut facts = Facts::default();
        for line in lines {
            for (i, token) in line.tokens.iter().enumerate() {
                let Token::Word(word) = token else { continue };
                let called = line.tokens.get(i + 1).is_some_and(|t| t.is("("));
                let chained = i > 0 && line.tokens[i - 1].is(".");
                let key = match *word {
                    "select_related" | "prefetch_related" | "includes" | "eager_load"
                    | "preload" | "joinedload" | "selectinload" | "Include" | "Preload"
                    | "leftJoinAndSelect" | "fetchJoin"
                        if called && chained =>
                    {
                        "eager"
                    }
                    "EntityGraph" | "@EntityGraph" | "@BatchSize" => "eager",
                    "limit" | "take" | "Limit" | "setMaxResults" | "first" | "paginate"
                    | "Take"
                        if called && chained =>
                    {
                        "limit"
                    }
                    "where" | "Where" | "filter" | "find_by" | "andWhere" | "filter_by"
                        if called && chained =>
                    {
                        "where"
                    }
                    "EAGER" => "eager-fetch",
                    "lockForUpdate" | "select_for_update" | "with_for_update"
                    | "PESSIMISTIC_WRITE" | "lock!" => "lock",
                    "orderBy" | "order_by" if called && chained => "order",
                    _ => continue,
                };
                facts.note(key, line);
            }
        }
        facts
    }
    let then = noted(file.before());
    let now = noted(file.after());
    let replaced = file.net_added().count() > 0;
    for (key, lines) in then.beyond(&now) {
        let (kind, strength, text) = match key {
            "eager" => (
                EffectKind::CallInsideLoopAdded,
                0.85,
                "no longer loads related rows together, so each is queried on its own",
            ),
            "limit" if replaced => (
                EffectKind::QueryShapeChanged,
                0.75,
                "drops the limit of a query",
            ),
            "where" if replaced => (
                EffectKind::QueryShapeChanged,
                0.6,
                "drops a condition of a query",
            ),
            _ => continue,
        };
        if let Some(line) = lines.first() {
            effects.push(Effect::new(kind, file.path, strength, text).quoting_removed(line.text));
        }
    }
    for (key, lines) in now.beyond(&then) {
        let (strength, text) = match key {
            "eager-fetch" => (0.75, "loads related rows even when nobody asks for them"),
            "lock" => (0.8, "locks the rows it reads"),
            "order" => (0.4, "sorts a query"),
            _ => continue,
        };
        if let Some(line) = lines.first() {
            effects.push(
                Effect::new(EffectKind::QueryShapeChanged, file.path, strength, text)
                    .about([key])
                    .quoting_added(line.text),
            );
        }
    }
}
