//! Secrets and personal data in text: what must not travel with a recording.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What sort of secret.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SecretKind {
    /// An AWS access key's id.
    AwsAccessKey,
    /// An AWS secret access key.
    AwsSecretKey,
    /// A private key in PEM.
    PrivateKey,
    /// A signed web token.
    Jwt,
    /// A bearer or basic credential in a header.
    Authorization,
    /// A password within a URL.
    PasswordInUrl,
    /// A password, token or key given by name.
    Assignment,
    /// A token in the form of a known service (GitHub, Slack, Stripe, Google, npm, …).
    ServiceToken,
    /// An e-mail address.
    Email,
    /// A payment card's number.
    CardNumber,
}

impl SecretKind {
    /// The word people use for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::AwsAccessKey => "AWS access key id",
            Self::AwsSecretKey => "AWS secret access key",
            Self::PrivateKey => "private key",
            Self::Jwt => "signed web token",
            Self::Authorization => "authorization header",
            Self::PasswordInUrl => "password in a URL",
            Self::Assignment => "password, token or key",
            Self::ServiceToken => "service token",
            Self::Email => "e-mail address",
            Self::CardNumber => "card number",
        }
    }

    /// Personal data rather than a key to something.
    pub fn personal(self) -> bool {
        matches!(self, Self::Email | Self::CardNumber)
    }
}

/// One rule: its regular expression is tried only where one of its words occurs.
struct Rule {
    kind: SecretKind,
    words: &'static [&'static str],
    pattern: &'static str,
}

const RULES: [Rule; 10] = [
    Rule {
        kind: SecretKind::PrivateKey,
        words: &["PRIVATE KEY-----"],
        pattern: r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----",
    },
    Rule {
        kind: SecretKind::AwsAccessKey,
        words: &["AKIA", "ASIA"],
        pattern: r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    },
    Rule {
        kind: SecretKind::AwsSecretKey,
        words: &["secret"],
        pattern: r#"(?i)aws.{0,20}secret.{0,20}["'=:\s][A-Za-z0-9/+]{40}\b"#,
    },
    Rule {
        kind: SecretKind::Jwt,
        words: &["eyJ"],
        pattern: r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    },
    Rule {
        kind: SecretKind::Authorization,
        words: &["bearer", "basic", "authorization"],
        pattern: r"(?i)\b(?:authorization\W{1,6}(?:bearer|basic|token)|bearer)\s+[A-Za-z0-9._~+/=-]{16,}",
    },
    Rule {
        kind: SecretKind::PasswordInUrl,
        words: &["://"],
        pattern: r#"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s/:@"'<>]{0,100}:[^\s/@"'<>*{$]{3,200}@[^\s/"'<>]"#,
    },
    Rule {
        kind: SecretKind::ServiceToken,
        words: &[
            "ghp_",
            "gho_",
            "ghs_",
            "github_pat_",
            "glpat-",
            "xox",
            "sk_live_",
            "rk_live_",
            "AIza",
            "npm_",
            "SG.",
            "hf_",
            "sk-",
        ],
        pattern: r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,}|glpat-[A-Za-z0-9_-]{20}|xox[abprs]-[A-Za-z0-9-]{10,}|[sr]k_live_[A-Za-z0-9]{16,}|AIza[A-Za-z0-9_-]{35}|npm_[A-Za-z0-9]{36}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|hf_[A-Za-z0-9]{30,}|sk-[A-Za-z0-9_-]{32,})",
    },
    Rule {
        kind: SecretKind::Assignment,
        words: &[
            "password",
            "passwd",
            "pwd",
            "secret",
            "token",
            "api_key",
            "apikey",
            "api-key",
            "access_key",
            "private_key",
        ],
        pattern: r#"(?i)(?:password|passwd|\bpwd|client_secret|secret_key|auth_token|access_token|refresh_token|api[_-]?key|access_key|private_key)["']{0,2}\s{0,3}[:=]\s{0,3}["']{0,2}[^\s"'*<>{}$,;()\[\]&]{6,}"#,
    },
    Rule {
        kind: SecretKind::Email,
        words: &["@"],
        pattern: r"\b[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
    },
    Rule {
        kind: SecretKind::CardNumber,
        words: &["card", "pan"],
        pattern: r"\b(?:4[0-9]{3}|5[1-5][0-9]{2}|3[47][0-9]{2}|6011)[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{3,4}\b",
    },
];

/// Values that stand where a secret would, and are none.
const PLACEHOLDERS: [&str; 12] = [
    "example",
    "redacted",
    "placeholder",
    "changeme",
    "xxxx",
    "null",
    "none",
    "undefined",
    "true",
    "false",
    "left out",
    "hidden_due",
];

struct Scanner {
    words: AhoCorasick,
    /// Which rule each word belongs to.
    owners: Vec<usize>,
    patterns: Vec<Regex>,
}

static SCANNER: LazyLock<Option<Scanner>> = LazyLock::new(|| {
    let mut words = Vec::new();
    let mut owners = Vec::new();
    for (i, rule) in RULES.iter().enumerate() {
        words.extend_from_slice(rule.words);
        owners.extend(std::iter::repeat_n(i, rule.words.len()));
    }
    let words = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(words)
        .ok()?;
    let patterns: Result<Vec<Regex>, _> = RULES.iter().map(|r| Regex::new(r.pattern)).collect();
    Some(Scanner {
        words,
        owners,
        patterns: patterns.ok()?,
    })
});

/// What is found in a text: which sort, and the finding with its middle left out.
pub(crate) fn find(text: &str) -> Vec<(SecretKind, String)> {
    places(text)
        .into_iter()
        .map(|(kind, range)| (kind, redacted(&text[range])))
        .collect()
}

/// The text with `[kind]` in place of each secret; `None` where it holds none.
pub(crate) fn hide(text: &str) -> Option<String> {
    let mut found = places(text);
    if found.is_empty() {
        return None;
    }
    found.sort_by_key(|(_, range)| range.start);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (kind, range) in found {
        out.push_str(&text[at..range.start]);
        out.push('[');
        out.push_str(kind.word());
        out.push(']');
        at = range.end;
    }
    out.push_str(&text[at..]);
    Some(out)
}

/// Where secrets stand in a text; no two places overlap.
fn places(text: &str) -> Vec<(SecretKind, std::ops::Range<usize>)> {
    let Some(scanner) = SCANNER.as_ref() else {
        return Vec::new();
    };
    let mut asked = [false; RULES.len()];
    for hit in scanner.words.find_overlapping_iter(text) {
        asked[scanner.owners[hit.pattern().as_usize()]] = true;
    }
    let mut out: Vec<(SecretKind, std::ops::Range<usize>)> = Vec::new();
    for (i, rule) in RULES.iter().enumerate().filter(|(i, _)| asked[*i]) {
        for found in scanner.patterns[i].find_iter(text) {
            let range = found.range();
            // A URL's password is no e-mail address, a bearer's token not a second secret.
            if out
                .iter()
                .any(|(_, t)| t.start < range.end && range.start < t.end)
            {
                continue;
            }
            let said = found.as_str();
            let lower = said.to_ascii_lowercase();
            if PLACEHOLDERS.iter().any(|p| lower.contains(p))
                || rule.kind == SecretKind::CardNumber && !luhn(said)
                || rule.kind == SecretKind::Email && object_hash(said)
            {
                continue;
            }
            out.push((rule.kind, range));
        }
    }
    out
}

/// The first four characters, and how many follow: enough to find it again, too little to use.
fn redacted(text: &str) -> String {
    let start: String = text.chars().take(4).collect();
    let rest = text.chars().count().saturating_sub(4);
    format!("{start}…({rest} more)")
}

/// `Cart@3f2a1b.add`: how some languages print an object.
fn object_hash(text: &str) -> bool {
    let domain = text.rsplit('@').next().unwrap_or_default();
    let first = domain.split('.').next().unwrap_or_default();
    first.bytes().all(|b| b.is_ascii_hexdigit()) && first.bytes().any(|b| b.is_ascii_digit())
}

/// The check digit that payment cards carry (ISO/IEC 7812-1, annex B).
fn luhn(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| match (i % 2, d * 2) {
            (0, _) => *d,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    digits.len() >= 13 && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_not_found_again() {
        let text = format!(
            "key AKIA{} and mail a.b@example.org done",
            "ABCDEFGHIJKLMNOP"
        );
        // The domain of documentation is a placeholder, and stays.
        assert_eq!(
            hide(&text).as_deref(),
            Some("key [AWS access key id] and mail a.b@example.org done")
        );
        let text = format!("AKIA{} to max@firm.io", "ABCDEFGHIJKLMNOP");
        let hidden = hide(&text).unwrap_or_default();
        assert_eq!(hidden, "[AWS access key id] to [e-mail address]");
        assert_eq!(hide(&hidden), None);
    }

    #[test]
    fn secrets_are_found_and_never_repeated() {
        // Put together here, so that no scanner takes this file for a leak.
        let cases = [
            (
                SecretKind::AwsAccessKey,
                format!("key AKIA{} used", "ABCDEFGHIJKLMNOP"),
            ),
            (
                SecretKind::PrivateKey,
                format!("-----BEGIN RSA {}-----", "PRIVATE KEY"),
            ),
            (
                SecretKind::Jwt,
                format!("t=eyJ{0}.eyJ{0}.{0}", "hbGciOiJIUzI1NiJ9"),
            ),
            (
                SecretKind::PasswordInUrl,
                "postgres://app:hunter2@db.internal/x".to_string(),
            ),
            (SecretKind::Assignment, "password=correcthorse".to_string()),
            (
                SecretKind::Assignment,
                "{\"api_key\": \"0123456789abcdef\"}".to_string(),
            ),
            (
                SecretKind::Authorization,
                "Authorization: Bearer 0123456789abcdef0123".to_string(),
            ),
            (SecretKind::ServiceToken, format!("ghp_{}", "a1".repeat(18))),
            (
                SecretKind::Email,
                "user jane.doe@corp.test logged in".to_string(),
            ),
            (
                SecretKind::CardNumber,
                "card 4111 1111 1111 1111".to_string(),
            ),
        ];
        for (kind, text) in cases {
            let found = find(&text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!(found[0].0, kind, "{text}");
            assert!(found[0].1.contains("more)"));
        }
    }

    #[test]
    fn ordinary_lines_are_left_alone() {
        for text in [
            "GET http://cart:8080/api?id=4 200",
            "token expired for session 12",
            "password: ******",
            "password=<redacted>",
            "card 4111 1111 1111 1112",
            "at com.shop.Cart@3f2a1b.add",
            "commit 0123456789abcdef0123456789abcdef01234567",
        ] {
            assert_eq!(find(text), [], "{text}");
        }
    }
}
