//! Which skeletons are one template.
//!
//! The work is done on the set of all skeletons seen, sorted, and not line by line as they come: so the templates of an
//! incident do not depend on the order in which its lines were read. Skeletons that differ in a single place are
//! compared there; how many different texts make that place a value depends on what the texts are and what stands
//! around them. Two words of prose that differ are two messages, two task ids are one message.

use rustc_hash::{FxHashMap, FxHashSet};

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
        let mut key = Vec::with_capacity(group.tokens.len());
        for (place, &token) in group.tokens.iter().enumerate() {
            let unit = place > 0
                && group.tokens[place - 1].mark() == Some(SlotKind::Num)
                && is_unit(vocabulary.text(token));
            key.push(if unit || token == token.generalised(SlotKind::Any) {
                WEAK
            } else if vocabulary.class(token) == Class::Weak {
                WEAK | u64::from(vocabulary.stem_of(token)) << 1 | u64::from(token.blank_before())
            } else {
                u64::from(token.raw())
            });
        }
        buckets.put(key, group);
    }
    buckets
        .groups
        .into_iter()
        .map(|bucket| union(vocabulary, bucket))
        .collect()
}

/// Joins groups that are equal but for names and weak tokens, where each place that differs holds several texts: class
/// and listener, file and directory vary together, so no two groups differ in a single place.
fn join_names(vocabulary: &Vocabulary, groups: Vec<Group>) -> Vec<Group> {
    let mut buckets = Buckets::default();
    for group in groups {
        let open = |token: Token| {
            matches!(vocabulary.class(token), Class::Name | Class::Weak) || token.is_wild()
        };
        let key = group
            .tokens
            .iter()
            .map(|&token| {
                if open(token) {
                    WEAK | u64::from(token.blank_before())
                } else {
                    u64::from(token.raw())
                }
            })
            .collect();
        buckets.put(key, group);
    }
    let mut out = Vec::new();
    for bucket in buckets.groups {
        let first = &bucket[0].tokens;
        let mut enough = bucket.len() >= SEVERAL;
        for place in 0..first.len() {
            let texts: FxHashSet<Token> = bucket.iter().map(|group| group.tokens[place]).collect();
            enough &= texts.len() == 1
                || texts.len() >= SEVERAL
                || texts.iter().any(|token| token.is_wild());
        }
        let anchors = first
            .iter()
            .filter(|token| matches!(vocabulary.class(**token), Class::Word | Class::Fixed))
            .count();
        if enough && anchors >= 2 {
            out.push(union(vocabulary, bucket));
        } else {
            out.extend(bucket);
        }
    }
    out
}

/// So many different names in one place are a value.
const SEVERAL: usize = 3;

/// Sets the keys of weak tokens apart from those of texts.
const WEAK: u64 = 1 << 40;

/// Writes lists as one value where groups differ in how long a list is: `10.0.0.1, 10.0.0.2` and `10.0.0.1`.
fn shorten_lists(vocabulary: &Vocabulary, groups: Vec<Group>) -> Vec<Group> {
    let mut buckets = Buckets::default();
    for group in groups {
        let key = without_lists(vocabulary, &group.tokens)
            .iter()
            .map(|token| u64::from(token.raw()))
            .collect();
        buckets.put(key, group);
    }
    let mut out = Vec::new();
    for mut bucket in buckets.groups {
        let length = bucket[0].tokens.len();
        if bucket.iter().any(|group| group.tokens.len() != length) {
            for group in &mut bucket {
                group.tokens = without_lists(vocabulary, &group.tokens);
            }
            out.push(union(vocabulary, bucket));
        } else {
            out.extend(bucket);
        }
    }
    out
}

/// Runs of weak tokens, with blanks or commas between them, as one token.
fn without_lists(vocabulary: &Vocabulary, tokens: &[Token]) -> Vec<Token> {
    let weak =
        |token: Token| vocabulary.class(token) == Class::Weak && vocabulary.text(token) != b"-";
    let comma = |token: &Token| vocabulary.text(*token) == b",";
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let first = tokens[at];
        let mut next = at + 1;
        if weak(first) {
            let mut same = true;
            loop {
                let item = next + usize::from(tokens.get(next).is_some_and(comma));
                let Some(&token) = tokens.get(item) else {
                    break;
                };
                if !weak(token) || !(item > next || token.blank_before()) {
                    break;
                }
                same &= token.text() == first.text();
                next = item + 1;
            }
            if next > at + 1 {
                let kind = if same { first.mark() } else { None }.unwrap_or(SlotKind::Id);
                out.push(first.generalised(kind));
                at = next;
                continue;
            }
        }
        out.push(first);
        at = next;
    }
    out
}

/// Groups under equal keys, in the order in which the keys came.
#[derive(Default)]
struct Buckets {
    places: FxHashMap<Vec<u64>, usize>,
    groups: Vec<Vec<Group>>,
}

impl Buckets {
    fn put(&mut self, key: Vec<u64>, group: Group) {
        let place = *self.places.entry(key).or_insert_with(|| {
            self.groups.push(Vec::new());
            self.groups.len() - 1
        });
        self.groups[place].push(group);
    }
}

/// One group from several of equal length: places in which they differ become slots.
fn union(vocabulary: &Vocabulary, groups: Vec<Group>) -> Group {
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

fn common_kind(vocabulary: &Vocabulary, a: Token, b: Token) -> SlotKind {
    let named = |token: Token| match token.mark() {
        Some(SlotKind::Any) => false,
        Some(_) => true,
        None => {
            vocabulary.class(token) == Class::Weak
                && vocabulary
                    .text(token)
                    .iter()
                    .any(|b| b.is_ascii_digit() || *b == b'<')
        }
    };
    if named(a) && named(b) {
        SlotKind::Id
    } else {
        SlotKind::Any
    }
}

/// Joins groups that are equal but for one token, where enough different tokens are seen in that place.
fn join_single(vocabulary: &Vocabulary, groups: Vec<Group>) -> Vec<Group> {
    let mut buckets: FxHashMap<(u64, u32), Vec<u32>> = FxHashMap::default();
    for (index, group) in groups.iter().enumerate() {
        let whole = group
            .tokens
            .iter()
            .enumerate()
            .fold(0u64, |sum, (place, token)| {
                sum.wrapping_add(mix(place, *token))
            });
        for (place, &token) in group.tokens.iter().enumerate() {
            if may_vary(vocabulary, token) {
                let key = whole
                    .wrapping_sub(mix(place, token))
                    .wrapping_add(group.tokens.len() as u64);
                buckets
                    .entry((key, place as u32))
                    .or_default()
                    .push(index as u32);
            }
        }
    }
    let mut candidates: Vec<(usize, u32, Vec<u32>)> = buckets
        .into_iter()
        .filter(|(_, members)| members.len() > 1)
        .filter_map(|((_, place), members)| {
            let seen = varies(vocabulary, &groups, &members, place as usize)?;
            Some((seen, place, members))
        })
        .collect();
    // Where a group could join in two places, the place with more evidence wins; the rest of the order only makes the
    // choice the same each time.
    candidates.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut parent: Vec<Option<u32>> = vec![None; groups.len()];
    let mut joined: Vec<(u32, Vec<u32>)> = Vec::new();
    for (_, place, members) in candidates {
        let free: Vec<u32> = members
            .into_iter()
            .filter(|&m| parent[m as usize].is_none())
            .collect();
        if free.len() > 1 && varies(vocabulary, &groups, &free, place as usize).is_some() {
            for &member in &free {
                parent[member as usize] = Some(free[0]);
            }
            joined.push((free[0], free));
        }
    }
    let by_first: FxHashMap<u32, Vec<u32>> = joined.into_iter().collect();
    let mut out = Vec::with_capacity(groups.len());
    for (index, group) in groups.iter().enumerate() {
        match (parent[index], by_first.get(&(index as u32))) {
            (_, Some(members)) => out.push(union(
                vocabulary,
                members
                    .iter()
                    .map(|&m| groups[m as usize].clone())
                    .collect(),
            )),
            (Some(_), None) => {}
            (None, None) => out.push(group.clone()),
        }
    }
    out
}

fn mix(place: usize, token: Token) -> u64 {
    let mut v = (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (token.raw() as u64).wrapping_mul(0xd6e8_feb8_6659_fd93);
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
        all_hold_marks: true,
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
        seen.all_hold_marks &= vocabulary.holds_mark(token);
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
    all_hold_marks: bool,
}

/// How many different texts make `place` a value.
fn needed(vocabulary: &Vocabulary, tokens: &[Token], place: usize, seen: &Seen) -> usize {
    let before = place.checked_sub(1).map(|i| vocabulary.text(tokens[i]));
    let after = tokens.get(place + 1).map(|&t| vocabulary.text(t));
    let assigned = before == Some(b"=");
    let enclosed = matches!(
        (before, after),
        (Some(b"'"), Some(b"'"))
            | (Some(b"\""), Some(b"\""))
            | (Some(b"["), Some(b"]"))
            | (Some(b"("), Some(b")"))
    );
    let base = if assigned || seen.mark || seen.all_hold_marks {
        2
    } else if enclosed || !seen.words {
        SEVERAL
    } else {
        6
    };
    let anchors = tokens
        .iter()
        .enumerate()
        .filter(|(i, token)| {
            *i != place
                && matches!(
                    vocabulary.class(**token),
                    Class::Name | Class::Word | Class::Fixed
                )
        })
        .count();
    match anchors {
        0 => base * 8,
        1 => base * 2,
        _ => base,
    }
}
