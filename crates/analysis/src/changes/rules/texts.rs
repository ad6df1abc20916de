//! Settings whose values are words: flags, addresses, images, secrets, levels, zones.

use super::super::effect::{Effect, EffectKind, Motion};
use super::super::setting_class::SettingClass;
use super::super::settings::{Setting, Value};
use super::super::source::FileView;
use super::super::words::split_identifier;

/// What a value of words is about, judged by its names and its form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Topic {
    Tls,
    Dns,
    Permission,
    Credential,
    Image,
    Endpoint,
    LogLevel,
    Clock,
    WireFormat,
    Cache,
    Retry,
    Probe,
    EntryPoint,
    Routing,
    Isolation,
    Version,
    Words,
    Other,
}

fn topic_of(s: &Setting<'_>) -> Topic {
    let own = split_identifier(&s.name);
    let above = split_identifier(&s.parents);
    let has = |options: &[&str]| own.iter().any(|w| options.contains(&w.as_str()));
    let near = |options: &[&str]| {
        has(options)
            || above
                .iter()
                .rev()
                .take(4)
                .any(|w| options.contains(&w.as_str()))
    };
    let value = s.raw.as_str();
    if has(&[
        "version",
        "revision",
        "appversion",
        "schemaversion",
        "chart",
        "buildid",
        "commit",
    ]) && !near(&["tls", "ssl"])
    {
        return Topic::Version;
    }
    if near(&[
        "tls",
        "ssl",
        "cert",
        "certificate",
        "certs",
        "cipher",
        "ciphers",
        "ca",
        "x509",
        "mtls",
        "truststore",
        "keystore",
    ]) || value.contains("insecure_skip_verify")
        || has(&["verify"])
    {
        return Topic::Tls;
    }
    if near(&[
        "dns",
        "nameserver",
        "nameservers",
        "resolver",
        "searches",
        "dnspolicy",
        "coredns",
    ]) {
        return Topic::Dns;
    }
    if near(&[
        "rbac",
        "iam",
        "policy",
        "permissions",
        "permission",
        "role",
        "roles",
        "rolearn",
        "serviceaccount",
        "effect",
        "action",
        "actions",
        "verbs",
        "principal",
        "scope",
        "scopes",
        "acl",
        "grants",
        "authorization",
        "cors",
        "ingress",
        "egress",
        "security",
    ]) && !has(&["restartpolicy", "pullpolicy"])
        && !near(&["pull", "restart"])
    {
        return Topic::Permission;
    }
    if has(&[
        "secret",
        "password",
        "passwd",
        "token",
        "credential",
        "credentials",
        "apikey",
        "secretkeyref",
        "secretname",
        "username",
        "user",
    ]) || near(&["secret"])
        || has(&["key"]) && (near(&["api", "secret", "secretref", "access"]))
    {
        return Topic::Credential;
    }
    if has(&["image", "tag", "repository", "digest", "baseimage", "ami"]) {
        return Topic::Image;
    }
    if has(&["loglevel", "level", "verbosity", "debug", "verbose"]) {
        return Topic::LogLevel;
    }
    if has(&["timezone", "tz", "zone", "locale", "dateformat"]) && !has(&["hosted", "dns"]) {
        return Topic::Clock;
    }
    if near(&[
        "probe",
        "healthcheck",
        "livenessprobe",
        "readinessprobe",
        "startupprobe",
    ]) {
        return Topic::Probe;
    }
    // By its whole name: `command_timeout` and `error_handler` are something else.
    if !s.positional && ["handler", "entrypoint", "command", "cmd"].contains(&own.concat().as_str())
    {
        return Topic::EntryPoint;
    }
    if near(&["cache", "caching", "cached"]) {
        return Topic::Cache;
    }
    if near(&["retry", "retries"]) {
        return Topic::Retry;
    }
    if has(&["isolation", "transactional", "readonly", "autocommit"]) {
        return Topic::Isolation;
    }
    if has(&[
        "contenttype",
        "encoding",
        "charset",
        "codec",
        "compression",
        "serializer",
        "deserializer",
        "acks",
    ]) || near(&["schema"])
    {
        return Topic::WireFormat;
    }
    if has(&[
        "host",
        "hostname",
        "url",
        "uri",
        "endpoint",
        "address",
        "addr",
        "server",
        "servers",
        "broker",
        "brokers",
        "dsn",
        "upstream",
        "domain",
        "topic",
        "queue",
        "bucket",
        "region",
        "database",
        "dbname",
        "path",
        "proxypass",
        "pass",
        "base",
        "target",
    ]) || looks_like_address(value)
    {
        return Topic::Endpoint;
    }
    if has(&[
        "selector",
        "destination",
        "subset",
        "route",
        "match",
        "host",
        "backend",
        "service",
        "servicename",
        "strategy",
        "type",
    ]) && s.line.text.contains(':')
        && !s.positional
    {
        return Topic::Routing;
    }
    if value.contains(' ')
        || has(&[
            "label",
            "title",
            "description",
            "text",
            "message",
            "name",
            "color",
            "colour",
            "accent",
            "background",
            "theme",
        ])
        || value.starts_with('#')
    {
        return Topic::Words;
    }
    Topic::Other
}

fn looks_like_address(value: &str) -> bool {
    if value.contains(' ') || value.len() < 5 {
        return false;
    }
    let body = value.split("://").nth(1).unwrap_or(value);
    let host = body.split(['/', '?', '@']).next().unwrap_or("");
    let host_only = host.split(':').next().unwrap_or("");
    value.contains("://")
        || [
            ".local",
            ".internal",
            ".com",
            ".net",
            ".io",
            ".org",
            ".amazonaws.com",
            ".cluster",
        ]
        .iter()
        .any(|end| host_only.ends_with(end))
        || host.rsplit_once(':').is_some_and(|(h, p)| {
            h.contains(['.', '-']) && !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit())
        })
        || host_only.split('.').count() == 4
            && host_only.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Whether a string argument of a call is worth a word when it changes.
fn speaks(s: &Setting<'_>, topic: Topic) -> bool {
    let lower = s.name.to_ascii_lowercase();
    let chatter = [
        "print",
        "log",
        "info",
        "warn",
        "debug",
        "error",
        "errorf",
        "trace",
        "wrap",
        "sprintf",
        "fatal",
        "exception",
        "new",
        "assert",
        "expect",
        "describe",
        "header",
        "with",
        "string",
        "msg",
        "t",
        "panic",
    ];
    if s.positional && (chatter.iter().any(|c| lower.contains(c)) || topic == Topic::Words) {
        return false;
    }
    true
}

pub(super) fn changed(
    file: &FileView<'_>,
    b: &Setting<'_>,
    a: &Setting<'_>,
    effects: &mut Vec<Effect>,
) {
    let topic = topic_of(b);
    if let (Value::Bool(before), Value::Bool(after)) = (&b.value, &a.value) {
        return flipped(file, b, a, *before, *after, topic, effects);
    }
    if !speaks(b, topic) {
        return;
    }
    // SQL in strings is read by its own rule.
    let upper = b.raw.to_ascii_uppercase();
    if ["SELECT ", "UPDATE ", "INSERT ", "DELETE "]
        .iter()
        .any(|v| upper.contains(v))
    {
        return;
    }
    let (kind, strength) = match topic {
        Topic::Tls => (EffectKind::TlsChanged, 0.75),
        Topic::Dns => (EffectKind::DnsChanged, 0.85),
        Topic::Permission => (EffectKind::PermissionChanged, 0.75),
        Topic::Credential => (EffectKind::CredentialChanged, 0.8),
        Topic::Image => (EffectKind::ImageChanged, 0.5),
        Topic::Endpoint => (
            EffectKind::EndpointChanged,
            if s_is_call(b) { 0.6 } else { 0.85 },
        ),
        Topic::LogLevel => (
            EffectKind::LogVolumeRaised,
            if quieter(&a.raw, &b.raw) { 0.05 } else { 0.6 },
        ),
        Topic::Clock => (EffectKind::TimeHandlingChanged, 0.7),
        Topic::Probe => (EffectKind::ProbeChanged, 0.8),
        Topic::EntryPoint if file.language.is_config() => (EffectKind::EntryPointChanged, 0.8),
        Topic::Cache => (EffectKind::CacheKeyChanged, 0.6),
        Topic::Retry => (EffectKind::ConditionChanged, 0.3),
        Topic::Isolation => (EffectKind::LockWidened, 0.6),
        Topic::WireFormat => (EffectKind::WireFormatChanged, 0.7),
        Topic::Routing => (EffectKind::RoutingChanged, 0.6),
        Topic::Version => (
            EffectKind::Setting(SettingClass::Version, Motion::Changed),
            0.05,
        ),
        Topic::Words => return,
        Topic::Other if file.language.is_config() => (EffectKind::ConditionChanged, 0.25),
        Topic::Other | Topic::EntryPoint => return,
    };
    let mut effect = Effect::new(
        kind,
        file.path,
        strength,
        format!(
            "changes `{}` from `{}` to `{}`",
            b.name,
            short(&b.raw),
            short(&a.raw)
        ),
    )
    .about([b.name.clone(), short(&b.raw), short(&a.raw)])
    .quoting_removed(b.line.text)
    .quoting_added(a.line.text);
    effect.before = Some(short(&b.raw));
    effect.after = Some(short(&a.raw));
    effects.push(effect);
}

fn s_is_call(s: &Setting<'_>) -> bool {
    s.positional
}

fn short(text: &str) -> String {
    text.chars().take(120).collect()
}

fn quieter(after: &str, before: &str) -> bool {
    let rank = |t: &str| {
        ["trace", "debug", "info", "warn", "error", "fatal"]
            .iter()
            .position(|l| t.to_ascii_lowercase().starts_with(l))
    };
    match (rank(after), rank(before)) {
        (Some(a), Some(b)) => a >= b,
        _ => false,
    }
}

fn flipped(
    file: &FileView<'_>,
    b: &Setting<'_>,
    a: &Setting<'_>,
    before: bool,
    after: bool,
    topic: Topic,
    effects: &mut Vec<Effect>,
) {
    let words = split_identifier(&b.name);
    let negated = words
        .iter()
        .any(|w| w == "disable" || w == "disabled" || w == "skip" || w == "no");
    let on = after != negated;
    let (kind, strength) = match topic {
        Topic::Tls => (EffectKind::TlsChanged, 0.85),
        Topic::Dns => (EffectKind::DnsChanged, 0.8),
        Topic::Cache if !on => (EffectKind::CacheRemoved, 0.9),
        Topic::Retry if !on => (EffectKind::RetryRemoved, 0.7),
        Topic::Retry => (EffectKind::RetryAdded, 0.6),
        Topic::LogLevel => (EffectKind::LogVolumeRaised, if on { 0.6 } else { 0.05 }),
        Topic::Permission | Topic::Credential => (EffectKind::AuthCheckChanged, 0.75),
        Topic::Probe => (EffectKind::ProbeChanged, 0.7),
        Topic::Isolation => (EffectKind::LockWidened, 0.5),
        _ if words
            .iter()
            .any(|w| w == "auth" || w == "authentication" || w == "authorize") =>
        {
            (EffectKind::AuthCheckChanged, 0.8)
        }
        _ => (EffectKind::FlagFlipped, 0.7),
    };
    let mut effect = Effect::new(
        kind,
        file.path,
        strength,
        format!("flips `{}` from {before} to {after}", b.name),
    )
    .about([b.name.clone()])
    .quoting_removed(b.line.text)
    .quoting_added(a.line.text);
    effect.before = Some(before.to_string());
    effect.after = Some(after.to_string());
    effects.push(effect);
}

pub(super) fn removed(file: &FileView<'_>, s: &Setting<'_>, effects: &mut Vec<Effect>) {
    if !file.language.is_config() || s.value == Value::Expression {
        return;
    }
    let name = s.name.as_str();
    let environment = env_name(name);
    let index = split_identifier(&s.parents)
        .iter()
        .any(|word| word == "index" || word == "indexes" || word == "indices");
    let (kind, strength) = match topic_of(s) {
        _ if index => (EffectKind::IndexDropped, 0.85),
        Topic::Tls => (EffectKind::TlsChanged, 0.6),
        Topic::Dns => (EffectKind::DnsChanged, 0.7),
        Topic::Permission => (EffectKind::PermissionChanged, 0.7),
        Topic::Probe => (EffectKind::ProbeChanged, 0.6),
        Topic::EntryPoint => (EffectKind::EntryPointChanged, 0.7),
        _ if environment => (EffectKind::EnvVarRemoved, 0.8),
        Topic::Credential => (EffectKind::CredentialChanged, 0.7),
        Topic::Endpoint => (EffectKind::EndpointChanged, 0.7),
        Topic::Routing => (EffectKind::RoutingChanged, 0.5),
        _ => return,
    };
    effects.push(
        Effect::new(
            kind,
            file.path,
            strength,
            format!("removes `{name}` (`{}`)", short(&s.raw)),
        )
        .about([name.to_owned(), short(&s.raw)])
        .quoting_removed(s.line.text),
    );
}

pub(super) fn added(file: &FileView<'_>, s: &Setting<'_>, effects: &mut Vec<Effect>) {
    if !file.language.is_config() {
        return;
    }
    let new_file = file.status == super::super::diff::FileStatus::Added;
    let deny = s.raw.eq_ignore_ascii_case("deny");
    let (kind, strength) = match topic_of(s) {
        Topic::Permission if deny => (EffectKind::PermissionChanged, 0.8),
        Topic::Permission if !new_file => (EffectKind::PermissionChanged, 0.4),
        Topic::Tls if !new_file => (EffectKind::TlsChanged, 0.4),
        Topic::Dns if !new_file => (EffectKind::DnsChanged, 0.6),
        Topic::Probe if !new_file => (EffectKind::ProbeChanged, 0.5),
        Topic::EntryPoint if !new_file => (EffectKind::EntryPointChanged, 0.5),
        _ => return,
    };
    effects.push(
        Effect::new(
            kind,
            file.path,
            strength,
            format!("adds `{}: {}`", s.name, short(&s.raw)),
        )
        .about([s.name.clone(), short(&s.raw)])
        .quoting_added(s.line.text),
    );
}

/// Whether a name is spelled as environment variables are.
pub(super) fn env_name(name: &str) -> bool {
    name.len() > 2
        && name.contains('_')
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}
