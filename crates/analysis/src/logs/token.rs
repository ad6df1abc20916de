//! Skeletons as sequences of small numbers: words and delimiters, each text numbered once.

use rustc_hash::FxHashMap;

use super::slot::SlotKind;

/// One token of a skeleton: the number of its text, and in the lowest bit whether a blank stood before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Token(u32);

impl Token {
    fn new(text: u32, blank_before: bool) -> Token {
        Token(text << 1 | u32::from(blank_before))
    }

    /// The number of the text in its [`Vocabulary`].
    pub(super) fn text(self) -> u32 {
        self.0 >> 1
    }

    /// Number and blank together: equal for equal tokens of one vocabulary only.
    pub(super) fn raw(self) -> u32 {
        self.0
    }

    /// Stands for all that was cut off.
    pub(super) fn rest() -> Token {
        Token::new(SlotKind::Any as u32, true)
    }

    pub(super) fn blank_before(self) -> bool {
        self.0 & 1 == 1
    }

    /// The mark of `kind` in the place of this token.
    pub(super) fn generalised(self, kind: SlotKind) -> Token {
        Token::new(kind as u32, self.blank_before())
    }

    /// The kind, if the token is a mark and nothing else.
    pub(super) fn mark(self) -> Option<SlotKind> {
        SlotKind::ALL.get(self.text() as usize).copied()
    }

    /// Whether the token stands for text that varies without a narrower kind.
    pub(super) fn is_wild(self) -> bool {
        matches!(self.mark(), Some(SlotKind::Any | SlotKind::Id))
    }
}

/// How readily a token is taken for a value when lines differ in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Punctuation between words: never a value.
    Delimiter,
    /// Holds a mark or a digit, or says that a value is missing (`null`, `-`): a value as soon as it differs.
    Weak,
    /// A name of code or configuration (`dfs.DataNode`, `http-proxy`, `maxRetries`): a value if several are seen.
    Name,
    /// A word of prose: a value only if many are seen.
    Word,
    /// A word whose change changes the meaning of the line (severities, success and failure): never a value.
    Fixed,
}

/// The texts of tokens, each with its number and class.
pub(super) struct Vocabulary {
    numbers: FxHashMap<Box<[u8]>, u32>,
    texts: Vec<Text>,
    /// The texts of weak tokens without their digits and marks, numbered on their own.
    stems: FxHashMap<Box<[u8]>, u32>,
    limit: usize,
}

struct Text {
    bytes: Box<[u8]>,
    class: Class,
    stem: u32,
    /// Weak only for its digits: without them it would be a name.
    named: bool,
}

/// Longer texts (keys, encoded blobs) are values, whatever they hold.
const LONGEST_TEXT: usize = 128;

impl Vocabulary {
    /// A vocabulary of at most `limit` texts that knows the marks; the mark of a kind has the kind's position as its number.
    pub(super) fn new(limit: usize) -> Vocabulary {
        let limit = limit.clamp(SlotKind::ALL.len(), u32::MAX as usize >> 2);
        let mut vocabulary = Vocabulary {
            numbers: FxHashMap::default(),
            texts: Vec::new(),
            stems: FxHashMap::default(),
            limit,
        };
        for kind in SlotKind::ALL {
            vocabulary.number(kind.mark().as_bytes());
        }
        vocabulary
    }

    fn number(&mut self, text: &[u8]) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let class = classify(text);
        if self.texts.len() >= self.limit || text.len() > LONGEST_TEXT {
            // No room to remember it: it stands as a value from the start.
            return if class == Class::Weak {
                SlotKind::Id
            } else {
                SlotKind::Any
            } as u32;
        }
        let number = self.texts.len() as u32;
        self.numbers.insert(text.into(), number);
        let (stem, named) = if class == Class::Weak {
            let bare = without_values(text);
            (self.stem(text, &bare), is_name(&bare))
        } else {
            (0, false)
        };
        self.texts.push(Text {
            bytes: text.into(),
            class,
            stem,
            named,
        });
        number
    }

    pub(super) fn text(&self, token: Token) -> &[u8] {
        &self.texts[token.text() as usize].bytes
    }

    pub(super) fn class(&self, token: Token) -> Class {
        self.texts[token.text() as usize].class
    }

    /// What weak tokens must share to be the same value without further evidence: `worker-1` and `worker-2` have one
    /// stem, `eth0` and `lo0` have two. Zero is shared by all that are nothing but marks, digits and single letters.
    pub(super) fn stem_of(&self, token: Token) -> u32 {
        self.texts[token.text() as usize].stem
    }

    /// Whether the token is a mark, or a plain word with one: `rdd_<id>` is numbered, but `OrderService#<num>` is a place
    /// in the code.
    pub(super) fn is_numbered(&self, token: Token) -> bool {
        let text = &self.texts[token.text() as usize];
        holds_mark(&text.bytes) && !text.named
    }

    /// The number of a weak text's stem.
    fn stem(&mut self, text: &[u8], bare: &[u8]) -> u32 {
        let is_letter = |b: &u8| b.is_ascii_alphabetic() || *b >= 0x80;
        let stem: Box<[u8]> = bare.iter().copied().filter(is_letter).collect();
        if stem.len() < 2 || is_missing(text) || is_calendar_name(text) {
            return 0;
        }
        let next = self.stems.len() as u32 + 1;
        *self.stems.entry(stem).or_insert(next)
    }

    /// The tokens of `skeleton`, at most `limit`; the flag says whether there were more.
    pub(super) fn tokens(&mut self, skeleton: &[u8], limit: usize) -> (Vec<Token>, bool) {
        let mut tokens = Vec::with_capacity(32);
        for span in spans(skeleton) {
            if tokens.len() == limit {
                return (tokens, true);
            }
            tokens.push(Token::new(
                self.number(&skeleton[span.from..span.to]),
                span.blank_before,
            ));
        }
        (tokens, false)
    }

    /// The text of a sequence of tokens.
    pub(super) fn render(&self, tokens: &[Token]) -> Vec<u8> {
        let mut out = Vec::new();
        for &token in tokens {
            if token.blank_before() {
                out.push(b' ');
            }
            out.extend_from_slice(self.text(token));
        }
        out
    }
}

/// Where one token stands in a skeleton.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) blank_before: bool,
}

fn is_delimiter(b: u8) -> bool {
    matches!(
        b,
        b'=' | b','
            | b';'
            | b'('
            | b')'
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b'"'
            | b'\''
            | b'|'
            | b'`'
            | b':'
    )
}

/// The places of the tokens of `skeleton`, in order.
pub(super) fn spans(skeleton: &[u8]) -> impl Iterator<Item = Span> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let from = at + skeleton[at..].iter().take_while(|b| **b == b' ').count();
        let blank_before = from > at;
        let &first = skeleton.get(from)?;
        let mut to = from + 1;
        if !is_delimiter(first) && !is_stop(skeleton, from) {
            while to < skeleton.len()
                && skeleton[to] != b' '
                && !is_delimiter(skeleton[to])
                && !is_stop(skeleton, to)
            {
                to += 1;
            }
        } else if first == b'.' {
            to += skeleton[to..].iter().take_while(|b| **b == b'.').count();
        }
        at = to;
        Some(Span {
            from,
            to,
            blank_before,
        })
    })
}

/// Full stops at the end of a word belong to the sentence (`completion.` and `completion` are one word), and rows of
/// dots to the layout (`depth.......12`).
fn is_stop(skeleton: &[u8], at: usize) -> bool {
    if !matches!(skeleton[at], b'.' | b'!' | b'?') {
        return false;
    }
    let after = at
        + skeleton[at..]
            .iter()
            .take_while(|b| matches!(b, b'.' | b'!' | b'?'))
            .count();
    skeleton.get(after).is_none_or(|b| *b == b' ') || skeleton[at..after].starts_with(b"..")
}

/// Said in the place of a value.
const MISSING: [&str; 8] = [
    "null",
    "nil",
    "none",
    "undefined",
    "nan",
    "n/a",
    "true",
    "false",
];

/// Parts of a date that is written with spaces: `Sat Nov 21 10:00:00 UTC 2026`.
fn is_calendar_name(text: &[u8]) -> bool {
    const NAMES: [&str; 29] = [
        "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Jan", "Feb", "Mar", "Apr", "May", "Jun",
        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "UTC", "GMT", "CET", "CEST", "EST", "EDT", "CST",
        "CDT", "PST", "PDT",
    ];
    NAMES.iter().any(|name| name.as_bytes() == text)
}

/// Whether `text` is a unit when it follows a number: `12 KB` and `3 MB` differ in a value, not in what is said.
pub(super) fn is_unit(text: &[u8]) -> bool {
    const UNITS: [&str; 36] = [
        "b",
        "byte",
        "bytes",
        "kb",
        "mb",
        "gb",
        "tb",
        "pb",
        "kib",
        "mib",
        "gib",
        "tib",
        "kbps",
        "mbps",
        "gbps",
        "ns",
        "us",
        "µs",
        "ms",
        "msec",
        "msecs",
        "millis",
        "milliseconds",
        "s",
        "sec",
        "secs",
        "second",
        "seconds",
        "m",
        "min",
        "mins",
        "minute",
        "minutes",
        "h",
        "hour",
        "hours",
    ];
    UNITS
        .iter()
        .any(|unit| unit.as_bytes().eq_ignore_ascii_case(text))
}

fn classify(text: &[u8]) -> Class {
    if !text
        .iter()
        .any(|b| b.is_ascii_alphanumeric() || *b >= 0x80 || *b == b'<')
    {
        return if text == b"-" {
            Class::Weak
        } else {
            Class::Delimiter
        };
    }
    // The header of klog begins with the letter of the severity.
    if matches!(text, [b'I' | b'W' | b'E' | b'F', rest @ ..] if rest == SlotKind::Num.mark().as_bytes())
    {
        return Class::Fixed;
    }
    if holds_mark(text) || text.iter().any(u8::is_ascii_digit) {
        return Class::Weak;
    }
    if is_missing(text) || is_calendar_name(text) {
        return Class::Weak;
    }
    const FIXED: [&str; 40] = [
        "trace",
        "debug",
        "info",
        "notice",
        "warn",
        "warning",
        "error",
        "err",
        "critical",
        "crit",
        "alert",
        "fatal",
        "panic",
        "emerg",
        "emergency",
        "severe",
        "success",
        "successful",
        "succeeded",
        "ok",
        "failed",
        "failure",
        "fail",
        "timeout",
        "denied",
        "refused",
        "rejected",
        "accepted",
        "opened",
        "closed",
        "up",
        "down",
        "started",
        "stopped",
        "start",
        "stop",
        "enabled",
        "disabled",
        "not",
        "no",
    ];
    if FIXED
        .iter()
        .any(|word| word.as_bytes().eq_ignore_ascii_case(text))
    {
        return Class::Fixed;
    }
    if is_name(text) {
        Class::Name
    } else {
        Class::Word
    }
}

/// Whether a text is written as code and configuration write names: of several parts, or in camel case.
fn is_name(text: &[u8]) -> bool {
    let joined = text
        .get(1..)
        .unwrap_or_default()
        .iter()
        .any(|b| b"._-/@$\\#~+*&%".contains(b));
    let camel = text
        .windows(2)
        .any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    joined || camel
}

/// What is left of a text without its marks and digits, and without what joined them to the rest.
fn without_values(text: &[u8]) -> Vec<u8> {
    let mut bare = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if let Some(kind) = SlotKind::at_start_of(&text[at..]) {
            at += kind.mark().len();
            continue;
        }
        if !text[at].is_ascii_digit() {
            bare.push(text[at]);
        }
        at += 1;
    }
    let inside = |b: &u8| b.is_ascii_alphabetic() || *b >= 0x80;
    let from = bare.iter().position(inside).unwrap_or(bare.len());
    let to = bare.iter().rposition(inside).map_or(from, |last| last + 1);
    bare[from..to].to_vec()
}

fn is_missing(text: &[u8]) -> bool {
    MISSING
        .iter()
        .any(|word| word.as_bytes().eq_ignore_ascii_case(text))
}

fn holds_mark(text: &[u8]) -> bool {
    memchr::memchr_iter(b'<', text).any(|at| SlotKind::at_start_of(&text[at..]).is_some())
}
