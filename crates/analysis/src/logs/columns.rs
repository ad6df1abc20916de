//! Lines that are alike but for several places that vary at once.

use rustc_hash::{FxHashMap, FxHashSet};

use super::merge::{Buckets, Group, SEVERAL, Surroundings, WEAK, surroundings, union};
use super::token::{Class, Token, Vocabulary};

/// Joins groups that are equal but for names and weak tokens, where each place that differs holds several texts: class
/// and listener, file and directory vary together, so no two groups differ in a single place.
pub(super) fn join_names(vocabulary: &Vocabulary, groups: Vec<Group>) -> Vec<Group> {
    let mut buckets = Buckets::default();
    for group in groups {
        let tokens = &group.tokens;
        let open = |place: usize| match vocabulary.class(tokens[place]) {
            Class::Name | Class::Weak => true,
            Class::Word => surroundings(vocabulary, tokens, place) != Surroundings::Prose,
            Class::Delimiter | Class::Fixed => false,
        };
        let key = (0..tokens.len())
            .map(|place| {
                if open(place) {
                    WEAK | u64::from(tokens[place].blank_before())
                } else {
                    u64::from(tokens[place].raw())
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

/// Joins groups that share their frequent words, where several words vary at once: `user ann bought tea from bob`.
///
/// Among groups of one build (number of tokens, delimiters, blanks) each word is counted in its place. The words of a
/// group that are nearly as frequent as its most frequent one are what the message says; the others are values, if
/// there are many groups with the same frequent words and many texts in each place that varies.
pub(super) fn join_columns(vocabulary: &Vocabulary, groups: Vec<Group>) -> Vec<Group> {
    let fixed = |token: Token| matches!(vocabulary.class(token), Class::Delimiter | Class::Fixed);
    let mut builds = Buckets::default();
    for group in groups {
        let build = |&token: &Token| {
            if fixed(token) {
                u64::from(token.raw())
            } else {
                WEAK | u64::from(token.blank_before())
            }
        };
        builds.put(group.tokens.iter().map(build).collect(), group);
    }
    let mut out = Vec::new();
    for bucket in builds.groups {
        if bucket.len() < MANY {
            out.extend(bucket);
            continue;
        }
        let mut counts: FxHashMap<(usize, Token), usize> = FxHashMap::default();
        for group in &bucket {
            for (place, &token) in group.tokens.iter().enumerate() {
                *counts.entry((place, token)).or_default() += 1;
            }
        }
        let mut columns = Buckets::default();
        for group in bucket {
            let tokens = &group.tokens;
            let says =
                |place: usize| matches!(vocabulary.class(tokens[place]), Class::Word | Class::Name);
            let count = |place: usize| counts.get(&(place, tokens[place])).copied().unwrap_or(0);
            let most = (0..tokens.len())
                .filter(|&place| says(place))
                .map(count)
                .max()
                .unwrap_or(0);
            let key = (0..tokens.len())
                .map(|place| {
                    if fixed(tokens[place]) || says(place) && count(place) * RARER_BY > most {
                        u64::from(tokens[place].raw())
                    } else {
                        WEAK | u64::from(tokens[place].blank_before())
                    }
                })
                .collect();
            columns.put(key, group);
        }
        for bucket in columns.groups {
            if many_vary(vocabulary, &bucket) {
                out.push(union(vocabulary, bucket));
            } else {
                out.extend(bucket);
            }
        }
    }
    out
}

/// So many groups, and so many words of prose in one place, are needed when several places vary at once.
const MANY: usize = 8;

/// A word this many times rarer than the most frequent word of its line is not part of the message.
const RARER_BY: usize = 3;

/// Whether every place in which the groups differ holds many texts, and enough words stay.
fn many_vary(vocabulary: &Vocabulary, groups: &[Group]) -> bool {
    if groups.len() < MANY {
        return false;
    }
    let first = &groups[0].tokens;
    let (mut stay, mut vary) = (0, 0);
    for (place, &token) in first.iter().enumerate() {
        let texts: FxHashSet<Token> = groups.iter().map(|group| group.tokens[place]).collect();
        if texts.len() == 1 {
            let class = vocabulary.class(token);
            stay += usize::from(matches!(class, Class::Word | Class::Name | Class::Fixed));
        } else if texts
            .iter()
            .all(|&token| vocabulary.class(token) != Class::Weak)
        {
            vary += 1;
            if texts.len() < MANY {
                return false;
            }
        }
    }
    stay >= 2 && vary <= 2 * stay
}
