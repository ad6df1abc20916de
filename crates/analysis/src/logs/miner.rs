//! The online miner: a cache of skeletons in front of the tree of templates.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::frames;
use super::mask;
use super::merge::{self, Group};
use super::slot::{Slot, SlotKind};
use super::token::{self, Token, Vocabulary};
use super::tree::Tree;
use super::values::Parts;

/// Bounds of a [`Miner`]. The defaults suit one service or one incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bytes of a line, without the frames of stack traces, that are compared; the rest stands in the template as one
    /// `<*>`.
    pub max_line_bytes: usize,
    /// Tokens of a line that are compared; the rest stands in the template as one `<*>`.
    pub max_tokens: usize,
    /// Distinct skeletons kept. When they are full, skeletons that share a template are forgotten but for one.
    pub max_skeletons: usize,
    /// Bytes of skeletons and examples kept. The words of skeletons come on top, at most four for each skeleton.
    pub max_bytes: usize,
    /// Bytes of the first line of each skeleton that are kept as its example.
    pub max_example_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            max_line_bytes: 4096,
            max_tokens: 256,
            max_skeletons: 32_768,
            max_bytes: 64 << 20,
            max_example_bytes: 512,
        }
    }
}

/// The name of a template. It stays valid for the life of its [`Miner`]: when templates are merged, [`Miner::resolve`]
/// tells under which name they go on.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]

pub struct TemplateId(pub u32);

/// What lines of one kind have in common.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Template {
    /// Its name.
    pub id: TemplateId,
    /// The text with a mark such as `<num>` in each variable place.
    pub text: String,
    /// The same, cut into words and delimiters.
    pub tokens: Vec<String>,
    /// Lines that were counted under it.
    pub count: u64,
    /// The first line that was counted under it, cut to [`Config::max_example_bytes`].
    pub example: String,
    /// Whether lines of this template were cut before they were compared.
    pub truncated: bool,
}

/// One distinct skeleton.
struct Row {
    skeleton: Box<[u8]>,
    tokens: Box<[Token]>,
    example: Box<[u8]>,
    count: u64,
    /// The row whose number is the name of this row's template.
    template: u32,
    /// The next row whose skeleton has the same hash.
    next: Option<u32>,
    truncated: bool,
    /// Kept for comparison; an absorbed row only points to its template.
    live: bool,
}

impl Row {
    /// Memory taken for texts and tokens; a skeleton is counted twice for the allocator and the index.
    fn bytes(&self) -> usize {
        2 * self.skeleton.len() + self.example.len() + size_of_val(&*self.tokens)
    }
}

/// The rows of a template and what they have in common.
struct Family {
    tokens: Box<[Token]>,
    members: Vec<u32>,
}

/// Groups lines by what they have in common, in bounded memory.
///
/// [`Miner::insert`] is cheap; [`Miner::merge`] makes the templates general. As long as no bound is reached (and no
/// template has more than a thousand skeletons), the templates after a merge depend on the set of lines and not on
/// their order. Names and examples are those of the first line seen.
pub struct Miner {
    config: Config,
    vocabulary: Vocabulary,
    rows: Vec<Row>,
    by_hash: FxHashMap<u64, u32>,
    families: BTreeMap<u32, Family>,
    tree: Tree,
    /// Templates of last resort, by first token, for lines that come when everything is full.
    coarse: BTreeMap<Option<Token>, u32>,
    skeleton: Vec<u8>,
    lines: u64,
    live: usize,
    bytes: usize,
    /// Rows that came since the last merge, and how many may come before the next.
    unmerged: usize,
    patience: usize,
    full: bool,
}

impl Default for Miner {
    fn default() -> Self {
        Miner::new(Config::default())
    }
}

/// The first merge comes after this many new skeletons; later ones when the number has grown by half.
const FIRST_PATIENCE: usize = 1024;

/// A template with so many skeletons learns nothing from one more.
const SKELETONS_PER_TEMPLATE: usize = 1024;

/// Templates of last resort.
const MAX_COARSE: usize = 256;

/// Names given out for each skeleton that may be kept: rows that were absorbed keep their names.
const NAMES_PER_SKELETON: usize = 4;

impl Miner {
    /// An empty miner.
    pub fn new(config: Config) -> Miner {
        Miner {
            vocabulary: Vocabulary::new(config.max_skeletons.saturating_mul(4)),
            config,
            rows: Vec::new(),
            by_hash: FxHashMap::default(),
            families: BTreeMap::new(),
            tree: Tree::default(),
            coarse: BTreeMap::new(),
            skeleton: Vec::new(),
            lines: 0,
            live: 0,
            bytes: 0,
            unmerged: 0,
            patience: FIRST_PATIENCE,
            full: false,
        }
    }

    /// Counts `line` and returns the template it belongs to for now.
    pub fn insert(&mut self, line: &[u8]) -> TemplateId {
        self.lines += 1;
        let mut skeleton = std::mem::take(&mut self.skeleton);
        skeleton.clear();
        let truncated = self.skeleton_of(line, &mut skeleton);
        let hash = hash(&skeleton);
        let mut next = self.by_hash.get(&hash).copied();
        let mut found = None;
        while let Some(index) = next {
            let row = &mut self.rows[index as usize];
            if *row.skeleton == *skeleton {
                row.count += 1;
                found = Some(row.template);
                break;
            }
            next = row.next;
        }
        let template = match found {
            Some(template) => template,
            None => self.insert_new(line, &skeleton, hash, truncated),
        };
        self.skeleton = skeleton;
        TemplateId(template)
    }

    /// Appends what is compared of `line`; returns whether that is not all of it.
    fn skeleton_of(&self, line: &[u8], skeleton: &mut Vec<u8>) -> bool {
        let (text, cut) = self.compared(line);
        mask::mask(&text, skeleton);
        if cut {
            skeleton.extend_from_slice(b" <*>");
        }
        cut
    }

    /// What is compared of `line`, and whether the end was cut off.
    fn compared<'a>(&self, line: &'a [u8]) -> (Cow<'a, [u8]>, bool) {
        let limit = self.config.max_line_bytes;
        // Frames are many: some room for them, but not for ten megabytes of them.
        let looked_at = line.len().min(limit.saturating_mul(8));
        let text = frames::without_frames(&line[..looked_at]);
        if text.len() <= limit {
            return (text, looked_at < line.len());
        }
        // Cut between words, or the place of the cut would make new words.
        let end = memchr::memrchr(b' ', &text[..limit]).unwrap_or(limit);
        let head = match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
            Cow::Owned(text) => Cow::Owned(text[..end].to_vec()),
        };
        (head, true)
    }

    #[cold]
    #[inline(never)]
    fn insert_new(&mut self, line: &[u8], skeleton: &[u8], hash: u64, cut: bool) -> u32 {
        if self.unmerged >= self.patience {
            self.merge();
        }
        if !self.full
            && (self.live >= self.config.max_skeletons || self.bytes >= self.config.max_bytes)
        {
            self.compact();
        }
        let (mut tokens, more) = self.vocabulary.tokens(skeleton, self.config.max_tokens);
        if more {
            tokens.push(Token::rest());
        }
        let known = self.tree.find(&self.vocabulary, &tokens);
        let names_left = self.rows.len()
            < self
                .config
                .max_skeletons
                .saturating_mul(NAMES_PER_SKELETON)
                .min(u32::MAX as usize / 2);
        let well_known = known.filter(|template| {
            let family = self.families.get(template);
            family.is_some_and(|family| family.members.len() >= SKELETONS_PER_TEMPLATE)
        });
        if self.full || !names_left || well_known.is_some() {
            let template = match known {
                Some(template) => template,
                None => self.coarse(line, &tokens, cut || more),
            };
            self.rows[template as usize].count += 1;
            return template;
        }
        let index = self.rows.len() as u32;
        let template = known.unwrap_or(index);
        self.push_row(line, skeleton, tokens, template, cut || more);
        self.rows[index as usize].count = 1;
        self.rows[index as usize].next = self.by_hash.insert(hash, index);
        self.unmerged += 1;
        template
    }

    fn push_row(
        &mut self,
        line: &[u8],
        skeleton: &[u8],
        tokens: Vec<Token>,
        template: u32,
        truncated: bool,
    ) {
        let index = self.rows.len() as u32;
        let example = &line[..line.len().min(self.config.max_example_bytes)];
        self.live += 1;
        let tokens: Box<[Token]> = tokens.into();
        self.families
            .entry(template)
            .or_insert_with(|| Family {
                tokens: tokens.clone(),
                members: Vec::new(),
            })
            .members
            .push(index);
        let row = Row {
            skeleton: skeleton.into(),
            tokens,
            example: example.into(),
            count: 0,
            template,
            next: None,
            truncated,
            live: true,
        };
        self.bytes += row.bytes();
        self.rows.push(row);
    }

    /// The template of last resort for a line that found no room.
    fn coarse(&mut self, line: &[u8], tokens: &[Token], truncated: bool) -> u32 {
        let first = tokens.first().copied().filter(|token| !token.is_wild());
        let key = if self.coarse.len() < MAX_COARSE || self.coarse.contains_key(&first) {
            first
        } else {
            None
        };
        if let Some(&template) = self.coarse.get(&key) {
            return template;
        }
        let template = self.rows.len() as u32;
        let tokens = key.into_iter().chain([Token::rest()]).collect();
        self.push_row(line, &[], tokens, template, truncated);
        // It is no skeleton: merges leave it alone.
        self.rows[template as usize].live = false;
        self.live -= 1;
        self.coarse.insert(key, template);
        template
    }

    /// Joins the templates of skeletons that differ only in what are values. Called by itself as skeletons gather;
    /// call it once more before templates are read.
    pub fn merge(&mut self) {
        let mut order: Vec<u32> = (0..self.rows.len() as u32)
            .filter(|&i| self.rows[i as usize].live)
            .collect();
        order.sort_by(|&a, &b| {
            self.rows[a as usize]
                .skeleton
                .cmp(&self.rows[b as usize].skeleton)
        });
        let groups = order
            .iter()
            .map(|&i| Group {
                tokens: self.rows[i as usize].tokens.to_vec(),
                members: vec![i],
            })
            .collect();
        let groups = merge::generalise(&self.vocabulary, groups);

        self.families
            .retain(|_, family| family.members.iter().any(|&m| !self.rows[m as usize].live));
        self.tree = Tree::default();
        for mut group in groups {
            group.members.sort_unstable();
            let Some(&template) = group.members.first() else {
                continue;
            };
            for &member in &group.members {
                self.rows[member as usize].template = template;
            }
            self.tree.add(&group.tokens, template);
            self.families.insert(
                template,
                Family {
                    tokens: group.tokens.into(),
                    members: group.members,
                },
            );
        }
        self.unmerged = 0;
        self.patience = FIRST_PATIENCE.max(self.live / 2);
    }

    /// Merges, then forgets all skeletons of a template but its first.
    fn compact(&mut self) {
        self.merge();
        for (&template, family) in &mut self.families {
            let general = family.tokens.clone();
            for &member in family.members.iter().filter(|&&m| m != template) {
                let row = &mut self.rows[member as usize];
                if !row.live {
                    continue;
                }
                self.bytes = self.bytes.saturating_sub(row.bytes());
                self.live -= 1;
                let count = std::mem::take(&mut row.count);
                let truncated = row.truncated;
                (row.live, row.skeleton, row.tokens, row.example) =
                    (false, Box::default(), Box::default(), Box::default());
                let first = &mut self.rows[template as usize];
                first.count += count;
                first.truncated |= truncated;
            }
            family.members = vec![template];
            if self.rows[template as usize].live {
                self.rows[template as usize].tokens = general;
            }
        }
        self.by_hash.clear();
        for index in 0..self.rows.len() {
            if self.rows[index].live {
                let hash = hash(&self.rows[index].skeleton);
                self.rows[index].next = self.by_hash.insert(hash, index as u32);
            }
        }
        // Nothing much to gain by trying again: from here on new kinds of lines share coarse templates.
        self.full = self.live > self.config.max_skeletons / 8 * 7
            || self.bytes > self.config.max_bytes / 8 * 7;
    }

    /// The template under which `id` goes on; an unknown id is its own answer.
    pub fn resolve(&self, id: TemplateId) -> TemplateId {
        let mut at = id.0;
        // Each step leads to an older row, so the walk ends.
        while let Some(row) = self.rows.get(at as usize) {
            if row.template == at {
                break;
            }
            at = row.template;
        }
        TemplateId(at)
    }

    /// The template of that name or of the one it was merged into; `None` if this miner never gave out the name.
    pub fn template(&self, id: TemplateId) -> Option<Template> {
        let id = self.resolve(id);
        let family = self.families.get(&id.0)?;
        let first = &self.rows[id.0 as usize];
        let members = family.members.iter().map(|&m| &self.rows[m as usize]);
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(Template {
            id,
            text: lossy(&self.vocabulary.render(&family.tokens))
                .trim_start()
                .to_owned(),
            tokens: family
                .tokens
                .iter()
                .map(|&token| lossy(self.vocabulary.text(token)))
                .collect(),
            count: members.clone().map(|row| row.count).sum(),
            example: lossy(&first.example),
            truncated: members.clone().any(|row| row.truncated),
        })
    }

    /// All templates in the order in which they were first seen.
    pub fn templates(&self) -> impl Iterator<Item = Template> + '_ {
        self.families
            .keys()
            .filter_map(|&id| self.template(TemplateId(id)))
    }

    /// How many templates there are.
    pub fn len(&self) -> usize {
        self.families.len()
    }

    /// Whether no line was counted yet.
    pub fn is_empty(&self) -> bool {
        self.families.is_empty()
    }

    /// How many lines were counted.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The values of `line` under template `id`, in their order. Where the line does not fit the template, the values
    /// that its form alone shows.
    pub fn slots(&self, id: TemplateId, line: &[u8]) -> Vec<Slot> {
        let mut parts = Parts::default();
        mask::scan(&self.compared(line).0, &mut parts);
        let spans: Vec<token::Span> = token::spans(&parts.skeleton).collect();
        let tokens = self
            .families
            .get(&self.resolve(id).0)
            .map(|family| &*family.tokens)
            .unwrap_or_default();
        let fits = spans.len() >= tokens.len()
            && tokens.iter().zip(&spans).all(|(token, span)| {
                token.mark().is_some()
                    || self.vocabulary.text(*token) == &parts.skeleton[span.from..span.to]
            });
        if !fits || tokens.is_empty() {
            return parts.marks.iter().map(|mark| mark.slot()).collect();
        }
        let mut slots = Vec::new();
        for (place, (token, span)) in tokens.iter().zip(&spans).enumerate() {
            let last = place + 1 == tokens.len() && spans.len() > tokens.len();
            let to = if last && token.is_wild() {
                parts.skeleton.len()
            } else {
                span.to
            };
            let inside = parts
                .marks
                .iter()
                .filter(|mark| mark.at >= span.from && mark.at < to);
            match token.mark() {
                Some(kind @ (SlotKind::Any | SlotKind::Id)) => slots.push(Slot {
                    kind,
                    text: parts.original(span.from, to),
                }),
                _ => slots.extend(inside.map(|mark| mark.slot())),
            }
        }
        slots
    }
}

/// A hash of the skeleton, eight bytes at a time by folded multiplication. Rows with equal hashes are told apart by
/// comparison, so a clash costs time and nothing else.
fn hash(bytes: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ (product >> 64) as u64
    };
    let mut state = K ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word), K);
    }
    let mut tail = [0; 8];
    tail[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    fold(state ^ u64::from_le_bytes(tail), K ^ 0xff51_afd7_ed55_8ccd)
}
