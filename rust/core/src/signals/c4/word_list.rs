//! Finds the entries of a list of words and phrases in a text, at a look at three bytes a token.

use super::super::facts::LowerText;
use crate::segment::{CharacterClass, NON_ASCII, Segmentation, is_white_space};

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
    /// A bit for the three bytes at every entry's anchor, as a set that errs on one side only.
    filter: Vec<u64>,
    /// For each bit that is set, the first of its entries.
    first_entries: Vec<u32>,
    /// Sorted by bit.
    entries: Vec<Entry>,
    flanks: Flanks,
    /// Whether every entry has a space, so that a look at the text's spaces finds all.
    are_phrases: bool,
}

/// An entry, once for each bit under which it is filed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    bit: u32,
    /// Bytes before those that give the bit: none, or those of a phrase's first word but the last.
    anchor: usize,
    text: Box<str>,
}

impl WordList {
    /// The list of those entries; each counts once, empty ones do not.
    pub(in super::super) fn new<'e>(entries: impl IntoIterator<Item = &'e str>, flanks: Flanks) -> Self {
        let texts: Vec<&str> = entries.into_iter().filter(|entry| !entry.is_empty()).collect();
        let are_phrases = flanks == Flanks::Any && texts.iter().all(|entry| entry.trim().contains(' '));
        let mut filed = Vec::new();
        for text in texts {
            let anchor = if are_phrases {
                text.find(' ').map_or(0, |space| space.saturating_sub(1))
            } else {
                0
            };
            // An entry shorter than a key is filed under every key that it may begin.
            let num_free_bytes = 3_usize.saturating_sub(text.len() - anchor);
            for rest in 0..1_u32 << (8 * num_free_bytes) {
                let free_bytes = rest << (8 * (3 - num_free_bytes));
                filed.push(Entry {
                    bit: bit_of(key_at(text.as_bytes(), anchor) | free_bytes),
                    anchor,
                    text: text.into(),
                });
            }
        }
        filed.sort_unstable();
        filed.dedup();
        let mut filter = vec![0; 1 << (FILTER_BITS - 6)];
        let mut first_entries = vec![0; 1 << FILTER_BITS];
        for (index, entry) in filed.iter().enumerate().rev() {
            filter[entry.bit as usize >> 6] |= 1 << (entry.bit & 63);
            first_entries[entry.bit as usize] = index as u32;
        }
        Self {
            filter,
            first_entries,
            entries: filed,
            flanks,
            are_phrases,
        }
    }

    /// How often entries occur; all of those that begin at one place count, and overlapping ones, too.
    ///
    /// `segmentation` is that of the text before it was lower-cased.
    pub(in super::super) fn count(&self, lower: &LowerText, segmentation: &Segmentation) -> usize {
        let text = lower.text();
        let bytes = text.as_bytes();
        if self.are_phrases {
            return memchr::memchr_iter(b' ', bytes)
                .map(|space| self.count_at(text, space.saturating_sub(1)))
                .sum();
        }
        if self.flanks == Flanks::Any || !lower.is_aligned() {
            return (0..bytes.len()).map(|at| self.count_at(text, at)).sum();
        }
        // An entry begins with a token, or behind a combining mark inside of one.
        let tokens = segmentation.starts().iter().zip(segmentation.ends());
        let mut number = 0;
        for ((&start, &end), flags) in tokens.zip(segmentation.flags()) {
            number += self.count_at(text, start as usize);
            if flags & NON_ASCII != 0 {
                let inside = start as usize + 1..end as usize;
                let characters = inside.filter(|&at| text.is_char_boundary(at));
                number += characters.map(|at| self.count_at(text, at)).sum::<usize>();
            }
        }
        number
    }

    /// Whether any entry occurs.
    pub(in super::super) fn occurs(&self, lower: &LowerText, segmentation: &Segmentation) -> bool {
        self.count(lower, segmentation) > 0
    }

    /// Entries whose anchor is at that byte.
    #[inline(always)]
    fn count_at(&self, text: &str, at: usize) -> usize {
        let bit = bit_of(key_at(text.as_bytes(), at));
        if self.filter[bit as usize >> 6] >> (bit & 63) & 1 == 0 {
            return 0;
        }
        self.count_entries_at(text, at, bit)
    }

    #[inline(never)]
    fn count_entries_at(&self, text: &str, at: usize, bit: u32) -> usize {
        let filed = &self.entries[self.first_entries[bit as usize] as usize..];
        let is_there = |entry: &&Entry| {
            let Some(start) = at.checked_sub(entry.anchor) else {
                return false;
            };
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

/// Up to three bytes from a position on.
#[inline(always)]
fn key_at(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..at + 4) {
        Some(four) => u32::from_le_bytes(four.try_into().expect("they are four")) & 0x00ff_ffff,
        None => bytes[at..]
            .iter()
            .take(3)
            .rev()
            .fold(0, |key, &byte| key << 8 | u32::from(byte)),
    }
}

#[inline(always)]
fn bit_of(key: u32) -> u32 {
    key.wrapping_mul(0x9e37_79b1) >> (32 - FILTER_BITS)
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
    use crate::signals::{Cache, Document, NoColumns};
    use proptest::prelude::*;

    const PHRASES: [&str; 3] = ["ass hole", "s h", "é as"];
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
                    "as", "ASS", "s", " ", " hole", "\u{301}", "É", "é", "Σα", "Σ", "x", "🖕", "-_", ".", "\n", "İ", "_",
                ]),
                0..16,
            ),
        ) {
            let text = pieces.concat();
            let mut segmentation = Segmentation::default();
            SEGMENTER.segment(&text, &mut segmentation);
            let cache = Cache::default();
            let lower = Document::new(&text, &segmentation, &cache, &NoColumns).lower_text();
            prop_assert_eq!(lower.text(), text.to_lowercase());
            for flanks in [Flanks::Free, Flanks::Space, Flanks::Any] {
                let list = WordList::new(ENTRIES, flanks);
                let expected = by_definition(&ENTRIES, &text, flanks);
                prop_assert_eq!(list.count(lower, &segmentation), expected, "{:?}", flanks);
            }
            let list = WordList::new(PHRASES, Flanks::Any);
            prop_assert_eq!(list.count(lower, &segmentation), by_definition(&PHRASES, &text, Flanks::Any));
        }
    }
}
