//! Unigram pieces as SentencePiece finds them: of all ways to cut a text into known pieces the one with the highest sum of
//! scores (Kudo 2018, section 3.2), by Viterbi's algorithm from left to right.
//!
//! Two ways may have the same sum, and then the order and width of additions decide. Sums are single-precision, begin anew
//! below -100,000, and the first of equal sums stays: so SentencePiece 0.2.3 behaves, on texts of 500,000 characters, too. The `tokenizers` library
//! adds in double precision, so it breaks ties otherwise: vocabularies that come as `tokenizer.json` belong to it.

use std::ops::Range;

/// How much worse than the worst piece an unknown character is (`kUnkPenalty`).
const UNKNOWN_PENALTY: f32 = 10.0;
/// Below this, sums begin anew at zero, so that single precision does not run out in long texts.
const MIN_SUM: f32 = -100_000.0;
/// What a piece of the user loses against its best possible score.
const USER_DEFINED_PENALTY: f32 = 0.1;

/// What a piece is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceKind {
    /// An ordinary piece, with its score.
    Normal,
    /// A string of the user, which is preferred to all others.
    UserDefined,
}

/// A vocabulary of scored pieces.
#[derive(Debug, Clone, Default)]
pub struct UnigramModel {
    /// Text, score, kind and id of each piece that text may become.
    pub pieces: Vec<(String, f32, PieceKind, u32)>,
    /// The id of a character that is in no piece. Several in a row are one.
    pub unknown: u32,
    /// Ids that spell the bytes of such a character instead.
    pub byte_fallback: Option<[u32; 256]>,
}

/// Encodes texts in the form that the model knows; see [`super::SentencePieceForm`].
///
/// ```
/// use gristmill_core::tokens::{PieceKind, UnigramEncoder, UnigramModel};
/// let pieces = [("a", -1.0, 1), ("b", -1.0, 2), ("ab", -1.5, 3)];
/// let pieces = pieces.map(|(text, score, id)| (text.to_owned(), score, PieceKind::Normal, id)).to_vec();
/// let encoder = UnigramEncoder::new(&UnigramModel { pieces, unknown: 0, byte_fallback: None });
/// let mut ids = Vec::new();
/// encoder.encode("abxyb", &mut ids);
/// assert_eq!(ids, [3, 0, 2]);
/// ```
#[derive(Debug, Clone)]
pub struct UnigramEncoder {
    trie: Trie,
    pieces: Vec<Scored>,
    unknown: u32,
    unknown_score: f32,
    max_score: f32,
    longest_bytes: usize,
    byte_fallback: Option<[u32; 256]>,
}

#[derive(Debug, Clone, Copy)]
struct Scored {
    id: u32,
    score: f32,
    is_user_defined: bool,
}

/// The best way to end at a place: where its last piece starts, which piece it is, and the sum of scores.
#[derive(Debug, Clone, Copy)]
struct Best {
    start: usize,
    piece: Option<u32>,
    score: f32,
}

const NOT_REACHED: usize = usize::MAX;

impl Best {
    fn offer(&mut self, score: f32, start: usize, piece: Option<u32>) {
        if self.start == NOT_REACHED || score > self.score {
            *self = Self { start, piece, score };
        }
    }
}

impl UnigramEncoder {
    /// Makes the encoder. Of pieces with the same text the last counts.
    pub fn new(model: &UnigramModel) -> Self {
        let normal = || {
            model
                .pieces
                .iter()
                .filter(|piece| piece.2 == PieceKind::Normal)
                .map(|piece| piece.1)
        };
        let min_score = normal().fold(f32::MAX, f32::min);
        let entries = model
            .pieces
            .iter()
            .zip(0..)
            .map(|((text, ..), place)| (text.as_bytes(), place));
        Self {
            trie: Trie::new(entries.collect()),
            pieces: model
                .pieces
                .iter()
                .map(|&(_, score, kind, id)| Scored {
                    id,
                    score,
                    is_user_defined: kind == PieceKind::UserDefined,
                })
                .collect(),
            unknown: model.unknown,
            unknown_score: min_score - UNKNOWN_PENALTY,
            max_score: normal().fold(f32::MIN, f32::max),
            // An unknown character reaches as far as it is wide.
            longest_bytes: model.pieces.iter().map(|piece| piece.0.len()).fold(4, usize::max),
            byte_fallback: model.byte_fallback,
        }
    }

    /// Appends the ids of `text`. Time: the text's length times that of the longest piece at most. Memory: 24 bytes a byte.
    pub fn encode(&self, text: &str, ids: &mut Vec<u32>) {
        let best = self.best_ways(text);
        let mut ways: Vec<(Range<usize>, Option<u32>)> = Vec::new();
        let mut end = text.len();
        while end > 0 {
            ways.push((best[end].start..end, best[end].piece));
            end = best[end].start;
        }
        let mut follows_unknown = false;
        for (range, piece) in ways.into_iter().rev() {
            match (piece, &self.byte_fallback) {
                (Some(piece), _) => ids.push(self.pieces[piece as usize].id),
                (None, Some(bytes)) => {
                    ids.extend(
                        text.as_bytes()[range]
                            .iter()
                            .map(|&byte| bytes[usize::from(byte)]),
                    );
                }
                (None, None) if follows_unknown => {}
                (None, None) => ids.push(self.unknown),
            }
            follows_unknown = piece.is_none();
        }
    }

    /// Subtracts the sum at `start` from it and from all places that pieces before it reach.
    fn begin_anew(&self, best: &mut [Best], start: usize) {
        let base = best[start].score;
        let end = best.len().min(start + self.longest_bytes + 1);
        for reached in best[start..end]
            .iter_mut()
            .filter(|place| place.start != NOT_REACHED)
        {
            reached.score -= base;
        }
    }

    fn best_ways(&self, text: &str) -> Vec<Best> {
        let not_reached = Best {
            start: NOT_REACHED,
            piece: None,
            score: 0.0,
        };
        let mut best = vec![not_reached; text.len() + 1];
        for (start, character) in text.char_indices() {
            let width = character.len_utf8();
            if best[start].score < MIN_SUM {
                self.begin_anew(&mut best, start);
            }
            let until_here = best[start].score;
            let mut has_single = false;
            for (length, place) in self.trie.prefixes(&text.as_bytes()[start..]) {
                let Scored {
                    score,
                    is_user_defined,
                    ..
                } = self.pieces[place as usize];
                let score = if is_user_defined {
                    length as f32 * self.max_score - USER_DEFINED_PENALTY
                } else {
                    score
                };
                best[start + length].offer(score + until_here, start, Some(place));
                has_single |= length == width;
            }
            if !has_single {
                best[start + width].offer(self.unknown_score + until_here, start, None);
            }
        }
        best
    }
}

/// A tree of byte strings, each with the number of what it stands for.
#[derive(Debug, Clone)]
struct Trie {
    /// For each node: where its children begin in `labels`, and what ends there.
    nodes: Vec<(u32, Option<u32>)>,
    /// Bytes and nodes of children, sorted within a node.
    children: Vec<(u8, u32)>,
}

impl Trie {
    fn new(mut entries: Vec<(&[u8], u32)>) -> Self {
        entries.retain(|(text, _)| !text.is_empty());
        entries.sort();
        let mut trie = Self {
            nodes: Vec::new(),
            children: Vec::new(),
        };
        // Level by level, so that the children of a node stand together: a node is a range of entries with one start.
        let mut queue = std::collections::VecDeque::from([(0..entries.len(), 0)]);
        let mut num_nodes = 1;
        while let Some((range, depth)) = queue.pop_front() {
            let mut at = range.start;
            let mut ends = None;
            while at < range.end && entries[at].0.len() == depth {
                ends = Some(entries[at].1);
                at += 1;
            }
            trie.nodes.push((trie.children.len() as u32, ends));
            while at < range.end {
                let byte = entries[at].0[depth];
                let same = entries[at..range.end].partition_point(|(text, _)| text[depth] == byte);
                queue.push_back((at..at + same, depth + 1));
                trie.children.push((byte, num_nodes));
                num_nodes += 1;
                at += same;
            }
        }
        trie.nodes.push((trie.children.len() as u32, None));
        trie
    }

    /// Lengths and numbers of all entries that `text` starts with, the shortest first.
    fn prefixes<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (usize, u32)> + 't {
        let mut node = Some(0_usize);
        text.iter()
            .zip(1..)
            .map_while(move |(byte, length)| {
                let here = node?;
                let children = self.nodes[here].0 as usize..self.nodes[here + 1].0 as usize;
                let children = &self.children[children];
                let found = children.binary_search_by_key(byte, |child| child.0);
                node = found.ok().map(|found| children[found].1 as usize);
                node.map(|node| (length, self.nodes[node].1))
            })
            .filter_map(|(length, ends)| Some((length, ends?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn model(pieces: &[(&str, f32, PieceKind)]) -> UnigramModel {
        let pieces = pieces
            .iter()
            .zip(1..)
            .map(|(&(text, score, kind), id)| (text.to_owned(), score, kind, id))
            .collect();
        UnigramModel {
            pieces,
            unknown: 0,
            byte_fallback: None,
        }
    }

    /// All ways to cut a text, by trying them: ids of the best one.
    fn by_trying(model: &UnigramModel, text: &str) -> Option<(f64, Vec<u32>)> {
        if text.is_empty() {
            return Some((0.0, Vec::new()));
        }
        let mut best: Option<(f64, Vec<u32>)> = None;
        for (piece, score, _, id) in &model.pieces {
            let Some((rest_score, rest)) = text
                .strip_prefix(piece.as_str())
                .and_then(|rest| by_trying(model, rest))
            else {
                continue;
            };
            let total = f64::from(*score) + rest_score;
            if best.as_ref().is_none_or(|(found, _)| total > *found) {
                best = Some((total, [vec![*id], rest].concat()));
            }
        }
        best
    }

    proptest! {
        #[test]
        fn the_best_sum_is_found(
            scores in prop::collection::vec(1_u32..1000, 6),
            text in "[ab]{1,10}",
        ) {
            let texts = ["a", "b", "ab", "ba", "aab", "bb"];
            let pieces: Vec<_> = texts
                .iter()
                .zip(&scores)
                .map(|(&text, &score)| (text, -(score as f32), PieceKind::Normal))
                .collect();
            let model = model(&pieces);
            let mut ids = Vec::new();
            UnigramEncoder::new(&model).encode(&text, &mut ids);
            let sum: f64 = ids.iter().map(|&id| f64::from(model.pieces[id as usize - 1].1)).sum();
            prop_assert_eq!(sum, by_trying(&model, &text).unwrap().0);
            let spelt: String = ids.iter().map(|&id| texts[id as usize - 1]).collect();
            prop_assert_eq!(spelt, text);
        }
    }

    #[test]
    fn users_strings_win_and_the_unknown_is_one_or_bytes() {
        let pieces = [
            ("a", -1.0, PieceKind::Normal),
            ("ab", -0.5, PieceKind::Normal),
            ("bc", 0.0, PieceKind::UserDefined),
        ];
        let mut model = model(&pieces);
        let encode = |model: &UnigramModel, text: &str| {
            let mut ids = Vec::new();
            UnigramEncoder::new(model).encode(text, &mut ids);
            ids
        };
        assert_eq!(encode(&model, "abc"), [1, 3]);
        assert_eq!(encode(&model, "xéa"), [0, 1]);
        model.byte_fallback = Some(std::array::from_fn(|byte| byte as u32 + 100));
        assert_eq!(encode(&model, "éa"), [100 + 0xc3, 100 + 0xa9, 1]);
        assert_eq!(encode(&model, ""), [0_u32; 0]);
    }
}
