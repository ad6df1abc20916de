//! Finds the template of a skeleton that was not seen before, in a tree of fixed depth.
//!
//! The first level is the number of tokens, the next two are the first two tokens; below them the few templates that
//! are left are compared token by token. The depth does not grow with the number of templates.

use rustc_hash::FxHashMap;

use super::slot::SlotKind;
use super::token::{Class, Token, Vocabulary};

/// Templates that hold slots of varying text, by length and first two tokens.
#[derive(Default)]
pub(super) struct Tree {
    leaves: FxHashMap<Branch, Vec<Leaf>>,
}

/// Number of tokens, first token, second token; `None` for a place that varies.
type Branch = (u32, Option<Token>, Option<Token>);

struct Leaf {
    tokens: Box<[Token]>,
    wild: usize,
    template: u32,
}

/// More templates than this under one branch are not compared: the line becomes a template of its own until the next merge.
const WIDEST_LEAF: usize = 256;

impl Tree {
    /// Adds a template, unless it holds nothing that varies beyond what masking finds.
    pub(super) fn add(&mut self, tokens: &[Token], template: u32) {
        let wild = tokens.iter().filter(|token| token.is_wild()).count();
        if wild == 0 {
            return;
        }
        let fixed = |place: usize| tokens.get(place).copied().filter(|token| !token.is_wild());
        let leaves = self
            .leaves
            .entry((tokens.len() as u32, fixed(0), fixed(1)))
            .or_default();
        if leaves.len() < WIDEST_LEAF {
            leaves.push(Leaf {
                tokens: tokens.into(),
                wild,
                template,
            });
        }
    }

    /// The template with the fewest varying places that these tokens fit; the lower number if two are equal in that.
    pub(super) fn find(&self, vocabulary: &Vocabulary, tokens: &[Token]) -> Option<u32> {
        if self.leaves.is_empty() {
            return None;
        }
        let (first, second) = (tokens.first().copied(), tokens.get(1).copied());
        [(first, second), (first, None), (None, second), (None, None)]
            .into_iter()
            .filter_map(|(first, second)| self.leaves.get(&(tokens.len() as u32, first, second)))
            .flatten()
            .filter(|leaf| {
                leaf.tokens
                    .iter()
                    .zip(tokens)
                    .all(|(place, token)| fits(vocabulary, *place, *token))
            })
            .min_by_key(|leaf| (leaf.wild, leaf.template))
            .map(|leaf| leaf.template)
    }
}

/// Whether a line may have `token` where its template has `place`.
fn fits(vocabulary: &Vocabulary, place: Token, token: Token) -> bool {
    if place == token {
        return true;
    }
    if place.blank_before() != token.blank_before() {
        return false;
    }
    match place.mark() {
        Some(SlotKind::Any) => !matches!(vocabulary.class(token), Class::Delimiter | Class::Fixed),
        Some(SlotKind::Id) => vocabulary.class(token) == Class::Weak,
        _ => false,
    }
}
