//! Structure of deployment descriptions, contracts and permissions that no single value shows.

use super::super::effect::{Effect, EffectKind};
use super::super::lexer::Token;
use super::super::path::Language;
use super::super::source::{CodeLine, FileView};
use super::facts::Facts;
use super::texts::env_name;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn read(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    match file.language {
        Language::Protobuf => protobuf(file, effects),
        Language::Yaml | Language::HelmTemplate => {
            blocks(file, effects);
            list_items(file, effects);
        }
        Language::Terraform | Language::Json => list_items(file, effects),
        Language::Nginx => nginx(file, effects),
        _ => {}
    }
    if file.language.is_code() {
        environment(file, effects);
        wire_names(file, effects);
    }
}

/// Field numbers and types of messages.
fn protobuf(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let fields = |lines: Vec<&CodeLine<'_>>| -> BTreeMap<String, String> {
        lines
            .into_iter()
            .filter_map(|l| {
                let sign = l.tokens.iter().position(|t| t.is("="))?;
                let (Token::Word(name), Token::Number(number)) = (
                    *l.tokens.get(sign.checked_sub(1)?)?,
                    *l.tokens.get(sign + 1)?,
                ) else {
                    return None;
                };
                let kind: Vec<&str> = l.tokens[..sign - 1].iter().map(|t| t.text()).collect();
                Some((name.to_owned(), format!("{} = {number}", kind.join(" "))))
            })
            .collect()
    };
    let before = fields(file.removed().collect());
    let after = fields(file.added().collect());
    for (name, was) in &before {
        let (strength, text) = match after.get(name) {
            Some(now) if now == was => continue,
            Some(now) => (
                0.85,
                format!("changes the field `{name}` on the wire from `{was}` to `{now}`"),
            ),
            None => (0.7, format!("removes the field `{name}` from the wire")),
        };
        effects.push(
            Effect::new(EffectKind::WireFormatChanged, file.path, strength, text)
                .about([name.as_str()]),
        );
    }
    if before.is_empty() && !after.is_empty() {
        effects.push(
            Effect::new(
                EffectKind::CodeAdded,
                file.path,
                0.1,
                "adds fields to a message, which old readers pass over",
            )
            .about(after.keys().cloned()),
        );
    }
}

/// Whole blocks of a manifest that came or went.
fn blocks(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    const KEYS: [(&str, EffectKind, &str); 9] = [
        ("livenessProbe", EffectKind::ProbeChanged, "liveness probe"),
        (
            "readinessProbe",
            EffectKind::ProbeChanged,
            "readiness probe",
        ),
        ("startupProbe", EffectKind::ProbeChanged, "startup probe"),
        ("dnsConfig", EffectKind::DnsChanged, "DNS configuration"),
        ("dnsPolicy", EffectKind::DnsChanged, "DNS policy"),
        ("tls", EffectKind::TlsChanged, "TLS block"),
        ("nodeSelector", EffectKind::RoutingChanged, "node selector"),
        ("affinity", EffectKind::RoutingChanged, "affinity"),
        ("volumeMounts", EffectKind::LogicChanged, "volume mounts"),
    ];
    for (key, kind, noun) in KEYS {
        let opens = |l: &&CodeLine<'_>| {
            l.text
                .trim()
                .trim_start_matches("- ")
                .starts_with(&format!("{key}:"))
        };
        let gone = file.net_removed().find(|l| opens(l));
        let come = file.net_added().find(|l| opens(l));
        let (line, verb, strength) = match (gone, come) {
            (Some(line), None) => (line, "removes", 0.7),
            (None, Some(line)) => (line, "adds", 0.5),
            _ => continue,
        };
        effects.push(
            Effect::new(kind, file.path, strength, format!("{verb} the {noun}"))
                .about([key])
                .quoting_added(line.text),
        );
    }
}

/// Items of lists that grant, route or resolve: `- "s3:GetObject"`, `verbs: [get, list]`.
fn list_items(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let grants = |lines: Vec<&CodeLine<'_>>| -> BTreeSet<String> {
        lines
            .into_iter()
            .flat_map(|l| {
                let listy = l.text.contains("verbs")
                    || l.text.contains("Action")
                    || l.text.contains("actions")
                    || l.text.contains("resources:");
                let tokens: Vec<String> = l
                    .tokens
                    .iter()
                    .filter_map(|t| match t {
                        Token::Text(t) if listy || is_grant(t) => Some((*t).to_owned()),
                        Token::Word(w) if listy && is_verb(w) => Some((*w).to_owned()),
                        _ => None,
                    })
                    .collect();
                let bare = l
                    .text
                    .trim()
                    .trim_start_matches("- ")
                    .trim_matches(['"', '\'', ',']);
                tokens
                    .into_iter()
                    .chain(is_grant(bare).then(|| bare.to_owned()))
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    let before = grants(file.net_removed().collect());
    let after = grants(file.net_added().collect());
    let gone: Vec<&String> = before.difference(&after).collect();
    if !gone.is_empty() {
        effects.push(
            Effect::new(
                EffectKind::PermissionChanged,
                file.path,
                0.9,
                format!(
                    "takes away the permission {}",
                    gone.iter()
                        .map(|s| s.as_str())
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            )
            .about(gone.into_iter().cloned()),
        );
    }
    let come: Vec<&String> = after.difference(&before).collect();
    if !come.is_empty() {
        effects.push(
            Effect::new(
                EffectKind::PermissionChanged,
                file.path,
                0.3,
                "grants a permission",
            )
            .about(come.into_iter().cloned()),
        );
    }
}

/// `service:Operation` as cloud policies write it.
fn is_grant(text: &str) -> bool {
    let Some((service, operation)) = text.split_once(':') else {
        return false;
    };
    !service.is_empty()
        && service.len() <= 24
        && service
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && (operation == "*" || operation.starts_with(|c: char| c.is_ascii_uppercase()))
        && operation
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'*')
}

fn is_verb(word: &str) -> bool {
    matches!(
        word,
        "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection"
    )
}

fn nginx(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    for (lines, verb) in [
        (file.net_removed().collect::<Vec<_>>(), "removes"),
        (file.net_added().collect(), "adds"),
    ] {
        for line in lines {
            if matches!(
                line.first(),
                "location" | "upstream" | "rewrite" | "return" | "forward" | "route" | "match"
            ) {
                let (kind, strength) = if line.first() == "forward" {
                    (EffectKind::DnsChanged, 0.8)
                } else {
                    (EffectKind::RoutingChanged, 0.55)
                };
                effects.push(
                    Effect::new(
                        kind,
                        file.path,
                        strength,
                        format!("{verb} the rule `{}`", line.text.trim()),
                    )
                    .about([line.first()])
                    .quoting_added(line.text),
                );
            }
        }
    }
}

/// Environment variables that code reads.
fn environment(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let read = |lines: &mut dyn Iterator<Item = &CodeLine<'_>>| -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for line in lines {
            let reads =
                line.text.contains("env") || line.text.contains("ENV") || line.text.contains("Env");
            if !reads {
                continue;
            }
            for token in &line.tokens {
                if let Token::Text(t) | Token::Word(t) = token
                    && env_name(t)
                {
                    names.insert((*t).to_owned());
                }
            }
        }
        names
    };
    let before = read(&mut file.before());
    let after = read(&mut file.after());
    let gone: Vec<&String> = before.difference(&after).collect();
    for name in after.difference(&before) {
        let line = file.added().find(|l| l.text.contains(name.as_str()));
        let text = line.map_or("", |l| l.text);
        // `environ["X"]` fails without the variable; `getenv("X", default)` does not.
        let fallback = text.contains("||")
            || text.contains("??")
            || text.contains(',')
            || text.contains("or ")
            || text.contains("OrElse");
        let mandatory = text.contains("environ[")
            || text.contains("ENV.fetch")
            || text.contains("must")
            || text.contains("Must")
            || text.contains("required");
        let strength = match (mandatory, fallback) {
            (_, true) => 0.25,
            (true, false) => 0.8,
            (false, false) => 0.6,
        };
        let summary = match gone.first() {
            Some(old) => format!("reads the environment variable `{name}` instead of `{old}`"),
            None => format!("now reads the environment variable `{name}`"),
        };
        effects.push(
            Effect::new(EffectKind::EnvVarRequired, file.path, strength, summary)
                .about([name.as_str()])
                .about(gone.iter().map(|s| s.as_str()))
                .quoting_added(text),
        );
    }
}

/// Names on the wire: JSON tags, annotations, content types, date formats.
fn wire_names(file: &FileView<'_>, effects: &mut Vec<Effect>) {
    let marks = [
        "json:\"",
        "@JsonProperty",
        "@SerializedName",
        "#[serde(",
        "JsonPropertyName",
        "Content-Type",
        "SimpleDateFormat",
        "ofPattern",
        "strftime",
        "strptime",
        "xml:\"",
        "avro",
        "Accept",
    ];
    let gather = |lines: &mut dyn Iterator<Item = &CodeLine<'_>>| {
        lines
            .filter(|l| l.net && marks.iter().any(|m| l.text.contains(m)))
            .map(|l| (l.norm.clone(), l.text.to_owned()))
            .collect::<Vec<_>>()
    };
    let before = gather(&mut file.before());
    let after = gather(&mut file.after());
    if let (Some((_, old)), Some((_, new))) = (before.first(), after.first()) {
        let time = ["SimpleDateFormat", "ofPattern", "strftime", "strptime"]
            .iter()
            .any(|m| old.contains(m));
        let kind = if time {
            EffectKind::TimeHandlingChanged
        } else {
            EffectKind::WireFormatChanged
        };
        effects.push(
            Effect::new(
                kind,
                file.path,
                0.75,
                "changes a name or format on the wire",
            )
            .quoting_removed(old)
            .quoting_added(new),
        );
    } else if let Some((_, old)) = before.first() {
        effects.push(
            Effect::new(
                EffectKind::WireFormatChanged,
                file.path,
                0.5,
                "drops a field from the wire",
            )
            .quoting_removed(old),
        );
    }
    let mut zones = Facts::default();
    let mut now = Facts::default();
    for (facts, lines) in [
        (&mut zones, file.before().collect::<Vec<_>>()),
        (&mut now, file.after().collect()),
    ] {
        for line in lines {
            if line.has_word(&[
                "utcnow",
                "UTC",
                "ZoneId",
                "LoadLocation",
                "ZoneOffset",
                "TimeZone",
                "toISOString",
                "tzinfo",
                "Local",
                "astimezone",
            ]) {
                facts.note("zone", line);
            }
        }
    }
    let changed = zones
        .beyond(&now)
        .next()
        .or_else(|| now.beyond(&zones).next());
    if let Some((_, lines)) = changed
        && !file.net_removed().collect::<Vec<_>>().is_empty()
        && let Some(line) = lines.first()
    {
        effects.push(
            Effect::new(
                EffectKind::TimeHandlingChanged,
                file.path,
                0.5,
                "handles the time zone differently",
            )
            .quoting_added(line.text),
        );
    }
}
