//! Which skeletons are one template.
//!
//! The work is done on the set of all skeletons seen, sorted, and not line by line as they come: so the templates of an
//! incident do not depend on the order in which its lines were read. Skeletons that differ in a single place are
//! compared there; how many different texts make that place a value depends on what the texts are and what stands
//! around them. Two words of prose that differ are two messages, two task ids are one message.

use rustc_hash::{FxHashMap, FxHashSet};

use super::columns::{join_columns, join_names};
use super::lists::shorten_lists;
use super::slot::SlotKind;
use super::token::{Class, Token, Vocabulary, is_unit};

/// A template in the making: its tokens, and which of the skeletons given are its own.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) tokens: Vec<Token>,
    pub(super) members: Vec<u32>,
}

/// Joins `groups` until nothing is left to join. `groups` must come sorted in an order that does not depend on when
/// they were seen; the result is in that order of their first members.
pub(super) fn generalise(vocabulary: &Vocabulary, groups: Vec<Group>) -> Vec<Group> {
    let groups = join_weak(vocabulary, groups);
    let mut groups = shorten_lists(vocabulary, groups);
    // Each round can only reduce the number of groups; in practice three or four rounds do.
    for _ in 0..MAX_ROUNDS {
        let before = groups.len();
        groups = join_single(vocabulary, groups);
        groups = join_names(vocabulary, groups);
        groups = join_columns(vocabulary, groups);
        groups = join_weak(vocabulary, groups);
        if groups.len() == before {
            break;
        }
    }
    groups
}

const MAX_ROUNDS: usize = 12;

/// Joins groups that are equal but for weak tokens of the same stem and for units.
fn join_weak(vocabulary: &Vocabulary, groups: Vec<Group>) -> Vec<Group> {
    let mut buckets = Buckets::default();
    for group in groups {
        buckets.put(codes(vocabulary, &group.tokens), group);
    }
    buckets
        .groups
        .into_iter()
        .map(|bucket| union(vocabulary, bucket))
        .collect()
}

/// Tokens as numbers that are equal where a difference needs no further evidence to be one of values.
fn codes(vocabulary: &Vocabulary, tokens: &[Token]) -> Vec<u64> {
    let code = |place: usize| {
        let token = tokens[place];
        let blank = u64::from(token.blank_before());
        let after_number = place > 0 && tokens[place - 1].mark() == Some(SlotKind::Num);
        if after_number && is_unit(vocabulary.text(token)) {
            WEAK | blank
        } else if vocabulary.class(token) == Class::Weak {
            WEAK | u64::from(vocabulary.stem_of(token)) << 1 | blank
        } else {
            u64::from(token.raw())
        }
    };
    (0..tokens.len()).map(code).collect()
}

/// So many different names in one place are a value.
pub(super) const SEVERAL: usize = 3;

/// Sets the keys of weak tokens apart from those of texts.
pub(super) const WEAK: u64 = 1 << 40;

/// Groups under equal keys, in the order in which the keys came.
#[derive(Default)]
pub(super) struct Buckets {
    places: FxHashMap<Vec<u64>, usize>,
    pub(super) groups: Vec<Vec<Group>>,
}

impl Buckets {
    pub(super) fn put(&mut self, key: Vec<u64>, group: Group) {
        let place = *self.places.entry(key).or_insert_with(|| {
            self.groups.push(Vec::new());
            self.groups.len() - 1
        });
        self.groups[place].push(group);
    }
}

/// One group from several of equal length: places in which they differ become slots.
pub(super) fn union(vocabulary: &Vocabulary, groups: Vec<Group>) -> Group {
    let mut groups = groups.into_iter();
    let Some(mut whole) = groups.next() else {
        return Group {
            tokens: Vec::new(),
            members: Vec::new(),
        };
    };
    for group in groups {
        for (mine, other) in whole.tokens.iter_mut().zip(&group.tokens) {
            if mine != other {
                *mine = mine.generalised(common_kind(vocabulary, *mine, *other));
            }
        }
        whole.members.extend(group.members);
    }
    whole
}

/// The kind of a place where both tokens were seen.
fn common_kind(vocabulary: &Vocabulary, a: Token, b: Token) -> SlotKind {
    let digits_only = |token: Token| matches!(token.mark(), Some(SlotKind::Num | SlotKind::Hex));
    if digits_only(a) && digits_only(b) {
        // One digest in many has no letter in it.
        return SlotKind::Hex;
    }
    let holds_value = |token: Token| match token.mark() {
        Some(kind) => kind != SlotKind::Any,
        None => {
            let text = vocabulary.text(token);
            let value = text.iter().any(|b| b.is_ascii_digit() || *b == b'<');
            vocabulary.class(token) == Class::Weak && value
        }
    };
    if holds_value(a) && holds_value(b) {
        SlotKind::Id
    } else {
        SlotKind::Any
    }
}

/// Joins groups that are equal but for one token, where enough different tokens are seen in that place.
fn join_single(vocabulary: &Vocabulary, groups: Vec<Group>) -> Vec<Group> {
    // One entry for each group and place: a hash of all other tokens. Equal hashes at one place are groups that differ
    // there only.
    let mut entries: Vec<(u64, u32, u32)> = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let codes = codes(vocabulary, &group.tokens);
        let whole = (0..codes.len()).fold(codes.len() as u64, |sum, place| {
            sum.wrapping_add(mix(place, codes[place]))
        });
        for (place, &token) in group.tokens.iter().enumerate() {
            if may_vary(vocabulary, token) {
                let others = whole.wrapping_sub(mix(place, codes[place]));
                entries.push((others, place as u32, index as u32));
            }
        }
    }
    entries.sort_unstable();
    let mut candidates: Vec<(usize, u32, Vec<u32>)> = entries
        .chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
        .filter(|run| run.len() > 1)
        .filter_map(|run| {
            let members: Vec<u32> = run.iter().map(|entry| entry.2).collect();
            let place = run[0].1;
            let seen = varies(vocabulary, &groups, &members, place as usize)?;
            Some((seen, place, members))
        })
        .collect();
    // Where a group could join in two places, the place with more evidence wins; the rest of the order only makes the
    // choice the same each time.
    candidates.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut taken = vec![false; groups.len()];
    let mut joined: Vec<Vec<u32>> = Vec::new();
    for (_, place, members) in candidates {
        let free: Vec<u32> = members
            .into_iter()
            .filter(|&member| !taken[member as usize])
            .collect();
        if free.len() > 1 && varies(vocabulary, &groups, &free, place as usize).is_some() {
            free.iter()
                .for_each(|&member| taken[member as usize] = true);
            joined.push(free);
        }
    }
    if joined.is_empty() {
        return groups;
    }
    let mut groups: Vec<Option<Group>> = groups.into_iter().map(Some).collect();
    for members in joined {
        let bucket = members
            .iter()
            .filter_map(|&member| groups[member as usize].take())
            .collect();
        groups[members[0] as usize] = Some(union(vocabulary, bucket));
    }
    groups.into_iter().flatten().collect()
}

fn mix(place: usize, code: u64) -> u64 {
    let mut v = (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ code.wrapping_mul(0xd6e8_feb8_6659_fd93);
    v = (v ^ (v >> 32)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    v ^ (v >> 29)
}

fn may_vary(vocabulary: &Vocabulary, token: Token) -> bool {
    match vocabulary.class(token) {
        Class::Name | Class::Word => true,
        Class::Weak => true,
        Class::Delimiter | Class::Fixed => false,
    }
}

/// How many different texts stand in `place`, if they are enough to call it a value.
fn varies(
    vocabulary: &Vocabulary,
    groups: &[Group],
    members: &[u32],
    place: usize,
) -> Option<usize> {
    let first = &groups[*members.first()? as usize].tokens;
    let mut texts = FxHashSet::default();
    let mut seen = Seen {
        wild: false,
        mark: false,
        words: false,
        numbered: true,
    };
    for &member in members {
        let tokens = &groups[member as usize].tokens;
        if tokens.len() != first.len() {
            return None;
        }
        let token = tokens[place];
        seen.wild |= token.is_wild();
        seen.mark |= token.mark().is_some();
        seen.words |= vocabulary.class(token) == Class::Word;
        seen.numbered &= vocabulary.is_numbered(token);
        texts.insert(token);
    }
    let needed = needed(vocabulary, first, place, &seen);
    (seen.wild && texts.len() > 1 || texts.len() >= needed)
        .then_some(texts.len() + if seen.wild { needed } else { 0 })
}

/// What kinds of texts stand in one place.
struct Seen {
    wild: bool,
    mark: bool,
    words: bool,
    numbered: bool,
}

/// Whether a place is one where values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surroundings {
    /// Behind an equals sign.
    Assigned,
    /// Alone between quotes or brackets, or an item of a list.
    Enclosed,
    /// Behind a word such as "user".
    Announced,
    /// Among other words.
    Prose,
}

pub(super) fn surroundings(
    vocabulary: &Vocabulary,
    tokens: &[Token],
    place: usize,
) -> Surroundings {
    let text = |place: Option<usize>| {
        place
            .and_then(|place| tokens.get(place))
            .map_or(&b""[..], |&token| vocabulary.text(token))
    };
    // Words after which people write the name of one of many.
    const ANNOUNCE: [&[u8]; 14] = [
        b"user",
        b"username",
        b"account",
        b"host",
        b"hostname",
        b"node",
        b"pod",
        b"container",
        b"device",
        b"interface",
        b"queue",
        b"topic",
        b"table",
        b"named",
    ];
    match (text(place.checked_sub(1)), text(Some(place + 1))) {
        (b"=", _) => Surroundings::Assigned,
        (b"'", b"'") | (b"\"", b"\"") | (b"[" | b"(" | b",", b"]" | b")" | b",") => {
            Surroundings::Enclosed
        }
        (word, _) if ANNOUNCE.contains(&word) => Surroundings::Announced,
        _ => Surroundings::Prose,
    }
}

/// How many different texts make `place` a value.
fn needed(vocabulary: &Vocabulary, tokens: &[Token], place: usize, seen: &Seen) -> usize {
    let surroundings = surroundings(vocabulary, tokens, place);
    let base = if surroundings == Surroundings::Assigned || seen.mark || seen.numbered {
        2
    } else if surroundings != Surroundings::Prose || !seen.words {
        SEVERAL
    } else {
        6
    };
    // What the lines have in common says how alike they are: words most, typed values in the same places too.
    let (mut words, mut values) = (0, 0);
    for (i, &token) in tokens.iter().enumerate() {
        match vocabulary.class(token) {
            Class::Name | Class::Word | Class::Fixed => words += usize::from(i != place),
            Class::Weak => values += usize::from(i != place),
            Class::Delimiter => {}
        }
    }
    let anchors = words + if words > 0 { values / 3 } else { 0 };
    match anchors {
        0 => base * 8,
        1 => base * 2,
        _ => base,
    }
}
