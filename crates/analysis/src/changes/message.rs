//! What a commit message and its paths let one guess when there is no diff. Always weak.

use super::effect::{Bump, Effect, EffectKind, Motion, Provenance};
use super::harmless::{Harmless, by_paths};
use super::path::{FileRole, Language, language_of, role_of};
use super::setting_class::SettingClass;
use super::words::vocabulary_of;

/// The type word of a message: `fix(api): …` and `#docs …` give fix and docs.
fn kind_word(title: &str) -> String {
    let head = title.trim_start_matches(['#', '[', ' ']);
    head.chars()
        .take_while(|c| c.is_alphanumeric())
        .collect::<String>()
        .to_lowercase()
}

/// Innocence by the message: its type, or words that leave no doubt.
pub(crate) fn harmless(title: &str, files: &[&str]) -> Option<Harmless> {
    if let Some(harmless) = by_paths(files.iter().copied()) {
        return Some(harmless);
    }
    let lower = title.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|w| lower.contains(w));
    let (kind, reason) = match kind_word(title).as_str() {
        "docs" | "doc" => (EffectKind::DocsOnly, "documentation"),
        "test" | "tests" => (EffectKind::TestsOnly, "tests"),
        "ci" | "build" if files.iter().all(|f| role_of(f) != FileRole::Runtime) => {
            (EffectKind::CiOnly, "the build")
        }
        "style" => (EffectKind::FormattingOnly, "layout"),
        _ if says(&[
            "gofmt",
            "goimports",
            "tidy imports",
            "sort imports",
            "whitespace",
            "reformat",
            "prettier",
            "lint fix",
        ]) =>
        {
            (EffectKind::FormattingOnly, "layout")
        }
        _ if says(&["typo", "wording", "copy change", "spelling"]) => {
            (EffectKind::AssetsOnly, "texts")
        }
        _ => return None,
    };
    Some(Harmless {
        kind,
        reason: format!("by its message only concerns {reason}; its diff was not recorded"),
    })
}

/// What the words of the message suggest.
pub(crate) fn effects(title: &str, files: &[&str]) -> Vec<Effect> {
    use EffectKind::*;
    use SettingClass::*;
    let words = vocabulary_of(title);
    let lower = title.to_lowercase();
    let file = files.first().copied().unwrap_or("");
    let mut found: Vec<Effect> = Vec::new();
    let mut guess = |kind: EffectKind, strength: f64, about: &str| {
        let mut effect = Effect::new(
            kind,
            file,
            strength,
            format!("by its message concerns {about}"),
        )
        .about([about]);
        effect.provenance = Provenance::FromMessage;
        found.push(effect);
    };
    let has = |options: &[&str]| options.iter().any(|o| words.contains(*o));
    let table: [(&[&str], EffectKind, &str); 22] = [
        (
            &["timeout", "deadline"],
            EffectKind::Setting(Timeout, Motion::Changed),
            "a timeout",
        ),
        (
            &["ttl", "expiry"],
            EffectKind::Setting(CacheLifetime, Motion::Changed),
            "a lifetime",
        ),
        (
            &["pool"],
            EffectKind::Setting(Pool, Motion::Changed),
            "a pool",
        ),
        (
            &["throttle", "quota", "ratelimit"],
            EffectKind::Setting(RateLimit, Motion::Changed),
            "a rate limit",
        ),
        (
            &["replica", "autoscal"],
            EffectKind::Setting(Replicas, Motion::Changed),
            "the number of replicas",
        ),
        (
            &["concurrency", "worker", "thread", "parallel"],
            EffectKind::Setting(Concurrency, Motion::Changed),
            "concurrency",
        ),
        (
            &["memory", "heap"],
            EffectKind::Setting(Memory, Motion::Changed),
            "memory",
        ),
        (
            &["batch"],
            EffectKind::Setting(Batch, Motion::Changed),
            "a batch size",
        ),
        (
            &["retry", "backoff"],
            EffectKind::Setting(Retries, Motion::Changed),
            "retries",
        ),
        (&["migration", "schema"], SchemaExtended, "the schema"),
        (&["query", "sql"], QueryShapeChanged, "a query"),
        (&["cache", "caching"], CacheKeyChanged, "a cache"),
        (
            &["cert", "certificate", "tls"],
            TlsChanged,
            "TLS or certificates",
        ),
        (
            &["secret", "credential", "password", "rotate"],
            CredentialChanged,
            "credentials",
        ),
        (
            &["permission", "iam", "rbac", "role", "policy"],
            PermissionChanged,
            "permissions",
        ),
        (
            &["auth", "jwt", "token", "login", "oauth"],
            AuthCheckChanged,
            "authentication",
        ),
        (
            &["dns", "resolver", "nameserver"],
            DnsChanged,
            "name resolution",
        ),
        (
            &["hostname", "url", "dsn", "broker"],
            EndpointChanged,
            "an address",
        ),
        (&["flag", "toggle", "default"], FlagFlipped, "a flag"),
        (&["lock", "mutex"], LockWidened, "locking"),
        (
            &["probe", "liveness", "readiness"],
            ProbeChanged,
            "health probes",
        ),
        (
            &["proto", "serialization", "serializer", "payload"],
            WireFormatChanged,
            "the wire format",
        ),
    ];
    for (words, kind, about) in table {
        if has(words) {
            guess(kind, 0.2, about);
        }
    }
    if lower.contains("bump")
        || lower.contains("upgrade")
        || files
            .iter()
            .any(|f| matches!(language_of(f), Language::Manifest | Language::Lockfile))
    {
        let patch = lower.contains("patch");
        guess(
            DependencyBumped(if patch { Bump::Patch } else { Bump::Other }),
            if patch { 0.08 } else { 0.2 },
            "a dependency",
        );
    }
    if files.iter().any(|f| role_of(f) == FileRole::Migration) {
        guess(SchemaExtended, 0.3, "a migration");
    }
    if found.is_empty() {
        let strength = match kind_word(title).as_str() {
            "refactor" => 0.12,
            "chore" | "perf" => 0.12,
            "revert" => 0.25,
            _ => 0.18,
        };
        let mut effect = Effect::new(
            LogicChanged,
            file,
            strength,
            "changes code in a way that was not recorded",
        );
        effect.provenance = Provenance::FromPaths;
        found.push(effect);
    }
    found
}
