//! Finds the entries of a list of words and phrases in a text, at a look at the hash of each token.

use crate::segment::{CharacterClass, HAS_UPPER, NON_ASCII, Segmentation, Segmenter, is_white_space};
use crate::signals::Document;

/// Bits of the filter, as a power of two.
const FILTER_BITS: u32 = 15;

/// Where an entry counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Flanks {
    /// Only between characters that are no letters, no numbers and no `_`, or at an end of the text.
    Free,
    /// Only between white space, or at an end of the text.
    Space,
    /// Anywhere, inside of words, too.
    Any,
}

/// A list of entries, compared byte by byte with a text in lower case.
#[derive(Debug, Clone)]
pub(in super::super) struct WordList {
    filters: Filters,
    /// For each bit that is set, the first of its entries.
    first_entries: Vec<u32>,
    /// Sorted by bit.
    entries: Vec<Entry>,
    flanks: Flanks,
    /// Whether every entry has a single space with two bytes on each side, so that a look at the text's words finds all.
    are_phrases: bool,
}

/// Says where entries may be, and errs on one side only.
#[derive(Debug, Clone)]
pub(in super::super) struct Filters {
    /// A bit for the first bytes at every entry's anchor.
    keys: BitSet,
    /// A bit for the highest bits of the hash of every entry's first token.
    first_tokens: BitSet,
}

/// A set of numbers.
#[derive(Debug, Clone)]
struct BitSet(Box<[u64; 1 << (FILTER_BITS - 6)]>);

impl BitSet {
    fn new() -> Self {
        Self(Box::new([0; 1 << (FILTER_BITS - 6)]))
    }

    fn add(&mut self, number: u32) {
        self.0[number as usize >> 6] |= 1 << (number & 63);
    }

    fn join(&mut self, other: &Self) {
        for (bits, others) in self.0.iter_mut().zip(other.0.iter()) {
            *bits |= others;
        }
    }

    #[inline(always)]
    fn has(&self, number: u32) -> bool {
        self.0[(number as usize >> 6) % (1 << (FILTER_BITS - 6))] >> (number & 63) & 1 != 0
    }
}

/// Tokens that are looked at together.
const CHUNK_TOKENS: usize = 64;

impl Filters {
    /// What either of two may have.
    pub(in super::super) fn joined(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.keys.join(&other.keys);
        both.first_tokens.join(&other.first_tokens);
        both
    }

    /// Calls `visit` with the places in the text in lower case, which must be aligned, at which entries may begin that
    /// count only between characters that are of no word, or between white space.
    ///
    /// There an entry begins with a token of the text, which is its own first one if it is ASCII: beside that, no entry
    /// has a letter, a number or a `_`. Others may be longer by a combining mark, or hold an entry behind one.
    pub(in super::super) fn for_each_place(&self, document: Document<'_>, mut visit: impl FnMut(usize)) {
        let (text, segmentation) = (document.lower_text().text(), document.segmentation());
        let (starts, ends) = (segmentation.starts(), segmentation.ends());
        let chunks = segmentation.hashes().chunks(CHUNK_TOKENS);
        let chunks = chunks.zip(segmentation.flags().chunks(CHUNK_TOKENS));
        let mut scratch = String::new();
        for (chunk, (hashes, flags)) in chunks.enumerate() {
            // Which tokens have capitals cannot be foreseen, so all are written, and what the next one writes again does
            // not count.
            let (mut places, mut number) = ([0_u8; CHUNK_TOKENS], 0);
            for (place, (&hash, flags)) in (0..).zip(hashes.iter().zip(flags)) {
                places[number % CHUNK_TOKENS] = place;
                // The hash is that of the token as it stands.
                let may_begin = self.first_tokens.has(first_token_bit(hash));
                number += usize::from(may_begin | (flags & (HAS_UPPER | NON_ASCII) != 0));
            }
            for &place in &places[..number] {
                let token = CHUNK_TOKENS * chunk + usize::from(place);
                let (start, end) = (starts[token] as usize, ends[token] as usize);
                let flags = flags[usize::from(place)];
                if flags & NON_ASCII == 0 {
                    let mut is_first = || {
                        let hash = segmentation.lower_hash(document.text(), token, &mut scratch);
                        self.first_tokens.has(first_token_bit(hash))
                    };
                    if self.has_key::<KEY_BYTES>(text, start) && (flags & HAS_UPPER == 0 || is_first()) {
                        visit(start);
                    }
                    continue;
                }
                for at in (start..end).filter(|&at| text.is_char_boundary(at)) {
                    if self.has_key::<KEY_BYTES>(text, at) {
                        visit(at);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn has_key<const KEY: usize>(&self, text: &str, at: usize) -> bool {
        let (block, _) = block_at(text.as_bytes(), at);
        self.keys.has(bit_of(block & mask_of(KEY)))
    }
}

/// An entry, once for each bit under which it is filed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    bit: u32,
    /// Bytes before those that give the bit: none, or those of a phrase before two before a space.
    anchor: usize,
    text: Box<str>,
    /// Its first eight bytes, and which of them it has.
    head: u64,
    head_mask: u64,
}

/// Bytes that give the bit of an entry.
const KEY_BYTES: usize = 3;
/// The same of a phrase: two before a space, and two behind.
const PHRASE_KEY_BYTES: usize = 5;

impl WordList {
    /// The list of those entries; each counts once, empty ones do not.
    pub(in super::super) fn new<'e>(entries: impl IntoIterator<Item = &'e str>, flanks: Flanks) -> Self {
        let texts: Vec<&str> = entries.into_iter().filter(|entry| !entry.is_empty()).collect();
        let are_phrases = flanks == Flanks::Any && texts.iter().all(|entry| phrase_anchor(entry).is_some());
        let key_bytes = if are_phrases { PHRASE_KEY_BYTES } else { KEY_BYTES };
        let mut filed = Vec::new();
        for text in texts {
            let anchor = phrase_anchor(text).filter(|_| are_phrases).unwrap_or(0);
            let (head, _) = block_at(text.as_bytes(), 0);
            // An entry shorter than a key is filed under every key that it may begin; no phrase is.
            let num_free_bytes = key_bytes.saturating_sub(text.len() - anchor);
            for rest in 0..1_u64 << (8 * num_free_bytes) {
                let free_bytes = rest << (8 * (key_bytes - num_free_bytes));
                let (block, _) = block_at(text.as_bytes(), anchor);
                filed.push(Entry {
                    bit: bit_of((block & mask_of(key_bytes)) | free_bytes),
                    anchor,
                    text: text.into(),
                    head,
                    head_mask: mask_of(text.len()),
                });
            }
        }
        filed.sort_unstable();
        filed.dedup();
        let (segmenter, mut segmentation) = (Segmenter::default(), Segmentation::default());
        let mut filters = Filters {
            keys: BitSet::new(),
            first_tokens: BitSet::new(),
        };
        for entry in &filed {
            segmenter.segment(&entry.text, &mut segmentation);
            if let Some(&hash) = segmentation.hashes().first() {
                filters.first_tokens.add(first_token_bit(hash));
            }
        }
        let mut first_entries = vec![0; 1 << FILTER_BITS];
        for (index, entry) in filed.iter().enumerate().rev() {
            filters.keys.add(entry.bit);
            first_entries[entry.bit as usize] = index as u32;
        }
        Self {
            filters,
            first_entries,
            entries: filed,
            flanks,
            are_phrases,
        }
    }

    /// Where entries may be.
    pub(in super::super) fn filters(&self) -> &Filters {
        &self.filters
    }

    /// How often entries occur; all of those that begin at one place count, and overlapping ones, too.
    pub(in super::super) fn count(&self, document: Document<'_>) -> usize {
        let lower = document.lower_text();
        let text = lower.text();
        if self.are_phrases && lower.is_aligned() {
            // A word of the text begins behind the space.
            let starts = document.space_words().starts();
            let before_spaces = starts.iter().filter_map(|&start| (start as usize).checked_sub(3));
            return self.count_at_all::<PHRASE_KEY_BYTES>(text, before_spaces);
        }
        if self.flanks == Flanks::Any || !lower.is_aligned() {
            return self.count_at_all::<KEY_BYTES>(text, 0..text.len());
        }
        let mut number = 0;
        self.filters
            .for_each_place(document, |at| number += self.count_at(text, at));
        number
    }

    /// Entries that begin at a place in a text in lower case, of a list that is not of phrases only.
    pub(in super::super) fn count_at(&self, text: &str, at: usize) -> usize {
        self.count_at_all::<KEY_BYTES>(text, [at].into_iter())
    }

    /// Whether any entry occurs.
    pub(in super::super) fn occurs(&self, document: Document<'_>) -> bool {
        self.count(document) > 0
    }

    /// Entries whose anchors are at those bytes.
    #[inline(always)]
    fn count_at_all<const KEY: usize>(&self, text: &str, places: impl Iterator<Item = usize>) -> usize {
        if self.are_phrases && KEY != PHRASE_KEY_BYTES {
            return self.count_at_all::<PHRASE_KEY_BYTES>(text, places);
        }
        let mut number = 0;
        for at in places {
            let (block, _) = block_at(text.as_bytes(), at);
            let bit = bit_of(block & mask_of(KEY));
            if self.filters.keys.has(bit) {
                number += self.count_entries_at(text, at, bit);
            }
        }
        number
    }

    #[inline(never)]
    fn count_entries_at(&self, text: &str, at: usize, bit: u32) -> usize {
        let filed = &self.entries[self.first_entries[bit as usize] as usize..];
        let is_there = |entry: &&Entry| {
            let Some(start) = at.checked_sub(entry.anchor) else {
                return false;
            };
            let (head, num_bytes) = block_at(text.as_bytes(), start);
            // Most that share a bit differ here.
            if (head ^ entry.head) & entry.head_mask != 0 || entry.text.len() > num_bytes {
                return false;
            }
            let end = start + entry.text.len();
            text.as_bytes().get(start..end) == Some(entry.text.as_bytes())
                && match self.flanks {
                    Flanks::Any => true,
                    Flanks::Free => !touches(text, start, end, is_word_character),
                    Flanks::Space => !touches(text, start, end, |character| !is_white_space(character)),
                }
        };
        filed
            .iter()
            .take_while(|entry| entry.bit == bit)
            .filter(is_there)
            .count()
    }
}

/// Where five bytes stand of which the third is a space and its neighbours are none.
fn phrase_anchor(entry: &str) -> Option<usize> {
    let mut windows = entry.as_bytes().windows(PHRASE_KEY_BYTES);
    windows.position(|window| {
        // White space outside ASCII ends in a byte that others end in, too.
        let is_other = |byte: u8| byte.is_ascii() && !is_white_space(char::from(byte));
        window[2] == b' ' && is_other(window[1]) && is_other(window[3])
    })
}

#[inline(always)]
fn first_token_bit(hash: u64) -> u32 {
    (hash >> (64 - FILTER_BITS)) as u32
}

/// Eight bytes from a position on, zeros behind the end; and how many bytes there are from there on.
#[inline(always)]
fn block_at(bytes: &[u8], at: usize) -> (u64, usize) {
    let rest = &bytes[at..];
    let block = match rest.first_chunk() {
        Some(block) => u64::from_le_bytes(*block),
        None => rest.iter().rfold(0, |block, &byte| block << 8 | u64::from(byte)),
    };
    (block, rest.len())
}

/// The lowest so many bytes.
#[inline(always)]
fn mask_of(num_bytes: usize) -> u64 {
    u64::MAX >> (64 - 8 * num_bytes.min(8))
}

#[inline(always)]
fn bit_of(key: u64) -> u32 {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FILTER_BITS)) as u32
}

/// Whether the character before `start` or the one at `end` is such a one.
fn touches(text: &str, start: usize, end: usize, is_such: impl Fn(char) -> bool) -> bool {
    text[..start].chars().next_back().is_some_and(&is_such) || text[end..].chars().next().is_some_and(is_such)
}

/// Python's `\w`.
fn is_word_character(character: char) -> bool {
    let class = CharacterClass::of(character);
    character == '_' || class.is_letter() || class.is_number()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::SEGMENTER;
    use crate::signals::{Cache, NoColumns};
    use proptest::prelude::*;

    const PHRASES: [&str; 4] = ["ass hole", "as as", "s as hole as", "as as as"];
    const SHORT_PHRASES: [&str; 3] = ["ass hole", "s h", "é as"];
    const ENTRIES: [&str; 8] = ["as", "ass", "ass hole", "é", "σα", "ς", "x🖕", "-_"];

    /// The definition, with the two neighbours looked at.
    fn by_definition(entries: &[&str], text: &str, flanks: Flanks) -> usize {
        let lower = text.to_lowercase();
        let is_free = |neighbour: Option<char>| match (flanks, neighbour) {
            (Flanks::Any, _) | (_, None) => true,
            (Flanks::Space, Some(character)) => is_white_space(character),
            (Flanks::Free, Some(character)) => !is_word_character(character),
        };
        let places = lower.char_indices().map(|(at, _)| lower.split_at(at));
        places
            .map(|(before, rest)| {
                let occurs = |entry: &&&str| {
                    rest.strip_prefix(**entry).is_some_and(|after| {
                        is_free(before.chars().next_back()) && is_free(after.chars().next())
                    })
                };
                entries.iter().filter(occurs).count()
            })
            .sum()
    }

    proptest! {
        #[test]
        fn entries_are_found_where_they_stand(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "as", "ASS", "s", " ", " as", " as ", " hole", "\u{301}", "É", "é", "Σα", "Σ", "x", "🖕", "-_", ".", "\n", "İ", "_",
                ]),
                0..16,
            ),
        ) {
            let text = pieces.concat();
            let mut segmentation = Segmentation::default();
            SEGMENTER.segment(&text, &mut segmentation);
            let cache = Cache::default();
            let document = Document::new(&text, &segmentation, &cache, &NoColumns);
            prop_assert_eq!(document.lower_text().text(), text.to_lowercase());
            for flanks in [Flanks::Free, Flanks::Space, Flanks::Any] {
                let list = WordList::new(ENTRIES, flanks);
                let expected = by_definition(&ENTRIES, &text, flanks);
                prop_assert_eq!(list.count(document), expected, "{:?}", flanks);
            }
            for (phrases, are_phrases) in [(&PHRASES[..], true), (&SHORT_PHRASES, false)] {
                let list = WordList::new(phrases.iter().copied(), Flanks::Any);
                prop_assert_eq!(list.are_phrases, are_phrases);
                prop_assert_eq!(list.count(document), by_definition(phrases, &text, Flanks::Any));
            }
        }
    }
}
